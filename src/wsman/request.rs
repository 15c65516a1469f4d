//! Requests as a host reads them: one of the operations, found by its action.

use crate::xml::{Element, Reader};

use super::enumerate::{Enumerate, Pull, Release, read_enumerate, read_pull, read_release};
use super::envelope::RequestParts;
use super::error::Error;
use super::eventing::{Renew, Subscribe, Unsubscribe};
use super::identify::Identify;
use super::instance::Decoder;
use super::invoke::Invoke;
use super::names::{ENUMERATION, EVENTING, IDENTITY, action};
use super::schema::GetClass;
use super::transfer::{Content, Create, Delete, Get, Put};

/// What a host is asked.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is the operation it holds")]
#[non_exhaustive]
pub enum Request {
    Identify(Identify),
    Get(Get),
    GetClass(GetClass),
    Put(Put),
    Create(Create),
    Delete(Delete),
    Enumerate(Enumerate),
    Pull(Pull),
    Release(Release),
    Subscribe(Subscribe),
    Renew(Renew),
    Unsubscribe(Unsubscribe),
    Invoke(Invoke),
}

impl Request {
    /// Reads the body of a request, whose first element has just started.
    pub(super) fn read(
        parts: &mut RequestParts,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self, Error> {
        if let Some(element) = &first
            && element.name.is(IDENTITY, "Identify")
        {
            reader.skip()?;
            return Ok(Self::Identify(Identify));
        }
        let action = parts.action.take().ok_or_else(|| Error::missing("a:Action", "s:Header"))?;
        if action == action::GET && parts.resource_uri().is_some_and(GetClass::is_served_at) {
            no_body(reader, first)?;
            return GetClass::from_resource(&parts.resource()?).map(Self::GetClass);
        }
        let resource = parts.resource()?;
        let fragment = parts.fragment.take();
        let identifier = parts.identifier.take();
        Ok(match &*action {
            action::GET => {
                no_body(reader, first)?;
                Self::Get(Get { resource, fragment })
            }
            action::DELETE => {
                no_body(reader, first)?;
                Self::Delete(Delete { resource, fragment })
            }
            action::PUT => {
                let content = content(reader, first, &resource, decoder)?;
                Self::Put(Put { resource, fragment, content })
            }
            action::CREATE => {
                let content = content(reader, first, &resource, decoder)?;
                Self::Create(Create { resource, fragment, content })
            }
            action::ENUMERATE => {
                expect(first, ENUMERATION, "Enumerate")?;
                Self::Enumerate(read_enumerate(reader, resource)?)
            }
            action::PULL => {
                expect(first, ENUMERATION, "Pull")?;
                Self::Pull(read_pull(reader, resource)?)
            }
            action::RELEASE => {
                expect(first, ENUMERATION, "Release")?;
                Self::Release(read_release(reader, resource)?)
            }
            action::SUBSCRIBE => {
                expect(first, EVENTING, "Subscribe")?;
                Self::Subscribe(Subscribe::read(reader, resource)?)
            }
            action::RENEW => {
                expect(first, EVENTING, "Renew")?;
                Self::Renew(Renew::read(reader, resource, identifier)?)
            }
            action::UNSUBSCRIBE => {
                expect(first, EVENTING, "Unsubscribe")?;
                reader.skip()?;
                Self::Unsubscribe(Unsubscribe { resource, identifier })
            }
            method => Self::Invoke(Invoke::read(reader, first, resource, method, decoder)?),
        })
    }
}

fn no_body(reader: &mut Reader<'_>, first: Option<Element<'_>>) -> Result<(), Error> {
    super::operation::read_nothing(reader, first)
}

fn content(
    reader: &mut Reader<'_>,
    first: Option<Element<'_>>,
    resource: &crate::cim::ObjectPath,
    decoder: &mut Decoder<'_>,
) -> Result<Content, Error> {
    let first = first.ok_or_else(|| Error::missing("an instance", "s:Body"))?;
    Content::read(reader, &first, &resource.class, decoder)
}

/// Checks that the body is what its action promises. Windows calls its absence a schema violation.
fn expect(
    first: Option<Element<'_>>,
    namespace: crate::xml::Namespace<'_>,
    local: &str,
) -> Result<(), Error> {
    match first {
        Some(element) if element.name.is(namespace, local) => Ok(()),
        Some(other) => Err(Error::unexpected(local, other.name.local, other.offset)),
        None => Err(Error::missing(local, "s:Body")),
    }
}
