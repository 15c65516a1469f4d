//! A chain that the host has lost, and a process that is ended before all of it is written instead.

use std::collections::BTreeMap;
use std::time::Duration;

use refpoint::fleet::{News, Outcome, RunReport, RunState, Wish};

use crate::support::{How, Yard};

const BACKUPS: &str = "name = 'nightly'\n[[backup]]\nmachines = ['db01']\nbase = 'last-or-none'\nto = 'D:\\backups\\{vm}\\{run}'\n";

const LOST: &str = "[[job]]\nmethod = 'ExportSystemDefinition'\nskip = 1\ntimes = 1\nstate = 10\n\
                    [[job.error]]\nhresult = 0xC03A0030\n";

const EXPORTS: &str = "name = 'nightly'\n[[export]]\nmachines = ['db01']\nbase = 'last-or-none'\nto = 'D:\\exports\\{vm}\\{run}'\n";

const REFUSED: &str = "[[job]]\nmethod = 'ExportReferencePoint'\nskip = 1\ntimes = 1\nreturn_value = 32773\n";

fn is_over(report: &RunReport) -> bool {
    report.state == RunState::Finished
}

/// What the hosts were asked in both nights, whatever came of it.
fn asked(yard: &Yard) -> BTreeMap<&'static str, usize> {
    let methods = [
        "CreateReferencePoint",
        "ExportReferencePoint",
        "CreateSnapshot",
        "ExportSystemDefinition",
        "ConvertToReferencePoint",
        "DestroySnapshot",
    ];
    methods.map(|method| (method, yard.calls(method))).into()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_before_the_full_backup_makes_it_when_it_is_taken_up() {
    let yard = Yard::new(1, LOST);
    assert_eq!(yard.run(BACKUPS).await.report().exit_code, Some(0));
    let stop = How {
        at_event: &|event, wishes| {
            if matches!(event.what, News::Retry { .. }) {
                let _ = wishes.send(Wish::Detach(refpoint::fleet::Reason::Terminate));
            }
        },
        ..How::default()
    };
    let stopped = yard.run_with(BACKUPS, stop).await;
    assert_eq!(stopped.report().state, RunState::Stopped, "{:#?}", stopped.report());
    let told = yard.resume(How::default()).await;
    let unit = &told.report().units[0];
    assert_eq!(unit.outcome(), Some(Outcome::Completed), "{unit:#?}");
    assert!(unit.directory.ends_with("-full") && !unit.directory.ends_with("-full-full"), "{unit:#?}");
    assert!(unit.warnings().iter().any(|text| text.contains("all of it")), "{unit:#?}");
}

#[tokio::test(start_paused = true)]
async fn whenever_a_run_is_cut_off_a_broken_chain_ends_in_one_full_backup_of_the_same_night() {
    let whole = Yard::new(1, LOST);
    whole.run(BACKUPS).await;
    assert!(is_over(whole.run(BACKUPS).await.report()));
    let mut resumed = 0;
    for cut in 0..45 {
        let yard = Yard::new(1, LOST);
        yard.run(BACKUPS).await;
        let patience = Some(Duration::from_millis(cut * 1100 + 13));
        let mut told = yard.run_with(BACKUPS, How { patience, ..How::default() }).await;
        if !told.report.as_ref().is_ok_and(is_over) {
            resumed += 1;
            // And the process that goes on is ended as well.
            let patience = Some(Duration::from_millis(cut * 370 % 3000));
            yard.resume(How { patience, ..How::default() }).await;
            told = yard.resume(How::default()).await;
        }
        let unit = &told.report().units[0];
        assert_eq!(unit.outcome(), Some(Outcome::Completed), "{cut} {unit:#?}");
        let directory = &unit.directory;
        assert!(directory.ends_with("-full") && !directory.ends_with("-full-full"), "{cut} {unit:#?}");
        assert_eq!(asked(&yard), asked(&whole), "{cut}");
        assert_eq!(yard.checkpoints().await, 0, "{cut}");
    }
    assert!(resumed > 20, "{resumed}");
}

#[tokio::test(start_paused = true)]
async fn whenever_a_run_is_cut_off_a_refused_base_is_asked_for_once() {
    let whole = Yard::new(1, REFUSED);
    whole.run(EXPORTS).await;
    let told = whole.run(EXPORTS).await;
    assert_eq!(told.report().totals.completed, 1, "{:#?}", told.report());
    let mut resumed = 0;
    for cut in 0..40 {
        let yard = Yard::new(1, REFUSED);
        yard.run(EXPORTS).await;
        let patience = Some(Duration::from_millis(cut * 1100 + 13));
        let mut told = yard.run_with(EXPORTS, How { patience, ..How::default() }).await;
        if !told.report.as_ref().is_ok_and(is_over) {
            resumed += 1;
            told = yard.resume(How::default()).await;
        }
        let unit = &told.report().units[0];
        assert_eq!(unit.outcome(), Some(Outcome::Completed), "{cut} {unit:#?}");
        assert!(unit.warnings().iter().any(|text| text.contains("all of it")), "{cut} {unit:#?}");
        assert_eq!(asked(&yard), asked(&whole), "{cut}");
    }
    assert!(resumed > 10, "{resumed}");
}
