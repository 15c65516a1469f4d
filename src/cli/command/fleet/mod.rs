//! `refpoint fleet`: many hosts.

mod hosts;
mod inventory;

use clap::Subcommand;

use crate::cli::args::OutputArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Look after many hosts
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Inventory(inventory::Args),
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    match command {
        Command::Inventory(args) => inventory::run(args, output, ui),
    }
}
