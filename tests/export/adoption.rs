//! Which job of a host is that of a call whose answer is lost, and which is not.

use refpoint::fleet::{
    DiskChoice, ExportPlan, JobEnd, Keeper, Outcome, PointChoice, Surroundings, Wanted, wait_for_job,
};
use refpoint::hyperv::{Directory, Selector};
use refpoint::ledger::Intent;

use crate::support::{Yard, clock, plan};

const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
const WEB01_NEWER: &str = "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304";

fn web01() -> ExportPlan {
    ExportPlan {
        what: Wanted::Machine(Selector::parse("web01")),
        point: PointChoice::Named(WEB01_NEWER.to_owned()),
        directory: Directory::parse(r"D:\exports\web01").unwrap(),
        ..plan()
    }
}

async fn first_disk(yard: &Yard) -> String {
    yard.disks(WEB01_NEWER).await.remove(0)
}

/// Somebody else exported the same to the same share before. That his job ended well says nothing of a call that
/// never arrived.
#[tokio::test(start_paused = true)]
async fn a_job_that_was_there_before_the_call_is_not_that_of_the_call() {
    let yard = Yard::new(
        "[host]\n[[host.share]]\npath = '\\\\nas1\\hv'\n[questions]\nexisting = \"overwrite\"\n\
         [[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { method = \"ExportReferencePoint\" }\nskip = 1\ntimes = 1\n",
    );
    let plan = ExportPlan { directory: Directory::parse(r"\\nas1\hv\db01").unwrap(), ..plan() };
    let theirs = yard.beside().export(&plan).await.report;
    assert!(theirs.job.as_ref().unwrap().state == Some(7), "{theirs:#?}");
    let report = yard.export(&plan).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Unknown, 12), "{report:#?}");
    assert_eq!(report.job, None);
}

#[tokio::test(start_paused = true)]
async fn a_job_with_other_disks_is_not_taken_for_the_one_that_was_asked_for() {
    let yard = Yard::new("");
    let disk = first_disk(&yard).await;
    assert_eq!(yard.beside().export(&web01()).await.report.outcome, Outcome::Completed);
    let plan = ExportPlan { disks: vec![DiskChoice::of_machine(&disk)], ..web01() };
    let point = yard.point(WEB01_NEWER).await;
    let intent = Intent { disks: vec![disk], ..yard.intent(&plan, WEB01, "web01", &point) };
    let mut ledger = yard.ledger();
    let claim = ledger.claim(&intent, clock()).unwrap().into_claim();
    let host = yard.host().await;
    let run = host.service_run().await.unwrap().known().unwrap();
    ledger.sent(&claim, clock(), Some(&format!("run {run}\n"))).unwrap();
    drop((claim, ledger, host));
    let report = yard.export(&plan).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Unknown, 12), "{report:#?}");
    assert!(report.error.unwrap().message.contains("other disks"));
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_export_that_is_taken_up_is_told_with_the_disks_it_was_begun_of() {
    let yard = Yard::new("");
    let disk = first_disk(&yard).await;
    let first = yard.export(&ExportPlan { detach: true, ..web01() }).await.report;
    assert_eq!(first.outcome, Outcome::Detached);
    let plan = ExportPlan { disks: vec![DiskChoice::of_machine(&disk)], ..web01() };
    let report = yard.export(&plan).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::CompletedWithWarnings, 3), "{report:#?}");
    assert!(
        report.warnings.iter().any(|warning| warning.contains("was begun of all disks, not of Microsoft:")),
        "{report:#?}"
    );
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_intent_of_other_disks_that_was_never_sent_gives_way() {
    let yard = Yard::new("");
    let disk = first_disk(&yard).await;
    let point = yard.point(WEB01_NEWER).await;
    let intent = Intent { disks: vec![disk], ..yard.intent(&web01(), WEB01, "web01", &point) };
    drop(yard.ledger().claim(&intent, clock()).unwrap());
    let report = yard.export(&web01()).await.report;
    assert_eq!((report.outcome, report.receipt.disks.len()), (Outcome::Completed, 2), "{report:#?}");
    let exports = [1, 2].map(|id| yard.ledger().export(id).unwrap().unwrap());
    let told = exports.map(|export| (export.disks.len(), export.outcome.unwrap()));
    assert_eq!(told, [(1, "failed".to_owned()), (0, "completed".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_waited_for_is_told_with_the_disks_it_was_begun_of() {
    let yard = Yard::new("");
    let shop = ExportPlan {
        what: Wanted::Group(Selector::parse("shop")),
        point: PointChoice::Named("7F2EAD9C-3041-4C5D-8E6F-B07182930415".to_owned()),
        directory: Directory::parse(r"D:\exports\shop").unwrap(),
        ..plan()
    };
    let disk = first_disk(&yard).await;
    let of_machine = ExportPlan { disks: vec![DiskChoice::of_machine(&disk)], detach: true, ..web01() };
    let of_group = DiskChoice::of_group(&format!("web01:{disk}")).unwrap();
    let of_group = ExportPlan { disks: vec![of_group], detach: true, ..shop };
    for plan in [of_machine, of_group] {
        let job = yard.export(&plan).await.report.job.unwrap();
        let (host, keeper) = (yard.host().await, Keeper::new(yard.ledger()));
        let found = host.jobs().await.unwrap().into_iter().find(|found| found.id == job.id).unwrap();
        let around = Surroundings::new("hv01", &host, &keeper, clock);
        let JobEnd::Export(report) = wait_for_job(&around, &found, None).await.unwrap() else {
            panic!("the ledger knows it")
        };
        assert_eq!((report.outcome, report.receipt.disks.len()), (Outcome::Completed, 1), "{report:#?}");
    }
}

/// Whatever made the host leave out a machine: a group without it is no backup of the group.
#[tokio::test(start_paused = true)]
async fn a_group_of_which_a_machine_is_missing_is_not_completed_and_no_base() {
    let yard = Yard::new("");
    let disks = yard.disks("D3171F20-528B-4EC6-BF49-A081C3E4D526").await;
    let shop = ExportPlan {
        what: Wanted::Group(Selector::parse("shop")),
        point: PointChoice::Named("7F2EAD9C-3041-4C5D-8E6F-B07182930415".to_owned()),
        directory: Directory::parse(r"D:\exports\shop").unwrap(),
        ..plan()
    };
    let whole = ExportPlan { directory: Directory::parse(r"D:\exports\whole").unwrap(), ..shop.clone() };
    assert_eq!(yard.export(&whole).await.report.outcome, Outcome::Completed);
    // What was asked for is the whole group, what the host does is its second machine.
    let of_db01 = DiskChoice::of_group(&format!("db01:{}", disks[0])).unwrap();
    let theirs = ExportPlan { disks: vec![of_db01], detach: true, ..shop.clone() };
    let job = yard.beside().export(&theirs).await.report.job.unwrap();
    let mut ledger = yard.ledger();
    let asked = ledger.export(1).unwrap().unwrap();
    let intent = Intent {
        host: asked.host,
        subject: asked.subject,
        point: asked.point,
        base: None,
        disks: Vec::new(),
        directory: shop.directory.to_string(),
        details: asked.details,
    };
    let claim = ledger.claim(&intent, clock()).unwrap().into_claim();
    ledger.sent(&claim, clock(), asked.witness.as_deref()).unwrap();
    let path = asked.job.unwrap().replace(&ledger_job(&ledger), &job.id);
    ledger.answered(&claim, clock(), Some(4096), Some(&path)).unwrap();
    drop((claim, ledger));
    let report = yard.export(&shop).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::CompletedWithWarnings, 3), "{report:#?}");
    let told = |words: &str| report.warnings.iter().any(|warning| warning.contains(words));
    assert!(told(&format!("machine {WEB01} was to be exported")), "{report:#?}");
    assert!(told("1 configuration files for 2 machines"), "{report:#?}");
    let exports = [1, 2].map(|id| yard.ledger().export(id).unwrap().unwrap().sound);
    assert_eq!(exports, [true, false]);
}

/// The identifier of the job of the first export.
fn ledger_job(ledger: &refpoint::ledger::Ledger) -> String {
    let receipt = ledger.export(1).unwrap().unwrap().receipt.unwrap();
    let report: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    report["job"]["id"].as_str().unwrap().to_owned()
}
