//! Addresses that let their bearer in.

use std::fmt::{self, Debug, Display};
use std::net::IpAddr;

use refpoint::client::Secret;
use reqwest::Url;

use crate::cli::error::Error;

/// An address of which no more is shown than its host.
#[derive(Clone)]
pub(super) struct Address(Url);

impl Address {
    /// Reads an address; what is wrong with it is said without it.
    pub(super) fn parse(text: &Secret<String>, what: &str) -> Result<Self, Error> {
        let unusable = || Error::usage(format!("the address of {what} is none"));
        let url: Url = text.expose().trim().parse().map_err(|error| unusable().because(Bare(error)))?;
        match url.scheme() {
            "https" | "http" => Ok(Self(url)),
            _ => Err(unusable().hint("it begins with https://, or with http:// where nobody listens in")),
        }
    }

    /// Returns it, to be used.
    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }

    /// Returns the same with one more part at the end of its path.
    pub(super) fn with(&self, part: &str) -> Self {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(part);
        }
        Self(url)
    }

    /// Returns whether everybody on the way can read what is sent, the address included.
    pub(super) fn is_clear(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        self.0.scheme() == "http" && !is_here
    }

    /// Returns whether it is TLS's.
    pub(super) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        let is_bare = self.0.path() == "/" && self.0.query().is_none();
        f.write_str(if is_bare { "/" } else { "/…" })
    }
}

impl Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// What is wrong with an address, as its parser says: a fixed sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Bare(<Url as std::str::FromStr>::Err);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, Error> {
        Address::parse(&Secret::new(text.to_owned()), "a webhook")
    }

    #[test]
    fn no_more_is_shown_than_the_host() {
        for (text, shown) in [
            ("https://a.example/hooks/t0ken?key=t0ken#t0ken", "https://a.example/…"),
            ("http://user:t0ken@a.example:8080", "http://a.example:8080/"),
            ("https://a.example/?t0ken", "https://a.example/…"),
            ("https://[::1]:9/t0ken", "https://[::1]:9/…"),
        ] {
            let address = parse(text).unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_is_said_without_it() {
        for text in [
            "t0ken",
            "",
            "https://",
            "ftp://a.example/t0ken",
            "file:///t0ken",
            "https://t0 ken/",
            "https://a:t0ken/",
        ] {
            let error = parse(text).unwrap_err();
            let said = format!("{:?} {error:?}", error.lines());
            assert!(!said.contains("t0") && said.contains("the address of a webhook is none"), "{said}");
        }
    }

    #[test]
    fn a_part_is_added_to_the_path_alone() {
        for (text, with) in [
            ("https://a.example/ping/uuid", "https://a.example/ping/uuid/fail"),
            ("https://a.example/ping/uuid/", "https://a.example/ping/uuid/fail"),
            ("https://a.example", "https://a.example/fail"),
            ("https://a.example/x?y=z", "https://a.example/x/fail?y=z"),
        ] {
            assert_eq!(parse(text).unwrap().with("fail").url().as_str(), with);
        }
    }

    #[test]
    fn only_http_that_leaves_the_machine_is_clear() {
        for (text, is_clear) in [
            ("http://a.example/", true),
            ("http://10.0.0.7/", true),
            ("http://127.0.0.1:9/", false),
            ("http://[::1]/", false),
            ("http://localhost/", false),
            ("https://a.example/", false),
        ] {
            assert_eq!(parse(text).unwrap().is_clear(), is_clear, "{text}");
        }
    }
}
