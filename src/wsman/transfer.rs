//! Get, Put, Create, Delete: one object, or a part of one (WS-Transfer, DSP0226 7).

use std::borrow::Cow;

use crate::cim::{Instance, Name, ObjectPath};
use crate::xml::{Element, Namespace, Node, Reader, Writer};

use super::addressing::EndpointReference;
use super::envelope::{Head, Operation};
use super::error::Error;
use super::instance::{Decoder, Style, write_instance, write_value};
use super::names::{ADDRESSING, TRANSFER, WSMAN, action};

/// Reads an object, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Get {
    /// The object, with all its keys.
    pub resource: ObjectPath,
    /// The part that is wanted; all of it without.
    pub fragment: Option<Fragment>,
}

/// Changes an object, or a part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// The object, with all its keys.
    pub resource: ObjectPath,
    /// The part that is changed; all of it without.
    pub fragment: Option<Fragment>,
    /// What it becomes.
    pub content: Content,
}

/// Makes an object, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// The class; for a part, the object.
    pub resource: ObjectPath,
    /// The part that is made.
    pub fragment: Option<Fragment>,
    /// What is made.
    pub content: Content,
}

/// Removes an object, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// The object, with all its keys.
    pub resource: ObjectPath,
    /// The part that is removed; all of it without.
    pub fragment: Option<Fragment>,
}

/// A part of an object (DSP0226 7.7): Windows knows the paths `Property` and `Property/text()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The language of the expression.
    pub dialect: String,
    /// Which part.
    pub expression: String,
}

/// An object, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The whole object.
    Instance(Instance),
    /// Some of its properties, as an instance of the class that was asked for.
    Properties(Instance),
    /// The text of one property.
    Text(String),
}

impl Fragment {
    /// Returns the fragment that is one property, element and all.
    pub fn property(name: &str) -> Self {
        Self { dialect: super::names::dialect::XPATH.to_owned(), expression: name.to_owned() }
    }

    /// Returns the fragment that is the text of one property.
    pub fn text(name: &str) -> Self {
        Self { dialect: super::names::dialect::XPATH.to_owned(), expression: format!("{name}/text()") }
    }
}

impl Get {
    /// Returns the request for a whole object.
    pub fn new(resource: ObjectPath) -> Self {
        Self { resource, fragment: None }
    }
}

impl Delete {
    /// Returns the request to remove a whole object.
    pub fn new(resource: ObjectPath) -> Self {
        Self { resource, fragment: None }
    }
}

impl Operation for Get {
    type Reply = Content;

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        head(action::GET, &self.resource, self.fragment.as_ref())
    }

    fn write_body(&self, _: &mut Writer) {}

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Content, Error> {
        let first = first.ok_or_else(|| Error::missing("an instance", "s:Body"))?;
        Content::read(reader, &first, &self.resource.class, decoder)
    }

    fn write_reply(&self, reply: &Content, style: Style, writer: &mut Writer) {
        reply.write(style, writer);
    }
}

impl Operation for Put {
    type Reply = Option<Content>;

    /// Sent twice it leaves what it leaves sent once, but between the two somebody else may have written.
    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        head(action::PUT, &self.resource, self.fragment.as_ref())
    }

    fn write_body(&self, writer: &mut Writer) {
        self.content.write(Style::WINDOWS, writer);
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Option<Content>, Error> {
        first.map(|first| Content::read(reader, &first, &self.resource.class, decoder)).transpose()
    }

    fn write_reply(&self, reply: &Option<Content>, style: Style, writer: &mut Writer) {
        if let Some(content) = reply {
            content.write(style, writer);
        }
    }
}

impl Operation for Create {
    type Reply = EndpointReference;

    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        head(action::CREATE, &self.resource, self.fragment.as_ref())
    }

    fn write_body(&self, writer: &mut Writer) {
        self.content.write(Style::WINDOWS, writer);
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        _: &mut Decoder<'_>,
    ) -> Result<EndpointReference, Error> {
        let first = first.ok_or_else(|| Error::missing("x:ResourceCreated", "s:Body"))?;
        if first.name.is(ADDRESSING, "EndpointReference") || first.name.is(TRANSFER, "ResourceCreated") {
            return EndpointReference::read_content(reader);
        }
        Err(Error::unexpected("x:ResourceCreated", first.name.local, first.offset))
    }

    fn write_reply(&self, reply: &EndpointReference, _: Style, writer: &mut Writer) {
        writer.start(TRANSFER, "ResourceCreated");
        reply.write_content(writer);
        writer.end();
    }
}

impl Operation for Delete {
    type Reply = ();

    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        head(action::DELETE, &self.resource, self.fragment.as_ref())
    }

    fn write_body(&self, _: &mut Writer) {}

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

impl Content {
    /// Returns the instance, whole or in part.
    pub fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Instance(instance) | Self::Properties(instance) => Some(instance),
            Self::Text(_) => None,
        }
    }

    /// Reads the element that has just started.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        class: &Name,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self, Error> {
        let expected = Some(class.as_str()).filter(|class| *class != "*");
        if !element.name.is(WSMAN, "XmlFragment") {
            return decoder.instance(reader, element, expected).map(Self::Instance);
        }
        let mut text = String::new();
        loop {
            match reader.node()? {
                Node::Text(piece) => text.push_str(&piece),
                Node::End => return Ok(Self::Text(text)),
                Node::Element(first) => {
                    return decoder.fragment(reader, first, expected).map(Self::Properties);
                }
            }
        }
    }

    pub(super) fn write(&self, style: Style, writer: &mut Writer) {
        match self {
            Self::Instance(instance) => write_instance(instance, style, writer),
            Self::Text(text) => _ = writer.element(WSMAN, "XmlFragment", text),
            Self::Properties(instance) => write_fragment(instance, style, writer),
        }
    }
}

/// Writes `w:XmlFragment` with properties in no namespace, as projections and fragments have them.
pub(super) fn write_fragment(instance: &Instance, style: Style, writer: &mut Writer) {
    writer.start(WSMAN, "XmlFragment");
    for property in instance.properties() {
        write_value(&property.name, &property.value, Namespace::NONE, style, writer);
    }
    writer.end();
}

/// Accepts an answer that has nothing to say, and passes over what a host says all the same.
pub(super) fn read_nothing(reader: &mut Reader<'_>, first: Option<Element<'_>>) -> Result<(), Error> {
    if first.is_some() {
        reader.skip()?;
    }
    Ok(())
}

pub(super) fn head<'a>(
    action: &'a str,
    resource: &'a ObjectPath,
    fragment: Option<&'a Fragment>,
) -> Head<'a> {
    Head {
        action: Some(Cow::Borrowed(action)),
        resource: Some(Cow::Borrowed(resource)),
        fragment,
        identifier: None,
    }
}
