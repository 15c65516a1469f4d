use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};

use super::super::endpoint::{read_host, split_port};
use super::super::{Endpoint, Protocol};
use super::bypass::Bypass;
use super::{ProxyError, ProxyUrlError, connect, socks5};
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
    login: Option<ProxyLogin>,
    bypass: Bypass,
}

/// User and password for the proxy itself.
pub(super) type ProxyLogin = (String, Secret<String>);

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
        // What was taken for the host, and would be connected to or repeated, is part of a password.
        if rest[authority.len()..].contains('@') {
            return Err(ProxyUrlError::Login);
        }
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
    /// nothing), addresses, networks (`10.0.0.0/8`), `name:port`, or `*`; separated by commas or spaces. What
    /// cannot be read names nobody.
    pub fn except(mut self, list: &str) -> Self {
        self.bypass = Bypass::parse(list);
        self
    }

    /// Says whether this endpoint is to be reached through it.
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        !self.bypass.matches(endpoint)
    }

    /// Returns its name or address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks it for a connection to the endpoint. Afterwards the stream is the host's.
    pub(in super::super) async fn tunnel<S>(
        &self,
        stream: &mut S,
        endpoint: &Endpoint,
        user_agent: &str,
    ) -> Result<(), ProxyError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self.protocol {
            ProxyProtocol::Http => connect::tunnel(stream, endpoint, self.login.as_ref(), user_agent).await,
            ProxyProtocol::Socks5 => socks5::tunnel(stream, endpoint, self.login.as_ref()).await,
        }
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

fn read_login(text: &str) -> Result<ProxyLogin, ProxyUrlError> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::EndpointError;
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
            ("http://mia:sec/ret@proxy", ProxyUrlError::Login),
            ("http://mia:se@c/ret@proxy", ProxyUrlError::Login),
            ("http://mia:sec?ret@proxy", ProxyUrlError::Login),
            ("http://", ProxyUrlError::Address(EndpointError::NoHost)),
        ] {
            assert_eq!(Proxy::parse(url).unwrap_err(), error, "{url}");
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
