//! The catalogue: classes with what they inherit, found by name.

use std::fmt;
use std::sync::LazyLock;

use super::class::{Class, Method, PropertyDeclaration};
use super::error::Error;
use super::instance::Instance;
use super::mof::{self, Declaration};
use super::name::Name;
use super::value::{Scalar, Value};

/// A set of classes that is complete: every superclass and every class that a reference or an embedded
/// instance names is in it, unless it was put together [`from_classes`](Self::from_classes) that a host has told.
///
/// Names are found in any letter case. What a class inherits was put together when the catalogue was
/// loaded, so looking costs a hash.
///
/// ```
/// use refpoint::cim::Catalog;
///
/// let catalog = Catalog::bundled();
/// let job = catalog.shape("msvm_virtualsystemreferencepointexportjob").expect("bundled");
/// assert_eq!(job.name(), "Msvm_VirtualSystemReferencePointExportJob");
/// assert!(job.is_a("CIM_ConcreteJob"));
/// let (_, state) = job.property("JobState").expect("inherited");
/// assert_eq!(state.values.meaning(7), Some("Completed"));
///
/// // One's own classes, derived from the bundled ones:
/// let own = "class My_Job : CIM_ConcreteJob { string Ticket; };";
/// let catalog = Catalog::from_mof(Catalog::bundled_mof().chain([own]))?;
/// assert!(catalog.property("My_Job", "JobState").is_some());
/// # Ok::<(), refpoint::cim::Error>(())
/// ```
pub struct Catalog {
    /// In the order of their names.
    classes: Box<[Class]>,
    /// What belongs to each of the classes, in the same order.
    resolved: Box<[Resolved]>,
    index: NameIndex,
}

/// A class of a catalogue with everything that it inherits.
#[derive(Clone, Copy)]
pub struct ClassShape<'c> {
    catalog: &'c Catalog,
    at: usize,
}

impl Catalog {
    /// Returns the classes of `schemas/`, which are parsed when they are first asked for.
    pub fn bundled() -> &'static Self {
        static CATALOG: LazyLock<Catalog> =
            LazyLock::new(|| Catalog::from_mof(Catalog::bundled_mof()).expect("a test reads the schemas"));
        &CATALOG
    }

    /// Returns the texts of `schemas/`, to load them together with one's own.
    pub fn bundled_mof() -> impl Iterator<Item = &'static str> {
        SCHEMAS.iter().map(|(_, text)| *text)
    }

    /// Returns the catalogue of the classes that texts declare; they may refer to each other.
    ///
    /// An [`Error::Mof`] counts lines in the text in which the class stands.
    pub fn from_mof<'a>(sources: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut declarations = Vec::new();
        for source in sources {
            declarations.append(&mut mof::declarations(source)?);
            if declarations.len() > mof::MAX_CLASSES {
                return Err(Error::Limit { what: "classes", limit: mof::MAX_CLASSES });
            }
        }
        declarations.sort_by_cached_key(|declaration| declaration.class.name.to_ascii_lowercase());
        let (lines, classes): (Vec<_>, Vec<_>) =
            declarations.into_iter().map(|Declaration { line, class }| (line, class)).unzip();
        let loading = Loading { index: NameIndex::new(&classes, |class| &class.name), lines, classes };
        loading.refuse_duplicates()?;
        loading.refuse_unknown_classes()?;
        let resolved = loading.resolve()?;
        let Loading { lines, classes, index } = loading;
        let catalog = Self { classes: classes.into(), resolved, index };
        catalog.refuse_changed_properties(&lines)?;
        Ok(catalog)
    }

    /// Returns the catalogue of classes that a host has told one by one, with what they inherit.
    ///
    /// Such a catalogue is not complete: a superclass or a class referred to that is not among them is not known.
    pub fn from_classes(classes: impl IntoIterator<Item = Class>) -> Result<Self, Error> {
        let mut classes: Vec<Class> = classes.into_iter().collect();
        if classes.len() > mof::MAX_CLASSES {
            return Err(Error::Limit { what: "classes", limit: mof::MAX_CLASSES });
        }
        classes.sort_by_cached_key(|class| class.name.to_ascii_lowercase());
        let names: Vec<Name> = classes.iter().map(|class| class.name.clone()).collect();
        for class in &mut classes {
            class.superclass = class.superclass.take().filter(|above| names.contains(above));
        }
        let lines = vec![0; classes.len()];
        let loading = Loading { index: NameIndex::new(&classes, |class| &class.name), lines, classes };
        loading.refuse_duplicates()?;
        let resolved = loading.resolve()?;
        let Loading { classes, index, .. } = loading;
        Ok(Self { classes: classes.into(), resolved, index })
    }

    /// Returns the classes in the order of their names.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &Class> {
        self.classes.iter()
    }

    /// Returns whether a class is in the catalogue.
    pub fn is_known(&self, class: &str) -> bool {
        self.shape(class).is_some()
    }

    /// Returns a class as it was declared, without what it inherits.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.shape(name).map(ClassShape::class)
    }

    /// Returns a class with what it inherits.
    pub fn shape(&self, class: &str) -> Option<ClassShape<'_>> {
        let at = self.index.find(&self.classes, |class| &class.name, class)?;
        Some(ClassShape { catalog: self, at })
    }

    /// Returns the properties of a class, as [`ClassShape::properties`] does; none of an unknown class.
    pub fn properties(&self, class: &str) -> impl Iterator<Item = &PropertyDeclaration> {
        self.shape(class).into_iter().flat_map(ClassShape::properties)
    }

    /// Returns a property of a class, be it declared or inherited.
    pub fn property(&self, class: &str, name: &str) -> Option<&PropertyDeclaration> {
        self.shape(class)?.property(name).map(|(_, property)| property)
    }

    /// Returns the keys of a class.
    pub fn keys(&self, class: &str) -> impl Iterator<Item = &PropertyDeclaration> {
        self.properties(class).filter(|property| property.is_key)
    }

    /// Returns the methods of a class, as [`ClassShape::methods`] does; none of an unknown class.
    pub fn methods(&self, class: &str) -> impl Iterator<Item = &Method> {
        self.shape(class).into_iter().flat_map(ClassShape::methods)
    }

    /// Returns a method of a class, be it declared or inherited.
    pub fn method(&self, class: &str, name: &str) -> Option<&Method> {
        self.shape(class)?.method(name)
    }

    /// Returns whether a class is another one or derived from it. An unknown class is nothing but itself.
    pub fn is_a(&self, class: &str, ancestor: &str) -> bool {
        class.eq_ignore_ascii_case(ancestor) || self.shape(class).is_some_and(|shape| shape.is_a(ancestor))
    }

    /// Returns a class and all that are derived from it, in the order of their names; none for an unknown
    /// class.
    pub fn subclasses<'c>(&'c self, class: &str) -> impl Iterator<Item = &'c Class> + use<'c> {
        let ancestor = self.shape(class).map(|shape| shape.at);
        let is_derived = move |shape: &ClassShape<'_>| shape.lineage().any(|line| Some(line.at) == ancestor);
        self.shapes().filter(is_derived).map(ClassShape::class)
    }

    /// Returns an instance with the names of its class and its properties spelled as they were declared,
    /// and so those of the objects it holds. Unknown names stay as they are.
    #[must_use]
    pub fn canonical(&self, instance: &Instance) -> Instance {
        let shape = self.shape(&instance.class);
        let mut canonical = Instance::new(shape.map_or(&instance.class, ClassShape::name).clone());
        canonical.namespace.clone_from(&instance.namespace);
        canonical.reserve(instance.properties().len());
        for property in instance.properties() {
            let declared = shape.and_then(|shape| shape.property(&property.name));
            let name = declared.map_or(&property.name, |(_, declaration)| &declaration.name);
            canonical.push(name.clone(), self.canonical_value(&property.value));
        }
        canonical
    }

    fn shapes(&self) -> impl Iterator<Item = ClassShape<'_>> {
        (0..self.classes.len()).map(|at| ClassShape { catalog: self, at })
    }

    /// Whatever is derived from a class can be used as one: a property keeps its type, a key stays a key.
    fn refuse_changed_properties(&self, lines: &[usize]) -> Result<(), Error> {
        for shape in self.shapes() {
            let Some(superclass) = shape.superclass() else {
                continue;
            };
            for own in &shape.class().properties {
                let Some((_, inherited)) = superclass.property(&own.name) else {
                    continue;
                };
                let what = match () {
                    () if inherited.is_key && !own.is_key => "is a key",
                    () if inherited.ty != own.ty => "is of another type",
                    () if inherited.is_array != own.is_array => "is, or is not, an array",
                    () => continue,
                };
                let text = format!("declares {} again, which {what} in {}", own.name, superclass.name());
                return Err(problem(lines[shape.at], shape.name(), &text));
            }
        }
        Ok(())
    }

    fn canonical_value(&self, value: &Value) -> Value {
        let scalar = |scalar: &Scalar| match scalar {
            Scalar::Object(object) => Scalar::Object(Box::new(self.canonical(object))),
            other => other.clone(),
        };
        match value {
            Value::Null => Value::Null,
            Value::One(one) => Value::One(scalar(one)),
            Value::Many(many) => Value::Many(many.iter().map(|one| one.as_ref().map(scalar)).collect()),
        }
    }
}

impl<'c> ClassShape<'c> {
    /// Returns the name of the class in its canonical spelling.
    pub fn name(self) -> &'c Name {
        &self.class().name
    }

    /// Returns the class as it was declared, without what it inherits.
    pub fn class(self) -> &'c Class {
        &self.catalog.classes[self.at]
    }

    /// Returns the class it is derived from.
    pub fn superclass(self) -> Option<Self> {
        let at = self.resolved().superclass?;
        Some(Self { catalog: self.catalog, at: at.into() })
    }

    /// Returns the properties, those of the superclass first. One that is declared again stands where the
    /// inherited one stood, and says nothing but what its new declaration says.
    pub fn properties(
        self,
    ) -> impl ExactSizeIterator<Item = &'c PropertyDeclaration> + DoubleEndedIterator + use<'c> {
        self.resolved().properties.list.iter().map(move |member| self.declared_property(member))
    }

    /// Returns a property, and its place among [`properties`](Self::properties).
    pub fn property(self, name: &str) -> Option<(usize, &'c PropertyDeclaration)> {
        let Members { list, index } = &self.resolved().properties;
        let place = index.find(list, |member| &self.declared_property(member).name, name)?;
        Some((place, self.declared_property(&list[place])))
    }

    /// Returns the keys.
    pub fn keys(self) -> impl Iterator<Item = &'c PropertyDeclaration> + use<'c> {
        self.properties().filter(|property| property.is_key)
    }

    /// Returns the methods, in the order of [`properties`](Self::properties).
    pub fn methods(self) -> impl ExactSizeIterator<Item = &'c Method> + DoubleEndedIterator + use<'c> {
        self.resolved().methods.list.iter().map(move |member| self.declared_method(member))
    }

    /// Returns a method.
    pub fn method(self, name: &str) -> Option<&'c Method> {
        let Members { list, index } = &self.resolved().methods;
        let place = index.find(list, |member| &self.declared_method(member).name, name)?;
        Some(self.declared_method(&list[place]))
    }

    /// Returns whether the class is another one or derived from it.
    pub fn is_a(self, ancestor: &str) -> bool {
        self.lineage().any(|shape| *shape.name() == *ancestor)
    }

    /// Returns the class, its superclass, and so on.
    fn lineage(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |shape| shape.superclass())
    }

    fn resolved(self) -> &'c Resolved {
        &self.catalog.resolved[self.at]
    }

    fn declared_property(self, member: &Member) -> &'c PropertyDeclaration {
        &self.catalog.classes[usize::from(member.class)].properties[usize::from(member.place)]
    }

    fn declared_method(self, member: &Member) -> &'c Method {
        &self.catalog.classes[usize::from(member.class)].methods[usize::from(member.place)]
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("classes", &self.classes.len()).finish()
    }
}

impl fmt::Debug for ClassShape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClassShape").field(self.name()).finish()
    }
}

/// What belongs to a class, put together when the catalogue is loaded.
struct Resolved {
    superclass: Option<u16>,
    properties: Members,
    methods: Members,
}

/// The properties or the methods of a class, inherited ones included.
struct Members {
    list: Box<[Member]>,
    index: NameIndex,
}

/// Where a property or a method was declared. Both numbers are below the limits of `mof`.
#[derive(Clone, Copy)]
struct Member {
    class: u16,
    place: u16,
}

/// A catalogue whose classes are being checked and put together.
struct Loading {
    /// The lines of the classes.
    lines: Vec<usize>,
    /// In the order of their names.
    classes: Vec<Class>,
    index: NameIndex,
}

impl Loading {
    fn refuse_duplicates(&self) -> Result<(), Error> {
        let Some(at) = self.classes.windows(2).position(|pair| pair[0].name == pair[1].name) else {
            return Ok(());
        };
        let namespace = |class: &Class| class.namespace.clone().unwrap_or_else(|| "no namespace".into());
        let places = (namespace(&self.classes[at]), namespace(&self.classes[at + 1]));
        Err(self.problem(at + 1, &format!("declared twice, in {} and in {}", places.0, places.1)))
    }

    fn refuse_unknown_classes(&self) -> Result<(), Error> {
        let is_unknown = |class: &&Name| self.find(class).is_none();
        for (at, class) in self.classes.iter().enumerate() {
            if let Some(unknown) = class.superclass.as_ref().filter(is_unknown) {
                return Err(self.problem(at, &format!("superclass {unknown} is not declared")));
            }
            let properties = class.properties.iter().map(|property| (&property.name, &property.class));
            let parameters = class.methods.iter().flat_map(|method| &method.parameters);
            let parameters = parameters.map(|parameter| (&parameter.name, &parameter.class));
            for (name, referred) in properties.chain(parameters) {
                if let Some(unknown) = referred.as_ref().filter(is_unknown) {
                    let text = format!("{name} refers to {unknown}, which is not declared");
                    return Err(self.problem(at, &text));
                }
            }
        }
        Ok(())
    }

    /// Puts the classes together, superclasses first.
    fn resolve(&self) -> Result<Box<[Resolved]>, Error> {
        let mut resolved: Vec<Option<Resolved>> = self.classes.iter().map(|_| None).collect();
        let mut waiting = Vec::new();
        for at in 0..self.classes.len() {
            let mut next = Some(at);
            while let Some(at) = next.filter(|at| resolved[*at].is_none()) {
                if waiting.len() == self.classes.len() {
                    return Err(self.problem(at, "inherits from itself"));
                }
                waiting.push(at);
                next = self.superclass(at);
            }
            while let Some(at) = waiting.pop() {
                let inherited = self.superclass(at).and_then(|above| resolved[above].as_ref());
                resolved[at] = Some(self.resolve_one(at, inherited)?);
            }
        }
        Ok(resolved.into_iter().flatten().collect())
    }

    fn resolve_one(&self, at: usize, inherited: Option<&Resolved>) -> Result<Resolved, Error> {
        let class = &self.classes[at];
        let (properties, methods) = (class.properties.len(), class.methods.len());
        let above = |members: fn(&Resolved) -> &Members| inherited.map(members);
        Ok(Resolved {
            superclass: self.superclass(at).map(small),
            properties: self.members(at, properties, above(|above| &above.properties), |class, place| {
                &class.properties[place].name
            })?,
            methods: self.members(at, methods, above(|above| &above.methods), |class, place| {
                &class.methods[place].name
            })?,
        })
    }

    /// Puts a class's own members, which are so many, over the inherited ones.
    fn members(
        &self,
        at: usize,
        own: usize,
        inherited: Option<&Members>,
        name: fn(&Class, usize) -> &Name,
    ) -> Result<Members, Error> {
        let name = |member: &Member| name(&self.classes[usize::from(member.class)], member.place.into());
        let mut list = inherited.map_or_else(Vec::new, |inherited| inherited.list.to_vec());
        for place in 0..own {
            let member = Member { class: small(at), place: small(place) };
            match inherited.and_then(|above| above.index.find(&above.list, name, name(&member))) {
                Some(overridden) => list[overridden] = member,
                None => list.push(member),
            }
        }
        if list.len() > mof::MAX_MEMBERS {
            return Err(Error::Limit { what: "members of a class", limit: mof::MAX_MEMBERS });
        }
        let index = NameIndex::new(&list, name);
        Ok(Members { list: list.into(), index })
    }

    fn superclass(&self, at: usize) -> Option<usize> {
        self.find(self.classes[at].superclass.as_ref()?)
    }

    fn find(&self, class: &str) -> Option<usize> {
        self.index.find(&self.classes, |class| &class.name, class)
    }

    fn problem(&self, at: usize, what: &str) -> Error {
        problem(self.lines[at], &self.classes[at].name, what)
    }
}

fn problem(line: usize, class: &Name, what: &str) -> Error {
    Error::Mof { line, problem: format!("class {class}: {what}") }
}

fn small(number: usize) -> u16 {
    u16::try_from(number).expect("the limits of mof are below 65536")
}

/// A hash table of places in a list that somebody else owns, by name in any letter case.
struct NameIndex {
    /// Open addressing, at most half full; the length is a power of two.
    slots: Box<[u16]>,
}

impl NameIndex {
    const EMPTY: u16 = u16::MAX;

    fn new<'i, 'n, T>(items: &'i [T], name: impl Fn(&'i T) -> &'n Name) -> Self {
        let mut slots = vec![Self::EMPTY; (items.len() * 2).next_power_of_two()];
        for (place, item) in items.iter().enumerate() {
            let mut slot = hash(name(item)) & (slots.len() - 1);
            while slots[slot] != Self::EMPTY {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = small(place);
        }
        Self { slots: slots.into() }
    }

    fn find<'i, 'n, T>(
        &self,
        items: &'i [T],
        name: impl Fn(&'i T) -> &'n Name,
        wanted: &str,
    ) -> Option<usize> {
        let mut slot = hash(wanted) & (self.slots.len() - 1);
        while self.slots[slot] != Self::EMPTY {
            let place = usize::from(self.slots[slot]);
            let found = name(&items[place]).as_str();
            // Hosts mostly spell names as they were declared, and equal bytes compare fastest.
            if found == wanted || found.eq_ignore_ascii_case(wanted) {
                return Some(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }
}

/// FNV-1a of the lower-case letters.
fn hash(name: &str) -> usize {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
    name.bytes().fold(0x811C_9DC5, mix) as usize
}

macro_rules! schemas {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../schemas/", $name, ".mof")))),*]
    };
}

/// The files of `schemas/`, by name and text.
static SCHEMAS: [(&str, &str); 50] = schemas![
    "CIM_Collection",
    "CIM_ComputerSystem",
    "CIM_DataFile",
    "CIM_Dependency",
    "CIM_Error",
    "CIM_Job",
    "CIM_ManagedElement",
    "CIM_Service",
    "CIM_SettingData",
    "MSFT_WmiError",
    "Msvm_AffectedJobElement",
    "Msvm_CollectionManagementService",
    "Msvm_CollectionReferencePointExportJob",
    "Msvm_CollectionReferencePointExportSettingData",
    "Msvm_CollectionReferencePointService",
    "Msvm_CollectionReferencePointSettingData",
    "Msvm_CollectionSnapshotExportSettingData",
    "Msvm_CollectionSnapshotService",
    "Msvm_ComputerSystem",
    "Msvm_ConcreteJob",
    "Msvm_DiskMergeSettingData",
    "Msvm_Error",
    "Msvm_HostedService",
    "Msvm_ImageManagementService",
    "Msvm_ReferencePointCollection",
    "Msvm_ReferencePointOfVirtualSystem",
    "Msvm_ResourceAllocationSettingData",
    "Msvm_SettingsDefineState",
    "Msvm_SnapshotCollection",
    "Msvm_SnapshotOfVirtualSystem",
    "Msvm_StorageAllocationSettingData",
    "Msvm_StorageJob",
    "Msvm_VirtualHardDiskSettingData",
    "Msvm_VirtualSystemCollection",
    "Msvm_VirtualSystemExportSettingData",
    "Msvm_VirtualSystemManagementService",
    "Msvm_VirtualSystemReferencePoint",
    "Msvm_VirtualSystemReferencePointExportJob",
    "Msvm_VirtualSystemReferencePointExportSettingData",
    "Msvm_VirtualSystemReferencePointService",
    "Msvm_VirtualSystemReferencePointSettingData",
    "Msvm_VirtualSystemSettingData",
    "Msvm_VirtualSystemSnapshotService",
    "Msvm_VirtualSystemSnapshotSettingData",
    "OMI_Error",
    "Win32_Directory",
    "Win32_LogicalDisk",
    "Win32_OperatingSystem",
    "Win32_Service",
    "Win32_Volume",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cim::{ReturnFamily, Type};

    #[test]
    fn no_file_of_the_schemas_is_forgotten() {
        let directory = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas")).unwrap();
        let files: BTreeSet<_> =
            directory.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let bundled: BTreeSet<_> = SCHEMAS.iter().map(|(name, _)| format!("{name}.mof")).collect();
        assert_eq!(bundled, files);
        assert_eq!(bundled.len(), SCHEMAS.len());
    }

    #[test]
    fn every_file_of_the_schemas_can_be_read_alone_and_says_its_namespace() {
        for (name, text) in &SCHEMAS {
            let classes = mof::read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!classes.is_empty(), "{name}");
            for class in classes {
                let namespace = class.namespace.unwrap_or_else(|| panic!("{name}: {}", class.name));
                assert!(["root/virtualization/v2", "root/cimv2"].contains(&namespace.as_str()), "{name}");
                assert!(class.description.is_some(), "{name}: {}", class.name);
            }
        }
    }

    #[test]
    fn every_method_of_the_schemas_says_its_family_and_every_parameter_its_direction() {
        // Both have a default, so forgetting one shows only in the text.
        for (name, text) in &SCHEMAS {
            let methods: usize = mof::read(text).unwrap().iter().map(|class| class.methods.len()).sum();
            assert_eq!(text.matches("ReturnFamily(").count(), methods, "{name}");
            let parameters = mof::read(text).unwrap().into_iter().flat_map(|class| class.methods);
            let parameters = parameters.map(|method| method.parameters.len()).sum::<usize>();
            let said = |line: &&str| {
                let qualifiers = line.strip_prefix("        [").unwrap_or_default();
                ["In,", "In]", "Out,", "Out]"].iter().any(|word| qualifiers.starts_with(word))
            };
            assert_eq!(text.lines().filter(said).count(), parameters, "{name}");
        }
    }

    #[test]
    fn every_class_that_an_export_needs_is_there() {
        let catalog = Catalog::bundled();
        for class in [
            "CIM_Collection",
            "CIM_CollectionOfMSEs",
            "CIM_ComputerSystem",
            "CIM_ConcreteJob",
            "CIM_DataFile",
            "CIM_Error",
            "CIM_Job",
            "CIM_ManagedElement",
            "CIM_Service",
            "CIM_SettingData",
            "MSFT_WmiError",
            "Msvm_AffectedJobElement",
            "Msvm_CollectedReferencePoints",
            "Msvm_CollectedVirtualSystems",
            "Msvm_CollectionManagementService",
            "Msvm_CollectionReferencePointExportJob",
            "Msvm_CollectionReferencePointExportSettingData",
            "Msvm_CollectionReferencePointService",
            "Msvm_CollectionReferencePointSettingData",
            "Msvm_CollectionSnapshotExportSettingData",
            "Msvm_CollectionSnapshotService",
            "Msvm_ComputerSystem",
            "Msvm_ConcreteJob",
            "Msvm_DiskMergeSettingData",
            "Msvm_Error",
            "Msvm_HostedService",
            "Msvm_ImageManagementService",
            "Msvm_ManagementCollection",
            "Msvm_OwningJobElement",
            "Msvm_ReferencePointCollection",
            "Msvm_ReferencePointOfVirtualSystem",
            "Msvm_ReferencePointOfVirtualSystemCollection",
            "Msvm_ResourceAllocationSettingData",
            "Msvm_ServiceAffectsElement",
            "Msvm_SettingsDefineState",
            "Msvm_SnapshotCollection",
            "Msvm_SnapshotOfVirtualSystem",
            "Msvm_StorageAllocationSettingData",
            "Msvm_StorageJob",
            "Msvm_VirtualHardDiskSettingData",
            "Msvm_VirtualMachineToDisks",
            "Msvm_VirtualSystemCollection",
            "Msvm_VirtualSystemExportSettingData",
            "Msvm_VirtualSystemManagementService",
            "Msvm_VirtualSystemReferencePoint",
            "Msvm_VirtualSystemReferencePointExportJob",
            "Msvm_VirtualSystemReferencePointExportSettingData",
            "Msvm_VirtualSystemReferencePointService",
            "Msvm_VirtualSystemReferencePointSettingData",
            "Msvm_VirtualSystemSettingData",
            "Msvm_VirtualSystemSettingDataComponent",
            "Msvm_VirtualSystemSnapshotService",
            "Msvm_VirtualSystemSnapshotSettingData",
            "OMI_Error",
            "Win32_Directory",
            "Win32_LogicalDisk",
            "Win32_OperatingSystem",
            "Win32_Service",
            "Win32_Volume",
        ] {
            let found = catalog.class(class).unwrap_or_else(|| panic!("{class}"));
            assert_eq!(found.name.as_str(), class);
            assert!(catalog.is_known(&class.to_uppercase()));
        }
        assert!(!catalog.is_known("Msvm_FutureExportJob"));
        assert!(catalog.class("Msvm_FutureExportJob").is_none());
        assert_eq!(catalog.properties("Msvm_FutureExportJob").count(), 0);
    }

    #[test]
    fn classes_come_in_the_order_of_their_names() {
        let names: Vec<_> = Catalog::bundled().classes().map(|class| class.name.clone()).collect();
        assert!(names.is_sorted());
        assert_eq!(names[0], "CIM_AffectedJobElement");
    }

    #[test]
    fn both_services_export_with_the_same_four_parameters() {
        for (service, point, settings) in [
            (
                "Msvm_VirtualSystemReferencePointService",
                ("ReferencePoint", "Msvm_VirtualSystemReferencePoint"),
                "Msvm_VirtualSystemReferencePointExportSettingData",
            ),
            (
                "Msvm_CollectionReferencePointService",
                ("ReferencePointCollection", "CIM_Collection"),
                "Msvm_CollectionReferencePointExportSettingData",
            ),
        ] {
            let method = Catalog::bundled().method(service, "exportreferencepoint").unwrap();
            let parameters: Vec<_> = method
                .parameters
                .iter()
                .map(|parameter| {
                    assert!(!parameter.is_array);
                    let class = parameter.class.as_deref();
                    let (input, output) = (parameter.is_input, parameter.is_output);
                    (parameter.name.as_str(), parameter.ty, class, input, output)
                })
                .collect();
            assert_eq!(
                parameters,
                [
                    (point.0, Type::Reference, Some(point.1), true, false),
                    ("ExportDirectory", Type::String, None, true, false),
                    ("ExportSettingData", Type::String, Some(settings), true, false),
                    ("Job", Type::Reference, Some("CIM_ConcreteJob"), false, true),
                ]
            );
            assert_eq!(method.name.as_str(), "ExportReferencePoint");
            assert_eq!(method.returns, Type::Uint32);
        }
    }

    #[test]
    fn a_created_point_is_given_and_taken_by_the_same_parameter() {
        let method = Catalog::bundled()
            .method("Msvm_VirtualSystemReferencePointService", "CreateReferencePoint")
            .unwrap();
        let resulting = &method.parameters[3];
        assert_eq!(resulting.name, "ResultingReferencePoint");
        assert!(resulting.is_input && resulting.is_output);
    }

    #[test]
    fn keys_are_those_of_the_documentation_and_of_the_superclass() {
        let keys =
            |class| -> Vec<_> { Catalog::bundled().keys(class).map(|key| key.name.as_str()).collect() };
        assert_eq!(keys("Msvm_VirtualSystemReferencePoint"), ["InstanceID", "VirtualSystemIdentifier"]);
        assert_eq!(keys("Msvm_ReferencePointCollection"), ["CollectionID", "VirtualSystemCollectionId"]);
        assert_eq!(keys("Msvm_VirtualSystemReferencePointExportJob"), ["InstanceID"]);
        assert_eq!(keys("Msvm_VirtualSystemSettingData"), ["InstanceID"]);
        assert_eq!(keys("Msvm_AffectedJobElement"), ["AffectedElement", "AffectingElement"]);
        let service: BTreeSet<_> = keys("Msvm_VirtualSystemReferencePointService").into_iter().collect();
        let four = ["CreationClassName", "Name", "SystemCreationClassName", "SystemName"];
        assert_eq!(service, four.into());
        assert!(keys("CIM_ManagedElement").is_empty());
    }

    #[test]
    fn export_jobs_are_concrete_jobs_of_cim_and_not_of_hyper_v() {
        let catalog = Catalog::bundled();
        for job in ["Msvm_VirtualSystemReferencePointExportJob", "Msvm_CollectionReferencePointExportJob"] {
            assert!(catalog.is_a(job, "CIM_ConcreteJob"));
            assert!(catalog.is_a(&job.to_lowercase(), "cim_job"));
            assert!(!catalog.is_a(job, "Msvm_ConcreteJob"));
            assert!(!catalog.is_a("CIM_ConcreteJob", job));
            assert!(catalog.property(job, "JobType").is_none());
        }
        assert!(catalog.is_a("Msvm_FutureJob", "MSVM_FutureJob"));
        assert!(!catalog.is_a("Msvm_FutureJob", "CIM_Job"));
    }

    #[test]
    fn subclasses_are_found_at_any_depth() {
        let names = |class| -> Vec<_> {
            Catalog::bundled().subclasses(class).map(|class| class.name.as_str()).collect()
        };
        assert_eq!(
            names("cim_job"),
            [
                "CIM_ConcreteJob",
                "CIM_Job",
                "Msvm_CollectionReferencePointExportJob",
                "Msvm_ConcreteJob",
                "Msvm_StorageJob",
                "Msvm_VirtualSystemReferencePointExportJob",
            ]
        );
        assert_eq!(names("Msvm_StorageJob"), ["Msvm_StorageJob"]);
        assert!(names("Msvm_Unknown").is_empty());
    }

    #[test]
    fn consistency_levels_of_a_point_and_a_collection_are_the_reverse_of_each_other() {
        let values = |class| &Catalog::bundled().property(class, "ConsistencyLevel").unwrap().values;
        let point = values("Msvm_VirtualSystemReferencePoint");
        let collection = values("Msvm_ReferencePointCollection");
        assert_eq!((point.meaning(1), point.meaning(2)), (collection.meaning(2), collection.meaning(1)));
        assert_eq!(point.meaning(1), Some("Application Consistent"));
        assert_ne!(point, collection);
    }

    #[test]
    fn every_method_of_a_service_answers_with_its_family_of_return_values() {
        let families = |class| -> Vec<_> {
            let methods = &Catalog::bundled().class(class).unwrap().methods;
            methods.iter().map(|method| (method.name.as_str(), method.family)).collect()
        };
        use ReturnFamily::{Hyperv, HypervAny, HypervDmtf, Unlisted};
        assert_eq!(
            families("Msvm_VirtualSystemReferencePointService"),
            [
                ("CreateReferencePoint", HypervDmtf),
                ("ExportReferencePoint", Hyperv),
                ("DestroyReferencePoint", Hyperv),
                ("RemoveAssociatedData", Hyperv),
                ("ImportReferencePointMetadata", Hyperv),
            ]
        );
        assert_eq!(
            families("Msvm_CollectionReferencePointService"),
            [
                ("CreateReferencePoint", HypervDmtf),
                ("DestroyReferencePoint", HypervDmtf),
                ("RemoveAssociatedData", HypervDmtf),
                ("ExportReferencePoint", HypervAny),
            ]
        );
        assert_eq!(
            families("Msvm_VirtualSystemSnapshotService"),
            [
                ("CreateSnapshot", HypervDmtf),
                ("DestroySnapshot", HypervDmtf),
                ("DestroySnapshotTree", Hyperv),
                ("ApplySnapshot", HypervDmtf),
                ("ClearSnapshotState", Hyperv),
                ("ConvertToReferencePoint", HypervDmtf),
                ("RequestStateChange", Unlisted),
            ]
        );
        assert_eq!(
            families("Msvm_CollectionSnapshotService"),
            [
                ("CreateSnapshot", HypervDmtf),
                ("ApplySnapshot", HypervDmtf),
                ("DestroySnapshot", HypervDmtf),
                ("ExportSnapshot", HypervAny),
                ("ConvertToReferencePoint", HypervDmtf),
            ]
        );
        assert_eq!(
            families("Msvm_VirtualSystemManagementService"),
            [
                ("DefineSystem", HypervDmtf),
                ("DestroySystem", HypervDmtf),
                ("ExportSystemDefinition", Hyperv),
                ("FormatError", Hyperv),
                ("ModifyDiskMergeSettings", Hyperv),
            ]
        );
        assert!(families("Msvm_CollectionManagementService").iter().all(|(_, family)| *family == Hyperv));
        assert_eq!(
            families("Msvm_ImageManagementService"),
            [("GetVirtualHardDiskSettingData", Hyperv), ("GetVirtualDiskChanges", Hyperv)]
        );
    }

    #[test]
    fn the_nearest_declaration_of_a_method_wins() {
        let family = |class| Catalog::bundled().method(class, "RequestStateChange").unwrap().family;
        assert_eq!(family("CIM_ConcreteJob"), ReturnFamily::ConcreteJob);
        assert_eq!(family("Msvm_VirtualSystemReferencePointExportJob"), ReturnFamily::Hyperv);
        assert_eq!(family("Msvm_ConcreteJob"), ReturnFamily::ConcreteJob);
        let service = "Msvm_VirtualSystemReferencePointService";
        assert_eq!(Catalog::bundled().method(service, "StartService").unwrap().name, "StartService");
        assert!(Catalog::bundled().method(service, "Name").is_none());
        assert_eq!(Catalog::bundled().methods(service).next().unwrap().name, "StartService");
    }

    #[test]
    fn a_property_declared_again_keeps_the_place_of_the_inherited_one() {
        let catalog = Catalog::from_mof([
            "class Below : Above { string Own; [Description(\"new\")] string second = \"x\"; };",
            "class Above { string First; string Second; string Third; };",
        ])
        .unwrap();
        let shape = catalog.shape("below").unwrap();
        let names: Vec<_> = shape.properties().map(|property| property.name.as_str()).collect();
        assert_eq!(names, ["First", "second", "Third", "Own"]);
        let (place, second) = shape.property("SECOND").unwrap();
        assert_eq!((place, second.description.as_deref()), (1, Some("new")));
        assert_eq!(second.default, Some(Value::from("x")));
        assert_eq!(catalog.property("Above", "Second").unwrap().description, None);
        assert_eq!(shape.superclass().unwrap().name(), "Above");
    }

    #[test]
    fn every_property_of_every_class_is_found_at_its_place_in_any_letter_case() {
        let catalog = Catalog::bundled();
        for class in catalog.classes() {
            let shape = catalog.shape(&class.name).unwrap();
            for (place, property) in shape.properties().enumerate() {
                for name in [property.name.to_string(), property.name.to_ascii_uppercase()] {
                    let (found, declaration) = shape.property(&name).unwrap();
                    assert!(found == place && std::ptr::eq(declaration, property), "{} {name}", class.name);
                }
            }
            assert!(shape.property("NoSuchProperty").is_none());
            assert!(shape.property("").is_none());
        }
    }

    #[test]
    fn a_schema_that_does_not_hold_together_is_refused() {
        for (sources, line, problem) in [
            (vec!["\nclass A : B {};"], 2, "class A: superclass B is not declared"),
            (vec!["class A { B REF R; };"], 1, "class A: R refers to B, which is not declared"),
            (
                vec!["class A { [EmbeddedInstance(\"B\")] string E; };"],
                1,
                "class A: E refers to B, which is not declared",
            ),
            (
                vec!["class A { uint32 M([Out] B REF P); };"],
                1,
                "class A: P refers to B, which is not declared",
            ),
            (vec!["class A : A {};"], 1, "class A: inherits from itself"),
            (
                vec!["class X : A {};\nclass A : B {};", "\n\nclass B : A {};"],
                3,
                "class B: inherits from itself",
            ),
            (
                vec![
                    "#pragma namespace (\"root/a\")\nclass A {};",
                    "#pragma namespace (\"root/b\") class a {};",
                ],
                1,
                "class a: declared twice, in root/a and in root/b",
            ),
            (
                vec!["class A { [Key] string K; };\nclass B : A { string k; };"],
                2,
                "class B: declares k again, which is a key in A",
            ),
            (
                vec!["class A { uint8 P; };\nclass B : A { uint16 P; };"],
                2,
                "class B: declares P again, which is of another type in A",
            ),
            (
                vec!["class A { uint8 P; };\nclass B : A { uint8 P[]; };"],
                2,
                "class B: declares P again, which is, or is not, an array in A",
            ),
        ] {
            let error = Catalog::from_mof(sources.iter().copied()).unwrap_err();
            assert_eq!(error, Error::Mof { line, problem: problem.to_owned() }, "{sources:?}");
        }
    }

    #[test]
    fn more_than_the_limits_is_refused() {
        let class = |number: usize| format!("class C{number} {{}};");
        let many: Vec<_> = (0..=mof::MAX_CLASSES).map(class).collect();
        assert!(Catalog::from_mof(many[1..].iter().map(String::as_str)).is_ok());
        let error = Catalog::from_mof(many.iter().map(String::as_str)).unwrap_err();
        assert_eq!(error.to_string(), "more than 4096 classes");
        // What is inherited counts: a chain multiplies it.
        let members = |prefix: &str| -> String { (0..600).map(|n| format!("uint8 {prefix}{n};")).collect() };
        let text = format!("class A {{ {} }}; class B : A {{ {} }};", members("a"), members("b"));
        let error = Catalog::from_mof([text.as_str()]).unwrap_err();
        assert_eq!(error.to_string(), "more than 1024 members of a class");
    }

    #[test]
    fn a_long_chain_of_superclasses_is_no_danger() {
        let chain: String = (0..4000).map(|n| format!("class C{n} : C{} {{}};", n + 1)).collect();
        let text = format!("{chain} class C4000 {{ uint8 P; }};");
        let catalog = Catalog::from_mof([text.as_str()]).unwrap();
        assert!(catalog.is_a("C0", "C4000"));
        assert!(catalog.property("C0", "p").is_some());
    }

    #[test]
    fn names_become_those_of_the_declaration() {
        let error = Instance::new("MSVM_ERROR").with("MESSAGE", "it failed").with("unknown_Word", 1_u8);
        let job = Instance::new("msvm_concretejob").with("jobstate", 7_u16).with("Inner", error);
        let canonical = Catalog::bundled().canonical(&job);
        assert_eq!(canonical, job, "names are the same names");
        let debug = format!("{canonical:?}");
        for spelled in ["Msvm_ConcreteJob", "JobState", "Inner", "Msvm_Error", "Message", "unknown_Word"] {
            assert!(debug.contains(&format!("{spelled:?}")), "{spelled} in {debug}");
        }
    }
}
