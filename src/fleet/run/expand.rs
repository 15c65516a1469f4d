use std::collections::HashMap;

use super::plan::RunPlan;
use super::template::Names;
use crate::fleet::report::{self, Failure};
use crate::hyperv::{Directory, Guid, Host, Selector};
use crate::ledger::{Kind, NewUnit, Subject, Unit};

/// What the names in a template become that are the same in a whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) date: String,
    pub(super) time: String,
    pub(super) run: String,
}

/// Looks at what a host has, and returns what there is to do on it by these rules.
pub(super) async fn expand(
    host: &Host,
    label: &str,
    plan: &RunPlan,
    rules: &[u32],
    stamp: &Stamp,
) -> Result<Vec<NewUnit>, Failure> {
    let rules = || rules.iter().filter_map(|number| Some((*number, plan.rules.get(*number as usize)?)));
    let all = Selector::Glob("*".to_owned());
    let failed = |error| Failure::from(&error);
    let mut things = Vec::new();
    if rules().any(|(_, rule)| !rule.machines.is_empty()) {
        let machines = host.machines(&all).await.map_err(failed)?;
        things.extend(machines.into_iter().map(|machine| (Kind::Vm, machine.id, machine.name)));
    }
    if rules().any(|(_, rule)| !rule.groups.is_empty()) {
        let groups = host.groups(&all).await.map_err(failed)?;
        things.extend(groups.into_iter().map(|group| (Kind::Group, group.id, group.name)));
    }
    let mut units = Vec::new();
    for (number, rule) in rules() {
        for (kind, id, name) in &things {
            let wanted = match kind {
                Kind::Vm => &rule.machines,
                Kind::Group => &rule.groups,
            };
            let is_meant =
                |selectors: &[Selector]| selectors.iter().any(|selector| selector.matches(id, name));
            if !is_meant(wanted) || is_meant(&rule.except) {
                continue;
            }
            let Stamp { date, time, run } = stamp;
            let names = Names { host: label, vm: name, id, date, time, run };
            let directory = rule.deed.to().map(|to| to.fill(&names)).transpose();
            let directory =
                directory.map_err(|error| Failure::new(report::Kind::Usage, format!("{name}: {error}")))?;
            units.push(NewUnit {
                subject: Subject { kind: *kind, id: id.to_string(), name: name.clone() },
                verb: rule.deed.verb().to_owned(),
                rule: number,
                directory: directory.map(|directory| directory.to_string()).unwrap_or_default(),
            });
        }
    }
    Ok(units)
}

/// Returns the units that would be written to one directory: machines may have the same name.
pub(super) fn colliding(units: &[Unit]) -> Vec<i64> {
    let mut of_directory: HashMap<String, Vec<i64>> = HashMap::new();
    for unit in units.iter().filter(|unit| !unit.what.directory.is_empty()) {
        // One directory has several spellings, and rules may have one each.
        let key = match Directory::parse(&unit.what.directory) {
            Ok(directory) => directory.folded(),
            Err(_) => unit.what.directory.to_lowercase(),
        };
        of_directory.entry(key).or_default().push(unit.id);
    }
    of_directory.into_values().filter(|units| units.len() > 1).flatten().collect()
}

/// A machine or group for which there is something to do on a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'f> {
    pub(super) rule: u32,
    pub(super) kind: Kind,
    pub(super) id: &'f str,
    pub(super) name: &'f str,
}

impl<'f> Found<'f> {
    pub(super) fn of(unit: &'f NewUnit) -> Self {
        let Subject { kind, id, name } = &unit.subject;
        Self { rule: unit.rule, kind: *kind, id, name }
    }
}

/// Returns the machines and groups that the plan names and that no host has: whoever misspelled one must hear of
/// it. Patterns may match nothing, and what a rule names is known only where all its hosts were looked at.
pub(super) fn unmatched(
    plan: &RunPlan,
    found: &[Found<'_>],
    is_looked_up: impl Fn(u32) -> bool,
) -> Vec<String> {
    let mut missing = Vec::new();
    for (number, rule) in (0u32..).zip(&plan.rules).filter(|(number, _)| is_looked_up(*number)) {
        for (kind, selectors) in [(Kind::Vm, &rule.machines), (Kind::Group, &rule.groups)] {
            for selector in selectors {
                let is_it = |found: &Found<'_>| {
                    found.rule == number
                        && found.kind == kind
                        && found.id.parse::<Guid>().is_ok_and(|id| selector.matches(&id, found.name))
                };
                if !matches!(selector, Selector::Glob(_)) && !found.iter().any(is_it) {
                    missing.push(selector.to_string());
                }
            }
        }
    }
    missing
}
