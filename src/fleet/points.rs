//! Points that become ours: made for us, or adopted.

use super::follow::{Followed, follow};
use super::report::{Failure, Kind};
use super::resolve::choices;
use super::unit::Surroundings;
use crate::client::codes::Treatment;
use crate::hyperv::{
    Begun, Consistency, Error, Machine, ObjectPath, Point, PointType, RCT_NUMBERS, Selector, is_as_asked,
};
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

/// Has a point of a machine made, looks whether it is what was asked for, and writes down that it is ours and
/// when it was made. One that is something else is removed again.
pub async fn create_point(
    around: &Surroundings<'_>,
    selector: &Selector,
    consistency: Consistency,
    wanted: PointType,
) -> Result<Owned, Failure> {
    let host = around.host;
    let machine = host.machine(selector).await.map_err(failed)?;
    if let Some(busy) = machine.busy.filter(|busy| busy.is_in_the_way()) {
        return Err(Failure::new(Kind::Busy, format!("the host is {} {}", busy.name(), machine.name)));
    }
    let before = host.points(&machine).await.map_err(failed)?;
    let job = begin(around, &machine, consistency, wanted).await?;
    if let Begun::Job(path) = &job {
        finish(around, path).await?;
    }
    let point = find_made(around, &machine, &job, &before).await?;
    if !is_as_asked(&point, wanted, consistency) {
        return Err(undo(around, &point, wanted).await);
    }
    own(around, &machine, &point, Origin::Made).await?;
    Ok(Owned { machine, point, origin: Origin::Made })
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

/// Tries the numbers that may mean the wanted type. Only a number that the host does not take is followed by
/// another: what it may have begun is never asked for twice.
async fn begin(
    around: &Surroundings<'_>,
    machine: &Machine,
    consistency: Consistency,
    wanted: PointType,
) -> Result<Begun, Failure> {
    let numbers: &[u16] = match wanted {
        PointType::Rct => &RCT_NUMBERS,
        PointType::Log => &[1],
        PointType::Other(_) => &[],
    };
    let mut refusal = None;
    for number in numbers {
        match around.host.create_point(machine, consistency, *number).await {
            Ok(begun) => return Ok(begun),
            Err(error @ Error::Refused { code, .. }) if NOT_THIS_NUMBER.contains(&code) => {
                refusal = Some(error)
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Err(refusal.map_or_else(|| Failure::new(Kind::Usage, "points of that type cannot be made"), failed))
}

async fn finish(around: &Surroundings<'_>, path: &ObjectPath) -> Result<(), Failure> {
    let id = path.key_text("InstanceID").unwrap_or_default().into_owned();
    let unknown = |why: &str| {
        let failure = Failure::new(Kind::Unknown, format!("job {id} makes the point, and {why}"));
        failure.with_hint("refpoint point list shows whether it is there; adopt it, or make another")
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
            Err(Failure::new(Kind::Deadline, format!("the deadline has passed; job {id} may still run")))
        }
        Followed::Left(_) => Err(unknown("we were told to leave")),
        Followed::Lost(error) => Err(unknown(&Failure::from(&*error).message)),
    }
}

/// The job's own link to what it made counts most; a host that does not have it shows one point more.
async fn find_made(
    around: &Surroundings<'_>,
    machine: &Machine,
    begun: &Begun,
    before: &[Point],
) -> Result<Point, Failure> {
    let made = match begun {
        Begun::Job(path) => around.host.made_by(path).await.unwrap_or_default(),
        Begun::Done => Vec::new(),
    };
    let after = around.host.points(machine).await.map_err(failed)?;
    let namespace = around.host.namespace();
    let linked =
        after.iter().find(|point| made.iter().any(|path| path.is_same_object(&point.path(namespace))));
    if let Some(point) = linked {
        return Ok(point.clone());
    }
    let mut new = after.iter().filter(|point| !before.iter().any(|old| old.id == point.id));
    match (new.next(), new.next()) {
        (Some(point), None) => Ok(point.clone()),
        (None, _) => Err(Failure::new(Kind::Unknown, "the host says that it made a point, and shows none")),
        (Some(_), Some(_)) => {
            let message = "several points are new, and which of them is ours the host does not say";
            Err(Failure::new(Kind::Unknown, message)
                .with_hint("refpoint point list shows them; adopt one by its identifier"))
        }
    }
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

async fn own(
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

/// Not supported, invalid parameter, incorrect type: in either list of return values.
const NOT_THIS_NUMBER: [u32; 6] = [1, 4, 6, 32770, 32773, 32776];
