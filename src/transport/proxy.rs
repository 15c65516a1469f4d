use std::fmt;
use std::io;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::answer::harmless;
use super::endpoint::{read_host, split_port};
use super::{Endpoint, EndpointError, Protocol, Tried};
use crate::auth::Secret;

/// A proxy that makes the connection for us and then carries bytes.
///
/// Also for http endpoints it is asked for a tunnel (CONNECT): a login belongs to one connection, and a proxy
/// that passes requests on one by one makes its own.
#[derive(Clone)]
pub struct Proxy {
    protocol: ProxyProtocol,
    host: String,
    port: u16,
    login: Option<(String, Secret<String>)>,
    bypass: Bypass,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyProtocol {
    /// HTTP CONNECT, [RFC 9110] section 9.3.6.
    Http,
    /// SOCKS5, [RFC 1928]. The proxy resolves the name of the host.
    Socks5,
}

impl Proxy {
    /// Reads `http://[user[:password]@]host[:port]`, or the same with `socks5://` or `socks5h://`.
    ///
    /// Reserved characters of user and password stand as `%` and two digits.
    pub fn parse(url: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyProtocol::Http, 8080),
            "socks5" | "socks5h" | "socks" => (ProxyProtocol::Socks5, 1080),
            _ => return Err(ProxyUrlError::Protocol),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(read_login(login)?), address),
            None => (None, authority),
        };
        if protocol == ProxyProtocol::Socks5
            && login.as_ref().is_some_and(|(user, password)| {
                user.is_empty() || user.len() > 255 || password.expose().len() > 255
            })
        {
            return Err(ProxyUrlError::Login);
        }
        let (host, port) = split_port(address)?;
        let (host, port) = (read_host(host)?, port.unwrap_or(default_port));
        Ok(Self { protocol, host, port, login, bypass: Bypass::default() })
    }

    /// Reads the variables that programs read: `https_proxy` or `http_proxy`, then `all_proxy`, and
    /// `no_proxy`; each in capitals too, but for `http_proxy`, which a web server's client could set.
    ///
    /// The variables are the caller's: nothing here looks at the environment. `None` where the endpoint is
    /// to be reached directly.
    pub fn from_variables(
        endpoint: &Endpoint,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyUrlError> {
        let names: &[&str] = match endpoint.protocol() {
            Protocol::Http => &["http_proxy", "all_proxy", "ALL_PROXY"],
            Protocol::Https => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        };
        let filled = |name: &&str| variable(name).filter(|value| !value.trim().is_empty());
        let Some(url) = names.iter().find_map(filled) else { return Ok(None) };
        let bypass = ["no_proxy", "NO_PROXY"].iter().find_map(filled).unwrap_or_default();
        let proxy = Self::parse(&url)?.except(&bypass);
        Ok(proxy.covers(endpoint).then_some(proxy))
    }

    /// Returns the same, for all but these: names with their subdomains (a leading dot or `*.` changes
    /// nothing), addresses, `name:port`, or `*`; separated by commas or spaces.
    pub fn except(mut self, list: &str) -> Self {
        self.bypass = Bypass::parse(list);
        self
    }

    /// Says whether this endpoint is to be reached through it.
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        !self.bypass.matches(endpoint)
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Asks it for a connection to the endpoint. Afterwards the stream is the host's.
    pub(super) async fn tunnel<S>(
        &self,
        stream: &mut S,
        endpoint: &Endpoint,
        user_agent: &str,
    ) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.protocol {
            ProxyProtocol::Http => self.connect(stream, endpoint, user_agent).await,
            ProxyProtocol::Socks5 => self.socks5(stream, endpoint).await,
        }
    }

    async fn connect<S>(
        &self,
        stream: &mut S,
        endpoint: &Endpoint,
        user_agent: &str,
    ) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let authority = endpoint.authority();
        let mut request = Zeroizing::new(format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {user_agent}\r\n"
        ));
        if let Some((user, password)) = &self.login {
            let login = Zeroizing::new(format!("{user}:{}", password.expose()));
            let login = Zeroizing::new(STANDARD.encode(login.as_bytes()));
            request.reserve_exact(login.len() + 40);
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&login);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(closed)?;
        let head = read_head(stream).await?;
        let status = status(&head).ok_or(ProxyError::NotAProxy)?;
        match status {
            200..=299 => Ok(()),
            407 => Err(ProxyError::LoginRefused { offered: offered(&head), given: self.login.is_some() }),
            _ => Err(ProxyError::Refused { status, reason: reason(&head) }),
        }
    }

    async fn socks5<S>(&self, stream: &mut S, endpoint: &Endpoint) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let methods: &[u8] = if self.login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        stream.write_all(methods).await.map_err(closed)?;
        let [version, method] = read(stream).await?;
        if version != 5 {
            return Err(ProxyError::NotAProxy);
        }
        match (method, &self.login) {
            (0, _) => {}
            (2, Some((user, password))) => socks5_login(stream, user, password).await?,
            _ => {
                return Err(ProxyError::LoginRefused { offered: String::new(), given: self.login.is_some() });
            }
        }
        stream.write_all(&socks5_request(endpoint)).await.map_err(closed)?;
        let [version, code, _, kind] = read(stream).await?;
        if version != 5 {
            return Err(ProxyError::NotAProxy);
        }
        if code != 0 {
            return Err(ProxyError::Socks { code });
        }
        // The address the proxy connects from. Nobody needs it, but it stands before the host's bytes.
        let length = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(read::<_, 1>(stream).await?[0]),
            _ => return Err(ProxyError::NotAProxy),
        };
        let mut rest = vec![0; length + 2];
        stream.read_exact(&mut rest).await.map_err(closed)?;
        Ok(())
    }
}

impl fmt::Display for Proxy {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protocol {
            ProxyProtocol::Http => "http",
            ProxyProtocol::Socks5 => "socks5",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = self.login.as_ref().map(|_| "***");
        f.debug_struct("Proxy").field("url", &self.to_string()).field("login", &login).finish_non_exhaustive()
    }
}

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
    #[error("refused the connection: {status} {reason}")]
    Refused {
        /// Its status.
        status: u16,
        /// Its words.
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

/// Who is reached without the proxy.
#[derive(Clone, Debug, Default)]
struct Bypass {
    entries: Vec<(String, Option<u16>)>,
}

impl Bypass {
    fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self { entries: entries.map(Self::entry).collect() }
    }

    fn entry(text: &str) -> (String, Option<u16>) {
        let (host, port) = split_port(text).unwrap_or((text, None));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_prefix("*.").unwrap_or(host);
        (host.trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase(), port)
    }

    fn matches(&self, endpoint: &Endpoint) -> bool {
        let host = endpoint.host().trim_end_matches('.').to_ascii_lowercase();
        self.entries.iter().any(|(name, port)| {
            port.is_none_or(|port| port == endpoint.port()) && (name == "*" || covers(name, &host))
        })
    }
}

/// Says whether the host is that one, or below it. An address has nothing below it.
fn covers(name: &str, host: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    if let (Ok(name), Ok(host)) = (name.parse::<IpAddr>(), host.parse::<IpAddr>()) {
        return name == host;
    }
    let below = host.strip_suffix(name).is_some_and(|front| front.ends_with('.'));
    host == name || (below && host.parse::<IpAddr>().is_err())
}

fn read_login(text: &str) -> Result<(String, Secret<String>), ProxyUrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = (decoded(user)?, Secret::new(decoded(password)?));
    // A colon ends the user on the wire, [RFC 7617] section 2.
    if user.contains(':') { Err(ProxyUrlError::Login) } else { Ok((user, password)) }
}

/// Reads `%41` as `A`.
fn decoded(text: &str) -> Result<String, ProxyUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(ProxyUrlError::Login) };
        bytes.push((high << 4 | low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| ProxyUrlError::Login)
}

async fn socks5_login<S>(stream: &mut S, user: &str, password: &Secret<String>) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let password = password.expose().as_bytes();
    // INVARIANT: both lengths were checked when the proxy was parsed.
    let lengths = (user.len() as u8, password.len() as u8);
    let request = Zeroizing::new([&[1, lengths.0], user.as_bytes(), &[lengths.1], password].concat());
    stream.write_all(&request).await.map_err(closed)?;
    match read(stream).await? {
        [1, 0] => Ok(()),
        _ => Err(ProxyError::LoginRefused { offered: String::new(), given: true }),
    }
}

fn socks5_request(endpoint: &Endpoint) -> Vec<u8> {
    let mut request = vec![5, 1, 0];
    match endpoint.address() {
        Some(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        // A host is never longer than 253 bytes.
        None => {
            request.extend_from_slice(&[3, endpoint.host().len() as u8]);
            request.extend_from_slice(endpoint.host().as_bytes());
        }
    }
    request.extend_from_slice(&endpoint.port().to_be_bytes());
    request
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(closed)?;
    Ok(bytes)
}

/// Reads up to the empty line and not a byte further: what follows is the host's.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<String, ProxyError> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(ProxyError::TooLong);
        }
        let [byte] = read(stream).await?;
        head.push(byte);
        if head.len() == 5 && head != b"HTTP/" {
            return Err(ProxyError::NotAProxy);
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// `HTTP/1.1 200 Connection established`
fn status(head: &str) -> Option<u16> {
    let line = head.lines().next()?;
    let code = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    (code.len() == 3).then(|| code.parse().ok())?
}

fn reason(head: &str) -> String {
    let line = head.lines().next().unwrap_or_default();
    harmless(line.splitn(3, ' ').nth(2).unwrap_or_default(), 80)
}

/// Returns the names of the schemes it offers.
fn offered(head: &str) -> String {
    let values = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Proxy-Authenticate").then(|| value.split_whitespace().next())?
    });
    harmless(&values.collect::<Vec<_>>().join(", "), 80)
}

fn closed(error: io::Error) -> ProxyError {
    ProxyError::Closed(error)
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
const MAX_HEAD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn a_proxy_is_read_and_printed_without_its_password() {
        let proxy = Proxy::parse("http://mia:p%40ss%3A@proxy.lab.test:3128/").unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.lab.test:3128");
        let (user, password) = proxy.login.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose().as_str()), ("mia", "p@ss:"));
        assert!(!format!("{proxy:?}").contains("p@ss") && !format!("{proxy:?}").contains("mia"));
        for (url, shown) in [
            ("proxy", "http://proxy:8080"),
            ("socks5://[::1]", "socks5://[::1]:1080"),
            ("SOCKS5h://10.0.0.1:9", "socks5://10.0.0.1:9"),
        ] {
            assert_eq!(Proxy::parse(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_repeating_it() {
        for (url, error) in [
            ("https://proxy", ProxyUrlError::Protocol),
            ("http://a%3Ab:c@proxy", ProxyUrlError::Login),
            ("http://a:%zz@proxy", ProxyUrlError::Login),
            ("socks5://:x@proxy", ProxyUrlError::Login),
            ("http://", ProxyUrlError::Address(EndpointError::NoHost)),
        ] {
            assert_eq!(Proxy::parse(url).unwrap_err(), error, "{url}");
        }
    }

    #[test]
    fn exceptions_are_names_with_what_is_below_addresses_and_the_star() {
        let cases = [
            ("lab.test", "http://hv01.lab.test", true),
            (".lab.test", "http://hv01.lab.test", true),
            ("*.lab.test", "http://HV01.Lab.Test.", true),
            ("lab.test", "http://lab.test", true),
            ("lab.test", "http://notlab.test", false),
            ("other, 10.0.0.1", "http://10.0.0.1", true),
            ("0.0.1", "http://10.0.0.1", false),
            ("[::1]", "http://[0:0::1]", true),
            ("::1", "http://[::1]", true),
            ("hv01:5985", "http://hv01", true),
            ("hv01:5986", "http://hv01", false),
            ("*", "https://anything", true),
            ("", "http://hv01", false),
            (".", "http://hv01", false),
        ];
        for (list, host, direct) in cases {
            let proxy = Proxy::parse("http://proxy").unwrap().except(list);
            assert_eq!(proxy.covers(&endpoint(host)), !direct, "{list} {host}");
        }
    }

    #[test]
    fn the_variables_are_those_of_the_protocol() {
        let get = |variables: &[(&str, &str)], host: &str| {
            let found = Proxy::from_variables(&endpoint(host), |name| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            });
            found.unwrap().map(|proxy| proxy.to_string())
        };
        let both = [("http_proxy", "http://one:1"), ("HTTPS_PROXY", "http://two:2")];
        assert_eq!(get(&both, "http://hv01").as_deref(), Some("http://one:1"));
        assert_eq!(get(&both, "https://hv01").as_deref(), Some("http://two:2"));
        assert_eq!(get(&[("HTTP_PROXY", "http://one:1")], "http://hv01"), None);
        let all = [("https_proxy", ""), ("ALL_PROXY", "socks5://three"), ("NO_PROXY", "hv02")];
        assert_eq!(get(&all, "https://hv01").as_deref(), Some("socks5://three:1080"));
        assert_eq!(get(&all, "https://hv02"), None);
    }

    proptest! {
        #[test]
        fn any_url_never_panics(url in "\\PC{0,40}") {
            let _ = Proxy::parse(&url);
        }

        #[test]
        fn any_list_never_panics(list in "[a-z0-9.:*, \\[\\]]{0,40}") {
            let proxy = Proxy::parse("http://proxy").unwrap().except(&list);
            let _ = proxy.covers(&endpoint("http://hv01.lab.test"));
        }

        #[test]
        fn any_answer_never_panics(answer in proptest::collection::vec(any::<u8>(), 0..200), socks: bool) {
            let url = if socks { "socks5://a:b@proxy" } else { "http://a:b@proxy" };
            let proxy = Proxy::parse(url).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut stream = tokio::io::join(&answer[..], tokio::io::sink());
                let _ = proxy.tunnel(&mut stream, &endpoint("hv01"), "x").await;
            });
        }
    }
}
