//! Manual pages, as two readers of them see them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::refpoint;
use crate::walk;

fn pages(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("manual-{name}-{}", std::process::id()));
    let run = refpoint(["man", folder.to_str().unwrap()]).env("SOURCE_DATE_EPOCH", "1790000000").run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    folder
}

#[test]
fn every_command_has_a_page_that_nobody_complains_about() {
    let folder = pages("all");
    for path in walk::all() {
        let name = [&["refpoint".to_owned()], &path[..]].concat().join("-");
        let page = folder.join(format!("{name}.1"));
        let lint = Command::new("mandoc").args(["-Tlint", "-W", "warning"]).arg(&page).output();
        let lint = lint.expect("tests/interop/install.sh installs it");
        assert_eq!(String::from_utf8_lossy(&lint.stdout), "", "{name}");
        let mut man = Command::new("man");
        let shown = read(man.args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page));
        assert!(shown.contains("EXIT STATUS") && shown.contains("refpoint"), "{name}: {shown}");
        let help = refpoint(path.iter().map(String::as_str).chain(["--help"])).run().stdout;
        assert_eq!(help.contains("Examples:"), shown.contains("EXAMPLES"), "{name}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), walk::all().len());
    fs::remove_dir_all(folder).unwrap();
}

fn read(man: &mut Command) -> String {
    let output = man.env("MANWIDTH", "100").env("MAN_KEEP_FORMATTING", "").env_remove("LESS").output();
    let output = output.expect("tests/interop/install.sh installs it");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{man:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What is copied from a page is what the program takes: two hyphens and no others, one kind of quotes.
#[test]
fn an_example_can_be_copied_from_a_page() {
    let folder = pages("copied");
    let mut man = Command::new("man");
    man.args(["-E", "UTF-8", "-l"]).arg(folder.join("refpoint-export.1"));
    let shown = read(&mut man);
    let help = refpoint(["export", "--help"]).run().stdout;
    let first = help.lines().skip_while(|line| *line != "Examples:").nth(1).unwrap().trim();
    assert!(first.contains(" --vm ") && shown.contains(first), "{first} in {shown}");
    assert!(fs::read_to_string(folder.join("refpoint.1")).unwrap().contains(".TH refpoint 1 2026-09-21"));
    fs::remove_dir_all(folder).unwrap();
}
