use std::time::Duration;

use tokio::time::Instant;

use crate::auth::FileTime;
use crate::cim::Timestamp;

/// The time of day: that of the start, moved on by the runtime's clock, so that a paused clock stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    started: Instant,
    since_epoch: Duration,
}

impl Clock {
    /// Starts at a time since 1970.
    pub(super) fn start(since_epoch: Duration) -> Self {
        Self { started: Instant::now(), since_epoch }
    }

    /// Returns the time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the time since 1970, wrong by so many seconds.
    pub(super) fn skewed(&self, seconds: i64) -> Duration {
        let now = self.since_epoch + self.elapsed();
        let skew = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { now.saturating_sub(skew) } else { now + skew }
    }

    pub(super) fn file_time(&self, skew: i64) -> FileTime {
        FileTime::from_unix(self.skewed(skew))
    }

    /// Returns the time as RFC 3339 writes it, with microseconds.
    pub(super) fn rfc_3339(&self) -> String {
        let now = self.skewed(0);
        let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
        let timestamp = Timestamp::new(seconds, now.subsec_micros() * 1000, 0);
        timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default()
    }

    /// Returns the time as it stands in HTTP's `Date`, [RFC 9110] 5.6.7.
    pub(super) fn http_date(&self, skew: i64) -> String {
        http_date(self.skewed(skew).as_secs())
    }
}

fn http_date(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::new(seconds, 0, 0));
    let text = timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().unwrap_or(1);
    let (day_name, month) = (DAYS[(seconds / 86_400 % 7) as usize], MONTHS[(month - 1) % 12]);
    format!("{day_name}, {} {month} {} {} GMT", part(8..10), part(0..4), part(11..19))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_wants_it() {
        // The example of the specification.
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(1_709_210_096), "Thu, 29 Feb 2024 12:34:56 GMT");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_day_follows_the_paused_clock_and_the_skew() {
        let clock = Clock::start(Duration::from_millis(1_000_500));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.rfc_3339(), "1970-01-01T00:17:40.5Z");
        assert_eq!(clock.skewed(-1060), Duration::from_millis(500));
        assert_eq!(clock.http_date(3600), "Thu, 01 Jan 1970 01:17:40 GMT");
    }
}
