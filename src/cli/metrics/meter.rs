//! Who listens to a run and keeps its numbers where they can be read.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use refpoint::fleet::{Event, RunReport};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::args::MetricsArgs;
use super::endpoint::{Endpoint, Page};
use super::figures::{Figures, Scope};
use super::{file, page};

/// Listens to a run and keeps its numbers where they can be read.
///
/// Hearing an event takes a moment in memory alone; files and sockets are the work of tasks.
pub(crate) struct Meter {
    figures: Arc<Mutex<Figures>>,
    clock: Clock,
    scope: Scope,
    file: Option<PathBuf>,
    writer: Option<JoinHandle<()>>,
    endpoint: Option<Endpoint>,
    /// Wakes the writer when the run begins, and ends it.
    begun: Arc<Notify>,
    stop: Arc<Notify>,
    trouble: Arc<Mutex<Trouble>>,
}

/// What is listened to.
pub(crate) struct Subject<'a> {
    /// What the plan is called.
    pub(crate) plan: &'a str,
    /// What became so far of a run that is taken up again.
    pub(crate) before: Option<&'a RunReport>,
    /// How much of the plan is run.
    pub(crate) scope: Scope,
}

/// Tells the time.
pub(crate) type Clock = fn() -> Timestamp;

/// What went wrong and has not been said yet; each thing is said once.
#[derive(Default)]
struct Trouble {
    is_file_told: bool,
    unsaid: Vec<String>,
}

impl Meter {
    /// Gets ready for a run of a plan. Whatever cannot be had is a warning.
    pub(crate) async fn start(args: &MetricsArgs, subject: &Subject<'_>, clock: Clock) -> Self {
        let mut trouble = Trouble::default();
        let mut figures = Figures::new(subject.plan, subject.before);
        if let Some(file) = &args.metrics_file {
            trouble.unsaid.extend(remember(file.clone(), &mut figures).await);
        }
        let figures = Arc::new(Mutex::new(figures));
        let mut meter = Self {
            figures,
            clock,
            scope: subject.scope,
            file: args.metrics_file.clone(),
            writer: None,
            endpoint: None,
            begun: Arc::default(),
            stop: Arc::default(),
            trouble: Arc::new(Mutex::new(trouble)),
        };
        if meter.file.is_some() {
            meter.writer = Some(tokio::spawn(meter.write_now_and_then(args.every())));
        }
        if let Some(address) = args.metrics_listen {
            if !address.ip().is_loopback() {
                let words =
                    format!("whoever reaches {address} can read the names and states of all hosts there");
                lock(&meter.trouble).unsaid.push(words);
            }
            match Endpoint::listen(address, meter.page()).await {
                Ok(endpoint) => meter.endpoint = Some(endpoint),
                Err(error) => {
                    let words = format!("no metrics on {address}: {error}");
                    lock(&meter.trouble).unsaid.push(words);
                }
            }
        }
        meter
    }

    /// Takes in what has happened.
    pub(crate) fn hear(&self, event: &Event) {
        let mut figures = lock(&self.figures);
        let had_begun = figures.is_running;
        figures.hear(event);
        if figures.is_running && !had_begun {
            self.begun.notify_one();
        }
    }

    /// Returns where the endpoint answers.
    pub(crate) fn address(&self) -> Option<std::net::SocketAddr> {
        self.endpoint.as_ref().map(Endpoint::address)
    }

    /// Returns what went wrong since this was last asked.
    pub(crate) fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.trouble).unsaid)
    }

    /// Writes how the run ended, and ends. Returns what went wrong.
    pub(crate) async fn finish(self, report: &RunReport) -> Vec<String> {
        lock(&self.figures).finish(report, self.scope, (self.clock)());
        self.end().await
    }

    /// Writes that there is no more of the run than this exit code, and ends. Returns what went wrong.
    pub(crate) async fn fail(self, exit_code: u8) -> Vec<String> {
        lock(&self.figures).fail(exit_code, (self.clock)());
        self.end().await
    }

    async fn end(mut self) -> Vec<String> {
        if let Some(writer) = self.writer.take() {
            self.stop.notify_one();
            let (file, trouble) = (self.file.clone().unwrap_or_default(), Arc::clone(&self.trouble));
            let written = async {
                let _ = writer.await;
                write(file, (self.page())(), &trouble).await;
            };
            // A disk that does not answer must not hold the run.
            if timeout(LONGEST_WRITE, written).await.is_err() {
                lock(&self.trouble)
                    .unsaid
                    .push("the file of metrics takes too long to be written".to_owned());
            }
        }
        self.endpoint = None;
        self.warnings()
    }

    fn page(&self) -> Page {
        let (figures, clock) = (Arc::clone(&self.figures), self.clock);
        Arc::new(move || page::write(&lock(&figures), clock()))
    }

    fn write_now_and_then(&self, every: Duration) -> impl Future<Output = ()> + Send + use<> {
        let file = self.file.clone().unwrap_or_default();
        let (page, trouble) = (self.page(), Arc::clone(&self.trouble));
        let (begun, stop) = (Arc::clone(&self.begun), Arc::clone(&self.stop));
        async move {
            // Before the run begins there is nothing that the file does not say already.
            tokio::select! {
                () = begun.notified() => {}
                () = stop.notified() => return,
            }
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => write(file.clone(), page(), &trouble).await,
                    () = stop.notified() => return,
                }
            }
        }
    }
}

/// Takes over what the file says of the last run.
async fn remember(file: PathBuf, figures: &mut Figures) -> Option<String> {
    let name = file.display().to_string();
    let read = timeout(LONGEST_WRITE, spawn_blocking(move || file::read(&file))).await;
    let Ok(Ok(read)) = read else { return Some(format!("{name} takes too long to be read")) };
    match read {
        Ok(text) => {
            let plans = page::read(&text, figures);
            let other = plans.into_iter().find(|plan| *plan != figures.plan)?;
            Some(format!(
                "{name} holds the metrics of the plan {other:?}, and now gets those of {:?}: each plan needs a file \
                 of its own",
                figures.plan
            ))
        }
        Err(error) => {
            Some(format!("cannot read {name}, so it is not known when a run last succeeded: {error}"))
        }
    }
}

async fn write(file: PathBuf, text: String, trouble: &Mutex<Trouble>) {
    let name = file.display().to_string();
    let written = spawn_blocking(move || file::replace(&file, &text)).await;
    if let Ok(Err(error)) = written {
        let mut trouble = lock(trouble);
        if !trouble.is_file_told {
            trouble.is_file_told = true;
            trouble.unsaid.push(format!("cannot write the metrics to {name}: {error}"));
        }
    }
}

/// What a panic of somebody else left is numbers all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a disk may take.
const LONGEST_WRITE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
