//! What must hold for any bytes that a server, a proxy or somebody between them may bring to a connection:
//! the answers to the legs of its login and to its exchanges.
//!
//! The fuzz target of `fuzz/` and the replay of its corpus share it. No answer makes a connection panic or
//! wait longer than it said it would; an exchange on a sealed connection yields what the host sealed or an
//! error with the fate unknown; nothing leaves in clear that was not allowed to; and no error shows a secret or steers a
//! terminal.

use std::error::Error as _;
use std::time::Duration;

use refpoint::auth::http::{header_value, read_authorization};
use refpoint::auth::ntlm::{self, Names, NtHash};
use refpoint::auth::{
    Account, BasicAcceptor, Credentials, FileTime, Mechanism, Seal, Step, negotiate, sealed,
};
use refpoint::transport::{Connection, Error, Login, Method, Options, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

/// A host's side of one connection.
///
/// The first byte says how we log in and whether the host hangs up at the end of the script or falls silent.
/// Then one answer to each request, behind a byte that says what it is: an honest one, an honest one with a
/// bit flipped (its number in two bytes), an honest body behind a head of the script's, or raw bytes; the
/// last two behind their length in two bytes.
pub(crate) fn http_answer(bytes: &[u8]) {
    let Some((&choice, script)) = bytes.split_first() else { return };
    // Fuzzers find it in what errors are compared with. A host that has not been told it cannot show it.
    if contains(script, PASSWORD.as_bytes()) {
        return;
    }
    let method = [Method::Ntlm, Method::Negotiate, Method::Basic][usize::from(choice & 0x7f) % 3];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without sockets needs nothing");
    let (waited, elapsed) = runtime.block_on(async {
        let started = Instant::now();
        let conversation = converse(method, choice & 0x80 != 0, script);
        (timeout(2 * LONGEST, conversation).await, started.elapsed())
    });
    assert!(waited.is_ok(), "waits for ever");
    assert!(elapsed < LONGEST, "took {elapsed:?}");
}

async fn converse(method: Method, closes: bool, script: &[u8]) {
    let (near, far) = duplex(64 << 10);
    let host = Host { login: Some(acceptor(method)), method, seal: None, script, closes };
    let ((), ()) = tokio::join!(client(method, near), host.serve(far));
}

async fn client(method: Method, stream: DuplexStream) {
    let endpoint = "http://hv01.lab.test".parse().expect("a name");
    let password = Credentials::password(r"LAB\mia", PASSWORD);
    let credentials = if method == Method::Basic { password } else { password.into_ntlm() };
    let mut options = Options::new(Login::new(credentials).with(method));
    options.login.allow_cleartext = method == Method::Basic;
    options.login.clock = || std::time::UNIX_EPOCH;
    options.limits.body = LIMIT;
    let mut connection = match Connection::over(stream, &endpoint, options).await {
        Ok(connection) => connection,
        Err(error) => {
            assert!(error.was_not_sent(), "{error:?}");
            return check_error(&error);
        }
    };
    assert_eq!(connection.is_sealed(), method != Method::Basic);
    for _ in 0..3 {
        match connection.exchange(QUESTION, SOAP).await {
            Ok(reply) => check_reply(method, &reply),
            Err(error) => {
                check_error(&error);
                assert!(!connection.is_usable(), "{error:?}");
                // Nothing that is said outside the seal proves that nothing was done.
                let not_sent = matches!(error, Error::NotSent { .. });
                assert!(method == Method::Basic || not_sent == error.was_not_sent(), "{error:?}");
                let again = connection.exchange(QUESTION, SOAP).await;
                assert!(matches!(again, Err(Error::Unusable)), "{again:?}");
                return;
            }
        }
    }
}

fn check_reply(method: Method, reply: &Reply) {
    match method {
        Method::Basic if reply.body.is_empty() => assert!((200..300).contains(&reply.status), "{reply:?}"),
        Method::Basic => {
            assert!(reply.content_type.to_ascii_lowercase().contains("xml"), "{reply:?}");
            assert!(reply.body.len() <= LIMIT);
        }
        // Nobody but the honest host has the keys.
        _ => assert_eq!(reply.body, ANSWER.as_bytes(), "{reply:?}"),
    }
}

/// An error is for a terminal, and for anybody to read.
fn check_error(error: &Error) {
    let mut text = format!("{error:?} {error}");
    let mut source = error.source();
    let mut shown = error.to_string();
    while let Some(cause) = source {
        text.push_str(&format!(" {cause:?} {cause}"));
        shown.push_str(&cause.to_string());
        source = cause.source();
    }
    if let Error::Answer(answer) = error {
        let _ = (answer.hint(), answer.is_retryable());
    }
    if let Some(location) = error.location() {
        shown.push_str(location);
    }
    assert!(!text.contains(PASSWORD), "{text}");
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(shown.len() < 8192, "{} bytes of error", shown.len());
    let _ = (error.is_retryable(), error.is_login(), error.is_tls());
}

struct Host<'a> {
    login: Option<Box<dyn Mechanism>>,
    method: Method,
    seal: Option<Box<dyn Seal>>,
    script: &'a [u8],
    closes: bool,
}

impl Host<'_> {
    async fn serve(mut self, mut stream: DuplexStream) {
        while let Some((authorization, content_type, body)) = read_request(&mut stream).await {
            if self.method != Method::Basic {
                assert!(!contains(&body, QUESTION.as_bytes()), "a body left in clear");
                assert!(body.is_empty() || sealed::is_sealed(&content_type), "{content_type}");
            }
            let Some(answer) = self.answer(authorization.as_deref(), &content_type, body) else { break };
            if stream.write_all(&answer).await.is_err() {
                return;
            }
            if self.closes && self.script.is_empty() {
                return;
            }
        }
        if !self.closes {
            // Silent, until the other side has enough.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }

    /// Returns what the script says to this request; nothing at its end.
    fn answer(&mut self, authorization: Option<&str>, content_type: &str, body: Vec<u8>) -> Option<Vec<u8>> {
        let kind = self.take(1)?[0];
        let honest = self.honest(authorization, content_type, body);
        match kind % 4 {
            0 => Some([&honest.0[..], &honest.1].concat()),
            1 => {
                let mut bytes = [&honest.0[..], &honest.1].concat();
                let bit = usize::from(self.number()?) % (bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                Some(bytes)
            }
            2 => {
                let length = self.number()?;
                Some([self.take(length.into())?, &honest.1].concat())
            }
            _ => {
                let length = self.number()?;
                self.take(length.into()).map(<[u8]>::to_vec)
            }
        }
    }

    /// Returns head and body of what an honest host answers.
    fn honest(
        &mut self,
        authorization: Option<&str>,
        content_type: &str,
        body: Vec<u8>,
    ) -> (Vec<u8>, Vec<u8>) {
        let (status, header, body) = match (authorization, body.is_empty()) {
            (Some(value), true) => self.leg(value),
            _ => self.execute(content_type, body),
        };
        let length = body.len();
        (format!("HTTP/1.1 {status} \r\nContent-Length: {length}\r\n{header}\r\n").into_bytes(), body)
    }

    fn leg(&mut self, value: &str) -> (u16, String, Vec<u8>) {
        let Some(mechanism) = &mut self.login else { return (400, String::new(), Vec::new()) };
        let token = read_authorization(value, &**mechanism);
        let step = token.and_then(|token| mechanism.step(token.as_ref().map(|token| token.as_bytes())));
        let (status, token) = match step {
            Ok(Step::Send(token)) => (401, Some(token)),
            Ok(Step::Done { token, seal, .. }) => {
                self.seal = seal;
                (200, token)
            }
            Err(_) => (401, None),
        };
        let value = token.map(|token| header_value(mechanism.scheme(), Some(&token)).expose().clone());
        (status, value.map(|value| format!("WWW-Authenticate: {value}\r\n")).unwrap_or_default(), Vec::new())
    }

    fn execute(&mut self, content_type: &str, body: Vec<u8>) -> (u16, String, Vec<u8>) {
        let Some(seal) = &mut self.seal else {
            return (200, format!("Content-Type: {SOAP}\r\n"), ANSWER.into());
        };
        // A script may have left its own keys out of step.
        let Ok(opened) = sealed::open(&mut **seal, content_type, body, usize::MAX) else {
            return (500, String::new(), Vec::new());
        };
        assert_eq!(opened.message, QUESTION.as_bytes());
        match sealed::seal(&mut **seal, SOAP, ANSWER.into()) {
            Ok(sealed) => (200, format!("Content-Type: {}\r\n", sealed.content_type), sealed.body),
            Err(_) => (500, String::new(), Vec::new()),
        }
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.script.split_at_checked(length.min(self.script.len()))?;
        self.script = rest;
        (taken.len() == length || length > 1).then_some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.script.split_first_chunk::<2>()?;
        self.script = rest;
        Some(u16::from_be_bytes(*number))
    }
}

/// Returns `Authorization`, the content type and the body of the next request.
async fn read_request(stream: &mut DuplexStream) -> Option<(Option<String>, String, Vec<u8>)> {
    // Requests come one at a time, so that what is read belongs to this one.
    let mut bytes = Vec::new();
    let end = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?,
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).expect("we write ASCII");
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let length = header("content-length").expect("each request says how long it is");
    let length: usize = length.parse().expect("a number");
    while body.len() < length {
        (stream.read_buf(&mut body).await.ok()? > 0).then_some(())?;
    }
    assert_eq!(body.len(), length, "more than the request");
    Some((header("authorization"), header("content-type").unwrap_or_default(), body))
}

fn acceptor(method: Method) -> Box<dyn Mechanism> {
    let names = Names {
        computer: "HV01".into(),
        domain: "LAB".into(),
        dns_computer: "hv01.lab.test".into(),
        dns_domain: "lab.test".into(),
    };
    let accounts = |account: &Account| (account.user == "mia").then(|| NtHash::of(PASSWORD));
    let ntlm = ntlm::Acceptor::new(names, accounts, *b"nonce123", FileTime(133_700_000_000_000_000));
    match method {
        Method::Ntlm => Box::new(ntlm),
        Method::Basic => Box::new(BasicAcceptor::new(|_, password| password == PASSWORD)),
        _ => Box::new(negotiate::Acceptor::new(Some(ntlm), None)),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

const SOAP: &str = "application/soap+xml;charset=UTF-8";
const PASSWORD: &str = "Swordfish-7391";
const QUESTION: &str = "<s>export the point, please</s>";
const ANSWER: &str = "<s>4096</s>";
const LIMIT: usize = 4096;
/// A login, and three exchanges of which each may use up its time.
const LONGEST: Duration = Duration::from_secs(3000);
