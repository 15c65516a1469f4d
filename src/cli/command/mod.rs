//! The commands: one file each, with its arguments and what it does with them.

pub(crate) mod cim;
pub(crate) mod identify;
pub(crate) mod lab;
