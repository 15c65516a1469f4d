//! A terminal of a width. `script` is the terminal.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What was on a terminal, and how the command ended.
pub(crate) struct Screen {
    /// As it came, colours and all, with plain ends of lines.
    pub(crate) raw: String,
    pub(crate) code: Option<i32>,
}

impl Screen {
    /// Returns the text without colours. Fails where something moves the cursor.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        plain(&self.raw)
    }

    pub(crate) fn has_colours(&self) -> bool {
        self.raw.contains("\u{1b}[")
    }
}

/// Takes colours away, and nothing else.
#[track_caller]
pub(crate) fn plain(raw: &str) -> String {
    let mut text = String::new();
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        let end = after.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        assert_eq!(&after[end..=end], "m", "the cursor moves in {raw:?}");
        rest = &after[end + 1..];
    }
    text + rest
}

/// A terminal on which a line of the shell runs.
pub(crate) struct Terminal {
    child: Child,
    pieces: mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// Begins a line of `sh` on a terminal so wide and high, with these variables and no others.
    pub(crate) fn new<'v>(
        (columns, rows): (usize, usize),
        line: &str,
        variables: impl IntoIterator<Item = (&'v OsStr, &'v OsStr)>,
    ) -> Self {
        let mut command = Command::new("script");
        let line = format!("stty cols {columns} rows {rows} -echo; {line}");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TERM", "xterm").env("SHELL", "/bin/sh");
        command.env("HOME", "/nonexistent").envs(variables).current_dir(env!("CARGO_MANIFEST_DIR"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut screen = child.stdout.take().unwrap();
        let (sender, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, pieces, seen: String::new() }
    }

    /// Waits until that is on the screen, and forgets it and what came before.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        while !self.seen.contains(text) {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("it did not show {text:?}, but {:?}", self.seen),
            }
        }
        self.seen = self.seen.split_once(text).unwrap().1.to_owned();
    }

    pub(crate) fn types(&mut self, keys: &str) {
        let keyboard = self.child.stdin.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ends(mut self) -> Screen {
        let end = Instant::now() + PATIENCE;
        let mut bytes = std::mem::take(&mut self.seen).into_bytes();
        loop {
            match self.pieces.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(piece) => bytes.extend(piece),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("it hangs: {:?}", String::from_utf8_lossy(&bytes));
                }
            }
        }
        let raw = String::from_utf8(bytes).unwrap().replace("\r\n", "\n");
        Screen { raw, code: self.child.wait().unwrap().code() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // With its terminal the program ends, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
