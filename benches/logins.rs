//! How many logins a second one core makes, and what open connections cost.
//!
//! Each login is whole: connection, two legs of NTLM (or SPNEGO), and one sealed exchange, with our own acceptor
//! on the other end in the same process; so a client alone is faster. Memory is that of this process, with
//! the acceptor in another one, beside the floor: as many TCP connections with hyper on them and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails should stop, and says its figures"
)]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/transport/support.rs"]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use criterion::Criterion;
use refpoint::transport::{Connection, Endpoint, Method};
use support::{Peer, ask, connect, options};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == SERVE) {
        return serve();
    }
    if arguments.iter().any(|argument| argument == SEALED) {
        return measure(open);
    }
    if arguments.iter().any(|argument| argument == BARE) {
        return measure(open_bare);
    }
    if cfg!(target_os = "linux") {
        memory();
    }
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    logins(&mut criterion);
    criterion.final_summary();
}

fn logins(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("login and one exchange");
    for (name, method) in [("NTLM", Method::Ntlm), ("SPNEGO-NTLM", Method::Negotiate)] {
        group.bench_function(format!("{name} in memory"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let mut connection = connect(method, Peer::for_method(method)).await.unwrap();
                    ask(&mut connection, "<s/>").await.unwrap()
                })
            });
        });
    }
    let host = Host::start();
    group.bench_function("NTLM over loopback", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut connection = Connection::open(&host.endpoint, options(Method::Ntlm)).await.unwrap();
                ask(&mut connection, "<s/>").await.unwrap()
            })
        });
    });
    group.finish();
}

/// Measures each in a process of its own, since memory that was given back stays with the process.
fn memory() {
    let [ours, floor] = [SEALED, BARE].map(|what| {
        let output = Command::new(std::env::current_exe().unwrap()).arg(what).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    println!("{CONNECTIONS} open connections: sealed {ours} KiB, bare hyper {floor} KiB resident");
}

fn measure<T>(open: impl AsyncFn(Endpoint) -> T) {
    let (host, runtime) = (Host::start(), runtime());
    // Once through, so that what every process needs once is not counted.
    drop(runtime.block_on(open(host.endpoint.clone())));
    let start = resident();
    let all: Vec<_> = (0..CONNECTIONS).map(|_| runtime.block_on(open(host.endpoint.clone()))).collect();
    println!("{}", resident() - start);
    drop(all);
}

async fn open(endpoint: Endpoint) -> Connection {
    let mut connection = Connection::open(&endpoint, options(Method::Ntlm)).await.unwrap();
    ask(&mut connection, "<s/>").await.unwrap();
    assert!(connection.is_sealed());
    connection
}

/// One answered request (401) on hyper alone, driven by a task as its documentation has it.
async fn open_bare(endpoint: Endpoint) -> impl Sized {
    use http_body_util::{BodyExt, Empty};
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await.unwrap();
    let stream = hyper_util::rt::TokioIo::new(stream);
    let (mut requests, driver) =
        hyper::client::conn::http1::handshake::<_, Empty<bytes::Bytes>>(stream).await.unwrap();
    let driver = tokio::spawn(driver);
    let request = hyper::Request::post("/wsman").header("Host", "x").header("Content-Length", 0);
    let answer = requests.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    answer.into_body().collect().await.unwrap();
    (requests, driver)
}

/// KiB of this process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// This program once more, as the host.
struct Host {
    child: Child,
    endpoint: Endpoint,
}

impl Host {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.arg(SERVE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, endpoint: line.trim().parse().unwrap() }
    }
}

impl Drop for Host {
    /// Its input ends, and so does it.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn serve() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            tokio::spawn(Peer::for_method(Method::Ntlm).serve_with_hyper(socket));
        }
    });
}

const SERVE: &str = "--serve-as-host";
const SEALED: &str = "--measure-sealed";
const BARE: &str = "--measure-bare";
const CONNECTIONS: usize = 1000;
