//! `refpoint cim describe`: what the bundled schema says about a class.

use refpoint::cim::Catalog;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{json, schema, yaml};
use crate::cli::suggest;
use crate::cli::ui::Ui;

/// Show the bundled schema of a class: keys, types, what numbers mean, methods and what they return
///
/// No host is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint cim describe Msvm_VirtualSystemReferencePointService\n  \
                        refpoint cim describe Msvm_ComputerSystem -o json")]
pub(crate) struct Args {
    /// The class, in any letter case
    class: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let catalog = Catalog::bundled();
    let shape = catalog.shape(&args.class).ok_or_else(|| unknown(&args.class))?;
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
    match suggest::nearest(class, names) {
        Some(name) => error.hint(format!("did you mean {name}?")),
        None => error,
    }
}
