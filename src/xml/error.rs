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
    /// Returns an error at an offset.
    pub fn new(offset: usize, problem: Problem) -> Self {
        Self { offset, problem }
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
    #[error("syntax error: {0}")]
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
    #[error("unknown entity &{0};")]
    UnknownEntity(String),
    /// A numeric reference to something that is no XML character (zero, a surrogate, a control).
    #[error("reference &{0}; names no XML character")]
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
