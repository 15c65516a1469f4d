use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::client::codes;
use crate::hyperv::{Collection, Guid, Job, JobError, Point, PointType, Receipt};

/// How one export ended: what a script reads, what the receipt file holds, what the ledger keeps.
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
/// for file in &report.receipt.log_files {
///     println!("{file}");
/// }
/// assert_eq!((report.outcome.name(), report.exit_code()), ("completed", 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this shape.
    pub schema: String,
    /// The host as it was named.
    pub host: String,
    /// `vm` or `group`.
    pub kind: String,
    /// The machine, where it was found.
    pub machine: Option<Named>,
    /// The group, where it was found.
    pub group: Option<Named>,
    /// What was exported.
    pub point: Option<PointReport>,
    /// Relative to what.
    pub base: Option<PointReport>,
    /// Where the host wrote.
    pub directory: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What the method returned; null where its answer was lost or it was never called.
    pub return_value: Option<Number>,
    /// The job, where there was one.
    pub job: Option<JobReport>,
    /// What was written.
    pub receipt: ReceiptReport,
    /// What a person should know all the same.
    pub warnings: Vec<String>,
    /// Why it did not end well.
    pub error: Option<Failure>,
    /// When work on it began.
    pub started_at: Timestamp,
    /// When it ended, or we stopped looking.
    pub finished_at: Timestamp,
    /// How often the host was asked something.
    pub requests: u64,
    /// Octets that were sent.
    pub bytes_sent: u64,
    /// Octets that were received.
    pub bytes_received: u64,
}

/// The version of the shape of [`Report`].
pub(super) const SCHEMA: &str = "refpoint.export/1";

/// How an export ended.
///
/// ```
/// use refpoint::fleet::Outcome;
///
/// /// Whether the next one may be relative to this one.
/// fn is_sound(outcome: Outcome) -> bool {
///     matches!(outcome, Outcome::Completed | Outcome::CompletedWithWarnings)
/// }
/// assert!(!is_sound(Outcome::Unknown), "what nobody knows is no success, and no failure either");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All of it is there.
    Completed,
    /// It is done, and something about it should be looked at.
    CompletedWithWarnings,
    /// It is not done.
    Failed,
    /// It was ended before it was done.
    Cancelled,
    /// Its job goes on without us.
    Detached,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// Returns its name.
    ///
    /// ```
    /// use refpoint::fleet::Outcome;
    ///
    /// assert_eq!(Outcome::CompletedWithWarnings.name(), "completed-with-warnings");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::CompletedWithWarnings => "completed-with-warnings",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Detached => "detached",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the outcome with that name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [
            Self::Completed,
            Self::CompletedWithWarnings,
            Self::Failed,
            Self::Cancelled,
            Self::Detached,
            Self::Unknown,
        ]
        .into_iter()
        .find(|outcome| outcome.name() == name)
    }

    /// Says whether the host has nothing more to do, and knows how it ended.
    ///
    /// ```
    /// use refpoint::fleet::Outcome;
    ///
    /// assert!(Outcome::Failed.is_end());
    /// assert!(!Outcome::Detached.is_end(), "its job goes on");
    /// ```
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Detached | Self::Unknown)
    }
}

/// A machine or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its GUID.
    pub id: String,
    /// What people call it.
    pub name: String,
}

impl Named {
    pub(super) fn new(id: &Guid, name: &str) -> Self {
        Self { id: id.to_string(), name: name.to_owned() }
    }
}

/// A point or a collection of points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointReport {
    /// Its identifier.
    pub id: String,
    /// The type's number.
    #[serde(rename = "type")]
    pub point_type: Option<u16>,
    /// The consistency level's number.
    pub consistency: Option<u16>,
}

impl PointReport {
    /// Returns what is known of a point without its host.
    pub(super) fn of(id: &str) -> Self {
        Self { id: id.to_owned(), point_type: None, consistency: None }
    }

    fn new(id: &str, point_type: PointType, consistency: Option<u16>) -> Self {
        Self { id: id.to_owned(), point_type: Some(point_type.number()), consistency }
    }
}

impl From<&Point> for PointReport {
    fn from(point: &Point) -> Self {
        Self::new(&point.id, point.point_type, point.consistency)
    }
}

impl From<&Collection> for PointReport {
    fn from(points: &Collection) -> Self {
        Self::new(&points.id, points.point_type, points.consistency)
    }
}

/// A return value with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The number.
    pub code: u32,
    /// Its name.
    pub name: String,
}

impl Number {
    pub(super) fn new(meaning: &codes::Meaning) -> Self {
        Self { code: meaning.number(), name: meaning.name().to_owned() }
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    /// Its class, as the host says.
    pub class: String,
    /// Its identifier.
    pub id: String,
    /// Its state's number, as last seen; null where it was never seen.
    pub state: Option<u32>,
    /// How far it says it is.
    pub percent: Option<u16>,
    /// Its error code.
    pub error_code: u32,
    /// Its own words, in the host's language.
    pub error_description: String,
    /// All that it has to say of its failure.
    pub errors: Vec<ErrorReport>,
}

impl JobReport {
    pub(super) fn seen(job: &Job, errors: &[JobError]) -> Self {
        Self {
            class: job.class.clone(),
            id: job.id.clone(),
            state: Some(job.state),
            percent: job.percent,
            error_code: job.error_code,
            error_description: job.error_description.clone(),
            errors: errors.iter().map(ErrorReport::from).collect(),
        }
    }

    pub(super) fn unseen(class: &str, id: &str) -> Self {
        Self {
            class: class.to_owned(),
            id: id.to_owned(),
            state: None,
            percent: None,
            error_code: 0,
            error_description: String::new(),
            errors: Vec::new(),
        }
    }
}

/// One error of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The sentence, in the host's language.
    pub message: String,
    /// Its number, as text.
    pub message_id: String,
    /// Who says so.
    pub source: String,
    /// The document it was read from.
    pub raw: String,
}

impl From<&JobError> for ErrorReport {
    fn from(error: &JobError) -> Self {
        Self {
            message: error.message.clone(),
            message_id: error.message_id.clone(),
            source: error.source.clone(),
            raw: error.raw.clone(),
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptReport {
    /// The disks.
    pub disks: Vec<DiskReport>,
    /// The data files.
    pub log_files: Vec<String>,
    /// The configurations.
    pub config_files: Vec<String>,
    /// The machines' states.
    pub runtime_files: Vec<String>,
    /// The guests' states.
    pub guest_state_files: Vec<String>,
}

/// One disk that was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskReport {
    /// Its identifier.
    pub id: String,
    /// Its file; null where counts do not pair.
    pub log_file: Option<String>,
}

impl From<&Receipt> for ReceiptReport {
    fn from(receipt: &Receipt) -> Self {
        let disk = |disk: &crate::hyperv::ExportedDisk| DiskReport {
            id: disk.id.clone(),
            log_file: disk.log_file.clone(),
        };
        Self {
            disks: receipt.disks.iter().map(disk).collect(),
            log_files: receipt.log_files.clone(),
            config_files: receipt.config_files.clone(),
            runtime_files: receipt.runtime_files.clone(),
            guest_state_files: receipt.guest_state_files.clone(),
        }
    }
}

/// Why an export did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What sort of failure.
    pub kind: Kind,
    /// The number behind it, where there is one.
    pub code: Option<u32>,
    /// What went wrong, its causes included.
    pub message: String,
    /// What to try next.
    pub hint: Option<String>,
    /// The program's exit code for it.
    pub exit_code: u8,
}

/// Sorts of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is said by its name, and its exit code stands below")]
pub enum Kind {
    Usage,
    Unreachable,
    Login,
    Tls,
    AccessDenied,
    Refused,
    Fault,
    JobFailed,
    Cancelled,
    Deadline,
    Busy,
    NotFound,
    Ambiguous,
    Ledger,
    InUse,
    Unknown,
    Interrupted,
    Terminated,
}

impl Kind {
    /// Returns the program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Unreachable => 4,
            Self::Login | Self::Tls => 5,
            Self::AccessDenied => 6,
            Self::Refused | Self::Fault | Self::JobFailed | Self::Cancelled => 7,
            Self::Deadline => 8,
            Self::Busy => 9,
            Self::NotFound | Self::Ambiguous => 10,
            Self::Ledger | Self::InUse => 11,
            Self::Unknown => 12,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl Report {
    /// Returns the program's exit code.
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
    /// assert_eq!(export(&surroundings, &plan).await.exit_code(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn exit_code(&self) -> u8 {
        match (&self.error, self.outcome) {
            (Some(failure), _) => failure.exit_code,
            (None, Outcome::CompletedWithWarnings) => 3,
            (None, Outcome::Completed | Outcome::Detached) => 0,
            (None, Outcome::Cancelled) => Kind::Cancelled.exit_code(),
            (None, Outcome::Failed) => Kind::JobFailed.exit_code(),
            (None, Outcome::Unknown) => Kind::Unknown.exit_code(),
        }
    }
}
