//! A session and a simulated host, joined in memory, and what can be seen from between and behind them.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use refpoint::cim::{Catalog, Instance, ObjectPath, embedded};
use refpoint::client::{
    Connection, Credentials, Dial, Direction, Error, Fault, Fingerprint, Invoke, Invoked, Item, Limits,
    Login, Method, Options, Session, Tap, Target, Tls, TransportError, Trust,
};
use refpoint::lab::{self, Caller, Channel, Hosts, Log, Rights, Scenario, serve_stream};
use refpoint::transport::Problem;
use refpoint::wsman::{Enumerate, Operation, Page, RequestHeader, decode_reply, encode_request};
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::runtime::{Builder, Runtime};

pub(crate) const NAMESPACE: &str = "root/virtualization/v2";
pub(crate) const POINT: &str = "Msvm_VirtualSystemReferencePoint";
pub(crate) const SERVICE: &str = "Msvm_VirtualSystemReferencePointService";
pub(crate) const MACHINE: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
const USER: &str = r"LAB\operator";
const PASSWORD: &str = "Swordfish-7391";

/// How a session logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// NTLM, sealed.
    Ntlm,
    /// NTLM within SPNEGO, sealed.
    Negotiate,
    /// The same over TLS, bound to it.
    NegotiateTls,
    /// The password, over TLS.
    BasicTls,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Ntlm, Self::Negotiate, Self::NegotiateTls, Self::BasicTls];

    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::NegotiateTls | Self::BasicTls)
    }
}

/// One simulated host, and a way to it.
pub(crate) struct Meeting {
    pub(crate) hosts: Arc<Hosts>,
    log: Lines,
    /// Every message, as it was before it was sealed and after it was opened.
    pub(crate) heard: Heard,
    /// What came over the wire.
    pub(crate) wire: Arc<Mutex<Vec<u8>>>,
    way: Way,
    dials: Arc<AtomicUsize>,
    /// How many bytes the stream holds: fewer take more steps.
    pub(crate) pipe: usize,
}

/// Messages: whether it was a request, and its bytes.
pub(crate) type Heard = Arc<Mutex<Vec<(Direction, Vec<u8>)>>>;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Meeting {
    pub(crate) fn new(scenario: &str) -> Self {
        Self::by(Way::Ntlm, scenario)
    }

    /// Makes the host of a scenario, which gets what the way needs.
    pub(crate) fn by(way: Way, scenario: &str) -> Self {
        Self::with(way, scenario, |_| ())
    }

    /// The same of a scenario that is changed before it begins.
    pub(crate) fn with(way: Way, scenario: &str, change: impl FnOnce(&mut Scenario)) -> Self {
        let mut scenario = Scenario::read(scenario).unwrap_or_else(|error| panic!("{error}\n{scenario}"));
        change(&mut scenario);
        scenario.service.basic = way == Way::BasicTls;
        if way == Way::NegotiateTls {
            scenario.service.channel_bindings = lab::Hardening::Strict;
        }
        RANDOM.set(0);
        let log = Lines::default();
        let mut options = lab::Options::new(scenario);
        options.password = Some(PASSWORD.to_owned().into());
        options.log = Some(Log::new(log.clone()));
        let hosts = Hosts::new(options).unwrap();
        Self {
            hosts,
            log,
            heard: Heard::default(),
            wire: Arc::default(),
            dials: Arc::default(),
            way,
            pipe: 64 << 10,
        }
    }

    pub(crate) fn target(&self) -> Target {
        let credentials = Credentials::password(USER, PASSWORD);
        let login = match self.way {
            Way::Ntlm => Login::new(credentials).with(Method::Ntlm),
            // Without the password nobody tries Kerberos.
            Way::Negotiate | Way::NegotiateTls => Login::new(credentials.into_ntlm()),
            Way::BasicTls => Login::new(credentials).with(Method::Basic),
        };
        let mut options = Options::new(login);
        options.limits = Limits { body: 1 << 20, ..Limits::default() };
        let endpoint = if self.way.is_tls() { "https://hv01.lab.example" } else { "http://hv01.lab.example" };
        if self.way.is_tls() {
            let certificate = Fingerprint::of(self.hosts.certificate(0).unwrap());
            options.tls = Tls::new(Trust::Pin(certificate));
        }
        let heard = self.heard.clone();
        let tap = Tap::new(move |message| {
            heard.lock().unwrap().push((message.direction, message.body.to_vec()));
        });
        Target { tap: Some(tap), random, ..Target::new(endpoint.parse().unwrap(), options) }
    }

    pub(crate) fn dial(&self) -> Dial {
        let (hosts, wire, dials, pipe) =
            (self.hosts.clone(), self.wire.clone(), self.dials.clone(), self.pipe);
        let channel = if self.way.is_tls() { Channel::Https } else { Channel::Http };
        Dial::new(move |endpoint, options| {
            dials.fetch_add(1, Ordering::Relaxed);
            let (near, far) = duplex(pipe);
            let near = Spied { stream: near, seen: wire.clone() };
            let hosts = hosts.clone();
            async move {
                tokio::spawn(serve_stream(hosts, 0, far, channel));
                Connection::over(near, &endpoint, options).await
            }
        })
    }

    pub(crate) async fn session(&self) -> Session {
        self.try_session(self.target()).await.unwrap()
    }

    pub(crate) async fn try_session(&self, target: Target) -> Result<Session, Error> {
        Session::with(target, self.dial()).await
    }

    /// Returns the lines of the log, but those of the auditor, who leaves none.
    pub(crate) fn lines(&self) -> Vec<Json> {
        let text = String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the calls of methods among the lines.
    pub(crate) fn invokes(&self) -> Vec<Json> {
        self.lines().into_iter().filter(|line| line["operation"] == "Invoke").collect()
    }

    /// Says whether a fault of that name is found in the log.
    pub(crate) fn has_struck(&self, fault: &str) -> bool {
        self.lines().iter().any(|line| faults_of(line).iter().any(|name| name == fault))
    }

    /// Returns how many connections were tried.
    pub(crate) fn dials(&self) -> usize {
        self.dials.load(Ordering::Relaxed)
    }

    pub(crate) fn open_contexts(&self) -> usize {
        self.hosts.with_host(0, |host, _| host.open_contexts())
    }

    /// Asks the host itself for the objects of a class, past the network, the faults and the log.
    pub(crate) fn objects(&self, class: &str) -> Vec<Instance> {
        let page = self.audit(&Enumerate::new(ObjectPath::new(NAMESPACE, class)));
        assert_eq!(page.context, None, "more than one page");
        page.items
            .into_iter()
            .map(|item| match item {
                Item::Object(instance) => instance,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn audit(&self, operation: &impl Operation<Reply = Page>) -> Page {
        let caller = Caller { user: r"LAB\auditor".to_owned(), rights: Rights::ADMINISTRATOR };
        let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:0");
        let envelope = encode_request(&header, operation).unwrap();
        // A refusal that was meant for somebody else may still wait.
        for _ in 0..8 {
            let response = self.hosts.with_host(0, |host, now| host.handle(now, &caller, &envelope));
            let limits = refpoint::xml::Limits::default();
            let reply = decode_reply(operation, &response.envelope, Catalog::bundled(), &limits);
            if let Ok(page) = reply.unwrap().result {
                return page;
            }
        }
        panic!("the host does not answer its auditor")
    }

    /// Returns the jobs that export to a directory, as the host itself has them.
    pub(crate) fn exports(&self, directory: &str) -> Vec<Instance> {
        let mut jobs = self.objects("CIM_ConcreteJob");
        jobs.retain(|job| job.text("ExportDirectory") == Some(directory));
        jobs
    }
}

/// Returns what a line says went wrong, the host's words and the lab's.
pub(crate) fn faults_of(line: &Json) -> Vec<String> {
    let faults = line["fault"].as_str().unwrap_or_default();
    faults.split("; ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A stream whose incoming bytes are kept.
struct Spied {
    stream: DuplexStream,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Spied {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.seen.lock().unwrap().extend_from_slice(&buffer.filled()[before..]);
        read
    }
}

impl AsyncWrite for Spied {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

thread_local! {
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// Numbers that are the same in each run, since everything of a test runs on one thread.
fn random() -> u128 {
    let next = RANDOM.get() + 1;
    RANDOM.set(next);
    let mut mixed = next.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^= mixed >> 31;
    u128::from(mixed) << 64 | u128::from(mixed.rotate_left(29))
}

/// Runs with a paused clock of its own.
pub(crate) fn on_paused_clock<T>(test: impl Future<Output = T>) -> T {
    runtime().block_on(test)
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// The second point of `web01`.
pub(crate) fn point() -> ObjectPath {
    ObjectPath::new(NAMESPACE, POINT)
        .with_key("InstanceID", format!(r"Microsoft:{MACHINE}\B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"))
        .with_key("VirtualSystemIdentifier", MACHINE)
}

pub(crate) fn machine() -> ObjectPath {
    ObjectPath::new(NAMESPACE, "Msvm_ComputerSystem")
        .with_key("CreationClassName", "Msvm_ComputerSystem")
        .with_key("Name", MACHINE)
}

/// The call that exports that point.
pub(crate) fn export(directory: &str) -> Invoke {
    let service = ObjectPath::new(NAMESPACE, SERVICE).with_key("CreationClassName", SERVICE);
    let settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData");
    Invoke::new(service, "ExportReferencePoint")
        .with("ReferencePoint", point())
        .with("ExportDirectory", directory)
        .with("ExportSettingData", embedded::write(&settings).unwrap())
}

/// Holds what a client says of a call against what the host has done: `lines` are the log's of this call alone,
/// `exports` the jobs that the host has for it.
pub(crate) fn agree(said: &Result<Invoked, Error>, lines: &[Json], exports: &[Instance], case: &str) {
    let told = said.as_ref().map_or_else(name, |invoked| format!("{:?}", invoked.code()));
    let case = format!("{case}\nsaid {told}\nlog {lines:#?}\nexports {exports:?}");
    let done: Vec<_> = lines.iter().filter_map(|line| line["return_value"].as_u64()).collect();
    // Never twice: whatever came before the last line was not carried out.
    if let [earlier @ .., _] = lines {
        assert!(earlier.iter().all(|line| line["return_value"].is_null()), "asked again: {case}");
    }
    assert_eq!(exports.len(), done.iter().filter(|code| **code == 4096).count(), "log and host: {case}");
    match said {
        Ok(invoked) => {
            let code = u64::from(invoked.code().unwrap());
            assert_eq!(done, [code], "{case}");
            if code == 4096 {
                let job = invoked.path("Job").unwrap().key_text("InstanceID").unwrap().into_owned();
                assert_eq!(exports[0].text("InstanceID"), Some(&*job), "{case}");
            }
        }
        Err(Error::OutcomeUnknown { .. }) => {}
        Err(Error::ResultLost { .. }) => assert_eq!(done.len(), 1, "{case}"),
        Err(_) => assert_eq!(done, [0; 0], "said not to have been done: {case}"),
    }
}

/// Returns an error's kind, in words that a table can hold.
pub(crate) fn name(error: &Error) -> String {
    match error {
        Error::OutcomeUnknown { source, .. } => format!("unknown: {}", name(source)),
        Error::ResultLost { source, .. } => format!("lost: {}", name(source)),
        Error::Fault { source, .. } => subcode(source),
        Error::Transport { source, .. } => match &**source {
            TransportError::Answer(answer) => match &answer.problem {
                Problem::Redirect { .. } => "redirect".to_owned(),
                Problem::Unavailable { .. } => "unavailable".to_owned(),
                Problem::NotSoap { .. } => "not soap".to_owned(),
                problem => format!("{problem:?}").to_lowercase(),
            },
            TransportError::TimedOut { phase, .. } => format!("{phase}"),
            TransportError::NotSent { .. } => "not sent".to_owned(),
            TransportError::FateUnknown { .. } => "broken off".to_owned(),
            TransportError::LoginExpired { .. } => "logged out".to_owned(),
            TransportError::LoginRefused { .. } => "login refused".to_owned(),
            TransportError::TooLong { .. } => "too long".to_owned(),
            TransportError::Seal { .. } => "seal".to_owned(),
            other => format!("{other:?}"),
        },
        Error::Deadline { .. } => "deadline".to_owned(),
        Error::Unreadable { .. } => "unreadable".to_owned(),
        other => format!("{other:?}"),
    }
}

fn subcode(fault: &Fault) -> String {
    fault.subcode.as_ref().map_or_else(|| format!("{:?}", fault.code), |subcode| subcode.local.clone())
}

/// Polls a future so often and no more: `None` where it then still waits.
pub(crate) async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = times;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// On the paused clock this is no waiting.
pub(crate) async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
