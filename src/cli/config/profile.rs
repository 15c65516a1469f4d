//! The part of the file that counts in one run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use refpoint::client::{Method, Protocol, Secret};
use refpoint::fleet::inventory::{Origin, Password, Scope, Setting, Settings, TrustChoice};

use super::key::Value;
use crate::cli::connection::Auth;

/// A profile with what holds for all of them, what counts most first.
#[derive(Debug)]
pub(crate) struct Profile {
    /// Its name, where one is chosen.
    pub(crate) name: Option<String>,
    /// Where the file says which one counts.
    pub(crate) chosen: Option<Said>,
    pub(crate) layers: Vec<Layer>,
}

/// One table of the file.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) name: Arc<str>,
    pub(crate) said: Vec<Said>,
}

/// One setting of a table.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) key: &'static str,
    pub(crate) value: Value,
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
    pub(crate) is_about_secrets: bool,
}

impl Profile {
    /// What counts where there is no file.
    pub(crate) const NONE: Self = Self { name: None, chosen: None, layers: Vec::new() };

    /// Returns what is set, by whoever says it first.
    pub(crate) fn said(&self, key: &str) -> Option<&Said> {
        self.layers.iter().find_map(|layer| layer.get(key))
    }

    /// Returns one of several words.
    pub(crate) fn word<T: ValueEnum>(&self, key: &str) -> Option<T> {
        match &self.said(key)?.value {
            Value::Text(word) => T::from_str(word, false).ok(),
            _ => None,
        }
    }

    /// Returns a length of time.
    pub(crate) fn time(&self, key: &str) -> Option<Duration> {
        match self.said(key)?.value {
            Value::Time(time) => Some(time),
            _ => None,
        }
    }

    /// Returns a path.
    pub(crate) fn path(&self, key: &str) -> Option<PathBuf> {
        match &self.said(key)?.value {
            Value::Path(path) => Some(path.clone()),
            _ => None,
        }
    }

    /// Returns the inventories.
    pub(crate) fn inventories(&self) -> &[String] {
        match self.said("inventory").map(|said| &said.value) {
            Some(Value::Texts(words)) => words,
            _ => &[],
        }
    }

    /// Returns http or https, for what does not say it itself.
    pub(crate) fn scheme(&self) -> Option<Protocol> {
        match &self.said("scheme")?.value {
            Value::Text(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// Returns the port, for what does not say it itself.
    pub(crate) fn port(&self) -> Option<u16> {
        match self.said("port")?.value {
            Value::Port(port) => Some(port),
            _ => None,
        }
    }

    /// Returns the path of URLs, for what does not say it itself.
    pub(crate) fn url_path(&self) -> Option<&str> {
        match &self.said("path")?.value {
            Value::Text(path) => Some(path),
            _ => None,
        }
    }
}

impl Layer {
    /// Returns a setting of it.
    pub(crate) fn get(&self, key: &str) -> Option<&Said> {
        self.said.iter().find(|said| said.key == key)
    }

    /// Returns what it says of a connection, in the words of an inventory.
    pub(crate) fn settings(&self, protocol: Protocol) -> Settings {
        Settings {
            address: nobody(String::new()),
            protocol: nobody(protocol),
            port: nobody(protocol.default_port()),
            path: nobody(String::new()),
            user: self.setting("user", text),
            password: self
                .setting("password_file", |value| path(value).map(Password::File))
                .or_else(|| self.setting("password_command", |value| text(value).map(Password::Command))),
            method: self.setting("auth", |value| Auth::from_str(&text(value)?, false).ok().map(Method::from)),
            keytab: self.setting("keytab", path),
            service: self.setting("spn_service", text),
            service_host: self.setting("spn_host", text),
            realm: self.setting("realm", text),
            delegate: None,
            bind_channel: self.setting("bind_channel", switch),
            trust: self.trust(),
            certificate: self.setting("cert", path),
            key: self.setting("key", path),
            key_passphrase_file: self.setting("key_passphrase_file", path),
            proxy: self.setting("proxy", |value| text(value).map(Secret::new)),
            message_encryption: None,
            operation_timeout: self.setting("operation_timeout", time),
            read_timeout: self.setting("read_timeout", time),
            connect_timeout: self.setting("connect_timeout", time),
            namespace: self.setting("namespace", text),
            connection: None,
        }
    }

    fn trust(&self) -> Option<Setting<TrustChoice>> {
        let pin = |value: &Value| match value {
            Value::Pin(pin) => Some(TrustChoice::Pin(*pin)),
            _ => None,
        };
        let yes = |choice: TrustChoice| move |value: &Value| switch(value)?.then(|| choice.clone());
        self.setting("ca", |value| path(value).map(TrustChoice::Authorities))
            .or_else(|| self.setting("pin", pin))
            .or_else(|| self.setting("insecure", yes(TrustChoice::Anything)))
            .or_else(|| self.setting("trust_on_first_use", yes(TrustChoice::OnFirstUse)))
    }

    fn setting<T>(&self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Setting<T>> {
        let said = self.get(key)?;
        let scope = Scope::Profile(self.name.clone());
        let origin = Origin { scope, file: Some(said.file.clone()), line: Some(said.line) };
        Some(Setting { value: read(&said.value)?, variable: key.to_owned(), origin })
    }
}

fn nobody<T>(value: T) -> Setting<T> {
    let origin = Origin { scope: Scope::Default, file: None, line: None };
    Setting { value, variable: String::new(), origin }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn path(value: &Value) -> Option<PathBuf> {
    match value {
        Value::Path(path) => Some(path.clone()),
        _ => None,
    }
}

fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Switch(is) => Some(*is),
        _ => None,
    }
}

fn time(value: &Value) -> Option<Duration> {
    match value {
        Value::Time(time) => Some(*time),
        _ => None,
    }
}
