//! Runs: exports, backups, new points and retention on many hosts, in the order and at the pace that a plan says.

mod act;
mod ending;
mod engine;
mod expand;
mod foresee;
mod governor;
mod notify;
mod plan;
mod report;
mod rule;
mod stop;
mod template;
mod unit;
mod window;
mod write;

pub use ending::{Ending, UpkeepReport};
pub use engine::{Opener, Opening, RunDetails, RunOrder, RunSurroundings, begin_run, outstanding, work_on};
pub use foresee::{HostForecast, UnitForecast, foresee, named_and_missing};
pub use notify::{Extent, Hidden, Moment, Notify, Ping, PingMethod, PingStyle, Webhook};
pub use plan::{BrokenChain, Limits, PlanError, Retries, RunPlan, Stop};
pub use report::{HostReport, HostState, RunReport, RunState, Totals, UnitReport, UnitState};
pub use rule::{BackupRule, CreateRule, Deed, ExportRule, PointPolicy, Rule};
pub use template::{Names, Template, TemplateError};
pub use window::{Window, WindowError};
pub use write::{find_run, report_of};
