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
    ("client", &["auth", "cim", "transport", "wsman", "xml"]),
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
    for (file, text) in [
        ("xml/read.rs", "use crate::cim::Name;"),
        ("xml/read.rs", "    let name = crate::cim::Name::from(text);"),
        ("cim/path.rs", "use crate::wsman::names::SOAP;"),
        ("cim/path.rs", "use crate::{xml::Reader, wsman};"),
        ("wsman/get.rs", "use crate::Instance;"),
        ("wsman/get.rs", "pub(crate) use crate::client::Session;"),
        ("xml/read.rs", "use super::super::cim::Name;"),
        ("xml/mod.rs", "use super::wsman::Fault as _F;"),
        ("xml.rs", "use super::wsman::Fault;"),
        ("xml/mod.rs", "use super::{wsman};"),
        ("xml/mod.rs", "use self::super::wsman::Fault;"),
        ("wsman/codes/hyperv.rs", "use super::super::super::client;"),
        ("wsman/codes/mod.rs", "use super::super::client::Session;"),
        ("xml/read.rs", "mod tests {\n    use super::super::super::cim::Name;\n}"),
        ("xml/read.rs", "mod tests {\n}\nuse super::super::cim::Name;"),
        ("xml/read.rs", "use crate as everything;"),
        ("lab/host.rs", "use crate::client::Session;"),
    ] {
        let room = file.split(['/', '.']).next().unwrap_or_default();
        assert!(!views(room, depth(Path::new(file)), text).is_empty(), "{file}: {text}");
    }
    for (file, text) in [
        ("cim/path.rs", "use crate::xml::Reader;"),
        ("xml/read.rs", "// see crate::cim"),
        ("xml/read.rs", "/// [`crate::cim::Name`]"),
        ("xml/read.rs", "use super::error::Error;"),
        ("xml/read.rs", "mod tests {\n    use super::super::error::Error;\n}"),
        ("wsman/codes/hyperv.rs", "use super::super::fault::Fault;"),
        ("wsman/codes/hyperv.rs", "pub(in super::super) use super::Code;"),
        ("cim/mod.rs", "use super::xml::Reader;"),
        ("client/session.rs", "use crate::transport::Connection;"),
    ] {
        let room = file.split(['/', '.']).next().unwrap_or_default();
        assert_eq!(views(room, depth(Path::new(file)), text), [], "{file}: {text}");
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
    let inside = file.path.strip_prefix(root()).expect("a file of the library");
    let views = views(&file.room, depth(inside), &file.text);
    let shown = views.into_iter().map(|(number, view)| {
        format!("{}:{number}: {} may not look into {view}", file.path.display(), file.room)
    });
    shown.collect()
}

/// Returns how many times `super` leads from a file's module to the crate's root.
fn depth(file: &Path) -> usize {
    let is_folder = file.file_name().is_some_and(|name| name == "mod.rs");
    file.components().count() - usize::from(is_folder)
}

/// Returns the lines of a text from which a room looks where it may not, each with what it sees there.
fn views(room: &str, depth: usize, text: &str) -> Vec<(usize, String)> {
    let mut views = Vec::new();
    // The indentation of the modules that are open inside the file.
    let mut open: Vec<usize> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim_end();
        let indentation = code.len() - code.trim_start().len();
        if code.trim_start() == "}" && open.last() == Some(&indentation) {
            open.pop();
        }
        views.extend(views_of_line(room, depth + open.len(), code).into_iter().map(|view| (index + 1, view)));
        let mut words = code.split_whitespace().skip_while(|word| word.starts_with("pub"));
        if words.next() == Some("mod") && code.ends_with('{') {
            open.push(indentation);
        }
    }
    views
}

/// Returns the rooms into which a line looks from a room that may not.
fn views_of_line(room: &str, depth: usize, code: &str) -> Vec<String> {
    let allowed = WALLS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    let mut views = Vec::new();
    for rest in paths_from_the_root(code, depth) {
        let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if word != room && !allowed.contains(&word.as_str()) {
            views.push(if word.is_empty() { "a group at the crate's root".to_owned() } else { word });
        }
    }
    views
}

/// Returns what follows each spelling of the crate's root in a line.
fn paths_from_the_root(code: &str, depth: usize) -> Vec<&str> {
    let mut paths = Vec::new();
    let is_path = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':'));
    paths.extend(code.match_indices("crate::").filter(|(at, _)| is_path(*at)).map(|(at, _)| &code[at + 7..]));
    paths.extend(code.match_indices("crate as ").filter(|(at, _)| is_path(*at)).map(|_| ""));
    for (at, _) in code.match_indices("super::").filter(|(at, _)| !code[..*at].ends_with("super::")) {
        let (mut rest, mut steps) = (&code[at..], 0);
        while let Some(after) = rest.strip_prefix("super::") {
            (rest, steps) = (after, steps + 1);
        }
        if let Some(after) =
            rest.strip_prefix("super").filter(|after| !after.starts_with(char::is_alphanumeric))
        {
            (rest, steps) = (after, steps + 1);
        }
        if steps >= depth {
            paths.push(rest);
        }
    }
    paths
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
