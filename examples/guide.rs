//! What `docs/library.md` shows, as one program:
//!
//! ```sh
//! cargo run --example guide
//! ```

mod simulated;

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use refpoint::client::{self, Credentials, EndpointError, Login, Options, Session, Target};
use refpoint::fleet::{
    BaseChoice, Event, ExportPlan, Keeper, News, Outcome, PointChoice, Report, Surroundings, Wanted, export,
};
use refpoint::hyperv::{Directory, DirectoryError, Host, Selector};
use refpoint::ledger::Ledger;
use tokio::time::Instant;

fn target(host: &str, user: &str, password: &str) -> Result<Target, EndpointError> {
    let login = Login::new(Credentials::password(user, password));
    let mut target = Target::new(host.parse()?, Options::new(login));
    target.call_limit = Duration::from_secs(60);
    Ok(target)
}

async fn machines(target: Target) -> Result<Vec<String>, client::Error> {
    let mut session = Session::open(target).await?;
    let identity = session.identify().await?;
    let mut names: Vec<String> = identity.vendor.into_iter().collect();
    let mut machines = session.query("SELECT * FROM Msvm_ComputerSystem");
    while let Some(machine) = machines.next_instance().await {
        names.extend(machine?.text("ElementName").map(str::to_owned));
    }
    // It holds the session until it is over.
    machines.close().await?;
    session.close().await?;
    Ok(names)
}

fn plan(machine: &str, point: &str, directory: &str) -> Result<ExportPlan, DirectoryError> {
    let machine = Wanted::Machine(Selector::parse(machine));
    let mut plan = ExportPlan::new(machine, PointChoice::parse(point), Directory::parse(directory)?);
    plan.base = BaseChoice::LastOrNone;
    Ok(plan)
}

async fn export_one(target: Target, ledger: PathBuf, plan: &ExportPlan) -> Result<Report, Box<dyn Error>> {
    let host = Host::new(Session::open(target).await?);
    let keeper = Keeper::new(Ledger::open(ledger)?);
    let mut around = Surroundings::new("hv01", &host, &keeper, SystemTime::now);
    around.deadline = Some(Instant::now() + Duration::from_secs(6 * 3600));
    around.listener = &tell;
    let report = export(&around, plan).await;
    host.close().await?;
    Ok(report)
}

#[expect(clippy::print_stdout, reason = "an example shows")]
fn tell(event: Event) {
    if let News::Progress { percent: Some(percent), .. } = event.what {
        println!("{}: {percent} %", event.unit);
    }
}

fn what_now(report: &Report) -> &'static str {
    match report.outcome {
        Outcome::Completed | Outcome::CompletedWithWarnings => "the files of the receipt are there",
        Outcome::Detached => "its job goes on: the same call follows it",
        Outcome::Unknown => "a person has to look; the same call looks again, and asks for nothing",
        Outcome::Failed | Outcome::Cancelled => "begin anew, in an empty directory",
    }
}

fn can_be_asked_again(error: &client::Error) -> bool {
    // Of a method that may have begun this is never true.
    error.is_retryable() && !error.is_login()
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (server, simulated) = simulated::host().await?;
    let hosts = server.hosts();
    let endpoint = simulated.endpoint.to_string();
    let there = || target(&endpoint, hosts.user(), hosts.password().expose());
    println!("{}", machines(there()?).await?.join(", "));
    let folder = std::env::temp_dir().join(format!("refpoint-guide-{}", std::process::id()));
    let plan = plan("db01", "E4282031-639C-4FD7-8059-B192D4F5E637", r"D:\exports\db01")?;
    let report = export_one(there()?, folder.join("ledger.db"), &plan).await;
    std::fs::remove_dir_all(folder)?;
    let report = report?;
    println!("{}: {}", report.outcome.name(), what_now(&report));
    let refused = target(&endpoint, "nobody", "wrong")?;
    let error = machines(refused).await.err().ok_or("nobody may log in")?;
    println!("{error}: {}", if can_be_asked_again(&error) { "again" } else { "not again" });
    Ok(())
}
