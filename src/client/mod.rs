//! One session with one host: what is asked, asked so that it is asked once.
//!
//! **Knows**: which operations may be sent again and when, how long everything may take, how an enumeration
//! goes on and how it is ended, what must be tidied up on the host. Every request leaves through one door,
//! which gives it an identifier, sets its time-outs, looks whether the answer belongs to it, and turns what
//! went wrong into one [`Error`].
//!
//! **Deliberately does not know**: what any class means, what a return value other than its number says,
//! which host to ask next. It never prints and never reads the environment; random numbers come from
//! [`Target::random`], time from the runtime's clock.
//!
//! **Main types**: [`Target`] says where, who and how patiently; [`Session`] asks; [`Enumeration`] brings
//! objects a page at a time; [`Pool`] lends several sessions with one host; [`Error`] answers questions
//! ([`Error::is_not_found`], [`Error::is_outcome_unknown`] …).
//!
//! **Promises**
//!
//! * A method is never sent twice, unless the host or the connection proves that it was not begun. Where
//!   nobody can know, the answer is [`Error::OutcomeUnknown`].
//! * Nothing waits longer than [`Target::call_limit`], and nothing longer than [`Target::deadline`] at all.
//! * Dropping any future leaves no connection that is half used. An enumeration or subscription that is
//!   dropped is ended on the host: before the session's next call, by [`Session::close`], or, where the
//!   session itself is dropped or a request is under way, by a task on the runtime of whoever drops it. What
//!   cannot be ended (no runtime, no connection) the host ends when it expires.
//! * Memory holds one page of an enumeration at a time.
//!
//! **Specifications**: \[DSP0226\] 5 to 10, \[MS-WSMV\] 3.1.4; on retries and time-outs \[MS-WSMV\] 3.2.4.1.

mod anonymous;
mod caller;
mod certificate;
mod counters;
mod dial;
mod enumeration;
mod error;
mod flight;
mod message;
mod neighbours;
mod page_size;
mod pool;
mod retry;
mod session;
mod subscription;
mod tap;
mod target;

pub use anonymous::identify_anonymously;
pub use certificate::certificate_of;
pub use counters::Counters;
pub use dial::Dial;
pub use enumeration::Enumeration;
pub use error::Error;
pub use neighbours::Through;
pub use pool::{Lent, Pool};
pub use retry::Retries;
pub use session::{LoggedIn, Session};
pub use subscription::Subscription;
pub use tap::{Direction, Tap, Tapped};
pub use target::Target;

// What callers need of the rooms below, so that nobody above has to look into them.
pub use crate::auth::{Account, Chosen, Credentials, Report, Secret};
pub use crate::transport::{
    Connection, Endpoint, EndpointError, Error as TransportError, Fingerprint, HostPort,
    Identity as ClientIdentity, KnownHost, KnownHosts, KnownHostsError, Limits, Login, Method, Options,
    Protocol, Proxy, ProxyUrlError, Remembered, Timeouts, Tls, TlsError, Trust, Unknown, Warning,
};
pub use crate::wsman::{
    AssociationFilter, Content, EndpointReference, Enumerate, Error as MessageError, Fault, Fragment,
    Identity, Invoke, Invoked, Item, Mode, Neighbours, Opening, Subscribe, codes,
};
