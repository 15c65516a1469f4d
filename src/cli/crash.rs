//! A switch for tests: the process ends, as if it were killed, at a moment that the environment names.
//!
//! `REFPOINT_TEST_CRASH=ledger:Sent:after` ends it when the ledger has written that, `ledger:12:before` before it
//! writes for the twelfth time; `request:7:before` before the seventh request leaves, `request:7:after` when its
//! answer has come.

use std::sync::atomic::{AtomicU64, Ordering};

use refpoint::client::{Direction, Tap};
use refpoint::ledger::Write;

/// A moment at which to end.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    what: String,
    is_after: bool,
}

impl Point {
    /// Returns the moment within the ledger's work, where the environment names one.
    pub(crate) fn of_ledger() -> Option<Self> {
        Self::of("ledger")
    }

    /// Returns the moment between requests, where the environment names one.
    pub(crate) fn of_requests() -> Option<Self> {
        Self::of("request")
    }

    fn of(kind: &str) -> Option<Self> {
        let value = std::env::var("REFPOINT_TEST_CRASH").ok()?;
        let mut parts = value.split(':');
        let (found, what, edge) = (parts.next()?, parts.next()?, parts.next()?);
        (found == kind).then(|| Self { what: what.to_owned(), is_after: edge == "after" })
    }

    /// Ends the process if this is the moment: without a word, a destructor or a flush.
    pub(crate) fn reached(&self, what: &str, is_after: bool) {
        if self.what == what && self.is_after == is_after {
            let _ =
                std::process::Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
            // Whoever has no `kill` ends all the same, and as suddenly.
            std::process::abort();
        }
    }

    /// Returns what hears the writes of a ledger, so that it can end the process between them.
    pub(crate) fn into_observer(self) -> impl Fn(Write, bool) + Send + 'static {
        // What is written together is told of when all of it is on disk: each side has a count of its own.
        let counts = [AtomicU64::new(0), AtomicU64::new(0)];
        move |write, is_after| {
            let number = counts[usize::from(is_after)].fetch_add(1, Ordering::Relaxed) + 1;
            self.reached(&format!("{write:?}"), is_after);
            self.reached(&number.to_string(), is_after);
        }
    }

    /// Returns what hears the requests of a session, so that it can end the process between them.
    pub(crate) fn into_tap(self) -> Tap {
        Tap::new(move |message| {
            self.reached(&message.number.to_string(), message.direction == Direction::Received);
        })
    }
}
