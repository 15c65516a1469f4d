//! What it takes to stream instances through a session: memory at its peak and time, beside the floor that the
//! bytes of one page set, and beside what holding all of them takes.
//!
//! `cargo bench --bench stream`. The simulated host runs in a process of its own, so that only the client is
//! measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails should stop, and says its figures"
)]

#[path = "support/counting.rs"]
mod counting;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddrV4;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use counting::Counting;
use refpoint::client::{Credentials, Direction, Login, Method, Options, Session, Tap, Target};
use refpoint::lab::{self, Hosts, Listen, Scenario, Server};

#[global_allocator]
static ALLOCATOR: Counting<true> = Counting;

const CLASS: &str = "Msvm_ResourceAllocationSettingData";
const COUNT: usize = 100_000;
const PASSWORD: &str = "Swordfish-7391";
const SERVE: &str = "serve-the-host";

fn main() {
    if std::env::args().any(|word| word == SERVE) {
        return serve();
    }
    let host = Host::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // Once through, so that what a process needs once is not counted: the catalogue of classes.
        stream(&host.url, 1000, 512_000, false).await;
        for (count, envelope) in [(1000, 512_000), (10_000, 512_000), (COUNT, 512_000), (COUNT, 64_000)] {
            stream(&host.url, count, envelope, false).await.print(count, envelope, "streamed");
        }
        stream(&host.url, 10_000, 512_000, true).await.print(10_000, 512_000, "held all at once");
    });
}

struct Figures {
    /// What there was at most, above what there was before.
    peak: usize,
    /// The longest answer, and all of them.
    page: usize,
    bytes: usize,
    seconds: f64,
}

impl Figures {
    fn print(&self, count: usize, envelope: u32, how: &str) {
        let kib = |bytes: usize| bytes as f64 / 1024.0;
        println!(
            "{count} instances {how}, envelope {envelope}: heap at its peak {:.0} KiB, largest page {:.0} KiB \
             ({:.1} times), {:.1} MB in all, {:.2} s, {:.0} instances a second",
            kib(self.peak),
            kib(self.page),
            self.peak as f64 / self.page as f64,
            self.bytes as f64 / 1e6,
            self.seconds,
            count as f64 / self.seconds
        );
    }
}

async fn stream(url: &str, count: usize, envelope: u32, holds: bool) -> Figures {
    let login = Login::new(Credentials::password(r"LAB\operator", PASSWORD)).with(Method::Ntlm);
    let mut target = Target::new(url.parse().unwrap(), Options::new(login));
    target.max_envelope_size = envelope;
    let heard = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let of_tap = heard.clone();
    target.tap = Some(Tap::new(move |message| {
        if message.direction == Direction::Received {
            of_tap.0.fetch_max(message.body.len(), Ordering::Relaxed);
            of_tap.1.fetch_add(message.body.len(), Ordering::Relaxed);
        }
    }));
    let (before, began) = (Counting::<true>::begin(), Instant::now());
    let mut session = Session::open(target).await.unwrap();
    let mut list = session.enumerate(CLASS);
    let mut held = Vec::new();
    let mut came = 0;
    while came < count {
        let instance = list.next_instance().await.unwrap().unwrap();
        came += 1;
        if holds {
            held.push(instance);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let peak = Counting::<true>::peak() - before;
    assert_eq!(list.next_instance().await.is_none(), count == COUNT);
    drop(list);
    session.close().await.unwrap();
    let (page, bytes) = (heard.0.load(Ordering::Relaxed), heard.1.load(Ordering::Relaxed));
    Figures { peak, page, bytes, seconds }
}

/// A simulated host in a process of its own.
struct Host {
    process: Child,
    url: String,
}

impl Host {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split(' ').nth(1).unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn serve() {
    let scenario = Scenario::read(&format!(
        "[[instances]]\nclass = '{CLASS}'\ncount = {COUNT}\n\
         [[machine]]\nid = '3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91'\nname = 'x'"
    ));
    let mut options = lab::Options::new(scenario.unwrap());
    options.password = Some(PASSWORD.to_owned().into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The thread that waits for the end of the input does not hold up the host.
    let server = runtime.block_on(async {
        let listen = Listen::http(SocketAddrV4::new([127, 1, 30, 1].into(), 0));
        Server::start(Hosts::new(options).unwrap(), listen).await.unwrap()
    });
    println!("{}", server.ready_line());
    let ended = runtime.spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    runtime.block_on(ended).unwrap().unwrap();
}
