//! The client against the simulated host, on streams in memory and with the paused clock: right values or the
//! right errors, nothing done twice, nothing said to be done that is not.
//!
//! What could make these tests worthless is looked for too: a dialect that is never applied ([`dialects`] sees
//! each habit in the bytes), a fault that never strikes (each is found in the host's log, or in what the
//! session counts), a log that misses a call, and a host whose world nobody looks at but through the log
//! ([`witnesses`], and [`support::Meeting::exports`] asks the host itself).

#![expect(clippy::unwrap_used, reason = "a test that fails should stop")]

mod changes;
mod dialects;
mod drops;
mod events;
mod faults;
mod logins;
mod nights;
mod pages;
mod pool;
mod support;
mod witnesses;
