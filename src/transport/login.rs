use bytes::Bytes;
use hyper::header::HeaderValue;
use tokio::task::spawn_blocking;
use tracing::debug;

use super::answer::{Head, is_soap, offered};
use super::guard::Guard;
use super::line::Line;
use super::patience::Patience;
use super::sent::Sent;
use super::{Answer, Endpoint, Error, Login, Method, Options, Protocol};
use crate::auth::http::{Offers, header_value};
use crate::auth::{
    self, Basic, Certificate, ChannelBindings, Credentials, FileTime, Fresh, Mechanism, Protection, Report,
    Scheme, Seal, Secret, Step, Target, Token, kerberos, negotiate, ntlm,
};

/// A login that is about to be made on one line.
pub(super) struct Attempt<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) options: &'a Options,
    /// The host's certificate, where TLS is below.
    pub(super) certificate: Option<&'a [u8]>,
    pub(super) patience: &'a Patience,
}

impl Attempt<'_> {
    /// Logs in with empty bodies, with the first scheme that the host offers.
    ///
    /// Ends: a mechanism has a handful of legs, each scheme is tried once, and a host that says no after our
    /// last word is not asked again.
    pub(super) async fn log_in(&self, line: &mut Line) -> Result<(Guard, Report), Error> {
        self.check_cleartext()?;
        let candidates = self.candidates();
        let mut offers: Option<Offers> = None;
        for scheme in &candidates {
            if offers.as_ref().is_some_and(|offers| !offers.offers(*scheme)) {
                continue;
            }
            match self.try_scheme(line, *scheme, offers.as_ref()).await? {
                Outcome::In(guard, report) => return Ok((guard, report)),
                Outcome::NotOffered(seen) => offers = Some(seen),
            }
        }
        Err(Error::NotOffered { wanted: candidates, offered: named(offers.as_ref()) })
    }

    fn login(&self) -> &Login {
        &self.options.login
    }

    fn is_clear(&self) -> bool {
        self.endpoint.protocol() == Protocol::Http
    }

    fn check_cleartext(&self) -> Result<(), Error> {
        match self.login().method {
            Method::Basic if self.is_clear() && !self.login().allow_cleartext => {
                Err(Error::CleartextRefused(Scheme::Basic))
            }
            Method::Certificate if self.is_clear() => {
                let source = auth::Error::Unsuitable { mechanism: "certificate", needs: "https" };
                Err(Error::LoginFailed { scheme: Scheme::Certificate, offered: String::new(), source })
            }
            _ => Ok(()),
        }
    }

    fn candidates(&self) -> Vec<Scheme> {
        // The password of a local account is nothing to ask a realm about: whoever has the same name there
        // would be locked out by it.
        let tickets = match &self.login().credentials {
            Credentials::Ntlm { .. } | Credentials::Certificate => false,
            Credentials::Password { account, .. } => !account.is_local(),
            _ => true,
        };
        match self.login().method {
            Method::Negotiate if tickets => vec![Scheme::Negotiate, Scheme::Kerberos],
            Method::Negotiate | Method::Ntlm => vec![Scheme::Negotiate],
            Method::Kerberos => vec![Scheme::Kerberos, Scheme::Negotiate],
            Method::Basic => vec![Scheme::Basic],
            Method::Certificate => vec![Scheme::Certificate],
        }
    }

    async fn try_scheme(
        &self,
        line: &mut Line,
        scheme: Scheme,
        offers: Option<&Offers>,
    ) -> Result<Outcome, Error> {
        let failed = |offered: &str| {
            let offered = offered.to_owned();
            move |source| Error::LoginFailed { scheme, offered, source }
        };
        let known = named(offers);
        let mut stepper = self.stepper(scheme).map_err(failed(&known))?;
        let mut step = stepper.step(None).await.map_err(failed(&known))?;
        for leg in 0..MAX_LEGS {
            let (token, finished) = match step {
                Step::Send(token) => (Some(token), None),
                Step::Done { token, seal, report } => (token, Some((seal, report))),
            };
            let authorization = authorization(scheme, token.as_ref())?;
            let sent = line.post(SOAP, Some(authorization.clone()), Bytes::new(), self.patience).await;
            let (head, body) = sent.map_err(Error::before_sending)?;
            let offers = head.offers().map_err(failed(""))?;
            let answer = offers.token(scheme).map_err(failed(""))?;
            let has_token = answer.is_some();
            debug!(host = self.endpoint.host(), %scheme, leg, status = head.status, has_token, "login leg");

            let offered = named(Some(&offers));
            let refused = |offered| Error::LoginRefused { tried: vec![scheme], offered };
            match (head.status, finished) {
                (401, None) if has_token => {
                    step = stepper.step(answer).await.map_err(failed(&offered))?;
                    if matches!(step, Step::Done { token: None, .. }) {
                        // We are content and have nothing to say, and the host still says no.
                        return Err(refused(offered));
                    }
                }
                (401, _) if leg == 0 && !offers.offers(scheme) => {
                    return Ok(Outcome::NotOffered(offers));
                }
                (401, _) => return Err(refused(offered)),
                (status, finished)
                    if is_accepted(status, scheme, has_token) && (has_token || !is_page(&head, &body)) =>
                {
                    let done = match finished {
                        Some(done) if !has_token => done,
                        _ => stepper.finish(answer).await.map_err(failed(&offered))?,
                    };
                    return self.enter(scheme, done, authorization).map_err(failed(&offered));
                }
                _ => {
                    let sent = Sent::of(Some(&authorization));
                    return Err(Error::Answer(Answer::new(&head, &body, &sent)).before_sending());
                }
            }
        }
        Err(failed("")(auth::Error::OutOfTurn { what: "one more leg of the login" }))
    }

    fn enter(
        &self,
        scheme: Scheme,
        (seal, report): Done,
        authorization: HeaderValue,
    ) -> auth::Result<Outcome> {
        let allowed = self.login().allow_cleartext;
        let guard = Guard::new(self.endpoint.protocol(), scheme, seal, authorization, allowed)?;
        Ok(Outcome::In(guard, report))
    }

    fn stepper(&self, scheme: Scheme) -> auth::Result<Stepper> {
        let login = self.login();
        let credentials = &login.credentials;
        let target = self.target()?;
        let mechanism: Box<dyn Mechanism> = match (login.method, scheme) {
            (Method::Basic, _) if self.is_clear() => Box::new(Basic::in_clear(credentials)?),
            (Method::Basic, _) => Box::new(Basic::new(credentials, Protection::Tls)?),
            (Method::Certificate, _) => Box::new(Certificate),
            (Method::Ntlm, _) => Box::new(ntlm::Initiator::new(credentials, target, fresh(login.clock)?)?),
            (_, Scheme::Kerberos) => Box::new(kerberos::Initiator::new(credentials, target)?),
            (Method::Kerberos, _) => {
                let both = negotiate::Initiator::new(credentials, target, fresh(login.clock)?)?;
                Box::new(both.without_ntlm())
            }
            _ => Box::new(negotiate::Initiator::new(credentials, target, fresh(login.clock)?)?),
        };
        let blocks = match login.method {
            Method::Kerberos => true,
            Method::Negotiate => !matches!(credentials, Credentials::Ntlm { .. }),
            _ => false,
        };
        Ok(Stepper { mechanism: Some(mechanism), blocks })
    }

    fn target(&self) -> auth::Result<Target> {
        let login = self.login();
        let protection = if self.is_clear() { Protection::Seal } else { Protection::Tls };
        let certificate = self.certificate.filter(|_| login.bind_channel);
        // The dot that ends a name for the resolver is no part of it for anybody else.
        let host = self.endpoint.host().trim_end_matches('.');
        let host = login.service_host.as_deref().unwrap_or(host);
        Ok(Target {
            service: login.service.clone(),
            realm: login.realm.clone(),
            bindings: certificate.map(ChannelBindings::tls_server_end_point).transpose()?,
            allow_rc4: login.allow_rc4,
            ..Target::new(host, protection)
        })
    }
}

/// How one scheme went.
enum Outcome {
    In(Guard, Report),
    NotOffered(Offers),
}

type Done = (Option<Box<dyn Seal>>, Report);

/// A mechanism, stepped where it may block.
struct Stepper {
    mechanism: Option<Box<dyn Mechanism>>,
    blocks: bool,
}

impl Stepper {
    async fn step(&mut self, token: Option<Token>) -> auth::Result<Step> {
        let mut mechanism = self.mechanism.take().ok_or(auth::Error::Over)?;
        let work = move || {
            let step = mechanism.step(token.as_ref().map(Token::as_bytes));
            (mechanism, step)
        };
        let (mechanism, step) = match self.blocks {
            false => work(),
            true => match spawn_blocking(work).await {
                Ok(done) => done,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The runtime is going down.
                Err(_) => return Err(auth::Error::Over),
            },
        };
        self.mechanism = Some(mechanism);
        step
    }

    /// Takes the host's word that it is content: ours has to be as well.
    async fn finish(&mut self, token: Option<Token>) -> auth::Result<Done> {
        match self.step(token).await? {
            Step::Done { token: None, seal, report } => Ok((seal, report)),
            _ => Err(auth::Error::OutOfTurn { what: "HTTP success in the middle of the login" }),
        }
    }
}

/// Says whether an answer that is not 401 means that we are in.
///
/// A login of the connection ends with success, or with a failure that carries the last token. A login of
/// the request is proved by anything that only a service says that has let us in: to an empty body it may
/// well answer that it makes no sense.
fn is_accepted(status: u16, scheme: Scheme, has_token: bool) -> bool {
    match status {
        200..=299 => true,
        500 => has_token || !scheme.binds_connection(),
        400 => !scheme.binds_connection(),
        _ => false,
    }
}

/// Returns the names of the schemes offered.
fn named(offers: Option<&Offers>) -> String {
    offers.map(offered).unwrap_or_default()
}

/// Says whether something other than the service answers: any web server, or a portal on the way, says 200 to
/// an empty request, with a page.
fn is_page(head: &Head, body: &[u8]) -> bool {
    !body.is_empty() && !is_soap(head.content_type())
}

fn authorization(scheme: Scheme, token: Option<&Token>) -> Result<HeaderValue, Error> {
    sensitive(header_value(scheme, token))
}

/// Makes a header of a secret without a copy of it: the header and its clones are wiped with the last of them.
fn sensitive(value: Secret<String>) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(Wiped(value)));
    let mut value = value.map_err(|_| Error::Request("token not valid in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

struct Wiped(Secret<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

fn fresh(clock: fn() -> std::time::SystemTime) -> auth::Result<Fresh> {
    let mut random = zeroize::Zeroizing::new([0; 24]);
    let provider = rustls::crypto::ring::default_provider();
    let filled = provider.secure_random.fill(&mut *random);
    filled.map_err(|_| auth::Error::Unsuitable {
        mechanism: "NTLM",
        needs: "random numbers from the system",
    })?;
    let since_epoch = clock().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Fresh::new(FileTime::from_unix(since_epoch), *random))
}

pub(super) const SOAP: &str = "application/soap+xml;charset=UTF-8";

/// More than any mechanism takes; SPNEGO that changes its mind and signs has four.
const MAX_LEGS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_becomes_a_header_without_a_copy() {
        let secret = Secret::new("Basic bWlhOnNlY3JldA==".to_owned());
        let at = secret.expose().as_ptr();
        let header = sensitive(secret).unwrap();
        let again = header.clone();
        assert_eq!((header.as_bytes().as_ptr(), again.as_bytes().as_ptr()), (at, at));
        assert!(header.is_sensitive() && again.is_sensitive());
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
