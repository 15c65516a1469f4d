//! A host made of a function: it logs anybody in, decodes what it is asked with the library's own room
//! `wsman`, writes it down, and answers what it is told to.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use refpoint::cim::{Catalog, Instance, ObjectPath, Value};
use refpoint::client::{
    Connection, Credentials, Dial, Error, Invoke, Invoked, Item, Login, Method, Options, Retries, Session,
    Target, TransportError,
};
use refpoint::wsman::names::{ENUMERATION, WSMAN};
use refpoint::wsman::{
    Content, Fault, FaultCode, Incoming, Opening, Operation, Page, ReplyHeader, Request, Style, Subcode,
    decode_request, encode_reply,
};
use refpoint::xml::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

pub(crate) const NAMESPACE: &str = "root/virtualization/v2";

/// What goes back.
pub(crate) enum Answer {
    /// A message.
    Message(String),
    /// A message, this many octets at a time, with a pause after each.
    Dripping(String, usize, Duration),
    /// Any HTTP answer.
    Http(String),
    /// Nothing, for ever.
    Silence,
    /// Nothing, and the end of the connection.
    Close,
    /// A message, and then the end of the connection.
    AndClose(String),
}

type Behaviour = Box<dyn FnMut(&Incoming) -> Answer + Send>;

/// The far end of every connection that a session makes.
#[derive(Clone)]
pub(crate) struct Host(Arc<Mutex<State>>);

struct State {
    behaviour: Behaviour,
    seen: Vec<Incoming>,
    connections: usize,
    open_connections: usize,
    most_open_connections: usize,
    piece: usize,
    logins: Vec<Option<String>>,
}

impl Host {
    pub(crate) fn new(behaviour: impl FnMut(&Incoming) -> Answer + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            behaviour: Box::new(behaviour),
            seen: Vec::new(),
            connections: 0,
            open_connections: 0,
            most_open_connections: 0,
            piece: usize::MAX,
            logins: Vec::new(),
        })))
    }

    /// Writes its answers in pieces of so many octets, so that waiting for one has many steps.
    pub(crate) fn in_pieces(self, piece: usize) -> Self {
        self.state().piece = piece;
        self
    }

    /// Answers the next logins with these HTTP answers, `None` for silence.
    pub(crate) fn logging_in(self, answers: Vec<Option<String>>) -> Self {
        self.state().logins = answers;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Returns every request, in order.
    pub(crate) fn seen(&self) -> Vec<Incoming> {
        self.state().seen.clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Request) -> bool) -> usize {
        self.state().seen.iter().filter(|incoming| wanted(&incoming.request)).count()
    }

    pub(crate) fn invokes(&self) -> usize {
        self.count(|request| matches!(request, Request::Invoke(_)))
    }

    pub(crate) fn releases(&self) -> usize {
        self.count(|request| matches!(request, Request::Release(_)))
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.state().open_connections
    }

    pub(crate) fn most_open_connections(&self) -> usize {
        self.state().most_open_connections
    }

    /// Connects a session's end to it.
    pub(crate) fn dial(&self) -> Dial {
        let host = self.clone();
        Dial::new(move |endpoint, options| {
            let host = host.clone();
            async move {
                let (near, far) = duplex(1 << 20);
                {
                    let mut state = host.state();
                    state.connections += 1;
                    state.open_connections += 1;
                    state.most_open_connections = state.most_open_connections.max(state.open_connections);
                }
                tokio::spawn(async move {
                    host.serve(far).await;
                    host.state().open_connections -= 1;
                });
                Connection::over(near, &endpoint, options).await
            }
        })
    }

    pub(crate) async fn session(&self) -> Session {
        self.session_with(target()).await.unwrap()
    }

    pub(crate) async fn session_with(&self, target: Target) -> Result<Session, Error> {
        Session::with(target, self.dial()).await
    }

    async fn serve(&self, mut stream: DuplexStream) {
        while let Some((_, body)) = read_request(&mut stream).await {
            if body.is_empty() {
                let login = self.state().logins.pop();
                let answer = match login {
                    None => "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n".to_owned(),
                    Some(Some(answer)) => answer,
                    Some(None) => std::future::pending().await,
                };
                _ = stream.write_all(answer.as_bytes()).await;
                continue;
            }
            let text = String::from_utf8(body).unwrap();
            let incoming = decode_request(&text, Catalog::bundled(), &Limits::default()).unwrap();
            let (answer, piece) = {
                let state = &mut *self.state();
                state.seen.push(incoming.clone());
                ((state.behaviour)(&incoming), state.piece)
            };
            match answer {
                Answer::Message(text) => {
                    for piece in http(&text).as_bytes().chunks(piece) {
                        _ = stream.write_all(piece).await;
                        tokio::task::yield_now().await;
                    }
                }
                Answer::Dripping(text, piece, pause) => {
                    for piece in http(&text).as_bytes().chunks(piece) {
                        tokio::time::sleep(pause).await;
                        if stream.write_all(piece).await.is_err() {
                            return;
                        }
                    }
                }
                Answer::Http(text) => _ = stream.write_all(text.as_bytes()).await,
                Answer::Silence => {
                    // Until the other side has gone.
                    _ = stream.read_u8().await;
                    return;
                }
                Answer::Close => return,
                Answer::AndClose(text) => {
                    _ = stream.write_all(http(&text).as_bytes()).await;
                    return;
                }
            }
        }
    }
}

pub(crate) async fn read_request(stream: &mut DuplexStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

fn http(text: &str) -> String {
    let status = if text.contains("<s:Fault>") { 500 } else { 200 };
    format!(
        "HTTP/1.1 {status} \r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// Answers with an HTTP status, headers, and no body.
pub(crate) fn http_answer(status: u16, headers: &str) -> Answer {
    Answer::Http(format!("HTTP/1.1 {status} \r\n{headers}Content-Length: 0\r\n\r\n"))
}

pub(crate) fn options() -> Options {
    let mut login = Login::new(Credentials::password("mia", "secret")).with(Method::Basic);
    login.allow_cleartext = true;
    Options::new(login)
}

pub(crate) fn target() -> Target {
    Target::new("http://hv01.lab.test".parse().unwrap(), options())
}

pub(crate) fn impatient(call_limit: Duration) -> Target {
    Target { call_limit, ..target() }
}

pub(crate) fn without_retries() -> Target {
    Target { retries: Retries::NONE, ..target() }
}

/// Answers with a result or a fault.
pub(crate) fn answer<O: Operation>(
    incoming: &Incoming,
    operation: &O,
    result: Result<&O::Reply, &Fault>,
) -> Answer {
    Answer::Message(message(Some(&incoming.header.message_id), operation, result))
}

pub(crate) fn message<O: Operation>(
    relates_to: Option<&str>,
    operation: &O,
    result: Result<&O::Reply, &Fault>,
) -> String {
    let header = ReplyHeader { relates_to: relates_to.map(str::to_owned), ..ReplyHeader::default() };
    encode_reply(&header, operation, result, Style::WINDOWS).unwrap()
}

/// Answers whatever it was with a fault.
pub(crate) fn refuse(incoming: &Incoming, fault: &Fault) -> Answer {
    let header =
        ReplyHeader { relates_to: Some(incoming.header.message_id.clone()), ..ReplyHeader::default() };
    Answer::Message(refpoint::wsman::encode_fault(&header, fault).unwrap())
}

pub(crate) fn succeed(incoming: &Incoming) -> Answer {
    match &incoming.request {
        Request::Get(get) => answer(incoming, get, Ok(&Content::Instance(machine(1)))),
        Request::Invoke(call) => answer(incoming, call, Ok(&invoked(0))),
        Request::Release(release) => answer(incoming, release, Ok(&())),
        Request::Delete(delete) => answer(incoming, delete, Ok(&())),
        Request::Unsubscribe(unsubscribe) => answer(incoming, unsubscribe, Ok(&())),
        other => panic!("unexpected {other:?}"),
    }
}

pub(crate) fn invoked(code: u32) -> Invoked {
    Invoked { return_value: Value::from(code), out: Vec::new() }
}

pub(crate) fn machine(number: usize) -> Instance {
    Instance::new("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("Name", format!("vm{number}"))
}

pub(crate) fn path() -> ObjectPath {
    ObjectPath::new(NAMESPACE, "Msvm_ComputerSystem")
        .with_key("CreationClassName", "Msvm_ComputerSystem")
        .with_key("Name", "vm1")
}

pub(crate) fn call() -> Invoke {
    let service = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePointService")
        .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService");
    Invoke::new(service, "ExportReferencePoint").with("ExportDirectory", r"D:\exports")
}

pub(crate) fn fault(local: &str, code: u32) -> Fault {
    let subcode = Subcode::new(WSMAN, local);
    Fault::new(FaultCode::Receiver, subcode, "in the host's words").with_wsman(code, "HV01", "the same")
}

pub(crate) fn timed_out() -> Fault {
    fault("TimedOut", 0x8033_8029)
}

pub(crate) fn quota() -> Fault {
    fault("QuotaLimit", 0x8033_81A6)
}

/// Of WMI: a method may have met it half-way.
pub(crate) fn busy() -> Fault {
    fault("InternalError", 0x8004_1045)
}

pub(crate) fn not_found() -> Fault {
    fault("InternalError", 0x8033_8000)
}

pub(crate) fn too_large() -> Fault {
    fault("EncodingLimit", 0x8033_8048)
}

pub(crate) fn unreportable() -> Fault {
    let mut fault = Fault::new(FaultCode::Sender, Subcode::new(WSMAN, "EncodingLimit"), "too long");
    fault.detail_uri =
        Some("http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnreportableSuccess".into());
    fault
}

pub(crate) fn context_gone() -> Fault {
    let subcode = Subcode::new(ENUMERATION, "InvalidEnumerationContext");
    Fault::new(FaultCode::Receiver, subcode, "no such thing").with_wsman(0x8033_801B, "HV01", "the same")
}

/// Machines as a host enumerates them: a new context with each page, of which only the newest is good.
#[derive(Clone)]
pub(crate) struct Machines(Arc<Mutex<Listed>>);

struct Listed {
    total: usize,
    /// The most items that an answer has room for, and what becomes of more.
    fits: usize,
    cuts: bool,
    next_context: usize,
    /// The contexts that are good, each with how many machines it has given.
    open: Vec<(usize, usize)>,
    /// How often a context was used that was not, or no more.
    pub(crate) stale: usize,
    given: BTreeSet<usize>,
}

impl Machines {
    pub(crate) fn new(total: usize, fits: usize) -> Self {
        Self(Arc::new(Mutex::new(Listed {
            total,
            fits,
            cuts: true,
            next_context: 0,
            open: Vec::new(),
            stale: 0,
            given: BTreeSet::new(),
        })))
    }

    /// Refuses what does not fit, rather than to give less.
    pub(crate) fn strict(self) -> Self {
        self.0.lock().unwrap().cuts = false;
        self
    }

    pub(crate) fn open(&self) -> usize {
        self.0.lock().unwrap().open.len()
    }

    pub(crate) fn stale(&self) -> usize {
        self.0.lock().unwrap().stale
    }

    pub(crate) fn serve(&self, incoming: &Incoming) -> Answer {
        let listed = &mut *self.0.lock().unwrap();
        match &incoming.request {
            Request::Enumerate(enumerate) => {
                let most = match enumerate.opening {
                    Opening::FirstPage { max_elements } => max_elements.unwrap_or(1) as usize,
                    Opening::Context => 0,
                };
                match listed.page(0, most) {
                    Ok(page) => answer(incoming, enumerate, Ok(&page)),
                    Err(fault) => answer(incoming, enumerate, Err(&fault)),
                }
            }
            Request::Pull(pull) => {
                let Some(given) = listed.take(&pull.context) else {
                    return answer(incoming, pull, Err(&context_gone()));
                };
                match listed.page(given, pull.max_elements.unwrap_or(1) as usize) {
                    Ok(page) => answer(incoming, pull, Ok(&page)),
                    Err(fault) => {
                        let context = pull.context.parse().unwrap();
                        listed.open.push((context, given));
                        answer(incoming, pull, Err(&fault))
                    }
                }
            }
            Request::Release(release) => match listed.take(&release.context) {
                Some(_) => answer(incoming, release, Ok(&())),
                None => answer(incoming, release, Err(&context_gone())),
            },
            _ => succeed(incoming),
        }
    }
}

impl Listed {
    fn take(&mut self, context: &str) -> Option<usize> {
        let context: usize = context.parse().unwrap();
        match self.open.iter().position(|(open, _)| *open == context) {
            Some(at) => Some(self.open.swap_remove(at).1),
            None => {
                self.stale += 1;
                None
            }
        }
    }

    fn page(&mut self, given: usize, most: usize) -> Result<Page, Box<Fault>> {
        let most = most.min(self.total - given);
        if most > self.fits && !self.cuts {
            return Err(Box::new(too_large()));
        }
        let end = given + most.min(self.fits);
        self.given.extend(given..end);
        let context = (end < self.total).then(|| {
            self.next_context += 1;
            self.open.push((self.next_context, end));
            self.next_context.to_string()
        });
        let items = (given..end).map(|number| Item::Object(machine(number))).collect();
        Ok(Page { items, context, expires: None })
    }
}

/// Returns the number of a machine.
pub(crate) fn number(instance: &Instance) -> usize {
    instance.text("Name").unwrap().strip_prefix("vm").unwrap().parse().unwrap()
}

/// Polls a future so often and no more: `None` where it then still waits.
pub(crate) struct Polls<F>(pub(crate) F, pub(crate) usize);

impl<F: Future + Unpin> Future for Polls<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.1 == 0 {
            return Poll::Ready(None);
        }
        self.1 -= 1;
        match Pin::new(&mut self.0).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.1 == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

pub(crate) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    Polls(Box::pin(future), times).await
}

/// Lets everything that is under way come to its end: on the paused clock this is no waiting.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

pub(crate) fn transport(error: &Error) -> &TransportError {
    error.transport().unwrap_or_else(|| panic!("{error:?}"))
}
