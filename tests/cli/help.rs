//! Help, for every command there is.

use crate::program::refpoint;

/// Returns the names below `Commands:` in a help text.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    // A description that goes on in the next line is indented further.
    let names = lines.filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(path) = pending.pop() {
        let run = refpoint(path.iter().map(String::as_str).chain(["--help"])).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{path:?}");
        let inner = commands(&run.stdout);
        if inner.is_empty() {
            let example = format!("Examples:\n  refpoint {}", path.join(" "));
            assert!(run.stdout.contains(&example), "{path:?}: {}", run.stdout);
            seen.push(path.join(" "));
        }
        pending.extend(inner.into_iter().map(|name| path.iter().cloned().chain([name]).collect()));
    }
    assert!(seen.len() >= 2 && seen.contains(&"cim decode".to_owned()), "{seen:?}");
}

#[test]
fn the_exit_codes_stand_in_the_help() {
    let help = refpoint(["--help"]).run().stdout;
    for code in ["0  all done", "5  login or TLS trust", "12  outcome unknown", "130, 143  interrupted"] {
        assert!(help.contains(code), "{code} in {help}");
    }
}

#[test]
fn a_word_that_makes_no_sense_is_a_usage_error_with_a_proposal() {
    let run = refpoint(["cim", "descibe", "X"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("describe"), "{}", run.stderr);
    assert_eq!(refpoint([""; 0]).run().code, Some(2));
    assert_eq!(refpoint(["--version"]).run().stdout, concat!("refpoint ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn who_prunes_without_a_policy_and_who_gives_a_point_with_a_flag_are_told_how() {
    refpoint(["point", "prune", "hv01"]).run().is(
        2,
        "",
        "error: nothing says which points are to be kept\nhint: say it with --keep-last N, --keep-days DAYS or both\n",
    );
    for verb in ["destroy", "discard"] {
        let run = refpoint(["point", verb, "hv01", "--vm", "web01", "--point", "B1F5"]).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(
            run.stderr.contains("the point is given without a flag, behind TARGET: … HOST B1F5"),
            "{}",
            run.stderr
        );
    }
}
