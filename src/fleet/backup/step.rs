//! One step of a backup: written down, asked for, followed, and found again where its answer was lost.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::event::News;
use super::super::follow::{Cut, Followed, Wish, follow, within_after};
use super::super::look::{LOOK_AGAIN, SETTLING};
use super::super::make::{MOST_WAITS, may_be_of};
use super::super::marks::{failed, unkept};
use super::super::patience::{Again, MOST_TRIES, Patience, again};
use super::super::report::{Failure, JobReport, Kind};
use super::super::unit::{Surroundings, may_have_begun};
use super::super::verdict::interrupted;
use crate::client::codes::Treatment;
use crate::hyperv::{
    Begun, Busy, Checkpoint, Consistency, Contents, Directory, Error, Host, Job, JobError, Made, Mark,
    ObjectPath, Owner, Seen, advice,
};
use crate::ledger::{self, NewStep, Step, StepEnd, StepKind};

/// What is asked of a host.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    Checkpoint(Consistency),
    Export { checkpoint: Checkpoint, base: Option<Mark>, directory: Directory },
    Convert(Checkpoint),
    Remove(Checkpoint),
}

/// Why a step did not end well.
pub(super) enum Stop {
    /// It is over, and that is written down.
    Failed(Failure),
    /// It stays open: nobody can tell by now how it ends.
    Open(Failure),
    /// It is over and has made this, which could not be written down.
    Unkept(Failure, String),
}

/// What one step leaves.
#[derive(Default)]
pub(super) struct Left {
    /// The job, as it was last seen.
    pub(super) job: Option<JobReport>,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
}

/// What became of a step whose answer or whose job nobody has.
enum Fate {
    Done(Option<String>),
    Running(ObjectPath),
    NotBegun,
    GivenUp(String),
    Open(Failure),
}

/// Who does steps.
pub(super) struct Stepper<'a> {
    pub(super) around: &'a Surroundings<'a>,
    pub(super) owner: &'a Owner,
    pub(super) backup: i64,
    pub(super) poll: Option<Duration>,
    /// A checkpoint that a person says is ours.
    pub(super) claimed: Option<&'a str>,
}

impl Ask {
    pub(super) fn kind(&self) -> StepKind {
        match self {
            Self::Checkpoint(_) => StepKind::Checkpoint,
            Self::Export { .. } => StepKind::Export,
            Self::Convert(_) => StepKind::Convert,
            Self::Remove(_) => StepKind::Remove,
        }
    }

    fn details(&self) -> String {
        match self {
            Self::Checkpoint(consistency) => level_name(*consistency).to_owned(),
            Self::Export { checkpoint, .. } | Self::Convert(checkpoint) | Self::Remove(checkpoint) => {
                checkpoint.id.clone()
            }
        }
    }

    async fn send(&self, host: &Host, owner: &Owner) -> Result<Made, Error> {
        let nothing = |begun| Made { begun, result: None };
        match self {
            Self::Checkpoint(consistency) => host.create_checkpoint(owner, *consistency).await,
            Self::Export { checkpoint, base, directory } => {
                host.export_checkpoint(owner, checkpoint, base.as_ref(), directory).await.map(nothing)
            }
            Self::Convert(checkpoint) => host.convert_checkpoint(checkpoint).await,
            Self::Remove(checkpoint) => host.destroy_checkpoint(checkpoint).await.map(nothing),
        }
    }

    /// Returns what there is of the kind that it makes.
    async fn present(&self, host: &Host, owner: &Owner) -> Result<Vec<(String, ObjectPath)>, Error> {
        let namespace = host.namespace();
        Ok(match self {
            Self::Checkpoint(_) => {
                let found = host.recovery_checkpoints(owner).await?;
                found.into_iter().map(|found| (found.id.clone(), found.path(namespace))).collect()
            }
            Self::Convert(_) => {
                let found = host.marks(owner).await?;
                found.into_iter().map(|mark| (mark.id().to_owned(), mark.path(namespace))).collect()
            }
            Self::Export { .. } | Self::Remove(_) => Vec::new(),
        })
    }
}

/// The name under which a level is written down.
pub(super) fn level_name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Application => "application",
        Consistency::Crash => "crash",
    }
}

impl Stepper<'_> {
    /// Does a step, as often as it is proven that what was tried before has begun nothing, and may be tried again.
    pub(super) async fn step(&self, ask: &Ask) -> Result<Left, Stop> {
        let (mut patience, mut lost) = (Patience::default(), 0);
        loop {
            if self.is_cancelled(ask) {
                return Err(Stop::Failed(cancelled()));
            }
            let (before, witness) = match self.waited(self.look(ask)).await {
                Ok(Ok(seen)) => seen,
                Ok(Err(error)) => return Err(Stop::Failed(failed(&error))),
                Err(cut) => return Err(Stop::Open(self.cut(ask, &cut))),
            };
            let new = NewStep { kind: ask.kind(), details: ask.details(), before, witness };
            let (backup, at) = (self.backup, self.around.now());
            let written = new.clone();
            let id = self.write(move |ledger| ledger.step_begun(backup, &written, at)).await?;
            let step = Step {
                id,
                new,
                at,
                return_value: None,
                job: None,
                ended_at: None,
                end: None,
                made: None,
                note: None,
            };
            let answer = tokio::select! {
                answer = ask.send(self.around.host, self.owner) => answer,
                // An answer that is on its way is worth more than a moment.
                cut = async { let cut = self.cut_off().await; sleep(SETTLING).await; cut } => {
                    return Err(Stop::Open(self.cut(ask, &cut)));
                }
            };
            let failure = match answer {
                Ok(Made { begun: Begun::Job(path), result }) => {
                    self.answered(&step, Some(4096), Some(&path), result.as_ref()).await;
                    self.around.tell(News::JobStarted { job: unseen(&path) });
                    return self.finish(ask, &step, &path, result.as_ref()).await;
                }
                Ok(Made { begun: Begun::Done, result }) => {
                    self.answered(&step, Some(0), None, result.as_ref()).await;
                    return self.done(ask, &step, None, result.as_ref(), Left::default()).await;
                }
                Err(error) => {
                    if let Error::Refused { code, .. } = &error {
                        self.answered(&step, Some(*code), None, None).await;
                    }
                    if is_unclear(&error) {
                        lost += 1;
                        match self.resolve(ask, &step, Some(&error)).await? {
                            Some(left) => return Ok(left),
                            None if lost >= MOST_LOST => {
                                return Err(Stop::Failed(explained(ask, self.owner, &error)));
                            }
                            None => continue,
                        }
                    }
                    let failure = explained(ask, self.owner, &error);
                    self.end(&step, StepEnd::NotBegun, None, Some(&failure.message)).await?;
                    if again(&error) != Again::Proven {
                        return Err(Stop::Failed(patience.spent(failure)));
                    }
                    failure
                }
            };
            patience.tried();
            let whose = format!("{} {}", self.around.label, self.owner.id());
            let Some(pause) = patience.pause(&whose, self.around.deadline) else {
                return Err(Stop::Failed(patience.spent(failure)));
            };
            let cause = format!("{}, try {} of {MOST_TRIES}", failure.message, patience.tries());
            self.around.tell(News::Retry { kind: Some(failure.kind), cause, after: pause.as_secs_f64() });
            if let Err(cut) = self.waited(sleep(pause)).await {
                return Err(Stop::Open(self.cut(ask, &cut)));
            }
        }
    }

    /// Says whether a step is not to be asked for any more. To tidy up is what whoever cancels wants.
    fn is_cancelled(&self, ask: &Ask) -> bool {
        !matches!(ask, Ask::Remove(_)) && is_to_end(self.around)
    }

    /// Takes up a step that has no recorded end. `None` where it has certainly not begun, which is then written
    /// down.
    pub(super) async fn take_up(&self, ask: &Ask, step: &Step) -> Result<Option<Left>, Stop> {
        let path = step.job.as_deref().and_then(|path| path.parse::<ObjectPath>().ok());
        if let Some(path) = path {
            let found = self.waited(self.around.host.job(&path)).await;
            match found {
                Ok(Ok(Some(_))) => {
                    self.around.tell(News::Adopted { job: unseen(&path), unheard_of: false });
                    return self.finish(ask, step, &path, None).await.map(Some);
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => return Err(Stop::Open(failed(&error))),
                Err(cut) => return Err(Stop::Open(self.cut(ask, &cut))),
            }
        } else if step.return_value == Some(0) && matches!(ask, Ask::Export { .. } | Ask::Remove(_)) {
            return self.done(ask, step, None, None, Left::default()).await.map(Some);
        } else if step.return_value.is_some_and(|code| !matches!(code, 0 | 4096) && !UNCLEAR.contains(&code))
        {
            // It was refused, and only the last word about that was not written.
            self.end(step, StepEnd::NotBegun, None, Some("refused")).await?;
            return Ok(None);
        }
        self.resolve(ask, step, None).await
    }

    async fn look(&self, ask: &Ask) -> Result<(Vec<String>, String), Error> {
        let present = ask.present(self.around.host, self.owner).await?;
        let jobs = self.around.host.jobs().await?;
        // Ended jobs are shown for a while: none of these is the step's.
        let seen: String =
            jobs.iter().map(|job| format!("{}\n", job.id.replace(char::is_control, " "))).collect();
        // How long the host may be at work on the call is for whoever takes it up.
        let witness = format!("{GIVEN}{}\n{seen}", self.around.operation_timeout.as_millis());
        Ok((present.into_iter().map(|(id, _)| id).collect(), witness))
    }

    /// Follows the job of a step to its end.
    async fn finish(
        &self,
        ask: &Ask,
        step: &Step,
        path: &ObjectPath,
        result: Option<&ObjectPath>,
    ) -> Result<Left, Stop> {
        let mut last = None;
        // What tidies up is not to be cancelled, and no more what is all but done: that tidies up by itself.
        let control = match ask {
            Ask::Checkpoint(_) | Ask::Export { .. } => self.around.control.clone(),
            Ask::Convert(_) | Ask::Remove(_) => self.around.control.tidying(),
        };
        let (label, unit) = (self.around.label.clone(), self.around.unit.clone());
        let around = Surroundings { control, label, unit, ..*self.around };
        let followed = follow(&around, path, self.poll, &mut last).await;
        let id = path.key_text("InstanceID").unwrap_or_default().into_owned();
        match followed {
            Followed::Over(job) => match job.treatment() {
                Treatment::Succeeded => {
                    let left = Left { job: Some(JobReport::seen(&job, &[])), ..Left::default() };
                    self.done(ask, step, Some(path), result, left).await
                }
                Treatment::SucceededWithWarnings => {
                    let errors = self.around.host.job_errors(path).await.unwrap_or_default();
                    let said = said(&job, &errors).unwrap_or_else(|| UNSAID.to_owned());
                    let warnings = vec![format!("the {} ended with warnings: {said}", ask.kind().name())];
                    let job = Some(JobReport::seen(&job, &errors));
                    self.done(ask, step, Some(path), result, Left { job, warnings }).await
                }
                treatment => {
                    let errors = self.around.host.job_errors(path).await.unwrap_or_default();
                    let failure = job_failure(ask, self.owner, &job, &errors, treatment);
                    // What a failed job has left all the same is ours, and has to go.
                    let made = match ask {
                        Ask::Checkpoint(_) => self.linked(ask, step, path).await.unwrap_or_default(),
                        _ => None,
                    };
                    self.end(step, StepEnd::Failed, made.as_deref(), Some(&failure.message)).await?;
                    Err(Stop::Failed(failure))
                }
            },
            Followed::Vanished => match self.resolve(ask, step, None).await? {
                Some(left) => Ok(left),
                None => {
                    let message =
                        format!("the host no longer has job {id}, and shows nothing that it has done");
                    Err(Stop::Failed(Failure::new(Kind::JobFailed, message)))
                }
            },
            Followed::Deadline => Err(Stop::Open(self.cut(ask, &Cut::Deadline))),
            Followed::Left(reason) => Err(Stop::Open(self.cut(ask, &Cut::Left(reason)))),
            Followed::Lost(error) => {
                let why = format!("job {id} can no longer be asked for: {}", failed(&*error).message);
                Err(Stop::Open(Failure::new(Kind::Unknown, why).with_hint(SAME_AGAIN)))
            }
        }
    }

    /// The host says that it has done it: finds what it made, and writes that down.
    async fn done(
        &self,
        ask: &Ask,
        step: &Step,
        job: Option<&ObjectPath>,
        result: Option<&ObjectPath>,
        left: Left,
    ) -> Result<Left, Stop> {
        let found = self.waited(self.made(ask, step, job, result)).await;
        let made = match found {
            Ok(Ok(Ok(made))) => made,
            Ok(Ok(Err(why))) => {
                self.end(step, StepEnd::GivenUp, None, Some(&why)).await?;
                return Err(Stop::Failed(Failure::new(Kind::Unknown, why)));
            }
            Ok(Err(error)) => return Err(Stop::Open(failed(&error))),
            Err(cut) => return Err(Stop::Open(self.cut(ask, &cut))),
        };
        self.ended_well(ask, step, made, left).await
    }

    /// Returns what a step made whose host says that it is done; or why that cannot be told.
    async fn made(
        &self,
        ask: &Ask,
        step: &Step,
        job: Option<&ObjectPath>,
        result: Option<&ObjectPath>,
    ) -> Result<Result<Option<String>, String>, Error> {
        if matches!(ask, Ask::Export { .. } | Ask::Remove(_)) {
            return Ok(Ok(None));
        }
        let present = ask.present(self.around.host, self.owner).await?;
        if let Some((id, _)) =
            present.iter().find(|(_, path)| result.is_some_and(|it| it.is_same_object(path)))
        {
            return Ok(Ok(Some(id.clone())));
        }
        if let Some(path) = job
            && let Some(id) = self.linked(ask, step, path).await?
        {
            return Ok(Ok(Some(id)));
        }
        let new: Vec<_> = present.iter().map(|(id, _)| id).filter(|id| !step.was_there(id)).collect();
        Ok(match &*new {
            [only] => Ok(Some((*only).clone())),
            [] => Err(format!("the host says that it has done the {}, and shows nothing", ask.kind().name())),
            several => Err(format!(
                "{} are new, and which of them is ours the host does not say",
                several.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" and ")
            )),
        })
    }

    /// Returns what the host links a job to as its creation.
    async fn linked(&self, ask: &Ask, step: &Step, job: &ObjectPath) -> Result<Option<String>, Error> {
        let made = self.around.host.made_by(job).await.unwrap_or_default();
        let present = ask.present(self.around.host, self.owner).await?;
        let is_made = |path: &ObjectPath| made.iter().any(|made| made.is_same_object(path));
        Ok(present.into_iter().find(|(id, path)| !step.was_there(id) && is_made(path)).map(|(id, _)| id))
    }

    /// Finds out what became of a step whose answer or whose job nobody has, and writes it down. `None` where it
    /// has certainly not begun.
    async fn resolve(&self, ask: &Ask, step: &Step, error: Option<&Error>) -> Result<Option<Left>, Stop> {
        if let Some(error) = error {
            let message = format!("the answer is lost, looking for what it began: {}", failed(error).message);
            self.around.tell(News::Warning { message });
        }
        match self.fate(ask, step).await {
            Fate::Running(path) => {
                self.answered(step, None, Some(&path), None).await;
                let unheard_of = step.job.is_none();
                self.around.tell(News::Adopted { job: unseen(&path), unheard_of });
                // Boxed: what is found running may vanish, and be looked for again.
                Box::pin(self.finish(ask, step, &path, None)).await.map(Some)
            }
            Fate::Done(made) => self.ended_well(ask, step, made, Left::default()).await.map(Some),
            Fate::NotBegun => {
                self.end(step, StepEnd::NotBegun, None, Some("the host has certainly not begun")).await?;
                Ok(None)
            }
            Fate::GivenUp(why) => {
                self.end(step, StepEnd::GivenUp, None, Some(&why)).await?;
                Err(Stop::Failed(Failure::new(Kind::Unknown, why)))
            }
            Fate::Open(failure) => Err(Stop::Open(failure)),
        }
    }

    /// Looks until the host cannot be at work on the call any more, and then once more.
    async fn fate(&self, ask: &Ask, step: &Step) -> Fate {
        // What counts is how long it was given by whoever asked.
        let given = given(step).unwrap_or(self.around.operation_timeout);
        let settled = given.saturating_mul(2).saturating_add(SETTLING);
        let began = Instant::now();
        let mut waits = 0;
        loop {
            // Before the look: what shows in between is seen. A clock that was set back is not waited for.
            let elapsed = self.around.now().duration_since(step.at).unwrap_or_default();
            let is_settled = elapsed.max(began.elapsed()) >= settled;
            let looked = self.waited(self.evidence(ask, step, is_settled)).await;
            match looked {
                Ok(Ok(Some(fate))) => return fate,
                Ok(Ok(None)) if is_settled && waits >= MOST_WAITS => {
                    let message = format!("the host is still at work on {}", self.owner.name());
                    return Fate::Open(Failure::new(Kind::Busy, message).with_hint(SAME_AGAIN));
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => return Fate::Open(failed(&error)),
                Err(cut) => return Fate::Open(self.cut(ask, &cut)),
            }
            waits += u32::from(is_settled);
            if let Err(cut) = self.waited(sleep(LOOK_AGAIN)).await {
                return Fate::Open(self.cut(ask, &cut));
            }
        }
    }

    /// Returns what can be told by now. What only its absence tells counts once the call cannot be under way any
    /// more, and the host is at work on none of the machines.
    async fn evidence(&self, ask: &Ask, step: &Step, is_settled: bool) -> Result<Option<Fate>, Error> {
        let host = self.around.host;
        let jobs = self.new_jobs(step).await?;
        let present = ask.present(host, self.owner).await?;
        let new: Vec<_> = present.iter().filter(|(id, _)| !step.was_there(id)).collect();
        let taken = self.checkpoint_of(ask).await?;
        match ask {
            Ask::Checkpoint(_) | Ask::Convert(_) => {
                // What the answer has named is it, and nothing else that has come since.
                let named = |id: &str| step.made.as_deref().is_some_and(|made| made.eq_ignore_ascii_case(id));
                if let Some((id, _)) = new.iter().find(|(id, _)| named(id)) {
                    return Ok(Some(Fate::Done(Some(id.clone()))));
                }
                for job in &jobs {
                    let path = job.path(host.namespace());
                    let made = host.made_by(&path).await.unwrap_or_default();
                    let is_made = |path: &ObjectPath| made.iter().any(|made| made.is_same_object(path));
                    if let Some((id, _)) = new.iter().find(|(_, path)| is_made(path)) {
                        let is_over = job.is_over();
                        return Ok(Some(if is_over {
                            Fate::Done(Some(id.clone()))
                        } else {
                            Fate::Running(path)
                        }));
                    }
                }
                let claims = |id: &str| {
                    let claimed = self.claimed.filter(|_| matches!(ask, Ask::Checkpoint(_)));
                    claimed.is_some_and(|text| Checkpoint::of(self.owner, id).is_named(text))
                };
                if let Some((id, _)) = new.iter().find(|(id, _)| claims(id)) {
                    return Ok(Some(Fate::Done(Some(id.clone()))));
                }
            }
            Ask::Export { .. } => {
                let exports: Vec<_> = jobs.iter().filter(|job| job.job_type == Some(EXPORTS)).collect();
                let mut ours = Vec::new();
                for job in exports {
                    let path = job.path(host.namespace());
                    if self.acts_on_ours(&path).await? {
                        ours.push(path);
                    }
                }
                match &*ours {
                    [path] => return Ok(Some(Fate::Running(path.clone()))),
                    [] => {}
                    several => {
                        let message = format!("{} exports of {} are there", several.len(), self.owner.name());
                        let failure = Failure::new(Kind::Unknown, message).with_hint(SAME_AGAIN);
                        return Ok(Some(Fate::Open(failure)));
                    }
                }
            }
            Ask::Remove(_) if !taken => return Ok(Some(Fate::Done(None))),
            Ask::Remove(_) => {}
        }
        if !is_settled || !self.is_idle().await? {
            return Ok(None);
        }
        let ids = new.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>().join(" and ");
        Ok(Some(match ask {
            Ask::Checkpoint(_) if new.is_empty() => Fate::NotBegun,
            Ask::Checkpoint(_) => {
                let message = format!(
                    "a recovery checkpoint was to be taken, and what came of it cannot be told: since then \
                     there is {ids}"
                );
                let hint = "if it is ours, --our-checkpoint ID says so, and it is removed; if another product \
                            took it, wait until that has removed it";
                Fate::Open(Failure::new(Kind::Unknown, message).with_hint(hint))
            }
            Ask::Export { directory, .. } => match host.contents(directory).await? {
                Seen::Known(Contents::Missing { .. } | Contents::Empty) => Fate::NotBegun,
                Seen::Known(Contents::Something) => Fate::GivenUp(format!(
                    "nobody saw the export end: what is in {directory} may be a part of it"
                )),
                Seen::Hidden(_) => {
                    Fate::GivenUp(format!("nobody saw the export end, and {directory} cannot be looked into"))
                }
            },
            Ask::Convert(_) if taken => Fate::NotBegun,
            Ask::Convert(_) if new.is_empty() => {
                Fate::GivenUp("the checkpoint is gone, and no reference point has come of it".to_owned())
            }
            Ask::Convert(_) => Fate::GivenUp(format!(
                "the checkpoint is gone, and whether {ids} has come of it the host does not say: refpoint \
                 point adopt ID takes it as ours"
            )),
            Ask::Remove(_) => Fate::NotBegun,
        }))
    }

    /// Returns the jobs that were not there before the step, and that we may have begun.
    async fn new_jobs(&self, step: &Step) -> Result<Vec<Job>, Error> {
        let seen: HashSet<String> = step.new.witness.lines().map(str::to_lowercase).collect();
        let is_new = |job: &Job| !seen.contains(&job.id.replace(char::is_control, " ").to_lowercase());
        let user = self.around.host.user();
        let jobs = self.around.host.jobs().await?;
        Ok(jobs.into_iter().filter(|job| is_new(job) && may_be_of(&job.owner, user)).collect())
    }

    /// Says whether a job acts on the machine, or on one of the group.
    async fn acts_on_ours(&self, job: &ObjectPath) -> Result<bool, Error> {
        let affected = self.around.host.affected_by(job).await?;
        let machines = self.around.host.machines_of(self.owner).await?;
        let namespace = self.around.host.namespace();
        let mut paths: Vec<_> =
            machines.iter().map(|machine| crate::hyperv::Machine::path_of(&machine.id, namespace)).collect();
        paths.push(self.owner.path(namespace));
        Ok(affected.iter().any(|affected| paths.iter().any(|path| path.is_same_object(affected))))
    }

    /// Says whether the checkpoint that a step is about is there.
    async fn checkpoint_of(&self, ask: &Ask) -> Result<bool, Error> {
        let (Ask::Export { checkpoint, .. } | Ask::Convert(checkpoint) | Ask::Remove(checkpoint)) = ask
        else {
            return Ok(false);
        };
        let there = self.around.host.recovery_checkpoints(self.owner).await?;
        Ok(there.iter().any(|there| there.is_named(&checkpoint.id)))
    }

    /// Says whether the host is at work on none of the machines. A merge is what follows, and no part of a step.
    async fn is_idle(&self) -> Result<bool, Error> {
        let machines = self.around.host.machines_of(self.owner).await?;
        let is_at_work = |busy: Busy| busy.is_in_the_way() && busy != Busy::MergingDisks;
        Ok(!machines.iter().any(|machine| machine.busy.is_some_and(is_at_work)))
    }

    /// Writes the answer down. The host is at work by now: a ledger that fails is met again when the end is written,
    /// and what was begun is brought to that all the same.
    async fn answered(
        &self,
        step: &Step,
        code: Option<u32>,
        job: Option<&ObjectPath>,
        makes: Option<&ObjectPath>,
    ) {
        let (id, job) = (step.id, job.map(ToString::to_string));
        let makes = makes.and_then(identifier);
        let written = self
            .around
            .keeper
            .with(move |ledger| ledger.step_answered(id, code, job.as_deref(), makes.as_deref()));
        if let Err(error) = written.await {
            self.around.tell(News::Warning { message: unkept(error).message });
        }
    }

    /// Writes down what a step has made. Where that cannot be, whoever reads of it has to know what there is.
    async fn ended_well(
        &self,
        ask: &Ask,
        step: &Step,
        made: Option<String>,
        left: Left,
    ) -> Result<Left, Stop> {
        let note = left.warnings.first().map(String::as_str);
        match (self.end(step, StepEnd::Done, made.as_deref(), note).await, made) {
            (Ok(()), _) => Ok(left),
            (Err(Stop::Open(failure)), Some(made)) => {
                let (what, hint) = match ask {
                    Ask::Checkpoint(_) => {
                        let hint = format!(
                            "the same command again, with --our-checkpoint {made}, removes it or goes on"
                        );
                        (format!("checkpoint {made}"), hint)
                    }
                    _ => (
                        format!("reference point {made}"),
                        format!(
                            "once the ledger can be written, refpoint point adopt {made} takes it as ours"
                        ),
                    ),
                };
                let message = format!("{what} is there and not in the ledger: {}", failure.message);
                Err(Stop::Unkept(failure.with_message(message).with_hint(hint), what))
            }
            (Err(stop), _) => Err(stop),
        }
    }

    async fn end(
        &self,
        step: &Step,
        end: StepEnd,
        made: Option<&str>,
        note: Option<&str>,
    ) -> Result<(), Stop> {
        let (id, at) = (step.id, self.around.now());
        let (made, note) = (made.map(str::to_owned), note.map(str::to_owned));
        self.write(move |ledger| ledger.step_ended(id, at, end, made.as_deref(), note.as_deref())).await
    }

    /// A ledger that fails leaves the step open: the next one takes it up.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut ledger::Ledger) -> Result<T, ledger::Error> + Send + 'static,
    ) -> Result<T, Stop> {
        self.around.keeper.with(work).await.map_err(|error| Stop::Open(unkept(error)))
    }

    /// Waits for something. That a backup is to be cancelled is no reason not to learn what was begun: it is what has
    /// to be tidied up.
    async fn waited<T>(&self, work: impl Future<Output = T>) -> Result<T, Cut> {
        within_after(self.around, work).await
    }

    async fn cut_off(&self) -> Cut {
        match within_after(self.around, std::future::pending::<()>()).await {
            Err(cut) => cut,
            Ok(()) => Cut::Deadline,
        }
    }

    fn cut(&self, ask: &Ask, cut: &Cut) -> Failure {
        let step = ask.kind().name();
        match cut {
            Cut::Deadline => {
                let message = format!("the deadline has passed during the step {step}");
                Failure::new(Kind::Deadline, message).with_hint(SAME_AGAIN)
            }
            Cut::Left(reason) => interrupted(*reason).with_hint(SAME_AGAIN),
        }
    }
}

/// Says whether the host may have begun: its answer is lost, or says no more than that it does not know.
fn is_unclear(error: &Error) -> bool {
    match error {
        Error::Refused { code, .. } => UNCLEAR.contains(code),
        error => may_have_begun(error),
    }
}

/// Says whether somebody wants the whole to end.
pub(super) fn is_to_end(around: &Surroundings<'_>) -> bool {
    matches!(around.control.wish(), Wish::Cancel | Wish::Kill)
}

pub(super) fn cancelled() -> Failure {
    Failure::new(Kind::Cancelled, "it was cancelled")
}

/// Returns how long whoever asked for a step gave the host for it.
fn given(step: &Step) -> Option<Duration> {
    let line = step.new.witness.lines().find_map(|line| line.strip_prefix(GIVEN))?;
    line.parse().ok().map(Duration::from_millis)
}

/// Returns what a checkpoint or a point is known by.
fn identifier(path: &ObjectPath) -> Option<String> {
    let key = path.key_text("InstanceID").or_else(|| path.key_text("CollectionID"))?;
    Some(key.into_owned())
}

fn unseen(path: &ObjectPath) -> JobReport {
    JobReport::unseen(&path.class, &path.key_text("InstanceID").unwrap_or_default())
}

fn said(job: &Job, errors: &[JobError]) -> Option<String> {
    let sentences: Vec<_> =
        errors.iter().map(|error| error.message.trim()).filter(|text| !text.is_empty()).collect();
    let said = if sentences.is_empty() { job.error_description.clone() } else { sentences.join("; ") };
    Some(said).filter(|said| !said.is_empty())
}

fn job_failure(ask: &Ask, owner: &Owner, job: &Job, errors: &[JobError], treatment: Treatment) -> Failure {
    let step = ask.kind().name();
    let said = said(job, errors).map_or_else(String::new, |said| format!(": {said}"));
    let (state, code) = (job.state_name(), job.error_code);
    if treatment == Treatment::Cancelled {
        let message = format!("the job of the {step} was {state}{said}");
        return Failure::new(Kind::Cancelled, message);
    }
    let message = format!("the job of the {step} ended as {state} with error code {code}{said}");
    let hint = of_shared_disks(ask, owner, code).unwrap_or_else(|| advice(job, errors).to_owned());
    Failure::new(Kind::JobFailed, message).with_code(code).with_hint(hint)
}

/// Returns the failure of a call, with what its number is known to mean of a group with a shared disk.
fn explained(ask: &Ask, owner: &Owner, error: &Error) -> Failure {
    let failure = failed(error);
    let Error::Refused { code, .. } = error else { return failure };
    match of_shared_disks(ask, owner, *code) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// Returns what reports from the field say of these numbers where a group shares a disk; the service of groups has
/// numbers of its own for them.
fn of_shared_disks(ask: &Ask, owner: &Owner, code: u32) -> Option<String> {
    if !matches!((ask, owner), (Ask::Checkpoint(_), Owner::Group(_))) {
        return None;
    }
    let why = match code {
        2 | 32768 => {
            "where machines of the group share a disk (a guest cluster on a VHD set), the cluster service in \
             the guests could not be reached: look whether it runs, and whether the guests answer the host"
        }
        1 | 32770 => {
            "where machines of the group share a disk, it is in use by several of them at once, as a cluster \
             shared volume in the guests: hosts take no checkpoint of that; use it from one guest at a time, or \
             leave these machines out of the group"
        }
        5 | 32775 => {
            "where machines of the group share a disk, none of them or more than one says that it owns it: the \
             disk is offline in the guests, or the guest cluster is not whole. Else one of the machines has a \
             checkpoint or a merge pending"
        }
        _ => return None,
    };
    Some(why.to_owned())
}

/// Status unknown and time-out, in either list of return values: what is answered so may have begun.
const UNCLEAR: [u32; 3] = [3, 32771, 32772];

/// `JobType`: something is exported, points aside.
const EXPORTS: u16 = 62;

/// Behind this the witness of a step has the time, in milliseconds, that the host was given; no job is called so.
const GIVEN: &str = "given ";

const MOST_LOST: u32 = 3;

const UNSAID: &str = "it does not say which";

/// What to do about what is left standing.
pub(super) const SAME_AGAIN: &str = "the same command again takes it up, and removes what is left";
