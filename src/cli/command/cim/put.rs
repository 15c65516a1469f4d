//! `refpoint cim put`: some properties of one object, once.

use refpoint::cim::{Instance, Name, ObjectPath, Value};
use refpoint::client::{Content, Error as SessionError, Fragment, Session, Target};
use refpoint::wsman::Put;
use serde_json::{Map, Value as Json, json};

use super::intent::{Body, Intent, Sent, print_of};
use super::settings;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::argument::{Known, Reader};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{cell, table, text, value};
use crate::cli::resource::{ObjectArgs, name_of};
use crate::cli::schema::{Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, runtime};

/// Change properties of one object, and show what they were and have become
///
/// The object is read, changed and put back whole, as WS-Management has it: what somebody else changes between the
/// two is overwritten. --fragment sends one property alone, where the host allows that. It is sent once; exit code
/// 12 says that nobody knows whether the host has done it. Hyper-V's own objects are changed by the methods of its
/// services, not so. Of winrm/config a setting is named by what it stands in, Service/Auth/Basic, and what holds
/// it is put by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        refpoint cim put hv01 --namespace root/cimv2 Win32_Environment Name=TEMP 'UserName=<SYSTEM>' \\\n      \
                        --set 'VariableValue=D:\\temp'\n  \
                        refpoint cim put hv01 --resource-uri winrm/config --set MaxTimeoutms=120000 --dry-run\n  \
                        refpoint cim put hv01 --resource-uri winrm/config --set Service/Auth/Basic=false")]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    object: ObjectArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    /// A property and what it shall be, written as the arguments of invoke are
    #[arg(long = "set", value_name = "name=value", required = true)]
    set: Vec<String>,
    /// Send the one property alone
    #[arg(long)]
    fragment: bool,
    /// Show what would be sent, and send nothing; the object is read all the same
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let namespace = args.connection.namespace();
    let host = args.connection.host();
    let (object, set) = settings::placed(&args.object, &args.set)?;
    if args.schema.schema == Source::Bundled {
        let schema = Schema::bundled();
        let path = object.path(&namespace, &schema)?;
        if schema.is_known(&path.class) {
            // What is misspelled is told before anybody is asked.
            Reader { schema: &schema, namespace: &namespace }.read(&set, Known::Class(&path.class))?;
        }
    }
    let target = args.connection.target(Who::User, ui)?;
    let sent = Sent::default();
    let done = runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        let (path, schema) = object.find(args.schema.schema, &mut session, &args.connection).await?;
        let diagnose = |error| diagnosis::with_class(diagnosis::of_session(error, &host), &path.class);
        let before = schema.typed(session.get(&path).await.map_err(diagnose)?);
        let before = match object.resource.is_config() {
            true => {
                settings::check(&before, &set)?;
                // What it holds beside settings are resources of their own, and stay as they are.
                settings::own(&before)
            }
            false => before,
        };
        let mut change = Change::new(&namespace, &set, &path, &schema, before)?;
        if change.names.is_empty() {
            ui.note("it is so already: nothing was sent");
            change.show(&path, output, ui)?;
            return Ok(Exit::Done);
        }
        if args.fragment && change.names.len() != 1 {
            return Err(Error::usage("--fragment sends one property").hint("give --set once"));
        }
        if args.dry_run {
            let envelope = change.envelope(args.fragment, &path, session.target()).map_err(diagnose)?;
            return change.intend(args.fragment, &host, &path, &envelope, output, ui);
        }
        sent.begin();
        let told = change.send(args.fragment, &path, &mut session).await.map_err(diagnose)?;
        sent.end();
        change.is_sent = true;
        // What a host does not tell it is asked for; what it tells of a part is not the whole.
        let now = match told {
            Some(instance) if !args.fragment => Ok(instance),
            _ => session.get(&path).await,
        };
        let wanted = change.after.clone();
        match now {
            Ok(now) => change.after = schema.typed(now),
            Err(error) => {
                ui.warn(&format!("the host has taken it, and cannot be asked what it is now: {error}"));
                return Ok(Exit::Warnings);
            }
        }
        change.show(&path, output, ui)?;
        let other = change.names.iter().filter(|name| {
            let text = |instance: &Instance| cell::value(instance.value(name).unwrap_or(&Value::Null), None);
            text(&change.after) != text(&wanted)
        });
        let other: Vec<&str> = other.map(Name::as_str).collect();
        if other.is_empty() {
            return Ok(Exit::Done);
        }
        ui.warn(&format!("the host has taken it, and made something else of {}", other.join(", ")));
        Ok(Exit::Warnings)
    });
    sent.explain(done, "the change")
}

/// An object as it was and as it shall be.
struct Change {
    before: Instance,
    after: Instance,
    /// The properties that differ.
    names: Vec<Name>,
    is_sent: bool,
}

impl Change {
    fn new(
        namespace: &str,
        set: &[String],
        path: &ObjectPath,
        schema: &Schema,
        before: Instance,
    ) -> Result<Self, Error> {
        let known = match schema.is_known(&before.class) {
            true => Known::Class(&before.class),
            false => Known::Object(&before),
        };
        let given = Reader { schema, namespace }.read(set, known)?;
        let mut after = before.clone();
        let mut names = Vec::new();
        for (name, value) in given {
            let is_key = path.key(&name).is_some()
                || schema.property(&before.class, &name).is_some_and(|declared| declared.is_key);
            if is_key {
                return Err(Error::usage(format!("{name} is a key: it says which object it is")));
            }
            if before.value(&name) != Some(&value) {
                names.push(name.clone());
            }
            after.set(name, value);
        }
        Ok(Self { before, after, names, is_sent: false })
    }

    /// Returns what differs, and nothing else.
    fn part(&self) -> Instance {
        let mut part = Instance::new(self.after.class.clone());
        for name in &self.names {
            part.set(name.clone(), self.after.value(name).cloned().unwrap_or_default());
        }
        part
    }

    /// Sends it; returns what the host says that the object has become.
    async fn send(
        &self,
        as_fragment: bool,
        path: &ObjectPath,
        session: &mut Session,
    ) -> Result<Option<Instance>, SessionError> {
        let Some(name) = self.names.first().filter(|_| as_fragment) else {
            return session.put(path, self.after.clone()).await;
        };
        session.put_part(path, Fragment::property(name), Content::Properties(self.part())).await?;
        Ok(None)
    }

    /// Returns the message that would be sent.
    fn envelope(
        &self,
        as_fragment: bool,
        path: &ObjectPath,
        target: &Target,
    ) -> Result<String, SessionError> {
        let part = self.names.first().filter(|_| as_fragment);
        let content = match part {
            Some(_) => Content::Properties(self.part()),
            None => Content::Instance(self.after.clone()),
        };
        let fragment = part.map(|name| Fragment::property(name));
        target.envelope_of(&Put { resource: path.clone(), fragment, content })
    }

    /// Shows what would be sent.
    fn intend(
        &self,
        as_fragment: bool,
        host: &str,
        path: &ObjectPath,
        envelope: &str,
        output: &OutputArgs,
        ui: &mut Ui,
    ) -> Result<Exit, Error> {
        if let Some(format) = output.output.filter(|format| *format != Format::Table) {
            let mut json = self.json(path);
            json["envelope"] = envelope.into();
            ui.print(&print_of(&json, format, &name_of(path), ui))?;
            ui.note("nothing was sent: this is a dry run");
            return Ok(Exit::Done);
        }
        self.show(path, output, ui)?;
        let body = if as_fragment { self.part() } else { self.after.clone() };
        Intent { operation: "Put", host, path, body: Body::Instance(&body), envelope }.show(output, ui)
    }

    fn show(&self, path: &ObjectPath, output: &OutputArgs, ui: &mut Ui) -> Result<(), Error> {
        let format = output.output.unwrap_or(Format::Table);
        let held = |instance: &Instance, name: &Name| match instance.value(name) {
            None | Some(Value::Null) => "null".to_owned(),
            Some(_) => cell::property(instance, name),
        };
        let text = match format {
            Format::Table => {
                let line = |name: &Name| {
                    let (was, is) = (held(&self.before, name), held(&self.after, name));
                    (name.to_string(), format!("{was} → {is}"))
                };
                let lines: Vec<_> = self.names.iter().map(line).collect();
                format!("{}\n{}", text::harmless(&name_of(path)), table::pairs(&lines, 2))
            }
            _ => print_of(&self.json(path), format, &name_of(path), ui),
        };
        // Who has gone does not undo what was sent.
        if self.is_sent { ui.conclude(&text) } else { ui.print(&text) }
    }

    fn json(&self, path: &ObjectPath) -> Json {
        let held = |instance: &Instance, name: &Name| instance.value(name).map_or(Json::Null, value::value);
        let changed = self.names.iter().map(|name| {
            let both = json!({ "before": held(&self.before, name), "after": held(&self.after, name) });
            (name.to_string(), both)
        });
        json!({
            "sent": self.is_sent,
            "object": value::reference(path),
            "changed": changed.collect::<Map<_, _>>(),
            "instance": value::instance(&self.after),
        })
    }
}
