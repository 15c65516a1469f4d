//! How a run stands, in a few lines.

use refpoint::fleet::{RunReport, RunState};
use serde_json::{Value as Json, json};

use super::cause::{Cause, go_on};
use super::fit;
use super::standing::Standings;
use crate::cli::report::clock::{clock, seconds_between};
use crate::cli::report::table::pairs;
use crate::cli::report::text::harmless;

/// Returns the lines.
pub(crate) fn text(report: &RunReport, terminal: Option<usize>) -> String {
    let mut lines = lines(report);
    for cause in Cause::all(report) {
        let next = cause.next.as_ref().map(|next| format!("; {next}")).unwrap_or_default();
        lines.push(("Not well", format!("{}: {}{next}", cause.heading(), cause.reach())));
    }
    if let Some(command) = go_on(report) {
        lines.push(("Go on", command));
    }
    fit::lines(pairs(&lines, 0), terminal)
}

/// Returns the same for programs: the report without its hosts and units, and the causes with their counts.
pub(crate) fn value(report: &RunReport) -> Json {
    let cause = |cause: &Cause<'_>| {
        json!({
            "outcome": cause.standing.name(), "kind": cause.kind, "code": cause.code,
            "hosts": cause.hosts.len(), "units": cause.units.len(), "hint": cause.next,
        })
    };
    json!({
        "schema": "refpoint.run-status/1", "run": report.run, "plan": report.plan, "state": report.state,
        "reason": report.reason, "started_at": report.started_at, "finished_at": report.finished_at,
        "resumed": report.resumed, "totals": RunReport::count(&report.hosts, &report.units),
        "exit_code": report.exit_code, "missing": report.missing,
        "unverified_certificates": report.hosts.iter().filter(|host| host.unverified_certificate.is_some()).count(),
        "causes": Cause::all(report).iter().map(cause).collect::<Vec<_>>(),
        "go_on": go_on(report),
    })
}

/// Says which machines and groups the plan names and no host has.
pub(super) fn missing(report: &RunReport) -> Option<String> {
    let (some, rest) = report.missing.split_at(report.missing.len().min(MOST_NAMES));
    let names: Vec<_> = some.iter().map(|name| harmless(name)).collect();
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    (!names.is_empty()).then(|| format!("{}{more}: the plan names what no host has", names.join(", ")))
}

/// Says of which hosts nobody has verified whose certificate they showed.
pub(super) fn unverified(report: &RunReport) -> Option<String> {
    let hosts = report.hosts.iter().filter(|host| host.unverified_certificate.is_some());
    let names: Vec<_> = hosts.map(|host| harmless(&host.host)).collect();
    let (some, rest) = names.split_at(names.len().min(MOST_NAMES));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    (!some.is_empty())
        .then(|| format!("the certificates of {}{more}: anybody on the way could be they", some.join(", ")))
}

/// So many names say enough.
const MOST_NAMES: usize = 8;

/// Returns what a run is, how long it took and its sums.
pub(super) fn lines(report: &RunReport) -> Vec<(&'static str, String)> {
    let reason = report.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let resumed = match report.resumed {
        0 => String::new(),
        1 => ", resumed once".to_owned(),
        times => format!(", resumed {times} times"),
    };
    let state = report.state.name();
    let mut lines = vec![
        ("Run", format!("{} (plan {}), {state}{reason}{resumed}", report.run, report.plan)),
        ("Began", format!("{:.0}", report.started_at)),
    ];
    if let Some(end) = report.finished_at {
        lines.push(("Took", clock(seconds_between(report.started_at, end))));
    }
    let units = Standings::of(&report.units);
    let totals = RunReport::count(&report.hosts, &report.units);
    let hosts = [
        (totals.hosts - totals.hosts_failed - totals.hosts_outstanding, "worked with"),
        (totals.hosts_failed, "failed"),
        (totals.hosts_outstanding, "not looked at"),
    ];
    let hosts: Vec<String> = hosts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let hosts = if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") };
    lines.push(("Hosts", format!("{}: {hosts}", totals.hosts)));
    lines.push(("Units", format!("{}: {}", units.all(), units.words())));
    if let Some(missing) = missing(report) {
        lines.push(("Missing", missing));
    }
    if let Some(unverified) = unverified(report) {
        lines.push(("Not verified", unverified));
    }
    if report.state == RunState::Running && units.all() > 0 {
        lines.push(("Ended", format!("{} of {}", units.ended(), units.all())));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::runs::Runs;
    use super::*;

    #[test]
    fn a_run_of_a_thousand_hosts_stands_in_a_few_lines() {
        for report in
            [Runs::new(1).finished(1000, 5), Runs::new(1).stopped(1000, 5), Runs::new(1).running(1000, 5)]
        {
            let text = text(&report, None);
            assert!(text.lines().count() < 20, "{text}");
            let value = value(&report);
            assert_eq!(value["totals"]["units"], report.units.len());
            assert_eq!(value["state"], report.state.name());
            assert_eq!(value["go_on"].is_null(), report.state == RunState::Running);
        }
    }
}
