use std::fmt::Write;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// A name that is ours for as long as this value lives: a file beside the ledger is locked, so the hold ends
/// with the process, however that ends.
#[derive(Debug)]
pub struct Hold {
    _locked: File,
}

impl Hold {
    /// Takes the lock, or returns `None` where somebody else has it.
    pub(super) fn take(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        // Exports' files are named by numbers: a letter in front keeps them apart.
        let path = folder.join(format!("h-{}", file_name(name)));
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            // The file stays: removing it while somebody else opens it would give two holds on one name.
            Ok(()) => Ok(Some(Self { _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Spells any name with letters that every file system takes, two names never alike.
fn file_name(name: &str) -> String {
    let mut spelled = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => spelled.push(char::from(byte)),
            other => {
                let _ = write!(spelled, "_{other:02x}");
            }
        }
    }
    spelled
}
