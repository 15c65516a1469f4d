use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::draft::{Draft, unseen};
use super::event::{Event, News};
use super::follow::{Control, Cut, Followed, Reason, cut, follow, late, within};
use super::keeper::Keeper;
use super::look::Fate;
use super::patience::{Again, MOST_TRIES, Patience, again};
use super::plan::ExportPlan;
use super::preflight::preflight;
use super::record::Record;
use super::report::{Failure, Kind, Outcome, Report};
use super::resolve::{Resolved, resolve};
use super::run::Ending;
use super::verdict::{Verdict, failed, interrupted, not_asked, unanswered, unknown, unreadable};
use super::witness::Witness;
use crate::client::Counters;
use crate::hyperv::{Begun, Error, ExportRequest, Exported, Guid, Host, ObjectPath};
use crate::ledger::{self, Claim, Claimed, End, Intent, Ledger, Stage, Subject};

/// What an export works with.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = Folder::new();
/// # let host = host().await?;
/// use std::time::SystemTime;
/// use refpoint::fleet::{Keeper, Surroundings};
/// use refpoint::ledger::Ledger;
///
/// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
/// let mut surroundings = Surroundings::new("hv01", &host, &keeper, SystemTime::now);
/// surroundings.deadline = Some(tokio::time::Instant::now() + std::time::Duration::from_secs(6 * 3600));
/// surroundings.listener = &|event| println!("{}: {:?}", event.host, event.what);
/// # Ok(())
/// # }
/// ```
pub struct Surroundings<'a> {
    /// The host.
    pub host: &'a Host,
    /// The host as it was named.
    pub label: String,
    /// The ledger.
    pub keeper: &'a Keeper,
    /// Tells the time.
    pub clock: fn() -> SystemTime,
    /// Hears of everything.
    pub listener: &'a (dyn Fn(Event) + Send + Sync),
    /// Says what is wanted by now.
    pub control: Control,
    /// When everything must be over. A job goes on after it.
    pub deadline: Option<Instant>,
    /// How long the host may have worked on the call after we last heard of it.
    pub operation_timeout: Duration,
    /// The machine or group as it was named.
    pub unit: String,
}

impl<'a> Surroundings<'a> {
    /// Returns the surroundings of somebody who lets it work and looks at the report. `label` is what the host
    /// is called in it; the ledger knows the host by its own name.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = Folder::new();
    /// # let host = host().await?;
    /// use std::time::SystemTime;
    /// use refpoint::fleet::{Keeper, Surroundings};
    /// use refpoint::ledger::Ledger;
    ///
    /// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
    /// let surroundings = Surroundings::new("hv01", &host, &keeper, SystemTime::now);
    /// assert_eq!(surroundings.label, "hv01");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(
        label: impl Into<String>,
        host: &'a Host,
        keeper: &'a Keeper,
        clock: fn() -> SystemTime,
    ) -> Self {
        let label = label.into();
        Self {
            host,
            unit: label.clone(),
            label,
            keeper,
            clock,
            listener: &|_| (),
            control: Control::new().1,
            deadline: None,
            operation_timeout: host.operation_timeout(),
        }
    }
}

impl Surroundings<'_> {
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    pub(super) fn tell(&self, what: News) {
        let (host, unit) = (self.label.clone(), self.unit.clone());
        (self.listener)(Event::new(timestamp(self.now()), host, unit, what));
    }
}

pub(super) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_default()
}

/// Exports a point of a machine or of a group, once, and follows the export to its end.
///
/// The same plan again, after whatever ended the one before, takes up what that one began.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = Folder::new();
/// # let host = host().await?;
/// use std::time::SystemTime;
/// use refpoint::fleet::{ExportPlan, Keeper, PointChoice, Surroundings, Wanted, export};
/// use refpoint::hyperv::{Directory, Selector};
/// use refpoint::ledger::Ledger;
///
/// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
/// let surroundings = Surroundings::new("hv01", &host, &keeper, SystemTime::now);
/// let point = PointChoice::Named("E4282031-639C-4FD7-8059-B192D4F5E637".to_owned());
/// let db01 = Wanted::Machine(Selector::parse("db01"));
/// let plan = ExportPlan::new(db01, point, Directory::parse(r"D:\exports\db01")?);
/// let report = export(&surroundings, &plan).await;
/// assert_eq!(report.outcome.name(), "completed");
///
/// // The same again is another export, into a directory that is not fresh: nothing is asked of the host.
/// let again = export(&surroundings, &plan).await;
/// assert_eq!(again.outcome.name(), "failed");
/// assert!(again.job.is_none());
/// # Ok(())
/// # }
/// ```
pub async fn export(around: &Surroundings<'_>, plan: &ExportPlan) -> Report {
    let mut work = Work::new(around, Draft::new(plan, around.now()), plan.poll);
    work.is_left = plan.detach;
    let before = work.started().await;
    // Boxed: one future with all of its parts inside is more than compilers like.
    let verdict = Box::pin(work.run(plan)).await;
    work.finish(&before, &verdict).await
}

/// Follows the job of an export that is written down without an end, and judges it by what is written down: whatever
/// is called otherwise by now, or has gone.
pub(super) async fn follow_recorded(
    around: &Surroundings<'_>,
    claim: Claim,
    export: &ledger::Export,
    path: ObjectPath,
    poll: Option<Duration>,
) -> Report {
    let mut work = Work::new(around, Draft::of(export), poll);
    let before = work.started().await;
    let verdict = match Record::read(export) {
        Some(record) => {
            if let Some(code) = export.return_value {
                work.draft.answered(record.service(), code);
            }
            work.recall(&record).await;
            Box::pin(work.found(&record, Arc::new(claim), export, path)).await
        }
        None => failed(unreadable(export)),
    };
    work.finish(&before, &verdict).await
}

/// Returns the report of an export that ended before there was a host to ask: nothing was sent.
///
/// `label` is the host as it was named, `started` and `now` are when work on it began and ended.
pub fn not_begun(
    plan: &ExportPlan,
    label: &str,
    failure: Failure,
    started: SystemTime,
    now: SystemTime,
) -> Report {
    Draft::new(plan, started).report(label, now, &failed(failure))
}

pub(super) struct Work<'a> {
    pub(super) around: &'a Surroundings<'a>,
    pub(super) draft: Draft,
    /// The job is left as soon as it has begun.
    pub(super) is_left: bool,
    /// How often to look at the job; adaptive where it is not said.
    pub(super) poll: Option<Duration>,
    /// What went wrong with the ledger once the host was at work, which the host does not care for.
    pub(super) trouble: Option<Failure>,
    /// The host no longer has the job that it said it had begun.
    pub(super) vanished: bool,
    /// What was taken up is not quite what was asked for.
    pub(super) is_another: bool,
    /// It was told that it is meant.
    pub(super) is_told: bool,
    /// How often the call was sent whose answer was then lost.
    pub(super) lost: u32,
    /// How often the host was asked and has not begun.
    pub(super) patience: Patience,
}

impl<'a> Work<'a> {
    fn new(around: &'a Surroundings<'a>, draft: Draft, poll: Option<Duration>) -> Self {
        Self {
            around,
            draft,
            is_left: false,
            poll,
            trouble: None,
            vanished: false,
            is_another: false,
            is_told: false,
            lost: 0,
            patience: Patience::default(),
        }
    }

    /// Tells that it begins, and returns what was asked of the host until then.
    async fn started(&self) -> Counters {
        let around = self.around;
        around.tell(News::UnitStarted);
        if let Some(login) = around.host.logged_in().await {
            around.tell(News::Connected { scheme: login.report.chosen.to_string(), sealed: login.is_sealed });
        }
        around.host.counters().await
    }

    /// Returns the report, and tells of it. `before` is what was asked of the host until then.
    async fn finish(self, before: &Counters, verdict: &Verdict) -> Report {
        let around = self.around;
        let mut report = self.draft.report(&around.label, around.now(), verdict);
        if report.error.is_none() {
            report.error = self.trouble;
        }
        let counters = around.host.counters().await;
        report.requests = counters.requests.saturating_sub(before.requests);
        report.bytes_sent = counters.bytes_sent.saturating_sub(before.bytes_sent);
        report.bytes_received = counters.bytes_received.saturating_sub(before.bytes_received);
        around.tell(News::UnitFinished { ending: Ending::Export(Box::new(report.clone())) });
        report
    }
}

impl Work<'_> {
    async fn run(&mut self, plan: &ExportPlan) -> Verdict {
        let resolve = resolve(self.around.host, self.around.keeper, plan);
        match within(self.around, resolve).await {
            Ok(Ok(resolved)) => self.resolved(plan, resolved).await,
            // What is named may have gone, or be called otherwise, since it was asked for.
            Ok(Err(failure)) => match self.begun_before(plan).await {
                Ok(Some((claim, export))) => self.take_up_gone(plan, Arc::new(claim), export, failure).await,
                Ok(None) => failed(failure),
                Err(failure) => failed(failure),
            },
            Err(cut) => failed(not_asked(&cut)),
        }
    }

    async fn resolved(&mut self, plan: &ExportPlan, resolved: Resolved) -> Verdict {
        let request = resolved.request;
        self.draft.describe(&request.what);
        for message in resolved.warnings {
            self.warn(message);
        }
        let intent = match within(self.around, self.intent(&request)).await {
            Ok(Ok(intent)) => intent,
            Ok(Err(error)) => return failed((&error).into()),
            Err(cut) => return failed(not_asked(&cut)),
        };
        match self.claim(&intent).await {
            Ok(Claimed::Fresh(claim)) => self.begin(&request, Arc::new(claim)).await,
            Ok(Claimed::Found(claim, export)) => {
                self.take_up_as(plan, (&request, &intent), Arc::new(claim), *export).await
            }
            Err(failure) => failed(failure),
        }
    }

    async fn intent(&self, request: &ExportRequest) -> Result<Intent, Error> {
        Ok(Intent {
            host: self.around.host.name().await?,
            subject: subject(&request.what),
            point: request.what.point().to_owned(),
            base: request.what.base().map(str::to_owned),
            disks: request.what.chosen_disks(),
            directory: request.directory.to_string(),
            details: self.around.label.clone(),
        })
    }

    pub(super) async fn claim(&self, intent: &Intent) -> Result<Claimed, Failure> {
        let (intent, now) = (intent.clone(), self.around.now());
        self.around
            .keeper
            .with(move |ledger| ledger.claim(&intent, now))
            .await
            .map_err(|error| (&error).into())
    }

    /// Begins, as often as it is proven that what was tried before has begun nothing, and may be tried again.
    pub(super) async fn begin(&mut self, request: &ExportRequest, claim: Arc<Claim>) -> Verdict {
        loop {
            // Boxed: what leads to one of several ends at each step is large.
            if let Break(verdict) = Box::pin(self.attempt(request, claim.clone())).await {
                return verdict;
            }
        }
    }

    /// Looks, writes down, asks. What goes on is to be begun once more.
    async fn attempt(&mut self, request: &ExportRequest, claim: Arc<Claim>) -> ControlFlow<Verdict> {
        match within(self.around, preflight(self.around.host, request)).await {
            Ok(Ok(warnings)) => warnings.into_iter().for_each(|message| self.warn(message)),
            Err(cut) => return Break(self.end(claim, failed(not_asked(&cut))).await),
            // What is in use now may not be in a moment, and was not asked for yet.
            Ok(Err(failure)) if failure.kind == Kind::Busy => {
                return self.once_more(request, claim, failure).await;
            }
            Ok(Err(failure)) => {
                let failure = self.with_history(request, failure).await;
                return Break(self.end(claim, (Outcome::Failed, Some(failure))).await);
            }
        }
        let looked = async {
            let of_host = |error: Error| Failure::from(&error);
            let witness = Witness::of(self.around.host, request, self.around.operation_timeout).await;
            let witness = witness.map_err(of_host)?.to_text();
            Ok((witness, self.around.host.export_call(request).await.map_err(of_host)?))
        };
        let (witness, call) = match within(self.around, looked).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(failure)) => return Break(self.end(claim, failed(failure)).await),
            Err(cut) => return Break(self.end(claim, failed(not_asked(&cut))).await),
        };
        let (point, base) = (self.draft.point.clone(), self.draft.base.clone());
        // It is one intent, however often it is tried.
        if let Some(point) = point.filter(|_| !self.is_told) {
            self.around.tell(News::Intent { directory: request.directory.to_string(), point, base });
            self.is_told = true;
        }
        let now = self.around.now();
        let written = self.write(&claim, move |ledger, claim| ledger.sent(claim, now, Some(&witness))).await;
        let record = match written {
            Ok(()) => match self.record(&claim).await {
                Ok(record) => record,
                Err(failure) => return Break(failed(failure)),
            },
            Err(failure) => return Break(failed(failure)),
        };
        self.draft.return_value = None;
        let answer = tokio::select! {
            biased;
            answer = self.around.host.export(request, &call) => answer,
            cut = last_moment(self.around) => return Break(unanswered(&cut)),
        };
        match answer {
            Ok(Begun::Job(path)) => {
                self.draft.answered(request.what.service(), 4096);
                self.write_answer(&claim, Some(4096), Some(&path)).await;
                self.around.tell(News::JobStarted { job: unseen(&path) });
                Break(self.follow(&record, claim, path).await)
            }
            Ok(Begun::Done) => {
                self.draft.answered(request.what.service(), 0);
                self.write_answer(&claim, Some(0), None).await;
                Break(self.done_at_once(&record, claim).await)
            }
            Err(Error::Refused { method, code, meaning }) => {
                self.draft.answered(request.what.service(), code);
                self.write_answer(&claim, Some(code), None).await;
                self.turned_away(request, &record, claim, &Error::Refused { method, code, meaning }).await
            }
            Err(error) if may_have_begun(&error) => self.after_silence(&record, claim, &error).await,
            Err(error) => self.turned_away(request, &record, claim, &error).await,
        }
    }

    /// The host has answered, and has not begun. Where that passes, it is asked again.
    async fn turned_away(
        &mut self,
        request: &ExportRequest,
        record: &Record,
        claim: Arc<Claim>,
        error: &Error,
    ) -> ControlFlow<Verdict> {
        let failure = Failure::from(error);
        match again(error) {
            Again::Never => Break(self.end(claim, failed(self.patience.spent(failure))).await),
            Again::Proven => self.once_more(request, claim, failure).await,
            Again::WhereNothingIsSeen => match self.last_look(record).await {
                Fate::Found(path) => {
                    self.write_answer(
                        &claim,
                        self.draft.return_value.as_ref().map(|value| value.code),
                        Some(&path),
                    )
                    .await;
                    self.around.tell(News::Adopted { job: unseen(&path), unheard_of: true });
                    Break(self.follow(record, claim, path).await)
                }
                Fate::NotStarted => self.once_more(request, claim, failure).await,
                Fate::Unknown(_) | Fate::Hidden(_) | Fate::Cut(_) => {
                    Break(self.end(claim, failed(self.patience.spent(failure))).await)
                }
            },
        }
    }

    /// Begins once more after a pause, as long as there are tries and time left: the host was asked, or would
    /// have been, and has certainly not begun.
    async fn once_more(
        &mut self,
        request: &ExportRequest,
        claim: Arc<Claim>,
        failure: Failure,
    ) -> ControlFlow<Verdict> {
        let id = claim.export();
        let was_sent = match self.around.keeper.with(move |ledger| ledger.export(id)).await {
            Ok(export) => export.is_some_and(|export| export.stage != Stage::Intended),
            Err(error) => return Break(failed((&error).into())),
        };
        let Some(pause) = self.next_pause(request.what.subject()).await else {
            return Break(self.end(claim, failed(self.patience.spent(failure))).await);
        };
        // Before the pause: whoever is ended in it has not asked for anything.
        if was_sent && let Err(failure) = self.write(&claim, |ledger, claim| ledger.not_started(claim)).await
        {
            return Break(failed(failure));
        }
        match self.rest(pause, &failure).await {
            Ok(()) => Continue(()),
            Err(cut) => {
                let message =
                    format!("{}: {}", not_asked(&cut).message, self.patience.spent(failure).message);
                Break(self.end(claim, failed(not_asked(&cut).with_message(message))).await)
            }
        }
    }

    /// Takes note of one more try, and returns how long to wait until the next, if there is to be one.
    async fn next_pause(&mut self, subject: &Guid) -> Option<Duration> {
        self.patience.tried();
        // The host's own name: what it is called here says nothing of who is asked.
        let host = self.around.host.name().await.unwrap_or_default();
        self.patience.pause(&format!("{host} {subject}"), self.around.deadline)
    }

    /// Waits, and says for what.
    async fn rest(&self, pause: Duration, failure: &Failure) -> Result<(), Cut> {
        let cause = format!("{}, try {} of {MOST_TRIES}", failure.message, self.patience.tries());
        self.around.tell(News::Retry { kind: Some(failure.kind), cause, after: pause.as_secs_f64() });
        within(self.around, sleep(pause)).await
    }

    /// Waits until a machine may be asked for again whose earlier export nobody can tell the end of.
    pub(super) async fn pause(&mut self, subject: &Guid, failure: Failure) -> Result<(), Verdict> {
        let Some(pause) = self.next_pause(subject).await else {
            return Err((Outcome::Unknown, Some(self.patience.spent(failure))));
        };
        self.rest(pause, &failure).await.map_err(|cut| unanswered(&cut))
    }

    /// Adds that the same was exported before, where that is why the directory is full: who was ended after the
    /// last word was written has not heard it.
    async fn with_history(&self, request: &ExportRequest, failure: Failure) -> Failure {
        if failure.kind != Kind::Usage {
            return failure;
        }
        let (subject, point) = (subject(&request.what), request.what.point().to_owned());
        let earlier =
            self.around.keeper.with(move |ledger| ledger.exports_of(subject.kind, &subject.id)).await;
        let earlier = earlier.unwrap_or_default().into_iter().find(|export| {
            export.point.eq_ignore_ascii_case(&point)
                && request.directory.is_same(&export.directory)
                && export.sent_at.is_some()
        });
        let Some((outcome, ended, job)) =
            earlier.and_then(|export| Some((export.outcome?, export.ended_at?, export.job)))
        else {
            return failure;
        };
        let job =
            job.and_then(|path| Some(path.parse::<ObjectPath>().ok()?.key_text("InstanceID")?.into_owned()));
        let receipt =
            job.map(|id| format!("; refpoint job wait HOST {id} --receipt FILE hands out its receipt"));
        let hint = format!(
            "the ledger has this very export: it ended as {outcome} at {:.0}; another one needs a fresh directory{}",
            timestamp(ended),
            receipt.unwrap_or_default()
        );
        failure.with_hint(hint)
    }

    /// The call may have been carried out, and its answer is lost.
    async fn after_silence(
        &mut self,
        record: &Record,
        claim: Arc<Claim>,
        error: &Error,
    ) -> ControlFlow<Verdict> {
        self.lost += 1;
        let mut record = record.clone();
        // What the host has begun with, or has said to have, it may go on with whatever is to be seen of it.
        if let Some(code) = taken(error) {
            self.write_answer(&claim, code, None).await;
            record.was_taken = true;
        }
        let record = &record;
        self.warn(format!("the answer is lost, looking for the job: {}", Failure::from(error).message));
        match self.look_for(record).await {
            Fate::Found(path) => {
                self.write_answer(&claim, None, Some(&path)).await;
                self.around.tell(News::Adopted { job: unseen(&path), unheard_of: true });
                Break(self.follow(record, claim, path).await)
            }
            Fate::NotStarted if self.lost >= MOST_LOST => {
                let message = format!(
                    "the call was lost {MOST_LOST} times, and the host has certainly not begun: {}",
                    Failure::from(error).message
                );
                Break(self.end(claim, failed(Failure::new(Kind::Fault, message))).await)
            }
            Fate::NotStarted => match self.write(&claim, |ledger, claim| ledger.not_started(claim)).await {
                Ok(()) => Continue(()),
                Err(failure) => Break(failed(failure)),
            },
            Fate::Unknown(why) => Break(unknown(&record.directory, &why)),
            Fate::Hidden(failure) => Break(unknown(&record.directory, &failure.message)),
            Fate::Cut(cut) => Break(unanswered(&cut)),
        }
    }

    pub(super) async fn follow(&mut self, record: &Record, claim: Arc<Claim>, path: ObjectPath) -> Verdict {
        self.draft.job = Some(unseen(&path));
        if self.is_left {
            return (Outcome::Detached, None);
        }
        let mut last = None;
        let followed = follow(self.around, &path, self.poll, &mut last).await;
        if let Some(job) = &last {
            self.draft.see(job, &[]);
        }
        let id = path.key_text("InstanceID").unwrap_or_default().into_owned();
        match followed {
            Followed::Over(job) => {
                let verdict = self.judge(record, &path, &job).await;
                self.end(claim, verdict).await
            }
            Followed::Vanished => {
                self.vanished = true;
                let why = format!("the host no longer has job {id}, and nobody saw it end");
                unknown(&record.directory, &why)
            }
            Followed::Deadline => {
                let message = format!("the deadline has passed; job {id} may still run");
                let failure = Failure::new(Kind::Deadline, message);
                (Outcome::Detached, Some(failure.with_hint("the same command again follows it to its end")))
            }
            Followed::Left(Reason::Asked) => (Outcome::Detached, None),
            Followed::Left(reason) => (Outcome::Detached, Some(interrupted(reason))),
            Followed::Lost(error) => {
                let why = format!("job {id} can no longer be asked for: {}", Failure::from(&*error).message);
                unknown(&record.directory, &why)
            }
        }
    }

    /// Returns what is written down by now.
    async fn record(&self, claim: &Claim) -> Result<Record, Failure> {
        let id = claim.export();
        let export = self.around.keeper.with(move |ledger| ledger.export(id)).await;
        let export = export.map_err(|error| Failure::from(&error))?;
        export
            .as_ref()
            .and_then(Record::read)
            .ok_or_else(|| Failure::new(Kind::Ledger, "the ledger has lost it"))
    }

    /// Writes the end down. From then on the same command begins anew.
    pub(super) async fn end(&mut self, claim: Arc<Claim>, verdict: Verdict) -> Verdict {
        let (outcome, failure) = &verdict;
        debug_assert!(outcome.is_end(), "what has not ended stays open in the ledger");
        let verdict_so_far = (*outcome, failure.clone());
        let report = self.draft.report(&self.around.label, self.around.now(), &verdict_so_far);
        let receipt = serde_json::to_string(&report).unwrap_or_default();
        let (name, sound, now) = (outcome.name(), *outcome == Outcome::Completed, self.around.now());
        let end = move |ledger: &mut Ledger, claim: &Claim| {
            ledger.ended(claim, now, &End { outcome: name, sound, receipt: Some(&receipt) })
        };
        let written = self.write(&claim, end).await;
        if let Err(failure) = written {
            self.trouble.get_or_insert(failure);
        }
        verdict
    }

    /// Writes an end down that was not seen, or not to the last word.
    pub(super) async fn close(&self, claim: &Arc<Claim>, outcome: Outcome) -> Result<(), Failure> {
        let (name, now) = (outcome.name(), self.around.now());
        let end = move |ledger: &mut Ledger, claim: &Claim| {
            ledger.ended(claim, now, &End { outcome: name, sound: false, receipt: None })
        };
        self.write(claim, end).await
    }

    /// Writes the answer down. The host is at work by now, so a ledger that fails is reported, and the job is
    /// followed all the same: it would be lost otherwise.
    pub(super) async fn write_answer(
        &mut self,
        claim: &Arc<Claim>,
        code: Option<u32>,
        job: Option<&ObjectPath>,
    ) {
        let (now, job) = (self.around.now(), job.map(ToString::to_string));
        let shown = job.clone().unwrap_or_else(|| "no job".to_owned());
        let answer =
            move |ledger: &mut Ledger, claim: &Claim| ledger.answered(claim, now, code, job.as_deref());
        if let Err(failure) = self.write(claim, answer).await {
            self.warn(format!("what the host answered is not in the ledger ({shown}): {}", failure.message));
            self.trouble.get_or_insert(failure);
        }
    }

    pub(super) async fn write(
        &self,
        claim: &Arc<Claim>,
        work: impl FnOnce(&mut Ledger, &Claim) -> Result<(), ledger::Error> + Send + 'static,
    ) -> Result<(), Failure> {
        let claim = claim.clone();
        let done = self.around.keeper.with(move |ledger| work(ledger, &claim)).await;
        done.map_err(|error| (&error).into())
    }

    pub(super) fn warn(&mut self, message: String) {
        // What is looked at again at each try is said once.
        if self.draft.warnings.contains(&message) {
            return;
        }
        self.around.tell(News::Warning { message: message.clone() });
        self.draft.warnings.push(message);
    }
}

fn subject(what: &Exported) -> Subject {
    let kind = match what {
        Exported::Machine { .. } => ledger::Kind::Vm,
        Exported::Group { .. } => ledger::Kind::Group,
    };
    Subject { kind, id: what.subject().to_string(), name: what.name().to_owned() }
}

/// Says whether the host may be at work after that error. A host that began a job and does not say which is;
/// so may be one whose answer makes no sense.
pub(super) fn may_have_begun(error: &Error) -> bool {
    match error {
        Error::NoJob { .. } | Error::Unexpected { .. } => true,
        Error::Client(error) => error.is_outcome_unknown() || error.is_result_lost(),
        _ => false,
    }
}

/// Says whether an answer that is no good proves that the host has begun with the call, and with which number. What
/// its service gave up for want of time goes on behind it.
fn taken(error: &Error) -> Option<Option<u32>> {
    match error {
        Error::NoJob { .. } => Some(Some(4096)),
        Error::Unexpected { .. } => Some(None),
        Error::Client(error) if error.is_result_lost() => Some(None),
        Error::Client(error) if error.is_timeout() && error.fault().is_some() => Some(None),
        _ => None,
    }
}

/// Waits until there is no more time to wait for an answer: one that is on its way is worth more than a moment, but
/// not more than the deadline.
async fn last_moment(around: &Surroundings<'_>) -> Cut {
    let cut = cut(around).await;
    if matches!(cut, Cut::Deadline) {
        return cut;
    }
    tokio::select! {
        () = sleep(LAST_MOMENT) => cut,
        () = late(around) => cut,
    }
}

/// What was lost so often, without ever having been begun, is lost for a reason.
const MOST_LOST: u32 = 3;

/// How long the answer to the call is waited for when there is no more time.
const LAST_MOMENT: Duration = Duration::from_secs(5);
