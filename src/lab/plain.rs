//! Objects of Windows that are no more than their properties: put, made and removed as WinRM's Put, Create and
//! Delete say. Hyper-V's own are changed by its methods alone.

use std::collections::BTreeMap;

use crate::cim::{ClassShape, Instance, Name, Value};

use super::lexicon::lexicon;
use super::refusal::Refusal;
use super::site::{CIMV2, STANDARD_CIMV2, Site};
use super::world::{Serial, World};

/// The class whose objects clients may make.
const ENVIRONMENT: &str = "Win32_Environment";
const ADAPTER: &str = "MSFT_NetAdapter";

/// Whoever may make objects must not fill the memory of a host.
const MOST: usize = 1000;

impl World {
    /// Makes what stands on every host.
    pub(super) fn furnish(&mut self, site: Site<'_>) {
        for (name, value) in [("ComSpec", r"%SystemRoot%\system32\cmd.exe"), ("TEMP", r"%SystemRoot%\TEMP")] {
            let variable = Instance::new(ENVIRONMENT)
                .with("Name", name)
                .with("UserName", "<SYSTEM>")
                .with("SystemVariable", true)
                .with("VariableValue", value);
            self.stand(variable, CIMV2);
        }
        for (number, name) in [(1_u32, "Ethernet"), (2, "Cluster")] {
            let adapter = Instance::new(ADAPTER)
                .with("CreationClassName", ADAPTER)
                .with("DeviceID", site.guid(&format!("4E45544{number}-0000-4000-8000-00000000000{number}")))
                .with("SystemCreationClassName", "CIM_NetworkPort")
                .with("SystemName", site.name)
                .with("Name", name)
                .with("InterfaceDescription", format!("Simulated Adapter #{number}"))
                .with("InterfaceIndex", number + 3)
                .with("MediaConnectState", number)
                .with("Speed", 10_000_000_000_u64)
                .with("PermanentAddress", format!("00155D0000{number:02X}"))
                .with("Virtual", false);
            self.stand(adapter, STANDARD_CIMV2);
        }
    }

    fn stand(&mut self, instance: Instance, namespace: &str) -> Serial {
        let serial = self.serial();
        self.plain.insert(serial, completed(&instance, namespace));
        serial
    }

    /// Changes what an instance says of an object: properties that it does not say stay as they are.
    pub(super) fn change_plain(&mut self, serial: Serial, said: &Instance) -> Result<Instance, Refusal> {
        let object = self.plain.get_mut(&serial).ok_or(Refusal::NotFound)?;
        if object.class != ENVIRONMENT {
            return Err(Refusal::NotCapable);
        }
        let shape = lexicon().shape(&object.class).ok_or(Refusal::InvalidClass)?;
        let mut changed = object.clone();
        for property in said.properties() {
            let name = checked(shape, &property.name, &property.value)?;
            let is_key = shape.keys().any(|key| key.name == name);
            if is_key && !same_text(changed.value(&name), &property.value) {
                return Err(Refusal::Schema);
            }
            if !is_key {
                changed.set(name, property.value.clone());
            }
        }
        *object = changed.clone();
        Ok(changed)
    }

    /// Makes an object.
    pub(super) fn make_plain(&mut self, said: &Instance, namespace: &str) -> Result<Instance, Refusal> {
        let shape = lexicon().shape(&said.class).ok_or(Refusal::InvalidClass)?;
        if *shape.name() != ENVIRONMENT {
            return Err(Refusal::NotCapable);
        }
        let mut made = Instance::new(shape.name().clone());
        for property in said.properties() {
            made.set(checked(shape, &property.name, &property.value)?, property.value.clone());
        }
        let has_keys = shape.keys().all(|key| made.text(&key.name).is_some_and(|text| !text.is_empty()));
        if !has_keys {
            return Err(Refusal::ObjectInvalid);
        }
        let is_there = |other: &Instance| {
            other.class == made.class
                && shape.keys().all(|key| {
                    made.value(&key.name).is_some_and(|value| same_text(other.value(&key.name), value))
                })
        };
        if self.plain.values().any(is_there) {
            return Err(Refusal::AlreadyExists);
        }
        if self.plain.len() >= MOST {
            return Err(Refusal::Quota);
        }
        let is_of_system = made.text("UserName").is_some_and(|user| user.eq_ignore_ascii_case("<SYSTEM>"));
        made.set("SystemVariable", is_of_system);
        let serial = self.stand(made, namespace);
        Ok(self.plain[&serial].clone())
    }

    /// Removes an object.
    pub(super) fn remove_plain(&mut self, serial: Serial) -> Result<(), Refusal> {
        match self.plain.get(&serial) {
            Some(object) if object.class == ENVIRONMENT => {
                self.plain.remove(&serial);
                Ok(())
            }
            Some(_) => Err(Refusal::NotCapable),
            None => Err(Refusal::NotFound),
        }
    }
}

/// The objects of a host, by number.
pub(super) type Plain = BTreeMap<Serial, Instance>;

/// Returns the declared name of a property that can hold a value.
fn checked(shape: ClassShape<'_>, name: &Name, value: &Value) -> Result<Name, Refusal> {
    let (_, declared) = shape.property(name).ok_or(Refusal::Schema)?;
    let fits = value.scalars().all(|scalar| scalar.ty() == declared.ty);
    let is_array = matches!(value, Value::Many(_));
    match fits && (value.is_null() || is_array == declared.is_array) {
        true => Ok(declared.name.clone()),
        false => Err(Refusal::Schema),
    }
}

fn same_text(mine: Option<&Value>, theirs: &Value) -> bool {
    match (mine.and_then(Value::as_str), theirs.as_str()) {
        (Some(mine), Some(theirs)) => mine.eq_ignore_ascii_case(theirs),
        _ => false,
    }
}

/// Returns an instance with all properties of its class, null where it says nothing.
fn completed(said: &Instance, namespace: &str) -> Instance {
    let mut whole = Instance::new(said.class.clone());
    whole.namespace = Some(namespace.into());
    for declared in lexicon().properties(&said.class) {
        let value = said.value(&declared.name).cloned().unwrap_or_default();
        whole.set(declared.name.clone(), value);
    }
    whole
}
