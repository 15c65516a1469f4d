//! Arguments of methods, and properties of objects, as they are written on the command line.
//!
//! | written | means |
//! |---|---|
//! | `name=value` | a value of the declared type; again for the next element of an array |
//! | `name=[a,b]` | an array: as JSON, or else at each comma |
//! | `name=Name` | a number by the name that the schema has for it: `RequestedState=Terminate` |
//! | `name=5m` | a length of time; ISO 8601, RFC 3339 and CIM's own form do as well |
//! | `name=null` | nothing, where it cannot be a text |
//! | `name=@Class.Key="v"` | a reference; `@root/x:Class.Key="v"` in another namespace |
//! | `name:=JSON` | numbers, texts, arrays, null; an object is an embedded instance |
//! | `name:=@file.json` | the same from a file |
//!
//! Where no schema knows what is meant, values go as strings, references as references, JSON as what it looks like.

use refpoint::cim::{
    DateTime, Instance, Interval, Method, Name, Parameter, PropertyDeclaration, Scalar, Type, Value,
    ValueMap, ValueRange, embedded,
};
use serde_json::Value as Json;

use super::error::Error;
use super::exit::Exit;
use super::schema::Schema;
use super::{duration, object, suggest};

/// What is known of the names that may be given.
#[derive(Clone, Copy)]
pub(crate) enum Known<'k> {
    /// The parameters of a method.
    Method(&'k Method),
    /// The properties of a class.
    Class(&'k str),
    /// The properties that an object has, which say their types as far as the wire does.
    Object(&'k Instance),
    /// Nothing.
    Nothing,
}

/// Reads words, knowing what a schema knows.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'r> {
    /// The schema.
    pub(crate) schema: &'r Schema,
    /// The namespace of references that say none.
    pub(crate) namespace: &'r str,
}

impl Reader<'_> {
    /// Returns the arguments of a call, in the order of the declaration.
    pub(crate) fn read(self, words: &[String], known: Known<'_>) -> Result<Vec<(Name, Value)>, Error> {
        let mut arguments: Vec<(Name, Value)> = Vec::new();
        for word in words {
            let (name, given) = split(word)?;
            let place = Place { reader: self, ..self.place(name, known)? };
            let value = match given {
                Given::Text(text) => place.text(text)?,
                Given::Json(json) => place.json(&json)?,
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
                Some(_) => {
                    return Err(Error::usage(format!("{} is given twice and is no array", place.name)));
                }
            }
        }
        if let Known::Method(method) = known {
            let place =
                |(name, _): &(Name, Value)| method.parameters.iter().position(|known| known.name == *name);
            arguments.sort_by_key(place);
        }
        Ok(arguments)
    }

    fn place(&self, name: &str, known: Known<'_>) -> Result<Place<'_>, Error> {
        match known {
            Known::Method(method) => self.parameter(name, method),
            Known::Class(class) => match self.schema.property(class, name) {
                Some(declared) => Ok(Place::of_property(declared, *self)),
                None if self.schema.is_known(class) => Err(unknown_property(self.schema, class, name)),
                None => Ok(Place::unknown(name, *self)),
            },
            Known::Object(instance) => {
                let Some(held) = instance.properties().iter().find(|held| held.name == *name) else {
                    let error = Error::usage(format!("the {} has no {name}", instance.class));
                    let names = instance.properties().iter().map(|held| held.name.as_str());
                    return Err(match suggest::nearest(name, names) {
                        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
                        None => error,
                    });
                };
                let scalar = held.value.scalars().next();
                Ok(Place {
                    name: held.name.clone(),
                    // A text may stand for any type that the wire does not tell.
                    ty: scalar.map(Scalar::ty).filter(|ty| *ty != Type::String),
                    is_array: matches!(held.value, Value::Many(_)).then_some(true),
                    ..Place::unknown(name, *self)
                })
            }
            Known::Nothing => Ok(Place::unknown(name, *self)),
        }
    }

    fn parameter(&self, name: &str, method: &Method) -> Result<Place<'_>, Error> {
        let inputs = || method.parameters.iter().filter(|parameter| parameter.is_input);
        if let Some(parameter) = inputs().find(|parameter| parameter.name == *name) {
            return Ok(Place::of_parameter(parameter, *self));
        }
        if let Some(output) = method.parameters.iter().find(|parameter| parameter.name == *name) {
            return Err(Error::usage(format!("{} gives {}, it does not take it", method.name, output.name)));
        }
        let error = Error::usage(format!("{} takes no {name}", method.name));
        let names: Vec<_> = inputs().map(|parameter| parameter.name.as_str()).collect();
        Err(match suggest::nearest(name, names.iter().copied()) {
            Some(nearest) => error.hint(format!("did you mean {nearest}?")),
            None if names.is_empty() => error.hint("it takes nothing"),
            None => error.hint(format!("it takes {}", names.join(", "))),
        })
    }
}

/// Returns the parameters that a method takes and that were not given.
pub(crate) fn missing<'m>(method: &'m Method, given: &[(Name, Value)]) -> Vec<&'m str> {
    let inputs = method.parameters.iter().filter(|parameter| parameter.is_input && !parameter.is_output);
    let missing = inputs.filter(|parameter| given.iter().all(|(name, _)| *name != parameter.name));
    missing.map(|parameter| parameter.name.as_str()).collect()
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
struct Place<'r> {
    reader: Reader<'r>,
    name: Name,
    /// `None`: nobody knows.
    ty: Option<Type>,
    is_array: Option<bool>,
    /// The class that a reference refers to, or that an embedded instance is of.
    class: Option<Name>,
    /// What its numbers mean.
    values: ValueMap,
}

impl<'r> Place<'r> {
    fn unknown(name: &str, reader: Reader<'r>) -> Self {
        let values = ValueMap(Vec::new());
        Self { reader, name: name.into(), ty: None, is_array: None, class: None, values }
    }

    fn of_parameter(parameter: &Parameter, reader: Reader<'r>) -> Self {
        Self {
            reader,
            name: parameter.name.clone(),
            ty: Some(parameter.ty),
            is_array: Some(parameter.is_array),
            class: parameter.class.clone(),
            values: parameter.values.clone(),
        }
    }

    fn of_property(property: &PropertyDeclaration, reader: Reader<'r>) -> Self {
        Self {
            reader,
            name: property.name.clone(),
            ty: Some(property.ty),
            is_array: Some(property.is_array),
            class: property.class.clone(),
            values: property.values.clone(),
        }
    }

    fn refuse(&self, what: &str) -> Error {
        let ty = self.ty.map_or("a value", Type::name);
        let array = if self.is_array == Some(true) { "[]" } else { "" };
        let error = Error::usage(format!("{} is {ty}{array}, and not {what}", self.name));
        match self.ty.and_then(range) {
            Some((least, most)) => error.hint(format!("a {ty} is a number from {least} to {most}")),
            None => error,
        }
    }

    fn text(&self, text: &str) -> Result<Value, Error> {
        if self.is_array != Some(false) && text.starts_with('[') && text.ends_with(']') {
            return self.list(text);
        }
        let may_be_text = matches!(self.ty, None | Some(Type::String | Type::Char16));
        if text == "null" && !may_be_text {
            return Ok(Value::Null);
        }
        let scalar = self.one(text)?;
        Ok(match self.is_array {
            Some(true) => Value::Many(vec![Some(scalar)]),
            _ => Value::One(scalar),
        })
    }

    /// Reads `[…]`: JSON, or what stands between commas.
    fn list(&self, text: &str) -> Result<Value, Error> {
        if let Ok(items @ Json::Array(_)) = serde_json::from_str(text) {
            return self.json(&items);
        }
        let inner = text[1..text.len() - 1].trim();
        let items = inner.split(',').map(str::trim).filter(|_| !inner.is_empty());
        items.map(|item| self.one(item).map(Some)).collect::<Result<_, _>>().map(Value::Many)
    }

    /// Reads one value.
    fn one(&self, text: &str) -> Result<Scalar, Error> {
        match (self.ty, text.strip_prefix('@')) {
            (Some(Type::Reference), path) => self.reference(path.unwrap_or(text)),
            (None, Some(path)) => self.reference(path),
            (None, None) => Ok(text.into()),
            (Some(ty), _) => Scalar::parse(ty, text).or_else(|error| {
                let refuse = || self.refuse(&format!("{text:?}")).because(error);
                if ty == Type::DateTime {
                    let length = duration::parse(text).map(Interval::new).map(DateTime::Interval);
                    return length.map(Scalar::DateTime).map_err(|_| refuse());
                }
                if ty.is_integer() { self.named(ty, text, refuse) } else { Err(refuse()) }
            }),
        }
    }

    /// Reads a number by the name that the schema has for it.
    fn named(&self, ty: Type, text: &str, refuse: impl FnOnce() -> Error) -> Result<Scalar, Error> {
        let plain =
            |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        let looks_like_a_number =
            text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit());
        let named: Vec<(i64, &str)> = self
            .values
            .0
            .iter()
            .filter_map(|(range, name)| match range {
                ValueRange::Exactly(number) => Some((*number, name.as_str())),
                _ => None,
            })
            .collect();
        if named.is_empty() || looks_like_a_number {
            return Err(refuse());
        }
        let meant: Vec<_> = named.iter().filter(|(_, name)| plain(name) == plain(text)).collect();
        match meant.as_slice() {
            [(number, _)] => Scalar::parse(ty, &number.to_string()).map_err(|_| refuse()),
            [] => Err(match suggest::nearest(text, named.iter().map(|(_, name)| *name)) {
                Some(nearest) => refuse().hint(format!("did you mean {nearest}?")),
                None => {
                    let names = named.iter().map(|(number, name)| format!("{number} {name}"));
                    refuse().hint(format!("it may be {}", names.collect::<Vec<_>>().join(", ")))
                }
            }),
            several => {
                let numbers = several.iter().map(|(number, _)| number.to_string()).collect::<Vec<_>>();
                Err(Error::usage(format!("{}: {text} may be {}", self.name, numbers.join(" or "))))
            }
        }
    }

    fn reference(&self, path: &str) -> Result<Scalar, Error> {
        let path = object::parse_path(path, self.reader.namespace)?;
        self.referred(path)
    }

    /// Refuses a reference to an object of another class than the declared one.
    fn referred(&self, path: refpoint::cim::ObjectPath) -> Result<Scalar, Error> {
        let wanted = self.class.as_ref().filter(|_| self.ty == Some(Type::Reference));
        match wanted.filter(|wanted| !self.reader.schema.may_be(&path.class, wanted)) {
            Some(wanted) => {
                Err(Error::usage(format!("{} refers to a {wanted}, and no {} is one", self.name, path.class)))
            }
            None => Ok(Scalar::Reference(Box::new(path))),
        }
    }

    fn json(&self, json: &Json) -> Result<Value, Error> {
        match json {
            Json::Null => Ok(Value::Null),
            Json::Array(items) if self.is_array != Some(false) => {
                let item = |item: &Json| match item {
                    Json::Null => Ok(None),
                    other => self.scalar(other).map(Some),
                };
                items.iter().map(item).collect::<Result<_, _>>().map(Value::Many)
            }
            Json::Array(_) => Err(self.refuse("an array")),
            other => {
                let scalar = self.scalar(other)?;
                Ok(if self.is_array == Some(true) {
                    Value::Many(vec![Some(scalar)])
                } else {
                    Value::One(scalar)
                })
            }
        }
    }

    fn scalar(&self, json: &Json) -> Result<Scalar, Error> {
        match (json, self.ty) {
            (Json::Object(_), Some(Type::Reference)) => self.reference_of(json),
            (Json::Object(_), None) if json.get("keys").is_some() => self.reference_of(json),
            // On the wire it is the text of an instance in a string.
            (Json::Object(_), None | Some(Type::String)) => self.embedded(json).map(Scalar::String),
            (Json::Object(_), Some(Type::Object)) => {
                Ok(Scalar::from(instance(json, self.class.as_deref(), self.reader)?))
            }
            // As it stands: what would mean something else in a word means itself here.
            (Json::String(text), None | Some(Type::String)) => Ok(text.as_str().into()),
            (Json::String(text), _) => self.one(text),
            (Json::Bool(truth), None) => Ok((*truth).into()),
            (Json::Number(number), None) => Ok(Scalar::String(number.to_string())),
            (Json::Bool(_) | Json::Number(_), Some(Type::String)) => Err(self.refuse(&json.to_string())),
            (Json::Bool(_) | Json::Number(_), Some(ty)) => Scalar::parse(ty, &json.to_string())
                .map_err(|error| self.refuse(&json.to_string()).because(error)),
            _ => Err(self.refuse(&json.to_string())),
        }
    }

    /// Reads the shape in which references are printed.
    fn reference_of(&self, json: &Json) -> Result<Scalar, Error> {
        let class = json["class"].as_str().ok_or_else(|| self.refuse("an object without a class"))?;
        let namespace = json["namespace"].as_str().unwrap_or(self.reader.namespace);
        let mut path = refpoint::cim::ObjectPath::new(namespace, class);
        for (name, value) in json["keys"].as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            path = path.with_key(name.as_str(), text);
        }
        self.referred(path)
    }

    fn embedded(&self, json: &Json) -> Result<String, Error> {
        let instance = instance(json, self.class.as_deref(), self.reader)?;
        let catalog = self.reader.schema.catalog(&instance.class);
        let written = match catalog.is_known(&instance.class) {
            true => embedded::write_declared(&instance, catalog),
            false => embedded::write(&instance),
        };
        written.map_err(|error| Error::usage(format!("{} cannot be written", self.name)).because(error))
    }
}

/// Returns what an integer may be.
fn range(ty: Type) -> Option<(i128, i128)> {
    Some(match ty {
        Type::Uint8 => (0, u8::MAX.into()),
        Type::Uint16 => (0, u16::MAX.into()),
        Type::Uint32 => (0, u32::MAX.into()),
        Type::Uint64 => (0, u64::MAX.into()),
        Type::Sint8 => (i8::MIN.into(), i8::MAX.into()),
        Type::Sint16 => (i16::MIN.into(), i16::MAX.into()),
        Type::Sint32 => (i32::MIN.into(), i32::MAX.into()),
        Type::Sint64 => (i64::MIN.into(), i64::MAX.into()),
        _ => return None,
    })
}

/// Returns the instance that a JSON object means: `{"class", "properties"}` as it is printed, or the properties
/// alone where the class is known.
fn instance(json: &Json, class: Option<&str>, reader: Reader<'_>) -> Result<Instance, Error> {
    let is_whole = json.get("properties").is_some_and(Json::is_object);
    let said = json.get("class").filter(|_| is_whole).and_then(Json::as_str);
    let class = said.or(class).ok_or_else(|| {
        Error::usage("an instance whose class nobody says").hint(r#"write {"class": …, "properties": {…}}"#)
    })?;
    let mut instance = Instance::new(class);
    for (name, value) in if is_whole { &json["properties"] } else { json }.as_object().into_iter().flatten() {
        let place = reader.place(name, Known::Class(class))?;
        let value = match place.ty {
            // An instance inside an instance stays one until the outer one is written.
            Some(Type::String) if place.class.is_some() && holds_objects(value) => nested(&place, value)?,
            _ => place.json(value)?,
        };
        instance.set(place.name.clone(), value);
    }
    Ok(instance)
}

fn holds_objects(json: &Json) -> bool {
    json.is_object() || json.as_array().is_some_and(|items| items.iter().any(Json::is_object))
}

fn nested(place: &Place<'_>, json: &Json) -> Result<Value, Error> {
    let one = |json: &Json| instance(json, place.class.as_deref(), place.reader).map(Scalar::from);
    match json {
        Json::Array(items) => {
            items.iter().map(|item| one(item).map(Some)).collect::<Result<_, _>>().map(Value::Many)
        }
        other if place.is_array == Some(true) => Ok(Value::Many(vec![Some(one(other)?)])),
        other => one(other).map(Value::One),
    }
}

/// Returns the error of a property that a class does not have.
pub(crate) fn unknown_property(schema: &Schema, class: &str, name: &str) -> Error {
    let error = Error::usage(format!("{class} has no {name}"));
    let names = schema.catalog(class).properties(class).map(|property| property.name.as_str());
    match suggest::nearest(name, names) {
        Some(nearest) => error.hint(format!("did you mean {nearest}?")),
        None => error.hint(format!("see refpoint cim describe {class}")),
    }
}

#[cfg(test)]
mod tests {
    use refpoint::cim::Catalog;

    use super::*;

    const NAMESPACE: &str = "root/virtualization/v2";

    fn arguments(method: Option<(&str, &str)>, words: &[&str]) -> Result<Vec<(Name, Value)>, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let method = method.map(|(class, name)| Catalog::bundled().method(class, name).expect("bundled"));
        let text = |error: Error| {
            error.lines().iter().map(|line| format!("{line:?}")).collect::<Vec<_>>().join("\n")
        };
        let schema = Schema::bundled();
        let reader = Reader { schema: &schema, namespace: NAMESPACE };
        reader.read(&words, method.map_or(Known::Nothing, Known::Method)).map_err(text)
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
            (&["Nonsense=4"], "it takes RequestedState, TimeoutPeriod"),
            (&["RequestedState=70000"], "a number from 0 to 65535"),
            (&["RequestedState=Terminat"], "did you mean Terminate?"),
            (&["RequestedState=Explode"], "it may be 2 Start, 3 Suspend, 4 Terminate"),
            (&["RequestedState=Vendor Reserved"], "and not"),
            (&["TimeoutPeriod=soon"], "TimeoutPeriod is datetime, and not"),
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

    #[test]
    fn numbers_have_names_and_times_have_several_spellings() {
        let change = Some(("Msvm_ConcreteJob", "RequestStateChange"));
        let value = |word: &str| arguments(change, &[word]).unwrap()[0].1.clone();
        for word in ["RequestedState=4", "RequestedState=Terminate", "requestedstate=terminate"] {
            assert_eq!(value(word), 4_u16.into(), "{word}");
        }
        let minutes = Scalar::DateTime("PT5M".parse().unwrap());
        for word in ["TimeoutPeriod=5m", "TimeoutPeriod=PT5M", "TimeoutPeriod=00000000000500.000000:000"] {
            assert_eq!(value(word), Value::One(minutes.clone()), "{word}");
        }
        assert_eq!(value("TimeoutPeriod=null"), Value::Null);
    }

    #[test]
    fn arrays_are_written_in_brackets_or_one_by_one() {
        let catalog = Catalog::from_mof(["class X { string S[]; uint8 N[]; string T; };"]).unwrap();
        let class = catalog.class("X").unwrap();
        let method = Method {
            parameters: class
                .properties
                .iter()
                .map(|property| Parameter {
                    name: property.name.clone(),
                    ty: property.ty,
                    is_array: property.is_array,
                    is_input: true,
                    is_output: false,
                    class: None,
                    values: ValueMap(Vec::new()),
                    description: None,
                })
                .collect(),
            ..Catalog::bundled().method("Msvm_ConcreteJob", "GetError").unwrap().clone()
        };
        let schema = Schema::bundled();
        let reader = Reader { schema: &schema, namespace: NAMESPACE };
        let value = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            reader.read(&words, Known::Method(&method)).map(|mut given| given.remove(0).1)
        };
        let texts: Value = vec!["a".to_owned(), "b c".to_owned()].into();
        for words in [&["S=[a, b c]"][..], &[r#"S=["a","b c"]"#], &["S=a", "S=b c"], &[r#"S:=["a","b c"]"#]] {
            assert_eq!(value(words).unwrap(), texts, "{words:?}");
        }
        assert_eq!(value(&["N=[1,2]"]).unwrap(), vec![1_u8, 2].into());
        assert_eq!(value(&["N=[]"]).unwrap(), Value::Many(Vec::new()));
        assert_eq!(value(&["T=[a]"]).unwrap(), "[a]".into(), "it is no array");
        assert_eq!(value(&[r#"S:=["[a]"]"#]).unwrap(), Value::Many(vec![Some("[a]".into())]));
        assert!(value(&["N=[1,300]"]).is_err());
    }

    #[test]
    fn what_is_given_out_is_not_taken_and_what_is_referred_to_has_a_class() {
        let out = arguments(Some(("Msvm_ConcreteJob", "RequestStateChange")), &["ReturnValue=1"]);
        assert!(out.unwrap_err().contains("takes no ReturnValue"));
        assert!(arguments(EXPORT, &["Job=x"]).unwrap_err().contains("gives Job, it does not take it"));
        let wrong = arguments(EXPORT, &["ReferencePoint=@Msvm_ComputerSystem.Name=x"]).unwrap_err();
        assert!(wrong.contains("refers to a") && wrong.contains("Msvm_ComputerSystem"), "{wrong}");
        let other = arguments(None, &[r#"a=@root/x:Own.K="v, w",L=2"#]).unwrap();
        let path = other[0].1.as_path().unwrap();
        assert_eq!((path.namespace.as_deref(), path.class.as_str()), (Some("root/x"), "Own"));
        assert_eq!((path.key_text("K").unwrap(), path.key_text("L").unwrap()), ("v, w".into(), "2".into()));
        let method = Catalog::bundled().method("Msvm_ConcreteJob", "RequestStateChange").unwrap();
        let given =
            arguments(Some(("Msvm_ConcreteJob", "RequestStateChange")), &["RequestedState=4"]).unwrap();
        assert_eq!(missing(method, &given), ["TimeoutPeriod"]);
    }
}
