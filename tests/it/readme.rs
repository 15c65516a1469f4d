//! The README stays true: every command in it runs.

use std::path::Path;
use std::process::Command;

const TEST_COMMAND: &str = "tests/run";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the commands in the `sh` blocks of the README.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    blocks.flat_map(str::lines).map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[test]
fn every_command_of_the_readme_runs() {
    let commands = commands();
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands.iter().filter(|command| *command != TEST_COMMAND) {
        let output = Command::new("sh").arg("-c").arg(command).current_dir(root()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {stderr}");
    }
}

#[test]
fn the_test_command_of_the_readme_is_what_continuous_integration_runs() {
    assert!(commands().iter().any(|command| command == TEST_COMMAND));
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let last = ci.lines().last().unwrap();
    assert_eq!(last, format!("exec {TEST_COMMAND}"));
}
