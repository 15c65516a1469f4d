//! YAML text: JSON's model in blocks, with JSON's quotes.
//!
//! A string stands without quotes only where no version of YAML can read it as anything else. Everything
//! inside the quotes is JSON's own escaping, which YAML 1.1 and 1.2 both read.

use serde_json::{Number, Value as Json};

use super::json::quoted;

/// Returns the text of one document, without a `---` in front.
pub(crate) fn document(value: &Json) -> String {
    let mut text = String::new();
    match is_block(value) {
        true => block(value, 0, &mut text),
        false => {
            text.push_str(&flow(value));
            text.push('\n');
        }
    }
    text
}

/// Returns the text of one item of a sequence that is the document.
pub(crate) fn item(value: &Json) -> String {
    let mut text = String::new();
    sequence_item(value, 0, &mut text);
    text
}

/// Writes a map or a sequence that is not empty. The first line has been indented already.
fn block(value: &Json, indent: usize, text: &mut String) {
    match value {
        Json::Object(members) => {
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    indent_by(indent, text);
                }
                text.push_str(&string(name));
                text.push(':');
                if is_block(member) {
                    text.push('\n');
                    indent_by(indent + 2, text);
                    block(member, indent + 2, text);
                } else {
                    text.push(' ');
                    text.push_str(&flow(member));
                    text.push('\n');
                }
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    indent_by(indent, text);
                }
                sequence_item(item, indent, text);
            }
        }
        scalar => text.push_str(&flow(scalar)),
    }
}

fn sequence_item(value: &Json, indent: usize, text: &mut String) {
    text.push_str("- ");
    match is_block(value) {
        true => block(value, indent + 2, text),
        false => {
            text.push_str(&flow(value));
            text.push('\n');
        }
    }
}

fn indent_by(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}

fn is_block(value: &Json) -> bool {
    match value {
        Json::Object(members) => !members.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// Returns the text of a scalar, or of an empty map or sequence.
fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => string(text),
        Json::Number(number) => self::number(number),
        other => other.to_string(),
    }
}

/// YAML 1.1 knows a number with an exponent only by its point and the exponent's sign.
fn number(number: &Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text;
    };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

fn string(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Returns whether a string is read as itself without quotes: it begins with a letter, holds nothing that
/// YAML looks at, and is none of the words that some version takes for null or a boolean.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '\\');
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(is_harmless)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode, Yaml};
    use serde_json::json;

    use super::*;

    fn of_yaml(node: &Yaml<'_>) -> Json {
        if let Some(items) = node.as_vec() {
            return items.iter().map(of_yaml).collect();
        }
        if let Some(members) = node.as_mapping() {
            let member = |(name, value): (&Yaml<'_>, &Yaml<'_>)| {
                (name.as_str().expect("a name is a string").to_owned(), of_yaml(value))
            };
            return members.iter().map(member).collect();
        }
        if node.is_null() {
            return Json::Null;
        }
        let integer = node.as_integer().map(Json::from);
        let others = || node.as_bool().map(Json::from).or_else(|| node.as_floating_point().map(Json::from));
        let string = || node.as_str().map(Json::from);
        integer.or_else(others).or_else(string).unwrap_or_else(|| panic!("{node:?}"))
    }

    fn read(text: &str) -> Json {
        let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(documents.len(), 1, "{text}");
        of_yaml(&documents[0])
    }

    #[test]
    fn a_document_is_what_people_expect() {
        let value = json!({
            "class": "Msvm_X", "namespace": "root/virtualization/v2",
            "properties": {"Caption": null, "Name": "yes", "Notes": ["a: b", "1"], "State": 2,
                "Of": {"class": "Y", "keys": {}}, "None": []}
        });
        let expected = "class: Msvm_X\nnamespace: root/virtualization/v2\nproperties:\n  Caption: null\n  \
                        Name: \"yes\"\n  Notes:\n    - \"a: b\"\n    - \"1\"\n  State: 2\n  Of:\n    class: \"Y\"\n    \
                        keys: {}\n  None: []\n";
        assert_eq!(document(&value), expected);
        assert_eq!(item(&json!({"a": 1, "b": [true]})), "- a: 1\n  b:\n    - true\n");
    }

    #[test]
    fn a_string_that_looks_like_something_else_is_quoted() {
        for text in [
            "",
            "no",
            "Off",
            "NULL",
            "~",
            "1",
            "0x1f",
            "1e3",
            ".5",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "'a'",
            "\"a\"",
            "[a]",
            "{a}",
            "a\nb",
            " a",
            "a ",
            "?",
            "2026-11-20",
            "1:30",
            "y",
            "\u{85}",
            "\u{feff}",
            "a\u{2028}b",
            "---",
            "...",
            "<<",
            "=",
            "日本",
        ] {
            let value = json!([text, {"of": text}]);
            let written = document(&value);
            assert!(written.contains('"'), "{written}");
            assert_eq!(read(&written), value, "{written}");
        }
    }

    #[test]
    fn large_and_small_numbers_are_numbers_in_either_version() {
        let value = json!([1e300, -2.5e-7, 0.1, 18_446_744_073_709_551_615_u64, -0.0]);
        let written = document(&value);
        assert!(written.starts_with("- 1.0e+300\n- -2.5e-7\n- 0.1\n- 18446744073709551615\n"), "{written}");
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<String>().prop_map(Json::from),
            "[ -~]{0,12}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::btree_map("[ -~]{0,8}|\\PC{0,3}", inner, 0..5)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_by_others_as_the_same(value in any_json()) {
            prop_assert_eq!(read(&document(&value)), value.clone());
            prop_assert_eq!(read(&format!("{}{}", item(&value), item(&value))), json!([value, value]));
        }
    }
}
