//! The page on rehearsals: its nights take place, and what it says of them is what happened.

use std::collections::BTreeSet;

use serde_json::Value;

use super::page::{Folder, Step, has_printed, quotes, rows, steps};
use super::simulated::Simulated;

const PAGE: &str = "docs/rehearsing.md";

#[test]
fn every_night_of_the_page_on_rehearsals_takes_place() {
    let folder = Folder::new("rehearsing");
    for file in ["calm.toml", "rough.toml", "plan.toml"] {
        folder.put(&format!("examples/rehearsal/{file}"), |text| text);
    }
    let (mut lab, mut exports, mut printed, mut count) = (None, String::new(), String::new(), 0);
    for step in steps(PAGE) {
        match step {
            Step::Lab(words) => {
                drop(lab.take());
                let words: Vec<&str> = words.split(' ').collect();
                let started = Simulated::serve(folder.path(), &words);
                let (_, port) = started.target.rsplit_once(':').unwrap();
                folder.put("examples/rehearsal/inventory.toml", |text| {
                    assert!(text.contains("port = 5985"), "{text}");
                    text.replace("port = 5985", &format!("port = {port}"))
                });
                lab = Some(started);
            }
            Step::Line { text, .. } if text.starts_with("export ") => exports = format!("{text}; "),
            Step::Line { text, code } => {
                assert!(lab.is_some(), "{text}");
                let output = folder.shell(&format!("{exports}{text}"));
                let stdout = String::from_utf8(output.stdout).unwrap();
                let stderr = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(code), "{text}\n{stdout}\n{stderr}");
                if text.starts_with("grep -c ") {
                    assert_eq!(stdout, "8\n", "{text}");
                }
                if text.starts_with("grep -e ") {
                    for figure in [
                        "refpoint_last_run_exit_code{plan=\"rehearsal\"} 1\n",
                        "refpoint_host_up{plan=\"rehearsal\",host=\"hv01.corp.example\"} 1\n",
                        "refpoint_host_up{plan=\"rehearsal\",host=\"hv04.corp.example\"} 0\n",
                    ] {
                        assert!(stdout.contains(figure), "{figure}\n{stdout}");
                    }
                }
                if text.ends_with("report") {
                    let json = folder.shell(&format!("{exports}{text} -o json"));
                    printed += &of_units(&serde_json::from_slice(&json.stdout).unwrap());
                }
                printed += &stdout;
                printed += &stderr;
                count += 1;
            }
        }
    }
    assert!(count >= 14, "{count} commands");
    for row in rows(PAGE) {
        let [host, _, says] = &row[..] else { panic!("{row:?}") };
        for quote in quotes(says) {
            assert!(has_printed(&printed, quote), "{host}: {quote:?} was not printed\n{printed}");
        }
    }
    let asked = std::fs::read_to_string(folder.path().join("rough.jsonl")).unwrap();
    for (host, units, completed) in [("HV01", 2, 0), ("HV02", 2, 2), ("HV03", 2, 2)] {
        let done = format!("{}.corp.example: {completed} of {units} completed", host.to_lowercase());
        assert!(printed.contains(&done), "{done}\n{printed}");
    }
    // Of the host whose answer was lost nothing was asked twice; of the other one what had failed was.
    let exported = |host: &str| {
        let lines = asked.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|it| it["host"] == host && it["method"] == "ExportReferencePoint").count()
    };
    assert_eq!([exported("HV01"), exported("HV02"), exported("HV03"), exported("HV04")], [4, 2, 2, 0]);
}

/// Returns how many units of each host were completed.
fn of_units(report: &Value) -> String {
    let units = report["units"].as_array().unwrap();
    let hosts: BTreeSet<&str> = units.iter().filter_map(|unit| unit["host"].as_str()).collect();
    let told = hosts.into_iter().map(|host| {
        let units: Vec<_> = units.iter().filter(|unit| unit["host"] == host).collect();
        let completed = units.iter().filter(|unit| unit["export"]["outcome"] == "completed").count();
        format!("{host}: {completed} of {} completed\n", units.len())
    });
    told.collect()
}
