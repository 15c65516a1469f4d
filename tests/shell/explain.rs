//! What errors point to can be explained: each `more:` line that any test of the program has seen is asked about.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::refpoint;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files below a folder with such an end.
fn files(folder: &Path, end: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            texts.push(fs::read_to_string(&path).unwrap());
        }
    }
    texts
}

/// Everything that the texts of the tests say after these words, to the end of the line or of the literal.
fn said_after(words: &str) -> BTreeSet<String> {
    let texts = [files(&root().join("tests"), ".txt"), files(&root().join("tests/cli"), ".rs")].concat();
    let mut said = BTreeSet::new();
    for text in &texts {
        for rest in text.split(words).skip(1) {
            let end = rest.find(['\n', '\\', '"']).unwrap_or(rest.len());
            said.insert(rest[..end].trim().to_owned());
        }
    }
    said
}

#[test]
fn what_any_error_points_to_can_be_explained() {
    let codes = said_after("more: refpoint explain ");
    for kind in ["exit:12", "exit:11", "job:8", "return-value:32775", "0x80041010"] {
        assert!(codes.contains(kind), "{kind} in {codes:?}");
    }
    for code in codes {
        let run = refpoint(["explain", code.as_str()]).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{code}");
        assert!(run.stdout.contains("  Retried"), "{code}: {}", run.stdout);
    }
}

/// Whatever a command fails with, the last line says what to ask about it, and it is what the exit code says or
/// more.
#[test]
fn every_error_of_every_command_points_to_what_explains_it() {
    let mut seen = BTreeSet::new();
    for text in files(&root().join("tests/shell/snapshots"), ".txt") {
        for block in text.split("\n$ refpoint ") {
            let said = block.split("--- stderr\n").nth(1).unwrap_or_default();
            if !said.lines().any(|line| line.starts_with("error: ") || line.starts_with("failed: ")) {
                continue;
            }
            let code = block.split("--- exit ").nth(1).unwrap().lines().next().unwrap();
            let pointers = said.lines().filter(|line| line.starts_with("more: refpoint explain ")).count();
            let last = said.trim_end().lines().last().unwrap();
            assert!(pointers == 1 && last.starts_with("more: refpoint explain "), "{block}");
            seen.insert(code.to_owned());
        }
    }
    for code in ["2", "4", "5", "7", "8", "10", "11"] {
        assert!(seen.contains(code), "{code} in {seen:?}");
    }
}

/// What clap says of arguments is an error like the others; help that is shown because nothing was said is none.
#[test]
fn an_argument_that_makes_no_sense_points_there_too() {
    for words in [&["vm", "lst"][..], &["--colour", "x"], &["vm", "list"], &["export", "hv01", "--vm", "a"]] {
        let run = refpoint(words).run();
        assert_eq!(run.code, Some(2), "{words:?}");
        assert!(run.stderr.ends_with("\nmore: refpoint explain exit:2\n"), "{words:?}: {}", run.stderr);
    }
    let run = refpoint([""; 0]).run();
    assert!(run.code == Some(2) && !run.stderr.contains("more: "), "{}", run.stderr);
}

#[test]
fn one_code_is_the_same_in_every_spelling() {
    let explained = |words: &[&str]| {
        let run = refpoint([&["explain"], words, &["-o", "json"]].concat()).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{words:?}");
        run.json()
    };
    let expected = explained(&["0x80041003"]);
    assert_eq!(expected[0]["symbol"], "WBEM_E_ACCESS_DENIED");
    for spelling in
        ["2147749891", "-2147217405", "80041003", "0X80041003", "WBEM_E_ACCESS_DENIED", "wbem:access-denied"]
    {
        assert_eq!(explained(&[spelling]), expected, "{spelling}");
    }
    let state = explained(&["job:10"]);
    assert_eq!((&state[0]["name"], &state[0]["retry"]), (&Value::from("exception"), &Value::from("never")));
    assert_eq!(explained(&["state", "10"]), state);
    let method = explained(&["RequestStateChange", "4099"]);
    assert_eq!((method.as_array().unwrap().len(), &method[0]["name"]), (1, &Value::from("busy")));
    assert_eq!(method[0]["methods"][0], "CIM_ConcreteJob.RequestStateChange");
}

#[test]
fn names_are_questions_that_find_each_reading_alone() {
    let names = refpoint(["explain", "32768", "-o", "name"]).run().stdout;
    assert_eq!(names, "return-value-hyperv:32768\njob-state:32768\n");
    for name in names.lines() {
        let lines = refpoint(["explain", name, "-o", "jsonl"]).run().stdout;
        assert_eq!(lines.lines().count(), 1, "{name}");
    }
}

#[test]
fn nothing_is_made_up_of_a_code_that_no_table_has() {
    for (words, hint) in [
        (
            &["0x80338028"][..],
            "near it there are 0x80338027 (invalid-soap-body), 0x80338029 (operation-timed-out)",
        ),
        (&["ExportReferencePoint", "40000"], "near it there are 32779 (file-not-found)"),
        (&["WBEM_E_ACCES_DENIED"], "did you mean WBEM_E_ACCESS_DENIED?"),
    ] {
        let run = refpoint([&["explain"], words].concat()).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(10), ""), "{words:?}");
        assert!(
            run.stderr.contains("is not documented in any table") && run.stderr.contains(hint),
            "{}",
            run.stderr
        );
    }
}
