use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ending::Ending;
use crate::fleet::report::{Failure, Outcome, Report};

/// What became of a run, or has become of it so far: what `fleet report` shows, what a webhook carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this shape.
    pub schema: String,
    /// What the run is called: `nightly-20261121-020000`.
    pub run: String,
    /// What the plan is called.
    pub plan: String,
    /// When this was looked up: of a run that is under way, until when it tells.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Whether it is under way, over, or was stopped before it was.
    pub state: RunState,
    /// Why it was stopped.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended or was stopped.
    pub finished_at: Option<Timestamp>,
    /// How often it was taken up again.
    pub resumed: u32,
    /// Its sums.
    pub totals: Totals,
    /// The program's exit code, where it is over or stopped.
    pub exit_code: Option<u8>,
    /// The machines and groups that the plan names and no host has.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Its hosts, as the inventory has them.
    pub hosts: Vec<HostReport>,
    /// Its units, host by host.
    pub units: Vec<UnitReport>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// A process is at work on it.
    Running,
    /// Nobody is at work on it, and it is not over: `fleet resume` goes on.
    Stopped,
    /// It is over.
    Finished,
}

impl RunState {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }
}

/// A run in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many hosts.
    pub hosts: usize,
    /// How many of them could not be worked with.
    pub hosts_failed: usize,
    /// How many of them have not been looked at.
    pub hosts_outstanding: usize,
    /// How many units are known.
    pub units: usize,
    /// How many have not begun.
    pub outstanding: usize,
    /// How many are under way.
    pub running: usize,
    /// How many ended well.
    pub completed: usize,
    /// How many ended well, with something to look at.
    pub completed_with_warnings: usize,
    /// How many failed.
    pub failed: usize,
    /// How many were cancelled.
    pub cancelled: usize,
    /// How many jobs were left to their hosts.
    pub detached: usize,
    /// Of how many nobody knows what became of them.
    pub unknown: usize,
}

impl Totals {
    /// Returns the sums of one export that is no part of a run.
    pub fn of_one(outcome: Outcome) -> Self {
        let mut totals = Self { hosts: 1, units: 1, ..Self::default() };
        let count = match outcome {
            Outcome::Completed => &mut totals.completed,
            Outcome::CompletedWithWarnings => &mut totals.completed_with_warnings,
            Outcome::Failed => &mut totals.failed,
            Outcome::Cancelled => &mut totals.cancelled,
            Outcome::Detached => &mut totals.detached,
            Outcome::Unknown => &mut totals.unknown,
        };
        *count += 1;
        totals
    }
}

/// A host of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostReport {
    /// What the inventory calls it.
    pub host: String,
    /// What it calls itself, where it was asked.
    pub name: Option<String>,
    /// How far it is.
    pub state: HostState,
    /// How the login was done.
    pub scheme: Option<String>,
    /// Whether messages are sealed by the login.
    pub sealed: Option<bool>,
    /// The fingerprint of its certificate, where nobody has verified whose that is: anybody on the way could be it.
    #[serde(default)]
    pub unverified_certificate: Option<String>,
    /// Why it could not be worked with.
    pub error: Option<Failure>,
    /// When work with it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How often it was asked something.
    pub requests: u64,
    /// Octets that were sent.
    pub bytes_sent: u64,
    /// Octets that were received.
    pub bytes_received: u64,
}

/// How far a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// It has not been looked at: what there is to do on it is not known.
    Outstanding,
    /// It has been looked at, and what there is to do on it is written down.
    Planned,
    /// It could not be looked at.
    Failed,
}

/// A unit of a run: one machine or group, and what is done with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitReport {
    /// Its number in the ledger.
    pub unit: i64,
    /// What the inventory calls its host.
    pub host: String,
    /// `vm` or `group`.
    pub kind: String,
    /// Its GUID.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What is done with it: `export`, `backup`, `create`, `prune`.
    pub verb: String,
    /// Where the host is to write; empty where nothing is written.
    pub directory: String,
    /// How far it is.
    pub state: UnitState,
    /// How often it was begun.
    pub tries: u32,
    /// When it was first begun, or begun anew after it had failed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended, or was left, where it was begun: `export`, `backup`, `create` or `prune` in JSON.
    #[serde(flatten)]
    pub ending: Option<Ending>,
}

/// How far a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// It has not begun.
    Outstanding,
    /// It is under way, or was when its process ended.
    Running,
    /// It has ended, or what became of it cannot be known.
    Ended,
}

impl UnitReport {
    /// Returns how it ended, where it has or where it was left.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ending.as_ref().map(Ending::outcome)
    }

    /// Returns the report of its export, where it is one that was begun.
    pub fn export(&self) -> Option<&Report> {
        self.ending.as_ref()?.export()
    }

    /// Returns what a person should know of its end.
    pub fn warnings(&self) -> &[String] {
        self.ending.as_ref().map_or(&[], Ending::warnings)
    }

    /// Returns why it did not end well.
    pub fn error(&self) -> Option<&Failure> {
        self.ending.as_ref()?.error()
    }
}

impl RunReport {
    /// The version of this shape.
    pub const SCHEMA: &str = "refpoint.run/1";

    /// Counts hosts and units.
    pub fn count(hosts: &[HostReport], units: &[UnitReport]) -> Totals {
        let hosts_in = |state| hosts.iter().filter(|host| host.state == state).count();
        let mut totals = Totals {
            hosts: hosts.len(),
            hosts_failed: hosts_in(HostState::Failed),
            hosts_outstanding: hosts_in(HostState::Outstanding),
            units: units.len(),
            ..Totals::default()
        };
        for unit in units {
            let counted = match (unit.state, unit.outcome()) {
                (UnitState::Outstanding, _) | (UnitState::Ended, None) => &mut totals.outstanding,
                (UnitState::Running, _) => &mut totals.running,
                (UnitState::Ended, Some(outcome)) => match outcome {
                    Outcome::Completed => &mut totals.completed,
                    Outcome::CompletedWithWarnings => &mut totals.completed_with_warnings,
                    Outcome::Failed => &mut totals.failed,
                    Outcome::Cancelled => &mut totals.cancelled,
                    Outcome::Detached => &mut totals.detached,
                    Outcome::Unknown => &mut totals.unknown,
                },
            };
            *counted += 1;
        }
        totals
    }

    /// Returns the one exit code of all that did not end well, and 1 where there are several.
    pub fn exit_code(hosts: &[HostReport], units: &[UnitReport]) -> u8 {
        let of_hosts = hosts.iter().filter_map(|host| host.error.as_ref()).map(|error| error.exit_code);
        let of_units = units.iter().filter_map(|unit| unit.ending.as_ref()).map(Ending::exit_code);
        of_hosts.chain(of_units).fold(0, Self::both)
    }

    pub(super) fn both(before: u8, code: u8) -> u8 {
        match (before, code) {
            (before, 0) => before,
            (before, code) if before == code => before,
            (0 | WARNINGS, code) => code,
            (before, WARNINGS) => before,
            _ => MIXED,
        }
    }
}

/// Done, with something to look at.
const WARNINGS: u8 = 3;

/// Not all for one cause.
const MIXED: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::report::Kind;

    fn host(error: Option<Kind>) -> HostReport {
        HostReport {
            host: "hv01".to_owned(),
            name: None,
            state: if error.is_some() { HostState::Failed } else { HostState::Planned },
            scheme: None,
            sealed: None,
            unverified_certificate: None,
            error: error.map(|kind| Failure::new(kind, "for a test")),
            started_at: None,
            finished_at: None,
            requests: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    #[test]
    fn causes_that_are_one_are_the_exit_code_and_others_are_mixed() {
        let code = |kinds: &[Option<Kind>]| {
            let hosts: Vec<_> = kinds.iter().map(|kind| host(*kind)).collect();
            RunReport::exit_code(&hosts, &[])
        };
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[None, None]), 0);
        assert_eq!(code(&[None, Some(Kind::Unreachable), None, Some(Kind::Unreachable)]), 4);
        assert_eq!(code(&[Some(Kind::Login), Some(Kind::Tls)]), 5);
        assert_eq!(code(&[Some(Kind::Unreachable), Some(Kind::Login), Some(Kind::Unreachable)]), 1);
    }
}
