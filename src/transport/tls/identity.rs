use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::error::unreadable;
use super::{Fingerprint, TlsError};
use crate::auth::Secret;

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

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.key.cert.first().map(|der| Fingerprint::of(der));
        f.debug_tuple("Identity").field(&fingerprint).finish()
    }
}

pub(super) fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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

#[cfg(test)]
mod tests {
    use super::super::Trust;
    use super::*;

    #[test]
    fn what_is_no_pem_is_refused() {
        assert!(matches!(Trust::authorities(b"hello"), Err(TlsError::Unreadable { .. })));
        assert!(Identity::from_pem(b"", b"", None).is_err());
        let old = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        assert!(matches!(encrypted_key(old), Err(TlsError::Unreadable { .. })));
    }
}
