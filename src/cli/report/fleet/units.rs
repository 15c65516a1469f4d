//! The units of a run, one after the other.

use std::collections::HashSet;

use refpoint::fleet::{HostReport, HostState, RunReport, UnitReport};
use unicode_width::UnicodeWidthStr;

use super::standing::Standing;
use crate::cli::report::clock::{clock, seconds_between};
use crate::cli::report::json;
use crate::cli::report::table::Table;
use crate::cli::report::text::harmless;

/// Returns a table of all units, and of hosts whose units are not known.
pub(crate) fn table(report: &RunReport, terminal: Option<usize>) -> String {
    let without_units = report.hosts.iter().filter_map(host_row);
    let unverified = report.hosts.iter().filter_map(unverified_row);
    let rows: Vec<Vec<String>> =
        report.units.iter().map(row).chain(without_units).chain(unverified).collect();
    let columns = columns(&rows, terminal);
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|at| row[*at].clone()).collect()).collect();
    let headings: Vec<&str> = columns.iter().map(|at| HEADINGS[*at]).collect();
    let table = Table::new(&headings, &rows, terminal);
    let mut text = table.heading(terminal);
    rows.iter().for_each(|row| text.push_str(&table.row(row, terminal)));
    text
}

/// Returns the columns that a terminal has room for: before why something went wrong is cut to nothing, what can be
/// done without is left away.
fn columns(rows: &[Vec<String>], terminal: Option<usize>) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..HEADINGS.len()).collect();
    let Some(terminal) = terminal else { return columns };
    let width = |at: &usize| {
        let cells = rows.iter().map(|row| harmless(&row[*at]).width());
        cells.chain([HEADINGS[*at].len()]).max().unwrap_or_default().min(READABLE) + 2
    };
    for heading in SPARED {
        if columns.iter().map(width).sum::<usize>() > terminal + 2 {
            columns.retain(|at| HEADINGS[*at] != *heading);
        }
    }
    columns
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

/// What is left away on a narrow terminal, in this order.
const SPARED: &[&str] = &["Started", "Tries", "Verb"];
/// A text of so many columns says what it has to say.
const READABLE: usize = 32;

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

fn unverified_row(host: &HostReport) -> Option<Vec<String>> {
    let why = unverified(host)?;
    let cells = [&*host.host, "(whole host)", "", "not verified", "", "", "", &*why];
    Some(cells.map(str::to_owned).to_vec())
}

/// Returns what should be known of a host of which nobody has verified whose certificate it showed.
pub(super) fn unverified(host: &HostReport) -> Option<String> {
    let fingerprint = host.unverified_certificate.as_ref()?;
    Some(format!("certificate not verified ({fingerprint}): anybody on the way could be {}", host.host))
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
    fn on_a_narrow_terminal_times_give_way_to_reasons() {
        let row = |why: &str| {
            let cells = ["hv01", "web01", "export", "failed", "2026-01-02T03:04:05Z", "0:05", "1", why];
            cells.map(str::to_owned).to_vec()
        };
        let shown = |why: &str, terminal| {
            let columns = columns(&[row(why)], terminal);
            columns.into_iter().map(|at| HEADINGS[at]).collect::<Vec<_>>()
        };
        let long = "no reference point \"only\" on the host that was asked for it";
        assert_eq!(shown(long, None), HEADINGS);
        assert_eq!(shown(long, Some(120)), HEADINGS);
        assert_eq!(shown("", Some(80)), HEADINGS);
        let without_times = ["Host", "Unit", "Verb", "Outcome", "Took", "Tries", "Why"];
        assert_eq!(shown(long, Some(80)), without_times);
        assert_eq!(shown(long, Some(40)), ["Host", "Unit", "Outcome", "Took", "Why"]);
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
