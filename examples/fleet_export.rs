//! Runs a plan over many hosts, with the library alone: each machine is exported once, whatever comes between.
//!
//! The hosts are three simulated ones within this program:
//!
//! ```sh
//! cargo run --example fleet_export
//! ```

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::SystemTime;

use refpoint::client::{Credentials, Login, Options, Session, Target};
use refpoint::fleet::{
    Control, Event, Failure, Keeper, News, Opener, RunDetails, RunOrder, RunPlan, RunReport, RunSurroundings,
    begin_run, work_on,
};
use refpoint::lab::{self, Hosts, Listen, Scenario, Server};
use refpoint::ledger::Ledger;

const PLAN: &str = r"
name = 'nightly'
[[export]]
machines = ['*']
base = 'last-or-none'
to = 'D:\exports\{run}\{vm}'
";

/// Begins a run of the plan on these hosts, and works on it to its end. The same [`work_on`] with a run that the
/// ledger has from before goes on with that.
async fn run(keeper: Keeper, opener: Opener, hosts: &[&str]) -> Result<RunReport, Failure> {
    let plan = RunPlan::read(PLAN).expect("it is written as it should be");
    // Each host with the rules of the plan that are for it: the first, of which there is no second.
    let hosts: Vec<_> = hosts.iter().map(|host| ((*host).to_owned(), vec![0])).collect();
    let details =
        RunDetails { date: "2026-11-21".to_owned(), time: "0200".to_owned(), ..RunDetails::default() };
    let order = RunOrder { text: PLAN.to_owned(), hosts, details };
    let run = begin_run(&keeper, &plan, &order, SystemTime::now()).await?;
    let around = RunSurroundings {
        opener,
        keeper,
        clock: SystemTime::now,
        listener: Arc::new(tell),
        control: Control::new().1,
        closes: None,
        retry_failed: false,
        retry_unknown: false,
    };
    work_on(around, &run, plan, &order.hosts).await
}

#[expect(clippy::print_stdout, reason = "an example shows")]
fn tell(event: Event) {
    if let News::UnitFinished { ending } = event.what {
        println!("{} {}: {}", event.host, event.unit, ending.outcome().name());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let lab = Hosts::new(lab::Options::new(Scenario::default()).hosts(3))?;
    let listen = Listen { http: Some(SocketAddrV4::new(Ipv4Addr::new(127, 1, 0, 1), 0)), https: None };
    let server = Server::start(lab.clone(), listen).await?;
    let port = server.http().ok_or("it does not listen")?.port();
    let login = Login::new(Credentials::password(lab.user(), lab.password().expose()));
    // What an inventory would say: where a host is, and who logs in there.
    let opener = Opener::new(move |host: &str| {
        let endpoint = format!("http://127.1.0.{}:{port}", host.trim_start_matches("hv0")).parse();
        let options = Options::new(login.clone());
        async move {
            let endpoint = endpoint.expect("an address and a port");
            Session::open(Target::new(endpoint, options)).await.map_err(|error| Failure::from(&error))
        }
    });
    let folder = std::env::temp_dir().join(format!("refpoint-fleet-{}", std::process::id()));
    let keeper = Keeper::new(Ledger::open(folder.join("ledger.db"))?);
    let report = run(keeper, opener, &["hv01", "hv02", "hv03"]).await;
    std::fs::remove_dir_all(folder)?;
    let report = report.map_err(|failure| failure.message)?;
    show(&report);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example shows")]
fn show(report: &RunReport) {
    println!("{}: {} of {} completed", report.run, report.totals.completed, report.totals.units);
}
