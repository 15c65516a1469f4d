//! Jobs that are named or not, and jobs that their host has forgotten.

use serde_json::Value;

use crate::lab::{At, Lab};
use crate::program::Run;
use crate::snapshot::{compare, tell};

/// Two machines with a point each; exports that take their time.
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
type = "log"
[[machine]]
id = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44"
name = "vm2"
[[machine.disk]]
file = 'D:\VMs\vm2\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "C2060E1F-417A-4DB5-AE38-9F70B2D3C415"
machine = "vm2"
type = "log"
[host]
directories = ['D:\exports']
[speed]
export = { seconds = 3 }
"#;

fn assert_code(run: &Run, code: i32) {
    assert_eq!(run.code, Some(code), "{run:?}");
}

/// Begins the export of a machine and leaves it.
fn begin(at: At<'_>, machine: &str) -> String {
    let directory = format!(r"D:\exports\{machine}");
    let words = ["--vm", machine, "--point", "only", "--to", &directory, "--detach", "-o", "name"];
    let run = at.keeping(&["export"], &words).run();
    assert_code(&run, 0);
    run.stdout.trim().to_owned()
}

#[test]
fn a_job_that_is_not_named_is_the_only_one_that_is_running() {
    let lab = Lab::new(3, WORLD);
    let mut text = String::new();
    let at = lab.at(1);
    for command in ["show", "wait", "cancel"] {
        let run = at.keeping(&["job", command], &[]).run();
        assert_code(&run, 10);
        text += &tell(&format!("job {command} HOST # none is running"), &run);
    }
    let job = begin(at, "vm1");
    let run = at.keeping(&["job", "show"], &["-o", "name"]).run();
    assert_eq!((run.code, run.stdout.trim()), (Some(0), &*job), "{run:?}");
    let run = at.keeping(&["job", "wait"], &[]).run();
    assert_code(&run, 0);
    text += &tell("job wait HOST", &run);
    let at = lab.at(2);
    begin(at, "vm1");
    let run = at.keeping(&["job", "cancel"], &[]).run();
    assert_code(&run, 7);
    text += &tell("job cancel HOST", &run);
    let at = lab.at(3);
    let both = [begin(at, "vm1"), begin(at, "vm2")];
    for command in ["show", "wait", "cancel"] {
        let run = at.keeping(&["job", command], &[]).run();
        assert_code(&run, 10);
        assert!(both.iter().all(|job| run.stderr.contains(job)), "{run:?}");
        assert!(run.stderr.contains("2 jobs are running on the host"), "{run:?}");
    }
    assert_eq!(at.calls("RequestStateChange"), 0);
    compare("job-not-named", &text);
}

/// Somebody else's merge is not cancelled by mistake.
#[test]
fn nothing_but_an_export_is_cancelled_without_being_named() {
    let world = WORLD.replace("export = { seconds = 3 }", "create_point = 30");
    let lab = Lab::new(1, &world);
    let at = lab.at(1);
    let making = at.keeping(&["point", "create"], &["--vm", "vm1"]).start();
    while at.calls("CreateReferencePoint") == 0 {
        std::thread::yield_now();
    }
    let run = at.keeping(&["job", "cancel"], &[]).run();
    assert_code(&run, 10);
    assert!(run.stderr.contains("no export is running on the host, but job "), "{run:?}");
    assert_eq!(at.calls("RequestStateChange"), 0);
    making.signal("KILL");
    assert!(making.end().was_killed());
}

/// What became of it is in the ledger, with its receipt; or it is not, and that is said.
#[test]
fn a_job_that_the_host_has_forgotten_is_told_as_the_ledger_has_it() {
    let rule = |host: usize, rule: &str| {
        format!("[[job]]\nhost = \"HV{host:02}\"\nmethod = \"ExportReferencePoint\"\n{rule}\n")
    };
    let world = WORLD.replace("seconds = 3", "seconds = 0.2") + "[limits]\njob_removal = 0.5\n";
    let world = world + &rule(2, "state = 10\nerror_code = 32768") + &rule(3, "vanishes_after = 0.1");
    let lab = Lab::new(3, &world);
    let mut text = String::new();
    for (number, title, code) in [(1, "completed", 0), (2, "failed", 7), (3, "without an end", 12)] {
        let at = lab.at(number);
        let job = match number {
            3 => begin(at, "vm1"),
            _ => {
                let words = ["--vm", "vm1", "--point", "only", "--to", r"D:\exports\vm1", "-o", "json"];
                let run = at.keeping(&["export"], &words).run();
                assert_code(&run, code);
                run.json()["job"]["id"].as_str().unwrap().to_owned()
            }
        };
        while !at.refpoint(&["job", "list"], &["-o", "name"]).run().stdout.trim().is_empty() {}
        for command in ["show", "wait", "cancel"] {
            let run = at.keeping(&["job", command], &[&job]).run();
            assert_code(&run, code);
            if command == "show" {
                text += &tell(&format!("job show HOST JOB # {title}"), &run);
            }
            let run = at.keeping(&["job", command], &[&job, "-o", "json"]).run();
            assert_code(&run, code);
            assert_eq!(run.json()["job"]["id"], *job, "{run:?}");
            assert_eq!(run.json()["schema"], "refpoint.export/1", "{run:?}");
            assert_eq!(run.json()["outcome"], if code == 12 { "unknown" } else { title }, "{run:?}");
        }
        assert_eq!(at.calls("RequestStateChange"), 0);
        assert_eq!(at.calls("ExportReferencePoint"), 1);
    }
    compare("job-forgotten", &text);
}

/// The run was ended after its last word in the ledger and before its receipt: it is not lost.
#[test]
fn a_receipt_that_was_not_written_any_more_is_handed_out_later() {
    let world = WORLD.replace("seconds = 3", "seconds = 0.2");
    for forgets in [false, true] {
        let world = world.clone() + if forgets { "[limits]\njob_removal = 0.3\n" } else { "" };
        let lab = Lab::new(1, &world);
        let at = lab.at(1);
        let (first, second) = (at.file("receipt.json"), at.file("again.json"));
        let words = ["--vm", "vm1", "--point", "only", "--to", r"D:\exports\vm1", "--receipt"];
        let export = |file: &std::path::Path| {
            at.keeping(&["export"], &[&words[..], &[file.to_str().unwrap()]].concat())
        };
        assert!(export(&first).killed_at("ledger:Ended:after").run().was_killed());
        assert!(!first.exists());
        let run = export(&second).run();
        assert_code(&run, 2);
        let line = run.stderr.lines().find(|line| line.starts_with("hint: ")).unwrap();
        let (_, command) = line.split_once("refpoint job wait ").unwrap_or_else(|| panic!("{run:?}"));
        let job = command.split(' ').nth(1).unwrap();
        while forgets && !at.refpoint(&["job", "list"], &["-o", "name"]).run().stdout.trim().is_empty() {}
        let run = at.keeping(&["job", "wait"], &[job, "-o", "json", "--receipt", first.to_str().unwrap()]);
        let run = run.run();
        assert_code(&run, 0);
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(&first).unwrap()).unwrap();
        assert_eq!(kept, run.json());
        assert_eq!((&kept["outcome"], &kept["job"]["id"]), (&"completed".into(), &job.into()));
        assert_eq!(kept["receipt"]["log_files"].as_array().unwrap().len(), 1, "{kept:#}");
        assert_eq!(at.calls("ExportReferencePoint"), 1);
    }
}

/// The same was exported to the same share before: whoever names that job does not mean the one that runs now.
#[test]
fn a_job_that_has_ended_is_not_taken_for_the_one_that_runs_now() {
    let more = "[[host.share]]\npath = '\\\\nas1\\hv'\n[questions]\nexisting = \"overwrite\"\n\
                [[job]]\nmethod = \"ExportReferencePoint\"\nstate = 10\nduration = 0.1\ntimes = 1\n";
    let world = WORLD.replace("directories = ['D:\\exports']\n", "directories = ['D:\\exports']\n@");
    let (host, rest) = world.split_once('@').unwrap();
    let (share, rules) = more.split_once("[questions]").unwrap();
    let lab = Lab::new(1, &format!("{host}{share}{rest}[questions]{rules}"));
    let at = lab.at(1);
    let words = ["--vm", "vm1", "--point", "only", "--to", r"\\nas1\hv\vm1", "-o", "json"];
    // Once by somebody with a ledger of his own, once by us.
    let theirs = at.file("theirs.db");
    let run = at.refpoint(&["export"], &words).env("REFPOINT_LEDGER", theirs.to_str().unwrap()).run();
    assert_code(&run, 7);
    let older = run.json()["job"]["id"].as_str().unwrap().to_owned();
    let run = at.keeping(&["export"], &[&words[..], &["--detach"]].concat()).run();
    assert_code(&run, 0);
    let ours = run.json()["job"]["id"].as_str().unwrap().to_owned();
    for command in ["cancel", "wait"] {
        let run = at.keeping(&["job", command], &[&older, "-o", "json"]).run();
        assert_code(&run, 7);
        assert_eq!(run.json()["id"], *older, "{run:?}");
    }
    let run = at.keeping(&["job", "wait"], &[&ours, "-o", "json"]).run();
    assert_eq!(
        (run.json()["job"]["id"].as_str(), at.calls("RequestStateChange")),
        (Some(&*ours), 0),
        "{run:?}"
    );
    assert_eq!(run.json()["job"]["state"], 7, "{run:?}");
}
