//! Enumerate, Pull, Release: many objects, a page at a time (WS-Enumeration, DSP0226 8).
//!
//! An enumeration owns its resource: [`Enumerate::pull`] and [`Enumerate::release`] make the messages that
//! go on with it, so that a second page cannot be asked of another namespace. Always the newest context
//! counts, and a page that ended has none.

use crate::cim::{DateTime, Instance, Interval, Name, ObjectPath};
use crate::xml::{Element, Reader, Writer};

use super::addressing::EndpointReference;
use super::error::Error;
use super::filter::Filter;
use super::instance::{Decoder, Style, write_instance_at};
use super::names::{ADDRESSING, BINDING, ENUMERATION, WSMAN, action};
use super::operation::{Head, Operation, expect, read_nothing};

/// The most items of one page: what Windows' own client asks for, what hosts have as `MaxBatchItems`, and
/// beyond which an answer is refused. An item takes a hundred times the room that the shortest text of one
/// does.
pub const MOST_ITEMS: u32 = 32_000;

/// What an error expects where a mode of polymorphism stands that nobody knows.
const POLYMORPHISM: &str = "a polymorphism mode";

/// `n:Enumerate`: begins an enumeration.
#[derive(Clone, Debug, PartialEq)]
pub struct Enumerate {
    /// The class, or `*` of a namespace for a query.
    pub resource: ObjectPath,
    /// Whether the answer brings the first page.
    pub opening: Opening,
    /// What each item is.
    pub mode: Mode,
    /// Which objects.
    pub filter: Option<Filter>,
    /// How long the host keeps the enumeration.
    pub expires: Option<Interval>,
    /// What becomes of objects of derived classes; hosts may pass over it (MS-WSMV 3.1.4.1.27).
    pub polymorphism: Option<Polymorphism>,
    /// The properties that are read of each object, whatever else the host sends; without, all. It is not on the wire:
    /// there it would be a projection, in whose answer no object says of which class it is.
    pub only: Option<&'static [&'static str]>,
}

/// `b:PolymorphismMode`: what becomes of objects of derived classes (DSP0227 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polymorphism {
    /// They come whole, as objects of their own classes.
    IncludeSubclassProperties,
    /// They come as objects of the class that was asked for.
    ExcludeSubclassProperties,
    /// They do not come.
    None,
}

impl Polymorphism {
    const ALL: [(Self, &'static str); 3] = [
        (Self::IncludeSubclassProperties, "IncludeSubClassProperties"),
        (Self::ExcludeSubclassProperties, "ExcludeSubClassProperties"),
        (Self::None, "None"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("None", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(mode, _)| *mode)
    }
}

/// What the answer to [`Enumerate`] brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A context alone.
    Context,
    /// The first page. Without a maximum Windows puts one item on it.
    FirstPage {
        /// The most items the page may hold.
        max_elements: Option<u32>,
    },
}

/// What each item of an enumeration is (DSP0226 8.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The object.
    #[default]
    Object,
    /// Its reference.
    Reference,
    /// Both.
    ObjectAndReference,
}

/// `n:Pull`: asks for the next page.
#[derive(Clone, Debug, PartialEq)]
pub struct Pull {
    /// The resource of the enumeration.
    pub resource: ObjectPath,
    /// The newest context.
    pub context: String,
    /// The most items the page may hold; without, one.
    pub max_elements: Option<u32>,
    /// How long the host may wait for a full page.
    pub max_time: Option<Interval>,
    /// The most characters the page may hold.
    pub max_characters: Option<u64>,
    /// The class that was asked for, which types the values of a projection. It is not on the wire.
    pub expected: Option<Name>,
    /// The properties that are read of each object, as the enumeration has it. It is not on the wire.
    pub only: Option<&'static [&'static str]>,
}

/// `n:Release`: ends an enumeration before its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The resource of the enumeration.
    pub resource: ObjectPath,
    /// The newest context.
    pub context: String,
}

/// A page of an enumeration.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Page {
    /// What it holds.
    pub items: Vec<Item>,
    /// How to go on; `None` at the end.
    pub context: Option<String>,
    /// Until when the host keeps the enumeration, where it says so.
    pub expires: Option<DateTime>,
}

/// One item of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An object.
    Object(Instance),
    /// The properties that a projection asked for, as an instance of the class it asked.
    Projection(Instance),
    /// A reference to an object.
    Reference(EndpointReference),
    /// An object and a reference to it.
    ObjectAndReference(Instance, EndpointReference),
}

impl Enumerate {
    /// Returns the request for the objects of a class, with as many as possible on the first page.
    pub fn new(resource: ObjectPath) -> Self {
        let opening = Opening::FirstPage { max_elements: Some(MOST_ITEMS) };
        let (filter, expires, polymorphism, only) = (None, None, None, None);
        Self { resource, opening, mode: Mode::Object, filter, expires, polymorphism, only }
    }

    /// Returns the request for the objects that a WQL query selects: the resource is `*` of its namespace.
    pub fn query(namespace: &str, wql: impl Into<String>) -> Self {
        let filter = Some(Filter::Wql(wql.into()));
        Self { filter, ..Self::new(ObjectPath::new(namespace, "*")) }
    }

    /// Returns the request for the next page.
    pub fn pull(&self, context: impl Into<String>) -> Pull {
        let max_elements = match self.opening {
            Opening::FirstPage { max_elements } => max_elements,
            Opening::Context => None,
        };
        Pull {
            resource: self.resource.clone(),
            context: context.into(),
            max_elements,
            max_time: None,
            max_characters: None,
            expected: self.expected(),
            only: self.only,
        }
    }

    /// Returns the request to end the enumeration.
    pub fn release(&self, context: impl Into<String>) -> Release {
        Release { resource: self.resource.clone(), context: context.into() }
    }

    /// Returns the class that is asked for: the resource's, or the one a query names.
    pub fn expected(&self) -> Option<Name> {
        match &self.filter {
            _ if self.resource.class != "*" => Some(self.resource.class.clone()),
            Some(Filter::Wql(query)) => selected_class(query).map(Name::from),
            Some(Filter::Association(filter)) => filter.result_class.clone(),
            _ => None,
        }
    }
}

impl Page {
    /// Returns the instances of the page, whole and projected.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.items.iter().filter_map(|item| match item {
            Item::Object(instance) | Item::Projection(instance) | Item::ObjectAndReference(instance, _) => {
                Some(instance)
            }
            Item::Reference(_) => None,
        })
    }

    /// Returns the references of the page.
    pub fn references(&self) -> impl Iterator<Item = &EndpointReference> {
        self.items.iter().filter_map(|item| match item {
            Item::Reference(reference) | Item::ObjectAndReference(_, reference) => Some(reference),
            Item::Object(_) | Item::Projection(_) => None,
        })
    }

    /// Reads the current element, `n:EnumerateResponse` or `n:PullResponse`.
    ///
    /// `Items` and `EndOfSequence` are in one namespace in the first and in another in the second; hosts
    /// differ, so both count in both, as direct children only: a property may be called EndOfSequence.
    fn read(
        reader: &mut Reader<'_>,
        expected: Option<&str>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self, Error> {
        let mut page = Self::default();
        let mut ended = false;
        while let Some(element) = reader.child()? {
            let ours = element.name.is_in(ENUMERATION) || element.name.is_in(WSMAN);
            match element.name.local {
                "EnumerationContext" if ours => page.context = Some(reader.text()?.into_owned()),
                "Items" if ours => {
                    while let Some(item) = reader.child()? {
                        if page.items.len() == MOST_ITEMS as usize {
                            let expected = format!("at most {MOST_ITEMS} items");
                            return Err(Error::unexpected(expected, item.name.local, item.offset));
                        }
                        page.items.push(Item::read(reader, &item, expected, decoder)?);
                    }
                }
                "EndOfSequence" if ours => {
                    reader.skip()?;
                    ended = true;
                }
                "Expires" if ours => {
                    let offset = element.offset;
                    let text = reader.trimmed()?;
                    let expires =
                        text.parse().map_err(|problem| Error::value("n:Expires", offset, problem))?;
                    page.expires = Some(expires);
                }
                _ => reader.skip()?,
            }
        }
        // OMI leaves a context beside the end marker; Windows leaves an empty one.
        page.context = page.context.filter(|context| !ended && !context.trim().is_empty());
        Ok(page)
    }

    fn write(
        &self,
        markers: crate::xml::Namespace<'_>,
        resource: &ObjectPath,
        style: Style,
        writer: &mut Writer,
    ) {
        if let Some(expires) = self.expires {
            writer.element(ENUMERATION, "Expires", &expires.to_string());
        }
        if let Some(context) = &self.context {
            writer.element(ENUMERATION, "EnumerationContext", context);
        }
        writer.start(markers, "Items");
        for item in &self.items {
            item.write(resource, style, writer);
        }
        writer.end();
        if self.context.is_none() {
            writer.start(markers, "EndOfSequence").end();
        }
    }
}

impl Item {
    fn read(
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        expected: Option<&str>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self, Error> {
        if element.name.is(ADDRESSING, "EndpointReference") {
            return EndpointReference::read_content(reader).map(Self::Reference);
        }
        if element.name.is(WSMAN, "XmlFragment") {
            return decoder.instance(reader, element, expected).map(Self::Projection);
        }
        if !element.name.is(WSMAN, "Item") {
            return decoder.instance(reader, element, expected).map(Self::Object);
        }
        let (mut object, mut reference) = (None, None);
        while let Some(part) = reader.child()? {
            if part.name.is(ADDRESSING, "EndpointReference") {
                reference = Some(EndpointReference::read_content(reader)?);
            } else if object.is_none() {
                object = Some(decoder.instance(reader, &part, expected)?);
            } else {
                return Err(Error::unexpected("a:EndpointReference", part.name.local, part.offset));
            }
        }
        match (object, reference) {
            (Some(object), Some(reference)) => Ok(Self::ObjectAndReference(object, reference)),
            (Some(object), None) => Ok(Self::Object(object)),
            (None, Some(reference)) => Ok(Self::Reference(reference)),
            (None, None) => Err(Error::missing("an object or a reference", "w:Item")),
        }
    }

    fn write(&self, resource: &ObjectPath, style: Style, writer: &mut Writer) {
        match self {
            Self::Object(instance) => write_instance_at(resource, instance, style, writer),
            Self::Projection(instance) => super::instance::write_projection(instance, style, writer),
            Self::Reference(reference) => {
                writer.start(ADDRESSING, "EndpointReference");
                reference.write_content(writer);
                writer.end();
            }
            Self::ObjectAndReference(instance, reference) => {
                writer.start(WSMAN, "Item");
                write_instance_at(resource, instance, style, writer);
                Self::Reference(reference.clone()).write(resource, style, writer);
                writer.end();
            }
        }
    }
}

impl Operation for Enumerate {
    type Reply = Page;

    /// Sent twice it leaves one enumeration too many on the host, which expires.
    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        Head::new(action::ENUMERATE, &self.resource)
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(ENUMERATION, "Enumerate");
        if let Some(expires) = self.expires {
            writer.element(ENUMERATION, "Expires", &expires.to_seconds());
        }
        if let Opening::FirstPage { max_elements } = self.opening {
            writer.start(WSMAN, "OptimizeEnumeration").end();
            if let Some(most) = max_elements {
                writer.element(WSMAN, "MaxElements", &most.to_string());
            }
        }
        match self.mode {
            Mode::Object => {}
            Mode::Reference => _ = writer.element(WSMAN, "EnumerationMode", "EnumerateEPR"),
            Mode::ObjectAndReference => {
                writer.element(WSMAN, "EnumerationMode", "EnumerateObjectAndEPR");
            }
        }
        if let Some(polymorphism) = self.polymorphism {
            writer.element(BINDING, "PolymorphismMode", polymorphism.name());
        }
        if let Some(filter) = &self.filter {
            filter.write(writer);
        }
        writer.end();
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Page, Error> {
        expect(first.as_ref(), ENUMERATION, "EnumerateResponse")?;
        decoder.only = self.only;
        Page::read(reader, self.expected().as_deref(), decoder)
    }

    fn write_reply(&self, reply: &Page, style: Style, writer: &mut Writer) {
        writer.start(ENUMERATION, "EnumerateResponse");
        match self.opening {
            Opening::Context => {
                if let Some(expires) = reply.expires {
                    writer.element(ENUMERATION, "Expires", &expires.to_string());
                }
                let context = reply.context.as_deref().unwrap_or_default();
                writer.element(ENUMERATION, "EnumerationContext", context);
            }
            Opening::FirstPage { .. } => reply.write(WSMAN, &self.resource, style, writer),
        }
        writer.end();
    }
}

impl Operation for Pull {
    type Reply = Page;

    /// The page that was lost does not come again.
    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        Head::new(action::PULL, &self.resource)
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(ENUMERATION, "Pull").element(ENUMERATION, "EnumerationContext", &self.context);
        if let Some(longest) = self.max_time {
            writer.element(ENUMERATION, "MaxTime", &longest.to_seconds());
        }
        if let Some(most) = self.max_elements {
            writer.element(ENUMERATION, "MaxElements", &most.to_string());
        }
        if let Some(most) = self.max_characters {
            writer.element(ENUMERATION, "MaxCharacters", &most.to_string());
        }
        writer.end();
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Page, Error> {
        expect(first.as_ref(), ENUMERATION, "PullResponse")?;
        decoder.only = self.only;
        let of_resource = Some(&self.resource.class).filter(|class| **class != "*");
        Page::read(reader, self.expected.as_ref().or(of_resource).map(Name::as_str), decoder)
    }

    fn write_reply(&self, reply: &Page, style: Style, writer: &mut Writer) {
        writer.start(ENUMERATION, "PullResponse");
        reply.write(ENUMERATION, &self.resource, style, writer);
        writer.end();
    }
}

impl Operation for Release {
    type Reply = ();

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        Head::new(action::RELEASE, &self.resource)
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(ENUMERATION, "Release").element(ENUMERATION, "EnumerationContext", &self.context).end();
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        _: &mut Decoder<'_>,
    ) -> Result<(), Error> {
        read_nothing(reader, first)
    }

    fn write_reply(&self, (): &(), _: Style, _: &mut Writer) {}
}

/// Reads the body of `n:Enumerate`, whose element is current.
pub(super) fn read_enumerate(reader: &mut Reader<'_>, resource: ObjectPath) -> Result<Enumerate, Error> {
    let mut request = Enumerate { opening: Opening::Context, ..Enumerate::new(resource) };
    let (mut optimized, mut max_elements) = (false, None);
    while let Some(element) = reader.child()? {
        let place = |problem| Error::value(element.name.local, element.offset, problem);
        if element.name.is(WSMAN, "OptimizeEnumeration") {
            reader.skip()?;
            optimized = true;
        } else if element.name.is(WSMAN, "MaxElements") {
            max_elements = Some(reader.number()?);
        } else if element.name.is(WSMAN, "EnumerationMode") {
            let text = reader.trimmed()?;
            request.mode = match &*text {
                "EnumerateObject" => Mode::Object,
                "EnumerateEPR" => Mode::Reference,
                "EnumerateObjectAndEPR" => Mode::ObjectAndReference,
                _ => return Err(Error::unexpected("an enumeration mode", text, element.offset)),
            };
        } else if element.name.is(BINDING, "PolymorphismMode") {
            let text = reader.trimmed()?;
            let mode = Polymorphism::named(&text);
            let refuse = || Error::unexpected(POLYMORPHISM, &text, element.offset);
            request.polymorphism = Some(mode.ok_or_else(refuse)?);
        } else if element.name.is(ENUMERATION, "Expires") {
            request.expires = Some(reader.trimmed()?.parse().map_err(place)?);
        } else if element.name.local == "Filter"
            && (element.name.is_in(WSMAN) || element.name.is_in(ENUMERATION))
        {
            request.filter = Some(Filter::read(reader)?);
        } else {
            reader.skip()?;
        }
    }
    if optimized {
        request.opening = Opening::FirstPage { max_elements };
    }
    Ok(request)
}

/// Reads the body of `n:Pull`, whose element is current.
pub(super) fn read_pull(reader: &mut Reader<'_>, resource: ObjectPath) -> Result<Pull, Error> {
    let (mut context, mut max_elements, mut max_time, mut max_characters) = (None, None, None, None);
    while let Some(element) = reader.child()? {
        let place = |problem| Error::value(element.name.local, element.offset, problem);
        if element.name.is(ENUMERATION, "EnumerationContext") {
            context = Some(reader.text()?.into_owned());
        } else if element.name.is(ENUMERATION, "MaxElements") {
            max_elements = Some(reader.number()?);
        } else if element.name.is(ENUMERATION, "MaxTime") {
            max_time = Some(reader.trimmed()?.parse().map_err(place)?);
        } else if element.name.is(ENUMERATION, "MaxCharacters") {
            max_characters = Some(reader.number()?);
        } else {
            reader.skip()?;
        }
    }
    let context = context.ok_or_else(|| Error::missing("n:EnumerationContext", "n:Pull"))?;
    Ok(Pull { resource, context, max_elements, max_time, max_characters, expected: None, only: None })
}

/// Reads the body of `n:Release`, whose element is current.
pub(super) fn read_release(reader: &mut Reader<'_>, resource: ObjectPath) -> Result<Release, Error> {
    let mut context = None;
    while let Some(element) = reader.child()? {
        if element.name.is(ENUMERATION, "EnumerationContext") {
            context = Some(reader.text()?.into_owned());
        } else {
            reader.skip()?;
        }
    }
    let context = context.ok_or_else(|| Error::missing("n:EnumerationContext", "n:Release"))?;
    Ok(Release { resource, context })
}

/// Returns the class after `FROM`, or the class that `ASSOCIATORS OF` asks for.
fn selected_class(query: &str) -> Option<&str> {
    let mut words = query.split_ascii_whitespace();
    match words.next()? {
        verb if verb.eq_ignore_ascii_case("SELECT") => {
            words.find(|word| word.eq_ignore_ascii_case("FROM"))?;
            words.next()
        }
        _ => {
            let clause = words.find_map(|word| {
                word.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("ResultClass"))
            });
            clause.map(|(_, class)| class).filter(|class| !class.is_empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Catalog;
    use crate::wsman::{RequestHeader, decode_reply, encode_request};
    use crate::xml::Limits;

    const HEAD: &str = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
        xmlns:n='http://schemas.xmlsoap.org/ws/2004/09/enumeration'><s:Body>";

    #[test]
    fn a_page_has_no_more_items_than_can_be_asked_for() {
        let pull = Enumerate::new(ObjectPath::new("root/virtualization/v2", "X")).pull("c");
        let page = |count: usize| {
            let items = "<b/>".repeat(count);
            let body = format!("<n:PullResponse><n:Items>{items}</n:Items></n:PullResponse>");
            let text = format!("{HEAD}{body}</s:Body></s:Envelope>");
            decode_reply(&pull, &text, Catalog::bundled(), &Limits::default())
        };
        assert_eq!(page(32_000).unwrap().result.unwrap().items.len(), 32_000);
        let error = page(32_001).unwrap_err().to_string();
        assert!(error.starts_with("expected at most 32000 items, found b at byte "), "{error}");
    }

    #[test]
    fn an_answer_of_another_operation_is_no_object() {
        let text = format!("{HEAD}<n:PullResponse><n:Items/></n:PullResponse></s:Body></s:Envelope>");
        let get = crate::wsman::Get::new(ObjectPath::new("root/virtualization/v2", "X"));
        let error = decode_reply(&get, &text, Catalog::bundled(), &Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with("expected an instance, found PullResponse"), "{error}");
        let enumerate = Enumerate::new(get.resource);
        let error = decode_reply(&enumerate, &text, Catalog::bundled(), &Limits::default()).unwrap_err();
        assert!(error.to_string().starts_with("expected n:EnumerateResponse, found PullResponse"), "{error}");
    }

    #[test]
    fn the_life_of_an_enumeration_is_asked_for_in_seconds() {
        let mut enumerate = Enumerate::new(ObjectPath::new("root/virtualization/v2", "Msvm_ComputerSystem"));
        enumerate.expires = Some("PT5M".parse().unwrap());
        let text =
            encode_request(&RequestHeader::new("http://hv01:5985/wsman", "uuid:1"), &enumerate).unwrap();
        assert!(
            text.contains(
                "<s:Body><n:Enumerate><n:Expires>PT300.000S</n:Expires><w:OptimizeEnumeration/>\
                 <w:MaxElements>32000</w:MaxElements></n:Enumerate></s:Body>"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_class_that_a_query_asks_for_types_its_rows() {
        for (query, class) in [
            ("SELECT * FROM Msvm_ComputerSystem WHERE Name='FROM x'", Some("Msvm_ComputerSystem")),
            ("select a,b from X", Some("X")),
            ("ASSOCIATORS OF {A.B='c'} WHERE AssocClass=D ResultClass=E", Some("E")),
            ("ASSOCIATORS OF {A.B='c'}", None),
            ("", None),
        ] {
            assert_eq!(selected_class(query), class, "{query}");
        }
    }
}
