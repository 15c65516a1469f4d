//! Retention, carried out: what is ours and nobody needs is removed from the host.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::make::WAIT_FOR_IT;
use super::marks::{failed, kind_of, unkept};
use super::plan::Wanted;
use super::report::{Failure, Kind, Named};
use super::retain::{Fate, Policy, need, retain};
use super::tend::{destroy_mark, kin_of, uses_now};
use super::unit::{Surroundings, timestamp};
use crate::hyperv::{Owner, Selector};
use crate::ledger;

/// What is to be pruned, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct PruneOrder {
    /// Of which machine or group; of all that have points of ours where it is not said.
    pub what: Option<Wanted>,
    /// What is kept.
    pub policy: Policy,
    /// Only to say what would be done.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PruneReport {
    /// The version of this shape.
    pub schema: &'static str,
    /// The host as it was named.
    pub host: String,
    /// Whether it was only said.
    pub dry_run: bool,
    /// Each machine and group with points of ours.
    pub owners: Vec<OwnerReport>,
}

/// What came of the points of one machine or group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OwnerReport {
    /// `vm` or `group`.
    pub kind: &'static str,
    /// Whose points.
    pub owner: Named,
    /// Its points that are ours, newest first.
    pub points: Vec<PointFate>,
    /// Why none of them was looked at.
    pub error: Option<Failure>,
}

/// What becomes of one point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointFate {
    /// Its identifier.
    pub id: String,
    /// When it was made, or adopted.
    pub since: Timestamp,
    /// `keep`, or `let-go`; `gone` where the host does not have it any more.
    pub fate: String,
    /// Why.
    pub why: String,
    /// Whether it was removed.
    pub is_removed: bool,
    /// Why it was not, where it should have been.
    pub error: Option<Failure>,
}

impl PruneReport {
    /// Returns what went wrong, each thing once.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.owners.iter().flat_map(|owner| {
            owner.error.iter().chain(owner.points.iter().filter_map(|point| point.error.as_ref()))
        })
    }

    /// Returns the program's exit code: that of the one cause, where there is one.
    pub fn exit_code(&self) -> u8 {
        let mut codes: Vec<_> = self.failures().map(|failure| failure.exit_code).collect();
        codes.dedup();
        match &*codes {
            [] => 0,
            [code] => *code,
            _ => 1,
        }
    }
}

/// Lets go of the points of ours that nobody needs. Points of others are not even looked at.
pub async fn prune(around: &Surroundings<'_>, order: &PruneOrder) -> Result<PruneReport, Failure> {
    if order.policy.keep_last == 0 && order.policy.keep_for.is_zero() {
        let failure = Failure::new(Kind::Usage, "nothing says what is to be kept");
        return Err(failure.with_hint("say --keep-last N, --keep-days D, or both"));
    }
    let owners = match &order.what {
        Some(wanted) => vec![super::marks::owner_of(around, wanted).await?],
        None => owners(around).await?,
    };
    let mut report = PruneReport {
        schema: "refpoint.prune/1",
        host: around.label.clone(),
        dry_run: order.dry_run,
        owners: Vec::new(),
    };
    for owner in owners {
        let mut of_owner = OwnerReport {
            kind: match owner {
                Owner::Machine(_) => "vm",
                Owner::Group(_) => "group",
            },
            owner: Named { id: owner.id().to_string(), name: owner.name().to_owned() },
            points: Vec::new(),
            error: None,
        };
        match of(around, &owner, order).await {
            Ok(points) => of_owner.points = points,
            Err(failure) => of_owner.error = Some(failure),
        }
        report.owners.push(of_owner);
    }
    Ok(report)
}

/// Returns the machines and groups of the host that the ledger knows points of.
async fn owners(around: &Surroundings<'_>) -> Result<Vec<Owner>, Failure> {
    let subjects = around.keeper.with(|ledger| ledger.point_subjects()).await.map_err(unkept)?;
    let all = Selector::Glob("*".to_owned());
    let machines = around.host.machines(&all).await.map_err(failed)?;
    let groups = match subjects.iter().any(|subject| subject.kind == ledger::Kind::Group) {
        true => around.host.groups(&all).await.map_err(failed)?,
        false => Vec::new(),
    };
    let machines = machines.into_iter().map(Owner::Machine);
    let is_known = |owner: &Owner| {
        subjects.iter().any(|subject| {
            subject.kind == kind_of(owner) && subject.id.eq_ignore_ascii_case(owner.id().as_str())
        })
    };
    Ok(machines.chain(groups.into_iter().map(Owner::Group)).filter(is_known).collect())
}

async fn of(around: &Surroundings<'_>, owner: &Owner, order: &PruneOrder) -> Result<Vec<PointFate>, Failure> {
    // Whoever backs it up or has a point of it made meanwhile decides on what is needed.
    let mut held = Vec::new();
    if !order.dry_run {
        let kind = if matches!(owner, Owner::Machine(_)) { "vm" } else { "group" };
        for name in [format!("backup {kind} {}", owner.id()), format!("making {kind} {}", owner.id())] {
            match around.keeper.with(move |ledger| ledger.hold(&name)).await.map_err(unkept)? {
                Some(hold) => held.push(hold),
                None => {
                    let message = format!("another refpoint is at work on {}", owner.name());
                    return Err(Failure::new(Kind::InUse, message).with_hint(WAIT_FOR_IT));
                }
            }
        }
    }
    let (kind, id) = (kind_of(owner), owner.id().to_string());
    let ours = around.keeper.with(move |ledger| ledger.points_of(kind, &id)).await.map_err(unkept)?;
    let marks = around.host.marks(owner).await.map_err(failed)?;
    let is_there = |point: &ledger::Point| marks.iter().any(|mark| mark.id().eq_ignore_ascii_case(&point.id));
    let (there, gone): (Vec<_>, Vec<_>) = ours.into_iter().partition(is_there);
    let kin = kin_of(around, owner, &marks).await.map_err(failed)?;
    let uses = uses_now(around, owner, &marks, &kin).await?;
    let mut fates = Vec::new();
    for (point, fate, why) in retain(there, &uses.chain, &order.policy, around.now()) {
        let mut decided = PointFate {
            id: point.id.clone(),
            since: timestamp(point.made_at),
            fate: fate.name().to_owned(),
            why,
            is_removed: false,
            error: None,
        };
        if fate == Fate::LetGo
            && let Some(job) = uses.silent.first()
        {
            decided.fate = Fate::Keep.name().to_owned();
            decided.why = format!("job {job} exports a point, and does not say which");
        } else if fate == Fate::LetGo && !order.dry_run {
            let mark = marks.iter().find(|mark| mark.id().eq_ignore_ascii_case(&point.id));
            // Those before took their time, in which somebody else may have begun with this one.
            let uses = uses_now(around, owner, &marks, &kin).await;
            match (mark, uses) {
                (_, Err(failure)) => decided.error = Some(failure),
                (_, Ok(uses)) if need(&point.id, &uses.chain).is_some() || !uses.silent.is_empty() => {
                    decided.fate = Fate::Keep.name().to_owned();
                    decided.why = need(&point.id, &uses.chain)
                        .unwrap_or_else(|| "a job exports a point, and does not say which".to_owned());
                }
                (Some(mark), Ok(_)) => match destroy_mark(around, owner, mark).await {
                    Ok(()) => decided.is_removed = true,
                    Err(failure) => decided.error = Some(failure),
                },
                (None, Ok(_)) => decided.is_removed = true,
            }
        }
        fates.push(decided);
    }
    for point in gone {
        if !order.dry_run {
            let (kind, subject) = (kind_of(owner), owner.id().to_string());
            let (id, now) = (point.id.clone(), around.now());
            let written = around.keeper.with(move |ledger| ledger.gone(kind, &subject, &id, now)).await;
            written.map_err(unkept)?;
        }
        fates.push(PointFate {
            id: point.id.clone(),
            since: timestamp(point.made_at),
            fate: "gone".to_owned(),
            why: "the host does not have it any more".to_owned(),
            is_removed: false,
            error: None,
        });
    }
    Ok(fates)
}
