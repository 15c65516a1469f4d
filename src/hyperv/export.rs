use super::{Collection, Directory, Error, Group, Guid, Machine, Point};
use crate::cim::{Catalog, Instance, ObjectPath, Value, embedded};
use crate::client::Invoke;

/// An export to be asked for, of one machine or of a group: everything that goes into the call.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportRequest {
    /// What is exported, relative to what.
    pub what: Exported,
    /// Where the host is to write.
    pub directory: Directory,
    /// Settings as a person wrote them, in place of those that follow from the rest.
    pub settings: Option<Instance>,
}

/// What is exported, relative to what.
#[derive(Clone, Debug, PartialEq)]
pub enum Exported {
    /// A point of one machine.
    Machine {
        /// The machine.
        machine: Machine,
        /// The point.
        point: Point,
        /// The point it is relative to.
        base: Option<Point>,
        /// The disks; all where there are none.
        disks: Vec<String>,
    },
    /// A collection of points of a group.
    Group {
        /// The group.
        group: Group,
        /// The collection.
        points: Collection,
        /// The collection it is relative to.
        base: Option<Collection>,
        /// The disks that were chosen of machines; all of all machines where there are none.
        disks: Vec<(Guid, Vec<String>)>,
        /// The points that the collection is of.
        held: Vec<Point>,
    },
}

impl Exported {
    /// Returns the identifier of the machine or the group.
    pub fn subject(&self) -> &Guid {
        match self {
            Self::Machine { machine, .. } => &machine.id,
            Self::Group { group, .. } => &group.id,
        }
    }

    /// Returns the name of the machine or the group.
    pub fn name(&self) -> &str {
        match self {
            Self::Machine { machine, .. } => &machine.name,
            Self::Group { group, .. } => &group.name,
        }
    }

    /// Returns the identifier of the point or the collection.
    pub fn point(&self) -> &str {
        match self {
            Self::Machine { point, .. } => &point.id,
            Self::Group { points, .. } => &points.id,
        }
    }

    /// Returns the identifier of what it is relative to.
    pub fn base(&self) -> Option<&str> {
        match self {
            Self::Machine { base, .. } => base.as_ref().map(|base| &*base.id),
            Self::Group { base, .. } => base.as_ref().map(|base| &*base.id),
        }
    }

    /// Returns the disks that are certainly to be exported: those that were chosen, or all of the point. Whether
    /// machines of a group are exported that are not among those with chosen disks is documented nowhere.
    pub fn disks(&self) -> Vec<&String> {
        match self {
            Self::Machine { point, disks, .. } if disks.is_empty() => point.disks.iter().collect(),
            Self::Machine { disks, .. } => disks.iter().collect(),
            Self::Group { disks, held, .. } if disks.is_empty() => {
                held.iter().flat_map(|point| &point.disks).collect()
            }
            Self::Group { disks, .. } => disks.iter().flat_map(|(_, disks)| disks).collect(),
        }
    }

    /// Returns the machines that are certainly to be exported.
    pub fn machines(&self) -> Vec<&Guid> {
        match self {
            Self::Machine { machine, .. } => vec![&machine.id],
            Self::Group { disks, held, .. } if disks.is_empty() => {
                held.iter().map(|point| &point.machine).collect()
            }
            Self::Group { disks, .. } => disks.iter().map(|(machine, _)| machine).collect(),
        }
    }

    /// Returns the disks that were chosen, those of a group behind their machine and a colon; none means all.
    pub fn chosen_disks(&self) -> Vec<String> {
        match self {
            Self::Machine { disks, .. } => disks.clone(),
            Self::Group { disks, .. } => {
                let of_machine = |(machine, disks): &(Guid, Vec<String>)| {
                    disks.iter().map(|disk| format!("{machine}:{disk}")).collect::<Vec<_>>()
                };
                disks.iter().flat_map(of_machine).collect()
            }
        }
    }

    /// Returns the class of the service that does it.
    pub fn service(&self) -> &'static str {
        match self {
            Self::Machine { .. } => POINT_SERVICE,
            Self::Group { .. } => COLLECTION_SERVICE,
        }
    }

    /// Returns the class of its settings.
    pub fn settings_class(&self) -> &'static str {
        match self {
            Self::Machine { .. } => POINT_SETTINGS,
            Self::Group { .. } => COLLECTION_SETTINGS,
        }
    }

    /// Returns the settings: only what differs from the default is said. `host` is the host's own name, which
    /// paths within settings begin with.
    fn settings(&self, host: &str, namespace: &str) -> Result<Instance, Error> {
        let mut settings = Instance::new(self.settings_class());
        let full = |path: ObjectPath| path.on_host(host).to_string();
        match self {
            Self::Machine { base, disks, .. } => {
                if let Some(base) = base {
                    settings.set("BaseReferencePoint", full(base.path(namespace)));
                }
                if !disks.is_empty() {
                    settings.set("DisksToExport", disks.clone());
                }
            }
            Self::Group { base, disks, .. } => {
                if let Some(base) = base {
                    settings.set("BaseReferencePointCollection", full(base.path(namespace)));
                }
                if !disks.is_empty() {
                    let machines: Result<Vec<String>, _> = disks.iter().map(machine_to_disks).collect();
                    settings.set("VirtualMachinesToDisksToExport", machines?);
                }
            }
        }
        Ok(settings)
    }
}

impl ExportRequest {
    /// Returns the call. `service` is the path of the service as the host enumerates it.
    pub fn call(&self, service: ObjectPath, host: &str, namespace: &str) -> Result<Invoke, Error> {
        let settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => self.what.settings(host, namespace)?,
        };
        let (parameter, point) = match &self.what {
            Exported::Machine { point, .. } => ("ReferencePoint", point.path(namespace)),
            Exported::Group { points, .. } => ("ReferencePointCollection", points.path(namespace)),
        };
        Ok(Invoke::new(service, METHOD)
            .with(parameter, Value::from(point))
            .with("ExportDirectory", self.directory.as_str())
            .with("ExportSettingData", embedded::write_declared(&settings, Catalog::bundled())?))
    }

    /// Checks settings that a person wrote against the class that the method takes, and returns them in the
    /// class's own spelling. WMI does not care for case; people copy names from pages that changed it.
    pub fn check_settings(class: &str, text: &str) -> Result<Instance, Error> {
        let catalog = Catalog::bundled();
        let settings = embedded::read_declared(text, catalog)?;
        if settings.class != *class {
            let found = settings.class.as_str().to_owned();
            return Err(Error::Settings {
                problem: format!("they are of class {found}, the method takes {class}"),
            });
        }
        let unknown =
            settings.properties().iter().find(|property| catalog.property(class, &property.name).is_none());
        if let Some(property) = unknown {
            return Err(Error::Settings { problem: format!("{class} has no property {}", property.name) });
        }
        let settings = catalog.canonical(&settings);
        machines_of(&settings)?;
        Ok(settings)
    }
}

/// One machine of a group with the disks to export, as text within the text of the settings.
fn machine_to_disks((machine, disks): &(Guid, Vec<String>)) -> Result<String, Error> {
    let instance = Instance::new(MACHINE_TO_DISKS)
        .with("VirtualMachineId", machine.as_str())
        .with("DisksToExport", disks.clone());
    Ok(embedded::write_declared(&instance, Catalog::bundled())?)
}

/// Returns which disks of which machines the settings of a group's export name.
pub fn machines_of(settings: &Instance) -> Result<Vec<(Guid, Vec<String>)>, Error> {
    let read = |text: &str| {
        let machine = embedded::read_declared(text, Catalog::bundled())?;
        let id = machine.text("VirtualMachineId").and_then(|id| id.parse().ok());
        let id = id.filter(|_| machine.class == *MACHINE_TO_DISKS).ok_or_else(|| Error::Settings {
            problem: format!(
                "VirtualMachinesToDisksToExport holds something else than {MACHINE_TO_DISKS}: {text}"
            ),
        })?;
        Ok((id, machine.texts("DisksToExport").map(str::to_owned).collect()))
    };
    settings.texts("VirtualMachinesToDisksToExport").map(read).collect()
}

/// Returns the identifier of the point that settings name as the base.
pub fn base_of(settings: &Instance) -> Result<Option<String>, Error> {
    for (property, key) in
        [("BaseReferencePoint", "InstanceID"), ("BaseReferencePointCollection", "CollectionID")]
    {
        let Some(path) = settings.text(property).filter(|path| !path.is_empty()) else { continue };
        let id = path.parse::<ObjectPath>().ok().and_then(|path| Some(path.key_text(key)?.into_owned()));
        return match id {
            Some(id) => Ok(Some(id)),
            None => Err(Error::Settings { problem: format!("{property} is no path with {key}: {path}") }),
        };
    }
    Ok(None)
}

/// The method, of both services.
pub const METHOD: &str = "ExportReferencePoint";

/// The class of the settings of a machine's export.
pub const POINT_SETTINGS: &str = "Msvm_VirtualSystemReferencePointExportSettingData";
/// The class of the settings of a group's export.
pub const COLLECTION_SETTINGS: &str = "Msvm_CollectionReferencePointExportSettingData";
const MACHINE_TO_DISKS: &str = "Msvm_VirtualMachineToDisks";

pub(super) const POINT_SERVICE: &str = "Msvm_VirtualSystemReferencePointService";
pub(super) const COLLECTION_SERVICE: &str = "Msvm_CollectionReferencePointService";
