//! The program killed at every moment of a run at which what it knows, what is written and what the hosts know may
//! differ: at each write of the ledger and at each request, before and after it; then the run is resumed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::fleet::{Fleet, world};
use crate::program::Run;

const HOSTS: usize = 2;

const PLAN: &str = "
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\\exports\\{run}\\{vm}'
";

/// Every kind of write that a run does.
const WRITES: [&str; 9] = ["Run", "Host", "Unit", "Making", "Point", "Claim", "Sent", "Answered", "Ended"];

/// The second night of a plan that does everything.
const ALL: &str = "
[[create]]
machines = ['*']
[[export]]
machines = ['*']
point = 'latest'
to = 'D:\\exports\\{run}\\{vm}'
[[backup]]
machines = ['*']
base = 'last-or-none'
to = 'D:\\backups\\{run}\\{vm}'
[[prune]]
machines = ['*']
keep_last = 1
";

/// How often each method is carried out in the two nights, on a host with one machine.
const IN_TWO_NIGHTS: [(&str, usize); 7] = [
    ("CreateReferencePoint", 2),
    ("ExportReferencePoint", 2),
    ("CreateSnapshot", 2),
    ("ExportSystemDefinition", 2),
    ("ConvertToReferencePoint", 2),
    ("DestroyReferencePoint", 1),
    ("DestroySnapshot", 0),
];

/// Kills the second night of a fleet of its own at a moment, and goes on with it. Returns whether the moment came.
fn kill_all_at(moment: &str) -> bool {
    let fleet = Fleet::new(1, &world(1, 0.3));
    let plan = fleet.plan("nightly", ALL);
    let first = fleet.command(&["run", &plan]).run();
    assert_eq!(first.code, Some(0), "{first:?}");
    let begun = fleet.report(&[])["run"].clone();
    let second = fleet.command(&["run", &plan]).killed_at(moment).run();
    assert!(second.was_killed() || second.code == Some(0), "{moment}: {second:?}");
    let mut last = second.clone();
    if second.was_killed() {
        last = fleet.command(&["resume", "nightly"]).run();
        if fleet.report(&[])["run"] == begun {
            last = fleet.command(&["run", &plan]).run();
        }
    }
    assert_eq!(last.code, Some(0), "{moment}: {last:?}");
    let report = fleet.report(&[]);
    assert_eq!(
        (&report["state"], &report["totals"]["completed"]),
        (&"finished".into(), &4.into()),
        "{report:#}"
    );
    for (method, expected) in IN_TWO_NIGHTS {
        let calls = fleet.calls(method);
        let begun = calls.iter().filter(|call| [0, 4096].map(Value::from).contains(&call["return_value"]));
        assert_eq!(begun.count(), expected, "{moment}: {method} {calls:#?}");
    }
    second.was_killed()
}

/// Kills a run of its own at a moment, and goes on with it. Returns whether the moment came.
fn kill_at(moment: &str) -> bool {
    let fleet = Fleet::new(HOSTS, &world(1, 0.3));
    let plan = fleet.plan("nightly", PLAN);
    let first = fleet.command(&["run", &plan]).killed_at(moment).run();
    assert!(first.was_killed() || first.code == Some(0), "{moment}: {first:?}");
    let last = match first.was_killed() {
        true => go_on(&fleet, &plan),
        false => first.clone(),
    };
    judge(&fleet, &last, moment);
    first.was_killed()
}

/// What a person or a timer does next: resume, or begin where nothing was written down yet.
fn go_on(fleet: &Fleet, plan: &str) -> Run {
    let resumed = fleet.command(&["resume", "nightly"]).run();
    match resumed.code {
        Some(10) => fleet.command(&["run", plan]).run(),
        _ => resumed,
    }
}

#[track_caller]
fn judge(fleet: &Fleet, last: &Run, moment: &str) {
    assert_eq!(last.code, Some(0), "{moment}: {last:?}");
    let report = fleet.report(&[]);
    assert_eq!((&report["state"], &report["totals"]["completed"]), (&"finished".into(), &HOSTS.into()));
    assert_eq!(report["units"].as_array().unwrap().len(), HOSTS, "{moment}: {report:#}");
    let exports = fleet.exports();
    assert!(
        exports.len() == HOSTS && exports.values().all(|calls| calls.len() == 1),
        "{moment}: {exports:#?}"
    );
    assert_eq!(fleet.calls("CreateReferencePoint").len(), HOSTS, "{moment}");
    // What the ledger says of a unit is what the host was asked and has done.
    for unit in report["units"].as_array().unwrap() {
        let host = unit["host"].as_str().unwrap().to_uppercase();
        let key = (host, unit["directory"].as_str().unwrap().to_owned());
        let call: &Value = &exports[&key][0];
        assert_eq!((&call["return_value"], &unit["export"]["job"]["state"]), (&4096.into(), &7.into()));
    }
}

/// Kills a run at each of these moments, some at once, until one does not come. Returns how many came.
#[expect(clippy::print_stderr, reason = "the figures, for whoever runs it with --nocapture")]
fn kill_at_each(
    name: &str,
    kill: fn(&str) -> bool,
    moment: impl Fn(usize) -> Option<String> + Sync,
) -> usize {
    let began = Instant::now();
    let (next, kills, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while let Some(moment) = moment(next.fetch_add(1, Ordering::Relaxed)) {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            match kill(&moment) {
                true => kills.fetch_add(1, Ordering::Relaxed),
                false => return is_over.store(true, Ordering::Relaxed),
            };
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let kills = kills.into_inner();
    eprintln!("{name}: {kills} kills, {:.0} s", began.elapsed().as_secs_f64());
    kills
}

fn edge(number: usize) -> &'static str {
    if number.is_multiple_of(2) { "before" } else { "after" }
}

#[test]
fn killed_at_each_kind_of_write_and_resumed_a_run_begins_everything_once() {
    let moment = |number: usize| Some(format!("ledger:{}:{}", WRITES.get(number / 2)?, edge(number)));
    assert_eq!(kill_at_each("kinds of writes", kill_at, moment), 2 * WRITES.len());
}

#[test]
fn killed_at_each_single_write_and_resumed_a_run_begins_everything_once() {
    let kills = kill_at_each("single writes", kill_at, |number| {
        Some(format!("ledger:{}:{}", number / 2 + 1, edge(number)))
    });
    // Two hosts with one machine each: about a dozen writes for each.
    assert!(kills >= 2 * 12 * HOSTS, "{kills}");
}

#[test]
fn killed_at_each_request_and_resumed_a_run_begins_everything_once() {
    let kills = kill_at_each("requests", kill_at, |number| {
        Some(format!("request:{}:{}", number / 2 + 1, edge(number)))
    });
    assert!(kills >= 2 * 15, "{kills}");
}

#[test]
fn killed_at_single_writes_of_a_night_with_every_verb_and_resumed_each_thing_is_done_once() {
    let moment =
        |number: usize| Some(format!("ledger:{}:{}", number * stride() / 2 + 1, edge(number * stride())));
    let kills = kill_at_each("single writes of every verb", kill_all_at, moment);
    assert!(kills >= 2 * 30 / stride(), "{kills}");
}

#[test]
fn killed_at_requests_of_a_night_with_every_verb_and_resumed_each_thing_is_done_once() {
    let moment =
        |number: usize| Some(format!("request:{}:{}", number * stride() / 2 + 1, edge(number * stride())));
    let kills = kill_at_each("requests of every verb", kill_all_at, moment);
    assert!(kills >= 2 * 40 / stride(), "{kills}");
}

/// Every how-many-eth moment comes: all of them where `REFPOINT_STRIDE=1` says so. Odd, so that what is before and what
/// is after a step take turns.
fn stride() -> usize {
    std::env::var("REFPOINT_STRIDE").ok().and_then(|stride| stride.parse().ok()).unwrap_or(9)
}

/// Most of the time is waiting until a call that was lost cannot be under way any more.
const AT_ONCE: usize = 6;
