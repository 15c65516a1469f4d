//! What keeps the absence of a job from proving that a call was never carried out.

use std::sync::Mutex;
use std::time::Duration;

use refpoint::fleet::{Event, ExportPlan, News, Outcome, PointChoice, Reason, Wanted, Wish};
use refpoint::hyperv::{Directory, Selector};

use crate::support::{DB01, LOG_POINT, Yard, clock, plan};

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

/// What a host gave up for want of time may begin whenever it comes to it.
#[tokio::test(start_paused = true)]
async fn a_call_that_the_host_timed_out_is_never_sent_again_by_itself() {
    for after in [90, 200] {
        let yard = Yard::new(&format!(
            "[[job]]\nmethod = \"ExportReferencePoint\"\nbegins_after = {after}\ntimes = 1\n\
             [questions]\nexisting = \"overwrite\"\n"
        ));
        let first = yard.export(&plan()).await.report;
        if after == 90 {
            assert_eq!(first.outcome, Outcome::Completed, "{first:#?}");
        } else {
            assert_eq!((first.outcome, first.exit_code()), (Outcome::Unknown, 12), "{first:#?}");
            assert!(first.error.unwrap().message.contains("had begun with the call"));
            let second = yard.export(&plan()).await.report;
            assert_eq!((second.outcome, second.exit_code()), (Outcome::Unknown, 12), "{second:#?}");
            tokio::time::sleep(Duration::from_secs(100)).await;
            let third = yard.export(&plan()).await.report;
            assert_eq!(third.outcome, Outcome::Completed, "{third:#?}");
        }
        let jobs = yard.host().await.jobs().await.unwrap();
        assert_eq!((jobs.len(), yard.exports()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_host_timed_out_is_sent_again_where_a_person_says_so() {
    let yard = Yard::new("[[job]]\nmethod = \"ExportReferencePoint\"\nfault = \"timed-out\"\ntimes = 1\n");
    let first = yard.export(&plan()).await.report;
    assert_eq!((first.outcome, first.exit_code(), yard.exports()), (Outcome::Unknown, 12, 1), "{first:#?}");
    let again = yard.export(&ExportPlan { retry_unknown: true, ..plan() }).await.report;
    assert_eq!((again.outcome, yard.exports()), (Outcome::Completed, 2), "{again:#?}");
}

/// That nobody could look is no reason to ask once more, whatever a person has allowed.
#[tokio::test(start_paused = true)]
async fn a_look_that_failed_throws_no_running_job_away() {
    for (fault, exit) in [("access-denied", 6), ("quota", 9)] {
        // Of who exports beside us the host's jobs are looked at twice.
        let yard = Yard::new(&format!(
            "[speed]\nexport = {{ seconds = 600 }}\n[[fault]]\nwhat = \"{fault}\"\n\
             when = {{ operation = \"Enumerate\", class = \"CIM_ConcreteJob\" }}\nskip = 2\ntimes = 20\n"
        ));
        let point = yard.point(LOG_POINT).await;
        let intent = yard.intent(&plan(), DB01, "db01", &point);
        let mut ledger = yard.ledger();
        let claim = ledger.claim(&intent, clock()).unwrap().into_claim();
        let run = yard.host().await.service_run().await.unwrap().known().unwrap();
        ledger.sent(&claim, clock(), Some(&format!("run {run}\ntimeout 1000\n"))).unwrap();
        drop((claim, ledger));
        let begun = yard.beside().export(&ExportPlan { detach: true, ..plan() }).await.report;
        assert_eq!(begun.outcome, Outcome::Detached);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let retry = ExportPlan { retry_unknown: true, ..plan() };
        let denied = yard.export(&retry).await.report;
        assert_eq!((denied.outcome, denied.exit_code()), (Outcome::Unknown, exit), "{denied:#?}");
        assert!(denied.error.unwrap().hint.unwrap().contains("the same command looks again"));
        let open = yard.ledger().open_exports(None).unwrap();
        assert_eq!((open.len(), open[0].id), (1, 1), "{open:#?}");
        let mut followed = yard.export(&retry).await.report;
        while followed.exit_code() == exit {
            followed = yard.export(&retry).await.report;
        }
        assert_eq!(followed.outcome, Outcome::Completed, "{followed:#?}");
        assert_eq!((followed.job.unwrap().id, yard.exports()), (begun.job.unwrap().id, 1));
    }
}

/// What is in the way of another try may be the one that nobody can tell the end of.
#[tokio::test(start_paused = true)]
async fn an_unknown_try_is_left_behind_only_where_another_may_begin() {
    let yard = Yard::new("[speed]\nexport = { seconds = 600 }\n");
    let point = yard.point(LOG_POINT).await;
    let mut ledger = yard.ledger();
    let claim = ledger.claim(&yard.intent(&plan(), DB01, "db01", &point), clock()).unwrap().into_claim();
    ledger.sent(&claim, clock(), None).unwrap();
    drop((claim, ledger));
    let elsewhere = ExportPlan { directory: Directory::parse(r"D:\theirs").unwrap(), detach: true, ..plan() };
    assert_eq!(yard.beside().export(&elsewhere).await.report.outcome, Outcome::Detached);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let retry = ExportPlan { retry_unknown: true, ..plan() };
    let told = yard.export(&retry).await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Unknown, 9), "{:#?}", told.report);
    assert!(told.names().contains(&"retry".to_owned()));
    let open = yard.ledger().open_exports(None).unwrap();
    assert_eq!((open.len(), open[0].id, yard.exports()), (1, 1, 1));
    tokio::time::sleep(Duration::from_secs(300)).await;
    let report = yard.export(&retry).await.report;
    assert_eq!((report.outcome, yard.exports()), (Outcome::Completed, 2), "{report:#?}");
}
