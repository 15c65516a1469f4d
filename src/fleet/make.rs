//! Points that are made for us: written down before the host is asked, and found again after whatever came between.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::event::News;
use super::follow::{Cut, Followed, cut, follow, within};
use super::look::{LOOK_AGAIN, SETTLING};
use super::marks::{OwnedMark, failed, kind_of, own_mark, owner_of, subject_of, unkept};
use super::patience::{Again, MOST_TRIES, Patience, again};
use super::plan::Wanted;
use super::points::Owned;
use super::report::{Failure, Kind};
use super::tend::{destroy_mark, warn_of_job};
use super::unit::{Surroundings, may_have_begun};
use super::verdict::{interrupted, not_asked};
use crate::client::codes::Treatment;
use crate::hyperv::{
    Begun, Consistency, Error, Job, Made, Mark, ObjectPath, Owner, PointType, RCT_NUMBERS, Selector,
    is_as_asked,
};
use crate::ledger::{Making, NewMaking, Origin};

/// What sort of point is to be made, and by which numbers it is asked for. The documentation contradicts itself on
/// the number of a machine's point; the result is looked at whichever was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A mark in the change tracking, by 2; by 1 where the host does not take that.
    #[default]
    Auto,
    /// The same, by 2 alone.
    Rct,
    /// A log, by 1 alone.
    Log,
}

impl Sort {
    pub(super) fn wanted(self) -> PointType {
        match self {
            Self::Auto | Self::Rct => PointType::Rct,
            Self::Log => PointType::Log,
        }
    }

    /// The service of groups has one list of numbers, and no contradiction.
    fn numbers(self, owner: &Owner) -> &'static [u16] {
        match (self, owner) {
            (Self::Auto, Owner::Machine(_)) => &RCT_NUMBERS,
            (Self::Auto | Self::Rct, _) => &[2],
            (Self::Log, _) => &[1],
        }
    }
}

/// Has a point of a machine made, looks whether it is what was asked for, and writes down that it is ours and
/// when it was made. One that is something else is removed again.
///
/// The same again, after whatever ended the one before, takes up what that one began.
pub async fn create_point(
    around: &Surroundings<'_>,
    selector: &Selector,
    consistency: Consistency,
    wanted: PointType,
) -> Result<Owned, Failure> {
    let sort = match wanted {
        PointType::Rct => Sort::Auto,
        PointType::Log => Sort::Log,
        PointType::Other(_) => {
            return Err(Failure::new(Kind::Usage, "points of that type cannot be made"));
        }
    };
    let wanted = Wanted::Machine(selector.clone());
    match make_mark(around, &wanted, consistency, sort, "").await? {
        OwnedMark { owner: Owner::Machine(machine), mark: Mark::Point(point), origin } => {
            Ok(Owned { machine, point, origin })
        }
        _ => Err(Failure::new(Kind::Fault, "of a machine a point of a group was made")),
    }
}

/// Has a point of a machine or of a group made, as [`create_point`] does of a machine.
pub async fn create_mark(
    around: &Surroundings<'_>,
    wanted: &Wanted,
    consistency: Consistency,
    sort: Sort,
) -> Result<OwnedMark, Failure> {
    make_mark(around, wanted, consistency, sort, "").await
}

/// The same for a purpose, by which it is found again.
pub(super) async fn make_mark(
    around: &Surroundings<'_>,
    wanted: &Wanted,
    consistency: Consistency,
    sort: Sort,
    purpose: &str,
) -> Result<OwnedMark, Failure> {
    let owner = owner_of(around, wanted).await?;
    let kind = match owner {
        Owner::Machine(_) => "vm",
        Owner::Group(_) => "group",
    };
    let name = format!("making {kind} {}", owner.id());
    let held = around.keeper.with(move |ledger| ledger.hold(&name)).await.map_err(unkept)?;
    if held.is_none() {
        let message = format!("another refpoint is having a point of {} made", owner.name());
        return Err(Failure::new(Kind::InUse, message).with_hint(WAIT_FOR_IT));
    }
    let (of, id) = (kind_of(&owner), owner.id().to_string());
    let open = around.keeper.with(move |ledger| ledger.open_making(of, &id)).await.map_err(unkept)?;
    if let Some(making) = open {
        let is_ours = making.new.purpose == purpose;
        match recover(around, &owner, &making).await? {
            Some(mark) => {
                let owned = keep(around, &owner, mark, &making).await?;
                if is_ours && is_as_wanted(around, &owned.mark, sort, consistency).await? {
                    return Ok(owned);
                }
            }
            None => end(around, &making, None).await?,
        }
    }
    let mut patience = Patience::default();
    loop {
        let machines = around.host.machines_of(&owner).await.map_err(failed)?;
        let busy = machines.iter().find_map(|machine| {
            let busy = machine.busy.as_ref().filter(|busy| busy.is_in_the_way())?;
            Some(format!("the host is {} {}", busy.name(), machine.name))
        });
        let tried = match busy {
            Some(message) => Try::TurnedAway(Failure::new(Kind::Busy, message)),
            None => anew(around, &owner, (consistency, sort), purpose).await?,
        };
        match tried {
            Try::Made(owned) => return Ok(*owned),
            Try::TurnedAway(failure) => wait(around, &owner, &mut patience, failure).await?,
        }
    }
}

/// What became of having a point made.
enum Try {
    /// It is there.
    Made(Box<OwnedMark>),
    /// The host has certainly not begun, and may soon.
    TurnedAway(Failure),
}

/// Waits until a host may be asked again; the failure where there were enough tries, or there is no time.
async fn wait(
    around: &Surroundings<'_>,
    owner: &Owner,
    patience: &mut Patience,
    failure: Failure,
) -> Result<(), Failure> {
    patience.tried();
    let host = around.host.name().await.map_err(failed)?;
    let Some(pause) = patience.pause(&format!("{host} {}", owner.id()), around.deadline) else {
        return Err(patience.spent(failure));
    };
    let cause = format!("{}, try {} of {MOST_TRIES}", failure.message, patience.tries());
    around.tell(News::Retry { kind: Some(failure.kind), cause, after: pause.as_secs_f64() });
    within(around, sleep(pause)).await.map_err(|cut| {
        let cut = not_asked(&cut);
        let message = format!("{}: {}", cut.message, patience.spent(failure).message);
        cut.with_message(message)
    })
}

async fn anew(
    around: &Surroundings<'_>,
    owner: &Owner,
    (consistency, sort): (Consistency, Sort),
    purpose: &str,
) -> Result<Try, Failure> {
    let before = around.host.marks(owner).await.map_err(failed)?;
    let new = NewMaking {
        host: around.host.name().await.map_err(failed)?,
        subject: subject_of(owner),
        purpose: purpose.to_owned(),
        before: before.iter().map(|mark| mark.id().to_owned()).collect(),
    };
    let (written, at) = (new.clone(), around.now());
    let id = around.keeper.with(move |ledger| ledger.making_begun(&written, at)).await.map_err(unkept)?;
    let mut making = Making { id, new, at, job: None, point: None, ended_at: None };
    let begun = tokio::select! {
        begun = begin(around, owner, consistency, sort) => begun,
        // An answer that is on its way is worth a moment. What the host makes of the call the next try finds out.
        cut = async { let cut = cut(around).await; sleep(LAST_MOMENT).await; cut } => {
            let failure = not_asked(&cut);
            let message = "there was no time to wait for what the host answers; a point may be made";
            return Err(failure.with_message(message).with_hint(TAKEN_UP));
        }
    };
    let mark = match begun {
        Ok(Made { begun: Begun::Done, result }) => {
            find_made(around, owner, None, result.as_ref(), &making).await?
        }
        Ok(Made { begun: Begun::Job(path), result }) => {
            let text = path.to_string();
            making.job = Some(text.clone());
            // The host is at work: a ledger that fails now is met again when the point is written down.
            let _ = around.keeper.with(move |ledger| ledger.making_job(id, &text)).await;
            match finish(around, &making, &path).await {
                Ok(()) => find_made(around, owner, Some(&path), result.as_ref(), &making).await?,
                Err(failure) if failure.kind == Kind::JobFailed => {
                    end(around, &making, None).await?;
                    return Err(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(error) if may_have_begun(&error) => match recover(around, owner, &making).await? {
            Some(mark) => mark,
            None => {
                end(around, &making, None).await?;
                let failure = failed(error);
                let message =
                    format!("the host has certainly not begun to make a point: {}", failure.message);
                return Err(Failure::new(Kind::Busy, message));
            }
        },
        Err(error) => {
            end(around, &making, None).await?;
            return match again(&error) {
                Again::Proven => Ok(Try::TurnedAway(failed(error))),
                Again::Never | Again::WhereNothingIsSeen => Err(failed(error)),
            };
        }
    };
    if !is_as_wanted(around, &mark, sort, consistency).await? {
        let failure = undo(around, owner, &mark, sort.wanted()).await;
        end(around, &making, None).await?;
        return Err(failure);
    }
    Ok(Try::Made(Box::new(keep(around, owner, mark, &making).await?)))
}

/// Says whether a point is what was asked for. What a collection says of its consistency may mean either level:
/// that of its points counts.
async fn is_as_wanted(
    around: &Surroundings<'_>,
    mark: &Mark,
    sort: Sort,
    consistency: Consistency,
) -> Result<bool, Failure> {
    let points = around.host.points_within(mark).await.map_err(failed)?;
    let are = points.iter().all(|point| is_as_asked(point, sort.wanted(), consistency));
    Ok(are && !points.is_empty() && mark.point_type() == sort.wanted())
}

/// Writes down that a point is ours, and what it was made for.
async fn keep(
    around: &Surroundings<'_>,
    owner: &Owner,
    mark: Mark,
    making: &Making,
) -> Result<OwnedMark, Failure> {
    own_mark(around, owner, &mark, Origin::Made, around.now()).await?;
    end(around, making, Some(mark.id())).await?;
    Ok(OwnedMark { owner: owner.clone(), mark, origin: Origin::Made })
}

async fn end(around: &Surroundings<'_>, making: &Making, point: Option<&str>) -> Result<(), Failure> {
    let (id, at, point) = (making.id, around.now(), point.map(str::to_owned));
    let written = around.keeper.with(move |ledger| ledger.making_ended(id, at, point.as_deref())).await;
    written.map_err(unkept)
}

/// Tries the numbers that may mean the wanted type. Only a number that the host does not take is followed by
/// another: what it may have begun is never asked for twice.
async fn begin(
    around: &Surroundings<'_>,
    owner: &Owner,
    consistency: Consistency,
    sort: Sort,
) -> Result<Made, Error> {
    let mut refusal = None;
    for number in sort.numbers(owner) {
        match around.host.create_mark(owner, consistency, *number).await {
            Err(error @ Error::Refused { code, .. }) if NOT_THIS_NUMBER.contains(&code) => {
                // What was refused first is what was asked for; that another number is refused too says less.
                refusal.get_or_insert(error);
            }
            done => return done,
        }
    }
    Err(refusal
        .unwrap_or_else(|| Error::Unexpected { what: "points of that type cannot be made".to_owned() }))
}

async fn finish(around: &Surroundings<'_>, making: &Making, path: &ObjectPath) -> Result<(), Failure> {
    let id = path.key_text("InstanceID").unwrap_or_default().into_owned();
    let unknown = |why: &str| {
        let failure = Failure::new(Kind::Unknown, format!("job {id} makes the point, and {why}"));
        failure.with_hint(TAKEN_UP)
    };
    match follow(around, path, None, &mut None).await {
        Followed::Over(job) => match job.treatment() {
            Treatment::Succeeded => Ok(()),
            Treatment::SucceededWithWarnings => {
                // Before the point is ours: whoever finds it made is to hear how.
                let (id, message) = (making.id, warn_of_job(around, path, &job, "making of the point").await);
                let written = around.keeper.with(move |ledger| ledger.making_warned(id, &message)).await;
                written.map_err(unkept)
            }
            _ => {
                let errors = around.host.job_errors(path).await.unwrap_or_default();
                let said = errors.first().map_or(&job.error_description, |error| &error.message);
                let message =
                    format!("the point was not made, its job ended as {}: {said}", job.state_name());
                Err(Failure::new(Kind::JobFailed, message).with_code(job.error_code))
            }
        },
        Followed::Vanished => Err(unknown("nobody saw it end")),
        Followed::Deadline => {
            let failure =
                Failure::new(Kind::Deadline, format!("the deadline has passed; job {id} may still run"));
            Err(failure.with_hint(TAKEN_UP))
        }
        Followed::Left(reason) => {
            let left = interrupted(reason);
            let message = format!("{}: job {id} makes the point", left.message);
            Err(left.with_message(message).with_hint(TAKEN_UP))
        }
        Followed::Lost(error) => Err(unknown(&Failure::from(&*error).message)),
    }
}

/// What the answer names counts most, then the job's own link to what it made; a host that has neither shows one
/// point more.
async fn find_made(
    around: &Surroundings<'_>,
    owner: &Owner,
    job: Option<&ObjectPath>,
    result: Option<&ObjectPath>,
    making: &Making,
) -> Result<Mark, Failure> {
    let mut made = match job {
        Some(path) => around.host.made_by(path).await.unwrap_or_default(),
        None => Vec::new(),
    };
    made.extend(result.cloned());
    let after = around.host.marks(owner).await.map_err(failed)?;
    let namespace = around.host.namespace();
    let linked = after.iter().find(|mark| made.iter().any(|path| path.is_same_object(&mark.path(namespace))));
    if let Some(mark) = linked {
        return Ok(mark.clone());
    }
    let mut new = after.iter().filter(|mark| !making.was_there(mark.id()));
    match (new.next(), new.next()) {
        (Some(mark), None) => Ok(mark.clone()),
        (None, _) => Err(Failure::new(Kind::Unknown, "the host says that it made a point, and shows none")),
        (Some(_), Some(_)) => {
            end(around, making, None).await?;
            let message = "several points are new, and which of them is ours the host does not say";
            Err(Failure::new(Kind::Unknown, message)
                .with_hint("refpoint point list shows them; adopt one by its identifier"))
        }
    }
}

/// Finds the point that an earlier call has made, or may have: `None` where it certainly made none.
///
/// A point counts as made by that call if the call's own job links to it, or a job of the same user; a point that
/// merely appeared may be another product's, and is nobody's until a person says so.
async fn recover(around: &Surroundings<'_>, owner: &Owner, making: &Making) -> Result<Option<Mark>, Failure> {
    if let Some(mark) = owned_since(around, owner, making).await? {
        let id = making.id;
        let said = around.keeper.with(move |ledger| ledger.making_warnings(id)).await.map_err(unkept)?;
        said.into_iter().for_each(|message| around.tell(News::Warning { message }));
        return Ok(Some(mark));
    }
    let job = making.job.as_deref().and_then(|path| path.parse::<ObjectPath>().ok());
    if let Some(path) = &job
        && around.host.job(path).await.map_err(failed)?.is_some()
    {
        return match finish(around, making, path).await {
            Ok(()) => find_made(around, owner, Some(path), None, making).await.map(Some),
            Err(failure) if failure.kind == Kind::JobFailed => Ok(None),
            Err(failure) => Err(failure),
        };
    }
    let settled = around.operation_timeout + SETTLING;
    let began = Instant::now();
    let mut waits = 0;
    loop {
        let marks = around.host.marks(owner).await.map_err(failed)?;
        let new: Vec<_> = marks.iter().filter(|mark| !making.was_there(mark.id())).collect();
        if let Some((job, mark)) = maker(around, &new).await? {
            // One that is over has made it, whatever else it says of itself; what it warns of is told.
            if !job.is_over() || job.treatment() == Treatment::SucceededWithWarnings {
                finish(around, making, &job.path(around.host.namespace())).await?;
            }
            return Ok(Some(mark));
        }
        let machines = around.host.machines_of(owner).await.map_err(failed)?;
        let is_busy = machines.iter().any(|machine| machine.busy.is_some_and(|busy| busy.is_in_the_way()));
        // A clock that was set back is not waited for.
        let elapsed = around.now().duration_since(making.at).unwrap_or_default();
        let has_settled = elapsed.max(began.elapsed()) >= settled;
        if has_settled && (!is_busy || waits > MOST_WAITS) {
            return match &*new {
                [] if !is_busy => Ok(None),
                [] => Err(Failure::new(Kind::Busy, format!("the host is still at work on {}", owner.name()))),
                new => Err(unclear(around, making, new).await?),
            };
        }
        waits += 1;
        match within(around, sleep(LOOK_AGAIN)).await {
            Ok(()) => {}
            Err(Cut::Deadline) => {
                let message = "the deadline has passed, and a point may still be made";
                return Err(Failure::new(Kind::Deadline, message).with_hint(TAKEN_UP));
            }
            Err(Cut::Left(reason)) => return Err(interrupted(reason).with_hint(TAKEN_UP)),
        }
    }
}

/// Returns the point that is written down as ours since: only the last word was not written.
async fn owned_since(
    around: &Surroundings<'_>,
    owner: &Owner,
    making: &Making,
) -> Result<Option<Mark>, Failure> {
    let (kind, id) = (kind_of(owner), owner.id().to_string());
    let ours = around.keeper.with(move |ledger| ledger.points_of(kind, &id)).await.map_err(unkept)?;
    let Some(ours) = ours.into_iter().find(|point| {
        point.origin == Origin::Made && point.made_at >= making.at && !making.was_there(&point.id)
    }) else {
        return Ok(None);
    };
    let marks = around.host.marks(owner).await.map_err(failed)?;
    Ok(marks.into_iter().find(|mark| mark.id().eq_ignore_ascii_case(&ours.id)))
}

/// Returns the one job that has made one of these points, where its owner may be us.
async fn maker(around: &Surroundings<'_>, new: &[&Mark]) -> Result<Option<(Job, Mark)>, Failure> {
    if new.is_empty() {
        return Ok(None);
    }
    let namespace = around.host.namespace();
    let mut found = Vec::new();
    for job in around.host.jobs().await.map_err(failed)? {
        if !may_be_of(&job.owner, around.host.user()) {
            continue;
        }
        let made = around.host.made_by(&job.path(namespace)).await.unwrap_or_default();
        let mark = new.iter().find(|mark| made.iter().any(|path| path.is_same_object(&mark.path(namespace))));
        found.extend(mark.map(|mark| (job, (*mark).clone())));
    }
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// Says whether a job's owner, `DOMAIN\user`, may be that user: names of domains have several spellings.
pub(super) fn may_be_of(owner: &str, user: Option<&str>) -> bool {
    let bare = |name: &str| {
        name.rsplit('\\').next().unwrap_or(name).split('@').next().unwrap_or(name).to_lowercase()
    };
    match user {
        Some(user) if !owner.is_empty() => bare(owner) == bare(user),
        _ => true,
    }
}

/// Gives up on points that are there and that nobody can be shown to have made.
async fn unclear(around: &Surroundings<'_>, making: &Making, new: &[&Mark]) -> Result<Failure, Failure> {
    end(around, making, None).await?;
    let ids: Vec<_> = new.iter().map(|mark| mark.id()).collect();
    let message = format!(
        "a point was to be made, and what came of it cannot be told: since then there is {}",
        ids.join(" and ")
    );
    let hint = "refpoint point adopt ID takes it as ours; the same command again makes another";
    Ok(Failure::new(Kind::Unknown, message).with_hint(hint))
}

/// Removes what is not what was asked for, so that nobody takes it for that later.
async fn undo(around: &Surroundings<'_>, owner: &Owner, mark: &Mark, wanted: PointType) -> Failure {
    let points = around.host.points_within(mark).await.unwrap_or_default();
    let of = points.iter().find(|point| point.point_type != wanted || !point.is_whole());
    let detail = of.or(points.first()).map_or_else(String::new, |point| {
        format!(" with {} of {} tracking identifiers", point.tracking.len(), point.disks.len())
    });
    let made = format!(
        "the host made a {} point{detail}, asked for was a {} point",
        mark.point_type().name(),
        wanted.name()
    );
    let what = match destroy_mark(around, owner, mark).await {
        Ok(()) => "it was removed again".to_owned(),
        Err(failure) => format!("{} may still be there: {}", mark.id(), failure.message),
    };
    Failure::new(Kind::Refused, format!("{made}; {what}"))
}

/// Not supported, invalid parameter, incorrect type: in either list of return values.
const NOT_THIS_NUMBER: [u32; 6] = [1, 4, 6, 32770, 32773, 32776];

/// How long the answer to the call is waited for when there is no more time.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// A machine that stays busy for so many looks is not waited for any longer.
pub(super) const MOST_WAITS: u32 = 600;

/// What to do where another process has hold of a machine or a group.
pub(super) const WAIT_FOR_IT: &str = "wait for its end; then the same command again";

/// What to do about a point that may be on its way.
const TAKEN_UP: &str = "the same command again takes it up; refpoint point list shows whether it is there";
