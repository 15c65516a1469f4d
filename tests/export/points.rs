use std::time::Duration;

use refpoint::fleet::{
    BaseChoice, ExportPlan, Keeper, Kind, Outcome, PointChoice, Surroundings, adopt_point, create_point,
};
use refpoint::hyperv::{Consistency, Directory, Host, PointType, Selector};
use refpoint::ledger::{self, Origin};

use crate::support::{DB01, LOG_POINT, RCT_POINT, Yard, clock, plan};

/// What a machine's points are made and adopted with.
fn around<'a>(host: &'a Host, keeper: &'a Keeper) -> Surroundings<'a> {
    Surroundings::new("hv01", host, keeper, clock)
}

#[tokio::test(start_paused = true)]
async fn a_point_that_we_had_made_is_the_latest() {
    let yard = Yard::new("");
    let (host, keeper) = (yard.host().await, Keeper::new(yard.ledger()));
    let around = around(&host, &keeper);
    let db01 = Selector::parse("db01");
    let adopted = adopt_point(&around, &db01, LOG_POINT).await.unwrap();
    assert_eq!(adopted.origin, Origin::Adopted);
    tokio::time::advance(Duration::from_secs(60)).await;
    let made = create_point(&around, &db01, Consistency::Application, PointType::Rct).await.unwrap();
    assert_eq!((made.point.point_type, made.point.consistency), (PointType::Rct, Some(1)));
    let report = yard.export(&latest()).await.report;
    assert_eq!(report.point.unwrap().id, made.point.id);
}

fn latest() -> ExportPlan {
    ExportPlan { point: PointChoice::Latest, ..plan() }
}

/// When a point was made that somebody else had made nobody knows: only that it was there when it was adopted.
#[tokio::test(start_paused = true)]
async fn what_was_adopted_after_the_last_one_was_made_may_be_newer_or_older() {
    let yard = Yard::new("");
    let (host, keeper) = (yard.host().await, Keeper::new(yard.ledger()));
    let around = around(&host, &keeper);
    let db01 = Selector::parse("db01");
    let made = create_point(&around, &db01, Consistency::Application, PointType::Rct).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let adopted = adopt_point(&around, &db01, LOG_POINT).await.unwrap();
    let error = yard.export(&latest()).await.report.error.unwrap();
    assert_eq!((error.kind, error.exit_code), (Kind::Ambiguous, 10), "{error:#?}");
    let hint = error.hint.unwrap();
    assert!(hint.contains(&made.point.id) && hint.contains(&adopted.point.id), "{hint}");
    assert!(!hint.contains(RCT_POINT), "{hint}");
    assert_eq!(yard.exports(), 0);
    // What is gone is in nobody's way.
    host.destroy_point(&adopted.point).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let report = yard.export(&latest()).await.report;
    assert_eq!(report.point.unwrap().id, made.point.id);
}

#[tokio::test(start_paused = true)]
async fn of_several_that_were_adopted_none_is_the_latest_and_of_one_that_one() {
    let yard = Yard::new("");
    let (host, keeper) = (yard.host().await, Keeper::new(yard.ledger()));
    let around = around(&host, &keeper);
    let db01 = Selector::parse("db01");
    let one = adopt_point(&around, &db01, LOG_POINT).await.unwrap();
    let report = yard.export(&latest()).await.report;
    assert_eq!((report.outcome, report.point.unwrap().id), (Outcome::Completed, one.point.id));
    tokio::time::advance(Duration::from_secs(60)).await;
    adopt_point(&around, &db01, RCT_POINT).await.unwrap();
    let error = yard.export(&latest()).await.report.error.unwrap();
    assert_eq!(error.kind, Kind::Ambiguous, "{error:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_point_that_was_exported_well_is_the_base_of_the_next() {
    let yard = Yard::new("");
    let mut plan = plan();
    plan.base = BaseChoice::Last;
    let first = yard.export(&plan).await.report;
    assert_eq!(first.outcome, Outcome::Failed);
    assert_eq!(first.exit_code(), 10, "{first:#?}");
    plan.base = BaseChoice::LastOrNone;
    let first = yard.export(&plan).await.report;
    assert_eq!((first.outcome, first.base), (Outcome::Completed, None));
    assert!(first.warnings.iter().any(|warning| warning.contains("without a base")));
    plan.directory = Directory::parse(r"D:\exports\db01-2").unwrap();
    let second = yard.export(&plan).await.report;
    assert!(second.warnings.iter().any(|warning| warning.contains("itself")), "{second:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_point_whose_making_was_cut_off_is_taken_up_by_whoever_wants_the_same() {
    for patience in [0, 200, 600, 900, 1100, 1400, 2000] {
        let yard = Yard::new("");
        let first = yard.make(Duration::from_millis(patience)).await;
        let again = yard.make(Duration::from_secs(600)).await.unwrap().unwrap();
        if let Some(first) = first {
            assert_ne!(first.unwrap().point.id, again.point.id, "{patience}: what ended is not made again");
            assert_eq!(yard.calls("CreateReferencePoint"), 2);
        } else {
            assert_eq!(yard.calls("CreateReferencePoint"), 1, "{patience}");
        }
        assert_eq!(again.origin, Origin::Made);
    }
}

/// A point that is not made because the machine is busy is asked for again, and not for ever.
#[tokio::test(start_paused = true)]
async fn a_point_that_a_busy_host_does_not_make_is_asked_for_again() {
    for code in [32774, 32775] {
        let yard = Yard::new(&format!(
            "[[job]]\nmethod = \"CreateReferencePoint\"\nreturn_value = {code}\ntimes = 2\n"
        ));
        let made = yard.make(Duration::from_secs(600)).await.unwrap().unwrap();
        assert_eq!((made.origin, yard.calls("CreateReferencePoint")), (Origin::Made, 3), "{code}");
        let ours = yard.ledger().points_of(ledger::Kind::Vm, DB01).unwrap();
        assert_eq!(ours.iter().map(|point| &*point.id).collect::<Vec<_>>(), [&*made.point.id]);
        let yard = Yard::new(&format!("[[job]]\nmethod = \"CreateReferencePoint\"\nreturn_value = {code}\n"));
        let failure = yard.make(Duration::from_secs(600)).await.unwrap().unwrap_err();
        assert!(failure.message.ends_with(", tried 5 times"), "{failure:?}");
        assert_eq!(yard.calls("CreateReferencePoint"), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_point_of_a_machine_that_is_busy_is_made_once_it_is_not() {
    let yard = Yard::new("");
    assert_eq!(yard.export(&ExportPlan { detach: true, ..plan() }).await.report.outcome, Outcome::Detached);
    let made = yard.make(Duration::from_secs(600)).await.unwrap().unwrap();
    assert_eq!((made.origin, yard.calls("CreateReferencePoint")), (Origin::Made, 1));
}

#[tokio::test(start_paused = true)]
async fn a_point_whose_answer_is_lost_is_found_and_not_made_again() {
    let yard = Yard::new(
        "[[fault]]\nwhat = \"lost-response\"\nwhen = { method = \"CreateReferencePoint\" }\ntimes = 1\n",
    );
    let made = yard.make(Duration::from_secs(600)).await.unwrap().unwrap();
    assert_eq!((made.origin, yard.calls("CreateReferencePoint")), (Origin::Made, 1));
    let ours = yard.ledger().points_of(ledger::Kind::Vm, DB01).unwrap();
    assert_eq!(ours.iter().map(|point| &*point.id).collect::<Vec<_>>(), [&*made.point.id]);
}

#[tokio::test(start_paused = true)]
async fn a_point_of_somebody_else_is_not_taken_for_the_one_that_was_lost() {
    // The call never reaches the host, and meanwhile another product makes a point of its own.
    let yard = Yard::new(
        "[[fault]]\nwhat = \"stall\"\nside = \"request\"\nwhen = { method = \"CreateReferencePoint\" }\n\
         times = 1\n[[user]]\nname = 'LAB\\operator'\n[[user]]\nname = 'LAB\\backup'\n",
    );
    let ours = yard.make(Duration::from_secs(600));
    let theirs = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let host = yard.host_of(r"LAB\backup").await;
        let db01 = host.machine(&Selector::parse("db01")).await.unwrap();
        host.create_point(&db01, Consistency::Application, 2).await.unwrap();
    };
    let (ours, ()) = tokio::join!(ours, theirs);
    let failure = ours.unwrap().unwrap_err();
    assert_eq!(failure.kind, Kind::Unknown, "{failure:?}");
    assert!(failure.hint.unwrap().contains("adopt"));
    assert!(yard.ledger().points_of(ledger::Kind::Vm, DB01).unwrap().is_empty());
    let next = yard.make(Duration::from_secs(600)).await.unwrap().unwrap();
    assert_eq!((next.origin, yard.calls("CreateReferencePoint")), (Origin::Made, 3));
}
