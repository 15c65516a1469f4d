//! What the ledger does for runs: see [`super::Run`].

use std::time::SystemTime;

use rusqlite::{OptionalExtension, params};

use super::error::Error;
use super::hold::Hold;
use super::run::{self, NewRun, NewUnit, Run, RunHost, Unit};
use super::store::{Failure, Ledger, Write, fold_id};
use super::time::to_stored;

impl Ledger {
    /// Writes a run and its hosts down.
    pub fn begin_run(&mut self, new: &NewRun, at: SystemTime) -> Result<Run, Error> {
        let id = self.write(Write::Run, |transaction| {
            let taken = |name: &str| -> Result<bool, rusqlite::Error> {
                let found = transaction.query_row("select 1 from run where name = ?1", [name], |_| Ok(()));
                Ok(found.optional()?.is_some())
            };
            let mut name = new.name.clone();
            let mut number = 1;
            while taken(&name)? {
                number += 1;
                name = format!("{}-{number}", new.name);
            }
            transaction.execute(
                "insert into run (name, plan, text, details, started_at) values (?1, ?2, ?3, ?4, ?5)",
                params![name, new.plan, new.text, new.details, to_stored(at)],
            )?;
            let run = transaction.last_insert_rowid();
            let mut insert = transaction
                .prepare("insert into run_host (run, host, stage) values (?1, ?2, 'outstanding')")?;
            for host in &new.hosts {
                insert.execute(params![run, host])?;
            }
            Ok(run)
        })?;
        self.run_by_id(id)?.ok_or_else(|| self.missing())
    }

    /// Takes a run back of which nothing was begun. One of which something was stays.
    pub fn forget_run(&mut self, run: i64) -> Result<(), Error> {
        self.write(Write::Run, |transaction| {
            let begun = "select 1 from run_host where run = ?1 and (started_at is not null or stage <> 'outstanding')";
            if transaction.query_row(begun, params![run], |_| Ok(())).optional()?.is_none() {
                transaction.execute("delete from run_host where run = ?1", params![run])?;
                transaction.execute("delete from run where id = ?1", params![run])?;
            }
            Ok(())
        })
    }

    /// Writes down that a run is taken up again.
    pub fn resume_run(&mut self, run: i64) -> Result<(), Error> {
        self.advance(
            Write::Run,
            "update run set resumed = resumed + 1, finished_at = null, is_over = 0, reason = null, exit_code = null \
             where id = ?1",
            params![run],
        )
    }

    /// Writes down that nobody is at work on a run any more, whether it is over, and if not, why.
    pub fn end_run(
        &mut self,
        run: i64,
        at: SystemTime,
        is_over: bool,
        reason: Option<&str>,
        exit_code: u8,
    ) -> Result<(), Error> {
        self.advance(
            Write::Run,
            "update run set finished_at = ?2, is_over = ?3, reason = ?4, exit_code = ?5 where id = ?1",
            params![run, to_stored(at), is_over, reason, exit_code],
        )
    }

    /// Writes down that work with a host begins.
    pub fn host_begun(&mut self, run: i64, host: &str, at: SystemTime) -> Result<(), Error> {
        self.advance(
            Write::Host,
            "update run_host set started_at = coalesce(started_at, ?3), finished_at = null where run = ?1 and host = ?2",
            params![run, host, to_stored(at)],
        )
    }

    /// Writes down what there is to do on a host, all of it at once: whoever finds it finds all.
    pub fn host_planned(
        &mut self,
        run: i64,
        host: &str,
        units: &[NewUnit],
        details: &str,
    ) -> Result<(), Error> {
        self.write(Write::Host, |transaction| {
            let changed = transaction.execute(
                "update run_host set stage = 'planned', details = ?3 \
                 where run = ?1 and host = ?2 and stage <> 'planned'",
                params![run, host, details],
            )?;
            if changed == 0 {
                return Err(Failure::Rows);
            }
            let mut insert = transaction.prepare(
                "insert into unit (run, host, kind, subject, subject_name, verb, rule, directory, stage) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'outstanding')",
            )?;
            for unit in units {
                insert.execute(params![
                    run,
                    host,
                    unit.subject.kind,
                    fold_id(&unit.subject.id),
                    unit.subject.name,
                    unit.verb,
                    unit.rule,
                    unit.directory,
                ])?;
            }
            Ok(())
        })
    }

    /// Writes down how work with a host ended, and whether it could be looked at.
    pub fn host_ended(
        &mut self,
        run: i64,
        host: &str,
        at: SystemTime,
        has_failed: bool,
        details: &str,
    ) -> Result<(), Error> {
        self.advance(
            Write::Host,
            "update run_host set finished_at = ?3, details = ?5, stage = case \
             when stage = 'planned' then stage when ?4 then 'failed' else stage end \
             where run = ?1 and host = ?2",
            params![run, host, to_stored(at), has_failed, details],
        )
    }

    /// Writes down that a unit begins, again where it was begun before.
    pub fn unit_begun(&mut self, unit: i64, at: SystemTime) -> Result<(), Error> {
        self.advance(
            Write::Unit,
            "update unit set stage = 'running', tries = tries + 1, started_at = coalesce(started_at, ?2), \
             finished_at = null, outcome = null, report = null where id = ?1",
            params![unit, to_stored(at)],
        )
    }

    /// Writes down that a unit begins anew, in that directory, after an end that somebody wants to be another: what
    /// came before it no longer counts as its own.
    pub fn unit_begun_anew(&mut self, unit: i64, at: SystemTime, directory: &str) -> Result<(), Error> {
        self.advance(
            Write::Unit,
            "update unit set stage = 'running', tries = tries + 1, started_at = ?2, finished_at = null, \
             outcome = null, report = null, directory = ?3 where id = ?1",
            params![unit, to_stored(at), directory],
        )
    }

    /// Writes down that a unit was left before its host was asked for anything.
    pub fn unit_left(&mut self, unit: i64) -> Result<(), Error> {
        self.advance(Write::Unit, "update unit set stage = 'outstanding' where id = ?1", params![unit])
    }

    /// Writes down how a unit ended.
    pub fn unit_ended(
        &mut self,
        unit: i64,
        at: SystemTime,
        outcome: &str,
        report: &str,
    ) -> Result<(), Error> {
        self.advance(
            Write::Unit,
            "update unit set stage = 'ended', finished_at = ?2, outcome = ?3, report = ?4 where id = ?1",
            params![unit, to_stored(at), outcome, report],
        )
    }

    /// Returns the run of that name.
    pub fn run(&self, name: &str) -> Result<Option<Run>, Error> {
        let sql = format!("select {} from run where name = ?1", run::RUN);
        Ok(self.rows(&sql, params![name], Run::read)?.pop())
    }

    /// Returns the newest runs first, of one plan or of all.
    pub fn runs(&self, plan: Option<&str>) -> Result<Vec<Run>, Error> {
        let sql = format!("select {} from run where ?1 is null or plan = ?1 order by id desc", run::RUN);
        self.rows(&sql, params![plan], Run::read)
    }

    fn run_by_id(&self, id: i64) -> Result<Option<Run>, Error> {
        let sql = format!("select {} from run where id = ?1", run::RUN);
        Ok(self.rows(&sql, params![id], Run::read)?.pop())
    }

    /// Returns the hosts of a run, in the order of the inventory.
    pub fn run_hosts(&self, run: i64) -> Result<Vec<RunHost>, Error> {
        let sql = format!("select {} from run_host where run = ?1 order by rowid", run::HOST);
        self.rows(&sql, params![run], RunHost::read)
    }

    /// Returns the units of a run, host by host in the order of the inventory.
    pub fn units(&self, run: i64) -> Result<Vec<Unit>, Error> {
        let columns =
            run::UNIT.split(", ").map(|column| format!("unit.{}", column.trim())).collect::<Vec<_>>();
        let sql = format!(
            "select {} from unit join run_host on run_host.run = unit.run and run_host.host = unit.host \
             where unit.run = ?1 order by run_host.rowid, unit.id",
            columns.join(", ")
        );
        self.rows(&sql, params![run], Unit::read)
    }

    /// Returns the units of one host of a run.
    pub fn units_of(&self, run: i64, host: &str) -> Result<Vec<Unit>, Error> {
        let sql = format!("select {} from unit where run = ?1 and host = ?2 order by id", run::UNIT);
        self.rows(&sql, params![run, host], Unit::read)
    }

    /// Takes hold of a name, for as long as the value lives: `None` where another process has it.
    pub fn hold(&self, name: &str) -> Result<Option<Hold>, Error> {
        let opened = |source| Error::Open { path: self.path().to_owned(), source };
        Hold::take(&self.locks(), name).map_err(opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::export::{Kind, Subject};
    use crate::ledger::run::{HostStage, UnitStage};
    use crate::ledger::store::tests::{Folder, at};

    fn new(name: &str) -> NewRun {
        NewRun {
            name: name.to_owned(),
            plan: "nightly".to_owned(),
            text: "name = \"nightly\"".to_owned(),
            details: "{}".to_owned(),
            hosts: vec!["hv02".to_owned(), "hv01".to_owned()],
        }
    }

    fn unit(name: &str) -> NewUnit {
        NewUnit {
            subject: Subject { kind: Kind::Vm, id: format!("id-{name}"), name: name.to_owned() },
            verb: "export".to_owned(),
            rule: 0,
            directory: format!(r"D:\exports\{name}"),
        }
    }

    #[test]
    fn a_run_is_found_again_with_its_hosts_and_units_in_order() {
        let folder = Folder::new("run");
        let mut ledger = folder.ledger();
        let run = ledger.begin_run(&new("nightly-1"), at(10)).unwrap();
        ledger.host_begun(run.id, "hv01", at(11)).unwrap();
        ledger.host_planned(run.id, "hv01", &[unit("web01"), unit("db01")], "{}").unwrap();
        ledger.host_planned(run.id, "hv02", &[unit("app01")], "{}").unwrap();
        let units = ledger.units(run.id).unwrap();
        let names: Vec<_> = units.iter().map(|unit| (&*unit.host, &*unit.what.subject.name)).collect();
        assert_eq!(names, [("hv02", "app01"), ("hv01", "web01"), ("hv01", "db01")]);
        ledger.unit_begun(units[1].id, at(12)).unwrap();
        drop(ledger);

        let mut ledger = folder.ledger();
        let found = ledger.run("nightly-1").unwrap().unwrap();
        assert_eq!((found.id, found.is_over, found.resumed), (run.id, false, 0));
        let web01 = ledger.units_of(run.id, "hv01").unwrap().remove(0);
        assert_eq!((web01.stage, web01.tries), (UnitStage::Running, 1));
        ledger.unit_ended(web01.id, at(20), "completed", "{}").unwrap();
        let web01 = ledger.units_of(run.id, "hv01").unwrap().remove(0);
        assert_eq!((web01.stage, web01.outcome.as_deref()), (UnitStage::Ended, Some("completed")));
        assert_eq!((web01.started_at, web01.finished_at), (Some(at(12)), Some(at(20))));
    }

    #[test]
    fn a_host_is_planned_once() {
        let folder = Folder::new("planned");
        let mut ledger = folder.ledger();
        let run = ledger.begin_run(&new("nightly"), at(0)).unwrap();
        ledger.host_ended(run.id, "hv01", at(1), true, "unreachable").unwrap();
        assert_eq!(ledger.run_hosts(run.id).unwrap()[1].stage, HostStage::Failed);
        ledger.host_planned(run.id, "hv01", &[unit("web01")], "{}").unwrap();
        assert!(ledger.host_planned(run.id, "hv01", &[unit("web01")], "{}").is_err());
        assert_eq!(ledger.units(run.id).unwrap().len(), 1);
        ledger.host_ended(run.id, "hv01", at(2), true, "lost").unwrap();
        assert_eq!(ledger.run_hosts(run.id).unwrap()[1].stage, HostStage::Planned);
        assert!(ledger.host_planned(run.id, "hv09", &[], "{}").is_err());
    }

    #[test]
    fn runs_of_one_name_are_told_apart() {
        let folder = Folder::new("names");
        let mut ledger = folder.ledger();
        let names: Vec<_> =
            (0..3).map(|second| ledger.begin_run(&new("nightly"), at(second)).unwrap().name).collect();
        assert_eq!(names, ["nightly", "nightly-2", "nightly-3"]);
        let newest = ledger.runs(Some("nightly")).unwrap();
        assert_eq!(newest[0].name, "nightly-3");
        assert!(ledger.runs(Some("weekly")).unwrap().is_empty());
    }

    #[test]
    fn a_run_that_was_stopped_is_taken_up_and_ends() {
        let folder = Folder::new("stopped");
        let mut ledger = folder.ledger();
        let run = ledger.begin_run(&new("nightly"), at(0)).unwrap();
        ledger.end_run(run.id, at(5), false, Some("the window has ended"), 8).unwrap();
        let stopped = ledger.run("nightly").unwrap().unwrap();
        assert_eq!((stopped.is_over, stopped.exit_code, stopped.finished_at), (false, Some(8), Some(at(5))));
        ledger.resume_run(run.id).unwrap();
        let resumed = ledger.run("nightly").unwrap().unwrap();
        assert_eq!((resumed.resumed, resumed.finished_at, resumed.reason), (1, None, None));
        ledger.end_run(run.id, at(9), true, None, 0).unwrap();
        assert!(ledger.run("nightly").unwrap().unwrap().is_over);
    }

    #[test]
    fn only_a_run_of_which_nothing_was_begun_is_taken_back() {
        let folder = Folder::new("forgotten");
        let mut ledger = folder.ledger();
        let (first, second) = (
            ledger.begin_run(&new("first"), at(0)).unwrap(),
            ledger.begin_run(&new("second"), at(1)).unwrap(),
        );
        ledger.host_begun(first.id, "hv01", at(2)).unwrap();
        ledger.forget_run(first.id).unwrap();
        ledger.forget_run(second.id).unwrap();
        let names: Vec<_> = ledger.runs(None).unwrap().into_iter().map(|run| run.name).collect();
        assert_eq!(names, ["first"]);
        assert_eq!(ledger.run_hosts(second.id).unwrap(), []);
    }

    #[test]
    fn a_name_is_held_by_one_and_free_when_he_is_gone() {
        let folder = Folder::new("hold");
        let (one, other) = (folder.ledger(), folder.ledger());
        let hold = one.hold("plan nightly/../x").unwrap().unwrap();
        assert!(other.hold("plan nightly/../x").unwrap().is_none());
        assert!(other.hold("plan weekly").unwrap().is_some());
        drop(hold);
        assert!(other.hold("plan nightly/../x").unwrap().is_some());
    }
}
