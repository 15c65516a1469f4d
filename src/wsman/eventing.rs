//! Subscribe, Renew, Unsubscribe: events, which the client pulls (WS-Eventing, DSP0226 10,
//! MS-WSMV 3.1.4.6).
//!
//! With pull delivery the answer brings an enumeration context, and events come as pages of
//! [`Pull`]. A time-out of such a pull only means that nothing happened. `e:EndTo`, the address to which a
//! host would say that a subscription ended, is neither written nor kept: who pulls is told by the pull.

use crate::cim::{DateTime, Interval, ObjectPath};
use crate::xml::{Element, Namespace, Reader, Writer, XML};

use super::addressing::EndpointReference;
use super::enumerate::Pull;
use super::error::Error;
use super::filter::Filter;
use super::instance::{Decoder, Style};
use super::names::{ENUMERATION, EVENTING, WSMAN, action, delivery};
use super::operation::{Head, Operation, expect, read_nothing};

/// `e:Subscribe`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// The class, or `*` of a namespace for a query.
    pub resource: ObjectPath,
    /// How events are delivered: [`delivery::PULL`] is the one this program uses.
    pub mode: String,
    /// How often the host says that it is still there.
    pub heartbeats: Option<Interval>,
    /// The language of texts in events; Windows insists on it.
    pub locale: Option<String>,
    /// The charset of events.
    pub encoding: Option<String>,
    /// How long the subscription lives.
    pub expires: Option<Interval>,
    /// Which events.
    pub filter: Option<Filter>,
}

/// `e:SubscribeResponse`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribed {
    /// Whom to ask about the subscription.
    pub manager: EndpointReference,
    /// How long it lives, or until when.
    pub expires: Option<DateTime>,
    /// The context to pull events with.
    pub context: Option<String>,
}

/// `e:Renew`.
#[derive(Clone, Debug, PartialEq)]
pub struct Renew {
    /// The resource of the subscription.
    pub resource: ObjectPath,
    /// Its name.
    pub identifier: Option<String>,
    /// How much longer it shall live.
    pub expires: Option<Interval>,
}

/// `e:Unsubscribe`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsubscribe {
    /// The resource of the subscription.
    pub resource: ObjectPath,
    /// Its name.
    pub identifier: Option<String>,
}

impl Subscribe {
    /// Returns the pull subscription to the events that a WQL query selects.
    pub fn query(namespace: &str, wql: impl Into<String>) -> Self {
        Self {
            resource: ObjectPath::new(namespace, "*"),
            mode: delivery::PULL.to_owned(),
            heartbeats: None,
            locale: Some("en-US".to_owned()),
            encoding: Some("UTF-8".to_owned()),
            expires: None,
            filter: Some(Filter::Wql(wql.into())),
        }
    }

    /// Returns the request for the next events.
    pub fn pull(&self, context: impl Into<String>) -> Pull {
        Pull {
            resource: self.resource.clone(),
            context: context.into(),
            max_elements: None,
            max_time: None,
            max_characters: None,
            expected: None,
            only: None,
        }
    }

    /// Reads the body of `e:Subscribe`, whose element is current.
    pub(super) fn read(reader: &mut Reader<'_>, resource: ObjectPath) -> Result<Self, Error> {
        let mut request = Self {
            resource,
            mode: delivery::PUSH.to_owned(),
            heartbeats: None,
            locale: None,
            encoding: None,
            expires: None,
            filter: None,
        };
        while let Some(element) = reader.child()? {
            if element.name.is(EVENTING, "Delivery") {
                if let Some(mode) = reader.attribute(Namespace::NONE, "Mode") {
                    request.mode = mode.to_owned();
                }
                request.read_delivery(reader)?;
            } else if element.name.is(EVENTING, "Expires") {
                request.expires = Some(interval(reader, &element)?);
            } else if element.name.local == "Filter"
                && (element.name.is_in(WSMAN) || element.name.is_in(EVENTING))
            {
                request.filter = Some(Filter::read(reader)?);
            } else {
                reader.skip()?;
            }
        }
        Ok(request)
    }

    fn read_delivery(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        while let Some(element) = reader.child()? {
            if element.name.is(WSMAN, "Heartbeats") {
                self.heartbeats = Some(interval(reader, &element)?);
            } else if element.name.is(WSMAN, "Locale") {
                self.locale = reader.attribute(XML, "lang").map(str::to_owned);
                reader.skip()?;
            } else if element.name.is(WSMAN, "ContentEncoding") {
                self.encoding = Some(reader.trimmed()?);
            } else {
                reader.skip()?;
            }
        }
        Ok(())
    }
}

impl Operation for Subscribe {
    type Reply = Subscribed;

    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        Head::new(action::SUBSCRIBE, &self.resource)
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(EVENTING, "Subscribe");
        writer.start(EVENTING, "Delivery").attribute(Namespace::NONE, "Mode", &self.mode);
        if let Some(every) = self.heartbeats {
            writer.element(WSMAN, "Heartbeats", &every.to_seconds());
        }
        if let Some(language) = &self.locale {
            writer.start(WSMAN, "Locale").attribute(XML, "lang", language).end();
        }
        if let Some(encoding) = &self.encoding {
            writer.element(WSMAN, "ContentEncoding", encoding);
        }
        writer.end();
        if let Some(expires) = self.expires {
            writer.element(EVENTING, "Expires", &expires.to_seconds());
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
        _: &mut Decoder<'_>,
    ) -> Result<Subscribed, Error> {
        expect(first.as_ref(), EVENTING, "SubscribeResponse")?;
        let (mut manager, mut expires, mut context) = (None, None, None);
        while let Some(element) = reader.child()? {
            if element.name.is(EVENTING, "SubscriptionManager") {
                manager = Some(EndpointReference::read_content(reader)?);
            } else if element.name.is(EVENTING, "Expires") {
                expires = Some(datetime(reader, &element)?);
            } else if element.name.is(ENUMERATION, "EnumerationContext") {
                context = Some(reader.text()?.into_owned());
            } else {
                reader.skip()?;
            }
        }
        let manager =
            manager.ok_or_else(|| Error::missing("e:SubscriptionManager", "e:SubscribeResponse"))?;
        Ok(Subscribed { manager, expires, context })
    }

    fn write_reply(&self, reply: &Subscribed, _: Style, writer: &mut Writer) {
        writer.start(EVENTING, "SubscribeResponse").start(EVENTING, "SubscriptionManager");
        reply.manager.write_content(writer);
        writer.end();
        if let Some(expires) = reply.expires {
            writer.element(EVENTING, "Expires", &expires.to_string());
        }
        if let Some(context) = &reply.context {
            writer.element(ENUMERATION, "EnumerationContext", context);
        }
        writer.end();
    }
}

impl Operation for Renew {
    type Reply = Option<DateTime>;

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        managed(action::RENEW, &self.resource, self.identifier.as_deref())
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(EVENTING, "Renew");
        if let Some(expires) = self.expires {
            writer.element(EVENTING, "Expires", &expires.to_seconds());
        }
        writer.end();
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        _: &mut Decoder<'_>,
    ) -> Result<Option<DateTime>, Error> {
        expect(first.as_ref(), EVENTING, "RenewResponse")?;
        let mut expires = None;
        while let Some(element) = reader.child()? {
            if element.name.is(EVENTING, "Expires") {
                expires = Some(datetime(reader, &element)?);
            } else {
                reader.skip()?;
            }
        }
        Ok(expires)
    }

    fn write_reply(&self, reply: &Option<DateTime>, _: Style, writer: &mut Writer) {
        writer.start(EVENTING, "RenewResponse");
        if let Some(expires) = reply {
            writer.element(EVENTING, "Expires", &expires.to_string());
        }
        writer.end();
    }
}

impl Renew {
    /// Reads the body of `e:Renew`, whose element is current.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        resource: ObjectPath,
        identifier: Option<String>,
    ) -> Result<Self, Error> {
        let mut expires = None;
        while let Some(element) = reader.child()? {
            if element.name.is(EVENTING, "Expires") {
                expires = Some(interval(reader, &element)?);
            } else {
                reader.skip()?;
            }
        }
        Ok(Self { resource, identifier, expires })
    }
}

impl Operation for Unsubscribe {
    type Reply = ();

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        managed(action::UNSUBSCRIBE, &self.resource, self.identifier.as_deref())
    }

    fn write_body(&self, writer: &mut Writer) {
        writer.start(EVENTING, "Unsubscribe").end();
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

fn managed<'a>(action: &'a str, resource: &'a ObjectPath, identifier: Option<&'a str>) -> Head<'a> {
    Head { identifier, ..Head::new(action, resource) }
}

fn interval(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<Interval, Error> {
    reader.trimmed()?.parse().map_err(|problem| Error::value(element.name.local, element.offset, problem))
}

fn datetime(reader: &mut Reader<'_>, element: &Element<'_>) -> Result<DateTime, Error> {
    reader.trimmed()?.parse().map_err(|problem| Error::value(element.name.local, element.offset, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::{RequestHeader, encode_request};

    #[test]
    fn a_subscription_asks_for_heartbeats_a_language_and_a_life() {
        let mut subscribe = Subscribe::query("root/virtualization/v2", "SELECT * FROM X");
        subscribe.heartbeats = Some("PT1M".parse().unwrap());
        subscribe.expires = Some("PT10M".parse().unwrap());
        let text =
            encode_request(&RequestHeader::new("http://hv01:5985/wsman", "uuid:1"), &subscribe).unwrap();
        assert!(
            text.ends_with(
                "<s:Body><e:Subscribe xmlns:e=\"http://schemas.xmlsoap.org/ws/2004/08/eventing\">\
                 <e:Delivery Mode=\"http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull\">\
                 <w:Heartbeats>PT60.000S</w:Heartbeats><w:Locale xml:lang=\"en-US\"/>\
                 <w:ContentEncoding>UTF-8</w:ContentEncoding></e:Delivery><e:Expires>PT600.000S</e:Expires>\
                 <w:Filter Dialect=\"http://schemas.microsoft.com/wbem/wsman/1/WQL\">SELECT * FROM X</w:Filter>\
                 </e:Subscribe></s:Body></s:Envelope>"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_subscription_is_named_in_a_header() {
        let resource = ObjectPath::new("root/virtualization/v2", "*");
        let renew = Renew { resource, identifier: Some("uuid:5".to_owned()), expires: None };
        let text = encode_request(&RequestHeader::new("http://hv01:5985/wsman", "uuid:1"), &renew).unwrap();
        assert!(
            text.contains(
                "<e:Identifier xmlns:e=\"http://schemas.xmlsoap.org/ws/2004/08/eventing\">uuid:5</e:Identifier>\
                 </s:Header>"
            ),
            "{text}"
        );
    }
}
