use std::io;
use std::path::{Path, PathBuf};

use super::value::{Origin, Place};

fn before(file: Option<&Path>, line: Option<usize>) -> String {
    match (file, line) {
        (Some(file), Some(line)) => format!("{}:{line}: ", file.display()),
        (Some(file), None) => format!("{}: ", file.display()),
        (None, _) => String::new(),
    }
}

/// Why an inventory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("cannot read {}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nothing of that name.
    #[error("there is no inventory {}", .0.display())]
    Missing(PathBuf),
    /// It makes no sense there.
    #[error("{place}: {what}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        what: String,
    },
    /// A key that nobody knows, where a misspelled one would be passed over in silence.
    #[error("{place}: unknown key {key:?}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The keys that there are.
        known: Vec<&'static str>,
    },
    /// A password stands in a file that is ours to design.
    #[error("{place}: a password does not belong in this file")]
    ClearPassword {
        /// Where.
        place: Place,
    },
    /// A user or a password stands in the name or the address of a host, where everybody would read it: it is not
    /// repeated.
    #[error("{}the name or address of a host holds a user or a password, which do not belong there", before(.file.as_deref(), *.line))]
    LoginInAddress {
        /// The file, where that is known.
        file: Option<PathBuf>,
        /// The line in it.
        line: Option<usize>,
    },
    /// A program that makes an inventory.
    #[error("{} is a program that makes an inventory", .0.display())]
    Script(PathBuf),
    /// The configuration of one of Ansible's plugins.
    #[error("{place}: this configures Ansible's inventory plugin {plugin:?}, and holds no hosts")]
    Plugin {
        /// Where.
        place: Place,
        /// The plugin.
        plugin: String,
    },
    /// The whole inventory is encrypted with Ansible Vault.
    #[error("{} is encrypted with Ansible Vault", .0.display())]
    Vault(PathBuf),
    /// More hosts than anybody has.
    #[error("more than {most} hosts", most = super::graph::MOST_HOSTS)]
    TooManyHosts,
    /// A pattern that is none.
    #[error("{pattern:?} is no pattern of hosts: {what}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        what: String,
    },
    /// A setting that cannot be used as it is.
    #[error("{origin}: {setting} cannot be used: {what}")]
    Unusable {
        /// Which.
        setting: &'static str,
        /// Who says it.
        origin: Origin,
        /// Why.
        what: String,
    },
    /// The limit leaves no host.
    #[error("no host matches {0:?}")]
    NoMatch(String),
}

impl Error {
    pub(super) fn syntax(place: Place, what: impl Into<String>) -> Self {
        Self::Syntax { place, what: what.into() }
    }
}
