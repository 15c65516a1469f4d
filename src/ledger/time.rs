use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time as it is stored: microseconds since 1970, in UTC. Sub-microseconds are of no use to anybody.
pub(super) fn to_stored(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}

pub(super) fn from_stored(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_to_the_microsecond() {
        for micros in [0, 1, -1, 1_795_000_000_123_456, -11_644_473_600_000_000] {
            assert_eq!(to_stored(from_stored(micros)), micros);
        }
    }
}
