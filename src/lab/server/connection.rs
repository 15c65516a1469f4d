use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::super::fault::{Fault, Moment, Occasion};
use super::exchange::{self, Session};
use super::hosts::Hosts;
use super::wire::{Control, Wire};
use crate::auth::ChannelBindings;

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// HTTP in clear.
    Http,
    /// HTTP in TLS.
    Https,
}

/// Lets a host answer on a stream that somebody else made, in memory for example, until it ends.
///
/// ```
/// use refpoint::lab::{Channel, Hosts, Options, Scenario, serve_stream};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let hosts = Hosts::new(Options::new(Scenario::default()))?;
/// let (near, far) = tokio::io::duplex(64 << 10);
/// let host = tokio::spawn(serve_stream(hosts, 0, far, Channel::Http));
/// drop(near);
/// host.await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn serve_stream<S>(hosts: Arc<Hosts>, index: usize, stream: S, channel: Channel)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve(hosts, index, stream, channel, pending()).await;
}

/// The same until `stop` says so: then what is being answered is answered, and the connection ends.
pub(super) async fn serve<S>(
    hosts: Arc<Hosts>,
    index: usize,
    stream: S,
    channel: Channel,
    stop: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let number = hosts.next_connection(index);
    let name = hosts.name(index);
    if !is_let_in(&hosts, index, &name, number) {
        return;
    }
    let control = Arc::new(Control::default());
    cut_requests(&hosts, index, &name, number, &control);
    let session = |bindings: Option<ChannelBindings>| {
        Session::new(hosts.clone(), index, name.clone(), number, bindings, control.clone())
    };
    match channel {
        Channel::Http => speak(session(None), Wire::new(stream, control.clone()), stop).await,
        Channel::Https => {
            let tls = match hosts.tls(index) {
                Ok(tls) => tls,
                Err(error) => return debug!(host = name, %error, "no certificate"),
            };
            let accepting = TlsAcceptor::from(tls.config.clone()).accept(stream);
            match tokio::time::timeout(HANDSHAKE, accepting).await {
                Ok(Ok(stream)) => {
                    let session = session(Some(tls.bindings.clone()));
                    speak(session, Wire::new(stream, control.clone()), stop).await;
                }
                Ok(Err(error)) => debug!(host = name, %error, "TLS handshake failed"),
                Err(_) => debug!(host = name, "TLS handshake took too long"),
            }
        }
    }
}

/// Asks the rules about a connection that has just been made.
fn is_let_in(hosts: &Hosts, index: usize, name: &str, number: u64) -> bool {
    let elapsed = hosts.clock.elapsed();
    let occasion = Occasion { host: index, name, connection: number, elapsed, ..Occasion::default() };
    for fault in hosts.rules.fire(Moment::Connect, &occasion) {
        match fault {
            Fault::RefuseConnect => return false,
            Fault::ClockSkew(seconds) => hosts.set_skew(index, seconds),
            _ => {}
        }
    }
    true
}

/// Has the wire ask the rules at the first byte of each request.
fn cut_requests(hosts: &Arc<Hosts>, index: usize, name: &str, connection: u64, control: &Control) {
    if !hosts.rules.know(Moment::Request) {
        return;
    }
    let (hosts, name, mut request) = (hosts.clone(), name.to_owned(), 0);
    control.at_each_request(move || {
        request += 1;
        let elapsed = hosts.clock.elapsed();
        let occasion =
            Occasion { host: index, name: &name, connection, request, elapsed, ..Occasion::default() };
        hosts.rules.fire(Moment::Request, &occasion).into_iter().find_map(|fault| match fault {
            Fault::CutRequest(after) => Some(after),
            _ => None,
        })
    });
}

async fn speak<S>(session: Session, wire: Wire<S>, stop: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let name = session.name().to_owned();
    let place = Arc::new(Mutex::new(Some(Box::new(session))));
    let service = service_fn(move |request| exchange::answer(place.clone(), request));
    let mut http = http1::Builder::new();
    http.title_case_headers(true).auto_date_header(false).header_read_timeout(None);
    let mut connection = pin!(http.serve_connection(TokioIo::new(wire), service));
    let mut stop = pin!(stop);
    let mut is_stopping = false;
    let ended = poll_fn(|cx| {
        if !is_stopping && stop.as_mut().poll(cx) == Poll::Ready(()) {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        debug!(host = name, %error, "connection ended");
    }
}

/// Long enough for a client in a debugger, short enough to forget those that never speak.
const HANDSHAKE: Duration = Duration::from_secs(120);
