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
        "error: cannot write to standard output\n  caused by: No space left on device (os error 28)\n",
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
