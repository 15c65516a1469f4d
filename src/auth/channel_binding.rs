use std::fmt;

use md5::{Digest, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::der::{self, Reader};
use super::{Error, Result};

/// The TLS channel a login is bound to: `tls-server-end-point`, [RFC 5929] section 4.
///
/// A login token that carries it is worthless on any other server's channel, so a relay gains nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBindings {
    application_data: Vec<u8>,
}

impl ChannelBindings {
    /// Binds to the server's leaf certificate (DER), hashed as its own signature says.
    ///
    /// MD5 and SHA-1 are replaced by SHA-256 ([RFC 5929] section 4.1). A signature that names no single
    /// hash of the SHA-2 family (Ed25519, unknown ones) gets SHA-256 too, as other implementations do.
    pub fn tls_server_end_point(certificate: &[u8]) -> Result<Self> {
        let hash = match signature_hash(certificate)? {
            Hash::Sha224 => Sha224::digest(certificate).to_vec(),
            Hash::Sha256 => Sha256::digest(certificate).to_vec(),
            Hash::Sha384 => Sha384::digest(certificate).to_vec(),
            Hash::Sha512 => Sha512::digest(certificate).to_vec(),
        };
        Ok(Self::from_certificate_hash(&hash))
    }

    /// Binds to a certificate by a hash somebody else computed.
    pub fn from_certificate_hash(hash: &[u8]) -> Self {
        Self { application_data: [b"tls-server-end-point:", hash].concat() }
    }

    /// Returns the application data, as GSSAPI takes it.
    pub fn application_data(&self) -> &[u8] {
        &self.application_data
    }

    /// Returns the serialised `gss_channel_bindings_struct`, [RFC 4121] section 4.1.1.2: two empty
    /// addresses of type 0, then the application data, lengths in little endian.
    pub fn gss_struct(&self) -> Vec<u8> {
        let length = self.application_data.len() as u32;
        [&[0; 16], &length.to_le_bytes()[..], &self.application_data].concat()
    }

    /// Returns the digest NTLM carries as MsvAvChannelBindings, [MS-NLMP] 2.2.2.1.
    pub fn md5(&self) -> [u8; 16] {
        Md5::digest(self.gss_struct()).into()
    }
}

impl fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelBindings({} bytes)", self.application_data.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`, [RFC 5280] 4.1.
fn signature_hash(certificate: &[u8]) -> Result<Hash> {
    let mut outer = Reader::new(certificate);
    let mut fields = Reader::new(outer.read(der::SEQUENCE).map_err(not_a_certificate)?);
    outer.finish().map_err(not_a_certificate)?;
    fields.read(der::SEQUENCE).map_err(not_a_certificate)?;
    let algorithm = fields.read(der::SEQUENCE).map_err(not_a_certificate)?;
    fields.read(der::BIT_STRING).map_err(not_a_certificate)?;
    fields.finish().map_err(not_a_certificate)?;

    let mut algorithm = Reader::new(algorithm);
    let oid = algorithm.read(der::OID).map_err(not_a_certificate)?;
    match oid == RSASSA_PSS {
        true => Ok(pss_hash(algorithm).unwrap_or(Hash::Sha256)),
        false => Ok(hash_of(oid)),
    }
}

/// `RSASSA-PSS-params ::= SEQUENCE { [0] hashAlgorithm DEFAULT sha1, … }`, [RFC 4055] section 3.1.
fn pss_hash(mut algorithm: Reader<'_>) -> Result<Hash> {
    let mut parameters = Reader::new(algorithm.read(der::SEQUENCE)?);
    match parameters.explicit(0, der::SEQUENCE)? {
        Some(hash) => Ok(hash_of(Reader::new(hash).read(der::OID)?)),
        // The default is SHA-1, which is replaced.
        None => Ok(Hash::Sha256),
    }
}

fn hash_of(oid: &[u8]) -> Hash {
    let known = HASHES.iter().find(|(name, _)| *name == oid);
    known.map_or(Hash::Sha256, |(_, hash)| *hash)
}

fn not_a_certificate(_: Error) -> Error {
    Error::Malformed { what: "server certificate", reason: "not a DER certificate" }
}

/// id-RSASSA-PSS, 1.2.840.113549.1.1.10.
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];

/// Signature and hash identifiers whose hash is neither SHA-256 nor replaced by it.
const HASHES: [(&[u8], Hash); 12] = [
    // sha384/512/224WithRSAEncryption, 1.2.840.113549.1.1.12 to 14
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13], Hash::Sha512),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14], Hash::Sha224),
    // ecdsa-with-SHA224/384/512, 1.2.840.10045.4.3.1, 3, 4
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], Hash::Sha224),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], Hash::Sha512),
    // id-dsa-with-sha224/384/512, 2.16.840.1.101.3.4.3.1, 3, 4
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 1], Hash::Sha224),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 3], Hash::Sha384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 4], Hash::Sha512),
    // id-sha384, id-sha512, id-sha224, 2.16.840.1.101.3.4.2.2 to 4 (in PSS parameters)
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], Hash::Sha384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], Hash::Sha512),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4], Hash::Sha224),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with that signature algorithm; the rest of it does not matter here.
    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let tbs = der::value(der::SEQUENCE, b"\x02\x01\x07");
        let algorithm = der::value(der::SEQUENCE, algorithm);
        let signature = der::value(der::BIT_STRING, &[0, 1, 2, 3]);
        der::value(der::SEQUENCE, &[tbs, algorithm, signature].concat())
    }

    fn oid(last: u8) -> Vec<u8> {
        der::value(der::OID, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last])
    }

    fn pss(parameters: &[u8]) -> Vec<u8> {
        certificate(&[oid(10), der::value(der::SEQUENCE, parameters)].concat())
    }

    fn pss_with(hash: u8) -> Vec<u8> {
        let hash = der::value(der::OID, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, hash]);
        let algorithm = der::value(der::SEQUENCE, &hash);
        pss(&der::value(der::context(0), &algorithm))
    }

    #[test]
    fn the_gss_struct_and_its_digest_are_those_of_the_vector() {
        let bindings = ChannelBindings::from_certificate_hash(&Sha256::digest(b"abc"));
        let structure = bindings.gss_struct();
        assert_eq!(structure.len(), 73);
        assert_eq!(structure[..20], [&[0; 16][..], &[0x35, 0, 0, 0]].concat());
        assert_eq!(u128::from_be_bytes(bindings.md5()), 0xaf170326dfd6fc6cc21c3364343df0b2);
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let cases = [
            (certificate(&oid(4)), Hash::Sha256),  // md5
            (certificate(&oid(5)), Hash::Sha256),  // sha1
            (certificate(&oid(11)), Hash::Sha256), // sha256
            (certificate(&oid(12)), Hash::Sha384),
            (certificate(&oid(13)), Hash::Sha512),
            (certificate(&der::value(der::OID, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3])), Hash::Sha384),
            (certificate(&der::value(der::OID, &[0x2b, 0x65, 0x70])), Hash::Sha256), // Ed25519
        ];
        for (der, hash) in cases {
            assert_eq!(signature_hash(&der).unwrap(), hash, "{der:02x?}");
        }
    }

    // A client that crashed on PSS, and ones that always hashed with SHA-256, were met in the field:
    // pypsrp#63, WinRM#348.
    #[test]
    fn pss_names_its_hash_in_the_parameters() {
        assert_eq!(signature_hash(&pss_with(2)).unwrap(), Hash::Sha384);
        assert_eq!(signature_hash(&pss_with(3)).unwrap(), Hash::Sha512);
        assert_eq!(signature_hash(&pss_with(1)).unwrap(), Hash::Sha256);
        assert_eq!(signature_hash(&pss(b"")).unwrap(), Hash::Sha256);
        assert_eq!(signature_hash(&certificate(&oid(10))).unwrap(), Hash::Sha256);
    }

    #[test]
    fn a_certificate_hashes_whole() {
        let der = pss_with(2);
        let expected = ChannelBindings::from_certificate_hash(&Sha384::digest(&der));
        assert_eq!(ChannelBindings::tls_server_end_point(&der).unwrap(), expected);
    }

    #[test]
    fn real_certificates_are_hashed_as_they_are_signed() {
        macro_rules! certificate {
            ($name:literal) => {
                &include_bytes!(concat!("../../tests/data/certificates/", $name, ".der"))[..]
            };
        }
        // The first bytes of the hash are enough to tell which it was.
        let cases = [
            (certificate!("rsa-sha1"), 32, 0xca118f858926568f_u64),
            (certificate!("rsa-sha256"), 32, 0x4d2ef11fe1757146),
            (certificate!("rsa-sha512"), 64, 0x7cf400a192ca63f6),
            (certificate!("ecdsa-sha384"), 48, 0xa501783337a9022c),
            (certificate!("pss-sha384"), 48, 0xec8d3fef4e23c02d),
            (certificate!("pss-sha512"), 64, 0x965111938521dd36),
            (certificate!("ed25519"), 32, 0x17091d95ba32f975),
        ];
        for (der, length, start) in cases {
            let bindings = ChannelBindings::tls_server_end_point(der).unwrap();
            let hash = bindings.application_data().strip_prefix(b"tls-server-end-point:").unwrap();
            assert_eq!((hash.len(), &hash[..8]), (length, &start.to_be_bytes()[..]));
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert!(ChannelBindings::tls_server_end_point(b"abc").is_err());
        assert!(ChannelBindings::tls_server_end_point(&[]).is_err());
    }
}
