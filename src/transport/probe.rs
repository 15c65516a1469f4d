//! Single steps on the way to a host, for those who look for where it is blocked. None of them logs in.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hyper::header::DATE;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::answer::offered;
use super::dial::{self, dial};
use super::login::SOAP;
use super::patience::Patience;
use super::sent::Sent;
use super::{Answer, Endpoint, Error, Fate, Options, Phase, TlsLook};
use crate::auth::Scheme;

/// Returns all addresses of a name, in the order in which the system would have them tried.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let found = lookup_host((host, port)).await;
    let found = found.map_err(|source| Error::NotResolved { host: host.to_owned(), source })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Connects to one address, closes the connection again, and returns how long it took to be made.
pub async fn reach(address: SocketAddr, patience: Duration) -> io::Result<Duration> {
    let began = Instant::now();
    match timeout(patience, TcpStream::connect(address)).await {
        Ok(connected) => connected.map(|_| began.elapsed()),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {patience:?}"))),
    }
}

/// Makes a TLS handshake, through the proxy if there is one, and ends it there: nothing is sent to whoever
/// shows a certificate, be it trusted or not.
pub async fn look(endpoint: &Endpoint, options: &Options) -> Result<TlsLook, Error> {
    let patience = Patience::in_total(options.timeouts);
    let looked = async {
        let stream = dial::stream(endpoint, options).await?;
        let looked = options.tls.look(endpoint, stream).await;
        looked.map_err(|source| Error::Tls { source, fate: Fate::NotSent })
    };
    patience.wait(Phase::Connect, Fate::NotSent, looked).await?
}

/// What a service says to somebody who has not logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Welcome {
    /// The schemes it offers that are known here.
    pub schemes: Vec<Scheme>,
    /// All of them in words; empty where it offers none.
    pub offered: String,
    /// How long the answer took.
    pub took: Duration,
    /// What time it was by the service's clock, where it says so: Kerberos allows no more than five minutes between
    /// the two, and asks before there is a login in which the host could be asked for its time.
    pub date: Option<SystemTime>,
}

/// Asks a service how one may log in, with an empty request that says nothing of who asks. Whatever is not a
/// demand for a login is [`Error::Answer`]: then it is not WinRM that listens there.
pub async fn welcome(endpoint: &Endpoint, options: &Options) -> Result<Welcome, Error> {
    let patience = Patience::in_total(options.timeouts);
    let reached = patience.wait(Phase::Connect, Fate::NotSent, dial(endpoint, options)).await??;
    let mut line = reached.line;
    let began = Instant::now();
    let posted = line.post(SOAP, None, Bytes::new(), &patience).await;
    let (head, body) = posted.map_err(Error::before_sending)?;
    if head.status != 401 {
        return Err(Error::Answer(Answer::new(&head, &body, &Sent::default())).before_sending());
    }
    let offers = head.offers().unwrap_or_default();
    let known = [Scheme::Negotiate, Scheme::Kerberos, Scheme::Basic, Scheme::CredSsp, Scheme::Certificate];
    Ok(Welcome {
        schemes: known.into_iter().filter(|scheme| offers.offers(*scheme)).collect(),
        offered: offered(&offers),
        took: began.elapsed(),
        date: date(head.text(DATE)),
    })
}

/// Reads HTTP's `Date` (RFC 9110 5.6.7).
fn date(text: &str) -> Option<SystemTime> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it_and_anything_else_is_none() {
        let read = date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)));
        for odd in ["", "now", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994"] {
            assert_eq!(date(odd), None, "{odd}");
        }
    }
}
