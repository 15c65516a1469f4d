//! Runs for tests.

use jiff::Timestamp;
use refpoint::fleet::{
    Ending, Event, Failure, HostReport, HostState, JobReport, Kind, News, Outcome, Report, RunReport,
    RunState, UnitReport, UnitState,
};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

pub(crate) fn clock() -> Timestamp {
    at(1000)
}

pub(crate) fn event(second: i64, host: &str, number: i64, what: News) -> Event {
    let event = Event::new(at(second), host.to_owned(), "web01".to_owned(), what);
    if number == 0 { event } else { event.with_number(number) }
}

pub(crate) fn begun(hosts: usize) -> Event {
    let what =
        News::RunStarted { run: "nightly-1".into(), plan: "nightly".into(), hosts, units: 0, resumed: false };
    Event::of_run(at(0), what)
}

pub(crate) fn job() -> JobReport {
    let class = "Msvm_VirtualSystemReferencePointExportJob".to_owned();
    JobReport {
        class,
        id: "1".into(),
        state: Some(4),
        percent: Some(3),
        error_code: 0,
        error_description: String::new(),
        errors: Vec::new(),
    }
}

pub(crate) fn failure(kind: Kind) -> Failure {
    Failure { kind, code: None, message: "for a test".into(), hint: None, exit_code: kind.exit_code() }
}

pub(crate) fn export(host: &str, outcome: Outcome, error: Option<Kind>) -> Report {
    Report {
        schema: "refpoint.export/1".into(),
        host: host.into(),
        kind: "vm".into(),
        machine: None,
        group: None,
        point: None,
        base: None,
        directory: r"D:\exports".into(),
        outcome,
        return_value: None,
        job: None,
        receipt: Default::default(),
        warnings: Vec::new(),
        error: error.map(failure),
        started_at: at(10),
        finished_at: at(500),
        requests: 7,
        bytes_sent: 100,
        bytes_received: 200,
    }
}

pub(crate) fn host(name: &str, error: Option<Kind>) -> HostReport {
    HostReport {
        host: name.into(),
        name: None,
        state: if error.is_some() { HostState::Failed } else { HostState::Planned },
        scheme: None,
        sealed: None,
        unverified_certificate: None,
        error: error.map(failure),
        started_at: None,
        finished_at: None,
        requests: 9,
        bytes_sent: 150,
        bytes_received: 250,
    }
}

pub(crate) fn unit(number: i64, export: Report) -> UnitReport {
    UnitReport {
        unit: number,
        host: export.host.clone(),
        kind: "vm".into(),
        id: "1".into(),
        name: "web01".into(),
        verb: "export".into(),
        directory: r"D:\exports".into(),
        state: UnitState::Ended,
        tries: 1,
        started_at: Some(at(10)),
        finished_at: Some(export.finished_at),
        ending: Some(Ending::Export(Box::new(export))),
    }
}

pub(crate) fn report(hosts: Vec<HostReport>, units: Vec<UnitReport>, state: RunState) -> RunReport {
    RunReport {
        missing: Vec::new(),
        schema: RunReport::SCHEMA.into(),
        run: "nightly-1".into(),
        plan: "nightly".into(),
        at: Some(at(600)),
        state,
        reason: None,
        started_at: at(0),
        finished_at: Some(at(600)),
        resumed: 0,
        totals: RunReport::count(&hosts, &units),
        exit_code: Some(RunReport::exit_code(&hosts, &units)),
        hosts,
        units,
    }
}

pub(crate) fn well() -> RunReport {
    report(
        vec![host("hv01", None)],
        vec![unit(1, export("hv01", Outcome::Completed, None))],
        RunState::Finished,
    )
}

pub(crate) fn badly() -> RunReport {
    let hosts = vec![host("hv01", None), host("hv02", Some(Kind::Unreachable))];
    let units = vec![
        unit(1, export("hv01", Outcome::Completed, None)),
        unit(2, export("hv01", Outcome::Failed, Some(Kind::JobFailed))),
    ];
    report(hosts, units, RunState::Finished)
}
