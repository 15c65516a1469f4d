//! The least HTTP client that can log in: it exists to try the peers, and blocks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use refpoint::auth::http::{Offers, header_value};
use refpoint::auth::{Mechanism, Report, Seal, Step, Token, sealed};

use crate::peer::Failure;

const SOAP: &str = "application/soap+xml;charset=UTF-8";

/// One connection, with the keys of its login.
pub(crate) struct Client<S: Read + Write> {
    stream: BufReader<S>,
    seal: Option<Box<dyn Seal>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn offers(&self) -> Offers {
        let lines = self.headers.iter().filter(|(name, _)| name == "www-authenticate");
        Offers::parse(lines.map(|(_, value)| value.as_str())).unwrap()
    }

    /// Returns an attribute of the server's echo.
    pub(crate) fn attribute(&self, name: &str) -> String {
        let text = std::str::from_utf8(&self.body).unwrap();
        let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name} in {text}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Client<TcpStream> {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream), seal: None }
    }

    /// Logs in with empty bodies, as far as the mechanism and the server want to.
    pub(crate) fn log_in(&mut self, mechanism: &mut dyn Mechanism) -> Result<Report, Failure> {
        let scheme = mechanism.scheme();
        let mut answer: Option<Token> = None;
        let mut accepted = false;
        loop {
            let step = mechanism.step(answer.as_ref().map(Token::as_bytes)).map_err(Failure::Ours)?;
            let (token, end) = match step {
                Step::Send(token) => (Some(token), None),
                Step::Done { token, seal, report } => (token, Some((seal, report))),
            };
            if let Some(token) = token {
                assert!(!accepted, "a token for a peer that has finished");
                let value = header_value(scheme, Some(&token));
                let reply = self.post(&[("Authorization", value.expose())], b"");
                answer = reply.offers().token(scheme).unwrap();
                accepted = reply.status == 200;
                if !accepted && (reply.status != 401 || answer.is_none()) {
                    return Err(Failure::Theirs(format!("{} ({})", reply.status, reply.offers())));
                }
            }
            if let Some((seal, report)) = end {
                assert!(accepted, "the peer has not finished");
                self.seal = seal;
                return Ok(report);
            }
        }
    }

    /// Sends a message, sealed if the login left keys, and returns the answer, opened likewise.
    pub(crate) fn ask(&mut self, message: &[u8]) -> Answer {
        let Some(mut seal) = self.seal.take() else { return self.post(&[("Content-Type", SOAP)], message) };
        let sealed = sealed::seal(&mut *seal, SOAP, message.to_vec()).unwrap();
        let mut answer = self.post(&[("Content-Type", &sealed.content_type)], &sealed.body);
        let content_type = answer.headers.iter().find(|(name, _)| name == "content-type");
        let content_type = &content_type.unwrap_or_else(|| panic!("{answer:?}")).1;
        answer.body = sealed::open(&mut *seal, content_type, answer.body, usize::MAX).unwrap().message;
        self.seal = Some(seal);
        answer
    }

    pub(crate) fn post(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.request("POST /wsman HTTP/1.1\r\nHost: hv01.lab.test\r\n", headers, body)
    }

    /// Returns the keys, to do with them what no client should.
    pub(crate) fn seal(&mut self) -> &mut dyn Seal {
        &mut **self.seal.as_mut().expect("logged in with keys")
    }

    /// Says whether the server has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.stream.fill_buf().map_or(true, <[u8]>::is_empty)
    }

    fn request(&mut self, start: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = start.to_owned();
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        stream.flush().unwrap();
        self.read()
    }

    fn read(&mut self) -> Answer {
        let status = self.line().split(' ').nth(1).expect("a status line").parse().unwrap();
        let mut headers = Vec::new();
        while let line = self.line()
            && !line.is_empty()
        {
            let (name, value) = line.split_once(':').unwrap();
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
        self.stream.read_exact(&mut body).unwrap();
        Answer { status, headers, body }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// Asks an HTTP proxy for a tunnel; its refusal comes back.
pub(crate) fn tunnel(proxy: SocketAddr, target: &str, login: Option<&str>) -> Result<TcpStream, Answer> {
    let mut client = Client::connect(proxy);
    let login = login.map(|value| ("Proxy-Authorization", value));
    let start = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    let headers: Vec<_> = login.into_iter().collect();
    let answer = client.request(&start, &headers, b"");
    match answer.status {
        200 => Ok(client.stream.into_inner()),
        _ => Err(answer),
    }
}

/// Asks a SOCKS5 proxy for a connection ([RFC 1928], [RFC 1929]); `None` if it refuses the login.
pub(crate) fn socks(
    proxy: SocketAddr,
    host: &str,
    port: u16,
    login: Option<(&str, &str)>,
) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let method = if login.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method]).unwrap();
    if read::<2>(&mut stream) != [5, method] {
        return None;
    }
    if let Some((user, password)) = login {
        let (user, password) = (user.as_bytes(), password.as_bytes());
        let lengths = [user.len() as u8, password.len() as u8];
        stream.write_all(&[&[1, lengths[0]], user, &lengths[1..], password].concat()).unwrap();
        if read::<2>(&mut stream)[1] != 0 {
            return None;
        }
    }
    let name = [&[host.len() as u8], host.as_bytes()].concat();
    stream.write_all(&[&[5, 1, 0, 3], &name[..], &port.to_be_bytes()].concat()).unwrap();
    assert_eq!(read::<10>(&mut stream)[..2], [5, 0], "connected");
    Some(stream)
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// A TLS connection by `openssl s_client`, which asks nobody whether the certificate is good.
pub(crate) struct Tls {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Tls {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-alpn", "http/1.1", "-connect", &address.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl starts; run tests/interop/install.sh first");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output }
    }
}

impl Read for Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
