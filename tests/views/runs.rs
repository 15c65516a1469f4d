//! Runs that never were: reports and events of any size, the same for the same seed.

use jiff::{SignedDuration, Timestamp};
use refpoint::fleet::{
    DiskReport, Ending, ErrorReport, Failure, HostReport, HostState, JobReport, Kind, Named, Number, Outcome,
    PointReport, ReceiptReport, Report, RunReport, RunState, UnitReport, UnitState,
};

/// A run of so many hosts with so many machines each, of which most end well and some in every other way.
pub(crate) struct Runs {
    seed: u64,
    began: Timestamp,
}

impl Runs {
    pub(crate) fn new(seed: u64) -> Self {
        let began = "2026-11-21T02:00:00Z".parse().expect("a time");
        Self { seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, began }
    }

    /// Returns a number below another (an xorshift: what is random here needs to look so, no more).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % end
    }

    fn after(&self, seconds: u64) -> Timestamp {
        self.began + SignedDuration::from_secs(i64::try_from(seconds).expect("a length of time"))
    }

    /// Returns a run that is over.
    pub(crate) fn finished(&mut self, hosts: usize, units: usize) -> RunReport {
        let width = hosts.max(10).to_string().len();
        let mut report = RunReport {
            missing: Vec::new(),
            schema: RunReport::SCHEMA.to_owned(),
            run: "nightly-20261121-020000".to_owned(),
            plan: "nightly".to_owned(),
            at: None,
            state: RunState::Finished,
            reason: None,
            started_at: self.began,
            finished_at: None,
            resumed: 0,
            totals: refpoint::fleet::Totals::default(),
            exit_code: None,
            hosts: Vec::new(),
            units: Vec::new(),
        };
        for at in 1..=hosts {
            let name = format!("hv{at:0width$}");
            let start = self.below(1800);
            let error = (self.below(100) == 0).then(|| self.failure_of_host());
            let is_failed = error.is_some();
            let mut end = start + 1 + self.below(20);
            if !is_failed {
                for _ in 0..units {
                    let begin = start + 2 + self.below(240);
                    let unit = self.unit(report.units.len(), &name, begin);
                    let took = unit.finished_at.expect("it is over").duration_since(self.began).as_secs();
                    end = end.max(u64::try_from(took).expect("after the beginning"));
                    report.units.push(unit);
                }
            }
            report.hosts.push(HostReport {
                name: (!is_failed).then(|| name.to_uppercase()),
                host: name,
                state: if is_failed { HostState::Failed } else { HostState::Planned },
                scheme: (!is_failed).then(|| "Kerberos".to_owned()),
                sealed: (!is_failed).then_some(true),
                unverified_certificate: None,
                error,
                started_at: Some(self.after(start)),
                finished_at: Some(self.after(end)),
                requests: 40 + self.below(900),
                bytes_sent: 90_000 + self.below(90_000),
                bytes_received: 400_000 + self.below(900_000),
            });
        }
        report.finished_at = report.hosts.iter().filter_map(|host| host.finished_at).max();
        counted(report)
    }

    /// Returns a run that was stopped in its middle: by the end of a window, say.
    pub(crate) fn stopped(&mut self, hosts: usize, units: usize) -> RunReport {
        let mut report = self.finished(hosts, units);
        let end = report.finished_at.expect("it is over");
        let half = (end.duration_since(self.began).as_secs() / 3).max(1);
        let stop = self.began + SignedDuration::from_secs(half);
        report.state = RunState::Stopped;
        report.reason = Some("the window has ended at 02:05".to_owned());
        report.finished_at = Some(stop);
        for unit in &mut report.units {
            if unit.started_at.is_some_and(|at| at >= stop) {
                (unit.state, unit.tries) = (UnitState::Outstanding, 0);
                (unit.started_at, unit.finished_at, unit.ending) = (None, None, None);
            } else if unit.finished_at.is_some_and(|at| at >= stop) {
                unit.finished_at = Some(stop);
                if let Some(Ending::Export(export)) = &mut unit.ending {
                    export.outcome = Outcome::Detached;
                    export.receipt = ReceiptReport::default();
                    export.finished_at = stop;
                    export.error = Some(failure(
                        Kind::Deadline,
                        None,
                        "the window has ended, and the job goes on",
                        Some("refpoint fleet resume follows it to its end"),
                    ));
                }
            }
        }
        for host in &mut report.hosts {
            if host.started_at.is_some_and(|at| at >= stop) {
                (host.state, host.error, host.name) = (HostState::Outstanding, None, None);
                (host.started_at, host.finished_at, host.scheme, host.sealed) = (None, None, None, None);
            } else {
                host.finished_at = host.finished_at.map(|at| at.min(stop));
            }
        }
        let waiting: Vec<String> = report
            .hosts
            .iter()
            .filter(|host| host.state == HostState::Outstanding)
            .map(|host| host.host.clone())
            .collect();
        report.units.retain(|unit| !waiting.contains(&unit.host));
        counted(report)
    }

    /// Returns a run that is under way.
    pub(crate) fn running(&mut self, hosts: usize, units: usize) -> RunReport {
        let mut report = self.stopped(hosts, units);
        for unit in &mut report.units {
            if unit.outcome() == Some(Outcome::Detached) && unit.state == UnitState::Ended {
                (unit.state, unit.finished_at, unit.ending) = (UnitState::Running, None, None);
            }
        }
        (report.state, report.reason, report.finished_at) = (RunState::Running, None, None);
        counted(report)
    }

    fn guid(&mut self) -> String {
        let (a, b, c) = (self.below(1 << 32), self.below(1 << 32), self.below(1 << 48));
        format!("{a:08X}-{:04X}-4{:03X}-A{:03X}-{c:012X}", b >> 16, b & 0xFFF, (b >> 8) & 0xFFF)
    }

    fn unit(&mut self, number: usize, host: &str, begin: u64) -> UnitReport {
        let kinds = ["web", "db", "app", "file", "mail", "print", "dc", "sql"];
        let kind = kinds[usize::try_from(self.below(8)).expect("small")];
        let name = format!("{kind}{:02}", 1 + self.below(40));
        let id = self.guid();
        let directory = format!(r"D:\exports\{name}\20261121-020000");
        let took = 20 + self.below(300) * self.below(6).max(1);
        let (outcome, error) = self.outcome(&directory);
        let machine = Named { id: id.clone(), name: name.clone() };
        let point = format!("Microsoft:{}", self.guid());
        let is_done = matches!(outcome, Outcome::Completed | Outcome::CompletedWithWarnings);
        let data = format!(r"{directory}\Virtual Hard Disks\{}.vhdx", self.guid());
        let receipt = ReceiptReport {
            disks: vec![DiskReport {
                id: format!("Microsoft:{id}\\{}", self.guid()),
                log_file: Some(data.clone()),
            }],
            log_files: vec![data],
            config_files: vec![format!(r"{directory}\Virtual Machines\{id}.vmcx")],
            runtime_files: vec![format!(r"{directory}\Virtual Machines\{id}.vmrs")],
            guest_state_files: vec![format!(r"{directory}\Virtual Machines\{id}.vmgs")],
        };
        let was_refused = error.as_ref().is_some_and(|error| error.kind == Kind::Refused);
        let job = (!was_refused).then(|| JobReport {
            class: "Msvm_VirtualSystemReferencePointExportJob".to_owned(),
            id: self.guid(),
            state: Some(match outcome {
                Outcome::Failed => 10,
                Outcome::Cancelled => 8,
                Outcome::Completed | Outcome::CompletedWithWarnings => 7,
                _ => 4,
            }),
            percent: Some(if is_done { 100 } else { 41 }),
            error_code: if outcome == Outcome::Failed { 32_768 } else { 0 },
            error_description: String::new(),
            errors: error
                .iter()
                .filter(|_| outcome == Outcome::Failed)
                .map(|error| ErrorReport {
                    message: error.message.clone(),
                    message_id: "32768".to_owned(),
                    source: "Msvm".to_owned(),
                    raw: String::new(),
                })
                .collect(),
        });
        let warnings = match outcome {
            Outcome::CompletedWithWarnings => {
                vec!["the host names fewer files than there are disks: look at the directory".to_owned()]
            }
            _ => Vec::new(),
        };
        let (started_at, finished_at) = (self.after(begin), self.after(begin + took));
        UnitReport {
            unit: i64::try_from(number).expect("small") + 1,
            host: host.to_owned(),
            kind: "vm".to_owned(),
            id,
            name,
            verb: "export".to_owned(),
            directory: directory.clone(),
            state: UnitState::Ended,
            tries: 1 + u32::from(self.below(20) == 0),
            started_at: Some(started_at),
            finished_at: Some(finished_at),
            ending: Some(Ending::Export(Box::new(Report {
                schema: "refpoint.export/1".to_owned(),
                host: host.to_owned(),
                kind: "vm".to_owned(),
                machine: Some(machine),
                group: None,
                point: Some(PointReport { id: point, point_type: Some(2), consistency: Some(1) }),
                base: None,
                directory,
                outcome,
                return_value: Some(match was_refused {
                    true => Number { code: 32_775, name: "invalid-state".to_owned() },
                    false => Number { code: 4096, name: "job-started".to_owned() },
                }),
                job,
                receipt: if is_done { receipt } else { ReceiptReport::default() },
                warnings,
                error,
                started_at,
                finished_at,
                requests: 9 + self.below(40),
                bytes_sent: 18_000 + self.below(9000),
                bytes_received: 44_000 + self.below(90_000),
            }))),
        }
    }

    fn outcome(&mut self, directory: &str) -> (Outcome, Option<Failure>) {
        match self.below(200) {
            0 | 1 => {
                let message =
                    format!("job failed (state 10): there is not enough space to write to {directory}");
                let hint = "free space in the directory's volume, or name another one";
                (Outcome::Failed, Some(failure(Kind::JobFailed, Some(0x8007_0070), &message, Some(hint))))
            }
            2 => {
                let hint =
                    "the machine is busy with another operation: it is tried again by itself in the next run";
                let message = "ExportReferencePoint returned 32775 (invalid-state)";
                (Outcome::Failed, Some(failure(Kind::Refused, Some(32_775), message, Some(hint))))
            }
            3 => {
                let message = "the answer was lost, and no job of the host carries this export";
                (Outcome::Unknown, Some(failure(Kind::Unknown, None, message, None)))
            }
            4 | 5 => (Outcome::CompletedWithWarnings, None),
            6 => (Outcome::Cancelled, None),
            7 => (Outcome::Detached, None),
            _ => (Outcome::Completed, None),
        }
    }

    fn failure_of_host(&mut self) -> Failure {
        match self.below(3) {
            0 => failure(
                Kind::Login,
                None,
                "the host refuses the login: KDC has no entry for HTTP/hv",
                Some(
                    "check user, password and --auth; on a domain host the user is DOMAIN\\user or user@REALM",
                ),
            ),
            1 => failure(
                Kind::AccessDenied,
                Some(5),
                "access denied",
                Some("the user needs to be in Hyper-V Administrators and Remote Management Users"),
            ),
            _ => failure(
                Kind::Unreachable,
                None,
                "no route to host (os error 113)",
                Some("check name, port and firewall, and that WinRM listens there"),
            ),
        }
    }
}

/// Names and texts that would like to be more than that.
pub(crate) const HOSTILE: &[&str] = &[
    "</script ><img src=x onerror=\"document.title='broken out'\">",
    "<!--<script >",
    "\"quoted\" & 'apostrophe' <b>",
    "abc\u{202e}gpj.exe \u{2067}rtl\u{2069}",
    "\u{1b}[2J\u{1b}]0;title\u{7}\u{0}\u{8}\u{85}",
    "line\u{2028}one\u{2029}two\r\nthree\tfour",
    "日本語 🦊👩‍👩‍👧 e\u{301} שרת",
    "]]> &amp; &#x3c; {{units}} <!--totals--> $& \\",
    "\u{fffe}\u{ffff}\u{feff}",
];

/// Returns a run whose every text is one of [`HOSTILE`].
pub(crate) fn hostile() -> RunReport {
    let mut report = Runs::new(3).finished(HOSTILE.len(), 2);
    for (at, text) in HOSTILE.iter().enumerate() {
        let host = &mut report.hosts[at];
        let old = std::mem::replace(&mut host.host, format!("h{at}{text}"));
        host.name = Some((*text).to_owned());
        host.scheme = Some((*text).to_owned());
        for unit in report.units.iter_mut().filter(|unit| unit.host == old) {
            unit.host.clone_from(&host.host);
            unit.name = (*text).to_owned();
            unit.directory = (*text).to_owned();
            let Some(Ending::Export(export)) = &mut unit.ending else { continue };
            export.outcome = Outcome::Failed;
            export.warnings = vec![(*text).to_owned()];
            export.receipt.log_files = vec![(*text).to_owned()];
            export.error = Some(failure(Kind::JobFailed, Some(32_768), text, Some(text)));
        }
    }
    // Something is left, so that there is a command that names the run.
    report.state = RunState::Stopped;
    report.units[0].state = UnitState::Running;
    report.run = HOSTILE[0].to_owned();
    report.plan = HOSTILE[2].to_owned();
    report.reason = Some(HOSTILE[1].to_owned());
    counted(report)
}

/// Returns a failure.
pub(crate) fn failure(kind: Kind, code: Option<u32>, message: &str, hint: Option<&str>) -> Failure {
    let (message, hint) = (message.to_owned(), hint.map(str::to_owned));
    Failure { kind, code, message, hint, exit_code: kind.exit_code() }
}

/// Returns a report whose sums are those of its parts.
pub(crate) fn counted(mut report: RunReport) -> RunReport {
    report.totals = RunReport::count(&report.hosts, &report.units);
    report.exit_code = match report.state {
        RunState::Running => None,
        _ => Some(RunReport::exit_code(&report.hosts, &report.units)),
    };
    report
}
