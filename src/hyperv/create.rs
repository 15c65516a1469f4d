use super::export::POINT_SERVICE;
use super::host::begun;
use super::{Begun, Error, Host, Machine, Point, PointType};
use crate::cim::{Catalog, Instance, ObjectPath, embedded};
use crate::client::{self, Invoke};

/// How consistent the data of a point is to be. Another level than the one asked for is never taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// As applications left it when they were asked to: 1.
    #[default]
    Application,
    /// As a power failure would leave it: 2.
    Crash,
}

impl Consistency {
    /// Returns the number, of points as of their settings.
    pub fn number(self) -> u16 {
        match self {
            Self::Application => 1,
            Self::Crash => 2,
        }
    }
}

impl Host {
    /// Asks for a point of a machine, once. Which number means which type the documentation contradicts
    /// itself on, so the number is the caller's, and the result must be looked at.
    pub async fn create_point(
        &self,
        machine: &Machine,
        consistency: Consistency,
        number: u16,
    ) -> Result<Begun, Error> {
        let settings = Instance::new("Msvm_VirtualSystemReferencePointSettingData")
            .with("ConsistencyLevel", u8::try_from(consistency.number()).unwrap_or_default());
        let service = self.service(POINT_SERVICE).await?;
        let call = Invoke::new(service, CREATE)
            .with("AffectedSystem", Machine::path_of(&machine.id, self.namespace()))
            .with("ReferencePointSettings", embedded::write_declared(&settings, Catalog::bundled())?)
            .with("ReferencePointType", number);
        let invoked = self.session().await.invoke(&call).await?;
        begun(POINT_SERVICE, CREATE, &invoked)
    }

    /// Asks for the removal of a point.
    pub async fn destroy_point(&self, point: &Point) -> Result<Begun, Error> {
        let service = self.service(POINT_SERVICE).await?;
        let call = Invoke::new(service, DESTROY).with("AffectedReferencePoint", point.path(self.namespace()));
        let invoked = self.session().await.invoke(&call).await?;
        begun(POINT_SERVICE, DESTROY, &invoked)
    }

    /// Returns the points that a job has made: hosts link a job with what it created, while the job lives.
    pub async fn made_by(&self, job: &ObjectPath) -> Result<Vec<ObjectPath>, Error> {
        let through = client::Through::to_class("Msvm_AffectedJobElement");
        let rows = self.session().await.references(job, &through).instances().await?;
        let made = rows.iter().filter(|row| row.numbers("ElementEffects").any(|effect| effect == CREATED));
        Ok(made.filter_map(|row| row.path("AffectedElement").cloned()).collect())
    }
}

/// The order in which type numbers are tried for an RCT point: 2 is at worst refused, where 1 might quietly
/// make another kind of point.
pub const RCT_NUMBERS: [u16; 2] = [2, 1];

const CREATE: &str = "CreateReferencePoint";
const DESTROY: &str = "DestroyReferencePoint";

/// `ElementEffects`: the job has created the element.
const CREATED: u64 = 5;

/// Says whether a point is what was asked for.
pub fn is_as_asked(point: &Point, wanted: PointType, consistency: Consistency) -> bool {
    point.point_type == wanted
        && point.is_whole()
        && point.consistency.is_none_or(|level| level == consistency.number())
}
