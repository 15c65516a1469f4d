//! What we did and what we own, on disk before it counts.
//!
//! **Knows**: exports from intent to end, with the stage each has certainly reached; points that we made or
//! adopted, with the time that hosts do not keep; runs with their hosts and units; one SQLite file (WAL, `synchronous=FULL`), and which other
//! process is at work on which export.
//!
//! **Deliberately does not know**: hosts, sessions, what a receipt looks like (a text), when to try again.
//! Functions take and return values, no SQL leaves the room, and time is an argument.
//!
//! **Main types**: [`Ledger`]; [`Intent`] goes in, [`Claim`] comes out, held by nobody else while it lives;
//! [`Export`] is what is written of one; [`Point`] is one that we own.
//!
//! **Promises**: what a function has returned from survives a crash of the process and of the machine. The
//! intent is there before [`Stage::Sent`], so whoever finds [`Stage::Intended`] knows that nothing was asked of
//! the host; whoever finds [`Stage::Sent`] knows that nobody knows. Two processes never hold one claim.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use refpoint::ledger::{Claimed, End, Intent, Kind, Ledger, Stage, Subject};
//!
//! # let folder = std::env::temp_dir().join(format!("refpoint-doc-ledger-{}", std::process::id()));
//! let mut ledger = Ledger::open(folder.join("ledger.db"))?;
//! let intent = Intent {
//!     host: "HV01".to_owned(),
//!     subject: Subject { kind: Kind::Vm, id: "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91".to_owned(), name: "web01".to_owned() },
//!     point: "Microsoft:A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3".to_owned(),
//!     base: None,
//!     disks: Vec::new(),
//!     directory: r"D:\exports\web01".to_owned(),
//!     details: String::new(),
//! };
//! let at = |second| UNIX_EPOCH + Duration::from_secs(second);
//! let claim = ledger.claim(&intent, at(0))?.into_claim();
//! ledger.sent(&claim, at(1), None)?;
//! drop(claim); // as if the process had ended here
//!
//! // Whoever wants the same finds it, and how far it has certainly come.
//! let Claimed::Found(claim, export) = ledger.claim(&intent, at(2))? else { panic!("it is there") };
//! assert_eq!(export.stage, Stage::Sent);
//! ledger.ended(&claim, at(3), &End { outcome: "completed", sound: true, receipt: None })?;
//! assert!(matches!(ledger.claim(&intent, at(4))?, Claimed::Fresh(_)));
//! # std::fs::remove_dir_all(folder).unwrap();
//! # Ok::<(), refpoint::ledger::Error>(())
//! ```

mod backup;
mod claim;
mod error;
mod export;
mod hold;
mod known;
mod making;
mod point;
mod run;
mod runs;
mod schema;
mod store;
mod time;

pub use backup::{Backup, BackupEnd, NewBackup, NewStep, Step, StepEnd, StepKind};
pub use claim::{Claim, Claimed};
pub use error::Error;
pub use export::{End, Export, Intent, Kind, Stage, Subject};
pub use hold::Hold;
pub use making::{Making, NewMaking};
pub use point::{Newest, Origin, Point};
pub use run::{HostStage, NewRun, NewUnit, Run, RunHost, Unit, UnitStage};
pub use store::{Ledger, Write};
