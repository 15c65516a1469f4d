//! What we did and what we own, on disk before it counts.
//!
//! **Knows**: exports from intent to end, with the stage each has certainly reached; points that we made or
//! adopted, with the time that hosts do not keep; one SQLite file (WAL, `synchronous=FULL`), and which other
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

mod claim;
mod error;
mod export;
mod point;
mod schema;
mod store;
mod time;

pub use claim::{Claim, Claimed};
pub use error::Error;
pub use export::{End, Export, Intent, Kind, Stage, Subject};
pub use point::{Origin, Point};
pub use store::{Ledger, Write};
