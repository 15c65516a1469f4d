use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::Error;
use super::beside::Folders;
use super::entry::HostEntry;
use super::files::{Files, Source};
use super::graph::{ALL, Graph, Variables};
use super::limit::Limit;
use super::read;
use super::value::{Origin, Value};

/// The hosts of a fleet, each with all that was said of it.
pub struct Inventory {
    hosts: Vec<HostEntry>,
    /// The places of the graph's hosts among those of the inventory.
    places: Vec<usize>,
    graph: Graph,
    warnings: Vec<String>,
}

/// A group of an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// Its name.
    pub name: Arc<str>,
    /// The hosts that stand in it themselves.
    pub hosts: Vec<Arc<str>>,
    /// The groups right below it.
    pub children: Vec<Arc<str>>,
}

impl Inventory {
    /// Reads all sources, of which the later ones count more.
    pub fn read(sources: &[Source], files: &Files) -> Result<Self, Error> {
        let mut graph = Graph::new();
        let mut bases = Vec::new();
        let mut read_files = Vec::new();
        for source in sources {
            bases.extend(read::source(source, files, &mut graph, &mut read_files)?);
        }
        graph.settle();
        let mut folders = Folders::new(files, bases);
        let merged = merge(&graph, &mut folders)?;
        read_files.append(&mut folders.read);
        for host in &merged {
            holds_no_login(host)?;
        }
        let mut warnings = std::mem::take(&mut graph.warnings);
        warnings.extend(open_files(&read_files, files, &merged));
        let order = graph.hosts_of(ALL);
        let mut places = vec![0; graph.hosts.len()];
        let mut merged: Vec<_> = merged.into_iter().map(Some).collect();
        let mut hosts = Vec::with_capacity(order.len());
        for (place, host) in order.into_iter().enumerate() {
            places[host] = place;
            hosts.extend(merged[host].take());
        }
        Ok(Self { hosts, places, graph, warnings })
    }

    /// Returns all hosts, in the order of the inventory.
    pub fn hosts(&self) -> &[HostEntry] {
        &self.hosts
    }

    /// Returns a host.
    pub fn host(&self, name: &str) -> Option<&HostEntry> {
        self.graph.find_host(name).map(|at| &self.hosts[self.places[at]])
    }

    /// Returns the hosts that a pattern leaves, in the order of the inventory, and the words of it that match
    /// nothing. It is an error if no host is left.
    pub fn limited(&self, limit: &Limit) -> Result<(Vec<&HostEntry>, Vec<String>), Error> {
        let (chosen, unmatched) = limit.hosts(&self.graph)?;
        if chosen.is_empty() {
            return Err(Error::NoMatch(limit.as_str().to_owned()));
        }
        let chosen: HashSet<usize> = chosen.into_iter().map(|host| self.places[host]).collect();
        let hosts = self.hosts.iter().enumerate().filter(|(place, _)| chosen.contains(place));
        Ok((hosts.map(|(_, host)| host).collect(), unmatched))
    }

    /// Returns all groups.
    pub fn groups(&self) -> Vec<GroupEntry> {
        let group_name = |at: &usize| self.graph.groups[*at].name.clone();
        let host_name = |at: &usize| self.graph.hosts[*at].name.clone();
        let groups = self.graph.groups.iter();
        groups
            .map(|group| GroupEntry {
                name: group.name.clone(),
                hosts: group.hosts.iter().map(host_name).collect(),
                children: group.children.iter().map(group_name).collect(),
            })
            .collect()
    }

    /// Returns what a person should know of the inventory as a whole.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Names and addresses are shown, and written down with each run: a login in one is refused before that.
fn holds_no_login(host: &HostEntry) -> Result<(), Error> {
    let address = &host.settings.address;
    if !has_password(&host.name) && !has_password(&address.value) {
        return Ok(());
    }
    Err(Error::LoginInAddress {
        file: address.origin.file.as_deref().map(Into::into),
        line: address.origin.line,
    })
}

/// Says whether there is a password in it as in `http://user:password@host`.
fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let login = rest.rsplit_once('@').map(|(login, _)| login);
    login.and_then(|login| login.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}

/// Puts together what was said of each host: Ansible's order, in which what comes later counts.
fn merge(graph: &Graph, folders: &mut Folders<'_>) -> Result<Vec<HostEntry>, Error> {
    let depths = graph.depths();
    let mut entries = Vec::with_capacity(graph.hosts.len());
    for (host, mut groups) in graph.hosts.iter().zip(graph.groups_of_hosts()) {
        groups.retain(|group| *group != ALL);
        groups.sort_by(|a, b| {
            let key = |at: usize| (depths[at], graph.groups[at].priority, &graph.groups[at].name);
            key(*a).cmp(&key(*b))
        });
        let mut variables = Variables::new();
        let mut locked: Vec<Origin> = Vec::new();
        let take = |variables: &mut Variables, more: &Variables| {
            variables.extend(more.iter().map(|(name, variable)| (name.clone(), variable.clone())));
        };
        take(&mut variables, &graph.groups[ALL].variables);
        groups.iter().for_each(|group| take(&mut variables, &graph.groups[*group].variables));
        for base in 0..folders.count() {
            let beside = folders.of_group(base, &graph.groups[ALL].name)?;
            take(&mut variables, &beside.variables);
            locked.extend(beside.locked.iter().cloned());
        }
        for base in 0..folders.count() {
            for group in &groups {
                let beside = folders.of_group(base, &graph.groups[*group].name)?;
                take(&mut variables, &beside.variables);
                locked.extend(beside.locked.iter().cloned());
            }
        }
        take(&mut variables, &host.variables);
        for base in 0..folders.count() {
            let beside = folders.of_host(base, &host.name)?;
            take(&mut variables, &beside.variables);
            locked.extend(beside.locked);
        }
        let mut names: Vec<_> = groups.iter().map(|group| graph.groups[*group].name.clone()).collect();
        names.sort();
        entries.push(HostEntry::new(host.name.clone(), names, variables, &locked, host.dialect));
    }
    Ok(entries)
}

/// Returns a warning for each file that holds a password and that others may read.
fn open_files(read: &[PathBuf], files: &Files, hosts: &[HostEntry]) -> Vec<String> {
    let secrets = hosts.iter().flat_map(|host| host.variables.values());
    let secrets = secrets.filter(|variable| matches!(variable.value, Value::Secret(_)));
    let holders: HashSet<_> = secrets.filter_map(|variable| variable.origin.file.as_deref()).collect();
    let mut seen = HashSet::new();
    let open = read.iter().filter(|file| holders.contains(file.as_path()) && seen.insert(file.as_path()));
    open.filter_map(|file| {
        let mode = files.facts(file).open_mode?;
        let file = file.display();
        Some(format!("others may read {file}, in which a password stands (mode {mode:03o}): chmod 600 it"))
    })
    .collect()
}
