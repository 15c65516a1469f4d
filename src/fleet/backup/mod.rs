//! Backups: a recovery checkpoint, exported, and turned into the point that the next one is relative to.
//!
//! **Knows**: the steps, their order, what each leaves when it fails, and how to take up what a run before this one
//! began. Every step is in the ledger before the host is asked for it.
//!
//! **Promises**: no step is asked for twice unless it is proven that it has not begun; the only checkpoint that is
//! ever removed is the one that this backup took; what remains is named.

mod base;
mod plan;
mod preview;
mod report;
mod step;
mod work;

pub use plan::BackupPlan;
pub use preview::{BackupPreview, CHECKPOINT, PreviewStep, preview_backup};
pub use report::{BackupReport, ConsistencyReport, FileReport, Merge, StepReport};
pub(super) use work::is_about_a_broken_chain;
pub use work::{backup, backup_not_begun};
