//! What is going to be sent, in words, and what is known of it when nobody waits any more.

use std::cell::Cell;
use std::io::{self, BufRead};

use refpoint::cim::{Instance, ObjectPath};
use serde_json::{Map, Value as Json, json};

use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::{cell, json, table, value, yaml};
use crate::cli::ui::Ui;

/// A request that changes something.
pub(super) struct Intent<'i> {
    /// `Put`, `Create`, `Delete`.
    pub(super) operation: &'static str,
    /// The host as it was typed.
    pub(super) host: &'i str,
    pub(super) path: &'i ObjectPath,
    /// What the body says.
    pub(super) body: Option<&'i Instance>,
}

impl Intent<'_> {
    /// Shows what would be sent; nothing is.
    pub(super) fn show(&self, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
        let format = output.output.unwrap_or(Format::Table);
        let text = match format {
            Format::Table => table::pairs(&self.lines(), 0),
            _ => print_of(&self.json(), format, &self.path.to_string(), ui),
        };
        ui.print(&text)?;
        ui.note("nothing was sent: this is a dry run");
        Ok(Exit::Done)
    }

    fn lines(&self) -> Vec<(String, String)> {
        let mut lines = vec![
            ("Operation".to_owned(), self.operation.to_owned()),
            ("Host".to_owned(), self.host.to_owned()),
            ("Resource".to_owned(), self.path.resource_uri().into_owned()),
        ];
        for (name, key) in self.path.selectors() {
            lines.push((format!("Selector {name}"), key.text().into_owned()));
        }
        for property in self.body.into_iter().flat_map(Instance::properties) {
            let held = match property.value.is_null() {
                true => "null".to_owned(),
                false => cell::value(&property.value, None),
            };
            lines.push((format!("Body {}", property.name), held));
        }
        lines
    }

    fn json(&self) -> Json {
        let selectors = self.path.selectors().map(|(name, key)| (name.into_owned(), key.text().into()));
        json!({
            "sent": false,
            "operation": self.operation,
            "resource_uri": self.path.resource_uri(),
            "selectors": selectors.collect::<Map<_, _>>(),
            "body": self.body.map(value::instance),
        })
    }
}

/// Returns a value in one of the formats that are not for people.
pub(super) fn print_of(value: &Json, format: Format, name: &str, ui: &Ui) -> String {
    match format {
        Format::Json if ui.is_terminal() => json::pretty(value) + "\n",
        Format::Yaml => yaml::document(value),
        Format::Name => format!("{}\n", crate::cli::report::text::harmless(name)),
        _ => json::compact(value) + "\n",
    }
}

/// Whether a request that must not be sent twice is on its way.
#[derive(Default)]
pub(super) struct Sent(Cell<bool>);

impl Sent {
    /// From now on nobody knows what becomes of it.
    pub(super) fn begin(&self) {
        self.0.set(true);
    }

    /// Now it is known.
    pub(super) fn end(&self) {
        self.0.set(false);
    }

    /// Says what may have happened where somebody has stopped waiting.
    pub(super) fn explain(&self, done: Result<Exit, Error>, what: &str) -> Result<Exit, Error> {
        done.map_err(|error| match error.kind {
            Exit::Interrupted | Exit::Terminated if self.0.get() => {
                error.hint(format!("{what} may have been carried out: look there before you ask again"))
            }
            _ => error,
        })
    }
}

/// Asks whoever sits there; where nobody does, only `--yes` is a yes.
pub(super) fn confirm(question: &str, ui: &mut Ui) -> Result<(), Error> {
    if !ui.can_ask() {
        return Err(Error::usage("nobody is there to be asked").hint("--yes says yes"));
    }
    ui.ask(&format!("{question} [y/N] "));
    let mut answer = String::new();
    // Whoever closes his terminal has not said yes.
    _ = io::stdin().lock().read_line(&mut answer);
    match matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        true => Ok(()),
        false => Err(Error::new(Exit::Failed, "nothing was done")),
    }
}
