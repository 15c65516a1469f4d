use std::borrow::Cow;
use std::fmt::Display;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue,
    LOCATION, RETRY_AFTER, SERVER, WWW_AUTHENTICATE,
};
use hyper::{Method, Request};

use super::super::asked::Asked;
use super::super::dialect::Encoding;
use super::super::fault::{Fault, Moment, Occasion};
use super::super::lexicon::lexicon;
use super::super::log::Line;
use super::super::{Caller, Entry, Refusal, Response, Upset};
use super::connection::Bound;
use super::hosts::Hosts;
use super::login::{Entered, Gate, Leg, Login, offers};
use super::payload::Payload;
use super::wire::{Control, End};
use crate::auth::http::header_value;
use crate::auth::sealed::{self, Multipart};
use crate::auth::{Scheme, Seal, Token};
use crate::wsman::decode_request;
use crate::xml::{self, Limits};

/// What belongs to one connection and ends with it.
pub(super) struct Session {
    hosts: Arc<Hosts>,
    index: usize,
    name: String,
    number: u64,
    requests: u64,
    /// The channel, where the connection is TLS.
    channel: Option<Bound>,
    login: Login,
    control: Arc<Control>,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the request did not come to its end")]
    Request,
    #[error("another request is under way on this connection")]
    Pipelined,
    #[error("the log cannot be written")]
    Log(#[source] io::Error),
}

/// Answers one request. The session is out of its place meanwhile: an answer that is given up half-way takes
/// the login and its keys with it.
pub(super) async fn answer(
    place: Arc<Mutex<Option<Box<Session>>>>,
    request: Request<Incoming>,
) -> Result<hyper::Response<Payload>, Broken> {
    let taken = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut session = taken.ok_or(Broken::Pipelined)?;
    let answer = session.answer(request).await?;
    let response = answer.finish(&session);
    session.control.await_request();
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    Ok(response)
}

impl Session {
    pub(super) fn new(
        hosts: Arc<Hosts>,
        index: usize,
        name: String,
        number: u64,
        channel: Option<Bound>,
        control: Arc<Control>,
    ) -> Self {
        Self { hosts, index, name, number, requests: 0, channel, login: Login::Out, control }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    async fn answer(&mut self, request: Request<Incoming>) -> Result<Answer, Broken> {
        self.requests += 1;
        let (head, body) = request.into_parts();
        if let Some(refusal) = self.refuse_head(&head, &body) {
            return Ok(refusal);
        }
        // Windows gives the framing of sealed bodies some room.
        let body = Limited::new(body, self.limit()).collect().await.map_err(|_| Broken::Request)?.to_bytes();
        let content_type = text(&head.headers, CONTENT_TYPE);
        let message = Message { content_type: content_type.to_owned(), body };
        match head.headers.get(AUTHORIZATION) {
            Some(value) => {
                let value = value.to_str().unwrap_or_default().to_owned();
                self.log_in(&value, message).await
            }
            None if is_anonymous(&head.headers) => self.identify(message).await,
            None => match std::mem::take(&mut self.login) {
                Login::In(mut entered) => {
                    let answer = self.converse(&mut entered, message).await?;
                    // Whatever closes the connection for want of keys has lost them.
                    if !answer.closes && !answer.logs_out {
                        self.login = Login::In(entered);
                    }
                    Ok(answer)
                }
                _ => Ok(self.unauthorized()),
            },
        }
    }

    /// Refuses what HTTP.sys does not hand on, before anybody is asked who he is.
    fn refuse_head(&self, head: &hyper::http::request::Parts, body: &Incoming) -> Option<Answer> {
        if !matches!(head.uri.path(), "/wsman" | "/wsman/") {
            return Some(Answer::bare(404).close());
        }
        if head.method != Method::POST {
            return Some(Answer::bare(405).with(ALLOW, "POST").close());
        }
        let Some(length) = body.size_hint().exact().filter(|_| is_length_said(&head.headers)) else {
            return Some(Answer::bare(411).close());
        };
        (length > self.limit() as u64).then(|| Answer::bare(413).close())
    }

    fn limit(&self) -> usize {
        usize::try_from(self.hosts.scenario.limits.max_envelope_size)
            .unwrap_or(usize::MAX)
            .saturating_add(FRAMING)
    }

    /// A leg of a login, or a request that brings its proof along.
    async fn log_in(&mut self, value: &str, message: Message) -> Result<Answer, Broken> {
        let harm = Harm::of(self.fire(Moment::Login, None, None, false));
        if let Some(instead) = harm.instead {
            return self.instead(instead).await;
        }
        wait(harm.slow).await;
        if let Some((after, end)) = harm.end {
            self.control.end_answer(after, end);
        }
        let before = std::mem::take(&mut self.login);
        let gate =
            Gate { hosts: &self.hosts, index: self.index, name: &self.name, channel: self.channel.as_ref() };
        match gate.enter(before, value).await {
            Leg::Continue(mechanism, token) => {
                let scheme = mechanism.scheme();
                self.login = Login::Running(mechanism);
                Ok(Answer::bare(401).with_token(scheme, &token))
            }
            Leg::Entered(scheme, entered, token) => self.enter(scheme, entered, token, message).await,
            Leg::Refused => Ok(self.unauthorized()),
        }
    }

    /// Somebody is in: the last leg is answered, and what it brought along carried out.
    async fn enter(
        &mut self,
        scheme: Scheme,
        mut entered: Entered,
        token: Option<Token>,
        message: Message,
    ) -> Result<Answer, Broken> {
        let mut answer = match message.body.is_empty() {
            true => Answer::bare(200),
            false => self.converse(&mut entered, message).await?,
        };
        if let Some(token) = token {
            answer = answer.with_token(scheme, &token);
        }
        if scheme.binds_connection() && !answer.closes && !answer.logs_out {
            self.login = Login::In(entered);
        }
        Ok(answer)
    }

    /// What is offered to whoever is nobody here.
    fn unauthorized(&self) -> Answer {
        let offers = offers(&self.hosts.scenario.service);
        offers.into_iter().fold(Answer::bare(401), |answer, offer| answer.with(WWW_AUTHENTICATE, offer))
    }

    /// The one question that those may ask who do not log in.
    async fn identify(&mut self, message: Message) -> Result<Answer, Broken> {
        if !self.hosts.scenario.service.anonymous_identify {
            return Ok(self.unauthorized());
        }
        match message.read() {
            Ok((text, encoding)) if is_identify(&text) => {
                let asker = Asker { caller: None, way: None, seal: None };
                self.operate(asker, &text, encoding).await
            }
            Ok(_) => Ok(self.unauthorized()),
            Err(refusal) => Ok(refusal),
        }
    }

    /// A body from somebody who is in.
    async fn converse(&mut self, entered: &mut Entered, message: Message) -> Result<Answer, Broken> {
        let Entered { caller, way, seal } = entered;
        let caller = Some(caller.clone());
        let way = Some(*way);
        let Some(seal) = seal else {
            let is_clear = self.channel.is_none();
            if sealed::is_sealed(&message.content_type) {
                return Ok(Answer::bare(415));
            }
            if is_clear && !self.hosts.scenario.service.allow_unencrypted {
                return Ok(Answer::bare(500).close());
            }
            return match message.read() {
                Ok((text, encoding)) => {
                    self.operate(Asker { caller, way, seal: None }, &text, encoding).await
                }
                Err(refusal) => Ok(refusal),
            };
        };
        if !sealed::is_sealed(&message.content_type) {
            return Ok(Answer::bare(500).close());
        }
        let opened = match message.open(&mut **seal, self.limit()) {
            Ok(opened) => opened,
            Err(refusal) => return Ok(refusal),
        };
        match opened.read() {
            Ok((text, encoding)) => {
                self.operate(Asker { caller, way, seal: Some(&mut **seal) }, &text, encoding).await
            }
            Err(refusal) => Ok(refusal),
        }
    }

    /// Carries out what is asked, writes it down, and answers.
    async fn operate(
        &mut self,
        mut asker: Asker<'_>,
        envelope: &str,
        encoding: Encoding,
    ) -> Result<Answer, Broken> {
        // Reading it twice costs, so it is only done where a rule may want to know.
        let asked = self.hosts.rules.know(Moment::Operation).then(|| asked(envelope));
        let user = asker.caller.as_ref().map(|caller| caller.user.clone());
        let fired = self.fire(Moment::Operation, user.as_deref(), asked.as_ref(), asker.seal.is_some());
        let harm = Harm::of(fired);
        if let Some(instead) = harm.instead {
            self.write_down(&asker, &asked.unwrap_or_default().entry(), &harm.names)?;
            return self.instead(instead).await;
        }
        let mut response = self.carry_out(&asker, envelope, &harm.upsets);
        while let Some(pause) = response.as_ref().and_then(|response| response.again) {
            wait(pause).await;
            response = self.carry_out(&asker, envelope, &[]);
        }
        let Some(response) = response else {
            let entry = asked.unwrap_or_else(|| self::asked(envelope)).entry();
            self.write_down(&asker, &entry, &["panic"])?;
            return Ok(Answer::bare(500).close());
        };
        self.write_down(&asker, &response.entry, &harm.names)?;
        wait(response.delay + harm.slow).await;
        if let Some((after, end)) = harm.end {
            self.control.end_answer(after, end);
        }
        Ok(self.reply(&mut asker, response, encoding, &harm))
    }

    fn carry_out(&self, asker: &Asker<'_>, envelope: &str, upsets: &[Upset]) -> Option<Response> {
        self.hosts.try_with_host(self.index, |host, now| {
            for upset in upsets {
                host.upset(now, upset.clone());
            }
            match &asker.caller {
                Some(caller) => host.handle(now, caller, envelope),
                None => host.identify_anonymous(now, envelope),
            }
        })
    }

    fn reply(&self, asker: &mut Asker<'_>, response: Response, encoding: Encoding, harm: &Harm) -> Answer {
        let dialect = &self.hosts.scenario.dialect;
        let mut text = dialect.spell(&response.envelope);
        if let Some(size) = harm.size {
            let missing = size.saturating_sub(text.len());
            text.to_mut().push_str(&" ".repeat(missing));
        }
        let content_type =
            format!("application/soap+xml;charset={}", dialect.encoding_for(encoding).charset());
        let body = dialect.encode(&text, encoding);
        let mut answer = Answer::bare(response.status);
        answer.is_chunked = dialect.chunked;
        let Some(seal) = &mut asker.seal else {
            return answer.body(&content_type, body);
        };
        match sealed::seal(&mut **seal, &content_type, body) {
            Ok(mut sealed) => {
                if harm.flips {
                    flip(&mut sealed.body);
                }
                answer.body(&sealed.content_type, sealed.body)
            }
            Err(_) => Answer::bare(500).close(),
        }
    }

    fn write_down(&self, asker: &Asker<'_>, entry: &Entry, harm: &[&'static str]) -> Result<(), Broken> {
        let Some(log) = &self.hosts.log else { return Ok(()) };
        let line = Line {
            time: self.hosts.clock.rfc_3339(),
            host: &self.name,
            user: asker.caller.as_ref().map(|caller| &*caller.user),
            scheme: asker.way,
            sealed: asker.seal.is_some(),
            ..Line::of(entry, harm)
        };
        log.write(&line).map_err(Broken::Log)
    }

    fn fire(&self, moment: Moment, user: Option<&str>, asked: Option<&Asked>, sealed: bool) -> Vec<Fault> {
        self.hosts.rules.fire(
            moment,
            &Occasion {
                host: self.index,
                name: &self.name,
                connection: self.number,
                request: self.requests,
                elapsed: self.hosts.clock.elapsed(),
                user,
                asked,
                sealed,
            },
        )
    }

    /// Answers what a rule has put in the place of an answer.
    async fn instead(&mut self, fault: Fault) -> Result<Answer, Broken> {
        Ok(match fault {
            Fault::Status { status: 401, .. } => Answer { logs_out: true, ..self.unauthorized() },
            Fault::Status { status, retry_after } => match retry_after {
                Some(seconds) => Answer::bare(status).with(RETRY_AFTER, seconds),
                None => Answer::bare(status),
            },
            Fault::Page { status, html } => Answer::bare(status).body("text/html; charset=utf-8", html),
            Fault::Redirect { status, location } => Answer::bare(status).with(LOCATION, location),
            _ => pending().await,
        })
    }
}

/// Who asks, and how: with a seal the answer goes sealed too.
struct Asker<'a> {
    caller: Option<Caller>,
    way: Option<&'static str>,
    seal: Option<&'a mut dyn Seal>,
}

/// A body with its content type.
struct Message {
    content_type: String,
    body: Bytes,
}

impl Message {
    /// Verifies and decrypts.
    fn open(self, seal: &mut dyn Seal, limit: usize) -> Result<Self, Answer> {
        let parts = Multipart::parse(&self.content_type, &self.body);
        parts.map_err(|_| Answer::bare(400).close())?;
        match sealed::open(seal, &self.content_type, self.body.into(), limit) {
            Ok(opened) => Ok(Self { content_type: opened.content_type, body: opened.message.into() }),
            // It is laid out well, and is for a login of another kind.
            Err(crate::auth::Error::Malformed { .. }) => Err(Answer::bare(415).close()),
            Err(_) => Err(Answer::bare(500).close()),
        }
    }

    /// Returns the envelope as text, and how it was encoded.
    fn read(&self) -> Result<(Cow<'_, str>, Encoding), Answer> {
        let mut parameters = self.content_type.split(';');
        let kind = parameters.next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/soap+xml") {
            return Err(Answer::bare(415));
        }
        let charset = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim())
        });
        match xml::decode(&self.body, charset) {
            Ok(text) => Ok((text, encoding(&self.body, charset))),
            Err(error) if matches!(error.problem, xml::Problem::UnsupportedCharset(_)) => {
                Err(Answer::bare(415))
            }
            Err(_) => Err(Answer::bare(400)),
        }
    }
}

/// Returns how a body is encoded that could be read.
fn encoding(body: &[u8], charset: Option<&str>) -> Encoding {
    match body {
        [0xFF, 0xFE, ..] | [b'<', 0, ..] => Encoding::Utf16Le,
        [0xFE, 0xFF, ..] | [0, b'<', ..] => Encoding::Utf16Be,
        [0xEF, 0xBB, 0xBF, ..] => Encoding::Utf8,
        _ => match charset.and_then(|charset| xml::Charset::named(charset).ok()) {
            Some(xml::Charset::Utf16Le) => Encoding::Utf16Le,
            Some(xml::Charset::Utf16Be) => Encoding::Utf16Be,
            _ => Encoding::Utf8,
        },
    }
}

/// What goes wrong with one request.
#[derive(Default)]
struct Harm {
    names: Vec<&'static str>,
    /// What is answered without the host being asked.
    instead: Option<Fault>,
    upsets: Vec<Upset>,
    slow: Duration,
    flips: bool,
    size: Option<usize>,
    end: Option<(usize, End)>,
}

impl Harm {
    fn of(faults: Vec<Fault>) -> Self {
        let mut harm = Self::default();
        for fault in faults {
            harm.names.push(fault.name());
            harm.add(fault);
        }
        harm
    }

    fn add(&mut self, fault: Fault) {
        let refuse = Upset::Refuse;
        match fault {
            Fault::CutReply(after) => self.end = Some((after, End::Cut)),
            Fault::StallReply(after) => self.end = Some((after, End::Silence)),
            Fault::LostResponse => self.end = Some((0, End::Cut)),
            Fault::Quota => self.upsets.push(refuse(Refusal::Quota)),
            Fault::Busy(None) => self.upsets.push(refuse(Refusal::Busy)),
            Fault::TimedOut => self.upsets.push(refuse(Refusal::TimedOut)),
            Fault::AccessDenied => self.upsets.push(refuse(Refusal::AccessDenied)),
            Fault::InternalError => self.upsets.push(refuse(Refusal::InternalError)),
            Fault::Busy(Some(busy)) => {
                let status = busy.goings_on();
                self.upsets.push(Upset::MachineBusy { machine: busy.machine, status });
            }
            Fault::VanishJobs => self.upsets.push(Upset::VanishJobs),
            Fault::RestartService => self.upsets.push(Upset::RestartService),
            Fault::EndSubscriptions => self.upsets.push(Upset::EndSubscriptions),
            Fault::Slow(delay) => self.slow += delay,
            Fault::WrongSeal => self.flips = true,
            Fault::OversizedReply(size) => self.size = Some(size),
            Fault::Status { .. } | Fault::Page { .. } | Fault::Redirect { .. } | Fault::StallRequest => {
                self.instead = Some(fault);
            }
            // Asked at other moments.
            Fault::RefuseConnect | Fault::ClockSkew(_) | Fault::CutRequest(_) => {}
        }
    }
}

/// Flips one bit of the cipher text, which stands before the closing boundary.
fn flip(body: &mut [u8]) {
    const END: usize = b"--Encrypted Boundary--\r\n".len();
    if let Some(byte) = body.len().checked_sub(END + 1).and_then(|at| body.get_mut(at)) {
        *byte ^= 1;
    }
}

fn asked(envelope: &str) -> Asked {
    match decode_request(envelope, lexicon(), &Limits::default()) {
        Ok(incoming) => Asked::of(&incoming),
        Err(_) => Asked { operation: "Unknown", ..Asked::default() },
    }
}

fn is_identify(envelope: &str) -> bool {
    asked(envelope).operation == "Identify"
}

/// An answer before it has become HTTP.
struct Answer {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    closes: bool,
    /// The login is over, though the connection is not.
    logs_out: bool,
    is_chunked: bool,
}

impl Answer {
    fn bare(status: u16) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { status, headers, body, closes: false, logs_out: false, is_chunked: false }
    }

    fn with(mut self, name: HeaderName, value: impl Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn with_token(self, scheme: Scheme, token: &Token) -> Self {
        let value = header_value(scheme, Some(token));
        self.with(WWW_AUTHENTICATE, value.expose())
    }

    fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.with(CONTENT_TYPE, content_type)
    }

    fn close(mut self) -> Self {
        self.closes = true;
        self
    }

    fn finish(self, session: &Session) -> hyper::Response<Payload> {
        let payload = match self.is_chunked && !self.body.is_empty() {
            true => Payload::chunked(self.body),
            false => Payload::whole(self.body),
        };
        let mut response = hyper::Response::new(payload);
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("Microsoft-HTTPAPI/2.0"));
        let date = session.hosts.clock.http_date(session.hosts.skew(session.index));
        for (name, value) in self.headers.into_iter().chain([(DATE, date)]) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// [MS-WSMV] makes the length mandatory; hyper takes its absence for an empty body.
fn is_length_said(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_LENGTH)
}

fn is_anonymous(headers: &HeaderMap) -> bool {
    headers
        .get("WSMANIDENTIFY")
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"unauthenticated"))
}

/// Waits, if there is anything to wait for: a timer that is over at once still costs a round of the runtime.
async fn wait(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// What the headers of a sealed body's parts and its token may take beside the message.
const FRAMING: usize = 4 << 10;
