//! What can be wrong with CIM text.

/// A CIM value, path, instance or declaration could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is no value of the type that was expected.
    #[error("expected {expected}, found {found:?}")]
    Value {
        /// The CIM type, or the form, that was expected.
        expected: &'static str,
        /// The text that was found, shortened.
        found: String,
    },
    /// An object path, at a byte of its text.
    #[error("malformed object path at byte {offset}: expected {expected}")]
    Path {
        /// The offset in the path's text.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A property that had to be there, or had to be of another type.
    #[error("property {name} of {class}: {problem}")]
    Property {
        /// The class of the instance.
        class: String,
        /// The property.
        name: String,
        /// What is wrong with it.
        problem: Box<Error>,
    },
    /// Nothing where something was required.
    #[error("missing")]
    Missing,
    /// MOF text, at a line.
    #[error("line {line}: {problem}")]
    Mof {
        /// The line, counted from 1.
        line: usize,
        /// What was expected, or what is wrong.
        problem: String,
    },
    /// A class that no catalogue entry declares.
    #[error("unknown class {0}")]
    UnknownClass(String),
    /// CIM-XML text that is no XML.
    #[error("embedded instance is not well-formed")]
    Xml(#[source] crate::xml::Error),
    /// CIM-XML text that is XML but no instance.
    #[error("embedded instance at byte {offset}: {problem}")]
    Embedded {
        /// The offset in the embedded text.
        offset: usize,
        /// What was expected, or what is wrong.
        problem: String,
    },
    /// A value that no CIM-XML text can carry.
    #[error("cannot be written as an embedded instance")]
    Unwritable(#[source] crate::xml::WriteError),
    /// More than a limit of ours allows.
    #[error("more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
}

impl Error {
    /// Returns the error for a text that is no value of a type; long texts are shortened.
    pub(crate) fn value(expected: &'static str, found: &str) -> Self {
        const SHOWN: usize = 60;
        let mut found = found.to_owned();
        if let Some((cut, _)) = found.char_indices().nth(SHOWN) {
            found.truncate(cut);
            found.push('…');
        }
        Self::Value { expected, found }
    }
}
