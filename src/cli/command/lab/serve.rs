//! `refpoint lab serve`: simulated hosts on loopback addresses.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refpoint::lab::{Hosts, Listen, Log, Options, Scenario, Server, StartError};

use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::private;
use crate::cli::runtime::{self, Signals};
use crate::cli::ui::Ui;

/// Be simulated hosts, for rehearsals and tests, until Ctrl-C or SIGTERM
///
/// Prints one line when all of them accept: where the first one listens, how many there are, and what to log in
/// with. Without a scenario each has the machines web01 and db01 and the group shop.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint lab serve\n  \
                        refpoint lab serve --hosts 200 --listen 127.1.0.1:0 --log asked.jsonl\n\n\
                        In another terminal, with the password of the line that it prints:\n  \
                        refpoint identify 127.1.0.1 --user 'LAB\\operator'")]
pub(crate) struct Args {
    /// Be so many hosts, on consecutive addresses
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    hosts: u32,
    /// Listen for http here, the first host; port 0 takes one that is free for all
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.1.0.1:5985")]
    listen: SocketAddrV4,
    /// Listen for https too
    #[arg(long, value_name = "ADDRESS:PORT")]
    tls: Option<SocketAddrV4>,
    /// Simulate what this file says (TOML)
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Write one JSON line for each operation that the hosts are asked, behind what the file holds already
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, Error> {
    let options = options(args)?;
    if !is_loopback(args) {
        ui.warn("this address is not the machine's own: others can reach the simulated hosts");
    }
    // As many as may be had; where that is not enough, listening says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    runtime::serve(async {
        // Before anybody can know that it is there to be ended.
        let mut signals = Signals::new()?;
        let hosts =
            Hosts::new(options).map_err(|error| Error::usage("cannot make the hosts").because(error))?;
        let listen = Listen { http: Some(args.listen), https: args.tls };
        let server = Server::start(hosts, listen).await.map_err(|error| {
            let hint = match &error {
                StartError::Listen { source, .. } if source.kind() == ErrorKind::AddrNotAvailable => {
                    Some(NO_ADDRESS)
                }
                StartError::Listen { .. } | StartError::NoPort { .. } => {
                    Some("another --listen ADDRESS:PORT may be free; port 0 finds one")
                }
                _ => None,
            };
            let error = Error::new(Exit::Failed, "cannot serve").because(error);
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        })?;
        ui.print(&format!("{}\n", server.ready_line()))?;
        ui.flush()?;
        // This is how it is meant to end.
        signals.next().await;
        server.shutdown(LONGEST_GOODBYE).await;
        Ok(Exit::Done)
    })
}

fn options(args: &Args) -> Result<Options, Error> {
    let scenario = args.scenario.as_deref().map_or_else(|| Ok(Scenario::default()), scenario)?;
    let mut options = Options::new(scenario).hosts(args.hosts as usize);
    options.first_address = match *args.listen.ip() {
        Ipv4Addr::UNSPECIFIED => options.first_address,
        address => address,
    };
    // No two starts are at the same moment, and no real host gives two jobs the same identifier.
    let nanoseconds = |since: Duration| u64::try_from(since.as_nanos()).ok();
    options.seed = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(nanoseconds);
    options.started = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    options.log = args.log.as_deref().map(log).transpose()?;
    Ok(options)
}

fn scenario(file: &Path) -> Result<Scenario, Error> {
    let unusable = || Error::usage(format!("cannot use the scenario {}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| unusable().because(error))?;
    Scenario::read(&text).map_err(|error| unusable().because(error))
}

fn log(file: &Path) -> Result<Log, Error> {
    let opened = private::options().create(true).append(true).open(file);
    let unwritable =
        |error| Error::new(Exit::LocalFiles, format!("cannot write to {}", file.display())).because(error);
    opened.map(Log::new).map_err(unwritable)
}

fn is_loopback(args: &Args) -> bool {
    [Some(args.listen), args.tls].iter().flatten().all(|address| address.ip().is_loopback())
}

/// Linux and Windows have all of 127.0.0.0/8, macOS the first one alone.
const NO_ADDRESS: &str = if cfg!(target_vendor = "apple") {
    "macOS has 127.0.0.1 alone, which is one host; sudo ifconfig lo0 alias ADDRESS adds another address"
} else {
    "it is no address of this machine; 127.1.0.1 is"
};

/// What is being answered when it is to end may take this long.
const LONGEST_GOODBYE: Duration = Duration::from_secs(2);
