//! Runs the binary where nothing of the machine shows: no variables, no home, a watchdog.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_refpoint");

/// A run of the program: what came out and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` where it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

impl Run {
    /// Returns the JSON on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.signal == Some(9)
    }
}

/// The program, before it runs.
pub(crate) struct Refpoint {
    command: Command,
}

/// The program while it runs.
pub(crate) struct Running {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    lines: mpsc::Receiver<String>,
    printed: mpsc::Receiver<()>,
    watchdog: JoinHandle<bool>,
    ended: mpsc::Sender<()>,
}

/// Returns the program with these arguments.
pub(crate) fn refpoint<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Refpoint {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    Refpoint { command }
}

impl Refpoint {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Has it killed at a moment.
    pub(crate) fn killed_at(self, moment: &str) -> Self {
        self.env("REFPOINT_TEST_CRASH", moment)
    }

    /// Lets the modes of files count for it as they do for everybody, also where the tests run as root.
    pub(crate) fn bound_by_modes(self) -> Self {
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !is_root {
            return self;
        }
        let mut command = Command::new("setpriv");
        let none = "-dac_override,-dac_read_search";
        command.args(["--bounding-set", none, "--inh-caps", none]).arg(self.command.get_program());
        command.args(self.command.get_args()).env_clear();
        command.envs(self.variables());
        Self { command }
    }

    /// Returns it as a line for a shell.
    pub(crate) fn line(&self) -> String {
        let words = [self.command.get_program()].into_iter().chain(self.command.get_args());
        let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''")));
        quoted.collect::<Vec<_>>().join(" ")
    }

    /// Returns its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.command.get_envs().filter_map(|(name, value)| Some((name, value?)))
    }

    #[track_caller]
    pub(crate) fn run(self) -> Run {
        self.start().end()
    }

    /// Runs the copy of the program in a folder as somebody for whom permissions count: whoever runs the tests, or
    /// nobody where that is root.
    #[track_caller]
    pub(crate) fn run_by_nobody(self, folder: &Path) -> Run {
        let program = folder.join("refpoint");
        let mut command = match fs::metadata("/proc/self").unwrap().uid() {
            0 => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(program);
                command
            }
            _ => Command::new(program),
        };
        command.args(self.command.get_args()).env_clear().current_dir(folder);
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self { command }.run()
    }

    pub(crate) fn start(mut self) -> Running {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let (told, lines) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        let (prints, printed) = mpsc::channel();
        let stdout = thread::spawn(move || {
            let (mut stdout, mut text) = (BufReader::new(stdout), String::new());
            while stdout.read_line(&mut text).unwrap() > 0 {
                // Nobody may be waiting for it.
                let _ = prints.send(());
            }
            text
        });
        let stderr = child.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap();
                text.push_str(&line);
                text.push('\n');
                // Nobody may be waiting for it.
                let _ = told.send(line);
            }
            text
        });
        let (ended, end) = mpsc::channel::<()>();
        let id = child.id();
        let watchdog = thread::spawn(move || {
            let hangs = end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if hangs {
                send(id, "KILL");
            }
            hangs
        });
        Running { child, stdout, stderr, lines, printed, watchdog, ended }
    }
}

impl Running {
    /// Waits until a line on standard error holds that text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> String {
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if line.contains(text) {
                return line;
            }
            heard.push(line);
        }
        panic!("it did not say {text:?}, but {heard:#?}");
    }

    /// Waits until one more line is on standard output.
    #[track_caller]
    pub(crate) fn prints(&self) {
        assert_eq!(self.printed.recv_timeout(PATIENCE), Ok(()), "it prints nothing more");
    }

    /// Waits so long for its end, and says whether it has come.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let moment = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(moment.saturating_duration_since(Instant::now())) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        send(self.child.id(), name);
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Run {
        let stdout = self.stdout.join().unwrap();
        let stderr = self.stderr.join().unwrap();
        let status = self.child.wait().unwrap();
        drop(self.ended);
        let run = Run { stdout, stderr, code: status.code(), signal: status.signal() };
        assert!(!self.watchdog.join().unwrap(), "it hangs: {run:?}");
        run
    }
}

fn send(process: u32, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &process.to_string()]).status();
}

/// Nothing here takes that long; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
