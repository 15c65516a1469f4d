use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use refpoint::auth::http::{Offers, header_value};
use refpoint::auth::{
    Basic, ChannelBindings, Credentials, FileTime, Fresh, Mechanism, Protection, Scheme, Seal, Step, Target,
    negotiate, ntlm, sealed,
};
use refpoint::cim::{Catalog, ObjectPath};
use refpoint::lab::{Channel, Hosts, Log, Options, Scenario, serve_stream};
use refpoint::wsman::{Identify, Invoke, Reply, RequestHeader, decode_reply, encode_request};
use refpoint::xml::Limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::task::JoinHandle;

pub(crate) const SOAP: &str = "application/soap+xml;charset=UTF-8";
pub(crate) const USER: &str = r"LAB\operator";
pub(crate) const PASSWORD: &str = "Swordfish-7391";

/// Hosts of a scenario, with a password that is known and a log that can be read.
pub(crate) struct Lab {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) log: Lines,
}

/// What was logged so far.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lab {
    pub(crate) fn new(scenario: &str) -> Self {
        Self::with(scenario, |_| ())
    }

    pub(crate) fn with(scenario: &str, change: impl FnOnce(&mut Options)) -> Self {
        let log = Lines::default();
        let mut options = Options::new(Scenario::read(scenario).unwrap()).hosts(3);
        options.password = Some(PASSWORD.to_owned().into());
        options.log = Some(Log::new(log.clone()));
        change(&mut options);
        Self { hosts: Hosts::new(options).unwrap(), log }
    }

    /// Connects to the first host, in memory.
    pub(crate) fn connect(&self) -> Client<DuplexStream> {
        self.connect_to(0)
    }

    pub(crate) fn connect_to(&self, index: usize) -> Client<DuplexStream> {
        Client::new(self.stream(index).0)
    }

    /// Returns a stream to a host, and the host's task, which ends with the connection.
    pub(crate) fn stream(&self, index: usize) -> (DuplexStream, JoinHandle<()>) {
        let (near, far) = duplex(64 << 10);
        (near, tokio::spawn(serve_stream(self.hosts.clone(), index, far, Channel::Http)))
    }

    /// Connects to the first host and logs in with NTLM.
    pub(crate) async fn log_in(&self) -> Client<DuplexStream> {
        let mut client = self.connect();
        client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
        client
    }
}

impl Lines {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits for the first line, without letting a paused clock go on.
    pub(crate) async fn first(&self) {
        for _ in 0..1_000_000 {
            if !self.text().is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("nothing was logged");
    }

    pub(crate) fn all(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// How an exchange ended that brought no answer: what came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended(pub(crate) Vec<u8>);

/// Says what it is told to, byte for byte.
pub(crate) struct Client<S> {
    stream: BufReader<S>,
    pub(crate) seal: Option<Box<dyn Seal>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream), seal: None }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // The other side may have gone already; the answer tells.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Posts a body with these header lines.
    pub(crate) async fn post(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, Ended> {
        self.send(&request("POST", "/wsman", headers, body)).await;
        self.answer().await
    }

    pub(crate) async fn answer(&mut self) -> Result<Answer, Ended> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return Err(Ended(head)),
            }
        }
        let text = String::from_utf8(head.clone()).unwrap();
        let status = text[9..12].parse().unwrap();
        let mut answer = Answer { status, head: text, body: Vec::new() };
        if answer.header("transfer-encoding").is_some() {
            answer.body = self.chunks().await.ok_or(Ended(head))?;
            return Ok(answer);
        }
        let length: u64 = answer.header("content-length").unwrap().parse().unwrap();
        let mut body = (&mut self.stream).take(length);
        let _ = body.read_to_end(&mut answer.body).await;
        match answer.body.len() as u64 == length {
            true => Ok(answer),
            false => Err(Ended([head, answer.body].concat())),
        }
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            while !line.ends_with("\r\n") {
                line.push(char::from(self.stream.read_u8().await.ok()?));
            }
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.ok()?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Says whether the other side has closed, having said nothing more; it has a minute to do so.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_secs(60), self.stream.read(&mut byte)).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }

    /// Logs in with empty bodies; a refusal is the answer that refuses.
    pub(crate) async fn log_in(&mut self, mechanism: &mut dyn Mechanism) -> Result<Answer, Answer> {
        let scheme = mechanism.scheme();
        let mut step = mechanism.step(None).unwrap();
        for _ in 0..8 {
            let (token, mut done) = match step {
                Step::Send(token) => (Some(token), None),
                Step::Done { token, seal, .. } => (token, Some(seal)),
            };
            let value = header_value(scheme, token.as_ref());
            let answer = self.post(&[("Authorization", value.expose())], b"").await.unwrap();
            let offers = Offers::parse(answer.headers("www-authenticate")).unwrap();
            let reply = offers.token(scheme).unwrap();
            match (answer.status, reply) {
                (401, None) => return Err(answer),
                (401 | 200, Some(token)) => {
                    step = mechanism.step(Some(token.as_bytes())).unwrap();
                    if answer.status == 401 {
                        continue;
                    }
                    let Step::Done { seal, .. } = step else { panic!("entered too early") };
                    done = Some(seal);
                }
                (200, None) => {}
                other => panic!("{other:?}"),
            }
            self.seal = done.expect("entered too early");
            return Ok(answer);
        }
        panic!("a login without end")
    }

    /// Asks something sealed and returns the answer as it came.
    pub(crate) async fn ask_raw(&mut self, envelope: &str) -> Result<Answer, Ended> {
        let seal = self.seal.as_mut().expect("logged in");
        let sealed = sealed::seal(&mut **seal, SOAP, envelope.into()).unwrap();
        self.post(&[("Content-Type", &sealed.content_type)], &sealed.body).await
    }

    /// Asks something sealed and opens the answer, which has to be sealed.
    pub(crate) async fn ask(&mut self, envelope: &str) -> (u16, String) {
        let answer = self.ask_raw(envelope).await.unwrap();
        let content_type = answer.header("content-type").unwrap().to_owned();
        let seal = self.seal.as_mut().unwrap();
        let opened = sealed::open(&mut **seal, &content_type, answer.body, usize::MAX).unwrap();
        assert_eq!(opened.content_type, SOAP);
        (answer.status, String::from_utf8(opened.message).unwrap())
    }

    /// Asks who is there, sealed, and returns its version.
    pub(crate) async fn identify(&mut self) -> String {
        let (status, text) = self.ask(&identify()).await;
        assert_eq!(status, 200, "{text}");
        version(&text)
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: hv01\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

pub(crate) fn identify() -> String {
    encode_request(&RequestHeader::new("", ""), &Identify).unwrap()
}

pub(crate) fn version(text: &str) -> String {
    let reply: Reply<_> = decode_reply(&Identify, text, Catalog::bundled(), &Limits::default()).unwrap();
    reply.result.unwrap().version.unwrap()
}

/// A method call, as text.
pub(crate) fn invoke() -> String {
    let service = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePointService")
        .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService");
    let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:9D4B2C7E-0B0E-4F0B-9E0C-5E3C6A1D2F10");
    encode_request(&header, &Invoke::new(service, "ExportReferencePoint")).unwrap()
}

fn fresh() -> Fresh {
    Fresh::new(FileTime(1), *b"24 bytes that are random")
}

pub(crate) fn target() -> Target {
    Target::new("hv01.lab.example", Protection::Seal)
}

pub(crate) fn bound_target(bindings: Option<ChannelBindings>) -> Target {
    Target { bindings, ..Target::new("hv01.lab.example", Protection::Tls) }
}

pub(crate) fn ntlm(user: &str, password: &str) -> Box<dyn Mechanism> {
    ntlm_to(user, password, target())
}

pub(crate) fn ntlm_to(user: &str, password: &str, target: Target) -> Box<dyn Mechanism> {
    Box::new(ntlm::Initiator::new(&Credentials::password(user, password), target, fresh()).unwrap())
}

pub(crate) fn spnego(user: &str, password: &str) -> Box<dyn Mechanism> {
    let credentials = Credentials::password(user, password).into_ntlm();
    Box::new(negotiate::Initiator::new(&credentials, target(), fresh()).unwrap())
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    let mut basic = Basic::in_clear(&Credentials::password(user, password)).unwrap();
    let Step::Done { token, .. } = basic.step(None).unwrap() else { panic!("one token") };
    header_value(Scheme::Basic, token.as_ref()).expose().clone()
}
