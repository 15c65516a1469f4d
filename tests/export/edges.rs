//! What is refused before anything is sent, and what is said of it.

use std::time::Duration;

use refpoint::fleet::{
    BaseChoice, DiskChoice, Event, ExportPlan, Kind, News, Outcome, PointChoice, Wanted, Wish, not_begun,
};
use refpoint::hyperv::{Directory, Selector};
use refpoint::ledger::Intent;

use crate::support::{DB01, LOG_POINT, RCT_POINT, Yard, clock, plan};

const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
const WEB01_OLDER: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";
const WEB01_NEWER: &str = "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304";
const SHOP_OLDER: &str = "6E1D9C8B-2F30-4B4C-9D5E-AF6071829304";
const SHOP_NEWER: &str = "7F2EAD9C-3041-4C5D-8E6F-B07182930415";

fn web01() -> ExportPlan {
    ExportPlan {
        what: Wanted::Machine(Selector::parse("web01")),
        point: PointChoice::Named(WEB01_NEWER.to_owned()),
        directory: Directory::parse(r"D:\exports\web01").unwrap(),
        ..plan()
    }
}

fn shop() -> ExportPlan {
    ExportPlan {
        what: Wanted::Group(Selector::parse("shop")),
        point: PointChoice::Named(SHOP_NEWER.to_owned()),
        directory: Directory::parse(r"D:\exports\shop").unwrap(),
        ..plan()
    }
}

/// web01 with two disks and db01 with one; which of them each point covers a test says.
fn world(points: &str) -> String {
    format!(
        r#"
[[machine]]
id = "{WEB01}"
name = "web01"
[[machine.disk]]
file = 'D:\VMs\web01\os.vhdx'
size = "40GiB"
[[machine.disk]]
file = 'D:\VMs\web01\data.vhdx'
size = "40GiB"
[[machine]]
id = "{DB01}"
name = "db01"
[[machine.disk]]
file = 'D:\VMs\db01\db.vhdx'
size = "40GiB"
[[group]]
id = "5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293"
name = "shop"
members = ["web01", "db01"]
{points}"#
    )
}

const BASE_OF_ONE_DISK: &str = r#"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "web01"
disks = [0]
[[point]]
id = "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"
machine = "web01"
"#;

#[tokio::test(start_paused = true)]
async fn a_base_needs_only_the_disks_that_are_exported() {
    let yard = Yard::new(&world(BASE_OF_ONE_DISK));
    let mut plan = ExportPlan { base: BaseChoice::Named(WEB01_OLDER.to_owned()), ..web01() };
    let error = yard.export(&plan).await.report.error.unwrap();
    assert!(error.message.contains("does not cover"), "{error:#?}");
    let disk = yard.disks(WEB01_NEWER).await.remove(0);
    // The slot's own identifier means the same disk, and twice the same disk is one disk.
    let slot = disk.replace(r"\L", r"\D");
    plan.disks = vec![DiskChoice::of_machine(&slot), DiskChoice::of_machine(&disk)];
    let report = yard.export(&plan).await.report;
    assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
    assert_eq!(report.receipt.disks.iter().map(|disk| &disk.id).collect::<Vec<_>>(), [&disk]);
}

#[tokio::test(start_paused = true)]
async fn a_group_is_exported_relative_to_a_collection_with_all_its_machines_only() {
    let points = r#"
[[point]]
id = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"
machine = "web01"
[[point]]
id = "B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"
machine = "web01"
[[point]]
id = "D3171F20-528B-4EC6-BF49-A081C3E4D526"
machine = "db01"
[[collection]]
id = "6E1D9C8B-2F30-4B4C-9D5E-AF6071829304"
group = "shop"
name = "before db01 came"
points = ["A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3"]
[[collection]]
id = "7F2EAD9C-3041-4C5D-8E6F-B07182930415"
group = "shop"
name = "with db01"
points = ["B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304", "D3171F20-528B-4EC6-BF49-A081C3E4D526"]
"#;
    let yard = Yard::new(&world(points));
    let plan = ExportPlan { base: BaseChoice::Named(SHOP_OLDER.to_owned()), ..shop() };
    let error = yard.export(&plan).await.report.error.unwrap();
    assert_eq!(error.kind, Kind::Usage);
    assert!(error.message.contains(&format!("no point of machine {DB01}")), "{error:#?}");
    assert_eq!(yard.exports(), 0);
}

#[tokio::test(start_paused = true)]
async fn disks_of_a_group_are_those_that_its_points_cover() {
    let yard = Yard::new("");
    let mut plan = shop();
    plan.disks = vec![DiskChoice::of_group(r"db01:Microsoft:no\such\disk").unwrap()];
    let error = yard.export(&plan).await.report.error.unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::NotFound, 10), "{error:#?}");
    assert!(error.hint.unwrap().contains("it covers Microsoft:"));
    assert_eq!(yard.exports(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_group_goes_out_relative_to_its_older_collection() {
    let yard = Yard::new("");
    let plan = ExportPlan { base: BaseChoice::Named(SHOP_OLDER.to_owned()), ..shop() };
    let report = yard.export(&plan).await.report;
    assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
    assert_eq!(report.base.unwrap().id, SHOP_OLDER);
    assert_eq!(report.receipt.config_files.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_exported_with_its_group_is_not_exported_beside_it() {
    // For longer than anybody waits.
    let yard = Yard::new("[speed]\nexport = { seconds = 600 }\n");
    let first = yard.export_with(&shop(), Some(Duration::from_secs(2)), |_, _| ()).await.report;
    assert_eq!(first.outcome, Outcome::Detached, "{first:#?}");
    let error = yard.export(&web01()).await.report.error.unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::Busy, 9), "{error:#?}");
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_without_a_number_is_not_said_to_need_nothing() {
    let yard = Yard::new("[[job]]\nmethod = \"ExportReferencePoint\"\nstate = 10\nerror_code = 0\n");
    let report = yard.export(&plan()).await.report;
    let error = report.error.as_ref().unwrap();
    assert_eq!((report.outcome, error.exit_code), (Outcome::Failed, 7));
    let hint = error.hint.as_ref().unwrap();
    assert!(!hint.contains("Nothing to do") && hint.contains("mend the cause"), "{report:#?}");
    assert!(!error.message.trim_end().ends_with(':'), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn the_next_step_follows_from_the_number_in_a_sentence_of_any_language() {
    let yard = Yard::new(
        "[host]\nlocale = \"ja-JP\"\n[[job]]\nmethod = \"ExportReferencePoint\"\nstate = 10\n\
         [[job.error]]\nhresult = 0x80070070\n",
    );
    let error = yard.export(&plan()).await.report.error.unwrap();
    let full = refpoint::client::codes::of_fault(0x8007_0070).unwrap().advice;
    assert_eq!(error.hint.as_deref(), Some(full), "{error:#?}");
}

#[tokio::test(start_paused = true)]
async fn warnings_of_a_job_are_told_even_where_it_has_no_words_for_them() {
    let yard = Yard::new("[[job]]\nmethod = \"ExportReferencePoint\"\nstate = 32768\nerror_code = 0\n");
    let report = yard.export(&plan()).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::CompletedWithWarnings, 3));
    let told = |warning: &String| warning.contains("with warnings and does not say which");
    assert!(report.warnings.iter().any(told), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_older_host_whose_job_has_no_receipt_is_believed_when_files_are_there() {
    let yard = Yard::new("[questions]\nexport_job_class = \"concrete\"\n");
    let report = yard.export(&plan()).await.report;
    assert_eq!(report.job.as_ref().unwrap().class, "Msvm_ConcreteJob");
    assert_eq!((report.outcome, report.error), (Outcome::Completed, None));
    assert_eq!(report.receipt, refpoint::fleet::ReceiptReport::default());
}

#[tokio::test(start_paused = true)]
async fn another_base_than_the_one_asked_for_is_told_where_there_is_no_receipt_too() {
    let yard = Yard::new("[questions]\nexport_job_class = \"concrete\"\n");
    let begun = ExportPlan { base: BaseChoice::Named(WEB01_OLDER.to_owned()), detach: true, ..web01() };
    assert_eq!(yard.export(&begun).await.report.outcome, Outcome::Detached);
    let report = yard.export(&web01()).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::CompletedWithWarnings, 3), "{report:#?}");
    assert!(report.warnings.iter().any(|warning| warning.contains("was begun relative to")), "{report:#?}");
    assert_eq!(yard.exports(), 1);
}

/// A run that was ended between the answer and the last word on it.
#[tokio::test(start_paused = true)]
async fn another_base_is_told_where_the_host_was_done_at_once_too() {
    let yard = Yard::new("[host]\ndirectories = ['D:\\exports\\web01\\something']\n");
    let (point, base) = (yard.point(WEB01_NEWER).await, yard.point(WEB01_OLDER).await);
    let intent = Intent { base: Some(base), ..yard.intent(&web01(), WEB01, "web01", &point) };
    let mut ledger = yard.ledger();
    let claim = ledger.claim(&intent, clock()).unwrap().into_claim();
    ledger.sent(&claim, clock(), None).unwrap();
    ledger.answered(&claim, clock(), Some(0), None).unwrap();
    drop((claim, ledger));
    let report = yard.export(&web01()).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::CompletedWithWarnings, 3), "{report:#?}");
    assert_eq!(yard.exports(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_receipt_is_not_called_completed_where_nobody_can_look() {
    let yard = Yard::new(
        "[host]\n[[host.share]]\npath = '\\\\nas1\\hv'\n[questions]\nexport_job_class = \"concrete\"\n",
    );
    let plan = ExportPlan { directory: Directory::parse(r"\\nas1\hv\db01").unwrap(), ..plan() };
    let report = yard.export(&plan).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::CompletedWithWarnings, 3), "{report:#?}");
    assert!(report.warnings.iter().any(|warning| warning.contains("look into the directory")));
}

#[tokio::test(start_paused = true)]
async fn a_share_is_explained_whichever_way_it_is_written() {
    for (path, is_verbatim) in [(r"\\nas1\hv\db01", false), (r"\\?\UNC\nas1\hv\db01", true)] {
        let yard = Yard::new("[host]\n[[host.share]]\npath = '\\\\nas1\\hv'\n");
        let plan = ExportPlan { directory: Directory::parse(path).unwrap(), ..plan() };
        let warnings = yard.export(&plan).await.report.warnings.join("\n");
        for words in [r"\\nas1\hv was not checked", "computer account", "copy from there"] {
            assert!(warnings.contains(words), "{words}: {warnings}");
        }
        assert_eq!(warnings.contains(r"begins with \\?\"), is_verbatim, "{warnings}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_rct_point_comes_with_the_way_that_is_known_to_work() {
    let yard = Yard::new("");
    let plan = ExportPlan { point: PointChoice::Named(RCT_POINT.to_owned()), ..plan() };
    let warnings = yard.export(&plan).await.report.warnings.join("\n");
    assert!(warnings.contains("ExportSystemDefinition"), "{warnings}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_volume_is_not_measured_by_the_system_drive() {
    let yard = Yard::new(
        "[host]\ndirectories = ['C:\\ClusterStorage\\Volume1']\n[[host.drive]]\nletter = \"C\"\nsize = \"1GiB\"\n\
         free = \"1MiB\"\n[[host.drive]]\nletter = \"D\"\nsize = \"1TiB\"\nfree = \"1TiB\"\n",
    );
    let directory = Directory::parse(r"C:\ClusterStorage\Volume1\db01").unwrap();
    let report = yard.export(&ExportPlan { directory, ..plan() }).await.report;
    assert!(report.warnings.iter().any(|warning| warning.contains("cluster volume")), "{report:#?}");
    assert_eq!(yard.exports(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_sees_no_machine_is_told_of_the_right_that_shows_them() {
    let yard = Yard::new(
        "[[user]]\nname = 'LAB\\operator'\nrights = { winrm = true, namespace = true, hyper_v = false }\n",
    );
    let report = yard.export(&plan()).await.report;
    let error = report.error.unwrap();
    assert!(error.hint.unwrap_or_default().contains("Hyper-V Administrators"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn a_base_within_settings_is_looked_up_and_reported() {
    let yard = Yard::new("");
    let settings = |id: &str| {
        format!(
            r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY NAME="baseReferencePoint" TYPE="string"><VALUE>\\HV01\root\virtualization\v2:Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:{WEB01}\\{id}",VirtualSystemIdentifier="{WEB01}"</VALUE></PROPERTY></INSTANCE>"#
        )
    };
    let gone = ExportPlan { settings: Some(settings(LOG_POINT)), ..web01() };
    let error = yard.export(&gone).await.report.error.unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::NotFound, 10), "{error:#?}");
    let plan = ExportPlan { settings: Some(settings(WEB01_OLDER)), ..web01() };
    let report = yard.export(&plan).await.report;
    assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
    assert!(report.base.unwrap().id.ends_with(WEB01_OLDER));
}

#[tokio::test(start_paused = true)]
async fn settings_of_a_group_with_something_else_inside_are_refused() {
    let yard = Yard::new("");
    let settings = r#"<INSTANCE CLASSNAME="Msvm_CollectionReferencePointExportSettingData"><PROPERTY.ARRAY NAME="VirtualMachinesToDisksToExport" TYPE="string"><VALUE.ARRAY><VALUE>web01</VALUE></VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>"#;
    let plan = ExportPlan { settings: Some(settings.to_owned()), ..shop() };
    let error = yard.export(&plan).await.report.error.unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::Usage, 2), "{error:#?}");
    assert_eq!(yard.exports(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes_before_the_call_leaves_nothing_on_the_host() {
    let yard = Yard::new("[[fault]]\nwhat = \"slow\"\nseconds = 40\nwhen = { operation = \"Enumerate\" }\n");
    let report = yard.export_with(&plan(), Some(Duration::from_secs(5)), |_, _| ()).await.report;
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Failed, 8), "{report:#?}");
    assert_eq!(report.job, None);
    assert_eq!(report.finished_at.duration_since(report.started_at).as_secs(), 5, "{report:#?}");
    assert_eq!(yard.exports(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_cancelled_before_it_began_is_not_begun() {
    let yard = Yard::new("");
    let told = yard
        .export_with(&plan(), None, |event, wishes| {
            if matches!(event.what, News::Connected { .. }) {
                wishes.send_replace(Wish::Cancel);
            }
        })
        .await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Failed, 130), "{:#?}", told.report);
    assert_eq!(yard.exports(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_export_that_never_met_a_host_has_a_report_of_the_same_shape() {
    let yard = Yard::new("[[job]]\nmethod = \"ExportReferencePoint\"\nreturn_value = 32769\n");
    let refused = yard.export(&plan()).await.report;
    let failure = refused.error.clone().unwrap();
    assert_eq!((failure.kind, failure.exit_code), (Kind::AccessDenied, 6));
    let never = not_begun(&plan(), "hv01", failure, clock(), clock());
    assert_eq!((never.outcome, &never.job, never.requests), (Outcome::Failed, &None, 0));
    let keys = |report| {
        let value = serde_json::to_value(report).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(never), keys(refused));
}

#[tokio::test(start_paused = true)]
async fn every_number_is_decoded_in_both_families() {
    use refpoint::client::codes::{COMPLETED, JOB_STARTED};
    let vm = [
        32768, 32769, 32770, 32771, 32772, 32773, 32774, 32775, 32776, 32777, 32778, 1, 7, 4097, 40000, 70000,
    ];
    for (what, numbers) in [(plan(), &vm[..]), (shop(), &[1, 2, 3, 4, 5, 6, 7, 32769, 32774, 4097, 70000])] {
        for number in numbers {
            assert!(![COMPLETED, JOB_STARTED].contains(number));
            let rule = format!("[[job]]\nmethod = \"ExportReferencePoint\"\nreturn_value = {number}\n");
            let yard = Yard::new(&rule);
            let report = yard.export(&what).await.report;
            let error = report.error.as_ref().unwrap();
            assert_eq!((report.outcome, error.code), (Outcome::Failed, Some(*number)), "{report:#?}");
            assert!(error.message.contains(&number.to_string()), "{}", error.message);
            assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{number}");
            let exit = match number {
                32769 => 6,
                32774 => 9,
                _ => 7,
            };
            assert_eq!(report.exit_code(), exit, "{number}");
            assert_eq!(report.return_value.unwrap().code, *number);
            // What passes by itself is asked for again: `busy.rs` shows it.
            let is_passing =
                matches!(number, 32771 | 32774 | 32775 | 32777 | 32778) || (*number == 5 && what == shop());
            assert_eq!(yard.exports(), if is_passing { 5 } else { 1 }, "{number}");
        }
    }
}

/// No number but those that mean an end is taken for one: what is suspended, in service, asking, or in a state that
/// nobody documented goes on, and may end well.
#[tokio::test(start_paused = true)]
async fn a_job_in_a_state_that_is_no_end_is_followed_until_there_is_one() {
    let states = [5, 11, 12, 14, 6, 13, 4242];
    let yard = Yard::new(&format!(
        "[[job]]\nmethod = \"ExportReferencePoint\"\nduration = 700\nstates = {states:?}\n"
    ));
    let told = yard.export(&plan()).await;
    assert_eq!((told.report.outcome, told.report.exit_code()), (Outcome::Completed, 0), "{:#?}", told.report);
    let state = |event: &Event| match event.what {
        News::Progress { state, .. } => Some(state),
        _ => None,
    };
    let mut seen: Vec<_> = told.events.iter().filter_map(state).collect();
    seen.dedup();
    assert_eq!(seen, [5, 11, 12, 14, 6, 13, 4242, 7]);
}
