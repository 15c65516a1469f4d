//! How long work takes on a host.

use std::time::Duration;

use serde::Deserialize;

use super::quantity;

/// The table `[speed]`: how long each kind of job takes, in the host's time.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Speeds {
    /// An export of a point, a collection or a machine.
    pub export: Pace,
    /// Making a point.
    #[serde(deserialize_with = "quantity::duration")]
    pub create_point: Duration,
    /// Destroying one, dropping its log, importing its metadata.
    #[serde(deserialize_with = "quantity::duration")]
    pub change_point: Duration,
    /// Taking or deleting a checkpoint.
    #[serde(deserialize_with = "quantity::duration")]
    pub checkpoint: Duration,
    /// Turning a checkpoint into a point.
    #[serde(deserialize_with = "quantity::duration")]
    pub convert: Duration,
    /// Merging disks when a checkpoint has gone.
    #[serde(deserialize_with = "quantity::duration")]
    pub merge: Duration,
    /// Starting, saving or stopping a machine.
    #[serde(deserialize_with = "quantity::duration")]
    pub machine: Duration,
    /// Stopping a job that was asked to.
    #[serde(deserialize_with = "quantity::duration")]
    pub cancel: Duration,
    /// Starting the management service anew; until then methods answer that it is not available.
    #[serde(deserialize_with = "quantity::duration")]
    pub restart: Duration,
}

/// How long an export takes: so many bytes a second, or a fixed time.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pace {
    /// `{ bytes_per_second = "200MB" }`
    #[serde(deserialize_with = "quantity::size")]
    BytesPerSecond(u64),
    /// `{ seconds = 3 }`
    #[serde(rename = "seconds", deserialize_with = "quantity::duration")]
    Fixed(Duration),
}

impl Pace {
    /// Returns how long a number of bytes takes.
    pub fn time_for(self, bytes: u64) -> Duration {
        match self {
            Self::Fixed(duration) => duration,
            Self::BytesPerSecond(rate) => {
                let milliseconds = u128::from(bytes) * 1000 / u128::from(rate.max(1));
                Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
            }
        }
    }
}

impl Default for Speeds {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            export: Pace::Fixed(seconds(4)),
            create_point: seconds(1),
            change_point: Duration::from_millis(500),
            checkpoint: seconds(1),
            convert: seconds(1),
            merge: seconds(2),
            machine: seconds(1),
            cancel: Duration::from_millis(500),
            restart: seconds(5),
        }
    }
}
