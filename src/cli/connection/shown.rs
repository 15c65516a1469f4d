//! What arguments, an inventory or a profile say, so that a person may see it.

use refpoint::client::{Endpoint, Protocol};
use refpoint::fleet::inventory::{Password, Settings};
use serde_json::{Value as Json, json};

use super::{Auth, Beside, LoginArgs, MeansArgs, RequestArgs, TrustArgs, fill};
use crate::cli::config::{self, Layer};

impl MeansArgs {
    /// Returns what one table or one host of an inventory says, whatever is said before it.
    pub(crate) fn of(settings: &Settings, protocol: Protocol) -> Self {
        let mut means = Self::default().over(settings, protocol);
        fill(&mut means.login.keytab, &settings.keytab);
        fill(&mut means.beside.password, &settings.password);
        means
    }

    /// Returns what one table of the file of profiles says.
    pub(crate) fn of_layer(layer: &Layer, protocol: Protocol) -> Self {
        let mut means = Self::of(&layer.settings(protocol), protocol);
        means.request.deadline = layer.get("deadline").and_then(|said| match said.value {
            config::Value::Time(time) => Some(time),
            _ => None,
        });
        means
    }

    /// Returns what counts in the end: these arguments, then the inventory, then the profile.
    pub(crate) fn all(&self, inventory: Option<&Settings>, protocol: Protocol) -> Self {
        let means = inventory.map_or_else(|| self.clone(), |settings| self.over(settings, protocol));
        means.under(config::profile(), protocol)
    }

    /// Returns what is said, by the names of the file of profiles, with what the arguments and the environment say of
    /// the password, where those are meant. Secrets are not shown, nor what may hold one.
    pub(crate) fn shown(&self, of_password: Option<Json>) -> Vec<(&'static str, Json)> {
        let LoginArgs { user, auth, keytab, spn_service, spn_host, allow_cleartext } = &self.login;
        let TrustArgs { ca, pin, cert, key, key_passphrase_file, insecure, trust_on_first_use, proxy } =
            &self.trust;
        let RequestArgs { operation_timeout, deadline, namespace, dump } = &self.request;
        let Beside { password, realm, bind_channel, proxy: other, read_timeout, connect_timeout, .. } =
            &self.beside;
        let trust = match (ca, pin, insecure) {
            (Some(file), ..) => Some(json!({"ca": file})),
            (_, Some(fingerprint), _) => Some(json!({"pin": fingerprint.to_string()})),
            (.., true) => Some(json!({"insecure": true})),
            _ => None,
        };
        let password = of_password.or_else(|| {
            Some(match password.as_ref()? {
                Password::Clear(_) => json!("(set)"),
                Password::File(file) => json!({"file": file}),
                Password::Command(_) => json!({"command": "(set)"}),
            })
        });
        let proxy = proxy.as_deref().or_else(|| other.as_ref().map(|url| url.expose().as_str()));
        let text = |time: &Option<std::time::Duration>| time.map(|time| json!(format!("{time:?}")));
        let shown = [
            ("user", user.as_ref().map(|user| json!(user))),
            // With a key nobody asks for a password.
            ("password", password.filter(|_| keytab.is_none())),
            ("keytab", keytab.as_ref().map(|file| json!(file))),
            ("auth", auth.map(Auth::name).map(|name| json!(name))),
            ("allow_cleartext", allow_cleartext.then_some(json!(true))),
            ("spn_service", spn_service.as_ref().map(|service| json!(service))),
            ("spn_host", spn_host.as_ref().map(|host| json!(host))),
            ("realm", realm.as_ref().map(|realm| json!(realm))),
            ("bind_channel", bind_channel.map(|is| json!(is))),
            ("trust", trust),
            ("trust_on_first_use", trust_on_first_use.then_some(json!(true))),
            ("cert", cert.as_ref().map(|file| json!(file))),
            ("key", key.as_ref().map(|file| json!(file))),
            ("key_passphrase_file", key_passphrase_file.as_ref().map(|file| json!(file))),
            ("proxy", proxy.map(|url| json!(without_user(url)))),
            ("operation_timeout", text(operation_timeout)),
            ("read_timeout", text(read_timeout)),
            ("connect_timeout", text(connect_timeout)),
            ("deadline", text(deadline)),
            ("namespace", namespace.as_ref().map(|namespace| json!(namespace))),
            ("dump", dump.as_ref().map(|folder| json!(folder))),
        ];
        shown.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Returns where arguments or the environment say that the password is, and which of them.
    pub(crate) fn said_of_password(&self) -> Option<(Json, &'static str)> {
        self.password.said()
    }
}

impl Auth {
    fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "negotiate",
            Self::Kerberos => "kerberos",
            Self::Ntlm => "ntlm",
            Self::Basic => "basic",
            Self::Certificate => "certificate",
        }
    }
}

/// Returns what counts where nobody says anything.
pub(crate) fn default(name: &str, endpoint: Option<&Endpoint>) -> Json {
    match name {
        "auth" => json!("negotiate"),
        "bind_channel" => json!(true),
        "allow_cleartext" | "trust_on_first_use" => json!(false),
        "trust" => match endpoint.map(Endpoint::protocol) {
            Some(Protocol::Http) => Json::Null,
            _ => json!({"system": true}),
        },
        "operation_timeout" => json!("60s"),
        "connect_timeout" => json!("20s"),
        "namespace" => json!(super::NAMESPACE),
        _ => Json::Null,
    }
}

/// Returns a URL without the user and the password in it.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}
