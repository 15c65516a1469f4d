//! Where passwords come from: a file, standard input, a command, the environment, a credential of the service, a
//! person; never arguments, which everybody on the machine can read.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use refpoint::client::Secret;
use refpoint::fleet::Hidden;
use serde_json::json;
use zeroize::Zeroizing;

#[cfg(unix)]
use self::unix as system;
#[cfg(windows)]
use self::windows as system;
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

    /// Returns the password of a user. Nothing but a person is waited for beyond that moment.
    pub(crate) fn read(
        &self,
        user: &str,
        until: Option<Instant>,
        ui: &mut Ui,
    ) -> Result<Secret<String>, Error> {
        if let Some(file) = &self.password_file {
            return of_file(file, "password", until, ui);
        }
        if self.password_stdin {
            let unreadable =
                |error| Error::usage("cannot read the password from standard input").because(error);
            let bytes = in_time(until, || read(io::stdin()))?.map_err(unreadable)?;
            return first_line(&bytes, "password from standard input");
        }
        if let Some(command) = &self.password_command {
            return of_command(command, until);
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
        Hidden::File(file) => of_file(file, what, None, ui),
        Hidden::Credential(name) => match credential(name) {
            Some(file) => of_credential(&file, what, name),
            None => Err(Error::usage(format!("no {what}: the service has no credential {name}"))
                .hint(format!("LoadCredential={name}:FILE in its unit brings one"))),
        },
    }
}

/// Says whether a service runs this that has credentials at all.
pub(crate) fn has_credentials() -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some()
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

/// Returns the first line of a file that nobody else should be able to read. The end of a pipe does as well, as a
/// shell's `<(…)` makes one.
pub(crate) fn of_file(
    path: &Path,
    what: &str,
    until: Option<Instant>,
    ui: &mut Ui,
) -> Result<Secret<String>, Error> {
    let unreadable =
        |error| Error::usage(format!("cannot read the {what} from {}", path.display())).because(error);
    let fits = |facts: &Metadata| match facts.is_file() || system::is_pipe(facts) {
        true => Ok(()),
        false => Err(Error::usage(format!("{what} from {}: it is no regular file", path.display()))),
    };
    // Before it is opened: to open a device may do something.
    fits(&std::fs::metadata(path).map_err(unreadable)?)?;
    let opened = path.to_owned();
    // A pipe opens when somebody writes to it.
    let (facts, bytes) = in_time(until, move || {
        let file = File::open(opened)?;
        let facts = file.metadata()?;
        let is_read = facts.is_file() || system::is_pipe(&facts);
        Ok((facts, if is_read { read(file)? } else { Zeroizing::default() }))
    })?
    .map_err(unreadable)?;
    fits(&facts)?;
    if let Some(mode) = system::mode_for_others(&facts) {
        ui.warn(&format!("others may read {} (mode {mode:03o}): chmod 600 it", path.display()));
    }
    let what = format!("{what} from {}", path.display());
    if bytes.len() > LONGEST {
        return Err(too_long(&what));
    }
    first_line(&bytes, &what)
}

/// Neither the command nor what it printed is shown when it fails: either may hold the password.
pub(crate) fn of_command(command: &str, until: Option<Instant>) -> Result<Secret<String>, Error> {
    let failed = || Error::usage("password command failed");
    let words =
        words::split(command).ok_or_else(|| failed().hint("a quote or a backslash in it has no end"))?;
    if words::has_operators(command) {
        return Err(failed().hint(format!(
            "no shell runs it, and ; | & < > mean nothing: {} has one run it",
            system::BY_A_SHELL
        )));
    }
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed().hint("there is no command in it"));
    };
    let is_terminal = io::stdin().is_terminal();
    let mut asked = Command::new(program);
    // A command that asks a person needs the terminal; a pipe is for somebody else.
    asked.args(arguments).stdin(if is_terminal { Stdio::inherit() } else { Stdio::null() });
    // What it starts ends with it. On a terminal it stays among those who may read what is typed.
    let is_group = until.is_some() && !is_terminal;
    if is_group {
        system::be_a_group(&mut asked);
    }
    let mut child = asked.stdout(Stdio::piped()).spawn().map_err(|error| failed().because(error))?;
    let stdout = child.stdout.take();
    let printed = in_time(until, || stdout.map_or_else(|| Ok(Zeroizing::default()), read));
    let ended = printed.and_then(|printed| Ok((printed, wait(&mut child, until)?)));
    let (printed, status) = ended.inspect_err(|_| system::end(&mut child, is_group))?;
    let status = status.map_err(|error| failed().because(error))?;
    if !status.success() {
        return Err(failed().hint(format!("it ended with {status}")));
    }
    first_line(&printed.map_err(|error| failed().because(error))?, "password from the password command")
}

/// Waits for the end of a command, and no longer than until then.
fn wait(child: &mut Child, until: Option<Instant>) -> Result<io::Result<ExitStatus>, Error> {
    let Some(until) = until else { return Ok(child.wait()) };
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Ok(status)),
            Ok(None) if Instant::now() >= until => return Err(late()),
            Ok(None) => thread::sleep(PAUSE),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Does something that may wait for ever, and waits for it until then. What is not done by then is left to itself.
fn in_time<T: Send + 'static>(
    until: Option<Instant>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let Some(until) = until else { return Ok(work()) };
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    done.recv_timeout(until.saturating_duration_since(Instant::now())).map_err(|_| late())
}

fn late() -> Error {
    Error::new(Exit::Deadline, "the deadline has passed before the password was there")
        .hint("a longer --deadline, or none, waits longer")
}

/// Returns what there is, and of what is too long one octet too many.
fn read(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    source.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn too_long(what: &str) -> Error {
    Error::usage(format!("{what} is longer than {} KiB", LONGEST >> 10))
}

/// Returns the first line; `what` is said of it where it is none.
fn first_line(bytes: &[u8], what: &str) -> Result<Secret<String>, Error> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > LONGEST {
        return Err(too_long(what));
    }
    if bytes.contains(&0) {
        return Err(Error::usage(format!("{what} holds a NUL byte")));
    }
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
/// How often a command that has closed its output is looked after.
const PAUSE: Duration = Duration::from_millis(5);
