//! The real binary, given a report.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use refpoint::fleet::RunReport;

/// Runs `refpoint fleet WORDS… --from -` on a report.
pub(crate) fn fleet(words: &[&str], report: &RunReport) -> String {
    let output = fleet_of_bytes(words, serde_json::to_vec(report).unwrap());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, on whatever is taken for one.
pub(crate) fn fleet_of_bytes(words: &[&str], bytes: Vec<u8>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refpoint"));
    command.arg("fleet").args(words).args(["--from", "-"]).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not want to read everything closes its end.
    let feeder = thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

/// Returns the folder of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns a folder that is empty and that no other test has.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("views-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
