//! The writer: a string that is well-formed or is not handed out.

use super::error::{SHOWN, shorten};
use super::name::{Namespace, XML, XMLNS_URI, is_ncname, is_xml_char};

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
    /// The attributes of the unfinished start tag.
    attributes: Vec<Written>,
    /// Where the prefixes of QNames in their values stand in `out`.
    prefixes_in_values: Vec<(usize, usize)>,
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
    /// A name or a namespace name that XML keeps for its own declarations.
    #[error("{0:?} cannot be written: it declares namespaces")]
    Reserved(String),
    /// The same attribute twice on one element, by expanded name.
    #[error("attribute {0:?} written twice")]
    DuplicateAttribute(String),
    /// Elements left open, closed twice, or none or two at the root; an attribute after content.
    #[error("misplaced {0}")]
    Structure(&'static str),
}

impl WriteError {
    /// Returns the error about a name that is no XML name.
    pub(crate) fn name(name: &str) -> Self {
        Self::Name(name.to_owned()).shortened()
    }

    fn shortened(mut self) -> Self {
        match &mut self {
            Self::Name(text) | Self::Reserved(text) | Self::DuplicateAttribute(text) => shorten(text, SHOWN),
            Self::Character(_) | Self::Structure(_) => {}
        }
        self
    }
}

#[derive(Debug)]
struct Open {
    /// Where the qualified name stands in the output.
    name: (usize, usize),
    bindings: usize,
}

/// An attribute that was written.
#[derive(Clone, Copy, Debug)]
struct Written {
    /// Where its qualified name stands in the output, and where the local name in it begins.
    name: (usize, usize),
    local: usize,
    /// The binding of its prefix, where it needs one.
    bound: Option<usize>,
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
            prefixes_in_values: Vec::new(),
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
        self.refuse_reserved(namespace);
        let bound = self.binding_of(namespace.uri);
        self.out.push('<');
        let from = self.out.len();
        match bound {
            _ if namespace.uri.is_empty() => {}
            Some(index) => self.push_prefix(index),
            // Bound everywhere, and never declared.
            None if namespace.uri == XML.uri => self.out.push_str("xml:"),
            None => {
                self.out.push_str(free_prefix(namespace.prefix));
                self.out.push(':');
            }
        }
        self.out.push_str(local);
        self.open.push(Open { name: (from, self.out.len()), bindings: self.bindings.len() });
        self.in_tag = true;
        self.attributes.clear();
        self.prefixes_in_values.clear();
        if bound.is_none() && needs_binding(namespace) {
            self.declare_as(free_prefix(namespace.prefix), namespace.uri);
        }
        self.check_name(local);
        self
    }

    /// Declares a namespace on the element that has just been opened, so that all below share it. Where its
    /// prefix means another namespace on this very tag, it gets another prefix.
    pub fn declare(&mut self, namespace: Namespace<'_>) -> &mut Self {
        if !needs_binding(namespace) {
            return self;
        }
        if !self.in_tag {
            self.fail(WriteError::Structure("namespace declaration"));
            return self;
        }
        self.refuse_reserved(namespace);
        let wanted = free_prefix(namespace.prefix);
        // A second prefix for what has one is worth writing only where it is the preferred one.
        if !self.is_taken(wanted) || self.binding_of(namespace.uri).is_none() {
            self.declare_apart(wanted, namespace.uri);
        }
        self
    }

    /// Declares a namespace under a prefix, or one like it that means nothing else on this tag.
    fn declare_apart(&mut self, wanted: &str, uri: &str) {
        if !self.is_taken(wanted) {
            return self.declare_as(wanted, uri);
        }
        let free = (1..).map(|number| format!("{wanted}{number}")).find(|prefix| !self.is_taken(prefix));
        self.declare_as(&free.unwrap_or_default(), uri);
    }

    fn declare_as(&mut self, prefix: &str, uri: &str) {
        self.check_name(prefix);
        self.out.push_str(" xmlns:");
        let from = self.out.len();
        self.out.push_str(prefix);
        let prefix = (from, self.out.len());
        self.out.push_str("=\"");
        let from = self.out.len();
        self.escape_value(uri);
        let uri = match &self.out[from..] == uri {
            true => Uri::Written(from, self.out.len()),
            false => Uri::Escaped(uri.into()),
        };
        self.out.push('"');
        self.bindings.push(Binding { prefix, uri });
    }

    /// Writes an attribute of the element that has just been opened.
    pub fn attribute(&mut self, namespace: Namespace<'_>, local: &str, value: &str) -> &mut Self {
        if !self.in_tag {
            self.fail(WriteError::Structure("attribute"));
            return self;
        }
        if namespace.uri.is_empty() && local == "xmlns" {
            self.fail(WriteError::Reserved(local.to_owned()));
        }
        self.check_name(local);
        let bound = self.bind(namespace);
        self.out.push(' ');
        let from = self.out.len();
        self.push_qname(namespace, bound, local);
        let to = self.out.len();
        let written = Written { name: (from, to), local: to - local.len(), bound };
        if self.attributes.iter().any(|earlier| self.is_same_name(earlier, &written)) {
            self.fail(WriteError::DuplicateAttribute(self.out[from..to].to_owned()));
        }
        self.attributes.push(written);
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
        let prefix = match bound {
            Some(index) => self.prefix(&self.bindings[index]),
            None if value.0.uri == XML.uri => XML.prefix,
            None => "",
        };
        let separator = if prefix.is_empty() { "" } else { ":" };
        let name = format!("{prefix}{separator}{}", value.1);
        self.prefixes_in_values.extend(bound.map(|index| self.bindings[index].prefix));
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
        if !needs_binding(namespace) {
            return None;
        }
        self.refuse_reserved(namespace);
        if let Some(index) = self.binding_of(namespace.uri) {
            return Some(index);
        }
        if !self.in_tag {
            self.fail(WriteError::Structure("qualified name after content"));
            return None;
        }
        // The preferred prefix may be taken on this very tag: `p:` is the class and also Microsoft's header
        // namespace.
        self.declare_apart(free_prefix(namespace.prefix), namespace.uri);
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

    /// Returns whether a prefix has a meaning on the unfinished start tag that it must keep.
    fn is_taken(&self, prefix: &str) -> bool {
        let own = self.open.last().map_or(0, |open| open.bindings);
        self.bindings[own..].iter().any(|binding| self.prefix(binding) == prefix) || self.tag_uses(prefix)
    }

    /// Returns whether the unfinished start tag already spells a name with this prefix: declaring the
    /// prefix anew on the same tag would change what that name means.
    fn tag_uses(&self, prefix: &str) -> bool {
        let names = self.open.last().map(|open| open.name).into_iter();
        let mut names = names.chain(self.attributes.iter().map(|attribute| attribute.name));
        let begins = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(':'));
        names.any(|(from, to)| begins(&self.out[from..to]))
            || self.prefixes_in_values.iter().any(|&(from, to)| self.out[from..to] == *prefix)
    }

    /// Returns whether two attributes have the same local name in the same namespace.
    fn is_same_name(&self, a: &Written, b: &Written) -> bool {
        let qualified = |written: &Written| &self.out[written.name.0..written.name.1];
        let local = |written: &Written| &self.out[written.local..written.name.1];
        match (a.bound, b.bound) {
            (Some(one), Some(other)) => {
                local(a) == local(b) && self.uri(&self.bindings[one]) == self.uri(&self.bindings[other])
            }
            _ => qualified(a) == qualified(b),
        }
    }

    fn refuse_reserved(&mut self, namespace: Namespace<'_>) {
        if namespace.uri == XMLNS_URI {
            self.fail(WriteError::Reserved(namespace.uri.to_owned()));
        }
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
        self.error.get_or_insert(error.shortened());
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

/// Returns whether names in a namespace need a declaration: those in none and those of XML itself do not.
fn needs_binding(namespace: Namespace<'_>) -> bool {
    !namespace.uri.is_empty() && namespace.uri != XML.uri
}

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
    const XMLNS: Namespace<'static> = Namespace::new("xmlns", XMLNS_URI);
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
    fn a_qname_in_the_namespace_of_xml_is_written_with_its_prefix() {
        let text = written(|w| {
            w.start(Namespace::NONE, "r")
                .qname_attribute(Namespace::NONE, "t", (XML, "z"))
                .qname(XML, "v")
                .end();
        });
        assert_eq!(text.unwrap(), r#"<r t="xml:z">xml:v</r>"#);
    }

    #[test]
    fn a_declaration_never_changes_what_its_own_tag_has_said() {
        let (one, two) = (Namespace::new("p", "urn:p1"), Namespace::new("p", "urn:p2"));
        let text = written(|w| {
            w.start(one, "r").start(one, "b").declare(two).element(two, "c", "").end().end();
        });
        assert_eq!(text.unwrap(), r#"<p:r xmlns:p="urn:p1"><p:b xmlns:p1="urn:p2"><p1:c/></p:b></p:r>"#);
        let text = written(|w| {
            w.start(one, "r").start(A, "b").qname_attribute(A, "t", (one, "z")).declare(two).end().end();
        });
        assert_eq!(
            text.unwrap(),
            r#"<p:r xmlns:p="urn:p1"><a:b xmlns:a="urn:a" a:t="p:z" xmlns:p1="urn:p2"/></p:r>"#
        );
        let text = written(|w| {
            w.start(one, "r").declare(two).declare(two).declare(one).end();
        });
        assert_eq!(text.unwrap(), r#"<p:r xmlns:p="urn:p1" xmlns:p1="urn:p2"/>"#);
    }

    #[test]
    fn an_attribute_written_under_two_prefixes_of_one_namespace_is_written_twice() {
        let other = Namespace::new("q", "urn:a");
        let result = written(|w| {
            w.start(Namespace::NONE, "r").attribute(A, "x", "1").declare(other).attribute(A, "x", "2").end();
        });
        assert_eq!(result, Err(WriteError::DuplicateAttribute("q:x".to_owned())));
        let result = written(|w| {
            w.start(Namespace::NONE, "r").attribute(A, "x", "1").declare(other).attribute(A, "y", "2").end();
        });
        assert_eq!(result.unwrap(), r#"<r xmlns:a="urn:a" a:x="1" xmlns:q="urn:a" q:y="2"/>"#);
    }

    #[test]
    fn names_of_any_length_make_short_errors() {
        let long = " ".repeat(1 << 20);
        let Err(WriteError::Name(name)) = written(|w| _ = w.element(A, &long, "")) else { panic!() };
        assert_eq!(name.chars().count(), SHOWN + 1);
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
            (
                written(|w| _ = w.start(A, "x").attribute(Namespace::NONE, "xmlns", "urn:b").end()),
                Reserved("xmlns".into()),
            ),
            (written(|w| _ = w.element(XMLNS, "x", "")), Reserved(XMLNS_URI.into())),
            (written(|w| _ = w.start(A, "x").declare(XMLNS).end()), Reserved(XMLNS_URI.into())),
            (written(|w| _ = w.start(A, "x").attribute(XMLNS, "y", "").end()), Reserved(XMLNS_URI.into())),
            (written(|w| _ = w.start(A, "x").qname(XMLNS, "y").end()), Reserved(XMLNS_URI.into())),
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

    /// Something that is done to a start tag.
    #[derive(Clone, Debug)]
    enum Step {
        Start(usize, usize),
        Declare(usize),
        Attribute(usize, usize),
        QName(usize, usize, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let (namespace, local) = (0..NAMESPACES.len(), 0..LOCALS.len());
        let step = prop_oneof![
            (namespace.clone(), local.clone()).prop_map(|(n, l)| Step::Start(n, l)),
            namespace.clone().prop_map(Step::Declare),
            (namespace.clone(), local.clone()).prop_map(|(n, l)| Step::Attribute(n, l)),
            (namespace, local.clone(), local).prop_map(|(n, l, v)| Step::QName(n, l, v)),
        ];
        proptest::collection::vec(step, 0..8)
    }

    const NAMESPACES: [Namespace<'static>; 8] = [
        Namespace::NONE,
        Namespace::new("a", "urn:1"),
        Namespace::new("a", "urn:2"),
        Namespace::new("b", "urn:1"),
        Namespace::new("b", "urn:2"),
        Namespace::new("", "urn:3"),
        XML,
        XMLNS,
    ];
    /// An attribute, and the QName that is its value, if it is one.
    type Said = (Namespace<'static>, &'static str, Option<(Namespace<'static>, &'static str)>);
    const LOCALS: [&str; 3] = ["x", "y", "xmlns"];

    proptest! {
        #[test]
        fn whatever_is_declared_in_whatever_order_every_name_means_what_was_said(steps in steps()) {
            let mut writer = Writer::new();
            writer.start(Namespace::NONE, "r");
            let mut said: Vec<Vec<Said>> = vec![vec![]];
            let mut elements = vec![(Namespace::NONE, "r")];
            for step in &steps {
                match *step {
                    Step::Start(n, l) => {
                        writer.start(NAMESPACES[n], LOCALS[l]);
                        elements.push((NAMESPACES[n], LOCALS[l]));
                        said.push(vec![]);
                    }
                    Step::Declare(n) => _ = writer.declare(NAMESPACES[n]),
                    Step::Attribute(n, l) => {
                        writer.attribute(NAMESPACES[n], LOCALS[l], "v");
                        said.last_mut().unwrap().push((NAMESPACES[n], LOCALS[l], None));
                    }
                    Step::QName(n, l, v) => {
                        let value = (NAMESPACES[(n + v) % NAMESPACES.len()], LOCALS[v]);
                        writer.qname_attribute(NAMESPACES[n], LOCALS[l], value);
                        said.last_mut().unwrap().push((NAMESPACES[n], LOCALS[l], Some(value)));
                    }
                }
            }
            for _ in &elements {
                writer.end();
            }
            let Ok(document) = writer.finish() else { return Ok(()) };
            let mut reader = Reader::new(&document, &Limits::default()).unwrap();
            for (at, (namespace, local)) in elements.iter().enumerate() {
                let element = if at == 0 { reader.root() } else { reader.child().map(Option::unwrap) };
                prop_assert!(element.unwrap().name.is(*namespace, local), "{}", document);
                prop_assert_eq!(reader.attributes().len(), said[at].len(), "{}", document);
                for (namespace, local, value) in &said[at] {
                    let found = reader.attribute(*namespace, local);
                    prop_assert!(found.is_some(), "{} in {}", local, document);
                    if let Some((namespace, local)) = value {
                        let name = found.unwrap().to_owned();
                        prop_assert!(reader.resolve(&name).unwrap().is(*namespace, local), "{}", document);
                    }
                }
            }
        }

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
