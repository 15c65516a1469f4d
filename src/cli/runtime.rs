//! Waiting for hosts, and for those who want it to end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::consts::SIGXFSZ;
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::error::Error;
use super::exit::Exit;

/// Does something that waits, until it is done or somebody ends it with Ctrl-C or SIGTERM.
///
/// What is under way is then dropped; a moment is left for what is tidied up on the host.
pub(crate) fn wait(work: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let done = tokio::select! {
            done = work => done,
            signal = signals.next() => Err(signal),
        };
        tidy_up(&mut signals).await;
        done
    });
    // A KDC that does not answer would hold its thread, and the program with it.
    runtime.shutdown_background();
    done
}

/// Does something that waits and that listens to [`Signals`] itself.
pub(crate) fn follow<T>(work: impl AsyncFnOnce(&mut Signals) -> Result<T, Error>) -> Result<T, Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let done = work(&mut signals).await;
        tidy_up(&mut signals).await;
        done
    });
    runtime.shutdown_background();
    done
}

/// Serves on all processors. The work itself listens to [`Signals`].
pub(crate) fn serve(work: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

/// Has a write beyond the limit of the size of files fail, as on a full disk. Without this it would end the process
/// in the middle of something, and nobody would be told of the job that runs.
pub(crate) fn outlive_limits_of_files() -> Result<(), Error> {
    // Whoever hears the signal need not do anything: the write returns an error then.
    let heard = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGXFSZ, heard).map(drop).map_err(failed)
}

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
            _ = self.interrupt.recv() => Error::new(Exit::Interrupted, "interrupted"),
            _ = self.terminate.recv() => Error::new(Exit::Terminated, "terminated"),
        }
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(Exit::Failed, "cannot wait for anything").because(error)
}

/// Lets the tasks that sessions have left behind come to their end, for a moment and unless somebody is in a
/// hurry.
async fn tidy_up(signals: &mut Signals) {
    let end = Instant::now() + LONGEST_TIDYING;
    let finished = async {
        while Handle::current().metrics().num_alive_tasks() > 0 && Instant::now() < end {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = finished => {}
        _ = signals.next() => {}
    }
}

/// What takes longer the host ends by itself, when it expires.
const LONGEST_TIDYING: Duration = Duration::from_secs(2);
