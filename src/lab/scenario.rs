//! The scenario. A stand-in: users, login demands, dialect and faults.

use std::time::Duration;

use serde::Deserialize;

use crate::auth::Secret;
use crate::cim::Timestamp;

use super::{Dialect, Rights, Service, fault};

/// What a lab simulates.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Who may log in; the first is the one the ready line names.
    #[serde(rename = "user")]
    pub users: Vec<User>,
    /// What all hosts have in common.
    pub host: HostSettings,
    /// The quotas.
    #[serde(skip)]
    pub limits: Limits,
    /// How the service is configured.
    pub service: Service,
    /// How answers are spelled.
    pub dialect: Dialect,
    /// What goes wrong on purpose.
    #[serde(rename = "fault")]
    pub faults: Vec<fault::Rule>,
}

/// What all hosts have in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct HostSettings {
    /// The NetBIOS name of the domain.
    pub domain: String,
    /// The DNS name of the domain.
    pub dns_domain: String,
    /// What the hosts' clocks show when they are made.
    #[serde(skip, default = "start")]
    pub start: Timestamp,
}

fn start() -> Timestamp {
    Timestamp::new(1_795_168_800, 0, 0).expect("in range")
}

/// The quotas of WinRM.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The bytes of a request.
    pub max_envelope_size: u64,
}

impl HostSettings {
    /// Returns the NetBIOS name of a host, by its place in the fleet.
    pub fn name(&self, index: usize) -> String {
        format!("HV{:02}", index + 1)
    }
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            domain: "LAB".to_owned(),
            dns_domain: "lab.example".to_owned(),
            start: Timestamp::new(1_795_168_800, 0, 0).expect("in range"),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_envelope_size: 512_000 }
    }
}

/// Somebody with an account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// `DOMAIN\user`, or `user` for an account of the host's own.
    pub name: String,
    /// The password; without one, that of this start.
    #[serde(default, deserialize_with = "password")]
    pub password: Option<Secret<String>>,
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

    /// Sets what the hosts' clocks show when they are made.
    pub fn start_at(&mut self, unix: Duration) {
        let seconds = i64::try_from(unix.as_secs()).ok();
        if let Some(start) = seconds.and_then(|seconds| Timestamp::new(seconds, unix.subsec_nanos(), 0)) {
            self.host.start = start;
        }
    }

    /// Returns the user of that name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }
}

fn password<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    String::deserialize(deserializer).map(|password| Some(Secret::new(password)))
}

impl Default for Scenario {
    fn default() -> Self {
        let operator =
            User { name: r"LAB\operator".to_owned(), password: None, rights: Rights::Administrator };
        Self {
            users: vec![operator],
            host: HostSettings::default(),
            limits: Limits::default(),
            service: Service::default(),
            dialect: Dialect::default(),
            faults: Vec::new(),
        }
    }
}
