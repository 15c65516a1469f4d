//! Groups of machines, and the service that manages them. Its work is done at once.

use super::super::draft::Draft;
use super::super::scenario::is_guid;
use super::super::site::class_path;
use super::super::store::Object;
use super::super::world::{Group, Serial, World};
use super::{Call, Code, Returned};

impl World {
    pub(in crate::lab) fn draft_group(&self, serial: Serial) -> Option<Draft> {
        let group = self.groups.get(&serial)?;
        let is_of_groups = group.groups.is_some();
        let mut draft = Draft::of(group_class(group));
        draft.set("CollectionID", group.id.as_str()).set("ElementName", group.name.as_str());
        if !is_of_groups {
            draft
                .set("LastApplyConsistencyLevel", 0_u16)
                .set("FailedOverReplicationType", 0_u16)
                .set("ReplicationMode", 0_u16)
                .set("ReplicationState", 0_u16);
        }
        Some(draft)
    }

    pub(super) fn invoke_group_service(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        match &*call.method.name {
            "DefineCollection" => self.define_group(call),
            "AddMember" => self.add_member(call),
            "RemoveMember" => {
                let group = self.group_of(call)?;
                self.remove_member(call, group)
            }
            "RemoveMemberById" => {
                let id = call.arguments.text("CollectionId").ok_or(Code::InvalidParameter)?;
                let mut groups = self.groups.iter();
                let found =
                    groups.find(|(_, group)| group.id.eq_ignore_ascii_case(id)).map(|(serial, _)| *serial);
                self.remove_member(call, found.ok_or(Code::FileNotFound)?)
            }
            "RenameCollection" => {
                let serial = self.group_of(call)?;
                let name = call.arguments.text("NewName").ok_or(Code::InvalidParameter)?;
                self.groups.get_mut(&serial).ok_or(Code::InvalidState)?.name = name.to_owned();
                Ok(Returned::done())
            }
            "DestroyCollection" => {
                let serial = self.group_of(call)?;
                self.require_free(&[Object::Group(serial)], false)?;
                if self.collections.values().any(|collection| collection.group == serial) {
                    return Err(Code::InvalidState);
                }
                self.groups.remove(&serial);
                for members in self.groups.values_mut().filter_map(|group| group.groups.as_mut()) {
                    members.retain(|member| *member != serial);
                }
                Ok(Returned::done())
            }
            _ => Err(Code::NotSupported),
        }
    }

    fn define_group(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let name =
            call.arguments.text("Name").filter(|name| !name.is_empty()).ok_or(Code::InvalidParameter)?;
        let groups = match call.arguments.number("Type") {
            Some(0) => None,
            Some(1) => Some(Vec::new()),
            _ => return Err(Code::InvalidParameter),
        };
        let id = match call.arguments.text("Id").filter(|id| !id.is_empty()) {
            Some(id) if is_guid(id) => id.to_owned(),
            Some(_) => return Err(Code::InvalidParameter),
            None => self.identifiers.guid(),
        };
        if self.groups.values().any(|group| group.id.eq_ignore_ascii_case(&id)) {
            return Err(Code::InUse);
        }
        let group = Group { id, name: name.to_owned(), members: Vec::new(), groups };
        let path = class_path(group_class(&group)).with_key("CollectionID", group.id.as_str());
        let serial = self.serial();
        self.groups.insert(serial, group);
        Ok(Returned::done().with("DefinedCollection", path))
    }

    fn group_of(&self, call: &Call<'_>) -> Result<Serial, Code> {
        match call.object_of(self, "Collection", "CIM_CollectionOfMSEs")? {
            Object::Group(serial) => Ok(serial),
            _ => Err(Code::IncorrectType),
        }
    }

    fn add_member(&mut self, call: &Call<'_>) -> Result<Returned, Code> {
        let serial = self.group_of(call)?;
        let member = call.object_of(self, "Member", "CIM_ManagedElement")?;
        self.require_free(&[Object::Group(serial)], false)?;
        let group = self.groups.get_mut(&serial).ok_or(Code::InvalidState)?;
        match (member, &mut group.groups) {
            (Object::Machine(machine), None) if group.members.contains(&machine) => return Err(Code::InUse),
            (Object::Machine(machine), None) => group.members.push(machine),
            (Object::Group(member), Some(groups)) if member != serial && !groups.contains(&member) => {
                groups.push(member);
            }
            _ => return Err(Code::IncorrectType),
        }
        Ok(Returned::done())
    }

    fn remove_member(&mut self, call: &Call<'_>, serial: Serial) -> Result<Returned, Code> {
        let member = call.object_of(self, "Member", "CIM_ManagedElement")?;
        self.require_free(&[Object::Group(serial)], false)?;
        let group = self.groups.get_mut(&serial).ok_or(Code::InvalidState)?;
        let before = group.members.len() + group.groups.as_ref().map_or(0, Vec::len);
        group.members.retain(|machine| Object::Machine(*machine) != member);
        if let Some(groups) = &mut group.groups {
            groups.retain(|group| Object::Group(*group) != member);
        }
        let after = group.members.len() + group.groups.as_ref().map_or(0, Vec::len);
        if before == after {
            return Err(Code::FileNotFound);
        }
        Ok(Returned::done())
    }
}

fn group_class(group: &Group) -> &'static str {
    match group.groups {
        None => "Msvm_VirtualSystemCollection",
        Some(_) => "Msvm_ManagementCollection",
    }
}
