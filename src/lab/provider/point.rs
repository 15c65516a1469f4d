//! Reference points of single machines, and the service that makes and destroys them.

use super::super::draft::Draft;
use super::super::scenario::{CreateNumbers, DiskKind, PointKind};
use super::super::site::{Site, class_path};
use super::super::store::{Object, Service};
use super::super::text::Text;
use super::super::world::{Serial, World};
use super::files::{is_qualified, plain};
use super::job::{JobKind, NewJob, Work};
use super::{Call, Code, Returned};

impl World {
    pub(in crate::lab) fn draft_point(&self, serial: Serial, site: Site<'_>) -> Option<Draft> {
        let point = self.points.get(&serial)?;
        let mut draft = Draft::of("Msvm_VirtualSystemReferencePoint");
        draft
            .set("InstanceID", point.id.as_str())
            .set("VirtualSystemIdentifier", self.machines[point.machine].id.as_str())
            .set("Caption", site.text(Text::Point))
            .set("ReferencePointType", point.kind)
            .set("ConsistencyLevel", point.consistency)
            .set("HasAssociatedData", point.has_data)
            .set("VirtualDiskIdentifiers", point.disks.clone())
            .set("ResilientChangeTrackingIdentifiers", point.tracking.clone());
        if let Some(name) = &point.name {
            draft.set("ElementName", name.as_str());
        }
        Some(draft)
    }

    pub(super) fn invoke_point_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "CreateReferencePoint" => self.create_point(call),
            "ExportReferencePoint" => self.export_point(call),
            "DestroyReferencePoint" => self.destroy_point(call),
            "RemoveAssociatedData" => self.remove_point_data(call),
            "ImportReferencePointMetadata" => self.import_points(call),
            _ => Err(Code::NotSupported),
        }
    }

    fn create_point(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let site = call.site;
        let Object::Machine(machine) = call.object_of(self, "AffectedSystem", "Msvm_ComputerSystem")? else {
            return Err(Code::InvalidParameter);
        };
        let class = "Msvm_VirtualSystemReferencePointSettingData";
        let settings = call.settings("ReferencePointSettings", class)?;
        let consistency = consistency_of(settings.as_ref().and_then(|it| it.number("ConsistencyLevel")))?;
        let number = call.arguments.number("ReferencePointType").ok_or(Code::InvalidParameter)?;
        let kind = match (site.questions().create_numbers, number) {
            (CreateNumbers::Log1Rct2, 1) | (CreateNumbers::Log0Rct1, 0) => PointKind::Log,
            (CreateNumbers::Log1Rct2, 2) | (CreateNumbers::Log0Rct1, 1) => PointKind::Rct,
            _ => return Err(Code::InvalidParameter),
        };
        self.require_pointable(machine, kind.number(), site)?;
        let serial = self.serial();
        let guid = self.identifiers.guid();
        let of = &self.machines[machine];
        let path = class_path("Msvm_VirtualSystemReferencePoint")
            .with_key("InstanceID", site.point_id(&of.id, &guid))
            .with_key("VirtualSystemIdentifier", of.id.as_str());
        let work = Work::CreatePoint { machine, kind: kind.number(), consistency, guid, serial };
        let mut new = NewJob::new(JobKind::CreatePoint, site.scenario.speed.create_point, work);
        new.machines = vec![machine];
        new.affected = vec![Object::Machine(machine)];
        new.makes = Some(("ResultingReferencePoint", Object::Point(serial), path));
        Ok(self.start(call, Service::Point, new))
    }

    /// Refuses a point of a machine whose disks or state do not allow one.
    pub(super) fn require_pointable(&self, machine: usize, kind: u16, site: Site<'_>) -> Result<(), Code> {
        self.require_idle(machine, site)?;
        let of = &self.machines[machine];
        let is_rct = kind == PointKind::Rct.number();
        if is_rct && of.disks.iter().any(|disk| matches!(disk.kind, DiskKind::Vhd | DiskKind::PassThrough)) {
            return Err(Code::NotSupported);
        }
        if site.questions().needs_incremental_backup && !of.incremental_backup {
            return Err(Code::InvalidState);
        }
        if self.checkpoints.values().any(|it| it.machine == machine && it.is_recovery) {
            return Err(Code::InvalidState);
        }
        let count = self.points.values().filter(|point| point.machine == machine).count();
        match site.questions().most_points {
            Some(most) if count >= most as usize => Err(Code::Number(2)),
            _ => Ok(()),
        }
    }

    fn affected_point(&self, call: &Call<'_>) -> Result<Serial, Code> {
        match call.object_of(self, "AffectedReferencePoint", "Msvm_VirtualSystemReferencePoint")? {
            Object::Point(serial) => Ok(serial),
            _ => Err(Code::IncorrectType),
        }
    }

    fn destroy_point(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let serial = self.affected_point(call)?;
        let machine = self.points[&serial].machine;
        self.require_idle(machine, call.site)?;
        self.require_free(&[Object::Point(serial)], false)?;
        let takes = call.site.scenario.speed.change_point;
        let mut new = NewJob::new(JobKind::DeletePoint, takes, Work::DeletePoint(serial));
        new.held = vec![Object::Point(serial)];
        new.affected = vec![Object::Machine(machine)];
        Ok(self.start(call, Service::Point, new))
    }

    fn remove_point_data(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let serial = self.affected_point(call)?;
        let point = &self.points[&serial];
        if point.kind != PointKind::Log.number() {
            return Err(Code::NotSupported);
        }
        if !point.has_data {
            return Err(Code::InvalidState);
        }
        let machine = point.machine;
        self.require_free(&[Object::Point(serial)], false)?;
        let takes = call.site.scenario.speed.change_point;
        let mut new = NewJob::new(JobKind::RemoveData, takes, Work::RemoveData(serial));
        new.held = vec![Object::Point(serial)];
        new.affected = vec![Object::Machine(machine)];
        Ok(self.start(call, Service::Point, new))
    }

    /// Brings back the points that a machine had when these files of it were exported.
    fn import_points(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let Object::Machine(machine) = call.object_of(self, "AffectedSystem", "Msvm_ComputerSystem")? else {
            return Err(Code::InvalidParameter);
        };
        for (parameter, extension) in [("ConfigFilePath", ".vmcx"), ("RuntimeStateFilePath", ".vmrs")] {
            let path = call.arguments.text(parameter).ok_or(Code::InvalidParameter)?;
            if !is_qualified(path) || !path.to_ascii_lowercase().ends_with(extension) {
                return Err(Code::InvalidParameter);
            }
            if !self.files.is_file(path) {
                return Err(Code::FileNotFound);
            }
        }
        let config = call.arguments.text("ConfigFilePath").map(plain).unwrap_or_default().to_lowercase();
        let points = self.exported.get(&config).cloned().unwrap_or_default();
        let takes = call.site.scenario.speed.change_point;
        let mut new = NewJob::new(JobKind::ImportMetadata, takes, Work::Import { machine, points });
        new.affected = vec![Object::Machine(machine)];
        Ok(self.start(call, Service::Point, new))
    }

    /// Takes a point away, and out of the collections it is in.
    pub(in crate::lab) fn delete_point(&mut self, serial: Serial) {
        self.points.remove(&serial);
        for collection in self.collections.values_mut() {
            collection.points.retain(|point| *point != serial);
        }
    }
}

/// Returns the consistency that settings ask for: that of the applications where they say nothing.
pub(super) fn consistency_of(level: Option<u64>) -> Result<u16, Code> {
    match level {
        None | Some(0 | 1) => Ok(1),
        Some(2) => Ok(2),
        Some(_) => Err(Code::InvalidParameter),
    }
}
