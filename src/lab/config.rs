//! `winrm/config`: the service's own settings, which are no CIM objects. What is put there is kept and shown; the
//! limits by which the host goes are those of the scenario.
//!
//! A part of the settings is a resource of its own: `winrm/config/service/auth` is what `Auth` holds in what
//! `Service` holds. Listeners are named by their address and their transport.

use crate::cim::{Instance, Name, ObjectPath, Property, Scalar, Value};
use crate::wsman::{EndpointReference, Enumerate, Item, Mode};

use super::refusal::Refusal;
use super::scenario::Scenario;
use super::service::Hardening;

/// Where the settings are.
const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";
/// Where the listeners are.
const LISTENER: &str = "http://schemas.microsoft.com/wbem/wsman/1/config/listener";

/// Whoever may make listeners must not fill the memory of a host.
const MOST_LISTENERS: usize = 100;

/// The settings of a host.
pub(super) struct Config {
    settings: Instance,
    listeners: Vec<Instance>,
}

/// What a resource among the settings is.
enum Place {
    /// Settings, by the names that lead to them.
    Settings(Vec<String>),
    /// The listeners, or one of them.
    Listener,
}

/// Returns whether a resource is among the settings.
pub(super) fn is_config(resource: &ObjectPath) -> bool {
    let uri = resource.resource_uri();
    let Some((start, rest)) = uri.split_at_checked(CONFIG.len()) else { return false };
    start.eq_ignore_ascii_case(CONFIG) && (rest.is_empty() || rest.starts_with('/'))
}

fn place(resource: &ObjectPath) -> Place {
    let uri = resource.resource_uri();
    let uri = uri.trim_end_matches('/');
    if uri.eq_ignore_ascii_case(LISTENER) {
        return Place::Listener;
    }
    let names = uri.get(CONFIG.len()..).unwrap_or_default().split('/').skip(1);
    Place::Settings(names.map(str::to_owned).collect())
}

impl Config {
    /// Returns the settings of a host at first.
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self { settings: settings(scenario), listeners: vec![listener("*", "HTTP")] }
    }

    /// Returns settings, or a listener.
    pub(super) fn get(&self, resource: &ObjectPath) -> Result<Instance, Refusal> {
        match place(resource) {
            Place::Listener => self.at(resource).map(|at| self.listeners[at].clone()),
            Place::Settings(_) if !resource.keys.is_empty() => Err(Refusal::UnexpectedKey),
            Place::Settings(names) => {
                let mut found = &self.settings;
                for name in &names {
                    found = match found.value(name) {
                        Some(Value::One(Scalar::Object(inner))) => inner,
                        _ => return Err(Refusal::NotFound),
                    };
                }
                Ok(found.clone())
            }
        }
    }

    /// Changes what is said, and returns what the resource has become.
    pub(super) fn put(&mut self, resource: &ObjectPath, said: &Instance) -> Result<Instance, Refusal> {
        let mut changed = self.get(resource)?;
        if said.class != changed.class {
            return Err(Refusal::Schema);
        }
        merge(&mut changed, said)?;
        match place(resource) {
            Place::Listener => {
                let at = self.at(resource)?;
                if KEYS.iter().any(|key| changed.value(key) != self.listeners[at].value(key)) {
                    return Err(Refusal::Schema);
                }
                self.listeners[at].clone_from(&changed);
            }
            Place::Settings(names) => replace(&mut self.settings, &names, &changed),
        }
        Ok(changed)
    }

    /// Makes a listener; returns what names it.
    pub(super) fn create(&mut self, resource: &ObjectPath, said: &Instance) -> Result<ObjectPath, Refusal> {
        let Place::Listener = place(resource) else { return Err(Refusal::NotCapable) };
        match self.at(resource) {
            Ok(_) => return Err(Refusal::AlreadyExists),
            Err(Refusal::NotFound) if self.listeners.len() < MOST_LISTENERS => {}
            Err(Refusal::NotFound) => return Err(Refusal::Quota),
            Err(refusal) => return Err(refusal),
        }
        let key = |name: &str| resource.key_text(name).unwrap_or_default().into_owned();
        let (address, transport) = (key("Address"), key("Transport").to_uppercase());
        if said.class != "Listener" || !["HTTP", "HTTPS"].contains(&&*transport) {
            return Err(Refusal::Schema);
        }
        let mut made = listener(&address, &transport);
        let is_key = |property: &Property| KEYS.iter().any(|key| property.name == *key);
        if said.properties().iter().any(is_key) {
            return Err(Refusal::Schema);
        }
        merge(&mut made, said)?;
        let path = path_of(&made);
        self.listeners.push(made);
        Ok(path)
    }

    /// Removes a listener.
    pub(super) fn delete(&mut self, resource: &ObjectPath) -> Result<(), Refusal> {
        let Place::Listener = place(resource) else { return Err(Refusal::NotCapable) };
        let at = self.at(resource)?;
        self.listeners.remove(at);
        Ok(())
    }

    /// Returns the listeners as an enumeration wants them.
    pub(super) fn list(&self, operation: &Enumerate) -> Result<Vec<Item>, Refusal> {
        let Place::Listener = place(&operation.resource) else { return Err(Refusal::NotCapable) };
        if operation.filter.is_some() {
            return Err(Refusal::FilterDialect);
        }
        let item = |listener: &Instance| {
            let reference = EndpointReference::to(path_of(listener));
            match operation.mode {
                Mode::Object => Item::Object(listener.clone()),
                Mode::Reference => Item::Reference(reference),
                Mode::ObjectAndReference => Item::ObjectAndReference(listener.clone(), reference),
            }
        };
        Ok(self.listeners.iter().map(item).collect())
    }

    /// Returns where the listener stands that a resource names.
    fn at(&self, resource: &ObjectPath) -> Result<usize, Refusal> {
        if resource.keys.iter().any(|(name, _)| !KEYS.iter().any(|key| *name == *key)) {
            return Err(Refusal::UnexpectedKey);
        }
        if KEYS.iter().any(|key| resource.key(key).is_none()) {
            return Err(Refusal::KeysMissing);
        }
        let is_it = |listener: &Instance, name: &str| {
            let named = resource.key_text(name).unwrap_or_default();
            listener.text(name).is_some_and(|text| text.eq_ignore_ascii_case(&named))
        };
        let is_meant = |listener: &Instance| KEYS.iter().all(|key| is_it(listener, key));
        self.listeners.iter().position(is_meant).ok_or(Refusal::NotFound)
    }
}

/// What names a listener.
const KEYS: [&str; 2] = ["Address", "Transport"];

fn path_of(listener: &Instance) -> ObjectPath {
    let key = |name: &&str| (Name::from(*name), listener.text(name).unwrap_or_default().into());
    ObjectPath::from_resource(LISTENER, KEYS.iter().map(key).collect())
}

fn settings(scenario: &Scenario) -> Instance {
    let limits = &scenario.limits;
    let service = &scenario.service;
    let text = |value: u128| value.to_string();
    let ports = || Instance::new("DefaultPorts").with("HTTP", "5985").with("HTTPS", "5986");
    let client = Instance::new("Client")
        .with("NetworkDelayms", "5000")
        .with("URLPrefix", "wsman")
        .with("AllowUnencrypted", "false")
        .with(
            "Auth",
            Instance::new("Auth")
                .with("Basic", "true")
                .with("Digest", "true")
                .with("Kerberos", "true")
                .with("Negotiate", "true")
                .with("Certificate", "true")
                .with("CredSSP", "false"),
        )
        .with("DefaultPorts", ports())
        .with("TrustedHosts", "");
    let auth = Instance::new("Auth")
        .with("Basic", service.basic.to_string())
        .with("Kerberos", service.kerberos.to_string())
        .with("Negotiate", service.negotiate.to_string())
        .with("Certificate", (!service.certificates.is_empty()).to_string())
        .with("CredSSP", "false")
        .with(
            "CbtHardeningLevel",
            match service.channel_bindings {
                Hardening::None => "None",
                Hardening::Relaxed => "Relaxed",
                Hardening::Strict => "Strict",
            },
        );
    let service = Instance::new("Service")
        .with("MaxConcurrentOperations", "4294967295")
        .with("MaxConcurrentOperationsPerUser", limits.max_operations.to_string())
        .with("EnumerationTimeoutms", text(limits.enumeration_timeout.as_millis()))
        .with("MaxConnections", "300")
        .with("MaxPacketRetrievalTimeSeconds", "120")
        .with("AllowUnencrypted", service.allow_unencrypted.to_string())
        .with("Auth", auth)
        .with("DefaultPorts", ports())
        .with("IPv4Filter", "*")
        .with("IPv6Filter", "*")
        .with("CertificateThumbprint", "")
        .with("AllowRemoteAccess", "true");
    let shells = Instance::new("Winrs")
        .with("AllowRemoteShellAccess", "true")
        .with("IdleTimeout", "7200000")
        .with("MaxConcurrentUsers", "2147483647")
        .with("MaxShellRunTime", "2147483647")
        .with("MaxProcessesPerShell", "2147483647")
        .with("MaxMemoryPerShellMB", "2147483647")
        .with("MaxShellsPerUser", "2147483647");
    Instance::new("Config")
        .with("MaxEnvelopeSizekb", text(u128::from(limits.max_envelope_size / 1024)))
        .with("MaxTimeoutms", text(limits.max_timeout.as_millis()))
        .with("MaxBatchItems", text(u128::from(limits.max_batch_items)))
        .with("MaxProviderRequests", "4294967295")
        .with("Client", client)
        .with("Service", service)
        .with("Winrs", shells)
}

fn listener(address: &str, transport: &str) -> Instance {
    Instance::new("Listener")
        .with("Address", address)
        .with("Transport", transport)
        .with("Port", if transport == "HTTPS" { "5986" } else { "5985" })
        .with("Hostname", "")
        .with("Enabled", "true")
        .with("URLPrefix", "wsman")
        .with("CertificateThumbprint", "")
}

/// Puts settings in the place of those that names lead to.
fn replace(settings: &mut Instance, names: &[String], changed: &Instance) {
    let Some((name, rest)) = names.split_first() else { return settings.clone_from(changed) };
    let held = settings.properties().iter().find(|property| property.name == *name.as_str());
    let Some(Property { name, value: Value::One(Scalar::Object(inner)), .. }) = held else { return };
    let (name, mut inner) = (name.clone(), inner.clone());
    replace(&mut inner, rest, changed);
    settings.set(name, Value::One(Scalar::Object(inner)));
}

/// Settings have no types on the wire: a number has to look like one.
fn merge(settings: &mut Instance, said: &Instance) -> Result<(), Refusal> {
    for property in said.properties() {
        let merged = match (settings.value(&property.name), &property.value) {
            (Some(Value::One(Scalar::Object(inner))), Value::One(Scalar::Object(said))) => {
                let mut inner = (**inner).clone();
                merge(&mut inner, said)?;
                Value::One(Scalar::Object(Box::new(inner)))
            }
            (Some(Value::One(Scalar::String(was))), Value::One(Scalar::String(said))) => {
                let is_number = |text: &str| text.parse::<u64>().is_ok();
                let is_truth = |text: &str| matches!(text, "true" | "false");
                if is_number(was) != is_number(said) || is_truth(was) != is_truth(said) {
                    return Err(Refusal::Schema);
                }
                said.as_str().into()
            }
            _ => return Err(Refusal::Schema),
        };
        settings.set(property.name.clone(), merged);
    }
    Ok(())
}
