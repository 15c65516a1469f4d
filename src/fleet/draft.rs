use std::time::SystemTime;

use super::plan::{ExportPlan, Wanted};
use super::report::{self, JobReport, Named, Number, ReceiptReport, Report};
use super::unit::timestamp;
use super::verdict::Verdict;
use crate::hyperv::{Exported, Job, JobError, METHOD, ObjectPath, meaning};
use crate::ledger;

/// The report as far as it can be written by now.
pub(super) struct Draft {
    pub(super) kind: &'static str,
    pub(super) directory: String,
    pub(super) machine: Option<Named>,
    pub(super) group: Option<Named>,
    pub(super) point: Option<report::PointReport>,
    pub(super) base: Option<report::PointReport>,
    pub(super) return_value: Option<Number>,
    pub(super) job: Option<JobReport>,
    pub(super) receipt: ReceiptReport,
    pub(super) warnings: Vec<String>,
    pub(super) started: SystemTime,
}

impl Draft {
    pub(super) fn new(plan: &ExportPlan, started: SystemTime) -> Self {
        let kind = match plan.what {
            Wanted::Machine(_) => "vm",
            Wanted::Group(_) => "group",
        };
        Self {
            kind,
            directory: plan.directory.to_string(),
            machine: None,
            group: None,
            point: None,
            base: None,
            return_value: None,
            job: None,
            receipt: ReceiptReport::default(),
            warnings: Vec::new(),
            started,
        }
    }

    /// Returns what is written down of an export.
    pub(super) fn of(export: &ledger::Export) -> Self {
        let named = Some(Named { id: export.subject.id.clone(), name: export.subject.name.clone() });
        let (kind, machine, group) = match export.subject.kind {
            ledger::Kind::Vm => ("vm", named, None),
            ledger::Kind::Group => ("group", None, named),
        };
        Self {
            kind,
            directory: export.directory.clone(),
            machine,
            group,
            point: Some(report::PointReport::of(&export.point)),
            base: export.base.as_deref().map(report::PointReport::of),
            return_value: None,
            job: None,
            receipt: ReceiptReport::default(),
            warnings: Vec::new(),
            started: export.intended_at,
        }
    }

    pub(super) fn describe(&mut self, what: &Exported) {
        let named = Some(Named::new(what.subject(), what.name()));
        match what {
            Exported::Machine { point, base, .. } => {
                self.machine = named;
                self.point = Some(point.into());
                self.base = base.as_ref().map(Into::into);
            }
            Exported::Group { points, base, .. } => {
                self.group = named;
                self.point = Some(points.into());
                self.base = base.as_ref().map(Into::into);
            }
        }
    }

    pub(super) fn answered(&mut self, service: &str, code: u32) {
        self.return_value = Some(Number::new(&meaning(service, METHOD, code)));
    }

    pub(super) fn see(&mut self, job: &Job, errors: &[JobError]) {
        self.job = Some(JobReport::seen(job, errors));
    }

    /// Forgets what an earlier try has left in it.
    pub(super) fn forget(&mut self, now: SystemTime) {
        (self.return_value, self.job, self.started) = (None, None, now);
        self.receipt = ReceiptReport::default();
    }

    pub(super) fn report(&self, label: &str, now: SystemTime, (outcome, error): &Verdict) -> Report {
        Report {
            schema: report::SCHEMA.to_owned(),
            host: label.to_owned(),
            kind: self.kind.to_owned(),
            machine: self.machine.clone(),
            group: self.group.clone(),
            point: self.point.clone(),
            base: self.base.clone(),
            directory: self.directory.clone(),
            outcome: *outcome,
            return_value: self.return_value.clone(),
            job: self.job.clone(),
            receipt: self.receipt.clone(),
            warnings: self.warnings.clone(),
            error: error.clone(),
            started_at: timestamp(self.started),
            finished_at: timestamp(now),
            requests: 0,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }
}

pub(super) fn unseen(path: &ObjectPath) -> JobReport {
    JobReport::unseen(&path.class, &path.key_text("InstanceID").unwrap_or_default())
}
