//! Names of classes, properties, methods and keys.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A CIM name: it keeps its spelling and is compared without regard to ASCII case.
///
/// Cloning shares the text, so that ten thousand instances of one class hold each name once.
#[derive(Clone)]
pub struct Name(Arc<str>);

impl Name {
    /// Returns the name as it is spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xFF);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let mine = self.0.bytes().map(|byte| byte.to_ascii_lowercase());
        mine.cmp(other.0.bytes().map(|byte| byte.to_ascii_lowercase()))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn letter_case_matters_for_spelling_only() {
        let name = Name::from("Msvm_ConcreteJob");
        assert_eq!(name, Name::from("msvm_CONCRETEJOB"));
        assert_eq!(name.cmp(&Name::from("MSVM_concretejob")), Ordering::Equal);
        let later = Name::from("msvm_Copy");
        assert!(name < later);
        assert_eq!(name.to_string(), "Msvm_ConcreteJob");
        assert_eq!(HashMap::from([(name, 1)]).get(&Name::from("msvm_concretejob")), Some(&1));
        assert_ne!(Name::from("É"), Name::from("é"), "only ASCII letters have a case here");
    }
}
