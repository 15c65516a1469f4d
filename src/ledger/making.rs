use std::time::SystemTime;

use rusqlite::{Result, Row, params};

use super::error::Error;
use super::export::{Kind, Subject, fold};
use super::store::{Ledger, Write, fold_host, fold_id};
use super::time::{from_stored, to_stored};

/// A point that a host is about to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMaking {
    /// The host's own name.
    pub host: String,
    /// The machine or the group.
    pub subject: Subject,
    /// What it is made for, in the caller's words; what it was made for it can be found by.
    pub purpose: String,
    /// The points that are there already.
    pub before: Vec<String>,
}

/// A point that a host was asked for, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Making {
    /// Its number in this ledger.
    pub id: i64,
    /// What was about to be asked for.
    pub new: NewMaking,
    /// When.
    pub at: SystemTime,
    /// The path of the job that came back.
    pub job: Option<String>,
    /// The point that was made.
    pub point: Option<String>,
    /// When its end was written down.
    pub ended_at: Option<SystemTime>,
}

/// The tables of this file that a ledger of an earlier release may not have.
pub(super) const TABLES: &str = "
create table if not exists making_warning (
    making        integer not null references making (id),
    message       text    not null,
    unique (making, message)
) strict;
";

const COLUMNS: &str = "id, host, kind, subject, subject_name, purpose, before, at, job, point, ended_at";

impl Making {
    fn read(row: &Row<'_>) -> Result<Self> {
        let before: String = row.get(6)?;
        Ok(Self {
            id: row.get(0)?,
            new: NewMaking {
                host: row.get(1)?,
                subject: Subject { kind: row.get(2)?, id: row.get(3)?, name: row.get(4)? },
                purpose: row.get(5)?,
                before: before.lines().map(str::to_owned).collect(),
            },
            at: from_stored(row.get(7)?),
            job: row.get(8)?,
            point: row.get(9)?,
            ended_at: row.get::<_, Option<i64>>(10)?.map(from_stored),
        })
    }
}

impl Ledger {
    /// Writes down that a point is about to be asked for. While one is being made of a machine, no other is.
    pub fn making_begun(&mut self, new: &NewMaking, at: SystemTime) -> std::result::Result<i64, Error> {
        // Identifiers of points hold no line ends: hosts' texts with one would be two here, and match nothing.
        let before = new.before.join("\n");
        self.write(Write::Making, |transaction| {
            transaction.execute(
                "insert into making (host, kind, subject, subject_name, purpose, before, at) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    fold_host(&new.host),
                    new.subject.kind,
                    fold_id(&new.subject.id),
                    new.subject.name,
                    new.purpose,
                    before,
                    to_stored(at)
                ],
            )?;
            Ok(transaction.last_insert_rowid())
        })
    }

    /// Writes down which job makes it.
    pub fn making_job(&mut self, making: i64, job: &str) -> std::result::Result<(), Error> {
        self.advance(
            Write::Making,
            "update making set job = ?2 where id = ?1 and ended_at is null",
            params![making, job],
        )
    }

    /// Writes down what a person should know of it, once.
    pub fn making_warned(&mut self, making: i64, message: &str) -> std::result::Result<(), Error> {
        self.write(Write::Making, |transaction| {
            let sql = "insert or ignore into making_warning (making, message) values (?1, ?2)";
            transaction.execute(sql, params![making, message])?;
            Ok(())
        })
    }

    /// Returns what a person should know of it, in the order in which it was written down.
    pub fn making_warnings(&self, making: i64) -> std::result::Result<Vec<String>, Error> {
        let sql = "select message from making_warning where making = ?1 order by rowid";
        self.rows(sql, params![making], |row| row.get(0))
    }

    /// Writes down which point was made; none where nothing was, or where nobody can tell.
    pub fn making_ended(
        &mut self,
        making: i64,
        at: SystemTime,
        point: Option<&str>,
    ) -> std::result::Result<(), Error> {
        self.advance(
            Write::Making,
            "update making set point = ?3, ended_at = ?2 where id = ?1 and ended_at is null",
            params![making, to_stored(at), point],
        )
    }

    /// Returns what is being made of a machine or group, or was when its process ended.
    pub fn open_making(&self, kind: Kind, subject: &str) -> std::result::Result<Option<Making>, Error> {
        let sql =
            format!("select {COLUMNS} from making where kind = ?1 and subject = ?2 and ended_at is null");
        Ok(self.rows(&sql, params![kind, fold_id(subject)], Making::read)?.pop())
    }

    /// Returns how the point was made that was made for a purpose.
    pub fn made_for(&self, purpose: &str) -> std::result::Result<Option<Making>, Error> {
        let sql = format!(
            "select {COLUMNS} from making where purpose = ?1 and point is not null order by id desc limit 1"
        );
        Ok(self.rows(&sql, params![purpose], Making::read)?.pop())
    }
}

impl Making {
    /// Says whether that point was there before.
    pub fn was_there(&self, point: &str) -> bool {
        self.new.before.iter().any(|there| fold(there) == fold(point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::store::tests::{Folder, at};

    fn new(purpose: &str) -> NewMaking {
        NewMaking {
            host: "hv01".to_owned(),
            subject: Subject { kind: Kind::Vm, id: "3f2c9a10".to_owned(), name: "web01".to_owned() },
            purpose: purpose.to_owned(),
            before: vec![r"Microsoft:3F2C9A10\A".to_owned(), r"Microsoft:3F2C9A10\B".to_owned()],
        }
    }

    #[test]
    fn what_is_being_made_is_found_by_the_next_process() {
        let folder = Folder::new("making");
        let mut ledger = folder.ledger();
        assert_eq!(ledger.open_making(Kind::Vm, "3F2C9A10").unwrap(), None);
        let id = ledger.making_begun(&new("unit 7"), at(1)).unwrap();
        assert!(ledger.making_begun(&new("unit 8"), at(2)).is_err());
        ledger.making_job(id, "X.InstanceID=\"1\"").unwrap();
        drop(ledger);
        let mut ledger = folder.ledger();
        let making = ledger.open_making(Kind::Vm, "3F2C9A10").unwrap().unwrap();
        assert_eq!((making.at, making.job.as_deref()), (at(1), Some("X.InstanceID=\"1\"")));
        assert!(making.was_there(r"microsoft:3f2c9a10\a") && !making.was_there(r"Microsoft:3F2C9A10\C"));
        for message in ["not all of it", "not all of it", "another"] {
            ledger.making_warned(id, message).unwrap();
        }
        ledger.making_ended(id, at(3), Some("C")).unwrap();
        assert_eq!(ledger.open_making(Kind::Vm, "3F2C9A10").unwrap(), None);
        assert_eq!(ledger.made_for("unit 7").unwrap().unwrap().point.as_deref(), Some("C"));
        assert_eq!(ledger.making_warnings(id).unwrap(), ["not all of it", "another"]);
        assert_eq!(ledger.made_for("unit 8").unwrap(), None);
        assert!(ledger.making_ended(id, at(4), None).is_err());
    }
}
