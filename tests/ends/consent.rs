//! What is done only with somebody's consent: asked for on a terminal, refused where nobody can be asked.

use crate::lab::{At, Lab};
use crate::program::Refpoint;
use crate::terminal::{CTRL_C, Terminal};

const LOG: &str = "E4282031-639C-4FD7-8059-B192D4F5E637";
const RCT: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";

/// A machine whose name would write into the title of a terminal, with a log point and one of change tracking.
const WORLD: &str = r#"
[[machine]]
id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "vm1\u009d0;gone\u009c"
[[machine.disk]]
file = 'D:\VMs\vm1\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
[[point]]
id = "E4282031-639C-4FD7-8059-B192D4F5E637"
machine = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
type = "log"
[speed]
export = { seconds = 4 }
change_point = "50ms"
checkpoint = "200ms"
"#;

const VM: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";

/// Each command that asks, its question, and the method that it is about.
const COMMANDS: [(&str, &str, &str); 3] = [
    ("destroy", "remove reference point", "DestroyReferencePoint"),
    ("discard", "remove the log of reference point", "RemoveAssociatedData"),
    ("import", "bring points of", "ImportReferencePointMetadata"),
];

fn command(at: At<'_>, word: &str, more: &[&str]) -> Refpoint {
    let words: &[&str] = match word {
        "destroy" => &[RCT, "--foreign"],
        "discard" => &[LOG, "--foreign"],
        _ => &["--vm", VM, "--config", r"D:\x\vm1.vmcx", "--runtime", r"D:\x\vm1.vmrs"],
    };
    at.keeping(&["point", word], &[words, more].concat())
}

#[test]
fn nothing_is_done_without_a_clear_yes() {
    let answers = ["n\n", "\n", "N\n", "yess\n", "\u{4}", CTRL_C];
    std::thread::scope(|scope| {
        for (word, question, method) in COMMANDS {
            for keys in answers {
                scope.spawn(move || {
                    let lab = Lab::new(1, WORLD);
                    let at = lab.at(1);
                    let mut terminal = Terminal::new(&command(at, word, &[]));
                    terminal.shows(question);
                    terminal.shows("[y/N] ");
                    terminal.types(keys);
                    let (code, shown) = terminal.ends();
                    assert_eq!((code, at.calls(method)), (Some(130), 0), "{word} {keys:?}: {shown}");
                });
            }
        }
    });
}

#[test]
fn with_a_yes_it_is_done_once() {
    for (word, question, method) in COMMANDS {
        let lab = Lab::new(1, WORLD);
        let at = lab.at(1);
        let mut terminal = Terminal::new(&command(at, word, &[]));
        terminal.shows(question);
        terminal.types("y\n");
        let (code, shown) = terminal.ends();
        // There is no such file to bring points back from.
        let expected = if word == "import" { 7 } else { 0 };
        assert_eq!((code, at.calls(method)), (Some(expected), 1), "{word}: {shown}");
        assert!(!shown.contains(['\u{9d}', '\u{9c}']), "{word}: {shown:?}");
    }
}

#[test]
fn where_nobody_can_be_asked_nothing_is_asked_of_the_host_either() {
    for (word, _, method) in COMMANDS {
        let lab = Lab::new(1, WORLD);
        let at = lab.at(1);
        let run = command(at, word, &[]).run();
        assert_eq!(run.code, Some(2), "{word}: {run:?}");
        assert!(run.stderr.contains("--yes"), "{word}: {run:?}");
        assert!(at.asked().is_empty(), "{word}");
        command(at, word, &["--yes"]).run();
        assert_eq!(at.calls(method), 1, "{word}");
    }
}

/// What was free when the question was put need not be when it is answered.
#[test]
fn what_comes_into_use_while_the_question_stands_is_not_let_go() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let mut terminal = Terminal::new(&command(at, "destroy", &[]));
    terminal.shows("[y/N] ");
    let words = ["--vm", VM, "--point", RCT, "--to", r"D:\e", "--detach"];
    let run = at.keeping(&["export"], &words).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    terminal.types("y\n");
    let (code, shown) = terminal.ends();
    assert_eq!((code, at.calls("DestroyReferencePoint")), (Some(9), 0), "{shown}");
    assert!(shown.contains("in use"), "{shown}");
}

/// Ctrl-C that is to cancel ends the export, and the checkpoint goes as well.
#[test]
fn a_backup_that_is_cancelled_takes_its_checkpoint_away() {
    let lab = Lab::new(1, WORLD);
    let at = lab.at(1);
    let words = ["--vm", VM, "--to", r"D:\b", "--on-interrupt", "cancel", "-o", "json"];
    let running = at.keeping(&["backup"], &words).start();
    for _ in 0..2 {
        running.says("has begun");
    }
    running.signal("INT");
    let run = running.end();
    let report = run.json();
    assert_eq!((run.code, &report["outcome"]), (Some(7), &"cancelled".into()), "{run:?}");
    assert_eq!(report["remains"].as_array().map(Vec::len), Some(0), "{run:?}");
    assert_eq!((at.calls("CreateSnapshot"), at.calls("DestroySnapshot")), (1, 1), "{run:?}");
    assert_eq!(at.calls("ConvertToReferencePoint"), 0);
}
