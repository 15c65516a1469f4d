//! The real binary, in an environment of its own: what stands on standard output, on standard error, and the
//! exit code.
//!
//! What would make the program look done without being done, and the test that would notice:
//!
//! | it looks done | but | test |
//! |---|---|---|
//! | an error is printed | the exit code is 0 | each test of a failure compares all three |
//! | data is printed | on standard error, or a warning on standard output | the same |
//! | JSON is printed | after a failure in the middle it is closed, and looks whole | `streams` |
//! | a list is printed | only when its last page has come | `streams` |
//! | the disk is full | and nobody hears of it | `output` |
//! | `head` has enough | and a panic is the answer | `output` |
//! | a password is read | it waits for ever where nobody can type | `secrets` |
//! | a password is used | and stands in a log, an error, or a dump | `secrets` |
//! | a name is shown | and moves the cursor of whoever looks | `output` |
//! | `--help` is there | without an example | `help` |
//! | a profile is read | and something nearer does not count more | `config` |
//! | a host is trusted on first use | and anybody later | `trust` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod cim;
mod config;
mod decode;
mod describe;
mod export;
mod help;
mod host;
mod inventory;
mod journal;
mod lab;
mod output;
mod program;
mod secrets;
mod session;
mod streams;
mod trust;
mod yaml;
