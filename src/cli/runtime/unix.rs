//! Ends as Unix sends them: signals.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{failed, interrupted, terminated};
use crate::cli::error::Error;

/// Waits for Ctrl-C or SIGTERM.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(failed);
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns the next one as the error that it is to most commands.
    pub(crate) async fn next(&mut self) -> Error {
        tokio::select! {
            _ = self.interrupt.recv() => interrupted(),
            _ = self.terminate.recv() => terminated(),
        }
    }
}

/// Has a write beyond the limit of the size of files fail, as on a full disk. Without this it would end the process
/// in the middle of something, and nobody would be told of the job that runs.
pub(crate) fn outlive_limits_of_files() -> Result<(), Error> {
    // Whoever hears the signal need not do anything: the write returns an error then.
    let heard = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGXFSZ, heard).map(drop).map_err(failed)
}
