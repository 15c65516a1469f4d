use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::engine::{Opener, RunDetails, warnings_of};
use super::expand::{Found, Stamp, expand, unmatched};
use super::plan::RunPlan;
use super::rule::{CreateRule, Deed, ExportRule, PointPolicy, Rule};
use crate::fleet::keeper::Keeper;
use crate::fleet::marks::{failed, owner_of};
use crate::fleet::plan::{BaseChoice, ExportPlan, PointChoice, Wanted};
use crate::fleet::preflight::on_a_drive;
use crate::fleet::preview::preview;
use crate::fleet::prune::{PruneOrder, prune};
use crate::fleet::report::{Failure, Kind};
use crate::fleet::unit::Surroundings;
use crate::hyperv::{Consistency, Directory, Host, Place, Selector};
use crate::ledger::{self, NewUnit};

/// What a run would do on a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostForecast {
    /// What the inventory calls it.
    pub host: String,
    /// Why it cannot be said.
    pub error: Option<Failure>,
    /// What a person should know of the login.
    pub warnings: Vec<String>,
    /// What would be done on it.
    pub units: Vec<UnitForecast>,
}

/// What a run would do with a machine or group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitForecast {
    /// `vm` or `group`.
    pub kind: String,
    /// Its GUID.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Which rule of the plan it follows from, counted from one.
    pub rule: u32,
    /// What would be done with it: `export`, `backup`, `create`, `prune`.
    pub verb: String,
    /// Which point: its identifier, or what is made; empty where there is none.
    pub point: String,
    /// Relative to which; nothing where all would be exported.
    pub base: Option<String>,
    /// Where the host would write; empty where nothing is written.
    pub directory: String,
    /// Which points of ours would be let go of.
    pub removes: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Why it would fail.
    pub error: Option<Failure>,
}

/// Looks at all hosts of a plan, and says what a run would do. Nothing is asked of a host that changes anything.
pub async fn foresee(
    plan: &RunPlan,
    hosts: &[(String, Vec<u32>)],
    details: &RunDetails,
    opener: &Opener,
    keeper: &Keeper,
    clock: fn() -> SystemTime,
) -> Vec<HostForecast> {
    let permits = Arc::new(Semaphore::new(plan.limits.logins));
    let stamp = Stamp { date: details.date.clone(), time: details.time.clone(), run: "RUN".to_owned() };
    let (plan, stamp) = (Arc::new(plan.clone()), Arc::new(stamp));
    let mut tasks = JoinSet::new();
    for (place, (name, rules)) in hosts.iter().cloned().enumerate() {
        let (plan, stamp, permits) = (plan.clone(), stamp.clone(), permits.clone());
        let (opener, keeper) = (opener.clone(), keeper.clone());
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let mut warnings = Vec::new();
            let looked = async {
                let host = Host::new(opener.open(&name).await?);
                warnings.extend(host.logged_in().await.iter().flat_map(|login| warnings_of(login, &name)));
                let own = host.name().await.map_err(|error| Failure::from(&error))?;
                let units = expand(&host, &name, &plan, &rules, &stamp).await?;
                let mut forecasts = Vec::new();
                let mut drives = HashMap::new();
                for unit in &units {
                    let around = Surroundings::new(&*name, &host, &keeper, clock);
                    let mut forecast = unit_of(&around, &plan, unit, &units).await;
                    if forecast.error.is_none() {
                        forecast.error = is_on_a_drive(&host, &unit.directory, &mut drives).await.err();
                    }
                    forecasts.push(forecast);
                }
                // What cannot be tidied up the host ends by itself.
                let _ = host.close().await;
                Ok::<_, Failure>((own, forecasts))
            };
            let (own, units, error) = match looked.await {
                Ok((own, units)) => (Some(own), units, None),
                Err(failure) => (None, Vec::new(), Some(failure)),
            };
            (place, own, HostForecast { host: name, error, warnings, units })
        });
    }
    let mut found = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(forecast) => found.push(forecast),
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => {}
        }
    }
    found.sort_by_key(|(place, ..)| *place);
    let mut names: HashMap<String, String> = HashMap::new();
    let mut forecasts = Vec::new();
    for (_, own, mut forecast) in found {
        if let Some(own) = own {
            let first = names.entry(own.to_uppercase()).or_insert_with(|| forecast.host.clone());
            if *first != forecast.host {
                let message = format!("the inventory has this host twice: it is {own}, as {first} is");
                forecast.units.clear();
                forecast.error = Some(Failure::new(Kind::Usage, message));
            }
        }
        forecasts.push(forecast);
    }
    forecasts
}

/// Returns the machines and groups that a plan names and that no host has, by what was foreseen of these hosts. What
/// could not be looked at may have them.
pub fn named_and_missing(
    plan: &RunPlan,
    hosts: &[(String, Vec<u32>)],
    forecasts: &[HostForecast],
) -> Vec<String> {
    let units = forecasts.iter().flat_map(|forecast| &forecast.units);
    let found: Vec<_> = units
        .map(|unit| Found {
            rule: unit.rule.saturating_sub(1),
            kind: if unit.kind == "group" { ledger::Kind::Group } else { ledger::Kind::Vm },
            id: &unit.id,
            name: &unit.name,
        })
        .collect();
    let seen: HashSet<_> =
        forecasts.iter().filter(|one| one.error.is_none()).map(|one| one.host.as_str()).collect();
    unmatched(plan, &found, |rule| {
        let mut names = hosts.iter().filter(|(_, rules)| rules.contains(&rule)).peekable();
        names.peek().is_some() && names.all(|(name, _)| seen.contains(name.as_str()))
    })
}

/// Refuses a directory on a drive that the host does not have, after one look at each drive.
async fn is_on_a_drive(
    host: &Host,
    directory: &str,
    drives: &mut HashMap<char, Option<Failure>>,
) -> Result<(), Failure> {
    let Ok(directory) = Directory::parse(directory) else { return Ok(()) };
    let Place::Drive(letter) = directory.place() else { return Ok(()) };
    let lack = match drives.get(&letter) {
        Some(lack) => lack.clone(),
        None => match on_a_drive(host, &directory).await {
            Err(failure) if failure.kind != Kind::NotFound => return Err(failure),
            looked => drives.entry(letter).or_insert(looked.err()).clone(),
        },
    };
    lack.map_or(Ok(()), Err)
}

async fn unit_of(around: &Surroundings<'_>, plan: &RunPlan, unit: &NewUnit, all: &[NewUnit]) -> UnitForecast {
    let mut forecast = UnitForecast {
        kind: match unit.subject.kind {
            ledger::Kind::Vm => "vm".to_owned(),
            ledger::Kind::Group => "group".to_owned(),
        },
        id: unit.subject.id.clone(),
        name: unit.subject.name.clone(),
        rule: unit.rule + 1,
        verb: unit.verb.clone(),
        point: String::new(),
        base: None,
        directory: unit.directory.clone(),
        removes: Vec::new(),
        warnings: Vec::new(),
        error: None,
    };
    let meets = |other: &&NewUnit| other.directory.to_lowercase() == unit.directory.to_lowercase();
    if !unit.directory.is_empty() && all.iter().filter(meets).count() > 1 {
        let message = "another machine would be written to the same directory";
        let failure = Failure::new(Kind::Usage, message).with_hint("put {id} into the plan's directory");
        forecast.error = Some(failure);
        return forecast;
    }
    if let Err(failure) = fill(around, plan, unit, all, &mut forecast).await {
        forecast.error = Some(failure);
    }
    forecast
}

async fn fill(
    around: &Surroundings<'_>,
    plan: &RunPlan,
    unit: &NewUnit,
    all: &[NewUnit],
    forecast: &mut UnitForecast,
) -> Result<(), Failure> {
    let Some(rule) = plan.rules.get(unit.rule as usize) else { return Ok(()) };
    let selector = Selector::parse(&unit.subject.id);
    let what = match unit.subject.kind {
        ledger::Kind::Vm => Wanted::Machine(selector),
        ledger::Kind::Group => Wanted::Group(selector),
    };
    let base = match &rule.deed {
        Deed::Export(ExportRule { point: PointPolicy::There(choice), base, .. }) => {
            let makes = |rule: &Rule| matches!(rule.deed, Deed::Create(_));
            let is_made = plan.rules.iter().enumerate().any(|(place, rule)| {
                makes(rule)
                    && all.iter().any(|other| other.rule as usize == place && other.subject == unit.subject)
            });
            if *choice == PointChoice::Latest && is_made {
                "the one that the run makes before".clone_into(&mut forecast.point);
                base
            } else {
                let directory = Directory::parse(&unit.directory)
                    .map_err(|error| Failure::new(Kind::Usage, error.to_string()))?;
                let mut export = ExportPlan::new(what, choice.clone(), directory);
                export.base = base.clone();
                let seen = preview(around, &export).await?;
                forecast.point = seen.point.id;
                forecast.base = seen.base.map(|base| base.id);
                forecast.warnings = seen.warnings;
                return Ok(());
            }
        }
        Deed::Export(ExportRule { point: PointPolicy::New(new), base, .. }) => {
            forecast.point = of_new(*new);
            base
        }
        Deed::Backup(rule) => {
            forecast.point =
                format!("a new one (of a checkpoint, {}-consistent)", level_name(rule.consistency));
            &rule.base
        }
        Deed::Create(new) => {
            forecast.point = of_new(*new);
            &BaseChoice::None
        }
        Deed::Prune(policy) => {
            let order = PruneOrder { what: Some(what), policy: *policy, dry_run: true };
            let pruned = prune(around, &order).await?;
            if let Some(failure) = pruned.failures().next() {
                return Err(failure.clone());
            }
            let points = pruned.owners.into_iter().flat_map(|owner| owner.points);
            forecast.removes = points.filter(|point| point.fate == "let-go").map(|point| point.id).collect();
            return Ok(());
        }
    };
    let owner = owner_of(around, &what).await?;
    let machines = around.host.machines_of(&owner).await.map_err(failed)?;
    for machine in machines {
        if let Some(busy) = machine.busy.filter(|busy| busy.is_in_the_way()) {
            forecast.warnings.push(format!("just now the host is {} {}", busy.name(), machine.name));
        }
    }
    if *base == BaseChoice::None {
        return Ok(());
    }
    let (kind, id) = (unit.subject.kind, unit.subject.id.clone());
    let is_backup = matches!(rule.deed, Deed::Backup(_));
    let last = around.keeper.with(move |ledger| match is_backup {
        true => Ok(ledger.last_sound_backup(kind, &id)?.and_then(|backup| backup.point)),
        false => Ok(ledger.last_sound(kind, &id)?.map(|export| export.point)),
    });
    let last = last.await.map_err(|error| Failure::from(&error))?;
    let marks = around.host.marks(&owner).await.map_err(failed)?;
    let is_there = |id: &String| marks.iter().any(|mark| mark.id().eq_ignore_ascii_case(id));
    let done = if is_backup { "backup" } else { "export" };
    let missing = match &last {
        Some(id) if is_there(id) => None,
        Some(id) => Some(format!("reference point {id}, of the last {done}, is no longer on the host")),
        None => Some(format!("the ledger knows of no {done} of it that ended well")),
    };
    match missing {
        None => forecast.base = last,
        Some(why) if *base == BaseChoice::LastOrNone => {
            forecast.warnings.push(format!("all of it would be exported: {why}"));
        }
        Some(why) => {
            let failure = Failure::new(Kind::NotFound, format!("no base: {why}"));
            return Err(failure.with_hint("base = \"last-or-none\" exports all of it then"));
        }
    }
    Ok(())
}

fn of_new(new: CreateRule) -> String {
    let level = level_name(new.consistency);
    format!("a new one ({}, {level}-consistent)", new.sort.wanted().name())
}

fn level_name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Application => "application",
        Consistency::Crash => "crash",
    }
}
