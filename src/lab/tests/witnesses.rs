//! Requests that this program's encoder did not write: recordings, and spellings of other clients.

use roxmltree::Document;

use super::super::Response;
use super::{FIRST, Rehearsal, SECOND, WEB01};

/// The world that the recorded requests ask about.
const RECORDED: &str = r"
    [[machine]]
    id = '00000001-1111-4222-8333-0123456789AB'
    name = 'VM-one'
    [[machine.disk]]
    file = 'D:\VMs\one\os.vhdx'
    size = '10GiB'
    [[point]]
    id = '00000001-0001-4AAA-9BBB-BBBBBBBBBBBB'
    machine = 'VM-one'
    [[point]]
    id = '00000001-0002-4AAA-9BBB-BBBBBBBBBBBB'
    machine = 'VM-one'
";

fn recorded(lab: &mut Rehearsal, name: &str) -> Response {
    let file = format!("{}/tests/data/wire/omi/{name}.request.xml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    lab.host.handle(lab.now, &lab.caller, &text)
}

/// Returns the texts of the elements of a name, wherever they are, by a parser that is not ours.
fn texts(response: &Response, local: &str) -> Vec<String> {
    let document = Document::parse(&response.envelope).expect("well-formed");
    let found = document.descendants().filter(|node| node.tag_name().name() == local);
    found.map(|node| node.text().unwrap_or_default().to_owned()).collect()
}

fn count(response: &Response, local: &str) -> usize {
    texts(response, local).len()
}

fn code(response: &Response) -> Option<u32> {
    let document = Document::parse(&response.envelope).expect("well-formed");
    let faults: Vec<_> =
        document.descendants().filter(|node| node.tag_name().name() == "WSManFault").collect();
    faults.last().and_then(|node| node.attribute("Code")).and_then(|code| code.parse().ok())
}

#[test]
fn recorded_requests_get_what_they_ask_for() {
    let mut lab = Rehearsal::read(RECORDED);
    let lab = &mut lab;
    let identity = recorded(lab, "01-identify");
    assert_eq!(texts(&identity, "ProductVendor"), ["Microsoft Corporation"]);
    let get = recorded(lab, "42-get-vm");
    assert_eq!(texts(&get, "Name"), ["00000001-1111-4222-8333-0123456789AB"]);
    let point = recorded(lab, "43-get-rp-2keys");
    assert_eq!(texts(&point, "ReferencePointType"), ["2"], "{}", point.envelope);
    assert_eq!(code(&recorded(lab, "44-get-rp-1key-missing")), Some(0x8033_8000));
    assert_eq!(code(&recorded(lab, "48-get-notfound")), Some(0x8033_8000));
    let machines = recorded(lab, "09-enum-vm-optimized");
    assert_eq!(count(&machines, "Msvm_ComputerSystem"), 2);
    assert_eq!(count(&machines, "EndOfSequence"), 1);
    let two = recorded(lab, "10-enum-rp-optimized-max2");
    assert_eq!(count(&two, "Msvm_VirtualSystemReferencePoint"), 2);
    let references = recorded(lab, "13-enum-rp-epr");
    assert_eq!(count(&references, "EndpointReference"), count(&references, "SelectorSet"));
    assert!(count(&references, "EndpointReference") >= 1);
    let both = recorded(lab, "15-enum-rp-objectandepr");
    assert_eq!(count(&both, "Item"), count(&both, "EndpointReference"));
    let rows = recorded(lab, "17-enum-assoc-refs");
    assert_eq!(count(&rows, "Antecedent"), count(&rows, "Msvm_ReferencePointOfVirtualSystem"));
    assert_eq!(rows.status, 200);
    assert_eq!(recorded(lab, "26-wql-star-uri").status, 200);
    for name in ["35-assoc-associated", "38-assoc-association"] {
        assert_eq!(recorded(lab, name).status, 200, "{name}");
    }
    let class = recorded(lab, "53-getclass");
    let document = Document::parse(&class.envelope).unwrap();
    let methods = document.descendants().filter(|node| node.tag_name().name() == "METHOD");
    assert!(methods.filter_map(|node| node.attribute("NAME")).any(|name| name == "ExportReferencePoint"));
    assert_eq!(code(&recorded(lab, "101-fault-malformed-xml")), Some(0x8033_8043));
    assert_eq!(code(&recorded(lab, "105-fault-maxenvelope-too-small")), Some(0x8033_807E));
    assert_eq!(code(&recorded(lab, "106-fault-pull-bad-context")), Some(0x8033_801B));
    // Its service selectors are those of that recording's host, which is another one.
    assert_eq!(code(&recorded(lab, "54-invoke-export-ok")), Some(0x8033_8000));
    assert_eq!(code(&recorded(lab, "73-invoke-unknown-method")), Some(0x8033_8001));
}

#[test]
fn each_answer_relates_to_its_recorded_request() {
    let mut lab = Rehearsal::read(RECORDED);
    let folder = format!("{}/tests/data/wire/omi", env!("CARGO_MANIFEST_DIR"));
    let mut answered = 0;
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !name.ends_with(".request.xml") {
            continue;
        }
        let request = std::fs::read_to_string(entry.path()).unwrap();
        let response = lab.host.handle(lab.now, &lab.caller, &request);
        let Ok(document) = Document::parse(&request) else { continue };
        let id = document.descendants().find(|node| node.tag_name().name() == "MessageID");
        if let Some(id) = id.and_then(|node| node.text()) {
            assert_eq!(texts(&response, "RelatesTo"), [id], "{name}: {}", response.envelope);
            answered += 1;
        }
    }
    assert!(answered > 30, "{answered}");
}

/// As pypsrp's WSMan class writes: headers in another order, prefixes `wsa`, `wsman`, `wsmv`, no header but those.
#[test]
fn a_request_of_pypsrp_is_understood() {
    let mut lab = Rehearsal::of(Default::default());
    let head = |action: &str, class: &str, selectors: &str| {
        format!(
            r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsen="http://schemas.xmlsoap.org/ws/2004/09/enumeration" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:wsmv="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"><s:Header><wsa:Action s:mustUnderstand="true">{action}</wsa:Action><wsmv:DataLocale s:mustUnderstand="false" xml:lang="en-US" /><wsman:Locale s:mustUnderstand="false" xml:lang="en-US" /><wsman:MaxEnvelopeSize s:mustUnderstand="true">153600</wsman:MaxEnvelopeSize><wsa:MessageID>uuid:11111111-1111-1111-1111-111111111111</wsa:MessageID><wsman:OperationTimeout>PT20S</wsman:OperationTimeout><wsa:ReplyTo><wsa:Address s:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address></wsa:ReplyTo><wsman:ResourceURI s:mustUnderstand="true">http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/{class}</wsman:ResourceURI><wsmv:SessionId s:mustUnderstand="false">uuid:22222222-2222-2222-2222-222222222222</wsmv:SessionId><wsa:To>http://hv01:5985/wsman</wsa:To>{selectors}</s:Header>"#
        )
    };
    let enumerate = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate";
    let ask = |lab: &mut Rehearsal, text: &str| lab.host.handle(lab.now, &lab.caller, text);
    let request =
        head(enumerate, "Msvm_ComputerSystem", "") + "<s:Body><wsen:Enumerate /></s:Body></s:Envelope>";
    let opened = ask(&mut lab, &request);
    let context = texts(&opened, "EnumerationContext").remove(0);
    assert_eq!(count(&opened, "Msvm_ComputerSystem"), 0);
    let pull = head("http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull", "Msvm_ComputerSystem", "")
        + &format!(
            "<s:Body><wsen:Pull><wsen:EnumerationContext>{context}</wsen:EnumerationContext></wsen:Pull></s:Body></s:Envelope>"
        );
    let page = ask(&mut lab, &pull);
    assert_eq!((count(&page, "Msvm_ComputerSystem"), count(&page, "EndOfSequence")), (1, 0));
    let service = "Msvm_VirtualSystemReferencePointService";
    let uri = format!("http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/{service}");
    let selectors = format!(
        r#"<wsman:SelectorSet><wsman:Selector Name="CreationClassName">{service}</wsman:Selector></wsman:SelectorSet>"#
    );
    let body = format!(
        r#"<s:Body><r:ExportReferencePoint_INPUT xmlns:r="{uri}"><r:ReferencePoint><wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address><wsa:ReferenceParameters><wsman:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_VirtualSystemReferencePoint</wsman:ResourceURI><wsman:SelectorSet><wsman:Selector Name="VirtualSystemIdentifier">{WEB01}</wsman:Selector><wsman:Selector Name="InstanceID">Microsoft:{WEB01}\{FIRST}</wsman:Selector></wsman:SelectorSet></wsa:ReferenceParameters></r:ReferencePoint><r:ExportDirectory>D:\exports\py</r:ExportDirectory><r:ExportSettingData><![CDATA[<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"></INSTANCE>]]></r:ExportSettingData></r:ExportReferencePoint_INPUT></s:Body></s:Envelope>"#
    );
    let started = ask(&mut lab, &(head(&format!("{uri}/ExportReferencePoint"), service, &selectors) + &body));
    assert_eq!(texts(&started, "ReturnValue"), ["4096"], "{}", started.envelope);
    let document = Document::parse(&started.envelope).unwrap();
    let job = document.descendants().find(|node| node.tag_name().name() == "Job").unwrap();
    assert_eq!(job.tag_name().namespace(), Some(&*uri));
    let children: Vec<_> = job.children().map(|node| node.tag_name().name().to_owned()).collect();
    assert_eq!(children, ["Address", "ReferenceParameters"], "directly, without a wrapper");
    let selector = job
        .descendants()
        .find(|node| node.has_tag_name(("http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd", "Selector")));
    let id = selector.unwrap().text().unwrap().to_owned();
    lab.wait(2.0);
    let class = "Msvm_VirtualSystemReferencePointExportJob";
    let selectors = format!(
        r#"<wsman:SelectorSet><wsman:Selector Name="InstanceID">{id}</wsman:Selector></wsman:SelectorSet>"#
    );
    let get = head("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", class, &selectors)
        + "<s:Body /></s:Envelope>";
    let shown = ask(&mut lab, &get);
    assert_eq!(
        (texts(&shown, "JobState"), texts(&shown, "PercentComplete")),
        (vec!["4".to_owned()], vec!["50".to_owned()])
    );
    assert_eq!(texts(&shown, "ExportDirectory"), [r"D:\exports\py"]);
}

/// As libvirt asks since 2011: WQL with ASSOCIATORS OF, pulled at another class URI, without MaxElements.
#[test]
fn a_query_of_libvirt_is_understood() {
    let mut lab = Rehearsal::of(Default::default());
    let envelope = |action: &str, class: &str, body: &str| {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsman="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:wsen="http://schemas.xmlsoap.org/ws/2004/09/enumeration">
  <s:Header>
    <wsa:Action s:mustUnderstand="true">http://schemas.xmlsoap.org/ws/2004/09/enumeration/{action}</wsa:Action>
    <wsa:To s:mustUnderstand="true">http://hv01:5985/wsman</wsa:To>
    <wsman:ResourceURI s:mustUnderstand="true">http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/{class}</wsman:ResourceURI>
    <wsa:MessageID s:mustUnderstand="true">uuid:cafebabe-0000-1000-8002-000000000001</wsa:MessageID>
    <wsa:ReplyTo><wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address></wsa:ReplyTo>
  </s:Header>
  <s:Body>{body}</s:Body>
</s:Envelope>"#
        )
    };
    let query = format!(
        "associators of {{Msvm_ComputerSystem.CreationClassName=&quot;Msvm_ComputerSystem&quot;,Name=&quot;{WEB01}&quot;}} where AssocClass = Msvm_SettingsDefineState ResultClass = Msvm_VirtualSystemSettingData"
    );
    let body = format!(
        r#"<wsen:Enumerate><wsman:Filter Dialect="http://schemas.microsoft.com/wbem/wsman/1/WQL">{query}</wsman:Filter></wsen:Enumerate>"#
    );
    let opened = lab.host.handle(lab.now, &lab.caller, &envelope("Enumerate", "*", &body));
    let context = texts(&opened, "EnumerationContext").remove(0);
    let body = format!("<wsen:Pull><wsen:EnumerationContext>{context}</wsen:EnumerationContext></wsen:Pull>");
    let page =
        lab.host.handle(lab.now, &lab.caller, &envelope("Pull", "Msvm_VirtualSystemSettingData", &body));
    assert_eq!(texts(&page, "InstanceID"), [format!("Microsoft:{WEB01}")], "{}", page.envelope);
    assert_eq!(count(&page, "EndOfSequence"), 1);
}

/// As pywinrm's and other string builders write: a default namespace, attributes in single quotes, white space.
#[test]
fn a_request_with_a_default_namespace_and_odd_spacing_is_understood() {
    let mut lab = Rehearsal::of(Default::default());
    let request = format!(
        "<?xml version='1.0'?>\n<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'>\n <Header>\n  \
         <To xmlns='http://schemas.xmlsoap.org/ws/2004/08/addressing'> http://hv01/wsman </To>\n  \
         <Action xmlns='http://schemas.xmlsoap.org/ws/2004/08/addressing'>\n http://schemas.xmlsoap.org/ws/2004/09/transfer/Get\n</Action>\n  \
         <MessageID xmlns='http://schemas.xmlsoap.org/ws/2004/08/addressing'>uuid:a&amp;b</MessageID>\n  \
         <x:ResourceURI xmlns:x='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_VirtualSystemReferencePoint</x:ResourceURI>\n  \
         <x:SelectorSet xmlns:x='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'>\n   \
         <x:Selector Name='VirtualSystemIdentifier'>{WEB01}</x:Selector>\n   \
         <x:Selector Name='InstanceID'>Microsoft:{WEB01}\\{SECOND}</x:Selector>\n  </x:SelectorSet>\n \
         </Header>\n <Body/>\n</Envelope>\n"
    );
    let response = lab.host.handle(lab.now, &lab.caller, &request);
    assert_eq!(texts(&response, "VirtualSystemIdentifier"), [WEB01], "{}", response.envelope);
    assert_eq!(texts(&response, "RelatesTo"), ["uuid:a&b"]);
    assert_eq!(response.entry.keys.len(), 2);
    assert_eq!(response.entry.class, "Msvm_VirtualSystemReferencePoint");
}

#[test]
fn the_log_tells_what_was_asked_and_what_became_of_it() {
    let mut lab = Rehearsal::of(Default::default());
    let call = super::export(super::point(WEB01, FIRST), r"D:\x");
    let entry = lab.text(&call).entry;
    assert_eq!(
        (&*entry.operation, entry.method.as_deref(), entry.return_value),
        ("Invoke", Some("ExportReferencePoint"), Some(4096))
    );
    assert_eq!(
        entry.keys,
        [("CreationClassName".to_owned(), "Msvm_VirtualSystemReferencePointService".to_owned())]
    );
    assert_eq!((entry.fault, entry.message_id.as_deref()), (None, Some(&*lab.header.message_id)));
    let entry = lab.text(&super::export(super::point(WEB01, SECOND), r"D:\y")).entry;
    assert_eq!(entry.return_value, Some(32774));
    let entry = lab.text(&crate::wsman::Get::new(super::machine("x"))).entry;
    assert_eq!((entry.fault.as_deref(), entry.return_value), (Some("DestinationUnreachable"), None));
}
