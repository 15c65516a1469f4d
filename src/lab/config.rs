//! `winrm/config`: the service's own settings, which are no CIM objects. What is put there is kept and shown; the
//! limits by which the host goes are those of the scenario.

use crate::cim::{Instance, ObjectPath, Scalar, Value};
use crate::wsman::{EndpointReference, Enumerate, Item, Mode};

use super::refusal::Refusal;
use super::scenario::Scenario;
use super::service::Hardening;

/// Where the settings are.
const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";
/// Where the listeners are.
const LISTENER: &str = "http://schemas.microsoft.com/wbem/wsman/1/config/listener";

/// Returns whether a resource is among the settings.
pub(super) fn is_config(resource: &ObjectPath) -> bool {
    let uri = resource.resource_uri();
    uri.get(..CONFIG.len()).is_some_and(|start| start.eq_ignore_ascii_case(CONFIG))
}

fn is_at(resource: &ObjectPath, uri: &str) -> bool {
    resource.resource_uri().trim_end_matches('/').eq_ignore_ascii_case(uri)
}

/// Returns the settings of a host at first.
pub(super) fn settings(scenario: &Scenario) -> Instance {
    let limits = &scenario.limits;
    let service = &scenario.service;
    let text = |value: u128| value.to_string();
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
    Instance::new("Config")
        .with("MaxEnvelopeSizekb", text(u128::from(limits.max_envelope_size / 1024)))
        .with("MaxTimeoutms", text(limits.max_timeout.as_millis()))
        .with("MaxBatchItems", text(u128::from(limits.max_batch_items)))
        .with("MaxProviderRequests", "4294967295")
        .with(
            "Service",
            Instance::new("Service")
                .with("MaxConcurrentOperations", "4294967295")
                .with("MaxConcurrentOperationsPerUser", limits.max_operations.to_string())
                .with("EnumerationTimeoutms", text(limits.enumeration_timeout.as_millis()))
                .with("MaxConnections", "300")
                .with("MaxPacketRetrievalTimeSeconds", "120")
                .with("AllowUnencrypted", service.allow_unencrypted.to_string())
                .with("Auth", auth),
        )
}

/// Returns the settings, or the one listener.
pub(super) fn get(settings: &Instance, resource: &ObjectPath) -> Result<Instance, Refusal> {
    if is_at(resource, CONFIG) {
        return if resource.keys.is_empty() { Ok(settings.clone()) } else { Err(Refusal::UnexpectedKey) };
    }
    if !is_at(resource, LISTENER) {
        return Err(Refusal::NotFound);
    }
    if resource.keys.is_empty() {
        return Err(Refusal::KeysMissing);
    }
    let listener = listener();
    let is_it = |name: &str| resource.key_text(name).as_deref() == listener.text(name);
    match is_it("Address") && is_it("Transport") {
        true => Ok(listener),
        false => Err(Refusal::NotFound),
    }
}

/// Changes what is said, and returns what the settings have become.
pub(super) fn put(
    settings: &mut Instance,
    resource: &ObjectPath,
    said: &Instance,
) -> Result<Instance, Refusal> {
    if !is_at(resource, CONFIG) {
        return Err(Refusal::NotCapable);
    }
    let mut changed = settings.clone();
    merge(&mut changed, said)?;
    settings.clone_from(&changed);
    Ok(changed)
}

/// Returns the listeners as an enumeration wants them.
pub(super) fn list(operation: &Enumerate) -> Result<Vec<Item>, Refusal> {
    if !is_at(&operation.resource, LISTENER) {
        return Err(Refusal::NotCapable);
    }
    if operation.filter.is_some() {
        return Err(Refusal::FilterDialect);
    }
    let listener = listener();
    let key = |name: &'static str| (name.into(), listener.text(name).unwrap_or_default().into());
    let path = ObjectPath::from_resource(LISTENER, vec![key("Address"), key("Transport")]);
    let reference = EndpointReference::to(path);
    Ok(vec![match operation.mode {
        Mode::Object => Item::Object(listener),
        Mode::Reference => Item::Reference(reference),
        Mode::ObjectAndReference => Item::ObjectAndReference(listener, reference),
    }])
}

fn listener() -> Instance {
    Instance::new("Listener")
        .with("Address", "*")
        .with("Transport", "HTTP")
        .with("Port", "5985")
        .with("Enabled", "true")
        .with("URLPrefix", "wsman")
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
