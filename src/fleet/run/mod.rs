//! Runs: many exports on many hosts, in the order and at the pace that a plan says.

mod plan;
mod report;
mod template;
mod window;

pub use plan::{BrokenChain, ExportRule, Limits, PlanError, PointPolicy, Retries, RunPlan, Stop};
pub use report::{HostReport, HostState, RunReport, RunState, Totals, UnitReport, UnitState};
pub use template::{Names, Template, TemplateError};
pub use window::{Window, WindowError};
