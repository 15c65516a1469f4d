use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{debug, info, warn};

use super::dial::{self, Reached};
use super::guard::Guard;
use super::line::Line;
use super::login::Attempt;
use super::patience::Patience;
use super::{Endpoint, Error, Fate, Fingerprint, Limits, Options, Phase, Reply, Timeouts};
use crate::auth::Report;

/// A socket to one host that is logged in, with the keys of the login.
///
/// One exchange at a time, by `&mut`. An exchange that fails, or whose future is dropped before it has ended,
/// closes the socket and drops the keys: what the other side has read of it nobody knows, and the sequence of
/// the seal is gone. Until [`Connection::reconnect`] every later exchange then is [`Error::Unusable`], without
/// a byte sent.
///
/// Two ends of a login are mended unasked, once an exchange: a socket that was closed while it was idle, and
/// a 401. Both only where the connection was made by [`Connection::open`], which knows the way; and a 401
/// that is not proved to be the host's only for what may be repeated.
pub struct Connection {
    endpoint: Endpoint,
    options: Arc<Options>,
    dialed: bool,
    logged_in: Option<LoggedIn>,
    facts: Facts,
    timeouts: Timeouts,
    logins: u64,
}

struct LoggedIn {
    line: Line,
    guard: Guard,
}

/// What is known of the last login.
struct Facts {
    report: Report,
    certificate: Option<Vec<u8>>,
    warnings: Vec<Warning>,
}

/// What the user should know about a connection that was made as he asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Nobody checked whose certificate this is.
    UnverifiedCertificate {
        /// The certificate.
        fingerprint: Fingerprint,
    },
    /// Password and bodies go in clear.
    Cleartext,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnverifiedCertificate { fingerprint } => {
                write!(f, "certificate not verified ({fingerprint}): anybody on the way could be the host")
            }
            Self::Cleartext => f.write_str("password and data go over the network in clear"),
        }
    }
}

impl Connection {
    /// Connects and logs in.
    pub async fn open(endpoint: &Endpoint, options: impl Into<Arc<Options>>) -> Result<Self, Error> {
        let options = options.into();
        let patience = Patience::by_phase(options.timeouts);
        let (logged_in, facts) = dial_and_log_in(endpoint, &options, &patience).await?;
        Ok(Self::new(endpoint, options, true, logged_in, facts))
    }

    /// Logs in over a stream that somebody else made: in memory, or by another way to the host. TLS is put on
    /// it where the endpoint is https. There is no second one: a login that is lost is lost.
    pub async fn over<S>(
        stream: S,
        endpoint: &Endpoint,
        options: impl Into<Arc<Options>>,
    ) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let options = options.into();
        let patience = Patience::by_phase(options.timeouts);
        let reached = dial::over(stream, endpoint, &options);
        let reached = patience.wait(Phase::Connect, Fate::NotSent, reached).await??;
        let (logged_in, facts) = log_in(reached, endpoint, &options, &patience).await?;
        Ok(Self::new(endpoint, options, false, logged_in, facts))
    }

    fn new(
        endpoint: &Endpoint,
        options: Arc<Options>,
        dialed: bool,
        logged_in: LoggedIn,
        facts: Facts,
    ) -> Self {
        let timeouts = options.timeouts;
        let endpoint = endpoint.clone();
        Self { endpoint, options, dialed, logged_in: Some(logged_in), facts, timeouts, logins: 1 }
    }

    /// Sends one body and returns the reply. It is sent again, after a new login, only where it is certain
    /// that the host has not carried it out.
    ///
    /// A SOAP fault is a reply, whatever its status. An error says what became of the request:
    /// [`Error::was_not_sent`].
    pub async fn exchange(&mut self, body: impl Into<Bytes>, content_type: &str) -> Result<Reply, Error> {
        self.exchange_as(Repeat::Never, body.into(), content_type).await
    }

    /// The same for a body that may be carried out twice: it is sent again, once, after any 401. An error then
    /// says what became of it the second time.
    pub async fn exchange_repeatable(
        &mut self,
        body: impl Into<Bytes>,
        content_type: &str,
    ) -> Result<Reply, Error> {
        self.exchange_as(Repeat::Harmless, body.into(), content_type).await
    }

    async fn exchange_as(&mut self, repeat: Repeat, body: Bytes, content_type: &str) -> Result<Reply, Error> {
        let patience = Patience::in_total(self.timeouts);
        // Taken, and put back only when all went well: whatever else happens, a dropped future included, the
        // socket is closed and its keys are gone.
        let logged_in = self.logged_in.take().ok_or(Error::Unusable)?;
        let first = self.attempt(logged_in, body.clone(), content_type, &patience).await;
        let error = match first {
            Err(error) if self.dialed && repeat.allows_after(&error) => error,
            other => return other,
        };
        info!(host = self.endpoint.host(), reason = %error, "login lost, logging in again");
        // Boxed: it is seldom needed, and takes more than everything else.
        let logged_in = Box::pin(self.log_in_again(&patience)).await?;
        self.attempt(logged_in, body, content_type, &patience).await
    }

    /// Connects and logs in anew, in place of what there was.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        if !self.dialed {
            return Err(Error::Unusable);
        }
        self.logged_in = None;
        let patience = Patience::by_phase(self.timeouts);
        self.logged_in = Some(self.log_in_again(&patience).await?);
        Ok(())
    }

    /// Says whether an exchange has a socket to go to.
    pub fn is_usable(&self) -> bool {
        self.logged_in.is_some()
    }

    /// Returns where it goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns what the login agreed on.
    pub fn report(&self) -> &Report {
        &self.facts.report
    }

    /// Returns what the user should be told, once more after each login.
    pub fn warnings(&self) -> &[Warning] {
        &self.facts.warnings
    }

    /// Returns the host's certificate (DER), where TLS is below.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.facts.certificate.as_deref()
    }

    /// Returns how often it has logged in.
    pub fn logins(&self) -> u64 {
        self.logins
    }

    /// Says whether bodies are sealed by the login.
    pub fn is_sealed(&self) -> bool {
        matches!(&self.logged_in, Some(LoggedIn { guard: Guard::Sealed(_), .. }))
    }

    /// Sets how long later exchanges wait.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.timeouts = timeouts;
    }

    async fn attempt(
        &mut self,
        mut logged_in: LoggedIn,
        body: Bytes,
        content_type: &str,
        patience: &Patience,
    ) -> Result<Reply, Error> {
        let started = Instant::now();
        let sent = body.len();
        let reply = logged_in.exchange(body, content_type, self.options.limits, patience).await;
        let (host, elapsed) = (self.endpoint.host(), started.elapsed());
        match &reply {
            Ok(reply) => {
                let received = reply.body.len();
                debug!(host, status = reply.status, sent, received, ?elapsed, "exchange");
                self.logged_in = Some(logged_in);
            }
            Err(error) => debug!(host, sent, ?elapsed, %error, fate = ?error.fate(), "exchange failed"),
        }
        reply
    }

    async fn log_in_again(&mut self, patience: &Patience) -> Result<LoggedIn, Error> {
        let (logged_in, facts) = dial_and_log_in(&self.endpoint, &self.options, patience).await?;
        self.facts = facts;
        self.logins += 1;
        Ok(logged_in)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoint", &self.endpoint.to_string())
            .field("chosen", &self.facts.report.chosen)
            .field("usable", &self.is_usable())
            .finish_non_exhaustive()
    }
}

/// What it would mean to send a request a second time.
#[derive(Clone, Copy)]
enum Repeat {
    /// It would be done twice.
    Never,
    /// Nothing.
    Harmless,
}

impl Repeat {
    /// Says whether a request may go out on a new login after the old one ended like this.
    fn allows_after(self, error: &Error) -> bool {
        match error {
            Error::NotSent { .. } => true,
            Error::LoginExpired { fate, .. } => *fate == Fate::NotSent || matches!(self, Self::Harmless),
            _ => false,
        }
    }
}

impl LoggedIn {
    async fn exchange(
        &mut self,
        body: Bytes,
        content_type: &str,
        limits: Limits,
        patience: &Patience,
    ) -> Result<Reply, Error> {
        let request = self.guard.close(content_type, body)?;
        let answer =
            self.line.post(&request.content_type, request.authorization, request.body, patience).await;
        let (head, body) = answer?;
        self.guard.open(&head, body, limits.body)
    }
}

async fn dial_and_log_in(
    endpoint: &Endpoint,
    options: &Options,
    patience: &Patience,
) -> Result<(LoggedIn, Facts), Error> {
    let reached = dial::dial(endpoint, options);
    let reached = patience.wait(Phase::Connect, Fate::NotSent, reached).await??;
    log_in(reached, endpoint, options, patience).await
}

async fn log_in(
    reached: Reached,
    endpoint: &Endpoint,
    options: &Options,
    patience: &Patience,
) -> Result<(LoggedIn, Facts), Error> {
    let Reached { mut line, certificate, mut warnings } = reached;
    let attempt = Attempt { endpoint, options, certificate: certificate.as_deref(), patience };
    let entered = attempt.log_in(&mut line);
    let (guard, report) = patience.wait(Phase::Login, Fate::NotSent, entered).await??;
    if matches!(&guard, Guard::Open { .. }) && certificate.is_none() {
        warnings.push(Warning::Cleartext);
    }
    // Each time, whoever looks at the connection's own list.
    for warning in &warnings {
        warn!(host = endpoint.host(), "{warning}");
    }
    let (host, mechanism, bound) = (endpoint.host(), report.chosen, report.bound);
    let sealed = matches!(guard, Guard::Sealed(_));
    info!(host, %mechanism, negotiated = report.negotiated, sealed, bound, "logged in");
    Ok((LoggedIn { line, guard }, Facts { report, certificate, warnings }))
}
