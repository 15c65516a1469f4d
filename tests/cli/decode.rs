//! `refpoint cim decode`: recordings of foreign peers, and files that are no messages.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::program::{folder, refpoint, root};
use crate::yaml;

const MEMBERS: [&str; 10] =
    ["file", "action", "instances", "references", "context", "end", "fault", "result", "schema", "identify"];

fn recorded(name: &str) -> String {
    format!("tests/data/wire/omi/{name}.xml")
}

#[track_caller]
fn decoded(name: &str) -> Json {
    refpoint(["cim", "decode", &recorded(name)]).run().json()
}

fn recordings() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("tests/data/wire/omi")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".xml")).collect();
    names.sort();
    names.into_iter().map(|name| format!("tests/data/wire/omi/{name}")).collect()
}

#[test]
fn an_object_comes_with_its_values_in_their_types() {
    let message = decoded("42-get-vm.response");
    let machine = &message["instances"][0];
    assert_eq!(machine["class"], "Msvm_ComputerSystem");
    let properties = &machine["properties"];
    assert_eq!(properties["ElementName"], "vm-00001 <Ünïcödé> & \"quotes\" 日本語");
    assert_eq!(properties["EnabledState"], 3);
    assert_eq!(properties["OperationalStatus"], json!([2]));
    assert_eq!(properties["InstanceID"], Json::Null);
    let members: Vec<_> = message.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, MEMBERS);
    for (empty, expected) in [("references", json!([])), ("context", Json::Null), ("end", Json::Null)] {
        assert_eq!(message[empty], expected, "{empty}");
    }
}

#[test]
fn a_call_tells_its_method_its_number_and_its_job() {
    let message = decoded("54-invoke-export-ok.response");
    let job = json!({
        "class": "Msvm_VirtualSystemReferencePointExportJob",
        "namespace": "root/virtualization/v2",
        "keys": {"InstanceID": "BAFEF97B-8E25-4BC7-871E-AFC30BB81B51"},
    });
    let expected = json!({"method": "ExportReferencePoint", "return_value": 4096, "out": {"Job": job}});
    assert_eq!(message["result"], expected);
}

#[test]
fn a_page_tells_whether_it_goes_on() {
    let first = decoded("10-enum-rp-optimized-max2.response");
    assert_eq!(first["instances"].as_array().unwrap().len(), 2);
    assert_eq!((first["context"].is_string(), &first["end"]), (true, &json!(false)));
    let last = decoded("12-enum-rp-optimized-max2-pull2.response");
    assert_eq!((&last["context"], &last["end"]), (&Json::Null, &json!(true)));
    let both = decoded("15-enum-rp-objectandepr.response");
    assert_eq!(both["instances"].as_array().unwrap().len(), 3);
    assert_eq!(both["references"].as_array().unwrap().len(), 3);
    assert_eq!(both["references"][0]["keys"].as_object().unwrap().len(), 2);
}

#[test]
fn a_fault_tells_its_kind_and_its_numbers() {
    let message = decoded("48-get-notfound.response");
    let fault = &message["fault"];
    assert_eq!((&fault["code"], &fault["subcode"]), (&json!("Sender"), &json!("DestinationUnreachable")));
    assert_eq!((&fault["wsman_code"], &fault["cim_status"]), (&Json::Null, &json!(6)));
    assert_eq!(message["instances"], json!([]));
}

#[test]
fn a_schema_and_an_identity_have_members_of_their_own() {
    let schema = &decoded("53-getclass.response")["schema"];
    assert_eq!(
        (&schema["class"], &schema["namespace"]),
        (&json!("Msvm_VirtualSystemReferencePointService"), &Json::Null)
    );
    assert_eq!(schema["methods"][0]["parameters"][3]["class"], "CIM_ConcreteJob");
    let identity = &decoded("01-identify.response")["identify"];
    assert_eq!(identity["vendor"], "Open Management Infrastructure");
    assert_eq!(identity["version"], "1.9.1-0");
}

#[test]
fn a_request_tells_what_is_asked() {
    let message = decoded("54-invoke-export-ok.request");
    let request = &message["request"];
    assert_eq!(
        (&request["operation"], &request["method"]),
        (&json!("invoke"), &json!("ExportReferencePoint"))
    );
    assert_eq!(request["resource"]["keys"]["Name"], "vmms");
    assert_eq!(request["arguments"]["ExportDirectory"], r"C:\Exports\vm 1 & <co>");
    assert_eq!(message["result"], Json::Null);
}

#[test]
fn every_recording_is_told_with_something_in_it() {
    let files = recordings();
    assert!(files.len() > 100, "{}", files.len());
    let mut arguments = vec!["cim", "decode"];
    arguments.extend(files.iter().map(String::as_str));
    let run = refpoint(arguments).run();
    let lines: Vec<Json> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // A request with broken XML was recorded to see the fault: it is the one file that cannot be told.
    let told: Vec<_> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    let untold: Vec<_> = files.iter().filter(|file| !told.contains(&file.as_str())).collect();
    assert_eq!(untold, [&recorded("101-fault-malformed-xml.request")]);
    assert_eq!(run.code, Some(11), "{}", run.stderr);
    assert!(
        run.stderr.starts_with("error: cannot read the message in tests/data/wire/omi/101-"),
        "{}",
        run.stderr
    );
    for line in &lines {
        let file = line["file"].as_str().unwrap();
        let is_request = file.contains(".request.");
        assert_eq!(line.get("request").is_some(), is_request, "{file}");
        assert_eq!(line["fault"].is_object(), !is_request && is_fault(file), "{file}: {line}");
        let filled = ["instances", "references"].iter().any(|name| line[*name] != json!([]))
            || ["context", "end", "fault", "result", "schema", "identify", "request"]
                .iter()
                .any(|name| line.get(*name).is_some_and(|member| !member.is_null()));
        // Release alone is answered with nothing.
        assert!(filled || file.contains("40-release.response"), "{file}: {line}");
    }
}

/// Returns whether the body holds a fault, as another parser sees it.
fn is_fault(file: &str) -> bool {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let body = document.descendants().find(|node| node.tag_name().name() == "Body").unwrap();
    body.first_element_child().is_some_and(|first| first.tag_name().name() == "Fault")
}

#[test]
fn the_same_message_is_read_in_utf_16_and_in_its_http_frame() {
    let text = std::fs::read_to_string(root().join(recorded("42-get-vm.response"))).unwrap();
    let expected = decoded("42-get-vm.response")["instances"].clone();
    let utf_16: Vec<u8> =
        [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let bare_utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = ["\u{feff}".as_bytes(), text.as_bytes()].concat();
    let http = |kind: &str, body: &[u8]| {
        [format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n").as_bytes(), body].concat()
    };
    let framed = http("application/soap+xml;charset=UTF-8", text.as_bytes());
    let framed_utf_16 = http("application/soap+xml;charset=UTF-16", &utf_16[2..]);
    for bytes in [utf_16.clone(), bare_utf_16, marked, framed, framed_utf_16] {
        let message = refpoint(["cim", "decode", "-"]).stdin(bytes).run().json();
        assert_eq!((&message["file"], &message["instances"]), (&json!("-"), &expected));
    }
}

#[test]
fn what_cannot_be_read_says_why_and_the_rest_is_shown() {
    let sealed = "tests/data/wire/omi/ntlm-raw-03-message.request.http";
    refpoint(["cim", "decode", sealed]).run().is(
        11,
        "",
        "error: cannot read the message in tests/data/wire/omi/ntlm-raw-03-message.request.http\n  \
         caused by: it is sealed, and the keys went with its connection\n\
         hint: save the message before it is sealed, or let --dump write it\n\
         more: refpoint explain exit:11\n",
    );
    refpoint(["cim", "decode", "no-such-file.xml"]).run().is(
        11,
        "",
        "error: cannot read no-such-file.xml\n  caused by: No such file or directory (os error 2)\n\
         more: refpoint explain exit:11\n",
    );
    refpoint(["cim", "decode", "-"]).stdin("").run().is(
        11,
        "",
        "error: cannot read the message in -\n  caused by: it is empty\n\
         more: refpoint explain exit:11\n",
    );
    refpoint(["cim", "decode", "-"]).stdin("<a>").run().is(
        11,
        "",
        "error: cannot read the message in -\n  caused by: the document ends with 1 elements open at byte 3\n\
         more: refpoint explain exit:11\n",
    );
    let run = refpoint(["cim", "decode", "no-such-file.xml", &recorded("01-identify.response")]).run();
    assert_eq!(run.code, Some(11));
    assert!(run.stdout.contains("Open Management Infrastructure") && run.stdout.lines().count() == 1);
    refpoint(["cim", "decode", "-o", "table", "x"]).run().is(
        2,
        "",
        "error: a message is shown as json, jsonl or yaml\n",
    );
}

#[test]
fn yaml_is_read_by_a_parser_of_others() {
    let files = ["42-get-vm.response", "147-alltypes-get-1.response", "54-invoke-export-ok.request"];
    for name in files {
        let yaml = refpoint(["cim", "decode", "-o", "yaml", &recorded(name)]).run();
        assert_eq!((yaml.code, yaml.stderr.as_str()), (Some(0), ""));
        assert_eq!(yaml::load(&yaml.stdout), decoded(name), "{name}");
    }
}

#[test]
fn a_file_name_of_any_bytes_is_no_obstacle() {
    let file: PathBuf = folder("decode").join("a\u{1b}[2J.xml");
    std::fs::copy(root().join(recorded("01-identify.response")), &file).unwrap();
    let run = refpoint(["cim".as_ref(), "decode".as_ref(), file.as_os_str()]).run();
    assert!(
        !run.stdout.contains('\u{1b}') && run.json()["file"].as_str().unwrap().ends_with("a\u{1b}[2J.xml")
    );
    std::fs::remove_file(&file).unwrap();
    let run = refpoint(["cim".as_ref(), "decode".as_ref(), file.as_os_str()]).run();
    assert!(run.stderr.contains(r"a\u{1b}[2J.xml") && run.code == Some(11), "{}", run.stderr);
}
