//! What keeps the absence of a job from proving that a call was never carried out.

use std::sync::Mutex;
use std::time::Duration;

use refpoint::fleet::{Event, ExportPlan, News, Outcome, PointChoice, Wanted};
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
