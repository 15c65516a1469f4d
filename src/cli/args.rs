//! Arguments that all commands have, and the list of commands.

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::command::{
    backup, cim, config, demo, doctor, export, fleet, identify, job, lab, point, trust, vm,
};
use super::config::ProfileArgs;
use super::error::Error;
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
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Export(Box<export::Args>),
    Backup(Box<backup::Args>),
    Identify(Box<identify::Args>),
    Doctor(Box<doctor::Args>),
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
    Config(config::Command),
    #[command(subcommand)]
    Trust(trust::Command),
    #[command(subcommand)]
    Lab(lab::Command),
}

/// How things are shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print data as a table for people, JSON, one JSON object a line, YAML, or names alone; what became of a
    /// run also as JUnit's XML or as a page for a browser
    #[arg(short = 'o', long = "output", global = true, value_name = "FORMAT")]
    pub(crate) form: Option<Form>,
    /// The same, where it is one that every command knows; see [`settle`](Self::settle).
    #[arg(skip)]
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

impl OutputArgs {
    /// Takes the form that was asked for, where it is one that every command knows. The others are for what
    /// became of a run alone.
    pub(crate) fn settle(&mut self, is_of_run: bool) -> Result<(), Error> {
        self.output = match self.form {
            None => None,
            Some(Form::Table) => Some(Format::Table),
            Some(Form::Json) => Some(Format::Json),
            Some(Form::Jsonl) => Some(Format::Jsonl),
            Some(Form::Yaml) => Some(Format::Yaml),
            Some(Form::Name) => Some(Format::Name),
            Some(Form::Junit | Form::Html) if is_of_run => None,
            Some(Form::Junit | Form::Html) => {
                return Err(Error::usage("junit and html are forms of fleet report alone")
                    .hint("table, json, jsonl, yaml and name are there for every command"));
            }
        };
        Ok(())
    }
}

/// What `--output` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Table,
    Json,
    Jsonl,
    Yaml,
    Name,
    Junit,
    Html,
}

/// A form in which data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
