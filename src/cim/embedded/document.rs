//! What a CIM-XML text says, before any declaration is asked.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::cim::error::Error;
use crate::cim::name::Name;
use crate::cim::path::{Key, ObjectPath};
use crate::cim::value::{Scalar, Type, Value};
use crate::xml::{self, Element, Limits, Namespace, Node, Reader};

use super::{LONGEST_TEXT, Place, carrier, is_system};

/// What a text says, before any declaration is asked.
pub(super) struct Document {
    pub(super) class: Name,
    pub(super) properties: Vec<Found>,
}

/// A property in a text.
pub(super) struct Found {
    pub(super) name: Name,
    pub(super) value: Value,
    pub(super) offset: usize,
}

impl Document {
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']);
        let base = text.len() - trimmed.len();
        let limits = Limits { bytes: LONGEST_TEXT, depth: DEEPEST_ELEMENT, ..Limits::default() };
        let reader = Reader::new(trimmed, &limits).map_err(|error| ill_formed(base, error))?;
        let mut cursor = Cursor { reader, base };
        let root = cursor.reader.root().map_err(|error| ill_formed(base, error))?;
        let document = cursor.instance_within(&root)?;
        cursor.reader.finish().map_err(|error| ill_formed(base, error))?;
        document.ok_or_else(|| cursor.expected(&root, "INSTANCE"))
    }
}

/// A cursor over CIM-XML text.
struct Cursor<'a> {
    reader: Reader<'a>,
    /// How much stands before the text that the reader sees.
    base: usize,
}

impl<'a> Cursor<'a> {
    /// Returns what the one instance in an element says: in `INSTANCE` itself or in what tools wrap around
    /// it (DSP0201 "VALUE.NAMEDINSTANCE", "DECLGROUP" and their kin).
    fn instance_within(&mut self, element: &Element<'a>) -> Result<Option<Document>, Error> {
        match tag(element) {
            "INSTANCE" => self.instance(element).map(Some),
            "INSTANCENAME" | "INSTANCEPATH" | "LOCALINSTANCEPATH" | "QUALIFIER.DECLARATION" => {
                self.skip().map(|()| None)
            }
            "CIM"
            | "DECLARATION"
            | "DECLGROUP"
            | "DECLGROUP.WITHNAME"
            | "DECLGROUP.WITHPATH"
            | "VALUE.OBJECT"
            | "VALUE.NAMEDOBJECT"
            | "VALUE.NAMEDINSTANCE"
            | "VALUE.OBJECTWITHPATH"
            | "VALUE.INSTANCEWITHPATH" => {
                let mut only = None;
                while let Some(child) = self.child()? {
                    match self.instance_within(&child)? {
                        Some(_) if only.is_some() => return Err(self.expected(&child, "a single INSTANCE")),
                        Some(document) => only = Some(document),
                        None => {}
                    }
                }
                Ok(only)
            }
            _ => Err(self.expected(element, "INSTANCE")),
        }
    }

    fn instance(&mut self, element: &Element<'a>) -> Result<Document, Error> {
        let class = self.name(element, "CLASSNAME")?;
        let mut properties = Vec::new();
        let mut names = HashSet::new();
        while let Some(child) = self.child()? {
            match tag(&child) {
                "QUALIFIER" => self.skip()?,
                "PROPERTY" | "PROPERTY.ARRAY" | "PROPERTY.REFERENCE" => {
                    let name = self.name(&child, "NAME")?;
                    if is_system(&name) {
                        self.skip()?;
                        continue;
                    }
                    if !names.insert(name.clone()) {
                        return Err(self.problem(&child, format!("a second property {name}")));
                    }
                    if properties.len() == MOST_PROPERTIES {
                        return Err(Error::Limit { what: "properties", limit: MOST_PROPERTIES });
                    }
                    let value = self.property(&child).map_err(|problem| match problem {
                        ill_formed @ Error::Xml(_) => ill_formed,
                        problem => Place { class: &class, name: &name, offset: None }.refuse(None, problem),
                    })?;
                    properties.push(Found { name, value, offset: self.base + child.offset });
                }
                _ => {
                    let expected = "QUALIFIER, PROPERTY, PROPERTY.ARRAY or PROPERTY.REFERENCE";
                    return Err(self.expected(&child, expected));
                }
            }
        }
        Ok(Document { class, properties })
    }

    /// Returns what a property holds; without a value it is null.
    fn property(&mut self, element: &Element<'a>) -> Result<Value, Error> {
        let (holder, ty) = match tag(element) {
            "PROPERTY" => ("VALUE", self.ty(element)?),
            "PROPERTY.ARRAY" => ("VALUE.ARRAY", self.ty(element)?),
            _ => ("VALUE.REFERENCE", Type::Reference),
        };
        let mut value = None;
        while let Some(child) = self.child()? {
            match tag(&child) {
                "QUALIFIER" => self.skip()?,
                _ if value.is_some() => return Err(self.expected(&child, "the end of the property")),
                found if found == holder => value = Some(self.value(&child, ty)?),
                // Stands in arrays alone by the book; some writers say every null so.
                "VALUE.NULL" => value = self.skip().map(|()| Some(Value::Null))?,
                _ => return Err(self.expected(&child, holder)),
            }
        }
        Ok(value.unwrap_or_default())
    }

    fn value(&mut self, element: &Element<'a>, ty: Type) -> Result<Value, Error> {
        match tag(element) {
            "VALUE" => self.scalar(element, ty).map(Value::One),
            "VALUE.ARRAY" => {
                let mut items = Vec::new();
                while let Some(child) = self.child()? {
                    items.push(match tag(&child) {
                        "VALUE" => Some(self.scalar(&child, ty)?),
                        "VALUE.NULL" => self.skip().map(|()| None)?,
                        _ => return Err(self.expected(&child, "VALUE or VALUE.NULL")),
                    });
                }
                Ok(Value::Many(items))
            }
            _ => self.reference(element, 0).map(Value::from),
        }
    }

    fn scalar(&mut self, element: &Element<'a>, ty: Type) -> Result<Scalar, Error> {
        let text = self.text()?;
        Scalar::parse(ty, &text).map_err(|problem| self.problem(element, problem.to_string()))
    }

    /// Returns the path in a `VALUE.REFERENCE`.
    fn reference(&mut self, element: &Element<'a>, level: usize) -> Result<ObjectPath, Error> {
        if level == MOST_REFERENCES {
            return Err(Error::Limit { what: "levels of references", limit: MOST_REFERENCES });
        }
        let mut parts = PathParts::default();
        while let Some(child) = self.child()? {
            self.path_part(&child, &mut parts, level)?;
        }
        parts.path().ok_or_else(|| self.problem(element, "expected the path of an object".to_owned()))
    }

    /// Reads an element of a path: host, namespace and instance name stand at different depths in the
    /// forms that DSP0201 has, but mean the same in all of them.
    fn path_part(&mut self, element: &Element<'a>, parts: &mut PathParts, level: usize) -> Result<(), Error> {
        match tag(element) {
            "INSTANCEPATH" | "LOCALINSTANCEPATH" | "CLASSPATH" | "LOCALCLASSPATH" | "NAMESPACEPATH"
            | "LOCALNAMESPACEPATH" => {
                while let Some(child) = self.child()? {
                    self.path_part(&child, parts, level)?;
                }
                Ok(())
            }
            "HOST" if parts.host.is_none() => {
                parts.host = Some(self.text()?.trim().to_owned());
                Ok(())
            }
            "NAMESPACE" => {
                parts.namespace.push(self.required(element, "NAME")?);
                self.skip()
            }
            "CLASSNAME" if parts.class.is_none() => {
                parts.class = Some(self.name(element, "NAME")?);
                self.skip()
            }
            "INSTANCENAME" if parts.class.is_none() => {
                parts.class = Some(self.name(element, "CLASSNAME")?);
                while let Some(child) = self.child()? {
                    let key = self.key(&child, level)?;
                    parts.keys.push(key);
                }
                parts.is_singleton = parts.keys.is_empty();
                Ok(())
            }
            _ => Err(self.expected(element, "a part of an object's path")),
        }
    }

    /// Returns a key; the only one of a path may stand without a name.
    fn key(&mut self, element: &Element<'a>, level: usize) -> Result<(Name, Key), Error> {
        if tag(element) != "KEYBINDING" {
            return Ok(("".into(), self.key_value(element, level)?));
        }
        let name = self.name(element, "NAME")?;
        let Some(child) = self.child()? else {
            return Err(self.problem(element, "expected KEYVALUE or VALUE.REFERENCE".to_owned()));
        };
        let value = self.key_value(&child, level)?;
        match self.child()? {
            None => Ok((name, value)),
            Some(second) => Err(self.expected(&second, "the end of the key")),
        }
    }

    fn key_value(&mut self, element: &Element<'a>, level: usize) -> Result<Key, Error> {
        match tag(element) {
            "KEYVALUE" => {
                let ty = self.reader.attribute(NONE, "VALUETYPE").unwrap_or("string").to_owned();
                let text = self.text()?;
                match &*ty {
                    "string" => Some(Key::Text((*text).to_owned())),
                    "numeric" => text.trim().parse().ok().map(Key::Integer),
                    "boolean" => {
                        Scalar::parse(Type::Boolean, &text).ok().and_then(|s| s.as_bool()).map(Key::Boolean)
                    }
                    _ => None,
                }
                .ok_or_else(|| self.unexpected(element, "a key value of its VALUETYPE", &text))
            }
            "VALUE.REFERENCE" => self.reference(element, level + 1).map(Key::from),
            _ => Err(self.expected(element, "KEYBINDING, KEYVALUE or VALUE.REFERENCE")),
        }
    }

    /// Returns the type of the property that has just started; one that says none is a string.
    fn ty(&self, element: &Element<'_>) -> Result<Type, Error> {
        let Some(name) = self.reader.attribute(NONE, "TYPE") else {
            return Ok(Type::String);
        };
        match Type::named(name.trim()) {
            Some(ty) if carrier(ty) == ty => Ok(ty),
            _ => Err(self.unexpected(element, "a CIM type", name)),
        }
    }

    /// Returns an attribute that holds a CIM name.
    fn name(&self, element: &Element<'_>, attribute: &str) -> Result<Name, Error> {
        let name = self.required(element, attribute)?;
        match xml::is_ncname(&name) {
            true => Ok(name.into()),
            false => Err(self.unexpected(element, "a CIM name", &name)),
        }
    }

    fn required(&self, element: &Element<'_>, attribute: &str) -> Result<String, Error> {
        let value = self.reader.attribute(NONE, attribute);
        let missing =
            || self.problem(element, format!("expected the attribute {attribute} on {}", tag(element)));
        value.map(str::to_owned).ok_or_else(missing)
    }

    /// Returns the next child; text beside children is an error, because its writer meant it to count.
    fn child(&mut self) -> Result<Option<Element<'a>>, Error> {
        loop {
            let offset = self.base + self.reader.position();
            match self.reader.node().map_err(|error| ill_formed(self.base, error))? {
                Node::Element(element) => return Ok(Some(element)),
                Node::Text(text) if text.trim().is_empty() => {}
                Node::Text(text) => {
                    let problem = Error::value("an element", &text).to_string();
                    return Err(Error::Embedded { offset, problem });
                }
                Node::End => return Ok(None),
            }
        }
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        self.reader.text().map_err(|error| ill_formed(self.base, error))
    }

    fn skip(&mut self) -> Result<(), Error> {
        self.reader.skip().map_err(|error| ill_formed(self.base, error))
    }

    fn expected(&self, found: &Element<'_>, expected: &str) -> Error {
        self.problem(found, format!("expected {expected}, found {}", tag(found)))
    }

    fn unexpected(&self, element: &Element<'_>, expected: &'static str, found: &str) -> Error {
        self.problem(element, Error::value(expected, found).to_string())
    }

    fn problem(&self, element: &Element<'_>, problem: String) -> Error {
        Error::Embedded { offset: self.base + element.offset, problem }
    }
}

/// Returns the name of an element; CIM-XML inside strings has no namespace.
fn tag<'e>(element: &'e Element<'_>) -> &'e str {
    match element.name.is_in(NONE) {
        true => element.name.local,
        false => "an element with a namespace",
    }
}

fn ill_formed(base: usize, error: xml::Error) -> Error {
    Error::Xml(xml::Error::new(base + error.offset, error.problem))
}

/// What the elements of a path have said so far.
#[derive(Default)]
struct PathParts {
    host: Option<String>,
    namespace: Vec<String>,
    class: Option<Name>,
    keys: Vec<(Name, Key)>,
    is_singleton: bool,
}

impl PathParts {
    /// Returns the path, if it is one that can also be written as text: elements can hold namespaces and
    /// hosts, repeat keys and leave out names as no path can.
    fn path(self) -> Option<ObjectPath> {
        let mut path = ObjectPath::new(self.namespace.join("/"), self.class?);
        if path.namespace.is_none() && !self.namespace.is_empty() {
            return None;
        }
        (path.host, path.keys, path.is_singleton) = (self.host, self.keys, self.is_singleton);
        let read: ObjectPath = path.to_string().parse().ok()?;
        read.is_same_object(&path).then_some(path)
    }
}

/// More properties than any class has; a bound for hostile text.
pub(super) const MOST_PROPERTIES: usize = 4096;
/// More references within references than any association has. Each level doubles the backslashes of the
/// path's text, so that this bounds more than the stack.
pub(super) const MOST_REFERENCES: usize = 4;
/// Three levels for a value, the rest for wrappers around the instance and references within references.
const DEEPEST_ELEMENT: usize = 64;
const NONE: Namespace<'static> = Namespace::NONE;
