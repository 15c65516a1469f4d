//! What goes wrong on the way while a host is asked to export: it is asked once more only where it has certainly
//! not begun.

use std::fmt::Write;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::crashes::{SHORT, WORLD};
use crate::lab::Lab;
use crate::program::Run;

/// What happens to the first call of a host, the exit codes of the runs until one ends it, and how often the host
/// has begun.
const CASES: &[(&str, &str, &[i32], usize)] = &[
    ("fault", "what = 'lost-response'", &[0], 1),
    ("fault", "what = 'cut', after_bytes = 0", &[0], 1),
    ("fault", "what = 'cut', after_bytes = 300", &[0], 1),
    ("fault", "what = 'stall', after_bytes = 300", &[0], 1),
    ("fault", "what = 'wrong-seal'", &[0], 1),
    ("fault", "what = 'oversized-reply'", &[0], 1),
    ("fault", "what = 'slow', seconds = 1", &[0], 1),
    ("fault", "what = 'slow', seconds = 9", &[0], 1),
    ("fault", "what = 'stall', side = 'request'", &[0], 1),
    // What the host itself gave up it may carry out later.
    ("fault", "what = 'timed-out'", &[12, 12], 0),
    ("fault", "what = 'quota'", &[0], 1),
    ("fault", "what = 'busy'", &[0], 1),
    ("fault", "what = 'internal-error'", &[0], 1),
    ("fault", "what = 'access-denied'", &[6], 0),
    ("fault", "what = 'status', status = 503, retry_after = 0", &[0], 1),
    ("fault", "what = 'status', status = 500", &[0], 1),
    ("fault", "what = 'status', status = 401", &[0], 1),
    ("fault", "what = 'page', status = 200, html = '<html>portal</html>'", &[0], 1),
    ("fault", "what = 'redirect', location = 'http://elsewhere/', status = 302", &[0], 1),
    ("job", "without_reference = true", &[0], 1),
    // A host that takes its time, within what it was given and beyond.
    ("job", "delay = 1", &[0], 1),
    ("job", "delay = 3", &[0], 1),
    ("job", "delay = 6", &[0], 1),
    ("job", "delay = 8", &[0], 1),
    // One that leaves it lying, for as long as it was given, a little longer, and for longer than anybody looks.
    ("job", "begins_after = 1", &[0], 1),
    ("job", "begins_after = 3", &[0], 1),
    ("job", "begins_after = 90", &[12, 12], 1),
    ("job", "fault = 'timed-out'", &[12, 12], 0),
    ("job", "fault = 'shutting-down'", &[0], 1),
    ("job", "fault = 'provider-failure'", &[0], 1),
    ("job", "fault = 'quota'", &[0], 1),
];

#[test]
fn whatever_happens_to_the_call_it_is_carried_out_at_most_once() {
    let mut world = WORLD.to_owned();
    for (place, (table, rule, ..)) in CASES.iter().enumerate() {
        let host = format!("HV{:02}", place + 1);
        let when = match *table {
            "fault" => format!("when = {{ host = \"{host}\", method = \"ExportReferencePoint\" }}"),
            _ => format!("host = \"{host}\"\nmethod = \"ExportReferencePoint\""),
        };
        let rule = rule.replace(", ", "\n");
        writeln!(world, "[[{table}]]\n{rule}\n{when}\ntimes = 1").unwrap();
    }
    let lab = Lab::new(CASES.len(), &world);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (place, (_, rule, codes, begun)) in CASES.iter().enumerate() {
            let (lab, wrong) = (&lab, &wrong);
            scope.spawn(move || {
                let at = lab.at(place + 1);
                let mut runs: Vec<Run> = Vec::new();
                while runs.len() < codes.len() {
                    runs.push(at.export(&[&SHORT[..], &["-o", "json"]].concat()).run());
                }
                let found: Vec<_> = runs.iter().map(|run| run.code.unwrap()).collect();
                if found != *codes || at.begun() != *begun {
                    let asked: Vec<Value> = at.asked();
                    let calls = asked.iter().filter(|line| line["operation"] == "Invoke").collect::<Vec<_>>();
                    wrong
                        .lock()
                        .unwrap()
                        .push(format!("{rule}: {found:?}, begun {}\n{calls:?}\n{runs:#?}", at.begun()));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What fails half-way each time is not tried for ever, although it is proven each time that nothing was begun.
#[test]
fn a_call_that_is_lost_again_and_again_is_a_failure_in_the_end() {
    let lab = Lab::new(
        1,
        &format!("{WORLD}[[job]]\nmethod = \"ExportReferencePoint\"\nfault = \"provider-failure\"\n"),
    );
    let at = lab.at(1);
    let run = at.export(&[&SHORT[..], &["-o", "json"]].concat()).run();
    assert_eq!((run.code, at.begun(), at.calls("ExportReferencePoint")), (Some(7), 0, 3), "{run:?}");
    assert_eq!(run.json()["outcome"], "failed");
    assert!(run.stderr.contains("error: ") && run.stderr.contains("certainly not begun"), "{run:?}");
}

/// The connection ends while a request is on its way, each of an export in turn, legs of the login included. Of
/// the call it is proven that it never arrived; where nobody can look into the directory it is not, and it is not
/// sent again.
#[test]
fn whichever_request_is_cut_on_its_way_nothing_is_done_twice() {
    const REQUESTS: usize = 30;
    let on_drive = r"D:\exports\vm1";
    let on_share = r"\\nas1\hv\vm1";
    let mut world = format!("{WORLD}[[host.share]]\npath = '\\\\nas1\\hv'\n");
    for (place, bytes) in [300, 1500, 300].into_iter().enumerate() {
        for request in 1..=REQUESTS {
            let host = format!("HV{:02}", place * REQUESTS + request);
            let when = format!("when = {{ host = \"{host}\", connection = 1, request = {request} }}");
            writeln!(world, "[[fault]]\nwhat = \"cut\"\nside = \"request\"\nafter_bytes = {bytes}\n{when}")
                .unwrap();
        }
    }
    let lab = Lab::new(3 * REQUESTS, &world);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let (lost, unknown) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if place >= 3 * REQUESTS {
                        return;
                    }
                    let at = lab.at(place + 1);
                    let directory = if place < 2 * REQUESTS { on_drive } else { on_share };
                    let words = ["--vm", "vm1", "--point", "only", "--to", directory, "-o", "json"];
                    let run = at.keeping(&["export"], &[&words[..], &SHORT].concat()).run();
                    let request = place % REQUESTS + 1;
                    if run.stderr.contains("the answer is lost") {
                        lost.lock().unwrap().push(place / REQUESTS);
                    }
                    if run.code == Some(12) {
                        assert_eq!((directory, at.begun()), (on_share, 0), "{request}: {run:?}");
                        let again =
                            at.keeping(&["export"], &[&words[..], &SHORT, &["--retry-unknown"]].concat());
                        let again = again.run();
                        assert_eq!(again.code, Some(0), "{request}: {again:?}");
                        unknown.lock().unwrap().push(request);
                    } else {
                        assert_eq!(run.code, Some(0), "{request}: {run:?}");
                    }
                    assert_eq!((at.begun(), at.calls("ExportReferencePoint")), (1, 1), "{request}: {run:?}");
                }
            });
        }
    });
    // The call was among them, once in each row.
    let mut lost = lost.into_inner().unwrap();
    lost.sort_unstable();
    assert_eq!((lost, unknown.into_inner().unwrap().len()), (vec![0, 1, 2], 1));
}
