//! What files and processes are on Unix.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// Says whether a file is the end of a pipe.
pub(super) fn is_pipe(facts: &Metadata) -> bool {
    facts.file_type().is_fifo()
}

/// Returns the mode of a file that others may read or write.
pub(super) fn mode_for_others(facts: &Metadata) -> Option<u32> {
    let mode = facts.permissions().mode() & 0o777;
    (facts.is_file() && mode & 0o077 != 0).then_some(mode)
}

/// Has a command be a group of its own, with what it starts.
pub(super) fn be_a_group(command: &mut Command) {
    command.process_group(0);
}

/// Ends a command that was not waited for, and with its group what it has started.
pub(super) fn end(child: &mut Child, is_group: bool) {
    let id = Pid::from_child(child);
    // One that has ended by itself is as well.
    let _ = if is_group { kill_process_group(id, Signal::KILL) } else { kill_process(id, Signal::KILL) };
    let _ = child.try_wait();
}

/// How a shell runs something, for people.
pub(super) const BY_A_SHELL: &str = "sh -c '…'";
