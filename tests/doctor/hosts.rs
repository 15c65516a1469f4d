//! Simulated hosts within the tests, and what the program says of them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use refpoint::lab::{Certificate, Hosts, Listen, Log, Options, Scenario, Server};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::program::{Refpoint, refpoint};

pub(crate) const USER: &str = r"LAB\operator";
pub(crate) const PASSWORD: &str = "sword<fish>&7";

/// Simulated hosts on consecutive addresses.
pub(crate) struct Lab {
    /// Serves them for as long as this value is there.
    _runtime: Runtime,
    pub(crate) hosts: Arc<Hosts>,
    first: Ipv4Addr,
    http: u16,
    https: u16,
}

impl Lab {
    pub(crate) fn new(count: usize, scenario: &str) -> Self {
        Self::with(count, scenario, None)
    }

    pub(crate) fn with(count: usize, scenario: &str, certificate: Option<Certificate>) -> Self {
        Self::made(count, scenario, certificate, None)
    }

    /// One host that writes down what it is asked.
    pub(crate) fn logging(file: &Path) -> Self {
        let log = Log::new(fs::File::create(file).unwrap());
        Self::made(1, "", None, Some(log))
    }

    fn made(count: usize, scenario: &str, certificate: Option<Certificate>, log: Option<Log>) -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(1);
        let first = Ipv4Addr::new(127, 21, NUMBER.fetch_add(1, Ordering::Relaxed), 1);
        let mut options = Options::new(Scenario::read(scenario).unwrap_or_else(|error| panic!("{error}")));
        options.hosts = count;
        options.password = Some(PASSWORD.to_owned().into());
        options.first_address = first;
        options.certificate = certificate;
        options.log = log;
        options.started = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let hosts = Hosts::new(options).unwrap();
        let listen =
            Listen { http: Some(SocketAddrV4::new(first, 0)), https: Some(SocketAddrV4::new(first, 0)) };
        let server = runtime.block_on(Server::start(hosts.clone(), listen)).unwrap();
        let (http, https) = (server.http().unwrap().port(), server.https().unwrap().port());
        runtime.spawn(async move {
            std::future::pending::<()>().await;
            drop(server);
        });
        Self { _runtime: runtime, hosts, first, http, https }
    }

    fn address(&self, number: usize) -> Ipv4Addr {
        let [a, b, c, d] = self.first.octets();
        Ipv4Addr::new(a, b, c, d + u8::try_from(number).unwrap())
    }

    /// Returns where a host speaks http, counted from 0.
    pub(crate) fn http(&self, number: usize) -> String {
        format!("http://{}:{}", self.address(number), self.http)
    }

    pub(crate) fn https(&self, number: usize) -> String {
        format!("https://{}:{}", self.address(number), self.https)
    }
}

/// Returns the program about to look at that, as the operator unless more is said.
pub(crate) fn doctor(target: &str, more: &[&str]) -> Refpoint {
    let words = ["doctor", target, "-o", "json"].into_iter().chain(more.iter().copied());
    // No realm of the machine's is asked.
    let program = refpoint(words).env("REFPOINT_PASSWORD", PASSWORD).env("KRB5_CONFIG", "/dev/null");
    match more.iter().any(|word| ["--user", "--keytab"].contains(word)) {
        true => program,
        false => program.env("REFPOINT_USER", USER),
    }
}

/// What was found.
pub(crate) struct Diagnosis {
    pub(crate) value: Value,
    pub(crate) code: i32,
}

/// Runs it and reads what it found.
#[track_caller]
pub(crate) fn diagnosis(program: Refpoint) -> Diagnosis {
    let run = program.run();
    let value: Value = run.json();
    assert_eq!(value["schema"], "refpoint.doctor/1");
    assert_eq!(value["exit_code"], run.code.unwrap(), "{run:?}");
    Diagnosis { value, code: run.code.unwrap() }
}

impl Diagnosis {
    #[track_caller]
    pub(crate) fn layer(&self, name: &str) -> &Value {
        let layers = self.value["layers"].as_array().unwrap();
        let found = layers.iter().find(|layer| layer["layer"] == name);
        found.unwrap_or_else(|| panic!("no layer {name}: {:#}", self.value))
    }

    pub(crate) fn status(&self, name: &str) -> &str {
        self.layer(name)["status"].as_str().unwrap()
    }

    pub(crate) fn seen(&self, name: &str) -> &str {
        self.layer(name)["seen"].as_str().unwrap()
    }

    /// Returns the names of the layers that stand so.
    pub(crate) fn that(&self, status: &str) -> Vec<&str> {
        let layers = self.value["layers"].as_array().unwrap();
        let such = layers.iter().filter(|layer| layer["status"] == status);
        such.map(|layer| layer["layer"].as_str().unwrap()).collect()
    }

    /// Holds that this layer is the first that has failed, with that exit code and one thing to do, and that what
    /// was seen says so.
    #[track_caller]
    pub(crate) fn fails(&self, layer: &str, code: i32, says: &str) {
        assert_eq!((&self.value["failed_layer"], self.code), (&layer.into(), code), "{:#}", self.value);
        self.tells("fail", layer, says);
    }

    #[track_caller]
    pub(crate) fn warns(&self, layer: &str, says: &str) {
        assert_eq!((&self.that("fail"), self.code), (&vec![], 3), "{:#}", self.value);
        self.tells("warn", layer, says);
    }

    #[track_caller]
    pub(crate) fn passes(&self) {
        assert_eq!(
            (self.that("fail").len(), self.that("warn").len(), self.code),
            (0, 0, 0),
            "{:#}",
            self.value
        );
        assert!(self.that("not-reached").is_empty(), "{:#}", self.value);
    }

    #[track_caller]
    fn tells(&self, status: &str, layer: &str, says: &str) {
        let found = self.layer(layer);
        assert_eq!(found["status"], status, "{:#}", self.value);
        assert!(self.seen(layer).contains(says), "{says:?} in {found:#}");
        let fix = found["fix"]["text"].as_str().unwrap_or_default();
        assert!(fix.len() > 10, "{found:#}");
    }
}
