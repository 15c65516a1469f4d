//! Simulated hosts in a process of their own, and what they were asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::program::{BINARY, Refpoint, refpoint};

/// Simulated hosts. They, and what they wrote, go with this value.
pub(crate) struct Lab {
    process: Child,
    /// Kept, so that the process may go on writing.
    _stdout: BufReader<ChildStdout>,
    /// What it said when it served.
    ready: String,
    port: String,
    folder: PathBuf,
}

/// One of the hosts, counted from 1, with a ledger of its own.
#[derive(Clone, Copy)]
pub(crate) struct At<'l> {
    lab: &'l Lab,
    number: usize,
    is_called_otherwise: bool,
}

impl Lab {
    /// Serves as many hosts of a scenario.
    pub(crate) fn new(hosts: usize, scenario: &str) -> Self {
        Self::serving(hosts, scenario, &[])
    }

    /// The same with more of the words of `lab serve`.
    pub(crate) fn serving(hosts: usize, scenario: &str, more: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ends-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("scenario.toml"), scenario).unwrap();
        // Labs of one process of tests must not want the same addresses with one port.
        let first = format!("127.1.{}.1:0", 1 + number % 200);
        let mut process = Command::new(BINARY)
            .args(["lab", "serve", "--listen", &first, "--hosts", &hosts.to_string()])
            .args(["--scenario", "scenario.toml", "--log", "asked.jsonl"])
            .args(more)
            .current_dir(&folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let mut lab = Self { process, _stdout: stdout, ready: line, port: String::new(), folder };
        let (address, port) = lab.field("http://").rsplit_once(':').unwrap();
        let subnet = address.rsplit_once('.').unwrap().0;
        lab.port = format!("{subnet}.{{}}:{port}");
        lab
    }

    /// Returns what follows the beginning of a word in the line that it served with.
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut words = self.ready.trim_end().split(' ');
        words.find_map(|word| word.strip_prefix(name)).unwrap_or_else(|| panic!("{:?}", self.ready))
    }

    /// Returns the host with that number, from 1.
    pub(crate) fn at(&self, number: usize) -> At<'_> {
        At { lab: self, number, is_called_otherwise: false }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl At<'_> {
    pub(crate) fn url(&self) -> String {
        let url = self.lab.port.replace("{}", &self.number.to_string());
        match url.rsplit_once(':') {
            Some((address, port)) if self.is_called_otherwise => format!("[::ffff:{address}]:{port}"),
            _ => url,
        }
    }

    /// Returns the same host by another name, its address as one of IPv6.
    pub(crate) fn called_otherwise(self) -> Self {
        Self { is_called_otherwise: true, ..self }
    }

    /// Returns a file of this host's own, on the side of the program.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.lab.folder.join(format!("{}-{name}", self.number))
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.file("ledger.db")
    }

    /// Returns the program with a command for this host: `words` before the target, `more` behind it.
    pub(crate) fn refpoint(&self, words: &[&str], more: &[&str]) -> Refpoint {
        let url = self.url();
        let login = [url.as_str(), "--user", self.lab.field("user=")];
        refpoint(words.iter().chain(&login).chain(more)).env("REFPOINT_PASSWORD", self.lab.field("password="))
    }

    /// The same with this host's ledger.
    pub(crate) fn keeping(&self, words: &[&str], more: &[&str]) -> Refpoint {
        self.refpoint(words, more).env("REFPOINT_LEDGER", self.ledger().to_str().unwrap())
    }

    /// Returns an export of the one point of `vm1` to `D:\exports\vm1`.
    pub(crate) fn export(&self, more: &[&str]) -> Refpoint {
        let words = ["--vm", "vm1", "--point", "only", "--to", r"D:\exports\vm1"];
        self.keeping(&["export"], &[&words[..], more].concat())
    }

    /// Returns what this host was asked so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.lab.folder.join("asked.jsonl")).unwrap();
        let name = format!("HV{:02}", self.number);
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["host"] == *name).collect()
    }

    /// Counts the calls of `ExportReferencePoint` that were carried out: those that began a job.
    pub(crate) fn begun(&self) -> usize {
        let is_begun =
            |line: &&Value| line["method"] == "ExportReferencePoint" && line["return_value"] == 4096;
        self.asked().iter().filter(is_begun).count()
    }

    /// Counts the calls of a method, whatever became of them.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.asked().iter().filter(|line| line["method"] == method).count()
    }
}
