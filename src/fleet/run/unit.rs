use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::ending::Ending;
use super::engine::Shared;
use super::governor::{Permit, Slot, Slots};
use super::plan::BrokenChain;
use super::rule::{Deed, Rule};
use super::stop::Stop;
use crate::fleet::backup::is_about_a_broken_chain;
use crate::fleet::event::{Event, News};
use crate::fleet::plan::BaseChoice;
use crate::fleet::report::{Failure, Kind, Outcome};
use crate::fleet::unit::{Surroundings, timestamp};
use crate::hyperv::{Directory, Host};
use crate::ledger::{self, Ledger, Unit, UnitStage};

/// One unit of a run, with all it needs.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    pub(super) host: Arc<Host>,
    pub(super) slots: Arc<Slots>,
    /// What the inventory calls the host.
    pub(super) label: String,
    /// Whether another unit would be written to the same directory.
    pub(super) is_colliding: bool,
    /// Whether this run was to make a point of it, and did not.
    pub(super) lacks_point: bool,
    pub(super) unit: Unit,
}

/// How a try ended.
enum Try {
    Ended(Ending),
    /// The run was stopped before the host was asked for anything.
    Left,
}

/// What a unit has while it is under way: a slot of its host, a place to write to, and its share of all.
type Room = (Slot, Option<Permit>, Permit);

/// Works on a unit until it has ended, or the run has. Returns how it ended, where it has.
pub(super) async fn work_on(work: Work) -> Option<Outcome> {
    let before = match work.ended_before().await {
        Ok(before) => before,
        Err(error) => {
            work.shared.is_broken(Failure::from(&error));
            return None;
        }
    };
    let mut work = work;
    let mut tries = Tries { earlier: work.move_on(), ..Tries::default() };
    tries.begins_anew = tries.earlier.is_some();
    if let Some(ending) = before {
        // Whoever saw its base refused was ended before all of it was begun instead.
        let Some(cause) = tries.in_full(&work, &ending) else { return work.end(ending).await };
        work.tell(News::Retry { kind: ending.error().map(|error| error.kind), cause, after: 0.0 });
        work.go_on_in_full(&tries);
    }
    loop {
        // Others wait until the end is written down.
        let Ok((done, room)) = work.one_try(&tries).await else { return None };
        let ending = match done {
            Try::Ended(ending) => ending,
            Try::Left => {
                work.stay_outstanding().await;
                return None;
            }
        };
        work.feel(&ending);
        let is_fault = ending.error().is_some_and(|error| error.kind == Kind::Fault);
        let is_unsent = is_fault && work.is_unsent(&ending).await;
        tries.begins_anew = false;
        let Some((cause, count)) = tries.again(&work, &ending, is_unsent) else {
            return work.end(ending).await;
        };
        if work.shared.stopper.stopped().is_some() {
            return work.leave(ending).await;
        }
        drop(room);
        let after = work.shared.pause(count, work.unit.id);
        let kind = ending.error().map(|error| error.kind);
        work.tell(News::Retry { kind, cause, after: after.as_secs_f64() });
        if work.shared.stopper.unless(sleep(after)).await.is_err() {
            return work.leave(ending).await;
        }
        work.go_on_in_full(&tries);
    }
}

/// What was tried, and how often for which cause.
#[derive(Default)]
pub(super) struct Tries {
    transient: u32,
    busy: u32,
    /// Why all is exported although there is a base.
    pub(super) without_base: Option<String>,
    /// How it ended before somebody wanted it begun again.
    pub(super) earlier: Option<String>,
    /// Whether what came before the next try no longer counts as its own.
    begins_anew: bool,
}

impl Tries {
    /// Says whether a unit that ended so is begun again, why, and for the how-manieth time. Only what the host has
    /// certainly not begun is; of what nobody knows it is looked again what became of it.
    fn again(&mut self, work: &Work, ending: &Ending, is_unsent: bool) -> Option<(String, u32)> {
        let error = ending.error()?;
        let retries = &work.shared.plan.retries;
        let is_untouched = !ending.was_asked();
        let cause = error.message.clone();
        match (ending.outcome(), error.kind) {
            (Outcome::Failed, Kind::Unreachable) if is_untouched => {
                count(&mut self.transient, retries.transient)
            }
            // Something went wrong on the way to the call, and nothing but questions was sent.
            (Outcome::Failed, Kind::Fault) if is_untouched && is_unsent => {
                count(&mut self.transient, retries.transient)
            }
            (Outcome::Failed, Kind::Busy | Kind::InUse) if is_untouched => {
                count(&mut self.busy, retries.busy)
            }
            (Outcome::Unknown, _) => count(&mut self.transient, retries.transient),
            (Outcome::Failed, _) => return self.in_full(work, ending).map(|cause| (cause, 1)),
            _ => None,
        }
        .map(|count| (cause, count))
    }

    /// Says why all of a unit that ended so is begun instead, where it is.
    fn in_full(&mut self, work: &Work, ending: &Ending) -> Option<String> {
        if self.without_base.is_some() || !work.goes_on_in_full(ending) {
            return None;
        }
        let (base, cause) = (&ending.base()?.id, &ending.error()?.message);
        self.without_base =
            Some(format!("all of it was exported: relative to {base} the host refused: {cause}"));
        // What a backup has written stays where it is.
        self.begins_anew = ending.may_have_written();
        Some(cause.clone())
    }
}

/// Says whether something failed for its base, and would not without it.
fn is_about_base(ending: &Ending, error: &Failure) -> bool {
    match ending {
        Ending::Export(report) => {
            error.kind == Kind::Refused
                && report.job.is_none()
                && error.code.is_some_and(|code| ABOUT_BASES.contains(&code))
        }
        Ending::Backup(_) => is_about_a_broken_chain(error),
        Ending::Create(_) | Ending::Prune(_) => false,
    }
}

impl Rule {
    /// Says whether all of it may be written where the base does not serve.
    fn may_be_full(&self) -> bool {
        match &self.deed {
            Deed::Export(rule) => rule.base == BaseChoice::LastOrNone,
            Deed::Backup(rule) => rule.base == BaseChoice::LastOrNone,
            Deed::Create(_) | Deed::Prune(_) => false,
        }
    }
}

/// A host that takes so long to list its jobs has enough to do.
const SLOW: Duration = Duration::from_secs(10);

/// Return values that may be about the base: failed and invalid parameter, of both lists.
const ABOUT_BASES: [u32; 4] = [32768, 32773, 2, 4];

/// Says whether the host has done something, however it ended: what it has not may be begun again.
fn was_carried_out(ending: &Ending) -> bool {
    ending.was_asked() || matches!(ending.outcome(), Outcome::Completed | Outcome::CompletedWithWarnings)
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
    pub(super) fn rule(&self) -> Option<&Rule> {
        let rule = self.shared.plan.rules.get(self.unit.what.rule as usize);
        rule.filter(|rule| rule.deed.verb() == self.unit.what.verb)
    }

    /// Says whether a unit that ended so is done without its base instead.
    fn goes_on_in_full(&self, ending: &Ending) -> bool {
        self.shared.plan.retries.broken_chain == BrokenChain::Full
            && self.rule().is_some_and(Rule::may_be_full)
            && ending.outcome() == Outcome::Failed
            && ending.base().is_some()
            && ending.error().is_some_and(|error| is_about_base(ending, error))
    }

    /// What a broken chain has written stays where it is, and all of it goes to a directory of its own.
    fn go_on_in_full(&mut self, tries: &Tries) {
        if tries.begins_anew && tries.without_base.is_some() {
            self.unit.what.directory = format!("{}-full", self.unit.what.directory);
        }
    }

    /// Says whether its host was certainly never asked for anything that it may have done.
    async fn is_unsent(&self, ending: &Ending) -> bool {
        if !matches!(ending, Ending::Export(_)) {
            return !ending.was_asked();
        }
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
        let before = Ending::read(&self.unit.what.verb, self.unit.report.as_deref()?);
        if before.as_ref().is_some_and(Ending::may_have_written) {
            let number = self.unit.tries + 1;
            self.unit.what.directory = format!("{}-{number}", self.unit.what.directory);
        }
        Some(match before.as_ref().and_then(Ending::error) {
            Some(error) => {
                let outcome = self.unit.outcome.as_deref().unwrap_or_default();
                format!("an earlier try ended as {outcome}: {}", error.message)
            }
            None => "an earlier try failed".to_owned(),
        })
    }

    /// Returns how this unit ended, where a process before this one saw that and was ended before it wrote it down for
    /// the unit, or where another command has followed it: what was begun once is not begun again because one word is
    /// missing.
    async fn ended_before(&self) -> Result<Option<Ending>, ledger::Error> {
        let unit = &self.unit;
        let Some(begun) = unit.started_at.filter(|_| !has_failed(unit.outcome.as_deref())) else {
            return Ok(None);
        };
        // A host that does not say its name is found out by whoever asks it for more.
        let name = self.host.name().await.ok();
        let Ok(directory) = Directory::parse(&unit.what.directory) else { return Ok(None) };
        let is_here = |host: &str| name.as_ref().is_some_and(|name| host.eq_ignore_ascii_case(name));
        let (kind, id) = (unit.what.subject.kind, unit.what.subject.id.clone());
        let keeper = &self.shared.around.keeper;
        let found = match self.rule().map(|rule| &rule.deed) {
            Some(Deed::Export(_)) => {
                let exports = keeper.with(move |ledger| ledger.exports_of(kind, &id)).await?;
                let is_ours = |export: &&ledger::Export| {
                    export.ended_at.is_some_and(|ended| ended >= begun)
                        && (is_here(&export.host) || export.details == self.label)
                        && directory.is_same(&export.directory)
                };
                let ended = exports.iter().filter(is_ours).filter_map(|export| export.receipt.as_deref());
                let mut ended: Vec<_> =
                    ended.filter_map(|text| Ending::read(&unit.what.verb, text)).collect();
                match ended.iter().position(was_carried_out) {
                    Some(place) => Some(self.with_point_warnings(ended.swap_remove(place)).await?),
                    // What was refused for its base is not asked for again with it.
                    None => ended.into_iter().find(|ending| self.goes_on_in_full(ending)),
                }
            }
            Some(Deed::Backup(_)) => {
                let backups = keeper.with(move |ledger| ledger.backups_of(kind, &id)).await?;
                let is_ours = |backup: &&ledger::Backup| {
                    backup.ended_at.is_some_and(|ended| ended >= begun)
                        && is_here(&backup.new.host)
                        && directory.is_same(&backup.new.directory)
                };
                let ended = backups.iter().filter(is_ours).filter_map(|backup| backup.report.as_deref());
                ended.filter_map(|text| Ending::read(&unit.what.verb, text)).find(was_carried_out)
            }
            // A point that was made is found by its purpose, and one that was let go of is gone.
            _ => None,
        };
        Ok(found)
    }

    async fn one_try(&self, tries: &Tries) -> Result<(Try, Room), Stop> {
        let (shared, unit) = (&self.shared, &self.unit);
        let broken = || {
            // The text of a plan is kept with its run: this is a ledger that somebody has changed.
            shared.is_broken(Failure::new(
                Kind::Ledger,
                "the ledger's plan and its units do not belong together",
            ));
            Stop::Wished(crate::fleet::follow::Reason::Asked)
        };
        let rule = self.rule().ok_or_else(broken)?;
        let directory = match rule.deed.to() {
            Some(_) => Some(Directory::parse(&unit.what.directory).map_err(|_| broken())?),
            None => None,
        };
        let waited = async {
            // What only this host has comes first: whoever waits for it must not keep others from a share.
            let slot = self.slots.take().await;
            let place = match &directory {
                Some(directory) => Some(shared.governor.place(&self.label, directory).await),
                None => None,
            };
            (slot, place, shared.governor.unit().await)
        };
        let room = shared.stopper.unless(waited).await?;
        let (id, now, is_anew) = (unit.id, shared.now(), tries.begins_anew);
        let into = unit.what.directory.clone();
        let begin = move |ledger: &mut Ledger| match is_anew {
            true => ledger.unit_begun_anew(id, now, &into),
            false => ledger.unit_begun(id, now),
        };
        if shared.write(begin).await.is_none() {
            return Err(Stop::Wished(crate::fleet::follow::Reason::Asked));
        }
        self.tell(News::UnitStarted);
        let listener = |event: Event| self.pass_on(event);
        let mut around =
            Surroundings::new(&*self.label, &self.host, &shared.around.keeper, shared.around.clock);
        around.listener = &listener;
        around.control = shared.stopper.control();
        around.unit.clone_from(&unit.what.subject.name);
        let mut ending = self.act(&around, rule, directory, tries).await;
        ending.warn(tries.earlier.iter().chain(&tries.without_base).cloned());
        let was_cut = shared.stopper.stopped().is_some();
        // A host that refused has a return value, and has begun nothing.
        let is_cut = matches!(
            ending.error().map(|error| error.kind),
            Some(Kind::Interrupted | Kind::Terminated | Kind::Deadline)
        );
        if was_cut && !ending.was_asked() && is_cut && ending.outcome() == Outcome::Failed {
            return Ok((Try::Left, room));
        }
        Ok((Try::Ended(ending), room))
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
    fn feel(&self, ending: &Ending) {
        match ending.error() {
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
    async fn leave(&self, ending: Ending) -> Option<Outcome> {
        match ending.outcome() {
            Outcome::Failed => {
                self.stay_outstanding().await;
                None
            }
            _ => self.end(ending).await,
        }
    }

    async fn stay_outstanding(&self) {
        let unit = self.unit.id;
        self.shared.write(move |ledger| ledger.unit_left(unit)).await;
    }

    async fn end(&self, ending: Ending) -> Option<Outcome> {
        let text = ending.text();
        let (unit, now, outcome) = (self.unit.id, self.shared.now(), ending.outcome());
        let written =
            self.shared.write(move |ledger| ledger.unit_ended(unit, now, outcome.name(), &text)).await;
        self.tell(News::UnitFinished { ending });
        if written.is_some() && matches!(outcome, Outcome::Failed | Outcome::Cancelled | Outcome::Unknown) {
            self.shared.has_failed();
        }
        Some(outcome)
    }
}
