use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::expand::{Stamp, colliding, expand};
use super::governor::{Governor, Slots};
use super::plan::RunPlan;
use super::report::{RunReport, RunState};
use super::rule::{CREATE, rank};
use super::stop::{Stop, Stopper};
use super::unit::{self, Work};
use super::write::report;
use crate::client::{Fingerprint, LoggedIn, Session, Warning};
use crate::fleet::event::{Event, News};
use crate::fleet::follow::{Control, Reason, Wish};
use crate::fleet::keeper::Keeper;
use crate::fleet::report::{Failure, Kind, Outcome};
use crate::fleet::unit::timestamp;
use crate::hyperv::Host;
use crate::ledger::{self, HostStage, NewRun, Unit, UnitStage};

/// Opens a session with the host that the inventory calls so.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hosts = dial(refpoint::lab::Scenario::default())?;
/// use refpoint::client::Session;
/// use refpoint::fleet::{Failure, Opener};
///
/// let opener = Opener::new(move |_host: &str| {
///     let hosts = hosts.clone();
///     async move { Session::with(target(), hosts).await.map_err(|error| Failure::from(&error)) }
/// });
/// assert!(opener.open("hv01").await.is_ok());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Opener(Arc<dyn Fn(&str) -> Opening + Send + Sync>);

/// A session that is being opened.
pub type Opening = Pin<Box<dyn Future<Output = Result<Session, Failure>> + Send>>;

impl Opener {
    /// Opens sessions by calling a function.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hosts = dial(refpoint::lab::Scenario::default())?;
    /// use refpoint::client::Session;
    /// use refpoint::fleet::{Failure, Opener};
    ///
    /// let opener = Opener::new(move |_host: &str| {
    ///     let hosts = hosts.clone();
    ///     async move { Session::with(target(), hosts).await.map_err(|error| Failure::from(&error)) }
    /// });
    /// assert!(opener.open("hv01").await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn new<F>(open: impl Fn(&str) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Session, Failure>> + Send + 'static,
    {
        Self(Arc::new(move |host| Box::pin(open(host))))
    }

    /// Opens a session with the host that the inventory calls so.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hosts = dial(refpoint::lab::Scenario::default())?;
    /// use refpoint::client::Session;
    /// use refpoint::fleet::{Failure, Opener};
    ///
    /// let opener = Opener::new(move |_host: &str| {
    ///     let hosts = hosts.clone();
    ///     async move { Session::with(target(), hosts).await.map_err(|error| Failure::from(&error)) }
    /// });
    /// let mut session = opener.open("hv01").await.map_err(|it| it.message)?;
    /// session.identify().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(&self, host: &str) -> Opening {
        (self.0)(host)
    }
}

/// What a run is to be, before it is written down.
#[derive(Clone, PartialEq)]
pub struct RunOrder {
    /// The plan, as it was written. It may hold addresses that let their bearer in: it is not shown, and what the
    /// ledger keeps of it is [`RunPlan::keepsake`].
    pub text: String,
    /// Its hosts as the inventory calls them, each with the rules of the plan that are for it.
    pub hosts: Vec<(String, Vec<u32>)>,
    /// What else there is to know when it is taken up again.
    pub details: RunDetails,
}

impl fmt::Debug for RunOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text: _, hosts, details } = self;
        f.debug_struct("RunOrder").field("hosts", hosts).field("details", details).finish_non_exhaustive()
    }
}

/// What of a run is not in its plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDetails {
    /// The day on which it began, as directories are named after it.
    pub date: String,
    /// The time at which it began, as directories are named after it.
    pub time: String,
    /// Where its hosts come from.
    pub inventories: Vec<String>,
    /// Which file says whom it tells, where it tells anybody: that is not kept, and read anew when it is taken up.
    #[serde(default)]
    pub notify_from: Option<String>,
    /// To which of them it is limited.
    pub limit: Option<String>,
    /// Whether it stops at the first failure, whatever its plan says.
    #[serde(default)]
    pub fail_fast: bool,
    /// After how many failures it stops, where that is said beside its plan.
    #[serde(default)]
    pub max_failures: Option<u32>,
}

/// What a run works with.
pub struct RunSurroundings {
    /// Opens sessions.
    pub opener: Opener,
    /// The ledger.
    pub keeper: Keeper,
    /// Tells the time.
    pub clock: fn() -> SystemTime,
    /// Hears of everything.
    pub listener: Arc<dyn Fn(Event) + Send + Sync>,
    /// Says what is wanted by now: [`Wish::Detach`] ends the run, and jobs go on.
    pub control: Control,
    /// When the window closes.
    pub closes: Option<Instant>,
    /// Whether hosts that could not be worked with, and units that failed, are begun again.
    pub retry_failed: bool,
    /// Whether units of which nobody knows what became of them are begun anew: a person has looked.
    pub retry_unknown: bool,
}

/// Writes a run down: from now on it can be taken up again. While a process is at work on another run of the plan,
/// none is begun.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = Folder::new();
/// # let hosts = dial(refpoint::lab::Scenario::default())?;
/// use std::time::SystemTime;
/// use refpoint::fleet::{Keeper, RunDetails, RunOrder, RunPlan, begin_run};
/// use refpoint::ledger::Ledger;
///
/// let text = r"
///     name = 'nightly'
///     [[export]]
///     machines = ['*']
///     to = 'D:\exports\{run}\{vm}'
/// ";
/// let plan = RunPlan::read(text)?;
/// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
/// let order = RunOrder {
///     text: text.to_owned(),
///     hosts: vec![("hv01".to_owned(), vec![0])],
///     details: RunDetails {
///         date: "2026-11-21".to_owned(),
///         time: "0200".to_owned(),
///         ..RunDetails::default()
///     },
/// };
/// let run = begin_run(&keeper, &plan, &order, SystemTime::now()).await.map_err(|it| it.message)?;
/// assert_eq!(run.name, "nightly-20261121-0200");
/// # Ok(())
/// # }
/// ```
pub async fn begin_run(
    keeper: &Keeper,
    plan: &RunPlan,
    order: &RunOrder,
    now: SystemTime,
) -> Result<ledger::Run, Failure> {
    let unkept = |error: ledger::Error| Failure::from(&error);
    // It is let go of again until the work begins: whoever comes in between is refused then.
    let _held =
        hold(keeper, of_plan(&plan.name)).await.map_err(unkept)?.ok_or_else(|| at_work(&plan.name))?;
    let RunDetails { date, time, .. } = &order.details;
    let text = RunPlan::keepsake(&order.text)
        .map_err(|error| Failure::new(Kind::Usage, format!("the plan is none: {error}")))?;
    let new = NewRun {
        name: format!("{}-{}-{time}", plan.name, date.replace('-', "")),
        plan: plan.name.clone(),
        text,
        details: serde_json::to_string(&order.details).unwrap_or_default(),
        hosts: order.hosts.iter().map(|(host, _)| host.clone()).collect(),
    };
    keeper.with(move |ledger| ledger.begin_run(&new, now)).await.map_err(unkept)
}

/// Does what is left of a run, which may be all of it.
///
/// `hosts` are its hosts with the rules that are for each. A run is worked on by one process at a time: another
/// one is refused. What cannot be written down ends the run, and hosts are left to their jobs.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = Folder::new();
/// # let hosts = dial(refpoint::lab::Scenario::default())?;
/// use std::sync::Arc;
/// use std::time::SystemTime;
/// use refpoint::client::Session;
/// use refpoint::fleet::{
///     Control, Failure, Keeper, Opener, RunDetails, RunOrder, RunPlan, RunSurroundings, begin_run, work_on,
/// };
/// use refpoint::ledger::Ledger;
///
/// let text = r"
///     name = 'nightly'
///     [[export]]
///     machines = ['*']
///     to = 'D:\exports\{run}\{vm}'
/// ";
/// let plan = RunPlan::read(text)?;
/// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
/// let order = RunOrder {
///     text: text.to_owned(),
///     hosts: vec![("hv01".to_owned(), vec![0])],
///     details: RunDetails {
///         date: "2026-11-21".to_owned(),
///         time: "0200".to_owned(),
///         ..RunDetails::default()
///     },
/// };
/// let run = begin_run(&keeper, &plan, &order, SystemTime::now()).await.map_err(|it| it.message)?;
/// let opener = Opener::new(move |_host: &str| {
///     let hosts = hosts.clone();
///     async move { Session::with(target(), hosts).await.map_err(|error| Failure::from(&error)) }
/// });
/// let around = RunSurroundings {
///     opener,
///     keeper,
///     clock: SystemTime::now,
///     listener: Arc::new(|event| println!("{}: {:?}", event.host, event.what)),
///     control: Control::new().1,
///     closes: None,
///     retry_failed: false,
///     retry_unknown: false,
/// };
/// // The same with a run that a process before this one has left goes on with that.
/// let report = work_on(around, &run, plan, &order.hosts).await.map_err(|it| it.message)?;
/// assert_eq!((report.totals.units, report.totals.completed), (2, 2));
/// # Ok(())
/// # }
/// ```
pub async fn work_on(
    around: RunSurroundings,
    run: &ledger::Run,
    plan: RunPlan,
    hosts: &[(String, Vec<u32>)],
) -> Result<RunReport, Failure> {
    let unkept = |error: ledger::Error| Failure::from(&error);
    let keeper = around.keeper.clone();
    let id = run.id;
    let Some(_held) = hold(&keeper, of_plan(&plan.name)).await.map_err(unkept)? else {
        // Nobody is to take up later what was refused now.
        keeper.with(move |ledger| ledger.forget_run(id)).await.map_err(unkept)?;
        return Err(at_work(&plan.name));
    };
    let details: RunDetails = serde_json::from_str(&run.details).unwrap_or_default();
    let (known_hosts, known_units) =
        keeper.with(move |ledger| Ok((ledger.run_hosts(id)?, ledger.units(id)?))).await.map_err(unkept)?;
    let is_resumed = known_hosts.iter().any(|host| host.started_at.is_some());
    if is_resumed {
        keeper.with(move |ledger| ledger.resume_run(id)).await.map_err(unkept)?;
    }
    let retry_failed = around.retry_failed;
    let todo = outstanding(&known_units, retry_failed).len();
    let shared = Arc::new(Shared {
        stamp: Stamp { date: details.date, time: details.time, run: run.name.clone() },
        governor: Governor::new(&plan.limits),
        stopper: Stopper::new(),
        failures: AtomicUsize::new(0),
        broken: Mutex::new(None),
        names: Mutex::default(),
        run: id,
        plan,
        around,
    });
    shared.tell(News::RunStarted {
        run: run.name.clone(),
        plan: run.plan.clone(),
        hosts: known_hosts.len(),
        units: todo,
        resumed: is_resumed,
    });
    let rules: HashMap<&str, &Vec<u32>> = hosts.iter().map(|(host, rules)| (&**host, rules)).collect();
    let mut units: HashMap<String, Vec<Unit>> = HashMap::new();
    for unit in known_units {
        units.entry(unit.host.clone()).or_default().push(unit);
    }
    let mut tasks = JoinSet::new();
    let count = u32::try_from(known_hosts.len()).unwrap_or(u32::MAX).max(1);
    for (place, host) in (0u32..).zip(known_hosts) {
        let todo = units.remove(&host.host).unwrap_or_default();
        let rules = rules.get(&*host.host).map(|rules| (*rules).clone());
        let is_planned = host.stage == HostStage::Planned;
        let is_done = match host.stage {
            HostStage::Outstanding => false,
            HostStage::Failed => !retry_failed,
            HostStage::Planned => outstanding(&todo, retry_failed).is_empty(),
        };
        if is_done {
            continue;
        }
        // Whoever takes up a part of a run, or finds a host gone from the inventory, leaves the rest as it is.
        let Some(rules) = rules else {
            let message = "it is not among the hosts that are meant now, and stays outstanding".to_owned();
            shared.tell_of(&host.host, News::Warning { message });
            continue;
        };
        let before = host.details.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let after = shared.plan.limits.spread / count * place;
        let shared = shared.clone();
        tasks.spawn(async move {
            if shared.stopper.unless(sleep(after)).await.is_ok() {
                work_on_host(&shared, &host.host, is_planned, rules, before).await;
            }
        });
    }
    // Whoever ends a run waits for what is being written down, not for jobs.
    let mut watchers = JoinSet::new();
    watchers.spawn(watch(shared.clone()));
    while let Some(done) = tasks.join_next().await {
        if let Err(failed) = done
            && failed.is_panic()
        {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    drop(watchers);
    if let Some(failure) = shared.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    finish(&shared).await
}

/// What whoever works on a plan has hold of.
pub(super) fn of_plan(name: &str) -> String {
    format!("plan {name}")
}

fn at_work(plan: &str) -> Failure {
    let message = format!("another refpoint is at work on plan {plan}");
    Failure::new(Kind::Ledger, message).with_hint("wait for it: refpoint fleet status")
}

/// Takes hold of a name. Whoever asks for the state of a run has it for a moment: that is waited for.
async fn hold(keeper: &Keeper, name: String) -> Result<Option<ledger::Hold>, ledger::Error> {
    for _ in 0..MOST_LOOKS {
        let name = name.clone();
        let held = keeper.with(move |ledger| ledger.hold(&name)).await?;
        if held.is_some() {
            return Ok(held);
        }
        sleep(BETWEEN_LOOKS).await;
    }
    Ok(None)
}

/// Writes down how a run stands now that nobody works on it any more.
async fn finish(shared: &Shared) -> Result<RunReport, Failure> {
    let keeper = &shared.around.keeper;
    let mut report = report(keeper, shared.run, false).await?;
    let stop = shared.stopper.stopped();
    let totals = &report.totals;
    let is_left =
        totals.outstanding + totals.running + totals.detached + totals.unknown + totals.hosts_outstanding > 0;
    let is_unbegun = totals.outstanding + totals.running + totals.hosts_outstanding > 0;
    let reason = stop.map(|stop| stop.words().to_owned());
    let exit_code = match stop.and_then(Stop::exit_code) {
        Some(code) if is_left => code,
        // What is left over without having been stopped is not done, either.
        _ if is_unbegun && stop.is_none() && report.exit_code == Some(0) => LEFT_OVER,
        _ => report.exit_code.unwrap_or_default(),
    };
    let (run, now, words) = (shared.run, shared.now(), reason.clone());
    let written =
        keeper.with(move |ledger| ledger.end_run(run, now, !is_left, words.as_deref(), exit_code)).await;
    written.map_err(|error| Failure::from(&error))?;
    report.state = if is_left { RunState::Stopped } else { RunState::Finished };
    report.reason = reason;
    report.finished_at = Some(timestamp(now));
    report.at = report.finished_at;
    report.exit_code = Some(exit_code);
    shared.tell(News::RunFinished { totals: report.totals.clone(), exit_code });
    Ok(report)
}

/// Returns the units that are still to be worked on: those that have not begun, those whose process ended,
/// those whose job was left to the host, and those of which nobody knows what became.
pub fn outstanding(units: &[Unit], retry_failed: bool) -> Vec<&Unit> {
    let is_left = |unit: &&Unit| match (unit.stage, unit.outcome.as_deref()) {
        (UnitStage::Outstanding | UnitStage::Running, _) => true,
        (UnitStage::Ended, Some("detached" | "unknown") | None) => true,
        (UnitStage::Ended, Some("failed" | "cancelled")) => retry_failed,
        (UnitStage::Ended, Some(_)) => false,
    };
    units.iter().filter(is_left).collect()
}

/// What all tasks of a run share.
pub(super) struct Shared {
    pub(super) around: RunSurroundings,
    pub(super) plan: RunPlan,
    pub(super) run: i64,
    pub(super) governor: Governor,
    pub(super) stopper: Stopper,
    stamp: Stamp,
    failures: AtomicUsize,
    /// Why nothing can be written down any more.
    broken: Mutex<Option<Failure>>,
    /// What the hosts call themselves, and what the inventory calls them: one host by two names is worked on once.
    names: Mutex<HashMap<String, String>>,
}

impl Shared {
    pub(super) fn now(&self) -> SystemTime {
        (self.around.clock)()
    }

    fn tell(&self, what: News) {
        (self.around.listener)(Event::of_run(timestamp(self.now()), what));
    }

    pub(super) fn tell_of(&self, host: &str, what: News) {
        (self.around.listener)(Event::of_host(timestamp(self.now()), host.to_owned(), what));
    }

    /// Something has failed for good.
    pub(super) fn has_failed(&self) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if self.plan.stop.fail_fast {
            self.stop(Stop::FirstFailure);
        } else if self.plan.stop.max_failures.is_some_and(|most| failures >= most) {
            self.stop(Stop::TooManyFailures);
        }
    }

    /// The ledger cannot be written: whatever is begun now would be forgotten.
    pub(super) fn is_broken(&self, failure: Failure) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stop(Stop::Wished(Reason::Asked));
    }

    fn stop(&self, stop: Stop) {
        if self.stopper.stop(stop) {
            self.tell(News::RunStopping { reason: stop.words().to_owned() });
        }
    }

    /// Writes something down; where that fails the run is over.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut ledger::Ledger) -> Result<T, ledger::Error> + Send + 'static,
    ) -> Option<T> {
        match self.around.keeper.with(work).await {
            Ok(done) => Some(done),
            Err(error) => {
                self.is_broken(Failure::from(&error));
                None
            }
        }
    }

    /// Returns how long to wait before the next try: longer each time, and not the same for all.
    pub(super) fn pause(&self, tries: u32, seed: i64) -> Duration {
        let retries = &self.plan.retries;
        let doubled = retries.pause.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(retries.longest);
        // Hosts that failed together are not to come back together.
        let spread = f64::from(u32::try_from((seed + i64::from(tries)).rem_euclid(101)).unwrap_or(0)) / 200.0;
        doubled.mul_f64(0.75 + spread)
    }
}

/// Waits for what ends a run before its end.
async fn watch(shared: Arc<Shared>) {
    let mut control = shared.around.control.clone();
    let late = async |at: Option<Instant>| match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    };
    let over = shared.plan.stop.after.map(|after| Instant::now() + after);
    let wished = async {
        loop {
            match control.wish() {
                Wish::Detach(reason) => return Stop::Wished(reason),
                // A run is never cancelled as a whole: single jobs are.
                Wish::Cancel | Wish::Kill => return Stop::Wished(Reason::Interrupt),
                Wish::GoOn => control.changed().await,
            }
        }
    };
    let stop = tokio::select! {
        stop = wished => stop,
        () = late(shared.around.closes) => match shared.plan.window {
            Some(_) => Stop::WindowClosed,
            None => Stop::TimeIsOver,
        },
        () = late(over) => Stop::TimeIsOver,
    };
    shared.stop(stop);
}

/// What the ledger keeps of a host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct HostDetails {
    pub(super) name: Option<String>,
    pub(super) scheme: Option<String>,
    pub(super) sealed: Option<bool>,
    /// Of a certificate that nobody has verified, in any part of the run.
    #[serde(default)]
    pub(super) unverified_certificate: Option<String>,
    pub(super) error: Option<Failure>,
    /// Which rules of the plan are for it.
    #[serde(default)]
    pub(super) rules: Option<Vec<u32>>,
    pub(super) requests: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
}

async fn work_on_host(
    shared: &Arc<Shared>,
    label: &str,
    is_planned: bool,
    rules: Vec<u32>,
    before: Option<HostDetails>,
) {
    let before = before.unwrap_or_default();
    let unverified_certificate = before.unverified_certificate.clone();
    let rules_of_it = Some(rules.clone());
    let mut details = HostDetails { rules: rules_of_it, unverified_certificate, ..HostDetails::default() };
    let (run, at, name) = (shared.run, shared.now(), label.to_owned());
    if shared.write(move |ledger| ledger.host_begun(run, &name, at)).await.is_none() {
        return;
    }
    let done = on_host(shared, label, is_planned, rules, &mut details).await;
    match done {
        Ok(()) => {}
        // It stays outstanding, and so do its units.
        Err(Ended::Stopped) => {}
        Err(Ended::Failed(failure)) => {
            shared.tell_of(label, News::HostFailed { error: failure.clone() });
            details.error = Some(failure);
        }
    }
    // What was asked before a run was taken up again was asked all the same.
    details.requests += before.requests;
    details.bytes_sent += before.bytes_sent;
    details.bytes_received += before.bytes_received;
    let has_failed = details.error.is_some();
    let text = serde_json::to_string(&details).unwrap_or_default();
    let (name, at) = (label.to_owned(), shared.now());
    shared.write(move |ledger| ledger.host_ended(run, &name, at, has_failed, &text)).await;
    if has_failed {
        shared.has_failed();
    }
}

enum Ended {
    Stopped,
    Failed(Failure),
}

impl From<Stop> for Ended {
    fn from(_: Stop) -> Self {
        Self::Stopped
    }
}

async fn on_host(
    shared: &Arc<Shared>,
    label: &str,
    is_planned: bool,
    rules: Vec<u32>,
    details: &mut HostDetails,
) -> Result<(), Ended> {
    let host = Arc::new(shared.stopper.unless(open(shared, label)).await?.map_err(Ended::Failed)?);
    let login = host.logged_in().await;
    details.scheme = login.as_ref().map(|login| login.report.chosen.to_string());
    details.sealed = login.as_ref().map(|login| login.is_sealed);
    if let Some(fingerprint) = login.as_ref().and_then(unverified) {
        details.unverified_certificate = Some(fingerprint.to_string());
    }
    if let (Some(scheme), Some(sealed)) = (details.scheme.clone(), details.sealed) {
        shared.tell_of(label, News::Connected { scheme, sealed });
    }
    for message in login.iter().flat_map(|login| warnings_of(login, label)) {
        shared.tell_of(label, News::Warning { message });
    }
    let done = on_open_host(shared, &host, label, is_planned, rules, details).await;
    let counters = host.counters().await;
    details.requests = counters.requests;
    details.bytes_sent = counters.bytes_sent;
    details.bytes_received = counters.bytes_received;
    if let Ok(host) = Arc::try_unwrap(host) {
        // What cannot be tidied up the host ends by itself.
        let _ = tokio::time::timeout(LONGEST_GOODBYE, host.close()).await;
    }
    done
}

async fn on_open_host(
    shared: &Arc<Shared>,
    host: &Arc<Host>,
    label: &str,
    is_planned: bool,
    rules: Vec<u32>,
    details: &mut HostDetails,
) -> Result<(), Ended> {
    details.name = shared.stopper.unless(host.name()).await?.ok();
    if let Some(name) = &details.name {
        let mut names = shared.names.lock().unwrap_or_else(PoisonError::into_inner);
        let first = names.entry(name.to_uppercase()).or_insert_with(|| label.to_owned());
        if first != label {
            let message = format!("the inventory has this host twice: it is {name}, as {first} is");
            let failure = Failure::new(Kind::Usage, message);
            return Err(Ended::Failed(failure.with_hint("take one of the two out of the inventory")));
        }
    }
    if !is_planned {
        plan_host(shared, host, label, &rules, details).await?;
    }
    let (run, name) = (shared.run, label.to_owned());
    let Some(units) = shared.write(move |ledger| ledger.units_of(run, &name)).await else {
        return Err(Ended::Stopped);
    };
    let colliding: Arc<HashSet<i64>> = Arc::new(colliding(&units).into_iter().collect());
    let todo: Vec<_> = outstanding(&units, shared.around.retry_failed).into_iter().cloned().collect();
    shared.tell_of(label, News::HostPlanned { units: todo.len() });
    let slots = Slots::new(shared.plan.limits.host);
    let mut tasks = JoinSet::new();
    for of_one in by_subject(todo) {
        let mut lacks_point = of_one.first().is_some_and(|first| lacks_point(&units, first));
        let (shared, host, slots) = (shared.clone(), host.clone(), slots.clone());
        let (label, colliding) = (label.to_owned(), colliding.clone());
        // One after the other: what is made is exported, and what nobody needs goes last.
        tasks.spawn(async move {
            for unit in of_one {
                let is_creation = unit.what.verb == CREATE;
                let work = Work {
                    shared: shared.clone(),
                    host: host.clone(),
                    slots: slots.clone(),
                    label: label.clone(),
                    is_colliding: colliding.contains(&unit.id),
                    lacks_point,
                    unit,
                };
                let outcome = unit::work_on(work).await;
                lacks_point |= is_creation && !has_made(outcome.map(Outcome::name));
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Err(failed) = done
            && failed.is_panic()
        {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
    Ok(())
}

/// Puts together what is done with one machine or group, in the order in which it is done.
fn by_subject(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut places: HashMap<(ledger::Kind, String), usize> = HashMap::new();
    let mut all: Vec<Vec<Unit>> = Vec::new();
    for unit in units {
        let key = (unit.what.subject.kind, unit.what.subject.id.clone());
        let place = *places.entry(key).or_insert_with(|| {
            all.push(Vec::new());
            all.len() - 1
        });
        all[place].push(unit);
    }
    for of_one in &mut all {
        of_one.sort_by_key(|unit| (rank(&unit.what.verb), unit.id));
    }
    all
}

/// Says whether a point was to be made of the same machine or group, and that has ended otherwise.
fn lacks_point(units: &[Unit], of: &Unit) -> bool {
    units.iter().any(|unit| {
        unit.what.verb == CREATE
            && unit.what.subject.kind == of.what.subject.kind
            && unit.what.subject.id == of.what.subject.id
            && unit.stage == UnitStage::Ended
            && !has_made(unit.outcome.as_deref())
    })
}

/// Says whether whoever was to make a point and ended so has made it: one with a warning is a point all the same.
fn has_made(outcome: Option<&str>) -> bool {
    [Outcome::Completed, Outcome::CompletedWithWarnings].iter().any(|made| outcome == Some(made.name()))
}

/// Returns what a person should know of a login with a host, in words that no other host has: of each it is said.
pub(super) fn warnings_of(login: &LoggedIn, label: &str) -> Vec<String> {
    let words = |warning: &Warning| match warning {
        Warning::UnverifiedCertificate { fingerprint } => {
            Some(format!("certificate not verified ({fingerprint}): anybody on the way could be {label}"))
        }
        // Whoever allowed it was told before anything was sent.
        Warning::Cleartext => None,
    };
    login.warnings.iter().filter_map(words).collect()
}

/// Returns the fingerprint of a certificate that nobody has verified.
fn unverified(login: &LoggedIn) -> Option<&Fingerprint> {
    login.warnings.iter().find_map(|warning| match warning {
        Warning::UnverifiedCertificate { fingerprint } => Some(fingerprint),
        Warning::Cleartext => None,
    })
}

/// Logs in, again where that failed for a passing cause.
async fn open(shared: &Shared, label: &str) -> Result<Host, Failure> {
    let mut tries = 0;
    loop {
        let opened = {
            let _permit = shared.governor.login().await;
            shared.around.opener.open(label).await
        };
        match opened {
            Ok(session) => return Ok(Host::new(session)),
            Err(failure) => again(shared, label, &mut tries, failure).await?,
        }
    }
}

/// Finds out what there is to do on a host, and writes it down.
async fn plan_host(
    shared: &Shared,
    host: &Host,
    label: &str,
    rules: &[u32],
    details: &HostDetails,
) -> Result<(), Ended> {
    let mut tries = 0;
    let units = loop {
        let expanded = expand(host, label, &shared.plan, rules, &shared.stamp);
        match shared.stopper.unless(expanded).await? {
            Ok(units) => break units,
            Err(failure) => {
                let waited = shared.stopper.unless(again(shared, label, &mut tries, failure)).await?;
                waited.map_err(Ended::Failed)?;
            }
        }
    };
    let (run, name) = (shared.run, label.to_owned());
    // Whoever takes the run up when all units have ended does not log in again.
    let details = serde_json::to_string(details).unwrap_or_default();
    match shared.write(move |ledger| ledger.host_planned(run, &name, &units, &details)).await {
        Some(()) => Ok(()),
        None => Err(Ended::Stopped),
    }
}

/// Waits before the next try, where there is one.
async fn again(shared: &Shared, label: &str, tries: &mut u32, failure: Failure) -> Result<(), Failure> {
    let most = match failure.kind {
        // Whoever logs in, or looks at what there is, has asked for nothing yet.
        Kind::Unreachable | Kind::Fault => shared.plan.retries.transient,
        Kind::Busy => shared.plan.retries.busy,
        _ => 0,
    };
    if *tries >= most {
        return Err(failure);
    }
    *tries += 1;
    let after = shared.pause(*tries, label.bytes().map(i64::from).sum());
    let (kind, cause) = (Some(failure.kind), failure.message);
    shared.tell_of(label, News::Retry { kind, cause, after: after.as_secs_f64() });
    sleep(after).await;
    Ok(())
}

/// How long an end may take that is not needed.
const LONGEST_GOODBYE: Duration = Duration::from_secs(5);

/// Whether a name is held is looked at so often before it counts as held.
const MOST_LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Not all is done, for no other cause.
const LEFT_OVER: u8 = 1;
