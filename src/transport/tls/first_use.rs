use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use tracing::warn;

use super::error::{CertificateProblem, unreadable};
use super::known::Remembered;
use super::{Fingerprint, HostPort, KnownHosts, TlsError, Unknown};

/// Takes what the system's authorities vouch for, and what is remembered of a host.
///
/// A remembered certificate stands in for an authority's signature and for nothing else: its time, its names and its
/// purpose have to be in order, or it is refused like that of an authority. What is remembered of a host counts more
/// than the system's authorities: another certificate is a stop, whoever signed it.
#[derive(Debug)]
pub(super) struct FirstUse {
    system: Result<Arc<dyn ServerCertVerifier>, TlsError>,
    algorithms: WebPkiSupportedAlgorithms,
    known: KnownHosts,
    unknown: Unknown,
    host: HostPort,
    /// Whether it is only looked at: nothing is remembered then, and what would be is still nobody's.
    is_look: bool,
    /// A certificate that is good enough to be remembered as soon as the host has proved that it holds its key.
    pending: Mutex<Option<Fingerprint>>,
}

impl FirstUse {
    pub(super) fn new(
        system: Result<Arc<dyn ServerCertVerifier>, TlsError>,
        known: KnownHosts,
        unknown: Unknown,
        host: HostPort,
    ) -> Self {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Self { system, algorithms, known, unknown, host, is_look: false, pending: Mutex::default() }
    }

    /// Returns the same for a look, which remembers nothing. A certificate that would be remembered is one that
    /// nobody vouches for; what else is wrong with it is told as what it is.
    pub(super) fn only_looking(self) -> Self {
        Self { is_look: true, ..self }
    }

    fn expect(&self, found: Fingerprint, certificate: super::KnownHost) -> Result<(), TlsError> {
        match certificate.fingerprint == found {
            true => Ok(()),
            false => Err(TlsError::Changed {
                remembered: Box::new(certificate),
                found,
                seen: super::known::timestamp(self.known.now()),
                file: self.known.file().to_path_buf(),
            }),
        }
    }

    /// Remembers the certificate that is pending. This is the last thing before anything of ours leaves, a client
    /// certificate included: the host has just proved that it holds the key.
    fn decide(&self) -> Result<(), TlsError> {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(found) = pending else { return Ok(()) };
        match self.known.remember(&self.host, found)? {
            Remembered::Now(known) => {
                warn!(host = %known.host, fingerprint = %found, "certificate trusted on first use");
                Ok(())
            }
            Remembered::Before(known) => self.expect(found, known),
        }
    }
}

impl ServerCertVerifier for FirstUse {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(end_entity);
        let remembered = self.known.find(&self.host).map_err(|error| refused(error.into()))?;
        if let Some(remembered) = remembered {
            self.expect(found, remembered).map_err(refused)?;
            check_all_but_the_issuer(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        let vouched = match &self.system {
            Ok(system) => {
                system.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            Err(error) => Err(refused(error.clone())),
        };
        let error = match vouched {
            Ok(vouched) => return Ok(vouched),
            Err(error) => error,
        };
        let is_about_the_issuer = self.system.is_err() || is_about_the_issuer(&error);
        if self.unknown == Unknown::Refuse || !is_about_the_issuer {
            return Err(error);
        }
        check_all_but_the_issuer(end_entity, server_name, now)?;
        if self.is_look {
            return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let valid = rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)?;
        self.decide().map_err(refused)?;
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let valid = rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)?;
        self.decide().map_err(refused)?;
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Checks time, purpose and names: the certificate is taken for its own authority. One that an authority of somebody's
/// has signed, and one that says it is an authority, fail at that point and at no other.
fn check_all_but_the_issuer(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    let bad = |error: &dyn std::fmt::Display| refused(unreadable("certificate of the host", error));
    roots.add(certificate.clone().into_owned()).map_err(|error| bad(&error))?;
    let own = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
    match own.map_err(|error| bad(&error))?.verify_server_cert(certificate, &[], name, &[], now) {
        Ok(_) => Ok(()),
        Err(error) if is_about_the_issuer(&error) => {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
        }
        Err(error) => Err(error),
    }
}

/// Says whether nothing is wrong with a certificate but who signed it.
fn is_about_the_issuer(error: &rustls::Error) -> bool {
    let problem = TlsError::from_rustls(error, None);
    matches!(
        problem,
        TlsError::Certificate {
            problem: CertificateProblem::UnknownIssuer | CertificateProblem::Authority,
            ..
        }
    )
}

fn refused(error: TlsError) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}
