//! A look, before the night, at whether those can be told whom a plan names. Nothing is sent.

use jiff::Timestamp;
use refpoint::client::Secret;
use refpoint::fleet::{Hidden, Notify, Ping, Webhook};

use super::address::Address;
use super::hook::Hook;
use super::ping::Watcher;
use crate::cli::error::Error;
use crate::cli::secret;
use crate::cli::ui::Ui;

/// Somebody who could not be told.
pub(crate) struct Unable {
    /// Who, as far as that may be shown.
    pub(crate) whom: String,
    /// Why.
    pub(crate) error: Error,
}

/// Looks whether those can be told whom a plan names: addresses, the files and credentials they and the keys stand in,
/// authorities and proxies. What only the service has is said not to have been looked at.
pub(crate) fn look(plan: &Notify, ui: &mut Ui) -> Vec<Unable> {
    let mut unable = Vec::new();
    for (number, hook) in (1..).zip(&plan.webhook) {
        let whom = format!("webhook {number}");
        match hook_of(hook, &whom, ui) {
            Ok(hook) => tell_of_clear_text(hook.address(), ui),
            Err(error) => unable.push(Unable { whom, error }),
        }
    }
    if let Some(ping) = &plan.ping {
        let whom = "watcher".to_owned();
        match watcher_of(ping, &whom, ui) {
            Ok(watcher) => watcher.address().into_iter().for_each(|address| tell_of_clear_text(address, ui)),
            Err(error) => unable.push(Unable { whom, error }),
        }
    }
    unable
}

fn hook_of(hook: &Webhook, whom: &str, ui: &mut Ui) -> Result<Hook, Error> {
    let mut hook = hook.clone();
    if let Some(url) = elsewhere(&hook.url, whom, ui) {
        hook.url = url;
    }
    // A key is not needed for the rest.
    if hook.key.as_ref().is_some_and(|key| elsewhere(key, whom, ui).is_some()) {
        hook.key = None;
    }
    Hook::new(&hook, Timestamp::now, ui)
}

fn watcher_of(ping: &Ping, whom: &str, ui: &mut Ui) -> Result<Watcher, Error> {
    let mut ping = ping.clone();
    if let Some(url) = ping.url.as_ref().and_then(|url| elsewhere(url, whom, ui)) {
        ping.url = Some(url);
    }
    Watcher::new(&ping, Timestamp::now, ui)
}

/// Returns what stands for a credential that only the service has, where this is not the service.
fn elsewhere(hidden: &Hidden, whom: &str, ui: &mut Ui) -> Option<Hidden> {
    let Hidden::Credential(name) = hidden else { return None };
    if secret::has_credentials() {
        return None;
    }
    ui.note(&format!("{whom}: the service has the credential {name}; it was not looked at from here"));
    Some(Hidden::Given(Secret::new("https://localhost/".to_owned())))
}

fn tell_of_clear_text(address: &Address, ui: &mut Ui) {
    if address.is_clear() {
        ui.warn(&format!("everybody on the way to {address} can read what is sent there"));
    }
}
