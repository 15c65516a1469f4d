//! One row for each fault that simulated hosts know, and for each of its kinds.

use std::collections::BTreeSet;
use std::thread;

use refpoint::lab::fault::Fault;

use crate::hosts::{Diagnosis, Lab, diagnosis, doctor};

/// What is to be found.
enum Found {
    Fails(&'static str, i32, &'static str),
    Warns(&'static str, &'static str),
    /// Nothing: a look only reads, and meets neither one machine that is busy, nor jobs, nor subscriptions.
    Nothing,
}

use Found::{Fails, Nothing, Warns};

/// The fault, on which occasions, and what is found.
const CASES: &[(&str, &str, Found)] = &[
    ("what = 'refuse-connect'", "", Fails("tcp", 4, "refuses connections")),
    // Accepted and closed at once.
    ("what = 'refuse-connect', times = 1000", "", Fails("winrm", 4, "closed before the request was sent")),
    (
        "what = 'clock-skew', seconds = 4000",
        "",
        Warns("clock", "67 min ahead of ours: more than the five minutes"),
    ),
    ("what = 'clock-skew', seconds = -120", "", Warns("clock", "2 min behind ours: beyond five minutes")),
    ("what = 'cut', side = 'request', after_bytes = 20", "", Fails("winrm", 4, "closed")),
    ("what = 'cut', after_bytes = 300", "", Fails("rights", 4, "connection lost")),
    ("what = 'cut', after_bytes = 0", "login = true", Fails("login", 4, "closed")),
    ("what = 'stall', side = 'request'", "", Fails("rights", 4, "timed out")),
    ("what = 'stall', after_bytes = 100", "operation = 'Get'", Fails("quotas", 4, "timed out")),
    ("what = 'lost-response'", "class = 'Msvm_ComputerSystem'", Fails("machines", 4, "connection lost")),
    ("what = 'status', status = 401", "", Fails("rights", 6, "WinRM does not let it do anything")),
    ("what = 'status', status = 401", "login = true", Fails("login", 5, "refuses LAB\\operator")),
    ("what = 'status', status = 403", "", Fails("rights", 6, "403: forbidden")),
    ("what = 'status', status = 404", "", Fails("rights", 7, "404: nothing there")),
    ("what = 'status', status = 407", "", Fails("rights", 7, "407: a proxy wants a login")),
    ("what = 'status', status = 413", "", Fails("rights", 7, "413: request too large")),
    ("what = 'status', status = 500", "", Fails("rights", 7, "500 without a word")),
    ("what = 'status', status = 503, retry_after = 3", "", Fails("rights", 9, "503: come back in 3s")),
    ("what = 'page'", "", Fails("rights", 7, "guest network")),
    ("what = 'page'", "login = true", Fails("login", 7, "guest network")),
    (
        "what = 'redirect', location = 'http://elsewhere/'",
        "",
        Fails("rights", 7, "moved to http://elsewhere/"),
    ),
    ("what = 'quota'", "", Fails("quotas", 9, "0x803381A6")),
    ("what = 'quota'", "class = 'Msvm_ComputerSystem'", Fails("machines", 9, "0x803381A6")),
    ("what = 'busy'", "", Fails("rights", 9, "0x80338032")),
    ("what = 'busy', machine = 'web01', status = 32775", "", Nothing),
    ("what = 'timed-out'", "", Fails("rights", 7, "0x80338029")),
    ("what = 'access-denied'", "", Fails("rights", 6, "WinRM does not let it do anything")),
    (
        "what = 'access-denied'",
        "class = 'Msvm_VirtualSystemManagementService'",
        Fails("namespace", 6, "WMI does not let"),
    ),
    ("what = 'access-denied'", "class = 'Msvm_ComputerSystem'", Fails("machines", 6, "denied")),
    (
        "what = 'access-denied'",
        "class = 'Win32_*'",
        Warns("role", "may not look into root/cimv2 (WinRM says OS: 10.0.20348"),
    ),
    ("what = 'internal-error'", "", Fails("rights", 9, "0x80338003")),
    ("what = 'internal-error'", "class = 'Msvm_*ReferencePointService'", Fails("services", 9, "0x80338003")),
    ("what = 'slow', seconds = 5", "operation = 'Identify'", Warns("rights", "that is slow")),
    ("what = 'vanish-jobs'", "", Nothing),
    ("what = 'end-subscriptions'", "", Nothing),
    ("what = 'restart-service'", "times = 1", Fails("role", 7, "just starting")),
    ("what = 'wrong-seal'", "", Fails("rights", 5, "seal does not hold")),
    ("what = 'oversized-reply'", "", Fails("rights", 4, "longer than")),
];

#[test]
fn every_fault_that_a_look_can_meet_is_told_as_what_it_is_and_what_it_cannot_meet_is_no_finding() {
    let name = |rule: &str| rule.split('\'').nth(1).unwrap().to_owned();
    let covered: BTreeSet<String> = CASES.iter().map(|(rule, ..)| name(rule)).collect();
    let known: BTreeSet<String> = Fault::NAMES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(covered, known, "each fault has a row");

    let mut scenario = "[speed]\nrestart = 60\n".to_owned();
    for (place, (rule, when, _)) in CASES.iter().enumerate() {
        let (when, times) = match when.strip_prefix("times = ") {
            Some(times) => ("", format!("\ntimes = {times}")),
            None => (*when, String::new()),
        };
        let when = if when.is_empty() { String::new() } else { format!(", {when}") };
        let rule = rule.replace(", ", "\n");
        scenario.push_str(&format!("[[fault]]\n{rule}{times}\nwhen = {{ host = {place}{when} }}\n"));
    }
    let lab = Lab::new(CASES.len(), &scenario);
    let looked = |place: usize| diagnosis(doctor(&lab.http(place), &["--operation-timeout", "2s"]));
    // Most of it is waiting.
    let places: Vec<usize> = (0..CASES.len()).collect();
    let looked = &looked;
    let found: Vec<Diagnosis> = thread::scope(|scope| {
        let several: Vec<_> = places
            .chunks(CASES.len().div_ceil(6))
            .map(|chunk| scope.spawn(move || chunk.iter().map(|place| looked(*place)).collect::<Vec<_>>()))
            .collect();
        several.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    let mut wrong = Vec::new();
    for ((rule, when, expected), found) in CASES.iter().zip(found) {
        let looked = std::panic::catch_unwind(|| match expected {
            Fails(layer, code, says) => found.fails(layer, *code, says),
            Warns(layer, says) => found.warns(layer, says),
            Nothing => found.passes(),
        });
        if looked.is_err() {
            let (worst, code) = (found.value["verdict"].as_str().unwrap(), found.code);
            let seen: Vec<_> =
                found.that(worst).iter().map(|layer| format!("{layer}: {}", found.seen(layer))).collect();
            wrong.push(format!("{rule} {when}: exit code {code}, {worst}: {seen:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
