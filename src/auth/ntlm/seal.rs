use std::fmt;

use hmac::{Hmac, Mac};
use md5::Md5;
use rc4::{KeyInit, Rc4, StreamCipher};

use super::super::{Error, Result, Seal, Secret, sealed};
use super::crypto::{equal, keyed, md5};
use super::messages::Flags;

/// Signing and sealing with the keys of one login, [MS-NLMP] 3.4.
pub struct Sealer {
    outgoing: Direction,
    incoming: Direction,
    poisoned: bool,
}

/// Which end of the login a [`Sealer`] stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The initiator.
    Client,
    /// The acceptor.
    Server,
}

impl Sealer {
    /// Derives the four keys from ExportedSessionKey, [MS-NLMP] 3.4.5.
    pub fn new(exported_session_key: &Secret<[u8; 16]>, flags: Flags, side: Side) -> Self {
        let key = exported_session_key.expose();
        let client = Direction::new(key, flags, "client-to-server");
        let server = Direction::new(key, flags, "server-to-client");
        let (outgoing, incoming) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        Self { outgoing, incoming, poisoned: false }
    }

    /// Signs the mechanism list of SPNEGO, then rewinds the key stream but not the sequence number,
    /// [MS-SPNG] 3.3.5.1.
    pub(in super::super) fn mic(&mut self, data: &[u8]) -> Result<[u8; 16]> {
        let signature = self.outgoing.sign(data)?;
        self.outgoing.rewind();
        Ok(signature)
    }

    /// Verifies the peer's signature over the mechanism list, and rewinds likewise.
    pub(in super::super) fn verify_mic(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        let expected = self.incoming.sign(data)?;
        self.incoming.rewind();
        match equal(&expected, signature) {
            true => Ok(()),
            false => Err(Error::NotVerified { what: "mechListMIC" }),
        }
    }

    fn try_unseal(&mut self, token: &[u8], message: &mut [u8]) -> Result<()> {
        let Ok(token) = <&[u8; 16]>::try_from(token) else {
            return Err(Error::SealBroken { reason: "signature is not 16 bytes" });
        };
        let expected = self.incoming.decrypt(message)?;
        match equal(&expected, token) {
            true => Ok(()),
            false if expected[12..] != token[12..] => {
                Err(Error::SealBroken { reason: "message out of sequence" })
            }
            false => Err(Error::SealBroken { reason: "signature does not match" }),
        }
    }
}

impl Seal for Sealer {
    fn protocol(&self) -> &'static str {
        sealed::SPNEGO
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>> {
        if self.poisoned {
            return Err(Error::SealPoisoned);
        }
        let signature = self.outgoing.encrypt(message);
        self.poisoned = signature.is_err();
        signature.map(Vec::from)
    }

    fn unseal(&mut self, token: &[u8], message: &mut Vec<u8>) -> Result<()> {
        let result = match self.poisoned {
            true => Err(Error::SealPoisoned),
            false => self.try_unseal(token, message),
        };
        if result.is_err() {
            self.poisoned = true;
            message.clear();
        }
        result
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(sent {}, received {})", self.outgoing.sequence, self.incoming.sequence)
    }
}

/// The keys of one direction.
///
/// INVARIANT: `sequence` is the number of the next message, and `stream` has produced exactly the bytes
/// of the messages before it since the last rewind.
struct Direction {
    signing: Hmac<Md5>,
    sealing_key: Secret<[u8; 16]>,
    stream: Rc4,
    sequence: u32,
    key_exchange: bool,
}

impl Direction {
    fn new(key: &[u8; 16], flags: Flags, name: &str) -> Self {
        let magic = |use_: &str| format!("session key to {name} {use_} key magic constant\0");
        let signing_key = Secret::new(md5(&[key, magic("signing").as_bytes()]));
        let strength = match flags {
            flags if flags.contains(Flags::KEY_128) => 16,
            flags if flags.contains(Flags::KEY_56) => 7,
            _ => 5,
        };
        let sealing_key = Secret::new(md5(&[&key[..strength], magic("sealing").as_bytes()]));
        Self {
            signing: keyed(signing_key.expose()),
            stream: stream(&sealing_key),
            sealing_key,
            sequence: 0,
            key_exchange: flags.contains(Flags::KEY_EXCH),
        }
    }

    fn rewind(&mut self) {
        self.stream = stream(&self.sealing_key);
    }

    fn sign(&mut self, data: &[u8]) -> Result<[u8; 16]> {
        let mut mac = self.start_mac()?;
        mac.update(data);
        self.finish(mac)
    }

    /// Encrypts in place. The message goes through in pieces that stay in the processor's cache
    /// between being signed and being encrypted.
    fn encrypt(&mut self, message: &mut [u8]) -> Result<[u8; 16]> {
        let mut mac = self.start_mac()?;
        for piece in message.chunks_mut(PIECE) {
            mac.update(piece);
            self.stream.apply_keystream(piece);
        }
        self.finish(mac)
    }

    /// Decrypts in place and returns the signature the message should have.
    fn decrypt(&mut self, message: &mut [u8]) -> Result<[u8; 16]> {
        let mut mac = self.start_mac()?;
        for piece in message.chunks_mut(PIECE) {
            self.stream.apply_keystream(piece);
            mac.update(piece);
        }
        self.finish(mac)
    }

    fn start_mac(&self) -> Result<Hmac<Md5>> {
        if self.sequence == u32::MAX {
            return Err(Error::SealBroken { reason: "sequence numbers are used up" });
        }
        let mut mac = self.signing.clone();
        mac.update(&self.sequence.to_le_bytes());
        Ok(mac)
    }

    /// NTLMSSP_MESSAGE_SIGNATURE with extended session security, [MS-NLMP] 3.4.4.2. The checksum comes
    /// after the message on the same key stream.
    fn finish(&mut self, mac: Hmac<Md5>) -> Result<[u8; 16]> {
        let mut checksum: [u8; 16] = mac.finalize().into_bytes().into();
        if self.key_exchange {
            self.stream.apply_keystream(&mut checksum[..8]);
        }
        let mut signature = [0; 16];
        signature[0] = 1;
        signature[4..12].copy_from_slice(&checksum[..8]);
        signature[12..].copy_from_slice(&self.sequence.to_le_bytes());
        self.sequence += 1;
        Ok(signature)
    }
}

const PIECE: usize = 16 * 1024;

fn stream(key: &Secret<[u8; 16]>) -> Rc4 {
    Rc4::new_from_slice(key.expose()).expect("RC4 takes keys of 1 to 256 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY_FLAGS: Flags = Flags::WANTED;

    fn pair() -> (Sealer, Sealer) {
        let key = Secret::new([0x55; 16]);
        (Sealer::new(&key, KEY_FLAGS, Side::Client), Sealer::new(&key, KEY_FLAGS, Side::Server))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn plaintext() -> Vec<u8> {
        "Plaintext".encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    // [MS-NLMP] 4.2.4.4 for the first; the second continues key stream and sequence.
    #[test]
    fn sealing_is_that_of_the_specification() {
        let (mut client, mut server) = pair();
        let vectors = [
            ("54e50165bf1936dc996020c1811b0f06fb5f", "010000007fb38ec5c55d497600000000"),
            ("64c308e09ea236e7f4232553c94a01e700fa", "01000000255405955d31d8c401000000"),
        ];
        for (cipher, signature) in vectors {
            let mut message = plaintext();
            let token = client.seal(&mut message).unwrap();
            assert_eq!((hex(&message).as_str(), hex(&token).as_str()), (cipher, signature));
            server.unseal(&token, &mut message).unwrap();
            assert_eq!(message, plaintext());
        }
    }

    #[test]
    fn the_four_keys_are_those_of_the_specification() {
        let sealing = |name| hex(Direction::new(&[0x55; 16], KEY_FLAGS, name).sealing_key.expose());
        assert_eq!(sealing("client-to-server"), "59f600973cc4960a25480a7c196e4c58");
        assert_eq!(sealing("server-to-client"), "9355f3a957c1583d25c4c2f11e40390e");
        let signing = |name: &str| {
            let magic = format!("session key to {name} signing key magic constant\0");
            hex(&md5(&[&[0x55; 16], magic.as_bytes()]))
        };
        assert_eq!(signing("client-to-server"), "4788dc861b4782f35d43fd98fe1a2d39");
        assert_eq!(signing("server-to-client"), "d04d6f10741041d1d246d64188d7a8ad");
    }

    #[test]
    fn after_the_mechanism_list_the_stream_rewinds_and_the_sequence_does_not() {
        let (mut client, mut server) = pair();
        let list = b"\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
        let mic = client.mic(list).unwrap();
        assert_eq!(hex(&mic), "0100000022a3984fefbb9c3200000000");
        server.verify_mic(list, &mic).unwrap();
        let mut message = plaintext();
        let token = client.seal(&mut message).unwrap();
        assert_eq!(hex(&message), "54e50165bf1936dc996020c1811b0f06fb5f");
        assert_eq!(hex(&token), "010000001deafbcced2a4ea901000000");
        server.unseal(&token, &mut message).unwrap();
        assert_eq!(message, plaintext());
    }

    #[test]
    fn each_flipped_bit_breaks_the_seal_for_good() {
        let (mut client, _) = pair();
        let mut cipher = b"<s/>".to_vec();
        let token = client.seal(&mut cipher).unwrap();
        for bit in 0..(token.len() + cipher.len()) * 8 {
            let (mut bad_token, mut bad_cipher) = (token.clone(), cipher.clone());
            match bit / 8 {
                byte if byte < 16 => bad_token[byte] ^= 1 << (bit % 8),
                byte => bad_cipher[byte - 16] ^= 1 << (bit % 8),
            }
            let (_, mut server) = pair();
            assert!(matches!(server.unseal(&bad_token, &mut bad_cipher), Err(Error::SealBroken { .. })));
            assert!(bad_cipher.is_empty(), "unverified text was left behind");
            assert_eq!(server.unseal(&token, &mut cipher.clone()), Err(Error::SealPoisoned));
            assert_eq!(server.seal(&mut cipher.clone()), Err(Error::SealPoisoned));
        }
    }

    #[test]
    fn a_message_cannot_be_repeated_skipped_or_reflected() {
        let (mut client, mut server) = pair();
        let mut first = b"one".to_vec();
        let token = client.seal(&mut first).unwrap();
        let mut second = b"two".to_vec();
        let token_of_second = client.seal(&mut second).unwrap();

        assert!(client.unseal(&token, &mut first.clone()).is_err());
        server.unseal(&token, &mut first.clone()).unwrap();
        assert!(server.unseal(&token, &mut first.clone()).is_err());
        let (_, mut other) = pair();
        assert_eq!(
            other.unseal(&token_of_second, &mut second),
            Err(Error::SealBroken { reason: "message out of sequence" })
        );
    }

    #[test]
    fn the_sequence_ends_rather_than_starting_again() {
        let (mut client, _) = pair();
        client.outgoing.sequence = u32::MAX - 1;
        assert!(client.seal(&mut b"last".to_vec()).is_ok());
        assert!(client.seal(&mut b"too late".to_vec()).is_err());
        assert_eq!(client.seal(&mut b"still".to_vec()), Err(Error::SealPoisoned));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_is_unsealed(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40_000), 1..4),
            key: [u8; 16],
        ) {
            let key = Secret::new(key);
            let mut server = Sealer::new(&key, KEY_FLAGS, Side::Server);
            let mut client = Sealer::new(&key, KEY_FLAGS, Side::Client);
            for plain in messages {
                let mut message = plain.clone();
                let token = server.seal(&mut message).unwrap();
                client.unseal(&token, &mut message).unwrap();
                prop_assert_eq!(message, plain);
            }
        }

        #[test]
        fn any_token_never_panics(
            token in proptest::collection::vec(any::<u8>(), 0..24),
            message in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let (_, mut server) = pair();
            prop_assert!(server.unseal(&token, &mut message.clone()).is_err());
        }
    }
}
