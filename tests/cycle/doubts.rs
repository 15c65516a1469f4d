//! What is easily said and not so: done, ours, gone, nobody's.

use std::time::Duration;

use refpoint::fleet::{
    BaseChoice, Kind, Outcome, Policy, PruneOrder, Sort, Wanted, Wish, create_mark, prune,
};
use refpoint::hyperv::{Consistency, Selector};
use refpoint::lab::Upset;
use refpoint::ledger::{self, End, Intent, Subject};

use crate::support::{DB01, SHOP, Yard, plan, plan_of, set_clock_back};

const FAILS_ONCE: &str = "times = 1\nstate = 10\n";

fn rule(method: &str, how: &str) -> String {
    format!("[[job]]\nmethod = \"{method}\"\n{how}")
}

fn is_over(yard: &Yard) -> bool {
    yard.ledger().open_backup(ledger::Kind::Vm, DB01).unwrap().is_none()
}

/// Whoever cancels wants nothing left behind: neither the wish nor its moment keeps us from tidying up.
#[tokio::test(start_paused = true)]
async fn a_backup_that_is_cancelled_at_any_moment_leaves_no_checkpoint_behind() {
    let mut cancelled = 0;
    for at in (0..9000).step_by(150) {
        let yard = Yard::new("");
        let report = yard.backup_wishing(&plan("1"), Wish::Cancel, Duration::from_millis(at)).await;
        let (_, checkpoints) = yard.there("db01").await;
        assert!(checkpoints.is_empty(), "{at}: {report:#?}");
        assert!(is_over(&yard), "{at}: {report:#?}");
        match report.outcome {
            Outcome::Cancelled => cancelled += 1,
            outcome => assert_eq!(outcome, Outcome::Completed, "{at}: {report:#?}"),
        }
    }
    assert!(cancelled > 10, "{cancelled}");
}

#[tokio::test(start_paused = true)]
async fn an_export_that_ended_with_warnings_is_not_sound_for_whoever_takes_it_up_either() {
    let mut taken_up = 0;
    for patience in (2000..9000).step_by(100) {
        let yard = Yard::new(&rule("ExportSystemDefinition", "state = 32768\n"));
        let first = yard.backup_until(&plan("1"), Duration::from_millis(patience)).await;
        let report = match first {
            Some(report) => report,
            None => {
                taken_up += 1;
                yard.backup(&plan("1")).await
            }
        };
        assert_eq!(
            (report.outcome, report.sound, report.exit_code()),
            (Outcome::CompletedWithWarnings, false, 3),
            "{patience}: {report:#?}"
        );
    }
    assert!(taken_up > 10, "{taken_up}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_ended_with_warnings_is_no_plain_success() {
    for method in ["CreateSnapshot", "ConvertToReferencePoint"] {
        let yard = Yard::new(&rule(method, "state = 32768\n"));
        let report = yard.backup(&plan("1")).await;
        assert_eq!(
            (report.outcome, report.exit_code()),
            (Outcome::CompletedWithWarnings, 3),
            "{method}: {report:#?}"
        );
        assert!(report.sound, "{method}: its point is what it should be");
        assert!(report.warnings.iter().any(|warning| warning.contains("ended with warnings")), "{method}");
    }
}

/// A disk that is handed through has no checkpoint, and hosts pass it over without a word.
#[tokio::test(start_paused = true)]
async fn a_backup_without_one_of_the_disks_is_told_and_nothing_goes_on_from_it() {
    let yard = Yard::new(&format!(
        "[[machine]]\nid = \"{DB01}\"\nname = \"db01\"\n[[machine.disk]]\nfile = 'D:\\VMs\\db.vhdx'\nsize = \"1GiB\"\n\
         [[machine.disk]]\nfile = '\\\\.\\PHYSICALDRIVE2'\nsize = \"1GiB\"\nkind = \"pass-through\"\n"
    ));
    let report = yard.backup(&plan("1")).await;
    assert_eq!((report.outcome, report.sound), (Outcome::CompletedWithWarnings, false), "{report:#?}");
    assert!(report.warnings.iter().any(|warning| warning.contains("1 of 2 disks")), "{:?}", report.warnings);
}

/// A clock that was set back must keep nobody from finding out what became of a call.
#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_makes_nobody_wait_for_it() {
    for patience in [900, 1200, 2400, 5000] {
        let yard = Yard::new("");
        let cut = yard.backup_until(&plan("1"), Duration::from_millis(patience)).await;
        assert!(cut.is_none());
        set_clock_back(Duration::from_secs(5 * 86_400));
        tokio::time::advance(Duration::from_secs(3600)).await;
        let again = tokio::time::timeout(Duration::from_secs(3600), yard.backup(&plan("2"))).await;
        set_clock_back(Duration::ZERO);
        let report = again.unwrap_or_else(|_| panic!("{patience}: it waits for the clock"));
        assert!(matches!(report.outcome, Outcome::Completed | Outcome::Unknown), "{patience}: {report:#?}");
    }
}

/// How long a host may still be at work on a call counts from what it was given, not from what is given now.
#[tokio::test(start_paused = true)]
async fn a_call_is_given_as_long_as_whoever_made_it_gave_it() {
    let fault = "[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { method = \"CreateSnapshot\" }\ntimes = 1\n";
    let yard = Yard::new(fault);
    let (host, keeper) = (yard.host().await, refpoint::fleet::Keeper::new(yard.ledger()));
    let mut around = refpoint::fleet::Surroundings::new("hv01", &host, &keeper, crate::support::clock);
    around.operation_timeout = Duration::from_secs(600);
    let first = plan("1");
    let backup = refpoint::fleet::backup(&around, &first);
    assert!(tokio::time::timeout(Duration::from_secs(8), backup).await.is_err());
    drop(keeper);
    let began = tokio::time::Instant::now();
    let report = yard.backup(&plan("1")).await;
    assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
    assert!(began.elapsed() > Duration::from_secs(1180), "{:?}", began.elapsed());
}

/// Between the look at the base and the export there is a checkpoint to be taken.
#[tokio::test(start_paused = true)]
async fn a_base_that_goes_while_the_checkpoint_is_taken_is_a_full_backup_where_that_was_chosen() {
    for (base, outcome) in [(BaseChoice::LastOrNone, Outcome::Completed), (BaseChoice::Last, Outcome::Failed)]
    {
        let yard = Yard::new("[speed]\ncheckpoint = 30\n");
        let first = yard.backup(&plan("1")).await.point.unwrap().id;
        let mut second = plan("2");
        second.base = base;
        let other = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let (marks, _) = yard.there("db01").await;
            let mark = marks.into_iter().find(|mark| mark.id() == first).unwrap();
            // The machine is busy: it goes from the store of the host, as by another product on it.
            let gone = Upset::PointGone(mark.id().to_owned());
            yard.hosts.with_host(0, |host, now| host.upset(now, gone));
        };
        let (report, ()) = tokio::join!(yard.backup(&second), other);
        assert_eq!(report.outcome, outcome, "{report:#?}");
        assert!(yard.there("db01").await.1.is_empty());
        let written = yard.ledger().backups_of(ledger::Kind::Vm, DB01).unwrap().remove(0);
        if outcome == Outcome::Completed {
            assert_eq!((report.base.as_ref(), written.new.base.as_ref()), (None, None));
            assert!(
                report.warnings.iter().any(|warning| warning.contains("in full")),
                "{:?}",
                report.warnings
            );
            assert!(report.sound);
        }
    }
}

/// A disk that is full on our side: the host is at work all the same.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_takes_no_answer_keeps_nobody_from_tidying_up() {
    for column in ["return_value", "ended_at"] {
        let yard = Yard::new("");
        drop(yard.ledger());
        yard.meddle(&format!(
            "create trigger full before update of {column} on step when new.step = 'checkpoint' \
             begin select raise(abort, 'full'); end"
        ));
        let report = yard.backup(&plan("1")).await;
        let (_, checkpoints) = yard.there("db01").await;
        if column == "return_value" {
            assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
            assert!(checkpoints.is_empty());
            continue;
        }
        // What it made nobody could write down: it is told, and found by what is told.
        assert_eq!(report.error.as_ref().unwrap().kind, Kind::Ledger, "{report:#?}");
        assert_eq!(report.remains, [format!("checkpoint {}", checkpoints[0])]);
        assert!(report.error.unwrap().hint.unwrap().contains("--our-checkpoint"));
        yard.meddle("drop trigger full");
        tokio::time::advance(Duration::from_secs(3600)).await;
        let mut next = plan("2");
        next.our_checkpoint = Some(checkpoints[0].clone());
        let report = yard.backup(&next).await;
        assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
        assert!(yard.there("db01").await.1.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_takes_too_long_is_asked_no_more_where_that_is_allowed() {
    for code in [32772, 3] {
        let yard = Yard::new(&rule("CreateSnapshot", &format!("return_value = {code}\ntimes = 3\n")));
        let mut plan = plan("1");
        plan.allow_crash_consistent = true;
        let report = yard.backup(&plan).await;
        assert_eq!(report.outcome, Outcome::CompletedWithWarnings, "{code}: {report:#?}");
        assert_eq!(report.consistency.taken, Some(2));
    }
}

/// The host was done when it answered, we were ended, and before we come back another product has put its own
/// checkpoint into the place of ours.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_has_taken_the_place_of_ours_is_not_ours() {
    for is_replaced in [true, false] {
        let yard = Yard::new(
            "[questions]\nresults = \"synchronous\"\n[[user]]\nname = 'LAB\\operator'\n[[user]]\nname = 'LAB\\backup'\n",
        );
        drop(yard.ledger());
        yard.meddle(
            "create trigger full before update of ended_at on step begin select raise(abort, 'full'); end",
        );
        let cut = yard.backup(&plan("1")).await;
        assert_eq!(cut.error.unwrap().kind, Kind::Ledger);
        yard.meddle("drop trigger full");
        let (before, checkpoints) = yard.there("db01").await;
        if is_replaced {
            let host = yard.host_of(r"LAB\backup").await;
            let owner = yard.owner(&host, "db01").await;
            let ours = refpoint::hyperv::Checkpoint::of(&owner, &checkpoints[0]);
            host.destroy_checkpoint(&ours).await.unwrap();
            tokio::time::advance(Duration::from_secs(120)).await;
            host.create_checkpoint(&owner, Consistency::Application).await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(3600)).await;
        let (_, checkpoints) = yard.there("db01").await;
        let report = yard.backup(&plan("1")).await;
        if is_replaced {
            assert_eq!(report.outcome, Outcome::Unknown, "{report:#?}");
            assert_eq!(yard.there("db01").await, (before, checkpoints));
            assert_eq!((yard.calls("ExportSystemDefinition"), yard.calls("DestroySnapshot")), (0, 1));
        } else {
            assert_eq!(report.outcome, Outcome::Completed, "{report:#?}");
            assert_eq!(yard.calls("CreateSnapshot"), 1);
        }
    }
}

/// Where the answer names what is made, that is found when the host shows no job of it any more.
#[tokio::test(start_paused = true)]
async fn what_the_answer_has_named_is_found_the_next_night() {
    let mut completed = 0;
    for patience in (300..9000).step_by(300) {
        let yard = Yard::new("[questions]\nresults = \"parameter\"\n");
        let first = yard.backup_until(&plan("1"), Duration::from_millis(patience)).await;
        tokio::time::advance(Duration::from_secs(86_400)).await;
        let next = yard.backup(&plan("2")).await;
        assert_eq!(next.outcome, Outcome::Completed, "{patience}: {next:#?}");
        assert!(yard.there("db01").await.1.is_empty(), "{patience}");
        let unknown = next.warnings.iter().any(|warning| warning.contains("cannot be told"));
        assert!(!unknown, "{patience}: {:?}", next.warnings);
        completed += usize::from(first.is_none());
    }
    assert!(completed > 10, "{completed}");
}

async fn pruned(yard: &Yard, what: Option<Wanted>, keep_last: usize) -> refpoint::fleet::PruneReport {
    let order = PruneOrder { what, policy: Policy { keep_last, keep_for: Duration::ZERO }, dry_run: false };
    yard.with(async |around| prune(around, &order).await).await.unwrap()
}

async fn make(yard: &Yard, owner: &str) -> String {
    let selector = Selector::parse(owner);
    let wanted = if owner == "shop" { Wanted::Group(selector) } else { Wanted::Machine(selector) };
    let level = Consistency::Application;
    let made = yard.with(async |around| create_mark(around, &wanted, level, Sort::Auto).await).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    made.mark.id().to_owned()
}

fn intent(subject: Subject, point: &str, base: Option<&str>, directory: &str) -> Intent {
    Intent {
        host: "HV01".to_owned(),
        subject,
        point: point.to_owned(),
        base: base.map(str::to_owned),
        disks: Vec::new(),
        directory: directory.to_owned(),
        details: String::new(),
    }
}

fn db01() -> Subject {
    Subject { kind: ledger::Kind::Vm, id: DB01.to_owned(), name: "db01".to_owned() }
}

/// The longer of two exports ends last: what the next is relative to is the point of that one.
#[tokio::test(start_paused = true)]
async fn what_the_next_export_goes_on_from_is_kept_whichever_was_begun_first() {
    let yard = Yard::new("");
    let (long, short, newer) =
        (make(&yard, "db01").await, make(&yard, "db01").await, make(&yard, "db01").await);
    let mut ledger = yard.ledger();
    let now = crate::support::clock();
    let end = End { outcome: "completed", sound: true, receipt: None };
    let first = ledger.claim(&intent(db01(), &long, None, r"D:\e\1"), now).unwrap().into_claim();
    let second = ledger.claim(&intent(db01(), &short, None, r"D:\e\2"), now).unwrap().into_claim();
    ledger.ended(&second, now + Duration::from_secs(1), &end).unwrap();
    ledger.ended(&first, now + Duration::from_secs(2), &end).unwrap();
    let base = ledger.last_sound(ledger::Kind::Vm, DB01).unwrap().unwrap().point;
    drop(ledger);
    assert_eq!(base, long);
    pruned(&yard, None, 1).await;
    let ours: Vec<_> = yard.ours().into_iter().map(|point| point.id).collect();
    assert!(ours.contains(&base) && ours.contains(&newer), "{ours:?}");
}

/// A collection takes its points with it: what is made of one of them is made of it.
#[tokio::test(start_paused = true)]
async fn a_collection_is_kept_while_one_of_its_points_is_needed() {
    for is_under_way in [true, false] {
        let yard = Yard::new("");
        let old = make(&yard, "shop").await;
        make(&yard, "shop").await;
        let host = yard.host().await;
        let owner = yard.owner(&host, "shop").await;
        let marks = host.marks(&owner).await.unwrap();
        let mark = marks.iter().find(|mark| mark.id() == old).unwrap();
        let member = host.points_within(mark).await.unwrap().remove(0);
        let subject =
            Subject { kind: ledger::Kind::Vm, id: member.machine.to_string(), name: "x".to_owned() };
        let mut ledger = yard.ledger();
        let now = crate::support::clock();
        let claim = ledger.claim(&intent(subject, &member.id, None, r"D:\e\1"), now).unwrap().into_claim();
        if !is_under_way {
            let end = End { outcome: "completed", sound: true, receipt: None };
            ledger.ended(&claim, now, &end).unwrap();
        }
        drop(ledger);
        let report = pruned(&yard, Some(Wanted::Group(Selector::parse("shop"))), 1).await;
        let kept = report.owners[0].points.iter().find(|point| point.id == old).unwrap();
        assert_eq!((&*kept.fate, kept.is_removed), ("keep", false), "{report:#?}");
        assert_eq!(yard.ledger().points_of(ledger::Kind::Group, SHOP).unwrap().len(), 2);
    }
}

/// An adopted point may be one of a collection that the next backup of a group is relative to.
#[tokio::test(start_paused = true)]
async fn a_machine_s_point_is_kept_while_its_collection_is_needed() {
    let yard = Yard::new("");
    let first = yard.backup(&plan_of("shop", "1")).await.point.unwrap().id;
    let host = yard.host().await;
    let owner = yard.owner(&host, "shop").await;
    let marks = host.marks(&owner).await.unwrap();
    let mark = marks.iter().find(|mark| mark.id() == first).unwrap();
    let member = host.points_within(mark).await.unwrap().remove(0);
    let machine = Wanted::Machine(Selector::Id(member.machine.clone()));
    yard.with(async |around| refpoint::fleet::adopt_mark(around, &machine, &member.id).await).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let name = host.machine(&Selector::Id(member.machine.clone())).await.unwrap().name;
    make(&yard, &name).await;
    let report = pruned(&yard, Some(machine), 1).await;
    let kept = report.owners[0].points.iter().find(|point| point.id == member.id).unwrap();
    assert_eq!((&*kept.fate, kept.is_removed), ("keep", false), "{report:#?}");
    let second = yard.backup(&plan_of("shop", "2")).await;
    assert_eq!(second.base.unwrap().id, first);
}

/// To let go of many takes its time, in which somebody else begins with one of them.
#[tokio::test(start_paused = true)]
async fn what_comes_into_use_while_points_are_let_go_is_kept() {
    let yard = Yard::new("[speed]\nchange_point = 60\n");
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(make(&yard, "db01").await);
    }
    let begins = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let new = intent(db01(), &ids[3], Some(&ids[0]), r"D:\e\1");
        yard.ledger().claim(&new, crate::support::clock()).unwrap().into_claim()
    };
    let (report, _claim) = tokio::join!(pruned(&yard, None, 1), begins);
    let fates: Vec<_> =
        report.owners[0].points.iter().map(|point| (&*point.fate, point.is_removed)).collect();
    assert_eq!(fates, [("keep", false), ("let-go", true), ("let-go", true), ("keep", false)], "{report:#?}");
    assert!(report.owners[0].points[3].why.contains("in use"), "{report:#?}");
}

/// What went wrong with the making of a point goes again, even where the host is busy with it for a moment.
#[tokio::test(start_paused = true)]
async fn a_point_that_is_not_what_was_asked_for_is_removed_patiently() {
    let scenario = "[questions]\nnew_points_have_tracking_ids = false\n\
                    [[job]]\nmethod = \"DestroyReferencePoint\"\nreturn_value = 32775\ntimes = 2\n";
    let yard = Yard::new(scenario);
    let (before, _) = yard.there("db01").await;
    let wanted = Wanted::Machine(Selector::parse("db01"));
    let made = yard
        .with(async |around| create_mark(around, &wanted, Consistency::Application, Sort::Auto).await)
        .await;
    let failure = made.unwrap_err();
    assert!(failure.message.contains("removed again"), "{failure:?}");
    assert_eq!(yard.there("db01").await.0, before);
}

/// A failed export is no reason to take what somebody else removes meanwhile for ours.
#[tokio::test(start_paused = true)]
async fn whoever_removed_a_base_is_not_guessed_at() {
    let yard = Yard::new(&rule("ExportReferencePoint", FAILS_ONCE));
    let first = yard.backup(&plan("1")).await.point.unwrap().id;
    yard.with(async |around| {
        let found = refpoint::fleet::find_mark(around, None, &first).await?;
        refpoint::fleet::destroy_mark(around, &found.owner, &found.mark).await
    })
    .await
    .unwrap();
    let full = yard.backup(&plan("2")).await;
    assert!(full.warnings[0].contains("no longer on the host"), "{:?}", full.warnings);
    assert!(full.warnings[0].contains("gone since"), "we have removed it: {:?}", full.warnings);
}

/// What is needed is decided on by whoever is at work.
#[tokio::test(start_paused = true)]
async fn while_a_machine_is_backed_up_nothing_of_it_is_let_go_nor_is_it_backed_up_twice() {
    let yard = Yard::new("");
    for _ in 0..3 {
        make(&yard, "db01").await;
    }
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let second = yard.backup(&plan("2")).await;
        (second, pruned(&yard, None, 1).await)
    };
    let nightly = plan("1");
    let (first, (second, report)) = tokio::join!(yard.backup(&nightly), meanwhile);
    assert_eq!(first.outcome, Outcome::Completed, "{first:#?}");
    assert_eq!(second.error.unwrap().kind, Kind::InUse);
    assert_eq!(report.owners[0].error.as_ref().unwrap().kind, Kind::InUse, "{report:#?}");
    assert_eq!((yard.calls("CreateSnapshot"), yard.calls("DestroyReferencePoint")), (1, 0));
    assert_eq!(yard.ours().len(), 4);
}

/// A ledger that was put back from a copy knows a backup as begun that has long ended.
#[tokio::test(start_paused = true)]
async fn a_ledger_from_yesterday_writes_over_no_backup() {
    let yard = Yard::new("");
    let cut = yard.backup_until(&plan("1"), Duration::from_millis(900)).await;
    assert!(cut.is_none());
    yard.meddle("create table kept as select * from backup; create table kept_steps as select * from step");
    let first = yard.backup(&plan("1")).await;
    assert_eq!(first.outcome, Outcome::Completed, "{first:#?}");
    yard.meddle(
        "delete from step; delete from backup; insert into backup select * from kept; \
         insert into step select * from kept_steps",
    );
    tokio::time::advance(Duration::from_secs(86_400)).await;
    let again = yard.backup(&plan("1")).await;
    assert_eq!((again.outcome, again.exit_code()), (Outcome::Failed, 2), "{again:#?}");
    assert!(again.error.unwrap().message.contains("is not empty"));
    assert_eq!(yard.calls("ExportSystemDefinition"), 1);
    assert!(yard.there("db01").await.1.is_empty());
}
