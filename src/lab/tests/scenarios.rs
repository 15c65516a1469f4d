//! Scenarios: what they may say, what they must not, and those that come along.

use std::sync::Arc;

use crate::cim::Catalog;
use crate::wsman::Enumerate;

use super::super::{Scenario, ScenarioError};
use super::{FIRST, Rehearsal, SECOND, WEB01, export, path, point};

const EXAMPLES: [(&str, &str); 10] = [
    ("default", include_str!("../../../examples/scenarios/default.toml")),
    ("slow-exports", include_str!("../../../examples/scenarios/slow-exports.toml")),
    ("failing-jobs", include_str!("../../../examples/scenarios/failing-jobs.toml")),
    ("japanese-host", include_str!("../../../examples/scenarios/japanese-host.toml")),
    ("old-host", include_str!("../../../examples/scenarios/old-host.toml")),
    ("rct-does-not-export", include_str!("../../../examples/scenarios/rct-does-not-export.toml")),
    ("busy-and-crowded", include_str!("../../../examples/scenarios/busy-and-crowded.toml")),
    ("rough-night", include_str!("../../../examples/scenarios/rough-night.toml")),
    ("strict-service", include_str!("../../../examples/scenarios/strict-service.toml")),
    ("omi", include_str!("../../../examples/scenarios/omi.toml")),
];

#[test]
fn every_example_is_read_and_answers_for_every_class() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scenarios");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), EXAMPLES.len(), "each of them stands above");
    for (name, toml) in EXAMPLES {
        let mut lab = Rehearsal::read(toml);
        assert!(lab.class("Msvm_ComputerSystem").len() > 1, "{name}");
        let mut found = 0;
        for class in Catalog::bundled().classes() {
            let namespace = class.namespace.clone().expect("a namespace");
            let all = Enumerate::new(crate::cim::ObjectPath::new(namespace, class.name.clone()));
            match lab.all(&all) {
                Ok(instances) => found += instances.len(),
                Err(fault) => {
                    assert!(fault.is_class_missing() && name == "old-host", "{name} {}: {fault}", class.name)
                }
            }
        }
        assert!(found > 50, "{name}: {found}");
    }
}

#[test]
fn the_default_scenario_is_the_one_that_is_written_out() {
    let written = Scenario::read(EXAMPLES[0].1).unwrap();
    assert_eq!(format!("{written:?}"), format!("{:?}", Scenario::default()));
    assert_eq!(format!("{:?}", Scenario::read("").unwrap()), format!("{written:?}"));
    assert_eq!(written.users[0].name, r"LAB\operator");
    assert!(written.users[0].password.is_none());
}

#[test]
fn the_examples_end_as_they_say() {
    let mut lab = Rehearsal::read(EXAMPLES[2].1);
    let mut outcome = |directory: &str| {
        let invoked = lab.invoke(&export(point(WEB01, FIRST), directory)).unwrap();
        let Some(job) = invoked.path("Job").cloned() else { return (invoked.code().unwrap(), None, None) };
        lab.wait(10.0);
        let job = lab.get(&job).ok();
        (
            4096,
            job.as_ref().and_then(|job| job.number("JobState")),
            job.and_then(|job| job.number("ErrorCode")),
        )
    };
    assert_eq!(outcome(r"D:\1"), (4096, Some(10), Some(32768)));
    assert_eq!(outcome(r"D:\2"), (32774, None, None));
    assert_eq!(outcome(r"D:\3"), (4096, Some(7), Some(32768)));
    assert_eq!(outcome(r"D:\4"), (4096, Some(32768), Some(0)));
    assert_eq!(outcome(r"D:\5"), (4096, None, None));
    assert_eq!(outcome(r"D:\6"), (4096, Some(4), Some(0)));

    let mut lab = Rehearsal::read(EXAMPLES[1].1);
    let job = lab.job(&export(point(WEB01, FIRST), r"D:\x"));
    lab.wait(100.0);
    let percent = lab.get(&job).unwrap().number("PercentComplete").unwrap();
    assert!((40..60).contains(&percent), "{percent}");

    let mut lab = Rehearsal::read(EXAMPLES[5].1);
    let alone = path("Msvm_VirtualSystemReferencePoint")
        .with_key("InstanceID", format!("Microsoft:{SECOND}"))
        .with_key("VirtualSystemIdentifier", WEB01);
    lab.get(&alone).unwrap();
    assert_eq!(lab.code(&export(alone, r"D:\exports\web01")), 32770);
    let fault = lab.get(&point(WEB01, FIRST)).unwrap_err();
    assert!(fault.is_not_found() && fault.wsman_code() == Some(0x8004_1002));

    let mut lab = Rehearsal::read(EXAMPLES[3].1);
    let odd =
        lab.query(r#"SELECT * FROM Msvm_ComputerSystem WHERE ElementName LIKE 'o\'brien%🎌_'"#).unwrap();
    assert_eq!(odd[0].text("ElementName"), Some("O'Brien \"test\" \\ Ümläut 🎌 "));
    assert_eq!(lab.query("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'twin'").unwrap().len(), 2);

    let mut lab = Rehearsal::read(EXAMPLES[6].1);
    assert_eq!(lab.class("Msvm_ComputerSystem").len(), 254);
    assert_eq!(lab.class("Msvm_VirtualSystemReferencePoint").len(), 5001);
}

#[test]
fn what_is_wrong_with_a_scenario_is_told_with_its_line() {
    for (toml, line, word) in [
        ("[host]\nlocal = 'en-US'", 2, "local"),
        ("[host]\nlocale = 'xx-YY'", 2, "xx-YY"),
        ("\n\n[[machine]]\nname = 'x'", 3, "id"),
        ("[[machine]]\nid = 'x'\nname = 'y'", 2, "no GUID"),
        (
            "[[machine]]\nid = '3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'y'\n[[group]]\nid = '3f2c9a10-6b7e-4c55-9e1d-0a4b8c7d2e91'\nname = 'z'",
            5,
            "twice",
        ),
        ("[[point]]\nid = 'A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3'\nmachine = 'nobody'", 3, "nobody"),
        ("[[instances]]\nclass = 'Msvm_Nothing'\ncount = 1", 2, "Msvm_Nothing"),
        ("[[instances]]\nclass = 'Msvm_ComputerSystem'\ncount = 4000000000", 3, "at most 1000000"),
        ("[[instances]]\nclass = 'Msvm_ComputerSystem'\ncount = 4_000_000_000_000", 3, "at most 1000000"),
        (
            "[[machine]]\nid = '3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'y'\ncount = 10001",
            4,
            "at most 10000",
        ),
        ("instances = { class = 'x', count = 1 }", 1, "sequence"),
        ("[speed]\nexport = { minutes = 3 }", 2, "minutes"),
        ("[questions]\nis_the_moon_round = true", 2, "moon"),
        ("[[job]]\nstate = 'bad'", 2, "u16"),
        ("[[user]]\nname = 'x'\nrights = 'some'", 3, "rights"),
        ("nonsense", 1, "key"),
    ] {
        let error = Scenario::read(toml).expect_err(toml);
        let text = error.to_string();
        assert!(text.contains(word), "{toml}: {text}");
        match error {
            ScenarioError::Contradiction { line: found, .. } => assert_eq!(found, line, "{text}"),
            _ => assert!(text.contains(&format!("line {line},")), "{toml}: {text}"),
        }
    }
}

#[test]
fn a_user_is_known_by_each_of_his_spellings_and_his_password_is_not_shown() {
    let scenario = Scenario::read("[[user]]\nname = 'LAB\\operator'\npassword = 'hidden-word'").unwrap();
    for name in [
        r"LAB\operator",
        r"lab\OPERATOR",
        "operator@lab.example",
        "operator@LAB",
        "operator",
        r"lab.example\operator",
    ] {
        assert!(scenario.user(name).is_some(), "{name}");
    }
    for name in [r"OTHER\operator", "operator@other.example", "operato", "", r"LAB\operator2"] {
        assert!(scenario.user(name).is_none(), "{name}");
    }
    assert_eq!(scenario.users[0].password.as_ref().map(|it| it.expose().as_str()), Some("hidden-word"));
    assert!(!format!("{scenario:?}").contains("hidden-word"));
}

#[test]
fn a_host_can_be_given_the_true_time() {
    let mut scenario = Scenario::default();
    scenario.start_at(std::time::Duration::from_secs(1_800_000_000));
    let mut lab = Rehearsal::on(Arc::new(scenario), 0);
    lab.wait(10.0);
    let job = lab.job(&export(point(WEB01, FIRST), r"D:\x"));
    let begun = lab.get(&job).unwrap().datetime("StartTime").unwrap().as_timestamp().unwrap();
    assert_eq!(begun.unix_seconds(), 1_800_000_010);
}
