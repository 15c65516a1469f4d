//! Backups, step by step: what was about to be asked of a host, and what came of it.

use std::time::SystemTime;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::error::Error;
use super::export::{Export, Kind, Subject, directory_key, fold};
use super::store::{Ledger, Write, fold_host, fold_id};
use super::time::{from_stored, to_stored};

/// The tables of this file.
pub(super) const TABLES: &str = "
create table if not exists backup (
    id            integer primary key,
    host          text    not null,
    kind          text    not null check (kind in ('vm', 'group')),
    subject       text    not null,
    subject_name  text    not null,
    base          text,
    directory     text    not null,
    directory_key text    not null,
    intended_at   integer not null,
    ended_at      integer,
    outcome       text,
    sound         integer not null default 0,
    point         text,
    report        text
) strict;
-- One checkpoint of a machine for one backup at a time, and one backup in a directory.
create unique index if not exists backup_open on backup (kind, subject) where ended_at is null;
create unique index if not exists backup_directory on backup (directory_key) where ended_at is null;
create index if not exists backup_subject on backup (subject, ended_at);
create table if not exists step (
    id            integer primary key,
    backup        integer not null references backup (id),
    step          text    not null check (step in ('checkpoint', 'export', 'convert', 'remove')),
    details       text    not null,
    before        text    not null,
    witness       text    not null,
    at            integer not null,
    return_value  integer,
    job           text,
    ended_at      integer,
    end           text    check (end in ('done', 'failed', 'not-begun', 'given-up')),
    made          text,
    note          text
) strict;
create unique index if not exists step_open on step (backup) where ended_at is null;
";

/// A backup that is about to be begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBackup {
    /// The host's own name.
    pub host: String,
    /// The machine or the group.
    pub subject: Subject,
    /// The identifier of the point it is relative to.
    pub base: Option<String>,
    /// Where the host is to write.
    pub directory: String,
}

/// A backup as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its number in this ledger.
    pub id: i64,
    /// What was about to be begun.
    pub new: NewBackup,
    /// When.
    pub intended_at: SystemTime,
    /// When its end was written down.
    pub ended_at: Option<SystemTime>,
    /// How it ended, in the caller's words.
    pub outcome: Option<String>,
    /// Whether a later one may be relative to its point.
    pub sound: bool,
    /// The identifier of the point it has left.
    pub point: Option<String>,
    /// What the caller wants to know of it later.
    pub report: Option<String>,
}

/// What is asked of a host in the course of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// To take a recovery checkpoint.
    Checkpoint,
    /// To export it.
    Export,
    /// To turn it into a reference point.
    Convert,
    /// To remove it.
    Remove,
}

/// A step that a host is about to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStep {
    /// Which.
    pub kind: StepKind,
    /// What else was asked for, in the caller's words.
    pub details: String,
    /// What was there before of the kind that the step makes.
    pub before: Vec<String>,
    /// By what one can tell the step's job from others later.
    pub witness: String,
}

/// A step as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in this ledger.
    pub id: i64,
    /// What was about to be asked for.
    pub new: NewStep,
    /// When.
    pub at: SystemTime,
    /// What the method returned.
    pub return_value: Option<u32>,
    /// The path of the job that came back.
    pub job: Option<String>,
    /// When its end was written down.
    pub ended_at: Option<SystemTime>,
    /// How it ended.
    pub end: Option<StepEnd>,
    /// The identifier of what it made; without an end, of what the answer says that it makes.
    pub made: Option<String>,
    /// What a person should know of its end.
    pub note: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepEnd {
    /// The host did it.
    Done,
    /// The host has tried, and it is over.
    Failed,
    /// The host has certainly not begun.
    NotBegun,
    /// What came of it cannot be told, and nothing goes on any more.
    GivenUp,
}

/// How a backup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupEnd<'a> {
    /// In the caller's words.
    pub outcome: &'a str,
    /// Whether a later one may be relative to its point.
    pub sound: bool,
    /// The identifier of the point it has left.
    pub point: Option<&'a str>,
    /// What the caller wants to know of it later.
    pub report: Option<&'a str>,
}

const COLUMNS: &str = "id, host, kind, subject, subject_name, base, directory, intended_at, ended_at, outcome, \
     sound, point, report";

const STEP_COLUMNS: &str =
    "id, step, details, before, witness, at, return_value, job, ended_at, end, made, note";

impl Backup {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            new: NewBackup {
                host: row.get(1)?,
                subject: Subject { kind: row.get(2)?, id: row.get(3)?, name: row.get(4)? },
                base: row.get(5)?,
                directory: row.get(6)?,
            },
            intended_at: from_stored(row.get(7)?),
            ended_at: row.get::<_, Option<i64>>(8)?.map(from_stored),
            outcome: row.get(9)?,
            sound: row.get(10)?,
            point: row.get(11)?,
            report: row.get(12)?,
        })
    }
}

impl Step {
    fn read(row: &Row<'_>) -> Result<Self> {
        let before: String = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            new: NewStep {
                kind: row.get(1)?,
                details: row.get(2)?,
                before: before.lines().map(str::to_owned).collect(),
                witness: row.get(4)?,
            },
            at: from_stored(row.get(5)?),
            return_value: row.get(6)?,
            job: row.get(7)?,
            ended_at: row.get::<_, Option<i64>>(8)?.map(from_stored),
            end: row.get(9)?,
            made: row.get(10)?,
            note: row.get(11)?,
        })
    }

    /// Says whether something of that identifier was there before.
    pub fn was_there(&self, id: &str) -> bool {
        self.new.before.iter().any(|there| fold(there) == fold(id))
    }
}

impl Ledger {
    /// Writes down that a backup is about to be begun. While one of a machine or group has no recorded end, no
    /// other can be; nor one into a directory that an export or a backup is on its way into.
    pub fn backup_begun(&mut self, new: &NewBackup, at: SystemTime) -> std::result::Result<i64, Error> {
        let key = directory_key(&new.host, &new.directory);
        let open = format!(
            "select {} from export where directory_key = ?1 and ended_at is null",
            super::export::COLUMNS
        );
        self.write(Write::Backup, |transaction| {
            let mut found = transaction.prepare(&open)?;
            if let Some(export) = found.query_map(params![key], Export::read)?.next() {
                return Err(Error::DirectoryTaken { export: Box::new(export?) }.into());
            }
            if let Some(backup) = open_in(transaction, &key)? {
                return Err(Error::BackupOpen { backup: Box::new(backup) }.into());
            }
            transaction.execute(
                "insert into backup (host, kind, subject, subject_name, base, directory, directory_key, \
                 intended_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    fold_host(&new.host),
                    new.subject.kind,
                    fold_id(&new.subject.id),
                    new.subject.name,
                    new.base,
                    new.directory,
                    key,
                    to_stored(at)
                ],
            )?;
            Ok(transaction.last_insert_rowid())
        })
    }

    /// Writes down that a backup is relative to nothing after all. Not of one whose export may have been asked for: what
    /// that was relative to is so.
    pub fn backup_without_base(&mut self, backup: i64) -> std::result::Result<(), Error> {
        self.advance(
            Write::Backup,
            "update backup set base = null where id = ?1 and ended_at is null and not exists \
             (select 1 from step where backup = ?1 and step = 'export' and end is not 'not-begun')",
            params![backup],
        )
    }

    /// Writes down that a host is about to be asked for a step. There is one at a time.
    pub fn step_begun(
        &mut self,
        backup: i64,
        new: &NewStep,
        at: SystemTime,
    ) -> std::result::Result<i64, Error> {
        // Identifiers hold no line ends: hosts' texts with one would be two here, and match nothing.
        let before = new.before.join("\n");
        self.write(Write::Step, |transaction| {
            transaction.execute(
                "insert into step (backup, step, details, before, witness, at) values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![backup, new.kind, new.details, before, new.witness, to_stored(at)],
            )?;
            Ok(transaction.last_insert_rowid())
        })
    }

    /// Writes down what the host answered, or the job that was found to be that of the step; and what the answer says
    /// that it makes.
    pub fn step_answered(
        &mut self,
        step: i64,
        return_value: Option<u32>,
        job: Option<&str>,
        makes: Option<&str>,
    ) -> std::result::Result<(), Error> {
        self.advance(
            Write::StepAnswered,
            "update step set return_value = coalesce(?2, return_value), job = ?3, made = coalesce(?4, made) \
             where id = ?1 and ended_at is null",
            params![step, return_value, job, makes],
        )
    }

    /// Writes down how a step ended, and what it made.
    pub fn step_ended(
        &mut self,
        step: i64,
        at: SystemTime,
        end: StepEnd,
        made: Option<&str>,
        note: Option<&str>,
    ) -> std::result::Result<(), Error> {
        self.advance(
            Write::StepEnded,
            "update step set ended_at = ?2, end = ?3, made = ?4, note = ?5 where id = ?1 and ended_at is null",
            params![step, to_stored(at), end, made, note],
        )
    }

    /// Writes down how a backup ended. From then on the same command begins anew.
    pub fn backup_ended(
        &mut self,
        backup: i64,
        at: SystemTime,
        end: &BackupEnd<'_>,
    ) -> std::result::Result<(), Error> {
        self.advance(
            Write::BackupEnded,
            "update backup set ended_at = ?2, outcome = ?3, sound = ?4, point = ?5, report = ?6 \
             where id = ?1 and ended_at is null \
             and not exists (select 1 from step where backup = ?1 and ended_at is null)",
            params![backup, to_stored(at), end.outcome, end.sound, end.point, end.report],
        )
    }

    /// Writes down that no later backup can be relative to any point so far: hosts no longer know what has changed
    /// since one of them, and know it no better of those before it.
    pub fn chain_broken(&mut self, kind: Kind, subject: &str) -> std::result::Result<(), Error> {
        self.write(Write::BackupEnded, |transaction| {
            transaction.execute(
                "update backup set sound = 0 where kind = ?1 and subject = ?2",
                params![kind, fold_id(subject)],
            )?;
            Ok(())
        })
    }

    /// Returns the backup of a machine or group that has no recorded end.
    pub fn open_backup(&self, kind: Kind, subject: &str) -> std::result::Result<Option<Backup>, Error> {
        let sql =
            format!("select {COLUMNS} from backup where kind = ?1 and subject = ?2 and ended_at is null");
        Ok(self.rows(&sql, params![kind, fold_id(subject)], Backup::read)?.pop())
    }

    /// Returns one backup.
    pub fn backup(&self, id: i64) -> std::result::Result<Option<Backup>, Error> {
        let sql = format!("select {COLUMNS} from backup where id = ?1");
        Ok(self.rows(&sql, params![id], Backup::read)?.pop())
    }

    /// Returns the backups of a machine or group, newest first.
    pub fn backups_of(&self, kind: Kind, subject: &str) -> std::result::Result<Vec<Backup>, Error> {
        // Who only looks into a file that was begun before there were backups does not change it.
        let tables = "select 1 from sqlite_schema where type = 'table' and name = 'backup'";
        if self.rows(tables, [], |_| Ok(()))?.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("select {COLUMNS} from backup where kind = ?1 and subject = ?2 order by id desc");
        self.rows(&sql, params![kind, fold_id(subject)], Backup::read)
    }

    /// Returns the newest backup of a machine or group that the next may be relative to.
    pub fn last_sound_backup(&self, kind: Kind, subject: &str) -> std::result::Result<Option<Backup>, Error> {
        let sql = format!(
            "select {COLUMNS} from backup where kind = ?1 and subject = ?2 and sound = 1 \
             and ended_at is not null order by id desc limit 1"
        );
        Ok(self.rows(&sql, params![kind, fold_id(subject)], Backup::read)?.pop())
    }

    /// Returns the machines and groups that have points of ours, as they were called last.
    pub fn point_subjects(&self) -> std::result::Result<Vec<Subject>, Error> {
        let sql = "select kind, subject, max(subject_name) from point where gone_at is null \
                   group by kind, subject order by kind, subject";
        self.rows(sql, [], |row| Ok(Subject { kind: row.get(0)?, id: row.get(1)?, name: row.get(2)? }))
    }

    /// Returns the steps of a backup, oldest first.
    pub fn steps(&self, backup: i64) -> std::result::Result<Vec<Step>, Error> {
        let sql = format!("select {STEP_COLUMNS} from step where backup = ?1 order by id");
        self.rows(&sql, params![backup], Step::read)
    }
}

/// Returns the backup that is on its way into a directory.
pub(super) fn open_in(connection: &Connection, directory_key: &str) -> Result<Option<Backup>> {
    let sql = format!("select {COLUMNS} from backup where directory_key = ?1 and ended_at is null");
    connection.query_row(&sql, params![directory_key], Backup::read).optional()
}

impl StepKind {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Export => "export",
            Self::Convert => "convert",
            Self::Remove => "remove",
        }
    }
}

impl StepEnd {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NotBegun => "not-begun",
            Self::GivenUp => "given-up",
        }
    }
}

impl FromSql for StepKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        [Self::Checkpoint, Self::Export, Self::Convert, Self::Remove]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for StepKind {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.name()))
    }
}

impl FromSql for StepEnd {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        [Self::Done, Self::Failed, Self::NotBegun, Self::GivenUp]
            .into_iter()
            .find(|end| end.name() == name)
            .ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for StepEnd {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Intent;
    use crate::ledger::store::tests::{Folder, at};

    fn new(directory: &str) -> NewBackup {
        NewBackup { host: "hv01".to_owned(), subject: web01(), base: None, directory: directory.to_owned() }
    }

    fn web01() -> Subject {
        Subject { kind: Kind::Vm, id: "3f2c9a10".to_owned(), name: "web01".to_owned() }
    }

    fn checkpoint() -> NewStep {
        NewStep {
            kind: StepKind::Checkpoint,
            details: "application".to_owned(),
            before: vec!["Microsoft:A".to_owned()],
            witness: "job 1\n".to_owned(),
        }
    }

    #[test]
    fn what_was_begun_is_found_by_the_next_process_with_its_steps() {
        let folder = Folder::new("backup");
        let mut ledger = folder.ledger();
        let id = ledger.backup_begun(&new(r"D:\b\1"), at(1)).unwrap();
        let step = ledger.step_begun(id, &checkpoint(), at(2)).unwrap();
        assert!(ledger.step_begun(id, &checkpoint(), at(3)).is_err(), "there is one at a time");
        ledger.step_answered(step, Some(4096), Some("X.InstanceID=\"1\""), Some("Microsoft:B")).unwrap();
        ledger.step_answered(step, None, Some("X.InstanceID=\"1\""), None).unwrap();
        drop(ledger);
        let mut ledger = folder.ledger();
        let open = ledger.open_backup(Kind::Vm, "3F2C9A10").unwrap().unwrap();
        assert_eq!((open.id, open.intended_at, &*open.new.host), (id, at(1), "HV01"));
        let found = ledger.steps(id).unwrap().remove(0);
        assert_eq!((found.return_value, found.job.as_deref()), (Some(4096), Some("X.InstanceID=\"1\"")));
        assert_eq!((&found.new, found.made.as_deref()), (&checkpoint(), Some("Microsoft:B")));
        assert!(found.was_there("MICROSOFT:a") && !found.was_there("Microsoft:B"));
        let end = BackupEnd { outcome: "failed", sound: false, point: None, report: None };
        assert!(ledger.backup_ended(id, at(4), &end).is_err(), "a step has no end yet");
        ledger.step_ended(step, at(4), StepEnd::Failed, None, Some("no")).unwrap();
        assert!(ledger.step_ended(step, at(4), StepEnd::Done, None, None).is_err());
        ledger.backup_ended(id, at(5), &end).unwrap();
        assert!(ledger.backup_ended(id, at(5), &end).is_err());
        assert_eq!(ledger.open_backup(Kind::Vm, "3F2C9A10").unwrap(), None);
        assert_eq!(ledger.steps(id).unwrap()[0].note.as_deref(), Some("no"));
    }

    #[test]
    fn a_ledger_from_before_there_were_backups_is_read_as_it_is_and_gets_its_tables_when_it_is_written() {
        let folder = Folder::new("backup-before");
        let path = folder.ledger().path().to_owned();
        let old = Connection::open(&path).unwrap();
        old.execute_batch("drop table step; drop table backup;").unwrap();
        drop(old);
        let looked = Ledger::open_to_read(&path).unwrap();
        assert!(looked.backups_of(Kind::Vm, "3F2C9A10").unwrap().is_empty());
        drop(looked);
        let mut ledger = folder.ledger();
        ledger.backup_begun(&new(r"D:\b\1"), at(1)).unwrap();
        assert!(ledger.open_backup(Kind::Vm, "3F2C9A10").unwrap().is_some());
    }

    #[test]
    fn a_machine_has_one_backup_at_a_time_and_a_directory_one_of_anything() {
        let folder = Folder::new("backup-one");
        let mut ledger = folder.ledger();
        let other =
            NewBackup { subject: Subject { id: "7b1d04e2".to_owned(), ..web01() }, ..new(r"d:\B\1\") };
        ledger.backup_begun(&new(r"D:\b\1"), at(1)).unwrap();
        assert!(ledger.backup_begun(&new(r"D:\b\2"), at(1)).is_err());
        assert!(ledger.backup_begun(&other, at(1)).is_err());
        let intent = Intent {
            host: "hv01".to_owned(),
            subject: web01(),
            point: "P".to_owned(),
            base: None,
            disks: Vec::new(),
            directory: r"D:\e".to_owned(),
            details: String::new(),
        };
        let _claim = ledger.claim(&intent, at(2)).unwrap();
        let taken =
            ledger.backup_begun(&NewBackup { directory: r"D:\E\".to_owned(), ..other.clone() }, at(3));
        assert!(matches!(taken, Err(Error::DirectoryTaken { .. })), "{taken:?}");
        let taken = ledger.backup_begun(&NewBackup { directory: r"\\?\D:\B\1".to_owned(), ..other }, at(3));
        assert!(matches!(taken, Err(Error::BackupOpen { .. })), "{taken:?}");
        // An export finds no room beside a backup either, however the directory is spelled.
        for directory in [r"D:\b\1", r"d:\B\1\", r"\\?\D:\b\1"] {
            let taken = ledger.claim(&Intent { directory: directory.to_owned(), ..intent.clone() }, at(4));
            assert!(matches!(taken, Err(Error::BackupOpen { .. })), "{taken:?}");
        }
    }

    #[test]
    fn a_backup_loses_its_base_only_while_nothing_was_asked_for_that_is_relative_to_it() {
        let folder = Folder::new("backup-base");
        let mut ledger = folder.ledger();
        let id =
            ledger.backup_begun(&NewBackup { base: Some("P".to_owned()), ..new(r"D:\b") }, at(1)).unwrap();
        let export = NewStep { kind: StepKind::Export, ..checkpoint() };
        let step = ledger.step_begun(id, &export, at(2)).unwrap();
        assert!(ledger.backup_without_base(id).is_err());
        ledger.step_ended(step, at(3), StepEnd::NotBegun, None, None).unwrap();
        ledger.backup_without_base(id).unwrap();
        assert_eq!(ledger.backup(id).unwrap().unwrap().new.base, None);
        ledger
            .backup_ended(
                id,
                at(4),
                &BackupEnd { outcome: "failed", sound: false, point: None, report: None },
            )
            .unwrap();
        assert!(ledger.backup_without_base(id).is_err());
    }

    #[test]
    fn the_last_sound_one_is_what_the_next_is_relative_to_until_the_chain_breaks() {
        let folder = Folder::new("backup-sound");
        let mut ledger = folder.ledger();
        for (number, sound) in [(1, true), (2, true), (3, false)] {
            let id = ledger.backup_begun(&new(r"D:\b"), at(number)).unwrap();
            let point = format!("Microsoft:P{number}");
            let end = BackupEnd { outcome: "completed", sound, point: Some(&point), report: None };
            ledger.backup_ended(id, at(number), &end).unwrap();
        }
        let last = |ledger: &Ledger| {
            ledger.last_sound_backup(Kind::Vm, "3F2C9A10").unwrap().and_then(|backup| backup.point)
        };
        assert_eq!(last(&ledger).as_deref(), Some("Microsoft:P2"));
        ledger.chain_broken(Kind::Group, "3f2c9a10").unwrap();
        assert_eq!(last(&ledger).as_deref(), Some("Microsoft:P2"));
        ledger.chain_broken(Kind::Vm, "3f2c9a10").unwrap();
        assert_eq!(last(&ledger), None);
        assert_eq!(ledger.backups_of(Kind::Vm, "3F2C9A10").unwrap().len(), 3);
    }
}
