use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use refpoint::auth::http::{header_value, read_authorization};
use refpoint::auth::ntlm::{self, Names, NtHash};
use refpoint::auth::{
    Account, BasicAcceptor, Binding, Certificate, Credentials, FileTime, Mechanism, Seal, Step, negotiate,
    sealed,
};
use refpoint::transport::{Connection, Endpoint, Error, Login, Method, Options, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

pub(crate) const SOAP: &str = "application/soap+xml;charset=UTF-8";
pub(crate) const USER: &str = r"LAB\mia";
pub(crate) const PASSWORD: &str = "Swordfish-7391";

pub(crate) fn http() -> Endpoint {
    "http://hv01.lab.test".parse().unwrap()
}

pub(crate) fn https() -> Endpoint {
    "https://hv01.lab.test".parse().unwrap()
}

pub(crate) fn options(method: Method) -> Options {
    Options::new(login(method))
}

/// An NTLM key instead of a password, so that nobody asks a KDC.
pub(crate) fn login(method: Method) -> Login {
    let password = Credentials::password(USER, PASSWORD);
    let credentials = match method {
        Method::Negotiate => password.into_ntlm(),
        Method::Certificate => Credentials::Certificate,
        _ => password,
    };
    Login::new(credentials).with(method)
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let mut request = Self { head: String::from_utf8(head).unwrap(), body: Vec::new() };
        request.body = vec![0; request.header("content-length").unwrap().parse().unwrap()];
        stream.read_exact(&mut request.body).await.ok()?;
        Some(request)
    }
}

/// Returns the tokens that came in.
pub(crate) fn tokens(seen: &[Request]) -> Vec<Vec<u8>> {
    let values = seen.iter().filter_map(|request| request.header("authorization"));
    let tokens = values.filter_map(|value| value.split_once(' ')).map(|(_, token)| token);
    tokens.map(|token| STANDARD.decode(token).unwrap()).collect()
}

/// What goes back.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", content_type)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} \r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        [bytes.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// The host's side of one connection: login, seal, and an operation to carry out.
pub(crate) struct Peer {
    state: State,
    operation: Operation,
    /// How many operations were carried out.
    pub(crate) executed: Arc<AtomicUsize>,
    /// What came in, in order.
    pub(crate) seen: Arc<Mutex<Vec<Request>>>,
    spoil: Box<dyn FnMut(Response) -> Response + Send>,
}

type Operation = Box<dyn FnMut(&[u8]) -> Vec<u8> + Send>;

enum State {
    LoggingIn(Box<dyn Mechanism>),
    Sealed(Box<dyn Seal>),
    Open { each: Option<Box<dyn Fn() -> Box<dyn Mechanism> + Send>> },
}

impl Peer {
    pub(crate) fn new(mechanism: Box<dyn Mechanism>) -> Self {
        Self {
            state: State::LoggingIn(mechanism),
            operation: Box::new(|body| [b"echo ", body].concat()),
            executed: Arc::default(),
            seen: Arc::default(),
            spoil: Box::new(|response| response),
        }
    }

    pub(crate) fn for_method(method: Method) -> Self {
        match method {
            Method::Negotiate => Self::new(Box::new(negotiate::Acceptor::new(Some(ntlm_acceptor()), None))),
            Method::Ntlm => Self::new(Box::new(ntlm_acceptor())),
            Method::Basic => Self::each(|| {
                Box::new(BasicAcceptor::new(|account, password| {
                    account.user == "mia" && password == PASSWORD
                }))
            }),
            Method::Certificate => Self::each(|| Box::new(Certificate)),
            Method::Kerberos => panic!("Kerberos needs a KDC"),
        }
    }

    pub(crate) fn behind_tls(method: Method, binding: Binding) -> Self {
        let acceptor = ntlm_acceptor().behind_tls(binding);
        match method {
            Method::Negotiate => Self::new(Box::new(negotiate::Acceptor::new(Some(acceptor), None))),
            Method::Ntlm => Self::new(Box::new(acceptor)),
            other => Self::for_method(other),
        }
    }

    fn each(make: impl Fn() -> Box<dyn Mechanism> + Send + 'static) -> Self {
        let mut peer = Self::new(make());
        peer.state = State::Open { each: Some(Box::new(make)) };
        peer
    }

    /// Carries out something else than an echo.
    pub(crate) fn operation(mut self, operation: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        self.operation = Box::new(operation);
        self
    }

    /// Alters each answer after the login.
    pub(crate) fn spoil(mut self, spoil: impl FnMut(Response) -> Response + Send + 'static) -> Self {
        self.spoil = Box::new(spoil);
        self
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Response {
        self.seen.lock().unwrap().push(request.clone());
        match (&mut self.state, request.header("authorization")) {
            (State::LoggingIn(_), None) => Response::new(401).header("WWW-Authenticate", "Negotiate"),
            (State::LoggingIn(_), Some(value)) => self.log_in(value),
            (State::Open { each: Some(make) }, value) => {
                let mut mechanism = make();
                let token = value.map(|value| read_authorization(value, &*mechanism));
                let known = token.is_some_and(|token| {
                    token.is_ok_and(|token| mechanism.step(token.as_ref().map(|it| it.as_bytes())).is_ok())
                });
                if known { self.execute(request) } else { refusal() }
            }
            (_, Some(_)) => Response::new(400),
            (_, None) => self.execute(request),
        }
    }

    fn log_in(&mut self, value: &str) -> Response {
        let State::LoggingIn(mechanism) = &mut self.state else { unreachable!() };
        let scheme = mechanism.scheme();
        let token = read_authorization(value, &**mechanism);
        let step = token.and_then(|token| mechanism.step(token.as_ref().map(|it| it.as_bytes())));
        let with_token = |status, token: Option<&_>| match token {
            Some(token) => {
                Response::new(status).header("WWW-Authenticate", header_value(scheme, Some(token)).expose())
            }
            None => Response::new(status),
        };
        match step {
            Ok(Step::Send(token)) => with_token(401, Some(&token)),
            Ok(Step::Done { token, seal, .. }) => {
                self.state = match seal {
                    Some(seal) => State::Sealed(seal),
                    None => State::Open { each: None },
                };
                with_token(200, token.as_ref())
            }
            Err(_) => refusal(),
        }
    }

    fn execute(&mut self, request: &Request) -> Response {
        if request.body.is_empty() {
            return Response::new(200);
        }
        let response = match &mut self.state {
            State::Sealed(seal) => {
                let content_type = request.header("content-type").unwrap();
                assert!(sealed::is_sealed(content_type), "clear body on http");
                let Ok(opened) = sealed::open(&mut **seal, content_type, request.body.clone(), usize::MAX)
                else {
                    return Response::new(500);
                };
                self.executed.fetch_add(1, Ordering::SeqCst);
                let answer = (self.operation)(&opened.message);
                let sealed = sealed::seal(&mut **seal, SOAP, answer).unwrap();
                Response::new(200).body(&sealed.content_type, sealed.body)
            }
            _ => {
                self.executed.fetch_add(1, Ordering::SeqCst);
                Response::new(200).body(SOAP, (self.operation)(&request.body))
            }
        };
        (self.spoil)(response)
    }

    /// Answers until the other side goes.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut stream: S) {
        while let Some(request) = Request::read(&mut stream).await {
            let response = self.answer(&request);
            if stream.write_all(&response.to_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// The same behind hyper's server.
    pub(crate) async fn serve_with_hyper<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        use http_body_util::{BodyExt, Full};
        let peer = Arc::new(Mutex::new(self));
        let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let peer = peer.clone();
            async move {
                let (parts, body) = request.into_parts();
                let mut head = format!("{} {} HTTP/1.1\n", parts.method, parts.uri);
                for (name, value) in &parts.headers {
                    head.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
                }
                let body = body.collect().await?.to_bytes().to_vec();
                let response = peer.lock().unwrap().answer(&Request { head, body });
                let mut builder = hyper::Response::builder().status(response.status);
                for (name, value) in response.headers {
                    builder = builder.header(name, value);
                }
                Ok::<_, hyper::Error>(builder.body(Full::new(bytes::Bytes::from(response.body))).unwrap())
            }
        });
        let stream = hyper_util::rt::TokioIo::new(stream);
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
    }
}

fn refusal() -> Response {
    Response::new(401)
        .header("WWW-Authenticate", "Negotiate")
        .header("WWW-Authenticate", "Basic realm=\"WSMAN\"")
}

pub(crate) fn ntlm_acceptor() -> ntlm::Acceptor {
    let names = Names {
        computer: "HV01".into(),
        domain: "LAB".into(),
        dns_computer: "hv01.lab.test".into(),
        dns_domain: "lab.test".into(),
    };
    let accounts = |account: &Account| (account.user == "mia").then(|| NtHash::of(PASSWORD));
    let now = FileTime::from_unix(Duration::from_secs(1_800_000_000));
    ntlm::Acceptor::new(names, accounts, [0x37; 8], now)
}

/// Starts a peer at the far end of a stream in memory.
pub(crate) fn start(peer: Peer) -> DuplexStream {
    let (near, far) = duplex(64 << 10);
    tokio::spawn(peer.serve(far));
    near
}

pub(crate) async fn connect(method: Method, peer: Peer) -> Result<Connection, Error> {
    Connection::over(start(peer), &http(), options(method)).await
}

/// Plays these answers, one to each request, then keeps silent or closes.
pub(crate) fn script(answers: &[&[u8]], closes: bool) -> DuplexStream {
    let (near, mut far) = duplex(64 << 10);
    let mut answers: VecDeque<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    tokio::spawn(async move {
        while let Some(answer) = answers.pop_front() {
            if Request::read(&mut far).await.is_none() || far.write_all(&answer).await.is_err() {
                return;
            }
        }
        if !closes {
            std::future::pending::<()>().await;
        }
    });
    near
}

/// Logs in with Basic over http, allowed by name: every answer after that is the script's.
pub(crate) async fn scripted(answers: &[&[u8]], closes: bool) -> Result<Connection, Error> {
    let mut options = options(Method::Basic);
    options.login.allow_cleartext = true;
    scripted_with(answers, closes, options).await
}

pub(crate) async fn scripted_with(
    answers: &[&[u8]],
    closes: bool,
    options: Options,
) -> Result<Connection, Error> {
    let entered: &[u8] = b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n";
    let stream = script(&[&[entered], answers].concat(), closes);
    Connection::over(stream, &http(), options).await
}

pub(crate) async fn ask(connection: &mut Connection, body: &str) -> Result<Reply, Error> {
    connection.exchange(body.to_owned(), SOAP).await
}

/// A stream that breaks for good after so many bytes in one direction.
pub(crate) struct Cut<S> {
    stream: S,
    pub(crate) left_to_read: usize,
    pub(crate) left_to_write: usize,
}

impl<S> Cut<S> {
    pub(crate) fn new(stream: S, left_to_read: usize, left_to_write: usize) -> Self {
        Self { stream, left_to_read, left_to_write }
    }

    fn is_cut(&self) -> bool {
        self.left_to_read == 0 || self.left_to_write == 0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cut<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut() {
            return Poll::Ready(Ok(()));
        }
        let mut space = vec![0; buffer.remaining().min(self.left_to_read)];
        let mut inner = ReadBuf::new(&mut space);
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut inner))?;
        self.left_to_read -= inner.filled().len();
        buffer.put_slice(inner.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cut<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = bytes.len().min(self.left_to_write);
        let written = std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[..length]))?;
        self.left_to_write -= written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
