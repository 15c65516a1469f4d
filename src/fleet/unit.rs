use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::event::{Event, News};
use super::follow::{Control, Cut, Followed, Reason, cut, follow, is_passing, late, within, within_after};
use super::keeper::Keeper;
use super::patience::{Again, MOST_TRIES, Patience, again};
use super::plan::{BaseChoice, ExportPlan, PointChoice, Wanted};
use super::preflight::{is_exporting, preflight};
use super::record::Record;
use super::report::{self, Failure, JobReport, Kind, Named, Number, Outcome, ReceiptReport, Report};
use super::resolve::{Resolved, resolve};
use super::witness::Witness;
use crate::client::Counters;
use crate::client::codes::Treatment;
use crate::hyperv::{
    Begun, Contents, Directory, Error, ExportRequest, Exported, Guid, Host, Job, JobError, JobList, METHOD,
    ObjectPath, Receipt, Seen, Selector, advice, is_same_disk, meaning,
};
use crate::ledger::{self, Claim, Claimed, End, Intent, Ledger, Stage, Subject};

/// What an export works with.
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

/// How it ended, and why where it did not end well.
type Verdict = (Outcome, Option<Failure>);

struct Work<'a> {
    around: &'a Surroundings<'a>,
    draft: Draft,
    /// The job is left as soon as it has begun.
    is_left: bool,
    /// How often to look at the job; adaptive where it is not said.
    poll: Option<Duration>,
    /// What went wrong with the ledger once the host was at work, which the host does not care for.
    trouble: Option<Failure>,
    /// The host no longer has the job that it said it had begun.
    vanished: bool,
    /// What was taken up is not quite what was asked for.
    is_another: bool,
    /// It was told that it is meant.
    is_told: bool,
    /// How often the call was sent whose answer was then lost.
    lost: u32,
    /// How often the host was asked and has not begun.
    patience: Patience,
}

/// What became of a call whose answer nobody has.
enum Fate {
    Found(ObjectPath),
    NotStarted,
    /// Everything was looked at, and nobody can tell.
    Unknown(String),
    /// It could not be looked at.
    Hidden(Failure),
    /// There was no time to look to the end.
    Cut(Cut),
}

/// What is to be done about an export that a run before this one began.
enum Next {
    /// Nothing more.
    Over(Verdict),
    /// It has certainly not begun.
    Begin,
    /// It was refused, and only the last word about that was not written.
    Refused,
    /// Nobody can tell what became of it. That is how it ends, unless a person says that it is in the way no longer.
    Open(Verdict),
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
        around.tell(News::UnitFinished { export: Box::new(report.clone()) });
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

    /// Takes hold of what the ledger has of a plan without an end, by the names that things had when it was begun.
    async fn begun_before(&self, plan: &ExportPlan) -> Result<Option<(Claim, ledger::Export)>, Failure> {
        // Of a host that cannot be asked for its name nothing is known, and why it cannot has been said.
        let Ok(Ok(host)) = within(self.around, self.around.host.name()).await else { return Ok(None) };
        let open = self.around.keeper.with(move |ledger| ledger.open_exports(Some(&host))).await;
        let open = open.map_err(|error| Failure::from(&error))?;
        let Some(export) = open.iter().find(|export| is_of(plan, export)) else { return Ok(None) };
        let id = export.id;
        let claimed = self.around.keeper.with(move |ledger| ledger.reclaim(id)).await;
        claimed.map_err(|error| (&error).into())
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

    async fn claim(&self, intent: &Intent) -> Result<Claimed, Failure> {
        let (intent, now) = (intent.clone(), self.around.now());
        self.around
            .keeper
            .with(move |ledger| ledger.claim(&intent, now))
            .await
            .map_err(|error| (&error).into())
    }

    /// Takes up what a run before this one began, and begins what that one has certainly not begun.
    async fn take_up_as(
        &mut self,
        plan: &ExportPlan,
        (request, intent): (&ExportRequest, &Intent),
        claim: Arc<Claim>,
        export: ledger::Export,
    ) -> Verdict {
        let Some(record) = Record::read(&export) else { return failed(unreadable(&export)) };
        if export.stage != Stage::Intended {
            self.begun_as(plan, request, &record).await;
        }
        match self.take_up(&record, claim.clone(), &export).await {
            Next::Over(verdict) => verdict,
            Next::Open(_) if plan.retry_unknown => self.leave_unknown(request, intent, claim).await,
            Next::Open(verdict) => verdict,
            // What is written down must be what is asked for: another base is another intent.
            Next::Begin if is_as_begun(request, &export) => match export.stage {
                Stage::Intended => self.begin(request, claim).await,
                _ => self.again(request, claim).await,
            },
            Next::Begin | Next::Refused => match self.close(&claim, Outcome::Failed).await {
                Ok(()) => self.anew(request, intent, claim).await,
                Err(failure) => failed(failure),
            },
        }
    }

    /// Takes up what a run before this one began, and of which not everything is found any more that was named.
    async fn take_up_gone(
        &mut self,
        plan: &ExportPlan,
        claim: Arc<Claim>,
        export: ledger::Export,
        gone: Failure,
    ) -> Verdict {
        let Some(record) = Record::read(&export) else { return failed(unreadable(&export)) };
        self.draft = Draft::of(&export);
        self.warn(format!("what was begun is followed as the ledger has it: {}", gone.message));
        if !is_as_planned(plan, &export) {
            self.warn("it was begun relative to something else, or with other disks".to_owned());
            self.is_another = true;
        }
        self.recall(&record).await;
        match self.take_up(&record, claim.clone(), &export).await {
            Next::Over(verdict) | Next::Open(verdict) => verdict,
            Next::Begin | Next::Refused => match self.close(&claim, Outcome::Failed).await {
                Ok(()) => failed(gone),
                Err(failure) => failed(failure),
            },
        }
    }

    /// Finds out what became of what a run before this one began, and follows it where it goes on.
    async fn take_up(&mut self, record: &Record, claim: Arc<Claim>, export: &ledger::Export) -> Next {
        self.draft.started = export.intended_at;
        if let Some(code) = export.return_value {
            self.draft.answered(record.service(), code);
        }
        let job = export.job.as_deref().and_then(|path| path.parse::<ObjectPath>().ok());
        let fate = match (export.stage, job, export.return_value) {
            (Stage::Intended, ..) => return Next::Begin,
            (_, Some(job), _) => Fate::Found(job),
            (Stage::Sent, ..) | (_, None, Some(4096) | None) => self.look_for(record).await,
            (_, None, Some(0)) => return Next::Over(self.done_at_once(record, claim).await),
            (_, None, Some(_)) => return Next::Refused,
        };
        match fate {
            Fate::Found(path) => match self.found(record, claim, export, path).await {
                verdict if self.vanished => Next::Open(verdict),
                verdict => Next::Over(verdict),
            },
            Fate::NotStarted => Next::Begin,
            Fate::Unknown(why) => Next::Open(unknown(&record.directory, &why)),
            Fate::Hidden(failure) => Next::Over(not_looked(failure)),
            Fate::Cut(cut) => Next::Over(unanswered(&cut)),
        }
    }

    /// Follows the job of what a run before this one began.
    async fn found(
        &mut self,
        record: &Record,
        claim: Arc<Claim>,
        export: &ledger::Export,
        path: ObjectPath,
    ) -> Verdict {
        if export.job.is_none() {
            self.write_answer(&claim, export.return_value, Some(&path)).await;
        }
        self.around.tell(News::Adopted { job: unseen(&path) });
        self.follow(record, claim, path).await
    }

    /// Tells of what was begun as what it was begun as, which may not be what is asked for now.
    async fn begun_as(&mut self, plan: &ExportPlan, request: &ExportRequest, record: &Record) {
        if !has_same_disks(&record.chosen, &request.what.chosen_disks()) {
            let name = |disks: &[String]| match disks {
                [] => "all disks".to_owned(),
                disks => disks.join(", "),
            };
            let (then, now) = (name(&record.chosen), name(&request.what.chosen_disks()));
            self.warn(format!("this export was begun of {then}, not of {now}, and is followed as that"));
            self.is_another = true;
        }
        if record.base.as_deref() == request.what.base() {
            return;
        }
        let name = |base: Option<&str>| base.map_or("nothing".to_owned(), str::to_owned);
        self.warn(format!(
            "this export was begun relative to {}, not to {}, and is followed as that",
            name(record.base.as_deref()),
            name(request.what.base())
        ));
        // Whoever left it to the ledger which base it is has what he asked for.
        self.is_another |= matches!(plan.base, BaseChoice::None | BaseChoice::Named(_));
        self.recall(record).await;
    }

    /// Tells of point and base as the host shows them, as far as it still does.
    async fn recall(&mut self, record: &Record) {
        let host = self.around.host;
        let points = async {
            let selector = Selector::Id(record.subject.clone());
            let points: Vec<_> = match record.kind {
                ledger::Kind::Vm => {
                    let machine = host.machines(&selector).await.ok()?.pop()?;
                    host.points(&machine).await.ok()?.iter().map(report::PointReport::from).collect()
                }
                ledger::Kind::Group => {
                    let group = host.groups(&selector).await.ok()?.pop()?;
                    host.collections(&group).await.ok()?.iter().map(report::PointReport::from).collect()
                }
            };
            Some(points)
        };
        let points = within_after(self.around, points).await.ok().flatten().unwrap_or_default();
        let find = |id: &str| {
            points.iter().find(|point| point.id == id).cloned().unwrap_or_else(|| report::PointReport::of(id))
        };
        self.draft.point = Some(find(&record.point));
        self.draft.base = record.base.as_deref().map(find);
    }

    /// Closes an earlier try whose fate stays unknown, since a person says so, and exports anew: but only if there is
    /// nothing in the way of that, for what is in the way may be that very try.
    async fn leave_unknown(
        &mut self,
        request: &ExportRequest,
        intent: &Intent,
        claim: Arc<Claim>,
    ) -> Verdict {
        loop {
            match within(self.around, preflight(self.around.host, request)).await {
                Ok(Ok(_)) => break,
                Ok(Err(failure)) if failure.kind == Kind::Busy => {
                    if let Err(verdict) = self.pause(request.what.subject(), failure).await {
                        return verdict;
                    }
                }
                Ok(Err(failure)) => return (Outcome::Unknown, Some(failure)),
                Err(cut) => return unanswered(&cut),
            }
        }
        self.patience = Patience::default();
        self.warn("an earlier try, whose fate nobody knows, no longer stands in the way".to_owned());
        match self.close(&claim, Outcome::Unknown).await {
            Ok(()) => self.anew(request, intent, claim).await,
            Err(failure) => failed(failure),
        }
    }

    /// Claims it once more, after what there was has been closed.
    async fn anew(&mut self, request: &ExportRequest, intent: &Intent, claim: Arc<Claim>) -> Verdict {
        drop(claim);
        self.draft.forget(self.around.now());
        self.draft.describe(&request.what);
        self.is_another = false;
        match self.claim(intent).await {
            Ok(Claimed::Fresh(claim)) => self.begin(request, Arc::new(claim)).await,
            Ok(Claimed::Found(_, export)) => failed((&ledger::Error::Claimed { export }).into()),
            Err(failure) => failed(failure),
        }
    }

    /// Sends once more what is proven not to have been carried out.
    async fn again(&mut self, request: &ExportRequest, claim: Arc<Claim>) -> Verdict {
        match self.write(&claim, |ledger, claim| ledger.not_started(claim)).await {
            Ok(()) => self.begin(request, claim).await,
            Err(failure) => failed(failure),
        }
    }

    /// Begins, as often as it is proven that what was tried before has begun nothing, and may be tried again.
    async fn begin(&mut self, request: &ExportRequest, claim: Arc<Claim>) -> Verdict {
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
                    self.around.tell(News::Adopted { job: unseen(&path) });
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
        self.around.tell(News::Retry { cause, after: pause.as_secs_f64() });
        within(self.around, sleep(pause)).await
    }

    /// Waits until a machine may be asked for again whose earlier export nobody can tell the end of.
    async fn pause(&mut self, subject: &Guid, failure: Failure) -> Result<(), Verdict> {
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
                self.around.tell(News::Adopted { job: unseen(&path) });
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

    /// Looks for the job of a call whose answer is lost. That there is none proves something only once the
    /// host cannot be at work on the call any more, while it would still show a job that has ended, where its
    /// service has not been restarted and where nothing was written.
    async fn look_for(&mut self, record: &Record) -> Fate {
        // What counts is how long it was given by the run that asked.
        let given = record.witness.timeout.unwrap_or(self.around.operation_timeout);
        let settled = given.saturating_mul(2).saturating_add(SETTLING);
        loop {
            match within(self.around, self.find_job(record)).await {
                Ok(Ok(Some(path))) => return Fate::Found(path),
                Ok(Ok(None)) => {}
                // There is time to look once more.
                Ok(Err(error))
                    if is_passing(&error) && self.elapsed(record).is_some_and(|it| it < settled) => {}
                Ok(Err(error)) => return Fate::Hidden((&error).into()),
                Err(cut) => return Fate::Cut(cut),
            }
            match self.elapsed(record) {
                Some(elapsed) if elapsed < settled => {
                    let pause = LOOK_AGAIN.min(settled - elapsed);
                    if let Err(cut) = within(self.around, sleep(pause)).await {
                        return Fate::Cut(cut);
                    }
                }
                Some(elapsed) if elapsed < REMEMBERED => break,
                Some(_) => return Fate::Unknown("the host no longer shows jobs of that time".to_owned()),
                None => return Fate::Unknown("the clock of this machine was set back since".to_owned()),
            }
        }
        self.last_look(record).await
    }

    /// Returns how long ago the host was asked; `None` where the clock was set back since.
    fn elapsed(&self, record: &Record) -> Option<Duration> {
        self.around.now().duration_since(record.sent).ok()
    }

    /// Looks for the job of a call that the host cannot be at work on any more, and for what keeps its absence
    /// from being a proof. A job that shows meanwhile is found all the same.
    async fn last_look(&self, record: &Record) -> Fate {
        let looked = async {
            let doubt = self.proof(record).await?;
            Ok((doubt, self.find_job(record).await?))
        };
        match within(self.around, looked).await {
            Ok(Ok((_, Some(path)))) => Fate::Found(path),
            Ok(Ok((None, None))) => Fate::NotStarted,
            Ok(Ok((Some(doubt), None))) => Fate::Unknown(doubt),
            Ok(Err(error)) => {
                let error: Error = error;
                Fate::Hidden((&error).into())
            }
            Err(cut) => Fate::Cut(cut),
        }
    }

    async fn find_job(&self, record: &Record) -> Result<Option<ObjectPath>, Error> {
        let namespace = self.around.host.namespace();
        let jobs = self.new_jobs(record).await?.jobs;
        let found = jobs.iter().find(|job| record.is_like(job) && record.agrees(job));
        Ok(found.map(|job| job.path(namespace)))
    }

    /// Returns the jobs that were not there when the call was about to be sent, and belong to no other call of ours.
    /// Of two calls at one moment, from two ledgers, either job does what both asked for.
    async fn new_jobs(&self, record: &Record) -> Result<JobList, Error> {
        let (kind, subject) = (record.kind, record.subject.to_string());
        let earlier = self.around.keeper.with(move |ledger| ledger.exports_of(kind, &subject)).await;
        let earlier = earlier.unwrap_or_default();
        let namespace = self.around.host.namespace();
        let is_known = |job: &Job| {
            let mut known =
                earlier.iter().filter(|other| other.id != record.id).filter_map(|other| other.job.as_deref());
            let path = job.path(namespace);
            known.any(|known| known.parse::<ObjectPath>().is_ok_and(|known| known.is_same_object(&path)))
        };
        let mut list = self.around.host.job_list().await?;
        list.jobs.retain(|job| !record.witness.has_seen(&job.id) && !is_known(job));
        list.unreadable.retain(|id| !record.witness.has_seen(id));
        Ok(list)
    }

    /// Returns what keeps the absence of a job from proving that there never was one.
    async fn proof(&self, record: &Record) -> Result<Option<String>, Error> {
        let host = self.around.host;
        let doubt = |text: &str| Ok(Some(text.to_owned()));
        if let Some(why) = record.witness.doubt(host).await? {
            return doubt(why);
        }
        let list = self.new_jobs(record).await?;
        if list.jobs.iter().any(|job| record.is_like(job)) {
            return doubt(
                "a job exports the same to the same directory, relative to something else or with other disks",
            );
        }
        if list.jobs.iter().any(|job| record.is_of_point(job)) {
            return doubt("a job exports the same to what may be the same directory");
        }
        if !list.unreadable.is_empty() || list.jobs.iter().any(Job::is_silent_export) {
            return doubt("the host has export jobs that do not say what they export");
        }
        for machine in record.machines(host).await? {
            if is_exporting(host, &machine).await? {
                return doubt("the host says that the machine is being exported");
            }
        }
        match host.contents(&record.directory).await? {
            Seen::Known(Contents::Missing { .. } | Contents::Empty) if record.was_taken => {
                doubt("the host had begun with the call and may go on with it")
            }
            Seen::Known(Contents::Missing { .. } | Contents::Empty) => Ok(None),
            Seen::Known(Contents::Something) => doubt("there is something in the directory"),
            Seen::Hidden(_) => doubt("the directory cannot be seen"),
        }
    }

    /// The host was done when it answered: there is no job, and no receipt.
    async fn done_at_once(&mut self, record: &Record, claim: Arc<Claim>) -> Verdict {
        let outcome = self.without_receipt(record).await;
        self.end(claim, (outcome, None)).await
    }

    /// The host says that it is done and not what it has written: all that can be looked at is the directory.
    async fn without_receipt(&mut self, record: &Record) -> Outcome {
        let seen = within_after(self.around, self.around.host.contents(&record.directory)).await;
        let seen = seen.unwrap_or_else(|_| Ok(Seen::Hidden(String::new())));
        if record.kind == ledger::Kind::Group && matches!(seen, Ok(Seen::Known(Contents::Something))) {
            self.warn(format!(
                "the host says that it is done and not which machines it has exported; look into {}",
                record.directory
            ));
            return Outcome::CompletedWithWarnings;
        }
        match seen {
            Ok(Seen::Known(Contents::Something)) if self.is_another => Outcome::CompletedWithWarnings,
            Ok(Seen::Known(Contents::Something)) => Outcome::Completed,
            Ok(Seen::Known(_)) => {
                self.warn(format!("the host says that it is done, and {} is empty", record.directory));
                Outcome::CompletedWithWarnings
            }
            Ok(Seen::Hidden(_)) | Err(_) => {
                self.warn(
                    "the host says that it is done and not what it has written; look into the directory"
                        .to_owned(),
                );
                Outcome::CompletedWithWarnings
            }
        }
    }

    async fn follow(&mut self, record: &Record, claim: Arc<Claim>, path: ObjectPath) -> Verdict {
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

    /// Decides from a job that has ended how the export did, and copies what will soon be gone.
    async fn judge(&mut self, record: &Record, path: &ObjectPath, job: &Job) -> Verdict {
        let receipt = job.export.as_ref().map(|facts| facts.receipt.clone()).unwrap_or_default();
        self.draft.receipt = ReceiptReport::from(&receipt);
        let treatment = job.treatment();
        let errors = if treatment == Treatment::Succeeded {
            Vec::new()
        } else {
            let errors = within_after(self.around, self.around.host.job_errors(path)).await;
            errors.unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_default()
        };
        self.draft.see(job, &errors);
        match treatment {
            Treatment::Succeeded if receipt.files().next().is_none() => {
                (self.without_receipt(record).await, None)
            }
            Treatment::Succeeded => {
                let is_all = self.check_all(record, job, &receipt);
                match self.check_files(&receipt).await && is_all && !self.is_another {
                    true => (Outcome::Completed, None),
                    false => (Outcome::CompletedWithWarnings, None),
                }
            }
            Treatment::SucceededWithWarnings => {
                let said = errors.iter().map(|error| error.message.clone());
                let said: Vec<_> = said.chain([job.error_description.clone(), UNSAID.to_owned()]).collect();
                // What it says of itself, and of what it does not say that it was not said.
                let count = errors.len().max(1);
                said.into_iter().filter(|text| !text.is_empty()).take(count).for_each(|text| self.warn(text));
                self.check_all(record, job, &receipt);
                self.check_files(&receipt).await;
                (Outcome::CompletedWithWarnings, None)
            }
            Treatment::Cancelled => {
                let message = format!("the job was {}; files may be left in the directory", job.state_name());
                let failure = Failure::new(Kind::Cancelled, message);
                let hint = "look into the directory; the same command exports anew once it is empty";
                (Outcome::Cancelled, Some(failure.with_hint(hint)))
            }
            _ => {
                let said = said(job, &errors).map_or_else(String::new, |said| format!(": {said}"));
                let (state, code) = (job.state_name(), job.error_code);
                let message = format!("the job ended as {state} with error code {code}{said}");
                let failure = Failure::new(Kind::JobFailed, message).with_code(code);
                (Outcome::Failed, Some(failure.with_hint(advice(job, &errors))))
            }
        }
    }

    /// Says whether the job has all that was to be exported.
    fn check_all(&mut self, record: &Record, job: &Job, receipt: &Receipt) -> bool {
        let machines = job.export.as_ref().map(|facts| &*facts.machines).unwrap_or_default();
        let lacks = record.lacks(machines, receipt);
        let is_all = lacks.is_empty();
        lacks.into_iter().for_each(|message| self.warn(message));
        is_all
    }

    /// Says whether every file that the receipt names is where it says, as far as that can be seen.
    async fn check_files(&mut self, receipt: &Receipt) -> bool {
        let mut whole = true;
        if !receipt.pairs() {
            let (disks, files) = (receipt.disks.len(), receipt.log_files.len());
            self.warn(format!(
                "the host names {disks} disks and {files} files: which belong together is not known"
            ));
            whole = false;
        }
        let files: Vec<_> = receipt.files().map(str::to_lowercase).collect();
        for (place, path) in receipt.files().enumerate() {
            if files[..place].contains(&files[place]) {
                self.warn(format!("the receipt names {path} twice: what was written first may be lost"));
                whole = false;
                continue;
            }
            let Ok(seen) = within_after(self.around, self.around.host.file(path)).await else {
                self.warn("the files were not checked: there was no time".to_owned());
                break;
            };
            match seen {
                Ok(Seen::Known(Some(_))) => {}
                Ok(Seen::Known(None)) => {
                    self.warn(format!("the receipt names {path}, and the host does not have it"));
                    whole = false;
                }
                Ok(Seen::Hidden(why)) => {
                    self.warn(format!("the files were not checked: {why}"));
                    break;
                }
                Err(error) => {
                    self.warn(format!("the files were not checked: {error}"));
                    break;
                }
            }
        }
        whole
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
    async fn end(&mut self, claim: Arc<Claim>, verdict: Verdict) -> Verdict {
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
    async fn close(&self, claim: &Arc<Claim>, outcome: Outcome) -> Result<(), Failure> {
        let (name, now) = (outcome.name(), self.around.now());
        let end = move |ledger: &mut Ledger, claim: &Claim| {
            ledger.ended(claim, now, &End { outcome: name, sound: false, receipt: None })
        };
        self.write(claim, end).await
    }

    /// Writes the answer down. The host is at work by now, so a ledger that fails is reported, and the job is
    /// followed all the same: it would be lost otherwise.
    async fn write_answer(&mut self, claim: &Arc<Claim>, code: Option<u32>, job: Option<&ObjectPath>) {
        let (now, job) = (self.around.now(), job.map(ToString::to_string));
        let shown = job.clone().unwrap_or_else(|| "no job".to_owned());
        let answer =
            move |ledger: &mut Ledger, claim: &Claim| ledger.answered(claim, now, code, job.as_deref());
        if let Err(failure) = self.write(claim, answer).await {
            self.warn(format!("what the host answered is not in the ledger ({shown}): {}", failure.message));
            self.trouble.get_or_insert(failure);
        }
    }

    async fn write(
        &self,
        claim: &Arc<Claim>,
        work: impl FnOnce(&mut Ledger, &Claim) -> Result<(), ledger::Error> + Send + 'static,
    ) -> Result<(), Failure> {
        let claim = claim.clone();
        let done = self.around.keeper.with(move |ledger| work(ledger, &claim)).await;
        done.map_err(|error| (&error).into())
    }

    fn warn(&mut self, message: String) {
        // What is looked at again at each try is said once.
        if self.draft.warnings.contains(&message) {
            return;
        }
        self.around.tell(News::Warning { message: message.clone() });
        self.draft.warnings.push(message);
    }
}

/// The report as far as it can be written by now.
struct Draft {
    kind: &'static str,
    directory: String,
    machine: Option<Named>,
    group: Option<Named>,
    point: Option<report::PointReport>,
    base: Option<report::PointReport>,
    return_value: Option<Number>,
    job: Option<JobReport>,
    receipt: ReceiptReport,
    warnings: Vec<String>,
    started: SystemTime,
}

impl Draft {
    fn new(plan: &ExportPlan, started: SystemTime) -> Self {
        let kind = match plan.what {
            Wanted::Machine(_) => "vm",
            Wanted::Group(_) => "group",
        };
        Self {
            kind,
            directory: plan.directory.to_string(),
            machine: None,
            group: None,
            point: None,
            base: None,
            return_value: None,
            job: None,
            receipt: ReceiptReport::default(),
            warnings: Vec::new(),
            started,
        }
    }

    /// Returns what is written down of an export.
    fn of(export: &ledger::Export) -> Self {
        let named = Some(Named { id: export.subject.id.clone(), name: export.subject.name.clone() });
        let (kind, machine, group) = match export.subject.kind {
            ledger::Kind::Vm => ("vm", named, None),
            ledger::Kind::Group => ("group", None, named),
        };
        Self {
            kind,
            directory: export.directory.clone(),
            machine,
            group,
            point: Some(report::PointReport::of(&export.point)),
            base: export.base.as_deref().map(report::PointReport::of),
            return_value: None,
            job: None,
            receipt: ReceiptReport::default(),
            warnings: Vec::new(),
            started: export.intended_at,
        }
    }

    fn describe(&mut self, what: &Exported) {
        let named = Some(Named::new(what.subject(), what.name()));
        match what {
            Exported::Machine { point, base, .. } => {
                self.machine = named;
                self.point = Some(point.into());
                self.base = base.as_ref().map(Into::into);
            }
            Exported::Group { points, base, .. } => {
                self.group = named;
                self.point = Some(points.into());
                self.base = base.as_ref().map(Into::into);
            }
        }
    }

    fn answered(&mut self, service: &str, code: u32) {
        self.return_value = Some(Number::new(&meaning(service, METHOD, code)));
    }

    fn see(&mut self, job: &Job, errors: &[JobError]) {
        self.job = Some(JobReport::seen(job, errors));
    }

    /// Forgets what an earlier try has left in it.
    fn forget(&mut self, now: SystemTime) {
        (self.return_value, self.job, self.started) = (None, None, now);
        self.receipt = ReceiptReport::default();
    }

    fn report(&self, label: &str, now: SystemTime, (outcome, error): &Verdict) -> Report {
        Report {
            schema: report::SCHEMA.to_owned(),
            host: label.to_owned(),
            kind: self.kind.to_owned(),
            machine: self.machine.clone(),
            group: self.group.clone(),
            point: self.point.clone(),
            base: self.base.clone(),
            directory: self.directory.clone(),
            outcome: *outcome,
            return_value: self.return_value.clone(),
            job: self.job.clone(),
            receipt: self.receipt.clone(),
            warnings: self.warnings.clone(),
            error: error.clone(),
            started_at: timestamp(self.started),
            finished_at: timestamp(now),
            requests: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

fn subject(what: &Exported) -> Subject {
    let kind = match what {
        Exported::Machine { .. } => ledger::Kind::Vm,
        Exported::Group { .. } => ledger::Kind::Group,
    };
    Subject { kind, id: what.subject().to_string(), name: what.name().to_owned() }
}

fn unseen(path: &ObjectPath) -> JobReport {
    JobReport::unseen(&path.class, &path.key_text("InstanceID").unwrap_or_default())
}

/// Says whether what is asked for is what was written down.
fn is_as_begun(request: &ExportRequest, export: &ledger::Export) -> bool {
    export.base.as_deref() == request.what.base()
        && has_same_disks(&export.disks, &request.what.chosen_disks())
}

/// Says whether what is written down is what a plan means, by the names that things had then.
fn is_of(plan: &ExportPlan, export: &ledger::Export) -> bool {
    let (kind, selector) = match &plan.what {
        Wanted::Machine(selector) => (ledger::Kind::Vm, selector),
        Wanted::Group(selector) => (ledger::Kind::Group, selector),
    };
    let is_subject = export.subject.kind == kind
        && export.subject.id.parse().is_ok_and(|id| selector.matches(&id, &export.subject.name));
    let is_point = match &plan.point {
        PointChoice::Named(text) => is_same_point(text, &export.point),
        PointChoice::Latest | PointChoice::Only => true,
    };
    export.stage != Stage::Intended && is_subject && is_point && plan.directory.is_same(&export.directory)
}

/// Says whether base and disks are those of a plan, as far as that can be told without the host.
fn is_as_planned(plan: &ExportPlan, export: &ledger::Export) -> bool {
    let is_base = match &plan.base {
        _ if plan.settings.is_some() => true,
        BaseChoice::None => export.base.is_none(),
        BaseChoice::Named(text) => export.base.as_ref().is_some_and(|base| is_same_point(text, base)),
        BaseChoice::Last | BaseChoice::LastOrNone => true,
    };
    let chosen: Vec<_> = plan.disks.iter().map(|choice| choice.disk.clone()).collect();
    let bare = |disk: &String| match disk.split_once(':') {
        Some((machine, disk)) if machine.parse::<Guid>().is_ok() => disk.to_owned(),
        _ => disk.clone(),
    };
    let begun: Vec<_> = export.disks.iter().map(bare).collect();
    is_base && (plan.settings.is_some() || has_same_disks(&chosen, &begun))
}

fn is_same_point(text: &str, point: &str) -> bool {
    text.eq_ignore_ascii_case(point)
        || text.parse::<Guid>().is_ok_and(|guid| Guid::last_in(point) == Some(guid))
}

fn has_same_disks(some: &[String], others: &[String]) -> bool {
    let within = |some: &[String], others: &[String]| {
        some.iter().all(|one| others.iter().any(|other| is_same_disk(one, other)))
    };
    within(some, others) && within(others, some)
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

/// What is written down was never written by any release.
fn unreadable(export: &ledger::Export) -> Failure {
    let message = format!("the ledger's export {} into {:?} makes no sense", export.id, export.directory);
    Failure::new(Kind::Ledger, message).with_hint("somebody has changed it: --ledger FILE names another")
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

/// What is known where nobody could look what became of a call. It stays open: to be looked at again, and no ground
/// for asking once more.
fn not_looked(failure: Failure) -> Verdict {
    let message = format!("what became of the export could not be looked at: {}", failure.message);
    let passes = matches!(
        failure.kind,
        Kind::Unreachable | Kind::Login | Kind::Tls | Kind::AccessDenied | Kind::Busy | Kind::Ledger
    );
    let kind = if passes { failure.kind } else { Kind::Unknown };
    let hint = failure.hint.map(|hint| format!("{hint}; ")).unwrap_or_default();
    let hint = format!("{hint}the same command looks again");
    (Outcome::Unknown, Some(Failure { code: failure.code, ..Failure::new(kind, message).with_hint(hint) }))
}

fn failed(failure: Failure) -> Verdict {
    (Outcome::Failed, Some(failure))
}

fn unknown(directory: &Directory, why: &str) -> Verdict {
    let failure = Failure::new(Kind::Unknown, format!("nobody can tell what became of the export: {why}"));
    let hint = format!(
        "look on the host at its jobs and into {directory}; the same command looks again, and with \
         --retry-unknown exports anew"
    );
    (Outcome::Unknown, Some(failure.with_hint(hint)))
}

/// Returns what a job that has ended says for itself: its errors, or else its description.
fn said(job: &Job, errors: &[JobError]) -> Option<String> {
    let sentences: Vec<_> =
        errors.iter().map(|error| error.message.trim()).filter(|text| !text.is_empty()).collect();
    let said = if sentences.is_empty() { job.error_description.clone() } else { sentences.join("; ") };
    Some(said).filter(|said| !said.is_empty())
}

/// Why the host was not even asked.
pub(super) fn not_asked(cut: &Cut) -> Failure {
    match cut {
        Cut::Deadline => Failure::new(Kind::Deadline, "the deadline has passed before the host was asked")
            .with_hint("nothing was begun; does the host answer, and is the deadline long enough?"),
        Cut::Left(reason) => Failure { hint: None, ..interrupted(*reason) }
            .with_message("interrupted before the host was asked"),
    }
}

/// What is known of a host that was asked, and of which nobody waits any more to hear whether it has begun.
fn unanswered(cut: &Cut) -> Verdict {
    let reason = match cut {
        Cut::Deadline => Reason::TimeIsOver,
        Cut::Left(reason) => *reason,
    };
    let why = match reason {
        Reason::TimeIsOver => "the deadline has passed",
        Reason::Terminate => "ended by the system",
        Reason::Asked | Reason::Interrupt => "interrupted",
    };
    let message = format!("{why} while it was not known whether the host has begun; it may be at work");
    let hint = "the same command again looks what became of it";
    (Outcome::Detached, Some(interrupted(reason).with_message(message).with_hint(hint)))
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

pub(super) fn interrupted(reason: Reason) -> Failure {
    match reason {
        Reason::Terminate => Failure::new(Kind::Terminated, "ended by the system; a job that runs goes on"),
        Reason::TimeIsOver => {
            Failure::new(Kind::Deadline, "the time for the run is over; a job that runs goes on")
        }
        Reason::Asked | Reason::Interrupt => {
            Failure::new(Kind::Interrupted, "interrupted; a job that runs goes on")
        }
    }
    .with_hint("the same command again follows it to its end")
}

/// How long a host may need to show the job of a call, after twice the time that it was given: its service gives
/// up a call that takes too long, and what it has passed the call on to may go on.
pub(super) const SETTLING: Duration = Duration::from_secs(5);

/// What is said where a job that ended with warnings does not say which.
const UNSAID: &str = "the job ended with warnings and does not say which: the log \
    Microsoft-Windows-Hyper-V-VMMS-Admin on the host may";

/// What was lost so often, without ever having been begun, is lost for a reason.
const MOST_LOST: u32 = 3;

/// How long the answer to the call is waited for when there is no more time.
const LAST_MOMENT: Duration = Duration::from_secs(5);
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// For how long an ended job is certainly still shown: five minutes, less what clocks and requests take.
const REMEMBERED: Duration = Duration::from_secs(270);
