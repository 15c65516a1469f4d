//! Fragments: parts of objects (DSP0226 7.7).

use super::names::dialect;

/// A part of an object (DSP0226 7.7): Windows knows the paths `Property` and `Property/text()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The language of the expression.
    pub dialect: String,
    /// Which part.
    pub expression: String,
}

impl Fragment {
    /// Returns the fragment that is one property, element and all.
    pub fn property(name: &str) -> Self {
        Self { dialect: dialect::XPATH.to_owned(), expression: name.to_owned() }
    }

    /// Returns the fragment that is the text of one property.
    pub fn text(name: &str) -> Self {
        Self { dialect: dialect::XPATH.to_owned(), expression: format!("{name}/text()") }
    }
}
