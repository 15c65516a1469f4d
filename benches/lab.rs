//! What the simulated host costs: the memory of hosts that nobody talks to, and the time of one exchange.
//!
//! Memory is that of this process before and after; the processor's time is that of the thread that runs the
//! host alone, while its client, which says nothing new, runs on another.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails should stop, and says its figures"
)]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/lab/support.rs"]
mod support;

use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use refpoint::cim::ObjectPath;
use refpoint::lab::{Channel, Hosts, Listen, Options, Scenario, Server, serve_stream};
use refpoint::wsman::{Get, RequestHeader, encode_request};
use support::{Client, PASSWORD, USER, ntlm};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

fn main() {
    if cfg!(target_os = "linux") {
        idle_hosts();
        processor_time();
    }
}

const HOSTS: usize = 2000;
const EXCHANGES: u32 = 20_000;

fn idle_hosts() {
    let runtime = runtime();
    runtime.block_on(async {
        // Once through with one host, so that what every process needs once is not counted.
        let once = start(1).await;
        touch(&once, 0).await;
        let before = resident();
        let server = start(HOSTS).await;
        let listening = resident();
        println!("{HOSTS} hosts that listen: {:.1} KiB each", per_host(listening - before));
        for index in 0..HOSTS {
            touch(&server, index).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let touched = resident();
        println!(
            "{HOSTS} hosts after a login and a question each: {:.1} KiB each",
            per_host(touched - before)
        );
        let mut clients = Vec::new();
        for index in 0..HOSTS {
            clients.push(touch(&server, index).await);
        }
        let connected = resident();
        println!(
            "{HOSTS} hosts with an open connection each, its client's end included: {:.1} KiB each",
            per_host(connected - before)
        );
    });
}

fn per_host(kib: usize) -> f64 {
    kib as f64 / HOSTS as f64
}

async fn start(hosts: usize) -> Server {
    let hosts = Hosts::new(options(hosts)).unwrap();
    Server::start(hosts, Listen::http(SocketAddrV4::new([127, 1, 20, 1].into(), 0))).await.unwrap()
}

fn options(hosts: usize) -> Options {
    let mut options = Options::new(Scenario::default()).hosts(hosts);
    options.password = Some(PASSWORD.to_owned().into());
    options
}

async fn touch(server: &Server, index: usize) -> Client<TcpStream> {
    let first = server.http().unwrap();
    let address = std::net::Ipv4Addr::from_bits(first.ip().to_bits() + u32::try_from(index).unwrap());
    let mut client = Client::new(TcpStream::connect((address, first.port())).await.unwrap());
    client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
    client.identify().await;
    client
}

/// Prints what one sealed exchange costs the host.
fn processor_time() {
    for (name, envelope) in [("Identify", support::identify()), ("Get", get())] {
        let (near, far) = tokio::io::duplex(64 << 10);
        let host = std::thread::spawn(move || {
            runtime().block_on(async {
                let hosts = Hosts::new(options(1)).unwrap();
                serve_stream(hosts, 0, far, Channel::Http).await;
            });
            thread_time()
        });
        let start = Instant::now();
        runtime().block_on(async {
            let mut client = Client::new(near);
            client.log_in(&mut *ntlm(USER, PASSWORD)).await.unwrap();
            for _ in 0..EXCHANGES {
                assert_eq!(client.ask(&envelope).await.0, 200, "{name}");
            }
        });
        let (spent, took) = (host.join().unwrap(), start.elapsed());
        println!(
            "sealed {name}: {:.1} µs of the processor on the host, {:.1} µs in all",
            spent.as_secs_f64() * 1e6 / f64::from(EXCHANGES),
            took.as_secs_f64() * 1e6 / f64::from(EXCHANGES)
        );
    }
}

/// Returns the time that this thread has had a processor, with the system's own part.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
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

/// A question for one object, as text.
fn get() -> String {
    let machine = ObjectPath::new("root/virtualization/v2", "Msvm_ComputerSystem")
        .with_key("CreationClassName", "Msvm_ComputerSystem")
        .with_key("Name", "HV01");
    let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:9D4B2C7E-0B0E-4F0B-9E0C-5E3C6A1D2F10");
    encode_request(&header, &Get::new(machine)).unwrap()
}
