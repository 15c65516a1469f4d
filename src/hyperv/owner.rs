use super::export::{COLLECTION_SERVICE, POINT_SERVICE};
use super::{Collection, Error, Group, Guid, Host, Machine, Point, PointType, Selector};
use crate::cim::ObjectPath;

/// What reference points are made of: a machine, or a group of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One machine.
    Machine(Machine),
    /// A group.
    Group(Group),
}

/// A reference point, of whichever owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// That of a machine.
    Point(Point),
    /// That of a group: one point of each of its machines.
    Collection(Collection),
}

impl Owner {
    /// Returns the identifier.
    pub fn id(&self) -> &Guid {
        match self {
            Self::Machine(machine) => &machine.id,
            Self::Group(group) => &group.id,
        }
    }

    /// Returns the name that people gave it.
    pub fn name(&self) -> &str {
        match self {
            Self::Machine(machine) => &machine.name,
            Self::Group(group) => &group.name,
        }
    }

    /// Returns its path.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        match self {
            Self::Machine(machine) => Machine::path_of(&machine.id, namespace),
            Self::Group(group) => group.path(namespace),
        }
    }

    /// Returns the class of the service that makes its points.
    pub(super) fn service(&self) -> &'static str {
        match self {
            Self::Machine(_) => POINT_SERVICE,
            Self::Group(_) => COLLECTION_SERVICE,
        }
    }
}

impl Mark {
    /// Returns its identifier, as the host spells it.
    pub fn id(&self) -> &str {
        match self {
            Self::Point(point) => &point.id,
            Self::Collection(points) => &points.id,
        }
    }

    /// Returns its path with both keys.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        match self {
            Self::Point(point) => point.path(namespace),
            Self::Collection(points) => points.path(namespace),
        }
    }

    /// Says whether a text names it.
    pub fn is_named(&self, text: &str) -> bool {
        match self {
            Self::Point(point) => point.is_named(text),
            Self::Collection(points) => points.is_named(text),
        }
    }

    /// Returns what it keeps.
    pub fn point_type(&self) -> PointType {
        match self {
            Self::Point(point) => point.point_type,
            Self::Collection(points) => points.point_type,
        }
    }

    /// Returns `ConsistencyLevel`, whose numbers a collection may have the other way round.
    pub fn consistency(&self) -> Option<u16> {
        match self {
            Self::Point(point) => point.consistency,
            Self::Collection(points) => points.consistency,
        }
    }

    /// Says whether there is a log with it.
    pub fn has_data(&self) -> bool {
        match self {
            Self::Point(point) => point.has_data,
            Self::Collection(points) => points.has_log,
        }
    }

    /// Returns the disks that it says it covers; a collection leaves that to its points.
    pub fn disks(&self) -> &[String] {
        match self {
            Self::Point(point) => &point.disks,
            Self::Collection(_) => &[],
        }
    }

    /// Returns the class of the service that lets go of it.
    pub(super) fn service(&self) -> &'static str {
        match self {
            Self::Point(_) => POINT_SERVICE,
            Self::Collection(_) => COLLECTION_SERVICE,
        }
    }
}

impl Host {
    /// Returns the points of an owner. They come in no order that means anything.
    pub async fn marks(&self, owner: &Owner) -> Result<Vec<Mark>, Error> {
        Ok(match owner {
            Owner::Machine(machine) => self.points(machine).await?.into_iter().map(Mark::Point).collect(),
            Owner::Group(group) => self.collections(group).await?.into_iter().map(Mark::Collection).collect(),
        })
    }

    /// Returns the machines of an owner, as they are now.
    pub async fn machines_of(&self, owner: &Owner) -> Result<Vec<Machine>, Error> {
        match owner {
            Owner::Machine(machine) => Ok(vec![self.machine(&Selector::Id(machine.id.clone())).await?]),
            Owner::Group(group) => self.members(group).await,
        }
    }

    /// Returns the points of single machines that a mark stands for.
    pub async fn points_within(&self, mark: &Mark) -> Result<Vec<Point>, Error> {
        match mark {
            Mark::Point(point) => Ok(vec![point.clone()]),
            Mark::Collection(points) => self.collected(points).await,
        }
    }
}
