//! What people see of a run over many hosts: while it is under way, when it has ended, and the morning after.
//!
//! `live` follows the events of a run; all others are pure functions of a
//! [`RunReport`](refpoint::fleet::RunReport). `standing` and `cause` are the words that they have in common.

pub(crate) mod cause;
mod fit;
pub(crate) mod junit;
pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod picture;
pub(crate) mod standing;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod units;

#[cfg(test)]
#[path = "../../../../tests/views/runs.rs"]
mod runs;
