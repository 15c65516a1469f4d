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

/// Writes the content of an anonymous reference to an object into the current element.
pub(super) fn write_reference(path: &ObjectPath, writer: &mut Writer) {
    writer.element(ADDRESSING, "Address", ANONYMOUS).start(ADDRESSING, "ReferenceParameters");
    write_resource(path, writer);
    writer.end();
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
                write_reference(path, writer);
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
        if selectors.len() == MOST_SELECTORS {
            return Err(Error::unexpected("fewer selectors", name.as_str(), selector.offset));
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
                let inner = reference.path.ok_or_else(|| Error::missing("w:ResourceURI", "w:Selector"))?;
                if levels(&inner) == MOST_REFERENCES {
                    return Err(Error::unexpected("fewer references within references", "one more", offset));
                }
                path = Some(inner);
            }
            crate::xml::Node::Element(element) => {
                return Err(Error::unexpected("text or one reference", element.name.local, element.offset));
            }
            crate::xml::Node::End => break,
        }
    }
    Ok(path.map_or(Key::Text(text), Key::from))
}

/// Returns how deep references stand in the keys of a path.
fn levels(path: &ObjectPath) -> usize {
    let inner = path.keys.iter().filter_map(|(_, key)| match key {
        Key::Path(inner) => Some(1 + levels(inner)),
        _ => None,
    });
    inner.max().unwrap_or(0)
}

/// More references within references than any association has. Each level doubles the backslashes of the
/// path's text, so that without a bound a short message grows beyond all memory when it is shown.
const MOST_REFERENCES: usize = 4;
/// More selectors than any class has keys; a bound for hostile messages.
const MOST_SELECTORS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Limits;

    fn read_again(path: ObjectPath) -> Result<EndpointReference, Error> {
        let mut writer = Writer::new();
        writer.start(WSMAN, "Reference");
        EndpointReference::to(path).write_content(&mut writer);
        writer.end();
        let text = writer.finish().unwrap();
        let mut reader = Reader::new(&text, &Limits::default())?;
        reader.root()?;
        EndpointReference::read_content(&mut reader)
    }

    #[test]
    fn references_within_references_are_refused_where_their_text_would_grow_beyond_bounds() {
        let nested = |levels: usize| {
            let innermost = ObjectPath::new("root", "X").with_key("k", "\"");
            (0..levels).fold(innermost, |inner, _| ObjectPath::new("root", "X").with_key("k", inner))
        };
        let path = read_again(nested(MOST_REFERENCES)).unwrap().path.unwrap();
        assert!(path.is_same_object(&nested(MOST_REFERENCES)));
        assert!(read_again(nested(MOST_REFERENCES + 1)).is_err());
    }

    #[test]
    fn more_selectors_than_any_class_has_keys_are_refused() {
        let with = |count| {
            (0..count).fold(ObjectPath::new("root", "X"), |path, at| path.with_key(format!("k{at}"), "v"))
        };
        assert!(read_again(with(MOST_SELECTORS)).is_ok());
        assert!(read_again(with(MOST_SELECTORS + 1)).is_err());
    }
}
