//! Recovery checkpoints: taken for a backup, exported, and turned into a reference point or removed.

use super::host::begun;
use super::upkeep::{Made, level};
use super::{Begun, Consistency, Directory, Error, Host, Machine, Mark, Owner};
use crate::cim::{Catalog, Instance, ObjectPath, Timestamp, Value, embedded, wql_literal};
use crate::client::{self, Invoke};

/// A checkpoint that a backup took, of a machine or of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// `InstanceID` of a machine's, `CollectionID` of a group's, as the host spells it.
    pub id: String,
    /// Whether it is that of a group.
    pub is_of_group: bool,
    /// The name that it was given.
    pub name: String,
    /// When it was taken, by the host's clock; collections do not say.
    pub created: Option<Timestamp>,
}

impl Checkpoint {
    /// Returns the checkpoint of an owner that has this identifier.
    pub fn of(owner: &Owner, id: &str) -> Self {
        let is_of_group = matches!(owner, Owner::Group(_));
        Self { id: id.to_owned(), is_of_group, name: String::new(), created: None }
    }

    /// Returns its path.
    pub fn path(&self, namespace: &str) -> ObjectPath {
        let (class, key) = match self.is_of_group {
            false => (SETTINGS, "InstanceID"),
            true => (COLLECTION, "CollectionID"),
        };
        ObjectPath::new(namespace, class).with_key(key, &*self.id)
    }

    /// Says whether a text names it.
    pub fn is_named(&self, text: &str) -> bool {
        let bare = |id: &str| id.to_lowercase().trim_start_matches("microsoft:").to_owned();
        bare(&self.id) == bare(text)
    }
}

impl Host {
    /// Returns the checkpoints that are in the way of a backup: the recovery checkpoints of a machine, or the
    /// checkpoint collections of a group, which do not say what they were taken for.
    pub async fn recovery_checkpoints(&self, owner: &Owner) -> Result<Vec<Checkpoint>, Error> {
        let (rows, is_of_group) = match owner {
            Owner::Machine(machine) => (self.recovery_settings(machine).await?, false),
            Owner::Group(group) => {
                let through = client::Through {
                    association_class: Some("Msvm_SnapshotOfVirtualSystemCollection".into()),
                    result_class: Some(COLLECTION.into()),
                    ..client::Through::default()
                };
                let path = group.path(self.namespace());
                (self.session().await.associators(&path, &through).instances().await?, true)
            }
        };
        let key = if is_of_group { "CollectionID" } else { "InstanceID" };
        let read = |row: &Instance| {
            Ok(Checkpoint {
                id: row.require_text(key)?.to_owned(),
                is_of_group,
                name: row.text("ElementName").unwrap_or_default().to_owned(),
                created: row.datetime("CreationTime").and_then(|time| time.as_timestamp()),
            })
        };
        rows.iter().map(read).collect()
    }

    async fn recovery_settings(&self, machine: &Machine) -> Result<Vec<Instance>, Error> {
        // The type is an identifier and no text of the host's language.
        let wql = format!(
            "SELECT * FROM {SETTINGS} WHERE VirtualSystemIdentifier = {} AND VirtualSystemType = {}",
            wql_literal(machine.id.as_str()),
            wql_literal(RECOVERY)
        );
        Ok(self.session().await.query(wql).instances().await?)
    }

    /// Asks for a recovery checkpoint, once.
    pub async fn create_checkpoint(&self, owner: &Owner, consistency: Consistency) -> Result<Made, Error> {
        let call = self.create_checkpoint_call(owner, consistency).await?;
        let invoked = self.session().await.invoke(&call).await?;
        let is_of_group = matches!(owner, Owner::Group(_));
        let result = if is_of_group { "ResultingSnapshotCollection" } else { "ResultingSnapshot" };
        Made::read(checkpoint_service(is_of_group), CREATE, result, &invoked)
    }

    /// Returns the call that asks for a recovery checkpoint.
    pub async fn create_checkpoint_call(
        &self,
        owner: &Owner,
        consistency: Consistency,
    ) -> Result<Invoke, Error> {
        // The class of the settings of groups is not documented; this one has what is needed.
        let settings = Instance::new("Msvm_VirtualSystemSnapshotSettingData")
            .with("ConsistencyLevel", level(consistency))
            .with("IgnoreNonSnapshottableDisks", true)
            .with("GuestBackupType", FULL);
        let settings = embedded::write_declared(&settings, Catalog::bundled())?;
        // The numbers of the two services differ.
        let (subject, number) = match owner {
            Owner::Machine(_) => ("AffectedSystem", RECOVERY_OF_MACHINE),
            Owner::Group(_) => ("Collection", RECOVERY_OF_GROUP),
        };
        let class = checkpoint_service(matches!(owner, Owner::Group(_)));
        Ok(Invoke::new(self.service(class).await?, CREATE)
            .with(subject, owner.path(self.namespace()))
            .with("SnapshotSettings", settings)
            .with("SnapshotType", number))
    }

    /// Asks for the export of a checkpoint with its disks, relative to a point where there is one, once.
    pub async fn export_checkpoint(
        &self,
        owner: &Owner,
        checkpoint: &Checkpoint,
        base: Option<&Mark>,
        directory: &Directory,
    ) -> Result<Begun, Error> {
        let call = self.export_checkpoint_call(owner, checkpoint, base, directory).await?;
        let invoked = self.session().await.invoke(&call).await?;
        let (class, method) = match owner {
            Owner::Machine(_) => (MANAGEMENT, EXPORT_DEFINITION),
            Owner::Group(_) => (checkpoint_service(true), EXPORT_COLLECTION),
        };
        begun(class, method, &invoked)
    }

    /// Returns the call that asks for the export of a checkpoint.
    pub async fn export_checkpoint_call(
        &self,
        owner: &Owner,
        checkpoint: &Checkpoint,
        base: Option<&Mark>,
        directory: &Directory,
    ) -> Result<Invoke, Error> {
        let host = self.name().await?;
        let full = |path: ObjectPath| path.on_host(&*host).to_string();
        let base = base.map(|base| full(base.path(self.namespace())));
        let taken = checkpoint.path(self.namespace());
        let (class, method, subject, settings) = match owner {
            Owner::Machine(machine) => {
                let settings = Instance::new("Msvm_VirtualSystemExportSettingData")
                    .with("CopySnapshotConfiguration", ONE_FOR_BACKUP)
                    .with("CopyVmStorage", true)
                    .with("CopyVmRuntimeInformation", true)
                    .with("CreateVmExportSubdirectory", true)
                    .with("SnapshotVirtualSystem", full(taken))
                    .with("BackupIntent", PRESERVE_CHAIN);
                let subject = ("ComputerSystem", Machine::path_of(&machine.id, self.namespace()));
                (MANAGEMENT, EXPORT_DEFINITION, subject, settings)
            }
            Owner::Group(_) => {
                // The intents are numbered otherwise here: 1 is what 0 is there.
                let settings = Instance::new("Msvm_CollectionSnapshotExportSettingData")
                    .with("CopyVmStorage", true)
                    .with("BackupIntent", PRESERVE_CHAIN_OF_GROUP);
                (checkpoint_service(true), EXPORT_COLLECTION, ("SnapshotCollection", taken), settings)
            }
        };
        let settings = match base {
            Some(base) => settings.with("DifferentialBackupBase", base),
            None => settings,
        };
        Ok(Invoke::new(self.service(class).await?, method)
            .with(subject.0, subject.1)
            .with("ExportDirectory", directory.as_str())
            .with("ExportSettingData", embedded::write_declared(&settings, Catalog::bundled())?))
    }

    /// Asks for a checkpoint to be turned into a reference point, once. The checkpoint goes, and its disks merge
    /// behind it. The point is as consistent as the checkpoint was: nothing else is asked for.
    pub async fn convert_checkpoint(&self, checkpoint: &Checkpoint) -> Result<Made, Error> {
        let call = self.convert_checkpoint_call(checkpoint).await?;
        let invoked = self.session().await.invoke(&call).await?;
        let result = match checkpoint.is_of_group {
            false => "ResultingReferencePoint",
            true => "ResultingReferencePointCollection",
        };
        Made::read(checkpoint_service(checkpoint.is_of_group), CONVERT, result, &invoked)
    }

    /// Returns the call that asks for a checkpoint to be turned into a reference point.
    pub async fn convert_checkpoint_call(&self, checkpoint: &Checkpoint) -> Result<Invoke, Error> {
        let class = checkpoint_service(checkpoint.is_of_group);
        let path = checkpoint.path(self.namespace());
        let service = self.service(class).await?;
        Ok(match checkpoint.is_of_group {
            false => Invoke::new(service, CONVERT)
                .with("AffectedSnapshot", path)
                .with("ReferencePointSettings", Value::Null),
            true => Invoke::new(service, CONVERT).with("AffectedSnapshotCollection", path),
        })
    }

    /// Asks for the removal of a checkpoint; its disks merge behind it.
    pub async fn destroy_checkpoint(&self, checkpoint: &Checkpoint) -> Result<Begun, Error> {
        let class = checkpoint_service(checkpoint.is_of_group);
        let parameter = match checkpoint.is_of_group {
            false => "AffectedSnapshot",
            true => "AffectedSnapshotCollection",
        };
        let call = Invoke::new(self.service(class).await?, DESTROY)
            .with(parameter, checkpoint.path(self.namespace()));
        let invoked = self.session().await.invoke(&call).await?;
        begun(class, DESTROY, &invoked)
    }
}

fn checkpoint_service(is_of_group: bool) -> &'static str {
    if is_of_group { "Msvm_CollectionSnapshotService" } else { "Msvm_VirtualSystemSnapshotService" }
}

const SETTINGS: &str = "Msvm_VirtualSystemSettingData";
const COLLECTION: &str = "Msvm_SnapshotCollection";
const MANAGEMENT: &str = "Msvm_VirtualSystemManagementService";

/// `VirtualSystemType` of a checkpoint that a backup took.
const RECOVERY: &str = "Microsoft:Hyper-V:Snapshot:Recovery";

const CREATE: &str = "CreateSnapshot";
const CONVERT: &str = "ConvertToReferencePoint";
const DESTROY: &str = "DestroySnapshot";
const EXPORT_DEFINITION: &str = "ExportSystemDefinition";
const EXPORT_COLLECTION: &str = "ExportSnapshot";

/// `SnapshotType`.
const RECOVERY_OF_MACHINE: u16 = 32768;
const RECOVERY_OF_GROUP: u16 = 2;

/// `GuestBackupType`.
const FULL: u8 = 1;

/// `CopySnapshotConfiguration`: the one checkpoint, for a backup; only with it a base is taken.
const ONE_FOR_BACKUP: u8 = 3;

/// `BackupIntent`: eight bits from 0 of a machine, sixteen from 1 of a group.
const PRESERVE_CHAIN: u8 = 0;
const PRESERVE_CHAIN_OF_GROUP: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_named_with_and_without_what_stands_before_its_guid() {
        let id = "Microsoft:9A0B1C2D-3E4F-4051-A263-748596A7B8C9";
        let checkpoint =
            Checkpoint { id: id.to_owned(), is_of_group: false, name: String::new(), created: None };
        assert!(checkpoint.is_named(&id.to_lowercase()) && checkpoint.is_named(&id[10..]));
        assert!(!checkpoint.is_named("9A0B1C2D"));
        assert_eq!(checkpoint.path("n").class, *SETTINGS);
        let collection = Checkpoint { is_of_group: true, ..checkpoint };
        assert_eq!(collection.path("n").keys[0].0, *"CollectionID");
    }
}
