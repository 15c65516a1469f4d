//! Kerberos, [RFC 4121], through the system's GSSAPI.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::Attempt;
use super::gssapi::{self, Context, Credential, Gssapi, Name, Progress, Status, Usage};
use super::{
    Account, Binding, ChannelBindings, Chosen, Credentials, Error, Mechanism, Protection, Report, Result,
    Scheme, Seal, Secret, Step, Target, Token, sealed,
};

/// The client's side of Kerberos through the system's GSSAPI, bare under `Kerberos`.
///
/// Nothing happens before the first step; that one asks the KDC and may block.
///
/// Service names are Kerberos principals without a realm (`HTTP/host@`): the KDC of our own realm says by
/// referral where the host belongs. The usual host-based form is not used, because the library resolves
/// such a host forwards and, by default, backwards, and asks for a ticket of whatever name the DNS makes up.
pub struct Initiator {
    state: State,
    credentials: Credentials,
    target: Target,
}

enum State {
    Start,
    Waiting(Box<Waiting>),
    Over,
}

struct Waiting {
    context: Context,
    credential: Credential,
    name: Name,
    service: String,
}

impl Initiator {
    /// Prepares a login with a password, tickets or a keytab.
    pub fn new(credentials: &Credentials, target: Target) -> Result<Self> {
        match credentials {
            Credentials::Password { .. } | Credentials::Tickets { .. } | Credentials::Keytab { .. } => {
                Ok(Self { state: State::Start, credentials: credentials.clone(), target })
            }
            _ => Err(Error::Unsuitable { mechanism: "Kerberos", needs: "a password, tickets or a keytab" }),
        }
    }

    /// Gets a ticket and returns the AP-REQ.
    pub(super) fn start(&mut self) -> Result<Vec<u8>> {
        let State::Start = std::mem::replace(&mut self.state, State::Over) else { return Err(Error::Over) };
        let api = load()?;
        let _lock = self.lock();
        let mut credential = self.acquire(api)?;
        let enctypes = if self.target.allow_rc4 { &ENCTYPES[..] } else { &ENCTYPES[..STRONG] };
        credential.limit_enctypes(enctypes).map_err(failed)?;
        // The library has what it needs.
        if let Credentials::Password { password, .. } = &mut self.credentials {
            *password = Secret::new(String::new());
        }

        let mut attempts = Vec::new();
        for service in self.services() {
            let principal = format!("{service}@{}", self.target.realm.as_deref().unwrap_or_default());
            match self.request(api, &credential, &principal) {
                Ok((context, name, token)) => {
                    self.state = State::Waiting(Box::new(Waiting { context, credential, name, service }));
                    return Ok(token);
                }
                Err(status) => {
                    let another = status.is_unknown_service();
                    let trouble = status.trouble();
                    attempts.push(Attempt { name: service, answer: status.text, trouble });
                    if !another {
                        break;
                    }
                }
            }
        }
        Err(Error::NoServiceTicket { attempts })
    }

    /// Verifies the AP-REP. Without it the server has proved nothing, and nothing may be sent.
    pub(super) fn answer(&mut self, token: &[u8]) -> Result<Answer> {
        let State::Waiting(mut waiting) = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::Over);
        };
        let Waiting { context, credential, name, .. } = &mut *waiting;
        let progress = context.initiate(credential, name, self.bindings(), Some(token)).map_err(failed)?;
        if !progress.complete {
            self.state = State::Waiting(waiting);
            return Ok(Answer::Continue(progress.token));
        }
        if progress.flags & gssapi::MUTUAL == 0 {
            return Err(Error::NotMutual);
        }
        check_protection(&progress, self.target.protection)?;
        let report = Report {
            mutual: true,
            bound: self.target.bindings.is_some(),
            account: self.account(),
            service: Some(waiting.service),
            ..Report::new(Chosen::Kerberos)
        };
        let token = Some(progress.token).filter(|token| !token.is_empty());
        Ok(Answer::Done { token, session: Session::new(waiting.context), report })
    }

    fn request(
        &self,
        api: &'static Gssapi,
        credential: &Credential,
        principal: &str,
    ) -> std::result::Result<(Context, Name, Vec<u8>), Status> {
        let name = api.principal(principal)?;
        let mut context = api.context();
        let progress = context.initiate(credential, &name, self.bindings(), None)?;
        Ok((context, name, progress.token))
    }

    /// The names to try, in order.
    fn services(&self) -> Vec<String> {
        let classes = match &self.target.service {
            Some(class) => vec![class.as_str()],
            None => SERVICES.to_vec(),
        };
        classes.into_iter().map(|class| format!("{class}/{}", self.target.host)).collect()
    }

    fn acquire(&self, api: &'static Gssapi) -> Result<Credential> {
        let acquired = match &self.credentials {
            Credentials::Password { account, password } => {
                let name = api.principal(&account.principal()).map_err(failed)?;
                check_realm(account, &name)?;
                api.acquire_with_password(&name, password.expose().as_bytes())
            }
            Credentials::Tickets { cache, principal } => {
                let store: Vec<_> = cache.iter().map(|cache| ("ccache", cache.as_str())).collect();
                let name = principal.as_ref().map(|principal| api.principal(principal)).transpose();
                name.and_then(|name| api.acquire(name.as_ref(), Usage::Initiate, &store))
            }
            Credentials::Keytab { path, principal } => {
                let keytab = format!("FILE:{}", path.display());
                // Named after its origin, so that one ticket serves all hosts.
                let cache = format!("MEMORY:refpoint {principal} {keytab}");
                api.principal(principal).and_then(|name| {
                    let store = [("client_keytab", keytab.as_str()), ("ccache", cache.as_str())];
                    api.acquire(Some(&name), Usage::Initiate, &store)
                })
            }
            _ => {
                return Err(Error::Unsuitable {
                    mechanism: "Kerberos",
                    needs: "a password, tickets or a keytab",
                });
            }
        };
        let with_password = matches!(self.credentials, Credentials::Password { .. });
        acquired.map_err(|status| {
            let (origin, trouble) = (self.origin(), status.trouble());
            match with_password && status.is_refused_password() {
                true => Error::PasswordRefused { origin, reason: status.text, trouble },
                false => Error::NoTickets { origin, reason: status.text, trouble },
            }
        })
    }

    /// Says where credentials come from, for the error message.
    fn origin(&self) -> String {
        match &self.credentials {
            Credentials::Password { account, .. } => format!("the password of {}", account.principal()),
            Credentials::Tickets { cache: Some(cache), .. } => format!("the cache {cache}"),
            Credentials::Keytab { path, principal } => format!("the keytab {} ({principal})", path.display()),
            _ => "the default cache".to_owned(),
        }
    }

    /// Logins with keytabs share a cache, and the library empties it before it fills it: one at a time.
    fn lock(&self) -> Option<MutexGuard<'static, ()>> {
        static FILLING: Mutex<()> = Mutex::new(());
        let shared = matches!(self.credentials, Credentials::Keytab { .. });
        shared.then(|| FILLING.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn account(&self) -> Option<Account> {
        match &self.credentials {
            Credentials::Password { account, .. } => Some(account.clone()),
            Credentials::Tickets { principal: Some(principal), .. }
            | Credentials::Keytab { principal, .. } => Some(Account::parse(principal)),
            _ => None,
        }
    }

    fn bindings(&self) -> Option<&[u8]> {
        self.target.bindings.as_ref().map(ChannelBindings::application_data)
    }
}

impl Mechanism for Initiator {
    fn scheme(&self) -> Scheme {
        Scheme::Kerberos
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        match (&self.state, token) {
            (State::Start, None) => Ok(Step::Send(Token::new(self.start()?))),
            (State::Start, Some(_)) => {
                self.state = State::Over;
                Err(Error::OutOfTurn { what: "Kerberos token before ours" })
            }
            // A server that says yes without an AP-REP has not shown that it holds the service's key.
            (State::Waiting(_), None) => {
                self.state = State::Over;
                Err(Error::NotMutual)
            }
            (State::Waiting(_), Some(token)) => match self.answer(token)? {
                Answer::Continue(token) => Ok(Step::Send(Token::new(token))),
                Answer::Done { token, session, report } => {
                    Ok(done(token, session, report, self.target.protection))
                }
            },
            (State::Over, _) => Err(Error::Over),
        }
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Initiator").field("target", &self.target).finish_non_exhaustive()
    }
}

/// The server's side of Kerberos through the system's GSSAPI, bare under `Kerberos`.
pub struct Acceptor {
    state: AcceptorState,
    keytab: String,
    protection: Protection,
    binding: Binding,
}

enum AcceptorState {
    Running(Option<(Context, Credential)>),
    Over,
}

impl Acceptor {
    /// Takes the keytab, `TYPE:name`, of the services this host answers for.
    pub fn new(keytab: impl Into<String>) -> Self {
        Self {
            state: AcceptorState::Running(None),
            keytab: keytab.into(),
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

    pub(super) fn protection(&self) -> Protection {
        self.protection
    }

    pub(super) fn accept(&mut self, token: &[u8]) -> Result<Answer> {
        let AcceptorState::Running(running) = std::mem::replace(&mut self.state, AcceptorState::Over) else {
            return Err(Error::Over);
        };
        let (mut context, credential) = match running {
            Some(running) => running,
            None => self.begin()?,
        };
        let bindings = match &self.binding {
            Binding::Ignore => None,
            Binding::Relaxed(bindings) | Binding::Strict(bindings) => Some(bindings.application_data()),
        };
        let progress = context.accept(&credential, bindings, token).map_err(failed)?;
        if !progress.complete {
            self.state = AcceptorState::Running(Some((context, credential)));
            return Ok(Answer::Continue(progress.token));
        }
        let bound = progress.flags & gssapi::CHANNEL_BOUND != 0;
        if matches!(self.binding, Binding::Strict(_)) && !bound {
            return Err(Error::Bindings("missing"));
        }
        check_protection(&progress, self.protection)?;
        let report = Report {
            mutual: progress.flags & gssapi::MUTUAL != 0,
            bound,
            account: progress.peer.as_deref().map(Account::parse),
            ..Report::new(Chosen::Kerberos)
        };
        let token = Some(progress.token).filter(|token| !token.is_empty());
        Ok(Answer::Done { token, session: Session::new(context), report })
    }

    fn begin(&self) -> Result<(Context, Credential)> {
        let api = load()?;
        let credential = api.acquire(None, Usage::Accept, &[("keytab", &self.keytab)]);
        let credential = credential.map_err(|status| Error::NoTickets {
            origin: format!("the keytab {}", self.keytab),
            trouble: status.trouble(),
            reason: status.text,
        })?;
        Ok((api.context(), credential))
    }
}

impl Mechanism for Acceptor {
    fn scheme(&self) -> Scheme {
        Scheme::Kerberos
    }

    fn step(&mut self, token: Option<&[u8]>) -> Result<Step> {
        let Some(token) = token else {
            self.state = AcceptorState::Over;
            return Err(Error::OutOfTurn { what: "missing Kerberos token" });
        };
        match self.accept(token)? {
            Answer::Continue(token) => Ok(Step::Send(Token::new(token))),
            Answer::Done { token, session, report } => Ok(done(token, session, report, self.protection)),
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("keytab", &self.keytab).finish_non_exhaustive()
    }
}

/// What one side makes of the other's token.
pub(super) enum Answer {
    Continue(Vec<u8>),
    Done { token: Option<Vec<u8>>, session: Session, report: Report },
}

/// Message protection by an established context, [RFC 4121].
pub(super) struct Session {
    context: Context,
    protocol: &'static str,
    poisoned: bool,
}

impl Session {
    fn new(context: Context) -> Self {
        Self { context, protocol: sealed::KERBEROS, poisoned: false }
    }

    /// The same session, for bodies under `Negotiate`.
    pub(super) fn under_negotiate(mut self) -> Self {
        self.protocol = sealed::SPNEGO;
        self
    }

    pub(super) fn mic(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        self.context.sign(data).map_err(failed)
    }

    pub(super) fn verify_mic(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.context.verify(data, signature).map_err(|_| Error::NotVerified { what: "mechListMIC" })
    }
}

impl Seal for Session {
    fn protocol(&self) -> &'static str {
        self.protocol
    }

    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>> {
        if self.poisoned {
            return Err(Error::SealPoisoned);
        }
        self.context.wrap(message).map_err(|status| {
            self.poisoned = true;
            failed(status)
        })
    }

    fn unseal(&mut self, token: &[u8], message: &mut Vec<u8>) -> Result<()> {
        let result = match self.poisoned {
            true => Err(Error::SealPoisoned),
            false => self.context.unwrap(token, message).map_err(|_| Error::SealBroken {
                reason: "kerberos token does not verify, or is out of sequence",
            }),
        };
        if result.is_err() {
            self.poisoned = true;
            message.clear();
        }
        result
    }
}

/// Service classes in the order they are tried: WinRM's hosts have HTTP in practice, domain controllers
/// may lack WSMAN, and every member of a domain has HOST.
const SERVICES: [&str; 3] = ["HTTP", "WSMAN", "HOST"];

/// aes256-cts-hmac-sha1-96, aes128-cts-hmac-sha1-96, aes256-cts-hmac-sha384-192,
/// aes128-cts-hmac-sha256-128; and rc4-hmac.
const ENCTYPES: [i32; STRONG + 1] = [18, 17, 20, 19, 23];
const STRONG: usize = 4;

fn load() -> Result<&'static Gssapi> {
    Gssapi::load().map_err(|reason| Error::LibraryMissing { reason, package: PACKAGE })
}

/// What brings the library, for people.
const PACKAGE: &str = if cfg!(windows) {
    "MIT Kerberos for Windows"
} else if cfg!(target_vendor = "apple") {
    "krb5 of Homebrew or MacPorts"
} else {
    "libgssapi-krb5-2 or krb5-libs"
};

fn failed(status: Status) -> Error {
    Error::Kerberos { trouble: status.trouble(), reason: status.text }
}

/// A NetBIOS domain is looked for in the default realm; if that is another domain, trying the password
/// there would only count against whoever has the same name.
fn check_realm(account: &Account, name: &Name) -> Result<()> {
    let Some(domain) = account.netbios_domain() else { return Ok(()) };
    let full = name.full().map_err(failed)?;
    let realm = full.rsplit_once('@').map_or("", |(_, realm)| realm);
    let label = realm.split('.').next().unwrap_or_default();
    match label.eq_ignore_ascii_case(domain) {
        true => Ok(()),
        false => Err(Error::Unsuitable {
            mechanism: "Kerberos",
            needs: "a realm (user@REALM): the domain is not that of the default realm",
        }),
    }
}

fn check_protection(progress: &Progress, protection: Protection) -> Result<()> {
    // Without the order, a message that is left out or said twice would open.
    let required = gssapi::CONFIDENTIALITY | gssapi::INTEGRITY | gssapi::SEQUENCE;
    match protection == Protection::Seal && progress.flags & required != required {
        true => Err(Error::CannotSeal { missing: "confidentiality, integrity or sequence".into() }),
        false => Ok(()),
    }
}

fn done(token: Option<Vec<u8>>, session: Session, report: Report, protection: Protection) -> Step {
    let seal = (protection == Protection::Seal).then(|| Box::new(session) as Box<dyn Seal>);
    Step::Done { token: token.map(Token::new), seal, report }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn initiator(target: Target) -> Initiator {
        Initiator::new(&Credentials::Tickets { cache: None, principal: None }, target).unwrap()
    }

    #[test]
    fn the_names_are_tried_in_order_unless_one_is_given() {
        let mut target = Target::new("hv01.lab.test", Protection::Seal);
        let names = ["HTTP/hv01.lab.test", "WSMAN/hv01.lab.test", "HOST/hv01.lab.test"];
        assert_eq!(initiator(target.clone()).services(), names);
        target.service = Some("exchange".into());
        assert_eq!(initiator(target).services(), ["exchange/hv01.lab.test"]);
    }

    #[test]
    fn a_derived_ntlm_key_is_no_use_here() {
        let credentials = Credentials::password("mia", "x").into_ntlm();
        let refused = Initiator::new(&credentials, Target::new("h", Protection::Seal));
        assert!(matches!(refused, Err(Error::Unsuitable { mechanism: "Kerberos", .. })));
    }

    #[test]
    fn a_cache_that_is_not_there_is_named() {
        let credentials =
            Credentials::Tickets { cache: Some("FILE:/nonexistent/cache".into()), principal: None };
        let mut initiator =
            Initiator::new(&credentials, Target::new("hv01.lab.test", Protection::Seal)).unwrap();
        match initiator.step(None).unwrap_err() {
            Error::NoTickets { origin, .. } => assert_eq!(origin, "the cache FILE:/nonexistent/cache"),
            // These tests run without the library too; the ones in tests/interop do not.
            Error::LibraryMissing { package, .. } => assert_eq!(package, PACKAGE),
            other => panic!("{other:?}"),
        }
        assert_eq!(initiator.step(None).unwrap_err(), Error::Over);
    }

    #[test]
    fn any_token_is_refused_without_a_keytab() {
        let mut acceptor = Acceptor::new("FILE:/nonexistent/keytab");
        assert!(acceptor.step(Some(b"token")).is_err());
        assert!(acceptor.step(None).is_err());
    }
}
