//! Exports one reference point, with the library alone: five lines, and the truth about how it ended.
//!
//! Without arguments it exports from a simulated host within this program:
//!
//! ```sh
//! cargo run --example export_one
//! ```
//!
//! With a real host the password comes from the environment, and the ledger stays:
//!
//! ```text
//! REFPOINT_PASSWORD=… cargo run --example export_one -- hv01 'CORP\backup' web01 only 'D:\exports\web01\0400'
//! ```

mod simulated;

use std::error::Error;
use std::path::PathBuf;
use std::time::SystemTime;

use refpoint::client::{Session, Target};
use refpoint::fleet::{ExportPlan, Keeper, PointChoice, Report, Surroundings, Wanted, export};
use refpoint::hyperv::{Directory, Host, Selector};
use refpoint::ledger::Ledger;

/// The five lines. The same call again, after whatever ended the one before, takes up what that one began.
async fn export_one(target: Target, ledger: PathBuf, plan: &ExportPlan) -> Result<Report, Box<dyn Error>> {
    let name = target.endpoint.host().to_owned();
    let host = Host::new(Session::open(target).await?);
    let keeper = Keeper::new(Ledger::open(ledger)?);
    let report = export(&Surroundings::new(name, &host, &keeper, SystemTime::now), plan).await;
    host.close().await.map(|()| report).map_err(Into::into)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let report = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let (_server, target) = simulated::host().await?;
            let folder = std::env::temp_dir().join(format!("refpoint-example-{}", std::process::id()));
            let point = "E4282031-639C-4FD7-8059-B192D4F5E637";
            let plan = plan("db01", point, r"D:\exports\db01")?;
            let report = export_one(target, folder.join("ledger.db"), &plan).await;
            std::fs::remove_dir_all(folder)?;
            report?
        }
        [host, user, machine, point, directory] => {
            let target = simulated::target(host, user, &std::env::var("REFPOINT_PASSWORD")?)?;
            export_one(target, "export_one.db".into(), &plan(machine, point, directory)?).await?
        }
        _ => return Err("HOST USER MACHINE POINT DIRECTORY, or nothing".into()),
    };
    show(&report);
    Ok(())
}

fn plan(machine: &str, point: &str, directory: &str) -> Result<ExportPlan, Box<dyn Error>> {
    let machine = Wanted::Machine(Selector::parse(machine));
    Ok(ExportPlan::new(machine, PointChoice::parse(point), Directory::parse(directory)?))
}

#[expect(clippy::print_stdout, reason = "an example shows")]
fn show(report: &Report) {
    println!("{}", report.outcome.name());
    report.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    if let Some(error) = &report.error {
        println!("{}", error.message);
    }
    for file in report.receipt.log_files.iter().chain(&report.receipt.config_files) {
        println!("  {file}");
    }
}
