use std::cell::Cell;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refpoint::client::{Connection, Credentials, Dial, Login, Options, Retries, Session, Target};
use refpoint::fleet::{
    BaseChoice, Control, Event, ExportPlan, Failure, JobEnd, Keeper, Owned, PointChoice, Report,
    Surroundings, Wanted, Wish, create_point, export, wait_for_job,
};
use refpoint::hyperv::{Consistency, Directory, Host, PointType, Selector};
use refpoint::lab::{self, Channel, Hosts, Log, Scenario, serve_stream};
use refpoint::ledger::{Intent, Kind, Ledger, Subject};
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::time::Instant;

const PASSWORD: &str = "Swordfish-7391";

pub(crate) const DB01: &str = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44";
pub(crate) const LOG_POINT: &str = "E4282031-639C-4FD7-8059-B192D4F5E637";
pub(crate) const RCT_POINT: &str = "D3171F20-528B-4EC6-BF49-A081C3E4D526";

/// A simulated host, a ledger, and who exports from the one by the other.
pub(crate) struct Yard {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) log: Lines,
    folder: PathBuf,
}

/// One export as it was told.
pub(crate) struct Told {
    pub(crate) report: Report,
    pub(crate) events: Vec<Event>,
}

impl Told {
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |event: &Event| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
        self.events.iter().map(name).collect()
    }
}

impl Yard {
    pub(crate) fn new(scenario: &str) -> Self {
        let log = Lines::default();
        let mut options = lab::Options::new(Scenario::read(scenario).unwrap());
        options.password = Some(PASSWORD.to_owned().into());
        options.log = Some(Log::new(log.clone()));
        Self { hosts: Hosts::new(options).unwrap(), log, folder: folder() }
    }

    /// Returns the same host and somebody else, with a ledger of his own.
    pub(crate) fn beside(&self) -> Self {
        Self { hosts: self.hosts.clone(), log: self.log.clone(), folder: folder() }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(self.folder.join("ledger.db")).unwrap()
    }

    pub(crate) async fn host(&self) -> Host {
        self.host_of(r"LAB\operator").await
    }

    pub(crate) async fn host_of(&self, user: &str) -> Host {
        let hosts = self.hosts.clone();
        let dial = Dial::new(move |endpoint, options| {
            let hosts = hosts.clone();
            async move {
                let (near, far) = duplex(64 << 10);
                tokio::spawn(serve_stream(hosts, 0, far, Channel::Http));
                Connection::over(near, &endpoint, options).await
            }
        });
        let login = Login::new(Credentials::password(user, PASSWORD));
        let mut target = Target::new("hv01".parse().unwrap(), Options::new(login));
        target.retries = Retries::default();
        Host::new(Session::with(target, dial).await.unwrap())
    }

    /// Exports once, as a process of its own would.
    pub(crate) async fn export(&self, plan: &ExportPlan) -> Told {
        self.export_with(plan, None, |_, _| ()).await
    }

    /// The same, with a deadline, and with somebody who may wish for something at each event.
    pub(crate) async fn export_with(
        &self,
        plan: &ExportPlan,
        deadline: Option<Duration>,
        at_event: impl Fn(&Event, &watch::Sender<Wish>) + Send + Sync,
    ) -> Told {
        let host = self.host().await;
        let keeper = Keeper::new(self.ledger());
        let (wishes, control) = Control::new();
        let events = Mutex::new(Vec::new());
        let listener = |event: Event| {
            at_event(&event, &wishes);
            events.lock().unwrap().push(event);
        };
        let around = Surroundings {
            host: &host,
            label: "hv01".to_owned(),
            keeper: &keeper,
            clock,
            listener: &listener,
            control,
            deadline: deadline.map(|after| Instant::now() + after),
            operation_timeout: Duration::from_secs(60),
            unit: plan.what.name(),
        };
        let report = export(&around, plan).await;
        host.close().await.unwrap();
        Told { report, events: events.into_inner().unwrap() }
    }

    /// Exports once as a process that is ended after that time, and gives the host so long for each request.
    pub(crate) async fn export_for(
        &self,
        plan: &ExportPlan,
        patience: Duration,
        operation_timeout: Duration,
    ) -> Option<Report> {
        let (host, keeper) = (self.host().await, Keeper::new(self.ledger()));
        let around = Surroundings { operation_timeout, ..Surroundings::new("hv01", &host, &keeper, clock) };
        tokio::time::timeout(patience, export(&around, plan)).await.ok()
    }

    /// Waits for a job, or cancels it, as a process of its own would.
    pub(crate) async fn wait_for(&self, id: &str, wish: Wish) -> JobEnd {
        let (host, keeper) = (self.host().await, Keeper::new(self.ledger()));
        let (wishes, control) = Control::new();
        wishes.send_replace(wish);
        let around = Surroundings { control, ..Surroundings::new("hv01", &host, &keeper, clock) };
        let job = host.jobs().await.unwrap().into_iter().find(|job| job.id == id).unwrap();
        wait_for_job(&around, &job, None).await.unwrap()
    }

    /// Has a point removed, as somebody else might.
    pub(crate) async fn destroy(&self, machine: &str, guid: &str) {
        let host = self.host().await;
        let machine = host.machine(&Selector::parse(machine)).await.unwrap();
        let points = host.points(&machine).await.unwrap();
        let point = points.iter().find(|point| point.is_named(guid)).unwrap();
        host.destroy_point(point).await.unwrap();
        while host.points(&machine).await.unwrap().iter().any(|point| point.is_named(guid)) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Returns the whole identifier of a point.
    pub(crate) async fn point(&self, guid: &str) -> String {
        let host = self.host().await;
        let machines = host.machines(&Selector::parse("*")).await.unwrap();
        let mut found = None;
        for machine in &machines {
            let points = host.points(machine).await.unwrap();
            found = found.or(points.into_iter().find(|point| point.is_named(guid)));
        }
        host.close().await.unwrap();
        found.unwrap().id
    }

    /// Returns what is written down of a plan before anything is asked of the host.
    pub(crate) fn intent(&self, plan: &ExportPlan, machine: &str, name: &str, point: &str) -> Intent {
        Intent {
            host: "HV01".to_owned(),
            subject: Subject { kind: Kind::Vm, id: machine.to_owned(), name: name.to_owned() },
            point: point.to_owned(),
            base: None,
            disks: Vec::new(),
            directory: plan.directory.to_string(),
            details: "hv01".to_owned(),
        }
    }

    /// Returns the disks that a point covers.
    pub(crate) async fn disks(&self, point: &str) -> Vec<String> {
        let host = self.host().await;
        let machines = host.machines(&Selector::parse("*")).await.unwrap();
        let mut disks = Vec::new();
        for machine in &machines {
            let points = host.points(machine).await.unwrap();
            disks.extend(
                points.into_iter().filter(|found| found.is_named(point)).flat_map(|found| found.disks),
            );
        }
        host.close().await.unwrap();
        disks
    }

    /// Has a point of db01 made, as a process of its own would that is ended after that time.
    pub(crate) async fn make(&self, patience: Duration) -> Option<Result<Owned, Failure>> {
        let (host, keeper) = (self.host().await, Keeper::new(self.ledger()));
        let around = Surroundings::new("hv01", &host, &keeper, clock);
        let db01 = Selector::parse("db01");
        let work = create_point(&around, &db01, Consistency::Application, PointType::Rct);
        tokio::time::timeout(patience, work).await.ok()
    }

    /// Counts how often the host was asked to export, refusals included.
    pub(crate) fn exports(&self) -> usize {
        self.calls("ExportReferencePoint")
    }

    /// Counts how often a method was called, refusals included.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.log.all().iter().filter(|line| line["method"] == method).count()
    }
}

fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("refpoint-export-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
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

/// An export of the log point of db01.
pub(crate) fn plan() -> ExportPlan {
    ExportPlan {
        what: Wanted::Machine(Selector::parse("db01")),
        point: PointChoice::Named(LOG_POINT.to_owned()),
        base: BaseChoice::None,
        directory: Directory::parse(r"D:\exports\db01").unwrap(),
        disks: Vec::new(),
        settings: None,
        retry_unknown: false,
        detach: false,
        poll: None,
    }
}

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(crate) fn all(&self) -> Vec<serde_json::Value> {
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
