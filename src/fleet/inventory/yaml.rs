//! YAML as Ansible reads it: the grammar is the parser's, what a scalar means is YAML 1.1, as PyYAML has it.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::Error;
use super::document::{Content, Entries, Node};
use super::literal::whole;
use super::value::{Place, Value};

/// Reads a document; `None` where there is none.
pub(super) fn read(text: &str, place: &Place) -> Result<Option<Node>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        Reader { parser: Parser::new_from_str(text), place, anchors: HashMap::new(), nodes: 0, depth: 0 };
    let mut document = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(document),
            (Event::DocumentStart(_), span) => {
                if document.is_some() {
                    return Err(reader.refuse(span, "a second document begins here, and one is expected"));
                }
                let first = reader.next()?;
                document = Some(reader.node(first)?);
            }
            _ => {}
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    place: &'t Place,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    depth: usize,
}

type Spanned<'t> = (Event<'t>, Span);

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Spanned<'t>, Error> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let mark = error.marker();
                let place = self.place.at(mark.line().max(1), Some(mark.col() + 1));
                Err(Error::syntax(place, format!("this is no YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn refuse(&self, span: Span, what: &str) -> Error {
        Error::syntax(self.place.at(span.start.line().max(1), Some(span.start.col() + 1)), what)
    }

    fn node(&mut self, (event, span): Spanned<'t>) -> Result<Node, Error> {
        let before = self.nodes;
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(self.refuse(span, "it is too large"));
        }
        let (content, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(self.refuse(span, "an alias stands for nothing"));
                };
                // Each use of an alias counts with all that is in it: a few lines could stand for the world.
                self.nodes += size;
                if self.nodes > MOST_NODES {
                    return Err(self.refuse(span, "it is too large"));
                }
                return Ok(node.clone());
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref()).map_err(|what| self.refuse(span, &what))?;
                (Content::Leaf(value), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.list(span)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(span)?, anchor),
            _ => return Err(self.refuse(span, "a value is missing")),
        };
        let node = Node { content, line: span.start.line(), column: span.start.col() + 1 };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn deeper(&mut self, span: Span) -> Result<(), Error> {
        self.depth += 1;
        match self.depth > MOST_DEPTH {
            true => Err(self.refuse(span, "it is too deep")),
            false => Ok(()),
        }
    }

    fn list(&mut self, span: Span) -> Result<Content, Error> {
        self.deeper(span)?;
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if event.0 == Event::SequenceEnd {
                self.depth -= 1;
                return Ok(Content::List(items));
            }
            items.push(self.node(event)?);
        }
    }

    fn map(&mut self, span: Span) -> Result<Content, Error> {
        self.deeper(span)?;
        let mut merged: Vec<(Node, Node)> = Vec::new();
        let mut own = Vec::new();
        loop {
            let event = self.next()?;
            if event.0 == Event::MappingEnd {
                break;
            }
            let is_merge =
                matches!(&event.0, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let at = event.1;
            let key = self.node(event)?;
            let event = self.next()?;
            let value = self.node(event)?;
            match is_merge {
                true => merged.extend(self.merged(value, at)?),
                false => own.push((key, value, at)),
            }
        }
        self.depth -= 1;
        let mut entries = Entries::default();
        let merged = merged.into_iter().map(|(key, value)| (key, value, span));
        for (key, value, at) in merged.chain(own) {
            entries.push(key, value).map_err(|what| self.refuse(at, what))?;
        }
        Ok(Content::Map(entries.all))
    }

    /// Returns the entries that `<<` brings in; of several mappings the first counts most.
    fn merged(&self, value: Node, at: Span) -> Result<Vec<(Node, Node)>, Error> {
        let refuse = || self.refuse(at, "<< wants a mapping, or a list of them");
        match value.content {
            Content::Map(entries) => Ok(entries),
            Content::List(items) => {
                let mut entries = Vec::new();
                for item in items.into_iter().rev() {
                    let Content::Map(more) = item.content else { return Err(refuse()) };
                    entries.extend(more);
                }
                Ok(entries)
            }
            Content::Leaf(_) => Err(refuse()),
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    let Some(tag) = tag else {
        return Ok(match style {
            ScalarStyle::Plain => plain(&text).unwrap_or_else(|| Value::of_text(text.into_owned())),
            _ => Value::of_text(text.into_owned()),
        });
    };
    let name = format!("{}{}", tag.handle, tag.suffix);
    let typed = plain(&text);
    match (name.as_str(), typed) {
        ("!vault" | "!vault-encrypted", _) => Ok(Value::Vault),
        // Ansible promises not to evaluate it.
        ("!unsafe", _) => Ok(Value::Text(text.into_owned())),
        ("!" | "tag:yaml.org,2002:str", _) => Ok(Value::of_text(text.into_owned())),
        ("tag:yaml.org,2002:null", _) => Ok(Value::Null),
        ("tag:yaml.org,2002:bool", Some(value @ Value::Bool(_))) => Ok(value),
        ("tag:yaml.org,2002:int", Some(value @ (Value::Int(_) | Value::Big(_)))) => Ok(value),
        ("tag:yaml.org,2002:float", Some(value @ Value::Float(_))) => Ok(value),
        ("tag:yaml.org,2002:float", Some(Value::Int(number))) => Ok(Value::Float(number as f64)),
        _ => Err(format!("nobody knows what the tag {name} makes of this")),
    }
}

/// Returns what a plain scalar is in YAML 1.1, if it is anything but a text.
fn plain(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Some(Value::Bool(true));
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Some(Value::Bool(false));
        }
        _ => {}
    }
    int(text).or_else(|| float(text))
}

fn int(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_negative = text.starts_with('-');
    if !unsigned.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    let of_radix = |digits: &str, radix: u32, allowed: fn(u8) -> bool| {
        if digits.is_empty() || !digits.bytes().all(|byte| allowed(byte) || byte == b'_') {
            return None;
        }
        let number = i64::from_str_radix(&digits.replace('_', ""), radix).ok()?;
        Some(Value::Int(if is_negative { -number } else { number }))
    };
    if let Some(digits) = unsigned.strip_prefix("0b") {
        return of_radix(digits, 2, |byte| matches!(byte, b'0' | b'1'));
    }
    if let Some(digits) = unsigned.strip_prefix("0x") {
        return of_radix(digits, 16, |byte| byte.is_ascii_hexdigit());
    }
    if unsigned.contains(':') {
        return sexagesimal(unsigned, is_negative);
    }
    let is_digits = unsigned.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let digits = unsigned.replace('_', "");
    match unsigned.starts_with('0') && unsigned.len() > 1 {
        true => of_radix(unsigned, 8, |byte| matches!(byte, b'0'..=b'7')),
        false if is_digits => Some(whole(&format!("{}{digits}", if is_negative { "-" } else { "" }))),
        false => None,
    }
}

/// `1:30:00`, counted in sixties.
fn sexagesimal(text: &str, is_negative: bool) -> Option<Value> {
    let mut parts = text.split(':');
    let first = parts.next()?;
    let is_first = first.starts_with(|char: char| matches!(char, '1'..='9'))
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut number: i64 = first.replace('_', "").parse().ok().filter(|_| is_first)?;
    for part in parts {
        let is_right = matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
        let value: i64 = part.parse().ok().filter(|value| is_right && *value < 60)?;
        number = number.checked_mul(60)?.checked_add(value)?;
    }
    Some(Value::Int(if is_negative { -number } else { number }))
}

fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    // Without a point it is a text, and so is an exponent without its sign.
    let (before, after) = mantissa.split_once('.')?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let is_number = match before.is_empty() {
        // A sign in front of the point alone is none of the spellings.
        true => unsigned.len() == text.len() && after.starts_with(|char: char| char.is_ascii_digit()),
        false => before.starts_with(|char: char| char.is_ascii_digit()) && is_digits(before),
    };
    let is_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if !is_number || !is_digits(after) || !is_exponent {
        return None;
    }
    let spelled = format!("0{}.{}0", before, after).replace('_', "");
    let exponent = exponent.map(|exponent| format!("e{exponent}")).unwrap_or_default();
    let number: f64 = format!("{spelled}{exponent}").parse().ok()?;
    Some(Value::Float(sign * number))
}

/// More values than any inventory has, and few enough to be held.
const MOST_NODES: usize = 1_000_000;
const MOST_DEPTH: usize = 60;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file() -> Place {
        Place::of_file(&Path::new("hosts.yml").into())
    }

    fn shown(text: &str) -> String {
        let node = read(&format!("v: {text}"), &file()).unwrap().unwrap();
        format!("{:?}", node.get("v").unwrap().clone().value("v"))
    }

    #[test]
    fn scalars_are_what_they_are_in_yaml_1_1() {
        for (text, value) in [
            ("5986", "Int(5986)"),
            ("-5", "Int(-5)"),
            ("+5", "Int(5)"),
            ("0777", "Int(511)"),
            ("089", r#"Text("089")"#),
            ("0", "Int(0)"),
            ("0x1F", "Int(31)"),
            ("0b101", "Int(5)"),
            ("0o17", r#"Text("0o17")"#),
            ("1_000", "Int(1000)"),
            ("1:30", "Int(90)"),
            ("1:60", r#"Text("1:60")"#),
            ("1.5", "Float(1.5)"),
            ("1.", "Float(1.0)"),
            (".5", "Float(0.5)"),
            ("-.5", r#"Text("-.5")"#),
            ("1e3", r#"Text("1e3")"#),
            ("1.0e3", r#"Text("1.0e3")"#),
            ("1.0e+3", "Float(1000.0)"),
            (".inf", "Float(inf)"),
            ("yes", "Bool(true)"),
            ("Off", "Bool(false)"),
            ("y", r#"Text("y")"#),
            ("~", "Null"),
            ("", "Null"),
            ("'5'", r#"Text("5")"#),
            ("!!str 5", r#"Text("5")"#),
            ("!!int '5'", "Int(5)"),
            ("!unsafe '{{ x }}'", r#"Text("{{ x }}")"#),
            ("'{{ x }}'", "Template(***)"),
            ("!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  33", "Vault"),
            ("99999999999999999999", r#"Big("99999999999999999999")"#),
            ("[1, a]", r#"List([Int(1), Text("a")])"#),
            ("{a: 1, b: 2, a: 3}", r#"Map([("a", Int(3)), ("b", Int(2))])"#),
            ("1.2.3.4", r#"Text("1.2.3.4")"#),
        ] {
            assert_eq!(shown(text), value, "{text}");
        }
    }

    #[test]
    fn merge_keys_bring_in_what_is_not_said() {
        let text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  z: 5\n";
        let node = read(text, &file()).unwrap().unwrap();
        let merged = format!("{:?}", node.get("c").unwrap().clone().value("c"));
        assert_eq!(merged, r#"Map([("y", Int(2)), ("z", Int(5)), ("x", Int(1))])"#);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, place) in [
            ("a: 1\nb: [1", "hosts.yml:3"),
            ("a: 1\n---\nb: 2\n", "hosts.yml:2"),
            ("a: !ruby x\n", "hosts.yml:1"),
            ("a:\n  [1, 2]: 3\n", "hosts.yml:2"),
        ] {
            let error = read(text, &file()).unwrap_err().to_string();
            assert!(error.starts_with(place), "{text:?}: {error}");
        }
        assert!(read("# nothing\n", &file()).unwrap().is_none_or(|node| node.is_null()));
    }

    #[test]
    fn neither_depth_nor_aliases_grow_without_bound() {
        let deep = "[".repeat(100_000);
        assert!(read(&deep, &file()).is_err());
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..40 {
            bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1));
        }
        assert!(read(&bomb, &file()).unwrap_err().to_string().ends_with("too large"));
    }
}
