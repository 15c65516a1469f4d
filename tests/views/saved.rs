//! Reports that were saved, and what is none.

use crate::program::{fleet, fleet_of_bytes};
use crate::runs::{Runs, hostile};

#[test]
fn a_report_that_was_printed_is_read_back_to_the_last_bit() {
    for report in
        [Runs::new(1).finished(30, 4), Runs::new(2).stopped(30, 4), Runs::new(3).running(30, 4), hostile()]
    {
        let printed = fleet(&["report", "-o", "json"], &report);
        let read: refpoint::fleet::RunReport = serde_json::from_str(&printed).unwrap();
        assert_eq!(read, report);
    }
}

#[test]
fn every_form_prints_and_the_others_know_nothing_of_two_of_them() {
    let report = Runs::new(1).finished(30, 4);
    for form in ["table", "json", "jsonl", "yaml", "name", "junit", "html"] {
        assert!(
            fleet(&["report", "-o", form], &report).contains(&report.units[0].id)
                || form == "table"
                || form == "junit"
        );
    }
    for form in ["table", "json", "jsonl", "yaml", "name"] {
        assert!(fleet(&["status", "-o", form], &report).contains(&report.run));
    }
    let refused = fleet_of_bytes(&["status", "-o", "html"], serde_json::to_vec(&report).unwrap());
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("fleet report alone"));
}

#[test]
fn what_is_no_report_is_refused_with_what_makes_one() {
    let mut later = Runs::new(1).finished(1, 1);
    later.schema = "refpoint.run/9".to_owned();
    let later = serde_json::to_vec(&later).unwrap();
    for (bytes, said) in [
        (b"".to_vec(), "is not what became of a run"),
        (
            b"{\"schema\":\"refpoint.export/1\"}".to_vec(),
            "refpoint fleet report -o json prints what is read here",
        ),
        (later, "has the schema \"refpoint.run/9\", not \"refpoint.run/1\""),
    ] {
        let output = fleet_of_bytes(&["report", "-o", "html"], bytes);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
