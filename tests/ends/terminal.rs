//! What the program asks a person on a terminal, and what becomes of the answers. `script` is the terminal.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use refpoint::ledger::{Ledger, Stage};

use crate::lab::{At, Lab};
use crate::program::Refpoint;

/// The program on a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    pieces: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    pub(crate) fn new(program: &Refpoint) -> Self {
        let mut command = Command::new("script");
        // In the shell's place, which would hear of Ctrl-C as well.
        let line = format!("exec {}", program.line());
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear();
        command.envs(program.variables()).env("TERM", "xterm").env("SHELL", "/bin/sh");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (keys, mut screen) = (child.stdin.take(), child.stdout.take().unwrap());
        let (sender, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                if sender.send(piece[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, pieces, seen: String::new() }
    }

    /// Waits until that is on the screen, and forgets what came before.
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
        let terminal = self.keys.as_mut().unwrap();
        terminal.write_all(keys.as_bytes()).unwrap();
        terminal.flush().unwrap();
    }

    /// Waits for its end; returns the exit code and what was shown last.
    #[track_caller]
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs: {:?}", self.seen),
            }
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.seen))
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
pub(crate) const CTRL_C: &str = "\u{3}";
const QUESTION: &str = "detach and leave the job running, cancel it, or go on? [d/c/G] ";

fn world() -> String {
    crate::crashes::WORLD.replace("seconds = 0.3", "seconds = 4")
}

/// The stage of the export in the ledger, and its outcome.
fn recorded(at: At<'_>) -> (Stage, Option<String>) {
    let export = Ledger::open(at.ledger()).unwrap().export(1).unwrap().unwrap();
    (export.stage, export.outcome)
}

fn asked<'l>(lab: &'l Lab, number: usize) -> (At<'l>, Terminal) {
    let at = lab.at(number);
    let mut terminal = Terminal::new(&at.export(&[]));
    terminal.shows("has begun");
    terminal.types(CTRL_C);
    terminal.shows(QUESTION);
    (at, terminal)
}

#[test]
fn ctrl_c_asks_and_each_answer_does_what_it_says() {
    let lab = Lab::new(7, &world());
    let cases = [
        ("d\n", 130, None),
        ("D\n", 130, None),
        ("c\n", 7, Some("cancelled")),
        ("g\n", 0, Some("completed")),
        // Whoever presses the key alone takes what is written large.
        ("\n", 0, Some("completed")),
        // Whoever is asked and presses it again does not want to be asked.
        (CTRL_C, 130, None),
        // Nothing more will be typed.
        ("\u{4}", 130, None),
    ];
    thread::scope(|scope| {
        for (place, (keys, code, outcome)) in cases.into_iter().enumerate() {
            let lab = &lab;
            scope.spawn(move || {
                let (at, mut terminal) = asked(lab, place + 1);
                terminal.types(keys);
                let (found, shown) = terminal.ends();
                assert_eq!(found, Some(code), "{keys:?}: {shown}");
                let stage = if outcome.is_some() { Stage::Ended } else { Stage::Answered };
                assert_eq!(recorded(at), (stage, outcome.map(str::to_owned)), "{keys:?}: {shown}");
                let cancels = usize::from(outcome == Some("cancelled"));
                assert_eq!((at.calls("RequestStateChange"), at.calls("ExportReferencePoint")), (cancels, 1));
                if outcome.is_none() {
                    assert!(shown.contains("the same command again follows it to its end"), "{shown}");
                    assert_eq!(at.export(&[]).run().code, Some(0));
                    assert_eq!(at.calls("ExportReferencePoint"), 1);
                }
            });
        }
    });
}

/// People leave questions standing, and hosts forget jobs: it is followed meanwhile.
#[test]
fn a_question_without_an_answer_does_not_keep_the_export_from_its_end() {
    let lab = Lab::new(1, &world());
    let (at, terminal) = asked(&lab, 1);
    let (code, shown) = terminal.ends();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("completed") && shown.contains("Files on the host"), "{shown}");
    assert_eq!(recorded(at), (Stage::Ended, Some("completed".to_owned())));
}

/// Who goes on may be asked again.
#[test]
fn whoever_goes_on_is_asked_again_the_next_time() {
    let lab = Lab::new(1, &world());
    let (at, mut terminal) = asked(&lab, 1);
    terminal.types("g\n");
    // The bar goes on.
    terminal.shows("running");
    terminal.types(CTRL_C);
    terminal.shows(QUESTION);
    terminal.types("c\n");
    assert_eq!(terminal.ends().0, Some(7));
    assert_eq!(recorded(at), (Stage::Ended, Some("cancelled".to_owned())));
}
