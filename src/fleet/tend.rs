//! Points that are let go or brought back: by a person, or because nobody needs them any more.

use tokio::time::sleep;

use super::event::News;
use super::follow::{Followed, follow, within};
use super::look::{LOOK_AGAIN, SETTLING};
use super::marks::{OwnedMark, failed, kind_of, own_mark, owner_of, unkept};
use super::patience::{Again, Patience, again};
use super::plan::Wanted;
use super::report::{Failure, Kind};
use super::retain::{Chain, Link};
use super::unit::{Surroundings, may_have_begun};
use super::verdict::interrupted;
use crate::client::codes::Treatment;
use crate::hyperv::{Begun, Error, Guid, Job, Mark, ObjectPath, Owner, Selector, advice};
use crate::ledger::{self, Origin, Stage};

/// A point that a person means, and whether it is ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Tended {
    /// Whose it is.
    pub owner: Owner,
    /// The point.
    pub mark: Mark,
    /// As the ledger knows it, where it is ours.
    pub ours: Option<ledger::Point>,
}

/// What depends on the points of an owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// What is made of which point.
    pub chain: Chain,
    /// Jobs of the host that export a point and do not say which.
    pub silent: Vec<String>,
}

/// Finds the point that a person means by its identifier: of that owner, or, where none is named, of whichever
/// machine or group has it.
pub async fn find_mark(
    around: &Surroundings<'_>,
    wanted: Option<&Wanted>,
    id: &str,
) -> Result<Tended, Failure> {
    let host = around.host;
    let (owner, mark) = match wanted {
        Some(wanted) => {
            let owner = owner_of(around, wanted).await?;
            let marks = host.marks(&owner).await.map_err(failed)?;
            let Some(mark) = marks.iter().find(|mark| mark.is_named(id)).cloned() else {
                let message = format!("{} has no reference point {id:?}", owner.name());
                let ids = marks.iter().map(Mark::id);
                let hint = super::resolve::choices(owner.name(), ids);
                return Err(Failure::new(Kind::NotFound, message).with_hint(hint));
            };
            (owner, mark)
        }
        None => {
            let nowhere = || {
                let message = format!("no machine and no group of this host has a reference point {id:?}");
                Failure::new(Kind::NotFound, message).with_hint("refpoint point list shows them")
            };
            let points = host.all_points().await.map_err(failed)?;
            if let Some(point) = points.into_iter().find(|point| point.is_named(id)) {
                let selector = Selector::Id(point.machine.clone());
                (Owner::Machine(host.machine(&selector).await.map_err(failed)?), Mark::Point(point))
            } else {
                let all = host.all_collections().await.map_err(failed)?;
                let found = all.into_iter().find(|points| points.is_named(id)).ok_or_else(nowhere)?;
                let selector = Selector::Id(found.group.clone());
                (Owner::Group(host.group(&selector).await.map_err(failed)?), Mark::Collection(found))
            }
        }
    };
    let (kind, subject, name) = (kind_of(&owner), owner.id().to_string(), mark.id().to_owned());
    let ours = around.keeper.with(move |ledger| ledger.point(kind, &subject, &name)).await;
    let ours = ours.map_err(unkept)?;
    Ok(Tended { owner, mark, ours })
}

/// Returns what depends on the points of an owner: what the ledger says of exports, backups and makings, and what
/// the host's jobs are at.
///
/// A collection goes with its points, and a point takes its collection's worth along: what is made of the one counts
/// for the other.
pub async fn uses_of(around: &Surroundings<'_>, owner: &Owner) -> Result<Uses, Failure> {
    let marks = around.host.marks(owner).await.map_err(failed)?;
    let kin = kin_of(around, owner, &marks).await.map_err(failed)?;
    uses_now(around, owner, &marks, &kin).await
}

/// A point under whose name something may be made of a point of an owner: one of a collection, or the collection that
/// one belongs to.
pub(super) struct Kin {
    kind: ledger::Kind,
    subject: String,
    /// Its identifier.
    id: String,
    /// That of the point of the owner.
    of: String,
}

/// Finds what points of an owner are called as parts of collections, or as collections.
pub(super) async fn kin_of(
    around: &Surroundings<'_>,
    owner: &Owner,
    marks: &[Mark],
) -> Result<Vec<Kin>, Error> {
    let host = around.host;
    let mut kin = Vec::new();
    match owner {
        Owner::Group(_) => {
            for mark in marks {
                let held = host.points_within(mark).await?;
                kin.extend(held.into_iter().map(|point| Kin {
                    kind: ledger::Kind::Vm,
                    subject: point.machine.to_string(),
                    id: point.id,
                    of: mark.id().to_owned(),
                }));
            }
        }
        Owner::Machine(machine) => {
            if host.groups(&Selector::Glob("*".to_owned())).await?.is_empty() {
                return Ok(kin);
            }
            for collection in host.all_collections().await? {
                let held = host.collected(&collection).await?;
                kin.extend(held.into_iter().filter(|point| point.machine == machine.id).map(|point| Kin {
                    kind: ledger::Kind::Group,
                    subject: collection.group.to_string(),
                    id: collection.id.clone(),
                    of: point.id,
                }));
            }
        }
    }
    Ok(kin)
}

/// Returns what depends on points by now.
pub(super) async fn uses_now(
    around: &Surroundings<'_>,
    owner: &Owner,
    marks: &[Mark],
    kin: &[Kin],
) -> Result<Uses, Failure> {
    let (kind, id) = (kind_of(owner), owner.id().to_string());
    let mut others: Vec<_> = kin.iter().map(|kin| (kin.kind, kin.subject.clone())).collect();
    others.sort_by(|one, other| one.1.cmp(&other.1));
    others.dedup();
    let (mut chain, of_others) = around
        .keeper
        .with(move |ledger| {
            let of =
                |kind, id: &str| Ok(chain_of(&ledger.exports_of(kind, id)?, &ledger.backups_of(kind, id)?));
            let own = of(kind, &id)?;
            let others: Result<Vec<_>, ledger::Error> =
                others.into_iter().map(|(kind, id)| of(kind, &id)).collect();
            Ok((own, others?))
        })
        .await
        .map_err(unkept)?;
    let is_same = |id: &str, other: &str| {
        id.eq_ignore_ascii_case(other)
            || Guid::last_in(id).is_some_and(|guid| Some(guid) == Guid::last_in(other))
    };
    let called = |id: &str| kin.iter().find(|kin| is_same(&kin.id, id)).map(|kin| kin.of.clone());
    for theirs in of_others {
        let ours = |link: Link| {
            let (point, base) =
                (link.point.as_deref().and_then(called), link.base.as_deref().and_then(called));
            (point.is_some() || base.is_some()).then_some(Link { point, base, ..link })
        };
        chain.newest.extend(theirs.newest.into_iter().filter_map(ours));
        chain.under_way.extend(theirs.under_way.into_iter().filter_map(ours));
    }
    // What a job calls a point is the GUID within its identifier.
    let spelled = |id: &str| {
        let is_it = |mark: &&Mark| {
            mark.is_named(id) || Guid::last_in(mark.id()).is_some_and(|guid| Some(guid) == Guid::last_in(id))
        };
        let known = marks.iter().find(is_it).map(|mark| mark.id().to_owned());
        known.or_else(|| called(id)).unwrap_or_else(|| id.to_owned())
    };
    let mut silent = Vec::new();
    for job in around.host.jobs().await.map_err(failed)?.iter().filter(|job| !job.is_over()) {
        if let Some(facts) = &job.export {
            chain.under_way.push(Link {
                what: format!("job {} exports to {}", job.id, facts.directory),
                point: Some(spelled(&facts.point)),
                base: facts.base.as_deref().map(spelled),
            });
        } else if job.is_silent_export() {
            silent.push(job.id.clone());
        }
    }
    Ok(Uses { chain, silent })
}

/// Returns what the ledger knows to depend on points; both come newest first, as they were begun.
pub(super) fn chain_of(exports: &[ledger::Export], backups: &[ledger::Backup]) -> Chain {
    let of_export = |export: &ledger::Export| Link {
        what: format!("export to {}", export.directory),
        point: Some(export.point.clone()),
        base: export.base.clone(),
    };
    let of_backup = |backup: &ledger::Backup| Link {
        what: format!("backup to {}", backup.new.directory),
        point: backup.point.clone(),
        base: backup.new.base.clone(),
    };
    let is_done =
        |outcome: &Option<String>| outcome.as_deref().is_some_and(|outcome| outcome.starts_with("completed"));
    let mut newest = Vec::new();
    // What the next is relative to, and what was done last: the last need not be fit to go on from.
    let last_sound = exports.iter().filter(|export| export.sound && export.ended_at.is_some());
    newest.extend(last_sound.max_by_key(|export| (export.ended_at, export.id)).map(of_export));
    newest.extend(exports.iter().find(|export| is_done(&export.outcome)).map(of_export));
    newest.extend(backups.iter().find(|backup| backup.sound && backup.ended_at.is_some()).map(of_backup));
    newest.extend(backups.iter().find(|backup| is_done(&backup.outcome)).map(of_backup));
    newest.dedup();
    let mut under_way: Vec<_> =
        exports.iter().filter(|export| export.stage != Stage::Ended).map(of_export).collect();
    under_way.extend(backups.iter().filter(|backup| backup.ended_at.is_none()).map(of_backup));
    Chain { newest, under_way }
}

/// Removes a point, looks that it is gone, and writes that down.
pub async fn destroy_mark(around: &Surroundings<'_>, owner: &Owner, mark: &Mark) -> Result<(), Failure> {
    carried_out(around, owner, mark, Deed::Destroy).await?;
    let (kind, subject) = (kind_of(owner), owner.id().to_string());
    let (id, now) = (mark.id().to_owned(), around.now());
    around.keeper.with(move |ledger| ledger.gone(kind, &subject, &id, now)).await.map_err(unkept)
}

/// Removes the log of a point, and looks that it is gone. The point stays.
pub async fn discard_mark(around: &Surroundings<'_>, owner: &Owner, mark: &Mark) -> Result<(), Failure> {
    if !mark.has_data() {
        let message = format!("{} has no log to discard", mark.id());
        let hint = "only log points have one, until it is discarded; RCT points hold no data";
        return Err(Failure::new(Kind::Usage, message).with_hint(hint));
    }
    carried_out(around, owner, mark, Deed::Discard).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Destroy,
    Discard,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Self::Destroy => "removal",
            Self::Discard => "discarding",
        }
    }
}

/// Has the host do it. To ask again is to do it once: what is gone stays gone, and by its identifier nothing else is
/// meant.
async fn carried_out(
    around: &Surroundings<'_>,
    owner: &Owner,
    mark: &Mark,
    deed: Deed,
) -> Result<(), Failure> {
    let mut patience = Patience::default();
    loop {
        let asked = match deed {
            Deed::Destroy => around.host.destroy(mark).await,
            Deed::Discard => around.host.discard(mark).await,
        };
        let failure = match asked {
            Ok(Begun::Done) => return verify(around, owner, mark, deed).await,
            Ok(Begun::Job(path)) => {
                finish(around, &path, deed.name()).await?;
                return verify(around, owner, mark, deed).await;
            }
            Err(error) if may_have_begun(&error) => {
                if settled(around, owner, mark, deed).await? {
                    return Ok(());
                }
                failed(&error)
            }
            // A host that is asked to remove what is gone says that it is not there.
            Err(error) if !is_left(around, owner, mark, deed).await? => {
                tracing::debug!(%error, "what was to be removed is gone");
                return Ok(());
            }
            Err(error) if again(&error) != Again::Proven => return Err(failed(&error)),
            Err(error) => failed(&error),
        };
        patience.tried();
        let whose = format!("{} {}", around.label, mark.id());
        let Some(pause) = patience.pause(&whose, around.deadline) else {
            return Err(patience.spent(failure));
        };
        if within(around, sleep(pause)).await.is_err() {
            return Err(failure);
        }
    }
}

async fn is_left(around: &Surroundings<'_>, owner: &Owner, mark: &Mark, deed: Deed) -> Result<bool, Failure> {
    let marks = around.host.marks(owner).await.map_err(failed)?;
    let found = marks.into_iter().find(|there| there.id().eq_ignore_ascii_case(mark.id()));
    Ok(found.is_some_and(|there| deed == Deed::Destroy || there.has_data()))
}

async fn verify(around: &Surroundings<'_>, owner: &Owner, mark: &Mark, deed: Deed) -> Result<(), Failure> {
    if !is_left(around, owner, mark, deed).await? {
        return Ok(());
    }
    let what = match deed {
        Deed::Destroy => "it is still there",
        Deed::Discard => "its log is still there",
    };
    let message = format!("the host says that the {} of {} is done, and {what}", deed.name(), mark.id());
    Err(Failure::new(Kind::Unknown, message))
}

/// Looks, after an answer that is lost, until the host cannot be at work on the call any more.
async fn settled(around: &Surroundings<'_>, owner: &Owner, mark: &Mark, deed: Deed) -> Result<bool, Failure> {
    let began = around.now();
    let longest = around.operation_timeout.saturating_mul(2).saturating_add(SETTLING);
    loop {
        if !is_left(around, owner, mark, deed).await? {
            return Ok(true);
        }
        if around.now().duration_since(began).unwrap_or_default() >= longest {
            return Ok(false);
        }
        if let Err(cut) = within(around, sleep(LOOK_AGAIN)).await {
            return Err(match cut {
                super::follow::Cut::Deadline => {
                    let message = format!("the deadline has passed during the {}", deed.name());
                    Failure::new(Kind::Deadline, message)
                }
                super::follow::Cut::Left(reason) => interrupted(reason),
            });
        }
    }
}

async fn finish(around: &Surroundings<'_>, path: &ObjectPath, what: &str) -> Result<(), Failure> {
    let id = path.key_text("InstanceID").unwrap_or_default().into_owned();
    match follow(around, path, None, &mut None).await {
        Followed::Over(job) => match job.treatment() {
            Treatment::Succeeded => Ok(()),
            Treatment::SucceededWithWarnings => {
                warn_of_job(around, path, &job, what).await;
                Ok(())
            }
            _ => Err(refused(around, path, &job, what).await),
        },
        // What came of it is looked at.
        Followed::Vanished => Ok(()),
        Followed::Deadline => {
            let message = format!("the deadline has passed; job {id}, the {what}, may still run");
            Err(Failure::new(Kind::Deadline, message))
        }
        Followed::Left(reason) => Err(interrupted(reason)),
        Followed::Lost(error) => {
            let why = failed(&*error).message;
            Err(Failure::new(
                Kind::Unknown,
                format!("job {id}, the {what}, can no longer be asked for: {why}"),
            ))
        }
    }
}

/// Tells what a job warns of that has done what it was to do.
pub(super) async fn warn_of_job(
    around: &Surroundings<'_>,
    path: &ObjectPath,
    job: &Job,
    what: &str,
) -> String {
    let errors = around.host.job_errors(path).await.unwrap_or_default();
    let said = errors.first().map_or(&*job.error_description, |error| &error.message);
    let said = if said.is_empty() { "it does not say which" } else { said };
    let message = format!("the {what} ended with warnings: {said}");
    around.tell(News::Warning { message: message.clone() });
    message
}

async fn refused(around: &Surroundings<'_>, path: &ObjectPath, job: &Job, what: &str) -> Failure {
    let errors = around.host.job_errors(path).await.unwrap_or_default();
    let said = errors.first().map_or(&job.error_description, |error| &error.message);
    let message = format!("the {what} ended as {}: {said}", job.state_name());
    Failure::new(Kind::JobFailed, message).with_code(job.error_code).with_hint(advice(job, &errors))
}

/// Brings back the points that a machine had when these files of it were exported; returns those that are new, and
/// whether each is ours: what the ledger knows of this machine is there again, everything else is somebody's.
pub async fn import_points(
    around: &Surroundings<'_>,
    wanted: &Wanted,
    config_file: &str,
    runtime_file: &str,
) -> Result<Vec<Tended>, Failure> {
    let owner = owner_of(around, wanted).await?;
    let Owner::Machine(machine) = &owner else {
        return Err(Failure::new(Kind::Usage, "points are brought back of one machine at a time"));
    };
    let before = around.host.marks(&owner).await.map_err(failed)?;
    let asked = around.host.import_points(machine, config_file, runtime_file).await;
    match asked {
        Ok(Begun::Done) => {}
        Ok(Begun::Job(path)) => finish(around, &path, "import").await?,
        Err(error) if may_have_begun(&error) => {
            let failure = failed(&error);
            let hint =
                "refpoint point list shows what came of it; to import the same again adds nothing twice";
            return Err(failure.with_hint(hint));
        }
        Err(Error::Client(error)) if error.fault().is_some() => {
            let failure = failed(Error::Client(error));
            return Err(failure.with_hint("Windows Server 2016 may not have this method"));
        }
        Err(error) => return Err(failed(&error)),
    }
    let after = around.host.marks(&owner).await.map_err(failed)?;
    let mut found = Vec::new();
    for mark in after {
        if before.iter().any(|there| there.id().eq_ignore_ascii_case(mark.id())) {
            continue;
        }
        let (kind, subject, id) = (kind_of(&owner), owner.id().to_string(), mark.id().to_owned());
        let known = around.keeper.with(move |ledger| ledger.point(kind, &subject, &id)).await;
        let ours = known.map_err(unkept)?;
        if let Some(ours) = &ours {
            own_mark(around, &owner, &mark, ours.origin, ours.made_at).await?;
        }
        found.push(Tended { owner: owner.clone(), mark, ours });
    }
    Ok(found)
}

impl From<OwnedMark> for Tended {
    fn from(owned: OwnedMark) -> Self {
        Self { owner: owned.owner, mark: owned.mark, ours: None }
    }
}

impl Tended {
    /// Says whether it is ours and was not thought to be gone.
    pub fn is_ours(&self) -> bool {
        self.ours.is_some()
    }

    /// Returns how it became ours.
    pub fn origin(&self) -> Option<Origin> {
        self.ours.as_ref().map(|ours| ours.origin)
    }
}
