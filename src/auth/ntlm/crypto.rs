use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::super::{Account, FileTime, Secret};
use super::messages::utf16;

/// The NT hash of a password, NTOWFv1 in [MS-NLMP] 3.3.1. It is as good as the password.
#[derive(Clone)]
pub struct NtHash(Secret<[u8; 16]>);

impl NtHash {
    /// Hashes a password.
    pub fn of(password: &str) -> Self {
        // Room for all of it at once: a buffer that grows leaves copies behind. No character takes more
        // than twice its bytes.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * password.len()));
        text.extend(password.encode_utf16().flat_map(u16::to_le_bytes));
        Self(Secret::new(Md4::digest(&*text).into()))
    }
}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(***)")
    }
}

/// NTOWFv2 of one account, [MS-NLMP] 3.3.2: all that NTLMv2 ever needs of the password.
#[derive(Clone)]
pub struct ResponseKey(Secret<[u8; 16]>);

impl ResponseKey {
    /// Derives the key from the password.
    pub fn derive(account: &Account, password: &Secret<String>) -> Self {
        Self::from_hash(account, &NtHash::of(password.expose()))
    }

    /// Derives the key from the NT hash. Only the user is put into upper case, never the domain.
    pub fn from_hash(account: &Account, hash: &NtHash) -> Self {
        let mut name = upper_case(&account.user);
        name.extend_from_slice(&utf16(&account.domain));
        Self(Secret::new(hmac_md5(hash.0.expose(), &[&name])))
    }

    /// Computes NTProofStr and, from it, the session base key.
    pub(super) fn prove(&self, server_challenge: &[u8; 8], blob: &[u8]) -> Proof {
        let proof = hmac_md5(self.0.expose(), &[server_challenge, blob]);
        let session_base_key = Secret::new(hmac_md5(self.0.expose(), &[&proof]));
        Proof { proof, session_base_key }
    }

    /// Computes the LMv2 response, for a server without a timestamp.
    pub(super) fn lm_v2(&self, server_challenge: &[u8; 8], client_challenge: &[u8; 8]) -> Vec<u8> {
        let proof = hmac_md5(self.0.expose(), &[server_challenge, client_challenge]);
        [&proof[..], client_challenge].concat()
    }
}

impl fmt::Debug for ResponseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseKey(***)")
    }
}

/// The proof of an NTLMv2 response and the key that follows from it.
pub(super) struct Proof {
    pub(super) proof: [u8; 16],
    pub(super) session_base_key: Secret<[u8; 16]>,
}

/// NTLMv2_CLIENT_CHALLENGE, [MS-NLMP] 2.2.2.7, with the four zero bytes that end it.
pub(super) fn client_blob(time: FileTime, client_challenge: &[u8; 8], target_info: &[u8]) -> Vec<u8> {
    let time = time.0.to_le_bytes();
    [&[1, 1, 0, 0, 0, 0, 0, 0], &time[..], client_challenge, &[0; 4], target_info, &[0; 4]].concat()
}

pub(super) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = keyed(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

pub(super) fn keyed(key: &[u8]) -> Hmac<Md5> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

pub(super) fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// Compares without telling by its duration where the difference is.
pub(super) fn equal(left: &[u8], right: &[u8]) -> bool {
    let differences = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    left.len() == right.len() && std::hint::black_box(differences) == 0
}

/// Puts a user name into upper case as Windows does: one UTF-16 unit for one, so that "ß" stays, as do
/// characters outside the basic plane and the two letters (ı, ſ) whose capitals are ASCII.
fn upper_case(text: &str) -> Vec<u8> {
    text.encode_utf16().map(upper_case_unit).flat_map(u16::to_le_bytes).collect()
}

fn upper_case_unit(unit: u16) -> u16 {
    let Some(letter) = char::from_u32(unit.into()) else { return unit };
    let mut upper = letter.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(capital), None) if letter.is_ascii() || !capital.is_ascii() => {
            u16::try_from(u32::from(capital)).unwrap_or(unit)
        }
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(bytes: [u8; 16]) -> u128 {
        u128::from_be_bytes(bytes)
    }

    fn vector_account() -> Account {
        Account { user: "User".into(), domain: "Domain".into() }
    }

    fn vector_key() -> ResponseKey {
        ResponseKey::derive(&vector_account(), &Secret::new("Password".into()))
    }

    const SERVER_CHALLENGE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

    const TARGET_INFO: &[u8] = b"\x02\0\x0c\0D\0o\0m\0a\0i\0n\0\x01\0\x0c\0S\0e\0r\0v\0e\0r\0\0\0\0\0";

    // [MS-NLMP] 4.2.4.1.
    #[test]
    fn the_one_way_functions_are_those_of_the_specification() {
        assert_eq!(number(*NtHash::of("Password").0.expose()), 0xa4f49c406510bdcab6824ee7c30fd852);
        assert_eq!(number(*vector_key().0.expose()), 0x0c868a403bfd7a93a3001ef22ef02e3f);
    }

    // [MS-NLMP] 4.2.4.1.2, 4.2.4.1.3 and 4.2.4.2.
    #[test]
    fn the_response_is_that_of_the_specification() {
        let blob = client_blob(FileTime(0), &[0xaa; 8], TARGET_INFO);
        assert_eq!(blob.len(), 68);
        let proof = vector_key().prove(&SERVER_CHALLENGE, &blob);
        assert_eq!(number(proof.proof), 0x68cd0ab851e51c96aabc927bebef6a1c);
        assert_eq!(number(*proof.session_base_key.expose()), 0x8de40ccadbc14a82f15cb0ad0de95ca3);
        let lm = vector_key().lm_v2(&SERVER_CHALLENGE, &[0xaa; 8]);
        assert_eq!(number(lm[..16].try_into().unwrap()), 0x86c35097ac9cec102554764a57cccc19);
        assert_eq!(lm[16..], [0xaa; 8]);
    }

    // Seen with a user "groß": Windows keeps the letter, while Unicode makes two of it.
    #[test]
    fn capitals_are_one_for_one() {
        let upper = |text: &str| {
            String::from_utf16(
                &upper_case(text)
                    .chunks_exact(2)
                    .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(upper("groß").unwrap(), "GROß");
        assert_eq!(upper("émilie-ÿ").unwrap(), "ÉMILIE-Ÿ");
        assert_eq!(upper("ıſﬁ𐐨").unwrap(), "ıſﬁ𐐨");
    }

    #[test]
    fn the_key_depends_on_the_domain_as_it_is_written() {
        let key = |domain: &str| {
            let account = Account { user: "mia".into(), domain: domain.into() };
            number(*ResponseKey::derive(&account, &Secret::new("x".into())).0.expose())
        };
        assert_ne!(key("LAB"), key("lab"));
        assert_ne!(key(""), key("LAB"));
    }

    #[test]
    fn comparison_notices_length_and_content() {
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd") && !equal(b"abc", b"ab") && !equal(b"", b"a"));
    }

    proptest! {
        // ntlmclient draws its own client challenge and does not show it, but it ends the LM response.
        #[test]
        fn an_independent_implementation_computes_the_same(
            user in "[A-Za-z0-9äöüéèçñøåžščа-я._-]{1,20}",
            domain in "[A-Za-z0-9äöü.-]{0,15}",
            password in "\\PC{0,30}",
            server_challenge: [u8; 8],
            time in 0..i64::MAX,
            target_info in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let theirs = ntlmclient::respond_challenge_ntlm_v2(
                server_challenge,
                &target_info,
                time,
                &ntlmclient::Credentials {
                    username: user.clone(),
                    password: password.clone(),
                    domain: domain.clone(),
                },
            );
            let client_challenge: [u8; 8] = theirs.lm_response[16..].try_into().unwrap();

            let key = ResponseKey::derive(&Account { user, domain }, &Secret::new(password));
            let blob = client_blob(FileTime(time as u64), &client_challenge, &target_info);
            let proof = key.prove(&server_challenge, &blob);
            prop_assert_eq!([&proof.proof[..], &blob].concat(), theirs.ntlm_response);
            prop_assert_eq!(key.lm_v2(&server_challenge, &client_challenge), theirs.lm_response);
            prop_assert_eq!(&proof.session_base_key.expose()[..], &theirs.session_key[..]);
        }
    }
}
