//! `refpoint backup`: a recovery checkpoint, exported and turned into the point that the next backup goes on from.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use refpoint::fleet::{
    BackupPlan, BackupPreview, BackupReport, BaseChoice, CHECKPOINT, Control, Event, Merge, Outcome,
    PreviewStep, backup, backup_not_begun, preview_backup,
};
use refpoint::hyperv::{Directory, PointType};
use serde_json::{Value as Json, json};

use super::export::{OnInterrupt, Setting, attended, connect, late, lock, save, try_beside, unwritable};
use super::point::{Level, Whose};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::config;
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::{LedgerArgs, clock};
use crate::cli::report::clock::clock as length;
use crate::cli::report::table::pairs;
use crate::cli::report::text::harmless;
use crate::cli::report::{export as page, json as text, yaml};
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;
use crate::cli::{crash, duration};

/// Back up a machine or a group: a recovery checkpoint, exported to a directory of the host, and turned into the
/// reference point that the next backup is relative to
///
/// The same command again, after whatever ended the one before, takes up what that one began. A step that fails
/// takes away the checkpoint that this backup took, and nothing else; what remains is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint backup hv01 --vm web01 --to 'D:\\backup\\web01\\0400'\n  \
                  refpoint backup hv01 --vm web01 --to 'D:\\backup\\web01\\0401' --base last-or-none --wait-for-merge\n  \
                  refpoint backup hv01 --group shop --to '\\\\nas1\\hvexports\\shop\\0400' --allow-crash-consistent\n  \
                  refpoint backup hv01 --vm web01 --to 'D:\\backup\\web01\\0402' --base last --dry-run")]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    what: Whose,
    /// The directory, as the host sees it: D:\backup\web01, or \\server\share\web01
    #[arg(long, value_name = "DIR")]
    to: String,
    /// What it is relative to: none, last, last-or-none, or a reference point
    #[arg(long, value_name = "POINT", default_value = "none")]
    base: String,
    /// How consistent the data is to be
    #[arg(long, value_name = "LEVEL", default_value = "application")]
    consistency: Level,
    /// Take the data as after a loss of power where the applications cannot be asked, and say so
    #[arg(long)]
    allow_crash_consistent: bool,
    /// Wait until the disks are merged behind the checkpoint, an hour at most
    #[arg(long)]
    wait_for_merge: bool,
    /// This checkpoint is the one that an earlier run of this has taken, although the host does not say so: remove it
    #[arg(long, value_name = "ID")]
    our_checkpoint: Option<String>,
    /// Write how it ended into this file, as JSON
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// What Ctrl-C does to a job that runs; ask is for terminals, elsewhere it is left running
    #[arg(long, value_name = "WHAT", default_value = "ask")]
    on_interrupt: OnInterrupt,
    /// Look at jobs this often [default: more often at first, then every 5s; at most 2m]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
    /// Show what would be asked of the host, to the last byte, and ask nothing
    #[arg(long, conflicts_with = "receipt")]
    dry_run: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let plan = plan(args)?;
    let format = output.output.unwrap_or(Format::Table);
    if args.dry_run {
        return preview_only(args, &plan, format, ui);
    }
    if let Some(file) = &args.receipt {
        // Found out before anything is asked of the host, not after.
        try_beside(file).map_err(|error| unwritable(file, error))?;
    }
    let started = clock();
    let (report, error) = match begin(args, &plan, format, ui) {
        Ok(report) => (report, None),
        Err(error) => {
            let failure = error.to_failure();
            (backup_not_begun(&plan, &args.connection.host(), failure, started, clock()), Some(error))
        }
    };
    let shown = show(&report, error.is_none(), format, ui);
    let kept = keep_receipt(args, &report);
    let exit = match error {
        Some(error) => Err(error),
        None => {
            if let Some(failure) = &report.error {
                ui.fail(&Error::of_failure(failure.clone()));
            }
            Ok(Exit::of_code(report.exit_code()))
        }
    };
    match (exit, shown.and(kept)) {
        (exit, Ok(())) => exit,
        (Ok(Exit::Done | Exit::Warnings), Err(unkept)) => Err(unkept),
        // That the backup did not end well counts for more.
        (exit, Err(unkept)) => {
            ui.fail(&unkept);
            exit
        }
    }
}

/// Looks at what a backup looks at, and shows what it would ask for.
fn preview_only(args: &Args, plan: &BackupPlan, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let mut target = args.connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let operation_timeout = target.operation_timeout;
    let keeper = args.ledger.look()?;
    runtime::follow(deadline, async |signals| {
        let host = connect(&args.connection, target, deadline, signals, ui).await?;
        let (_wishes, control) = Control::new();
        let label = args.connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let around = setting.with(plan.what.name(), control, &|_| ());
        let looked = async { preview_backup(&around, plan).await.map_err(Error::of_failure) };
        let late = || late(&args.connection, "before everything was looked at; nothing is begun by looking");
        let seen = tokio::select! {
            seen = deadline.within(looked, late) => seen?,
            signal = signals.next() => return Err(signal),
        };
        show_preview(&seen, plan, &args.connection.host(), format, ui)
    })
}

fn show_preview(
    seen: &BackupPreview,
    plan: &BackupPlan,
    host: &str,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    if let Some(directory) = &seen.open {
        ui.warn(&format!(
            "a backup into {directory} was begun and has not ended: it is brought to its end first, and what that takes \
             is not foreseen"
        ));
    }
    seen.warnings.iter().for_each(|warning| ui.warn(warning));
    let step = |step: &PreviewStep| json!({ "method": step.method, "envelope": step.envelope });
    let value = json!({
        "host": host, "directory": plan.directory.as_str(), "machine": seen.machine, "group": seen.group,
        "base": seen.base, "open": seen.open, "warnings": seen.warnings,
        "steps": seen.steps.iter().map(step).collect::<Vec<_>>(),
    });
    let named = seen.machine.as_ref().or(seen.group.as_ref());
    ui.print(&match format {
        Format::Table | Format::Name => {
            let lines = [
                ("Of", named.map(|named| format!("{} ({})", named.name, named.id)).unwrap_or_default()),
                ("Host", host.to_owned()),
                ("Relative to", seen.base.clone().unwrap_or_else(|| "nothing: a full backup".to_owned())),
                ("Directory", plan.directory.to_string()),
                ("Checkpoint", format!("{CHECKPOINT} stands for what the host calls it")),
            ];
            let mut page = pairs(&lines, 0);
            for (place, step) in seen.steps.iter().enumerate() {
                page.push_str(&format!("\n{}. Would call {}\n\n{}\n", place + 1, step.method, step.envelope));
            }
            page
        }
        Format::Json if ui.is_terminal() => text::pretty(&value) + "\n",
        Format::Json | Format::Jsonl => text::compact(&value) + "\n",
        Format::Yaml => yaml::document(&value),
    })?;
    ui.note("nothing was sent that changes anything: this is a dry run");
    Ok(Exit::Done)
}

fn begin(args: &Args, plan: &BackupPlan, format: Format, ui: &mut Ui) -> Result<BackupReport, Error> {
    let mut target = args.connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let operation_timeout = target.operation_timeout;
    if let Some(point) = crash::Point::of_requests() {
        target.tap = Some(point.into_tap());
    }
    let keeper = args.ledger.open()?;
    runtime::follow(deadline, async |signals| {
        let host = connect(&args.connection, target, deadline, signals, ui).await?;
        let (wishes, control) = Control::new();
        let label = args.connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let shown = Mutex::new(page::Progress::new(ui, format));
        let listener = |event: Event| lock(&shown).hear(&event);
        let around = setting.with(plan.what.name(), control, &listener);
        let work = backup(&around, plan);
        let report = attended(work, &shown, &wishes, args.on_interrupt, signals).await;
        lock(&shown).done();
        // What cannot be tidied up the host ends by itself.
        let _ = tokio::time::timeout(deadline.time_for(Duration::from_secs(5)), host.close()).await;
        Ok(report)
    })
}

fn plan(args: &Args) -> Result<BackupPlan, Error> {
    let directory = Directory::parse(&args.to).map_err(|error| {
        let refusal = Error::usage(format!("{}: {:?}", error.problem, error.text));
        match error.suggestion {
            Some(suggestion) => refusal.hint(format!("perhaps {suggestion} is meant")),
            None => refusal.hint(r"write it as the host sees it, D:\backup\web01 or \\server\share\web01"),
        }
    })?;
    let mut plan = BackupPlan::new(args.what.wanted(), directory);
    plan.base = BaseChoice::parse(&args.base);
    plan.consistency = args.consistency.consistency();
    plan.allow_crash_consistent = args.allow_crash_consistent;
    plan.wait_for_merge = args.wait_for_merge;
    plan.our_checkpoint.clone_from(&args.our_checkpoint);
    plan.poll = args.poll.or_else(|| config::profile().time("poll"));
    Ok(plan)
}

fn keep_receipt(args: &Args, report: &BackupReport) -> Result<(), Error> {
    let Some(file) = &args.receipt else { return Ok(()) };
    let text = text::pretty(&value(report)) + "\n";
    save(file, &text).map_err(|error| unwritable(file, error))
}

fn value(report: &BackupReport) -> Json {
    serde_json::to_value(report).unwrap_or_default()
}

/// Shows how it ended; of a backup that never began only to programs, since a person has the error.
fn show(report: &BackupReport, has_begun: bool, format: Format, ui: &mut Ui) -> Result<(), Error> {
    let text = match format {
        Format::Table if has_begun => table(report),
        Format::Name => {
            report.point.as_ref().map(|point| format!("{}\n", harmless(&point.id))).unwrap_or_default()
        }
        Format::Table => String::new(),
        Format::Json if ui.is_terminal() => text::pretty(&value(report)) + "\n",
        Format::Json => text::compact(&value(report)) + "\n",
        Format::Jsonl => {
            let unit = report.machine.as_ref().or(report.group.as_ref()).map(|named| named.name.clone());
            let event = json!({
                "schema": "refpoint.event/1", "at": report.finished_at, "host": report.host, "unit": unit,
                "event": "backup-finished", "backup": value(report),
            });
            text::compact(&event) + "\n"
        }
        Format::Yaml => yaml::document(&value(report)),
    };
    ui.print(&text)?;
    ui.flush()
}

/// Returns what a person is left with.
fn table(report: &BackupReport) -> String {
    let mut lines: Vec<(&str, String)> = vec![("Outcome", report.outcome.name().to_owned())];
    let named = report.machine.as_ref().map(|named| ("Machine", named));
    if let Some((kind, named)) = named.or(report.group.as_ref().map(|named| ("Group", named))) {
        lines.push((kind, format!("{} ({})", named.name, named.id)));
    }
    lines.push(("Host", report.host.clone()));
    if let Some(point) = &report.point {
        let kind = point.point_type.map_or("unknown", |number| PointType::of(number).name());
        let fit = if report.sound { "" } else { ", not fit to go on from" };
        lines.push(("Point", format!("{} ({kind}{fit})", point.id)));
    }
    let is_done = matches!(report.outcome, Outcome::Completed | Outcome::CompletedWithWarnings);
    if is_done || report.base.is_some() {
        let base = report.base.as_ref().map_or("nothing: a full backup", |base| &base.id);
        lines.push(("Relative to", base.to_owned()));
    }
    if let Some(taken) = report.consistency.taken {
        let name = match taken {
            1 => "application",
            2 => "crash",
            _ => "unknown",
        };
        lines.push(("Consistency", format!("{name} ({taken})")));
    }
    lines.push(("Directory", report.directory.clone()));
    let merge = match report.merge {
        Merge::None => None,
        Merge::Pending => Some("goes on"),
        Merge::Done => Some("done"),
    };
    lines.extend(merge.map(|merge| ("Merge", merge.to_owned())));
    let seconds = report.finished_at.duration_since(report.started_at).as_secs();
    lines.push(("Took", length(u64::try_from(seconds).unwrap_or_default())));
    lines.extend(report.remains.iter().map(|left| ("Left behind", left.clone())));
    let mut text = pairs(&lines, 0);
    if !report.steps.is_empty() {
        text.push_str("Steps\n");
        let step = |step: &refpoint::fleet::StepReport| {
            let end = step.end.as_deref().unwrap_or("open");
            let note = step.note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
            (step.step.clone(), format!("{end}{note}"))
        };
        text.push_str(&pairs(&report.steps.iter().map(step).collect::<Vec<_>>(), 2));
    }
    if !report.files.is_empty() {
        text.push_str("Files on the host\n");
        let sizes: Vec<String> = report.files.iter().map(|file| file.size.to_string()).collect();
        let width = sizes.iter().map(String::len).max().unwrap_or_default();
        // A path stands last: it stays whole, and pushes nothing out of the terminal.
        let file = |(file, size): (&refpoint::fleet::FileReport, &String)| {
            (format!("{size:>width$} octets"), file.path.clone())
        };
        text.push_str(&pairs(&report.files.iter().zip(&sizes).map(file).collect::<Vec<_>>(), 2));
    }
    text
}
