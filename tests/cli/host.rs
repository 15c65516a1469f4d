//! A host made of a function, on a loopback port: it takes Basic, decodes what it is asked, and answers what it
//! is told to. What it hears it keeps.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use refpoint::cim::{Catalog, Instance, ObjectPath};
use refpoint::wsman::{
    Content, EndpointReference, Enumerate, Fault, FaultCode, Identify, Identity, Incoming, Invoked, Item,
    Mode, Page, ReplyHeader, Request, Style, Subcode, decode_request, encode_reply, names,
};
use refpoint::xml::Limits;

pub(crate) const NAMESPACE: &str = "root/virtualization/v2";
pub(crate) const PASSWORD: &str = "sword<fish>&7";
/// `operator` and the password, as Basic has them.
const AUTHORIZATION: &str = "basic b3BlcmF0b3I6c3dvcmQ8ZmlzaD4mNw==";

/// What goes back.
pub(crate) enum Answer {
    Identity(Identity),
    Instance(Instance),
    Page(Page),
    Invoked(Invoked),
    Nothing,
    Fault(Box<Fault>),
    /// The connection is closed without an answer.
    Close,
}

/// A host that is there as long as the test.
pub(crate) struct Host {
    port: u16,
    heard: Arc<Mutex<Vec<Incoming>>>,
}

impl Host {
    /// Begins to listen. The function may wait for the test before it answers.
    pub(crate) fn new(answer: impl FnMut(&Incoming) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answer, hears) = (Arc::new(Mutex::new(answer)), heard.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, hears) = (answer.clone(), hears.clone());
                // A client that goes away is no failure of the host.
                thread::spawn(move || serve(stream.unwrap(), &answer, &hears));
            }
        });
        Self { port, heard }
    }

    pub(crate) fn target(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn heard(&self) -> Vec<Incoming> {
        self.heard.lock().unwrap().clone()
    }

    /// Returns the program with a command for this host and the login that it takes.
    pub(crate) fn refpoint(&self, command: &[&str], arguments: &[&str]) -> crate::program::Refpoint {
        let target = self.target();
        let login = ["--auth", "basic", "--allow-cleartext", "--user", "operator"];
        let words =
            command.iter().copied().chain([target.as_str()]).chain(arguments.iter().copied()).chain(login);
        crate::program::refpoint(words).env("REFPOINT_PASSWORD", PASSWORD)
    }
}

/// What the program says before anything else where Basic goes in clear.
pub(crate) const CLEAR: &str = "warning: password and data go over the network in clear: everybody on the way can read \
                                and change them\n";

fn serve<A: FnMut(&Incoming) -> Answer>(
    stream: TcpStream,
    answer: &Mutex<A>,
    heard: &Mutex<Vec<Incoming>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let (mut length, mut authorization) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
                Some((name, value)) if name == "content-length" => length = value.parse().unwrap(),
                Some((name, value)) if name == "authorization" => {
                    authorization = value.replacen("Basic", "basic", 1);
                }
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body = String::from_utf8(body).unwrap();
        let is_anonymous = authorization.is_empty() && body.contains("Identify");
        if authorization != AUTHORIZATION && !is_anonymous {
            let challenge = "WWW-Authenticate: Basic realm=\"WSMAN\"\r\n";
            respond(&mut writer, 401, challenge, "")?;
            continue;
        }
        if body.is_empty() {
            respond(&mut writer, 200, "", "")?;
            continue;
        }
        let incoming = decode_request(&body, Catalog::bundled(), &Limits::default()).unwrap();
        heard.lock().unwrap().push(incoming.clone());
        let answer = (answer.lock().unwrap())(&incoming);
        match answer {
            Answer::Close => return None,
            other => {
                let status = if matches!(other, Answer::Fault(_)) { 500 } else { 200 };
                respond(&mut writer, status, "", &message(&incoming, &other))?;
            }
        }
    }
}

fn respond(writer: &mut TcpStream, status: u16, headers: &str, body: &str) -> Option<()> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/soap+xml;charset=UTF-8\r\n" };
    let head = format!("HTTP/1.1 {status} -\r\n{headers}{kind}Content-Length: {}\r\n\r\n", body.len());
    writer.write_all((head + body).as_bytes()).ok()
}

fn message(incoming: &Incoming, answer: &Answer) -> String {
    let header =
        ReplyHeader { relates_to: Some(incoming.header.message_id.clone()), ..ReplyHeader::default() };
    let style = Style::WINDOWS;
    let text = match (&incoming.request, answer) {
        (_, Answer::Fault(fault)) => encode_reply(&header, &Identify, Err(fault), style),
        (Request::Identify(request), Answer::Identity(identity)) => {
            encode_reply(&header, request, Ok(identity), style)
        }
        (Request::Get(request), Answer::Instance(instance)) => {
            encode_reply(&header, request, Ok(&Content::Instance(instance.clone())), style)
        }
        (Request::Enumerate(request), Answer::Page(page)) => encode_reply(&header, request, Ok(page), style),
        (Request::Pull(request), Answer::Page(page)) => encode_reply(&header, request, Ok(page), style),
        (Request::Release(request), Answer::Nothing) => encode_reply(&header, request, Ok(&()), style),
        (Request::Invoke(request), Answer::Invoked(invoked)) => {
            encode_reply(&header, request, Ok(invoked), style)
        }
        (request, _) => panic!("no such answer to {request:?}"),
    };
    text.unwrap()
}

pub(crate) fn fault(namespace: refpoint::xml::Namespace<'_>, local: &str, reason: &str) -> Fault {
    Fault::new(FaultCode::Sender, Subcode::new(namespace, local), reason)
}

/// What Windows says of an object that is not there.
pub(crate) fn not_found() -> Answer {
    let fault = fault(names::ADDRESSING, "DestinationUnreachable", "The object was not found.");
    Answer::Fault(Box::new(fault.with_wsman(
        0x8033_8000,
        "HV01",
        "The WS-Management service cannot find it.",
    )))
}

pub(crate) fn machine(name: &str, state: u16) -> Instance {
    let mut machine = Instance::new("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("ElementName", name)
        .with("Name", format!("0A-{name}"))
        .with("EnabledState", state)
        .with("OnTimeInMilliseconds", 9_223_372_036_854_775_807_u64)
        .with("Caption", refpoint::cim::Value::Null);
    machine.namespace = Some(NAMESPACE.into());
    machine
}

/// Returns a page of machines that goes on, or not.
pub(crate) fn page(machines: &[Instance], context: Option<&str>, mode: Mode) -> Answer {
    let item = |machine: &Instance| match mode {
        Mode::Object => Item::Object(machine.clone()),
        _ => Item::Reference(EndpointReference::to(
            ObjectPath::new(NAMESPACE, "Msvm_ComputerSystem")
                .with_key("CreationClassName", "Msvm_ComputerSystem")
                .with_key("Name", machine.text("Name").unwrap()),
        )),
    };
    let context = context.map(str::to_owned);
    Answer::Page(Page { items: machines.iter().map(item).collect(), context, expires: None })
}

/// Returns how a list was asked for.
pub(crate) fn enumerate(incoming: &Incoming) -> &Enumerate {
    match &incoming.request {
        Request::Enumerate(enumerate) => enumerate,
        other => panic!("{other:?}"),
    }
}
