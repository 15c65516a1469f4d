//! Waiting for hosts, and for those who want it to end.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep};

use super::error::Error;
use super::exit::Exit;

/// Does something that waits, until it is done or somebody ends it with Ctrl-C or SIGTERM.
///
/// What is under way is then dropped; a moment is left for what is tidied up on the host.
pub(crate) fn wait(work: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let failed = |error| Error::new(Exit::Failed, "cannot wait for anything").because(error);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let done = tokio::select! {
            done = work => done,
            _ = interrupt.recv() => Err(Error::new(Exit::Interrupted, "interrupted")),
            _ = terminate.recv() => Err(Error::new(Exit::Terminated, "terminated")),
        };
        tidy_up(&mut interrupt, &mut terminate).await;
        done
    });
    // A KDC that does not answer would hold its thread, and the program with it.
    runtime.shutdown_background();
    done
}

/// Lets the tasks that sessions have left behind come to their end, for a moment and unless somebody is in a
/// hurry.
async fn tidy_up(interrupt: &mut Signal, terminate: &mut Signal) {
    let end = Instant::now() + LONGEST_TIDYING;
    let finished = async {
        while Handle::current().metrics().num_alive_tasks() > 0 && Instant::now() < end {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = finished => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// What takes longer the host ends by itself, when it expires.
const LONGEST_TIDYING: Duration = Duration::from_secs(2);
