//! Integration tests, one binary: the public names of the library, and nothing that needs a network.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod corpora;
mod elsewhere;
mod layering;
mod readme;
mod round_trip;
mod unattended;
mod wire;
