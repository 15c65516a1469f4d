use std::time::Duration;

use refpoint::fleet::{Event, News, Outcome, RunState};

use crate::ends::NIGHTLY;
use crate::support::{How, Yard};

/// Numbers that look like dice and fall the same way each time.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cut_off_again_and_again_invokes_once_for_each_unit() {
    let mut cuts = 0;
    for seed in 0..25 {
        let mut dice = dice(seed);
        let yard = Yard::new(3, "");
        let patience = |dice: &mut dyn FnMut(u64) -> u64| Some(Duration::from_millis(dice(2500)));
        let how = How { patience: patience(&mut dice), ..How::default() };
        let mut told = yard.run_with(NIGHTLY, how).await;
        for _ in 0..30 {
            if told.report.as_ref().is_ok_and(|report| report.state == RunState::Finished) {
                break;
            }
            cuts += 1;
            let how = How { patience: patience(&mut dice), ..How::default() };
            told = yard.resume(how).await;
        }
        let told = yard.resume(How::default()).await;
        let report = told.report();
        assert_eq!(report.state, RunState::Finished, "{seed} {report:#?}");
        assert_eq!((report.totals.units, report.totals.completed), (6, 6), "{seed} {report:#?}");
        let exports = yard.exports();
        assert_eq!(exports.len(), 6, "{seed} {exports:#?}");
        assert!(exports.values().all(|count| *count == 1), "{seed} {exports:#?}");
        assert!(yard.made().values().all(|count| *count == 1), "{seed} {:#?}", yard.made());
    }
    assert!(cuts > 50, "{cuts}");
}

#[tokio::test(start_paused = true)]
async fn a_run_with_lost_answers_and_a_cut_reports_the_truth() {
    for seed in 0..20 {
        let mut dice = dice(seed);
        let yard = Yard::new(
            3,
            &format!(
                "[[fault]]\nwhat = 'lost-response'\nprobability = 0.04\nseed = {seed}\n[[fault]]\nwhat = 'cut'\nafter_bytes = 40\nprobability = 0.03\nseed = {seed}\n"
            ),
        );
        let how = How { patience: Some(Duration::from_millis(dice(9000))), ..How::default() };
        yard.run_with(NIGHTLY, how).await;
        let mut told = yard.resume(How::default()).await;
        for _ in 0..5 {
            if told.report().totals.completed == 6 {
                break;
            }
            told = yard.resume(How { retry_failed: false, ..How::default() }).await;
        }
        let report = told.report();
        let exports = yard.exports();
        assert!(exports.values().all(|count| *count == 1), "{seed} {exports:#?}");
        let completed = report.units.iter().filter(|unit| {
            matches!(unit.outcome(), Some(Outcome::Completed | Outcome::CompletedWithWarnings))
        });
        for unit in completed {
            let directory = unit.directory.replace('\\', "\\\\");
            let is_there =
                exports.keys().any(|key| key.contains(&directory) || key.contains(&unit.directory));
            assert!(is_there, "{seed} {unit:#?} {exports:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_no_longer_in_the_inventory_is_said_to_be() {
    let yard = Yard::new(2, "");
    yard.run_with(NIGHTLY, How { patience: Some(Duration::ZERO), ..How::default() }).await;
    let yard = yard.thin();
    let told = yard.resume(How::default()).await;
    let report = told.report();
    assert_eq!((report.totals.completed, report.totals.hosts_outstanding), (2, 1), "{report:#?}");
    assert_eq!((report.state, report.exit_code), (RunState::Stopped, Some(1)));
    let is_said = |event: &Event| {
        event.host == "hv02"
            && matches!(&event.what, News::Warning { message } if message.contains("outstanding"))
    };
    assert!(told.events.iter().any(is_said));
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_begun_again_only_when_asked_for() {
    let yard = Yard::new(1, "[[job]]\nmethod = 'ExportReferencePoint'\nstate = 10\ntimes = 1\n");
    let told = yard.run(NIGHTLY).await;
    assert_eq!((told.report().totals.failed, told.report().totals.completed), (1, 1), "{:#?}", told.report());
    let told = yard.resume(How::default()).await;
    assert_eq!((told.count("unit-started"), told.report().totals.failed), (0, 1));
    assert_eq!(told.report().exit_code, Some(7));
    let told = yard.resume(How { retry_failed: true, ..How::default() }).await;
    assert_eq!((told.count("unit-started"), told.report().exit_code), (1, Some(0)), "{:#?}", told.report());
    // What the failed one has left stays where it is, and is not forgotten.
    let again = told.report().units.iter().find(|unit| unit.tries == 2).unwrap();
    assert!(again.directory.ends_with("-2"), "{again:#?}");
    let warnings = &again.export().unwrap().warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains("an earlier try ended as failed")),
        "{warnings:#?}"
    );
}
