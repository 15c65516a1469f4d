//! Ansible's own reader and ours find the same hosts, in the same groups, with the same variables.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use refpoint::fleet::inventory::{Error, Files, Inventory, Limit, Password, Source};
use serde_json::{Value as Json, json};

use crate::ansible::{Ansible, ansible_inventory, folder, shell, write};
use crate::generator::{Layout, layouts};

/// Returns what we understand in the words of `ansible-inventory --list`.
fn listing(inventory: &Inventory) -> Json {
    let mut list = serde_json::Map::new();
    for group in inventory.groups() {
        let mut entry = serde_json::Map::new();
        let names =
            |names: &[std::sync::Arc<str>]| json!(names.iter().map(|name| &**name).collect::<Vec<_>>());
        if !group.hosts.is_empty() && &*group.name != "all" {
            entry.insert("hosts".to_owned(), names(&group.hosts));
        }
        if !group.children.is_empty() {
            entry.insert("children".to_owned(), names(&group.children));
        }
        if !entry.is_empty() {
            list.insert(group.name.to_string(), entry.into());
        }
    }
    let variables = inventory.hosts().iter().filter(|host| !host.variables.is_empty()).map(|host| {
        let variables =
            host.variables.iter().map(|(name, variable)| (name.clone(), crate::json(&variable.value)));
        (host.name.to_string(), variables.collect::<Json>())
    });
    list.insert("_meta".to_owned(), json!({"hostvars": variables.collect::<Json>()}));
    list.into()
}

fn sorted(list: &Json) -> BTreeMap<String, Json> {
    serde_json::from_value(unwrapped(list)).unwrap()
}

/// Takes what Ansible marks, since it is not to be evaluated or is encrypted, out of its marks.
fn unwrapped(value: &Json) -> Json {
    match value {
        Json::Object(entries) => match entries.iter().next() {
            Some((key, text)) if key == "__ansible_unsafe" => text.clone(),
            Some((key, _)) if key == "__ansible_vault" => json!("(vault)"),
            _ => entries.iter().map(|(key, value)| (key.clone(), unwrapped(value))).collect(),
        },
        Json::Array(items) => items.iter().map(unwrapped).collect(),
        other => other.clone(),
    }
}

fn ours(sources: &[PathBuf]) -> Result<Inventory, Error> {
    let sources: Vec<_> = sources.iter().map(|source| Source::Path(source.clone())).collect();
    Inventory::read(&sources, &Files::Disk)
}

/// How many made-up inventories are compared. Ansible is started once for all of them, or each would cost half a
/// second.
const CASES: u32 = 300;

#[test]
fn ansible_and_we_agree_on_inventories_that_nobody_wrote() {
    let ansible = RefCell::new(Ansible::start());
    let root = folder("made-up");
    let number = RefCell::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&layouts(), |layout: Layout| {
        *number.borrow_mut() += 1;
        // Ansible remembers what it has found in a folder, so that each case has its own.
        let folder = root.join(number.borrow().to_string());
        write(&folder, &layout.files);
        let sources: Vec<_> = layout.sources.iter().map(|source| folder.join(source)).collect();
        let theirs = ansible.borrow_mut().read(&sources, &layout.limits);
        let done = compare(&theirs, &sources, &layout.limits);
        let _ = std::fs::remove_dir_all(&folder);
        done.map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn compare(theirs: &Json, sources: &[PathBuf], limits: &[String]) -> Result<(), String> {
    if let Some(error) = theirs.get("error") {
        return Err(format!("the generator has made up what Ansible refuses: {error}"));
    }
    let inventory = ours(sources).map_err(|error| format!("we refuse it: {error}"))?;
    let (theirs_listed, ours_listed) = (sorted(&theirs["listing"]), sorted(&listing(&inventory)));
    if theirs_listed != ours_listed {
        return Err(format!("\nAnsible: {}\nwe:      {}", json!(theirs_listed), json!(ours_listed)));
    }
    // Ansible walks groups further down in the order of their addresses in memory: what a subscript picks out of them
    // is a matter of luck there.
    let is_deep = theirs_listed.iter().any(|(name, group)| name != "all" && group.get("children").is_some());
    for (limit, hosts) in limits.iter().zip(theirs["limits"].as_array().unwrap()) {
        let mut theirs: Vec<String> = match serde_json::from_value(hosts.clone()) {
            Ok(hosts) => hosts,
            // A subscript that is outside is an error on both sides.
            Err(_) => {
                let left =
                    Limit::parse(limit, &Files::Disk).and_then(|limit| inventory.limited(&limit).map(drop));
                assert!(matches!(left, Err(Error::Pattern { .. })), "{limit}: {left:?}");
                continue;
            }
        };
        let left =
            Limit::parse(limit, &Files::Disk).and_then(|limit| inventory.limited(&limit).map(|left| left.0));
        let mut ours: Vec<String> = match left {
            Ok(hosts) => hosts.iter().map(|host| host.name.to_string()).collect(),
            Err(Error::NoMatch(_)) => Vec::new(),
            Err(error) => return Err(format!("--limit {limit}: {error}")),
        };
        theirs.sort();
        ours.sort();
        let has_subscript = ["[0]", ":]", "[1:", "[0:"].iter().any(|mark| limit.contains(mark));
        if theirs != ours && !(has_subscript && is_deep) {
            return Err(format!("--limit {limit}\nAnsible: {theirs:?}\nwe:      {ours:?}"));
        }
    }
    Ok(())
}

/// Real ones, each of which the program `ansible-inventory` itself lists.
#[test]
fn ansible_and_we_agree_on_inventories_that_people_write() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory/ansible");
    let mut cases: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 4, "{cases:?}");
    for case in cases {
        let two = [case.join("first"), case.join("second")];
        let sources = if two[0].exists() { two.to_vec() } else { vec![case.clone()] };
        let printed = ansible_inventory(&sources);
        let theirs: Json = serde_json::from_str(&printed).unwrap();
        let inventory = ours(&sources).unwrap();
        assert_eq!(sorted(&theirs), sorted(&listing(&inventory)), "{}", case.display());
        // What it prints is an inventory again, with the same hosts and variables.
        let listed = Inventory::read(&[Source::Listing(printed.into())], &Files::Disk).unwrap();
        assert_eq!(sorted(&theirs), sorted(&listing(&listed)), "{} as a list", case.display());
        let targets = |inventory: &Inventory| -> BTreeMap<String, String> {
            let hosts = inventory.hosts().iter();
            hosts.map(|host| (host.name.to_string(), host.settings.endpoint().unwrap().to_string())).collect()
        };
        assert_eq!(targets(&inventory), targets(&listed), "{}", case.display());
    }
}

#[test]
fn ansible_and_we_refuse_the_same() {
    let mut ansible = Ansible::start();
    let root = folder("refused");
    for (number, (name, text)) in [
        ("hosts", "[web:vars]\na=1\n"),
        ("hosts", "[web:children]\ndb\n"),
        ("hosts", "[web:child]\nh1\n"),
        ("hosts", "[a:children]\nb\n[b:children]\na\n"),
        ("hosts", "[a:children]\na\n"),
        ("hosts", "h1 a\n"),
        ("hosts", "h1 a='b\n"),
        ("hosts", "h[1:]\n"),
        ("hosts", "h[01:1]\n"),
        ("hosts", "h[a:3]\n"),
        ("hosts", "h[b:a]\n"),
        ("hosts.ini", "h1:\n"),
        ("hosts", "[web db]\nh1\n"),
        ("hosts", "[web:vars]\na\n[web]\n"),
        ("hosts", "[a]\n[a:vars]\nansible_group_priority=high\n"),
        ("hosts.yml", "all: {hosts: [h1]}\n"),
        ("hosts.yml", "all: {hosts: {1: {}}}\n"),
        ("hosts.yml", "all: {hosts: {h1: text}}\n"),
        ("hosts.yml", "all: {children: {a: {children: {a: {}}}}}\n"),
        ("hosts.yml", "all: {hosts: {h1: {a: !nobody b}}}\n"),
        ("hosts.yml", "all: {hosts: {h1: }\n"),
        ("hosts.yml", "plugin: nobody.knows\n"),
        ("hosts.yml", "- a\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.join(number.to_string());
        write(&folder, &[(name.to_owned(), text.to_owned())]);
        let sources = [folder.join(name)];
        let theirs = ansible.read(&sources, &[]);
        assert!(theirs.get("error").is_some(), "Ansible takes {text:?}: {theirs}");
        assert!(ours(&sources).is_err(), "we take {text:?}");
    }
}

/// The two ways out that the documentation names, as it names them; but nobody is there to be asked for a password.
#[test]
fn ansible_resolves_what_we_do_not_by_the_commands_of_the_documentation() {
    let folder = folder("ways-out");
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/inventory.md")).unwrap();
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let line = |start: &str| {
        let at = lines.iter().position(|line| line.starts_with(start)).unwrap();
        let more = lines.get(at + 1).filter(|line| line.starts_with("  ")).copied().unwrap_or_default();
        let line = format!("{}{more}", lines[at]);
        line.replace("INVENTORY", "hosts.yml").replace("--ask-vault-pass", "--vault-password-file password")
    };
    write(
        &folder,
        &[
            ("password".to_owned(), "vault\n".to_owned()),
            ("secrets.yml".to_owned(), "ansible_user: mia\n".to_owned()),
        ],
    );
    shell(
        &folder,
        "mkdir group_vars; ansible-vault encrypt --vault-password-file password --output group_vars/all.yml secrets.yml",
    );
    let password = shell(
        &folder,
        "ansible-vault encrypt_string --vault-password-file password --name ansible_password Swordfish",
    );
    let password = password.replace('\n', "\n        ");
    let hosts = format!(
        "all:\n  hosts:\n    hv01:\n        ansible_host: '{{{{ inventory_hostname }}}}.example'\n        {password}\n"
    );
    write(&folder, &[("hosts.yml".to_owned(), hosts)]);

    let before = ours(&[folder.join("hosts.yml")]).unwrap();
    assert_eq!(before.host("hv01").unwrap().refusals.len(), 3);

    let (listing, reader) = {
        let line = line("ansible-inventory ");
        let (listing, reader) = line.split_once(" | ").unwrap();
        (listing.to_owned(), reader.to_owned())
    };
    assert!(reader.starts_with("refpoint fleet ") && reader.ends_with(" -i -"), "{reader}");
    let listed = Inventory::read(&[Source::Listing(shell(&folder, &listing).into())], &Files::Disk).unwrap();
    let host = listed.host("hv01").unwrap();
    assert_eq!(host.settings.user.as_ref().unwrap().value, "mia");
    assert_eq!(
        host.refusals.iter().filter_map(|refusal| refusal.setting).collect::<Vec<_>>(),
        ["address", "password"]
    );

    shell(&folder, &line("ansible localhost "));
    let resolved = ours(&[folder.join("hosts.json")]).unwrap();
    let host = resolved.host("hv01").unwrap();
    assert!(host.refusals.is_empty(), "{:?}", host.refusals);
    assert_eq!(host.settings.endpoint().unwrap().to_string(), "https://hv01.example:5986/wsman");
    let Password::Clear(password) = &host.settings.password.as_ref().unwrap().value else {
        panic!("{host:?}")
    };
    assert_eq!(password.expose(), "Swordfish");
    assert!(resolved.warnings().is_empty(), "{:?}", resolved.warnings());
}
