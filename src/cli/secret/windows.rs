//! What files and processes are on Windows.

use std::fs::Metadata;
use std::process::{Child, Command, Stdio};

/// Pipes have names there, and no shell lays one in the place of a file.
pub(super) fn is_pipe(_: &Metadata) -> bool {
    false
}

/// Who may read a file is said by its access list, which is not looked at: there is no mode to warn of.
pub(super) fn mode_for_others(_: &Metadata) -> Option<u32> {
    None
}

/// Who has started whom is known without one.
pub(super) fn be_a_group(_: &mut Command) {}

/// Ends a command that was not waited for, and what it has started.
pub(super) fn end(child: &mut Child, is_group: bool) {
    if is_group {
        // A part of Windows: it walks from a process to those that it has started.
        let mut tree = Command::new("taskkill");
        tree.args(["/T", "/F", "/PID", &child.id().to_string()]);
        let _ = tree.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
    // One that has ended by itself is as well.
    let _ = child.kill();
    let _ = child.try_wait();
}

/// How a shell runs something, for people.
pub(super) const BY_A_SHELL: &str = "cmd /c \"…\"";
