//! From an inventory and the arguments to sessions with hosts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use refpoint::client::{HostPort, Session, Target};
use refpoint::fleet::inventory::{Files, HostEntry, Inventory, Limit};
use refpoint::fleet::{Failure, Opener, RunPlan};

use super::hosts::{HostsArgs, of_inventory};
use crate::cli::connection::{MeansArgs, Who};
use crate::cli::crash;
use crate::cli::diagnosis;
use crate::cli::error::Error;
use crate::cli::ui::Ui;

/// The hosts of a run, and how to get to each.
pub(crate) struct Crew {
    /// Each host with the rules of the plan that are for it.
    pub(crate) hosts: Vec<(String, Vec<u32>)>,
    targets: HashMap<String, Result<Arc<Target>, Failure>>,
}

impl Crew {
    /// Finds the hosts that a plan means, and asks for what their logins need. A host whose settings make no sense
    /// fails by itself, later, and not the run.
    pub(crate) fn muster(
        plan: &RunPlan,
        file: Option<&Path>,
        which: &HostsArgs,
        means: &MeansArgs,
        ui: &mut Ui,
    ) -> Result<Self, Error> {
        let inventory = which.read_or(&plan.inventories, file, ui)?;
        let meant = which.limited(&inventory, ui)?;
        let rules = rules(plan, &inventory)?;
        let mut crew = Self { hosts: Vec::new(), targets: HashMap::new() };
        for entry in meant {
            let of_host: Vec<u32> = rules
                .iter()
                .filter(|(_, hosts)| hosts.contains(&&*entry.name))
                .map(|(rule, _)| *rule)
                .collect();
            if of_host.is_empty() {
                continue;
            }
            let name = entry.name.to_string();
            let target = target(entry, means, ui).map_err(|error| error.to_failure());
            crew.targets.insert(name.clone(), target.map(Arc::new));
            crew.hosts.push((name, of_host));
        }
        if crew.hosts.is_empty() {
            return Err(Error::usage("no host of the inventory is meant by any rule of the plan")
                .hint("refpoint fleet inventory shows the hosts and their groups"));
        }
        Ok(crew)
    }

    /// Returns what the inventory calls the host that is there.
    pub(crate) fn name_of(&self, place: &HostPort) -> Option<&str> {
        let is_it = |target: &Result<Arc<Target>, Failure>| {
            target.as_ref().is_ok_and(|target| HostPort::from(&target.endpoint) == *place)
        };
        let names = self.targets.iter().filter(|(_, target)| is_it(target)).map(|(name, _)| name.as_str());
        names.min()
    }

    /// Returns what opens sessions with them.
    pub(crate) fn opener(&self) -> Opener {
        let targets = self.targets.clone();
        Opener::new(move |name: &str| {
            let target = targets.get(name).cloned().unwrap_or_else(|| {
                Err(Error::usage(format!("{name} is no longer in the inventory, or no longer meant"))
                    .to_failure())
            });
            let name = name.to_owned();
            async move {
                let session = Session::open(target?).await;
                session.map_err(|error| diagnosis::of_session(error, &name).to_failure())
            }
        })
    }
}

/// Returns the rules of a plan, each with the hosts that it is for.
fn rules<'i>(plan: &RunPlan, inventory: &'i Inventory) -> Result<Vec<(u32, Vec<&'i str>)>, Error> {
    let mut rules = Vec::new();
    for (number, rule) in (0u32..).zip(&plan.rules) {
        let limit = Limit::parse(&rule.hosts, &Files::Disk).map_err(of_inventory)?;
        let (hosts, unmatched) = inventory.limited(&limit).map_err(|error| {
            of_inventory(error).hint(format!("that is what {} of the plan is for", plan.name_of(number)))
        })?;
        if let Some(word) = unmatched.first() {
            // Whoever misspells a group would find it out when its hosts are needed.
            return Err(Error::usage(format!("{}: no host or group is like {word:?}", plan.name_of(number)))
                .hint("refpoint fleet inventory shows the hosts and their groups"));
        }
        rules.push((number, hosts.into_iter().map(|host| &*host.name).collect()));
    }
    Ok(rules)
}

fn target(entry: &HostEntry, means: &MeansArgs, ui: &mut Ui) -> Result<Target, Error> {
    if let Some(refusal) = entry.refusal(&means.said()) {
        let error = Error::usage(refusal.to_string());
        return Err(match refusal.way_out() {
            Some(way_out) => error.hint(way_out),
            None => error,
        });
    }
    let settings = &entry.settings;
    let endpoint = MeansArgs::endpoint(settings)?;
    if settings.delegate.as_ref().is_some_and(|delegate| delegate.value) {
        ui.warn(&format!("{}: credentials are not delegated; nothing here needs it", entry.name));
    }
    let mut target = means.over(settings, endpoint.protocol()).target(&endpoint, Who::User, ui)?;
    target.deadline = None;
    if let Some(point) = crash::Point::of_requests() {
        target.tap = Some(point.into_tap());
    }
    Ok(target)
}
