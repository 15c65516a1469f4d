//! One socket to one host: connect, log in, exchange bodies.
//!
//! **Knows**: host names, sockets, proxies, TLS, HTTP/1.1, and when a login is over. A WinRM login belongs to
//! the TCP connection it was made on, and so do the keys that seal what follows; so socket, login and keys are
//! one value here, [`Connection`], and there is no pool behind it.
//!
//! **Deliberately does not know**: SOAP (a body is bytes with a content type), which operations may be
//! repeated, how many connections a host should get. It never prints and never reads the environment; the
//! system's trust store is read by the platform verifier, the time by the timers of the runtime and, for
//! logins, through [`Login::clock`]. The one file it writes is that of [`KnownHosts`], where it is told to.
//!
//! **Main types**: [`Endpoint`] says where, [`Options`] says who and how; [`Connection::open`] returns after
//! the login, and [`Connection::exchange`] sends one body and returns the [`Reply`]. [`Error`] says for each
//! failure whether the host may have carried out what was asked ([`Error::was_not_sent`]): *not sent* and
//! *fate unknown* are never mixed up.
//!
//! **Promises**: on http no body leaves unsealed, except with Basic where it was allowed by name
//! ([`Login::allow_cleartext`]), and except the one constant text with which [`identify()`] asks, without a
//! login, who listens there (and the empty one of [`welcome`]); there is no path from a login that seals to a body that is not sealed.
//! Redirects are reported, not followed. Whatever goes wrong in an exchange ends the socket.
//!
//! **Secrets**: what is ours is wiped when it is dropped: passwords, keys, tokens, and the value of
//! `Authorization`, which reaches hyper without a copy. Not wiped, since it is not ours: hyper's buffer of the
//! last request's head, which the next one overwrites; what rustls has encrypted from, the client key as it was
//! loaded among it; what the system's Kerberos library keeps. Bodies are not taken for secrets; a caller whose
//! are hands over `Bytes::from_owner` of something that wipes itself, and they are not copied but to be sealed,
//! in place.
//!
//! **Specifications**: [RFC 9110] and [RFC 9112] (HTTP), [RFC 4559], [RFC 5929], [MS-WSMV] 2.2.9.1, [RFC 1928]
//! and [RFC 1929] (SOCKS5).

mod answer;
mod certificate;
mod connection;
mod dial;
mod endpoint;
mod error;
mod guard;
mod identify;
mod line;
mod login;
mod options;
mod patience;
mod probe;
mod proxy;
mod race;
mod sent;
mod tls;

pub use answer::{Answer, Problem, Reply};
pub use certificate::certificate_of;
pub use connection::{Connection, Warning};
pub use endpoint::{Endpoint, EndpointError, Protocol};
pub use error::{Error, Fate, Phase, Tried};
pub use identify::{IDENTIFY, identify, identify_over};
pub use options::{Limits, Login, Method, Options, Timeouts};
pub use probe::{Welcome, look, reach, resolve, welcome};
pub use proxy::{Proxy, ProxyError, ProxyProtocol, ProxyUrlError};
pub use tls::{
    CertificateFacts, CertificateProblem, Fingerprint, HostPort, Identity, KnownHost, KnownHosts,
    KnownHostsError, Remembered, Tls, TlsError, TlsLook, Trust, Unknown,
};
