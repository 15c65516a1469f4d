//! What was asked for arrives on the host as it was written: names, directories, disks, bases.

use serde_json::{Value, json};

use crate::lab::{At, Lab};

const NAMES: [&str; 5] =
    [r#"it's "web" & <db>"#, "日本語サーバー", "🐎 horse", r"back\slash", "100% a_b [c] 'x''y'"];

fn world() -> String {
    let mut world = "[speed]\nexport = { seconds = 0.1 }\n".to_owned();
    for (place, name) in NAMES.iter().enumerate() {
        let name = serde_json::to_string(name).unwrap();
        world += &format!(
            "[[machine]]\nid = \"3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E9{place}\"\nname = {name}\n\
             [[machine.disk]]\nfile = 'D:\\VMs\\{place}\\os-{place}.vhdx'\nsize = \"1GiB\"\nused = \"1GiB\"\n\
             [[machine.disk]]\nfile = 'D:\\VMs\\{place}\\data-{place}.vhdx'\nsize = \"1GiB\"\nused = \"1GiB\"\n"
        );
        for point in ["A", "B", "C"] {
            world += &format!(
                "[[point]]\nid = \"{point}0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F{place}\"\nmachine = {name}\ntype = \"log\"\n"
            );
        }
    }
    world += &format!(
        "[[group]]\nid = \"5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293\"\nname = \"shop & <sons>\"\nmembers = {:?}\n",
        [NAMES[1], NAMES[2]]
    );
    for point in ["A", "B"] {
        world += &format!(
            "[[collection]]\nid = \"{point}E1D9C8B-2F30-4B4C-9D5E-AF6071829304\"\ngroup = \"shop & <sons>\"\nname = \"{point}\"\n\
             points = [\"{point}0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F1\", \"{point}0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F2\"]\n"
        );
    }
    world
}

/// Asks the host itself.
fn query(at: At<'_>, wql: &str) -> Vec<Value> {
    let run = at.refpoint(&["cim", "query"], &[wql, "-o", "jsonl"]).run();
    assert_eq!(run.code, Some(0), "{run:?}");
    run.stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["properties"].clone())
        .collect()
}

fn export(at: At<'_>, words: &[&str]) -> Value {
    let run = at.keeping(&["export"], &[words, &["-o", "json"]].concat()).run();
    assert_eq!(run.code, Some(0), "{words:?}: {run:?}");
    run.json()
}

#[test]
fn names_and_directories_arrive_as_they_were_written() {
    let lab = Lab::new(1, &world());
    let at = lab.at(1);
    for (place, name) in NAMES.iter().enumerate() {
        // What Windows does not allow in a name of a file cannot be asked for.
        let step: String = name.chars().filter(|one| !r#"<>:"|?*\"#.contains(*one)).collect();
        let directory = format!(r"D:\R&D 'x' {place}\{step}");
        let point = format!("A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F{place}");
        let report = export(at, &["--vm", name, "--point", &point, "--to", &directory]);
        assert_eq!((&report["machine"]["name"], &report["directory"]), (&json!(name), &json!(directory)));
        let jobs = query(at, "SELECT * FROM Msvm_VirtualSystemReferencePointExportJob");
        let job = jobs.iter().find(|job| job["InstanceID"] == report["job"]["id"]).unwrap();
        assert_eq!(job["ExportDirectory"], directory);
        assert_eq!(job["VirtualMachineId"], report["machine"]["id"]);
        let machines = query(
            at,
            &format!(
                "SELECT * FROM Msvm_ComputerSystem WHERE Name = '{}'",
                report["machine"]["id"].as_str().unwrap()
            ),
        );
        assert_eq!(machines[0]["ElementName"], json!(name));
    }
}

#[test]
fn a_group_is_exported_with_the_disks_that_were_chosen() {
    let lab = Lab::new(1, &world());
    let at = lab.at(1);
    let disks = query(at, "SELECT InstanceID FROM Msvm_StorageAllocationSettingData WHERE ResourceType = 31");
    let disk_of = |place: usize| {
        let machine = format!("3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E9{place}");
        let mut ids = disks.iter().map(|disk| disk["InstanceID"].as_str().unwrap());
        ids.rfind(|id| id.starts_with(&format!("Microsoft:{machine}\\"))).unwrap().to_owned()
    };
    let chosen = [disk_of(1), disk_of(2)];
    let named = [format!("{}:{}", NAMES[1], chosen[0]), format!("{}:{}", NAMES[2], chosen[1])];
    let words = [
        "--group",
        "shop & <sons>",
        "--point",
        "AE1D9C8B-2F30-4B4C-9D5E-AF6071829304",
        "--to",
        r"D:\exports\g",
    ];
    let report = export(at, &[&words[..], &["--disk", &named[0], "--disk", &named[1]]].concat());
    let job = &query(at, "SELECT * FROM Msvm_CollectionReferencePointExportJob")[0];
    assert_eq!(job["InstanceID"], report["job"]["id"]);
    let exported: Vec<_> =
        job["ExportedDisks"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(exported, chosen);
    assert_eq!(report["receipt"]["disks"].as_array().unwrap().len(), 2);
    // Relative to the first.
    let words = [
        "--group",
        "shop & <sons>",
        "--point",
        "BE1D9C8B-2F30-4B4C-9D5E-AF6071829304",
        "--to",
        r"D:\exports\h",
    ];
    let report = export(at, &[&words[..], &["--base", "AE1D9C8B-2F30-4B4C-9D5E-AF6071829304"]].concat());
    let jobs = query(at, "SELECT * FROM Msvm_CollectionReferencePointExportJob");
    let job = jobs.iter().find(|job| job["InstanceID"] == report["job"]["id"]).unwrap();
    assert!(job["BaseReferencePointGroupId"].as_str().unwrap().contains("AE1D9C8B"), "{job:#}");
    assert!(report["base"]["id"].as_str().unwrap().contains("AE1D9C8B"));
}

#[test]
fn an_export_relative_to_another_is_asked_for_as_that() {
    let lab = Lab::new(1, &world());
    let at = lab.at(1);
    let point = |letter: &str| format!("{letter}0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F0");
    let base_of = |report: &Value| {
        let jobs = query(at, "SELECT * FROM Msvm_VirtualSystemReferencePointExportJob");
        let job = jobs.into_iter().find(|job| job["InstanceID"] == report["job"]["id"]).unwrap();
        job["BaseReferencePointId"].as_str().unwrap_or_default().to_owned()
    };
    let words = |letter: &str, directory: &str, base: &str| {
        let words = ["--vm", NAMES[0], "--point", &point(letter), "--to", directory, "--base", base];
        words.map(str::to_owned).to_vec()
    };
    let run = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        export(at, &words)
    };
    let full = run(words("A", r"D:\exports\1", "last-or-none"));
    assert_eq!((&full["base"], base_of(&full)), (&Value::Null, String::new()));
    let last = run(words("B", r"D:\exports\2", "last"));
    assert!(base_of(&last).contains("A0E4C1D7") && last["base"]["id"].as_str().unwrap().contains("A0E4C1D7"));
    let named = run(words("C", r"D:\exports\3", &point("A")));
    assert!(base_of(&named).contains("A0E4C1D7"), "{named:#}");
}

/// What was begun relative to one point is not reported as relative to another, or to none.
#[test]
fn an_export_that_is_taken_up_is_told_as_what_it_was_begun_as() {
    let lab = Lab::new(1, &world().replace("seconds = 0.1", "seconds = 1"));
    let at = lab.at(1);
    let words =
        ["--vm", NAMES[0], "--point", "B0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F0", "--to", r"D:\exports\1"];
    let base = ["--base", "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F0"];
    let begun = export(at, &[&words[..], &base, &["--detach"]].concat());
    let run = at.keeping(&["export"], &[&words[..], &["-o", "json"]].concat()).run();
    let report = run.json();
    assert_eq!(report["job"]["id"], begun["job"]["id"], "{run:?}");
    assert_eq!(report["base"], begun["base"], "{run:?}");
    // It is not what was asked for this time.
    assert_eq!((run.code, &report["outcome"]), (Some(3), &json!("completed-with-warnings")), "{run:?}");
    assert!(run.stderr.contains("was begun relative to"), "{run:?}");
    assert_eq!(at.calls("ExportReferencePoint"), 1);
}

/// What was never sent is no reason to send it as it was once meant.
#[test]
fn an_intent_that_was_never_sent_gives_way_to_another_one() {
    for moment in ["ledger:Claim:after", "ledger:Sent:before", "ledger:Sent:after"] {
        let lab = Lab::new(1, &world());
        let at = lab.at(1);
        let words =
            ["--vm", NAMES[0], "--point", "B0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F0", "--to", r"D:\exports\1"];
        let base = ["--base", "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F0", "--operation-timeout", "2s"];
        let killed = at.keeping(&["export"], &[&words[..], &base].concat()).killed_at(moment).run();
        assert!(killed.was_killed(), "{killed:?}");
        let report = export(at, &[&words[..], &["--operation-timeout", "2s"]].concat());
        let ledger = refpoint::ledger::Ledger::open(at.ledger()).unwrap();
        let written: Vec<_> = (1..).map_while(|id| ledger.export(id).unwrap()).collect();
        let told: Vec<_> =
            written.iter().map(|one| (one.base.is_some(), one.outcome.as_deref().unwrap())).collect();
        assert_eq!(told, [(true, "failed"), (false, "completed")], "{moment}");
        let job = &query(at, "SELECT * FROM Msvm_VirtualSystemReferencePointExportJob")[0];
        assert_eq!(
            (&report["base"], job["BaseReferencePointId"].as_str().unwrap_or_default()),
            (&Value::Null, "")
        );
        assert_eq!(at.calls("ExportReferencePoint"), 1, "{moment}");
    }
}
