//! Many hosts on which one request of a hundred goes wrong in each way that there is.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::dice::said;
use crate::fleet::{Fleet, world};

const MACHINES: usize = 5;

const PLAN: &str = "
limits = { total = 100000, host = 10, volume = 10 }
retries = { pause = '1s', longest = '4s' }
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\\exports\\{run}\\{vm}'
";

/// What goes wrong at one request of a hundred, and whether a host may have done what it was asked.
const FAULTS: [&str; 11] = [
    "what = 'lost-response'",
    "what = 'cut'\nafter_bytes = 500",
    "what = 'cut'\nside = 'request'\nafter_bytes = 200",
    "what = 'quota'",
    "what = 'busy'",
    "what = 'timed-out'",
    "what = 'internal-error'",
    "what = 'wrong-seal'",
    "what = 'slow'\nseconds = 0.2",
    "what = 'status'\nstatus = 503",
    "what = 'status'\nstatus = 401\nwhen = { login = true }",
];

/// A thousand hosts on a busy machine take some minutes.
const PATIENCE: Duration = Duration::from_secs(3600);

/// `REFPOINT_HOSTS=1000 cargo test --test runs nothing_is_lost -- --nocapture` is a large fleet.
#[test]
fn nothing_is_lost_and_nothing_doubled_among_many_hosts_with_every_fault() {
    let hosts = usize::try_from(said("REFPOINT_HOSTS", 20)).unwrap();
    let mut scenario = world(MACHINES, 1.0);
    for (seed, fault) in FAULTS.iter().enumerate() {
        write!(scenario, "[[fault]]\n{fault}\nprobability = 0.01\nseed = {seed}\n").unwrap();
    }
    let fleet = Fleet::new(hosts, &scenario);
    let plan = fleet.plan("nightly", PLAN);
    let began = Instant::now();
    let mut run = fleet.command(&["run", &plan]);
    run.patience = PATIENCE;
    let run = run.run();
    let took = began.elapsed();
    let report = fleet.report(&[]);
    let units = report["units"].as_array().unwrap();
    let totals = &report["totals"];
    let failed_hosts = usize::try_from(totals["hosts_failed"].as_u64().unwrap()).unwrap();
    // Each machine is accounted for, by itself or with its host.
    assert_eq!(units.len() + failed_hosts * MACHINES, hosts * MACHINES, "{run:?}");
    let mut begun = fleet.exports();
    begun.retain(|_, calls| {
        calls.retain(|call| call["return_value"] == 4096);
        !calls.is_empty()
    });
    for (key, calls) in &begun {
        assert_eq!(calls.len(), 1, "{key:?} was exported twice: {calls:#?}");
    }
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for unit in units {
        let key =
            (unit["host"].as_str().unwrap().to_uppercase(), unit["directory"].as_str().unwrap().to_owned());
        let export = &unit["export"];
        let outcome = export["outcome"].as_str().unwrap_or("outstanding");
        match outcome {
            "completed" | "completed-with-warnings" => assert!(begun.contains_key(&key), "{unit:#}"),
            // What its host has begun is not said to have failed: no job of this night does.
            "failed" => assert!(!begun.contains_key(&key), "{unit:#}"),
            _ => {}
        }
        if let Some(kind) = export["error"]["kind"].as_str() {
            assert!(!export["error"]["message"].as_str().unwrap().is_empty());
            *causes.entry(format!("{outcome}, {kind}")).or_insert(0) += 1;
        }
    }
    // What goes wrong on the way to the call is tried again.
    assert!(begun.len() > hosts * MACHINES * 3 / 4, "{causes:?}");
    let requests: u64 =
        report["hosts"].as_array().unwrap().iter().map(|host| host["requests"].as_u64().unwrap()).sum();
    tell(&format!(
        "{hosts} hosts, {} units, {} exports begun, in {:.0} s with {} requests a host: {totals}, {causes:?}",
        units.len(),
        begun.len(),
        took.as_secs_f64(),
        requests / hosts as u64
    ));
}

#[expect(clippy::print_stderr, reason = "the figures, for whoever runs it with --nocapture")]
fn tell(figures: &str) {
    eprintln!("{figures}");
}
