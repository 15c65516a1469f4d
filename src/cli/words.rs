//! A command line in one argument, cut into words without a shell.

/// Cuts a text into words as a POSIX shell does, quotes and backslashes included ([POSIX] 2.2), and nothing more:
/// no variable, pattern or operator means anything. `None` where a quote or a backslash has no end.
///
/// [POSIX]: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    Some(cut(text)?.into_iter().map(|word| word.text).collect())
}

/// Says whether a word would be an operator to a shell: `|`, `>file`, `2>&1`, and what ends in `;`. A quoted one is
/// none.
pub(super) fn has_operators(text: &str) -> bool {
    let is_operator = |word: &Word| {
        let redirects = word.text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['<', '>']);
        let is_all = !word.text.is_empty() && word.text.chars().all(|c| ";|&<>".contains(c));
        word.is_bare && (redirects || is_all || word.text.ends_with(';'))
    };
    cut(text).is_some_and(|words| words.iter().any(is_operator))
}

/// A word, and whether it stands there without quotes and backslashes.
struct Word {
    text: String,
    is_bare: bool,
}

fn cut(text: &str) -> Option<Vec<Word>> {
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

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, words) in [
            ("", &[][..]),
            ("  pass \t show\nhv01 ", &["pass", "show", "hv01"]),
            (r#"echo 'a "b\' "c 'd' \" \\ \x" e\ f\'"#, &["echo", r#"a "b\"#, r#"c 'd' " \ \x"#, "e f'"]),
            (r#"a''b "" '' c"d"'e'"#, &["ab", "", "", "cde"]),
            ("a\\\nb \"c\\\nd\" 'e\\\nf'", &["ab", "cd", "e\\\nf"]),
            ("a; b $HOME `x` | c > d & *", &["a;", "b", "$HOME", "`x`", "|", "c", ">", "d", "&", "*"]),
        ] {
            assert_eq!(
                split(text).as_deref().map(|it| it.iter().map(String::as_str).collect::<Vec<_>>()),
                Some(words.to_vec()),
                "{text}"
            );
        }
    }

    #[test]
    fn operators_of_a_shell_are_known_where_nothing_quotes_them() {
        for text in ["a | b", "a ; b", "a; b", "a > b", "a 2>/dev/null", "a >b", "a & b", "a && b", "a <b"] {
            assert!(has_operators(text), "{text}");
        }
        for text in ["a '|' b", "sh -c 'a | b; c > d'", r"a \; b", "a https://x/?y&z", "a \"x;\" -2", ""] {
            assert!(!has_operators(text), "{text}");
        }
    }

    #[test]
    fn a_quote_or_a_backslash_without_an_end_makes_no_words() {
        for text in ["a 'b", "a \"b", "a \\", "'\\'"] {
            assert_eq!(split(text).is_none(), text != "'\\'", "{text}");
        }
    }
}
