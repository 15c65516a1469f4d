//! A fleet of twenty, killed at random moments and taken up again until all is done.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dice::{Dice, said};
use crate::fleet::{Fleet, world};
use crate::program::Run;

const HOSTS: usize = 20;
const MACHINES: usize = 2;

/// Two a host at once would leave little for the next process.
const PLAN: &str = "
limits.host = 1
retries = { pause = '1s', longest = '1s', transient = 20, busy = 20 }
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\\exports\\{run}\\{vm}'
";

/// What the storms were like, in numbers.
#[derive(Default)]
struct Figures {
    kills: u64,
    fleets: u64,
    nights: u64,
    units: usize,
    ends: u64,
}

#[test]
fn killed_at_random_moments_and_resumed_a_fleet_of_twenty_is_exported_once() {
    let (wanted, seed) = (said("REFPOINT_KILLS", 200), said("REFPOINT_SEED", 0));
    let began = Instant::now();
    let figures = Mutex::new(Figures::default());
    let work = || {
        loop {
            let fleet = {
                let mut figures = figures.lock().unwrap();
                if figures.kills >= wanted {
                    return;
                }
                figures.fleets += 1;
                figures.fleets
            };
            weather(seed, fleet, wanted, &figures);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let figures = figures.into_inner().unwrap();
    tell(&figures, began.elapsed());
    assert!(figures.kills >= wanted && figures.nights > 0);
}

#[expect(clippy::print_stderr, reason = "the figures, for whoever runs it with --nocapture")]
fn tell(figures: &Figures, took: Duration) {
    let Figures { kills, fleets, nights, units, ends } = figures;
    eprintln!(
        "{kills} kills of {fleets} fleets of {HOSTS} hosts in {nights} nights, {units} units, each begun once; \
         {ends} processes ended before their moment; {:.0} s",
        took.as_secs_f64()
    );
}

/// One fleet, night after night, until it was killed often enough.
fn weather(seed: u64, number: u64, wanted: u64, figures: &Mutex<Figures>) {
    let mut dice = Dice::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
    let fleet = Fleet::new(HOSTS, &world(MACHINES, 0.3));
    let plan = fleet.plan("nightly", PLAN);
    for night in 1..=NIGHTS {
        let told = format!("seed {seed}, fleet {number}, night {night}");
        let mut process = fleet.command(&["run", &plan]).start();
        let last = loop {
            let moment = Duration::from_millis(dice.throw(LATEST));
            let is_enough = figures.lock().unwrap().kills >= wanted;
            if is_enough || process.ends_within(moment) {
                break process.end();
            }
            process.signal("KILL");
            let run = process.end();
            if !run.was_killed() {
                break run;
            }
            figures.lock().unwrap().kills += 1;
            // The first may have been killed before there was a run.
            process = match runs(&fleet) < night {
                true => fleet.command(&["run", &plan]).start(),
                false => fleet.command(&["resume", "nightly"]).start(),
            };
        };
        judge(&fleet, night, &last, &told);
        let mut figures = figures.lock().unwrap();
        figures.ends += 1;
        figures.nights += 1;
        figures.units += HOSTS * MACHINES;
        if figures.kills >= wanted {
            return;
        }
    }
}

/// Counts the runs of the ledger.
fn runs(fleet: &Fleet) -> usize {
    let Ok(ledger) = refpoint::ledger::Ledger::open_to_read(fleet.ledger()) else { return 0 };
    ledger.runs(None).unwrap().len()
}

/// Everything was begun once and is done, the ledger says so, and the hosts' log agrees.
#[track_caller]
fn judge(fleet: &Fleet, night: usize, last: &Run, told: &str) {
    let report = fleet.report(&[]);
    let odd: Vec<&Value> = report["units"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|unit| unit["export"]["outcome"] != "completed")
        .collect();
    assert!(last.code == Some(0) && odd.is_empty(), "{told}: {last:?}\n{odd:#?}");
    assert_eq!((&report["state"], &report["exit_code"]), (&"finished".into(), &0.into()), "{told}");
    let units = report["units"].as_array().unwrap();
    assert_eq!(units.len(), HOSTS * MACHINES, "{told}");
    let (exports, made) = (fleet.exports(), fleet.calls("CreateReferencePoint"));
    // So many in all nights together, and no more.
    assert_eq!(exports.len(), HOSTS * MACHINES * night, "{told}");
    assert_eq!(made.len(), HOSTS * MACHINES * night, "{told}: {made:#?}");
    for unit in units {
        let export = &unit["export"];
        let host = unit["host"].as_str().unwrap().to_uppercase();
        let directory = unit["directory"].as_str().unwrap().to_owned();
        let calls = exports.get(&(host.clone(), directory)).unwrap_or_else(|| panic!("{told}: {unit:#}"));
        let [call] = &**calls else { panic!("{told}: {calls:#?}") };
        assert_eq!(call["return_value"], 4096, "{told}");
        let point = export["point"]["id"].as_str().unwrap();
        let sent = call["arguments"]["ReferencePoint"].as_str().unwrap();
        let guid = point.rsplit('\\').next().unwrap();
        assert!(sent.contains(guid), "{told}: {point} is not what was sent, {sent}");
        // From the second night on each is relative to the one before.
        assert_eq!(export["base"].is_null(), night == 1, "{told}: {export:#}");
        assert_eq!(export["job"]["state"], 7, "{told}: {export:#}");
    }
}

/// So many fleets at once: most of the time is waiting.
const AT_ONCE: usize = 3;

/// So many nights a fleet.
const NIGHTS: usize = 3;

/// The latest moment, in milliseconds after the start of a process.
const LATEST: u64 = 1500;
