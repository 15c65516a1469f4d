//! The commands that ask a host.

use std::net::TcpListener;

use refpoint::cim::{ObjectPath, Scalar, Value};
use refpoint::wsman::{Filter, Identity, Invoked, Mode, Request, names};
use serde_json::json;

use crate::host::{Answer, CLEAR, Host, NAMESPACE, PASSWORD, enumerate, fault, machine, not_found, page};
use crate::program::refpoint;

fn machines() -> Host {
    Host::new(|incoming| match &incoming.request {
        Request::Get(_) => Answer::Instance(machine("web01", 2)),
        Request::Enumerate(request) => {
            page(&[machine("web01", 2), machine("日本 <&>", 3)], None, request.mode)
        }
        Request::Identify(_) => Answer::Identity(Identity {
            vendor: Some("Microsoft Corporation".into()),
            version: Some("OS: 10.0.20348 SP: 0.0 Stack: 3.0".into()),
            protocol_versions: vec![names::WSMAN.uri.into()],
            ..Identity::default()
        }),
        other => panic!("{other:?}"),
    })
}

#[test]
fn identify_tells_who_answers_and_how_the_login_went() {
    let host = machines();
    host.refpoint(&["identify"], &[]).run().is(
        0,
        &format!(
            "Endpoint  {}/wsman\nVendor    Microsoft Corporation\nVersion   OS: 10.0.20348 SP: 0.0 Stack: 3.0\n\
             Protocol  http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd\n\
             Login     Basic, messages NOT encrypted\n",
            host.target()
        ),
        CLEAR,
    );
    let run = refpoint(["identify", &host.target(), "--anonymous", "-o", "json"]).run();
    assert_eq!(
        (&run.json()["vendor"], &run.json()["login"]),
        (&json!("Microsoft Corporation"), &json!(null))
    );
}

#[test]
fn an_instance_is_shown_in_every_format() {
    let host = machines();
    let object = ["Msvm_ComputerSystem", "CreationClassName=Msvm_ComputerSystem", "Name=0A-web01"];
    let get = |format: &str| host.refpoint(&["cim", "get"], &[&object[..], &["-o", format]].concat()).run();
    get("table").is(
        0,
        "Msvm_ComputerSystem\n  CreationClassName     Msvm_ComputerSystem\n  ElementName           web01\n  \
         EnabledState          2 (Running)\n  Name                  0A-web01\n  \
         OnTimeInMilliseconds  9223372036854775807\n",
        CLEAR,
    );
    let expected = r#"{"class":"Msvm_ComputerSystem","namespace":"root/virtualization/v2","properties":{"Caption":null,"CreationClassName":"Msvm_ComputerSystem","ElementName":"web01","EnabledState":2,"Name":"0A-web01","OnTimeInMilliseconds":9223372036854775807}}"#;
    get("json").is(0, &format!("{expected}\n"), CLEAR);
    get("jsonl").is(0, &format!("{expected}\n"), CLEAR);
    get("yaml").is(
        0,
        "class: Msvm_ComputerSystem\nnamespace: root/virtualization/v2\nproperties:\n  Caption: null\n  \
         CreationClassName: Msvm_ComputerSystem\n  ElementName: web01\n  EnabledState: 2\n  Name: \"0A-web01\"\n  \
         OnTimeInMilliseconds: 9223372036854775807\n",
        CLEAR,
    );
    let name = r#"root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="0A-web01""#;
    get("name").is(0, &format!("{name}\n"), CLEAR);
    // What was printed names the object again.
    host.refpoint(&["cim", "get"], &[name, "-o", "json"]).run().is(0, &format!("{expected}\n"), CLEAR);
    for incoming in host.heard() {
        let Request::Get(get) = incoming.request else { panic!() };
        assert_eq!(get.resource.key_text("Name").unwrap(), "0A-web01");
    }
}

#[test]
fn a_list_is_shown_in_every_format() {
    let host = machines();
    let list = |format: &str| host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", format]).run();
    list("table").is(
        0,
        "ElementName  Name         EnabledState\nweb01        0A-web01     2 (Running)\n\
         日本 <&>     0A-日本 <&>  3 (Off)\n",
        CLEAR,
    );
    let run = list("json");
    let parsed: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(parsed.as_array().unwrap().len(), 2);
    assert_eq!(parsed[1]["properties"]["ElementName"], "日本 <&>");
    let lines = list("jsonl").stdout;
    let each: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(each), parsed);
    assert_eq!(crate::yaml::load(&list("yaml").stdout), parsed);
    let names = list("name");
    assert_eq!(names.stdout.lines().count(), 2);
    assert!(names.stdout.ends_with("Name=\"0A-日本 <&>\"\n"), "{}", names.stdout);
    assert_eq!(
        enumerate(host.heard().last().unwrap()).mode,
        Mode::Reference,
        "no object is sent to be named"
    );
}

#[test]
fn nothing_found_is_an_empty_list_and_no_failure() {
    let host = Host::new(|incoming| page(&[], None, enumerate(incoming).mode));
    let list = |format: &str| host.refpoint(&["cim", "list"], &["Msvm_ComputerSystem", "-o", format]).run();
    list("json").is(0, "[]\n", CLEAR);
    list("yaml").is(0, "[]\n", CLEAR);
    list("jsonl").is(0, "", CLEAR);
    list("table").is(0, "", &format!("{CLEAR}nothing found\n"));
}

#[test]
fn a_query_shows_what_it_selects_and_reaches_the_host_as_it_was_written() {
    let host = machines();
    let wql = r#"SELECT Name, ElementName FROM Msvm_ComputerSystem WHERE ElementName = 'a\'b <&>'"#;
    host.refpoint(&["cim", "query"], &[wql]).run().is(
        0,
        "Name         ElementName\n0A-web01     web01\n0A-日本 <&>  日本 <&>\n",
        CLEAR,
    );
    assert_eq!(enumerate(&host.heard()[0]).filter, Some(Filter::Wql(wql.into())));
    assert_eq!(enumerate(&host.heard()[0]).resource.class, "*");
}

#[test]
fn neighbours_are_asked_for_through_what_was_said() {
    let host = machines();
    let arguments = [
        "Msvm_ConcreteJob",
        "InstanceID=1",
        "--via",
        "Msvm_AffectedJobElement",
        "--result",
        "Msvm_ComputerSystem",
        "--role",
        "AffectingElement",
    ];
    let run = host.refpoint(&["cim", "associators"], &arguments).run();
    assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 3), "{}", run.stderr);
    let Some(Filter::Wql(query)) = enumerate(&host.heard()[0]).filter.clone() else { panic!() };
    assert_eq!(
        query,
        "ASSOCIATORS OF {Msvm_ConcreteJob.InstanceID=\"1\"} WHERE AssocClass=Msvm_AffectedJobElement \
         ResultClass=Msvm_ComputerSystem Role=AffectingElement"
    );
}

fn returning(number: u32) -> Host {
    Host::new(move |incoming| match &incoming.request {
        Request::Enumerate(_) => {
            let path = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePointService")
                .with_key("Name", "vmms");
            let item = refpoint::wsman::Item::Reference(refpoint::wsman::EndpointReference::to(path));
            Answer::Page(refpoint::wsman::Page { items: vec![item], context: None, expires: None })
        }
        Request::Invoke(_) => {
            let job = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePointExportJob")
                .with_key("InstanceID", "J1");
            let out = if number == 4096 { vec![("Job".into(), job.into())] } else { Vec::new() };
            Answer::Invoked(Invoked { return_value: number.into(), out })
        }
        other => panic!("{other:?}"),
    })
}

const EXPORT: [&str; 5] = [
    "Msvm_VirtualSystemReferencePointService",
    "exportreferencepoint",
    r"ExportDirectory=D:\R&D <x>",
    r#"ReferencePoint=@Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:1\\2",VirtualSystemIdentifier="1""#,
    r#"ExportSettingData:={"DisksToExport": ["a"]}"#,
];

#[test]
fn a_call_reaches_the_one_instance_with_its_arguments_typed() {
    let host = returning(4096);
    host.refpoint(&["cim", "invoke"], &EXPORT).run().is(
        0,
        "ReturnValue  4096 (job started)\nJob          \
         root\\virtualization\\v2:Msvm_VirtualSystemReferencePointExportJob.InstanceID=\"J1\"\n",
        CLEAR,
    );
    let heard = host.heard();
    let [_, call] = heard.as_slice() else { panic!("{heard:?}") };
    let Request::Invoke(call) = &call.request else { panic!("{call:?}") };
    assert_eq!(call.resource.key_text("Name").unwrap(), "vmms");
    assert_eq!(call.method.as_str(), "ExportReferencePoint");
    let names: Vec<_> = call.arguments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ReferencePoint", "ExportDirectory", "ExportSettingData"]);
    let Value::One(Scalar::Reference(point)) = &call.arguments[0].1 else { panic!() };
    assert_eq!(point.key_text("InstanceID").unwrap(), r"Microsoft:1\2");
    assert_eq!(call.arguments[1].1.as_str(), Some(r"D:\R&D <x>"));
    assert!(call.arguments[2].1.as_str().unwrap().contains(r#"NAME="DisksToExport""#));
    let run = host.refpoint(&["cim", "invoke"], &[&EXPORT[..], &["-o", "json"]].concat()).run();
    let result: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&result["method"], &result["return_value"], &result["out"]["Job"]["keys"]["InstanceID"]),
        (&json!("ExportReferencePoint"), &json!(4096), &json!("J1"))
    );
}

#[test]
fn a_refusal_is_printed_and_fails() {
    for (number, code, name) in [
        (32769, 6, "access denied"),
        (32774, 9, "in use"),
        (32775, 7, "invalid state"),
        (5, 7, "unknown"),
        (12345, 7, "method reserved"),
    ] {
        let run =
            returning(number).refpoint(&["cim", "invoke"], &[&EXPORT[..], &["-o", "json"]].concat()).run();
        let result: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((run.code, &result["return_value"]), (Some(code), &json!(number)), "{}", run.stderr);
        let said = format!("error: 127.0.0.1: ExportReferencePoint returned {number} ({name})\nhint: ");
        assert!(run.stderr.contains(&said), "{}", run.stderr);
    }
    returning(0).refpoint(&["cim", "invoke"], &EXPORT).run().is(0, "ReturnValue  0 (completed)\n", CLEAR);
}

#[test]
fn a_call_whose_answer_is_lost_is_unknown_and_not_made_again() {
    let host = Host::new(|incoming| match &incoming.request {
        Request::Invoke(_) => Answer::Close,
        other => panic!("{other:?}"),
    });
    let object = r#"Msvm_ConcreteJob.InstanceID="1""#;
    let run = host.refpoint(&["cim", "invoke"], &[object, "RequestStateChange", "RequestedState=4"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(12), ""));
    assert!(run.stderr.contains("error: 127.0.0.1: outcome of "), "{}", run.stderr);
    assert!(
        run.stderr.contains("hint: the host may have done it: look there before you ask again\n"),
        "{}",
        run.stderr
    );
    assert_eq!(host.heard().len(), 1);
}

#[test]
fn each_failure_has_its_exit_code_and_says_what_to_try() {
    let denied = || {
        let fault = fault(names::WSMAN, "AccessDenied", "Zugriff verweigert \u{9b}");
        Answer::Fault(Box::new(fault.with_wsman(5, "HV01", "Zugriff verweigert")))
    };
    let other = || Answer::Fault(Box::new(fault(names::WSMAN, "InternalError", "no")));
    let quota = || {
        let fault = fault(names::WSMAN, "QuotaLimit", "too much");
        Answer::Fault(Box::new(fault.with_wsman(0x8033_81A6, "HV01", "too much")))
    };
    for (name, answer, code) in
        [("not found", not_found as fn() -> Answer, 10), ("denied", denied, 6), ("other", other, 7)]
    {
        let host = Host::new(move |_| answer());
        let run = host.refpoint(&["cim", "get"], &[r#"Msvm_ConcreteJob.InstanceID="1""#]).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{name}: {}", run.stderr);
        let first = "error: 127.0.0.1: Get Msvm_ConcreteJob failed on the host\n  caused by: ";
        assert!(run.stderr.starts_with(&format!("{CLEAR}{first}")), "{}", run.stderr);
        assert!(run.stderr.contains("\nhint: ") && !run.stderr.contains('\u{9b}'), "{}", run.stderr);
    }
    let host = Host::new(move |_| quota());
    let run =
        host.refpoint(&["cim", "get"], &[r#"Msvm_ConcreteJob.InstanceID="1""#, "--deadline", "100ms"]).run();
    assert!(matches!(run.code, Some(8 | 9)), "{}", run.stderr);
    assert!(run.stderr.contains("\nhint: "), "{}", run.stderr);
}

#[test]
fn a_class_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let host = Host::new(|_| {
        let fault = fault(names::WSMAN, "SchemaValidationError", "?");
        Answer::Fault(Box::new(fault.with_wsman(0x8004_1010, "HV01", "invalid class")))
    });
    let run = host.refpoint(&["cim", "list"], &["Msvm_ComputerSytem"]).run();
    assert_eq!(run.code, Some(10), "{}", run.stderr);
    let end = "hint: did you mean Msvm_ComputerSystem?\nmore: refpoint explain 0x80041010\n";
    assert!(run.stderr.ends_with(end), "{}", run.stderr);
}

#[test]
fn a_class_of_the_system_is_told_with_its_namespace() {
    let host = || {
        Host::new(|_| {
            let fault = fault(names::WSMAN, "SchemaValidationError", "?");
            Answer::Fault(Box::new(fault.with_wsman(0x8004_1010, "HV01", "invalid class")))
        })
    };
    let hint = "hint: classes of the system are in another namespace: --namespace root/cimv2\n";
    for class in ["Win32_Volume", "win32_logondisk", "CIM_DataFile", "CIM_Fan"] {
        let run = host().refpoint(&["cim", "list"], &[class]).run();
        assert_eq!((run.code, run.stderr.matches("hint: ").count()), (Some(10), 1), "{}", run.stderr);
        assert!(run.stderr.contains(hint), "{}", run.stderr);
        let run = host().refpoint(&["cim", "list"], &[class, "--namespace", "root/cimv2"]).run();
        assert!(run.code == Some(10) && !run.stderr.contains(hint), "{}", run.stderr);
    }
    for class in ["CIM_ConcretJob", "CIM_ConcreteJob"] {
        let run = host().refpoint(&["cim", "list"], &[class]).run();
        assert!(run.code == Some(10) && !run.stderr.contains(hint), "{}", run.stderr);
    }
}

#[test]
fn who_is_not_there_and_who_lets_nobody_in_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let words = ["--user", "LAB\\operator", "--auth", "ntlm", "--deadline", "20s"];
    let target = format!("127.0.0.1:{port}");
    let run =
        refpoint(["identify", &target].into_iter().chain(words)).env("REFPOINT_PASSWORD", PASSWORD).run();
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(
        run.stderr.contains("Connection refused") && run.stderr.contains("hint: is the host up"),
        "{}",
        run.stderr
    );
    let host = machines();
    let run = host.refpoint(&["identify"], &[]).env("REFPOINT_PASSWORD", "wrong").run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
    assert!(
        run.stderr.contains("login refused with Basic") && run.stderr.contains("hint: "),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("wrong"));
}

#[test]
fn arguments_that_do_not_fit_each_other_are_refused_before_anything_is_sent() {
    let get = ["cim", "get", "hv01", r#"Msvm_ConcreteJob.InstanceID="1""#];
    let refused = |more: &[&str]| {
        let run = refpoint(get.into_iter().chain(more.iter().copied())).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{more:?}: {}", run.stderr);
        run.stderr
    };
    for (more, said) in [
        (&["--auth", "basic", "-u", "a"][..], "hint: --allow-cleartext sends it all the same"),
        (&["--auth", "ntlm"], "hint: use --user, or REFPOINT_USER"),
        (&["--keytab", "f"], "hint: say whose with --user user@REALM"),
        (&["--keytab", "f", "-u", "a", "--auth", "ntlm"], "a keytab is for Kerberos"),
        (&["--password-file", "f"], "a password, and nobody whose it is"),
        (&["--password-file", "f", "--password-stdin", "-u", "a"], "cannot be used with"),
        (&["--insecure"], "hint: write https://hv01"),
        (&["--pin", "sha256:00"], "64 hexadecimal digits"),
        (&["--cert", "f"], "--key"),
        (&["--auth", "certificate"], "a certificate logs in over https alone"),
        (&["--deadline", "30"], "write 30s, 5m"),
        (&["--proxy", "ftp://x", "-u", "a"], "cannot use the proxy"),
        (
            &["--proxy", "http://me:hidden-1@proxy", "-u", "a"],
            "hint: put the address into https_proxy or http_proxy and use --proxy env",
        ),
        (&["--key-passphrase-file", "f"], "--key"),
        (&["--password", "x"], "unexpected argument '--password'"),
        (&["-o", "xml"], "possible values: table, json, jsonl, yaml, name"),
    ] {
        let stderr = refused(more);
        assert!(stderr.contains(said), "{more:?}: {stderr}");
    }
    let run = refpoint(["cim", "get", "user:secret@hv01", "X"]).run();
    assert!(run.code == Some(2) && run.stderr.contains("do not belong in an endpoint"), "{}", run.stderr);
}
