//! What Windows refuses is refused, with its faults; and what is refused has not happened.

use std::time::Duration;

use crate::cim::{Instance, Interval, ObjectPath};
use crate::wsman::{Create, Delete, Enumerate, Get, Invoke, MessageOption, Put};

use super::super::{Refusal, Rights, Scenario, Upset};
use super::{FIRST, Rehearsal, WEB01, create_point, export, machine, path, point, service, text};

fn number(lab: &mut Rehearsal, path: &ObjectPath) -> u32 {
    lab.get(path).unwrap_err().wsman_code().unwrap()
}

#[test]
fn keys_are_demanded_all_of_them_and_no_others() {
    let mut lab = Rehearsal::of(Scenario::default());
    let one_key = path("Msvm_VirtualSystemReferencePoint")
        .with_key("InstanceID", format!("Microsoft:{WEB01}\\{FIRST}"));
    assert_eq!(number(&mut lab, &one_key), 0x8033_8000);
    assert_eq!(number(&mut lab, &path("Msvm_ComputerSystem").with_key("Name", WEB01)), 0x8033_8000);
    assert_eq!(number(&mut lab, &path("Msvm_ComputerSystem")), 0x8033_80FA);
    assert_eq!(number(&mut lab, &machine(WEB01).with_key("Caption", "x")), 0x8033_805B);
    assert_eq!(number(&mut lab, &path("Msvm_Nothing").with_key("Name", "x")), 0x8004_1010);
    assert_eq!(number(&mut lab, &ObjectPath::new("root/nowhere", "X").with_key("Name", "x")), 0x8004_100E);
    assert_eq!(number(&mut lab, &point(WEB01, WEB01)), 0x8033_8000);
    let lower = point(&WEB01.to_lowercase(), &FIRST.to_lowercase());
    lab.get(&lower).expect("letter case does not count in keys");
    let call = export(one_key, r"D:\x");
    assert_eq!(lab.code(&call), 32773, "nor is one key enough in a parameter");
    let mut with_keys = Enumerate::new(machine(WEB01));
    with_keys.filter = None;
    assert_eq!(lab.ask(&with_keys).unwrap_err().wsman_code(), Some(0x8033_8108));
}

#[test]
fn services_want_a_selector_and_the_right_one() {
    let mut lab = Rehearsal::of(Scenario::default());
    let call = |service: ObjectPath, method: &str| Invoke::new(service, method);
    let bare = path("Msvm_VirtualSystemManagementService");
    let fault = lab.invoke(&call(bare, "FormatError")).unwrap_err();
    assert_eq!(fault.wsman_code(), Some(0x8004_102F));
    let bare = path("Msvm_VirtualSystemReferencePointService");
    let fault = lab.invoke(&call(bare, "ExportReferencePoint")).unwrap_err();
    assert_eq!(fault.subcode.unwrap().local, "InternalError");
    let mut create = create_point(machine(WEB01), 2);
    create.resource = service("Msvm_VirtualSystemReferencePointService").with_key("Name", "vmms");
    assert!(lab.invoke(&create).unwrap_err().is_not_found());
    create.resource = service("Msvm_VirtualSystemReferencePointService");
    assert_eq!(lab.code(&create), 4096);
    assert_eq!(lab.class("CIM_ConcreteJob").len(), 1, "only the last one started anything");
}

#[test]
fn methods_and_parameters_have_to_be_those_of_the_class() {
    let mut lab = Rehearsal::of(Scenario::default());
    let rps = || service("Msvm_VirtualSystemReferencePointService");
    let valid = export(point(WEB01, FIRST), r"D:\x");
    let with = |name: &str, value: crate::cim::Value| {
        let mut call = valid.clone();
        call.arguments.retain(|(known, _)| *known != *name);
        call.with(name, value)
    };
    let tree = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData").with("Caption", "x");
    for (what, call, number) in [
        ("an unknown method", Invoke::new(rps(), "ExportEverything"), 0x8033_8001_u32),
        ("a parameter nobody has", with("Directory", "x".into()), 0x8033_8055),
        ("an output as an input", with("Job", machine(WEB01).into()), 0x8033_8055),
        ("settings as elements", with("ExportSettingData", tree.into()), 0x8033_8041),
        ("a reference where text is due", with("ExportDirectory", machine(WEB01).into()), 0x8033_8041),
        ("text where a reference is due", with("ReferencePoint", "x".into()), 0x8033_8041),
        ("text where a number is due", create_point(machine(WEB01), 2).with("x", 1_u8), 0x8033_8055),
    ] {
        let fault = lab.invoke(&call).unwrap_err();
        assert_eq!(fault.wsman_code(), Some(number), "{what}");
    }
    let mut words = create_point(machine(WEB01), 2);
    words.arguments.retain(|(name, _)| *name != "ReferencePointType");
    let fault = lab.invoke(&words.with("ReferencePointType", "two")).unwrap_err();
    assert_eq!(fault.wsman_code(), Some(0x8033_8054));
    assert!(lab.class("CIM_ConcreteJob").is_empty());
}

/// Changes the text of a request before it is handed over, as another client would write it.
fn respelled(lab: &mut Rehearsal, request: &str, from: &str, to: &str) -> Option<u32> {
    assert!(request.contains(from), "{from}");
    let response = lab.host.handle(lab.now, &lab.caller, &request.replace(from, to));
    let reply = crate::wsman::decode_reply(
        &Get::new(machine(WEB01)),
        &response.envelope,
        crate::cim::Catalog::bundled(),
        &Default::default(),
    );
    match reply {
        Ok(reply) => reply.result.err().map(|fault| fault.wsman_code().expect("a number")),
        Err(_) if response.status == 200 => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn headers_and_spellings_that_windows_does_not_take_are_refused() {
    let mut lab = Rehearsal::of(Scenario::default());
    lab.header.message_id = "uuid:1".to_owned();
    lab.header.locale = Some("en-US".to_owned());
    lab.header.data_locale = Some("en-US".to_owned());
    lab.header.operation_timeout = Some(Interval::new(Duration::from_secs(60)));
    lab.header.max_envelope_size = Some(153_600);
    let get = crate::wsman::encode_request(&lab.header, &Get::new(machine(WEB01))).unwrap();
    let call = crate::wsman::encode_request(&lab.header, &export(point(WEB01, FIRST), r"D:\x")).unwrap();
    let wrapper = ("<p:ReferencePoint><a:Address>", "<p:ReferencePoint><a:EndpointReference><a:Address>");
    let wrapped = call.replace(wrapper.0, wrapper.1);
    for (what, request, from, to, number) in [
        ("as it is", &get, "uuid:1", "uuid:1", None),
        (
            "a locale that must be understood",
            &get,
            r#"<w:Locale xml:lang="en-US" s:mustUnderstand="false"/>"#,
            r#"<w:Locale xml:lang="en-US" s:mustUnderstand="true"/>"#,
            Some(0x8033_8087),
        ),
        (
            "a data locale that must be understood",
            &get,
            r#"<p:DataLocale xml:lang="en-US" s:mustUnderstand="false"/>"#,
            r#"<p:DataLocale xml:lang="en-US" s:mustUnderstand="true"/>"#,
            Some(0x8033_8042),
        ),
        (
            "an unknown header",
            &get,
            "<w:SelectorSet>",
            r#"<z:Z xmlns:z="urn:z" s:mustUnderstand="true"/><w:SelectorSet>"#,
            Some(0x8033_8010),
        ),
        (
            "an unknown header that need not be",
            &get,
            "<w:SelectorSet>",
            r#"<z:Z xmlns:z="urn:z"/><w:SelectorSet>"#,
            None,
        ),
        ("no message id", &get, "<a:MessageID>uuid:1</a:MessageID>", "", Some(0x8033_8011)),
        ("no XML", &get, "</s:Envelope>", "</s:Envelop>", Some(0x8033_8043)),
        ("a document type", &get, "<s:Envelope", "<!DOCTYPE s><s:Envelope", Some(0x8033_8043)),
        (
            "SOAP 1.1",
            &get,
            "http://www.w3.org/2003/05/soap-envelope",
            "http://schemas.xmlsoap.org/soap/envelope/",
            Some(0x8033_800D),
        ),
        ("an unknown action", &get, "transfer/Get", "transfer/Fetch", Some(0x8033_8001)),
        (
            "an answer to elsewhere",
            &get,
            "addressing/role/anonymous",
            "addressing/role/other",
            Some(0x8033_8042),
        ),
        ("a small envelope", &get, ">153600<", ">1000<", Some(0x8033_807E)),
        (
            "a selector twice",
            &get,
            "</w:SelectorSet>",
            r#"<w:Selector Name="name">x</w:Selector></w:SelectorSet>"#,
            Some(0x8033_805F),
        ),
        (
            "two namespaces",
            &get,
            "</w:SelectorSet>",
            r#"<w:Selector Name="__cimnamespace">root/cimv2</w:Selector></w:SelectorSet>"#,
            Some(0x8033_813B),
        ),
        (
            "one namespace twice",
            &get,
            "</w:SelectorSet>",
            r#"<w:Selector Name="__cimnamespace">root/virtualization/v2</w:Selector></w:SelectorSet>"#,
            None,
        ),
        ("no duration", &get, "PT60.000S", "a minute", Some(0x8033_8081)),
        (
            "another resource",
            &get,
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem",
            "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd",
            Some(0x8033_8000),
        ),
        (
            "a class of Hyper-V at DMTF's URI",
            &get,
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem",
            "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Msvm_ComputerSystem",
            Some(0x8033_8139),
        ),
        (
            "another letter case of the resource",
            &get,
            "wmi/root/virtualization/v2/Msvm_ComputerSystem",
            "WMI/ROOT/Virtualization/V2/msvm_computersystem",
            None,
        ),
        (
            "a wrapped reference",
            &wrapped,
            "</a:ReferenceParameters></p:ReferencePoint>",
            "</a:ReferenceParameters></a:EndpointReference></p:ReferencePoint>",
            Some(0x8033_8041),
        ),
        (
            "a parameter in another letter case",
            &call,
            "p:ExportDirectory>",
            "p:exportDirectory>",
            Some(0x8033_8055),
        ),
        (
            "arguments in another namespace",
            &call,
            r#"_INPUT xmlns:p="http://schemas.microsoft.com/"#,
            r#"_INPUT xmlns:p="http://schemas.example.com/"#,
            Some(0x8033_8058),
        ),
        ("another body", &call, "ExportReferencePoint_INPUT", "ExportReferencePoint_IN", Some(0x8033_8041)),
    ] {
        assert_eq!(respelled(&mut lab, request, from, to), number, "{what}");
    }
    assert!(lab.class("CIM_ConcreteJob").is_empty(), "what was refused has not happened");
    lab.header.options =
        vec![MessageOption { name: "wmi:x".into(), value: "y".into(), ty: None, must_comply: true }];
    assert_eq!(number(&mut lab, &machine(WEB01)), 0x8033_8039);
}

#[test]
fn a_fault_names_the_header_that_was_not_understood_and_the_machine() {
    let mut lab = Rehearsal::of(Scenario::default());
    let get = crate::wsman::encode_request(&lab.header, &Get::new(machine(WEB01))).unwrap();
    let odd =
        get.replace("<w:SelectorSet>", r#"<z:Odd xmlns:z="urn:z" s:mustUnderstand="1"/><w:SelectorSet>"#);
    let text = lab.host.handle(lab.now, &lab.caller, &odd).envelope;
    assert!(text.contains("NotUnderstood") && text.contains("urn:z") && text.contains("Odd"), "{text}");
    let fault = lab.get(&machine("x")).unwrap_err();
    assert_eq!(fault.wsman.unwrap().machine.as_deref(), Some("hv01.lab.example"));
}

#[test]
fn answers_that_do_not_fit_are_refused_and_say_whether_it_was_done() {
    let mut lab = Rehearsal::of(Scenario::default());
    let huge = "x".repeat(600_000);
    let fault = lab.get(&machine(&huge)).unwrap_err();
    assert_eq!(fault.wsman_code(), Some(0x8033_8047));
    let mut lab = Rehearsal::read(&format!("[[machine]]\nid = '{WEB01}'\nname = '{}'", "n".repeat(9000)));
    lab.header.max_envelope_size = Some(8192);
    let fault = lab.get(&machine(WEB01)).unwrap_err();
    assert!(fault.is_too_large() && !fault.was_carried_out());
    let fault = lab.ask(&Enumerate::new(path("Msvm_ComputerSystem"))).and_then(|page| match page.context {
        Some(context) => lab.ask(&Enumerate::new(path("Msvm_ComputerSystem")).pull(context)),
        None => Ok(page),
    });
    assert!(fault.unwrap_err().is_too_large());
    let errors = Invoke::new(service("Msvm_VirtualSystemManagementService"), "FormatError");
    let error = Instance::new("Msvm_Error").with("Message", "m".repeat(9000));
    lab.header.max_envelope_size = Some(20_000);
    assert_eq!(lab.code(&errors.clone().with("Errors", vec![text(&error)])), 0);
    lab.header.max_envelope_size = Some(8192);
    let fault = lab.invoke(&errors.with("Errors", vec![text(&error)])).unwrap_err();
    assert!(fault.was_carried_out() && !fault.proves_not_started());
}

#[test]
fn rights_are_denied_layer_by_layer() {
    let mut lab = Rehearsal::of(Scenario::default());
    lab.caller.rights = Rights { hyper_v: false, ..Rights::ADMINISTRATOR };
    assert_eq!(lab.class("Msvm_ComputerSystem").len(), 1, "the host is seen, its machines are not");
    assert!(lab.class("Msvm_VirtualSystemReferencePoint").is_empty());
    assert!(lab.class("Msvm_ReferencePointOfVirtualSystem").is_empty());
    assert!(lab.get(&machine(WEB01)).unwrap_err().is_not_found());
    assert_eq!(lab.code(&export(point(WEB01, FIRST), r"D:\x")), 32769);
    assert_eq!(lab.code(&create_point(machine(WEB01), 2)), 32769);
    lab.caller.rights = Rights { namespace: false, ..Rights::ADMINISTRATOR };
    assert_eq!(number(&mut lab, &machine(WEB01)), 0x8033_8104);
    lab.ask(&crate::wsman::Identify).unwrap();
    lab.caller.rights = Rights::NONE;
    assert_eq!(number(&mut lab, &machine(WEB01)), 5);
    assert!(lab.ask(&crate::wsman::Identify).unwrap_err().is_access_denied());
}

#[test]
fn a_method_that_takes_too_long_is_timed_out_and_done_all_the_same() {
    let mut lab = Rehearsal::read("[[job]]\nmethod = 'CreateReferencePoint'\ndelay = 30");
    lab.header.operation_timeout = Some(Interval::new(Duration::from_secs(10)));
    let call = create_point(machine(WEB01), 2);
    let response = lab.text(&call);
    assert_eq!((response.status, response.delay), (500, Duration::from_secs(10)));
    assert_eq!(response.entry.fault.as_deref(), Some("TimedOut"));
    assert_eq!(response.entry.return_value, Some(4096), "the log knows that it was carried out");
    lab.wait(10.0);
    assert!(lab.class("CIM_ConcreteJob").is_empty(), "it has not begun yet");
    lab.wait(20.5);
    assert_eq!(lab.class("CIM_ConcreteJob").len(), 1);
    lab.wait(1.0);
    assert_eq!(lab.class("Msvm_VirtualSystemReferencePoint").len(), 6);
    lab.header.operation_timeout = Some(Interval::new(Duration::from_secs(3600)));
    let response = lab.text(&call);
    assert_eq!((response.status, response.delay), (200, Duration::from_secs(30)));
}

#[test]
fn an_upset_refuses_one_request_and_a_rule_refuses_a_method() {
    let mut lab = Rehearsal::of(Scenario::default());
    for refusal in
        [Refusal::Quota, Refusal::Busy, Refusal::TimedOut, Refusal::AccessDenied, Refusal::InternalError]
    {
        lab.host.upset(lab.now, Upset::Refuse(refusal));
        let fault = lab.invoke(&create_point(machine(WEB01), 2)).unwrap_err();
        assert_eq!(fault.is_quota(), refusal == Refusal::Quota);
        assert_eq!(fault.is_timeout(), refusal == Refusal::TimedOut);
        lab.get(&machine(WEB01)).unwrap();
    }
    assert!(lab.class("CIM_ConcreteJob").is_empty());
    let mut lab = Rehearsal::read("[[job]]\nfault = 'quota'\ntimes = 2");
    for _ in 0..2 {
        assert!(lab.invoke(&create_point(machine(WEB01), 2)).unwrap_err().is_quota());
    }
    assert_eq!(lab.code(&create_point(machine(WEB01), 2)), 4096);
}

#[test]
fn objects_are_not_changed_made_or_deleted_but_by_methods() {
    let mut lab = Rehearsal::of(Scenario::default());
    let content =
        || crate::wsman::Content::Instance(Instance::new("Msvm_ComputerSystem").with("ElementName", "x"));
    let put = Put { resource: machine(WEB01), fragment: None, content: content() };
    assert_eq!(lab.ask(&put).unwrap_err().wsman_code(), Some(0x8033_8102));
    let create = Create { resource: path("Msvm_ComputerSystem"), fragment: None, content: content() };
    assert_eq!(lab.ask(&create).unwrap_err().wsman_code(), Some(0x8033_8102));
    assert_eq!(lab.ask(&Delete::new(machine(WEB01))).unwrap_err().wsman_code(), Some(0x8033_8102));
    assert!(lab.ask(&Delete::new(machine(FIRST))).unwrap_err().is_not_found());
    assert_eq!(lab.get(&machine(WEB01)).unwrap().text("ElementName"), Some("web01"));
}

#[test]
fn a_clock_that_is_wrong_shows_in_times_and_changes_nothing_else() {
    let mut lab = Rehearsal::of(Scenario::default());
    let job = lab.job(&export(point(WEB01, FIRST), r"D:\x"));
    let before = lab.get(&job).unwrap();
    lab.host.upset(lab.now, Upset::ClockSkew(-7200));
    let after = lab.get(&job).unwrap();
    let start = |job: &Instance| job.datetime("StartTime").unwrap().as_timestamp().unwrap().unix_seconds();
    assert_eq!(start(&before) - start(&after), 7200);
    assert_eq!(before.number("PercentComplete"), after.number("PercentComplete"));
}

#[test]
fn a_fault_speaks_the_language_of_the_host_with_the_same_numbers() {
    let mut english = Rehearsal::of(Scenario::default());
    let mut japanese = Rehearsal::read("[host]\nlocale = 'ja-JP'");
    let (one, other) = (english.get(&machine("x")).unwrap_err(), japanese.get(&machine("x")).unwrap_err());
    assert_ne!(one.reason, other.reason);
    assert!(!other.reason.is_ascii());
    assert_eq!(one.wsman_code(), other.wsman_code());
    let text = japanese.text(&Get::new(machine("x"))).envelope;
    assert!(text.contains(r#"<s:Text xml:lang="ja-JP">"#));
}
