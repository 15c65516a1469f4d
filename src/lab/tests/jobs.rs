//! Jobs live by the host's time, and tell the truth about their ends.

use std::time::Duration;

use crate::cim::{DateTime, Instance, Interval, ObjectPath, Value, embedded};
use crate::wsman::{Enumerate, Invoke};

use super::super::Upset;
use super::{FIRST, Rehearsal, SECOND, WEB01, create_point, export, machine, path, point};

fn web_export() -> Invoke {
    export(point(WEB01, FIRST), r"D:\exports\web01")
}

fn seconds(job: &Instance, property: &str) -> f64 {
    let Some(DateTime::Interval(interval)) = job.datetime(property) else { panic!("{property}") };
    interval.as_duration().as_secs_f64()
}

fn request_state(job: &ObjectPath, state: u16) -> Invoke {
    Invoke::new(job.clone(), "RequestStateChange")
        .with("RequestedState", state)
        .with("TimeoutPeriod", Value::Null)
}

#[test]
fn a_job_passes_through_its_states_as_time_passes() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.job(&web_export());
    assert_eq!(job.class, "Msvm_VirtualSystemReferencePointExportJob");
    let mut seen = Vec::new();
    for step in [0.0, 0.15, 0.85, 1.0, 1.0, 0.99, 0.02] {
        lab.wait(step);
        let job = lab.get(&job).expect("the job");
        let state = job.number("JobState").unwrap();
        let statuses: Vec<_> = job.numbers("OperationalStatus").collect();
        assert_eq!(statuses, if state == 7 { vec![17, 2] } else { vec![2] });
        assert_eq!(statuses.len(), job.texts("StatusDescriptions").count());
        seen.push((state, job.number("PercentComplete").unwrap(), seconds(&job, "ElapsedTime")));
    }
    assert_eq!(
        seen,
        [(2, 0, 0.0), (3, 3, 0.15), (4, 25, 1.0), (4, 50, 2.0), (4, 75, 3.0), (4, 99, 3.99), (7, 100, 4.0)]
    );
}

#[test]
fn nothing_happens_while_no_time_passes() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.job(&web_export());
    let first = lab.get(&job).unwrap();
    for _ in 0..100 {
        assert_eq!(lab.get(&job).unwrap(), first);
    }
    assert_eq!(first.number("PercentComplete"), Some(0));
}

#[test]
fn an_ended_job_can_be_read_for_five_minutes_and_then_is_not_found() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.job(&web_export());
    lab.wait(4.0 + 299.0);
    let ended = lab.get(&job).unwrap();
    assert_eq!(ended.number("JobState"), Some(7));
    assert_eq!(seconds(&ended, "TimeBeforeRemoval"), 300.0);
    assert_eq!(seconds(&ended, "ElapsedTime"), 4.0);
    let stamp = |name: &str| ended.datetime(name).unwrap().as_timestamp().unwrap().unix_seconds();
    assert_eq!(stamp("TimeOfLastStateChange") - stamp("StartTime"), 4);
    assert_eq!(ended.text("Owner"), Some(r"LAB\operator"));
    lab.wait(1.0);
    let fault = lab.get(&job).unwrap_err();
    assert!(fault.is_not_found() && !fault.is_class_missing(), "{fault}");
    assert_eq!(fault.wsman_code(), Some(0x8033_8000));
    assert!(lab.class("CIM_ConcreteJob").is_empty());
}

#[test]
fn all_jobs_are_found_at_their_common_class_and_each_at_its_own() {
    let mut lab = Rehearsal::of(Default::default());
    lab.job(&web_export());
    lab.job(&create_point(machine(super::DB01), 2));
    lab.wait(0.5);
    let classes = |found: Vec<Instance>| {
        let mut classes: Vec<_> = found.iter().map(|job| job.class.to_string()).collect();
        classes.sort();
        classes
    };
    let both = ["Msvm_ConcreteJob", "Msvm_VirtualSystemReferencePointExportJob"];
    assert_eq!(classes(lab.class("CIM_ConcreteJob")), both);
    assert_eq!(classes(lab.class("CIM_Job")), both);
    assert_eq!(classes(lab.class("Msvm_ConcreteJob")), both[..1]);
    assert_eq!(classes(lab.query("SELECT * FROM CIM_ConcreteJob WHERE JobState = 4").unwrap()), both);
    assert!(lab.query("SELECT * FROM CIM_ConcreteJob WHERE JobState = 7").unwrap().is_empty());
    // What libvirt would poll finds nothing of an export.
    let export = lab.class("Msvm_VirtualSystemReferencePointExportJob").remove(0);
    let id = export.text("InstanceID").unwrap();
    assert!(
        lab.query(&format!("SELECT * FROM Msvm_ConcreteJob WHERE InstanceID = '{id}'")).unwrap().is_empty()
    );
    let wrong_class = path("Msvm_ConcreteJob").with_key("InstanceID", id);
    assert!(lab.get(&wrong_class).unwrap_err().is_not_found());
}

#[test]
fn a_job_that_fails_says_so_in_every_place_and_keeps_what_it_wrote() {
    let mut lab = Rehearsal::read(
        r#"
        [[job]]
        method = "ExportReferencePoint"
        machine = "web01"
        state = 10
        ends_at = 50
        [[job.error]]
        hresult = 0x80070005
        [[job.error]]
        message = "a second <error> & more"
        message_id = "14098"
        "#,
    );
    let reference = lab.job(&web_export());
    lab.wait(1.0);
    assert_eq!(lab.get(&reference).unwrap().number("JobState"), Some(4));
    let get_errors = Invoke::new(reference.clone(), "GetErrorEx");
    let invoked = lab.invoke(&get_errors).unwrap();
    assert_eq!((invoked.code(), invoked.value("Errors")), (Some(0), Some(&Value::Null)));
    lab.wait(1.0);
    let job = lab.get(&reference).unwrap();
    assert_eq!(job.number("JobState"), Some(10));
    assert_eq!(job.number("PercentComplete"), Some(50));
    assert_eq!(job.number("ErrorCode"), Some(32768));
    assert!(job.text("ErrorDescription").unwrap().contains("0x80070005"));
    assert_eq!(job.texts("ExportedLogFilePaths").count(), 0);
    let invoked = lab.invoke(&get_errors).unwrap();
    let errors: Vec<_> = invoked.value("Errors").unwrap().scalars().filter_map(|one| one.as_str()).collect();
    let errors: Vec<_> = errors.into_iter().map(|text| embedded::read(text).expect("CIM-XML")).collect();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].class, "Msvm_Error");
    assert!(errors[0].text("Message").unwrap().contains("General access denied error"));
    assert!(errors[0].text("ErrorSource").unwrap().contains(WEB01));
    assert_eq!(errors[1].text("Message"), Some("a second <error> & more"));
    assert_eq!(errors[1].text("MessageID"), Some("14098"));
    let one = lab.invoke(&Invoke::new(reference, "GetError")).unwrap();
    let one = embedded::read(one.value("Error").unwrap().as_str().unwrap()).unwrap();
    assert_eq!(one, errors[0]);
    assert_eq!(lab.class("Msvm_VirtualSystemReferencePoint").len(), 5, "a failed export makes nothing");
}

#[test]
fn a_job_is_cancelled_cleanly_or_killed() {
    for (request, soon, later, has_files) in [(4, 6, 8, false), (5, 9, 9, true)] {
        let mut lab = Rehearsal::of(Default::default());
        let job = lab.job(&web_export());
        lab.wait(1.0);
        let files = "SELECT * FROM CIM_DataFile WHERE Path = '\\\\exports\\\\web01\\\\'";
        let files = Enumerate::query("root/cimv2", files);
        assert_eq!(lab.all(&files).unwrap().len(), 2);
        assert_eq!(lab.code(&request_state(&job, request)), 0);
        assert_eq!(lab.get(&job).unwrap().number("JobState"), Some(soon));
        lab.wait(1.0);
        let ended = lab.get(&job).unwrap();
        assert_eq!(ended.number("JobState"), Some(later));
        assert_eq!(ended.number("PercentComplete"), Some(25));
        assert_eq!(ended.number("ErrorCode"), Some(0));
        assert_eq!(!lab.all(&files).unwrap().is_empty(), has_files);
        // An export job answers with the numbers of Hyper-V, once it has ended.
        assert_eq!(lab.code(&request_state(&job, 4)), 32775);
    }
}

#[test]
fn the_usual_job_answers_a_cancellation_with_numbers_of_its_own() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.job(&create_point(machine(WEB01), 2));
    assert_eq!(job.class, "Msvm_ConcreteJob");
    let with_period = Invoke::new(job.clone(), "RequestStateChange")
        .with("RequestedState", 4_u16)
        .with("TimeoutPeriod", "00000000000100.000000:000".parse::<DateTime>().unwrap());
    assert_eq!(lab.code(&with_period), 4098);
    assert_eq!(lab.code(&request_state(&job, 3)), 1);
    assert_eq!(lab.code(&request_state(&job, 77)), 5);
    lab.wait(5.0);
    assert_eq!(lab.get(&job).unwrap().number("JobState"), Some(7));
    assert_eq!(lab.code(&request_state(&job, 4)), 4097);
}

#[test]
fn a_job_may_stall_vanish_go_through_odd_states_or_not_let_itself_be_cancelled() {
    let mut lab = Rehearsal::read("[[job]]\nstalls_at = 40\ncancellable = false");
    let job = lab.job(&web_export());
    lab.wait(100_000.0);
    let stalled = lab.get(&job).unwrap();
    assert_eq!((stalled.number("JobState"), stalled.number("PercentComplete")), (Some(4), Some(40)));
    assert_eq!(stalled.boolean("Cancellable"), Some(false));
    assert_eq!(lab.code(&request_state(&job, 4)), 32775);

    let mut lab = Rehearsal::read("[[job]]\nvanishes_after = 2");
    let job = lab.job(&web_export());
    lab.wait(1.99);
    assert_eq!(lab.get(&job).unwrap().number("JobState"), Some(4));
    lab.wait(0.01);
    assert!(lab.get(&job).unwrap_err().is_not_found());

    let mut lab = Rehearsal::read(
        "[[job]]\nduration = 10\nstates = [2, 4, 12, 11, 4]\npercents = [0, 60, 30, 30, 90]\nstate = 32768",
    );
    let job = lab.job(&web_export());
    let mut seen = Vec::new();
    for _ in 0..6 {
        let job = lab.get(&job).unwrap();
        seen.push((job.number("JobState").unwrap(), job.number("PercentComplete").unwrap()));
        lab.wait(2.0);
    }
    assert_eq!(seen, [(2, 0), (4, 60), (12, 30), (11, 30), (4, 90), (32768, 100)]);
}

#[test]
fn seven_with_an_error_code_is_told_as_it_is() {
    let mut lab = Rehearsal::read("[[job]]\nerror_code = 32768\n[[job.error]]\nraw = '<INSTANCE CLASSNAME='");
    let reference = lab.job(&web_export());
    lab.wait(10.0);
    let job = lab.get(&reference).unwrap();
    assert_eq!((job.number("JobState"), job.number("ErrorCode")), (Some(7), Some(32768)));
    let errors = lab.invoke(&Invoke::new(reference, "GetErrorEx")).unwrap();
    assert!(
        embedded::read(errors.value("Errors").unwrap().scalars().next().unwrap().as_str().unwrap()).is_err()
    );
}

#[test]
fn a_restart_of_the_service_takes_the_jobs_and_leaves_half_a_file() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.job(&web_export());
    lab.wait(2.0);
    lab.host.upset(lab.now, Upset::RestartService);
    assert!(lab.get(&job).unwrap_err().is_not_found());
    assert_eq!(lab.code(&web_export()), 32777, "the service is not there yet");
    lab.wait(100.0);
    let files =
        lab.all(&Enumerate::query("root/cimv2", "SELECT * FROM CIM_DataFile WHERE FileName = 'os'")).unwrap();
    let sizes: Vec<_> = files.iter().map(|file| file.number("FileSize").unwrap() >> 30).collect();
    assert_eq!(sizes, [18, 9], "the machine's own, and half of what was to be exported");
    assert_eq!(lab.code(&export(point(WEB01, SECOND), r"D:\exports\again")), 4096);
}

#[test]
fn the_time_of_a_job_has_six_decimals_at_most() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.job(&web_export());
    lab.now += Duration::from_nanos(1_014_947_321);
    let text = lab.text(&crate::wsman::Get::new(job)).envelope;
    assert!(text.contains(">P0DT0H0M1.014947S<"), "{text}");
}

#[test]
fn jobs_that_vanish_go_on_unseen() {
    let mut lab = Rehearsal::of(Default::default());
    lab.job(&create_point(machine(WEB01), 2));
    lab.host.upset(lab.now, Upset::VanishJobs);
    assert!(lab.class("CIM_ConcreteJob").is_empty());
    lab.wait(2.0);
    assert_eq!(lab.class("Msvm_VirtualSystemReferencePoint").len(), 6);
}

#[test]
fn a_job_has_the_fields_and_constants_of_recorded_ones() {
    let mut lab = Rehearsal::of(Default::default());
    let job = lab.finish(&web_export());
    assert_eq!(job.number("JobRunTimes"), Some(1));
    assert_eq!(job.number("LocalOrUtcTime"), Some(2));
    assert_eq!(job.number("RecoveryAction"), Some(2));
    assert_eq!(job.number("Priority"), Some(0));
    assert_eq!(job.text("Notify"), Some(""));
    assert_eq!(job.text("ErrorDescription"), Some(""));
    assert_eq!(job.boolean("DeleteOnCompletion"), Some(false));
    assert!(job.datetime("InstallDate").unwrap().as_timestamp().unwrap().is_never());
    for null in ["RunDay", "RunMonth", "RunDayOfWeek", "RunStartInterval", "UntilTime", "CommunicationStatus"]
    {
        assert_eq!(job.value(null), Some(&Value::Null), "{null}");
    }
    let id = job.text("InstanceID").unwrap();
    assert_eq!((id.len(), id.starts_with("Microsoft")), (36, false));
}

/// What a client sees of a call that lies in a host's queue: nothing, although it will be carried out.
#[test]
fn a_call_that_begins_late_shows_nothing_until_then() {
    let late = "[[job]]\nmethod = 'ExportReferencePoint'\ntimes = 1\nbegins_after = 90";
    let mut lab = Rehearsal::read(late);
    lab.header.operation_timeout = Some(Interval::new(Duration::from_secs(60)));
    let call = export(point(WEB01, FIRST), r"D:\late");
    let response = lab.text(&call);
    assert_eq!((response.status, response.delay), (500, Duration::from_secs(60)));
    let directory = ObjectPath::new("root/cimv2", "Win32_Directory").with_key("Name", r"D:\late");
    let busy = |lab: &mut Rehearsal| {
        let web01 = lab.get(&machine(WEB01)).unwrap();
        web01.numbers("OperationalStatus").any(|status| status == 32773)
    };
    for wait in [0.0, 89.9] {
        lab.wait(wait);
        assert_eq!(lab.class("CIM_ConcreteJob").len(), 0, "{wait}");
        assert!(!busy(&mut lab), "{wait}");
        assert!(lab.get(&directory).unwrap_err().is_not_found(), "{wait}");
    }
    lab.wait(0.2);
    assert!(busy(&mut lab));
    assert!(lab.get(&directory).is_ok());
    let jobs = lab.class("CIM_ConcreteJob");
    assert_eq!((jobs.len(), jobs[0].number("JobState")), (1, Some(3)));
    lab.wait(4.0);
    assert_eq!(lab.class("CIM_ConcreteJob")[0].number("JobState"), Some(7));
}

/// Meanwhile the machine may have become busy, the directory full, or the service another one.
#[test]
fn a_call_that_begins_late_meets_what_there_is_then() {
    let late = "[[job]]\nmethod = 'ExportReferencePoint'\ntimes = 1\nbegins_after = 10\n";
    let states = |lab: &mut Rehearsal| {
        let jobs = lab.class("CIM_ConcreteJob");
        jobs.iter().map(|job| job.number("JobState").unwrap()).collect::<Vec<_>>()
    };
    let call = || export(point(WEB01, FIRST), r"D:\late");
    // Another export is under way: the late one comes to nothing.
    let mut lab = Rehearsal::read(&format!("{late}[speed]\nexport = {{ seconds = 20 }}"));
    lab.text(&call());
    assert_eq!(lab.code(&call()), 4096);
    lab.wait(60.0);
    assert_eq!(states(&mut lab), [7]);
    // The files of another export are there: the late one fails on them.
    let mut lab = Rehearsal::read(late);
    lab.text(&call());
    assert_eq!(lab.code(&call()), 4096);
    lab.wait(60.0);
    let mut found = states(&mut lab);
    found.sort_unstable();
    assert_eq!(found, [7, 10]);
    // Nobody minds: both write into one directory, which is what a client must never bring about.
    let mut lab = Rehearsal::read(&format!("{late}[questions]\nexisting = \"overwrite\""));
    lab.text(&call());
    assert_eq!(lab.code(&call()), 4096);
    lab.wait(60.0);
    assert_eq!(states(&mut lab), [7, 7]);
    let mut lab = Rehearsal::read(late);
    lab.text(&call());
    lab.host.upset(lab.now, Upset::RestartService);
    lab.wait(60.0);
    assert!(states(&mut lab).is_empty());
}
