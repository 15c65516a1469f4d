//! A machine that another refpoint with the same ledger has hold of: nothing is asked of it, and the exit code is that of
//! what is locked here (11), whatever was to be done; 9 is for hosts.

use std::time::Duration;

use refpoint::fleet::{Failure, Kind, Policy, PruneOrder, Wanted, create_point, prune};
use refpoint::hyperv::{Consistency, PointType, Selector};

use crate::support::{DB01, Yard, plan};

#[track_caller]
fn is_held(failure: &Failure) {
    assert_eq!((failure.kind, failure.exit_code), (Kind::InUse, 11), "{failure:?}");
    assert!(failure.message.contains("another refpoint is") && failure.hint.is_some(), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_is_done_twice_at_once_the_second_ends_as_locked_here() {
    let yard = Yard::new("");
    let db01 = Selector::parse("db01");
    let other = yard.ledger();
    let making = other.hold(&format!("making vm {DB01}")).unwrap().unwrap();
    let made = yard
        .with(async |around| create_point(around, &db01, Consistency::Application, PointType::Rct).await)
        .await;
    is_held(&made.unwrap_err());
    let order = PruneOrder {
        what: Some(Wanted::Machine(db01.clone())),
        policy: Policy { keep_last: 1, keep_for: Duration::ZERO },
        dry_run: false,
    };
    let pruned = yard.with(async |around| prune(around, &order).await).await.unwrap();
    is_held(pruned.failures().next().unwrap());
    assert_eq!(pruned.exit_code(), 11);
    drop(making);
    let backing = other.hold(&format!("backup vm {DB01}")).unwrap().unwrap();
    is_held(yard.backup(&plan("1")).await.error.as_ref().unwrap());
    drop(backing);
    for method in ["CreateReferencePoint", "CreateSnapshot", "DestroyReferencePoint"] {
        assert_eq!(yard.calls(method), 0, "{method}");
    }
}
