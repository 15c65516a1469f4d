//! `refpoint vm changes`: what an incremental would carry.

use refpoint::fleet::{Keeper, PointChoice};
use refpoint::hyperv::{Changes, Disk, Host, Machine, Point, PointType, Selector, is_same_disk, tracking_of};
use refpoint::ledger::{self, Kind, Newest};
use serde_json::{Value as Json, json};

use super::export::late;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::LedgerArgs;
use crate::cli::report::table::Table;
use crate::cli::report::text::harmless;
use crate::cli::report::{json as text, yaml};
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Show what of a machine's disks has changed since a reference point: what an incremental would carry
///
/// The table has the sums; JSON and YAML have the ranges, as the guest sees the disk.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint vm changes hv01 --vm web01 --since B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304\n  \
                  refpoint vm changes hv01 --vm db01 --since latest -o json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The machine: its name or GUID
    #[arg(long, value_name = "VM")]
    vm: String,
    /// The reference point: its identifier or GUID; latest, by the ledger; or only, where there is one
    #[arg(long, value_name = "POINT")]
    since: String,
    /// Only this disk, by its identifier (repeatable)
    #[arg(long, value_name = "ID")]
    disk: Vec<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    let mut target = args.connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let keeper = args.ledger.look()?;
    let work = async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let machine = host.machine(&Selector::parse(&args.vm)).await.map_err(Error::of_hyperv)?;
        let points = host.points(&machine).await.map_err(Error::of_hyperv)?;
        let point = meant(&args.since, &machine, &points, &keeper).await?;
        if point.point_type != PointType::Rct {
            let message =
                format!("{} is a {} point, and marks no changes", point.id, point.point_type.name());
            return Err(Error::usage(message).hint("say an RCT point: refpoint point list shows them"));
        }
        let disks = host.disks(&machine.id).await.map_err(Error::of_hyperv)?;
        let mut found = Vec::new();
        for disk in wanted(disks, &args.disk)? {
            let changes = of_disk(&host, point, &disk).await?;
            found.push((disk, changes));
        }
        show(&machine.name, point, &found, format, ui)
    };
    runtime::wait(deadline.within(work, || late(&args.connection, "before everything was looked at")))
}

/// Finds the point that a person means.
async fn meant<'p>(
    since: &str,
    machine: &Machine,
    points: &'p [Point],
    keeper: &Keeper,
) -> Result<&'p Point, Error> {
    let found = match PointChoice::parse(since) {
        PointChoice::Named(text) => points.iter().find(|point| point.is_named(&text)),
        PointChoice::Only => match points {
            [point] => Some(point),
            _ => None,
        },
        PointChoice::Latest => {
            let id = machine.id.to_string();
            let ours = keeper.with(move |ledger| ledger.points_of(Kind::Vm, &id)).await;
            let ours = ours.map_err(Error::of_ledger)?;
            let there =
                |own: &ledger::Point| points.iter().find(|point| point.id.eq_ignore_ascii_case(&own.id));
            match Newest::of(ours.iter().filter(|own| there(own).is_some())) {
                Newest::Point(own) => there(own),
                Newest::OneOf(_) | Newest::Nothing => None,
            }
        }
    };
    found.ok_or_else(|| {
        let ids: Vec<_> = points.iter().map(|point| &*point.id).collect();
        let message = match PointChoice::parse(since) {
            PointChoice::Named(text) => format!("{} has no reference point {text:?}", machine.name),
            PointChoice::Only => {
                format!("{} has {} reference points, not only one", machine.name, points.len())
            }
            PointChoice::Latest => {
                format!("which reference point of {} is the newest the ledger cannot tell", machine.name)
            }
        };
        Error::new(Exit::NotFound, message).hint(format!("there are {}", ids.join(", ")))
    })
}

/// Returns the disks that are meant: all where none is named.
fn wanted(disks: Vec<Disk>, named: &[String]) -> Result<Vec<Disk>, Error> {
    if let Some(unknown) = named.iter().find(|id| !disks.iter().any(|disk| is_same_disk(&disk.id, id))) {
        let ids: Vec<_> = disks.iter().map(|disk| &*disk.id).collect();
        let error = Error::new(Exit::NotFound, format!("the machine has no disk {unknown:?}"));
        return Err(error.hint(format!("there are {}", ids.join(", "))));
    }
    let is_meant = |disk: &Disk| named.is_empty() || named.iter().any(|id| is_same_disk(&disk.id, id));
    Ok(disks.into_iter().filter(is_meant).collect())
}

/// Returns what has changed; `None` of a disk that the point does not cover, which an incremental carries whole.
async fn of_disk(host: &Host, point: &Point, disk: &Disk) -> Result<Option<Changes>, Error> {
    let Some(tracking) = tracking_of(point, &disk.id) else { return Ok(None) };
    let size = host.disk_size(&disk.file).await.map_err(Error::of_hyperv)?;
    host.changes(&disk.file, tracking, size).await.map(Some).map_err(Error::of_hyperv)
}

fn show(
    machine: &str,
    point: &Point,
    found: &[(Disk, Option<Changes>)],
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let value = json!({
        "machine": {"id": point.machine.as_str(), "name": machine}, "since": point.id,
        "disks": found.iter().map(|(disk, changes)| value(disk, changes.as_ref())).collect::<Vec<_>>(),
    });
    match format {
        Format::Json if ui.is_terminal() => ui.print(&(text::pretty(&value) + "\n"))?,
        Format::Json | Format::Jsonl => ui.print(&(text::compact(&value) + "\n"))?,
        Format::Yaml => ui.print(&yaml::document(&value))?,
        Format::Name => {
            found.iter().try_for_each(|(disk, _)| ui.print(&format!("{}\n", harmless(&disk.id))))?
        }
        Format::Table => {
            let rows: Vec<Vec<String>> =
                found.iter().map(|(disk, changes)| row(disk, changes.as_ref())).collect();
            let (width, headings) = (ui.width(), ["Disk", "File", "Changed", "Of", "Ranges"]);
            let table = Table::new(&headings, &rows, width);
            ui.print(&table.heading(width))?;
            rows.iter().try_for_each(|row| ui.print(&table.row(row, width)))?;
        }
    }
    if found.iter().any(|(_, changes)| changes.is_none()) {
        ui.warn("a disk that the point does not cover cannot be told of: an incremental needs all of it");
        return Ok(Exit::Warnings);
    }
    Ok(Exit::Done)
}

fn row(disk: &Disk, changes: Option<&Changes>) -> Vec<String> {
    let number = |number: u64| number.to_string();
    let (changed, size, ranges) = match changes {
        Some(changes) => (number(changes.bytes()), number(changes.size), changes.ranges.len().to_string()),
        None => ("all of it".to_owned(), String::new(), String::new()),
    };
    vec![disk.id.clone(), disk.file.clone(), changed, size, ranges]
}

fn value(disk: &Disk, changes: Option<&Changes>) -> Json {
    let range = |(offset, length): &(u64, u64)| json!({"offset": offset, "length": length});
    json!({
        "id": disk.id, "file": disk.file, "is_covered": changes.is_some(), "size": changes.map(|it| it.size),
        "changed_bytes": changes.map(Changes::bytes),
        "ranges": changes.map(|it| it.ranges.iter().map(range).collect::<Vec<_>>()),
    })
}
