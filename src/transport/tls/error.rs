use std::fmt;
use std::io;
use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::super::answer::harmless;
use super::{Fingerprint, KnownHost, KnownHostsError};

/// What is wrong with TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The host's certificate is not good enough.
    #[error("certificate of the host {problem}{}", fingerprint.map(|it| format!(" ({it})")).unwrap_or_default())]
    Certificate {
        /// What is wrong with it.
        problem: CertificateProblem,
        /// The certificate, to be compared with the host's own and then pinned.
        fingerprint: Option<Fingerprint>,
    },
    /// The host shows another certificate than the one it is pinned to.
    #[error("certificate of the host is {found}, and not {expected}")]
    NotThePinned {
        /// The pin.
        expected: Fingerprint,
        /// What it shows.
        found: Fingerprint,
    },
    /// The host shows another certificate than the one that is remembered of it.
    #[error(
        "certificate of {} has changed: seen {seen} {found}, remembered since {} {}",
        remembered.host, remembered.first_seen_text(), remembered.fingerprint
    )]
    Changed {
        /// What is remembered of it.
        remembered: Box<KnownHost>,
        /// What it shows.
        found: Fingerprint,
        /// When it showed it, in RFC 3339.
        seen: String,
        /// The file in which it is remembered.
        file: PathBuf,
    },
    /// What is remembered of hosts cannot be read, or not be written.
    #[error("certificates of known hosts: {0}")]
    KnownHosts(#[from] KnownHostsError),
    /// The host wants a client certificate and got none that it takes.
    #[error("host wants another client certificate than it got, or any")]
    ClientCertificateRefused,
    /// A certificate is to log in, and the host did not ask for one in the handshake.
    #[error(
        "host does not ask for a client certificate in the first handshake: bind its listener with \
         clientcertnegotiation=enable (netsh http add sslcert)"
    )]
    ClientCertificateNotAsked,
    /// The host asks for a client certificate after the handshake, which we cannot answer.
    #[error(
        "host asks for a client certificate after the handshake, which is not supported: bind its listener \
         with clientcertnegotiation=enable (netsh http add sslcert)"
    )]
    ClientCertificateLate,
    /// What answers does not speak TLS.
    #[error("what listens there does not speak TLS: is it the http port?")]
    NotTls,
    /// The connection was closed in the handshake.
    #[error("connection closed in the handshake")]
    Closed,
    /// The two sides have no version or cipher in common, or one of them broke the rules.
    #[error("{reason}")]
    Handshake {
        /// In the words of the TLS library.
        reason: String,
    },
    /// The stream below broke.
    #[error("{reason}")]
    Io {
        /// In the words of the system.
        reason: String,
    },
    /// The host's name cannot stand in a certificate.
    #[error("{0:?} is no name that a certificate could carry")]
    Name(String),
    /// The system's trust could not be loaded.
    #[error("certificates of the system cannot be loaded: {reason}")]
    NoRoots {
        /// Why.
        reason: String,
    },
    /// A PEM text is not what it should be.
    #[error("{what} unreadable: {reason}")]
    Unreadable {
        /// Which text.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The client key is encrypted and no passphrase was given.
    #[error("client key is encrypted: a passphrase is needed")]
    PassphraseMissing,
    /// The client key does not open with that passphrase.
    #[error("client key does not open: wrong passphrase, or a cipher that is not supported")]
    PassphraseWrong,
    /// A fingerprint is not one.
    #[error("fingerprint is not sha256: and 64 hexadecimal digits")]
    Fingerprint,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// No authority that is trusted signed it. Self-signed ones too.
    UnknownIssuer,
    /// It names another host.
    WrongName {
        /// The names it has, or the first of many.
        names: Vec<String>,
    },
    /// Its time is over.
    Expired,
    /// Its time is to come.
    NotYetValid,
    /// It was revoked.
    Revoked,
    /// It is an authority's own, which no verifier takes for a host's. A pin does.
    Authority,
    /// It is not meant for servers.
    Purpose,
    /// Anything else.
    Other(String),
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str("is signed by nobody who is trusted"),
            Self::WrongName { names } if names.is_empty() => f.write_str("names no host at all"),
            Self::WrongName { names } => write!(f, "is for {}", names.join(", ")),
            Self::Expired => f.write_str("has expired"),
            Self::NotYetValid => f.write_str("is not valid yet"),
            Self::Revoked => f.write_str("is revoked"),
            Self::Authority => f.write_str("is that of an authority: pin it instead"),
            Self::Purpose => f.write_str("is not meant for servers"),
            Self::Other(reason) => write!(f, "is not accepted: {reason}"),
        }
    }
}

impl TlsError {
    pub(in super::super) fn from_rustls(error: &rustls::Error, certificate: Option<&[u8]>) -> Self {
        let fingerprint = certificate.map(Fingerprint::of);
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
                match other.0.downcast_ref::<Self>() {
                    Some(own) => own.clone(),
                    None => Self::Certificate { problem: problem_of_other(&other.to_string()), fingerprint },
                }
            }
            rustls::Error::InvalidCertificate(error) => {
                Self::Certificate { problem: problem(error), fingerprint }
            }
            rustls::Error::InappropriateHandshakeMessage {
                got_type: HandshakeType::CertificateRequest | HandshakeType::HelloRequest,
                ..
            }
            // In TLS 1.2 the first request is answered with no_renegotiation, and what comes of it is the
            // host's: most close the connection, or answer 403.
            | rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests) => {
                Self::ClientCertificateLate
            }
            // What a server says to a certificate it does not take differs from one to the next.
            rustls::Error::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied,
            ) => Self::ClientCertificateRefused,
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            other => Self::Handshake { reason: other.to_string() },
        }
    }

    pub(super) fn from_io(error: &io::Error, certificate: Option<Vec<u8>>) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (tls, error.kind()) {
            (Some(tls), _) => Self::from_rustls(tls, certificate.as_deref()),
            (
                None,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe,
            ) => Self::Closed,
            (None, _) => Self::Io { reason: error.to_string() },
        }
    }
}

fn problem(error: &CertificateError) -> CertificateProblem {
    match error {
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::NotValidForName => CertificateProblem::WrongName { names: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => CertificateProblem::WrongName {
            names: presented.iter().take(MAX_NAMES).map(|name| shown(name)).collect(),
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid
        }
        CertificateError::Revoked => CertificateProblem::Revoked,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateProblem::Purpose
        }
        other => CertificateProblem::Other(other.to_string()),
    }
}

/// Names come as the verifier prints them, `DnsName("…")`, with whatever the certificate holds.
fn shown(name: &str) -> String {
    let inner = name.strip_prefix("DnsName(\"").and_then(|name| name.strip_suffix("\")"));
    harmless(inner.unwrap_or(name), MAX_NAME)
}

/// As many names as help whoever reads them, and no longer than DNS has them.
const MAX_NAMES: usize = 8;
const MAX_NAME: usize = 253;

/// The verifiers below have no names of their own for these.
fn problem_of_other(reason: &str) -> CertificateProblem {
    match reason {
        reason if reason.contains("CaUsedAsEndEntity") => CertificateProblem::Authority,
        // So the system's verifier says that it is not for servers.
        "certificate had invalid extensions" => CertificateProblem::Purpose,
        reason => CertificateProblem::Other(reason.to_owned()),
    }
}

pub(super) fn unreadable(what: &'static str, error: &dyn fmt::Display) -> TlsError {
    TlsError::Unreadable { what, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The same in TLS 1.3 is tested with a server, in tests/transport/tls.rs.
    #[test]
    fn a_host_that_insists_on_another_handshake_wants_a_certificate() {
        let error = rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests);
        assert_eq!(TlsError::from_rustls(&error, None), TlsError::ClientCertificateLate);
    }
}
