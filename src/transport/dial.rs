use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tracing::debug;

use super::line::{Line, header};
use super::race::race;
use super::tls::Secured;
use super::{
    Endpoint, Error, Fate, Fingerprint, Method, Options, Protocol, Proxy, ProxyError, TlsError, Trust,
    Warning,
};

/// A host that was reached, before the login.
pub(super) struct Reached {
    pub(super) line: Line,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) warnings: Vec<Warning>,
}

/// Connects, through the proxy if there is one.
pub(super) async fn dial(endpoint: &Endpoint, options: &Options) -> Result<Reached, Error> {
    let stream = stream(endpoint, options).await?;
    over(stream, endpoint, options).await
}

/// Connects, through the proxy if there is one, and leaves it at that.
pub(super) async fn stream(endpoint: &Endpoint, options: &Options) -> Result<TcpStream, Error> {
    // A proxy would get it as it is.
    header(&options.user_agent)?;
    let proxy = options.proxy.as_ref().filter(|proxy| proxy.covers(endpoint));
    match proxy {
        Some(proxy) => through(proxy, endpoint, options)
            .await
            .map_err(|source| Error::Proxy { proxy: proxy.to_string(), source }),
        None => direct(endpoint).await,
    }
}

/// Puts TLS, where the endpoint wants it, and HTTP on a stream.
pub(super) async fn over<S>(stream: S, endpoint: &Endpoint, options: &Options) -> Result<Reached, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if endpoint.protocol() == Protocol::Http {
        let line = Line::new(stream, endpoint, options)?;
        return Ok(Reached { line, certificate: None, warnings: Vec::new() });
    }
    let failed = |source| Error::Tls { source, fate: Fate::NotSent };
    let Secured { stream, certificate, asked } =
        options.tls.connect(endpoint, stream).await.map_err(failed)?;
    // rustls can be asked in the first handshake alone, and there it was not.
    if options.login.method == Method::Certificate && !asked {
        return Err(failed(TlsError::ClientCertificateNotAsked));
    }
    let fingerprint = Fingerprint::of(&certificate);
    debug!(host = endpoint.host(), %fingerprint, asked, "TLS established");
    let warnings = match options.tls.trust() {
        Trust::Anything => vec![Warning::UnverifiedCertificate { fingerprint }],
        _ => Vec::new(),
    };
    let line = Line::new(stream, endpoint, options)?;
    Ok(Reached { line, certificate: Some(certificate), warnings })
}

async fn direct(endpoint: &Endpoint) -> Result<TcpStream, Error> {
    let (host, port) = (endpoint.host(), endpoint.port());
    let addresses = lookup_host((host, port)).await;
    let addresses =
        addresses.map_err(|source| Error::NotResolved { host: host.to_owned(), source })?.collect();
    race(addresses, connect_to)
        .await
        .map_err(|tried| Error::Unreachable { host: endpoint.authority(), tried })
}

async fn through(proxy: &Proxy, endpoint: &Endpoint, options: &Options) -> Result<TcpStream, ProxyError> {
    let (host, port) = (proxy.host(), proxy.port());
    let addresses = lookup_host((host, port)).await.map_err(ProxyError::NotResolved)?;
    let mut stream = race(addresses.collect(), connect_to).await.map_err(ProxyError::Unreachable)?;
    proxy.tunnel(&mut stream, endpoint, &options.user_agent).await?;
    debug!(host = endpoint.host(), %proxy, "proxy connected");
    Ok(stream)
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A host that went away during a long operation is noticed by the system's probes at the latest.
    socket.set_keepalive(true)?;
    socket.set_nodelay(true)?;
    socket.connect(address).await
}
