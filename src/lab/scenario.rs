//! Scenarios: what stands on the simulated hosts, how fast they are, and what goes wrong.
//!
//! A scenario is a TOML text; `docs/scenarios.md` lists its tables, `examples/scenarios/` has whole ones. What
//! it leaves out is as in [`Scenario::default`], whose identifiers are fixed, so that scripts may rely on them:
//!
//! | thing | identifier on the first host |
//! |---|---|
//! | machine `web01` | `3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91`, disks `D:\VMs\web01\os.vhdx` and `data.vhdx` |
//! | machine `db01` | `7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44`, disk `D:\VMs\db01\db.vhdx` |
//! | points of `web01` | `A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3`, then `B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304` |
//! | points of `db01` | `C2060E1F-417A-4DB5-AE38-9F70B2D3C415`, then `D3171F20-528B-4EC6-BF49-A081C3E4D526`; `E4282031-639C-4FD7-8059-B192D4F5E637` is a log point |
//! | group `shop` | `5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293`, of both machines |
//! | collections of `shop` | `6E1D9C8B-2F30-4B4C-9D5E-AF6071829304` of the first points, then `7F2EAD9C-3041-4C5D-8E6F-B07182930415` of the second |
//!
//! On the hosts after the first the same machines stand with other GUIDs: the first eight digits differ, and
//! follow from the place of the host in the fleet.

mod host;
mod machine;
mod quantity;
mod questions;
mod rule;
mod speed;
mod user;

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;

use crate::cim::{Catalog, Timestamp};

pub use self::host::{Access, Drive, HostSettings, Limits, Role, Share};
pub use self::machine::{
    Bulk, Busy, Checkpoint, CheckpointKind, Collection, Consistency, Disk, DiskKind, Group, Machine,
    MachineState, Point, PointKind,
};
pub use self::questions::{
    CollectionConsistency, CreateNumbers, DirectoryQuestion, Existing, Gone, JobClass, PointIds, Questions,
    ReceiptTime, Results, ServiceNames,
};
pub use self::rule::{ErrorRule, JobRule};
pub use self::speed::{Pace, Speeds};
pub use self::user::{Rights, User};

use super::dialect::Dialect;
use super::fault;
use super::service::Service;

/// What is simulated.
///
/// ```
/// use refpoint::lab::Scenario;
///
/// let scenario = Scenario::read(r#"
///     [[user]]
///     name = 'LAB\operator'
///     [speed]
///     export = { seconds = 30 }
///     [[fault]]
///     what = "lost-response"
///     when = { method = "ExportReferencePoint" }
///     times = 1
/// "#)?;
/// assert_eq!(scenario.faults.len(), 1);
/// assert_eq!(scenario.machines.len(), 2, "what it leaves out is as in the default one");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What all hosts have in common.
    #[serde(default)]
    pub host: HostSettings,
    /// Who may log in; the first is the one that is told to whoever starts the hosts.
    #[serde(default, rename = "user")]
    pub users: Vec<User>,
    /// The machines. Without any machine, group, point, collection or checkpoint, those of the default
    /// scenario are there.
    #[serde(default, rename = "machine")]
    pub machines: Vec<Machine>,
    /// The groups of machines.
    #[serde(default, rename = "group")]
    pub groups: Vec<Group>,
    /// The reference points.
    #[serde(default, rename = "point")]
    pub points: Vec<Point>,
    /// The collections of reference points.
    #[serde(default, rename = "collection")]
    pub collections: Vec<Collection>,
    /// The checkpoints.
    #[serde(default, rename = "checkpoint")]
    pub checkpoints: Vec<Checkpoint>,
    /// Instances that are made up as they are read.
    #[serde(default)]
    pub instances: Vec<Bulk>,
    /// How long work takes.
    #[serde(default)]
    pub speed: Speeds,
    /// How calls end.
    #[serde(default, rename = "job")]
    pub jobs: Vec<JobRule>,
    /// The quotas of WinRM.
    #[serde(default)]
    pub limits: Limits,
    /// What nobody knows of real hosts.
    #[serde(default)]
    pub questions: Questions,
    /// How the service is configured.
    #[serde(default)]
    pub service: Service,
    /// How answers are spelled.
    #[serde(default)]
    pub dialect: Dialect,
    /// What goes wrong on the way.
    #[serde(default, rename = "fault")]
    pub faults: Vec<fault::Rule>,
}

/// Why a scenario cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It is no TOML, or has a key or a value that no scenario has. The text shows the line.
    #[error("{0}")]
    Syntax(String),
    /// It contradicts itself.
    #[error("line {line}: {what}")]
    Contradiction {
        /// The first line that has the word in question; 1 where none has.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

static DEFAULT: LazyLock<Scenario> = LazyLock::new(|| {
    let text = include_str!("../../examples/scenarios/default.toml");
    let mut scenario: Scenario = toml::from_str(text).expect("a test reads it");
    scenario.host.complete();
    scenario
});

impl Scenario {
    /// Reads a scenario.
    ///
    /// ```
    /// use refpoint::lab::Scenario;
    ///
    /// let scenario = Scenario::read(r#"
    ///     [[user]]
    ///     name = 'LAB\operator'
    ///     [speed]
    ///     export = { seconds = 30 }
    ///     [[fault]]
    ///     what = "lost-response"
    ///     when = { method = "ExportReferencePoint" }
    ///     times = 1
    /// "#)?;
    /// assert!(scenario.user("operator").is_some());
    ///
    /// // A key that does not exist is an error, with its line.
    /// assert!(Scenario::read("[speeed]").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario: Self = toml::from_str(text)
            .map_err(|error| ScenarioError::Syntax(error.to_string().trim_end().to_owned()))?;
        scenario.complete();
        scenario.check().map_err(|(word, what)| {
            let line = text.lines().position(|line| line.contains(&*word)).map_or(1, |at| at + 1);
            ScenarioError::Contradiction { line, what }
        })?;
        Ok(scenario)
    }

    /// Returns the user whom somebody means: `LAB\operator`, `operator@lab.example`, `operator`.
    ///
    /// ```
    /// use refpoint::lab::Scenario;
    ///
    /// let scenario = Scenario::default();
    /// assert!(scenario.user("operator@lab.example").is_some());
    /// assert!(scenario.user(r"CORP\operator").is_none());
    /// ```
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is_called(name, &self.host.dns_domain))
    }

    /// Sets what the hosts' clocks show when they are made, as seconds since 1970.
    ///
    /// ```
    /// use std::time::Duration;
    /// use refpoint::lab::Scenario;
    ///
    /// let mut scenario = Scenario::default();
    /// scenario.start_at(Duration::from_secs(1_795_219_200));
    /// assert_eq!(scenario.host.start.unix_seconds(), 1_795_219_200);
    /// ```
    pub fn start_at(&mut self, unix: Duration) {
        let seconds = i64::try_from(unix.as_secs()).ok();
        if let Some(start) = seconds.and_then(|seconds| Timestamp::new(seconds, unix.subsec_nanos(), 0)) {
            self.host.start = start;
        }
    }

    fn complete(&mut self) {
        self.host.complete();
        if self.users.is_empty() {
            self.users.clone_from(&DEFAULT.users);
        }
        let is_bare = self.machines.is_empty()
            && self.groups.is_empty()
            && self.points.is_empty()
            && self.collections.is_empty()
            && self.checkpoints.is_empty();
        if is_bare {
            self.machines.clone_from(&DEFAULT.machines);
            self.groups.clone_from(&DEFAULT.groups);
            self.points.clone_from(&DEFAULT.points);
            self.collections.clone_from(&DEFAULT.collections);
            self.checkpoints.clone_from(&DEFAULT.checkpoints);
        }
    }

    /// Finds the first word that contradicts the rest, and why.
    fn check(&self) -> Result<(), (String, String)> {
        let mut known = HashSet::new();
        let ids = self.machines.iter().map(|machine| &machine.id);
        let ids = ids.chain(self.groups.iter().map(|group| &group.id));
        let ids = ids.chain(self.points.iter().map(|point| &point.id));
        let ids = ids.chain(self.collections.iter().map(|collection| &collection.id));
        for id in ids.chain(self.checkpoints.iter().map(|checkpoint| &checkpoint.id)) {
            if !is_guid(id) {
                return Err((id.clone(), format!("{id:?} is no GUID")));
            }
            if !known.insert(id.to_ascii_lowercase()) {
                return Err((id.clone(), format!("the identifier {id} stands twice")));
            }
        }
        let no_machine = |name: &str| (name.to_owned(), format!("there is no machine {name:?}, or several"));
        for name in self.groups.iter().flat_map(|group| &group.members) {
            self.machine(name).ok_or_else(|| no_machine(name))?;
        }
        let of_points = self.points.iter().map(|point| &point.machine);
        for name in of_points.chain(self.checkpoints.iter().map(|checkpoint| &checkpoint.machine)) {
            self.machine(name).ok_or_else(|| no_machine(name))?;
        }
        for point in &self.points {
            let disks = self.machine(&point.machine).map_or(0, |at| self.machines[at].disks.len());
            if let Some(disk) = point.disks.iter().flatten().find(|disk| **disk >= disks) {
                return Err((
                    point.id.clone(),
                    format!("{} has no disk {disk}, counted from 0", point.machine),
                ));
            }
        }
        for collection in &self.collections {
            if self.group(&collection.group).is_none() {
                let name = &collection.group;
                return Err((name.clone(), format!("there is no group {name:?}")));
            }
            let is_point = |id: &&String| self.points.iter().any(|point| point.id.eq_ignore_ascii_case(id));
            if let Some(id) = collection.points.iter().find(|id| !is_point(id)) {
                return Err((id.clone(), format!("there is no point {id}")));
            }
        }
        for bulk in &self.instances {
            if Catalog::bundled().shape(&bulk.class).is_none_or(|shape| shape.class().is_association) {
                let class = &bulk.class;
                return Err((class.clone(), format!("{class} is not a class of which there can be many")));
            }
        }
        Ok(())
    }

    /// Returns the place of the machine of a name or GUID, if exactly one has it.
    pub(super) fn machine(&self, name: &str) -> Option<usize> {
        let is_it = |machine: &Machine| machine.id.eq_ignore_ascii_case(name) || machine.name == name;
        let mut found = self.machines.iter().enumerate().filter(|(_, machine)| is_it(machine));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Some(at),
            _ => None,
        }
    }

    /// Returns the place of the group of a name or GUID.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        self.groups.iter().position(|group| group.id.eq_ignore_ascii_case(name) || group.name == name)
    }
}

impl Default for Scenario {
    /// The machines `web01` and `db01` and the group `shop`, each with points.
    fn default() -> Self {
        DEFAULT.clone()
    }
}

/// Returns whether a text is a GUID without braces.
pub(super) fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    lengths.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}
