//! Two calls at once on one thing: the second is refused, and what is answered as done is done.

use crate::cim::{Instance, ObjectPath, Value, embedded};
use crate::wsman::Invoke;

use super::super::Scenario;
use super::{
    DB_LOG, DB01, FIRST, Rehearsal, SECOND, SHOP, SHOP_FIRST, WEB01, collection, create_point, export,
    machine, path, point, service,
};

fn of_points(method: &str, point: ObjectPath) -> Invoke {
    Invoke::new(service("Msvm_VirtualSystemReferencePointService"), method)
        .with("AffectedReferencePoint", point)
}

fn destroy(point: ObjectPath) -> Invoke {
    of_points("DestroyReferencePoint", point)
}

fn drop_log(point: ObjectPath) -> Invoke {
    of_points("RemoveAssociatedData", point)
}

fn of_collections(method: &str) -> Invoke {
    Invoke::new(service("Msvm_CollectionReferencePointService"), method)
}

fn of_groups(method: &str) -> Invoke {
    Invoke::new(service("Msvm_CollectionManagementService"), method).with("Collection", shop())
}

fn shop() -> ObjectPath {
    path("Msvm_VirtualSystemCollection").with_key("CollectionID", SHOP)
}

fn state(lab: &mut Rehearsal, job: &ObjectPath) -> u64 {
    lab.get(job).unwrap().number("JobState").unwrap()
}

#[test]
fn a_point_that_is_being_destroyed_is_neither_destroyed_nor_exported_nor_a_base() {
    let mut lab = Rehearsal::of(Scenario::default());
    let job = lab.job(&destroy(point(WEB01, FIRST)));
    assert_eq!(lab.code(&destroy(point(WEB01, FIRST))), 32775);
    assert_eq!(lab.code(&export(point(WEB01, FIRST), r"D:\1")), 32775);
    let base = super::export_settings(Some(&point(WEB01, FIRST)), &[]);
    let call = super::export_with(point(WEB01, SECOND), r"D:\2", super::text(&base));
    assert_eq!(lab.code(&call), 32775);
    let whole = of_collections("DestroyReferencePoint")
        .with("AffectedReferencePointCollection", collection(SHOP_FIRST));
    assert_eq!(lab.code(&whole), 5);
    assert_eq!(lab.code(&destroy(point(WEB01, SECOND))), 4096, "another point is free");
    lab.wait(10.0);
    assert_eq!(state(&mut lab, &job), 7);
    assert_eq!(lab.class("CIM_ConcreteJob").len(), 2);
}

#[test]
fn a_log_is_not_dropped_twice_nor_while_it_is_read() {
    let mut lab = Rehearsal::of(Scenario::default());
    lab.job(&export(point(DB01, DB_LOG), r"D:\1"));
    assert_eq!(lab.code(&drop_log(point(DB01, DB_LOG))), 32774);
    lab.wait(10.0);
    let job = lab.job(&drop_log(point(DB01, DB_LOG)));
    for call in
        [drop_log(point(DB01, DB_LOG)), destroy(point(DB01, DB_LOG)), export(point(DB01, DB_LOG), r"D:\2")]
    {
        assert_eq!(lab.code(&call), 32774, "{}", call.method);
    }
    lab.wait(10.0);
    assert_eq!(state(&mut lab, &job), 7);
    assert_eq!(lab.get(&point(DB01, DB_LOG)).unwrap().boolean("HasAssociatedData"), Some(false));
}

#[test]
fn a_collection_at_work_is_left_alone_and_so_is_its_group() {
    let mut lab = Rehearsal::of(Scenario::default());
    let of = |method| of_collections(method).with("AffectedReferencePointCollection", collection(SHOP_FIRST));
    lab.job(&of("DestroyReferencePoint"));
    assert_eq!(lab.code(&of("DestroyReferencePoint")), 5);
    assert_eq!(lab.code(&destroy(point(WEB01, FIRST))), 32775, "it goes with the collection");
    let export = of_collections("ExportReferencePoint")
        .with("ReferencePointCollection", collection(SHOP_FIRST))
        .with("ExportDirectory", r"D:\1");
    assert_eq!(lab.code(&export), 32775);
    lab.wait(10.0);
    assert!(lab.get(&collection(SHOP_FIRST)).is_err());

    let create = || {
        of_collections("CreateReferencePoint").with("Collection", shop()).with("ReferencePointType", 1_u16)
    };
    let job = lab.job(&create());
    for method in ["DestroyCollection", "RemoveMember"] {
        let call = of_groups(method);
        let call = if method == "RemoveMember" { call.with("Member", machine(WEB01)) } else { call };
        assert_eq!(lab.code(&call), 32774, "{method}");
    }
    lab.wait(10.0);
    assert_eq!(state(&mut lab, &job), 7);
    let remove = of_groups("RemoveMember").with("Member", machine(WEB01));
    assert_eq!(lab.code(&remove), 0);
    lab.job(&create());
    let add = of_groups("AddMember").with("Member", machine(WEB01));
    assert_eq!(lab.code(&add), 32774);
    lab.wait(10.0);
    assert_eq!(lab.code(&add), 0);
    // The log of a whole collection, twice.
    let logs = lab.class("Msvm_ReferencePointCollection");
    let log = logs.iter().find(|it| it.number("ReferencePointType") == Some(1)).unwrap();
    let drop = of_collections("RemoveAssociatedData")
        .with("AffectedReferencePointCollection", collection(log.text("CollectionID").unwrap()));
    assert_eq!(lab.code(&drop), 4096);
    assert_eq!(lab.code(&drop), 32774, "DMTF has no number of its own for that");
    lab.wait(10.0);
    assert_eq!(lab.code(&drop), 5, "the logs are gone");
}

#[test]
fn what_fails_without_a_job_returns_a_failure_and_makes_nothing() {
    let points = |lab: &mut Rehearsal| lab.class("Msvm_VirtualSystemReferencePoint").len();
    let mut lab = Rehearsal::read("[questions]\nresults = 'synchronous'\n[[job]]\nstate = 10");
    let invoked = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
    assert_eq!(invoked.code(), Some(2), "this method has the numbers of DMTF");
    assert_eq!(invoked.value("ResultingReferencePoint"), Some(&Value::Null));
    assert_eq!((points(&mut lab), lab.class("CIM_ConcreteJob").len()), (5, 0));

    let mut lab = Rehearsal::read("[[job]]\nreturn_value = 0");
    let invoked = lab.invoke(&create_point(machine(WEB01), 2)).unwrap();
    assert_eq!((invoked.code(), invoked.value("Job")), (Some(0), Some(&Value::Null)));
    lab.get(invoked.path("ResultingReferencePoint").unwrap()).unwrap();
    assert_eq!(lab.code(&destroy(point(WEB01, FIRST))), 0);
    assert!(lab.get(&point(WEB01, FIRST)).unwrap_err().is_not_found());
    assert_eq!(lab.code(&export(point(WEB01, SECOND), r"D:\1")), 0);
    assert_eq!(lab.code(&export(point(WEB01, SECOND), r"D:\1")), 32768, "its files are there already");
    assert_eq!(lab.code(&export(point(WEB01, SECOND), r"\\nas1\closed\1")), 32768);
    assert!(lab.class("CIM_ConcreteJob").is_empty());
}

#[test]
fn a_job_with_warnings_hands_its_texts_out() {
    let mut lab = Rehearsal::read("[[job]]\nstate = 32768\n[[job.error]]\nhresult = 0x80070020");
    let job = lab.job(&export(point(WEB01, FIRST), r"D:\1"));
    lab.wait(10.0);
    assert_eq!(lab.get(&job).unwrap().number("ErrorCode"), Some(0));
    let errors = lab.invoke(&Invoke::new(job.clone(), "GetErrorEx")).unwrap();
    let texts: Vec<_> = errors.value("Errors").unwrap().scalars().filter_map(|text| text.as_str()).collect();
    let [text] = *texts else { panic!("{texts:?}") };
    let error = embedded::read(text).unwrap();
    assert!(error.text("Message").unwrap().contains("0x80070020"));
    let one = lab.invoke(&Invoke::new(job, "GetError")).unwrap();
    assert_eq!(one.value("Error").unwrap().as_str(), Some(text));
}

#[test]
fn a_kill_ends_what_is_terminating_now_and_is_not_taken_back() {
    let ask = |job: &ObjectPath, state: u16| {
        Invoke::new(job.clone(), "RequestStateChange")
            .with("RequestedState", state)
            .with("TimeoutPeriod", Value::Null)
    };
    let elapsed = |job: &Instance| match job.datetime("ElapsedTime") {
        Some(crate::cim::DateTime::Interval(interval)) => interval.as_duration().as_secs_f64(),
        other => panic!("{other:?}"),
    };
    let mut lab = Rehearsal::read("[speed]\ncancel = 3");
    let job = lab.job(&export(point(WEB01, FIRST), r"D:\1"));
    lab.wait(1.0);
    assert_eq!(lab.code(&ask(&job, 4)), 0);
    lab.wait(1.0);
    let before = elapsed(&lab.get(&job).unwrap());
    assert_eq!(lab.code(&ask(&job, 5)), 0);
    let killed = lab.get(&job).unwrap();
    assert_eq!((killed.number("JobState"), elapsed(&killed)), (Some(9), before));
    assert_eq!(elapsed(&killed), 2.0);

    let job = lab.job(&export(point(WEB01, FIRST), r"D:\2"));
    assert_eq!((lab.code(&ask(&job, 5)), lab.code(&ask(&job, 4))), (0, 32775));
    assert_eq!(state(&mut lab, &job), 9);
}

#[test]
fn a_machine_changes_its_state_once_at_a_time() {
    let ask = |state: u16| Invoke::new(machine(WEB01), "RequestStateChange").with("RequestedState", state);
    let mut lab = Rehearsal::of(Scenario::default());
    let first = lab.invoke(&ask(3)).unwrap();
    let second = lab.invoke(&ask(3)).unwrap();
    let third = lab.invoke(&ask(2)).unwrap();
    assert_eq!(first.code(), Some(4096));
    assert_eq!(second.code(), third.code());
    assert!(matches!(second.code(), Some(32775 | 5)), "{second:?}");
    assert_eq!(lab.class("CIM_ConcreteJob").len(), 1);
    lab.wait(10.0);
    assert_eq!(lab.get(&machine(WEB01)).unwrap().number("EnabledState"), Some(3));
    assert_eq!(lab.code(&ask(2)), 4096);
}

#[test]
fn a_call_whose_answer_is_late_is_at_work_all_the_same() {
    let mut lab = Rehearsal::read("[[job]]\nmethod = 'DestroyReferencePoint'\ntimes = 1\ndelay = 5");
    assert_eq!(lab.code(&destroy(point(WEB01, FIRST))), 4096);
    assert_eq!(lab.code(&destroy(point(WEB01, FIRST))), 32775);
    assert_eq!(lab.code(&export(point(WEB01, FIRST), r"D:\1")), 32775);
    lab.wait(20.0);
    assert!(lab.get(&point(WEB01, FIRST)).unwrap_err().is_not_found());
}
