//! Get, Put, Create, Delete: one object, or a part of one (WS-Transfer, DSP0226 7).

use crate::cim::{Instance, Name, ObjectPath};
use crate::xml::{Element, Node, Reader, Writer};

use super::addressing::EndpointReference;
use super::error::Error;
use super::fragment::Fragment;
use super::instance::{Decoder, Style, write_instance_at, write_projection};
use super::names::{ADDRESSING, TRANSFER, WSMAN, action};
use super::operation::{Head, Operation, read_nothing};

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
        Head { fragment: self.fragment.as_ref(), ..Head::new(action::GET, &self.resource) }
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
        reply.write(&self.resource, style, writer);
    }
}

impl Operation for Put {
    type Reply = Option<Content>;

    /// Sent twice it leaves what it leaves sent once, but between the two somebody else may have written.
    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        Head { fragment: self.fragment.as_ref(), ..Head::new(action::PUT, &self.resource) }
    }

    fn write_body(&self, writer: &mut Writer) {
        self.content.write(&self.resource, Style::WINDOWS, writer);
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
            content.write(&self.resource, style, writer);
        }
    }
}

impl Operation for Create {
    type Reply = EndpointReference;

    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        Head { fragment: self.fragment.as_ref(), ..Head::new(action::CREATE, &self.resource) }
    }

    fn write_body(&self, writer: &mut Writer) {
        self.content.write(&self.resource, Style::WINDOWS, writer);
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
        Head { fragment: self.fragment.as_ref(), ..Head::new(action::DELETE, &self.resource) }
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

    pub(super) fn write(&self, resource: &ObjectPath, style: Style, writer: &mut Writer) {
        match self {
            Self::Instance(instance) => write_instance_at(resource, instance, style, writer),
            Self::Text(text) => _ = writer.element(WSMAN, "XmlFragment", text),
            Self::Properties(instance) => write_projection(instance, style, writer),
        }
    }
}
