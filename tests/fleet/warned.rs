//! What was done with a warning is done, and the warning is not lost, whoever writes it down.

use std::time::Duration;

use refpoint::fleet::{Outcome, RunState};

use crate::support::{How, Yard};

const WARNED: &str = "[[job]]\nmethod = 'CreateReferencePoint'\nstate = 32768\nerror_code = 0\n\
                      [[job.error]]\nmessage = 'one writer did not answer'\n";

const MADE_AND_EXPORTED: &str = "name = 'points'\n[[create]]\nmachines = ['db01']\n[[export]]\nmachines = ['db01']\n\
                                 point = 'latest'\nto = 'D:\\exports\\{vm}\\{run}'\n";

const EXPORTED_NEW: &str =
    "name = 'points'\n[[export]]\nmachines = ['db01']\nto = 'D:\\exports\\{vm}\\{run}'\n";

#[tokio::test(start_paused = true)]
async fn a_point_that_was_made_with_warnings_says_so_and_is_exported() {
    let yard = Yard::new(1, WARNED);
    let told = yard.run(MADE_AND_EXPORTED).await;
    let report = told.report();
    assert_eq!(report.exit_code, Some(3), "{report:#?}");
    assert_eq!((report.totals.completed_with_warnings, report.totals.completed), (1, 1), "{report:#?}");
    let created = report.units.iter().find(|unit| unit.verb == "create").unwrap();
    assert_eq!(created.outcome(), Some(Outcome::CompletedWithWarnings));
    let warnings = created.warnings();
    assert!(matches!(warnings, [one] if one.contains("one writer did not answer")), "{warnings:?}");
    let exported = report.units.iter().find(|unit| unit.verb == "export").unwrap();
    assert_eq!(exported.outcome(), Some(Outcome::Completed), "{exported:#?}");
    assert_eq!(yard.calls("ExportReferencePoint"), 1);
    // So does what is read from the ledger.
    let read = yard.report().await;
    assert_eq!((read.totals.completed_with_warnings, read.exit_code), (1, Some(3)));
    assert_eq!(read.units, report.units);
}

#[tokio::test(start_paused = true)]
async fn an_export_of_a_new_point_carries_what_its_making_warned_of() {
    let yard = Yard::new(1, WARNED);
    let told = yard.run(EXPORTED_NEW).await;
    let unit = &told.report().units[0];
    assert_eq!(unit.outcome(), Some(Outcome::CompletedWithWarnings), "{unit:#?}");
    assert!(unit.warnings().iter().any(|text| text.contains("one writer did not answer")), "{unit:#?}");
    assert_eq!(told.report().exit_code, Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_not_lost_whenever_the_run_is_cut_off() {
    for plan in [MADE_AND_EXPORTED, EXPORTED_NEW] {
        for fifths in 0..35 {
            let yard = Yard::new(1, WARNED);
            let patience = Some(Duration::from_millis(fifths * 200 + 7));
            let mut told = yard.run_with(plan, How { patience, ..How::default() }).await;
            if !told.report.as_ref().is_ok_and(|report| report.state == RunState::Finished) {
                told = yard.resume(How::default()).await;
            }
            let report = told.report();
            assert_eq!(
                (report.state, report.exit_code),
                (RunState::Finished, Some(3)),
                "{fifths} {report:#?}"
            );
            assert_eq!(report.totals.completed_with_warnings, 1, "{fifths} {report:#?}");
            let said = report.units.iter().flat_map(|unit| unit.warnings());
            assert_eq!(said.filter(|text| text.contains("one writer")).count(), 1, "{fifths} {report:#?}");
            assert_eq!((yard.calls("CreateReferencePoint"), yard.calls("ExportReferencePoint")), (1, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_point_that_was_let_go_of_with_warnings_says_so() {
    let yard = Yard::new(
        1,
        "[[job]]\nmethod = 'DestroyReferencePoint'\nstate = 32768\nerror_code = 0\n\
         [[job.error]]\nmessage = 'tracking was not switched off'\n",
    );
    let plan =
        "name = 'points'\n[[create]]\nmachines = ['db01']\n[[prune]]\nmachines = ['db01']\nkeep_last = 1\n";
    assert_eq!(yard.run(plan).await.report().exit_code, Some(0));
    tokio::time::advance(Duration::from_secs(86_400)).await;
    let told = yard.run(plan).await;
    let report = told.report();
    assert_eq!(yard.calls("DestroyReferencePoint"), 1, "{report:#?}");
    let pruned = report.units.iter().find(|unit| unit.verb == "prune").unwrap();
    assert_eq!(pruned.outcome(), Some(Outcome::CompletedWithWarnings), "{pruned:#?}");
    assert!(pruned.warnings()[0].contains("tracking was not switched off"), "{pruned:#?}");
}
