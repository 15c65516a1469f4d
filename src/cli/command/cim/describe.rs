//! `refpoint cim describe`: what the bundled schema, or a host, says about a class.

use refpoint::cim::{Catalog, ClassShape};

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, MeansArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::place::{Place, without_login};
use crate::cli::report::{json, schema, yaml};
use crate::cli::schema::{Schema, Source};
use crate::cli::ui::Ui;
use crate::cli::{object, runtime, suggest};

/// Show what a class is: keys, types, what numbers mean, methods and what they return
///
/// Without TARGET the bundled schema is shown, and no host is asked. With it the host says what its class is, of any
/// namespace, whether the program knows the class or not.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "refpoint cim describe [OPTIONS] [TARGET] <CLASS>",
    after_help = "Examples:\n  refpoint cim describe Msvm_VirtualSystemReferencePointService\n  \
                  refpoint cim describe Msvm_ComputerSystem -o json\n  \
                  refpoint cim describe hv01 Win32_Volume --schema host --namespace root/cimv2\n  \
                  refpoint cim describe hv01 root/StandardCimv2:MSFT_NetAdapter --schema host"
)]
pub(crate) struct Args {
    /// The class, in any letter case; before it the host that is to be asked, where one is: HOST, HOST:PORT, or
    /// http[s]://HOST[:PORT][/path]
    #[arg(value_name = "TARGET CLASS", required = true, num_args = 1..=2)]
    target_or_class: Vec<String>,
    /// Show the bundled schema, or ask the host for its own [default: host where there is a TARGET]
    #[arg(long, value_name = "WHOSE", help_heading = "Schema")]
    schema: Option<Source>,
    #[command(flatten)]
    means: MeansArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    match (args.target_or_class.as_slice(), args.schema) {
        ([class], None | Some(Source::Bundled)) => of_bundled(class, output, ui),
        ([class], Some(Source::Host)) => Err(Error::usage("which host is to be asked?")
            .hint(format!("refpoint cim describe TARGET {class} --schema host"))),
        ([target, class], None | Some(Source::Host)) => {
            let target: Place = target.parse().map_err(|error| {
                Error::usage(format!("{} is no TARGET", without_login(target))).because(error)
            })?;
            of_host(&ConnectionArgs::to(target, args.means.clone()), class, output, ui)
        }
        (_, Some(Source::Bundled)) => Err(Error::usage("the bundled schema is no host's")
            .hint("leave TARGET away, or ask the host with --schema host")),
        _ => Err(Error::usage("which class?")),
    }
}

fn of_bundled(class: &str, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    // Where it stands the schema says itself.
    let class = class.rsplit_once(':').map_or(class, |(_, class)| class);
    let catalog = Catalog::bundled();
    let shape = catalog.shape(class).ok_or_else(|| unknown(class))?;
    show(shape, catalog, output, ui)
}

fn of_host(
    connection: &ConnectionArgs,
    class: &str,
    output: &OutputArgs,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let path = object::parse_path(class, &connection.namespace())?;
    if !path.keys.is_empty() {
        return Err(Error::usage(format!("{class} is an object, and no class"))
            .hint(format!("its class is {}", path.class)));
    }
    let target = connection.target(Who::User, ui)?;
    let host = connection.host();
    runtime::wait(async {
        let mut session = connection.open(target, ui).await?;
        let namespace = path.namespace.as_deref().unwrap_or_default();
        let schema = Schema::of_host_with_ancestors(&mut session, namespace, &path.class, &host).await?;
        let shape = schema.shape(&path.class).ok_or_else(|| unknown(&path.class))?;
        show(shape, schema.catalog(&path.class), output, ui)
    })
}

fn show(shape: ClassShape<'_>, catalog: &Catalog, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let text = match output.output.unwrap_or(Format::Table) {
        Format::Table => schema::page(shape, catalog, ui.width()),
        Format::Json if ui.is_terminal() => json::pretty(&schema::shape(shape)) + "\n",
        Format::Json | Format::Jsonl => json::compact(&schema::shape(shape)) + "\n",
        Format::Yaml => yaml::document(&schema::shape(shape)),
        Format::Name => format!("{}\n", shape.name()),
    };
    ui.print(&text)?;
    Ok(Exit::Done)
}

fn unknown(class: &str) -> Error {
    let error = Error::new(Exit::NotFound, format!("class {class} is not in the bundled schema"));
    let names = Catalog::bundled().classes().map(|class| class.name.as_str());
    let error = match suggest::nearest(class, names) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error,
    };
    error.hint(format!("a host may know it: refpoint cim describe TARGET {class} --schema host"))
}
