//! The commands: one file each, with its arguments and what it does with them.

pub(crate) mod backup;
pub(crate) mod changes;
pub(crate) mod cim;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod fleet;
pub(crate) mod identify;
pub(crate) mod job;
pub(crate) mod lab;
pub(crate) mod point;
pub(crate) mod trust;
pub(crate) mod vm;
