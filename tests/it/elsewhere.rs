//! The page about other systems says what `tests/elsewhere` does, and that passes over what is there.
//!
//! What it does is shown by running it, which needs compilers, targets and Wine: it is no part of the tests.

use std::path::{Path, PathBuf};

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Returns the names in the list of tests that the command passes over.
fn passed_over() -> Vec<String> {
    let command = read("tests/elsewhere");
    let list = command.split("passed_over=(\n").nth(1).and_then(|rest| rest.split("\n)").next()).unwrap();
    list.lines().map(|line| line.trim().to_owned()).collect()
}

/// Returns the files of a module: those of its path, as far as files have it.
fn files(module: &str) -> Vec<PathBuf> {
    let mut path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for name in module.split("::") {
        path.push(name);
        files.push(path.with_extension("rs"));
    }
    files.retain(|file| file.is_file());
    files
}

#[test]
fn every_test_that_is_passed_over_is_there() {
    for name in passed_over() {
        let (module, test) = name.rsplit_once("::").unwrap();
        let is_there = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).unwrap();
            text.contains(&format!("fn {test}("))
        };
        assert!(files(module).iter().any(is_there), "{name}");
    }
}

#[test]
fn the_page_names_what_is_compiled_and_how_much_is_passed_over() {
    let (page, command) = (read("docs/elsewhere.md"), read("tests/elsewhere"));
    for (name, target) in [("windows", "x86_64-pc-windows-gnu"), ("macos", "aarch64-apple-darwin")] {
        assert!(command.contains(&format!("\n{name}={target}\n")), "{target}");
        assert!(page.contains(&format!("`{target}`")), "{target}");
    }
    assert_eq!(passed_over().len(), 5, "the page says five, and why");
    assert!(page.contains("run on Wine 8, but for five (below)") && page.contains("\nFive tests do not run"));
    // What the page says is run there.
    for word in ["demo", "lab serve", "doctor", "point create", "export", "backup", "fleet run", "trust"] {
        assert!(page.contains(&format!("`{word}`")), "{word}");
        let runs = command.contains(&format!("refpoint {word}"))
            || command.contains(&format!("\"$program\" {word}"));
        assert!(runs, "{word}");
    }
}
