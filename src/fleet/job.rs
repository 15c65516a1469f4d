use std::sync::Arc;
use std::time::Duration;

use super::follow::{Followed, follow};
use super::record::Record;
use super::report::{
    self, Failure, JobReport, Kind, Named, Number, Outcome, PointReport, ReceiptReport, Report,
};
use super::unit::{Surroundings, follow_recorded, timestamp};
use super::verdict::interrupted;
use crate::client::codes::Treatment;
use crate::hyperv::{Job, METHOD, ObjectPath, SERVICES, advice, meaning};
use crate::ledger::{self, Claim, Export, Stage};

/// How a job ended that was waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEnd {
    /// It was an export that the ledger has without an end: by now it has one.
    Export(Box<Report>),
    /// It was something else; and why it did not end well, where it did not.
    Other(Box<Job>, Option<Failure>),
}

/// Waits for a job to end. Of an export that the ledger has without an end, the end is judged and written down
/// as by the command that began it; one whose end is written down is told as that.
pub async fn wait_for_job(
    around: &Surroundings<'_>,
    job: &Job,
    poll: Option<Duration>,
) -> Result<JobEnd, Failure> {
    if job.is_over()
        && let Some(report) = recorded_job(around, &job.id).await?
        && report.outcome.is_end()
    {
        return Ok(JobEnd::Export(Box::new(report)));
    }
    let path = job.path(around.host.namespace());
    if let Some((claim, export)) = recorded(around, job, &path).await? {
        let report = follow_recorded(around, claim, &export, path, poll).await;
        return Ok(JobEnd::Export(Box::new(report)));
    }
    if job.is_over() {
        return Ok(JobEnd::Other(Box::new(job.clone()), verdict(job)));
    }
    let mut last = Some(Arc::new(job.clone()));
    let followed = follow(around, &path, poll, &mut last).await;
    let seen = last.map_or_else(|| job.clone(), Arc::unwrap_or_clone);
    let failure = match followed {
        Followed::Over(job) => {
            let verdict = verdict(&job);
            return Ok(JobEnd::Other(Box::new(Arc::unwrap_or_clone(job)), verdict));
        }
        Followed::Vanished => {
            Failure::new(Kind::Unknown, "the host no longer has the job, and nobody saw it end")
        }
        Followed::Deadline => Failure::new(Kind::Deadline, "the deadline has passed; the job may still run"),
        Followed::Left(reason) => interrupted(reason),
        Followed::Lost(error) => Failure::from(&*error),
    };
    Ok(JobEnd::Other(Box::new(seen), Some(failure)))
}

/// Returns what the ledger knows of a job, which its host may have forgotten: how its export ended, with all
/// that was kept of it; or that nobody knows, where no end is written down.
pub async fn recorded_job(around: &Surroundings<'_>, id: &str) -> Result<Option<Report>, Failure> {
    let host = around.host.name().await.map_err(|error| Failure::from(&error))?;
    let exports = around.keeper.with(move |ledger| ledger.exports_with_jobs(&host)).await;
    let exports = exports.map_err(|error| Failure::from(&error))?;
    let is_it = |export: &Export| {
        path_of(export).is_some_and(|path| {
            path.key_text("InstanceID").is_some_and(|found| found.eq_ignore_ascii_case(id))
        })
    };
    Ok(exports.iter().find(|export| is_it(export)).map(|export| report_of(around, export)))
}

/// Tells of an export what is written down of it.
fn report_of(around: &Surroundings<'_>, export: &Export) -> Report {
    let kept = export.receipt.as_deref().and_then(|receipt| serde_json::from_str::<Report>(receipt).ok());
    if let Some(report) = kept {
        return report;
    }
    let named = Named { id: export.subject.id.clone(), name: export.subject.name.clone() };
    let (kind, machine, group) = match export.subject.kind {
        ledger::Kind::Vm => ("vm", Some(named), None),
        ledger::Kind::Group => ("group", None, Some(named)),
    };
    let path = path_of(export);
    let id = path.as_ref().and_then(|path| path.key_text("InstanceID")).unwrap_or_default();
    let outcome = export.outcome.as_deref().and_then(Outcome::of_name).unwrap_or(Outcome::Unknown);
    let error = match outcome {
        Outcome::Unknown | Outcome::Detached => {
            let message =
                format!("nobody can tell what became of the export: the ledger has no end of job {id}");
            let hint = format!(
                "look on the host into {}; the command that began it looks again, and with --retry-unknown \
                 exports anew",
                export.directory
            );
            Some(Failure::new(Kind::Unknown, message).with_hint(hint))
        }
        Outcome::Failed => {
            Some(Failure::new(Kind::JobFailed, "the ledger says that it failed, and does not say why"))
        }
        _ => None,
    };
    Report {
        schema: report::SCHEMA.to_owned(),
        host: around.label.clone(),
        kind: kind.to_owned(),
        machine,
        group,
        point: Some(PointReport::of(&export.point)),
        base: export.base.as_deref().map(PointReport::of),
        directory: export.directory.clone(),
        outcome: if outcome == Outcome::Detached { Outcome::Unknown } else { outcome },
        return_value: export.return_value.map(|code| {
            let service = match export.subject.kind {
                ledger::Kind::Vm => SERVICES[0],
                ledger::Kind::Group => SERVICES[1],
            };
            Number::new(&meaning(service, METHOD, code))
        }),
        job: path.as_ref().map(|path| JobReport::unseen(&path.class, &id)),
        receipt: ReceiptReport::default(),
        warnings: Vec::new(),
        error,
        started_at: timestamp(export.intended_at),
        finished_at: timestamp(export.ended_at.unwrap_or_else(|| around.now())),
        requests: 0,
        bytes_sent: 0,
        bytes_received: 0,
    }
}

fn path_of(export: &Export) -> Option<ObjectPath> {
    export.job.as_deref()?.parse().ok()
}

fn verdict(job: &Job) -> Option<Failure> {
    match job.treatment() {
        Treatment::Succeeded | Treatment::SucceededWithWarnings => None,
        Treatment::Cancelled => {
            Some(Failure::new(Kind::Cancelled, format!("the job was {}", job.state_name())))
        }
        _ => {
            let message = format!("the job ended as {}: {}", job.state_name(), job.error_description);
            let failure = Failure::new(Kind::JobFailed, message).with_code(job.error_code);
            Some(failure.with_hint(advice(job, &[])))
        }
    }
}

/// Takes hold of the export without an end that the job belongs to: the one whose job it is; or else one that was sent
/// and has no job yet, where this may be the one.
async fn recorded(
    around: &Surroundings<'_>,
    job: &Job,
    path: &ObjectPath,
) -> Result<Option<(Claim, Export)>, Failure> {
    let host = around.host.name().await.map_err(|error| Failure::from(&error))?;
    let written = around
        .keeper
        .with(move |ledger| Ok((ledger.open_exports(Some(&host))?, ledger.exports_with_jobs(&host)?)));
    let (open, with_jobs) = written.await.map_err(|error| Failure::from(&error))?;
    let is_its = |export: &&Export| path_of(export).is_some_and(|known| known.is_same_object(path));
    let found = match with_jobs.iter().find(is_its) {
        Some(its) => open.iter().find(|export| export.id == its.id),
        None => open.iter().find(|export| may_be_of(export, job)),
    };
    let Some(id) = found.map(|export| export.id) else { return Ok(None) };
    let claimed = around.keeper.with(move |ledger| ledger.reclaim(id)).await;
    claimed.map_err(|error| Failure::from(&error))
}

/// Says whether a job may be that of a call whose answer is not written down. What was there before the call was sent
/// is not; where nobody wrote down what was there, what has ended may have ended before.
fn may_be_of(export: &Export, job: &Job) -> bool {
    let Some(record) = Record::read(export) else { return false };
    let is_new = match &export.witness {
        Some(_) => !record.witness.has_seen(&job.id),
        None => !job.is_over(),
    };
    let is_without = export.job.is_none() && !matches!(export.stage, Stage::Intended | Stage::Ended);
    is_without && is_new && record.is_like(job) && record.agrees(job)
}
