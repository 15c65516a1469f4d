//! `refpoint explain`: what a code means, without asking any host.

use serde_json::Value as Json;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::explain::{self, Family, Reading};
use crate::cli::report::list::List;
use crate::cli::report::schema::{bold, entries, wrapped};
use crate::cli::report::{json, yaml};
use crate::cli::suggest;
use crate::cli::ui::Ui;

/// Explain a code: what it means, what leads to it, what to do, and whether refpoint tries again
///
/// CODE is a number (decimal, signed, hexadecimal), a symbol, a name, a fault's subcode or URI, an exit code or an
/// outcome. A number that means several things has all of them shown; a method or a family before it says which:
/// ExportReferencePoint:32775, job:10, exit:12. No host is asked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  refpoint explain ExportReferencePoint:32775\n  refpoint explain 0x80338029\n  \
                        refpoint explain -- -2147024891\n  refpoint explain WBEM_E_ACCESS_DENIED -o json\n  \
                        refpoint explain exit 12\n  refpoint explain --list job-state"
)]
pub(crate) struct Args {
    /// What to explain; several words are one question
    #[arg(value_name = "CODE", required_unless_present = "list", allow_negative_numbers = true)]
    code: Vec<String>,
    /// List every code there is, or those of a family: exit, outcome, return-value, job-state, wsman, wbem,
    /// cim-status, win32, kerberos, fault-subcode, fault-detail
    #[arg(long, value_name = "FAMILY", num_args = 0..=1, default_missing_value = "", conflicts_with = "code")]
    list: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    match &args.list {
        Some(family) => list(family, format, ui),
        None => explain(&args.code.join(" "), format, ui),
    }
}

fn explain(text: &str, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let found = explain::readings(text);
    if found.is_empty() {
        return Err(unknown(text));
    }
    let values = || found.iter().map(Reading::to_json);
    let text = match format {
        Format::Table => page(text, &found, ui.width()),
        Format::Json if ui.is_terminal() => json::pretty(&values().collect::<Json>()) + "\n",
        Format::Json => json::compact(&values().collect::<Json>()) + "\n",
        Format::Jsonl => values().map(|value| json::compact(&value) + "\n").collect(),
        Format::Yaml => yaml::document(&values().collect::<Json>()),
        Format::Name => found.iter().map(|reading| reading.pointer() + "\n").collect(),
    };
    ui.print(&text)?;
    Ok(Exit::Done)
}

fn unknown(text: &str) -> Error {
    let error = Error::new(Exit::NotFound, format!("{text:?} is not documented in any table"));
    let near = explain::near(text);
    let error = match &near[..] {
        [] => error,
        [one] if !one.contains(' ') => error.hint(format!("did you mean {one}?")),
        several => error.hint(format!("near it there are {}", several.join(", "))),
    };
    error.hint("refpoint explain --list shows every code there is")
}

fn list(family: &str, format: Format, ui: &mut Ui) -> Result<Exit, Error> {
    let families = if family.is_empty() { Family::all() } else { Family::named(family) };
    if families.is_empty() {
        let names: Vec<&str> = Family::all().iter().map(|family| family.name()).collect();
        let error = Error::usage(format!("there is no family of codes {family:?}"));
        let error = match suggest::nearest(family, names.iter().copied()) {
            Some(name) => error.hint(format!("did you mean {name}?")),
            None => error,
        };
        return Err(error.hint(format!("there are {}", names.join(", "))));
    }
    let mut list = List::new(&["Code", "Name", "Symbol", "Family", "Meaning"]);
    for reading in explain::vocabulary().iter().filter(|reading| families.contains(&reading.family)) {
        let number = reading.shown_number().unwrap_or_default();
        let row = [&*number, reading.name, reading.symbol, reading.family.name(), reading.meaning];
        list.push(&reading.pointer(), row, reading.to_json());
    }
    list.show(format, "there are no codes", ui)
}

/// Returns the readings as text for people.
fn page(asked: &str, readings: &[Reading], width: Option<usize>) -> String {
    let mut page = String::new();
    if readings.len() > 1 {
        let ways = format!(
            "{asked} may be read in {} ways; a method or a family before it says which.",
            readings.len()
        );
        page.push_str(&wrapped(&ways, 0, width));
        page.push('\n');
    }
    for (place, reading) in readings.iter().enumerate() {
        if place > 0 {
            page.push('\n');
        }
        page.push_str(&one(reading, width));
    }
    page
}

fn one(reading: &Reading, width: Option<usize>) -> String {
    let heading = match reading.shown_number() {
        Some(number) => format!("{number}  {}", reading.name),
        None => reading.name.to_owned(),
    };
    let mut rows = vec![("What", vec![reading.family.title().to_owned()])];
    if !reading.methods.is_empty() {
        rows.push(("Method", reading.methods.clone()));
    }
    if !reading.symbol.is_empty() {
        rows.push(("Symbol", vec![reading.symbol.to_owned()]));
    }
    if let Some(synonym) = reading.synonym {
        rows.push(("Same as", vec![format!("{} (0x{:08X})", synonym.symbol, synonym.number)]));
    }
    rows.push(("Meaning", vec![reading.meaning.to_owned()]));
    rows.push(("Cause", vec![or_unsaid(reading.cause)]));
    rows.push(("Fix", vec![or_unsaid(reading.fix)]));
    rows.push(("Retried", vec![reading.retry().to_owned()]));
    let rows: Vec<_> = rows.into_iter().map(|(name, lines)| (name.to_owned(), lines)).collect();
    bold(&heading) + &entries(&rows, 2, width)
}

/// What no reference says is not made up.
fn or_unsaid(text: &str) -> String {
    if text.is_empty() { "not documented".to_owned() } else { text.to_owned() }
}
