//! `refpoint point prune`: retention.

use std::time::Duration;

use refpoint::fleet::{Control, Failure, Policy, PruneOrder, PruneReport, prune};
use refpoint::hyperv::Host;

use super::super::export::{Setting, late};
use super::Perhaps;
use crate::cli::args::Format;
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::LedgerArgs;
use crate::cli::report::list::List;
use crate::cli::report::{json, yaml};
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Let go of reference points of ours that nobody needs any more, and say of each why it is kept or goes
///
/// Points of others are never touched; nor is what the next export or backup is relative to, what the newest one was
/// relative to, and whatever is in use. These stay beside those that the policy keeps: where backups are incremental,
/// --keep-last 1 leaves two points.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint point prune hv01 --keep-last 3 --dry-run\n  \
                  refpoint point prune hv01 --vm web01 --keep-last 2 --keep-days 7")]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    whose: Perhaps,
    /// Keep so many of the newest points of each machine and group
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Keep all that are not older than so many days
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

pub(super) fn run(args: &Args, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    if args.keep_last.is_none() && args.keep_days.is_none() {
        return Err(Error::usage("nothing says which points are to be kept")
            .hint("say it with --keep-last N, --keep-days DAYS or both"));
    }
    let order = PruneOrder {
        what: args.whose.wanted(),
        policy: Policy {
            keep_last: args.keep_last.unwrap_or_default(),
            keep_for: Duration::from_secs(u64::from(args.keep_days.unwrap_or_default()) * 86_400),
        },
        dry_run: args.dry_run,
    };
    let mut target = args.connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let operation_timeout = target.operation_timeout;
    let keeper = if args.dry_run { args.ledger.look()? } else { args.ledger.open()? };
    let report = runtime::follow(deadline, async |signals| {
        let host = super::super::export::connect(&args.connection, target, deadline, signals, ui).await?;
        let (_wishes, control) = Control::new();
        let label = args.connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let around = setting.with(args.connection.host(), control, &|_| ());
        let work = async { prune(&around, &order).await.map_err(Error::of_failure) };
        let late = || late(&args.connection, "before all was done; the same command goes on");
        let report = tokio::select! {
            report = deadline.within(work, late) => report,
            signal = signals.next() => Err(signal),
        };
        close(host).await;
        report
    })?;
    show(&report, format, ui)?;
    for failure in report.failures() {
        ui.fail(&Error::of_failure(Failure::clone(failure)));
    }
    Ok(Exit::of_code(report.exit_code()))
}

/// What cannot be tidied up the host ends by itself.
async fn close(host: Host) {
    let _ = tokio::time::timeout(Duration::from_secs(5), host.close()).await;
}

fn show(report: &PruneReport, format: Format, ui: &mut Ui) -> Result<(), Error> {
    let value = serde_json::to_value(report).unwrap_or_default();
    match format {
        Format::Json if ui.is_terminal() => ui.print(&(json::pretty(&value) + "\n")),
        Format::Json | Format::Jsonl => ui.print(&(json::compact(&value) + "\n")),
        Format::Yaml => ui.print(&yaml::document(&value)),
        Format::Table | Format::Name => {
            let mut list = List::new(&["Of", "Point", "Since", "Fate", "Why"]);
            for owner in &report.owners {
                for point in &owner.points {
                    if format == Format::Name && point.fate != "let-go" {
                        continue;
                    }
                    let fate = match (&*point.fate, point.is_removed, &point.error) {
                        ("let-go", true, _) => "removed",
                        ("let-go", false, Some(_)) => "not removed",
                        ("let-go", false, None) => "would go",
                        ("gone", ..) => "gone",
                        _ => "kept",
                    };
                    let since = format!("{:.0}", point.since);
                    let row = [&*owner.owner.name, &*point.id, &*since, fate, &*point.why];
                    list.push(&point.id, row, serde_json::Value::Null);
                }
            }
            list.show(format, "no reference point of ours", ui).map(|_| ())
        }
    }
}
