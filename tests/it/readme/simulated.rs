//! The commands of the README, and of the page on runs, that need a host.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

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

/// The commands that need a host get a simulated one: `hv01` is where it listens, `CORP\backup` who may log in.
fn run(name: &str, commands: &[String]) {
    let host = Simulated::start();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for command in commands {
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
            .env("XDG_STATE_HOME", &folder)
            .env("XDG_CONFIG_HOME", &folder)
            .current_dir(root())
            .output()
            .unwrap();
        succeeds(command, &output);
    }
    let _ = std::fs::remove_dir_all(folder);
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
