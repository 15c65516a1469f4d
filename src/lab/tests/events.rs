//! Events: what has happened since one last asked, and what is left of a subscription.

use std::time::Duration;

use crate::cim::{Instance, Interval};
use crate::wsman::names::delivery;
use crate::wsman::{Page, Renew, Subscribe, Subscribed, Unsubscribe};

use super::{FIRST, Rehearsal, WEB01, create_point, export, machine, point};
use crate::lab::{Scenario, Upset};

const NAMESPACE: &str = "root/virtualization/v2";

fn jobs() -> Subscribe {
    Subscribe::query(
        NAMESPACE,
        "SELECT * FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'CIM_ConcreteJob'",
    )
}

fn seconds(seconds: u64) -> Interval {
    Interval::new(Duration::from_secs(seconds))
}

fn pull(lab: &mut Rehearsal, subscribe: &Subscribe, subscribed: &Subscribed) -> Result<Page, u32> {
    let mut pull = subscribe.pull(subscribed.context.clone().unwrap());
    pull.max_elements = Some(100);
    lab.ask(&pull).map_err(|fault| fault.wsman_code().unwrap())
}

fn ending(subscribe: &Subscribe, subscribed: &Subscribed) -> Unsubscribe {
    let identifier = subscribed.manager.identifier.clone();
    Unsubscribe { resource: subscribe.resource.clone(), identifier }
}

fn target(event: &Instance) -> &Instance {
    match event.value("TargetInstance").and_then(|value| value.as_scalar()) {
        Some(crate::cim::Scalar::Object(object)) => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_job_that_goes_on_is_told_as_it_goes_and_what_was_there_before_is_not() {
    let mut lab = Rehearsal::of(Scenario::default());
    let subscribe = jobs();
    let subscribed = lab.ask(&subscribe).unwrap();
    assert_eq!(pull(&mut lab, &subscribe, &subscribed), Err(0x8033_8029), "nothing has happened");
    lab.job(&export(point(WEB01, FIRST), r"D:\exports\web01"));
    lab.wait(1.5);
    // That it began is no modification: it was made.
    assert!(pull(&mut lab, &subscribe, &subscribed).is_err());
    let mut states = Vec::new();
    for _ in 0..60 {
        lab.wait(1.0);
        if let Ok(page) = pull(&mut lab, &subscribe, &subscribed) {
            states.extend(page.instances().map(|event| target(event).number("JobState").unwrap()));
            assert!(page.instances().all(|event| event.class == "__InstanceModificationEvent"));
            assert!(page.instances().all(|event| event.value("PreviousInstance").is_some()));
        }
    }
    assert_eq!(states.last(), Some(&7), "{states:?}");
    assert!(states.contains(&4));
}

#[test]
fn what_is_made_and_what_goes_away_is_told_where_it_was_asked_for() {
    let mut lab = Rehearsal::of(Scenario::default());
    let all = Subscribe::query(
        NAMESPACE,
        "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA \
         'Msvm_VirtualSystemReferencePoint' AND TargetInstance.ReferencePointType = 2",
    );
    let none = Subscribe::query(
        NAMESPACE,
        "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA \
         'Msvm_VirtualSystemReferencePoint' AND TargetInstance.ReferencePointType = 1",
    );
    let (to_all, to_none) = (lab.ask(&all).unwrap(), lab.ask(&none).unwrap());
    lab.finish(&create_point(machine(WEB01), 2));
    let page = pull(&mut lab, &all, &to_all).unwrap();
    let event = page.instances().next().unwrap();
    assert_eq!(event.class, "__InstanceCreationEvent");
    assert_eq!(target(event).class, "Msvm_VirtualSystemReferencePoint");
    assert!(pull(&mut lab, &none, &to_none).is_err(), "the condition does not hold");
}

#[test]
fn whoever_waits_is_told_when_to_ask_again_and_is_answered_when_something_happens() {
    let mut lab = Rehearsal::of(Scenario::default());
    let subscribe = jobs();
    let subscribed = lab.ask(&subscribe).unwrap();
    lab.job(&export(point(WEB01, FIRST), r"D:\exports\web01"));
    let pull = subscribe.pull(subscribed.context.clone().unwrap());
    lab.header.message_id = "uuid:waits".to_owned();
    let request = crate::wsman::encode_request(&lab.header, &pull).unwrap();
    let mut asked = 0;
    let response = loop {
        let response = lab.host.handle(lab.now, &lab.caller, &request);
        asked += 1;
        let Some(pause) = response.again else { break response };
        assert!(pause > Duration::ZERO && pause <= Duration::from_secs(1));
        lab.now += pause;
    };
    assert!((2..20).contains(&asked), "{asked}");
    assert_eq!(response.status, 200);
    assert!(response.envelope.contains("__InstanceModificationEvent"));
}

#[test]
fn a_pull_ends_when_its_time_is_up_and_a_heartbeat_comes_before() {
    for (heartbeats, status, most) in [(None, 500, 61), (Some(seconds(5)), 200, 6)] {
        let mut lab = Rehearsal::of(Scenario::default());
        let subscribe = Subscribe { heartbeats, ..jobs() };
        let subscribed = lab.ask(&subscribe).unwrap();
        let pull = subscribe.pull(subscribed.context.clone().unwrap());
        lab.header.message_id = "uuid:waits".to_owned();
        let request = crate::wsman::encode_request(&lab.header, &pull).unwrap();
        let response = loop {
            let response = lab.host.handle(lab.now, &lab.caller, &request);
            let Some(pause) = response.again else { break response };
            lab.now += pause;
        };
        assert_eq!(response.status, status);
        assert!(lab.now.as_secs() + 2 > most && lab.now.as_secs() <= most, "{:?}", lab.now);
    }
}

#[test]
fn a_subscription_is_over_when_it_is_ended_when_it_expires_and_when_it_is_lost() {
    let mut lab = Rehearsal::of(Scenario::default());
    let subscribe = Subscribe { expires: Some(seconds(100)), ..jobs() };
    let subscribed = lab.ask(&subscribe).unwrap();
    assert_eq!(lab.host.open_subscriptions(lab.now), 1);
    lab.ask(&ending(&subscribe, &subscribed)).unwrap();
    assert_eq!(lab.host.open_subscriptions(lab.now), 0);
    assert_eq!(lab.ask(&ending(&subscribe, &subscribed)).unwrap_err().wsman_code(), Some(0x8033_8008));
    assert_eq!(pull(&mut lab, &subscribe, &subscribed), Err(0x8033_801B));

    let subscribed = lab.ask(&subscribe).unwrap();
    lab.wait(90.0);
    let Unsubscribe { resource, identifier } = ending(&subscribe, &subscribed);
    let renew = Renew { resource, identifier, expires: Some(seconds(50)) };
    assert_eq!(lab.ask(&renew).unwrap().unwrap().as_interval(), Some(seconds(50)));
    lab.wait(49.0);
    assert_eq!(lab.host.open_subscriptions(lab.now), 1);
    lab.wait(2.0);
    assert_eq!(lab.host.open_subscriptions(lab.now), 0);
    assert_eq!(pull(&mut lab, &subscribe, &subscribed), Err(0x8033_801B));

    let subscribed = lab.ask(&subscribe).unwrap();
    lab.host.upset(lab.now, Upset::EndSubscriptions);
    assert_eq!(pull(&mut lab, &subscribe, &subscribed), Err(0x8033_801B));
}

#[test]
fn what_is_no_event_query_is_refused_and_so_is_what_cannot_be_delivered() {
    let refuse = |scenario: &str, subscribe: &Subscribe| {
        let mut lab = Rehearsal::read(scenario);
        let fault = lab.ask(subscribe).unwrap_err();
        assert_eq!(lab.host.open_subscriptions(lab.now), 0);
        fault.numbers().last().unwrap()
    };
    for query in [
        "SELECT * FROM Msvm_ComputerSystem",
        "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'CIM_ConcreteJob'",
        "SELECT * FROM __InstanceModificationEvent WITHIN 1",
        "SELECT * FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'CIM_ConcreteJob' AND \
         TargetInstance.Nothing = 1",
        "nonsense",
    ] {
        assert_eq!(refuse("", &Subscribe::query(NAMESPACE, query)), 0x8004_1017, "{query}");
    }
    let unknown = "SELECT * FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'Nothing'";
    assert_eq!(refuse("", &Subscribe::query(NAMESPACE, unknown)), 0x8004_1010);
    let push = Subscribe { mode: delivery::PUSH.to_owned(), ..jobs() };
    assert_eq!(refuse("", &push), 0x8033_80FF);
    assert_eq!(refuse("", &Subscribe { locale: None, ..jobs() }), 0x8033_8114);
    assert_eq!(refuse("[questions]\nsubscriptions = false", &jobs()), 0x8033_8042);
    assert_eq!(refuse("[limits]\nmax_subscriptions = 0", &jobs()), 0x8033_81A6);
}

#[test]
fn events_are_for_whoever_subscribed() {
    let mut lab = Rehearsal::of(Scenario::default());
    let subscribe = jobs();
    let subscribed = lab.ask(&subscribe).unwrap();
    lab.caller.user = r"LAB\somebody".to_owned();
    assert_eq!(pull(&mut lab, &subscribe, &subscribed), Err(0x8033_81A9));
    assert_eq!(lab.ask(&ending(&subscribe, &subscribed)).unwrap_err().wsman_code(), Some(0x8033_81A9));
    assert_eq!(lab.host.open_subscriptions(lab.now), 1);
}
