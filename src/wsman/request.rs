//! Requests as a host reads them: one of the operations, found by its action.

use crate::cim::ObjectPath;
use crate::xml::{Element, Reader};

use super::enumerate::{Enumerate, Pull, Release, read_enumerate, read_pull, read_release};
use super::envelope::RequestParts;
use super::error::Error;
use super::eventing::{Renew, Subscribe, Unsubscribe};
use super::fragment::Fragment;
use super::identify::Identify;
use super::instance::Decoder;
use super::invoke::Invoke;
use super::names::{ENUMERATION, EVENTING, IDENTITY, action};
use super::operation::{expect, read_nothing};
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
    /// None of the operations, nor a method of the resource.
    Unknown {
        action: String,
        resource: ObjectPath,
    },
}

/// What a request says that can be understood and that hosts refuse all the same. A simulated host that did
/// not hear of it would pass what Windows faults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Irregularity {
    /// The reference in a method parameter stands in `a:EndpointReference`: no schema of Windows' has it.
    WrappedReference {
        /// The parameter.
        parameter: String,
    },
    /// A method parameter is declared in another letter case, which counts (MS-WSMV 3.1.4.2).
    ParameterCase {
        /// As the request has it.
        said: String,
        /// As the class has it.
        declared: String,
    },
    /// The element of a method's arguments is not in the namespace that is the class URI.
    InputNamespace {
        /// The namespace it is in.
        found: String,
    },
    /// `__cimnamespace` is another namespace than the one in the resource URI, which counts here
    /// (MS-WSMV 3.1.4.1.1).
    DifferentNamespaces {
        /// The namespace in the resource URI.
        resource: String,
        /// The namespace in the selector.
        selector: String,
    },
    /// `w:FragmentTransfer` without `s:mustUnderstand="true"`: who overlooks it changes the whole object
    /// (MS-WSMV 3.1.4.1.18).
    OptionalFragment,
    /// `w:Locale` that must be understood, which may not be asked (MS-WSMV 3.1.4.1.9).
    DemandedLocale,
    /// `p:DataLocale` that must be understood, which may not be asked either.
    DemandedDataLocale,
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
            read_nothing(reader, first)?;
            return GetClass::from_resource(&parts.resource()?).map(Self::GetClass);
        }
        let resource = parts.resource()?;
        match &*action {
            action::GET | action::PUT | action::CREATE | action::DELETE => {
                Self::read_transfer(&action, resource, parts.fragment.take(), reader, first, decoder)
            }
            action::ENUMERATE | action::PULL | action::RELEASE => {
                Self::read_enumeration(&action, resource, reader, first)
            }
            action::SUBSCRIBE | action::RENEW | action::UNSUBSCRIBE => {
                Self::read_eventing(&action, resource, parts.identifier.take(), reader, first)
            }
            _ => match Invoke::method_of(&action, &resource).map(str::to_owned) {
                Some(method) => Invoke::read(reader, first, resource, &method, decoder).map(Self::Invoke),
                None => {
                    read_nothing(reader, first)?;
                    Ok(Self::Unknown { action, resource })
                }
            },
        }
    }

    fn read_transfer(
        action: &str,
        resource: ObjectPath,
        fragment: Option<Fragment>,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Self, Error> {
        if action == action::GET || action == action::DELETE {
            read_nothing(reader, first)?;
            return Ok(match action {
                action::GET => Self::Get(Get { resource, fragment }),
                _ => Self::Delete(Delete { resource, fragment }),
            });
        }
        let first = first.ok_or_else(|| Error::missing("an instance", "s:Body"))?;
        let content = Content::read(reader, &first, &resource.class, decoder)?;
        Ok(match action {
            action::PUT => Self::Put(Put { resource, fragment, content }),
            _ => Self::Create(Create { resource, fragment, content }),
        })
    }

    fn read_enumeration(
        action: &str,
        resource: ObjectPath,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
    ) -> Result<Self, Error> {
        match action {
            action::ENUMERATE => {
                expect(first.as_ref(), ENUMERATION, "Enumerate")?;
                read_enumerate(reader, resource).map(Self::Enumerate)
            }
            action::PULL => {
                expect(first.as_ref(), ENUMERATION, "Pull")?;
                read_pull(reader, resource).map(Self::Pull)
            }
            _ => {
                expect(first.as_ref(), ENUMERATION, "Release")?;
                read_release(reader, resource).map(Self::Release)
            }
        }
    }

    fn read_eventing(
        action: &str,
        resource: ObjectPath,
        identifier: Option<String>,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
    ) -> Result<Self, Error> {
        match action {
            action::SUBSCRIBE => {
                expect(first.as_ref(), EVENTING, "Subscribe")?;
                Subscribe::read(reader, resource).map(Self::Subscribe)
            }
            action::RENEW => {
                expect(first.as_ref(), EVENTING, "Renew")?;
                Renew::read(reader, resource, identifier).map(Self::Renew)
            }
            _ => {
                expect(first.as_ref(), EVENTING, "Unsubscribe")?;
                reader.skip()?;
                Ok(Self::Unsubscribe(Unsubscribe { resource, identifier }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Catalog;
    use crate::wsman::{Incoming, decode_request};
    use crate::xml::Limits;

    const WMI: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2";
    const SERVICE: &str = "Msvm_VirtualSystemReferencePointService";

    fn incoming(action: &str, uri: &str, headers: &str, body: &str) -> Incoming {
        let text = format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
             xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' \
             xmlns:w='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd' \
             xmlns:p='http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd'><s:Header>\
             <a:To>http://hv01:5985/wsman</a:To><a:MessageID>uuid:1</a:MessageID><a:Action>{action}</a:Action>\
             <w:ResourceURI>{uri}</w:ResourceURI>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        );
        decode_request(&text, Catalog::bundled(), &Limits::default())
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn call(input: &str) -> Vec<Irregularity> {
        let uri = format!("{WMI}/{SERVICE}");
        let incoming = incoming(&format!("{uri}/ExportReferencePoint"), &uri, "", input);
        assert!(matches!(incoming.request, Request::Invoke(_)), "{:?}", incoming.request);
        incoming.irregularities
    }

    fn get(headers: &str) -> Vec<Irregularity> {
        incoming(action::GET, &format!("{WMI}/X"), headers, "").irregularities
    }

    #[test]
    fn a_call_as_hosts_want_it_has_no_irregularity() {
        let uri = format!("{WMI}/{SERVICE}");
        let point =
            "<a:Address/><a:ReferenceParameters><w:ResourceURI>x/Y</w:ResourceURI></a:ReferenceParameters>";
        let regular = format!(
            "<i:ExportReferencePoint_INPUT xmlns:i='{uri}'><i:ReferencePoint>{point}</i:ReferencePoint>\
             <i:ExportDirectory>D:\\</i:ExportDirectory></i:ExportReferencePoint_INPUT>"
        );
        assert_eq!(call(&regular), []);
        let wrapped = regular.replace(point, &format!("<a:EndpointReference>{point}</a:EndpointReference>"));
        assert_eq!(
            call(&wrapped),
            [Irregularity::WrappedReference { parameter: "ReferencePoint".to_owned() }]
        );
        assert_eq!(
            call(&regular.replace("ExportDirectory", "exportDirectory")),
            [Irregularity::ParameterCase {
                said: "exportDirectory".to_owned(),
                declared: "ExportDirectory".to_owned()
            }]
        );
        assert_eq!(
            call(&regular.replace(&uri, "urn:other")),
            [Irregularity::InputNamespace { found: "urn:other".to_owned() }]
        );
    }

    #[test]
    fn an_action_that_is_no_method_of_the_resource_is_unknown() {
        let uri = format!("{WMI}/{SERVICE}");
        for action in [
            "http://schemas.xmlsoap.org/ws/2004/09/transfer/Frobnicate".to_owned(),
            uri.clone(),
            format!("{uri}/"),
            format!("{uri}Export"),
            format!("{uri}/a/b"),
        ] {
            let incoming = incoming(&action, &uri, "", "<x xmlns='urn:x'>1</x>");
            let Request::Unknown { action: said, resource } = incoming.request else {
                panic!("{action}: {:?}", incoming.request);
            };
            assert_eq!((said, resource.class.as_str()), (action, SERVICE));
        }
    }

    #[test]
    fn two_namespaces_for_one_object_are_noted_unless_they_are_the_same() {
        let get = |namespace: &str| {
            get(&format!(
                "<w:SelectorSet><w:Selector Name='__cimnamespace'>{namespace}</w:Selector></w:SelectorSet>"
            ))
        };
        assert_eq!(get("ROOT/virtualization/v2"), []);
        assert_eq!(get(r"root\virtualization\v2"), []);
        assert_eq!(
            get("root/cimv2"),
            [Irregularity::DifferentNamespaces {
                resource: "root/virtualization/v2".to_owned(),
                selector: "root/cimv2".to_owned()
            }]
        );
    }

    #[test]
    fn headers_that_must_or_must_not_be_understood_are_noted() {
        for (headers, expected) in [
            ("<w:Locale xml:lang='en-US' s:mustUnderstand='false'/>", vec![]),
            ("<w:Locale xml:lang='en-US' s:mustUnderstand='true'/>", vec![Irregularity::DemandedLocale]),
            ("<p:DataLocale xml:lang='en-US' s:mustUnderstand='1'/>", vec![Irregularity::DemandedDataLocale]),
            ("<w:FragmentTransfer s:mustUnderstand='true'>Caption</w:FragmentTransfer>", vec![]),
            ("<w:FragmentTransfer>Caption</w:FragmentTransfer>", vec![Irregularity::OptionalFragment]),
            (
                "<w:FragmentTransfer s:mustUnderstand='false'>Caption</w:FragmentTransfer>",
                vec![Irregularity::OptionalFragment],
            ),
        ] {
            assert_eq!(get(headers), expected, "{headers}");
        }
    }
}
