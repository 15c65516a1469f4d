//! What stands on a host: machines, groups, points, collections, checkpoints.

use serde::Deserialize;

use crate::cim::Timestamp;

use super::quantity;

/// A virtual machine: `[[machine]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The GUID, which is the `Name` of its `Msvm_ComputerSystem` on the first host.
    pub id: String,
    /// The display name.
    pub name: String,
    /// What it does.
    #[serde(default)]
    pub state: MachineState,
    /// What goes on with it when the host begins.
    #[serde(default)]
    pub busy: Option<Busy>,
    /// The version of its configuration.
    #[serde(default = "version")]
    pub version: String,
    /// 1 or 2.
    #[serde(default = "generation")]
    pub generation: u8,
    /// Whether incremental backups are enabled.
    #[serde(default = "yes")]
    pub incremental_backup: bool,
    /// When it was made.
    #[serde(default, deserialize_with = "quantity::some_timestamp")]
    pub created: Option<Timestamp>,
    /// How many machines of this kind there are; those after the first have names and GUIDs of their own.
    #[serde(default = "one", deserialize_with = "quantity::count::<_, 10_000>")]
    pub count: u32,
    /// Its disks.
    #[serde(default, rename = "disk")]
    pub disks: Vec<Disk>,
}

/// What a machine does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// It runs.
    #[default]
    Running,
    /// It is off.
    Off,
    /// Its memory is saved.
    Saved,
    /// It is paused.
    Paused,
    /// It is starting.
    Starting,
    /// It is shutting down.
    ShuttingDown,
}

/// What keeps a machine busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Busy {
    /// A checkpoint is being taken.
    CreatingCheckpoint,
    /// A checkpoint is being applied.
    ApplyingCheckpoint,
    /// A checkpoint is being deleted.
    DeletingCheckpoint,
    /// It waits for its start.
    WaitingToStart,
    /// Its disks are merging.
    Merging,
    /// It is being exported.
    Exporting,
    /// It is migrating.
    Migrating,
}

/// A disk of a machine: `[[machine.disk]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// The file.
    pub file: String,
    /// The size that the guest sees.
    #[serde(deserialize_with = "quantity::size")]
    pub size: u64,
    /// How much of it is in use; half of it without.
    #[serde(default, deserialize_with = "some_size")]
    pub used: Option<u64>,
    /// How much of it changes between two points; a twentieth of what is used without.
    #[serde(default, deserialize_with = "some_size")]
    pub changed: Option<u64>,
    /// The GUID of its controller.
    #[serde(default = "controller")]
    pub controller: String,
    /// The number of the controller among those of its kind.
    #[serde(default)]
    pub number: u8,
    /// Its place on the controller; the next free one without.
    #[serde(default)]
    pub location: Option<u8>,
    /// What it is.
    #[serde(default)]
    pub kind: DiskKind,
}

/// What a disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKind {
    /// A `.vhdx`, whose changes can be tracked.
    #[default]
    Vhdx,
    /// A `.vhd`, whose changes cannot.
    Vhd,
    /// A `.vhds`, shared between machines.
    VhdSet,
    /// A disk of the host that is handed through.
    PassThrough,
}

/// A group of machines: `[[group]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its `CollectionID`, a GUID.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The names or GUIDs of its machines.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A reference point: `[[point]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its GUID. The `InstanceID` is made of it, in the form of the build.
    pub id: String,
    /// The name or GUID of its machine.
    pub machine: String,
    /// How changes are tracked.
    #[serde(default, rename = "type")]
    pub kind: PointKind,
    /// The state of the guest.
    #[serde(default)]
    pub consistency: Consistency,
    /// Whether a log point still has its log.
    #[serde(default = "yes")]
    pub data: bool,
    /// The display name.
    #[serde(default)]
    pub name: Option<String>,
    /// The places of the disks it covers, counted from 0; all without.
    #[serde(default)]
    pub disks: Option<Vec<usize>>,
    /// The change-tracking ids, where they are not to be made up: too few of them, for one.
    #[serde(default)]
    pub tracking: Option<Vec<String>>,
}

/// How changes are tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointKind {
    /// By a log that holds the data.
    Log,
    /// By resilient change tracking.
    #[default]
    Rct,
}

/// The state of the guest when a point or checkpoint is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consistency {
    /// Its applications were asked.
    #[default]
    Application,
    /// As after a loss of power.
    Crash,
}

/// A collection of reference points: `[[collection]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// Its `CollectionID`, a GUID.
    pub id: String,
    /// The name or GUID of the group.
    pub group: String,
    /// The display name.
    pub name: String,
    /// The GUIDs of its points.
    pub points: Vec<String>,
}

/// A checkpoint: `[[checkpoint]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The GUID; the `InstanceID` is `Microsoft:` and it.
    pub id: String,
    /// The name or GUID of its machine.
    pub machine: String,
    /// The display name.
    pub name: String,
    /// What it was taken for.
    #[serde(default)]
    pub kind: CheckpointKind,
}

/// What a checkpoint was taken for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckpointKind {
    /// By a user.
    #[default]
    Standard,
    /// By a backup.
    Recovery,
}

/// Many instances of a class, which are made up as they are read: `[[instances]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// The class, which the catalogue has to know.
    pub class: String,
    /// How many.
    #[serde(deserialize_with = "quantity::count::<_, 1_000_000>")]
    pub count: u32,
}

impl MachineState {
    /// Returns the number that `EnabledState` has for it.
    pub fn number(self) -> u16 {
        match self {
            Self::Running => 2,
            Self::Off => 3,
            Self::ShuttingDown => 4,
            Self::Saved => 6,
            Self::Paused => 9,
            Self::Starting => 10,
        }
    }
}

impl Busy {
    /// Returns the number that the second entry of `OperationalStatus` has for it.
    pub fn number(self) -> u16 {
        match self {
            Self::CreatingCheckpoint => 32768,
            Self::ApplyingCheckpoint => 32769,
            Self::DeletingCheckpoint => 32770,
            Self::WaitingToStart => 32771,
            Self::Merging => 32772,
            Self::Exporting => 32773,
            Self::Migrating => 32774,
        }
    }
}

impl PointKind {
    /// Returns the number that `ReferencePointType` has for it.
    pub fn number(self) -> u16 {
        match self {
            Self::Log => 1,
            Self::Rct => 2,
        }
    }
}

impl Consistency {
    /// Returns the number that points and settings have for it; collections may have another.
    pub fn number(self) -> u16 {
        match self {
            Self::Application => 1,
            Self::Crash => 2,
        }
    }
}

fn some_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    quantity::size(deserializer).map(Some)
}

fn version() -> String {
    "10.0".to_owned()
}

fn generation() -> u8 {
    2
}

fn controller() -> String {
    "C5A1E7B2-4D39-4E8B-9F20-6A7D1B3C5E02".to_owned()
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}
