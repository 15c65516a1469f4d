//! Our own inventory, in TOML: `docs/inventory.md` says what it holds.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Error;
use super::graph::{ALL, Dialect, Graph, UNGROUPED};
use super::literal::whole;
use super::settings::{KEYS, Kind};
use super::value::{Place, Value};

/// Reads a text into the graph.
pub(super) fn read(text: &str, graph: &mut Graph, file: &Place) -> Result<(), Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let reader = Reader { text, file };
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or_else(|| file.clone(), |span| reader.place(span.start));
        Error::syntax(place, error.message().trim_end())
    })?;
    reader.document(table.get_ref(), graph)
}

struct Reader<'t> {
    text: &'t str,
    file: &'t Place,
}

type Entry<'t> = (&'t str, Place, &'t Spanned<DeValue<'t>>);

impl<'t> Reader<'t> {
    fn document(&self, table: &DeTable<'_>, graph: &mut Graph) -> Result<(), Error> {
        for (key, place, value) in self.entries(table) {
            match key {
                "defaults" => self.settings(self.table(value)?, &[], &mut |name, value, place| {
                    graph.set_of_group(ALL, &name, value, place)
                })?,
                "hosts" => self.hosts(value, UNGROUPED, graph)?,
                "group" => {
                    for (name, place, group) in self.entries(self.table(value)?) {
                        if name.is_empty() {
                            return Err(Error::syntax(place, "a group has a name"));
                        }
                        self.group(name, self.table(group)?, graph)?;
                    }
                }
                "host" => {
                    for (pattern, place, host) in self.entries(self.table(value)?) {
                        self.host(pattern, &place, self.table(host)?, graph)?;
                    }
                }
                _ => return Err(self.unknown(key, place, &["defaults", "group", "host", "hosts"])),
            }
        }
        Ok(())
    }

    fn group(&self, name: &str, table: &DeTable<'_>, graph: &mut Graph) -> Result<(), Error> {
        let at = graph.group(name);
        for (key, _, value) in self.entries(table) {
            match key {
                "hosts" => self.hosts(value, at, graph)?,
                "children" => {
                    for (child, place) in self.texts(value)? {
                        let child = graph.group(child);
                        graph.add_child(at, child, &place)?;
                    }
                }
                "priority" => {
                    let (value, place) = self.value(value);
                    graph.set_of_group(at, "ansible_group_priority", value, &place)?;
                }
                _ => {}
            }
        }
        self.settings(table, &["hosts", "children", "priority"], &mut |name, value, place| {
            graph.set_of_group(at, &name, value, place)
        })
    }

    fn host(
        &self,
        pattern: &str,
        place: &Place,
        table: &DeTable<'_>,
        graph: &mut Graph,
    ) -> Result<(), Error> {
        // What has a place already keeps it; `ungrouped` is left as soon as there is another.
        let mut groups = vec![UNGROUPED];
        if let Some((_, _, value)) = self.entries(table).into_iter().find(|(key, ..)| *key == "groups") {
            groups.extend(self.texts(value)?.into_iter().map(|(name, _)| graph.group(name)));
        }
        let pattern = with_colons(pattern);
        let mut names = Vec::new();
        for group in groups {
            names = graph.add_pattern(&pattern, group, Dialect::Own, place)?;
        }
        self.settings(table, &["groups"], &mut |name, value, place| {
            names.iter().for_each(|host| graph.set_of_host(host, &name, value.clone(), place));
            Ok(())
        })
    }

    fn hosts(&self, value: &Spanned<DeValue<'_>>, group: usize, graph: &mut Graph) -> Result<(), Error> {
        for (pattern, place) in self.texts(value)? {
            graph.add_pattern(&with_colons(pattern), group, Dialect::Own, &place)?;
        }
        Ok(())
    }

    /// Hands over each setting and each variable of a table, but for the keys that are something else.
    fn settings(
        &self,
        table: &DeTable<'_>,
        others: &[&'static str],
        set: &mut dyn FnMut(String, Value, &Place) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (key, place, value) in self.entries(table) {
            if others.contains(&key) {
                continue;
            }
            if key == "vars" {
                for (name, _, value) in self.entries(self.table(value)?) {
                    let (value, place) = self.value(value);
                    set(name.to_owned(), value, &place)?;
                }
                continue;
            }
            if key == "password" {
                return Err(Error::ClearPassword { place });
            }
            let Some(known) = KEYS.iter().find(|known| known.name == key) else {
                let known = KEYS.iter().map(|key| key.name).chain(["vars"]).chain(others.iter().copied());
                return Err(self.unknown(key, place, &known.collect::<Vec<_>>()));
            };
            let value = self.setting(known.kind, value)?;
            let (variable, value) = known.variable(value);
            set(variable, value, &place)?;
        }
        Ok(())
    }

    fn setting(&self, kind: Kind, spanned: &Spanned<DeValue<'_>>) -> Result<Value, Error> {
        let (value, place) = self.value(spanned);
        match (kind, value) {
            (Kind::Path, Value::Text(text)) => {
                let folder = self.file.file.parent().unwrap_or(Path::new(""));
                Ok(Value::Text(folder.join(text).to_string_lossy().into_owned()))
            }
            (Kind::Text, value @ Value::Text(_))
            | (Kind::Number, value @ Value::Int(_))
            | (Kind::Switch, value @ Value::Bool(_))
            | (Kind::Time, value @ (Value::Text(_) | Value::Int(_))) => Ok(value),
            // Our own texts are nobody's templates: a password command may well hold braces.
            (Kind::Text, Value::Template(text)) => Ok(Value::Text(text.expose().clone())),
            (kind, _) => Err(Error::syntax(place, format!("{} is expected", kind.name()))),
        }
    }

    /// The entries in the order in which they are written.
    fn entries<'a>(&self, table: &'a DeTable<'_>) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter();
        entries.map(|(key, value)| (key.get_ref().as_ref(), self.place(key.span().start), value)).collect()
    }

    fn table<'a>(&self, value: &'a Spanned<DeValue<'a>>) -> Result<&'a DeTable<'a>, Error> {
        let wrong = || Error::syntax(self.place(value.span().start), "a table is expected");
        value.get_ref().as_table().ok_or_else(wrong)
    }

    fn texts<'a>(&self, value: &'a Spanned<DeValue<'a>>) -> Result<Vec<(&'a str, Place)>, Error> {
        let wrong = |at: usize| Error::syntax(self.place(at), "a list of texts is expected");
        let items = value.get_ref().as_array().ok_or_else(|| wrong(value.span().start))?;
        let mut texts = Vec::new();
        for item in items.iter() {
            let text = item.get_ref().as_str().ok_or_else(|| wrong(item.span().start))?;
            texts.push((text, self.place(item.span().start)));
        }
        Ok(texts)
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> (Value, Place) {
        (plain(value.get_ref()), self.place(value.span().start))
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.file.at(line, Some(column))
    }

    fn unknown(&self, key: &str, place: Place, known: &[&'static str]) -> Error {
        Error::UnknownKey { place, key: key.to_owned(), known: known.to_vec() }
    }
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::of_text(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => whole(number.as_str().trim_start_matches('+')),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Text(number.as_str().to_owned()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::Text(number.as_str().to_owned()),
        },
        DeValue::Boolean(is) => Value::Bool(*is),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| plain(item.get_ref())).collect()),
        DeValue::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| key.span().start);
            let entries = entries.into_iter();
            Value::Map(
                entries.map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref()))).collect(),
            )
        }
    }
}

/// Returns the pattern with its ranges as Ansible writes them: `hv[01-40]` as `hv[01:40]`.
fn with_colons(pattern: &str) -> String {
    let mut parts = pattern.split('[');
    let mut spelled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        spelled.push('[');
        let (inside, after) = part.split_at(part.find(']').unwrap_or(0));
        match inside.split_once('-') {
            Some((begin, end)) if !inside.is_empty() => spelled.push_str(&format!("{begin}:{end}")),
            _ => spelled.push_str(inside),
        }
        spelled.push_str(after);
    }
    spelled
}

/// The file that a list of hosts counts as.
pub(super) fn command_line() -> Place {
    Place::of_file(&Arc::from(Path::new("-i")))
}
