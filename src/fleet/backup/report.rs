use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::report::{Failure, JobReport, Kind, Named, Outcome, PointReport};

/// How one backup ended: what a script reads, and what the ledger keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupReport {
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
    /// The reference point it has left, which the next backup may be relative to.
    pub point: Option<PointReport>,
    /// What it is relative to; nothing means that it holds everything.
    pub base: Option<PointReport>,
    /// Where the host wrote.
    pub directory: String,
    /// How consistent the data is.
    pub consistency: ConsistencyReport,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether a later backup may be relative to its point.
    pub sound: bool,
    /// The job of the export, where there was one.
    pub job: Option<JobReport>,
    /// What was asked of the host, in its order.
    pub steps: Vec<StepReport>,
    /// The files that are in the directory, where that can be seen.
    pub files: Vec<FileReport>,
    /// Whether the disks are merged behind the checkpoint.
    pub merge: Merge,
    /// What of ours is left on the host and should not be.
    pub remains: Vec<String>,
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

/// The version of the shape of [`BackupReport`].
pub(super) const SCHEMA: &str = "refpoint.backup/1";

/// How consistent the data of a backup is: 1 of the applications, 2 as after a loss of power.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsistencyReport {
    /// What was asked for by whoever began it.
    pub asked: u16,
    /// What the checkpoint was taken with; null where there was none.
    pub taken: Option<u16>,
}

/// One step of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// `checkpoint`, `export`, `convert`, `remove`.
    pub step: String,
    /// When the host was about to be asked.
    pub at: Timestamp,
    /// When its end was written down.
    pub ended_at: Option<Timestamp>,
    /// `done`, `failed`, `not-begun`, `given-up`; null while nobody knows.
    pub end: Option<String>,
    /// What the method returned; null where its answer was lost.
    pub return_value: Option<u32>,
    /// The identifier of its job.
    pub job: Option<String>,
    /// The identifier of what it made.
    pub made: Option<String>,
    /// What there is to say of its end.
    pub note: Option<String>,
}

/// A file on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Where it is.
    pub path: String,
    /// How many octets it has.
    pub size: u64,
}

/// What is known of the merge that follows a checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// There was nothing to merge, or nobody has looked.
    #[default]
    None,
    /// It goes on, and the machine cannot be backed up until it ends.
    Pending,
    /// It is over.
    Done,
}

impl BackupReport {
    /// Returns the program's exit code.
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
