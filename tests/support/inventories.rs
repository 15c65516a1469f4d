//! What must hold for any file that somebody takes for an inventory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use refpoint::fleet::inventory::{Files, Inventory, Limit, Source, Value};

/// An inventory in one of the formats, as the first byte chooses; behind a line `%%` variables of all hosts that stand
/// beside it, behind another a pattern of hosts.
pub(crate) fn inventory(bytes: &[u8]) {
    let Some((format, bytes)) = bytes.split_first() else { return };
    let mut parts =
        bytes.split(|byte| *byte == b'\n').fold(vec![Vec::new()], |mut parts: Vec<Vec<u8>>, line| {
            match line {
                b"%%" => parts.push(Vec::new()),
                line => {
                    if let Some(part) = parts.last_mut() {
                        part.extend_from_slice(line);
                        part.push(b'\n');
                    }
                }
            }
            parts
        });
    let name = match format % 5 {
        0 => "x/hosts",
        1 => "x/hosts.yml",
        2 => "x/hosts.toml",
        3 => "x/hosts.json",
        _ => "x/hosts.ini",
    };
    let pattern = (parts.len() > 2).then(|| String::from_utf8_lossy(&parts.remove(2)).trim().to_owned());
    let mut files = BTreeMap::from([(PathBuf::from(name), parts.remove(0))]);
    files.extend(parts.into_iter().next().map(|text| (PathBuf::from("x/group_vars/all"), text)));
    let lines = |file: &Path| files.get(file).map_or(usize::MAX, |text| lines(text));
    let memory = Files::Memory(files.clone());
    if format % 5 == 3 {
        let listing = String::from_utf8_lossy(&files[Path::new(name)]).into_owned();
        let _ = Inventory::read(&[Source::Listing(listing.into())], &memory);
    }
    let inventory = match Inventory::read(&[Source::parse(name, &memory)], &memory) {
        Ok(inventory) => inventory,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut names = BTreeSet::new();
    for host in inventory.hosts() {
        assert!(names.insert(&host.name), "{} twice", host.name);
        assert!(inventory.host(&host.name).is_some_and(|found| found.name == host.name));
        for (name, variable) in &host.variables {
            let origin = &variable.origin;
            let file = origin.file.as_deref().expect("somebody has said it");
            assert!(origin.line.is_none_or(|line| line >= 1 && line <= lines(file)), "{name}: {origin}");
            is_kept(name, &variable.value);
        }
        let _ = host.settings.endpoint();
        host.refusals.iter().for_each(|refusal| assert!(!refusal.to_string().is_empty()));
    }
    for group in inventory.groups() {
        assert!(group.hosts.iter().all(|host| names.contains(host)), "{} has strangers", group.name);
    }
    if let Some(Ok(limit)) =
        pattern.filter(|pattern| !pattern.contains('@')).map(|text| Limit::parse(&text, &memory))
        && let Ok((left, _)) = inventory.limited(&limit)
    {
        assert!(!left.is_empty() && left.iter().all(|host| names.contains(&host.name)));
    }
}

/// Python knows more ends of lines than this, none of which is shorter.
fn lines(text: &[u8]) -> usize {
    String::from_utf8_lossy(text)
        .chars()
        .filter(|char| "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}".contains(*char))
        .count()
        + 1
}

/// What has a secret's name shows nothing.
fn is_kept(name: &str, value: &Value) {
    if name == "ansible_password" {
        let is_hidden = !matches!(value, Value::Text(_) | Value::Int(_) | Value::Float(_) | Value::Big(_));
        assert!(is_hidden, "{name} is shown");
    }
}
