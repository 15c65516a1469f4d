//! Messages in the shapes that the protocol page describes for Windows and OMI, composed by hand: what our
//! encoder would never write must be read all the same.

use refpoint::cim::{Catalog, DateTime, Instance, Key, Scalar, Value};
use refpoint::wsman::{
    Content, Enumerate, Error, Fault, FaultCode, Get, Identify, Incoming, Invoke, Invoked, Item, Mode,
    Operation, Page, ProviderFault, Reply, Request, Subcode, WsmanFault, decode_reply, decode_request, names,
};
use refpoint::xml::Limits;

use super::{NAMESPACE, ObjectPath, catalog};

/// The class URI of a class of Hyper-V.
fn uri(class: &str) -> String {
    format!("http://schemas.microsoft.com/wbem/wsman/1/wmi/{NAMESPACE}/{class}")
}

/// An answer in the envelope of Windows, in which prefixes are declared as Windows does.
fn envelope(body: &str) -> String {
    format!(
        r#"<s:Envelope xml:lang="ja-JP" xmlns:s="http://www.w3.org/2003/05/soap-envelope"
            xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
            xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"
            xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
            xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
            xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common">
          <s:Header>
            <a:Action>http://schemas.xmlsoap.org/ws/2004/09/enumeration/PullResponse</a:Action>
            <a:MessageID>uuid:45697184-34FA-4722-BF84-AF362DAF7832</a:MessageID>
            <a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>
            <p:OperationID s:mustUnderstand="false">uuid:51C8</p:OperationID>
            <p:SequenceId>1</p:SequenceId>
            <p:ActivityId s:mustUnderstand="false">0F3E</p:ActivityId>
            <a:RelatesTo>uuid:E9802257</a:RelatesTo>
          </s:Header>
          <s:Body>{body}</s:Body>
        </s:Envelope>"#
    )
}

fn reply<O: Operation>(operation: &O, body: &str) -> Result<Reply<O::Reply>, Error> {
    decode_reply(operation, &envelope(body), catalog(), &Limits::default())
}

#[track_caller]
fn read<O: Operation>(operation: &O, body: &str) -> O::Reply {
    let reply = reply(operation, body).unwrap_or_else(|error| panic!("{error:?} in {body}"));
    reply.result.unwrap_or_else(|fault| panic!("{fault} in {body}"))
}

fn class(class: &str) -> ObjectPath {
    ObjectPath::new(NAMESPACE, class)
}

fn pull(name: &str) -> refpoint::wsman::Pull {
    Enumerate::new(class(name)).pull("c")
}

fn objects(page: &Page) -> Vec<&Instance> {
    page.instances().collect()
}

// ---- pages ----

#[test]
fn a_page_of_windows_is_read_with_its_types() {
    let text = envelope(&format!(
        r#"<n:PullResponse>
          <n:EnumerationContext>uuid:2A0B4F5E-0000-0000-0000-000000000001</n:EnumerationContext>
          <n:Items>
            <p:Msvm_ComputerSystem xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:p="{system}"
                xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xsi:type="p:Msvm_ComputerSystem_Type"
                xml:lang="ja-JP">
              <p:Caption>仮想マシン</p:Caption>
              <p:ElementName>web &amp; <![CDATA[<db>]]></p:ElementName>
              <p:EnabledState>2</p:EnabledState>
              <p:Description></p:Description>
              <p:InstallDate><cim:Datetime>2014-04-03T14:45:50.46875+08:00</cim:Datetime></p:InstallDate>
              <p:InstanceID xsi:nil="true"></p:InstanceID>
              <p:OnTimeInMilliseconds>18446744073709551615</p:OnTimeInMilliseconds>
              <p:OperationalStatus>2</p:OperationalStatus>
              <p:StatusDescriptions xsi:nil="1"/>
            </p:Msvm_ComputerSystem>
            <p:Msvm_ComputerSystem xmlns:p="{system}" xsi:type="p:Msvm_ComputerSystem_Type">
              <p:OperationalStatus>2</p:OperationalStatus>
              <p:OperationalStatus>32768</p:OperationalStatus>
              <p:EnabledState> +3
              </p:EnabledState>
            </p:Msvm_ComputerSystem>
          </n:Items>
        </n:PullResponse>"#,
        system = uri("Msvm_ComputerSystem"),
    ));
    let reply =
        decode_reply(&pull("Msvm_ComputerSystem"), &text, Catalog::bundled(), &Limits::default()).unwrap();
    assert_eq!(reply.header.language.as_deref(), Some("ja-JP"));
    assert_eq!(reply.header.relates_to.as_deref(), Some("uuid:E9802257"));
    assert_eq!(
        (reply.header.operation_id.as_deref(), reply.header.sequence_id),
        (Some("uuid:51C8"), Some(1))
    );
    let page = reply.result.unwrap();
    assert_eq!(page.context.as_deref(), Some("uuid:2A0B4F5E-0000-0000-0000-000000000001"));
    let machines = objects(&page);
    let mut expected = Instance::new("Msvm_ComputerSystem")
        .with("Caption", "仮想マシン")
        .with("ElementName", "web & <db>")
        .with("EnabledState", 2_u16)
        .with("Description", "")
        .with("InstallDate", "2014-04-03T14:45:50.46875+08:00".parse::<DateTime>().unwrap())
        .with("InstanceID", Value::Null)
        .with("OnTimeInMilliseconds", u64::MAX)
        .with("OperationalStatus", vec![2_u16])
        .with("StatusDescriptions", Value::Null);
    expected.namespace = Some(NAMESPACE.into());
    assert_eq!(*machines[0], expected);
    assert_eq!(machines[1].value("OperationalStatus"), Some(&Value::from(vec![2_u16, 32768])));
    assert_eq!(machines[1].number("EnabledState"), Some(3));
}

#[test]
fn dates_and_intervals_are_read_in_every_shape_in_which_hosts_put_them() {
    let date: Value = "2026-10-05T04:23:50Z".parse::<DateTime>().unwrap().into();
    let interval: Value = "P0DT0H5M0S".parse::<DateTime>().unwrap().into();
    for (inside, expected) in [
        ("<cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime>", &date),
        ("\n  <cim:Datetime> 2026-10-05T04:23:50Z </cim:Datetime>\n", &date),
        ("<cim:CIM_DateTime><cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime></cim:CIM_DateTime>", &date),
        ("<Datetime xmlns=''>2026-10-05T04:23:50Z</Datetime>", &date),
        ("2026-10-05T04:23:50Z", &date),
        ("20261005042350.000000-000", &date),
        ("<cim:Interval>P0DT0H5M0S</cim:Interval>", &interval),
        ("<cim:Interval>PT5M</cim:Interval>", &interval),
        ("PT5M", &interval),
        ("PT300.000S", &interval),
        ("00000000000500.000000:000", &interval),
    ] {
        let job = format!(
            r#"<p:Msvm_ConcreteJob xmlns:p="{}"><p:ElapsedTime>{inside}</p:ElapsedTime></p:Msvm_ConcreteJob>"#,
            uri("Msvm_ConcreteJob")
        );
        let content = read(&Get::new(class("Msvm_ConcreteJob")), &job);
        assert_eq!(content.instance().unwrap().value("ElapsedTime"), Some(expected), "{inside}");
    }
}

#[test]
fn a_first_page_ends_however_its_host_says_so() {
    let operation = Enumerate::new(class("Msvm_ConcreteJob"));
    let job = format!(r#"<p:Msvm_ConcreteJob xmlns:p="{}"/>"#, uri("Msvm_ConcreteJob"));
    for (first_page, items, context) in [
        // Windows: everything fitted.
        ("<n:EnumerationContext></n:EnumerationContext><w:Items>JOB</w:Items><w:EndOfSequence/>", 1, None),
        ("<n:EnumerationContext/><w:Items/><w:EndOfSequence/>", 0, None),
        // No context at all, marked or not.
        ("<w:Items>JOB</w:Items><w:EndOfSequence/>", 1, None),
        ("<w:Items>JOBJOB</w:Items>", 2, None),
        ("<n:EnumerationContext> \n </n:EnumerationContext><w:Items>JOB</w:Items>", 1, None),
        // OMI: a context beside the marker, which wins.
        ("<n:EnumerationContext>7</n:EnumerationContext><w:Items>JOB</w:Items><w:EndOfSequence/>", 1, None),
        // The markers in the namespace that belongs to the other message, and in another order.
        ("<n:EndOfSequence/><n:Items>JOB</n:Items><n:EnumerationContext>7</n:EnumerationContext>", 1, None),
        ("<n:Items>JOB</n:Items><n:EnumerationContext>7</n:EnumerationContext>", 1, Some("7")),
        // Not optimized: a context alone, or, from OMI, with an empty list.
        ("<n:EnumerationContext>7</n:EnumerationContext>", 0, Some("7")),
        (
            "<n:Expires>PT60S</n:Expires><n:EnumerationContext>7</n:EnumerationContext><w:Items/>",
            0,
            Some("7"),
        ),
        // Strangers in other namespaces say nothing.
        (
            "<x:EndOfSequence xmlns:x='urn:x'/><EndOfSequence/><n:EnumerationContext>a &amp; b</n:EnumerationContext>",
            0,
            Some("a & b"),
        ),
    ] {
        let body = format!("<n:EnumerateResponse>{}</n:EnumerateResponse>", first_page.replace("JOB", &job));
        let page = read(&operation, &body);
        assert_eq!((page.items.len(), page.context.as_deref()), (items, context), "{first_page}");
        let body = body.replace("EnumerateResponse", "PullResponse");
        let page = read(&operation.pull("6"), &body);
        assert_eq!((page.items.len(), page.context.as_deref()), (items, context), "{first_page}");
        assert!(reply(&operation, &body).is_err(), "a PullResponse does not answer an Enumerate");
    }
}

#[test]
fn properties_that_are_called_like_parts_of_the_protocol_are_properties() {
    let class_uri = uri("Odd_Class");
    let body = format!(
        r#"<n:PullResponse><n:EnumerationContext>8</n:EnumerationContext><n:Items>
          <p:Odd_Class xmlns:p="{class_uri}"><p:EndOfSequence/><p:Fault>no</p:Fault><p:Items>3</p:Items>
            <p:Item>x</p:Item><p:EnumerationContext>9</p:EnumerationContext><p:Body>b</p:Body></p:Odd_Class>
          <p:EndOfSequence xmlns:p="{class_uri}"><p:Id>1</p:Id></p:EndOfSequence>
        </n:Items></n:PullResponse>"#
    );
    let page = read(&pull("Odd_Class"), &body);
    assert_eq!(page.context.as_deref(), Some("8"));
    let odd = objects(&page);
    let names: Vec<_> = odd[0].properties().iter().map(|property| property.name.as_str()).collect();
    assert_eq!(names, ["EndOfSequence", "Fault", "Items", "Item", "EnumerationContext", "Body"]);
    assert_eq!(odd[0].text("Fault"), Some("no"));
    assert_eq!(odd[1].class, "EndOfSequence");
    let fault = format!(r#"<p:Fault xmlns:p="{class_uri}"><p:Code>5</p:Code></p:Fault>"#);
    let content = read(&Get::new(class("Fault")), &fault);
    assert_eq!(content.instance().unwrap().number("Code"), Some(5), "a class may be called Fault");
}

#[test]
fn rows_of_a_projection_are_typed_by_the_class_that_the_query_names() {
    let body = r#"<n:PullResponse><n:Items>
          <w:XmlFragment><Name>web01</Name><EnabledState>2</EnabledState><InstallDate><Datetime>2014-04-03T14:45:50+08:00</Datetime></InstallDate>
            <OperationalStatus>2</OperationalStatus><Description xsi:nil="true"/></w:XmlFragment>
          <w:XmlFragment xmlns="urn:other"><Name xmlns="">web02</Name><EnabledState xmlns="">3</EnabledState></w:XmlFragment>
        </n:Items><n:EndOfSequence/></n:PullResponse>"#;
    let query =
        Enumerate::query(NAMESPACE, "SELECT Name, EnabledState FROM Msvm_ComputerSystem WHERE Name='x'");
    let page = read(&query.pull("c"), body);
    let expected = Instance::new("Msvm_ComputerSystem")
        .with("Name", "web01")
        .with("EnabledState", 2_u16)
        .with("InstallDate", "2014-04-03T14:45:50+08:00".parse::<DateTime>().unwrap())
        .with("OperationalStatus", vec![2_u16])
        .with("Description", Value::Null);
    let second = Instance::new("Msvm_ComputerSystem").with("Name", "web02").with("EnabledState", 3_u16);
    assert_eq!(page.items, [Item::Projection(expected), Item::Projection(second)]);
    let untyped = read(&Enumerate::query(NAMESPACE, "SELECT * FROM").pull("c"), body);
    assert_eq!(objects(&untyped)[0].text("EnabledState"), Some("2"), "nobody knows the class");
    assert_eq!(objects(&untyped)[0].number("EnabledState"), Some(2));
}

#[test]
fn a_fragment_is_a_text_or_some_properties() {
    let get = Get::new(class("Msvm_ComputerSystem"));
    assert_eq!(read(&get, "<w:XmlFragment> a&amp;b </w:XmlFragment>"), Content::Text(" a&b ".to_owned()));
    assert_eq!(read(&get, "<w:XmlFragment/>"), Content::Text(String::new()));
    let one = Instance::new("Msvm_ComputerSystem").with("EnabledState", 2_u16);
    let body = "<w:XmlFragment>\n<EnabledState>2</EnabledState></w:XmlFragment>";
    assert_eq!(read(&get, body), Content::Properties(one));
}

#[test]
fn references_come_alone_and_beside_their_objects() {
    let reference = format!(
        r#"<a:EndpointReference><a:Address>{}</a:Address><a:ReferenceParameters>
          <w:ResourceURI>{}</w:ResourceURI><w:SelectorSet><w:Selector Name="InstanceID">Microsoft:A\B</w:Selector>
          <w:Selector Name="Outer"><a:EndpointReference><a:Address/><a:ReferenceParameters><w:ResourceURI>{}</w:ResourceURI>
            </a:ReferenceParameters></a:EndpointReference></w:Selector></w:SelectorSet></a:ReferenceParameters>
          </a:EndpointReference>"#,
        names::ANONYMOUS,
        uri("Msvm_VirtualSystemReferencePoint"),
        uri("Msvm_ComputerSystem"),
    );
    let object = format!(r#"<p:Msvm_ConcreteJob xmlns:p="{}"/>"#, uri("Msvm_ConcreteJob"));
    let body = format!(
        "<n:PullResponse><n:Items>{reference}<w:Item>{object}{reference}</w:Item><w:Item>{reference}{object}</w:Item>\
        </n:Items></n:PullResponse>"
    );
    let operation = Enumerate { mode: Mode::ObjectAndReference, ..Enumerate::new(class("Msvm_ConcreteJob")) };
    let page = read(&operation.pull("c"), &body);
    assert_eq!((page.references().count(), objects(&page).len()), (3, 2));
    for reference in page.references() {
        let path = reference.path.as_ref().unwrap();
        assert_eq!(path.key_text("InstanceID").as_deref(), Some(r"Microsoft:A\B"));
        let Some(Key::Path(outer)) = path.key("Outer") else { panic!("{path:?}") };
        assert_eq!(outer.class, "Msvm_ComputerSystem");
    }
}

#[test]
fn an_unknown_class_of_job_is_typed_by_the_class_that_was_expected() {
    let body = format!(
        r#"<p:Msvm_FutureExportJob xmlns:p="{}" xsi:type="p:Msvm_FutureExportJob_Type"><p:Brand_New>12</p:Brand_New>
          <p:jobstate>7</p:jobstate><p:PercentComplete>100</p:PercentComplete><p:OperationalStatus>2</p:OperationalStatus>
          <p:ExportedDisks>one</p:ExportedDisks></p:Msvm_FutureExportJob>"#,
        uri("Msvm_FutureExportJob")
    );
    let expected_job = class("CIM_ConcreteJob");
    for job in [
        read(&Get::new(expected_job), &body),
        // Asked for by its own name, no schema helps; numbers are found all the same.
        read(&Get::new(class("Msvm_FutureExportJob")), &body),
    ] {
        let job = job.instance().unwrap();
        assert_eq!(job.class, "Msvm_FutureExportJob");
        assert_eq!(job.number("JobState"), Some(7));
        assert_eq!(job.number("PercentComplete"), Some(100));
        assert_eq!(job.number("Brand_New"), Some(12));
        assert_eq!(job.texts("ExportedDisks").collect::<Vec<_>>(), ["one"]);
    }
    let typed = read(&Get::new(class("CIM_ConcreteJob")), &body);
    assert_eq!(typed.instance().unwrap().value("JobState"), Some(&Value::from(7_u16)));
    assert_eq!(typed.instance().unwrap().value("OperationalStatus"), Some(&Value::from(vec![2_u16])));
}

#[test]
fn octets_are_read_as_base64_and_as_numbers() {
    let of = |inside: &str| {
        let body =
            format!(r#"<p:Trip_EveryType xmlns:p="{}">{inside}</p:Trip_EveryType>"#, uri("Trip_EveryType"));
        reply(&Get::new(class("Trip_EveryType")), &body).map(|reply| match reply.result {
            Ok(content) => content.instance().unwrap().value("u8s").cloned().unwrap_or_default(),
            Err(fault) => panic!("{fault}"),
        })
    };
    let octets = |octets: &[u8]| Ok(Value::from(octets.to_vec()));
    assert_eq!(of("<p:u8s>AAEC/w==</p:u8s>"), octets(&[0, 1, 2, 255]));
    assert_eq!(
        of("<p:u8s xsi:type='cim:cimBase64Binary'>\n AAEC\n /+8= </p:u8s>"),
        octets(&[0, 1, 2, 255, 239])
    );
    assert_eq!(of("<p:u8s>0</p:u8s><p:u8s>1</p:u8s><p:u8s>255</p:u8s>"), octets(&[0, 1, 255]));
    assert_eq!(of("<p:u8s>7</p:u8s>"), octets(&[7]));
    // What is neither is kept as it is said.
    let texts = |texts: &[&str]| Ok(Value::from(texts.to_vec()));
    assert_eq!(of("<p:u8s>AAEC/w=</p:u8s>"), texts(&["AAEC/w="]));
    assert_eq!(of("<p:u8s>256</p:u8s>"), texts(&["256"]));
}

#[test]
fn an_object_without_properties_is_an_object() {
    let body = format!(
        r#"<p:Trip_EveryType xmlns:p="{0}"><p:o xsi:type="p:Msvm_Error_Type"/><p:os xsi:type="p:Msvm_Error_Type"> </p:os>
          <p:undeclared xsi:type="p:Msvm_Error_Type"></p:undeclared><p:s xsi:type="p:Msvm_Error_Type"/></p:Trip_EveryType>"#,
        uri("Trip_EveryType")
    );
    let content = read(&Get::new(class("Trip_EveryType")), &body);
    let all = content.instance().unwrap();
    let empty = Scalar::from(Instance::new("Msvm_Error"));
    assert_eq!(all.value("o"), Some(&Value::One(empty.clone())));
    assert_eq!(all.value("os"), Some(&Value::Many(vec![Some(empty.clone())])));
    assert_eq!(all.value("undeclared"), Some(&Value::One(empty)));
    assert_eq!(all.value("s"), Some(&Value::from("")), "a declared string is a string");
}

#[test]
fn a_value_that_is_none_of_its_type_is_kept_as_it_is_said_and_is_no_number() {
    for (inside, name, kept) in [
        ("<p:u8>256</p:u8>", "u8", Value::from("256")),
        ("<p:u16>seven</p:u16>", "u16", Value::from("seven")),
        ("<p:s8>-129</p:s8>", "s8", Value::from("-129")),
        ("<p:b>maybe</p:b>", "b", Value::from("maybe")),
        ("<p:t>yesterday</p:t>", "t", Value::from("yesterday")),
        ("<p:t><cim:Datetime>yesterday</cim:Datetime></p:t>", "t", Value::from("yesterday")),
        ("<p:u32/>", "u32", Value::from("")),
        ("<p:r64>1e999</p:r64>", "r64", Value::from("1e999")),
        ("<p:r/>", "r", Value::Null),
        ("<p:s>a</p:s><p:s>b</p:s>", "s", Value::from(vec!["a", "b"])),
        ("<p:u16><p:x>1</p:x></p:u16>", "u16", Instance::new("u16").with("x", "1").into()),
    ] {
        let class_uri = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Trip_EveryType";
        let body =
            format!(r#"<p:Trip_EveryType xmlns:p="{class_uri}">{inside}<p:u64>7</p:u64></p:Trip_EveryType>"#);
        let content = read(&Get::new(class("Trip_EveryType")), &body);
        let read = content.instance().unwrap();
        assert_eq!(read.value(name), Some(&kept), "{inside}");
        assert_eq!(read.value("u64"), Some(&Value::from(7_u64)), "{inside} costs its neighbour nothing");
        assert_eq!((read.boolean(name), read.datetime(name)), (None, None), "{inside}");
    }
}

// ---- results ----

fn export() -> Invoke {
    Invoke::new(class("Msvm_VirtualSystemReferencePointService"), "ExportReferencePoint")
}

fn output(inside: &str) -> Result<Invoked, Error> {
    let service = uri("Msvm_VirtualSystemReferencePointService");
    let body = format!(
        r#"<p:ExportReferencePoint_OUTPUT xmlns:p="{service}">{inside}</p:ExportReferencePoint_OUTPUT>"#
    );
    reply(&export(), &body).map(|reply| reply.result.unwrap())
}

fn job(wrapper: (&str, &str), namespace: &str) -> String {
    format!(
        r#"<p:Job xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing">{}<a:Address>{}</a:Address>
          <a:ReferenceParameters><w:ResourceURI>{}</w:ResourceURI><w:SelectorSet>{namespace}
          <w:Selector Name="InstanceID">5A9A9CFF</w:Selector></w:SelectorSet></a:ReferenceParameters>{}</p:Job>"#,
        wrapper.0,
        names::ANONYMOUS,
        uri("Msvm_VirtualSystemReferencePointExportJob"),
        wrapper.1,
    )
}

#[test]
fn a_started_export_names_its_job_in_every_shape_of_a_reference() {
    let said = format!(r#"<w:Selector Name="__cimnamespace">{NAMESPACE}</w:Selector>"#);
    let wrapped = ("<a:EndpointReference>", "</a:EndpointReference>");
    for job in [job(("", ""), ""), job(wrapped, ""), job(("", ""), &said), job(wrapped, &said)] {
        for inside in [
            format!("{job}<p:ReturnValue>4096</p:ReturnValue>"),
            format!("<p:ReturnValue>4096</p:ReturnValue>{job}"),
        ] {
            let answer = output(&inside).unwrap();
            assert_eq!(answer.code(), Some(4096), "{inside}");
            let path = answer.path("Job").unwrap();
            assert_eq!(path.class, "Msvm_VirtualSystemReferencePointExportJob");
            assert_eq!(path.namespace.as_deref(), Some(NAMESPACE));
            assert_eq!(path.keys, [("InstanceID".into(), Key::Text("5A9A9CFF".to_owned()))]);
            // What is asked of the job goes to where the host said it is, and does not say so twice.
            assert_eq!(path.resource_uri(), uri("Msvm_VirtualSystemReferencePointExportJob"));
            assert_eq!(path.selectors().count(), 1);
        }
    }
}

#[test]
fn the_answer_of_omi_is_read_by_its_local_names() {
    let body = r#"<m:ExportReferencePoint xmlns:m="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/ExportReferencePoint">
        <m:ReturnValue>32773</m:ReturnValue><m:Job xsi:nil="true"/></m:ExportReferencePoint>"#;
    let answer = read(&export(), body);
    assert_eq!((answer.code(), answer.value("Job")), (Some(32773), Some(&Value::Null)));
}

/// Some methods give a reference to nothing where they made no job.
#[test]
fn a_job_that_refers_to_nothing_is_none() {
    for nothing in [
        "<p:Job/>".to_owned(),
        "<p:Job>\n</p:Job>".to_owned(),
        format!("<p:Job><a:Address>{}</a:Address></p:Job>", names::ANONYMOUS),
        format!("<p:Job><a:Address>{}</a:Address><a:ReferenceParameters/></p:Job>", names::ANONYMOUS),
    ] {
        let answer = output(&format!("{nothing}<p:ReturnValue>0</p:ReturnValue>")).unwrap();
        assert_eq!((answer.code(), answer.value("Job")), (Some(0), Some(&Value::Null)), "{nothing}");
    }
}

#[test]
fn a_result_without_a_job_or_a_number_says_that_there_is_none() {
    let number = "<p:ReturnValue>0</p:ReturnValue>";
    let nil = output(&format!(r#"<p:Job xsi:nil="true"/>{number}"#)).unwrap();
    assert_eq!((nil.code(), nil.value("Job"), nil.path("Job")), (Some(0), Some(&Value::Null), None));
    let missing = output(number).unwrap();
    assert_eq!((missing.code(), missing.value("Job")), (Some(0), None));
    let silent = output(&job(("", ""), "")).unwrap();
    assert_eq!((silent.code(), &silent.return_value), (None, &Value::Null));
    assert!(silent.path("Job").is_some());
    assert_eq!(output("").unwrap().code(), None);
    let null = output(r#"<p:ReturnValue xsi:nil="true"/>"#).unwrap();
    assert_eq!(null.code(), None);
}

#[test]
fn a_return_value_that_is_no_number_is_none_and_does_not_hide_the_job() {
    assert_eq!(output("<p:ReturnValue>65535</p:ReturnValue>").unwrap().code(), Some(65535));
    assert_eq!(output("<p:ReturnValue>4294967295</p:ReturnValue>").unwrap().code(), Some(u32::MAX));
    for odd in ["started", "", "4294967296", "-1", "1.0", "0 0"] {
        let answer = output(&format!("{}<p:ReturnValue>{odd}</p:ReturnValue>", job(("", ""), ""))).unwrap();
        assert_eq!((answer.code(), answer.return_value.as_str()), (None, Some(odd)));
        assert!(answer.path("Job").is_some(), "{odd}");
    }
    // Where no schema declares the method there is no type to contradict, and no number either.
    let unknown = Invoke::new(class("Msvm_Unknown"), "Export");
    let answer = read(&unknown, "<Export_OUTPUT><ReturnValue>started</ReturnValue></Export_OUTPUT>");
    assert_eq!((answer.code(), answer.return_value.as_str()), (None, Some("started")));
    let answer = read(&unknown, "<Export_OUTPUT><ReturnValue>32773</ReturnValue></Export_OUTPUT>");
    assert_eq!(answer.code(), Some(32773));
}

#[test]
fn an_answer_to_another_method_is_refused() {
    let body = "<DestroyReferencePoint_OUTPUT><ReturnValue>0</ReturnValue></DestroyReferencePoint_OUTPUT>";
    let error = reply(&export(), body).unwrap_err().to_string();
    assert!(
        error.contains("ExportReferencePoint_OUTPUT") && error.contains("DestroyReferencePoint_OUTPUT"),
        "{error}"
    );
    assert!(reply(&export(), "").is_err());
}

// ---- faults ----

fn fault(code: &str, subcode: &str, detail: &str) -> Fault {
    let body = format!(
        r#"<s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>
          <s:Reason><s:Text xml:lang="ja-JP">理由</s:Text><s:Text xml:lang="en-US"> The reason. </s:Text></s:Reason>
          <s:Detail xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
            xmlns:b="http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd">{detail}</s:Detail></s:Fault>"#
    );
    *reply(&export(), &body).unwrap_or_else(|error| panic!("{error} in {body}")).result.unwrap_err()
}

fn wsman(code: u32, message: &str) -> String {
    format!(r#"<f:WSManFault Code="{code}" Machine="HV01"><f:Message>{message}</f:Message></f:WSManFault>"#)
}

/// A number behind two others, as the plug-in for WMI reports it.
fn two_deep(code: u32) -> String {
    let provider = |inside: &str| {
        format!(
            r#"<f:ProviderFault provider="WMI Provider" path="%systemroot%\x.dll">{inside}</f:ProviderFault>"#
        )
    };
    wsman(2_150_858_755, &provider(&wsman(2_150_858_755, &provider(&wsman(code, " innermost ")))))
}

/// The instance with which Windows, or OMI, describes an error.
fn error_instance(class: &str, properties: &[(&str, &str)]) -> String {
    let properties: String =
        properties.iter().map(|(name, text)| format!("<p:{name}>{text}</p:{name}>")).collect();
    format!(
        r#"<p:{class} xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/{class}" b:IsCIM_Error="true"
          xsi:type="p:{class}_Type">{properties}</p:{class}>"#
    )
}

#[test]
fn a_time_out_of_windows_is_read_with_its_detail() {
    let fault = fault("s:Receiver", "w:TimedOut", &wsman(2_150_858_793, "\n The operation timed out. "));
    assert_eq!(
        fault,
        Fault {
            code: FaultCode::Receiver,
            subcode: Some(Subcode::new(names::WSMAN, "TimedOut")),
            reason: "The reason.".to_owned(),
            detail_uri: None,
            wsman: Some(WsmanFault {
                code: Some(0x8033_8029),
                machine: Some("HV01".to_owned()),
                message: "The operation timed out.".to_owned(),
                provider: None,
            }),
            cim: None,
        }
    );
    assert!(fault.is_timeout() && !fault.proves_not_started());
}

#[test]
fn nested_faults_are_read_down_to_the_innermost() {
    let fault = fault("s:Sender", "a:DestinationUnreachable", &two_deep(0x8004_1002));
    assert_eq!(fault.wsman_codes().collect::<Vec<_>>(), [0x8033_8003, 0x8033_8003, 0x8004_1002]);
    assert_eq!(fault.wsman_code(), Some(0x8004_1002));
    assert_eq!(fault.message(), "innermost");
    let outer = fault.wsman.as_ref().unwrap().provider.as_deref().unwrap();
    let ProviderFault { provider, id, path, inner, .. } = outer;
    assert_eq!((provider.as_deref(), id), (Some("WMI Provider"), &None));
    assert_eq!(path.as_deref(), Some(r"%systemroot%\x.dll"));
    assert!(inner.is_some());
    assert!(fault.is_not_found());
}

#[test]
fn an_error_instance_is_read_with_its_types() {
    let detail = error_instance(
        "MSFT_WmiError",
        &[
            ("CIMStatusCode", "27"),
            ("MessageID", "HRESULT 0x803381a6"),
            ("error_Code", "2150859174"),
            ("error_Type", "HRESULT"),
            ("Message", "Too many operations."),
        ],
    );
    let windows = fault("s:Receiver", "w:InternalError", &detail);
    let error = windows.cim.as_ref().unwrap();
    assert_eq!(error.class, "MSFT_WmiError");
    assert_eq!(error.value("CIMStatusCode"), Some(&Value::from(27_u32)));
    assert_eq!(error.value("error_Code"), Some(&Value::from(0x8033_81A6_u32)));
    assert_eq!((windows.cim_status(), windows.error_code()), (Some(27), Some(0x8033_81A6)));
    assert_eq!(windows.message(), "Too many operations.");
    let detail =
        error_instance("OMI_Error", &[("OMI_Code", "6"), ("CIMStatusCode", "6"), ("Message", "gone")]);
    let omi = fault("s:Sender", "a:DestinationUnreachable", &detail);
    assert_eq!((omi.cim_status(), omi.message()), (Some(6), "gone"));
    assert_eq!(omi.cim.as_ref().unwrap().value("OMI_Code"), Some(&Value::from(6_u32)));
}

type Question = fn(&Fault) -> bool;

/// What can be asked of a fault, and under which letter the table has it.
const QUESTIONS: [(char, Question); 8] = [
    ('d', Fault::is_access_denied),
    ('n', Fault::is_not_found),
    ('t', Fault::is_timeout),
    ('q', Fault::is_quota),
    ('c', Fault::is_context_gone),
    ('l', Fault::is_too_large),
    ('o', Fault::was_carried_out),
    ('p', Fault::proves_not_started),
];

#[test]
fn every_question_about_a_fault_is_answered_by_subcode_by_nested_number_and_by_error_instance() {
    let instance = |properties: &[(&str, &str)]| error_instance("MSFT_WmiError", properties);
    let hresult = |code: &str| instance(&[("error_Type", "HRESULT"), ("error_Code", code)]);
    let status = |code: &str| instance(&[("CIMStatusCode", code)]);
    let narrowed = |local: &str| {
        let prefix = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail";
        format!("<w:FaultDetail> {prefix}/{local}\n</w:FaultDetail>")
    };
    for (subcode, detail, answers) in [
        ("w:AccessDenied", String::new(), "d"),
        ("w:InternalError", two_deep(0x8004_1003), "d"),
        ("w:InternalError", hresult("2147942405"), "d"),
        ("w:InternalError", status("2"), "d"),
        ("a:DestinationUnreachable", String::new(), "n"),
        ("w:InternalError", two_deep(0x8033_8000), "n"),
        ("w:InternalError", hresult("2147749890"), "n"),
        ("w:InternalError", status("6"), "n"),
        // Around an answer of "denied" it does not matter that the object was not found.
        ("a:DestinationUnreachable", two_deep(0x8004_1003), "d"),
        ("w:TimedOut", String::new(), "t"),
        ("n:TimedOut", String::new(), "t"),
        ("w:InternalError", two_deep(0x8033_8029), "t"),
        ("w:InternalError", hresult("2147749993"), "t"),
        ("w:QuotaLimit", String::new(), "qp"),
        ("w:QuotaLimit", wsman(0x8033_81A6, ""), "qp"),
        // Behind a provider a quota may have been met half-way.
        ("w:InternalError", two_deep(0x8033_81A6), "q"),
        ("w:InternalError", hresult("2147749996"), "q"),
        ("w:InternalError", status("27"), "q"),
        ("w:Concurrency", String::new(), "p"),
        ("w:InternalError", wsman(0x8033_8032, ""), "p"),
        ("n:InvalidEnumerationContext", String::new(), "c"),
        ("w:InternalError", two_deep(0x8033_801B), "c"),
        ("w:InternalError", hresult("2150858759"), "c"),
        ("w:InternalError", status("21"), "c"),
        ("w:EncodingLimit", wsman(0x8033_8048, ""), "l"),
        ("w:EncodingLimit", narrowed("MaxEnvelopeSizeExceeded"), "l"),
        ("w:InternalError", two_deep(0x8033_8048), "l"),
        ("w:InternalError", hresult("2150858824"), "l"),
        ("w:EncodingLimit", narrowed("UnreportableSuccess"), "o"),
        ("w:QuotaLimit", narrowed("UnreportableSuccess"), "qo"),
        ("w:InternalError", two_deep(0x8033_8003), ""),
        // The same local names in other namespaces are other subcodes.
        ("p:AccessDenied", String::new(), ""),
        ("w:DestinationUnreachable", String::new(), ""),
    ] {
        let found = fault("s:Sender", subcode, &detail);
        let said: String =
            QUESTIONS.iter().filter(|(_, asks)| asks(&found)).map(|(letter, _)| *letter).collect();
        assert_eq!(said, answers, "{subcode} {detail}");
    }
}

#[test]
fn a_fault_answers_whatever_was_asked() {
    let body = "<s:Fault><s:Code><s:Value>s:MustUnderstand</s:Value></s:Code>\
        <s:Reason><s:Text xml:lang='en'>no</s:Text></s:Reason></s:Fault>";
    let code = |fault: Option<Box<Fault>>| fault.unwrap().code;
    assert_eq!(code(reply(&export(), body).unwrap().result.err()), FaultCode::MustUnderstand);
    assert_eq!(code(reply(&Identify, body).unwrap().result.err()), FaultCode::MustUnderstand);
    assert_eq!(code(reply(&pull("X"), body).unwrap().result.err()), FaultCode::MustUnderstand);
    let get = Get::new(class("Msvm_ConcreteJob"));
    assert_eq!(code(reply(&get, body).unwrap().result.err()), FaultCode::MustUnderstand);
}

// ---- envelopes ----

/// OMI turns to a fault in the middle of an answer, and sends both (omi#254).
#[test]
fn two_envelopes_or_two_bodies_are_refused() {
    let page = envelope("<n:PullResponse><n:Items/><n:EndOfSequence/></n:PullResponse>");
    let operation = pull("Msvm_ConcreteJob");
    let read = |text: &str| decode_reply(&operation, text, catalog(), &Limits::default());
    assert!(read(&page).is_ok());
    let fault = envelope("<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code></s:Fault>");
    let error = read(&format!("{page}{fault}")).unwrap_err();
    assert!(matches!(error, Error::Xml(_)), "{error:?}");
    let cut = page.split("<n:EndOfSequence/>").next().unwrap();
    assert!(read(&format!("{cut}{fault}")).is_err(), "the first envelope is cut off where the second begins");
    assert!(read(&page.replace("</s:Body>", "</s:Body><s:Body/>")).is_err());
    assert!(read(&page.replace("</n:PullResponse>", "</n:PullResponse><n:PullResponse/>")).is_err());
    let request = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Body>\
        <i:Identify xmlns:i='http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd'/></s:Body></s:Envelope>";
    let heard = |text: &str| decode_request(text, catalog(), &Limits::default());
    assert!(matches!(heard(request), Ok(Incoming { request: Request::Identify(_), .. })));
    assert!(heard(&request.replace("</s:Body>", "</s:Body><s:Body/>")).is_err());
}

#[test]
fn an_envelope_of_another_version_of_soap_is_refused_by_its_name() {
    let text = "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>";
    let errors = [
        decode_reply(&Identify, text, catalog(), &Limits::default()).unwrap_err(),
        decode_request(text, catalog(), &Limits::default()).unwrap_err(),
    ];
    for error in errors {
        let Error::Unexpected { expected, found, offset } = error else { panic!("{error:?}") };
        assert_eq!(expected, "s:Envelope of SOAP 1.2");
        assert_eq!(found, "{http://schemas.xmlsoap.org/soap/envelope/}Envelope");
        assert_eq!(offset, 0);
    }
}

#[test]
fn a_page_of_html_is_no_answer() {
    let text = "<html><body><h1>Not Found</h1></body></html>";
    let error = decode_reply(&Identify, text, catalog(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("{}html"), "{error}");
    let envelope = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Header/></s:Envelope>";
    let error = decode_reply(&Identify, envelope, catalog(), &Limits::default()).unwrap_err();
    assert_eq!(error, Error::Missing { expected: "s:Body".to_owned(), within: "s:Envelope".to_owned() });
}
