//! What can be wrong with a message.

use crate::cim;
use crate::xml;

/// A message could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no well-formed XML.
    #[error("not well-formed")]
    Xml(#[from] xml::Error),
    /// Something in the message cannot be put into XML.
    #[error("the message cannot be written")]
    Write(#[from] xml::WriteError),
    /// An element or header stands where another is due.
    #[error("expected {expected}, found {found} at byte {offset}")]
    Unexpected {
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
        /// The offset in the text.
        offset: usize,
    },
    /// An element, header or attribute that has to be there is not.
    #[error("{expected} is missing from {within}")]
    Missing {
        /// What should be there.
        expected: String,
        /// The element it should be in.
        within: String,
    },
    /// A value that does not fit its place.
    #[error("{place} at byte {offset}")]
    Value {
        /// The property, parameter or header.
        place: String,
        /// The offset of its element.
        offset: usize,
        /// What is wrong with the value.
        #[source]
        problem: cim::Error,
    },
}

impl Error {
    pub(super) fn unexpected(expected: impl Into<String>, found: impl Into<String>, offset: usize) -> Self {
        Self::Unexpected { expected: expected.into(), found: found.into(), offset }
    }

    pub(super) fn missing(expected: impl Into<String>, within: impl Into<String>) -> Self {
        Self::Missing { expected: expected.into(), within: within.into() }
    }

    pub(super) fn value(place: impl Into<String>, offset: usize, problem: cim::Error) -> Self {
        Self::Value { place: place.into(), offset, problem }
    }
}
