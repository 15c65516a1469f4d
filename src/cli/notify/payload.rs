//! What is told of a run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use refpoint::fleet::{Extent, Failure, Moment, RunReport, RunState, Totals};
use serde::Serialize;

use crate::cli::report::json;

/// What is told when a run begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Beginning {
    pub(super) at: Timestamp,
    pub(super) run: String,
    pub(super) plan: String,
    pub(super) hosts: usize,
    pub(super) units: usize,
    pub(super) is_resumed: bool,
}

/// What happened, and what is known of it.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Begun(Beginning),
    Over(Box<RunReport>),
    Broken(Breakdown),
}

/// What is told of a run that ended, or never began, without a report: its process could not go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Breakdown {
    pub(super) plan: String,
    /// As it was told, where it had begun.
    pub(super) beginning: Option<Beginning>,
    pub(super) failure: Failure,
}

impl Message {
    /// Returns what it is that happened.
    pub(super) fn moment(&self) -> Moment {
        match self {
            Self::Begun(_) => Moment::Started,
            Self::Broken(_) => Moment::Failed,
            Self::Over(report) => match (report.state, report.exit_code) {
                (RunState::Running | RunState::Stopped, _) => Moment::Stopped,
                (RunState::Finished, Some(0)) => Moment::Succeeded,
                (RunState::Finished, Some(3)) => Moment::Warned,
                (RunState::Finished, _) => Moment::Failed,
            },
        }
    }

    /// Returns the program's exit code, where it is known.
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Begun(_) => None,
            Self::Over(report) => report.exit_code,
            Self::Broken(breakdown) => Some(breakdown.failure.exit_code),
        }
    }

    /// Returns the body for a webhook.
    pub(super) fn body(&self, delivery: &str, now: Timestamp, extent: Extent) -> String {
        let mut payload = Payload {
            schema: SCHEMA,
            event: self.moment(),
            delivery,
            at: now,
            run: None,
            plan: "",
            state: Some(RunState::Running),
            resumed: false,
            reason: None,
            started_at: None,
            finished_at: None,
            duration_seconds: None,
            exit_code: None,
            totals: Totals::default(),
            error: None,
            missing: &[],
            failures: Vec::new(),
            report: None,
        };
        match self {
            Self::Begun(beginning) => payload.begin(beginning),
            Self::Broken(Breakdown { plan, beginning, failure }) => {
                beginning.iter().for_each(|beginning| payload.begin(beginning));
                (payload.plan, payload.finished_at) = (plan, Some(now));
                payload.state = beginning.is_some().then_some(RunState::Stopped);
                (payload.exit_code, payload.error) = (Some(failure.exit_code), Some(failure));
            }
            Self::Over(report) => {
                (payload.run, payload.plan) = (Some(report.run.as_str()), &report.plan);
                payload.state = Some(report.state);
                (payload.resumed, payload.reason) = (report.resumed > 0, report.reason.as_deref());
                (payload.started_at, payload.finished_at) = (Some(report.started_at), report.finished_at);
                payload.duration_seconds = report.finished_at.map(|at| seconds(report.started_at, at));
                (payload.exit_code, payload.totals) = (report.exit_code, report.totals.clone());
                payload.missing = report.missing.get(..MOST_MISSING).unwrap_or(&report.missing);
                payload.failures = failures(report);
                payload.report = (extent == Extent::Full).then_some(report);
            }
        }
        // Whoever shows it on a terminal is safe from what a host calls its machines.
        json::compact(&serde_json::to_value(&payload).unwrap_or_default())
    }

    /// Returns the same in a few words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Begun(Beginning { run, hosts, is_resumed, .. }) => {
                let verb = if *is_resumed { "goes on" } else { "begins" };
                format!("{run} {verb}: {hosts} hosts\n")
            }
            Self::Broken(Breakdown { plan, beginning, failure }) => {
                let what = beginning.as_ref().map_or(plan, |beginning| &beginning.run);
                format!("{what} failed: {}, exit code {}\n", failure.message, failure.exit_code)
            }
            Self::Over(report) => {
                let Totals { units, completed, completed_with_warnings, .. } = report.totals;
                let done = completed + completed_with_warnings;
                let mut words = format!("{} {}: {done} of {units} done", report.run, self.moment().name());
                if let Some(code) = report.exit_code {
                    words.push_str(&format!(", exit code {code}"));
                }
                if let Some(reason) = &report.reason {
                    words.push_str(&format!(" ({reason})"));
                }
                words.push('\n');
                if let Some(first) = report.missing.first() {
                    words.push_str(&format!("not found: {first}"));
                    words.push_str(if report.missing.len() > 1 { ", …\n" } else { "\n" });
                }
                for cause in failures(report) {
                    let some = cause.examples.join(", ");
                    words.push_str(&format!(
                        "{}: {} hosts, {} units ({some}{})\n",
                        cause.kind_name(),
                        cause.hosts,
                        cause.units,
                        if cause.hosts + cause.units > cause.examples.len() { ", …" } else { "" },
                    ));
                }
                words
            }
        }
    }
}

/// The body for a webhook.
#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    event: Moment,
    delivery: &'a str,
    at: Timestamp,
    run: Option<&'a str>,
    plan: &'a str,
    state: Option<RunState>,
    resumed: bool,
    reason: Option<&'a str>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    duration_seconds: Option<f64>,
    exit_code: Option<u8>,
    totals: Totals,
    error: Option<&'a Failure>,
    missing: &'a [String],
    failures: Vec<Cause<'a>>,
    report: Option<&'a RunReport>,
}

impl<'a> Payload<'a> {
    fn begin(&mut self, beginning: &'a Beginning) {
        (self.run, self.plan) = (Some(beginning.run.as_str()), &beginning.plan);
        (self.started_at, self.resumed) = (Some(beginning.at), beginning.is_resumed);
        (self.totals.hosts, self.totals.hosts_outstanding) = (beginning.hosts, beginning.hosts);
        (self.totals.units, self.totals.outstanding) = (beginning.units, beginning.units);
    }
}

/// Those that failed for one cause.
#[derive(Serialize)]
struct Cause<'a> {
    #[serde(flatten)]
    first: &'a Failure,
    hosts: usize,
    units: usize,
    examples: Vec<String>,
}

impl Cause<'_> {
    fn kind_name(&self) -> String {
        kind_name(self.first)
    }
}

/// Returns what did not end well, by cause, the most frequent first. Of each the first is told in full.
fn failures(report: &RunReport) -> Vec<Cause<'_>> {
    let mut causes: BTreeMap<String, Cause<'_>> = BTreeMap::new();
    let of_hosts =
        report.hosts.iter().filter_map(|host| Some((host.error.as_ref()?, host.host.clone(), true)));
    let of_units = report
        .units
        .iter()
        .filter_map(|unit| Some((unit.error()?, format!("{}/{}", unit.host, unit.name), false)));
    for (failure, name, is_host) in of_hosts.chain(of_units) {
        let cause = causes.entry(kind_name(failure)).or_insert_with(|| Cause {
            first: failure,
            hosts: 0,
            units: 0,
            examples: Vec::new(),
        });
        *(if is_host { &mut cause.hosts } else { &mut cause.units }) += 1;
        if cause.examples.len() < MOST_EXAMPLES {
            cause.examples.push(name);
        }
    }
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.hosts + cause.units));
    causes
}

fn kind_name(failure: &Failure) -> String {
    let name = serde_json::to_value(failure.kind).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

/// The version of the shape.
const SCHEMA: &str = "refpoint.webhook/1";

/// More machines that no host has are for the report.
const MOST_MISSING: usize = 20;

/// More names than this are for the report.
const MOST_EXAMPLES: usize = 5;
