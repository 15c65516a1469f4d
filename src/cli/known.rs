//! The certificates that were trusted when a host was first seen.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::SystemTime;

use refpoint::client::{KnownHost, KnownHosts};

use super::error::Error;
use super::folders;
use super::ui::Ui;

/// Returns what is remembered; `None` where there is nowhere to remember anything.
pub(crate) fn hosts() -> Option<KnownHosts> {
    HOSTS.get_or_init(|| file().map(|file| KnownHosts::in_file(file, SystemTime::now))).clone()
}

/// The same for whoever cannot do without.
pub(crate) fn hosts_or_else() -> Result<KnownHosts, Error> {
    hosts().ok_or_else(|| {
        let (state, home) = folders::STATE_VARIABLES;
        Error::usage(format!("nowhere to remember certificates: neither {state} nor {home} is set"))
            .hint("--pin sha256:HEX or --ca FILE trust without")
    })
}

/// Says which certificates have been trusted on first use since it was last asked.
pub(crate) fn tell(ui: &mut Ui) {
    news().iter().for_each(|known| ui.warn(&words(known)));
}

/// Returns which certificates have been trusted on first use since it was last asked.
pub(crate) fn news() -> Vec<KnownHost> {
    hosts().map(|hosts| hosts.news()).unwrap_or_default()
}

/// Returns what is said of one of them.
pub(crate) fn words(KnownHost { host, fingerprint, .. }: &KnownHost) -> String {
    format!("certificate of {host} trusted on first use ({fingerprint}): compare it with the host's own")
}

fn file() -> Option<PathBuf> {
    folders::state().map(|folder| folder.join("known_hosts"))
}

/// One for the whole program, so that whoever remembers something is heard by whoever tells of it.
static HOSTS: OnceLock<Option<KnownHosts>> = OnceLock::new();
