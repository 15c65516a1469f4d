//! The names of the protocol: namespaces with the prefixes that Windows uses, actions, dialects.

use crate::xml::Namespace;

/// SOAP 1.2.
pub const SOAP: Namespace<'static> = Namespace::new("s", "http://www.w3.org/2003/05/soap-envelope");
/// WS-Addressing, the version of August 2004.
pub const ADDRESSING: Namespace<'static> =
    Namespace::new("a", "http://schemas.xmlsoap.org/ws/2004/08/addressing");
/// WS-Enumeration.
pub const ENUMERATION: Namespace<'static> =
    Namespace::new("n", "http://schemas.xmlsoap.org/ws/2004/09/enumeration");
/// WS-Transfer.
pub const TRANSFER: Namespace<'static> =
    Namespace::new("x", "http://schemas.xmlsoap.org/ws/2004/09/transfer");
/// WS-Eventing.
pub const EVENTING: Namespace<'static> =
    Namespace::new("e", "http://schemas.xmlsoap.org/ws/2004/08/eventing");
/// WS-Management, DSP0226.
pub const WSMAN: Namespace<'static> = Namespace::new("w", "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd");
/// Microsoft's additions to it, MS-WSMV.
pub const WSMV: Namespace<'static> =
    Namespace::new("p", "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd");
/// The header that names the client's machine.
pub const MACHINE: Namespace<'static> =
    Namespace::new("m", "http://schemas.microsoft.com/wbem/wsman/1/machineid");
/// The CIM binding, DSP0227.
pub const BINDING: Namespace<'static> =
    Namespace::new("b", "http://schemas.dmtf.org/wbem/wsman/1/cimbinding.xsd");
/// Identify.
pub const IDENTITY: Namespace<'static> =
    Namespace::new("wsmid", "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd");
/// WS-CIM common types, DSP0230.
pub const CIM: Namespace<'static> = Namespace::new("cim", "http://schemas.dmtf.org/wbem/wscim/1/common");
/// The detail of Microsoft's faults.
pub const FAULT: Namespace<'static> =
    Namespace::new("f", "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault");
/// XML Schema instance: `xsi:nil`, `xsi:type`.
pub const XSI: Namespace<'static> = Namespace::new("xsi", "http://www.w3.org/2001/XMLSchema-instance");
/// XML Schema.
pub const XS: Namespace<'static> = Namespace::new("xs", "http://www.w3.org/2001/XMLSchema");

/// The address of whoever sent a message: replies come back on the same exchange.
pub const ANONYMOUS: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";

/// The action of every WS-Management fault, unless its subcode belongs to another specification.
pub const FAULT_ACTION: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault";

/// The prefix of resource URIs for classes of the DMTF schema; the namespace is a selector.
pub const DMTF_PREFIX: &str = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/";
/// The resource from which class declarations are read as CIM-XML.
pub const CLASS_SCHEMA: &str = "http://schemas.dmtf.org/wbem/cim-xml/2/cim-schema/2/*";
/// The selector that names the namespace where the resource URI does not.
pub const CIM_NAMESPACE: &str = "__cimnamespace";

/// Filter dialects.
pub mod dialect {
    /// WQL, with `*` for the class of the resource.
    pub const WQL: &str = "http://schemas.microsoft.com/wbem/wsman/1/WQL";
    /// Equality of keys.
    pub const SELECTOR: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter";
    /// The neighbours of one object.
    pub const ASSOCIATION: &str = "http://schemas.dmtf.org/wbem/wsman/1/cimbinding/associationFilter";
    /// The path to one property, for fragment transfers.
    pub const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
}

/// Modes in which events are delivered.
pub mod delivery {
    /// The client pulls, as it pulls an enumeration.
    pub const PULL: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull";
    /// The host connects back.
    pub const PUSH: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing/DeliveryModes/Push";
    /// The host connects back and wants each batch acknowledged.
    pub const PUSH_WITH_ACK: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/PushWithAck";
    /// The host connects back with batches.
    pub const EVENTS: &str = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Events";
}

/// Actions of the standard operations; a method's action is its class URI, a slash and its name.
pub mod action {
    #![expect(missing_docs, reason = "each is the action URI of the operation it is named for")]
    pub const GET: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get";
    pub const PUT: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Put";
    pub const CREATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create";
    pub const DELETE: &str = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete";
    pub const ENUMERATE: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate";
    pub const PULL: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull";
    pub const RELEASE: &str = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Release";
    pub const SUBSCRIBE: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe";
    pub const UNSUBSCRIBE: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Unsubscribe";
    pub const RENEW: &str = "http://schemas.xmlsoap.org/ws/2004/08/eventing/Renew";
}
