//! `refpoint lab`: hosts that are not there.

mod serve;

use clap::Subcommand;

use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Practise on simulated hosts
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, ui: &mut Ui) -> Result<Exit, Error> {
    match command {
        Command::Serve(args) => serve::run(args, ui),
    }
}
