//! `refpoint point`: reference points, and which of them are ours.

use clap::{Subcommand, ValueEnum};
use refpoint::fleet::{Control, Keeper, Owned, adopt_point, create_point};
use refpoint::hyperv::{Consistency, Group, Host, Machine, Point, PointType, Selector};
use refpoint::ledger::{self, Newest, Origin};
use serde_json::{Value as Json, json};

use super::export::{Setting, late};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::LedgerArgs;
use crate::cli::report::list::List;
use crate::cli::report::{json as text, table, yaml};
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Look at reference points, make them, and say which are ours
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Create(CreateArgs),
    Adopt(AdoptArgs),
}

/// List the reference points of machines and groups, and which of them are ours
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint point list hv01\n  refpoint point list hv01 --vm web01 -o json"
)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only of these machines: a name, a GUID, or a pattern with * and ?
    #[arg(long, value_name = "VM", conflicts_with = "group")]
    vm: Option<String>,
    /// Only of these groups
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Show one reference point of a machine
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint point show hv01 B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its identifier or GUID
    #[arg(value_name = "POINT")]
    point: String,
    /// The machine; without, the one that has such a point
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Have a reference point of a machine made, and write down that it is ours and when it was made
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint point create hv01 --vm web01")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The machine
    #[arg(long, value_name = "VM")]
    vm: String,
    /// What the point keeps: a mark in the change tracking, or a log of changes with their data
    #[arg(long = "type", value_name = "TYPE", default_value = "rct")]
    point_type: Kind,
    /// How consistent the data is to be; another level is never taken instead
    #[arg(long, value_name = "LEVEL", default_value = "application")]
    consistency: Level,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Treat a reference point that somebody else has made as ours from now on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint point adopt hv01 --vm web01 B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"
)]
pub(crate) struct AdoptArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its identifier or GUID
    #[arg(value_name = "POINT")]
    point: String,
    /// The machine; without, the one that has such a point
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Rct,
    Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Application,
    Crash,
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    match command {
        Command::List(args) => list(args, format, ui),
        Command::Show(args) => show(args, format, ui),
        Command::Create(args) => create(args, format, ui),
        Command::Adopt(args) => adopt(args, format, ui),
    }
}

fn list(args: &ListArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let target = args.connection.target(Who::User, ui)?;
    let keeper = args.ledger.look()?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let mut list = List::new(&["Of", "Point", "Type", "Consistency", "Disks", "Ours"]);
        if args.group.is_none() {
            let wanted = Selector::parse(args.vm.as_deref().unwrap_or("*"));
            for machine in machines(&host, &wanted).await? {
                let ours = ours(&keeper, ledger::Kind::Vm, machine.id.to_string()).await?;
                let points = host.points(&machine).await.map_err(Error::of_hyperv)?;
                let here = |own: &&ledger::Point| points.iter().any(|point| is_own(own, point));
                let newest = Newest::of(ours.iter().filter(here));
                for point in &points {
                    let owned = ours.iter().find(|own| is_own(own, point));
                    let is_latest = owned.is_some_and(|own| newest == Newest::Point(own));
                    push_point(&mut list, &machine, point, owned, is_latest);
                }
            }
        }
        if args.vm.is_none() {
            let wanted = Selector::parse(args.group.as_deref().unwrap_or("*"));
            for group in groups(&host, &wanted).await? {
                push_collections(&mut list, &host, &group).await?;
            }
        }
        list.show(format, "no reference point", ui)
    })
}

fn is_own(own: &ledger::Point, point: &Point) -> bool {
    own.id.eq_ignore_ascii_case(&point.id)
}

fn push_point(
    list: &mut List<'_>,
    machine: &Machine,
    point: &Point,
    owned: Option<&ledger::Point>,
    is_latest: bool,
) {
    let mark = owned.map_or("foreign", |own| match (own.origin, is_latest) {
        (Origin::Made, true) => "made, latest",
        (Origin::Made, false) => "made",
        (Origin::Adopted, true) => "adopted, latest",
        (Origin::Adopted, false) => "adopted",
    });
    let disks = point.disks.len().to_string();
    list.push(
        &point.id,
        [&machine.name, &point.id, point.point_type.name(), level(point.consistency), &disks, mark],
        value(machine, point, owned),
    );
}

async fn push_collections(list: &mut List<'_>, host: &Host, group: &Group) -> Result<(), Error> {
    for points in host.collections(group).await.map_err(Error::of_hyperv)? {
        let number = points.consistency.map(|number| number.to_string()).unwrap_or_default();
        list.push(
            &points.id,
            [&format!("group {}", group.name), &points.id, points.point_type.name(), &number, "", "foreign"],
            json!({"kind": "group", "group": {"id": group.id.as_str(), "name": group.name}, "id": points.id, "name": points.name,
                   "type": points.point_type.number(), "consistency": points.consistency, "has_log": points.has_log}),
        );
    }
    Ok(())
}

fn show(args: &ShowArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let target = args.connection.target(Who::User, ui)?;
    let keeper = args.ledger.look()?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let selector = match &args.vm {
            Some(vm) => Selector::parse(vm),
            None => owner(&host, &args.point).await?,
        };
        let machine = host.machine(&selector).await.map_err(Error::of_hyperv)?;
        let points = host.points(&machine).await.map_err(Error::of_hyperv)?;
        let ours = ours(&keeper, ledger::Kind::Vm, machine.id.to_string()).await?;
        let Some(point) = points.iter().find(|point| point.is_named(&args.point)) else {
            let ids: Vec<_> = points.iter().map(|point| point.id.as_str()).collect();
            let error = Error::new(
                Exit::NotFound,
                format!("{} has no reference point {:?}", machine.name, args.point),
            );
            return Err(error.hint(format!("there are {}", ids.join(", "))));
        };
        let owned = ours.iter().find(|own| is_own(own, point));
        print(&machine, point, owned, format, ui)
    })
}

fn create(args: &CreateArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let wanted = match args.point_type {
        Kind::Rct => PointType::Rct,
        Kind::Log => PointType::Log,
    };
    let consistency = match args.consistency {
        Level::Application => Consistency::Application,
        Level::Crash => Consistency::Crash,
    };
    let selector = Selector::parse(&args.vm);
    let left = "before the point was there; the host may still make it, and the same command takes it up";
    own(&args.connection, &args.ledger, (&args.vm, left), format, ui, async |around| {
        create_point(around, &selector, consistency, wanted).await.map_err(Error::of_failure)
    })
}

fn adopt(args: &AdoptArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let unit = args.vm.clone().unwrap_or_else(|| args.point.clone());
    let left = "before the point was adopted";
    own(&args.connection, &args.ledger, (&unit, left), format, ui, async |around| {
        let machine = match &args.vm {
            Some(vm) => Selector::parse(vm),
            None => owner(around.host, &args.point).await?,
        };
        adopt_point(around, &machine, &args.point).await.map_err(Error::of_failure)
    })
}

/// Returns the machines that are meant. That a pattern matches none is an answer; that a name does is not.
pub(crate) async fn machines(host: &Host, wanted: &Selector) -> Result<Vec<Machine>, Error> {
    let found = host.machines(wanted).await.map_err(Error::of_hyperv)?;
    if found.is_empty() && !matches!(wanted, Selector::Glob(_)) {
        return host.machine(wanted).await.map(|machine| vec![machine]).map_err(Error::of_hyperv);
    }
    Ok(found)
}

/// The same of groups.
pub(crate) async fn groups(host: &Host, wanted: &Selector) -> Result<Vec<Group>, Error> {
    let found = host.groups(wanted).await.map_err(Error::of_hyperv)?;
    if found.is_empty() && !matches!(wanted, Selector::Glob(_)) {
        return host.group(wanted).await.map(|group| vec![group]).map_err(Error::of_hyperv);
    }
    Ok(found)
}

/// Returns the machine that has a point.
async fn owner(host: &Host, id: &str) -> Result<Selector, Error> {
    for machine in host.machines(&Selector::parse("*")).await.map_err(Error::of_hyperv)? {
        let points = host.points(&machine).await.map_err(Error::of_hyperv)?;
        if points.iter().any(|point| point.is_named(id)) {
            return Ok(Selector::Id(machine.id));
        }
    }
    Err(Error::new(Exit::NotFound, format!("no machine of this host has a reference point {id:?}"))
        .hint("refpoint point list shows them"))
}

fn own(
    connection: &ConnectionArgs,
    ledger: &LedgerArgs,
    (unit, left): (&str, &str),
    format: Format,
    ui: &mut Ui,
    work: impl AsyncFnOnce(&refpoint::fleet::Surroundings<'_>) -> Result<Owned, Error>,
) -> Result<Exit, Error> {
    let mut target = connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let operation_timeout = target.operation_timeout;
    let keeper = ledger.open()?;
    runtime::wait(async {
        let login = async { Ok(Host::new(connection.open(target, ui).await?)) };
        let host = deadline.within(login, || late(connection, "before the login was done")).await?;
        let (_wishes, control) = Control::new();
        let label = connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let around = setting.with(unit.to_owned(), control, &|_| ());
        let owned = deadline.within(work(&around), || late(connection, left)).await?;
        let record = ours(&keeper, ledger::Kind::Vm, owned.machine.id.to_string()).await?;
        let record = record.iter().find(|own| own.id.eq_ignore_ascii_case(&owned.point.id));
        print(&owned.machine, &owned.point, record, format, ui)
    })
}

async fn ours(keeper: &Keeper, kind: ledger::Kind, subject: String) -> Result<Vec<ledger::Point>, Error> {
    keeper.with(move |ledger| ledger.points_of(kind, &subject)).await.map_err(Error::of_ledger)
}

fn print(
    machine: &Machine,
    point: &Point,
    owned: Option<&ledger::Point>,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let value = value(machine, point, owned);
    ui.print(&match format {
        Format::Table => table::pairs(&lines(machine, point, owned), 0),
        Format::Json if ui.is_terminal() => text::pretty(&value) + "\n",
        Format::Json | Format::Jsonl => text::compact(&value) + "\n",
        Format::Yaml => yaml::document(&value),
        Format::Name => format!("{}\n", crate::cli::report::text::harmless(&point.id)),
    })?;
    Ok(Exit::Done)
}

fn value(machine: &Machine, point: &Point, owned: Option<&ledger::Point>) -> Json {
    let made = owned.and_then(|own| jiff::Timestamp::try_from(own.made_at).ok()).map(|time| time.to_string());
    json!({
        "kind": "vm", "machine": {"id": machine.id.as_str(), "name": machine.name}, "id": point.id,
        "type": point.point_type.number(), "consistency": point.consistency, "has_data": point.has_data,
        "disks": point.disks, "tracking": point.tracking,
        "ours": owned.map(|own| match own.origin { Origin::Made => "made", Origin::Adopted => "adopted" }),
        "since": made,
    })
}

fn lines(machine: &Machine, point: &Point, owned: Option<&ledger::Point>) -> Vec<(&'static str, String)> {
    let since = owned.and_then(|own| jiff::Timestamp::try_from(own.made_at).ok());
    let ours = match owned.map(|own| own.origin) {
        None => "no".to_owned(),
        Some(Origin::Made) => format!("made {:.0}", since.unwrap_or_default()),
        Some(Origin::Adopted) => format!("adopted {:.0}", since.unwrap_or_default()),
    };
    let mut lines = vec![
        ("Point", point.id.clone()),
        ("Machine", format!("{} ({})", machine.name, machine.id)),
        ("Type", format!("{} ({})", point.point_type.name(), point.point_type.number())),
        ("Consistency", level(point.consistency).to_owned()),
        ("Ours", ours),
    ];
    if point.point_type == PointType::Log {
        lines.push(("Log", if point.has_data { "there" } else { "removed" }.to_owned()));
    }
    lines.extend(point.disks.iter().map(|disk| ("Disk", disk.clone())));
    lines.extend(point.tracking.iter().map(|id| ("Tracking", id.clone())));
    lines
}

/// The names of the machines' own points; those of groups have them the other way round, so that they are
/// shown as numbers.
fn level(consistency: Option<u16>) -> &'static str {
    match consistency {
        Some(1) => "application",
        Some(2) => "crash",
        _ => "unknown",
    }
}
