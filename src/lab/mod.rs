//! A host that is not there: the server side of everything this crate speaks, for rehearsals and tests.
//!
//! **Knows**: the acceptors' side of each login, sealed bodies, faults on purpose, other servers' spellings.
//!
//! **Deliberately does not know**: the client. They meet on a byte stream.
//!
//! **Main types**: [`Server`] listens; [`Hosts`] are simulated hosts without a listener, for [`serve_stream`].

mod asked;
mod certificate;
mod dialect;
mod host;
mod log;
mod scenario;
mod server;
mod service;

pub mod fault;

pub use certificate::{Certificate, CertificateError};
pub use dialect::{Dialect, Encoding, Like, Prefixes};
pub use host::{Caller, Entry, Host, Refusal, Response, Rights, Upset};
pub use log::Log;
pub use scenario::{HostSettings, Scenario, ScenarioError, User};
pub use server::{Channel, Hosts, HostsError, Listen, Options, Server, StartError, serve_stream};
pub use service::{Hardening, Service};
