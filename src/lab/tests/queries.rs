//! WQL against objects.

use crate::wsman::{Enumerate, Filter, Item, Mode};

use super::super::Scenario;
use super::{FIRST, Rehearsal, WEB01, path};

#[test]
fn where_decides() {
    let mut lab = Rehearsal::of(Scenario::default());
    for (query, count) in [
        ("SELECT * FROM Msvm_ComputerSystem", 3),
        ("select * from msvm_computersystem where elementname = 'WEB01'", 1),
        ("SELECT * FROM Msvm_ComputerSystem WHERE ElementName LIKE '%01'", 3),
        ("SELECT * FROM Msvm_ComputerSystem WHERE ElementName LIKE '___01'", 1),
        ("SELECT * FROM Msvm_ComputerSystem WHERE ProcessID IS NOT NULL", 2),
        ("SELECT * FROM Msvm_ComputerSystem WHERE NOT (ProcessID IS NOT NULL)", 1),
        ("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'nobody'", 0),
        ("SELECT * FROM Msvm_VirtualSystemReferencePoint WHERE ReferencePointType = 1", 1),
        (
            "SELECT * FROM Msvm_VirtualSystemReferencePoint WHERE HasAssociatedData = FALSE AND ConsistencyLevel < 2",
            4,
        ),
        ("SELECT * FROM CIM_Service WHERE __CLASS LIKE '%ReferencePoint%'", 2),
        ("SELECT * FROM CIM_ManagedElement WHERE __this ISA 'CIM_Collection'", 3),
        ("SELECT * FROM Msvm_StorageAllocationSettingData WHERE ElementName = 'Virtual Hard Disk'", 3),
    ] {
        assert_eq!(
            lab.query(query).unwrap_or_else(|fault| panic!("{query}: {fault}")).len(),
            count,
            "{query}"
        );
    }
    let id = format!("Microsoft:{WEB01}\\{FIRST}");
    let query = format!(
        "SELECT * FROM Msvm_VirtualSystemReferencePoint WHERE InstanceID = {}",
        crate::cim::wql_literal(&id)
    );
    assert_eq!(lab.query(&query).unwrap()[0].text("InstanceID"), Some(&*id));
    let unescaped = format!("SELECT * FROM Msvm_VirtualSystemReferencePoint WHERE InstanceID = '{id}'");
    assert!(lab.query(&unescaped).unwrap().is_empty(), "a backslash has to be doubled");
}

#[test]
fn a_list_of_properties_brings_just_those() {
    let mut lab = Rehearsal::of(Scenario::default());
    let request = Enumerate::query(
        "root/virtualization/v2",
        "SELECT Name, elementname, InstallDate FROM Msvm_ComputerSystem WHERE ElementName = 'web01'",
    );
    let page = lab.ask(&request).unwrap();
    let [Item::Projection(only)] = &*page.items else { panic!("{page:?}") };
    let names: Vec<_> = only.properties().iter().map(|property| property.name.to_string()).collect();
    assert_eq!(names, ["Name", "ElementName", "InstallDate"]);
    assert_eq!(only.text("Name"), Some(WEB01));
    let text = lab.text(&request).envelope;
    assert!(text.contains("<w:XmlFragment><Name>"), "{text}");
}

#[test]
fn a_query_brings_references_as_well() {
    let mut lab = Rehearsal::of(Scenario::default());
    let mut request =
        Enumerate::query("root/virtualization/v2", "SELECT * FROM Msvm_VirtualSystemReferencePointService");
    request.mode = Mode::Reference;
    let page = lab.ask(&request).unwrap();
    let path = page.references().next().unwrap().path.clone().unwrap();
    assert_eq!(path.keys.len(), 4);
    assert_eq!(path.key_text("SystemName").as_deref(), Some("HV01"));
    lab.get(&path).unwrap();
}

#[test]
fn queries_that_are_none_are_faulted() {
    let mut lab = Rehearsal::of(Scenario::default());
    for (query, number) in [
        ("SELECT * FORM X", 0x8004_1017_u32),
        ("", 0x8004_1017),
        ("SELECT NoSuch FROM Msvm_ComputerSystem", 0x8004_1017),
        ("SELECT * FROM Msvm_ComputerSystem WHERE NoSuch = 1", 0x8004_1017),
        ("SELECT * FROM Msvm_ComputerSystem WHERE OperationalStatus = 2", 0x8004_1017),
        ("SELECT * FROM Msvm_ReferencePointOfVirtualSystem WHERE Antecedent = 'x'", 0x8004_1017),
        (
            "SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE TargetInstance ISA 'CIM_Job'",
            0x8004_1017,
        ),
        ("SELECT * FROM Msvm_Nothing", 0x8004_1010),
        ("SELECT * FROM Win32_LogicalDisk", 0x8004_1010),
    ] {
        let fault = lab.query(query).unwrap_err();
        assert_eq!(fault.wsman_code(), Some(number), "{query}");
        let local = fault.subcode.as_ref().unwrap().local.clone();
        assert_eq!(local == "CannotProcessFilter", number == 0x8004_1017, "{query}");
    }
    let mut on_class = Enumerate::query("root/virtualization/v2", "SELECT * FROM Msvm_ComputerSystem");
    on_class.resource = path("Msvm_ComputerSystem");
    assert_eq!(lab.ask(&on_class).unwrap_err().wsman_code(), Some(0x8033_80FB));
    let selectors = Filter::Selectors(vec![("Name".into(), WEB01.into())]);
    let other = Filter::Other { dialect: "urn:other".to_owned(), text: "x".to_owned() };
    for filter in [selectors, other] {
        let mut request = Enumerate::new(path("*"));
        request.filter = Some(filter);
        let fault = lab.ask(&request).unwrap_err();
        assert_eq!(fault.subcode.unwrap().local, "FilterDialectRequestedUnavailable");
    }
}

#[test]
fn a_query_as_long_as_a_request_may_be_is_answered_and_not_died_of() {
    let mut lab = Rehearsal::of(Scenario::default());
    for word in ["OR", "AND"] {
        let terms = format!(" {word} EnabledState=2").repeat(20_000);
        let query = format!("SELECT * FROM Msvm_ComputerSystem WHERE EnabledState=2{terms}");
        assert!(query.len() < 512_000, "else it would be refused unread");
        assert_eq!(
            lab.query(&query).unwrap_err().wsman_code(),
            Some(0x8004_1017),
            "nobody's host takes that"
        );
        let terms = format!(" {word} EnabledState=2").repeat(900);
        let query = format!("SELECT * FROM Msvm_ComputerSystem WHERE EnabledState=2{terms}");
        assert_eq!(lab.query(&query).unwrap().len(), 3);
    }
}

#[test]
fn a_query_that_finds_nothing_among_many_comes_back_page_by_page() {
    let mut lab =
        Rehearsal::read("[[instances]]\nclass = 'Msvm_VirtualSystemReferencePoint'\ncount = 1000000");
    let nothing = "SELECT * FROM Msvm_VirtualSystemReferencePoint WHERE ElementName = 'nobody'";
    let request = Enumerate::query("root/virtualization/v2", nothing);
    let page = lab.ask(&request).unwrap();
    assert!(page.items.is_empty());
    let context = page.context.expect("the rest is still to be looked at");
    let page = lab.ask(&request.pull(context)).unwrap();
    assert!(page.items.is_empty() && page.context.is_some());

    let mut lab = Rehearsal::read("[[instances]]\nclass = 'Msvm_VirtualSystemReferencePoint'\ncount = 25000");
    let pages = lab.pages(&request).unwrap();
    assert!((2..10).contains(&pages.len()), "{}", pages.len());
    let last = "SELECT * FROM Msvm_VirtualSystemReferencePoint WHERE ElementName = 'number 25000'";
    assert_eq!(lab.query(last).unwrap().len(), 1);
    // A row takes longer to look at where the query is long.
    let long = format!("{nothing} OR ElementName LIKE '%{}'", "x".repeat(100_000));
    let mut lab = Rehearsal::read("[[instances]]\nclass = 'Msvm_VirtualSystemReferencePoint'\ncount = 1000");
    assert!(lab.pages(&Enumerate::query("root/virtualization/v2", long)).unwrap().len() > 5);
    // Who may not see them waits no longer.
    let mut lab = Rehearsal::read("[[instances]]\nclass = 'Msvm_VirtualSystemReferencePoint'\ncount = 25000");
    lab.caller.rights.hyper_v = false;
    let pages = lab.pages(&Enumerate::new(path("Msvm_VirtualSystemReferencePoint"))).unwrap();
    assert!(pages.len() > 1 && pages.iter().all(|page| page.items.is_empty()));
    assert_eq!(lab.host.open_contexts(), 0);
}

#[test]
fn an_item_that_did_not_fit_comes_with_a_larger_envelope() {
    let long = "x".repeat(9000);
    let mut lab = Rehearsal::read(&format!(
        "[[machine]]\nid = '{WEB01}'\nname = 'long'\n[[machine.disk]]\nfile = 'D:\\{long}\\a.vhdx'\nsize = 1"
    ));
    let mut request = Enumerate::new(path("Msvm_VirtualSystemSettingData"));
    request.opening = crate::wsman::Opening::Context;
    let context = lab.ask(&request).unwrap().context.unwrap();
    lab.header.max_envelope_size = Some(8192);
    let fault = lab.ask(&request.pull(context.clone())).unwrap_err();
    assert!(fault.detail_uri.unwrap().ends_with("MaxEnvelopeSizeExceeded"));
    lab.header.max_envelope_size = None;
    let page = lab.ask(&request.pull(context)).unwrap();
    assert_eq!(page.instances().count(), 1);
}
