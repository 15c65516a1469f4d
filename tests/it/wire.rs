//! What foreign programs have put on the wire decodes to what it says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use refpoint::cim::{Catalog, DateTime, Instance, Scalar, Type, Value};
use refpoint::wsman::{
    Content, Fault, FaultCode, Get, GetClass, Incoming, Invoke, Invoked, Item, Operation, Page, Reply,
    Request, decode_reply, decode_request, encode_request, names,
};
use refpoint::xml::Limits;

const NAMESPACE: &str = "root/virtualization/v2";
const VM1: &str = "00000001-1111-4222-8333-0123456789AB";
const JOB: &str = "BAFEF97B-8E25-4BC7-871E-AFC30BB81B51";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire/omi")
}

/// Returns the one file whose name begins with a number and ends with `request` or `response`.
fn recorded(number: u32, side: &str) -> String {
    let (start, end) = (format!("{number:02}-"), format!(".{side}.xml"));
    let mut names = names().into_iter().filter(|name| name.starts_with(&start) && name.ends_with(&end));
    let name = names.next().unwrap_or_else(|| panic!("no recording {start}*{end}"));
    assert_eq!(names.next(), None);
    std::fs::read_to_string(folder().join(name)).unwrap()
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".xml"))
        .collect();
    names.sort();
    names
}

fn incoming(number: u32) -> Incoming {
    decode_request(&recorded(number, "request"), Catalog::bundled(), &Limits::default()).unwrap()
}

fn reply<O: Operation>(number: u32, operation: &O) -> Reply<O::Reply> {
    let request = incoming(number);
    let reply =
        decode_reply(operation, &recorded(number, "response"), Catalog::bundled(), &Limits::default());
    let reply = reply.unwrap_or_else(|error| panic!("{number}: {error}"));
    assert_eq!(reply.header.relates_to.as_deref(), Some(&*request.header.message_id), "{number}");
    reply
}

fn page(number: u32) -> Page {
    let result = match &incoming(number).request {
        Request::Enumerate(request) => reply(number, request).result,
        Request::Pull(request) => reply(number, request).result,
        other => panic!("{number}: {other:?}"),
    };
    result.unwrap()
}

fn got(number: u32) -> Instance {
    let Request::Get(request) = incoming(number).request else { panic!("{number}") };
    match reply(number, &request).result.unwrap() {
        Content::Instance(instance) => instance,
        other => panic!("{number}: {other:?}"),
    }
}

fn invoked(number: u32) -> Invoked {
    let Request::Invoke(request) = incoming(number).request else { panic!("{number}") };
    reply(number, &request).result.unwrap()
}

fn fault(number: u32) -> Fault {
    fn of<O: Operation>(number: u32, operation: &O) -> Fault {
        match reply(number, operation).result {
            Err(fault) => *fault,
            Ok(_) => panic!("{number} is no fault"),
        }
    }
    match &incoming(number).request {
        Request::Get(request) => of(number, request),
        Request::Enumerate(request) => of(number, request),
        Request::Pull(request) => of(number, request),
        Request::Invoke(request) => of(number, request),
        // Any operation will do: the answer is a fault.
        Request::Unknown { resource, .. } => of(number, &Get::new(resource.clone())),
        other => panic!("{number}: {other:?}"),
    }
}

/// The classes and identifiers of a page, its references, and whether it goes on.
fn summary(number: u32) -> (Vec<String>, usize, bool) {
    let page = page(number);
    let classes = page.instances().map(|instance| instance.class.to_string()).collect();
    (classes, page.references().count(), page.context.is_some())
}

#[test]
fn identify_says_who_made_the_service() {
    let Request::Identify(request) = incoming(1).request else { panic!() };
    let result = decode_reply(&request, &recorded(1, "response"), Catalog::bundled(), &Limits::default());
    let identity = result.unwrap().result.unwrap();
    assert_eq!(identity.vendor.as_deref(), Some("Open Management Infrastructure"));
    assert_eq!(identity.version.as_deref(), Some("1.9.1-0"));
    assert_eq!(identity.protocol_versions, [names::WSMAN.uri]);
    assert_eq!(
        identity.security_profiles,
        ["http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/basic"]
    );
}

#[test]
fn pages_hold_what_they_say_and_tell_whether_they_go_on() {
    let many = |class: &str, count| vec![class.to_owned(); count];
    let (system, point) = ("Msvm_ComputerSystem", "Msvm_VirtualSystemReferencePoint");
    let association = "Msvm_ReferencePointOfVirtualSystem";
    let job = "Msvm_VirtualSystemReferencePointExportJob";
    for (number, expected) in [
        (5, (many(system, 2), 0, true)),
        (6, (many(system, 2), 0, false)),
        (9, (many(system, 4), 0, false)),
        (10, (many(point, 2), 0, true)),
        (11, (many(point, 2), 0, true)),
        (12, (many(point, 2), 0, false)),
        (13, (vec![], 3, true)),
        (15, (many(point, 3), 3, true)),
        (17, (many(association, 3), 0, true)),
        (26, (many(system, 2), 0, false)),
        (35, (many(point, 2), 0, false)),
        (38, (many(association, 2), 0, false)),
        (39, (vec![], 0, true)),
        (78, (many(job, 4), 0, false)),
    ] {
        assert_eq!(summary(number), expected, "{number}");
    }
}

#[test]
fn a_polymorphic_enumeration_tells_each_object_s_own_class() {
    let page = page(79);
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    for instance in page.instances() {
        *classes.entry(instance.class.as_str()).or_default() += 1;
        assert!(Catalog::bundled().is_a(&instance.class, "CIM_ConcreteJob"), "{}", instance.class);
        assert!(matches!(instance.value("JobState"), Some(Value::One(Scalar::Uint16(_)))));
    }
    assert_eq!(
        classes.into_iter().collect::<Vec<_>>(),
        [("Msvm_CollectionReferencePointExportJob", 1), ("Msvm_VirtualSystemReferencePointExportJob", 4)]
    );
}

#[test]
fn a_machine_has_its_values_in_their_types() {
    let machine = got(42);
    assert_eq!(machine.text("Name"), Some(VM1));
    assert_eq!(machine.text("ElementName"), Some("vm-00001 <Ünïcödé> & \"quotes\" 日本語"));
    assert_eq!(machine.value("EnabledState"), Some(&Value::from(3_u16)));
    assert_eq!(machine.value("OperationalStatus"), Some(&Value::from(vec![2_u16])));
    assert_eq!(machine.value("InstanceID"), Some(&Value::Null));
    let host = &page(9).items[0];
    let Item::Object(host) = host else { panic!("{host:?}") };
    assert_eq!(host.value("OnTimeInMilliseconds"), Some(&Value::from(123_456_789_012_u64)));
    let changed = host.datetime("TimeOfLastConfigurationChange").unwrap();
    assert_eq!(changed.to_string(), "2023-11-14T22:25:00.123Z");
}

#[test]
fn the_same_machine_says_dates_in_the_form_of_windows_to_a_client_of_windows() {
    let machine = got(119);
    assert!(recorded(119, "response").contains("<cim:Datetime>"));
    assert!(matches!(machine.datetime("InstallDate"), Some(DateTime::Absolute(_))));
}

#[test]
fn a_reference_point_has_both_its_keys_and_its_disks() {
    let point = got(43);
    assert_eq!(
        point.text("InstanceID"),
        Some(r"Microsoft:00000001-1111-4222-8333-0123456789AB\00000001-0001-4AAA-9BBB-BBBBBBBBBBBB")
    );
    assert_eq!(point.text("VirtualSystemIdentifier"), Some(VM1));
    assert_eq!(point.value("ReferencePointType"), Some(&Value::from(2_u16)));
    assert_eq!(point.boolean("HasAssociatedData"), Some(false));
    let disks: Vec<_> = point.texts("VirtualDiskIdentifiers").collect();
    assert_eq!(
        disks,
        [r"Microsoft:00000001-1111-4222-8333-0123456789AB\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\0\0\D"]
    );
    assert_eq!(point.texts("ResilientChangeTrackingIdentifiers").count(), 1);
}

#[test]
fn references_carry_the_namespace_and_both_keys() {
    for reference in page(13).references().chain(page(15).references()) {
        let path = reference.path.as_ref().unwrap();
        assert_eq!(path.class, "Msvm_VirtualSystemReferencePoint");
        assert_eq!(path.namespace.as_deref(), Some(NAMESPACE));
        assert!(path.key("InstanceID").is_some() && path.key("VirtualSystemIdentifier").is_some());
        assert_eq!(path.keys.len(), 2);
    }
    for association in page(38).instances() {
        let machine = association.path("Antecedent").unwrap();
        assert_eq!(machine.key_text("Name").unwrap(), VM1);
        assert_eq!(association.path("Dependent").unwrap().class, "Msvm_VirtualSystemReferencePoint");
    }
}

#[test]
fn an_export_answers_with_its_number_and_its_job() {
    for (number, code, class) in [
        (54, 4096, Some("Msvm_VirtualSystemReferencePointExportJob")),
        (58, 32773, None),
        (60, 0, None),
        (62, 32773, None),
        (75, 4096, Some("Msvm_CollectionReferencePointExportJob")),
    ] {
        let answer = invoked(number);
        assert_eq!(answer.code(), Some(code), "{number}");
        assert_eq!(answer.path("Job").map(|path| path.class.as_str()), class, "{number}");
    }
    let answer = invoked(54);
    let job = answer.path("Job").unwrap();
    assert_eq!(job.key_text("InstanceID").unwrap(), JOB);
    assert_eq!(job.namespace.as_deref(), Some(NAMESPACE));
    assert_eq!(
        job.resource_uri(),
        "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Msvm_VirtualSystemReferencePointExportJob"
    );
}

#[test]
fn jobs_tell_their_state_percent_and_error() {
    for (number, state, percent, error) in [(56, 3_u16, 0_u16, 0_u16), (77, 7, 100, 0), (86, 10, 42, 32768)] {
        let job = got(number);
        assert_eq!(job.value("JobState"), Some(&Value::from(state)), "{number}");
        assert_eq!(job.value("PercentComplete"), Some(&Value::from(percent)), "{number}");
        assert_eq!(job.value("ErrorCode"), Some(&Value::from(error)), "{number}");
    }
    assert_eq!(
        got(86).text("ErrorDescription"),
        Some("'vm' failed to export reference point.\r\n<disk> read error 0x80070017 & gave up.")
    );
    let before_removal = got(77).datetime("TimeBeforeRemoval").unwrap();
    assert_eq!(before_removal.as_interval().unwrap().as_duration().as_secs(), 300);
    assert_eq!(invoked(82).code(), Some(0));
}

#[test]
fn the_errors_of_a_job_come_as_texts_to_be_read_once_more() {
    let answer = invoked(87);
    assert_eq!(answer.code(), Some(0));
    let Some(Value::Many(errors)) = answer.value("Errors") else { panic!("{answer:?}") };
    let texts: Vec<_> = errors.iter().flatten().filter_map(Scalar::as_str).collect();
    assert!(!texts.is_empty());
    for text in texts {
        let error = refpoint::cim::embedded::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(error.class, "Msvm_Error");
    }
    let answer = invoked(89);
    assert_eq!(answer.code(), Some(0));
    assert!(answer.value("Error").is_some_and(|error| !error.is_null()), "{answer:?}");
}

#[test]
fn faults_are_told_apart_by_their_numbers_and_identifiers() {
    let addressing = names::ADDRESSING.uri;
    let wsman = names::WSMAN.uri;
    for (number, code, namespace, local, status) in [
        (41, FaultCode::Sender, addressing, "DestinationUnreachable", None),
        (44, FaultCode::Receiver, wsman, "InternalError", Some(12)),
        (48, FaultCode::Sender, addressing, "DestinationUnreachable", Some(6)),
        (65, FaultCode::Sender, wsman, "AccessDenied", Some(2)),
        (66, FaultCode::Receiver, wsman, "InternalError", Some(32768)),
        (67, FaultCode::Sender, addressing, "DestinationUnreachable", Some(3)),
        (73, FaultCode::Receiver, wsman, "InternalError", Some(1)),
        (92, FaultCode::Sender, addressing, "DestinationUnreachable", Some(6)),
        (93, FaultCode::Sender, addressing, "DestinationUnreachable", Some(5)),
        (97, FaultCode::Receiver, wsman, "InternalError", None),
        (105, FaultCode::Sender, wsman, "EncodingLimit", None),
        (106, FaultCode::Sender, addressing, "DestinationUnreachable", None),
    ] {
        let fault = fault(number);
        assert_eq!(fault.code, code, "{number}");
        let subcode = fault.subcode.as_ref().unwrap();
        assert_eq!((subcode.namespace.as_str(), subcode.local.as_str()), (namespace, local), "{number}");
        assert_eq!(fault.cim_status(), status, "{number}");
        assert_eq!(fault.wsman_code(), None, "OMI has no WSManFault");
    }
    assert!(fault(65).is_access_denied() && !fault(65).is_not_found());
    assert!(fault(48).is_not_found() && fault(92).is_not_found());
    assert!(fault(105).is_too_large());
    assert!(!fault(66).is_quota() && !fault(66).is_timeout());
    assert_eq!(fault(66).message(), "lab: provider failure <text> & more");
    let detail = fault(44).cim.unwrap();
    assert_eq!(detail.class, "OMI_Error");
    assert_eq!(detail.value("OMI_Code").and_then(Value::as_u64), Some(12));
}

#[test]
fn a_header_that_was_not_understood_is_named() {
    let incoming = incoming(99);
    assert_eq!(incoming.not_understood.len(), 1);
    let Request::Get(request) = &incoming.request else { panic!("{:?}", incoming.request) };
    let reply = reply(99, request);
    assert_eq!(reply.result.unwrap_err().code, FaultCode::MustUnderstand);
}

#[test]
fn a_request_that_is_malformed_is_refused_by_us_as_it_was_by_omi() {
    let request = decode_request(&recorded(101, "request"), Catalog::bundled(), &Limits::default());
    assert!(request.is_err(), "the request is malformed on purpose");
    let any = refpoint::wsman::Identify;
    let reply =
        decode_reply(&any, &recorded(101, "response"), Catalog::bundled(), &Limits::default()).unwrap();
    let fault = reply.result.unwrap_err();
    assert_eq!(fault.code, FaultCode::Receiver);
    assert_eq!(fault.subcode.as_ref().map(|subcode| subcode.local.as_str()), Some("InternalError"));
}

#[test]
fn a_class_is_read_from_a_host() {
    let Request::GetClass(request) = incoming(53).request else { panic!() };
    assert_eq!(
        request,
        GetClass { namespace: NAMESPACE.into(), class: "Msvm_VirtualSystemReferencePointService".into() }
    );
    let class = reply(53, &request).result.unwrap();
    assert_eq!(class.superclass.as_deref(), Some("CIM_Service"));
    let bundled =
        Catalog::bundled().method("Msvm_VirtualSystemReferencePointService", "ExportReferencePoint").unwrap();
    let export = &class.methods[0];
    let shape = |method: &refpoint::cim::Method| {
        let parameters = method.parameters.iter();
        parameters
            .map(|parameter| (parameter.name.to_string(), parameter.ty, parameter.is_array))
            .collect::<Vec<_>>()
    };
    assert_eq!(shape(export), shape(bundled));
    assert_eq!(export.parameters[3].class.as_deref(), Some("CIM_ConcreteJob"));
}

/// What went over the wire sealed is as good a witness as what went in clear.
#[test]
fn the_clear_text_of_the_sealed_sessions_is_read_as_well() {
    for session in ["ntlm-raw", "spnego-ntlm"] {
        let mut decoded = Vec::new();
        for number in 3..=5 {
            let read = |side: &str| {
                let name = format!("{session}-{number:02}-message.{side}.plain.xml");
                std::fs::read_to_string(folder().join(name)).unwrap()
            };
            let incoming = decode_request(&read("request"), Catalog::bundled(), &Limits::default()).unwrap();
            let text = read("response");
            decoded.push(match &incoming.request {
                Request::Enumerate(request) => {
                    instances_of(request, &text, Catalog::bundled()).len().to_string()
                }
                Request::Pull(request) => instances_of(request, &text, Catalog::bundled()).len().to_string(),
                Request::Get(request) => {
                    let reply = decode_reply(request, &text, Catalog::bundled(), &Limits::default()).unwrap();
                    match reply.result {
                        Ok(content) => content.instance().unwrap().class.to_string(),
                        Err(fault) => fault.to_string(),
                    }
                }
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(
            decoded,
            [
                "Msvm_ComputerSystem",
                "6",
                "DestinationUnreachable, CIM status 5: The specified class does not exist."
            ],
            "{session}"
        );
    }
}

/// A class of the recording's own, which uses every type.
const ALL_TYPES: &str = r#"
#pragma namespace ("root/virtualization/v2")
class Lab_AllTypes {
    [Key] uint32 id;
    boolean b; uint8 u8; sint8 s8; uint16 u16; sint16 s16; uint32 u32; sint32 s32; uint64 u64; sint64 s64;
    real32 r32; real64 r64; datetime ts; datetime iv; string s; char16 c16;
    boolean bA[]; uint8 u8A[]; sint8 s8A[]; uint16 u16A[]; sint16 s16A[]; uint32 u32A[]; sint32 s32A[];
    uint64 u64A[]; sint64 s64A[]; real32 r32A[]; real64 r64A[]; datetime dtA[]; string sA[]; char16 c16A[];
};
"#;

fn with_all_types() -> Catalog {
    Catalog::from_mof(Catalog::bundled_mof().chain([ALL_TYPES])).unwrap()
}

#[test]
fn every_type_and_array_is_read_as_what_it_is() {
    let catalog = with_all_types();
    let Request::Get(request) = incoming(147).request else { panic!() };
    let reply = decode_reply(&request, &recorded(147, "response"), &catalog, &Limits::default()).unwrap();
    let content = reply.result.unwrap();
    let all = content.instance().unwrap();
    let is = |name: &str, value: Value| assert_eq!(all.value(name), Some(&value), "{name}");
    is("b", true.into());
    is("u8", 8_u8.into());
    is("s8", Value::from(-8_i8));
    is("u64", 64_u64.into());
    is("s64", Value::from(-64_i64));
    is("r32", 1.5_f32.into());
    is("r64", Value::from(-2.25_f64));
    is("c16", Scalar::Char16(65).into());
    is("s", "plain".into());
    is("bA", vec![true, false, true].into());
    is("u8A", vec![0_u8, 1, 255].into());
    is("s16A", vec![0_i16, -1, 32767].into());
    is("u64A", vec![1, 2, u64::MAX].into());
    is("r32A", vec![0.5_f32, -1e10, 3.0].into());
    is("r64A", vec![0.1_f64, 1e300, -0.0].into());
    is("sA", vec!["one", "", "three & <3>"].into());
    let dates: Vec<_> = all.value("dtA").unwrap().scalars().filter_map(Scalar::as_datetime).collect();
    let dates: Vec<_> = dates.iter().map(DateTime::to_string).collect();
    assert_eq!(dates, ["2020-02-29T00:00:00Z", "P12DT3H0M0S", "2020-02-29T00:00:00+05:30"]);
    assert_eq!(all.datetime("iv").unwrap().to_string(), "P1DT1H1M1.001S");
    let Some(Value::One(Scalar::Object(point))) = all.value("ei") else { panic!("{:?}", all.value("ei")) };
    assert_eq!(point.class, "Msvm_VirtualSystemReferencePoint");
    assert_eq!(point.value("ReferencePointType"), Some(&Value::from(2_u16)), "typed by its own class");
    let Some(Value::Many(points)) = all.value("eiA") else { panic!("{:?}", all.value("eiA")) };
    assert!(points.len() > 1);
    let Request::Enumerate(request) = incoming(145).request else { panic!() };
    let page = decode_reply(&request, &recorded(145, "response"), &catalog, &Limits::default()).unwrap();
    assert!(page.result.unwrap().instances().any(|other| other == all));
}

/// Compares every property of every recorded instance with what another XML parser finds.
#[test]
fn no_property_of_a_recording_is_lost_or_changed() {
    let catalog = with_all_types();
    let mut compared = 0;
    for number in [5, 6, 9, 10, 11, 12, 15, 17, 26, 35, 38, 42, 43, 56, 77, 78, 79, 86, 119, 145, 147] {
        let response = recorded(number, "response");
        let instances: Vec<Instance> = match &incoming(number).request {
            Request::Enumerate(request) => instances_of(request, &response, &catalog),
            Request::Pull(request) => instances_of(request, &response, &catalog),
            Request::Get(request) => {
                let reply = decode_reply(request, &response, &catalog, &Limits::default()).unwrap();
                vec![reply.result.unwrap().instance().unwrap().clone()]
            }
            other => panic!("{number}: {other:?}"),
        };
        let document = roxmltree::Document::parse(&response).unwrap();
        let elements: Vec<_> = document.descendants().filter(|node| is_instance(*node, &catalog)).collect();
        assert_eq!(instances.len(), elements.len(), "{number}");
        for (instance, element) in instances.iter().zip(elements) {
            compared += compare(instance, element, &catalog);
        }
    }
    assert!(compared > 1400, "only {compared} properties were compared");
}

fn instances_of<O: Operation<Reply = Page>>(request: &O, text: &str, catalog: &Catalog) -> Vec<Instance> {
    let reply = decode_reply(request, text, catalog, &Limits::default()).unwrap();
    reply.result.unwrap().instances().cloned().collect()
}

fn is_instance(node: roxmltree::Node<'_, '_>, catalog: &Catalog) -> bool {
    let parent = node.parent().map_or("", |parent| parent.tag_name().name());
    node.is_element()
        && matches!(parent, "Items" | "Item" | "Body")
        && catalog.is_known(node.tag_name().name())
}

/// Compares one instance; returns how many properties it has.
fn compare(instance: &Instance, element: roxmltree::Node<'_, '_>, catalog: &Catalog) -> usize {
    let mut raw: BTreeMap<&str, Vec<Option<String>>> = BTreeMap::new();
    for property in element.children().filter(roxmltree::Node::is_element) {
        let nil = property.attribute((names::XSI.uri, "nil")) == Some("true");
        let text = (!nil).then(|| flat_text(property));
        raw.entry(property.tag_name().name()).or_default().push(text);
    }
    assert_eq!(instance.class, element.tag_name().name());
    assert_eq!(instance.properties().len(), raw.len());
    for (name, texts) in &raw {
        let value = instance.value(name).unwrap_or_else(|| panic!("{name} is lost"));
        let declared = catalog.property(&instance.class, name);
        let found: Vec<_> = value.scalars().collect();
        let said: Vec<_> = texts.iter().flatten().collect();
        assert_eq!(found.len(), said.len(), "{name}: {value:?}");
        assert_eq!(value.is_null(), said.is_empty(), "{name}");
        for (scalar, said) in found.into_iter().zip(said) {
            match declared {
                Some(declared) => assert_eq!(scalar.ty(), declared.ty, "{name}"),
                None => assert!(matches!(scalar.ty(), Type::Object), "{name} is undeclared: {scalar:?}"),
            }
            assert!(says(scalar, said), "{name}: {scalar:?} is not {said:?}");
        }
    }
    raw.len()
}

/// Whether a value is what a text says; dates by their instant, references and objects by containing all.
fn says(scalar: &Scalar, said: &str) -> bool {
    match scalar {
        Scalar::Boolean(value) => said.eq_ignore_ascii_case(if *value { "true" } else { "false" }),
        Scalar::DateTime(value) => said.parse::<DateTime>().is_ok_and(|said| said == *value),
        Scalar::Real32(value) => said.parse::<f32>().is_ok_and(|said| said == *value),
        Scalar::Real64(value) => said.parse::<f64>().is_ok_and(|said| said == *value),
        Scalar::Reference(path) => {
            said.contains(&*path.resource_uri())
                && path.selectors().all(|(_, key)| said.contains(&*key.text()))
        }
        Scalar::Object(object) => {
            let scalars = object.properties().iter().flat_map(|property| property.value.scalars());
            scalars.filter_map(Scalar::as_str).all(|text| said.contains(text))
        }
        other => other.to_text().as_deref() == Some(said),
    }
}

fn flat_text(node: roxmltree::Node<'_, '_>) -> String {
    node.descendants().filter(roxmltree::Node::is_text).filter_map(|node| node.text()).collect()
}

/// Every recorded request that is well-formed and known, decoded and encoded again, is the same message.
#[test]
fn what_we_write_for_the_same_intent_is_what_was_recorded() {
    let mut compared = 0;
    for name in names().into_iter().filter(|name| name.ends_with(".request.xml")) {
        let number: u32 = name.split('-').next().unwrap().parse().unwrap();
        let text = recorded(number, "request");
        // 97 has an action that no class knows, 99 a header that nobody does, 101 is malformed.
        if matches!(number, 97 | 99 | 101) {
            continue;
        }
        let incoming = incoming(number);
        let ours = match &incoming.request {
            Request::Identify(operation) => encode_request(&incoming.header, operation),
            Request::Get(operation) => encode_request(&incoming.header, operation),
            Request::GetClass(operation) => encode_request(&incoming.header, operation),
            Request::Enumerate(operation) => encode_request(&incoming.header, operation),
            Request::Pull(operation) => encode_request(&incoming.header, operation),
            Request::Release(operation) => encode_request(&incoming.header, operation),
            Request::Invoke(operation) => encode_request(&incoming.header, operation),
            other => panic!("{number}: {other:?}"),
        };
        assert_eq!(canonical(&ours.unwrap()), canonical(&text), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 45);
}

/// An export, built by hand from what an operator knows, is the recorded message.
#[test]
fn an_export_call_is_built_as_recorded() {
    let incoming = incoming(54);
    let class = |name: &str| refpoint::cim::ObjectPath::new(NAMESPACE, name);
    let service = class("Msvm_VirtualSystemReferencePointService")
        .with_key("SystemCreationClassName", "Msvm_ComputerSystem")
        .with_key("SystemName", "vm")
        .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService")
        .with_key("Name", "vmms");
    let point = class("Msvm_VirtualSystemReferencePoint")
        .with_key("InstanceID", format!(r"Microsoft:{VM1}\00000001-0001-4AAA-9BBB-BBBBBBBBBBBB"))
        .with_key("VirtualSystemIdentifier", VM1);
    let settings =
        Instance::new("Msvm_VirtualSystemReferencePointExportSettingData").with("BaseReferencePoint", "");
    let call = Invoke::new(service, "ExportReferencePoint")
        .with("ReferencePoint", point)
        .with("ExportDirectory", r"C:\Exports\vm 1 & <co>")
        .with("ExportSettingData", refpoint::cim::embedded::write(&settings).unwrap());
    let ours = encode_request(&incoming.header, &call).unwrap();
    assert_eq!(canonical(&ours), canonical(&recorded(54, "request")));
}

/// A message with everything out of it that has no meaning: prefixes, the order of headers and of the
/// parts of an enumeration, the spelling of durations, blanks between elements.
fn canonical(text: &str) -> String {
    let document = roxmltree::Document::parse(text).unwrap();
    canonical_element(document.root_element())
}

fn canonical_element(element: roxmltree::Node<'_, '_>) -> String {
    let tag = element.tag_name();
    let mut attributes: Vec<_> = element
        .attributes()
        .map(|attribute| {
            format!("{{{}}}{}={:?}", attribute.namespace().unwrap_or(""), attribute.name(), attribute.value())
        })
        .collect();
    attributes.sort();
    let mut children: Vec<_> =
        element.children().filter(roxmltree::Node::is_element).map(canonical_element).collect();
    if matches!(tag.name(), "Header" | "Enumerate") {
        children.sort();
    }
    let text: String = match children.is_empty() {
        true => element.children().filter_map(|node| node.text()).collect(),
        false => String::new(),
    };
    let text = match tag.name() {
        "OperationTimeout" => text.parse::<refpoint::cim::Interval>().unwrap().to_string(),
        _ => text,
    };
    let namespace = tag.namespace().unwrap_or("");
    format!("\n<{{{namespace}}}{} {attributes:?}>{text:?}{}</>", tag.name(), children.concat())
}
