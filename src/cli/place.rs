//! TARGET, as it is typed: what it does not say a profile may.

use std::str::FromStr;

use refpoint::client::{Endpoint, EndpointError, Protocol};

use super::config::Profile;
use super::error::Error;

/// A target, and how much of it was said.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Where it is if nobody says more.
    pub(crate) endpoint: Endpoint,
    pub(crate) has_scheme: bool,
    pub(crate) has_port: bool,
    pub(crate) has_path: bool,
    authority: String,
    path: String,
}

impl FromStr for Place {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let endpoint: Endpoint = text.parse()?;
        let text = text.trim();
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let after_brackets = authority.rfind(']').map_or(0, |end| end + 1);
        Ok(Self {
            endpoint,
            has_scheme: text.contains("://"),
            has_port: authority[after_brackets..].contains(':'),
            has_path: !path.is_empty(),
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl Place {
    /// Returns where it is with what a profile says where it says nothing itself. Who names a scheme means its port,
    /// and who names one of the two ports of WinRM its scheme.
    pub(crate) fn endpoint(&self, profile: &Profile) -> Result<Endpoint, Error> {
        self.endpoint_by(profile.scheme(), profile)
    }

    /// The same where the command says whether http or https is meant, unless the target does.
    pub(crate) fn endpoint_as(&self, scheme: Protocol, profile: &Profile) -> Result<Endpoint, Error> {
        self.endpoint_by(Some(scheme), profile)
    }

    fn endpoint_by(&self, scheme: Option<Protocol>, profile: &Profile) -> Result<Endpoint, Error> {
        let port = profile.port().filter(|_| !self.has_port && !self.has_scheme);
        let path = profile.url_path().filter(|_| !self.has_path);
        let scheme = scheme.filter(|_| self.takes_scheme());
        if port.is_none() && path.is_none() && scheme.is_none() {
            return Ok(self.endpoint.clone());
        }
        let begin = match (scheme, self.has_scheme) {
            (Some(scheme), _) => format!("{scheme}://"),
            (None, true) => format!("{}://", self.endpoint.protocol()),
            (None, false) => String::new(),
        };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let slash = if path.is_some_and(|path| !path.starts_with('/')) { "/" } else { "" };
        let text = format!("{begin}{}{port}{slash}{}", self.authority, path.unwrap_or(&self.path));
        text.parse()
            .map_err(|error| Error::usage(format!("the profile makes {text} of the target")).because(error))
    }

    /// Returns whether it leaves it open whether http or https is meant.
    fn takes_scheme(&self) -> bool {
        let is_port_of_winrm = self.has_port && [5985, 5986].contains(&self.endpoint.port());
        !self.has_scheme && !is_port_of_winrm
    }
}

/// Returns a text as it may be repeated: what stands before the last @ of an address may be a password.
pub(crate) fn without_login(text: &str) -> String {
    let (scheme, rest) = match text.find("://") {
        Some(at) => text.split_at(at + 3),
        None => ("", text),
    };
    match rest.rfind('@') {
        Some(at) => format!("{scheme}…{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::config::Config;

    #[test]
    fn a_login_in_an_address_is_not_repeated() {
        for (text, shown) in [
            ("http://u:se/cr@t@hv01/wsman", "http://…@hv01/wsman"),
            ("u:secret@hv01", "…@hv01"),
            ("https://hv01:5986", "https://hv01:5986"),
            ("", ""),
        ] {
            assert_eq!(without_login(text), shown);
        }
    }

    #[test]
    fn a_profile_says_what_a_target_does_not() {
        for (said, target, meant) in [
            ("", "hv01", "http://hv01:5985/wsman"),
            ("scheme = 'https'", "hv01", "https://hv01:5986/wsman"),
            ("scheme = 'https'", "hv01:15986", "https://hv01:15986/wsman"),
            ("scheme = 'https'", "hv01:5985", "http://hv01:5985/wsman"),
            ("scheme = 'http'", "hv01:5986", "https://hv01:5986/wsman"),
            ("scheme = 'https'", "http://hv01", "http://hv01:5985/wsman"),
            ("scheme = 'https'\nport = 443\npath = 'x'", "hv01", "https://hv01:443/x"),
            ("scheme = 'https'\nport = 443\npath = '/x'", "http://hv01", "http://hv01:5985/x"),
            ("port = 443\npath = '/x'", "[fe80::1%2]:80/y", "http://[fe80::1]:80/y"),
            ("port = 443\nscheme = 'https'", "[fe80::1%2]", "https://[fe80::1]:443/wsman"),
            ("port = 5986", "hv01", "https://hv01:5986/wsman"),
            ("port = 15985", "hv01", "http://hv01:15985/wsman"),
        ] {
            let config = Config::parse(&format!("[defaults]\n{said}\n"), Path::new("c")).unwrap();
            let (profile, _) = config.profile(None).unwrap();
            let place: Place = target.parse().unwrap();
            assert_eq!(place.endpoint(&profile).unwrap().to_string(), meant, "{said} {target}");
        }
    }
}
