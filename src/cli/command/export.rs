//! `refpoint export`: one export, begun once and followed to its end.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use clap::ValueEnum;
use refpoint::client::Target;
use refpoint::fleet::{
    BaseChoice, Control, DiskChoice, Ending, Event, ExportPlan, Keeper, News, PointChoice, Reason, Report,
    Surroundings, Totals, Wanted, Wish, export, not_begun, preview,
};
use refpoint::hyperv::{Directory, Host, Selector};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::config;
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::{LedgerArgs, clock};
use crate::cli::report::{export as page, json, yaml};
use crate::cli::runtime::{self, Deadline, Signals};
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
    let format = output.output.unwrap_or(Format::Table);
    if args.dry_run {
        return preview_only(args, &plan, format, ui);
    }
    if let Some(file) = &args.receipt {
        // Found out before anything is asked of the host, not after. What an earlier run left there stays.
        try_beside(file).map_err(|error| unwritable(file, error))?;
    }
    run_started(format, ui);
    let started = clock();
    let (report, error) = match begin(args, &plan, format, ui) {
        Ok(report) => (report, None),
        Err(error) => {
            let failure = error.to_failure();
            (not_begun(&plan, &args.connection.host(), failure, started, clock()), Some(error))
        }
    };
    let shown = match error {
        None => finish(&report, format, ui),
        Some(error) => ui.print(&never_begun(&report, &plan, format, ui)).and(Err(error)),
    };
    let done = match (shown, keep_receipt(args, &report)) {
        (shown, Ok(())) => shown,
        (Ok(Exit::Done | Exit::Warnings), Err(unkept)) => Err(unkept),
        // That the export did not end well counts for more.
        (shown, Err(unkept)) => {
            ui.fail(&unkept);
            shown
        }
    };
    let exit = done.as_ref().map_or_else(|error| error.kind, |exit| *exit);
    run_finished(&report, exit, format, ui)?;
    done
}

/// Tells programs that an export begins, as a run of one.
pub(crate) fn run_started(format: Format, ui: &mut Ui) {
    let (run, plan) = (String::new(), String::new());
    // A reader that has gone is no reason not to export, and is found out when the last line is written.
    let _ = tell(News::RunStarted { run, plan, hosts: 1, units: 1, resumed: false }, format, ui);
}

/// Tells programs that it is over, and how the program ends.
pub(crate) fn run_finished(report: &Report, exit: Exit, format: Format, ui: &mut Ui) -> Result<(), Error> {
    let totals = Totals::of_one(report.outcome);
    tell(News::RunFinished { totals, exit_code: exit.code() }, format, ui)
}

fn tell(what: News, format: Format, ui: &mut Ui) -> Result<(), Error> {
    if format != Format::Jsonl {
        return Ok(());
    }
    let at = jiff::Timestamp::try_from(clock()).unwrap_or_default();
    ui.print(&page::line(&Event::of_run(at, what)))?;
    ui.flush()
}

fn keep_receipt(args: &Args, report: &Report) -> Result<(), Error> {
    let Some(file) = &args.receipt else { return Ok(()) };
    let text = json::pretty(&value(report)) + "\n";
    save(file, &text).map_err(|error| unwritable(file, error))
}

/// Connects, exports, and follows the export to its end.
fn begin(args: &Args, plan: &ExportPlan, format: Format, ui: &mut Ui) -> Result<Report, Error> {
    let (target, deadline) = target(args, ui)?;
    let operation_timeout = target.operation_timeout;
    let keeper = args.ledger.open()?;
    runtime::follow(deadline, async |signals| {
        let host = connect(&args.connection, target, deadline, signals, ui).await?;
        let (wishes, control) = Control::new();
        let label = args.connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let report = watched(&setting, control, &wishes, plan, args.on_interrupt, signals, format, ui).await;
        // What cannot be tidied up the host ends by itself.
        let _ = tokio::time::timeout(deadline.time_for(LONGEST_GOODBYE), host.close()).await;
        Ok(report)
    })
}

/// Returns the target, and when the whole command has to be over. The session itself has no deadline: whoever asks
/// says what is left behind.
fn target(args: &Args, ui: &mut Ui) -> Result<(Target, Deadline), Error> {
    let mut target = args.connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    if let Some(point) = crash::Point::of_requests() {
        target.tap = Some(point.into_tap());
    }
    Ok((target, deadline))
}

/// Logs in, unless the time is over or somebody ends it first.
pub(crate) async fn connect(
    connection: &ConnectionArgs,
    target: Target,
    deadline: Deadline,
    signals: &mut Signals,
    ui: &mut Ui,
) -> Result<Host, Error> {
    let login = async { Ok(Host::new(connection.open(target, ui).await?)) };
    tokio::select! {
        host = deadline.within(login, || late(connection, "before the login was done")) => host,
        signal = signals.next() => Err(signal),
    }
}

/// Returns the error of a command whose time is over, with what that means.
pub(crate) fn late(connection: &ConnectionArgs, what: &str) -> Error {
    Error::new(Exit::Deadline, format!("{}: the deadline has passed {what}", connection.host()))
        .hint("a longer --deadline, or none, waits longer")
}

/// Returns what a script reads of an export that never began; a person has the error.
fn never_begun(report: &Report, plan: &ExportPlan, format: Format, ui: &Ui) -> String {
    match format {
        Format::Table | Format::Name => String::new(),
        Format::Json if ui.is_terminal() => json::pretty(&value(report)) + "\n",
        Format::Json => json::compact(&value(report)) + "\n",
        Format::Jsonl => {
            let finished = News::UnitFinished { ending: Ending::Export(Box::new(report.clone())) };
            let event = Event::new(report.finished_at, report.host.clone(), plan.what.name(), finished);
            page::line(&event)
        }
        Format::Yaml => yaml::document(&value(report)),
    }
}

fn preview_only(args: &Args, plan: &ExportPlan, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let (target, deadline) = target(args, ui)?;
    let operation_timeout = target.operation_timeout;
    let keeper = args.ledger.look()?;
    runtime::follow(deadline, async |signals| {
        let host = connect(&args.connection, target, deadline, signals, ui).await?;
        let (_wishes, control) = Control::new();
        let label = args.connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let looked = dry_run(&setting, control, plan, format, ui);
        let late = || late(&args.connection, "before everything was looked at; nothing is begun by looking");
        tokio::select! {
            done = deadline.within(looked, late) => done,
            signal = signals.next() => Err(signal),
        }
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

impl<'s> Setting<'s> {
    /// Returns the setting of somebody who has time.
    pub(crate) fn of(host: &'s Host, label: String, keeper: &'s Keeper) -> Self {
        Self { host, label, keeper, deadline: None, operation_timeout: host.operation_timeout() }
    }
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
) -> Report {
    let shown = Mutex::new(page::Progress::new(ui, format));
    let listener = |event: Event| lock(&shown).hear(&event);
    let surroundings = around.with(plan.what.name(), control, &listener);
    attended(export(&surroundings, plan), &shown, wishes, on_interrupt, signals).await
}

/// Does something while a person looks on, who may want it to end. He is asked while it goes on: a host keeps
/// an ended job for five minutes only, and people leave questions standing.
pub(crate) async fn attended<T>(
    work: impl Future<Output = T>,
    shown: &Mutex<page::Progress<'_>>,
    wishes: &watch::Sender<Wish>,
    on_interrupt: OnInterrupt,
    signals: &mut Signals,
) -> T {
    let mut work = std::pin::pin!(work);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut answer: Option<oneshot::Receiver<Wish>> = None;
    let mut is_first = true;
    loop {
        let answered = async {
            match &mut answer {
                // Whoever goes without an answer leaves the job running.
                Some(answer) => answer.await.unwrap_or(Wish::Detach(Reason::Interrupt)),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = &mut work => return done,
            wish = answered => {
                answer = None;
                lock(shown).answered();
                is_first = true;
                wishes.send_replace(wish);
            }
            _ = second.tick() => lock(shown).tick(),
            signal = signals.next() => match on_interrupt {
                _ if signal.kind == Exit::Terminated => {
                    wishes.send_replace(Wish::Detach(Reason::Terminate));
                }
                OnInterrupt::Ask if is_first && lock(shown).can_ask() => answer = Some(lock(shown).ask()),
                OnInterrupt::Cancel if is_first => {
                    is_first = false;
                    wishes.send_replace(Wish::Cancel);
                }
                _ => {
                    wishes.send_replace(Wish::Detach(Reason::Interrupt));
                }
            },
        }
        if answer.is_some() {
            is_first = false;
        }
    }
}

pub(crate) fn lock<'m, 'u>(shown: &'m Mutex<page::Progress<'u>>) -> MutexGuard<'m, page::Progress<'u>> {
    shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
    ui.conclude(&text)?;
    if let Some(failure) = &report.error {
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
        poll: args.poll.or_else(|| config::profile().time("poll")),
    })
}

pub(crate) fn value(report: &Report) -> serde_json::Value {
    serde_json::to_value(report).unwrap_or_default()
}

/// Writes a file whole or not at all.
pub(crate) fn save(file: &Path, text: &str) -> std::io::Result<()> {
    let beside = beside(file);
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

/// Finds out whether a file could be written, and leaves everything as it is.
pub(crate) fn try_beside(file: &Path) -> std::io::Result<()> {
    if file.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let beside = beside(file);
    std::fs::File::create(&beside).and_then(|_| std::fs::remove_file(&beside))
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    PathBuf::from(name)
}

pub(crate) fn unwritable(file: &Path, error: std::io::Error) -> Error {
    Error::new(Exit::LocalFiles, format!("cannot write {}", file.display())).because(error)
}

/// What is still being tidied up on the host may take this long.
const LONGEST_GOODBYE: Duration = Duration::from_secs(5);
