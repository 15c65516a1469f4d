//! Objects: which there are, what they look like, how they are paged, and how they are related.

use crate::cim::{Catalog, Instance, ObjectPath, Value};
use crate::wsman::{
    AssociationFilter, Enumerate, Filter, Fragment, Get, GetClass, Identify, Item, Mode, Neighbours, Opening,
    Polymorphism, Release,
};

use super::super::{Host, Scenario};
use super::{DB01, FIRST, Rehearsal, SECOND, SHOP, WEB01, collection, machine, path, point};

fn names(found: &[Instance], property: &str) -> Vec<String> {
    let mut names: Vec<_> =
        found.iter().map(|one| one.text(property).unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_default_host_has_its_documented_objects() {
    let mut lab = Rehearsal::of(Scenario::default());
    assert_eq!(lab.host.name(), "HV01");
    assert_eq!(names(&lab.class("Msvm_ComputerSystem"), "Name"), [WEB01, DB01, "HV01"]);
    assert_eq!(lab.class("Msvm_VirtualSystemReferencePoint").len(), 5);
    assert_eq!(lab.class("Msvm_StorageAllocationSettingData").len(), 3);
    assert_eq!(names(&lab.class("Msvm_VirtualSystemCollection"), "CollectionID"), [SHOP]);
    assert_eq!(lab.class("Msvm_ReferencePointCollection").len(), 2);
    assert_eq!(lab.class("CIM_Service").len(), 7);
    let web = lab.get(&machine(WEB01)).unwrap();
    assert_eq!((web.text("ElementName"), web.number("EnabledState")), (Some("web01"), Some(2)));
    let first = lab.get(&point(WEB01, FIRST)).unwrap();
    assert_eq!(first.number("ReferencePointType"), Some(2));
    assert_eq!(first.boolean("HasAssociatedData"), Some(false));
    let disks: Vec<_> = first.texts("VirtualDiskIdentifiers").collect();
    let tracking: Vec<_> = first.texts("ResilientChangeTrackingIdentifiers").collect();
    assert_eq!((disks.len(), tracking.len()), (2, 2));
    assert!(disks[0].starts_with(&format!("Microsoft:{WEB01}\\")) && disks[0].ends_with("\\0\\0\\L"));
    assert!(tracking.iter().all(|id| id.starts_with("rctX:") && id.ends_with(":00000001")), "{tracking:?}");
    let second = lab.get(&point(WEB01, SECOND)).unwrap();
    let of_second: Vec<_> = second.texts("ResilientChangeTrackingIdentifiers").collect();
    assert!(of_second[0].ends_with(":00000002") && of_second[0] != tracking[0]);
}

#[test]
fn identify_tells_the_build_to_who_has_logged_in_and_zeros_to_nobody() {
    let mut lab = Rehearsal::read("[host]\nbuild = 26100");
    let identity = lab.ask(&Identify).unwrap();
    assert_eq!(identity.version.as_deref(), Some("OS: 10.0.26100 SP: 0.0 Stack: 3.0"));
    assert_eq!(identity.vendor.as_deref(), Some("Microsoft Corporation"));
    let request = crate::wsman::encode_request(&lab.header, &Identify).unwrap();
    let answer = lab.host.identify_anonymous(lab.now, &request);
    assert!(answer.status == 200 && answer.envelope.contains("OS: 0.0.0 SP: 0.0 Stack: 3.0"));
    let get = crate::wsman::encode_request(&lab.header, &Get::new(machine(WEB01))).unwrap();
    assert_eq!(lab.host.identify_anonymous(lab.now, &get).status, 500);
}

/// The properties of a machine as a real host showed them (a recording of a Japanese host).
#[test]
fn a_machine_shows_exactly_the_properties_of_a_recorded_one() {
    const RECORDED: &str = "Caption CommunicationStatus CreationClassName Description DetailedStatus ElementName \
        EnabledDefault EnabledState EnhancedSessionModeState FailedOverReplicationType HealthState \
        HwThreadsPerCoreRealized InstallDate InstanceID LastApplicationConsistentReplicationTime LastReplicationTime \
        LastReplicationType LastSuccessfulBackupTime ManagementVtlImageFileName ManagementVtlImageVersion Name \
        NameFormat NumberOfNumaNodes OnTimeInMilliseconds OperatingStatus OperationalStatus OtherEnabledState \
        PrimaryOwnerContact PrimaryOwnerName PrimaryStatus ProcessID ReplicationHealth ReplicationMode \
        ReplicationState RequestedState ResetCapability Status StatusDescriptions TimeOfLastConfigurationChange \
        TimeOfLastStateChange TransitioningToState";
    const NULL: [&str; 5] = [
        "CommunicationStatus",
        "InstanceID",
        "LastSuccessfulBackupTime",
        "NameFormat",
        "TransitioningToState",
    ];
    let mut lab = Rehearsal::read("[host]\nlocale = 'ja-JP'");
    let web = lab.get(&machine(WEB01)).unwrap();
    let shown: Vec<_> = web.properties().iter().map(|property| property.name.to_string()).collect();
    assert_eq!(shown, RECORDED.split_whitespace().collect::<Vec<_>>(), "in this order, without empty arrays");
    assert!(NULL.iter().all(|name| web.value(name) == Some(&Value::Null)));
    assert_eq!(
        (web.text("Caption"), web.text("Description")),
        (Some("仮想マシン"), Some("Microsoft Virtual Machine"))
    );
    assert_eq!(web.texts("StatusDescriptions").collect::<Vec<_>>(), ["正常稼働中"]);
    assert_eq!((web.number("RequestedState"), web.number("EnabledDefault")), (Some(5), Some(2)));
    let text = lab.text(&Get::new(machine(WEB01))).envelope;
    assert!(
        text.contains(r#"xml:lang="ja-JP""#) && text.contains(r#"xsi:type="p:Msvm_ComputerSystem_Type""#)
    );
    assert!(text.contains("<cim:Datetime>2026-03-01T08:15:00Z</cim:Datetime>"));
    let host = lab.get(&machine("HV01")).unwrap();
    assert_eq!(host.text("Caption"), Some("ホスト コンピューター システム"));
    assert_eq!((host.number("RequestedState"), host.value("ProcessID")), (Some(12), Some(&Value::Null)));
}

/// Whatever the host renders its own schema has to know, with the declared types.
#[test]
fn every_instance_of_every_class_is_as_its_schema_says_and_is_found_by_its_own_path() {
    let mut lab = Rehearsal::of(Scenario::default());
    lab.job(&super::export(point(WEB01, FIRST), r"D:\exports\web01"));
    lab.job(&super::create_point(machine(DB01), 2));
    lab.wait(30.0);
    let mut seen = std::collections::BTreeSet::new();
    for (namespace, class) in
        Catalog::bundled().classes().filter_map(|class| Some((class.namespace.clone()?, class.name.clone())))
    {
        let mut all = Enumerate::new(ObjectPath::new(namespace, class.clone()));
        all.mode = Mode::ObjectAndReference;
        for item in lab
            .pages(&all)
            .unwrap_or_else(|fault| panic!("{class}: {fault}"))
            .into_iter()
            .flat_map(|it| it.items)
        {
            let Item::ObjectAndReference(instance, reference) = item else { panic!("{item:?}") };
            assert!(Catalog::bundled().is_a(&instance.class, &class));
            for property in instance.properties() {
                let (_, declared) =
                    Catalog::bundled().shape(&instance.class).unwrap().property(&property.name).unwrap();
                assert!(property.value.scalars().all(|scalar| scalar.ty() == declared.ty), "{property:?}");
            }
            let path = reference.path.unwrap();
            let is_association = Catalog::bundled().class(&instance.class).unwrap().is_association;
            assert_eq!(path.keys.len(), Catalog::bundled().keys(&instance.class).count());
            if !is_association {
                assert_eq!(lab.get(&path).unwrap_or_else(|fault| panic!("{path}: {fault}")), instance);
            }
            seen.insert(instance.class.to_string());
        }
    }
    assert!(seen.len() >= 32, "{} classes: {seen:?}", seen.len());
}

#[test]
fn pages_bring_each_object_once_whatever_their_size() {
    let mut lab = Rehearsal::of(Scenario::default());
    let whole = lab.class("CIM_ManagedElement");
    for most in [None, Some(1), Some(2), Some(7), Some(1000)] {
        let mut request = Enumerate::new(path("CIM_ManagedElement"));
        request.opening = Opening::FirstPage { max_elements: most };
        let pages = lab.pages(&request).unwrap();
        let most = most.unwrap_or(1) as usize;
        assert!(pages.iter().all(|page| page.items.len() <= most));
        assert_eq!(pages.len(), whole.len().div_ceil(most));
        let all: Vec<_> = pages.iter().flat_map(|page| page.instances()).cloned().collect();
        assert_eq!(all, whole);
        assert_eq!(lab.host.open_contexts(), 0);
        request.opening = Opening::Context;
        let first = lab.ask(&request).unwrap();
        assert!(first.items.is_empty() && first.context.is_some());
        lab.ask(&request.release(first.context.unwrap())).unwrap();
    }
}

#[test]
fn a_context_is_good_for_one_pull_by_its_user_in_its_namespace_until_it_expires() {
    let mut lab = Rehearsal::of(Scenario::default());
    let mut request = Enumerate::new(path("CIM_ManagedElement"));
    request.opening = Opening::FirstPage { max_elements: Some(3) };
    let first = lab.ask(&request).unwrap().context.unwrap();
    assert_eq!(lab.host.open_contexts(), 1);
    lab.caller.user = r"LAB\other".to_owned();
    assert!(lab.ask(&request.pull(&*first)).unwrap_err().is_access_denied());
    assert!(lab.ask(&request.release(&*first)).unwrap_err().is_access_denied());
    lab.caller.user = r"LAB\operator".to_owned();
    let mut elsewhere = request.pull(&*first);
    elsewhere.resource = ObjectPath::new("root/cimv2", "*");
    assert_eq!(lab.ask(&elsewhere).unwrap_err().wsman_code(), Some(0x8033_81AD));
    let second = lab.ask(&request.pull(&*first)).unwrap().context.unwrap();
    assert_ne!(first, second);
    assert!(lab.ask(&request.pull(&*first)).unwrap_err().is_context_gone(), "only the newest counts");
    lab.wait(239.0);
    let third = lab.ask(&request.pull(&*second)).unwrap().context.unwrap();
    lab.wait(240.0);
    assert!(lab.ask(&request.pull(&*third)).unwrap_err().is_context_gone());
    assert_eq!(lab.host.open_contexts(), 0);
    let again = lab.ask(&request).unwrap().context.unwrap();
    lab.ask(&Release { resource: path("CIM_ManagedElement"), context: again.clone() }).unwrap();
    assert_eq!(lab.host.open_contexts(), 0);
    assert!(lab.ask(&request.pull(&*again)).unwrap_err().is_context_gone());
    assert!(lab.ask(&request.release(again)).unwrap_err().is_context_gone());
}

#[test]
fn open_enumerations_count_against_the_quota_of_their_user() {
    let mut lab = Rehearsal::read("[limits]\nmax_operations = 2");
    let mut request = Enumerate::new(path("CIM_ManagedElement"));
    request.opening = Opening::Context;
    let contexts: Vec<_> = (0..2).map(|_| lab.ask(&request).unwrap().context.unwrap()).collect();
    let fault = lab.ask(&request).unwrap_err();
    assert!(fault.is_quota() && fault.proves_not_started());
    assert!(lab.ask(&Get::new(machine(WEB01))).unwrap_err().is_quota());
    lab.caller.user = r"LAB\other".to_owned();
    lab.ask(&Get::new(machine(WEB01))).unwrap();
    lab.caller.user = r"LAB\operator".to_owned();
    lab.ask(&request.release(&*contexts[0])).unwrap();
    lab.ask(&Get::new(machine(WEB01))).unwrap();
}

#[test]
fn pages_fit_the_envelope_that_the_request_allows() {
    let mut lab = Rehearsal::read("[[instances]]\nclass = 'Msvm_VirtualSystemReferencePoint'\ncount = 3000");
    let whole = lab.class("Msvm_VirtualSystemReferencePoint");
    assert_eq!(whole.len(), 3005);
    lab.header.max_envelope_size = Some(8192);
    let request = Enumerate::new(path("Msvm_VirtualSystemReferencePoint"));
    let text = lab.text(&request).envelope;
    assert!((4096..=8192).contains(&text.len()), "{}", text.len());
    assert_eq!(lab.class("Msvm_VirtualSystemReferencePoint"), whole);
    let machines = lab.class("Msvm_ComputerSystem");
    assert_eq!(machines.len(), 3, "one fits when three do not");
}

#[test]
fn a_hundred_thousand_instances_are_not_held_at_once() {
    let toml = "[[instances]]\nclass = 'Msvm_VirtualSystemReferencePoint'\ncount = 100000";
    let mut lab = Rehearsal::read(toml);
    let request = Enumerate::query(
        "root/virtualization/v2",
        "SELECT InstanceID FROM Msvm_VirtualSystemReferencePoint WHERE InstanceID LIKE 'Microsoft:00000000-%'",
    );
    let machine_of = |count: u32| format!("00000000-0000-4000-9000-{count:012}");
    let id_of = |count: u32| format!("Microsoft:{}\\00000000-0000-4000-8000-{count:012}", machine_of(count));
    let mut page = lab.ask(&request).unwrap();
    let (mut count, mut pages) = (0, 0);
    loop {
        for instance in page.instances() {
            count += 1;
            assert_eq!(instance.text("InstanceID").unwrap(), id_of(count));
        }
        pages += 1;
        let Some(context) = page.context.take() else { break };
        page = lab.ask(&request.pull(context)).unwrap();
    }
    assert_eq!(count, 100_000);
    assert!(pages > 20, "{pages}");
    let one = path("Msvm_VirtualSystemReferencePoint")
        .with_key("InstanceID", id_of(99_999))
        .with_key("VirtualSystemIdentifier", machine_of(99_999));
    let shown = lab.get(&one).unwrap();
    assert_eq!(shown.text("ElementName"), Some("number 99999"));
    assert_eq!((shown.number("ReferencePointType"), shown.number("ConsistencyLevel")), (Some(2), Some(1)));
    let none = one.with_key("x", "y");
    assert_eq!(lab.get(&none).unwrap_err().wsman_code(), Some(0x8033_805B));
}

#[test]
fn associations_lead_both_ways_and_by_role_and_class() {
    let mut lab = Rehearsal::of(Scenario::default());
    let ask = |lab: &mut Rehearsal, object: &ObjectPath, rest: &str| {
        let found = lab
            .query(&format!("ASSOCIATORS OF {{{object}}} {rest}"))
            .unwrap_or_else(|fault| panic!("{fault}"));
        let mut found: Vec<_> = found.iter().map(|one| one.class.to_string()).collect();
        found.sort();
        found
    };
    let web = machine(WEB01);
    let to_points = "WHERE AssocClass = Msvm_ReferencePointOfVirtualSystem";
    assert_eq!(ask(&mut lab, &web, to_points), ["Msvm_VirtualSystemReferencePoint"; 2]);
    assert_eq!(ask(&mut lab, &point(WEB01, FIRST), to_points), ["Msvm_ComputerSystem"]);
    let by_class = "WHERE ResultClass = Msvm_VirtualSystemReferencePoint";
    assert_eq!(ask(&mut lab, &web, by_class), ["Msvm_VirtualSystemReferencePoint"; 2]);
    assert_eq!(
        ask(&mut lab, &web, "WHERE ResultClass = CIM_Service"),
        ["Msvm_VirtualSystemManagementService"]
    );
    assert_eq!(ask(&mut lab, &web, "WHERE Role = Dependent"), [""; 0]);
    assert_eq!(ask(&mut lab, &web, "WHERE Role = Antecedent"), ["Msvm_VirtualSystemReferencePoint"; 2]);
    assert_eq!(ask(&mut lab, &web, "WHERE ResultRole = Collection"), ["Msvm_VirtualSystemCollection"]);
    assert_eq!(
        ask(&mut lab, &collection(super::SHOP_FIRST), ""),
        [
            "Msvm_VirtualSystemCollection",
            "Msvm_VirtualSystemReferencePoint",
            "Msvm_VirtualSystemReferencePoint"
        ]
    );
    assert_eq!(ask(&mut lab, &point(DB01, super::DB_LOG), ""), ["Msvm_ComputerSystem"]);
    let settings = path("Msvm_VirtualSystemSettingData").with_key("InstanceID", format!("Microsoft:{WEB01}"));
    let disks = "WHERE AssocClass = CIM_Component ResultClass = CIM_StorageAllocationSettingData";
    assert_eq!(ask(&mut lab, &settings, disks), ["Msvm_StorageAllocationSettingData"; 2]);
    // REFERENCES OF brings the associations themselves, whose ends are the very objects.
    let rows = lab.query(&format!("REFERENCES OF {{{web}}} WHERE ResultClass = CIM_Dependency")).unwrap();
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert!(row.path("Antecedent").unwrap().is_same_object(&web));
        lab.get(row.path("Dependent").unwrap()).unwrap();
    }
    let all = lab.class("Msvm_ReferencePointOfVirtualSystem");
    assert_eq!(all.len(), 5);
    // The filter of WS-Management asks for the same.
    for (wanted, count) in [(Neighbours::Objects, 2), (Neighbours::Associations, 2)] {
        let mut filter = AssociationFilter::new(web.clone(), wanted);
        filter.association_class =
            (wanted == Neighbours::Objects).then(|| "Msvm_ReferencePointOfVirtualSystem".into());
        filter.result_class = (wanted == Neighbours::Associations).then(|| "CIM_Dependency".into());
        let mut request = Enumerate::new(path("*"));
        request.filter = Some(Filter::Association(filter));
        assert_eq!(lab.all(&request).unwrap().len(), count);
    }
    let keys = lab.query(&format!("ASSOCIATORS OF {{{web}}} {by_class} KeysOnly")).unwrap();
    assert!(keys.iter().all(|one| one.properties().len() == 2));
    let gone = machine("00000000-0000-4000-8000-000000000000");
    assert!(lab.query(&format!("ASSOCIATORS OF {{{gone}}}")).unwrap_err().is_not_found());
}

#[test]
fn a_part_of_an_object_can_be_read() {
    let mut lab = Rehearsal::of(Scenario::default());
    let get = |fragment| Get { resource: machine(WEB01), fragment: Some(fragment) };
    let text = lab.ask(&get(Fragment::text("ElementName"))).unwrap();
    assert_eq!(text, crate::wsman::Content::Text("web01".to_owned()));
    let property = lab.ask(&get(Fragment::property("EnabledState"))).unwrap();
    assert_eq!(property.instance().unwrap().number("EnabledState"), Some(2));
    assert!(lab.ask(&get(Fragment::text("NoSuch"))).is_err());
}

#[test]
fn classes_are_served_as_the_catalogue_has_them() {
    let mut lab = Rehearsal::of(Scenario::default());
    let ask = |lab: &mut Rehearsal, class: &str| {
        lab.ask(&GetClass { namespace: "root/virtualization/v2".into(), class: class.into() })
    };
    let class = ask(&mut lab, "msvm_virtualsystemreferencepointservice").unwrap();
    assert_eq!(class.name, "Msvm_VirtualSystemReferencePointService");
    assert_eq!(class.superclass.as_deref(), Some("CIM_Service"));
    let export = class.methods.iter().find(|method| method.name == "ExportReferencePoint").unwrap();
    assert_eq!(export.parameters.len(), 4);
    assert_eq!(class.properties.iter().filter(|property| property.is_key).count(), 4);
    assert!(ask(&mut lab, "Msvm_Nothing").unwrap_err().is_class_missing());
    let mut old = Rehearsal::read("[host]\nbuild = 14393");
    let class = ask(&mut old, "Msvm_VirtualSystemReferencePointService").unwrap();
    assert!(!class.methods.iter().any(|method| method.name == "ImportReferencePointMetadata"));
}

#[test]
fn hosts_of_a_fleet_have_the_same_machines_with_identifiers_of_their_own() {
    let scenario = std::sync::Arc::new(Scenario::default());
    let mut ids = std::collections::HashSet::new();
    for index in 0..40 {
        let mut lab = Rehearsal::on(std::sync::Arc::clone(&scenario), index);
        assert_eq!(lab.host.name(), format!("HV{:02}", index + 1));
        let machines = lab.class("Msvm_ComputerSystem");
        assert_eq!(
            names(&machines, "ElementName"),
            [format!("HV{:02}", index + 1), "db01".into(), "web01".into()]
        );
        ids.extend(names(&machines, "Name"));
        ids.extend(names(&lab.class("Msvm_VirtualSystemReferencePoint"), "InstanceID"));
        ids.extend(names(&lab.class("Msvm_ReferencePointCollection"), "CollectionID"));
        if index > 0 {
            assert!(lab.get(&machine(WEB01)).unwrap_err().is_not_found());
        }
    }
    assert_eq!(ids.len(), 40 * (3 + 5 + 2));
}

#[test]
fn a_host_answers_the_same_each_time() {
    let run = || {
        let mut lab = Rehearsal::of(Scenario::default());
        let mut texts = Vec::new();
        for step in 0..6 {
            texts.push(lab.text(&super::export(point(WEB01, FIRST), &format!("D:\\{step}"))).envelope);
            texts.push(lab.text(&Enumerate::new(path("CIM_ManagedElement"))).envelope);
            lab.wait(1.7);
        }
        texts
    };
    assert_eq!(run(), run());
}

#[test]
fn an_idle_host_is_small() {
    assert!(size_of::<Host>() < 400, "{}", size_of::<Host>());
}

#[test]
fn derived_classes_come_along_unless_the_scenario_minds_the_mode() {
    let ask = |lab: &mut Rehearsal, mode| {
        let mut request = Enumerate::new(path("CIM_ConcreteJob"));
        request.polymorphism = Some(mode);
        lab.all(&request).unwrap()
    };
    for counts in [false, true] {
        let mut lab = Rehearsal::read(&format!("[questions]\npolymorphism_counts = {counts}"));
        let job = lab.job(&super::create_point(machine(WEB01), 2));
        let whole = ask(&mut lab, Polymorphism::IncludeSubclassProperties);
        assert_eq!(whole, [lab.get(&job).unwrap()]);
        let shallow = ask(&mut lab, Polymorphism::None);
        assert_eq!(shallow.len(), usize::from(!counts));
        let shown = ask(&mut lab, Polymorphism::ExcludeSubclassProperties).remove(0);
        assert_eq!(shown.class == "CIM_ConcreteJob", counts);
        assert_eq!(shown.value("JobType").is_none(), counts);
        assert_eq!(shown.number("JobState"), Some(2));
    }
    let mut lab = Rehearsal::of(Scenario::default());
    lab.header.message_id = "uuid:1".to_owned();
    let request = crate::wsman::encode_request(&lab.header, &Enumerate::new(path("CIM_Job"))).unwrap();
    let odd = request.replace(
        "</n:Enumerate>",
        r#"<b:PolymorphismMode xmlns:b="http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd">Some</b:PolymorphismMode></n:Enumerate>"#,
    );
    let response = lab.host.handle(lab.now, &lab.caller, &odd);
    assert_eq!(response.entry.fault.as_deref(), Some("PolymorphismModeNotSupported"));
}

/// Measures what hosts take that have been asked once: `cargo test --release --lib -- --ignored memory`.
#[test]
#[ignore = "a measurement: cargo test --release --lib -- --ignored --nocapture memory_of_two_thousand_hosts"]
fn memory_of_two_thousand_hosts() {
    let resident = || -> u64 {
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let scenario = std::sync::Arc::new(Scenario::default());
    drop(Rehearsal::on(std::sync::Arc::clone(&scenario), 0).class("CIM_ManagedElement"));
    let start = resident();
    let mut labs: Vec<_> = (0..2000).map(|at| Rehearsal::on(std::sync::Arc::clone(&scenario), at)).collect();
    println!("not asked: {} bytes a host", (resident() - start) / 2000);
    for lab in &mut labs {
        assert_eq!(lab.class("Msvm_ComputerSystem").len(), 3);
    }
    println!("asked once: {} bytes a host", (resident() - start) / 2000);
    let begin = std::time::Instant::now();
    for lab in &mut labs {
        lab.text(&Get::new(machine(WEB01)));
    }
    println!("a Get: {:?}", begin.elapsed() / 2000);
}
