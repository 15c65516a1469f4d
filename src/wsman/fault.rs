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
    /// The number: of WinRM (0x8033….), of WMI (0x8004….) or of Windows. A zero says nothing and is none.
    pub code: Option<u32>,
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
            code: Some(code),
            machine: Some(machine.to_owned()),
            message: message.to_owned(),
            provider: None,
        });
        self
    }

    /// Returns the numbers of the nested WSManFaults, outermost first.
    pub fn wsman_codes(&self) -> impl Iterator<Item = u32> {
        self.nested().filter_map(|fault| fault.code)
    }

    /// Returns the number closest to the cause: the innermost WSManFault's that has one.
    pub fn wsman_code(&self) -> Option<u32> {
        self.wsman_codes().last()
    }

    /// Returns the CIM status, where the fault holds an instance that has one. The numbers of Windows' own
    /// management interface (error type `MI`) are CIM statuses too.
    pub fn cim_status(&self) -> Option<u32> {
        let of_mi =
            |instance: &Instance| code_of(instance, "error_Code").filter(|_| has_type(instance, "MI"));
        let stated = self.instances().find_map(|instance| code_of(instance, "CIMStatusCode"));
        // Windows states "failed" where it has nothing better; its own number then knows more.
        let stated =
            stated.filter(|status| *status != GENERIC_STATUS || self.instances().all(|i| of_mi(i).is_none()));
        stated.or_else(|| self.instances().find_map(of_mi))
    }

    /// Returns the HRESULT or Win32 number that an error instance of Windows carries.
    pub fn error_code(&self) -> Option<u32> {
        self.instances().find_map(|instance| {
            let code = code_of(instance, "error_Code").filter(|code| match instance.text("error_Type") {
                Some(_) => has_type(instance, "HRESULT") || has_type(instance, "WIN32"),
                // Without a type only an HRESULT can be told from a CIM status.
                None => *code >= 0x8000_0000,
            });
            code.or_else(|| code_of(instance, "StatusCode"))
        })
    }

    /// Returns every number of the fault, the one closest to the cause first.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        let mut codes: Vec<u32> = self.wsman_codes().collect();
        codes.reverse();
        codes.into_iter().chain(self.error_code())
    }

    /// Returns the text closest to the cause.
    pub fn message(&self) -> &str {
        let texts = self.nested().flat_map(|fault| {
            let provider = fault.provider.as_ref().map(|provider| provider.message.as_str());
            [Some(fault.message.as_str()), provider]
        });
        let said = texts.flatten().filter(|text| !text.is_empty()).last();
        said.or_else(|| self.instances().find_map(|instance| instance.text("Message")))
            .unwrap_or(&self.reason)
    }

    /// Returns whether the host knows who asks and does not let them.
    pub fn is_access_denied(&self) -> bool {
        self.has_subcode(WSMAN, "AccessDenied") || self.says(2, &ACCESS_DENIED)
    }

    /// Returns whether the namespace or the class is not there: the host lacks the role, or is too old.
    pub fn is_class_missing(&self) -> bool {
        self.says(3, &CLASS_MISSING) || self.cim_status() == Some(5)
    }

    /// Returns whether the object is not there.
    ///
    /// A missing class, namespace or enumeration is another thing, and so is an object that may not be
    /// seen: whoever concludes from this that an object is gone must not be told so by any of these. A
    /// bare `DestinationUnreachable` counts; in answer to a Pull it is the enumeration that OMI means.
    pub fn is_not_found(&self) -> bool {
        if self.is_access_denied() || self.is_class_missing() || self.is_context_gone() {
            return false;
        }
        let is_mute = self.numbers().next().is_none() && self.cim_status().is_none();
        self.says(6, &NOT_FOUND) || (is_mute && self.has_subcode(ADDRESSING, "DestinationUnreachable"))
    }

    /// Returns whether the operation's time ran out: what it did is then not known.
    pub fn is_timeout(&self) -> bool {
        self.has_subcode(WSMAN, "TimedOut")
            || self.has_subcode(ENUMERATION, "TimedOut")
            || self.numbers().any(|number| TIMED_OUT.contains(&number))
    }

    /// Returns whether the host refused because too much is going on already.
    pub fn is_quota(&self) -> bool {
        self.has_subcode(WSMAN, "QuotaLimit")
            || self.cim_status() == Some(27)
            || self.numbers().any(codes::is_quota)
    }

    /// Returns whether an enumeration context is no longer valid.
    pub fn is_context_gone(&self) -> bool {
        self.has_subcode(ENUMERATION, "InvalidEnumerationContext") || self.says(21, &CONTEXT_GONE)
    }

    /// Returns whether the answer did not fit the envelope that was allowed for it, so that a smaller one
    /// may. Other limits of the encoding are not meant, nor an operation that was carried out.
    pub fn is_too_large(&self) -> bool {
        let detail = self.detail_uri.as_deref().and_then(codes::fault_detail).map(|detail| detail.local());
        let by_detail = |local: &str| matches!(local, "MaxEnvelopeSize" | "MaxEnvelopeSizeExceeded");
        let is_mute = self.detail_uri.is_none() && self.numbers().next().is_none();
        self.numbers().any(|number| number == ENVELOPE_EXCEEDED)
            || (self.has_subcode(WSMAN, "EncodingLimit") && detail.map_or(is_mute, by_detail))
    }

    /// Returns whether the operation was carried out and only its answer could not be sent.
    pub fn was_carried_out(&self) -> bool {
        self.detail_uri
            .as_deref()
            .and_then(codes::fault_detail)
            .is_some_and(|detail| detail.was_carried_out())
    }

    /// Returns whether the fault proves that the operation was not begun.
    ///
    /// Only WinRM itself can say so, before it hands the operation on: its own subcode or outermost number.
    /// Whatever a provider says, and any time-out, proves the opposite or nothing.
    pub fn proves_not_started(&self) -> bool {
        let has_provider =
            self.nested().any(|fault| fault.provider.is_some()) || self.instances().next().is_some();
        if has_provider || self.is_timeout() || self.was_carried_out() {
            return false;
        }
        let subcode =
            self.subcode.as_ref().and_then(|subcode| codes::subcode(&subcode.namespace, &subcode.local));
        match self.wsman_codes().next() {
            Some(number) => codes::proves_not_started(number),
            None => subcode.is_some_and(|subcode| subcode.proves_not_started()),
        }
    }

    /// Returns whether the CIM status or any number is one of these.
    fn says(&self, status: u32, numbers: &[u32]) -> bool {
        self.cim_status() == Some(status) || self.numbers().any(|number| numbers.contains(&number))
    }

    /// Returns the WSManFaults, each followed by the one inside it.
    fn nested(&self) -> impl Iterator<Item = &WsmanFault> {
        std::iter::successors(self.wsman.as_ref(), |fault| fault.provider.as_ref()?.inner.as_ref())
    }

    fn has_subcode(&self, namespace: Namespace<'_>, local: &str) -> bool {
        self.subcode.as_ref().is_some_and(|subcode| subcode.is(namespace, local))
    }

    /// Returns the error instances, the innermost provider's first.
    fn instances(&self) -> impl Iterator<Item = &Instance> {
        let providers = self.nested().filter_map(|fault| fault.provider.as_deref());
        let mut inside: Vec<&Instance> =
            providers.filter_map(|provider| provider.instance.as_ref()).collect();
        inside.reverse();
        inside.into_iter().chain(&self.cim)
    }
}

/// Shows what people need first: the kind, the number, and the host's own words.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.subcode {
            Some(subcode) => f.write_str(&printable(&subcode.local))?,
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

/// Access denied: of Windows, of WMI, of WinRM's plug-in for WMI.
const ACCESS_DENIED: [u32; 7] =
    [5, 0x8007_0005, 0x8004_1003, 0x8004_1062, 0x8033_8104, 0x8033_8105, 0x8033_8106];
/// Invalid namespace, invalid class, provider not found.
const CLASS_MISSING: [u32; 3] = [0x8004_100E, 0x8004_1010, 0x8004_1011];
/// Resource not found, destination unreachable, not found.
const NOT_FOUND: [u32; 3] = [0x8033_8000, 0x8033_8012, 0x8004_1002];
/// Operation, enumeration, WMI and provider timed out.
const TIMED_OUT: [u32; 4] = [0x8033_8029, 0x8033_801C, 0x8004_1069, 0x8004_1088];
/// Enumeration closed, its context invalid, the enumeration invalid.
const CONTEXT_GONE: [u32; 3] = [0x8033_8007, 0x8033_801B, 0x8033_8084];
/// The answer exceeds the maximum envelope size.
const ENVELOPE_EXCEEDED: u32 = 0x8033_8048;
/// The CIM status that says no more than that something failed.
const GENERIC_STATUS: u32 = 1;

/// How deep WSManFaults may nest; what lies deeper is passed over.
const MOST_NESTED: usize = 8;

/// Returns a number of an error instance, which hosts write signed or unsigned; zero says nothing.
fn code_of(instance: &Instance, name: &str) -> Option<u32> {
    let number = instance.value(name)?.as_i64()?;
    let signed = || i32::try_from(number).ok().map(i32::cast_unsigned);
    u32::try_from(number).ok().or_else(signed).filter(|code| *code != 0)
}

fn has_type(instance: &Instance, ty: &str) -> bool {
    instance.text("error_Type").is_some_and(|said| said.eq_ignore_ascii_case(ty))
}

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
                self.code = FaultCode::named(local_name(&qname));
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

    /// Writes `s:Fault` into the body; its reason is in a language.
    pub(super) fn write(&self, language: &str, writer: &mut Writer) {
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
        writer.start(SOAP, "Text").attribute(XML, "lang", language).text(&self.reason).end().end();
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
            code: reader.attribute(Namespace::NONE, "Code").and_then(unsigned).filter(|code| *code != 0),
            machine: reader.attribute(Namespace::NONE, "Machine").map(str::to_owned),
            ..Self::default()
        };
        while let Some(part) = reader.child()? {
            match part.name.is(FAULT, "Message") {
                true => fault.read_message(reader, decoder, deeper)?,
                false => fault.read_inner(reader, &part, decoder, deeper)?,
            }
        }
        fault.message = fault.message.trim().to_owned();
        Ok(fault)
    }

    fn read_message(
        &mut self,
        reader: &mut Reader<'_>,
        decoder: &mut Decoder<'_>,
        deeper: usize,
    ) -> Result<(), Error> {
        loop {
            match reader.node()? {
                Node::Text(text) => self.message.push_str(&text),
                Node::End => return Ok(()),
                Node::Element(inner) => self.read_inner(reader, &inner, decoder, deeper)?,
            }
        }
    }

    /// Reads what stands in the fault or its message: a provider's fault, or what should stand in one and
    /// does not. Of several the first that carries a number is kept.
    fn read_inner(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        decoder: &mut Decoder<'_>,
        deeper: usize,
    ) -> Result<(), Error> {
        let Some(deeper) = deeper.checked_sub(1) else {
            return Ok(reader.skip()?);
        };
        let found = if element.name.is(FAULT, "ProviderFault") {
            ProviderFault::read(reader, decoder, deeper)?
        } else {
            let mut unnamed = ProviderFault::default();
            unnamed.read_inner(reader, element, decoder, deeper)?;
            unnamed
        };
        let keeps = self.provider.as_ref().is_some_and(|provider| provider.carries_number());
        if !keeps && found != ProviderFault::default() {
            self.provider = Some(Box::new(found));
        }
        Ok(())
    }

    fn write(&self, writer: &mut Writer) {
        let code = self.code.unwrap_or_default().to_string();
        writer.start(FAULT, "WSManFault").attribute(Namespace::NONE, "Code", &code);
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
                Node::Element(inner) => fault.read_inner(reader, &inner, decoder, deeper)?,
            }
        }
        fault.message = fault.message.trim().to_owned();
        Ok(fault)
    }

    /// Reads what stands in the provider's fault: a fault, an instance that describes an error, or one in a
    /// wrapper. Anything else a provider says is passed over.
    fn read_inner(
        &mut self,
        reader: &mut Reader<'_>,
        element: &Element<'_>,
        decoder: &mut Decoder<'_>,
        deeper: usize,
    ) -> Result<(), Error> {
        let local = element.name.local;
        if element.name.is(FAULT, "WSManFault") {
            let inner = WsmanFault::read(reader, decoder, deeper)?;
            self.inner.get_or_insert(inner);
        } else if local == "ExtendedError" {
            while let Some(inner) = reader.child()? {
                self.read_inner(reader, &inner, decoder, deeper)?;
            }
        } else if is_cim_error(reader, element) || local.eq_ignore_ascii_case("__ExtendedStatus") {
            let instance = decoder.instance(reader, element, None)?;
            self.instance.get_or_insert(instance);
        } else {
            reader.skip()?;
        }
        Ok(())
    }

    fn carries_number(&self) -> bool {
        let of_fault = |fault: &WsmanFault| {
            fault.code.is_some() || fault.provider.as_ref().is_some_and(|provider| provider.carries_number())
        };
        self.instance.is_some() || self.inner.as_ref().is_some_and(of_fault)
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
            // A host that forgot to declare the prefix has still said the name.
            let namespace =
                reader.resolve(&qname).map_or_else(|_| String::new(), |name| name.namespace.into_owned());
            subcode = Some(Subcode { namespace, local: local_name(&qname).to_owned() });
        } else {
            reader.skip()?;
        }
    }
    Ok(subcode)
}

/// Returns the part of a qualified name behind its prefix.
fn local_name(qname: &str) -> &str {
    let qname = qname.trim();
    qname.rsplit_once(':').map_or(qname, |(_, local)| local)
}

/// Returns whether the element that has just started says that it describes a CIM error; the class of
/// Windows counts without saying so.
fn is_cim_error(reader: &Reader<'_>, element: &Element<'_>) -> bool {
    // The attribute's namespace is spelled in two ways by one vendor, so its local name decides.
    let marked = |(name, value): (&str, &str)| {
        name == "IsCIM_Error" && (value == "1" || value.eq_ignore_ascii_case("true"))
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{Catalog, ObjectPath};
    use crate::wsman::{Get, decode_reply};
    use crate::xml::Limits;

    /// Returns the fault of an envelope in the shape of Windows, with a subcode and the content of its detail.
    fn fault(subcode: &str, detail: &str) -> Fault {
        let envelope = format!(
            r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="{a}" xmlns:w="{w}"
            xmlns:n="{n}" xmlns:f="{f}" xmlns:b="{b}" xml:lang="en-US"><s:Body><s:Fault>
            <s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>
            <s:Reason><s:Text xml:lang="ja-JP">理由</s:Text><s:Text xml:lang="en-US">the reason</s:Text></s:Reason>
            <s:Detail>{detail}</s:Detail></s:Fault></s:Body></s:Envelope>"#,
            a = ADDRESSING.uri,
            w = WSMAN.uri,
            n = ENUMERATION.uri,
            f = FAULT.uri,
            b = BINDING.uri,
        );
        let get = Get::new(ObjectPath::new("root/virtualization/v2", "Msvm_ConcreteJob"));
        let reply = decode_reply(&get, &envelope, Catalog::bundled(), &Limits::default());
        *reply.unwrap_or_else(|error| panic!("{detail}: {error}")).result.unwrap_err()
    }

    fn wsman(code: &str, inside: &str) -> String {
        format!(
            r#"<f:WSManFault Code="{code}" Machine="HV01"><f:Message>{inside}</f:Message></f:WSManFault>"#
        )
    }

    fn provider(inside: &str) -> String {
        format!(r#"<f:ProviderFault provider="WMI Provider" path="x.dll">{inside}</f:ProviderFault>"#)
    }

    fn wmi_error(properties: &str) -> String {
        format!(
            r#"<p:MSFT_WmiError xmlns:p="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/MSFT_WmiError"
            b:IsCIM_Error="true">{properties}</p:MSFT_WmiError>"#
        )
    }

    fn extended_status(code: &str) -> String {
        format!(
            r#"<q:__ExtendedStatus xmlns:q="http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/__ExtendedStatus">
            <q:Operation>ExecMethod</q:Operation><q:StatusCode>{code}</q:StatusCode></q:__ExtendedStatus>"#
        )
    }

    #[test]
    fn the_innermost_number_and_text_are_the_cause() {
        let plain = fault("w:TimedOut", &wsman("2150858793", "too late"));
        assert_eq!((plain.wsman_code(), plain.message()), (Some(2_150_858_793), "too late"));
        assert_eq!(plain.wsman.as_ref().unwrap().machine.as_deref(), Some("HV01"));

        let innermost = wsman("2147749902", "no such namespace");
        let nested = fault("w:InternalError", &wsman("2150858752", &provider(&innermost)));
        assert_eq!(nested.wsman_codes().collect::<Vec<_>>(), [2_150_858_752, 2_147_749_902]);
        assert_eq!(nested.wsman_code(), Some(2_147_749_902));
        assert_eq!(nested.message(), "no such namespace");
        let provider_of = nested.wsman.as_ref().unwrap().provider.as_ref().unwrap();
        assert_eq!(provider_of.provider.as_deref(), Some("WMI Provider"));

        let deep = (1..=8).rev().fold(String::new(), |inner, n| {
            let inside = if inner.is_empty() { String::new() } else { provider(&inner) };
            wsman(&n.to_string(), &inside)
        });
        assert_eq!(
            fault("w:InternalError", &deep).wsman_codes().collect::<Vec<_>>(),
            [1, 2, 3, 4, 5, 6, 7, 8]
        );
    }

    #[test]
    fn a_number_that_is_missing_unreadable_or_zero_is_none() {
        for inner in [r#"<f:WSManFault Machine="HV01"/>"#, &wsman("0", ""), &wsman("none", "")] {
            let found = fault("w:InternalError", &wsman("2147749891", &provider(inner)));
            assert_eq!(found.wsman_code(), Some(2_147_749_891), "{inner}");
        }
        assert_eq!(fault("w:InternalError", &wsman("0", "")).numbers().next(), None);
        assert_eq!(fault("w:InternalError", &wsman("0x80338029", "")).wsman_code(), Some(0x8033_8029));
    }

    #[test]
    fn the_number_of_an_error_instance_means_what_its_type_says() {
        let of = |properties: &str| fault("w:InternalError", &wmi_error(properties));
        let typed = |code: &str, ty: &str| {
            of(&format!("<p:error_Code>{code}</p:error_Code><p:error_Type>{ty}</p:error_Type>"))
        };
        assert_eq!(typed("2147749891", "HRESULT").error_code(), Some(0x8004_1003));
        assert_eq!(typed("-2147217405", "HRESULT").error_code(), Some(0x8004_1003), "written signed");
        assert_eq!(typed("5", "WIN32").error_code(), Some(5));
        assert!(typed("5", "WIN32").is_access_denied());
        let mi = typed("5", "MI");
        assert_eq!((mi.error_code(), mi.cim_status()), (None, Some(5)));
        assert!(mi.is_class_missing() && !mi.is_access_denied());
        assert!(typed("6", "MI").is_not_found());
        assert!(typed("2", "mi").is_access_denied());
        let generic = of(
            "<p:CIMStatusCode>1</p:CIMStatusCode><p:error_Code>6</p:error_Code><p:error_Type>MI</p:error_Type>",
        );
        assert_eq!(generic.cim_status(), Some(6), "\"failed\" is what is stated for want of better");
        assert_eq!(of("<p:Message>テキスト</p:Message>").message(), "テキスト");
    }

    #[test]
    fn an_odd_value_in_an_error_instance_does_not_hide_the_fault() {
        for odd in [
            "<p:ErrorType></p:ErrorType>",
            "<p:PerceivedSeverity>Fatal</p:PerceivedSeverity>",
            "<p:CIMStatusCode>many</p:CIMStatusCode>",
        ] {
            let found = fault("w:AccessDenied", &format!("{}{}", wmi_error(odd), wsman("5", "")));
            assert!(found.is_access_denied(), "{odd}");
            assert_eq!(found.wsman_code(), Some(5), "{odd}");
        }
        let unbound = fault("zzz:TimedOut", &wsman("2150858793", ""));
        assert_eq!(unbound.subcode.as_ref().unwrap().local, "TimedOut");
        assert!(unbound.is_timeout(), "by its number");
    }

    #[test]
    fn numbers_are_found_wherever_hosts_put_them() {
        let status = extended_status("-2147217406");
        for detail in [
            wsman("2150858755", &provider(&format!("<f:ExtendedError>{status}</f:ExtendedError>"))),
            wsman("2150858755", &provider(&status)),
            wsman("2150858755", &wmi_error("<p:error_Code>2147749890</p:error_Code>")),
            wmi_error("<p:error_Code>2147749890</p:error_Code>").replace("\"true\"", "\"TRUE\""),
        ] {
            let found = fault("w:InternalError", &detail);
            assert_eq!(found.error_code(), Some(0x8004_1002), "{detail}");
            assert!(found.is_not_found(), "{detail}");
        }
        let direct = wsman("2150858752", &wsman("2147749889", ""));
        assert_eq!(fault("w:InternalError", &direct).wsman_code(), Some(2_147_749_889));
        let second =
            wsman("2150858755", &format!("{}{}", provider("words"), provider(&wsman("2147749902", ""))));
        assert_eq!(fault("w:InternalError", &second).wsman_code(), Some(2_147_749_902));
    }

    #[test]
    fn each_question_is_answered_by_identifiers_and_numbers() {
        type Question = fn(&Fault) -> bool;
        let questions: [(&str, Question); 8] = [
            ("denied", Fault::is_access_denied),
            ("class", Fault::is_class_missing),
            ("not found", Fault::is_not_found),
            ("timeout", Fault::is_timeout),
            ("quota", Fault::is_quota),
            ("context", Fault::is_context_gone),
            ("large", Fault::is_too_large),
            ("not started", Fault::proves_not_started),
        ];
        let number = |code: &str| wsman(code, "");
        let behind = |code: &str| wsman("2150858755", &provider(&wsman(code, "")));
        let status = |code: &str| wmi_error(&format!("<p:CIMStatusCode>{code}</p:CIMStatusCode>"));
        let detail = |local: &str| {
            format!(
                "<w:FaultDetail>http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/{local}</w:FaultDetail>"
            )
        };
        let nothing = String::new;
        for (subcode, detail, answers) in [
            ("w:AccessDenied", nothing(), vec!["denied"]),
            ("w:InternalError", number("5"), vec!["denied"]),
            ("w:InternalError", number("2147942405"), vec!["denied"]),
            ("w:InternalError", behind("2147749891"), vec!["denied"]),
            ("w:InternalError", number("2150859013"), vec!["denied"]),
            ("a:DestinationUnreachable", status("2"), vec!["denied"]),
            ("a:DestinationUnreachable", nothing(), vec!["not found"]),
            ("a:DestinationUnreachable", number("2150858752"), vec!["not found"]),
            ("w:InternalError", behind("2147749890"), vec!["not found"]),
            ("w:InternalError", status("6"), vec!["not found"]),
            ("a:DestinationUnreachable", status("3"), vec!["class"]),
            ("w:InternalError", status("3"), vec!["class"]),
            ("a:DestinationUnreachable", status("5"), vec!["class"]),
            (
                "a:DestinationUnreachable",
                wsman("2150858752", &provider(&number("2147749902"))),
                vec!["class"],
            ),
            (
                "a:DestinationUnreachable",
                wsman("2150858752", &provider(&number("2147749904"))),
                vec!["class"],
            ),
            ("a:DestinationUnreachable", behind("2147749889"), vec![]),
            ("a:DestinationUnreachable", status("21"), vec!["context"]),
            ("n:InvalidEnumerationContext", nothing(), vec!["context"]),
            ("w:InternalError", number("2150858779"), vec!["context"]),
            ("w:TimedOut", number("2150858793"), vec!["timeout"]),
            ("w:InternalError", number("2150858793"), vec!["timeout"]),
            ("w:TimedOut", wsman("2150858793", &provider(&number("2150858802"))), vec!["timeout"]),
            ("w:QuotaLimit", nothing(), vec!["quota", "not started"]),
            ("w:InternalError", number("2150859174"), vec!["quota", "not started"]),
            ("w:QuotaLimit", number("2150859175"), vec!["quota", "not started"]),
            ("w:Concurrency", nothing(), vec!["not started"]),
            ("w:InternalError", number("2150858802"), vec!["not started"]),
            ("w:InternalError", behind("2150859174"), vec!["quota"]),
            ("w:QuotaLimit", behind("2147749996"), vec!["quota"]),
            ("w:InternalError", status("27"), vec!["quota"]),
            ("w:EncodingLimit", nothing(), vec!["large"]),
            ("w:EncodingLimit", number("2150858824"), vec!["large"]),
            ("w:EncodingLimit", detail("MaxEnvelopeSizeExceeded"), vec!["large"]),
            ("w:EncodingLimit", detail("SelectorLimit"), vec![]),
            ("w:EncodingLimit", number("2150858826"), vec![]),
            ("w:EncodingLimit", detail("UnreportableSuccess"), vec![]),
            ("w:InternalError", number("2150858755"), vec![]),
        ] {
            let found = fault(subcode, &detail);
            let said: Vec<_> =
                questions.iter().filter(|(_, question)| question(&found)).map(|(name, _)| *name).collect();
            assert_eq!(said, answers, "{subcode} {detail}");
        }
        let unreportable = fault("w:EncodingLimit", &detail("UnreportableSuccess"));
        assert!(unreportable.was_carried_out() && !unreportable.proves_not_started());
        let carried_out = fault("w:QuotaLimit", &detail("UnreportableSuccess"));
        assert!(!carried_out.proves_not_started());
    }

    #[test]
    fn a_fault_shows_its_number_and_the_host_s_words_without_their_escapes() {
        let shown = fault("w:AccessDenied", &wsman("5", "Zugriff&#9;verweigert &#x9b;31m")).to_string();
        assert_eq!(shown, "AccessDenied 5 (0x00000005): Zugriff verweigert \u{FFFD}31m");
        let shown = fault("w:Timed&#10;Out&#x9b;", "").to_string();
        assert_eq!(shown.split_once(':').unwrap().0, "Timed Out\u{FFFD}");
    }
}
