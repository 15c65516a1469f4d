use std::time::Duration;

use refpoint::fleet::{ExportPlan, Kind, News, Outcome, Reason, Wish};
use refpoint::hyperv::Directory;

use crate::support::{Yard, plan};

#[tokio::test(start_paused = true)]
async fn the_same_command_follows_what_an_earlier_one_has_left_running() {
    let yard = Yard::new("");
    let first = yard.export_with(&plan(), Some(Duration::from_secs(2)), |_, _| ()).await.report;
    assert_eq!((first.outcome, first.exit_code()), (Outcome::Detached, 8), "{first:#?}");
    let second = yard.export(&plan()).await;
    assert_eq!(second.report.outcome, Outcome::Completed, "{:#?}", second.report);
    assert!(second.names().contains(&"adopted".to_owned()));
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_leaves_the_job() {
    let yard = Yard::new("");
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::JobStarted { .. }) {
                wishes.send_replace(Wish::Detach(Reason::Interrupt));
            }
        })
        .await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Detached, 130));
    assert_eq!(yard.export(&plan()).await.report.outcome, Outcome::Completed);
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_is_cancelled_and_followed_to_its_end() {
    let yard = Yard::new("");
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::Progress { .. }) {
                wishes.send_replace(Wish::Cancel);
            }
        })
        .await;
    let error = told.report.error.as_ref().unwrap();
    assert_eq!((told.report.outcome, error.kind, error.exit_code), (Outcome::Cancelled, Kind::Cancelled, 7));
}

/// A host that is short of something when it is asked to end a job is asked again at the next look.
#[tokio::test(start_paused = true)]
async fn a_cancel_that_did_not_come_through_is_asked_for_again() {
    let yard = Yard::new(
        "[speed]\nexport = { seconds = 600 }\n[[fault]]\nwhat = \"internal-error\"\n\
         when = { method = \"RequestStateChange\" }\ntimes = 3\n",
    );
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::JobStarted { .. }) {
                wishes.send_replace(Wish::Cancel);
            }
        })
        .await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Cancelled, 7), "{:#?}", told.report);
    assert_eq!(yard.calls("RequestStateChange"), 4);
    let told = told.events.iter().filter(
        |event| matches!(&event.what, News::Warning { message } if message.contains("was not cancelled")),
    );
    assert_eq!(told.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_looked_for_and_not_asked_for_again() {
    let yard = Yard::new(
        "[[fault]]\nwhat = \"lost-response\"\nwhen = { method = \"ExportReferencePoint\" }\ntimes = 1\n",
    );
    let told = yard.export(&plan()).await;
    assert_eq!(told.report.outcome, Outcome::Completed, "{:#?}", told.report);
    assert!(told.names().contains(&"adopted".to_owned()), "{:?}", told.names());
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_vanishes_is_unknown_until_a_person_says_otherwise() {
    let yard = Yard::new("[[fault]]\nwhat = \"vanish-jobs\"\nwhen = { after = 3 }\ntimes = 1\n");
    let told = yard.export(&plan()).await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Unknown, 12), "{:#?}", told.report);
    let again = yard.export(&plan()).await.report;
    assert_eq!((again.outcome, again.exit_code()), (Outcome::Unknown, 12), "{again:#?}");
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_spelling_of_the_directory_begins_nothing_anew() {
    let yard = Yard::new("[questions]\nexisting = \"overwrite\"\n");
    let first = yard.export_with(&plan(), Some(Duration::from_secs(2)), |_, _| ()).await.report;
    assert_eq!(first.outcome, Outcome::Detached, "{first:#?}");
    let directory = Directory::parse(r"\\?\d:\Exports\DB01\").unwrap();
    let second = yard.export(&ExportPlan { directory, ..plan() }).await.report;
    assert_eq!((second.outcome, second.job.unwrap().id), (Outcome::Completed, first.job.unwrap().id));
    assert_eq!(yard.exports(), 1);
}

/// A call that never arrived is sent again; that it is meant is told once.
#[tokio::test(start_paused = true)]
async fn an_export_that_is_sent_twice_is_one_intent() {
    let yard = Yard::new(
        "[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { method = \"ExportReferencePoint\" }\ntimes = 1\n",
    );
    let told = yard.export(&plan()).await;
    assert_eq!(told.report.outcome, Outcome::Completed, "{:#?}", told.report);
    assert_eq!(told.names().iter().filter(|name| *name == "intent").count(), 1, "{:?}", told.names());
    assert_eq!(yard.exports(), 2);
}

/// Somebody cancels, and the job is done before the host hears of it.
#[tokio::test(start_paused = true)]
async fn a_job_that_is_done_before_its_cancel_reaches_it_is_checked_like_any_other() {
    let yard = Yard::new("[[job]]\nmethod = \"ExportReferencePoint\"\ncancellable = false\n");
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::Progress { .. }) {
                wishes.send_replace(Wish::Cancel);
            }
        })
        .await;
    let report = &told.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Completed, 0), "{report:#?}");
    assert!(!report.warnings.iter().any(|warning| warning.contains("not checked")), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_beside_a_cancel_says_why() {
    let yard = Yard::new(
        "[[job]]\nmethod = \"ExportReferencePoint\"\ncancellable = false\nstate = 10\n\
         [[job.error]]\nhresult = 0x80070070\n",
    );
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::Progress { .. }) {
                wishes.send_replace(Wish::Cancel);
            }
        })
        .await;
    let report = &told.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Failed, 7), "{report:#?}");
    assert_eq!(report.job.as_ref().unwrap().errors.len(), 1, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_receipt_is_looked_after_although_it_was_to_be_cancelled() {
    let yard = Yard::new(
        "[questions]\nexport_job_class = \"concrete\"\n[[job]]\nmethod = \"ExportReferencePoint\"\n\
         cancellable = false\n",
    );
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::Progress { .. }) {
                wishes.send_replace(Wish::Cancel);
            }
        })
        .await;
    assert_eq!(told.report.outcome, Outcome::Completed, "{:#?}", told.report);
}

/// The files are not worth waiting for any more to whoever wants to leave by then.
#[tokio::test(start_paused = true)]
async fn who_leaves_while_the_files_are_checked_leaves() {
    let yard = Yard::new(
        "[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { operation = \"Enumerate\", class = \"CIM_DataFile\" }\n\
         skip = 2\n",
    );
    let told = yard
        .export_with(&plan(), Some(Duration::from_secs(60)), |event, wishes| {
            if matches!(event.what, News::Progress { state: 7, .. }) {
                wishes.send_replace(Wish::Detach(Reason::Interrupt));
            }
        })
        .await;
    assert!(told.report.warnings.iter().any(|warning| warning.contains("no time")), "{:#?}", told.report);
    assert!(told.report.finished_at.duration_since(told.report.started_at).as_secs() < 60);
}
