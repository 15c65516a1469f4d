//! Points that are made, let go and brought back, of machines and of groups alike.

use super::export::POINT_SERVICE;
use super::host::begun;
use super::{Begun, Consistency, Error, Host, Machine, Mark, Owner};
use crate::cim::{Catalog, Instance, ObjectPath, Value, embedded};
use crate::client::{self, Invoke, Invoked};

/// What a method that makes something has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Whether it is done, or which job does it.
    pub begun: Begun,
    /// What it made, where the answer says so; else the job's link does, once it has ended.
    pub result: Option<ObjectPath>,
}

impl Made {
    /// Reads what such a method has answered; the result is the parameter of that name.
    pub(super) fn read(
        class: &str,
        method: &'static str,
        result: &str,
        invoked: &Invoked,
    ) -> Result<Self, Error> {
        let begun = begun(class, method, invoked)?;
        Ok(Self { begun, result: invoked.path(result).filter(|path| !path.keys.is_empty()).cloned() })
    }
}

impl Host {
    /// Asks for a point of a machine or a group, once. Which number means which type of a machine's point the
    /// documentation contradicts itself on, so the number is the caller's, and the result must be looked at.
    pub async fn create_mark(
        &self,
        owner: &Owner,
        consistency: Consistency,
        number: u16,
    ) -> Result<Made, Error> {
        let (subject, settings, result) = match owner {
            Owner::Machine(_) => {
                ("AffectedSystem", "Msvm_VirtualSystemReferencePointSettingData", "ResultingReferencePoint")
            }
            Owner::Group(_) => (
                "Collection",
                "Msvm_CollectionReferencePointSettingData",
                "ResultingReferencePointCollection",
            ),
        };
        let settings = Instance::new(settings).with("ConsistencyLevel", level(consistency));
        let class = owner.service();
        let call = Invoke::new(self.service(class).await?, CREATE)
            .with(subject, owner.path(self.namespace()))
            .with("ReferencePointSettings", embedded::write_declared(&settings, Catalog::bundled())?)
            .with("ReferencePointType", number);
        let invoked = self.session().await.invoke(&call).await?;
        Made::read(class, CREATE, result, &invoked)
    }

    /// Asks for the removal of a point. That of a group may take the points that depend on it along.
    pub async fn destroy(&self, mark: &Mark) -> Result<Begun, Error> {
        self.let_go(mark, DESTROY).await
    }

    /// Asks for the removal of the log of a point; the point itself stays. Points of change tracking have none.
    pub async fn discard(&self, mark: &Mark) -> Result<Begun, Error> {
        self.let_go(mark, DISCARD).await
    }

    /// Returns what a job acts on, as far as the host tells, what it made included.
    pub async fn affected_by(&self, job: &ObjectPath) -> Result<Vec<ObjectPath>, Error> {
        let through = client::Through::to_class("Msvm_AffectedJobElement");
        let rows = self.session().await.references(job, &through).instances().await?;
        Ok(rows.iter().filter_map(|row| row.path("AffectedElement").cloned()).collect())
    }

    async fn let_go(&self, mark: &Mark, method: &'static str) -> Result<Begun, Error> {
        let parameter = match mark {
            Mark::Point(_) => "AffectedReferencePoint",
            Mark::Collection(_) => "AffectedReferencePointCollection",
        };
        let class = mark.service();
        let call =
            Invoke::new(self.service(class).await?, method).with(parameter, mark.path(self.namespace()));
        let invoked = self.session().await.invoke(&call).await?;
        begun(class, method, &invoked)
    }

    /// Asks for the points that a machine had when these files of it were exported. The files are paths of the
    /// host; Windows Server 2016 may not have the method.
    pub async fn import_points(
        &self,
        machine: &Machine,
        config_file: &str,
        runtime_file: &str,
    ) -> Result<Begun, Error> {
        let call = Invoke::new(self.service(POINT_SERVICE).await?, IMPORT)
            .with("AffectedSystem", Value::from(Machine::path_of(&machine.id, self.namespace())))
            .with("ConfigFilePath", config_file)
            .with("RuntimeStateFilePath", runtime_file);
        let invoked = self.session().await.invoke(&call).await?;
        begun(POINT_SERVICE, IMPORT, &invoked)
    }
}

/// Returns the number as the settings have it: theirs is of eight bits, that of the objects of sixteen.
pub(super) fn level(consistency: Consistency) -> u8 {
    match consistency {
        Consistency::Application => 1,
        Consistency::Crash => 2,
    }
}

const CREATE: &str = "CreateReferencePoint";
const DESTROY: &str = "DestroyReferencePoint";
const DISCARD: &str = "RemoveAssociatedData";
const IMPORT: &str = "ImportReferencePointMetadata";
