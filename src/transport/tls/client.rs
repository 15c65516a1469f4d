use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::Endpoint;
use super::first_use::FirstUse;
use super::trust::Watching;
use super::{HostPort, Identity, TlsError, Trust};

/// How TLS is done: whom to trust, and with which certificate to answer when asked for one.
///
/// Cheap to clone; clones share what was loaded. Loading waits until the first connection.
#[derive(Clone)]
pub struct Tls {
    trust: Trust,
    identity: Option<Identity>,
    verifier: Arc<OnceLock<Result<Arc<dyn ServerCertVerifier>, TlsError>>>,
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
        match &self.trust {
            Trust::Known { hosts, .. } => Ok(hosts.list().map(|_| ())?),
            _ => self.verifier().map(|_| ()),
        }
    }

    /// Makes the handshake on a stream.
    pub(in super::super) async fn connect<S>(
        &self,
        endpoint: &Endpoint,
        stream: S,
    ) -> Result<Secured<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = server_name(endpoint.host())?;
        let watching = Arc::new(Watching::new(self.verifier_of(HostPort::from(endpoint))?));
        let key = self.identity.as_ref().map(|identity| identity.key());
        let asked = Arc::new(Asked { key, asked: AtomicBool::new(false) });
        let config = config(watching.clone(), asked.clone())?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = connected.map_err(|error| TlsError::from_io(&error, watching.seen()))?;
        let certificate = watching.seen().ok_or(TlsError::Closed)?;
        Ok(Secured { stream, certificate, asked: asked.asked.load(Ordering::Relaxed) })
    }

    /// Returns who judges the certificate of one host.
    fn verifier_of(&self, host: HostPort) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        match &self.trust {
            Trust::Known { hosts, unknown } => {
                Ok(Arc::new(FirstUse::new(self.verifier(), hosts.clone(), *unknown, host)))
            }
            _ => self.verifier(),
        }
    }

    /// Returns who judges it, and remembers nothing of it whatever was asked for.
    pub(super) fn verifier_to_look(&self, host: HostPort) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        match &self.trust {
            Trust::Known { hosts, unknown } => {
                Ok(Arc::new(FirstUse::new(self.verifier(), hosts.clone(), *unknown, host).only_looking()))
            }
            _ => self.verifier(),
        }
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
pub(in super::super) struct Secured<S> {
    pub(in super::super) stream: TlsStream<S>,
    /// The host's own certificate, DER.
    pub(in super::super) certificate: Vec<u8>,
    /// Whether the host asked for ours.
    pub(in super::super) asked: bool,
}

/// Notes whether the host asked for our certificate.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: Option<Arc<CertifiedKey>>,
    pub(super) asked: AtomicBool,
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

pub(super) fn config(
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
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let host = host.split_once('%').map_or(host, |(address, _)| address);
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))
}
