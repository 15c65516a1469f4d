//! Where what belongs to a user is: his configuration, and what is remembered for him.

use std::path::PathBuf;

/// Returns the folder of his configuration, as the XDG base directories have it; on Windows, his profile.
pub(crate) fn config() -> Option<PathBuf> {
    folder(CONFIG).map(|folder| folder.join("refpoint"))
}

/// Returns the folder of what is kept from one run to the next.
pub(crate) fn state() -> Option<PathBuf> {
    folder(STATE).map(|folder| folder.join("refpoint"))
}

/// The variables that say where his configuration is, for people: the first of the two that is set.
pub(crate) const CONFIG_VARIABLES: (&str, &str) = (CONFIG.0, HOME);

/// The same for what is kept.
pub(crate) const STATE_VARIABLES: (&str, &str) = (STATE.0, HOME);

/// Returns the home of the user.
pub(crate) fn home() -> Option<PathBuf> {
    absolute(HOME)
}

/// Which variable names a folder, and where it is below the home where none does.
type Place = (&'static str, &'static str);

#[cfg(not(windows))]
const CONFIG: Place = ("XDG_CONFIG_HOME", ".config");
#[cfg(not(windows))]
const STATE: Place = ("XDG_STATE_HOME", ".local/state");
#[cfg(not(windows))]
const HOME: &str = "HOME";

#[cfg(windows)]
const CONFIG: Place = ("APPDATA", r"AppData\Roaming");
#[cfg(windows)]
const STATE: Place = ("LOCALAPPDATA", r"AppData\Local");
#[cfg(windows)]
const HOME: &str = "USERPROFILE";

fn folder((variable, below): Place) -> Option<PathBuf> {
    absolute(variable).or_else(|| Some(home()?.join(below)))
}

/// Relative paths are passed over, as the specification of the base directories wants it.
fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
