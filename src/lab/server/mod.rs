//! Sockets, logins and time: what stands between a byte stream and a [`Host`](super::Host).
//!
//! A connection goes `listener` → `wire` (a stream that can be cut on purpose) → hyper → `exchange` (one HTTP
//! request) → `login` → the host. What belongs to one connection lives in one value, [`connection`]'s, and
//! ends with it: a login, its keys, its sequence.

mod accounts;
mod clock;
mod connection;
mod exchange;
mod hosts;
mod listener;
mod login;
mod payload;
mod wire;

pub use connection::{Channel, serve_stream};
pub use hosts::{Hosts, HostsError, Options};
pub use listener::{Listen, Server, StartError};
