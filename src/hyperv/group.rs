use super::point::{PointType, consistency};
use super::{Error, Guid};
use crate::cim::{Instance, ObjectPath};

/// A group of machines, `Msvm_VirtualSystemCollection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its identifier.
    pub id: Guid,
    /// The name that people gave it; several groups may have the same.
    pub name: String,
}

/// A reference point of a group: one point of each of its machines, `Msvm_ReferencePointCollection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// `CollectionID`, as the host spells it.
    pub id: String,
    /// The group it belongs to.
    pub group: Guid,
    /// The name that people gave it.
    pub name: String,
    /// What its points keep.
    pub point_type: PointType,
    /// `ConsistencyLevel`: its page has the numbers the other way round than those of its siblings.
    pub consistency: Option<u16>,
    /// `HasAssociatedLog`: whether the logs of all points are still there.
    pub has_log: bool,
}

impl Group {
    /// Reads a group.
    pub fn read(instance: &Instance) -> Result<Self, Error> {
        Ok(Self {
            id: guid(instance, "CollectionID")?,
            name: instance.text("ElementName").unwrap_or_default().to_owned(),
        })
    }

    /// Returns its path.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        ObjectPath::new(namespace, GROUP).with_key("CollectionID", self.id.as_str())
    }
}

impl Collection {
    /// Reads a collection.
    pub fn read(instance: &Instance) -> Result<Self, Error> {
        Ok(Self {
            id: instance.require_text("CollectionID")?.to_owned(),
            group: guid(instance, "VirtualSystemCollectionId")?,
            name: instance.text("ElementName").unwrap_or_default().to_owned(),
            point_type: PointType::read(instance),
            consistency: consistency(instance),
            has_log: instance.boolean("HasAssociatedLog").unwrap_or(false),
        })
    }

    /// Returns its path with both keys.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        ObjectPath::new(namespace, COLLECTION)
            .with_key("CollectionID", &*self.id)
            .with_key("VirtualSystemCollectionId", self.group.as_str())
    }

    /// Says whether a text names it.
    pub fn is_named(&self, text: &str) -> bool {
        self.id.eq_ignore_ascii_case(text)
            || text.parse::<Guid>().is_ok_and(|guid| self.id.parse() == Ok(guid))
    }
}

fn guid(instance: &Instance, name: &str) -> Result<Guid, Error> {
    let text = instance.require_text(name)?;
    text.parse()
        .map_err(|_| Error::Unexpected { what: format!("{name} of {} is no GUID: {text:?}", instance.class) })
}

pub(super) const GROUP: &str = "Msvm_VirtualSystemCollection";
pub(super) const COLLECTION: &str = "Msvm_ReferencePointCollection";

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "5D0C8B7A-1E2F-4A3B-8C4D-9E5F60718293";
    const POINTS: &str = "6E1D9C8B-2F30-4B4C-9D5E-AF6071829304";

    #[test]
    fn a_collection_has_two_keys_and_is_named_by_its_own() {
        let instance = Instance::new(COLLECTION)
            .with("CollectionID", POINTS)
            .with("VirtualSystemCollectionId", SHOP)
            .with("ReferencePointType", 1u16);
        let collection = Collection::read(&instance).unwrap();
        assert_eq!(collection.path("n").keys.len(), 2);
        assert!(collection.is_named(&POINTS.to_lowercase()) && !collection.is_named(SHOP));
        assert_eq!(collection.point_type, PointType::Log);
    }

    #[test]
    fn a_group_without_a_guid_is_refused() {
        assert!(Group::read(&Instance::new(GROUP).with("CollectionID", "shop")).is_err());
        let group = Group::read(&Instance::new(GROUP).with("CollectionID", SHOP)).unwrap();
        assert_eq!((group.id.as_str(), &*group.name), (SHOP, ""));
    }
}
