//! The certificate with which simulated hosts speak TLS.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::auth::ChannelBindings;

/// A certificate with its key.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// None could be made.
    #[error("certificate cannot be made: {0}")]
    Generate(String),
    /// The PEM holds no certificate, or none that can be read.
    #[error("no certificate in the PEM: {0}")]
    Pem(String),
    /// The PEM holds no key, or none that can be read.
    #[error("no key in the PEM: {0}")]
    Key(String),
    /// Certificate and key cannot serve TLS.
    #[error("certificate cannot be used: {0}")]
    Unusable(String),
}

impl Certificate {
    /// Makes one as `winrm quickconfig -transport:https` does: signed by itself, for these names and
    /// addresses.
    pub fn generate(names: &[String], addresses: &[IpAddr]) -> Result<Self, CertificateError> {
        let failed = |error: rcgen::Error| CertificateError::Generate(error.to_string());
        let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
        params.subject_alt_names.extend(addresses.iter().map(|address| rcgen::SanType::IpAddress(*address)));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let name = names.first().map_or("lab", String::as_str);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let key = PrivateKeyDer::try_from(key.serialize_der());
        let key = key.map_err(|reason| CertificateError::Generate(reason.to_owned()))?;
        Ok(Self { chain: vec![certificate.der().clone()], key })
    }

    /// Reads a certificate, with those that signed it behind it, and its key.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| CertificateError::Pem(error.to_string()))?;
        if chain.is_empty() {
            return Err(CertificateError::Pem("empty".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key);
        Ok(Self { chain, key: key.map_err(|error| CertificateError::Key(error.to_string()))? })
    }

    /// Returns the certificate itself (DER), which clients pin, trust or bind to.
    pub fn der(&self) -> &[u8] {
        &self.chain[0]
    }

    pub(super) fn channel(&self) -> Result<Tls, CertificateError> {
        let unusable = |error: &dyn fmt::Display| CertificateError::Unusable(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| unusable(&error))?.with_no_client_auth();
        let config = builder.with_single_cert(self.chain.clone(), self.key.clone_key());
        let mut config = config.map_err(|error| unusable(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let bindings = ChannelBindings::tls_server_end_point(self.der()).map_err(|error| unusable(&error))?;
        Ok(Tls { config: Arc::new(config), bindings, der: self.der().to_vec() })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.der().len())
    }
}

/// What a host needs to speak TLS.
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) bindings: ChannelBindings,
    pub(super) der: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_was_made_serves_and_each_is_another() {
        let [first, second] = [(), ()].map(|()| {
            Certificate::generate(&["hv01.lab.test".to_owned()], &["127.1.0.1".parse().unwrap()]).unwrap()
        });
        assert_ne!(first.der(), second.der());
        assert_eq!(first.channel().unwrap().der, first.der());
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert!(matches!(Certificate::from_pem(b"", b""), Err(CertificateError::Pem(_))));
        let pem = include_bytes!("../../tests/data/certificates/client.pem");
        assert!(matches!(Certificate::from_pem(pem, b""), Err(CertificateError::Key(_))));
    }
}
