//! placeholder
use refpoint::fleet::RunReport;
pub(crate) fn document(_report: &RunReport) -> String {
    String::new()
}
