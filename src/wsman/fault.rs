//! Faults: why a host did not do what it was asked, down to the innermost number
//! (SOAP 1.2 5.4, DSP0226 14, MS-WSMV 2.2.4.43).
//!
//! A fault of Windows may hold a WSManFault that holds a provider's that holds another, and beside them an
//! instance that describes a CIM error. Numbers and identifiers decide what a fault is; its texts are in
//! the host's language, and only shown.

use crate::cim::Instance;
use crate::xml::{Element, Namespace, Node, Reader, Writer, XML};

use super::codes;
use super::error::Error;
use super::instance::{Decoder, Style, write_error_instance, write_instance};
use super::names::{ADDRESSING, BINDING, ENUMERATION, EVENTING, FAULT, SOAP, TRANSFER, WSMAN};

/// `s:Fault`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Whose fault it is.
    pub code: FaultCode,
    /// What kind it is.
    pub subcode: Option<Subcode>,
    /// A text for people, in the host's language.
    pub reason: String,
    /// The `faultDetail` URI that narrows the subcode.
    pub detail_uri: Option<String>,
    /// Microsoft's detail.
    pub wsman: Option<WsmanFault>,
    /// The instance that describes a CIM error: `MSFT_WmiError` of Windows, `OMI_Error` of OMI.
    pub cim: Option<Instance>,
}

/// `s:Code/s:Value`: who is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// The request.
    Sender,
    /// The host.
    Receiver,
    /// A header that the host does not know.
    MustUnderstand,
    /// Another version of SOAP.
    VersionMismatch,
    /// Another encoding.
    DataEncodingUnknown,
    /// Something else, by local name.
    Other(String),
}

/// `s:Subcode/s:Value`, its prefix resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subcode {
    /// The namespace URI.
    pub namespace: String,
    /// The local name, `TimedOut`.
    pub local: String,
}

/// `f:WSManFault`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct WsmanFault {
    /// The number: of WinRM (0x8033….), of WMI (0x8004….) or of Windows.
    pub code: u32,
    /// The machine that says so.
    pub machine: Option<String>,
    /// A text for people.
    pub message: String,
    /// What the provider behind it says.
    pub provider: Option<Box<ProviderFault>>,
}

/// `f:ProviderFault`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ProviderFault {
    /// The provider's name.
    pub provider: Option<String>,
    /// The provider's GUID.
    pub id: Option<String>,
    /// The provider's file.
    pub path: Option<String>,
    /// A text for people.
    pub message: String,
    /// The fault inside it.
    pub inner: Option<WsmanFault>,
    /// The instance inside it: `__ExtendedStatus`, `MSFT_WmiError`.
    pub instance: Option<Instance>,
}

impl Subcode {
    /// Returns a subcode of a namespace.
    pub fn new(namespace: Namespace<'_>, local: &str) -> Self {
        Self { namespace: namespace.uri.to_owned(), local: local.to_owned() }
    }

    fn is(&self, namespace: Namespace<'_>, local: &str) -> bool {
        self.namespace == namespace.uri && self.local == local
    }
}

impl Fault {
    /// Returns a fault with a subcode and without details.
    pub fn new(code: FaultCode, subcode: Subcode, reason: impl Into<String>) -> Self {
        Self { code, subcode: Some(subcode), reason: reason.into(), detail_uri: None, wsman: None, cim: None }
    }

    /// Returns the same fault with Microsoft's detail.
    #[must_use]
    pub fn with_wsman(mut self, code: u32, machine: &str, message: &str) -> Self {
        self.wsman = Some(WsmanFault {
            code,
            machine: Some(machine.to_owned()),
            message: message.to_owned(),
            provider: None,
        });
        self
    }

    /// Returns the numbers of the nested WSManFaults, outermost first.
    pub fn wsman_codes(&self) -> impl Iterator<Item = u32> {
        let first = self.wsman.as_ref();
        std::iter::successors(first, |fault| fault.provider.as_ref()?.inner.as_ref()).map(|fault| fault.code)
    }

    /// Returns the number closest to the cause: the innermost WSManFault's, where there is one.
    pub fn wsman_code(&self) -> Option<u32> {
        self.wsman_codes().last()
    }

    /// Returns the CIM status, where the fault holds an instance that has one.
    pub fn cim_status(&self) -> Option<u32> {
        let status = |instance: &Instance| instance.number("CIMStatusCode");
        self.instances().find_map(status).and_then(|status| status.try_into().ok())
    }

    /// Returns the HRESULT or Win32 number that a Windows error instance carries.
    pub fn error_code(&self) -> Option<u32> {
        let code =
            |instance: &Instance| instance.number("error_Code").or_else(|| instance.number("StatusCode"));
        self.instances().find_map(code).and_then(|code| code.try_into().ok())
    }

    /// Returns every number of the fault, the innermost WSManFault's first.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let mut codes: Vec<u32> = self.wsman_codes().collect();
        codes.reverse();
        codes.into_iter().chain(self.error_code())
    }

    /// Returns the text closest to the cause.
    pub fn message(&self) -> &str {
        let innermost =
            std::iter::successors(self.wsman.as_ref(), |fault| fault.provider.as_ref()?.inner.as_ref());
        let texts = innermost.flat_map(|fault| {
            let provider = fault.provider.as_ref().map(|provider| provider.message.as_str());
            [Some(fault.message.as_str()), provider]
        });
        let said = texts.flatten().filter(|text| !text.is_empty()).last();
        said.or_else(|| self.cim.as_ref()?.text("Message")).unwrap_or(&self.reason)
    }

    /// Returns whether the host knows who asks and does not let them.
    pub fn is_access_denied(&self) -> bool {
        self.has_subcode(WSMAN, "AccessDenied")
            || self.cim_status() == Some(2)
            || self.numbers().any(|number| ACCESS_DENIED.contains(&number))
    }

    /// Returns whether the object, class, namespace or resource is not there.
    pub fn is_not_found(&self) -> bool {
        // A provider's own number is closer to the cause than the subcode around it.
        if self.is_access_denied() {
            return false;
        }
        self.has_subcode(ADDRESSING, "DestinationUnreachable")
            || self.cim_status() == Some(6)
            || self.numbers().any(|number| matches!(number, 0x8033_8000 | 0x8004_1002))
    }

    /// Returns whether the operation's time ran out: what it did is then not known.
    pub fn is_timeout(&self) -> bool {
        self.has_subcode(WSMAN, "TimedOut")
            || self.has_subcode(ENUMERATION, "TimedOut")
            || self.numbers().any(|number| matches!(number, 0x8033_8029 | 0x8004_1069 | 0x8004_1088))
    }

    /// Returns whether the host refused because too much is going on already.
    pub fn is_quota(&self) -> bool {
        self.has_subcode(WSMAN, "QuotaLimit")
            || self.cim_status() == Some(27)
            || self.numbers().any(codes::is_quota)
    }

    /// Returns whether an enumeration context is no longer valid.
    pub fn is_context_gone(&self) -> bool {
        self.has_subcode(ENUMERATION, "InvalidEnumerationContext")
            || self.cim_status() == Some(21)
            || self.numbers().any(|number| matches!(number, 0x8033_8007 | 0x8033_801B))
    }

    /// Returns whether the answer did not fit the envelope that was allowed for it.
    pub fn is_too_large(&self) -> bool {
        self.has_subcode(WSMAN, "EncodingLimit") || self.numbers().any(|number| number == 0x8033_8048)
    }

    /// Returns whether the operation was carried out and only its answer could not be sent.
    pub fn was_carried_out(&self) -> bool {
        self.detail_uri
            .as_deref()
            .and_then(codes::fault_detail)
            .is_some_and(|detail| detail.was_carried_out())
    }

    /// Returns whether the fault proves that the operation was not begun.
    pub fn proves_not_started(&self) -> bool {
        let known =
            self.subcode.as_ref().and_then(|subcode| codes::subcode(&subcode.namespace, &subcode.local));
        !self.was_carried_out()
            && (known.is_some_and(|subcode| subcode.proves_not_started())
                || self.numbers().any(codes::proves_not_started))
    }

    fn has_subcode(&self, namespace: Namespace<'_>, local: &str) -> bool {
        self.subcode.as_ref().is_some_and(|subcode| subcode.is(namespace, local))
    }

    /// Returns the error instances, the innermost provider's first.
    fn instances(&self) -> impl Iterator<Item = &Instance> {
        let mut inside: Vec<&Instance> = Vec::new();
        let mut next = self.wsman.as_ref();
        while let Some(provider) = next.and_then(|fault| fault.provider.as_deref()) {
            inside.extend(&provider.instance);
            next = provider.inner.as_ref();
        }
        inside.into_iter().rev().chain(&self.cim)
    }
}

/// Shows what people need first: the kind, the number, and the host's own words.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.subcode {
            Some(subcode) => f.write_str(&subcode.local)?,
            None => write!(f, "{:?}", self.code)?,
        }
        if let Some(number) = self.numbers().next() {
            write!(f, " {number} (0x{number:08X})")?;
        }
        if let Some(status) = self.cim_status() {
            write!(f, ", CIM status {status}")?;
        }
        write!(f, ": {}", printable(self.message()))
    }
}

impl std::error::Error for Fault {}

/// Returns a host's text without the control characters that could drive a terminal.
fn printable(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Numbers that say "access denied": of WMI, of WinRM's WMI plug-in, of Windows.
const ACCESS_DENIED: [u32; 7] =
    [5, 0x8007_0005, 0x8004_1003, 0x8033_8104, 0x8033_8105, 0x8033_8106, 0x8004_1062];

/// How deep WSManFaults may nest; what lies deeper is passed over.
const MOST_NESTED: usize = 8;

impl Fault {
    /// Reads the current element, `s:Fault`.
    pub(super) fn read(reader: &mut Reader<'_>, decoder: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut fault = Self {
            code: FaultCode::Other(String::new()),
            subcode: None,
            reason: String::new(),
            detail_uri: None,
            wsman: None,
            cim: None,
        };
        while let Some(part) = reader.child()? {
            if part.name.is(SOAP, "Code") {
                fault.read_code(reader)?;
            } else if part.name.is(SOAP, "Reason") {
                fault.read_reason(reader)?;
            } else if part.name.is(SOAP, "Detail") {
                fault.read_detail(reader, decoder)?;
            } else {
                reader.skip()?;
            }
        }
        Ok(fault)
    }

    fn read_code(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        while let Some(part) = reader.child()? {
            if part.name.is(SOAP, "Value") {
                let qname = reader.text()?;
                let name = reader.resolve(&qname)?;
                self.code = FaultCode::named(name.local);
            } else if part.name.is(SOAP, "Subcode") {
                self.subcode = read_subcode(reader)?;
            } else {
                reader.skip()?;
            }
        }
        Ok(())
    }

    /// Reads `s:Reason`: of several languages English is kept, else the first.
    fn read_reason(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        while let Some(part) = reader.child()? {
            let is_english = reader.attribute(XML, "lang").is_some_and(|lang| lang.starts_with("en"));
            if part.name.is(SOAP, "Text") && (self.reason.is_empty() || is_english) {
                self.reason = reader.trimmed()?;
            } else {
                reader.skip()?;
            }
        }
        Ok(())
    }

    fn read_detail(&mut self, reader: &mut Reader<'_>, decoder: &mut Decoder<'_>) -> Result<(), Error> {
        while let Some(part) = reader.child()? {
            if part.name.is(WSMAN, "FaultDetail") {
                self.detail_uri = Some(reader.trimmed()?);
            } else if part.name.is(FAULT, "WSManFault") {
                self.wsman = Some(WsmanFault::read(reader, decoder, MOST_NESTED)?);
            } else if is_cim_error(reader, &part) && self.cim.is_none() {
                self.cim = Some(decoder.instance(reader, &part, None)?);
            } else {
                reader.skip()?;
            }
        }
        Ok(())
    }

    /// Writes `s:Fault` into the body.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.start(SOAP, "Fault").start(SOAP, "Code");
        writer.start(SOAP, "Value").qname(SOAP, self.code.local()).end();
        if let Some(subcode) = &self.subcode {
            let known = [WSMAN, ADDRESSING, ENUMERATION, EVENTING, TRANSFER, BINDING];
            let prefix =
                known.iter().find(|known| known.uri == subcode.namespace).map_or("ns", |known| known.prefix);
            let namespace = Namespace::new(prefix, &subcode.namespace);
            writer.start(SOAP, "Subcode").start(SOAP, "Value").qname(namespace, &subcode.local).end().end();
        }
        writer.end().start(SOAP, "Reason");
        writer.start(SOAP, "Text").attribute(XML, "lang", "en-US").text(&self.reason).end().end();
        if self.detail_uri.is_some() || self.wsman.is_some() || self.cim.is_some() {
            writer.start(SOAP, "Detail");
            if let Some(uri) = &self.detail_uri {
                writer.element(WSMAN, "FaultDetail", uri);
            }
            if let Some(fault) = &self.wsman {
                fault.write(writer);
            }
            if let Some(instance) = &self.cim {
                write_error_instance(instance, writer);
            }
            writer.end();
        }
        writer.end();
    }
}

impl FaultCode {
    fn named(local: &str) -> Self {
        match local {
            "Sender" => Self::Sender,
            "Receiver" => Self::Receiver,
            "MustUnderstand" => Self::MustUnderstand,
            "VersionMismatch" => Self::VersionMismatch,
            "DataEncodingUnknown" => Self::DataEncodingUnknown,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the local name.
    pub fn local(&self) -> &str {
        match self {
            Self::Sender => "Sender",
            Self::Receiver => "Receiver",
            Self::MustUnderstand => "MustUnderstand",
            Self::VersionMismatch => "VersionMismatch",
            Self::DataEncodingUnknown => "DataEncodingUnknown",
            Self::Other(local) => local,
        }
    }
}

impl WsmanFault {
    /// Reads the element that has just started.
    fn read(reader: &mut Reader<'_>, decoder: &mut Decoder<'_>, deeper: usize) -> Result<Self, Error> {
        let mut fault = Self {
            code: reader.attribute(Namespace::NONE, "Code").and_then(unsigned).unwrap_or_default(),
            machine: reader.attribute(Namespace::NONE, "Machine").map(str::to_owned),
            ..Self::default()
        };
        while let Some(part) = reader.child()? {
            if !part.name.is(FAULT, "Message") {
                reader.skip()?;
                continue;
            }
            loop {
                match reader.node()? {
                    Node::Text(text) => fault.message.push_str(&text),
                    Node::End => break,
                    Node::Element(inner) if inner.name.is(FAULT, "ProviderFault") && deeper > 0 => {
                        let provider = ProviderFault::read(reader, decoder, deeper - 1)?;
                        fault.provider = Some(Box::new(provider));
                    }
                    Node::Element(_) => reader.skip()?,
                }
            }
        }
        fault.message = fault.message.trim().to_owned();
        Ok(fault)
    }

    fn write(&self, writer: &mut Writer) {
        writer.start(FAULT, "WSManFault").attribute(Namespace::NONE, "Code", &self.code.to_string());
        if let Some(machine) = &self.machine {
            writer.attribute(Namespace::NONE, "Machine", machine);
        }
        writer.start(FAULT, "Message");
        if !self.message.is_empty() {
            writer.text(&self.message);
        }
        if let Some(provider) = &self.provider {
            provider.write(writer);
        }
        writer.end().end();
    }
}

impl ProviderFault {
    /// Reads the element that has just started.
    fn read(reader: &mut Reader<'_>, decoder: &mut Decoder<'_>, deeper: usize) -> Result<Self, Error> {
        let own = |local| reader.attribute(Namespace::NONE, local).map(str::to_owned);
        let mut fault =
            Self { provider: own("provider"), id: own("providerId"), path: own("path"), ..Self::default() };
        loop {
            match reader.node()? {
                Node::Text(text) => fault.message.push_str(&text),
                Node::End => break,
                Node::Element(inner) if inner.name.is(FAULT, "WSManFault") => {
                    fault.inner = Some(WsmanFault::read(reader, decoder, deeper)?);
                }
                // Some providers put the instance into a wrapper.
                Node::Element(inner) if inner.name.local == "ExtendedError" => {
                    while let Some(inner) = reader.child()? {
                        fault.read_instance(reader, &inner, decoder)?;
                    }
                }
                Node::Element(inner) => fault.read_instance(reader, &inner, decoder)?,
            }
        }
        fault.message = fault.message.trim().to_owned();
        Ok(fault)
    }

    /// Reads an instance if it describes an error; anything else a provider says is passed over.
    fn read_instance(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        decoder: &mut Decoder<'_>,
    ) -> Result<(), Error> {
        let describes =
            is_cim_error(reader, element) || element.name.local.eq_ignore_ascii_case("__ExtendedStatus");
        match describes && self.instance.is_none() {
            true => self.instance = Some(decoder.instance(reader, element, None)?),
            false => reader.skip()?,
        }
        Ok(())
    }

    fn write(&self, writer: &mut Writer) {
        writer.start(FAULT, "ProviderFault");
        for (local, text) in [("provider", &self.provider), ("providerId", &self.id), ("path", &self.path)] {
            if let Some(text) = text {
                writer.attribute(Namespace::NONE, local, text);
            }
        }
        if !self.message.is_empty() {
            writer.text(&self.message);
        }
        if let Some(inner) = &self.inner {
            inner.write(writer);
        }
        match &self.instance {
            Some(instance) if instance.class == "__ExtendedStatus" => {
                write_instance(instance, Style::WINDOWS, writer);
            }
            Some(instance) => write_error_instance(instance, writer),
            None => {}
        }
        writer.end();
    }
}

fn read_subcode(reader: &mut Reader<'_>) -> Result<Option<Subcode>, Error> {
    let mut subcode = None;
    while let Some(part) = reader.child()? {
        if part.name.is(SOAP, "Value") {
            let qname = reader.text()?;
            let name = reader.resolve(&qname)?;
            subcode = Some(Subcode { namespace: name.namespace.into_owned(), local: name.local.to_owned() });
        } else {
            reader.skip()?;
        }
    }
    Ok(subcode)
}

/// Returns whether the element that has just started says that it describes a CIM error; the class of
/// Windows counts without saying so.
fn is_cim_error(reader: &Reader<'_>, element: &Element<'_>) -> bool {
    // The attribute's namespace is spelled in two ways by one vendor, so its local name decides.
    let marked = |(name, value): (&str, &str)| name == "IsCIM_Error" && matches!(value, "true" | "1");
    reader.attributes().iter().any(|attribute| marked((attribute.name.local, &attribute.value)))
        || element.name.local.eq_ignore_ascii_case("MSFT_WmiError")
}

/// Returns a number as the attribute `Code` has it: decimal; hexadecimal and signed are read too.
fn unsigned(text: &str) -> Option<u32> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok().or_else(|| text.parse().ok().map(i32::cast_unsigned)),
    }
}
