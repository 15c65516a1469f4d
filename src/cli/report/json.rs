//! JSON text, in which nothing acts on a terminal either.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::Value as Json;

use super::text::is_unprintable;

/// Returns the text on one line.
pub(crate) fn compact(value: &Json) -> String {
    escaped(value.to_string())
}

/// Returns the text with a member on each line.
pub(crate) fn pretty(value: &Json) -> String {
    escaped(format!("{value:#}"))
}

/// Writes as `\u….` what JSON would let through: it stands in strings alone, where that means the same.
fn escaped(text: String) -> String {
    // The line ends between members stay; within strings they are escaped already.
    let acts = |c: char| c != '\n' && is_unprintable(c);
    if !text.contains(acts) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match acts(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(safe, "\\u{unit:04x}")),
            false => safe.push(c),
        }
    }
    safe
}

/// Returns a string with its quotes.
pub(super) fn quoted(text: &str) -> String {
    compact(&Json::from(Cow::Borrowed(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_means_the_same() {
        let value = json!({"a\u{9b}": "\u{1b}[2J\u{7f}\u{85}\u{202e}\u{feff}\u{e0041}日本"});
        let text = compact(&value);
        assert_eq!(text, r#"{"a\u009b":"\u001b[2J\u007f\u0085\u202e\ufeff\udb40\udc41日本"}"#);
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), value);
        assert_eq!(serde_json::from_str::<Json>(&pretty(&value)).unwrap(), value);
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let value = json!([u64::MAX, i64::MIN, 9_007_199_254_740_993_u64]);
        assert_eq!(compact(&value), "[18446744073709551615,-9223372036854775808,9007199254740993]");
    }

    proptest! {
        #[test]
        fn any_string_reads_back(text in any::<String>()) {
            let json = quoted(&text);
            prop_assert!(!json.contains(is_unprintable));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
