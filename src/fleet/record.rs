use std::time::SystemTime;

use super::witness::Witness;
use crate::hyperv::{Directory, Error, Guid, Host, Job, Selector};
use crate::ledger::{Export, Kind};

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
        })
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
