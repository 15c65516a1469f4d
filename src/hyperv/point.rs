use super::{Error, Guid};
use crate::cim::{Instance, ObjectPath};

/// A reference point of one machine, `Msvm_VirtualSystemReferencePoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// `InstanceID`, as the host spells it.
    pub id: String,
    /// The machine it belongs to.
    pub machine: Guid,
    /// What it keeps.
    pub point_type: PointType,
    /// `ConsistencyLevel`.
    pub consistency: Option<u16>,
    /// `HasAssociatedData`: whether the log of a log-based point is still there.
    pub has_data: bool,
    /// The slots of the disks it covers.
    pub disks: Vec<String>,
    /// The change-tracking identifier of each disk; only of RCT points.
    pub tracking: Vec<String>,
}

/// `ReferencePointType`. Numbers that nobody documented are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PointType {
    /// 1: changes are in a log, with their data.
    Log,
    /// 2: a mark in the resilient change tracking of the disks, without data.
    Rct,
    /// Something else.
    Other(u16),
}

impl Point {
    /// Reads a point.
    pub fn read(instance: &Instance) -> Result<Self, Error> {
        let machine = instance.require_text("VirtualSystemIdentifier")?;
        Ok(Self {
            id: instance.require_text("InstanceID")?.to_owned(),
            machine: machine.parse().map_err(|_| Error::Unexpected {
                what: format!("the machine of a reference point is no GUID: {machine:?}"),
            })?,
            point_type: PointType::read(instance),
            consistency: consistency(instance),
            has_data: instance.boolean("HasAssociatedData").unwrap_or(false),
            disks: instance.texts("VirtualDiskIdentifiers").map(str::to_owned).collect(),
            tracking: instance.texts("ResilientChangeTrackingIdentifiers").map(str::to_owned).collect(),
        })
    }

    /// Returns its path with both keys; one alone is not enough for any host.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        ObjectPath::new(namespace, CLASS)
            .with_key("InstanceID", &*self.id)
            .with_key("VirtualSystemIdentifier", self.machine.as_str())
    }

    /// Returns the point's own GUID: the last one in its identifier, the machine's not counted.
    pub fn guid(&self) -> Option<Guid> {
        Guid::last_in(&self.id).filter(|guid| *guid != self.machine)
    }

    /// Says whether a text names it: its identifier, or the GUID in it.
    pub fn is_named(&self, text: &str) -> bool {
        self.id.eq_ignore_ascii_case(text) || text.parse::<Guid>().is_ok_and(|guid| self.guid() == Some(guid))
    }

    /// Says whether what it tells of its disks fits together: an RCT point has one tracking identifier for
    /// each disk.
    pub fn is_whole(&self) -> bool {
        match self.point_type {
            PointType::Rct => self.tracking.len() == self.disks.len() && !self.disks.is_empty(),
            PointType::Log | PointType::Other(_) => true,
        }
    }

    /// Returns the identifier of the disk that a text names. The last letter of an identifier, which tells disk
    /// from slot, is no difference.
    pub fn disk(&self, text: &str) -> Option<&str> {
        let exact = self.disks.iter().find(|disk| disk.eq_ignore_ascii_case(text));
        exact.or_else(|| self.disks.iter().find(|disk| is_same_disk(disk, text))).map(String::as_str)
    }
}

impl PointType {
    /// Reads the type from a point or a collection of points.
    pub fn read(instance: &Instance) -> Self {
        let number = instance.number("ReferencePointType").and_then(|number| u16::try_from(number).ok());
        Self::of(number.unwrap_or(0))
    }

    /// Returns the type with that number.
    pub fn of(number: u16) -> Self {
        match number {
            1 => Self::Log,
            2 => Self::Rct,
            other => Self::Other(other),
        }
    }

    /// Returns its number.
    pub fn number(self) -> u16 {
        match self {
            Self::Log => 1,
            Self::Rct => 2,
            Self::Other(number) => number,
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Rct => "rct",
            Self::Other(_) => "unknown",
        }
    }
}

/// Says whether two identifiers mean one disk: `…\L` is the disk, `…\D` the slot it is in.
pub fn is_same_disk(one: &str, other: &str) -> bool {
    slot(one).eq_ignore_ascii_case(slot(other))
}

pub(super) fn consistency(instance: &Instance) -> Option<u16> {
    instance.number("ConsistencyLevel").and_then(|number| u16::try_from(number).ok())
}

/// Leaves out the last letter of a disk's identifier: `…\L` is the disk, `…\D` the slot it is in.
fn slot(disk: &str) -> &str {
    match disk.rsplit_once('\\') {
        Some((slot, "L" | "l" | "D" | "d")) => slot,
        _ => disk,
    }
}

pub(super) const CLASS: &str = "Msvm_VirtualSystemReferencePoint";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Value;

    const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
    const P0: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";

    fn point(id: &str, disks: &[&str]) -> Point {
        let texts =
            |texts: &[&str]| Value::from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let instance = Instance::new(CLASS)
            .with("InstanceID", id)
            .with("VirtualSystemIdentifier", WEB01)
            .with("ReferencePointType", 2u16)
            .with("ConsistencyLevel", 1u16)
            .with("VirtualDiskIdentifiers", texts(disks))
            .with("ResilientChangeTrackingIdentifiers", texts(&vec!["rctX:1"; disks.len()]));
        Point::read(&instance).unwrap()
    }

    #[test]
    fn a_point_is_named_by_identifier_or_guid_in_either_form() {
        for id in [format!(r"Microsoft:{WEB01}\{P0}"), format!("Microsoft:{P0}")] {
            let point = point(&id, &["a"]);
            assert_eq!(point.guid().unwrap().as_str(), P0);
            assert!(
                point.is_named(&id.to_lowercase())
                    && point.is_named(P0)
                    && point.is_named(&format!("{{{P0}}}"))
            );
            assert!(!point.is_named(WEB01) && !point.is_named("Microsoft"));
        }
        assert_eq!(point(&format!("Microsoft:{WEB01}"), &["a"]).guid(), None);
    }

    #[test]
    fn the_path_has_both_keys() {
        let path = point("Microsoft:X", &["a"]).path("root/virtualization/v2");
        let keys: Vec<_> = path.keys.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(keys, ["InstanceID", "VirtualSystemIdentifier"]);
    }

    #[test]
    fn an_rct_point_without_its_tracking_identifiers_is_not_whole() {
        let mut point = point("Microsoft:X", &["a", "b"]);
        assert!(point.is_whole());
        point.tracking.pop();
        assert!(!point.is_whole());
        point.point_type = PointType::Log;
        assert!(point.is_whole());
    }

    #[test]
    fn disks_are_compared_by_slot() {
        let newer = point("n", &[r"Microsoft:x\0\0\L", r"Microsoft:x\0\1\L"]);
        let older = point("o", &[r"microsoft:X\0\0\D"]);
        assert_eq!(newer.disk(&older.disks[0]), Some(r"Microsoft:x\0\0\L"));
        assert_eq!(older.disk(&newer.disks[0]), Some(r"microsoft:X\0\0\D"));
        assert_eq!(older.disk(&newer.disks[1]), None);
        assert!(is_same_disk(r"Microsoft:x\0\0\l", r"MICROSOFT:X\0\0\D"));
    }
}
