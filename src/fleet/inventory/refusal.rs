use std::fmt;

use super::value::Origin;

/// Something that is set for a host, and that cannot be known.
///
/// It stands in the way of this host only, and only as long as nothing that comes before the inventory says the
/// same setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The setting that it would have been; `None` for a whole file, which may hold any.
    pub setting: Option<&'static str>,
    /// The variable; the name of the file for a whole file.
    pub variable: String,
    /// Where it stands.
    pub origin: Origin,
    /// Why it cannot be known.
    pub reason: Reason,
}

/// Why a value cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Ansible would evaluate it.
    Template,
    /// Ansible Vault has encrypted it.
    Vault,
    /// Ansible Vault has encrypted the whole file.
    VaultFile,
    /// It is nothing that the setting can be.
    Malformed(String),
}

impl Refusal {
    /// Returns what to do about it.
    pub fn way_out(&self) -> Option<&'static str> {
        match self.reason {
            // `ansible-inventory` leaves both as they are.
            Reason::Template | Reason::Vault => Some(
                "let Ansible resolve it: docs/inventory.md, \"Vault and Jinja\", has the command that writes hosts.json, \
                 then: -i hosts.json",
            ),
            Reason::VaultFile => Some(
                "let Ansible open it: ansible-inventory -i INVENTORY --ask-vault-pass --list | refpoint … -i -",
            ),
            Reason::Malformed(_) => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, origin, .. } = self;
        match &self.reason {
            Reason::Template => {
                write!(f, "{origin}: {variable} is a Jinja template, which is not evaluated here")
            }
            Reason::Vault => write!(f, "{origin}: {variable} is encrypted with Ansible Vault"),
            Reason::VaultFile => write!(f, "{origin}: the whole file is encrypted with Ansible Vault"),
            Reason::Malformed(what) => write!(f, "{origin}: {variable}: {what}"),
        }
    }
}
