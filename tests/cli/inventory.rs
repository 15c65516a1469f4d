//! `refpoint fleet inventory`: what a person and a script see of an inventory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::program::{folder, refpoint, root};

const EXAMPLE: &str = "examples/inventory.toml";

#[test]
fn the_example_is_shown_with_the_origin_of_each_value() {
    let shown =
        refpoint(["fleet", "inventory", "-i", EXAMPLE, "--limit", "hv07.example", "-o", "json"]).run().json();
    let host = &shown[0];
    assert_eq!(
        (&host["name"], &host["target"]),
        (&json!("hv07.example"), &json!("https://10.0.0.7:5986/wsman"))
    );
    let text = fs::read_to_string(root().join(EXAMPLE)).unwrap();
    let line = |start: &str| text.lines().position(|line| line.starts_with(start)).unwrap() + 1;
    assert_eq!(
        host["settings"]["user"],
        json!({"value": "CORP\\backup", "variable": "refpoint_user", "scope": "group all", "file": EXAMPLE, "line": line("user")})
    );
    assert_eq!(host["settings"]["address"]["scope"], json!("host hv07.example"));
    assert_eq!(host["settings"]["password"]["value"], json!({"file": "/etc/refpoint/password"}));
    assert_eq!(
        host["settings"]["port"],
        json!({"value": 5986, "variable": null, "scope": "default", "file": null, "line": null})
    );
    assert_eq!(host["ignored"][0]["variable"], json!("tier"));
}

#[test]
fn names_are_one_a_line_and_a_table_is_for_people() {
    let nobody = refpoint(["fleet", "inventory", "-i", EXAMPLE, "--limit", "lab:!lab*", "-o", "name"]).run();
    nobody.is(10, "", "error: no host matches \"lab:!lab*\"\n");
    // Between commas a colon separates nothing.
    let mixed = ["fleet", "inventory", "-i", EXAMPLE, "--limit", "lab1,branch:!lab2", "-o", "name"];
    refpoint(mixed).run().is(0, "lab1\n", "warning: no host or group is like \"branch:!lab2\"\n");
    let names =
        refpoint(["fleet", "inventory", "-i", EXAMPLE, "--limit", "lab,branch,!lab2", "-o", "name"]).run();
    names.is(0, "lab1\nlab3\nbranch-a.example\nbranch-b.example\nbranch-c.example\n", "");
    let table = refpoint(["fleet", "inventory", "-i", EXAMPLE, "--limit", "lab1"]).run();
    table.is(
        0,
        "Host  Address                 Login                 Groups\n\
         lab1  http://lab1:5985/wsman  Administrator (ntlm)  lab\n",
        "",
    );
    // From the environment; a flag comes before it.
    let named = refpoint(["fleet", "inventory", "-o", "name"]).env("REFPOINT_INVENTORY", "a[1:2],").run();
    named.is(0, "a1\na2\n", "");
}

#[test]
fn what_ansible_lists_is_read_from_standard_input() {
    let listing = r#"{"_meta": {"hostvars": {"hv01": {"ansible_password": "Swordfish", "ansible_host": "10.0.0.1"}}},
                      "all": {"children": ["ungrouped", "web"]}, "web": {"hosts": ["hv01"]}}"#;
    let run = refpoint(["fleet", "inventory", "-i", "-", "-o", "json"]).stdin(listing).run();
    let shown = run.json();
    assert_eq!(shown[0]["target"], json!("https://10.0.0.1:5986/wsman"));
    assert_eq!(shown[0]["settings"]["password"]["value"], json!("(set)"));
    assert!(!run.stdout.contains("Swordfish"));
    let run = refpoint(["fleet", "inventory", "-i", "-"]).stdin("{").run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("<stdin>:1:1"), "{}", run.stderr);
}

#[test]
fn what_cannot_be_known_is_named_with_the_way_out_and_secrets_are_not() {
    let folder = folder("inventory");
    let file = folder.join("hosts");
    let text = "[web]\nhv01 ansible_password=Swordfish ansible_winrm_trasport=ntlm\nhv02 ansible_user='{{ mia }}'\nhv03\n[web:vars]\nmotd={{ x }}\n";
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let path = file.to_str().unwrap();
    let run = refpoint(["fleet", "inventory", "-i", path, "-o", "json"]).run();
    assert_eq!(run.code, Some(3));
    for line in [
        format!("warning: others may read {path}, in which a password stands (mode 644): chmod 600 it\n"),
        format!(
            "warning: {path}:2 (host hv01): ansible_winrm_trasport is no setting: ansible_winrm_transport is\n"
        ),
        format!(
            "warning: {path}:3 (host hv02): ansible_user is a Jinja template, which is not evaluated here; 1 host cannot be asked so\n"
        ),
        "hint: let Ansible resolve it: docs/inventory.md".to_owned(),
    ] {
        assert!(run.stderr.contains(&line), "{line} in {}", run.stderr);
    }
    assert!(!run.stdout.contains("Swordfish") && !run.stderr.contains("Swordfish"));
    let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&shown[1]["refused"][0]["setting"], &shown[1]["refused"][0]["reason"]),
        (&json!("user"), &json!("jinja"))
    );
    assert_eq!(shown[0]["refused"], json!([]));
    // Nobody asks for hv02: nothing is in the way.
    assert_eq!(refpoint(["fleet", "inventory", "-i", path, "--limit", "hv03"]).run().code, Some(0));
    // Standard error keeps a password that stands on a line with a mistake, too.
    for line in ["'Swordfish", "open Swordfish", "'{{ 'Swordfish' }}"] {
        fs::write(&file, format!("hv01 ansible_password={line}\n")).unwrap();
        let run = refpoint(["fleet", "inventory", "-i", path]).run();
        assert_eq!(run.code, Some(2), "{line}");
        assert!(!run.stderr.contains("Swordfish"), "{}", run.stderr);
    }
}

#[test]
fn a_mistake_is_shown_with_its_line_and_what_was_meant() {
    let file = folder("inventory-mistake").join("fleet.toml");
    fs::write(&file, "[defaults]\nusr = 'mia'\n").unwrap();
    let path = file.to_str().unwrap();
    let run = refpoint(["fleet", "inventory", "-i", path]).run();
    run.is(
        2,
        "",
        &format!("error: cannot use the inventory\n  caused by: {path}:2:1: unknown key \"usr\"\nhint: did you mean user?\n"),
    );
    fs::write(&file, "[defaults]\npassword = 'Swordfish'\n").unwrap();
    let run = refpoint(["fleet", "inventory", "-i", path]).run();
    assert!(run.stderr.contains("hint: use password_file"), "{}", run.stderr);
    assert!(!run.stderr.contains("Swordfish"), "{}", run.stderr);
    refpoint(["fleet", "inventory", "-i", "nowhere"]).run().is(
        10,
        "",
        "error: there is no inventory nowhere\n",
    );
}

/// Every command in the documentation runs, and its lines of TOML are an inventory.
#[test]
fn the_documentation_of_inventories_is_true() {
    let text = fs::read_to_string(root().join("docs/inventory.md")).unwrap();
    let blocks = |kind: &str| -> Vec<String> {
        let mark = format!("```{kind}\n");
        text.split(mark.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let commands = blocks("sh").concat();
    let commands: Vec<_> = commands.lines().filter(|line| !line.is_empty()).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for command in commands {
        let words = command.strip_prefix("refpoint ").unwrap();
        let words: Vec<_> = words.split(' ').map(|word| word.trim_matches('\'')).collect();
        let run = refpoint(&words).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(run.stdout.lines().count() >= 1 && run.stdout.len() > 40, "{command}: {}", run.stdout);
    }
    let file = folder("inventory-docs").join("fleet.toml");
    fs::write(&file, blocks("toml").concat()).unwrap();
    let words = ["fleet", "inventory", "-i", file.to_str().unwrap(), "--limit", "hv07*", "-o", "json"];
    let shown = refpoint(words).run().json();
    assert_eq!(shown[0]["target"], json!("https://10.0.0.7:5986/wsman"));
    assert_eq!(shown[0]["groups"], json!(["odd", "production"]));
    // Each key that there is has its row.
    fs::write(&file, "[defaults]\nxyzzy = 1\n").unwrap();
    let run = refpoint(["fleet", "inventory", "-i", file.to_str().unwrap()]).run();
    let known = run.stderr.split("there are ").nth(1).unwrap().lines().next().unwrap();
    for key in known.split(", ") {
        assert!(text.contains(&format!("`{key}`")) || key == "vars", "{key} is not documented");
    }
}
