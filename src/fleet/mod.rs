//! Exports, begun once and followed to their end, with everything that decides written down first.
//!
//! **Knows**: the order of things (find, look, write down, ask, write down, follow, check, write down); what a
//! lost answer, a restart or an impatient person leaves behind and how it is taken up again; how an export is
//! reported.
//!
//! **Deliberately does not know**: how to log in, what an envelope looks like, how to show anything.
//!
//! **Main types**: an [`ExportPlan`] is what a person asks for; [`export`] does it with a
//! [`Host`](crate::hyperv::Host) and a [`Keeper`] of the ledger, tells of it in [`Event`]s and ends in a
//! [`Report`].
//!
//! **Promises**: no host is asked twice for what it may have begun, unless it is proven that it has not. What
//! cannot be known is [`Outcome::Unknown`], and stays open in the ledger.

mod event;
mod failure;
mod follow;
mod job;
mod keeper;
mod plan;
mod points;
mod preflight;
mod preview;
mod report;
mod resolve;
mod unit;

pub use event::{Event, News};
pub use follow::{Control, Reason, Wish};
pub use job::{JobEnd, wait_for_job};
pub use keeper::Keeper;
pub use plan::{BaseChoice, DiskChoice, ExportPlan, PointChoice, Wanted};
pub use points::{Owned, adopt_point, create_point};
pub use preview::{Preview, preview};
pub use report::{
    DiskReport, ErrorReport, Failure, JobReport, Kind, Named, Number, Outcome, PointReport, ReceiptReport,
    Report,
};
pub use resolve::{Resolved, resolve};
pub use unit::{Surroundings, export, not_begun};
