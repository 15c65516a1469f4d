//! Values of INI inventories: what Python's `ast.literal_eval` makes of a text, or the text itself.

use super::value::Value;

/// Returns the value of a text as Ansible's INI reader takes it.
pub(super) fn evaluate(text: &str) -> Value {
    // Jinja looks like a set within a set to Python, and stays the text that it is.
    match Value::of_text(text.to_owned()) {
        Value::Text(text) => {
            let mut reader = Reader { rest: text.trim_start_matches([' ', '\t']), depth: 0 };
            match reader.whole() {
                Some(value) => value,
                None => Value::Text(text),
            }
        }
        other => other,
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    /// An expression, and nothing but a comment behind it. Commas outside of brackets make a tuple too.
    fn whole(&mut self) -> Option<Value> {
        self.spaces();
        let first = self.item()?;
        if !self.takes(',') {
            return self.is_at_end().then_some(first);
        }
        let mut items = vec![first];
        while !self.is_at_end() {
            items.push(self.item()?);
            if !self.takes(',') {
                break;
            }
        }
        self.is_at_end().then_some(Value::List(items))
    }

    fn item(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return None;
        }
        let value = match self.rest.chars().next()? {
            '[' => self.items(']').map(Value::List),
            '(' => self.parenthesis(),
            '{' => self.braces(),
            '\'' | '"' => self.texts(),
            '+' | '-' => self.signed(),
            '0'..='9' | '.' => self.number(),
            _ => self.word(),
        };
        self.depth -= 1;
        self.spaces();
        value
    }

    /// The items up to a bracket.
    fn items(&mut self, end: char) -> Option<Vec<Value>> {
        self.skip(1);
        self.spaces();
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(self.item()?);
            if !self.takes(',') {
                return self.takes(end).then_some(items);
            }
        }
        Some(items)
    }

    /// A tuple; one item without a comma is the item.
    fn parenthesis(&mut self) -> Option<Value> {
        self.skip(1);
        self.spaces();
        if self.takes(')') {
            return Some(Value::List(Vec::new()));
        }
        let first = self.item()?;
        if self.takes(')') {
            return Some(first);
        }
        let mut items = vec![first];
        while self.takes(',') {
            if self.takes(')') {
                return Some(Value::List(items));
            }
            items.push(self.item()?);
        }
        self.takes(')').then_some(Value::List(items))
    }

    /// A dictionary. A set is none of ours: JSON has no word for it, and Ansible cannot list it either.
    fn braces(&mut self) -> Option<Value> {
        self.skip(1);
        self.spaces();
        let mut entries: Vec<(String, Value)> = Vec::new();
        loop {
            if self.takes('}') {
                return Some(Value::Map(entries));
            }
            // A list cannot be a key in Python, and a tuple cannot be one in JSON.
            let key = match self.item()? {
                Value::Bool(is) => if is { "true" } else { "false" }.to_owned(),
                Value::Null => "null".to_owned(),
                other => other.to_text()?,
            };
            if !self.takes(':') {
                return None;
            }
            let value = self.item()?.named(&key);
            match entries.iter_mut().find(|(name, _)| *name == key) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
            if !self.takes(',') {
                return self.takes('}').then_some(Value::Map(entries));
            }
        }
    }

    /// One or more strings behind each other, which are one.
    fn texts(&mut self) -> Option<Value> {
        let mut text = String::new();
        while let Some(quote @ ('\'' | '"')) = self.rest.chars().next() {
            text.push_str(&self.text(quote, false)?);
            self.spaces();
        }
        Some(Value::Text(text))
    }

    fn text(&mut self, quote: char, is_raw: bool) -> Option<String> {
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let is_triple = self.rest.starts_with(&triple);
        self.skip(if is_triple { 3 } else { 1 });
        let mut text = String::new();
        loop {
            if is_triple && self.rest.starts_with(&triple) {
                self.skip(3);
                return Some(text);
            }
            let char = self.rest.chars().next()?;
            self.skip(char.len_utf8());
            match char {
                char if char == quote && !is_triple => return Some(text),
                '\\' if is_raw => {
                    let next = self.rest.chars().next()?;
                    self.skip(next.len_utf8());
                    text.extend(['\\', next]);
                }
                '\\' => self.escape(&mut text)?,
                char => text.push(char),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        let char = self.rest.chars().next()?;
        self.skip(char.len_utf8());
        let digits = match char {
            '0'..='7' => 1 + self.rest.bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count(),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            // The name of a character: nobody writes it in an inventory, and we do not know them all.
            'N' => return None,
            _ => 0,
        };
        let one = match char {
            '0'..='7' => {
                let more = self.rest.get(..digits - 1)?;
                let code = u32::from_str_radix(&format!("{char}{more}"), 8).ok()?;
                self.skip(digits - 1);
                char::from_u32(code)?
            }
            'x' | 'u' | 'U' => {
                let code = self.rest.get(..digits)?;
                let is_code = code.bytes().all(|byte| byte.is_ascii_hexdigit());
                let code = u32::from_str_radix(code, 16).ok().filter(|_| is_code)?;
                self.skip(digits);
                // Half a pair is no character of a text.
                char::from_u32(code)?
            }
            '\\' | '\'' | '"' => char,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            other => {
                // Python keeps what it does not know.
                text.push('\\');
                other
            }
        };
        text.push(one);
        Some(())
    }

    fn signed(&mut self) -> Option<Value> {
        let is_negative = self.rest.starts_with('-');
        self.skip(1);
        self.spaces();
        if !self.rest.starts_with(|char: char| char.is_ascii_digit() || char == '.') {
            return None;
        }
        match self.number()? {
            value if !is_negative => Some(value),
            Value::Int(number) => Some(Value::Int(-number)),
            Value::Big(digits) => Some(whole(&format!("-{digits}"))),
            Value::Float(number) => Some(Value::Float(-number)),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let length = self
            .rest
            .char_indices()
            .find(|(at, char)| {
                let is_sign = matches!(char, '+' | '-')
                    && matches!(self.rest.as_bytes()[at.saturating_sub(1)], b'e' | b'E')
                    && !self.rest.starts_with("0x")
                    && !self.rest.starts_with("0X");
                !(char.is_ascii_alphanumeric() || matches!(char, '.' | '_') || is_sign)
            })
            .map_or(self.rest.len(), |(at, _)| at);
        let (word, rest) = self.rest.split_at(length);
        let value = number(word)?;
        self.rest = rest;
        Some(value)
    }

    fn word(&mut self) -> Option<Value> {
        let length = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        let value = match word {
            "None" => Value::Null,
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            prefix if rest.starts_with(['\'', '"']) => {
                let is_raw = match prefix.to_ascii_lowercase().as_str() {
                    "r" => true,
                    "u" => false,
                    _ => return None,
                };
                self.rest = rest;
                let quote = rest.chars().next()?;
                return self.text(quote, is_raw).map(Value::Text);
            }
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    fn takes(&mut self, char: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(char) else { return false };
        self.rest = rest;
        self.spaces();
        true
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\u{c}']);
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with('#')
    }
}

/// Returns the number of a word that starts with a digit or a point.
fn number(word: &str) -> Option<Value> {
    let folded = word.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = folded.strip_prefix(prefix) {
            // Here an underscore may stand before the first digit as well.
            let digits = without_underscores(digits.strip_prefix('_').unwrap_or(digits))?;
            return i64::from_str_radix(&digits, radix).ok().map(Value::Int);
        }
    }
    if folded.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
        let digits = without_underscores(&folded)?;
        // A zero in front is no number since Python 3, unless all of it is zeros.
        let is_plain = !digits.starts_with('0') || digits.bytes().all(|byte| byte == b'0');
        return is_plain.then(|| whole(&digits));
    }
    let (mantissa, exponent) = match folded.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (folded.as_str(), None),
    };
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| match text.is_empty() {
        true => Some(String::new()),
        false => without_underscores(text),
    };
    let (before, after) = (digits(before)?, digits(after)?);
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let mut spelled = format!("{before}.{after}");
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        without_underscores(unsigned)?;
        spelled.push('e');
        spelled.push_str(&exponent.replace('_', ""));
    }
    if before.is_empty() {
        spelled.insert(0, '0');
    }
    spelled.parse().ok().map(Value::Float)
}

/// Returns the digits of a number, in which underscores stand one by one between digits.
fn without_underscores(text: &str) -> Option<String> {
    let is_right = !text.is_empty()
        && !text.starts_with('_')
        && !text.ends_with('_')
        && !text.contains("__")
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_');
    is_right.then(|| text.replace('_', "")).filter(|digits| !digits.is_empty())
}

/// Returns the number of decimal digits, however many.
pub(super) fn whole(digits: &str) -> Value {
    match digits.parse() {
        Ok(number) => Value::Int(number),
        Err(_) => {
            let (sign, digits) = match digits.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", digits),
            };
            let digits = digits.trim_start_matches('0');
            digits.parse().map_or_else(|_| Value::Big(format!("{sign}{digits}")), Value::Int)
        }
    }
}

/// Deeper brackets are a text, as they are too deep for Python at twice as many.
const MOST_DEPTH: usize = 90;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        format!("{:?}", evaluate(text))
    }

    #[test]
    fn literals_of_python_are_values_and_everything_else_is_a_text() {
        for (text, value) in [
            ("5986", "Int(5986)"),
            ("  5986", "Int(5986)"),
            ("-5", "Int(-5)"),
            ("- 5", "Int(-5)"),
            ("+5", "Int(5)"),
            ("--5", r#"Text("--5")"#),
            ("1_000", "Int(1000)"),
            ("1__0", r#"Text("1__0")"#),
            ("0777", r#"Text("0777")"#),
            ("00", "Int(0)"),
            ("0x1F", "Int(31)"),
            ("0o17", "Int(15)"),
            ("0b101", "Int(5)"),
            ("1.5", "Float(1.5)"),
            ("1.", "Float(1.0)"),
            (".5", "Float(0.5)"),
            ("1e3", "Float(1000.0)"),
            ("1e-3", "Float(0.001)"),
            ("-1.5e+2", "Float(-150.0)"),
            ("1e", r#"Text("1e")"#),
            (".", r#"Text(".")"#),
            ("1.2.3.4", r#"Text("1.2.3.4")"#),
            ("99999999999999999999", r#"Big("99999999999999999999")"#),
            ("True", "Bool(true)"),
            ("true", r#"Text("true")"#),
            ("None", "Null"),
            ("", r#"Text("")"#),
            ("'a'", r#"Text("a")"#),
            ("'a' \"b\"", r#"Text("ab")"#),
            ("r'a\\b'", r#"Text("a\\b")"#),
            ("u'x'", r#"Text("x")"#),
            (r"'a\tb\x41\u00e9\101\q'", r#"Text("a\tbAéA\\q")"#),
            ("'''a'b'''", r#"Text("a'b")"#),
            ("'a", r#"Text("'a")"#),
            ("[1, 'a', True,]", r#"List([Int(1), Text("a"), Bool(true)])"#),
            ("[ ]", "List([])"),
            ("(1)", "Int(1)"),
            ("(1,)", "List([Int(1)])"),
            ("()", "List([])"),
            ("1, 2", "List([Int(1), Int(2)])"),
            ("1,", "List([Int(1)])"),
            (",1", r#"Text(",1")"#),
            ("[1,,2]", r#"Text("[1,,2]")"#),
            ("{'a': 1, 'b': [2], 'a': 3}", r#"Map([("a", Int(3)), ("b", List([Int(2)]))])"#),
            ("{}", "Map([])"),
            ("{'a'}", r#"Text("{'a'}")"#),
            ("5 # five", "Int(5)"),
            ("'a' # b", r#"Text("a")"#),
            ("five # 5", r##"Text("five # 5")"##),
            (r"LAB\mia", r#"Text("LAB\\mia")"#),
            ("2024-01-31", r#"Text("2024-01-31")"#),
            ("1+2", r#"Text("1+2")"#),
            ("kerberos,ntlm", r#"Text("kerberos,ntlm")"#),
            ("{{ user }}", "Template(***)"),
        ] {
            assert_eq!(shown(text), value, "{text}");
        }
    }

    #[test]
    fn brackets_without_end_are_a_text_and_take_no_stack() {
        let deep = "[".repeat(100_000);
        assert!(matches!(evaluate(&deep), Value::Text(_)));
        let deep = format!("{}1{}", "(".repeat(80), ")".repeat(80));
        assert!(matches!(evaluate(&deep), Value::Int(1)));
    }
}
