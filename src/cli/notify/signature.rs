//! The signature of what is sent.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns the value of the header: the time in seconds, and the HMAC-SHA256 over `TIME.BODY` in hexadecimal.
///
/// The time is under the signature, so that a message cannot be sent again later by somebody who has seen it.
pub(super) fn sign(key: &str, seconds: i64, body: &[u8]) -> String {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let mut value = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        _ = write!(value, "{byte:02x}");
    }
    value
}

/// The header that it stands in.
pub(super) const HEADER: &str = "x-refpoint-signature";

/// A shorter key can be guessed.
pub(super) const SHORTEST_KEY: usize = 16;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// OpenSSL reckons the same.
    fn openssl(key: &str, signed: &[u8]) -> String {
        let mut child = Command::new("openssl")
            .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &format!("key:{key}"), "-hex"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(signed).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim().rsplit(' ').next().unwrap().to_owned()
    }

    #[test]
    fn it_is_what_openssl_reckons() {
        for (key, seconds, body) in [
            ("0123456789abcdef", 1_795_000_000, "{\"event\":\"failed\"}"),
            (
                "a key of many words, longer than the block of the hash: 0123456789 0123456789 0123456789",
                0,
                "",
            ),
            ("schlüssel-mit-umlaut", -1, "日本語\n"),
        ] {
            let expected = openssl(key, format!("{seconds}.{body}").as_bytes());
            assert_eq!(sign(key, seconds, body.as_bytes()), format!("t={seconds},v1={expected}"));
        }
    }
}
