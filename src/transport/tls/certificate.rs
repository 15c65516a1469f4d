use std::net::IpAddr;

use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512,
    OID_SIG_ED25519,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::super::answer::harmless;
use super::{Fingerprint, TlsError};

/// What a certificate says of itself. Whether any of it is true a [`Trust`](super::Trust) decides; this is for
/// the person who has to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses that it is for; without any, no client takes it for a host's.
    pub names: Vec<String>,
    /// From when it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: i64,
    /// The kind of its key: `RSA`, `EC P-256`, `Ed25519`.
    pub key: String,
    /// How long the key is.
    pub key_bits: usize,
    /// How it is signed: `sha256WithRSA`, `ecdsa-with-SHA384`; an identifier where nobody here knows its name.
    pub signature: String,
    /// Whether subject and issuer are the same, as in those that hosts make for themselves.
    pub is_self_issued: bool,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

impl CertificateFacts {
    /// Reads a certificate (DER).
    pub fn read(der: &[u8]) -> Result<Self, TlsError> {
        let unreadable =
            |reason: &str| TlsError::Unreadable { what: "certificate", reason: reason.to_owned() };
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| unreadable(&error.to_string()))?;
        let key = certificate.public_key();
        let (key_name, key_bits) = match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => ("RSA".to_owned(), rsa.key_size()),
            Ok(PublicKey::EC(point)) => (curve(&key.algorithm), point.key_size()),
            _ if key.algorithm.algorithm == OID_SIG_ED25519 => ("Ed25519".to_owned(), 256),
            _ => (key.algorithm.algorithm.to_id_string(), 0),
        };
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.map(|extension| extension.value.general_names.iter().filter_map(name).collect());
        Ok(Self {
            subject: harmless(&certificate.subject().to_string(), LONGEST),
            issuer: harmless(&certificate.issuer().to_string(), LONGEST),
            names: names.unwrap_or_default(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            key: key_name,
            key_bits,
            signature: signature(&certificate),
            is_self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            fingerprint: Fingerprint::of(der),
        })
    }

    /// Says whether its key or its signature is no longer thought strong enough.
    pub fn is_weak(&self) -> bool {
        self.key == "RSA" && self.key_bits < 2048 || self.signature == SHA1
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(harmless(name, LONGEST)),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
            16 => <[u8; 16]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn curve(algorithm: &x509_parser::x509::AlgorithmIdentifier<'_>) -> String {
    let named = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    let known = [(OID_EC_P256, "P-256"), (OID_NIST_EC_P384, "P-384"), (OID_NIST_EC_P521, "P-521")];
    let name = named.and_then(|oid| known.iter().find(|(one, _)| *one == oid).map(|(_, name)| *name));
    match name {
        Some(name) => format!("EC {name}"),
        None => "EC".to_owned(),
    }
}

fn signature(certificate: &X509Certificate<'_>) -> String {
    let oid = &certificate.signature_algorithm.algorithm;
    let known = [
        (OID_PKCS1_SHA1WITHRSA, SHA1),
        (OID_PKCS1_SHA256WITHRSA, "sha256WithRSA"),
        (OID_PKCS1_SHA384WITHRSA, "sha384WithRSA"),
        (OID_PKCS1_SHA512WITHRSA, "sha512WithRSA"),
        (OID_PKCS1_RSASSAPSS, "RSASSA-PSS"),
        (OID_SIG_ECDSA_WITH_SHA256, "ecdsa-with-SHA256"),
        (OID_SIG_ECDSA_WITH_SHA384, "ecdsa-with-SHA384"),
        (OID_SIG_ECDSA_WITH_SHA512, "ecdsa-with-SHA512"),
        (OID_SIG_ED25519, "Ed25519"),
        // Not signatures, but nothing keeps a certificate from saying so.
        (OID_PKCS1_RSAENCRYPTION, "rsaEncryption"),
        (OID_KEY_TYPE_EC_PUBLIC_KEY, "ecPublicKey"),
    ];
    let name = known.iter().find(|(one, _)| one == oid).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| oid.to_id_string())
}

const SHA1: &str = "sha1WithRSA";
/// Longer names are no names.
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn facts(change: impl FnOnce(&mut CertificateParams)) -> CertificateFacts {
        let mut params = CertificateParams::new(vec!["hv01.lab.test".to_owned()]).unwrap();
        params.subject_alt_names.push(rcgen::SanType::IpAddress([10, 0, 0, 7].into()));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        CertificateFacts::read(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn a_certificate_tells_its_names_dates_key_and_signature() {
        let facts = facts(|params| {
            params.distinguished_name.push(DnType::CommonName, "hv01");
            params.not_before = rcgen::date_time_ymd(2026, 1, 1);
            params.not_after = rcgen::date_time_ymd(2027, 1, 1);
        });
        assert_eq!(facts.names, ["hv01.lab.test", "10.0.0.7"]);
        assert!(facts.subject.contains("CN=hv01"), "{}", facts.subject);
        assert_eq!((facts.not_before, facts.not_after), (1_767_225_600, 1_798_761_600));
        assert_eq!((facts.key.as_str(), facts.key_bits), ("EC P-256", 256));
        assert_eq!(facts.signature, "ecdsa-with-SHA256");
        assert!(facts.is_self_issued && !facts.is_weak());
    }

    #[test]
    fn a_short_key_and_an_old_hash_are_weak() {
        let good = facts(|_| {});
        let rsa = |bits, signature: &str| CertificateFacts {
            key: "RSA".to_owned(),
            key_bits: bits,
            signature: signature.to_owned(),
            ..good.clone()
        };
        assert!(rsa(1024, "sha256WithRSA").is_weak() && rsa(2048, "sha1WithRSA").is_weak());
        assert!(!rsa(2048, "sha256WithRSA").is_weak());
    }

    #[test]
    fn what_is_no_certificate_is_an_error_and_what_a_name_holds_steers_no_terminal() {
        for bytes in [&b""[..], b"0", b"\x30\x82\xff\xff", &[0x30; 64]] {
            assert!(CertificateFacts::read(bytes).is_err(), "{bytes:?}");
        }
        let facts = facts(|params| params.distinguished_name.push(DnType::CommonName, "a\u{1b}[2J"));
        assert!(!facts.subject.contains('\u{1b}'), "{:?}", facts.subject);
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = CertificateFacts::read(&bytes);
        }

        #[test]
        fn a_certificate_that_was_tampered_with_never_panics(at in any::<prop::sample::Index>(), byte: u8) {
            let mut der = include_bytes!("../../../tests/data/certificates/rsa-sha256.der").to_vec();
            let at = at.index(der.len());
            der[at] = byte;
            let _ = CertificateFacts::read(&der);
        }
    }
}
