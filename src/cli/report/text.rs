//! Texts of hosts, made harmless.

use std::borrow::Cow;
use std::fmt::Write;

/// Returns a text so that it stays text on a terminal: no character in it moves the cursor, changes a colour,
/// turns the direction of writing or begins a line.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unprintable(c) => _ = write!(safe, "{}", c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Returns whether a character acts instead of being seen: controls of both kinds, marks of direction, the
/// separators that some readers take for line ends, and what is no character.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFE}' | '\u{FFFF}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_is_left_in_a_text() {
        for (text, safe) in [
            ("web01 \"日本語\" ü", "web01 \"日本語\" ü"),
            ("a\u{1b}[2Jb", r"a\u{1b}[2Jb"),
            ("a\u{9b}31mb", r"a\u{9b}31mb"),
            ("two\r\nlines\there", r"two\r\nlines\there"),
            ("abc\u{202e}gpj.exe", r"abc\u{202e}gpj.exe"),
            ("\u{7f}\u{feff}", r"\u{7f}\u{feff}"),
        ] {
            assert_eq!(harmless(text), safe);
            assert!(!harmless(text).contains(is_unprintable));
        }
    }
}
