//! What is known of a run: a fold over its events, set right by a report where there is one.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use refpoint::fleet::{
    Ending, Event, HostReport, HostState, Kind, News, Outcome, RunReport, RunState, UnitReport, UnitState,
};

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    /// What the plan is called.
    pub(super) plan: String,
    /// What the run is called, once it has begun.
    pub(super) run: String,
    /// When it began; a run that is taken up again began when it was first begun.
    pub(super) started_at: Option<Timestamp>,
    /// Whether it is under way.
    pub(super) is_running: bool,
    /// When something was last heard of it.
    pub(super) heard_at: Option<Timestamp>,
    /// The hosts, as they become known.
    pub(super) hosts: BTreeMap<String, Host>,
    /// How many hosts there are.
    hosts_known: usize,
    /// The units, as they become known.
    units: HashMap<Key, Stage>,
    /// How many units there are, as far as that was said at the beginning.
    units_known: usize,
    /// How often something was tried again, by cause.
    pub(super) retries: BTreeMap<String, u64>,
    /// How many warnings there were.
    pub(super) warnings: u64,
    /// The jobs that were begun, each of a unit.
    begun: HashSet<(Key, String)>,
    /// How the last run that is over ended.
    pub(super) last: Last,
}

/// How much of a plan is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of it.
    #[default]
    Whole,
    /// What a limit has left of it: when that is done, the plan is not.
    Part,
}

/// How the last run ended: what stays true until the next one has.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Last {
    /// When a run last ended with everything done.
    pub(super) success_at: Option<Timestamp>,
    /// When a run last ended, however.
    pub(super) ended_at: Option<Timestamp>,
    /// How long it took.
    pub(super) seconds: Option<f64>,
    /// Its exit code.
    pub(super) exit_code: Option<u8>,
}

/// A host.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// Whether it can be worked with, where that is known.
    pub(super) is_up: Option<bool>,
    /// How many units it may work on at once.
    pub(super) limit: Option<usize>,
    /// Why it cannot be worked with.
    error: Option<Kind>,
    /// How many units it was said to have.
    planned: usize,
    /// What the whole host was asked, where a report says it.
    traffic: Option<Traffic>,
    /// When all of it was last done.
    pub(super) success_at: Option<Timestamp>,
}

/// How much was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) requests: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Traffic {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.sent += other.sent;
        self.received += other.received;
    }
}

/// A unit of a host: its number, or the name it was told by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    host: String,
    unit: Id,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    Number(i64),
    Name(String),
}

/// How far a unit is.
#[derive(Clone, Debug)]
enum Stage {
    Outstanding,
    Running {
        /// When it last moved.
        moved_at: Timestamp,
        has_job: bool,
        is_stalled: bool,
    },
    Ended {
        outcome: Outcome,
        error: Option<Kind>,
        traffic: Traffic,
        at: Timestamp,
    },
}

/// What becomes of units, and what they are called then.
pub(super) const STATES: [&str; 8] = [
    "outstanding",
    "running",
    "completed",
    "completed-with-warnings",
    "failed",
    "cancelled",
    "detached",
    "unknown",
];

impl Figures {
    /// Returns what is known before anything is heard: how the last run ended, and, of a run that is taken up
    /// again, what became of it so far.
    pub(super) fn new(plan: &str, before: Option<&RunReport>) -> Self {
        let mut figures = Self { plan: plan.to_owned(), ..Self::default() };
        if let Some(report) = before {
            figures.set(report);
        }
        figures
    }

    /// Takes in what has happened.
    pub(super) fn hear(&mut self, event: &Event) {
        self.heard_at = Some(event.at);
        match &event.what {
            News::RunStarted { run, hosts, units, .. } => {
                self.run.clone_from(run);
                self.started_at.get_or_insert(event.at);
                self.is_running = true;
                self.hosts_known = self.hosts_known.max(*hosts);
                self.units_known = self.units_known.max(*units);
            }
            News::HostPlanned { units } => {
                let host = self.host(event);
                (host.is_up, host.error, host.planned) = (Some(true), None, *units);
            }
            News::HostFailed { error } => {
                let host = self.host(event);
                (host.is_up, host.error) = (Some(false), Some(error.kind));
            }
            News::Limit { units, .. } => self.host(event).limit = Some(*units),
            News::UnitStarted => self.moved(event, false),
            // Whoever had heard of it has counted it: a process before this one, or this one.
            News::Adopted { unheard_of: false, .. } => self.moved(event, true),
            News::JobStarted { job } | News::Adopted { job, unheard_of: true } => {
                self.begun.insert((key(event), job.id.clone()));
                self.moved(event, true);
            }
            News::Progress { .. } => self.moved(event, true),
            News::Stalled { since } => {
                let stalled = Stage::Running { moved_at: *since, has_job: true, is_stalled: true };
                self.units.insert(key(event), stalled);
            }
            News::Retry { kind, cause, .. } => {
                self.tried_again(&kind.map_or_else(|| cause.clone(), name));
            }
            News::Warning { .. } => self.warnings += 1,
            News::UnitFinished { ending } => {
                self.units.insert(key(event), Stage::ended(ending));
            }
            // How a run ended stands in its report; of the rest there are no numbers.
            _ => {}
        }
    }

    /// Takes over what a report says, which is more than events do, and how it ended if it has.
    pub(super) fn set(&mut self, report: &RunReport) {
        self.run.clone_from(&report.run);
        self.started_at = Some(report.started_at);
        self.is_running = report.state == RunState::Running;
        (self.hosts_known, self.units_known) = (report.hosts.len(), report.units.len());
        self.units.clear();
        for unit in &report.units {
            let key = Key { host: unit.host.clone(), unit: Id::Number(unit.unit) };
            self.units.insert(key, Stage::of(unit, report.started_at));
        }
        for host in &report.hosts {
            self.hosts.entry(host.host.clone()).or_default().set(host);
        }
    }

    /// Takes in how a run ended, or that it was stopped.
    pub(super) fn finish(&mut self, report: &RunReport, scope: Scope, now: Timestamp) {
        self.set(report);
        if scope == Scope::Whole {
            // Whoever has left the inventory is missed by nobody.
            let hosts: HashSet<&str> = report.hosts.iter().map(|host| host.host.as_str()).collect();
            self.hosts.retain(|name, _| hosts.contains(name.as_str()));
        }
        self.is_running = false;
        let at = report.finished_at.unwrap_or(now);
        self.heard_at = Some(at);
        let is_done = scope == Scope::Whole
            && report.state == RunState::Finished
            && matches!(report.exit_code, Some(0 | 3));
        self.last = Last {
            success_at: if is_done { Some(at) } else { self.last.success_at },
            ended_at: Some(at),
            seconds: Some(at.duration_since(report.started_at).as_secs_f64().max(0.0)),
            exit_code: report.exit_code,
        };
        // Of each host: whether all of its units are done, and when the last one was.
        let mut ends: HashMap<&str, (bool, Option<Timestamp>)> = HashMap::new();
        for (key, stage) in &self.units {
            let (is_done, last) = ends.entry(&key.host).or_insert((true, None));
            (*is_done, *last) = (*is_done && stage.is_done(), (*last).max(stage.ended_at()));
        }
        for (name, host) in &mut self.hosts {
            let (is_done, last) = ends.get(name.as_str()).copied().unwrap_or((true, None));
            if host.is_up == Some(true) && is_done {
                host.success_at = last.or(Some(at));
            }
        }
    }

    /// Takes in that the run ended, or never began, for a reason that is nobody's but this process's own.
    pub(super) fn fail(&mut self, exit_code: u8, now: Timestamp) {
        self.is_running = false;
        self.last = Last {
            success_at: self.last.success_at,
            ended_at: Some(now),
            seconds: self.started_at.map(|at| now.duration_since(at).as_secs_f64().max(0.0)),
            exit_code: Some(exit_code),
        };
    }

    /// Takes in when all of a host was last done, from before this run.
    pub(super) fn remember(&mut self, host: &str, at: Timestamp) {
        self.hosts.entry(host.to_owned()).or_default().success_at = Some(at);
    }

    /// Returns how many units are in each of the [`STATES`].
    pub(super) fn units_by_state(&self) -> [usize; 8] {
        let mut counts = [0; 8];
        for stage in self.units.values() {
            counts[stage.state()] += 1;
        }
        let mut by_host: HashMap<&str, usize> = HashMap::new();
        self.units.keys().for_each(|key| *by_host.entry(&key.host).or_default() += 1);
        let mut known = 0;
        for (name, host) in &self.hosts {
            known += host.planned.max(by_host.remove(name.as_str()).unwrap_or_default());
        }
        known += by_host.into_values().sum::<usize>();
        counts[0] += known.max(self.units_known) - self.units.len();
        counts
    }

    /// Returns how many hosts were looked at, could not be looked at, and are still to be looked at.
    pub(super) fn hosts_by_state(&self) -> [(&'static str, usize); 3] {
        let are = |up| self.hosts.values().filter(|host| host.is_up == Some(up)).count();
        let (planned, failed) = (are(true), are(false));
        // Hosts that are only remembered, from before they left the inventory, are none of the run's.
        let known = self.hosts_known.max(planned + failed);
        [("planned", planned), ("failed", failed), ("outstanding", known - planned - failed)]
    }

    /// Returns how many jobs hosts have begun.
    pub(super) fn jobs_begun(&self) -> u64 {
        self.begun.len() as u64
    }

    /// Returns how many jobs are followed, and how many of them do not move.
    pub(super) fn jobs(&self) -> (usize, usize) {
        let jobs = self.units.values().filter_map(|stage| match stage {
            Stage::Running { has_job: true, is_stalled, .. } => Some(*is_stalled),
            _ => None,
        });
        jobs.fold((0, 0), |(all, stalled), is_stalled| (all + 1, stalled + usize::from(is_stalled)))
    }

    /// Returns when the one that has not moved for the longest time moved last.
    pub(super) fn oldest_move(&self) -> Option<Timestamp> {
        let moves = self.units.values().filter_map(|stage| match stage {
            Stage::Running { moved_at, .. } => Some(*moved_at),
            _ => None,
        });
        moves.min()
    }

    /// Returns how many hosts and units failed, by cause.
    pub(super) fn failures(&self) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
        let of_units = self.units.values().filter_map(|stage| match stage {
            Stage::Ended { error, .. } => *error,
            _ => None,
        });
        (by_name(self.hosts.values().filter_map(|host| host.error)), by_name(of_units))
    }

    /// Returns how much was said to all hosts.
    pub(super) fn traffic(&self) -> Traffic {
        let mut sum = Traffic::default();
        self.traffic_by_host().into_values().for_each(|traffic| sum.add(traffic));
        sum
    }

    /// Returns how much was said to each host: what its report says, or else what its units did.
    fn traffic_by_host(&self) -> BTreeMap<&str, Traffic> {
        let mut by_host: BTreeMap<&str, Traffic> = BTreeMap::new();
        for (key, stage) in &self.units {
            if let Stage::Ended { traffic, .. } = stage {
                by_host.entry(&key.host).or_default().add(*traffic);
            }
        }
        for (name, host) in &self.hosts {
            if let Some(traffic) = host.traffic {
                let of_units = by_host.entry(name).or_default();
                // A number that only goes up must not go down because somebody counts otherwise.
                of_units.requests = of_units.requests.max(traffic.requests);
                of_units.sent = of_units.sent.max(traffic.sent);
                of_units.received = of_units.received.max(traffic.received);
            }
        }
        by_host
    }

    /// Returns, for each host, how many of its units are running and how many did not end well.
    pub(super) fn units_by_host(&self) -> HashMap<&str, (usize, usize)> {
        let mut by_host: HashMap<&str, (usize, usize)> = HashMap::new();
        for (key, stage) in &self.units {
            let (running, failed) = by_host.entry(&key.host).or_default();
            match stage {
                Stage::Running { .. } => *running += 1,
                Stage::Ended { .. } if !stage.is_done() => *failed += 1,
                Stage::Outstanding | Stage::Ended { .. } => {}
            }
        }
        by_host
    }

    fn host(&mut self, event: &Event) -> &mut Host {
        self.hosts.entry(event.host.clone()).or_default()
    }

    fn moved(&mut self, event: &Event, is_of_job: bool) {
        let key = key(event);
        let had_job = matches!(self.units.get(&key), Some(Stage::Running { has_job: true, .. }));
        let has_job = is_of_job || had_job;
        self.units.insert(key, Stage::Running { moved_at: event.at, has_job, is_stalled: false });
    }

    /// Causes are words of a small vocabulary; whatever is none must not make a series of its own each time.
    fn tried_again(&mut self, cause: &str) {
        let is_word = (1..=LONGEST_CAUSE).contains(&cause.len())
            && cause.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_');
        let has_room = self.retries.contains_key(cause) || self.retries.len() < MOST_CAUSES;
        let cause = if is_word && has_room { cause } else { OTHER };
        *self.retries.entry(cause.to_owned()).or_default() += 1;
    }
}

impl Host {
    fn set(&mut self, report: &HostReport) {
        self.is_up = match report.state {
            HostState::Outstanding => None,
            HostState::Planned => Some(true),
            HostState::Failed => Some(false),
        };
        self.error = report.error.as_ref().map(|error| error.kind);
        // The report lists the units, planned ones too.
        self.planned = 0;
        self.traffic = Some(Traffic {
            requests: report.requests,
            sent: report.bytes_sent,
            received: report.bytes_received,
        });
    }
}

impl Stage {
    fn of(unit: &UnitReport, run_began: Timestamp) -> Self {
        match (unit.state, &unit.ending) {
            (UnitState::Ended, Some(ending)) => Self::ended(ending),
            (UnitState::Running, _) => {
                let moved_at = unit.started_at.unwrap_or(run_began);
                Self::Running { moved_at, has_job: false, is_stalled: false }
            }
            (UnitState::Outstanding | UnitState::Ended, _) => Self::Outstanding,
        }
    }

    fn ended(ending: &Ending) -> Self {
        let (requests, sent, received) = ending.traffic();
        Self::Ended {
            outcome: ending.outcome(),
            error: ending.error().map(|error| error.kind),
            traffic: Traffic { requests, sent, received },
            at: ending.finished_at(),
        }
    }

    /// Returns its place among the [`STATES`].
    fn state(&self) -> usize {
        let name = match self {
            Self::Outstanding => "outstanding",
            Self::Running { .. } => "running",
            Self::Ended { outcome, .. } => outcome.name(),
        };
        STATES.iter().position(|state| *state == name).unwrap_or_default()
    }

    fn is_done(&self) -> bool {
        let done = [Outcome::Completed, Outcome::CompletedWithWarnings];
        matches!(self, Self::Ended { outcome, .. } if done.contains(outcome))
    }

    fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Ended { at, .. } => Some(*at),
            _ => None,
        }
    }
}

fn key(event: &Event) -> Key {
    let unit = event.number.map_or_else(|| Id::Name(event.unit.clone()), Id::Number);
    Key { host: event.host.clone(), unit }
}

fn by_name(kinds: impl Iterator<Item = Kind>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for kind in kinds {
        *counts.entry(name(kind)).or_default() += 1;
    }
    counts
}

/// Returns the name that reports have for a sort of failure.
fn name(kind: Kind) -> String {
    let name = serde_json::to_value(kind).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_else(|| OTHER.to_owned())
}

/// What has no name of its own.
const OTHER: &str = "other";

/// There are few causes; more than this were none.
const MOST_CAUSES: usize = 16;

const LONGEST_CAUSE: usize = 32;
