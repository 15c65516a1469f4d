use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Answer, Problem, ProxyError, TlsError};
use crate::auth;

/// Why there is no connection, or no reply. No variant carries a secret.
///
/// Whatever it is, [`Error::fate`] says what became of the request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of the host is not known.
    #[error("name {host} not resolved")]
    NotResolved {
        /// The name.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// No address of the host took the connection.
    #[error("{host} unreachable: {}", list(tried))]
    Unreachable {
        /// The host and port.
        host: String,
        /// Each address that was tried, and its answer.
        tried: Vec<Tried>,
    },
    /// The proxy did not make the connection. The host has not been heard.
    #[error("proxy {proxy}")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// What it said.
        #[source]
        source: ProxyError,
    },
    /// TLS could not be set up, or broke.
    #[error("TLS failed")]
    Tls {
        /// Why.
        #[source]
        source: TlsError,
        /// What became of the request.
        fate: Fate,
    },
    /// The host does not offer the scheme that was asked for.
    #[error("host does not offer {} (it offers {})", names(wanted), none_or(offered))]
    NotOffered {
        /// What was asked for.
        wanted: Vec<auth::Scheme>,
        /// What the host offers, in its own words.
        offered: String,
    },
    /// The host refused the login.
    #[error("login refused with {} (host offers {})", names(tried), none_or(offered))]
    LoginRefused {
        /// The schemes that were tried, in order.
        tried: Vec<auth::Scheme>,
        /// What the host offers, in its own words; empty where it said nothing.
        offered: String,
    },
    /// The login failed on our side: no ticket, a server that proved nothing, a token that makes no sense.
    #[error("login failed with {scheme}")]
    LoginFailed {
        /// The scheme.
        scheme: auth::Scheme,
        /// What the host offers, in its own words; empty where it said nothing.
        offered: String,
        /// The mechanism's own error.
        #[source]
        source: auth::Error,
    },
    /// The login would send a password in clear, and nobody allowed it.
    #[error("{0} over http would show the password to everybody on the way")]
    CleartextRefused(auth::Scheme),
    /// The host no longer knows our login (401), or somebody on the way says so. Also what a host says to an
    /// account that may not use WinRM at all.
    #[error("host has forgotten the login, or the account may not use WinRM")]
    LoginExpired {
        /// What the host offers, in its own words.
        offered: String,
        /// What became of the request: a 401 stands outside the login's seal, so that to a sealed request
        /// anybody on the way can say it.
        fate: Fate,
    },
    /// The connection was closed before the request was sent.
    #[error("connection closed before the request was sent")]
    NotSent {
        /// Why, where it is known.
        #[source]
        source: Option<io::Error>,
    },
    /// The connection broke after the request had begun to leave.
    #[error("connection lost before the answer was complete: the fate of the request is unknown")]
    FateUnknown {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("timed out after {after:?} ({phase})")]
    TimedOut {
        /// What was waited for.
        phase: Phase,
        /// For how long.
        after: Duration,
        /// What became of the request.
        fate: Fate,
    },
    /// An HTTP answer that is not a reply.
    #[error("{0}")]
    Answer(Answer),
    /// Bytes that are not an HTTP answer.
    #[error("answer is not HTTP: {reason}")]
    Framing {
        /// The first rule it breaks.
        reason: String,
        /// What became of the request.
        fate: Fate,
    },
    /// An answer longer than the limit.
    #[error("{what} of the answer longer than {limit}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// What became of the request.
        fate: Fate,
    },
    /// The request could not be sealed, or a sealed answer is not what the host sealed.
    #[error("seal does not hold")]
    Seal {
        /// Why.
        #[source]
        source: auth::Error,
        /// What became of the request.
        fate: Fate,
    },
    /// An earlier exchange broke off or went wrong, and its socket is gone.
    #[error("connection is unusable after an earlier exchange broke off or failed")]
    Unusable,
    /// The request cannot be put into HTTP.
    #[error("request cannot be written: {0}")]
    Request(&'static str),
}

impl Error {
    /// Returns what became of the request.
    pub fn fate(&self) -> Fate {
        match self {
            Self::NotResolved { .. }
            | Self::Unreachable { .. }
            | Self::Proxy { .. }
            | Self::NotOffered { .. }
            | Self::LoginRefused { .. }
            | Self::LoginFailed { .. }
            | Self::CleartextRefused(_)
            | Self::NotSent { .. }
            | Self::Unusable
            | Self::Request(_) => Fate::NotSent,
            Self::FateUnknown { .. } => Fate::Unknown,
            Self::Answer(answer) => answer.fate,
            Self::LoginExpired { fate, .. }
            | Self::Tls { fate, .. }
            | Self::TimedOut { fate, .. }
            | Self::Framing { fate, .. }
            | Self::TooLong { fate, .. }
            | Self::Seal { fate, .. } => *fate,
        }
    }

    /// Says that the host has certainly not carried out the request: it did not leave, or the host refused
    /// it unread.
    pub fn was_not_sent(&self) -> bool {
        self.fate() == Fate::NotSent
    }

    /// Says that the same may well succeed later, with nothing changed. Whether a request whose fate is
    /// unknown may be repeated is for those to say who know what it asks for.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotResolved { source, .. } => source.kind() != io::ErrorKind::InvalidInput,
            Self::Unreachable { .. }
            | Self::NotSent { .. }
            | Self::FateUnknown { .. }
            | Self::TimedOut { .. }
            | Self::Unusable => true,
            Self::Proxy { source, .. } => source.is_retryable(),
            Self::Tls { source, .. } => matches!(source, TlsError::Closed),
            Self::Answer(answer) => answer.is_retryable(),
            _ => false,
        }
    }

    /// Says that the login is to blame: the credentials, the mechanism, or the host's settings for them.
    pub fn is_login(&self) -> bool {
        matches!(
            self,
            Self::NotOffered { .. }
                | Self::LoginRefused { .. }
                | Self::LoginFailed { .. }
                | Self::LoginExpired { .. }
                | Self::CleartextRefused(_)
                | Self::Answer(Answer { problem: Problem::LoginWanted { .. }, .. })
        )
    }

    /// Says that TLS is to blame.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// Returns where the host wants us to go instead.
    pub fn location(&self) -> Option<&str> {
        match self {
            Self::Answer(Answer { problem: Problem::Redirect { location }, .. }) => Some(location),
            _ => None,
        }
    }

    /// The same, of a request that carried nothing yet: a leg of the login.
    pub(super) fn before_sending(mut self) -> Self {
        match &mut self {
            Self::Answer(answer) => answer.fate = Fate::NotSent,
            Self::LoginExpired { fate, .. }
            | Self::Tls { fate, .. }
            | Self::TimedOut { fate, .. }
            | Self::Framing { fate, .. }
            | Self::TooLong { fate, .. }
            | Self::Seal { fate, .. } => *fate = Fate::NotSent,
            Self::FateUnknown { .. } => {
                let Self::FateUnknown { source } = self else { return self };
                return Self::NotSent { source: Some(source) };
            }
            _ => {}
        }
        self
    }
}

/// What became of a request that got no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The host has not carried it out: it did not leave, or was refused unread.
    NotSent,
    /// The host may have carried it out.
    Unknown,
}

/// What was waited for when the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The name, the TCP connection, the proxy or the TLS handshake.
    Connect,
    /// The login.
    Login,
    /// The connection to take the request.
    Send,
    /// The first byte of the answer.
    FirstByte,
    /// The next piece of the answer.
    Stall,
    /// The end of the answer.
    Answer,
    /// The exchange as a whole.
    Total,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Login => "logging in",
            Self::Send => "sending",
            Self::FirstByte => "waiting for the first byte",
            Self::Stall => "answer stalled",
            Self::Answer => "answer without end",
            Self::Total => "whole exchange",
        })
    }
}

/// One address that was tried.
#[derive(Debug)]
pub struct Tried {
    /// The address.
    pub address: SocketAddr,
    /// What came of it.
    pub error: io::Error,
}

fn list(tried: &[Tried]) -> String {
    let lines: Vec<_> = tried.iter().map(|Tried { address, error }| format!("{address}: {error}")).collect();
    if lines.is_empty() { "name has no address".to_owned() } else { lines.join("; ") }
}

fn names(schemes: &[auth::Scheme]) -> String {
    let names: Vec<_> = schemes.iter().map(|scheme| scheme.name()).collect();
    names.join(", ")
}

fn none_or(offered: &str) -> &str {
    if offered.is_empty() { "nothing" } else { offered }
}
