//! Envelopes: the headers that every message carries, and the way from an operation to text and back.
//!
//! SOAP 1.2, WS-Addressing 2004/08, DSP0226 5, MS-WSMV 2.2.4. Requests are written by
//! [`encode_request`] and read by [`decode_request`]; replies by [`encode_reply`] and [`decode_reply`].

use crate::cim::{Catalog, Interval, Key, Name, ObjectPath};
use crate::xml::{Limits, Namespace, Reader, Writer, XML};

use super::addressing::{read_selectors, write_selectors};
use super::error::Error;
use super::fault::Fault;
use super::fragment::Fragment;
use super::instance::{Decoder, Style};
use super::names::{
    ADDRESSING, ANONYMOUS, BINDING, CIM, ENUMERATION, EVENTING, FAULT, SOAP, TRANSFER, WSMAN, WSMV, XSI,
};
use super::operation::{Head, Operation};
use super::request::Request;

/// The headers of a request that do not depend on its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The URL of the service.
    pub to: String,
    /// The identifier that the answer relates to, `uuid:` and a GUID; fresh for each request.
    pub message_id: String,
    /// How long the host may take.
    pub operation_timeout: Option<Interval>,
    /// How many octets the answer may have.
    pub max_envelope_size: Option<u32>,
    /// The language of texts.
    pub locale: Option<String>,
    /// The language of numbers and dates within texts.
    pub data_locale: Option<String>,
    /// The same for all requests of one session.
    pub session_id: Option<String>,
    /// The same for all messages of one operation; announces that messages may be sent again.
    pub operation_id: Option<String>,
    /// The number of the message within its operation, counted from 1.
    pub sequence_id: Option<u64>,
    /// What the provider is told beside the parameters.
    pub options: Vec<MessageOption>,
}

/// An option for the provider (DSP0226 6.4, MS-WSMV 3.1.4.1.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageOption {
    /// Its name, `wmi:` in front for the WMI operation context.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Its XML Schema type, `xs:string`.
    pub ty: Option<String>,
    /// Whether the host must refuse when it cannot comply.
    pub must_comply: bool,
}

impl RequestHeader {
    /// Returns the headers of a request to a URL, with nothing said that need not be.
    pub fn new(to: impl Into<String>, message_id: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            message_id: message_id.into(),
            operation_timeout: None,
            max_envelope_size: None,
            locale: None,
            data_locale: None,
            session_id: None,
            operation_id: None,
            sequence_id: None,
            options: Vec::new(),
        }
    }
}

/// A request as a host reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// The headers that do not depend on the operation.
    pub header: RequestHeader,
    /// Where the answer should go; only [`ANONYMOUS`] can be served.
    pub reply_to: Option<String>,
    /// Headers, as `{uri}local`, that this program does not know and that must be understood.
    pub not_understood: Vec<(String, String)>,
    /// Whether a locale header must be understood, which the protocol forbids to ask.
    pub demands_locale: bool,
    /// What is asked.
    pub request: Request,
}

/// The headers of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReplyHeader {
    /// The request's action with `Response` behind it, mostly; nothing should depend on it.
    pub action: Option<String>,
    /// The answer's own identifier.
    pub message_id: Option<String>,
    /// The identifier of the request; hosts that could not read the request leave it out.
    pub relates_to: Option<String>,
    /// The language of the texts in the message.
    pub language: Option<String>,
    /// Echoed where the request had it.
    pub operation_id: Option<String>,
    /// The number of the message within its operation, on the host's side.
    pub sequence_id: Option<u64>,
    /// The header that made a `MustUnderstand` fault, by its name in `s:NotUnderstood`.
    pub not_understood: Vec<String>,
}

/// An answer: its headers, and what was asked for or why not.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply<T> {
    /// The headers.
    pub header: ReplyHeader,
    /// What was asked for, or the fault.
    pub result: Result<T, Box<Fault>>,
}

/// Returns the text of a request.
pub fn encode_request<O: Operation>(header: &RequestHeader, operation: &O) -> Result<String, Error> {
    let head = operation.head();
    let mut writer = Writer::with_capacity(2048);
    writer.start(SOAP, "Envelope");
    for namespace in [ADDRESSING, WSMAN, ENUMERATION, WSMV] {
        if head.action.is_some() {
            writer.declare(namespace);
        }
    }
    writer.start(SOAP, "Header");
    if let Some(action) = &head.action {
        header.write(action, &head, &mut writer);
    }
    writer.end().start(SOAP, "Body");
    operation.write_body(&mut writer);
    writer.end().end();
    Ok(writer.finish()?)
}

/// Returns the answer that a text holds.
pub fn decode_reply<O: Operation>(
    operation: &O,
    text: &str,
    catalog: &Catalog,
    limits: &Limits,
) -> Result<Reply<O::Reply>, Error> {
    let mut reader = Reader::new(text, limits)?;
    let mut header = ReplyHeader { language: open_envelope(&mut reader)?, ..ReplyHeader::default() };
    let mut result = None;
    while let Some(part) = reader.child()? {
        if part.name.is(SOAP, "Header") {
            header.read(&mut reader)?;
        } else if part.name.is(SOAP, "Body") {
            let mut decoder = Decoder::new(catalog);
            let first = reader.child()?;
            let is_empty = first.is_none();
            result = Some(match first {
                Some(first) if first.name.is(SOAP, "Fault") => {
                    Err(Box::new(Fault::read(&mut reader, &mut decoder)?))
                }
                first => Ok(operation.read_reply(&mut reader, first, &mut decoder)?),
            });
            if !is_empty {
                end_body(&mut reader)?;
            }
        } else {
            return Err(Error::unexpected("s:Header or s:Body", part.name.local, part.offset));
        }
    }
    reader.finish()?;
    let result = result.ok_or_else(|| Error::missing("s:Body", "s:Envelope"))?;
    Ok(Reply { header, result })
}

/// Returns the request that a text holds.
pub fn decode_request(text: &str, catalog: &Catalog, limits: &Limits) -> Result<Incoming, Error> {
    let mut reader = Reader::new(text, limits)?;
    open_envelope(&mut reader)?;
    let mut parts = RequestParts::default();
    let mut request = None;
    while let Some(part) = reader.child()? {
        if part.name.is(SOAP, "Header") {
            parts.read(&mut reader)?;
        } else if part.name.is(SOAP, "Body") {
            let mut decoder = Decoder::new(catalog);
            let first = reader.child()?;
            let is_empty = first.is_none();
            request = Some(Request::read(&mut parts, &mut reader, first, &mut decoder)?);
            if !is_empty {
                end_body(&mut reader)?;
            }
        } else {
            return Err(Error::unexpected("s:Header or s:Body", part.name.local, part.offset));
        }
    }
    reader.finish()?;
    let request = request.ok_or_else(|| Error::missing("s:Body", "s:Envelope"))?;
    if matches!(request, Request::Identify(_)) {
        parts.message_id.get_or_insert_default();
        parts.to.get_or_insert_default();
    }
    Ok(Incoming {
        header: RequestHeader {
            to: parts.to.ok_or_else(|| Error::missing("a:To", "s:Header"))?,
            message_id: parts.message_id.ok_or_else(|| Error::missing("a:MessageID", "s:Header"))?,
            ..parts.header.unwrap_or_else(|| RequestHeader::new("", ""))
        },
        reply_to: parts.reply_to,
        not_understood: parts.not_understood,
        demands_locale: parts.demands_locale,
        request,
    })
}

/// Returns the text of an answer.
pub fn encode_reply<O: Operation>(
    header: &ReplyHeader,
    operation: &O,
    result: Result<&O::Reply, &Fault>,
    style: Style,
) -> Result<String, Error> {
    let mut writer = Writer::with_capacity(4096);
    header.open(&mut writer);
    match result {
        Ok(reply) => operation.write_reply(reply, style, &mut writer),
        Err(fault) => fault.write(&mut writer),
    }
    writer.end().end();
    Ok(writer.finish()?)
}

/// Returns the text of a fault that answers a request which could not even be read.
pub fn encode_fault(header: &ReplyHeader, fault: &Fault) -> Result<String, Error> {
    let mut writer = Writer::with_capacity(2048);
    header.open(&mut writer);
    fault.write(&mut writer);
    writer.end().end();
    Ok(writer.finish()?)
}

/// Reads up to the content of the envelope; returns the language it declares.
fn open_envelope(reader: &mut Reader<'_>) -> Result<Option<String>, Error> {
    let root = reader.root()?;
    if !root.name.is(SOAP, "Envelope") {
        let found = format!("{{{}}}{}", root.name.namespace, root.name.local);
        return Err(Error::unexpected("s:Envelope of SOAP 1.2", found, root.offset));
    }
    Ok(reader.attribute(XML, "lang").map(str::to_owned))
}

fn end_body(reader: &mut Reader<'_>) -> Result<(), Error> {
    match reader.child()? {
        None => Ok(()),
        Some(more) => Err(Error::unexpected("the end of s:Body", more.name.local, more.offset)),
    }
}

impl RequestHeader {
    fn write(&self, action: &str, head: &Head<'_>, writer: &mut Writer) {
        let must = |writer: &mut Writer, understand: bool| {
            writer.attribute(SOAP, "mustUnderstand", if understand { "true" } else { "false" });
        };
        writer.element(ADDRESSING, "To", &self.to);
        if let Some(resource) = &head.resource {
            writer.start(WSMAN, "ResourceURI");
            must(writer, true);
            writer.text(&resource.resource_uri()).end();
        }
        writer.start(ADDRESSING, "ReplyTo").start(ADDRESSING, "Address");
        must(writer, true);
        writer.text(ANONYMOUS).end().end();
        writer.start(ADDRESSING, "Action");
        must(writer, true);
        writer.text(action).end();
        if let Some(size) = self.max_envelope_size {
            writer.start(WSMAN, "MaxEnvelopeSize");
            must(writer, true);
            writer.text(&size.to_string()).end();
        }
        writer.element(ADDRESSING, "MessageID", &self.message_id);
        for (namespace, local, language) in
            [(WSMAN, "Locale", &self.locale), (WSMV, "DataLocale", &self.data_locale)]
        {
            if let Some(language) = language {
                writer.start(namespace, local).attribute(XML, "lang", language);
                // Windows refuses a locale that must be understood ([MS-WSMV] 3.1.4.1.9).
                must(writer, false);
                writer.end();
            }
        }
        let sequence = self.sequence_id.map(|number| number.to_string());
        for (local, text) in
            [("SessionId", &self.session_id), ("OperationID", &self.operation_id), ("SequenceId", &sequence)]
        {
            if let Some(text) = text {
                writer.start(WSMV, local);
                must(writer, false);
                writer.text(text).end();
            }
        }
        if let Some(resource) = &head.resource {
            write_selectors(resource, writer);
        }
        self.write_options(writer);
        if let Some(timeout) = self.operation_timeout {
            writer.element(WSMAN, "OperationTimeout", &timeout.to_seconds());
        }
        if let Some(fragment) = head.fragment {
            writer.start(WSMAN, "FragmentTransfer");
            must(writer, true);
            writer.attribute(Namespace::NONE, "Dialect", &fragment.dialect).text(&fragment.expression).end();
        }
        if let Some(identifier) = head.identifier {
            writer.element(EVENTING, "Identifier", identifier);
        }
    }

    fn write_options(&self, writer: &mut Writer) {
        if self.options.is_empty() {
            return;
        }
        writer.start(WSMAN, "OptionSet").declare(super::names::XS).attribute(SOAP, "mustUnderstand", "true");
        for option in &self.options {
            writer.start(WSMAN, "Option").attribute(Namespace::NONE, "Name", &option.name);
            if let Some(ty) = &option.ty {
                writer.attribute(Namespace::NONE, "Type", ty);
            }
            if option.must_comply {
                writer.attribute(Namespace::NONE, "MustComply", "true");
            }
            writer.text(&option.value).end();
        }
        writer.end();
    }
}

/// The headers of a request while they are read.
#[derive(Default)]
pub(super) struct RequestParts {
    pub(super) action: Option<String>,
    pub(super) fragment: Option<Fragment>,
    pub(super) identifier: Option<String>,
    uri: Option<String>,
    selectors: Vec<(Name, Key)>,
    to: Option<String>,
    message_id: Option<String>,
    header: Option<RequestHeader>,
    reply_to: Option<String>,
    not_understood: Vec<(String, String)>,
    demands_locale: bool,
}

impl RequestParts {
    /// Takes the resource that the headers name.
    pub(super) fn resource(&mut self) -> Result<ObjectPath, Error> {
        let uri = self.uri.take().ok_or_else(|| Error::missing("w:ResourceURI", "s:Header"))?;
        Ok(ObjectPath::from_resource(&uri, std::mem::take(&mut self.selectors)))
    }

    /// Returns the resource URI that the headers name.
    pub(super) fn resource_uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let mut header = RequestHeader::new("", "");
        while let Some(element) = reader.child()? {
            let must =
                reader.attribute(SOAP, "mustUnderstand").is_some_and(|must| matches!(must, "true" | "1"));
            let language = reader.attribute(XML, "lang").map(str::to_owned);
            let dialect = reader.attribute(Namespace::NONE, "Dialect").map(str::to_owned);
            let name = &element.name;
            let place = |problem| Error::value(name.local, element.offset, problem);
            if name.is(ADDRESSING, "To") {
                self.to = Some(reader.trimmed()?);
            } else if name.is(ADDRESSING, "Action") {
                self.action = Some(reader.trimmed()?);
            } else if name.is(ADDRESSING, "MessageID") {
                self.message_id = Some(reader.trimmed()?);
            } else if name.is(ADDRESSING, "ReplyTo") {
                self.reply_to = Some(super::EndpointReference::read_content(reader)?.address);
            } else if name.is(ADDRESSING, "FaultTo") || name.is(ADDRESSING, "From") {
                reader.skip()?;
            } else if name.is(WSMAN, "ResourceURI") {
                self.uri = Some(reader.trimmed()?);
            } else if name.is(WSMAN, "SelectorSet") {
                self.selectors = read_selectors(reader)?;
            } else if name.is(WSMAN, "OptionSet") {
                header.options = read_options(reader)?;
            } else if name.is(WSMAN, "MaxEnvelopeSize") {
                header.max_envelope_size = Some(reader.number()?);
            } else if name.is(WSMAN, "OperationTimeout") {
                header.operation_timeout = Some(reader.trimmed()?.parse().map_err(place)?);
            } else if name.is(WSMAN, "Locale") || name.is(WSMV, "DataLocale") {
                self.demands_locale |= must;
                reader.skip()?;
                let slot = if name.is_in(WSMV) { &mut header.data_locale } else { &mut header.locale };
                *slot = language;
            } else if name.is(WSMAN, "FragmentTransfer") {
                let dialect = dialect.unwrap_or_else(|| super::names::dialect::XPATH.to_owned());
                self.fragment = Some(Fragment { dialect, expression: reader.trimmed()? });
            } else if name.is(WSMV, "SessionId") {
                header.session_id = Some(reader.trimmed()?);
            } else if name.is(WSMV, "OperationID") {
                header.operation_id = Some(reader.trimmed()?);
            } else if name.is(WSMV, "SequenceId") {
                header.sequence_id = Some(reader.number()?);
            } else if name.is(EVENTING, "Identifier") {
                self.identifier = Some(reader.trimmed()?);
            } else {
                if must {
                    self.not_understood.push((name.namespace.to_string(), name.local.to_owned()));
                }
                reader.skip()?;
            }
        }
        self.header = Some(header);
        Ok(())
    }
}

fn read_options(reader: &mut Reader<'_>) -> Result<Vec<MessageOption>, Error> {
    let mut options = Vec::new();
    while let Some(element) = reader.child()? {
        if !element.name.is(WSMAN, "Option") {
            return Err(Error::unexpected("w:Option", element.name.local, element.offset));
        }
        let own = |local| reader.attribute(Namespace::NONE, local).map(str::to_owned);
        let name = own("Name").ok_or_else(|| Error::missing("the attribute Name", "w:Option"))?;
        let (ty, must) = (own("Type"), own("MustComply"));
        let must_comply = must.is_some_and(|must| matches!(&*must, "true" | "1"));
        options.push(MessageOption { name, ty, must_comply, value: reader.text()?.into_owned() });
    }
    Ok(options)
}

impl ReplyHeader {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        while let Some(element) = reader.child()? {
            let name = &element.name;
            if name.is(ADDRESSING, "Action") {
                self.action = Some(reader.trimmed()?);
            } else if name.is(ADDRESSING, "MessageID") {
                self.message_id = Some(reader.trimmed()?);
            } else if name.is(ADDRESSING, "RelatesTo") {
                self.relates_to = Some(reader.trimmed()?);
            } else if name.is(WSMV, "OperationID") {
                self.operation_id = Some(reader.trimmed()?);
            } else if name.is(WSMV, "SequenceId") {
                // An echo that is no number harms nobody.
                self.sequence_id = reader.trimmed()?.parse().ok();
            } else if name.is(SOAP, "NotUnderstood") {
                let qname = reader.attribute(Namespace::NONE, "qname").map(str::to_owned);
                self.not_understood.extend(qname);
                reader.skip()?;
            } else {
                reader.skip()?;
            }
        }
        Ok(())
    }

    /// Writes everything up to the content of the body.
    fn open(&self, writer: &mut Writer) {
        writer.start(SOAP, "Envelope");
        for namespace in [ADDRESSING, ENUMERATION, WSMAN, TRANSFER, EVENTING, BINDING, FAULT, CIM, XSI] {
            writer.declare(namespace);
        }
        if let Some(language) = &self.language {
            writer.attribute(XML, "lang", language);
        }
        writer.start(SOAP, "Header");
        for (local, text) in [("Action", &self.action), ("MessageID", &self.message_id)] {
            if let Some(text) = text {
                writer.element(ADDRESSING, local, text);
            }
        }
        writer.element(ADDRESSING, "To", ANONYMOUS);
        if let Some(id) = &self.operation_id {
            writer.start(WSMV, "OperationID").attribute(SOAP, "mustUnderstand", "false").text(id).end();
        }
        if let Some(number) = self.sequence_id {
            writer.element(WSMV, "SequenceId", &number.to_string());
        }
        if let Some(id) = &self.relates_to {
            writer.element(ADDRESSING, "RelatesTo", id);
        }
        for qname in &self.not_understood {
            writer.start(SOAP, "NotUnderstood").attribute(Namespace::NONE, "qname", qname).end();
        }
        writer.end().start(SOAP, "Body");
    }
}
