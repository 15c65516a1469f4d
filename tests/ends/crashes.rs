//! The program killed at every moment at which what it knows and what the host knows may differ.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use refpoint::ledger::{Export, Ledger, Stage};
use serde_json::Value;

use crate::lab::{At, Lab};
use crate::program::{Refpoint, Run};

/// One machine with one point; an export of a third of a second.
pub(crate) const WORLD: &str = r#"
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
[speed]
export = { seconds = 0.3 }
"#;

/// How long the host may work on a request, so that looking for a lost job takes little longer.
pub(crate) const SHORT: [&str; 2] = ["--operation-timeout", "2s"];

/// What is exported: a machine, or a group of so many.
#[derive(Clone, Copy)]
struct What {
    option: &'static str,
    name: &'static str,
    machines: usize,
}

const MACHINE: What = What { option: "--vm", name: "vm1", machines: 1 };
const GROUP: What = What { option: "--group", name: "shop", machines: 2 };

impl What {
    /// What is asked of the program before and after it was killed.
    fn export(self, at: At<'_>) -> Refpoint {
        self.export_with(at, &[])
    }

    fn export_with(self, at: At<'_>, more: &[&str]) -> Refpoint {
        let (receipt, directory) = (at.file("receipt.json"), self.directory());
        let words = [self.option, self.name, "--point", "only", "--to", &directory];
        let receipt = ["-o", "json", "--receipt", receipt.to_str().unwrap()];
        at.keeping(&["export"], &[&words[..], &SHORT, &receipt, more].concat())
    }

    fn directory(self) -> String {
        format!(r"D:\exports\{}", self.name)
    }
}

/// All exports that the ledger has, oldest first.
fn written(at: At<'_>) -> Vec<Export> {
    let ledger = Ledger::open(at.ledger()).unwrap();
    (1..).map_while(|id| ledger.export(id).unwrap()).collect()
}

/// Runs the command again until it ends by itself; returns the runs.
fn rerun(what: What, at: At<'_>) -> Vec<Run> {
    let mut runs = Vec::new();
    loop {
        let run = what.export(at).run();
        let code = run.code.unwrap_or_else(|| panic!("it was killed again: {run:?}"));
        runs.push(run);
        // What may pass is tried again, as a timer would.
        if ![4, 8, 9, 11].contains(&code) || runs.len() == 3 {
            return runs;
        }
    }
}

/// The moments of one export, in their order of each kind: each write of the ledger and each request, before and
/// after it; and the number of the request that begins the job.
fn moments(what: What, at: At<'_>) -> (Vec<String>, u64) {
    let run = what.export(at).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    let requests = run.json()["requests"].as_u64().unwrap();
    let asked = at.asked();
    assert_eq!(asked.len(), usize::try_from(requests).unwrap(), "{asked:#?}");
    let call = asked.iter().position(|line| line["method"] == "ExportReferencePoint").unwrap();
    let writes = ["Claim", "Sent", "Answered", "Ended"].map(|write| format!("ledger:{write}"));
    let requests = (1..=requests).map(|number| format!("request:{number}"));
    let both = |what: String| [format!("{what}:before"), format!("{what}:after")];
    (writes.into_iter().chain(requests).flat_map(both).collect(), u64::try_from(call).unwrap() + 1)
}

/// Where the call is, seen from a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    /// The ledger says that nothing was sent.
    Before,
    /// The ledger says that it may have been sent, and it was not.
    Between,
    /// The host has it.
    Behind,
    /// How it ended is written down.
    Over,
}

fn stand(moment: &str, call: u64) -> Stand {
    match moment.split(':').collect::<Vec<_>>()[..] {
        ["ledger", "Claim", _] | ["ledger", "Sent", "before"] => Stand::Before,
        ["ledger", "Sent", _] => Stand::Between,
        ["ledger", "Ended", "after"] => Stand::Over,
        ["ledger", ..] => Stand::Behind,
        ["request", number, edge] => match number.parse::<u64>().unwrap().cmp(&call) {
            std::cmp::Ordering::Less => Stand::Before,
            std::cmp::Ordering::Equal if edge == "before" => Stand::Between,
            _ => Stand::Behind,
        },
        _ => panic!("{moment}"),
    }
}

/// How it went on after the program was killed at a moment.
#[derive(Debug)]
struct After {
    moment: String,
    killed: bool,
    runs: Vec<Run>,
}

/// Kills the program at each moment, each on a host of its own, and runs it again until it ends.
fn kill_at_each(
    what: What,
    lab: &Lab,
    moments: &[String],
    between: impl Fn(At<'_>, &str) + Sync,
) -> Vec<(usize, After)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((place, moment)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|place| Some((place, moments.get(place)?)))
        {
            let at = lab.at(place + 2);
            let killed = what.export(at).killed_at(moment).run();
            assert!(killed.was_killed() || killed.code == Some(0), "{moment}: {killed:?}");
            between(at, moment);
            let runs = if killed.was_killed() { rerun(what, at) } else { vec![killed.clone()] };
            done.push((place + 2, After { moment: moment.clone(), killed: killed.was_killed(), runs }));
        }
        done
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

const AT_ONCE: usize = 8;

/// The receipt that belongs to a completed export, in the ledger and in the file.
#[track_caller]
fn is_right(what: What, at: At<'_>, receipt: &Value, moment: &str) {
    assert_eq!(receipt["outcome"], "completed", "{moment}: {receipt:#}");
    assert_eq!(receipt["job"]["state"], 7, "{moment}: {receipt:#}");
    let files: Vec<_> = ["log_files", "config_files", "runtime_files", "guest_state_files"]
        .into_iter()
        .flat_map(|kind| receipt["receipt"][kind].as_array().unwrap())
        .map(|file| file.as_str().unwrap())
        .collect();
    assert_eq!(files.len(), 4 * what.machines, "{moment}: {receipt:#}");
    assert!(files.iter().all(|file| file.starts_with(&what.directory())), "{moment}: {files:?}");
    assert_eq!(receipt["receipt"]["disks"].as_array().unwrap().len(), what.machines, "{moment}");
    assert_eq!(receipt["error"], Value::Null, "{moment}");
    assert_eq!(at.calls("ExportReferencePoint"), 1, "{moment}");
}

/// Kills the program at every moment of an export in a world, lets something happen, and runs it again; then
/// `judge` looks at each.
#[expect(clippy::print_stderr, reason = "the figures, for whoever runs it with --nocapture")]
fn matrix(
    name: &str,
    what: What,
    world: &str,
    wanted: impl Fn(Stand) -> bool,
    between: impl Fn(At<'_>) + Sync,
    judge: impl Fn(At<'_>, Stand, &After),
) {
    let began = Instant::now();
    let counted = Lab::new(1, world);
    let (all, call) = moments(what, counted.at(1));
    let moments: Vec<_> = all.into_iter().filter(|moment| wanted(stand(moment, call))).collect();
    let lab = Lab::new(moments.len() + 1, world);
    let all = kill_at_each(what, &lab, &moments, |at, moment| {
        if stand(moment, call) >= Stand::Between {
            between(at);
        }
    });
    let (mut kills, mut reruns) = (0, 0);
    let mut ends: BTreeMap<i32, usize> = BTreeMap::new();
    for (number, after) in &all {
        kills += usize::from(after.killed);
        reruns += if after.killed { after.runs.len() } else { 0 };
        *ends.entry(after.runs.last().unwrap().code.unwrap()).or_default() += 1;
        judge(lab.at(*number), stand(&after.moment, call), after);
    }
    // Few enough would mean that the switch no longer works.
    assert!(kills * 10 >= moments.len() * 8, "{name}: {kills} of {}", moments.len());
    eprintln!(
        "{name}: {} moments, {kills} kills, {reruns} reruns, exits {ends:?}, {:.1} s",
        moments.len(),
        began.elapsed().as_secs_f64()
    );
}

/// One export was begun, by one call; it is whole, and ledger and receipt say so.
#[track_caller]
fn exported_once(what: What, at: At<'_>, stand: Stand, after: &After) {
    let (moment, last) = (&after.moment, after.runs.last().unwrap());
    assert_eq!(at.begun(), 1, "{moment}: {last:?}");
    assert_eq!(at.calls("ExportReferencePoint"), 1, "{moment}: {last:?}");
    let exports = written(at);
    let first = exports.iter().min_by_key(|export| export.id).unwrap();
    assert_eq!(first.stage, Stage::Ended, "{moment}: {first:?}");
    assert_eq!((first.outcome.as_deref(), first.sound), (Some("completed"), true), "{moment}");
    let kept: Value = serde_json::from_str(first.receipt.as_deref().unwrap()).unwrap();
    is_right(what, at, &kept, moment);
    if stand == Stand::Over {
        // The same command begins anew, and is told that it need not.
        assert_eq!((last.code, exports.len()), (Some(2), 2), "{last:?}");
        assert!(last.stderr.contains("ended as completed"), "{last:?}");
        return;
    }
    assert_eq!((last.code, exports.len()), (Some(0), 1), "{moment}: {last:?}");
    is_right(what, at, &last.json(), moment);
    let file = std::fs::read_to_string(at.file("receipt.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), last.json(), "{moment}");
}

fn once(what: What) -> impl Fn(At<'_>, Stand, &After) {
    move |at, stand, after| exported_once(what, at, stand, after)
}

/// A second machine, and a group of the two with one collection.
const SHOP: &str = r#"
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
"#;

#[test]
fn killed_at_any_moment_and_run_again_a_group_is_exported_once() {
    let lost =
        "[[fault]]\nwhat = \"lost-response\"\nwhen = { method = \"ExportReferencePoint\" }\ntimes = 1\n";
    matrix("group", GROUP, &format!("{WORLD}{SHOP}"), |_| true, |_| (), once(GROUP));
    let world = format!("{WORLD}{SHOP}{lost}");
    matrix("group, answer lost", GROUP, &world, |stand| stand >= Stand::Between, |_| (), once(GROUP));
}

#[test]
fn killed_at_any_moment_and_run_again_it_exports_once_and_knows_it() {
    matrix("as it is", MACHINE, WORLD, |_| true, |_| (), once(MACHINE));
}

#[test]
fn killed_at_any_moment_beside_an_answer_that_is_lost_it_exports_once() {
    let world = format!(
        "{WORLD}[[fault]]\nwhat = \"lost-response\"\nwhen = {{ method = \"ExportReferencePoint\" }}\ntimes = 1\n"
    );
    matrix("answer lost", MACHINE, &world, |_| true, |_| (), once(MACHINE));
}

#[test]
fn a_job_that_has_ended_meanwhile_is_found_and_its_end_is_written_down() {
    let world = WORLD.replace("seconds = 0.3", "seconds = 0.001");
    matrix("already ended", MACHINE, &world, |stand| stand >= Stand::Between, |_| (), once(MACHINE));
}

/// A host that refuses at first, since something is in use, is asked again: at each moment in between the ledger
/// says what is so.
#[test]
fn killed_at_any_moment_of_a_second_try_it_exports_once() {
    let world =
        format!("{WORLD}[[job]]\nmethod = \"ExportReferencePoint\"\nreturn_value = 32774\ntimes = 1\n");
    let counted = Lab::new(1, &world);
    let (_, first) = moments(MACHINE, counted.at(1));
    let is_call = |line: &Value| line["method"] == "ExportReferencePoint";
    let second = counted.at(1).asked().iter().rposition(is_call).unwrap() + 1;
    let writes = ["Sent", "Answered", "NotStarted", "Ended"].map(|write| format!("ledger:{write}"));
    let requests = [first, first + 1, u64::try_from(second).unwrap(), u64::try_from(second).unwrap() + 1];
    let requests = requests.map(|number| format!("request:{number}"));
    let both = |what: String| [format!("{what}:before"), format!("{what}:after")];
    let moments: Vec<_> = writes.into_iter().chain(requests).flat_map(both).collect();
    let lab = Lab::new(moments.len() + 1, &world);
    let all = kill_at_each(MACHINE, &lab, &moments, |_, _| ());
    assert!(all.iter().all(|(_, after)| after.killed), "{all:#?}");
    for (number, after) in &all {
        let (at, moment, last) = (lab.at(*number), &after.moment, after.runs.last().unwrap());
        // Refused once, carried out once.
        assert_eq!((at.begun(), at.calls("ExportReferencePoint")), (1, 2), "{moment}: {last:?}");
        let outcomes: Vec<_> = written(at).into_iter().map(|export| export.outcome.unwrap()).collect();
        let expected: &[&str] = match &**moment {
            // The end of the refused one is all that was not written.
            "ledger:Answered:after" | "ledger:NotStarted:before" => &["failed", "completed"],
            "ledger:Ended:after" => &["completed", "failed"],
            _ => &["completed"],
        };
        assert_eq!(outcomes, expected, "{moment}: {last:?}");
        let code = if moment == "ledger:Ended:after" { 2 } else { 0 };
        assert_eq!(last.code, Some(code), "{moment}: {last:?}");
    }
}

/// The job ran, and the host no longer shows it: whether it ended well is nobody's to say.
#[test]
fn a_job_that_the_host_has_forgotten_is_unknown_and_not_begun_again() {
    let world = format!("{WORLD}[[fault]]\nwhat = \"vanish-jobs\"\nwhen = {{ class = \"Win32_Volume\" }}\n");
    matrix(
        "job forgotten",
        MACHINE,
        &world,
        |stand| stand >= Stand::Between,
        happen,
        |at, stand, after| {
            if stand != Stand::Behind || !after.killed {
                return exported_once(MACHINE, at, stand, after);
            }
            let (moment, last) = (&after.moment, after.runs.last().unwrap());
            assert_eq!(
                (last.code, at.begun(), at.calls("ExportReferencePoint")),
                (Some(12), 1, 1),
                "{moment}: {last:?}"
            );
            assert_eq!(last.json()["outcome"], "unknown", "{moment}");
            assert!(last.stderr.contains("--retry-unknown"), "{last:?}");
            let exports = written(at);
            assert_eq!((exports.len(), exports[0].ended_at), (1, None), "{moment}: {exports:?}");
            // What is in the directory is in the way of another export even then.
            let again = MACHINE.export_with(at, &["--retry-unknown"]).run();
            assert!(matches!(again.code, Some(2 | 9)), "{moment}: {again:?}");
            assert_eq!(at.calls("ExportReferencePoint"), 1, "{moment}");
        },
    );
}

/// Where the host's service was restarted, that there is no job proves nothing: also where none was begun.
#[test]
fn after_a_restart_of_the_service_nothing_is_proven_until_a_person_says_so() {
    let world = format!(
        "{WORLD}restart = 0.001\n[[fault]]\nwhat = \"restart-service\"\nwhen = {{ class = \"Win32_Volume\" }}\n"
    );
    matrix(
        "service restarted",
        MACHINE,
        &world,
        |stand| stand >= Stand::Between,
        happen,
        |at, stand, after| {
            let (moment, last) = (&after.moment, after.runs.last().unwrap());
            let calls = || (at.begun(), at.calls("ExportReferencePoint"));
            match stand {
                Stand::Between => {
                    assert_eq!((last.code, calls()), (Some(12), (0, 0)), "{moment}: {last:?}");
                    assert!(last.stderr.contains("restarted"), "{last:?}");
                    let again = MACHINE.export_with(at, &["--retry-unknown"]).run();
                    assert_eq!((again.code, calls()), (Some(0), (1, 1)), "{moment}: {again:?}");
                    let outcomes: Vec<_> = written(at).into_iter().map(|export| export.outcome).collect();
                    assert_eq!(outcomes.iter().flatten().collect::<Vec<_>>().len(), 2, "{outcomes:?}");
                }
                Stand::Behind if after.killed => {
                    assert_eq!((last.code, calls()), (Some(12), (1, 1)), "{moment}: {last:?}")
                }
                _ => exported_once(MACHINE, at, stand, after),
            }
        },
    );
}

/// Asks for what the rules of these worlds wait for.
fn happen(at: At<'_>) {
    let run = at.refpoint(&["cim", "list"], &["Win32_Volume", "--namespace", "root/cimv2", "-o", "name"]);
    assert_eq!(run.run().code, Some(0));
}
