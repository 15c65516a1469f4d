use jiff::Timestamp;
use serde::Serialize;

use super::report::{JobReport, PointReport, Report};

/// Something that has happened, as views, scripts and the ledger hear of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The version of this shape.
    pub schema: &'static str,
    /// When.
    pub at: Timestamp,
    /// The host as it was named.
    pub host: String,
    /// The machine or group as it was named.
    pub unit: String,
    /// What.
    #[serde(flatten)]
    pub what: News,
}

impl Event {
    /// Returns what has happened to a machine or group on a host, both as they were named.
    pub fn new(at: Timestamp, host: String, unit: String, what: News) -> Self {
        Self { schema: SCHEMA, at, host, unit, what }
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum News {
    /// Work on it begins.
    UnitStarted,
    /// We are logged in.
    Connected {
        /// How.
        scheme: String,
        /// Whether messages are sealed by the login.
        sealed: bool,
    },
    /// It is about to be asked for, and that is written down.
    Intent {
        /// Where the host is to write.
        directory: String,
        /// What is exported.
        point: PointReport,
        /// Relative to what.
        base: Option<PointReport>,
    },
    /// What a run before this one began has been found, and is followed.
    Adopted {
        /// The job.
        job: JobReport,
    },
    /// The host has begun a job.
    JobStarted {
        /// The job.
        job: JobReport,
    },
    /// The job has moved.
    Progress {
        /// Its state's number.
        state: u32,
        /// How far it says it is.
        percent: Option<u16>,
    },
    /// The job has not moved for a while.
    Stalled {
        /// Since when.
        since: Timestamp,
    },
    /// Something passing went wrong, and is tried again.
    Retry {
        /// What.
        cause: String,
        /// After how many seconds.
        after: f64,
    },
    /// Something that a person should know.
    Warning {
        /// What.
        message: String,
    },
    /// It has ended.
    UnitFinished {
        /// How.
        export: Box<Report>,
    },
}

/// The version of the shape of [`Event`].
const SCHEMA: &str = "refpoint.event/1";
