//! What can be put, made and removed, and what cannot.

use crate::cim::{Catalog, Instance, ObjectPath};
use crate::wsman::{
    Content, Create, Delete, EndpointReference, Enumerate, Fragment, Get, GetClass, Invoke, Put,
};

use super::{Rehearsal, WEB01, machine};
use crate::lab::Scenario;

const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";

fn class() -> ObjectPath {
    ObjectPath::new("root/cimv2", "Win32_Environment")
}

fn variable(name: &str) -> ObjectPath {
    class().with_key("Name", name).with_key("UserName", "<SYSTEM>")
}

fn said(name: &str, value: &str) -> Instance {
    let mut said = Instance::new("Win32_Environment")
        .with("Name", name)
        .with("UserName", "<SYSTEM>")
        .with("VariableValue", value);
    said.namespace = Some("root/cimv2".into());
    said
}

fn put(lab: &mut Rehearsal, path: ObjectPath, said: Instance) -> Result<Instance, u32> {
    let put = Put { resource: path, fragment: None, content: Content::Instance(said) };
    match lab.ask(&put) {
        Ok(Some(Content::Instance(instance))) => Ok(instance),
        Ok(other) => panic!("{other:?}"),
        Err(fault) => Err(fault.wsman_code().unwrap()),
    }
}

fn create(lab: &mut Rehearsal, said: Instance) -> Result<EndpointReference, u32> {
    let create = Create { resource: class(), fragment: None, content: Content::Instance(said) };
    lab.ask(&create).map_err(|fault| fault.numbers().last().unwrap())
}

#[test]
fn what_is_put_is_there_and_what_is_not_said_stays() {
    let mut lab = Rehearsal::of(Scenario::default());
    let before = lab.get(&variable("TEMP")).unwrap();
    assert_eq!(before.text("VariableValue"), Some(r"%SystemRoot%\TEMP"));
    let after = put(&mut lab, variable("temp"), said("TEMP", r"D:\temp")).unwrap();
    assert_eq!(after.text("VariableValue"), Some(r"D:\temp"));
    assert_eq!(after.text("SystemVariable"), before.text("SystemVariable"));
    assert_eq!(lab.get(&variable("TEMP")).unwrap(), after);
    let other = lab.get(&variable("ComSpec")).unwrap();
    assert_eq!(other.text("VariableValue"), Some(r"%SystemRoot%\system32\cmd.exe"));
}

#[test]
fn a_part_that_is_put_changes_nothing_else() {
    let mut lab = Rehearsal::of(Scenario::default());
    for (part, content) in [
        (Fragment::text("VariableValue"), Content::Text("a".to_owned())),
        (
            Fragment::property("VariableValue"),
            Content::Properties(Instance::new("Win32_Environment").with("VariableValue", "b")),
        ),
    ] {
        let put = Put { resource: variable("TEMP"), fragment: Some(part.clone()), content: content.clone() };
        assert_eq!(lab.ask(&put).unwrap(), Some(content.clone()));
        let get = Get { resource: variable("TEMP"), fragment: Some(part) };
        assert_eq!(lab.ask(&get).unwrap(), content);
    }
    let odd = Put {
        resource: variable("TEMP"),
        fragment: Some(Fragment::text("Nothing")),
        content: Content::Text("a".to_owned()),
    };
    assert_eq!(lab.ask(&odd).unwrap_err().wsman_code(), Some(0x8033_8077));
}

#[test]
fn an_object_is_made_once_and_removed_once() {
    let mut lab = Rehearsal::of(Scenario::default());
    let made = create(&mut lab, said("REFPOINT", "x")).unwrap();
    assert!(made.path.unwrap().is_same_object(&variable("REFPOINT")));
    assert_eq!(create(&mut lab, said("refpoint", "y")), Err(0x8004_1019), "it is there already");
    assert_eq!(lab.get(&variable("REFPOINT")).unwrap().text("VariableValue"), Some("x"));
    lab.ask(&Delete::new(variable("REFPOINT"))).unwrap();
    assert!(lab.ask(&Delete::new(variable("REFPOINT"))).unwrap_err().is_not_found());
    assert!(lab.get(&variable("REFPOINT")).unwrap_err().is_not_found());
}

#[test]
fn what_does_not_fit_the_class_is_refused_and_changes_nothing() {
    let mut lab = Rehearsal::of(Scenario::default());
    let before = lab.get(&variable("TEMP")).unwrap();
    let said = |name: &str, value: &str| said("TEMP", "x").with(name.to_owned(), value.to_owned());
    for (odd, why) in [
        (said("Nothing", "x"), "no such property"),
        (said("SystemVariable", "perhaps"), "no boolean"),
        (said("Name", "OTHER"), "another key"),
    ] {
        assert_eq!(put(&mut lab, variable("TEMP"), odd), Err(0x8033_8041), "{why}");
    }
    assert_eq!(lab.get(&variable("TEMP")).unwrap(), before);
    assert_eq!(put(&mut lab, variable("NOTHING"), said("VariableValue", "x")), Err(0x8033_8000));
    let nameless = Instance::new("Win32_Environment").with("VariableValue", "x");
    assert_eq!(create(&mut lab, nameless), Err(0x8004_1008), "it has no keys");
    // Hyper-V's own are changed by its methods, and an adapter not at all.
    assert_eq!(lab.ask(&Delete::new(machine(WEB01))).unwrap_err().wsman_code(), Some(0x8033_8102));
    let adapters = Enumerate::new(ObjectPath::new("root/StandardCimv2", "MSFT_NetAdapter"));
    let adapters = lab.all(&adapters).unwrap();
    assert_eq!(
        adapters.iter().map(|one| one.text("Name").unwrap()).collect::<Vec<_>>(),
        ["Ethernet", "Cluster"]
    );
}

#[test]
fn the_settings_of_the_service_are_no_cim_objects() {
    let mut lab = Rehearsal::of(Scenario::default());
    let config = ObjectPath::from_resource(CONFIG, Vec::new());
    let before = lab.get(&config).unwrap();
    assert_eq!((before.class.as_str(), before.text("MaxEnvelopeSizekb")), ("Config", Some("500")));
    let response = lab.text(&Get::new(config.clone()));
    assert!(
        response.envelope.contains(&format!("<cfg:Config xmlns:cfg=\"{CONFIG}\">")),
        "{}",
        response.envelope
    );
    let after = put(&mut lab, config.clone(), Instance::new("Config").with("MaxTimeoutms", "90000")).unwrap();
    assert_eq!((after.text("MaxTimeoutms"), after.text("MaxEnvelopeSizekb")), (Some("90000"), Some("500")));
    assert_eq!(lab.get(&config).unwrap(), after);
    for odd in [("MaxTimeoutms", "soon"), ("Nothing", "1")] {
        assert_eq!(
            put(&mut lab, config.clone(), Instance::new("Config").with(odd.0, odd.1)),
            Err(0x8033_8041)
        );
    }
    let listeners = Enumerate::new(ObjectPath::from_resource(&format!("{CONFIG}/listener"), Vec::new()));
    assert_eq!(lab.all(&listeners).unwrap()[0].text("Port"), Some("5985"));
}

#[test]
fn what_holds_settings_is_a_resource_of_its_own() {
    let mut lab = Rehearsal::of(Scenario::default());
    let at = |below: &str| ObjectPath::from_resource(&format!("{CONFIG}{below}"), Vec::new());
    let auth = lab.get(&at("/Service/auth")).unwrap();
    assert_eq!((auth.class.as_str(), auth.text("Negotiate")), ("Auth", Some("true")));
    let response = lab.text(&Get::new(at("/service/auth")));
    let element = format!("<cfg:Auth xmlns:cfg=\"{CONFIG}/service/auth\">");
    assert!(response.envelope.contains(&element), "{}", response.envelope);
    let after = put(&mut lab, at("/service/auth"), Instance::new("Auth").with("Basic", "true")).unwrap();
    assert_eq!((after.text("Basic"), after.text("Kerberos")), (Some("true"), Some("true")));
    assert_eq!(lab.get(&at("/SERVICE/AUTH")).unwrap(), after);
    // Its neighbour of the same name is another one, and the whole knows of it.
    assert_eq!(lab.get(&at("/client/auth")).unwrap().text("Digest"), Some("true"));
    let other = put(&mut lab, at("/service/auth"), Instance::new("Config").with("Basic", "true"));
    assert_eq!(other, Err(0x8033_8041));
    let number = |fault: Box<crate::wsman::Fault>| fault.wsman_code();
    assert!(lab.get(&at("/service/nothing")).is_err() && lab.get(&at("/service/maxconnections")).is_err());
    assert!(lab.get(&at("ure")).is_err(), "another resource begins with the same letters");
    let listener = |transport: &str| {
        let keys = vec![("Address".into(), "*".into()), ("Transport".into(), transport.into())];
        ObjectPath::from_resource(&format!("{CONFIG}/listener"), keys)
    };
    let create = |resource: ObjectPath, said: Instance| Create {
        resource,
        fragment: None,
        content: Content::Instance(said),
    };
    let said = Instance::new("Listener").with("Hostname", "hv01");
    let made = lab.ask(&create(listener("HTTPS"), said.clone())).unwrap().path.unwrap();
    assert_eq!(made.key_text("Transport").as_deref(), Some("HTTPS"));
    assert_eq!(lab.get(&listener("https")).unwrap().text("Port"), Some("5986"));
    for (resource, said, code) in [
        (listener("HTTPS"), said.clone(), 0x8004_1019),
        (listener("FTP"), said.clone(), 0x8033_8041),
        (at("/service"), Instance::new("Service"), 0x8033_8102),
        (listener("HTTP"), Instance::new("Listener").with("Nothing", "1"), 0x8004_1019),
    ] {
        let refused = lab.ask(&create(resource, said)).map_err(number);
        assert!(refused == Err(Some(code)), "{code:X}: {refused:X?}");
    }
    lab.ask(&Delete::new(listener("HTTPS"))).unwrap();
    assert!(lab.get(&listener("HTTPS")).is_err());
}

#[test]
fn methods_of_a_class_need_no_object_and_the_host_says_what_they_take() {
    let mut lab = Rehearsal::of(Scenario::default());
    let registry = ObjectPath::new("root/cimv2", "StdRegProv");
    let key = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let read = |method: &str, name: &str| {
        Invoke::new(registry.clone(), method)
            .with("hDefKey", 0x8000_0002_u32)
            .with("sSubKeyName", key)
            .with("sValueName", name)
    };
    let build = lab.invoke(&read("GetStringValue", "currentbuild")).unwrap();
    assert_eq!((build.code(), build.out[0].1.as_str()), (Some(0), Some("20348")));
    assert_eq!(lab.code(&read("GetDWORDValue", "CurrentBuild")), 2, "it is a text");
    assert_eq!(lab.code(&read("SetDWORDValue", "Own").with("uValue", 7_u32)), 0);
    let own = lab.invoke(&read("GetDWORDValue", "own")).unwrap();
    assert_eq!(own.out[0].1.as_str(), Some("7"), "no schema of the client's types it");
    let class = lab.ask(&GetClass { namespace: "root/cimv2".into(), class: "StdRegProv".into() }).unwrap();
    let method = class.methods.iter().find(|method| method.name == "SetMultiStringValue").unwrap();
    assert!(method.parameters[3].is_array && method.parameters[3].is_input);
    assert!(!Catalog::bundled().is_known("StdRegProv"));
}
