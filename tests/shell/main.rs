//! The program as a shell, a terminal and a reader of manual pages meet it: help and what each command shows on
//! terminals of two widths and in pipes, completions in real shells, manual pages, pagers, and what errors point to.
//!
//! A command that is new is found by itself, and fails here until `scenarios.rs` says how it does well and how it
//! fails. `REFPOINT_SNAPSHOTS=write cargo test --test shell` writes what was shown anew, to be read before it is
//! committed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod completions;
mod explain;
mod manual;
mod pager;
mod scenarios;
mod shown;
mod terminal;
mod walk;

#[path = "../ends/lab.rs"]
#[expect(dead_code, reason = "shared with tests that ask more of it")]
mod lab;

#[path = "../ends/program.rs"]
#[expect(dead_code, reason = "shared with tests that ask more of it")]
mod program;

#[path = "../ends/snapshot.rs"]
#[expect(dead_code, reason = "shared with tests that ask more of it")]
mod snapshot;
