use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::sleep;

use super::engine::Shared;
use super::governor::{Permit, Slot, Slots};
use super::plan::{BrokenChain, ExportRule, PointPolicy};
use super::stop::Stop;
use crate::fleet::event::{Event, News};
use crate::fleet::make::make_point;
use crate::fleet::plan::{BaseChoice, ExportPlan, PointChoice, Wanted};
use crate::fleet::report::{Failure, Kind, Named, Outcome, Report};
use crate::fleet::unit::{Surroundings, export, not_begun, timestamp};
use crate::hyperv::{Directory, Host, Selector};
use crate::ledger::{self, Ledger, Unit, UnitStage};

/// One unit of a run, with all it needs.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    pub(super) host: Arc<Host>,
    pub(super) slots: Arc<Slots>,
    /// Whoever works on the machine holds this.
    pub(super) machine: Arc<Mutex<()>>,
    /// What the inventory calls the host.
    pub(super) label: String,
    /// Whether another unit would be written to the same directory.
    pub(super) is_colliding: bool,
    pub(super) unit: Unit,
}

/// How a try ended.
enum Try {
    Ended(Box<Report>),
    /// The run was stopped before the host was asked for anything.
    Left,
}

/// What a unit has while it is under way: its machine, a slot of its host, a place to write to, and its share of all.
type Room = (OwnedMutexGuard<()>, Slot, Permit, Permit);

/// Works on a unit until it has ended, or the run has.
pub(super) async fn work_on(work: Work) {
    match work.ended_before().await {
        Ok(None) => {}
        Ok(Some(report)) => return work.end(report).await,
        Err(error) => return work.shared.is_broken(Failure::from(&error)),
    }
    let mut work = work;
    let mut tries = Tries { earlier: work.move_on(), ..Tries::default() };
    loop {
        // Others wait until the end is written down.
        let Ok((done, room)) = work.one_try(&tries).await else { return };
        let report = match done {
            Try::Ended(report) => report,
            Try::Left => return work.stay_outstanding().await,
        };
        work.feel(&report);
        let is_fault = report.error.as_ref().is_some_and(|error| error.kind == Kind::Fault);
        let is_unsent = is_fault && work.is_unsent().await;
        let Some((cause, count)) = tries.again(&work, &report, is_unsent) else {
            work.end(report).await;
            return;
        };
        if work.shared.stopper.stopped().is_some() {
            work.leave(report).await;
            return;
        }
        drop(room);
        let after = work.shared.pause(count, work.unit.id);
        let kind = report.error.as_ref().map(|error| error.kind);
        work.tell(News::Retry { kind, cause, after: after.as_secs_f64() });
        if work.shared.stopper.unless(sleep(after)).await.is_err() {
            work.leave(report).await;
            return;
        }
    }
}

/// What was tried, and how often for which cause.
#[derive(Default)]
struct Tries {
    transient: u32,
    busy: u32,
    /// Why all is exported although there is a base.
    without_base: Option<String>,
    /// How it ended before somebody wanted it begun again.
    earlier: Option<String>,
}

impl Tries {
    fn is_first(&self) -> bool {
        (self.transient, self.busy) == (0, 0) && self.without_base.is_none()
    }

    /// Says whether a unit that ended so is begun again, why, and for the how-manieth time. Only what the host has
    /// certainly not begun is; of what nobody knows it is looked again what became of it.
    fn again(&mut self, work: &Work, report: &Report, is_unsent: bool) -> Option<(String, u32)> {
        let error = report.error.as_ref()?;
        let retries = &work.shared.plan.retries;
        let is_untouched = report.job.is_none();
        let cause = error.message.clone();
        match (report.outcome, error.kind) {
            (Outcome::Failed, Kind::Unreachable) if is_untouched => {
                count(&mut self.transient, retries.transient)
            }
            // Something went wrong on the way to the call, and nothing but questions was sent.
            (Outcome::Failed, Kind::Fault) if is_untouched && is_unsent => {
                count(&mut self.transient, retries.transient)
            }
            (Outcome::Failed, Kind::Busy) if is_untouched => count(&mut self.busy, retries.busy),
            (Outcome::Unknown, _) => count(&mut self.transient, retries.transient),
            (Outcome::Failed, Kind::Refused)
                if is_untouched && report.base.is_some() && retries.broken_chain == BrokenChain::Full =>
            {
                let may_be_full = work.rule().is_some_and(|rule| rule.base == BaseChoice::LastOrNone);
                let is_about_bases = error.code.is_some_and(|code| ABOUT_BASES.contains(&code));
                if !may_be_full || !is_about_bases || self.without_base.is_some() {
                    return None;
                }
                let base = report.base.as_ref().map(|base| &*base.id).unwrap_or_default();
                self.without_base =
                    Some(format!("all of it was exported: relative to {base} the host refused: {cause}"));
                Some(1)
            }
            _ => None,
        }
        .map(|count| (cause, count))
    }
}

/// A host that takes so long to list its jobs has enough to do.
const SLOW: Duration = Duration::from_secs(10);

/// Return values that may be about the base: failed and invalid parameter, of both lists.
const ABOUT_BASES: [u32; 4] = [32768, 32773, 2, 4];

/// Says whether the host has done something, however it ended: what it has not may be begun again.
fn was_carried_out(report: &Report) -> bool {
    report.job.is_some() || matches!(report.outcome, Outcome::Completed | Outcome::CompletedWithWarnings)
}

/// Says whether a unit that ended so is only begun again by somebody who wants that.
fn has_failed(outcome: Option<&str>) -> bool {
    matches!(outcome, Some("failed" | "cancelled"))
}

fn count(so_far: &mut u32, most: u32) -> Option<u32> {
    if *so_far >= most {
        return None;
    }
    *so_far += 1;
    Some(*so_far)
}

impl Work {
    fn rule(&self) -> Option<&ExportRule> {
        self.shared.plan.exports.get(self.unit.what.rule as usize)
    }

    /// Says whether its host was certainly never asked for this export.
    async fn is_unsent(&self) -> bool {
        let Ok(directory) = Directory::parse(&self.unit.what.directory) else { return false };
        let subject = self.unit.what.subject.clone();
        let keeper = &self.shared.around.keeper;
        let exports = keeper.with(move |ledger| ledger.exports_of(subject.kind, &subject.id)).await;
        exports.is_ok_and(|exports| {
            let mut of_it = exports.iter().filter(|export| directory.is_same(&export.directory));
            of_it.all(|export| export.sent_at.is_none())
        })
    }

    /// Gives a unit that has failed, and is wanted again, a directory of its own where the host may have written to the
    /// one that it had. Returns how it had ended.
    fn move_on(&mut self) -> Option<String> {
        if self.unit.stage != UnitStage::Ended || !has_failed(self.unit.outcome.as_deref()) {
            return None;
        }
        let before: Report = serde_json::from_str(self.unit.report.as_deref()?).ok()?;
        if before.job.is_some() {
            let number = self.unit.tries + 1;
            self.unit.what.directory = format!("{}-{number}", self.unit.what.directory);
        }
        let error = before.error?;
        Some(format!("an earlier try ended as {}: {}", before.outcome.name(), error.message))
    }

    /// Returns how the export of this unit ended, where a process before this one saw that and was ended before it
    /// wrote it down for the unit, or where another command has followed its job: what was begun once is not begun
    /// again because one word is missing.
    async fn ended_before(&self) -> Result<Option<Box<Report>>, ledger::Error> {
        let unit = &self.unit;
        let Some(begun) = unit.started_at.filter(|_| !has_failed(unit.outcome.as_deref())) else {
            return Ok(None);
        };
        // A host that does not say its name is found out by whoever asks it for more.
        let name = self.host.name().await.ok();
        let Ok(directory) = Directory::parse(&unit.what.directory) else { return Ok(None) };
        let subject = unit.what.subject.clone();
        let keeper = &self.shared.around.keeper;
        let exports = keeper.with(move |ledger| ledger.exports_of(subject.kind, &subject.id)).await?;
        let is_ours = |export: &ledger::Export| {
            export.ended_at.is_some_and(|ended| ended >= begun)
                && (name.as_ref().is_some_and(|name| export.host.eq_ignore_ascii_case(name))
                    || export.details == self.label)
                && directory.is_same(&export.directory)
        };
        let ended = exports.iter().filter(|export| is_ours(export));
        let mut reports = ended.filter_map(|export| serde_json::from_str(export.receipt.as_deref()?).ok());
        Ok(reports.find(was_carried_out).map(Box::new))
    }

    async fn one_try(&self, tries: &Tries) -> Result<(Try, Room), Stop> {
        let (shared, unit) = (&self.shared, &self.unit);
        let directory = Directory::parse(&unit.what.directory);
        let selector = Selector::parse(&unit.what.subject.id);
        let what = match unit.what.subject.kind {
            ledger::Kind::Vm => Wanted::Machine(selector.clone()),
            ledger::Kind::Group => Wanted::Group(selector.clone()),
        };
        let (Ok(directory), Some(rule)) = (directory, self.rule()) else {
            // The text of a plan is kept with its run: this is a ledger that somebody has changed.
            shared.is_broken(Failure::new(
                Kind::Ledger,
                "the ledger's plan and its units do not belong together",
            ));
            return Err(Stop::Wished(crate::fleet::follow::Reason::Asked));
        };
        let waited = async {
            // What only this host has comes first: whoever waits for it must not keep others from a share.
            let machine = self.machine.clone().lock_owned().await;
            let slot = self.slots.take().await;
            let place = shared.governor.place(&self.label, &directory).await;
            (machine, slot, place, shared.governor.unit().await)
        };
        let room = shared.stopper.unless(waited).await?;
        let (id, now) = (unit.id, shared.now());
        let is_anew =
            unit.stage == UnitStage::Ended && tries.is_first() && has_failed(unit.outcome.as_deref());
        let into = unit.what.directory.clone();
        let begin = move |ledger: &mut Ledger| match is_anew {
            true => ledger.unit_begun_anew(id, now, &into),
            false => ledger.unit_begun(id, now),
        };
        if shared.write(begin).await.is_none() {
            return Err(Stop::Wished(crate::fleet::follow::Reason::Asked));
        }
        self.tell(News::UnitStarted);
        let mut plan = ExportPlan::new(what, PointChoice::Latest, directory);
        plan.retry_unknown = shared.around.retry_unknown;
        plan.base = if tries.without_base.is_some() { BaseChoice::None } else { rule.base.clone() };
        let listener = |event: Event| self.pass_on(event);
        let mut around =
            Surroundings::new(&*self.label, &self.host, &shared.around.keeper, shared.around.clock);
        around.listener = &listener;
        around.control = shared.stopper.control();
        around.unit.clone_from(&unit.what.subject.name);
        let begun = shared.now();
        let mut report = match self.point(&around, rule, &selector).await {
            Ok(point) => {
                plan.point = point;
                // Boxed, so that thousands of them wait in what they need and not in what they might.
                Box::pin(export(&around, &plan)).await
            }
            Err(failure) => {
                let is_unknown = failure.kind == Kind::Unknown;
                let mut report = not_begun(&plan, &self.label, failure, begun, shared.now());
                if is_unknown {
                    // Whether its point is there the next look may tell: that is no end.
                    report.outcome = Outcome::Unknown;
                }
                let named = Named { id: unit.what.subject.id.clone(), name: unit.what.subject.name.clone() };
                match unit.what.subject.kind {
                    ledger::Kind::Vm => report.machine = Some(named),
                    ledger::Kind::Group => report.group = Some(named),
                }
                report
            }
        };
        report.warnings.extend(tries.earlier.clone());
        report.warnings.extend(tries.without_base.clone());
        let was_cut = shared.stopper.stopped().is_some();
        // A host that refused has a return value, and has begun nothing.
        let is_untouched = report.job.is_none();
        let is_cut = matches!(
            report.error.as_ref().map(|error| error.kind),
            Some(Kind::Interrupted | Kind::Terminated | Kind::Deadline)
        );
        if was_cut && is_untouched && is_cut && report.outcome == Outcome::Failed {
            return Ok((Try::Left, room));
        }
        Ok((Try::Ended(Box::new(report)), room))
    }

    /// Returns the point to export: of this unit, made once.
    async fn point(
        &self,
        around: &Surroundings<'_>,
        rule: &ExportRule,
        selector: &Selector,
    ) -> Result<PointChoice, Failure> {
        if self.is_colliding {
            let message = "another machine would be written to the same directory";
            return Err(Failure::new(Kind::Usage, message).with_hint("put {id} into the plan's directory"));
        }
        let (consistency, point_type) = match &rule.point {
            PointPolicy::There(choice) => return Ok(choice.clone()),
            PointPolicy::New { consistency, point_type } => (*consistency, *point_type),
        };
        let purpose = format!("run {} unit {}", self.shared.run, self.unit.id);
        let made = purpose.clone();
        let made = self.shared.around.keeper.with(move |ledger| ledger.made_for(&made)).await;
        if let Some(id) = made.map_err(|error| Failure::from(&error))? {
            return Ok(PointChoice::Named(id));
        }
        let owned = Box::pin(make_point(around, selector, consistency, point_type, &purpose)).await?;
        Ok(PointChoice::Named(owned.point.id))
    }

    fn tell(&self, what: News) {
        let now = timestamp(self.shared.now());
        let event = Event::new(now, self.label.clone(), self.unit.what.subject.name.clone(), what);
        (self.shared.around.listener)(event.with_number(self.unit.id));
    }

    /// Passes on what an export tells, but for what the run says itself.
    fn pass_on(&self, event: Event) {
        if matches!(event.what, News::UnitStarted | News::Connected { .. } | News::UnitFinished { .. }) {
            return;
        }
        match &event.what {
            News::Retry { cause, .. } => self.trouble(cause),
            News::Progress { .. } if self.host.last_look_took() >= SLOW => {
                let seconds = self.host.last_look_took().as_secs();
                self.trouble(&format!("it took {seconds}s to say how its jobs are"));
            }
            _ => {}
        }
        (self.shared.around.listener)(event.with_number(self.unit.id));
    }

    /// Learns from how a unit ended how much the host can take.
    fn feel(&self, report: &Report) {
        match &report.error {
            Some(error) if matches!(error.kind, Kind::Busy) => self.trouble(&error.message),
            Some(_) => {}
            None => {
                if let Some(units) = self.slots.relief() {
                    let cause = "it goes well again".to_owned();
                    self.shared.tell_of(&self.label, News::Limit { units, cause });
                }
            }
        }
    }

    fn trouble(&self, cause: &str) {
        if let Some(units) = self.slots.trouble() {
            self.shared.tell_of(&self.label, News::Limit { units, cause: cause.to_owned() });
        }
    }

    /// Leaves what would have been tried again to whoever takes the run up.
    async fn leave(&self, report: Box<Report>) {
        match report.outcome {
            Outcome::Failed => self.stay_outstanding().await,
            _ => self.end(report).await,
        }
    }

    async fn stay_outstanding(&self) {
        let unit = self.unit.id;
        self.shared.write(move |ledger| ledger.unit_left(unit)).await;
    }

    async fn end(&self, report: Box<Report>) {
        let text = serde_json::to_string(&report).unwrap_or_default();
        let (unit, now, outcome) = (self.unit.id, self.shared.now(), report.outcome);
        let written =
            self.shared.write(move |ledger| ledger.unit_ended(unit, now, outcome.name(), &text)).await;
        self.tell(News::UnitFinished { export: report });
        if written.is_some() && matches!(outcome, Outcome::Failed | Outcome::Cancelled | Outcome::Unknown) {
            self.shared.has_failed();
        }
    }
}
