//! Arguments of methods as they are written on the command line, typed by the bundled schema.
//!
//! | written | means |
//! |---|---|
//! | `name=value` | a value of the declared type; again for the next element of an array |
//! | `name=@Class.Key="v"` | a reference |
//! | `name:=JSON` | numbers, arrays, null; an object is an embedded instance |
//! | `name:=@file.json` | the same from a file |
//!
//! Where no schema knows the method, values go as strings, references as references, JSON as what it looks like.

use refpoint::cim::{
    Catalog, Instance, Method, Name, Parameter, PropertyDeclaration, Scalar, Type, Value, embedded,
};
use serde_json::Value as Json;

use super::error::Error;
use super::exit::Exit;
use super::{object, suggest};

/// Returns the arguments of a call, in the order of the declaration.
pub(crate) fn parse(
    words: &[String],
    method: Option<&Method>,
    namespace: &str,
) -> Result<Vec<(Name, Value)>, Error> {
    let mut arguments: Vec<(Name, Value)> = Vec::new();
    for word in words {
        let (name, given) = split(word)?;
        let place = Place::of(name, method)?;
        let value = match given {
            Given::Text(text) => place.text(text, namespace)?,
            Given::Json(json) => place.json(&json, namespace)?,
        };
        match arguments.iter_mut().find(|(earlier, _)| *earlier == place.name) {
            None => arguments.push((place.name.clone(), value)),
            Some((_, Value::Many(items))) if place.is_array != Some(false) => match value {
                Value::Many(more) => items.extend(more),
                Value::One(more) => items.push(Some(more)),
                Value::Null => items.push(None),
            },
            // Nobody knows whether it is an array: said twice, it is one.
            Some((_, earlier @ Value::One(_))) if place.is_array.is_none() => {
                let Value::One(first) = std::mem::take(earlier) else { continue };
                *earlier = Value::Many(vec![Some(first), value.as_scalar().cloned()]);
            }
            Some(_) => return Err(Error::usage(format!("{} is given twice and is no array", place.name))),
        }
    }
    if let Some(method) = method {
        let place =
            |(name, _): &(Name, Value)| method.parameters.iter().position(|known| known.name == *name);
        arguments.sort_by_key(place);
    }
    Ok(arguments)
}

/// What stands behind a name.
enum Given<'w> {
    Text(&'w str),
    Json(Json),
}

fn split(word: &str) -> Result<(&str, Given<'_>), Error> {
    let (name, value) = object::pair(word)?;
    let Some(name) = name.strip_suffix(':') else { return Ok((name, Given::Text(value))) };
    let text = match value.strip_prefix('@') {
        None => value.to_owned(),
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Error::new(Exit::LocalFiles, format!("cannot read {file}")).because(error))?,
    };
    let json = serde_json::from_str(&text);
    let json = json.map_err(|error| Error::usage(format!("{name} is no JSON")).because(error))?;
    Ok((name, Given::Json(json)))
}

/// Where a value goes, and what is known of that.
struct Place {
    name: Name,
    /// `None`: nobody knows.
    ty: Option<Type>,
    is_array: Option<bool>,
    /// The class that a reference refers to, or that an embedded instance is of.
    class: Option<Name>,
}

impl Place {
    fn of(name: &str, method: Option<&Method>) -> Result<Self, Error> {
        let Some(method) = method else {
            return Ok(Self { name: name.into(), ty: None, is_array: None, class: None });
        };
        let inputs = || method.parameters.iter().filter(|parameter| parameter.is_input);
        match inputs().find(|parameter| parameter.name == name) {
            Some(parameter) => Ok(parameter.into()),
            None => {
                let error = Error::usage(format!("{} takes no {name}", method.name));
                let names: Vec<_> = inputs().map(|parameter| parameter.name.as_str()).collect();
                Err(match suggest::nearest(name, names.iter().copied()) {
                    Some(nearest) => error.hint(format!("did you mean {nearest}?")),
                    None => error.hint(format!("it takes {}", names.join(", "))),
                })
            }
        }
    }

    fn refuse(&self, what: &str) -> Error {
        let ty = self.ty.map_or("a value", Type::name);
        let array = if self.is_array == Some(true) { "[]" } else { "" };
        Error::usage(format!("{} is {ty}{array}, and not {what}", self.name))
    }

    fn text(&self, text: &str, namespace: &str) -> Result<Value, Error> {
        let scalar = match (self.ty, text.strip_prefix('@')) {
            (Some(Type::Reference), path) => self.reference(path.unwrap_or(text), namespace)?,
            (None, Some(path)) => self.reference(path, namespace)?,
            (None, None) => text.into(),
            (Some(ty), _) => {
                Scalar::parse(ty, text).map_err(|error| self.refuse(&format!("{text:?}")).because(error))?
            }
        };
        Ok(match self.is_array {
            Some(true) => Value::Many(vec![Some(scalar)]),
            _ => Value::One(scalar),
        })
    }

    fn reference(&self, path: &str, namespace: &str) -> Result<Scalar, Error> {
        Ok(Scalar::Reference(Box::new(object::parse_path(path, namespace)?)))
    }

    fn json(&self, json: &Json, namespace: &str) -> Result<Value, Error> {
        match json {
            Json::Null => Ok(Value::Null),
            Json::Array(items) if self.is_array != Some(false) => {
                let item = |item: &Json| match item {
                    Json::Null => Ok(None),
                    other => self.scalar(other, namespace).map(Some),
                };
                items.iter().map(item).collect::<Result<_, _>>().map(Value::Many)
            }
            Json::Array(_) => Err(self.refuse("an array")),
            other => {
                let scalar = self.scalar(other, namespace)?;
                Ok(if self.is_array == Some(true) {
                    Value::Many(vec![Some(scalar)])
                } else {
                    Value::One(scalar)
                })
            }
        }
    }

    fn scalar(&self, json: &Json, namespace: &str) -> Result<Scalar, Error> {
        match (json, self.ty) {
            (Json::Object(_), Some(Type::Reference)) => self.reference_of(json, namespace),
            (Json::Object(_), None) if json.get("keys").is_some() => self.reference_of(json, namespace),
            // On the wire it is the text of an instance in a string.
            (Json::Object(_), None | Some(Type::String)) => self.embedded(json).map(Scalar::String),
            (Json::Object(_), Some(Type::Object)) => Ok(Scalar::from(instance(json, self.class.as_deref())?)),
            (Json::String(text), _) => {
                let value = self.text(text, namespace)?;
                value.scalars().next().cloned().ok_or_else(|| self.refuse("nothing"))
            }
            (Json::Bool(truth), None) => Ok((*truth).into()),
            (Json::Number(number), None) => Ok(Scalar::String(number.to_string())),
            (Json::Bool(_) | Json::Number(_), Some(Type::String)) => Err(self.refuse(&json.to_string())),
            (Json::Bool(_) | Json::Number(_), Some(ty)) => Scalar::parse(ty, &json.to_string())
                .map_err(|error| self.refuse(&json.to_string()).because(error)),
            _ => Err(self.refuse(&json.to_string())),
        }
    }

    /// Reads the shape in which references are printed.
    fn reference_of(&self, json: &Json, namespace: &str) -> Result<Scalar, Error> {
        let class = json["class"].as_str().ok_or_else(|| self.refuse("an object without a class"))?;
        let namespace = json["namespace"].as_str().unwrap_or(namespace);
        let mut path = refpoint::cim::ObjectPath::new(namespace, class);
        for (name, value) in json["keys"].as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            path = path.with_key(name.as_str(), text);
        }
        Ok(Scalar::Reference(Box::new(path)))
    }

    fn embedded(&self, json: &Json) -> Result<String, Error> {
        let instance = instance(json, self.class.as_deref())?;
        let catalog = Catalog::bundled();
        let written = match catalog.is_known(&instance.class) {
            true => embedded::write_declared(&instance, catalog),
            false => embedded::write(&instance),
        };
        written.map_err(|error| Error::usage(format!("{} cannot be written", self.name)).because(error))
    }
}

impl From<&Parameter> for Place {
    fn from(parameter: &Parameter) -> Self {
        Self {
            name: parameter.name.clone(),
            ty: Some(parameter.ty),
            is_array: Some(parameter.is_array),
            class: parameter.class.clone(),
        }
    }
}

impl From<&PropertyDeclaration> for Place {
    fn from(property: &PropertyDeclaration) -> Self {
        Self {
            name: property.name.clone(),
            ty: Some(property.ty),
            is_array: Some(property.is_array),
            class: property.class.clone(),
        }
    }
}

/// Returns the instance that a JSON object means: `{"class", "properties"}` as it is printed, or the properties
/// alone where the class is known.
fn instance(json: &Json, class: Option<&str>) -> Result<Instance, Error> {
    let is_whole = json.get("properties").is_some_and(Json::is_object);
    let said = json.get("class").filter(|_| is_whole).and_then(Json::as_str);
    let class = said.or(class).ok_or_else(|| {
        Error::usage("an instance whose class nobody says").hint(r#"write {"class": …, "properties": {…}}"#)
    })?;
    let catalog = Catalog::bundled();
    let mut instance = Instance::new(class);
    for (name, value) in if is_whole { &json["properties"] } else { json }.as_object().into_iter().flatten() {
        let place = match catalog.property(class, name) {
            Some(declared) => Place::from(declared),
            None if catalog.is_known(class) => return Err(unknown_property(class, name)),
            None => Place { name: name.as_str().into(), ty: None, is_array: None, class: None },
        };
        let value = match place.ty {
            // An instance inside an instance stays one until the outer one is written.
            Some(Type::String) if place.class.is_some() && holds_objects(value) => nested(&place, value)?,
            _ => place.json(value, "")?,
        };
        instance.set(place.name.clone(), value);
    }
    Ok(instance)
}

fn holds_objects(json: &Json) -> bool {
    json.is_object() || json.as_array().is_some_and(|items| items.iter().any(Json::is_object))
}

fn nested(place: &Place, json: &Json) -> Result<Value, Error> {
    let one = |json: &Json| instance(json, place.class.as_deref()).map(Scalar::from);
    match json {
        Json::Array(items) => {
            items.iter().map(|item| one(item).map(Some)).collect::<Result<_, _>>().map(Value::Many)
        }
        other if place.is_array == Some(true) => Ok(Value::Many(vec![Some(one(other)?)])),
        other => one(other).map(Value::One),
    }
}

fn unknown_property(class: &str, name: &str) -> Error {
    let error = Error::usage(format!("{class} has no {name}"));
    let names = Catalog::bundled().properties(class).map(|property| property.name.as_str());
    match suggest::nearest(name, names) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None => error.hint(format!("see refpoint cim describe {class}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMESPACE: &str = "root/virtualization/v2";

    fn arguments(method: Option<(&str, &str)>, words: &[&str]) -> Result<Vec<(Name, Value)>, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let method = method.map(|(class, name)| Catalog::bundled().method(class, name).expect("bundled"));
        let text = |error: Error| {
            error.lines().iter().map(|line| format!("{line:?}")).collect::<Vec<_>>().join("\n")
        };
        parse(&words, method, NAMESPACE).map_err(text)
    }

    const EXPORT: Option<(&str, &str)> =
        Some(("Msvm_VirtualSystemReferencePointService", "ExportReferencePoint"));

    #[test]
    fn an_export_is_written_whole() {
        let given = arguments(
            EXPORT,
            &[
                r#"exportsettingdata:={"BaseReferencePoint": "a\\b", "DisksToExport": ["x", "y"]}"#,
                r"ExportDirectory=@D:\exports",
                r"ReferencePoint=@Msvm_VirtualSystemReferencePoint.InstanceID=Microsoft:1\2,VirtualSystemIdentifier=1",
            ],
        );
        let given = given.unwrap();
        let names: Vec<_> = given.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["ReferencePoint", "ExportDirectory", "ExportSettingData"]);
        let point = given[0].1.as_path().unwrap();
        assert_eq!(point.key_text("InstanceID").unwrap(), r"Microsoft:1\2");
        assert_eq!(point.namespace.as_deref(), Some(NAMESPACE));
        assert_eq!(given[1].1.as_str(), Some(r"@D:\exports"), "a string is not a reference");
        let settings = embedded::read(given[2].1.as_str().unwrap()).unwrap();
        assert_eq!(settings.class, "Msvm_VirtualSystemReferencePointExportSettingData");
        assert_eq!(settings.texts("DisksToExport").collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn instances_stand_in_instances() {
        let method = Some(("Msvm_CollectionReferencePointService", "ExportReferencePoint"));
        let properties = r#"{"virtualmachinestodiskstoexport": [{"VirtualMachineId": "1", "DisksToExport": ["x & <y>"]}]}"#;
        let whole = format!(
            r#"ExportSettingData:={{"class": "Msvm_CollectionReferencePointExportSettingData", "properties": {properties}}}"#
        );
        for word in [whole, format!("ExportSettingData:={properties}")] {
            let given = arguments(method, &[&word]).unwrap();
            let settings = embedded::read_declared(given[0].1.as_str().unwrap(), Catalog::bundled()).unwrap();
            let Some(Value::Many(machines)) = settings.value("VirtualMachinesToDisksToExport") else {
                panic!()
            };
            let [Some(Scalar::Object(machine))] = machines.as_slice() else { panic!("{machines:?}") };
            assert_eq!(machine.text("VirtualMachineId"), Some("1"));
            assert_eq!(machine.texts("DisksToExport").collect::<Vec<_>>(), ["x & <y>"]);
        }
    }

    #[test]
    fn values_are_of_their_declared_type_or_refused() {
        let change = Some(("Msvm_ConcreteJob", "RequestStateChange"));
        let given = arguments(change, &["RequestedState=4", "TimeoutPeriod:=null"]).unwrap();
        assert_eq!(given, [("RequestedState".into(), 4_u16.into()), ("TimeoutPeriod".into(), Value::Null)]);
        assert_eq!(arguments(change, &["RequestedState:=4"]).unwrap()[0].1, 4_u16.into());
        for (words, complaint) in [
            (&["RequestedState=stop"][..], "RequestedState is uint16, and not"),
            (&["RequestedState:=70000"], "RequestedState is uint16, and not 70000"),
            (&["RequestedState=4", "RequestedState=5"], "is given twice"),
            (&["RequestdState=4"], "did you mean RequestedState?"),
            (&["Job=4"], "it takes RequestedState, TimeoutPeriod"),
            (&["RequestedState:=[4]"], "and not an array"),
            (&["RequestedState:={"], "is no JSON"),
            (&["RequestedState"], "is not name=value"),
        ] {
            let refused = arguments(change, words).unwrap_err();
            assert!(refused.contains(complaint), "{refused}");
        }
        let text = arguments(EXPORT, &["ExportDirectory:=7"]).unwrap_err();
        assert!(text.contains("ExportDirectory is string, and not 7"), "{text}");
        let misspelled = arguments(EXPORT, &[r#"ExportSettingData:={"DiskToExport": []}"#]).unwrap_err();
        assert!(misspelled.contains("did you mean DisksToExport?"), "{misspelled}");
    }

    #[test]
    fn without_a_schema_texts_go_as_texts() {
        let given =
            arguments(None, &["a=1", "b=@X.k=1", "c=x", "c=y", "d:=[\"1\", \"2\"]", "e:=true", "f:=1.5"]);
        let given = given.unwrap();
        let texts =
            |value: &Value| value.scalars().filter_map(Scalar::as_str).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(given[0].1, "1".into());
        assert_eq!(given[1].1.as_path().unwrap().class, "X");
        assert_eq!(texts(&given[2].1), ["x", "y"]);
        assert_eq!(texts(&given[3].1), ["1", "2"]);
        assert_eq!(given[4].1, true.into());
        assert_eq!(given[5].1, "1.5".into());
    }
}
