//! Exports that are left alone, ended by a person, or not to be understood any more, and how they are taken up.

use std::net::TcpListener;

use refpoint::ledger::{Export, Ledger};
use serde_json::Value;

use crate::lab::{At, Lab};
use crate::program::Run;
use crate::snapshot::{compare, tell};

/// One machine with one point, and exports that take their time.
fn world(more: &str) -> String {
    let world = crate::crashes::WORLD.replace("seconds = 0.3", "seconds = 1.5");
    format!("{world}{more}")
}

fn written(at: At<'_>) -> Vec<Export> {
    let ledger = Ledger::open(at.ledger()).unwrap();
    (1..).map_while(|id| ledger.export(id).unwrap()).collect()
}

/// The last outcome in the ledger; `None` where there is no end yet.
fn recorded(at: At<'_>) -> Option<String> {
    written(at).pop().unwrap().outcome
}

/// Starts an export that stops at a job which has begun, and returns the job's identifier.
fn begun(at: At<'_>) -> String {
    let run = at.export(&["--detach", "-o", "name"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    run.stdout.trim().to_owned()
}

fn assert_code(run: &Run, code: i32) {
    assert_eq!(run.code, Some(code), "{run:?}");
}

#[test]
fn a_detached_export_is_followed_by_the_same_command_to_its_end() {
    let lab = Lab::new(2, &world(""));
    let (table, json) = (lab.at(1), lab.at(2));
    let mut text = String::new();
    for (at, more) in [(table, &[][..]), (json, &["-o", "json"][..])] {
        let run = at.export(&[more, &["--detach"]].concat()).run();
        assert_code(&run, 0);
        assert_eq!(recorded(at), None);
        text += &tell(&format!("export … --detach {}", more.join(" ")), &run);
        let run = at.export(more).run();
        assert_code(&run, 0);
        assert_eq!((recorded(at).as_deref(), at.calls("ExportReferencePoint")), (Some("completed"), 1));
        text += &tell(&format!("export … {}", more.join(" ")), &run);
    }
    compare("detached", &text);
}

#[test]
fn a_detached_export_is_followed_by_its_job_and_its_end_is_written_down() {
    let lab = Lab::new(1, &world(""));
    let at = lab.at(1);
    let job = begun(at);
    let run = at.keeping(&["job", "wait"], &[&job]).run();
    assert_code(&run, 0);
    assert_eq!((recorded(at).as_deref(), at.calls("ExportReferencePoint")), (Some("completed"), 1));
    let mut text = tell("job wait HOST JOB", &run);
    let run = at.keeping(&["job", "wait"], &["0A0A0A0A-0000-0000-0000-000000000000"]).run();
    assert_code(&run, 10);
    text += &tell("job wait HOST ANOTHER", &run);
    compare("job-wait", &text);
}

#[test]
fn who_is_interrupted_leaves_the_job_and_says_which() {
    let lab = Lab::new(4, &world(""));
    let mut text = String::new();
    for (number, signal, code, more) in [
        (1, "INT", 130, &[][..]),
        (2, "INT", 130, &["-o", "json"]),
        (3, "TERM", 143, &[]),
        (4, "INT", 130, &["--on-interrupt", "detach"]),
    ] {
        let at = lab.at(number);
        let running = at.export(more).start();
        running.says("has begun");
        running.signal(signal);
        let run = running.end();
        assert_code(&run, code);
        text += &tell(&format!("export … {} # SIG{signal}", more.join(" ")), &run);
        assert_code(&at.export(&[]).run(), 0);
        assert_eq!((recorded(at).as_deref(), at.calls("ExportReferencePoint")), (Some("completed"), 1));
    }
    compare("interrupted", &text);
}

#[test]
fn a_job_is_cancelled_by_ctrl_c_and_by_command_and_followed_to_its_end() {
    let lab = Lab::new(4, &world(""));
    let mut text = String::new();
    for (number, more) in [(1, &[][..]), (2, &["-o", "json"])] {
        let at = lab.at(number);
        let running = at.export(&[&["--on-interrupt", "cancel"], more].concat()).start();
        running.says("has begun");
        running.signal("INT");
        let run = running.end();
        assert_code(&run, 7);
        text += &tell(&format!("export … --on-interrupt cancel {} # SIGINT", more.join(" ")), &run);
        assert_eq!((recorded(at).as_deref(), at.calls("RequestStateChange")), (Some("cancelled"), 1));
    }
    for (number, more) in [(3, &[][..]), (4, &["-o", "json"])] {
        let at = lab.at(number);
        let job = begun(at);
        let run = at.keeping(&["job", "cancel"], &[&[&*job], more].concat()).run();
        assert_code(&run, 7);
        text += &tell(&format!("job cancel HOST JOB {}", more.join(" ")), &run);
        assert_eq!((recorded(at).as_deref(), at.calls("RequestStateChange")), (Some("cancelled"), 1));
    }
    compare("cancelled", &text);
}

#[test]
fn a_deadline_that_passes_leaves_the_job_and_says_which() {
    let lab = Lab::new(2, &world("").replace("seconds = 1.5", "seconds = 2.5"));
    let mut text = String::new();
    for (number, more) in [(1, &[][..]), (2, &["-o", "json"])] {
        let at = lab.at(number);
        let run = at.export(&[&["--deadline", "1500ms"], more].concat()).run();
        assert_code(&run, 8);
        text += &tell(&format!("export … --deadline 1500ms {}", more.join(" ")), &run);
        assert_code(&at.export(&[]).run(), 0);
        assert_eq!((recorded(at).as_deref(), at.calls("ExportReferencePoint")), (Some("completed"), 1));
    }
    compare("deadline", &text);
}

#[test]
fn a_job_that_vanishes_is_unknown_until_a_person_lets_it_be() {
    let more = "[[job]]\nmethod = \"ExportReferencePoint\"\nvanishes_after = 0.6\ntimes = 1\n\
                [[host.share]]\npath = '\\\\nas1\\hv'\n[questions]\nexisting = \"overwrite\"\n";
    let lab = Lab::new(2, &world(more));
    let mut text = String::new();
    for (number, more) in [(1, &[][..]), (2, &["-o", "json"])] {
        let at = lab.at(number);
        let export = |again: &[&str]| {
            let words = ["--vm", "vm1", "--point", "only", "--to", r"\\nas1\hv\vm1"];
            at.keeping(&["export"], &[&words, more, again].concat()).run()
        };
        for again in [&[][..], &[]] {
            let run = export(again);
            assert_code(&run, 12);
            text += &tell(&format!("export … {}", more.join(" ")), &run);
            assert_eq!((recorded(at), at.calls("ExportReferencePoint")), (None, 1));
        }
        // What nobody sees any more is still at work, and would be in the way.
        let wql = "SELECT OperationalStatus FROM Msvm_ComputerSystem WHERE ElementName = 'vm1'";
        while at.refpoint(&["cim", "query"], &[wql, "-o", "jsonl"]).run().stdout.contains("32773") {}
        let run = export(&["--retry-unknown"]);
        assert_code(&run, 0);
        text += &tell(&format!("export … --retry-unknown {}", more.join(" ")), &run);
        let outcomes: Vec<_> = written(at).into_iter().filter_map(|export| export.outcome).collect();
        assert!(outcomes.contains(&"unknown".to_owned()), "{outcomes:?}");
        assert_eq!((recorded(at).as_deref(), at.begun()), (Some("completed"), 2), "{run:?}");
    }
    compare("unknown", &text);
}

/// A host that no longer answers is no reason to wait for longer than was said, nor to be deaf: whatever went on would
/// be ended as hanging.
#[test]
fn a_deadline_and_ctrl_c_are_heard_while_a_host_does_not_answer() {
    let stall = |host: &str, class: &str| {
        format!("[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = {{ host = \"{host}\", {class} }}\n")
    };
    let rules = [
        stall("HV01", "operation = \"Enumerate\""),
        stall("HV02", "operation = \"Enumerate\""),
        // The host's jobs are looked at twice before the call.
        stall("HV03", "operation = \"Enumerate\", class = \"CIM_ConcreteJob\"")
            .replace("}\n", "}\nskip = 2\n"),
        stall("HV04", "operation = \"Enumerate\", class = \"CIM_ConcreteJob\"")
            .replace("}\n", "}\nskip = 2\n"),
        stall("HV05", "operation = \"Enumerate\""),
    ];
    let lab = Lab::new(5, &world(&rules.concat()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let run = lab.at(1).export(&["--deadline", "1s", "-o", "json"]).run();
            assert_code(&run, 8);
            assert_eq!(run.json()["outcome"], "failed", "{run:?}");
        });
        scope.spawn(|| {
            let running = lab.at(2).export(&[]).start();
            running.says("logged in");
            running.signal("INT");
            assert_code(&running.end(), 130);
        });
        scope.spawn(|| {
            let run = lab.at(3).export(&["--deadline", "10s", "-o", "json"]).run();
            assert_code(&run, 8);
            assert_eq!(run.json()["outcome"], "detached", "{run:?}");
        });
        scope.spawn(|| {
            let running = lab.at(4).export(&[]).start();
            running.says("has begun");
            running.signal("INT");
            assert_code(&running.end(), 130);
        });
        scope.spawn(|| {
            let running = lab.at(5).export(&["--on-interrupt", "cancel"]).start();
            running.says("logged in");
            running.signal("INT");
            assert_code(&running.end(), 130);
        });
    });
    for number in [1, 2, 5] {
        assert_eq!(lab.at(number).calls("ExportReferencePoint"), 0, "{number}");
    }
    for number in [3, 4] {
        assert_eq!((recorded(lab.at(number)), lab.at(number).begun()), (None, 1), "{number}");
    }
}

/// Every command that may take long, and what it says that may be left behind.
const LONG: [(&[&str], &[&str], &str); 6] = [
    (&["export"], &["--vm", "vm1", "--point", "only", "--to", r"D:\x"], "deadline has passed before"),
    (
        &["export"],
        &["--vm", "vm1", "--point", "only", "--to", r"D:\x", "--dry-run"],
        "deadline has passed before",
    ),
    (&["point", "create"], &["--vm", "vm1"], "deadline has passed"),
    (
        &["point", "adopt"],
        &["A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3", "--vm", "vm1"],
        "deadline has passed before",
    ),
    (
        &["job", "wait"],
        &["0A0A0A0A-0000-0000-0000-000000000000"],
        "0A0A0A0A-0000-0000-0000-000000000000 may still run",
    ),
    (
        &["job", "cancel"],
        &["0A0A0A0A-0000-0000-0000-000000000000"],
        "0A0A0A0A-0000-0000-0000-000000000000 may still run",
    ),
];

/// A deadline is one of the whole command, the login and the goodbye included: whatever went on would be ended as
/// hanging, since neither of these hosts ever answers.
#[test]
fn whatever_is_asked_of_a_host_that_does_not_answer_ends_with_its_deadline() {
    let stall = "[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { operation = \"Enumerate\" }\n";
    let lab = Lab::new(LONG.len(), &world(stall));
    // Whoever connects there is never let in.
    let silent = TcpListener::bind("127.1.251.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    std::thread::scope(|scope| {
        for (place, (words, more, told)) in LONG.into_iter().enumerate() {
            let lab = &lab;
            scope.spawn(move || {
                let at = lab.at(place + 1);
                let more = [more, &["--deadline", "1s"]].concat();
                let run = at.keeping(words, &more).run();
                assert_code(&run, 8);
                assert!(run.stderr.contains(told) && run.stderr.contains("hint: "), "{words:?}: {run:?}");
                let login = [&silent.to_string(), "--user", r"LAB\operator"];
                let run = crate::program::refpoint(words.iter().chain(&login).chain(&more))
                    .env("REFPOINT_PASSWORD", "Swordfish-7391")
                    .env("REFPOINT_LEDGER", at.ledger().to_str().unwrap())
                    .run();
                assert_code(&run, 8);
                assert!(run.stderr.contains("deadline has passed before"), "{words:?}: {run:?}");
            });
        }
    });
}

#[test]
fn a_deadline_that_passes_while_a_point_is_made_says_which_job_makes_it() {
    let lost = "[[fault]]\nwhat = \"lost-response\"\nwhen = { host = \"HV02\", method = \"CreateReferencePoint\" }\n";
    let lab = Lab::new(2, &world(&format!("create_point = 30\n{lost}")));
    for number in [1, 2] {
        let at = lab.at(number);
        let run = at.keeping(&["point", "create"], &["--vm", "vm1", "--deadline", "2s"]).run();
        assert_code(&run, 8);
        assert_eq!(at.calls("CreateReferencePoint"), 1, "{run:?}");
        let job = at.refpoint(&["job", "list"], &["-o", "name"]).run().stdout;
        let told =
            if number == 1 { format!("job {} may still run", job.trim()) } else { "may still".to_owned() };
        assert!(run.stderr.contains(&told) && run.stderr.contains("hint: "), "{run:?} {job}");
    }
}

/// The host has the call and does not answer: whoever leaves by then has left an export open.
#[test]
fn a_call_that_is_not_answered_in_time_is_left_and_looked_for_by_the_same_command() {
    let stall = |number: usize| {
        format!(
            "[[fault]]\nwhat = \"stall\"\n\
             when = {{ host = \"HV{number:02}\", method = \"ExportReferencePoint\" }}\ntimes = 1\n"
        )
    };
    let lab = Lab::new(3, &world(&(1..=3).map(stall).collect::<String>()));
    std::thread::scope(|scope| {
        for (number, signal, code) in [(1, None, 8), (2, Some("INT"), 130), (3, Some("TERM"), 143)] {
            let at = lab.at(number);
            scope.spawn(move || {
                let run = match signal {
                    None => at.export(&["--deadline", "3s", "-o", "json"]).run(),
                    Some(signal) => {
                        let running = at.export(&["-o", "json"]).start();
                        while at.begun() == 0 {
                            std::thread::yield_now();
                        }
                        running.signal(signal);
                        running.end()
                    }
                };
                assert_code(&run, code);
                let report = run.json();
                assert_eq!(
                    (&report["outcome"], &report["job"]),
                    (&"detached".into(), &Value::Null),
                    "{run:?}"
                );
                assert!(
                    run.stderr.contains("hint: the same command again looks what became of it"),
                    "{run:?}"
                );
                assert_eq!(recorded(at), None);
                let run = at.export(&[]).run();
                assert_code(&run, 0);
                let calls = at.calls("ExportReferencePoint");
                assert_eq!((recorded(at).as_deref(), calls), (Some("completed"), 1), "{run:?}");
            });
        }
    });
}

/// Who may not look for a while has not lost the job by that, whatever he has allowed.
#[test]
fn a_running_job_is_not_thrown_away_because_nobody_could_look() {
    // A run looks at the host's jobs twice before it asks.
    let denied = "[[fault]]\nwhat = \"access-denied\"\nskip = 2\ntimes = 1\n\
                  when = { operation = \"Enumerate\", class = \"CIM_ConcreteJob\" }\n";
    let lab = Lab::new(1, &world(denied));
    let at = lab.at(1);
    assert!(at.export(&[]).killed_at("ledger:Answered:before").run().was_killed());
    let run = at.export(&["--retry-unknown", "-o", "json"]).run();
    assert_code(&run, 6);
    assert_eq!((recorded(at), &run.json()["outcome"]), (None, &"unknown".into()), "{run:?}");
    let run = at.export(&["--retry-unknown"]).run();
    assert_code(&run, 0);
    assert_eq!((written(at).len(), at.calls("ExportReferencePoint")), (1, 1), "{run:?}");
}
