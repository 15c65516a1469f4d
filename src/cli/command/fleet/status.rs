//! `refpoint fleet status`: how a run stands, in a few lines.

use super::report::WhichArgs;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::fleet::status;
use crate::cli::report::{json, yaml};
use crate::cli::ui::Ui;

/// Show how a run stands, in a few lines: how far it is, what is not well, what to do next
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint fleet status\n  refpoint fleet status nightly")]
pub(crate) struct Args {
    #[command(flatten)]
    which: WhichArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let report = args.which.read()?;
    let value = || status::value(&report);
    let text = match output.output.unwrap_or(Format::Table) {
        Format::Table => status::text(&report, ui.width()),
        Format::Json if ui.is_terminal() => json::pretty(&value()) + "\n",
        Format::Json | Format::Jsonl => json::compact(&value()) + "\n",
        Format::Yaml => yaml::document(&value()),
        Format::Name => format!("{}\n", crate::cli::report::text::harmless(&report.run)),
    };
    ui.print(&text)?;
    Ok(Exit::Done)
}
