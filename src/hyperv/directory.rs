use std::fmt;

/// A directory as the host sees it, fully qualified: `D:\exports`, `\\server\share\exports`, `\\?\D:\exports`.
///
/// It is checked before anything is sent, since what VMMS makes of other forms is not known.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Directory(String);

/// Why a text is not a directory that may be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {text:?}")]
pub struct DirectoryError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub problem: DirectoryProblem,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

/// What is wrong with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryProblem {
    /// Nothing was given.
    #[error("the export directory is empty")]
    Empty,
    /// A path of this machine, where the host needs one of its own.
    #[error("the export directory is a Unix path, but the host writes it")]
    Unix,
    /// Slashes where Windows has backslashes.
    #[error("the export directory has forward slashes")]
    ForwardSlashes,
    /// Neither drive nor share.
    #[error("the export directory is relative")]
    Relative,
    /// `D:exports` is relative to wherever drive D: stands.
    #[error("the export directory is relative to its drive")]
    DriveRelative,
    /// `\exports` is on whichever drive is current.
    #[error("the export directory has no drive")]
    NoDrive,
    /// `\\server` without a share.
    #[error("the export directory is a server without a share")]
    NoShare,
    /// `.` or `..` on the way.
    #[error("the export directory goes by . or ..")]
    Dots,
    /// An empty step, `D:\a\\b`.
    #[error("the export directory has an empty step")]
    EmptyStep,
    /// A character that no Windows file name has.
    #[error("the export directory holds a character that Windows does not allow")]
    Character,
    /// Windows drops dots and spaces at the end of a name.
    #[error("a step of the export directory ends in a dot or a space")]
    Trailing,
    /// `NUL`, `COM1` and their like are devices, whatever stands around them.
    #[error("a step of the export directory is the name of a device")]
    Device,
    /// `\\.\` and other prefixes that are no directories.
    #[error("the export directory is in the namespace of devices")]
    DeviceNamespace,
}

/// Where a directory is, as seen by the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a drive of the host.
    Drive(char),
    /// On a share, which the host's computer account must be able to write.
    Share {
        /// The server.
        server: String,
        /// The share.
        share: String,
    },
    /// On a volume without a letter.
    Volume,
}

impl Directory {
    /// Checks a directory.
    pub fn parse(text: &str) -> Result<Self, DirectoryError> {
        match check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(problem) => {
                let suggestion = suggest(text, problem);
                Err(DirectoryError { text: text.to_owned(), problem, suggestion })
            }
        }
    }

    /// Returns it as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns where it is.
    pub fn place(&self) -> Place {
        let (root, _) = split(&self.0).unwrap_or((Root::Volume, ""));
        match root {
            Root::Drive(letter) => Place::Drive(letter.to_ascii_uppercase()),
            Root::Share(server, share) => Place::Share { server: server.to_owned(), share: share.to_owned() },
            Root::Volume => Place::Volume,
        }
    }

    /// Says whether it begins with `\\?\`, which VMMS may or may not take.
    pub fn is_verbatim(&self) -> bool {
        self.0.starts_with(r"\\?\")
    }

    /// Returns it in the one spelling that all texts have which mean this directory to Windows; for comparisons alone.
    ///
    /// ```
    /// use refpoint::hyperv::Directory;
    ///
    /// let one = Directory::parse(r"D:\exports\web01")?;
    /// let other = Directory::parse(r"\\?\d:\Exports\web01\")?;
    /// assert_eq!(one.folded(), other.folded());
    /// # Ok::<(), refpoint::hyperv::DirectoryError>(())
    /// ```
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// Says whether two texts mean one directory to Windows.
    pub fn is_same(&self, other: &str) -> bool {
        fold(&self.0) == fold(other)
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Folds case, a separator at the end and the verbatim prefix, none of which tell directories apart.
fn fold(text: &str) -> String {
    let text = text.trim_end_matches('\\').to_lowercase();
    match text.strip_prefix(r"\\?\unc\") {
        Some(share) => format!(r"\\{share}"),
        None => text.strip_prefix(r"\\?\").unwrap_or(&text).to_owned(),
    }
}

enum Root<'t> {
    Drive(char),
    Share(&'t str, &'t str),
    Volume,
}

/// Splits the root off, which is what makes a path fully qualified.
fn split(text: &str) -> Result<(Root<'_>, &str), DirectoryProblem> {
    if let Some(verbatim) = text.strip_prefix(r"\\?\") {
        if let Some(share) = strip_prefix_ignoring_case(verbatim, r"UNC\") {
            return split_share(share);
        }
        if let Some(volume) = strip_prefix_ignoring_case(verbatim, "Volume{") {
            let (_, rest) = volume.split_once(r"}\").ok_or(DirectoryProblem::DeviceNamespace)?;
            return Ok((Root::Volume, rest));
        }
        return split_drive(verbatim).ok_or(DirectoryProblem::DeviceNamespace)?;
    }
    if text.starts_with(r"\\.\") || text.starts_with(r"\??\") {
        return Err(DirectoryProblem::DeviceNamespace);
    }
    if let Some(share) = text.strip_prefix(r"\\") {
        return split_share(share);
    }
    if text.starts_with('\\') {
        return Err(DirectoryProblem::NoDrive);
    }
    split_drive(text).unwrap_or(Err(DirectoryProblem::Relative))
}

/// `None` where there is no drive at all.
fn split_drive(text: &str) -> Option<Result<(Root<'_>, &str), DirectoryProblem>> {
    let mut characters = text.chars();
    let letter = characters.next().filter(char::is_ascii_alphabetic)?;
    let rest = characters.as_str().strip_prefix(':')?;
    Some(match rest.strip_prefix('\\') {
        Some(rest) => Ok((Root::Drive(letter), rest)),
        None => Err(DirectoryProblem::DriveRelative),
    })
}

fn split_share(text: &str) -> Result<(Root<'_>, &str), DirectoryProblem> {
    let (server, rest) = text.split_once('\\').ok_or(DirectoryProblem::NoShare)?;
    let (share, rest) = rest.split_once('\\').unwrap_or((rest, ""));
    if server.is_empty() || share.is_empty() {
        return Err(DirectoryProblem::NoShare);
    }
    Ok((Root::Share(server, share), rest))
}

fn check(text: &str) -> Result<(), DirectoryProblem> {
    if text.trim().is_empty() {
        return Err(DirectoryProblem::Empty);
    }
    if text.contains('/') {
        let is_unix = text.starts_with('/') || text.starts_with("~/") || text.starts_with("./");
        return Err(if is_unix { DirectoryProblem::Unix } else { DirectoryProblem::ForwardSlashes });
    }
    let (root, rest) = split(text)?;
    if let Root::Share(server, share) = root {
        check_step(server)?;
        check_step(share)?;
    }
    let rest = rest.strip_suffix('\\').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(());
    }
    rest.split('\\').try_for_each(check_step)
}

fn check_step(step: &str) -> Result<(), DirectoryProblem> {
    if step.is_empty() {
        return Err(DirectoryProblem::EmptyStep);
    }
    if step == "." || step == ".." {
        return Err(DirectoryProblem::Dots);
    }
    let forbidden = |character: char| character.is_control() || r#"<>:"|?*"#.contains(character);
    if step.chars().any(forbidden) {
        return Err(DirectoryProblem::Character);
    }
    if step.ends_with(['.', ' ']) {
        return Err(DirectoryProblem::Trailing);
    }
    let stem = step.split('.').next().unwrap_or(step).trim_end();
    let numbered = |prefix: &str| {
        strip_prefix_ignoring_case(stem, prefix).is_some_and(|number| {
            let mut digits = number.chars();
            matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    let is_device =
        ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].iter().any(|name| stem.eq_ignore_ascii_case(name))
            || numbered("COM")
            || numbered("LPT");
    if is_device { Err(DirectoryProblem::Device) } else { Ok(()) }
}

/// Says what may have been meant, where that form itself is one that may be sent.
fn suggest(text: &str, problem: DirectoryProblem) -> Option<String> {
    let backslashes = text.replace('/', r"\");
    let meant = match problem {
        DirectoryProblem::ForwardSlashes => backslashes,
        // What people write for \\server\share where a shell eats backslashes.
        DirectoryProblem::Unix if text.starts_with("//") => backslashes,
        DirectoryProblem::Unix => format!(r"D:\{}", backslashes.trim_start_matches(['\\', '~', '.'])),
        DirectoryProblem::DriveRelative => {
            let (drive, rest) = text.split_at_checked(2)?;
            format!(r"{drive}\{rest}")
        }
        DirectoryProblem::NoDrive => format!("D:{text}"),
        DirectoryProblem::Relative => format!(r"D:\{text}"),
        DirectoryProblem::Trailing => text.trim_end_matches(['.', ' ']).to_owned(),
        _ => return None,
    };
    check(&meant).is_ok().then_some(meant)
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fully_qualified_directories_are_taken_as_they_are() {
        for (text, place) in [
            (r"D:\exports\web01", Place::Drive('D')),
            (r"c:\", Place::Drive('C')),
            (r"D:\exports\", Place::Drive('D')),
            (r"C:\ClusterStorage\Volume1\exports", Place::Drive('C')),
            (r"D:\エクスポート\Žluťoučký 🐎", Place::Drive('D')),
            (r"D:\it's & more\100%", Place::Drive('D')),
            (r"\\nas1\hv$\web01", Place::Share { server: "nas1".into(), share: "hv$".into() }),
            (r"\\nas1\hv", Place::Share { server: "nas1".into(), share: "hv".into() }),
            (r"\\?\D:\exports", Place::Drive('D')),
            (r"\\?\UNC\nas1\hv\x", Place::Share { server: "nas1".into(), share: "hv".into() }),
            (r"\\?\Volume{3f2c9a10-6b7e-4c55-9e1d-0a4b8c7d2e91}\exports", Place::Volume),
        ] {
            let directory = Directory::parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((directory.as_str(), directory.place()), (text, place));
        }
    }

    #[test]
    fn other_paths_are_refused_with_what_may_have_been_meant() {
        use DirectoryProblem as P;
        for (text, problem, suggestion) in [
            ("", P::Empty, None),
            ("  ", P::Empty, None),
            ("/srv/exports", P::Unix, Some(r"D:\srv\exports")),
            ("~/exports", P::Unix, Some(r"D:\exports")),
            ("./exports", P::Unix, Some(r"D:\exports")),
            ("//nas1/hv/web01", P::Unix, Some(r"\\nas1\hv\web01")),
            ("D:/exports", P::ForwardSlashes, Some(r"D:\exports")),
            (r"D:\exports/web01", P::ForwardSlashes, Some(r"D:\exports\web01")),
            ("exports", P::Relative, Some(r"D:\exports")),
            (r"exports\web01", P::Relative, Some(r"D:\exports\web01")),
            (r"..\exports", P::Relative, None),
            ("D:exports", P::DriveRelative, Some(r"D:\exports")),
            ("D:", P::DriveRelative, Some(r"D:\")),
            (r"\exports", P::NoDrive, Some(r"D:\exports")),
            (r"\\nas1", P::NoShare, None),
            (r"\\nas1\", P::NoShare, None),
            (r"\\\share\x", P::NoShare, None),
            (r"D:\a\..\b", P::Dots, None),
            (r"D:\a\.\b", P::Dots, None),
            (r"D:\a\\b", P::EmptyStep, None),
            (r"D:\a\\", P::EmptyStep, None),
            (r"D:\a?b", P::Character, None),
            (r"D:\a:stream", P::Character, None),
            ("D:\\a\nb", P::Character, None),
            (r"D:\exports.", P::Trailing, Some(r"D:\exports")),
            (r"D:\exports ", P::Trailing, Some(r"D:\exports")),
            (r"D:\nul", P::Device, None),
            (r"D:\com1.txt\x", P::Device, None),
            (r"\\.\D:\exports", P::DeviceNamespace, None),
            (r"\\?\exports", P::DeviceNamespace, None),
            (r"\\?\D:exports", P::DriveRelative, None),
            ("ä:\\exports", P::Relative, None),
        ] {
            let error = Directory::parse(text).expect_err(text);
            assert_eq!((error.problem, error.suggestion.as_deref()), (problem, suggestion), "{text}");
        }
    }

    #[test]
    fn case_prefix_and_the_last_separator_do_not_tell_directories_apart() {
        let directory = Directory::parse(r"D:\Exports\web01").unwrap();
        for same in [r"d:\exports\WEB01", r"D:\Exports\web01\", r"\\?\D:\Exports\web01"] {
            assert!(directory.is_same(same), "{same}");
        }
        assert!(!directory.is_same(r"D:\Exports\web011"));
        assert!(Directory::parse(r"\\nas\hv\x").unwrap().is_same(r"\\?\UNC\NAS\hv\x\"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused_and_a_suggestion_is_always_one_that_is_taken(text in "\\PC*") {
            if let Err(error) = Directory::parse(&text)
                && let Some(suggestion) = error.suggestion
            {
                prop_assert!(Directory::parse(&suggestion).is_ok(), "{suggestion}");
            }
        }

        #[test]
        fn steps_of_any_allowed_character_are_taken(step in "[^\\x00-\\x1f\\x7f-\\u{9f}<>:\"/\\\\|?*. ]{9,20}") {
            prop_assert!(Directory::parse(&format!(r"D:\{step}")).is_ok(), "{step}");
        }
    }
}
