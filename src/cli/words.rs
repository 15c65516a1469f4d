//! A command line in one argument, cut into words without a shell.

/// Cuts a text into words as a POSIX shell does, quotes and backslashes included ([POSIX] 2.2), and nothing more:
/// no variable, pattern or operator means anything. `None` where a quote or a backslash has no end.
///
/// [POSIX]: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, ' ' | '\t' | '\n') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            // Between double quotes it escapes these alone, between single quotes nothing.
            (Some('"'), '\\') if !chars.peek().is_some_and(|next| "$`\"\\\n".contains(*next)) => {
                word.get_or_insert_default().push(c);
            }
            (None | Some('"'), '\\') => match chars.next()? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
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
    fn a_quote_or_a_backslash_without_an_end_makes_no_words() {
        for text in ["a 'b", "a \"b", "a \\", "'\\'"] {
            assert_eq!(split(text).is_none(), text != "'\\'", "{text}");
        }
    }
}
