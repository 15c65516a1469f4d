//! The parts of the page that are there without any script.

use std::fmt::Write;

use refpoint::fleet::{RunReport, RunState, UnitReport};

use super::super::cause::{Cause, counted, go_on};
use super::super::standing::{Standing, Standings};
use super::super::units::{why, without_units};
use crate::cli::report::clock::{clock, seconds_between};
use crate::cli::report::text::harmless;

/// Returns a text as it may stand in HTML, between tags and between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in harmless(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// How a run stands, in one sentence.
pub(super) struct Verdict {
    pub(super) words: String,
    standing: Standing,
}

/// Returns the sentence that everybody reads first. It never says more than is known.
pub(super) fn verdict(report: &RunReport) -> Verdict {
    let units = Standings::of(&report.units);
    let totals = RunReport::count(&report.hosts, &report.units);
    let done = totals.completed + totals.completed_with_warnings;
    let lost = [
        (totals.failed, "failed"),
        (totals.unknown, "unknown"),
        (totals.cancelled, "cancelled"),
        (totals.detached, "left to their hosts"),
        (totals.running, "not followed to the end"),
        (totals.outstanding, "not begun"),
    ];
    let mut lost: Vec<String> = lost
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    if totals.hosts_failed > 0 {
        lost.push(format!("{} not worked with", counted(totals.hosts_failed, "host")));
    }
    if totals.hosts_outstanding > 0 {
        lost.push(format!("{} not looked at", counted(totals.hosts_outstanding, "host")));
    }
    let worst = Standing::ALL.into_iter().find(|standing| units.count(*standing) > 0);
    let standing = match worst {
        Some(Standing::Unknown) => Standing::Unknown,
        _ if totals.hosts_failed > 0 => Standing::Failed,
        Some(worst) => worst,
        None => Standing::Outstanding,
    };
    let (standing, words) = match (report.state, lost.is_empty()) {
        (RunState::Running, _) => (
            Standing::Running,
            format!("Under way: {} of {} ended", units.ended(), counted(units.all(), "known unit")),
        ),
        (_, true) if units.all() == 0 => (Standing::Outstanding, "There was nothing to do".to_owned()),
        (_, true) if totals.completed_with_warnings > 0 => {
            let looked = totals.completed_with_warnings;
            (standing, format!("All {} done, {looked} with something to look at", counted(done, "unit")))
        }
        (_, true) => (standing, format!("All {} done", counted(done, "unit"))),
        (state, false) => {
            let stopped = if state == RunState::Stopped { "Stopped: " } else { "" };
            (
                standing,
                format!("{stopped}{done} of {} done; {}", counted(units.all(), "unit"), lost.join(", ")),
            )
        }
    };
    Verdict { words, standing }
}

/// Returns what stands below the run's name.
pub(super) fn facts(report: &RunReport) -> String {
    let mut facts =
        vec![format!("plan <bdi>{}</bdi>", escaped(&report.plan)), report.state.name().to_owned()];
    let time = |at: jiff::Timestamp| format!("<time datetime=\"{at}\">{at:.0}</time>");
    facts.push(format!("began {}", time(report.started_at)));
    if let Some(end) = report.finished_at {
        let ended = if report.state == RunState::Stopped { "stopped" } else { "ended" };
        let took = clock(seconds_between(report.started_at, end));
        facts.push(format!("{ended} {}", time(end)));
        facts.push(format!("took {took}"));
    }
    match report.resumed {
        0 => {}
        1 => facts.push("resumed once".to_owned()),
        times => facts.push(format!("resumed {times} times")),
    }
    if let Some(code) = report.exit_code {
        facts.push(format!("exit code {code}"));
    }
    facts.iter().map(|fact| format!("<span>{fact}</span>")).collect()
}

/// Returns the sums, big.
pub(super) fn totals(report: &RunReport) -> String {
    let units = Standings::of(&report.units);
    let verdict = verdict(report);
    let mut text = String::from("<div class=\"card\">\n");
    let _ = writeln!(text, "<p class=\"verdict\">{}{}</p>", mark(verdict.standing), escaped(&verdict.words));
    if let Some(reason) = &report.reason {
        let _ = writeln!(text, "<p class=\"why\"><bdi>{}</bdi></p>", escaped(reason));
    }
    if let Some(missing) = super::super::status::missing(report) {
        let _ = writeln!(text, "<p class=\"why\">Missing: <bdi>{}</bdi></p>", escaped(&missing));
    }
    if let Some(unverified) = super::super::status::unverified(report) {
        let _ = writeln!(text, "<p class=\"why\">Not verified: <bdi>{}</bdi></p>", escaped(&unverified));
    }
    text.push_str(&stack(&units));
    text.push_str("<ul class=\"tiles\">\n");
    for (at, standing) in Standing::ALL.into_iter().enumerate().rev() {
        let count = units.count(standing);
        // Those that everybody looks for are there even when there are none.
        if count == 0 && !matches!(standing, Standing::Completed | Standing::Failed | Standing::Unknown) {
            continue;
        }
        let _ = writeln!(
            text,
            "<li><a class=\"tile\" href=\"#units\" data-standing=\"{at}\"><b>{}{count}</b><span>{}</span></a></li>",
            mark(standing),
            standing.words()
        );
    }
    let totals = RunReport::count(&report.hosts, &report.units);
    let hosts = match (totals.hosts_failed, totals.hosts_outstanding) {
        (0, 0) => "hosts".to_owned(),
        (failed, 0) => format!("hosts, {failed} failed"),
        (0, left) => format!("hosts, {left} not looked at"),
        (failed, left) => format!("hosts, {failed} failed, {left} not looked at"),
    };
    let _ = writeln!(text, "<li><div class=\"tile\"><b>{}</b><span>{hosts}</span></div></li>", totals.hosts);
    text.push_str("</ul>\n");
    if let Some(command) = go_on(report) {
        let command = escaped(&command);
        let _ = writeln!(
            text,
            "<p class=\"go-on\">Go on with <code>{command}</code>\
             <button type=\"button\" data-copy=\"{command}\" hidden>Copy</button></p>"
        );
    }
    text + "</div>"
}

/// Returns one bar of all units.
fn stack(units: &Standings) -> String {
    let all = units.all();
    if all == 0 {
        return String::new();
    }
    let words = escaped(&units.words());
    let mut text = format!(
        "<svg class=\"stack\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{words}\">"
    );
    let mut at = 0;
    for standing in Standing::ALL.into_iter().rev() {
        let count = units.count(standing);
        let (from, to) = (thousandths(at, all), thousandths(at + count, all));
        at += count;
        if count > 0 {
            // One unit of five thousand is seen, too; a gap tells neighbours apart.
            let (from, width) = (from.min(996), (to.saturating_sub(from)).max(4));
            let gap = if width > 8 { 1 } else { 0 };
            let _ = write!(
                text,
                "<rect class=\"of-{}\" x=\"{from}\" width=\"{}\" height=\"10\"/>",
                standing.name(),
                width - gap
            );
        }
    }
    text + "</svg>\n"
}

fn thousandths(part: usize, all: usize) -> usize {
    part * 1000 / all
}

/// Returns what is not well, by its cause.
pub(super) fn causes(report: &RunReport, causes: &[Cause<'_>]) -> String {
    let mut text =
        String::from("<div class=\"heading\"><h2 id=\"causes-title\">Not well, by cause</h2></div>\n");
    if causes.is_empty() {
        let words = if report.state == RunState::Running { "Nothing so far." } else { "Nothing." };
        let _ = writeln!(text, "<p>{words}</p>");
        return text;
    }
    text.push_str("<div class=\"list\">\n");
    for (at, cause) in causes.iter().enumerate() {
        let _ = writeln!(
            text,
            "<article class=\"cause is-{}\">\n<h3>{}{}</h3>\n<p class=\"reach\">{}</p>",
            cause.standing.name(),
            mark(cause.standing),
            escaped(&cause.heading()),
            cause.reach()
        );
        if let Some(example) = &cause.example {
            let _ = writeln!(text, "<p class=\"said\"><bdi>{}</bdi></p>", escaped(example));
        }
        if let Some(next) = &cause.next {
            let _ = writeln!(text, "<p class=\"step\"><b>Next:</b> <bdi>{}</bdi></p>", escaped(next));
        }
        text.push_str(&members(cause));
        let _ =
            writeln!(text, "<button type=\"button\" data-cause=\"{at}\" hidden>Show in the table</button>");
        text.push_str("</article>\n");
    }
    text + "</div>"
}

/// Returns whom a cause has hit, folded away.
fn members(cause: &Cause<'_>) -> String {
    let mut text = String::from("<details><summary>Hosts and units</summary><ul>\n");
    for host in cause.hosts.iter().take(MOST) {
        let _ = writeln!(text, "<li><bdi>{}</bdi>: the whole host</li>", escaped(&host.host));
    }
    let mut units = cause.units.iter().take(MOST).peekable();
    while let Some(unit) = units.next() {
        let mut names = vec![named(unit)];
        while let Some(more) = units.next_if(|next| next.host == unit.host) {
            names.push(named(more));
        }
        let _ = writeln!(text, "<li><bdi>{}</bdi>: {}</li>", escaped(&unit.host), names.join(", "));
    }
    let more = cause.hosts.len().saturating_sub(MOST) + cause.units.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(text, "<li>and {more} more</li>");
    }
    text + "</ul></details>\n"
}

/// Below a cause in HTML; the table has them all.
const MOST: usize = 200;

fn named(unit: &UnitReport) -> String {
    format!("<bdi>{}</bdi>", escaped(&unit.name))
}

/// Returns the table of all units for browsers without scripts.
pub(super) fn table(report: &RunReport) -> String {
    let mut text = String::from(
        "<table><thead><tr><th>Outcome<th>Unit<th>Host<th>Began<th>Took<th>Why</tr></thead><tbody>\n",
    );
    for unit in &report.units {
        let standing = Standing::of(unit);
        let began = unit.started_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let took = unit.started_at.zip(unit.finished_at).map(|(from, to)| clock(seconds_between(from, to)));
        let _ = writeln!(
            text,
            "<tr><td>{} {}<td><bdi>{}</bdi><td><bdi>{}</bdi><td>{began}<td>{}<td><bdi>{}</bdi>",
            standing.mark(),
            standing.words(),
            escaped(&unit.name),
            escaped(&unit.host),
            took.unwrap_or_default(),
            escaped(&why(unit))
        );
    }
    for (host, standing, words) in report.hosts.iter().filter_map(without_units) {
        let began = host.started_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "<tr><td>{} {}<td>(whole host)<td><bdi>{}</bdi><td>{began}<td><td><bdi>{}</bdi>",
            standing.mark(),
            standing.words(),
            escaped(&host.host),
            escaped(words)
        );
    }
    text + "</tbody></table>"
}

fn mark(standing: Standing) -> String {
    format!("<i class=\"mark of-{}\" aria-hidden=\"true\">{}</i>", standing.name(), standing.mark())
}

#[cfg(test)]
mod tests {
    use refpoint::fleet::Outcome;

    use super::super::super::runs::{Runs, counted as summed};
    use super::*;

    #[test]
    fn the_first_sentence_never_says_more_than_is_known() {
        let finished = Runs::new(1).finished(100, 5);
        let words = verdict(&finished).words;
        let totals = &finished.totals;
        assert!(words.contains(&format!("{} failed", totals.failed)) && words.contains("unknown"), "{words}");
        let mut well = Runs::new(1).finished(300, 5);
        well.units.retain(|unit| unit.outcome() == Some(Outcome::Completed));
        let some = verdict(&summed(well.clone())).words;
        assert!(some.ends_with("not worked with"), "{some}");
        well.hosts.retain(|host| host.error.is_none());
        let all = verdict(&summed(well.clone())).words;
        assert_eq!(all, format!("All {} units done", well.units.len()));
        well.units.clear();
        assert_eq!(verdict(&summed(well)).words, "There was nothing to do");
        assert!(verdict(&Runs::new(1).stopped(100, 5)).words.starts_with("Stopped: "));
        assert!(verdict(&Runs::new(1).running(100, 5)).words.starts_with("Under way: "));
    }
}
