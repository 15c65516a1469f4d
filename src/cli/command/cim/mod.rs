//! `refpoint cim`: any class of any namespace.

mod decode;
mod describe;

use clap::Subcommand;

use crate::cli::args::OutputArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Look at any CIM class: instances, methods, schemas and saved messages
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Decode(decode::Args),
    Describe(describe::Args),
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    match command {
        Command::Decode(args) => decode::run(args, output, ui),
        Command::Describe(args) => describe::run(args, output, ui),
    }
}
