//! The walls of the house: which room may look into which.
//!
//! The compiler does not stop a module from importing its neighbour upstairs. This test does: it reads
//! every source file and fails on a `crate::room` in a room that may not look there. It asks two habits in
//! return: name the room in each import (`use crate::wsman::Fault;`, not a group at the crate's root), and
//! put shared words into the lowest room that needs them.

use std::path::{Path, PathBuf};

/// Each room with the rooms that it may look into. A new room gets its line here first.
const WALLS: &[(&str, &[&str])] = &[
    ("xml", &[]),
    ("cim", &["xml"]),
    ("wsman", &["cim", "xml"]),
    ("auth", &[]),
    ("transport", &["auth"]),
    ("client", &["auth", "cim", "transport", "wsman"]),
    ("hyperv", &["cim", "client"]),
    ("ledger", &["cim"]),
    ("fleet", &["client", "hyperv", "ledger"]),
    ("lab", &["auth", "cim", "wsman", "xml"]),
];

/// Rooms that do no input or output: no runtime, no sockets, no clock, no environment.
const PURE: &[&str] = &["xml", "cim", "wsman", "auth"];

#[test]
fn no_room_looks_where_it_may_not() {
    let violations: Vec<_> = sources().iter().flat_map(forbidden_views).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    let violations: Vec<_> = sources().iter().flat_map(impurities).collect();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_module_of_the_library_is_a_room_with_walls() {
    for (module, _) in modules() {
        assert!(WALLS.iter().any(|(room, _)| *room == module), "{module} has no line in the table");
    }
}

#[test]
fn a_forbidden_view_is_seen_however_it_is_spelled() {
    for (room, line) in [
        ("xml", "use crate::cim::Name;"),
        ("xml", "    let name = crate::cim::Name::from(text);"),
        ("cim", "use crate::wsman::names::SOAP;"),
        ("cim", "use crate::{xml::Reader, wsman};"),
        ("wsman", "use crate::Instance;"),
        ("wsman", "pub(crate) use crate::client::Session;"),
        ("xml", "use super::super::cim::Name;"),
        ("lab", "use crate::client::Session;"),
    ] {
        assert!(!views_of_line(room, line).is_empty(), "{room}: {line}");
    }
    for (room, line) in [
        ("cim", "use crate::xml::Reader;"),
        ("xml", "// see crate::cim"),
        ("xml", "/// [`crate::cim::Name`]"),
        ("xml", "use super::error::Error;"),
        ("client", "use crate::transport::Connection;"),
    ] {
        assert!(views_of_line(room, line).is_empty(), "{room}: {line}");
    }
}

struct Source {
    room: String,
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The modules of the library that are there, each with its file or folder.
fn modules() -> Vec<(String, PathBuf)> {
    let lib = std::fs::read_to_string(root().join("lib.rs")).expect("src/lib.rs");
    let declared = lib.lines().filter_map(|line| {
        line.trim().strip_prefix("pub mod ").or_else(|| line.trim().strip_prefix("mod "))?.strip_suffix(';')
    });
    declared.map(|module| (module.to_owned(), root().join(module))).collect()
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for (room, folder) in modules() {
        let mut pending = vec![folder.with_extension("rs"), folder];
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).expect("a folder of the tree");
                pending.extend(entries.map(|entry| entry.expect("an entry").path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") && path.is_file() {
                let text = std::fs::read_to_string(&path).expect("a file of the tree");
                found.push(Source { room: room.clone(), path, text });
            }
        }
    }
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn forbidden_views(file: &Source) -> Vec<String> {
    let numbered = file.text.lines().enumerate();
    let at = |number: usize| format!("{}:{}", file.path.display(), number + 1);
    numbered
        .flat_map(|(number, line)| {
            let views = views_of_line(&file.room, line);
            views.into_iter().map(move |view| (number, view))
        })
        .map(|(number, view)| format!("{}: {} may not look into {view}", at(number), file.room))
        .collect()
}

/// Returns the rooms into which a line looks from a room that may not.
fn views_of_line(room: &str, line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let allowed = WALLS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    let mut views = Vec::new();
    for (start, prefix) in code.match_indices("crate::").chain(code.match_indices("super::super::")) {
        let rest = &code[start + prefix.len()..];
        if prefix == "crate::" && start > 0 && code[..start].ends_with(['_', ':']) {
            continue;
        }
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let is_room = WALLS.iter().any(|(name, _)| *name == word);
        // From one folder down `super::super` is the room itself; from the room it is the crate.
        let is_view = is_room || prefix == "crate::";
        if is_view && word != room && !allowed.contains(&word.as_str()) {
            views.push(if word.is_empty() { "a group at the crate's root".to_owned() } else { word });
        }
    }
    views
}

fn impurities(file: &Source) -> Vec<String> {
    const OUTSIDE: &[&str] = &[
        "tokio::",
        "std::net",
        "std::fs",
        "std::env",
        "SystemTime::now",
        "Instant::now",
        "std::thread",
        "hyper::",
        "async fn",
        "println!",
        "eprintln!",
    ];
    if !PURE.contains(&file.room.as_str()) {
        return Vec::new();
    }
    // Tests at the bottom of a file may read the tree they test.
    let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().enumerate().map(|(n, line)| (n, line.split("//").next().unwrap_or_default()));
    lines
        .flat_map(|(n, line)| {
            OUTSIDE.iter().filter(move |word| line.contains(**word)).map(move |word| (n, word))
        })
        .map(|(n, word)| format!("{}:{}: {word} in a pure room", file.path.display(), n + 1))
        .collect()
}
