use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::error::unreadable;
use super::identity::certificates;
use super::{Fingerprint, KnownHosts, TlsError};

/// Whose certificate is good enough.
///
/// ```
/// use refpoint::client::{Tls, Trust};
///
/// let fingerprint = "sha256:3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b";
/// let pinned = Tls::new(Trust::Pin(fingerprint.parse()?));
/// let as_the_system = Tls::new(Trust::default());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// What the system trusts, and what is remembered of a host.
    ///
    /// A certificate that is remembered stands in for an authority's signature and for nothing else: one that has
    /// expired, or is for another name, is refused all the same. What is remembered of a host counts more than the
    /// system's authorities: another certificate is [`TlsError::Changed`], whoever signed it.
    Known {
        /// What is remembered.
        hosts: KnownHosts,
        /// What to do with a certificate of a host of which nothing is remembered, and that no authority signed.
        unknown: Unknown,
    },
}

/// What becomes of a host that is seen for the first time, with a certificate that nobody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is refused.
    Refuse,
    /// Its certificate is remembered, and trusted from now on. It is on the disk before anything is sent that says
    /// who we are.
    Remember,
}

impl Trust {
    /// Trusts the authorities of a PEM file, and nobody else.
    ///
    /// ```
    /// use refpoint::client::Trust;
    ///
    /// // What is no certificate is refused now, not at the first login.
    /// assert!(Trust::authorities(b"-----BEGIN NOTHING-----").is_err());
    /// ```
    pub fn authorities(pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = certificates(pem, "authorities")?;
        Ok(Self::Authorities(certificates.iter().map(|der| der.to_vec()).collect()))
    }

    pub(super) fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        match self {
            // What is remembered is looked up for each connection.
            Self::System | Self::Known { .. } => {
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
pub(super) struct Watching {
    inner: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Option<Vec<u8>>>,
}

impl Watching {
    pub(super) fn new(inner: Arc<dyn ServerCertVerifier>) -> Self {
        Self { inner, seen: Mutex::default() }
    }

    pub(super) fn seen(&self) -> Option<Vec<u8>> {
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
