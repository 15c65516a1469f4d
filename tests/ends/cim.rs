//! `cim` against simulated hosts: what is changed, what is watched, and that nothing is left of either.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{At, Lab};
use crate::program::{Run, Running};

const CIMV2: [&str; 2] = ["--namespace", "root/cimv2"];
const TEMP: [&str; 3] = ["Win32_Environment", "Name=TEMP", "UserName=<SYSTEM>"];
const OWN: [&str; 3] = ["Win32_Environment", "Name=OWN", "UserName=<SYSTEM>"];
const EVENTS: &str =
    "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Environment'";

fn cim(host: At<'_>, command: &str, words: &[&[&str]]) -> Run {
    host.refpoint(&["cim", command], &[&words.concat()[..], &CIMV2].concat()).run()
}

/// Returns how often an operation was carried out.
fn done(host: At<'_>, operation: &str) -> usize {
    let is_it = |line: &&Value| line["operation"] == operation && line["return_value"] == 0;
    host.asked().iter().filter(is_it).count()
}

fn asked(host: At<'_>, operation: &str) -> usize {
    host.asked().iter().filter(|line| line["operation"] == operation).count()
}

fn value(host: At<'_>, object: &[&str]) -> Option<String> {
    let run = cim(host, "get", &[object, &["-o", "json"]]);
    if run.code == Some(10) {
        return None;
    }
    Some(run.json()["properties"]["VariableValue"].as_str().unwrap().to_owned())
}

#[test]
fn a_property_is_changed_once_and_shown_as_it_was_and_is() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let set = ["--set", r"VariableValue=D:\temp"];
    let dry = cim(host, "put", &[&TEMP, &set, &["--dry-run"]]);
    assert_eq!((dry.code, asked(host, "Put")), (Some(0), 0), "{}", dry.stderr);
    assert!(dry.stdout.contains(r"Body VariableValue   D:\temp"), "{}", dry.stdout);
    assert!(dry.stdout.contains("/wmi/root/cimv2/Win32_Environment\n"), "{}", dry.stdout);
    let run = cim(host, "put", &[&TEMP, &set]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.stdout,
        "root\\cimv2:Win32_Environment.Name=\"TEMP\",UserName=\"<SYSTEM>\"\n  \
         VariableValue  %SystemRoot%\\TEMP → D:\\temp\n"
    );
    assert_eq!((value(host, &TEMP).as_deref(), done(host, "Put")), (Some(r"D:\temp"), 1));
    let again = cim(host, "put", &[&TEMP, &set]);
    assert_eq!((again.code, asked(host, "Put")), (Some(0), 1), "it is so already");
    assert!(again.stderr.contains("it is so already"), "{}", again.stderr);
    let part = cim(host, "put", &[&TEMP, &["--set", "VariableValue=x", "--fragment", "-o", "json"]]);
    let part = part.json();
    assert_eq!(part["changed"], json!({"VariableValue": {"before": "D:\\temp", "after": "x"}}));
    assert_eq!(part["instance"]["properties"]["SystemVariable"], "true", "the rest is as it was");
    for (odd, code) in [("Name=OTHER", 2), ("Nothing=1", 2)] {
        let run = cim(host, "put", &[&TEMP, &["--set", odd]]);
        assert_eq!(run.code, Some(code), "{odd}: {}", run.stderr);
    }
    assert_eq!(done(host, "Put"), 2);
}

#[test]
fn an_object_is_made_named_and_removed() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let made = [&OWN[..], &["VariableValue=1", "--schema", "host"]].concat();
    let run = cim(host, "create", &[&made]);
    assert_eq!(
        run.stdout, "root\\cimv2:Win32_Environment.Name=\"OWN\",UserName=\"<SYSTEM>\"\n",
        "{}",
        run.stderr
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    // What it printed names it.
    let path = run.stdout.trim();
    assert_eq!(value(host, &[path]).as_deref(), Some("1"));
    let twice = cim(host, "create", &[&made]);
    assert_eq!((twice.code, done(host, "Create")), (Some(7), 1), "{}", twice.stderr);
    assert!(twice.stderr.contains("0x80041019"), "{}", twice.stderr);
    let asked_first = cim(host, "delete", &[&[path]]);
    assert_eq!((asked_first.code, asked(host, "Delete")), (Some(2), 0), "{}", asked_first.stderr);
    let dry = cim(host, "delete", &[&[path, "--dry-run", "-o", "json"]]);
    assert_eq!((&dry.json()["sent"], &dry.json()["selectors"]["Name"]), (&json!(false), &json!("OWN")));
    let run = cim(host, "delete", &[&[path, "--yes"]]);
    assert_eq!((run.code, done(host, "Delete")), (Some(0), 1), "{}", run.stderr);
    assert_eq!(cim(host, "delete", &[&[path, "--yes"]]).code, Some(10));
    assert_eq!(value(host, &OWN), None);
}

#[test]
fn a_change_whose_answer_is_lost_is_unknown_and_is_not_asked_for_again() {
    for (command, operation, words) in [
        ("put", "Put", [&TEMP[..], &["--set", "VariableValue=x"]].concat()),
        ("put", "Put", [&TEMP[..], &["--set", "VariableValue=x", "--fragment"]].concat()),
        ("create", "Create", [&OWN[..], &["VariableValue=x"]].concat()),
        ("delete", "Delete", [&TEMP[..], &["--yes"]].concat()),
    ] {
        for fault in ["lost-response", "cut"] {
            let rule =
                format!("[[fault]]\nwhat = '{fault}'\nwhen = {{ operation = '{operation}' }}\ntimes = 1\n");
            let lab = Lab::new(1, &rule);
            let host = lab.at(1);
            let run = cim(host, command, &[&words]);
            assert_eq!(run.code, Some(12), "{words:?}: {}", run.stderr);
            assert!(run.stderr.contains("look there before you ask again"), "{}", run.stderr);
            assert_eq!((asked(host, operation), done(host, operation)), (1, 1), "{words:?}");
        }
        // And where the host proves that it has not begun, it is asked again.
        let rule = format!("[[fault]]\nwhat = 'quota'\nwhen = {{ operation = '{operation}' }}\ntimes = 1\n");
        let lab = Lab::new(1, &rule);
        let run = cim(lab.at(1), command, &[&words]);
        assert_eq!(
            (run.code, asked(lab.at(1), operation), done(lab.at(1), operation)),
            (Some(0), 2, 1),
            "{words:?}"
        );
    }
}

#[test]
fn a_method_of_a_class_that_only_the_host_knows_is_checked_by_what_the_host_says() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let key = r"sSubKeyName=SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let hive = "hDefKey=2147483650";
    let told = ["--schema", "host"];
    let read = cim(
        host,
        "invoke",
        &[&["StdRegProv", "GetDWORDValue", hive, key, "sValueName=UBR", "-o", "json"], &told],
    );
    assert_eq!(read.json()["return_value"], 0, "{}", read.stderr);
    let write = ["StdRegProv", "SetMultiStringValue", hive, key, "sValueName=Own", "sValue=[a,b c]"];
    assert_eq!(cim(host, "invoke", &[&write, &told]).code, Some(0));
    let back = ["StdRegProv", "GetMultiStringValue", hive, key, "sValueName=Own", "-o", "json"];
    assert_eq!(cim(host, "invoke", &[&back, &told]).json()["out"]["sValue"], json!(["a", "b c"]));
    let calls = host.asked().iter().filter(|line| line["operation"] == "Invoke").count();
    for (words, complaint) in [
        (&["StdRegProv", "SetDWORDValue", hive, "uValue=4294967296"][..], "from 0 to 4294967295"),
        (&["StdRegProv", "SetDWORDValue", "hDefKy=1"], "did you mean hDefKey?"),
        (&["StdRegProv", "GetDWORDValue", hive, "uValue=1"], "gives uValue, it does not take it"),
        (&["StdRegProv", "SetDWORDValu", hive], "did you mean SetDWORDValue?"),
        (&["StdRegProv", "Explode"], "the host says it has GetDWORDValue"),
    ] {
        let run = cim(host, "invoke", &[words, &told]);
        assert_eq!(run.code, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(complaint), "{words:?}: {}", run.stderr);
    }
    assert_eq!(
        host.asked().iter().filter(|line| line["operation"] == "Invoke").count(),
        calls,
        "none was sent"
    );
    // Without that everything goes as text, and that is said.
    let plain = cim(host, "invoke", &[&["StdRegProv", "GetDWORDValue", hive, key, "sValueName=UBR"]]);
    assert!(
        plain.stderr.contains("warning: StdRegProv.GetDWORDValue is not in the bundled schema"),
        "{}",
        plain.stderr
    );
    assert_eq!(plain.code, Some(0));
    let missing = cim(host, "invoke", &[&["StdRegProv", "GetDWORDValue", hive, key], &told]);
    assert!(missing.stderr.contains("also takes sValueName: not given"), "{}", missing.stderr);
    let nothing = cim(host, "get", &[&["Win32_Nothing", "Name=x"], &told]);
    assert_eq!(nothing.code, Some(10), "{}", nothing.stderr);
}

/// Begins to watch; returns when the host is being asked.
fn watch(host: At<'_>, words: &[&str], says: &str) -> Running {
    let all = [&CIMV2[..], words].concat();
    let running = host.refpoint(&["cim", "watch"], &all).start();
    running.says(says);
    running
}

fn kinds(run: &Run) -> Vec<String> {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.map(|event| event["class"].as_str().unwrap().to_owned()).collect()
}

const THREE: [&str; 3] =
    ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"];

/// Makes an object, changes it and removes it, each when the one before has been told.
#[track_caller]
fn live(host: At<'_>, watching: &Running) {
    for (command, words) in
        [("create", &["VariableValue=1"][..]), ("put", &["--set", "VariableValue=2"]), ("delete", &["--yes"])]
    {
        assert_eq!(cim(host, command, &[&OWN, words]).code, Some(0));
        watching.prints();
    }
}

#[test]
fn events_are_shown_as_they_happen_and_the_subscription_is_ended() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let watching = watch(host, &[EVENTS, "-o", "jsonl", "--count", "3"], "waiting for events");
    live(host, &watching);
    let run = watching.end();
    assert_eq!((run.code, kinds(&run)), (Some(0), THREE.map(str::to_owned).to_vec()), "{}", run.stderr);
    let event: Value = serde_json::from_str(run.stdout.lines().nth(1).unwrap()).unwrap();
    assert_eq!(event["properties"]["PreviousInstance"]["properties"]["VariableValue"], "1");
    assert_eq!(event["properties"]["TargetInstance"]["properties"]["VariableValue"], "2");
    assert!(event["properties"]["TIME_CREATED"].as_u64().unwrap() > 130_000_000_000_000_000);
    assert_eq!((asked(host, "Subscribe"), asked(host, "Unsubscribe")), (1, 1));
}

#[test]
fn an_interrupt_ends_a_subscription_at_once_and_on_the_host_too() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let lab = Lab::new(1, "");
        let host = lab.at(1);
        let watching = watch(host, &[EVENTS], "waiting for events");
        watching.signal(signal);
        assert!(watching.ends_within(Duration::from_secs(20)), "it waits for an event that never comes");
        let run = watching.end();
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert_eq!((asked(host, "Subscribe"), asked(host, "Unsubscribe")), (1, 1), "{signal}");
    }
    let lab = Lab::new(1, "");
    let run = cim(lab.at(1), "watch", &[&[EVENTS, "--for", "1s"]]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("nothing has happened"), "{}", run.stderr);
    assert_eq!((asked(lab.at(1), "Subscribe"), asked(lab.at(1), "Unsubscribe")), (1, 1));
}

#[test]
fn a_host_that_keeps_no_events_is_polled_and_so_is_one_that_shall_be() {
    for (scenario, words) in [
        ("[questions]\nsubscriptions = false", &[EVENTS][..]),
        ("", &[EVENTS, "--poll", "1s"]),
        ("", &["SELECT * FROM Win32_Environment", "--poll", "1s"]),
        ("", &["SELECT * FROM Win32_Environment", "--poll", "1s", "--keys", "Name,UserName"]),
    ] {
        let lab = Lab::new(1, scenario);
        let host = lab.at(1);
        let all = [words, &["-o", "jsonl", "--count", "3"]].concat();
        let watching = watch(host, &all, "looking at Win32_Environment every 1s");
        // The first look says nothing: it has to be over before anything happens.
        while asked(host, "Enumerate") == 0 {
            assert!(!watching.ends_within(Duration::from_millis(20)), "it ends before it looks");
        }
        live(host, &watching);
        let run = watching.end();
        assert_eq!(
            (run.code, kinds(&run)),
            (Some(0), THREE.map(str::to_owned).to_vec()),
            "{words:?} {}",
            run.stderr
        );
        assert!(asked(host, "Subscribe") <= 1 && asked(host, "Unsubscribe") == 0);
        let event: Value = serde_json::from_str(run.stdout.lines().nth(1).unwrap()).unwrap();
        assert_eq!(event["properties"]["PreviousInstance"]["properties"]["VariableValue"], "1");
    }
    let lab = Lab::new(1, "[questions]\nsubscriptions = false");
    let run = cim(lab.at(1), "watch", &[&["SELECT * FROM __TimerEvent"]]);
    assert_eq!(run.code, Some(7), "{}", run.stderr);
    assert!(run.stderr.contains("nothing but a subscription sees"), "{}", run.stderr);
}

#[test]
fn a_subscription_that_is_lost_is_made_again_and_said_to_have_a_gap() {
    for fault in ["end-subscriptions", "cut", "lost-response"] {
        let rule = format!("[[fault]]\nwhat = '{fault}'\nwhen = {{ operation = 'Pull' }}\ntimes = 1\n");
        let lab = Lab::new(1, &rule);
        let host = lab.at(1);
        let watching = watch(host, &[EVENTS, "-o", "jsonl", "--count", "1"], "waiting for events");
        if fault != "end-subscriptions" {
            // Nothing is answered before something happens.
            assert_eq!(cim(host, "put", &[&TEMP, &["--set", "VariableValue=1"]]).code, Some(0));
        }
        watching.says("events may be missed");
        watching.says("subscribed again");
        assert_eq!(cim(host, "put", &[&TEMP, &["--set", "VariableValue=2"]]).code, Some(0));
        let run = watching.end();
        assert_eq!((run.code, kinds(&run).len()), (Some(3), 1), "{fault}: {}", run.stderr);
        assert_eq!(asked(host, "Subscribe"), 2, "{fault}");
        // The one that is left is ended by name, the other one as far as it is still there.
        assert!(asked(host, "Unsubscribe") >= 1, "{fault}");
    }
}

#[test]
fn what_a_host_does_not_let_be_watched_is_a_failure_with_a_reason() {
    let lab = Lab::new(1, "");
    for (query, code, says) in [
        (
            "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Environment'",
            7,
            "need WITHIN",
        ),
        (
            "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Nothing'",
            10,
            "0x80041010",
        ),
        ("SELECT * FROM Win32_Nothing", 10, "Win32_Nothing"),
    ] {
        let run = cim(lab.at(1), "watch", &[&[query]]);
        assert_eq!(run.code, Some(code), "{query}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{query}: {}", run.stderr);
    }
}
