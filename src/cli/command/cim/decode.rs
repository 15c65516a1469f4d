//! `refpoint cim decode`: what this program reads in saved messages.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::message::{self, Saved};
use crate::cli::report::{json, yaml};
use crate::cli::ui::Ui;

/// Show what this program reads in saved SOAP messages: instances, fault, result, as one JSON object a file
///
/// Replies and requests, as XML in UTF-8 or UTF-16, or as whole HTTP messages. No host is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint cim decode response.xml\n  \
                        refpoint cim decode -o jsonl dump/*.xml | jq .fault.wsman_code\n  \
                        curl … | refpoint cim decode -")]
pub(crate) struct Args {
    /// The files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the command. A file that cannot be read does not keep the others from being shown.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Json);
    if matches!(format, Format::Table | Format::Name) {
        return Err(Error::usage("a message is shown as json, jsonl or yaml"));
    }
    let mut failed = Vec::new();
    for (index, file) in args.files.iter().enumerate() {
        match decode(file) {
            Ok(decoded) => ui.print(&shown(&decoded, format, index > 0, ui.is_terminal()))?,
            Err(error) => failed.push(error),
        }
    }
    let Some(last) = failed.pop() else { return Ok(Exit::Done) };
    failed.iter().for_each(|error| ui.fail(error));
    Err(last)
}

fn shown(decoded: &Json, format: Format, is_next: bool, for_a_person: bool) -> String {
    match format {
        Format::Yaml if is_next => format!("---\n{}", yaml::document(decoded)),
        Format::Yaml => yaml::document(decoded),
        Format::Json if for_a_person => json::pretty(decoded) + "\n",
        _ => json::compact(decoded) + "\n",
    }
}

fn decode(file: &Path) -> Result<Json, Error> {
    let shown = file.display();
    let damaged = || Error::new(Exit::LocalFiles, format!("cannot read the message in {shown}"));
    let bytes = read(file)
        .map_err(|error| Error::new(Exit::LocalFiles, format!("cannot read {shown}")).because(error))?;
    let saved = Saved::new(&bytes).map_err(|problem| match problem {
        message::Problem::Sealed => {
            damaged().because(problem).hint("save the message before it is sealed, or let --dump write it")
        }
        problem => damaged().because(problem),
    })?;
    saved.describe(&file.to_string_lossy()).map_err(|error| damaged().because(error))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(file)?),
    };
    source.take(LARGEST).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        LARGEST.. => Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than any message")),
        _ => Ok(bytes),
    }
}

/// More than a message may have, in either encoding.
const LARGEST: u64 = 129 << 20;
