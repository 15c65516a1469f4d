//! `refpoint lab serve`, and the program's other commands against it: sealed, as against Windows.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command};

use serde_json::json;

use crate::program::{Refpoint, Run, folder, refpoint, root, wait};

/// Simulated hosts in a process of their own.
pub(crate) struct Lab {
    process: Option<Child>,
    line: String,
}

impl Lab {
    pub(crate) fn start(more: &[&str]) -> Self {
        let words = ["lab", "serve", "--listen", "127.1.0.1:0"];
        let mut process = refpoint(words.iter().chain(more)).start();
        let mut line = String::new();
        // The pipe stays open in the process: only one line is read from it.
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { process: Some(process), line: line.trim_end().to_owned() }
    }

    /// Returns what stands behind `name=` in the line.
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut words = self.line.split(' ');
        words
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("{}", self.line))
    }

    fn url(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    pub(crate) fn refpoint(&self, words: &[&str]) -> Refpoint {
        let login = ["--user", self.field("user")];
        refpoint(words.iter().chain(&login)).env("REFPOINT_PASSWORD", self.field("password"))
    }

    fn end(&mut self, signal: &str) -> Run {
        let process = self.process.take().unwrap();
        let killed =
            Command::new("kill").args([&format!("-{signal}"), &process.id().to_string()]).status().unwrap();
        assert!(killed.success());
        wait(process)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

#[test]
fn it_says_in_one_line_where_it_is_and_ends_cleanly() {
    for signal in ["INT", "TERM"] {
        let mut lab = Lab::start(&["--hosts", "3", "--tls", "127.1.0.1:0"]);
        let words: Vec<_> = lab.line.split(' ').collect();
        let [ready, url, hosts, user, password, tls] = words.as_slice() else { panic!("{}", lab.line) };
        assert_eq!((*ready, *hosts, *user), ("ready", "hosts=3", r"user=LAB\operator"));
        assert!(
            url.starts_with("http://127.1.0.1:") && tls.starts_with("tls=https://127.1.0.1:"),
            "{}",
            lab.line
        );
        assert!(password.len() > "password=".len() + 8);
        lab.end(signal).is(0, "", "");
    }
}

#[test]
fn every_host_answers_sealed_on_its_own_address() {
    let lab = Lab::start(&["--hosts", "3"]);
    for address in ["127.1.0.1", "127.1.0.2", "127.1.0.3"] {
        let url = lab.url().replace("127.1.0.1", address);
        let identity = lab.refpoint(&["identify", &url, "-o", "json"]).run().json();
        assert_eq!(
            identity["login"],
            json!({"mechanism": "NTLMv2", "sealed": true, "bound": false}),
            "{address}"
        );
    }
}

#[test]
fn what_it_was_asked_stands_in_its_log_before_the_answer_is_there() {
    let log = folder("lab-log").join("asked.jsonl");
    let lab = Lab::start(&["--log", log.to_str().unwrap()]);
    assert_eq!(lab.refpoint(&["identify", lab.url()]).run().code, Some(0));
    let asked = fs::read_to_string(&log).unwrap();
    let line: serde_json::Value = serde_json::from_str(asked.lines().next().unwrap()).unwrap();
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert_eq!((&line["operation"], &line["sealed"]), (&json!("Identify"), &json!(true)));
    assert_eq!((&line["user"], &line["host"]), (&json!(r"LAB\operator"), &json!("HV01")));
}

#[test]
fn a_wrong_password_and_a_stranger_s_certificate_are_refused_with_what_to_do() {
    let lab = Lab::start(&["--tls", "127.1.0.1:0"]);
    let run = lab.refpoint(&["identify", lab.url()]).env("REFPOINT_PASSWORD", "wrong").run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
    assert!(run.stderr.contains("hint: check user and password"), "{}", run.stderr);
    let tls = lab.field("tls").to_owned();
    let run = lab.refpoint(&["identify", &tls]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
    let pin = run.stderr.split("--pin ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    // The hint is good as it stands.
    let pinned = lab.refpoint(&["identify", &tls, "--pin", pin, "-o", "json"]).run().json();
    assert_eq!(pinned["login"]["bound"], true);
    let other = format!("sha256:{}", "0".repeat(64));
    let run = lab.refpoint(&["identify", &tls, "--pin", &other]).run();
    assert_eq!(run.code, Some(5));
    assert!(run.stderr.contains("somebody stands in between"), "{}", run.stderr);
    let run = lab.refpoint(&["identify", &tls, "--insecure"]).run();
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.starts_with("warning: certificate not verified (sha256:"), "{}", run.stderr);
}

#[test]
fn what_keeps_it_from_serving_is_said() {
    let taken = TcpListener::bind("127.1.0.9:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refpoint(["lab", "serve", "--listen", &address]).run().is(
        1,
        "",
        &format!(
            "error: cannot serve\n  caused by: cannot listen on {address}\n  \
             caused by: Address already in use (os error 98)\n\
             hint: another --listen ADDRESS:PORT may be free; port 0 finds one\n"
        ),
    );
    // An address of nobody, for documentation.
    let run = refpoint(["lab", "serve", "--listen", "192.0.2.1:5985"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    let end = "hint: it is no address of this machine; 127.1.0.1 is\nmore: refpoint explain exit:1\n";
    assert!(run.stderr.ends_with(end), "{}", run.stderr);
    let here = folder("lab-scenario").join("bad.toml");
    fs::write(&here, "[nonsense\n").unwrap();
    let run =
        refpoint(["lab", "serve", "--listen", "127.1.0.1:0", "--scenario", here.to_str().unwrap()]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.starts_with("error: cannot use the scenario "), "{}", run.stderr);
    let run = refpoint(["lab", "serve", "--listen", "127.1.0.1:0", "--log", "/no/such/folder/log"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(11), ""));
    assert_eq!(refpoint(["lab", "serve", "--hosts", "0"]).run().code, Some(2));
}

#[test]
fn the_commands_walk_from_a_machine_to_the_job_of_its_export() {
    let lab = Lab::start(&[]);
    let host = lab.url();
    let run = |words: &[&str]| {
        let run = lab.refpoint(words).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{words:?}: {}", run.stdout);
        run.stdout
    };
    let names = run(&[
        "cim",
        "query",
        host,
        "SELECT Name FROM Msvm_ComputerSystem WHERE ElementName = 'web01'",
        "-o",
        "jsonl",
    ]);
    let machine: serde_json::Value = serde_json::from_str(&names).unwrap();
    assert_eq!(machine["namespace"], "root/virtualization/v2");
    let id = machine["properties"]["Name"].as_str().unwrap();
    let object = format!("Msvm_ComputerSystem.CreationClassName=Msvm_ComputerSystem,Name={id}");
    let points = run(&[
        "cim",
        "associators",
        host,
        &object,
        "--via",
        "Msvm_ReferencePointOfVirtualSystem",
        "-o",
        "name",
    ]);
    let point = points.lines().next().unwrap();
    let whole: serde_json::Value =
        serde_json::from_str(&run(&["cim", "get", host, point, "-o", "json"])).unwrap();
    assert_eq!(whole["properties"]["VirtualSystemIdentifier"], id);
    assert_eq!(whole["properties"]["ReferencePointType"], 2);
    let reference = format!("ReferencePoint=@{point}");
    let service = "Msvm_VirtualSystemReferencePointService";
    let directory = r"ExportDirectory=D:\R&D 日本 'x'";
    let export = [
        "cim",
        "invoke",
        host,
        service,
        "ExportReferencePoint",
        &reference,
        directory,
        "ExportSettingData:={}",
    ];
    let result: serde_json::Value =
        serde_json::from_str(&run(&[&export[..], &["-o", "json"]].concat())).unwrap();
    assert_eq!(result["return_value"], 4096);
    let job = result["out"]["Job"]["keys"]["InstanceID"].as_str().unwrap();
    let jobs = run(&["cim", "list", host, "CIM_ConcreteJob", "-o", "jsonl"]);
    let jobs: Vec<serde_json::Value> = jobs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours = jobs.iter().find(|found| found["properties"]["InstanceID"] == job).unwrap();
    assert_eq!(ours["class"], "Msvm_VirtualSystemReferencePointExportJob");
    assert_eq!(ours["properties"]["ExportDirectory"], r"D:\R&D 日本 'x'");
    let refused = lab.refpoint(&[
        "cim",
        "invoke",
        host,
        service,
        "ExportReferencePoint",
        &reference,
        "ExportDirectory=",
        "ExportSettingData:={}",
    ]);
    let refused = refused.run();
    assert_eq!(refused.code, Some(7), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("returned 3277") && refused.stdout.starts_with("ReturnValue  3277"),
        "{}",
        refused.stderr
    );
}

/// The block of the README in which one terminal serves and another asks, run as it is written but for the
/// port, which may be taken, and the password, which is new each time.
#[test]
fn the_two_terminals_of_the_readme_work() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let block = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let commands: Vec<_> = block.lines().filter_map(|line| line.strip_prefix("$ refpoint ")).collect();
    let Some((&"lab serve", asking)) = commands.split_first() else { panic!("{commands:?}") };
    assert!(!asking.is_empty());
    let lab = Lab::start(&[]);
    for command in asking {
        let words: Vec<String> =
            command.split(' ').map(|word| word.replace('\'', "").replace("127.1.0.1", lab.url())).collect();
        let run = refpoint(&words).env("REFPOINT_PASSWORD", lab.field("password")).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(!run.stdout.is_empty());
    }
}

/// A ledger that is kept from one start to the next must not meet a job of another start under the same identifier.
#[test]
fn new_points_have_other_identifiers_at_each_start_unless_the_scenario_has_a_seed() {
    let folder = folder("seed");
    let seeded = folder.join("seeded.toml");
    fs::write(&seeded, "[host]\nseed = 7\n").unwrap();
    let seeded = ["--scenario", seeded.to_str().unwrap()];
    let ledger = folder.join("ledger.db");
    let made = |more: &[&str]| {
        let lab = Lab::start(more);
        let create = lab.refpoint(&["point", "create", lab.url(), "--vm", "db01", "-o", "json"]);
        let run = create.env("REFPOINT_LEDGER", ledger.to_str().unwrap()).run();
        assert_eq!(run.code, Some(0), "{run:?}");
        run.json()["id"].as_str().unwrap().to_owned()
    };
    assert_ne!(made(&[]), made(&[]));
    assert_eq!(made(&seeded), made(&seeded));
    fs::remove_dir_all(folder).unwrap();
}
