use std::fmt::Write;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::claim::{make_folder, open_lock};

/// A name that is ours for as long as this value lives: a file beside the ledger is locked, so the hold ends
/// with the process, however that ends.
#[derive(Debug)]
pub struct Hold {
    path: PathBuf,
    _locked: File,
}

impl Hold {
    /// Takes the lock, or returns `None` where somebody else has it.
    pub(super) fn take(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        make_folder(folder)?;
        // Exports' files are named by numbers: a letter in front keeps them apart.
        let path = folder.join(format!("h-{}", file_name(name)));
        loop {
            let file = open_lock(&path)?;
            match file.try_lock() {
                // Whoever had it before may have removed the file that we have opened: a lock on that is none.
                Ok(()) if is_at(&file, &path) => return Ok(Some(Self { path, _locked: file })),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // While it is locked: whoever opens it meanwhile sees that it is gone. A file that stays harms nobody.
        if cfg!(unix) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Says whether a file is still the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Elsewhere the files stay, one a name: nobody could tell one that was removed from the one in its place.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn of_many_who_take_and_leave_a_name_one_has_it_at_a_time_and_nothing_gathers() {
        let folder = std::env::temp_dir().join(format!("refpoint-hold-{}", std::process::id()));
        let (inside, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let Some(hold) = Hold::take(&folder, "name").unwrap() else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        taken.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(hold);
                    }
                });
            }
        });
        assert!(taken.load(Ordering::SeqCst) > 0);
        let left = if cfg!(unix) { 0 } else { 1 };
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), left);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
