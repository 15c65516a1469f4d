use std::fmt;
use std::sync::Arc;

/// Hears every message of a session as it stood before it was sealed and after it was opened, for bug reports.
///
/// What it hears is no login and no password; but parameters and properties may be confidential too.
#[derive(Clone)]
pub struct Tap(Arc<dyn Fn(Tapped<'_>) + Send + Sync>);

/// One message.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Tapped<'a> {
    /// The number of the request within its session, from 1; its answer has the same.
    pub number: u64,
    /// Where it goes.
    pub direction: Direction,
    /// What was asked, in words.
    pub operation: &'a str,
    /// The message: in UTF-8 what is sent, as the host has it what is received.
    pub body: &'a [u8],
}

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the host.
    Sent,
    /// From the host.
    Received,
}

impl Tap {
    /// Wraps a function that is called with each message, and that must not block.
    pub fn new(hear: impl Fn(Tapped<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn sent(&self, number: u64, operation: &str, body: &[u8]) {
        (self.0)(Tapped { number, direction: Direction::Sent, operation, body });
    }

    pub(super) fn received(&self, number: u64, operation: &str, body: &[u8]) {
        (self.0)(Tapped { number, direction: Direction::Received, operation, body });
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tap")
    }
}
