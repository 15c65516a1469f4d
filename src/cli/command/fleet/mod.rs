//! `refpoint fleet`: many hosts.

mod crew;
pub(crate) mod hosts;
mod inventory;
mod plan;
mod report;
mod run;
mod status;

use clap::Subcommand;

use crate::cli::args::OutputArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Export from many hosts, and look at what became of it
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Plan(Box<plan::Args>),
    Run(Box<run::Args>),
    Resume(Box<run::ResumeArgs>),
    Inventory(inventory::Args),
    Status(status::Args),
    Report(report::Args),
}

impl Command {
    /// Says whether it shows what became of a run, in forms of its own.
    pub(crate) fn is_report(&self) -> bool {
        matches!(self, Self::Report(_))
    }
}

/// Runs one of the commands.
pub(crate) fn run(command: &Command, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    match command {
        Command::Plan(args) => plan::run(args, output, ui),
        Command::Run(args) => run::run(args, output, ui),
        Command::Resume(args) => run::resume(args, output, ui),
        Command::Inventory(args) => inventory::run(args, output, ui),
        Command::Status(args) => status::run(args, output, ui),
        Command::Report(args) => report::run(args, output, ui),
    }
}
