use std::cell::Cell;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refpoint::client::{Connection, Credentials, Dial, Login, Options, Retries, Session, Target};
use refpoint::fleet::{
    BackupPlan, BackupReport, BaseChoice, Control, Keeper, Surroundings, Wanted, Wish, backup,
};
use refpoint::hyperv::{Directory, Host, Mark, Owner, Selector};
use refpoint::lab::{self, Channel, Hosts, Log, Scenario, serve_stream};
use refpoint::ledger::{self, Kind, Ledger};
use tokio::io::duplex;
use tokio::time::Instant;

const PASSWORD: &str = "Swordfish-7391";

pub(crate) const DB01: &str = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44";
pub(crate) const SHOP: &str = "5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293";

/// A simulated host, a ledger, and who backs up the one by the other.
pub(crate) struct Yard {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) log: Lines,
    folder: PathBuf,
}

impl Yard {
    pub(crate) fn new(scenario: &str) -> Self {
        let log = Lines::default();
        let mut options = lab::Options::new(Scenario::read(scenario).unwrap());
        options.password = Some(PASSWORD.to_owned().into());
        options.log = Some(Log::new(log.clone()));
        Self { hosts: Hosts::new(options).unwrap(), log, folder: folder() }
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

    /// Backs up once, as a process of its own would.
    pub(crate) async fn backup(&self, plan: &BackupPlan) -> BackupReport {
        let (host, keeper) = (self.host().await, Keeper::new(self.ledger()));
        let mut around = Surroundings::new("hv01", &host, &keeper, clock);
        around.operation_timeout = Duration::from_secs(20);
        backup(&around, plan).await
    }

    /// The same, as a process would that is ended after that time.
    pub(crate) async fn backup_until(&self, plan: &BackupPlan, patience: Duration) -> Option<BackupReport> {
        tokio::time::timeout(patience, self.backup(plan)).await.ok()
    }

    /// The same, where somebody wishes for something after that time.
    pub(crate) async fn backup_wishing(
        &self,
        plan: &BackupPlan,
        wish: Wish,
        after: Duration,
    ) -> BackupReport {
        let (host, keeper) = (self.host().await, Keeper::new(self.ledger()));
        let (wishes, control) = Control::new();
        let mut around = Surroundings::new("hv01", &host, &keeper, clock);
        around.operation_timeout = Duration::from_secs(20);
        around.control = control;
        let wishing = async {
            tokio::time::sleep(after).await;
            wishes.send_replace(wish);
        };
        tokio::join!(backup(&around, plan), wishing).0
    }

    /// Changes the ledger as no release does.
    pub(crate) fn meddle(&self, sql: &str) {
        let file = rusqlite::Connection::open(self.folder.join("ledger.db")).unwrap();
        file.execute_batch(sql).unwrap();
    }

    /// Returns everything of ours and of others that is on the host of an owner: its points, its checkpoints.
    pub(crate) async fn there(&self, owner: &str) -> (Vec<Mark>, Vec<String>) {
        let host = self.host().await;
        let owner = self.owner(&host, owner).await;
        let checkpoints = host.recovery_checkpoints(&owner).await.unwrap();
        let marks = host.marks(&owner).await.unwrap();
        (marks, checkpoints.into_iter().map(|checkpoint| checkpoint.id).collect())
    }

    pub(crate) async fn owner(&self, host: &Host, name: &str) -> Owner {
        match name {
            "shop" => Owner::Group(host.group(&Selector::parse(name)).await.unwrap()),
            _ => Owner::Machine(host.machine(&Selector::parse(name)).await.unwrap()),
        }
    }

    /// Does something with points, as a process of its own would.
    pub(crate) async fn with<T>(&self, work: impl AsyncFnOnce(&Surroundings<'_>) -> T) -> T {
        let (host, keeper) = (self.host().await, Keeper::new(self.ledger()));
        let mut around = Surroundings::new("hv01", &host, &keeper, clock);
        around.operation_timeout = Duration::from_secs(20);
        work(&around).await
    }

    /// Counts how often a method was called, refusals included.
    pub(crate) fn calls(&self, method: &str) -> usize {
        self.log.all().iter().filter(|line| line["method"] == method).count()
    }

    /// Returns the points of db01 that are ours by the ledger, newest first.
    pub(crate) fn ours(&self) -> Vec<ledger::Point> {
        self.ledger().points_of(Kind::Vm, DB01).unwrap()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("refpoint-cycle-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// The clock of the tests: it goes as the runtime's paused clock does.
pub(crate) fn clock() -> SystemTime {
    thread_local!(static START: Cell<Option<Instant>> = const { Cell::new(None) });
    let now = Instant::now();
    let start = START.get().unwrap_or_else(|| {
        START.set(Some(now));
        now
    });
    UNIX_EPOCH + Duration::from_secs(1_795_000_000) + now.duration_since(start) - SET_BACK.get()
}

/// Sets that clock back, for the rest of the test.
pub(crate) fn set_clock_back(by: Duration) {
    SET_BACK.set(by);
}

thread_local!(static SET_BACK: Cell<Duration> = const { Cell::new(Duration::ZERO) });

/// A backup of db01 into a directory of that name.
pub(crate) fn plan(name: &str) -> BackupPlan {
    plan_of("db01", name)
}

/// A backup of a machine or of the group `shop`, relative to the last where there is one.
pub(crate) fn plan_of(owner: &str, name: &str) -> BackupPlan {
    let selector = Selector::parse(owner);
    let what = if owner == "shop" { Wanted::Group(selector) } else { Wanted::Machine(selector) };
    let mut plan = BackupPlan::new(what, Directory::parse(&format!(r"D:\backup\{name}")).unwrap());
    plan.base = BaseChoice::LastOrNone;
    plan.wait_for_merge = true;
    plan
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
