//! A document in YAML or JSON: values with the lines where they stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::Error;
use super::value::{Place, Value};
use super::yaml;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    /// From 1; 0 where nobody knows.
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Leaf(Value),
    List(Vec<Node>),
    /// In their order, each key once.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Reads a file: JSON if it is JSON, else YAML, as Ansible does. `None` where there is nothing in it.
    pub(super) fn read(text: &str, place: &Place) -> Result<Option<Self>, Error> {
        let first = text.trim_start();
        if first.starts_with(['{', '['])
            && let Ok(node) = Self::of_json(text)
        {
            return Ok(Some(node));
        }
        yaml::read(text, place)
    }

    /// Reads JSON, which tells no lines.
    pub(super) fn of_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(super) fn place(&self, file: &Place) -> Place {
        match self.line {
            0 => file.clone(),
            line => file.at(line, Some(self.column)),
        }
    }

    /// Returns the entries, if it is a mapping.
    pub(super) fn entries(&self) -> Option<&[(Self, Self)]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the value of a key, if it is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.content, Content::Leaf(Value::Null))
    }

    /// Returns whether Python takes it for nothing: null, no, zero, an empty text, list or mapping.
    pub(super) fn is_falsy(&self) -> bool {
        match &self.content {
            Content::Leaf(Value::Null | Value::Bool(false) | Value::Int(0)) => true,
            Content::Leaf(Value::Float(number)) => *number == 0.0,
            Content::Leaf(Value::Text(text)) => text.is_empty(),
            Content::Leaf(_) => false,
            Content::List(items) => items.is_empty(),
            Content::Map(entries) => entries.is_empty(),
        }
    }

    /// Returns the text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Leaf(Value::Text(text)) => Some(text),
            Content::Leaf(Value::Template(text)) => Some(text.expose()),
            _ => None,
        }
    }

    /// Returns the key of an entry as a name of a variable.
    pub(super) fn key(&self) -> Option<String> {
        match &self.content {
            Content::Leaf(Value::Bool(is)) => Some(if *is { "true" } else { "false" }.to_owned()),
            Content::Leaf(Value::Null) => Some("null".to_owned()),
            Content::Leaf(Value::Template(text)) => Some(text.expose().clone()),
            Content::Leaf(value) => value.to_text(),
            _ => None,
        }
    }

    /// Returns the value that it is under a name.
    pub(super) fn value(self, name: &str) -> Value {
        self.plain().named(name)
    }

    fn plain(self) -> Value {
        match self.content {
            Content::Leaf(value) => value,
            Content::List(items) => Value::List(items.into_iter().map(Self::plain).collect()),
            Content::Map(entries) => {
                let mut entries: Vec<_> = entries
                    .into_iter()
                    .filter_map(|(key, value)| Some((key.key()?, value.plain())))
                    .collect();
                match entries.as_mut_slice() {
                    // How Ansible writes into JSON what it does not evaluate, and what it does not open.
                    [(key, Value::Text(text))] if key == "__ansible_unsafe" => {
                        Value::Text(std::mem::take(text))
                    }
                    [(key, Value::Template(text))] if key == "__ansible_unsafe" => {
                        Value::Text(text.expose().clone())
                    }
                    [(key, _)] if key == "__ansible_vault" => Value::Vault,
                    _ => Value::Map(entries),
                }
            }
        }
    }

    /// Returns what kind of thing it is, for whoever expected another.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Leaf(Value::Null) => "nothing",
            Content::Leaf(Value::Bool(_)) => "a yes or no",
            Content::Leaf(Value::Int(_) | Value::Big(_) | Value::Float(_)) => "a number",
            Content::Leaf(Value::Vault) => "a vault",
            Content::Leaf(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Json).map(|content| Self { content, line: 0, column: 0 })
    }
}

/// Takes JSON as it comes, so that hosts keep their order.
struct Json;

impl<'de> Visitor<'de> for Json {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Leaf(Value::Null))
    }

    fn visit_bool<E>(self, is: bool) -> Result<Content, E> {
        Ok(Content::Leaf(Value::Bool(is)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Leaf(Value::Int(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        let big = |_| Value::Big(number.to_string());
        Ok(Content::Leaf(i64::try_from(number).map_or_else(big, Value::Int)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Leaf(Value::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Leaf(Value::of_text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Content, A::Error> {
        let mut entries = Entries::default();
        while let Some((key, value)) = from.next_entry::<String, Node>()? {
            let key = Node { content: Content::Leaf(Value::Text(key)), line: 0, column: 0 };
            entries.push(key, value).map_err(A::Error::custom)?;
        }
        Ok(Content::Map(entries.all))
    }
}

/// Entries of a mapping: of a key that comes twice, the last value counts, in the place of the first.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) all: Vec<(Node, Node)>,
    places: std::collections::HashMap<String, usize>,
}

impl Entries {
    pub(super) fn push(&mut self, key: Node, value: Node) -> Result<(), &'static str> {
        let name = key.key().ok_or("a list or a mapping cannot be a key")?;
        match self.places.get(&name) {
            Some(at) => self.all[*at] = (key, value),
            None => {
                self.places.insert(name, self.all.len());
                self.all.push((key, value));
            }
        }
        Ok(())
    }
}
