//! Hosts that are worked with although nobody has verified whose certificate they showed.

use crate::fleet::{Fleet, world};

const PLAN: &str = "
[[export]]
machines = ['*']
to = 'D:\\exports\\{run}\\{vm}'
";

#[test]
fn every_view_of_a_run_names_the_hosts_whose_certificate_nobody_has_verified() {
    let fleet = Fleet::new(2, &world(1, 0.3));
    fleet.trust_anybody_to_be("hv02");
    let plan = fleet.plan("nightly", PLAN);
    let run = fleet.command(&["run", &plan]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = fleet.report(&[]);
    assert!(report["hosts"][0]["unverified_certificate"].is_null(), "{report:#}");
    let fingerprint = report["hosts"][1]["unverified_certificate"].as_str().unwrap();
    assert!(fingerprint.starts_with("sha256:"), "{report:#}");
    let words = format!("certificate not verified ({fingerprint}): anybody on the way could be hv02");
    let of_run = "the certificates of hv02: anybody on the way could be they";
    assert!(run.stdout.contains(of_run), "{run:?}");
    for (view, says) in [
        (vec!["status"], of_run),
        (vec!["status", "-o", "json"], "\"unverified_certificates\":1"),
        (vec!["report"], &*words),
        (vec!["report", "-o", "junit"], &*words),
        (vec!["report", "-o", "html"], of_run),
        (vec!["report", "-o", "html"], fingerprint),
        (vec!["report", "-o", "yaml"], fingerprint),
    ] {
        let shown = fleet.command(&view).run();
        assert!(shown.stdout.contains(says), "{view:?} lacks {says}: {shown:?}");
        assert!(!shown.stdout.contains("be hv01"), "{view:?}: {shown:?}");
    }
}

#[test]
fn a_run_that_is_killed_and_taken_up_still_says_whom_nobody_has_verified() {
    let fleet = Fleet::new(1, &world(1, 0.3));
    fleet.trust_anybody_to_be("hv01");
    let plan = fleet.plan("nightly", PLAN);
    // From when the hosts have been looked at until the last word is written.
    let mut killed = 0;
    for number in 8.. {
        let run = fleet.command(&["run", &plan]).killed_at(&format!("ledger:{number}:before")).run();
        if !run.was_killed() {
            break;
        }
        killed += 1;
        assert_eq!(fleet.command(&["resume"]).run().code, Some(0));
        let report = fleet.report(&[]);
        assert!(report["hosts"][0]["unverified_certificate"].is_string(), "{number}: {report:#}");
    }
    assert!(killed > 1, "{killed}");
}
