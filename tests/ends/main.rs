//! The real binary against simulated hosts in processes of their own: every way in which an export ends, what a
//! person and a script are told of it, and that nothing is asked of a host twice, whatever ends the program when.
//!
//! What stands in `snapshots/` is compared to the letter, once what differs from run to run is replaced; run
//! with `REFPOINT_SNAPSHOTS=write` it is written anew, to be read before it is committed.
//!
//! Most of the time is waiting: `cargo test --test ends -- --test-threads=6` takes half as long as two threads do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod arrivals;
mod backups;
mod cim;
mod consent;
mod crashes;
mod faults;
mod jobs;
mod lab;
mod leaving;
mod outcomes;
mod points;
mod program;
mod refusals;
mod snapshot;
mod terminal;
mod together;
