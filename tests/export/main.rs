//! Exports on a simulated host, in memory and on a paused clock: what is asked how often, and how it is told.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what fails here fails the test")]

mod adoption;
mod busy;
mod directories;
mod doubts;
mod drives;
mod edges;
mod ends;
mod once;
mod points;
mod recorded;
mod support;
