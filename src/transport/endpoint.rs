use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Where a WinRM service listens.
///
/// Read from `HOST`, `HOST:PORT` or `http[s]://HOST[:PORT][/path]`, IPv6 addresses in brackets. What is not
/// said is 5985 (http) or 5986 (https), and `/wsman`. A bare `HOST:5986` means https: nobody listens for
/// clear text there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    protocol: Protocol,
    host: String,
    port: u16,
    path: String,
}

/// What carries the bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// A bare TCP connection; bodies are sealed by the login.
    Http,
    /// TLS.
    Https,
}

impl Endpoint {
    /// The endpoint of that host with everything else at its default.
    pub fn new(protocol: Protocol, host: &str) -> Result<Self, EndpointError> {
        let path = DEFAULT_PATH.to_owned();
        Ok(Self { protocol, host: read_host(host)?, port: protocol.default_port(), path })
    }

    /// Returns the same on another port.
    pub fn on_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Returns the protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns the host as it was typed, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path, `/wsman` unless told otherwise.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns `host:port` as it stands in URLs and in `Host`: an IPv6 address in brackets, its zone left
    /// out, since the zone means nothing to the other side ([RFC 6874] section 4).
    pub fn authority(&self) -> String {
        match self.host.split_once('%').map_or(self.host.as_str(), |(address, _)| address) {
            address if address.contains(':') => format!("[{address}]:{}", self.port),
            name => format!("{name}:{}", self.port),
        }
    }

    /// Returns the address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl Protocol {
    /// Returns the port of the protocol that WinRM listens on unless told otherwise.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 5985,
            Self::Https => 5986,
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        // Before anything is taken for a host or a port and repeated: it may be part of a password.
        if text.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (protocol, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(Protocol::from_str(scheme)?), rest),
            None => (None, text),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        let protocol = protocol.unwrap_or(match port {
            Some(5986) => Protocol::Https,
            _ => Protocol::Http,
        });
        Ok(Self {
            protocol,
            host: read_host(host)?,
            port: port.unwrap_or(protocol.default_port()),
            path: read_path(path)?,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.protocol, self.authority(), self.path)
    }
}

impl FromStr for Protocol {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        match text.to_ascii_lowercase().as_str() {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(EndpointError::Protocol(text.to_owned())),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

/// Why a text is no endpoint. A part that may hold a password is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// There is no host in it.
    #[error("host missing")]
    NoHost,
    /// It starts with something other than `http://` or `https://`.
    #[error("protocol {0:?} is neither http nor https")]
    Protocol(String),
    /// It carries a user or a password, which belong elsewhere.
    #[error("user and password do not belong in an endpoint")]
    UserInfo,
    /// The host is no name and no address.
    #[error("host {0:?} is neither a name nor an address (an international name goes in its xn-- form)")]
    Host(String),
    /// An IPv6 address without brackets, where its end cannot be told from a port.
    #[error("IPv6 address {0} needs brackets: [{0}]")]
    Brackets(String),
    /// The port is no number from 1 to 65535.
    #[error("port {0:?} is not a number from 1 to 65535")]
    Port(String),
    /// The path holds what no path can.
    #[error("path {0:?} holds a character that does not belong in one")]
    Path(String),
}

const DEFAULT_PATH: &str = "/wsman";

/// The longest name DNS can hold, [RFC 1035] section 2.3.4.
const MAX_HOST: usize = 253;

pub(super) fn split_port(authority: &str) -> Result<(&str, Option<u16>), EndpointError> {
    if authority.contains('@') {
        return Err(EndpointError::UserInfo);
    }
    let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = authority[after_brackets..].find(':').map(|at| at + after_brackets) else {
        return Ok((authority, None));
    };
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(EndpointError::Brackets(authority.to_owned()));
    }
    let (host, port) = (&authority[..colon], &authority[colon + 1..]);
    let number = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    match number {
        Some(number) if number != 0 => Ok((host, Some(number))),
        _ => Err(EndpointError::Port(port.to_owned())),
    }
}

pub(super) fn read_host(text: &str) -> Result<String, EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::NoHost);
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Err(EndpointError::Brackets(text.to_owned()));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or_else(|| EndpointError::Host(text.to_owned()))?;
        let (address, zone) = inner.split_once('%').unwrap_or((inner, "0"));
        let known = address.parse::<Ipv6Addr>().is_ok() && is_name(zone);
        return known.then(|| inner.to_owned()).ok_or_else(|| EndpointError::Host(text.to_owned()));
    }
    let known = text.len() <= MAX_HOST && is_name(text) && !text.starts_with('.');
    known.then(|| text.to_owned()).ok_or_else(|| EndpointError::Host(text.to_owned()))
}

/// Letters, digits, hyphen, dot; and the underscore that Windows computer names may have.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// A path alone or with a query, as Exchange wants one; a fragment means nothing to a server.
fn read_path(text: &str) -> Result<String, EndpointError> {
    match text {
        "" | "/" => Ok(DEFAULT_PATH.to_owned()),
        path if path.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte)) => {
            Ok(path.to_owned())
        }
        path => Err(EndpointError::Path(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, EndpointError> {
        text.parse::<Endpoint>().map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        for (text, url) in [
            ("hv01", "http://hv01:5985/wsman"),
            ("hv01.lab.test:80", "http://hv01.lab.test:80/wsman"),
            ("hv01:5986", "https://hv01:5986/wsman"),
            ("http://hv01", "http://hv01:5985/wsman"),
            ("HTTPS://hv01", "https://hv01:5986/wsman"),
            ("https://hv01/", "https://hv01:5986/wsman"),
            ("https://hv01:443/powershell?v=5.1", "https://hv01:443/powershell?v=5.1"),
            ("10.0.0.7", "http://10.0.0.7:5985/wsman"),
            ("[fe80::1]", "http://[fe80::1]:5985/wsman"),
            ("https://[::1]:15986/wsman", "https://[::1]:15986/wsman"),
            ("  hv01 ", "http://hv01:5985/wsman"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        for (text, error) in [
            ("", EndpointError::NoHost),
            ("http://", EndpointError::NoHost),
            (":5985", EndpointError::NoHost),
            ("ftp://hv01", EndpointError::Protocol("ftp".into())),
            ("https://mia:secret@hv01", EndpointError::UserInfo),
            // A slash or a colon in a password must not make the rest of it a host, a port or a protocol.
            ("https://mia:sec/ret@hv01", EndpointError::UserInfo),
            ("mia:sec://ret@hv01", EndpointError::UserInfo),
            ("mia:secret@hv01:0", EndpointError::UserInfo),
            ("fe80::1", EndpointError::Brackets("fe80::1".into())),
            ("hv 01", EndpointError::Host("hv 01".into())),
            ("hväter", EndpointError::Host("hväter".into())),
            ("[10.0.0.1]", EndpointError::Host("[10.0.0.1]".into())),
            ("hv01:0", EndpointError::Port("0".into())),
            ("hv01:65536", EndpointError::Port("65536".into())),
            ("hv01:+1", EndpointError::Port("+1".into())),
            ("hv01:", EndpointError::Port(String::new())),
            ("http://hv01/a b", EndpointError::Path("/a b".into())),
            ("http://hv01/a\r\nX: y", EndpointError::Path("/a\r\nX: y".into())),
        ] {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_zone_of_an_address_stays_at_home() {
        let endpoint: Endpoint = "http://[fe80::1%eth0]:1".parse().unwrap();
        assert_eq!(endpoint.host(), "fe80::1%eth0");
        assert_eq!(endpoint.authority(), "[fe80::1]:1");
    }

    proptest! {
        #[test]
        fn any_text_never_panics_and_what_is_read_reads_back(text in "\\PC{0,40}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
            }
        }

        #[test]
        fn any_text_of_its_own_alphabet_reads_back(text in "(https?://)?[a-z0-9:\\[\\].]{1,12}(:[0-9]{1,5})?(/[a-z]{0,5})?") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>(), Ok(endpoint));
            }
        }
    }
}
