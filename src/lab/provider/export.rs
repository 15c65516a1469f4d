//! Exports: what is written where, and the receipt that says so.

use crate::cim::{Instance, ObjectPath, Value};

use super::super::draft::Draft;
use super::super::scenario::{DiskKind, PointKind};
use super::super::site::{BUILD_1709, Site};
use super::super::store::{Object, Service};
use super::super::world::{Disk, Machine, Remembered, Serial, World};
use super::files::{Files, Refused, is_qualified, plain};
use super::job::{Fate, JobKind, NewJob, Work};
use super::{Call, Code, Returned};

/// What an export has written, or is writing.
pub(in crate::lab) struct Receipt {
    /// As the caller spelled it.
    directory: String,
    /// The name and GUID of what is exported, for messages.
    name: String,
    machines: Vec<String>,
    group: Option<String>,
    /// The GUID of the point, or of the collection.
    point: String,
    base: Option<String>,
    disks: Vec<String>,
    logs: Vec<String>,
    configs: Vec<String>,
    runtimes: Vec<String>,
    guest_states: Vec<String>,
    /// Every file with its size.
    written: Vec<(String, u64)>,
}

impl Receipt {
    fn new(directory: &str, name: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
            machines: Vec::new(),
            group: None,
            point: String::new(),
            base: None,
            disks: Vec::new(),
            logs: Vec::new(),
            configs: Vec::new(),
            runtimes: Vec::new(),
            guest_states: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Returns the files and what they take.
    pub(super) fn written(&self) -> impl Iterator<Item = (&str, u64)> {
        self.written.iter().map(|(path, size)| (path.as_str(), *size))
    }

    /// Asks whether its files can be written now; those of which no part can are not its files.
    pub(super) fn may_be_written(&mut self, files: &Files, site: Site<'_>) -> Result<(), Refused> {
        let allowed = files.may_write(&self.directory, self.written(), site);
        if allowed.is_err_and(|refused| refused.percent == 0) {
            self.written.clear();
        }
        allowed
    }

    fn bytes(&self) -> u64 {
        self.written.iter().map(|(_, size)| size).sum()
    }

    /// Returns the name and the GUID of what is exported.
    pub(super) fn subject(&self) -> (&str, &str) {
        (&self.name, self.machines.first().map_or("", String::as_str))
    }

    /// Writes the files of a machine below a directory, and its disks in it.
    fn add_machine(
        &mut self,
        machine: &Machine,
        disks: &[&Disk],
        is_difference: bool,
        below: &str,
        site: Site<'_>,
    ) {
        let below = plain(below);
        let directory = below.trim_end_matches('\\');
        self.machines.push(machine.id.clone());
        let mut logs = Vec::new();
        for disk in disks {
            let path = format!("{directory}\\{}", disk.file_name());
            let size = if is_difference { disk.changed } else { disk.used };
            self.disks.push(disk.id.clone());
            logs.push(path.clone());
            self.written.push((path, size));
        }
        if !site.questions().files_in_order_of_disks {
            logs.reverse();
        }
        self.logs.append(&mut logs);
        let of_machine =
            |extension: &str| format!("{directory}\\Virtual Machines\\{}.{extension}", machine.id);
        let mut add = |list: &mut Vec<String>, extension: &str, size| {
            list.push(of_machine(extension));
            self.written.push((of_machine(extension), size));
        };
        add(&mut self.configs, "vmcx", 90_000);
        add(&mut self.runtimes, "VMRS", 50_000);
        if site.build() >= BUILD_1709 {
            add(&mut self.guest_states, "vmgs", 4_194_816);
        }
    }

    /// Says in a job what has been exported; what was written only when it is there.
    pub(super) fn describe(&self, draft: &mut Draft, is_filled: bool, has_guest_states: bool) {
        draft.set("ExportDirectory", self.directory.as_str());
        let text = |text: Option<&String>| text.map_or(Value::Null, |text| text.as_str().into());
        match &self.group {
            None => {
                draft
                    .set("VirtualMachineId", text(self.machines.first()))
                    .set("ReferencePointId", self.point.as_str())
                    .set("BaseReferencePointId", text(self.base.as_ref()));
            }
            Some(group) => {
                draft
                    .set("CollectionId", group.as_str())
                    .set("VirtualMachineId", self.machines.clone())
                    .set("ReferencePointGroupId", self.point.as_str())
                    .set("BaseReferencePointGroupId", text(self.base.as_ref()));
            }
        }
        if !is_filled {
            return;
        }
        draft.set("ExportedDisks", self.disks.clone()).set("ExportedLogFilePaths", self.logs.clone());
        match &self.group {
            None => {
                draft
                    .set("ExportedConfigFilePath", text(self.configs.first()))
                    .set("ExportedRuntimeFilePath", text(self.runtimes.first()));
                if has_guest_states {
                    draft.set("ExportedGuestStateFilePath", text(self.guest_states.first()));
                }
            }
            Some(_) => {
                draft
                    .set("ExportedConfigFilePaths", self.configs.clone())
                    .set("ExportedRuntimeFilePaths", self.runtimes.clone());
                if has_guest_states {
                    draft.set("ExportedGuestStateFilePaths", self.guest_states.clone());
                }
            }
        }
    }
}

impl World {
    /// `ExportReferencePoint` of a machine's point.
    pub(super) fn export_point(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let questions = site.questions();
        let object = call.object_of(self, "ReferencePoint", "Msvm_VirtualSystemReferencePoint")?;
        let Object::Point(serial) = object else { return Err(Code::IncorrectType) };
        let directory = export_directory(call)?;
        let class = "Msvm_VirtualSystemReferencePointExportSettingData";
        let settings = call.settings("ExportSettingData", class)?;
        if settings.is_none() && !questions.settings_may_be_empty {
            return Err(Code::InvalidParameter);
        }
        let settings = settings.unwrap_or_else(|| Instance::new(class));
        let base = match settings.text("BaseReferencePoint") {
            None | Some("") => None,
            Some(path) => Some(self.base_point(path, serial, site)?),
        };
        let held: Vec<Object> = [Some(serial), base].into_iter().flatten().map(Object::Point).collect();
        self.require_free(&held, true)?;
        let asked: Vec<String> = settings.texts("DisksToExport").map(str::to_owned).collect();
        self.require_exportable(serial, base, site)?;
        let disks = self.disks_to_export(serial, &asked, site)?;
        let point = &self.points[&serial];
        let machine = &self.machines[point.machine];
        self.require_idle(point.machine, site)?;
        let disks: Vec<&Disk> = disks.iter().map(|at| &machine.disks[*at]).collect();
        if disks.iter().any(|disk| disk.kind == DiskKind::PassThrough) {
            return Err(Code::NotSupported);
        }
        let mut receipt = Receipt::new(directory, &machine.name);
        receipt.point.clone_from(&point.guid);
        receipt.base = base.map(|base| self.points[&base].guid.clone());
        receipt.add_machine(machine, &disks, base.is_some(), directory, site);
        let (machines, affected) = (vec![point.machine], vec![Object::Machine(point.machine)]);
        let mut new = self.export_job(JobKind::ExportPoint, receipt, machines, affected, site);
        new.held = held;
        Ok(self.start(call, Service::Point, new))
    }

    /// `ExportReferencePoint` of a collection.
    pub(super) fn export_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let questions = site.questions();
        let object = call.object_of(self, "ReferencePointCollection", "CIM_Collection")?;
        let Object::PointCollection(serial) = object else { return Err(Code::IncorrectType) };
        let directory = export_directory(call)?;
        let class = "Msvm_CollectionReferencePointExportSettingData";
        let settings = call.settings("ExportSettingData", class)?;
        if settings.is_none() && !questions.settings_may_be_empty {
            return Err(Code::InvalidParameter);
        }
        let settings = settings.unwrap_or_else(|| Instance::new(class));
        let base = match settings.text("BaseReferencePointCollection") {
            None | Some("") => None,
            Some(path) => Some(self.base_collection(path, serial, site)?),
        };
        let held: Vec<Object> =
            [Some(serial), base].into_iter().flatten().flat_map(|serial| self.held_with(serial)).collect();
        self.require_free(&held, true)?;
        let asked = self.machines_to_export(&settings, serial, site)?;
        let collection = &self.collections[&serial];
        let group = self.groups.get(&collection.group).ok_or(Code::InvalidState)?;
        let mut receipt = Receipt::new(directory, &group.name);
        receipt.group = Some(group.id.clone());
        receipt.point.clone_from(&collection.id);
        receipt.base = base.map(|base| self.collections[&base].id.clone());
        let mut machines = Vec::new();
        for (point, wanted) in asked {
            let at = self.points[&point].machine;
            let base = base.and_then(|base| self.point_of_machine(base, at));
            self.require_exportable(point, base, site)?;
            self.require_idle(at, site)?;
            let machine = &self.machines[at];
            let disks = self.disks_to_export(point, &wanted, site)?;
            let disks: Vec<&Disk> = disks.iter().map(|disk| &machine.disks[*disk]).collect();
            receipt.add_machine(machine, &disks, base.is_some(), directory, site);
            machines.push(at);
        }
        let affected = machines.iter().map(|at| Object::Machine(*at)).collect();
        let mut new = self.export_job(JobKind::ExportCollection, receipt, machines, affected, site);
        new.held = held;
        Ok(self.start(call, Service::CollectionPoint, new))
    }

    /// `ExportSystemDefinition`: a machine, or one of its checkpoints.
    pub(super) fn export_machine(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let object = call.object_of(self, "ComputerSystem", "CIM_ComputerSystem")?;
        let Object::Machine(at) = object else { return Err(Code::InvalidParameter) };
        let directory = export_directory(call)?;
        let class = "Msvm_VirtualSystemExportSettingData";
        let settings = call.settings("ExportSettingData", class)?.unwrap_or_else(|| Instance::new(class));
        let one_for_backup = settings.number("CopySnapshotConfiguration") == Some(3);
        let checkpoint = match settings.text("SnapshotVirtualSystem") {
            None | Some("") if one_for_backup => return Err(Code::InvalidParameter),
            None | Some("") => None,
            Some(path) => match self.find_text(path, site) {
                Some(Object::Checkpoint(serial)) if self.checkpoints[&serial].machine == at => Some(serial),
                _ => return Err(Code::InvalidParameter),
            },
        };
        let base = match settings.text("DifferentialBackupBase") {
            None | Some("") => None,
            // A base makes sense for a backup of one checkpoint only.
            Some(_) if !one_for_backup || checkpoint.is_none() => return Err(Code::InvalidParameter),
            Some(path) => match self.find_text(path, site) {
                Some(object @ Object::Point(serial)) if self.points[&serial].machine == at => Some(object),
                Some(object @ Object::Checkpoint(serial)) if self.checkpoints[&serial].machine == at => {
                    Some(object)
                }
                _ => return Err(Code::InvalidParameter),
            },
        };
        self.require_idle(at, site)?;
        let machine = &self.machines[at];
        let excluded: Vec<&str> = settings.texts("ExcludedVirtualHardDisks").collect();
        let copies = settings.boolean("CopyVmStorage").unwrap_or(true);
        // A checkpoint has no disk that is handed through, and nobody says so.
        let is_wanted = |disk: &&Disk| {
            let is_excluded = excluded.iter().any(|id| id.eq_ignore_ascii_case(&disk.id));
            copies && !is_excluded && (checkpoint.is_none() || disk.kind != DiskKind::PassThrough)
        };
        let disks: Vec<&Disk> = machine.disks.iter().filter(is_wanted).collect();
        let below = match settings.boolean("CreateVmExportSubdirectory").unwrap_or(true) {
            true => format!("{}\\{}", plain(directory).trim_end_matches('\\'), machine.name),
            false => directory.to_owned(),
        };
        let mut receipt = Receipt::new(directory, &machine.name);
        receipt.add_machine(machine, &disks, base.is_some(), &below, site);
        let affected = vec![Object::Machine(at)];
        let mut new = self.export_job(JobKind::ExportMachine, receipt, vec![at], affected, site);
        new.work = Work::Export { keep_merging: copies };
        Ok(self.start(call, Service::Management, new))
    }

    /// `ExportSnapshot` of a collection of checkpoints.
    pub(super) fn export_checkpoint_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let object = call.object_of(self, "SnapshotCollection", "CIM_Collection")?;
        let Object::CheckpointCollection(serial) = object else { return Err(Code::IncorrectType) };
        let directory = export_directory(call)?;
        let class = "Msvm_CollectionSnapshotExportSettingData";
        let settings = call.settings("ExportSettingData", class)?.unwrap_or_else(|| Instance::new(class));
        let is_difference = match settings.text("DifferentialBackupBase") {
            None | Some("") => false,
            Some(path) => match self.find_text(path, site) {
                Some(Object::PointCollection(_) | Object::CheckpointCollection(_)) => true,
                _ => return Err(Code::InvalidParameter),
            },
        };
        let collection = &self.checkpoint_collections[&serial];
        let group = self.groups.get(&collection.group).ok_or(Code::InvalidState)?;
        let mut receipt = Receipt::new(directory, &group.name);
        let mut machines = Vec::new();
        for checkpoint in collection.checkpoints.iter().filter_map(|serial| self.checkpoints.get(serial)) {
            self.require_idle(checkpoint.machine, site)?;
            let machine = &self.machines[checkpoint.machine];
            let is_taken = |disk: &&Disk| disk.kind != DiskKind::PassThrough;
            let disks: Vec<&Disk> = machine.disks.iter().filter(is_taken).collect();
            let below = format!("{}\\{}", plain(directory).trim_end_matches('\\'), machine.name);
            receipt.add_machine(machine, &disks, is_difference, &below, site);
            machines.push(checkpoint.machine);
        }
        let affected = machines.iter().map(|at| Object::Machine(*at)).collect();
        let kind = JobKind::ExportCheckpointCollection;
        let new = self.export_job(kind, receipt, machines, affected, site);
        Ok(self.start(call, Service::CollectionCheckpoint, new))
    }

    /// Returns the job of an export, whose fate is known beforehand: the host finds out as it writes.
    fn export_job(
        &self,
        kind: JobKind,
        mut receipt: Receipt,
        machines: Vec<usize>,
        affected: Vec<Object>,
        site: Site<'_>,
    ) -> NewJob {
        let takes = site.scenario.speed.export.time_for(receipt.bytes());
        let mut new = NewJob::new(kind, takes, Work::Export { keep_merging: true });
        if let Err(refused) = receipt.may_be_written(&self.files, site) {
            new.fate = Fate::fails(refused.hresult, refused.percent.max(5));
        }
        new.machines = machines;
        new.affected = affected;
        new.receipt = Some(receipt);
        new
    }

    /// Notes which points the machines have whose configuration was just written.
    pub(super) fn remember_exported(&mut self, job: Serial) {
        let Some(receipt) = self.jobs.get(&job).and_then(|job| job.receipt.as_ref()) else { return };
        for (config, machine) in receipt.configs.iter().zip(&receipt.machines) {
            let of_machine = self.points.values().filter(|point| self.machines[point.machine].id == *machine);
            let remembered = of_machine.map(|point| {
                let (kind, consistency) = (point.kind, point.consistency);
                Remembered { guid: point.guid.clone(), kind, consistency }
            });
            let remembered = remembered.collect();
            self.exported.insert(plain(config).to_lowercase(), remembered);
        }
    }

    /// Refuses what cannot be exported: by its type, by its base, without its log.
    fn require_exportable(&self, point: Serial, base: Option<Serial>, site: Site<'_>) -> Result<(), Code> {
        let questions = site.questions();
        let point = &self.points[&point];
        let is_rct = point.kind == PointKind::Rct.number();
        if is_rct && !questions.rct_exports {
            return Err(Code::NotSupported);
        }
        if base.is_none() && !questions.export_without_base {
            return Err(Code::InvalidParameter);
        }
        if !is_rct && !point.has_data {
            return Err(Code::InvalidState);
        }
        let Some(base) = base.map(|base| &self.points[&base]) else { return Ok(()) };
        if base.kind != point.kind {
            return Err(Code::InvalidParameter);
        }
        if !is_rct && !base.has_data {
            return Err(Code::InvalidState);
        }
        Ok(())
    }

    /// Returns the places of the disks that are exported.
    fn disks_to_export(&self, point: Serial, asked: &[String], site: Site<'_>) -> Result<Vec<usize>, Code> {
        let questions = site.questions();
        let point = &self.points[&point];
        let machine = &self.machines[point.machine];
        let same_slot = |one: &str, other: &str| {
            let trimmed = |id: &str| id.trim_end_matches(['L', 'D', 'l', 'd']).to_lowercase();
            trimmed(one) == trimmed(other)
        };
        let covered = |id: &str| point.disks.iter().any(|disk| same_slot(disk, id));
        let place = |id: &str| machine.disks.iter().position(|disk| same_slot(&disk.id, id));
        if asked.is_empty() {
            if !questions.no_disks_mean_all {
                return Err(Code::InvalidParameter);
            }
            return Ok(point.disks.iter().filter_map(|id| place(id)).collect());
        }
        let is_twice = |at: usize| asked[..at].iter().any(|other| same_slot(other, &asked[at]));
        if (0..asked.len()).any(is_twice) {
            return Err(Code::InvalidParameter);
        }
        if questions.unknown_disks_are_refused && asked.iter().any(|id| !covered(id)) {
            return Err(Code::InvalidParameter);
        }
        Ok(asked.iter().filter(|id| covered(id)).filter_map(|id| place(id)).collect())
    }

    /// Returns the point that the text of a path means, if it can be the base of another.
    fn base_point(&self, path: &str, point: Serial, site: Site<'_>) -> Result<Serial, Code> {
        match self.find_base(path, site)? {
            Object::Point(base) if base == point => Err(Code::InvalidParameter),
            Object::Point(base) if self.points[&base].machine != self.points[&point].machine => {
                Err(Code::InvalidParameter)
            }
            Object::Point(base) => Ok(base),
            _ => Err(Code::InvalidParameter),
        }
    }

    fn base_collection(&self, path: &str, collection: Serial, site: Site<'_>) -> Result<Serial, Code> {
        match self.find_base(path, site)? {
            Object::PointCollection(base) if base == collection => Err(Code::InvalidParameter),
            Object::PointCollection(base)
                if self.collections[&base].group != self.collections[&collection].group =>
            {
                Err(Code::InvalidParameter)
            }
            Object::PointCollection(base) => Ok(base),
            _ => Err(Code::InvalidParameter),
        }
    }

    fn find_base(&self, text: &str, site: Site<'_>) -> Result<Object, Code> {
        let path: ObjectPath = text.parse().map_err(|_| Code::InvalidParameter)?;
        if !site.questions().relative_base_paths && (path.host.is_none() || path.namespace.is_none()) {
            return Err(Code::InvalidParameter);
        }
        self.find_text(text, site).ok_or(Code::InvalidParameter)
    }

    /// Returns the object that the text of a path means. A path of another host means nothing here.
    pub(super) fn find_text(&self, text: &str, site: Site<'_>) -> Option<Object> {
        let path: ObjectPath = text.parse().ok()?;
        let is_here = |host: &str| {
            host == "." || host.eq_ignore_ascii_case(site.name) || {
                host.eq_ignore_ascii_case(&site.scenario.host.fqdn(site.index))
            }
        };
        if !path.host.as_deref().is_none_or(is_here)
            || !path
                .namespace
                .as_deref()
                .is_none_or(|ns| ns.eq_ignore_ascii_case(super::super::site::VIRTUALIZATION))
        {
            return None;
        }
        self.find(&path, site)
    }

    fn point_of_machine(&self, collection: Serial, machine: usize) -> Option<Serial> {
        let points = self.collections.get(&collection)?.points.iter().copied();
        points
            .into_iter()
            .find(|serial| self.points.get(serial).is_some_and(|point| point.machine == machine))
    }

    /// Returns the points of a collection that are exported, each with the disks that were asked for.
    fn machines_to_export(
        &self,
        settings: &Instance,
        collection: Serial,
        site: Site<'_>,
    ) -> Result<Vec<(Serial, Vec<String>)>, Code> {
        let texts: Vec<&str> = settings.texts("VirtualMachinesToDisksToExport").collect();
        if texts.is_empty() {
            let points = self.collections[&collection].points.iter();
            return Ok(points
                .filter(|it| self.points.contains_key(it))
                .map(|it| (*it, Vec::new()))
                .collect());
        }
        let one = |text: &&str| {
            let wanted = super::call::read_settings(text, "Msvm_VirtualMachineToDisks", site.questions())?;
            let machine = wanted.text("VirtualMachineId").ok_or(Code::InvalidParameter)?;
            let machine = self.machine_of(machine).ok_or(Code::InvalidParameter)?;
            let point = self.point_of_machine(collection, machine).ok_or(Code::InvalidParameter)?;
            Ok((point, wanted.texts("DisksToExport").map(str::to_owned).collect()))
        };
        texts.iter().map(one).collect()
    }
}

/// Returns the export directory of a call, which has to be fully qualified.
fn export_directory<'c>(call: &Call<'c>) -> Result<&'c str, Code> {
    let directory = call.arguments.text("ExportDirectory").ok_or(Code::InvalidParameter)?;
    is_qualified(directory).then_some(directory).ok_or(Code::InvalidParameter)
}
