use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde::Deserialize;

/// The hours in which a run may work, each day anew: `from = "22:00"`, `until = "06:00"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When it opens.
    pub from: Time,
    /// When it closes; before `from`, it is the next morning.
    pub until: Time,
    /// In which zone, `Europe/Berlin`; that of the machine where none is named.
    pub zone: Option<String>,
}

/// Why there is no work now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It is closed.
    #[error("the window is closed: it is {now}, and it is open from {from} until {until}")]
    Closed {
        /// What time it is.
        now: Time,
        /// When it opens.
        from: Time,
        /// When it closes.
        until: Time,
    },
    /// Nobody knows that zone.
    #[error("this machine does not know the time zone {0:?}")]
    Zone(String),
    /// It is never open.
    #[error("the window opens and closes at {0}: leave it out to work at all hours")]
    Empty(Time),
    /// The end cannot be expressed.
    #[error("the window ends beyond the calendar")]
    Calendar,
}

impl Window {
    /// Returns when the window closes that is open now.
    pub fn closes(&self, now: &Zoned) -> Result<Zoned, WindowError> {
        if self.from == self.until {
            return Err(WindowError::Empty(self.from));
        }
        let now = match &self.zone {
            None => now.clone(),
            Some(name) => {
                let zone = TimeZone::get(name).map_err(|_| WindowError::Zone(name.clone()))?;
                now.with_time_zone(zone)
            }
        };
        let time = now.time();
        let is_over_night = self.until < self.from;
        let is_open = match is_over_night {
            false => (self.from..self.until).contains(&time),
            true => time >= self.from || time < self.until,
        };
        if !is_open {
            let now = time.round(jiff::Unit::Minute).unwrap_or(time);
            return Err(WindowError::Closed { now, from: self.from, until: self.until });
        }
        let day = match is_over_night && time >= self.from {
            true => now.date().checked_add(1.day()).map_err(|_| WindowError::Calendar)?,
            false => now.date(),
        };
        day.to_datetime(self.until).to_zoned(now.time_zone().clone()).map_err(|_| WindowError::Calendar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, until: &str, zone: Option<&str>) -> Window {
        Window { from: from.parse().unwrap(), until: until.parse().unwrap(), zone: zone.map(str::to_owned) }
    }

    fn closes(window: &Window, now: &str) -> Result<String, WindowError> {
        window.closes(&now.parse().unwrap()).map(|end| end.timestamp().to_string())
    }

    #[test]
    fn a_window_over_midnight_closes_in_the_morning() {
        let night = window("22:00", "06:00", None);
        for now in ["2026-11-21T22:00[UTC]", "2026-11-21T23:59:59[UTC]", "2026-11-22T05:59:59[UTC]"] {
            assert_eq!(closes(&night, now).unwrap(), "2026-11-22T06:00:00Z", "{now}");
        }
        for now in ["2026-11-21T21:59:59[UTC]", "2026-11-22T06:00[UTC]", "2026-11-22T12:00[UTC]"] {
            assert!(matches!(closes(&night, now), Err(WindowError::Closed { .. })), "{now}");
        }
    }

    #[test]
    fn a_window_within_a_day_closes_that_day() {
        let noon = window("11:00", "13:30", None);
        assert_eq!(closes(&noon, "2026-11-21T12:00[UTC]").unwrap(), "2026-11-21T13:30:00Z");
        assert!(closes(&noon, "2026-11-21T13:30[UTC]").is_err());
        assert_eq!(
            closes(&window("01:00", "01:00", None), "2026-11-21T01:00[UTC]").unwrap_err(),
            WindowError::Empty("01:00".parse().unwrap())
        );
    }

    #[test]
    fn the_hours_are_those_of_the_zone_on_that_day() {
        let night = window("22:00", "06:00", Some("Europe/Berlin"));
        assert_eq!(closes(&night, "2026-11-21T23:00[UTC]").unwrap(), "2026-11-22T05:00:00Z");
        // The night in which clocks are put forward.
        assert_eq!(closes(&night, "2026-03-28T23:00[UTC]").unwrap(), "2026-03-29T04:00:00Z");
        let nowhere = window("22:00", "06:00", Some("Europe/Nowhere"));
        assert_eq!(
            closes(&nowhere, "2026-11-21T23:00[UTC]"),
            Err(WindowError::Zone("Europe/Nowhere".to_owned()))
        );
    }
}
