//! Hyper-V in its own words: machines, groups, points, exports, jobs.
//!
//! **Knows**: which classes, keys and methods there are; how to find a machine, a group or a point and when a
//! name is not enough; what an export job says and when it has ended.
//!
//! **Deliberately does not know**: sockets, envelopes, what was done yesterday, how to show anything.
//!
//! **Main types**: [`Machine`], [`Group`], [`Point`], [`Collection`], [`Checkpoint`] are views of what a host
//! says, [`Owner`] and [`Mark`] what machines and groups have in common;
//! [`ExportRequest`] becomes one call; [`Job`] is one look at a job and [`Receipt`] what it wrote.
//!
//! **Promises**: numbers and identifiers decide, texts are only shown; a name that several things have is an
//! error that lists them; both keys of a point are always sent.
//!
//! ```
//! use refpoint::cim::Instance;
//! use refpoint::hyperv::{Directory, DirectoryProblem, Job};
//!
//! // A directory is checked before anything is sent, and the right form is suggested.
//! let error = Directory::parse("D:/exports/web01").unwrap_err();
//! assert_eq!(error.problem, DirectoryProblem::ForwardSlashes);
//! assert_eq!(error.suggestion.as_deref(), Some(r"D:\exports\web01"));
//!
//! // 100 percent is no end, and neither is state 7 with an error code a good one.
//! let job = Instance::new("Msvm_VirtualSystemReferencePointExportJob")
//!     .with("InstanceID", "C2A6E3F9-417A-4DB5-AE38-9F70B2D3C415")
//!     .with("JobState", 7u16)
//!     .with("ErrorCode", 32768u16)
//!     .with("PercentComplete", 100u16);
//! let job = Job::read(&job)?;
//! assert_eq!(job.treatment(), refpoint::client::codes::Treatment::Failed);
//! # Ok::<(), refpoint::hyperv::Error>(())
//! ```

mod changes;
mod checkpoint;
mod create;
mod directory;
mod error;
mod export;
mod group;
mod guid;
mod host;
mod job;
mod machine;
mod owner;
mod point;
mod receipt;
mod selector;
mod upkeep;
mod volume;

pub use changes::{Changes, Disk, tracking_of};
pub use checkpoint::Checkpoint;
pub use create::{Consistency, RCT_NUMBERS, is_as_asked};
pub use directory::{Directory, DirectoryError, DirectoryProblem, Place};
pub use error::{Candidate, Error};
pub use export::{
    COLLECTION_SETTINGS, ExportRequest, Exported, METHOD, POINT_SETTINGS, base_of, machines_of,
};
pub use group::{Collection, Group};
pub use guid::{Guid, NoGuid};
pub use host::{Begun, Host, JobError, JobList, Jobs, SERVICES, advice, meaning};
pub use job::{EXPORT_JOBS, ExportFacts, Job};
pub use machine::{Busy, Machine};
pub use owner::{Mark, Owner};
pub use point::{Point, PointType, is_same_disk};
pub use receipt::{ExportedDisk, Receipt};
pub use selector::Selector;
pub use upkeep::Made;
pub use volume::{Contents, Seen, Written};

// What callers need of the rooms below, so that nobody above has to look into them.
pub use crate::cim::{Instance, ObjectPath};
