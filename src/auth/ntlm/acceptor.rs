use std::fmt;

use super::super::{
    Account, Binding, Chosen, Error, FileTime, Mechanism, Protection, Report, Result, Scheme, Seal, Secret,
    Step, Token,
};
use super::crypto::{NtHash, ResponseKey, equal, hmac_md5};
use super::initiator::rc4_once;
use super::messages::{Authenticate, AvId, AvPairs, Challenge, Flags, Message, utf16};
use super::seal::{Sealer, Side};

/// The server's side of NTLMv2, bare under `Negotiate`.
pub struct Acceptor {
    state: State,
    names: Names,
    accounts: Accounts,
    server_challenge: [u8; 8],
    now: FileTime,
    protection: Protection,
    binding: Binding,
}

/// Looks up the NT hash of an account.
type Accounts = Box<dyn Fn(&Account) -> Option<NtHash> + Send>;

/// What a server calls itself in its challenge.
#[derive(Clone, Debug)]
pub struct Names {
    /// NetBIOS name of the computer.
    pub computer: String,
    /// NetBIOS name of its domain; the computer's own where it has none.
    pub domain: String,
    /// DNS name of the computer.
    pub dns_computer: String,
    /// DNS name of its domain, empty where it has none.
    pub dns_domain: String,
}

enum State {
    Start,
    Challenged { negotiate: Vec<u8>, challenge: Vec<u8>, flags: Flags },
    Over,
}

impl Acceptor {
    /// Prepares one login. `server_challenge` is drawn anew for each.
    pub fn new(
        names: Names,
        accounts: impl Fn(&Account) -> Option<NtHash> + Send + 'static,
        server_challenge: [u8; 8],
        now: FileTime,
    ) -> Self {
        Self {
            state: State::Start,
            names,
            accounts: Box::new(accounts),
            server_challenge,
            now,
            protection: Protection::Seal,
            binding: Binding::Ignore,
        }
    }

    /// Says that this acceptor stands behind TLS, and what it thinks of channel bindings.
    pub fn behind_tls(mut self, binding: Binding) -> Self {
        self.protection = Protection::Tls;
        self.binding = binding;
        self
    }

    pub(in super::super) fn protection(&self) -> Protection {
        self.protection
    }

    /// Answers the NEGOTIATE_MESSAGE.
    pub(in super::super) fn challenge(&mut self, token: &[u8]) -> Result<Vec<u8>> {
        let State::Start = std::mem::replace(&mut self.state, State::Over) else { return Err(Error::Over) };
        let Message::Negotiate(negotiate) = Message::decode(token)? else {
            return Err(Error::OutOfTurn { what: "NTLM message that is not the first" });
        };
        let flags = negotiate.flags & Flags::WANTED;
        let granted = flags | Flags::TARGET_INFO | Flags::TARGET_TYPE_SERVER;
        let challenge = Challenge {
            flags: granted,
            target_name: utf16(&self.names.computer),
            server_challenge: self.server_challenge,
            target_info: self.target_info(),
        };
        let challenge = challenge.encode();
        self.state = State::Challenged { negotiate: token.to_vec(), challenge: challenge.clone(), flags };
        Ok(challenge)
    }

    /// Verifies the AUTHENTICATE_MESSAGE.
    pub(in super::super) fn verify(&mut self, token: &[u8]) -> Result<Accepted> {
        let State::Challenged { negotiate, challenge, flags } =
            std::mem::replace(&mut self.state, State::Over)
        else {
            return Err(Error::Over);
        };
        let Message::Authenticate(message) = Message::decode(token)? else {
            return Err(Error::OutOfTurn { what: "NTLM message that is not the last" });
        };
        let flags = flags & message.flags;
        if self.protection == Protection::Seal {
            let required = Flags::SIGN | Flags::SEAL | Flags::KEY_128 | Flags::KEY_EXCH;
            if !flags.contains(required | Flags::EXTENDED_SESSION_SECURITY) {
                return Err(Error::CannotSeal { missing: "SIGN, SEAL, KEY_EXCH or 128".into() });
            }
        }
        let account = Account { user: message.user.clone(), domain: message.domain.clone() };
        let exported = self.exported_session_key(&account, &message, flags)?;
        let info = message.client_info()?;
        // Whoever takes the time off our challenge wants the initiator to leave out the MIC.
        if info.timestamp()? != Some(self.now) {
            return Err(Error::NotVerified { what: "server time in the NTLM response" });
        }
        let has_mic = info.flags()? & AvPairs::MIC_PRESENT != 0;
        if has_mic {
            verify_mic(&exported, &negotiate, &challenge, token, message.mic)?;
        }
        let bound = self.verify_bindings(&info)?;
        let report = Report {
            bound,
            account: Some(account),
            service: info.text(AvId::TARGET_NAME)?,
            ..Report::new(Chosen::Ntlm)
        };
        Ok(Accepted { sealer: Sealer::new(&exported, flags, Side::Server), report, has_mic })
    }

    fn target_info(&self) -> AvPairs {
        let mut pairs = AvPairs::default();
        pairs.set(AvId::NB_DOMAIN, utf16(&self.names.domain));
        pairs.set(AvId::NB_COMPUTER, utf16(&self.names.computer));
        pairs.set(AvId::DNS_DOMAIN, utf16(&self.names.dns_domain));
        pairs.set(AvId::DNS_COMPUTER, utf16(&self.names.dns_computer));
        pairs.set(AvId::TIMESTAMP, self.now.0.to_le_bytes().to_vec());
        pairs
    }

    /// Checks the proof and opens the session key. An unknown account costs the same error as a wrong
    /// password, and so do the old response forms.
    fn exported_session_key(
        &self,
        account: &Account,
        message: &Authenticate,
        flags: Flags,
    ) -> Result<Secret<[u8; 16]>> {
        let hash = (self.accounts)(account).ok_or(Error::LogonFailure)?;
        // 16 bytes of proof and at least an empty blob: NTLMv1 has 24 bytes in all.
        let (proof, blob) = match message.nt_response.split_at_checked(16) {
            Some((proof, blob)) if blob.len() >= 32 => (proof, blob),
            _ => return Err(Error::LogonFailure),
        };
        let expected = ResponseKey::from_hash(account, &hash).prove(&self.server_challenge, blob);
        if !equal(&expected.proof, proof) {
            return Err(Error::LogonFailure);
        }
        if !flags.contains(Flags::KEY_EXCH) {
            return Ok(expected.session_base_key);
        }
        let encrypted = <[u8; 16]>::try_from(message.encrypted_session_key.as_slice());
        let mut exported = encrypted
            .map_err(|_| Error::Malformed { what: "NTLM message", reason: "session key is not 16 bytes" })?;
        rc4_once(expected.session_base_key.expose(), &mut exported);
        Ok(Secret::new(exported))
    }

    fn verify_bindings(&self, info: &AvPairs) -> Result<bool> {
        let sent = info.value(AvId::CHANNEL_BINDINGS).filter(|hash| *hash != [0; 16]);
        match (&self.binding, sent) {
            (Binding::Ignore, _) | (Binding::Relaxed(_), None) => Ok(false),
            (Binding::Strict(_), None) => Err(Error::Bindings("missing")),
            (Binding::Relaxed(ours) | Binding::Strict(ours), Some(theirs)) => {
                match equal(&ours.md5(), theirs) {
                    true => Ok(true),
                    false => Err(Error::Bindings("are those of another channel")),
                }
            }
        }
    }
}

impl Mechanism for Acceptor {
    fn scheme(&self) -> Scheme {
        Scheme::Negotiate
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        let Some(token) = token else {
            self.state = State::Over;
            return Err(Error::OutOfTurn { what: "missing NTLM message" });
        };
        match self.state {
            State::Start => Ok(Step::Send(Token::new(self.challenge(token)?))),
            State::Challenged { .. } => {
                let Accepted { sealer, report, .. } = self.verify(token)?;
                let seal = (self.protection == Protection::Seal).then_some(sealer);
                let seal = seal.map(|sealer| Box::new(sealer) as Box<dyn Seal>);
                Ok(Step::Done { token: None, seal, report })
            }
            State::Over => Err(Error::Over),
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("names", &self.names).finish_non_exhaustive()
    }
}

/// A login that was found good.
pub(in super::super) struct Accepted {
    pub(in super::super) sealer: Sealer,
    pub(in super::super) report: Report,
    /// Whether the message had a MIC: then SPNEGO must not do without its own.
    pub(in super::super) has_mic: bool,
}

/// The MIC covers all three messages, the last with the field itself zero, [MS-NLMP] 3.2.5.1.2.
fn verify_mic(
    key: &Secret<[u8; 16]>,
    negotiate: &[u8],
    challenge: &[u8],
    token: &[u8],
    mic: Option<[u8; 16]>,
) -> Result<()> {
    let mic = mic.ok_or(Error::NotVerified { what: "NTLM MIC" })?;
    let (before, rest) = token.split_at(Authenticate::MIC.start);
    let expected = hmac_md5(key.expose(), &[negotiate, challenge, before, &[0; 16], &rest[mic.len()..]]);
    match equal(&expected, &mic) {
        true => Ok(()),
        false => Err(Error::NotVerified { what: "NTLM MIC" }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::http::Offers;
    use super::super::super::{ChannelBindings, Credentials, Fresh, Target};
    use super::super::Initiator;
    use super::*;

    type Keys = Option<Box<dyn Seal>>;

    const PASSWORD: &str = "correct horse";

    fn acceptor() -> Acceptor {
        let names = Names {
            computer: "HV01".into(),
            domain: "LAB".into(),
            dns_computer: "hv01.lab.test".into(),
            dns_domain: "lab.test".into(),
        };
        let accounts = |account: &Account| (account.user == "mia").then(|| NtHash::of(PASSWORD));
        Acceptor::new(names, accounts, *b"nonce123", FileTime(133_700_000_000_000_000))
    }

    fn initiator(user: &str, password: &str, target: Target) -> Initiator {
        let fresh = Fresh::new(FileTime(1), *b"24 bytes that are random");
        Initiator::new(&Credentials::password(user, password), target, fresh).unwrap()
    }

    fn target() -> Target {
        Target::new("hv01.lab.test", Protection::Seal)
    }

    /// Runs a login in which each token passes through `tamper` on its way.
    fn login(
        mut initiator: Initiator,
        mut acceptor: Acceptor,
        mut tamper: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<(Keys, Keys, Report)> {
        let Step::Send(negotiate) = initiator.step(None)? else { panic!("first") };
        let mut bytes = negotiate.as_bytes().to_vec();
        tamper(0, &mut bytes);
        let Step::Send(challenge) = acceptor.step(Some(&bytes))? else { panic!("second") };
        let mut bytes = challenge.as_bytes().to_vec();
        tamper(1, &mut bytes);
        let Step::Done { token: Some(token), seal: ours, .. } = initiator.step(Some(&bytes))? else {
            panic!("third")
        };
        let mut bytes = token.as_bytes().to_vec();
        tamper(2, &mut bytes);
        let Step::Done { token: None, seal: theirs, report } = acceptor.step(Some(&bytes))? else {
            panic!("fourth")
        };
        Ok((ours, theirs, report))
    }

    fn honest(user: &str, password: &str, target: Target, acceptor: Acceptor) -> Result<Report> {
        login(initiator(user, password, target), acceptor, |_, _| ()).map(|(_, _, report)| report)
    }

    #[test]
    fn both_sides_understand_each_other() {
        for user in ["mia", r"LAB\mia"] {
            let (ours, theirs, report) =
                login(initiator(user, PASSWORD, target()), acceptor(), |_, _| ()).unwrap();
            assert_eq!(report.account, Some(Account::parse(user)));
            assert_eq!(report.service.as_deref(), Some("HTTP/hv01.lab.test"));
            let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap());
            for text in ["question", "", "another"] {
                let mut message = text.as_bytes().to_vec();
                let token = ours.seal(&mut message).unwrap();
                theirs.unseal(&token, &mut message).unwrap();
                let token = theirs.seal(&mut message).unwrap();
                ours.unseal(&token, &mut message).unwrap();
                assert_eq!(message, text.as_bytes());
            }
        }
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_look_the_same() {
        assert_eq!(honest("mia", "wrong", target(), acceptor()), Err(Error::LogonFailure));
        assert_eq!(honest("bob", PASSWORD, target(), acceptor()), Err(Error::LogonFailure));
    }

    // The MIC covers every byte of all three messages, so there is nothing to flip unnoticed.
    #[test]
    fn each_flipped_bit_of_each_token_is_refused() {
        let mut lengths = [0; 3];
        login(initiator("mia", PASSWORD, target()), acceptor(), |at, token| lengths[at] = token.len())
            .unwrap();
        for (at, length) in lengths.into_iter().enumerate() {
            for bit in 0..length * 8 {
                let flip = |here: usize, token: &mut Vec<u8>| {
                    if here == at {
                        token[bit / 8] ^= 1 << (bit % 8);
                    }
                };
                let result = login(initiator("mia", PASSWORD, target()), acceptor(), flip);
                assert!(result.is_err(), "token {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn each_cut_of_each_token_is_refused() {
        for at in 0..3 {
            for keep in 0..80 {
                let cut = |here: usize, token: &mut Vec<u8>| {
                    if here == at {
                        token.truncate(keep);
                    }
                };
                let whole = at == 0 && keep >= 40;
                assert_eq!(login(initiator("mia", PASSWORD, target()), acceptor(), cut).is_ok(), whole);
            }
        }
    }

    #[test]
    fn bindings_are_checked_as_hard_as_the_policy_says() {
        let ours = ChannelBindings::from_certificate_hash(&[1; 32]);
        let other = ChannelBindings::from_certificate_hash(&[2; 32]);
        let with = |bindings: Option<&ChannelBindings>, binding: Binding| {
            let mut target = Target::new("hv01.lab.test", Protection::Tls);
            target.bindings = bindings.cloned();
            honest("mia", PASSWORD, target, acceptor().behind_tls(binding)).map(|report| report.bound)
        };
        assert_eq!(with(Some(&ours), Binding::Strict(ours.clone())), Ok(true));
        assert_eq!(with(None, Binding::Strict(ours.clone())), Err(Error::Bindings("missing")));
        assert_eq!(with(None, Binding::Relaxed(ours.clone())), Ok(false));
        assert!(matches!(with(Some(&other), Binding::Relaxed(ours.clone())), Err(Error::Bindings(_))));
        assert_eq!(with(Some(&other), Binding::Ignore), Ok(false));
    }

    #[test]
    fn a_user_name_matches_in_any_case_and_the_domain_only_in_its_own() {
        let accounts = |_: &Account| Some(NtHash::of(PASSWORD));
        let with = |user: &str, written: &str| {
            let (mut acceptor, credentials) = (acceptor(), Credentials::password(user, PASSWORD).into_ntlm());
            acceptor.accounts = Box::new(accounts);
            let Credentials::Ntlm { key, .. } = credentials else { panic!("derived") };
            let renamed = Credentials::Ntlm { account: Account::parse(written), key };
            let fresh = Fresh::new(FileTime(1), [3; 24]);
            login(Initiator::new(&renamed, target(), fresh).unwrap(), acceptor, |_, _| ()).is_ok()
        };
        assert!(with(r"LAB\mia", r"LAB\MIA"));
        assert!(!with(r"LAB\mia", r"lab\mia"));
    }

    #[test]
    fn old_responses_and_weak_sessions_are_refused() {
        let login = |change: fn(&mut Authenticate)| {
            let mut acceptor = acceptor();
            let mut initiator = initiator("mia", PASSWORD, target());
            let negotiate = initiator.start().unwrap();
            let challenge = acceptor.challenge(&negotiate).unwrap();
            let answer = initiator.answer(&challenge).unwrap();
            let Message::Authenticate(mut message) = Message::decode(&answer.token).unwrap() else {
                panic!("type 3")
            };
            change(&mut message);
            acceptor.verify(&message.encode()).map(|_| ()).unwrap_err()
        };
        assert_eq!(login(|message| message.nt_response.truncate(24)), Error::LogonFailure);
        assert_eq!(login(|message| message.nt_response.clear()), Error::LogonFailure);
        assert!(matches!(login(|message| message.flags.0 &= !Flags::SEAL.0), Error::CannotSeal { .. }));
        assert!(matches!(login(|message| message.encrypted_session_key.clear()), Error::Malformed { .. }));
        assert_eq!(login(|message| message.mic = None), Error::NotVerified { what: "NTLM MIC" });
    }

    // A foreign client's login, recorded against Microsoft's OMI: tests/data/wire/omi.
    #[test]
    fn a_recorded_login_is_accepted_and_gives_the_recorded_keys() {
        let token = |http: &str, name: &str| {
            let line = http.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let offers = Offers::parse([line.trim()]).unwrap();
            offers.token(Scheme::Negotiate).unwrap().unwrap().as_bytes().to_vec()
        };
        let negotiate = token(
            include_str!("../../../tests/data/wire/omi/ntlm-raw-01-auth.request.http"),
            "Authorization:",
        );
        let challenge = token(
            include_str!("../../../tests/data/wire/omi/ntlm-raw-01-auth.response.http"),
            "WWW-Authenticate:",
        );
        let authenticate = token(
            include_str!("../../../tests/data/wire/omi/ntlm-raw-02-auth.request.http"),
            "Authorization:",
        );
        let Message::Challenge(read) = Message::decode(&challenge).unwrap() else { panic!("type 2") };

        let mut acceptor = acceptor();
        acceptor.accounts = Box::new(|_| Some(NtHash::of("Lab-Passw0rd!")));
        acceptor.server_challenge = read.server_challenge;
        acceptor.now = read.target_info.timestamp().unwrap().unwrap();
        acceptor.state = State::Challenged { negotiate, challenge, flags: read.flags };
        let mut accepted = acceptor.verify(&authenticate).unwrap();
        assert!(accepted.has_mic);
        assert_eq!(accepted.report.account.unwrap().user, "labuser");

        let key = Secret::new(0xb8f9e6c57d06fcb8a73035e627a9e5d5u128.to_be_bytes());
        let mut recorded = Sealer::new(&key, read.flags, Side::Client);
        let mut message = b"same keys".to_vec();
        let token = recorded.seal(&mut message).unwrap();
        accepted.sealer.unseal(&token, &mut message).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 1u8..4) {
            let token = [&super::super::SIGNATURE[..], &[kind, 0, 0, 0], &bytes].concat();
            let mut acceptor = acceptor();
            let negotiate = initiator("mia", PASSWORD, target()).start().unwrap();
            acceptor.challenge(&negotiate).unwrap();
            prop_assert!(acceptor.step(Some(&token)).is_err());
            let mut initiator = initiator("mia", PASSWORD, target());
            initiator.step(None).unwrap();
            let _ = initiator.step(Some(&token));
        }
    }
}
