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
//! ```
//! use std::sync::Arc;
//! use std::time::SystemTime;
//!
//! use refpoint::client::{Credentials, Login, Options, Session, Target};
//! use refpoint::fleet::{ExportPlan, Keeper, PointChoice, Surroundings, Wanted, export};
//! use refpoint::hyperv::{Directory, Host, Selector};
//! use refpoint::lab::{Channel, Hosts, Scenario, serve_stream};
//! # use refpoint::{client::{Connection, Dial}, lab};
//! # // The clock is paused, and the host is simulated, on a stream in memory.
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("refpoint-doc-fleet-{}", std::process::id()));
//! # let mut options = lab::Options::new(Scenario::default());
//! # options.password = Some("Swordfish-7391".to_owned().into());
//! # let hosts = Hosts::new(options)?;
//! # let dial = Dial::new(move |endpoint, options| {
//! #     let hosts = hosts.clone();
//! #     async move {
//! #         let (near, far) = tokio::io::duplex(64 << 10);
//! #         tokio::spawn(serve_stream(hosts, 0, far, Channel::Http));
//! #         Connection::over(near, &endpoint, options).await
//! #     }
//! # });
//! let login = Login::new(Credentials::password(r"LAB\operator", "Swordfish-7391"));
//! let target = Target::new("hv01".parse()?, Options::new(login));
//! # let session = Session::with(Arc::new(target), dial).await?;
//! # let _ = "
//! let session = Session::open(Arc::new(target)).await?;
//! # ";
//! let host = Host::new(session);
//! let keeper = Keeper::new(refpoint::ledger::Ledger::open(folder.join("ledger.db"))?);
//! let plan = ExportPlan::new(
//!     Wanted::Machine(Selector::parse("db01")),
//!     PointChoice::Named("E4282031-639C-4FD7-8059-B192D4F5E637".to_owned()),
//!     Directory::parse(r"D:\exports\db01")?,
//! );
//! let report = export(&Surroundings::new("hv01", &host, &keeper, SystemTime::now), &plan).await;
//! assert_eq!((report.outcome.name(), report.exit_code()), ("completed", 0));
//! assert!(report.receipt.log_files[0].starts_with(r"D:\exports\db01"));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! **Promises**: no host is asked twice for what it may have begun, unless it is proven that it has not. What
//! cannot be known is [`Outcome::Unknown`], and stays open in the ledger.

mod adoption;
mod backup;
mod draft;
mod event;
mod failure;
mod follow;
mod history;
pub mod inventory;
mod job;
mod judge;
mod keeper;
mod look;
mod make;
mod marks;
mod patience;
mod plan;
mod points;
mod preflight;
mod preview;
mod prune;
mod record;
mod report;
mod resolve;
mod retain;
mod run;
mod tend;
mod unit;
mod verdict;
mod witness;

pub use backup::{
    BackupPlan, BackupPreview, BackupReport, CHECKPOINT, ConsistencyReport, FileReport, Merge, PreviewStep,
    StepReport, backup, backup_not_begun, preview_backup,
};
pub use event::{Event, News};
pub use follow::{Control, Reason, Wish};
pub use history::{Happening, chain_in, history};
pub use job::{JobEnd, recorded_job, wait_for_job};
pub use keeper::Keeper;
pub use make::{Sort, create_mark, create_point};
pub use marks::OwnedMark;
pub use plan::{BaseChoice, DiskChoice, ExportPlan, PointChoice, Wanted};
pub use points::{Owned, adopt_mark, adopt_point};
pub use preview::{Preview, preview};
pub use prune::{OwnerReport, PointFate, PruneOrder, PruneReport, prune};
pub use report::{
    DiskReport, ErrorReport, Failure, JobReport, Kind, Named, Number, Outcome, PointReport, ReceiptReport,
    Report,
};
pub use resolve::{Resolved, resolve};
pub use retain::{Chain, Fate, Link, Policy, retain};
pub use run::{
    BackupRule, BrokenChain, CreateRule, Deed, Ending, ExportRule, Extent, Hidden, HostForecast, HostReport,
    HostState, Limits, Moment, Names, Notify, Opener, Opening, Ping, PingMethod, PingStyle, PlanError,
    PointPolicy, Retries, Rule, RunDetails, RunOrder, RunPlan, RunReport, RunState, RunSurroundings, Stop,
    Template, TemplateError, Totals, UnitForecast, UnitReport, UnitState, UpkeepReport, Webhook, Window,
    WindowError, begin_run, find_run, foresee, named_and_missing, outstanding, report_of, work_on,
};
pub use tend::{Tended, Uses, destroy_mark, discard_mark, find_mark, import_points, uses_of};
pub use unit::{Surroundings, export, not_begun};
