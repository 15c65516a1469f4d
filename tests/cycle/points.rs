use std::time::Duration;

use refpoint::fleet::{
    BaseChoice, ExportPlan, Keeper, Kind, PointChoice, Policy, PruneOrder, PruneReport, Sort, Surroundings,
    Wanted, adopt_mark, chain_in, create_mark, destroy_mark, discard_mark, export, find_mark, history,
    import_points, prune,
};
use refpoint::hyperv::{Consistency, Directory, Mark, PointType, Selector, tracking_of};
use refpoint::ledger;

use crate::support::{DB01, SHOP, Yard, clock, plan};

const LOG_POINT: &str = "E4282031-639C-4FD7-8059-B192D4F5E637";
const RCT_POINT: &str = "D3171F20-528B-4EC6-BF49-A081C3E4D526";

fn shop() -> Wanted {
    Wanted::Group(Selector::parse("shop"))
}

fn db01() -> Wanted {
    Wanted::Machine(Selector::parse("db01"))
}

async fn make(yard: &Yard, wanted: &Wanted, sort: Sort) -> Result<Mark, refpoint::fleet::Failure> {
    yard.with(async |around| create_mark(around, wanted, Consistency::Application, sort).await)
        .await
        .map(|owned| owned.mark)
}

#[tokio::test(start_paused = true)]
async fn a_point_of_a_group_is_made_owned_and_verified_in_every_world() {
    for questions in [
        "results = \"association\"",
        "results = \"parameter\"",
        "results = \"synchronous\"",
        "collection_consistency = \"as-elsewhere\"",
    ] {
        let yard = Yard::new(&format!("[questions]\n{questions}\n"));
        let made = make(&yard, &shop(), Sort::Auto).await.unwrap();
        assert_eq!(made.point_type(), PointType::Rct, "{questions}");
        let ours = yard.ledger().points_of(ledger::Kind::Group, SHOP).unwrap();
        assert_eq!(ours.iter().map(|point| &*point.id).collect::<Vec<_>>(), [made.id()], "{questions}");
    }
    let yard = Yard::new("[questions]\nnew_points_have_tracking_ids = false\n");
    let (before, _) = yard.there("shop").await;
    let failure = make(&yard, &shop(), Sort::Auto).await.unwrap_err();
    assert!(failure.message.contains("removed again"), "{failure:?}");
    assert_eq!(yard.there("shop").await.0, before);
}

#[tokio::test(start_paused = true)]
async fn a_group_s_point_whose_making_was_cut_off_is_taken_up() {
    for patience in (0..2000).step_by(200) {
        let yard = Yard::new("");
        let first =
            tokio::time::timeout(Duration::from_millis(patience), make(&yard, &shop(), Sort::Auto)).await;
        if first.is_err() {
            make(&yard, &shop(), Sort::Auto).await.unwrap();
        }
        assert_eq!(yard.calls("CreateReferencePoint"), 1, "{patience}");
        assert_eq!(yard.ledger().points_of(ledger::Kind::Group, SHOP).unwrap().len(), 1);
    }
}

/// Which number means what the documentation contradicts itself on.
#[tokio::test(start_paused = true)]
async fn auto_finds_the_number_that_the_host_takes_and_no_other_sort_of_point_stays() {
    for (numbers, sort, made, calls) in [
        ("log-1-rct-2", Sort::Auto, Some(PointType::Rct), 1),
        ("log-0-rct-1", Sort::Auto, Some(PointType::Rct), 2),
        ("log-1-rct-2", Sort::Rct, Some(PointType::Rct), 1),
        ("log-0-rct-1", Sort::Rct, None, 1),
        ("log-1-rct-2", Sort::Log, Some(PointType::Log), 1),
        ("log-0-rct-1", Sort::Log, None, 1),
    ] {
        let yard = Yard::new(&format!("[questions]\ncreate_numbers = \"{numbers}\"\n"));
        let (before, _) = yard.there("db01").await;
        let done = make(&yard, &db01(), sort).await;
        assert_eq!(done.as_ref().ok().map(Mark::point_type), made, "{numbers} {sort:?}");
        assert_eq!(yard.calls("CreateReferencePoint"), calls, "{numbers} {sort:?}");
        let (after, _) = yard.there("db01").await;
        assert_eq!(after.len(), before.len() + usize::from(made.is_some()), "{numbers} {sort:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_destroyed_is_gone_from_host_and_ledger_even_where_the_answer_is_lost() {
    for fault in [
        "",
        "[[fault]]\nwhat = \"lost-response\"\nwhen = { method = \"DestroyReferencePoint\" }\ntimes = 1\n",
        "[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { method = \"DestroyReferencePoint\" }\ntimes = 1\n",
        "[[job]]\nmethod = \"DestroyReferencePoint\"\nreturn_value = 32775\ntimes = 2\n",
        "[[fault]]\nwhat = \"vanish-jobs\"\nwhen = { operation = \"Enumerate\", after = 4 }\n",
    ] {
        let yard = Yard::new(fault);
        let (before, _) = yard.there("db01").await;
        let made = make(&yard, &db01(), Sort::Auto).await.unwrap();
        let done = yard
            .with(async |around| {
                let found = find_mark(around, None, made.id()).await?;
                assert!(found.is_ours());
                destroy_mark(around, &found.owner, &found.mark).await
            })
            .await;
        assert_eq!(done, Ok(()), "{fault}");
        assert_eq!(yard.there("db01").await.0.len(), before.len(), "{fault}");
        assert!(yard.ours().is_empty());
        assert!(yard.ledger().point(ledger::Kind::Vm, DB01, made.id()).unwrap().unwrap().gone_at.is_some());
    }
    // One that the host refuses to remove is there, and ours.
    let yard = Yard::new("[[job]]\nmethod = \"DestroyReferencePoint\"\nstate = 10\n");
    let made = make(&yard, &db01(), Sort::Auto).await.unwrap();
    let failure = yard
        .with(async |around| {
            let found = find_mark(around, Some(&db01()), made.id()).await?;
            destroy_mark(around, &found.owner, &found.mark).await
        })
        .await
        .unwrap_err();
    assert_eq!(failure.kind, Kind::JobFailed);
    assert_eq!(yard.ours().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_is_discarded_once_and_only_where_there_is_one() {
    let yard = Yard::new("");
    let discard = async |id: &str| {
        yard.with(async |around| {
            let found = find_mark(around, None, id).await?;
            assert!(!found.is_ours());
            discard_mark(around, &found.owner, &found.mark).await
        })
        .await
    };
    assert_eq!(discard(LOG_POINT).await, Ok(()));
    assert_eq!(yard.calls("RemoveAssociatedData"), 1);
    assert_eq!(discard(LOG_POINT).await.unwrap_err().kind, Kind::Usage);
    assert_eq!(discard(RCT_POINT).await.unwrap_err().kind, Kind::Usage);
    assert_eq!(yard.calls("RemoveAssociatedData"), 1);
    let (marks, _) = yard.there("db01").await;
    assert!(marks.iter().any(|mark| mark.is_named(LOG_POINT) && !mark.has_data()));
}

#[tokio::test(start_paused = true)]
async fn points_that_come_back_with_an_import_are_ours_again_where_they_were() {
    let yard = Yard::new("");
    let made = make(&yard, &db01(), Sort::Auto).await.unwrap();
    let report = yard.backup(&plan("1")).await;
    let ending = |ending: &str| {
        let file = report.files.iter().find(|file| file.path.to_lowercase().ends_with(ending));
        file.unwrap().path.clone()
    };
    let (config, runtime) = (ending(".vmcx"), ending(".vmrs"));
    let found = yard
        .with(async |around| {
            for id in [made.id(), RCT_POINT] {
                let found = find_mark(around, None, id).await?;
                destroy_mark(around, &found.owner, &found.mark).await?;
            }
            import_points(around, &db01(), &config, &runtime).await
        })
        .await
        .unwrap();
    let ids: Vec<_> = found.iter().map(|tended| (tended.mark.id().to_owned(), tended.is_ours())).collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    assert!(ids.contains(&(made.id().to_owned(), true)));
    assert!(ids.iter().any(|(id, ours)| id.ends_with(RCT_POINT) && !ours));
    assert!(yard.ours().iter().any(|point| point.id == made.id()));
}

async fn pruned(yard: &Yard, keep_last: usize, days: u64, dry_run: bool) -> PruneReport {
    let policy = Policy { keep_last, keep_for: Duration::from_secs(days * 86_400) };
    let order = PruneOrder { what: None, policy, dry_run };
    yard.with(async |around| prune(around, &order).await).await.unwrap()
}

fn fates(report: &PruneReport) -> Vec<(&str, bool)> {
    report.owners[0].points.iter().map(|point| (&*point.fate, point.is_removed)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_stays_whatever_the_policy_and_what_is_others_is_not_looked_at() {
    let yard = Yard::new("");
    for name in ["1", "2", "3"] {
        yard.backup(&plan(name)).await;
        tokio::time::advance(Duration::from_secs(86_400)).await;
    }
    make(&yard, &db01(), Sort::Auto).await.unwrap();
    let (before, _) = yard.there("db01").await;
    let dry = pruned(&yard, 1, 0, true).await;
    assert_eq!(
        fates(&dry),
        [("keep", false), ("keep", false), ("keep", false), ("let-go", false)],
        "{dry:#?}"
    );
    assert!(dry.owners[0].points[1].why.contains("relative to"));
    assert!(dry.owners[0].points[2].why.contains("base of the newest"));
    assert_eq!((yard.calls("DestroyReferencePoint"), yard.there("db01").await.0.len()), (0, before.len()));
    let done = pruned(&yard, 1, 0, false).await;
    assert_eq!(fates(&done), [("keep", false), ("keep", false), ("keep", false), ("let-go", true)]);
    assert_eq!(yard.calls("DestroyReferencePoint"), 1);
    assert_eq!(yard.there("db01").await.0.len(), before.len() - 1);
    assert_eq!(pruned(&yard, 1, 3, false).await.exit_code(), 0);
    let next = yard.backup(&plan("4")).await;
    assert!(next.base.is_some(), "{next:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_point_that_somebody_else_removed_is_forgotten_and_told() {
    let yard = Yard::new("");
    let made = make(&yard, &db01(), Sort::Auto).await.unwrap();
    yard.host().await.destroy(&made).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(fates(&pruned(&yard, 1, 0, true).await), [("gone", false)]);
    assert_eq!(yard.ours().len(), 1, "to look changes nothing");
    assert_eq!(fates(&pruned(&yard, 1, 0, false).await), [("gone", false)]);
    assert!(yard.ours().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_job_exports_or_a_backup_is_at_is_kept() {
    let yard = Yard::new("[speed]\nexport = { seconds = 600 }\n");
    let host = yard.host().await;
    let keeper = Keeper::new(yard.ledger());
    let around = Surroundings::new("hv01", &host, &keeper, clock);
    let old = make(&yard, &db01(), Sort::Auto).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    make(&yard, &db01(), Sort::Auto).await.unwrap();
    let plan = ExportPlan {
        base: BaseChoice::None,
        detach: true,
        ..ExportPlan::new(
            db01(),
            PointChoice::Named(old.id().to_owned()),
            Directory::parse(r"D:\exports\old").unwrap(),
        )
    };
    export(&around, &plan).await;
    let kept = pruned(&yard, 1, 0, false).await;
    assert_eq!(fates(&kept), [("keep", false), ("keep", false)]);
    assert!(kept.owners[0].points[1].why.contains("in use"), "{kept:#?}");
    // A job of another ledger's is seen on the host.
    let other = Yard::new("[speed]\nexport = { seconds = 600 }\n");
    let old = make(&other, &db01(), Sort::Auto).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    make(&other, &db01(), Sort::Auto).await.unwrap();
    let (host, theirs) = (other.host().await, Yard::new(""));
    let keeper = Keeper::new(theirs.ledger());
    let around = Surroundings::new("hv01", &host, &keeper, clock);
    let plan = ExportPlan { point: PointChoice::Named(old.id().to_owned()), ..plan };
    export(&around, &plan).await;
    let kept = pruned(&other, 1, 0, false).await;
    assert!(kept.owners[0].points[1].why.contains("in use: job"), "{kept:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_point_and_what_depends_on_it_are_told_from_the_ledger() {
    let yard = Yard::new("");
    let first = yard.backup(&plan("1")).await.point.unwrap().id;
    tokio::time::advance(Duration::from_secs(60)).await;
    let second = yard.backup(&plan("2")).await.point.unwrap().id;
    let keeper = Keeper::new(yard.ledger());
    let told = history(&keeper, ledger::Kind::Vm, DB01, &first.to_lowercase()).await.unwrap();
    let words: Vec<_> = told.iter().map(|happening| happening.what).collect();
    assert_eq!(words, ["backed-up", "made", "base-of-backup"]);
    let chain = chain_in(&keeper, ledger::Kind::Vm, DB01).await.unwrap();
    assert_eq!(
        (chain.newest[0].point.as_ref(), chain.newest[0].base.as_ref()),
        (Some(&second), Some(&first))
    );
    assert!(chain.under_way.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_collection_of_somebody_else_s_is_adopted() {
    let yard = Yard::new("");
    let id = "6E1D9C8B-2F30-4B4C-9D5E-AF6071829304";
    yard.with(async |around| adopt_mark(around, &shop(), id).await).await.unwrap();
    let ours = yard.ledger().points_of(ledger::Kind::Group, SHOP).unwrap();
    assert_eq!((&*ours[0].id, ours[0].origin), (id, ledger::Origin::Adopted));
}

#[tokio::test(start_paused = true)]
async fn all_that_has_changed_since_a_point_is_read_to_the_end_of_the_disk() {
    for (size, changed) in [("40GiB", "2GiB"), ("40GiB", "1MiB"), ("3TiB", "900GiB"), ("64KiB", "64KiB")] {
        let yard = Yard::new(&format!(
            "[[machine]]\nid = \"{DB01}\"\nname = \"db01\"\n[[machine.disk]]\nfile = 'D:\\VMs\\db.vhdx'\n\
             size = \"{size}\"\nused = \"{changed}\"\nchanged = \"{changed}\"\n\
             [[point]]\nid = \"{RCT_POINT}\"\nmachine = \"db01\"\n"
        ));
        let host = yard.host().await;
        let machine = host.machine(&Selector::parse("db01")).await.unwrap();
        let point = host.points(&machine).await.unwrap().remove(0);
        let disk = host.disks(&machine.id).await.unwrap().remove(0);
        let whole = host.disk_size(&disk.file).await.unwrap();
        let tracking = tracking_of(&point, &disk.id).unwrap();
        let changes = host.changes(&disk.file, tracking, whole).await.unwrap();
        let unit = |text: &str| -> u64 {
            let (number, unit) = text.split_at(text.len() - 3);
            let shift = ["KiB", "MiB", "GiB", "TiB"].iter().position(|it| *it == unit).unwrap() as u32 + 1;
            number.parse::<u64>().unwrap() << (10 * shift)
        };
        assert_eq!(changes.size, unit(size));
        let off = unit(changed).abs_diff(changes.bytes());
        assert!(off <= unit(changed) / 10, "{size} {changed}: {}", changes.bytes());
        assert!(yard.calls("GetVirtualDiskChanges") >= 2 || size == "64KiB");
        assert!(host.changes(&disk.file, "rctX:nobody", whole).await.is_err());
    }
}
