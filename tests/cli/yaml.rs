//! YAML as a parser of others reads it.

use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value as Json;

/// Returns the one document of a text.
#[track_caller]
pub(crate) fn load(text: &str) -> Json {
    let documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    convert(&documents[0])
}

fn convert(node: &Yaml<'_>) -> Json {
    if let Some(items) = node.as_vec() {
        return items.iter().map(convert).collect();
    }
    if let Some(members) = node.as_mapping() {
        let member =
            |(name, value): (&Yaml<'_>, &Yaml<'_>)| (name.as_str().unwrap().to_owned(), convert(value));
        return members.iter().map(member).collect();
    }
    let scalar = node.as_integer().map(Json::from).or_else(|| node.as_bool().map(Json::from));
    let scalar = scalar.or_else(|| node.as_floating_point().map(Json::from));
    scalar.or_else(|| node.as_str().map(Json::from)).unwrap_or(Json::Null)
}
