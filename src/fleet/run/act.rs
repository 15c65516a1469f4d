//! What is done with a unit, by its verb, once.

use std::sync::{Mutex, PoisonError};

use super::ending::{Ending, UpkeepReport};
use super::rule::{CreateRule, Deed, PointPolicy, Rule};
use super::unit::{Tries, Work};
use crate::fleet::backup::{BackupPlan, backup, backup_not_begun};
use crate::fleet::event::{Event, News};
use crate::fleet::make::make_mark;
use crate::fleet::plan::{BaseChoice, ExportPlan, PointChoice, Wanted};
use crate::fleet::prune::{PruneOrder, prune};
use crate::fleet::report::{Failure, Kind, Named, Outcome, PointReport};
use crate::fleet::retain::Policy;
use crate::fleet::unit::{Surroundings, export, not_begun, timestamp};
use crate::hyperv::{Directory, Selector};
use crate::ledger;

impl Work {
    /// Does what the rule says. `directory` is where it is to be written, for whatever writes.
    pub(super) async fn act(
        &self,
        around: &Surroundings<'_>,
        rule: &Rule,
        directory: Option<Directory>,
        tries: &Tries,
    ) -> Ending {
        // Boxed, so that thousands of them wait in what they need and not in what they might.
        match (&rule.deed, directory) {
            (Deed::Export(rule), Some(directory)) => {
                let mut plan = ExportPlan::new(self.what(), PointChoice::Latest, directory);
                plan.retry_unknown = self.shared.around.retry_unknown;
                plan.base = if tries.without_base.is_some() { BaseChoice::None } else { rule.base.clone() };
                Box::pin(self.export(around, &rule.point, plan)).await
            }
            (Deed::Backup(rule), Some(directory)) => {
                let mut plan = BackupPlan::new(self.what(), directory);
                plan.base = if tries.without_base.is_some() { BaseChoice::None } else { rule.base.clone() };
                plan.consistency = rule.consistency;
                plan.allow_crash_consistent = rule.allow_crash_consistent;
                plan.wait_for_merge = rule.wait_for_merge;
                Box::pin(self.back_up(around, plan)).await
            }
            (Deed::Create(rule), _) => Box::pin(self.create(around, rule)).await,
            (Deed::Prune(policy), _) => Box::pin(self.prune(around, *policy)).await,
            // Whoever calls this has read the directory of whatever writes.
            (Deed::Export(_) | Deed::Backup(_), None) => {
                let failure = Failure::new(Kind::Ledger, "the unit has no directory");
                let mut report = self.upkeep(around);
                (report.outcome, report.error) = (Outcome::Failed, Some(failure));
                Ending::Create(Box::new(report))
            }
        }
    }

    fn what(&self) -> Wanted {
        let selector = Selector::parse(&self.unit.what.subject.id);
        match self.unit.what.subject.kind {
            ledger::Kind::Vm => Wanted::Machine(selector),
            ledger::Kind::Group => Wanted::Group(selector),
        }
    }

    fn named(&self) -> (Option<Named>, Option<Named>) {
        let subject = &self.unit.what.subject;
        let named = Some(Named { id: subject.id.clone(), name: subject.name.clone() });
        match subject.kind {
            ledger::Kind::Vm => (named, None),
            ledger::Kind::Group => (None, named),
        }
    }

    async fn export(&self, around: &Surroundings<'_>, policy: &PointPolicy, mut plan: ExportPlan) -> Ending {
        let begun = around.now();
        let failure = match self.point(around, policy).await {
            Ok((point, warnings)) => {
                plan.point = point;
                let report = export(around, &plan).await;
                return of_point(Ending::Export(Box::new(report)), warnings);
            }
            Err(failure) => failure,
        };
        let is_unknown = failure.kind == Kind::Unknown;
        let mut report = not_begun(&plan, &self.label, failure, begun, around.now());
        if is_unknown {
            // Whether its point is there the next look may tell: that is no end.
            report.outcome = Outcome::Unknown;
        }
        (report.machine, report.group) = self.named();
        Ending::Export(Box::new(report))
    }

    /// Returns the point to export: of this unit, made once; and what there was to warn of when it was made.
    async fn point(
        &self,
        around: &Surroundings<'_>,
        policy: &PointPolicy,
    ) -> Result<(PointChoice, Vec<String>), Failure> {
        self.is_alone()?;
        match policy {
            PointPolicy::There(PointChoice::Latest) if self.lacks_point => {
                let message = "this run was to make a point of it, and has not: an older one is not exported in its place";
                Err(Failure::new(Kind::NotFound, message).with_hint("see why the point was not made"))
            }
            PointPolicy::There(choice) => Ok((choice.clone(), Vec::new())),
            PointPolicy::New(rule) => {
                let (point, warnings) = self.own_point(around, rule).await?;
                Ok((PointChoice::Named(point.id), warnings))
            }
        }
    }

    /// Whoever writes has its directory to itself.
    fn is_alone(&self) -> Result<(), Failure> {
        if self.is_colliding {
            let message = "another machine would be written to the same directory";
            return Err(Failure::new(Kind::Usage, message).with_hint("put {id} into the plan's directory"));
        }
        Ok(())
    }

    /// Returns the point that is this unit's own, and has it made where it is not there yet; and what there was to
    /// warn of when it was made, by whichever process.
    async fn own_point(
        &self,
        around: &Surroundings<'_>,
        rule: &CreateRule,
    ) -> Result<(PointReport, Vec<String>), Failure> {
        let unkept = |error: ledger::Error| Failure::from(&error);
        if let Some((id, warnings)) = self.made_for().await.map_err(unkept)? {
            return Ok((PointReport::of(&id), warnings));
        }
        let owned = make_mark(around, &self.what(), rule.consistency, rule.sort, &self.purpose()).await?;
        let point = PointReport {
            id: owned.mark.id().to_owned(),
            point_type: Some(owned.mark.point_type().number()),
            consistency: owned.mark.consistency(),
        };
        let warnings = self.made_for().await.map_err(unkept)?.map(|(_, warnings)| warnings);
        Ok((point, warnings.unwrap_or_default()))
    }

    /// Adds to how an export ended, as the ledger has it, what there was to warn of when its point was made.
    pub(super) async fn with_point_warnings(&self, ending: Ending) -> Result<Ending, ledger::Error> {
        let made = self.made_for().await?;
        Ok(of_point(ending, made.map(|(_, warnings)| warnings).unwrap_or_default()))
    }

    /// What a point of this unit is made for, by which it is found again.
    fn purpose(&self) -> String {
        format!("run {} unit {}", self.shared.run, self.unit.id)
    }

    async fn made_for(&self) -> Result<Option<(String, Vec<String>)>, ledger::Error> {
        let purpose = self.purpose();
        let found = self.shared.around.keeper.with(move |ledger| {
            let Some(making) = ledger.made_for(&purpose)? else { return Ok(None) };
            let warnings = ledger.making_warnings(making.id)?;
            Ok(making.point.map(|point| (point, warnings)))
        });
        found.await
    }

    async fn back_up(&self, around: &Surroundings<'_>, plan: BackupPlan) -> Ending {
        let begun = around.now();
        if let Err(failure) = self.is_alone() {
            let mut report = backup_not_begun(&plan, &self.label, failure, begun, around.now());
            (report.machine, report.group) = self.named();
            return Ending::Backup(Box::new(report));
        }
        let mut report = backup(around, &plan).await;
        if report.machine.is_none() && report.group.is_none() {
            (report.machine, report.group) = self.named();
        }
        Ending::Backup(Box::new(report))
    }

    async fn create(&self, around: &Surroundings<'_>, rule: &CreateRule) -> Ending {
        let mut report = self.upkeep(around);
        let mut warnings = Vec::new();
        let before = around.host.counters().await;
        match self.own_point(around, rule).await {
            Ok((point, said)) => (report.point, warnings) = (Some(point), said),
            Err(failure) => {
                // Whether the point is there the next look may tell: that is no end.
                let is_unknown = failure.kind == Kind::Unknown;
                report.outcome = if is_unknown { Outcome::Unknown } else { Outcome::Failed };
                report.error = Some(failure);
            }
        }
        let after = around.host.counters().await;
        report.requests = after.requests.saturating_sub(before.requests);
        report.bytes_sent = after.bytes_sent.saturating_sub(before.bytes_sent);
        report.bytes_received = after.bytes_received.saturating_sub(before.bytes_received);
        report.finished_at = timestamp(around.now());
        of_point(Ending::Create(Box::new(report)), warnings)
    }

    async fn prune(&self, around: &Surroundings<'_>, policy: Policy) -> Ending {
        let mut report = self.upkeep(around);
        let before = around.host.counters().await;
        let order = PruneOrder { what: Some(self.what()), policy, dry_run: false };
        let heard = Mutex::new(Vec::new());
        let listener = |event: Event| {
            if let News::Warning { message } = &event.what {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
            }
            (around.listener)(event);
        };
        let (label, unit, control) = (around.label.clone(), around.unit.clone(), around.control.clone());
        let listening = Surroundings { listener: &listener, label, unit, control, ..*around };
        match prune(&listening, &order).await {
            Ok(pruned) => {
                let failure = pruned.failures().next().cloned();
                report.points = pruned.owners.into_iter().flat_map(|owner| owner.points).collect();
                if let Some(failure) = failure {
                    let is_unknown = failure.kind == Kind::Unknown;
                    report.outcome = if is_unknown { Outcome::Unknown } else { Outcome::Failed };
                    report.error = Some(failure);
                }
            }
            Err(failure) => (report.outcome, report.error) = (Outcome::Failed, Some(failure)),
        }
        let after = around.host.counters().await;
        report.requests = after.requests.saturating_sub(before.requests);
        report.bytes_sent = after.bytes_sent.saturating_sub(before.bytes_sent);
        report.bytes_received = after.bytes_received.saturating_sub(before.bytes_received);
        report.finished_at = timestamp(around.now());
        of_point(Ending::Prune(Box::new(report)), heard.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn upkeep(&self, around: &Surroundings<'_>) -> UpkeepReport {
        let (machine, group) = self.named();
        let now = timestamp(around.now());
        UpkeepReport {
            schema: UpkeepReport::SCHEMA.to_owned(),
            host: self.label.clone(),
            kind: match self.unit.what.subject.kind {
                ledger::Kind::Vm => "vm".to_owned(),
                ledger::Kind::Group => "group".to_owned(),
            },
            machine,
            group,
            point: None,
            points: Vec::new(),
            outcome: Outcome::Completed,
            warnings: Vec::new(),
            error: None,
            started_at: now,
            finished_at: now,
            requests: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

/// Returns how something ended when there is that to be known of its points: done is done with warnings then.
fn of_point(mut ending: Ending, warnings: Vec<String>) -> Ending {
    if !warnings.is_empty() {
        ending.warn(warnings);
        ending.was_warned();
    }
    ending
}
