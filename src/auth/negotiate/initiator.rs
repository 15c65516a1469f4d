use std::fmt;

use super::super::spnego::{Mech, NegState, NegToken, NegTokenInit, NegTokenResp, mech_list};
use super::super::{
    Credentials, Error, Fresh, Mechanism, Protection, Report, Result, Scheme, Step, Target, Token, kerberos,
    ntlm,
};
use super::keys::Keys;

/// The client's side of SPNEGO under `Negotiate`, [RFC 4178] and [MS-SPNG]: Kerberos where a ticket can be
/// had, NTLM where not, unless the KDC has refused the password; the [`Report`] says which, and why.
///
/// The list of mechanisms is signed both ways whenever NTLM is used, whenever the server chose other than
/// our first, and whenever the server asks; so nobody in between can have struck Kerberos off the list.
pub struct Initiator {
    state: State,
    kerberos: Option<kerberos::Initiator>,
    ntlm: Option<ntlm::Initiator>,
    /// An account of the server itself, which no KDC knows. To try its password on the default realm would
    /// count against whoever has the same name there, and may lock him out.
    local_account: bool,
    protection: Protection,
}

enum State {
    Start,
    Running(Box<Running>),
    Over,
}

impl Initiator {
    /// Prepares a login. A password is good for both mechanisms, tickets and keytabs for Kerberos alone,
    /// a derived NTLM key for NTLM alone. A user without realm and domain is an account of the server, and
    /// logs in with NTLM unless that is left out.
    pub fn new(credentials: &Credentials, target: Target, fresh: Fresh) -> Result<Self> {
        let protection = target.protection;
        let local_account =
            matches!(credentials, Credentials::Password { account, .. } if account.is_local());
        let kerberos = kerberos::Initiator::new(credentials, target.clone()).ok();
        let ntlm = ntlm::Initiator::new(credentials, target, fresh).ok();
        if kerberos.is_none() && ntlm.is_none() {
            let needs = "a password, tickets, a keytab or an NTLM key";
            return Err(Error::Unsuitable { mechanism: "Negotiate", needs });
        }
        Ok(Self { state: State::Start, kerberos, ntlm, local_account, protection })
    }

    /// Leaves NTLM out: without a ticket there is no login.
    pub fn without_ntlm(mut self) -> Self {
        self.ntlm = None;
        self
    }

    /// Leaves Kerberos out.
    pub fn without_kerberos(mut self) -> Self {
        self.kerberos = None;
        self
    }

    /// Builds our first token. A server that speaks first lists what it can do.
    fn start(&mut self, invitation: Option<&[u8]>) -> Result<Step> {
        if let Some(token) = invitation {
            let NegToken::Init(init) = NegToken::decode(token)? else {
                return Err(Error::OutOfTurn { what: "SPNEGO answer before our token" });
            };
            self.keep_only(&init.mech_types);
        }
        let (inner, token, fallback) = self.begin()?;
        let mut offered = Vec::new();
        if let Inner::Kerberos(_) = inner {
            offered.extend([Mech::Kerberos, Mech::MsKerberos]);
        }
        if self.ntlm.is_some() || matches!(inner, Inner::Ntlm(_)) {
            offered.push(Mech::Ntlm);
        }
        let init =
            NegTokenInit { mech_types: offered.clone(), mech_token: Some(token), ..NegTokenInit::default() };
        let running = Running {
            list: mech_list(&offered),
            offered,
            inner,
            finished: None,
            answered: false,
            mic_required: false,
            mic_sent: false,
            mic_verified: false,
            fallback,
        };
        self.state = State::Running(Box::new(running));
        Ok(Step::Send(Token::new(init.encode())))
    }

    fn keep_only(&mut self, mechs: &[Mech]) {
        if !mechs.iter().any(Mech::is_kerberos) {
            self.kerberos = None;
        }
        if !mechs.contains(&Mech::Ntlm) {
            self.ntlm = None;
        }
    }

    /// Starts Kerberos, and NTLM where that fails; but not with a password that the KDC has just refused, since
    /// each attempt counts towards locking the account.
    fn begin(&mut self) -> Result<(Inner, Vec<u8>, Option<Box<Error>>)> {
        let mut fallback = None;
        if self.local_account && self.ntlm.is_some() && self.kerberos.take().is_some() {
            fallback =
                Some(Box::new(Error::Unsuitable { mechanism: "Kerberos", needs: "a realm: user@REALM" }));
        }
        if let Some(mut kerberos) = self.kerberos.take() {
            match kerberos.start() {
                Ok(token) => return Ok((Inner::Kerberos(kerberos), token, None)),
                Err(error @ Error::PasswordRefused { .. }) => return Err(error),
                Err(error) => fallback = Some(Box::new(error)),
            }
        }
        match (self.ntlm.take(), fallback) {
            (Some(mut ntlm), fallback) => {
                let token = ntlm.start()?;
                Ok((Inner::Ntlm(ntlm), token, fallback))
            }
            (None, Some(error)) => Err(*error),
            (None, None) => Err(Error::NoCommonMechanism),
        }
    }

    fn reply(&mut self, mut running: Box<Running>, token: Option<&[u8]>) -> Result<Step> {
        let Some(token) = token else {
            // Success without a word is enough only if nothing is left for the server to prove.
            running.check_signed()?;
            return self.done(*running);
        };
        let NegToken::Response(response) = NegToken::decode(token)? else {
            return Err(Error::OutOfTurn { what: "second NegTokenInit" });
        };
        let mut token = self.inner_step(&mut running, &response)?;
        running.verify_mic(&response)?;
        running.answered = true;
        if response.state == Some(NegState::AcceptCompleted) {
            if token.is_some() {
                return Err(Error::OutOfTurn { what: "acceptance before the mechanism has finished" });
            }
            running.check_signed()?;
            return self.done(*running);
        }
        let mech_list_mic = running.sign()?;
        if token.is_none() && mech_list_mic.is_none() {
            return Err(Error::OutOfTurn { what: "SPNEGO answer that leaves nothing to say" });
        }
        let answer = NegTokenResp {
            state: Some(NegState::AcceptIncomplete),
            supported_mech: None,
            response_token: token.take(),
            mech_list_mic,
        };
        self.state = State::Running(running);
        Ok(Step::Send(Token::new(answer.encode())))
    }

    /// Feeds the mechanism, or changes to the one the server prefers.
    fn inner_step(&mut self, running: &mut Running, response: &NegTokenResp) -> Result<Option<Vec<u8>>> {
        if response.state == Some(NegState::Reject) {
            return Err(Error::Refused { mechanism: Some(running.inner.name()) });
        }
        if response.state == Some(NegState::RequestMic) {
            if running.answered {
                return Err(Error::OutOfTurn { what: "late request for mechListMIC" });
            }
            running.mic_required = true;
        }
        if let Some(mech) = &response.supported_mech
            && !running.inner.is(mech)
        {
            return self.change_mechanism(running, mech, response).map(Some);
        }
        match (&response.response_token, &running.finished) {
            (Some(token), None) => running.advance(token),
            (None, Some(_)) => Ok(None),
            (Some(_), Some(_)) => Err(Error::OutOfTurn { what: "token for a finished mechanism" }),
            (None, None) => Err(Error::OutOfTurn { what: "missing token of the mechanism" }),
        }
    }

    fn change_mechanism(
        &mut self,
        running: &mut Running,
        mech: &Mech,
        response: &NegTokenResp,
    ) -> Result<Vec<u8>> {
        if running.answered || !running.offered.contains(mech) || response.response_token.is_some() {
            return Err(Error::OutOfTurn { what: "mechanism we are not in" });
        }
        // Of those we offer, only NTLM is ever not the first.
        let mut ntlm = self.ntlm.take().ok_or(Error::NoCommonMechanism)?;
        let token = ntlm.start()?;
        running.inner = Inner::Ntlm(ntlm);
        running.mic_required = true;
        running.fallback = Some(Box::new(Error::Refused { mechanism: Some("Kerberos") }));
        Ok(token)
    }

    fn done(&mut self, running: Running) -> Result<Step> {
        let (keys, mut report) = running
            .finished
            .ok_or(Error::OutOfTurn { what: "acceptance before the mechanism has finished" })?;
        report.negotiated = true;
        report.mutual |= running.mic_verified;
        report.fallback = running.fallback;
        Ok(Step::Done { token: None, seal: keys.into_seal(self.protection), report })
    }
}

impl Mechanism for Initiator {
    fn scheme(&self) -> Scheme {
        Scheme::Negotiate
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => self.start(token),
            State::Running(running) => self.reply(running, token),
            State::Over => Err(Error::Over),
        }
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kerberos, ntlm) = (self.kerberos.is_some(), self.ntlm.is_some());
        f.debug_struct("Initiator").field("kerberos", &kerberos).field("ntlm", &ntlm).finish_non_exhaustive()
    }
}

struct Running {
    offered: Vec<Mech>,
    /// The list as it is signed.
    list: Vec<u8>,
    inner: Inner,
    finished: Option<(Keys, Report)>,
    answered: bool,
    mic_required: bool,
    mic_sent: bool,
    mic_verified: bool,
    fallback: Option<Box<Error>>,
}

impl Running {
    fn advance(&mut self, token: &[u8]) -> Result<Option<Vec<u8>>> {
        match &mut self.inner {
            Inner::Ntlm(ntlm) => {
                let ntlm::Answer { token, sealer, signs } = ntlm.answer(token)?;
                self.finished = Some((Keys::Ntlm { sealer: Box::new(sealer), signs }, ntlm.report()));
                Ok(Some(token))
            }
            Inner::Kerberos(kerberos) => match kerberos.answer(token)? {
                kerberos::Answer::Continue(token) => Ok(Some(token)),
                kerberos::Answer::Done { token, session, report } => {
                    self.finished = Some((Keys::Kerberos(session.under_negotiate()), report));
                    Ok(token)
                }
            },
        }
    }

    /// Verifies the server's signature over the list, if there is one.
    fn verify_mic(&mut self, response: &NegTokenResp) -> Result<()> {
        let Some(mic) = &response.mech_list_mic else { return Ok(()) };
        // Some servers write the mechanism's token into both fields: smbprotocol#137.
        if response.response_token.as_ref() == Some(mic) {
            return Ok(());
        }
        let Some((keys, _)) = &mut self.finished else {
            return Err(Error::OutOfTurn { what: "mechListMIC before the mechanism has finished" });
        };
        if self.mic_verified {
            return Err(Error::OutOfTurn { what: "second mechListMIC" });
        }
        keys.verify_mic(&self.list, mic)?;
        self.mic_verified = true;
        Ok(())
    }

    /// Signs the list, once, as soon as the mechanism can.
    fn sign(&mut self) -> Result<Option<Vec<u8>>> {
        let Some((keys, _)) = &mut self.finished else { return Ok(None) };
        if self.mic_sent || !keys.can_sign() {
            return Ok(None);
        }
        self.mic_sent = true;
        keys.mic(&self.list).map(Some)
    }

    /// Where a signature was due, there has to have been a good one.
    fn check_signed(&self) -> Result<()> {
        match (self.mic_required || self.mic_sent) && !self.mic_verified {
            true => Err(Error::NotVerified { what: "mechListMIC" }),
            false => Ok(()),
        }
    }
}

enum Inner {
    Ntlm(ntlm::Initiator),
    Kerberos(kerberos::Initiator),
}

impl Inner {
    fn name(&self) -> &'static str {
        match self {
            Self::Ntlm(_) => "NTLM",
            Self::Kerberos(_) => "Kerberos",
        }
    }

    /// Both numbers of Kerberos mean the same: old Windows answers with the other one.
    fn is(&self, mech: &Mech) -> bool {
        match self {
            Self::Ntlm(_) => *mech == Mech::Ntlm,
            Self::Kerberos(_) => mech.is_kerberos(),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::super::super::spnego::HINT;
    use super::super::super::{Account, Binding, Chosen, FileTime, Seal, Secret};
    use super::super::Acceptor;
    use super::*;

    const PASSWORD: &str = "correct horse";

    fn initiator_with(credentials: &Credentials, protection: Protection) -> Initiator {
        let target = Target::new("hv01.lab.test", protection);
        let fresh = Fresh::new(FileTime(1), *b"24 bytes that are random");
        Initiator::new(credentials, target, fresh).unwrap()
    }

    fn initiator() -> Initiator {
        initiator_with(&Credentials::password(r"LAB\mia", PASSWORD), Protection::Seal).without_kerberos()
    }

    fn ntlm_acceptor() -> ntlm::Acceptor {
        let names = ntlm::Names {
            computer: "HV01".into(),
            domain: "LAB".into(),
            dns_computer: "hv01.lab.test".into(),
            dns_domain: "lab.test".into(),
        };
        let accounts = |account: &Account| (account.user == "mia").then(|| ntlm::NtHash::of(PASSWORD));
        ntlm::Acceptor::new(names, accounts, *b"nonce123", FileTime(133_700_000_000_000_000))
    }

    fn acceptor() -> Acceptor {
        Acceptor::new(Some(ntlm_acceptor()), None)
    }

    struct LoggedIn {
        client: Option<Box<dyn Seal>>,
        server: Option<Box<dyn Seal>>,
        client_report: Report,
        server_report: Report,
        tokens: usize,
    }

    /// Runs a login in which each token passes through `tamper` on its way.
    fn login(
        client: &mut dyn Mechanism,
        server: &mut dyn Mechanism,
        mut tamper: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<LoggedIn> {
        let mut count = 0;
        let mut pass = |token: Token| {
            let mut bytes = token.as_bytes().to_vec();
            tamper(count, &mut bytes);
            count += 1;
            bytes
        };
        let mut from_server: Option<Vec<u8>> = None;
        let mut at_server = None;
        for _ in 0..6 {
            let (token, at_client) = match client.step(from_server.as_deref())? {
                Step::Send(token) => (Some(token), None),
                Step::Done { token, seal, report } => (token, Some((seal, report))),
            };
            if let Some(token) = token {
                if at_server.is_some() {
                    return Err(Error::OutOfTurn { what: "token after acceptance" });
                }
                match server.step(Some(&pass(token)))? {
                    Step::Send(token) => from_server = Some(pass(token)),
                    Step::Done { token, seal, report } => {
                        from_server = token.map(&mut pass);
                        at_server = Some((seal, report));
                    }
                }
            }
            if let (Some((client, client_report)), Some((server, server_report))) =
                (at_client, &mut at_server)
            {
                let (server, server_report) = (server.take(), server_report.clone());
                return Ok(LoggedIn { client, server, client_report, server_report, tokens: count });
            }
        }
        Err(Error::OutOfTurn { what: "login without end" })
    }

    fn honest(client: &mut dyn Mechanism, server: &mut dyn Mechanism) -> Result<LoggedIn> {
        login(client, server, |_, _| ())
    }

    fn exchange(login: LoggedIn) {
        let (mut client, mut server) = (login.client.unwrap(), login.server.unwrap());
        for text in ["question", "", "another"] {
            let mut message = text.as_bytes().to_vec();
            let token = client.seal(&mut message).unwrap();
            server.unseal(&token, &mut message).unwrap();
            let token = server.seal(&mut message).unwrap();
            client.unseal(&token, &mut message).unwrap();
            assert_eq!(message, text.as_bytes());
        }
    }

    #[test]
    fn both_sides_agree_on_ntlm_and_sign_the_list() {
        let login = honest(&mut initiator(), &mut acceptor()).unwrap();
        assert_eq!(login.tokens, 4);
        for report in [&login.client_report, &login.server_report] {
            assert_eq!(report.chosen, Chosen::Ntlm);
            assert!(report.negotiated && report.mutual && report.fallback.is_none());
        }
        assert_eq!(login.server_report.account, Some(Account::parse(r"LAB\mia")));
        exchange(login);
    }

    #[test]
    fn without_a_ticket_ntlm_stands_in_and_the_report_says_why() {
        let mut client = initiator_with(&Credentials::password(r"LAB\mia", PASSWORD), Protection::Seal);
        // No realm of that name exists, so no ticket can be had; nothing is asked of the network.
        let credentials = Credentials::Tickets { cache: Some("FILE:/nonexistent".into()), principal: None };
        let target = Target::new("hv01.lab.test", Protection::Seal);
        client.kerberos = Some(kerberos::Initiator::new(&credentials, target).unwrap());
        let login = honest(&mut client, &mut acceptor()).unwrap();
        assert_eq!(login.client_report.chosen, Chosen::Ntlm);
        assert!(login.client_report.fallback.is_some());
        exchange(login);
    }

    // Otherwise the password of a host's Administrator would be tried on the domain's.
    #[test]
    fn a_local_account_is_never_tried_on_a_realm() {
        for user in ["mia", r".\mia"] {
            let mut client = initiator_with(&Credentials::password(user, PASSWORD), Protection::Seal);
            let login = honest(&mut client, &mut acceptor()).unwrap();
            let expected = Error::Unsuitable { mechanism: "Kerberos", needs: "a realm: user@REALM" };
            assert_eq!(login.client_report.fallback.as_deref(), Some(&expected));
        }
    }

    #[test]
    fn kerberos_alone_does_not_fall_back() {
        let credentials = Credentials::Tickets { cache: Some("FILE:/nonexistent".into()), principal: None };
        let refused = initiator_with(&credentials, Protection::Seal).step(None).unwrap_err();
        assert!(matches!(refused, Error::NoTickets { .. } | Error::LibraryMissing { .. }), "{refused:?}");
        let password = Credentials::password("mia", PASSWORD);
        let mut neither = initiator_with(&password, Protection::Seal).without_kerberos().without_ntlm();
        assert_eq!(neither.step(None).unwrap_err(), Error::NoCommonMechanism);
    }

    #[test]
    fn bare_ntlm_is_accepted_under_negotiate() {
        let credentials = Credentials::password("mia", PASSWORD);
        let fresh = Fresh::new(FileTime(1), [7; 24]);
        let target = Target::new("hv01.lab.test", Protection::Seal);
        let mut client = ntlm::Initiator::new(&credentials, target, fresh).unwrap();
        let login = honest(&mut client, &mut acceptor()).unwrap();
        assert!(!login.server_report.negotiated);
        exchange(login);
    }

    #[test]
    fn an_invitation_is_answered() {
        let mut server = acceptor();
        let Step::Send(invitation) = server.step(None).unwrap() else { panic!("an invitation") };
        let mut client = initiator();
        let Step::Send(token) = client.step(Some(invitation.as_bytes())).unwrap() else { panic!("first") };
        assert!(server.step(Some(token.as_bytes())).is_ok());
        let only_kerberos =
            NegTokenInit { mech_types: vec![Mech::Kerberos], hint: Some(HINT.into()), ..Default::default() };
        assert_eq!(initiator().step(Some(&only_kerberos.encode())).unwrap_err(), Error::NoCommonMechanism);
    }

    // The acceptor prefers what it has; what the client put first it may not have.
    #[test]
    fn a_mechanism_that_is_not_the_first_must_be_signed_for() {
        let mechs = [Mech::Kerberos, Mech::Ntlm];
        let init = NegTokenInit {
            mech_types: mechs.to_vec(),
            mech_token: Some(b"ticket".to_vec()),
            ..NegTokenInit::default()
        };
        let mut server = acceptor();
        let Step::Send(token) = server.step(Some(&init.encode())).unwrap() else { panic!("more to come") };
        let expected = NegTokenResp {
            state: Some(NegState::RequestMic),
            supported_mech: Some(Mech::Ntlm),
            ..NegTokenResp::default()
        };
        assert_eq!(NegToken::decode(token.as_bytes()).unwrap(), NegToken::Response(expected));

        let mut ntlm = initiator().ntlm.take().unwrap();
        let response = |token, mech_list_mic| {
            NegTokenResp { response_token: Some(token), mech_list_mic, ..NegTokenResp::default() }.encode()
        };
        let token = server.step(Some(&response(ntlm.start().unwrap(), None))).unwrap();
        let Step::Send(token) = token else { panic!("a challenge") };
        let NegToken::Response(challenge) = NegToken::decode(token.as_bytes()).unwrap() else {
            panic!("response")
        };
        let mut answer = ntlm.answer(&challenge.response_token.unwrap()).unwrap();
        let mic = answer.sealer.mic(&mech_list(&mechs)).unwrap();
        let last = server.step(Some(&response(answer.token, Some(mic.to_vec())))).unwrap();
        let Step::Done { report, .. } = last else { panic!("finished") };
        assert!(report.mutual);
    }

    #[test]
    fn the_client_follows_a_server_without_kerberos() {
        let mut client = initiator();
        // As if a ticket had been had: the list is what the server and the signature see.
        client.step(None).unwrap();
        let State::Running(mut running) = std::mem::replace(&mut client.state, State::Over) else {
            panic!("running")
        };
        running.offered = vec![Mech::Kerberos, Mech::MsKerberos, Mech::Ntlm];
        running.list = mech_list(&running.offered);
        let credentials = Credentials::Tickets { cache: None, principal: None };
        let target = Target::new("hv01.lab.test", Protection::Seal);
        running.inner = Inner::Kerberos(kerberos::Initiator::new(&credentials, target).unwrap());
        client.state = State::Running(running);
        client.ntlm = initiator().ntlm;

        let mut server = acceptor();
        let init = NegTokenInit {
            mech_types: vec![Mech::Kerberos, Mech::MsKerberos, Mech::Ntlm],
            mech_token: Some(b"ticket".to_vec()),
            ..NegTokenInit::default()
        };
        let mut step = server.step(Some(&init.encode())).unwrap();
        let report = loop {
            let token = match step {
                Step::Send(token) | Step::Done { token: Some(token), .. } => token,
                Step::Done { .. } => panic!("the server has the last word"),
            };
            match client.step(Some(token.as_bytes())).unwrap() {
                Step::Send(token) => step = server.step(Some(token.as_bytes())).unwrap(),
                Step::Done { report, .. } => break report,
            }
        };
        assert_eq!(report.chosen, Chosen::Ntlm);
        assert_eq!(report.fallback, Some(Box::new(Error::Refused { mechanism: Some("Kerberos") })));
    }

    #[test]
    fn each_flipped_bit_of_each_token_is_refused_or_changes_nothing() {
        let mut lengths = [0; 4];
        login(&mut initiator(), &mut acceptor(), |at, token| lengths[at] = token.len()).unwrap();
        let mut survived = 0;
        for (at, length) in lengths.into_iter().enumerate() {
            for bit in 0..length * 8 {
                let flip = |here: usize, token: &mut Vec<u8>| {
                    if here == at {
                        token[bit / 8] ^= 1 << (bit % 8);
                    }
                };
                if let Ok(login) = login(&mut initiator(), &mut acceptor(), flip) {
                    assert!(login.client_report.mutual && login.server_report.mutual);
                    exchange(login);
                    survived += 1;
                }
            }
        }
        // What nothing signs: the states in the two middle tokens, which may ask for what is done anyway.
        assert!(survived <= 4, "{survived} flips had no effect");
    }

    /// Answers our first token with a challenge wrapped by hand, and returns what the client says.
    fn challenged(change: impl FnOnce(&mut NegTokenResp)) -> Result<Step> {
        let (mut client, mut server) = (initiator(), acceptor());
        let Step::Send(token) = client.step(None)? else { panic!("first") };
        let Step::Send(token) = server.step(Some(token.as_bytes()))? else { panic!("second") };
        let NegToken::Response(mut response) = NegToken::decode(token.as_bytes())? else {
            panic!("response")
        };
        change(&mut response);
        client.step(Some(&response.encode()))
    }

    #[test]
    fn answers_that_break_the_rules_are_refused() {
        let refused = challenged(|response| response.state = Some(NegState::Reject)).unwrap_err();
        assert_eq!(refused, Error::Refused { mechanism: Some("NTLM") });
        let rules: [fn(&mut NegTokenResp); 6] = [
            |response| response.state = Some(NegState::AcceptCompleted),
            |response| response.supported_mech = Some(Mech::Kerberos),
            |response| response.supported_mech = Some(Mech::Other(vec![1, 2, 3])),
            |response| response.response_token = None,
            |response| response.mech_list_mic = Some(vec![1; 16]),
            |response| *response = NegTokenResp::default(),
        ];
        for (number, rule) in rules.into_iter().enumerate() {
            assert!(challenged(rule).is_err(), "rule {number}");
        }
    }

    // Servers that write their token into both fields were met in the field: smbprotocol#137.
    #[test]
    fn a_signature_that_repeats_the_token_is_ignored() {
        let step = challenged(|response| response.mech_list_mic = response.response_token.clone());
        assert!(matches!(step, Ok(Step::Send(_))));
    }

    #[test]
    fn a_request_for_the_signature_is_granted() {
        let Step::Send(token) = challenged(|response| response.state = Some(NegState::RequestMic)).unwrap()
        else {
            panic!("third")
        };
        let NegToken::Response(response) = NegToken::decode(token.as_bytes()).unwrap() else {
            panic!("response")
        };
        assert_eq!(response.mech_list_mic.map(|mic| mic.len()), Some(16));
    }

    #[test]
    fn success_without_the_servers_signature_is_refused() {
        for last in
            [None, Some(NegTokenResp { state: Some(NegState::AcceptCompleted), ..Default::default() })]
        {
            let (mut client, mut server) = (initiator(), acceptor());
            let Step::Send(token) = client.step(None).unwrap() else { panic!("first") };
            let Step::Send(token) = server.step(Some(token.as_bytes())).unwrap() else { panic!("second") };
            client.step(Some(token.as_bytes())).unwrap();
            let last = last.map(|response| response.encode());
            let refused = client.step(last.as_deref()).unwrap_err();
            assert_eq!(refused, Error::NotVerified { what: "mechListMIC" });
            assert_eq!(client.step(None).unwrap_err(), Error::Over);
        }
    }

    #[test]
    fn a_client_that_leaves_out_its_signature_is_refused() {
        let strip = |at: usize, token: &mut Vec<u8>| {
            if at == 2 {
                let NegToken::Response(mut response) = NegToken::decode(token).unwrap() else {
                    panic!("response")
                };
                response.mech_list_mic = None;
                *token = response.encode();
            }
        };
        let refused = login(&mut initiator(), &mut acceptor(), strip).err().unwrap();
        assert_eq!(refused, Error::NotVerified { what: "mechListMIC" });
    }

    #[test]
    fn over_tls_there_is_no_seal() {
        let mut client =
            initiator_with(&Credentials::password("mia", PASSWORD), Protection::Tls).without_kerberos();
        let server = ntlm_acceptor().behind_tls(Binding::Ignore);
        let login = honest(&mut client, &mut Acceptor::new(Some(server), None)).unwrap();
        assert!(login.client.is_none() && login.server.is_none());
    }

    // A foreign client and Microsoft's OMI, tests/data/wire/omi: four tokens, and the signatures in them.
    #[test]
    fn the_recorded_signatures_verify() {
        macro_rules! recorded {
            ($file:literal, $header:literal) => {{
                let http = include_str!(concat!("../../../tests/data/wire/omi/spnego-ntlm-", $file, ".http"));
                let line = http.lines().find_map(|line| line.strip_prefix(concat!($header, ": Negotiate ")));
                NegToken::decode(&STANDARD.decode(line.unwrap().trim()).unwrap()).unwrap()
            }};
        }
        let NegToken::Init(init) = recorded!("01-auth.request", "Authorization") else { panic!("init") };
        let NegToken::Response(third) = recorded!("02-auth.request", "Authorization") else {
            panic!("response")
        };
        let NegToken::Response(last) = recorded!("02-auth.response", "WWW-Authenticate") else {
            panic!("response")
        };
        assert_eq!(init.mech_types, [Mech::Ntlm]);
        assert_eq!(last.state, Some(NegState::AcceptCompleted));

        let key = Secret::new(0x5187eaa6cceb755ac76fa75408bd1abeu128.to_be_bytes());
        let list = mech_list(&init.mech_types);
        for (side, mic) in
            [(ntlm::Side::Server, third.mech_list_mic), (ntlm::Side::Client, last.mech_list_mic)]
        {
            let mut sealer = ntlm::Sealer::new(&key, ntlm::Flags::WANTED, side);
            sealer.verify_mic(&list, &mic.unwrap()).unwrap();
        }
    }

    proptest! {
        #[test]
        fn any_token_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120), state in 0u8..4) {
            let _ = acceptor().step(Some(&bytes));
            let mut client = initiator();
            client.step(None).unwrap();
            let token = [&[0xa1, 7, 0x30, 5, 0xa0, 3, 10, 1, state][..], &bytes].concat();
            prop_assert!(client.step(Some(&token)).is_err());
        }
    }
}
