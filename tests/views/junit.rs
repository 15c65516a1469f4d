//! JUnit's XML, read by a reader that nobody here wrote.

use std::process::Command;

use serde_json::Value as Json;

use crate::program::{fleet, folder, root};
use crate::runs::{HOSTILE, Runs, hostile};

const READ: &str = "
import json, sys
from junitparser import JUnitXml, Failure, Error, Skipped
xml = JUnitXml.fromfile(sys.argv[1])
suites = [{
    'name': suite.name, 'tests': suite.tests, 'failures': suite.failures, 'errors': suite.errors, 'skipped': suite.skipped,
    'cases': [{'name': case.name, 'class': case.classname, 'results': [[type(r).__name__, r.message] for r in case.result]} for case in suite],
} for suite in xml]
json.dump(suites, sys.stdout)
";

fn read(xml: &str, name: &str) -> Vec<Json> {
    let file = folder(name).join("run.xml");
    std::fs::write(&file, xml).unwrap();
    let python = root().join(".venv/bin/python");
    let output = Command::new(&python).args(["-B", "-c", READ]).arg(&file).output();
    let output =
        output.unwrap_or_else(|error| panic!("{}: {error}; run tests/interop/install.sh", python.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_foreign_reader_counts_what_the_run_counts() {
    let report = Runs::new(11).finished(300, 5);
    let suites = read(&fleet(&["report", "-o", "junit"], &report), "junit-counts");
    assert_eq!(suites.len(), report.hosts.len());
    let results = |wanted: &str| {
        let cases = suites.iter().flat_map(|suite| suite["cases"].as_array().unwrap());
        cases.filter(|case| case["results"][0][0] == wanted).count()
    };
    let sum = |key: &str| suites.iter().map(|suite| suite[key].as_u64().unwrap()).sum::<u64>();
    let totals = &report.totals;
    assert_eq!(results("Failure"), totals.failed + totals.cancelled);
    assert_eq!(results("Error"), totals.unknown + totals.hosts_failed);
    assert_eq!(results("Skipped"), totals.detached);
    for (key, kind) in [("failures", "Failure"), ("errors", "Error"), ("skipped", "Skipped")] {
        assert_eq!(sum(key), u64::try_from(results(kind)).unwrap(), "{key}");
    }
    assert_eq!(sum("tests"), u64::try_from(totals.units + totals.hosts_failed).unwrap());
}

#[test]
fn a_foreign_reader_reads_every_hostile_text_as_text() {
    let suites = read(&fleet(&["report", "-o", "junit"], &hostile()), "junit-hostile");
    assert_eq!(suites.len(), HOSTILE.len());
    assert_eq!(suites[0]["cases"][0]["name"], HOSTILE[0]);
    assert_eq!(suites[2]["cases"][0]["results"][0][1], HOSTILE[2]);
}
