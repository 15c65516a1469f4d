//! Groups and hosts as they are read, and who belongs to whom.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Error;
use super::range;
use super::value::{Origin, Place, Scope, Value, Variable};

/// Variables by name.
pub(super) type Variables = BTreeMap<String, Arc<Variable>>;

/// What all sources together have said so far.
pub(super) struct Graph {
    pub(super) groups: Vec<Group>,
    pub(super) hosts: Vec<Host>,
    pub(super) warnings: Vec<String>,
    group_places: HashMap<Arc<str>, usize>,
    host_places: HashMap<Arc<str>, usize>,
}

pub(super) struct Group {
    pub(super) name: Arc<str>,
    /// Those that stand in it themselves.
    pub(super) hosts: Vec<usize>,
    pub(super) children: Vec<usize>,
    pub(super) parents: Vec<usize>,
    pub(super) variables: Variables,
    pub(super) priority: i64,
    members: HashSet<usize>,
}

pub(super) struct Host {
    pub(super) name: Arc<str>,
    pub(super) variables: Variables,
    pub(super) dialect: Dialect,
}

/// Whose defaults hold for a host: those of who named it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Ansible's: https on 5986.
    Ansible,
    /// Ours: http on 5985, sealed.
    Own,
}

/// The group that everybody is in.
pub(super) const ALL: usize = 0;
/// The group of those who are in no other.
pub(super) const UNGROUPED: usize = 1;
/// More than any fleet has.
pub(super) const MOST_HOSTS: usize = 100_000;

impl Graph {
    pub(super) fn new() -> Self {
        let mut graph = Self {
            groups: Vec::new(),
            hosts: Vec::new(),
            warnings: Vec::new(),
            group_places: HashMap::new(),
            host_places: HashMap::new(),
        };
        for name in ["all", "ungrouped"] {
            graph.group(name);
        }
        graph.link(ALL, UNGROUPED);
        graph
    }

    pub(super) fn find_group(&self, name: &str) -> Option<usize> {
        self.group_places.get(name).copied()
    }

    pub(super) fn find_host(&self, name: &str) -> Option<usize> {
        self.host_places.get(name).copied()
    }

    /// Returns the group of a name, which is there from now on.
    pub(super) fn group(&mut self, name: &str) -> usize {
        if let Some(at) = self.find_group(name) {
            return at;
        }
        let name: Arc<str> = name.into();
        self.group_places.insert(name.clone(), self.groups.len());
        self.groups.push(Group {
            name,
            hosts: Vec::new(),
            children: Vec::new(),
            parents: Vec::new(),
            variables: Variables::new(),
            priority: 1,
            members: HashSet::new(),
        });
        self.groups.len() - 1
    }

    /// Adds the hosts of a pattern to a group. A port counts only for those that are new, as with Ansible.
    pub(super) fn add_pattern(
        &mut self,
        pattern: &str,
        group: usize,
        dialect: Dialect,
        place: &Place,
    ) -> Result<Vec<Arc<str>>, Error> {
        let wrong = |what: String| Error::syntax(place.clone(), format!("host {pattern:?}: {what}"));
        let (names, port) = range::expand(pattern, MOST_HOSTS).map_err(wrong)?;
        if names.is_empty() {
            self.warnings.push(format!("{place}: {pattern} stands for no host"));
        }
        if port.is_none() && pattern.trim_end().ends_with(':') {
            return Err(wrong("behind the colon a port is missing".to_owned()));
        }
        let mut added = Vec::new();
        for name in names {
            added.push(self.add_host(&name, group, port, dialect, place)?);
        }
        Ok(added)
    }

    /// Adds a host to a group.
    pub(super) fn add_host(
        &mut self,
        name: &str,
        group: usize,
        port: Option<u16>,
        dialect: Dialect,
        place: &Place,
    ) -> Result<Arc<str>, Error> {
        if name.is_empty() || name.trim() == "---" {
            return Err(Error::syntax(place.clone(), format!("{name:?} is no name of a host")));
        }
        let at = match self.find_host(name) {
            Some(at) => at,
            None => {
                if self.hosts.len() >= MOST_HOSTS {
                    return Err(Error::TooManyHosts);
                }
                let name: Arc<str> = name.into();
                self.host_places.insert(name.clone(), self.hosts.len());
                let mut host = Host { name: name.clone(), variables: Variables::new(), dialect };
                if let Some(port) = port {
                    let origin = Origin::new(Scope::Host(name), place);
                    let value = Value::Int(i64::from(port));
                    host.variables.insert("ansible_port".to_owned(), Arc::new(Variable { value, origin }));
                }
                self.hosts.push(host);
                self.hosts.len() - 1
            }
        };
        self.join(group, at);
        Ok(self.hosts[at].name.clone())
    }

    fn join(&mut self, group: usize, host: usize) {
        let group = &mut self.groups[group];
        if group.members.insert(host) {
            group.hosts.push(host);
        }
    }

    fn link(&mut self, parent: usize, child: usize) {
        if !self.groups[parent].children.contains(&child) {
            self.groups[parent].children.push(child);
            self.groups[child].parents.push(parent);
        }
    }

    /// Puts a group below another, unless that would make a ring.
    pub(super) fn add_child(&mut self, parent: usize, child: usize, place: &Place) -> Result<(), Error> {
        if parent == child || self.ancestors(parent).contains(&child) {
            let (child, parent) = (&self.groups[child].name, &self.groups[parent].name);
            return Err(Error::syntax(
                place.clone(),
                format!("group {child} cannot be below {parent}: {parent} is below it"),
            ));
        }
        self.link(parent, child);
        Ok(())
    }

    /// Sets a variable of a group.
    pub(super) fn set_of_group(
        &mut self,
        group: usize,
        name: &str,
        value: Value,
        place: &Place,
    ) -> Result<(), Error> {
        let group = &mut self.groups[group];
        if name == "ansible_group_priority" {
            let number = value.to_text().and_then(|text| text.trim().parse().ok());
            group.priority = number
                .ok_or_else(|| Error::syntax(place.clone(), "ansible_group_priority is no whole number"))?;
            return Ok(());
        }
        let origin = Origin::new(Scope::Group(group.name.clone()), place);
        group.variables.insert(name.to_owned(), Arc::new(Variable { value: value.named(name), origin }));
        Ok(())
    }

    /// Sets a variable of a host as Ansible does: of the group of that name, where there is one.
    pub(super) fn set_of_name(
        &mut self,
        host: &str,
        name: &str,
        value: Value,
        place: &Place,
    ) -> Result<(), Error> {
        match self.find_group(host) {
            Some(group) => self.set_of_group(group, name, value, place),
            None => {
                self.set_of_host(host, name, value, place);
                Ok(())
            }
        }
    }

    /// Sets a variable of a host.
    pub(super) fn set_of_host(&mut self, host: &str, name: &str, value: Value, place: &Place) {
        let Some(at) = self.find_host(host) else { return };
        let origin = Origin::new(Scope::Host(self.hosts[at].name.clone()), place);
        let variable = Variable { value: value.named(name), origin };
        self.hosts[at].variables.insert(name.to_owned(), Arc::new(variable));
    }

    /// Puts what stands nowhere below `all`, and who is in no group into `ungrouped`.
    pub(super) fn settle(&mut self) {
        for group in 1..self.groups.len() {
            if self.groups[group].parents.is_empty() {
                self.link(ALL, group);
            }
        }
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.hosts.len()];
        for (at, group) in self.groups.iter().enumerate() {
            group.hosts.iter().for_each(|host| groups[*host].push(at));
        }
        let mut ungrouped: HashSet<usize> = HashSet::new();
        for (host, groups) in groups.iter().enumerate() {
            let is_only_here = groups.iter().all(|group| matches!(*group, ALL | UNGROUPED));
            match (is_only_here, groups.contains(&UNGROUPED)) {
                (true, true) => drop(ungrouped.insert(host)),
                (true, false) => match self.find_group(&self.hosts[host].name.clone()) {
                    Some(group) => self.link(UNGROUPED, group),
                    None => {
                        ungrouped.insert(host);
                        self.join(UNGROUPED, host);
                    }
                },
                (false, _) => {}
            }
        }
        self.groups[UNGROUPED].hosts.retain(|host| ungrouped.contains(host));
        for host in &self.hosts {
            if self.group_places.contains_key(&host.name) {
                self.warnings.push(format!("{} is both a group and a host", host.name));
            }
        }
    }

    /// Returns the groups above a group.
    pub(super) fn ancestors(&self, group: usize) -> HashSet<usize> {
        let mut seen = HashSet::new();
        let mut pending = self.groups[group].parents.clone();
        while let Some(group) = pending.pop() {
            if seen.insert(group) {
                pending.extend(&self.groups[group].parents);
            }
        }
        seen
    }

    /// Returns how far each group is below `all`, on its longest way.
    pub(super) fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; self.groups.len()];
        let mut open: Vec<usize> = self.groups.iter().map(|group| group.parents.len()).collect();
        let mut pending: Vec<usize> = (0..self.groups.len()).filter(|group| open[*group] == 0).collect();
        while let Some(group) = pending.pop() {
            for child in &self.groups[group].children {
                depths[*child] = depths[*child].max(depths[group] + 1);
                open[*child] -= 1;
                if open[*child] == 0 {
                    pending.push(*child);
                }
            }
        }
        depths
    }

    /// Returns the hosts of a group and of those below it, each once, level by level.
    pub(super) fn hosts_of(&self, group: usize) -> Vec<usize> {
        let mut order = vec![group];
        let mut seen_groups = HashSet::from([group]);
        let mut next = 0;
        while let Some(group) = order.get(next).copied() {
            order.extend(self.groups[group].children.iter().filter(|child| seen_groups.insert(**child)));
            next += 1;
        }
        let mut seen = HashSet::new();
        let hosts = order.iter().flat_map(|group| &self.groups[*group].hosts).copied();
        hosts.filter(|host| seen.insert(*host)).collect()
    }

    /// Returns the groups that each host is in, itself or through one below.
    pub(super) fn groups_of_hosts(&self) -> Vec<Vec<usize>> {
        let mut groups = vec![Vec::new(); self.hosts.len()];
        for group in 0..self.groups.len() {
            for host in self.hosts_of(group) {
                groups[host].push(group);
            }
        }
        groups
    }
}
