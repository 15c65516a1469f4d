//! Every way in which an export ends: what a person reads, what a script reads, and the exit code.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::lab::{At, Lab};
use crate::program::Refpoint;
use crate::snapshot::{compare, tell};

/// Two machines with a point each, and a group of them with a collection of the two.
const WORLD: &str = r#"
[[machine]]
id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91"
name = "vm1"
[[machine.disk]]
file = 'D:\VMs\vm1\os.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "vm1"
type = "log"
[[machine]]
id = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44"
name = "vm2"
[[machine.disk]]
file = 'D:\VMs\vm2\data.vhdx'
size = "1GiB"
used = "1GiB"
[[point]]
id = "C2060E1F-417A-4DB5-AE38-9F70B2D3C415"
machine = "vm2"
type = "log"
[[group]]
id = "5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293"
name = "shop"
members = ["vm1", "vm2"]
[[collection]]
id = "6E1D9C8B-2F30-4B4C-9D5E-AF6071829304"
group = "shop"
name = "first"
points = ["A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3", "C2060E1F-417A-4DB5-AE38-9F70B2D3C415"]
[host]
directories = ['D:\exports']
[speed]
export = { seconds = 0.2 }
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Machine,
    Group,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            Self::Machine => r"export HOST --vm vm1 --point only --to D:\exports\x",
            Self::Group => r"export HOST --group shop --point only --to D:\exports\x",
        }
    }

    fn of(self, at: At<'_>, more: &[&str]) -> Refpoint {
        let words: Vec<_> = self.words().split(' ').skip(2).collect();
        at.keeping(&["export"], &[&words[..], more].concat())
    }
}

/// Does something on as many hosts at once as the machine has patience for; the texts are in order.
fn on_each(count: usize, work: impl Fn(usize) -> String + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let mut all: Vec<(usize, String)> = thread::scope(|scope| {
        let take = || {
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= count {
                    return done;
                }
                done.push((place, work(place)));
            }
        };
        // Most of them wait for a pause to end.
        let workers: Vec<_> = (0..28).map(|_| scope.spawn(take)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

/// Exports once as a table and once as JSON, each on a host of its own, for each of these rules of jobs; all exit
/// codes must be those.
fn with_rules(name: &str, what: What, cases: &[(&str, &str, i32)]) {
    let mut world = WORLD.to_owned();
    for (place, (_, rule, _)) in cases.iter().enumerate() {
        for host in [2 * place + 1, 2 * place + 2] {
            let head = format!("[[job]]\nhost = \"HV{host:02}\"\nmethod = \"ExportReferencePoint\"\n");
            writeln!(world, "{head}{rule}").unwrap();
        }
    }
    let lab = Lab::new(2 * cases.len(), &world);
    let texts = on_each(2 * cases.len(), |place| {
        let (title, rule, code) = cases[place / 2];
        let at = lab.at(place + 1);
        let (words, format): (_, &[&str]) =
            if place % 2 == 0 { ("", &[]) } else { (" -o json", &["-o", "json"]) };
        let run = what.of(at, format).run();
        assert_eq!(run.code, Some(code), "{title}: {run:?}");
        let calls = if PASSING.iter().any(|number| rule.ends_with(number)) { 5 } else { 1 };
        assert_eq!(at.calls("ExportReferencePoint"), calls, "{title}: {run:?}");
        format!("# {title}\n{}", tell(&format!("{}{words}", what.words()), &run))
    });
    compare(name, &texts.join("\n"));
}

const VALUES: &[(&str, &str, i32)] = &[
    ("0: done at once", "return_value = 0", 0),
    ("4096: a job does it", "", 0),
    ("32768", "return_value = 32768", 7),
    ("32769", "return_value = 32769", 6),
    ("32770", "return_value = 32770", 7),
    ("32771", "return_value = 32771", 7),
    ("32772", "return_value = 32772", 7),
    ("32773", "return_value = 32773", 7),
    ("32774", "return_value = 32774", 9),
    ("32775", "return_value = 32775", 7),
    ("32776", "return_value = 32776", 7),
    ("32777", "return_value = 32777", 7),
    ("32778", "return_value = 32778", 7),
    ("a number that nobody documented", "return_value = 12345", 7),
];

/// What these say passes by itself, and nothing was begun: they are asked for again.
const PASSING: [&str; 5] = ["32771", "32774", "32775", "32777", "32778"];

#[test]
fn each_return_value_of_the_service_of_points_is_told_by_name() {
    with_rules("return-values-of-a-machine", What::Machine, VALUES);
}

#[test]
fn each_return_value_of_the_service_of_collections_is_told_by_name() {
    // Without a job there is no receipt that would name the machines.
    let at_once = ("0: done at once", "return_value = 0", 3);
    let values = [&[at_once], &VALUES[1..]].concat();
    with_rules("return-values-of-a-group", What::Group, &values);
}

#[test]
fn each_end_of_a_job_is_told_as_what_it_is() {
    let error = "[[job.error]]\nhresult = 0x80070070";
    let with_error = |rule: &str| format!("{rule}\n{error}");
    with_rules(
        "ends-of-jobs",
        What::Machine,
        &[
            ("completed, with warnings", &with_error("state = 32768"), 3),
            ("completed, and a file of the receipt is not there", "loses = \".vmgs\"", 3),
            (
                "completed, says the state; the error code says otherwise",
                &with_error("error_code = 32768"),
                7,
            ),
            ("terminated", "state = 8", 7),
            ("killed", "state = 9", 7),
            ("exception", &with_error("state = 10\nends_at = 50\nerror_code = 32768"), 7),
            ("exception, with nothing to say", "state = 10", 7),
            ("a class that nobody knows", "class = \"Msvm_FutureExportJob\"", 0),
        ],
    );
}

#[test]
fn a_job_that_stays_in_a_state_nobody_documented_is_left_at_the_deadline_and_not_called_ended() {
    let states = [5, 11, 12, 14];
    let mut world = WORLD.to_owned();
    for (place, state) in states.iter().enumerate() {
        let host = format!("host = \"HV{:02}\"\nmethod = \"ExportReferencePoint\"", place + 1);
        writeln!(world, "[[job]]\n{host}\nduration = 600\nstates = [{state}]").unwrap();
    }
    let lab = Lab::new(states.len(), &world);
    let texts = on_each(states.len(), |place| {
        let at = lab.at(place + 1);
        let run = What::Machine.of(at, &["-o", "json", "--deadline", "3s"]).run();
        assert_eq!(run.code, Some(8), "{}: {run:?}", states[place]);
        let report = run.json();
        assert_eq!(
            (&report["outcome"], &report["job"]["state"]),
            (&"detached".into(), &states[place].into())
        );
        assert_eq!((&report["error"]["kind"], at.calls("ExportReferencePoint")), (&"deadline".into(), 1));
        format!(
            "# {}\n{}",
            states[place],
            tell(&format!("{} -o json --deadline 3s", What::Machine.words()), &run)
        )
    });
    compare("states-that-are-no-end", &texts.join("\n"));
}

/// The name of another file would have been the right one, or one of the two has overwritten the other.
#[test]
fn a_file_that_a_receipt_names_twice_is_no_whole_export() {
    let lab = Lab::new(1, &WORLD.replace("data.vhdx", "os.vhdx"));
    let run = What::Group.of(lab.at(1), &["-o", "json"]).run();
    assert_eq!((run.code, &run.json()["outcome"]), (Some(3), &"completed-with-warnings".into()), "{run:?}");
    assert!(run.stderr.contains(r"names D:\exports\x\os.vhdx twice"), "{run:?}");
}

#[test]
fn the_lines_of_an_export_begin_and_end_with_its_run() {
    let lab = Lab::new(1, WORLD);
    let run = What::Machine.of(lab.at(1), &["-o", "jsonl"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    let events: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["schema"] == "refpoint.event/1" && event["at"].is_string()));
    let mut names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    names.retain(|name| !["progress", "warning"].contains(name));
    let expected = [
        "run-started",
        "unit-started",
        "connected",
        "intent",
        "job-started",
        "unit-finished",
        "run-finished",
    ];
    assert_eq!(names, expected);
    let (first, last) = (&events[0], &events[events.len() - 1]);
    for event in [first, last] {
        assert_eq!((&event["host"], &event["unit"]), (&Value::Null, &Value::Null));
    }
    assert_eq!((&first["run"], &first["units"]), (&Value::Null, &1.into()));
    assert_eq!((&last["totals"]["completed"], &last["exit_code"]), (&1.into(), &0.into()));
}
