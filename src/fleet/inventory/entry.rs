use std::sync::Arc;

use super::graph::{Dialect, Variables};
use super::refusal::{Reason, Refusal};
use super::settings::{KEYS, OWN, Settings};
use super::value::{Origin, Variable};

/// One host of an inventory.
#[derive(Clone, Debug)]
pub struct HostEntry {
    /// Its name in the inventory.
    pub name: Arc<str>,
    /// The groups that it is in, itself or through one below them, sorted; not `all`.
    pub groups: Vec<Arc<str>>,
    /// What its variables are after all that was said of it and of its groups.
    pub variables: Variables,
    /// What is understood of them.
    pub settings: Settings,
    /// Settings that cannot be known. The host is not to be asked unless something before the inventory says them.
    pub refusals: Vec<Refusal>,
    /// Variables that mean nothing here.
    pub ignored: Vec<Ignored>,
}

/// A variable that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its name.
    pub variable: String,
    /// Where it stands.
    pub origin: Origin,
    /// Whether its name says that it is about the connection, and nobody knows it: a slip of the pen, perhaps.
    pub is_suspicious: bool,
}

impl HostEntry {
    pub(super) fn new(
        name: Arc<str>,
        groups: Vec<Arc<str>>,
        variables: Variables,
        locked: &[Origin],
        dialect: Dialect,
    ) -> Self {
        let mut refusals = Vec::new();
        let (settings, used) = Settings::read(&name, dialect, &variables, &mut refusals);
        refusals.extend(locked.iter().map(|origin| Refusal {
            setting: None,
            variable: origin.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default(),
            origin: origin.clone(),
            reason: Reason::VaultFile,
        }));
        let ignored = variables
            .iter()
            .filter(|(name, _)| !used.contains(&name.as_str()) && !ANSIBLE_S_OWN.contains(&name.as_str()))
            .map(|(name, variable)| Ignored {
                variable: name.clone(),
                origin: variable.origin.clone(),
                is_suspicious: is_suspicious(name),
            })
            .collect();
        Self { name, groups, variables, settings, refusals, ignored }
    }

    /// Returns a variable.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name).map(|variable| &**variable)
    }

    /// Returns what stands in the way of asking this host, where `said` are the settings that are said before the
    /// inventory.
    pub fn refusal(&self, said: &[&str]) -> Option<&Refusal> {
        self.refusals.iter().find(|refusal| refusal.setting.is_none_or(|setting| !said.contains(&setting)))
    }
}

/// Returns the names of all variables that mean something here.
pub fn known_variables() -> impl Iterator<Item = &'static str> {
    let ansible = KEYS.iter().flat_map(|key| key.names());
    ansible.chain(OTHERS.iter().copied()).chain(OWN.iter().copied())
}

fn is_suspicious(name: &str) -> bool {
    let is_about_us =
        ["ansible_winrm_", "ansible_psrp_", "refpoint_"].iter().any(|start| name.starts_with(start));
    // Of the other family, or needless: everybody knows what it is.
    is_about_us && !known_variables().any(|known| known == name) && !NEEDLESS.contains(&name)
}

/// Names of settings beside those of the table.
const OTHERS: &[&str] = &[
    "ansible_connection",
    "ansible_password",
    "ansible_winrm_pass",
    "ansible_winrm_password",
    "ansible_winrm_ca_trust_path",
    "ansible_winrm_server_cert_validation",
    "ansible_psrp_ca_cert",
    "ansible_psrp_cert_trust_path",
    "ansible_psrp_cert_validation",
];

/// Variables of the connection that have nothing to do here: tickets are obtained without `kinit`, CredSSP is not
/// spoken, the plan says how often something is tried.
const NEEDLESS: &[&str] = &[
    "ansible_winrm_kinit_mode",
    "ansible_winrm_kinit_cmd",
    "ansible_winrm_kinit_args",
    "ansible_winrm_kinit_env_vars",
    "ansible_winrm_credssp_auth_mechanism",
    "ansible_winrm_credssp_disable_tlsv1_2",
    "ansible_winrm_credssp_minimum_version",
    "ansible_psrp_credssp_auth_mechanism",
    "ansible_psrp_credssp_disable_tlsv1_2",
    "ansible_psrp_credssp_minimum_version",
    "ansible_psrp_reconnection_retries",
    "ansible_psrp_reconnection_backoff",
    "ansible_psrp_connection_backoff",
    "ansible_psrp_ignore_proxy",
    "ansible_psrp_max_envelope_size",
    "ansible_psrp_configuration_name",
];

/// What Ansible itself gives to every host, where it lists all it knows.
const ANSIBLE_S_OWN: &[&str] = &[
    "ansible_check_mode",
    "ansible_config_file",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_playbook_python",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "playbook_dir",
];
