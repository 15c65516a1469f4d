//! A foreign acceptor or initiator in its own process, and the login against it.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use refpoint::auth::{Error, Mechanism, Report, Seal, Step, Token};

/// `tests/interop/acceptor.py` or `initiator.py`, running.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// Why a login did not come to an end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// We refused.
    Ours(Error),
    /// The peer refused.
    Theirs(String),
}

impl Failure {
    /// Returns our own reason; a refusal of the peer's is a failed test.
    pub(crate) fn ours(self) -> Error {
        match self {
            Self::Ours(error) => error,
            Self::Theirs(text) => panic!("the peer refused: {text}"),
        }
    }

    /// Returns the peer's words; a refusal of ours is a failed test.
    pub(crate) fn theirs(self) -> String {
        match self {
            Self::Theirs(text) => text,
            Self::Ours(error) => panic!("we refused: {error}"),
        }
    }
}

pub(crate) type LoggedIn = (Option<Box<dyn Seal>>, Report);

impl Peer {
    pub(crate) fn start(mode: &str, bindings: Option<&[u8]>, environment: &[(&str, PathBuf)]) -> Self {
        Self::run("acceptor.py", &[mode, crate::HOST], bindings, environment)
    }

    pub(crate) fn start_initiator(
        mode: &str,
        user: &str,
        password: &str,
        bindings: Option<&[u8]>,
        environment: &[(&str, PathBuf)],
    ) -> Self {
        Self::run("initiator.py", &[mode, crate::HOST, user, password], bindings, environment)
    }

    fn run(
        script: &str,
        arguments: &[&str],
        bindings: Option<&[u8]>,
        environment: &[(&str, PathBuf)],
    ) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv/bin/python");
        let mut command = Command::new(&python);
        command.arg("-B").arg(root.join("tests/interop").join(script)).args(arguments);
        command.args(bindings.map(|data| data.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("{}: {error}; run tests/interop/install.sh first", python.display())
        });
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Lets the foreign initiator log in to our acceptor.
    pub(crate) fn be_accepted(&mut self, acceptor: &mut dyn Mechanism) -> Result<LoggedIn, Failure> {
        for _ in 0..8 {
            let (kind, token) = self.read();
            if kind == b'E' {
                return Err(Failure::Theirs(String::from_utf8_lossy(&token).into_owned()));
            }
            match acceptor.step(Some(&token)).map_err(Failure::Ours)? {
                Step::Send(token) => self.write(b'T', token.as_bytes()),
                Step::Done { token, seal, report } => {
                    self.write(b'D', token.as_ref().map_or(&[], Token::as_bytes));
                    return match self.read() {
                        (b'D', _) => Ok((seal, report)),
                        (_, text) => Err(Failure::Theirs(String::from_utf8_lossy(&text).into_owned())),
                    };
                }
            }
        }
        panic!("a login without end");
    }

    /// Runs a login to its end on both sides.
    pub(crate) fn log_in(&mut self, mechanism: &mut dyn Mechanism) -> Result<LoggedIn, Failure> {
        let mut answer: Option<Vec<u8>> = None;
        let mut accepted = false;
        for _ in 0..8 {
            match mechanism.step(answer.as_deref()).map_err(Failure::Ours)? {
                Step::Send(token) => {
                    assert!(!accepted, "a token for a peer that has finished");
                    let reply = self.step(token.as_bytes())?;
                    accepted = reply.0;
                    answer = Some(reply.1).filter(|token| !token.is_empty());
                }
                Step::Done { token, seal, report } => {
                    if let Some(token) = token {
                        accepted = self.step(token.as_bytes())?.0;
                    }
                    assert!(accepted, "the peer has not finished");
                    return Ok((seal, report));
                }
            }
        }
        panic!("a login without end");
    }

    /// Seals a message, and returns the peer's answer, opened: the same in reverse.
    pub(crate) fn echo(&mut self, seal: &mut dyn Seal, message: &[u8]) -> Vec<u8> {
        let mut cipher = message.to_vec();
        let token = seal.seal(&mut cipher).unwrap();
        self.write(b'S', &[&(token.len() as u32).to_be_bytes()[..], &token, &cipher].concat());
        let (kind, content) = self.read();
        assert_eq!(kind, b'S', "{}", String::from_utf8_lossy(&content));
        let (length, rest) = content.split_first_chunk::<4>().unwrap();
        let (token, cipher) = rest.split_at(u32::from_be_bytes(*length) as usize);
        let mut plain = cipher.to_vec();
        seal.unseal(token, &mut plain).unwrap();
        plain
    }

    fn step(&mut self, token: &[u8]) -> Result<(bool, Vec<u8>), Failure> {
        self.write(b'T', token);
        match self.read() {
            (b'T', token) => Ok((false, token)),
            (b'D', token) => Ok((true, token)),
            (_, text) => Err(Failure::Theirs(String::from_utf8_lossy(&text).into_owned())),
        }
    }

    fn write(&mut self, kind: u8, content: &[u8]) {
        let length = 1 + content.len() as u32;
        self.input.write_all(&[&length.to_be_bytes()[..], &[kind], content].concat()).unwrap();
        self.input.flush().unwrap();
    }

    fn read(&mut self) -> (u8, Vec<u8>) {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).expect("the acceptor lives; run tests/interop/install.sh first");
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.output.read_exact(&mut frame).unwrap();
        (frame[0], frame.split_off(1))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Exchanges messages of many sizes, so that both key streams and both sequences have to agree throughout.
pub(crate) fn converse(peer: &mut Peer, seal: &mut dyn Seal) {
    for size in [1, 15, 16, 17, 1000, 70_000, 3, 1_000_000, 2] {
        let message: Vec<u8> = (0..size).map(|at: usize| (at * 7 % 251) as u8).collect();
        let reversed: Vec<u8> = message.iter().rev().copied().collect();
        let answer = peer.echo(seal, &message);
        assert!(answer == reversed, "message of {size} bytes came back with {}", answer.len());
    }
    for number in 0..200 {
        let message = format!("<message number='{number}'/>").into_bytes();
        let reversed: Vec<u8> = message.iter().rev().copied().collect();
        assert_eq!(peer.echo(seal, &message), reversed);
    }
}
