//! How units of a run end, whatever is done with them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule::{BACKUP, CREATE, EXPORT, PRUNE};
use crate::fleet::backup::BackupReport;
use crate::fleet::prune::PointFate;
use crate::fleet::report::{Failure, JobReport, Kind, Named, Outcome, PointReport, Report};

/// How a unit ended, by what was done with it; in JSON the verb is the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// A point was to be exported.
    Export(Box<Report>),
    /// It was to be backed up.
    Backup(Box<BackupReport>),
    /// A point was to be made.
    Create(Box<UpkeepReport>),
    /// Points were to be let go of.
    Prune(Box<UpkeepReport>),
}

/// How the making or the letting go of points ended, in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpkeepReport {
    /// The version of this shape.
    pub schema: String,
    /// The host as it was named.
    pub host: String,
    /// `vm` or `group`.
    pub kind: String,
    /// The machine, where it is one.
    pub machine: Option<Named>,
    /// The group, where it is one.
    pub group: Option<Named>,
    /// The point that was made.
    pub point: Option<PointReport>,
    /// The points of ours that were looked at, newest first, and what became of each.
    pub points: Vec<PointFate>,
    /// How it ended.
    pub outcome: Outcome,
    /// What a person should know all the same.
    pub warnings: Vec<String>,
    /// Why it did not end well.
    pub error: Option<Failure>,
    /// When work on it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// How often the host was asked something.
    pub requests: u64,
    /// Octets that were sent.
    pub bytes_sent: u64,
    /// Octets that were received.
    pub bytes_received: u64,
}

impl UpkeepReport {
    /// The version of this shape.
    pub const SCHEMA: &str = "refpoint.upkeep/1";
}

/// What an ending and all others have in common.
macro_rules! of_each {
    ($ending:expr, $report:ident => $value:expr) => {
        match $ending {
            Ending::Export($report) => $value,
            Ending::Backup($report) => $value,
            Ending::Create($report) | Ending::Prune($report) => $value,
        }
    };
}

impl Ending {
    /// Reads what the ledger keeps of a unit with that verb.
    pub(super) fn read(verb: &str, text: &str) -> Option<Self> {
        match verb {
            EXPORT => serde_json::from_str(text).ok().map(Self::Export),
            BACKUP => serde_json::from_str(text).ok().map(Self::Backup),
            CREATE => serde_json::from_str(text).ok().map(Self::Create),
            PRUNE => serde_json::from_str(text).ok().map(Self::Prune),
            _ => None,
        }
    }

    /// Returns what the ledger keeps of it.
    pub(super) fn text(&self) -> String {
        of_each!(self, report => serde_json::to_string(report).unwrap_or_default())
    }

    /// Returns what was done: `export`, `backup`, `create`, `prune`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Export(_) => EXPORT,
            Self::Backup(_) => BACKUP,
            Self::Create(_) => CREATE,
            Self::Prune(_) => PRUNE,
        }
    }

    /// Returns how it ended.
    pub fn outcome(&self) -> Outcome {
        of_each!(self, report => report.outcome)
    }

    /// Returns why it did not end well.
    pub fn error(&self) -> Option<&Failure> {
        of_each!(self, report => report.error.as_ref())
    }

    /// Returns what a person should know all the same.
    pub fn warnings(&self) -> &[String] {
        of_each!(self, report => &report.warnings)
    }

    /// Returns when work on it began.
    pub fn started_at(&self) -> Timestamp {
        of_each!(self, report => report.started_at)
    }

    /// Returns when it ended, or we stopped looking.
    pub fn finished_at(&self) -> Timestamp {
        of_each!(self, report => report.finished_at)
    }

    /// Returns how often the host was asked, and how many octets were sent and received.
    pub fn traffic(&self) -> (u64, u64, u64) {
        of_each!(self, report => (report.requests, report.bytes_sent, report.bytes_received))
    }

    /// Returns the point that was exported, or made.
    pub fn point(&self) -> Option<&PointReport> {
        of_each!(self, report => report.point.as_ref())
    }

    /// Returns what it is relative to.
    pub fn base(&self) -> Option<&PointReport> {
        match self {
            Self::Export(report) => report.base.as_ref(),
            Self::Backup(report) => report.base.as_ref(),
            Self::Create(_) | Self::Prune(_) => None,
        }
    }

    /// Returns the job that wrote something, where there was one.
    pub fn job(&self) -> Option<&JobReport> {
        match self {
            Self::Export(report) => report.job.as_ref(),
            Self::Backup(report) => report.job.as_ref(),
            Self::Create(_) | Self::Prune(_) => None,
        }
    }

    /// Returns the report of an export.
    pub fn export(&self) -> Option<&Report> {
        match self {
            Self::Export(report) => Some(report),
            _ => None,
        }
    }

    /// Returns the report of a backup.
    pub fn backup(&self) -> Option<&BackupReport> {
        match self {
            Self::Backup(report) => Some(report),
            _ => None,
        }
    }

    /// Returns the report of points that were made or let go of.
    pub fn upkeep(&self) -> Option<&UpkeepReport> {
        match self {
            Self::Create(report) | Self::Prune(report) => Some(report),
            _ => None,
        }
    }

    /// Returns the exit code that a program would have that did this and nothing else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Export(report) => report.exit_code(),
            Self::Backup(report) => report.exit_code(),
            Self::Create(report) | Self::Prune(report) => match (&report.error, report.outcome) {
                (Some(failure), _) => failure.exit_code,
                (None, Outcome::Unknown) => Kind::Unknown.exit_code(),
                (None, Outcome::CompletedWithWarnings) => 3,
                (None, _) => 0,
            },
        }
    }

    /// Adds what a person should know.
    pub(super) fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        of_each!(self, report => report.warnings.extend(warnings));
    }

    /// What was done is done with warnings.
    pub(super) fn was_warned(&mut self) {
        let outcome = of_each!(self, report => &mut report.outcome);
        if *outcome == Outcome::Completed {
            *outcome = Outcome::CompletedWithWarnings;
        }
    }

    /// Says whether a host was asked for something that it may have done, whatever came of it.
    pub(super) fn was_asked(&self) -> bool {
        match self {
            Self::Export(report) => report.job.is_some(),
            Self::Backup(report) => report.steps.iter().any(|step| step.end.as_deref() != Some("not-begun")),
            // Whoever does these again finds what was done before.
            Self::Create(_) | Self::Prune(_) => false,
        }
    }

    /// Says whether something may stand in the directory.
    pub(super) fn may_have_written(&self) -> bool {
        match self {
            Self::Export(report) => report.job.is_some(),
            Self::Backup(report) => report
                .steps
                .iter()
                .any(|step| step.step == "export" && step.end.as_deref() != Some("not-begun")),
            Self::Create(_) | Self::Prune(_) => false,
        }
    }
}
