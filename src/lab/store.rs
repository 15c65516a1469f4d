//! Which objects there are: found by class, by path and by association; rendered when they are asked for.
//!
//! Objects are named by small values ([`Object`], [`Link`]) and become instances one at a time, so that a hundred
//! thousand of them pass through an enumeration without ever standing in memory together.

use std::ops::Range;
use std::sync::LazyLock;

use crate::cim::{Instance, Key, Name, ObjectPath, Type, Value};

use super::draft::Draft;
use super::lexicon::lexicon;
use super::scenario::{JobClass, PointKind, Role, Scenario, ServiceNames};
use super::site::{BUILD_1703, BUILD_2016, CIMV2, Site, VIRTUALIZATION, class_path};
use super::world::{Serial, World};

/// One object of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Object {
    /// The host itself, as Hyper-V sees it.
    Host,
    /// A machine, by its place.
    Machine(usize),
    /// The current settings of a machine.
    Settings(usize),
    /// A disk of a machine.
    Disk(usize, usize),
    /// The slot a disk is in.
    Slot(usize, usize),
    /// The switch for merging the disks of a machine.
    MergeSwitch(usize),
    Point(Serial),
    PointCollection(Serial),
    Group(Serial),
    Checkpoint(Serial),
    CheckpointCollection(Serial),
    Service(Service),
    Job(Serial),
    /// `Win32_OperatingSystem`.
    OperatingSystem,
    /// `Win32_Service`: the management service as Windows sees it.
    ManagementProcess,
    /// A drive, by its place.
    Drive(usize),
    /// The volume on a drive.
    Volume(usize),
    /// A file or a directory, by its place.
    File(usize),
    /// What is no more than its properties.
    Plain(Serial),
    /// `StdRegProv`, which has methods and no instance.
    Registry,
    /// One of many that the scenario makes up: which table, and which of it.
    Bulk(usize, u32),
}

/// A service of Hyper-V.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Service {
    Management,
    Checkpoint,
    CollectionCheckpoint,
    Point,
    CollectionPoint,
    CollectionManagement,
    Image,
}

/// Two objects and what associates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) class: &'static str,
    pub(super) ends: [(&'static str, Object); 2],
    pub(super) effect: Option<u16>,
}

/// What an enumeration brings: an object or an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Object(Object),
    Link(Link),
}

/// What is still to come of an enumeration.
#[derive(Debug)]
pub(super) enum Span {
    Rows(std::vec::IntoIter<Row>),
    Bulk(usize, Range<u32>),
}

impl Iterator for Span {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        match self {
            Self::Rows(rows) => rows.next(),
            Self::Bulk(table, range) => range.next().map(|at| Row::Object(Object::Bulk(*table, at))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Rows(rows) => rows.size_hint(),
            Self::Bulk(_, range) => range.size_hint(),
        }
    }
}

impl Service {
    pub(super) const ALL: [Self; 7] = [
        Self::Management,
        Self::Checkpoint,
        Self::CollectionCheckpoint,
        Self::Point,
        Self::CollectionPoint,
        Self::CollectionManagement,
        Self::Image,
    ];

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Management => "Msvm_VirtualSystemManagementService",
            Self::Checkpoint => "Msvm_VirtualSystemSnapshotService",
            Self::CollectionCheckpoint => "Msvm_CollectionSnapshotService",
            Self::Point => "Msvm_VirtualSystemReferencePointService",
            Self::CollectionPoint => "Msvm_CollectionReferencePointService",
            Self::CollectionManagement => "Msvm_CollectionManagementService",
            Self::Image => "Msvm_ImageManagementService",
        }
    }

    /// Returns the key `Name`.
    pub(super) fn name(self, names: &ServiceNames) -> &str {
        match self {
            Self::Management => "vmms",
            Self::Checkpoint => "vssnapsvc",
            Self::Image => "vhdsvc",
            Self::Point => &names.point,
            Self::CollectionPoint => &names.collection_point,
            Self::CollectionCheckpoint => &names.collection_checkpoint,
            Self::CollectionManagement => &names.collection_management,
        }
    }
}

/// The namespaces, shared by all instances that are in them.
static NAMESPACES: LazyLock<[Name; 2]> = LazyLock::new(|| [VIRTUALIZATION.into(), CIMV2.into()]);

/// Returns whether a host of this build has a class. Builds before 2016 know neither points nor collections.
pub(super) fn has_class(scenario: &Scenario, class: &str) -> bool {
    let is = |part: &str| class.to_ascii_lowercase().contains(part);
    let build = scenario.host.build;
    if build < BUILD_2016
        && (is("referencepoint")
            || is("msvm_collect")
            || is("systemcollection")
            || is("managementcollection")
            || is("snapshotcollection")
            || is("virtualmachinetodisks"))
    {
        return false;
    }
    !is("referencepointexportjob") || has_export_jobs(scenario)
}

/// Returns whether exports of points have job classes of their own.
pub(super) fn has_export_jobs(scenario: &Scenario) -> bool {
    scenario.questions.export_job_class != JobClass::OfBuild || scenario.host.build >= BUILD_1703
}

/// Returns whether a host of this build has a method.
pub(super) fn has_method(scenario: &Scenario, method: &str) -> bool {
    scenario.host.build >= BUILD_1703 || !method.eq_ignore_ascii_case("ImportReferencePointMetadata")
}

/// Returns whether a class is another one or derived from it. What no schema knows is a job.
pub(super) fn is_a(class: &str, ancestor: &str) -> bool {
    let catalog = lexicon();
    catalog.is_a(class, ancestor) || (!catalog.is_known(class) && catalog.is_a("CIM_ConcreteJob", ancestor))
}

impl World {
    /// Returns the rows of a class and of all that are derived from it, or of the class alone.
    pub(super) fn rows_of(&self, class: &str, deep: bool, site: Site<'_>) -> Vec<Span> {
        let wanted = |candidate: &str| match deep {
            true => is_a(candidate, class),
            false => candidate.eq_ignore_ascii_case(class),
        };
        if lexicon().class(class).is_some_and(|class| class.is_association) {
            let links = self.links(site, &|candidate| wanted(candidate));
            return vec![Span::Rows(links.into_iter().map(Row::Link).collect::<Vec<_>>().into_iter())];
        }
        let rows: Vec<_> = self.objects(site, &wanted).into_iter().map(Row::Object).collect();
        let mut spans = vec![Span::Rows(rows.into_iter())];
        for (table, bulk) in site.scenario.instances.iter().enumerate() {
            if wanted(&bulk.class) {
                spans.push(Span::Bulk(table, 0..bulk.count));
            }
        }
        spans
    }

    /// Returns the objects whose classes are wanted, all but those that are made up.
    fn objects(&self, site: Site<'_>, wanted: &dyn Fn(&str) -> bool) -> Vec<Object> {
        let mut found = Vec::new();
        let wanted = |class: &str| has_class(site.scenario, class) && wanted(class);
        let machines = || 0..self.machines.len();
        let disks =
            || machines().flat_map(|at| (0..self.machines[at].disks.len()).map(move |disk| (at, disk)));
        if wanted("Msvm_ComputerSystem") {
            found.push(Object::Host);
            found.extend(machines().map(Object::Machine));
        }
        if wanted("Msvm_VirtualSystemSettingData") {
            found.extend(machines().map(Object::Settings));
            found.extend(self.checkpoints.keys().copied().map(Object::Checkpoint));
        }
        if wanted("Msvm_StorageAllocationSettingData") {
            found.extend(disks().map(|(at, disk)| Object::Disk(at, disk)));
        }
        if wanted("Msvm_ResourceAllocationSettingData") {
            found.extend(disks().map(|(at, disk)| Object::Slot(at, disk)));
        }
        if wanted("Msvm_DiskMergeSettingData") {
            found.extend(machines().map(Object::MergeSwitch));
        }
        if wanted("Msvm_VirtualSystemReferencePoint") {
            found.extend(self.points.keys().copied().map(Object::Point));
        }
        if wanted("Msvm_ReferencePointCollection") {
            found.extend(self.collections.keys().copied().map(Object::PointCollection));
        }
        for (class, of_groups) in
            [("Msvm_VirtualSystemCollection", false), ("Msvm_ManagementCollection", true)]
        {
            if wanted(class) {
                let groups = self.groups.iter().filter(|(_, group)| group.groups.is_some() == of_groups);
                found.extend(groups.map(|(serial, _)| Object::Group(*serial)));
            }
        }
        if wanted("Msvm_SnapshotCollection") {
            found.extend(self.checkpoint_collections.keys().copied().map(Object::CheckpointCollection));
        }
        found.extend(Service::ALL.into_iter().filter(|one| wanted(one.class())).map(Object::Service));
        let jobs = self.jobs.iter().filter(|(_, job)| job.is_visible(site.now) && wanted(&job.class));
        found.extend(jobs.map(|(serial, _)| Object::Job(*serial)));
        if wanted("Win32_OperatingSystem") {
            found.push(Object::OperatingSystem);
        }
        if wanted("Win32_Service") {
            let is_there = matches!(site.scenario.host.hyper_v, Role::Running | Role::Stopped);
            found.extend(is_there.then_some(Object::ManagementProcess));
        }
        let drives = || 0..site.scenario.host.drives.len();
        if wanted("Win32_LogicalDisk") {
            found.extend(drives().map(Object::Drive));
        }
        if wanted("Win32_Volume") {
            found.extend(drives().map(Object::Volume));
        }
        for (class, directories) in [("CIM_DataFile", false), ("Win32_Directory", true)] {
            if wanted(class) {
                found.extend(self.files.places(directories).map(Object::File));
            }
        }
        let plain = self.plain.iter().filter(|(_, plain)| wanted(&plain.class));
        found.extend(plain.map(|(serial, _)| Object::Plain(*serial)));
        found
    }

    /// Returns the associations whose classes are wanted.
    pub(super) fn links(&self, site: Site<'_>, wanted: &dyn Fn(&str) -> bool) -> Vec<Link> {
        let mut links = Vec::new();
        let mut add = |class, first, second, effect| {
            links.push(Link { class, ends: [first, second], effect });
        };
        let wanted = |class: &str| has_class(site.scenario, class) && wanted(class);
        if wanted("Msvm_ReferencePointOfVirtualSystem") {
            for (serial, point) in &self.points {
                let machine = ("Antecedent", Object::Machine(point.machine));
                add(
                    "Msvm_ReferencePointOfVirtualSystem",
                    machine,
                    ("Dependent", Object::Point(*serial)),
                    None,
                );
            }
        }
        if wanted("Msvm_ReferencePointOfVirtualSystemCollection") {
            let class = "Msvm_ReferencePointOfVirtualSystemCollection";
            for (serial, collection) in &self.collections {
                let group = ("Antecedent", Object::Group(collection.group));
                add(class, group, ("Dependent", Object::PointCollection(*serial)), None);
            }
        }
        if wanted("Msvm_CollectedReferencePoints") {
            for (serial, collection) in &self.collections {
                for point in &collection.points {
                    let whole = ("Collection", Object::PointCollection(*serial));
                    add("Msvm_CollectedReferencePoints", whole, ("Member", Object::Point(*point)), None);
                }
            }
        }
        if wanted("Msvm_CollectedVirtualSystems") {
            for (serial, group) in self.groups.iter().filter(|(_, group)| group.groups.is_none()) {
                for machine in &group.members {
                    let whole = ("Collection", Object::Group(*serial));
                    add("Msvm_CollectedVirtualSystems", whole, ("Member", Object::Machine(*machine)), None);
                }
            }
        }
        if wanted("Msvm_SnapshotOfVirtualSystem") {
            for (serial, checkpoint) in &self.checkpoints {
                let machine = ("Antecedent", Object::Machine(checkpoint.machine));
                add(
                    "Msvm_SnapshotOfVirtualSystem",
                    machine,
                    ("Dependent", Object::Checkpoint(*serial)),
                    None,
                );
            }
        }
        for (serial, collection) in &self.checkpoint_collections {
            let whole = Object::CheckpointCollection(*serial);
            if wanted("Msvm_SnapshotOfVirtualSystemCollection") {
                let group = ("Antecedent", Object::Group(collection.group));
                add("Msvm_SnapshotOfVirtualSystemCollection", group, ("Dependent", whole), None);
            }
            if wanted("Msvm_CollectedSnapshots") {
                for member in &collection.checkpoints {
                    let member = ("Member", Object::Checkpoint(*member));
                    add("Msvm_CollectedSnapshots", ("Collection", whole), member, None);
                }
            }
        }
        for (at, machine) in self.machines.iter().enumerate() {
            if wanted("Msvm_SettingsDefineState") {
                let element = ("ManagedElement", Object::Machine(at));
                add("Msvm_SettingsDefineState", element, ("SettingData", Object::Settings(at)), None);
            }
            if wanted("Msvm_VirtualSystemSettingDataComponent") {
                for disk in 0..machine.disks.len() {
                    for part in [Object::Disk(at, disk), Object::Slot(at, disk)] {
                        let whole = ("GroupComponent", Object::Settings(at));
                        let part = ("PartComponent", part);
                        add("Msvm_VirtualSystemSettingDataComponent", whole, part, None);
                    }
                }
            }
            if wanted("Msvm_ServiceAffectsElement") {
                let service = ("AffectingElement", Object::Service(Service::Management));
                let element = ("AffectedElement", Object::Machine(at));
                add("Msvm_ServiceAffectsElement", element, service, Some(5));
            }
        }
        if wanted("Msvm_HostedService") {
            for service in Service::ALL.into_iter().filter(|one| has_class(site.scenario, one.class())) {
                let service = ("Dependent", Object::Service(service));
                add("Msvm_HostedService", ("Antecedent", Object::Host), service, None);
            }
        }
        for (serial, job) in &self.jobs {
            if !job.is_visible(site.now) || !job.is_associated(site) {
                continue;
            }
            if wanted("Msvm_AffectedJobElement") {
                let of_job = ("AffectingElement", Object::Job(*serial));
                for (element, effect) in job.effects() {
                    add("Msvm_AffectedJobElement", ("AffectedElement", element), of_job, Some(effect));
                }
            }
            if wanted("Msvm_OwningJobElement") {
                let owner = ("OwningElement", Object::Service(job.service));
                add("Msvm_OwningJobElement", owner, ("OwnedElement", Object::Job(*serial)), None);
            }
        }
        links
    }

    /// Returns the instance of a row; `None` where it has gone.
    pub(super) fn render(&self, row: Row, site: Site<'_>) -> Option<Instance> {
        match row {
            Row::Object(object) => self.render_object(object, site),
            Row::Link(link) => {
                let mut draft = Draft::of(link.class);
                for (role, object) in link.ends {
                    draft.set(role, self.path(object, site)?);
                }
                if let Some(effect) = link.effect {
                    draft.set("ElementEffects", vec![effect]);
                }
                Some(draft.finish(&NAMESPACES[0]))
            }
        }
    }

    fn render_object(&self, object: Object, site: Site<'_>) -> Option<Instance> {
        let draft = match object {
            Object::Host => self.draft_host(site),
            Object::Machine(at) => self.draft_machine(at, site),
            Object::Settings(at) => self.draft_settings(at, site),
            Object::Disk(at, disk) => self.draft_disk(at, disk, site),
            Object::Slot(at, disk) => self.draft_slot(at, disk, site),
            Object::MergeSwitch(at) => self.draft_merge_switch(at),
            Object::Point(serial) => self.draft_point(serial, site)?,
            Object::PointCollection(serial) => self.draft_point_collection(serial, site)?,
            Object::Group(serial) => self.draft_group(serial)?,
            Object::Checkpoint(serial) => self.draft_checkpoint(serial, site)?,
            Object::CheckpointCollection(serial) => self.draft_checkpoint_collection(serial)?,
            Object::Service(service) => self.draft_service(service, site),
            Object::Job(serial) => self.jobs.get(&serial).filter(|job| job.is_visible(site.now))?.draft(site),
            Object::OperatingSystem => self.draft_operating_system(site),
            Object::ManagementProcess => self.draft_management_process(site),
            Object::Drive(at) => self.draft_drive(at, site),
            Object::Volume(at) => self.draft_volume(at, site),
            Object::File(place) => self.draft_file(place, site)?,
            Object::Plain(serial) => return self.plain.get(&serial).cloned(),
            Object::Registry => return None,
            Object::Bulk(table, at) => draft_bulk(table, at, site)?,
        };
        let is_windows = matches!(
            object,
            Object::OperatingSystem
                | Object::ManagementProcess
                | Object::Drive(_)
                | Object::Volume(_)
                | Object::File(_)
        );
        let mut instance = draft.finish(&NAMESPACES[usize::from(is_windows)]);
        if let Some(class) = lexicon().class(&instance.class)
            && let Some(namespace) = &class.namespace
        {
            instance.namespace = Some(namespace.clone());
        }
        Some(instance)
    }

    /// Returns where a row is: its class and its keys.
    pub(super) fn path_of(&self, instance: &Instance) -> ObjectPath {
        let namespace = instance.namespace.clone().unwrap_or_else(|| VIRTUALIZATION.into());
        let mut path = ObjectPath::new(namespace, instance.class.clone());
        let keys = lexicon().shape(&instance.class).map(|shape| shape.keys().map(|key| &key.name));
        let mut keys: Vec<_> = keys.into_iter().flatten().cloned().collect();
        if keys.is_empty() {
            // A job of a class that no schema knows.
            keys.push("InstanceID".into());
        }
        keys.sort();
        for name in keys {
            let key = match instance.value(&name) {
                Some(Value::One(crate::cim::Scalar::Reference(inner))) => Key::Path(inner.clone()),
                Some(Value::One(scalar)) => Key::Text(scalar.to_text().unwrap_or_default().into_owned()),
                _ => continue,
            };
            path.keys.push((name, key));
        }
        path
    }

    /// Returns where an object is; `None` where it has gone.
    pub(super) fn path(&self, object: Object, site: Site<'_>) -> Option<ObjectPath> {
        // The objects that associations refer to most are told without rendering them.
        Some(match object {
            Object::Machine(at) => class_path("Msvm_ComputerSystem")
                .with_key("CreationClassName", "Msvm_ComputerSystem")
                .with_key("Name", self.machines.get(at)?.id.as_str()),
            Object::Point(serial) => {
                let point = self.points.get(&serial)?;
                class_path("Msvm_VirtualSystemReferencePoint")
                    .with_key("InstanceID", point.id.as_str())
                    .with_key("VirtualSystemIdentifier", self.machines[point.machine].id.as_str())
            }
            Object::Job(serial) => {
                let job = self.jobs.get(&serial)?;
                class_path(&job.class).with_key("InstanceID", job.id.as_str())
            }
            other => self.path_of(&self.render_object(other, site)?),
        })
    }

    /// Returns the object of a path that has all its keys. Classes have to be the very one, as in WMI.
    pub(super) fn find(&self, path: &ObjectPath, site: Site<'_>) -> Option<Object> {
        let names = |name: &str, value: &str| {
            path.key_text(name).is_some_and(|said| said.eq_ignore_ascii_case(value))
        };
        if path.class == "Msvm_VirtualSystemReferencePoint" {
            let found = self.points.iter().find(|(_, point)| {
                names("InstanceID", &point.id)
                    && names("VirtualSystemIdentifier", &self.machines[point.machine].id)
            });
            if let Some((serial, _)) = found {
                return Some(Object::Point(*serial));
            }
        }
        if path.class == "Msvm_ComputerSystem" {
            if !names("CreationClassName", "Msvm_ComputerSystem") {
                return None;
            }
            let machine = self.machines.iter().position(|machine| names("Name", &machine.id));
            return machine.map(Object::Machine).or_else(|| names("Name", site.name).then_some(Object::Host));
        }
        if is_a(&path.class, "CIM_ConcreteJob") {
            let is_it = |job: &super::provider::job::Job| {
                path.class == *job.class && names("InstanceID", &job.id) && job.is_visible(site.now)
            };
            return self.jobs.iter().find(|(_, job)| is_it(job)).map(|(serial, _)| Object::Job(*serial));
        }
        if path.class == "CIM_DataFile" || path.class == "Win32_Directory" {
            let place = self.files.place(&path.key_text("Name")?)?;
            return Some(Object::File(place)).filter(|object| self.has_path(*object, path, site));
        }
        let candidates = self.objects(site, &|class| path.class == *class);
        let found = candidates.into_iter().find(|object| self.has_path(*object, path, site));
        found.or_else(|| self.find_bulk(path, site))
    }

    fn has_path(&self, object: Object, path: &ObjectPath, site: Site<'_>) -> bool {
        let Some(own) = self.path(object, site) else { return false };
        own.class == path.class
            && own.keys.len() == path.keys.len()
            && own.keys.iter().all(|(name, key)| {
                path.key_text(name).is_some_and(|said| said.eq_ignore_ascii_case(&key.text()))
            })
    }

    /// Finds one of many by the number that its keys end in.
    fn find_bulk(&self, path: &ObjectPath, site: Site<'_>) -> Option<Object> {
        let digits = |text: &str| {
            let start = text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            text[start..].parse::<u32>().ok()
        };
        let at = path.keys.iter().find_map(|(_, key)| digits(&key.text()))?.checked_sub(1)?;
        let tables = site.scenario.instances.iter().enumerate();
        let tables = tables.filter(|(_, bulk)| path.class == *bulk.class && at < bulk.count);
        let mut found = tables.map(|(table, _)| Object::Bulk(table, at));
        found.find(|object| self.has_path(*object, path, site))
    }
}

/// Returns one of many: its keys and its name end in its number, counted from 1. Those of points are GUIDs.
fn draft_bulk(table: usize, at: u32, site: Site<'_>) -> Option<Draft> {
    let bulk = site.scenario.instances.get(table)?;
    let shape = lexicon().shape(&bulk.class)?;
    let mut draft = Draft::of(&bulk.class);
    let number = at + 1;
    if *shape.name() == "Msvm_VirtualSystemReferencePoint" {
        let machine = site.guid(&format!("{table:08X}-0000-4000-9000-{number:012}"));
        let point = site.guid(&format!("{table:08X}-0000-4000-8000-{number:012}"));
        draft
            .set("InstanceID", site.point_id(&machine, &point))
            .set("VirtualSystemIdentifier", machine)
            .set("ReferencePointType", PointKind::Rct.number())
            .set("ConsistencyLevel", 1_u16)
            .set("HasAssociatedData", false)
            .set("ElementName", format!("number {number}"));
        return Some(draft);
    }
    for key in shape.keys() {
        match key.ty {
            Type::String => draft.set(&key.name, format!("Microsoft:lab-{table}-{number:08}")),
            ty => draft.set(&key.name, Value::parse(ty, false, [&*number.to_string()]).ok()?),
        };
    }
    if shape.property("ElementName").is_some_and(|(_, property)| !property.is_key) {
        draft.set("ElementName", format!("number {number}"));
    }
    Some(draft)
}
