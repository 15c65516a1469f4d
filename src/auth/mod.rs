//! Proving who we are, and keeping what is said private.
//!
//! **Knows**: the login mechanisms of WinRM as token in / token out (Basic, NTLMv2, SPNEGO, Kerberos,
//! client certificate), both the initiator's and, for the simulated host, the acceptor's side; the
//! message protection a login leaves behind; how tokens stand in HTTP headers and sealed messages in
//! HTTP bodies; how a login is bound to a TLS channel.
//!
//! **Deliberately does not know**: sockets, TLS, HTTP connections, SOAP, time and randomness. Whatever
//! must be fresh is an argument ([`Fresh`]). It never reads the environment or a file; the system's
//! Kerberos library does both when it is asked for tickets. Which connection a login belongs to, and when
//! to stop after a 401, is the business of `transport`.
//!
//! **Main types**: [`Credentials`] and [`Target`] go into a [`Mechanism`]; it is stepped until
//! [`Step::Done`], which carries the [`Seal`]. There is no way from a login that should have sealed to one
//! that does not: a peer that grants less is [`Error::CannotSeal`]. [`http`] and [`sealed`] are the
//! coding around it. [`ntlm`] is the pattern for a new mechanism.
//!
//! **Specifications**: [MS-NLMP], [MS-SPNG], [RFC 4178] (SPNEGO), [RFC 4121] (Kerberos), [RFC 4559] and
//! [RFC 9110] section 11 (HTTP), [RFC 5929] (channel bindings), [MS-WSMV] 2.2.9.1 (sealed bodies).

mod basic;
mod certificate;
mod channel_binding;
mod credentials;
mod der;
mod error;
mod gssapi;
mod mechanism;
mod trouble;

pub mod http;
pub mod kerberos;
pub mod negotiate;
pub mod ntlm;
pub mod sealed;
pub mod spnego;

pub use basic::{Basic, BasicAcceptor};
pub use certificate::Certificate;
pub use channel_binding::ChannelBindings;
pub use credentials::{Account, Credentials, Secret};
pub use error::{Attempt, Error, Result};
pub use mechanism::{
    Binding, Chosen, FileTime, Fresh, Mechanism, Protection, Report, Scheme, Seal, Step, Target, Token,
};
pub use trouble::KerberosTrouble;
