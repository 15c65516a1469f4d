//! Reads the file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{KEYS, Value, refusal};
use super::profile::{Layer, Profile, Said};
use crate::cli::error::Error;
use crate::cli::folders;
use crate::cli::suggest;

/// The file, read whole: a slip in a profile that is not used today is found today.
#[derive(Debug, Default)]
pub(crate) struct Config {
    file: PathBuf,
    is_there: bool,
    /// The profile that counts where none is named.
    chosen: Option<Said>,
    defaults: Option<Layer>,
    profiles: BTreeMap<String, Layer>,
    warnings: Vec<String>,
}

impl Config {
    /// Reads a file; one that is not there says nothing.
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Self { file: file.to_path_buf(), ..Self::default() });
            }
            Err(error) => {
                return Err(Error::usage(format!("cannot read {}", file.display()))
                    .because(error)
                    .hint(format!("{} names another folder", folders::CONFIG_VARIABLES.0)));
            }
        };
        let text =
            String::from_utf8(bytes).map_err(|_| Error::usage(format!("{} is not UTF-8", file.display())))?;
        let mut config = Self::parse(&text, file)?;
        let is_about_secrets = |layer: &Layer| layer.said.iter().any(|said| said.is_about_secrets);
        let names_secrets = config.profiles.values().chain(&config.defaults).any(is_about_secrets);
        config.warnings.extend(odd_mode(file, names_secrets));
        Ok(config)
    }

    /// Reads a text as if it stood in that file.
    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let reader = Reader { text, file: &Arc::from(file) };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.wrong(at, error.message().trim_end())
        })?;
        reader.document(table.get_ref())
    }

    /// Returns what counts of it under that name, and what is odd about the file.
    pub(crate) fn profile(self, named: Option<&str>) -> Result<(Profile, Vec<String>), Error> {
        let Self { file, is_there, chosen, defaults, mut profiles, warnings } = self;
        let of_file = chosen.as_ref().and_then(|said| match &said.value {
            Value::Text(name) => Some(name.as_str()),
            _ => None,
        });
        let name = named.or(of_file);
        let layer = match name {
            None => None,
            Some(name) => match profiles.remove(name) {
                Some(layer) => Some(layer),
                None => return Err(no_profile(name, &file, is_there, &profiles)),
            },
        };
        let layers = match (layer, defaults) {
            (Some(layer), Some(mut defaults)) => {
                // A no takes back what holds for all.
                if layer.said.iter().any(|said| is_trust(said.key) && said.value == Value::Switch(false)) {
                    defaults.said.retain(|said| !is_trust(said.key));
                }
                vec![layer, defaults]
            }
            (layer, defaults) => layer.into_iter().chain(defaults).collect(),
        };
        let name = name.map(str::to_owned);
        Ok((Profile { name, chosen, layers }, warnings))
    }
}

fn no_profile(name: &str, file: &Path, is_there: bool, profiles: &BTreeMap<String, Layer>) -> Error {
    if !is_there {
        return Error::usage(format!("no profile {name:?}: there is no {}", file.display()))
            .hint("refpoint config init writes one to begin with");
    }
    let error = Error::usage(format!("no profile {name:?} in {}", file.display()));
    match suggest::nearest(name, profiles.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if profiles.is_empty() => error.hint("it has none: a table [profile.NAME] is one"),
        None => error
            .hint(format!("it has {}", profiles.keys().map(String::as_str).collect::<Vec<_>>().join(", "))),
    }
}

/// Says what is odd about who may read or write the file: whoever writes it says which command is run for a password.
fn odd_mode(file: &Path, names_secrets: bool) -> Option<String> {
    #[cfg(unix)]
    {
        let facts = std::fs::metadata(file).ok()?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o777;
        let (may, bits) = if mode & 0o022 != 0 { ("write", 0o022) } else { ("read", 0o044) };
        let is_odd = mode & bits != 0 && (bits == 0o022 || names_secrets) && facts.is_file();
        is_odd.then(|| format!("others may {may} {} (mode {mode:03o}): chmod 600 it", file.display()))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, names_secrets);
        None
    }
}

struct Reader<'t> {
    text: &'t str,
    file: &'t Arc<Path>,
}

impl Reader<'_> {
    fn document(&self, table: &DeTable<'_>) -> Result<Config, Error> {
        let mut config = Config { file: self.file.to_path_buf(), is_there: true, ..Config::default() };
        for (name, at, value) in entries(table) {
            match name {
                "default_profile" => {
                    let name = value.get_ref().as_str().filter(|name| !name.is_empty());
                    let name = name
                        .ok_or_else(|| self.wrong(value.span().start, "the name of a profile is expected"))?;
                    config.chosen =
                        Some(self.said("default_profile", Value::Text(name.to_owned()), at, false));
                }
                "profile" => {
                    for (name, at, value) in entries(self.table(value)?) {
                        if name.is_empty() {
                            return Err(self.wrong(at, "a profile has a name"));
                        }
                        config.profiles.insert(name.to_owned(), self.layer(name, self.table(value)?)?);
                    }
                }
                "defaults" => config.defaults = Some(self.layer("defaults", self.table(value)?)?),
                other => {
                    let error = self.wrong(at, format!("{other:?} is no table of this file"));
                    if KEYS.iter().any(|key| key.name == other) {
                        return Err(error.hint("settings stand below [defaults] or [profile.NAME]"));
                    }
                    return Err(error.hint(match suggest::nearest(other, KNOWN.iter().copied()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => "there are default_profile, [defaults] and [profile.NAME]".to_owned(),
                    }));
                }
            }
        }
        Ok(config)
    }

    fn layer(&self, name: &str, table: &DeTable<'_>) -> Result<Layer, Error> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let mut said: Vec<Said> = Vec::new();
        for (name, at, value) in entries(table) {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                return Err(self.unknown(name, at));
            };
            let rival = |other: &&Said| {
                let choice = KEYS.iter().find(|key| key.name == other.key).and_then(|key| key.choice);
                key.choice.is_some() && choice == key.choice
            };
            if let (Some(other), Some(choice)) = (said.iter().find(rival), key.choice) {
                return Err(self
                    .wrong(at, format!("{name} beside {}", other.key))
                    .hint(format!("of {choice} a table has one")));
            }
            let start = value.span().start;
            let read = key.read(value.get_ref(), folder);
            let read = read.map_err(|problem| self.wrong(start, format!("{name}: {problem}")))?;
            said.push(self.said(key.name, read, at, key.is_about_secrets));
        }
        for (one, other) in [("cert", "key"), ("key", "cert"), ("key_passphrase_file", "key")] {
            let has = |name: &str| said.iter().find(|said| said.key == name);
            if let (Some(lonely), None) = (has(one), has(other)) {
                return Err(Error::usage(format!(
                    "{}:{}: {one} needs {other} in the same table",
                    self.file.display(),
                    lonely.line
                )));
            }
        }
        Ok(Layer { name: name.into(), said })
    }

    fn said(&self, key: &'static str, value: Value, at: usize, is_about_secrets: bool) -> Said {
        let (line, _) = self.place(at);
        Said { key, value, file: self.file.clone(), line, is_about_secrets }
    }

    fn unknown(&self, name: &str, at: usize) -> Error {
        if let Some((what, hint)) = refusal(name) {
            return self.wrong(at, format!("{name}: {what}")).hint(hint);
        }
        let dashed = name.replace('-', "_");
        let names = || KEYS.iter().map(|key| key.name);
        let error = self.wrong(at, format!("{name:?} is no setting"));
        error.hint(match suggest::nearest(&dashed, names()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        })
    }

    fn table<'a>(&self, value: &'a Spanned<DeValue<'a>>) -> Result<&'a DeTable<'a>, Error> {
        let wrong = || self.wrong(value.span().start, "a table is expected");
        value.get_ref().as_table().ok_or_else(wrong)
    }

    fn wrong(&self, at: usize, problem: impl Into<String>) -> Error {
        let (line, column) = self.place(at);
        Error::usage(format!("{}:{line}:{column}: {}", self.file.display(), problem.into()))
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
    }
}

type Entry<'t> = (&'t str, usize, &'t Spanned<DeValue<'t>>);

/// The entries in the order in which they are written.
fn entries<'a>(table: &'a DeTable<'_>) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value)).collect()
}

fn is_trust(key: &str) -> bool {
    ["ca", "pin", "insecure", "trust_on_first_use"].contains(&key)
}

const KNOWN: &[&str] = &["default_profile", "defaults", "profile"];
