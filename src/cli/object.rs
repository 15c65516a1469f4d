//! Objects as they are named in arguments: `CLASS key=value…`, or the text of a WMI path.

use refpoint::cim::{Catalog, Key, ObjectPath, Scalar, Type};

use super::error::Error;
use super::schema::Schema;
use super::suggest;

/// Returns the object that words name.
///
/// `CLASS key=value…` is checked against the bundled schema, because Windows answers a key that is missing with
/// "not found"; a path in one word (`Class.Key="v"`) is taken as it is, for when the schema is wrong.
pub(crate) fn parse(words: &[String], namespace: &str) -> Result<ObjectPath, Error> {
    parse_with(words, namespace, &Schema::bundled())
}

/// The same, checked against a schema.
pub(crate) fn parse_with(words: &[String], namespace: &str, schema: &Schema) -> Result<ObjectPath, Error> {
    let Some((first, keys)) = words.split_first() else {
        return Err(Error::usage("which object?"));
    };
    if keys.is_empty() {
        let path = parse_path(first, namespace)?;
        // A class alone is its only instance, or one whose keys were forgotten.
        return if path.keys.is_empty() { checked(path, schema) } else { Ok(path) };
    }
    let mut path = parse_path(first, namespace)?;
    if !path.keys.is_empty() {
        return Err(Error::usage(format!("{first} has keys already")));
    }
    for word in keys {
        let (name, value) = pair(word)?;
        let value = key(&path.class, name, value);
        path = path.with_key(name, value);
    }
    checked(path, schema)
}

/// Returns the object that the text of a WMI path names. Quotes around values may be missing: shells take
/// them away.
pub(crate) fn parse_path(text: &str, namespace: &str) -> Result<ObjectPath, Error> {
    let mut path = match text.parse::<ObjectPath>() {
        Ok(path) if !has_bare_values(&path) => path,
        strict => match without_quotes(text) {
            Some(path) => path,
            None => strict.map_err(|error| {
                Error::usage(format!("{text} names no object"))
                    .because(error)
                    .hint("write CLASS key=value, or CLASS.key=\"value\" in single quotes")
            })?,
        },
    };
    if path.namespace.is_none() {
        path.namespace = Some(namespace.into());
    }
    Ok(path)
}

/// Splits `name=value`.
pub(crate) fn pair(word: &str) -> Result<(&str, &str), Error> {
    match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name, value)),
        _ => Err(Error::usage(format!("{word:?} is not name=value"))),
    }
}

/// Says whether a path has values without quotes: `Name=007` would lose its zeros, and a schema knows better.
fn has_bare_values(path: &ObjectPath) -> bool {
    path.keys.iter().any(|(_, key)| !matches!(key, Key::Text(_)))
}

/// Reads `[namespace:]Class.key=value,key=value` with values that have no quotes.
fn without_quotes(text: &str) -> Option<ObjectPath> {
    let equals = text.find('=')?;
    let (head, _) = text.split_at(equals);
    let dot = head.rfind('.')?;
    let mut path: ObjectPath = text[..dot].parse().ok()?;
    let mut rest = &text[dot + 1..];
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=')?;
        let end = next_key(tail);
        let value = &tail[..end];
        let value = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'))
            .map_or_else(|| value.to_owned(), |quoted| quoted.replace("\\\"", "\"").replace(r"\\", r"\"));
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        path = is_name.then(|| path.clone().with_key(name, key(&path.class, name, &value)))?;
        rest = tail[end..].strip_prefix(',').unwrap_or_default();
    }
    Some(path)
}

/// Returns where the comma stands behind which another key begins, or the end.
fn next_key(text: &str) -> usize {
    let begins_key = |at: usize| {
        let rest = &text[at + 1..];
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        name > 0 && rest[name..].starts_with('=')
    };
    text.match_indices(',').map(|(at, _)| at).find(|at| begins_key(*at)).unwrap_or(text.len())
}

/// Returns a value in the type that the schema has for its key; without one it is a text, as on the wire.
fn key(class: &str, name: &str, value: &str) -> Key {
    let declared = Catalog::bundled().property(class, name).map(|property| property.ty);
    let parsed = declared.filter(|ty| *ty != Type::String).and_then(|ty| Scalar::parse(ty, value).ok());
    match parsed {
        Some(Scalar::Boolean(truth)) => Key::Boolean(truth),
        Some(Scalar::Reference(path)) => Key::Path(path),
        Some(Scalar::Uint64(number)) => Key::Integer(number.into()),
        Some(number) => number.as_i64().map_or_else(|| value.into(), |number| Key::Integer(number.into())),
        None => value.into(),
    }
}

/// Refuses keys that the class does not have, and too few of them.
fn checked(path: ObjectPath, schema: &Schema) -> Result<ObjectPath, Error> {
    let Some(shape) = schema.shape(&path.class) else { return Ok(path) };
    if shape.class().is_singleton && path.keys.is_empty() {
        return Ok(path);
    }
    let names: Vec<&str> = shape.keys().map(|key| key.name.as_str()).collect();
    let as_it_is = || format!("'{}.key=\"value\"' in one word is taken as it is", shape.name());
    for (name, _) in &path.keys {
        if !names.iter().any(|known| *name == *known) {
            let error = Error::usage(format!("{name} is no key of {}", shape.name()));
            let error = match suggest::nearest(name, names.iter().copied()) {
                Some(nearest) => error.hint(format!("did you mean {nearest}?")),
                None => error.hint(format!("its keys are {}", names.join(", "))),
            };
            return Err(error.hint(as_it_is()));
        }
    }
    let missing: Vec<&str> = names.iter().copied().filter(|name| path.key(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(path);
    }
    let error = Error::usage(format!("an object of {} is named by {}", shape.name(), names.join(", ")))
        .hint(format!("missing: {}", missing.join(", ")));
    let error = match missing.contains(&"CreationClassName") {
        true => error.hint(format!("mostly CreationClassName={}", shape.name())),
        false => error,
    };
    Err(error.hint(as_it_is()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> Result<String, Vec<String>> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let lines = |error: Error| error.lines().into_iter().map(|line| format!("{line:?}")).collect();
        parse(&words, "root/virtualization/v2").map(|path| path.to_string()).map_err(lines)
    }

    #[test]
    fn an_object_is_named_in_any_of_its_spellings() {
        let machine = r#"root\virtualization\v2:Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="0A,B=1""#;
        for words in [
            &["Msvm_ComputerSystem", "CreationClassName=Msvm_ComputerSystem", "Name=0A,B=1"][..],
            &[machine],
            &[r#"Msvm_ComputerSystem.Name="0A,B=1",CreationClassName="Msvm_ComputerSystem""#],
        ] {
            assert_eq!(named(words).as_deref(), Ok(machine), "{words:?}");
        }
        let point = r#"root\virtualization\v2:Msvm_ConcreteJob.InstanceID="Microsoft:1\\2""#;
        assert_eq!(named(&[r"Msvm_ConcreteJob.InstanceID=Microsoft:1\2"]).as_deref(), Ok(point));
        assert_eq!(named(&["Msvm_ConcreteJob", r"InstanceID=Microsoft:1\2"]).as_deref(), Ok(point));
        assert_eq!(
            named(&["root/cimv2:Win32_Thing.Name=007"]).as_deref(),
            Ok(r#"root\cimv2:Win32_Thing.Name="007""#)
        );
        assert_eq!(
            named(&["Msvm_ConcreteJob.InstanceID=007"]).as_deref(),
            Ok(r#"root\virtualization\v2:Msvm_ConcreteJob.InstanceID="007""#)
        );
        assert_eq!(
            named(&["Unknown_Class", "A=1"]).as_deref(),
            Ok(r#"root\virtualization\v2:Unknown_Class.A="1""#)
        );
    }

    #[test]
    fn keys_that_do_not_make_an_object_are_refused_with_those_that_do() {
        let text = |words: &[&str]| named(words).unwrap_err().join("\n");
        let missing = text(&["Msvm_ComputerSystem", "Name=x"]);
        assert!(
            missing.contains("missing: CreationClassName") && missing.contains("in one word"),
            "{missing}"
        );
        assert!(text(&["Msvm_ConcreteJob", "InstanceId2=x"]).contains("did you mean InstanceID?"));
        assert!(text(&["Msvm_ConcreteJob"]).contains("missing: InstanceID"));
        assert!(text(&["Msvm_ConcreteJob", "x"]).contains("is not name=value"));
        assert!(text(&["Msvm Concrete"]).contains("names no object"));
    }
}
