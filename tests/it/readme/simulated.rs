//! The commands of the README that need a host.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::{commands, root, succeeds};

/// The commands that need a host get a simulated one: `hv01` is where it listens, `CORP\backup` who may log in.
#[test]
fn every_command_of_refpoint_in_the_readme_runs() {
    let commands = commands();
    let ours: Vec<_> = commands.iter().filter(|command| command.starts_with("refpoint ")).collect();
    assert!(ours.len() >= 8, "{commands:?}");
    let host = Simulated::start();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readme-{}", std::process::id()));
    for command in ours {
        let here = command
            .replace("refpoint ", &format!("{} ", env!("CARGO_BIN_EXE_refpoint")))
            .replace(" hv01 ", &format!(" {} ", host.target))
            .replace(r"CORP\backup", r"LAB\operator");
        let output = Command::new("sh")
            .arg("-c")
            .arg(&here)
            .env("REFPOINT_PASSWORD", &host.password)
            .env("XDG_STATE_HOME", &folder)
            .current_dir(root())
            .output()
            .unwrap();
        succeeds(command, &output);
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// A simulated host in a process of its own.
struct Simulated {
    process: Child,
    target: String,
    password: String,
}

impl Simulated {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_refpoint"))
            .args(["lab", "serve", "--listen", "127.0.0.1:0"])
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
        Self { process, target: words[1].to_owned(), password: password.to_owned() }
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
