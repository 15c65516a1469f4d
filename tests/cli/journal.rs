//! Standard error that is the journal's.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::program::{folder, refpoint};

/// Runs the program with standard error in a file, of which systemd says that it is the journal, or another.
fn stderr(words: &[&str], file: &Path, is_the_journal: bool, more: &[(&str, &str)]) -> String {
    let open = File::create(file).unwrap();
    let facts = open.metadata().unwrap();
    let inode = facts.ino() + u64::from(!is_the_journal);
    let mut program = refpoint(words).env("JOURNAL_STREAM", &format!("{}:{inode}", facts.dev()));
    for (name, value) in more {
        program = program.env(name, value);
    }
    program.stderr(open).run_into_both();
    fs::read_to_string(file).unwrap()
}

#[test]
fn each_line_says_how_much_it_matters_where_the_journal_listens() {
    let file = folder("journal").join("journal");
    let words = ["identify", "127.0.0.1:1", "--user", "LAB\\operator"];
    let password = [("REFPOINT_PASSWORD", "x")];
    let journal = stderr(&words, &file, true, &password);
    let lines: Vec<_> = journal.lines().collect();
    assert!(lines[0].starts_with("<3>error: "), "{journal}");
    assert!(lines.iter().any(|line| line.starts_with("<3>  caused by: ")), "{journal}");
    assert!(lines.iter().any(|line| line.starts_with("<5>hint: ")), "{journal}");
    assert!(lines.iter().all(|line| line.starts_with('<')), "{journal}");
    // The same without the prefixes is what everybody else reads.
    let other = stderr(&words, &file, false, &password);
    let bare: Vec<_> = lines.iter().map(|line| &line[3..]).collect();
    assert_eq!(other.lines().collect::<Vec<_>>(), bare);
}

#[test]
fn what_the_library_says_has_a_priority_there_and_no_time() {
    let file = folder("journal-log").join("journal");
    let journal = stderr(&["demo", "-vvv"], &file, true, &[]);
    let is_prefixed = |line: &str| ["<5>", "<6>", "<7>"].iter().any(|prefix| line.starts_with(prefix));
    assert!(journal.lines().all(is_prefixed), "{journal}");
    assert!(journal.contains("\n<6>refpoint::transport::connection: logged in"), "{journal}");
    assert!(journal.contains("\n<7>refpoint::transport::login: login leg"), "{journal}");
    let other = stderr(&["demo", "-vvv"], &file, false, &[]);
    assert!(other.lines().any(|line| line.starts_with("20") && line.contains("DEBUG")), "{other}");
}
