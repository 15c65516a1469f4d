//! Class retrieval: what a host says that its classes are, as CIM-XML (MS-WSMV 3.1.4.1.2, DSP0201).
//!
//! The program does not depend on it: the bundled schemas type what arrives. It is for looking, and for
//! classes of other namespaces.

use std::borrow::Cow;

use crate::cim::{
    Class, Method, Name, ObjectPath, Parameter, PropertyDeclaration, ReturnFamily, Scalar, Type, Value,
    ValueMap, ValueRange,
};
use crate::xml::{Element, Namespace, Reader, Writer};

use super::error::Error;
use super::instance::{Decoder, Style};
use super::names::{CIM_NAMESPACE, CLASS_SCHEMA, action};
use super::operation::{Head, Operation};

/// Reads the declaration of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetClass {
    /// The namespace, with slashes.
    pub namespace: Name,
    /// The class.
    pub class: Name,
}

impl GetClass {
    /// Returns whether a resource URI is one at which classes are read.
    pub(super) fn is_served_at(uri: &str) -> bool {
        let head = CLASS_SCHEMA.trim_end_matches('*');
        uri.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head))
    }

    /// Returns the request that a resource means.
    pub(super) fn from_resource(resource: &ObjectPath) -> Result<Self, Error> {
        let named = resource.key_text("ClassName").map(|class| Name::from(&*class));
        let class = named.or_else(|| Some(resource.class.clone()).filter(|class| *class != "*"));
        let class = class.ok_or_else(|| Error::missing("the selector ClassName", "w:SelectorSet"))?;
        let namespace = resource.namespace.clone();
        let namespace =
            namespace.ok_or_else(|| Error::missing("the selector __cimnamespace", "w:SelectorSet"))?;
        Ok(Self { namespace, class })
    }
}

impl Operation for GetClass {
    type Reply = Class;

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        let selectors = vec![
            (CIM_NAMESPACE.into(), self.namespace.as_str().into()),
            ("ClassName".into(), self.class.as_str().into()),
        ];
        let resource = ObjectPath::from_resource(CLASS_SCHEMA, selectors);
        Head {
            action: Some(Cow::Borrowed(action::GET)),
            resource: Some(Cow::Owned(resource)),
            ..Head::default()
        }
    }

    fn write_body(&self, _: &mut Writer) {}

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        _: &mut Decoder<'_>,
    ) -> Result<Class, Error> {
        match first {
            Some(element) if element.name.local == "CLASS" => {
                let mut class = read_class(reader, &element)?;
                class.namespace = Some(self.namespace.clone());
                Ok(class)
            }
            Some(other) => Err(Error::unexpected("CLASS", other.name.local, other.offset)),
            None => Err(Error::missing("CLASS", "s:Body")),
        }
    }

    fn write_reply(&self, reply: &Class, _: Style, writer: &mut Writer) {
        write_class(reply, writer);
    }
}

/// What the qualifiers of one member say.
#[derive(Default)]
struct Qualifiers {
    is_key: bool,
    is_input: bool,
    is_output: bool,
    is_association: bool,
    is_abstract: bool,
    is_singleton: bool,
    is_embedded_only: bool,
    description: Option<String>,
    embedded: Option<Name>,
    family: Option<ReturnFamily>,
    value_map: Vec<String>,
    values: Vec<String>,
}

impl Qualifiers {
    /// Reads the current element, `QUALIFIER`.
    fn read(&mut self, reader: &mut Reader<'_>, element: &Element<'_>) -> Result<(), Error> {
        let name = required(reader, element, "NAME")?;
        let mut texts = Vec::new();
        while let Some(child) = reader.child()? {
            match child.name.local {
                "VALUE" => texts.push(reader.text()?.into_owned()),
                "VALUE.ARRAY" => read_values(reader, &mut texts)?,
                _ => reader.skip()?,
            }
        }
        let is_set = texts.first().is_none_or(|text| text.eq_ignore_ascii_case("true"));
        match name.to_ascii_lowercase().as_str() {
            "key" => self.is_key = is_set,
            "in" => self.is_input = is_set,
            "out" => self.is_output = is_set,
            "association" => self.is_association = is_set,
            "abstract" => self.is_abstract = is_set,
            "singleton" => self.is_singleton = is_set,
            "embeddedonly" => self.is_embedded_only = is_set,
            "description" => self.description = texts.into_iter().next(),
            "embeddedinstance" | "hypervembeddedinstance" => {
                self.embedded = texts.first().map(|text| text.as_str().into());
            }
            "returnfamily" => self.family = texts.first().and_then(|text| ReturnFamily::named(text)),
            "valuemap" => self.value_map = texts,
            "values" => self.values = texts,
            _ => {}
        }
        Ok(())
    }

    /// Returns what the numbers or texts of a type mean. A host may leave out the map and count from zero;
    /// an entry that means nothing to the type is passed over.
    fn value_map(&mut self, ty: Type) -> ValueMap {
        let values = std::mem::take(&mut self.values).into_iter();
        let map = std::mem::take(&mut self.value_map);
        if map.is_empty() {
            return ValueMap((0..).map(ValueRange::Exactly).zip(values).collect());
        }
        let ranges = map.iter().map(|text| ValueRange::parse(ty, text));
        ValueMap(ranges.zip(values).filter_map(|(range, text)| Some((range?, text))).collect())
    }
}

/// Reads the current element, `CLASS`.
fn read_class(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Class, Error> {
    let mut class = Class::new(required(reader, element, "NAME")?);
    class.superclass = attribute(reader, "SUPERCLASS").filter(|name| !name.is_empty()).map(Name::from);
    let mut qualifiers = Qualifiers::default();
    while let Some(member) = reader.child()? {
        match member.name.local {
            "QUALIFIER" => qualifiers.read(reader, &member)?,
            _ if class.properties.len() + class.methods.len() == MOST_MEMBERS => {
                return Err(too_many("members", &member));
            }
            "PROPERTY" | "PROPERTY.ARRAY" | "PROPERTY.REFERENCE" => {
                class.properties.push(read_property(reader, &member)?);
            }
            "METHOD" => class.methods.push(read_method(reader, &member)?),
            _ => reader.skip()?,
        }
    }
    class.description = qualifiers.description;
    class.is_association = qualifiers.is_association;
    class.is_abstract = qualifiers.is_abstract;
    class.is_singleton = qualifiers.is_singleton;
    class.is_embedded_only = qualifiers.is_embedded_only;
    Ok(class)
}

fn read_property(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<PropertyDeclaration, Error> {
    let name = Name::from(required(reader, element, "NAME")?);
    let is_array = element.name.local == "PROPERTY.ARRAY";
    let (ty, referenced) = declared_type(reader, element)?;
    let mut qualifiers = Qualifiers::default();
    let mut texts: Option<Vec<String>> = None;
    while let Some(child) = reader.child()? {
        match child.name.local {
            "QUALIFIER" => qualifiers.read(reader, &child)?,
            "VALUE" => texts.get_or_insert_default().push(reader.text()?.into_owned()),
            "VALUE.ARRAY" => read_values(reader, texts.get_or_insert_default())?,
            _ => reader.skip()?,
        }
    }
    let default = texts.map(|texts| Value::parse(ty, is_array, texts.iter().map(String::as_str)));
    let default =
        default.transpose().map_err(|problem| Error::value(name.as_str(), element.offset, problem))?;
    let values = qualifiers.value_map(ty);
    let class = referenced.or(qualifiers.embedded);
    let description = qualifiers.description;
    let is_key = qualifiers.is_key;
    Ok(PropertyDeclaration { name, ty, is_array, is_key, class, values, default, description })
}

fn read_method(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Method, Error> {
    let name = Name::from(required(reader, element, "NAME")?);
    let returns = attribute(reader, "TYPE").and_then(|ty| Type::named(&ty)).unwrap_or(Type::Uint32);
    let mut qualifiers = Qualifiers::default();
    let mut parameters = Vec::new();
    while let Some(child) = reader.child()? {
        match child.name.local {
            "QUALIFIER" => qualifiers.read(reader, &child)?,
            "PARAMETER" | "PARAMETER.ARRAY" | "PARAMETER.REFERENCE" | "PARAMETER.REFARRAY" => {
                if parameters.len() == MOST_MEMBERS {
                    return Err(too_many("parameters", &child));
                }
                parameters.push(read_parameter(reader, &child)?);
            }
            _ => reader.skip()?,
        }
    }
    let family = qualifiers.family.unwrap_or(ReturnFamily::Unlisted);
    Ok(Method { name, returns, family, parameters, description: qualifiers.description })
}

fn read_parameter(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Parameter, Error> {
    let name = Name::from(required(reader, element, "NAME")?);
    let is_array = matches!(element.name.local, "PARAMETER.ARRAY" | "PARAMETER.REFARRAY");
    let (ty, referenced) = declared_type(reader, element)?;
    let mut qualifiers = Qualifiers::default();
    while let Some(child) = reader.child()? {
        match child.name.local {
            "QUALIFIER" => qualifiers.read(reader, &child)?,
            _ => reader.skip()?,
        }
    }
    // Without qualifiers a host has not said the direction: it may be either.
    let unsaid = !qualifiers.is_input && !qualifiers.is_output;
    let values = qualifiers.value_map(ty);
    Ok(Parameter {
        name,
        ty,
        is_array,
        is_input: qualifiers.is_input || unsaid,
        is_output: qualifiers.is_output || unsaid,
        class: referenced.or(qualifiers.embedded),
        values,
        description: qualifiers.description,
    })
}

/// Returns the type of the member whose element has just started, and the class it refers to.
fn declared_type(reader: &Reader<'_>, element: &Element<'_>) -> Result<(Type, Option<Name>), Error> {
    if element.name.local.contains(".REF") {
        return Ok((Type::Reference, attribute(reader, "REFERENCECLASS").map(Name::from)));
    }
    let said = required(reader, element, "TYPE")?;
    let ty = Type::named(&said).ok_or_else(|| Error::unexpected("a CIM type", said, element.offset))?;
    Ok((ty, None))
}

/// Reads the current element, `VALUE.ARRAY`.
fn read_values(reader: &mut Reader<'_>, texts: &mut Vec<String>) -> Result<(), Error> {
    while let Some(item) = reader.child()? {
        match item.name.local {
            "VALUE" if texts.len() == MOST_VALUES => return Err(too_many("values", &item)),
            "VALUE" => texts.push(reader.text()?.into_owned()),
            _ => reader.skip()?,
        }
    }
    Ok(())
}

fn too_many(what: &str, element: &Element<'_>) -> Error {
    Error::unexpected(format!("fewer {what}"), element.name.local, element.offset)
}

/// More properties and methods than any class has, and more parameters than any method; a bound for
/// hostile messages, which MOF has as well.
const MOST_MEMBERS: usize = 1024;
/// More values than any value map lists, be it for a number of 16 bits; a bound for hostile messages.
const MOST_VALUES: usize = 1 << 16;

fn attribute(reader: &Reader<'_>, local: &str) -> Option<String> {
    reader.attribute(Namespace::NONE, local).map(str::to_owned)
}

fn required(reader: &Reader<'_>, element: &Element<'_>, local: &str) -> Result<String, Error> {
    attribute(reader, local)
        .ok_or_else(|| Error::missing(format!("the attribute {local}"), element.name.local))
}

const NO: Namespace<'static> = Namespace::NONE;

/// Writes a class as `CLASS`, with the qualifiers that the model keeps.
fn write_class(class: &Class, writer: &mut Writer) {
    writer.start(NO, "CLASS").attribute(NO, "NAME", &class.name);
    if let Some(superclass) = &class.superclass {
        writer.attribute(NO, "SUPERCLASS", superclass);
    }
    for (name, is_set) in [
        ("Association", class.is_association),
        ("Abstract", class.is_abstract),
        ("Singleton", class.is_singleton),
        ("EmbeddedOnly", class.is_embedded_only),
    ] {
        write_flag(name, is_set, writer);
    }
    write_text("Description", class.description.as_deref(), writer);
    for property in &class.properties {
        write_property(property, writer);
    }
    for method in &class.methods {
        writer.start(NO, "METHOD").attribute(NO, "NAME", &method.name).attribute(
            NO,
            "TYPE",
            method.returns.name(),
        );
        write_text("Description", method.description.as_deref(), writer);
        write_text("ReturnFamily", Some(method.family.name()), writer);
        for parameter in &method.parameters {
            write_parameter(parameter, writer);
        }
        writer.end();
    }
    writer.end();
}

fn write_property(property: &PropertyDeclaration, writer: &mut Writer) {
    let is_reference = property.ty == Type::Reference;
    let local = match (is_reference, property.is_array) {
        (true, _) => "PROPERTY.REFERENCE",
        (false, true) => "PROPERTY.ARRAY",
        (false, false) => "PROPERTY",
    };
    writer.start(NO, local).attribute(NO, "NAME", &property.name);
    write_type(property.ty, property.class.as_ref(), writer);
    write_flag("Key", property.is_key, writer);
    write_text("Description", property.description.as_deref(), writer);
    if !is_reference {
        write_text("EmbeddedInstance", property.class.as_deref(), writer);
    }
    write_values(&property.values, writer);
    match &property.default {
        Some(Value::One(scalar)) => _ = writer.element(NO, "VALUE", &text_of(scalar)),
        Some(Value::Many(items)) => {
            writer.start(NO, "VALUE.ARRAY");
            for scalar in items.iter().flatten() {
                writer.element(NO, "VALUE", &text_of(scalar));
            }
            writer.end();
        }
        Some(Value::Null) | None => {}
    }
    writer.end();
}

fn write_parameter(parameter: &Parameter, writer: &mut Writer) {
    let is_reference = parameter.ty == Type::Reference;
    let local = match (is_reference, parameter.is_array) {
        (true, true) => "PARAMETER.REFARRAY",
        (true, false) => "PARAMETER.REFERENCE",
        (false, true) => "PARAMETER.ARRAY",
        (false, false) => "PARAMETER",
    };
    writer.start(NO, local).attribute(NO, "NAME", &parameter.name);
    write_type(parameter.ty, parameter.class.as_ref(), writer);
    write_flag("In", parameter.is_input, writer);
    write_flag("Out", parameter.is_output, writer);
    write_text("Description", parameter.description.as_deref(), writer);
    if !is_reference {
        write_text("EmbeddedInstance", parameter.class.as_deref(), writer);
    }
    write_values(&parameter.values, writer);
    writer.end();
}

fn write_type(ty: Type, class: Option<&Name>, writer: &mut Writer) {
    match (ty, class) {
        (Type::Reference, Some(class)) => _ = writer.attribute(NO, "REFERENCECLASS", class),
        (Type::Reference, None) => {}
        _ => _ = writer.attribute(NO, "TYPE", ty.name()),
    }
}

fn write_flag(name: &str, is_set: bool, writer: &mut Writer) {
    if is_set {
        writer.start(NO, "QUALIFIER").attribute(NO, "NAME", name).attribute(NO, "TYPE", "boolean");
        writer.element(NO, "VALUE", "true").end();
    }
}

fn write_text(name: &str, text: Option<&str>, writer: &mut Writer) {
    if let Some(text) = text {
        writer.start(NO, "QUALIFIER").attribute(NO, "NAME", name).attribute(NO, "TYPE", "string");
        writer.element(NO, "VALUE", text).end();
    }
}

fn write_values(values: &ValueMap, writer: &mut Writer) {
    if values.is_empty() {
        return;
    }
    let ranges = values.0.iter().map(|(range, _)| range.to_string());
    let meanings = values.0.iter().map(|(_, meaning)| meaning.clone());
    for (name, texts) in [("ValueMap", ranges.collect::<Vec<_>>()), ("Values", meanings.collect())] {
        writer.start(NO, "QUALIFIER").attribute(NO, "NAME", name).attribute(NO, "TYPE", "string");
        writer.start(NO, "VALUE.ARRAY");
        for text in &texts {
            writer.element(NO, "VALUE", text);
        }
        writer.end().end();
    }
}

fn text_of(scalar: &Scalar) -> Cow<'_, str> {
    scalar.to_text().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;

    fn read(text: &str) -> Result<Class, Error> {
        let mut reader = Reader::new(text, &Limits::default())?;
        let root = reader.root()?;
        read_class(&mut reader, &root)
    }

    #[test]
    fn a_class_has_no_more_members_than_mof_has() {
        let class = |members: &str, count: usize| {
            read(&format!("<CLASS NAME='X'>{}<QUALIFIER NAME='q'/></CLASS>", members.repeat(count)))
        };
        for members in ["<PROPERTY NAME='p' TYPE='string'/>", "<METHOD NAME='m' TYPE='uint32'/>"] {
            assert!(class(members, MOST_MEMBERS).is_ok(), "{members}");
            let error = class(members, MOST_MEMBERS + 1).unwrap_err().to_string();
            assert!(error.starts_with("expected fewer members, found "), "{error}");
        }
    }

    #[test]
    fn a_method_and_a_value_map_have_bounds_too() {
        let parameters = "<PARAMETER NAME='p' TYPE='string'/>".repeat(MOST_MEMBERS + 1);
        let error = read(&format!("<CLASS NAME='X'><METHOD NAME='m'>{parameters}</METHOD></CLASS>"));
        assert!(error.unwrap_err().to_string().starts_with("expected fewer parameters, found PARAMETER"));
        let values = "<VALUE/>".repeat(MOST_VALUES + 1);
        let map = format!("<QUALIFIER NAME='Values'><VALUE.ARRAY>{values}</VALUE.ARRAY></QUALIFIER>");
        let error = read(&format!("<CLASS NAME='X'>{map}</CLASS>")).unwrap_err().to_string();
        assert!(error.starts_with("expected fewer values, found VALUE"), "{error}");
    }
}
