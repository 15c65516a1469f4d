//! Runs over many simulated hosts, in memory and on a paused clock.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what fails here fails the test")]

mod broken;
mod ends;
mod resume;
mod support;
mod verbs;
mod warned;
