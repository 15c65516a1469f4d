//! `cim` against simulated hosts: what is changed, what is watched, and that nothing is left of either.

use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{At, Lab};
use crate::program::{Run, Running};

const CIMV2: [&str; 2] = ["--namespace", "root/cimv2"];
const TEMP: [&str; 3] = ["Win32_Environment", "Name=TEMP", "UserName=<SYSTEM>"];
const OWN: [&str; 3] = ["Win32_Environment", "Name=OWN", "UserName=<SYSTEM>"];
const EVENTS: &str =
    "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Environment'";

fn cim(host: At<'_>, command: &str, words: &[&[&str]]) -> Run {
    host.refpoint(&["cim", command], &[&words.concat()[..], &CIMV2].concat()).run()
}

/// Returns how often an operation was carried out.
fn done(host: At<'_>, operation: &str) -> usize {
    let is_it = |line: &&Value| line["operation"] == operation && line["return_value"] == 0;
    host.asked().iter().filter(is_it).count()
}

fn asked(host: At<'_>, operation: &str) -> usize {
    host.asked().iter().filter(|line| line["operation"] == operation).count()
}

fn value(host: At<'_>, object: &[&str]) -> Option<String> {
    let run = cim(host, "get", &[object, &["-o", "json"]]);
    if run.code == Some(10) {
        return None;
    }
    Some(run.json()["properties"]["VariableValue"].as_str().unwrap().to_owned())
}

#[test]
fn a_property_is_changed_once_and_shown_as_it_was_and_is() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let set = ["--set", r"VariableValue=D:\temp"];
    let dry = cim(host, "put", &[&TEMP, &set, &["--dry-run"]]);
    assert_eq!((dry.code, asked(host, "Put")), (Some(0), 0), "{}", dry.stderr);
    assert!(dry.stdout.contains(r"Body VariableValue   D:\temp"), "{}", dry.stdout);
    assert!(dry.stdout.contains("/wmi/root/cimv2/Win32_Environment\n"), "{}", dry.stdout);
    assert!(dry.stdout.contains(r"<p:VariableValue>D:\temp</p:VariableValue>"), "{}", dry.stdout);
    let run = cim(host, "put", &[&TEMP, &set]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(
        run.stdout,
        "root\\cimv2:Win32_Environment.Name=\"TEMP\",UserName=\"<SYSTEM>\"\n  \
         VariableValue  %SystemRoot%\\TEMP → D:\\temp\n"
    );
    assert_eq!((value(host, &TEMP).as_deref(), done(host, "Put")), (Some(r"D:\temp"), 1));
    let again = cim(host, "put", &[&TEMP, &set]);
    assert_eq!((again.code, asked(host, "Put")), (Some(0), 1), "it is so already");
    assert!(again.stderr.contains("it is so already"), "{}", again.stderr);
    let part = cim(host, "put", &[&TEMP, &["--set", "VariableValue=x", "--fragment", "-o", "json"]]);
    let part = part.json();
    assert_eq!(part["changed"], json!({"VariableValue": {"before": "D:\\temp", "after": "x"}}));
    assert_eq!(part["instance"]["properties"]["SystemVariable"], "true", "the rest is as it was");
    for (odd, code) in [("Name=OTHER", 2), ("Nothing=1", 2)] {
        let run = cim(host, "put", &[&TEMP, &["--set", odd]]);
        assert_eq!(run.code, Some(code), "{odd}: {}", run.stderr);
    }
    assert_eq!(done(host, "Put"), 2);
}

#[test]
fn an_object_is_made_named_and_removed() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let made = [&OWN[..], &["VariableValue=1", "--schema", "host"]].concat();
    let run = cim(host, "create", &[&made]);
    assert_eq!(
        run.stdout, "root\\cimv2:Win32_Environment.Name=\"OWN\",UserName=\"<SYSTEM>\"\n",
        "{}",
        run.stderr
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    // What it printed names it.
    let path = run.stdout.trim();
    assert_eq!(value(host, &[path]).as_deref(), Some("1"));
    let twice = cim(host, "create", &[&made]);
    assert_eq!((twice.code, done(host, "Create")), (Some(7), 1), "{}", twice.stderr);
    assert!(twice.stderr.contains("0x80041019"), "{}", twice.stderr);
    let asked_first = cim(host, "delete", &[&[path]]);
    assert_eq!((asked_first.code, asked(host, "Delete")), (Some(2), 0), "{}", asked_first.stderr);
    let dry = cim(host, "delete", &[&[path, "--dry-run", "-o", "json"]]);
    assert_eq!((&dry.json()["sent"], &dry.json()["selectors"]["Name"]), (&json!(false), &json!("OWN")));
    let run = cim(host, "delete", &[&[path, "--yes"]]);
    assert_eq!((run.code, done(host, "Delete")), (Some(0), 1), "{}", run.stderr);
    assert_eq!(cim(host, "delete", &[&[path, "--yes"]]).code, Some(10));
    assert_eq!(value(host, &OWN), None);
}

#[test]
fn a_change_whose_answer_is_lost_is_unknown_and_is_not_asked_for_again() {
    for (command, operation, words) in [
        ("put", "Put", [&TEMP[..], &["--set", "VariableValue=x"]].concat()),
        ("put", "Put", [&TEMP[..], &["--set", "VariableValue=x", "--fragment"]].concat()),
        ("create", "Create", [&OWN[..], &["VariableValue=x"]].concat()),
        ("delete", "Delete", [&TEMP[..], &["--yes"]].concat()),
    ] {
        for fault in ["lost-response", "cut"] {
            let rule =
                format!("[[fault]]\nwhat = '{fault}'\nwhen = {{ operation = '{operation}' }}\ntimes = 1\n");
            let lab = Lab::new(1, &rule);
            let host = lab.at(1);
            let run = cim(host, command, &[&words]);
            assert_eq!(run.code, Some(12), "{words:?}: {}", run.stderr);
            assert!(run.stderr.contains("look there before you ask again"), "{}", run.stderr);
            assert_eq!((asked(host, operation), done(host, operation)), (1, 1), "{words:?}");
        }
        // And where the host proves that it has not begun, it is asked again.
        let rule = format!("[[fault]]\nwhat = 'quota'\nwhen = {{ operation = '{operation}' }}\ntimes = 1\n");
        let lab = Lab::new(1, &rule);
        let run = cim(lab.at(1), command, &[&words]);
        assert_eq!(
            (run.code, asked(lab.at(1), operation), done(lab.at(1), operation)),
            (Some(0), 2, 1),
            "{words:?}"
        );
    }
}

#[test]
fn a_method_of_a_class_that_only_the_host_knows_is_checked_by_what_the_host_says() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let key = r"sSubKeyName=SOFTWARE\Microsoft\Windows NT\CurrentVersion";
    let hive = "hDefKey=2147483650";
    let told = ["--schema", "host"];
    let read = cim(
        host,
        "invoke",
        &[&["StdRegProv", "GetDWORDValue", hive, key, "sValueName=UBR", "-o", "json"], &told],
    );
    assert_eq!(read.json()["return_value"], 0, "{}", read.stderr);
    let write = ["StdRegProv", "SetMultiStringValue", hive, key, "sValueName=Own", "sValue=[a,b c]"];
    assert_eq!(cim(host, "invoke", &[&write, &told]).code, Some(0));
    let back = ["StdRegProv", "GetMultiStringValue", hive, key, "sValueName=Own", "-o", "json"];
    assert_eq!(cim(host, "invoke", &[&back, &told]).json()["out"]["sValue"], json!(["a", "b c"]));
    let calls = host.asked().iter().filter(|line| line["operation"] == "Invoke").count();
    for (words, complaint) in [
        (&["StdRegProv", "SetDWORDValue", hive, "uValue=4294967296"][..], "from 0 to 4294967295"),
        (&["StdRegProv", "SetDWORDValue", "hDefKy=1"], "did you mean hDefKey?"),
        (&["StdRegProv", "GetDWORDValue", hive, "uValue=1"], "gives uValue, it does not take it"),
        (&["StdRegProv", "SetDWORDValu", hive], "did you mean SetDWORDValue?"),
        (&["StdRegProv", "Explode"], "the host says it has GetDWORDValue"),
    ] {
        let run = cim(host, "invoke", &[words, &told]);
        assert_eq!(run.code, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(complaint), "{words:?}: {}", run.stderr);
    }
    assert_eq!(
        host.asked().iter().filter(|line| line["operation"] == "Invoke").count(),
        calls,
        "none was sent"
    );
    // Without that everything goes as text, and that is said.
    let plain = cim(host, "invoke", &[&["StdRegProv", "GetDWORDValue", hive, key, "sValueName=UBR"]]);
    assert!(
        plain.stderr.contains("warning: StdRegProv.GetDWORDValue is not in the bundled schema"),
        "{}",
        plain.stderr
    );
    assert_eq!(plain.code, Some(0));
    let missing = cim(host, "invoke", &[&["StdRegProv", "GetDWORDValue", hive, key], &told]);
    assert!(missing.stderr.contains("also takes sValueName: not given"), "{}", missing.stderr);
    let nothing = cim(host, "get", &[&["Win32_Nothing", "Name=x"], &told]);
    assert_eq!(nothing.code, Some(10), "{}", nothing.stderr);
}

#[test]
fn a_class_is_described_as_the_host_has_it_in_any_namespace() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let told = ["--schema", "host"];
    let page = cim(host, "describe", &[&["win32_environment"], &told]);
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert!(page.stdout.starts_with("Win32_Environment\n  in root/cimv2\n"), "{}", page.stdout);
    assert!(page.stdout.contains("\nKeys\n  Name      string\n"), "{}", page.stdout);
    // A class of another namespace, in one word; a TARGET alone asks it too.
    let other = cim(host, "describe", &[&["root/StandardCimv2:MSFT_NetAdapter", "-o", "json"]]);
    assert_eq!(other.json()["namespace"], "root/StandardCimv2");
    let states = &other.json()["properties"];
    let state = states.as_array().unwrap().iter().find(|it| it["name"] == "MediaConnectState").unwrap();
    assert_eq!(state["values"][1], json!({"value": 1, "meaning": "Connected"}));
    let registry = cim(host, "describe", &[&["StdRegProv", "-o", "json"], &told]).json();
    let set =
        &registry["methods"].as_array().unwrap().iter().find(|it| it["name"] == "SetDWORDValue").unwrap();
    assert_eq!(set["parameters"][3]["type"], "uint32");
    // What is bundled is the same by the host's own word: with all it is derived from, and what methods return.
    let virtualization = ["--namespace", "root/virtualization/v2"];
    let service = "Msvm_VirtualSystemReferencePointService";
    let by_host =
        host.refpoint(&["cim", "describe"], &[&[service], &told[..], &virtualization].concat()).run();
    let bundled = crate::program::refpoint(["cim", "describe", service]).run();
    assert_eq!(by_host.stdout, bundled.stdout);
    let asked = host.asked().iter().filter(|line| line["operation"] != "GetClass").count();
    assert_eq!(asked, 0, "nothing but classes was asked for");
}

#[test]
fn a_class_that_is_asked_for_of_nobody_or_is_none_is_refused() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    for (words, code, says) in [
        (&["Win32_Nothing", "--schema", "host"][..], 10, "0x80041010"),
        (&["Win32_Environment", "--schema", "bundled"], 2, "leave TARGET away"),
        (&["Win32_Environment.Name=\"TEMP\""], 2, "its class is Win32_Environment"),
    ] {
        let run = cim(host, "describe", &[words]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
    }
    let run = crate::program::refpoint(["cim", "describe", "Win32_Volume", "--schema", "host"]).run();
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("which host is to be asked?"), "{}", run.stderr);
}

const CONFIG: [&str; 2] = ["--resource-uri", "winrm/config"];

fn setting(host: At<'_>, uri: &str, name: &str) -> String {
    let run = cim(host, "get", &[&["--resource-uri", uri, "-o", "json"]]);
    run.json()["properties"][name].as_str().unwrap_or_else(|| panic!("{}", run.stdout)).to_owned()
}

#[test]
fn a_setting_of_winrm_is_put_where_it_stands_and_its_neighbours_stay() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let put = |words: &[&str]| cim(host, "put", &[&CONFIG, words]);
    let dry = put(&["--set", "Service/Auth/Basic=true", "--dry-run"]);
    assert_eq!((dry.code, asked(host, "Put")), (Some(0), 0), "{}", dry.stderr);
    let uri = "http://schemas.microsoft.com/wbem/wsman/1/config/service/auth";
    // Whole, in the namespace of the resource itself, and nothing of any other resource.
    let body = format!(
        "<s:Body><cfg:Auth xmlns:cfg=\"{uri}\"><cfg:Basic>true</cfg:Basic>\
         <cfg:CbtHardeningLevel>Relaxed</cfg:CbtHardeningLevel><cfg:Certificate>false</cfg:Certificate>\
         <cfg:CredSSP>false</cfg:CredSSP><cfg:Kerberos>true</cfg:Kerberos><cfg:Negotiate>true</cfg:Negotiate>\
         </cfg:Auth></s:Body>"
    );
    assert!(dry.stdout.contains(&body), "{}", dry.stdout);
    let run = put(&["--set", "Service/Auth/Basic=true"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "winrm/config/service/auth\n  Basic  false → true\n"),
        "{}",
        run.stderr
    );
    assert_eq!(setting(host, "winrm/config/service/auth", "Basic"), "true");
    assert_eq!(setting(host, "winrm/config/client/auth", "Basic"), "true", "it was so");
    assert_eq!(setting(host, "winrm/config/service/auth", "Negotiate"), "true");
    // In any letter case, with the separator of PowerShell's drive, several of one resource, and from any height.
    let run =
        put(&["--set", r"client\TrustedHosts=hv02", "--set", "CLIENT/NetworkDelayms=6000", "-o", "json"]);
    assert_eq!(
        run.json()["changed"]["TrustedHosts"],
        json!({"before": "", "after": "hv02"}),
        "{}",
        run.stderr
    );
    assert_eq!(setting(host, "winrm/config/client", "NetworkDelayms"), "6000");
    assert_eq!(setting(host, "winrm/config/client/auth", "Digest"), "true");
    let run = cim(host, "put", &[&["--resource-uri", "winrm/config/Service", "--set", "Auth/CredSSP=true"]]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(setting(host, "winrm/config/service/auth", "CredSSP"), "true");
    let run = put(&["--set", "MaxEnvelopeSizekb=2048"]);
    assert_eq!((run.code, setting(host, "winrm/config", "MaxEnvelopeSizekb").as_str()), (Some(0), "2048"));
    assert_eq!(setting(host, "winrm/config/service", "MaxConnections"), "300");
    assert_eq!((asked(host, "Put"), done(host, "Put")), (4, 4));
    for (words, code, says) in [
        (&["MaxConnections=10"][..], 2, "did you mean Service/MaxConnections?"),
        (&["Service=x"], 2, "it holds settings"),
        (&["Service/Auth/Bsic=true"], 2, "did you mean Basic?"),
        (&["MaxTimeoutms=1", "Service/MaxConnections=1"], 2, "one command for each"),
        (&["Nowhere/Basic=true"], 10, "DestinationUnreachable"),
        (&["MaxTimeoutms=soon"], 7, "SchemaValidationError"),
    ] {
        let set: Vec<&str> = words.iter().flat_map(|word| ["--set", *word]).collect();
        let run = put(&set);
        assert_eq!(run.code, Some(code), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
    }
    assert_eq!(done(host, "Put"), 4);
}

#[test]
fn a_listener_is_made_at_its_resource_changed_and_removed_by_its_keys() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let keys = ["--resource-uri", "winrm/config/Listener", "Address=*", "Transport=HTTPS"];
    let holds = ["--set", "Hostname=hv01.example", "--set", "CertificateThumbprint=4B0E"];
    let dry = cim(host, "create", &[&keys, &holds, &["--dry-run", "-o", "json"]]).json();
    assert_eq!(dry["selectors"], json!({"Address": "*", "Transport": "HTTPS"}));
    let envelope = dry["envelope"].as_str().unwrap();
    assert!(envelope.contains("<w:Selector Name=\"Transport\">HTTPS</w:Selector>"), "{envelope}");
    assert!(envelope.contains("/config/listener\"><cfg:CertificateThumbprint>4B0E<"), "{envelope}");
    assert!(envelope.contains("<cfg:Hostname>hv01.example</cfg:Hostname></cfg:Listener>"), "{envelope}");
    assert!(host.asked().is_empty(), "no host is needed for that");
    let made = cim(host, "create", &[&keys, &holds]);
    // What names it is what winrm itself writes, and what names it in every other command.
    let name = "winrm/config/listener?Address=*+Transport=HTTPS";
    assert_eq!((made.code, made.stdout.trim_end()), (Some(0), name), "{}", made.stderr);
    assert_eq!(setting(host, name, "CertificateThumbprint"), "4B0E");
    assert_eq!(cim(host, "create", &[&keys]).code, Some(7), "it is there already");
    let put = cim(host, "put", &[&["--resource-uri", name, "--set", "Enabled=false"]]);
    assert_eq!(put.stdout, format!("{name}\n  Enabled  true → false\n"), "{}", put.stderr);
    let list = cim(host, "list", &[&["--resource-uri", "winrm/config/listener", "-o", "jsonl"]]);
    assert_eq!(list.stdout.lines().count(), 2, "{}", list.stdout);
    let dry = cim(host, "delete", &[&keys, &["--dry-run"]]);
    assert!(dry.stdout.contains("transfer/Delete</a:Action>"), "{}", dry.stdout);
    assert_eq!(asked(host, "Delete"), 0);
    let removed = cim(host, "delete", &[&["--resource-uri", name, "--yes"]]);
    assert_eq!((removed.code, removed.stdout), (Some(0), format!("removed {name}\n")));
    let gone = cim(host, "get", &[&["--resource-uri", name]]);
    assert_eq!(gone.code, Some(10), "{}", gone.stderr);
    assert_eq!((done(host, "Create"), done(host, "Put"), done(host, "Delete")), (1, 1, 1));
    // A class at its URI is what it is by its name.
    let class = ["--resource-uri", "wmicimv2/Win32_Environment", "Name=OWN", "UserName=<SYSTEM>"];
    let made = cim(host, "create", &[&class, &["--set", "VariableValue=1"]]);
    assert_eq!(
        made.stdout, "root\\cimv2:Win32_Environment.Name=\"OWN\",UserName=\"<SYSTEM>\"\n",
        "{}",
        made.stderr
    );
    assert_eq!(value(host, &OWN).as_deref(), Some("1"));
}

#[test]
fn an_object_is_called_by_its_keys_or_by_its_path() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let invoke = |words: &[&str]| host.refpoint(&["cim", "invoke"], words).run();
    let id = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
    let (creation, name) = ("CreationClassName=Msvm_ComputerSystem", format!("Name={id}"));
    let path = format!(r#"Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="{id}""#);
    let at = format!("@{path}");
    let objects = [&["Msvm_ComputerSystem", creation, &name][..], &[&path], &[&at]];
    let mut bodies = Vec::new();
    for object in objects {
        let dry = invoke(
            &[object, &["RequestStateChange", "RequestedState=9", "--dry-run", "-o", "json"]].concat(),
        );
        assert_eq!(dry.code, Some(0), "{object:?}: {}", dry.stderr);
        let json = dry.json();
        assert_eq!((&json["sent"], &json["arguments"]["RequestedState"]), (&json!(false), &json!(9)));
        bodies.push((json["selectors"].clone(), json["method"].clone()));
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    assert!(host.asked().is_empty(), "an object with its keys needs no host for that");
    for object in objects {
        let lab = Lab::new(1, "");
        let words = [object, &["RequestStateChange", "RequestedState=9", "-o", "json"]].concat();
        let run = lab.at(1).refpoint(&["cim", "invoke"], &words).run();
        assert_eq!(run.json()["return_value"], 4096, "{object:?}: {}", run.stderr);
        assert_eq!(asked(lab.at(1), "Invoke"), 1, "{object:?}");
    }
    // What has one instance is looked for, and not called.
    let service = "Msvm_VirtualSystemReferencePointService";
    let dry = invoke(&[service, "DestroyReferencePoint", "--dry-run"]);
    assert!(dry.stdout.contains("<p:DestroyReferencePoint_INPUT"), "{}{}", dry.stdout, dry.stderr);
    assert!(dry.stdout.contains("Name=\"SystemName\">"), "{}", dry.stdout);
    for (words, says) in [
        (&["Msvm_ComputerSystem", &name, "RequestStateChange"][..], "missing: CreationClassName"),
        (&["Msvm_ComputerSystem", creation, &name], "no method is named"),
        (&["Msvm_ComputerSystem", "Nme=x", "RequestStateChange"], "did you mean Name?"),
        (&[&path, &name, "RequestStateChange"], "has keys already"),
        (&["Msvm_ComputerSystem", creation, &name, "RequestStateChange", "9"], "is not name=value"),
    ] {
        let run = invoke(words);
        assert_eq!(run.code, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{words:?}: {}", run.stderr);
    }
    assert_eq!(asked(host, "Invoke"), 0, "none of these was sent");
}

/// Begins to watch; returns when the host is being asked.
fn watch(host: At<'_>, words: &[&str], says: &str) -> Running {
    let all = [&CIMV2[..], words].concat();
    let running = host.refpoint(&["cim", "watch"], &all).start();
    running.says(says);
    running
}

fn kinds(run: &Run) -> Vec<String> {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.map(|event| event["class"].as_str().unwrap().to_owned()).collect()
}

const THREE: [&str; 3] =
    ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"];

/// Makes an object, changes it and removes it, each when the one before has been told.
#[track_caller]
fn live(host: At<'_>, watching: &Running) {
    for (command, words) in
        [("create", &["VariableValue=1"][..]), ("put", &["--set", "VariableValue=2"]), ("delete", &["--yes"])]
    {
        assert_eq!(cim(host, command, &[&OWN, words]).code, Some(0));
        watching.prints();
    }
}

#[test]
fn events_are_shown_as_they_happen_and_the_subscription_is_ended() {
    let lab = Lab::new(1, "");
    let host = lab.at(1);
    let watching = watch(host, &[EVENTS, "-o", "jsonl", "--count", "3"], "waiting for events");
    live(host, &watching);
    let run = watching.end();
    assert_eq!((run.code, kinds(&run)), (Some(0), THREE.map(str::to_owned).to_vec()), "{}", run.stderr);
    let event: Value = serde_json::from_str(run.stdout.lines().nth(1).unwrap()).unwrap();
    assert_eq!(event["properties"]["PreviousInstance"]["properties"]["VariableValue"], "1");
    assert_eq!(event["properties"]["TargetInstance"]["properties"]["VariableValue"], "2");
    assert!(event["properties"]["TIME_CREATED"].as_u64().unwrap() > 130_000_000_000_000_000);
    assert_eq!((asked(host, "Subscribe"), asked(host, "Unsubscribe")), (1, 1));
}

#[test]
fn an_interrupt_ends_a_subscription_at_once_and_on_the_host_too() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let lab = Lab::new(1, "");
        let host = lab.at(1);
        let watching = watch(host, &[EVENTS], "waiting for events");
        watching.signal(signal);
        assert!(watching.ends_within(Duration::from_secs(20)), "it waits for an event that never comes");
        let run = watching.end();
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert_eq!((asked(host, "Subscribe"), asked(host, "Unsubscribe")), (1, 1), "{signal}");
    }
    let lab = Lab::new(1, "");
    let run = cim(lab.at(1), "watch", &[&[EVENTS, "--for", "1s"]]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("nothing has happened"), "{}", run.stderr);
    assert_eq!((asked(lab.at(1), "Subscribe"), asked(lab.at(1), "Unsubscribe")), (1, 1));
}

#[test]
fn a_host_that_keeps_no_events_is_polled_and_so_is_one_that_shall_be() {
    for (scenario, words) in [
        ("[questions]\nsubscriptions = false", &[EVENTS][..]),
        ("", &[EVENTS, "--poll", "1s"]),
        ("", &["SELECT * FROM Win32_Environment", "--poll", "1s"]),
        ("", &["SELECT * FROM Win32_Environment", "--poll", "1s", "--keys", "Name,UserName"]),
    ] {
        let lab = Lab::new(1, scenario);
        let host = lab.at(1);
        let all = [words, &["-o", "jsonl", "--count", "3"]].concat();
        let watching = watch(host, &all, "looking at Win32_Environment every 1s");
        // The first look says nothing: it has to be over before anything happens.
        while asked(host, "Enumerate") == 0 {
            assert!(!watching.ends_within(Duration::from_millis(20)), "it ends before it looks");
        }
        live(host, &watching);
        let run = watching.end();
        assert_eq!(
            (run.code, kinds(&run)),
            (Some(0), THREE.map(str::to_owned).to_vec()),
            "{words:?} {}",
            run.stderr
        );
        assert!(asked(host, "Subscribe") <= 1 && asked(host, "Unsubscribe") == 0);
        let event: Value = serde_json::from_str(run.stdout.lines().nth(1).unwrap()).unwrap();
        assert_eq!(event["properties"]["PreviousInstance"]["properties"]["VariableValue"], "1");
    }
    let lab = Lab::new(1, "[questions]\nsubscriptions = false");
    let run = cim(lab.at(1), "watch", &[&["SELECT * FROM __TimerEvent"]]);
    assert_eq!(run.code, Some(7), "{}", run.stderr);
    assert!(run.stderr.contains("nothing but a subscription sees"), "{}", run.stderr);
}

#[test]
fn a_subscription_that_is_lost_is_made_again_and_said_to_have_a_gap() {
    for fault in ["end-subscriptions", "cut", "lost-response"] {
        let rule = format!("[[fault]]\nwhat = '{fault}'\nwhen = {{ operation = 'Pull' }}\ntimes = 1\n");
        let lab = Lab::new(1, &rule);
        let host = lab.at(1);
        let watching = watch(host, &[EVENTS, "-o", "jsonl", "--count", "1"], "waiting for events");
        if fault != "end-subscriptions" {
            // Nothing is answered before something happens.
            assert_eq!(cim(host, "put", &[&TEMP, &["--set", "VariableValue=1"]]).code, Some(0));
        }
        watching.says("events may be missed");
        watching.says("subscribed again");
        assert_eq!(cim(host, "put", &[&TEMP, &["--set", "VariableValue=2"]]).code, Some(0));
        let run = watching.end();
        assert_eq!((run.code, kinds(&run).len()), (Some(3), 1), "{fault}: {}", run.stderr);
        assert_eq!(asked(host, "Subscribe"), 2, "{fault}");
        // The one that is left is ended by name, the other one as far as it is still there.
        assert!(asked(host, "Unsubscribe") >= 1, "{fault}");
    }
}

#[test]
fn what_a_host_does_not_let_be_watched_is_a_failure_with_a_reason() {
    let lab = Lab::new(1, "");
    for (query, code, says) in [
        (
            "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Win32_Environment'",
            7,
            "need WITHIN",
        ),
        (
            "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Nothing'",
            10,
            "0x80041010",
        ),
        ("SELECT * FROM Win32_Nothing", 10, "Win32_Nothing"),
    ] {
        let run = cim(lab.at(1), "watch", &[&[query]]);
        assert_eq!(run.code, Some(code), "{query}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{query}: {}", run.stderr);
    }
}
