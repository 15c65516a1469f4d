use super::{Error, Guid};
use crate::cim::{Instance, ObjectPath};

/// A virtual machine, as `Msvm_ComputerSystem` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its identifier.
    pub id: Guid,
    /// The name that people gave it; several machines may have the same.
    pub name: String,
    /// `EnabledState`: whether it runs.
    pub state: u16,
    /// `HealthState`.
    pub health: Option<u16>,
    /// What the host is doing with it, where that is in an export's way.
    pub busy: Option<Busy>,
    /// `ReplicationMode`: 0 where it is no part of a replication.
    pub replication: u16,
}

/// What a host may be doing with a machine, `OperationalStatus` (the second number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Busy {
    /// A checkpoint is being made (32768).
    CreatingSnapshot,
    /// A checkpoint is being applied (32769).
    ApplyingSnapshot,
    /// A checkpoint is being deleted (32770).
    DeletingSnapshot,
    /// It waits for its start (32771).
    WaitingToStart,
    /// Disks are being merged (32772).
    MergingDisks,
    /// It is being exported (32773).
    Exporting,
    /// It is on its way to another host (32774).
    Migrating,
}

impl Machine {
    /// Reads a machine, or `None` where the instance is the host itself: only machines are named by a GUID.
    pub fn read(instance: &Instance) -> Result<Option<Self>, Error> {
        let Ok(id) = instance.require_text("Name")?.parse() else {
            return Ok(None);
        };
        let number = |name| instance.number(name).and_then(|number| u16::try_from(number).ok());
        Ok(Some(Self {
            id,
            name: instance.text("ElementName").unwrap_or_default().to_owned(),
            state: number("EnabledState").unwrap_or(0),
            health: number("HealthState"),
            busy: instance.numbers("OperationalStatus").find_map(Busy::of),
            replication: number("ReplicationMode").unwrap_or(0),
        }))
    }

    /// Returns the path of a machine.
    pub fn path_of(id: &Guid, namespace: &str) -> ObjectPath {
        ObjectPath::new(namespace, CLASS).with_key("CreationClassName", CLASS).with_key("Name", id.as_str())
    }

    /// Returns the name of its state; 9 and 6 are what hosts say for paused and saved, 32768 and 32769 what
    /// the documentation says.
    pub fn state_name(&self) -> &'static str {
        match self.state {
            1 => "other",
            2 => "running",
            3 => "off",
            4 => "shutting-down",
            6 | 32769 => "saved",
            9 | 32768 => "paused",
            10 => "starting",
            _ => "unknown",
        }
    }
}

impl Busy {
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            32768 => Self::CreatingSnapshot,
            32769 => Self::ApplyingSnapshot,
            32770 => Self::DeletingSnapshot,
            32771 => Self::WaitingToStart,
            32772 => Self::MergingDisks,
            32773 => Self::Exporting,
            32774 => Self::Migrating,
            _ => return None,
        })
    }

    /// Says whether an export has to wait for its end.
    pub fn is_in_the_way(self) -> bool {
        !matches!(self, Self::WaitingToStart)
    }

    /// Returns what the host is doing, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatingSnapshot => "creating a checkpoint",
            Self::ApplyingSnapshot => "applying a checkpoint",
            Self::DeletingSnapshot => "deleting a checkpoint",
            Self::WaitingToStart => "waiting to start",
            Self::MergingDisks => "merging disks",
            Self::Exporting => "exporting",
            Self::Migrating => "migrating",
        }
    }
}

pub(super) const CLASS: &str = "Msvm_ComputerSystem";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Value;

    const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";

    fn system(name: &str) -> Instance {
        Instance::new(CLASS).with("Name", name).with("ElementName", "web01").with("EnabledState", 2u16)
    }

    #[test]
    fn the_host_itself_is_no_machine() {
        assert_eq!(Machine::read(&system("HV01")).unwrap(), None);
        let machine = Machine::read(&system(&WEB01.to_lowercase())).unwrap().unwrap();
        assert_eq!((machine.id.as_str(), &*machine.name, machine.state_name()), (WEB01, "web01", "running"));
        assert!(Machine::read(&Instance::new(CLASS)).is_err());
    }

    #[test]
    fn what_the_host_is_doing_is_read_from_numbers_alone() {
        for (numbers, busy) in [
            (vec![2], None),
            (vec![2, 32772], Some(Busy::MergingDisks)),
            (vec![2, 32773], Some(Busy::Exporting)),
            (vec![3, 5], None),
            (vec![], None),
        ] {
            let numbers: Vec<u16> = numbers;
            let mut instance = system(WEB01);
            instance.set("OperationalStatus", Value::from(numbers.clone()));
            instance.set("StatusDescriptions", Value::from(vec!["Merging disks".to_owned()]));
            assert_eq!(Machine::read(&instance).unwrap().unwrap().busy, busy, "{numbers:?}");
        }
    }
}
