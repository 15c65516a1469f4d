//! What is going to be sent, in words, and what is known of it when nobody waits any more.

use std::cell::Cell;
use std::io::{self, BufRead};

use refpoint::cim::{Instance, Name, ObjectPath, Property, Value};
use serde_json::{Map, Value as Json, json};

use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::text::harmless;
use crate::cli::report::{cell, json, table, value, yaml};
use crate::cli::resource::name_of;
use crate::cli::ui::Ui;

/// A request that changes something.
pub(super) struct Intent<'i> {
    /// `Put`, `Create`, `Delete`, `Invoke`.
    pub(super) operation: &'static str,
    /// The host as it was typed.
    pub(super) host: &'i str,
    pub(super) path: &'i ObjectPath,
    pub(super) body: Body<'i>,
    /// The whole message.
    pub(super) envelope: &'i str,
}

/// What the body of a request says.
#[derive(Clone, Copy)]
pub(super) enum Body<'i> {
    Nothing,
    Instance(&'i Instance),
    /// A method, and what it is called with.
    Call(&'i str, &'i [(Name, Value)]),
}

impl Intent<'_> {
    /// Shows what would be sent; nothing is.
    pub(super) fn show(&self, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
        let format = output.output.unwrap_or(Format::Table);
        let text = match format {
            Format::Table => format!("{}\n{}\n", table::pairs(&self.lines(), 0), self.message(ui)),
            _ => print_of(&self.json(), format, &name_of(self.path), ui),
        };
        ui.print(&text)?;
        ui.note("nothing was sent: this is a dry run");
        Ok(Exit::Done)
    }

    /// Returns the message: as it is for a program, harmless for whoever looks at it.
    fn message(&self, ui: &Ui) -> String {
        match ui.is_terminal() {
            true => harmless(self.envelope).into_owned(),
            false => self.envelope.to_owned(),
        }
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
        let shown = |value: &Value| match value {
            Value::Null => "null".to_owned(),
            value => cell::value(value, None),
        };
        match self.body {
            Body::Nothing => {}
            Body::Instance(instance) => {
                let line = |held: &Property| (format!("Body {}", held.name), shown(&held.value));
                lines.extend(instance.properties().iter().map(line));
            }
            Body::Call(method, arguments) => {
                lines.push(("Method".to_owned(), method.to_owned()));
                let line = |(name, value): &(Name, Value)| (format!("Argument {name}"), shown(value));
                lines.extend(arguments.iter().map(line));
            }
        }
        lines
    }

    fn json(&self) -> Json {
        let selectors = self.path.selectors().map(|(name, key)| (name.into_owned(), key.text().into()));
        let mut json = json!({
            "sent": false,
            "operation": self.operation,
            "resource_uri": self.path.resource_uri(),
            "selectors": selectors.collect::<Map<_, _>>(),
        });
        match self.body {
            Body::Nothing => json["body"] = Json::Null,
            Body::Instance(instance) => json["body"] = value::instance(instance),
            Body::Call(method, arguments) => {
                let argument = |(name, given): &(Name, Value)| (name.to_string(), value::value(given));
                json["method"] = method.into();
                json["arguments"] = Json::Object(arguments.iter().map(argument).collect());
            }
        }
        json["envelope"] = self.envelope.into();
        json
    }
}

/// Returns a value in one of the formats that are not for people.
pub(super) fn print_of(value: &Json, format: Format, name: &str, ui: &Ui) -> String {
    match format {
        Format::Json if ui.is_terminal() => json::pretty(value) + "\n",
        Format::Yaml => yaml::document(value),
        Format::Name => format!("{}\n", harmless(name)),
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
