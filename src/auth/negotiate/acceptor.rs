use std::fmt;

use super::super::spnego::{HINT, Mech, NegState, NegToken, NegTokenInit, NegTokenResp, mech_list};
use super::super::{Error, Mechanism, Protection, Report, Result, Scheme, Step, Token, kerberos, ntlm};
use super::keys::Keys;

/// The server's side under `Negotiate`: SPNEGO, and NTLM and Kerberos bare, as Windows takes them too.
pub struct Acceptor {
    state: State,
    ntlm: Option<ntlm::Acceptor>,
    kerberos: Option<kerberos::Acceptor>,
    protection: Protection,
}

enum State {
    Start,
    Bare(Box<ntlm::Acceptor>),
    BareKerberos(Box<kerberos::Acceptor>),
    Running(Box<Accepting>),
    Over,
}

impl Acceptor {
    /// Takes the mechanisms this server has; both of them stand behind TLS or neither does.
    pub fn new(ntlm: Option<ntlm::Acceptor>, kerberos: Option<kerberos::Acceptor>) -> Self {
        let protection = ntlm.as_ref().map(ntlm::Acceptor::protection);
        let protection = protection.or(kerberos.as_ref().map(kerberos::Acceptor::protection));
        let protection = protection.unwrap_or(Protection::Seal);
        Self { state: State::Start, ntlm, kerberos, protection }
    }

    /// Writes a NegTokenInit2, for a client that waits to be told what there is.
    fn invite(&mut self) -> Result<Step> {
        let mut mech_types = Vec::new();
        if self.kerberos.is_some() {
            mech_types.extend([Mech::MsKerberos, Mech::Kerberos]);
        }
        if self.ntlm.is_some() {
            mech_types.push(Mech::Ntlm);
        }
        let init = NegTokenInit { mech_types, hint: Some(HINT.into()), ..NegTokenInit::default() };
        self.state = State::Start;
        Ok(Step::Send(Token::new(init.encode())))
    }

    fn begin(&mut self, token: &[u8]) -> Result<Step> {
        if token.starts_with(ntlm::SIGNATURE) {
            let mut ntlm = self.ntlm.take().ok_or(Error::NoCommonMechanism)?;
            let step = ntlm.step(Some(token))?;
            self.state = State::Bare(Box::new(ntlm));
            return Ok(step);
        }
        if is_bare_kerberos(token) {
            let kerberos = self.kerberos.take().ok_or(Error::NoCommonMechanism)?;
            return self.advance_kerberos(Box::new(kerberos), token);
        }
        let NegToken::Init(init) = NegToken::decode(token)? else {
            return Err(Error::OutOfTurn { what: "SPNEGO answer before the first token" });
        };
        let (position, inner) = self.choose(&init.mech_types)?;
        // Either number of Kerberos in front makes it the client's first choice.
        let preferred = init.mech_types[..position].iter().all(|mech| inner.is(mech));
        let accepting = Accepting {
            list: mech_list(&init.mech_types),
            mech: init.mech_types[position].clone(),
            inner,
            finished: None,
            answered: false,
            mic_required: !preferred,
        };
        match (preferred, &init.mech_token) {
            (true, Some(token)) => self.advance(Box::new(accepting), Some(token), None),
            // The optimistic token is for a mechanism we do not have, or there is none.
            _ => self.advance(Box::new(accepting), None, None),
        }
    }

    fn advance_kerberos(&mut self, mut kerberos: Box<kerberos::Acceptor>, token: &[u8]) -> Result<Step> {
        match kerberos.accept(token)? {
            kerberos::Answer::Continue(token) => {
                self.state = State::BareKerberos(kerberos);
                Ok(Step::Send(Token::new(token)))
            }
            kerberos::Answer::Done { token, session, report } => {
                let seal = Keys::Kerberos(session.under_negotiate()).into_seal(self.protection);
                Ok(Step::Done { token: token.map(Token::new), seal, report })
            }
        }
    }

    fn choose(&mut self, mechs: &[Mech]) -> Result<(usize, Inner)> {
        for (position, mech) in mechs.iter().enumerate() {
            if mech.is_kerberos()
                && let Some(kerberos) = self.kerberos.take()
            {
                return Ok((position, Inner::Kerberos(kerberos)));
            }
            if *mech == Mech::Ntlm
                && let Some(ntlm) = self.ntlm.take()
            {
                return Ok((position, Inner::Ntlm { ntlm, challenged: false }));
            }
        }
        Err(Error::NoCommonMechanism)
    }

    fn continue_with(&mut self, accepting: Box<Accepting>, token: &[u8]) -> Result<Step> {
        let NegToken::Response(response) = NegToken::decode(token)? else {
            return Err(Error::OutOfTurn { what: "second NegTokenInit" });
        };
        if response.state == Some(NegState::Reject) {
            return Err(Error::Refused { mechanism: None });
        }
        if response.response_token.is_none() && accepting.finished.is_none() {
            return Err(Error::OutOfTurn { what: "missing token of the mechanism" });
        }
        self.advance(accepting, response.response_token.as_deref(), response.mech_list_mic.as_deref())
    }

    fn advance(
        &mut self,
        mut accepting: Box<Accepting>,
        token: Option<&[u8]>,
        mic: Option<&[u8]>,
    ) -> Result<Step> {
        let response_token = match token {
            Some(token) => accepting.advance(token)?,
            None => None,
        };
        let mut answer = NegTokenResp {
            supported_mech: (!accepting.answered).then(|| accepting.mech.clone()),
            response_token,
            ..NegTokenResp::default()
        };
        let verified = accepting.verify_mic(mic)?;
        let due = accepting.mic_required && !verified;
        answer.state = Some(match accepting.finished {
            Some(_) if !due => NegState::AcceptCompleted,
            _ if accepting.mic_required && !accepting.answered => NegState::RequestMic,
            // Both sides have finished, and the signature that was due did not come.
            Some(_) if answer.response_token.is_none() => {
                return Err(Error::NotVerified { what: "mechListMIC" });
            }
            _ => NegState::AcceptIncomplete,
        });
        accepting.answered = true;
        if answer.state != Some(NegState::AcceptCompleted) {
            self.state = State::Running(accepting);
            return Ok(Step::Send(Token::new(answer.encode())));
        }
        let Accepting { finished, list, .. } = *accepting;
        let (mut keys, mut report) = finished.ok_or(Error::OutOfTurn { what: "acceptance" })?;
        if verified {
            answer.mech_list_mic = Some(keys.mic(&list)?);
        }
        report.negotiated = true;
        report.mutual |= verified;
        let seal = keys.into_seal(self.protection);
        Ok(Step::Done { token: Some(Token::new(answer.encode())), seal, report })
    }
}

impl Mechanism for Acceptor {
    fn scheme(&self) -> Scheme {
        Scheme::Negotiate
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        match (std::mem::replace(&mut self.state, State::Over), token) {
            (State::Start, None) => self.invite(),
            (State::Start, Some(token)) => self.begin(token),
            (State::Bare(mut ntlm), token) => ntlm.step(token),
            (State::BareKerberos(kerberos), Some(token)) => self.advance_kerberos(kerberos, token),
            (State::BareKerberos(_), None) => Err(Error::OutOfTurn { what: "missing Kerberos token" }),
            (State::Running(accepting), Some(token)) => self.continue_with(accepting, token),
            (State::Running(_), None) => Err(Error::OutOfTurn { what: "missing SPNEGO token" }),
            (State::Over, _) => Err(Error::Over),
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kerberos, ntlm) = (self.kerberos.is_some(), self.ntlm.is_some());
        f.debug_struct("Acceptor").field("kerberos", &kerberos).field("ntlm", &ntlm).finish_non_exhaustive()
    }
}

struct Accepting {
    list: Vec<u8>,
    mech: Mech,
    inner: Inner,
    finished: Option<(Keys, Report)>,
    answered: bool,
    mic_required: bool,
}

impl Accepting {
    fn advance(&mut self, token: &[u8]) -> Result<Option<Vec<u8>>> {
        if self.finished.is_some() {
            return Err(Error::OutOfTurn { what: "token for a finished mechanism" });
        }
        match &mut self.inner {
            Inner::Ntlm { ntlm, challenged: challenged @ false } => {
                *challenged = true;
                ntlm.challenge(token).map(Some)
            }
            Inner::Ntlm { ntlm, .. } => {
                let ntlm::Accepted { sealer, report, has_mic } = ntlm.verify(token)?;
                // A client that signs the NTLM messages signs the list too: its absence is tampering.
                self.mic_required |= has_mic;
                self.finished = Some((Keys::Ntlm { sealer: Box::new(sealer), signs: true }, report));
                Ok(None)
            }
            Inner::Kerberos(kerberos) => match kerberos.accept(token)? {
                kerberos::Answer::Continue(token) => Ok(Some(token)),
                kerberos::Answer::Done { token, session, report } => {
                    self.finished = Some((Keys::Kerberos(session.under_negotiate()), report));
                    Ok(token)
                }
            },
        }
    }

    fn verify_mic(&mut self, mic: Option<&[u8]>) -> Result<bool> {
        match (mic, &mut self.finished) {
            (None, _) => Ok(false),
            (Some(mic), Some((keys, _))) => keys.verify_mic(&self.list, mic).map(|()| true),
            (Some(_), None) => {
                Err(Error::OutOfTurn { what: "mechListMIC before the mechanism has finished" })
            }
        }
    }
}

enum Inner {
    Ntlm { ntlm: ntlm::Acceptor, challenged: bool },
    Kerberos(kerberos::Acceptor),
}

impl Inner {
    fn is(&self, mech: &Mech) -> bool {
        match self {
            Self::Ntlm { .. } => *mech == Mech::Ntlm,
            Self::Kerberos(_) => mech.is_kerberos(),
        }
    }
}

/// Says whether a token is Kerberos' own, [RFC 4121] 4.1: `[APPLICATION 0]`, its length, and the mechanism.
fn is_bare_kerberos(token: &[u8]) -> bool {
    const KERBEROS: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
    let [0x60, length, rest @ ..] = token else { return false };
    let long = if *length < 0x80 { 0 } else { usize::from(*length & 0x7f) };
    rest.get(long..).is_some_and(|content| content.starts_with(KERBEROS))
}
