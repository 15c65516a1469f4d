use std::time::Duration;

use refpoint::fleet::{
    BaseChoice, Control, Keeper, Outcome, PointChoice, Surroundings, adopt_point, create_point,
};
use refpoint::hyperv::{Consistency, Directory, PointType, Selector};
use refpoint::ledger::Origin;

use crate::support::{LOG_POINT, Yard, clock, plan};

#[tokio::test(start_paused = true)]
async fn a_point_that_we_had_made_is_the_latest() {
    let yard = Yard::new("");
    let (host, keeper) = (yard.host().await, Keeper::new(yard.ledger()));
    let (_wishes, control) = Control::new();
    let around = Surroundings {
        host: &host,
        label: "hv01".to_owned(),
        keeper: &keeper,
        clock,
        listener: &|_| (),
        control,
        deadline: None,
        operation_timeout: Duration::from_secs(60),
        unit: "db01".to_owned(),
    };
    let db01 = Selector::parse("db01");
    let adopted = adopt_point(&around, &db01, LOG_POINT).await.unwrap();
    assert_eq!(adopted.origin, Origin::Adopted);
    tokio::time::advance(Duration::from_secs(60)).await;
    let made = create_point(&around, &db01, Consistency::Application, PointType::Rct).await.unwrap();
    assert_eq!((made.point.point_type, made.point.consistency), (PointType::Rct, Some(1)));
    let mut plan = plan();
    plan.point = PointChoice::Latest;
    let report = yard.export(&plan).await.report;
    assert_eq!(report.point.unwrap().id, made.point.id);
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
