//! What became of a run in the XML that test servers read: a suite is a host, a case is a unit.
//!
//! No norm exists; this is the part on which the schemas in use (Ant's, Jenkins', Gitlab's) agree. A *failure* is what
//! a host has done badly or refused, an *error* is what could not be found out or reached, *skipped* has not ended.

use std::collections::HashMap;

use jiff::Timestamp;
use refpoint::fleet::{Failure, HostReport, HostState, Kind, RunReport, UnitReport};
use refpoint::xml::{Namespace, Writer};

use super::standing::Standing;
use super::units::{unverified, why};
use crate::cli::report::clock::seconds_between;
use crate::cli::report::text::harmless;

/// Returns the document.
pub(crate) fn document(report: &RunReport) -> String {
    let mut units: HashMap<&str, Vec<&UnitReport>> = HashMap::new();
    report.units.iter().for_each(|unit| units.entry(&unit.host).or_default().push(unit));
    let mut writer = Writer::new();
    writer.start(NONE, "testsuites");
    for (at, host) in report.hosts.iter().enumerate() {
        let cases = cases(host, units.get(host.host.as_str()).map_or(&[], Vec::as_slice));
        let began = host.started_at.unwrap_or(report.started_at);
        let properties = unverified(host).map(|words| ("certificate", words));
        suite(report, (&host.host, began), at, properties.as_slice(), &cases, &mut writer);
    }
    if !report.missing.is_empty() {
        nowhere(report, &mut writer);
    }
    writer.end();
    let text = writer.finish().expect("texts were made harmless, and each start has its end");
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n")
}

/// One unit, or a host whose units are not known.
struct Case {
    name: String,
    seconds: u64,
    result: Result,
}

enum Result {
    Passed { remarks: String },
    Skipped { why: String },
    Failure { kind: &'static str, message: String, text: String },
    Error { kind: &'static str, message: String, text: String },
}

fn cases(host: &HostReport, units: &[&UnitReport]) -> Vec<Case> {
    let seconds = host.started_at.zip(host.finished_at).map_or(0, |(from, to)| seconds_between(from, to));
    let whole = |result| Case { name: "(whole host)".to_owned(), seconds, result };
    let of_host = match (host.state, &host.error) {
        (HostState::Outstanding, _) => Some(whole(Result::Skipped { why: "not looked at".to_owned() })),
        (_, Some(error)) => {
            let (message, text) = (error.message.clone(), details(error));
            Some(whole(Result::Error { kind: kind(error.kind), message, text }))
        }
        (HostState::Failed, None) => {
            let message = "the host could not be worked with".to_owned();
            Some(whole(Result::Error { kind: "host", message, text: String::new() }))
        }
        (HostState::Planned, None) => None,
    };
    units.iter().map(|unit| case(unit)).chain(of_host).collect()
}

fn case(unit: &UnitReport) -> Case {
    let seconds = unit.started_at.zip(unit.finished_at).map_or(0, |(from, to)| seconds_between(from, to));
    let (message, text) = (why(unit), unit.error().map(details).unwrap_or_default());
    let sort = unit.error().map(|error| error.kind);
    let result = match Standing::of(unit) {
        Standing::Completed | Standing::Warnings => Result::Passed { remarks: message },
        Standing::Outstanding => Result::Skipped { why: "not begun".to_owned() },
        Standing::Running => Result::Skipped { why: "under way".to_owned() },
        Standing::Detached => {
            Result::Skipped { why: format!("left to its host. {message}").trim().to_owned() }
        }
        Standing::Unknown => Result::Error { kind: "unknown", message, text },
        Standing::Cancelled => Result::Failure { kind: "cancelled", message, text },
        Standing::Failed if sort.is_none_or(is_of_host) => {
            Result::Failure { kind: sort.map_or("failed", kind), message, text }
        }
        Standing::Failed => Result::Error { kind: sort.map_or("failed", kind), message, text },
    };
    // Exports are called by their machine alone, as they were before there was anything else.
    let name = match &*unit.verb {
        "export" => unit.name.clone(),
        verb => format!("{} ({verb})", unit.name),
    };
    Case { name, seconds, result }
}

/// Says whether a host was asked and has done it badly, or has refused.
fn is_of_host(kind: Kind) -> bool {
    matches!(kind, Kind::JobFailed | Kind::Refused | Kind::Fault | Kind::Cancelled | Kind::AccessDenied)
}

/// What the plan names and no host has, as a suite of its own.
fn nowhere(report: &RunReport, writer: &mut Writer) {
    let cases: Vec<_> = report
        .missing
        .iter()
        .map(|name| {
            let message = "the plan names it, and no host has it".to_owned();
            let result = Result::Error { kind: kind(Kind::NotFound), message, text: String::new() };
            Case { name: name.clone(), seconds: 0, result }
        })
        .collect();
    suite(report, ("(no host)", report.started_at), report.hosts.len(), &[], &cases, writer);
}

fn suite(
    report: &RunReport,
    (host, started): (&str, Timestamp),
    at: usize,
    properties: &[(&str, String)],
    cases: &[Case],
    writer: &mut Writer,
) {
    let count = |is: fn(&Result) -> bool| cases.iter().filter(|case| is(&case.result)).count().to_string();
    let seconds: u64 = cases.iter().map(|case| case.seconds).sum();
    // Without a zone: the schemas want it so.
    let timestamp = format!("{started:.0}").trim_end_matches('Z').to_owned();
    writer
        .start(NONE, "testsuite")
        .attribute(NONE, "name", &shown(host))
        .attribute(NONE, "id", &at.to_string())
        .attribute(NONE, "package", &shown(&report.run))
        .attribute(NONE, "hostname", &shown(host))
        .attribute(NONE, "timestamp", &timestamp)
        .attribute(NONE, "tests", &cases.len().to_string())
        .attribute(NONE, "failures", &count(|result| matches!(result, Result::Failure { .. })))
        .attribute(NONE, "errors", &count(|result| matches!(result, Result::Error { .. })))
        .attribute(NONE, "skipped", &count(|result| matches!(result, Result::Skipped { .. })))
        .attribute(NONE, "time", &seconds.to_string())
        .start(NONE, "properties");
    for (name, value) in properties {
        writer
            .start(NONE, "property")
            .attribute(NONE, "name", name)
            .attribute(NONE, "value", &shown(value))
            .end();
    }
    writer.end();
    let mut remarks = String::new();
    for case in cases {
        writer
            .start(NONE, "testcase")
            .attribute(NONE, "name", &shown(&case.name))
            .attribute(NONE, "classname", &shown(host))
            .attribute(NONE, "time", &case.seconds.to_string());
        match &case.result {
            Result::Passed { remarks: said } if said.is_empty() => {}
            Result::Passed { remarks: said } => {
                remarks.push_str(&format!("{}: {}\n", shown(&case.name), shown(said)));
            }
            Result::Skipped { why } => {
                writer.start(NONE, "skipped").attribute(NONE, "message", &shown(why)).end();
            }
            Result::Failure { kind, message, text } => verdict("failure", kind, message, text, writer),
            Result::Error { kind, message, text } => verdict("error", kind, message, text, writer),
        }
        writer.end();
    }
    writer.element(NONE, "system-out", &remarks).element(NONE, "system-err", "").end();
}

fn verdict(element: &str, kind: &str, message: &str, text: &str, writer: &mut Writer) {
    writer
        .start(NONE, element)
        .attribute(NONE, "message", &shown(message))
        .attribute(NONE, "type", kind)
        .text(text)
        .end();
}

/// Returns what a person reads below the message.
fn details(error: &Failure) -> String {
    let mut text = shown(&error.message);
    if let Some(code) = error.code {
        text.push_str(&format!("\ncode: {}", super::cause::number(code)));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("\nnext: {}", shown(hint)));
    }
    text
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage => "usage",
        Kind::Unreachable => "unreachable",
        Kind::Login => "login",
        Kind::Tls => "tls",
        Kind::AccessDenied => "access-denied",
        Kind::Refused => "refused",
        Kind::Fault => "fault",
        Kind::JobFailed => "job-failed",
        Kind::Cancelled => "cancelled",
        Kind::Deadline => "deadline",
        Kind::Busy => "busy",
        Kind::NotFound => "not-found",
        Kind::Ambiguous => "ambiguous",
        Kind::Ledger => "ledger",
        Kind::InUse => "in-use",
        Kind::Unknown => "unknown",
        Kind::Interrupted => "interrupted",
        Kind::Terminated => "terminated",
        _ => "failed",
    }
}

/// Returns a text as it may stand in XML: what acts on a reader is spelled out.
fn shown(text: &str) -> String {
    harmless(text).into_owned()
}

const NONE: Namespace<'static> = Namespace::NONE;

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::runs::{HOSTILE, Runs, hostile};
    use super::*;

    #[test]
    fn a_suite_is_a_host_and_its_sums_are_those_of_its_cases() {
        for report in [Runs::new(1).finished(200, 4), Runs::new(2).stopped(200, 4)] {
            let text = document(&report);
            let document = Document::parse(&text).unwrap();
            let suites: Vec<_> =
                document.root_element().children().filter(roxmltree::Node::is_element).collect();
            assert_eq!(suites.len(), report.hosts.len());
            let mut failed = 0;
            for suite in suites {
                let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
                let having = |name: &str| {
                    let has =
                        |case: &&roxmltree::Node<'_, '_>| case.children().any(|it| it.has_tag_name(name));
                    cases.iter().filter(has).count().to_string()
                };
                assert_eq!(suite.attribute("tests").unwrap(), cases.len().to_string());
                assert_eq!(suite.attribute("failures").unwrap(), having("failure"));
                assert_eq!(suite.attribute("errors").unwrap(), having("error"));
                assert_eq!(suite.attribute("skipped").unwrap(), having("skipped"));
                failed += having("failure").parse::<usize>().unwrap();
            }
            assert_eq!(failed, report.totals.failed + report.totals.cancelled);
        }
    }

    #[test]
    fn no_text_of_a_host_breaks_the_document_or_is_lost() {
        let text = document(&hostile());
        let document = Document::parse(&text).unwrap();
        let named: Vec<_> = document.descendants().filter_map(|node| node.attribute("message")).collect();
        for text in HOSTILE {
            assert!(named.contains(&&*harmless(text)), "{text:?}");
        }
    }
}
