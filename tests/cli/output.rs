//! Standard output: closed early, full, coloured, on a terminal.

use std::fs::File;
use std::io::Read;

use crate::program::{refpoint, wait};

const LONG: [&str; 3] = ["cim", "describe", "Msvm_VirtualSystemManagementService"];

#[test]
fn a_reader_who_has_enough_ends_it_quietly() {
    let mut child = refpoint(LONG).start();
    drop(child.stdout.take());
    let run = wait(child);
    assert_eq!((run.stderr.as_str(), run.code), ("", Some(0)));
}

#[test]
fn a_full_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = refpoint(LONG).stdout(full).run_into();
    run.is(
        11,
        "",
        "error: cannot write to standard output\n  caused by: No space left on device (os error 28)\n\
         more: refpoint explain exit:11\n",
    );
}

#[test]
fn colours_stay_out_of_pipes_unless_they_are_asked_for() {
    let escape = '\u{1b}';
    assert!(!refpoint(LONG).run().stdout.contains(escape));
    let always = LONG.into_iter().chain(["--color", "always"]);
    assert!(refpoint(always).run().stdout.contains(escape));
    let never = ["cim", "describe", "Nothing", "--color", "never"];
    assert!(!refpoint(never).run().stderr.contains(escape));
    assert!(!refpoint(LONG).env("NO_COLOR", "1").run().stdout.contains(escape));
}

#[test]
fn json_that_is_piped_is_one_line() {
    let mut text = String::new();
    let mut child = refpoint(["cim", "describe", "CIM_Error", "-o", "json"]).start();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(wait(child).code, Some(0));
    assert_eq!(text.lines().count(), 1);
}

/// What a host calls its machines, on a terminal and in a pipe.
#[test]
fn no_name_acts_on_the_terminal_of_whoever_looks() {
    use crate::host::{Host, enumerate, machine, page};
    let host = Host::new(|incoming| {
        let mode = enumerate(incoming).mode;
        page(&[machine("a\u{9b}2J\u{202e}\u{85}b", 2), machine("tab\there\nline", 3)], None, mode)
    });
    for format in ["table", "json", "jsonl", "yaml", "name"] {
        let run =
            host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", format, "--color", "never"]).run();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.stdout.contains(acts), "{format}: {:?}", run.stdout);
        assert!(run.stdout.contains("9b"), "{format}: it is still told: {}", run.stdout);
    }
}

#[test]
fn whoever_only_asks_for_a_run_makes_no_ledger() {
    let folder = std::env::temp_dir().join(format!("refpoint-no-ledger-{}", std::process::id()));
    let ledger = folder.join("x.db");
    for command in ["status", "report"] {
        let run = refpoint(["fleet", command, "--ledger", ledger.to_str().unwrap()]).run();
        assert_eq!(run.code, Some(10), "{run:?}");
        assert!(run.stderr.contains("there is no ledger"), "{run:?}");
        assert!(!folder.exists(), "{command}");
    }
}
