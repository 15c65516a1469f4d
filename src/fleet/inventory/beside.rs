//! What stands beside an inventory: `group_vars/` and `host_vars/`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::document::{Content, Node};
use super::files::{Files, Kind};
use super::graph::Variables;
use super::value::{Origin, Place, Scope, VAULT_HEADER, Variable};

/// The variables of one group or host that stand beside one source.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) variables: Variables,
    /// The files that nobody can read without the vault's password.
    pub(super) locked: Vec<Origin>,
}

/// The folders beside the sources, in the order of the sources.
pub(super) struct Folders<'f> {
    files: &'f Files,
    bases: Vec<PathBuf>,
    groups: HashMap<(usize, Arc<str>), Arc<Beside>>,
    has: HashMap<(usize, &'static str), bool>,
    /// The files that were read, to see who else may read them.
    pub(super) read: Vec<PathBuf>,
}

impl<'f> Folders<'f> {
    pub(super) fn new(files: &'f Files, bases: Vec<PathBuf>) -> Self {
        Self { files, bases, groups: HashMap::new(), has: HashMap::new(), read: Vec::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.bases.len()
    }

    /// Returns what stands beside a source for a group.
    pub(super) fn of_group(&mut self, base: usize, name: &Arc<str>) -> Result<Arc<Beside>, Error> {
        if let Some(known) = self.groups.get(&(base, name.clone())) {
            return Ok(known.clone());
        }
        let read = Arc::new(self.beside(base, "group_vars", name, &Scope::Group(name.clone()))?);
        self.groups.insert((base, name.clone()), read.clone());
        Ok(read)
    }

    /// Returns what stands beside a source for a host.
    pub(super) fn of_host(&mut self, base: usize, name: &Arc<str>) -> Result<Beside, Error> {
        self.beside(base, "host_vars", name, &Scope::Host(name.clone()))
    }

    fn beside(
        &mut self,
        base: usize,
        folder: &'static str,
        name: &str,
        scope: &Scope,
    ) -> Result<Beside, Error> {
        let path = self.bases[base].join(folder);
        let files = self.files;
        let is_there = *self.has.entry((base, folder)).or_insert_with(|| files.kind(&path) == Kind::Folder);
        let mut beside = Beside::default();
        // A name with a slash in it would lead elsewhere.
        if !is_there || name.contains('/') || matches!(name, "." | "..") {
            return Ok(beside);
        }
        for file in self.files_of(&path, name)? {
            self.read_into(&file, scope, &mut beside)?;
            self.read.push(file);
        }
        Ok(beside)
    }

    /// Returns the files of a name: the first of the spellings that is there, or all that is in it if it is a folder.
    fn files_of(&self, folder: &Path, name: &str) -> Result<Vec<PathBuf>, Error> {
        for extension in ["", ".yml", ".yaml", ".json"] {
            let path = folder.join(format!("{name}{extension}"));
            match self.files.kind(&path) {
                Kind::Missing => {}
                Kind::File => return Ok(vec![path]),
                Kind::Folder => {
                    let mut found = Vec::new();
                    self.files_in(&path, 0, &mut found)?;
                    return Ok(found);
                }
            }
        }
        Ok(Vec::new())
    }

    fn files_in(&self, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
        if depth > MOST_DEPTH {
            return Err(Error::syntax(Place::of_file(&folder.into()), "the folders are too deep"));
        }
        for name in self.files.names(folder)? {
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let path = folder.join(&name);
            let extension = extension(&name);
            match self.files.kind(&path) {
                Kind::Folder if extension.is_empty() => self.files_in(&path, depth + 1, found)?,
                Kind::File if matches!(extension, "" | ".yml" | ".yaml" | ".json") => found.push(path),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_into(&self, file: &Path, scope: &Scope, beside: &mut Beside) -> Result<(), Error> {
        let place = Place::of_file(&file.into());
        let bytes = self.files.read(file)?;
        let text = text(&bytes, &place)?;
        if text.starts_with(VAULT_HEADER) {
            beside.locked.push(Origin::new(scope.clone(), &place));
            return Ok(());
        }
        let Some(document) = Node::read(text, &place)?.filter(|document| !document.is_falsy()) else {
            return Ok(());
        };
        let kind = document.kind();
        let Content::Map(entries) = document.content else {
            return Err(Error::syntax(place, format!("variables are expected here, and this is {kind}")));
        };
        for (key, value) in entries {
            let Some(name) = key.key() else { continue };
            let origin = Origin::new(scope.clone(), &key.place(&place));
            let value = value.value(&name);
            beside.variables.insert(name, Arc::new(Variable { value, origin }));
        }
        Ok(())
    }
}

/// Returns the text of a file.
pub(super) fn text<'b>(bytes: &'b [u8], place: &Place) -> Result<&'b str, Error> {
    let text = std::str::from_utf8(bytes);
    text.map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::syntax(place.at(line, None), "it is not UTF-8")
    })
}

/// Returns the extension as Python splits it off, with its point.
pub(super) fn extension(name: &str) -> &str {
    let stem = name.trim_start_matches('.');
    let skipped = name.len() - stem.len();
    stem.rfind('.').map_or("", |at| &name[skipped + at..])
}

const MOST_DEPTH: usize = 32;
