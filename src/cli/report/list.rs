//! A short list: a table for people, one object each for programs.

use serde_json::Value as Json;

use super::table::Table;
use super::{json, yaml};
use crate::cli::args::Format;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;

/// Things of one kind, few enough to be held in memory.
pub(crate) struct List<'h> {
    headings: &'h [&'h str],
    rows: Vec<Vec<String>>,
    names: Vec<String>,
    values: Vec<Json>,
}

impl<'h> List<'h> {
    pub(crate) fn new(headings: &'h [&'h str]) -> Self {
        Self { headings, rows: Vec::new(), names: Vec::new(), values: Vec::new() }
    }

    /// Adds one: what names it, its row, and all of it.
    pub(crate) fn push<const N: usize>(&mut self, name: &str, row: [&str; N], value: Json) {
        self.names.push(name.to_owned());
        self.rows.push(row.iter().map(|cell| (*cell).to_owned()).collect());
        self.values.push(value);
    }

    /// Shows them; of a table without rows a person is told.
    pub(crate) fn show(self, format: Format, nothing: &str, ui: &mut Ui) -> Result<Exit, Error> {
        match format {
            Format::Table if self.rows.is_empty() => ui.note(nothing),
            Format::Table => {
                let width = ui.width();
                let table = Table::new(self.headings, &self.rows, width);
                ui.print(&table.heading(width))?;
                self.rows.iter().try_for_each(|row| ui.print(&table.row(row, width)))?;
            }
            Format::Json => {
                let all = Json::Array(self.values);
                let text = if ui.is_terminal() { json::pretty(&all) } else { json::compact(&all) };
                ui.print(&(text + "\n"))?;
            }
            Format::Jsonl => {
                self.values.iter().try_for_each(|value| ui.print(&(json::compact(value) + "\n")))?
            }
            Format::Yaml => ui.print(&yaml::document(&Json::Array(self.values)))?,
            Format::Name => {
                self.names
                    .iter()
                    .try_for_each(|name| ui.print(&format!("{}\n", super::text::harmless(name))))?;
            }
        }
        Ok(Exit::Done)
    }
}
