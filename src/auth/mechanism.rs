use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{Account, ChannelBindings, Error, Result, Secret};

/// A login as token in, token out.
///
/// The same shape serves both ends: an initiator starts with `step(None)`, an acceptor with the first
/// token it received. The caller moves tokens; the mechanism never sees a socket, a header or a clock.
///
/// `step` may block: Kerberos asks the system's GSSAPI, which talks to the KDC over the network and may
/// wait for its time-outs. An async caller runs it where blocking is allowed (`spawn_blocking`); a
/// mechanism is `Send` for that reason. All other mechanisms only compute.
pub trait Mechanism: Send {
    /// Returns the HTTP authentication scheme under which the tokens travel.
    fn scheme(&self) -> Scheme;

    /// Takes the peer's token and says what to do next.
    ///
    /// `None` means there is none: at the start of an initiator, or when the peer reported success
    /// (HTTP 200) without a token. A mechanism that still needs proof from the peer refuses the latter.
    /// After an error the login is over; later calls fail too.
    fn step(&mut self, token: Option<&[u8]>) -> Result<Step>;
}

/// What a [`Mechanism`] wants after a token.
#[derive(Debug)]
pub enum Step {
    /// Send this token and come back with the answer.
    Send(Token),
    /// The mechanism is content.
    Done {
        /// A last token for the peer. When there is one, the login counts only once the peer accepts it.
        token: Option<Token>,
        /// The keys of this login. Present exactly when the login was asked for [`Protection::Seal`],
        /// so a caller that must seal has nothing to send with until this value exists.
        seal: Option<Box<dyn Seal>>,
        /// What was agreed.
        report: Report,
    },
}

/// Message protection that a finished login left behind: one for each connection, in order.
///
/// Sequence numbers and key streams advance with each call. After the first failure every later call
/// answers [`Error::SealPoisoned`]: what follows a broken message cannot be trusted.
pub trait Seal: Send {
    /// Returns the protocol name of the multipart body, [MS-WSMV] 2.2.9.1.
    fn protocol(&self) -> &'static str;

    /// Encrypts the message in place, appending padding if the mechanism needs it, and returns the
    /// security token that goes before it.
    fn seal(&mut self, message: &mut Vec<u8>) -> Result<Vec<u8>>;

    /// Verifies and decrypts the message in place, removing the mechanism's padding.
    ///
    /// On error the message is emptied: unverified clear text never leaves.
    fn unseal(&mut self, token: &[u8], message: &mut Vec<u8>) -> Result<()>;
}

impl fmt::Debug for dyn Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.protocol())
    }
}

/// How the bodies after the login are protected, and so what the mechanism has to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By this login: without signing and sealing at full strength there is no login.
    Seal,
    /// By TLS below; the login only proves who we are, and binds to the channel.
    Tls,
}

/// Where a login goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// The host name as the user typed it: it names the service in NTLM and Kerberos, and is never
    /// looked up backwards.
    pub host: String,
    /// The service class. `None` means `HTTP`; and for Kerberos then `WSMAN`, then `HOST`.
    pub service: Option<String>,
    /// The Kerberos realm of the host, where the KDC cannot be left to find it.
    pub realm: Option<String>,
    /// What protects the bodies.
    pub protection: Protection,
    /// The TLS channel, if there is one.
    pub bindings: Option<ChannelBindings>,
    /// Whether Kerberos may use RC4 keys for the service's ticket, the session and its seal. Only for realms that
    /// have nothing better. With which keys a password gets the ticket for tickets is for the `permitted_enctypes`
    /// of the system's `krb5.conf` to say: GSSAPI has no say there.
    pub allow_rc4: bool,
}

impl Target {
    /// A target with everything else at its safe default.
    pub fn new(host: impl Into<String>, protection: Protection) -> Self {
        Self { host: host.into(), service: None, realm: None, protection, bindings: None, allow_rc4: false }
    }

    /// Returns the service name NTLM carries: `HTTP/host`.
    pub fn service_name(&self) -> String {
        format!("{}/{}", self.service.as_deref().unwrap_or("HTTP"), self.host)
    }
}

/// What an acceptor thinks of channel bindings: the CbtHardeningLevel of the WinRM service.
#[derive(Clone, Debug, Default)]
pub enum Binding {
    /// They are not looked at.
    #[default]
    Ignore,
    /// They must be these if the initiator sends any.
    Relaxed(ChannelBindings),
    /// They must be there, and be these.
    Strict(ChannelBindings),
}

/// What must be new in each login, since this room neither reads a clock nor draws random numbers.
#[derive(Clone, Debug)]
pub struct Fresh {
    pub(super) now: FileTime,
    pub(super) client_challenge: [u8; 8],
    pub(super) session_key: Secret<[u8; 16]>,
}

impl Fresh {
    /// The time, and 24 bytes from a cryptographic source that serve this one login.
    pub fn new(now: FileTime, random: [u8; 24]) -> Self {
        let (mut client_challenge, mut session_key) = ([0; 8], [0; 16]);
        client_challenge.copy_from_slice(&random[..8]);
        session_key.copy_from_slice(&random[8..]);
        Self { now, client_challenge, session_key: Secret::new(session_key) }
    }
}

/// 100-nanosecond intervals since 1601-01-01, [MS-DTYP] 2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileTime(pub u64);

impl FileTime {
    /// Converts from the time since 1970-01-01.
    pub fn from_unix(since_epoch: Duration) -> Self {
        const EPOCH: u64 = 11_644_473_600 * 10_000_000;
        let ticks = u64::try_from(since_epoch.as_nanos() / 100).unwrap_or(u64::MAX - EPOCH);
        Self(EPOCH.saturating_add(ticks))
    }
}

/// HTTP authentication schemes a WinRM service may offer, [MS-WSMV] 2.2.9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// SPNEGO, or raw NTLM under its name ([RFC 4559]).
    Negotiate,
    /// A bare Kerberos token.
    Kerberos,
    /// [RFC 7617].
    Basic,
    /// [MS-CSSP]; recognised in offers.
    CredSsp,
    /// A TLS client certificate.
    Certificate,
}

impl Scheme {
    /// The order in which schemes are tried when nobody chose: `Basic` only where it is asked for.
    pub const PREFERENCE: [Self; 2] = [Self::Negotiate, Self::Kerberos];

    /// Returns the name as it stands in the headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "Negotiate",
            Self::Kerberos => "Kerberos",
            Self::Basic => "Basic",
            Self::CredSsp => "CredSSP",
            Self::Certificate => super::certificate::SCHEME,
        }
    }

    /// Returns the scheme of that name, in whatever case it was written.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Negotiate, Self::Kerberos, Self::Basic, Self::CredSsp, Self::Certificate];
        all.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// Says whether the login belongs to the TCP connection. The other schemes repeat their
    /// `Authorization` header with every request.
    pub fn binds_connection(self) -> bool {
        matches!(self, Self::Negotiate | Self::Kerberos | Self::CredSsp)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One token of a login: opaque, wiped when dropped, and only its length is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<Vec<u8>>);

impl Token {
    /// Wraps the bytes of a token.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the bytes to send.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Token {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

/// What a finished login agreed on; nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The mechanism that did the work.
    pub chosen: Chosen,
    /// Whether it ran inside SPNEGO.
    pub negotiated: bool,
    /// Whether the peer proved itself: Kerberos AP-REP, or knowledge of the NTLM session key through
    /// mechListMIC. Raw NTLM proves it only with the first sealed answer.
    pub mutual: bool,
    /// Whether the login was bound to a TLS channel.
    pub bound: bool,
    /// The account, as the acceptor learnt it; ours, where it was named or tickets are of it.
    pub account: Option<Account>,
    /// The service name that was asked for (initiator) or presented (acceptor).
    pub service: Option<String>,
    /// Why Kerberos was not used, when NTLM stood in for it.
    pub fallback: Option<Box<Error>>,
}

impl Report {
    /// A report of that mechanism and nothing else.
    pub fn new(chosen: Chosen) -> Self {
        Self {
            chosen,
            negotiated: false,
            mutual: false,
            bound: false,
            account: None,
            service: None,
            fallback: None,
        }
    }
}

/// The mechanisms that can do the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chosen {
    /// User name and password in clear.
    Basic,
    /// TLS client certificate.
    Certificate,
    /// NTLMv2.
    Ntlm,
    /// Kerberos 5.
    Kerberos,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic => "Basic",
            Self::Certificate => "certificate",
            Self::Ntlm => "NTLMv2",
            Self::Kerberos => "Kerberos",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_known_in_any_case() {
        assert_eq!(Scheme::from_name("negotiate"), Some(Scheme::Negotiate));
        assert_eq!(Scheme::from_name("CREDSSP"), Some(Scheme::CredSsp));
        assert_eq!(Scheme::from_name("Digest"), None);
    }

    #[test]
    fn a_file_time_counts_from_1601() {
        assert_eq!(FileTime::from_unix(Duration::ZERO), FileTime(116_444_736_000_000_000));
        assert_eq!(FileTime::from_unix(Duration::from_nanos(1_050)), FileTime(116_444_736_000_000_010));
    }

    #[test]
    fn a_token_prints_its_length_only() {
        assert_eq!(format!("{:?}", Token::new(vec![0x41; 5])), "Token(5 bytes)");
    }

    #[test]
    fn mechanisms_and_seals_move_between_threads() {
        fn is_send<T: Send + ?Sized>() {}
        is_send::<dyn Mechanism>();
        is_send::<dyn Seal>();
        is_send::<Step>();
    }
}
