//! Completions that know what there is: profiles, hosts, machines, classes, codes.
//!
//! The shell runs the program with `REFPOINT_COMPLETE` set and the words so far; what may follow is printed. It is
//! read from local files alone, and no host is asked. Whoever presses Tab waits for nobody: what is not known
//! within [`PATIENCE`] is not proposed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, CompleteEnv, EnvCompleter, Fish, Zsh};
use refpoint::cim::Catalog;
use refpoint::fleet::inventory::{Files, Inventory, Source};
use refpoint::ledger::{Kind, Ledger};

use super::args::Cli;
use super::exit::Exit;
use super::explain::{self, Family};
use super::folders;
use super::known;
use super::ledger;

/// The variable in which a shell says that it wants completions, and its name.
const VARIABLE: &str = "REFPOINT_COMPLETE";

/// What takes longer is left out: nobody waits for a list. A busy machine may need most of it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A shell for which there are completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Answers a shell that wants completions; `None` where none does.
pub(crate) fn answer() -> Option<ExitCode> {
    // With nothing in it, it is as if it were not set.
    std::env::var_os(VARIABLE).filter(|shell| !shell.is_empty())?;
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command).var(VARIABLE).completer("refpoint");
    // A shell shows nothing of what goes wrong here; it would stand in the line that is being typed.
    let is_done = asked.try_complete(std::env::args_os(), here.as_deref()).is_ok();
    Some(if is_done { Exit::Done.into() } else { Exit::Usage.into() })
}

/// Returns the script that has a shell ask for completions.
pub(crate) fn script(shell: Shell) -> String {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    // Memory takes whatever is written to it.
    let _ = completer.write_registration(VARIABLE, "refpoint", "refpoint", "refpoint", &mut script);
    let mut script = String::from_utf8_lossy(&script).trim().to_owned() + "\n";
    if shell == Shell::Zsh {
        script.push_str(AUTOLOADED);
    }
    script
}

/// Zsh reads the script as the body of a function when Tab is pressed for the first time, which then would only
/// define what completes, and complete nothing.
const AUTOLOADED: &str = "
if [ \"$funcstack[1]\" = \"_refpoint\" ]; then
    _clap_dynamic_completer_refpoint \"$@\"
fi
";

/// Returns the commands, each argument with what may stand there.
fn command() -> Command {
    fn with_values(command: Command) -> Command {
        let names: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
        let command = command.mut_args(with_value);
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_values))
    }
    with_values(Cli::command())
}

fn with_value(arg: Arg) -> Arg {
    let known: fn() -> Vec<Known> = match arg.get_id().as_str() {
        "target" | "targets" | "host" | "hosts" => hosts,
        // What stands there may be either.
        "target_or_class" => || [hosts(), classes()].concat(),
        "profile" => profiles,
        "vm" => || subjects(Kind::Vm),
        "group" => || subjects(Kind::Group),
        "run" => runs,
        "class" => classes,
        "code" => return arg.add(ArgValueCompleter::new(code_candidates)),
        "list" => families,
        "inventory" => return arg.value_hint(ValueHint::FilePath),
        _ => return arg,
    };
    if !arg.get_action().takes_values() {
        return arg;
    }
    arg.add(ArgValueCompleter::new(move |current: &OsStr| candidates(known, current)))
}

/// Something that may stand there, with a word about it.
type Known = (String, Option<String>);

fn candidates(known: fn() -> Vec<Known>, current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(start) = current.to_str() else { return Vec::new() };
    let is_meant = |name: &str| {
        name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start))
            // A name that moves the cursor, or that the shell would read as something else, is not proposed.
            && name.chars().all(|c| !c.is_control())
    };
    let mut names = soon(known);
    names.retain(|(name, _)| is_meant(name));
    names.sort();
    names.dedup_by(|one, other| one.0 == other.0);
    let candidate = |(name, about): Known| CompletionCandidate::new(name).help(about.map(StyledStr::from));
    names.into_iter().map(candidate).collect()
}

/// Returns what is known soon enough.
fn soon<T: Send + 'static>(known: impl FnOnce() -> Vec<T> + Send + 'static) -> Vec<T> {
    let (sender, receiver) = mpsc::channel();
    // Where it takes longer it ends with the process.
    thread::spawn(move || sender.send(known()));
    receiver.recv_timeout(PATIENCE).unwrap_or_default()
}

fn plain(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<Known> {
    names.into_iter().map(|name| (name.into(), None)).collect()
}

/// Returns the hosts of the inventory that counts, those that the ledger knows and those whose certificates are
/// remembered. One does not wait for the other.
fn hosts() -> Vec<Known> {
    let mut hosts: Vec<Known> = Vec::new();
    let patience = PATIENCE / 2;
    let (sender, receiver) = mpsc::channel();
    for source in [of_inventory as fn() -> Vec<String>, of_ledger, of_known_hosts] {
        let sender = sender.clone();
        thread::spawn(move || sender.send(source()));
    }
    drop(sender);
    while let Ok(found) = receiver.recv_timeout(patience) {
        hosts.extend(plain(found));
    }
    // A name in two spellings is one host.
    hosts.sort_by_key(|(name, _)| name.to_lowercase());
    hosts.dedup_by(|one, other| one.0.eq_ignore_ascii_case(&other.0));
    hosts
}

fn of_inventory() -> Vec<String> {
    let words = said(&["-i", "--inventory"]);
    let words = if words.is_empty() {
        std::env::var("REFPOINT_INVENTORY").ok().filter(|word| !word.is_empty()).into_iter().collect()
    } else {
        words
    };
    let words = if words.is_empty() { of_profile("inventory") } else { words };
    let files = Files::Disk;
    let readable = words.iter().filter(|word| *word != "-" && !word.is_empty());
    let sources: Vec<Source> = readable.map(|word| Source::parse(word, &files)).collect();
    match Inventory::read(&sources, &files) {
        Ok(inventory) if !sources.is_empty() => {
            // What it calls a host may be a name that is known to itself alone.
            inventory.hosts().iter().map(|host| host.settings.address.value.clone()).collect()
        }
        _ => Vec::new(),
    }
}

fn of_ledger() -> Vec<String> {
    look().and_then(|ledger| ledger.hosts().ok()).unwrap_or_default()
}

fn of_known_hosts() -> Vec<String> {
    let hosts = known::hosts().filter(|hosts| hosts.file().is_file());
    let all = hosts.and_then(|hosts| hosts.list().ok()).unwrap_or_default();
    all.into_iter().map(|known| known.host.host().to_owned()).collect()
}

fn subjects(kind: Kind) -> Vec<Known> {
    plain(look().and_then(|ledger| ledger.subjects(kind).ok()).unwrap_or_default())
}

fn runs() -> Vec<Known> {
    let runs = look().and_then(|ledger| ledger.runs(None).ok()).unwrap_or_default();
    plain(runs.into_iter().map(|run| run.name))
}

fn look() -> Option<Ledger> {
    let given = said(&["--ledger"]).pop().map(PathBuf::from);
    let given = given.or_else(|| std::env::var_os("REFPOINT_LEDGER").map(PathBuf::from));
    let path = ledger::place(given.or_else(|| of_profile("ledger").pop().map(PathBuf::from))).ok()?;
    // What is no file may have no end.
    path.is_file().then(|| Ledger::open_to_read(path).ok()).flatten()
}

fn classes() -> Vec<Known> {
    plain(Catalog::bundled().classes().map(|class| class.name.to_string()))
}

/// Returns the codes that may be meant: names, and numbers once a digit is typed. Behind a family or a method only
/// its own are, be it a word of its own or divided by a colon, which bash makes a word of its own.
fn code_candidates(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let asked = asked_before();
    let (before, start, shown) = match current.rsplit_once(':') {
        // Bash replaces what stands behind the colon; the others the whole word.
        Some(("", start)) => (asked, start, String::new()),
        Some((before, start)) => (before.to_owned(), start, format!("{before}:")),
        None => (asked, current, String::new()),
    };
    let mut rows = codes(before.trim(), start);
    rows.sort();
    rows.dedup_by(|one, other| one.1 == other.1);
    let candidate = |(_, name, about): (u64, String, String)| {
        CompletionCandidate::new(format!("{shown}{name}")).help(Some(StyledStr::from(about)))
    };
    rows.into_iter().map(candidate).collect()
}

/// Returns what is asked about before the word that is completed: words behind `explain` that are no options.
fn asked_before() -> String {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let place = words.iter().position(|word| word == "explain").map_or(words.len(), |place| place + 1);
    // The word itself, and what stands behind it, are no part of that.
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse::<usize>().ok());
    let line = words.iter().position(|word| word == "--").map_or(0, |place| place + 1);
    let end = index.map_or(words.len().saturating_sub(1), |index| line + index).min(words.len());
    let words = words.get(place..end).unwrap_or_default().iter();
    let words: Vec<&str> = words.map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    words.join(" ").trim_end_matches([':', ' ']).to_owned()
}

/// Returns codes that begin so, each with a number to order it by and a word about it. Names of them all are many;
/// numbers are more, and are there when one is begun.
fn codes(before: &str, start: &str) -> Vec<(u64, String, String)> {
    let begins = |name: &str| {
        let same = name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
        // A colon ends a word in bash.
        same && !name.is_empty() && !name.contains(':')
    };
    let is_number = start.starts_with(|c: char| c.is_ascii_digit());
    let is_about_something = !before.is_empty();
    let mut found = Vec::new();
    for reading in explain::belonging(before) {
        let about = format!("{}: {}", reading.family.title(), reading.name);
        let number = reading.shown_number().filter(|_| is_number || is_about_something);
        let order = u64::from(reading.number.unwrap_or_default());
        found.extend(number.filter(|number| begins(number)).map(|number| (order, number, about.clone())));
        if !is_number {
            let names = [(reading.symbol, reading.meaning), (reading.name, reading.family.title())];
            let names = names.into_iter().filter(|(name, _)| begins(name));
            found.extend(names.map(|(name, about)| (u64::MAX, name.to_owned(), about.to_owned())));
        }
    }
    if !is_about_something {
        // Windows' own numbers come as HRESULTs too.
        for (number, name) in explain::hresults() {
            let shown = format!("0x{number:08X}");
            if is_number && begins(&shown) {
                found.push((u64::from(number), shown, name.to_owned()));
            }
        }
    }
    // Behind --list they are proposed as what they are there.
    let is_listed = std::env::args_os().any(|word| word == "--list");
    if !is_about_something && !is_number && !is_listed {
        let families = Family::all().into_iter().filter(|family| begins(family.name()));
        found.extend(families.map(|family| (u64::MAX, family.name().to_owned(), family.title().to_owned())));
    }
    found
}

fn families() -> Vec<Known> {
    Family::all()
        .into_iter()
        .map(|family| (family.name().to_owned(), Some(family.title().to_owned())))
        .collect()
}

/// Returns the names of the tables `[profile.NAME]` in the configuration.
fn profiles() -> Vec<Known> {
    let Some(text) = configuration() else { return Vec::new() };
    match text.parse::<toml::Table>() {
        Ok(table) => match table.get("profile") {
            Some(toml::Value::Table(profiles)) => plain(profiles.keys().cloned()),
            _ => Vec::new(),
        },
        // While somebody writes it, the lines that are whole say enough.
        Err(_) => plain(text.lines().filter_map(|line| {
            let name = line.trim().strip_prefix("[profile.")?.split([']', '.']).next()?;
            Some(name.trim_matches(['"', '\'', ' ']).to_owned()).filter(|name| !name.is_empty())
        })),
    }
}

/// Returns what the profile that counts says by that name: a text, or several.
fn of_profile(key: &str) -> Vec<String> {
    let name = said(&["--profile"]).pop().or_else(|| std::env::var("REFPOINT_PROFILE").ok());
    let table = configuration().and_then(|text| text.parse::<toml::Table>().ok());
    let value = table.and_then(|table| table.get("profile")?.get(name?)?.get(key).cloned());
    match value {
        Some(toml::Value::String(text)) => vec![text],
        Some(toml::Value::Array(texts)) => {
            texts.into_iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn configuration() -> Option<String> {
    let file = folders::config()?.join("config.toml");
    Path::is_file(&file).then(|| std::fs::read_to_string(file).ok()).flatten()
}

/// Returns what the line says so far for an argument.
fn said(names: &[&str]) -> Vec<String> {
    let words: Vec<String> =
        std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let follows = words.windows(2).filter(|pair| names.contains(&&*pair[0])).map(|pair| pair[1].clone());
    let joined = words.iter().filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        names.contains(&name).then(|| value.to_owned())
    });
    follows.chain(joined).collect()
}
