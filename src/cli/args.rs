//! Arguments that all commands have, and the list of commands.

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::command::{cim, demo, export, fleet, identify, job, lab, point, vm};
use super::exit;

/// Exports Hyper-V reference points from remote hosts and tells the truth about how it ended
#[derive(Debug, Parser)]
#[command(
    name = "refpoint",
    version,
    arg_required_else_help = true,
    infer_long_args = false,
    disable_help_subcommand = true,
    max_term_width = 120,
    after_help = format!(
        "Examples:\n  refpoint cim describe Msvm_VirtualSystemReferencePoint\n  \
         refpoint cim decode saved-response.xml\n\n{}",
        exit::HELP
    )
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Export(Box<export::Args>),
    Identify(Box<identify::Args>),
    #[command(subcommand)]
    Vm(Box<vm::VmCommand>),
    #[command(subcommand)]
    Group(Box<vm::GroupCommand>),
    #[command(subcommand)]
    Point(Box<point::Command>),
    #[command(subcommand)]
    Job(Box<job::Command>),
    #[command(subcommand)]
    Fleet(Box<fleet::Command>),
    #[command(subcommand)]
    Cim(Box<cim::Command>),
    #[command(subcommand)]
    Lab(lab::Command),
}

/// How things are shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print data as a table for people, JSON, one JSON object a line, YAML, or object paths alone
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Say more about what happens, on standard error: -v, -vv, -vvv (RUST_LOG chooses in detail)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing on standard error but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Use colours: auto obeys NO_COLOR and keeps them out of pipes
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// A form in which data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Jsonl,
    Yaml,
    Name,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}
