use std::sync::Arc;

use super::draft::{Draft, unseen};
use super::event::News;
use super::follow::{within, within_after};
use super::look::Fate;
use super::patience::Patience;
use super::plan::{BaseChoice, ExportPlan, PointChoice, Wanted};
use super::preflight::preflight;
use super::record::Record;
use super::report::{self, Failure, Kind, Outcome};
use super::unit::Work;
use super::verdict::{Verdict, failed, not_looked, unanswered, unknown, unreadable};
use crate::hyperv::{ExportRequest, Guid, ObjectPath, Selector, is_same_disk};
use crate::ledger::{self, Claim, Claimed, Intent, Stage};

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

impl Work<'_> {
    /// Takes hold of what the ledger has of a plan without an end, by the names that things had when it was begun.
    pub(super) async fn begun_before(
        &self,
        plan: &ExportPlan,
    ) -> Result<Option<(Claim, ledger::Export)>, Failure> {
        // Of a host that cannot be asked for its name nothing is known, and why it cannot has been said.
        let Ok(Ok(host)) = within(self.around, self.around.host.name()).await else { return Ok(None) };
        let open = self.around.keeper.with(move |ledger| ledger.open_exports(Some(&host))).await;
        let open = open.map_err(|error| Failure::from(&error))?;
        let Some(export) = open.iter().find(|export| is_of(plan, export)) else { return Ok(None) };
        let id = export.id;
        let claimed = self.around.keeper.with(move |ledger| ledger.reclaim(id)).await;
        claimed.map_err(|error| (&error).into())
    }

    /// Takes up what a run before this one began, and begins what that one has certainly not begun.
    pub(super) async fn take_up_as(
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
    pub(super) async fn take_up_gone(
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
    pub(super) async fn found(
        &mut self,
        record: &Record,
        claim: Arc<Claim>,
        export: &ledger::Export,
        path: ObjectPath,
    ) -> Verdict {
        if export.job.is_none() {
            self.write_answer(&claim, export.return_value, Some(&path)).await;
        }
        self.around.tell(News::Adopted { job: unseen(&path), unheard_of: export.job.is_none() });
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
    pub(super) async fn recall(&mut self, record: &Record) {
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
