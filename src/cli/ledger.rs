//! Where the ledger is.

use std::path::PathBuf;
use std::time::SystemTime;

use refpoint::fleet::{Failure, Keeper};
use refpoint::ledger::Ledger;

use super::config;
use super::crash;
use super::error::Error;
use super::exit::Exit;
use super::folders;

/// The ledger.
#[derive(Debug, clap::Args)]
pub(crate) struct LedgerArgs {
    #[cfg_attr(
        not(windows),
        doc = "Keep what is done and owned in this file [default: $XDG_STATE_HOME/refpoint/ledger.db]"
    )]
    #[cfg_attr(
        windows,
        doc = r"Keep what is done and owned in this file [default: %LOCALAPPDATA%\refpoint\ledger.db]"
    )]
    #[arg(long, value_name = "FILE", env = "REFPOINT_LEDGER", hide_env_values = true)]
    ledger: Option<PathBuf>,
}

impl LedgerArgs {
    /// Opens the ledger, or begins one.
    pub(crate) fn open(&self) -> Result<Keeper, Error> {
        keep(self.path()?)
    }

    /// Opens the ledger to look into it, for commands that change nothing.
    pub(crate) fn look(&self) -> Result<Keeper, Error> {
        Ok(Keeper::new(Ledger::open_to_read(self.path()?).map_err(unusable)?))
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> Result<PathBuf, Error> {
        place(self.ledger.clone())
    }
}

/// Returns where the ledger is: where somebody says, or where it is by default.
pub(crate) fn place(said: Option<PathBuf>) -> Result<PathBuf, Error> {
    if let Some(path) = said.or_else(|| config::profile().path("ledger")) {
        return Ok(path);
    }
    let state = folders::state().ok_or_else(|| {
        let (state, home) = folders::STATE_VARIABLES;
        Error::usage(format!("nowhere to keep the ledger: neither {state} nor {home} is set"))
            .hint("--ledger FILE says where")
    })?;
    Ok(state.join("ledger.db"))
}

/// Opens the ledger in a file.
pub(crate) fn keep(path: PathBuf) -> Result<Keeper, Error> {
    let mut ledger = Ledger::open(path).map_err(unusable)?;
    if let Some(point) = crash::Point::of_ledger() {
        ledger.observe(point.into_observer());
    }
    Ok(Keeper::new(ledger))
}

fn unusable(error: refpoint::ledger::Error) -> Error {
    let hint = Failure::from(&error).hint;
    let error = Error::new(Exit::LocalFiles, "cannot use the ledger").because(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Tells the time to the ledger and to reports.
pub(crate) fn clock() -> SystemTime {
    SystemTime::now()
}
