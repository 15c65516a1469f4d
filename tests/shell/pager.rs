//! Long tables on a terminal.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::BINARY;
use crate::terminal::{Screen, Terminal};

/// More than any screen.
const LONG: &str = "explain --list";
/// Less than any screen.
const SHORT: &str = "explain job:10";

/// A pager that says how it was called, and what it was given.
struct Pager {
    folder: PathBuf,
}

impl Pager {
    fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pager-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let script =
            "#!/bin/sh\necho \"$LESS $*\" > \"${0%/*}/called\"\ncat > \"${0%/*}/given\"\necho PAGED\n";
        let program = folder.join("pager");
        // Written by another process: a program that is still open for writing here would not run.
        let made = std::process::Command::new("sh")
            .args(["-c", "printf %s \"$1\" > \"$2\" && chmod +x \"$2\"", "sh", script])
            .arg(&program)
            .status();
        assert!(made.unwrap().success());
        Self { folder }
    }

    fn program(&self) -> String {
        self.folder.join("pager").to_str().unwrap().to_owned()
    }

    fn said(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn on_terminal(line: &str, variables: &[(&str, &str)]) -> Screen {
    let variables = variables.iter().map(|(name, value)| (OsStr::new(*name), OsStr::new(*value)));
    Terminal::new((100, 30), &format!("{BINARY} {line}; echo code $?"), variables).ends()
}

#[test]
fn what_is_more_than_a_screen_goes_through_the_pager_in_its_colours() {
    let pager = Pager::new("long");
    let named = format!("{} -S 'two words'", pager.program());
    let screen = on_terminal(LONG, &[("REFPOINT_PAGER", &named), ("PAGER", "false")]);
    assert_eq!(screen.raw, "PAGED\ncode 0\n");
    assert_eq!(pager.said("called").unwrap(), "FRX -S two words\n");
    let given = pager.said("given").unwrap();
    assert!(given.starts_with("\u{1b}[1mCode"), "{given}");
    assert!(given.lines().count() > 200 && given.lines().all(|line| line.chars().count() < 120));

    let screen = on_terminal(LONG, &[("PAGER", &pager.program()), ("NO_COLOR", "1"), ("LESS", "R")]);
    assert_eq!(screen.raw, "PAGED\ncode 0\n");
    assert_eq!(pager.said("called").unwrap(), "R \n");
    assert!(pager.said("given").unwrap().starts_with("Code"));
}

#[test]
fn what_fits_the_screen_and_what_nobody_wants_paged_does_not() {
    let pager = Pager::new("short");
    let program = pager.program();
    let long = |screen: Screen| {
        assert!(screen.text().lines().count() > 200 && screen.raw.ends_with("code 0\n"), "{}", screen.raw);
    };
    let screen = on_terminal(SHORT, &[("PAGER", &program)]);
    assert!(
        screen.text().starts_with("10  exception\n") && screen.raw.ends_with("code 0\n"),
        "{}",
        screen.raw
    );
    long(on_terminal(&format!("{LONG} --no-pager"), &[("PAGER", &program)]));
    long(on_terminal(&format!("{LONG} -o jsonl"), &[("PAGER", &program)]));
    long(on_terminal(&format!("{LONG} | cat"), &[("PAGER", &program)]));
    long(on_terminal(LONG, &[("PAGER", &program), ("REFPOINT_PAGER", "")]));
    long(on_terminal(LONG, &[("PAGER", "cat")]));
    assert_eq!(pager.said("called"), None);
}

#[test]
fn a_pager_that_is_not_there_is_told_and_everything_is_shown() {
    let screen = on_terminal(LONG, &[("PAGER", "/nonexistent/pager")]);
    let text = screen.text();
    assert!(text.contains("warning: the pager /nonexistent/pager cannot be begun"), "{text}");
    assert!(text.lines().count() > 200 && text.ends_with("code 0\n"));
}

/// As `less` is when `q` is pressed: the rest has no reader, which is no failure.
#[test]
fn a_pager_that_is_left_early_ends_it_quietly() {
    let screen = on_terminal(LONG, &[("PAGER", "head -n 3")]);
    let text = screen.text();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.ends_with("code 0\n"), "{text}");
}

/// The keys are the pager's: Ctrl-C does not end the program under it, and `q` ends both.
#[test]
fn less_is_looked_through_and_left() {
    // The shell hears Ctrl-C as well, and goes on.
    let line = format!("trap : INT; {BINARY} {LONG}; echo code $?");
    let language = [(OsStr::new("LC_ALL"), OsStr::new("C.UTF-8"))];
    let mut terminal = Terminal::new((100, 30), &line, language);
    terminal.shows("interrupted");
    terminal.types("\u{3}");
    // It is shown anew.
    terminal.shows("interrupted");
    terminal.types("G");
    terminal.shows("unreportable-success");
    terminal.types("q");
    let screen = terminal.ends();
    assert!(screen.raw.ends_with("code 0\n"), "{:?}", &screen.raw[screen.raw.len().saturating_sub(300)..]);
}
