//! `refpoint fleet plan`: what a run would do.

use std::path::PathBuf;

use jiff::Zoned;
use refpoint::fleet::{HostForecast, RunDetails, UnitForecast, foresee, named_and_missing};
use serde_json::json;

use super::crew::Crew;
use super::hosts::HostsArgs;
use super::run::read;
use crate::cli::args::{Format, OutputArgs};
use crate::cli::connection::MeansArgs;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::ledger::{LedgerArgs, clock};
use crate::cli::notify::{Unable, look};
use crate::cli::report::list::List;
use crate::cli::runtime;
use crate::cli::ui::Ui;

/// Show what a run of a plan would do, machine by machine, after a look at the hosts; nothing is begun
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  refpoint fleet plan nightly.toml -i hosts.toml\n  \
                  refpoint fleet plan nightly.toml -i hosts.toml --limit hv01 -o json")]
pub(crate) struct Args {
    /// The plan: what is exported, backed up, made and let go of where (TOML)
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    #[command(flatten)]
    hosts: HostsArgs,
    #[command(flatten)]
    means: MeansArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &OutputArgs, ui: &mut Ui) -> Result<Exit, Error> {
    let (_, plan) = read(&args.plan)?;
    let now = Zoned::now();
    let crew = Crew::muster(&plan, Some(&args.plan), &args.hosts, &args.means, ui)?;
    let keeper = args.ledger.look()?;
    let details = RunDetails {
        date: now.date().to_string(),
        time: now.strftime("%H%M").to_string(),
        ..RunDetails::default()
    };
    if let Some(window) = &plan.window
        && let Err(closed) = window.closes(&now)
    {
        ui.warn(&closed.to_string());
    }
    let unable = look(&plan.notify, ui);
    runtime::wait(async {
        let hosts = foresee(&plan, &crew.hosts, &details, &crew.opener(), &keeper, clock).await;
        let missing = named_and_missing(&plan, &crew.hosts, &hosts);
        show(&hosts, &missing, &unable, output.output.unwrap_or(Format::Table), ui)
    })
}

fn show(
    hosts: &[HostForecast],
    missing: &[String],
    unable: &[Unable],
    format: Format,
    ui: &mut Ui,
) -> Result<Exit, Error> {
    let mut list =
        List::new(&["Host", "Machine or group", "Verb", "Point", "Relative to", "Directory", "But"]);
    let mut worst = Exit::Done;
    for host in hosts {
        for unit in &host.units {
            let mut value = serde_json::to_value(unit).unwrap_or_default();
            value["host"] = json!(host.host);
            let base = match (&*unit.verb, &unit.base) {
                (_, Some(base)) => base.clone(),
                ("export" | "backup", None) => "nothing".to_owned(),
                _ => String::new(),
            };
            let point = if unit.verb == "prune" { letting_go(&unit.removes) } else { unit.point.clone() };
            let but = but(unit);
            let cells = [&*host.host, &*unit.name, &*unit.verb, &*point, &*base, &*unit.directory, &*but];
            list.push(&format!("{}/{}", host.host, unit.id), cells, value);
        }
        if let Some(error) = &host.error {
            let value = json!({"host": host.host, "error": error});
            list.push(&host.host, [&host.host, "", "", "", "", "", &error.message], value);
        }
        let errors = host.error.iter().chain(host.units.iter().filter_map(|unit| unit.error.as_ref()));
        worst = errors.map(|error| error.exit_code).fold(worst, both);
    }
    for name in missing {
        let value = json!({"host": null, "missing": name});
        list.push(name, ["", name, "", "", "", "", "Missing: the plan names it and no host has it"], value);
        worst = both(worst, Exit::NotFound.code());
    }
    for Unable { whom, error } in unable {
        let failure = error.to_failure();
        let but = format!("It will not be told: {}", failure.message);
        list.push(
            whom,
            ["", whom, "notify", "", "", "", &but],
            json!({"host": null, "notify": whom, "error": failure}),
        );
        worst = both(worst, failure.exit_code);
    }
    for host in hosts {
        host.warnings.iter().for_each(|text| ui.warn(&format!("{}: {text}", host.host)));
    }
    list.show(format, "nothing to do", ui)?;
    let of_notify = unable.iter().filter_map(|unable| unable.error.to_failure().hint);
    for hint in hints(hosts).into_iter().chain(of_notify) {
        ui.note(&format!("hint: {hint}"));
    }
    Ok(worst)
}

/// Returns the exit code of both, and that of several causes where they differ.
fn both(worst: Exit, code: u8) -> Exit {
    match worst {
        Exit::Done => Exit::of_code(code),
        worst if worst.code() == code => worst,
        _ => Exit::Failed,
    }
}

/// Returns which points would go.
fn letting_go(removes: &[String]) -> String {
    match removes {
        [] => "none would go".to_owned(),
        [one] => format!("{one} would go"),
        [one, rest @ ..] => format!("{one} and {} more would go", rest.len()),
    }
}

/// Returns why it would fail, or else what a person should know first.
fn but(unit: &UnitForecast) -> String {
    let error = unit.error.as_ref().map(|error| error.message.clone());
    error.or_else(|| unit.warnings.first().cloned()).unwrap_or_default()
}

/// Returns the next steps, each once.
fn hints(hosts: &[HostForecast]) -> Vec<String> {
    let of_hosts = hosts.iter().filter_map(|host| host.error.as_ref());
    let of_units = hosts.iter().flat_map(|host| &host.units).filter_map(|unit| unit.error.as_ref());
    let mut hints: Vec<_> = of_hosts.chain(of_units).filter_map(|error| error.hint.clone()).collect();
    hints.sort();
    hints.dedup();
    hints
}
