//! pypsrp and pywinrm against the simulated host: what they read, sealed and over TLS.

use serde_json::Value;

use crate::lab::{Lab, USER};

const BOUND: &str = "[service]\nbasic = true\nchannel_bindings = 'strict'";

#[track_caller]
fn assert_identified(read: &Result<Value, Value>) {
    let version =
        read.as_ref().unwrap_or_else(|error| panic!("{error}"))["version"].as_str().unwrap().to_owned();
    assert!(version.starts_with("OS: 10.0") && version.contains("Stack: 3.0"), "{version}");
}

/// What the log says of the last operation: how its asker came in, and whether it was sealed.
fn last(lab: &Lab) -> (String, bool) {
    let line = lab.log().pop().expect("an operation was logged");
    (line["scheme"].as_str().unwrap().to_owned(), line["sealed"].as_bool().unwrap())
}

#[test]
fn foreign_clients_log_in_and_open_sealed_answers_on_http() {
    let lab = Lab::start("");
    for (client, auth, way) in
        [("pypsrp", "ntlm", "NTLM"), ("pypsrp", "negotiate", "Negotiate/NTLM"), ("pywinrm", "ntlm", "NTLM")]
    {
        let read = lab.client(client, &lab.http(), &["--user", USER, "--auth", auth], &[]);
        assert_identified(&read);
        assert_eq!(last(&lab), (way.to_owned(), true), "{client} {auth}");
    }
}

#[test]
fn foreign_clients_log_in_over_tls_with_bindings_demanded() {
    let lab = Lab::start(BOUND);
    let ca = lab.certificate();
    for (client, auth, way) in [
        ("pypsrp", "ntlm", "NTLM"),
        ("pypsrp", "negotiate", "Negotiate/NTLM"),
        ("pypsrp", "basic", "Basic"),
        ("pywinrm", "ntlm", "NTLM"),
        ("pywinrm", "basic", "Basic"),
    ] {
        let arguments = ["--user", USER, "--auth", auth, "--ca", ca.to_str().unwrap()];
        let read = lab.client(client, &lab.https(), &arguments, &[]);
        assert_identified(&read);
        assert_eq!(last(&lab), (way.to_owned(), false), "{client} {auth}");
    }
}

#[test]
fn foreign_clients_are_refused_with_a_wrong_password() {
    let lab = Lab::start(BOUND);
    let ca = lab.certificate();
    for (client, url, auth, error) in [
        ("pypsrp", lab.http(), "ntlm", "AuthenticationError"),
        ("pypsrp", lab.http(), "negotiate", "AuthenticationError"),
        ("pypsrp", lab.https(), "basic", "AuthenticationError"),
        ("pywinrm", lab.http(), "ntlm", "InvalidCredentialsError"),
    ] {
        let arguments = ["--user", USER, "--auth", auth, "--ca", ca.to_str().unwrap()];
        let refused = lab.client_with("swordfish-7391!", client, &url, &arguments, &[]).unwrap_err();
        assert_eq!(refused["error"], error, "{client} {auth}: {refused}");
    }
    assert!(lab.log().is_empty());
}
