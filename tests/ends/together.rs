//! Two programs on one ledger, and a ledger that fails while a job runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use refpoint::ledger::{Ledger, Stage};

use crate::lab::Lab;
use crate::program::BINARY;

fn world() -> String {
    crate::crashes::WORLD.replace("seconds = 0.3", "seconds = 1.5")
}

#[test]
fn two_programs_that_begin_the_same_at_once_begin_it_once() {
    const PAIRS: usize = 6;
    let lab = Lab::new(PAIRS, &world());
    let mut codes = Vec::new();
    std::thread::scope(|scope| {
        let lab = &lab;
        let pairs: Vec<_> = (1..=PAIRS)
            .map(|number| {
                scope.spawn(move || {
                    let at = lab.at(number);
                    let both = [at.export(&["-o", "json"]).start(), at.export(&["-o", "json"]).start()];
                    both.map(crate::program::Running::end)
                })
            })
            .collect();
        for (place, pair) in pairs.into_iter().enumerate() {
            let runs = pair.join().unwrap();
            let at = lab.at(place + 1);
            assert_eq!(at.calls("ExportReferencePoint"), 1, "{runs:?}");
            let done = runs.iter().filter(|run| run.code == Some(0)).count();
            let other = runs.iter().find(|run| run.code != Some(0)).unwrap_or(&runs[1]);
            assert!(done >= 1, "{runs:?}");
            if done == 1 {
                assert_eq!(other.code, Some(11), "{other:?}");
                assert!(other.stderr.contains("another refpoint is exporting vm1"), "{other:?}");
                assert_eq!(other.json()["error"]["exit_code"], 11);
            }
            let export = Ledger::open(at.ledger()).unwrap().export(1).unwrap().unwrap();
            assert_eq!((export.stage, export.outcome.as_deref()), (Stage::Ended, Some("completed")));
            codes.push(other.code);
        }
    });
    assert!(codes.contains(&Some(11)), "they never met: {codes:?}");
}

/// By whatever name a host is called, it is known by its own.
#[test]
fn who_follows_keeps_others_from_following_and_says_so() {
    // However slow the machine, the job is not over before the others have met it.
    let lab = Lab::new(1, &crate::crashes::WORLD.replace("seconds = 0.3", "seconds = 600"));
    let at = lab.at(1);
    let running = at.export(&[]).start();
    let line = running.says("has begun");
    let job = line.split("job ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let run = at.keeping(&["job", "wait"], &[&job]).run();
    assert_eq!(run.code, Some(11), "{run:?}");
    let run = at.export(&["--retry-unknown"]).run();
    assert_eq!(run.code, Some(11), "{run:?}");
    let elsewhere = at.called_otherwise();
    assert_ne!(elsewhere.url(), at.url());
    let run = elsewhere.export(&[]).run();
    assert_eq!(run.code, Some(11), "{run:?}");
    assert!(run.stderr.contains("another refpoint is exporting vm1"), "{run:?}");
    let run = elsewhere.keeping(&["job", "wait"], &[&job]).run();
    assert_eq!(run.code, Some(11), "{run:?}");
    running.signal("TERM");
    assert_eq!(running.end().code, Some(143));
    assert_eq!(at.calls("ExportReferencePoint"), 1);
}

/// The limit of the size of files stands in for a disk that is full: what is written fails in both, although the
/// signal that comes with it ends programs that do not expect it.
#[test]
fn a_ledger_that_cannot_be_written_while_the_job_runs_is_told_and_the_job_is_followed() {
    let lab = Lab::new(2, &world());
    // The host has answered, and the answer cannot be written down.
    let at = lab.at(1);
    let running = at.export(&["-o", "json"]).start();
    running.says("exporting");
    let line = running.says("has begun");
    let job = line.split("job ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let lock = rusqlite::Connection::open(at.ledger()).unwrap();
    lock.execute_batch("begin immediate").unwrap();
    let run = running.end();
    drop(lock);
    assert_eq!(run.code, Some(11), "{run:?}");
    let report = run.json();
    assert_eq!(
        (&report["outcome"], &report["job"]["id"]),
        (&"completed".into(), &job.clone().into()),
        "{run:?}"
    );
    assert_eq!(report["receipt"]["log_files"].as_array().unwrap().len(), 1);
    assert!(run.stderr.contains(&job) && run.stderr.contains("error: the ledger "), "{run:?}");
    let again = at.export(&["-o", "json"]).run();
    assert_eq!((again.code, &again.json()["outcome"]), (Some(0), &"completed".into()), "{again:?}");
    assert_eq!(at.calls("ExportReferencePoint"), 1);
    full_disk(&lab);
}

fn full_disk(lab: &Lab) {
    let at = lab.at(2);
    let running = at.export(&["-o", "json"]).start();
    running.says("has begun");
    let limit =
        Command::new("prlimit").args(["--pid", &running.id().to_string(), "--fsize=0:0"]).status().unwrap();
    assert!(limit.success());
    let run = running.end();
    assert_eq!(run.code, Some(11), "{run:?}");
    let report = run.json();
    assert_eq!(report["outcome"], "completed", "{run:?}");
    let job = report["job"]["id"].as_str().unwrap();
    assert!(run.stderr.contains(job) && run.stderr.contains("error: "), "{run:?}");
    let again = at.export(&["-o", "json"]).run();
    assert_eq!((again.code, &again.json()["outcome"]), (Some(0), &"completed".into()), "{again:?}");
    assert_eq!(at.calls("ExportReferencePoint"), 1);
}

/// A ledger that may be read and not written: nothing is asked of the host that would have to be written down.
#[test]
fn a_ledger_that_may_only_be_read_is_said_to_be_that_and_nothing_is_asked() {
    let lab = Lab::new(3, &world());
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (number, file, folder) in [(1, 0o400, 0o700), (2, 0o600, 0o500), (3, 0o400, 0o500)] {
        let at = lab.at(number);
        let state = at.file("state");
        fs::create_dir(&state).unwrap();
        let path = state.join("ledger.db");
        drop(Ledger::open(&path).unwrap());
        mode(&path, file);
        mode(&state, folder);
        let before = fs::read(&path).unwrap();
        let export = || at.export(&["-o", "json"]).env("REFPOINT_LEDGER", path.to_str().unwrap());
        let run = export().bound_by_modes().run();
        assert_eq!(run.code, Some(11), "{number}: {run:?}");
        let report = run.json();
        assert_eq!(
            (&report["outcome"], &report["error"]["kind"]),
            (&"failed".into(), &"ledger".into()),
            "{run:?}"
        );
        assert!(run.stderr.contains(path.to_str().unwrap()), "{number}: {run:?}");
        assert!(run.stderr.contains("hint: check the disk and the permissions of the file"), "{run:?}");
        // Nor is anybody logged in to.
        assert!(at.asked().is_empty(), "{number}: {:?}", at.asked());
        assert_eq!(fs::read(&path).unwrap(), before, "{number}");
        mode(&state, 0o700);
        mode(&path, 0o600);
        let run = export().bound_by_modes().run();
        assert_eq!((run.code, at.calls("ExportReferencePoint")), (Some(0), 1), "{number}: {run:?}");
    }
}

#[test]
fn a_receipt_that_cannot_be_written_is_found_out_before_anything_is_asked() {
    let lab = Lab::new(1, &world());
    let at = lab.at(1);
    let (folder, file) = (lab.folder().join("closed"), lab.folder().join("file"));
    fs::create_dir(&folder).unwrap();
    fs::write(&file, "").unwrap();
    for receipt in
        [&folder, &folder.join("none/receipt.json"), &file.join("receipt.json"), Path::new("/proc/r.json")]
    {
        let run = at.export(&["--receipt", receipt.to_str().unwrap()]).run();
        assert_eq!(run.code, Some(11), "{run:?}");
        assert!(run.stderr.contains(&format!("cannot write {}", receipt.display())), "{run:?}");
    }
    assert!(at.asked().is_empty());
}

/// The host has done it by then: what it says of it is worth more than a file.
#[test]
fn a_receipt_that_cannot_be_written_in_the_end_does_not_swallow_the_report() {
    let lab = Lab::new(3, &format!("{}[[job]]\nhost = \"HV03\"\nstate = 10\n", world()));
    for (number, more, code) in [(1, &["-o", "json"][..], 11), (2, &[], 11), (3, &[], 7)] {
        let at = lab.at(number);
        let folder = at.file("receipts");
        fs::create_dir(&folder).unwrap();
        let receipt = folder.join("r.json");
        let running = at.export(&[&["--receipt", receipt.to_str().unwrap()], more].concat()).start();
        running.says("has begun");
        fs::remove_dir(&folder).unwrap();
        let run = running.end();
        assert_eq!(run.code, Some(code), "{run:?}");
        let outcome = if code == 7 { "failed" } else { "completed" };
        let told = match more {
            [] => run.stdout.starts_with(&format!("Outcome      {outcome}\n")),
            _ => run.json()["outcome"] == outcome,
        };
        assert!(told, "{run:?}");
        assert!(run.stderr.contains(&format!("error: cannot write {}", receipt.display())), "{run:?}");
    }
}

/// Who only looks needs no right to write, and leaves nothing behind.
#[test]
fn a_ledger_that_may_only_be_read_is_enough_to_look() {
    let lab = Lab::new(1, &world());
    let at = lab.at(1);
    let adopted = at.keeping(&["point", "adopt"], &["A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"]).run();
    assert_eq!(adopted.code, Some(0), "{adopted:?}");
    let closed = Closed::new();
    fs::copy(at.ledger(), closed.0.join("ledger.db")).unwrap();
    closed.close();
    let run = |words: &[&str], more: &[&str]| {
        let ledger = closed.0.join("ledger.db");
        at.refpoint(words, more).env("REFPOINT_LEDGER", ledger.to_str().unwrap()).run_by_nobody(&closed.0)
    };
    let plan = ["--vm", "vm1", "--point", "latest", "--to", r"D:\exports\vm1"];
    let export = run(&["export"], &plan);
    assert_eq!((export.code, at.calls("ExportReferencePoint")), (Some(11), 0), "{export:?}");
    let list = run(&["point", "list"], &[]);
    assert_eq!(list.code, Some(0), "{list:?}");
    assert!(list.stdout.contains("adopted, latest"), "{list:?}");
    let show = run(&["point", "show"], &["A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"]);
    assert_eq!(show.code, Some(0), "{show:?}");
    let preview = run(&["export"], &[&plan[..], &["--dry-run"]].concat());
    assert_eq!(preview.code, Some(0), "{preview:?}");
    assert_eq!(fs::read_dir(&closed.0).unwrap().count(), 2);
}

/// A folder with the program that everybody may read and nobody but its owner write; it goes with this value.
struct Closed(PathBuf);

impl Closed {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("refpoint-closed-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        // Where it was built others may not be let in.
        fs::copy(BINARY, folder.join("refpoint")).unwrap();
        Self(folder)
    }

    fn close(&self) {
        fs::set_permissions(self.0.join("ledger.db"), fs::Permissions::from_mode(0o444)).unwrap();
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o555)).unwrap();
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = fs::set_permissions(&self.0, fs::Permissions::from_mode(0o755));
        let _ = fs::remove_dir_all(&self.0);
    }
}
