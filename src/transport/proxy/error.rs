use std::io;

use super::super::{EndpointError, Tried};

/// Why there is no connection through a proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The name of the proxy is not known.
    #[error("name of the proxy not resolved")]
    NotResolved(#[source] io::Error),
    /// No address of the proxy took the connection.
    #[error("unreachable: {}", .0.iter().map(|Tried { address, error }| format!("{address}: {error}")).collect::<Vec<_>>().join("; "))]
    Unreachable(Vec<Tried>),
    /// The proxy wants a login, or another one.
    #[error("{} (proxy offers {offered:?})", if *given { "refused our login" } else { "wants a login" })]
    LoginRefused {
        /// What it offers, in its own words.
        offered: String,
        /// Whether it got one.
        given: bool,
    },
    /// The proxy does not connect us.
    #[error("refused the connection: {}", format!("{status} {reason}").trim_end())]
    Refused {
        /// Its status.
        status: u16,
        /// Its words; empty where it got a password, which they may repeat.
        reason: String,
    },
    /// The SOCKS proxy does not connect us, [RFC 1928] section 6.
    #[error("did not connect: {}", socks_meaning(*code))]
    Socks {
        /// Its code.
        code: u8,
    },
    /// What answers is not such a proxy.
    #[error("does not answer as a proxy of this kind does")]
    NotAProxy,
    /// Its answer is longer than the limit.
    #[error("answer longer than {MAX_HEAD}")]
    TooLong,
    /// It closed the connection.
    #[error("closed the connection")]
    Closed(#[source] io::Error),
}

impl ProxyError {
    /// Says that the same may well succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotResolved(_) | Self::Unreachable(_) | Self::Closed(_) => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            // Failed in general, network or host unreachable, refused, expired; not: forbidden by rule.
            Self::Socks { code } => matches!(code, 1 | 3..=6),
            _ => false,
        }
    }
}

/// Why a text is no proxy. The text itself may hold a password and is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It starts with something other than `http://`, `socks5://` or `socks5h://`.
    #[error("proxy is neither http, socks5 nor socks5h")]
    Protocol,
    /// User or password are not written as they should be.
    #[error("user or password of the proxy not readable")]
    Login,
    /// Its host or port is not readable.
    #[error("address of the proxy not readable")]
    Address(#[from] EndpointError),
}

fn socks_meaning(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "kind of address not supported",
        _ => "unknown reason",
    }
}

/// More than any proxy has to say before a tunnel.
pub(super) const MAX_HEAD: usize = 16 << 10;
