//! `refpoint config`: what counts, where it comes from, and a file to begin with.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, ValueEnum};
use refpoint::client::Endpoint;
use refpoint::fleet::inventory::{HostEntry, Origin as Place, Scope, Setting, Settings};
use serde_json::{Map, Value as Json, json};

use super::fleet::hosts::HostsArgs;
use crate::cli::args::{Cli, Color, Form, Format, OutputArgs};
use crate::cli::config::{self, EXAMPLE, Layer, Profile, Said, Value};
use crate::cli::connection::{MeansArgs, default};
use crate::cli::duration;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::folders;
use crate::cli::ledger::LedgerArgs;
use crate::cli::place::Place as Target;
use crate::cli::private;
use crate::cli::report::table::Table;
use crate::cli::report::{json, yaml};
use crate::cli::ui::Ui;

/// See which settings count and where they come from; begin a file of profiles
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Explain(Box<ExplainArgs>),
    Init(InitArgs),
}

/// Show each setting as it counts for a host, who says it, and what it comes before
///
/// Nobody is asked and nothing is connected to. With -i the hosts are those of an inventory, as refpoint fleet takes
/// them; without, TARGET is what any other command takes. Passwords are never shown.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint config explain\n  refpoint config explain hv01 --profile production\n  \
                        refpoint config explain hv01.example -i examples/inventory.toml -o json\n\n\
                        docs/configuration.md says what there is to be set"
)]
pub(crate) struct ExplainArgs {
    /// The host; with -i its name there
    #[arg(value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    hosts: HostsArgs,
    #[command(flatten)]
    means: MeansArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Look at jobs this often
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    poll: Option<Duration>,
}

/// Write a file of profiles to begin with, in which everything is a comment
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint config init\n  refpoint config init --force")]
pub(crate) struct InitArgs {
    /// Write over the file that is there
    #[arg(long)]
    force: bool,
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    match command {
        Command::Explain(args) => explain(args, output, ui),
        Command::Init(args) => init(args, ui),
    }
}

fn init(args: &InitArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let file = config::file().ok_or_else(|| {
        let (config, home) = folders::CONFIG_VARIABLES;
        Error::usage(format!("nowhere to write it: neither {config} nor {home} says where"))
            .hint("set one of them")
    })?;
    match write(&file, args.force) {
        Ok(()) => {
            ui.conclude(&format!("{}\n", file.display()))?;
            Ok(Exit::Done)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !args.force => {
            Err(Error::usage(format!("{} is there already", file.display()))
                .hint("--force writes over it; refpoint config explain shows what it says"))
        }
        Err(error) => {
            Err(Error::new(Exit::LocalFiles, format!("cannot write {}", file.display())).because(error))
        }
    }
}

/// Writes the file beside its place, brings it to the disk, and puts it there whole; without force only where nothing
/// is, whoever is quicker.
fn write(file: &Path, force: bool) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    private::make_folder(folder)?;
    let new = folder.join(format!(".config.toml.{}", std::process::id()));
    let written = private::options().write(true).create_new(true).open(&new).and_then(|mut out| {
        out.write_all(EXAMPLE.as_bytes())?;
        out.sync_all()?;
        if force { fs::rename(&new, file) } else { fs::hard_link(&new, file) }
    });
    let _ = fs::remove_file(&new);
    written
}

fn explain(args: &ExplainArgs, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let matches = Cli::command().try_get_matches_from(std::env::args_os());
    let matches = matches.map_err(|error| Error::usage(error.to_string()))?;
    let words = Words { args, matches: &matches };
    let mut pictures = Vec::new();
    if words.is_argument("inventory") {
        let inventory = args.hosts.read(ui)?;
        let mut hosts = args.hosts.limited(&inventory, ui)?;
        if let Some(name) = &args.target {
            hosts.retain(|host| *host.name == **name);
            if hosts.is_empty() {
                return Err(Error::new(Exit::NotFound, format!("no host of the inventory is called {name}"))
                    .hint("refpoint fleet inventory shows what they are called"));
            }
        }
        for host in hosts {
            pictures.push(words.of_entry(host, ui)?);
        }
    } else {
        pictures.push(words.of_target()?);
    }
    let is_one = args.target.is_some() || !words.is_argument("inventory");
    show(&pictures, is_one, output.output.unwrap_or(Format::Table), ui)
}

/// What counts for one host.
struct Picture {
    host: Option<String>,
    endpoint: Option<Endpoint>,
    rows: Vec<Row>,
}

/// One setting: what counts, and what it comes before.
struct Row {
    name: &'static str,
    value: Json,
    teller: Teller,
    others: Vec<(Json, Teller)>,
}

/// Who says something.
#[derive(Clone)]
struct Teller {
    kind: &'static str,
    name: Option<String>,
    file: Option<PathBuf>,
    line: Option<usize>,
}

impl Teller {
    fn new(kind: &'static str, name: Option<&str>) -> Self {
        Self { kind, name: name.map(str::to_owned), file: None, line: None }
    }

    fn of_place(kind: &'static str, place: &Place) -> Self {
        let name = match &place.scope {
            Scope::Default => return Self::new("default", None),
            Scope::Command => None,
            Scope::Group(name) => Some(format!("group {name}")),
            Scope::Host(name) => Some(format!("host {name}")),
            Scope::Profile(name) => Some(name.to_string()),
        };
        Self { kind, name, file: place.file.as_deref().map(Path::to_path_buf), line: place.line }
    }

    fn of_profile(layer: &Layer, said: &Said) -> Self {
        let (file, line) = (Some(said.file.to_path_buf()), Some(said.line));
        Self { kind: "profile", name: Some(layer.name.to_string()), file, line }
    }

    fn json(&self) -> Json {
        json!({"kind": self.kind, "name": self.name, "file": self.file, "line": self.line})
    }

    fn text(&self) -> String {
        let place = self.file.as_ref().map(|file| {
            let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{}{line}", file.display())
        });
        match (place, &self.name) {
            (Some(place), Some(name)) => format!("{place} ({} {name})", self.kind).replace("inventory ", ""),
            (Some(place), None) => place,
            (None, Some(name)) => name.clone(),
            (None, None) => self.kind.to_owned(),
        }
    }
}

/// The arguments, and who has said each of them.
struct Words<'a> {
    args: &'a ExplainArgs,
    matches: &'a ArgMatches,
}

impl Words<'_> {
    fn source(&self, argument: &str) -> Option<ValueSource> {
        let inner = self.matches.subcommand_matches("config")?.subcommand_matches("explain")?;
        match inner.ids().any(|id| id.as_str() == argument) {
            true => inner.value_source(argument),
            false => None,
        }
    }

    fn is_argument(&self, argument: &str) -> bool {
        self.source(argument) == Some(ValueSource::CommandLine)
    }

    fn teller(&self, argument: &str, variable: &str) -> Option<Teller> {
        match self.source(argument)? {
            ValueSource::CommandLine => Some(Teller::new("flag", Some(&flag(argument)))),
            ValueSource::EnvVariable => Some(Teller::new("environment", Some(variable))),
            _ => None,
        }
    }

    fn of_target(&self) -> Result<Picture, Error> {
        let profile = config::profile();
        let Some(word) = &self.args.target else {
            let mut rows = self.rows(None, None, &self.args.means);
            rows.extend(self.beside());
            return Ok(Picture { host: None, endpoint: None, rows });
        };
        let target = Target::from_str(word)
            .map_err(|error| Error::usage(format!("{word:?} is no target")).because(error))?;
        let endpoint = target.endpoint(profile)?;
        let said = Teller::new("argument", Some("TARGET"));
        let part = |name: &'static str, value: Json, is_said: bool, is_implied: bool| {
            let of_profile = said_in(profile, name);
            let (teller, others) = match (is_said || is_implied, of_profile.first()) {
                (true, _) => (said.clone(), of_profile),
                (false, Some((shown, teller))) if *shown == value => {
                    (teller.clone(), of_profile.iter().skip(1).cloned().collect())
                }
                (false, _) => (Teller::new("default", None), of_profile),
            };
            Row { name, value, teller, others }
        };
        let is_winrm = target.has_port && [5985, 5986].contains(&target.endpoint.port());
        let mut rows = vec![
            part("scheme", json!(endpoint.protocol().to_string()), target.has_scheme, is_winrm),
            part("port", json!(endpoint.port()), target.has_port, target.has_scheme),
            part("path", json!(endpoint.path()), target.has_path, false),
        ];
        rows.extend(self.rows(Some(&endpoint), None, &self.args.means));
        rows.extend(self.beside());
        Ok(Picture { host: Some(endpoint.host().to_owned()), endpoint: Some(endpoint), rows })
    }

    fn of_entry(&self, entry: &HostEntry, ui: &mut Ui) -> Result<Picture, Error> {
        if let Some(refusal) = entry.refusal(&self.args.means.said()) {
            ui.warn(&format!("{}: {refusal}", entry.name));
        }
        let (settings, profile) = (&entry.settings, config::profile());
        let endpoint = MeansArgs::endpoint(settings)?;
        let mut rows = vec![
            of_setting("address", &settings.address, json!(settings.address.value), profile),
            of_setting("scheme", &settings.protocol, json!(endpoint.protocol().to_string()), profile),
            of_setting("port", &settings.port, json!(endpoint.port()), profile),
            of_setting("path", &settings.path, json!(endpoint.path()), &Profile::NONE),
        ];
        rows.extend(self.rows(Some(&endpoint), Some(settings), &self.args.means));
        rows.extend(self.beside());
        Ok(Picture { host: Some(entry.name.to_string()), endpoint: Some(endpoint), rows })
    }

    /// Returns the settings of a connection. What counts is what the commands themselves make of it all; who has said
    /// it is the first who says the same.
    fn rows(&self, endpoint: Option<&Endpoint>, inventory: Option<&Settings>, means: &MeansArgs) -> Vec<Row> {
        let protocol = endpoint.map_or(refpoint::client::Protocol::Https, Endpoint::protocol);
        let mut said: Vec<(&'static str, Json, Teller)> = Vec::new();
        let of_password = means.said_of_password();
        let password = of_password.as_ref().map(|(value, _)| value.clone());
        for (name, value) in means.shown(password.clone()) {
            let teller = match name {
                "password" => of_password.as_ref().map(|(_, by)| {
                    let kind = if by.starts_with("--") { "flag" } else { "environment" };
                    Teller::new(kind, Some(by))
                }),
                "trust" => ["ca", "pin", "insecure"].iter().find_map(|name| self.teller(name, "")),
                name => self.teller(name, &format!("REFPOINT_{}", name.to_uppercase())),
            };
            said.push((name, value, teller.unwrap_or_else(|| Teller::new("flag", None))));
        }
        if let Some(settings) = inventory {
            for (name, value) in MeansArgs::of(settings, protocol).shown(None) {
                let place = origin(settings, name);
                let teller = place.map(|place| Teller::of_place("inventory", place));
                said.push((name, value, teller.unwrap_or_else(|| Teller::new("inventory", None))));
            }
        }
        for layer in &config::profile().layers {
            for (name, value) in MeansArgs::of_layer(layer, protocol).shown(None) {
                let keys: &[&str] = match name {
                    "password" => &["password_file", "password_command"],
                    "trust" => &["ca", "pin", "insecure"],
                    name => &[name],
                };
                let teller =
                    keys.iter().find_map(|key| layer.get(key)).map(|said| Teller::of_profile(layer, said));
                said.push((name, value, teller.unwrap_or_else(|| Teller::new("profile", None))));
            }
        }
        let counts = means.all(inventory, protocol).shown(password);
        let row = |name: &&'static str| {
            let name = *name;
            let mut others: Vec<(Json, Teller)> = said
                .iter()
                .filter(|(of, ..)| *of == name)
                .map(|(_, value, teller)| (value.clone(), teller.clone()))
                .collect();
            let value = counts.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone());
            let at = value.as_ref().and_then(|value| others.iter().position(|(other, _)| other == value));
            let teller = at.map(|at| others.remove(at).1).unwrap_or_else(|| Teller::new("default", None));
            let value = value.unwrap_or_else(|| default(name, endpoint));
            Row { name, value, teller, others }
        };
        SETTINGS.iter().map(row).collect()
    }

    /// Returns the settings that have nothing to do with a host.
    fn beside(&self) -> Vec<Row> {
        let profile = config::profile();
        let row = |name: &'static str, said: Vec<(Json, Teller)>, otherwise: Json| {
            let mut others: Vec<_> = said.into_iter().chain(said_in(profile, name)).collect();
            match others.is_empty() {
                true => Row { name, value: otherwise, teller: Teller::new("default", None), others },
                false => {
                    let (value, teller) = others.remove(0);
                    Row { name, value, teller, others }
                }
            }
        };
        let one = |name: &str, variable: &str, value: Option<Json>| -> Vec<(Json, Teller)> {
            value.zip(self.teller(name, variable)).into_iter().collect()
        };
        let word = |id: &str| self.raw(id).map(|words| json!(words.join(",")));
        let texts = |id: &str| self.raw(id).map(|words| json!(words));
        let mut color = one("color", "", word("color"));
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            color.push((
                json!(Color::Auto.to_possible_value().map(|it| it.get_name().to_owned())),
                Teller::new("environment", Some("NO_COLOR")),
            ));
        }
        let mut of_profile =
            one("profile", "REFPOINT_PROFILE", word("profile").filter(|name| *name != json!("")));
        of_profile.extend(profile.chosen.as_ref().map(|said| {
            let (file, line) = (Some(said.file.to_path_buf()), Some(said.line));
            (shown(&said.value), Teller { kind: "profile", name: None, file, line })
        }));
        let ledger = self.args.ledger.path().ok();
        let form = Form::Table.to_possible_value().map(|it| it.get_name().to_owned());
        vec![
            row("inventory", one("inventory", "REFPOINT_INVENTORY", texts("inventory")), Json::Null),
            row("ledger", one("ledger", "REFPOINT_LEDGER", word("ledger")), json!(ledger)),
            row("poll", one("poll", "", self.args.poll.map(|time| json!(format!("{time:?}")))), Json::Null),
            row("output", one("form", "", word("form")), json!(form)),
            row("color", color, json!("auto")),
            row("profile", of_profile, Json::Null),
        ]
    }

    fn raw(&self, id: &str) -> Option<Vec<String>> {
        let inner = self.matches.subcommand_matches("config")?.subcommand_matches("explain")?;
        let words = inner.try_get_raw(id).ok()??;
        Some(words.map(|word| word.to_string_lossy().into_owned()).collect())
    }
}

fn flag(argument: &str) -> String {
    match argument {
        "form" => "--output".to_owned(),
        argument => format!("--{}", argument.replace('_', "-")),
    }
}

/// Returns what the tables of a profile say of a setting, what counts most first.
fn said_in(profile: &Profile, name: &str) -> Vec<(Json, Teller)> {
    let said =
        |layer: &Layer| layer.get(name).map(|said| (shown(&said.value), Teller::of_profile(layer, said)));
    profile.layers.iter().filter_map(said).collect()
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!(text),
        Value::Path(path) => json!(path),
        Value::Switch(is) => json!(is),
        Value::Time(time) => json!(format!("{time:?}")),
        Value::Port(port) => json!(port),
        Value::Pin(pin) => json!(pin.to_string()),
        Value::Texts(texts) => json!(texts),
    }
}

/// Returns a part of where a host of an inventory is.
fn of_setting<T>(name: &'static str, setting: &Setting<T>, value: Json, profile: &Profile) -> Row {
    let mut others = said_in(profile, name);
    let mut teller = Teller::of_place("inventory", &setting.origin);
    if let Some(at) = others.iter().position(|(other, _)| teller.kind == "default" && *other == value) {
        teller = others.remove(at).1;
    }
    Row { name, value, teller, others }
}

fn origin<'s>(settings: &'s Settings, name: &str) -> Option<&'s Place> {
    fn of<T>(setting: &Option<Setting<T>>) -> Option<&Place> {
        setting.as_ref().map(|setting| &setting.origin)
    }
    match name {
        "user" => of(&settings.user),
        "password" => of(&settings.password),
        "keytab" => of(&settings.keytab),
        "auth" => of(&settings.method),
        "spn_service" => of(&settings.service),
        "spn_host" => of(&settings.service_host),
        "realm" => of(&settings.realm),
        "bind_channel" => of(&settings.bind_channel),
        "trust" | "trust_on_first_use" => of(&settings.trust),
        "cert" => of(&settings.certificate),
        "key" => of(&settings.key),
        "key_passphrase_file" => of(&settings.key_passphrase_file),
        "proxy" => of(&settings.proxy),
        "operation_timeout" => of(&settings.operation_timeout),
        "read_timeout" => of(&settings.read_timeout),
        "connect_timeout" => of(&settings.connect_timeout),
        "namespace" => of(&settings.namespace),
        _ => None,
    }
}

fn show(pictures: &[Picture], is_one: bool, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let values: Vec<Json> = pictures.iter().map(value).collect();
    match format {
        Format::Table => pictures.iter().try_for_each(|picture| table(picture, pictures.len() > 1, ui))?,
        Format::Name => {
            let said = |row: &&Row| row.teller.kind != "default";
            let names: std::collections::BTreeSet<_> =
                pictures.iter().flat_map(|picture| &picture.rows).filter(said).map(|row| row.name).collect();
            names.iter().try_for_each(|name| ui.print(&format!("{name}\n")))?;
        }
        Format::Jsonl => values.iter().try_for_each(|value| ui.print(&(json::compact(value) + "\n")))?,
        Format::Json | Format::Yaml => {
            let whole = match (is_one, values.as_slice()) {
                (true, [one]) => one.clone(),
                _ => Json::Array(values),
            };
            ui.print(&match format {
                Format::Yaml => yaml::document(&whole),
                _ if ui.is_terminal() => json::pretty(&whole) + "\n",
                _ => json::compact(&whole) + "\n",
            })?;
        }
    }
    Ok(Exit::Done)
}

fn value(picture: &Picture) -> Json {
    let settings: Map<String, Json> = picture
        .rows
        .iter()
        .map(|row| {
            let others =
                row.others.iter().map(|(value, teller)| json!({"value": value, "origin": teller.json()}));
            let shown = json!({
                "value": row.value,
                "origin": row.teller.json(),
                "overridden": others.collect::<Vec<_>>(),
            });
            (row.name.to_owned(), shown)
        })
        .collect();
    json!({
        "host": picture.host,
        "endpoint": picture.endpoint.as_ref().map(ToString::to_string),
        "config": config::file(),
        "profile": config::profile().name,
        "settings": settings,
    })
}

fn table(picture: &Picture, has_others: bool, ui: &mut Ui) -> Result<(), Error> {
    if let (Some(host), true) = (&picture.host, has_others) {
        ui.print(&format!("{host}\n"))?;
    }
    let rows: Vec<Vec<String>> = picture
        .rows
        .iter()
        .map(|row| {
            let others =
                row.others.iter().map(|(value, teller)| format!("{} from {}", words(value), teller.text()));
            vec![
                row.name.to_owned(),
                words(&row.value),
                row.teller.text(),
                others.collect::<Vec<_>>().join("; "),
            ]
        })
        .collect();
    let width = ui.width();
    let table = Table::new(&["Setting", "Value", "From", "Instead of"], &rows, width);
    ui.print(&table.heading(width))?;
    rows.iter().try_for_each(|row| ui.print(&table.row(row, width)))?;
    if has_others {
        ui.print("\n")?;
    }
    Ok(())
}

/// Returns a value as a person writes it.
fn words(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(" "),
        Json::Object(entries) => entries
            .iter()
            .map(|(name, value)| format!("{name} {}", words(value)))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    }
}

/// The settings of a connection, in the order in which they are shown.
const SETTINGS: &[&str] = &[
    "user",
    "auth",
    "password",
    "keytab",
    "allow_cleartext",
    "spn_service",
    "spn_host",
    "realm",
    "bind_channel",
    "trust",
    "trust_on_first_use",
    "cert",
    "key",
    "key_passphrase_file",
    "proxy",
    "operation_timeout",
    "read_timeout",
    "connect_timeout",
    "deadline",
    "namespace",
    "dump",
];
