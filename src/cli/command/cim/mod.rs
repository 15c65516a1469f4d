//! `refpoint cim`: any class of any namespace.

mod create;
mod decode;
mod delete;
mod describe;
mod get;
mod intent;
mod invoke;
mod list;
mod put;
mod settings;
mod watch;

use clap::Subcommand;

use crate::cli::args::OutputArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Look at any CIM class, and change what it lets change: instances, methods, events, schemas and saved messages
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(get::Args),
    List(list::ListArgs),
    Query(list::QueryArgs),
    Associators(list::AssociatorsArgs),
    Invoke(invoke::Args),
    Put(put::Args),
    Create(create::Args),
    Delete(delete::Args),
    Watch(watch::Args),
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
        Command::Put(args) => put::run(args, output, ui),
        Command::Create(args) => create::run(args, output, ui),
        Command::Delete(args) => delete::run(args, output, ui),
        Command::Watch(args) => watch::run(args, output, ui),
        Command::Describe(args) => describe::run(args, output, ui),
        Command::Decode(args) => decode::run(args, output, ui),
    }
}
