//! One source into the graph: what it is, and who reads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::beside::{extension, text};
use super::document::{self, Node};
use super::files::{Files, Kind, Source};
use super::graph::{Dialect, Graph, UNGROUPED};
use super::value::{Place, VAULT_HEADER};
use super::{ini, listing, own, tree};

/// Reads a source; returns the folder beside which `group_vars` and `host_vars` may stand.
pub(super) fn source(
    source: &Source,
    files: &Files,
    graph: &mut Graph,
    read: &mut Vec<PathBuf>,
) -> Result<Option<PathBuf>, Error> {
    match source {
        Source::Hosts(list) => {
            let place = own::command_line();
            for pattern in list.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()) {
                graph.add_pattern(pattern, UNGROUPED, Dialect::Own, &place)?;
            }
            Ok(None)
        }
        Source::Listing(text) => {
            let place = Place::of_file(&Arc::from(Path::new("<stdin>")));
            let document = Node::of_json(text.expose()).map_err(|error| {
                Error::syntax(place.at(error.line(), Some(error.column())), error.to_string())
            })?;
            listing::read(document, graph, &place)?;
            Ok(None)
        }
        Source::Path(path) => match files.kind(path) {
            Kind::Missing => Err(Error::Missing(path.clone())),
            Kind::Folder => {
                folder(path, files, graph, read, 0)?;
                Ok(Some(path.clone()))
            }
            Kind::File => match file(path, files, graph, read)? {
                Content::Groups => Ok(Some(path.parent().unwrap_or(Path::new("")).to_owned())),
                Content::Listing => Ok(None),
            },
        },
    }
}

/// Reads everything in a folder that may be an inventory, in the order of the names.
fn folder(
    path: &Path,
    files: &Files,
    graph: &mut Graph,
    read: &mut Vec<PathBuf>,
    depth: usize,
) -> Result<(), Error> {
    if depth > MOST_DEPTH {
        return Err(Error::syntax(Place::of_file(&path.into()), "the folders are too deep"));
    }
    for name in files.names(path)? {
        if is_passed_over(&name) {
            continue;
        }
        let path = path.join(&name);
        match files.kind(&path) {
            Kind::Folder => folder(&path, files, graph, read, depth + 1)?,
            Kind::File => {
                file(&path, files, graph, read)?;
            }
            Kind::Missing => {}
        }
    }
    Ok(())
}

/// Returns whether Ansible passes over a name in a folder.
fn is_passed_over(name: &str) -> bool {
    name.starts_with('.')
        || matches!(name, "host_vars" | "group_vars" | "vars_plugins")
        || PASSED_OVER.iter().any(|end| name.ends_with(end))
}

/// Backups, programs' by-products, and `.ini` and `.cfg`, which configure programs that make inventories.
const PASSED_OVER: &[&str] =
    &[".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg", ".retry"];

/// What a file has turned out to hold.
enum Content {
    /// Groups and hosts, of which more may stand beside it.
    Groups,
    /// All that Ansible knows, what stands beside its inventory included.
    Listing,
}

fn file(path: &Path, files: &Files, graph: &mut Graph, read: &mut Vec<PathBuf>) -> Result<Content, Error> {
    let place = Place::of_file(&path.into());
    let bytes = files.read(path)?;
    read.push(path.to_owned());
    if files.facts(path).is_program && bytes.starts_with(b"#!") {
        return Err(Error::Script(path.to_owned()));
    }
    let text = text(&bytes, &place)?;
    if text.starts_with(VAULT_HEADER) {
        return Err(Error::Vault(path.to_owned()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match extension(&name) {
        ".toml" => own::read(text, graph, &place)?,
        ".yml" | ".yaml" | ".json" => {
            if let Some(document) = Node::read(text, &place)? {
                return document_into(document, graph, &place);
            }
        }
        // Without an extension it is YAML if it is a mapping, and INI if not.
        "" => match Node::read(text, &place) {
            Ok(Some(document)) if matches!(document.content, document::Content::Map(_)) => {
                return document_into(document, graph, &place);
            }
            Ok(_) => ini::read(text, graph, &place)?,
            // What is neither is one of them with a mistake in it: its beginning tells which.
            Err(error) => ini::read(text, graph, &place)
                .map_err(|of_ini| if looks_like_yaml(text) { error } else { of_ini })?,
        },
        _ => ini::read(text, graph, &place)?,
    }
    Ok(Content::Groups)
}

fn document_into(document: Node, graph: &mut Graph, place: &Place) -> Result<Content, Error> {
    if listing::is_listing(&document) {
        listing::read(document, graph, place)?;
        return Ok(Content::Listing);
    }
    if !document.is_null() {
        tree::read(document, graph, place)?;
    }
    Ok(Content::Groups)
}

/// Returns whether the first line that says something would be no line of INI.
fn looks_like_yaml(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().is_some_and(|line| line == "---" || line.ends_with(':'))
}

const MOST_DEPTH: usize = 32;
