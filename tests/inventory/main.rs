//! Inventories of fleets, held against Ansible's own reader of them.

#![expect(clippy::unwrap_used, reason = "a test that fails should stop")]

mod ansible;
mod formats;
mod generator;
mod limits;
mod witness;

use std::path::PathBuf;

use refpoint::fleet::inventory::{Error, Files, Inventory, Source, Value};
use serde_json::{Value as Json, json};

/// Reads files in memory; the first is the source.
pub(crate) fn read(files: &[(&str, &str)]) -> Result<Inventory, Error> {
    let source = Source::Path(PathBuf::from(files[0].0));
    let files = files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect();
    Inventory::read(&[source], &Files::Memory(files))
}

/// Returns a value as JSON has it.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(is) => json!(is),
        Value::Int(number) => json!(number),
        Value::Big(digits) => json!(digits.parse::<f64>().unwrap()),
        Value::Float(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Secret(secret) | Value::Template(secret) => json!(secret.expose()),
        Value::Vault => json!("(vault)"),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}
