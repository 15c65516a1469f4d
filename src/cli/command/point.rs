//! `refpoint point`: reference points, and which of them are ours.

use clap::{Subcommand, ValueEnum};
use refpoint::fleet::{Control, Keeper, Owned, adopt_point, create_point};
use refpoint::hyperv::{Collection, Consistency, Group, Host, Machine, Point, PointType, Selector};
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

/// Show one reference point of a machine, or one collection of them of a group
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint point show hv01 B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304\n  \
                  refpoint point show hv01 --group shop 7F2EAD9C-3041-4C5D-8E6F-B07182930415")]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its identifier or GUID
    #[arg(value_name = "POINT")]
    point: String,
    /// The machine; without, the one that has such a point
    #[arg(long, value_name = "VM", conflicts_with = "group")]
    vm: Option<String>,
    /// The group whose collection of points it is; without, the one that has such a collection
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
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
            list_points(args, &host, &keeper, &mut list).await?;
        }
        if args.vm.is_none() {
            list_collections(args, &host, &keeper, &mut list).await?;
        }
        list.show(format, "no reference point", ui)
    })
}

/// Adds the points of the machines that are meant; however many those are, the host is asked once for the points.
async fn list_points(
    args: &ListArgs,
    host: &Host,
    keeper: &Keeper,
    list: &mut List<'_>,
) -> Result<(), Error> {
    let machines = machines(host, &Selector::parse(args.vm.as_deref().unwrap_or("*"))).await?;
    let mut points = match &*machines {
        [machine] if args.vm.is_some() => host.points(machine).await,
        _ => host.all_points().await,
    }
    .map_err(Error::of_hyperv)?;
    for machine in &machines {
        let ours = ours(keeper, ledger::Kind::Vm, machine.id.to_string()).await?;
        let of_machine: Vec<_> = points.extract_if(.., |point| point.machine == machine.id).collect();
        let there: Vec<_> = of_machine.iter().map(|point| &*point.id).collect();
        for point in &of_machine {
            push_point(list, &machine.name, point, &ours, &there);
        }
    }
    if args.vm.is_none() {
        // What a machine leaves behind that has gone is there all the same.
        for point in &points {
            let ours = ours(keeper, ledger::Kind::Vm, point.machine.to_string()).await?;
            let of_it = points.iter().filter(|other| other.machine == point.machine);
            let there: Vec<_> = of_it.map(|point| &*point.id).collect();
            push_point(list, "", point, &ours, &there);
        }
    }
    Ok(())
}

fn push_point(list: &mut List<'_>, machine: &str, point: &Point, ours: &[ledger::Point], there: &[&str]) {
    let disks = point.disks.len().to_string();
    let of = if machine.is_empty() { point.machine.as_str() } else { machine };
    let mark = mark(&point.id, ours, there);
    list.push(
        &point.id,
        [of, &point.id, point.point_type.name(), level(point.consistency), &disks, mark],
        value(machine, point, owned(&point.id, ours)),
    );
}

/// The same of groups.
async fn list_collections(
    args: &ListArgs,
    host: &Host,
    keeper: &Keeper,
    list: &mut List<'_>,
) -> Result<(), Error> {
    let groups = groups(host, &Selector::parse(args.group.as_deref().unwrap_or("*"))).await?;
    let mut all = match &*groups {
        [] => Ok(Vec::new()),
        [group] if args.group.is_some() => host.collections(group).await,
        _ => host.all_collections().await,
    }
    .map_err(Error::of_hyperv)?;
    for group in &groups {
        let ours = ours(keeper, ledger::Kind::Group, group.id.to_string()).await?;
        let of_group: Vec<_> = all.extract_if(.., |points| points.group == group.id).collect();
        let there: Vec<_> = of_group.iter().map(|points| &*points.id).collect();
        for points in &of_group {
            let number = points.consistency.map(|number| number.to_string()).unwrap_or_default();
            let of = format!("group {}", group.name);
            let mark = mark(&points.id, &ours, &there);
            list.push(
                &points.id,
                [&of, &points.id, points.point_type.name(), &number, "", mark],
                collection_value(group, points, owned(&points.id, &ours)),
            );
        }
    }
    Ok(())
}

fn owned<'p>(id: &str, ours: &'p [ledger::Point]) -> Option<&'p ledger::Point> {
    ours.iter().find(|own| own.id.eq_ignore_ascii_case(id))
}

/// Says whose a point is; `there` are all of its owner that the host shows.
fn mark(id: &str, ours: &[ledger::Point], there: &[&str]) -> &'static str {
    let here = |own: &&ledger::Point| there.iter().any(|id| own.id.eq_ignore_ascii_case(id));
    let newest = Newest::of(ours.iter().filter(here));
    owned(id, ours).map_or("foreign", |own| match (own.origin, newest == Newest::Point(own)) {
        (Origin::Made, true) => "made, latest",
        (Origin::Made, false) => "made",
        (Origin::Adopted, true) => "adopted, latest",
        (Origin::Adopted, false) => "adopted",
    })
}

fn show(args: &ShowArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let target = args.connection.target(Who::User, ui)?;
    let keeper = args.ledger.look()?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        if args.group.is_some() {
            return show_collection(args, &host, &keeper, format, ui).await;
        }
        let selector = match &args.vm {
            Some(vm) => Selector::parse(vm),
            None => match owner(&host, &args.point).await {
                // It may be that of a group.
                Err(error) if error.kind == Exit::NotFound => {
                    return show_collection(args, &host, &keeper, format, ui).await;
                }
                owner => owner?,
            },
        };
        let machine = host.machine(&selector).await.map_err(Error::of_hyperv)?;
        let points = host.points(&machine).await.map_err(Error::of_hyperv)?;
        let ours = ours(&keeper, ledger::Kind::Vm, machine.id.to_string()).await?;
        let Some(point) = points.iter().find(|point| point.is_named(&args.point)) else {
            let ids = points.iter().map(|point| point.id.as_str());
            return Err(no_point(&machine.name, &args.point, ids));
        };
        print(&machine, point, owned(&point.id, &ours), format, ui)
    })
}

/// Shows a collection of points, with what it holds.
async fn show_collection(
    args: &ShowArgs,
    host: &Host,
    keeper: &Keeper,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let (group, points) = match &args.group {
        Some(group) => {
            let group = host.group(&Selector::parse(group)).await.map_err(Error::of_hyperv)?;
            let all = host.collections(&group).await.map_err(Error::of_hyperv)?;
            let Some(points) = all.iter().find(|points| points.is_named(&args.point)).cloned() else {
                let ids = all.iter().map(|points| points.id.as_str());
                return Err(no_point(&group.name, &args.point, ids));
            };
            (group, points)
        }
        None => {
            let all = host.all_collections().await.map_err(Error::of_hyperv)?;
            let points = all.into_iter().find(|points| points.is_named(&args.point));
            let points = points.ok_or_else(|| nowhere(&args.point))?;
            (host.group(&Selector::Id(points.group.clone())).await.map_err(Error::of_hyperv)?, points)
        }
    };
    let held = host.collected(&points).await.map_err(Error::of_hyperv)?;
    let ours = ours(keeper, ledger::Kind::Group, group.id.to_string()).await?;
    let owned = owned(&points.id, &ours);
    let mut value = collection_value(&group, &points, owned);
    value["points"] =
        held.iter().map(|point| json!({"machine": point.machine.as_str(), "id": point.id})).collect();
    let mut lines = vec![
        ("Collection", points.id.clone()),
        ("Name", points.name.clone()),
        ("Group", format!("{} ({})", group.name, group.id)),
        ("Type", format!("{} ({})", points.point_type.name(), points.point_type.number())),
        // Its page has the names of the numbers the other way round than those of its points.
        ("Consistency", points.consistency.map(|number| number.to_string()).unwrap_or_default()),
        ("Ours", since(owned)),
    ];
    if points.point_type == PointType::Log {
        lines.push(("Logs", if points.has_log { "there" } else { "removed" }.to_owned()));
    }
    lines.extend(held.iter().map(|point| ("Point", point.id.clone())));
    show_one(&points.id, &value, &lines, format, ui)
}

fn no_point<'p>(owner: &str, id: &str, ids: impl Iterator<Item = &'p str>) -> Error {
    let ids: Vec<_> = ids.collect();
    let error = Error::new(Exit::NotFound, format!("{owner} has no reference point {id:?}"));
    match &*ids {
        [] => error.hint("there is none: refpoint point list shows those of the host"),
        ids => error.hint(format!("there are {}", ids.join(", "))),
    }
}

fn nowhere(id: &str) -> Error {
    Error::new(Exit::NotFound, format!("no machine of this host has a reference point {id:?}"))
        .hint("refpoint point list shows them")
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
    let points = host.all_points().await.map_err(Error::of_hyperv)?;
    let point = points.into_iter().find(|point| point.is_named(id));
    point.map(|point| Selector::Id(point.machine)).ok_or_else(|| nowhere(id))
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
        let (machine, point) = (&owned.machine, &owned.point);
        let ours = ours(&keeper, ledger::Kind::Vm, machine.id.to_string()).await?;
        print(machine, point, self::owned(&point.id, &ours), format, ui)
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
    let value = value(&machine.name, point, owned);
    show_one(&point.id, &value, &lines(machine, point, owned), format, ui)
}

fn show_one(
    id: &str,
    value: &Json,
    lines: &[(&str, String)],
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    ui.print(&match format {
        Format::Table => table::pairs(lines, 0),
        Format::Json if ui.is_terminal() => text::pretty(value) + "\n",
        Format::Json | Format::Jsonl => text::compact(value) + "\n",
        Format::Yaml => yaml::document(value),
        Format::Name => format!("{}\n", crate::cli::report::text::harmless(id)),
    })?;
    Ok(Exit::Done)
}

fn value(machine: &str, point: &Point, owned: Option<&ledger::Point>) -> Json {
    let name = Some(machine).filter(|name| !name.is_empty());
    json!({
        "kind": "vm", "machine": {"id": point.machine.as_str(), "name": name}, "id": point.id,
        "type": point.point_type.number(), "consistency": point.consistency, "has_data": point.has_data,
        "disks": point.disks, "tracking": point.tracking, "ours": origin(owned), "since": made(owned),
    })
}

fn collection_value(group: &Group, points: &Collection, owned: Option<&ledger::Point>) -> Json {
    json!({
        "kind": "group", "group": {"id": group.id.as_str(), "name": group.name}, "id": points.id,
        "name": points.name, "type": points.point_type.number(), "consistency": points.consistency,
        "has_log": points.has_log, "ours": origin(owned), "since": made(owned),
    })
}

fn origin(owned: Option<&ledger::Point>) -> Option<&'static str> {
    owned.map(|own| match own.origin {
        Origin::Made => "made",
        Origin::Adopted => "adopted",
    })
}

fn made(owned: Option<&ledger::Point>) -> Option<String> {
    owned.and_then(|own| jiff::Timestamp::try_from(own.made_at).ok()).map(|time| time.to_string())
}

fn since(owned: Option<&ledger::Point>) -> String {
    let since = owned.and_then(|own| jiff::Timestamp::try_from(own.made_at).ok());
    match owned.map(|own| own.origin) {
        None => "no".to_owned(),
        Some(Origin::Made) => format!("made {:.0}", since.unwrap_or_default()),
        Some(Origin::Adopted) => format!("adopted {:.0}", since.unwrap_or_default()),
    }
}

fn lines(machine: &Machine, point: &Point, owned: Option<&ledger::Point>) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Point", point.id.clone()),
        ("Machine", format!("{} ({})", machine.name, machine.id)),
        ("Type", format!("{} ({})", point.point_type.name(), point.point_type.number())),
        ("Consistency", level(point.consistency).to_owned()),
        ("Ours", since(owned)),
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
