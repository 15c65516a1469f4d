//! Collections of reference points, and their service.

use super::super::draft::Draft;
use super::super::scenario::{CollectionConsistency, PointKind};
use super::super::site::{Site, class_path};
use super::super::store::{Object, Service};
use super::super::world::{PointCollection, Serial, World};
use super::job::{JobKind, NewJob, Work};
use super::point::consistency_of;
use super::{Call, Code, Returned};

impl World {
    pub(in crate::lab) fn draft_point_collection(&self, serial: Serial, site: Site<'_>) -> Option<Draft> {
        let collection = self.collections.get(&serial)?;
        let group = self.groups.get(&collection.group)?;
        let members = || collection.points.iter().filter_map(|serial| self.points.get(serial));
        let has_log = members().next().is_some() && members().all(|point| point.has_data);
        let consistency = match site.questions().collection_consistency {
            CollectionConsistency::AsElsewhere => collection.consistency,
            CollectionConsistency::AsDocumented => 3 - collection.consistency,
        };
        let mut draft = Draft::of("Msvm_ReferencePointCollection");
        draft
            .set("CollectionID", collection.id.as_str())
            .set("VirtualSystemCollectionId", group.id.as_str())
            .set("ElementName", collection.name.as_str())
            .set("ReferencePointType", collection.kind)
            .set("ConsistencyLevel", consistency)
            .set("HasAssociatedLog", has_log);
        Some(draft)
    }

    pub(super) fn invoke_collection_point_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "CreateReferencePoint" => self.create_collection(call),
            "ExportReferencePoint" => self.export_collection(call),
            "DestroyReferencePoint" => self.destroy_collection(call),
            "RemoveAssociatedData" => self.remove_collection_data(call),
            _ => Err(Code::NotSupported),
        }
    }

    fn create_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let Object::Group(group) = call.object_of(self, "Collection", "Msvm_VirtualSystemCollection")? else {
            return Err(Code::IncorrectType);
        };
        let class = "Msvm_CollectionReferencePointSettingData";
        let settings = call.settings("ReferencePointSettings", class)?;
        let consistency = consistency_of(settings.as_ref().and_then(|it| it.number("ConsistencyLevel")))?;
        let kind = match call.arguments.number("ReferencePointType") {
            Some(1) => PointKind::Log,
            Some(2) => PointKind::Rct,
            _ => return Err(Code::InvalidParameter),
        };
        let machines = self.groups[&group].members.clone();
        if machines.is_empty() {
            return Err(Code::InvalidState);
        }
        self.require_free(&[Object::Group(group)], true)?;
        for machine in &machines {
            self.require_pointable(*machine, kind.number(), site)?;
        }
        let serial = self.serial();
        let id = self.identifiers.guid();
        let path = class_path("Msvm_ReferencePointCollection")
            .with_key("CollectionID", id.as_str())
            .with_key("VirtualSystemCollectionId", self.groups[&group].id.as_str());
        let (kind, members) = (kind.number(), machines.clone());
        let work = Work::CreateCollection { group, members, kind, consistency, id, serial };
        let mut new = NewJob::new(JobKind::CreateCollection, site.scenario.speed.create_point, work);
        new.held = vec![Object::Group(group)];
        new.affected = machines.iter().map(|at| Object::Machine(*at)).collect();
        new.machines = machines;
        new.makes = Some(("ResultingReferencePointCollection", Object::PointCollection(serial), path));
        Ok(self.start(call, Service::CollectionPoint, new))
    }

    /// Makes a collection with a point of each of some machines of a group.
    #[expect(clippy::too_many_arguments, reason = "each is one property of the collection")]
    pub(super) fn make_collection(
        &mut self,
        group: Serial,
        members: Vec<usize>,
        kind: u16,
        consistency: u16,
        id: String,
        serial: Serial,
        site: Site<'_>,
    ) {
        let name = self.groups.get(&group).map(|group| group.name.clone()).unwrap_or_default();
        let mut points = Vec::new();
        for machine in members {
            let (serial, guid) = (self.serial(), self.identifiers.guid());
            let point = self.new_point(machine, kind, consistency, guid, site);
            self.points.insert(serial, point);
            points.push(serial);
        }
        self.collections.insert(serial, PointCollection { id, name, group, points, kind, consistency });
    }

    fn affected_collection(&self, call: &Call<'_>) -> Result<Serial, Code> {
        match call.object_of(self, "AffectedReferencePointCollection", "CIM_Collection")? {
            Object::PointCollection(serial) => Ok(serial),
            _ => Err(Code::IncorrectType),
        }
    }

    /// Returns what a job on a collection holds: it, its points and its group.
    pub(super) fn held_with(&self, serial: Serial) -> Vec<Object> {
        let collection = &self.collections[&serial];
        let mut held = vec![Object::PointCollection(serial)];
        held.extend(collection.points.iter().copied().map(Object::Point));
        held.push(Object::Group(collection.group));
        held
    }

    fn machines_of_collection(&self, serial: Serial) -> Vec<usize> {
        let points = self.collections[&serial].points.iter();
        points.filter_map(|serial| self.points.get(serial)).map(|point| point.machine).collect()
    }

    fn destroy_collection(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let serial = self.affected_collection(call)?;
        let machines = self.machines_of_collection(serial);
        for machine in &machines {
            self.require_idle(*machine, call.site)?;
        }
        let held = self.held_with(serial);
        self.require_free(&held, false)?;
        let takes = call.site.scenario.speed.change_point;
        let mut new = NewJob::new(JobKind::DeleteCollection, takes, Work::DeleteCollection(serial));
        new.held = held;
        new.affected = machines.into_iter().map(Object::Machine).collect();
        Ok(self.start(call, Service::CollectionPoint, new))
    }

    fn remove_collection_data(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let serial = self.affected_collection(call)?;
        if self.collections[&serial].kind != PointKind::Log.number() {
            return Err(Code::NotSupported);
        }
        let held = self.held_with(serial);
        self.require_free(&held, false)?;
        let mut points = self.collections[&serial].points.iter().filter_map(|point| self.points.get(point));
        if !points.any(|point| point.has_data) {
            return Err(Code::InvalidState);
        }
        let takes = call.site.scenario.speed.change_point;
        let mut new = NewJob::new(JobKind::RemoveCollectionData, takes, Work::RemoveCollectionData(serial));
        new.held = held;
        new.affected = self.machines_of_collection(serial).into_iter().map(Object::Machine).collect();
        Ok(self.start(call, Service::CollectionPoint, new))
    }

    /// Takes a collection away, and its points with it.
    pub(super) fn delete_collection(&mut self, serial: Serial) {
        let points = self.collections.remove(&serial).map(|collection| collection.points);
        for point in points.into_iter().flatten() {
            self.delete_point(point);
        }
    }
}
