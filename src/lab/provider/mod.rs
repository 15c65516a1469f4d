//! What Hyper-V does: one file for each kind of object, with how it is rendered and what its methods do.

mod call;
mod checkpoint;
mod collection;
mod export;
pub(super) mod files;
mod group;
mod image;
pub(super) mod job;
mod point;
mod system;
mod windows;

pub(super) use self::call::{Arguments, Call, Code, Returned};
