//! What most programs that use the library call has an example each, which is compiled and run with the other examples.

use super::root;

/// Where the paved path lies, and what of each file belongs to it: types with their public methods, and functions.
/// Behind an `=` stand the methods that belong to it where not all do.
const PAVED: &[(&str, &[&str])] = &[
    ("src/client/session.rs", &["Session"]),
    ("src/client/target.rs", &["Target"]),
    ("src/transport/options.rs", &["Options", "Login", "Method"]),
    ("src/auth/credentials.rs", &["Credentials"]),
    ("src/transport/tls/trust.rs", &["Trust"]),
    ("src/hyperv/host.rs", &["Host", "meaning"]),
    ("src/fleet/plan.rs", &["ExportPlan", "Wanted", "PointChoice", "BaseChoice"]),
    ("src/fleet/unit.rs", &["Surroundings", "export"]),
    ("src/fleet/report.rs", &["Report", "Outcome"]),
    ("src/fleet/keeper.rs", &["Keeper"]),
    ("src/ledger/store.rs", &["Ledger=open,open_to_read,path"]),
    ("src/fleet/run/plan.rs", &["RunPlan"]),
    ("src/fleet/run/engine.rs", &["Opener", "begin_run", "work_on"]),
    ("src/lab/scenario.rs", &["Scenario"]),
    ("src/lab/server/hosts.rs", &["Options", "Hosts"]),
    ("src/lab/server/listener.rs", &["Listen", "Server"]),
    ("src/lab/server/connection.rs", &["serve_stream"]),
];

#[test]
fn whatever_lies_on_the_paved_path_has_an_example() {
    let (mut bare, mut count) = (Vec::new(), 0);
    for (file, items) in PAVED {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for item in *items {
            let (name, only) = item.split_once('=').map_or((*item, None), |(name, only)| (name, Some(only)));
            let found = public(&text, name);
            assert!(!found.is_empty(), "{file} has no {name}");
            for (called, has_example) in found {
                let method = called.strip_prefix(name).unwrap_or_default().trim_start_matches("::");
                if only.is_some_and(|only| !method.is_empty() && !only.split(',').any(|it| it == method)) {
                    continue;
                }
                count += 1;
                if !has_example {
                    bare.push(format!("{file}: {called}"));
                }
            }
        }
    }
    assert!(bare.is_empty(), "without an example:\n{}", bare.join("\n"));
    assert!(count > 110, "{count}");
}

/// Returns the item of that name, and its public methods where it is a type, with whether their texts have an example.
fn public(text: &str, name: &str) -> Vec<(String, bool)> {
    let (mut found, mut has_example, mut is_within) = (Vec::new(), false, false);
    for line in text.lines() {
        let word = line.trim_start();
        if word.starts_with("///") {
            has_example |= word.starts_with("/// ```");
            continue;
        }
        if word.starts_with("#[") {
            continue;
        }
        if line.starts_with("impl") {
            is_within = line
                .trim_start_matches("impl")
                .trim_start_matches("<'a>")
                .trim_start()
                .split([' ', '<'])
                .next()
                == Some(name)
                && !line.contains(" for ");
        } else if line == "}" {
            is_within = false;
        }
        if let Some(called) = named(word) {
            let is_top = !line.starts_with(' ');
            match (is_top, is_within) {
                (true, _) if called == name => found.push((called.to_owned(), has_example)),
                (false, true) if word.contains("fn ") => {
                    found.push((format!("{name}::{called}"), has_example))
                }
                _ => {}
            }
        }
        has_example = false;
    }
    found
}

/// Returns the name of what is public and declared in a line.
fn named(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let rest = ["fn ", "struct ", "enum "].iter().find_map(|kind| rest.strip_prefix(kind))?;
    rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}

#[test]
fn an_item_without_an_example_is_seen() {
    let text = "/// Does.\n///\n/// ```\n/// ```\npub struct Thing;\n\nimpl Thing {\n    /// Makes one.\n    pub fn new() -> Self {\n        Self\n    }\n}\n";
    assert_eq!(public(text, "Thing"), [("Thing".to_owned(), true), ("Thing::new".to_owned(), false)]);
}
