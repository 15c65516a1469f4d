use std::time::{Duration, SystemTime};

use super::{Proxy, Tls};
use crate::auth::Credentials;

/// Who logs in, and how the connection is made. Shared by any number of connections.
///
/// ```
/// use refpoint::client::{Credentials, Login, Options, Tls, Trust};
///
/// let mut options = Options::new(Login::new(Credentials::password(r"CORP\backup", "secret")));
/// let pin = "sha256:3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b".parse()?;
/// options.tls = Tls::new(Trust::Pin(pin));
/// options.timeouts.connect = std::time::Duration::from_secs(5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Who, and with which mechanism.
    pub login: Login,
    /// Whom to trust; used where the endpoint is https.
    pub tls: Tls,
    /// The way there, where it is not a direct one.
    pub proxy: Option<Proxy>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How much to read.
    pub limits: Limits,
    /// What we call ourselves.
    pub user_agent: String,
}

impl Options {
    /// Everything but the login at its safe default.
    ///
    /// ```
    /// use refpoint::client::{Credentials, Login, Options};
    ///
    /// let options = Options::new(Login::new(Credentials::password(r"CORP\backup", "secret")));
    /// assert!(options.proxy.is_none() && !options.login.allow_cleartext);
    /// ```
    pub fn new(login: Login) -> Self {
        Self {
            login,
            tls: Tls::default(),
            proxy: None,
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            user_agent: concat!("refpoint/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// A login to be made.
///
/// ```
/// use refpoint::client::{Credentials, Login, Method};
///
/// // Kerberos and nothing else, with the tickets that `kinit` has got.
/// let mine = Credentials::Tickets { cache: None, principal: None };
/// let login = Login::new(mine).with(Method::Kerberos);
/// assert!(login.bind_channel, "logins over TLS are bound to it");
/// ```
#[derive(Clone, Debug)]
pub struct Login {
    /// Who.
    pub credentials: Credentials,
    /// How.
    pub method: Method,
    /// Allows Basic on http, where password and bodies stand in clear. Nothing else ever leaves unsealed.
    pub allow_cleartext: bool,
    /// Binds the login to the TLS channel. To be left out only where something in between ends TLS.
    pub bind_channel: bool,
    /// The host's name in its service name, where it is not the one that is connected to.
    pub service_host: Option<String>,
    /// The service class. `None`: `HTTP`, and for Kerberos then `WSMAN`, then `HOST`.
    pub service: Option<String>,
    /// The Kerberos realm of the host.
    pub realm: Option<String>,
    /// Whether Kerberos may use RC4 keys for the service's ticket, the session and its seal.
    ///
    /// It does not reach the first step of a login with a password or a keytab, in which the KDC hands out the
    /// ticket for tickets: GSSAPI has no say there, and `permitted_enctypes` of the system's `krb5.conf` decides.
    /// What MIT 1.20 permits where nothing is said there includes RC4.
    pub allow_rc4: bool,
    /// Tells the time to NTLM, where the server does not.
    pub clock: fn() -> SystemTime,
}

impl Login {
    /// A login with everything else at its safe default: Negotiate, or the certificate's own scheme where
    /// the certificate is the proof.
    ///
    /// ```
    /// use refpoint::client::{Credentials, Login, Method};
    ///
    /// let login = Login::new(Credentials::password(r"CORP\backup", "secret"));
    /// assert_eq!(login.method, Method::Negotiate);
    /// assert_eq!(Login::new(Credentials::Certificate).method, Method::Certificate);
    /// ```
    pub fn new(credentials: Credentials) -> Self {
        let method = match credentials {
            Credentials::Certificate => Method::Certificate,
            _ => Method::Negotiate,
        };
        Self {
            credentials,
            method,
            allow_cleartext: false,
            bind_channel: true,
            service_host: None,
            service: None,
            realm: None,
            allow_rc4: false,
            clock: SystemTime::now,
        }
    }

    /// Returns the same with that method. Where NTLM alone can be meant, its key is derived now, once, and the
    /// password dropped: with its own method, and for a local account with Negotiate.
    ///
    /// ```
    /// use refpoint::client::{Credentials, Login, Method};
    ///
    /// let login = Login::new(Credentials::password(r"CORP\backup", "secret")).with(Method::Ntlm);
    /// assert!(matches!(login.credentials, Credentials::Ntlm { .. }), "the password is gone");
    /// ```
    pub fn with(mut self, method: Method) -> Self {
        self.method = method;
        let is_local =
            matches!(&self.credentials, Credentials::Password { account, .. } if account.is_local());
        if method == Method::Ntlm || method == Method::Negotiate && is_local {
            self.credentials = self.credentials.into_ntlm();
        }
        self
    }
}

/// How to log in.
///
/// ```
/// use refpoint::client::Method;
///
/// assert_eq!(Method::default(), Method::Negotiate);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// SPNEGO: Kerberos where a ticket can be had, else NTLM; bare Kerberos where the host offers that
    /// alone. Never Basic.
    #[default]
    Negotiate,
    /// Kerberos and nothing else.
    Kerberos,
    /// NTLMv2 and nothing else.
    Ntlm,
    /// The password itself. On http only with [`Login::allow_cleartext`].
    Basic,
    /// The TLS client certificate.
    Certificate,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a name, a TCP connection, the proxy and the TLS handshake, together.
    pub connect: Duration,
    /// For the whole login, the KDC included.
    pub login: Duration,
    /// From the start of a request to the first byte of its answer. An operation may keep the host busy for
    /// the time it was granted in its SOAP header: this has to be longer.
    pub first_byte: Duration,
    /// Between one piece of an answer and the next.
    pub stall: Duration,
    /// From the first byte of an answer to its last, so that one which drips has an end too. The longest
    /// answer that is read has to get through on a slow line: [`Limits::body`] at 110 KB a second.
    pub answer: Duration,
    /// For one exchange, a login in the middle of it included.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            login: Duration::from_secs(60),
            first_byte: Duration::from_secs(90),
            stall: Duration::from_secs(30),
            answer: Duration::from_secs(600),
            total: None,
        }
    }
}

/// How much of an answer is read before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body, as it stands on the wire.
    pub body: usize,
    /// Bytes of status line and headers. A Kerberos token alone may take 64 KiB.
    pub head: usize,
    /// Header lines.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 << 20, head: 128 << 10, headers: 64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_dropped_where_its_key_is_enough() {
        for (user, method, is_key) in [
            ("mia", Method::Negotiate, true),
            (r".\mia", Method::Negotiate, true),
            (r"LAB\mia", Method::Negotiate, false),
            ("mia@lab.test", Method::Negotiate, false),
            (r"LAB\mia", Method::Ntlm, true),
            ("mia", Method::Kerberos, false),
            ("mia", Method::Basic, false),
        ] {
            let login = Login::new(Credentials::password(user, "x")).with(method);
            assert_eq!(matches!(login.credentials, Credentials::Ntlm { .. }), is_key, "{user} {method:?}");
        }
    }
}
