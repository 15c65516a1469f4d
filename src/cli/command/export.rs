//! `refpoint export`: one export, begun once and followed to its end.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::ValueEnum;
use refpoint::fleet::{
    BaseChoice, Control, DiskChoice, Event, ExportPlan, Keeper, PointChoice, Reason, Report, Surroundings,
    Wanted, Wish, export, preview,
};
use refpoint::hyperv::{Directory, Host, Selector};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::{LedgerArgs, clock};
use crate::cli::report::{export as page, json, yaml};
use crate::cli::runtime::{self, Signals};
use crate::cli::ui::Ui;
use crate::cli::{crash, duration};

/// Export a reference point of a machine or of a group to a directory of the host, and follow it to its end
///
/// The same command again, after whatever ended the one before, takes up what that one began: a host is not
/// asked a second time for what it may have begun.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint export hv01 --vm web01 --point latest --to 'D:\\exports\\web01\\0400'\n  \
                  refpoint export hv01 --vm web01 --point latest --base last-or-none --to 'D:\\exports\\web01\\0401'\n  \
                  refpoint export hv01 --group shop --point only --to '\\\\nas1\\hvexports\\shop\\0400' --dry-run"
)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    what: What,
    /// Which reference point: its identifier or GUID, latest (of ours, by the ledger), or only
    #[arg(long, value_name = "POINT")]
    point: String,
    /// The directory, as the host sees it: D:\exports\web01, or \\server\share\web01
    #[arg(long, value_name = "DIR")]
    to: String,
    /// What it is relative to: none, last, last-or-none, or a reference point
    #[arg(long, value_name = "POINT", default_value = "none")]
    base: String,
    /// Only this disk, by its identifier; with --group VM:ID (repeatable)
    #[arg(long, value_name = "ID")]
    disk: Vec<String>,
    /// Send these settings (CIM-XML) in place of those that follow from --base and --disk
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base", "disk"])]
    settings_xml: Option<PathBuf>,
    /// Write how it ended into this file, as JSON
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Export anew, although nobody knows what became of an earlier try
    #[arg(long)]
    retry_unknown: bool,
    /// Leave as soon as the job has begun
    #[arg(long)]
    detach: bool,
    /// What Ctrl-C does to a job that runs; ask is for terminals, elsewhere it is left running
    #[arg(long, value_name = "WHAT", default_value = "ask")]
    on_interrupt: OnInterrupt,
    /// Look at the job this often [default: more often at first, then every 5s; at most 2m]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
    /// Show what would be asked of the host, to the last byte, and ask nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The machine: its name or GUID
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    /// The group of machines: its name or GUID
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInterrupt {
    Ask,
    Detach,
    Cancel,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let plan = plan(args)?;
    if let Some(file) = &args.receipt {
        // Found out before anything is asked of the host, not after.
        save(file, "").map(|()| std::fs::remove_file(file)).map_err(|error| unwritable(file, error))?.ok();
    }
    let mut target = args.connection.target(Who::User, ui)?;
    // The job goes on after the deadline, and what is left to be asked of the host is little.
    let deadline = target.deadline.take();
    if let Some(point) = crash::Point::of_requests() {
        target.tap = Some(point.into_tap());
    }
    let operation_timeout = target.operation_timeout;
    let keeper = args.ledger.open()?;
    let format = output.output.unwrap_or(Format::Table);
    runtime::follow(async |signals| {
        let deadline = deadline.map(|after| Instant::now() + after);
        let report = match args.connection.open(target, ui).await {
            Ok(session) => {
                let host = Host::new(session);
                let (wishes, control) = Control::new();
                let around = Setting {
                    host: &host,
                    label: args.connection.host(),
                    keeper: &keeper,
                    deadline,
                    operation_timeout,
                };
                if args.dry_run {
                    return dry_run(&around, control, &plan, format, ui).await;
                }
                let report =
                    watched(&around, control, &wishes, &plan, args.on_interrupt, signals, format, ui).await?;
                // What cannot be tidied up the host ends by itself.
                let _ = tokio::time::timeout(LONGEST_GOODBYE, host.close()).await;
                report
            }
            Err(error) => return Err(error),
        };
        if let Some(file) = &args.receipt {
            let text = json::pretty(&value(&report)) + "\n";
            save(file, &text).map_err(|error| unwritable(file, error))?;
        }
        finish(&report, format, ui)
    })
}

/// What an export works with, as far as the arguments say.
pub(crate) struct Setting<'a> {
    pub(crate) host: &'a Host,
    pub(crate) label: String,
    pub(crate) keeper: &'a Keeper,
    pub(crate) deadline: Option<Instant>,
    pub(crate) operation_timeout: Duration,
}

impl Setting<'_> {
    /// Returns the same with who listens and who may wish for something.
    pub(crate) fn with<'b>(
        &'b self,
        unit: String,
        control: Control,
        listener: &'b (dyn Fn(Event) + Send + Sync),
    ) -> Surroundings<'b> {
        Surroundings {
            host: self.host,
            label: self.label.clone(),
            keeper: self.keeper,
            clock,
            listener,
            control,
            deadline: self.deadline,
            operation_timeout: self.operation_timeout,
            unit,
        }
    }
}

/// Exports, shows what happens, and listens to Ctrl-C meanwhile.
#[expect(clippy::too_many_arguments, reason = "each is somebody who takes part")]
pub(crate) async fn watched(
    around: &Setting<'_>,
    control: Control,
    wishes: &watch::Sender<Wish>,
    plan: &ExportPlan,
    on_interrupt: OnInterrupt,
    signals: &mut Signals,
    format: Format,
    ui: &mut Ui,
) -> Result<Report, Error> {
    let shown = Mutex::new(page::Progress::new(ui, format));
    let listener =
        |event: Event| shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner).hear(&event);
    let surroundings = around.with(plan.what.name(), control, &listener);
    let mut work = std::pin::pin!(export(&surroundings, plan));
    let mut interrupts = 0_u32;
    loop {
        let signal = tokio::select! {
            report = &mut work => return Ok(report),
            signal = signals.next() => signal,
        };
        interrupts += 1;
        let wish = if signal.kind == Exit::Terminated {
            Wish::Detach(Reason::Terminate)
        } else {
            let mut shown = shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match on_interrupt {
                OnInterrupt::Ask if interrupts == 1 && shown.can_ask() => shown.ask(),
                OnInterrupt::Cancel if interrupts == 1 => Wish::Cancel,
                _ => Wish::Detach(Reason::Interrupt),
            }
        };
        wishes.send_replace(wish);
    }
}

async fn dry_run(
    around: &Setting<'_>,
    control: Control,
    plan: &ExportPlan,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let surroundings = around.with(plan.what.name(), control, &|_| ());
    let preview = preview(&surroundings, plan).await.map_err(Error::of_failure)?;
    preview.warnings.iter().for_each(|warning| ui.warn(warning));
    let value = serde_json::json!({
        "host": around.label, "directory": plan.directory.as_str(), "machine": preview.machine, "group": preview.group,
        "point": preview.point, "base": preview.base, "method": preview.method, "warnings": preview.warnings,
        "envelope": preview.envelope,
    });
    ui.print(&match format {
        Format::Table | Format::Name => page::preview(&preview, plan),
        Format::Json if ui.is_terminal() => json::pretty(&value) + "\n",
        Format::Json | Format::Jsonl => json::compact(&value) + "\n",
        Format::Yaml => yaml::document(&value),
    })?;
    Ok(Exit::Done)
}

/// Shows how it ended.
pub(crate) fn finish(report: &Report, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let text = match format {
        Format::Table => page::receipt(report),
        Format::Json if ui.is_terminal() => json::pretty(&value(report)) + "\n",
        Format::Json => json::compact(&value(report)) + "\n",
        // The last event has said it.
        Format::Jsonl => String::new(),
        Format::Yaml => yaml::document(&value(report)),
        Format::Name => report.job.as_ref().map(|job| format!("{}\n", job.id)).unwrap_or_default(),
    };
    ui.print(&text)?;
    if let Some(failure) = &report.error {
        ui.flush()?;
        ui.fail(&Error::of_failure(failure.clone()));
    }
    Ok(Exit::of_code(report.exit_code()))
}

fn plan(args: &Args) -> Result<ExportPlan, Error> {
    let directory = Directory::parse(&args.to).map_err(|error| {
        let refusal = Error::usage(format!("{}: {:?}", error.problem, error.text));
        match error.suggestion {
            Some(suggestion) => refusal.hint(format!("perhaps {suggestion} is meant")),
            None => refusal.hint(r"write it as the host sees it, D:\exports\web01 or \\server\share\web01"),
        }
    })?;
    let (what, disks) = match (&args.what.vm, &args.what.group) {
        (Some(vm), _) => {
            let disks = args.disk.iter().map(|disk| DiskChoice::of_machine(disk)).collect();
            (Wanted::Machine(Selector::parse(vm)), disks)
        }
        (None, group) => {
            let disk = |disk: &String| {
                DiskChoice::of_group(disk).ok_or_else(|| {
                    Error::usage(format!("--disk {disk:?} does not say of which machine")).hint("write VM:ID")
                })
            };
            let disks = args.disk.iter().map(disk).collect::<Result<_, _>>()?;
            (Wanted::Group(Selector::parse(group.as_deref().unwrap_or_default())), disks)
        }
    };
    let settings = args.settings_xml.as_deref().map(|file| {
        std::fs::read_to_string(file)
            .map_err(|error| Error::usage(format!("cannot read {}", file.display())).because(error))
    });
    Ok(ExportPlan {
        what,
        point: PointChoice::parse(&args.point),
        base: BaseChoice::parse(&args.base),
        directory,
        disks,
        settings: settings.transpose()?,
        retry_unknown: args.retry_unknown,
        detach: args.detach,
        poll: args.poll,
    })
}

pub(crate) fn value(report: &Report) -> serde_json::Value {
    serde_json::to_value(report).unwrap_or_default()
}

/// Writes a file whole or not at all.
fn save(file: &Path, text: &str) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(name);
    let written = std::fs::File::create(&beside).and_then(|mut new| {
        std::io::Write::write_all(&mut new, text.as_bytes())?;
        new.sync_all()
    });
    let placed = written.and_then(|()| std::fs::rename(&beside, file));
    if placed.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    placed
}

fn unwritable(file: &Path, error: std::io::Error) -> Error {
    Error::new(Exit::LocalFiles, format!("cannot write {}", file.display())).because(error)
}

/// What is still being tidied up on the host may take this long.
const LONGEST_GOODBYE: Duration = Duration::from_secs(5);
