//! The classes that simulated hosts have: the bundled ones, and some that no client has a schema for.

use std::sync::LazyLock;

use crate::cim::Catalog;

/// Returns the classes that hosts have.
pub(super) fn lexicon() -> &'static Catalog {
    static LEXICON: LazyLock<Catalog> = LazyLock::new(|| {
        let texts = Catalog::bundled_mof().chain([PLAIN]);
        Catalog::from_mof(texts).expect("a test reads the schemas")
    });
    &LEXICON
}

const PLAIN: &str = include_str!("schemas/plain.mof");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_classes_that_are_not_bundled() {
        for class in ["Win32_Environment", "StdRegProv", "MSFT_NetAdapter"] {
            assert!(lexicon().is_known(class) && !Catalog::bundled().is_known(class), "{class}");
        }
    }
}
