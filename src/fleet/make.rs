//! Points that are made for us: written down before the host is asked, and found again after whatever came between.

use tokio::time::sleep;

use super::follow::{Cut, Followed, follow, within};
use super::points::{Owned, own};
use super::report::{Failure, Kind};
use super::unit::{LOOK_AGAIN, SETTLING, Surroundings, interrupted, may_have_begun};
use crate::client::codes::Treatment;
use crate::hyperv::{
    Begun, Consistency, Error, Job, Machine, ObjectPath, Point, PointType, RCT_NUMBERS, Selector, is_as_asked,
};
use crate::ledger::{self, Making, NewMaking, Origin, Subject};

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
    make_point(around, selector, consistency, wanted, "").await
}

/// The same for a purpose, by which it is found again.
pub(super) async fn make_point(
    around: &Surroundings<'_>,
    selector: &Selector,
    consistency: Consistency,
    wanted: PointType,
    purpose: &str,
) -> Result<Owned, Failure> {
    let machine = around.host.machine(selector).await.map_err(failed)?;
    let name = format!("making vm {}", machine.id);
    let held = around.keeper.with(move |ledger| ledger.hold(&name)).await.map_err(unkept)?;
    if held.is_none() {
        let message = format!("another refpoint is having a point of {} made", machine.name);
        return Err(Failure::new(Kind::Busy, message));
    }
    let id = machine.id.to_string();
    let open =
        around.keeper.with(move |ledger| ledger.open_making(ledger::Kind::Vm, &id)).await.map_err(unkept)?;
    if let Some(making) = open {
        let is_ours = making.new.purpose == purpose;
        match recover(around, &machine, &making).await? {
            Some(point) => {
                let owned = keep(around, &machine, point, &making).await?;
                if is_ours && is_as_asked(&owned.point, wanted, consistency) {
                    return Ok(owned);
                }
            }
            None => end(around, &making, None).await?,
        }
    }
    let machine = around.host.machine(&Selector::Id(machine.id)).await.map_err(failed)?;
    if let Some(busy) = machine.busy.filter(|busy| busy.is_in_the_way()) {
        return Err(Failure::new(Kind::Busy, format!("the host is {} {}", busy.name(), machine.name)));
    }
    anew(around, &machine, (consistency, wanted), purpose).await
}

async fn anew(
    around: &Surroundings<'_>,
    machine: &Machine,
    (consistency, wanted): (Consistency, PointType),
    purpose: &str,
) -> Result<Owned, Failure> {
    let before = around.host.points(machine).await.map_err(failed)?;
    let new = NewMaking {
        host: around.host.name().await.map_err(failed)?,
        subject: subject(machine),
        purpose: purpose.to_owned(),
        before: before.iter().map(|point| point.id.clone()).collect(),
    };
    let (written, at) = (new.clone(), around.now());
    let id = around.keeper.with(move |ledger| ledger.making_begun(&written, at)).await.map_err(unkept)?;
    let mut making = Making { id, new, at, job: None, point: None, ended_at: None };
    let point = match begin(around, machine, consistency, wanted).await {
        Ok(Begun::Done) => find_made(around, machine, None, &making).await?,
        Ok(Begun::Job(path)) => {
            let text = path.to_string();
            making.job = Some(text.clone());
            // The host is at work: a ledger that fails now is met again when the point is written down.
            let _ = around.keeper.with(move |ledger| ledger.making_job(id, &text)).await;
            match finish(around, &path).await {
                Ok(()) => find_made(around, machine, Some(&path), &making).await?,
                Err(failure) if failure.kind == Kind::JobFailed => {
                    end(around, &making, None).await?;
                    return Err(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(error) if may_have_begun(&error) => match recover(around, machine, &making).await? {
            Some(point) => point,
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
            return Err(failed(error));
        }
    };
    if !is_as_asked(&point, wanted, consistency) {
        let failure = undo(around, &point, wanted).await;
        end(around, &making, None).await?;
        return Err(failure);
    }
    keep(around, machine, point, &making).await
}

/// Writes down that a point is ours, and what it was made for.
async fn keep(
    around: &Surroundings<'_>,
    machine: &Machine,
    point: Point,
    making: &Making,
) -> Result<Owned, Failure> {
    own(around, machine, &point, Origin::Made).await?;
    end(around, making, Some(&point.id)).await?;
    Ok(Owned { machine: machine.clone(), point, origin: Origin::Made })
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
    machine: &Machine,
    consistency: Consistency,
    wanted: PointType,
) -> Result<Begun, Error> {
    let numbers: &[u16] = match wanted {
        PointType::Rct => &RCT_NUMBERS,
        PointType::Log => &[1],
        PointType::Other(_) => &[],
    };
    let mut refusal = None;
    for number in numbers {
        match around.host.create_point(machine, consistency, *number).await {
            Err(error @ Error::Refused { code, .. }) if NOT_THIS_NUMBER.contains(&code) => {
                refusal = Some(error);
            }
            done => return done,
        }
    }
    Err(refusal
        .unwrap_or_else(|| Error::Unexpected { what: "points of that type cannot be made".to_owned() }))
}

async fn finish(around: &Surroundings<'_>, path: &ObjectPath) -> Result<(), Failure> {
    let id = path.key_text("InstanceID").unwrap_or_default().into_owned();
    let unknown = |why: &str| {
        let failure = Failure::new(Kind::Unknown, format!("job {id} makes the point, and {why}"));
        failure.with_hint(TAKEN_UP)
    };
    match follow(around, path, None, &mut None).await {
        Followed::Over(job) => match job.treatment() {
            Treatment::Succeeded | Treatment::SucceededWithWarnings => Ok(()),
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
        Followed::Left(_) => Err(unknown("we were told to leave")),
        Followed::Lost(error) => Err(unknown(&Failure::from(&*error).message)),
    }
}

/// The job's own link to what it made counts most; a host that does not have it shows one point more.
async fn find_made(
    around: &Surroundings<'_>,
    machine: &Machine,
    job: Option<&ObjectPath>,
    making: &Making,
) -> Result<Point, Failure> {
    let made = match job {
        Some(path) => around.host.made_by(path).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let after = around.host.points(machine).await.map_err(failed)?;
    let namespace = around.host.namespace();
    let linked =
        after.iter().find(|point| made.iter().any(|path| path.is_same_object(&point.path(namespace))));
    if let Some(point) = linked {
        return Ok(point.clone());
    }
    let mut new = after.iter().filter(|point| !making.was_there(&point.id));
    match (new.next(), new.next()) {
        (Some(point), None) => Ok(point.clone()),
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
async fn recover(
    around: &Surroundings<'_>,
    machine: &Machine,
    making: &Making,
) -> Result<Option<Point>, Failure> {
    if let Some(point) = owned_since(around, machine, making).await? {
        return Ok(Some(point));
    }
    let job = making.job.as_deref().and_then(|path| path.parse::<ObjectPath>().ok());
    if let Some(path) = &job
        && around.host.job(path).await.map_err(failed)?.is_some()
    {
        return match finish(around, path).await {
            Ok(()) => find_made(around, machine, Some(path), making).await.map(Some),
            Err(failure) if failure.kind == Kind::JobFailed => Ok(None),
            Err(failure) => Err(failure),
        };
    }
    let settled = around.operation_timeout + SETTLING;
    let mut waits = 0;
    loop {
        let points = around.host.points(machine).await.map_err(failed)?;
        let new: Vec<_> = points.iter().filter(|point| !making.was_there(&point.id)).collect();
        if let Some((job, point)) = maker(around, &new).await? {
            if !job.is_over() {
                finish(around, &job.path(around.host.namespace())).await?;
            }
            return Ok(Some(point));
        }
        let now = around.host.machine(&Selector::Id(machine.id.clone())).await.map_err(failed)?;
        let is_busy = now.busy.is_some_and(|busy| busy.is_in_the_way());
        let has_settled = around.now().duration_since(making.at).is_ok_and(|elapsed| elapsed >= settled);
        if has_settled && (!is_busy || waits > MOST_WAITS) {
            return match &*new {
                [] if !is_busy => Ok(None),
                [] => Err(Failure::new(Kind::Busy, format!("the host is still at work on {}", machine.name))),
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
    machine: &Machine,
    making: &Making,
) -> Result<Option<Point>, Failure> {
    let id = machine.id.to_string();
    let ours =
        around.keeper.with(move |ledger| ledger.points_of(ledger::Kind::Vm, &id)).await.map_err(unkept)?;
    let Some(ours) = ours.into_iter().find(|point| {
        point.origin == Origin::Made && point.made_at >= making.at && !making.was_there(&point.id)
    }) else {
        return Ok(None);
    };
    let points = around.host.points(machine).await.map_err(failed)?;
    Ok(points.into_iter().find(|point| point.id.eq_ignore_ascii_case(&ours.id)))
}

/// Returns the one job that has made one of these points, where its owner may be us.
async fn maker(around: &Surroundings<'_>, new: &[&Point]) -> Result<Option<(Job, Point)>, Failure> {
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
        let point =
            new.iter().find(|point| made.iter().any(|path| path.is_same_object(&point.path(namespace))));
        found.extend(point.map(|point| (job, (*point).clone())));
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
async fn unclear(around: &Surroundings<'_>, making: &Making, new: &[&Point]) -> Result<Failure, Failure> {
    end(around, making, None).await?;
    let ids: Vec<_> = new.iter().map(|point| &*point.id).collect();
    let message = format!(
        "a point was to be made, and what came of it cannot be told: since then there is {}",
        ids.join(" and ")
    );
    let hint = "refpoint point adopt ID takes it as ours; the same command again makes another";
    Ok(Failure::new(Kind::Unknown, message).with_hint(hint))
}

/// Removes what is not what was asked for, so that nobody takes it for that later.
async fn undo(around: &Surroundings<'_>, point: &Point, wanted: PointType) -> Failure {
    let made = format!(
        "the host made a {} point with {} of {} tracking identifiers, asked for was a {} point",
        point.point_type.name(),
        point.tracking.len(),
        point.disks.len(),
        wanted.name()
    );
    let removed = match around.host.destroy_point(point).await {
        Ok(Begun::Done) => true,
        Ok(Begun::Job(path)) => finish(around, &path).await.is_ok(),
        Err(_) => false,
    };
    let what =
        if removed { "it was removed again".to_owned() } else { format!("it is still there: {}", point.id) };
    Failure::new(Kind::Refused, format!("{made}; {what}"))
}

fn subject(machine: &Machine) -> Subject {
    Subject { kind: ledger::Kind::Vm, id: machine.id.to_string(), name: machine.name.clone() }
}

fn failed(error: impl std::borrow::Borrow<Error>) -> Failure {
    error.borrow().into()
}

fn unkept(error: ledger::Error) -> Failure {
    (&error).into()
}

/// Not supported, invalid parameter, incorrect type: in either list of return values.
const NOT_THIS_NUMBER: [u32; 6] = [1, 4, 6, 32770, 32773, 32776];

/// A machine that stays busy for so many looks is not waited for any longer.
pub(super) const MOST_WAITS: u32 = 600;

/// What to do about a point that may be on its way.
const TAKEN_UP: &str = "the same command again takes it up; refpoint point list shows whether it is there";
