//! `refpoint cim get`: one instance.

use refpoint::cim::Instance;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{cell, json, table, text, value, yaml};
use crate::cli::resource::ObjectArgs;
use crate::cli::schema::{Schema, SchemaArgs, Source};
use crate::cli::ui::Ui;
use crate::cli::{diagnosis, runtime};

/// Show one instance; the table leaves out what has no value
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint cim get hv01 Msvm_ConcreteJob InstanceID=BAFEF97B-8E25-4BC7-871E-AFC30BB81B51\n  \
                        refpoint cim get hv01 'Msvm_ConcreteJob.InstanceID=\"BAFEF97B-…\"' -o json\n  \
                        refpoint cim get hv01 --namespace root/cimv2 Win32_Service Name=vmms\n  \
                        refpoint cim get hv01 --resource-uri winrm/config"
)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    object: ObjectArgs,
    #[command(flatten)]
    schema: SchemaArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    if args.schema.schema == Source::Bundled {
        // What is misspelled is told before anybody is asked.
        args.object.path(&args.connection.namespace(), &Schema::bundled())?;
    }
    let target = args.connection.target(Who::User, ui)?;
    runtime::wait(async {
        let mut session = args.connection.open(target, ui).await?;
        let (path, schema) = args.object.find(args.schema.schema, &mut session, &args.connection).await?;
        let instance = session.get(&path).await;
        let instance = instance.map_err(|error| {
            diagnosis::with_class(diagnosis::of_session(error, &args.connection.host()), &path.class)
        })?;
        let instance = schema.typed(instance);
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
