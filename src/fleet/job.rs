use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::event::{Event, News};
use super::follow::{Control, Followed, Wish, follow};
use super::plan::{BaseChoice, DiskChoice, ExportPlan, PointChoice, Wanted};
use super::report::{
    self, Failure, JobReport, Kind, Named, Number, Outcome, PointReport, ReceiptReport, Report,
};
use super::unit::{Surroundings, export, interrupted, timestamp};
use crate::client::codes::Treatment;
use crate::hyperv::{Directory, EXPORT_JOBS, Job, METHOD, ObjectPath, SERVICES, Selector, advice, meaning};
use crate::ledger::{self, Export, Stage};

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
    if let Some(export_of) = recorded(around, job).await?
        && let Some(plan) = plan_of(&export_of, poll)
    {
        return Ok(JobEnd::Export(Box::new(adopt(around, &plan).await)));
    }
    let path = job.path(around.host.namespace());
    let mut last = Some(job.clone());
    let followed = follow(around, &path, poll, &mut last).await;
    let seen = last.unwrap_or_else(|| job.clone());
    let failure = match followed {
        Followed::Over(job) => return Ok(JobEnd::Other(job.clone(), verdict(&job))),
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
    let point = |id: &String| PointReport { id: id.clone(), point_type: None, consistency: None };
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
        point: Some(point(&export.point)),
        base: export.base.as_ref().map(point),
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

/// Takes up what is written down. That it is to be cancelled counts once its job is found: before that it would
/// mean that there is nothing to be begun.
async fn adopt(around: &Surroundings<'_>, plan: &ExportPlan) -> Report {
    let mut wished = around.control.clone();
    let (wishes, control) = Control::new();
    let is_found = AtomicBool::new(false);
    let pass_on = |wish: Wish| {
        if is_found.load(Ordering::Relaxed) || matches!(wish, Wish::Detach(_)) {
            wishes.send_replace(wish);
        }
    };
    let outer = around.control.clone();
    let listener = |event: Event| {
        if matches!(event.what, News::Adopted { .. }) {
            is_found.store(true, Ordering::Relaxed);
            pass_on(outer.wish());
        }
        (around.listener)(event);
    };
    pass_on(wished.wish());
    let within = around.with(control, &listener);
    let mut work = std::pin::pin!(export(&within, plan));
    loop {
        tokio::select! {
            report = &mut work => return report,
            () = wished.changed() => pass_on(wished.wish()),
        }
    }
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

/// Returns the export without an end that the job belongs to. One that was never sent is no job of ours: to take
/// that up would be to begin it.
async fn recorded(around: &Surroundings<'_>, job: &Job) -> Result<Option<Export>, Failure> {
    if !EXPORT_JOBS.iter().any(|class| job.class.eq_ignore_ascii_case(class)) {
        return Ok(None);
    }
    let host = around.host.name().await.map_err(|error| Failure::from(&error))?;
    let open = around.keeper.with(move |ledger| ledger.open_exports(Some(&host))).await;
    let open = open.map_err(|error| Failure::from(&error))?;
    let is_of = |export: &Export| {
        let (Some(facts), Ok(subject)) = (&job.export, export.subject.id.parse()) else { return false };
        Directory::parse(&export.directory)
            .is_ok_and(|directory| facts.is_of(&subject, &export.point, &directory))
    };
    Ok(open.into_iter().filter(|export| export.stage != Stage::Intended).find(is_of))
}

/// Returns the plan that finds and follows what is written down.
fn plan_of(export: &Export, poll: Option<Duration>) -> Option<ExportPlan> {
    let subject = Selector::parse(&export.subject.id);
    Some(ExportPlan {
        what: match export.subject.kind {
            ledger::Kind::Vm => Wanted::Machine(subject),
            ledger::Kind::Group => Wanted::Group(subject),
        },
        point: PointChoice::Named(export.point.clone()),
        base: export.base.clone().map_or(BaseChoice::None, BaseChoice::Named),
        directory: Directory::parse(&export.directory).ok()?,
        disks: match export.subject.kind {
            ledger::Kind::Vm => export.disks.iter().map(|disk| DiskChoice::of_machine(disk)).collect(),
            ledger::Kind::Group => {
                export.disks.iter().filter_map(|disk| DiskChoice::of_group(disk)).collect()
            }
        },
        settings: None,
        retry_unknown: false,
        detach: false,
        poll,
    })
}
