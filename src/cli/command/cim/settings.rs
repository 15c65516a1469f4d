//! Settings of `winrm/config` by the names that lead to them: `Service/Auth/Basic`.
//!
//! What holds settings is a resource of its own, `winrm/config/service/auth`, and is what is read and put.

use refpoint::cim::{Instance, Scalar, Value};

use crate::cli::error::Error;
use crate::cli::object;
use crate::cli::resource::ObjectArgs;

/// Returns the resource that holds the settings, and each setting by its own name.
pub(super) fn placed(object: &ObjectArgs, set: &[String]) -> Result<(ObjectArgs, Vec<String>), Error> {
    if !object.resource.is_config() {
        return Ok((object.clone(), set.to_vec()));
    }
    let mut place: Option<(String, &str)> = None;
    let mut words = Vec::new();
    for word in set {
        let (name, _) = object::pair(word)?;
        let split = name.rfind(['/', '\\']);
        let (above, own) = split.map_or(("", &**word), |at| (&word[..at], &word[at + 1..]));
        let above = above.trim_matches(['/', '\\']).replace('\\', "/").to_ascii_lowercase();
        match &place {
            Some((earlier, first)) if *earlier != above => {
                return Err(Error::usage(format!("{first} and {name} are settings of two resources"))
                    .hint("each resource is put by itself: one command for each"));
            }
            Some(_) => {}
            None => place = Some((above, name)),
        }
        words.push(own.to_owned());
    }
    let mut object = object.clone();
    if let (Some((above, _)), Some(uri)) =
        (place.filter(|(above, _)| !above.is_empty()), &object.resource.resource_uri)
    {
        let uri = uri.trim_end_matches('/');
        object.resource.resource_uri = Some(format!("{uri}/{above}"));
    }
    Ok((object, words))
}

/// Returns settings without those that are resources of their own.
pub(super) fn own(settings: &Instance) -> Instance {
    let mut own = Instance::new(settings.class.clone());
    for property in settings.properties().iter().filter(|property| inner(&property.value).is_none()) {
        own.set(property.name.clone(), property.value.clone());
    }
    own
}

/// Refuses names that hold settings, and those that are found elsewhere.
pub(super) fn check(settings: &Instance, set: &[String]) -> Result<(), Error> {
    for word in set {
        let (name, _) = object::pair(word)?;
        let name = name.trim_end_matches(':');
        match settings.value(name) {
            Some(value) => {
                if let Some(inner) = inner(value) {
                    let first = inner.properties().first().map_or("…", |property| property.name.as_str());
                    return Err(Error::usage(format!("{name} is no setting, it holds settings"))
                        .hint(format!("write one of them: {name}/{first}=…")));
                }
            }
            None => {
                let found = ways_to(settings, name);
                if !found.is_empty() {
                    return Err(Error::usage(format!("{} has no setting {name}", settings.class))
                        .hint(format!("did you mean {}?", found.join(" or "))));
                }
            }
        }
    }
    Ok(())
}

/// Returns the names that lead to a setting anywhere below.
fn ways_to(settings: &Instance, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for property in settings.properties() {
        let Some(inner) = inner(&property.value) else { continue };
        if let Some(known) = inner.properties().iter().find(|known| known.name == *name) {
            found.push(format!("{}/{}", property.name, known.name));
        }
        found.extend(ways_to(inner, name).into_iter().map(|below| format!("{}/{below}", property.name)));
    }
    found
}

fn inner(value: &Value) -> Option<&Instance> {
    match value {
        Value::One(Scalar::Object(inner)) => Some(inner),
        _ => None,
    }
}
