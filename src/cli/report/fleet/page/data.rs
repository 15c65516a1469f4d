//! The data of the page: what its script makes timeline, table and details of.
//!
//! Rows are arrays, texts that come again stand once, times are milliseconds since the run began, and what a directory
//! holds is written without the directory: five thousand units are to fit into a mail.

use std::collections::HashMap;

use jiff::Timestamp;
use refpoint::client::codes;
use refpoint::fleet::{Ending, HostReport, HostState, RunReport, RunState, UnitReport};
use serde_json::{Value as Json, json};

use super::super::cause::{Cause, number};
use super::super::standing::Standing;
use crate::cli::report::text::harmless;

/// Returns the JSON as it may stand inside a `script` element.
pub(super) fn json(report: &RunReport, causes: &[Cause<'_>]) -> String {
    let mut texts = Texts::default();
    let mut of_host: HashMap<&str, usize> = HashMap::new();
    let mut of_unit: HashMap<*const UnitReport, usize> = HashMap::new();
    for (at, cause) in causes.iter().enumerate() {
        of_host.extend(cause.hosts.iter().map(|host| (host.host.as_str(), at)));
        of_unit.extend(cause.units.iter().map(|unit| (std::ptr::from_ref(*unit), at)));
    }
    let times = Times::of(report);
    let place = |standing| Standing::ALL.iter().position(|one| *one == standing);
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for (at, host) in report.hosts.iter().enumerate() {
        numbers.insert(&host.host, at);
    }
    let mut hosts: Vec<Json> = Vec::with_capacity(report.hosts.len());
    for one in &report.hosts {
        hosts.push(host(one, of_host.get(one.host.as_str()).copied(), &times, &mut texts));
    }
    let mut units: Vec<Json> = Vec::with_capacity(report.units.len());
    for one in &report.units {
        // A unit whose host is not listed gets a lane all the same.
        let at = *numbers.entry(&one.host).or_insert_with(|| {
            hosts.push(unlisted(&one.host));
            hosts.len() - 1
        });
        let cause = of_unit.get(&std::ptr::from_ref(one)).copied();
        units.push(unit(one, at, place(Standing::of(one)), cause, &times, &mut texts));
    }
    let cause = |cause: &Cause<'_>| {
        let next = cause.next.as_deref().map(shown).unwrap_or_default();
        json!([place(cause.standing), cause.heading(), next])
    };
    let data = json!({
        "from": times.from.as_millisecond(),
        "to": times.after(Some(times.to)),
        "standings": Standing::ALL.map(|one| json!([one.name(), one.words(), one.mark().to_string()])),
        "causes": causes.iter().map(cause).collect::<Vec<_>>(),
        "hosts": hosts,
        "units": units,
        "texts": texts.all,
    });
    embedded(&data.to_string())
}

fn host(host: &HostReport, cause: Option<usize>, times: &Times, texts: &mut Texts) -> Json {
    let state = match host.state {
        HostState::Outstanding => 0,
        HostState::Planned => 1,
        HostState::Failed => 2,
    };
    json!([
        shown(&host.host),
        host.name.as_deref().map(shown),
        state,
        host.scheme.as_deref().map(shown),
        host.sealed,
        times.after(host.started_at),
        times.after(host.finished_at),
        host.requests,
        host.bytes_sent,
        host.bytes_received,
        place_of(cause),
        texts.place(host.error.as_ref().map(|error| error.message.as_str())),
        host.unverified_certificate.as_deref().map(shown),
    ])
}

fn unlisted(name: &str) -> Json {
    json!([shown(name), null, 1, null, null, null, null, 0, 0, 0, -1, -1, null])
}

fn unit(
    unit: &UnitReport,
    host: usize,
    standing: Option<usize>,
    cause: Option<usize>,
    times: &Times,
    texts: &mut Texts,
) -> Json {
    let error = unit.error();
    let warnings: Vec<i64> = unit.warnings().iter().map(|text| texts.place(Some(text))).collect();
    json!([
        unit.unit,
        host,
        unit.kind,
        shown(&unit.id),
        shown(&unit.name),
        unit.verb,
        shown(&unit.directory),
        standing,
        unit.tries,
        times.after(unit.started_at),
        times.after(unit.finished_at),
        place_of(cause),
        texts.place(error.map(|error| error.message.as_str())),
        texts.place(error.and_then(|error| error.hint.as_deref())),
        error.and_then(|error| error.code).map(number),
        warnings,
        unit.ending.as_ref().map(|ending| ending_of(ending, &unit.directory, texts)),
    ])
}

fn ending_of(ending: &Ending, directory: &str, texts: &mut Texts) -> Json {
    let returned = ending.export().and_then(|export| export.return_value.as_ref());
    let returned = returned.map(|value| format!("{} ({})", value.code, shown(&value.name)));
    let job = ending.job();
    let state = job.and_then(|job| job.state).map(|state| {
        let name = codes::job_state(state).map_or("not a state we know", |state| state.code.name);
        let percent =
            job.and_then(|job| job.percent).map(|percent| format!(", {percent} %")).unwrap_or_default();
        format!("{state} ({name}){percent}")
    });
    let errors: Vec<i64> = job
        .map_or(&[][..], |job| &job.errors)
        .iter()
        .map(|error| texts.place(Some(&error.message)))
        .collect();
    let short = |file: &String| match file.strip_prefix(directory) {
        // No text that is harmless holds a tabulator.
        Some(rest) if !directory.is_empty() => format!("\t{}", harmless(rest)),
        _ => shown(file),
    };
    let files: Vec<String> = match ending {
        Ending::Export(export) => {
            let receipt = &export.receipt;
            let files = [
                &receipt.log_files,
                &receipt.config_files,
                &receipt.runtime_files,
                &receipt.guest_state_files,
            ];
            files.into_iter().flatten().map(short).collect()
        }
        Ending::Backup(backup) => backup.files.iter().map(|file| short(&file.path)).collect(),
        Ending::Create(_) | Ending::Prune(_) => Vec::new(),
    };
    let (requests, sent, received) = ending.traffic();
    json!([
        ending.point().map(|point| shown(&point.id)),
        ending.base().map(|base| shown(&base.id)),
        returned,
        job.map(|job| shown(&job.id)),
        state,
        errors,
        requests,
        sent,
        received,
        files,
    ])
}

/// Texts of which each stands once.
#[derive(Default)]
struct Texts {
    all: Vec<String>,
    known: HashMap<String, usize>,
}

impl Texts {
    fn place(&mut self, text: Option<&str>) -> i64 {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return -1 };
        let text = shown(text);
        let at = *self.known.entry(text).or_insert_with_key(|text| {
            self.all.push(text.clone());
            self.all.len() - 1
        });
        place_of(Some(at))
    }
}

/// When things were, from the beginning of the run.
struct Times {
    from: Timestamp,
    to: Timestamp,
}

impl Times {
    /// Ends where the run has; of a run that is under way, when that was looked up.
    fn of(report: &RunReport) -> Self {
        let of_hosts = report.hosts.iter().flat_map(|host| [host.started_at, host.finished_at]);
        let of_units = report.units.iter().flat_map(|unit| [unit.started_at, unit.finished_at]);
        let looked_up = report.at.filter(|_| report.state == RunState::Running);
        let all = of_hosts.chain(of_units).chain([report.finished_at, Some(report.started_at), looked_up]);
        let (mut from, mut to) = (report.started_at, report.started_at);
        for at in all.flatten() {
            (from, to) = (from.min(at), to.max(at));
        }
        Self { from, to }
    }

    fn after(&self, at: Option<Timestamp>) -> Option<i64> {
        at.map(|at| at.as_millisecond() - self.from.as_millisecond())
    }
}

fn place_of(at: Option<usize>) -> i64 {
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn shown(text: &str) -> String {
    harmless(text).into_owned()
}

/// Returns JSON in which nothing ends the element it stands in, or a line of an old script.
fn embedded(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::runs::{Runs, hostile};
    use super::*;

    #[test]
    fn every_unit_and_host_is_in_the_data_with_its_cause() {
        let report = Runs::new(4).stopped(200, 4);
        let causes = Cause::all(&report);
        let data: Json = serde_json::from_str(&json(&report, &causes)).unwrap();
        assert_eq!(data["units"].as_array().unwrap().len(), report.units.len());
        assert_eq!(data["hosts"].as_array().unwrap().len(), report.hosts.len());
        let caused = data["units"].as_array().unwrap().iter().filter(|unit| unit[11] != -1).count();
        assert_eq!(caused, causes.iter().map(|cause| cause.units.len()).sum::<usize>());
    }

    #[test]
    fn a_unit_of_a_host_that_is_not_listed_is_not_lost() {
        let mut report = Runs::new(4).finished(3, 1);
        report.hosts.clear();
        let data: Json = serde_json::from_str(&json(&report, &Cause::all(&report))).unwrap();
        assert_eq!(data["hosts"].as_array().unwrap().len(), report.units.len());
    }

    #[test]
    fn hostile_texts_read_back_harmless() {
        let report = hostile();
        let text = json(&report, &Cause::all(&report));
        assert!(!text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        let data: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(data["hosts"][0][1], super::super::super::runs::HOSTILE[0]);
    }

    proptest! {
        #[test]
        fn any_text_stays_inside_its_element(text in any::<String>()) {
            let json = embedded(&Json::from(text.clone()).to_string());
            let breaks_out = json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!breaks_out);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
