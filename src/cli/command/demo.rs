//! `refpoint demo`: the main job on a simulated host, from login to receipt.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refpoint::client::{Credentials, Login, Options, Session, Target};
use refpoint::fleet::{BaseChoice, Control, ExportPlan, PointChoice, Wanted};
use refpoint::hyperv::{Directory, Host, Selector};
use refpoint::lab::{self, Hosts, Listen, Scenario, Server};

use super::export::{self, Setting};
use crate::cli::args::{Format, OutputArgs};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::keep;
use crate::cli::runtime::{self, Deadline};
use crate::cli::ui::Ui;

/// Show an export from login to receipt, on a simulated host within this program; no Windows needed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint demo")]
pub(crate) struct Args {
    /// Export this machine of the simulated host: web01 or db01
    #[arg(long, value_name = "VM", default_value = "db01")]
    vm: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let format = output.output.unwrap_or(Format::Table);
    let folder = Folder::make()?;
    let keeper = keep(folder.0.join("ledger.db"))?;
    let plan = ExportPlan {
        what: Wanted::Machine(Selector::parse(&args.vm)),
        point: PointChoice::Named(point(&args.vm)?.to_owned()),
        base: BaseChoice::None,
        directory: Directory::parse(DIRECTORY)
            .map_err(|error| Error::usage("the directory of the demonstration").because(error))?,
        disks: Vec::new(),
        settings: None,
        retry_unknown: false,
        detach: false,
        poll: Some(Duration::from_millis(500)),
    };
    export::run_started(format, ui);
    runtime::follow(Deadline::NONE, async |signals| {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(Exit::Failed, format!("cannot simulate a host: {error}"))
        };
        let mut scenario = Scenario::default();
        scenario.host.directories.push(DIRECTORY.to_owned());
        let mut options = lab::Options::new(scenario);
        options.started = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let hosts = Hosts::new(options).map_err(|error| failed(&error))?;
        let listen = Listen { http: Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)), https: None };
        let server = Server::start(hosts.clone(), listen).await.map_err(|error| failed(&error))?;
        let endpoint = server.http().map(|address| format!("http://{address}")).unwrap_or_default();
        ui.note(&format!("a simulated Hyper-V host listens on {endpoint}, with machines web01 and db01"));
        let endpoint = endpoint.parse().map_err(|error| failed(&error))?;
        let login = Login::new(Credentials::password(hosts.user(), hosts.password().expose().as_str()));
        let target = Target::new(endpoint, Options::new(login));
        let operation_timeout = target.operation_timeout;
        let session = Session::open(Arc::new(target)).await.map_err(|error| failed(&error))?;
        let host = Host::new(session);
        let (wishes, control) = Control::new();
        let setting = Setting {
            host: &host,
            label: "demo".to_owned(),
            keeper: &keeper,
            deadline: None,
            operation_timeout,
        };
        let report =
            export::watched(&setting, control, &wishes, &plan, export::OnInterrupt::Ask, signals, format, ui)
                .await;
        let _ = tokio::time::timeout(GOODBYE, host.close()).await;
        server.shutdown(GOODBYE).await;
        let exit = export::finish(&report, format, ui)?;
        export::run_finished(&report, exit, format, ui)?;
        if format == Format::Table && exit == Exit::Done {
            ui.note("");
            ui.note("That host was simulated, login and all. With a real one:");
            ui.note("  refpoint vm list HOST --user 'DOMAIN\\user'");
            ui.note("  refpoint point list HOST --user 'DOMAIN\\user' --vm VM");
            ui.note("  refpoint export HOST --user 'DOMAIN\\user' --vm VM --point POINT --to 'D:\\exports\\VM\\1'");
        }
        Ok(exit)
    })
}

/// Returns the point that is exported: the log point where there is one.
fn point(vm: &str) -> Result<&'static str, Error> {
    match vm {
        "db01" => Ok("E4282031-639C-4FD7-8059-B192D4F5E637"),
        "web01" => Ok("B1F5D2E8-3069-4CA4-9D27-8E6FA1C2B304"),
        other => Err(Error::usage(format!("the simulated host has no machine {other:?}"))
            .hint("it has web01 and db01")),
    }
}

/// A folder that goes when the demonstration does.
struct Folder(std::path::PathBuf);

impl Folder {
    fn make() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("refpoint-demo-{}", std::process::id()));
        let unwritable =
            |error| Error::new(Exit::LocalFiles, format!("cannot write {}", path.display())).because(error);
        std::fs::create_dir(&path).map_err(unwritable)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const DIRECTORY: &str = r"D:\exports\demo";

const GOODBYE: Duration = Duration::from_secs(2);
