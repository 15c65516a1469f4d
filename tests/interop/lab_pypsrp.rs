//! pypsrp and pywinrm against the simulated host: what they read, sealed and over TLS.

use serde_json::Value;

use crate::lab::{Lab, USER};

/// An export takes long enough to be seen running, and no longer.
const FAST: &str = "[speed]\nexport = { seconds = 0.3 }";

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

/// What every client has to read on the default host: both machines' points, one on each page, and an export that
/// was followed to its end.
#[track_caller]
fn assert_exported(lab: &Lab, read: &Result<Value, Value>) {
    let read = read.as_ref().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read["got"], "web01", "{read}");
    let points = read["points"].as_array().unwrap();
    assert_eq!(points.len(), 5, "{read}");
    assert!(read["pulls"].as_u64().unwrap() >= 5, "{read}");
    assert_eq!((&read["return_value"], &read["job_state"]), (&4096.into(), &7.into()), "{read}");
    assert_eq!(read["job_class"], "Msvm_VirtualSystemReferencePointExportJob");
    assert_eq!(read["job_percent"], 100);
    // Asked once, done once.
    let invokes: Vec<_> = lab.log().into_iter().filter(|line| line["operation"] == "Invoke").collect();
    assert_eq!(invokes.len(), 1, "{invokes:?}");
    assert_eq!(
        (&invokes[0]["method"], &invokes[0]["return_value"]),
        (&"ExportReferencePoint".into(), &4096.into())
    );
}

#[test]
fn foreign_clients_enumerate_get_export_and_follow_the_job() {
    for (client, auth) in [("pypsrp", "ntlm"), ("pypsrp", "negotiate"), ("pywinrm", "ntlm")] {
        let lab = Lab::start(FAST);
        let read = lab.client(client, &lab.http(), &["--user", USER, "--auth", auth, "--export"], &[]);
        assert_exported(&lab, &read);
        assert!(lab.log().iter().all(|line| line["sealed"] == true));
    }
    let lab = Lab::start(&format!("{FAST}\n{BOUND}"));
    let ca = lab.certificate();
    let arguments = ["--user", USER, "--auth", "ntlm", "--ca", ca.to_str().unwrap(), "--export"];
    assert_exported(&lab, &lab.client("pypsrp", &lab.https(), &arguments, &[]));
}

#[test]
fn foreign_clients_make_change_and_remove_an_object_and_are_told_of_it() {
    for client in ["pypsrp", "pywinrm"] {
        let lab = Lab::start("");
        let read = lab.client(client, &lab.http(), &["--user", USER, "--auth", "ntlm", "--change"], &[]);
        let read = read.unwrap_or_else(|error| panic!("{client}: {error}"));
        assert_eq!(read["made"]["Name"], "FOREIGN", "{read}");
        assert_eq!((&read["put"], &read["got"]), (&serde_json::json!(["two"]), &serde_json::json!(["two"])));
        assert_eq!((&read["is_gone"], &read["has_identifier"]), (&true.into(), &true.into()), "{read}");
        let kinds = ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"];
        assert_eq!(read["events"], serde_json::json!(kinds), "{client}");
        assert_eq!(read["max_envelope_size"], serde_json::json!(["500"]), "{client}");
        let log = lab.log();
        let done = |operation: &str| {
            log.iter().filter(|line| line["operation"] == operation && line["return_value"] == 0).count()
        };
        assert_eq!((done("Create"), done("Put"), done("Delete")), (1, 1, 1), "{client}");
        let ended = log.iter().filter(|line| line["operation"] == "Unsubscribe" && line["fault"].is_null());
        // pypsrp cannot write the header that names a subscription.
        assert_eq!(ended.count(), usize::from(client == "pywinrm"));
    }
}

/// What our program has put a foreign client reads, at the resource that holds it and in the whole.
#[test]
#[cfg(feature = "cli")]
fn foreign_clients_read_the_setting_that_the_program_has_put() {
    const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";
    let lab = Lab::start("");
    let read = |client: &str, uri: &str| {
        let words = ["--user", USER, "--auth", "ntlm", "--read", uri];
        let read = lab.client(client, &lab.http(), &words, &[]);
        read.unwrap_or_else(|error| panic!("{client}: {error}"))
    };
    let auth = format!("{CONFIG}/service/auth");
    assert_eq!(read("pypsrp", &auth)["settings"]["Basic"], "false");
    let mut put = std::process::Command::new(env!("CARGO_BIN_EXE_refpoint"));
    put.args([
        "cim",
        "put",
        &lab.http(),
        "--resource-uri",
        "winrm/config",
        "--set",
        "Service/Auth/Basic=true",
    ]);
    put.args(["--user", USER]).env("REFPOINT_PASSWORD", crate::lab::PASSWORD);
    let output = put.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for client in ["pypsrp", "pywinrm"] {
        let settings = read(client, &auth);
        assert_eq!(settings["element"], format!("{{{auth}}}Auth"), "{client}");
        assert_eq!(
            (&settings["settings"]["Basic"], &settings["settings"]["Negotiate"]),
            (&"true".into(), &"true".into())
        );
        assert_eq!(read(client, CONFIG)["settings"]["MaxTimeoutms"], "60000", "{client}");
    }
}
