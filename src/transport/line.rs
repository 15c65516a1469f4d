use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT,
};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;

use super::answer::Head;
use super::patience::Patience;
use super::{Endpoint, Error, Fate, Limits, Options, Phase, TlsError};

/// One HTTP/1.1 connection on one stream.
///
/// Nothing runs beside it: whoever waits for an answer drives the stream. So dropping a wait stops the
/// stream where it is, dropping the line closes it, and a stream that was closed while nobody looked is
/// noticed before anything is sent on it.
///
/// Between an answer and the next request it is the bare stream: what HTTP needs beside it, buffers of some ten
/// kilobytes, would be there for each of thousands of hosts of which hardly one is asked at a time.
pub(super) struct Line {
    /// Away while a request is under way; a request that failed, or was not waited for, takes it with it.
    wire: Option<Wire>,
    limits: Limits,
    fixed: Fixed,
}

/// How a stream stands between requests.
enum Wire {
    /// As it was, with nothing on it.
    Bare(Box<dyn Stream>),
    /// With HTTP that has not come to its end, or has seen the end of the stream.
    Spoken(Http),
}

/// HTTP on a stream.
struct Http {
    requests: SendRequest<Full<Bytes>>,
    driver: Option<Driver>,
    /// What the stream ended with, while nobody waited for an answer.
    ended: Option<hyper::Error>,
}

type Driver = Box<http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>>;

/// What bytes go over: a socket, TLS on one, or something in memory.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What stands in each request.
struct Fixed {
    path: String,
    host: HeaderValue,
    user_agent: HeaderValue,
    /// Whether each request says that it needs no login, as Windows takes Identify.
    without_login: bool,
}

impl Line {
    /// Takes over a stream, to that endpoint. Sends nothing yet.
    pub(super) fn new<S>(stream: S, endpoint: &Endpoint, options: &Options) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let fixed = Fixed {
            path: endpoint.path().to_owned(),
            host: header(&endpoint.authority())?,
            user_agent: header(&options.user_agent)?,
            without_login: false,
        };
        Ok(Self { wire: Some(Wire::Bare(Box::new(stream))), limits: options.limits, fixed })
    }

    /// Returns the same for requests without a login.
    pub(super) fn without_login(mut self) -> Self {
        self.fixed.without_login = true;
        self
    }

    /// Sends one body and reads the whole answer.
    pub(super) async fn post(
        &mut self,
        content_type: &str,
        authorization: Option<HeaderValue>,
        body: Bytes,
        patience: &Patience,
    ) -> Result<(Head, Vec<u8>), Error> {
        let request = self.request(content_type, authorization, body)?;
        // Lets the runtime look at its sockets, so that one which was closed while it was idle is known to be
        // so before something is sent on it: "not sent" is worth more than "fate unknown".
        yield_now().await;
        let mut http = match self.wire.take() {
            Some(Wire::Bare(stream)) => Http::on(stream, self.limits).await?,
            Some(Wire::Spoken(http)) => http,
            None => return Err(Error::NotSent { source: None }),
        };
        let ready = http.drive(|requests, cx| requests.poll_ready(cx));
        let ready = patience.wait(Phase::Send, Fate::NotSent, ready).await?;
        ready.map_err(|closed| broken(http.ended.take().unwrap_or(closed), Fate::NotSent, self.limits))?;

        let mut answer = Box::pin(http.requests.try_send_request(request));
        let answer = http.drive(|_, cx| answer.as_mut().poll(cx));
        let answer = patience.wait(Phase::FirstByte, Fate::Unknown, answer).await?;
        let (head, body) = answer
            .map_err(|mut error| {
                // A message that comes back was never written.
                let fate = error.take_message().map_or(Fate::Unknown, |_| Fate::NotSent);
                broken(error.into_error(), fate, self.limits)
            })?
            .into_parts();
        let body = http.read(body, self.limits, patience);
        let body = patience.wait(Phase::Answer, Fate::Unknown, body).await??;
        self.wire = http.rest().await;
        Ok((Head { status: head.status.as_u16(), headers: head.headers }, body))
    }

    fn request(
        &self,
        content_type: &str,
        authorization: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.fixed.path)
            .header(HOST, self.fixed.host.clone())
            .header(USER_AGENT, self.fixed.user_agent.clone())
            .header(CONNECTION, "Keep-Alive")
            .header(ACCEPT_ENCODING, "identity")
            .header(CONTENT_TYPE, header(content_type)?)
            // Said in any case: the length of nothing too, and never chunks ([MS-WSMV] 2.2.9.1.1.1).
            .header(CONTENT_LENGTH, body.len());
        let request = match authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None if self.fixed.without_login => request.header("WSMANIDENTIFY", "unauthenticated"),
            None => request,
        };
        request.body(Full::new(body)).map_err(|_| Error::Request("path or header not valid in HTTP"))
    }
}

impl Http {
    /// Speaks HTTP on a stream. Sends nothing yet.
    async fn on(stream: Box<dyn Stream>, limits: Limits) -> Result<Self, Error> {
        let mut builder = http1::Builder::new();
        // The least that hyper takes for a buffer.
        builder.max_buf_size(limits.head.max(8192)).max_headers(limits.headers).title_case_headers(true);
        // Boxed: it waits for nothing, and takes room in whatever waits.
        let connected = Box::pin(builder.handshake(TokioIo::new(stream))).await;
        let (requests, driver) = connected.map_err(|error| broken(error, Fate::NotSent, limits))?;
        Ok(Self { requests, driver: Some(Box::new(driver)), ended: None })
    }

    async fn read(
        &mut self,
        mut body: Incoming,
        limits: Limits,
        patience: &Patience,
    ) -> Result<Vec<u8>, Error> {
        let limit = limits.body;
        let too_long = || Error::TooLong { what: "body", limit, fate: Fate::Unknown };
        let announced = body.size_hint().lower();
        if announced > limit as u64 {
            return Err(too_long());
        }
        // What is announced need not come: memory follows what has arrived.
        let mut bytes = Vec::with_capacity((announced as usize).min(1 << 20));
        loop {
            let frame = self.drive(|_, cx| Pin::new(&mut body).poll_frame(cx));
            let Some(frame) = patience.wait(Phase::Stall, Fate::Unknown, frame).await? else {
                return Ok(bytes);
            };
            let frame = frame.map_err(|error| broken(error, Fate::Unknown, limits))?;
            // Trailers say nothing that we ask for.
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(too_long());
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Goes back to the bare stream, if nothing is under way any more. Otherwise, and where the stream has ended, the
    /// next request has to find that out.
    async fn rest(mut self) -> Option<Wire> {
        let ready = self.drive(|requests, cx| Poll::Ready(requests.poll_ready(cx))).await;
        match (ready, self.driver.take()) {
            // It wants another request: the last one is written, its answer is read, and nothing came behind that.
            (Poll::Ready(Ok(())), Some(driver)) => {
                let parts = driver.into_parts();
                // Were there anything, it would be nobody's answer, and must not be lost as if it had not come.
                if parts.read_buf.is_empty() { Some(Wire::Bare(parts.io.into_inner())) } else { None }
            }
            (_, driver) => Some(Wire::Spoken(Self { driver, ..self })),
        }
    }

    /// Drives the stream until what we wait for is there.
    async fn drive<T>(
        &mut self,
        mut wait: impl FnMut(&mut SendRequest<Full<Bytes>>, &mut Context<'_>) -> Poll<T>,
    ) -> T {
        poll_fn(|cx| {
            if let Some(driver) = &mut self.driver
                && let Poll::Ready(ended) = Pin::new(&mut **driver).poll(cx)
            {
                self.driver = None;
                self.ended = ended.err();
            }
            wait(&mut self.requests, cx)
        })
        .await
    }
}

/// Says in our words what hyper says went wrong.
fn broken(error: hyper::Error, fate: Fate, limits: Limits) -> Error {
    if let Some(tls) = tls_error(&error) {
        return Error::Tls { source: TlsError::from_rustls(tls, None), fate };
    }
    if error.is_parse_too_large() {
        return Error::TooLong { what: "head", limit: limits.head, fate };
    }
    if error.is_parse() || error.is_parse_status() {
        return Error::Framing { reason: said(&error), fate };
    }
    let source = io_error(&error);
    let bad_chunk = matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
    match fate {
        _ if bad_chunk => Error::Framing { reason: source.to_string(), fate },
        Fate::NotSent => Error::NotSent { source: Some(source) },
        Fate::Unknown => Error::FateUnknown { source },
    }
}

/// Returns the words of the innermost error, without what hyper says around it.
fn said(error: &hyper::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn io_error(error: &hyper::Error) -> io::Error {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match cause {
        Some(cause) => io::Error::new(cause.kind(), cause.to_string()),
        None if error.is_incomplete_message() => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "closed before the answer was complete")
        }
        None => io::Error::new(io::ErrorKind::ConnectionAborted, said(error)),
    }
}

fn tls_error(error: &hyper::Error) -> Option<&rustls::Error> {
    let io = error.source()?.downcast_ref::<io::Error>()?;
    io.get_ref()?.downcast_ref::<rustls::Error>()
}

pub(super) fn header(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| Error::Request("header holds a control character"))
}
