//! Filters: which objects an enumeration or subscription is about (DSP0226 8.3, DSP0227 17).

use crate::cim::{Key, Name, ObjectPath};
use crate::xml::{Element, Namespace, Reader, Writer};

use super::addressing::{EndpointReference, read_selectors, write_reference};
use super::error::Error;
use super::names::{BINDING, WSMAN, dialect};

/// A filter with its dialect.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A WQL query. Windows wants it on the class `*` of a namespace.
    Wql(String),
    /// Objects whose keys have these values.
    Selectors(Vec<(Name, Key)>),
    /// The neighbours of one object.
    Association(AssociationFilter),
    /// Text in any other dialect.
    Other {
        /// The dialect's URI.
        dialect: String,
        /// The filter itself.
        text: String,
    },
}

/// The neighbours of one object, or what associates it with them.
#[derive(Clone, Debug, PartialEq)]
pub struct AssociationFilter {
    /// The object.
    pub object: ObjectPath,
    /// What is wanted.
    pub wanted: Neighbours,
    /// Only through associations of this class.
    pub association_class: Option<Name>,
    /// Only where the object has this role.
    pub role: Option<Name>,
    /// Only results of this class.
    pub result_class: Option<Name>,
    /// Only results that have this role.
    pub result_role: Option<Name>,
}

/// What an [`AssociationFilter`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// The objects that are associated.
    Objects,
    /// The association objects themselves.
    Associations,
}

impl AssociationFilter {
    /// Returns the filter for everything that is associated with an object.
    pub fn new(object: ObjectPath, wanted: Neighbours) -> Self {
        Self { object, wanted, association_class: None, role: None, result_class: None, result_role: None }
    }

    fn read(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Self, Error> {
        let wanted = match element.name.local {
            "AssociatedInstances" if element.name.is_in(BINDING) => Neighbours::Objects,
            "AssociationInstances" if element.name.is_in(BINDING) => Neighbours::Associations,
            other => return Err(Error::unexpected("b:AssociatedInstances", other, element.offset)),
        };
        let mut object = None;
        let mut names = [const { None }; 4];
        while let Some(part) = reader.child()? {
            if part.name.is(BINDING, "Object") {
                object = EndpointReference::read_content(reader)?.path;
                continue;
            }
            let at = PARTS.iter().position(|local| part.name.is(BINDING, local));
            match at {
                Some(at) => names[at] = Some(Name::from(reader.text()?.trim())),
                None => reader.skip()?,
            }
        }
        let [association_class, role, result_class, result_role] = names;
        let object = object.ok_or_else(|| Error::missing("b:Object", element.name.local))?;
        Ok(Self { object, wanted, association_class, role, result_class, result_role })
    }

    fn write(&self, writer: &mut Writer) {
        let local = match self.wanted {
            Neighbours::Objects => "AssociatedInstances",
            Neighbours::Associations => "AssociationInstances",
        };
        writer.start(BINDING, local).start(BINDING, "Object");
        write_reference(&self.object, writer);
        writer.end();
        let names = [&self.association_class, &self.role, &self.result_class, &self.result_role];
        for (local, name) in PARTS.into_iter().zip(names) {
            if let Some(name) = name {
                writer.element(BINDING, local, name);
            }
        }
        writer.end();
    }
}

/// The children of an association filter behind its object, in their order.
const PARTS: [&str; 4] = ["AssociationClassName", "Role", "ResultClassName", "ResultRole"];

impl Filter {
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.start(WSMAN, "Filter");
        let dialect = match self {
            Self::Wql(_) => dialect::WQL,
            Self::Selectors(_) => dialect::SELECTOR,
            Self::Association(_) => dialect::ASSOCIATION,
            Self::Other { dialect, .. } => dialect,
        };
        writer.attribute(Namespace::NONE, "Dialect", dialect);
        match self {
            Self::Wql(text) | Self::Other { text, .. } => _ = writer.text(text),
            Self::Association(filter) => filter.write(writer),
            Self::Selectors(selectors) if selectors.is_empty() => {
                writer.start(WSMAN, "SelectorSet").end();
            }
            Self::Selectors(selectors) => {
                let mut holder = ObjectPath::new("root", "*");
                holder.keys.clone_from(selectors);
                super::addressing::write_selectors(&holder, writer);
            }
        }
        writer.end();
    }

    /// Reads the current element.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let dialect = reader.attribute(Namespace::NONE, "Dialect").unwrap_or(dialect::XPATH).to_owned();
        match &*dialect {
            dialect::SELECTOR | dialect::ASSOCIATION => {
                let Some(element) = reader.child()? else {
                    return Err(Error::missing("the filter", "w:Filter"));
                };
                let filter = if dialect == dialect::ASSOCIATION {
                    Self::Association(AssociationFilter::read(reader, &element)?)
                } else if element.name.is(WSMAN, "SelectorSet") {
                    Self::Selectors(read_selectors(reader)?)
                } else {
                    return Err(Error::unexpected("w:SelectorSet", element.name.local, element.offset));
                };
                match reader.child()? {
                    None => Ok(filter),
                    Some(more) => Err(Error::unexpected("the end of w:Filter", more.name.local, more.offset)),
                }
            }
            dialect::WQL => Ok(Self::Wql(reader.text()?.into_owned())),
            _ => Ok(Self::Other { text: reader.text()?.into_owned(), dialect }),
        }
    }
}
