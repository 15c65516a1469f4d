//! SOCKS5, [RFC 1928], with user and password, [RFC 1929].

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::super::Endpoint;
use super::ProxyError;
use super::server::ProxyLogin;
use crate::auth::Secret;

/// Asks for a connection to the endpoint.
pub(super) async fn tunnel<S>(
    stream: &mut S,
    endpoint: &Endpoint,
    login: Option<&ProxyLogin>,
) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = if login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(methods).await.map_err(ProxyError::Closed)?;
    let [version, method] = read(stream).await?;
    if version != 5 {
        return Err(ProxyError::NotAProxy);
    }
    match (method, login) {
        (0, _) => {}
        (2, Some((user, password))) => log_in(stream, user, password).await?,
        _ => {
            return Err(ProxyError::LoginRefused { offered: String::new(), given: login.is_some() });
        }
    }
    stream.write_all(&request(endpoint)).await.map_err(ProxyError::Closed)?;
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
    stream.read_exact(&mut rest).await.map_err(ProxyError::Closed)?;
    Ok(())
}

async fn log_in<S>(stream: &mut S, user: &str, password: &Secret<String>) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let password = password.expose().as_bytes();
    // INVARIANT: both lengths were checked when the proxy was parsed.
    let lengths = (user.len() as u8, password.len() as u8);
    let request = Zeroizing::new([&[1, lengths.0], user.as_bytes(), &[lengths.1], password].concat());
    stream.write_all(&request).await.map_err(ProxyError::Closed)?;
    match read(stream).await? {
        [1, 0] => Ok(()),
        _ => Err(ProxyError::LoginRefused { offered: String::new(), given: true }),
    }
}

fn request(endpoint: &Endpoint) -> Vec<u8> {
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
    stream.read_exact(&mut bytes).await.map_err(ProxyError::Closed)?;
    Ok(bytes)
}
