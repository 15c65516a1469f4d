//! TLS to the host: whom to trust, and how to say who we are.

mod client;
mod error;
mod fingerprint;
mod identity;
mod trust;

pub(super) use client::Secured;

pub use client::Tls;
pub use error::{CertificateProblem, TlsError};
pub use fingerprint::Fingerprint;
pub use identity::Identity;
pub use trust::Trust;
