//! What is understood of a host's variables: where it is, who logs in, and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::graph::{Dialect, Variables};
use super::refusal::{Reason, Refusal};
use super::value::{Origin, Scope, Value, Variable};
use crate::client::{Credentials, Endpoint, EndpointError, Fingerprint, Login, Method, Protocol, Secret};

/// What is set, and who says so.
#[derive(Clone, Debug)]
pub struct Setting<T> {
    /// What it is.
    pub value: T,
    /// The variable that says it; empty where nobody does.
    pub variable: String,
    /// Where that stands.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// Returns what the arguments or the environment of a command say, under the name of the argument.
    pub fn of_command(value: T, argument: &str) -> Self {
        let origin = Origin { scope: Scope::Command, file: None, line: None };
        Self { value, variable: argument.to_owned(), origin }
    }
}

/// The settings of one host, as its inventory has them.
///
/// What the arguments and the environment of a command say comes before them: whoever knows it lays it over them with
/// [`Setting::of_command`], and asks [`HostEntry::refusal`](super::HostEntry::refusal) with the names of what was said.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name or the address to connect to; the host's name unless said otherwise.
    pub address: Setting<String>,
    /// http or https.
    pub protocol: Setting<Protocol>,
    /// The port.
    pub port: Setting<u16>,
    /// The path, with its slash.
    pub path: Setting<String>,
    /// Who logs in.
    pub user: Option<Setting<String>>,
    /// His password, or where it is.
    pub password: Option<Setting<Password>>,
    /// How he logs in.
    pub method: Option<Setting<Method>>,
    /// The keytab with his key.
    pub keytab: Option<Setting<PathBuf>>,
    /// The service class to ask a ticket for.
    pub service: Option<Setting<String>>,
    /// The host to ask a ticket for.
    pub service_host: Option<Setting<String>>,
    /// The Kerberos realm of the host.
    pub realm: Option<Setting<String>>,
    /// Whether the host may act for the user elsewhere.
    pub delegate: Option<Setting<bool>>,
    /// Whether the login is bound to the TLS channel.
    pub bind_channel: Option<Setting<bool>>,
    /// Which certificates are trusted.
    pub trust: Option<Setting<TrustChoice>>,
    /// The client certificate.
    pub certificate: Option<Setting<PathBuf>>,
    /// Its key.
    pub key: Option<Setting<PathBuf>>,
    /// The file with the passphrase of the key.
    pub key_passphrase_file: Option<Setting<PathBuf>>,
    /// The proxy, which may hold a password.
    pub proxy: Option<Setting<Secret<String>>>,
    /// What Ansible is told of the encryption of messages. Here they are sealed on http, always.
    pub message_encryption: Option<Setting<String>>,
    /// How long the host may work on one request.
    pub operation_timeout: Option<Setting<Duration>>,
    /// How long to wait for the first byte of an answer.
    pub read_timeout: Option<Setting<Duration>>,
    /// How long to wait for a connection.
    pub connect_timeout: Option<Setting<Duration>>,
    /// Where to look for classes.
    pub namespace: Option<Setting<String>>,
    /// The connection plugin that Ansible would use.
    pub connection: Option<Setting<String>>,
}

/// Where a password is.
#[derive(Clone, Debug)]
pub enum Password {
    /// Here, in clear.
    Clear(Secret<String>),
    /// In the first line of a file.
    File(PathBuf),
    /// In the first line that a command prints.
    Command(String),
}

/// Which certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustChoice {
    /// Those of the authorities in a PEM file.
    Authorities(PathBuf),
    /// One.
    Pin(Fingerprint),
    /// Every.
    Anything,
    /// Those of the system's authorities, and what is remembered of a host; of a host that is seen for the first
    /// time its certificate is remembered.
    OnFirstUse,
}

impl Settings {
    /// Returns where the host listens.
    pub fn endpoint(&self) -> Result<Endpoint, EndpointError> {
        let host = &self.address.value;
        let host = match host.split('%').next().unwrap_or_default().parse::<std::net::Ipv6Addr>() {
            Ok(_) => format!("[{host}]"),
            Err(_) => host.clone(),
        };
        format!("{}://{host}:{}{}", self.protocol.value, self.port.value, self.path.value).parse()
    }

    /// Returns the login of these credentials with what is set for it.
    pub fn login(&self, credentials: Credentials) -> Login {
        let mut login = Login::new(credentials);
        if let Some(method) = &self.method {
            login = login.with(method.value);
        }
        login.service = self.service.as_ref().map(|service| service.value.clone());
        login.service_host = self.service_host.as_ref().map(|host| host.value.clone());
        login.realm = self.realm.as_ref().map(|realm| realm.value.clone());
        login.bind_channel = self.bind_channel.as_ref().is_none_or(|bind| bind.value);
        login
    }

    /// Reads the settings of a host, and returns beside them the names of the variables that were looked for.
    pub(super) fn read(
        name: &str,
        dialect: Dialect,
        variables: &Variables,
        refusals: &mut Vec<Refusal>,
    ) -> (Self, Vec<&'static str>) {
        let connection = variables.get("ansible_connection").and_then(|variable| variable.value.to_text());
        let mut reader =
            Reader { variables, refusals, family: Family::of(connection.as_deref()), used: Vec::new() };
        let settings = reader.settings(name, dialect);
        (settings, reader.used)
    }
}

/// A setting as it is spelled in our own inventories, and in Ansible's.
pub(super) struct Key {
    /// In ours; in Ansible's with `refpoint_` before it.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Where several settings exclude each other, the last one that is said counts: they are one variable.
    choice: Option<(&'static str, &'static str)>,
    /// The names in Ansible's inventories, what counts most last.
    ansible: &'static [&'static str],
    winrm: &'static [&'static str],
    psrp: &'static [&'static str],
}

impl Key {
    /// Returns the names in Ansible's inventories.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.ansible.iter().chain(self.winrm).chain(self.psrp).copied()
    }

    /// Returns the variable that a setting of our own inventory is.
    pub(super) fn variable(&self, value: Value) -> (String, Value) {
        match self.choice {
            Some((variable, choice)) => (variable.to_owned(), Value::Map(vec![(choice.to_owned(), value)])),
            None => (format!("refpoint_{}", self.name), value),
        }
    }
}

/// What a setting of our own inventory looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Path,
    Number,
    Switch,
    Time,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Path => "the path of a file",
            Self::Number => "a whole number",
            Self::Switch => "true or false",
            Self::Time => "a time like \"90s\"",
        }
    }
}

const fn key(
    name: &'static str,
    kind: Kind,
    ansible: &'static [&'static str],
    winrm: &'static [&'static str],
    psrp: &'static [&'static str],
) -> Key {
    Key { name, kind, choice: None, ansible, winrm, psrp }
}

const fn choice(name: &'static str, kind: Kind, variable: &'static str, choice: &'static str) -> Key {
    Key { name, kind, choice: Some((variable, choice)), ansible: &[], winrm: &[], psrp: &[] }
}

const PASSWORD: &str = "refpoint_password";
const TRUST: &str = "refpoint_trust";
const NO_TRUST: &str = "it is none of ca, pin, insecure and trust_on_first_use";

/// All settings there are.
pub(super) const KEYS: &[Key] = &[
    key("address", Kind::Text, &["ansible_host"], &["ansible_winrm_host"], &["ansible_psrp_host"]),
    key("port", Kind::Number, &["ansible_port"], &["ansible_winrm_port"], &["ansible_psrp_port"]),
    key("scheme", Kind::Text, &[], &["ansible_winrm_scheme"], &["ansible_psrp_protocol"]),
    key("path", Kind::Text, &[], &["ansible_winrm_path"], &["ansible_psrp_path"]),
    key("user", Kind::Text, &["ansible_user"], &["ansible_winrm_user"], &["ansible_psrp_user"]),
    choice("password_file", Kind::Path, PASSWORD, "file"),
    choice("password_command", Kind::Text, PASSWORD, "command"),
    key("auth", Kind::Text, &[], &["ansible_winrm_transport"], &["ansible_psrp_auth"]),
    key("keytab", Kind::Path, &[], &["ansible_winrm_keytab"], &[]),
    key("spn_service", Kind::Text, &[], &["ansible_winrm_service"], &["ansible_psrp_negotiate_service"]),
    key(
        "spn_host",
        Kind::Text,
        &[],
        &["ansible_winrm_kerberos_hostname_override"],
        &["ansible_psrp_negotiate_hostname_override"],
    ),
    key("realm", Kind::Text, &[], &["ansible_winrm_realm"], &[]),
    key(
        "delegate",
        Kind::Switch,
        &[],
        &["ansible_winrm_kerberos_delegation"],
        &["ansible_psrp_negotiate_delegate"],
    ),
    key("bind_channel", Kind::Switch, &[], &["ansible_winrm_send_cbt"], &["ansible_psrp_negotiate_send_cbt"]),
    choice("ca", Kind::Path, TRUST, "ca"),
    choice("pin", Kind::Text, TRUST, "pin"),
    choice("insecure", Kind::Switch, TRUST, "insecure"),
    choice("trust_on_first_use", Kind::Switch, TRUST, "trust_on_first_use"),
    key("cert", Kind::Path, &[], &["ansible_winrm_cert_pem"], &["ansible_psrp_certificate_pem"]),
    key("key", Kind::Path, &[], &["ansible_winrm_cert_key_pem"], &["ansible_psrp_certificate_key_pem"]),
    key("key_passphrase_file", Kind::Path, &[], &[], &[]),
    key("proxy", Kind::Text, &[], &["ansible_winrm_proxy"], &["ansible_psrp_proxy"]),
    key(
        "message_encryption",
        Kind::Text,
        &[],
        &["ansible_winrm_message_encryption"],
        &["ansible_psrp_message_encryption"],
    ),
    key(
        "operation_timeout",
        Kind::Time,
        &[],
        &["ansible_winrm_operation_timeout_sec"],
        &["ansible_psrp_operation_timeout"],
    ),
    key("read_timeout", Kind::Time, &[], &["ansible_winrm_read_timeout_sec"], &["ansible_psrp_read_timeout"]),
    key(
        "connect_timeout",
        Kind::Time,
        &[],
        &["ansible_winrm_connection_timeout"],
        &["ansible_psrp_connection_timeout"],
    ),
    key("namespace", Kind::Text, &[], &[], &[]),
];

/// Which of Ansible's connection plugins a host is for, and with it which names count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Winrm,
    Psrp,
    Either,
}

impl Family {
    fn of(connection: Option<&str>) -> Self {
        match connection.map(|name| name.rsplit('.').next().unwrap_or(name)) {
            Some("winrm") => Self::Winrm,
            Some("psrp") => Self::Psrp,
            _ => Self::Either,
        }
    }

    fn names<T: Copy>(self, winrm: &[T], psrp: &[T]) -> Vec<T> {
        match self {
            Self::Winrm => winrm.to_vec(),
            Self::Psrp => psrp.to_vec(),
            Self::Either => psrp.iter().chain(winrm).copied().collect(),
        }
    }
}

struct Reader<'v> {
    variables: &'v Variables,
    refusals: &'v mut Vec<Refusal>,
    family: Family,
    used: Vec<&'static str>,
}

type Found<'v> = (&'static str, &'v Arc<Variable>);

impl<'v> Reader<'v> {
    fn settings(&mut self, name: &str, dialect: Dialect) -> Settings {
        let port = self.setting("port", port);
        let protocol = self.setting("scheme", scheme);
        let (protocol, port) = endpoint(protocol, port, dialect);
        let address = self.setting("address", text).unwrap_or_else(|| default(name.to_owned()));
        Settings {
            address,
            protocol,
            port,
            path: self.setting("path", path).unwrap_or_else(|| default("/wsman".to_owned())),
            user: self.setting("user", user),
            password: self.password(),
            method: self.setting("auth", method),
            keytab: self.setting("keytab", file),
            service: self.setting("spn_service", text),
            service_host: self.setting("spn_host", text),
            realm: self.setting("realm", text),
            delegate: self.setting("delegate", switch),
            bind_channel: self.setting("bind_channel", switch),
            trust: self.trust(),
            certificate: self.setting("cert", file),
            key: self.setting("key", file),
            key_passphrase_file: self.setting("key_passphrase_file", file),
            proxy: self.setting("proxy", |value| text(value).map(Secret::new)),
            message_encryption: self.setting("message_encryption", encryption),
            operation_timeout: self.setting("operation_timeout", time),
            read_timeout: self.setting("read_timeout", time),
            connect_timeout: self.setting("connect_timeout", time),
            namespace: self.setting("namespace", text),
            connection: self.one_of("connection", &["ansible_connection"], text),
        }
    }

    fn setting<T>(&mut self, name: &'static str, read: impl Fn(&Value) -> Read<T>) -> Option<Setting<T>> {
        let key = KEYS.iter().find(|key| key.name == name)?;
        let mut names = key.ansible.to_vec();
        names.extend(self.family.names(key.winrm, key.psrp));
        names.extend(OWN.iter().find(|own| own.strip_prefix("refpoint_") == Some(name)));
        self.one_of(name, &names, read)
    }

    /// Reads the last of the variables that holds anything.
    fn one_of<T>(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
        read: impl Fn(&Value) -> Read<T>,
    ) -> Option<Setting<T>> {
        let (variable, found) = self.last(names)?;
        match read(&found.value) {
            Ok(value) => Some(Setting { value, variable: variable.to_owned(), origin: found.origin.clone() }),
            Err(reason) => {
                self.refuse(setting, (variable, found), reason);
                None
            }
        }
    }

    fn last(&mut self, names: &[&'static str]) -> Option<Found<'v>> {
        self.used.extend(names);
        let mut found = names.iter().rev().filter_map(|name| Some((*name, self.variables.get(*name)?)));
        found.find(|(_, variable)| !matches!(variable.value, Value::Null))
    }

    fn refuse(&mut self, setting: &'static str, (variable, found): Found<'_>, reason: Reason) {
        let (variable, origin) = (variable.to_owned(), found.origin.clone());
        self.refusals.push(Refusal { setting: Some(setting), variable, origin, reason });
    }

    fn password(&mut self) -> Option<Setting<Password>> {
        // The password of PSRP is called like that of WinRM.
        let clear = &["ansible_password", "ansible_winrm_pass", "ansible_winrm_password", PASSWORD];
        let read = |value: &Value| match value {
            Value::Map(entries) => match entries.as_slice() {
                [(kind, value)] if kind == "file" => file(value).map(Password::File),
                [(kind, value)] if kind == "command" => text(value).map(Password::Command),
                _ => Err(Reason::Malformed("it is no text".to_owned())),
            },
            value => text(value).map(|text| Password::Clear(Secret::new(text))),
        };
        let others = [
            self.one_of("password", &["refpoint_password_command"], |value| {
                text(value).map(Password::Command)
            }),
            self.one_of("password", &["refpoint_password_file"], |value| file(value).map(Password::File)),
        ];
        let first = self.one_of("password", clear, read);
        others.into_iter().flatten().next_back().or(first)
    }

    fn trust(&mut self) -> Option<Setting<TrustChoice>> {
        let own = |value: &Value| match value {
            Value::Map(entries) => match entries.as_slice() {
                [(kind, value)] if kind == "ca" => {
                    file(value).map(|file| Some(TrustChoice::Authorities(file)))
                }
                [(kind, value)] if kind == "pin" => pin(value).map(Some),
                [(kind, value)] if kind == "insecure" => Ok(switch(value)?.then_some(TrustChoice::Anything)),
                [(kind, value)] if kind == "trust_on_first_use" => {
                    Ok(switch(value)?.then_some(TrustChoice::OnFirstUse))
                }
                _ => Err(Reason::Malformed(NO_TRUST.to_owned())),
            },
            _ => Err(Reason::Malformed(NO_TRUST.to_owned())),
        };
        let authorities = |value: &Value| file(value).map(|file| Some(TrustChoice::Authorities(file)));
        let anything = |value: &Value| Ok(switch(value)?.then_some(TrustChoice::Anything));
        let ca = self.family.names(
            &["ansible_winrm_ca_trust_path"],
            &["ansible_psrp_cert_trust_path", "ansible_psrp_ca_cert"],
        );
        let validation =
            self.family.names(&["ansible_winrm_server_cert_validation"], &["ansible_psrp_cert_validation"]);
        let ignored = |value: &Value| match text(value)?.as_str() {
            "ignore" => Ok(Some(TrustChoice::Anything)),
            "validate" => Ok(None),
            other => Err(Reason::Malformed(format!("{other:?} is neither validate nor ignore"))),
        };
        // What counts least first.
        let choices = [
            self.one_of("ca", &ca, authorities),
            self.one_of("insecure", &validation, ignored),
            self.one_of("trust", &[TRUST], own),
            self.one_of("ca", &["refpoint_ca"], authorities),
            self.one_of("trust_on_first_use", &["refpoint_trust_on_first_use"], |value| {
                Ok(switch(value)?.then_some(TrustChoice::OnFirstUse))
            }),
            self.one_of("insecure", &["refpoint_insecure"], anything),
            self.one_of("pin", &["refpoint_pin"], |value| pin(value).map(Some)),
        ];
        // `insecure = false` of a host takes back what its group said, and leaves the system's authorities.
        choices.into_iter().flatten().rev().find_map(|setting| {
            let Setting { value, variable, origin } = setting;
            value.map(|value| Setting { value, variable, origin })
        })
    }
}

/// The variables of our own, by which an Ansible inventory can say what Ansible has no name for.
pub(super) const OWN: &[&str] = &[
    "refpoint_address",
    "refpoint_port",
    "refpoint_scheme",
    "refpoint_path",
    "refpoint_user",
    "refpoint_auth",
    "refpoint_keytab",
    "refpoint_spn_service",
    "refpoint_spn_host",
    "refpoint_realm",
    "refpoint_delegate",
    "refpoint_bind_channel",
    "refpoint_cert",
    "refpoint_key",
    "refpoint_key_passphrase_file",
    "refpoint_proxy",
    "refpoint_message_encryption",
    "refpoint_operation_timeout",
    "refpoint_read_timeout",
    "refpoint_connect_timeout",
    "refpoint_namespace",
    "refpoint_password",
    "refpoint_password_file",
    "refpoint_password_command",
    "refpoint_ca",
    "refpoint_pin",
    "refpoint_insecure",
    "refpoint_trust_on_first_use",
];

fn default<T>(value: T) -> Setting<T> {
    Setting { value, variable: String::new(), origin: Origin::DEFAULT }
}

/// The rule of Ansible: 5986 is https and 5985 is http, and what is said goes before it. Without a word on either,
/// Ansible means https, and our own inventories http, sealed.
fn endpoint(
    protocol: Option<Setting<Protocol>>,
    port: Option<Setting<u16>>,
    dialect: Dialect,
) -> (Setting<Protocol>, Setting<u16>) {
    let implied = match (&port, dialect) {
        (Some(port), Dialect::Ansible) if port.value != 5985 => Protocol::Https,
        (Some(port), Dialect::Own) if port.value == 5986 => Protocol::Https,
        (None, Dialect::Ansible) => Protocol::Https,
        _ => Protocol::Http,
    };
    let by_port = || match &port {
        // Who said the port has said the protocol as well.
        Some(port) => {
            Setting { value: implied, variable: port.variable.clone(), origin: port.origin.clone() }
        }
        None => default(implied),
    };
    let protocol = protocol.unwrap_or_else(by_port);
    let port = port.unwrap_or_else(|| default(protocol.value.default_port()));
    (protocol, port)
}

type Read<T> = Result<T, Reason>;

fn text(value: &Value) -> Read<String> {
    match value {
        Value::Template(_) => Err(Reason::Template),
        Value::Vault => Err(Reason::Vault),
        other => match other.to_text() {
            Some(text) if text.trim().is_empty() => Err(Reason::Malformed("it is empty".to_owned())),
            Some(text) => Ok(text),
            None => Err(Reason::Malformed("it is no text".to_owned())),
        },
    }
}

fn user(value: &Value) -> Read<String> {
    let text = text(value)?;
    match text.chars().any(char::is_control) {
        true => Err(Reason::Malformed(
            "it holds a control character: within double quotes Ansible takes a backslash and a letter for one; \
             write it twice"
                .to_owned(),
        )),
        false => Ok(text),
    }
}

fn file(value: &Value) -> Read<PathBuf> {
    text(value).map(PathBuf::from)
}

fn path(value: &Value) -> Read<String> {
    text(value).map(|path| format!("/{}", path.trim_start_matches('/')))
}

fn port(value: &Value) -> Read<u16> {
    let text = text(value)?;
    let number = text.trim().parse().ok().filter(|port| *port != 0);
    number.ok_or_else(|| Reason::Malformed(format!("{text:?} is no port")))
}

fn scheme(value: &Value) -> Read<Protocol> {
    let text = text(value)?;
    text.parse().map_err(|_| Reason::Malformed(format!("{text:?} is neither http nor https")))
}

fn pin(value: &Value) -> Read<TrustChoice> {
    let fingerprint =
        text(value)?.parse().map_err(|_| Reason::Malformed("it is no sha256:HEX".to_owned()))?;
    Ok(TrustChoice::Pin(fingerprint))
}

fn switch(value: &Value) -> Read<bool> {
    let text = text(value)?;
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Ok(true),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Ok(false),
        _ => Err(Reason::Malformed(format!("{text:?} is neither yes nor no"))),
    }
}

fn encryption(value: &Value) -> Read<String> {
    let text = text(value)?;
    match ["auto", "always", "never"].contains(&text.as_str()) {
        true => Ok(text),
        false => Err(Reason::Malformed(format!("{text:?} is none of auto, always and never"))),
    }
}

/// A number of seconds, or a text with units.
fn time(value: &Value) -> Read<Duration> {
    let text = text(value)?;
    let wrong = || Reason::Malformed(format!("{text:?} is no time: write 90 or 90s"));
    if let Ok(seconds) = text.trim().parse::<f64>() {
        let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
        return time.ok_or_else(wrong);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    milliseconds.filter(|time| *time > 0).map(Duration::from_millis).ok_or_else(wrong)
}

/// A mechanism, or several in the order in which Ansible would try them.
fn method(value: &Value) -> Read<Method> {
    let words = match value {
        Value::List(items) => items.iter().map(text).collect::<Read<Vec<_>>>()?,
        value => text(value)?.split(',').map(|word| word.trim().to_owned()).collect(),
    };
    let mut methods = Vec::new();
    let mut unsupported = None;
    for word in words {
        methods.push(match word.to_ascii_lowercase().as_str() {
            "negotiate" => Method::Negotiate,
            "kerberos" => Method::Kerberos,
            "ntlm" => Method::Ntlm,
            "certificate" => Method::Certificate,
            // In pywinrm's words: Basic over https, and Basic in clear.
            "basic" | "ssl" | "plaintext" => Method::Basic,
            "credssp" => {
                unsupported = Some("credssp is not spoken here: use kerberos or ntlm".to_owned());
                continue;
            }
            _ => return Err(Reason::Malformed(format!("{word:?} is no way to log in"))),
        });
    }
    match (methods.contains(&Method::Kerberos), methods.contains(&Method::Ntlm), methods.first()) {
        (true, true, _) => Ok(Method::Negotiate),
        (.., Some(first)) => Ok(*first),
        (.., None) => {
            Err(Reason::Malformed(unsupported.unwrap_or_else(|| "it names no way to log in".to_owned())))
        }
    }
}
