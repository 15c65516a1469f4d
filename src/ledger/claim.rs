use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::export::Export;

/// An export that is ours to work on: no other process gets it while this value lives.
///
/// A file beside the ledger is locked, so the claim ends with the process, however that ends.
#[derive(Debug)]
pub struct Claim {
    pub(super) export: i64,
    path: PathBuf,
    _locked: File,
}

/// What there was when an export was claimed.
#[derive(Debug)]
pub enum Claimed {
    /// Nothing: it has just been written down.
    Fresh(Claim),
    /// The same, begun before and without a recorded end.
    Found(Claim, Box<Export>),
}

impl Claim {
    /// Takes the lock, or returns `None` where somebody else has it.
    pub(super) fn take(folder: &Path, export: i64) -> io::Result<Option<Self>> {
        make_folder(folder)?;
        let path = folder.join(export.to_string());
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { export, path, _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Removes the file of an export that has ended. A file that stays behind harms nobody.
    pub(super) fn tidy(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// Returns the file that is locked.
    pub(super) fn file(&self) -> &Path {
        &self.path
    }

    /// Returns the export's number in the ledger.
    pub fn export(&self) -> i64 {
        self.export
    }
}

/// Makes the folder of locks: whoever could open one could keep us from our work.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens the file of a lock, or makes it.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Claimed {
    /// Returns the claim, whatever there was.
    pub fn into_claim(self) -> Claim {
        match self {
            Self::Fresh(claim) | Self::Found(claim, _) => claim,
        }
    }
}
