//! `refpoint doctor`, the real program, against simulated hosts and against what is none: whatever is in the way is
//! told as what it is, with its layer, its exit code and one thing to do.

#![expect(clippy::unwrap_used, reason = "a test that fails says why by panicking")]

mod directories;
mod faults;
mod hosts;
mod rights;
mod strangers;
mod tls;
mod view;

#[path = "../ends/program.rs"]
#[expect(dead_code, reason = "shared with tests that ask more of it")]
mod program;
