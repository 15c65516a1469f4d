//! What the ledger has without an end is followed by what it says, and no other job is touched.

use std::time::Duration;

use refpoint::fleet::{BaseChoice, ExportPlan, JobEnd, Outcome, PointChoice, Wanted, Wish};
use refpoint::hyperv::{Directory, Selector};
use refpoint::ledger::{Intent, Subject};

use crate::support::{DB01, LOG_POINT, Yard, clock, plan};

const WEB01_OLDER: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";
const WEB01_NEWER: &str = "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304";

fn web01() -> ExportPlan {
    ExportPlan {
        what: Wanted::Machine(Selector::parse("web01")),
        point: PointChoice::Named(WEB01_NEWER.to_owned()),
        base: BaseChoice::Named(WEB01_OLDER.to_owned()),
        directory: Directory::parse(r"D:\exports\web01").unwrap(),
        ..plan()
    }
}

/// Shares are not looked into, so that one directory is exported to twice.
fn to_share() -> ExportPlan {
    ExportPlan { directory: Directory::parse(r"\\nas1\hv\db01").unwrap(), ..plan() }
}

const SHARE: &str = "[host]\n[[host.share]]\npath = '\\\\nas1\\hv'\n[questions]\nexisting = \"overwrite\"\n";

/// An older job of the same point to the same directory is another job.
#[tokio::test(start_paused = true)]
async fn whoever_names_an_older_job_means_that_one() {
    let yard = Yard::new(&format!(
        "{SHARE}[speed]\nexport = {{ seconds = 30 }}\n\
         [[job]]\nmethod = \"ExportReferencePoint\"\nstate = 10\nduration = 1\ntimes = 1\n",
    ));
    let older = yard.beside().export(&to_share()).await.report;
    assert_eq!(older.outcome, Outcome::Failed, "{older:#?}");
    let older = older.job.unwrap().id;
    let ours = yard.export(&ExportPlan { detach: true, ..to_share() }).await.report.job.unwrap().id;
    for wish in [Wish::GoOn, Wish::Cancel, Wish::Kill] {
        let JobEnd::Other(job, Some(_)) = yard.wait_for(&older, wish).await else {
            panic!("it is none of ours")
        };
        assert_eq!((job.id, job.state), (older.clone(), 10));
    }
    assert_eq!(yard.calls("RequestStateChange"), 0);
    let report = yard.export(&to_share()).await.report;
    assert_eq!((report.exit_code(), report.job.unwrap().id), (0, ours));
}

/// Nor does it become the job of a call whose answer is not known.
#[tokio::test(start_paused = true)]
async fn an_older_job_is_not_that_of_a_call_without_an_answer() {
    let yard = Yard::new(&format!(
        "{SHARE}[[fault]]\nwhat = \"stall\"\nwhen = {{ method = \"ExportReferencePoint\" }}\nskip = 1\ntimes = 1\n",
    ));
    let older = yard.beside().export(&to_share()).await.report.job.unwrap().id;
    let minute = Duration::from_secs(60);
    assert_eq!(yard.export_for(&to_share(), Duration::from_secs(5), minute).await, None);
    let JobEnd::Other(job, None) = yard.wait_for(&older, Wish::GoOn).await else {
        panic!("it was there before")
    };
    assert_eq!((job.id, yard.ledger().open_exports(None).unwrap().len()), (older.clone(), 1));
    // The call's own job is taken for that.
    let jobs = yard.host().await.jobs().await.unwrap();
    let ours = &jobs.iter().find(|job| job.id != older).unwrap().id;
    let JobEnd::Export(report) = yard.wait_for(ours, Wish::GoOn).await else {
        panic!("it is that of the call")
    };
    assert_eq!((report.outcome, &report.job.unwrap().id), (Outcome::Completed, ours));
    let written = yard.ledger().export(1).unwrap().unwrap();
    assert!(written.sound && written.job.unwrap().contains(&**ours));
    assert_eq!(yard.exports(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_export_whose_point_and_base_have_gone_meanwhile_is_followed_and_judged() {
    for by_job in [false, true] {
        let yard = Yard::new("");
        let begun = yard.export(&ExportPlan { detach: true, ..web01() }).await.report;
        assert_eq!(begun.outcome, Outcome::Detached, "{begun:#?}");
        tokio::time::sleep(Duration::from_secs(30)).await;
        yard.destroy("web01", WEB01_OLDER).await;
        yard.destroy("web01", WEB01_NEWER).await;
        let report = match by_job {
            false => yard.export(&web01()).await.report,
            true => match yard.wait_for(&begun.job.as_ref().unwrap().id, Wish::GoOn).await {
                JobEnd::Export(report) => *report,
                JobEnd::Other(..) => panic!("the ledger has it"),
            },
        };
        assert_eq!((report.outcome, report.exit_code()), (Outcome::Completed, 0), "{report:#?}");
        assert_eq!((report.job.unwrap().id, report.machine), (begun.job.unwrap().id, begun.machine));
        assert_eq!(report.base.unwrap().id, begun.base.unwrap().id);
        assert_eq!(
            report.warnings.iter().filter(|told| told.contains("as the ledger has it")).count(),
            usize::from(!by_job)
        );
        assert!(yard.ledger().export(1).unwrap().unwrap().sound);
        assert_eq!(yard.exports(), 1);
        // From then on what is named has to be there.
        assert_eq!(yard.export(&web01()).await.report.exit_code(), 10);
    }
}

/// Settings that a person wrote name disks, and their end is judged by those.
#[tokio::test(start_paused = true)]
async fn a_job_that_is_waited_for_is_judged_by_the_settings_it_was_begun_with() {
    let yard = Yard::new("");
    let disk = yard.disks(WEB01_NEWER).await.remove(1);
    let settings = format!(
        r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY.ARRAY NAME="DisksToExport" TYPE="string"><VALUE.ARRAY><VALUE>{disk}</VALUE></VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>"#
    );
    let begun = ExportPlan { settings: Some(settings), base: BaseChoice::None, detach: true, ..web01() };
    let job = yard.export(&begun).await.report.job.unwrap().id;
    let JobEnd::Export(report) = yard.wait_for(&job, Wish::GoOn).await else { panic!("the ledger has it") };
    assert_eq!((report.outcome, &*report.warnings), (Outcome::Completed, &[][..]), "{report:#?}");
    assert_eq!(report.receipt.disks.iter().map(|disk| &*disk.id).collect::<Vec<_>>(), [&*disk]);
}

/// Somebody gave the machine another name while it was exported.
#[tokio::test(start_paused = true)]
async fn an_export_of_a_machine_that_is_called_otherwise_by_now_is_followed() {
    let yard = Yard::new("");
    let begun = yard.beside().export(&ExportPlan { detach: true, ..plan() }).await.report;
    let subject = Subject { name: "db-old".to_owned(), ..yard.intent(&plan(), DB01, "", LOG_POINT).subject };
    let point = begun.point.as_ref().unwrap().id.clone();
    let intent = Intent { subject, point, ..yard.intent(&plan(), DB01, "", LOG_POINT) };
    let id = begun.job.unwrap().id;
    let path = {
        let host = yard.host().await;
        let jobs = host.jobs().await.unwrap();
        jobs.iter().find(|job| job.id == id).unwrap().path(host.namespace()).to_string()
    };
    let mut ledger = yard.ledger();
    let claim = ledger.claim(&intent, clock()).unwrap().into_claim();
    ledger.sent(&claim, clock(), None).unwrap();
    ledger.answered(&claim, clock(), Some(4096), Some(&path)).unwrap();
    drop((claim, ledger));
    let plan = ExportPlan { what: Wanted::Machine(Selector::parse("db-old")), ..plan() };
    let report = yard.export(&plan).await.report;
    assert_eq!((report.outcome, report.job.unwrap().id), (Outcome::Completed, id));
    assert_eq!(yard.exports(), 1);
}
