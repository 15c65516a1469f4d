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
