//! Where to, as whom and how: the arguments of every command that talks to a host.

mod shown;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use refpoint::client::{
    Account, ClientIdentity, Credentials, Endpoint, Fingerprint, Login, Method, Options, Protocol, Proxy,
    Secret, Session, Target, Tls, TlsError, Trust, Unknown, Warning,
};

use refpoint::fleet::inventory::{Password, Scope, Setting, Settings, TrustChoice};

use super::config::{self, Profile};
use super::diagnosis;
use super::dump::Dump;
use super::duration;
use super::error::Error;
use super::known;
use super::place::Place;
use super::secret::{self, PasswordArgs};
use super::ui::Ui;

pub(crate) use shown::default;

/// The target and how to get there.
#[derive(Args, Debug)]
pub(crate) struct ConnectionArgs {
    /// The host: HOST, HOST:PORT, or http[s]://HOST[:PORT][/path]
    ///
    /// What is not said is http on 5985, where messages are encrypted by the login; https is on 5986.
    #[arg(value_name = "TARGET")]
    target: Place,
    #[command(flatten)]
    means: MeansArgs,
}

/// As whom and how, wherever to.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MeansArgs {
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    request: RequestArgs,
    /// What an inventory says beside what arguments can.
    #[arg(skip)]
    beside: Beside,
}

/// What an inventory says of a host beside what arguments can.
#[derive(Clone, Debug, Default)]
struct Beside {
    password: Option<Password>,
    realm: Option<String>,
    bind_channel: Option<bool>,
    proxy: Option<Secret<String>>,
    read_timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    /// The passwords that were asked for by now: nobody types one for each host.
    known: Known,
}

/// Passwords by where they came from.
type Known = Arc<Mutex<HashMap<String, Secret<String>>>>;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Login")]
struct LoginArgs {
    /// Log in as DOMAIN\user, user@REALM or user; without, with the default Kerberos ticket cache
    #[arg(short, long, value_name = "NAME", env = "REFPOINT_USER", hide_env_values = true)]
    user: Option<String>,
    /// Log in this way; negotiate is Kerberos, then NTLM [default: negotiate]
    #[arg(long, value_name = "MECHANISM", env = "REFPOINT_AUTH", hide_env_values = true)]
    auth: Option<Auth>,
    /// Log in with the user's key from a Kerberos keytab
    #[arg(long, value_name = "FILE", conflicts_with = "PasswordArgs")]
    keytab: Option<PathBuf>,
    /// Ask for a ticket for this service class [default: HTTP, then WSMAN, then HOST]
    #[arg(long, value_name = "SERVICE")]
    spn_service: Option<String>,
    /// Ask for a ticket for this host, where it has another name than TARGET
    #[arg(long, value_name = "HOST")]
    spn_host: Option<String>,
    /// Let Basic send the password, and everything else, over http where everybody on the way can read it
    #[arg(long)]
    allow_cleartext: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    Negotiate,
    Kerberos,
    Ntlm,
    Basic,
    Certificate,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "TLS and proxy")]
struct TrustArgs {
    /// Trust the authorities in this PEM file, and no others (without: those of the system, or SSL_CERT_FILE)
    #[arg(long, value_name = "FILE", group = "whom")]
    ca: Option<PathBuf>,
    /// Trust this very certificate and no other
    #[arg(long, value_name = "sha256:HEX", group = "whom")]
    pin: Option<Fingerprint>,
    /// Answer with this client certificate (PEM) when asked for one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Read the passphrase of --key from the first line of a file (or a prompt on a terminal)
    #[arg(long, value_name = "FILE", requires = "key")]
    key_passphrase_file: Option<PathBuf>,
    /// Trust any certificate: anybody on the way could then be the host
    #[arg(long, group = "whom")]
    insecure: bool,
    /// Remember the certificate of a host that is seen for the first time and that no authority vouches for, and trust
    /// it from then on; --ca and --pin count more
    #[arg(long, conflicts_with = "insecure")]
    trust_on_first_use: bool,
    /// Go through a proxy, http:// or socks5://; env takes it from https_proxy, http_proxy, all_proxy, no_proxy, also
    /// with a password
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Requests")]
struct RequestArgs {
    /// Let the host work this long on one request [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    operation_timeout: Option<Duration>,
    /// Give up on the whole command after this long
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    deadline: Option<Duration>,
    /// Look for classes in this namespace [default: root/virtualization/v2]
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Write each request and each response into this folder, secrets removed, for bug reports
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
}

/// Whether a login is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// As the arguments say.
    User,
    /// Nobody: no password is looked for.
    Nobody,
}

impl ConnectionArgs {
    /// Returns the arguments of a command that may do without a host, where it is to ask one.
    pub(crate) fn to(target: Place, means: MeansArgs) -> Self {
        Self { target, means }
    }

    /// Returns the target that the arguments mean. It may ask for a password.
    pub(crate) fn target(&self, who: Who, ui: &mut Ui) -> Result<Target, Error> {
        let endpoint = self.target.endpoint(config::profile())?;
        self.means.target(&endpoint, who, ui)
    }

    /// Returns the host as it was typed, for messages.
    pub(crate) fn host(&self) -> String {
        self.target.endpoint.host().to_owned()
    }

    /// Returns how long everything may take, as it was said.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.means.deadline()
    }

    /// Returns the namespace, with slashes.
    pub(crate) fn namespace(&self) -> String {
        self.means.namespace()
    }

    /// Connects, logs in, and says what the user should know of it.
    pub(crate) async fn open(&self, target: Target, ui: &mut Ui) -> Result<Session, Error> {
        let session = Session::open(Arc::new(target)).await;
        known::tell(ui);
        let session = session.map_err(|error| diagnosis::of_session(error, &self.host()))?;
        let warnings = session.logged_in().map(|login| login.warnings).unwrap_or_default();
        // Clear text was warned of before it was sent.
        let news = warnings.iter().filter(|warning| **warning != Warning::Cleartext);
        news.for_each(|warning| ui.warn(&warning.to_string()));
        Ok(session)
    }
}

impl MeansArgs {
    /// Returns the target at that place. It may ask for a password.
    pub(crate) fn target(&self, endpoint: &Endpoint, who: Who, ui: &mut Ui) -> Result<Target, Error> {
        self.under(config::profile(), endpoint.protocol()).settled(endpoint, who, ui)
    }

    fn settled(&self, endpoint: &Endpoint, who: Who, ui: &mut Ui) -> Result<Target, Error> {
        self.refuse_what_does_not_fit(endpoint)?;
        let began = Instant::now();
        let until = self.request.deadline.and_then(|length| began.checked_add(length));
        let tls = self.tls(endpoint, until, ui)?;
        let proxy = self.proxy(endpoint)?;
        let credentials = match who {
            Who::User => self.credentials(endpoint, until, ui)?,
            Who::Nobody => Credentials::Tickets { cache: None, principal: None },
        };
        // Before the login, which may keep less than the password: what is dumped must not show it.
        let dump = self.request.dump.as_deref().map(|folder| Dump::new(folder, &credentials)).transpose()?;
        let login = match who {
            Who::User => self.login(endpoint, credentials),
            Who::Nobody => Login::new(credentials),
        };
        let mut options = Options { tls, proxy, ..Options::new(login) };
        if let Some(timeout) = self.beside.connect_timeout {
            options.timeouts.connect = timeout;
        }
        let mut target = Target::new(endpoint.clone(), options);
        target.namespace = self.namespace().into();
        // What it took to get the password is part of the command; what a person takes to type it is not.
        let spent = if self.asks_a_person() { Duration::ZERO } else { began.elapsed() };
        target.deadline = self.request.deadline.map(|length| length.saturating_sub(spent));
        target.tap = dump.map(Dump::into_tap);
        if let Some(timeout) = self.request.operation_timeout {
            target.operation_timeout = timeout;
            target.call_limit = target.call_limit.max(timeout.saturating_mul(2));
        }
        if let Some(timeout) = self.beside.read_timeout {
            // It begins with the request, as the host's own time does, and has to outlast that.
            target.margin = timeout.saturating_sub(target.operation_timeout).max(LEAST_MARGIN);
        }
        Ok(target)
    }

    fn namespace(&self) -> String {
        let of_profile = || config::profile().layers.iter().find_map(|layer| layer.get("namespace"));
        let of_profile = || match of_profile().map(|said| &said.value) {
            Some(config::Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let namespace = self.request.namespace.as_deref().or_else(of_profile);
        namespace.unwrap_or(NAMESPACE).replace('\\', "/").trim_matches('/').to_owned()
    }

    fn refuse_what_does_not_fit(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let TrustArgs { ca, pin, cert, insecure, trust_on_first_use, .. } = &self.trust;
        if endpoint.protocol() == Protocol::Http {
            let given = [
                ("--ca", ca.is_some()),
                ("--pin", pin.is_some()),
                ("--cert", cert.is_some()),
                ("--insecure", *insecure),
                ("--trust-on-first-use", *trust_on_first_use),
            ];
            if let Some((flag, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
                return Err(Error::usage(format!("{flag} is about TLS, and {} has none", endpoint))
                    .hint(format!("write https://{}", endpoint.host())));
            }
        }
        Ok(())
    }

    /// Says whether a person may be asked for something.
    fn asks_a_person(&self) -> bool {
        let is_password = !self.password.is_said() && self.beside.password.is_none();
        is_password || (self.trust.key.is_some() && self.trust.key_passphrase_file.is_none())
    }

    fn auth(&self) -> Auth {
        self.login.auth.unwrap_or(Auth::Negotiate)
    }

    /// Returns the same, with what an inventory says where nothing before it does: arguments come first, then the
    /// environment, then the inventory.
    pub(crate) fn over(&self, settings: &Settings, protocol: Protocol) -> Self {
        let mut means = self.clone();
        // Of the ways to prove who it is the first that is said counts, and none that another way to log in rules out.
        let is_proved =
            self.password.is_said() || self.beside.password.is_some() || self.login.keytab.is_some();
        let takes_keys = !matches!(self.login.auth, Some(Auth::Ntlm | Auth::Basic | Auth::Certificate));
        if !is_proved && !self.is_of_another(settings) {
            if takes_keys {
                fill(&mut means.login.keytab, &settings.keytab);
            }
            fill(&mut means.beside.password, &settings.password);
        }
        let LoginArgs { user, auth, spn_service, spn_host, .. } = &mut means.login;
        fill(user, &settings.user);
        fill(spn_service, &settings.service);
        fill(spn_host, &settings.service_host);
        if auth.is_none() {
            *auth = settings.method.as_ref().map(|method| Auth::of(method.value));
        }
        let TrustArgs { ca, pin, cert, key, key_passphrase_file, insecure, trust_on_first_use, .. } =
            &mut means.trust;
        if ca.is_none() && pin.is_none() && !*insecure && protocol == Protocol::Https {
            match settings.trust.as_ref().map(|trust| &trust.value) {
                Some(TrustChoice::Authorities(file)) => *ca = Some(file.clone()),
                Some(TrustChoice::Pin(fingerprint)) => *pin = Some(*fingerprint),
                // Who asks for more care than that gets it.
                Some(TrustChoice::Anything) => *insecure = !*trust_on_first_use,
                Some(TrustChoice::OnFirstUse) => *trust_on_first_use = true,
                None => {}
            }
        }
        if cert.is_none() && protocol == Protocol::Https {
            fill(cert, &settings.certificate);
            fill(key, &settings.key);
            fill(key_passphrase_file, &settings.key_passphrase_file);
        }
        fill(&mut means.request.operation_timeout, &settings.operation_timeout);
        fill(&mut means.request.namespace, &settings.namespace);
        fill(&mut means.beside.realm, &settings.realm);
        fill(&mut means.beside.read_timeout, &settings.read_timeout);
        fill(&mut means.beside.connect_timeout, &settings.connect_timeout);
        fill(&mut means.beside.bind_channel, &settings.bind_channel);
        if means.trust.proxy.is_none() {
            fill(&mut means.beside.proxy, &settings.proxy);
        }
        means
    }

    /// Says whether the user of a profile is another than the one who logs in: then what proves who that is is of no
    /// use, and would lock this one out.
    fn is_of_another(&self, settings: &Settings) -> bool {
        match (&self.login.user, &settings.user) {
            (Some(user), Some(other)) => {
                matches!(other.origin.scope, Scope::Profile(_)) && !user.eq_ignore_ascii_case(&other.value)
            }
            _ => false,
        }
    }

    /// Returns the same, with what a profile says where nothing else does.
    fn under(&self, profile: &Profile, protocol: Protocol) -> Self {
        let of_layer = |means: Self, layer: &config::Layer| means.over(&layer.settings(protocol), protocol);
        let mut means = profile.layers.iter().fold(self.clone(), of_layer);
        means.request.deadline = means.request.deadline.or_else(|| profile.time("deadline"));
        means
    }

    /// Returns where a host of an inventory is. Where nobody says a word on it, a profile may.
    pub(crate) fn endpoint(settings: &Settings) -> Result<Endpoint, Error> {
        Self::endpoint_under(config::profile(), settings)
    }

    fn endpoint_under(profile: &Profile, settings: &Settings) -> Result<Endpoint, Error> {
        let Settings { protocol, port, .. } = settings;
        let is_open =
            [&protocol.origin.scope, &port.origin.scope].iter().all(|scope| **scope == Scope::Default);
        let mut settings = settings.clone();
        // An inventory of Ansible's means https where it says nothing.
        if is_open && settings.protocol.value == Protocol::Http {
            settings.protocol.value = profile.scheme().unwrap_or(settings.protocol.value);
            settings.port.value = profile.port().unwrap_or(settings.protocol.value.default_port());
        }
        let address = settings.address.value.clone();
        settings
            .endpoint()
            .map_err(|error| Error::usage(format!("{address}: the address makes no sense")).because(error))
    }

    /// Returns the settings of an inventory that are said before it.
    pub(crate) fn said(&self) -> Vec<&'static str> {
        let LoginArgs { user, auth, keytab, spn_service, spn_host, .. } = &self.login;
        let TrustArgs { ca, pin, cert, key, insecure, proxy, .. } = &self.trust;
        let said = [
            ("user", user.is_some()),
            ("password", self.password.is_said()),
            ("method", auth.is_some()),
            ("keytab", keytab.is_some()),
            ("service", spn_service.is_some()),
            ("service_host", spn_host.is_some()),
            ("trust", ca.is_some() || pin.is_some() || *insecure),
            ("certificate", cert.is_some()),
            ("key", key.is_some()),
            ("proxy", proxy.is_some()),
            ("operation_timeout", self.request.operation_timeout.is_some()),
            ("namespace", self.request.namespace.is_some()),
        ];
        said.into_iter().filter(|(_, is_said)| *is_said).map(|(name, _)| name).collect()
    }

    /// Returns how long everything may take.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.request.deadline.or_else(|| config::profile().time("deadline"))
    }

    /// Returns the password of a user, which is read or asked for once however many hosts it is for.
    fn password_of(&self, user: &str, until: Option<Instant>, ui: &mut Ui) -> Result<Secret<String>, Error> {
        let from = match &self.beside.password {
            _ if self.password.is_given() => "arguments".to_owned(),
            _ if self.password.is_said() => "environment".to_owned(),
            Some(Password::Clear(password)) => return Ok(password.clone()),
            Some(Password::File(file)) => format!("file {}", file.display()),
            Some(Password::Command(command)) => format!("command {command}"),
            None => format!("person {user}"),
        };
        let known = self.beside.known.lock().unwrap_or_else(PoisonError::into_inner).get(&from).cloned();
        if let Some(password) = known {
            return Ok(password);
        }
        let password = match &self.beside.password {
            _ if self.password.is_said() => self.password.read(user, until, ui)?,
            Some(Password::File(file)) => secret::of_file(file, "password", until, ui)?,
            Some(Password::Command(command)) => secret::of_command(command, until)?,
            _ => self.password.read(user, until, ui)?,
        };
        let mut known = self.beside.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(from, password.clone());
        Ok(password)
    }

    fn credentials(
        &self,
        endpoint: &Endpoint,
        until: Option<Instant>,
        ui: &mut Ui,
    ) -> Result<Credentials, Error> {
        let LoginArgs { user, keytab, allow_cleartext, .. } = &self.login;
        let auth = &self.auth();
        let user = user.as_deref().filter(|user| !user.is_empty());
        let is_clear = *auth == Auth::Basic && endpoint.protocol() == Protocol::Http;
        if is_clear && !allow_cleartext {
            return Err(Error::usage("basic over http would show the password to everybody on the way")
                .hint(format!("write https://{}, or use --auth negotiate", endpoint.host()))
                .hint("--allow-cleartext sends it all the same"));
        }
        let credentials = match (auth, user, keytab) {
            (Auth::Certificate, ..) => self.certificate_credentials(endpoint)?,
            (Auth::Ntlm | Auth::Basic, _, Some(_)) => {
                return Err(Error::usage("a keytab is for Kerberos").hint("use --auth negotiate or kerberos"));
            }
            (_, Some(user), Some(path)) => {
                Credentials::Keytab { path: path.clone(), principal: principal(user) }
            }
            (_, None, Some(_)) => {
                return Err(Error::usage("a keytab holds keys of several users")
                    .hint("say whose with --user user@REALM"));
            }
            (Auth::Ntlm | Auth::Basic, None, None) => {
                return Err(
                    Error::usage("this way to log in needs a user").hint("use --user, or REFPOINT_USER")
                );
            }
            (_, None, None) if self.password.is_given() || self.beside.password.is_some() => {
                return Err(
                    Error::usage("a password, and nobody whose it is").hint("use --user, or REFPOINT_USER")
                );
            }
            (_, None, None) => Credentials::Tickets { cache: None, principal: None },
            (_, Some(user), None) => {
                let password = self.password_of(user, until, ui)?;
                Credentials::Password {
                    account: user.parse().unwrap_or_else(|never| match never {}),
                    password,
                }
            }
        };
        if is_clear {
            ui.warn("password and data go over the network in clear: everybody on the way can read and change them");
        }
        Ok(credentials)
    }

    fn login(&self, endpoint: &Endpoint, credentials: Credentials) -> Login {
        let LoginArgs { spn_service, spn_host, allow_cleartext, .. } = &self.login;
        let method = Method::from(self.auth());
        let credentials = match credentials {
            Credentials::Password { account, password }
                if self.is_of_the_host(endpoint, &account) && method == Method::Negotiate =>
            {
                Credentials::Password { account, password }.into_ntlm()
            }
            other => other,
        };
        let mut login = Login::new(credentials).with(method);
        login.allow_cleartext = *allow_cleartext;
        login.realm.clone_from(&self.beside.realm);
        login.bind_channel = self.beside.bind_channel.unwrap_or(true);
        login.service.clone_from(spn_service);
        login.service_host.clone_from(spn_host);
        login
    }

    /// Says whether the account is one of the host's own, `HOST\user`: no realm knows it.
    fn is_of_the_host(&self, endpoint: &Endpoint, account: &Account) -> bool {
        let host = endpoint.host();
        let name = if endpoint.address().is_some() { host } else { host.split('.').next().unwrap_or(host) };
        account.domain.eq_ignore_ascii_case(name)
    }

    fn certificate_credentials(&self, endpoint: &Endpoint) -> Result<Credentials, Error> {
        if endpoint.protocol() == Protocol::Http {
            return Err(Error::usage("a certificate logs in over https alone")
                .hint(format!("write https://{}", endpoint.host())));
        }
        match self.trust.cert {
            Some(_) => Ok(Credentials::Certificate),
            None => Err(Error::usage("--auth certificate needs --cert and --key")),
        }
    }

    fn tls(&self, endpoint: &Endpoint, until: Option<Instant>, ui: &mut Ui) -> Result<Tls, Error> {
        let TrustArgs { ca, pin, cert, key, key_passphrase_file, insecure, .. } = &self.trust;
        let trust = match (ca, pin, insecure) {
            (Some(file), ..) => {
                let unusable =
                    |error: TlsError| Error::usage(format!("cannot use {}", file.display())).because(error);
                Trust::authorities(&read(file)?).map_err(unusable)?
            }
            (_, Some(fingerprint), _) => Trust::Pin(*fingerprint),
            (.., true) => Trust::Anything,
            _ if endpoint.protocol() == Protocol::Http => Trust::System,
            _ => self.known()?,
        };
        let tls = Tls::new(trust);
        let (Some(cert), Some(key)) = (cert, key) else { return Ok(tls) };
        let unusable = |error: TlsError| {
            Error::usage(format!("cannot use {} and {}", cert.display(), key.display())).because(error)
        };
        let (certificate, key_text) = (read(cert)?, zeroize::Zeroizing::new(read(key)?));
        let identity = match ClientIdentity::from_pem(&certificate, &key_text, None) {
            Err(TlsError::PassphraseMissing) => {
                let passphrase = match key_passphrase_file {
                    Some(file) => secret::of_file(file, "passphrase", until, ui)?,
                    None => secret::prompt(&format!("Passphrase of {}", key.display()), ui)?,
                };
                ClientIdentity::from_pem(&certificate, &key_text, Some(&passphrase))
            }
            other => other,
        };
        Ok(tls.with_identity(identity.map_err(unusable)?))
    }

    /// Returns what trusts the system's authorities and what is remembered.
    fn known(&self) -> Result<Trust, Error> {
        match (self.trust.trust_on_first_use, known::hosts()) {
            (true, _) => Ok(Trust::Known { hosts: known::hosts_or_else()?, unknown: Unknown::Remember }),
            (false, Some(hosts)) => Ok(Trust::Known { hosts, unknown: Unknown::Refuse }),
            (false, None) => Ok(Trust::System),
        }
    }

    fn proxy(&self, endpoint: &Endpoint) -> Result<Option<Proxy>, Error> {
        let unusable = |error| Error::usage("cannot use the proxy").because(error);
        let beside = self.beside.proxy.as_ref().map(|url| url.expose().as_str());
        match self.trust.proxy.as_deref() {
            None if beside != Some("env") => beside.map(Proxy::parse).transpose().map_err(unusable),
            None | Some("env") => {
                Proxy::from_variables(endpoint, |name| std::env::var(name).ok()).map_err(unusable)
            }
            // Everybody on the machine can read the arguments of a program, and who is let in with none needs none.
            Some(url) if url.contains('@') => {
                Err(Error::usage("a proxy's password does not belong in an argument")
                    .hint("put the address into https_proxy or http_proxy and use --proxy env"))
            }
            Some(url) => Proxy::parse(url).map(Some).map_err(unusable),
        }
    }
}

impl From<Auth> for Method {
    fn from(auth: Auth) -> Self {
        match auth {
            Auth::Negotiate => Self::Negotiate,
            Auth::Kerberos => Self::Kerberos,
            Auth::Ntlm => Self::Ntlm,
            Auth::Basic => Self::Basic,
            Auth::Certificate => Self::Certificate,
        }
    }
}

impl Auth {
    fn of(method: Method) -> Self {
        match method {
            Method::Negotiate => Self::Negotiate,
            Method::Kerberos => Self::Kerberos,
            Method::Ntlm => Self::Ntlm,
            Method::Basic => Self::Basic,
            Method::Certificate => Self::Certificate,
        }
    }
}

fn fill<T: Clone>(said: &mut Option<T>, setting: &Option<Setting<T>>) {
    if said.is_none() {
        *said = setting.as_ref().map(|setting| setting.value.clone());
    }
}

/// Less would cut off answers that are on their way.
const LEAST_MARGIN: Duration = Duration::from_secs(5);

/// Where Hyper-V is.
const NAMESPACE: &str = "root/virtualization/v2";

/// Returns the principal of `DOMAIN\user`, `user@realm` or `user`.
fn principal(user: &str) -> String {
    Account::parse(user).principal()
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(file)
        .map_err(|error| Error::usage(format!("cannot read {}", file.display())).because(error))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        connection: ConnectionArgs,
    }

    #[test]
    fn the_password_of_an_account_of_the_host_is_dropped_for_its_key() {
        for (target, user, is_key) in [
            ("hv01", r"HV01\mia", true),
            ("hv01.lab.test", r"hv01\mia", true),
            ("10.0.0.7", "mia", true),
            ("10.0.0.7", r"10\mia", false),
            ("hv01.lab.test", r"LAB\mia", false),
            ("hv01", "mia@lab.test", false),
        ] {
            let words = Words::parse_from(["refpoint", target, "--user", user]);
            let ConnectionArgs { target, means } = words.connection;
            let login = means.login(&target.endpoint, Credentials::password(user, "x"));
            assert_eq!(matches!(login.credentials, Credentials::Ntlm { .. }), is_key, "{target:?} {user}");
        }
        let words = Words::parse_from(["refpoint", "hv01", "--user", r"hv01\mia", "--auth", "kerberos"]);
        let ConnectionArgs { target, means } = words.connection;
        let login = means.login(&target.endpoint, Credentials::password(r"hv01\mia", "x"));
        assert!(matches!(login.credentials, Credentials::Password { .. }));
    }
}
