//! `refpoint cim put`: some properties of one object, once.

use refpoint::cim::{Instance, Name, ObjectPath, Value};
use refpoint::client::{Content, Error as SessionError, Fragment, Session};
use serde_json::{Map, Value as Json, json};

use super::intent::{Intent, Sent, print_of};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::argument::{Known, Reader};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{cell, table, text, value};
use crate::cli::resource::ObjectArgs;
use crate::cli::schema::{Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, runtime};

/// Change properties of one object, and show what they were and have become
///
/// The object is read, changed and put back whole, as WS-Management has it: what somebody else changes between the
/// two is overwritten. --fragment sends one property alone, where the host allows that. It is sent once; exit code
/// 12 says that nobody knows whether the host has done it. Hyper-V's own objects are changed by the methods of its
/// services, not so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        refpoint cim put hv01 --namespace root/cimv2 Win32_Environment Name=TEMP 'UserName=<SYSTEM>' \\\n      \
                        --set 'VariableValue=D:\\temp'\n  \
                        refpoint cim put hv01 --resource-uri winrm/config --set MaxTimeoutms=120000 --dry-run")]
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
    if args.schema.schema == Source::Bundled {
        let schema = Schema::bundled();
        let path = args.object.path(&namespace, &schema)?;
        if schema.is_known(&path.class) {
            // What is misspelled is told before anybody is asked.
            Reader { schema: &schema, namespace: &namespace }.read(&args.set, Known::Class(&path.class))?;
        }
    }
    let target = args.connection.target(Who::User, ui)?;
    let sent = Sent::default();
    let done = runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        let (path, schema) = args.object.find(args.schema.schema, &mut session, &args.connection).await?;
        let diagnose = |error| diagnosis::with_class(diagnosis::of_session(error, &host), &path.class);
        let before = schema.typed(session.get(&path).await.map_err(diagnose)?);
        let mut change = Change::new(args, &path, &schema, before)?;
        if change.names.is_empty() {
            ui.note("it is so already: nothing was sent");
            change.show(&path, output, ui)?;
            return Ok(Exit::Done);
        }
        if args.fragment && change.names.len() != 1 {
            return Err(Error::usage("--fragment sends one property").hint("give --set once"));
        }
        if args.dry_run {
            let body = if args.fragment { change.part() } else { change.after.clone() };
            change.show(&path, output, ui)?;
            let intent = Intent { operation: "Put", host: &host, path: &path, body: Some(&body) };
            return match output.output {
                None | Some(Format::Table) => intent.show(output, ui),
                Some(_) => Ok(Exit::Done),
            };
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
    fn new(args: &Args, path: &ObjectPath, schema: &Schema, before: Instance) -> Result<Self, Error> {
        let namespace = args.connection.namespace();
        let known = match schema.is_known(&before.class) {
            true => Known::Class(&before.class),
            false => Known::Object(&before),
        };
        let given = Reader { schema, namespace: &namespace }.read(&args.set, known)?;
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
                // What is no CIM object has no path of WMI's.
                let name = if path.is_cim() { path.to_string() } else { path.resource_uri().into_owned() };
                format!("{}\n{}", text::harmless(&name), table::pairs(&lines, 2))
            }
            _ => print_of(&self.json(path), format, &path.to_string(), ui),
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
