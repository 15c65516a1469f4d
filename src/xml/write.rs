//! The writer: a string that is well-formed or is not handed out.

use super::name::{Namespace, XML, is_ncname, is_xml_char};

/// Writes one document.
///
/// Names, values and texts may be any strings: what XML can carry is escaped, what it cannot carry (a
/// control character, a name with a blank) is remembered and makes [`finish`](Self::finish) fail. Nothing
/// has to be checked in between.
///
/// ```
/// use refpoint::xml::{Namespace, Writer};
///
/// const ITEM: Namespace<'static> = Namespace::new("i", "urn:items");
/// let mut writer = Writer::new();
/// writer.start(ITEM, "Items").element(ITEM, "Item", "R&D <1>").end();
/// assert_eq!(
///     writer.finish()?,
///     r#"<i:Items xmlns:i="urn:items"><i:Item>R&amp;D &lt;1&gt;</i:Item></i:Items>"#
/// );
/// # Ok::<(), refpoint::xml::WriteError>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    out: String,
    style: EscapeStyle,
    open: Vec<Open>,
    bindings: Vec<Binding>,
    /// Where the names of the attributes of the unfinished start tag stand in `out`.
    attributes: Vec<(usize, usize)>,
    in_tag: bool,
    root_closed: bool,
    error: Option<WriteError>,
}

/// How `&`, `<`, `>` and quotes are spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EscapeStyle {
    /// `&amp;`, as everybody writes it.
    #[default]
    Named,
    /// `&#38;`: for CIM-XML inside string parameters, where Hyper-V has refused named references.
    Numeric,
}

/// Why a document cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A character that no XML 1.0 document can carry, escaped or not.
    #[error("the character U+{0:04X} cannot be sent in XML")]
    Character(u32),
    /// A name that is no XML name.
    #[error("{0:?} cannot be an XML name")]
    Name(String),
    /// The same attribute twice on one element.
    #[error("attribute {0:?} written twice")]
    DuplicateAttribute(String),
    /// Elements left open, closed twice, or none or two at the root; an attribute after content.
    #[error("misplaced {0}")]
    Structure(&'static str),
}

#[derive(Debug)]
struct Open {
    /// Where the qualified name stands in the output.
    name: (usize, usize),
    bindings: usize,
}

#[derive(Debug)]
struct Binding {
    /// Where the prefix stands in the output.
    prefix: (usize, usize),
    uri: Uri,
}

/// The URI of a binding: as it stands in the output, or apart where it had to be escaped there.
#[derive(Debug)]
enum Uri {
    Written(usize, usize),
    Escaped(Box<str>),
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// Returns a writer of an empty document.
    pub fn new() -> Self {
        Self::with_style(EscapeStyle::Named)
    }

    /// Returns a writer that escapes in one style.
    pub fn with_style(style: EscapeStyle) -> Self {
        Self {
            out: String::new(),
            style,
            open: Vec::new(),
            bindings: Vec::new(),
            attributes: Vec::new(),
            in_tag: false,
            root_closed: false,
            error: None,
        }
    }

    /// Returns a writer with room for a document of about `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: String::with_capacity(bytes), ..Self::new() }
    }

    /// Opens an element. Its namespace is declared where it is not in scope already.
    pub fn start(&mut self, namespace: Namespace<'_>, local: &str) -> &mut Self {
        self.close_tag();
        if self.open.is_empty() && self.root_closed {
            self.fail(WriteError::Structure("second root element"));
        }
        let bound = self.binding_of(namespace.uri);
        self.out.push('<');
        let from = self.out.len();
        match bound {
            _ if namespace.uri.is_empty() => {}
            Some(index) => self.push_prefix(index),
            // Bound everywhere, and never declared.
            None if namespace == XML => self.out.push_str("xml:"),
            None => {
                self.out.push_str(free_prefix(namespace.prefix));
                self.out.push(':');
            }
        }
        self.out.push_str(local);
        self.open.push(Open { name: (from, self.out.len()), bindings: self.bindings.len() });
        self.in_tag = true;
        self.attributes.clear();
        if bound.is_none() {
            self.declare(namespace);
        }
        self.check_name(local);
        self
    }

    /// Declares a namespace on the element that has just been opened, so that all below share it.
    pub fn declare(&mut self, namespace: Namespace<'_>) -> &mut Self {
        let prefix = free_prefix(namespace.prefix);
        if namespace.uri.is_empty() || namespace.uri == XML.uri {
            return self;
        }
        if !self.in_tag {
            self.fail(WriteError::Structure("namespace declaration"));
            return self;
        }
        let own = self.open.last().map_or(0, |open| open.bindings);
        let same = self.bindings[own..].iter().find(|binding| self.prefix(binding) == prefix);
        if let Some(same) = same {
            if self.uri(same) != namespace.uri {
                self.fail(WriteError::DuplicateAttribute(format!("xmlns:{prefix}")));
            }
            return self;
        }
        self.check_name(prefix);
        self.out.push_str(" xmlns:");
        let from = self.out.len();
        self.out.push_str(prefix);
        let prefix = (from, self.out.len());
        self.out.push_str("=\"");
        let from = self.out.len();
        self.escape_value(namespace.uri);
        let uri = match &self.out[from..] == namespace.uri {
            true => Uri::Written(from, self.out.len()),
            false => Uri::Escaped(namespace.uri.into()),
        };
        self.out.push('"');
        self.bindings.push(Binding { prefix, uri });
        self
    }

    /// Writes an attribute of the element that has just been opened.
    pub fn attribute(&mut self, namespace: Namespace<'_>, local: &str, value: &str) -> &mut Self {
        if !self.in_tag {
            self.fail(WriteError::Structure("attribute"));
            return self;
        }
        self.check_name(local);
        let bound = self.bind(namespace);
        self.out.push(' ');
        let from = self.out.len();
        self.push_qname(namespace, bound, local);
        let to = self.out.len();
        let name = &self.out[from..to];
        if self.attributes.iter().any(|&(from, to)| self.out[from..to] == *name) {
            let name = name.to_owned();
            self.fail(WriteError::DuplicateAttribute(name));
        }
        self.attributes.push((from, to));
        self.out.push_str("=\"");
        self.escape_value(value);
        self.out.push('"');
        self
    }

    /// Writes text into the current element.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.close_tag();
        if self.open.is_empty() {
            self.fail(WriteError::Structure("text outside the root element"));
        }
        let style = self.style;
        self.escape(text, |c| match (c, style) {
            (b'&', EscapeStyle::Named) => Some("&amp;"),
            (b'<', EscapeStyle::Named) => Some("&lt;"),
            (b'>', EscapeStyle::Named) => Some("&gt;"),
            (b'&', EscapeStyle::Numeric) => Some("&#38;"),
            (b'<', EscapeStyle::Numeric) => Some("&#60;"),
            (b'>', EscapeStyle::Numeric) => Some("&#62;"),
            (b'"', EscapeStyle::Numeric) => Some("&#34;"),
            // Readers turn a literal carriage return into a line feed.
            (b'\r', _) => Some("&#13;"),
            _ => None,
        });
        self
    }

    /// Writes a qualified name as the text of the element that has just been opened.
    pub fn qname(&mut self, namespace: Namespace<'_>, local: &str) -> &mut Self {
        self.check_name(local);
        let bound = self.bind(namespace);
        self.close_tag();
        if self.open.is_empty() {
            self.fail(WriteError::Structure("text outside the root element"));
        }
        self.push_qname(namespace, bound, local);
        self
    }

    /// Writes an attribute whose value is a qualified name, as `xsi:type` is.
    pub fn qname_attribute(
        &mut self,
        namespace: Namespace<'_>,
        local: &str,
        value: (Namespace<'_>, &str),
    ) -> &mut Self {
        self.check_name(value.1);
        let bound = self.bind(value.0);
        let prefix = bound.map_or("", |index| self.prefix(&self.bindings[index]));
        let separator = if prefix.is_empty() { "" } else { ":" };
        let name = format!("{prefix}{separator}{}", value.1);
        self.attribute(namespace, local, &name)
    }

    /// Writes an element that holds text alone.
    pub fn element(&mut self, namespace: Namespace<'_>, local: &str, text: &str) -> &mut Self {
        self.start(namespace, local);
        if !text.is_empty() {
            self.text(text);
        }
        self.end()
    }

    /// Closes the current element.
    pub fn end(&mut self) -> &mut Self {
        let Some(open) = self.open.pop() else {
            self.fail(WriteError::Structure("end of an element"));
            return self;
        };
        if self.in_tag {
            self.out.push_str("/>");
            self.in_tag = false;
        } else {
            self.out.push_str("</");
            self.out.extend_from_within(open.name.0..open.name.1);
            self.out.push('>');
        }
        self.bindings.truncate(open.bindings);
        self.root_closed |= self.open.is_empty();
        self
    }

    /// Returns the document, or the first thing that no document could carry.
    pub fn finish(self) -> Result<String, WriteError> {
        match self.error {
            Some(error) => Err(error),
            None if !self.open.is_empty() => Err(WriteError::Structure("end of the document")),
            None if !self.root_closed => Err(WriteError::Structure("document without a root element")),
            None => Ok(self.out),
        }
    }

    /// Returns the binding of a namespace, declaring it on the open tag where there is none; `None` for the
    /// names that need no binding.
    fn bind(&mut self, namespace: Namespace<'_>) -> Option<usize> {
        if namespace.uri.is_empty() || namespace.uri == XML.uri {
            return None;
        }
        if let Some(index) = self.binding_of(namespace.uri) {
            return Some(index);
        }
        if !self.in_tag {
            self.fail(WriteError::Structure("qualified name after content"));
            return None;
        }
        // The preferred prefix may be taken on this very tag (`p:` is the class and also Microsoft's
        // header namespace): then another one is found, because the tag cannot declare it twice.
        let own = self.open.last().map_or(0, |open| open.bindings);
        let wanted = free_prefix(namespace.prefix);
        let is_taken = |prefix: &str| {
            self.bindings[own..].iter().any(|binding| self.prefix(binding) == prefix) || self.tag_uses(prefix)
        };
        if is_taken(wanted) {
            let free = (1..).map(|number| format!("{wanted}{number}")).find(|prefix| !is_taken(prefix));
            self.declare(Namespace::new(&free.unwrap_or_default(), namespace.uri));
        } else {
            self.declare(Namespace::new(wanted, namespace.uri));
        }
        self.bindings.len().checked_sub(1)
    }

    fn push_qname(&mut self, namespace: Namespace<'_>, bound: Option<usize>, local: &str) {
        match bound {
            Some(index) => self.push_prefix(index),
            None if namespace.uri == XML.uri => self.out.push_str("xml:"),
            None => {}
        }
        self.out.push_str(local);
    }

    fn push_prefix(&mut self, binding: usize) {
        let (from, to) = self.bindings[binding].prefix;
        self.out.extend_from_within(from..to);
        self.out.push(':');
    }

    fn prefix(&self, binding: &Binding) -> &str {
        &self.out[binding.prefix.0..binding.prefix.1]
    }

    fn uri<'s>(&'s self, binding: &'s Binding) -> &'s str {
        match &binding.uri {
            Uri::Written(from, to) => &self.out[*from..*to],
            Uri::Escaped(uri) => uri,
        }
    }

    /// Returns whether the unfinished start tag already spells a name with this prefix: declaring the
    /// prefix anew on the same tag would change what that name means.
    fn tag_uses(&self, prefix: &str) -> bool {
        let element = self.open.last().map(|open| open.name);
        let uses = |&(from, to): &(usize, usize)| {
            self.out[from..to].strip_prefix(prefix).is_some_and(|rest| rest.starts_with(':'))
        };
        element.iter().any(uses) || self.attributes.iter().any(uses)
    }

    /// Returns the binding in scope for a URI whose prefix no later binding has taken over.
    fn binding_of(&self, uri: &str) -> Option<usize> {
        let index = self.bindings.iter().rposition(|binding| self.uri(binding) == uri)?;
        let prefix = self.prefix(&self.bindings[index]);
        let shadowed = self.bindings[index + 1..].iter().any(|later| self.prefix(later) == prefix);
        (!shadowed).then_some(index)
    }

    fn close_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.out.push('>');
        }
    }

    fn check_name(&mut self, name: &str) {
        if !is_ncname(name) {
            self.fail(WriteError::Name(name.to_owned()));
        }
    }

    fn escape_value(&mut self, value: &str) {
        let numeric = self.style == EscapeStyle::Numeric;
        self.escape(value, |c| match c {
            b'&' => Some(if numeric { "&#38;" } else { "&amp;" }),
            b'<' => Some(if numeric { "&#60;" } else { "&lt;" }),
            b'>' => Some(if numeric { "&#62;" } else { "&gt;" }),
            b'"' => Some(if numeric { "&#34;" } else { "&quot;" }),
            // Readers turn these into blanks.
            b'\t' => Some("&#9;"),
            b'\n' => Some("&#10;"),
            b'\r' => Some("&#13;"),
            _ => None,
        });
    }

    /// Copies text, replacing bytes that have another meaning in XML. All of these are ASCII, so the text
    /// is only ever cut between characters.
    fn escape(&mut self, text: &str, replacement: impl Fn(u8) -> Option<&'static str>) {
        let mut copied = 0;
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            if !SUSPICIOUS[usize::from(byte)] {
                continue;
            }
            if let Some(replacement) = replacement(byte) {
                self.out.push_str(&text[copied..at]);
                self.out.push_str(replacement);
                copied = at + 1;
            } else if let Some(c) = text[at..].chars().next().filter(|c| !is_xml_char(*c)) {
                self.fail(WriteError::Character(c.into()));
            }
        }
        self.out.push_str(&text[copied..]);
    }

    fn fail(&mut self, error: WriteError) {
        self.error.get_or_insert(error);
    }
}

/// The bytes at which text may have to be escaped or refused: controls, markup, quotes, and 0xEF, with which
/// U+FFFE and U+FFFF begin.
const SUSPICIOUS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[0xEF] = true;
    table
};

/// Returns the preferred prefix, or one that may be declared where there is none to prefer.
fn free_prefix(preferred: &str) -> &str {
    match preferred {
        "" | "xml" | "xmlns" => "ns",
        usable => usable,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::{Limits, Reader};

    const A: Namespace<'static> = Namespace::new("a", "urn:a");
    const P1: Namespace<'static> = Namespace::new("p", "urn:p1");
    const P2: Namespace<'static> = Namespace::new("p", "urn:p2");

    fn written(write: impl FnOnce(&mut Writer)) -> Result<String, WriteError> {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn namespaces_are_declared_once_and_where_they_are_needed() {
        let text = written(|w| {
            w.start(A, "r").element(A, "x", "").start(P1, "y").attribute(A, "k", "v").end().end();
        });
        assert_eq!(text.unwrap(), r#"<a:r xmlns:a="urn:a"><a:x/><p:y xmlns:p="urn:p1" a:k="v"/></a:r>"#);
    }

    #[test]
    fn a_prefix_may_mean_another_namespace_further_in() {
        let text = written(|w| {
            w.start(P1, "r").start(P2, "b").element(P1, "c", "1").end().element(P1, "d", "").end();
        });
        let text = text.unwrap();
        let mut reader = Reader::new(&text, &Limits::default()).unwrap();
        assert!(reader.root().unwrap().name.is(P1, "r"));
        assert!(reader.child().unwrap().unwrap().name.is(P2, "b"));
        assert!(reader.child().unwrap().unwrap().name.is(P1, "c"), "{text}");
        assert_eq!(reader.text().unwrap(), "1");
        assert!(reader.child().unwrap().is_none());
        assert!(reader.child().unwrap().unwrap().name.is(P1, "d"), "{text}");
    }

    #[test]
    fn two_namespaces_that_prefer_one_prefix_share_a_tag_without_harm() {
        let text = written(|w| {
            w.start(P1, "r").attribute(P2, "k", "v").attribute(P1, "k", "w").end();
        });
        let text = text.unwrap();
        let mut reader = Reader::new(&text, &Limits::default()).unwrap();
        assert!(reader.root().unwrap().name.is(P1, "r"));
        assert_eq!(reader.attribute(P2, "k"), Some("v"), "{text}");
        assert_eq!(reader.attribute(P1, "k"), Some("w"), "{text}");
        let inner = written(|w| {
            w.start(P1, "r").start(P1, "s").attribute(P2, "k", "v").end().end();
        });
        let inner = inner.unwrap();
        let mut reader = Reader::new(&inner, &Limits::default()).unwrap();
        reader.root().unwrap();
        assert!(reader.child().unwrap().unwrap().name.is(P1, "s"), "{inner}");
        assert_eq!(reader.attribute(P2, "k"), Some("v"), "{inner}");
    }

    #[test]
    fn the_namespace_of_xml_itself_needs_no_declaration() {
        let text = written(|w| {
            w.start(XML, "r").attribute(XML, "lang", "en").element(XML, "v", "").end();
        });
        assert_eq!(text.unwrap(), r#"<xml:r xml:lang="en"><xml:v/></xml:r>"#);
    }

    #[test]
    fn a_qname_in_text_gets_its_prefix_declared() {
        let text = written(|w| {
            w.start(A, "r").start(A, "v").qname(P1, "TimedOut").end().end();
        });
        assert_eq!(text.unwrap(), r#"<a:r xmlns:a="urn:a"><a:v xmlns:p="urn:p1">p:TimedOut</a:v></a:r>"#);
    }

    #[test]
    fn numeric_style_writes_no_named_reference() {
        let mut writer = Writer::with_style(EscapeStyle::Numeric);
        writer.start(Namespace::NONE, "v").attribute(Namespace::NONE, "n", "<\"&>").text("a<b>&\"'\r").end();
        assert_eq!(
            writer.finish().unwrap(),
            "<v n=\"&#60;&#34;&#38;&#62;\">a&#60;b&#62;&#38;&#34;'&#13;</v>"
        );
    }

    #[test]
    fn what_no_document_can_carry_is_an_error_and_not_a_document() {
        use WriteError::*;
        let table: Vec<(Result<String, WriteError>, WriteError)> = vec![
            (written(|w| _ = w.element(A, "x", "\u{0}")), Character(0)),
            (written(|w| _ = w.element(A, "x", "a\u{1F}")), Character(0x1F)),
            (written(|w| _ = w.element(A, "x", "\u{FFFF}")), Character(0xFFFF)),
            (written(|w| _ = w.start(A, "x").attribute(A, "y", "\u{B}").end()), Character(0xB)),
            (written(|w| _ = w.element(A, "a b", "")), Name("a b".into())),
            (written(|w| _ = w.element(A, "a><b", "")), Name("a><b".into())),
            (written(|w| _ = w.element(A, "", "")), Name(String::new())),
            (written(|w| _ = w.element(Namespace::new("a b", "urn:a"), "x", "")), Name("a b".into())),
            (written(|w| _ = w.start(A, "x").attribute(A, "1", "").end()), Name("1".into())),
            (
                written(|w| _ = w.start(A, "x").attribute(A, "y", "").attribute(A, "y", "").end()),
                DuplicateAttribute("a:y".into()),
            ),
            (written(|w| _ = w.start(A, "x")), Structure("end of the document")),
            (written(|_| ()), Structure("document without a root element")),
            (written(|w| _ = w.end()), Structure("end of an element")),
            (written(|w| _ = w.text("x")), Structure("text outside the root element")),
            (written(|w| _ = w.element(A, "x", "").element(A, "y", "")), Structure("second root element")),
            (written(|w| _ = w.start(A, "x").text("t").attribute(A, "y", "").end()), Structure("attribute")),
        ];
        for (result, error) in table {
            assert_eq!(result, Err(error));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back_or_is_refused(
            prefixes in proptest::collection::vec("[ap]?", 3),
            locals in proptest::collection::vec(prop_oneof!["[a-z]{1,3}", "\\PC{0,3}"], 3),
            texts in proptest::collection::vec(any::<String>(), 4),
            uri in "urn:\\PC{0,4}",
        ) {
            let outer = Namespace::new(&prefixes[0], "urn:o");
            let inner = Namespace::new(&prefixes[1], &uri);
            let other = Namespace::new(&prefixes[2], "urn:x");
            let mut writer = Writer::new();
            writer.start(outer, &locals[0]).attribute(inner, &locals[1], &texts[0]).text(&texts[1]);
            writer.start(inner, &locals[1]).attribute(other, &locals[2], &texts[2]).text(&texts[3]).end().end();
            let Ok(document) = writer.finish() else {
                let bad_name = locals.iter().any(|local| !is_ncname(local));
                let bad_text = texts.iter().any(|text| !text.chars().all(is_xml_char));
                prop_assert!(bad_name || bad_text || !uri.chars().all(is_xml_char));
                return Ok(());
            };
            let mut reader = Reader::new(&document, &Limits::default()).unwrap();
            prop_assert!(reader.root().unwrap().name.is(outer, &locals[0]), "{}", document);
            prop_assert_eq!(reader.attribute(inner, &locals[1]), Some(&*texts[0]));
            let mut text = String::new();
            loop {
                match reader.node().unwrap() {
                    crate::xml::Node::Text(piece) => text.push_str(&piece),
                    crate::xml::Node::Element(element) => {
                        prop_assert!(element.name.is(inner, &locals[1]), "{}", document);
                        prop_assert_eq!(reader.attribute(other, &locals[2]), Some(&*texts[2]));
                        prop_assert_eq!(reader.text().unwrap(), texts[3].as_str());
                    }
                    crate::xml::Node::End => break,
                }
            }
            prop_assert_eq!(text, texts[1].as_str());
            reader.finish().unwrap();
        }
    }
}
