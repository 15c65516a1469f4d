//! Two runs on one ledger, and ledgers that were copied or torn: nothing is done twice, whatever is said.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::dice::Dice;
use crate::fleet::{Fleet, world};
use crate::program::{Refpoint, Running};

const PLAN: &str = "
retries = { pause = '1s', longest = '1s', busy = 60 }
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\\exports\\{run}\\{vm}'
";

/// Into no directory was anything exported twice.
#[track_caller]
fn nothing_is_doubled(fleet: &Fleet, told: &str) -> usize {
    let mut begun = 0;
    for (place, calls) in fleet.exports() {
        let carried_out = calls.iter().filter(|call| call["return_value"] == 4096).count();
        assert!(carried_out <= 1, "{told}: {place:?} {calls:#?}");
        begun += carried_out;
    }
    begun
}

#[test]
fn of_two_runs_of_one_plan_the_second_is_refused_and_leaves_nothing_to_take_up() {
    // Longer than both of the others look whether the first one is only asking.
    let fleet = Fleet::new(3, &world(1, 5.0));
    let plan = fleet.plan("nightly", PLAN);
    let first = fleet.command(&["run", &plan]).start();
    first.says("run nightly-");
    // The hold is there with the first login.
    first.says("hv0");
    let second = fleet.command(&["run", &plan, "-o", "json"]).run();
    assert_eq!(second.code, Some(11), "{second:?}");
    assert!(second.stderr.contains("another refpoint is at work on plan nightly"), "{second:?}");
    assert!(second.stderr.contains("hint: wait for it: refpoint fleet status"), "{second:?}");
    let resumed = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(resumed.code, Some(11), "{resumed:?}");
    assert_eq!(first.end().code, Some(0));
    let ledger = refpoint::ledger::Ledger::open(fleet.ledger()).unwrap();
    assert_eq!(ledger.runs(None).unwrap().len(), 1);
    let nothing = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(nothing.code, Some(0), "{nothing:?}");
    assert!(nothing.stderr.contains("is over: there is nothing to take up"), "{nothing:?}");
    assert_eq!(nothing_is_doubled(&fleet, "one plan"), 3);
}

/// They begin at the same moment: whoever comes first works, and the other one leaves no run behind.
#[test]
fn two_runs_that_begin_at_once_are_one() {
    let mut refused = 0;
    for number in 0..4 {
        // Longer than the second one looks whether the first one is only asking.
        let fleet = Fleet::new(2, &world(1, 2.0));
        let plan = fleet.plan("nightly", PLAN);
        let both = [0, 1].map(|_| fleet.command(&["run", &plan]).start()).map(Running::end);
        let done = both.iter().filter(|run| run.code == Some(0)).count();
        let others = both.iter().filter(|run| run.code == Some(11)).count();
        assert_eq!(done + others, 2, "{number}: {both:?}");
        assert!(done >= 1, "{number}: {both:?}");
        refused += others;
        let ledger = refpoint::ledger::Ledger::open(fleet.ledger()).unwrap();
        assert_eq!(ledger.runs(None).unwrap().len(), done, "{number}: {both:?}");
        assert_eq!(nothing_is_doubled(&fleet, "at once"), 2 * done);
    }
    assert!(refused > 0, "they never met");
}

#[test]
fn two_plans_over_the_same_machines_wait_for_each_other() {
    let fleet = Fleet::new(3, &world(2, 0.5));
    let plans = ["nightly", "weekly"].map(|name| fleet.plan(name, PLAN));
    let both = plans.each_ref().map(|plan| fleet.command(&["run", plan]).start()).map(Running::end);
    for run in &both {
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    assert_eq!(nothing_is_doubled(&fleet, "two plans"), 12);
    let made = fleet.calls("CreateReferencePoint");
    assert_eq!(made.iter().filter(|call| call["return_value"] == 4096).count(), 12, "{made:#?}");
    for plan in ["nightly", "weekly"] {
        assert_eq!(fleet.report(&[plan])["totals"]["completed"], 6);
    }
}

fn with_ledger(command: Refpoint, ledger: &Path) -> Refpoint {
    command.env("REFPOINT_LEDGER", ledger.to_str().unwrap())
}

/// Takes up from a ledger that is not the newest word. What it does not know it cannot promise to be there; that it
/// asks for nothing a second time it can, since the directories are the same.
#[track_caller]
fn take_up(fleet: &Fleet, ledger: &Path, told: &str) {
    let run = with_ledger(fleet.command(&["resume", "nightly", "-o", "json"]), ledger).run();
    nothing_is_doubled(fleet, told);
    let code = run.code.unwrap_or_else(|| panic!("{told}: {run:?}"));
    if code == 11 {
        assert!(run.stderr.contains("error: "), "{told}: {run:?}");
        return;
    }
    // There may not have been a run yet.
    if code == 10 {
        return;
    }
    // The directory of what was done since is not empty, and that is said.
    assert!([0, 1, 2, 7, 9, 12].contains(&code), "{told}: {run:?}");
    if code == 0 && !run.stdout.is_empty() {
        assert_eq!(run.json()["totals"]["completed"], run.json()["totals"]["units"], "{told}: {run:?}");
    }
}

#[test]
fn from_a_ledger_that_was_copied_while_it_was_written_nothing_is_begun_again() {
    let fleet = Fleet::new(4, &world(2, 0.4));
    let plan = fleet.plan("nightly", PLAN);
    let running = fleet.command(&["run", &plan]).start();
    let mut copies = Vec::new();
    // With every machine's beginning there are some writes about.
    while copies.len() < 6 {
        while fleet.exports().len() <= copies.len() {
            let told = copies.len();
            assert!(!running.ends_within(Duration::from_millis(10)), "it has ended after {told} copies");
        }
        let copy = fleet.file(&format!("copy-{}.db", copies.len()));
        for ending in ["", "-wal"] {
            let (from, to) = (beside(&fleet.ledger(), ending), beside(&copy, ending));
            fs::copy(from, to).unwrap();
        }
        let whole = fleet.file(&format!("whole-{}.db", copies.len()));
        let ledger = rusqlite::Connection::open(fleet.ledger()).unwrap();
        ledger.execute("vacuum into ?1", [whole.to_str().unwrap()]).unwrap();
        copies.push((copy, whole));
    }
    running.signal("KILL");
    running.end();
    for (copy, whole) in &copies {
        // What SQLite has copied is always whole.
        let report = with_ledger(fleet.command(&["report", "-o", "json"]), whole).run();
        assert_eq!(report.code, Some(0), "{report:?}");
        let copied = with_ledger(fleet.command(&["report", "-o", "json"]), copy).run();
        assert!([Some(0), Some(11)].contains(&copied.code), "{copied:?}");
    }
    take_up(&fleet, &copies[2].0, "a copy of the files");
    take_up(&fleet, &copies[4].1, "a copy by SQLite");
    take_up(&fleet, &fleet.ledger(), "the ledger itself");
    let begun = nothing_is_doubled(&fleet, "all of them");
    assert_eq!(begun, 8, "in the end each was begun");
}

fn beside(path: &Path, ending: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What a disk may do to a file: the last page half written, a page of zeros, the end of the log gone, a bit turned.
#[derive(Clone, Copy, Debug)]
enum Damage {
    HalfOfTheLastPage,
    ZerosInTheLastPage,
    NoiseInTheLastPage,
    EndOfTheLog,
    BitOfTheLog,
}

fn damage(ledger: &Path, how: Damage, dice: &mut Dice) {
    let log = beside(ledger, "-wal");
    if !matches!(how, Damage::EndOfTheLog | Damage::BitOfTheLog) {
        // All of it is in the file, as after an orderly end.
        let connection = rusqlite::Connection::open(ledger).unwrap();
        connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).unwrap();
    }
    let file = if matches!(how, Damage::EndOfTheLog | Damage::BitOfTheLog) { &log } else { ledger };
    let mut bytes = fs::read(file).unwrap();
    let end = bytes.len();
    assert!(end > 8192, "{how:?}: {end}");
    match how {
        Damage::HalfOfTheLastPage => bytes.truncate(end - 2048),
        Damage::ZerosInTheLastPage => bytes[end - 4096..].fill(0),
        Damage::NoiseInTheLastPage => {
            bytes[end - 4096..].iter_mut().for_each(|byte| *byte = u8::try_from(dice.throw(256)).unwrap());
        }
        Damage::EndOfTheLog => bytes.truncate(end - 1 - usize::try_from(dice.throw(end as u64 / 2)).unwrap()),
        Damage::BitOfTheLog => {
            let place = end - 1 - usize::try_from(dice.throw(end as u64 / 2)).unwrap();
            bytes[place] ^= 1;
        }
    }
    fs::File::create(file).unwrap().write_all(&bytes).unwrap();
}

#[test]
fn a_ledger_with_a_torn_page_is_refused_or_recovered_and_nothing_is_begun_again() {
    let mut dice = Dice::new(6);
    let mut refused = Vec::new();
    for how in [
        Damage::HalfOfTheLastPage,
        Damage::ZerosInTheLastPage,
        Damage::NoiseInTheLastPage,
        Damage::EndOfTheLog,
        Damage::BitOfTheLog,
    ] {
        let fleet = Fleet::new(2, &world(2, 0.8));
        let plan = fleet.plan("nightly", PLAN);
        let running = fleet.command(&["run", &plan]).start();
        while fleet.exports().len() < 2 {
            assert!(!running.ends_within(Duration::from_millis(10)), "{how:?}: it has ended too early");
        }
        running.signal("KILL");
        assert!(running.end().was_killed());
        damage(&fleet.ledger(), how, &mut dice);
        let told = format!("{how:?}");
        let look = fleet.command(&["status"]).run();
        assert!([Some(0), Some(11), Some(10)].contains(&look.code), "{told}: {look:?}");
        if look.code == Some(11) {
            assert!(look.stderr.contains("damaged"), "{told}: {look:?}");
            refused.push(told.clone());
        }
        take_up(&fleet, &fleet.ledger(), &told);
    }
    // Of the file itself nothing is guessed.
    assert_eq!(refused, ["HalfOfTheLastPage", "ZerosInTheLastPage", "NoiseInTheLastPage"]);
}

/// A run that nobody began is none, and says what there is.
#[test]
fn a_run_that_is_not_there_is_not_taken_up() {
    let fleet = Fleet::new(1, &world(1, 0.2));
    let run = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(run.code, Some(10), "{run:?}");
    // A unit that looks at each start of a machine has found what it came for.
    let run = fleet.command(&["resume", "nightly", "--if-any"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("there is nothing to take up"), "{run:?}");
    let plan = fleet.plan("nightly", PLAN);
    assert_eq!(fleet.command(&["run", &plan]).run().code, Some(0));
    let run = fleet.command(&["resume", "weekly"]).run();
    assert_eq!(run.code, Some(10), "{run:?}");
    assert!(run.stderr.contains("the newest are nightly-"), "{run:?}");
    let report: Value = fleet.report(&["nightly"]);
    assert_eq!(report["state"], "finished");
}
