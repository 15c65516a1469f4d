//! From the settings of a host to the target of a session.

use std::time::Duration;

use super::Error;
use super::files::Files;
use super::settings::{Setting, Settings, TrustChoice};
use super::value::Origin;
use crate::client::{
    Account, ClientIdentity, Credentials, KnownHosts, Method, Options, Protocol, Proxy, Secret, Target, Tls,
    Trust, Unknown,
};

/// What is not written down, or only where it is: the program finds it out, and may have asked a person.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The user's password.
    pub password: Option<Secret<String>>,
    /// The passphrase of the client certificate's key.
    pub key_passphrase: Option<Secret<String>>,
    /// Where certificates are remembered that are trusted on first use.
    pub known_hosts: Option<KnownHosts>,
}

impl Settings {
    /// Returns the target that the settings mean. Certificates and keys are read from their files.
    ///
    /// A user without a password or a keytab logs in with his Kerberos tickets, and nobody at all with those of the
    /// default cache. What is set for TLS means nothing where the host is reached over http.
    pub fn target(&self, secrets: &Secrets, files: &Files) -> Result<Target, Error> {
        let wrong = |error: crate::client::EndpointError| {
            unusable("address", &self.address.origin, error.to_string())
        };
        let endpoint = self.endpoint().map_err(wrong)?;
        let login = self.login(self.credentials(secrets)?);
        let mut options = Options::new(login);
        if endpoint.protocol() == Protocol::Https {
            options.tls = self.tls(secrets, files)?;
        }
        if let Some(proxy) = &self.proxy {
            // The text may hold a password, and is not repeated.
            let parsed = Proxy::parse(proxy.value.expose());
            options.proxy =
                Some(parsed.map_err(|error| unusable("proxy", &proxy.origin, error.to_string()))?);
        }
        if let Some(timeout) = &self.connect_timeout {
            options.timeouts.connect = timeout.value;
        }
        let mut target = Target::new(endpoint, options);
        self.apply(&mut target);
        Ok(target)
    }

    /// Sets what is set of a target beside its endpoint and its options.
    fn apply(&self, target: &mut Target) {
        if let Some(namespace) = &self.namespace {
            target.namespace = namespace.value.as_str().into();
        }
        if let Some(timeout) = &self.operation_timeout {
            target.operation_timeout = timeout.value;
            target.call_limit = target.call_limit.max(timeout.value.saturating_mul(2));
        }
        if let Some(timeout) = &self.read_timeout {
            // It begins with the request, as the host's own time does, and has to outlast that.
            target.margin = timeout.value.saturating_sub(target.operation_timeout).max(LEAST_MARGIN);
        }
    }

    fn credentials(&self, secrets: &Secrets) -> Result<Credentials, Error> {
        let method = self.method.as_ref().map(|method| method.value).unwrap_or_default();
        let wrong = |what: &str| {
            let origin = self.method.as_ref().map_or(&Origin::DEFAULT, |method| &method.origin);
            unusable("auth", origin, what.to_owned())
        };
        if method == Method::Certificate {
            return match (self.protocol.value, &self.certificate, &self.key) {
                (Protocol::Https, Some(_), Some(_)) => Ok(Credentials::Certificate),
                (Protocol::Http, ..) => Err(wrong("a certificate logs in over https alone")),
                _ => Err(wrong("a certificate logs in with cert and key")),
            };
        }
        let needs_password = matches!(method, Method::Ntlm | Method::Basic);
        match (&self.user, &self.keytab, &secrets.password) {
            (_, Some(_), _) if needs_password => Err(wrong("a keytab is for Kerberos")),
            (Some(user), Some(keytab), _) => Ok(Credentials::Keytab {
                path: keytab.value.clone(),
                principal: Account::parse(&user.value).principal(),
            }),
            (None, Some(keytab), _) => Err(unusable(
                "keytab",
                &keytab.origin,
                "it holds keys of several users, and none is set".to_owned(),
            )),
            (Some(user), None, Some(password)) => {
                let account = Account::parse(&user.value);
                let is_local = self.is_of_the_host(&account) && method == Method::Negotiate;
                let credentials = Credentials::Password { account, password: password.clone() };
                Ok(if is_local { credentials.into_ntlm() } else { credentials })
            }
            (Some(_), None, None) if needs_password => Err(wrong("this way to log in needs a password")),
            (None, None, _) if needs_password => Err(wrong("this way to log in needs a user")),
            (Some(user), None, None) => Ok(Credentials::Tickets {
                cache: None,
                principal: Some(Account::parse(&user.value).principal()),
            }),
            (None, None, _) => Ok(Credentials::Tickets { cache: None, principal: None }),
        }
    }

    /// Says whether the account is one of the host's own, `HOST\user`: no realm knows it.
    fn is_of_the_host(&self, account: &Account) -> bool {
        let address = &self.address.value;
        let is_number = address.parse::<std::net::IpAddr>().is_ok();
        let name = if is_number { address } else { address.split('.').next().unwrap_or(address) };
        account.domain.eq_ignore_ascii_case(name)
    }

    fn tls(&self, secrets: &Secrets, files: &Files) -> Result<Tls, Error> {
        let trust = match self.trust.as_ref() {
            None => Trust::System,
            Some(Setting { value: TrustChoice::Pin(fingerprint), .. }) => Trust::Pin(*fingerprint),
            Some(Setting { value: TrustChoice::Anything, .. }) => Trust::Anything,
            Some(Setting { value: TrustChoice::OnFirstUse, origin, .. }) => match &secrets.known_hosts {
                Some(hosts) => Trust::Known { hosts: hosts.clone(), unknown: Unknown::Remember },
                None => {
                    return Err(unusable(
                        "trust_on_first_use",
                        origin,
                        "there is nowhere to remember it".to_owned(),
                    ));
                }
            },
            Some(Setting { value: TrustChoice::Authorities(file), origin, .. }) => {
                let text = files.read(file)?;
                Trust::authorities(&text).map_err(|error| unusable("ca", origin, error.to_string()))?
            }
        };
        let tls = Tls::new(trust);
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else { return Ok(tls) };
        let (chain, secret) = (files.read(&certificate.value)?, files.read(&key.value)?);
        let identity = ClientIdentity::from_pem(&chain, &secret, secrets.key_passphrase.as_ref());
        Ok(tls.with_identity(identity.map_err(|error| unusable("key", &key.origin, error.to_string()))?))
    }
}

fn unusable(setting: &'static str, origin: &Origin, what: String) -> Error {
    Error::Unusable { setting, origin: origin.clone(), what }
}

/// Less would cut off answers that are on their way.
const LEAST_MARGIN: Duration = Duration::from_secs(5);
