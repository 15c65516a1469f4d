//! Operations: what can be asked of a host, and what its messages have in common.

use std::borrow::Cow;

use crate::cim::ObjectPath;
use crate::xml::{Element, Namespace, Reader, Writer};

use super::error::Error;
use super::fragment::Fragment;
use super::instance::{Decoder, Style};

/// What can be asked of a host: one value that knows how it is said and how its answer is read.
///
/// The same value serves both sides: the client writes requests and reads replies, the simulated host
/// reads requests (as [`Request`](super::Request)) and writes replies.
pub trait Operation {
    /// What a host answers when it does not fault.
    type Reply;

    /// Whether it may be sent again when it is not known what became of it.
    const REPEATABLE: bool;

    /// Returns what the headers have to say about it.
    fn head(&self) -> Head<'_>;

    /// Writes the content of the body.
    fn write_body(&self, writer: &mut Writer);

    /// Reads the answer from the body, whose first element has just started.
    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self::Reply, Error>;

    /// Writes the content of the answer's body.
    fn write_reply(&self, reply: &Self::Reply, style: Style, writer: &mut Writer);
}

/// What the headers say about one operation.
#[derive(Clone, Debug, Default)]
pub struct Head<'a> {
    /// The action; Identify alone has none.
    pub action: Option<Cow<'a, str>>,
    /// The object or class that it concerns.
    pub resource: Option<Cow<'a, ObjectPath>>,
    /// The part of the object that it concerns.
    pub fragment: Option<&'a Fragment>,
    /// The subscription that it concerns.
    pub identifier: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// Returns what the headers say about an operation on a resource.
    pub fn new(action: &'a str, resource: &'a ObjectPath) -> Self {
        Self {
            action: Some(Cow::Borrowed(action)),
            resource: Some(Cow::Borrowed(resource)),
            ..Self::default()
        }
    }
}

/// Checks that a body begins with the element that its action promises. Windows calls its absence a schema
/// violation.
pub(super) fn expect(
    first: Option<&Element<'_>>,
    namespace: Namespace<'static>,
    local: &str,
) -> Result<(), Error> {
    let expected = || format!("{}:{local}", namespace.prefix);
    match first {
        Some(element) if element.name.is(namespace, local) => Ok(()),
        Some(other) => Err(Error::unexpected(expected(), other.name.local, other.offset)),
        None => Err(Error::missing(expected(), "s:Body")),
    }
}

/// Accepts an answer that has nothing to say, and passes over what a host says all the same.
pub(super) fn read_nothing(reader: &mut Reader<'_>, first: Option<Element<'_>>) -> Result<(), Error> {
    if first.is_some() {
        reader.skip()?;
    }
    Ok(())
}
