//! The room `client` from outside, against hosts made of a function, in memory and with the paused clock.
//!
//! What could make a session look done without being done comes first: [`traps`].

#![expect(clippy::unwrap_used, reason = "a test that fails should stop")]

mod calls;
mod deadlines;
mod drops;
mod events;
mod pages;
mod pool;
mod sockets;
mod storms;
mod support;
mod traps;
