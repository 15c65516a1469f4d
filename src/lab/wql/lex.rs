//! The words of a query.

use super::Invalid;

/// One word of a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'q> {
    /// A keyword or a name; dots lead into objects.
    Word(&'q str),
    /// A text in quotes, without them.
    Text(String),
    /// A number.
    Number(&'q str),
    /// The text between braces.
    Path(&'q str),
    /// `=`, `<>`, `!=`, `<`, `<=`, `>`, `>=`, `(`, `)`, `,`, `*`.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 11] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", "*"];

/// Returns the words of a query.
pub(super) fn tokens(query: &str) -> Result<Vec<Token<'_>>, Invalid> {
    let mut tokens = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => text(rest, first)?,
            '{' => path(rest)?,
            '0'..='9' | '-' | '+' | '.' => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let is_inside = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                let length = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
                (Token::Word(&rest[..length]), length)
            }
            _ => {
                let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)).ok_or(Invalid)?;
                (Token::Symbol(symbol), symbol.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// Reads a text in quotes; a backslash takes the meaning from what follows it.
fn text(rest: &str, quote: char) -> Result<(Token<'_>, usize), Invalid> {
    let mut text = String::new();
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            text.push(c);
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Ok((Token::Text(text), at + 1));
        } else {
            text.push(c);
        }
    }
    Err(Invalid)
}

/// Reads an object path in braces; those in its quotes do not end it.
fn path(rest: &str) -> Result<(Token<'_>, usize), Invalid> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('}', None) => return Ok((Token::Path(rest[1..at].trim()), at + 1)),
            _ => {}
        }
    }
    Err(Invalid)
}

fn number(rest: &str) -> Result<(Token<'_>, usize), Invalid> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    let length = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
    let text = &rest[..length];
    text.parse::<f64>().map(|_| (Token::Number(text), length)).map_err(|_| Invalid)
}
