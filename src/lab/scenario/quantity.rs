//! Sizes, durations and times as people write them.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{Error, Visitor};

use crate::cim::Timestamp;

/// Reads a number of bytes: `4096`, `"40GiB"`, `"10 GB"`.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Quantity::<u64>(PhantomData))
}

/// Reads how many there are, of no more than can be simulated.
pub(super) fn count<'de, D: Deserializer<'de>, const MOST: u32>(deserializer: D) -> Result<u32, D::Error> {
    let count = <u64 as serde::Deserialize>::deserialize(deserializer)?;
    let fits = u32::try_from(count).ok().filter(|count| *count <= MOST);
    fits.ok_or_else(|| D::Error::custom(format!("expected at most {MOST}, found {count}")))
}

/// Reads a duration: seconds as a number, or `"250ms"`, `"5s"`, `"2m"`, `"1h"`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_any(Quantity::<Duration>(PhantomData))
}

/// Reads a duration that may be left out.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// Reads a point in time: `"2026-11-20T10:00:00Z"`.
pub(super) fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

/// Reads a point in time that may be left out.
pub(super) fn some_timestamp<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    timestamp(deserializer).map(Some)
}

/// What a number with a unit can mean.
trait Measure: Sized {
    const EXPECTED: &'static str;
    const UNITS: &'static [(&'static str, f64)];

    fn of(amount: f64) -> Option<Self>;
}

impl Measure for u64 {
    const EXPECTED: &'static str = "a number of bytes, like 4096 or \"40GiB\"";
    const UNITS: &'static [(&'static str, f64)] = &[
        ("", 1.0),
        ("B", 1.0),
        ("KB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
    ];

    fn of(amount: f64) -> Option<Self> {
        // Everything below 2^53 is exact, and no disk is larger.
        let fits = (0.0..9_007_199_254_740_992.0).contains(&amount);
        fits.then(|| format!("{amount:.0}").parse().ok()).flatten()
    }
}

impl Measure for Duration {
    const EXPECTED: &'static str = "a duration, like 5, \"250ms\", \"2m\" or \"1h\"";
    const UNITS: &'static [(&'static str, f64)] =
        &[("", 1.0), ("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

    fn of(amount: f64) -> Option<Self> {
        Duration::try_from_secs_f64(amount).ok()
    }
}

struct Quantity<T>(PhantomData<T>);

impl<T: Measure> Quantity<T> {
    fn of<E: Error>(amount: f64) -> Result<T, E> {
        T::of(amount).ok_or_else(|| E::custom(format!("expected {}, found {amount}", T::EXPECTED)))
    }
}

impl<T: Measure> Visitor<'_> for Quantity<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: Error>(self, amount: i64) -> Result<T, E> {
        #[expect(clippy::cast_precision_loss, reason = "what is that large is refused")]
        Self::of(amount as f64)
    }

    fn visit_f64<E: Error>(self, amount: f64) -> Result<T, E> {
        Self::of(amount)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let refuse = || E::custom(format!("expected {}, found {text:?}", T::EXPECTED));
        let text = text.trim();
        let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let unit = unit.trim();
        let (_, factor) =
            T::UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(refuse)?;
        number.parse::<f64>().ok().and_then(|number| T::of(number * factor)).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Written {
        #[serde(deserialize_with = "size")]
        size: u64,
        #[serde(deserialize_with = "duration")]
        takes: Duration,
    }

    #[test]
    fn quantities_are_read_as_people_write_them() {
        let read = |size: &str, takes: &str| {
            toml::from_str::<Written>(&format!("size = {size}\ntakes = {takes}"))
                .map(|written| (written.size, written.takes))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("4096", "5"), Ok((4096, Duration::from_secs(5))));
        assert_eq!(read("\"40GiB\"", "\"250ms\""), Ok((40 << 30, Duration::from_millis(250))));
        assert_eq!(read("\"1.5 GB\"", "0.5"), Ok((1_500_000_000, Duration::from_millis(500))));
        assert_eq!(read("\"2TiB\"", "\"2m\""), Ok((2 << 40, Duration::from_secs(120))));
        for (size, takes) in
            [("-1", "5"), ("\"much\"", "5"), ("1", "\"soon\""), ("1", "-3"), ("\"1 XB\"", "1")]
        {
            let error = read(size, takes).unwrap_err();
            assert!(error.contains("expected a") && error.contains("line "), "{error}");
        }
    }
}
