//! The room `transport` from outside: against our own acceptors and against scripts of raw bytes, in memory
//! with the paused clock wherever no socket is needed, on loopback where one is.

#![expect(clippy::unwrap_used, reason = "a test that fails should stop")]

mod answers;
mod canary;
mod cuts;
mod exchange;
mod first_use;
mod forged;
mod login;
mod probe;
mod proxy;
#[path = "../support/canary.rs"]
mod recorder;
mod support;
mod tls;
