//! A command line in one argument, cut into words without a shell.

/// Cuts a text into words as a POSIX shell does, quotes and backslashes included ([POSIX] 2.2), and nothing more:
/// no variable, pattern or operator means anything. `None` where a quote or a backslash has no end.
///
/// On Windows a backslash stands in every path: there it means what it means to programs of Windows, itself, unless a
/// double quote follows.
///
/// [POSIX]: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    Some(cut(text, Backslash::HERE)?.into_iter().map(|word| word.text).collect())
}

/// Says whether a word would be an operator to a shell: `|`, `>file`, `2>&1`, and what ends in `;`. A quoted one is
/// none.
pub(super) fn has_operators(text: &str) -> bool {
    let is_operator = |word: &Word| {
        let redirects = word.text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['<', '>']);
        let is_all = !word.text.is_empty() && word.text.chars().all(|c| ";|&<>".contains(c));
        word.is_bare && (redirects || is_all || word.text.ends_with(';'))
    };
    cut(text, Backslash::HERE).is_some_and(|words| words.iter().any(is_operator))
}

/// A word, and whether it stands there without quotes and backslashes.
struct Word {
    text: String,
    is_bare: bool,
}

/// What a backslash means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backslash {
    /// What follows means nothing but itself.
    Escapes,
    /// It is a letter; two before a double quote are one, and one before it makes it a letter too.
    IsALetter,
}

impl Backslash {
    const HERE: Self = if cfg!(windows) { Self::IsALetter } else { Self::Escapes };
}

fn cut(text: &str, backslash: Backslash) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut is_bare = true;
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, ' ' | '\t' | '\n') => {
                words.extend(word.take().map(|text| Word { text, is_bare }));
                is_bare = true;
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                is_bare = false;
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') if backslash == Backslash::IsALetter => {
                let more = std::iter::from_fn(|| chars.next_if_eq(&'\\')).count();
                let is_before_a_quote = chars.peek() == Some(&'"');
                let letters = if is_before_a_quote { more.div_ceil(2) } else { more + 1 };
                let word = word.get_or_insert_default();
                word.extend(std::iter::repeat_n('\\', letters));
                if is_before_a_quote && more % 2 == 0 {
                    is_bare = false;
                    word.extend(chars.next());
                }
            }
            // Between double quotes it escapes these alone, between single quotes nothing.
            (Some('"'), '\\') if !chars.peek().is_some_and(|next| "$`\"\\\n".contains(*next)) => {
                word.get_or_insert_default().push(c);
            }
            (None | Some('"'), '\\') => {
                is_bare = false;
                match chars.next()? {
                    '\n' => {}
                    escaped => word.get_or_insert_default().push(escaped),
                }
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(|text| Word { text, is_bare }));
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, backslash: Backslash) -> Option<Vec<String>> {
        Some(cut(text, backslash)?.into_iter().map(|word| word.text).collect())
    }

    #[test]
    fn a_path_of_windows_is_a_word_there() {
        for (text, words_there) in [
            (r"C:\Tools\pass.exe show hv01", &[r"C:\Tools\pass.exe", "show", "hv01"][..]),
            (r#""C:\Program Files\x\pass.exe" 'a b'"#, &[r"C:\Program Files\x\pass.exe", "a b"]),
            (r#"\\server\share\x "a\\" b"#, &[r"\\server\share\x", r"a\", "b"]),
            (r#"say "a \"b\" \\\"c" \"d"#, &["say", r#"a "b" \"c"#, r#""d"#]),
            (r"a\ b\", &[r"a\", r"b\"]),
        ] {
            let found = words(text, Backslash::IsALetter);
            assert_eq!(found, Some(words_there.iter().map(|word| (*word).to_owned()).collect()), "{text}");
        }
        assert_eq!(words(r#""C:\x\" b"#, Backslash::IsALetter), None);
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, expected) in [
            ("", &[][..]),
            ("  pass \t show\nhv01 ", &["pass", "show", "hv01"]),
            (r#"echo 'a "b\' "c 'd' \" \\ \x" e\ f\'"#, &["echo", r#"a "b\"#, r#"c 'd' " \ \x"#, "e f'"]),
            (r#"a''b "" '' c"d"'e'"#, &["ab", "", "", "cde"]),
            ("a\\\nb \"c\\\nd\" 'e\\\nf'", &["ab", "cd", "e\\\nf"]),
            ("a; b $HOME `x` | c > d & *", &["a;", "b", "$HOME", "`x`", "|", "c", ">", "d", "&", "*"]),
        ] {
            let found = words(text, Backslash::Escapes);
            assert_eq!(found, Some(expected.iter().map(|word| (*word).to_owned()).collect()), "{text}");
        }
    }

    #[test]
    fn operators_of_a_shell_are_known_where_nothing_quotes_them() {
        for text in ["a | b", "a ; b", "a; b", "a > b", "a 2>/dev/null", "a >b", "a & b", "a && b", "a <b"] {
            assert!(has_operators(text), "{text}");
        }
        for text in ["a '|' b", "sh -c 'a | b; c > d'", "a https://x/?y&z", "a \"x;\" -2", ""] {
            assert!(!has_operators(text), "{text}");
        }
        assert_eq!(has_operators(r"a \; b"), cfg!(windows));
    }

    #[test]
    fn a_quote_or_a_backslash_without_an_end_makes_no_words() {
        for text in ["a 'b", "a \"b", "a \\", "'\\'"] {
            assert_eq!(words(text, Backslash::Escapes).is_none(), text != "'\\'", "{text}");
        }
    }
}
