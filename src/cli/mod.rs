//! The program: arguments to library calls, and what comes back to lines, JSON and an exit code.
//!
//! It knows the library by its public names alone. `args`, `config`, `connection`, `secret`, `object` and `argument` turn
//! words into values; `command` holds one file a command; `report` shows what came back; `metrics` and `notify`
//! tell others of a run; `ui` alone writes to the terminal, or to the `journal`; `error`, `diagnosis` and `exit`
//! say how it ended.

mod args;
mod argument;
mod command;
mod complete;
mod config;
mod connection;
mod crash;
mod diagnosis;
mod dump;
mod duration;
mod error;
mod exit;
mod explain;
mod folders;
mod journal;
mod known;
mod ledger;
mod logging;
mod man;
mod message;
mod metrics;
mod notify;
mod object;
mod pager;
mod place;
mod private;
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
mod usage;
mod words;

use std::io::Write;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use self::args::{Cli, Command};
use self::error::Error;
use self::exit::Exit;
use self::ui::Ui;

/// Runs the program on the arguments of the process.
pub(crate) fn main() -> ExitCode {
    if let Some(answered) = complete::answer() {
        return answered;
    }
    let (mut cli, matches) = match parse() {
        Ok(parsed) => parsed,
        Err(help) => return tell(&help),
    };
    let configured = config::begin(&mut cli, &matches);
    logging::begin(&cli.output);
    let mut ui = Ui::new(&cli.output).paged_for(&words(&matches), &cli.output);
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
    let flushed = ui.finish();
    // A reader that has gone does not want to know; how it ended is true all the same.
    let flushed = flushed.or_else(|error| if error.is_closed_pipe() { Ok(()) } else { Err(error) });
    match done.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => {
            // What has failed in a run stands in lines of its own.
            let is_run = matches!(cli.command, Command::Fleet(_));
            if is_run && !matches!(exit, Exit::Done | Exit::Warnings) {
                ui.point(exit);
            }
            exit.into()
        }
        Err(error) => {
            if !error.is_closed_pipe() {
                ui.fail(&error);
            }
            error.kind.into()
        }
    }
}

/// Reads the arguments of the process.
fn parse() -> Result<(Cli, ArgMatches), clap::Error> {
    let command = || Cli::command().color(usage::colour(std::env::args_os()));
    let matches = command().try_get_matches().map_err(|error| match error.kind() {
        // Its lines of usage are not wrapped, which is worth the time only where somebody reads them.
        ErrorKind::DisplayHelp => {
            usage::wrapped(command()).try_get_matches().map_or_else(|help| help, |_| error)
        }
        _ => without_logins(error),
    })?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut Cli::command()))?;
    Ok((cli, matches))
}

/// Returns the words of the command.
fn words(matches: &ArgMatches) -> Vec<&str> {
    std::iter::successors(matches.subcommand(), |(_, below)| below.subcommand())
        .map(|(word, _)| word)
        .collect()
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
        Command::Completions(args) => command::completions::run(args, ui),
        Command::Man(args) => command::man::run(args, ui),
        Command::Explain(args) => command::explain::run(args, &cli.output, ui),
    }
}

/// Takes logins out of the addresses that clap repeats.
fn without_logins(mut error: clap::Error) -> clap::Error {
    let repeated: Vec<(ContextKind, ContextValue)> =
        error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in repeated {
        let masked = match value {
            ContextValue::String(text) => ContextValue::String(place::without_login(&text)),
            ContextValue::Strings(texts) => {
                ContextValue::Strings(texts.iter().map(|text| place::without_login(text)).collect())
            }
            _ => continue,
        };
        error.insert(kind, masked);
    }
    error
}

/// Prints help, the version, or what is wrong with the arguments.
fn tell(help: &clap::Error) -> ExitCode {
    // Whoever closed the pipe has read enough of the help.
    let _ = help.print();
    if help.use_stderr() && help.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let more = explain::of_kind(Exit::Usage);
        let _ = writeln!(std::io::stderr(), "more: refpoint explain {more}");
    }
    if help.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}
