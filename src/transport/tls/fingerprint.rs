use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::TlsError;

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
}
