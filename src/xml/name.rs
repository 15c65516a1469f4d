//! Names: a namespace URI and a local name; prefixes are spelling.

use std::borrow::Cow;

/// A namespace with the prefix the writer prefers for it.
///
/// Only the URI has meaning. Two namespaces with one URI and different prefixes are the same namespace.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// The preferred prefix; empty only for [`Namespace::NONE`].
    pub prefix: &'a str,
    /// The namespace name; empty only for [`Namespace::NONE`].
    pub uri: &'a str,
}

/// The namespace of `xml:lang`, bound in every document without a declaration.
pub const XML: Namespace<'static> = Namespace::new("xml", "http://www.w3.org/XML/1998/namespace");

/// The namespace of namespace declarations themselves, which nothing else may be in.
pub(super) const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";

impl<'a> Namespace<'a> {
    /// No namespace: unprefixed attributes, and elements outside every namespace.
    pub const NONE: Namespace<'static> = Namespace { prefix: "", uri: "" };

    /// Returns a namespace with its preferred prefix.
    pub const fn new(prefix: &'a str, uri: &'a str) -> Self {
        Self { prefix, uri }
    }
}

impl PartialEq for Namespace<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.uri == other.uri
    }
}

impl Eq for Namespace<'_> {}

/// The expanded name of an element or attribute that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name<'a> {
    /// The namespace URI; empty where the name is in no namespace.
    pub namespace: Cow<'a, str>,
    /// The name without its prefix.
    pub local: &'a str,
}

impl Name<'_> {
    /// Returns whether this is `local` in `namespace`.
    pub fn is(&self, namespace: Namespace<'_>, local: &str) -> bool {
        self.local == local && self.namespace == namespace.uri
    }

    /// Returns whether this name is in `namespace`.
    pub fn is_in(&self, namespace: Namespace<'_>) -> bool {
        self.namespace == namespace.uri
    }
}

/// Returns whether `text` may be used as a prefix or local name ([XML Names] production NCName).
///
/// [XML Names]: https://www.w3.org/TR/xml-names/#NT-NCName
pub fn is_ncname(text: &str) -> bool {
    match text.as_bytes() {
        [first, rest @ ..] if first.is_ascii_alphabetic() || *first == b'_' => {
            rest.iter().all(|&byte| ASCII_NAME[usize::from(byte)]) || is_unicode_ncname(text)
        }
        _ => is_unicode_ncname(text),
    }
}

fn is_unicode_ncname(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// The ASCII characters that may stand behind the first in a name: nearly all names are made of these,
/// and every element has one.
const ASCII_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let c = byte as u8;
        table[byte] = c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.');
        byte += 1;
    }
    table
};

/// [XML 1.0] production NameStartChar, without the colon.
fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// [XML 1.0] production NameChar, without the colon.
fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Returns whether XML 1.0 lets this character stand in a document at all (production Char).
pub(super) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_property_names_are_ncnames_and_other_things_are_not() {
        for good in ["Msvm_ConcreteJob", "__cimnamespace", "a", "_", "Ü", "名前", "a-b.c1"] {
            assert!(is_ncname(good), "{good}");
        }
        for bad in ["", "1a", "-a", ".a", "a:b", "a b", "a<b", "a>", "a&b", "\u{0}", "a\u{FFFE}", "×"] {
            assert!(!is_ncname(bad), "{bad:?}");
        }
    }

    #[test]
    fn namespaces_are_equal_by_uri_alone() {
        assert_eq!(Namespace::new("a", "urn:x"), Namespace::new("b", "urn:x"));
        assert_ne!(Namespace::new("a", "urn:x"), Namespace::new("a", "urn:y"));
    }
}
