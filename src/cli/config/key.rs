//! What may stand in a profile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use refpoint::client::{Fingerprint, Protocol, Proxy};
use toml::de::DeValue;

use crate::cli::args::{Color, Form};
use crate::cli::connection::Auth;
use crate::cli::{duration, folders, words};

/// A setting, as it is called in the file.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    kind: Kind,
    /// Settings of which a table has one at most.
    pub(crate) choice: Option<&'static str>,
    /// Whether it says where a secret is, or how to come by it.
    pub(crate) is_about_secrets: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Path,
    Switch,
    Time,
    Port,
    Scheme,
    Pin,
    Proxy,
    Command,
    Auth,
    Output,
    Color,
    Inventories,
}

/// What is set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Path(PathBuf),
    Switch(bool),
    Time(Duration),
    Port(u16),
    Pin(Fingerprint),
    Texts(Vec<String>),
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, choice: None, is_about_secrets: false }
}

const fn secret(name: &'static str, kind: Kind, choice: Option<&'static str>) -> Key {
    Key { name, kind, choice, is_about_secrets: true }
}

const fn trust(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, choice: Some("ca, pin, insecure and trust_on_first_use"), is_about_secrets: false }
}

const LOGIN: Option<&str> = Some("password_file, password_command and keytab");

/// All settings there are.
pub(crate) const KEYS: &[Key] = &[
    key("user", Kind::Text),
    key("auth", Kind::Auth),
    secret("password_file", Kind::Path, LOGIN),
    secret("password_command", Kind::Command, LOGIN),
    secret("keytab", Kind::Path, LOGIN),
    key("spn_service", Kind::Text),
    key("spn_host", Kind::Text),
    key("realm", Kind::Text),
    key("bind_channel", Kind::Switch),
    key("scheme", Kind::Scheme),
    key("port", Kind::Port),
    key("path", Kind::Text),
    trust("ca", Kind::Path),
    trust("pin", Kind::Pin),
    trust("insecure", Kind::Switch),
    trust("trust_on_first_use", Kind::Switch),
    key("cert", Kind::Path),
    secret("key", Kind::Path, None),
    secret("key_passphrase_file", Kind::Path, None),
    key("proxy", Kind::Proxy),
    key("operation_timeout", Kind::Time),
    key("read_timeout", Kind::Time),
    key("connect_timeout", Kind::Time),
    key("deadline", Kind::Time),
    key("namespace", Kind::Text),
    key("output", Kind::Output),
    key("color", Kind::Color),
    key("ledger", Kind::Path),
    key("poll", Kind::Time),
    key("inventory", Kind::Inventories),
];

/// Returns why a name that many would try is no setting.
pub(crate) fn refusal(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "password" => Some((
            "a password does not belong in this file",
            "use password_file or password_command, or REFPOINT_PASSWORD",
        )),
        "passphrase" | "key_passphrase" => {
            Some(("a passphrase does not belong in this file", "use key_passphrase_file"))
        }
        "target" | "host" | "hosts" | "address" => Some((
            "which host is meant is said with each command",
            "hosts with settings of their own belong in an inventory: docs/inventory.md",
        )),
        "allow_cleartext" => Some((
            "that a password may go over the network in clear is said with each command",
            "use --allow-cleartext where there is no other way",
        )),
        _ => None,
    }
}

impl Key {
    /// Reads a value; a path begins at the folder.
    pub(crate) fn read(&self, value: &DeValue<'_>, folder: &Path) -> Result<Value, String> {
        let text = || match value.as_str() {
            Some(text) if text.trim().is_empty() => Err("it is empty".to_owned()),
            Some(text) => Ok(text),
            None => Err(format!("{} is expected", self.kind.name())),
        };
        Ok(match self.kind {
            Kind::Text => Value::Text(plain(text()?)?),
            Kind::Command => {
                let command = text()?;
                let is_command = words::split(command).is_some_and(|words| !words.is_empty());
                match is_command {
                    true => Value::Text(command.to_owned()),
                    false => return Err("a quote or a backslash in the command has no end".to_owned()),
                }
            }
            Kind::Path => Value::Path(path(text()?, folder)),
            Kind::Switch => Value::Switch(value.as_bool().ok_or("true or false is expected")?),
            Kind::Time => match value {
                DeValue::Integer(number) => {
                    let seconds = number.as_str().parse().ok().filter(|seconds: &u64| *seconds > 0);
                    Value::Time(Duration::from_secs(seconds.ok_or("a time like \"90s\" is expected")?))
                }
                _ => Value::Time(duration::parse(text()?)?),
            },
            Kind::Port => {
                let number = value.as_integer().and_then(|number| number.as_str().parse().ok());
                Value::Port(
                    number.filter(|port: &u16| *port != 0).ok_or("a port from 1 to 65535 is expected")?,
                )
            }
            Kind::Scheme => {
                let scheme: Protocol = text()?.parse().map_err(|_| "it is neither http nor https")?;
                Value::Text(scheme.to_string())
            }
            Kind::Pin => Value::Pin(text()?.parse().map_err(|_| "it is no sha256:HEX")?),
            Kind::Proxy => Value::Text(proxy(text()?)?),
            Kind::Auth => one_of::<Auth>(text()?)?,
            Kind::Output => match text()? {
                word @ ("junit" | "html") => {
                    return Err(format!("{word} is a form of fleet report alone: say it there"));
                }
                word => one_of::<Form>(word)?,
            },
            Kind::Color => one_of::<Color>(text()?)?,
            Kind::Inventories => Value::Texts(match value {
                DeValue::Array(items) => {
                    let words: Option<Vec<_>> = items.iter().map(|item| item.get_ref().as_str()).collect();
                    let words = words.ok_or("a text or a list of texts is expected")?;
                    words.into_iter().map(|word| inventory(word, folder)).collect()
                }
                _ => vec![inventory(text()?, folder)],
            }),
        })
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Path => "the path of a file",
            Self::Time => "a time like \"90s\"",
            Self::Inventories => "a text or a list of texts",
            _ => "a text",
        }
    }
}

fn plain(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err("it holds a control character: between double quotes a backslash begins an escape, between single \
                     quotes it does not"
            .to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Returns the path from the folder of the file, or from the home of the user.
fn path(text: &str, folder: &Path) -> PathBuf {
    let below_home = text.strip_prefix("~/").and_then(|rest| Some(folders::home()?.join(rest)));
    below_home.unwrap_or_else(|| folder.join(text))
}

fn inventory(word: &str, folder: &Path) -> String {
    match word == "-" || word.contains(',') {
        true => word.to_owned(),
        false => path(word, folder).to_string_lossy().into_owned(),
    }
}

fn proxy(text: &str) -> Result<String, String> {
    if text.contains('@') {
        return Err(
            "a proxy's password does not belong in this file: put the address into https_proxy, and \
                    proxy = \"env\" here"
                .to_owned(),
        );
    }
    match text == "env" {
        true => Ok(text.to_owned()),
        false => Proxy::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string()),
    }
}

fn one_of<T: ValueEnum>(word: &str) -> Result<Value, String> {
    T::from_str(word, false).map(|_| Value::Text(word.to_owned())).map_err(|_| {
        let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
        format!("{word:?} is none of {}", names.join(", "))
    })
}
