//! What a backup is relative to.

use super::super::marks::{failed, kind_of, unkept};
use super::super::plan::BaseChoice;
use super::super::report::{Failure, Kind};
use super::super::resolve::choices;
use super::super::unit::{Surroundings, timestamp};
use crate::hyperv::{Error, Mark, Owner, Point, PointType};

/// Finds the base that is meant, and looks whether a backup can be relative to it. Where it cannot, the choice says
/// whether that is an end or a full backup, which `warnings` then tell.
pub(super) async fn base(
    around: &Surroundings<'_>,
    owner: &Owner,
    choice: &BaseChoice,
    warnings: &mut Vec<String>,
) -> Result<Option<Mark>, Failure> {
    let marks = around.host.marks(owner).await.map_err(failed)?;
    let reason = match choice {
        BaseChoice::None => return Ok(None),
        BaseChoice::Named(text) => {
            let Some(mark) = marks.iter().find(|mark| mark.is_named(text)) else {
                let message = format!("{} has no reference point {text:?}", owner.name());
                let ids = marks.iter().map(Mark::id);
                return Err(Failure::new(Kind::NotFound, message).with_hint(choices(owner.name(), ids)));
            };
            match unfit(around, owner, mark).await.map_err(failed)? {
                None => return Ok(Some(mark.clone())),
                Some(reason) => reason,
            }
        }
        BaseChoice::Last | BaseChoice::LastOrNone => {
            let (kind, id) = (kind_of(owner), owner.id().to_string());
            let last = around.keeper.with(move |ledger| ledger.last_sound_backup(kind, &id)).await;
            match last.map_err(unkept)?.and_then(|backup| backup.point) {
                None => format!("the ledger knows of no backup of {} to go on from", owner.name()),
                Some(id) => match marks.iter().find(|mark| mark.id().eq_ignore_ascii_case(&id)) {
                    Some(mark) => match unfit(around, owner, mark).await.map_err(failed)? {
                        None => return Ok(Some(mark.clone())),
                        Some(reason) => reason,
                    },
                    None => {
                        format!(
                            "reference point {id}, which the last backup has left, is no longer on the host: {}",
                            removed(around, owner, &id).await?
                        )
                    }
                },
            }
        }
    };
    match choice {
        BaseChoice::LastOrNone => {
            warnings.push(format!("backing up in full: {reason}"));
            Ok(None)
        }
        _ => {
            let failure = Failure::new(Kind::NotFound, format!("no base: {reason}"));
            Err(failure.with_hint("back up without a base, or with --base last-or-none"))
        }
    }
}

/// Writes down that a point of ours is gone, and returns what is known of that.
async fn removed(around: &Surroundings<'_>, owner: &Owner, id: &str) -> Result<String, Failure> {
    let (kind, subject) = (kind_of(owner), owner.id().to_string());
    let (id, now) = (id.to_owned(), around.now());
    let known = around.keeper.with(move |ledger| {
        let known = ledger.point(kind, &subject, &id)?.and_then(|point| point.gone_at);
        ledger.gone(kind, &subject, &id, now)?;
        Ok(known)
    });
    Ok(match known.await.map_err(unkept)? {
        Some(at) => format!("the ledger has it as gone since {:.0}", timestamp(at)),
        None => "the ledger has nothing of its removal, which may have been by another product".to_owned(),
    })
}

/// Says why a backup cannot be relative to a point.
async fn unfit(around: &Surroundings<'_>, owner: &Owner, mark: &Mark) -> Result<Option<String>, Error> {
    let points = around.host.points_within(mark).await?;
    for machine in around.host.machines_of(owner).await? {
        let Some(point) = points.iter().find(|point| point.machine == machine.id) else {
            return Ok(Some(format!("{} has no point of {}", mark.id(), machine.name)));
        };
        let disks = around.host.disks(&machine.id).await?;
        if let Some(reason) = unfit_point(point, disks.iter().map(|disk| &*disk.id)) {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// Says why the disks that a machine has now cannot be backed up relative to a point of it.
fn unfit_point<'d>(point: &Point, disks: impl Iterator<Item = &'d str>) -> Option<String> {
    let id = &point.id;
    if point.point_type != PointType::Rct {
        return Some(format!("{id} is a {} point, and marks no changes", point.point_type.name()));
    }
    if !point.is_whole() {
        let (disks, tracking) = (point.disks.len(), point.tracking.len());
        return Some(format!("{id} is damaged: {disks} disks, {tracking} tracking identifiers"));
    }
    let new: Vec<_> = disks.filter(|disk| point.disk(disk).is_none()).collect();
    (!new.is_empty()).then(|| format!("{id} does not cover {}", new.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyperv::Instance;

    fn point(number: u16, disks: &[&str], tracking: &[&str]) -> Point {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let instance = Instance::new("Msvm_VirtualSystemReferencePoint")
            .with("InstanceID", "Microsoft:P")
            .with("VirtualSystemIdentifier", "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91")
            .with("ReferencePointType", number)
            .with("VirtualDiskIdentifiers", texts(disks))
            .with("ResilientChangeTrackingIdentifiers", texts(tracking));
        Point::read(&instance).unwrap()
    }

    #[test]
    fn a_base_is_a_whole_point_of_change_tracking_that_covers_every_disk() {
        let reason = |point: &Point, disks: &[&str]| unfit_point(point, disks.iter().copied());
        let whole = point(2, &[r"a\0\L", r"a\1\L"], &["rctX:1", "rctX:2"]);
        assert_eq!(reason(&whole, &[r"A\0\D", r"a\1\L"]), None);
        assert!(reason(&whole, &[r"a\2\L"]).unwrap().contains("does not cover"));
        assert!(reason(&point(1, &["a"], &[]), &["a"]).unwrap().contains("log point"));
        assert!(reason(&point(2, &["a"], &[]), &["a"]).unwrap().contains("damaged"));
    }
}
