//! `refpoint cim create`: one object, once.

use refpoint::cim::{Instance, ObjectPath};
use refpoint::client::{Content, EndpointReference, Target};
use refpoint::wsman::Create;
use serde_json::json;

use super::intent::{Body, Intent, Sent, print_of};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::argument::{Known, Reader};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{text, value};
use crate::cli::resource::{ResourceArgs, element, name_of};
use crate::cli::schema::{Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, object, runtime};

/// Make an object of a class; its path is printed
///
/// It is sent once. Exit code 12 says that nobody knows whether the host has done it. Properties are written as the
/// arguments of invoke are. Hyper-V's own objects are made by the methods of its services, not so. With
/// --resource-uri the words are the keys of what is made, and --set says what it holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        refpoint cim create hv01 --namespace root/cimv2 --schema host Win32_Environment Name=TEMP2 \\\n      \
                        'UserName=<SYSTEM>' 'VariableValue=D:\\temp'\n  \
                        refpoint cim create hv01 root/cimv2:Win32_Environment Name=X 'UserName=<SYSTEM>' VariableValue=1 --dry-run\n  \
                        refpoint cim create hv01 --resource-uri winrm/config/listener Address=* Transport=HTTPS \\\n      \
                        --set Hostname=hv01.corp.example --set CertificateThumbprint=4B0E…")]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    schema: SchemaArgs,
    /// The class
    #[arg(required_unless_present = "resource_uri")]
    class: Option<String>,
    /// Its properties; with --resource-uri the keys of what is made
    #[arg(value_name = "name=value")]
    properties: Vec<String>,
    #[command(flatten)]
    resource: ResourceArgs,
    /// A property, as cim put has it
    #[arg(long = "set", value_name = "name=value")]
    set: Vec<String>,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let path = place(args)?;
    let host = args.connection.host();
    let known = match args.schema.schema {
        Source::Host if path.is_cim() => None,
        _ => Some(meant(args, &path, &Schema::bundled(), ui)?),
    };
    if let Some(instance) = known.as_ref().filter(|_| args.dry_run) {
        let target = args.connection.target(Who::Nobody, ui)?;
        return intend(&target, &host, &path, instance, output, ui);
    }
    let target = args.connection.target(Who::User, ui)?;
    let sent = Sent::default();
    let done = runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        let instance = match known {
            Some(instance) => instance,
            None => {
                let namespace = path.namespace.as_deref().unwrap_or_default();
                let schema = Schema::of_host(&mut session, namespace, &path.class, &host).await?;
                meant(args, &path, &schema, ui)?
            }
        };
        if args.dry_run {
            return intend(session.target(), &host, &path, &instance, output, ui);
        }
        sent.begin();
        let created = session.create_at(&path, instance).await;
        let created = created
            .map_err(|error| diagnosis::with_class(diagnosis::of_session(error, &host), &path.class))?;
        sent.end();
        show(&created, output.output.unwrap_or(Format::Table), ui)?;
        Ok(Exit::Done)
    });
    sent.explain(done, "the making")
}

/// Returns where it is made: at its class, or at a resource with its keys.
fn place(args: &Args) -> Result<ObjectPath, Error> {
    let keys: Vec<String> = args.class.iter().chain(&args.properties).cloned().collect();
    if let Some(path) = args.resource.path()? {
        // A class has no keys: of its objects they are properties like the others.
        return if path.is_cim() { Ok(path) } else { Ok(args.resource.with_keys(&keys)?.unwrap_or(path)) };
    }
    let class = args.class.as_deref().unwrap_or_default();
    let path = object::parse_path(class, &args.connection.namespace())?;
    if path.keys.is_empty() {
        return Ok(path);
    }
    Err(Error::usage("a class has no keys").hint("the keys are properties like the others: name=value"))
}

fn intend(
    target: &Target,
    host: &str,
    path: &ObjectPath,
    instance: &Instance,
    output: &OutputArgs,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let content = Content::Instance(instance.clone());
    let envelope = target.envelope_of(&Create { resource: path.clone(), fragment: None, content });
    let envelope = &envelope.map_err(|error| diagnosis::of_session(error, host))?;
    Intent { operation: "Create", host, path, body: Body::Instance(instance), envelope }.show(output, ui)
}

fn meant(args: &Args, path: &ObjectPath, schema: &Schema, ui: &mut Ui) -> Result<Instance, Error> {
    let namespace = path.namespace.as_deref().unwrap_or_default();
    if !path.is_cim() {
        let mut instance = Instance::new(element(path));
        for (name, value) in (Reader { schema, namespace }).read(&args.set, Known::Nothing)? {
            instance.set(name, value);
        }
        return Ok(instance);
    }
    if !schema.is_known(&path.class) {
        ui.warn(&format!(
            "{} is not in the bundled schema: values go as strings (--schema host asks the host)",
            path.class
        ));
    }
    // A URI of WMI's has its class in it, and the words are properties there too.
    let first = args.class.iter().filter(|_| args.resource.resource_uri.is_some());
    let words: Vec<String> = first.chain(&args.properties).chain(&args.set).cloned().collect();
    let given = Reader { schema, namespace }.read(&words, Known::Class(&path.class))?;
    let class = schema.shape(&path.class).map_or_else(|| path.class.clone(), |shape| shape.name().clone());
    let mut instance = Instance::new(class);
    instance.namespace.clone_from(&path.namespace);
    for (name, value) in given {
        instance.set(name, value);
    }
    let keys = schema.catalog(&path.class).keys(&path.class);
    let missing: Vec<&str> =
        keys.map(|key| key.name.as_str()).filter(|key| instance.value(key).is_none()).collect();
    if !missing.is_empty() {
        ui.note(&format!("no {} is given: the host has to make it up", missing.join(", ")));
    }
    Ok(instance)
}

fn show(created: &EndpointReference, format: Format, ui: &mut Ui) -> Result<(), Error> {
    let name = created.path.as_ref().map(name_of).unwrap_or_default();
    let shown = match format {
        Format::Table | Format::Name => format!("{}\n", text::harmless(&name)),
        _ => print_of(&json!({ "created": created.path.as_ref().map(value::reference) }), format, &name, ui),
    };
    ui.conclude(&shown)
}
