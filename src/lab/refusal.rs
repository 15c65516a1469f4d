//! What hosts refuse, and with which fault: subcode, detail and number of each (DSP0226 14, MS-WSMV 3.1.4).

use serde::Deserialize;

use crate::wsman::codes::{self, FAULT_DETAIL_PREFIX};
use crate::wsman::names::{ADDRESSING, BINDING, ENUMERATION, EVENTING, FAULT_ACTION, WSMAN};
use crate::wsman::{Fault, FaultCode, Irregularity, ProviderFault, Subcode, WsmanFault};
use crate::xml::Namespace;

use super::text::Locale;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// The user has too many operations open.
    Quota,
    /// The host does something else that must not happen at the same time.
    Busy,
    /// The operation took longer than the request allows; it may go on.
    TimedOut,
    /// WinRM does not let the user in.
    AccessDenied,
    /// WMI does not let the user into the namespace.
    NamespaceDenied,
    /// Something failed.
    InternalError,
    /// The provider could not be loaded.
    ProviderFailure,
    /// The host is shutting down.
    ShuttingDown,
    /// The object is not there.
    NotFound,
    /// The same, with what the provider says.
    NotFoundByProvider,
    /// The class is not there.
    InvalidClass,
    /// The namespace is not there: no Hyper-V role.
    InvalidNamespace,
    /// A class whose version is not DMTF's, at a DMTF URI.
    NotOfDmtf,
    /// An object without its keys.
    KeysMissing,
    /// A key that the class does not have.
    UnexpectedKey,
    /// A key twice.
    DuplicateKey,
    /// Keys on an enumeration.
    KeysOnEnumeration,
    /// The resource and the selector name different namespaces.
    DifferentNamespaces,
    /// An action that no resource has.
    UnknownAction,
    /// A method that the class does not have.
    UnknownMethod,
    /// The parameters of a method are not those of the class.
    MethodParameters,
    /// A parameter that the method does not have.
    ParameterName,
    /// A parameter of another type.
    ParameterType,
    /// A body that is not as the schema has it.
    Schema,
    /// A body in another namespace than the class.
    InputNamespace,
    /// Text that is no XML.
    InvalidXml,
    /// Another version of SOAP.
    SoapVersion,
    /// A header of WS-Addressing is missing.
    HeaderMissing,
    /// A header that says what cannot be.
    HeaderInvalid,
    /// A header that must be understood and is not.
    NotUnderstood,
    /// A locale that must be understood.
    DemandedLocale,
    /// A data locale that must be understood.
    DemandedDataLocale,
    /// An answer to somewhere else.
    AddressingMode,
    /// An option that must be complied with.
    Options,
    /// A duration that is none.
    TimeoutHeader,
    /// The request is larger than the host takes.
    RequestTooLarge,
    /// The answer is larger than the request allows.
    AnswerTooLarge,
    /// The same, and the method was carried out.
    Unreportable,
    /// The request allows less than any answer needs.
    EnvelopeTooSmall,
    /// A WQL query on a class.
    WqlOnClass,
    /// A query that is none.
    InvalidQuery,
    /// A filter dialect that is not known.
    FilterDialect,
    /// Events, where there are none.
    EventsNotSupported,
    /// A page without items.
    NoElements,
    /// An enumeration that is not there.
    Context,
    /// An enumeration of somebody else.
    OtherUser,
    /// Another resource than that of the enumeration.
    OtherResource,
    /// A mode of polymorphism that is not known.
    Polymorphism,
    /// A part of an object that cannot be had.
    Fragment,
    /// The provider cannot do that.
    NotCapable,
    /// An object of the same keys is there.
    AlreadyExists,
    /// An object that lacks what it has to have.
    ObjectInvalid,
    /// Events that are not to be pulled.
    DeliveryMode,
    /// A subscription that says no language.
    DeliveryLocale,
    /// A subscription that is not there.
    Subscription,
}

use FaultCode::{MustUnderstand, Receiver, Sender, VersionMismatch};

impl Refusal {
    /// Returns who is to blame, the subcode, its detail, the number, and whether the provider says it.
    fn parts(self) -> (FaultCode, Option<(Namespace<'static>, &'static str)>, &'static str, u32, bool) {
        let w = |local| Some((WSMAN, local));
        let a = |local| Some((ADDRESSING, local));
        let n = |local| Some((ENUMERATION, local));
        match self {
            Self::Quota => (Sender, w("QuotaLimit"), "", 0x8033_81A6, false),
            Self::Busy => (Sender, w("Concurrency"), "", 0x8033_8032, false),
            Self::TimedOut => (Receiver, w("TimedOut"), "", 0x8033_8029, false),
            Self::AccessDenied => (Sender, w("AccessDenied"), "", 5, false),
            Self::NamespaceDenied => (Sender, w("AccessDenied"), "", 0x8033_8104, false),
            Self::InternalError => (Receiver, w("InternalError"), "", 0x8033_8003, false),
            Self::ProviderFailure => (Receiver, w("InternalError"), "", 0x8004_1004, true),
            Self::ShuttingDown => (Receiver, w("InternalError"), "", 0x8004_1033, true),
            Self::NotFound => (Sender, a("DestinationUnreachable"), "", 0x8033_8000, false),
            Self::NotFoundByProvider => (Sender, a("DestinationUnreachable"), "", 0x8004_1002, true),
            Self::InvalidClass => {
                (Sender, a("DestinationUnreachable"), "InvalidResourceURI", 0x8004_1010, true)
            }
            Self::InvalidNamespace => {
                (Sender, a("DestinationUnreachable"), "InvalidResourceURI", 0x8004_100E, true)
            }
            Self::NotOfDmtf => {
                (Sender, a("DestinationUnreachable"), "InvalidResourceURI", 0x8033_8139, false)
            }
            Self::KeysMissing => (Sender, w("InvalidSelectors"), "InsufficientSelectors", 0x8033_80FA, false),
            Self::UnexpectedKey => (Sender, w("InvalidSelectors"), "UnexpectedSelectors", 0x8033_805B, false),
            Self::DuplicateKey => (Sender, w("InvalidSelectors"), "DuplicateSelectors", 0x8033_805F, false),
            Self::KeysOnEnumeration => {
                (Sender, w("InvalidSelectors"), "UnexpectedSelectors", 0x8033_8108, false)
            }
            Self::DifferentNamespaces => (Sender, w("InvalidSelectors"), "InvalidValue", 0x8033_813B, false),
            Self::UnknownAction | Self::UnknownMethod => {
                (Sender, a("ActionNotSupported"), "", 0x8033_8001, false)
            }
            Self::MethodParameters => (Receiver, w("InternalError"), "", 0x8004_102F, true),
            Self::ParameterName => (Sender, w("InvalidParameter"), "InvalidName", 0x8033_8055, false),
            Self::ParameterType => (Sender, w("InvalidParameter"), "TypeMismatch", 0x8033_8054, false),
            Self::Schema => (Sender, w("SchemaValidationError"), "", 0x8033_8041, false),
            Self::InputNamespace => (Sender, w("SchemaValidationError"), "", 0x8033_8058, false),
            Self::InvalidXml => (Sender, w("SchemaValidationError"), "", 0x8033_8043, false),
            Self::SoapVersion => (VersionMismatch, None, "", 0x8033_800D, false),
            Self::HeaderMissing => (Sender, a("MessageInformationHeaderRequired"), "", 0x8033_8011, false),
            Self::HeaderInvalid => (Sender, a("InvalidMessageInformationHeader"), "", 0x8033_800F, false),
            Self::NotUnderstood => (MustUnderstand, None, "", 0x8033_8010, false),
            Self::DemandedLocale => (Sender, w("UnsupportedFeature"), "", 0x8033_8087, false),
            Self::DemandedDataLocale => (Sender, w("UnsupportedFeature"), "DataLocale", 0x8033_8042, false),
            Self::AddressingMode => (Sender, w("UnsupportedFeature"), "AddressingMode", 0x8033_8042, false),
            Self::Options => (Sender, w("InvalidOptions"), "", 0x8033_8039, false),
            Self::TimeoutHeader => (Sender, w("InvalidParameter"), "", 0x8033_8081, false),
            Self::RequestTooLarge => (Sender, w("EncodingLimit"), "MaxEnvelopeSize", 0x8033_8047, false),
            Self::AnswerTooLarge => {
                (Sender, w("EncodingLimit"), "MaxEnvelopeSizeExceeded", 0x8033_8048, false)
            }
            Self::Unreportable => (Sender, w("EncodingLimit"), "UnreportableSuccess", 0x8033_8048, false),
            Self::EnvelopeTooSmall => {
                (Sender, w("EncodingLimit"), "MinimumEnvelopeLimit", 0x8033_807E, false)
            }
            Self::WqlOnClass => (Sender, n("CannotProcessFilter"), "", 0x8033_80FB, false),
            Self::InvalidQuery => (Sender, n("CannotProcessFilter"), "", 0x8004_1017, true),
            Self::FilterDialect => (Sender, n("FilterDialectRequestedUnavailable"), "", 0x8033_8019, false),
            Self::EventsNotSupported => (Sender, w("UnsupportedFeature"), "", 0x8033_8042, false),
            Self::NoElements => (Sender, w("UnsupportedFeature"), "MaxElements", 0x8033_802F, false),
            Self::Context => (Receiver, n("InvalidEnumerationContext"), "", 0x8033_801B, false),
            Self::OtherUser => (Sender, w("AccessDenied"), "", 0x8033_81A9, false),
            Self::OtherResource => (Sender, w("InvalidParameter"), "", 0x8033_81AD, false),
            Self::Polymorphism => {
                (Sender, Some((BINDING, "PolymorphismModeNotSupported")), "", 0x8033_8137, false)
            }
            Self::Fragment => (Sender, w("UnsupportedFeature"), "", 0x8033_8077, false),
            Self::AlreadyExists => (Sender, w("AlreadyExists"), "", 0x8004_1019, true),
            Self::ObjectInvalid => (Receiver, w("InternalError"), "", 0x8004_1008, true),
            Self::DeliveryMode => {
                (Sender, Some((EVENTING, "DeliveryModeRequestedUnavailable")), "", 0x8033_80FF, false)
            }
            Self::DeliveryLocale => (Sender, Some((EVENTING, "InvalidMessage")), "", 0x8033_8114, false),
            Self::Subscription => (Sender, Some((EVENTING, "InvalidMessage")), "", 0x8033_8008, false),
            Self::NotCapable => (Sender, a("ActionNotSupported"), "", 0x8033_8102, false),
        }
    }

    /// Returns the local name of the subcode, which is what a log tells.
    pub(super) fn local(self) -> String {
        let (code, subcode, ..) = self.parts();
        subcode.map_or_else(|| code.local().to_owned(), |(_, local)| local.to_owned())
    }

    /// Returns the fault as a host writes it.
    pub(super) fn fault(self, machine: &str, locale: Locale) -> Fault {
        let (code, subcode, detail, number, is_of_provider) = self.parts();
        let text = locale.fault(number).unwrap_or_else(|| english(number));
        let said = |provider| WsmanFault {
            code: Some(number),
            machine: Some(machine.to_owned()),
            message: text.to_owned(),
            provider,
        };
        let provider = is_of_provider.then(|| {
            Box::new(ProviderFault {
                provider: Some("WMI Provider".to_owned()),
                path: Some(r"%systemroot%\system32\WsmWmiPl.dll".to_owned()),
                inner: Some(said(None)),
                ..ProviderFault::default()
            })
        });
        let subcode = subcode.map(|(namespace, local)| Subcode::new(namespace, local));
        let mut wsman = said(provider);
        if is_of_provider {
            // The text then stands inside.
            wsman.message.clear();
        }
        Fault {
            code,
            subcode,
            reason: text.to_owned(),
            detail_uri: (!detail.is_empty()).then(|| format!("{FAULT_DETAIL_PREFIX}{detail}")),
            wsman: Some(wsman),
            cim: None,
        }
    }

    /// Returns the action of the fault's message.
    pub(super) fn action(self) -> String {
        let (_, subcode, ..) = self.parts();
        match subcode.map_or(ADDRESSING.uri, |(namespace, _)| namespace.uri) {
            uri if uri == WSMAN.uri => FAULT_ACTION.to_owned(),
            uri => format!("{uri}/fault"),
        }
    }
}

impl From<&Irregularity> for Refusal {
    fn from(irregularity: &Irregularity) -> Self {
        match irregularity {
            Irregularity::ParameterCase { .. } => Self::ParameterName,
            Irregularity::InputNamespace { .. } => Self::InputNamespace,
            Irregularity::DifferentNamespaces { .. } => Self::DifferentNamespaces,
            Irregularity::OptionalFragment => Self::HeaderInvalid,
            Irregularity::DemandedLocale => Self::DemandedLocale,
            Irregularity::DemandedDataLocale => Self::DemandedDataLocale,
            // `WrappedReference`, and whatever else a schema would not have.
            _ => Self::Schema,
        }
    }
}

/// What a request that could not be read is refused with.
impl From<&crate::wsman::Error> for Refusal {
    fn from(error: &crate::wsman::Error) -> Self {
        use crate::wsman::Error;
        match error {
            Error::Xml(_) => Self::InvalidXml,
            Error::Missing { within, .. } if within == "s:Header" => Self::HeaderMissing,
            Error::Missing { within, .. } if within.starts_with("w:Sel") => Self::KeysMissing,
            Error::Unexpected { expected, .. } if expected.starts_with("s:Envelope") => Self::SoapVersion,
            Error::Unexpected { expected, .. } if expected == "each header once" => Self::HeaderInvalid,
            Error::Unexpected { expected, .. } if expected == "each selector once" => Self::DuplicateKey,
            Error::Unexpected { expected, .. } if expected == "a polymorphism mode" => Self::Polymorphism,
            Error::Value { place, .. } if place == "OperationTimeout" => Self::TimeoutHeader,
            _ => Self::Schema,
        }
    }
}

/// Returns the English text of a number.
fn english(number: u32) -> &'static str {
    let code = codes::wsman(number).or_else(|| codes::wbem(number)).or_else(|| codes::win32(number));
    code.map_or("The request cannot be carried out.", |code| code.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Refusal; 12] = [
        Refusal::Quota,
        Refusal::TimedOut,
        Refusal::AccessDenied,
        Refusal::NamespaceDenied,
        Refusal::NotFound,
        Refusal::NotFoundByProvider,
        Refusal::InvalidClass,
        Refusal::InvalidNamespace,
        Refusal::Context,
        Refusal::AnswerTooLarge,
        Refusal::Unreportable,
        Refusal::Busy,
    ];

    /// What a client has to tell apart it can tell apart by the numbers.
    #[test]
    fn each_refusal_is_the_kind_of_fault_that_its_name_says() {
        for refusal in ALL {
            let fault = refusal.fault("hv01.lab.example", Locale::default());
            assert_eq!(fault.is_quota(), refusal == Refusal::Quota, "{refusal:?}");
            assert_eq!(fault.is_timeout(), refusal == Refusal::TimedOut, "{refusal:?}");
            let denied = [Refusal::AccessDenied, Refusal::NamespaceDenied].contains(&refusal);
            assert_eq!(fault.is_access_denied(), denied, "{refusal:?}");
            let missing = [Refusal::NotFound, Refusal::NotFoundByProvider].contains(&refusal);
            assert_eq!(fault.is_not_found(), missing, "{refusal:?}");
            let class = [Refusal::InvalidClass, Refusal::InvalidNamespace].contains(&refusal);
            assert_eq!(fault.is_class_missing(), class, "{refusal:?}");
            assert_eq!(fault.is_context_gone(), refusal == Refusal::Context, "{refusal:?}");
            assert_eq!(fault.was_carried_out(), refusal == Refusal::Unreportable, "{refusal:?}");
            let not_started = [Refusal::Quota, Refusal::Busy].contains(&refusal);
            assert_eq!(fault.proves_not_started(), not_started, "{refusal:?}");
        }
    }

    #[test]
    fn every_number_and_detail_of_a_refusal_is_a_documented_one() {
        for refusal in ALL.into_iter().chain([
            Refusal::KeysMissing,
            Refusal::UnexpectedKey,
            Refusal::DuplicateKey,
            Refusal::DifferentNamespaces,
            Refusal::MethodParameters,
            Refusal::ParameterName,
            Refusal::Schema,
            Refusal::InvalidXml,
            Refusal::HeaderMissing,
            Refusal::DemandedLocale,
            Refusal::DemandedDataLocale,
            Refusal::Options,
            Refusal::RequestTooLarge,
            Refusal::EnvelopeTooSmall,
            Refusal::WqlOnClass,
            Refusal::InvalidQuery,
            Refusal::FilterDialect,
            Refusal::NoElements,
            Refusal::OtherUser,
            Refusal::OtherResource,
            Refusal::Fragment,
            Refusal::NotCapable,
            Refusal::AlreadyExists,
            Refusal::ObjectInvalid,
            Refusal::DeliveryMode,
            Refusal::DeliveryLocale,
            Refusal::Subscription,
            Refusal::Polymorphism,
        ]) {
            let fault = refusal.fault("hv01", Locale::default());
            assert!(codes::of_fault(fault.wsman_code().unwrap()).is_some(), "{refusal:?}");
            let detail = fault.detail_uri.as_deref();
            // That of the data locale is Microsoft's own (MS-WSMV 3.1.4.1.9), the others are of DSP0226.
            let is_known = |uri: &str| uri.ends_with("/DataLocale") || codes::fault_detail(uri).is_some();
            assert!(detail.is_none_or(is_known), "{refusal:?} {detail:?}");
            if let Some(subcode) = &fault.subcode {
                assert!(codes::subcode(&subcode.namespace, &subcode.local).is_some(), "{refusal:?}");
            }
        }
    }
}
