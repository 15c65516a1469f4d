use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::event::News;
use super::report::Failure;
use super::unit::Surroundings;
use crate::hyperv::{Error, Job, ObjectPath};

/// What a person wants of an export that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Follow it to its end.
    #[default]
    GoOn,
    /// Leave it to the host.
    Detach(Reason),
    /// End it cleanly.
    Cancel,
    /// End it at once, whatever that leaves behind.
    Kill,
}

/// Why one leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for from the beginning.
    Asked,
    /// Ctrl-C.
    Interrupt,
    /// The system ends us.
    Terminate,
    /// The time is over that there is for a whole run.
    TimeIsOver,
}

/// Tells an export what is wanted of it by now.
#[derive(Clone, Debug)]
pub struct Control {
    wishes: watch::Receiver<Wish>,
    /// Whether that something is to be cancelled is not heard.
    is_tidying: bool,
}

impl Control {
    /// Returns the two ends: who wishes, and who listens.
    pub fn new() -> (watch::Sender<Wish>, Self) {
        let (sender, wishes) = watch::channel(Wish::GoOn);
        (sender, Self { wishes, is_tidying: false })
    }

    /// Returns the same for what has to be done although everything was cancelled, or because it was.
    pub(super) fn tidying(&self) -> Self {
        Self { is_tidying: true, ..self.clone() }
    }

    pub(super) fn wish(&self) -> Wish {
        self.heard(*self.wishes.borrow())
    }

    fn heard(&self, wish: Wish) -> Wish {
        match wish {
            Wish::Cancel | Wish::Kill if self.is_tidying => Wish::GoOn,
            wish => wish,
        }
    }

    /// Returns the wish, which from now on is not news.
    fn take(&mut self) -> Wish {
        let wish = *self.wishes.borrow_and_update();
        self.heard(wish)
    }

    /// Waits for the next wish; for ever where nobody is left to wish.
    pub(super) async fn changed(&mut self) {
        if self.wishes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Why something was not waited for.
pub(super) enum Cut {
    /// The time is over.
    Deadline,
    /// We were told to leave, or to cancel.
    Left(Reason),
}

/// Waits for something that may be dropped, for as long as there is time and nobody wants to leave or to cancel.
pub(super) async fn within<T>(around: &Surroundings<'_>, work: impl Future<Output = T>) -> Result<T, Cut> {
    tokio::select! {
        biased;
        cut = cut(around) => Err(cut),
        done = work => Ok(done),
    }
}

/// Waits until the time is over or somebody wants to leave or to cancel.
pub(super) async fn cut(around: &Surroundings<'_>) -> Cut {
    cut_by(around, |wish| match wish {
        Wish::GoOn => None,
        Wish::Detach(reason) => Some(reason),
        Wish::Cancel | Wish::Kill => Some(Reason::Interrupt),
    })
    .await
}

/// The same once the job has ended: that it was to be cancelled is then no reason not to look how it ended.
pub(super) async fn within_after<T>(
    around: &Surroundings<'_>,
    work: impl Future<Output = T>,
) -> Result<T, Cut> {
    let leaving = |wish| match wish {
        Wish::Detach(reason) => Some(reason),
        Wish::GoOn | Wish::Cancel | Wish::Kill => None,
    };
    tokio::select! {
        biased;
        cut = cut_by(around, leaving) => Err(cut),
        done = work => Ok(done),
    }
}

async fn cut_by(around: &Surroundings<'_>, leaving: impl Fn(Wish) -> Option<Reason>) -> Cut {
    let mut control = around.control.clone();
    let left = async {
        loop {
            if let Some(reason) = leaving(control.wish()) {
                return Cut::Left(reason);
            }
            control.changed().await;
        }
    };
    tokio::select! {
        cut = left => cut,
        () = late(around) => Cut::Deadline,
    }
}

/// Waits until the time is over; for ever where there is no end to it.
pub(super) async fn late(around: &Surroundings<'_>) {
    match around.deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// How following ended.
pub(super) enum Followed {
    /// The job has ended.
    Over(Arc<Job>),
    /// The host no longer has the job, and we have not seen it end.
    Vanished,
    /// The time is over.
    Deadline,
    /// We were told to leave it.
    Left(Reason),
    /// The host cannot be asked any more.
    Lost(Arc<Error>),
}

/// Follows a job to its end, or as far as one can and may. What was last seen is left in `last`.
pub(super) async fn follow(
    around: &Surroundings<'_>,
    path: &ObjectPath,
    poll: Option<Duration>,
    last: &mut Option<Arc<Job>>,
) -> Followed {
    let mut control = around.control.clone();
    let mut pace = Pace::new(poll);
    let mut heard = Instant::now();
    let mut moved = Moved::new(around.now());
    let mut ending = Ending::default();
    // What a look has shown that began before the job did says nothing of it.
    let mut last_look = Instant::now();
    loop {
        match control.take() {
            Wish::Detach(reason) => return Followed::Left(reason),
            wish @ (Wish::Cancel | Wish::Kill) if ending.heard != Some(wish) => {
                if last.as_ref().is_some_and(|job| job.cancellable == Some(false)) {
                    ending.warn(
                        around,
                        "the host says that this job cannot be cancelled; it is asked all the same",
                    );
                }
                let asked = tokio::select! {
                    asked = Box::pin(around.host.cancel(path, wish == Wish::Kill)) => asked,
                    () = late(around) => return Followed::Deadline,
                    () = control.changed() => continue,
                };
                match asked {
                    Ok(()) => {
                        ending.heard = Some(wish);
                        pace.hurry();
                    }
                    // The next look may show that it has ended; if not, it is asked again.
                    Err(error) => ending.warn(around, &format!("the job was not cancelled: {error}")),
                }
            }
            _ => {}
        }
        // A host that does not answer must not make us deaf.
        let looked = tokio::select! {
            looked = look(around, path, last_look) => looked,
            () = late(around) => return Followed::Deadline,
            () = control.changed() => continue,
        };
        match looked {
            Ok((at, Some(job))) => {
                last_look = at;
                heard = Instant::now();
                moved.see(around, &job, last.as_deref());
                let job = last.insert(job);
                if job.is_over() {
                    return Followed::Over(job.clone());
                }
            }
            Ok((_, None)) => return Followed::Vanished,
            Err(error) if !is_passing(&error) || heard.elapsed() > OUT_OF_REACH => {
                return Followed::Lost(error);
            }
            Err(error) => {
                last_look = Instant::now();
                let after = pace.next_pause();
                let kind = Some(Failure::from(&*error).kind);
                let cause = error.to_string();
                around.tell(News::Retry { kind, cause, after: after.as_secs_f64() });
            }
        }
        let next = last_look + pace.step();
        let until = around.deadline.map_or(next, |deadline| deadline.min(next));
        let wished = timeout_at(until, control.changed()).await.is_ok();
        if !wished && around.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Followed::Deadline;
        }
    }
}

/// One look, and when it began: all jobs of the host in one enumeration, which serves however many are followed;
/// and the job itself by the reference that came back, where the enumeration does not bring it.
async fn look(
    around: &Surroundings<'_>,
    path: &ObjectPath,
    after: Instant,
) -> Result<(Instant, Option<Arc<Job>>), Arc<Error>> {
    let listed = around.host.jobs_since(after).await;
    let namespace = around.host.namespace();
    let at = match listed {
        Ok(jobs) => match jobs.all.iter().find(|job| job.is_at(path, namespace)) {
            Some(job) => return Ok((jobs.at, Some(job.clone()))),
            None => jobs.at,
        },
        // Whoever does not answer is not asked once more for each of its jobs.
        Err(error) if is_passing(&error) => return Err(error),
        Err(_) => Instant::now(),
    };
    let found = Box::pin(around.host.job(path)).await.map_err(Arc::new)?;
    Ok((at, found.map(Arc::new)))
}

pub(super) fn is_passing(error: &Error) -> bool {
    error.client().is_some_and(|error| {
        error.is_retryable()
            || error.is_unreachable()
            || error.is_timeout()
            || error.is_quota()
            || error.is_busy()
    })
}

/// How often to look: often at first, since many exports are short, then every five seconds.
struct Pace {
    fixed: Option<Duration>,
    pause: Duration,
}

impl Pace {
    fn new(fixed: Option<Duration>) -> Self {
        Self { fixed: fixed.map(|pause| pause.clamp(FIRST, LONGEST)), pause: FIRST }
    }

    fn next_pause(&self) -> Duration {
        self.fixed.unwrap_or(self.pause)
    }

    fn step(&mut self) -> Duration {
        let pause = self.next_pause();
        self.pause = (self.pause.mul_f64(1.25)).min(SETTLED);
        pause
    }

    fn hurry(&mut self) {
        self.pause = FIRST;
    }
}

/// What became of the wish that a job should end.
#[derive(Default)]
struct Ending {
    /// What the host has taken note of.
    heard: Option<Wish>,
    /// What was said of it.
    told: Vec<String>,
}

impl Ending {
    /// Says once what is met with at each try.
    fn warn(&mut self, around: &Surroundings<'_>, message: &str) {
        if !self.told.iter().any(|told| told == message) {
            self.told.push(message.to_owned());
            around.tell(News::Warning { message: message.to_owned() });
        }
    }
}

/// Tells of a job's progress where there is any, and once of its absence.
struct Moved {
    since: SystemTime,
    told: bool,
}

impl Moved {
    fn new(now: SystemTime) -> Self {
        Self { since: now, told: false }
    }

    fn see(&mut self, around: &Surroundings<'_>, job: &Job, last: Option<&Job>) {
        let same = last.is_some_and(|last| (last.state, last.percent) == (job.state, job.percent));
        let now = around.now();
        if !same {
            (self.since, self.told) = (now, false);
            around.tell(News::Progress { state: job.state, percent: job.percent });
        } else if !self.told && now.duration_since(self.since).is_ok_and(|still| still >= STALLED) {
            self.told = true;
            around.tell(News::Stalled { since: super::unit::timestamp(self.since) });
        }
    }
}

const FIRST: Duration = Duration::from_millis(250);
const SETTLED: Duration = Duration::from_secs(5);

/// Hosts keep an ended job for five minutes; whoever looks less often than this may miss its end.
const LONGEST: Duration = Duration::from_secs(120);

/// After so long without an answer the job's end may have come and gone.
const OUT_OF_REACH: Duration = Duration::from_secs(600);

/// A copy may stay at one percentage for hours. A person wants to know all the same.
const STALLED: Duration = Duration::from_secs(600);
