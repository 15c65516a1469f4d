use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::super::Endpoint;
use super::client::{Asked, config, server_name};
use super::{HostPort, Tls, TlsError};

/// What a host shows in a TLS handshake after which nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsLook {
    /// The version of TLS, `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// The certificates (DER), the host's own first.
    pub chain: Vec<Vec<u8>>,
    /// Why a connection would be refused, where it would be.
    pub refusal: Option<TlsError>,
    /// Whether the host asks for a client certificate.
    pub asks: bool,
}

impl Tls {
    /// Makes a handshake in order to see what the host shows, and ends it there: whatever the certificate is,
    /// nothing is sent to whom it belongs, no certificate of ours either, and nothing is remembered of it. [`TlsLook::refusal`] is what a
    /// connection that means it would have said.
    pub(in super::super) async fn look<S>(&self, endpoint: &Endpoint, stream: S) -> Result<TlsLook, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = server_name(endpoint.host())?;
        let witness = Arc::new(Witness {
            inner: self.verifier_to_look(HostPort::from(endpoint))?,
            seen: Mutex::default(),
        });
        let asked = Arc::new(Asked { key: None, asked: AtomicBool::new(false) });
        let config = config(witness.clone(), asked.clone())?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let mut stream = connected.map_err(|error| TlsError::from_io(&error, None))?;
        let Seen { chain, refusal } = std::mem::take(&mut *witness.lock());
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().and_then(|version| version.as_str());
        let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let look = TlsLook {
            version: version.unwrap_or("unknown").replace('_', "."),
            cipher: cipher.unwrap_or("unknown").to_owned(),
            refusal: refusal.map(|error| TlsError::from_rustls(&error, chain.first().map(Vec::as_slice))),
            chain,
            asks: asked.asked.load(Ordering::Relaxed),
        };
        // Whether the goodbye arrives is of no interest to anybody.
        let _ = stream.shutdown().await;
        Ok(look)
    }
}

#[derive(Debug, Default)]
struct Seen {
    chain: Vec<Vec<u8>>,
    refusal: Option<rustls::Error>,
}

/// Lets every certificate pass, and keeps what the real verifier says of it.
#[derive(Debug)]
struct Witness {
    inner: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Seen>,
}

impl Witness {
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let all = [end_entity].into_iter().chain(intermediates);
        *self.lock() = Seen { chain: all.map(|der| der.to_vec()).collect(), refusal: verdict.err() };
        Ok(ServerCertVerified::assertion())
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
