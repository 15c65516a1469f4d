//! `StdRegProv`: as much of a registry as an administrator asks for by CIM.

use std::collections::BTreeMap;

use crate::cim::{Scalar, Value};

use super::provider::{Arguments, Returned};

/// `HKEY_LOCAL_MACHINE`.
const MACHINE: u64 = 0x8000_0002;

/// Windows' numbers for what is not there, and for what may not be.
const FILE_NOT_FOUND: u32 = 2;
const INVALID_PARAMETER: u32 = 87;

/// Whoever may write values must not fill the memory of a host.
const MOST: usize = 1000;

/// The values, by hive, key and name, whose letter case does not count.
pub(super) struct Registry(BTreeMap<(u64, String, String), Value>);

impl Registry {
    pub(super) fn new(build: u32) -> Self {
        let mut registry = Self(BTreeMap::new());
        let version = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
        registry.set(MACHINE, version, "CurrentBuild", build.to_string().into());
        registry.set(MACHINE, version, "UBR", 2113_u32.into());
        let order = vec!["LanmanWorkstation".to_owned(), "RDPNP".to_owned()];
        let providers = r"SYSTEM\CurrentControlSet\Control\NetworkProvider\Order";
        registry.set(MACHINE, providers, "Names", order.into());
        registry
    }

    fn set(&mut self, hive: u64, key: &str, name: &str, value: Value) {
        self.0.insert((hive, key.to_lowercase(), name.to_lowercase()), value);
    }

    /// Calls a method of the class.
    pub(super) fn invoke(&mut self, method: &str, arguments: Arguments<'_>) -> Returned {
        let number = |code| Returned { code, ..Returned::default() };
        let hive = arguments.number("hDefKey").unwrap_or(MACHINE);
        let (Some(key), Some(name)) = (arguments.text("sSubKeyName"), arguments.text("sValueName")) else {
            return number(INVALID_PARAMETER);
        };
        let place = (hive, key.to_lowercase(), name.to_lowercase());
        let (parameter, is_wanted): (_, fn(&Value) -> bool) = match method {
            "GetDWORDValue" | "SetDWORDValue" => {
                ("uValue", |value| matches!(value, Value::One(Scalar::Uint32(_))))
            }
            "GetStringValue" => ("sValue", |value| value.as_str().is_some()),
            _ => ("sValue", |value| matches!(value, Value::Many(_))),
        };
        if method.starts_with("Get") {
            return match self.0.get(&place).filter(|value| is_wanted(value)) {
                Some(value) => Returned::done().with(parameter, value.clone()),
                None => number(FILE_NOT_FOUND),
            };
        }
        let value = arguments.value(parameter);
        match is_wanted(value) && self.0.len() < MOST {
            true => _ = self.0.insert(place, value.clone()),
            false => return number(INVALID_PARAMETER),
        }
        Returned::done()
    }
}
