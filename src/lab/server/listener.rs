use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::connection::{Channel, serve};
use super::hosts::{Hosts, nth};

/// Where hosts listen: the first on this address, each other on the next one, all on the same port. Port 0
/// leaves it to the system to find one that is free for all.
///
/// ```
/// use refpoint::lab::Listen;
///
/// let both = Listen { https: Some("127.1.0.1:5986".parse()?), ..Listen::http("127.1.0.1:5985".parse()?) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For http.
    pub http: Option<SocketAddrV4>,
    /// For https.
    pub https: Option<SocketAddrV4>,
}

impl Listen {
    /// On http alone.
    ///
    /// ```
    /// use refpoint::lab::Listen;
    ///
    /// assert_eq!(Listen::http("127.1.0.1:5985".parse()?).https, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn http(address: SocketAddrV4) -> Self {
        Self { http: Some(address), https: None }
    }
}

/// Hosts that listen on sockets. Dropped, it stops at once; [`shutdown`](Self::shutdown) lets what is being
/// answered be answered first.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
///
/// let hosts = Hosts::new(Options::new(Scenario::default()))?;
/// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
/// println!("{}", server.ready_line());
/// server.shutdown(std::time::Duration::from_secs(2)).await;
/// # Ok(())
/// # }
/// ```
pub struct Server {
    hosts: Arc<Hosts>,
    http: Option<SocketAddrV4>,
    https: Option<SocketAddrV4>,
    stop: watch::Sender<bool>,
    /// Ends when the last task has ended.
    running: mpsc::Receiver<()>,
}

/// Why hosts cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Neither http nor https was asked for, or no host.
    #[error("nothing to listen on")]
    Nothing,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The system lets this process have too few files open.
    #[error(
        "{hosts} hosts need as many open files, and one more for each connection: raise the limit (ulimit -n)"
    )]
    Files {
        /// How many hosts there are to be.
        hosts: usize,
    },
    /// No port is free on all addresses.
    #[error("no port is free on all {hosts} addresses from {first} on")]
    NoPort {
        /// The first address.
        first: SocketAddrV4,
        /// How many there are.
        hosts: usize,
    },
}

impl Server {
    /// Listens; when it returns, all sockets accept. Tasks run on the runtime it is called in.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
    /// assert_ne!(server.http().map(|address| address.port()), Some(0), "the port is the one that was free");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(hosts: Arc<Hosts>, listen: Listen) -> Result<Self, StartError> {
        if (listen.http, listen.https) == (None, None) || hosts.count() == 0 {
            return Err(StartError::Nothing);
        }
        let (stop, stopped) = watch::channel(false);
        let (alive, running) = mpsc::channel(1);
        let task = Task { hosts: hosts.clone(), stopped, alive };
        let http = listen_on(&hosts, listen.http).await?;
        let https = listen_on(&hosts, listen.https).await?;
        let (http_address, https_address) = (http.address(), https.address());
        for (listeners, channel) in [(http, Channel::Http), (https, Channel::Https)] {
            for (index, listener) in listeners.sockets {
                tokio::spawn(task.clone().accept(index, listener, channel));
            }
        }
        Ok(Self { hosts, http: http_address, https: https_address, stop, running })
    }

    /// Returns the hosts.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
    /// assert_eq!(server.hosts().count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn hosts(&self) -> &Arc<Hosts> {
        &self.hosts
    }

    /// Returns where the first host listens for http.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
    /// assert!(server.http().is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn http(&self) -> Option<SocketAddrV4> {
        self.http
    }

    /// Returns where the first host listens for https.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
    /// assert!(server.https().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn https(&self) -> Option<SocketAddrV4> {
        self.https
    }

    /// Returns the line that says where the hosts are and what to log in with; the password is in it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
    /// assert!(server.ready_line().starts_with("ready http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready_line(&self) -> String {
        let url = |scheme: &str, address: SocketAddrV4| format!("{scheme}://{address}");
        let first = match (self.http, self.https) {
            (Some(http), _) => url("http", http),
            (None, Some(https)) => url("https", https),
            (None, None) => String::new(),
        };
        let mut line = format!(
            "ready {first} hosts={} user={} password={}",
            self.hosts.count(),
            self.hosts.user(),
            self.hosts.password().expose()
        );
        if let (Some(_), Some(https)) = (self.http, self.https) {
            line.push_str(&format!(" tls={}", url("https", https)));
        }
        line
    }

    /// Stops listening, lets what is being answered be answered for so long, and returns. What takes longer is
    /// cut off.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use refpoint::lab::{Hosts, Listen, Options, Scenario, Server};
    ///
    /// let hosts = Hosts::new(Options::new(Scenario::default()))?;
    /// let server = Server::start(hosts, Listen::http("127.0.0.1:0".parse()?)).await?;
    /// server.shutdown(std::time::Duration::from_secs(2)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(mut self, patience: Duration) {
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(patience, self.running.recv()).await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hosts, http, https, .. } = self;
        f.debug_struct("Server").field("hosts", hosts).field("http", http).field("https", https).finish()
    }
}

/// What every task of a server holds.
#[derive(Clone)]
struct Task {
    hosts: Arc<Hosts>,
    stopped: watch::Receiver<bool>,
    /// Dropped with the task, so that the server knows when none is left.
    alive: mpsc::Sender<()>,
}

impl Task {
    async fn accept(self, index: usize, listener: TcpListener, channel: Channel) {
        loop {
            let stop = std::pin::pin!(stopped(self.stopped.clone()));
            let accept = std::pin::pin!(listener.accept());
            match first(stop, accept).await {
                First::Left(_) => return,
                First::Right(Ok((stream, _))) => {
                    // An answer is one write; waiting for more to send would cost 40 ms.
                    let _ = stream.set_nodelay(true);
                    let task = self.clone();
                    tokio::spawn(task.serve(index, stream, channel));
                }
                First::Right(Err(error)) => {
                    warn!(host = index, %error, "cannot accept");
                    let _ = tokio::time::timeout(ACCEPT_AGAIN, stopped(self.stopped.clone())).await;
                }
            }
        }
    }

    async fn serve(self, index: usize, stream: tokio::net::TcpStream, channel: Channel) {
        let Self { hosts, stopped: mut dropped, alive } = self;
        let stop = stopped(dropped.clone());
        let serving = std::pin::pin!(serve(hosts, index, stream, channel, stop));
        let gone = std::pin::pin!(async move { while dropped.changed().await.is_ok() {} });
        first(serving, gone).await;
        drop(alive);
    }
}

/// Waits until the server is shut down or dropped.
async fn stopped(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Which of two came first.
enum First<A, B> {
    Left(A),
    Right(B),
}

async fn first<A, B>(
    mut left: std::pin::Pin<&mut impl Future<Output = A>>,
    mut right: std::pin::Pin<&mut impl Future<Output = B>>,
) -> First<A, B> {
    std::future::poll_fn(|cx| {
        use std::task::Poll;
        if let Poll::Ready(left) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(left));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}

/// Sockets of one protocol.
#[derive(Default)]
struct Listeners {
    address: Option<SocketAddrV4>,
    /// Each with the number of its host; those that always refuse have none.
    sockets: Vec<(usize, TcpListener)>,
}

impl Listeners {
    fn address(&self) -> Option<SocketAddrV4> {
        self.address
    }
}

async fn listen_on(hosts: &Hosts, first: Option<SocketAddrV4>) -> Result<Listeners, StartError> {
    let Some(first) = first else { return Ok(Listeners::default()) };
    for _ in 0..ATTEMPTS {
        match bind_all(hosts, first).await {
            Err(StartError::Listen { source, .. })
                if first.port() == 0 && source.kind() == io::ErrorKind::AddrInUse => {}
            done => return done,
        }
    }
    Err(StartError::NoPort { first, hosts: hosts.count() })
}

/// Binds all hosts to the port that the first one gets.
async fn bind_all(hosts: &Hosts, first: SocketAddrV4) -> Result<Listeners, StartError> {
    let (mut port, mut sockets) = (first.port(), Vec::new());
    for index in 0..hosts.count() {
        let address = SocketAddrV4::new(nth(*first.ip(), index), port);
        let failed = |source: io::Error| match source.raw_os_error() {
            Some(TOO_MANY_FILES) => StartError::Files { hosts: hosts.count() },
            _ => StartError::Listen { address: address.into(), source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        port = listener.local_addr().map_err(failed)?.port();
        // A host that always refuses gives its socket back, so that the system refuses in its place.
        if !hosts.refuses_always(index) {
            sockets.push((index, listener));
        }
    }
    Ok(Listeners { address: Some(SocketAddrV4::new(*first.ip(), port)), sockets })
}

/// EMFILE, which has no name in `io::ErrorKind`.
const TOO_MANY_FILES: i32 = 24;

/// How often a port is looked for that is free on all addresses.
const ATTEMPTS: usize = 20;

/// How long to wait when the system has no more files to give.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
