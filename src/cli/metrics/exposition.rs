//! The text format of Prometheus (version 0.0.4): families of samples, written; and single samples, read.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use jiff::Timestamp;

/// The media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that grows by families.
#[derive(Default)]
pub(super) struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family. Without a sample nothing is said of it.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> Family<'_> {
        Family { text: &mut self.text, name, kind, help, is_begun: false }
    }

    /// Returns the text.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// What may become of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, while the run lasts.
    Counter,
}

/// A family of samples.
pub(super) struct Family<'t> {
    text: &'t mut String,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    is_begun: bool,
}

impl Family<'_> {
    /// Adds a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Into<Number>) -> &mut Self {
        if !self.is_begun {
            self.is_begun = true;
            let kind = match self.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            let (name, help) = (self.name, escaped(self.help, Where::Help));
            _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        }
        let value: Number = value.into();
        _ = writeln!(self.text, "{}", Line { name: self.name, labels, value });
        self
    }

    /// Adds a sample where there is one.
    pub(super) fn maybe(&mut self, labels: &[(&str, &str)], value: Option<impl Into<Number>>) -> &mut Self {
        if let Some(value) = value {
            self.sample(labels, value);
        }
        self
    }
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(f64);

impl From<usize> for Number {
    #[expect(clippy::cast_precision_loss, reason = "the format knows floating point numbers alone")]
    fn from(number: usize) -> Self {
        Self(number as f64)
    }
}

impl From<u64> for Number {
    #[expect(clippy::cast_precision_loss, reason = "the format knows floating point numbers alone")]
    fn from(number: u64) -> Self {
        Self(number as f64)
    }
}

impl From<u8> for Number {
    fn from(number: u8) -> Self {
        Self(number.into())
    }
}

impl From<bool> for Number {
    fn from(is: bool) -> Self {
        Self(u8::from(is).into())
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self(number)
    }
}

/// Seconds since 1970, to the millisecond.
impl From<Timestamp> for Number {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age of the world fit")]
    fn from(at: Timestamp) -> Self {
        Self(at.as_millisecond() as f64 / 1000.0)
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            f.write_str("NaN")
        } else if self.0.is_infinite() {
            f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            self.0.fmt(f)
        }
    }
}

struct Line<'a> {
    name: &'a str,
    labels: &'a [(&'a str, &'a str)],
    value: Number,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (index, (label, value)) in self.labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(f, "{before}{label}=\"{}\"", escaped(value, Where::Label))?;
        }
        let after = if self.labels.is_empty() { "" } else { "}" };
        write!(f, "{after} {}", self.value)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Help,
    Label,
}

fn escaped(text: &str, place: Where) -> Cow<'_, str> {
    let acts = |c: char| matches!(c, '\\' | '\n') || (c == '"' && place == Where::Label);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            c if acts(c) => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// A sample that was written before.
#[derive(Debug, PartialEq)]
pub(super) struct Sample<'t> {
    pub(super) name: &'t str,
    pub(super) labels: Vec<(&'t str, String)>,
    pub(super) value: f64,
}

impl<'t> Sample<'t> {
    /// Reads a line as it is written here; anything else is none.
    pub(super) fn read(line: &'t str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                let (label, after) = rest.split_once("=\"")?;
                let (value, after) = unescaped(after)?;
                labels.push((label, value));
                match after.strip_prefix(',') {
                    Some(next) => rest = next,
                    None => break rest = after.strip_prefix('}')?,
                }
            }
        }
        let value = rest.strip_prefix(' ')?.parse().ok()?;
        (!name.is_empty() && !name.starts_with('#')).then_some(Self { name, labels, value })
    }

    /// Returns the value of a label.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value as a time.
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        let milliseconds = (self.value * 1000.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "out of bounds it is no time")]
        let milliseconds = (milliseconds.abs() < 1e15).then_some(milliseconds as i64)?;
        Timestamp::from_millisecond(milliseconds).ok()
    }
}

/// Returns a value up to the quote that ends it, and what is behind that.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                _ => return None,
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_family_says_what_it_is_once_and_nothing_where_it_is_empty() {
        let mut page = Exposition::default();
        page.family("a_total", Kind::Counter, "All \\ of\nit.")
            .sample(&[], 1_usize)
            .sample(&[("x", "y")], 2_u64);
        page.family("b", Kind::Gauge, "Nothing.").maybe(&[], None::<u8>);
        page.family("c_seconds", Kind::Gauge, "Since.").sample(&[("p", "a\"b\\c\nd"), ("q", "")], 1.5);
        assert_eq!(
            page.finish(),
            "# HELP a_total All \\\\ of\\nit.\n# TYPE a_total counter\na_total 1\na_total{x=\"y\"} 2\n\
             # HELP c_seconds Since.\n# TYPE c_seconds gauge\nc_seconds{p=\"a\\\"b\\\\c\\nd\",q=\"\"} 1.5\n"
        );
    }

    #[test]
    fn what_is_no_sample_is_not_read() {
        for line in
            ["", "# HELP a b", "a", "a{", "a{x} 1", "a{x=\"y} 1", "a{x=\"y\"}", "a{x=\"\\y\"} 1", "a x", " 1"]
        {
            assert_eq!(Sample::read(line), None, "{line}");
        }
    }

    #[test]
    fn a_value_that_is_no_time_is_none() {
        for value in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert_eq!(Sample { name: "a", labels: Vec::new(), value }.timestamp(), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_sample_reads_back(values in proptest::collection::vec(any::<String>(), 0..3), number in any::<f64>()) {
            let names = ["plan", "host", "state"];
            let labels: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            let line = Line { name: "refpoint_x", labels: &labels, value: Number(number) }.to_string();
            prop_assert!(!line.contains('\n'));
            let sample = Sample::read(&line).unwrap();
            prop_assert_eq!(sample.value.to_bits() == number.to_bits() || number.is_nan(), true);
            let read: Vec<_> = sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            prop_assert_eq!(read, labels);
        }

        #[test]
        fn no_line_is_too_strange_to_be_read(line in any::<String>()) {
            let _ = Sample::read(&line).and_then(|sample| sample.timestamp());
        }
    }
}
