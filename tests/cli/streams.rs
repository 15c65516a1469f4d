//! Lists arrive as the host sends them, and end as they end.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc;
use std::time::Duration;

use refpoint::wsman::{Mode, Request};

use crate::host::{Answer, CLEAR, Host, fault, machine, page};
use crate::program::wait;

/// Returns a host whose second page waits for the test.
fn halting(second: impl Fn() -> Answer + Send + 'static) -> (Host, mpsc::Sender<()>) {
    let (go, gone) = mpsc::channel::<()>();
    let host = Host::new(move |incoming| match &incoming.request {
        Request::Enumerate(_) => page(&[machine("a", 2), machine("b", 2)], Some("c1"), Mode::Object),
        Request::Pull(_) => {
            // The test has seen the first page, or has gone.
            let _ = gone.recv();
            second()
        }
        Request::Release(_) => Answer::Nothing,
        other => panic!("{other:?}"),
    });
    (host, go)
}

#[test]
fn the_first_page_is_shown_while_the_second_is_still_under_way() {
    for (format, first, rest) in [("jsonl", 2, 1), ("name", 2, 1), ("table", 3, 1), ("yaml", 18, 9)] {
        let mode = if format == "name" { Mode::Reference } else { Mode::Object };
        let (go, gone) = mpsc::channel::<()>();
        let host = Host::new(move |incoming| match &incoming.request {
            Request::Enumerate(_) => page(&[machine("a", 2), machine("b", 2)], Some("c1"), mode),
            Request::Pull(_) => {
                // Whoever waits for the second page before he shows the first gets none.
                gone.recv_timeout(PATIENCE).unwrap();
                page(&[machine("c", 2)], None, mode)
            }
            other => panic!("{other:?}"),
        });
        let mut child = host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", format]).start();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        for _ in 0..first {
            assert!(stdout.read_line(&mut line).unwrap() > 0);
        }
        assert!(go.send(()).is_ok(), "{format}: the host has waited in vain, and these came after: {line}");
        let mut tail = String::new();
        stdout.read_to_string(&mut tail).unwrap();
        assert_eq!(tail.lines().count(), rest, "{format}: {line}{tail}");
        let run = wait(child);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), CLEAR));
    }
}

#[test]
fn a_list_that_breaks_off_does_not_look_whole() {
    let broken = || {
        Answer::Fault(Box::new(fault(
            refpoint::wsman::names::ENUMERATION,
            "InvalidEnumerationContext",
            "gone",
        )))
    };
    for format in ["json", "jsonl", "table", "yaml"] {
        let (host, go) = halting(broken);
        go.send(()).unwrap();
        let run = host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", format]).run();
        assert_eq!(run.code, Some(7), "{format}: {}", run.stderr);
        assert!(run.stdout.contains("0A-b"), "what came is shown: {}", run.stdout);
        assert!(run.stderr.starts_with(&format!("{CLEAR}error: ")), "{}", run.stderr);
        if format == "json" {
            assert!(serde_json::from_str::<serde_json::Value>(&run.stdout).is_err(), "{}", run.stdout);
        }
    }
}

#[test]
fn a_reader_who_has_enough_ends_the_enumeration_on_the_host_too() {
    let mut number = 0;
    let (released, release) = mpsc::channel::<()>();
    let host = Host::new(move |incoming| match &incoming.request {
        Request::Enumerate(_) | Request::Pull(_) => {
            number += 1;
            let machines: Vec<_> = (0..500).map(|at| machine(&format!("{number}-{at}"), 2)).collect();
            page(&machines, Some("more"), Mode::Object)
        }
        Request::Release(_) => {
            let _ = released.send(());
            Answer::Nothing
        }
        other => panic!("{other:?}"),
    });
    let mut child = host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", "jsonl"]).start();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let run = wait(child);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), CLEAR));
    release.recv().unwrap();
}

#[test]
fn an_interrupt_ends_it_with_the_code_of_the_signal_and_tidies_up() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (released, release) = mpsc::channel::<()>();
        let (asked, ask) = mpsc::channel::<()>();
        let (go, gone) = mpsc::channel::<()>();
        let host = Host::new(move |incoming| match &incoming.request {
            Request::Enumerate(_) => page(&[machine("a", 2)], Some("c1"), Mode::Object),
            Request::Pull(_) => {
                asked.send(()).unwrap();
                let _ = gone.recv();
                page(&[machine("b", 2)], Some("c2"), Mode::Object)
            }
            Request::Release(_) => {
                released.send(()).unwrap();
                Answer::Nothing
            }
            other => panic!("{other:?}"),
        });
        let child = host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", "jsonl"]).start();
        ask.recv().unwrap();
        let killed = std::process::Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        // From now on each page comes at once, be it this one or one that is asked for before the signal is heard.
        drop(go);
        let run = wait(child);
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(
            run.stderr.ends_with("error: interrupted\nmore: refpoint explain exit:130\n")
                || run.stderr.ends_with("error: terminated\nmore: refpoint explain exit:143\n"),
            "{}",
            run.stderr
        );
        release.recv().unwrap();
    }
}

#[test]
fn a_call_that_is_interrupted_says_that_it_may_have_been_carried_out() {
    let (asked, ask) = mpsc::channel::<()>();
    let (go, gone) = mpsc::channel::<()>();
    let host = Host::new(move |_| {
        asked.send(()).unwrap();
        let _ = gone.recv();
        Answer::Close
    });
    let object = r#"Msvm_ConcreteJob.InstanceID="1""#;
    let child =
        host.refpoint(&["cim", "invoke"], &[object, "RequestStateChange", "RequestedState=4"]).start();
    ask.recv().unwrap();
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let run = wait(child);
    drop(go);
    assert_eq!(run.code, Some(130));
    assert!(
        run.stderr.ends_with(
            "hint: RequestStateChange may have been carried out: look there before you call it again\n\
             more: refpoint explain exit:130\n"
        ),
        "{}",
        run.stderr
    );
}

/// Nothing here takes a second; a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
