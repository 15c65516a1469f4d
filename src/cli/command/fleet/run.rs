//! `refpoint fleet run` and `refpoint fleet resume`: plans over many hosts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use refpoint::fleet::{
    Control, Event, Keeper, News, Notify, Reason, RunDetails, RunOrder, RunPlan, RunReport, RunSurroundings,
    WindowError, Wish, begin_run, find_run, report_of, work_on,
};
use refpoint::ledger::Run;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::crew::Crew;
use super::hosts::HostsArgs;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::MeansArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::known;
use crate::cli::ledger::{LedgerArgs, clock};
use crate::cli::metrics::{Meter, MetricsArgs, Scope, Subject};
use crate::cli::notify::{Notifier, NotifyArgs};
use crate::cli::report::fleet::live::Live;
use crate::cli::report::fleet::summary;
use crate::cli::report::{json, yaml};
use crate::cli::runtime::{self, Signals};
use crate::cli::ui::Ui;

/// Run a plan: export, back up, make points and let go of them on all the hosts it is for
///
/// What is done is written into the ledger before it counts. Ctrl-C and SIGTERM begin nothing more and leave running jobs
/// to their hosts; fleet resume goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint fleet run nightly.toml -i hosts.toml\n  \
                  refpoint fleet run nightly.toml -i hosts.toml --limit 'hv0*' --metrics-file /var/lib/node_exporter/nightly.prom")]
pub(crate) struct Args {
    /// The plan: what is exported, backed up, made and let go of where (TOML)
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Begin nothing more after the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Begin nothing more after so many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_failures: Option<u32>,
    /// Work although the window of the plan is closed
    #[arg(long)]
    ignore_window: bool,
    #[command(flatten)]
    with: WithArgs,
}

/// Go on with a run that was stopped, interrupted or killed
///
/// What has ended stays ended, running jobs are found on their hosts, what may have been asked is looked up and not
/// asked again, and the rest is begun.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint fleet resume\n  refpoint fleet resume nightly-20261121-0200 --retry-failed"
)]
pub(crate) struct ResumeArgs {
    /// The run, or the plan of which the newest is meant [default: the newest run]
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// End well where the ledger has no such run: for units that look at each start of a machine
    #[arg(long)]
    if_any: bool,
    /// Begin again what failed, and ask hosts again that could not be worked with
    #[arg(long)]
    retry_failed: bool,
    /// Begin anew what nobody knows the fate of: look on the host first, and empty the directory
    #[arg(long)]
    retry_unknown: bool,
    /// Work although the window of the plan is closed
    #[arg(long)]
    ignore_window: bool,
    #[command(flatten)]
    with: WithArgs,
}

/// What a run works with.
#[derive(Debug, clap::Args)]
pub(crate) struct WithArgs {
    #[command(flatten)]
    pub(crate) hosts: HostsArgs,
    #[command(flatten)]
    pub(crate) means: MeansArgs,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    notify: NotifyArgs,
}

/// Runs `fleet run`.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let (text, mut plan) = read(&args.plan)?;
    plan.stop.fail_fast |= args.fail_fast;
    if let Some(most) = args.max_failures {
        plan.stop.max_failures = Some(most as usize);
    }
    let now = Zoned::now();
    let closes = closes(&plan, args.ignore_window, &now)?;
    let crew = Crew::muster(&plan, Some(&args.plan), &args.with.hosts, &args.with.means, ui);
    let ready = crew.and_then(|crew| Ok((crew, args.with.ledger.open()?)));
    let (crew, keeper) = ready.map_err(|error| could_not_begin(&args.with, &plan, error, ui))?;
    let details = RunDetails {
        date: now.date().to_string(),
        time: now.strftime("%H%M").to_string(),
        inventories: args.with.hosts.names(&plan.inventories, Some(&args.plan)),
        notify_from: notify_from(&plan, &args.plan),
        limit: args.with.hosts.limit(),
        fail_fast: args.fail_fast,
        max_failures: args.max_failures,
    };
    let order = RunOrder { text, hosts: crew.hosts.clone(), details };
    let again = Again { failed: false, unknown: false };
    let job = Job { with: &args.with, plan, crew, keeper, closes, again, before: None };
    many_connections();
    runtime::serve_with(async |signals| {
        let run = begin_run(&job.keeper, &job.plan, &order, clock()).await.map_err(Error::of_failure)?;
        job.work(run, output.output.unwrap_or(Format::Table), signals, ui).await
    })
}

/// Runs `fleet resume`.
pub(crate) fn resume(args: &ResumeArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let keeper = args.with.ledger.open()?;
    let format = output.output.unwrap_or(Format::Table);
    let found = runtime::block(async {
        let run = find(&keeper, args.run.as_deref()).await?;
        let before = report_of(&keeper, Some(&run.name), clock()).await.map_err(Error::of_failure)?;
        Ok((run, before))
    });
    let (run, before) = match found {
        Err(error) if args.if_any && error.kind == Exit::NotFound => {
            ui.note(&format!("{}: there is nothing to take up", error.to_failure().message));
            return Ok(Exit::Done);
        }
        found => found?,
    };
    if run.is_over && !args.retry_failed {
        ui.note(&format!("{} is over: there is nothing to take up", run.name));
        if before.exit_code.is_some_and(|code| code != 0) {
            ui.note("refpoint fleet report shows what failed; --retry-failed begins that again");
        }
        if format != Format::Table {
            show(&before, format, ui)?;
        }
        // Whoever looks after each start of a machine whether there is something to do finds that there is not.
        return Ok(Exit::Done);
    }
    let mut plan = RunPlan::read(&run.text).map_err(|error| {
        Error::new(Exit::LocalFiles, format!("the plan that the ledger has of {} cannot be read", run.name))
            .because(error)
    })?;
    let details: RunDetails = serde_json::from_str(&run.details).unwrap_or_default();
    plan.stop.fail_fast |= details.fail_fast;
    plan.stop.max_failures = details.max_failures.map(|most| most as usize).or(plan.stop.max_failures);
    if let Some(file) = &details.notify_from {
        match notify_of(&plan, Path::new(file)) {
            Ok(notify) => plan.notify = notify,
            Err(error) => ui.warn(&format!(
                "those whom the plan names are not told: the ledger keeps no addresses, and {}",
                error.to_failure().message
            )),
        }
    }
    let closes = closes(&plan, args.ignore_window, &Zoned::now())?;
    let hosts = args.with.hosts.or(&details.inventories, details.limit.as_deref());
    let crew = Crew::muster(&plan, None, &hosts, &args.with.means, ui);
    let crew = crew.map_err(|error| could_not_begin(&args.with, &plan, error, ui))?;
    let again = Again { failed: args.retry_failed, unknown: args.retry_unknown };
    let job = Job { with: &args.with, plan, crew, keeper, closes, again, before: Some(before) };
    many_connections();
    runtime::serve_with(async |signals| job.work(run, format, signals, ui).await)
}

/// Each host takes a connection. As many as may be had; where that is not enough, a host says so.
fn many_connections() {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// Tells those whom the plan names that there is no run, and why.
fn could_not_begin(with: &WithArgs, plan: &RunPlan, error: Error, ui: &mut Ui) -> Error {
    let failure = error.to_failure();
    let told = runtime::block(async {
        let notifier = Notifier::start(&with.notify.join(plan.notify.clone()), Timestamp::now, ui);
        Ok(notifier.fail(&plan.name, &failure).await)
    });
    told.unwrap_or_default().iter().for_each(|text| ui.warn(text));
    error
}

/// Returns the run of that name, or the newest of the plan of that name.
pub(super) async fn find(keeper: &Keeper, name: Option<&str>) -> Result<Run, Error> {
    if let Some(plan) = name.map(str::to_owned) {
        let of_plan = keeper.with(move |ledger| Ok(ledger.runs(Some(&plan))?.into_iter().next())).await;
        if let Some(run) = of_plan.map_err(Error::of_ledger)? {
            return Ok(run);
        }
    }
    find_run(keeper, name).await.map_err(Error::of_failure)
}

/// Reads a plan.
pub(super) fn read(path: &Path) -> Result<(String, RunPlan), Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read the plan {}", path.display())).because(error))?;
    let plan = RunPlan::read(&text)
        .map_err(|error| Error::usage(format!("cannot use the plan {}", path.display())).because(error))?;
    Ok((text, plan))
}

/// Returns which file says whom a plan tells, where it tells anybody: the ledger keeps no addresses.
fn notify_from(plan: &RunPlan, file: &Path) -> Option<String> {
    if plan.notify.is_nobody() {
        return None;
    }
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    Some(file.to_string_lossy().into_owned())
}

/// Returns whom a plan tells by now, as its file says.
fn notify_of(plan: &RunPlan, file: &Path) -> Result<Notify, Error> {
    let (_, found) = read(file)?;
    if found.name != plan.name {
        return Err(Error::usage(format!("{} is plan {} by now", file.display(), found.name)));
    }
    Ok(found.notify)
}

/// Returns how long from now the plan's window is open.
fn closes(plan: &RunPlan, ignore: bool, now: &Zoned) -> Result<Option<Duration>, Error> {
    let Some(window) = plan.window.as_ref().filter(|_| !ignore) else { return Ok(None) };
    let end = window.closes(now).map_err(|error| match error {
        WindowError::Closed { .. } => {
            Error::new(Exit::Deadline, error.to_string()).hint("--ignore-window works all the same")
        }
        error => Error::usage("the window of the plan makes no sense").because(error),
    })?;
    let left = now.timestamp().duration_until(end.timestamp());
    Ok(Some(Duration::try_from(left).unwrap_or_default()))
}

struct Job<'a> {
    with: &'a WithArgs,
    plan: RunPlan,
    crew: Crew,
    keeper: Keeper,
    closes: Option<Duration>,
    again: Again,
    before: Option<RunReport>,
}

/// What is begun again of what has ended.
struct Again {
    failed: bool,
    unknown: bool,
}

impl Job<'_> {
    async fn work(
        &self,
        run: Run,
        format: Format,
        signals: &mut Signals,
        ui: &mut Ui,
    ) -> Result<Exit, Error> {
        let mut notifier =
            Notifier::start(&self.with.notify.join(self.plan.notify.clone()), Timestamp::now, ui);
        let scope = if self.with.hosts.limit().is_some() { Scope::Part } else { Scope::Whole };
        let subject = Subject { plan: &self.plan.name, before: self.before.as_ref(), scope };
        let meter = Meter::start(&self.with.metrics, &subject, Timestamp::now).await;
        if let Some(address) = meter.address() {
            ui.note(&format!("metrics: http://{address}/metrics"));
        }
        ui.note(&format!("run {}", run.name));
        let (told, mut heard) = mpsc::unbounded_channel::<Event>();
        let (wishes, control) = Control::new();
        let closes = [self.closes, self.with.means.deadline()].into_iter().flatten().min();
        let around = RunSurroundings {
            opener: self.crew.opener(),
            keeper: self.keeper.clone(),
            clock,
            listener: Arc::new(move |event| {
                // The one who listens ends after the one who tells.
                let _ = told.send(event);
            }),
            control,
            closes: closes.map(|after| Instant::now() + after),
            retry_failed: self.again.failed,
            retry_unknown: self.again.unknown,
        };
        let worked = {
            let mut live = Live::new(ui, format, self.before.as_ref());
            let mut work = std::pin::pin!(work_on(around, &run, self.plan.clone(), &self.crew.hosts));
            let mut second = interval(Duration::from_secs(1));
            second.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut is_ending = false;
            let worked = loop {
                tokio::select! {
                    biased;
                    Some(event) = heard.recv() => {
                        self.hear_of_trust(&mut live, &mut notifier, &meter);
                        hear(&mut live, &mut notifier, &meter, &event);
                    }
                    worked = &mut work => break worked,
                    signal = signals.next() => {
                        if is_ending {
                            // Whoever insists has his way: what is under way is in the ledger.
                            break Err(signal.to_failure());
                        }
                        is_ending = true;
                        end(&signal, &wishes);
                    }
                    _ = second.tick() => {
                        self.hear_of_trust(&mut live, &mut notifier, &meter);
                        live.tick(Timestamp::now());
                        notifier.warnings().iter().chain(&meter.warnings()).for_each(|text| live.warn(text));
                    }
                }
            };
            self.hear_of_trust(&mut live, &mut notifier, &meter);
            while let Ok(event) = heard.try_recv() {
                hear(&mut live, &mut notifier, &meter, &event);
            }
            live.done();
            worked
        };
        let report = match worked {
            Ok(report) => report,
            Err(failure) => {
                let (plan, code) = (&self.plan.name, failure.exit_code);
                let said = tokio::join!(notifier.fail(plan, &failure), meter.fail(code));
                said.0.iter().chain(&said.1).for_each(|text| ui.warn(text));
                return Err(Error::of_failure(failure));
            }
        };
        tell(notifier, meter, &report, ui).await;
        show(&report, format, ui)
    }

    /// Says whom it was that was trusted on first use. A certificate is remembered before the login, so that whoever
    /// asks for this ahead of each event has said it before a host is said to be connected and is asked for anything.
    fn hear_of_trust(&self, live: &mut Live<'_>, notifier: &mut Notifier, meter: &Meter) {
        for trusted in known::news() {
            let place = trusted.host.to_string();
            let name = self.crew.name_of(&trusted.host).map_or(place, str::to_owned);
            let what = News::Warning { message: known::words(&trusted) };
            hear(live, notifier, meter, &Event::of_host(Timestamp::now(), name, what));
        }
    }
}

fn hear(live: &mut Live<'_>, notifier: &mut Notifier, meter: &Meter, event: &Event) {
    notifier.hear(event);
    meter.hear(event);
    live.hear(event);
}

async fn tell(notifier: Notifier, meter: Meter, report: &RunReport, ui: &mut Ui) {
    let (from_notifier, from_meter) = tokio::join!(notifier.finish(report), meter.finish(report));
    from_notifier.iter().chain(&from_meter).for_each(|text| ui.warn(text));
}

/// Ends a run as a signal wants it: nothing more is begun, and jobs are left to their hosts.
fn end(signal: &Error, wishes: &watch::Sender<Wish>) {
    let reason = if signal.kind == Exit::Terminated { Reason::Terminate } else { Reason::Interrupt };
    wishes.send_replace(Wish::Detach(reason));
}

fn show(report: &RunReport, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let value = || serde_json::to_value(report).unwrap_or_default();
    ui.conclude(&match format {
        Format::Table => summary::text(report, ui.width()),
        Format::Json if ui.is_terminal() => json::pretty(&value()) + "\n",
        Format::Json => json::compact(&value()) + "\n",
        // The last event has said it.
        Format::Jsonl => String::new(),
        Format::Yaml => yaml::document(&value()),
        Format::Name => format!("{}\n", report.run),
    })?;
    Ok(Exit::of_code(report.exit_code.unwrap_or_default()))
}
