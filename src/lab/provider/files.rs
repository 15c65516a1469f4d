//! The files of a host: those of its machines, and what exports write.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use super::super::scenario::{Access, DirectoryQuestion, Existing, HostSettings, Questions};
use super::super::site::Site;
use super::super::world::Serial;

/// The files and directories of a host, and of the shares it writes to.
#[derive(Default)]
pub(in crate::lab) struct Files {
    entries: Vec<Option<File>>,
    /// By path in lower case.
    index: HashMap<String, usize>,
}

/// A file or a directory.
pub(in crate::lab) struct File {
    pub(in crate::lab) path: String,
    pub(in crate::lab) is_directory: bool,
    /// What it has when it is whole.
    pub(in crate::lab) size: u64,
    /// The job that is writing it.
    pub(in crate::lab) writer: Option<Serial>,
    pub(in crate::lab) made: Duration,
    /// It was not there when the host was made, so that it takes free space.
    is_new: bool,
}

/// Why files cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) hresult: u32,
    /// How much of it can be written, in percent.
    pub(super) percent: u16,
}

const fn refused(hresult: u32) -> Refused {
    Refused { hresult, percent: 0 }
}

/// Returns a path without the spelling that means nothing: no backslash at its end, no `\\?\` before it, and
/// `\\server\share` for `\\?\UNC\server\share`.
pub(super) fn plain(path: &str) -> Cow<'_, str> {
    let path = match path.strip_prefix(LONG) {
        Some(share) if is_unc(share) => Cow::Owned(format!(r"\\{}", &share[UNC.len()..])),
        Some(path) => Cow::Borrowed(path),
        None => Cow::Borrowed(path),
    };
    let length = match path.trim_end_matches('\\').len() {
        2 => path.len().min(3),
        trimmed => trimmed,
    };
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(&path[..length]),
        Cow::Owned(mut path) => {
            path.truncate(length);
            Cow::Owned(path)
        }
    }
}

/// What stands before a path that may be longer than usual.
const LONG: &str = r"\\?\";
/// What stands behind that before a share.
const UNC: &str = r"UNC\";

fn is_unc(path: &str) -> bool {
    path.get(..UNC.len()).is_some_and(|start| start.eq_ignore_ascii_case(UNC))
}

/// Returns whether a path is fully qualified, from a drive or from a share, and one that Windows could have.
pub(super) fn is_qualified(path: &str) -> bool {
    let most = if path.starts_with(LONG) { 32_767 } else { 259 };
    if path.encode_utf16().count() > most {
        return false;
    }
    let path = plain(path);
    let steps = if let Some(share) = path.strip_prefix(r"\\") {
        // A server and a share, then what is below.
        match share.split_once('\\') {
            Some((server, rest)) if !server.is_empty() && server != "." && !rest.is_empty() => share,
            _ => return false,
        }
    } else {
        match path.as_bytes() {
            [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic() => &path[3..],
            _ => return false,
        }
    };
    steps.is_empty() || steps.split('\\').all(is_step)
}

/// Returns whether a file or a directory can have a name.
fn is_step(name: &str) -> bool {
    let is_forbidden = |c: char| c < ' ' || "<>:\"/|?*".contains(c);
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let is_device = matches!(&*stem, "CON" | "PRN" | "AUX" | "NUL")
        || matches!(stem.as_bytes(), [b'C', b'O', b'M', b'1'..=b'9'] | [b'L', b'P', b'T', b'1'..=b'9']);
    let is_of_shell = matches!(name, "" | "." | "..");
    !is_of_shell && !is_device && !name.contains(is_forbidden) && name.encode_utf16().count() <= 255
}

fn parent(path: &str) -> Option<&str> {
    let (parent, _) = path.rsplit_once('\\')?;
    (parent.len() > 2).then_some(parent)
}

fn drive_of(path: &str) -> Option<char> {
    match path.as_bytes() {
        [letter, b':', ..] => Some(char::from(letter.to_ascii_uppercase())),
        _ => None,
    }
}

impl Files {
    pub(in crate::lab) fn new(host: &HostSettings) -> Self {
        let mut files = Self::default();
        for directory in &host.directories {
            files.make_directory(&plain(directory), Duration::ZERO);
        }
        for entry in files.entries.iter_mut().flatten() {
            entry.is_new = false;
        }
        files
    }

    /// Puts a file there that was always there.
    pub(in crate::lab) fn stands(&mut self, path: &str, size: u64) {
        self.add(path, false, size, None, Duration::ZERO);
        let mut next = Some(path);
        while let Some(path) = next {
            if let Some(entry) = self.place(path).and_then(|place| self.entries[place].as_mut()) {
                entry.is_new = false;
            }
            next = parent(path);
        }
    }

    /// Returns the places of all files, or of all directories.
    pub(in crate::lab) fn places(&self, directories: bool) -> impl Iterator<Item = usize> {
        let wanted = move |file: &File| file.is_directory == directories && drive_of(&file.path).is_some();
        let entries = self.entries.iter().enumerate();
        entries.filter(move |(_, entry)| entry.as_ref().is_some_and(wanted)).map(|(place, _)| place)
    }

    pub(in crate::lab) fn place(&self, path: &str) -> Option<usize> {
        self.index.get(&plain(path).to_lowercase()).copied()
    }

    pub(in crate::lab) fn at(&self, place: usize) -> Option<&File> {
        self.entries.get(place)?.as_ref()
    }

    pub(super) fn is_file(&self, path: &str) -> bool {
        self.place(path).and_then(|place| self.at(place)).is_some_and(|file| !file.is_directory)
    }

    /// Returns how many bytes of a drive what is new takes.
    pub(in crate::lab) fn taken(&self, letter: char, size_of: impl Fn(&File) -> u64) -> u64 {
        let on_drive =
            |file: &&File| file.is_new && drive_of(&file.path) == Some(letter.to_ascii_uppercase());
        self.entries.iter().flatten().filter(on_drive).map(size_of).sum()
    }

    fn is_directory(&self, path: &str) -> bool {
        let path = &*plain(path);
        let is_root = path.len() <= 3 || self.is_share_root(path);
        is_root || self.place(path).and_then(|place| self.at(place)).is_some_and(|file| file.is_directory)
    }

    fn is_share_root(&self, path: &str) -> bool {
        path.strip_prefix(r"\\").is_some_and(|rest| rest.matches('\\').count() < 2)
    }

    fn is_empty_directory(&self, path: &str) -> bool {
        let inside = format!("{}\\", plain(path).to_lowercase());
        !self.index.keys().any(|known| known.starts_with(&inside))
    }

    fn make_directory(&mut self, path: &str, now: Duration) {
        if !self.is_directory(path) {
            self.add(path, true, 0, None, now);
        }
    }

    fn add(&mut self, path: &str, is_directory: bool, size: u64, writer: Option<Serial>, now: Duration) {
        if let Some(parent) = parent(path) {
            self.make_directory(parent, now);
        }
        let file = File { path: path.to_owned(), is_directory, size, writer, made: now, is_new: true };
        let key = plain(path).to_lowercase();
        match self.index.get(&key) {
            Some(place) => self.entries[*place] = Some(file),
            None => {
                self.index.insert(key, self.entries.len());
                self.entries.push(Some(file));
            }
        }
    }

    /// Asks whether files can be written into a directory, before any is.
    pub(super) fn may_write<'f>(
        &self,
        directory: &str,
        files: impl Iterator<Item = (&'f str, u64)>,
        site: Site<'_>,
    ) -> Result<(), Refused> {
        let host = &site.scenario.host;
        let directory = &*plain(directory);
        let access = match drive_of(directory) {
            Some(letter) => {
                let drive = host.drives.iter().find(|drive| drive.letter.eq_ignore_ascii_case(&letter));
                drive.map(|drive| drive.access).ok_or(refused(0x8007_0003))?
            }
            None => {
                let below = |share: &str| {
                    let (share, path) = (share.to_lowercase(), directory.to_lowercase());
                    path == share || path.starts_with(&format!("{share}\\"))
                };
                let share = host.shares.iter().find(|share| below(&plain(&share.path)));
                share.map(|share| share.access).ok_or(refused(0x8007_0035))?
            }
        };
        match access {
            Access::Granted => {}
            Access::Denied => return Err(refused(0x8007_0005)),
            Access::NoCredentials => return Err(refused(0x8009_030E)),
        }
        self.check_directory(directory, site.questions())?;
        let files: Vec<_> = files.collect();
        if site.questions().existing == Existing::RefuseSameFiles
            && files.iter().any(|(path, _)| self.is_file(path))
        {
            return Err(refused(0x8007_0050));
        }
        self.check_space(directory, files.iter().map(|(_, size)| size).sum(), site)
    }

    fn check_directory(&self, directory: &str, questions: &Questions) -> Result<(), Refused> {
        let is_there = self.is_directory(directory);
        let is_possible = match questions.directory {
            DirectoryQuestion::Made => true,
            DirectoryQuestion::ParentMustExist => {
                is_there || parent(directory).is_none_or(|parent| self.is_directory(parent))
            }
            DirectoryQuestion::MustExist => is_there,
        };
        if !is_possible {
            return Err(refused(0x8007_0003));
        }
        let is_full = is_there && !self.is_empty_directory(directory);
        match questions.existing {
            Existing::RefuseAnything if is_full => Err(refused(0x8007_0050)),
            _ => Ok(()),
        }
    }

    fn check_space(&self, directory: &str, needed: u64, site: Site<'_>) -> Result<(), Refused> {
        let Some(letter) = drive_of(directory) else { return Ok(()) };
        let drives = &site.scenario.host.drives;
        let Some(drive) = drives.iter().find(|drive| drive.letter.eq_ignore_ascii_case(&letter)) else {
            return Ok(());
        };
        let free = drive.free.saturating_sub(self.taken(letter, |file| file.size));
        if needed <= free {
            return Ok(());
        }
        let percent = u128::from(free) * 100 / u128::from(needed.max(1));
        Err(Refused { hresult: 0x8007_0070, percent: u16::try_from(percent).unwrap_or(0) })
    }

    /// Begins to write files for a job.
    pub(super) fn begin<'f>(
        &mut self,
        files: impl Iterator<Item = (&'f str, u64)>,
        job: Serial,
        now: Duration,
    ) {
        for (path, size) in files {
            self.add(path, false, size, Some(job), now);
        }
    }

    /// Ends what a job writes: its files keep the part that was written.
    pub(super) fn finish(&mut self, job: Serial, percent: u16) {
        for file in self.entries.iter_mut().flatten().filter(|file| file.writer == Some(job)) {
            file.writer = None;
            file.size = file.size / 100 * u64::from(percent) + file.size % 100 * u64::from(percent) / 100;
        }
    }

    /// Takes away what a job was writing.
    pub(super) fn remove_written_by(&mut self, job: Serial) {
        self.lose(job, "");
    }

    /// Takes away those of the files a job was writing whose names end so.
    pub(super) fn lose(&mut self, job: Serial, ending: &str) {
        for entry in &mut self.entries {
            let is_meant = |file: &File| file.writer == Some(job) && file.path.ends_with(ending);
            if entry.as_ref().is_some_and(is_meant)
                && let Some(file) = entry.take()
            {
                self.index.remove(&plain(&file.path).to_lowercase());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fully_qualified_directories_are_taken() {
        for path in [
            r"D:\exports",
            r"d:\",
            r"\\nas1\share",
            r"\\nas1\share\a\",
            r"\\?\D:\exports",
            r"D:\a..b",
            r"\\?\unc\nas1\share",
        ] {
            assert!(is_qualified(path), "{path}");
        }
        for path in [
            "",
            "exports",
            r"D:exports",
            "D:",
            r"\exports",
            "/srv/exports",
            "D:/exports",
            r"\\nas1",
            r"\\nas1\",
            r"D:\a\..\b",
            r".\exports",
            r"\\?\exports",
            r#"D:\a"b"#,
            r"D:\a\\b",
            r"D:\\a",
            r"D:\a\.\b",
            r"D:\a:b",
            r"D:\nul",
            r"D:\a\com1.txt",
            r"\\.\PhysicalDrive0",
            r"\\?\UNC\nas1",
            "D:\\a\u{1}b",
        ] {
            assert!(!is_qualified(path), "{path}");
        }
        let long = format!(r"D:\{}a", r"a\".repeat(200));
        assert!(!is_qualified(&long) && is_qualified(&format!(r"\\?\{long}")));
        assert!(!is_qualified(&format!(r"\\?\D:\{}", "a".repeat(256))));
        assert_eq!(plain(r"\\?\UNC\nas1\share\a\"), r"\\nas1\share\a");
        assert_eq!((plain(r"D:\"), plain(r"\\?\D:\a")), (r"D:\".into(), r"D:\a".into()));
    }

    #[test]
    fn a_path_is_one_in_any_letter_case_and_with_a_backslash_behind_it() {
        let mut files = Files::default();
        files.add(r"D:\Exports\web01\os.vhdx", false, 10, Some(1), Duration::ZERO);
        assert!(files.is_file(r"d:\exports\WEB01\os.VHDX"));
        assert!(files.is_directory(r"D:\exports\web01\"));
        assert!(files.is_directory(r"D:\"));
        assert!(!files.is_directory(r"D:\exports\other"));
        assert!(!files.is_empty_directory(r"D:\exports"));
        files.remove_written_by(1);
        assert!(!files.is_file(r"D:\exports\web01\os.vhdx"));
        assert!(files.is_empty_directory(r"D:\exports\web01"));
    }
}
