//! The file of a user's own settings: profiles, which come behind arguments, environment and inventory.
//!
//! `key` is the table of what may stand in the file, `read` reads it, `profile` is the part of it that counts in this
//! run, `example` is what `config init` writes.

mod example;
mod key;
mod profile;
mod read;

use std::path::PathBuf;
use std::sync::OnceLock;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::args::{Cli, Color, Command, Form};
use super::error::Error;
use super::{command, folders};

pub(crate) use example::EXAMPLE;
pub(crate) use key::Value;
pub(crate) use profile::{Layer, Profile, Said};
pub(crate) use read::Config;

/// Which profile.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ProfileArgs {
    #[cfg_attr(
        not(windows),
        doc = "Take what nothing else says from this profile of $XDG_CONFIG_HOME/refpoint/config.toml"
    )]
    #[cfg_attr(
        windows,
        doc = r"Take what nothing else says from this profile of %APPDATA%\refpoint\config.toml"
    )]
    #[arg(long, global = true, value_name = "NAME", env = "REFPOINT_PROFILE", hide_env_values = true)]
    profile: Option<String>,
}

/// Returns the file, which need not be there; `None` where there is no place for one.
pub(crate) fn file() -> Option<PathBuf> {
    folders::config().map(|folder| folder.join("config.toml"))
}

/// Returns the profile that counts in this run.
pub(crate) fn profile() -> &'static Profile {
    static NONE: Profile = Profile::NONE;
    CURRENT.get().unwrap_or(&NONE)
}

/// Reads the file, finds the profile that is meant, and lets it say how things are shown where nothing else does.
/// Returns what is odd about the file.
pub(crate) fn begin(cli: &mut Cli, matches: &ArgMatches) -> Result<Vec<String>, Error> {
    if !needs_one(&cli.command) {
        return Ok(Vec::new());
    }
    let named = cli.profile.profile.as_deref().filter(|name| !name.is_empty());
    let (profile, warnings) = match file() {
        Some(file) => Config::read(&file)?.profile(named)?,
        None if named.is_some() => {
            let (config, home) = folders::CONFIG_VARIABLES;
            return Err(Error::usage(format!("no profile: neither {config} nor {home} says where they are")));
        }
        None => (Profile::NONE, Vec::new()),
    };
    if cli.output.form.is_none() {
        cli.output.form = profile.word::<Form>("output");
    }
    let is_said = matches.value_source("color") == Some(ValueSource::CommandLine);
    if !is_said && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        cli.output.color = profile.word::<Color>("color").unwrap_or(cli.output.color);
    }
    let _ = CURRENT.set(profile);
    Ok(warnings)
}

/// Whoever writes the file has none yet, or a bad one; whoever tries the program on simulated hosts has no need of it.
fn needs_one(command: &Command) -> bool {
    !matches!(
        command,
        Command::Demo(_)
            | Command::Lab(_)
            | Command::Explain(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Config(command::config::Command::Init(_))
    )
}

/// Commands find it here instead of handing it to each other: it is one for the whole run, like the environment.
static CURRENT: OnceLock<Profile> = OnceLock::new();
