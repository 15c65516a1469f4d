//! How answers are spelled.

use serde::Deserialize;

/// The table `[dialect]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {}
