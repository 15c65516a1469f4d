//! What a person is left with when a run has ended: sums, what is not well by its cause, and what to do next.

use std::fmt::Write;

use refpoint::fleet::{HostState, RunReport, RunState};

use super::cause::{Cause, counted, go_on};
use super::standing::{Standing, Standings};
use super::units::why;
use super::{fit, status};
use crate::cli::report::table::pairs;
use crate::cli::report::text::harmless;

/// Returns the text; no line of it is wider than the terminal, where there is one.
pub(crate) fn text(report: &RunReport, terminal: Option<usize>) -> String {
    let mut text = pairs(&status::lines(report), 0);
    for cause in Cause::all(report) {
        text.push('\n');
        one(&cause, &mut text);
    }
    if let Some(left) = left(report) {
        let _ = write!(text, "\nLeft: {left}.\n");
    }
    if let Some(command) = go_on(report) {
        let _ = write!(text, "Go on with:\n  {}\n", harmless(&command));
    }
    fit::lines(text, terminal)
}

fn one(cause: &Cause<'_>, text: &mut String) {
    let bold = anstyle::Style::new().bold();
    let (mark, heading) = (cause.standing.mark(), cause.heading());
    let _ = writeln!(text, "{bold}{mark} {heading}{bold:#}: {}", cause.reach());
    if let Some(example) = &cause.example {
        let first = if cause.size() > 1 { "for example: " } else { "" };
        let _ = writeln!(text, "  {first}{}", harmless(example));
    }
    if let Some(next) = &cause.next {
        let _ = writeln!(text, "  next: {}", harmless(next));
    }
    let hosts = cause.hosts.iter().map(|host| (host.host.as_str(), None));
    let mut lines: Vec<(&str, Option<Vec<String>>)> = hosts.collect();
    for unit in &cause.units {
        let named = match cause.standing {
            Standing::Warnings => format!("{} ({})", unit.name, why(unit)),
            _ => unit.name.clone(),
        };
        match lines.last_mut() {
            Some((host, Some(names))) if *host == unit.host => names.push(named),
            _ => lines.push((&unit.host, Some(vec![named]))),
        }
    }
    for (host, names) in lines.iter().take(MOST_LINES) {
        let names = names.as_ref().map_or_else(|| "the whole host".to_owned(), |names| some_of(names));
        let _ = writeln!(text, "    {}  {}", harmless(host), harmless(&names));
    }
    if let Some(more) = lines.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        let _ = writeln!(text, "    … and {}", counted(more, "more host"));
    }
}

fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MOST_NAMES) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// Says what nobody is at work on any more.
fn left(report: &RunReport) -> Option<String> {
    if report.state == RunState::Running {
        return None;
    }
    let units = Standings::of(&report.units);
    let hosts = report.hosts.iter().filter(|host| host.state == HostState::Outstanding).count();
    let parts = [
        (hosts, format!("{} not looked at", counted(hosts, "host"))),
        (units.count(Standing::Outstanding), of(&units, Standing::Outstanding, "not begun")),
        (units.count(Standing::Running), of(&units, Standing::Running, "begun and not followed to the end")),
        (units.count(Standing::Detached), of(&units, Standing::Detached, "left to the hosts' jobs")),
        (units.count(Standing::Unknown), of(&units, Standing::Unknown, "of which nobody knows")),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn of(units: &Standings, standing: Standing, words: &str) -> String {
    format!("{} {words}", counted(units.count(standing), "unit"))
}

/// Below a cause, so many hosts say enough; the report names them all.
const MOST_LINES: usize = 12;

/// And so many units of a host.
const MOST_NAMES: usize = 8;

#[cfg(test)]
mod tests {
    use refpoint::fleet::{Ending, Kind, Outcome};
    use unicode_width::UnicodeWidthStr;

    use super::super::runs::{Runs, counted as summed, failure, hostile};
    use super::*;
    use crate::cli::report::text::is_unprintable;

    fn plain(report: &RunReport, terminal: Option<usize>) -> String {
        anstream::adapter::strip_str(&text(report, terminal)).to_string()
    }

    /// Three hosts, of which one was not reached; of the others' four machines one failed and one is unknown.
    fn small() -> RunReport {
        let mut report = Runs::new(1).finished(3, 2);
        let hosts: Vec<String> = report.hosts.iter().map(|host| host.host.clone()).collect();
        for (at, unit) in report.units.iter_mut().enumerate() {
            unit.name = format!("vm{at}");
            let Some(Ending::Export(export)) = &mut unit.ending else { panic!("{unit:?}") };
            (export.outcome, export.error) = match at {
                0 => (
                    Outcome::Failed,
                    Some(failure(Kind::JobFailed, Some(0x8007_0070), "no space", Some("free some space"))),
                ),
                1 => (Outcome::Unknown, Some(failure(Kind::Unknown, None, "the answer was lost", None))),
                _ => (Outcome::Completed, None),
            };
        }
        report.units.retain(|unit| unit.host != hosts[2]);
        for (at, host) in report.hosts.iter_mut().enumerate() {
            let lost =
                failure(Kind::Unreachable, None, "no route to host", Some("check name, port and firewall"));
            (host.state, host.error) = match at {
                2 => (HostState::Failed, Some(lost)),
                _ => (HostState::Planned, None),
            };
        }
        report.finished_at = Some("2026-11-21T03:10:05Z".parse().unwrap());
        summed(report)
    }

    #[test]
    fn what_is_not_well_stands_under_its_cause_with_one_next_step() {
        let expected = "\
Run    nightly-20261121-020000 (plan nightly), finished
Began  2026-11-21T02:00:00Z
Took   1:10:05
Hosts  3: 2 worked with, 1 failed
Units  4: 2 completed, 1 failed, 1 unknown

? nobody knows whether it was done: 1 unit on 1 host
  the answer was lost
  next: do not ask a host again before it was looked at: refpoint fleet resume nightly-20261121-020000 looks for the job and the files
    hv01  vm1

✕ host not reached: 1 host
  no route to host
  next: check name, port and firewall
    hv03  the whole host

✕ job failed on the host (0x80070070): 1 unit on 1 host
  no space
  next: free some space
    hv01  vm0

Left: 1 unit of which nobody knows.
Go on with:
  refpoint fleet resume nightly-20261121-020000
";
        assert_eq!(plain(&small(), None), expected);
    }

    #[test]
    fn a_run_in_which_all_went_well_says_so_and_nothing_more() {
        let mut report = small();
        report.units.retain(|unit| unit.outcome() == Some(Outcome::Completed));
        report.hosts.truncate(2);
        let text = plain(&summed(report), None);
        assert!(text.ends_with("Hosts  2: 2 worked with\nUnits  2: 2 completed\n"), "{text}");
    }

    #[test]
    fn a_thousand_hosts_that_fail_are_no_wall_of_lines() {
        let mut report = Runs::new(5).finished(1000, 5);
        for host in &mut report.hosts {
            host.state = HostState::Failed;
            host.error = Some(failure(Kind::Unreachable, None, &format!("{} is down", host.host), Some("x")));
        }
        report.units.clear();
        let text = plain(&summed(report), None);
        assert!(text.lines().count() < 30 && text.contains("… and 988 more hosts"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_text_acts_on_it() {
        for width in [40, 80, 120] {
            for report in [Runs::new(4).stopped(300, 4), small()] {
                let text = plain(&report, Some(width));
                let wide = text.lines().find(|line| line.width() > width && line.trim().contains(' '));
                assert_eq!(wide, None, "{width}");
            }
        }
        assert!(!plain(&hostile(), Some(80)).replace('\n', "").contains(is_unprintable));
    }
}
