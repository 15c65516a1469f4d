//! Instances as they arrive, in any format: nothing waits for the last one.

use refpoint::cim::{Catalog, Instance, Name, ObjectPath, Value};

use super::table::Table;
use super::{cell, columns, json, value, yaml};
use crate::cli::args::Format;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Prints instances one by one.
///
/// Where the host fails half-way, the JSON array and the YAML sequence stay open: what is only a part must not
/// look whole to whoever forgets the exit code.
pub(crate) struct Records<'u> {
    ui: &'u mut Ui,
    format: Format,
    selected: Option<Vec<String>>,
    printed: usize,
    /// Instances that wait until it is known how wide the columns have to be.
    sample: Vec<Instance>,
    table: Option<(Table, Vec<Name>)>,
}

impl<'u> Records<'u> {
    /// Returns a printer; `selected` are the properties that a query names.
    pub(crate) fn new(ui: &'u mut Ui, format: Format, selected: Option<Vec<String>>) -> Self {
        Self { ui, format, selected, printed: 0, sample: Vec::new(), table: None }
    }

    /// Returns a printer that goes on where another one has stopped, where one has.
    pub(crate) fn going_on(ui: &'u mut Ui, format: Format, has_begun: bool) -> Self {
        Self { printed: usize::from(has_begun), ..Self::new(ui, format, None) }
    }

    /// Prints an instance, or keeps it for the moment.
    pub(crate) fn push(&mut self, instance: Instance) -> Result<(), Error> {
        match self.format {
            Format::Table if self.table.is_none() => {
                self.sample.push(instance);
                if self.sample.len() < SAMPLE { Ok(()) } else { self.begin_table() }
            }
            Format::Table => self.row(&instance),
            Format::Json => {
                let open = if self.printed == 0 { "[" } else { ",\n" };
                self.print(&format!("{open}{}", json::compact(&value::instance(&instance))))
            }
            Format::Jsonl => self.print(&(json::compact(&value::instance(&instance)) + "\n")),
            Format::Yaml => self.print(&yaml::item(&value::instance(&instance))),
            Format::Name => self.name(&path_of(&instance)?),
        }
    }

    /// Prints the path of an object.
    pub(crate) fn name(&mut self, path: &ObjectPath) -> Result<(), Error> {
        let line = path.to_string();
        self.print(&format!("{}\n", super::text::harmless(&line)))
    }

    /// Brings what there is to its reader: the next one may take a while.
    pub(crate) fn catch_up(&mut self) -> Result<(), Error> {
        if !self.sample.is_empty() {
            self.begin_table()?;
        }
        self.ui.flush()
    }

    /// Prints the end.
    pub(crate) fn finish(mut self) -> Result<usize, Error> {
        self.catch_up()?;
        match (self.format, self.printed) {
            (Format::Json | Format::Yaml, 0) => self.ui.print("[]\n")?,
            (Format::Json, _) => self.ui.print("]\n")?,
            _ => {}
        }
        Ok(self.printed)
    }

    fn print(&mut self, text: &str) -> Result<(), Error> {
        self.printed += 1;
        self.ui.print(text)
    }

    fn begin_table(&mut self) -> Result<(), Error> {
        let sample = std::mem::take(&mut self.sample);
        let names = columns::choose(&sample, self.selected.as_deref(), self.ui.width());
        let mut headings: Vec<String> = names.iter().map(ToString::to_string).collect();
        let is_mixed = sample.windows(2).any(|pair| pair[0].class != pair[1].class);
        if is_mixed {
            headings.insert(0, CLASS.to_owned());
        }
        let names: Vec<Name> = headings.iter().map(|name| name.as_str().into()).collect();
        let rows: Vec<_> = sample.iter().map(|instance| cells(instance, &names)).collect();
        let table = Table::new(&headings, &rows, self.ui.width());
        let heading = table.heading(self.ui.width());
        self.ui.print(&heading)?;
        self.table = Some((table, names));
        sample.iter().try_for_each(|instance| self.row(instance))
    }

    fn row(&mut self, instance: &Instance) -> Result<(), Error> {
        let Some((table, names)) = &self.table else { return Ok(()) };
        let line = table.row(&cells(instance, names), self.ui.width());
        self.print(&line)
    }
}

fn cells(instance: &Instance, names: &[Name]) -> Vec<String> {
    let cell = |name: &Name| match name.as_str() {
        CLASS => instance.class.to_string(),
        name => cell::property(instance, name),
    };
    names.iter().map(cell).collect()
}

/// Returns the path of an instance, by the keys that the bundled schema has for its class.
pub(crate) fn path_of(instance: &Instance) -> Result<ObjectPath, Error> {
    let unknown = |what: &str| {
        Error::new(Exit::Failed, format!("{what} of {} to name it by", instance.class))
            .hint("use -o json, which shows everything that is known of it")
    };
    let catalog = Catalog::bundled();
    let mut keys = catalog.keys(&instance.class).peekable();
    if keys.peek().is_none() {
        return Err(unknown("the bundled schema knows no keys"));
    }
    let namespace = instance.namespace.clone().unwrap_or_else(|| "".into());
    let mut path = ObjectPath::new(namespace, instance.class.clone());
    for key in keys {
        path = match instance.value(&key.name) {
            Some(Value::One(refpoint::cim::Scalar::Reference(of))) => {
                path.with_key(key.name.clone(), (**of).clone())
            }
            Some(Value::One(one)) => {
                path.with_key(key.name.clone(), one.to_text().unwrap_or_default().into_owned())
            }
            _ => return Err(unknown(&format!("there is no {}", key.name))),
        };
    }
    Ok(path)
}

/// The heading over the classes of instances that are of several.
const CLASS: &str = "Class";
/// So many instances tell how wide the columns have to be.
const SAMPLE: usize = 200;
