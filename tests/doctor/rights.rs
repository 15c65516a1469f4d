//! What an account may do, and what is behind WinRM.

use std::thread;

use crate::hosts::{Diagnosis, Lab, PASSWORD, USER, diagnosis, doctor};

#[test]
fn a_host_on_which_all_is_well_passes_layer_by_layer() {
    let lab = Lab::new(1, "");
    let found = diagnosis(doctor(&lab.http(0), &[]));
    found.passes();
    let layers = found.that("pass");
    let expected = [
        "name",
        "tcp",
        "tls",
        "winrm",
        "schemes",
        "kerberos",
        "login",
        "rights",
        "quotas",
        "namespace",
        "role",
        "machines",
        "services",
        "clock",
    ];
    assert_eq!(layers, expected);
    assert_eq!(found.layer("login")["facts"]["sealed"], true);
    assert_eq!(found.layer("quotas")["facts"]["MaxConcurrentOperationsPerUser"], 1500);
    assert_eq!(found.layer("machines")["facts"]["machines"], 2);
    assert_eq!(found.layer("role")["facts"]["build"], 20348);
}

#[test]
fn a_wrong_password_is_tried_once_and_no_more() {
    let lab = Lab::new(1, "");
    for auth in ["negotiate", "ntlm"] {
        let wrong = || doctor(&lab.http(0), &["--auth", auth]).env("REFPOINT_PASSWORD", "wrong");
        // Two legs are one attempt with NTLM.
        let legs = wrong().env("RUST_LOG", "refpoint=debug").run().stderr.matches("login leg").count();
        assert_eq!(legs, 2, "{auth}");
        let found = diagnosis(wrong());
        found.fails("login", 5, "and does not say why");
        let fix = found.layer("login")["fix"]["command"].as_str().unwrap();
        assert!(fix.contains("4625"), "{fix}");
        assert_eq!(found.that("not-reached").last(), Some(&"clock"));
    }
    assert_eq!(lab.hosts.with_host(0, |host, _| host.open_contexts()), 0);
}

#[test]
fn a_scheme_that_the_host_does_not_offer_is_not_tried() {
    let lab = Lab::new(1, "");
    let found = diagnosis(doctor(&lab.https(0), &["--insecure", "--auth", "basic"]));
    found.fails("schemes", 5, "the host offers Negotiate, and not Basic");
    assert_eq!(found.status("login"), "not-reached");
    let found = diagnosis(doctor(&lab.http(0), &["--auth", "basic", "--allow-cleartext"]));
    found.fails("schemes", 5, "and not Basic");
    assert_eq!(found.status("tls"), "warn");
}

fn account(rights: &str, host: &str) -> Diagnosis {
    let lab = Lab::new(1, &format!("{host}\n[[user]]\nname = 'LAB\\operator'\nrights = {rights}\n"));
    diagnosis(doctor(&lab.http(0), &[]))
}

#[test]
fn each_right_that_is_missing_is_named_with_the_command_that_gives_it() {
    let joins = |found: &Diagnosis, layer: &str, group: &str| {
        let command = found.layer(layer)["fix"]["command"].as_str().unwrap();
        assert_eq!(command, format!("Add-LocalGroupMember -Group '{group}' -Member '{USER}'"));
    };
    // Without the right to use WinRM a login is refused as with a wrong password.
    account("'none'", "").fails("login", 5, "and does not say why");
    let found = account("{ namespace = false }", "");
    found.fails("namespace", 6, r"WMI does not let LAB\operator into root/virtualization/v2");
    joins(&found, "namespace", "Hyper-V Administrators");
    assert_eq!(found.that("not-reached"), ["machines", "services", "clock"]);
    // Who may not see machines gets an empty list and no error.
    let found = account("{ hyper_v = false }", "");
    found.warns("machines", "Hyper-V then shows an empty list and no error");
    joins(&found, "machines", "Hyper-V Administrators");
    assert!(found.seen("quotas").contains("only administrators may"), "{}", found.seen("quotas"));
}

#[test]
fn a_host_without_hyper_v_or_with_an_old_one_is_told_as_such() {
    let cases: [(&str, &str, i32, &str); 5] = [
        ("hyper_v = 'absent'", "namespace", 10, "the role Hyper-V is not installed"),
        ("hyper_v = 'old'\nbuild = 9600", "namespace", 10, "but root/virtualization"),
        ("hyper_v = 'stopped'", "role", 7, "not running: Stopped"),
        ("build = 9600", "role", 7, "reference points came with build 14393"),
        ("build = 14393", "", 0, ""),
    ];
    thread::scope(|scope| {
        for (host, layer, code, says) in cases {
            scope.spawn(move || {
                let lab = Lab::new(1, &format!("[host]\n{host}"));
                let found = diagnosis(doctor(&lab.http(0), &[]));
                match layer {
                    "" => found.passes(),
                    layer => found.fails(layer, code, says),
                }
            });
        }
    });
    let lab = Lab::new(1, "[host]\nhyper_v = 'stopped'");
    let found = diagnosis(doctor(&lab.http(0), &[]));
    assert_eq!(found.layer("role")["fix"]["command"], "Start-Service vmms");
    // The time is Windows' own, and can be asked for all the same.
    assert_eq!((found.status("namespace"), found.status("clock")), ("pass", "pass"));
    assert_eq!(found.that("not-reached"), ["machines", "services"]);
}

#[test]
fn low_limits_and_clear_text_are_warned_of() {
    let lab = Lab::new(1, "[limits]\nmax_operations = 15");
    diagnosis(doctor(&lab.http(0), &[]))
        .warns("quotas", "MaxConcurrentOperationsPerUser is 15, which is low");
    let lab = Lab::new(1, "[service]\nallow_unencrypted = true");
    diagnosis(doctor(&lab.http(0), &[])).warns("quotas", "AllowUnencrypted");
}

#[test]
fn nothing_is_changed_and_no_method_called() {
    let log =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("doctor-{}", std::process::id()));
    let lab = Lab::logging(&log);
    diagnosis(doctor(&lab.http(0), &["--to", r"D:\exports\x"]));
    let asked = std::fs::read_to_string(&log).unwrap();
    let operations: Vec<serde_json::Value> =
        asked.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(operations.len() >= 8, "{asked}");
    for line in operations {
        let operation = line["operation"].as_str().unwrap();
        assert!(["Identify", "Get", "Enumerate", "Pull", "Release"].contains(&operation), "{line}");
        assert_eq!(line["sealed"], true, "{line}");
    }
    std::fs::remove_file(log).unwrap();
}

#[test]
fn no_secret_is_in_what_is_found() {
    let lab = Lab::new(1, "");
    for program in [doctor(&lab.http(0), &["-vvv"]), doctor(&lab.http(0), &["--auth", "ntlm", "-vvv"])] {
        let run = program.run();
        assert!(!run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD), "{run:?}");
    }
}
