//! What the ledger has of a run, as a report.

use std::time::SystemTime;

use super::ending::Ending;
use super::engine::{HostDetails, of_plan};
use super::expand::{Found, unmatched};
use super::plan::RunPlan;
use super::report::{HostReport, HostState, RunReport, RunState, UnitReport, UnitState};
use crate::fleet::keeper::Keeper;
use crate::fleet::report::{Failure, Kind};
use crate::fleet::unit::timestamp;
use crate::ledger::{self, HostStage, Run, RunHost, Unit, UnitStage};

/// Returns what has become, `now`, of the run of that name; of the newest, where none is named.
pub async fn report_of(keeper: &Keeper, name: Option<&str>, now: SystemTime) -> Result<RunReport, Failure> {
    let run = find_run(keeper, name).await?;
    let held = of_plan(&run.plan);
    let held = keeper.with(move |ledger| Ok(ledger.hold(&held)?.is_none())).await;
    let is_held = held.map_err(|error| Failure::from(&error))?;
    Ok(RunReport { at: Some(timestamp(now)), ..report(keeper, run.id, is_held).await? })
}

/// Returns the run of that name; the newest, where none is named.
pub async fn find_run(keeper: &Keeper, name: Option<&str>) -> Result<Run, Failure> {
    let wanted = name.map(str::to_owned);
    let (found, all) = keeper
        .with(move |ledger| {
            let all = ledger.runs(None)?;
            let found = match &wanted {
                Some(name) => all.iter().find(|run| run.name == *name).cloned(),
                None => all.first().cloned(),
            };
            Ok((found, all))
        })
        .await
        .map_err(|error| Failure::from(&error))?;
    found.ok_or_else(|| {
        let message = match name {
            Some(name) => format!("the ledger has no run {name:?}"),
            None => "the ledger has no run".to_owned(),
        };
        let newest: Vec<_> = all.iter().take(5).map(|run| &*run.name).collect();
        let hint = match newest.is_empty() {
            true => "refpoint fleet run PLAN begins one; --ledger FILE names another ledger".to_owned(),
            false => format!("the newest are {}", newest.join(", ")),
        };
        Failure::new(Kind::NotFound, message).with_hint(hint)
    })
}

pub(super) async fn report(keeper: &Keeper, run: i64, is_held: bool) -> Result<RunReport, Failure> {
    let read = keeper.with(move |ledger| {
        let found = ledger.runs(None)?.into_iter().find(|found| found.id == run);
        Ok((found, ledger.run_hosts(run)?, ledger.units(run)?))
    });
    let (found, hosts, units) = read.await.map_err(|error| Failure::from(&error))?;
    let found = found.ok_or_else(|| Failure::new(Kind::Ledger, "the ledger has lost the run"))?;
    Ok(of(&found, hosts, units, is_held))
}

fn of(run: &Run, hosts: Vec<RunHost>, units: Vec<Unit>, is_held: bool) -> RunReport {
    let missing = match RunPlan::read(&run.text) {
        Ok(plan) => missing(&plan, &hosts, &units),
        Err(_) => Vec::new(),
    };
    let hosts: Vec<_> = hosts.into_iter().map(host).collect();
    let units: Vec<_> = units.into_iter().map(unit).collect();
    let code = RunReport::exit_code(&hosts, &units);
    let code = if missing.is_empty() { code } else { RunReport::both(code, Kind::NotFound.exit_code()) };
    RunReport {
        schema: RunReport::SCHEMA.to_owned(),
        run: run.name.clone(),
        plan: run.plan.clone(),
        at: None,
        state: match (run.is_over, is_held) {
            (true, _) => RunState::Finished,
            (false, true) => RunState::Running,
            (false, false) => RunState::Stopped,
        },
        reason: run.reason.clone(),
        started_at: timestamp(run.started_at),
        finished_at: run.finished_at.map(timestamp),
        resumed: run.resumed,
        totals: RunReport::count(&hosts, &units),
        exit_code: Some(run.exit_code.unwrap_or(code)),
        missing,
        hosts,
        units,
    }
}

/// Returns what the plan names and no host has. A host that could not be looked at, or was not yet, may have it.
fn missing(plan: &RunPlan, hosts: &[RunHost], units: &[Unit]) -> Vec<String> {
    let found: Vec<_> = units.iter().map(|unit| Found::of(&unit.what)).collect();
    let rules: Vec<_> = hosts.iter().map(|host| (host.stage, details(host).rules)).collect();
    unmatched(plan, &found, |rule| {
        // Of a host of which that is not written down, every rule may be.
        let is_for = |rules: &Option<Vec<u32>>| rules.as_ref().is_none_or(|rules| rules.contains(&rule));
        let mut stages = rules.iter().filter(|(_, rules)| is_for(rules)).map(|(stage, _)| *stage).peekable();
        stages.peek().is_some() && stages.all(|stage| stage == HostStage::Planned)
    })
}

fn details(host: &RunHost) -> HostDetails {
    host.details.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn host(host: RunHost) -> HostReport {
    let details = details(&host);
    HostReport {
        host: host.host,
        name: details.name,
        state: match host.stage {
            HostStage::Outstanding => HostState::Outstanding,
            HostStage::Failed => HostState::Failed,
            HostStage::Planned => HostState::Planned,
        },
        scheme: details.scheme,
        sealed: details.sealed,
        unverified_certificate: details.unverified_certificate,
        error: details.error,
        started_at: host.started_at.map(timestamp),
        finished_at: host.finished_at.map(timestamp),
        requests: details.requests,
        bytes_sent: details.bytes_sent,
        bytes_received: details.bytes_received,
    }
}

fn unit(unit: Unit) -> UnitReport {
    let ending = unit.report.as_deref().and_then(|text| Ending::read(&unit.what.verb, text));
    UnitReport {
        unit: unit.id,
        host: unit.host,
        kind: match unit.what.subject.kind {
            ledger::Kind::Vm => "vm".to_owned(),
            ledger::Kind::Group => "group".to_owned(),
        },
        id: unit.what.subject.id,
        name: unit.what.subject.name,
        verb: unit.what.verb,
        directory: unit.what.directory,
        state: match unit.stage {
            UnitStage::Running => UnitState::Running,
            UnitStage::Outstanding => UnitState::Outstanding,
            UnitStage::Ended => UnitState::Ended,
        },
        tries: unit.tries,
        started_at: unit.started_at.map(timestamp),
        finished_at: unit.finished_at.map(timestamp),
        ending,
    }
}
