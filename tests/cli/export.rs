//! Exports that end before there is a host to ask.

use serde_json::Value;

use crate::program::{Refpoint, folder, refpoint};

/// An export from where nobody listens, with a ledger and a receipt in a folder of its own.
fn export(folder: &std::path::Path, more: &[&str]) -> Refpoint {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (ledger, receipt) = (path("ledger.db"), path("receipt.json"));
    let fixed = [
        "export",
        "http://127.0.0.1:1",
        "--user",
        r"LAB\operator",
        "--vm",
        "web01",
        "--point",
        "only",
        "--to",
        r"D:\exports\web01",
        "--ledger",
        &ledger,
        "--receipt",
        &receipt,
    ];
    refpoint(fixed.iter().chain(more)).env("REFPOINT_PASSWORD", "Swordfish-7391")
}

#[track_caller]
fn is_never_begun(report: &Value, kind: &str, exit_code: i32) {
    assert_eq!(report["schema"], "refpoint.export/1", "{report}");
    assert_eq!((&report["outcome"], &report["job"]), (&Value::from("failed"), &Value::Null), "{report}");
    assert_eq!((&report["error"]["kind"], &report["error"]["exit_code"]), (&kind.into(), &exit_code.into()));
    assert!(report["error"]["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{report}");
}

#[test]
fn an_export_that_met_no_host_prints_its_object_and_keeps_it() {
    let folder = folder("export-unreachable");
    let run = export(&folder, &["-o", "json"]).run();
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: 127.0.0.1: ") && run.stderr.contains("hint: "), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    is_never_begun(&report, "unreachable", 4);
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("receipt.json")).unwrap()).unwrap();
    assert_eq!(kept, report);
    let run = export(&folder, &["-o", "jsonl"]).run();
    let events: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [started, unit, finished] = &*events else { panic!("{events:#?}") };
    assert_eq!((&started["event"], &started["run"]), (&"run-started".into(), &Value::Null));
    assert_eq!((&unit["event"], &unit["unit"]), (&"unit-finished".into(), &"web01".into()));
    is_never_begun(&unit["export"], "unreachable", 4);
    assert_eq!((&finished["event"], &finished["exit_code"]), (&"run-finished".into(), &4.into()));
    assert_eq!((&finished["totals"]["units"], &finished["totals"]["failed"]), (&1.into(), &1.into()));
}

#[test]
fn an_export_without_a_ledger_prints_its_object_too() {
    let folder = folder("export-damaged");
    std::fs::write(folder.join("ledger.db"), "this is no ledger, and is longer than a database's header")
        .unwrap();
    let run = export(&folder, &["-o", "json"]).run();
    assert_eq!(run.code, Some(11), "{}", run.stderr);
    is_never_begun(&serde_json::from_str(&run.stdout).unwrap(), "ledger", 11);
}

#[test]
fn a_look_ahead_leaves_the_receipt_of_an_earlier_run_alone() {
    let folder = folder("export-receipt");
    std::fs::write(folder.join("receipt.json"), "of yesterday").unwrap();
    let run = export(&folder, &["--dry-run"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(4), ""), "{}", run.stderr);
    assert_eq!(std::fs::read_to_string(folder.join("receipt.json")).unwrap(), "of yesterday");
    assert_eq!(
        std::fs::read_dir(&folder)
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("receipt") })
            .count(),
        1
    );
}
