//! What can be wrong with a document.

/// A document was refused: what is wrong, and at which byte of the decoded text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at byte {offset}")]
#[non_exhaustive]
pub struct Error {
    /// The offset in the UTF-8 text (for [`Problem::Encoding`]: in the raw bytes).
    pub offset: usize,
    /// What was found there.
    pub problem: Problem,
}

impl Error {
    /// Returns an error at an offset; texts in it are shortened, because the peer decides how long they are.
    pub fn new(offset: usize, problem: Problem) -> Self {
        Self { offset, problem: problem.shortened() }
    }
}

/// The ways in which a document can be refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are not valid in their charset.
    #[error("not valid {0}")]
    Encoding(&'static str),
    /// The charset is none that this program reads.
    #[error("unsupported charset {0:?}")]
    UnsupportedCharset(String),
    /// The tokenizer could not go on.
    #[error("syntax error: {}", visible(.0))]
    Syntax(String),
    /// A document type declaration: never needed, and the door to entity attacks.
    #[error("document type declarations are refused")]
    DocumentType,
    /// A processing instruction, or an XML declaration that is not at the start.
    #[error("processing instructions are refused")]
    ProcessingInstruction,
    /// An XML version other than 1.0.
    #[error("unsupported XML version {0:?}")]
    Version(String),
    /// A reference to an entity that is not one of the five predefined ones.
    #[error("unknown entity &{};", visible(.0))]
    UnknownEntity(String),
    /// A numeric reference to something that is no XML character (zero, a surrogate, a control).
    #[error("reference &{}; names no XML character", visible(.0))]
    ForbiddenReference(String),
    /// A character that XML 1.0 forbids.
    #[error("forbidden character U+{0:04X}")]
    ForbiddenCharacter(u32),
    /// The text ended while elements were open.
    #[error("the document ends with {0} elements open")]
    Truncated(usize),
    /// The text holds no element at all.
    #[error("the document holds no element")]
    NoRoot,
    /// A second element after the root.
    #[error("a second root element")]
    SecondRoot,
    /// Text before or after the root.
    #[error("text outside the root element")]
    TextOutsideRoot,
    /// A prefix that no declaration in scope binds.
    #[error("unbound prefix {0:?}")]
    UnboundPrefix(String),
    /// A namespace declaration that [XML Names] forbids.
    ///
    /// [XML Names]: https://www.w3.org/TR/xml-names/
    #[error("forbidden namespace declaration for prefix {0:?}")]
    ForbiddenDeclaration(String),
    /// The same attribute twice, by expanded name.
    #[error("duplicate attribute {0:?}")]
    DuplicateAttribute(String),
    /// An element or attribute name that XML does not allow.
    #[error("malformed name {0:?}")]
    MalformedName(String),
    /// More than [`Limits::bytes`](super::Limits::bytes).
    #[error("larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// More than [`Limits::depth`](super::Limits::depth).
    #[error("nested deeper than {0} levels")]
    TooDeep(usize),
    /// More than [`Limits::attributes`](super::Limits::attributes).
    #[error("more than {0} attributes on one element")]
    TooManyAttributes(usize),
    /// A namespace name that is too long: it counts again with each name that it belongs to.
    #[error("a namespace name longer than {0} bytes")]
    LongNamespace(usize),
    /// More namespace declarations in scope than any message has.
    #[error("more than {0} namespace declarations in scope")]
    TooManyNamespaces(usize),
    /// A text where a number of the right size is due.
    #[error("{0:?} is not a number, or too large")]
    NotANumber(String),
    /// An element where only text may stand.
    #[error("element {0:?} where only text may stand")]
    ElementInText(String),
}

impl Problem {
    fn shortened(mut self) -> Self {
        match &mut self {
            Self::UnsupportedCharset(text)
            | Self::Version(text)
            | Self::UnknownEntity(text)
            | Self::ForbiddenReference(text)
            | Self::UnboundPrefix(text)
            | Self::ForbiddenDeclaration(text)
            | Self::DuplicateAttribute(text)
            | Self::MalformedName(text)
            | Self::NotANumber(text)
            | Self::ElementInText(text) => shorten(text, SHOWN),
            // A sentence of the tokenizer, which has names of the document in it.
            Self::Syntax(text) => shorten(text, 2 * SHOWN),
            Self::Encoding(_)
            | Self::DocumentType
            | Self::ProcessingInstruction
            | Self::ForbiddenCharacter(_)
            | Self::Truncated(_)
            | Self::NoRoot
            | Self::SecondRoot
            | Self::TextOutsideRoot
            | Self::TooLarge(_)
            | Self::TooDeep(_)
            | Self::TooManyAttributes(_)
            | Self::LongNamespace(_)
            | Self::TooManyNamespaces(_) => {}
        }
        self
    }
}

/// How many characters of a text an error keeps.
pub(super) const SHOWN: usize = 60;

/// Cuts a text after a number of characters, and gives the memory of the rest back.
pub(super) fn shorten(text: &mut String, characters: usize) {
    if let Some((cut, _)) = text.char_indices().nth(characters) {
        text.truncate(cut);
        text.push('…');
        text.shrink_to_fit();
    }
}

/// Returns a text with its control characters escaped, so that a message stays one line.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use crate::xml::{Charset, Limits, Reader};

    #[test]
    fn however_long_a_text_of_a_peer_is_the_error_about_it_is_short_and_one_line() {
        let long = "\u{85}é\u{7F}\n".repeat(1 << 20);
        let name = "é".repeat(1 << 20);
        for document in [
            format!("<a>&{long};</a>"),
            format!("<a>&#{long};</a>"),
            format!("<a b='&{long};'/>"),
            format!("<{name}:a/>"),
            format!("<a {name}:b=''/>"),
            format!("<a xmlns:{name}=''/>"),
            format!("<a {name}='' {name}=''/>"),
            format!("<a {name}=''b=''/>"),
            format!("<a><{name}></b></a>"),
            format!("<a></{name}></a>"),
            format!("<a><{name}/></a>"),
            format!("<{name}\u{D7}/>"),
            format!("<?xml version='{name}'?><a/>"),
        ] {
            let mut reader = Reader::new(&document, &Limits::default()).unwrap();
            let read = reader.root().and_then(|_| reader.text());
            let error = read.expect_err("a broken document");
            let shown = error.to_string();
            assert!(shown.chars().count() < 400, "{} characters", shown.chars().count());
            assert!(!shown.contains(char::is_control), "{shown}");
            assert!(format!("{error:?}").len() < 2000, "{shown}");
        }
        let charset = Charset::named(&long).unwrap_err().to_string();
        assert!(charset.chars().count() < 400, "{charset}");
    }
}
