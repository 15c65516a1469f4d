//! Ends as Windows tells them: events of the console.

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_logoff,
    ctrl_shutdown,
};

use super::{failed, interrupted, terminated};
use crate::cli::error::Error;

/// Waits for Ctrl-C; or for what SIGTERM is elsewhere: Ctrl-Break, which one process can send another, the end of the
/// console, of the session and of the system. To the latter three Windows leaves some seconds.
pub(crate) struct Signals {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    logoff: CtrlLogoff,
    shutdown: CtrlShutdown,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            interrupt: ctrl_c().map_err(failed)?,
            stop: ctrl_break().map_err(failed)?,
            close: ctrl_close().map_err(failed)?,
            logoff: ctrl_logoff().map_err(failed)?,
            shutdown: ctrl_shutdown().map_err(failed)?,
        })
    }

    /// Returns the next one as the error that it is to most commands.
    pub(crate) async fn next(&mut self) -> Error {
        tokio::select! {
            _ = self.interrupt.recv() => interrupted(),
            _ = self.stop.recv() => terminated(),
            _ = self.close.recv() => terminated(),
            _ = self.logoff.recv() => terminated(),
            _ = self.shutdown.recv() => terminated(),
        }
    }
}

/// Windows has no such limit: a write that finds no room is an error by itself.
pub(crate) fn outlive_limits_of_files() -> Result<(), Error> {
    Ok(())
}
