//! Runs: many exports on many hosts, in the order and at the pace that a plan says.

mod notify;
mod report;

pub use notify::{Extent, Hidden, Moment, Notify, Ping, PingMethod, PingStyle, Webhook};
pub use report::{HostReport, HostState, RunReport, RunState, Totals, UnitReport, UnitState};
