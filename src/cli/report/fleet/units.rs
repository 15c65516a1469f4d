//! The units of a run, one after the other.

use std::collections::HashSet;

use refpoint::fleet::{HostReport, HostState, RunReport, UnitReport};

use super::standing::Standing;
use crate::cli::report::clock::{clock, seconds_between};
use crate::cli::report::json;
use crate::cli::report::table::Table;
use crate::cli::report::text::harmless;

/// Returns a table of all units, and of hosts whose units are not known.
pub(crate) fn table(report: &RunReport, terminal: Option<usize>) -> String {
    let without_units = report.hosts.iter().filter_map(host_row);
    let rows: Vec<Vec<String>> = report.units.iter().map(row).chain(without_units).collect();
    let table = Table::new(HEADINGS, &rows, terminal);
    let mut text = table.heading(terminal);
    rows.iter().for_each(|row| text.push_str(&table.row(row, terminal)));
    text
}

/// Returns one JSON object a line for each unit.
pub(crate) fn lines(report: &RunReport) -> String {
    let line = |unit| json::compact(&serde_json::to_value(unit).unwrap_or_default()) + "\n";
    report.units.iter().map(line).collect()
}

/// Returns `host/GUID` for each unit, once for whatever was done with it.
pub(crate) fn names(report: &RunReport) -> String {
    let mut said = HashSet::new();
    let names = report.units.iter().filter(|unit| said.insert((&*unit.host, &*unit.id)));
    names.map(|unit| format!("{}/{}\n", harmless(&unit.host), harmless(&unit.id))).collect()
}

const HEADINGS: &[&str] = &["Host", "Unit", "Verb", "Outcome", "Started", "Took", "Tries", "Why"];

fn row(unit: &UnitReport) -> Vec<String> {
    let started = unit.started_at.map(|at| format!("{at:.0}")).unwrap_or_default();
    let took = unit.started_at.zip(unit.finished_at).map(|(from, to)| clock(seconds_between(from, to)));
    let tries = if unit.tries == 0 { String::new() } else { unit.tries.to_string() };
    vec![
        unit.host.clone(),
        unit.name.clone(),
        unit.verb.clone(),
        Standing::of(unit).name().to_owned(),
        started,
        took.unwrap_or_default(),
        tries,
        why(unit),
    ]
}

/// Returns why a unit did not end well, or what should be known of it all the same.
pub(crate) fn why(unit: &UnitReport) -> String {
    let error = unit.error().map(|error| error.message.clone());
    error.unwrap_or_else(|| unit.warnings().join("; "))
}

/// Returns how a host stands of which no unit may be known, and why.
pub(super) fn without_units(host: &HostReport) -> Option<(&HostReport, Standing, &str)> {
    match (host.state, &host.error) {
        (HostState::Outstanding, _) => Some((host, Standing::Outstanding, "not looked at")),
        (_, Some(error)) => Some((host, Standing::Failed, &error.message)),
        (HostState::Failed, None) => Some((host, Standing::Failed, "")),
        (HostState::Planned, None) => None,
    }
}

fn host_row(host: &HostReport) -> Option<Vec<String>> {
    let (_, outcome, why) = without_units(host)?;
    let started = host.started_at.map(|at| format!("{at:.0}")).unwrap_or_default();
    let took = host.started_at.zip(host.finished_at).map(|(from, to)| clock(seconds_between(from, to)));
    let cells =
        [&host.host, "(whole host)", "", outcome.name(), &started, &took.unwrap_or_default(), "", why];
    Some(cells.map(str::to_owned).to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::runs::{HOSTILE, Runs, hostile};
    use super::*;
    use crate::cli::report::text::is_unprintable;

    #[test]
    fn every_unit_and_every_host_without_units_has_a_row() {
        let report = Runs::new(7).stopped(100, 3);
        let text = table(&report, None);
        let alone = report.hosts.iter().filter(|host| host_row(host).is_some()).count();
        assert!(alone > 0);
        assert_eq!(text.lines().count(), 1 + report.units.len() + alone);
        assert_eq!(names(&report).lines().count(), report.units.len());
        assert_eq!(lines(&report).lines().count(), report.units.len());
    }

    #[test]
    fn no_text_of_a_host_acts_on_the_terminal() {
        let report = hostile();
        let text = anstream::adapter::strip_str(&table(&report, Some(300))).to_string();
        for shown in [text, names(&report), lines(&report)] {
            assert!(!shown.replace('\n', "").contains(is_unprintable), "{shown}");
            assert!(shown.lines().count() <= 1 + 2 * HOSTILE.len(), "{shown}");
        }
    }
}
