//! Who may log in, and what they may do.

use serde::{Deserialize, Deserializer};

use crate::auth::Secret;

/// Somebody with an account: `[[user]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// `DOMAIN\user`, or `user` for an account of the host's own.
    pub name: String,
    /// The password; without one, whoever serves the hosts makes one up.
    #[serde(default, deserialize_with = "password")]
    pub password: Option<Secret<String>>,
    /// What the user may do.
    #[serde(default)]
    pub rights: Rights,
}

/// What a user may do: a word, or a table with one line for each right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Whether WinRM lets the user in.
    pub winrm: bool,
    /// Whether WMI lets the user into the namespaces.
    pub namespace: bool,
    /// Whether Hyper-V shows its objects to the user and takes orders.
    pub hyper_v: bool,
}

impl Rights {
    /// Everything.
    pub const ADMINISTRATOR: Self = Self { winrm: true, namespace: true, hyper_v: true };
    /// Nothing.
    pub const NONE: Self = Self { winrm: false, namespace: false, hyper_v: false };

    /// Returns whether WinRM lets the user in.
    pub fn may_use_winrm(self) -> bool {
        self.winrm
    }
}

impl Default for Rights {
    fn default() -> Self {
        Self::ADMINISTRATOR
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Word {
            Administrator,
            None,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            #[serde(default = "yes")]
            winrm: bool,
            #[serde(default = "yes")]
            namespace: bool,
            #[serde(default = "yes")]
            hyper_v: bool,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "rights: \"administrator\", \"none\", or a table of winrm, namespace and hyper_v"
        )]
        enum Either {
            Word(Word),
            Table(Table),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Word(Word::Administrator) => Self::ADMINISTRATOR,
            Either::Word(Word::None) => Self::NONE,
            Either::Table(Table { winrm, namespace, hyper_v }) => Self { winrm, namespace, hyper_v },
        })
    }
}

impl User {
    /// Returns whether a name is this user's: `DOMAIN\user`, `user@realm` or `user`, in any letter case.
    pub(super) fn is_called(&self, name: &str, dns_domain: &str) -> bool {
        let (domain, user) = self.name.split_once('\\').unwrap_or(("", &self.name));
        let same = str::eq_ignore_ascii_case;
        match (name.split_once('\\'), name.split_once('@')) {
            (Some((in_domain, called)), _) => {
                same(called, user) && (same(in_domain, domain) || same(in_domain, dns_domain))
            }
            (None, Some((called, realm))) => {
                same(called, user) && (same(realm, dns_domain) || same(realm, domain))
            }
            (None, None) => same(name, user),
        }
    }
}

fn password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    String::deserialize(deserializer).map(|password| Some(Secret::new(password)))
}

fn yes() -> bool {
    true
}
