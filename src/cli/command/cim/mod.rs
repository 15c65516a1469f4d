//! `refpoint cim`: any class of any namespace.

mod decode;
mod describe;
mod get;
mod invoke;
mod list;

use clap::Subcommand;

use crate::cli::args::OutputArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Look at any CIM class: instances, methods, schemas and saved messages
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(get::Args),
    List(list::ListArgs),
    Query(list::QueryArgs),
    Associators(list::AssociatorsArgs),
    Invoke(invoke::Args),
    Describe(describe::Args),
    Decode(decode::Args),
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    match command {
        Command::Get(args) => get::run(args, output, ui),
        Command::List(args) => list::list(args, output, ui),
        Command::Query(args) => list::query(args, output, ui),
        Command::Associators(args) => list::associators(args, output, ui),
        Command::Invoke(args) => invoke::run(args, output, ui),
        Command::Describe(args) => describe::run(args, output, ui),
        Command::Decode(args) => decode::run(args, output, ui),
    }
}
