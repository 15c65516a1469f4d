//! What goes wrong on the way.

use serde::Deserialize;

/// One thing that goes wrong: `[[fault]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {}
