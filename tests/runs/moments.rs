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
fn kill_at_each(name: &str, moment: impl Fn(usize) -> Option<String> + Sync) -> usize {
    let began = Instant::now();
    let (next, kills, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while let Some(moment) = moment(next.fetch_add(1, Ordering::Relaxed)) {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            match kill_at(&moment) {
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
    assert_eq!(kill_at_each("kinds of writes", moment), 2 * WRITES.len());
}

#[test]
fn killed_at_each_single_write_and_resumed_a_run_begins_everything_once() {
    let kills =
        kill_at_each("single writes", |number| Some(format!("ledger:{}:{}", number / 2 + 1, edge(number))));
    // Two hosts with one machine each: about a dozen writes for each.
    assert!(kills >= 2 * 12 * HOSTS, "{kills}");
}

#[test]
fn killed_at_each_request_and_resumed_a_run_begins_everything_once() {
    let kills =
        kill_at_each("requests", |number| Some(format!("request:{}:{}", number / 2 + 1, edge(number))));
    assert!(kills >= 2 * 15, "{kills}");
}

/// Most of the time is waiting until a call that was lost cannot be under way any more.
const AT_ONCE: usize = 6;
