//! `refpoint cim get`: one instance.

use refpoint::cim::Instance;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{cell, json, table, text, value, yaml};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, object, runtime};

/// Show one instance; the table leaves out what has no value
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint cim get hv01 Msvm_ConcreteJob InstanceID=BAFEF97B-8E25-4BC7-871E-AFC30BB81B51\n  \
                        refpoint cim get hv01 'Msvm_ConcreteJob.InstanceID=\"BAFEF97B-…\"' -o json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The object: CLASS key=value…, or its path in one word
    #[arg(required = true, value_name = "PATH")]
    path: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let path = object::parse(&args.path, &args.connection.namespace())?;
    let target = args.connection.target(Who::User, ui)?;
    runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        let instance = session.get(&path).await;
        let instance = instance.map_err(|error| {
            diagnosis::with_class(diagnosis::of_session(error, &args.connection.host()), &path.class)
        })?;
        let text = match output.output.unwrap_or(Format::Table) {
            Format::Table => page(&instance),
            Format::Json if ui.is_terminal() => json::pretty(&value::instance(&instance)) + "\n",
            Format::Json | Format::Jsonl => json::compact(&value::instance(&instance)) + "\n",
            Format::Yaml => yaml::document(&value::instance(&instance)),
            Format::Name => format!("{}\n", text::harmless(&path.to_string())),
        };
        ui.print(&text)?;
        Ok(Exit::Done)
    })
}

fn page(instance: &Instance) -> String {
    let bold = anstyle::Style::new().bold();
    let filled = instance.properties().iter().filter(|property| !property.value.is_null());
    let pairs = filled.map(|property| (property.name.as_str(), cell::property(instance, &property.name)));
    let class = text::harmless(&instance.class);
    format!("{bold}{class}{bold:#}\n{}", table::pairs(&pairs.collect::<Vec<_>>(), 2))
}
