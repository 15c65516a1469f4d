//! Jobs: work that goes on after a method has answered 4096, as domain reference 3 tells it.

use std::time::Duration;

use crate::cim::{Instance, ObjectPath, Value, embedded};

use super::super::draft::Draft;
use super::super::lexicon::lexicon;
use super::super::scenario::{JobRule, ReceiptTime, Results, Scenario};
use super::super::site::{BUILD_1709, Site, class_path, interval, never};
use super::super::store::{Object, Service};
use super::super::text::{Locale, Text};
use super::super::world::{Remembered, Serial, World};
use super::export::Receipt;
use super::{Call, Code, Returned};

/// A job.
pub(in crate::lab) struct Job {
    pub(in crate::lab) id: String,
    pub(in crate::lab) class: String,
    pub(in crate::lab) kind: JobKind,
    pub(in crate::lab) service: Service,
    /// The machines it keeps busy.
    pub(in crate::lab) machines: Vec<usize>,
    /// What nobody else may change meanwhile: points, collections, groups, machines that change their state.
    pub(in crate::lab) held: Vec<Object>,
    pub(in crate::lab) ended: Option<Ended>,
    /// Nobody sees it any more, but it goes on.
    pub(in crate::lab) hidden: bool,
    pub(super) receipt: Option<Receipt>,
    owner: String,
    /// When the host begins with it, if it leaves it lying until then.
    waits_until: Option<Duration>,
    submitted: Duration,
    takes: Duration,
    fate: Fate,
    stopping: Option<Stopping>,
    affected: Vec<Object>,
    made: Vec<Object>,
    work: Work,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lab) enum JobKind {
    ExportPoint,
    ExportCollection,
    ExportMachine,
    ExportCheckpointCollection,
    CreatePoint,
    CreateCollection,
    DeletePoint,
    DeleteCollection,
    RemoveData,
    RemoveCollectionData,
    ImportMetadata,
    CreateCheckpoint,
    CreateCheckpointCollection,
    DeleteCheckpoint,
    ApplyCheckpoint,
    Convert,
    ChangeState,
}

/// What changes when a job ends well.
pub(in crate::lab) enum Work {
    Nothing,
    Export {
        keep_merging: bool,
    },
    CreatePoint {
        machine: usize,
        kind: u16,
        consistency: u16,
        guid: String,
        serial: Serial,
    },
    CreateCollection {
        group: Serial,
        /// Those that were in the group when it began.
        members: Vec<usize>,
        kind: u16,
        consistency: u16,
        id: String,
        serial: Serial,
    },
    DeletePoint(Serial),
    DeleteCollection(Serial),
    RemoveData(Serial),
    RemoveCollectionData(Serial),
    Import {
        machine: usize,
        points: Vec<Remembered>,
    },
    CreateCheckpoint {
        machine: usize,
        guid: String,
        name: String,
        is_recovery: bool,
        consistency: u16,
        serial: Serial,
    },
    CreateCheckpointCollection {
        group: Serial,
        /// Those that were in the group when it began.
        members: Vec<usize>,
        id: String,
        is_recovery: bool,
        consistency: u16,
        serial: Serial,
    },
    DeleteCheckpoint(Serial),
    DeleteCheckpointCollection(Serial),
    Convert {
        checkpoint: Serial,
        consistency: Option<u16>,
        guid: String,
        serial: Serial,
    },
    ConvertCollection {
        collection: Serial,
        id: String,
        serial: Serial,
    },
    ChangeState {
        machine: usize,
        state: u16,
    },
}

/// How a job goes, and how it ends when nobody stops it.
#[derive(Clone, Debug)]
pub(in crate::lab) struct Fate {
    state: u16,
    error_code: u16,
    errors: Vec<JobError>,
    /// The part of the way at which it ends, in percent.
    ends_at: u16,
    stalls_at: Option<u16>,
    vanishes_after: Option<Duration>,
    loses: Option<String>,
    states: Vec<u16>,
    percents: Vec<u16>,
    cancellable: bool,
    class: Option<String>,
    without_reference: bool,
    duration: Option<Duration>,
}

/// One error of a job.
#[derive(Clone, Debug)]
pub(in crate::lab) enum JobError {
    /// A number of Windows; the text follows from it.
    Told { hresult: u32, message: Option<String>, id: Option<String> },
    /// Text as it is.
    Raw(String),
}

/// How a job ended.
pub(in crate::lab) struct Ended {
    pub(in crate::lab) at: Duration,
    state: u16,
    percent: u16,
}

struct Stopping {
    since: Duration,
    state: u16,
}

/// What a method starts.
pub(super) struct NewJob {
    pub(super) kind: JobKind,
    pub(super) machines: Vec<usize>,
    /// What nobody else may change meanwhile.
    pub(super) held: Vec<Object>,
    /// What it acts on.
    pub(super) affected: Vec<Object>,
    /// What it makes, and the parameter of the method that says so.
    pub(super) makes: Option<(&'static str, Object, ObjectPath)>,
    pub(super) takes: Duration,
    pub(super) work: Work,
    pub(super) fate: Fate,
    pub(super) receipt: Option<Receipt>,
}

impl NewJob {
    pub(super) fn new(kind: JobKind, takes: Duration, work: Work) -> Self {
        Self {
            kind,
            machines: Vec::new(),
            held: Vec::new(),
            affected: Vec::new(),
            makes: None,
            takes,
            work,
            fate: Fate::good(),
            receipt: None,
        }
    }
}

impl Fate {
    pub(super) fn good() -> Self {
        Self {
            state: COMPLETED,
            error_code: 0,
            errors: Vec::new(),
            ends_at: 100,
            stalls_at: None,
            vanishes_after: None,
            loses: None,
            states: Vec::new(),
            percents: Vec::new(),
            cancellable: true,
            class: None,
            without_reference: false,
            duration: None,
        }
    }

    /// Returns the fate of a job that meets an error of Windows at some part of its way.
    pub(super) fn fails(hresult: u32, ends_at: u16) -> Self {
        let error = JobError::Told { hresult, message: None, id: None };
        Self { state: EXCEPTION, error_code: 32768, errors: vec![error], ends_at, ..Self::good() }
    }

    /// Puts what the scenario says over what would happen.
    fn overridden(mut self, rule: &JobRule) -> Self {
        if let Some(state) = rule.state {
            self.state = state;
        }
        let is_bad = self.state != COMPLETED || rule.error_code.is_some_and(|code| code != 0);
        self.error_code = rule.error_code.unwrap_or(match self.state {
            COMPLETED | WITH_WARNINGS | TERMINATED | KILLED => self.error_code,
            _ => 32768,
        });
        if !rule.errors.is_empty() {
            self.errors = rule.errors.iter().map(JobError::from_rule).collect();
        } else if is_bad && self.state == EXCEPTION && self.errors.is_empty() {
            self.errors = vec![JobError::Told { hresult: 0x8000_4005, message: None, id: None }];
        }
        if self.error_code == 0 && rule.errors.is_empty() {
            // Nothing is said to be wrong, so that nothing is there to be told.
            self.errors.clear();
        }
        self.ends_at = rule.ends_at.unwrap_or(self.ends_at).min(100);
        self.stalls_at = rule.stalls_at;
        self.vanishes_after = rule.vanishes_after;
        self.loses.clone_from(&rule.loses);
        self.states.clone_from(&rule.states);
        self.percents.clone_from(&rule.percents);
        self.cancellable = rule.cancellable.unwrap_or(true);
        self.class.clone_from(&rule.class);
        self.without_reference = rule.without_reference;
        self.duration = rule.duration;
        self
    }
}

impl JobError {
    fn from_rule(rule: &super::super::scenario::ErrorRule) -> Self {
        match &rule.raw {
            Some(raw) => Self::Raw(raw.clone()),
            None => Self::Told {
                hresult: rule.hresult.unwrap_or(0x8000_4005),
                message: rule.message.clone(),
                id: rule.message_id.clone(),
            },
        }
    }
}

const COMPLETED: u16 = 7;
const TERMINATED: u16 = 8;
const KILLED: u16 = 9;
const EXCEPTION: u16 = 10;
const WITH_WARNINGS: u16 = 32768;

impl JobKind {
    /// Returns the number that `JobType` has for it.
    fn number(self) -> u16 {
        match self {
            Self::ExportMachine | Self::ExportCheckpointCollection => 62,
            Self::CreateCheckpoint => 70,
            Self::ApplyCheckpoint => 71,
            Self::DeleteCheckpoint => 72,
            Self::CreateCheckpointCollection => 198,
            Self::Convert => 200,
            Self::CreatePoint => 201,
            Self::DeletePoint => 202,
            Self::ExportPoint => 203,
            Self::RemoveData => 204,
            Self::CreateCollection => 205,
            Self::ExportCollection => 206,
            Self::RemoveCollectionData => 207,
            Self::DeleteCollection => 208,
            Self::ImportMetadata => 209,
            Self::ChangeState => 0,
        }
    }

    fn text(self) -> Text {
        match self {
            Self::ExportPoint | Self::ExportCollection => Text::JobExportPoint,
            Self::ExportMachine | Self::ExportCheckpointCollection => Text::JobExportMachine,
            Self::CreatePoint | Self::CreateCollection => Text::JobCreatePoint,
            Self::DeletePoint | Self::DeleteCollection => Text::JobDeletePoint,
            Self::RemoveData | Self::RemoveCollectionData => Text::JobRemoveData,
            Self::ImportMetadata => Text::JobImport,
            Self::CreateCheckpoint | Self::CreateCheckpointCollection => Text::JobCheckpoint,
            Self::DeleteCheckpoint => Text::JobDeleteCheckpoint,
            Self::ApplyCheckpoint => Text::JobApplyCheckpoint,
            Self::Convert => Text::JobConvert,
            Self::ChangeState => Text::JobState,
        }
    }

    /// Returns what the second entry of a machine's `OperationalStatus` is meanwhile.
    pub(in crate::lab) fn busy(self) -> Option<u16> {
        match self {
            Self::ExportPoint
            | Self::ExportCollection
            | Self::ExportMachine
            | Self::ExportCheckpointCollection => Some(32773),
            Self::CreateCheckpoint
            | Self::CreateCheckpointCollection
            | Self::CreatePoint
            | Self::CreateCollection => Some(32768),
            Self::ApplyCheckpoint => Some(32769),
            Self::DeleteCheckpoint | Self::Convert => Some(32770),
            _ => None,
        }
    }

    fn is_export_of_points(self) -> bool {
        matches!(self, Self::ExportPoint | Self::ExportCollection)
    }
}

impl Job {
    /// Returns whether somebody who looks for it finds it.
    pub(in crate::lab) fn is_visible(&self, now: Duration) -> bool {
        let vanished = self.fate.vanishes_after.is_some_and(|after| now >= self.submitted + after);
        !self.hidden && !vanished && now >= self.submitted
    }

    /// Returns whether it has not ended. It is at work from the call on, even before that is answered, unless the
    /// host leaves it lying.
    pub(in crate::lab) fn is_at_work(&self) -> bool {
        self.ended.is_none() && self.waits_until.is_none()
    }

    /// Returns when it begins, if it has not, or else ends.
    pub(in crate::lab) fn next_change(&self, scenario: &Scenario) -> Option<Duration> {
        self.waits_until.or_else(|| self.due(scenario))
    }

    /// Returns when it ends, if it does.
    fn due(&self, scenario: &Scenario) -> Option<Duration> {
        match (&self.ended, &self.stopping) {
            (Some(_), _) => None,
            (None, Some(stopping)) if stopping.state == KILLED => Some(stopping.since),
            (None, Some(stopping)) => Some(stopping.since + scenario.speed.cancel),
            (None, None) if self.fate.stalls_at.is_some() => None,
            (None, None) => Some(self.submitted + self.takes * u32::from(self.fate.ends_at) / 100),
        }
    }

    /// Returns whether what it holds goes away with it.
    pub(in crate::lab) fn destroys(&self) -> bool {
        matches!(self.kind, JobKind::DeletePoint | JobKind::DeleteCollection)
    }

    /// Returns whether it only reads what it holds.
    pub(in crate::lab) fn reads(&self) -> bool {
        matches!(self.kind, JobKind::ExportPoint | JobKind::ExportCollection)
    }

    /// Returns whether associations tell of it.
    pub(in crate::lab) fn is_associated(&self, site: Site<'_>) -> bool {
        !self.kind.is_export_of_points() || site.questions().export_jobs_are_associated
    }

    /// Returns what it acts on (effect 0), and, when it has ended, what it made (effect 5).
    pub(in crate::lab) fn effects(&self) -> impl Iterator<Item = (Object, u16)> {
        let made = self.made.iter().filter(|_| self.ended.is_some()).map(|object| (*object, 5));
        self.affected.iter().map(|object| (*object, 0)).chain(made)
    }

    /// Returns how much of it is done, from 0 to 100.
    pub(in crate::lab) fn percent(&self, now: Duration) -> u16 {
        if let Some(ended) = &self.ended {
            return ended.percent;
        }
        let until = self.stopping.as_ref().map_or(now, |stopping| stopping.since.min(now));
        let elapsed = until.saturating_sub(self.submitted);
        if let Some(percent) = spread(&self.fate.percents, elapsed, self.takes) {
            return percent;
        }
        let part = match self.takes.as_millis() {
            0 => 100,
            all => (elapsed.as_millis() * 100 / all).min(100),
        };
        let percent = u16::try_from(part).unwrap_or(100);
        percent.min(self.fate.stalls_at.unwrap_or(100)).min(self.fate.ends_at)
    }

    /// Returns the state at a moment.
    pub(in crate::lab) fn state(&self, now: Duration) -> u16 {
        if let Some(ended) = &self.ended {
            return ended.state;
        }
        if self.stopping.is_some() {
            return 6;
        }
        let elapsed = now.saturating_sub(self.submitted);
        spread(&self.fate.states, elapsed, self.takes).unwrap_or_else(|| match () {
            () if elapsed < (self.takes / 20).min(Duration::from_millis(100)) => 2,
            () if elapsed < (self.takes / 10).min(Duration::from_millis(300)) => 3,
            () => 4,
        })
    }

    /// Returns the instance that shows it.
    pub(in crate::lab) fn draft(&self, site: Site<'_>) -> Draft {
        let shape = if lexicon().is_known(&self.class) {
            &*self.class
        } else if self.kind == JobKind::ExportCollection {
            "Msvm_CollectionReferencePointExportJob"
        } else {
            "Msvm_VirtualSystemReferencePointExportJob"
        };
        let mut draft = match shape == self.class {
            true => Draft::of(shape),
            false => Draft::like(&self.class, shape),
        };
        self.describe(&mut draft, shape, site);
        let is_filled = match site.questions().receipt {
            ReceiptTime::AtStart => true,
            ReceiptTime::AtEnd => self.ended.as_ref().is_some_and(Ended::is_good),
        };
        if let Some(receipt) = self.receipt.as_ref().filter(|_| shape != "Msvm_ConcreteJob") {
            receipt.describe(&mut draft, is_filled, site.build() >= BUILD_1709);
        }
        draft
    }

    fn describe(&self, draft: &mut Draft, shape: &str, site: Site<'_>) {
        let state = self.state(site.now);
        let (statuses, texts) = statuses(state);
        let text = |text: Text| site.text(text);
        let title = text(self.kind.text());
        let until = self.ended.as_ref().map_or(site.now, |ended| ended.at);
        let begun = site.time(self.submitted);
        let changed = match (&self.ended, &self.stopping) {
            (Some(ended), _) => ended.at,
            (None, Some(stopping)) => stopping.since,
            (None, None) => self.submitted,
        };
        let has_error = self.ended.as_ref().is_some_and(|_| self.fate.error_code != 0 || is_bad(state));
        let error_code = if has_error && self.stopping.is_none() { self.fate.error_code } else { 0 };
        let description = if error_code == 0 { String::new() } else { self.main_error(site) };
        let summary = if error_code == 0 { "" } else { text(Text::JobFailedSummary) };
        draft
            .set("InstanceID", self.id.as_str())
            .set("Caption", title)
            .set("Description", title)
            .set("ElementName", title)
            .set("Name", title)
            .set("InstallDate", never())
            .set("OperationalStatus", statuses)
            .set(
                "StatusDescriptions",
                texts.iter().map(|status| text(*status).to_owned()).collect::<Vec<_>>(),
            )
            .set("Status", if is_bad(state) { "Error" } else { "OK" })
            .set("HealthState", 5_u16)
            .set("JobStatus", text(texts[0]))
            .set("JobState", state)
            .set("PercentComplete", self.percent(site.now))
            .set("TimeSubmitted", begun)
            .set("ScheduledStartTime", begun)
            .set("StartTime", begun)
            .set("ElapsedTime", interval(until.saturating_sub(self.submitted)))
            .set("TimeOfLastStateChange", site.time(changed))
            .set("TimeBeforeRemoval", interval(site.scenario.limits.job_removal))
            .set("JobRunTimes", 1_u32)
            .set("LocalOrUtcTime", 2_u16)
            .set("Notify", "")
            .set("Owner", self.owner.as_str())
            .set("Priority", 0_u32)
            .set("RecoveryAction", 2_u16)
            .set("OtherRecoveryAction", "")
            .set("DeleteOnCompletion", false)
            .set("ErrorCode", error_code)
            .set("ErrorDescription", description)
            .set("ErrorSummaryDescription", summary)
            .set("Cancellable", self.fate.cancellable);
        if shape == "Msvm_ConcreteJob" {
            draft.set("JobType", self.kind.number());
        }
    }

    fn main_error(&self, site: Site<'_>) -> String {
        let told = self.fate.errors.iter().find_map(|error| match error {
            JobError::Told { hresult, message, .. } => Some((*hresult, message.clone())),
            JobError::Raw(_) => None,
        });
        match told {
            Some((_, Some(message))) => message,
            Some((hresult, None)) => self.sentence(hresult, site.locale()),
            None => site.text(Text::JobFailedSummary).to_owned(),
        }
    }

    fn sentence(&self, hresult: u32, locale: Locale) -> String {
        let (name, id) = self.receipt.as_ref().map_or(("", ""), Receipt::subject);
        locale
            .text(Text::ExportFailed)
            .replace("{0}", name)
            .replace("{1}", locale.windows(hresult))
            .replace("{2}", &format!("0x{hresult:08X}"))
            .replace("{3}", id)
    }

    /// Returns the texts that `GetErrorEx` hands out: none while nothing is wrong.
    fn error_texts(&self, site: Site<'_>) -> Vec<String> {
        if self.ended.is_none() || self.stopping.is_some() {
            return Vec::new();
        }
        let texts = self.fate.errors.iter().map(|error| match error {
            JobError::Raw(raw) => raw.clone(),
            JobError::Told { hresult, message, id } => {
                let message = message.clone().unwrap_or_else(|| self.sentence(*hresult, site.locale()));
                let (name, machine) = self.receipt.as_ref().map_or(("", ""), Receipt::subject);
                let source = class_path("Msvm_ComputerSystem")
                    .on_host(site.name)
                    .with_key("CreationClassName", "Msvm_ComputerSystem")
                    .with_key("Name", machine);
                let arguments = vec![
                    name.to_owned(),
                    machine.to_owned(),
                    format!("%%{hresult}"),
                    format!("0x{hresult:08X}"),
                ];
                let error = Instance::new("Msvm_Error")
                    .with("CIMStatusCode", 1_u32)
                    .with("ErrorSource", source.to_string())
                    .with("ErrorSourceFormat", 0_u16)
                    .with("ErrorType", 4_u16)
                    .with("Message", message)
                    .with("MessageArguments", arguments)
                    .with("MessageID", id.clone().unwrap_or_else(|| self.fate.error_code.to_string()))
                    .with("OwningEntity", "Microsoft-Windows-Hyper-V-VMMS")
                    .with("PerceivedSeverity", 4_u16)
                    .with("ProbableCause", 0_u16);
                embedded::write(&error).unwrap_or_default()
            }
        });
        texts.collect()
    }
}

/// Returns which of several values it is time for, each for as long as the others.
fn spread(values: &[u16], elapsed: Duration, takes: Duration) -> Option<u16> {
    let last = values.len().checked_sub(1)?;
    let at = match takes.as_millis() {
        0 => last,
        all => usize::try_from(elapsed.as_millis() * values.len() as u128 / all).unwrap_or(last),
    };
    values.get(at.min(last)).copied()
}

impl Ended {
    fn is_good(&self) -> bool {
        is_good(self.state)
    }
}

fn is_good(state: u16) -> bool {
    matches!(state, COMPLETED | WITH_WARNINGS)
}

fn is_bad(state: u16) -> bool {
    matches!(state, TERMINATED | KILLED | EXCEPTION)
}

/// Returns `OperationalStatus` and the texts beside it.
fn statuses(state: u16) -> (Vec<u16>, Vec<Text>) {
    match state {
        2 => (vec![2], vec![Text::JobNew]),
        3 => (vec![2], vec![Text::JobStarting]),
        4 => (vec![2], vec![Text::JobRunning]),
        5 => (vec![2], vec![Text::JobSuspended]),
        6 => (vec![2], vec![Text::JobStopping]),
        COMPLETED => (vec![17, 2], vec![Text::JobCompleted, Text::JobSucceeded]),
        WITH_WARNINGS => (vec![17, 3], vec![Text::JobCompleted, Text::JobWarnings]),
        TERMINATED => (vec![17, 10], vec![Text::JobCompleted, Text::JobTerminated]),
        KILLED => (vec![17, 10], vec![Text::JobCompleted, Text::JobKilled]),
        EXCEPTION => (vec![6, 10], vec![Text::JobFailed, Text::JobFailed]),
        _ => (vec![2], vec![Text::JobOther]),
    }
}

impl World {
    /// Starts a job and returns what the method says of it.
    pub(super) fn start(&mut self, call: &Call<'_>, service: Service, new: NewJob) -> Returned {
        let site = call.site;
        let serial = self.serial();
        let fate = match call.rule {
            Some(rule) => new.fate.overridden(rule),
            None => new.fate,
        };
        let class = fate.class.clone().unwrap_or_else(|| job_class(new.kind, site));
        // What takes long to answer starts when it answers.
        let late = call.rule.and_then(|rule| rule.delay.max(rule.begins_after)).unwrap_or_default();
        let submitted = site.now + late;
        let job = Job {
            id: self.identifiers.guid(),
            class,
            kind: new.kind,
            service,
            machines: new.machines,
            held: new.held,
            ended: None,
            hidden: false,
            receipt: new.receipt,
            owner: call.caller.user.clone(),
            waits_until: call.rule.and_then(|rule| rule.begins_after).map(|after| site.now + after),
            submitted,
            takes: fate.duration.unwrap_or(new.takes),
            fate,
            stopping: None,
            affected: new.affected,
            made: new.makes.iter().map(|(_, object, _)| *object).collect(),
            work: new.work,
        };
        if let Some(receipt) = job.receipt.as_ref().filter(|_| job.is_at_work()) {
            self.files.begin(receipt.written(), serial, site.now);
        }
        let path = class_path(&job.class).with_key("InstanceID", job.id.as_str());
        let without_reference = job.fate.without_reference;
        self.jobs.insert(serial, job);
        let results = site.questions().results;
        let is_said_to_be_done = call.rule.is_some_and(|rule| rule.return_value == Some(0));
        if is_said_to_be_done || (new.makes.is_some() && results == Results::Synchronous) {
            return self.finish_at_once(serial, new.makes, call);
        }
        let mut returned = Returned { code: 4096, ..Returned::default() };
        if let Some((parameter, _, made)) = new.makes.filter(|_| results == Results::Parameter) {
            returned = returned.with(parameter, made);
        }
        match without_reference {
            true => returned,
            false => returned.with("Job", path),
        }
    }

    /// Does the work of a job that nobody shall see before the method answers.
    fn finish_at_once(
        &mut self,
        serial: Serial,
        makes: Option<(&'static str, Object, ObjectPath)>,
        call: &Call<'_>,
    ) -> Returned {
        self.end_job(serial, call.site.now, call.site);
        let ended = self.jobs.remove(&serial).and_then(|job| job.ended);
        if !ended.is_some_and(|ended| ended.is_good()) {
            return Returned { code: Code::Failed.number(call.method.family), ..Returned::default() };
        }
        match makes {
            Some((parameter, _, made)) => Returned::done().with(parameter, made),
            None => Returned::done(),
        }
    }

    /// Brings a job to its next change: it begins, or ends.
    pub(in crate::lab) fn change_job(&mut self, serial: Serial, at: Duration, site: Site<'_>) {
        match self.jobs.get(&serial) {
            Some(job) if job.waits_until.is_some() => self.begin_job(serial, at, site),
            _ => self.end_job(serial, at, site),
        }
    }

    /// Begins with what lay there. What has become impossible meanwhile comes to nothing: nobody waits for its
    /// answer any more.
    fn begin_job(&mut self, serial: Serial, at: Duration, site: Site<'_>) {
        let Some(job) = self.jobs.get(&serial) else { return };
        if job.machines.iter().any(|machine| self.require_idle(*machine, Site { now: at, ..site }).is_err()) {
            self.jobs.remove(&serial);
            return;
        }
        let Some(job) = self.jobs.get_mut(&serial) else { return };
        job.waits_until = None;
        let Some(receipt) = &mut job.receipt else { return };
        if let Err(refused) = receipt.may_be_written(&self.files, site) {
            job.fate = Fate::fails(refused.hresult, refused.percent.max(5));
        }
        self.files.begin(receipt.written(), serial, at);
    }

    /// Ends a job: what it does is done, as far as it ends well.
    pub(in crate::lab) fn end_job(&mut self, serial: Serial, at: Duration, site: Site<'_>) {
        let Some(job) = self.jobs.get_mut(&serial) else { return };
        let state = job.stopping.as_ref().map_or(job.fate.state, |stopping| stopping.state);
        let percent = if is_good(state) { 100 } else { job.percent(at) };
        job.ended = Some(Ended { at, state, percent });
        let work = std::mem::replace(&mut job.work, Work::Nothing);
        let loses = job.fate.loses.clone();
        if !is_good(state) {
            job.made.clear();
        }
        if let Some(ending) = loses {
            self.files.lose(serial, &ending);
        }
        match state {
            TERMINATED => self.files.remove_written_by(serial),
            _ => self.files.finish(serial, percent),
        }
        if is_good(state) {
            self.do_work(serial, work, at, site);
        }
    }

    fn do_work(&mut self, job: Serial, work: Work, at: Duration, site: Site<'_>) {
        match work {
            Work::Nothing => {}
            Work::Export { keep_merging } => {
                self.remember_exported(job);
                let machines = self.jobs.get(&job).map(|job| job.machines.clone()).unwrap_or_default();
                for machine in machines {
                    self.machines[machine].merge_disabled |= !keep_merging;
                }
            }
            Work::CreatePoint { machine, kind, consistency, guid, serial } => {
                let point = self.new_point(machine, kind, consistency, guid, site);
                self.points.insert(serial, point);
            }
            Work::CreateCollection { group, members, kind, consistency, id, serial } => {
                self.make_collection(group, members, kind, consistency, id, serial, site);
            }
            Work::DeletePoint(serial) => self.delete_point(serial),
            Work::DeleteCollection(serial) => self.delete_collection(serial),
            Work::RemoveData(serial) => {
                if let Some(point) = self.points.get_mut(&serial) {
                    point.has_data = false;
                }
            }
            Work::RemoveCollectionData(serial) => {
                let points = self.collections.get(&serial).map(|it| it.points.clone()).unwrap_or_default();
                for serial in points {
                    if let Some(point) = self.points.get_mut(&serial) {
                        point.has_data = false;
                    }
                }
            }
            Work::Import { machine, points } => {
                for Remembered { guid, kind, consistency } in points {
                    if !self.points.values().any(|point| point.guid == guid) {
                        let serial = self.serial();
                        let point = self.new_point(machine, kind, consistency, guid, site);
                        self.points.insert(serial, point);
                    }
                }
            }
            Work::CreateCheckpoint { machine, guid, name, is_recovery, consistency, serial } => {
                self.make_checkpoint(machine, guid, name, is_recovery, consistency, serial, at);
            }
            Work::CreateCheckpointCollection { group, members, id, is_recovery, consistency, serial } => {
                self.make_checkpoint_collection(group, members, id, is_recovery, consistency, serial, at);
            }
            Work::DeleteCheckpoint(serial) => self.delete_checkpoint(serial, at, site),
            Work::DeleteCheckpointCollection(serial) => {
                self.delete_checkpoint_collection(serial, at, site);
            }
            Work::Convert { checkpoint, consistency, guid, serial } => {
                self.convert(checkpoint, consistency, guid, serial, at, site);
            }
            Work::ConvertCollection { collection, id, serial } => {
                self.convert_collection(collection, id, serial, at, site);
            }
            Work::ChangeState { machine, state } => {
                let machine = &mut self.machines[machine];
                (machine.state, machine.state_since) = (state, at);
            }
        }
    }

    pub(super) fn invoke_job(&mut self, serial: Serial, call: &Call<'_>) -> Result<Returned, Code> {
        let job = self.jobs.get(&serial).ok_or(Code::InvalidState)?;
        let texts = job.error_texts(call.site);
        match &*call.method.name {
            "GetError" => Ok(Returned::done()
                .with("Error", texts.first().map_or(Value::Null, |text| text.as_str().into()))),
            "GetErrorEx" if texts.is_empty() => Ok(Returned::done().with("Errors", Value::Null)),
            "GetErrorEx" => Ok(Returned::done().with("Errors", texts)),
            "RequestStateChange" => self.request_job_state(serial, call),
            _ => Err(Code::Number(1)),
        }
    }

    fn request_job_state(&mut self, serial: Serial, call: &Call<'_>) -> Result<Returned, Code> {
        let job = self.jobs.get_mut(&serial).ok_or(Code::InvalidState)?;
        // The usual job has numbers of its own for this.
        let is_concrete = call.method.family == crate::cim::ReturnFamily::ConcreteJob;
        let or = |concrete, other| if is_concrete { Code::Number(concrete) } else { other };
        if !call.arguments.value("TimeoutPeriod").is_null() {
            return Err(Code::Number(4098));
        }
        let state = match call.arguments.number("RequestedState") {
            Some(4) => TERMINATED,
            Some(5) => KILLED,
            Some(2 | 3 | 6) => return Err(or(1, Code::NotSupported)),
            _ => return Err(or(5, Code::InvalidParameter)),
        };
        if job.ended.is_some() {
            return Err(or(4097, Code::InvalidState));
        }
        if !job.fate.cancellable {
            return Err(or(4, Code::InvalidState));
        }
        match &job.stopping {
            // What is killed cannot be asked to stop any more.
            Some(stopping) if stopping.state == KILLED && state == TERMINATED => {
                return Err(or(4097, Code::InvalidState));
            }
            Some(stopping) if stopping.state == state => {}
            _ => job.stopping = Some(Stopping { since: call.site.now, state }),
        }
        Ok(Returned::done())
    }

    /// Takes away all jobs, as a restart of the service does: what they were at stays as it is.
    pub(in crate::lab) fn drop_jobs(&mut self, now: Duration) {
        for (serial, job) in std::mem::take(&mut self.jobs) {
            if job.ended.is_none() {
                self.files.finish(serial, job.percent(now));
            }
        }
        for machine in &mut self.machines {
            machine.merging_until = None;
        }
    }
}

/// Returns the class of a job.
fn job_class(kind: JobKind, site: Site<'_>) -> String {
    use super::super::scenario::JobClass;
    let own = match kind {
        JobKind::ExportPoint => "Msvm_VirtualSystemReferencePointExportJob",
        JobKind::ExportCollection => "Msvm_CollectionReferencePointExportJob",
        _ => return "Msvm_ConcreteJob".to_owned(),
    };
    match &site.questions().export_job_class {
        JobClass::OfBuild if super::super::store::has_export_jobs(site.scenario) => own.to_owned(),
        JobClass::OfBuild | JobClass::Concrete => "Msvm_ConcreteJob".to_owned(),
        JobClass::Named(class) => class.clone(),
    }
}
