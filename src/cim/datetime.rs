//! Points in time and intervals, in every spelling that hosts use.
//!
//! | spelling | point in time | interval | where |
//! |---|---|---|---|
//! | DMTF ([DSP0004] 5.2.4) | `20261005042350.000000-000` | `00000000000500.000000:000` | WMI paths, WQL, MOF, CIM-XML text |
//! | XML Schema | `2026-10-05T04:23:50Z` | `P0DT0H5M0S` | the wire, JSON |
//!
//! [DSP0004]: https://www.dmtf.org/standards/published_documents/DSP0004_2.8.0.pdf

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::error::Error;

/// A value of the CIM type `datetime`: a point in time or an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DateTime {
    /// A point in time.
    Absolute(Timestamp),
    /// A length of time.
    Interval(Interval),
}

/// A point in time with the offset from UTC at which it was written.
///
/// Two timestamps are ordered by the instant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// INVARIANT: the local date (this plus the offset) lies in the years 0001 to 9999.
    seconds: i64,
    nanoseconds: u32,
    offset_minutes: i16,
}

/// A length of time, never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Interval {
    seconds: u64,
    nanoseconds: u32,
}

impl DateTime {
    /// Returns the DMTF spelling; `None` for an interval of more than 99,999,999 days.
    pub fn to_dmtf(self) -> Option<String> {
        match self {
            Self::Absolute(timestamp) => Some(timestamp.to_dmtf()),
            Self::Interval(interval) => interval.to_dmtf(),
        }
    }

    /// Returns the point in time, if it is one.
    pub fn as_timestamp(self) -> Option<Timestamp> {
        match self {
            Self::Absolute(timestamp) => Some(timestamp),
            Self::Interval(_) => None,
        }
    }

    /// Returns the interval, if it is one.
    pub fn as_interval(self) -> Option<Interval> {
        match self {
            Self::Absolute(_) => None,
            Self::Interval(interval) => Some(interval),
        }
    }
}

/// The XML Schema spelling.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(timestamp) => timestamp.fmt(f),
            Self::Interval(interval) => interval.fmt(f),
        }
    }
}

/// Any spelling.
impl FromStr for DateTime {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        match text.as_bytes() {
            [b'P' | b'-', ..] => text.parse().map(Self::Interval),
            [.., b':', b'0', b'0', b'0'] if text.len() == DMTF_LENGTH => {
                Interval::from_dmtf(text).map(Self::Interval)
            }
            _ if text.len() == DMTF_LENGTH && text.as_bytes()[14] == b'.' => {
                Timestamp::from_dmtf(text).map(Self::Absolute)
            }
            _ => text.parse().map(Self::Absolute),
        }
    }
}

impl Timestamp {
    /// Returns the timestamp of a UTC instant, seconds counted from 1970; `None` outside the years 0001
    /// to 9999 or for an impossible fraction or offset.
    pub fn new(seconds: i64, nanoseconds: u32, offset_minutes: i16) -> Option<Self> {
        let local = seconds.checked_add(i64::from(offset_minutes) * 60)?;
        let in_range = (FIRST_SECOND..=LAST_SECOND).contains(&local);
        (in_range && nanoseconds < NANOSECONDS && offset_minutes.abs() <= MOST_OFFSET).then_some(Self {
            seconds,
            nanoseconds,
            offset_minutes,
        })
    }

    /// Returns the point in time that a date and a time of day mean together, both in the spelling of XML
    /// Schema: `cim:Date` and `cim:Time` ([DSP0230] "datetime"). The offset may stand behind either of them;
    /// behind both it has to be the same.
    ///
    /// [DSP0230]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0230_1.1.0.pdf
    pub fn from_date_and_time(date: &str, time: &str) -> Result<Self, Error> {
        let refuse = || Error::value(TIMESTAMP, &format!("{} and {}", date.trim(), time.trim()));
        let (day, of_date) = date.trim().split_at_checked("0000-00-00".len()).ok_or_else(refuse)?;
        let time = time.trim();
        let at = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let (of_day, of_time) = time.split_at(at);
        let offset = match (of_date, of_time) {
            ("", offset) | (offset, "") => offset,
            (one, other) if one == other => one,
            _ => return Err(refuse()),
        };
        format!("{day}T{of_day}{offset}").parse().map_err(|_| refuse())
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Returns the part of a second beyond [`unix_seconds`](Self::unix_seconds), in nanoseconds.
    pub fn subsecond_nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Returns the offset from UTC, in minutes, at which the timestamp is written.
    pub fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }

    /// Returns whether this is the date before which no Windows event lies, which WMI uses for "never".
    pub fn is_never(self) -> bool {
        self.seconds == NEVER
    }

    /// Returns the DMTF spelling, cut to microseconds.
    pub fn to_dmtf(self) -> String {
        let [year, month, day, hour, minute, second] = self.local();
        let (sign, offset) = match self.offset_minutes {
            // WMI writes UTC as -000.
            0 => ('-', 0),
            offset => (if offset < 0 { '-' } else { '+' }, offset.abs()),
        };
        let micros = self.nanoseconds / 1000;
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.{micros:06}{sign}{offset:03}")
    }

    fn from_dmtf(text: &str) -> Result<Self, Error> {
        let refuse = || Error::value(TIMESTAMP, text);
        let mut scan = Scan(text);
        let fields = scan.fields([4, 2, 2, 2, 2, 2]).ok_or_else(refuse)?;
        scan.literal(".").ok_or_else(refuse)?;
        let micros = scan.micros().ok_or_else(refuse)?;
        let sign = if scan.literal("-").is_some() { -1 } else { 1 };
        if sign == 1 {
            scan.literal("+").ok_or_else(refuse)?;
        }
        let offset = if scan.literal("***").is_some() { 0 } else { scan.digits(3).ok_or_else(refuse)? };
        let offset = i16::try_from(offset).map_err(|_| refuse())? * sign;
        from_civil(fields, micros * 1000, offset).ok_or_else(refuse)
    }

    fn local(self) -> [i64; 6] {
        let seconds = self.seconds + i64::from(self.offset_minutes) * 60;
        let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        [year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60]
    }
}

/// The XML Schema (and RFC 3339) spelling: `2026-10-05T04:23:50Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, day, hour, minute, second] = self.local();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        write_fraction(f, self.nanoseconds)?;
        match self.offset_minutes {
            0 => f.write_str("Z"),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
        }
    }
}

/// The XML Schema spelling; a date alone is its midnight, a missing offset is UTC.
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = (|| {
            let mut scan = Scan(text);
            let year = scan.digits(4)?;
            scan.literal("-")?;
            let month = scan.digits(2)?;
            scan.literal("-")?;
            let day = scan.digits(2)?;
            let (mut time, mut nanoseconds) = ([0; 3], 0);
            if scan.literal("T").is_some() {
                time[0] = scan.digits(2)?;
                scan.literal(":")?;
                time[1] = scan.digits(2)?;
                scan.literal(":")?;
                time[2] = scan.digits(2)?;
                nanoseconds = scan.fraction()?;
            }
            let offset = scan.offset()?;
            // Midnight at the end of a day may be called 24:00:00 ([XML Schema] 3.2.7).
            let is_end_of_day = time == [24, 0, 0] && nanoseconds == 0;
            let hour = if is_end_of_day { 0 } else { time[0] };
            let parsed = from_civil([year, month, day, hour, time[1], time[2]], nanoseconds, offset)?;
            let days = i64::from(is_end_of_day);
            (scan.0.is_empty()).then(|| Self::new(parsed.seconds + days * DAY, nanoseconds, offset)).flatten()
        })();
        parsed.ok_or_else(|| Error::value(TIMESTAMP, text))
    }
}

impl Interval {
    /// Returns an interval.
    pub fn new(duration: Duration) -> Self {
        Self { seconds: duration.as_secs(), nanoseconds: duration.subsec_nanos() }
    }

    /// Returns the interval as the standard library's duration.
    pub fn as_duration(self) -> Duration {
        Duration::new(self.seconds, self.nanoseconds)
    }

    /// Returns the DMTF spelling, cut to microseconds; `None` for more than 99,999,999 days.
    pub fn to_dmtf(self) -> Option<String> {
        let [days, hours, minutes, seconds] = self.parts();
        let micros = self.nanoseconds / 1000;
        (days <= 99_999_999).then(|| format!("{days:08}{hours:02}{minutes:02}{seconds:02}.{micros:06}:000"))
    }

    /// Returns the spelling that WinRM clients use in headers: `PT60.000S`, cut to milliseconds.
    pub fn to_seconds(self) -> String {
        format!("PT{}.{:03}S", self.seconds, self.nanoseconds / 1_000_000)
    }

    fn from_dmtf(text: &str) -> Result<Self, Error> {
        let refuse = || Error::value(INTERVAL, text);
        let mut scan = Scan(text);
        let [days, hours, minutes, seconds] = scan.fields([8, 2, 2, 2]).ok_or_else(refuse)?;
        scan.literal(".").ok_or_else(refuse)?;
        let micros = scan.micros().ok_or_else(refuse)?;
        scan.literal(":000").ok_or_else(refuse)?;
        if hours > 23 || minutes > 59 || seconds > 59 {
            return Err(refuse());
        }
        let seconds = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
        Ok(Self { seconds: seconds.unsigned_abs(), nanoseconds: micros * 1000 })
    }

    fn parts(self) -> [u64; 4] {
        let seconds = self.seconds;
        [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
    }
}

/// The XML Schema spelling that Windows uses: `P0DT0H5M0S`.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [days, hours, minutes, seconds] = self.parts();
        write!(f, "P{days}DT{hours}H{minutes}M{seconds}")?;
        write_fraction(f, self.nanoseconds)?;
        f.write_str("S")
    }
}

/// The XML Schema spelling. Years and months have no fixed length and must be zero (DSP0226 5.1.1).
impl FromStr for Interval {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = (|| {
            let mut scan = Scan(text);
            scan.literal("P")?;
            let (mut seconds, mut nanoseconds) = (0_u64, 0);
            let (mut units, mut in_time) = ("YMD", false);
            // At least one part must stand after T, and after P; but OMI writes no time at all as a bare P.
            let mut any = scan.0.is_empty();
            while !scan.0.is_empty() {
                if !in_time && scan.literal("T").is_some() {
                    (units, in_time) = ("HMS", true);
                }
                let count = scan.number()?;
                let fraction = if in_time { scan.fraction()? } else { 0 };
                let unit = scan.0.chars().next()?;
                scan.literal(unit.encode_utf8(&mut [0; 4]))?;
                let at = units.find(unit)?;
                units = &units[at + 1..];
                let length = match (unit, in_time) {
                    ('Y' | 'M', false) if count == 0 => 0,
                    ('D', false) => 86_400,
                    ('H', true) => 3600,
                    ('M', true) => 60,
                    ('S', true) => 1,
                    _ => return None,
                };
                if unit == 'S' {
                    nanoseconds = fraction;
                } else if fraction != 0 {
                    return None;
                }
                seconds = count.checked_mul(length).and_then(|more| seconds.checked_add(more))?;
                any = true;
            }
            any.then_some(Self { seconds, nanoseconds })
        })();
        parsed.ok_or_else(|| Error::value(INTERVAL, text))
    }
}

const TIMESTAMP: &str = "a point in time";
const INTERVAL: &str = "an interval";
const DMTF_LENGTH: usize = 25;
/// 14 hours, beyond which XML Schema knows no offset (XML Schema 3.2.7.3).
const MOST_OFFSET: i16 = 14 * 60;
const NANOSECONDS: u32 = 1_000_000_000;
const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;
/// 1601-01-01T00:00:00Z, where Windows begins to count.
const NEVER: i64 = -11_644_473_600;

/// A cursor over ASCII fields.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.0.as_bytes().get(..count)?;
        let number = digits
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))?;
        // All of it was ASCII, so the cut lies between characters.
        self.0 = &self.0[count..];
        Some(number)
    }

    /// Reads the six digits of microseconds. Asterisks behind the last known digit mean "not known": the
    /// time is then the earliest it can be.
    fn micros(&mut self) -> Option<u32> {
        let field = self.0.as_bytes().get(..6)?;
        let known = field.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if field[known..].iter().any(|byte| *byte != b'*') {
            return None;
        }
        let digits = field[..known].iter().chain(std::iter::repeat_n(&b'0', 6 - known));
        // All of it was ASCII, so the cut lies between characters.
        self.0 = &self.0[6..];
        Some(digits.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    fn fields<const N: usize>(&mut self, lengths: [usize; N]) -> Option<[i64; N]> {
        let mut fields = [0; N];
        for (field, length) in fields.iter_mut().zip(lengths) {
            *field = self.digits(length)?;
        }
        Some(fields)
    }

    fn number(&mut self) -> Option<u64> {
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        digits.parse().ok()
    }

    /// Reads `.123` as nanoseconds, beyond which digits are cut; nothing is zero.
    fn fraction(&mut self) -> Option<u32> {
        if self.literal(".").is_none() {
            return Some(0);
        }
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let padded = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
        (length > 0).then(|| padded.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    fn offset(&mut self) -> Option<i16> {
        if self.0.is_empty() || self.literal("Z").is_some() {
            return Some(0);
        }
        let sign = if self.literal("-").is_some() { -1 } else { 1 };
        if sign == 1 {
            self.literal("+")?;
        }
        let hours = self.digits(2)?;
        self.literal(":")?;
        let minutes = self.digits(2)?;
        (hours <= 14 && minutes <= 59)
            .then(|| i16::try_from(hours * 60 + minutes).ok())
            .flatten()
            .map(|m| m * sign)
    }
}

fn from_civil(fields: [i64; 6], nanoseconds: u32, offset_minutes: i16) -> Option<Timestamp> {
    let [year, month, day, hour, minute, second] = fields;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let possible = (1..=days_in_month).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let local = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    possible
        .then(|| Timestamp::new(local - i64::from(offset_minutes) * 60, nanoseconds, offset_minutes))
        .flatten()
}

/// Counts days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap
/// day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

fn write_fraction(f: &mut fmt::Formatter<'_>, nanoseconds: u32) -> fmt::Result {
    if nanoseconds == 0 {
        return Ok(());
    }
    let digits = format!("{nanoseconds:09}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timestamp(text: &str) -> Timestamp {
        text.parse::<DateTime>().unwrap().as_timestamp().unwrap()
    }

    fn interval(text: &str) -> Interval {
        text.parse::<DateTime>().unwrap().as_interval().unwrap()
    }

    #[test]
    fn every_spelling_of_one_instant_is_that_instant() {
        for (text, seconds, nanoseconds) in [
            ("2026-10-05T04:23:50Z", 1_791_174_230, 0),
            ("20261005042350.000000-000", 1_791_174_230, 0),
            ("20261005042350.000000+000", 1_791_174_230, 0),
            ("20261005062350.000000+120", 1_791_174_230, 0),
            ("20261005042350.******+***", 1_791_174_230, 0),
            ("20261005042350.123***-000", 1_791_174_230, 123_000_000),
            ("20261005042350.00000*-000", 1_791_174_230, 0),
            ("2026-10-05T04:23:50", 1_791_174_230, 0),
            (" 2026-10-05T04:23:50Z\n", 1_791_174_230, 0),
            ("2014-04-03T14:45:50.46875+08:00", 1_396_507_550, 468_750_000),
            ("20210730025715.006743-000", 1_627_613_835, 6_743_000),
            ("2023-11-14T22:13:20.123000Z", 1_700_000_000, 123_000_000),
            ("2026-10-05", 1_791_158_400, 0),
            ("2026-10-04T24:00:00Z", 1_791_158_400, 0),
            ("2020-02-29T00:00:00+05:30", 1_582_914_600, 0),
            ("0001-01-01T00:00:00Z", FIRST_SECOND, 0),
            ("9999-12-31T23:59:59.999999999Z", LAST_SECOND, 999_999_999),
        ] {
            let found = timestamp(text);
            assert_eq!(
                (found.unix_seconds(), found.subsecond_nanoseconds()),
                (seconds, nanoseconds),
                "{text}"
            );
        }
        assert!(timestamp("1601-01-01T00:00:00Z").is_never());
        assert!(timestamp("16010101000000.000000-000").is_never());
    }

    #[test]
    fn every_spelling_of_one_interval_is_that_interval() {
        for (text, seconds, nanoseconds) in [
            ("P0DT0H5M0S", 300, 0),
            ("PT5M", 300, 0),
            ("00000000000500.000000:000", 300, 0),
            ("00000000000500.12****:000", 300, 120_000_000),
            ("00000000000500.******:000", 300, 0),
            ("PT60.000S", 60, 0),
            ("P0DT0H0M0.014947S", 0, 14_947_000),
            ("P0DT0H1M40S", 100, 0),
            ("PT3600.000S", 3600, 0),
            ("P1DT1H1M1.001000S", 90_061, 1_000_000),
            ("P12DT3H", 1_047_600, 0),
            ("PT3961315881.184S", 3_961_315_881, 184_000_000),
            ("P0Y0M1D", 86_400, 0),
            ("PT0S", 0, 0),
            ("P", 0, 0),
        ] {
            let found = interval(text).as_duration();
            assert_eq!((found.as_secs(), found.subsec_nanos()), (seconds, nanoseconds), "{text}");
        }
    }

    #[test]
    fn a_date_and_a_time_of_day_are_one_instant() {
        for (date, time) in [
            ("2026-10-05", "04:23:50Z"),
            ("2026-10-05", "04:23:50.000"),
            (" 2026-10-05Z\n", " 04:23:50 "),
            ("2026-10-05+02:00", "06:23:50"),
            ("2026-10-04-04:30", "23:53:50-04:30"),
        ] {
            let found = Timestamp::from_date_and_time(date, time).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(found.unix_seconds(), 1_791_174_230, "{date} {time}");
        }
        let end = Timestamp::from_date_and_time("2026-10-04", "24:00:00").unwrap();
        assert_eq!(end.to_string(), "2026-10-05T00:00:00Z");
        for (date, time) in [
            ("2026-10-05", ""),
            ("", "04:23:50Z"),
            ("2026-10-0", "04:23:50Z"),
            ("2026-10-05T04:23:50", "04:23:50"),
            ("2026-10-05Z", "04:23:50+02:00"),
            ("2026-10-05", "2026-10-05"),
            ("2026-10-0é", "04:23:50"),
            ("2026-10-05", "04:23"),
        ] {
            assert!(Timestamp::from_date_and_time(date, time).is_err(), "{date} {time}");
        }
    }

    #[test]
    fn each_place_gets_its_spelling() {
        let point = DateTime::Absolute(timestamp("2014-04-03T14:45:50.46875+08:00"));
        assert_eq!(point.to_string(), "2014-04-03T14:45:50.46875+08:00");
        assert_eq!(point.to_dmtf().unwrap(), "20140403144550.468750+480");
        let half_hour = DateTime::Interval(Interval::new(Duration::from_secs(1800)));
        assert_eq!(half_hour.to_string(), "P0DT0H30M0S");
        assert_eq!(half_hour.to_dmtf().unwrap(), "00000000003000.000000:000");
        assert_eq!(Interval::new(Duration::from_secs(60)).to_seconds(), "PT60.000S");
        assert_eq!(Interval::new(Duration::from_secs(100_000_000 * 86_400)).to_dmtf(), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "PT",
            "P1DT",
            "P1Y",
            "P1M",
            "-PT5M",
            "PT5",
            "PT1M1H",
            "P1H",
            "PT1.5M",
            "PT.5S",
            "PT1.S",
            "PT99999999999999999999S",
            "P213503982334602D",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-02-28T24:00:01Z",
            "2026-02-28T23:60:00Z",
            "2026-02-28T23:00:60Z",
            "2026-02-28T23:00Z",
            "2026-02-28T23:00:00.Z",
            "2026-02-28T23:00:00+15:00",
            "2026-02-28 23:00:00",
            "0000-01-01T00:00:00Z",
            "04:23:50",
            "20261005042350.000000",
            "20261005042350.0*0000-000",
            "20261005042350.*00000-000",
            "20261005042350.123**-000",
            "00000000000500.12*456:000",
            "20261305042350.000000-000",
            // An offset that only one of the two spellings could hold.
            "20261005042350.000000-999",
            "20261005042350.000000+841",
            "2026-02-28T23:00:00+14:01",
            "00000000240000.000000:000",
            "00000000006000.000000:000",
            "２０26-10-05T04:23:50Z",
            "0001-01-01T00:00:00+01:00x",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text:?}");
        }
    }

    fn timestamps() -> impl Strategy<Value = Timestamp> {
        (FIRST_SECOND + 60_000..=LAST_SECOND - 60_000, 0..NANOSECONDS, -840_i16..=840)
            .prop_map(|(seconds, nanoseconds, offset)| Timestamp::new(seconds, nanoseconds, offset).unwrap())
    }

    proptest! {
        #[test]
        fn timestamps_survive_both_spellings(point in timestamps()) {
            prop_assert_eq!(timestamp(&point.to_string()), point);
            let micros = point.nanoseconds / 1000 * 1000;
            prop_assert_eq!(timestamp(&point.to_dmtf()), Timestamp { nanoseconds: micros, ..point });
        }

        #[test]
        fn intervals_survive_both_spellings(seconds in 0..99_999_999_u64 * 86_400, nanoseconds in 0..NANOSECONDS) {
            let length = Interval { seconds, nanoseconds };
            prop_assert_eq!(interval(&length.to_string()), length);
            let micros = nanoseconds / 1000 * 1000;
            prop_assert_eq!(interval(&length.to_dmtf().unwrap()), Interval { seconds, nanoseconds: micros });
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+*:.0-9PTYMDHSZ]{0,30}|\\PC{0,30}") {
            let _ = text.parse::<DateTime>();
        }
    }
}
