//! The README stays true: every command in it runs.

mod library;
#[cfg(feature = "cli")]
mod page;
mod paved;
#[cfg(feature = "cli")]
mod rehearsing;
#[cfg(feature = "cli")]
pub(crate) mod simulated;
#[cfg(feature = "cli")]
mod troubleshooting;

use std::path::Path;
use std::process::{Command, Output};

const TEST_COMMAND: &str = "tests/run";

/// A build of its own, which is what whoever tries the program waits for. Here the build at hand does it.
const FIRST_COMMAND: &str = "cargo run --release -- demo";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the commands in the `sh` blocks of the README.
fn commands() -> Vec<String> {
    commands_of("README.md")
}

fn commands_of(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    blocks.flat_map(str::lines).map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[track_caller]
fn succeeds(command: &str, output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {}\n{stderr}", output.status);
}

#[test]
fn every_command_of_cargo_in_the_readme_runs() {
    let commands = commands();
    assert!(commands.iter().any(|command| command == FIRST_COMMAND), "{commands:?}");
    let of_cargo = commands.iter().filter(|command| command.starts_with("cargo "));
    for command in of_cargo {
        let here = command.replace("cargo run --release", "cargo run");
        // That a benchmark runs is shown here, not how fast: optimising it to the last would take longer than all tests.
        let output = Command::new("sh")
            .arg("-c")
            .arg(&here)
            .env("CARGO_PROFILE_BENCH_LTO", "off")
            .env("CARGO_PROFILE_BENCH_CODEGEN_UNITS", "16")
            .current_dir(root())
            .output()
            .unwrap();
        succeeds(command, &output);
        if command == FIRST_COMMAND {
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert!(stdout.contains("Outcome      completed"), "{stdout}");
        }
    }
}

#[test]
fn the_test_command_of_the_readme_is_what_continuous_integration_runs() {
    assert!(commands().iter().any(|command| command == TEST_COMMAND));
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let last = ci.lines().last().unwrap();
    assert_eq!(last, format!("exec {TEST_COMMAND}"));
}

#[test]
fn no_command_of_the_readme_is_passed_over() {
    for command in commands() {
        let is_known =
            command == TEST_COMMAND || command.starts_with("cargo ") || command.starts_with("refpoint ");
        assert!(is_known, "{command} is run by no test");
    }
}

#[test]
fn the_readme_leads_to_every_page_and_every_link_leads_somewhere() {
    let mut pages: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|page| format!("docs/{}", page.unwrap().file_name().to_str().unwrap()))
        .filter(|page| page.ends_with(".md"))
        .collect();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for page in &pages {
        let leads_there = readme.contains(&format!("({page})")) || readme.contains(&format!("`{page}`"));
        assert!(leads_there, "the README does not lead to {page}");
    }
    pages.push("README.md".to_owned());
    for page in pages {
        let text = std::fs::read_to_string(root().join(&page)).unwrap();
        // Links of the README, and what pages and README name in words: seen from the root of the tree.
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let links = links.filter(|link| link.ends_with(".md") && !link.contains("://"));
        let named = text.split('`').skip(1).step_by(2);
        let named = named.filter(|name| name.starts_with("docs/") && name.ends_with(".md"));
        for link in links.chain(named) {
            assert!(root().join(link).is_file(), "{page} leads to {link}, which is not there");
        }
    }
}
