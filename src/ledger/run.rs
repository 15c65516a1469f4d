use std::time::SystemTime;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Result, Row};

use super::export::Subject;
use super::time::from_stored;

/// A run that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// What it is to be called; a number is added where that is taken.
    pub name: String,
    /// What its plan is called.
    pub plan: String,
    /// The plan, as it was written.
    pub text: String,
    /// Whatever else the caller wants back.
    pub details: String,
    /// Its hosts, as the inventory calls them.
    pub hosts: Vec<String>,
}

/// A run as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number in this ledger.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// What its plan is called.
    pub plan: String,
    /// The plan, as it was written.
    pub text: String,
    /// What the caller wanted back.
    pub details: String,
    /// When it began.
    pub started_at: SystemTime,
    /// When it was last stopped, or is over.
    pub finished_at: Option<SystemTime>,
    /// Whether there is nothing left to do.
    pub is_over: bool,
    /// Why it was stopped.
    pub reason: Option<String>,
    /// How often it was taken up again.
    pub resumed: u32,
    /// The program's exit code at its end.
    pub exit_code: Option<u8>,
}

/// A host of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHost {
    /// What the inventory calls it.
    pub host: String,
    /// How far it is.
    pub stage: HostStage,
    /// What the caller knows of it, in the caller's words.
    pub details: Option<String>,
    /// When work with it began.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub finished_at: Option<SystemTime>,
}

/// How far a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostStage {
    /// What there is to do on it is not known.
    Outstanding,
    /// It could not be looked at.
    Failed,
    /// Its units are written down.
    Planned,
}

/// A unit that a host turns out to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnit {
    /// The machine or the group.
    pub subject: Subject,
    /// What is done with it.
    pub verb: String,
    /// Which rule of the plan it follows from.
    pub rule: u32,
    /// Where the host is to write.
    pub directory: String,
}

/// A unit as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its number in this ledger.
    pub id: i64,
    /// What the inventory calls its host.
    pub host: String,
    /// What it is.
    pub what: NewUnit,
    /// How far it is.
    pub stage: UnitStage,
    /// How often it was begun.
    pub tries: u32,
    /// How it ended, in the caller's words.
    pub outcome: Option<String>,
    /// What is known of its end.
    pub report: Option<String>,
    /// When it was first begun, or begun anew after it had failed.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub finished_at: Option<SystemTime>,
}

/// How far a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitStage {
    /// It has not begun.
    Outstanding,
    /// It has begun, and no end is written down.
    Running,
    /// Its end is written down.
    Ended,
}

/// The columns that [`Run::read`] reads, in its order.
pub(super) const RUN: &str =
    "id, name, plan, text, details, started_at, finished_at, is_over, reason, resumed, exit_code";

/// The columns that [`RunHost::read`] reads, in its order.
pub(super) const HOST: &str = "host, stage, details, started_at, finished_at";

/// The columns that [`Unit::read`] reads, in its order.
pub(super) const UNIT: &str = "id, host, kind, subject, subject_name, verb, rule, directory, stage, \
     tries, outcome, report, started_at, finished_at";

fn time(row: &Row<'_>, column: usize) -> Result<Option<SystemTime>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_stored))
}

impl Run {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            plan: row.get(2)?,
            text: row.get(3)?,
            details: row.get(4)?,
            started_at: from_stored(row.get(5)?),
            finished_at: time(row, 6)?,
            is_over: row.get(7)?,
            reason: row.get(8)?,
            resumed: row.get(9)?,
            exit_code: row.get(10)?,
        })
    }
}

impl RunHost {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            host: row.get(0)?,
            stage: row.get(1)?,
            details: row.get(2)?,
            started_at: time(row, 3)?,
            finished_at: time(row, 4)?,
        })
    }
}

impl Unit {
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            host: row.get(1)?,
            what: NewUnit {
                subject: Subject { kind: row.get(2)?, id: row.get(3)?, name: row.get(4)? },
                verb: row.get(5)?,
                rule: row.get(6)?,
                directory: row.get(7)?,
            },
            stage: row.get(8)?,
            tries: row.get(9)?,
            outcome: row.get(10)?,
            report: row.get(11)?,
            started_at: time(row, 12)?,
            finished_at: time(row, 13)?,
        })
    }
}

impl FromSql for HostStage {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "outstanding" => Ok(Self::Outstanding),
            "failed" => Ok(Self::Failed),
            "planned" => Ok(Self::Planned),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

impl FromSql for UnitStage {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "outstanding" => Ok(Self::Outstanding),
            "running" => Ok(Self::Running),
            "ended" => Ok(Self::Ended),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}
