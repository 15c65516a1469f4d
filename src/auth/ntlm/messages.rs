use std::fmt;
use std::ops::{BitAnd, BitOr};

use super::super::{Error, FileTime, Result};
use super::SIGNATURE;

/// Any of the three messages, [MS-NLMP] 2.2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The first, from the initiator.
    Negotiate(Negotiate),
    /// The second, from the acceptor.
    Challenge(Challenge),
    /// The third, from the initiator.
    Authenticate(Authenticate),
}

impl Message {
    /// Reads one message.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let fields = Fields::new(bytes)?;
        match fields.u32(8)? {
            1 => Negotiate::read(fields).map(Self::Negotiate),
            2 => Challenge::read(fields).map(Self::Challenge),
            3 => Authenticate::read(fields).map(Self::Authenticate),
            _ => Err(malformed("unknown message type")),
        }
    }
}

/// NEGOTIATE_MESSAGE, [MS-NLMP] 2.2.1.1. Domain and workstation, which nobody needs here, stay empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiate {
    /// What the initiator can do.
    pub flags: Flags,
}

impl Negotiate {
    /// Writes the message, with the Version field: a server that finds the flag and no field reads the
    /// payload eight bytes off.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = header(1);
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        for _ in 0..2 {
            out.extend_from_slice(&[0, 0, 0, 0]);
            out.extend_from_slice(&NEGOTIATE_LENGTH.to_le_bytes());
        }
        out.extend_from_slice(&VERSION);
        out
    }

    fn read(fields: Fields<'_>) -> Result<Self> {
        let flags = Flags(fields.u32(12)?);
        // Old senders end after the flags; where the fields are, they have to be sound.
        if fields.bytes.len() >= 32 {
            fields.buffer(16)?;
            fields.buffer(24)?;
        }
        Ok(Self { flags })
    }
}

/// CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What the acceptor grants.
    pub flags: Flags,
    /// The acceptor's name, encoded as the flags say.
    pub target_name: Vec<u8>,
    /// The nonce.
    pub server_challenge: [u8; 8],
    /// What the acceptor says of itself.
    pub target_info: AvPairs,
}

impl Challenge {
    /// Writes the message.
    pub fn encode(&self) -> Vec<u8> {
        let info = self.target_info.encode();
        let mut out = header(2);
        let mut payload = Payload::starting_at(CHALLENGE_LENGTH);
        out.extend_from_slice(&payload.add(&self.target_name));
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.server_challenge);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&payload.add(&info));
        out.extend_from_slice(&VERSION);
        out.extend_from_slice(&payload.bytes);
        out
    }

    fn read(fields: Fields<'_>) -> Result<Self> {
        let target_info = match fields.bytes.len() < 48 {
            true => AvPairs::default(),
            false => AvPairs::decode(fields.buffer(40)?)?,
        };
        Ok(Self {
            flags: Flags(fields.u32(20)?),
            target_name: fields.buffer(12)?.to_vec(),
            server_challenge: fields.array(24)?,
            target_info,
        })
    }
}

/// AUTHENTICATE_MESSAGE, [MS-NLMP] 2.2.1.3.
#[derive(Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// What both sides agreed on.
    pub flags: Flags,
    /// LmChallengeResponse: zeros or LMv2.
    pub lm_response: Vec<u8>,
    /// NtChallengeResponse: the proof, then what it proves.
    pub nt_response: Vec<u8>,
    /// The user's domain.
    pub domain: String,
    /// The user.
    pub user: String,
    /// The initiator's computer.
    pub workstation: String,
    /// The session key, encrypted; empty without key exchange.
    pub encrypted_session_key: Vec<u8>,
    /// The MIC field, where the message has room for one. Only the flags inside the response say
    /// whether it means anything.
    pub mic: Option<[u8; 16]>,
}

impl Authenticate {
    /// Where the MIC stands in the message.
    pub(super) const MIC: std::ops::Range<usize> = 72..88;

    /// Writes the message. A missing MIC leaves its field zero.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = header(3);
        let mut payload = Payload::starting_at(AUTHENTICATE_LENGTH);
        let [domain, user, workstation] =
            [&self.domain, &self.user, &self.workstation].map(|text| payload.add(&utf16(text)));
        out.extend_from_slice(&payload.add(&self.lm_response));
        out.extend_from_slice(&payload.add(&self.nt_response));
        out.extend_from_slice(&domain);
        out.extend_from_slice(&user);
        out.extend_from_slice(&workstation);
        out.extend_from_slice(&payload.add(&self.encrypted_session_key));
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&VERSION);
        out.extend_from_slice(&self.mic.unwrap_or_default());
        out.extend_from_slice(&payload.bytes);
        out
    }

    /// Returns the attribute pairs inside the NTLMv2 response, [MS-NLMP] 2.2.2.8.
    pub fn client_info(&self) -> Result<AvPairs> {
        let blob = self.nt_response.get(16..).ok_or(malformed("not an NTLMv2 response"))?;
        match blob.starts_with(&[1, 1]) && blob.len() >= 32 {
            true => AvPairs::decode(&blob[28..]),
            false => Err(malformed("not an NTLMv2 response")),
        }
    }

    fn read(fields: Fields<'_>) -> Result<Self> {
        let buffers = [12, 20, 28, 36, 44, 52].map(|offset| fields.buffer(offset));
        let [lm_response, nt_response, domain, user, workstation, key] = buffers;
        // Only a payload that starts behind the field leaves room for a MIC.
        let payload = [12, 20, 28, 36, 44, 52].into_iter().filter_map(|at| fields.payload_offset(at)).min();
        let has_mic = payload.is_none_or(|offset| offset >= Self::MIC.end);
        Ok(Self {
            flags: Flags(fields.u32(60)?),
            lm_response: lm_response?.to_vec(),
            nt_response: nt_response?.to_vec(),
            domain: from_utf16(domain?)?,
            user: from_utf16(user?)?,
            workstation: from_utf16(workstation?)?,
            encrypted_session_key: key?.to_vec(),
            mic: if has_mic { fields.array(Self::MIC.start).ok() } else { None },
        })
    }
}

impl fmt::Debug for Authenticate {
    /// The responses would let an attacker guess the password at leisure, so they are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("flags", &self.flags)
            .field("domain", &self.domain)
            .field("user", &self.user)
            .field("workstation", &self.workstation)
            .finish_non_exhaustive()
    }
}

/// NEGOTIATE flags, [MS-NLMP] 2.2.2.5.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Strings are UTF-16.
    pub const UNICODE: Self = Self(0x1);
    /// The challenge names its sender.
    pub const REQUEST_TARGET: Self = Self(0x4);
    /// Messages will be signed.
    pub const SIGN: Self = Self(0x10);
    /// Messages will be sealed.
    pub const SEAL: Self = Self(0x20);
    /// NTLM authentication.
    pub const NTLM: Self = Self(0x200);
    /// Signing even where it is not asked for.
    pub const ALWAYS_SIGN: Self = Self(0x8000);
    /// The challenge comes from a server, not a domain.
    pub const TARGET_TYPE_SERVER: Self = Self(0x2_0000);
    /// Session security of NTLMv2.
    pub const EXTENDED_SESSION_SECURITY: Self = Self(0x8_0000);
    /// The challenge has target info.
    pub const TARGET_INFO: Self = Self(0x80_0000);
    /// The Version field is there.
    pub const VERSION: Self = Self(0x200_0000);
    /// 128-bit keys.
    pub const KEY_128: Self = Self(0x2000_0000);
    /// The session key is chosen by the initiator.
    pub const KEY_EXCH: Self = Self(0x4000_0000);
    /// 56-bit keys.
    pub const KEY_56: Self = Self(0x8000_0000);

    /// What our initiator asks for.
    pub const WANTED: Self = Self(
        Self::UNICODE.0
            | Self::REQUEST_TARGET.0
            | Self::SIGN.0
            | Self::SEAL.0
            | Self::NTLM.0
            | Self::ALWAYS_SIGN.0
            | Self::EXTENDED_SESSION_SECURITY.0
            | Self::VERSION.0
            | Self::KEY_128.0
            | Self::KEY_EXCH.0
            | Self::KEY_56.0,
    );

    /// Says whether all these are set.
    pub fn contains(self, all: Self) -> bool {
        self & all == all
    }

    /// Names those of `required` that are missing, for an error message.
    pub(super) fn missing(self, required: &[(Self, &str)]) -> Option<String> {
        let missing = required.iter().filter(|(flag, _)| !self.contains(*flag));
        let names: Vec<_> = missing.map(|(_, name)| *name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

impl BitAnd for Flags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// Identifiers of attribute pairs, [MS-NLMP] 2.2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvId(pub u16);

impl AvId {
    /// The end of the list.
    pub const EOL: Self = Self(0);
    /// NetBIOS name of the computer.
    pub const NB_COMPUTER: Self = Self(1);
    /// NetBIOS name of the domain.
    pub const NB_DOMAIN: Self = Self(2);
    /// DNS name of the computer.
    pub const DNS_COMPUTER: Self = Self(3);
    /// DNS name of the domain.
    pub const DNS_DOMAIN: Self = Self(4);
    /// Flags: 1 constrained, 2 the message has a MIC, 4 the service name comes from an untrusted source.
    pub const FLAGS: Self = Self(6);
    /// The server's time.
    pub const TIMESTAMP: Self = Self(7);
    /// The service the initiator means.
    pub const TARGET_NAME: Self = Self(9);
    /// MD5 of the channel bindings.
    pub const CHANNEL_BINDINGS: Self = Self(10);
}

/// A list of attribute pairs, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvPairs(Vec<(AvId, Vec<u8>)>);

impl AvPairs {
    /// The flag that a MIC is present.
    pub(super) const MIC_PRESENT: u32 = 2;

    /// Reads a list up to its end mark. What follows the mark is not looked at: the response pads it.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut pairs = Vec::new();
        let mut rest = bytes;
        // No target info at all is an empty list.
        while !rest.is_empty() {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or(malformed("attribute pair cut off"))?;
            let id = AvId(u16::from_le_bytes([head[0], head[1]]));
            let length = u16::from_le_bytes([head[2], head[3]]).into();
            let (value, tail) = tail.split_at_checked(length).ok_or(malformed("attribute pair cut off"))?;
            match (id, value) {
                (AvId::EOL, []) => return Ok(Self(pairs)),
                (AvId::EOL, _) => return Err(malformed("end of attribute pairs has a value")),
                _ => pairs.push((id, value.to_vec())),
            }
            rest = tail;
        }
        match pairs.is_empty() {
            true => Ok(Self(pairs)),
            false => Err(malformed("attribute pairs without end")),
        }
    }

    /// Writes the list and its end mark.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, value) in self.0.iter().chain([&(AvId::EOL, Vec::new())]) {
            out.extend_from_slice(&id.0.to_le_bytes());
            out.extend_from_slice(&(value.len() as u16).to_le_bytes());
            out.extend_from_slice(value);
        }
        out
    }

    /// Returns the first value with that identifier.
    pub fn value(&self, id: AvId) -> Option<&[u8]> {
        self.0.iter().find(|(found, _)| *found == id).map(|(_, value)| value.as_slice())
    }

    /// Replaces the value with that identifier where it stands, or appends it. Afterwards there is one with it,
    /// however often the list had it: whoever reads finds ours, from whichever end he looks.
    ///
    /// A value is at most 65535 bytes; what is longer is cut, and so names nothing.
    pub fn set(&mut self, id: AvId, mut value: Vec<u8>) {
        value.truncate(u16::MAX.into());
        let Some(at) = self.0.iter().position(|(found, _)| *found == id) else {
            return self.0.push((id, value));
        };
        self.remove(id);
        self.0.insert(at, (id, value));
    }

    /// Takes a value off the list.
    pub fn remove(&mut self, id: AvId) {
        self.0.retain(|(found, _)| *found != id);
    }

    /// Returns the server's time.
    pub fn timestamp(&self) -> Result<Option<FileTime>> {
        let Some(value) = self.value(AvId::TIMESTAMP) else { return Ok(None) };
        let ticks = value.try_into().map_err(|_| malformed("timestamp is not 8 bytes"))?;
        Ok(Some(FileTime(u64::from_le_bytes(ticks))))
    }

    /// Returns the flags, 0 where there are none.
    pub fn flags(&self) -> Result<u32> {
        let Some(value) = self.value(AvId::FLAGS) else { return Ok(0) };
        let flags = value.try_into().map_err(|_| malformed("attribute flags are not 4 bytes"))?;
        Ok(u32::from_le_bytes(flags))
    }

    /// Returns a name.
    pub fn text(&self, id: AvId) -> Result<Option<String>> {
        self.value(id).map(from_utf16).transpose()
    }
}

/// UTF-16, little endian, as all text in these messages.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn from_utf16(bytes: &[u8]) -> Result<String> {
    if !bytes.len().is_multiple_of(2) {
        return Err(malformed("text has an odd length"));
    }
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| malformed("text is not UTF-16"))
}

/// Windows 10.0 build 19041, NTLM revision 15, [MS-NLMP] 2.2.2.10. Servers read nothing into it.
const VERSION: [u8; 8] = [0x0a, 0, 0x61, 0x4a, 0, 0, 0, 0x0f];

const NEGOTIATE_LENGTH: u32 = 40;
const CHALLENGE_LENGTH: u32 = 56;
const AUTHENTICATE_LENGTH: u32 = 88;

fn header(kind: u32) -> Vec<u8> {
    [&SIGNATURE[..], &kind.to_le_bytes()].concat()
}

/// The part of a message behind its fixed fields.
struct Payload {
    offset: u32,
    bytes: Vec<u8>,
}

impl Payload {
    fn starting_at(offset: u32) -> Self {
        Self { offset, bytes: Vec::new() }
    }

    /// Appends a value and returns the field that points to it: length, maximum length, offset.
    fn add(&mut self, value: &[u8]) -> [u8; 8] {
        let value = &value[..value.len().min(u16::MAX.into())];
        let length = (value.len() as u16).to_le_bytes();
        let offset = (self.offset + self.bytes.len() as u32).to_le_bytes();
        self.bytes.extend_from_slice(value);
        [length[0], length[1], length[0], length[1], offset[0], offset[1], offset[2], offset[3]]
    }
}

/// A message with its fields at fixed places.
#[derive(Clone, Copy)]
struct Fields<'a> {
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self> {
        match bytes.starts_with(SIGNATURE) {
            true => Ok(Self { bytes }),
            false => Err(malformed("signature missing")),
        }
    }

    fn array<const N: usize>(self, at: usize) -> Result<[u8; N]> {
        let field = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        field.copied().ok_or(malformed("message cut off"))
    }

    fn u32(self, at: usize) -> Result<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn buffer(self, at: usize) -> Result<&'a [u8]> {
        let [low, high, _, _, offset @ ..] = self.array::<8>(at)?;
        let length = usize::from(u16::from_le_bytes([low, high]));
        if length == 0 {
            return Ok(&[]);
        }
        let offset = u32::from_le_bytes(offset) as usize;
        let range = offset..offset.saturating_add(length);
        self.bytes.get(range).ok_or(malformed("field points outside the message"))
    }

    /// Returns where a field's value starts, if it has one.
    fn payload_offset(self, at: usize) -> Option<usize> {
        let field = self.array::<8>(at).ok()?;
        let length = u16::from_le_bytes([field[0], field[1]]);
        (length > 0).then(|| u32::from_le_bytes([field[4], field[5], field[6], field[7]]) as usize)
    }
}

fn malformed(reason: &'static str) -> Error {
    Error::Malformed { what: "NTLM message", reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs() -> impl Strategy<Value = AvPairs> {
        let pair = (1u16..12, proptest::collection::vec(any::<u8>(), 0..20));
        proptest::collection::vec(pair, 0..8)
            .prop_map(|list| AvPairs(list.into_iter().map(|(id, value)| (AvId(id), value)).collect()))
    }

    #[test]
    fn a_field_may_not_point_outside_the_message() {
        let mut bytes = Negotiate { flags: Flags::WANTED }.encode();
        bytes[16] = 4;
        bytes[20] = 36;
        assert!(Message::decode(&bytes).is_ok());
        bytes[20] = 37;
        assert!(Message::decode(&bytes).is_err());
    }

    #[test]
    fn an_authenticate_message_without_room_has_no_mic() {
        let message = Authenticate {
            flags: Flags::WANTED,
            lm_response: vec![0; 24],
            nt_response: vec![1; 24],
            domain: "D".into(),
            user: "U".into(),
            workstation: String::new(),
            encrypted_session_key: Vec::new(),
            mic: Some([7; 16]),
        };
        let mut bytes = message.encode();
        assert_eq!(Message::decode(&bytes).unwrap(), Message::Authenticate(message));
        bytes[12 + 4] = 72;
        let Message::Authenticate(read) = Message::decode(&bytes).unwrap() else { panic!("type 3") };
        assert_eq!(read.mic, None);
    }

    #[test]
    fn pairs_need_their_end_mark() {
        assert!(AvPairs::decode(&[1, 0, 2, 0, 65, 0]).is_err());
        assert!(AvPairs::decode(&[0, 0, 1, 0, 65]).is_err());
        assert_eq!(AvPairs::decode(&[]).unwrap(), AvPairs::default());
        assert_eq!(AvPairs::decode(&[0, 0, 0, 0, 9, 9]).unwrap(), AvPairs::default());
    }

    // Who reads the last of two would find what somebody else has put there.
    #[test]
    fn what_is_set_stands_once() {
        let pair = |id, byte| (id, vec![byte]);
        let mut pairs = AvPairs(vec![
            pair(AvId::TARGET_NAME, 1),
            pair(AvId::DNS_COMPUTER, 2),
            pair(AvId::TARGET_NAME, 3),
            pair(AvId::TARGET_NAME, 4),
        ]);
        pairs.set(AvId::TARGET_NAME, vec![9]);
        assert_eq!(pairs, AvPairs(vec![pair(AvId::TARGET_NAME, 9), pair(AvId::DNS_COMPUTER, 2)]));
    }

    proptest! {
        #[test]
        fn a_challenge_reads_back(
            flags: u32,
            name in proptest::collection::vec(any::<u8>(), 0..30),
            server_challenge: [u8; 8],
            target_info in pairs(),
        ) {
            let challenge = Challenge { flags: Flags(flags), target_name: name, server_challenge, target_info };
            let read = Message::decode(&challenge.encode()).unwrap();
            prop_assert_eq!(read, Message::Challenge(challenge));
        }

        #[test]
        fn an_authenticate_message_reads_back(user in "\\PC{0,20}", domain in "\\PC{0,20}", mic: [u8; 16]) {
            let message = Authenticate {
                flags: Flags::WANTED,
                lm_response: vec![0; 24],
                nt_response: vec![9; 60],
                domain,
                user,
                workstation: "W".into(),
                encrypted_session_key: vec![3; 16],
                mic: Some(mic),
            };
            prop_assert_eq!(Message::decode(&message.encode()).unwrap(), Message::Authenticate(message));
        }

        #[test]
        fn any_bytes_never_panic(kind in 0u8..5, tail in proptest::collection::vec(any::<u8>(), 0..160)) {
            let bytes = [&SIGNATURE[..], &[kind, 0, 0, 0], &tail].concat();
            if let Ok(Message::Authenticate(message)) = Message::decode(&bytes) {
                let _ = message.client_info();
            }
            let _ = Message::decode(&tail);
            let _ = AvPairs::decode(&tail);
        }
    }
}
