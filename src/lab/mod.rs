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
//!  store    objects by class, by path, by association; one instance at a time
//!     │
//!  world    what stands on the host now  ◄── scenario   what stood there at first, and the switches
//! ```
//!
//! * [`Host`]: one host; [`Caller`], [`Response`], [`Entry`]: who asks, what is answered, what a log says.
//! * [`Scenario`]: machines, speeds, users, limits, and a switch for each open question about real hosts.
//! * [`Upset`], [`Refusal`]: what may happen to a host.

mod dialect;
mod draft;
mod enumeration;
pub mod fault;
mod host;
mod provider;
mod refusal;
mod response;
pub mod scenario;
mod service;
mod site;
mod store;
mod text;
mod world;
mod wql;

#[cfg(test)]
mod tests;

pub use self::dialect::Dialect;
pub use self::host::Host;
pub use self::refusal::Refusal;
pub use self::response::{Caller, Entry, Response, Upset};
pub use self::scenario::{Rights, Scenario, ScenarioError, User};
pub use self::service::Service;
pub use self::text::Locale;
