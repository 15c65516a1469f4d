//! What nobody has asked a real host yet: a switch for each question, so that either world can be rehearsed.

use serde::Deserialize;

/// The table `[questions]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Questions {
    /// Whether `ExportReferencePoint` takes points of change tracking, which hold no data.
    pub rct_exports: bool,
    /// Whether it works without a base.
    pub export_without_base: bool,
    /// Which numbers `CreateReferencePoint` of a single machine has for log and change tracking.
    pub create_numbers: CreateNumbers,
    /// Whether `ExportSettingData` may be null or empty.
    pub settings_may_be_empty: bool,
    /// Whether no `DisksToExport` means all disks; else it is an invalid parameter.
    pub no_disks_mean_all: bool,
    /// Whether disk ids that the point does not have are an invalid parameter; else they are passed over.
    pub unknown_disks_are_refused: bool,
    /// Whether a base may be a path without a host, or without a namespace.
    pub relative_base_paths: bool,
    /// How one learns of a point or checkpoint that a method made.
    pub results: Results,
    /// Whether the host makes the export directory.
    pub directory: DirectoryQuestion,
    /// What becomes of files that are there already.
    pub existing: Existing,
    /// When the receipt of an export is filled.
    pub receipt: ReceiptTime,
    /// Whether written files stand in the order of the exported disks.
    pub files_in_order_of_disks: bool,
    /// The class of export jobs.
    pub export_job_class: JobClass,
    /// Whether export jobs have rows in `Msvm_AffectedJobElement` and `Msvm_OwningJobElement`.
    pub export_jobs_are_associated: bool,
    /// The form of `InstanceID` of a point.
    pub point_ids: PointIds,
    /// The numbers of `ConsistencyLevel` on collections.
    pub collection_consistency: CollectionConsistency,
    /// How a job that is gone is faulted.
    pub gone: Gone,
    /// Whether a point can be made only of a machine whose incremental backup is enabled.
    pub needs_incremental_backup: bool,
    /// How many points a machine may have; any number without.
    pub most_points: Option<u32>,
    /// Whether a machine can be exported while it is being exported.
    pub parallel_exports: bool,
    /// Whether `b:PolymorphismMode` counts; else it is passed over.
    pub polymorphism_counts: bool,
    /// Whether events can be subscribed to; else that is not supported.
    pub subscriptions: bool,
    /// Whether settings may have `&amp;` and `&lt;` in their CIM-XML; else only `&#38;` and `&#60;`.
    pub named_references_are_taken: bool,
    /// Whether points that a method makes say how their disks are tracked.
    pub new_points_have_tracking_ids: bool,
    /// The keys `Name` of the services for which none is published.
    pub service_names: ServiceNames,
}

/// The table `[questions.service_names]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceNames {
    /// Of `Msvm_VirtualSystemReferencePointService`.
    pub point: String,
    /// Of `Msvm_CollectionReferencePointService`.
    pub collection_point: String,
    /// Of `Msvm_CollectionSnapshotService`.
    pub collection_checkpoint: String,
    /// Of `Msvm_CollectionManagementService`.
    pub collection_management: String,
}

/// What `CreateReferencePoint` means by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum CreateNumbers {
    /// As on the class: 1 is log, 2 is change tracking.
    #[serde(rename = "log-1-rct-2")]
    Log1Rct2,
    /// As on the method's page: 0 is log, 1 is change tracking.
    #[serde(rename = "log-0-rct-1")]
    Log0Rct1,
}

/// How one learns what a method made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Results {
    /// By the row of effect 5 of the job, when it has ended.
    Association,
    /// By the parameter of the method, at once, and by the row.
    Parameter,
    /// The method has no job: it answers 0 and the parameter.
    Synchronous,
}

/// Whether the host makes the export directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryQuestion {
    /// It makes the whole path.
    Made,
    /// It makes the last directory; its parent has to be there.
    ParentMustExist,
    /// It has to be there.
    MustExist,
}

/// What becomes of files that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// An export fails that would write a file that is there.
    RefuseSameFiles,
    /// An export fails where anything is in the directory.
    RefuseAnything,
    /// Files are overwritten.
    Overwrite,
}

/// When the receipt of an export is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptTime {
    /// When the export has ended well.
    AtEnd,
    /// When it starts.
    AtStart,
}

/// The class of export jobs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobClass {
    /// That of the documentation, on builds that have it; before, `Msvm_ConcreteJob`.
    OfBuild,
    /// `Msvm_ConcreteJob` with its job types 203 and 206.
    Concrete,
    /// Another one, which no schema has to know.
    Named(String),
}

/// The form of `InstanceID` of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointIds {
    /// With the machine before Windows Server 2025, without since.
    OfBuild,
    /// `Microsoft:<machine>\<point>`.
    MachineAndPoint,
    /// `Microsoft:<point>`.
    PointAlone,
}

/// The numbers of `ConsistencyLevel` on collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollectionConsistency {
    /// 1 is crash, 2 is application, as the class page says.
    AsDocumented,
    /// 1 is application, 2 is crash, as everywhere else.
    AsElsewhere,
}

/// How an object that is gone is faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// WinRM's own number alone.
    Plain,
    /// With the provider's fault inside, and WMI's number in it.
    WithProvider,
}

impl Default for Questions {
    fn default() -> Self {
        Self {
            rct_exports: true,
            export_without_base: true,
            create_numbers: CreateNumbers::Log1Rct2,
            settings_may_be_empty: true,
            no_disks_mean_all: true,
            unknown_disks_are_refused: true,
            relative_base_paths: true,
            results: Results::Association,
            directory: DirectoryQuestion::Made,
            existing: Existing::RefuseSameFiles,
            receipt: ReceiptTime::AtEnd,
            files_in_order_of_disks: true,
            export_job_class: JobClass::OfBuild,
            export_jobs_are_associated: false,
            point_ids: PointIds::OfBuild,
            collection_consistency: CollectionConsistency::AsDocumented,
            gone: Gone::Plain,
            needs_incremental_backup: false,
            most_points: None,
            parallel_exports: false,
            polymorphism_counts: false,
            subscriptions: true,
            named_references_are_taken: true,
            new_points_have_tracking_ids: true,
            service_names: ServiceNames::default(),
        }
    }
}

impl Default for ServiceNames {
    /// Odd ones, so that nobody writes them down.
    fn default() -> Self {
        Self {
            point: "lab-vsrpsvc-01".into(),
            collection_point: "lab-crpsvc-02".into(),
            collection_checkpoint: "lab-cssvc-03".into(),
            collection_management: "lab-cmsvc-04".into(),
        }
    }
}
