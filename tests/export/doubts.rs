//! What keeps the absence of a job from proving that a call was never carried out.

use std::sync::Mutex;
use std::time::Duration;

use refpoint::fleet::{Event, ExportPlan, News, Outcome, PointChoice, Reason, Wanted, Wish};
use refpoint::hyperv::{Directory, Selector};

use crate::support::{Yard, plan};

const LOST: &str = "[[fault]]\nwhat = \"stall\"\nside = \"request\"\n\
                    when = { method = \"ExportReferencePoint\" }\ntimes = 1\n";

fn shop() -> ExportPlan {
    ExportPlan {
        what: Wanted::Group(Selector::parse("shop")),
        point: PointChoice::Named("7F2EAD9C-3041-4C5D-8E6F-B07182930415".to_owned()),
        directory: Directory::parse(r"D:\exports\shop").unwrap(),
        ..plan()
    }
}

/// Has somebody else export something as soon as our answer is lost.
fn somebody(yard: &Yard, theirs: ExportPlan) -> impl Fn(&Event) + Send + Sync {
    let somebody = Mutex::new(Some((yard.beside(), theirs)));
    move |event| {
        if matches!(&event.what, News::Warning { message } if message.contains("the answer is lost"))
            && let Some((somebody, theirs)) = somebody.lock().unwrap().take()
        {
            tokio::spawn(async move {
                let report = somebody.export(&theirs).await.report;
                assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
            });
        }
    }
}

/// What counts is how long the host was given by whoever asked, not by whoever looks.
#[tokio::test(start_paused = true)]
async fn a_host_that_was_given_a_minute_is_not_asked_again_after_seconds() {
    let yard = Yard::new("[[job]]\nmethod = \"ExportReferencePoint\"\nbegins_after = 30\ntimes = 1\n");
    let first = yard.export_for(&plan(), Duration::from_secs(5), Duration::from_secs(60)).await;
    assert_eq!((first, yard.exports()), (None, 1));
    let hour = Duration::from_secs(3600);
    let second = yard.export_for(&plan(), hour, Duration::from_secs(2)).await.unwrap();
    assert_eq!((second.outcome, yard.exports()), (Outcome::Completed, 1), "{second:#?}");
}

/// The job that exports it may be one of the group that does not show yet.
#[tokio::test(start_paused = true)]
async fn a_group_of_which_a_machine_is_being_exported_may_be_exported_itself() {
    let yard = Yard::new(&format!("{LOST}[speed]\nexport = {{ seconds = 200 }}\n"));
    let begin = somebody(&yard, ExportPlan { directory: Directory::parse(r"D:\theirs").unwrap(), ..plan() });
    let report = yard.export_with(&shop(), None, |event, _| begin(event)).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Unknown, 12), "{report:#?}");
    assert!(report.error.unwrap().message.contains("is being exported"));
    assert_eq!(yard.exports(), 2);
}

/// Two names of one folder are two directories to whoever looks from outside.
#[tokio::test(start_paused = true)]
async fn a_new_job_of_the_same_point_to_another_directory_is_a_doubt() {
    let yard = Yard::new(LOST);
    let begin = somebody(&yard, ExportPlan { directory: Directory::parse(r"D:\theirs").unwrap(), ..plan() });
    let report = yard.export_with(&plan(), None, |event, _| begin(event)).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Unknown, 12), "{report:#?}");
    assert!(report.error.unwrap().message.contains("a job exports the same"));
    assert_eq!(yard.exports(), 2);
}

/// A host that does not answer is left when the time is over, or when somebody leaves, and is looked at by the same
/// command later: the call may have been carried out.
#[tokio::test(start_paused = true)]
async fn who_leaves_before_the_answer_says_so_and_the_same_command_looks() {
    let deadline = Some(Duration::from_secs(20));
    for (wish, deadline, exit, took) in [
        (None, deadline, 8, 20),
        (Some(Wish::Detach(Reason::Interrupt)), None, 130, 5),
        (Some(Wish::Detach(Reason::Terminate)), None, 143, 5),
        (Some(Wish::Detach(Reason::Interrupt)), Some(Duration::from_secs(3)), 130, 3),
        (Some(Wish::Cancel), None, 130, 5),
    ] {
        for lost in ["side = \"reply\"", "side = \"request\""] {
            let yard = Yard::new(&LOST.replace("side = \"request\"", lost));
            let told = yard
                .export_with(&plan(), deadline, |event, wishes| {
                    if let (News::Intent { .. }, Some(wish)) = (&event.what, wish) {
                        wishes.send_replace(wish);
                    }
                })
                .await;
            let report = told.report;
            let error = report.error.as_ref().unwrap();
            assert_eq!((report.outcome, error.exit_code), (Outcome::Detached, exit), "{report:#?}");
            assert!(error.hint.as_ref().unwrap().contains("the same command again looks"), "{report:#?}");
            assert_eq!(report.finished_at.duration_since(report.started_at).as_secs(), took, "{report:#?}");
            assert_eq!((yard.exports(), yard.ledger().open_exports(None).unwrap().len()), (1, 1));
            let report = yard.export(&plan()).await.report;
            assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
            assert_eq!(yard.exports(), if lost.contains("request") { 2 } else { 1 });
        }
    }
}

/// The same while its job is looked for.
#[tokio::test(start_paused = true)]
async fn who_leaves_while_a_lost_call_is_looked_for_leaves_it_open() {
    for (wish, exit) in [(None, 8), (Some(Wish::Detach(Reason::Interrupt)), 130)] {
        let yard = Yard::new(LOST);
        let deadline = wish.is_none().then(|| Duration::from_secs(90));
        let told = yard
            .export_with(&plan(), deadline, |event, wishes| {
                if let (News::Warning { message }, Some(wish)) = (&event.what, wish)
                    && message.contains("the answer is lost")
                {
                    wishes.send_replace(wish);
                }
            })
            .await;
        assert_eq!(
            (told.report.outcome, told.report.exit_code()),
            (Outcome::Detached, exit),
            "{:#?}",
            told.report
        );
        let again = yard.export_with(&plan(), Some(Duration::from_secs(5)), |_, _| ()).await.report;
        assert_eq!((again.outcome, again.exit_code()), (Outcome::Detached, 8), "{again:#?}");
        assert_eq!((yard.exports(), yard.ledger().open_exports(None).unwrap().len()), (1, 1));
    }
}
