//! What a person sees.

use crate::hosts::{Lab, PASSWORD, USER, diagnosis, doctor};
use crate::program::{Run, refpoint};

fn table(target: &str, more: &[&str]) -> Run {
    let words = ["doctor", target].into_iter().chain(more.iter().copied());
    refpoint(words)
        .env("REFPOINT_PASSWORD", PASSWORD)
        .env("REFPOINT_USER", USER)
        .env("KRB5_CONFIG", "/dev/null")
        .run()
}

#[test]
fn the_table_names_each_layer_in_its_order_and_ends_with_what_it_comes_to() {
    let lab = Lab::new(1, "");
    let run = table(&lab.http(0), &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let mut lines = run.stdout.lines();
    assert_eq!(lines.next(), Some(&*format!("{}/wsman as LAB\\operator", lab.http(0))));
    let names: Vec<&str> =
        lines.filter_map(|line| line.strip_prefix("pass  ")?.split_whitespace().next()).collect();
    assert_eq!((names.len(), names.first(), names.last()), (14, Some(&"name"), Some(&"clock")));
    assert!(run.stdout.ends_with("\nAll 14 layers pass.\n"), "{}", run.stdout);
}

#[test]
fn a_failure_has_its_fix_below_it_and_what_is_not_reached_stands_together() {
    let lab = Lab::new(1, "[host]\nhyper_v = 'stopped'");
    let run = table(&lab.http(0), &[]);
    assert_eq!(run.code, Some(7));
    let expected = "\
FAIL  role        the service vmms, which is Hyper-V's management, is not running: Stopped (Microsoft Windows \
Server 2022 Datacenter, build 20348)
      fix         Start it; the log Microsoft-Windows-Hyper-V-VMMS-Admin says why it was not running
                  PS HOST> Start-Service vmms
";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    assert!(run.stdout.contains(" -    not reached machines, services: because of role\n"), "{}", run.stdout);
    assert!(run.stdout.contains("\n1 failed (role), 2 not reached. Exit code 7.\n"), "{}", run.stdout);
}

#[test]
fn names_are_those_of_what_is_wrong_and_json_is_one_object_however_it_is_asked_for() {
    let lab = Lab::new(1, "[limits]\nmax_operations = 15");
    let run = table(&lab.http(0), &["-o", "name"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "quotas\n"));
    let one = table(&lab.http(0), &["--json"]).json();
    let other = diagnosis(doctor(&lab.http(0), &[])).value;
    assert_eq!(one["verdict"], "warn");
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&one), keys(&other));
    let expected =
        ["schema", "endpoint", "user", "started_at", "verdict", "failed_layer", "exit_code", "layers"];
    assert_eq!(keys(&one), expected);
    assert_eq!(keys(&one["layers"][0]), ["layer", "status", "seen", "code", "exit_code", "fix", "facts"]);
}
