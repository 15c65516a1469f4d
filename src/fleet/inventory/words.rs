//! How Ansible splits the line of a host: as a POSIX shell does, by Python's `shlex` with comments.

/// Returns the words of a line, or what has no end in it.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            // Also in the middle of a word, unlike in a shell.
            '#' => break,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        None => return Err("a quote has no end"),
                        Some('\'') => break,
                        Some(char) => word.push(char),
                    }
                }
            }
            '"' => quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                None => return Err("nothing stands behind the last backslash"),
                Some(char) => word.get_or_insert_default().push(char),
            },
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match chars.next() {
            None => return Err("a quote has no end"),
            Some('"') => return Ok(()),
            Some('\\') => match chars.next() {
                None => return Err("a quote has no end"),
                // The backslash takes away the meaning of these two, and stays before everything else.
                Some(char @ ('"' | '\\')) => word.push(char),
                Some(char) => word.extend(['\\', char]),
            },
            Some(char) => word.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_by_a_shell() {
        for (line, words) in [
            ("hv01 a=b", vec!["hv01", "a=b"]),
            ("hv01 a='b c' d=\"e f\"g", vec!["hv01", "a=b c", "d=e fg"]),
            (r"hv01 u=LAB\mia", vec!["hv01", "u=LABmia"]),
            (r#"hv01 u="LAB\mia" v="a\"b\\c""#, vec!["hv01", r"u=LAB\mia", r#"v=a"b\c"#]),
            (r"hv01 u='LAB\mia'", vec!["hv01", r"u=LAB\mia"]),
            ("hv01 # a=b", vec!["hv01"]),
            ("hv01 p=ab#c d=e", vec!["hv01", "p=ab"]),
            ("hv01 p='ab#c' e=''", vec!["hv01", "p=ab#c", "e="]),
            ("''", vec![""]),
            ("", vec![]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["a 'b", "a \"b", "a \"b\\", "a \\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
