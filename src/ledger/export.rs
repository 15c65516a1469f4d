use std::net::Ipv4Addr;
use std::time::SystemTime;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};

use super::store::fold_host;
use super::time::from_stored;

/// What is about to be asked of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The host's own name, never the spelling of the target.
    pub host: String,
    /// The machine or the group.
    pub subject: Subject,
    /// The identifier of the reference point, or of the collection of them.
    pub point: String,
    /// The identifier of the point it is relative to.
    pub base: Option<String>,
    /// The disks that were chosen; all where there are none.
    pub disks: Vec<String>,
    /// Where the host is to write.
    pub directory: String,
    /// Whatever else the caller wants back.
    pub details: String,
}

/// A machine or a group, known by its identifier; the name is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Which of the two.
    pub kind: Kind,
    /// The GUID.
    pub id: String,
    /// What it was called when it was written down.
    pub name: String,
}

/// What an export is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One machine.
    Vm,
    /// A group of machines.
    Group,
}

/// What has certainly happened to an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It is written down. Nothing has been asked of the host.
    Intended,
    /// The host may have been asked: the next thing that was done is to send it.
    Sent,
    /// The host has answered, or its job was found: there is a return value, a job, or both; or neither, where it has
    /// said that it had begun with the call, and no more.
    Answered,
    /// How it ended is written down.
    Ended,
}

/// An export as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its number in this ledger.
    pub id: i64,
    /// The host's own name.
    pub host: String,
    /// The machine or the group.
    pub subject: Subject,
    /// The identifier of the point.
    pub point: String,
    /// The identifier of the point it is relative to.
    pub base: Option<String>,
    /// The disks that were chosen; all where there are none.
    pub disks: Vec<String>,
    /// Where the host writes.
    pub directory: String,
    /// What the caller wanted back.
    pub details: String,
    /// What has certainly happened.
    pub stage: Stage,
    /// When it was written down.
    pub intended_at: SystemTime,
    /// When it was about to be sent.
    pub sent_at: Option<SystemTime>,
    /// When the answer was there.
    pub answered_at: Option<SystemTime>,
    /// When its end was written down.
    pub ended_at: Option<SystemTime>,
    /// By what one can tell later that the host's service has not been restarted since.
    pub witness: Option<String>,
    /// What the method returned.
    pub return_value: Option<u32>,
    /// The path of the job that came back.
    pub job: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// Whether a later export may be relative to its point.
    pub sound: bool,
    /// What is known of what it wrote.
    pub receipt: Option<String>,
}

/// How an export ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End<'a> {
    /// In the caller's words.
    pub outcome: &'a str,
    /// Whether a later export may be relative to its point.
    pub sound: bool,
    /// What is known of what it wrote.
    pub receipt: Option<&'a str>,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Group => "group",
        }
    }
}

impl Stage {
    fn from_str(text: &str) -> Option<Self> {
        Some(match text {
            "intended" => Self::Intended,
            "sent" => Self::Sent,
            "answered" => Self::Answered,
            "ended" => Self::Ended,
            _ => return None,
        })
    }
}

/// The columns that [`Export::read`] reads, in its order.
pub(super) const COLUMNS: &str = "id, host, kind, subject, subject_name, point, base, directory, details, stage, \
     intended_at, sent_at, answered_at, ended_at, witness, return_value, job, outcome, sound, receipt, disks";

impl Export {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(from_stored));
        Ok(Self {
            id: row.get(0)?,
            host: row.get(1)?,
            subject: Subject { kind: row.get(2)?, id: row.get(3)?, name: row.get(4)? },
            point: row.get(5)?,
            base: row.get(6)?,
            directory: row.get(7)?,
            details: row.get(8)?,
            stage: row.get(9)?,
            intended_at: from_stored(row.get(10)?),
            sent_at: time(11)?,
            answered_at: time(12)?,
            ended_at: time(13)?,
            witness: row.get(14)?,
            return_value: row.get(15)?,
            job: row.get(16)?,
            outcome: row.get(17)?,
            sound: row.get(18)?,
            receipt: row.get(19)?,
            disks: row.get::<_, String>(20)?.lines().map(str::to_owned).collect(),
        })
    }
}

impl FromSql for Kind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "vm" => Ok(Self::Vm),
            "group" => Ok(Self::Group),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

impl ToSql for Kind {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_str()))
    }
}

impl FromSql for Stage {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::from_str(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

/// Folds what Windows compares without regard to case.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Returns by what a directory is known: a share is one whichever host writes there, and everything else is its
/// host's own.
pub(super) fn directory_key(host: &str, directory: &str) -> String {
    let directory = fold_directory(directory);
    match directory.strip_prefix(r"\\") {
        Some(share) if !is_of_the_host(share) => directory,
        _ => format!("{} {directory}", fold_host(host)),
    }
}

/// Folds what tells no directories apart to Windows: case, a separator at the end, and what stands before a path
/// that may be longer than usual.
fn fold_directory(directory: &str) -> String {
    let folded = fold(directory.trim_end_matches('\\'));
    match folded.strip_prefix(r"\\?\unc\") {
        Some(share) => format!(r"\\{share}"),
        None => folded.strip_prefix(r"\\?\").unwrap_or(&folded).to_owned(),
    }
}

/// Says whether a host means itself by the server of a share.
fn is_of_the_host(share: &str) -> bool {
    let server = share.split('\\').next().unwrap_or_default();
    server == "localhost" || server.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}
