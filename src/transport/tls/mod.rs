//! TLS to the host: whom to trust, and how to say who we are.

mod certificate;
mod client;
mod error;
mod fingerprint;
mod identity;
mod look;
mod trust;

pub(super) use client::Secured;

pub use certificate::CertificateFacts;
pub use client::Tls;
pub use error::{CertificateProblem, TlsError};
pub use fingerprint::Fingerprint;
pub use identity::Identity;
pub use look::TlsLook;
pub use trust::Trust;
