//! A run in numbers, for whoever watches: a Prometheus text file, and an endpoint while the run lasts.
//!
//! `figures` is a fold over events and reports; `page` says it in families; `exposition` knows the text format;
//! `file` and `endpoint` bring it out; `meter` holds them together. Nothing here ever fails a run: what goes
//! wrong is a warning, told once.

mod args;
mod endpoint;
mod exposition;
mod figures;
mod file;
mod meter;
mod page;

pub(crate) use meter::Clock;
pub(crate) use {
    args::MetricsArgs,
    figures::Scope,
    meter::{Meter, Subject},
};
