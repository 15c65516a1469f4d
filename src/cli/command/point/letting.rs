//! `refpoint point destroy|discard|import`: points that go, lose their log, or come back.

use refpoint::fleet::{
    Control, Surroundings, Tended, destroy_mark, discard_mark, find_mark, import_points, uses_of,
};
use refpoint::hyperv::{Host, Mark, PointType};
use serde_json::{Value as Json, json};

use super::super::export::{Setting, late};
use super::{Heard, Perhaps, origin};
use crate::cli::args::Format;
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::LedgerArgs;
use crate::cli::report::list::List;
use crate::cli::report::{json as text, table, yaml};
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Remove a reference point from its host
///
/// Points that are not ours by the ledger are removed only with --foreign: other products go on from theirs, and
/// break without them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint point destroy hv01 B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304\n  \
                  refpoint point destroy hv01 --vm web01 B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304 --foreign --yes")]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    what: What,
}

/// Remove the log of a log-based reference point, whose data cannot be exported any more; the point stays
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint point discard hv01 --vm db01 E4282031-639C-4FD7-8059-B192D4F5E637 --foreign --yes"
)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
struct What {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Its identifier or GUID
    #[arg(value_name = "POINT")]
    point: String,
    /// Refused: the point is said without a flag
    #[arg(long = "point", value_name = "POINT", hide = true, value_parser = without_flag)]
    flagged: Option<String>,
    #[command(flatten)]
    whose: Perhaps,
    /// Also one that is not ours by the ledger
    #[arg(long)]
    foreign: bool,
    /// Do not ask first
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

fn without_flag(point: &str) -> Result<String, String> {
    Err(format!("the point is given without a flag, behind TARGET: … HOST {point}"))
}

/// Bring back the reference points that a machine had when its files were exported
///
/// The files are paths of the host, as an export's receipt names them. Points that the ledger knows of this machine
/// are ours again; others are not until they are adopted.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint point import hv01 --vm web01 --config 'D:\\exports\\web01\\Virtual Machines\\web01.vmcx' \
                  --runtime 'D:\\exports\\web01\\Virtual Machines\\web01.vmrs'"
)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The machine: its name or GUID
    #[arg(long, value_name = "VM")]
    vm: String,
    /// The exported configuration (.vmcx), as the host sees it
    #[arg(long, value_name = "PATH")]
    config: String,
    /// The exported state (.vmrs), as the host sees it
    #[arg(long, value_name = "PATH")]
    runtime: String,
    /// Do not ask first
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// What is done to a point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Destroy,
    Discard,
}

pub(super) fn destroy(args: &DestroyArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let_go(&args.what, Deed::Destroy, format, ui)
}

pub(super) fn discard(args: &DiscardArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let_go(&args.what, Deed::Discard, format, ui)
}

fn let_go(args: &What, deed: Deed, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    may_do_it(args.yes, ui)?;
    let wanted = args.whose.wanted();
    with(&args.connection, &args.ledger, &args.point, ui, async |around, ui| {
        let found = find_mark(around, wanted.as_ref(), &args.point).await.map_err(Error::of_failure)?;
        let id = found.mark.id().to_owned();
        if !found.is_ours() && !args.foreign {
            let message = format!("reference point {id} is not ours by the ledger");
            let hint = "another product may go on from it; with --foreign it is let go of all the same";
            return Err(Error::usage(message).hint(hint));
        }
        refuse_in_use(around, &found).await?;
        let warnings = consequences(around, &found, deed).await?;
        warnings.iter().for_each(|warning| ui.warn(warning));
        let question = match deed {
            Deed::Destroy => format!("remove reference point {id} of {}?", found.owner.name()),
            Deed::Discard => format!("remove the log of reference point {id} of {}?", found.owner.name()),
        };
        if !args.yes {
            if !agrees(&question, ui).await? {
                return Err(Error::new(Exit::Interrupted, "nothing was done"));
            }
            // People leave questions standing.
            refuse_in_use(around, &found).await?;
        }
        match deed {
            Deed::Destroy => destroy_mark(around, &found.owner, &found.mark).await,
            Deed::Discard => discard_mark(around, &found.owner, &found.mark).await,
        }
        .map_err(Error::of_failure)?;
        show(&found, deed, &warnings, format, ui)
    })
}

/// Refuses to let go of what something is being made of.
async fn refuse_in_use(around: &Surroundings<'_>, found: &Tended) -> Result<(), Error> {
    let uses = uses_of(around, &found.owner).await.map_err(Error::of_failure)?;
    let is_it =
        |point: &Option<String>| point.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(found.mark.id()));
    let under_way = uses.chain.under_way.iter().find(|link| is_it(&link.point) || is_it(&link.base));
    let Some(link) = under_way else { return Ok(()) };
    let message = format!("reference point {} is in use: {}", found.mark.id(), link.what);
    Err(Error::new(Exit::Busy, message).hint("wait for its end: refpoint job list shows the host's jobs"))
}

/// Returns what follows from it.
async fn consequences(around: &Surroundings<'_>, found: &Tended, deed: Deed) -> Result<Vec<String>, Error> {
    let uses = uses_of(around, &found.owner).await.map_err(Error::of_failure)?;
    let is_it =
        |point: &Option<String>| point.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(found.mark.id()));
    let mut told = Vec::new();
    if let Some(link) = uses.chain.newest.iter().find(|link| is_it(&link.point)) {
        told.push(format!(
            "the next one would be relative to this point ({}), and is a full one then",
            link.what
        ));
    }
    if let Some(job) = uses.silent.first() {
        told.push(format!("job {job} exports a point, and does not say which"));
    }
    if deed == Deed::Destroy && matches!(found.mark, Mark::Collection(_)) {
        let held = around.host.points_within(&found.mark).await.map_err(Error::of_hyperv)?;
        let ids: Vec<_> = held.iter().map(|point| &*point.id).collect();
        told.push(format!(
            "with the collection go its points, and perhaps those that depend on it: {}",
            ids.join(", ")
        ));
    }
    if deed == Deed::Discard && found.mark.point_type() == PointType::Log {
        told.push(
            "without its log this point can be exported no more, nor be the base of an export".to_owned(),
        );
    }
    Ok(told)
}

pub(super) fn import(args: &ImportArgs, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    may_do_it(args.yes, ui)?;
    let wanted = refpoint::fleet::Wanted::Machine(refpoint::hyperv::Selector::parse(&args.vm));
    with(&args.connection, &args.ledger, &args.vm, ui, async |around, ui| {
        let question = format!("bring points of {} back from {}?", args.vm, args.config);
        if !args.yes && !agrees(&question, ui).await? {
            return Err(Error::new(Exit::Interrupted, "nothing was done"));
        }
        let found = import_points(around, &wanted, &args.config, &args.runtime).await;
        let found = found.map_err(Error::of_failure)?;
        if !found.is_empty() {
            ui.warn(
                "whether what hosts have tracked is still valid for these disks is documented nowhere: verify the \
                 first export or backup that is relative to one of these points, or make a full one",
            );
        }
        let mut list = List::new(&["Point", "Type", "Ours"]);
        for tended in &found {
            let ours = if tended.is_ours() { "ours again" } else { "foreign" };
            list.push(
                tended.mark.id(),
                [tended.mark.id(), tended.mark.point_type().name(), ours],
                value(tended),
            );
        }
        list.show(format, "no point came back that was not there", ui)
    })
}

/// Connects and does something, for as long as there is time.
fn with(
    connection: &ConnectionArgs,
    ledger: &LedgerArgs,
    unit: &str,
    ui: &mut Ui,
    work: impl AsyncFnOnce(&Surroundings<'_>, &mut Ui) -> Result<Exit, Error>,
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
        let left = "and the host may still be at work; refpoint point list shows what came of it";
        deadline.within(work(&around, ui), || late(connection, left)).await
    });
    heard.tell(done, ui)
}

/// Refuses what nobody has confirmed and nobody can be asked about.
fn may_do_it(yes: bool, ui: &Ui) -> Result<(), Error> {
    if yes || ui.can_ask() {
        return Ok(());
    }
    Err(Error::usage("nobody is there to confirm this").hint("--yes does it without asking"))
}

/// Asks a person, who has to say yes. Whoever presses Ctrl-C instead is heard, and so is the deadline: the answer is
/// waited for by a thread of its own.
async fn agrees(question: &str, ui: &mut Ui) -> Result<bool, Error> {
    ui.ask(&format!("{question} [y/N] "));
    let (sender, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    let Ok(read) = answer.await else { return Ok(false) };
    let line = read.map_err(|error| Error::usage("cannot read the answer").because(error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn value(tended: &Tended) -> Json {
    json!({
        "owner": {"id": tended.owner.id().as_str(), "name": tended.owner.name()}, "id": tended.mark.id(),
        "type": tended.mark.point_type().number(), "consistency": tended.mark.consistency(),
        "ours": origin(tended.ours.as_ref()),
    })
}

fn show(found: &Tended, deed: Deed, warnings: &[String], format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let (done, words) = match deed {
        Deed::Destroy => ("destroyed", "removed"),
        Deed::Discard => ("discarded", "without its log"),
    };
    let mut value = value(found);
    value["outcome"] = json!(done);
    value["warnings"] = json!(warnings);
    let lines = [
        ("Point", found.mark.id().to_owned()),
        ("Of", format!("{} ({})", found.owner.name(), found.owner.id())),
        ("Is", words.to_owned()),
    ];
    ui.print(&match format {
        Format::Table => table::pairs(&lines, 0),
        Format::Json if ui.is_terminal() => text::pretty(&value) + "\n",
        Format::Json | Format::Jsonl => text::compact(&value) + "\n",
        Format::Yaml => yaml::document(&value),
        Format::Name => format!("{}\n", crate::cli::report::text::harmless(found.mark.id())),
    })?;
    Ok(Exit::Done)
}
