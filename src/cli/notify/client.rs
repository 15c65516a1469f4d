//! HTTP as messages want it: straight, verified, without detours.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Proxy, Response, StatusCode, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use refpoint::client::Secret;

use super::address::Address;
use super::courier::Answer;
use crate::cli::error::Error;

/// How to get there.
pub(super) struct Way<'a> {
    /// The only authorities that may have signed certificates.
    pub(super) ca: Option<&'a Path>,
    /// The proxy, or `env`.
    pub(super) proxy: Option<&'a Secret<String>>,
    /// How long one try may take.
    pub(super) timeout: Duration,
}

/// Returns a client that goes this way. It follows no redirects, repeats nothing by itself, keeps no
/// connection, and nothing makes it forgo verification.
pub(super) fn new(address: &Address, way: &Way<'_>) -> Result<Client, Error> {
    let mut client = Client::builder()
        .user_agent(concat!("refpoint/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls(address, way.ca)?)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .timeout(way.timeout);
    client = match way.proxy.map(|proxy| proxy.expose().as_str()) {
        None => client.no_proxy(),
        // That of the environment is what this library uses unless it is told not to.
        Some("env") => client,
        // What its parser says might quote it, and a password with it.
        Some(url) => {
            client.proxy(Proxy::all(url).map_err(|_| Error::usage("the address of the proxy is none"))?)
        }
    };
    client
        .build()
        .map_err(|error| Error::usage(format!("cannot talk to {address}")).because(error.without_url()))
}

fn tls(address: &Address, ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |error: rustls::Error| Error::usage(format!("no TLS for {address}")).because(error);
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let versions = versions.map_err(unusable)?;
    let verified = match ca {
        Some(file) => versions.with_root_certificates(authorities(file)?),
        None if address.is_tls() => versions.with_platform_verifier().map_err(unusable)?,
        // Over http nobody is trusted, and the system need not have authorities.
        None => versions.with_root_certificates(RootCertStore::empty()),
    };
    Ok(verified.with_no_client_auth())
}

fn authorities(file: &Path) -> Result<RootCertStore, Error> {
    let unusable = || Error::usage(format!("cannot use {}", file.display()));
    let text = std::fs::read(file).map_err(|error| unusable().because(error))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| unusable().because(error))?;
        store.add(certificate).map_err(|error| unusable().because(error))?;
    }
    if store.is_empty() { Err(unusable().hint("there is no certificate in it")) } else { Ok(store) }
}

/// Returns what an answer, or the lack of one, means.
pub(super) fn read(answer: reqwest::Result<Response>, now: Timestamp) -> Answer {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return of_error(error.without_url()),
    };
    let status = answer.status();
    if status.is_success() {
        return Answer::Taken;
    }
    let said = format!("it answered {}", status.as_u16());
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Answer::Later { why: said, after: retry_after(answer.headers(), now) }
        }
        _ if status.is_server_error() => {
            Answer::Later { why: said, after: retry_after(answer.headers(), now) }
        }
        _ if status.is_redirection() => Answer::Refused(format!("{said}, and redirects are not followed")),
        _ => Answer::Refused(said),
    }
}

fn of_error(error: reqwest::Error) -> Answer {
    let mut why = if error.is_timeout() {
        "it took too long".to_owned()
    } else {
        let mut cause: &dyn StdError = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    };
    if error.is_builder() {
        return Answer::Refused(why);
    }
    if is_distrust(&error) {
        why.push_str("; the key `ca` says whom to trust");
        return Answer::Refused(why);
    }
    Answer::Later { why, after: None }
}

/// Says whether it is the certificate, which will be the same the next time.
fn is_distrust(error: &(dyn StdError + 'static)) -> bool {
    if let Some(error) = error.downcast_ref() {
        return matches!(error, rustls::Error::InvalidCertificate(_));
    }
    // An error of input and output hides what it was made of from `source`.
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match inside {
        Some(inside) => is_distrust(inside),
        None => error.source().is_some_and(is_distrust),
    }
}

/// Reads `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A date that has passed is now.
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_or_nothing() {
        let now: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("Sat, 21 Nov 2026 02:01:00 GMT", Some(60)),
            ("Sat, 21 Nov 2026 01:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
