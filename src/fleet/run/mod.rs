//! Runs: many exports on many hosts, in the order and at the pace that a plan says.

mod report;

pub use report::{HostReport, HostState, RunReport, RunState, Totals, UnitReport, UnitState};
