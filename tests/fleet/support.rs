use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refpoint::client::{Connection, Credentials, Dial, Login, Options, Session, Target};
use refpoint::fleet::{
    Control, Event, Failure, HostForecast, Keeper, News, Opener, RunDetails, RunOrder, RunPlan, RunReport,
    RunSurroundings, Wish, begin_run, find_run, foresee, report_of, work_on,
};
use refpoint::hyperv::{Host, Owner, Selector};
use refpoint::lab::{self, Channel, Hosts, Log, Scenario, serve_stream};
use refpoint::ledger::Ledger;
use serde_json::Value;
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::time::Instant;

const PASSWORD: &str = "Swordfish-7391";

/// Simulated hosts, a ledger, and who runs plans over the ones by the other.
pub(crate) struct Yard {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) log: Lines,
    folder: PathBuf,
    is_thin: bool,
    has_alias: bool,
}

/// What a run was like.
pub(crate) struct Told {
    pub(crate) report: Result<RunReport, Failure>,
    pub(crate) events: Vec<Event>,
}

impl Told {
    pub(crate) fn report(&self) -> &RunReport {
        self.report.as_ref().unwrap()
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        let is_it = |event: &&Event| serde_json::to_value(event).unwrap()["event"] == name;
        self.events.iter().filter(is_it).count()
    }

    /// Returns how many units at once there were to be on hosts, each time that this changed.
    pub(crate) fn limits(&self) -> Vec<usize> {
        let limit = |event: &Event| match event.what {
            News::Limit { units, .. } => Some(units),
            _ => None,
        };
        self.events.iter().filter_map(limit).collect()
    }
}

/// How a run is worked on.
pub(crate) struct How<'a> {
    pub(crate) closes: Option<Duration>,
    pub(crate) patience: Option<Duration>,
    pub(crate) retry_failed: bool,
    pub(crate) at_event: &'a (dyn Fn(&Event, &watch::Sender<Wish>) + Send + Sync),
}

impl Default for How<'_> {
    fn default() -> Self {
        Self { closes: None, patience: None, retry_failed: false, at_event: &|_, _| () }
    }
}

impl Yard {
    pub(crate) fn new(hosts: usize, scenario: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let log = Lines::default();
        let mut options = lab::Options::new(Scenario::read(scenario).unwrap()).hosts(hosts);
        options.password = Some(PASSWORD.to_owned().into());
        options.log = Some(Log::new(log.clone()));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("refpoint-fleet-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self { hosts: Hosts::new(options).unwrap(), log, folder, is_thin: false, has_alias: false }
    }

    /// The same without a second host in the inventory, as if somebody had taken them out.
    pub(crate) fn thin(mut self) -> Self {
        self.is_thin = true;
        self
    }

    /// The same with all hosts in the inventory again.
    pub(crate) fn whole(mut self) -> Self {
        self.is_thin = false;
        self
    }

    /// The same with one more name for the first host.
    pub(crate) fn with_alias(mut self) -> Self {
        self.has_alias = true;
        self
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(self.folder.join("ledger.db")).unwrap()
    }

    pub(crate) fn keeper(&self) -> Keeper {
        Keeper::new(self.ledger())
    }

    fn opener(&self) -> Opener {
        let hosts = self.hosts.clone();
        Opener::new(move |label: &str| {
            let hosts = hosts.clone();
            let label = label.to_owned();
            async move {
                let index = label.trim_start_matches("hv").parse::<usize>().unwrap_or(1) - 1;
                let dial = Dial::new(move |endpoint, options| {
                    let hosts = hosts.clone();
                    async move {
                        let (near, far) = duplex(64 << 10);
                        tokio::spawn(serve_stream(hosts, index, far, Channel::Http));
                        Connection::over(near, &endpoint, options).await
                    }
                });
                let login = Login::new(Credentials::password(r"LAB\operator", PASSWORD));
                let target = Target::new(label.parse().unwrap(), Options::new(login));
                Session::with(target, dial).await.map_err(|error| Failure::from(&error))
            }
        })
    }

    /// The hosts of the inventory, with all rules.
    fn inventory(&self, plan: &RunPlan) -> Vec<(String, Vec<u32>)> {
        let rules: Vec<u32> = (0..plan.rules.len() as u32).collect();
        let count = if self.is_thin { 1 } else { self.hosts.count() };
        let mut hosts: Vec<_> = (1..=count).map(|number| (format!("hv{number:02}"), rules.clone())).collect();
        if self.has_alias {
            hosts.push(("alias".to_owned(), rules));
        }
        hosts
    }

    pub(crate) async fn run(&self, text: &str) -> Told {
        self.run_with(text, How::default()).await
    }

    /// Begins a run, as a process of its own would.
    pub(crate) async fn run_with(&self, text: &str, how: How<'_>) -> Told {
        let plan = RunPlan::read(text).unwrap();
        let order = RunOrder {
            text: text.to_owned(),
            hosts: self.inventory(&plan),
            details: RunDetails {
                date: "2026-11-21".to_owned(),
                time: "0200".to_owned(),
                ..RunDetails::default()
            },
        };
        let keeper = self.keeper();
        match begin_run(&keeper, &plan, &order, clock()).await {
            Ok(run) => self.work(keeper, &run.name, how).await,
            Err(refusal) => Told { report: Err(refusal), events: Vec::new() },
        }
    }

    /// Takes the newest run up again, as a process of its own would.
    pub(crate) async fn resume(&self, how: How<'_>) -> Told {
        let keeper = self.keeper();
        let name = find_run(&keeper, None).await.unwrap().name;
        self.work(keeper, &name, how).await
    }

    async fn work(&self, keeper: Keeper, name: &str, how: How<'_>) -> Told {
        let run = find_run(&keeper, Some(name)).await.unwrap();
        let plan = RunPlan::read(&run.text).unwrap();
        let hosts = self.inventory(&plan);
        let events = Arc::new(Mutex::new(Vec::new()));
        let (wishes, control) = Control::new();
        let (told, heard) = tokio::sync::mpsc::unbounded_channel::<Event>();
        let kept = events.clone();
        let around = RunSurroundings {
            opener: self.opener(),
            keeper,
            clock,
            listener: Arc::new(move |event: Event| {
                kept.lock().unwrap().push(event.clone());
                let _ = told.send(event);
            }),
            control,
            closes: how.closes.map(|after| Instant::now() + after),
            retry_failed: how.retry_failed,
            retry_unknown: false,
        };
        let mut heard = heard;
        let work = work_on(around, &run, plan, &hosts);
        let listen = async {
            while let Some(event) = heard.recv().await {
                (how.at_event)(&event, &wishes);
            }
            std::future::pending::<()>().await;
        };
        let within = async {
            tokio::select! {
                report = work => Some(report),
                () = listen => None,
            }
        };
        let report = match how.patience {
            None => within.await,
            Some(patience) => tokio::time::timeout(patience, within).await.ok().flatten(),
        };
        // Whoever was cut off leaves what a killed process leaves.
        let report = report.unwrap_or_else(|| Err(unfinished()));
        let events = std::mem::take(&mut *events.lock().unwrap());
        Told { report, events }
    }

    pub(crate) async fn report(&self) -> RunReport {
        report_of(&self.keeper(), None, clock()).await.unwrap()
    }

    /// Counts how often each point of each host was exported to each directory: what was refused does not count.
    pub(crate) fn exports(&self) -> BTreeMap<String, usize> {
        self.carried_out("ExportReferencePoint", |arguments| {
            format!("{} to {}", arguments["ReferencePoint"], arguments["ExportDirectory"])
        })
    }

    /// Counts how often a point of each machine was made.
    pub(crate) fn made(&self) -> BTreeMap<String, usize> {
        self.carried_out("CreateReferencePoint", |arguments| arguments["AffectedSystem"].to_string())
    }

    /// Counts how often each machine or group was exported by its checkpoint to each directory.
    pub(crate) fn backed_up(&self) -> BTreeMap<String, usize> {
        self.carried_out("ExportSystemDefinition", |arguments| arguments["ExportDirectory"].to_string())
    }

    /// Counts the recovery checkpoints that are left on all hosts.
    pub(crate) async fn checkpoints(&self) -> usize {
        let mut left = 0;
        let opener = self.opener();
        for host in 1..=self.hosts.count() {
            let host = Host::new(opener.open(&format!("hv{host:02}")).await.unwrap());
            for machine in host.machines(&Selector::Glob("*".to_owned())).await.unwrap() {
                left += host.recovery_checkpoints(&Owner::Machine(machine)).await.unwrap().len();
            }
        }
        left
    }

    /// Says what a run of a plan would do.
    pub(crate) async fn foresee(&self, text: &str) -> Vec<HostForecast> {
        let plan = RunPlan::read(text).unwrap();
        let details =
            RunDetails { date: "2026-11-22".to_owned(), time: "0200".to_owned(), ..RunDetails::default() };
        foresee(&plan, &self.inventory(&plan), &details, &self.opener(), &self.keeper(), clock).await
    }

    fn carried_out(&self, method: &str, what: impl Fn(&Value) -> String) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for line in self.log.all() {
            let is_begun = [0, 4096].map(Value::from).contains(&line["return_value"]);
            if line["method"] == method && is_begun {
                let key = format!("{} {}", line["host"], what(&line["arguments"]));
                *counted.entry(key).or_insert(0) += 1;
            }
        }
        counted
    }

    pub(crate) fn calls(&self, method: &str) -> usize {
        self.log.all().iter().filter(|line| line["method"] == method).count()
    }
}

fn unfinished() -> Failure {
    let error = std::io::Error::other("killed");
    let path = PathBuf::new();
    Failure::from(&refpoint::ledger::Error::Open { path, source: error })
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The clock of the tests: it goes as the runtime's paused clock does.
pub(crate) fn clock() -> SystemTime {
    thread_local!(static START: Cell<Option<Instant>> = const { Cell::new(None) });
    let now = Instant::now();
    let start = START.get().unwrap_or_else(|| {
        START.set(Some(now));
        now
    });
    UNIX_EPOCH + Duration::from_secs(1_795_000_000) + now.duration_since(start)
}

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn all(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
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
