//! What stands on one host at a moment, and how it changes with time.
//!
//! A host that nobody has asked anything has no world; the first request makes one of the scenario. From then
//! on [`World::advance`] brings it to the present before anything is read: jobs end, what they made is there,
//! ended jobs go away.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::config::Config;
use super::plain::Plain;
use super::provider::files::Files;
use super::provider::job::Job;
use super::registry::Registry;
use super::scenario::{CheckpointKind, DiskKind, MachineState, PointKind, Scenario};
use super::site::{Identifiers, Site, vary};

/// The number of an object that may go away; never used again.
pub(super) type Serial = u32;

/// What stands on a host.
pub(super) struct World {
    pub(super) machines: Vec<Machine>,
    pub(super) groups: BTreeMap<Serial, Group>,
    pub(super) points: BTreeMap<Serial, Point>,
    pub(super) collections: BTreeMap<Serial, PointCollection>,
    pub(super) checkpoints: BTreeMap<Serial, Checkpoint>,
    pub(super) checkpoint_collections: BTreeMap<Serial, CheckpointCollection>,
    pub(super) jobs: BTreeMap<Serial, Job>,
    pub(super) files: Files,
    /// What Windows has beside Hyper-V.
    pub(super) plain: Plain,
    pub(super) registry: Registry,
    /// `winrm/config`.
    pub(super) config: Config,
    pub(super) identifiers: Identifiers,
    /// The points that a machine had when its configuration was exported, by the file's path in lower case.
    pub(super) exported: HashMap<String, Vec<Remembered>>,
    /// Until when the management service is not there.
    pub(super) restarting: Option<Duration>,
    /// How often it has been started anew.
    pub(super) restarts: u32,
    /// How often each rule of the scenario has fitted a call.
    pub(super) fitted: Vec<u32>,
    next: Serial,
}

/// A virtual machine.
pub(super) struct Machine {
    /// The GUID.
    pub(super) id: String,
    pub(super) name: String,
    /// `EnabledState`.
    pub(super) state: u16,
    pub(super) state_since: Duration,
    /// What the scenario or an upset keeps it busy with.
    pub(super) busy: Option<u16>,
    pub(super) merging_until: Option<Duration>,
    /// An export without storage has switched merging off.
    pub(super) merge_disabled: bool,
    pub(super) version: String,
    pub(super) generation: u8,
    pub(super) incremental_backup: bool,
    pub(super) created: Option<crate::cim::Timestamp>,
    pub(super) disks: Vec<Disk>,
}

/// A disk of a machine.
pub(super) struct Disk {
    /// The `InstanceID`, which names the slot.
    pub(super) id: String,
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) used: u64,
    pub(super) changed: u64,
    pub(super) location: u8,
    pub(super) kind: DiskKind,
    /// The part of its tracking ids that stays the same.
    pub(super) tracking: String,
    /// How many points have been made of it.
    pub(super) generation: u32,
}

/// A group of machines, or of groups.
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
    /// The places of its machines.
    pub(super) members: Vec<usize>,
    /// Of a group of groups, which has no machines.
    pub(super) groups: Option<Vec<Serial>>,
}

/// A reference point.
pub(super) struct Point {
    /// The `InstanceID`.
    pub(super) id: String,
    pub(super) guid: String,
    /// The place of its machine.
    pub(super) machine: usize,
    /// 1 log, 2 change tracking.
    pub(super) kind: u16,
    pub(super) consistency: u16,
    pub(super) has_data: bool,
    pub(super) name: Option<String>,
    pub(super) disks: Vec<String>,
    pub(super) tracking: Vec<String>,
}

/// What a configuration file keeps of a point.
#[derive(Clone)]
pub(super) struct Remembered {
    pub(super) guid: String,
    pub(super) kind: u16,
    pub(super) consistency: u16,
}

/// A collection of reference points.
pub(super) struct PointCollection {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) group: Serial,
    pub(super) points: Vec<Serial>,
    pub(super) kind: u16,
    pub(super) consistency: u16,
}

/// A checkpoint.
pub(super) struct Checkpoint {
    pub(super) guid: String,
    pub(super) machine: usize,
    pub(super) name: String,
    pub(super) is_recovery: bool,
    pub(super) consistency: u16,
    pub(super) created: Duration,
}

/// A collection of checkpoints.
pub(super) struct CheckpointCollection {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) group: Serial,
    pub(super) checkpoints: Vec<Serial>,
    pub(super) is_recovery: bool,
    pub(super) consistency: u16,
}

impl World {
    /// Makes the world of a host out of the scenario.
    pub(super) fn new(site: Site<'_>) -> Self {
        let scenario = site.scenario;
        let mut world = Self {
            machines: Vec::new(),
            groups: BTreeMap::new(),
            points: BTreeMap::new(),
            collections: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            checkpoint_collections: BTreeMap::new(),
            jobs: BTreeMap::new(),
            files: Files::new(&scenario.host),
            plain: Plain::new(),
            registry: Registry::new(scenario.host.build),
            config: Config::new(scenario),
            identifiers: Identifiers::new(site.index, scenario.host.seed),
            exported: HashMap::new(),
            restarting: None,
            restarts: 0,
            fitted: vec![0; scenario.jobs.len()],
            next: 1,
        };
        // The first machine of each kind stands at the same place as its kind, where names are looked up.
        for copy in 0..scenario.machines.iter().map(|kind| kind.count).max().unwrap_or(0).max(1) {
            for kind in scenario.machines.iter().filter(|kind| copy < kind.count.max(1)) {
                world.machines.push(Machine::new(kind, copy, site));
            }
        }
        for file in world.machines.iter().flat_map(|machine| &machine.disks) {
            world.files.stands(&file.file, file.used);
        }
        world.populate(scenario, site);
        world.furnish(site);
        world
    }

    fn populate(&mut self, scenario: &Scenario, site: Site<'_>) {
        let mut serials_of_points = Vec::new();
        for plan in &scenario.points {
            let Some(at) = scenario.machine(&plan.machine) else { continue };
            let serial = self.serial();
            let guid = site.guid(&plan.id);
            let covered = plan.disks.clone().unwrap_or_else(|| (0..self.machines[at].disks.len()).collect());
            let mut point = self.new_point(at, plan.kind.number(), plan.consistency.number(), guid, site);
            point.name.clone_from(&plan.name);
            point.has_data = plan.kind == PointKind::Log && plan.data;
            point.disks = covered.iter().map(|disk| self.machines[at].disks[*disk].id.clone()).collect();
            if plan.kind == PointKind::Rct {
                let tracking = covered.iter().map(|disk| self.machines[at].disks[*disk].tracking_id());
                point.tracking = plan.tracking.clone().unwrap_or_else(|| tracking.collect());
            }
            serials_of_points.push((plan.id.clone(), serial));
            self.points.insert(serial, point);
        }
        let mut serials_of_groups = Vec::new();
        for plan in &scenario.groups {
            let serial = self.serial();
            let members = plan.members.iter().filter_map(|name| scenario.machine(name)).collect();
            let group = Group { id: site.guid(&plan.id), name: plan.name.clone(), members, groups: None };
            self.groups.insert(serial, group);
            serials_of_groups.push(serial);
        }
        for plan in &scenario.collections {
            let serial = self.serial();
            let Some(group) = scenario.group(&plan.group).map(|at| serials_of_groups[at]) else { continue };
            let find =
                |id: &String| serials_of_points.iter().find(|(known, _)| known.eq_ignore_ascii_case(id));
            let points: Vec<_> = plan.points.iter().filter_map(find).map(|(_, serial)| *serial).collect();
            let first = points.first().and_then(|serial| self.points.get(serial));
            let (kind, consistency) = first.map_or((2, 1), |point| (point.kind, point.consistency));
            let name = plan.name.clone();
            let collection =
                PointCollection { id: site.guid(&plan.id), name, group, points, kind, consistency };
            self.collections.insert(serial, collection);
        }
        for plan in &scenario.checkpoints {
            let Some(machine) = scenario.machine(&plan.machine) else { continue };
            let serial = self.serial();
            let checkpoint = Checkpoint {
                guid: site.guid(&plan.id),
                machine,
                name: plan.name.clone(),
                is_recovery: plan.kind == CheckpointKind::Recovery,
                consistency: 1,
                created: Duration::ZERO,
            };
            self.checkpoints.insert(serial, checkpoint);
        }
    }

    /// Returns the number for an object that is new.
    pub(super) fn serial(&mut self) -> Serial {
        let serial = self.next;
        self.next += 1;
        serial
    }

    /// Returns a point of all disks of a machine as they are now.
    pub(super) fn new_point(
        &mut self,
        machine: usize,
        kind: u16,
        consistency: u16,
        guid: String,
        site: Site<'_>,
    ) -> Point {
        let of = &mut self.machines[machine];
        for disk in &mut of.disks {
            disk.generation += 1;
        }
        let is_rct = kind == PointKind::Rct.number();
        let is_tracked = is_rct && site.questions().new_points_have_tracking_ids;
        let tracking = of.disks.iter().filter(|_| is_tracked).map(Disk::tracking_id).collect();
        Point {
            id: site.point_id(&of.id, &guid),
            guid,
            machine,
            kind,
            consistency,
            has_data: !is_rct,
            name: None,
            disks: of.disks.iter().map(|disk| disk.id.clone()).collect(),
            tracking,
        }
    }

    /// Returns the place of the machine of a GUID.
    pub(super) fn machine_of(&self, id: &str) -> Option<usize> {
        self.machines.iter().position(|machine| machine.id.eq_ignore_ascii_case(id))
    }

    /// Returns what keeps a machine busy, as the second entry of its `OperationalStatus` tells.
    pub(super) fn busy(&self, machine: usize, now: Duration) -> Option<u16> {
        let of = &self.machines[machine];
        let of_job = || {
            let jobs = self.jobs.values().filter(|job| job.is_at_work() && job.machines.contains(&machine));
            jobs.filter_map(|job| job.kind.busy()).next()
        };
        let merging = || of.merging_until.filter(|until| *until > now).map(|_| 32772);
        of.busy.or_else(of_job).or_else(merging)
    }

    /// Brings the world to a moment: begins and ends jobs in the order of time, and removes those that have gone.
    pub(super) fn advance(&mut self, site: Site<'_>) {
        loop {
            let due = |job: &Job| job.next_change(site.scenario).filter(|due| *due <= site.now);
            let next = self.jobs.iter().filter_map(|(serial, job)| Some((due(job)?, *serial))).min();
            let Some((at, serial)) = next else { break };
            self.change_job(serial, at, site);
        }
        let removal = site.scenario.limits.job_removal;
        self.jobs.retain(|_, job| job.ended.as_ref().is_none_or(|ended| ended.at + removal > site.now));
        if self.restarting.is_some_and(|until| until <= site.now) {
            self.restarting = None;
        }
    }
}

impl Machine {
    /// Returns a machine of a kind; `copy` counts those after the first.
    fn new(kind: &super::scenario::Machine, copy: u32, site: Site<'_>) -> Self {
        // Copies differ in other bits than hosts do, so that no two of a fleet are alike.
        let id = site.guid(&vary(&kind.id, copy.reverse_bits()));
        let (name, directory) = match copy {
            0 => (kind.name.clone(), String::new()),
            _ => (format!("{}-{:05}", kind.name, copy + 1), format!("-{:05}", copy + 1)),
        };
        let mut next = 0;
        let disks = kind.disks.iter().enumerate().map(|(at, plan)| {
            let location = plan.location.unwrap_or(next);
            next = location + 1;
            let used = plan.used.unwrap_or(plan.size / 2);
            let number = u32::try_from(at).unwrap_or(0);
            Disk {
                id: format!("Microsoft:{id}\\{}\\{}\\{location}\\L", plan.controller, plan.number),
                file: with_suffix(&plan.file, &directory),
                size: plan.size,
                used,
                changed: plan.changed.unwrap_or(used / 20),
                location,
                kind: plan.kind,
                tracking: vary(&id, number + 1).to_lowercase().replace('-', ":"),
                generation: 0,
            }
        });
        Self {
            disks: disks.collect(),
            name,
            state: kind.state.number(),
            state_since: Duration::ZERO,
            busy: kind.busy.map(super::scenario::Busy::number),
            merging_until: None,
            merge_disabled: false,
            version: kind.version.clone(),
            generation: kind.generation,
            incremental_backup: kind.incremental_backup,
            created: kind.created,
            id,
        }
    }

    /// Returns whether it runs, so that a guest could be asked to be consistent.
    pub(super) fn is_running(&self) -> bool {
        self.state == MachineState::Running.number()
    }
}

impl Disk {
    /// Returns the change-tracking id of the latest point of this disk.
    pub(super) fn tracking_id(&self) -> String {
        format!("rctX:{}:{:08}", self.tracking, self.generation)
    }

    /// Returns the file name without directories.
    pub(super) fn file_name(&self) -> &str {
        self.file.rsplit('\\').next().unwrap_or(&self.file)
    }
}

/// Returns a file in a directory of another name: `D:\VMs\web01\os.vhdx` becomes `D:\VMs\web01-00002\os.vhdx`.
fn with_suffix(file: &str, suffix: &str) -> String {
    match file.rsplit_once('\\') {
        Some((directory, name)) => format!("{directory}{suffix}\\{name}"),
        None => file.to_owned(),
    }
}
