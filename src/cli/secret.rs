//! Where passwords come from: a file, standard input, a command, the environment, a credential of the service, a
//! person; never arguments, which everybody on the machine can read.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use refpoint::client::Secret;
use refpoint::fleet::Hidden;
use serde_json::json;
use zeroize::Zeroizing;

use super::error::Error;
use super::exit::Exit;
use super::ui::Ui;
use super::words;

/// Where the password is.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct PasswordArgs {
    /// Read the password from the first line of a file (or REFPOINT_PASSWORD, or the credential refpoint-password of a
    /// systemd service, or a prompt on a terminal)
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    password_file: Option<PathBuf>,
    /// Read the password from the first line of standard input
    #[arg(long, help_heading = "Login")]
    password_stdin: bool,
    /// Read the password from the first line that a command prints; its words are quoted as in a shell, but no shell
    /// runs it
    #[arg(long, value_name = "COMMAND", help_heading = "Login")]
    password_command: Option<String>,
}

impl PasswordArgs {
    /// Returns whether an argument says where the password is.
    pub(crate) fn is_given(&self) -> bool {
        self.password_file.is_some() || self.password_stdin || self.password_command.is_some()
    }

    /// Returns whether an argument or the environment says where the password is.
    pub(crate) fn is_said(&self) -> bool {
        self.is_given() || std::env::var_os(VARIABLE).is_some() || credential(CREDENTIAL).is_some()
    }

    /// Returns what may be shown of where the password is, and who says so.
    pub(crate) fn said(&self) -> Option<(serde_json::Value, &'static str)> {
        Some(match self {
            Self { password_file: Some(file), .. } => (json!({"file": file}), "--password-file"),
            Self { password_stdin: true, .. } => (json!("(standard input)"), "--password-stdin"),
            // A command may well hold a secret.
            Self { password_command: Some(_), .. } => (json!({"command": "(set)"}), "--password-command"),
            _ if std::env::var_os(VARIABLE).is_some() => (json!("(set)"), VARIABLE),
            _ => (json!({"file": credential(CREDENTIAL)?}), "refpoint-password"),
        })
    }

    /// Returns the password of a user.
    pub(crate) fn read(&self, user: &str, ui: &mut Ui) -> Result<Secret<String>, Error> {
        if let Some(file) = &self.password_file {
            return of_file(file, "password", ui);
        }
        if self.password_stdin {
            let unreadable =
                |error| Error::usage("cannot read the password from standard input").because(error);
            return first_line(&read(io::stdin()).map_err(unreadable)?, "password from standard input");
        }
        if let Some(command) = &self.password_command {
            return of_command(command);
        }
        match std::env::var(VARIABLE) {
            Ok(password) => first_line(password.as_bytes(), &format!("password from {VARIABLE}")),
            Err(std::env::VarError::NotUnicode(_)) => Err(Error::usage(format!("{VARIABLE} is not UTF-8"))),
            Err(std::env::VarError::NotPresent) => match credential(CREDENTIAL) {
                Some(file) => of_credential(&file, "password", CREDENTIAL),
                None => prompt(&format!("Password of {user}"), ui),
            },
        }
    }
}

/// Returns the first line of something that a plan keeps hidden.
pub(crate) fn of_plan(hidden: &Hidden, what: &str, ui: &mut Ui) -> Result<Secret<String>, Error> {
    match hidden {
        Hidden::Given(text) => Ok(text.clone()),
        Hidden::File(file) => of_file(file, what, ui),
        Hidden::Credential(name) => match credential(name) {
            Some(file) => of_credential(&file, what, name),
            None => Err(Error::usage(format!("no {what}: the service has no credential {name}"))
                .hint(format!("LoadCredential={name}:FILE in its unit brings one"))),
        },
    }
}

/// Returns where a credential of the service is that runs this, if it has one of that name.
fn credential(name: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("CREDENTIALS_DIRECTORY")?);
    // A name is a name, not a way to somewhere else.
    let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains('/');
    let file = folder.join(name);
    (folder.is_absolute() && is_name && file.is_file()).then_some(file)
}

/// Returns the first line of a credential. Its mode is systemd's business: what looks readable by a group is
/// the mask of an access list, and the folder lets nobody else in.
fn of_credential(file: &Path, what: &str, name: &str) -> Result<Secret<String>, Error> {
    let what = format!("{what} from the credential {name}");
    let unreadable = |error| Error::usage(format!("cannot read the {what}")).because(error);
    let bytes = File::open(file).and_then(read).map_err(unreadable)?;
    first_line(&bytes, &what)
}

/// Asks a person, without showing what is typed. Where nobody can type, it says so instead of waiting.
pub(crate) fn prompt(what: &str, ui: &mut Ui) -> Result<Secret<String>, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::usage(format!("no {}, and standard input is no terminal to ask on", lower(what)))
            .hint(format!("use --password-file, --password-stdin, --password-command or {VARIABLE}"))
            .hint("without --user the default Kerberos ticket cache is used"));
    }
    ui.ask(&format!("{what}: "));
    let hidden = rpassword::ConfigBuilder::new().output_discard().password_feedback_hide().build();
    let password = rpassword::read_password_with_config(hidden);
    ui.note("");
    match password {
        Ok(password) => filled(password, "what was typed"),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            Err(Error::new(Exit::Interrupted, "interrupted"))
        }
        Err(error) => Err(Error::usage("cannot read from the terminal").because(error)),
    }
}

fn lower(what: &str) -> String {
    let mut chars = what.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Returns the first line of a file that nobody else should be able to read.
pub(crate) fn of_file(path: &Path, what: &str, ui: &mut Ui) -> Result<Secret<String>, Error> {
    let unreadable =
        |error| Error::usage(format!("cannot read the {what} from {}", path.display())).because(error);
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    let mode = facts.permissions().mode() & 0o777;
    if facts.is_file() && mode & 0o077 != 0 {
        ui.warn(&format!("others may read {} (mode {mode:03o}): chmod 600 it", path.display()));
    }
    first_line(&read(file).map_err(unreadable)?, &format!("{what} from {}", path.display()))
}

/// Neither the command nor what it printed is shown when it fails: either may hold the password.
pub(crate) fn of_command(command: &str) -> Result<Secret<String>, Error> {
    // A command that asks a person needs the terminal; a pipe is for somebody else.
    let stdin = if io::stdin().is_terminal() { Stdio::inherit() } else { Stdio::null() };
    let failed = || Error::usage("password command failed");
    let words =
        words::split(command).ok_or_else(|| failed().hint("a quote or a backslash in it has no end"))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed().hint("there is no command in it"));
    };
    let child = Command::new(program).args(arguments).stdin(stdin).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| failed().because(error))?;
    let printed = child.stdout.take().map_or_else(|| Ok(Zeroizing::default()), read);
    let status = child.wait().map_err(|error| failed().because(error))?;
    if !status.success() {
        return Err(failed().hint(format!("it ended with {status}")));
    }
    first_line(&printed.map_err(|error| failed().because(error))?, "password from the password command")
}

fn read(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    source.take(LONGEST as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Returns the first line; `what` is said of it where it is none.
fn first_line(bytes: &[u8], what: &str) -> Result<Secret<String>, Error> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(password) => filled(password.to_owned(), what),
        Err(_) => Err(Error::usage(format!("{what} is not UTF-8"))),
    }
}

fn filled(password: String, what: &str) -> Result<Secret<String>, Error> {
    match password.is_empty() {
        true => Err(Error::usage(format!("{what} is empty"))),
        false => Ok(Secret::new(password)),
    }
}

const VARIABLE: &str = "REFPOINT_PASSWORD";
/// What a service calls it: `LoadCredential=refpoint-password:FILE`.
const CREDENTIAL: &str = "refpoint-password";
/// More than any password has.
const LONGEST: usize = 64 << 10;
