//! CIM values and instances as XML on the wire, both directions (DSP0230, MS-WSMV 2.2.4).
//!
//! The XML says little about types: a number, a word and a date look alike, and an array of one looks like
//! a scalar. So reading asks the schema ([`Catalog`]) what each property is. Where no schema describes a
//! class, values come as strings, repeated elements as arrays, and the readers of [`Instance`] still find
//! numbers in them.
//!
//! A schema is believed only as far as the host agrees with it, because hosts are newer than schemas: text
//! that is no value of the declared type stays a string, a second value of a scalar makes an array, an
//! object may stand where text was declared. One odd property must not cost a page, nor an OUT parameter
//! the return value of a call that has happened. The readers of [`Instance`] give `None` for what makes no
//! sense and never a number that the host did not say. What is refused is XML that is not well-formed,
//! and more of anything than a host has.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::cim::{
    Catalog, ClassShape, DateTime, Instance, Name, ObjectPath, Property, PropertyDeclaration, Scalar, Type,
    Value,
};
use crate::xml::{Content, Element, Namespace, Reader, Writer};

use super::addressing::{EndpointReference, is_reference, write_reference};
use super::error::Error;
use super::names::{
    ADDRESSING, BINDING, CIM, DMTF_PREFIX, ENUMERATION, EVENTING, IDENTITY, SOAP, TRANSFER, WSMAN, WSMV, XSI,
};
use super::request::Irregularity;

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
    /// The properties that are wanted of an instance; without, all.
    pub(super) only: Option<&'static [&'static str]>,
    /// What was tolerated in the parameters of a request.
    pub(super) irregularities: Vec<Irregularity>,
    /// A reference stood in `a:EndpointReference` since the parameter read last began.
    pub(super) has_wrapped_reference: bool,
}

struct Recent<'c> {
    class: Name,
    uri: Box<str>,
    /// The element was `w:XmlFragment`, which does not say its class.
    is_fragment: bool,
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
    /// A text in an array of bytes that is no number: the whole array in base64, mostly.
    Octets(String),
}

impl<'c> Decoder<'c> {
    /// Returns a decoder that knows a catalogue's classes.
    pub fn new(catalog: &'c Catalog) -> Self {
        Self {
            catalog,
            names: HashMap::new(),
            last: None,
            only: None,
            irregularities: Vec::new(),
            has_wrapped_reference: false,
        }
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
        let is_fragment = element.name.is(WSMAN, "XmlFragment");
        let class = match is_fragment {
            true => Cow::Borrowed(expected.unwrap_or_default()),
            false => class_of(reader, element),
        };
        let uri = &*element.name.namespace;
        if let Some(last) = self.last.take()
            && last.class.as_str() == class
            && *last.uri == *uri
            && last.is_fragment == is_fragment
        {
            return Ok(last);
        }
        if !is_fragment && PROTOCOL.iter().any(|protocol| protocol.uri == uri) {
            return Err(Error::unexpected("an instance", element.name.local, element.offset));
        }
        let known = self.catalog.shape(&class);
        let shape = known.or_else(|| expected.and_then(|expected| self.catalog.shape(expected)));
        Ok(Recent {
            class: known.map_or_else(|| (&*class).into(), |shape| shape.name().clone()),
            uri: uri.into(),
            is_fragment,
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
            let local = element.name.local;
            if self.only.is_some_and(|only| !only.iter().any(|name| name.eq_ignore_ascii_case(local))) {
                reader.skip()?;
                continue;
            }
            if count == 0 {
                instance.reserve(usual);
            }
            let found = recall(order, count, shape, local);
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
            match place {
                Some(place) => add(instance.slot(place), piece, declared, &element)?,
                None if instance.properties().len() == MOST_PROPERTIES => {
                    return Err(too_many(MOST_PROPERTIES, "properties", &element));
                }
                None => instance.push(name, first(piece, declared)),
            }
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
        self.has_wrapped_reference = false;
        let piece = self.piece(reader, element, declared)?;
        add(slot, piece, declared, element)
    }

    /// Returns the shared name of the CIM namespace that a class URI of Microsoft's form holds.
    fn namespace(&mut self, uri: &str) -> Option<Name> {
        let namespace = ObjectPath::from_resource(uri, Vec::new()).namespace?;
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
            // A type whose prefix is bound to nothing says nothing.
            let name = reader.attribute(XSI, "type").and_then(|qname| reader.resolve(qname).ok());
            said = name.map(|name| name.local.to_owned());
        }
        match reader.content()? {
            Content::Text(text) if is_empty_object(&text, declared, said.as_deref()) => {
                let object = object(element, declared, said.as_deref());
                Ok(Piece::One(Scalar::Object(Box::new(object))))
            }
            Content::Text(text) => Ok(text_piece(text, declared, said.as_deref())),
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
            self.has_wrapped_reference |= first.name.local == "EndpointReference";
            // A reference to nothing, as some methods give where they made no job, is null.
            let path = EndpointReference::read_from(reader, first)?.path;
            return Ok(path.map_or(Piece::Null, |path| Piece::One(Scalar::Reference(Box::new(path)))));
        }
        if is_time(&first) {
            let text = time_text(reader)?;
            let text = match reader.child()? {
                None => text,
                Some(more) => Cow::Owned(joined(text.into_owned(), &time_parts(reader, more)?)),
            };
            return Ok(Piece::One(match text.parse() {
                Ok(datetime) => Scalar::DateTime(datetime),
                Err(_) => Scalar::String(text.into_owned()),
            }));
        }
        let mut instance = object(element, declared, said);
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
            if instance.properties().len() == MOST_PROPERTIES && !places.contains_key(&name) {
                return Err(too_many(MOST_PROPERTIES, "properties", &element));
            }
            let place = *places.entry(name).or_insert_with_key(|name| {
                instance.push(name.clone(), Value::Null);
                instance.properties().len() - 1
            });
            let declared = declaration.map(Declared::from);
            let piece = self.piece(reader, &element, declared)?;
            add(instance.slot(place), piece, declared, &element)?;
            next = reader.child()?;
        }
        Ok(())
    }
}

/// More properties than any class has; a bound for hostile messages.
const MOST_PROPERTIES: usize = 4096;
/// More elements than any array of a management class has: the longest are the disks of a collection. It is
/// a bound for hostile messages, because an element takes ten times the room that its text does.
const MOST_ELEMENTS: usize = 1 << 16;

/// What belongs to the protocol can be no instance: an answer of another operation, for one.
const PROTOCOL: [Namespace<'static>; 8] =
    [SOAP, ADDRESSING, ENUMERATION, TRANSFER, EVENTING, WSMAN, WSMV, IDENTITY];

/// Returns what is declared of a property: the instance before this one mostly had the same one there.
#[inline(always)]
fn recall<'c>(
    order: &mut Vec<Option<(usize, &'c PropertyDeclaration)>>,
    at: usize,
    shape: Option<ClassShape<'c>>,
    local: &str,
) -> Option<(usize, &'c PropertyDeclaration)> {
    let guess = order.get(at).copied().flatten();
    let found = guess
        .filter(|(_, guess)| guess.name.as_str() == local)
        .or_else(|| shape.and_then(|shape| shape.property(local)));
    match order.get_mut(at) {
        Some(slot) => *slot = found,
        None => order.push(found),
    }
    found
}

fn too_many(most: usize, what: &str, element: &Element<'_>) -> Error {
    Error::unexpected(format!("at most {most} {what}"), element.name.local, element.offset)
}

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
        Piece::Octets(text) => octets(text),
        Piece::One(scalar) if declared.is_some_and(|declared| declared.is_array) => {
            Value::Many(vec![Some(scalar)])
        }
        Piece::One(scalar) => Value::One(scalar),
    }
}

/// Adds one element's value to what the elements of the same name before it gave.
fn add(
    slot: &mut Value,
    piece: Piece,
    declared: Option<Declared<'_>>,
    element: &Element<'_>,
) -> Result<(), Error> {
    match std::mem::take(slot) {
        Value::Null => *slot = first(piece, declared),
        Value::One(earlier) => *slot = Value::Many(vec![Some(earlier), scalar(piece)]),
        Value::Many(items) if items.len() == MOST_ELEMENTS => {
            return Err(too_many(MOST_ELEMENTS, "elements of an array", element));
        }
        Value::Many(mut items) => {
            items.push(scalar(piece));
            *slot = Value::Many(items);
        }
    }
    Ok(())
}

/// Returns what one of several elements holds.
fn scalar(piece: Piece) -> Option<Scalar> {
    match piece {
        Piece::Null => None,
        Piece::One(scalar) => Some(scalar),
        Piece::Octets(text) => Some(Scalar::String(text)),
    }
}

/// Returns the array of bytes that a base64 text is; a text that is none, or is too long, is kept.
fn octets(text: String) -> Value {
    match base64(&text) {
        Some(octets) if octets.len() <= MOST_ELEMENTS => octets.into(),
        _ => Value::Many(vec![Some(Scalar::String(text))]),
    }
}

#[inline(always)]
fn text_piece(text: Cow<'_, str>, declared: Option<Declared<'_>>, said: Option<&str>) -> Piece {
    let ty = match declared {
        Some(declared) => declared.ty,
        None => said.and_then(said_type).unwrap_or(Type::String),
    };
    if ty == Type::String {
        return Piece::One(Scalar::String(text.into_owned()));
    }
    match Scalar::parse(ty, &text) {
        Ok(scalar) => Piece::One(scalar),
        Err(_) => odd_piece(text, ty, declared.is_some_and(|declared| declared.is_array)),
    }
}

/// Returns what a text means that is no value of its type.
#[cold]
fn odd_piece(text: Cow<'_, str>, ty: Type, is_array: bool) -> Piece {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match ty {
        // `<Job/>`: a reference to nothing.
        Type::Reference if text.trim().is_empty() => Piece::Null,
        // A number that is too large for a byte is not base64 for it.
        Type::Uint8 if is_array && !is_number => Piece::Octets(text.into_owned()),
        _ => Piece::One(Scalar::String(text.into_owned())),
    }
}

/// Returns whether a text without anything in it is an object that has no properties.
fn is_empty_object(text: &str, declared: Option<Declared<'_>>, said: Option<&str>) -> bool {
    let is_object = match declared {
        Some(declared) => declared.ty == Type::Object,
        None => said.is_some_and(|said| said.ends_with("_Type")),
    };
    is_object && text.trim().is_empty()
}

/// Returns the object that an element holds, without its properties: of the class that `xsi:type` says, or
/// that is declared, or that the element is named for.
fn object(element: &Element<'_>, declared: Option<Declared<'_>>, said: Option<&str>) -> Instance {
    let class = said.map(|said| Name::from(said.strip_suffix("_Type").unwrap_or(said)));
    let class = class.or_else(|| declared.and_then(|declared| declared.class).cloned());
    Instance::new(class.unwrap_or_else(|| element.name.local.into()))
}

/// Returns whether an element is part of a datetime (DSP0230 6.2.4). Projections have them in no namespace.
fn is_time(element: &Element<'_>) -> bool {
    matches!(element.name.local, "Datetime" | "Interval" | "Date" | "Time" | "CIM_DateTime")
        && (element.name.is_in(CIM) || element.name.namespace.is_empty())
}

/// Reads the part of a datetime that has just started.
fn time_text<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Error> {
    Ok(match reader.content()? {
        Content::Text(text) => text,
        Content::Element(inner) => Cow::Owned(time_parts(reader, inner)?),
    })
}

/// Reads parts of a datetime, of which the first has just started, to the end of the element around them.
fn time_parts(reader: &mut Reader<'_>, first: Element<'_>) -> Result<String, Error> {
    let mut text = String::new();
    let mut next = Some(first);
    while let Some(part) = next {
        if !is_time(&part) {
            return Err(Error::unexpected("part of a datetime", part.name.local, part.offset));
        }
        text = joined(text, &time_text(reader)?);
        next = reader.child()?;
    }
    Ok(text)
}

/// Joins a date and a time.
fn joined(mut date: String, time: &str) -> String {
    let time = time.trim();
    if !time.is_empty() && !date.is_empty() {
        date.truncate(date.trim_end().len());
        date.push('T');
    }
    date.push_str(time);
    date
}

/// Returns whether the element that has just started says that it has no value.
pub(super) fn is_nil(reader: &Reader<'_>) -> bool {
    !reader.attributes().is_empty()
        && reader.attribute(XSI, "nil").is_some_and(|nil| matches!(nil.trim(), "true" | "1"))
}

/// Returns the class of an instance's element: what `xsi:type` says, else the element's own name.
fn class_of<'e>(reader: &Reader<'_>, element: &'e Element<'_>) -> Cow<'e, str> {
    let said = reader.attribute(XSI, "type").and_then(|qname| reader.resolve(qname).ok());
    match said.and_then(|said| said.local.strip_suffix("_Type")) {
        Some(class) if class != element.name.local => Cow::Owned(class.to_owned()),
        _ => Cow::Borrowed(element.name.local),
    }
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

/// Writes an instance as an element, in the way of the resource it is at: what is no CIM object, such as
/// `winrm/config`, has elements in the resource's own namespace, and no types.
pub(super) fn write_instance_at(
    resource: &ObjectPath,
    instance: &Instance,
    style: Style,
    writer: &mut Writer,
) {
    if resource.is_cim() || instance.namespace.is_some() {
        return write_instance(instance, style, writer);
    }
    let uri = resource.resource_uri();
    let namespace = Namespace::new("cfg", &uri);
    writer.start(namespace, &instance.class);
    write_plainly(instance, namespace, style, writer);
    writer.end();
}

fn write_plainly(instance: &Instance, namespace: Namespace<'_>, style: Style, writer: &mut Writer) {
    for property in in_order(instance, style) {
        match &property.value {
            Value::One(Scalar::Object(inner)) if says_itself(inner, &property.name) => {
                writer.start(namespace, &property.name);
                write_plainly(inner, namespace, style, writer);
                writer.end();
            }
            value => write_value(&property.name, value, namespace, style, writer),
        }
    }
}

/// Returns whether an object inside another one is what the element says that it is in, without a type: its class
/// is the element's name, and what it holds tells it from a text.
fn says_itself(inner: &Instance, element: &Name) -> bool {
    inner.class == *element && inner.namespace.is_none() && !inner.properties().is_empty()
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
    for property in in_order(instance, style) {
        write_value(&property.name, &property.value, namespace, style, writer);
    }
}

fn in_order(instance: &Instance, style: Style) -> Vec<&Property> {
    let mut properties: Vec<_> = instance.properties().iter().collect();
    if style.sorted {
        properties.sort_by(|a, b| a.name.cmp(&b.name));
    }
    properties
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

    /// A class with every kind of declaration that hosts have been seen to disagree with.
    const ODD: &str = r#"
        #pragma namespace ("root/virtualization/v2")
        class X {
            uint16 JobState; uint32 Size; boolean Done; datetime At; string Text; uint8 Image[];
            CIM_Y REF Owner; uint16 States[]; [EmbeddedInstance("CIM_Y")] string Object;
        };
        class CIM_Y { uint16 N; };
    "#;

    const ENVELOPE: &str = "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
        xmlns:cim='http://schemas.dmtf.org/wbem/wscim/1/common' \
        xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
        xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'";

    /// Reads one property of `X`.
    fn odd(properties: &str) -> Instance {
        let catalog = Catalog::from_mof([ODD]).unwrap();
        let text = format!("<X {ENVELOPE}>{properties}</X>");
        let mut reader = Reader::new(&text, &Limits::default()).unwrap();
        let root = reader.root().unwrap();
        let instance = Decoder::new(&catalog).instance(&mut reader, &root, None);
        instance.unwrap_or_else(|error| panic!("{properties}: {error}"))
    }

    #[test]
    fn a_value_that_is_none_of_its_declared_type_stays_the_text_that_the_host_said() {
        for (properties, name, value, number) in [
            ("<JobState>99999</JobState>", "JobState", Value::from("99999"), Some(99_999)),
            ("<JobState/>", "JobState", "".into(), None),
            ("<JobState>-1</JobState>", "JobState", "-1".into(), None),
            ("<JobState>7.0</JobState>", "JobState", "7.0".into(), None),
            ("<Size>many</Size>", "Size", "many".into(), None),
            ("<Done>perhaps</Done>", "Done", "perhaps".into(), None),
            ("<At>yesterday</At>", "At", "yesterday".into(), None),
            ("<JobState>7</JobState>", "JobState", 7_u16.into(), Some(7)),
            ("<JobState>7</JobState><JobState>8</JobState>", "JobState", vec![7_u16, 8].into(), None),
            ("<JobState xsi:type='nobody:s'>7</JobState>", "JobState", 7_u16.into(), Some(7)),
            ("<Other xsi:type='nobody:unsignedShort'>7</Other>", "Other", "7".into(), Some(7)),
            ("<Other xsi:type='cim:cimUnsignedShort'>99999</Other>", "Other", "99999".into(), Some(99_999)),
        ] {
            let instance = odd(properties);
            assert_eq!(instance.value(name), Some(&value), "{properties}");
            assert_eq!(instance.number(name), number, "{properties}");
        }
    }

    #[test]
    fn an_object_where_text_is_declared_is_kept_as_an_object() {
        let instance = odd("<JobState><N>7</N></JobState>");
        let expected = Instance::new("JobState").with("N", "7");
        assert_eq!(instance.value("JobState"), Some(&Value::from(expected)));
    }

    #[test]
    fn datetimes_are_read_in_every_spelling_of_their_parts() {
        let at: DateTime = "2026-10-05T04:23:50Z".parse().unwrap();
        for parts in [
            "2026-10-05T04:23:50Z",
            "<cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime>",
            "<Datetime>2026-10-05T04:23:50Z</Datetime>",
            "<cim:Date>2026-10-05</cim:Date><cim:Time>04:23:50Z</cim:Time>",
            "<cim:CIM_DateTime><cim:Datetime>2026-10-05T04:23:50Z</cim:Datetime></cim:CIM_DateTime>",
            "<cim:CIM_DateTime><cim:Date>2026-10-05</cim:Date> <cim:Time>04:23:50Z</cim:Time></cim:CIM_DateTime>",
            "<cim:CIM_DateTime>2026-10-05T04:23:50Z</cim:CIM_DateTime>",
        ] {
            assert_eq!(odd(&format!("<At>{parts}</At>")).value("At"), Some(&Value::from(at)), "{parts}");
        }
        for (parts, text) in [
            ("<cim:Time>04:23:50</cim:Time>", "04:23:50"),
            ("<cim:Datetime/>", ""),
            ("<cim:Datetime>soon</cim:Datetime>", "soon"),
            ("<cim:Date>Monday</cim:Date><cim:Time>noon</cim:Time>", "MondayTnoon"),
        ] {
            assert_eq!(odd(&format!("<At>{parts}</At>")).text("At"), Some(text), "{parts}");
        }
    }

    #[test]
    fn a_reference_is_read_from_path_text_too_and_one_to_nothing_is_null() {
        let owner = |content: &str| odd(&format!("<Owner>{content}</Owner>")).value("Owner").cloned();
        let path: ObjectPath = r#"\\HV01\root\virtualization\v2:CIM_Y.N="7""#.parse().unwrap();
        assert_eq!(owner(r#"\\HV01\root\virtualization\v2:CIM_Y.N="7""#), Some(path.into()));
        assert_eq!(owner("nobody in particular"), Some("nobody in particular".into()));
        for nothing in [
            "",
            " ",
            "<a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address>",
            "<a:Address/><a:ReferenceParameters/>",
        ] {
            assert_eq!(owner(nothing), Some(Value::Null), "{nothing}");
        }
    }

    #[test]
    fn an_array_of_bytes_is_numbers_or_base64_and_otherwise_text() {
        let image = |elements: &str| odd(elements).value("Image").cloned();
        assert_eq!(image("<Image>0</Image><Image>255</Image>"), Some(vec![0_u8, 255].into()));
        assert_eq!(image("<Image>AAECA/8=</Image>"), Some(vec![0_u8, 1, 2, 3, 255].into()));
        assert_eq!(image("<Image>AAEC\n A/8=</Image>"), Some(vec![0_u8, 1, 2, 3, 255].into()));
        assert_eq!(image("<Image>AA=A</Image>"), Some(vec!["AA=A"].into()));
        assert_eq!(image("<Image>1234</Image>"), Some(vec!["1234"].into()), "a number, not base64");
        let long = "AAAA".repeat(MOST_ELEMENTS / 3 + 1);
        assert_eq!(image(&format!("<Image>{long}</Image>")), Some(vec![long].into()));
    }

    #[test]
    fn null_is_said_in_both_spellings_of_xml_schema() {
        for nil in ["true", "1"] {
            let instance = odd(&format!("<JobState xsi:nil='{nil}'/><Text xsi:nil=\"{nil}\"></Text>"));
            assert_eq!(instance.value("JobState"), Some(&Value::Null), "{nil}");
            assert_eq!(instance.value("Text"), Some(&Value::Null), "{nil}");
        }
        for no in ["false", "0"] {
            assert_eq!(odd(&format!("<Text xsi:nil='{no}'/>")).text("Text"), Some(""), "{no}");
        }
    }

    #[test]
    fn an_array_has_fewer_elements_than_would_fill_the_memory() {
        let many = |count: usize| read(&format!("<X>{}</X>", "<a/>".repeat(count)));
        let elements = many(MOST_ELEMENTS).unwrap();
        assert_eq!(elements.value("a").map(|value| value.scalars().count()), Some(MOST_ELEMENTS));
        let error = many(MOST_ELEMENTS + 1).unwrap_err().to_string();
        assert!(
            error.starts_with("expected at most 65536 elements of an array, found a at byte "),
            "{error}"
        );
    }

    #[test]
    fn an_object_inside_an_instance_has_bounds_too() {
        let many = |count: usize| {
            let properties: String = (0..count).map(|number| format!("<a{number}/>")).collect();
            read(&format!("<X><o>{properties}</o></X>"))
        };
        assert!(many(MOST_PROPERTIES).is_ok());
        assert!(many(MOST_PROPERTIES + 1).is_err());
    }

    #[test]
    fn an_element_of_the_protocol_is_no_instance() {
        for namespace in PROTOCOL {
            let error = read(&format!("<PullResponse xmlns='{}'><a/></PullResponse>", namespace.uri));
            let error = error.unwrap_err().to_string();
            assert_eq!(error, "expected an instance, found PullResponse at byte 0", "{}", namespace.uri);
        }
        let text = format!("<r {ENVELOPE}><w:XmlFragment><N>7</N></w:XmlFragment><w:CIM_Y/></r>");
        let catalog = Catalog::from_mof([ODD]).unwrap();
        let mut reader = Reader::new(&text, &Limits::default()).unwrap();
        reader.root().unwrap();
        let mut decoder = Decoder::new(&catalog);
        let fragment = reader.child().unwrap().unwrap();
        let projection = decoder.instance(&mut reader, &fragment, Some("CIM_Y")).unwrap();
        assert_eq!(projection, Instance::new("CIM_Y").with("N", 7_u16));
        let impostor = reader.child().unwrap().unwrap();
        assert!(decoder.instance(&mut reader, &impostor, Some("CIM_Y")).is_err());
    }
}
