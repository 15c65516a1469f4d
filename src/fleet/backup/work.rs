use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::super::event::News;
use super::super::follow::within_after;
use super::super::make::WAIT_FOR_IT;
use super::super::marks::{failed, kind_of, own_mark, owner_of, subject_of, unkept};
use super::super::plan::{BaseChoice, Wanted};
use super::super::preflight::on_a_drive;
use super::super::report::{Failure, JobReport, Kind, Named, Outcome, PointReport};
use super::super::unit::{Surroundings, timestamp};
use super::base::base;
use super::plan::BackupPlan;
use super::report::{self, BackupReport, ConsistencyReport, FileReport, Merge, StepReport};
use super::step::{Ask, Left, SAME_AGAIN, Stepper, Stop, cancelled, is_to_end, level_name};
use crate::hyperv::{
    Busy, Checkpoint, Consistency, Contents, Directory, Error, Guid, Mark, ObjectPath, Owner, Place,
    PointType, Seen,
};
use crate::ledger::{Backup, BackupEnd, NewBackup, Origin, Step, StepEnd, StepKind};

/// Backs a machine or a group up, once, and follows it to its end.
///
/// The same plan again, after whatever ended the one before, takes up what that one began; another plan for the same
/// machine or group first brings that to its end.
pub async fn backup(around: &Surroundings<'_>, plan: &BackupPlan) -> BackupReport {
    let before = around.host.counters().await;
    around.tell(News::UnitStarted);
    if let Some(login) = around.host.logged_in().await {
        around.tell(News::Connected { scheme: login.report.chosen.to_string(), sealed: login.is_sealed });
    }
    // Boxed: one future with all of its parts inside is more than compilers like.
    let mut report = Box::pin(run(around, plan)).await;
    let counters = around.host.counters().await;
    report.requests = counters.requests.saturating_sub(before.requests);
    report.bytes_sent = counters.bytes_sent.saturating_sub(before.bytes_sent);
    report.bytes_received = counters.bytes_received.saturating_sub(before.bytes_received);
    report
}

/// Returns the report of a backup that ended before there was a host to ask: nothing was begun.
pub fn backup_not_begun(
    plan: &BackupPlan,
    label: &str,
    failure: Failure,
    started: SystemTime,
    now: SystemTime,
) -> BackupReport {
    let mut report = blank(plan, label, started);
    report.error = Some(failure);
    report.finished_at = timestamp(now);
    report
}

fn blank(plan: &BackupPlan, label: &str, started: SystemTime) -> BackupReport {
    let kind = match plan.what {
        Wanted::Machine(_) => "vm",
        Wanted::Group(_) => "group",
    };
    BackupReport {
        schema: report::SCHEMA.to_owned(),
        host: label.to_owned(),
        kind: kind.to_owned(),
        machine: None,
        group: None,
        point: None,
        base: None,
        directory: plan.directory.to_string(),
        consistency: ConsistencyReport { asked: plan.consistency.number(), taken: None },
        outcome: Outcome::Failed,
        sound: false,
        job: None,
        steps: Vec::new(),
        files: Vec::new(),
        merge: Merge::None,
        remains: Vec::new(),
        warnings: Vec::new(),
        error: None,
        started_at: timestamp(started),
        finished_at: timestamp(started),
        requests: 0,
        bytes_sent: 0,
        bytes_received: 0,
    }
}

async fn run(around: &Surroundings<'_>, plan: &BackupPlan) -> BackupReport {
    let mut report = blank(plan, &around.label, around.now());
    let done = attempt(around, plan, &mut report).await;
    if let Err(failure) = done {
        (report.outcome, report.error) = (Outcome::Failed, Some(failure));
    }
    report.finished_at = timestamp(around.now());
    report
}

/// Takes up what is open, and begins anew where that was something else.
async fn attempt(
    around: &Surroundings<'_>,
    plan: &BackupPlan,
    report: &mut BackupReport,
) -> Result<(), Failure> {
    let owner = owner_of(around, &plan.what).await?;
    describe(report, &owner);
    let name = format!("backup {} {}", report.kind, owner.id());
    let held = around.keeper.with(move |ledger| ledger.hold(&name)).await.map_err(unkept)?;
    if held.is_none() {
        let message = format!("another refpoint is backing {} up", owner.name());
        return Err(Failure::new(Kind::InUse, message).with_hint(WAIT_FOR_IT));
    }
    let (kind, id) = (kind_of(&owner), owner.id().to_string());
    let open = around.keeper.with(move |ledger| ledger.open_backup(kind, &id)).await.map_err(unkept)?;
    if let Some(mut open) = open {
        let is_same = plan.directory.is_same(&open.new.directory);
        let mut earlier = blank(plan, &around.label, open.intended_at);
        describe(&mut earlier, &owner);
        earlier.directory.clone_from(&open.new.directory);
        if is_same && !is_relative_as(plan, open.new.base.as_deref()) {
            let base = open.new.base.as_deref().unwrap_or("nothing");
            let message = format!("this backup was begun relative to {base}, and goes on as that");
            warn(around, &mut earlier, message);
        }
        let mut work = Work::new(around, plan, &owner, &mut earlier, is_same);
        let end = work.carry(&mut open).await;
        work.settle(&open, end).await;
        earlier.finished_at = timestamp(around.now());
        let number = open.id;
        let open_still = around.keeper.with(move |ledger| ledger.backup(number)).await.map_err(unkept)?;
        if is_same || open_still.is_none_or(|backup| backup.ended_at.is_none()) {
            *report = earlier;
            return Ok(());
        }
        let why = earlier.error.as_ref().map(|error| format!(": {}", error.message)).unwrap_or_default();
        let message = format!(
            "an earlier backup, into {}, had not ended; now it has, as {}{why}",
            open.new.directory,
            earlier.outcome.name()
        );
        warn(around, report, message);
    }
    begin(around, plan, &owner, report).await
}

async fn begin(
    around: &Surroundings<'_>,
    plan: &BackupPlan,
    owner: &Owner,
    report: &mut BackupReport,
) -> Result<(), Failure> {
    let mut warnings = Vec::new();
    let looked = look_first(around, owner, plan, plan.wait_for_merge, &mut warnings).await;
    std::mem::take(&mut warnings).into_iter().for_each(|warning| warn(around, report, warning));
    looked?;
    let base = base(around, owner, &plan.base, &mut warnings).await?;
    warnings.into_iter().for_each(|warning| warn(around, report, warning));
    let new = NewBackup {
        host: around.host.name().await.map_err(failed)?,
        subject: subject_of(owner),
        base: base.as_ref().map(|base| base.id().to_owned()),
        directory: plan.directory.to_string(),
    };
    let (written, at) = (new.clone(), around.now());
    let id = around.keeper.with(move |ledger| ledger.backup_begun(&written, at)).await.map_err(unkept)?;
    let mut open = Backup {
        id,
        new,
        intended_at: at,
        ended_at: None,
        outcome: None,
        sound: false,
        point: None,
        report: None,
    };
    let mut work = Work::new(around, plan, owner, report, true);
    let end = work.carry(&mut open).await;
    work.settle(&open, end).await;
    Ok(())
}

/// Says whether a plan wants what was begun; whoever leaves the base to the ledger does.
fn is_relative_as(plan: &BackupPlan, base: Option<&str>) -> bool {
    match (&plan.base, base) {
        (BaseChoice::None, base) => base.is_none(),
        (BaseChoice::Named(text), Some(base)) => {
            base.eq_ignore_ascii_case(text)
                || text.parse::<Guid>().is_ok_and(|guid| Guid::last_in(base) == Some(guid))
        }
        (BaseChoice::Named(_), None) => false,
        (BaseChoice::Last | BaseChoice::LastOrNone, _) => true,
    }
}

fn describe(report: &mut BackupReport, owner: &Owner) {
    let named = Some(Named { id: owner.id().to_string(), name: owner.name().to_owned() });
    match owner {
        Owner::Machine(_) => report.machine = named,
        Owner::Group(_) => report.group = named,
    }
}

fn warn(around: &Surroundings<'_>, report: &mut BackupReport, message: String) {
    if !report.warnings.contains(&message) {
        around.tell(News::Warning { message: message.clone() });
        report.warnings.push(message);
    }
}

/// Returns which machine's disks are merging, after having waited for the end of that where it is to be waited for.
async fn merging(around: &Surroundings<'_>, owner: &Owner, wait: bool) -> Result<Option<String>, Failure> {
    let mut waits = 0;
    loop {
        let looked = within_after(around, around.host.machines_of(owner)).await;
        let machines = looked.map_err(|_| late())?.map_err(failed)?;
        let merging = machines.into_iter().find(|machine| machine.busy == Some(Busy::MergingDisks));
        let Some(machine) = merging else { return Ok(None) };
        if !wait || waits >= MOST_MERGE_WAITS {
            return Ok(Some(machine.name));
        }
        waits += 1;
        if within_after(around, sleep(MERGE_LOOK)).await.is_err() {
            return Ok(Some(machine.name));
        }
    }
}

/// Refuses what would fail or harm, before anything is asked for.
pub(super) async fn look_first(
    around: &Surroundings<'_>,
    owner: &Owner,
    plan: &BackupPlan,
    waits: bool,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    if waits {
        merging(around, owner, true).await?;
    }
    let machines = around.host.machines_of(owner).await.map_err(failed)?;
    if machines.is_empty() {
        return Err(Failure::new(Kind::NotFound, format!("there is no machine in {}", owner.name())));
    }
    for machine in machines {
        if let Some(busy) = machine.busy.filter(|busy| busy.is_in_the_way()) {
            let message = format!("the host is {} {}", busy.name(), machine.name);
            let hint = match busy {
                Busy::MergingDisks => {
                    "the merge behind an earlier checkpoint goes on: one that does not end wants looking after \
                     on the host (events 19080, 19100 of Hyper-V-VMMS, room on the volume)"
                }
                _ => "wait for its end: refpoint job list shows the host's jobs",
            };
            return Err(Failure::new(Kind::Busy, message).with_hint(hint));
        }
        let name = machine.name.clone();
        let there = around.host.recovery_checkpoints(&Owner::Machine(machine)).await.map_err(failed)?;
        if let Some(checkpoint) = there.first() {
            let age = checkpoint.created.map(|at| format!(", taken {at}")).unwrap_or_default();
            let message = format!(
                "{name} has the recovery checkpoint {}{age}, which is not ours: another backup is at work, or has \
                 left it behind",
                checkpoint.id
            );
            let is_claimed = plan.our_checkpoint.as_deref().is_some_and(|id| checkpoint.is_named(id));
            let hint = match is_claimed {
                true => {
                    "no backup in this ledger is open that could have taken it, so it is not touched: remove it on the \
                     host"
                }
                false => {
                    "it is not touched; once the product that took it has removed it, the same command goes on"
                }
            };
            return Err(Failure::new(Kind::Busy, message).with_hint(hint));
        }
    }
    look_into(around, &plan.directory, warnings).await
}

async fn look_into(
    around: &Surroundings<'_>,
    directory: &Directory,
    warnings: &mut Vec<String>,
) -> Result<(), Failure> {
    if let Place::Share { server, share } = directory.place() {
        let message = format!(
            "\\\\{server}\\{share} was not checked: the host writes there with its computer account, and may \
             ask for yours as well"
        );
        warnings.push(message);
        return Ok(());
    }
    match around.host.contents(directory).await.map_err(failed)? {
        Seen::Hidden(why) => warnings.push(format!("the directory was not checked: {why}")),
        Seen::Known(Contents::Something) => {
            return Err(not_empty(directory));
        }
        Seen::Known(Contents::Missing { parent_exists: false }) => on_a_drive(around.host, directory).await?,
        Seen::Known(_) => {}
    }
    match around.host.free_space(directory).await.map_err(failed)? {
        Seen::Known(free) if free < TOO_LITTLE => {
            let message = format!("the volume of {directory} has {free} octets left");
            Err(Failure::new(Kind::Refused, message).with_hint("make room on the host, or back up elsewhere"))
        }
        _ => Ok(()),
    }
}

/// How the work on a backup ended.
enum End {
    /// The host has done everything; this is its point, and when it was made.
    Good(String, SystemTime),
    /// It failed, and nothing of ours is left.
    Bad(Failure),
    /// It is not over.
    Open(Failure),
}

struct Work<'a> {
    around: &'a Surroundings<'a>,
    plan: &'a BackupPlan,
    owner: &'a Owner,
    report: &'a mut BackupReport,
    /// Whether an export may be begun: of what was begun for another plan only the end is brought about.
    may_export: bool,
    /// Why it will not end well.
    failure: Option<Failure>,
    /// Something about what was written should be looked at.
    is_doubtful: bool,
    /// The host has warned of something else.
    is_warned: bool,
    /// What was made and could not be written down.
    unkept: Option<String>,
}

impl<'a> Work<'a> {
    fn new(
        around: &'a Surroundings<'a>,
        plan: &'a BackupPlan,
        owner: &'a Owner,
        report: &'a mut BackupReport,
        may_export: bool,
    ) -> Self {
        Self {
            around,
            plan,
            owner,
            report,
            may_export,
            failure: None,
            is_doubtful: false,
            is_warned: false,
            unkept: None,
        }
    }

    /// Does one step after the other; what the next one is follows from what the ledger says of those before.
    async fn carry(&mut self, open: &mut Backup) -> End {
        let stepper = Stepper {
            around: self.around,
            owner: self.owner,
            backup: open.id,
            poll: self.plan.poll,
            claimed: self.plan.our_checkpoint.as_deref(),
        };
        loop {
            let number = open.id;
            let steps = match self.around.keeper.with(move |ledger| ledger.steps(number)).await {
                Ok(steps) => steps,
                Err(error) => return End::Open(unkept(error)),
            };
            let next = match self.next(open, &steps).await {
                Ok(Next::Ask(ask)) => ask,
                Ok(Next::End(end)) => return end,
                Err(failure) => return End::Open(failure),
            };
            let unended = steps.last().filter(|step| step.ended_at.is_none());
            // Boxed: each step is large.
            let done = match unended {
                Some(step) => Box::pin(stepper.take_up(&next, step)).await,
                None => Box::pin(stepper.step(&next)).await.map(Some),
            };
            match done {
                Ok(left) => self.take(&next, left.unwrap_or_default()),
                Err(Stop::Open(failure)) => return End::Open(failure),
                Err(Stop::Unkept(failure, what)) => {
                    self.unkept = Some(what);
                    return End::Open(failure);
                }
                Err(Stop::Failed(failure)) => {
                    if let Ask::Remove(checkpoint) = &next {
                        let message =
                            format!("checkpoint {} was not removed: {}", checkpoint.id, failure.message);
                        return End::Open(Failure { message, ..failure });
                    }
                    self.stumble(&next, failure).await;
                }
            }
        }
    }

    /// Takes note of a step that failed. Where data as after a loss of power will do, that is no end.
    async fn stumble(&mut self, ask: &Ask, failure: Failure) {
        let passes = matches!(failure.kind, Kind::JobFailed)
            || failure.code.is_some_and(|code| PASSED_BY.contains(&code));
        if *ask == Ask::Checkpoint(Consistency::Application) && self.plan.allow_crash_consistent && passes {
            let message = format!(
                "the applications could not be asked ({}): taking the data as after a loss of power, as allowed",
                failure.message
            );
            self.warn(message);
            return;
        }
        if matches!(ask, Ask::Export { base: Some(_), .. }) && is_about_a_broken_chain(&failure) {
            let (kind, id) = (kind_of(self.owner), self.owner.id().to_string());
            let written = self.around.keeper.with(move |ledger| ledger.chain_broken(kind, &id)).await;
            let hint = match written {
                Ok(()) => {
                    "the host no longer knows what has changed since the base: that is written down, and the \
                     next backup with --base last-or-none is a full one"
                }
                Err(_) => {
                    "the host no longer knows what has changed since the base: back up with --base none"
                }
            };
            self.failure = Some(failure.with_hint(hint));
            return;
        }
        self.failure = Some(failure);
    }

    fn take(&mut self, ask: &Ask, left: Left) {
        if matches!(ask, Ask::Export { .. }) {
            self.report.job = left.job;
        }
        left.warnings.into_iter().for_each(|warning| self.warn(warning));
    }

    /// Takes note of what the ledger has of warnings of the host, whoever has heard them.
    fn recall(&mut self, steps: &[Step]) {
        for step in steps.iter().filter(|step| step.end == Some(StepEnd::Done)) {
            let Some(note) = &step.note else { continue };
            self.warn(note.clone());
            match step.new.kind {
                StepKind::Export => self.is_doubtful = true,
                StepKind::Checkpoint | StepKind::Convert | StepKind::Remove => self.is_warned = true,
            }
        }
    }

    /// Decides what is next.
    async fn next(&mut self, open: &mut Backup, steps: &[Step]) -> Result<Next, Failure> {
        if let Some(step) = steps.last().filter(|step| step.ended_at.is_none()) {
            return self.ask_of(open, step).await.map(Next::Ask);
        }
        let last = |kind: StepKind| steps.iter().rfind(|step| step.new.kind == kind);
        let ended = |kind: StepKind, end: StepEnd| last(kind).is_some_and(|step| step.end == Some(end));
        if let Some(converted) = last(StepKind::Convert).filter(|step| step.end == Some(StepEnd::Done)) {
            let at = converted.ended_at.unwrap_or(converted.at);
            return Ok(Next::End(match converted.made.clone() {
                Some(point) => End::Good(point, at),
                None => End::Bad(Failure::new(Kind::Unknown, "the point that was made is not known")),
            }));
        }
        if self.failure.is_none() && is_to_end(self.around) {
            self.failure = Some(cancelled());
        }
        let taken = steps.iter().rfind(|step| step.new.kind == StepKind::Checkpoint && step.made.is_some());
        let Some(checkpoint) = taken.and_then(|step| step.made.as_deref()) else {
            return Ok(self.before_checkpoint(last(StepKind::Checkpoint)));
        };
        let checkpoint = Checkpoint::of(self.owner, checkpoint);
        let has_failed = self.failure.is_some()
            || taken.is_some_and(|step| step.end != Some(StepEnd::Done))
            || [StepKind::Export, StepKind::Convert]
                .iter()
                .any(|kind| ended(*kind, StepEnd::Failed) || ended(*kind, StepEnd::GivenUp));
        let is_exported = ended(StepKind::Export, StepEnd::Done);
        if !has_failed && is_exported {
            return Ok(Next::Ask(Ask::Convert(checkpoint)));
        }
        if !has_failed && self.may_export {
            // Whoever took the checkpoint has looked; a ledger that is older than that, or minutes, may lie between.
            if last(StepKind::Export).is_none()
                && let Ok(directory) = Directory::parse(&open.new.directory)
                && let Seen::Known(Contents::Something) =
                    self.around.host.contents(&directory).await.map_err(failed)?
            {
                self.failure = Some(not_empty(&directory));
                return Box::pin(self.next(open, steps)).await;
            }
            let base = self.base_of(open).await?;
            return Ok(match base {
                Ok(base) => Next::Ask(self.export(open, checkpoint, base)?),
                Err(failure) if self.plan.base == BaseChoice::LastOrNone => {
                    let number = open.id;
                    let written =
                        self.around.keeper.with(move |ledger| ledger.backup_without_base(number)).await;
                    written.map_err(unkept)?;
                    open.new.base = None;
                    self.warn(format!("backing up in full: {}", failure.message));
                    Next::Ask(self.export(open, checkpoint, None)?)
                }
                Err(failure) => {
                    self.failure = Some(failure);
                    return Box::pin(self.next(open, steps)).await;
                }
            });
        }
        let there = self.around.host.recovery_checkpoints(self.owner).await.map_err(failed)?;
        if there.iter().any(|there| there.is_named(&checkpoint.id)) {
            return Ok(Next::Ask(Ask::Remove(checkpoint)));
        }
        Ok(Next::End(End::Bad(self.reason(steps))))
    }

    fn before_checkpoint(&mut self, last: Option<&Step>) -> Next {
        let is_app = |step: &&Step| step.new.details == level_name(Consistency::Application);
        match last {
            _ if self.failure.is_some() => Next::End(End::Bad(self.reason(&[]))),
            Some(step) if step.end == Some(StepEnd::Failed) || step.end == Some(StepEnd::GivenUp) => {
                match self.plan.allow_crash_consistent && is_app(&step) && self.may_export {
                    true => Next::Ask(Ask::Checkpoint(Consistency::Crash)),
                    false => Next::End(End::Bad(self.reason(std::slice::from_ref(step)))),
                }
            }
            // A refusal that crash consistency may get around.
            Some(step)
                if step.return_value.is_some_and(|code| PASSED_BY.contains(&code))
                    && is_app(&step)
                    && self.plan.allow_crash_consistent
                    && self.may_export =>
            {
                Next::Ask(Ask::Checkpoint(Consistency::Crash))
            }
            _ if self.may_export => Next::Ask(Ask::Checkpoint(self.plan.consistency)),
            _ => Next::End(End::Bad(self.reason(&[]))),
        }
    }

    /// Returns why it does not end well: what has just happened, or what the ledger says of it.
    fn reason(&self, steps: &[Step]) -> Failure {
        if let Some(failure) = &self.failure {
            return failure.clone();
        }
        let noted = steps.iter().rfind(|step| {
            matches!(step.end, Some(StepEnd::Failed | StepEnd::GivenUp)) && step.note.is_some()
        });
        match noted.and_then(|step| step.note.as_deref().map(|note| (step, note))) {
            Some((step, note)) if step.end == Some(StepEnd::GivenUp) => Failure::new(Kind::Unknown, note),
            Some((_, note)) => Failure::new(Kind::JobFailed, note),
            None => Failure::new(Kind::Cancelled, "it was ended before its export was begun, and given up"),
        }
    }

    /// Returns what a step that has no recorded end has asked for.
    async fn ask_of(&self, open: &Backup, step: &Step) -> Result<Ask, Failure> {
        let checkpoint = || Checkpoint::of(self.owner, &step.new.details);
        Ok(match step.new.kind {
            StepKind::Checkpoint if step.new.details == level_name(Consistency::Crash) => {
                Ask::Checkpoint(Consistency::Crash)
            }
            StepKind::Checkpoint => Ask::Checkpoint(Consistency::Application),
            StepKind::Export => {
                // What it was relative to counts for nothing but its being taken up.
                let base = self.base_of(open).await?.unwrap_or_default();
                self.export(open, checkpoint(), base)?
            }
            StepKind::Convert => Ask::Convert(checkpoint()),
            StepKind::Remove => Ask::Remove(checkpoint()),
        })
    }

    fn export(&self, open: &Backup, checkpoint: Checkpoint, base: Option<Mark>) -> Result<Ask, Failure> {
        let directory = Directory::parse(&open.new.directory)
            .map_err(|error| Failure::new(Kind::Ledger, error.to_string()))?;
        Ok(Ask::Export { checkpoint, base, directory })
    }

    /// Returns the base that is written down, or why there is none any more.
    async fn base_of(&self, open: &Backup) -> Result<Result<Option<Mark>, Failure>, Failure> {
        let Some(id) = &open.new.base else { return Ok(Ok(None)) };
        let marks = self.around.host.marks(self.owner).await.map_err(failed)?;
        Ok(match marks.into_iter().find(|mark| mark.id().eq_ignore_ascii_case(id)) {
            Some(mark) => Ok(Some(mark)),
            None => Err(Failure::new(
                Kind::NotFound,
                format!("the base {id} has gone from the host since the backup was begun"),
            )),
        })
    }

    /// Writes the end down where there is one, and fills in the report.
    async fn settle(&mut self, open: &Backup, end: End) {
        self.tell_base(open).await;
        match end {
            End::Good(id, at) => self.good(open, &id, at).await,
            End::Bad(failure) => {
                self.tell_steps(open).await;
                self.report.outcome = match failure.kind {
                    Kind::Cancelled => Outcome::Cancelled,
                    Kind::Unknown => Outcome::Unknown,
                    _ => Outcome::Failed,
                };
                self.report.error = Some(failure);
                self.tell_leftovers(open).await;
                if self.report.steps.iter().any(|step| step.step == "remove") {
                    self.await_merge().await;
                }
                self.close(open, None).await;
            }
            End::Open(failure) => {
                self.tell_steps(open).await;
                self.report.outcome = match failure.kind {
                    Kind::Deadline | Kind::Interrupted | Kind::Terminated => Outcome::Detached,
                    _ => Outcome::Unknown,
                };
                let failure = match failure.hint {
                    Some(_) => failure,
                    None => failure.with_hint(SAME_AGAIN),
                };
                self.report.error = Some(failure);
            }
        }
    }

    /// All is done on the host: the point becomes ours, and what was written is looked at.
    async fn good(&mut self, open: &Backup, id: &str, at: SystemTime) {
        let found = within_after(self.around, self.around.host.marks(self.owner)).await;
        let mark = match found {
            Ok(Ok(marks)) => marks.into_iter().find(|mark| mark.id().eq_ignore_ascii_case(id)),
            Ok(Err(error)) => return self.not_yet(open, failed(&error)).await,
            Err(_) => return self.not_yet(open, late()).await,
        };
        let number = open.id;
        match self.around.keeper.with(move |ledger| ledger.steps(number)).await {
            Ok(steps) => self.recall(&steps),
            Err(error) => return self.not_yet(open, unkept(error)).await,
        }
        let Some(mark) = mark else {
            self.warn(format!("reference point {id} was made, and is gone: the next backup is a full one"));
            self.is_doubtful = true;
            return self.conclude(open, None, false).await;
        };
        if let Err(failure) = own_mark(self.around, self.owner, &mark, Origin::Made, at).await {
            return self.not_yet(open, failure).await;
        }
        self.report.point = Some(point_report(&mark));
        let is_base = self.look_at_point(&mark).await;
        self.look_at_files(open).await;
        self.tell_steps(open).await;
        self.await_merge().await;
        let sound = is_base && !self.is_doubtful;
        self.conclude(open, Some(id), sound).await;
    }

    async fn not_yet(&mut self, open: &Backup, failure: Failure) {
        self.tell_steps(open).await;
        self.report.outcome = Outcome::Unknown;
        self.report.error = Some(failure.with_hint(SAME_AGAIN));
    }

    async fn conclude(&mut self, open: &Backup, point: Option<&str>, sound: bool) {
        self.tell_steps(open).await;
        self.report.sound = sound;
        // Only the applications' own is never less than what was asked for; what has no name may be anything.
        let ConsistencyReport { asked, taken } = self.report.consistency;
        let is_less = taken.is_some_and(|taken| taken != asked && taken != Consistency::Application.number());
        self.report.outcome = match sound && !is_less && !self.is_warned {
            true => Outcome::Completed,
            false => Outcome::CompletedWithWarnings,
        };
        self.close(open, point).await;
    }

    /// Says whether a later backup can be relative to a point.
    async fn look_at_point(&mut self, mark: &Mark) -> bool {
        let mut is_base = true;
        let points = match within_after(self.around, self.around.host.points_within(mark)).await {
            Ok(Ok(points)) => points,
            _ => {
                self.warn(format!("reference point {} was not looked at", mark.id()));
                return false;
            }
        };
        for point in &points {
            if point.point_type != PointType::Rct || !point.is_whole() {
                self.warn(format!(
                    "reference point {} is a {} point with {} of {} tracking identifiers: no later backup can \
                     be relative to it",
                    point.id,
                    point.point_type.name(),
                    point.tracking.len(),
                    point.disks.len()
                ));
                is_base = false;
            }
        }
        // A collection may have the numbers the other way round; its points do not.
        let taken = self.report.consistency.taken;
        if let Some(point) = points
            .iter()
            .find(|point| matches!((point.consistency, taken), (Some(level), Some(taken)) if level != taken))
        {
            let level = point.consistency.unwrap_or_default();
            self.warn(format!(
                "the checkpoint was to be consistent at level {}, and point {} says {level}",
                taken.unwrap_or_default(),
                point.id
            ));
            self.report.consistency.taken = Some(level);
        }
        is_base && !points.is_empty()
    }

    /// What was written can be seen where the host writes to its own drive and lets us look.
    async fn look_at_files(&mut self, open: &Backup) {
        let Ok(directory) = Directory::parse(&open.new.directory) else { return };
        let looked = within_after(self.around, self.around.host.files_below(&directory)).await;
        match looked {
            Ok(Ok(Seen::Known(files))) => {
                self.report.files =
                    files.into_iter().map(|file| FileReport { path: file.path, size: file.size }).collect();
                self.check_files(&directory).await;
            }
            Ok(Ok(Seen::Hidden(why))) => self.warn(format!("the files were not checked: {why}")),
            Ok(Err(error)) => self.warn(format!("the files were not checked: {error}")),
            Err(_) => self.warn("the files were not checked: there was no time".to_owned()),
        }
    }

    async fn check_files(&mut self, directory: &Directory) {
        let ends = |ending: &str| {
            let files = self.report.files.iter();
            files.filter(|file| file.path.to_lowercase().ends_with(ending)).count()
        };
        let (configurations, disks) =
            (ends(".vmcx"), DISK_FILES.iter().map(|ending| ends(ending)).sum::<usize>());
        let looked = within_after(self.around, self.disks_of_all()).await;
        let (machines, wanted) = match looked {
            Ok(Ok(counted)) => counted,
            Ok(Err(error)) => return self.warn(format!("the files were not counted: {error}")),
            Err(_) => return self.warn("the files were not counted: there was no time".to_owned()),
        };
        if configurations < machines {
            self.warn(format!(
                "{directory} has {configurations} of {} configurations: what is there is no whole backup",
                machines
            ));
            self.is_doubtful = true;
        }
        if disks < wanted {
            self.warn(format!(
                "{directory} has {disks} of {wanted} disks: hosts pass over disks of which they take no checkpoint, \
                 such as those that are handed through"
            ));
            self.is_doubtful = true;
        }
        let empty: Vec<_> =
            self.report.files.iter().filter(|file| file.size == 0).map(|file| file.path.clone()).collect();
        for path in empty {
            self.warn(format!("{path} is empty"));
            self.is_doubtful = true;
        }
    }

    /// Returns how many machines there are, and how many disks they have together.
    async fn disks_of_all(&self) -> Result<(usize, usize), Error> {
        let machines = self.around.host.machines_of(self.owner).await?;
        let mut disks = 0;
        for machine in &machines {
            disks += self.around.host.disks(&machine.id).await?.len();
        }
        Ok((machines.len(), disks))
    }

    async fn await_merge(&mut self) {
        match merging(self.around, self.owner, self.plan.wait_for_merge).await {
            Ok(None) => self.report.merge = Merge::Done,
            Ok(Some(name)) => {
                self.report.merge = Merge::Pending;
                if self.plan.wait_for_merge {
                    self.warn(format!(
                        "the disks of {name} are still merging: the backup is as good as without that, and the \
                         next one has to wait for the end of it"
                    ));
                }
            }
            // Nothing depends on it: what is not seen is not told.
            Err(_) => {}
        }
    }

    async fn tell_base(&mut self, open: &Backup) {
        let Some(id) = &open.new.base else { return };
        let marks = within_after(self.around, self.around.host.marks(self.owner)).await;
        let found = marks.ok().and_then(Result::ok).into_iter().flatten();
        let found = found.into_iter().find(|mark| mark.id().eq_ignore_ascii_case(id));
        self.report.base = Some(match found {
            Some(mark) => point_report(&mark),
            None => PointReport { id: id.clone(), point_type: None, consistency: None },
        });
    }

    async fn tell_steps(&mut self, open: &Backup) {
        let number = open.id;
        let Ok(steps) = self.around.keeper.with(move |ledger| ledger.steps(number)).await else { return };
        let taken = steps.iter().rfind(|step| step.new.kind == StepKind::Checkpoint && step.made.is_some());
        if let Some(step) = taken
            && self.report.consistency.taken.is_none()
        {
            let is_crash = step.new.details == level_name(Consistency::Crash);
            let level = if is_crash { Consistency::Crash } else { Consistency::Application };
            self.report.consistency.taken = Some(level.number());
        }
        let ended = |kind: StepKind| {
            steps.iter().any(|step| step.new.kind == kind && step.end == Some(StepEnd::Done))
        };
        self.report.remains = match taken.and_then(|step| step.made.as_deref()) {
            Some(id) if !ended(StepKind::Remove) && !ended(StepKind::Convert) && self.is_there(id).await => {
                vec![format!("checkpoint {id}")]
            }
            _ => self.unkept.iter().cloned().collect(),
        };
        self.report.steps = steps.iter().map(step_report).collect();
        if let Some(job) = self.report.job.is_none().then(|| export_job(&steps)).flatten() {
            self.report.job = Some(job);
        }
    }

    /// Says whether a checkpoint is there; where that cannot be seen it may be.
    async fn is_there(&self, id: &str) -> bool {
        match within_after(self.around, self.around.host.recovery_checkpoints(self.owner)).await {
            Ok(Ok(there)) => there.iter().any(|there| there.is_named(id)),
            _ => true,
        }
    }

    /// Tells what a backup that failed has left in its directory, which is nobody's to remove but a person's.
    async fn tell_leftovers(&mut self, open: &Backup) {
        let was_asked = self.report.steps.iter().any(|step| step.step == "export");
        let Ok(directory) = Directory::parse(&open.new.directory) else { return };
        if !was_asked {
            return;
        }
        match within_after(self.around, self.around.host.contents(&directory)).await {
            Ok(Ok(Seen::Known(Contents::Something))) => {
                self.warn(format!(
                    "{directory} holds what was written before it failed: remove it, or use another"
                ));
            }
            Ok(Ok(Seen::Known(_))) => {}
            _ => self.warn(format!("look into {directory}: files may be left there")),
        }
    }

    /// Writes the end down.
    async fn close(&mut self, open: &Backup, point: Option<&str>) {
        self.report.finished_at = timestamp(self.around.now());
        let text = serde_json::to_string(&self.report).unwrap_or_default();
        let (id, now, sound) = (open.id, self.around.now(), self.report.sound);
        let (outcome, point) = (self.report.outcome.name(), point.map(str::to_owned));
        // Whoever saw that may have been ended before it was written down.
        let is_broken = open.new.base.is_some()
            && self.report.outcome == Outcome::Failed
            && self.report.error.as_ref().is_some_and(is_about_a_broken_chain);
        let broken = is_broken.then(|| open.new.subject.clone());
        let written = self
            .around
            .keeper
            .with(move |ledger| {
                if let Some(subject) = broken {
                    ledger.chain_broken(subject.kind, &subject.id)?;
                }
                let end = BackupEnd { outcome, sound, point: point.as_deref(), report: Some(&text) };
                ledger.backup_ended(id, now, &end)
            })
            .await;
        if let Err(error) = written {
            self.report.error.get_or_insert(unkept(error));
        }
    }

    fn warn(&mut self, message: String) {
        warn(self.around, self.report, message);
    }
}

/// What is to be done next.
enum Next {
    Ask(Ask),
    End(End),
}

fn point_report(mark: &Mark) -> PointReport {
    PointReport {
        id: mark.id().to_owned(),
        point_type: Some(mark.point_type().number()),
        consistency: mark.consistency(),
    }
}

fn step_report(step: &Step) -> StepReport {
    StepReport {
        step: step.new.kind.name().to_owned(),
        at: timestamp(step.at),
        ended_at: step.ended_at.map(timestamp),
        end: step.end.map(|end| end.name().to_owned()),
        return_value: step.return_value,
        job: job_id(step),
        made: step.made.clone(),
        note: step.note.clone(),
    }
}

fn job_id(step: &Step) -> Option<String> {
    let path = step.job.as_deref()?.parse::<ObjectPath>().ok()?;
    Some(path.key_text("InstanceID")?.into_owned())
}

fn export_job(steps: &[Step]) -> Option<JobReport> {
    let step = steps.iter().rfind(|step| step.new.kind == StepKind::Export)?;
    let path = step.job.as_deref()?.parse::<ObjectPath>().ok()?;
    Some(JobReport::unseen(&path.class, &path.key_text("InstanceID")?))
}

/// Says whether Windows' own number, which hosts write into their sentences, says that the base no longer serves:
/// its change-tracking identifier is invalid, tracking is switched off, or what it knew is missing.
pub(in crate::fleet) fn is_about_a_broken_chain(failure: &Failure) -> bool {
    let text = failure.message.to_lowercase();
    ["0xc03a0029", "0xc03a002a", "0xc03a0030"].iter().any(|number| text.contains(number))
}

fn not_empty(directory: &Directory) -> Failure {
    let message = format!("{directory} on the host is not empty");
    Failure::new(Kind::Usage, message).with_hint("give each backup a fresh directory")
}

fn late() -> Failure {
    Failure::new(Kind::Deadline, "the deadline has passed before everything was looked at")
}

/// Failed, not supported and too late, in either list of return values: what a checkpoint that asks nobody may get
/// around.
const PASSED_BY: [u32; 6] = [1, 2, 3, 32768, 32770, 32772];

/// How the files of disks end, those with what has changed included.
const DISK_FILES: [&str; 5] = [".vhdx", ".avhdx", ".vhd", ".avhd", ".vhds"];

/// Less than this holds not even the configuration.
const TOO_LITTLE: u64 = 16 << 20;

/// How often to look whether a merge is over, and how often at most: an hour.
const MERGE_LOOK: Duration = Duration::from_secs(5);
const MOST_MERGE_WAITS: u32 = 720;
