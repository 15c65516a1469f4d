//! How the WinRM service of the simulated hosts is configured: `winrm/config/service`, in a scenario's
//! `[service]`.

use serde::Deserialize;

/// Which logins are offered and what is demanded of them. The defaults are those of Windows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    /// Whether `Negotiate` is offered: SPNEGO, and NTLM bare.
    pub negotiate: bool,
    /// Whether NTLM is among what `Negotiate` takes.
    pub ntlm: bool,
    /// Whether Kerberos is taken, bare and in `Negotiate`; only where there is a keytab.
    pub kerberos: bool,
    /// Whether Basic is offered.
    pub basic: bool,
    /// Whether bodies may come in clear over http, with Basic.
    pub allow_unencrypted: bool,
    /// Whether a login over TLS has to be bound to its channel: CbtHardeningLevel.
    pub channel_bindings: Hardening,
    /// The keys of the services, for Kerberos: a file, or `TYPE:name`.
    pub keytab: Option<String>,
    /// Whether the service identifies itself to those who do not log in.
    pub anonymous_identify: bool,
}

/// What the service thinks of channel bindings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hardening {
    /// They are not looked at.
    None,
    /// They have to be right if there are any.
    #[default]
    Relaxed,
    /// They have to be there and be right.
    Strict,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            negotiate: true,
            ntlm: true,
            kerberos: true,
            basic: false,
            allow_unencrypted: false,
            channel_bindings: Hardening::Relaxed,
            keytab: None,
            anonymous_identify: true,
        }
    }
}

impl Service {
    /// Returns the keytab as GSSAPI takes it, where Kerberos is taken at all.
    pub(super) fn keytab(&self) -> Option<String> {
        let keytab = self.keytab.as_ref().filter(|_| self.kerberos)?;
        let is_typed = keytab.split_once(':').is_some_and(|(kind, _)| kind.len() > 1 && !kind.contains('/'));
        Some(if is_typed { keytab.clone() } else { format!("FILE:{keytab}") })
    }
}
