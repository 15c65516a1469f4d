//! The sockets of the simulated host, seen by a client that sends what it likes and by our own connection.

#![expect(clippy::unwrap_used, reason = "helpers of tests; what fails here fails the test")]

mod dialects;
mod faults;
mod http;
mod listener;
mod log;
mod login;
mod support;
mod tls;
mod world;
