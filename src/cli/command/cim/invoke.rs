//! `refpoint cim invoke`: one call of one method.

use std::cell::Cell;

use refpoint::cim::{Catalog, Method, Name, ObjectPath, ReturnFamily, Value};
use refpoint::client::{Enumerate, Invoke, Invoked, Mode, Session, Target, codes};

use super::intent::{Body, Intent};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::argument::{Known, Reader};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::explain;
use crate::cli::report::{cell, json, table, text, yaml};
use crate::cli::resource::ResourceArgs;
use crate::cli::schema::{self, Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{argument, diagnosis, message, object, runtime, suggest};

/// Call a method of an object
///
/// The object is written as for cim get, CLASS key=value… or its path in one word; the method is the first word that
/// is no key=value, and what stands behind it are its arguments. A class alone is its one instance, which is looked
/// for first. The exit code follows the return value: 0 for 0 and for 4096 (a job was started), 6 for access denied,
/// 9 for in use, 7 for any other.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "refpoint cim invoke [OPTIONS] <TARGET> <CLASS> [key=value]... <METHOD> [name=value]...\n       \
                      refpoint cim invoke [OPTIONS] <TARGET> <PATH> <METHOD> [name=value]...",
    after_help = "\
Arguments:
  name=value             typed by the schema; a number also by its name; null is nothing, where it is no text
  name=[a,b]             an array; or the name again for each element
  name=5m                a length of time; 2026-11-20T10:00:00Z and PT5M as well
  name=@Class.Key=\"v\"    a reference; @root/x:Class.Key=\"v\" in another namespace
  name:=JSON             numbers, texts, arrays, null; an object is an embedded instance
  name:=@file.json       the same from a file

Examples:
  refpoint cim invoke hv01 Msvm_ConcreteJob InstanceID=BAFEF97B-… RequestStateChange RequestedState=Terminate
  refpoint cim invoke hv01 'Msvm_ConcreteJob.InstanceID=\"BAFEF97B-…\"' RequestStateChange RequestedState=Terminate --dry-run
  refpoint cim invoke hv01 StdRegProv GetStringValue --namespace root/cimv2 --schema host hDefKey=2147483650 \\
      'sSubKeyName=SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion' sValueName=CurrentBuild
  refpoint cim invoke hv01 Msvm_VirtualSystemReferencePointService ExportReferencePoint \\
      'ReferencePoint=@Msvm_VirtualSystemReferencePoint.InstanceID=\"…\",VirtualSystemIdentifier=\"…\"' \\
      'ExportDirectory=D:\\exports\\web01' 'ExportSettingData:={\"DisksToExport\": []}'"
)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    /// The object: CLASS key=value…, or its path in one word; a class that has one instance is enough
    #[arg(value_name = "CLASS[.key=value,…]", required_unless_present = "resource_uri")]
    class: Option<String>,
    /// The object's further keys, then the method, then its arguments
    #[arg(value_name = "METHOD name=value")]
    words: Vec<String>,
    #[command(flatten)]
    resource: ResourceArgs,
    /// Show what would be sent, and call nothing; an object whose keys are not given is looked for all the same
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let namespace = args.connection.namespace();
    let words = Words::of(args)?;
    let bundled = Schema::bundled();
    let path = match args.schema.schema {
        // Its keys are checked by what the host says of the class.
        Source::Host if args.resource.resource_uri.is_none() => {
            object::parse_path(words.object.first().map_or("", String::as_str), &namespace)?
        }
        _ => words.path(&namespace, &bundled, args)?,
    };
    // What the program knows by itself it checks before it asks anybody.
    let known = match args.schema.schema {
        Source::Host if path.is_cim() => None,
        _ => Some(Plan::new(&words, args.schema.schema, &path, &bundled, ui)?),
    };
    let host = args.connection.host();
    let is_known = Catalog::bundled().is_known(&path.class);
    if let Some(plan) = known.as_ref().filter(|_| args.dry_run && is_whole(&path, is_known)) {
        let target = args.connection.target(Who::Nobody, ui)?;
        return plan.intend(&target, &host, &path, output, ui);
    }
    let target = args.connection.target(Who::User, ui)?;
    // Once it has been sent, nobody who stops waiting knows what became of it.
    let is_sent = Cell::new(false);
    let name = Cell::new(words.method.clone());
    let done = runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        let (plan, path, is_known) = match known {
            Some(plan) => (plan, path, is_known),
            None => {
                let place = path.namespace.as_deref().unwrap_or(&namespace);
                let schema = Schema::of_host(&mut session, place, &path.class, &host).await?;
                let path = words.path(&namespace, &schema, args)?;
                // Of a class without keys there are no instances: its methods are static.
                let has_keys = schema.shape(&path.class).is_some_and(|shape| shape.keys().next().is_some());
                (Plan::new(&words, args.schema.schema, &path, &schema, ui)?, path, has_keys)
            }
        };
        let resource = only_instance(&mut session, path, is_known, &host).await?;
        if args.dry_run {
            return plan.intend(session.target(), &host, &resource, output, ui);
        }
        let Plan { method, family, declared, .. } = &plan;
        let call = plan.call(&resource);
        name.set(method.to_string());
        is_sent.set(true);
        let invoked = session.invoke(&call).await;
        let invoked = invoked.map_err(|error| diagnosis::of_session(error, &host))?;
        is_sent.set(false);
        let invoked = schema::typed_result(invoked, declared.as_ref());
        let exit = exit_of(*family, &invoked);
        show(method, &invoked, *family, output.output.unwrap_or(Format::Table), ui)?;
        refusal(&host, method, *family, &invoked, exit)
    });
    done.map_err(|error| match error.kind {
        Exit::Interrupted | Exit::Terminated if is_sent.get() => {
            let method = name.take();
            error.hint(format!("{method} may have been carried out: look there before you call it again"))
        }
        _ => error,
    })
}

/// What stands on the line: the object, the method, its arguments.
struct Words {
    object: Vec<String>,
    method: String,
    arguments: Vec<String>,
}

impl Words {
    /// Methods have no `=` in their names, and everything else has one.
    fn of(args: &Args) -> Result<Self, Error> {
        let mut words = args.class.iter().chain(&args.words).cloned().peekable();
        let mut object: Vec<String> = Vec::new();
        if args.resource.resource_uri.is_none() {
            // Whoever writes references writes this one too.
            object.extend(words.next().map(|word| word.strip_prefix('@').unwrap_or(&word).to_owned()));
        }
        while let Some(word) = words.next_if(|word| word.contains('=')) {
            object.push(word);
        }
        match words.next() {
            Some(method) => Ok(Self { object, method, arguments: words.collect() }),
            None => {
                Err(Error::usage("no method is named").hint("write CLASS [key=value]… METHOD [name=value]…"))
            }
        }
    }

    /// Returns the object, checked against a schema.
    fn path(&self, namespace: &str, schema: &Schema, args: &Args) -> Result<ObjectPath, Error> {
        match (args.resource.with_keys(&self.object)?, self.object.as_slice()) {
            (Some(path), _) => Ok(path),
            // A class alone is its only instance; that there is one is seen later.
            (None, [one]) => object::parse_path(one, namespace),
            (None, words) => object::parse_with(words, namespace, schema),
        }
    }
}

/// Says whether a path names what can be called as it stands: all its keys are there, or none may be needed.
fn is_whole(path: &ObjectPath, is_known: bool) -> bool {
    // A class that nobody knows may have static methods.
    !path.keys.is_empty() || path.is_singleton || !is_known || !path.is_cim()
}

/// What is called, as far as the arguments say.
struct Plan {
    method: Name,
    family: ReturnFamily,
    arguments: Vec<(Name, Value)>,
    /// What is known of the method.
    declared: Option<Method>,
}

impl Plan {
    fn new(
        words: &Words,
        source: Source,
        path: &ObjectPath,
        schema: &Schema,
        ui: &mut Ui,
    ) -> Result<Self, Error> {
        let declared = schema.method(&path.class, &words.method).filter(|_| path.is_cim());
        let namespace = path.namespace.as_deref().unwrap_or_default();
        let known = match declared {
            Some(declared) => Known::Method(declared),
            None => {
                if path.is_cim() {
                    warn_of_unknown(path, &words.method, schema, source, ui)?;
                }
                Known::Nothing
            }
        };
        let arguments = Reader { schema, namespace }.read(&words.arguments, known)?;
        let missing = declared.map(|declared| argument::missing(declared, &arguments)).unwrap_or_default();
        if !missing.is_empty() {
            ui.note(&format!("{} also takes {}: not given", words.method, missing.join(", ")));
        }
        let method = declared.map_or_else(|| words.method.as_str().into(), |declared| declared.name.clone());
        let family = declared.map_or(ReturnFamily::Unlisted, |declared| declared.family);
        let declared = declared.cloned();
        Ok(Self { method, family, arguments, declared })
    }

    fn call(&self, resource: &ObjectPath) -> Invoke {
        let arguments = self.arguments.clone();
        Invoke { arguments, ..Invoke::new(resource.clone(), self.method.clone()) }
    }

    /// Shows what would be sent.
    fn intend(
        &self,
        target: &Target,
        host: &str,
        path: &ObjectPath,
        output: &OutputArgs,
        ui: &mut Ui,
    ) -> Result<Exit, Error> {
        let envelope = target.envelope_of(&self.call(path));
        let envelope = &envelope.map_err(|error| diagnosis::of_session(error, host))?;
        let body = Body::Call(&self.method, &self.arguments);
        Intent { operation: "Invoke", host, path, body, envelope }.show(output, ui)
    }
}

/// A method that no schema knows is called all the same, unless it looks misspelled: the host may be newer.
fn warn_of_unknown(
    path: &ObjectPath,
    method: &str,
    schema: &Schema,
    source: Source,
    ui: &mut Ui,
) -> Result<(), Error> {
    let names = schema.catalog(&path.class).methods(&path.class).map(|known| known.name.as_str());
    let names: Vec<&str> = names.collect();
    let unknown = || Error::usage(format!("{} has no method {method}", path.class));
    if let Some(nearest) = suggest::nearest(method, names.iter().copied()) {
        return Err(unknown().hint(format!("did you mean {nearest}?")));
    }
    if source == Source::Host {
        return Err(unknown().hint(format!("the host says it has {}", names.join(", "))));
    }
    ui.warn(&format!(
        "{}.{method} is not in the bundled schema: arguments go as strings (--schema host asks the host)",
        path.class
    ));
    Ok(())
}

/// Returns an object that can be called: services have one instance, whose keys nobody wants to type.
async fn only_instance(
    session: &mut Session,
    path: ObjectPath,
    is_known: bool,
    host: &str,
) -> Result<ObjectPath, Error> {
    if is_whole(&path, is_known) {
        return Ok(path);
    }
    let class = path.class.clone();
    let request = Enumerate { mode: Mode::Reference, ..Enumerate::new(path) };
    let found = session.list(request).references().await;
    let mut found = found.map_err(|error| diagnosis::of_session(error, host))?;
    match (found.len(), found.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) | (_, None) => Err(Error::new(Exit::NotFound, format!("{host}: there is no {class}"))),
        (count, Some(last)) => {
            let error = Error::new(Exit::NotFound, format!("{host}: there are {count} of {class}"));
            let shown = found.iter().chain([&last]).take(MOST_SHOWN);
            let error = shown.fold(error, |error, path| error.hint(format!("'{path}'")));
            Err(error)
        }
    }
}

fn exit_of(family: ReturnFamily, invoked: &Invoked) -> Exit {
    match invoked.code() {
        // No number, no verdict: what came out is all there is.
        None | Some(codes::COMPLETED | codes::JOB_STARTED) => Exit::Done,
        Some(number) => match codes::hyperv_equivalent(family, number) {
            32769 => Exit::AccessDenied,
            32774 => Exit::Busy,
            _ => Exit::RemoteFailed,
        },
    }
}

/// Returns the end of the command: what was returned stands on standard output already, and what to think of
/// it goes to standard error.
fn refusal(
    host: &str,
    method: &str,
    family: ReturnFamily,
    invoked: &Invoked,
    exit: Exit,
) -> Result<Exit, Error> {
    let Some(number) = invoked.code().filter(|_| exit != Exit::Done) else { return Ok(Exit::Done) };
    let meaning = codes::return_value(family, number);
    let error = Error::new(exit, format!("{host}: {method} returned {meaning}")).hint(meaning.advice());
    Err(error.explained_by(explain::of_refusal(method, number)))
}

fn show(
    method: &str,
    invoked: &Invoked,
    family: ReturnFamily,
    format: Format,
    ui: &mut Ui,
) -> Result<(), Error> {
    let value = message::result(method, invoked);
    let shown = match format {
        Format::Table => table::pairs(&lines(invoked, family), 0),
        Format::Json if ui.is_terminal() => json::pretty(&value) + "\n",
        Format::Json | Format::Jsonl => json::compact(&value) + "\n",
        Format::Yaml => yaml::document(&value),
        Format::Name => {
            let paths = invoked.out.iter().filter_map(|(_, value)| value.as_path());
            paths.map(|path| text::harmless(&path.to_string()).into_owned() + "\n").collect()
        }
    };
    ui.print(&shown)
}

fn lines(invoked: &Invoked, family: ReturnFamily) -> Vec<(String, String)> {
    let returned = match invoked.code() {
        Some(number) => codes::return_value(family, number).to_string(),
        None => cell::value(&invoked.return_value, None),
    };
    let out = invoked.out.iter().map(|(name, value)| (name.to_string(), cell::value(value, None)));
    [("ReturnValue".to_owned(), returned)].into_iter().chain(out).collect()
}

/// More objects are not read by anybody.
const MOST_SHOWN: usize = 10;
