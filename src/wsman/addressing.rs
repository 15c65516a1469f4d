//! Addresses and selectors: endpoint references on the wire.
//!
//! A reference says where an object is: an address, which is always anonymous here, and reference
//! parameters, which are a resource URI and selectors. Method parameters and properties of associations
//! hold its content directly; keys that are references wrap it in `a:EndpointReference` (DSP0226 5.4,
//! MS-WSMV 2.2.4). Reading takes both.

use crate::cim::{Key, Name, ObjectPath};
use crate::xml::{Element, Namespace, Reader, Writer};

use super::error::Error;
use super::names::{ADDRESSING, ANONYMOUS, EVENTING, WSMAN};

/// An endpoint reference as it stands in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointReference {
    /// Where messages to it go; the anonymous address means back where this one came from.
    pub address: String,
    /// What it refers to, when it has a resource URI.
    pub path: Option<ObjectPath>,
    /// The name of a subscription, for its manager.
    pub identifier: Option<String>,
}

impl EndpointReference {
    /// Returns the anonymous reference to an object.
    pub fn to(path: ObjectPath) -> Self {
        Self { address: ANONYMOUS.to_owned(), path: Some(path), identifier: None }
    }

    /// Writes the content of the reference into the current element.
    pub(super) fn write_content(&self, writer: &mut Writer) {
        writer.element(ADDRESSING, "Address", &self.address);
        writer.start(ADDRESSING, "ReferenceParameters");
        if let Some(path) = &self.path {
            write_resource(path, writer);
        }
        if let Some(identifier) = &self.identifier {
            writer.element(EVENTING, "Identifier", identifier);
        }
        writer.end();
    }

    /// Reads the content of the current element, which is a reference or wraps one.
    pub(super) fn read_content(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let within = "an endpoint reference";
        let Some(first) = reader.child()? else {
            return Err(Error::missing("a:Address or a:ReferenceParameters", within));
        };
        Self::read_from(reader, first)
    }

    /// Reads the rest of a reference whose first element has just started.
    pub(super) fn read_from(reader: &mut Reader<'_>, first: Element<'_>) -> Result<Self, Error> {
        if first.name.is(ADDRESSING, "EndpointReference") {
            let reference = Self::read_content(reader)?;
            return match reader.child()? {
                None => Ok(reference),
                Some(more) => {
                    Err(Error::unexpected("the end of the reference", more.name.local, more.offset))
                }
            };
        }
        let mut reference = Self { address: ANONYMOUS.to_owned(), path: None, identifier: None };
        let mut uri = None;
        let mut selectors = Vec::new();
        let mut next = Some(first.name);
        while let Some(name) = next {
            if name.is(ADDRESSING, "Address") {
                reference.address = reader.text()?.trim().to_owned();
            } else if name.is(ADDRESSING, "ReferenceParameters") || name.is(ADDRESSING, "ReferenceProperties")
            {
                while let Some(parameter) = reader.child()? {
                    if parameter.name.is(WSMAN, "ResourceURI") {
                        uri = Some(reader.text()?.trim().to_owned());
                    } else if parameter.name.is(WSMAN, "SelectorSet") {
                        selectors = read_selectors(reader)?;
                    } else if parameter.name.is(EVENTING, "Identifier") {
                        reference.identifier = Some(reader.text()?.trim().to_owned());
                    } else {
                        reader.skip()?;
                    }
                }
            } else {
                reader.skip()?;
            }
            next = reader.child()?.map(|element| element.name);
        }
        reference.path = uri.map(|uri| ObjectPath::from_resource(&uri, selectors));
        Ok(reference)
    }
}

/// Returns whether an element begins the content of a reference.
pub(super) fn is_reference(element: &Element<'_>) -> bool {
    element.name.is_in(ADDRESSING)
        && matches!(
            element.name.local,
            "Address" | "ReferenceParameters" | "ReferenceProperties" | "EndpointReference"
        )
}

/// Writes `w:ResourceURI` and `w:SelectorSet`, in the order that OMI insists on.
pub(super) fn write_resource(path: &ObjectPath, writer: &mut Writer) {
    writer.element(WSMAN, "ResourceURI", &path.resource_uri());
    write_selectors(path, writer);
}

/// Writes `w:SelectorSet`, unless there is none to write.
pub(super) fn write_selectors(path: &ObjectPath, writer: &mut Writer) {
    let mut selectors = path.selectors().peekable();
    if selectors.peek().is_none() {
        return;
    }
    writer.start(WSMAN, "SelectorSet");
    for (name, key) in selectors {
        writer.start(WSMAN, "Selector").attribute(Namespace::NONE, "Name", &name);
        match &*key {
            Key::Path(path) => {
                writer.start(ADDRESSING, "EndpointReference");
                EndpointReference::to((**path).clone()).write_content(writer);
                writer.end();
            }
            Key::Boolean(value) => _ = writer.text(if *value { "true" } else { "false" }),
            Key::Text(_) | Key::Integer(_) => _ = writer.text(&key.text()),
        }
        writer.end();
    }
    writer.end();
}

/// Reads the current element as `w:SelectorSet`. A name that stands twice is the sender's mistake
/// (DSP0226 5.4.2.2).
pub(super) fn read_selectors(reader: &mut Reader<'_>) -> Result<Vec<(Name, Key)>, Error> {
    let mut selectors: Vec<(Name, Key)> = Vec::new();
    while let Some(selector) = reader.child()? {
        if !selector.name.is(WSMAN, "Selector") {
            return Err(Error::unexpected("w:Selector", selector.name.local, selector.offset));
        }
        let Some(name) = reader.attribute(Namespace::NONE, "Name").map(Name::from) else {
            return Err(Error::missing("the attribute Name", "w:Selector"));
        };
        if selectors.iter().any(|(earlier, _)| *earlier == name) {
            return Err(Error::unexpected("each selector once", name.as_str(), selector.offset));
        }
        let key = read_selector(reader)?;
        selectors.push((name, key));
    }
    Ok(selectors)
}

/// Reads the current element's content: text, or a reference in its wrapper.
fn read_selector(reader: &mut Reader<'_>) -> Result<Key, Error> {
    let mut text = String::new();
    let mut path = None;
    loop {
        match reader.node()? {
            crate::xml::Node::Text(piece) => text.push_str(&piece),
            crate::xml::Node::Element(element) if is_reference(&element) && path.is_none() => {
                let offset = element.offset;
                let reference = if element.name.is(ADDRESSING, "EndpointReference") {
                    EndpointReference::read_content(reader)?
                } else {
                    return Err(Error::unexpected("a:EndpointReference", element.name.local, offset));
                };
                path = Some(reference.path.ok_or_else(|| Error::missing("w:ResourceURI", "w:Selector"))?);
            }
            crate::xml::Node::Element(element) => {
                return Err(Error::unexpected("text or one reference", element.name.local, element.offset));
            }
            crate::xml::Node::End => break,
        }
    }
    Ok(path.map_or(Key::Text(text), Key::from))
}
