//! The text file: whole at every moment, whoever reads it when.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Puts a text in the place of the file: written beside it, brought to the disk, renamed.
pub(super) fn replace(file: &Path, text: &str) -> io::Result<()> {
    let beside = beside(file)?;
    let placed = write(&beside, text).and_then(|()| fs::rename(&beside, file));
    if placed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    placed
}

/// Returns what the file holds; nothing where there is none yet.
pub(super) fn read(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(file) => file.take(LARGEST).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(beside: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Never through a link that somebody has laid there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, MODE);
    let mut new = match options.open(beside) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(beside)?;
            options.open(beside)?
        }
        other => other?,
    };
    // Its reader is somebody else, whatever the mask of this process keeps from others. Where there are no modes, the
    // folder says who that is.
    #[cfg(unix)]
    new.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(MODE))?;
    new.write_all(text.as_bytes())?;
    new.sync_all()
}

/// A name that the collector, which reads `*.prom`, passes over.
fn beside(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(file.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id())))
}

/// Everybody may read it.
#[cfg(unix)]
const MODE: u32 = 0o644;

/// More than is ever written.
const LARGEST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("refpoint-metrics-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn everybody_may_read_it_and_nothing_else_is_left() {
        let folder = folder("mode");
        let file = folder.join("refpoint.prom");
        replace(&file, "a 1\n").unwrap();
        replace(&file, "a 2\n").unwrap();
        assert_eq!(read(&file).unwrap(), "a 2\n");
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
            assert_eq!(mode & 0o7777, 0o644);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_a_process_before_this_one_left_beside_it_is_no_way_to_another_file() {
        let folder = folder("link");
        let (file, other) = (folder.join("refpoint.prom"), folder.join("other"));
        fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, beside(&file).unwrap()).unwrap();
        replace(&file, "a 1\n").unwrap();
        assert_eq!(
            (fs::read_to_string(&other).unwrap(), read(&file).unwrap()),
            ("mine".into(), "a 1\n".into())
        );
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_cannot_take_its_place_leaves_nothing_beside_it() {
        let folder = folder("taken");
        let file = folder.join("refpoint.prom");
        fs::create_dir_all(file.join("inside")).unwrap();
        assert!(replace(&file, "a 1\n").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(replace(&folder.join("missing/refpoint.prom"), "a 1\n").is_err());
        assert!(replace(Path::new("/"), "a 1\n").is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_name_beside_is_none_that_a_collector_reads() {
        let name = beside(Path::new("/var/lib/x/nightly.prom")).unwrap();
        assert!(name.parent() == Some(Path::new("/var/lib/x")) && name.extension().unwrap() != "prom");
    }
}
