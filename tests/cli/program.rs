//! Runs the binary where nothing of the machine shows: no variables, a home of its own, a watchdog.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A run of the program: what came out and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Run {
    /// Fails unless all three are as expected; returns nothing, so that no test forgets one of them. An error that is
    /// not said to point to anything else points to its exit code.
    #[track_caller]
    pub(crate) fn is(&self, code: i32, stdout: &str, stderr: &str) {
        let mut stderr = stderr.to_owned();
        if format!("\n{stderr}").contains("\nerror: ") && !stderr.contains("\nmore: ") {
            stderr.push_str("more: refpoint ");
            stderr.push_str(&format!("explain exit:{code}\n"));
        }
        let expected = Run { stdout: stdout.to_owned(), stderr, code: Some(code) };
        assert_eq!(*self, expected, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
    }

    /// Returns the JSON on standard output of a run in which all went well and nothing was complained about.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// The program, before it runs.
pub(crate) struct Refpoint {
    command: Command,
    stdin: Option<Vec<u8>>,
}

/// Returns the program with these arguments.
pub(crate) fn refpoint<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Refpoint {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refpoint"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin");
    command.current_dir(root());
    Refpoint { command, stdin: None }
}

/// Returns the folder of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns a folder that is empty and that no other test has.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Refpoint {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it this on standard input, and then the end.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    pub(crate) fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(mut self) -> Run {
        self.command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap();
        self.end(child)
    }

    /// The same, with standard output where [`stdout`](Self::stdout) has put it.
    #[track_caller]
    pub(crate) fn run_into(mut self) -> Run {
        self.command.stdin(Stdio::null()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap();
        self.end(child)
    }

    pub(crate) fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stderr(to);
        self
    }

    /// The same, with standard output nowhere and standard error where [`stderr`](Self::stderr) has put it.
    #[track_caller]
    pub(crate) fn run_into_both(mut self) -> Run {
        self.command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = self.command.spawn().unwrap();
        self.end(child)
    }

    /// Starts it with all three pipes in the hands of the caller.
    pub(crate) fn start(mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().unwrap()
    }

    #[track_caller]
    fn end(self, mut child: Child) -> Run {
        let stdin = child.stdin.take();
        let feeder = thread::spawn(move || {
            if let (Some(mut stdin), Some(bytes)) = (stdin, self.stdin) {
                // A program that ends before it has read everything is no failure.
                let _ = stdin.write_all(&bytes);
            }
        });
        let run = wait(child);
        feeder.join().unwrap();
        run
    }
}

/// Waits for the end of the program, and kills it where it hangs.
#[track_caller]
pub(crate) fn wait(child: Child) -> Run {
    let id = child.id().to_string();
    let (ended, end) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let hangs = end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
        }
        hangs
    });
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    drop(ended);
    let run = Run {
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        code: status.code(),
    };
    assert!(!watchdog.join().unwrap(), "it hangs: {run:?}");
    run
}

/// Nothing here takes a second; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
