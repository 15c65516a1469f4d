use rc4::{KeyInit, Rc4, StreamCipher};
use zeroize::Zeroizing;

use super::super::{
    Account, Chosen, Credentials, Error, Fresh, Mechanism, Protection, Report, Result, Scheme, Seal, Secret,
    Step, Target, Token,
};
use super::crypto::{Proof, ResponseKey, client_blob, hmac_md5};
use super::messages::{Authenticate, AvId, AvPairs, Challenge, Flags, Message, Negotiate, utf16};
use super::seal::{Sealer, Side};

/// The client's side of NTLMv2, bare under `Negotiate`.
///
/// Its `Done` carries the AUTHENTICATE_MESSAGE: the server still has to accept it, and proves that it
/// knows the session key with its first sealed answer.
#[derive(Debug)]
pub struct Initiator {
    state: State,
    account: Account,
    key: ResponseKey,
    target: Target,
    fresh: Fresh,
    workstation: String,
}

#[derive(Debug)]
enum State {
    Start,
    Negotiated { negotiate: Vec<u8> },
    Over,
}

impl Initiator {
    /// Prepares a login. Whatever the credentials hold, only the NTLMv2 key is kept.
    pub fn new(credentials: &Credentials, target: Target, fresh: Fresh) -> Result<Self> {
        let (account, key) = credentials.ntlm()?;
        Ok(Self { state: State::Start, account, key, target, fresh, workstation: String::new() })
    }

    /// Names our own computer to the server, which logs it. Empty unless told.
    pub fn workstation(mut self, name: impl Into<String>) -> Self {
        self.workstation = name.into();
        self
    }

    fn give_up(&mut self, what: &'static str) -> Result<Step> {
        self.state = State::Over;
        Err(Error::OutOfTurn { what })
    }

    pub(in super::super) fn report(&self) -> Report {
        Report {
            bound: self.target.bindings.is_some(),
            account: Some(self.account.clone()),
            service: Some(self.target.service_name()),
            ..Report::new(Chosen::Ntlm)
        }
    }

    /// Returns the NEGOTIATE_MESSAGE.
    pub(in super::super) fn start(&mut self) -> Result<Vec<u8>> {
        let State::Start = self.state else { return Err(Error::Over) };
        let negotiate = Negotiate { flags: Flags::WANTED }.encode();
        self.state = State::Negotiated { negotiate: negotiate.clone() };
        Ok(negotiate)
    }

    /// Answers the CHALLENGE_MESSAGE; with it our side is finished.
    pub(in super::super) fn answer(&mut self, token: &[u8]) -> Result<Answer> {
        let State::Negotiated { negotiate } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::Over);
        };
        let Message::Challenge(challenge) = Message::decode(token)? else {
            return Err(Error::OutOfTurn { what: "NTLM message that is not the challenge" });
        };
        let flags = self.agree(&challenge)?;
        let (mut message, exported_session_key) = self.authenticate(&challenge, flags)?;
        if challenge.target_info.timestamp()?.is_some() {
            let bytes = message.encode();
            message.mic = Some(hmac_md5(exported_session_key.expose(), &[&negotiate, token, &bytes]));
        }
        Ok(Answer {
            token: message.encode(),
            sealer: Sealer::new(&exported_session_key, flags, Side::Client),
            signs: flags.contains(Flags::SIGN),
        })
    }

    /// Settles the flags: those we asked for that the server grants.
    fn agree(&self, challenge: &Challenge) -> Result<Flags> {
        let required = match self.target.protection {
            Protection::Seal => &REQUIRED[..],
            Protection::Tls => &REQUIRED[..ALWAYS_REQUIRED],
        };
        match challenge.flags.missing(required) {
            Some(missing) => Err(Error::CannotSeal { missing }),
            None => Ok(challenge.flags & (Flags::WANTED | Flags::TARGET_INFO)),
        }
    }

    fn authenticate(&self, challenge: &Challenge, flags: Flags) -> Result<(Authenticate, Secret<[u8; 16]>)> {
        let client_challenge = &self.fresh.client_challenge;
        let server_time = challenge.target_info.timestamp()?;
        let target_info = self.target_info(&challenge.target_info)?.encode();
        let blob = client_blob(server_time.unwrap_or(self.fresh.now), client_challenge, &target_info);
        let proof = self.key.prove(&challenge.server_challenge, &blob);
        // A server that tells the time gets no LMv2 response: the MIC takes its place.
        let lm_response = match server_time {
            Some(_) => vec![0; 24],
            None => self.key.lm_v2(&challenge.server_challenge, client_challenge),
        };
        let nt_response = [&proof.proof[..], &blob].concat();
        if nt_response.len() > u16::MAX.into() {
            return Err(Error::Malformed {
                what: "NTLM message",
                reason: "target info too long to be answered",
            });
        }
        let (encrypted_session_key, exported_session_key) = self.exchange_key(proof, flags);
        let message = Authenticate {
            flags,
            lm_response,
            nt_response,
            domain: self.account.domain.clone(),
            user: self.account.user.clone(),
            workstation: self.workstation.clone(),
            encrypted_session_key,
            mic: None,
        };
        Ok((message, exported_session_key))
    }

    /// Builds our attribute pairs on the server's, [MS-NLMP] 3.1.5.1.2.
    ///
    /// Channel bindings are left out rather than sent as zeros where there are none: some servers take
    /// zeros for a value.
    fn target_info(&self, server: &AvPairs) -> Result<AvPairs> {
        let mut pairs = server.clone();
        let mut flags = server.flags()?;
        if server.timestamp()?.is_some() {
            flags |= AvPairs::MIC_PRESENT;
        } else if flags & AvPairs::MIC_PRESENT != 0 {
            return Err(Error::NotVerified {
                what: "NTLM challenge that promises a MIC without a timestamp",
            });
        }
        if flags != 0 {
            pairs.set(AvId::FLAGS, flags.to_le_bytes().to_vec());
        }
        pairs.set(AvId::TARGET_NAME, utf16(&self.target.service_name()));
        pairs.remove(AvId::CHANNEL_BINDINGS);
        if let Some(bindings) = &self.target.bindings {
            pairs.set(AvId::CHANNEL_BINDINGS, bindings.md5().to_vec());
        }
        Ok(pairs)
    }

    /// Returns EncryptedRandomSessionKey and ExportedSessionKey, [MS-NLMP] 3.1.5.1.2.
    fn exchange_key(&self, proof: Proof, flags: Flags) -> (Vec<u8>, Secret<[u8; 16]>) {
        if !flags.contains(Flags::KEY_EXCH) {
            return (Vec::new(), proof.session_base_key);
        }
        let exported = self.fresh.session_key.clone();
        let mut encrypted = Zeroizing::new(*exported.expose());
        rc4_once(proof.session_base_key.expose(), &mut *encrypted);
        (encrypted.to_vec(), exported)
    }
}

impl Mechanism for Initiator {
    fn scheme(&self) -> Scheme {
        Scheme::Negotiate
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        match (&self.state, token) {
            (State::Start, None) => Ok(Step::Send(Token::new(self.start()?))),
            (State::Start, Some(_)) => self.give_up("NTLM token before ours"),
            (State::Negotiated { .. }, None) => self.give_up("missing NTLM challenge"),
            (State::Negotiated { .. }, Some(token)) => {
                let answer = self.answer(token)?;
                let seal = (self.target.protection == Protection::Seal).then_some(answer.sealer);
                Ok(Step::Done {
                    token: Some(Token::new(answer.token)),
                    seal: seal.map(|sealer| Box::new(sealer) as Box<dyn Seal>),
                    report: self.report(),
                })
            }
            (State::Over, _) => Err(Error::Over),
        }
    }
}

/// The answer to a challenge.
pub(in super::super) struct Answer {
    pub(in super::super) token: Vec<u8>,
    pub(in super::super) sealer: Sealer,
    /// Whether the login has integrity, so that SPNEGO can sign its mechanism list.
    pub(in super::super) signs: bool,
}

pub(super) fn rc4_once(key: &[u8; 16], data: &mut [u8]) {
    Rc4::new_from_slice(key).expect("RC4 takes keys of 1 to 256 bytes").apply_keystream(data);
}

/// Without these no login; without the rest no sealing.
const ALWAYS_REQUIRED: usize = 2;
const REQUIRED: [(Flags, &str); 6] = [
    (Flags::UNICODE, "UNICODE"),
    (Flags::EXTENDED_SESSION_SECURITY, "EXTENDED_SESSIONSECURITY"),
    (Flags::SIGN, "SIGN"),
    (Flags::SEAL, "SEAL"),
    (Flags::KEY_EXCH, "KEY_EXCH"),
    (Flags::KEY_128, "128"),
];

#[cfg(test)]
mod tests {
    use super::super::super::{ChannelBindings, FileTime};
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// A whole handshake made and checked with other software.
    const NEGOTIATE: &str =
        "4e544c4d5353500001000000358208e2000000002800000000000000280000000a00614a0000000f";
    const CHALLENGE: &str = "4e544c4d53535000020000000c000c0038000000358289e20123456789abcdef00000000000000006a006a0044\
        0000000a00614a0000000f44004f004d00410049004e0002000c0044004f004d00410049004e000100080048005600300031000400160064\
        006f006d00610069006e002e0074006500730074000300200068007600300031002e0064006f006d00610069006e002e0074006500730074\
        000700080000c04d6bb0c9da0100000000";
    const AUTHENTICATE: &str = "4e544c4d53535000030000001800180078000000d000d000900000000c000c0058000000080008006400\
        00000c000c006c0000001000100060010000358288e20a00614a0000000fa95de3de95fa7551194ef06f6fc7524044006f006d0061006900\
        6e00550073006500720043004c00490045004e005400000000000000000000000000000000000000000000000000a0fbe6b0b40d8d0c5871\
        07128a5d3989010100000000000000c04d6bb0c9da01aaaaaaaaaaaaaaaa0000000002000c0044004f004d00410049004e00010008004800\
        5600300031000400160064006f006d00610069006e002e0074006500730074000300200068007600300031002e0064006f006d0061006900\
        6e002e0074006500730074000700080000c04d6bb0c9da01060004000200000009002a0048005400540050002f0068007600300031002e00\
        64006f006d00610069006e002e007400650073007400000000000000000062899f289594256ae6216617a670b1e6";

    fn initiator(protection: Protection) -> Initiator {
        let credentials = Credentials::password(r"Domain\User", "Password");
        let target = Target::new("hv01.domain.test", protection);
        let mut random = [0x55; 24];
        random[..8].fill(0xaa);
        let fresh = Fresh::new(FileTime(0), random);
        Initiator::new(&credentials, target, fresh).unwrap().workstation("CLIENT")
    }

    fn challenged(change: impl FnOnce(&mut Challenge)) -> Result<Step> {
        challenged_over(Protection::Seal, change)
    }

    fn challenged_over(protection: Protection, change: impl FnOnce(&mut Challenge)) -> Result<Step> {
        let Message::Challenge(mut challenge) = Message::decode(&unhex(CHALLENGE)).unwrap() else {
            panic!("a challenge");
        };
        change(&mut challenge);
        let mut initiator = initiator(protection);
        initiator.step(None)?;
        initiator.step(Some(&challenge.encode()))
    }

    fn authenticate(step: Step) -> Authenticate {
        let Step::Done { token: Some(token), .. } = step else { panic!("not done") };
        let Message::Authenticate(message) = Message::decode(token.as_bytes()).unwrap() else {
            panic!("type 3")
        };
        message
    }

    #[test]
    fn the_handshake_is_that_of_the_vector() {
        let mut initiator = initiator(Protection::Seal);
        let Step::Send(negotiate) = initiator.step(None).unwrap() else { panic!("first message") };
        assert_eq!(negotiate.as_bytes(), unhex(NEGOTIATE));
        let Step::Done { token, seal, report } = initiator.step(Some(&unhex(CHALLENGE))).unwrap() else {
            panic!("second message ends it");
        };
        assert_eq!(token.unwrap().as_bytes(), unhex(AUTHENTICATE));
        assert_eq!(report.service.as_deref(), Some("HTTP/hv01.domain.test"));
        let mut message = b"<s/>".to_vec();
        let mut seal = seal.unwrap();
        assert_eq!(seal.seal(&mut message).unwrap(), unhex("01000000b3fdde1074bcd6ab00000000"));
        assert_eq!(message, unhex("3896425b"));
        let mut answer = unhex("7a7a3289");
        seal.unseal(&unhex("010000000ab35b47d24594db00000000"), &mut answer).unwrap();
        assert_eq!(answer, b"<r/>");
        assert_eq!(initiator.step(None).unwrap_err(), Error::Over);
    }

    #[test]
    fn a_challenge_re_encodes_to_its_bytes() {
        let Message::Challenge(challenge) = Message::decode(&unhex(CHALLENGE)).unwrap() else {
            panic!("type 2")
        };
        assert_eq!(challenge.encode(), unhex(CHALLENGE));
        let Message::Authenticate(message) = Message::decode(&unhex(AUTHENTICATE)).unwrap() else {
            panic!("type 3")
        };
        assert_eq!(message.encode(), unhex(AUTHENTICATE));
    }

    // A client that took what it was given and then could never encrypt: packer#6205.
    #[test]
    fn a_server_that_does_not_grant_sealing_is_refused_by_name() {
        for (flag, name) in REQUIRED {
            let refused = challenged(|challenge| challenge.flags.0 &= !flag.0).unwrap_err();
            assert_eq!(refused, Error::CannotSeal { missing: name.into() });
        }
        let refused = challenged(|challenge| challenge.flags = Flags(0x8205)).unwrap_err();
        let Error::CannotSeal { missing } = refused else { panic!("{refused:?}") };
        assert_eq!(missing, "EXTENDED_SESSIONSECURITY, SIGN, SEAL, KEY_EXCH, 128");
    }

    #[test]
    fn over_tls_no_seal_is_asked_for_and_none_is_given() {
        let step =
            challenged_over(Protection::Tls, |challenge| challenge.flags.0 &= !Flags::KEY_EXCH.0).unwrap();
        let Step::Done { seal, .. } = &step else { panic!("not done") };
        assert!(seal.is_none());
        assert_eq!(authenticate(step).encrypted_session_key, b"");
    }

    #[test]
    fn without_a_timestamp_there_is_an_lm_v2_response_and_no_mic() {
        let step = challenged(|challenge| challenge.target_info.remove(AvId::TIMESTAMP)).unwrap();
        let message = authenticate(step);
        assert_ne!(message.lm_response, [0; 24]);
        assert_eq!(message.mic, Some([0; 16]));
        assert_eq!(message.client_info().unwrap().flags().unwrap(), 0);
    }

    #[test]
    fn a_promised_mic_without_a_timestamp_is_refused() {
        let refused = challenged(|challenge| {
            challenge.target_info.remove(AvId::TIMESTAMP);
            challenge.target_info.set(AvId::FLAGS, vec![2, 0, 0, 0]);
        });
        assert!(matches!(refused, Err(Error::NotVerified { .. })));
    }

    // A relay that adds the name of the host it has in mind to a challenge of its own must not find it signed.
    #[test]
    fn names_and_bindings_of_the_challenge_are_not_repeated() {
        let theirs = |text: &str| (AvId::TARGET_NAME, utf16(text));
        let step = challenged(|challenge| {
            let extra = [theirs("HTTP/one"), theirs("HTTP/two"), (AvId::CHANNEL_BINDINGS, vec![7; 16])];
            let list: Vec<u8> = extra
                .iter()
                .flat_map(|(id, value)| {
                    [&id.0.to_le_bytes()[..], &(value.len() as u16).to_le_bytes(), value].concat()
                })
                .collect();
            let bytes = [&list[..], &challenge.target_info.encode()].concat();
            challenge.target_info = AvPairs::decode(&bytes).unwrap();
        });
        let info = authenticate(step.unwrap()).client_info().unwrap();
        assert_eq!(info.text(AvId::TARGET_NAME).unwrap().as_deref(), Some("HTTP/hv01.domain.test"));
        let encoded = info.encode();
        for name in ["HTTP/one", "HTTP/two"] {
            let name = utf16(name);
            assert!(!encoded.windows(name.len()).any(|window| window == name));
        }
        assert_eq!(info.value(AvId::CHANNEL_BINDINGS), None);
    }

    #[test]
    fn target_info_that_cannot_be_answered_is_refused() {
        let refused = challenged(|challenge| challenge.target_info.set(AvId(99), vec![0; 0xff80]));
        assert!(matches!(refused, Err(Error::Malformed { .. })));
    }

    #[test]
    fn channel_bindings_are_ours_or_absent_but_never_the_servers() {
        let step =
            challenged(|challenge| challenge.target_info.set(AvId::CHANNEL_BINDINGS, vec![9; 16])).unwrap();
        assert_eq!(authenticate(step).client_info().unwrap().value(AvId::CHANNEL_BINDINGS), None);

        let mut bound = initiator(Protection::Tls);
        let bindings = ChannelBindings::from_certificate_hash(&[1; 32]);
        bound.target.bindings = Some(bindings.clone());
        bound.step(None).unwrap();
        let message = authenticate(bound.step(Some(&unhex(CHALLENGE))).unwrap());
        let info = message.client_info().unwrap();
        assert_eq!(info.value(AvId::CHANNEL_BINDINGS), Some(&bindings.md5()[..]));
    }

    #[test]
    fn messages_out_of_turn_are_refused() {
        assert!(initiator(Protection::Seal).step(Some(&unhex(CHALLENGE))).is_err());
        for token in [None, Some(unhex(AUTHENTICATE)), Some(Vec::new())] {
            let mut initiator = initiator(Protection::Seal);
            initiator.step(None).unwrap();
            assert!(initiator.step(token.as_deref()).is_err());
            assert_eq!(initiator.step(Some(&unhex(CHALLENGE))).unwrap_err(), Error::Over);
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut initiator = initiator(Protection::Seal);
        initiator.step(None).unwrap();
        let printed = format!("{initiator:?}");
        assert!(!printed.contains("85, 85") && !printed.contains("Password\""), "{printed}");
    }
}
