//! Many simulated hosts in a process of their own, a ledger, plans, and what the hosts were asked.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::program::{BINARY, Refpoint, refpoint};

/// A fleet. It, its ledger and its files go with this value.
pub(crate) struct Fleet {
    process: Child,
    /// Kept, so that the process may go on writing.
    _stdout: BufReader<ChildStdout>,
    password: String,
    folder: PathBuf,
    /// The port on which it speaks TLS.
    tls_port: u16,
}

impl Fleet {
    /// Serves as many hosts of a scenario: `hv01`, `hv02` … of the inventory `hosts.toml`.
    pub(crate) fn new(hosts: usize, scenario: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("runs-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("scenario.toml"), scenario).unwrap();
        // Fleets of one process of tests must not want the same addresses with one port.
        let first = format!("127.1.{}.1:0", 1 + number % 200);
        let mut process = Command::new(BINARY)
            .args(["lab", "serve", "--listen", &first, "--hosts", &hosts.to_string()])
            .args(["--scenario", "scenario.toml", "--log", "asked.jsonl", "--tls", &first])
            .current_dir(&folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let field = |name: &str| {
            let mut words = line.trim_end().split(' ');
            words.find_map(|word| word.strip_prefix(name)).unwrap_or_else(|| panic!("{line:?}")).to_owned()
        };
        let url = field("http://");
        let (address, port) = url.rsplit_once(':').unwrap();
        let first: u32 = address.parse::<Ipv4Addr>().unwrap().into();
        let tls_port = field("tls=").rsplit_once(':').unwrap().1.parse().unwrap();
        let (user, password) = (field("user="), field("password="));
        let mut inventory =
            format!("[defaults]\nuser = '{user}'\nport = {port}\noperation_timeout = \"1s\"\n");
        for number in 1..=hosts {
            let address = Ipv4Addr::from(first + u32::try_from(number - 1).unwrap());
            writeln!(inventory, "[host.hv{number:02}]\naddress = \"{address}\"").unwrap();
        }
        fs::write(folder.join("hosts.toml"), inventory).unwrap();
        Self { process, _stdout: stdout, password, folder, tls_port }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.file("ledger.db")
    }

    /// Writes a plan of that name: `lines`, for the hosts of the inventory.
    pub(crate) fn plan(&self, name: &str, lines: &str) -> String {
        let path = self.file(&format!("{name}.toml"));
        fs::write(&path, format!("name = '{name}'\ninventory = 'hosts.toml'\n{lines}")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Says something more of a host in the inventory: of one that is not there, too.
    pub(crate) fn say_of(&self, host: &str, lines: &str) {
        let path = self.file("hosts.toml");
        let text = fs::read_to_string(&path).unwrap();
        let head = format!("[host.{host}]\n");
        let text = if text.contains(&head) { text } else { text + &head };
        fs::write(&path, text.replace(&head, &format!("{head}{lines}\n"))).unwrap();
    }

    /// Has a host of the inventory worked with over TLS, whoever it is.
    pub(crate) fn trust_anybody_to_be(&self, host: &str) {
        let lines = format!("scheme = 'https'\nport = {}\ninsecure = true", self.tls_port);
        self.say_of(host, &lines);
    }

    /// Returns a command to one of the hosts, counted from 1.
    pub(crate) fn host_command(&self, words: &[&str], number: usize, more: &[&str]) -> Refpoint {
        let text = fs::read_to_string(self.file("hosts.toml")).unwrap();
        let address = text.split("address = \"").nth(number).unwrap().split('"').next().unwrap();
        let port = text.split("port = ").nth(1).unwrap().lines().next().unwrap();
        let url = format!("{address}:{port}");
        refpoint(words.iter().copied().chain([&*url, "--user", "LAB\\operator"]).chain(more.iter().copied()))
            .env("REFPOINT_PASSWORD", &self.password)
            .env("REFPOINT_LEDGER", self.ledger().to_str().unwrap())
    }

    /// Returns an address at which nobody listens.
    pub(crate) fn nowhere(&self) -> String {
        let text = fs::read_to_string(self.file("hosts.toml")).unwrap();
        let address = text.split("address = \"").nth(1).unwrap().split('"').next().unwrap();
        format!("{}.250", address.rsplit_once('.').unwrap().0)
    }

    /// Returns a command of `fleet` that logs in and writes to the ledger.
    pub(crate) fn command(&self, words: &[&str]) -> Refpoint {
        refpoint(["fleet"].iter().chain(words))
            .env("REFPOINT_PASSWORD", &self.password)
            .env("REFPOINT_LEDGER", self.ledger().to_str().unwrap())
    }

    /// Returns what the ledger says became of the newest run, or of the newest of a plan.
    #[track_caller]
    pub(crate) fn report(&self, which: &[&str]) -> Value {
        let run = self.command(&[&["report"], which, &["-o", "json"]].concat()).run();
        assert_eq!(run.code, Some(0), "{run:?}");
        run.json()
    }

    /// Returns what the hosts were asked so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.folder.join("asked.jsonl")).unwrap();
        // A line that is being written has no end yet.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the calls of a method, whatever became of them.
    pub(crate) fn calls(&self, method: &str) -> Vec<Value> {
        self.asked().into_iter().filter(|line| line["method"] == method).collect()
    }

    /// Counts the calls of `ExportReferencePoint` that were carried out, for each host and directory.
    pub(crate) fn exports(&self) -> BTreeMap<(String, String), Vec<Value>> {
        let mut exports: BTreeMap<_, Vec<Value>> = BTreeMap::new();
        for call in self.calls("ExportReferencePoint") {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let key = (text(&call["host"]), text(&call["arguments"]["ExportDirectory"]));
            exports.entry(key).or_default().push(call);
        }
        exports
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// So many machines a host, `vm1`, `vm2` …, without points; an export takes that long.
pub(crate) fn world(machines: usize, seconds: f64) -> String {
    let mut world = format!("[speed]\nexport = {{ seconds = {seconds} }}\ncreate_point = \"100ms\"\n");
    for number in 1..=machines {
        let _ = write!(
            world,
            "[[machine]]\nid = \"{number:08X}-6B7E-4C55-9E1D-0A4B8C7D2E91\"\nname = \"vm{number}\"\n\
             [[machine.disk]]\nfile = 'D:\\VMs\\vm{number}\\os.vhdx'\nsize = \"1GiB\"\nused = \"1GiB\"\n"
        );
    }
    world
}
