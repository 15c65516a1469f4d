//! SPNEGO tokens, [RFC 4178] section 4.2 and [MS-SPNG] 2.2.1.

use std::fmt;

use super::der::{self, Reader};
use super::{Error, Result};

/// Any SPNEGO token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NegToken {
    /// The first token of whoever speaks first.
    Init(NegTokenInit),
    /// Every later one.
    Response(NegTokenResp),
}

impl NegToken {
    /// Reads a token, strictly.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut outer = Reader::new(bytes);
        let token = match outer.peek() {
            Some(APPLICATION) => {
                let mut framed = Reader::new(outer.read(APPLICATION)?);
                if framed.read(der::OID)? != SPNEGO {
                    return Err(malformed("mechanism is not SPNEGO"));
                }
                let init = framed.explicit(0, der::SEQUENCE)?.ok_or(malformed("no NegTokenInit"))?;
                framed.finish()?;
                NegTokenInit::read(init).map(Self::Init)
            }
            Some(RESPONSE) => {
                let fields = outer.explicit(1, der::SEQUENCE)?.ok_or(malformed("no NegTokenResp"))?;
                NegTokenResp::read(fields).map(Self::Response)
            }
            _ => Err(malformed("neither NegTokenInit nor NegTokenResp")),
        }?;
        outer.finish()?;
        Ok(token)
    }
}

/// NegTokenInit, and the NegTokenInit2 of [MS-SPNG] that only acceptors send.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NegTokenInit {
    /// The mechanisms, best first.
    pub mech_types: Vec<Mech>,
    /// The first token of the best mechanism.
    pub mech_token: Option<Vec<u8>>,
    /// The hint name of a NegTokenInit2. It says nothing, and is not to be used.
    pub hint: Option<String>,
    /// A signature over the list of mechanisms.
    pub mech_list_mic: Option<Vec<u8>>,
}

impl NegTokenInit {
    /// Writes the token. With a hint it is a NegTokenInit2, whose signature has another number.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = explicit(0, &mech_list(&self.mech_types));
        fields.extend(octets(2, self.mech_token.as_deref()));
        let mic_number = if self.hint.is_some() { 4 } else { 3 };
        if let Some(hint) = &self.hint {
            let name = explicit(0, &der::value(der::GENERAL_STRING, hint.as_bytes()));
            fields.extend(explicit(3, &der::value(der::SEQUENCE, &name)));
        }
        fields.extend(octets(mic_number, self.mech_list_mic.as_deref()));
        let init = explicit(0, &der::value(der::SEQUENCE, &fields));
        der::value(APPLICATION, &[der::value(der::OID, SPNEGO), init].concat())
    }

    fn read(fields: &[u8]) -> Result<Self> {
        let mut fields = Reader::new(fields);
        let mut list = Reader::new(fields.explicit(0, der::SEQUENCE)?.ok_or(malformed("no mechanisms"))?);
        let mut mech_types = Vec::new();
        while !list.is_empty() {
            if mech_types.len() >= MAX_MECHANISMS {
                return Err(malformed("too many mechanisms"));
            }
            mech_types.push(Mech::from_oid(list.read(der::OID)?));
        }
        if mech_types.is_empty() {
            return Err(malformed("no mechanisms"));
        }
        // reqFlags: not protected by anything, and to be ignored.
        fields.explicit(1, der::BIT_STRING)?;
        let mech_token = fields.explicit(2, der::OCTET_STRING)?.map(<[u8]>::to_vec);

        // The third field is the signature, or the hints that push the signature to number four.
        let third = Reader::new(fields.peek_field(3)?);
        let hint = match third.peek() {
            Some(der::SEQUENCE) => Some(read_hint(fields.explicit(3, der::SEQUENCE)?.unwrap_or_default())?),
            _ => None,
        };
        let mic_number = if hint.is_some() { 4 } else { 3 };
        let mech_list_mic = fields.explicit(mic_number, der::OCTET_STRING)?.map(<[u8]>::to_vec);
        fields.finish()?;
        Ok(Self { mech_types, mech_token, hint, mech_list_mic })
    }
}

impl fmt::Debug for NegTokenInit {
    /// Tokens are shown by their lengths: they hold what an attacker would like to try passwords on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegTokenInit")
            .field("mech_types", &self.mech_types)
            .field("mech_token", &self.mech_token.as_ref().map(Vec::len))
            .field("hint", &self.hint)
            .field("mech_list_mic", &self.mech_list_mic.as_ref().map(Vec::len))
            .finish()
    }
}

/// NegTokenResp.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NegTokenResp {
    /// How far the negotiation has come.
    pub state: Option<NegState>,
    /// The mechanism the acceptor chose.
    pub supported_mech: Option<Mech>,
    /// The mechanism's token.
    pub response_token: Option<Vec<u8>>,
    /// A signature over the list of mechanisms.
    pub mech_list_mic: Option<Vec<u8>>,
}

impl NegTokenResp {
    /// Writes the token.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        if let Some(state) = self.state {
            fields.extend(explicit(0, &der::value(der::ENUMERATED, &[state as u8])));
        }
        if let Some(mech) = &self.supported_mech {
            fields.extend(explicit(1, &der::value(der::OID, mech.oid())));
        }
        fields.extend(octets(2, self.response_token.as_deref()));
        fields.extend(octets(3, self.mech_list_mic.as_deref()));
        explicit(1, &der::value(der::SEQUENCE, &fields))
    }

    fn read(fields: &[u8]) -> Result<Self> {
        let mut fields = Reader::new(fields);
        let response = Self {
            state: fields.explicit(0, der::ENUMERATED)?.map(NegState::read).transpose()?,
            supported_mech: fields.explicit(1, der::OID)?.map(Mech::from_oid),
            response_token: fields.explicit(2, der::OCTET_STRING)?.map(<[u8]>::to_vec),
            mech_list_mic: fields.explicit(3, der::OCTET_STRING)?.map(<[u8]>::to_vec),
        };
        fields.finish()?;
        Ok(response)
    }
}

impl fmt::Debug for NegTokenResp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NegTokenResp")
            .field("state", &self.state)
            .field("supported_mech", &self.supported_mech)
            .field("response_token", &self.response_token.as_ref().map(Vec::len))
            .field("mech_list_mic", &self.mech_list_mic.as_ref().map(Vec::len))
            .finish()
    }
}

/// negState.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NegState {
    /// The login is finished, as far as the acceptor is concerned.
    AcceptCompleted = 0,
    /// More has to come.
    AcceptIncomplete = 1,
    /// The login has failed.
    Reject = 2,
    /// More has to come, a signature over the list of mechanisms included.
    RequestMic = 3,
}

impl NegState {
    fn read(content: &[u8]) -> Result<Self> {
        match content {
            [0] => Ok(Self::AcceptCompleted),
            [1] => Ok(Self::AcceptIncomplete),
            [2] => Ok(Self::Reject),
            [3] => Ok(Self::RequestMic),
            _ => Err(malformed("unknown state")),
        }
    }
}

/// A mechanism in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mech {
    /// 1.2.840.113554.1.2.2
    Kerberos,
    /// 1.2.840.48018.1.2.2: the same, under the number old Windows had for it.
    MsKerberos,
    /// 1.3.6.1.4.1.311.2.2.10
    Ntlm,
    /// Something we do not speak, by its encoded number.
    Other(Vec<u8>),
}

impl Mech {
    /// Returns the encoded object identifier.
    pub fn oid(&self) -> &[u8] {
        match self {
            Self::Kerberos => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2],
            Self::MsKerberos => &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2],
            Self::Ntlm => &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10],
            Self::Other(oid) => oid,
        }
    }

    /// Says whether it is Kerberos under either number.
    pub fn is_kerberos(&self) -> bool {
        matches!(self, Self::Kerberos | Self::MsKerberos)
    }

    fn from_oid(oid: &[u8]) -> Self {
        let known = [Self::Kerberos, Self::MsKerberos, Self::Ntlm];
        known.into_iter().find(|mech| mech.oid() == oid).unwrap_or_else(|| Self::Other(oid.to_vec()))
    }
}

/// Returns the MechTypeList as it is signed: the encoded sequence, without its field number. Since
/// encoding is unique, this is what stood in the token.
pub fn mech_list(mechs: &[Mech]) -> Vec<u8> {
    let oids: Vec<u8> = mechs.iter().flat_map(|mech| der::value(der::OID, mech.oid())).collect();
    der::value(der::SEQUENCE, &oids)
}

/// The hint every acceptor writes, [MS-SPNG] 2.2.1.
pub const HINT: &str = "not_defined_in_RFC4178@please_ignore";

/// 1.3.6.1.5.5.2
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// `[APPLICATION 0]`, the frame of [RFC 2743] section 3.1.
const APPLICATION: u8 = 0x60;
const RESPONSE: u8 = der::context(1);
const MAX_MECHANISMS: usize = 32;

fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    der::value(der::context(number), content)
}

fn octets(number: u8, content: Option<&[u8]>) -> Vec<u8> {
    content.map(|content| explicit(number, &der::value(der::OCTET_STRING, content))).unwrap_or_default()
}

fn read_hint(hints: &[u8]) -> Result<String> {
    let mut hints = Reader::new(hints);
    let name = hints.explicit(0, der::GENERAL_STRING)?.unwrap_or_default();
    // hintAddress: never used.
    hints.explicit(1, der::OCTET_STRING)?;
    hints.finish()?;
    String::from_utf8(name.to_vec()).map_err(|_| malformed("hint is not text"))
}

fn malformed(reason: &'static str) -> Error {
    Error::Malformed { what: "SPNEGO token", reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300))
    }

    fn mech() -> impl Strategy<Value = Mech> {
        prop_oneof![
            Just(Mech::Kerberos),
            Just(Mech::MsKerberos),
            Just(Mech::Ntlm),
            proptest::collection::vec(any::<u8>(), 1..9).prop_map(|oid| Mech::from_oid(&oid)),
        ]
    }

    fn state() -> impl Strategy<Value = Option<NegState>> {
        proptest::option::of(prop_oneof![
            Just(NegState::AcceptCompleted),
            Just(NegState::AcceptIncomplete),
            Just(NegState::Reject),
            Just(NegState::RequestMic),
        ])
    }

    #[test]
    fn the_list_is_signed_without_its_field_number() {
        let expected = b"\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
        assert_eq!(mech_list(&[Mech::Ntlm]), expected);
    }

    #[test]
    fn hints_and_signatures_are_not_confused() {
        let mic = Some(vec![1; 16]);
        let plain = NegTokenInit {
            mech_types: vec![Mech::Ntlm],
            mech_list_mic: mic.clone(),
            ..NegTokenInit::default()
        };
        let hinted = NegTokenInit { hint: Some(HINT.into()), ..plain.clone() };
        for init in [plain, hinted] {
            assert_eq!(NegToken::decode(&init.encode()).unwrap(), NegToken::Init(init));
        }
    }

    #[test]
    fn the_shape_is_strict() {
        let good =
            NegTokenResp { state: Some(NegState::AcceptCompleted), ..NegTokenResp::default() }.encode();
        assert_eq!(good, [0xa1, 7, 0x30, 5, 0xa0, 3, 10, 1, 0]);
        let cases: [&[u8]; 7] = [
            &[],
            &[0xa1, 0],
            &[0xa1, 7, 0x30, 5, 0xa0, 3, 10, 1, 4],
            &[0xa1, 7, 0x30, 5, 0xa0, 3, 2, 1, 0],
            &[0xa1, 7, 0x30, 5, 0xa0, 3, 10, 1, 0, 0],
            &[0xa1, 0x81, 7, 0x30, 5, 0xa0, 3, 10, 1, 0],
            &[0xa1, 8, 0x30, 6, 0xa0, 4, 10, 2, 0, 0],
        ];
        for bad in cases {
            assert!(NegToken::decode(bad).is_err(), "{bad:02x?}");
        }
        let empty = NegTokenInit::default().encode();
        assert!(NegToken::decode(&empty).is_err());
    }

    proptest! {
        #[test]
        fn an_init_reads_back(
            mech_types in proptest::collection::vec(mech(), 1..6),
            mech_token in bytes(),
            hint in proptest::option::of("[ -~]{0,40}"),
            mech_list_mic in bytes(),
        ) {
            let init = NegTokenInit { mech_types, mech_token, hint, mech_list_mic };
            prop_assert_eq!(NegToken::decode(&init.encode()).unwrap(), NegToken::Init(init));
        }

        #[test]
        fn a_response_reads_back(
            state in state(),
            supported_mech in proptest::option::of(mech()),
            response_token in bytes(),
            mech_list_mic in bytes(),
        ) {
            let response = NegTokenResp { state, supported_mech, response_token, mech_list_mic };
            prop_assert_eq!(NegToken::decode(&response.encode()).unwrap(), NegToken::Response(response));
        }

        #[test]
        fn any_bytes_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            at in 0usize..60,
            bit in 0u8..8,
        ) {
            let _ = NegToken::decode(&bytes);
            let init = NegTokenInit { mech_types: vec![Mech::Ntlm], mech_token: Some(bytes), ..Default::default() };
            let mut changed = init.encode();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            // Encoding is unique: what still reads is something else, or nothing was read over.
            if let Ok(NegToken::Init(read)) = NegToken::decode(&changed) {
                prop_assert_eq!(read.encode(), changed);
            }
        }
    }
}
