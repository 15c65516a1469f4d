//! Points and backups on a simulated host, in memory and on a paused clock: what is made, kept and let go.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what fails here fails the test")]

mod backups;
mod doubts;
mod held;
mod month;
mod points;
mod support;
