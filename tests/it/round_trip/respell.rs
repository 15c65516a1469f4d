//! The same message in another spelling, and messages that came to harm on their way.

use std::collections::BTreeMap;
use std::ops::Range;

use refpoint::lab::{Dialect, Encoding, Like, Prefixes};
use refpoint::wsman::names;
use refpoint::xml::{self, Limits, Namespace, Node, Reader};

/// Random choices that one number determines.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Returns a number below another.
    pub(super) fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides.max(1) as u64).unwrap()
    }

    fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

struct Element {
    namespace: String,
    local: String,
    attributes: Vec<(String, String, Said)>,
    children: Vec<Child>,
}

enum Child {
    Element(Element),
    Text(Said),
}

/// What an attribute or a text says: itself, or a name whose prefix can be any.
enum Said {
    Text(String),
    Name(String, String),
}

/// Returns another text of the same message: other prefixes, declared elsewhere; attributes and headers in
/// another order; white space and comments where they mean nothing; other quotes; CDATA sections and numeric
/// references instead of what they stand for; an XML declaration.
pub(super) fn respelled(text: &str, dice: &mut Dice) -> String {
    let mut reader = Reader::new(text, &Limits::default()).unwrap();
    let root = reader.root().unwrap();
    let mut root = element(&mut reader, &root);
    shuffle_headers(&mut root, dice);
    let start =
        ["", "<?xml version='1.0'?>", "<?xml version=\"1.0\" encoding=\"utf-16\" standalone='yes' ?>\r\n"];
    let mut out = dice.of(&start).to_owned();
    blank(&mut out, dice);
    write(&root, &BTreeMap::new(), dice, &mut out);
    blank(&mut out, dice);
    out
}

/// Returns one of the dialects of the simulated host.
pub(super) fn dialect(dice: &mut Dice) -> Dialect {
    let mut flip = || dice.below(2) == 0;
    Dialect {
        reversed_attributes: flip(),
        white_space: flip(),
        declaration: flip(),
        extra_headers: flip(),
        numeric_nil: flip(),
        capital_booleans: flip(),
        bare_datetimes: flip(),
        wrapped_references: flip(),
        untyped: flip(),
        byte_order_mark: flip(),
        chunked: flip(),
        like: [Like::Windows, Like::Omi][dice.below(2)],
        prefixes: [None, Some(Prefixes::Windows), Some(Prefixes::Omi), Some(Prefixes::Numbered)]
            [dice.below(4)],
        encoding: [None, Some(Encoding::Utf8), Some(Encoding::Utf16Le), Some(Encoding::Utf16Be)]
            [dice.below(4)],
    }
}

/// Returns the bytes of a text in one of the encodings in which a host may send it.
pub(super) fn encoded(text: &str, dice: &mut Dice) -> Vec<u8> {
    let units = |order: fn(u16) -> [u8; 2]| {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(order).collect()
    };
    match dice.below(4) {
        0 => text.as_bytes().to_vec(),
        1 => [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat(),
        2 => units(u16::to_le_bytes),
        _ => units(u16::to_be_bytes),
    }
}

/// Reads what is left of the element that has just started.
fn element(reader: &mut Reader<'_>, start: &xml::Element<'_>) -> Element {
    let attributes = reader.attributes().iter().map(|attribute| {
        let name = &attribute.name;
        let said = match name.is(names::XSI, "type") || name.is(Namespace::NONE, "qname") {
            true => qname(reader, &attribute.value),
            false => Said::Text(attribute.value.to_string()),
        };
        (name.namespace.to_string(), name.local.to_owned(), said)
    });
    let mut read = Element {
        namespace: start.name.namespace.to_string(),
        local: start.name.local.to_owned(),
        attributes: attributes.collect(),
        children: Vec::new(),
    };
    let holds_name = start.name.is(names::SOAP, "Value");
    loop {
        match reader.node().unwrap() {
            Node::End => return read,
            Node::Element(child) => read.children.push(Child::Element(element(reader, &child))),
            Node::Text(text) if holds_name => read.children.push(Child::Text(qname(reader, &text))),
            Node::Text(text) => match read.children.last_mut() {
                Some(Child::Text(Said::Text(said))) => said.push_str(&text),
                _ => read.children.push(Child::Text(Said::Text(text.into_owned()))),
            },
        }
    }
}

fn qname(reader: &Reader<'_>, text: &str) -> Said {
    let name = reader.resolve(text).unwrap();
    Said::Name(name.namespace.into_owned(), name.local.to_owned())
}

fn shuffle_headers(envelope: &mut Element, dice: &mut Dice) {
    for child in &mut envelope.children {
        if let Child::Element(header) = child
            && header.local == "Header"
        {
            dice.shuffle(&mut header.children);
        }
    }
}

/// The bindings that hold for an element: from prefix to URI.
type Scope = BTreeMap<String, String>;

/// What a start tag declares, and which inherited prefixes it uses and must therefore leave alone.
struct Tag {
    scope: Scope,
    declared: Scope,
    used: Vec<String>,
}

fn write(element: &Element, outer: &Scope, dice: &mut Dice, out: &mut String) {
    let mut tag = Tag { scope: outer.clone(), declared: Scope::new(), used: Vec::new() };
    let name = tag.name(&element.namespace, &element.local, true, dice);
    let mut attributes = Vec::new();
    for (namespace, local, said) in &element.attributes {
        let name = tag.name(namespace, local, false, dice);
        let value = match said {
            Said::Text(text) => text.clone(),
            Said::Name(namespace, local) => tag.name(namespace, local, true, dice),
        };
        attributes.push((name, value));
    }
    let mut texts = Vec::new();
    for child in &element.children {
        if let Child::Text(Said::Name(namespace, local)) = child {
            texts.push(tag.name(namespace, local, true, dice));
        }
    }
    for (prefix, uri) in &tag.declared {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        attributes.push((name, uri.clone()));
    }
    dice.shuffle(&mut attributes);
    *out += "<";
    *out += &name;
    for (name, value) in attributes {
        *out += dice.of(&[" ", " ", "\n  ", "\t"]);
        *out += &name;
        *out += dice.of(&["=", "=", " = "]);
        attribute_value(&value, dice, out);
    }
    *out += dice.of(&["", "", " ", "\r\n"]);
    if element.children.is_empty() && dice.below(2) == 0 {
        *out += "/>";
        return;
    }
    *out += ">";
    let is_mixed = element.children.iter().any(|child| matches!(child, Child::Text(_)));
    let mut texts = texts.into_iter();
    for child in &element.children {
        if !is_mixed {
            blank(out, dice);
        }
        match child {
            Child::Element(child) => write(child, &tag.scope, dice, out),
            Child::Text(Said::Text(text)) => character_data(text, dice, out),
            Child::Text(Said::Name(..)) => {
                blank(out, dice);
                *out += &texts.next().expect("each has been named");
                blank(out, dice);
            }
        }
    }
    if !is_mixed && !element.children.is_empty() {
        blank(out, dice);
    }
    *out += "</";
    *out += &name;
    *out += dice.of(&["", "", " "]);
    *out += ">";
}

impl Tag {
    /// Returns a qualified name, with a declaration for it where one is needed or wanted.
    fn name(&mut self, namespace: &str, local: &str, may_be_default: bool, dice: &mut Dice) -> String {
        let prefix = self.prefix(namespace, may_be_default, dice);
        if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
    }

    fn prefix(&mut self, namespace: &str, may_be_default: bool, dice: &mut Dice) -> String {
        if namespace == xml::XML.uri {
            return "xml".to_owned();
        }
        if namespace.is_empty() {
            // Nothing has a prefix; an element is outside a default namespace only where there is none.
            if may_be_default {
                self.used.push(String::new());
                if self.scope.get("").is_some_and(|uri| !uri.is_empty()) {
                    self.declare("", "");
                }
            }
            return String::new();
        }
        let bound: Vec<String> = self
            .scope
            .iter()
            .filter(|(_, uri)| *uri == namespace)
            .map(|(prefix, _)| prefix.clone())
            .filter(|prefix| may_be_default || !prefix.is_empty())
            .collect();
        if !bound.is_empty() && dice.below(5) != 0 {
            let prefix = bound[dice.below(bound.len())].clone();
            self.used.push(prefix.clone());
            return prefix;
        }
        // Few prefixes, so that they are taken over again and again.
        let few = ["", "s", "p", "w", "a", "ns0", "Ü", "x-1", "q", "v", "z", "k", "l", "m"];
        let free: Vec<&str> = few
            .iter()
            .copied()
            .filter(|prefix| may_be_default || !prefix.is_empty())
            .filter(|prefix| {
                !self.declared.contains_key(*prefix) && !self.used.iter().any(|used| used == prefix)
            })
            .collect();
        let prefix = dice.of(&free).to_owned();
        self.declare(&prefix, namespace);
        prefix
    }

    fn declare(&mut self, prefix: &str, uri: &str) {
        self.declared.insert(prefix.to_owned(), uri.to_owned());
        self.scope.insert(prefix.to_owned(), uri.to_owned());
    }
}

/// Writes what may stand between elements.
fn blank(out: &mut String, dice: &mut Dice) {
    *out += dice.of(&["", "", "", " ", "\n    ", "\r\n\t", "<!-- </s:Body> & ]]> -->"]);
}

fn attribute_value(value: &str, dice: &mut Dice, out: &mut String) {
    let quote = ['"', '\''][dice.below(2)];
    out.push(quote);
    for c in value.chars() {
        let must = matches!(c, '<' | '&' | '\t' | '\n' | '\r') || c == quote;
        character(c, must, dice, out);
    }
    out.push(quote);
}

fn character_data(text: &str, dice: &mut Dice, out: &mut String) {
    let mut rest = text;
    while !rest.is_empty() {
        let length = 1 + dice.below(rest.chars().count());
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        // In a section a carriage return would become a line feed, and its end would be its end.
        if dice.below(3) == 0 && !piece.contains(['\r', ']']) {
            *out += "<![CDATA[";
            *out += piece;
            *out += "]]>";
            continue;
        }
        for c in piece.chars() {
            match c {
                '\n' if dice.below(3) == 0 => *out += "\r\n",
                _ => character(c, matches!(c, '<' | '&' | '>' | '\r'), dice, out),
            }
        }
        if dice.below(6) == 0 {
            *out += "<!-- -->";
        }
    }
}

/// Writes a character itself, where that is allowed, or a reference to it.
fn character(c: char, must_escape: bool, dice: &mut Dice, out: &mut String) {
    if !must_escape && dice.below(8) != 0 {
        out.push(c);
        return;
    }
    let number = u32::from(c);
    let named = match c {
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        '"' => "&quot;",
        '\'' => "&apos;",
        _ => "",
    };
    match dice.below(3) {
        0 if !named.is_empty() => *out += named,
        1 => *out += &format!("&#{number};"),
        _ => *out += &format!("&#x{number:x};"),
    }
}

/// Returns a text that has come to harm: bytes and whole elements changed, lost, repeated or moved.
pub(super) fn damaged(text: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        let elements = std::str::from_utf8(&bytes).map(elements).unwrap_or_default();
        match dice.below(8) {
            0 => {
                let at = dice.below(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            1 => drop(bytes.drain(some(bytes.len(), dice))),
            2 => {
                let again = bytes[some(bytes.len(), dice)].to_vec();
                let at = dice.below(bytes.len() + 1);
                bytes.splice(at..at, again);
            }
            3 => {
                let token = dice.of(&[
                    "<",
                    ">",
                    "/>",
                    "</a>",
                    "<a>",
                    "&",
                    "&#0;",
                    "&x;",
                    "]]>",
                    "<![CDATA[",
                    "\"",
                    "'",
                    "<!--",
                    "<?x?>",
                    "<!DOCTYPE a>",
                    " xsi:nil='true'",
                    " xsi:type='p:X_Type'",
                    "xmlns=''",
                    "\u{0}",
                    "-1",
                    "99999999999999999999",
                    "PT1S",
                    "é",
                ]);
                let at = dice.below(bytes.len() + 1);
                bytes.splice(at..at, token.bytes());
            }
            _ if elements.is_empty() => {}
            4 => drop(bytes.drain(elements[dice.below(elements.len())].clone())),
            5 | 6 => {
                let again = bytes[elements[dice.below(elements.len())].clone()].to_vec();
                let at = elements[dice.below(elements.len())].start;
                bytes.splice(at..at, again);
            }
            _ => {
                let other = bytes[elements[dice.below(elements.len())].clone()].to_vec();
                bytes.splice(elements[dice.below(elements.len())].clone(), other);
            }
        }
        bytes.truncate(1 << 18);
    }
    bytes
}

/// A short range within a length.
fn some(length: usize, dice: &mut Dice) -> Range<usize> {
    let start = dice.below(length + 1);
    start..length.min(start + dice.below(40))
}

/// Where the elements of a text stand; those before its first mistake.
fn elements(text: &str) -> Vec<Range<usize>> {
    fn inside(reader: &mut Reader<'_>, found: &mut Vec<Range<usize>>) -> Result<(), xml::Error> {
        while let Some(child) = reader.child()? {
            inside(reader, found)?;
            found.push(child.offset..reader.position());
        }
        Ok(())
    }
    let mut found = Vec::new();
    if let Ok(mut reader) = Reader::new(text, &Limits::default())
        && reader.root().is_ok()
    {
        // What was found before a mistake counts.
        let _ = inside(&mut reader, &mut found);
    }
    found
}
