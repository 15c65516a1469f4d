//! Standard error that is the journal's: lines with their priority, which the journal knows the time of.

use std::io::{self, Stderr, Write};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How much a line matters, as sd-daemon(3) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Priority {
    /// Returns what stands before a line.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Error => "<3>",
            Self::Warning => "<4>",
            Self::Notice => "<5>",
            Self::Info => "<6>",
            Self::Debug => "<7>",
        }
    }
}

impl From<&Level> for Priority {
    fn from(level: &Level) -> Self {
        match *level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warning,
            Level::INFO => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// Returns whether standard error goes to the journal: systemd says of which socket that is true, and what
/// was redirected since is another one.
#[cfg(unix)]
pub(crate) fn has_standard_error() -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let Ok(own) = io::stderr().as_fd().try_clone_to_owned() else { return false };
    std::fs::File::from(own).metadata().is_ok_and(|facts| is_of(&stream, facts.dev(), facts.ino()))
}

/// There is no journal elsewhere.
#[cfg(not(unix))]
pub(crate) fn has_standard_error() -> bool {
    false
}

#[cfg(unix)]
fn is_of(stream: &str, device: u64, inode: u64) -> bool {
    let Some((on, number)) = stream.split_once(':') else { return false };
    (on.parse(), number.parse()) == (Ok(device), Ok(inode))
}

/// Writes what the library says of itself, each line with its priority.
#[derive(Debug)]
pub(crate) struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Prefixed<Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        Prefixed { out: io::stderr(), priority: Priority::Info }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Prefixed { out: io::stderr(), priority: meta.level().into() }
    }
}

/// A writer of one event.
#[derive(Debug)]
pub(crate) struct Prefixed<W> {
    out: W,
    priority: Priority,
}

impl<W: Write> Write for Prefixed<W> {
    /// Takes whole lines, as events come.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut text = Vec::with_capacity(bytes.len() + 8);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(self.priority.prefix().as_bytes());
            text.extend_from_slice(line);
        }
        // In one piece, so that lines of others do not come in between.
        self.out.write_all(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_the_very_stream_is_the_journal_s() {
        assert!(is_of("8:1234", 8, 1234));
        for other in ["", "8", "8:", ":1234", "8:1235", "9:1234", "8:1234:1", "8:0x4d2", "8: 1234"] {
            assert!(!is_of(other, 8, 1234), "{other}");
        }
    }

    #[test]
    fn every_line_of_an_event_has_its_priority() {
        let mut out = Vec::new();
        let mut event = Prefixed { out: &mut out, priority: (&Level::WARN).into() };
        event.write_all(b"one\ntwo\n").unwrap();
        assert_eq!(out, b"<4>one\n<4>two\n");
    }

    #[test]
    fn priorities_are_those_of_the_journal() {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(levels.map(|level| Priority::from(&level).prefix()), ["<3>", "<4>", "<6>", "<7>", "<7>"]);
    }
}
