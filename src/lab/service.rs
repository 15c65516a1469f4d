//! How the service is configured.

use serde::Deserialize;

/// The table `[service]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {}
