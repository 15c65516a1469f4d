//! Hosts that have too much to do: asked again where they have certainly not begun, and not for ever.

use std::sync::Mutex;
use std::time::Duration;

use refpoint::fleet::{ExportPlan, Kind, News, Outcome, PointChoice, Reason, Wanted, Wish};
use refpoint::hyperv::{Directory, Selector};
use refpoint::ledger::{self, Stage};

use crate::support::{DB01, Told, Yard, plan};

fn rule(what: &str) -> Yard {
    Yard::new(&format!("[[job]]\nmethod = \"ExportReferencePoint\"\n{what}\n"))
}

fn shop() -> ExportPlan {
    ExportPlan {
        what: Wanted::Group(Selector::parse("shop")),
        point: PointChoice::Named("7F2EAD9C-3041-4C5D-8E6F-B07182930415".to_owned()),
        directory: Directory::parse(r"D:\exports\shop").unwrap(),
        ..plan()
    }
}

fn retries(told: &Told) -> Vec<(String, f64)> {
    let retry = |event: &refpoint::fleet::Event| match &event.what {
        News::Retry { cause, after, .. } => Some((cause.clone(), *after)),
        _ => None,
    };
    told.events.iter().filter_map(retry).collect()
}

#[tokio::test(start_paused = true)]
async fn what_passes_and_has_begun_nothing_is_asked_for_again() {
    for (what, plan) in [
        ("return_value = 32774", plan()),
        ("return_value = 32775", plan()),
        ("return_value = 32777", plan()),
        ("return_value = 32778", plan()),
        ("return_value = 32771", plan()),
        ("return_value = 5", shop()),
        ("return_value = 32774", shop()),
    ] {
        let yard = rule(&format!("{what}\ntimes = 2"));
        let told = yard.export(&plan).await;
        let report = &told.report;
        assert_eq!((report.outcome, report.exit_code()), (Outcome::Completed, 0), "{what}: {report:#?}");
        assert_eq!(report.return_value.as_ref().unwrap().code, 4096);
        assert_eq!(yard.exports(), 3, "{what}");
        let retries = retries(&told);
        assert_eq!(retries.len(), 2, "{what}: {retries:?}");
        assert!(
            retries[0].0.contains(", try 1 of 5") && retries[1].0.contains(", try 2 of 5"),
            "{retries:?}"
        );
        assert!(retries[0].1 < retries[1].1, "{retries:?}");
        // What was looked at three times is said once.
        let mut warnings = report.warnings.clone();
        warnings.sort();
        warnings.dedup();
        assert_eq!(warnings.len(), report.warnings.len(), "{warnings:#?}");
        let exports = yard.ledger().export(1).unwrap().unwrap();
        assert_eq!((exports.stage, exports.return_value), (Stage::Ended, Some(4096)));
        assert!(yard.ledger().export(2).unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn tries_are_spent_and_counted() {
    for (what, kind, exit) in
        [("return_value = 32774", Kind::Busy, 9), ("return_value = 32775", Kind::Refused, 7)]
    {
        let yard = rule(what);
        let told = yard.export(&plan()).await;
        let error = told.report.error.as_ref().unwrap();
        assert_eq!((told.report.outcome, error.kind, error.exit_code), (Outcome::Failed, kind, exit));
        assert!(error.message.ends_with(", tried 5 times"), "{error:#?}");
        assert_eq!((yard.exports(), retries(&told).len()), (5, 4));
        assert!(told.report.finished_at.duration_since(told.report.started_at).as_secs() < 120);
        let export = yard.ledger().export(1).unwrap().unwrap();
        assert_eq!((export.outcome.as_deref(), export.stage), (Some("failed"), Stage::Ended));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_does_not_pass_is_said_with_its_tries() {
    let yard = rule("fault = \"quota\"");
    let told = yard.export(&plan()).await;
    let error = told.report.error.as_ref().unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::Busy, 9), "{error:#?}");
    assert!(error.message.ends_with(", tried 5 times"), "{error:#?}");
    assert_eq!(retries(&told).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_would_be_refused_again_is_asked_for_once() {
    for code in [1, 32768, 32769, 32770, 32772, 32773, 32776, 12345] {
        let yard = rule(&format!("return_value = {code}"));
        let told = yard.export(&plan()).await;
        assert_eq!((yard.exports(), retries(&told).len()), (1, 0), "{code}");
        assert!(!told.report.error.unwrap().message.contains("tried"), "{code}");
    }
}

/// A host that does not know in which state something is may have begun, and it looks as if.
#[tokio::test(start_paused = true)]
async fn an_unclear_refusal_is_repeated_only_where_nothing_is_seen() {
    let yard = Yard::new(
        "[host]\n[[host.share]]\npath = '\\\\nas1\\hv'\n[[job]]\nmethod = \"ExportReferencePoint\"\nreturn_value = 32771\n",
    );
    let plan = ExportPlan { directory: Directory::parse(r"\\nas1\hv\db01").unwrap(), ..plan() };
    let told = yard.export(&plan).await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Failed, 7), "{:#?}", told.report);
    assert_eq!((yard.exports(), retries(&told).len()), (1, 0));
}

/// Nothing was asked of the host by then: that is no reason to give up sooner.
#[tokio::test(start_paused = true)]
async fn a_machine_that_is_busy_from_the_first_is_waited_for_too() {
    let yard = Yard::new("");
    let first =
        ExportPlan { directory: Directory::parse(r"D:\exports\theirs").unwrap(), detach: true, ..plan() };
    assert_eq!(yard.beside().export(&first).await.report.outcome, Outcome::Detached);
    let told = yard.export(&plan()).await;
    assert_eq!(told.report.outcome, Outcome::Completed, "{:#?}", told.report);
    assert!(retries(&told)[0].0.contains("is exporting"), "{:?}", retries(&told));
    assert_eq!(told.names().iter().filter(|name| *name == "intent").count(), 1);
    assert_eq!(yard.exports(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_stays_busy_is_refused_once_the_tries_or_the_time_are_spent() {
    for (deadline, tries) in [(None, 5), (Some(Duration::from_secs(10)), 3)] {
        let yard = Yard::new("[speed]\nexport = { seconds = 600 }\n");
        let first =
            ExportPlan { directory: Directory::parse(r"D:\exports\theirs").unwrap(), detach: true, ..plan() };
        assert_eq!(yard.beside().export(&first).await.report.outcome, Outcome::Detached);
        let told = yard.export_with(&plan(), deadline, |_, _| ()).await;
        let error = told.report.error.as_ref().unwrap();
        assert_eq!((told.report.outcome, error.kind, error.exit_code), (Outcome::Failed, Kind::Busy, 9));
        assert!(retries(&told).len() < tries && !retries(&told).is_empty(), "{error:#?}");
        assert!(error.message.contains(", tried "), "{error:#?}");
        assert_eq!(yard.exports(), 1);
        assert!(yard.ledger().open_exports(None).unwrap().is_empty());
    }
}

/// While it waits somebody else begins to export the machine: that is one more try, and no other failure.
#[tokio::test(start_paused = true)]
async fn a_machine_that_is_busy_when_it_is_its_turn_again_is_one_more_try() {
    let yard = rule("return_value = 32774\ntimes = 1");
    let somebody = Mutex::new(Some(yard.beside()));
    let told = yard
        .export_with(&plan(), None, |event, _| {
            if matches!(event.what, News::Retry { .. })
                && let Some(somebody) = somebody.lock().unwrap().take()
            {
                tokio::spawn(async move {
                    let directory = Directory::parse(r"D:\exports\theirs").unwrap();
                    let report = somebody.export(&ExportPlan { directory, ..plan() }).await.report;
                    assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
                });
            }
        })
        .await;
    let retries = retries(&told);
    assert_eq!(told.report.outcome, Outcome::Completed, "{:#?}", told.report);
    assert!(retries[0].0.contains("32774") && retries[1].0.contains("is exporting"), "{retries:?}");
    // The refused one, theirs, ours.
    assert_eq!(yard.exports(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_try_is_begun_that_the_deadline_would_cut() {
    let yard = rule("return_value = 32774");
    let told = yard.export_with(&plan(), Some(Duration::from_secs(10)), |_, _| ()).await;
    let error = told.report.error.as_ref().unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::Busy, 9), "{error:#?}");
    assert!(retries(&told).len() < 4, "{error:#?}");
    assert!(told.report.finished_at.duration_since(told.report.started_at).as_secs() < 10);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_in_a_pause_leaves_nothing_behind() {
    for (wish, exit) in
        [(Wish::Detach(Reason::Interrupt), 130), (Wish::Detach(Reason::Terminate), 143), (Wish::Cancel, 130)]
    {
        let yard = rule("return_value = 32774\ntimes = 1");
        let told = yard
            .export_with(&plan(), None, |event, wishes| {
                if matches!(event.what, News::Retry { .. }) {
                    wishes.send_replace(wish);
                }
            })
            .await;
        let error = told.report.error.as_ref().unwrap();
        assert_eq!((told.report.outcome, error.exit_code), (Outcome::Failed, exit), "{error:#?}");
        assert!(error.message.contains("32774"), "{error:#?}");
        assert_eq!(yard.exports(), 1);
        assert!(yard.ledger().open_exports(None).unwrap().is_empty());
        assert_eq!(yard.ledger().exports_of(ledger::Kind::Vm, DB01).unwrap().len(), 1);
        assert_eq!(yard.export(&plan()).await.report.outcome, Outcome::Completed);
    }
}

/// A refusal, then an answer that is lost: what is told of the second try is not what was told of the first.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_after_a_refusal_is_no_refusal() {
    let yard = Yard::new(
        "[[job]]\nmethod = \"ExportReferencePoint\"\nreturn_value = 32774\ntimes = 1\n\
         [[fault]]\nwhat = \"lost-response\"\nwhen = { method = \"ExportReferencePoint\" }\nskip = 1\ntimes = 1\n",
    );
    let report = yard.export(&plan()).await.report;
    assert_eq!((report.outcome, report.return_value), (Outcome::Completed, None));
    assert_eq!(yard.exports(), 2);
}
