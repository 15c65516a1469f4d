//! Values in WQL, the query language of WMI.

/// Returns a text as a WQL string literal, quotes included, so that whatever it holds stays a value.
///
/// A backslash takes the meaning from what follows it, so that it is doubled itself; quotes of both kinds get
/// one in front.
///
/// ```
/// use refpoint::cim::wql_literal;
///
/// let name = r#"Bob's "machine""#;
/// let query = format!("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = {}", wql_literal(name));
/// assert_eq!(query, r#"SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'Bob\'s \"machine\"'"#);
/// ```
pub fn wql_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        if matches!(c, '\\' | '\'' | '"') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the text of the literal at the beginning of a query, and what follows it, as WMI reads it.
    fn read(query: &str) -> Option<(String, &str)> {
        let mut text = String::new();
        let mut chars = query.strip_prefix('\'')?.chars();
        loop {
            match chars.next()? {
                '\'' => return Some((text, chars.as_str())),
                '\\' => text.push(chars.next()?),
                other => text.push(other),
            }
        }
    }

    #[test]
    fn no_text_ends_its_literal() {
        for (text, literal) in [
            ("", "''"),
            ("app01", "'app01'"),
            ("' OR '1'='1", r"'\' OR \'1\'=\'1'"),
            (r"\' OR 1=1", r"'\\\' OR 1=1'"),
            (r#"a"b\"#, r#"'a\"b\\'"#),
            ("日'本", r"'日\'本'"),
        ] {
            assert_eq!(wql_literal(text), literal);
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_from_its_literal(text in prop_oneof![any::<String>(), "[\\\\'\"a]{0,12}"]) {
            let query = wql_literal(&text) + " AND B = 1";
            prop_assert_eq!(read(&query), Some((text, " AND B = 1")));
        }
    }
}
