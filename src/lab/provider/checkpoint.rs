//! Checkpoints of machines and of groups, and the two services that take them.

use std::time::Duration;

use super::super::draft::Draft;
use super::super::scenario::PointKind;
use super::super::site::{Site, class_path};
use super::super::store::{Object, Service};
use super::super::world::{Checkpoint, CheckpointCollection, PointCollection, Serial, World};
use super::job::{JobKind, NewJob, Work};
use super::point::consistency_of;
use super::{Call, Code, Returned};

/// `SnapshotType` of a backup: of a machine, and of a group.
const RECOVERY: u64 = 32768;
const RECOVERY_OF_GROUP: u64 = 2;

impl World {
    pub(in crate::lab) fn draft_checkpoint(&self, serial: Serial, site: Site<'_>) -> Option<Draft> {
        let checkpoint = self.checkpoints.get(&serial)?;
        Some(self.draft_checkpoint_settings(checkpoint, site))
    }

    pub(in crate::lab) fn draft_checkpoint_collection(&self, serial: Serial) -> Option<Draft> {
        let collection = self.checkpoint_collections.get(&serial)?;
        let mut draft = Draft::of("Msvm_SnapshotCollection");
        draft.set("CollectionID", collection.id.as_str()).set("ElementName", collection.name.as_str());
        Some(draft)
    }

    pub(super) fn invoke_checkpoint_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "CreateSnapshot" => self.create_checkpoint(call),
            "DestroySnapshot" => self.destroy_checkpoint(call, "AffectedSnapshot"),
            "DestroySnapshotTree" => self.destroy_checkpoint(call, "SnapshotSettingData"),
            "ApplySnapshot" => self.apply_checkpoint(call, "Snapshot"),
            "ClearSnapshotState" => self.checkpoint_of(call, "SnapshotSettingData").map(|_| Returned::done()),
            "ConvertToReferencePoint" => self.convert_checkpoint(call),
            _ => Err(Code::NotSupported),
        }
    }

    pub(super) fn invoke_collection_checkpoint_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "CreateSnapshot" => self.create_checkpoint_collection(call),
            "DestroySnapshot" => self.destroy_checkpoint_collection(call),
            "ApplySnapshot" => self.apply_checkpoint_collection(call),
            "ExportSnapshot" => self.export_checkpoint_collection(call),
            "ConvertToReferencePoint" => self.convert_checkpoint_collection(call),
            _ => Err(Code::NotSupported),
        }
    }

    fn create_checkpoint(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let Object::Machine(machine) = call.object_of(self, "AffectedSystem", "CIM_ComputerSystem")? else {
            return Err(Code::InvalidParameter);
        };
        let settings = call.settings("SnapshotSettings", "Msvm_VirtualSystemSnapshotSettingData")?;
        let consistency = consistency_of(settings.as_ref().and_then(|it| it.number("ConsistencyLevel")))?;
        let is_recovery = match call.arguments.number("SnapshotType") {
            Some(RECOVERY) => true,
            Some(2 | 3) => false,
            _ => return Err(Code::InvalidParameter),
        };
        self.require_no_recovery(machine, is_recovery, site)?;
        let serial = self.serial();
        let guid = self.identifiers.guid();
        let path =
            class_path("Msvm_VirtualSystemSettingData").with_key("InstanceID", format!("Microsoft:{guid}"));
        let name = self.machines[machine].name.clone();
        let work = Work::CreateCheckpoint { machine, guid, name, is_recovery, consistency, serial };
        let mut new = NewJob::new(JobKind::CreateCheckpoint, site.scenario.speed.checkpoint, work);
        new.machines = vec![machine];
        new.affected = vec![Object::Machine(machine)];
        new.makes = Some(("ResultingSnapshot", Object::Checkpoint(serial), path));
        Ok(self.start(call, Service::Checkpoint, new))
    }

    /// A left-over recovery checkpoint blocks the next backup.
    fn require_no_recovery(&self, machine: usize, is_recovery: bool, site: Site<'_>) -> Result<(), Code> {
        self.require_idle(machine, site)?;
        let blocks = |it: &Checkpoint| it.machine == machine && it.is_recovery && is_recovery;
        match self.checkpoints.values().any(blocks) {
            true => Err(Code::InvalidState),
            false => Ok(()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each is one property of the checkpoint")]
    pub(super) fn make_checkpoint(
        &mut self,
        machine: usize,
        guid: String,
        name: String,
        is_recovery: bool,
        consistency: u16,
        serial: Serial,
        created: Duration,
    ) {
        let checkpoint = Checkpoint { guid, machine, name, is_recovery, consistency, created };
        self.checkpoints.insert(serial, checkpoint);
    }

    fn checkpoint_of(&self, call: &Call<'_>, parameter: &str) -> Result<Serial, Code> {
        match call.object_of(self, parameter, "CIM_VirtualSystemSettingData")? {
            Object::Checkpoint(serial) => Ok(serial),
            _ => Err(Code::InvalidParameter),
        }
    }

    fn on_checkpoint(
        &mut self,
        call: &Call<'_>,
        serial: Serial,
        kind: JobKind,
        work: Work,
    ) -> Result<Returned, Code> {
        let machine = self.checkpoints[&serial].machine;
        self.require_idle(machine, call.site)?;
        let mut new = NewJob::new(kind, call.site.scenario.speed.checkpoint, work);
        new.machines = vec![machine];
        new.affected = vec![Object::Machine(machine)];
        Ok(self.start(call, Service::Checkpoint, new))
    }

    fn destroy_checkpoint(&mut self, call: &Call<'_>, parameter: &str) -> Result<Returned, Code> {
        let serial = self.checkpoint_of(call, parameter)?;
        self.on_checkpoint(call, serial, JobKind::DeleteCheckpoint, Work::DeleteCheckpoint(serial))
    }

    fn apply_checkpoint(&mut self, call: &Call<'_>, parameter: &str) -> Result<Returned, Code> {
        let serial = self.checkpoint_of(call, parameter)?;
        if self.machines[self.checkpoints[&serial].machine].is_running() {
            return Err(Code::InvalidState);
        }
        self.on_checkpoint(call, serial, JobKind::ApplyCheckpoint, Work::Nothing)
    }

    fn convert_checkpoint(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let serial = self.checkpoint_of(call, "AffectedSnapshot")?;
        let class = "Msvm_VirtualSystemReferencePointSettingData";
        let settings = call.settings("ReferencePointSettings", class)?;
        let level = settings.as_ref().and_then(|it| it.number("ConsistencyLevel"));
        let consistency = level.map(|level| consistency_of(Some(level))).transpose()?;
        let checkpoint = &self.checkpoints[&serial];
        // Only what was taken for a backup can be converted.
        if !checkpoint.is_recovery {
            return Err(Code::InvalidState);
        }
        let machine = checkpoint.machine;
        self.require_idle(machine, site)?;
        let point = self.serial();
        let guid = self.identifiers.guid();
        let of = &self.machines[machine];
        let path = class_path("Msvm_VirtualSystemReferencePoint")
            .with_key("InstanceID", site.point_id(&of.id, &guid))
            .with_key("VirtualSystemIdentifier", of.id.as_str());
        let work = Work::Convert { checkpoint: serial, consistency, guid, serial: point };
        let mut new = NewJob::new(JobKind::Convert, site.scenario.speed.convert, work);
        new.machines = vec![machine];
        new.affected = vec![Object::Machine(machine)];
        new.makes = Some(("ResultingReferencePoint", Object::Point(point), path));
        Ok(self.start(call, Service::Checkpoint, new))
    }

    /// Makes a point of a checkpoint, which goes away; its disks merge behind it.
    pub(super) fn convert(
        &mut self,
        checkpoint: Serial,
        consistency: Option<u16>,
        guid: String,
        serial: Serial,
        at: Duration,
        site: Site<'_>,
    ) {
        let Some(found) = self.checkpoints.get(&checkpoint) else { return };
        let (machine, consistency) = (found.machine, consistency.unwrap_or(found.consistency));
        let point = self.new_point(machine, PointKind::Rct.number(), consistency, guid, site);
        self.points.insert(serial, point);
        self.delete_checkpoint(checkpoint, at, site);
    }

    /// Takes a checkpoint away. The disks of its machine merge, unless merging is switched off.
    pub(super) fn delete_checkpoint(&mut self, serial: Serial, at: Duration, site: Site<'_>) {
        let Some(checkpoint) = self.checkpoints.remove(&serial) else { return };
        for collection in self.checkpoint_collections.values_mut() {
            collection.checkpoints.retain(|member| *member != serial);
        }
        let machine = &mut self.machines[checkpoint.machine];
        if !machine.merge_disabled {
            machine.merging_until = Some(at + site.scenario.speed.merge);
        }
    }

    fn create_checkpoint_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let Object::Group(group) = call.object_of(self, "Collection", "CIM_CollectionOfMSEs")? else {
            return Err(Code::IncorrectType);
        };
        let settings = call.settings("SnapshotSettings", "CIM_SettingData")?;
        let consistency = consistency_of(settings.as_ref().and_then(|it| it.number("ConsistencyLevel")))?;
        let is_recovery = match call.arguments.number("SnapshotType") {
            Some(RECOVERY_OF_GROUP) => true,
            Some(1) => false,
            _ => return Err(Code::InvalidParameter),
        };
        let machines = self.groups[&group].members.clone();
        if machines.is_empty() {
            return Err(Code::InvalidState);
        }
        self.require_free(&[Object::Group(group)], true)?;
        for machine in &machines {
            self.require_no_recovery(*machine, is_recovery, site)?;
        }
        let serial = self.serial();
        let id = self.identifiers.guid();
        let path = class_path("Msvm_SnapshotCollection").with_key("CollectionID", id.as_str());
        let members = machines.clone();
        let work = Work::CreateCheckpointCollection { group, members, id, is_recovery, consistency, serial };
        let mut new = NewJob::new(JobKind::CreateCheckpointCollection, site.scenario.speed.checkpoint, work);
        new.held = vec![Object::Group(group)];
        new.affected = machines.iter().map(|at| Object::Machine(*at)).collect();
        new.machines = machines;
        new.makes = Some(("ResultingSnapshotCollection", Object::CheckpointCollection(serial), path));
        Ok(self.start(call, Service::CollectionCheckpoint, new))
    }

    #[expect(clippy::too_many_arguments, reason = "each is one property of the collection")]
    pub(super) fn make_checkpoint_collection(
        &mut self,
        group: Serial,
        members: Vec<usize>,
        id: String,
        is_recovery: bool,
        consistency: u16,
        serial: Serial,
        at: Duration,
    ) {
        let name = self.groups.get(&group).map(|group| group.name.clone()).unwrap_or_default();
        let mut checkpoints = Vec::new();
        for machine in members {
            let (member, guid) = (self.serial(), self.identifiers.guid());
            self.make_checkpoint(machine, guid, name.clone(), is_recovery, consistency, member, at);
            checkpoints.push(member);
        }
        let collection = CheckpointCollection { id, name, group, checkpoints, is_recovery, consistency };
        self.checkpoint_collections.insert(serial, collection);
    }

    fn checkpoint_collection_of(
        &self,
        call: &Call<'_>,
        parameter: &str,
    ) -> Result<(Serial, Vec<usize>), Code> {
        let Object::CheckpointCollection(serial) = call.object_of(self, parameter, "CIM_Collection")? else {
            return Err(Code::IncorrectType);
        };
        let members = self.checkpoint_collections[&serial].checkpoints.iter();
        let members = members.filter_map(|member| self.checkpoints.get(member));
        let machines: Vec<_> = members.map(|checkpoint| checkpoint.machine).collect();
        for machine in &machines {
            self.require_idle(*machine, call.site)?;
        }
        Ok((serial, machines))
    }

    fn on_checkpoint_collection(
        &mut self,
        call: &Call<'_>,
        kind: JobKind,
        machines: Vec<usize>,
        work: Work,
    ) -> Returned {
        let mut new = NewJob::new(kind, call.site.scenario.speed.checkpoint, work);
        new.affected = machines.iter().map(|at| Object::Machine(*at)).collect();
        new.machines = machines;
        self.start(call, Service::CollectionCheckpoint, new)
    }

    fn destroy_checkpoint_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let (serial, machines) = self.checkpoint_collection_of(call, "AffectedSnapshotCollection")?;
        let work = Work::DeleteCheckpointCollection(serial);
        Ok(self.on_checkpoint_collection(call, JobKind::DeleteCheckpoint, machines, work))
    }

    fn apply_checkpoint_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let (_, machines) = self.checkpoint_collection_of(call, "SnapshotCollection")?;
        if machines.iter().any(|at| self.machines[*at].is_running()) {
            return Err(Code::InvalidState);
        }
        Ok(self.on_checkpoint_collection(call, JobKind::ApplyCheckpoint, machines, Work::Nothing))
    }

    pub(super) fn delete_checkpoint_collection(&mut self, serial: Serial, at: Duration, site: Site<'_>) {
        let members = self.checkpoint_collections.remove(&serial).map(|collection| collection.checkpoints);
        for member in members.into_iter().flatten() {
            self.delete_checkpoint(member, at, site);
        }
    }

    fn convert_checkpoint_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let (collection, machines) = self.checkpoint_collection_of(call, "AffectedSnapshotCollection")?;
        let found = &self.checkpoint_collections[&collection];
        if !found.is_recovery {
            return Err(Code::InvalidState);
        }
        let group = self.groups.get(&found.group).map(|group| group.id.clone()).ok_or(Code::InvalidState)?;
        let serial = self.serial();
        let id = self.identifiers.guid();
        let path = class_path("Msvm_ReferencePointCollection")
            .with_key("CollectionID", id.as_str())
            .with_key("VirtualSystemCollectionId", group);
        let work = Work::ConvertCollection { collection, id, serial };
        let mut new = NewJob::new(JobKind::Convert, site.scenario.speed.convert, work);
        new.affected = machines.iter().map(|at| Object::Machine(*at)).collect();
        new.machines = machines;
        new.makes = Some(("ResultingReferencePointCollection", Object::PointCollection(serial), path));
        Ok(self.start(call, Service::CollectionCheckpoint, new))
    }

    pub(super) fn convert_collection(
        &mut self,
        collection: Serial,
        id: String,
        serial: Serial,
        at: Duration,
        site: Site<'_>,
    ) {
        let Some(found) = self.checkpoint_collections.remove(&collection) else { return };
        let mut points = Vec::new();
        for checkpoint in found.checkpoints {
            let (point, guid) = (self.serial(), self.identifiers.guid());
            self.convert(checkpoint, Some(found.consistency), guid, point, at, site);
            points.push(point);
        }
        let (kind, consistency) = (PointKind::Rct.number(), found.consistency);
        let collection =
            PointCollection { id, name: found.name, group: found.group, points, kind, consistency };
        self.collections.insert(serial, collection);
    }
}
