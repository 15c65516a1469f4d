//! The scenario. A stand-in: users, login demands, dialect and faults.

use serde::Deserialize;

use super::{Dialect, Rights, Service, fault};

/// What a lab simulates.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Who may log in; the first is the one the ready line names.
    #[serde(rename = "user")]
    pub users: Vec<User>,
    /// How the service is configured.
    pub service: Service,
    /// How answers are spelled.
    pub dialect: Dialect,
    /// What goes wrong on purpose.
    #[serde(rename = "fault")]
    pub faults: Vec<fault::Rule>,
}

/// Somebody with an account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// `DOMAIN\user`, or `user` for an account of the host's own.
    pub name: String,
    /// The password; without one, that of this start.
    pub password: Option<String>,
    /// What the user may do.
    #[serde(default)]
    pub rights: Rights,
}

/// Why a scenario cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(String);

impl Scenario {
    /// Reads a scenario.
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        toml::from_str(text).map_err(|error| ScenarioError(error.to_string()))
    }

    /// Returns the user of that name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }
}

impl Default for Scenario {
    fn default() -> Self {
        let operator =
            User { name: r"LAB\operator".to_owned(), password: None, rights: Rights::Administrator };
        Self {
            users: vec![operator],
            service: Service::default(),
            dialect: Dialect::default(),
            faults: Vec::new(),
        }
    }
}
