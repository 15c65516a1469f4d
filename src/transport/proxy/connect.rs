//! HTTP CONNECT, [RFC 9110] section 9.3.6.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::super::Endpoint;
use super::super::answer::{self, harmless};
use super::ProxyError;
use super::error::MAX_HEAD;
use super::server::ProxyLogin;
use crate::auth::http::Offers;

/// Asks for a tunnel to the endpoint.
pub(super) async fn tunnel<S>(
    stream: &mut S,
    endpoint: &Endpoint,
    login: Option<&ProxyLogin>,
    user_agent: &str,
) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let authority = endpoint.authority();
    let mut request = Zeroizing::new(format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {user_agent}\r\n"
    ));
    if let Some((user, password)) = login {
        let credentials = Zeroizing::new(format!("{user}:{}", password.expose()));
        let credentials = Zeroizing::new(STANDARD.encode(credentials.as_bytes()));
        request.reserve_exact(credentials.len() + 40);
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&credentials);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(ProxyError::Closed)?;
    let head = read_head(stream).await?;
    let status = status(&head).ok_or(ProxyError::NotAProxy)?;
    match status {
        200..=299 => Ok(()),
        407 => Err(ProxyError::LoginRefused { offered: offered(&head), given: login.is_some() }),
        // It may repeat the password.
        _ if login.is_some() => Err(ProxyError::Refused { status, reason: String::new() }),
        _ => Err(ProxyError::Refused { status, reason: reason(&head) }),
    }
}

/// Reads up to the empty line and not a byte further: what follows is the host's.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<String, ProxyError> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(ProxyError::TooLong);
        }
        let byte = stream.read_u8().await.map_err(ProxyError::Closed)?;
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
        name.eq_ignore_ascii_case("Proxy-Authenticate").then(|| value.trim())
    });
    Offers::parse(values)
        .map_or_else(|_| "something unreadable".to_owned(), |offers| answer::offered(&offers))
}
