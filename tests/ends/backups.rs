//! Backups and points by the real program: killed at every moment, and as people and scripts meet them.

use refpoint::ledger::{Backup, Ledger, StepKind};
use serde_json::Value;

use crate::lab::{At, Lab};
use crate::program::{Refpoint, Run};

const VM1: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
const FOREIGN: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";

/// One machine with a point of somebody else; everything takes a moment.
const WORLD: &str = r#"
[[machine]]
id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "vm1"
[[machine.disk]]
file = 'D:\VMs\vm1\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "vm1"
[speed]
export = { seconds = 0.2 }
checkpoint = "200ms"
convert = "200ms"
merge = "50ms"
create_point = "50ms"
change_point = "50ms"
"#;

/// How long the host may work on a request, so that looking for what was lost takes little longer.
const SHORT: [&str; 2] = ["--operation-timeout", "1s"];

fn backup(at: At<'_>, directory: &str, more: &[&str]) -> Refpoint {
    let words = ["--vm", "vm1", "--to", directory, "--base", "last-or-none", "-o", "json"];
    at.keeping(&["backup"], &[&words[..], &SHORT, more].concat())
}

fn json(at: At<'_>, words: &[&str], more: &[&str]) -> Value {
    let run = at.keeping(words, &[more, &["-o", "json"]].concat()).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json()
}

fn calls(at: At<'_>, method: &str) -> usize {
    at.asked().iter().filter(|line| line["method"] == method && line["return_value"] == 4096).count()
}

/// Runs the command again until it ends by itself, as a supervisor would.
fn rerun(at: At<'_>) -> Run {
    let mut run = backup(at, r"D:\backup\1", &[]).run();
    for _ in 0..3 {
        if run.code == Some(0) {
            return run;
        }
        assert!(matches!(run.code, Some(4 | 8 | 9 | 11)), "{run:?}");
        run = backup(at, r"D:\backup\1", &[]).run();
    }
    run
}

/// All backups that the ledger has, oldest first.
fn written(at: At<'_>) -> Vec<Backup> {
    let ledger = Ledger::open(at.ledger()).unwrap();
    (1..).map_while(|id| ledger.backup(id).unwrap()).collect()
}

/// Checks what must be so in the end, whatever came between.
fn is_done_once(at: At<'_>, moment: &str) {
    for method in ["CreateSnapshot", "ExportSystemDefinition", "ConvertToReferencePoint"] {
        assert_eq!(calls(at, method), 1, "{moment}: {method}");
    }
    assert_eq!(calls(at, "DestroySnapshot") + calls(at, "DestroyReferencePoint"), 0, "{moment}");
    let points = json(at, &["point", "list"], &["--vm", "vm1"]);
    let points = points.as_array().unwrap();
    assert_eq!(points.len(), 2, "{moment}: {points:#?}");
    let ours = points.iter().filter(|point| point["ours"] == "made").count();
    assert_eq!(ours, points.len() - 1, "{moment}: {points:#?}");
    let written = written(at);
    assert!(written.iter().all(|backup| backup.ended_at.is_some()), "{moment}: {written:#?}");
    let last = written.iter().rfind(|backup| backup.sound).unwrap();
    let steps = Ledger::open(at.ledger()).unwrap().steps(last.id).unwrap();
    let steps: Vec<_> = steps.iter().map(|step| step.new.kind).collect();
    assert_eq!(steps.last(), Some(&StepKind::Convert), "{moment}");
}

#[test]
fn a_backup_that_is_killed_at_any_write_or_request_is_done_once_by_the_same_command() {
    let whole = Lab::new(1, WORLD);
    let run = backup(whole.at(1), r"D:\backup\1", &[]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    let requests = run.json()["requests"].as_u64().unwrap();
    let writes = ["Backup", "Step", "StepAnswered", "StepEnded", "Point", "BackupEnded"];
    let writes = writes.map(|write| format!("ledger:{write}"));
    let requests = (1..=requests).map(|number| format!("request:{number}"));
    let moments: Vec<_> = writes
        .into_iter()
        .chain(requests)
        .flat_map(|what| [format!("{what}:before"), format!("{what}:after")])
        .collect();
    let hosts = moments.len();
    let lab = Lab::new(hosts, WORLD);
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (moments, lab) = (&moments, &lab);
            scope.spawn(move || {
                for (number, moment) in moments.iter().enumerate().skip(worker).step_by(4) {
                    let at = lab.at(number + 1);
                    let killed = backup(at, r"D:\backup\1", &[]).killed_at(moment).run();
                    let is_over = moment == "ledger:BackupEnded:after";
                    if !killed.was_killed() {
                        // Looking goes by the clock: the last requests need not be there.
                        assert_eq!(killed.code, Some(0), "{moment}: {killed:?}");
                        is_done_once(at, moment);
                        continue;
                    }
                    if is_over {
                        // What has ended is not done again into the same directory.
                        let run = backup(at, r"D:\backup\1", &[]).run();
                        assert_eq!(run.code, Some(2), "{run:?}");
                        assert!(run.stderr.contains("is not empty"), "{run:?}");
                        is_done_once(at, moment);
                        continue;
                    }
                    let had_ended = written(at).iter().any(|backup| backup.ended_at.is_some());
                    if had_ended {
                        is_done_once(at, moment);
                        continue;
                    }
                    let run = rerun(at);
                    assert_eq!(run.code, Some(0), "{moment}: {run:?}");
                    is_done_once(at, moment);
                }
            });
        }
    });
}

#[test]
fn a_backup_is_told_to_people_and_to_scripts() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let receipt = at.file("receipt.json");
    let first = backup(at, r"D:\backup\1", &["--receipt", receipt.to_str().unwrap()]).run();
    let report = first.json();
    assert_eq!((first.code, &report["schema"]), (Some(0), &"refpoint.backup/1".into()), "{first:?}");
    assert_eq!(
        (&report["kind"], &report["outcome"], &report["error"]),
        (&"vm".into(), &"completed".into(), &Value::Null)
    );
    assert_eq!(
        (&report["host"], &report["machine"]["name"]),
        (&at.url().split(':').next().unwrap().into(), &"vm1".into())
    );
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(receipt).unwrap()).unwrap();
    assert_eq!(kept, report);
    let words = ["--vm", "vm1", "--to", r"D:\backup\2", "--base", "last"];
    let second = at.keeping(&["backup"], &[&words[..], &["--wait-for-merge"]].concat()).run();
    assert_eq!(second.code, Some(0), "{second:?}");
    let base = report["point"]["id"].as_str().unwrap();
    for line in ["Outcome", base, "Merge", "checkpoint  done", "export      done", r"D:\backup\2\vm1\os.vhdx"]
    {
        assert!(second.stdout.to_lowercase().contains(&line.to_lowercase()), "{line}: {second:?}");
    }
    // A directory that is none, a machine that is none, and nobody to be reached: each with its code.
    for (more, code) in [
        (&["--vm", "vm1", "--to", "/srv/backup"][..], 2),
        (&["--vm", "nobody", "--to", r"D:\backup\3"], 10),
        (&["--group", "nobody", "--to", r"D:\backup\3"], 10),
        (&["--vm", "vm1", "--to", r"D:\backup\2"], 2),
        (&["--vm", "vm1", "--to", r"D:\backup\3", "--base", "0A0A0A0A-0000-0000-0000-000000000000"], 10),
    ] {
        let run = at.keeping(&["backup"], &[more, &["-o", "json"]].concat()).run();
        assert_eq!(run.code, Some(code), "{run:?}");
        if code != 2 || !run.stdout.is_empty() {
            let report = run.json();
            assert_eq!((&report["outcome"], &report["error"]["exit_code"]), (&"failed".into(), &code.into()));
            assert!(report["error"]["kind"].is_string() && report["job"].is_null(), "{report}");
        }
    }
    let events = at.keeping(&["backup"], &["--vm", "vm1", "--to", r"D:\backup\4", "-o", "jsonl"]).run();
    let events: Vec<Value> = events.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["event"], "backup-finished");
    assert_eq!(events.iter().filter(|event| event["event"] == "job-started").count(), 3, "{events:#?}");
}

#[test]
fn a_backup_that_fails_says_what_and_leaves_nothing_of_ours() {
    let world = format!(
        "{WORLD}\n[[job]]\nmethod = \"ExportSystemDefinition\"\nstate = 10\n[[job.error]]\nhresult = 0x80070070\n"
    );
    let lab = Lab::new(1, &world);
    let at = lab.at(1);
    let run = backup(at, r"D:\backup\1", &[]).run();
    let report = run.json();
    assert_eq!((run.code, &report["outcome"]), (Some(7), &"failed".into()), "{run:?}");
    assert_eq!(
        (&report["error"]["kind"], &report["remains"]),
        (&"job-failed".into(), &Value::Array(Vec::new()))
    );
    assert!(run.stderr.contains("0x80070070") && run.stderr.contains("hint: "), "{run:?}");
    assert_eq!((calls(at, "CreateSnapshot"), calls(at, "DestroySnapshot")), (1, 1));
    let points = json(at, &["point", "list"], &[]);
    assert_eq!(points.as_array().unwrap().len(), 1, "{points}");
}

#[test]
fn points_of_others_go_only_with_their_identifier_and_foreign_and_a_word_of_consent() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let made = json(at, &["point", "create"], &["--vm", "vm1"])["id"].as_str().unwrap().to_owned();
    let destroy = |more: &[&str]| at.keeping(&["point", "destroy"], more).run();
    // Nobody is there to be asked.
    let run = destroy(&[&made]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--yes"), "{run:?}");
    let run = destroy(&[FOREIGN, "--yes"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--foreign"), "{run:?}");
    let run = destroy(&["0A0A0A0A-0000-0000-0000-000000000000", "--yes"]);
    assert_eq!(run.code, Some(10), "{run:?}");
    assert_eq!(calls(at, "DestroyReferencePoint"), 0);
    let run = destroy(&[&made, "--yes", "-o", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"destroyed".into()));
    let run = destroy(&[FOREIGN, "--vm", "vm1", "--foreign", "--yes"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(calls(at, "DestroyReferencePoint"), 2);
    assert!(json(at, &["point", "list"], &[]).as_array().unwrap().is_empty());
    let run = at.keeping(&["point", "discard"], &[FOREIGN, "--yes"]).run();
    assert_eq!(run.code, Some(10), "{run:?}");
}

#[test]
fn what_is_pruned_is_said_first_and_then_done() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    for _ in 0..3 {
        json(at, &["point", "create"], &["--vm", "vm1"]);
    }
    let prune = |more: &[&str]| at.keeping(&["point", "prune"], more).run();
    assert_eq!(prune(&[]).code, Some(2));
    assert_eq!(prune(&["--keep-last", "0"]).code, Some(2));
    let dry = prune(&["--keep-last", "1", "--dry-run", "-o", "json"]);
    let fates: Vec<_> = dry.json()["owners"][0]["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["fate"].clone())
        .collect();
    assert_eq!((dry.code, fates), (Some(0), vec!["keep".into(), "let-go".into(), "let-go".into()]));
    assert_eq!(calls(at, "DestroyReferencePoint"), 0);
    let run = prune(&["--keep-last", "1"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stdout.lines().filter(|line| line.contains("removed")).count(), 2, "{run:?}");
    let left = json(at, &["point", "list"], &[]);
    let marks: Vec<_> = left.as_array().unwrap().iter().map(|point| point["marks"].clone()).collect();
    assert_eq!(marks.len(), 2);
    assert!(marks.contains(&serde_json::json!(["foreign"])), "{marks:?}");
    assert!(marks.contains(&serde_json::json!(["made", "latest"])), "{marks:?}");
}

#[test]
fn the_chain_is_visible_in_the_list_and_in_a_point_s_history() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let ids: Vec<_> = [r"D:\backup\1", r"D:\backup\2"]
        .map(|directory| backup(at, directory, &["--wait-for-merge"]).run().json()["point"]["id"].clone())
        .into();
    let lost = json(at, &["point", "create"], &["--vm", "vm1"])["id"].as_str().unwrap().to_owned();
    // Somebody else removes it.
    let run = at.refpoint(
        &["point", "destroy"],
        &[&lost, "--foreign", "--yes", "--ledger", at.file("other.db").to_str().unwrap()],
    );
    assert_eq!(run.run().code, Some(0));
    let listed = json(at, &["point", "list"], &["--vm", "vm1"]);
    let marks = |id: &Value| {
        let found = listed.as_array().unwrap().iter().find(|point| point["id"] == *id);
        found.unwrap_or_else(|| panic!("{id}: {listed:#}"))["marks"].clone()
    };
    assert_eq!(marks(&ids[0]), serde_json::json!(["made", "base of newest"]));
    assert_eq!(marks(&ids[1]), serde_json::json!(["made", "latest", "next base"]));
    assert_eq!(marks(&lost.clone().into()), serde_json::json!(["made", "missing"]));
    let table = at.keeping(&["point", "list"], &[]).run().stdout;
    assert!(
        table.contains("rct (2)") && table.contains("application (1)") && table.contains("missing"),
        "{table}"
    );
    let shown = json(at, &["point", "show"], &[ids[0].as_str().unwrap()]);
    let told: Vec<_> = shown["history"].as_array().unwrap().iter().map(|it| it["what"].clone()).collect();
    assert_eq!(told, ["backed-up", "made", "base-of-backup"], "{shown:#}");
}

#[test]
fn what_has_changed_since_a_point_is_shown_with_sums_and_with_ranges() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let shown = json(at, &["vm", "changes"], &["--vm", "vm1", "--since", FOREIGN]);
    let disk = &shown["disks"][0];
    let ranges = disk["ranges"].as_array().unwrap();
    let sum: u64 = ranges.iter().map(|range| range["length"].as_u64().unwrap()).sum();
    assert_eq!(
        (disk["changed_bytes"].as_u64(), disk["size"].as_u64()),
        (Some(sum), Some(1 << 30)),
        "{shown:#}"
    );
    assert!(sum > 0 && ranges.len() > 1);
    let run = at.keeping(&["vm", "changes"], &["--vm", "vm1", "--since", FOREIGN]).run();
    assert!(run.stdout.contains(&sum.to_string()), "{run:?}");
    let run = at.keeping(&["vm", "changes"], &["--vm", "vm1", "--since", FOREIGN, "--disk", "nothing"]).run();
    assert_eq!(run.code, Some(10), "{run:?}");
    let run = at.keeping(&["vm", "changes"], &["--vm", "vm1", "--since", VM1]).run();
    assert_eq!(run.code, Some(10), "{run:?}");
}

/// The point may be said as it may be to an export.
#[test]
fn what_has_changed_may_be_asked_for_since_the_latest_and_since_the_only_point() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let changes =
        |since: &str| at.keeping(&["vm", "changes"], &["--vm", "vm1", "--since", since, "-o", "json"]).run();
    let only = changes("only");
    assert_eq!(only.code, Some(0), "{only:?}");
    assert!(only.json()["since"].as_str().unwrap().ends_with(FOREIGN));
    let nothing = changes("latest");
    assert_eq!(nothing.code, Some(10), "of others nobody knows the age: {nothing:?}");
    let made = json(at, &["point", "create"], &["--vm", "vm1"])["id"].clone();
    assert_eq!(changes("latest").json()["since"], made);
    assert_eq!(changes("only").code, Some(10));
}

/// A job that has done it and warns is no plain success.
#[test]
fn a_point_whose_job_warns_is_told_with_the_warning() {
    let lab = Lab::new(1, &format!("{WORLD}\n[[job]]\nmethod = \"CreateReferencePoint\"\nstate = 32768\n"));
    let at = lab.at(1);
    let run = at.keeping(&["point", "create"], &["--vm", "vm1", "-o", "json"]).run();
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(run.stderr.contains("ended with warnings") && run.json()["ours"] == "made", "{run:?}");
}

/// What is shown is what would be sent: of each call the method and the arguments, with a word in the place of what
/// only the host can say.
#[test]
fn a_dry_run_shows_every_message_of_a_backup_and_sends_none() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let dry = |directory: &str, more: &[&str]| backup(at, directory, &[&["--dry-run"], more].concat()).run();
    let is_changed = || at.asked().iter().any(|line| line["operation"] == "Invoke");
    let run = dry(r"D:\backup\1", &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("backing up in full: the ledger knows of no backup"), "{}", run.stderr);
    let seen = run.json();
    let envelope = |seen: &Value, step: usize| seen["steps"][step]["envelope"].as_str().unwrap().to_owned();
    let methods: Vec<_> =
        seen["steps"].as_array().unwrap().iter().map(|step| step["method"].clone()).collect();
    assert_eq!(
        methods,
        [
            "Msvm_VirtualSystemSnapshotService.CreateSnapshot",
            "Msvm_VirtualSystemManagementService.ExportSystemDefinition",
            "Msvm_VirtualSystemSnapshotService.ConvertToReferencePoint",
        ]
    );
    assert!(envelope(&seen, 0).contains("<p:SnapshotType>32768</p:SnapshotType>"), "{seen}");
    assert!(envelope(&seen, 1).contains(r"<p:ExportDirectory>D:\backup\1</p:ExportDirectory>"), "{seen}");
    for step in [1, 2] {
        assert!(envelope(&seen, step).contains("THE-CHECKPOINT"), "{step}: {seen}");
    }
    assert!(!is_changed() && written(at).is_empty(), "nothing was sent, and nothing is in the ledger");
    // The real one sends the same, with the checkpoint that there is then.
    let dump = at.file("dump");
    let done = backup(at, r"D:\backup\1", &["--dump", dump.to_str().unwrap()]).run();
    assert_eq!(done.code, Some(0), "{done:?}");
    let sent: Vec<String> = std::fs::read_dir(&dump)
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .filter(|text| text.contains("_INPUT "))
        .collect();
    let body = |text: &str| text[text.find("<s:Body>").unwrap()..text.find("</s:Body>").unwrap()].to_owned();
    let sent: Vec<String> = sent.iter().map(|text| body(text)).collect();
    assert_eq!(sent.len(), 3, "{sent:#?}");
    assert!(sent.contains(&body(&envelope(&seen, 0))), "{sent:#?}");
    for step in [1, 2] {
        let foreseen = body(&envelope(&seen, step));
        let (before, after) = foreseen.split_once("THE-CHECKPOINT").unwrap();
        let is_it = |text: &&String| text.starts_with(before) && text.ends_with(after);
        assert_eq!(sent.iter().filter(is_it).count(), 1, "{foreseen} in {sent:#?}");
    }
    // The next is relative to it, and a directory that holds something is refused as it would be.
    let next = dry(r"D:\backup\2", &[]).json();
    let point = done.json()["point"]["id"].clone();
    assert_eq!(next["base"], point);
    assert!(envelope(&next, 1).contains("DifferentialBackupBase"), "{next}");
    let full = dry(r"D:\backup\1", &[]);
    assert_ne!(full.code, Some(0), "{full:?}");
    let none = at.keeping(&["backup"], &["--vm", "nobody", "--to", r"D:\backup\3", "--dry-run"]).run();
    assert_eq!(none.code, Some(10), "{none:?}");
}

#[test]
fn a_dry_run_of_a_group_calls_the_services_of_groups() {
    let world = WORLD.to_owned()
        + "[[group]]\nid = '8F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'shop'\nmembers = ['vm1']\n";
    let lab = Lab::new(1, &world);
    let at = lab.at(1);
    let words = ["--group", "shop", "--to", r"D:\backup\1", "--dry-run"];
    let run = at.keeping(&["backup"], &words).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    for method in ["CreateSnapshot", "ExportSnapshot", "ConvertToReferencePoint"] {
        assert!(
            run.stdout.contains(&format!(". Would call Msvm_CollectionSnapshotService.{method}\n")),
            "{}",
            run.stdout
        );
    }
    assert!(at.asked().iter().all(|line| line["operation"] != "Invoke"));
}

#[test]
fn a_dry_run_says_that_an_open_backup_would_be_ended_first() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let killed =
        backup(at, r"D:\backup\1", &[]).env("REFPOINT_TEST_CRASH", "ledger:StepAnswered:after").run();
    assert_ne!(killed.code, Some(0), "{killed:?}");
    let calls = at.asked().iter().filter(|line| line["operation"] == "Invoke").count();
    let run = backup(at, r"D:\backup\2", &["--dry-run"]).run();
    assert_eq!((run.code, &run.json()["open"]), (Some(0), &r"D:\backup\1".into()), "{run:?}");
    assert!(run.stderr.contains("was begun and has not ended"), "{}", run.stderr);
    assert_eq!(at.asked().iter().filter(|line| line["operation"] == "Invoke").count(), calls);
}
