use refpoint::fleet::{Kind, Outcome};

use crate::support::{DB01, LOG_POINT, RCT_POINT, Yard, plan};

#[tokio::test(start_paused = true)]
async fn an_export_is_followed_to_its_end_and_leaves_a_receipt() {
    let yard = Yard::new("");
    let told = yard.export(&plan()).await;
    let report = &told.report;
    assert_eq!(report.error, None, "{report:#?}");
    assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
    assert_eq!(report.exit_code(), 0);
    assert_eq!(report.machine.as_ref().unwrap().id, DB01);
    assert_eq!(report.return_value.as_ref().unwrap().code, 4096);
    let job = report.job.as_ref().unwrap();
    assert_eq!((job.state, job.percent), (Some(7), Some(100)));
    assert_eq!(job.class, "Msvm_VirtualSystemReferencePointExportJob");
    assert!(!report.receipt.log_files.is_empty() && !report.receipt.config_files.is_empty());
    assert!(report.point.as_ref().unwrap().id.contains(LOG_POINT));
    assert_eq!(yard.exports(), 1);
    let names = told.names();
    let of_interest: Vec<_> = names.iter().filter(|name| *name != "progress" && *name != "warning").collect();
    assert_eq!(of_interest, ["unit-started", "connected", "intent", "job-started", "unit-finished"]);
    assert!(names.iter().filter(|name| *name == "progress").count() > 2, "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn an_rct_point_is_exported_with_a_warning() {
    let yard = Yard::new("");
    let mut plan = plan();
    plan.point = refpoint::fleet::PointChoice::Named(RCT_POINT.to_owned());
    let told = yard.export(&plan).await;
    assert!(told.report.warnings.iter().any(|warning| warning.contains("RCT")), "{:#?}", told.report);
}

#[tokio::test(start_paused = true)]
async fn names_that_nothing_or_several_things_have_are_refused_before_anything_is_sent() {
    let yard = Yard::new("");
    let mut plan = plan();
    plan.point = refpoint::fleet::PointChoice::Only;
    let report = yard.export(&plan).await.report;
    assert_eq!(report.error.as_ref().unwrap().kind, Kind::Ambiguous, "{report:#?}");
    plan.what = refpoint::fleet::Wanted::Machine(refpoint::hyperv::Selector::parse("nobody"));
    let report = yard.export(&plan).await.report;
    let error = report.error.unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::NotFound, 10));
    assert!(error.hint.unwrap().contains("web01"));
    assert_eq!(yard.exports(), 0);
}
