//! Drives that a host does not have.

use refpoint::fleet::{ExportPlan, Kind, Outcome};
use refpoint::hyperv::Directory;

use crate::support::{Yard, plan};

fn to(directory: &str) -> ExportPlan {
    ExportPlan { directory: Directory::parse(directory).unwrap(), ..plan() }
}

#[tokio::test(start_paused = true)]
async fn what_would_go_to_a_drive_that_the_host_does_not_have_is_refused_before_it_is_asked_for() {
    let yard = Yard::new("");
    for directory in [r"Q:\exports\db01", r"Q:\db01", r"\\?\q:\exports\db01"] {
        let report = yard.export(&to(directory)).await.report;
        let error = report.error.as_ref().unwrap();
        assert_eq!((report.outcome, error.kind, error.exit_code), (Outcome::Failed, Kind::NotFound, 10));
        assert!(error.message.to_lowercase().contains("the host has no drive q:"), "{error:?}");
        assert!(error.hint.is_some() && report.job.is_none());
    }
    assert_eq!(yard.exports(), 0);
    // A folder that is not there on a drive that is may be made by the host.
    let report = yard.export(&to(r"D:\not\there\yet")).await.report;
    assert_eq!(yard.exports(), 1, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_see_drives_is_not_told_that_one_is_missing() {
    let closed = "[[fault]]\nwhat = 'access-denied'\nwhen = { class = 'Win32_LogicalDisk' }\n";
    let yard = Yard::new(closed);
    let report = yard.export(&to(r"Q:\exports\db01")).await.report;
    assert_ne!(report.error.as_ref().map(|error| error.kind), Some(Kind::NotFound), "{report:#?}");
    assert_eq!(yard.exports(), 1, "{report:#?}");
}
