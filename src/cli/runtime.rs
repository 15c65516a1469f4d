//! Waiting for hosts, and for those who want it to end.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, sleep, sleep_until};

use super::error::Error;
use super::exit::Exit;

#[cfg(unix)]
pub(crate) use self::unix::{Signals, outlive_limits_of_files};
#[cfg(windows)]
pub(crate) use self::windows::{Signals, outlive_limits_of_files};

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
        let is_late = done.as_ref().is_err_and(|error| error.kind == Exit::Deadline);
        tidy_up(&mut signals, if is_late { LAST_WORDS } else { LONGEST_TIDYING }).await;
        done
    });
    // A KDC that does not answer would hold its thread, and the program with it.
    runtime.shutdown_background();
    done
}

/// Does something that waits and that listens to [`Signals`] itself, and that knows when it has to be over.
pub(crate) fn follow<T>(
    deadline: Deadline,
    work: impl AsyncFnOnce(&mut Signals) -> Result<T, Error>,
) -> Result<T, Error> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let done = work(&mut signals).await;
        tidy_up(&mut signals, deadline.time_for(LONGEST_TIDYING)).await;
        done
    });
    runtime.shutdown_background();
    done
}

/// Does something that waits, and that nobody needs to end.
pub(crate) fn block<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    Builder::new_current_thread().enable_all().build().map_err(failed)?.block_on(work)
}

/// Does something on all processors that listens to [`Signals`] itself.
pub(crate) fn serve_with<T>(work: impl AsyncFnOnce(&mut Signals) -> Result<T, Error>) -> Result<T, Error> {
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(async {
        let mut signals = Signals::new()?;
        work(&mut signals).await
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

/// When a whole command has to be over, its login and its goodbye included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// It may take as long as it takes.
    pub(crate) const NONE: Self = Self(None);

    /// Returns the deadline of a command that begins now.
    pub(crate) fn after(length: Option<Duration>) -> Self {
        Self(length.map(|length| Instant::now() + length))
    }

    /// Returns the moment.
    pub(crate) fn moment(self) -> Option<Instant> {
        self.0
    }

    /// Does something for as long as there is time. What it has to say of the deadline itself counts more than
    /// `late`, which says what may be left behind whatever it was at.
    pub(crate) async fn within<T>(
        self,
        work: impl Future<Output = Result<T, Error>>,
        late: impl FnOnce() -> Error,
    ) -> Result<T, Error> {
        let passed = async {
            match self.0 {
                Some(moment) => sleep_until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = work => done,
            () = passed => Err(late()),
        }
    }

    /// Returns how long something may take that is done in the end: so long, or as long as there is time, and a
    /// moment always.
    pub(crate) fn time_for(self, longest: Duration) -> Duration {
        let left = self.0.map(|moment| moment.saturating_duration_since(Instant::now()));
        left.map_or(longest, |left| left.clamp(LAST_WORDS.min(longest), longest))
    }
}

fn interrupted() -> Error {
    Error::new(Exit::Interrupted, "interrupted")
}

fn terminated() -> Error {
    Error::new(Exit::Terminated, "terminated")
}

fn failed(error: std::io::Error) -> Error {
    Error::new(Exit::Failed, "cannot wait for anything").because(error)
}

/// Lets the tasks that sessions have left behind come to their end, for so long and unless somebody is in a hurry.
async fn tidy_up(signals: &mut Signals, longest: Duration) {
    let end = Instant::now() + longest;
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

/// What can be tidied up in this time is not left behind, even if there is no more time.
const LAST_WORDS: Duration = Duration::from_millis(250);
