//! TLS to the host: whom to trust, and how to say who we are.

mod certificate;
mod client;
mod error;
mod fingerprint;
mod first_use;
mod identity;
mod known;
mod look;
mod trust;

pub(super) use client::Secured;

pub use certificate::CertificateFacts;
pub use client::Tls;
pub use error::{CertificateProblem, TlsError};
pub use fingerprint::Fingerprint;
pub use identity::Identity;
pub use known::{HostPort, KnownHost, KnownHosts, KnownHostsError, Remembered};
pub use look::TlsLook;
pub use trust::{Trust, Unknown};
