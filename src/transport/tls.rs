//! TLS to the host: whom to trust, and how to say who we are.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, HandshakeType, InvalidMessage,
    RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use crate::auth::Secret;

/// How TLS is done: whom to trust, and with which certificate to answer when asked for one.
///
/// Cheap to clone; clones share what was loaded. Loading waits until the first connection.
#[derive(Clone)]
pub struct Tls {
    trust: Trust,
    identity: Option<Identity>,
    verifier: Arc<OnceLock<Result<Arc<dyn ServerCertVerifier>, TlsError>>>,
}

/// Whose certificate is good enough.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// What the system trusts, for the name that is connected to.
    #[default]
    System,
    /// What these authorities signed, and nobody else, for the name that is connected to.
    Authorities(Vec<Vec<u8>>),
    /// This very certificate, whatever it says of itself: self-signed, an authority's, expired, of another
    /// name. The host still proves that it holds the key.
    Pin(Fingerprint),
    /// Any certificate. Each connection made so carries a warning.
    Anything,
}

impl Trust {
    /// Trusts the authorities of a PEM file, and nobody else.
    pub fn authorities(pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = certificates(pem, "authorities")?;
        Ok(Self::Authorities(certificates.iter().map(|der| der.to_vec()).collect()))
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        match self {
            Self::System => {
                let verifier = rustls_platform_verifier::Verifier::new(provider);
                Ok(Arc::new(verifier.map_err(|error| TlsError::NoRoots { reason: error.to_string() })?))
            }
            Self::Authorities(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    let added = roots.add(certificate.as_slice().into());
                    added.map_err(|error| unreadable("authorities", &error))?;
                }
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
                Ok(verifier.map_err(|error| unreadable("authorities", &error))?)
            }
            Self::Pin(expected) => Ok(Arc::new(Pinned { expected: Some(*expected), algorithms })),
            Self::Anything => Ok(Arc::new(Pinned { expected: None, algorithms })),
        }
    }
}

impl Tls {
    /// Trusts those, and has no certificate of its own.
    pub fn new(trust: Trust) -> Self {
        Self { trust, identity: None, verifier: Arc::default() }
    }

    /// Returns the same, with a certificate to answer with.
    pub fn with_identity(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// Returns whom it trusts.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Loads what is needed now, so that what is wrong with it is known before the first connection.
    pub fn check(&self) -> Result<(), TlsError> {
        self.verifier().map(|_| ())
    }

    /// Makes the handshake on a stream.
    pub(super) async fn connect<S>(&self, host: &str, stream: S) -> Result<Secured<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = server_name(host)?;
        let watching = Arc::new(Watching { inner: self.verifier()?, seen: Mutex::default() });
        let key = self.identity.as_ref().map(|identity| identity.key.clone());
        let asked = Arc::new(Asked { key, asked: AtomicBool::new(false) });
        let config = config(watching.clone(), asked.clone())?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = connected.map_err(|error| TlsError::from_io(&error, watching.seen()))?;
        let certificate = watching.seen().ok_or(TlsError::Closed)?;
        Ok(Secured { stream, certificate, asked: asked.asked.load(Ordering::Relaxed) })
    }

    fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        self.verifier.get_or_init(|| self.trust.verifier()).clone()
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self::new(Trust::default())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("trust", &self.trust)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
/// A stream under TLS.
pub(super) struct Secured<S> {
    pub(super) stream: TlsStream<S>,
    /// The host's own certificate, DER.
    pub(super) certificate: Vec<u8>,
    /// Whether the host asked for ours.
    pub(super) asked: bool,
}

/// A client certificate with its key.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
}

impl Identity {
    /// Reads a certificate, and those that lead up from it, and its key from PEM.
    ///
    /// The key may be PKCS#8, PKCS#1 or SEC1; with a passphrase it has to be encrypted PKCS#8, as
    /// `openssl pkcs8 -topk8` writes it.
    pub fn from_pem(
        certificate: &[u8],
        key: &[u8],
        passphrase: Option<&Secret<String>>,
    ) -> Result<Self, TlsError> {
        let chain = certificates(certificate, "client certificate")?;
        let key = match encrypted_key(key)? {
            Some(encrypted) => decrypt(&encrypted, passphrase.ok_or(TlsError::PassphraseMissing)?)?,
            None => PrivateKeyDer::from_pem_slice(key).map_err(|error| unreadable("client key", &error))?,
        };
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        Ok(Self { key: Arc::new(key.map_err(|error| unreadable("client certificate and key", &error))?) })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.key.cert.first().map(|der| Fingerprint::of(der));
        f.debug_tuple("Identity").field(&fingerprint).finish()
    }
}

/// The SHA-256 of a certificate, written `sha256:` and 64 hexadecimal digits, with or without colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Computes that of a certificate (DER).
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        let text = text.trim();
        let digits = match text.split_at_checked(7) {
            Some((name, digits)) if name.eq_ignore_ascii_case("sha256:") => digits,
            _ => text,
        };
        let digits: Vec<_> = digits.chars().filter(|c| *c != ':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(TlsError::Fingerprint);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair: Option<Vec<_>> = pair.iter().map(|digit| digit.to_digit(16)).collect();
            let Some([high, low]) = pair.as_deref() else { return Err(TlsError::Fingerprint) };
            *byte = (high << 4 | low) as u8;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

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
        /// The names it has.
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
    pub(super) fn from_rustls(error: &rustls::Error, certificate: Option<&[u8]>) -> Self {
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
            } => Self::ClientCertificateLate,
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

    fn from_io(error: &io::Error, certificate: Option<Vec<u8>>) -> Self {
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
        CertificateError::NotValidForNameContext { presented, .. } => {
            CertificateProblem::WrongName { names: presented.clone() }
        }
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

/// The verifier below has no name of its own for this one.
fn problem_of_other(reason: &str) -> CertificateProblem {
    match reason.contains("CaUsedAsEndEntity") {
        true => CertificateProblem::Authority,
        false => CertificateProblem::Other(reason.to_owned()),
    }
}

/// Takes one certificate, or any, whatever stands in it. The host has to hold its key all the same.
#[derive(Debug)]
struct Pinned {
    expected: Option<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(end_entity);
        match self.expected {
            Some(expected) if expected != found => {
                let error = TlsError::NotThePinned { expected, found };
                let error = CertificateError::Other(rustls::OtherError(Arc::new(error)));
                Err(rustls::Error::InvalidCertificate(error))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Notes which certificate the host showed, also one that is refused.
#[derive(Debug)]
struct Watching {
    inner: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Option<Vec<u8>>>,
}

impl Watching {
    fn seen(&self) -> Option<Vec<u8>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Notes whether the host asked for our certificate.
#[derive(Debug)]
struct Asked {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn config(
    verifier: Arc<dyn ServerCertVerifier>,
    resolver: Arc<dyn ResolvesClientCert>,
) -> Result<ClientConfig, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TlsError::Handshake { reason: error.to_string() })?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_client_cert_resolver(resolver);
    // Logins belong to the connection, which HTTP/2 does not know.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Each connection sees the certificate anew: its login is bound to it.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// An address is verified as one, and is not sent as a name ([RFC 6066] section 3).
fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let host = host.split_once('%').map_or(host, |(address, _)| address);
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsError::Unreadable { what, reason: "no certificate in it".into() })
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable(what, &error)),
    }
}

/// Returns the DER of an encrypted PKCS#8 key, if the PEM holds one.
fn encrypted_key(pem: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, TlsError> {
    let text = String::from_utf8_lossy(pem);
    let Some((_, rest)) = text.split_once("-----BEGIN ENCRYPTED PRIVATE KEY-----") else {
        let old = text.contains("Proc-Type: 4,ENCRYPTED");
        let reason = "encrypted the old way: convert it with openssl pkcs8 -topk8".to_owned();
        return if old { Err(TlsError::Unreadable { what: "client key", reason }) } else { Ok(None) };
    };
    let body = rest.split_once("-----END").map_or(rest, |(body, _)| body);
    let digits: String = body.split_whitespace().collect();
    let der = STANDARD.decode(digits).map_err(|error| unreadable("client key", &error))?;
    Ok(Some(Zeroizing::new(der)))
}

fn decrypt(der: &[u8], passphrase: &Secret<String>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der);
    let encrypted = encrypted.map_err(|error| unreadable("client key", &error))?;
    let key = encrypted.decrypt(passphrase.expose()).map_err(|_| TlsError::PassphraseWrong)?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

fn unreadable(what: &'static str, error: &dyn fmt::Display) -> TlsError {
    TlsError::Unreadable { what, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_or_without_colons_and_prefix() {
        let fingerprint = Fingerprint::of(b"abc");
        let text = fingerprint.to_string();
        assert!(text.starts_with("sha256:ba7816bf"), "{text}");
        let digits = text.strip_prefix("sha256:").unwrap().to_uppercase();
        let pairs: Vec<_> = digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect();
        for spelling in [text.clone(), digits.clone(), pairs.join(":"), format!("SHA256:{}", pairs.join(":"))]
        {
            assert_eq!(spelling.parse(), Ok(fingerprint), "{spelling}");
        }
        for bad in
            ["", "sha256:", &text[..70], "sha1:ba7816bf", &text.replace('b', "g"), "ü".repeat(64).as_str()]
        {
            assert_eq!(bad.parse::<Fingerprint>(), Err(TlsError::Fingerprint), "{bad}");
        }
    }

    #[test]
    fn what_is_no_pem_is_refused() {
        assert!(matches!(Trust::authorities(b"hello"), Err(TlsError::Unreadable { .. })));
        assert!(Identity::from_pem(b"", b"", None).is_err());
        let old = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        assert!(matches!(encrypted_key(old), Err(TlsError::Unreadable { .. })));
    }
}
