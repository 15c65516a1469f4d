use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Error;
use crate::client::Secret;

/// Where the files of an inventory are.
#[derive(Clone)]
pub enum Files {
    /// On the disk.
    Disk,
    /// In memory: each path with its content.
    Memory(BTreeMap<PathBuf, Vec<u8>>),
}

impl fmt::Debug for Files {
    /// Shows names, and nothing of what the files hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk => f.write_str("Disk"),
            Self::Memory(files) => f.debug_set().entries(files.keys()).finish(),
        }
    }
}

/// One of the things that `-i` may name.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file or a folder.
    Path(PathBuf),
    /// Hosts themselves: `hv01,hv02,`.
    Hosts(String),
    /// What `ansible-inventory --list` has printed, passwords included.
    Listing(Secret<String>),
}

impl Source {
    /// Reads the word as Ansible does: with a comma in it, and no file of that name, it is hosts.
    pub fn parse(word: &str, files: &Files) -> Self {
        match word.contains(',') && files.kind(Path::new(word)) == Kind::Missing {
            true => Self::Hosts(word.to_owned()),
            false => Self::Path(PathBuf::from(word)),
        }
    }
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    File,
    Folder,
}

/// What there is to know of a file without reading it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) is_program: bool,
    /// Its mode, where others may read it.
    pub(super) open_mode: Option<u32>,
}

impl Files {
    pub(super) fn kind(&self, path: &Path) -> Kind {
        match self {
            Self::Disk if path.is_dir() => Kind::Folder,
            Self::Disk if path.exists() => Kind::File,
            Self::Disk => Kind::Missing,
            Self::Memory(files) if files.contains_key(path) => Kind::File,
            Self::Memory(files) if files.keys().any(|file| file.starts_with(path)) => Kind::Folder,
            Self::Memory(_) => Kind::Missing,
        }
    }

    /// Returns the content of a file, to be wiped when it has been read: it may hold a password.
    pub(super) fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unreadable = |source| Error::Read { file: path.to_owned(), source };
        match self {
            Self::Disk => std::fs::read(path).map(Zeroizing::new).map_err(unreadable),
            Self::Memory(files) => {
                let bytes = files.get(path).ok_or_else(|| unreadable(io::ErrorKind::NotFound.into()))?;
                Ok(Zeroizing::new(bytes.clone()))
            }
        }
    }

    /// Returns the names in a folder, sorted.
    pub(super) fn names(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let mut names = match self {
            Self::Disk => self.names_on_disk(folder)?,
            Self::Memory(files) => {
                let inside = files.keys().filter_map(|file| file.strip_prefix(folder).ok()?.iter().next());
                inside.map(|name| name.to_string_lossy().into_owned()).collect()
            }
        };
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn names_on_disk(&self, folder: &Path) -> Result<Vec<String>, Error> {
        let unreadable = |source| Error::Read { file: folder.to_owned(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            // A name that is not UTF-8 is neither a host's nor that of a file somebody writes an inventory in.
            names.extend(entry.map_err(unreadable)?.file_name().into_string());
        }
        Ok(names)
    }

    pub(super) fn facts(&self, path: &Path) -> Facts {
        match self {
            Self::Disk => facts_on_disk(path),
            Self::Memory(_) => Facts::default(),
        }
    }
}

#[cfg(unix)]
fn facts_on_disk(path: &Path) -> Facts {
    use std::os::unix::fs::PermissionsExt;

    let Ok(facts) = std::fs::metadata(path) else { return Facts::default() };
    let mode = facts.permissions().mode() & 0o777;
    Facts {
        is_program: facts.is_file() && mode & 0o111 != 0,
        open_mode: (facts.is_file() && mode & 0o077 != 0).then_some(mode),
    }
}

/// Without modes, what begins as a program is one.
#[cfg(not(unix))]
fn facts_on_disk(path: &Path) -> Facts {
    Facts { is_program: path.is_file(), open_mode: None }
}
