//! What the hosts of a scenario are: names, build, language, clock, drives, limits.

use std::time::Duration;

use serde::Deserialize;

use crate::cim::Timestamp;

use super::super::text::Locale;
use super::quantity;

/// The table `[host]`: what all hosts of the fleet have in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostSettings {
    /// The beginning of the hosts' names; `HV` makes `HV01`, `HV02` and so on.
    pub prefix: String,
    /// The NetBIOS name of the domain.
    pub domain: String,
    /// The DNS name of the domain, which stands behind the names of the hosts.
    pub dns_domain: String,
    /// The build of Windows: 9600 is 2012 R2, 14393 is 2016, 17763 is 2019, 20348 is 2022, 26100 is 2025.
    pub build: u32,
    /// Whether Hyper-V is there and runs.
    pub hyper_v: Role,
    /// The language of the host's texts.
    pub locale: Locale,
    /// What the hosts' clocks show when they are made.
    #[serde(deserialize_with = "quantity::timestamp")]
    pub start: Timestamp,
    /// What the identifiers of new jobs, points and checkpoints follow from: the same ones in the same order for the
    /// same number.
    pub seed: Option<u64>,
    /// The drives. Without any there are `C:` and `D:`.
    #[serde(rename = "drive")]
    pub drives: Vec<Drive>,
    /// The shares that can be exported to. Any other is not found.
    #[serde(rename = "share")]
    pub shares: Vec<Share>,
    /// Directories that are there beside those of the machines.
    pub directories: Vec<String>,
}

/// Whether Hyper-V is there and runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It runs.
    #[default]
    Running,
    /// Its service `vmms` is stopped: the namespace is there, and its provider cannot be loaded.
    Stopped,
    /// The role is not installed: neither namespace nor service.
    Absent,
    /// That of before 2012: the namespace `root/virtualization` alone.
    Old,
}

/// A drive of a host: `[[host.drive]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drive {
    /// The letter without its colon.
    pub letter: char,
    /// Its size in bytes.
    #[serde(deserialize_with = "quantity::size")]
    pub size: u64,
    /// Its free bytes, before any export.
    #[serde(deserialize_with = "quantity::size")]
    pub free: u64,
    /// Whether the host may write there.
    #[serde(default)]
    pub access: Access,
}

/// A share in the network: `[[host.share]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// `\\server\share`.
    pub path: String,
    /// Whether the host may write there.
    #[serde(default)]
    pub access: Access,
}

/// Whether a host may write to a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It may.
    #[default]
    Granted,
    /// The computer account has no right: 0x80070005.
    Denied,
    /// The credentials could not be delegated: 0x8009030E.
    NoCredentials,
}

/// The table `[limits]`: the quotas of WinRM.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// `MaxEnvelopeSizekb`, in bytes: of requests, and of answers where the request asks for no less.
    #[serde(deserialize_with = "quantity::size")]
    pub max_envelope_size: u64,
    /// `MaxConcurrentOperationsPerUser`: open enumerations count, and the request at hand.
    pub max_operations: usize,
    /// How many subscriptions a user may have.
    pub max_subscriptions: usize,
    /// `MaxBatchItems`: the most items on a page.
    pub max_batch_items: u32,
    /// `MaxTimeoutms`: the longest operation.
    #[serde(deserialize_with = "quantity::duration")]
    pub max_timeout: Duration,
    /// `EnumerationTimeoutms`: how long an enumeration that nobody pulls is kept.
    #[serde(deserialize_with = "quantity::duration")]
    pub enumeration_timeout: Duration,
    /// How long a job is kept when it has ended.
    #[serde(deserialize_with = "quantity::duration")]
    pub job_removal: Duration,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            prefix: "HV".into(),
            domain: "LAB".into(),
            dns_domain: "lab.example".into(),
            build: 20348,
            hyper_v: Role::default(),
            locale: Locale::default(),
            start: Timestamp::new(1_795_168_800, 0, 0).expect("2026-11-20T10:00:00Z is in range"),
            seed: None,
            drives: Vec::new(),
            shares: Vec::new(),
            directories: Vec::new(),
        }
    }
}

impl HostSettings {
    /// Returns the NetBIOS name of a host, by its place in the fleet.
    pub fn name(&self, index: usize) -> String {
        format!("{}{:02}", self.prefix, index + 1)
    }

    /// Returns the full name of a host.
    pub fn fqdn(&self, index: usize) -> String {
        format!("{}.{}", self.name(index).to_lowercase(), self.dns_domain)
    }

    /// Fills in what every host has.
    pub(super) fn complete(&mut self) {
        let drive = |letter, size: u64, free: u64| Drive {
            letter,
            size: size << 30,
            free: free << 30,
            access: Access::Granted,
        };
        if self.drives.is_empty() {
            self.drives = vec![drive('C', 128, 64), drive('D', 4096, 3072)];
        }
        if self.shares.is_empty() {
            let share = |path: &str, access| Share { path: path.to_owned(), access };
            self.shares =
                vec![share(r"\\nas1\hvexports", Access::Granted), share(r"\\nas1\closed", Access::Denied)];
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_envelope_size: 512_000,
            max_operations: 1500,
            max_subscriptions: 50,
            max_batch_items: 32_000,
            max_timeout: Duration::from_secs(60),
            enumeration_timeout: Duration::from_secs(240),
            job_removal: Duration::from_secs(300),
        }
    }
}
