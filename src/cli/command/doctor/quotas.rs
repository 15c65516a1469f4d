//! The limits of the host's WinRM, where the account may read them.

use refpoint::cim::{Instance, ObjectPath, Scalar, Value};
use refpoint::client::{Error as SessionError, Session};
use serde_json::{Map, Value as Json, json};

use super::finding::{Finding, Fix, Layer};
use super::trouble::{Trouble, is_broken};

/// The resource that holds them.
const CONFIG: &str = "http://schemas.microsoft.com/wbem/wsman/1/config";

/// What is shown: where it stands, its name, the least that does not get in our way, and its default.
const LIMITS: [(&str, &str, u64, u64); 5] = [
    ("", "MaxEnvelopeSizekb", 150, 500),
    ("", "MaxTimeoutms", 60_000, 60_000),
    ("Service", "MaxConcurrentOperationsPerUser", 100, 1500),
    ("Service", "MaxConnections", 25, 300),
    ("Service", "EnumerationTimeoutms", 60_000, 240_000),
];

/// Looks at the limits. `before` is the fault of a quota that an earlier question met with.
pub(super) async fn quotas(session: &mut Session, before: Option<SessionError>) -> Finding {
    if let Some(error) = before {
        return Trouble::of_session(&error).at(Layer::Quotas);
    }
    let config = match session.get(&ObjectPath::from_resource(CONFIG, Vec::new())).await {
        Ok(config) => config,
        Err(error) if error.is_quota() || is_broken(&error) || error.is_busy() || error.is_timeout() => {
            return Trouble::of_session(&error).at(Layer::Quotas);
        }
        Err(error) => {
            let why =
                if error.is_access_denied() { "only administrators may" } else { "the host does not say" };
            let seen = format!("none is used up. What they are cannot be read ({why}), and need not");
            return Finding::pass(Layer::Quotas, seen).with(json!({"readable": false}));
        }
    };
    judge(&config)
}

fn judge(config: &Instance) -> Finding {
    let service = object(config, "Service");
    let auth = service.and_then(|service| object(service, "Auth"));
    let mut facts = Map::new();
    facts.insert("readable".to_owned(), true.into());
    let (mut shown, mut low) = (Vec::new(), Vec::new());
    for (place, name, least, default) in LIMITS {
        let holder = if place.is_empty() { Some(config) } else { service };
        let Some(limit) = holder.and_then(|holder| number(holder, name)) else { continue };
        facts.insert(name.to_owned(), limit.into());
        shown.push(format!("{name} {limit}"));
        if limit < least {
            low.push((place, name, limit, default));
        }
    }
    let text_of = |holder: Option<&Instance>, name: &str| holder.and_then(|holder| text(holder, name));
    let allows_clear =
        text_of(service, "AllowUnencrypted").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    facts.insert("AllowUnencrypted".to_owned(), allows_clear.into());
    if let Some(level) = text_of(auth, "CbtHardeningLevel") {
        shown.push(format!("CbtHardeningLevel {level}"));
        facts.insert("CbtHardeningLevel".to_owned(), level.into());
    }
    let seen = shown.join(", ");
    let finding = match low.first() {
        Some((place, name, limit, default)) => {
            let path = [r"WSMan:\localhost", *place, *name].into_iter().filter(|part| !part.is_empty());
            let path = path.collect::<Vec<_>>().join(r"\");
            let cause = format!("{name} is {limit}, which is low; its default is {default} ({seen})");
            let fix = Fix::new("Set it back to its default").on_host(format!("Set-Item {path} {default}"));
            Finding::warn(Layer::Quotas, cause, fix)
        }
        None if allows_clear => {
            let cause =
                format!("the host takes messages in clear (AllowUnencrypted), which nobody needs ({seen})");
            let fix = Fix::new("Turn that off: logins encrypt messages without it")
                .on_host(r"Set-Item WSMan:\localhost\Service\AllowUnencrypted $false");
            Finding::warn(Layer::Quotas, cause, fix)
        }
        None => Finding::pass(Layer::Quotas, seen),
    };
    finding.with(Json::Object(facts))
}

fn object<'i>(holder: &'i Instance, name: &str) -> Option<&'i Instance> {
    match holder.value(name)? {
        Value::One(Scalar::Object(object)) => Some(object),
        _ => None,
    }
}

fn text(holder: &Instance, name: &str) -> Option<String> {
    holder.value(name)?.scalars().next()?.to_text().map(|text| text.trim().to_owned())
}

fn number(holder: &Instance, name: &str) -> Option<u64> {
    text(holder, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn config(operations: &str, allow: &str) -> Instance {
        let auth = Instance::new("Auth").with("CbtHardeningLevel", "Relaxed");
        let service = Instance::new("Service")
            .with("MaxConcurrentOperationsPerUser", operations)
            .with("AllowUnencrypted", allow)
            .with("Auth", Value::One(Scalar::Object(Box::new(auth))));
        Instance::new("Config")
            .with("MaxEnvelopeSizekb", "500")
            .with("MaxTimeoutms", "60000")
            .with("Service", Value::One(Scalar::Object(Box::new(service))))
    }

    #[test]
    fn limits_are_shown_and_low_ones_are_warned_of_with_their_default() {
        let finding = judge(&config("1500", "false"));
        assert_eq!(finding.status, Status::Pass);
        assert!(
            finding.seen.contains("MaxEnvelopeSizekb 500") && finding.seen.contains("Relaxed"),
            "{finding:?}"
        );
        let finding = judge(&config("15", "false"));
        assert_eq!(finding.status, Status::Warn);
        let (_, command) = finding.fix.unwrap().command.unwrap();
        assert_eq!(command, r"Set-Item WSMan:\localhost\Service\MaxConcurrentOperationsPerUser 1500");
    }

    #[test]
    fn a_host_that_takes_clear_text_is_warned_of() {
        let finding = judge(&config("1500", "TRUE"));
        assert_eq!(finding.status, Status::Warn);
        let (_, command) = finding.fix.unwrap().command.unwrap();
        assert!(command.ends_with("AllowUnencrypted $false"), "{command}");
    }
}
