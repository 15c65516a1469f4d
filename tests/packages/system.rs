//! A small Debian in a folder, entered with `chroot` and a network of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Returns a command that root runs.
pub(crate) fn as_root(program: &str) -> Command {
    let is_root = said(Command::new("id").arg("-u")).trim() == "0";
    if is_root {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    command
}

/// Runs a command that must succeed, and returns what it printed.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}

/// A system. It goes with this value.
pub(crate) struct System {
    folder: PathBuf,
}

/// A simulated host in it, and who asks it.
pub(crate) struct Served<'s> {
    system: &'s System,
    process: Child,
    ready: String,
    number: u32,
}

impl System {
    /// Unpacks one, which is fetched from Debian once.
    pub(crate) fn new() -> Self {
        static FETCHED: OnceLock<PathBuf> = OnceLock::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let archive = FETCHED.get_or_init(|| {
            let archive = folder.join("debian.tar");
            if !archive.exists() {
                let part = folder.join("debian.part.tar");
                said(as_root("mmdebstrap").args(["--quiet", "--variant=apt", "bookworm"]).arg(&part));
                std::fs::rename(part, &archive).unwrap();
            }
            archive
        });
        let folder = folder.join(format!("system-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        said(as_root("rm").arg("-rf").arg(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        said(
            as_root("tar")
                .args(["--extract", "--numeric-owner", "--file"])
                .arg(archive)
                .arg("--directory")
                .arg(&folder),
        );
        Self { folder }
    }

    pub(crate) fn copy(&self, from: &Path, to: &str) {
        said(as_root("cp").arg(from).arg(self.at(to)));
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        // Folders in it are root's own.
        as_root("test").arg("-e").arg(self.at(path)).status().unwrap().success()
    }

    /// Returns a shell's command in it, with a network in which there is only its own loopback.
    fn command(&self, words: &str) -> Command {
        let mut command = as_root("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--", "sh", "-c"]);
        command.arg(
            "ip link set lo up && mount -t proc proc \"$0/proc\" && \
             exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
             chroot \"$0\" sh -ec \"$1\"",
        );
        command.arg(&self.folder).arg(words);
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, words: &str) -> String {
        said(&mut self.command(words))
    }

    /// Serves a simulated host of a scenario, and keeps its network for what is run beside it.
    pub(crate) fn serve(&self, scenario: &str) -> Served<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let note = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scenario-{number}.toml"));
        std::fs::write(&note, scenario).unwrap();
        self.copy(&note, &format!("/root/scenario-{number}.toml"));
        // What is to be run beside it comes through a pipe, into the same network.
        let words = format!(
            "cd /root && mkfifo ask-{number} told-{number} lab-{number}\n\
             refpoint lab serve --listen 127.1.0.1:5985 --scenario scenario-{number}.toml > lab-{number} &\n\
             lab=$!\n\
             exec 3< lab-{number} && read -r ready <&3 || exit 1\n\
             echo \"$ready\"\n\
             set +e\n\
             while sh ask-{number} > out-{number} 2>&1; code=$?; [ $code != 77 ]; do \
                 (echo $code; cat out-{number}) > told-{number}; done\n\
             kill $lab"
        );
        let mut process = self.command(&words).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.starts_with("ready "), "the simulated host does not come up: {ready:?}");
        Served { system: self, process, ready, number }
    }
}

impl Served<'_> {
    /// Runs something beside the host; returns its exit code and all it printed. `$HOST`, `$ADDRESS`, `$PORT` and
    /// `$USER` are the host's, and its password stands where the program looks for it.
    pub(crate) fn try_run(&self, words: &str) -> (i32, String) {
        let field = |name: &str| {
            let mut words = self.ready.trim_end().split(' ');
            words
                .find_map(|word| word.strip_prefix(name))
                .unwrap_or_else(|| panic!("{}", self.ready))
                .to_owned()
        };
        let host = field("http://");
        let (address, port) = host.rsplit_once(':').unwrap();
        let script = format!(
            "HOST='{host}' ADDRESS='{address}' PORT='{port}' USER='{}' REFPOINT_PASSWORD='{}'\n\
             export REFPOINT_PASSWORD\nset -e\n{words}\n",
            field("user="),
            field("password=")
        );
        self.write(&script);
        let told = said(
            as_root("timeout")
                .args(["120", "cat"])
                .arg(self.system.at(&format!("/root/told-{}", self.number))),
        );
        let (code, told) = told.split_once('\n').unwrap();
        (code.parse().unwrap(), told.to_owned())
    }

    fn write(&self, script: &str) {
        let ask = self.system.at(&format!("/root/ask-{}", self.number));
        let mut write = as_root("timeout");
        write.args(["60", "sh", "-c", "printf %s \"$1\" > \"$0\""]).arg(ask).arg(script);
        said(&mut write);
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.write("exit 77\n");
            let _ = self.process.wait();
        } else {
            // It is the parent of all that runs in there, which goes with it.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = as_root("rm").arg("-rf").arg(&self.folder).status();
    }
}
