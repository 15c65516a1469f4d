//! Telling others how a run goes: JSON to webhooks, signed; a sign of life to watchers of timers.
//!
//! `notifier` hears the run and has a `courier` for each address, a task that tries again at a growing distance;
//! `hook` and `ping` know what is sent, `payload` and `signature` how it is written; `address` shows no more of
//! a URL than its host, `look` finds out beforehand what would go wrong, and `client` is HTTP as it is wanted here. Nothing here ever fails a run, or holds it for
//! longer than its plan allows.

mod address;
mod args;
mod client;
mod courier;
mod hook;
mod look;
mod notifier;
mod payload;
mod ping;
mod signature;

pub(crate) use {
    args::NotifyArgs,
    look::{Unable, look},
    notifier::Notifier,
};
