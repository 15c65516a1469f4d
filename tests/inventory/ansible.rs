//! Ansible's own reader of inventories, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};

/// `tests/inventory/listing.py`, which asks Ansible's code as `ansible-inventory --list` does.
pub(crate) struct Ansible {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Ansible {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory/listing.py");
        // The Python of the system, to which the package belongs.
        let mut command = settled(Command::new("/usr/bin/python3"));
        let command = command.arg("-B").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::null()).spawn().expect("run tests/interop/install.sh first");
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    /// Returns what Ansible makes of these sources, and the hosts that each limit leaves.
    pub(crate) fn read(&mut self, sources: &[PathBuf], limits: &[String]) -> Json {
        writeln!(self.input, "{}", json!({"sources": sources, "limits": limits})).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}; run tests/interop/install.sh first"))
    }
}

impl Drop for Ansible {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns what the program `ansible-inventory` prints.
pub(crate) fn ansible_inventory(sources: &[PathBuf]) -> String {
    let mut command = settled(Command::new("/usr/bin/ansible-inventory"));
    command.arg("--list");
    for source in sources {
        command.arg("-i").arg(source);
    }
    let output = command.output().expect("run tests/interop/install.sh first");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a line of the documentation in a folder, with Ansible as the tests know it.
pub(crate) fn shell(folder: &Path, line: &str) -> String {
    let mut command = settled(Command::new("sh"));
    let output = command.arg("-c").arg(line).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Keeps the machine's own configuration of Ansible away, and has an inventory that cannot be read be an error.
fn settled(mut command: Command) -> Command {
    let home = folder("ansible-home");
    let settings = home.join("ansible.cfg");
    std::fs::write(&settings, "[defaults]\n").unwrap();
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home).env("LANG", "C.UTF-8");
    command.env("ANSIBLE_CONFIG", settings).env("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "1");
    command
}

/// Returns a folder that is empty and that no other test has.
pub(crate) fn folder(name: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("inventory-{name}-{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes files into a folder.
pub(crate) fn write(folder: &Path, files: &[(String, String)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
