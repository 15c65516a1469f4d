//! The commands of the README, and of the page on runs, that need a host.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

use serde_json::Value;

use super::{commands, commands_of, root, succeeds};

#[test]
fn every_command_of_refpoint_in_the_readme_runs() {
    let commands = commands();
    let ours: Vec<_> = commands.into_iter().filter(|command| command.starts_with("refpoint ")).collect();
    assert!(ours.len() >= 12, "{ours:?}");
    run("readme", &ours);
}

#[test]
fn every_command_of_the_page_on_runs_runs() {
    let commands = commands_of("docs/fleet.md");
    assert!(
        commands.len() == 5 && commands.iter().all(|it| it.starts_with("refpoint fleet ")),
        "{commands:?}"
    );
    run("fleet", &commands);
}

#[test]
fn every_command_of_the_page_on_doctor_runs() {
    let commands = commands_of("docs/doctor.md");
    assert!(
        commands.len() == 3 && commands.iter().all(|it| it.starts_with("refpoint doctor ")),
        "{commands:?}"
    );
    run("doctor", &commands);
}

#[test]
fn every_command_of_the_page_on_shells_runs() {
    let commands = commands_of("docs/shell.md");
    assert!(commands.len() == 11 && commands.iter().all(|it| it.starts_with("refpoint ")), "{commands:?}");
    run("shell", &commands);
}

#[test]
fn every_command_of_the_page_on_configuration_runs() {
    let commands = commands_of("docs/configuration.md");
    assert!(commands.len() == 8 && commands.iter().all(|it| it.starts_with("refpoint ")), "{commands:?}");
    run("configuration", &commands);
}

#[test]
fn every_command_of_the_pages_on_hosts_and_shares_runs() {
    for (page, count) in [("docs/preparing-a-host.md", 3), ("docs/shares.md", 1)] {
        let commands = commands_of(page);
        assert!(
            commands.len() == count && commands.iter().all(|it| it.starts_with("refpoint ")),
            "{commands:?}"
        );
        run("hosts", &commands);
    }
}

#[test]
fn every_command_of_the_page_on_cim_runs() {
    let commands = commands_of("docs/cim.md");
    assert!(
        commands.len() >= 12 && commands.iter().all(|it| it.starts_with("refpoint cim ")),
        "{commands:?}"
    );
    run("cim", &commands);
}

#[test]
fn every_command_of_the_page_on_backups_runs_and_its_shapes_are_what_comes_out() {
    let commands = commands_of("docs/backups.md");
    assert!(commands.len() == 8 && commands.iter().all(|it| it.starts_with("refpoint ")), "{commands:?}");
    let page = std::fs::read_to_string(root().join("docs/backups.md")).unwrap();
    let shape = |name: &str| -> Value {
        let begin = format!("```json {name}\n");
        let text = page.split(&begin).nth(1).unwrap().split("```").next().unwrap();
        serde_json::from_str(text).unwrap()
    };
    let (host, folder) = (Simulated::start(), folder("backups"));
    run_at(&host, &folder, &commands);
    let login = r"hv01 --user 'CORP\backup'";
    let ask = |command: &str| -> Value {
        let output = run_one(&host, &folder, &format!("refpoint {command}"));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let backup =
        ask(&format!(r"backup {login} --vm db01 --to 'D:\b\third' --base last --wait-for-merge -o json"));
    let id = backup["point"]["id"].as_str().unwrap();
    for (name, command) in [
        ("prune", format!("point prune {login} --vm db01 --keep-last 1 --dry-run -o json")),
        ("changes", format!("vm changes {login} --vm db01 --since latest -o json")),
        ("show", format!("point show {login} '{id}' -o json")),
    ] {
        assert_eq!(keys(&ask(&command)), keys(&shape(name)), "{name}");
    }
    assert_eq!(keys(&backup), keys(&shape("backup")));
    let mut list = ask(&format!("point list {login} --vm db01 -o json"));
    list.as_array_mut().unwrap().retain(|point| point["id"] == *id);
    assert_eq!(keys(&list), keys(&shape("list")));
    let _ = std::fs::remove_dir_all(folder);
}

/// Returns the names of all that is in a shape, each with those above it; of lists what their first has.
fn keys(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(all) => all
            .iter()
            .flat_map(|(name, value)| {
                let below = keys(value).into_iter().map(move |below| format!("{name}.{below}"));
                std::iter::once(name.clone()).chain(below)
            })
            .collect(),
        Value::Array(all) => all.first().map(keys).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The commands that need a host get a simulated one: `hv01` is where it listens, `CORP\backup` who may log in.
fn run(name: &str, commands: &[String]) {
    let (host, folder) = (Simulated::start(), folder(name));
    run_at(&host, &folder, commands);
    let _ = std::fs::remove_dir_all(folder);
}

fn run_at(host: &Simulated, folder: &Path, commands: &[String]) {
    for command in commands {
        run_one(host, folder, command);
    }
}

fn run_one(host: &Simulated, folder: &Path, command: &str) -> Output {
    let here = command
        .replace("refpoint ", &format!("{} ", env!("CARGO_BIN_EXE_refpoint")))
        .replace(" https://hv01 ", &format!(" {} ", host.tls))
        .replace(" remove hv01", &format!(" remove {}", host.tls))
        .replace(" hv01 ", &format!(" {} ", host.target))
        .replace(" hv01, ", &format!(" {}, ", host.target.trim_start_matches("http://")))
        .replace(" > ", &format!(" > {}/", folder.display()))
        .replace(r"CORP\backup", r"LAB\operator");
    let output = Command::new("sh")
        .arg("-c")
        .arg(&here)
        .env("REFPOINT_PASSWORD", &host.password)
        .env("XDG_STATE_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .current_dir(root())
        .output()
        .unwrap();
    succeeds(command, &output);
    output
}

/// A simulated host in a process of its own.
pub(crate) struct Simulated {
    process: Child,
    pub(crate) target: String,
    pub(crate) tls: String,
    pub(crate) password: String,
}

impl Simulated {
    pub(crate) fn start() -> Self {
        Self::of(root(), &["lab", "serve", "--listen", "127.0.0.1:0", "--tls", "127.0.0.1:0"])
    }

    /// Those that are served in a folder with these words, on a port that is free.
    pub(crate) fn serve(folder: &Path, words: &[&str]) -> Self {
        Self::of(folder, &[words, &["--listen", "127.1.0.1:0"]].concat())
    }

    fn of(folder: &Path, words: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_refpoint"))
            .args(words)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let (sender, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line).map(|_| sender.send(line));
        });
        let line = line.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let password = words.iter().find_map(|word| word.strip_prefix("password=")).unwrap();
        let tls = words.iter().find_map(|word| word.strip_prefix("tls=")).unwrap_or_default();
        Self { process, target: words[1].to_owned(), tls: tls.to_owned(), password: password.to_owned() }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
