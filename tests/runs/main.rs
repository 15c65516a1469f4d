//! The program runs plans over many simulated hosts: killed, stopped, doubled, on a ledger that is copied or torn;
//! and what it tells others of it.
//!
//! `REFPOINT_KILLS=20000 cargo test --test runs killed_at_random -- --nocapture` kills for longer than the two
//! hundred times of every run of the tests; `REFPOINT_SEED=7` kills at other moments. `REFPOINT_HOSTS=1000 cargo test
//! --test runs nothing_is_lost -- --nocapture` exports from a large fleet on which everything goes wrong at times.

#![expect(clippy::unwrap_used, reason = "a test that fails says why by panicking")]

mod crowd;
mod dice;
mod ends;
mod fleet;
mod moments;
mod storm;
mod together;
mod told;
mod unsaid;
mod unverified;

#[path = "../ends/program.rs"]
#[expect(dead_code, reason = "shared with tests that ask more of it")]
mod program;

#[path = "../ends/snapshot.rs"]
mod snapshot;
