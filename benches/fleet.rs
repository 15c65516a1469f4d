//! What a run over many hosts costs: memory at its peak, CPU for everything, and CPU while all of its jobs run.
//!
//! The program and the simulated hosts are processes of their own, and the figures are the program's alone. The hosts
//! export slowly, so that for a while nothing happens but looking how the jobs are, every five seconds.
//!
//! `cargo bench --bench fleet` is a thousand hosts with five machines each, which takes some minutes;
//! `REFPOINT_HOSTS=100 REFPOINT_MACHINES=1` are fewer of both, `-- --test` a handful.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails should stop, and says its figures"
)]

use std::fs;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use dice::said;
use fleet::{Fleet, world};
use program::Running;

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/runs/dice.rs"]
mod dice;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/runs/fleet.rs"]
mod fleet;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/ends/program.rs"]
mod program;

fn main() {
    if !cfg!(target_os = "linux") {
        return println!("memory and CPU of another process are known on Linux alone");
    }
    let is_test = std::env::args().any(|argument| argument == "--test");
    let count = |name, otherwise| usize::try_from(said(name, otherwise)).unwrap();
    let (hosts, machines) = match is_test {
        true => (4, 2),
        false => (count("REFPOINT_HOSTS", 1000), count("REFPOINT_MACHINES", 5)),
    };
    // All are begun, and looked at as seldom as it gets, before the first one ends.
    let times = match is_test {
        true => Times { export: 3.0, settled: Duration::ZERO, watched: Duration::from_secs(1) },
        false => Times {
            export: said("REFPOINT_SECONDS", 300) as f64,
            settled: Duration::from_secs(30),
            watched: Duration::from_secs(60),
        },
    };
    measure(hosts, machines, &times);
}

struct Times {
    /// How long an export takes, in seconds.
    export: f64,
    /// After how long each job is looked at as seldom as it gets.
    settled: Duration,
    /// How long it is then watched.
    watched: Duration,
}

fn measure(hosts: usize, machines: usize, times: &Times) {
    let fleet = Fleet::new(hosts, &world(machines, times.export));
    let plan = fleet.plan("nightly", PLAN);
    let mut asked = Asked::of(&fleet);
    let began = Instant::now();
    let mut run = fleet.command(&["run", &plan]);
    run.patience = LONGEST;
    let run = run.start();

    let mut used = Used::of(&run).unwrap();
    while asked.exports < hosts * machines {
        used = watch(&run, used, &mut asked).expect("it ended before all of its jobs were begun");
    }
    let begun = (began.elapsed(), used);
    println!(
        "{} jobs begun on {hosts} hosts after {:.0} s, with {:.1} s of CPU and {} MB at the peak",
        asked.exports,
        begun.0.as_secs_f64(),
        used.cpu,
        used.peak
    );
    let settled = Instant::now() + times.settled;
    while Instant::now() < settled {
        used = watch(&run, used, &mut asked).expect("it ended while its jobs ran");
    }
    let (before, requests, since) = (used, asked.requests, Instant::now());
    while since.elapsed() < times.watched {
        used = watch(&run, used, &mut asked).expect("it ended while its jobs ran");
    }
    let (seconds, cpu) = (since.elapsed().as_secs_f64(), used.cpu - before.cpu);
    let requests = asked.requests - requests;
    println!(
        "while they ran: {:.1} % of a core, {:.2} requests a host in five seconds, {:.0} us of CPU a request, {} MB \
         resident",
        cpu / seconds * 100.0,
        requests as f64 / hosts as f64 / seconds * 5.0,
        cpu / requests.max(1) as f64 * 1e6,
        used.resident
    );
    while let Some(now) = watch(&run, used, &mut asked) {
        used = now;
    }
    let run = run.end();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(asked.exports, hosts * machines, "one is done twice");
    println!(
        "in all: {:.0} s, {:.1} s of CPU, {} MB at the peak, {} requests a host",
        began.elapsed().as_secs_f64(),
        used.cpu,
        used.peak,
        asked.requests / hosts
    );
}

/// Lets a moment pass, and returns what the program has used by then; `None` once it has ended.
fn watch(run: &Running, before: Used, asked: &mut Asked) -> Option<Used> {
    sleep(MOMENT);
    asked.read();
    let now = Used::of(run)?;
    // Of a process that is about to end only its time is known.
    Some(Used { peak: now.peak.max(before.peak), ..now })
}

/// What a process has used.
#[derive(Clone, Copy)]
struct Used {
    /// Seconds of CPU, of its own and of the system's for it.
    cpu: f64,
    /// The most that was in memory, in MB.
    peak: u64,
    /// What is, in MB.
    resident: u64,
}

impl Used {
    fn of(run: &Running) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", run.id()));
        let (stat, status) = (read("stat").ok()?, read("status").ok()?);
        // What stands before is its name, which may hold anything.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        if fields[0] == "Z" {
            return None;
        }
        let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map_or(0, |line| line.split_whitespace().next().unwrap().parse::<u64>().unwrap())
        };
        let mb = |kibibytes: u64| kibibytes * 1024 / 1_000_000;
        // The system counts in hundredths of a second, whatever its own clock does.
        let cpu = (ticks(11) + ticks(12)) / 100.0;
        Some(Self { cpu, peak: mb(kibibytes("VmHWM:")), resident: mb(kibibytes("VmRSS:")) })
    }
}

/// What the hosts were asked, as far as their log says by now.
struct Asked {
    log: fs::File,
    /// A line that is being written.
    rest: String,
    requests: usize,
    /// Exports that were begun.
    exports: usize,
}

impl Asked {
    fn of(fleet: &Fleet) -> Self {
        let log = fs::File::open(fleet.file("asked.jsonl")).unwrap();
        Self { log, rest: String::new(), requests: 0, exports: 0 }
    }

    fn read(&mut self) {
        self.log.read_to_string(&mut self.rest).unwrap();
        let Some((whole, rest)) = self.rest.rsplit_once('\n') else { return };
        for line in whole.lines() {
            self.requests += 1;
            let is_export = line.contains("\"ExportReferencePoint\"") && line.contains("4096");
            self.exports += usize::from(is_export);
        }
        self.rest = rest.to_owned();
    }
}

/// As much as there is at once: what is measured is not to wait for room.
const PLAN: &str = "
limits = { total = 100000, host = 10, volume = 10 }
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\\exports\\{run}\\{vm}'
";

/// How often it is looked.
const MOMENT: Duration = Duration::from_millis(200);

/// A busy machine takes its time for a thousand hosts.
const LONGEST: Duration = Duration::from_secs(1800);
