//! Envelopes: the headers that every message carries, and the way from an operation to text and back.
//!
//! SOAP 1.2, WS-Addressing 2004/08, DSP0226 5, MS-WSMV 2.2.4. Requests are written by
//! [`encode_request`] and read by [`decode_request`]; replies by [`encode_reply`] and [`decode_reply`].

use std::collections::HashSet;

use crate::cim::{Catalog, Interval, Key, Name, ObjectPath};
use crate::xml::{Element, Limits, Namespace, Node, Reader, Writer, XML, is_ncname};

use super::addressing::{EndpointReference, read_selectors, write_selectors};
use super::error::Error;
use super::fault::Fault;
use super::fragment::Fragment;
use super::instance::{Decoder, Style};
use super::names::{
    ADDRESSING, ANONYMOUS, BINDING, CIM, CIM_NAMESPACE, ENUMERATION, EVENTING, FAULT, MACHINE, SOAP,
    TRANSFER, WSMAN, WSMV, XS, XSI, dialect,
};
use super::operation::{Head, Operation};
use super::request::{Irregularity, Request};

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
    /// What ties the messages of one activity together in the logs of both sides.
    pub activity_id: Option<String>,
    /// The name of the client's machine, which event collectors send.
    pub machine_id: Option<String>,
    /// Whether the answer shall estimate how many items an enumeration has (DSP0226 8.6).
    pub wants_total: bool,
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
            activity_id: None,
            machine_id: None,
            wants_total: false,
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
    /// Where a fault should go instead.
    pub fault_to: Option<String>,
    /// Who says that it asks.
    pub from: Option<String>,
    /// How the answer may be compressed, `xpress`; it need not be.
    pub compression: Option<String>,
    /// Headers that this program does not know and that must be understood: namespace and local name.
    pub not_understood: Vec<(String, String)>,
    /// What was read all the same and a host refuses, in the order of the message.
    pub irregularities: Vec<Irregularity>,
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
    /// Echoed or made by the host, for its logs.
    pub activity_id: Option<String>,
    /// How many items the enumeration has, as the host estimates.
    pub total: Option<u64>,
    /// The headers that made a `MustUnderstand` fault: namespace and local name. OMI leaves the namespace
    /// out.
    pub not_understood: Vec<(String, String)>,
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
    open_body(&mut reader, |reader| header.read(reader))?;
    let mut decoder = Decoder::new(catalog);
    let first = next_element(&mut reader, "the content of s:Body")?;
    let is_empty = first.is_none();
    let result = match first {
        Some(first) if first.name.is(SOAP, "Fault") => Err(Box::new(Fault::read(&mut reader, &mut decoder)?)),
        first => Ok(operation.read_reply(&mut reader, first, &mut decoder)?),
    };
    close(&mut reader, is_empty)?;
    Ok(Reply { header, result })
}

/// Returns the request that a text holds.
pub fn decode_request(text: &str, catalog: &Catalog, limits: &Limits) -> Result<Incoming, Error> {
    let mut reader = Reader::new(text, limits)?;
    open_envelope(&mut reader)?;
    let mut parts = RequestParts::new();
    open_body(&mut reader, |reader| parts.read(reader))?;
    let mut decoder = Decoder::new(catalog);
    let first = next_element(&mut reader, "the content of s:Body")?;
    let is_empty = first.is_none();
    let request = Request::read(&mut parts, &mut reader, first, &mut decoder)?;
    close(&mut reader, is_empty)?;
    parts.irregularities.append(&mut decoder.irregularities);
    if matches!(request, Request::Identify(_)) {
        parts.message_id.get_or_insert_default();
        parts.to.get_or_insert_default();
    }
    Ok(Incoming {
        header: RequestHeader {
            to: parts.to.ok_or_else(|| Error::missing("a:To", "s:Header"))?,
            message_id: parts.message_id.ok_or_else(|| Error::missing("a:MessageID", "s:Header"))?,
            ..parts.header
        },
        reply_to: parts.reply_to,
        fault_to: parts.fault_to,
        from: parts.from,
        compression: parts.compression,
        not_understood: parts.not_understood,
        irregularities: parts.irregularities,
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
        Err(fault) => fault.write(header.fault_language(), &mut writer),
    }
    writer.end().end();
    Ok(writer.finish()?)
}

/// Returns the text of a fault that answers a request which could not even be read.
pub fn encode_fault(header: &ReplyHeader, fault: &Fault) -> Result<String, Error> {
    let mut writer = Writer::with_capacity(2048);
    header.open(&mut writer);
    fault.write(header.fault_language(), &mut writer);
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

/// Reads `s:Header`, where there is one, and goes on into `s:Body`.
fn open_body<'a>(
    reader: &mut Reader<'a>,
    read_header: impl FnOnce(&mut Reader<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut part = next_element(reader, "s:Header or s:Body")?;
    if part.as_ref().is_some_and(|part| part.name.is(SOAP, "Header")) {
        read_header(reader)?;
        part = next_element(reader, "s:Body")?;
    }
    match part {
        Some(body) if body.name.is(SOAP, "Body") => Ok(()),
        Some(other) => Err(Error::unexpected("s:Body", other.name.local, other.offset)),
        None => Err(Error::missing("s:Body", "s:Envelope")),
    }
}

/// Reads the rest of a message whose body was empty or has had its one element read.
fn close(reader: &mut Reader<'_>, is_empty: bool) -> Result<(), Error> {
    if !is_empty {
        end(reader, "the end of s:Body")?;
    }
    end(reader, "the end of s:Envelope")?;
    Ok(reader.finish()?)
}

fn end(reader: &mut Reader<'_>, expected: &str) -> Result<(), Error> {
    match next_element(reader, expected)? {
        None => Ok(()),
        Some(more) => Err(Error::unexpected(expected, more.name.local, more.offset)),
    }
}

/// Returns the next child of the current element, in which no text belongs.
fn next_element<'a>(reader: &mut Reader<'a>, expected: &str) -> Result<Option<Element<'a>>, Error> {
    loop {
        let offset = reader.position();
        match reader.node()? {
            Node::Element(element) => return Ok(Some(element)),
            Node::End => return Ok(None),
            Node::Text(text) if text.trim().is_empty() => {}
            Node::Text(_) => return Err(Error::unexpected(expected, "text", offset)),
        }
    }
}

impl RequestHeader {
    /// Writes the headers in the order of Windows' own client.
    fn write(&self, action: &str, head: &Head<'_>, writer: &mut Writer) {
        self.write_addresses(action, head, writer);
        self.write_languages(writer);
        self.write_identifiers(writer);
        if let Some(resource) = &head.resource {
            write_selectors(resource, writer);
        }
        self.write_options(writer);
        if let Some(timeout) = self.operation_timeout {
            writer.element(WSMAN, "OperationTimeout", &timeout.to_seconds());
        }
        if self.wants_total {
            writer.start(WSMAN, "RequestTotalItemsCountEstimate").end();
        }
        if let Some(fragment) = head.fragment {
            start_header(WSMAN, "FragmentTransfer", MUST, writer);
            writer.attribute(Namespace::NONE, "Dialect", &fragment.dialect).text(&fragment.expression).end();
        }
        if let Some(identifier) = head.identifier {
            writer.element(EVENTING, "Identifier", identifier);
        }
    }

    fn write_addresses(&self, action: &str, head: &Head<'_>, writer: &mut Writer) {
        writer.element(ADDRESSING, "To", &self.to);
        if let Some(resource) = &head.resource {
            start_header(WSMAN, "ResourceURI", MUST, writer).text(&resource.resource_uri()).end();
        }
        if let Some(machine) = &self.machine_id {
            start_header(MACHINE, "MachineID", NEED_NOT, writer).text(machine).end();
        }
        writer.start(ADDRESSING, "ReplyTo");
        start_header(ADDRESSING, "Address", MUST, writer).text(ANONYMOUS).end().end();
        start_header(ADDRESSING, "Action", MUST, writer).text(action).end();
        if let Some(size) = self.max_envelope_size {
            start_header(WSMAN, "MaxEnvelopeSize", MUST, writer).text(&size.to_string()).end();
        }
        writer.element(ADDRESSING, "MessageID", &self.message_id);
    }

    fn write_languages(&self, writer: &mut Writer) {
        for (namespace, local, language) in
            [(WSMAN, "Locale", &self.locale), (WSMV, "DataLocale", &self.data_locale)]
        {
            if let Some(language) = language {
                // Windows refuses a locale that must be understood ([MS-WSMV] 3.1.4.1.9).
                writer.start(namespace, local).attribute(XML, "lang", language);
                writer.attribute(SOAP, "mustUnderstand", NEED_NOT).end();
            }
        }
    }

    fn write_identifiers(&self, writer: &mut Writer) {
        let sequence = self.sequence_id.map(|number| number.to_string());
        for (local, text) in [
            ("SessionId", &self.session_id),
            ("ActivityId", &self.activity_id),
            ("OperationID", &self.operation_id),
            ("SequenceId", &sequence),
        ] {
            if let Some(text) = text {
                start_header(WSMV, local, NEED_NOT, writer).text(text).end();
            }
        }
    }

    fn write_options(&self, writer: &mut Writer) {
        if self.options.is_empty() {
            return;
        }
        writer.start(WSMAN, "OptionSet").declare(XS).attribute(SOAP, "mustUnderstand", MUST);
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

/// The values of `s:mustUnderstand`.
const MUST: &str = "true";
const NEED_NOT: &str = "false";

fn start_header<'w>(
    namespace: Namespace<'_>,
    local: &str,
    must_understand: &str,
    writer: &'w mut Writer,
) -> &'w mut Writer {
    writer.start(namespace, local).attribute(SOAP, "mustUnderstand", must_understand)
}

/// The headers of a request while they are read.
pub(super) struct RequestParts {
    pub(super) action: Option<String>,
    pub(super) fragment: Option<Fragment>,
    pub(super) identifier: Option<String>,
    uri: Option<String>,
    selectors: Vec<(Name, Key)>,
    to: Option<String>,
    message_id: Option<String>,
    header: RequestHeader,
    reply_to: Option<String>,
    fault_to: Option<String>,
    from: Option<String>,
    compression: Option<String>,
    not_understood: Vec<(String, String)>,
    irregularities: Vec<Irregularity>,
}

impl RequestParts {
    fn new() -> Self {
        Self {
            action: None,
            fragment: None,
            identifier: None,
            uri: None,
            selectors: Vec::new(),
            to: None,
            message_id: None,
            header: RequestHeader::new("", ""),
            reply_to: None,
            fault_to: None,
            from: None,
            compression: None,
            not_understood: Vec::new(),
            irregularities: Vec::new(),
        }
    }

    /// Takes the resource that the headers name.
    pub(super) fn resource(&mut self) -> Result<ObjectPath, Error> {
        let uri = self.uri.take().ok_or_else(|| Error::missing("w:ResourceURI", "s:Header"))?;
        let selectors = std::mem::take(&mut self.selectors);
        // The path keeps one namespace, so that is the last moment to compare the two.
        if let Some((_, selector)) = selectors.iter().find(|(name, _)| *name == CIM_NAMESPACE)
            && let Some(of_uri) = ObjectPath::from_resource(&uri, Vec::new()).namespace
        {
            let selector = selector.text().into_owned();
            if ObjectPath::new(&*selector, "*").namespace.as_ref() != Some(&of_uri) {
                let resource = of_uri.to_string();
                self.irregularities.push(Irregularity::DifferentNamespaces { resource, selector });
            }
        }
        Ok(ObjectPath::from_resource(&uri, selectors))
    }

    /// Returns the resource URI that the headers name.
    pub(super) fn resource_uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        let mut seen = HashSet::new();
        while let Some(element) = next_element(reader, "a header")? {
            let is_ours = [ADDRESSING, WSMAN, WSMV, EVENTING].iter().any(|ours| element.name.is_in(*ours));
            if is_ours && !seen.insert(element.name.clone()) {
                return Err(Error::unexpected("each header once", element.name.local, element.offset));
            }
            let must =
                reader.attribute(SOAP, "mustUnderstand").is_some_and(|must| matches!(must, "true" | "1"));
            let is_known = if element.name.is_in(ADDRESSING) {
                self.read_addressing(reader, &element)?
            } else if element.name.is_in(WSMAN) {
                self.read_management(reader, &element, must)?
            } else if element.name.is_in(WSMV) {
                self.read_extension(reader, &element, must)?
            } else if element.name.is(EVENTING, "Identifier") {
                self.identifier = Some(reader.trimmed()?);
                true
            } else if element.name.is(MACHINE, "MachineID") {
                self.header.machine_id = Some(reader.trimmed()?);
                true
            } else {
                false
            };
            if !is_known {
                if must {
                    self.not_understood
                        .push((element.name.namespace.into_owned(), element.name.local.to_owned()));
                }
                reader.skip()?;
            }
        }
        Ok(())
    }

    /// Reads a header of WS-Addressing; returns whether it is known.
    fn read_addressing(&mut self, reader: &mut Reader<'_>, element: &Element<'_>) -> Result<bool, Error> {
        let address =
            |reader: &mut Reader<'_>| EndpointReference::read_content(reader).map(|to| Some(to.address));
        match element.name.local {
            "To" => self.to = Some(reader.trimmed()?),
            "Action" => self.action = Some(reader.trimmed()?),
            "MessageID" => self.message_id = Some(reader.trimmed()?),
            "ReplyTo" => self.reply_to = address(reader)?,
            "FaultTo" => self.fault_to = address(reader)?,
            "From" => self.from = address(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads a header of DSP0226; returns whether it is known.
    fn read_management(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        must: bool,
    ) -> Result<bool, Error> {
        match element.name.local {
            "ResourceURI" => self.uri = Some(reader.trimmed()?),
            "SelectorSet" => self.selectors = read_selectors(reader)?,
            "OptionSet" => self.header.options = read_options(reader)?,
            "MaxEnvelopeSize" => self.header.max_envelope_size = Some(reader.number()?),
            "OperationTimeout" => {
                let timeout = reader.trimmed()?.parse();
                let place = |problem| Error::value("OperationTimeout", element.offset, problem);
                self.header.operation_timeout = Some(timeout.map_err(place)?);
            }
            "Locale" => {
                self.header.locale = reader.attribute(XML, "lang").map(str::to_owned);
                self.irregularities.extend(must.then_some(Irregularity::DemandedLocale));
                reader.skip()?;
            }
            "FragmentTransfer" => {
                let dialect = reader.attribute(Namespace::NONE, "Dialect").unwrap_or(dialect::XPATH);
                let dialect = dialect.to_owned();
                self.irregularities.extend((!must).then_some(Irregularity::OptionalFragment));
                self.fragment = Some(Fragment { dialect, expression: reader.trimmed()? });
            }
            "RequestTotalItemsCountEstimate" => {
                self.header.wants_total = true;
                reader.skip()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads a header of MS-WSMV; returns whether it is known.
    fn read_extension(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        must: bool,
    ) -> Result<bool, Error> {
        match element.name.local {
            "DataLocale" => {
                self.header.data_locale = reader.attribute(XML, "lang").map(str::to_owned);
                self.irregularities.extend(must.then_some(Irregularity::DemandedDataLocale));
                reader.skip()?;
            }
            "SessionId" => self.header.session_id = Some(reader.trimmed()?),
            "OperationID" => self.header.operation_id = Some(reader.trimmed()?),
            "SequenceId" => self.header.sequence_id = Some(reader.number()?),
            "ActivityId" => self.header.activity_id = Some(reader.trimmed()?),
            "CompressionType" => self.compression = Some(reader.trimmed()?),
            _ => return Ok(false),
        }
        Ok(true)
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
            } else if name.is(WSMV, "ActivityId") {
                self.activity_id = Some(reader.trimmed()?);
            } else if name.is(WSMAN, "TotalItemsCountEstimate") {
                // A host that cannot estimate says nil.
                self.total = reader.trimmed()?.parse().ok();
            } else if name.is(SOAP, "NotUnderstood") {
                let qname = reader.attribute(Namespace::NONE, "qname");
                self.not_understood.extend(qname.and_then(|qname| match reader.resolve(qname) {
                    Ok(name) => Some((name.namespace.into_owned(), name.local.to_owned())),
                    // A prefix that is bound to nothing; the local name, if it is one, still helps.
                    Err(_) => {
                        let local = qname.rsplit(':').next().filter(|local| is_ncname(local))?;
                        Some((String::new(), local.to_owned()))
                    }
                }));
                reader.skip()?;
            } else {
                reader.skip()?;
            }
        }
        Ok(())
    }

    /// Returns the language of a fault's reason, which has to be said.
    fn fault_language(&self) -> &str {
        self.language.as_deref().unwrap_or("en-US")
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
            start_header(WSMV, "OperationID", NEED_NOT, writer).text(id).end();
        }
        if let Some(number) = self.sequence_id {
            writer.element(WSMV, "SequenceId", &number.to_string());
        }
        if let Some(id) = &self.relates_to {
            writer.element(ADDRESSING, "RelatesTo", id);
        }
        if let Some(id) = &self.activity_id {
            start_header(WSMV, "ActivityId", NEED_NOT, writer).text(id).end();
        }
        if let Some(total) = self.total {
            writer.element(WSMAN, "TotalItemsCountEstimate", &total.to_string());
        }
        for (uri, local) in &self.not_understood {
            writer.start(SOAP, "NotUnderstood");
            writer.qname_attribute(Namespace::NONE, "qname", (Namespace::new("h", uri), local)).end();
        }
        writer.end().start(SOAP, "Body");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wsman::{Delete, Enumerate, FaultCode, Get, Release};

    const OPEN: &str = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
        xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
        xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' \
        xmlns:p='http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd'>";
    const HEADERS: &str = "<a:To>http://hv01:5985/wsman</a:To><a:MessageID>uuid:1</a:MessageID>\
        <a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action><w:ResourceURI>\
        http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ConcreteJob</w:ResourceURI>";

    fn job() -> ObjectPath {
        ObjectPath::new("root/virtualization/v2", "Msvm_ConcreteJob").with_key("InstanceID", "8AB2")
    }

    fn request(content: &str) -> Result<Incoming, Error> {
        decode_request(&format!("{OPEN}{content}</s:Envelope>"), Catalog::bundled(), &Limits::default())
    }

    fn reply<O: Operation>(operation: &O, content: &str) -> Result<Reply<O::Reply>, Error> {
        let text = format!("{OPEN}{content}</s:Envelope>");
        decode_reply(operation, &text, Catalog::bundled(), &Limits::default())
    }

    fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        let error = result.unwrap_err().to_string();
        error.split(" at byte").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_envelope_is_one_header_and_one_body_in_this_order_without_text_between() {
        let header = format!("<s:Header>{HEADERS}</s:Header>");
        assert!(request(&format!("{header}\n <s:Body> </s:Body>\n")).is_ok());
        for (content, error) in [
            (format!("{header}<s:Body/><s:Body/>"), "expected the end of s:Envelope, found Body"),
            (format!("{header}{header}<s:Body/>"), "expected s:Body, found Header"),
            (format!("<s:Body/>{header}"), "expected the end of s:Envelope, found Header"),
            (format!("x{header}<s:Body/>"), "expected s:Header or s:Body, found text"),
            (format!("{header}x<s:Body/>"), "expected s:Body, found text"),
            (format!("{header}<s:Body/>x"), "expected the end of s:Envelope, found text"),
            (format!("{header}<s:Body>x</s:Body>"), "expected the content of s:Body, found text"),
            (format!("{header}<s:Body><b/>x</s:Body>"), "expected the end of s:Body, found text"),
            (format!("{header}<s:Body><b/><b/></s:Body>"), "expected the end of s:Body, found b"),
            (header.clone(), "s:Body is missing from s:Envelope"),
        ] {
            if !content.starts_with("<s:Body/>") {
                assert_eq!(said(request(&content)), error, "{content}");
            }
            assert_eq!(said(reply(&Delete::new(job()), &content)), error, "{content}");
        }
        assert!(request(&format!("<s:Body/>{header}")).is_err());
    }

    #[test]
    fn an_answer_that_should_say_nothing_says_no_text() {
        let release: Release = Enumerate::new(job()).release("c");
        let expected = "expected the content of s:Body, found text";
        assert_eq!(said(reply(&Delete::new(job()), "<s:Body>It worked!</s:Body>")), expected);
        assert_eq!(said(reply(&release, "<s:Header/><s:Body>&#120;</s:Body>")), expected);
        assert_eq!(reply(&release, "<s:Header/><s:Body>\n</s:Body>").unwrap().result, Ok(()));
    }

    #[test]
    fn a_header_that_stands_twice_makes_a_request_ambiguous() {
        for header in [
            "<a:To>http://hv02:5985/wsman</a:To>",
            "<a:MessageID>uuid:2</a:MessageID>",
            "<a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete</a:Action>",
            "<w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/X</w:ResourceURI>",
            "<w:SelectorSet/><w:SelectorSet/>",
            "<w:OperationTimeout>PT1S</w:OperationTimeout><w:OperationTimeout>PT60S</w:OperationTimeout>",
            "<p:SessionId>uuid:3</p:SessionId><p:SessionId>uuid:4</p:SessionId>",
        ] {
            let result = request(&format!("<s:Header>{HEADERS}{header}</s:Header><s:Body/>"));
            assert!(said(result).starts_with("expected each header once, found "), "{header}");
        }
        let twice = "<a:RelatesTo>uuid:1</a:RelatesTo><a:RelatesTo>uuid:1</a:RelatesTo>";
        assert!(reply(&Delete::new(job()), &format!("<s:Header>{twice}</s:Header><s:Body/>")).is_ok());
    }

    #[test]
    fn a_request_is_written_byte_for_byte_as_by_the_client_of_windows() {
        let mut header = RequestHeader::new("http://hv01:5985/wsman", "uuid:1");
        header.machine_id = Some("backup01".to_owned());
        header.max_envelope_size = Some(512_000);
        header.operation_timeout = Some("PT1M".parse().unwrap());
        header.locale = Some("en-US".to_owned());
        header.data_locale = Some("en-US".to_owned());
        header.session_id = Some("uuid:2".to_owned());
        header.activity_id = Some("uuid:3".to_owned());
        header.operation_id = Some("uuid:4".to_owned());
        header.sequence_id = Some(1);
        header.wants_total = true;
        let get = Get { resource: job(), fragment: Some(Fragment::text("JobState")) };
        let text = encode_request(&header, &get).unwrap();
        let written = text.split_once("<s:Header>").unwrap().1;
        assert_eq!(
            written,
            "<a:To>http://hv01:5985/wsman</a:To>\
             <w:ResourceURI s:mustUnderstand=\"true\">http://schemas.microsoft.com/wbem/wsman/1/wmi/root/\
             virtualization/v2/Msvm_ConcreteJob</w:ResourceURI>\
             <m:MachineID xmlns:m=\"http://schemas.microsoft.com/wbem/wsman/1/machineid\" \
             s:mustUnderstand=\"false\">backup01</m:MachineID>\
             <a:ReplyTo><a:Address s:mustUnderstand=\"true\">\
             http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
             <a:Action s:mustUnderstand=\"true\">http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action>\
             <w:MaxEnvelopeSize s:mustUnderstand=\"true\">512000</w:MaxEnvelopeSize>\
             <a:MessageID>uuid:1</a:MessageID>\
             <w:Locale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
             <p:DataLocale xml:lang=\"en-US\" s:mustUnderstand=\"false\"/>\
             <p:SessionId s:mustUnderstand=\"false\">uuid:2</p:SessionId>\
             <p:ActivityId s:mustUnderstand=\"false\">uuid:3</p:ActivityId>\
             <p:OperationID s:mustUnderstand=\"false\">uuid:4</p:OperationID>\
             <p:SequenceId s:mustUnderstand=\"false\">1</p:SequenceId>\
             <w:SelectorSet><w:Selector Name=\"InstanceID\">8AB2</w:Selector></w:SelectorSet>\
             <w:OperationTimeout>PT60.000S</w:OperationTimeout><w:RequestTotalItemsCountEstimate/>\
             <w:FragmentTransfer s:mustUnderstand=\"true\" \
             Dialect=\"http://www.w3.org/TR/1999/REC-xpath-19991116\">JobState/text()</w:FragmentTransfer>\
             </s:Header><s:Body/></s:Envelope>"
        );
        let incoming = decode_request(&text, Catalog::bundled(), &Limits::default()).unwrap();
        assert_eq!(incoming.header, header);
        assert_eq!(incoming.not_understood, []);
        assert_eq!(incoming.irregularities, []);
    }

    #[test]
    fn headers_that_other_clients_send_are_read_and_those_nobody_knows_are_listed() {
        let more = "<a:FaultTo><a:Address>http://here/f</a:Address></a:FaultTo>\
            <a:From><a:Address>http://here</a:Address></a:From>\
            <p:CompressionType s:mustUnderstand='true'>xpress</p:CompressionType>\
            <w:RequestTotalItemsCountEstimate s:mustUnderstand='true'/>\
            <x:Foo xmlns:x='urn:x' s:mustUnderstand='1'>1</x:Foo><w:Foo s:mustUnderstand='true'/>\
            <y:Bar xmlns:y='urn:y'/>";
        let incoming = request(&format!("<s:Header>{HEADERS}{more}</s:Header><s:Body/>")).unwrap();
        assert_eq!(incoming.fault_to.as_deref(), Some("http://here/f"));
        assert_eq!(incoming.from.as_deref(), Some("http://here"));
        assert_eq!(incoming.compression.as_deref(), Some("xpress"));
        assert!(incoming.header.wants_total);
        assert_eq!(
            incoming.not_understood,
            [("urn:x".to_owned(), "Foo".to_owned()), (WSMAN.uri.to_owned(), "Foo".to_owned())]
        );
    }

    #[test]
    fn an_answer_names_what_was_not_understood_by_its_whole_name() {
        let header = ReplyHeader {
            activity_id: Some("uuid:3".to_owned()),
            total: Some(7),
            not_understood: vec![("urn:x".to_owned(), "Foo".to_owned()), (String::new(), "Bar".to_owned())],
            ..ReplyHeader::default()
        };
        let delete = Delete::new(job());
        let text = encode_reply(&header, &delete, Ok(&()), Style::WINDOWS).unwrap();
        for part in [
            "<p:ActivityId xmlns:p=\"http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd\" \
             s:mustUnderstand=\"false\">uuid:3</p:ActivityId>",
            "<w:TotalItemsCountEstimate>7</w:TotalItemsCountEstimate>",
            "<s:NotUnderstood xmlns:h=\"urn:x\" qname=\"h:Foo\"/><s:NotUnderstood qname=\"Bar\"/>",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let read = decode_reply(&delete, &text, Catalog::bundled(), &Limits::default()).unwrap();
        assert_eq!(read.header, header);
        let odd = "<s:Header><s:NotUnderstood qname='nobody:Foo'/><s:NotUnderstood qname='nobody:'/><w:TotalItemsCountEstimate/></s:Header>\
            <s:Body><s:Fault><s:Code><s:Value>s:MustUnderstand</s:Value></s:Code></s:Fault></s:Body>";
        let read = reply(&delete, odd).unwrap();
        assert_eq!(read.header.not_understood, [(String::new(), "Foo".to_owned())]);
        assert_eq!(read.header.total, None);
        assert_eq!(read.result.unwrap_err().code, FaultCode::MustUnderstand);
    }
}
