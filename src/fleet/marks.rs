//! Points of machines and of groups that become ours, and what is known of them.

use std::time::SystemTime;

use super::report::Failure;
use super::unit::Surroundings;
use crate::hyperv::{Error, Mark, Owner};
use crate::ledger::{self, Origin, Subject};

/// A point of a machine or of a group that is ours now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedMark {
    /// Whose.
    pub owner: Owner,
    /// The point.
    pub mark: Mark,
    /// How it became ours.
    pub origin: Origin,
}

/// Finds the machine or the group that is meant.
pub(super) async fn owner_of(
    around: &Surroundings<'_>,
    wanted: &super::plan::Wanted,
) -> Result<Owner, Failure> {
    let found = match wanted {
        super::plan::Wanted::Machine(selector) => around.host.machine(selector).await.map(Owner::Machine),
        super::plan::Wanted::Group(selector) => around.host.group(selector).await.map(Owner::Group),
    };
    found.map_err(failed)
}

/// Returns what the ledger calls the owners of that kind.
pub(super) fn kind_of(owner: &Owner) -> ledger::Kind {
    match owner {
        Owner::Machine(_) => ledger::Kind::Vm,
        Owner::Group(_) => ledger::Kind::Group,
    }
}

/// Returns an owner as the ledger writes it down.
pub(super) fn subject_of(owner: &Owner) -> Subject {
    Subject { kind: kind_of(owner), id: owner.id().to_string(), name: owner.name().to_owned() }
}

/// Writes down that a point is ours.
pub(super) async fn own_mark(
    around: &Surroundings<'_>,
    owner: &Owner,
    mark: &Mark,
    origin: Origin,
    made_at: SystemTime,
) -> Result<(), Failure> {
    let owned = ledger::Point {
        id: mark.id().to_owned(),
        host: around.host.name().await.map_err(failed)?,
        subject: subject_of(owner),
        point_type: Some(mark.point_type().number()),
        consistency: mark.consistency(),
        disks: mark.disks().to_vec(),
        origin,
        made_at,
        gone_at: None,
    };
    let written = around.keeper.with(move |ledger| ledger.own(&owned)).await;
    written.map_err(|error| {
        let failure = Failure::from(&error);
        let message =
            format!("reference point {} is there and not in the ledger: {}", mark.id(), failure.message);
        Failure { message, ..failure }
    })
}

pub(super) fn failed(error: impl std::borrow::Borrow<Error>) -> Failure {
    error.borrow().into()
}

pub(super) fn unkept(error: ledger::Error) -> Failure {
    (&error).into()
}
