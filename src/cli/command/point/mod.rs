//! `refpoint point`: reference points, and which of them are ours.

mod letting;
mod pruning;

use std::sync::{Mutex, PoisonError};

use clap::{Subcommand, ValueEnum};
use refpoint::fleet::{
    Chain, Control, Event, Happening, Keeper, News, OwnedMark, Sort, Wanted, adopt_mark, chain_in,
    create_mark, history,
};
use refpoint::hyperv::{
    Collection, Consistency, Group, Host, Machine, Mark, Owner, Point, PointType, Selector,
};
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

/// Look at reference points, make them, let go of them, and say which are ours
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Create(CreateArgs),
    Adopt(AdoptArgs),
    Destroy(letting::DestroyArgs),
    Discard(letting::DiscardArgs),
    Import(letting::ImportArgs),
    Prune(pruning::Args),
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

/// Have a reference point of a machine or of a group made, and write down that it is ours and when it was made
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint point create hv01 --vm web01\n  \
                  refpoint point create hv01 --group shop --consistency crash")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    whose: Whose,
    /// What the point keeps: a mark in the change tracking, or a log of changes with their data; auto is a mark,
    /// asked for by whichever of two numbers the host takes for it
    #[arg(long = "type", value_name = "TYPE", default_value = "auto")]
    point_type: Kind,
    /// How consistent the data is to be; another level is never taken instead
    #[arg(long, value_name = "LEVEL", default_value = "application")]
    consistency: Level,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whose {
    /// The machine: its name or GUID
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    /// The group of machines: its name or GUID
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl Whose {
    pub(crate) fn wanted(&self) -> Wanted {
        match (&self.vm, &self.group) {
            (Some(vm), _) => Wanted::Machine(Selector::parse(vm)),
            (None, group) => Wanted::Group(Selector::parse(group.as_deref().unwrap_or_default())),
        }
    }
}

/// The machine or group of a point, where it is said.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Perhaps {
    /// The machine; without, the one that has such a point
    #[arg(long, value_name = "VM")]
    vm: Option<String>,
    /// The group; without, the one that has such a collection of points
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

impl Perhaps {
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        match (&self.vm, &self.group) {
            (Some(vm), _) => Some(Wanted::Machine(Selector::parse(vm))),
            (None, Some(group)) => Some(Wanted::Group(Selector::parse(group))),
            (None, None) => None,
        }
    }
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
    #[command(flatten)]
    whose: Perhaps,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Auto,
    Rct,
    Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Application,
    Crash,
}

impl Level {
    pub(crate) fn consistency(self) -> Consistency {
        match self {
            Self::Application => Consistency::Application,
            Self::Crash => Consistency::Crash,
        }
    }
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    match command {
        Command::List(args) => list(args, format, ui),
        Command::Show(args) => show(args, format, ui),
        Command::Create(args) => create(args, format, ui),
        Command::Adopt(args) => adopt(args, format, ui),
        Command::Destroy(args) => letting::destroy(args, format, ui),
        Command::Discard(args) => letting::discard(args, format, ui),
        Command::Import(args) => letting::import(args, format, ui),
        Command::Prune(args) => pruning::run(args, format, ui),
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
        let known = Known::of(keeper, ledger::Kind::Vm, machine.id.as_str()).await?;
        let of_machine: Vec<_> = points.extract_if(.., |point| point.machine == machine.id).collect();
        let there: Vec<_> = of_machine.iter().map(|point| &*point.id).collect();
        for point in &of_machine {
            push_point(list, &machine.name, point, &known, &there);
        }
        for point in known.missing(&there) {
            let value = json!({
                "kind": "vm", "machine": {"id": machine.id.as_str(), "name": machine.name}, "id": point.id,
                "type": point.point_type, "consistency": point.consistency, "disks": point.disks,
                "ours": origin(Some(point)), "since": made(Some(point)), "marks": known.marks(&point.id, &there),
            });
            push_missing(list, &machine.name, point, &known.marks(&point.id, &there), value);
        }
    }
    if args.vm.is_none() {
        // What a machine leaves behind that has gone is there all the same.
        for point in &points {
            let known = Known::of(keeper, ledger::Kind::Vm, point.machine.as_str()).await?;
            let of_it = points.iter().filter(|other| other.machine == point.machine);
            let there: Vec<_> = of_it.map(|point| &*point.id).collect();
            push_point(list, "", point, &known, &there);
        }
    }
    Ok(())
}

fn push_point(list: &mut List<'_>, machine: &str, point: &Point, known: &Known, there: &[&str]) {
    let disks = point.disks.len().to_string();
    let of = if machine.is_empty() { point.machine.as_str() } else { machine };
    let marks = known.marks(&point.id, there);
    let mut value = value(machine, point, owned(&point.id, &known.ours));
    value["marks"] = json!(marks);
    list.push(
        &point.id,
        [
            of,
            &point.id,
            &numbered(point.point_type.name(), Some(point.point_type.number())),
            &numbered(level(point.consistency), point.consistency),
            &disks,
            &words(&marks),
        ],
        value,
    );
}

/// A point of ours that the host does not have any more.
fn push_missing(list: &mut List<'_>, of: &str, point: &ledger::Point, marks: &[&str], value: Json) {
    let kind = point.point_type.map(PointType::of).map_or("unknown", PointType::name);
    let consistency = match point.subject.kind {
        ledger::Kind::Vm => numbered(level(point.consistency), point.consistency),
        ledger::Kind::Group => point.consistency.map(|number| number.to_string()).unwrap_or_default(),
    };
    let disks = if point.disks.is_empty() { String::new() } else { point.disks.len().to_string() };
    let kind = numbered(kind, point.point_type);
    list.push(&point.id, [of, &point.id, &kind, &consistency, &disks, &words(marks)], value);
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
        let known = Known::of(keeper, ledger::Kind::Group, group.id.as_str()).await?;
        let of_group: Vec<_> = all.extract_if(.., |points| points.group == group.id).collect();
        let there: Vec<_> = of_group.iter().map(|points| &*points.id).collect();
        let of = format!("group {}", group.name);
        for points in &of_group {
            let number = points.consistency.map(|number| number.to_string()).unwrap_or_default();
            let marks = known.marks(&points.id, &there);
            let kind = numbered(points.point_type.name(), Some(points.point_type.number()));
            let mut value = collection_value(group, points, owned(&points.id, &known.ours));
            value["marks"] = json!(marks);
            list.push(&points.id, [&of, &points.id, &kind, &number, "", &words(&marks)], value);
        }
        for point in known.missing(&there) {
            let marks = known.marks(&point.id, &there);
            let value = json!({
                "kind": "group", "group": {"id": group.id.as_str(), "name": group.name}, "id": point.id,
                "type": point.point_type, "consistency": point.consistency, "ours": origin(Some(point)),
                "since": made(Some(point)), "marks": marks,
            });
            push_missing(list, &of, point, &marks, value);
        }
    }
    Ok(())
}

fn owned<'p>(id: &str, ours: &'p [ledger::Point]) -> Option<&'p ledger::Point> {
    ours.iter().find(|own| own.id.eq_ignore_ascii_case(id))
}

/// What the ledger knows of the points of a machine or group.
struct Known {
    ours: Vec<ledger::Point>,
    chain: Chain,
}

impl Known {
    async fn of(keeper: &Keeper, kind: ledger::Kind, id: &str) -> Result<Self, Error> {
        let ours = ours(keeper, kind, id.to_owned()).await?;
        Ok(Self { ours, chain: chain_in(keeper, kind, id).await.map_err(Error::of_failure)? })
    }

    /// Returns the points of ours that are not among those that the host shows.
    fn missing<'k>(&'k self, there: &'k [&str]) -> impl Iterator<Item = &'k ledger::Point> {
        self.ours.iter().filter(|own| !there.iter().any(|id| own.id.eq_ignore_ascii_case(id)))
    }

    /// Says whose a point is and what depends on it; `there` are all of its owner that the host shows.
    fn marks(&self, id: &str, there: &[&str]) -> Vec<&'static str> {
        let is_there = |id: &str| there.iter().any(|there| there.eq_ignore_ascii_case(id));
        let newest = Newest::of(self.ours.iter().filter(|own| is_there(&own.id)));
        let mut marks = match owned(id, &self.ours) {
            None => vec!["foreign"],
            Some(own) => {
                let origin = match own.origin {
                    Origin::Made => "made",
                    Origin::Adopted => "adopted",
                };
                let latest = (newest == Newest::Point(own)).then_some("latest");
                [origin].into_iter().chain(latest).collect()
            }
        };
        if !is_there(id) {
            marks.push("missing");
        }
        let is_it = |point: &Option<String>| point.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(id));
        if self.chain.newest.iter().any(|link| is_it(&link.point)) {
            marks.push("next base");
        }
        if self.chain.newest.iter().any(|link| is_it(&link.base)) {
            marks.push("base of newest");
        }
        if self.chain.under_way.iter().any(|link| is_it(&link.point) || is_it(&link.base)) {
            marks.push("in use");
        }
        marks
    }
}

fn words(marks: &[&str]) -> String {
    marks.join(", ")
}

/// A name with its number, where there is one.
fn numbered(name: &str, number: Option<u16>) -> String {
    number.map_or_else(|| name.to_owned(), |number| format!("{name} ({number})"))
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
        let told = history(&keeper, ledger::Kind::Vm, machine.id.as_str(), &point.id).await;
        let told = told.map_err(Error::of_failure)?;
        print(&machine, point, owned(&point.id, &ours), &told, format, ui)
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
    let told = history(keeper, ledger::Kind::Group, group.id.as_str(), &points.id).await;
    let told = told.map_err(Error::of_failure)?;
    value["history"] = json!(told);
    lines.extend(told.iter().map(happened));
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
    let sort = match args.point_type {
        Kind::Auto => Sort::Auto,
        Kind::Rct => Sort::Rct,
        Kind::Log => Sort::Log,
    };
    let (wanted, consistency) = (args.whose.wanted(), args.consistency.consistency());
    let left = "before the point was there; the host may still make it, and the same command takes it up";
    own(&args.connection, &args.ledger, (&wanted.name(), left), format, ui, async |around| {
        create_mark(around, &wanted, consistency, sort).await.map_err(Error::of_failure)
    })
}

fn adopt(args: &AdoptArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let wanted = args.whose.wanted();
    let unit = wanted.as_ref().map_or_else(|| args.point.clone(), Wanted::name);
    let left = "before the point was adopted";
    own(&args.connection, &args.ledger, (&unit, left), format, ui, async |around| {
        let wanted = match wanted {
            Some(wanted) => wanted,
            None => match owner(around.host, &args.point).await {
                Ok(machine) => Wanted::Machine(machine),
                Err(error) if error.kind == Exit::NotFound => {
                    let all = around.host.all_collections().await.map_err(Error::of_hyperv)?;
                    let found = all.into_iter().find(|points| points.is_named(&args.point)).ok_or(error)?;
                    Wanted::Group(Selector::Id(found.group))
                }
                Err(error) => return Err(error),
            },
        };
        adopt_mark(around, &wanted, &args.point).await.map_err(Error::of_failure)
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
    work: impl AsyncFnOnce(&refpoint::fleet::Surroundings<'_>) -> Result<OwnedMark, Error>,
) -> Result<Exit, Error> {
    let mut target = connection.target(Who::User, ui)?;
    let deadline = Deadline::after(target.deadline.take());
    let operation_timeout = target.operation_timeout;
    let keeper = ledger.open()?;
    let heard = Heard::default();
    let listener = |event| heard.hear(event);
    let done = runtime::wait(async {
        let login = async { Ok(Host::new(connection.open(target, ui).await?)) };
        let host = deadline.within(login, || late(connection, "before the login was done")).await?;
        let (_wishes, control) = Control::new();
        let label = connection.host();
        let setting =
            Setting { host: &host, label, keeper: &keeper, deadline: deadline.moment(), operation_timeout };
        let around = setting.with(unit.to_owned(), control, &listener);
        let owned = deadline.within(work(&around), || late(connection, left)).await?;
        print_mark(&owned.owner, &owned.mark, &keeper, format, ui).await
    });
    heard.tell(done, ui)
}

/// What there was to warn of while something was done.
#[derive(Default)]
struct Heard {
    warnings: Mutex<Vec<String>>,
}

impl Heard {
    fn hear(&self, event: Event) {
        if let News::Warning { message } = event.what {
            self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        }
    }

    /// Tells it, and that what was done with warnings was.
    fn tell(&self, done: Result<Exit, Error>, ui: &mut Ui) -> Result<Exit, Error> {
        let warnings = std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        warnings.iter().for_each(|warning| ui.warn(warning));
        match done {
            Ok(Exit::Done) if !warnings.is_empty() => Ok(Exit::Warnings),
            done => done,
        }
    }
}

async fn ours(keeper: &Keeper, kind: ledger::Kind, subject: String) -> Result<Vec<ledger::Point>, Error> {
    keeper.with(move |ledger| ledger.points_of(kind, &subject)).await.map_err(Error::of_ledger)
}

/// Shows a point that is ours now.
async fn print_mark(
    owner: &Owner,
    mark: &Mark,
    keeper: &Keeper,
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    match (owner, mark) {
        (Owner::Machine(machine), Mark::Point(point)) => {
            let ours = ours(keeper, ledger::Kind::Vm, machine.id.to_string()).await?;
            print(machine, point, owned(&point.id, &ours), &[], format, ui)
        }
        (Owner::Group(group), Mark::Collection(points)) => {
            let ours = ours(keeper, ledger::Kind::Group, group.id.to_string()).await?;
            let owned = owned(&points.id, &ours);
            let lines = [
                ("Collection", points.id.clone()),
                ("Name", points.name.clone()),
                ("Group", format!("{} ({})", group.name, group.id)),
                ("Type", numbered(points.point_type.name(), Some(points.point_type.number()))),
                ("Consistency", points.consistency.map(|number| number.to_string()).unwrap_or_default()),
                ("Ours", since(owned)),
            ];
            show_one(&points.id, &collection_value(group, points, owned), &lines, format, ui)
        }
        _ => Ok(Exit::Done),
    }
}

fn print(
    machine: &Machine,
    point: &Point,
    owned: Option<&ledger::Point>,
    told: &[Happening],
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let mut value = value(&machine.name, point, owned);
    let mut lines = lines(machine, point, owned);
    if !told.is_empty() {
        value["history"] = json!(told);
        lines.extend(told.iter().map(happened));
    }
    show_one(&point.id, &value, &lines, format, ui)
}

fn happened(happening: &Happening) -> (&'static str, String) {
    ("History", format!("{:.0} {} {}", happening.at, happening.what, happening.detail))
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
