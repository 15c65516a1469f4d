//! Points that become ours.

use super::report::{Failure, Kind};
use super::resolve::choices;
use super::unit::Surroundings;
use crate::hyperv::{Error, Machine, Point, Selector};
use crate::ledger::{self, Origin, Subject};

/// A point that is ours now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// The machine.
    pub machine: Machine,
    /// The point.
    pub point: Point,
    /// How it became ours.
    pub origin: Origin,
}

/// Treats a point that somebody else made as ours from now on.
pub async fn adopt_point(around: &Surroundings<'_>, selector: &Selector, id: &str) -> Result<Owned, Failure> {
    let machine = around.host.machine(selector).await.map_err(failed)?;
    let points = around.host.points(&machine).await.map_err(failed)?;
    let Some(point) = points.iter().find(|point| point.is_named(id)).cloned() else {
        let failure = Failure::new(Kind::NotFound, format!("{} has no reference point {id:?}", machine.name));
        return Err(failure.with_hint(choices(&machine.name, points.iter().map(|point| &*point.id))));
    };
    own(around, &machine, &point, Origin::Adopted).await?;
    Ok(Owned { machine, point, origin: Origin::Adopted })
}

pub(super) async fn own(
    around: &Surroundings<'_>,
    machine: &Machine,
    point: &Point,
    origin: Origin,
) -> Result<(), Failure> {
    let owned = ledger::Point {
        id: point.id.clone(),
        host: around.host.name().await.map_err(failed)?,
        subject: Subject { kind: ledger::Kind::Vm, id: machine.id.to_string(), name: machine.name.clone() },
        point_type: Some(point.point_type.number()),
        consistency: point.consistency,
        disks: point.disks.clone(),
        origin,
        made_at: around.now(),
        gone_at: None,
    };
    let written = around.keeper.with(move |ledger| ledger.own(&owned)).await;
    written.map_err(|error| {
        let failure = Failure::from(&error);
        let message =
            format!("reference point {} is there and not in the ledger: {}", point.id, failure.message);
        Failure { message, ..failure }
    })
}

fn failed(error: Error) -> Failure {
    (&error).into()
}
