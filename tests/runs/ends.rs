//! Every way in which a run ends, what a person reads of it, and its exit code.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::fleet::{Fleet, world};
use crate::program::{Run, Running};
use crate::snapshot;

const EXPORTS: &str = "
[[export]]
machines = ['vm1']
to = 'D:\\exports\\{run}\\{vm}'
";

/// Nothing is tried again: what ends so, ends so at once.
const ONCE: &str = "retries = { transient = 0, busy = 0 }\n";

/// What a run over three hosts leaves on a terminal's two streams and in the ledger, to the letter.
fn tell(name: &str, fleet: &Fleet, words: &str, run: &Run) -> Value {
    let report = fleet.report(&[]);
    let id = report["run"].as_str().unwrap();
    // Which host comes first is as chance has it; which of them says first what all have to say, too.
    let mut lines: Vec<_> = run.stderr.lines().filter(|line| !line.starts_with("warning: hv")).collect();
    lines.sort_unstable();
    let status = fleet.command(&["status"]).run();
    let sorted = Run { stderr: lines.join("\n").replace(id, "{run}"), ..run.clone() };
    let stdout = sorted.stdout.replace(id, "{run}");
    let told = snapshot::tell(words, &Run { stdout, ..sorted });
    let status = Run { stdout: status.stdout.replace(id, "{run}"), ..status };
    snapshot::compare(name, &format!("{told}{}", snapshot::tell("refpoint fleet status", &status)));
    report
}

/// Runs a plan over three hosts in a world where that is so; returns how it ended, and what the ledger says.
fn ends(name: &str, more: &str, plan: &str, change: impl Fn(&Fleet)) -> (Option<i32>, Value) {
    let fleet = Fleet::new(3, &format!("{}{more}", world(1, 0.3)));
    change(&fleet);
    let path = fleet.plan("nightly", plan);
    let run = fleet.command(&["run", &path]).run();
    let report = tell(name, &fleet, "refpoint fleet run nightly.toml", &run);
    assert_eq!(report["exit_code"].as_i64(), run.code.map(i64::from), "{report:#}");
    (run.code, report)
}

fn rule(host: &str, lines: &str) -> String {
    format!("[[job]]\nhost = \"{host}\"\nmethod = \"ExportReferencePoint\"\n{lines}\n")
}

fn down(fleet: &Fleet) {
    fleet.say_of("hv04", &format!("address = \"{}\"", fleet.nowhere()));
}

fn stranger(fleet: &Fleet) {
    fleet.say_of("hv02", "user = 'LAB\\nobody'");
}

#[test]
fn all_done_is_0() {
    let (code, report) = ends("done", "", &format!("{ONCE}{EXPORTS}"), |_| ());
    assert_eq!((code, &report["totals"]["completed"]), (Some(0), &3.into()));
}

#[test]
fn a_host_that_is_down_is_4_and_costs_its_own_units_only() {
    let (code, report) = ends("host-down", "", &format!("{ONCE}{EXPORTS}"), down);
    assert_eq!((code, &report["totals"]["completed"]), (Some(4), &3.into()));
    assert_eq!(report["hosts"][3]["error"]["kind"], "unreachable");
}

#[test]
fn a_login_that_is_refused_on_one_host_is_5() {
    let (code, report) = ends("login-refused", "", &format!("{ONCE}{EXPORTS}"), stranger);
    assert_eq!((code, &report["totals"]["completed"]), (Some(5), &2.into()));
    assert_eq!(report["hosts"][1]["error"]["kind"], "login");
}

#[test]
fn several_causes_are_1() {
    let (code, report) = ends("several-causes", "", &format!("{ONCE}{EXPORTS}"), |fleet| {
        down(fleet);
        stranger(fleet);
    });
    assert_eq!((code, &report["totals"]["hosts_failed"]), (Some(1), &2.into()));
}

#[test]
fn a_machine_that_nobody_has_is_10() {
    let plan = format!("{ONCE}{}", EXPORTS.replace("'vm1'", "'vm1', 'vm9'"));
    let (code, report) = ends("machine-missing", "", &plan, |_| ());
    assert_eq!((code, &report["missing"]), (Some(10), &serde_json::json!(["vm9"])));
    assert_eq!(report["totals"]["completed"], 3);
}

/// A host that was not looked at may have what the plan names; one that no rule names it for may not.
#[test]
fn a_machine_is_not_missing_before_the_hosts_that_may_have_it_were_looked_at() {
    let fleet = Fleet::new(2, &world(1, 0.3));
    stranger(&fleet);
    let named = EXPORTS.replace("'vm1'", "'vm1', 'vm9'");
    let of_all = fleet.plan("all", &format!("{ONCE}{named}"));
    let of_one = fleet
        .plan("one", &format!("{ONCE}{EXPORTS}{}", named.replace("machines", "hosts = 'hv01'\nmachines")));
    for (path, code, missing) in [(of_all, 5, vec![]), (of_one, 1, vec!["vm9"])] {
        let run = fleet.command(&["plan", &path]).run();
        assert_eq!((run.code, run.stdout.contains("Missing")), (Some(code), !missing.is_empty()), "{run:?}");
        let run = fleet.command(&["run", &path]).run();
        assert_eq!((run.code, run.stdout.contains("Missing")), (Some(code), !missing.is_empty()), "{run:?}");
        assert_eq!(fleet.report(&[])["missing"], serde_json::json!(missing));
    }
}

#[test]
fn a_plan_shows_what_it_names_and_no_host_has_and_what_to_do_where_a_host_is_down() {
    let fleet = Fleet::new(1, &world(1, 0.3));
    let path = fleet.plan("nightly", &EXPORTS.replace("'vm1'", "'vm1', 'vm9'"));
    let run = fleet.command(&["plan", &path]).run();
    assert_eq!(run.code, Some(10), "{run:?}");
    let line = run.stdout.lines().find(|line| line.contains("vm9")).unwrap();
    assert!(line.contains("Missing: the plan names it and no host has it"), "{run:?}");
    let json = fleet.command(&["plan", &path, "-o", "json"]).run();
    assert_eq!(json.json()[1], serde_json::json!({"host": null, "missing": "vm9"}));
    down(&fleet);
    let run = fleet.command(&["plan", &path]).run();
    assert_eq!((run.code, run.stdout.contains("vm9")), (Some(4), false), "{run:?}");
    let said: Vec<&str> = run.stderr.lines().collect();
    let (more, hints) = said.split_last().unwrap();
    assert_eq!(*more, "more: refpoint explain exit:4", "{run:?}");
    assert!(hints.iter().all(|line| line.starts_with("hint: ")) && !hints.is_empty(), "{run:?}");
    assert!(!fleet.ledger().exists(), "whoever only looks ahead makes no ledger");
}

#[test]
fn done_with_something_to_look_at_is_3() {
    let (code, report) =
        ends("with-warnings", &rule("HV02", "loses = \".vmgs\""), &format!("{ONCE}{EXPORTS}"), |_| ());
    assert_eq!((code, &report["totals"]["completed_with_warnings"]), (Some(3), &1.into()));
}

#[test]
fn a_job_that_failed_is_7() {
    let failed = rule("HV02", "state = 10\nerror_code = 32768");
    let (code, report) = ends("job-failed", &failed, &format!("{ONCE}{EXPORTS}"), |_| ());
    assert_eq!((code, &report["totals"]["failed"]), (Some(7), &1.into()));
}

#[test]
fn what_nobody_knows_is_12_and_is_looked_at_again() {
    let vanishes = rule("HV02", "vanishes_after = 0.1");
    let fleet = Fleet::new(3, &format!("{}{vanishes}", world(1, 0.6)));
    let path = fleet.plan("nightly", &format!("{ONCE}{EXPORTS}"));
    let run = fleet.command(&["run", &path]).run();
    let report = tell("unknown", &fleet, "refpoint fleet run nightly.toml", &run);
    assert_eq!((run.code, &report["totals"]["unknown"]), (Some(12), &1.into()), "{run:?}");
    let again = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(again.code, Some(12), "{again:?}");
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 3);
    // Whoever wants it begun anew has looked; that the files are still there keeps the host from being asked.
    let anew = fleet.command(&["resume", "nightly", "--retry-unknown"]).run();
    assert_eq!(anew.code, Some(2), "{anew:?}");
    assert!(anew.stdout.contains("on the host is not empty"), "{anew:?}");
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 3);
    // What nobody knows stays to be looked at until somebody has made room for another.
    assert_eq!(fleet.report(&[])["state"], "stopped");
}

/// The window has closed, somebody has waited for the job by hand, and in the morning the run is taken up.
#[test]
fn what_another_command_has_followed_to_its_end_is_not_begun_again() {
    let fleet = Fleet::new(1, &world(1, 4.0));
    let path = fleet.plan("nightly", EXPORTS);
    let running = fleet.command(&["run", &path]).start();
    until_begun(&fleet, &running, 1);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(143));
    let job = fleet.report(&[])["units"][0]["export"]["job"]["id"].as_str().unwrap().to_owned();
    let waited = fleet.host_command(&["job", "wait"], 1, &[&job]).run();
    assert_eq!(waited.code, Some(0), "{waited:?}");
    let resumed = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let report = fleet.report(&[]);
    assert_eq!(
        (&report["state"], &report["totals"]["completed"]),
        (&"finished".into(), &1.into()),
        "{report:#}"
    );
    assert_eq!(report["units"][0]["export"]["job"]["id"], job);
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 1);
}

#[test]
fn with_fail_fast_nothing_more_is_begun_and_the_rest_is_there_to_take_up() {
    let failed = rule("HV01", "state = 10\nerror_code = 32768");
    let fleet = Fleet::new(3, &format!("{}{failed}", world(1, 0.3)));
    // The second host would begin after twenty seconds.
    let path = fleet.plan("nightly", &format!("{ONCE}limits.spread = '60s'\n{EXPORTS}"));
    let run = fleet.command(&["run", &path, "--fail-fast"]).run();
    let report = tell("fail-fast", &fleet, "refpoint fleet run nightly.toml --fail-fast", &run);
    assert_eq!((run.code, &report["state"]), (Some(7), &"stopped".into()), "{run:?}");
    assert_eq!((&report["totals"]["failed"], &report["totals"]["hosts_outstanding"]), (&1.into(), &2.into()));
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 1);
}

#[test]
fn after_as_many_failures_as_are_allowed_nothing_more_is_begun() {
    let fleet = Fleet::new(1, &world(1, 0.3));
    for number in 2..=4 {
        fleet.say_of(&format!("hv{number:02}"), &format!("address = \"{}\"", fleet.nowhere()));
    }
    fleet.say_of("hv05", &format!("address = \"{}\"", fleet.nowhere()));
    // One host each second; those that are down are found out at once.
    let path = fleet.plan("nightly", &format!("{ONCE}limits.spread = '5s'\n{EXPORTS}"));
    let run = fleet.command(&["run", &path, "--max-failures", "2"]).run();
    let report = fleet.report(&[]);
    assert_eq!((run.code, &report["state"]), (Some(4), &"stopped".into()), "{run:?}");
    assert!(run.stderr.contains("as many failed as the plan allows"), "{run:?}");
    let totals = &report["totals"];
    assert_eq!((&totals["hosts_failed"], &totals["hosts_outstanding"]), (&2.into(), &2.into()), "{totals}");
}

/// Waits until the hosts were asked for as many exports.
#[track_caller]
fn until_begun(fleet: &Fleet, running: &Running, exports: usize) {
    let began = Instant::now();
    while fleet.exports().values().flatten().filter(|call| call["return_value"] == 4096).count() < exports {
        assert!(!running.ends_within(Duration::from_millis(20)), "it has ended too early");
        assert!(began.elapsed() < Duration::from_secs(60), "nothing begins");
    }
}

#[test]
fn whoever_ends_it_leaves_the_jobs_and_the_next_one_finds_them() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let fleet = Fleet::new(2, &world(1, 8.0));
        let path = fleet.plan("nightly", EXPORTS);
        let running = fleet.command(&["run", &path]).start();
        until_begun(&fleet, &running, 2);
        // That it did not wait for the jobs is told by what became of them: they were left while they ran.
        running.signal(signal);
        let run = running.end();
        assert_eq!(run.code, Some(code), "{run:?}");
        let report = fleet.report(&["nightly"]);
        assert_eq!(
            (&report["state"], &report["totals"]["detached"]),
            (&"stopped".into(), &2.into()),
            "{run:?}"
        );
        assert!(run.stdout.contains("refpoint fleet resume nightly-"), "{run:?}");
        let resumed = fleet.command(&["resume", "nightly"]).run();
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let report = fleet.report(&["nightly"]);
        assert_eq!((&report["resumed"], &report["totals"]["completed"]), (&1.into(), &2.into()));
        assert_eq!(fleet.calls("ExportReferencePoint").len(), 2);
        assert_eq!(fleet.calls("CreateReferencePoint").len(), 2);
    }
}

/// Returns a window in UTC, from and until so many seconds from now.
fn window(from: i64, until: i64) -> String {
    let time = |seconds: i64| {
        let moment = Timestamp::now().checked_add(seconds.seconds()).unwrap().to_zoned(TimeZone::UTC);
        moment.strftime("%H:%M:%S").to_string()
    };
    format!("window = {{ from = '{}', until = '{}', zone = 'UTC' }}\n", time(from), time(until))
}

#[test]
fn when_the_window_closes_it_is_8_and_outside_of_it_nothing_is_begun() {
    let fleet = Fleet::new(2, &world(1, 8.0));
    let path = fleet.plan("nightly", &format!("{}{EXPORTS}", window(-60, 4)));
    let running = fleet.command(&["run", &path]).start();
    until_begun(&fleet, &running, 2);
    let run = running.end();
    assert_eq!(run.code, Some(8), "{run:?}");
    assert!(run.stderr.contains("the window has closed"), "{run:?}");
    let report = fleet.report(&[]);
    assert_eq!((&report["state"], &report["totals"]["detached"]), (&"stopped".into(), &2.into()));
    let asked = fleet.asked().len();
    // Now it is closed: for the same run, and for another.
    for words in [&["resume", "nightly"][..], &["resume"], &["run", &path]] {
        let run = fleet.command(words).run();
        assert_eq!(run.code, Some(8), "{words:?}: {run:?}");
        assert!(run.stderr.starts_with("error: the window is closed: it is "), "{run:?}");
        assert!(run.stderr.contains("hint: --ignore-window works all the same"), "{run:?}");
    }
    assert_eq!(fleet.asked().len(), asked, "nobody was logged in to");
    let resumed = fleet.command(&["resume", "--ignore-window"]).run();
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 2);
    let ledger = refpoint::ledger::Ledger::open(fleet.ledger()).unwrap();
    assert_eq!(ledger.runs(None).unwrap().len(), 1);
}

#[test]
fn when_the_time_of_a_run_is_over_it_is_8() {
    let fleet = Fleet::new(1, &world(1, 30.0));
    let path = fleet.plan("nightly", &format!("stop.after = '3s'\n{EXPORTS}"));
    let run = fleet.command(&["run", &path]).run();
    assert_eq!(run.code, Some(8), "{run:?}");
    assert!(run.stderr.contains("the time is over that the plan gives a run"), "{run:?}");
    assert_eq!(fleet.report(&[])["totals"]["detached"], 1);
}

/// What failed is begun again by who asks for it, and by nobody else.
#[test]
fn what_failed_is_begun_again_only_when_asked_for() {
    let fleet = Fleet::new(2, &world(1, 0.3));
    fleet.say_of("hv02", "user = 'LAB\\nobody'");
    let path = fleet.plan("nightly", &format!("{ONCE}{EXPORTS}"));
    assert_eq!(fleet.command(&["run", &path]).run().code, Some(5));
    let run = fleet.command(&["resume", "nightly"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("--retry-failed begins that again"), "{run:?}");
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 1);
    let text = std::fs::read_to_string(fleet.file("hosts.toml")).unwrap();
    std::fs::write(fleet.file("hosts.toml"), text.replace("user = 'LAB\\nobody'\n", "")).unwrap();
    let run = fleet.command(&["resume", "nightly", "--retry-failed"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(fleet.report(&[])["totals"]["completed"], 2);
    assert_eq!(fleet.calls("ExportReferencePoint").len(), 2);
}
