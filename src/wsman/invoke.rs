//! Invoke: calling a method (DSP0226 9, MS-WSMV 3.1.4.2).

use std::borrow::Cow;

use crate::cim::{Method, Name, ObjectPath, Parameter, Value};
use crate::xml::{Element, Namespace, Reader, Writer};

use super::error::Error;
use super::instance::{Declared, Decoder, Style, write_value};
use super::names::{CIM, XSI};
use super::operation::{Head, Operation};
use super::request::Irregularity;

/// The call of a method. It is never repeatable: what it did may not be undone.
///
/// ```
/// use refpoint::cim::ObjectPath;
/// use refpoint::wsman::Invoke;
///
/// let service = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePointService")
///     .with_key("CreationClassName", "Msvm_VirtualSystemReferencePointService");
/// let call = Invoke::new(service, "ExportReferencePoint").with("ExportDirectory", r"D:\exports\web01");
/// assert!(call.action().ends_with("/Msvm_VirtualSystemReferencePointService/ExportReferencePoint"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Invoke {
    /// The object, with its keys.
    pub resource: ObjectPath,
    /// The method, in its exact spelling.
    pub method: Name,
    /// The arguments in the order of the declaration. Null is written as nil; to leave an argument out,
    /// leave it out.
    pub arguments: Vec<(Name, Value)>,
}

/// What a method returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    /// The return value; null where the host left it out.
    pub return_value: Value,
    /// The OUT parameters in the order in which the host sent them.
    pub out: Vec<(Name, Value)>,
}

impl Invoke {
    /// Returns the call of a method without arguments.
    pub fn new(resource: ObjectPath, method: impl Into<Name>) -> Self {
        Self { resource, method: method.into(), arguments: Vec::new() }
    }

    /// Returns the call with one argument more.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.arguments.push((name.into(), value.into()));
        self
    }

    /// Returns the action: class URI, slash, method.
    pub fn action(&self) -> String {
        format!("{}/{}", self.resource.resource_uri(), self.method)
    }

    /// Returns the method that an action names: behind the class URI, and nothing where that is not in it.
    pub(super) fn method_of<'a>(action: &'a str, resource: &ObjectPath) -> Option<&'a str> {
        let uri = resource.resource_uri();
        let (head, rest) = action.split_at_checked(uri.len())?;
        let method = rest.strip_prefix('/').filter(|_| head.eq_ignore_ascii_case(&uri))?;
        Some(method).filter(|method| !method.is_empty() && !method.contains('/'))
    }

    /// Reads the body of a call, whose first element has just started.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        resource: ObjectPath,
        method: &str,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self, Error> {
        let declaration = decoder.catalog().method(&resource.class, method);
        let arguments = match first {
            // A method without parameters may come with an empty body.
            None => Vec::new(),
            Some(element) if element.name.local == format!("{method}_INPUT") => {
                if !element.name.namespace.eq_ignore_ascii_case(&resource.resource_uri()) {
                    let found = element.name.namespace.into_owned();
                    decoder.irregularities.push(Irregularity::InputNamespace { found });
                }
                read_parameters(reader, declaration, true, decoder)?
            }
            Some(other) => {
                let expected = format!("{method}_INPUT");
                return Err(Error::unexpected(expected, other.name.local, other.offset));
            }
        };
        Ok(Self { resource, method: method.into(), arguments })
    }
}

impl Invoked {
    /// Returns the return value as a number: `None` where it is missing or no number.
    pub fn code(&self) -> Option<u32> {
        self.return_value.as_u64().and_then(|number| number.try_into().ok())
    }

    /// Returns an OUT parameter; `None` where the host did not send it.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.out.iter().find(|(out, _)| *out == name).map(|(_, value)| value)
    }

    /// Returns an OUT parameter that is a reference.
    pub fn path(&self, name: &str) -> Option<&ObjectPath> {
        self.value(name)?.as_path()
    }
}

impl Operation for Invoke {
    type Reply = Invoked;

    const REPEATABLE: bool = false;

    fn head(&self) -> Head<'_> {
        Head {
            action: Some(Cow::Owned(self.action())),
            resource: Some(Cow::Borrowed(&self.resource)),
            ..Head::default()
        }
    }

    fn write_body(&self, writer: &mut Writer) {
        let uri = self.resource.resource_uri();
        let namespace = Namespace::new("p", &uri);
        writer.start(namespace, &format!("{}_INPUT", self.method));
        for (name, value) in &self.arguments {
            write_value(name, value, namespace, Style::WINDOWS, writer);
        }
        writer.end();
    }

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Invoked, Error> {
        let expected = format!("{}_OUTPUT", self.method);
        let element = first.ok_or_else(|| Error::missing(&expected, "s:Body"))?;
        // OMI answers with the bare name of the method, in a namespace of its own.
        let local = element.name.local;
        if !local.eq_ignore_ascii_case(&expected) && self.method != local {
            return Err(Error::unexpected(expected, local, element.offset));
        }
        let declaration = decoder.catalog().method(&self.resource.class, &self.method);
        let mut out = read_parameters(reader, declaration, false, decoder)?;
        let at = out.iter().position(|(name, _)| *name == "ReturnValue");
        let return_value = at.map_or(Value::Null, |at| out.remove(at).1);
        Ok(Invoked { return_value, out })
    }

    fn write_reply(&self, reply: &Invoked, style: Style, writer: &mut Writer) {
        let uri = self.resource.resource_uri();
        let namespace = Namespace::new("p", &uri);
        writer.start(namespace, &format!("{}_OUTPUT", self.method)).declare(XSI).declare(CIM);
        for (name, value) in &reply.out {
            write_value(name, value, namespace, style, writer);
        }
        if !reply.return_value.is_null() {
            write_value("ReturnValue", &reply.return_value, namespace, style, writer);
        }
        writer.end();
    }
}

/// Reads the parameters in the current element: those that go in, or those that come out and the return
/// value. They are found by their local names.
fn read_parameters(
    reader: &mut Reader<'_>,
    method: Option<&Method>,
    going_in: bool,
    decoder: &mut Decoder<'_>,
) -> Result<Vec<(Name, Value)>, Error> {
    let mut parameters: Vec<(Name, Value)> = Vec::new();
    while let Some(element) = reader.child()? {
        let local = element.name.local;
        let known = method.and_then(|method| {
            let matches = |name: &Name| *name == local;
            method.parameters.iter().find(|parameter| {
                matches(&parameter.name)
                    && (parameter.is_input == going_in || parameter.is_output != going_in)
            })
        });
        let declared = match known {
            Some(parameter) => Some(Declared {
                ty: parameter.ty,
                is_array: parameter.is_array,
                class: parameter.class.as_ref(),
            }),
            None if !going_in && local.eq_ignore_ascii_case("ReturnValue") => {
                method.map(|method| Declared { ty: method.returns, is_array: false, class: None })
            }
            None => None,
        };
        let name = match known {
            Some(parameter) => parameter.name.clone(),
            None => decoder.name(local),
        };
        let at = match parameters.iter().position(|(earlier, _)| *earlier == name) {
            Some(at) => at,
            None if parameters.len() == MOST_PARAMETERS => {
                return Err(Error::unexpected("fewer parameters", local, element.offset));
            }
            None => {
                parameters.push((name, Value::Null));
                parameters.len() - 1
            }
        };
        decoder.add_parameter(reader, &element, declared, &mut parameters[at].1)?;
        if going_in {
            note_irregularities(local, known, decoder);
        }
    }
    Ok(parameters)
}

/// Notes what hosts do not tolerate in the parameter that was read last.
fn note_irregularities(said: &str, known: Option<&Parameter>, decoder: &mut Decoder<'_>) {
    if let Some(declared) = known.map(|parameter| &parameter.name).filter(|name| name.as_str() != said) {
        let declared = declared.to_string();
        decoder.irregularities.push(Irregularity::ParameterCase { said: said.to_owned(), declared });
    }
    if decoder.has_wrapped_reference {
        decoder.irregularities.push(Irregularity::WrappedReference { parameter: said.to_owned() });
    }
}

/// More parameters than any method has; a bound for hostile messages.
const MOST_PARAMETERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{Catalog, Scalar};
    use crate::wsman::decode_reply;
    use crate::xml::Limits;

    const SERVICE: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_VirtualSystemReferencePointService";

    /// Reads the answer of a host to an export.
    fn answer(parameters: &str) -> Invoked {
        let text = format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
             xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
             xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' \
             xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><s:Body>\
             <p:ExportReferencePoint_OUTPUT xmlns:p='{SERVICE}'>{parameters}</p:ExportReferencePoint_OUTPUT>\
             </s:Body></s:Envelope>"
        );
        let service = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePointService");
        let call = Invoke::new(service, "ExportReferencePoint");
        let reply = decode_reply(&call, &text, Catalog::bundled(), &Limits::default());
        reply.unwrap_or_else(|error| panic!("{parameters}: {error}")).result.unwrap()
    }

    #[test]
    fn no_odd_parameter_costs_the_return_value_of_a_call_that_happened() {
        let anonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
        for (job, value) in [
            ("<p:Job/>".to_owned(), Value::Null),
            (format!("<p:Job><a:Address>{anonymous}</a:Address></p:Job>"), Value::Null),
            ("<p:Job xsi:type='nobody:reference'>none yet</p:Job>".to_owned(), "none yet".into()),
            ("<p:More xsi:type='nobody:string'>7</p:More>".to_owned(), "7".into()),
            ("<p:More xsi:type='xsi:unsignedShort'>99999</p:More>".to_owned(), "99999".into()),
        ] {
            let answer = answer(&format!("{job}<p:ReturnValue>4096</p:ReturnValue>"));
            assert_eq!(answer.code(), Some(4096), "{job}");
            assert_eq!(answer.out.len(), 1, "{job}");
            assert_eq!(answer.out[0].1, value, "{job}");
        }
    }

    #[test]
    fn a_return_value_that_is_no_number_is_no_code() {
        let answer = answer("<p:ReturnValue>done</p:ReturnValue>");
        assert_eq!(answer.return_value, Value::One(Scalar::String("done".to_owned())));
        assert_eq!(answer.code(), None);
    }

    #[test]
    fn a_job_is_found_in_a_wrapper_as_well_as_without() {
        let content = "<a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address>\
            <a:ReferenceParameters><w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/wmi/root/\
            virtualization/v2/Msvm_VirtualSystemReferencePointExportJob</w:ResourceURI><w:SelectorSet>\
            <w:Selector Name='InstanceID'>5A9A9CFF</w:Selector></w:SelectorSet></a:ReferenceParameters>";
        let job = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePointExportJob")
            .with_key("InstanceID", "5A9A9CFF");
        for said in [content.to_owned(), format!("<a:EndpointReference>{content}</a:EndpointReference>")] {
            let answer = answer(&format!("<p:Job>{said}</p:Job><p:ReturnValue>4096</p:ReturnValue>"));
            assert!(answer.path("Job").is_some_and(|found| found.is_same_object(&job)), "{said}");
            assert_eq!(answer.code(), Some(4096));
        }
    }
}
