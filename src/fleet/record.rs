use std::time::SystemTime;

use super::witness::Witness;
use crate::hyperv::{
    Directory, Error, ExportedDisk, Guid, Host, Job, Receipt, SERVICES, Selector, is_same_disk,
};
use crate::ledger::{Export, Kind, Stage};

/// An export that a host was asked for, or may have been, as it is written down: all by which its job is found and
/// its end is judged, whatever has gone from the host or was renamed since.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Its number in the ledger.
    pub(super) id: i64,
    /// What is exported.
    pub(super) kind: Kind,
    /// The machine or the group.
    pub(super) subject: Guid,
    /// The point or the collection of points.
    pub(super) point: String,
    /// What it is relative to.
    pub(super) base: Option<String>,
    /// The disks that were chosen; all where there are none.
    pub(super) chosen: Vec<String>,
    /// Where the host writes.
    pub(super) directory: Directory,
    /// When the host was asked.
    pub(super) sent: SystemTime,
    /// What the host showed right before, and what it was asked for.
    pub(super) witness: Witness,
    /// The host has begun with the call, by its own word, and has not said how that went on.
    pub(super) was_taken: bool,
}

impl Record {
    /// Reads what is written down; `None` where that is nothing that was ever written.
    pub(super) fn read(export: &Export) -> Option<Self> {
        Some(Self {
            id: export.id,
            kind: export.subject.kind,
            subject: export.subject.id.parse().ok()?,
            point: export.point.clone(),
            base: export.base.clone(),
            chosen: export.disks.clone(),
            directory: Directory::parse(&export.directory).ok()?,
            sent: export.sent_at.unwrap_or(export.intended_at),
            witness: Witness::read(export.witness.as_deref().unwrap_or_default()),
            was_taken: export.stage == Stage::Answered
                && export.job.is_none()
                && matches!(export.return_value, None | Some(4096)),
        })
    }

    /// Returns the class of the service that was asked.
    pub(super) fn service(&self) -> &'static str {
        match self.kind {
            Kind::Vm => SERVICES[0],
            Kind::Group => SERVICES[1],
        }
    }

    /// Says whether a job exports the same point to the same directory.
    pub(super) fn is_like(&self, job: &Job) -> bool {
        job.export.as_ref().is_some_and(|facts| facts.is_of(&self.subject, &self.point, &self.directory))
    }

    /// Says whether a job exports the same point, wherever to.
    pub(super) fn is_of_point(&self, job: &Job) -> bool {
        job.export.as_ref().is_some_and(|facts| facts.is_of_point(&self.subject, &self.point))
    }

    /// Says whether a job is what was asked for, as far as it says. Settings that a person wrote may name any base.
    pub(super) fn agrees(&self, job: &Job) -> bool {
        job.export.as_ref().is_some_and(|facts| {
            let has_base = self.witness.has_own_settings || facts.may_be_relative_to(self.base.as_deref());
            has_base && facts.may_have_disks(&self.chosen)
        })
    }

    /// Says what was to be exported and is not among what a job says that it has: each disk, of a group each machine,
    /// and one configuration for each machine. `machines` are those that the job names.
    pub(super) fn lacks(&self, machines: &[Guid], receipt: &Receipt) -> Vec<String> {
        let has = |disk: &str| receipt.disks.iter().any(|exported| is_same_disk(&exported.id, disk));
        let missing = self.expected().filter(|disk| !has(disk));
        let mut told: Vec<_> = missing
            .map(|disk| {
                format!("disk {disk} was to be exported, and the host does not name it among those it has")
            })
            .collect();
        let is_named = |machine: &Guid| {
            let of_machine = |disk: &ExportedDisk| disk.id.to_uppercase().contains(machine.as_str());
            machines.contains(machine) || receipt.disks.iter().any(of_machine)
        };
        if self.kind == Kind::Group {
            let missing = self.witness.machines.iter().filter(|machine| !is_named(machine));
            told.extend(missing.map(|machine| {
                format!(
                    "machine {machine} was to be exported, and the host does not name it among those it has"
                )
            }));
        }
        let mut files: Vec<_> = receipt.config_files.iter().map(|file| file.to_lowercase()).collect();
        files.sort();
        files.dedup();
        let wanted = self.witness.machines.len().max(1);
        match files.len() {
            0 => told.push("the host names no configuration file: what it wrote is no whole machine".to_owned()),
            found if self.kind == Kind::Group && found < wanted => told.push(format!(
                "the host names {found} configuration files for {wanted} machines: what it wrote is no whole group"
            )),
            _ => {}
        }
        told
    }

    /// Returns the disks that were to be exported, as far as it is written down.
    fn expected(&self) -> impl Iterator<Item = &str> {
        let disk_of = |chosen: &'_ String| match chosen.split_once(':') {
            Some((machine, _)) if machine.parse::<Guid>().is_ok() => machine.len() + 1,
            _ => 0,
        };
        let chosen = self.chosen.iter().filter(|_| self.witness.disks.is_empty());
        chosen
            .map(move |chosen| &chosen[disk_of(chosen)..])
            .chain(self.witness.disks.iter().map(String::as_str))
    }

    /// Returns the machines that the host may be at work on: those that were asked for, and all of the group now.
    pub(super) async fn machines(&self, host: &Host) -> Result<Vec<Guid>, Error> {
        if self.kind == Kind::Vm {
            return Ok(vec![self.subject.clone()]);
        }
        let mut machines = self.witness.machines.clone();
        for group in host.groups(&Selector::Id(self.subject.clone())).await? {
            machines.extend(host.members(&group).await?.into_iter().map(|machine| machine.id));
        }
        machines.sort();
        machines.dedup();
        Ok(machines)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
    const DB01: &str = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44";

    fn disk(machine: &str, letter: char) -> String {
        format!(r"Microsoft:{machine}\C5A1E7B2\0\0\{letter}")
    }

    /// Both machines of a group, whole.
    fn shop() -> Record {
        Record {
            id: 1,
            kind: Kind::Group,
            subject: "5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293".parse().unwrap(),
            point: "7F2EAD9C-3041-4C5D-8E6F-B07182930415".to_owned(),
            base: None,
            chosen: Vec::new(),
            directory: Directory::parse(r"D:\shop").unwrap(),
            sent: UNIX_EPOCH,
            witness: Witness {
                machines: vec![WEB01.parse().unwrap(), DB01.parse().unwrap()],
                disks: vec![disk(WEB01, 'L'), disk(DB01, 'L')],
                ..Witness::default()
            },
            was_taken: false,
        }
    }

    fn receipt(disks: &[String], configs: &[&str]) -> Receipt {
        let exported = |id: &String| ExportedDisk { id: id.clone(), log_file: None };
        Receipt {
            disks: disks.iter().map(exported).collect(),
            config_files: configs.iter().map(|file| (*file).to_owned()).collect(),
            ..Receipt::default()
        }
    }

    #[test]
    fn a_group_lacks_nothing_only_with_all_disks_all_machines_and_a_configuration_for_each() {
        let shop = shop();
        let both = [disk(WEB01, 'D'), disk(DB01, 'L').to_lowercase()];
        let machines = shop.witness.machines.clone();
        let lacks =
            |disks: &[String], configs: &[&str]| shop.lacks(&machines, &receipt(disks, configs)).len();
        assert_eq!(lacks(&both, &["a.vmcx", "b.vmcx"]), 0);
        assert_eq!(lacks(&both[..1], &["a.vmcx", "b.vmcx"]), 1);
        assert_eq!(lacks(&both, &["a.vmcx", "A.VMCX"]), 1);
        assert_eq!(lacks(&both, &[]), 1);
        let told = shop.lacks(&machines[..1], &receipt(&both[..1], &["a.vmcx"]));
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(
            told[1].contains(DB01) && told[2].contains("1 configuration files for 2 machines"),
            "{told:#?}"
        );
        // A host that does not name machines names disks of theirs.
        assert_eq!(shop.lacks(&[], &receipt(&both, &["a.vmcx", "b.vmcx"])), [""; 0]);
    }

    #[test]
    fn what_was_chosen_is_expected_where_no_more_is_written_down() {
        let chosen = vec![format!("{WEB01}:{}", disk(WEB01, 'L'))];
        let shop = Record { chosen, witness: Witness::default(), ..shop() };
        assert!(shop.lacks(&[], &receipt(&[disk(WEB01, 'L')], &["a.vmcx"])).is_empty());
        assert_eq!(shop.lacks(&[], &receipt(&[disk(DB01, 'L')], &["a.vmcx"])).len(), 1);
        let chosen = vec![disk(WEB01, 'L')];
        let web01 = Record { kind: Kind::Vm, chosen, ..shop };
        assert_eq!(web01.lacks(&[], &receipt(&[], &["a.vmcx"])).len(), 1);
    }
}
