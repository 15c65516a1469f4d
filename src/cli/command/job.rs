//! `refpoint job`: the jobs of a host.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Subcommand;
use refpoint::client::codes::Treatment;
use refpoint::fleet::{Control, Event, JobEnd, Report, Surroundings, Wish, recorded_job, wait_for_job};
use refpoint::hyperv::{Host, Job, Selector};
use serde_json::{Value as Json, json};

use super::export::{
    OnInterrupt, Setting, attended, connect, finish, late, lock, save, try_beside, unwritable,
};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::config;
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::duration;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::LedgerArgs;
use crate::cli::report::export::Progress;
use crate::cli::report::list::List;
use crate::cli::report::{json as text, table, yaml};
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Look at the jobs of a host, wait for one, or cancel it
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Show(OneArgs),
    Wait(WaitArgs),
    Cancel(CancelArgs),
}

/// List the jobs of a host; an ended one is listed for five minutes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint job list hv01")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Show one job, with its errors; one that the host has forgotten as the ledger has it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint job show hv01\n  refpoint job show hv01 C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415"
)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its identifier; without, the only job that is running
    #[arg(value_name = "JOB")]
    job: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Wait for a job to end; of an export that the ledger knows, its end is written down
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint job wait hv01\n  refpoint job wait hv01 C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415 --deadline 2h"
)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Look at the job this often
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
    /// Write how an export ended into this file, as JSON
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

/// Cancel a job, and wait for it to end
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint job cancel hv01 C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415")]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    wait: WaitArgs,
    /// End it at once, whatever that leaves behind
    #[arg(long)]
    kill: bool,
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    match command {
        Command::List(args) => list(args, format, ui),
        Command::Show(args) => show(args, format, ui),
        Command::Wait(args) => wait(args, Wish::GoOn, format, ui),
        Command::Cancel(args) => {
            wait(&args.wait, if args.kill { Wish::Kill } else { Wish::Cancel }, format, ui)
        }
    }
}

fn list(args: &ListArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let target = args.connection.target(Who::User, ui)?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let mut list = List::new(&["Job", "State", "Percent", "Class", "Owner", "Directory"]);
        for job in host.jobs().await.map_err(Error::of_hyperv)? {
            let percent = job.percent.map(|percent| percent.to_string()).unwrap_or_default();
            let directory = job.export.as_ref().map(|facts| facts.directory.clone()).unwrap_or_default();
            list.push(
                &job.id,
                [&job.id, &job.state_name(), &percent, &job.class, &job.owner, &directory],
                value(&job),
            );
        }
        list.show(format, "no job", ui)
    })
}

fn show(args: &OneArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let target = args.connection.target(Who::User, ui)?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let job = match find(&host, args.job.as_deref(), Wish::GoOn).await? {
            Found::Job(job) => job,
            Found::Nowhere(id) => {
                let keeper = args.ledger.open()?;
                let (_wishes, control) = Control::new();
                let setting = Setting::of(&host, args.connection.host(), &keeper);
                let around = setting.with(id.clone(), control, &|_| ());
                return forgotten(&around, &id, None, format, ui).await;
            }
        };
        let errors = match job.is_over() {
            true => host.job_errors(&job.path(host.namespace())).await.map_err(Error::of_hyperv)?,
            false => Vec::new(),
        };
        let mut value = value(&job);
        value["errors"] = errors.iter().map(|error| json!({"message": error.message, "message_id": error.message_id, "source": error.source, "raw": error.raw})).collect();
        let mut lines = lines(&job);
        lines.extend(errors.iter().map(|error| ("Error", error.message.clone())));
        print(&job.id, &value, &lines, format, ui)?;
        Ok(Exit::Done)
    })
}

fn wait(args: &WaitArgs, wish: Wish, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let mut target = args.one.connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let operation_timeout = target.operation_timeout;
    let keeper = args.one.ledger.open()?;
    if let Some(file) = &args.receipt {
        try_beside(file).map_err(|error| unwritable(file, error))?;
    }
    let connection = &args.one.connection;
    let job_named = args.one.job.as_deref().map_or_else(|| "the job".to_owned(), |id| format!("job {id}"));
    let may_run = |what: &str| late(connection, &format!("{what}; {job_named} may still run"));
    runtime::follow(deadline, async |signals| {
        let host = connect(connection, target, deadline, signals, ui).await?;
        let found = async {
            let found = find(&host, args.one.job.as_deref(), wish).await?;
            let unit = match &found {
                Found::Job(job) => subject(&host, job).await.unwrap_or_else(|| job.id.clone()),
                Found::Nowhere(id) => id.clone(),
            };
            Ok((found, unit))
        };
        let (job, unit) = tokio::select! {
            found = deadline.within(found, || may_run("before the job was found")) => found?,
            signal = signals.next() => return Err(signal),
        };
        let (wishes, control) = Control::new();
        wishes.send_replace(wish);
        let label = connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let job = match job {
            Found::Job(job) => job,
            Found::Nowhere(id) => {
                let around = setting.with(id.clone(), control, &|_| ());
                return forgotten(&around, &id, args.receipt.as_deref(), format, ui).await;
            }
        };
        let poll = args.poll.or_else(|| config::profile().time("poll"));
        let end = {
            let shown = Mutex::new(Progress::new(ui, format));
            let listener = |event: Event| lock(&shown).hear(&event);
            let around = setting.with(unit, control, &listener);
            let waited = wait_for_job(&around, &job, poll);
            // Ctrl-C ends the waiting, never the job: that is what `job cancel` is for.
            let attended = async {
                let end = attended(waited, &shown, &wishes, OnInterrupt::Detach, signals).await;
                end.map_err(Error::of_failure)
            };
            let end = deadline.within(attended, || may_run("before the job had ended")).await;
            lock(&shown).done();
            end?
        };
        match end {
            JobEnd::Export(report) => show_and_keep(&report, args.receipt.as_deref(), format, ui),
            JobEnd::Other(job, failure) => {
                print(&job.id, &value(&job), &lines(&job), format, ui)?;
                match failure {
                    None if job.treatment() == Treatment::SucceededWithWarnings => Ok(Exit::Warnings),
                    None => Ok(Exit::Done),
                    Some(failure) => Err(Error::of_failure(failure)),
                }
            }
        }
    })
}

/// A job that was asked for.
enum Found {
    /// The host shows it.
    Job(Box<Job>),
    /// The host does not show it, or no longer.
    Nowhere(String),
}

/// Finds a job by its identifier, or the only one that is running. Nothing but an export is cancelled without
/// having been named.
async fn find(host: &Host, id: Option<&str>, wish: Wish) -> Result<Found, Error> {
    let jobs = host.jobs().await.map_err(Error::of_hyperv)?;
    if let Some(id) = id {
        let wanted = id.trim_start_matches('{').trim_end_matches('}');
        let found = jobs.into_iter().find(|job| job.id.eq_ignore_ascii_case(wanted));
        return Ok(found.map_or_else(|| Found::Nowhere(wanted.to_owned()), |job| Found::Job(Box::new(job))));
    }
    let mut running: Vec<_> = jobs.into_iter().filter(|job| !job.is_over()).collect();
    let shown: Vec<_> = running.iter().map(candidate).collect();
    match (running.pop(), running.len()) {
        (None, _) => Err(Error::new(Exit::NotFound, "no job is running on the host")
            .hint("refpoint job list shows those that have ended within five minutes, too")),
        (Some(job), 0) if wish != Wish::GoOn && !is_export(&job) => {
            Err(Error::new(Exit::NotFound, format!("no export is running on the host, but job {}", shown[0]))
                .hint(format!("if that is what is to be cancelled: refpoint job cancel HOST {}", job.id)))
        }
        (Some(job), 0) => Ok(Found::Job(Box::new(job))),
        (Some(_), others) => {
            Err(Error::new(Exit::NotFound, format!("{} jobs are running on the host", others + 1))
                .hint(format!("say which: {}", shown.join(", "))))
        }
    }
}

fn is_export(job: &Job) -> bool {
    job.export.is_some() || job.is_silent_export()
}

/// Returns what tells a job from others.
fn candidate(job: &Job) -> String {
    let percent = job.percent.map(|percent| format!(" {percent} %")).unwrap_or_default();
    let directory = job.export.as_ref().map(|facts| format!(", to {}", facts.directory)).unwrap_or_default();
    format!("{} ({}{percent}{directory})", job.id, job.state_name())
}

/// Tells of a job that the host does not show what the ledger knows of it.
async fn forgotten(
    around: &Surroundings<'_>,
    id: &str,
    receipt: Option<&Path>,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let Some(report) = recorded_job(around, id).await.map_err(Error::of_failure)? else {
        return Err(Error::new(
            Exit::NotFound,
            format!("the host has no job {id:?}, and neither has the ledger"),
        )
        .hint(
            "hosts forget a job five minutes after its end; refpoint job list shows those that there are",
        ));
    };
    ui.note(&format!("the host no longer has job {id}: this is what the ledger says"));
    show_and_keep(&report, receipt, format, ui)
}

/// A receipt that cannot be written must not swallow the report, nor the exit code of an export that did not end
/// well.
fn show_and_keep(report: &Report, file: Option<&Path>, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let exit = finish(report, format, ui)?;
    let Some(file) = file else { return Ok(exit) };
    let text = text::pretty(&super::export::value(report)) + "\n";
    match save(file, &text).map_err(|error| unwritable(file, error)) {
        Err(error) if matches!(exit, Exit::Done | Exit::Warnings) => Err(error),
        Err(error) => {
            ui.fail(&error);
            Ok(exit)
        }
        Ok(()) => Ok(exit),
    }
}

/// Returns the name of the machine or group that a job exports, where the job says which and the host knows it.
async fn subject(host: &Host, job: &Job) -> Option<String> {
    let selector = Selector::Id(job.export.as_ref()?.subject.clone()?);
    if let Some(machine) = host.machines(&selector).await.ok()?.pop() {
        return Some(machine.name);
    }
    Some(host.groups(&selector).await.ok()?.pop()?.name)
}

fn print(id: &str, value: &Json, lines: &[(&str, String)], format: Format, ui: &mut Ui) -> Result<(), Error> {
    ui.print(&match format {
        Format::Table => table::pairs(lines, 0),
        Format::Json if ui.is_terminal() => text::pretty(value) + "\n",
        Format::Json | Format::Jsonl => text::compact(value) + "\n",
        Format::Yaml => yaml::document(value),
        Format::Name => format!("{}\n", crate::cli::report::text::harmless(id)),
    })
}

fn value(job: &Job) -> Json {
    let export = job.export.as_ref().map(|facts| {
        json!({"subject": facts.subject.as_ref().map(ToString::to_string), "point": facts.point, "base": facts.base,
               "directory": facts.directory, "files": facts.receipt.files().collect::<Vec<_>>()})
    });
    let started = job.started.map(|started| started.to_string());
    json!({"class": job.class, "id": job.id, "state": {"code": job.state, "name": job.state_name()}, "percent": job.percent,
           "started_at": started, "elapsed_seconds": job.elapsed.map(|elapsed| elapsed.as_secs()), "status": job.status,
           "error_code": job.error_code, "error_description": job.error_description, "owner": job.owner, "export": export})
}

fn lines(job: &Job) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Job", job.id.clone()),
        ("Class", job.class.clone()),
        ("State", format!("{} ({})", job.state_name(), job.state)),
        ("Percent", job.percent.map(|percent| percent.to_string()).unwrap_or_default()),
        ("Owner", job.owner.clone()),
    ];
    if let Some(facts) = &job.export {
        lines.push(("Point", facts.point.clone()));
        lines.push(("Directory", facts.directory.clone()));
    }
    if job.error_code != 0 || !job.error_description.is_empty() {
        lines.push(("Error", format!("{} {}", job.error_code, job.error_description)));
    }
    lines
}
