//! CIM values and instances as XML on the wire, both directions (DSP0230, MS-WSMV 2.2.4).
//!
//! The XML says little about types: a number, a word and a date look alike, and an array of one looks like
//! a scalar. So reading asks the schema ([`Catalog`]) what each property is. Where no schema describes a
//! class, values come as strings, repeated elements as arrays, and the readers of [`Instance`] still find
//! numbers in them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::cim::{
    Catalog, ClassShape, DateTime, Error as CimError, Instance, Name, ObjectPath, PropertyDeclaration,
    Scalar, Type, Value,
};
use crate::xml::{Content, Element, Namespace, Node, Reader, Writer};

use super::addressing::{EndpointReference, is_reference, write_reference};
use super::error::Error;
use super::names::{BINDING, CIM, DMTF_PREFIX, WMI_PREFIX, WSMAN, XSI};

/// How a host spells values. The client writes [`Style::WINDOWS`]; the simulated host may write any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `2026-10-05T04:23:50Z` directly in the property, without `cim:Datetime` around it.
    pub bare_datetimes: bool,
    /// `TRUE` and `FALSE`.
    pub capital_booleans: bool,
    /// `xsi:type` on instances.
    pub typed: bool,
    /// Properties in alphabetical order.
    pub sorted: bool,
}

impl Style {
    /// What Windows writes.
    pub const WINDOWS: Self =
        Self { bare_datetimes: false, capital_booleans: false, typed: true, sorted: true };
    /// What OMI writes to a client that does not call itself Windows.
    pub const OMI: Self = Self { bare_datetimes: true, capital_booleans: true, typed: false, sorted: false };
}

impl Default for Style {
    fn default() -> Self {
        Self::WINDOWS
    }
}

/// Reads the values of one message, knowing the classes that a catalogue declares.
pub struct Decoder<'c> {
    catalog: &'c Catalog,
    /// One shared name for each spelling of a member that no schema declares.
    names: HashMap<Box<str>, Name>,
    /// The class of the instance read last: pages hold many of one class, in one order of properties.
    last: Option<Recent<'c>>,
}

struct Recent<'c> {
    class: Name,
    uri: Box<str>,
    namespace: Option<Name>,
    shape: Option<ClassShape<'c>>,
    /// What is declared of the properties, in the order in which that instance had them.
    order: Vec<Option<(usize, &'c PropertyDeclaration)>>,
}

/// What a place is declared to hold.
#[derive(Clone, Copy)]
pub(super) struct Declared<'d> {
    pub(super) ty: Type,
    pub(super) is_array: bool,
    pub(super) class: Option<&'d Name>,
}

impl<'d> From<&'d PropertyDeclaration> for Declared<'d> {
    fn from(declaration: &'d PropertyDeclaration) -> Self {
        Self { ty: declaration.ty, is_array: declaration.is_array, class: declaration.class.as_ref() }
    }
}

/// What one element of a property holds.
enum Piece {
    Null,
    One(Scalar),
    /// A whole array of bytes in one base64 text.
    Octets(Vec<u8>),
}

impl<'c> Decoder<'c> {
    /// Returns a decoder that knows a catalogue's classes.
    pub fn new(catalog: &'c Catalog) -> Self {
        Self { catalog, names: HashMap::new(), last: None }
    }

    /// Returns the catalogue.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }

    /// Reads the element that has just started as an instance.
    ///
    /// `expected` is the class that was asked for. It types the properties of a class that the catalogue
    /// does not know (which is then most likely a newer subclass), and those of a projection, whose
    /// `w:XmlFragment` does not say a class.
    pub fn instance(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        expected: Option<&str>,
    ) -> Result<Instance, Error> {
        let mut recent = self.recent(reader, element, expected)?;
        let mut instance = Instance::new(recent.class.clone());
        instance.namespace.clone_from(&recent.namespace);
        let read = self.properties(reader, &mut instance, recent.shape, &mut recent.order);
        self.last = Some(recent);
        read.map(|()| instance)
    }

    /// Reads the properties of a `w:XmlFragment` whose first has just started.
    pub(super) fn fragment(
        &mut self,
        reader: &mut Reader<'_>,
        first: Element<'_>,
        expected: Option<&str>,
    ) -> Result<Instance, Error> {
        let shape = expected.and_then(|expected| self.catalog.shape(expected));
        let class = shape.map(|shape| shape.name().clone());
        let mut instance = Instance::new(class.unwrap_or_else(|| expected.unwrap_or_default().into()));
        self.object_properties(reader, first, &mut instance, shape)?;
        Ok(instance)
    }

    /// Takes what is remembered of the class of an element, or finds it out.
    fn recent(
        &mut self,
        reader: &Reader<'_>,
        element: &Element<'_>,
        expected: Option<&str>,
    ) -> Result<Recent<'c>, Error> {
        let class = class_of(reader, element)?;
        let uri = &*element.name.namespace;
        if let Some(last) = self.last.take()
            && last.class.as_str() == class
            && *last.uri == *uri
        {
            return Ok(last);
        }
        let is_fragment = element.name.is(WSMAN, "XmlFragment");
        let class = if is_fragment { expected.unwrap_or_default() } else { class.as_ref() };
        let known = self.catalog.shape(class);
        let shape = known.or_else(|| expected.and_then(|expected| self.catalog.shape(expected)));
        Ok(Recent {
            class: known.map_or_else(|| class.into(), |shape| shape.name().clone()),
            uri: uri.into(),
            namespace: self.namespace(uri),
            shape,
            order: Vec::new(),
        })
    }

    fn properties(
        &mut self,
        reader: &mut Reader<'_>,
        instance: &mut Instance,
        shape: Option<ClassShape<'c>>,
        order: &mut Vec<Option<(usize, &'c PropertyDeclaration)>>,
    ) -> Result<(), Error> {
        let usual = order.len();
        let mut seen = Seen::default();
        let mut undeclared: HashMap<Name, usize> = HashMap::new();
        let mut count = 0;
        while let Some(element) = reader.child()? {
            if count == 0 {
                instance.reserve(usual);
            }
            let local = element.name.local;
            let guess = order.get(count).copied().flatten();
            let found = guess
                .filter(|(_, guess)| guess.name.as_str() == local)
                .or_else(|| shape.and_then(|shape| shape.property(local)));
            match order.get_mut(count) {
                Some(slot) => *slot = found,
                None => order.push(found),
            }
            count += 1;
            let declared = found.map(|(_, declaration)| Declared::from(declaration));
            let piece = self.piece(reader, &element, declared)?;
            let (name, place) = match found {
                Some((index, declaration)) => {
                    let name = declaration.name.clone();
                    let place = if seen.again(index) { instance.position(&name) } else { None };
                    (name, place)
                }
                None => {
                    let name = self.name(local);
                    let place = undeclared.get(&name).copied();
                    undeclared.entry(name.clone()).or_insert(instance.properties().len());
                    (name, place)
                }
            };
            let added = match place {
                Some(place) => add(instance.slot(place), piece, declared),
                None if instance.properties().len() == MOST_PROPERTIES => {
                    return Err(Error::unexpected("fewer properties", local, element.offset));
                }
                None => {
                    instance.push(name, first(piece, declared));
                    Ok(())
                }
            };
            added.map_err(|problem| {
                Error::value(format!("property {local} of {}", instance.class), element.offset, problem)
            })?;
        }
        // After one large instance many small ones must not each have room for as much.
        order.truncate(count);
        Ok(())
    }

    /// Reads the elements of one parameter value, of which the first has just started, into a slot.
    pub(super) fn add_parameter(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        declared: Option<Declared<'_>>,
        slot: &mut Value,
    ) -> Result<(), Error> {
        let piece = self.piece(reader, element, declared)?;
        add(slot, piece, declared).map_err(|problem| {
            Error::value(format!("parameter {}", element.name.local), element.offset, problem)
        })
    }

    /// Returns the shared name of the CIM namespace that a class URI of Microsoft's form holds.
    fn namespace(&mut self, uri: &str) -> Option<Name> {
        let is_wmi = uri.get(..WMI_PREFIX.len()).is_some_and(|head| head.eq_ignore_ascii_case(WMI_PREFIX));
        let namespace = is_wmi.then(|| ObjectPath::from_resource(uri, Vec::new()).namespace)??;
        Some(self.name(&namespace))
    }

    /// Returns the shared name for a spelling: what a message says once and means for each of its elements
    /// is held once.
    pub(super) fn name(&mut self, spelling: &str) -> Name {
        match self.names.get(spelling) {
            Some(name) => name.clone(),
            None => {
                let name = Name::from(spelling);
                self.names.insert(spelling.into(), name.clone());
                name
            }
        }
    }

    /// Reads the element that has just started as one value.
    #[inline(always)]
    fn piece(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        declared: Option<Declared<'_>>,
    ) -> Result<Piece, Error> {
        let mut said = None;
        if !reader.attributes().is_empty() {
            if is_nil(reader) {
                reader.skip()?;
                return Ok(Piece::Null);
            }
            if let Some(qname) = reader.attribute(XSI, "type") {
                said = Some(reader.resolve(qname)?.local.to_owned());
            }
        }
        match reader.content()? {
            Content::Text(text) => text_piece(text, declared, said.as_deref(), element),
            Content::Element(first) => self.structured(reader, element, first, declared, said.as_deref()),
        }
    }

    /// Reads a value that holds elements, of which the first has just started.
    #[inline(never)]
    fn structured(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        first: Element<'_>,
        declared: Option<Declared<'_>>,
        said: Option<&str>,
    ) -> Result<Piece, Error> {
        if is_reference(&first) {
            let reference = EndpointReference::read_from(reader, first)?;
            let path = reference.path.ok_or_else(|| Error::missing("w:ResourceURI", element.name.local))?;
            return Ok(Piece::One(Scalar::Reference(Box::new(path))));
        }
        let is_time = matches!(first.name.local, "Datetime" | "Interval" | "Date" | "CIM_DateTime");
        if is_time && (first.name.is_in(CIM) || first.name.namespace.is_empty()) {
            let offset = first.offset;
            let text = match reader.content()? {
                Content::Text(text) => text,
                Content::Element(_) => Cow::Owned(date_text(reader)?),
            };
            if let Some(more) = reader.child()? {
                return Err(Error::unexpected("one datetime", more.name.local, more.offset));
            }
            let datetime: Result<DateTime, CimError> = text.parse();
            let datetime = datetime.map_err(|problem| Error::value(element.name.local, offset, problem))?;
            return Ok(Piece::One(Scalar::DateTime(datetime)));
        }
        if let Some(Declared { ty, .. }) = declared
            && !matches!(ty, Type::Object | Type::String)
        {
            return Err(Error::unexpected(
                format!("the text of a {}", ty.name()),
                first.name.local,
                first.offset,
            ));
        }
        let class = said.map(|said| Name::from(said.strip_suffix("_Type").unwrap_or(said)));
        let class = class.or_else(|| declared.and_then(|declared| declared.class).cloned());
        let mut instance = Instance::new(class.unwrap_or_else(|| element.name.local.into()));
        instance.namespace = self.namespace(&first.name.namespace);
        let shape = self.catalog.shape(&instance.class);
        self.object_properties(reader, first, &mut instance, shape)?;
        Ok(Piece::One(Scalar::Object(Box::new(instance))))
    }

    /// Reads the properties of an object inside a property; the first has just started.
    fn object_properties(
        &mut self,
        reader: &mut Reader<'_>,
        first: Element<'_>,
        instance: &mut Instance,
        shape: Option<ClassShape<'c>>,
    ) -> Result<(), Error> {
        let mut places: HashMap<Name, usize> = HashMap::new();
        let mut next = Some(first);
        while let Some(element) = next {
            let declaration =
                shape.and_then(|shape| shape.property(element.name.local)).map(|(_, found)| found);
            let name = match declaration {
                Some(declaration) => declaration.name.clone(),
                None => self.name(element.name.local),
            };
            let place = *places.entry(name).or_insert_with_key(|name| {
                instance.push(name.clone(), Value::Null);
                instance.properties().len() - 1
            });
            let declared = declaration.map(Declared::from);
            let piece = self.piece(reader, &element, declared)?;
            add(instance.slot(place), piece, declared).map_err(|problem| {
                Error::value(
                    format!("property {} of {}", element.name.local, instance.class),
                    element.offset,
                    problem,
                )
            })?;
            next = reader.child()?;
        }
        Ok(())
    }
}

/// More properties than any class has; a bound for hostile messages.
const MOST_PROPERTIES: usize = 4096;

/// Which declared properties an instance has had already. Almost every element is the first of its
/// property, so that is what has to be known quickly.
#[derive(Default)]
struct Seen([u64; 4]);

impl Seen {
    /// Returns whether the property of a declaration may have been seen before, and notes that it is now.
    fn again(&mut self, index: usize) -> bool {
        let bit = 1 << (index % 64);
        match self.0.get_mut(index / 64) {
            Some(bits) => std::mem::replace(bits, *bits | bit) & bit != 0,
            // A class with more properties than there are bits: the instance has to be searched.
            None => true,
        }
    }
}

/// Returns the value that the first element of a property makes.
#[inline(always)]
fn first(piece: Piece, declared: Option<Declared<'_>>) -> Value {
    match piece {
        Piece::Null => Value::Null,
        Piece::Octets(octets) => Value::from(octets),
        Piece::One(scalar) if declared.is_some_and(|declared| declared.is_array) => {
            Value::Many(vec![Some(scalar)])
        }
        Piece::One(scalar) => Value::One(scalar),
    }
}

/// Adds one element's value to what the elements of the same name before it gave.
fn add(slot: &mut Value, piece: Piece, declared: Option<Declared<'_>>) -> Result<(), CimError> {
    let is_array = declared.is_some_and(|declared| declared.is_array);
    let value = match piece {
        Piece::Null => None,
        Piece::One(scalar) => Some(scalar),
        Piece::Octets(octets) if slot.is_null() => {
            *slot = Value::from(octets);
            return Ok(());
        }
        Piece::Octets(_) => return Err(CimError::value("one base64 text", "several")),
    };
    match (&mut *slot, value) {
        (Value::Null, None) => {}
        (Value::Null, Some(scalar)) if is_array => *slot = Value::Many(vec![Some(scalar)]),
        (Value::Null, Some(scalar)) => *slot = Value::One(scalar),
        (Value::One(_), _) if declared.is_some_and(|declared| !declared.is_array) => {
            return Err(CimError::value("one value", "several"));
        }
        (Value::One(_), value) => {
            let Value::One(earlier) = std::mem::take(slot) else { return Ok(()) };
            *slot = Value::Many(vec![Some(earlier), value]);
        }
        (Value::Many(items), value) => items.push(value),
    }
    Ok(())
}

#[inline(always)]
fn text_piece(
    text: Cow<'_, str>,
    declared: Option<Declared<'_>>,
    said: Option<&str>,
    element: &Element<'_>,
) -> Result<Piece, Error> {
    let refuse = |problem| Error::value(element.name.local, element.offset, problem);
    let Some(declared) = declared else {
        let ty = said.and_then(said_type).unwrap_or(Type::String);
        return Scalar::parse(ty, &text).map(Piece::One).map_err(refuse);
    };
    if declared.ty == Type::String {
        return Ok(Piece::One(Scalar::String(text.into_owned())));
    }
    match Scalar::parse(declared.ty, &text) {
        Ok(scalar) => Ok(Piece::One(scalar)),
        Err(problem) if declared.ty == Type::Uint8 && declared.is_array => {
            base64(&text).map(Piece::Octets).ok_or_else(|| refuse(problem))
        }
        // A host may spell a REF as the text of its path.
        Err(problem) => Err(refuse(problem)),
    }
}

/// Reads the date inside the wrapper that `CIM_DateTime` has around `cim:Datetime`, which has just started.
fn date_text(reader: &mut Reader<'_>) -> Result<String, Error> {
    let mut text = String::new();
    let mut inside = 2;
    while inside > 0 {
        match reader.node()? {
            Node::Text(piece) => text.push_str(&piece),
            Node::Element(_) => inside += 1,
            Node::End => inside -= 1,
        }
    }
    Ok(text.trim().to_owned())
}

/// Returns whether the element that has just started says that it has no value.
pub(super) fn is_nil(reader: &Reader<'_>) -> bool {
    !reader.attributes().is_empty()
        && reader.attribute(XSI, "nil").is_some_and(|nil| matches!(nil.trim(), "true" | "1"))
}

/// Returns the class of an instance's element: what `xsi:type` says, else the element's own name.
fn class_of<'e>(reader: &Reader<'_>, element: &'e Element<'_>) -> Result<Cow<'e, str>, Error> {
    let Some(qname) = reader.attribute(XSI, "type") else {
        return Ok(Cow::Borrowed(element.name.local));
    };
    let said = reader.resolve(qname)?.local;
    Ok(match said.strip_suffix("_Type") {
        Some(class) if class != element.name.local => Cow::Owned(class.to_owned()),
        _ => Cow::Borrowed(element.name.local),
    })
}

/// Returns the type that the value of an `xsi:type` attribute names, as OMI uses them in errors.
fn said_type(said: &str) -> Option<Type> {
    Some(match said {
        "cimBoolean" | "boolean" => Type::Boolean,
        "cimUnsignedByte" | "unsignedByte" => Type::Uint8,
        "cimUnsignedShort" | "unsignedShort" => Type::Uint16,
        "cimUnsignedInt" | "unsignedInt" => Type::Uint32,
        "cimUnsignedLong" | "unsignedLong" => Type::Uint64,
        "cimByte" | "byte" => Type::Sint8,
        "cimShort" | "short" => Type::Sint16,
        "cimInt" | "int" => Type::Sint32,
        "cimLong" | "long" => Type::Sint64,
        "cimFloat" | "float" => Type::Real32,
        "cimDouble" | "double" => Type::Real64,
        "cimChar16" => Type::Char16,
        "cimDateTime" | "dateTime" | "duration" => Type::DateTime,
        _ => return None,
    })
}

/// Decodes base64 with its padding; white space may stand in it.
fn base64(text: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let data = symbols.strip_suffix(b"==").or_else(|| symbols.strip_suffix(b"=")).unwrap_or(&symbols);
    if symbols.is_empty() || !symbols.len().is_multiple_of(4) || data.len() % 4 == 1 {
        return None;
    }
    let mut octets = Vec::with_capacity(data.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for &symbol in data {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    Some(octets)
}

/// Returns the class URI that is the namespace of an instance's elements.
fn class_uri(instance: &Instance) -> String {
    match &instance.namespace {
        Some(namespace) => {
            ObjectPath::new(namespace.clone(), instance.class.clone()).resource_uri().into_owned()
        }
        None => format!("{DMTF_PREFIX}{}", instance.class),
    }
}

/// Writes an instance as an element.
pub fn write_instance(instance: &Instance, style: Style, writer: &mut Writer) {
    let uri = class_uri(instance);
    let namespace = Namespace::new("p", &uri);
    writer.start(namespace, &instance.class);
    if style.typed {
        let ty = format!("{}_Type", instance.class);
        writer.qname_attribute(XSI, "type", (namespace, &ty));
    } else {
        writer.declare(XSI);
    }
    writer.declare(CIM);
    write_properties(instance, namespace, style, writer);
    writer.end();
}

/// Writes `w:XmlFragment` with properties in no namespace, as projections and fragments have them.
pub(super) fn write_projection(instance: &Instance, style: Style, writer: &mut Writer) {
    writer.start(WSMAN, "XmlFragment");
    for property in instance.properties() {
        write_value(&property.name, &property.value, Namespace::NONE, style, writer);
    }
    writer.end();
}

/// Writes an instance that describes an error, marked as such (DSP0227 9.3).
pub(super) fn write_error_instance(instance: &Instance, writer: &mut Writer) {
    let uri = format!("{DMTF_PREFIX}{}", instance.class);
    let namespace = Namespace::new("p", &uri);
    writer.start(namespace, &instance.class);
    writer.attribute(BINDING, "IsCIM_Error", "true");
    write_properties(instance, namespace, Style::WINDOWS, writer);
    writer.end();
}

fn write_properties(instance: &Instance, namespace: Namespace<'_>, style: Style, writer: &mut Writer) {
    let mut properties: Vec<_> = instance.properties().iter().collect();
    if style.sorted {
        properties.sort_by(|a, b| a.name.cmp(&b.name));
    }
    for property in properties {
        write_value(&property.name, &property.value, namespace, style, writer);
    }
}

/// Writes a value: one element, an element for each of an array, none for an empty array, a nil element
/// for null.
pub(super) fn write_value(
    name: &str,
    value: &Value,
    namespace: Namespace<'_>,
    style: Style,
    writer: &mut Writer,
) {
    match value {
        Value::Null => write_nil(name, namespace, writer),
        Value::One(scalar) => write_scalar(name, scalar, namespace, style, writer),
        Value::Many(items) => {
            for item in items {
                match item {
                    None => write_nil(name, namespace, writer),
                    Some(scalar) => write_scalar(name, scalar, namespace, style, writer),
                }
            }
        }
    }
}

fn write_nil(name: &str, namespace: Namespace<'_>, writer: &mut Writer) {
    writer.start(namespace, name).attribute(XSI, "nil", "true").end();
}

fn write_scalar(name: &str, scalar: &Scalar, namespace: Namespace<'_>, style: Style, writer: &mut Writer) {
    writer.start(namespace, name);
    match scalar {
        Scalar::Reference(path) => write_reference(path, writer),
        Scalar::Object(instance) => {
            let uri = class_uri(instance);
            let inner = Namespace::new("q", &uri);
            let ty = format!("{}_Type", instance.class);
            writer.qname_attribute(XSI, "type", (inner, &ty));
            write_properties(instance, inner, style, writer);
        }
        Scalar::DateTime(datetime) if style.bare_datetimes => _ = writer.text(&datetime.to_string()),
        Scalar::DateTime(datetime) => {
            let local = match datetime {
                DateTime::Absolute(_) => "Datetime",
                DateTime::Interval(_) => "Interval",
            };
            writer.element(CIM, local, &datetime.to_string());
        }
        Scalar::Boolean(value) if style.capital_booleans => {
            writer.text(if *value { "TRUE" } else { "FALSE" });
        }
        _ => {
            if let Some(text) = scalar.to_text().filter(|text| !text.is_empty()) {
                writer.text(&text);
            }
        }
    }
    writer.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;

    fn read(text: &str) -> Result<Instance, Error> {
        let mut reader = Reader::new(text, &Limits::default())?;
        let root = reader.root()?;
        Decoder::new(Catalog::bundled()).instance(&mut reader, &root, None)
    }

    #[test]
    fn an_instance_has_fewer_properties_than_would_take_long_to_search() {
        let many = |count: usize| {
            let properties: String = (0..count).map(|number| format!("<a{number}/>")).collect();
            read(&format!("<X>{properties}</X>"))
        };
        assert_eq!(many(MOST_PROPERTIES).unwrap().properties().len(), MOST_PROPERTIES);
        assert!(many(MOST_PROPERTIES + 1).is_err());
    }

    #[test]
    fn an_object_is_typed_by_the_class_it_is_said_to_be_of_however_that_is_said() {
        let object = |text: &str| match read(text).unwrap().properties()[0].value.clone() {
            Value::One(Scalar::Object(object)) => *object,
            other => panic!("{other:?}"),
        };
        let expected = Instance::new("CIM_ConcreteJob").with("JobState", 7_u16);
        for text in [
            "<X><CIM_ConcreteJob><JobState>7</JobState></CIM_ConcreteJob></X>",
            "<X xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><o xsi:type='CIM_ConcreteJob_Type'>\
             <JobState>7</JobState></o></X>",
        ] {
            assert_eq!(object(text), expected, "{text}");
        }
    }
}
