//! Standard output, through a pager where a person reads it and there is more than the screen has room for.
//!
//! What is printed is held until it is more than one screen, and only then a pager is begun; what fits is written
//! as if there were none. So a command never waits for a pager that nobody needs, whichever it is, and `less` need
//! not be one that knows `-F`. Nothing is held where a program reads, and for nothing that is to be seen at once.

use std::ffi::OsString;
use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use signal_hook::consts::SIGINT;

use super::words;

/// Where data goes.
pub(crate) struct Out {
    plain: BufWriter<AutoStream<Stdout>>,
    stage: Stage,
}

enum Stage {
    /// To standard output as it is.
    Plain,
    /// Until it is known whether it fits.
    Held(Held),
    /// To a pager.
    Paged(Paged),
}

/// What may still fit the screen.
struct Held {
    pager: Vec<String>,
    text: String,
    lines: usize,
    /// How many lines the screen has room for, the prompt of the shell aside.
    room: usize,
}

struct Paged {
    process: Child,
    /// `None` when everything was said.
    pipe: Option<ChildStdin>,
}

impl Out {
    /// Returns standard output without a pager.
    pub(crate) fn new(choice: ColorChoice) -> Self {
        let plain = BufWriter::with_capacity(64 << 10, AutoStream::new(io::stdout(), choice));
        Self { plain, stage: Stage::Plain }
    }

    /// Returns the same, with a pager for what is more than so many lines.
    pub(crate) fn paged(self, pager: Vec<String>, rows: usize) -> Self {
        let held = Held { pager, text: String::new(), lines: 0, room: rows.saturating_sub(1) };
        Self { stage: Stage::Held(held), ..self }
    }

    /// Returns whether a pager has the terminal.
    pub(crate) fn has_pager(&self) -> bool {
        matches!(self.stage, Stage::Paged(_))
    }

    /// Returns whether this text would begin a pager.
    pub(crate) fn would_page(&self, text: &str) -> bool {
        matches!(&self.stage, Stage::Held(held) if held.lines + lines(text) > held.room)
    }

    /// Writes data. Returns a pager's name that could not be begun.
    pub(crate) fn write(&mut self, text: &str) -> io::Result<Option<String>> {
        let would_page = self.would_page(text);
        match &mut self.stage {
            Stage::Plain => self.plain.write_all(text.as_bytes())?,
            Stage::Held(held) if !would_page => {
                held.text.push_str(text);
                held.lines += lines(text);
            }
            Stage::Held(held) => {
                let all = std::mem::take(&mut held.text) + text;
                let begun = begin(&held.pager);
                let name = held.pager.first().cloned().unwrap_or_default();
                match begun {
                    Ok(paged) => self.stage = Stage::Paged(paged),
                    Err(_) => {
                        self.stage = Stage::Plain;
                        self.write(&all)?;
                        return Ok(Some(name));
                    }
                }
                self.write(&all)?;
            }
            Stage::Paged(Paged { pipe: Some(pipe), .. }) => {
                let is_plain = self.plain.get_ref().current_choice() == ColorChoice::Never;
                let text = if is_plain { strip_str(text).to_string() } else { text.to_owned() };
                pipe.write_all(text.as_bytes())?;
            }
            Stage::Paged(_) => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        Ok(None)
    }

    /// Brings what was written to its reader; not what is held, of which more may come.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match &mut self.stage {
            Stage::Plain => self.plain.flush(),
            Stage::Held(_) | Stage::Paged(_) => Ok(()),
        }
    }

    /// Brings everything to its reader, and waits until he has left the pager.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.stage, Stage::Plain) {
            Stage::Plain => {}
            Stage::Held(held) => self.plain.write_all(held.text.as_bytes())?,
            Stage::Paged(mut paged) => {
                drop(paged.pipe.take());
                // However it ends, its reader has seen what he wanted to see.
                let _ = paged.process.wait();
            }
        }
        self.plain.flush()
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Nobody leaves the terminal to two programs at once.
        let _ = self.process.wait();
    }
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn begin(pager: &[String]) -> io::Result<Paged> {
    let Some((program, arguments)) = pager.split_first() else { return Err(io::ErrorKind::NotFound.into()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    // As git and systemctl have it: end where all fits, show colours, leave what was shown.
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let mut process = command.spawn()?;
    // Ctrl-C is for the pager; whoever leaves it closes the pipe, and that ends the rest.
    let _ = signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)));
    let pipe = process.stdin.take();
    Ok(Paged { process, pipe })
}

/// Returns the pager that is wanted: `REFPOINT_PAGER`, else `PAGER`, else less. `None` where none is.
///
/// Consoles of Windows have no `TERM`, and Windows has no less: without the variable a pager is there what somebody says.
pub(crate) fn wanted(variable: impl Fn(&str) -> Option<OsString>) -> Option<Vec<String>> {
    let said = ["REFPOINT_PAGER", "PAGER"].into_iter().find_map(&variable);
    let is_said = said.is_some();
    let line = match said {
        Some(line) => line.into_string().ok()?,
        None => "less".to_owned(),
    };
    let pager = words::split(&line).filter(|words| words.first().is_some_and(|word| word != "cat"))?;
    let is_dumb = match variable("TERM") {
        Some(name) => name == "dumb",
        None => !(cfg!(windows) && is_said),
    };
    (!is_dumb).then_some(pager)
}

/// Says whether what a command shows may go through a pager: it is looked at when it is whole, and not meanwhile.
pub(crate) fn is_for(command: &[&str]) -> bool {
    matches!(
        command,
        ["explain" | "identify" | "doctor"]
            | ["vm", "list" | "changes"]
            | ["group" | "job" | "trust", "list"]
            | ["point", "list" | "show"]
            | ["job", "show"]
            | ["cim", "get" | "list" | "query" | "associators" | "describe" | "decode"]
            | ["fleet", "inventory" | "plan" | "status" | "report"]
            | ["config", "explain"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_by(variables: &[(&str, &str)]) -> Option<Vec<String>> {
        let terminal = [("TERM", "xterm")];
        let find = |name: &str| {
            let mut all = variables.iter().chain(&terminal);
            all.find(|(own, _)| *own == name).map(|(_, value)| OsString::from(value))
        };
        wanted(find)
    }

    #[test]
    fn our_own_variable_counts_before_the_one_of_everybody() {
        assert_eq!(wanted_by(&[]), Some(vec!["less".to_owned()]));
        assert_eq!(wanted_by(&[("PAGER", "more")]), Some(vec!["more".to_owned()]));
        let both = [("PAGER", "more"), ("REFPOINT_PAGER", "less -S '+/a b'")];
        assert_eq!(wanted_by(&both), Some(["less", "-S", "+/a b"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn there_is_none_where_nobody_wants_one() {
        for variables in [[("PAGER", "")], [("PAGER", "cat")], [("TERM", "dumb")], [("PAGER", "less 'x")]] {
            assert_eq!(wanted_by(&variables), None, "{variables:?}");
        }
        assert_eq!(wanted_by(&[("PAGER", "more"), ("REFPOINT_PAGER", "")]), None);
        assert_eq!(wanted(|_| None), None);
        let without_a_terminal = wanted(|name| (name == "PAGER").then(|| "more".into()));
        assert_eq!(without_a_terminal.is_some(), cfg!(windows));
    }

    #[test]
    fn what_changes_while_it_is_looked_at_is_not_for_a_pager() {
        for live in [
            &["export"][..],
            &["demo"],
            &["job", "wait"],
            &["fleet", "run"],
            &["fleet", "resume"],
            &["lab", "serve"],
            &["cim", "watch"],
            &["completions"],
        ] {
            assert!(!is_for(live), "{live:?}");
        }
        assert!(is_for(&["explain"]) && is_for(&["cim", "list"]));
    }
}
