use std::time::Duration;

use super::super::plan::{BaseChoice, Wanted};
use crate::hyperv::{Consistency, Directory};

/// One backup as a person asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupPlan {
    /// The machine or the group.
    pub what: Wanted,
    /// Relative to which point.
    pub base: BaseChoice,
    /// Where the host is to write.
    pub directory: Directory,
    /// How consistent the data is to be.
    pub consistency: Consistency,
    /// Whether data as after a loss of power will do where the applications' own cannot be had.
    pub allow_crash_consistent: bool,
    /// Whether to wait until the disks are merged behind the checkpoint.
    pub wait_for_merge: bool,
    /// A checkpoint that a person says is the one that an earlier run of this has taken.
    pub our_checkpoint: Option<String>,
    /// How often to look at a job; adaptive where it is not said.
    pub poll: Option<Duration>,
}

impl BackupPlan {
    /// Returns the plan of a full backup, consistent as the applications leave it.
    pub fn new(what: Wanted, directory: Directory) -> Self {
        Self {
            what,
            base: BaseChoice::None,
            directory,
            consistency: Consistency::Application,
            allow_crash_consistent: false,
            wait_for_merge: false,
            our_checkpoint: None,
            poll: None,
        }
    }
}
