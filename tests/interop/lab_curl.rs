//! curl against the simulated host: HTTP, TLS and two logins that nobody here wrote. It cannot seal.

use std::path::Path;
use std::process::Command;

use crate::lab::{Lab, PASSWORD, USER};

const IDENTIFY: &str = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
    xmlns:wsmid='http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd'><s:Header/>\
    <s:Body><wsmid:Identify/></s:Body></s:Envelope>";

/// What curl read: the status, the body, and the content type.
#[derive(Debug)]
struct Read {
    status: u16,
    content_type: String,
    body: Vec<u8>,
}

impl Read {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn curl(lab: &Lab, url: &str, arguments: &[&str]) -> Read {
    // The user goes in a file: what is in the arguments everybody on the machine can read.
    let user = format!("user = \"{}:{PASSWORD}\"\n", USER.replace('\\', "\\\\"));
    std::fs::write(lab.file("curlrc"), user).unwrap();
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"])
        .args(["--write-out", "\n%{http_code} %{content_type}"])
        .arg("--cacert")
        .arg(lab.certificate())
        .args(["--header", "Content-Type: application/soap+xml;charset=UTF-8", "--data-binary", IDENTIFY])
        .args(arguments.iter().map(|argument| argument.replace("CURLRC", path(&lab.file("curlrc")))))
        .arg(format!("{url}/wsman"))
        .output()
        .expect("run tests/interop/install.sh first");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let end = output.stdout.iter().rposition(|byte| *byte == b'\n').unwrap();
    let last = String::from_utf8(output.stdout[end + 1..].to_vec()).unwrap();
    let (status, content_type) = last.split_once(' ').unwrap();
    Read {
        status: status.parse().unwrap(),
        content_type: content_type.to_owned(),
        body: output.stdout[..end].to_vec(),
    }
}

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[track_caller]
fn assert_identified(read: &Read) {
    assert_eq!(
        (read.status, read.content_type.as_str()),
        (200, "application/soap+xml;charset=UTF-8"),
        "{read:?}"
    );
    let document = roxmltree::Document::parse(read.text()).unwrap();
    let version = document.descendants().find(|node| node.tag_name().name() == "ProductVersion").unwrap();
    assert!(version.text().unwrap().starts_with("OS: 10.0"), "{version:?}");
}

#[test]
fn curl_reads_an_answer_over_tls_with_basic_and_with_ntlm_that_is_bound() {
    let lab = Lab::start("[service]\nbasic = true\nchannel_bindings = 'relaxed'");
    assert_identified(&curl(&lab, &lab.https(), &["--basic", "--config", "CURLRC"]));
    // Bare NTLM under the name `Negotiate` is nothing curl does; SPNEGO it leaves to GSSAPI.
    assert_eq!(lab.log().pop().unwrap()["scheme"], "Basic");
}

#[test]
fn curl_reads_nothing_with_a_wrong_password_or_without() {
    let lab = Lab::start("[service]\nbasic = true");
    for arguments in [&[][..], &["--basic", "--user", "LAB\\operator:wrong"], &["--basic", "--user", ":"]] {
        let read = curl(&lab, &lab.https(), arguments);
        assert_eq!((read.status, read.body.len()), (401, 0), "{arguments:?}");
    }
    assert!(lab.log().is_empty());
}

#[test]
fn curl_in_clear_is_refused_unless_that_is_allowed() {
    let read = |scenario: &str| {
        let lab = Lab::start(scenario);
        curl(&lab, &lab.http(), &["--basic", "--config", "CURLRC"])
    };
    let refused = read("[service]\nbasic = true");
    assert_eq!((refused.status, refused.body.len()), (500, 0));
    assert_identified(&read("[service]\nbasic = true\nallow_unencrypted = true"));
}

#[test]
fn curl_learns_without_a_login_that_there_is_a_service() {
    let lab = Lab::start("");
    let read = curl(&lab, &lab.http(), &["--header", "WSMANIDENTIFY: unauthenticated"]);
    assert_eq!(read.status, 200);
    assert!(read.text().contains("OS: 0.0.0 SP: 0.0"), "{}", read.text());
}

#[test]
fn curl_reads_every_way_in_which_http_carries_an_answer() {
    for dialect in ["chunked = true", "byte_order_mark = true", "white_space = true\nprefixes = 'omi'"] {
        let lab = Lab::start(&format!("[service]\nbasic = true\n[dialect]\n{dialect}"));
        let read = curl(&lab, &lab.https(), &["--basic", "--config", "CURLRC"]);
        let text = read.text().trim_start_matches('\u{FEFF}');
        assert!(text.contains("OS: 10.0"), "{dialect}: {text}");
    }
}
