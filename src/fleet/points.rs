//! Points that become ours.

use super::marks::{OwnedMark, own_mark, owner_of};
use super::plan::Wanted;
use super::report::{Failure, Kind};
use super::resolve::choices;
use super::unit::Surroundings;
use crate::hyperv::{Error, Machine, Mark, Owner, Point, Selector};
use crate::ledger::Origin;

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
    let (owner, mark) = (Owner::Machine(machine.clone()), Mark::Point(point.clone()));
    own_mark(around, &owner, &mark, Origin::Adopted, around.now()).await?;
    Ok(Owned { machine, point, origin: Origin::Adopted })
}

/// The same of a machine or of a group.
pub async fn adopt_mark(around: &Surroundings<'_>, wanted: &Wanted, id: &str) -> Result<OwnedMark, Failure> {
    let owner = owner_of(around, wanted).await?;
    let marks = around.host.marks(&owner).await.map_err(failed)?;
    let Some(mark) = marks.iter().find(|mark| mark.is_named(id)).cloned() else {
        let failure = Failure::new(Kind::NotFound, format!("{} has no reference point {id:?}", owner.name()));
        return Err(failure.with_hint(choices(owner.name(), marks.iter().map(Mark::id))));
    };
    own_mark(around, &owner, &mark, Origin::Adopted, around.now()).await?;
    Ok(OwnedMark { owner, mark, origin: Origin::Adopted })
}

fn failed(error: Error) -> Failure {
    (&error).into()
}
