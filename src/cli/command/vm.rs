//! `refpoint vm` and `refpoint group`: what there is to export.

use clap::Subcommand;
use refpoint::hyperv::{Host, Selector};
use serde_json::json;

use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::{ConnectionArgs, Who};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::report::list::List;
use crate::cli::runtime;
use crate::cli::ui::Ui;

/// Look at machines
#[derive(Debug, Subcommand)]
pub(crate) enum VmCommand {
    List(VmListArgs),
    Changes(super::changes::Args),
}

/// List the machines of a host
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint vm list hv01 --vm 'web*'")]
pub(crate) struct VmListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only these: a name, a GUID, or a pattern with * and ?
    #[arg(long, value_name = "VM", default_value = "*")]
    vm: String,
}

/// Look at groups of machines
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    List(GroupListArgs),
}

/// List the groups of machines of a host
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint group list hv01")]
pub(crate) struct GroupListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only these: a name, a GUID, or a pattern with * and ?
    #[arg(long, value_name = "GROUP", default_value = "*")]
    group: String,
}

/// Runs one of the commands on machines.
pub(crate) fn run_vm(command: &VmCommand, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let args = match command {
        VmCommand::List(args) => args,
        VmCommand::Changes(args) => return super::changes::run(args, output, ui),
    };
    let target = args.connection.target(Who::User, ui)?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let machines = super::point::machines(&host, &Selector::parse(&args.vm)).await?;
        let mut list = List::new(&["Name", "Id", "State", "Busy"]);
        for machine in machines {
            let busy = machine.busy.map(refpoint::hyperv::Busy::name);
            list.push(
                machine.id.as_str(),
                [machine.name.as_str(), machine.id.as_str(), machine.state_name(), busy.unwrap_or_default()],
                json!({"id": machine.id.as_str(), "name": machine.name, "state": {"code": machine.state, "name": machine.state_name()},
                       "busy": busy, "replication_mode": machine.replication}),
            );
        }
        list.show(output.output.unwrap_or(Format::Table), NOTHING_SEEN, ui)
    })
}

/// Runs one of the commands on groups.
pub(crate) fn run_group(command: &GroupCommand, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let GroupCommand::List(args) = command;
    let target = args.connection.target(Who::User, ui)?;
    runtime::wait(async {
        let host = Host::new(args.connection.open(target, ui).await?);
        let groups = super::point::groups(&host, &Selector::parse(&args.group)).await?;
        let mut list = List::new(&["Name", "Id", "Machines"]);
        for group in groups {
            let members = host.members(&group).await.map_err(Error::of_hyperv)?;
            let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
            let machines: Vec<_> =
                members.iter().map(|member| json!({"id": member.id.as_str(), "name": member.name})).collect();
            list.push(
                group.id.as_str(),
                [group.name.as_str(), group.id.as_str(), &names.join(", ")],
                json!({"id": group.id.as_str(), "name": group.name, "machines": machines}),
            );
        }
        list.show(output.output.unwrap_or(Format::Table), "no group", ui)
    })
}

/// Hosts hide machines from those who have no rights on them, and do not say so.
const NOTHING_SEEN: &str =
    "no machine is shown: there is none, or the account may see none (refpoint doctor tells which)";
