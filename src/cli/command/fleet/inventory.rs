//! `refpoint fleet inventory`: what is understood of an inventory, and where each value comes from.

use std::collections::BTreeSet;

use refpoint::client::Method;
use refpoint::fleet::inventory::{HostEntry, Origin, Password, Reason, Refusal, Scope, Setting, TrustChoice};
use serde_json::{Map, Value as Json, json};

use super::hosts::HostsArgs;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::list::List;
use crate::cli::ui::Ui;

/// Show the hosts of an inventory, what is understood of each, and where each value comes from
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint fleet inventory -i examples/inventory.toml\n  \
                        refpoint fleet inventory -i /etc/ansible/hosts --limit 'hyperv:!hv07' -o json\n  \
                        ansible-inventory --list | refpoint fleet inventory -i -\n\n\
                        docs/inventory.md says what an inventory holds")]
pub(crate) struct Args {
    #[command(flatten)]
    hosts: HostsArgs,
}

/// Runs it.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let inventory = args.hosts.read(ui)?;
    let hosts = args.hosts.limited(&inventory, ui)?;
    let mut list = List::new(&["Host", "Address", "Login", "Groups"]);
    for host in &hosts {
        let (address, login) = (address(host), login(host));
        let groups: Vec<&str> = host.groups.iter().map(|group| &**group).collect();
        list.push(&host.name, [&*host.name, &address, &login, &groups.join(", ")], object(host));
    }
    let format = output.output.unwrap_or(Format::Table);
    let shown = list.show(format, "no host", ui)?;
    ui.flush()?;
    let refused = say_refusals(&hosts, ui);
    Ok(if refused { Exit::Warnings } else { shown })
}

/// Says what cannot be known, each once with the number of its hosts; returns whether there is any.
fn say_refusals(hosts: &[&HostEntry], ui: &mut Ui) -> bool {
    let refusals = hosts.iter().flat_map(|host| &host.refusals);
    let mut texts: Vec<(String, usize)> = Vec::new();
    let mut ways = BTreeSet::new();
    for refusal in refusals {
        let text = refusal.to_string();
        ways.extend(refusal.way_out());
        match texts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => texts.push((text, 1)),
        }
    }
    for (text, count) in &texts {
        let hosts = if *count == 1 { "1 host".to_owned() } else { format!("{count} hosts") };
        ui.warn(&format!("{text}; {hosts} cannot be asked so"));
    }
    ways.iter().for_each(|way| ui.note(&format!("hint: {way}")));
    !texts.is_empty()
}

fn address(host: &HostEntry) -> String {
    match host.settings.endpoint() {
        Ok(endpoint) => endpoint.to_string(),
        Err(error) => format!("({error})"),
    }
}

fn login(host: &HostEntry) -> String {
    let user = host.settings.user.as_ref().map_or("(default tickets)", |user| &user.value);
    match &host.settings.method {
        Some(method) => format!("{user} ({})", name(method.value)),
        None => user.to_owned(),
    }
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Negotiate => "negotiate",
        Method::Kerberos => "kerberos",
        Method::Ntlm => "ntlm",
        Method::Basic => "basic",
        Method::Certificate => "certificate",
    }
}

/// Returns all that is known of a host. Of variables that mean nothing here the names are shown and not the values:
/// nobody knows what they hold.
fn object(host: &HostEntry) -> Json {
    let settings = &host.settings;
    let mut shown = Shown::default();
    shown.always("address", &settings.address, |address| json!(address));
    shown.always("scheme", &settings.protocol, |protocol| json!(protocol.to_string()));
    shown.always("port", &settings.port, |port| json!(port));
    shown.always("path", &settings.path, |path| json!(path));
    shown.push("user", &settings.user, |user| json!(user));
    shown.push("password", &settings.password, |password| match password {
        Password::Clear(_) => json!("(set)"),
        Password::File(file) => json!({"file": file}),
        // A command may well hold a secret.
        Password::Command(_) => json!({"command": "(set)"}),
    });
    shown.push("auth", &settings.method, |method| json!(name(*method)));
    shown.push("keytab", &settings.keytab, |file| json!(file));
    shown.push("spn_service", &settings.service, |service| json!(service));
    shown.push("spn_host", &settings.service_host, |host| json!(host));
    shown.push("realm", &settings.realm, |realm| json!(realm));
    shown.push("delegate", &settings.delegate, |is| json!(is));
    shown.push("bind_channel", &settings.bind_channel, |is| json!(is));
    shown.push("trust", &settings.trust, |trust| match trust {
        TrustChoice::Authorities(file) => json!({"ca": file}),
        TrustChoice::Pin(fingerprint) => json!({"pin": fingerprint.to_string()}),
        TrustChoice::Anything => json!({"insecure": true}),
        TrustChoice::OnFirstUse => json!({"trust_on_first_use": true}),
    });
    shown.push("cert", &settings.certificate, |file| json!(file));
    shown.push("key", &settings.key, |file| json!(file));
    shown.push("key_passphrase_file", &settings.key_passphrase_file, |file| json!(file));
    shown.push("proxy", &settings.proxy, |proxy| json!(without_user(proxy.expose())));
    shown.push("message_encryption", &settings.message_encryption, |word| json!(word));
    shown.push("operation_timeout", &settings.operation_timeout, |time| json!(time.as_secs_f64()));
    shown.push("read_timeout", &settings.read_timeout, |time| json!(time.as_secs_f64()));
    shown.push("connect_timeout", &settings.connect_timeout, |time| json!(time.as_secs_f64()));
    shown.push("namespace", &settings.namespace, |namespace| json!(namespace));
    shown.push("connection", &settings.connection, |connection| json!(connection));
    let ignored = host
        .ignored
        .iter()
        .map(|ignored| with_origin(json!({"variable": ignored.variable}), &ignored.origin));
    json!({
        "name": &*host.name,
        "groups": host.groups.iter().map(|group| &**group).collect::<Vec<_>>(),
        "target": host.settings.endpoint().ok().map(|endpoint| endpoint.to_string()),
        "settings": shown.all,
        "refused": host.refusals.iter().map(refused).collect::<Vec<_>>(),
        "ignored": ignored.collect::<Vec<_>>(),
    })
}

/// The settings of a host, each with where it comes from.
#[derive(Default)]
struct Shown {
    all: Map<String, Json>,
}

impl Shown {
    fn always<T>(&mut self, name: &str, setting: &Setting<T>, show: impl FnOnce(&T) -> Json) {
        let variable = (!setting.variable.is_empty()).then_some(&setting.variable);
        let shown = json!({"value": show(&setting.value), "variable": variable});
        self.all.insert(name.to_owned(), with_origin(shown, &setting.origin));
    }

    fn push<T>(&mut self, name: &str, setting: &Option<Setting<T>>, show: impl FnOnce(&T) -> Json) {
        if let Some(setting) = setting {
            self.always(name, setting, show);
        }
    }
}

fn refused(refusal: &Refusal) -> Json {
    let reason = match &refusal.reason {
        Reason::Template => "jinja",
        Reason::Vault => "vault",
        Reason::VaultFile => "vault-file",
        Reason::Malformed(_) => "malformed",
        _ => "unknown",
    };
    let shown = json!({
        "setting": refusal.setting,
        "variable": refusal.variable,
        "reason": reason,
        "message": refusal.to_string(),
        "hint": refusal.way_out(),
    });
    with_origin(shown, &refusal.origin)
}

fn with_origin(mut shown: Json, origin: &Origin) -> Json {
    let scope = match &origin.scope {
        Scope::Default => "default".to_owned(),
        Scope::Command => "command".to_owned(),
        Scope::Profile(name) => format!("profile {name}"),
        Scope::Group(name) => format!("group {name}"),
        Scope::Host(name) => format!("host {name}"),
    };
    shown["scope"] = json!(scope);
    shown["file"] = json!(origin.file.as_deref());
    shown["line"] = json!(origin.line);
    shown
}

/// Returns a URL without the user and the password in it.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}
