//! A page of docs/: its commands with how they end, what it quotes, and a folder in which they run as they stand there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::root;

/// A part of a page that does something.
pub(crate) enum Step {
    /// What the lab is to be: the words behind `refpoint`.
    Lab(String),
    /// A line for a shell, and with which code it ends.
    Line { text: String, code: i32 },
}

/// Returns what a page does, in its order: blocks of `sh` line by line, and from blocks of `console` the simulated hosts.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let mut steps = Vec::new();
    let mut language = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), language) {
            (Some(_), Some(_)) => language = None,
            (Some(begun), None) => language = Some(begun),
            (None, Some("console")) => {
                steps.extend(line.strip_prefix("$ refpoint ").map(|words| Step::Lab(words.to_owned())));
            }
            (None, Some("sh")) if !line.is_empty() => {
                let said = line.split_once("# ends with ").map(|(_, end)| end);
                let digits = said.map(|end| end.split(|it: char| !it.is_ascii_digit()).next().unwrap());
                let code = digits.map_or(0, |digits| digits.parse().expect("a number is said"));
                steps.push(Step::Line { text: line.to_owned(), code });
            }
            _ => {}
        }
    }
    steps
}

/// Returns what stands in backticks in the tables of a page, cell by cell, for each row.
pub(crate) fn rows(page: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Returns what a cell quotes.
pub(crate) fn quotes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Says whether a program has printed what is quoted: its parts between `…`, one behind the other.
pub(crate) fn has_printed(printed: &str, quote: &str) -> bool {
    let mut rest = printed;
    quote.split('…').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// A folder in which the commands of a page find what they name: the program, and the examples.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_refpoint"), path.join("bin/refpoint")).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file of the tree there, as somebody may have changed it.
    pub(crate) fn put(&self, file: &str, change: impl Fn(String) -> String) {
        let there = self.0.join(file);
        std::fs::create_dir_all(there.parent().unwrap()).unwrap();
        std::fs::write(there, change(std::fs::read_to_string(root().join(file)).unwrap())).unwrap();
    }

    /// Returns what a command does there, where nothing of this machine is known.
    pub(crate) fn shell(&self, line: &str) -> Output {
        let path = format!("{}:{}", self.0.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg("-c").arg(line).current_dir(&self.0).env_clear().env("PATH", path);
        command.env("HOME", &self.0).env("REFPOINT_COLOR", "never").output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
