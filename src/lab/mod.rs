//! A host that is not there: the server side of everything this crate speaks, for rehearsals and tests.
//!
//! This room knows what a Hyper-V host answers: which objects it has, how they change with time, what it refuses
//! and with which fault. It deliberately does not know the client: they meet on a byte stream and share only the
//! rooms below. Time is an argument, and so is who asks; nothing here is random.
//!
//! ```text
//!  server   sockets, logins, delays, the log         fault    what goes wrong on the way
//!     │ envelope, caller, now                        dialect  how answers are spelled
//!  host     decode → refuse or dispatch → encode     refusal  which fault, which number
//!     ├──────────────┬──────────────┐
//!  enumeration    wql            provider/  one file for each kind of object: rendering and methods
//!     │              │              │
//!     │              │     subscription  what has happened since a client last asked
//!  store    objects by class, by path, by association; one instance at a time
//!     │     lexicon   the classes; plain, registry, config: what there is beside Hyper-V
//!     │
//!  world    what stands on the host now  ◄── scenario   what stood there at first, and the switches
//! ```
//!
//! * [`Host`]: one host; [`Caller`], [`Response`], [`Entry`]: who asks, what is answered, what a log says.
//! * [`Scenario`]: machines, speeds, users, limits, and a switch for each open question about real hosts.
//! * [`Upset`], [`Refusal`]: what may happen to a host.
//! * [`Hosts`]: many hosts, each made when it is first touched, with logins, seals, faults and the log;
//!   [`serve_stream`] lets one answer on any stream, [`Server`] lets all of them listen.
//! * [`fault`], [`Dialect`], [`Service`]: what goes wrong on purpose, how answers are spelled, who gets in.

mod asked;
mod certificate;
mod config;
mod dialect;
mod draft;
mod enumeration;
pub mod fault;
mod host;
mod lexicon;
mod log;
mod plain;
mod provider;
mod refusal;
mod registry;
mod response;
pub mod scenario;
mod server;
mod service;
mod site;
mod store;
mod subscription;
mod text;
mod world;
mod wql;

#[cfg(test)]
mod tests;

pub use self::certificate::{Certificate, CertificateError};
pub use self::dialect::{Dialect, Encoding, Like, Prefixes};
pub use self::host::Host;
pub use self::log::Log;
pub use self::refusal::Refusal;
pub use self::response::{Caller, Entry, Response, Upset};
pub use self::scenario::{Rights, Scenario, ScenarioError, User};
pub use self::server::{Channel, Hosts, HostsError, Listen, Options, Server, StartError, serve_stream};
pub use self::service::{Hardening, Mapping, Service};
pub use self::text::Locale;
