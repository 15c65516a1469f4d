//! The program: arguments to library calls, and what comes back to lines, JSON and an exit code.
//!
//! It knows the library by its public names alone. `args`, `config`, `connection`, `secret`, `object` and `argument` turn
//! words into values; `command` holds one file a command; `report` shows what came back; `metrics` and `notify`
//! tell others of a run; `ui` alone writes to the terminal, or to the `journal`; `error`, `diagnosis` and `exit`
//! say how it ended.

mod args;
mod argument;
mod command;
mod config;
mod connection;
mod crash;
mod diagnosis;
mod dump;
mod duration;
mod error;
mod exit;
mod folders;
mod journal;
mod known;
mod ledger;
mod logging;
mod message;
mod metrics;
mod notify;
mod object;
mod place;
mod report;
mod resource;
mod runtime;
#[cfg(test)]
mod sample;
mod schema;
mod screen;
mod secret;
mod suggest;
mod ui;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use self::args::{Cli, Command};
use self::error::Error;
use self::exit::Exit;
use self::ui::Ui;

/// Runs the program on the arguments of the process.
pub(crate) fn main() -> ExitCode {
    let parsed = Cli::command().try_get_matches().and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut Cli::command()))?;
        Ok((cli, matches))
    });
    let (mut cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(help) => return explain(&help),
    };
    let configured = config::begin(&mut cli, &matches);
    logging::begin(&cli.output);
    let mut ui = Ui::new(&cli.output);
    let is_of_run = matches!(&cli.command, Command::Fleet(command) if command.is_report());
    let settled = configured.map(|warnings| warnings.iter().for_each(|warning| ui.warn(warning)));
    let settled = settled.and_then(|()| runtime::outlive_limits_of_files());
    let settled = settled.and_then(|()| cli.output.settle(is_of_run));
    let done = settled.and_then(|()| run(&cli, &mut ui));
    // However it has ended, no line that changes is left standing.
    ui.status(None);
    known::tell(&mut ui);
    // What was printed is brought out before anything is said about it; a disk that is full then is an error
    // even if all else went well.
    let flushed = ui.flush();
    // A reader that has gone does not want to know; how it ended is true all the same.
    let flushed = flushed.or_else(|error| if error.is_closed_pipe() { Ok(()) } else { Err(error) });
    match done.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            if !error.is_closed_pipe() {
                ui.fail(&error);
            }
            error.kind.into()
        }
    }
}

fn run(cli: &Cli, ui: &mut Ui) -> Result<Exit, Error> {
    match &cli.command {
        Command::Demo(args) => command::demo::run(args, &cli.output, ui),
        Command::Export(args) => command::export::run(args, &cli.output, ui),
        Command::Backup(args) => command::backup::run(args, &cli.output, ui),
        Command::Vm(command) => command::vm::run_vm(command, &cli.output, ui),
        Command::Group(command) => command::vm::run_group(command, &cli.output, ui),
        Command::Point(command) => command::point::run(command, &cli.output, ui),
        Command::Job(command) => command::job::run(command, &cli.output, ui),
        Command::Fleet(command) => command::fleet::run(command, &cli.output, ui),
        Command::Identify(args) => command::identify::run(args, &cli.output, ui),
        Command::Doctor(args) => command::doctor::run(args, &cli.output, ui),
        Command::Cim(command) => command::cim::run(command, &cli.output, ui),
        Command::Config(command) => command::config::run(command, &cli.output, ui),
        Command::Trust(command) => command::trust::run(command, &cli.output, ui),
        Command::Lab(command) => command::lab::run(command, ui),
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn explain(help: &clap::Error) -> ExitCode {
    // Whoever closed the pipe has read enough of the help.
    let _ = help.print();
    if help.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}
