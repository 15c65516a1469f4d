//! `refpoint job`: the jobs of a host.

use std::sync::Mutex;
use std::time::Duration;

use clap::Subcommand;
use refpoint::client::codes::Treatment;
use refpoint::fleet::{Control, Event, JobEnd, Wish, wait_for_job};
use refpoint::hyperv::{Host, Job, Selector};
use serde_json::{Value as Json, json};

use super::export::{OnInterrupt, Setting, attended, connect, late, lock};
use crate::cli::args::{Format, OutputArgs};
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

/// Show one job, with its errors
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint job show hv01 C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415")]
pub(crate) struct OneArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its identifier
    #[arg(value_name = "JOB")]
    job: String,
}

/// Wait for a job to end; of an export that the ledger knows, its end is written down
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint job wait hv01 C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415 --deadline 2h"
)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Look at the job this often
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
    #[command(flatten)]
    ledger: LedgerArgs,
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
        let job = find(&host, &args.job).await?;
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
    let keeper = args.ledger.open()?;
    let connection = &args.one.connection;
    let may_run = |what: &str| late(connection, &format!("{what}; job {} may still run", args.one.job));
    runtime::follow(deadline, async |signals| {
        let host = connect(connection, target, deadline, signals, ui).await?;
        let found = async {
            let job = find(&host, &args.one.job).await?;
            let unit = subject(&host, &job).await.unwrap_or_else(|| job.id.clone());
            Ok((job, unit))
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
        let end = {
            let shown = Mutex::new(Progress::new(ui, format));
            let listener = |event: Event| lock(&shown).hear(&event);
            let around = setting.with(unit, control, &listener);
            let waited = wait_for_job(&around, &job, args.poll);
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
            JobEnd::Export(report) => super::export::finish(&report, format, ui),
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

async fn find(host: &Host, id: &str) -> Result<Job, Error> {
    let jobs = host.jobs().await.map_err(Error::of_hyperv)?;
    let wanted = id.trim_start_matches('{').trim_end_matches('}');
    jobs.into_iter().find(|job| job.id.eq_ignore_ascii_case(wanted)).ok_or_else(|| {
        Error::new(Exit::NotFound, format!("the host has no job {id:?}")).hint(
            "hosts forget a job five minutes after its end; refpoint job list shows those that there are",
        )
    })
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
