//! What must hold for any bytes that a host, a file or an operator may bring: one function per decoder.
//!
//! The fuzz targets of `fuzz/` and the replay of their corpora share these. None may panic on any input,
//! and what decodes says the same when it is encoded and decoded again. Where writing loses something on
//! purpose, the comparison forgets it first; the comment beside it says where the loss is documented.

use std::fmt::{Debug, Write as _};

use refpoint::cim::{Catalog, DateTime, Instance, Interval, Key, ObjectPath, Scalar, Timestamp, Type, Value};
use refpoint::cim::{Class, embedded, mof};
use refpoint::wsman::{
    Content, Create, Delete, Enumerate, Error, Fault, Get, GetClass, Identify, Incoming, Invoke, Item,
    Opening, Operation, Page, ProviderFault, Pull, Put, Renew, Reply, ReplyHeader, Request, Style, Subscribe,
    Unsubscribe, WsmanFault, codes, decode_reply, decode_request, encode_fault, encode_reply, encode_request,
    names,
};
use refpoint::xml::{self, Limits, Namespace, Node, Reader, Writer};

/// A request, as a host reads it.
pub(crate) fn request_envelope(bytes: &[u8]) {
    let Ok(text) = xml::decode(bytes, None) else { return };
    let Ok(first) = decode_request(&text, catalog(), &Limits::default()) else { return };
    // What is no operation is not encoded.
    if matches!(first.request, Request::Unknown { .. }) {
        return;
    }
    // A method, a class or a fault code may have a name that no element can have.
    let Ok(ours) = encode(&first) else { return };
    let Some(second) = readable(decode_request(&ours, catalog(), &Limits::default()), &ours) else { return };
    if is_taken_for_another_operation(&first) {
        return;
    }
    assert_same(&settled_request(first), &settled_request(second), &ours);
}

/// An answer, read as that of every operation: which one it answers is the client's knowledge.
pub(crate) fn reply_envelope(bytes: &[u8]) {
    let Ok(text) = xml::decode(bytes, None) else { return };
    let point = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePoint").with_key("InstanceID", "x");
    let service = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePointService");
    let job = ObjectPath::new(NAMESPACE, "CIM_ConcreteJob");
    let content = Content::Instance(Instance::new("Msvm_VirtualSystemReferencePoint"));
    let enumerate = Enumerate::new(job);
    reply(&Get::new(point.clone()), &text, flat_content);
    reply(&enumerate, &text, flat_page);
    reply(&Enumerate { opening: Opening::Context, ..enumerate.clone() }, &text, |page| page.context);
    reply(&enumerate.pull("c"), &text, flat_page);
    reply(&Enumerate::query(NAMESPACE, "SELECT * FROM Msvm_ComputerSystem").pull("c"), &text, flat_page);
    reply(&enumerate.release("c"), &text, |()| ());
    for method in ["ExportReferencePoint", "AMethodThatNoSchemaDeclares"] {
        reply(&Invoke::new(service.clone(), method), &text, |invoked| {
            let out = invoked.out.iter().map(|(name, value)| (name.clone(), told(value)));
            (told(&invoked.return_value), out.collect::<Vec<_>>())
        });
    }
    reply(&Identify, &text, |identity| identity);
    reply(&Subscribe::query(NAMESPACE, "SELECT * FROM X"), &text, |subscribed| subscribed);
    reply(&Renew { resource: point.clone(), identifier: None, expires: None }, &text, |expires| expires);
    reply(&Unsubscribe { resource: point.clone(), identifier: None }, &text, |()| ());
    let put = Put { resource: point.clone(), fragment: None, content: content.clone() };
    reply(&put, &text, |changed| changed.map(flat_content));
    reply(&Create { resource: point.clone(), fragment: None, content }, &text, |reference| reference);
    reply(&Delete::new(point), &text, |()| ());
    let get_class = GetClass { namespace: NAMESPACE.into(), class: "CIM_ConcreteJob".into() };
    reply(&get_class, &text, flat_class);
}

/// A fault: the whole answer, the content of a body, or the content of `s:Fault`.
pub(crate) fn fault(bytes: &[u8]) {
    let Ok(text) = xml::decode(bytes, None) else { return };
    let open = format!(
        "<s:Envelope xmlns:s='{}' xmlns:a='{}' xmlns:w='{}' xmlns:f='{}' xmlns:b='{}' xmlns:xsi='{}'><s:Body>",
        names::SOAP.uri,
        names::ADDRESSING.uri,
        names::WSMAN.uri,
        names::FAULT.uri,
        names::BINDING.uri,
        names::XSI.uri,
    );
    for text in [
        text.to_string(),
        format!("{open}{text}</s:Body></s:Envelope>"),
        format!("{open}<s:Fault>{text}</s:Fault></s:Body></s:Envelope>"),
    ] {
        let reply =
            decode_reply(&Delete::new(ObjectPath::new("root", "X")), &text, catalog(), &Limits::default());
        if let Ok(Reply { header, result: Err(fault) }) = reply {
            fault_is_sound(&header, &fault);
        }
    }
}

/// CIM-XML text of an instance, read for itself and by the bundled declarations.
pub(crate) fn embedded_instance(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(first) = embedded::read(text) {
        let Ok(ours) = embedded::write(&first) else {
            assert!(holds_unwritable(&first), "{first:?}");
            return;
        };
        let second = embedded::read(&ours);
        let second = second.unwrap_or_else(|error| panic!("{error:?} in what we wrote: {ours}"));
        assert_same(&told_as_sent(&first), &told_as_sent(&second), &ours);
    }
    if let Ok(first) = embedded::read_declared(text, catalog()) {
        let Ok(ours) = embedded::write_declared(&first, catalog()) else {
            assert!(holds_unwritable(&first), "{first:?}");
            return;
        };
        let second = embedded::read_declared(&ours, catalog());
        let second = second.unwrap_or_else(|error| panic!("{error:?} in what we wrote: {ours}"));
        assert_same(&told_as_sent(&first), &told_as_sent(&second), &ours);
    }
}

/// Class declarations.
pub(crate) fn mof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(classes) = mof::read(text) else { return };
    for class in classes {
        let ours = mof::write(&class);
        let again = mof::read(&ours).unwrap_or_else(|error| panic!("{error} in what we wrote: {ours}"));
        let [again] = <[Class; 1]>::try_from(again).expect("one class was written");
        // A reference that is a default comes back with its keys in alphabetical order (`mof::write`).
        assert_same(&flat_class(class), &flat_class(again), &ours);
    }
    // Whether the classes belong together is another question, to which any answer will do.
    let _ = Catalog::from_mof([text]);
}

/// WMI path text.
pub(crate) fn object_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(first) = text.parse::<ObjectPath>() else { return };
    let ours = first.to_string();
    let second: ObjectPath = ours.parse().unwrap_or_else(|error| panic!("{error} in what we wrote: {ours}"));
    assert!(second.is_same_object(&first), "{ours} is not {text}");
    // A path that names a host but no namespace cannot be written otherwise than with the default one.
    assert_eq!(second.host, first.host, "{ours}");
    assert_eq!(second.is_singleton, first.is_singleton, "{ours}");
    assert_eq!(second.to_string(), ours);
    let selectors = first.selectors().map(|(name, key)| ((&*name).into(), key.into_owned()));
    let from_wire = ObjectPath::from_resource(&first.resource_uri(), selectors.collect());
    assert!(from_wire.is_same_object(&first), "{from_wire:?} is not {first:?}");
    assert_eq!(from_wire.resource_uri(), first.resource_uri());
}

/// Points in time and intervals, in every spelling.
pub(crate) fn datetime(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = text.parse::<Interval>();
    let _ = text.parse::<Timestamp>();
    let Ok(first) = text.parse::<DateTime>() else { return };
    assert_eq!(first.to_string().parse(), Ok(first), "{first}");
    if let Some(dmtf) = first.to_dmtf() {
        // The DMTF spelling ends at microseconds.
        let cut: DateTime = dmtf.parse().unwrap_or_else(|error| panic!("{error} in what we wrote: {dmtf}"));
        assert_eq!(cut.to_dmtf().as_deref(), Some(&*dmtf));
        assert!(cut <= first, "{dmtf} is after {first}");
    }
    match first {
        DateTime::Absolute(at) => {
            assert_eq!(
                Timestamp::new(at.unix_seconds(), at.subsecond_nanoseconds(), at.offset_minutes()),
                Some(at)
            );
        }
        DateTime::Interval(length) => {
            assert_eq!(Interval::new(length.as_duration()), length);
            assert!(length.to_seconds().parse::<Interval>().is_ok_and(|cut| cut <= length), "{first}");
        }
    }
}

/// XML in any encoding. The first byte chooses the charset parameter, the rest is the document.
pub(crate) fn xml_text(bytes: &[u8]) {
    let Some((&choice, document)) = bytes.split_first() else { return };
    let charset = match choice % 6 {
        0 => None,
        1 => Some("utf-8"),
        2 => Some("UTF-16"),
        3 => Some("utf-16be"),
        4 => Some("\"utf-16le\""),
        _ => Some("iso-8859-1"),
    };
    let Ok(text) = xml::decode(document, charset) else { return };
    let Ok(first) = events(&text) else { return };
    // The other parser does not know that elements, too, may have the prefix `xml` and attributes of other
    // namespaces the name `xmlns`, and leaves a carriage return that follows the reference to one.
    let is_odd = |event: &Event| match event {
        Event::Start(uri, _, attributes) => {
            uri == xml::XML.uri || attributes.iter().any(|(_, local, _)| local == "xmlns")
        }
        _ => false,
    };
    if !text.contains('\r') && !first.iter().any(is_odd) {
        let foreign = roxmltree::Document::parse(&text);
        let foreign = foreign.unwrap_or_else(|error| panic!("another parser says {error} about {text:?}"));
        assert_same(&first, &foreign_events(foreign.root_element()), &text);
    }
    let ours = rewritten(&first);
    let second = events(&ours).unwrap_or_else(|error| panic!("{error} in what we wrote: {ours}"));
    assert_same(&first, &second, &ours);
}

const NAMESPACE: &str = "root/virtualization/v2";

fn catalog() -> &'static Catalog {
    Catalog::bundled()
}

/// Compares by what is shown, in which no number is unlike itself and names keep their letter case.
fn assert_same(first: &impl Debug, second: &impl Debug, text: &str) {
    let (first, second) = (format!("{first:?}"), format!("{second:?}"));
    assert!(first == second, "\n  read:  {first}\n  wrote: {text}\n  read:  {second}");
}

/// What we wrote can be read, unless it says in a namespace what is longer than any: a class URI.
fn readable<T>(read: Result<T, Error>, text: &str) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(Error::Xml(xml::Error { problem: xml::Problem::LongNamespace(_), .. })) => None,
        Err(error) => panic!("{error:?} in what we wrote: {text}"),
    }
}

// ---- requests ----

fn encode(incoming: &Incoming) -> Result<String, Error> {
    let header = &incoming.header;
    match &incoming.request {
        Request::Identify(operation) => encode_request(header, operation),
        Request::Get(operation) => encode_request(header, operation),
        Request::GetClass(operation) => encode_request(header, operation),
        Request::Put(operation) => encode_request(header, operation),
        Request::Create(operation) => encode_request(header, operation),
        Request::Delete(operation) => encode_request(header, operation),
        Request::Enumerate(operation) => encode_request(header, operation),
        Request::Pull(operation) => encode_request(header, operation),
        Request::Release(operation) => encode_request(header, operation),
        Request::Subscribe(operation) => encode_request(header, operation),
        Request::Renew(operation) => encode_request(header, operation),
        Request::Unsubscribe(operation) => encode_request(header, operation),
        Request::Invoke(operation) => encode_request(header, operation),
        other => panic!("{other:?} is not encoded here"),
    }
}

/// Whether a call's action is that of another operation: its class URI says whatever the sender likes.
fn is_taken_for_another_operation(incoming: &Incoming) -> bool {
    let Request::Invoke(call) = &incoming.request else { return false };
    call.action().starts_with("http://schemas.xmlsoap.org/ws/2004/0")
}

/// A request without what a client never writes and without what the wire cannot hold.
fn settled_request(mut incoming: Incoming) -> Incoming {
    // Clients write the anonymous address and only headers that they know.
    incoming.reply_to = None;
    incoming.not_understood.clear();
    incoming.irregularities.clear();
    (incoming.fault_to, incoming.from, incoming.compression) = (None, None, None);
    cut(&mut incoming.header.operation_timeout);
    match &mut incoming.request {
        // Identify needs no header, and gets none.
        Request::Identify(_) => incoming.header = refpoint::wsman::RequestHeader::new("", ""),
        Request::Put(Put { content, .. }) | Request::Create(Create { content, .. }) => {
            *content = flat_content(content.clone());
        }
        Request::Enumerate(Enumerate { expires, .. }) | Request::Renew(Renew { expires, .. }) => cut(expires),
        Request::Subscribe(Subscribe { expires, heartbeats, .. }) => {
            cut(expires);
            cut(heartbeats);
        }
        Request::Pull(Pull { max_time, .. }) => cut(max_time),
        Request::Invoke(call) => {
            for (_, value) in &mut call.arguments {
                *value = told(value).into();
            }
        }
        _ => {}
    }
    incoming
}

/// Cuts an interval as headers do ([`Interval::to_seconds`]).
fn cut(interval: &mut Option<Interval>) {
    *interval = interval.map(|interval| interval.to_seconds().parse().expect("our own spelling"));
}

// ---- replies ----

/// Reads a text as the answer to one operation, and what is written of it again.
fn reply<O: Operation, F: Debug>(operation: &O, text: &str, flat: impl Fn(O::Reply) -> F) {
    for style in [Style::WINDOWS, Style::OMI] {
        let Ok(first) = decode_reply(operation, text, catalog(), &Limits::default()) else { return };
        let ours =
            encode_reply(&first.header, operation, first.result.as_ref().map_err(|fault| &**fault), style);
        let Ok(ours) = ours else { return };
        let second = decode_reply(operation, &ours, catalog(), &Limits::default());
        let Some(second) = readable(second, &ours) else { return };
        assert_same(&first.header, &second.header, &ours);
        match (first.result, second.result) {
            (Ok(first), Ok(second)) => assert_same(&flat(first), &flat(second), &ours),
            (Err(first), Err(second)) => assert_same(&flat_fault(*first), &flat_fault(*second), &ours),
            _ => panic!("a fault became none, or the other way round: {ours}"),
        }
    }
}

fn fault_is_sound(header: &ReplyHeader, fault: &Fault) {
    let shown = fault.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(!(fault.is_not_found() && fault.is_access_denied()), "{fault:?}");
    assert!(!(fault.was_carried_out() && fault.proves_not_started()), "{fault:?}");
    let _ = (fault.is_timeout(), fault.is_quota(), fault.is_context_gone(), fault.is_too_large());
    for number in fault.numbers() {
        let _ = (codes::is_quota(number), codes::proves_not_started(number));
    }
    // A code that is no name can be read, but not written.
    let Ok(ours) = encode_fault(header, fault) else {
        let subcode = fault.subcode.as_ref().map(|subcode| &*subcode.local);
        let mut names = [Some(fault.code.local()), subcode].into_iter().flatten();
        assert!(names.any(|name| !xml::is_ncname(name)), "{fault:?}");
        return;
    };
    let reply =
        decode_reply(&Delete::new(ObjectPath::new("root", "X")), &ours, catalog(), &Limits::default());
    let Some(reply) = readable(reply, &ours) else { return };
    assert_same(header, &reply.header, &ours);
    let again = reply.result.expect_err("a fault was written");
    assert_same(&flat_fault(fault.clone()), &flat_fault(*again), &ours);
}

/// A fault with its instances as their texts. Error instances are written in the DMTF's namespace of
/// classes, where no CIM namespace stands.
fn flat_fault(mut fault: Fault) -> Fault {
    fn flat(instance: &mut Option<Instance>) {
        if let Some(instance) = instance {
            instance.namespace = None;
            *instance = Instance::new(told_instance(instance));
        }
    }
    fn flat_wsman(fault: &mut WsmanFault) {
        if let Some(provider) = &mut fault.provider {
            let ProviderFault { inner, instance, .. } = &mut **provider;
            flat(instance);
            inner.iter_mut().for_each(flat_wsman);
        }
    }
    flat(&mut fault.cim);
    fault.wsman.iter_mut().for_each(flat_wsman);
    fault
}

fn flat_content(content: Content) -> Content {
    match content {
        Content::Instance(instance) => Content::Instance(Instance::new(told_instance(&instance))),
        Content::Properties(instance) => Content::Properties(Instance::new(told_instance(&instance))),
        Content::Text(text) => Content::Text(text),
    }
}

fn flat_page(mut page: Page) -> Page {
    for item in &mut page.items {
        match item {
            Item::Object(instance) | Item::Projection(instance) | Item::ObjectAndReference(instance, _) => {
                *instance = Instance::new(told_instance(instance));
            }
            Item::Reference(_) => {}
        }
    }
    page
}

/// A class with its defaults as their texts; one that is null says no more than none.
fn flat_class(mut class: Class) -> Class {
    for property in &mut class.properties {
        let default = property.default.take().filter(|default| !default.is_null());
        property.default = default.map(|default| told(&default).into());
    }
    class
}

// ---- values ----

/// What a value says, as text: without a schema the wire does not tell a number from its digits.
fn told(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::One(scalar) => told_scalar(scalar),
        Value::Many(items) => {
            let items = items.iter().map(|item| item.as_ref().map_or("null".to_owned(), told_scalar));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
    }
}

fn told_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Object(instance) => told_instance(instance),
        Scalar::Reference(path) => {
            assert!(path.to_string().len() < 1 << 22, "a path of a message grows beyond all bounds as text");
            told_path(path)
        }
        other => told_text(&other.to_text().expect("everything else has a text")),
    }
}

/// OMI writes booleans in capitals.
fn told_text(text: &str) -> String {
    match text {
        "TRUE" | "FALSE" => format!("{:?}", text.to_ascii_lowercase()),
        other => format!("{other:?}"),
    }
}

/// The properties in alphabetical order, as Windows writes them.
fn told_instance(instance: &Instance) -> String {
    let mut properties: Vec<_> = instance.properties().iter().collect();
    properties.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = format!("{:?} {:?} {{", instance.namespace, instance.class);
    for property in properties {
        // Writing into a string cannot fail.
        let _ = write!(text, "{}: {}, ", property.name, told(&property.value));
    }
    text + "}"
}

/// A path as the wire holds it, where host and types of keys are not said.
fn told_path(path: &ObjectPath) -> String {
    let mut keys: Vec<_> = path.keys.iter().collect();
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut text =
        format!("<{} {:?}", path.resource_uri(), path.namespace.as_deref().unwrap_or("root/cimv2"));
    for (name, key) in keys {
        let key = match key {
            Key::Path(path) => told_path(path),
            Key::Boolean(value) => format!("{:?}", value.to_string()),
            other => told_text(&other.text()),
        };
        let _ = write!(text, " {name}={key}");
    }
    text + ">"
}

/// An instance as CIM-XML text keeps it ([`embedded`]): null is left out, references are strings, datetimes
/// end at microseconds.
fn told_as_sent(instance: &Instance) -> String {
    fn scalar_as_sent(scalar: &Scalar) -> String {
        match scalar {
            Scalar::Object(instance) => told_as_sent(instance),
            Scalar::DateTime(datetime) => format!("{:?}", datetime.to_dmtf()),
            Scalar::Reference(_) => format!("{:?} {:?}", Type::String, scalar.to_text()),
            other => format!("{:?} {:?}", other.ty(), other.to_text()),
        }
    }
    let mut text = format!("{} {{", instance.class);
    for property in instance.properties().iter().filter(|property| !property.value.is_null()) {
        let value = match &property.value {
            Value::Null => "null".to_owned(),
            Value::One(scalar) => scalar_as_sent(scalar),
            Value::Many(items) => {
                format!(
                    "{:?}",
                    items.iter().map(|item| item.as_ref().map(scalar_as_sent)).collect::<Vec<_>>()
                )
            }
        };
        let _ = write!(text, "{}: {value}, ", property.name);
    }
    text + "}"
}

/// Whether an instance holds an interval that is too long for the DMTF spelling.
fn holds_unwritable(instance: &Instance) -> bool {
    let mut scalars = instance.properties().iter().flat_map(|property| property.value.scalars());
    scalars.any(|scalar| match scalar {
        Scalar::DateTime(datetime) => datetime.to_dmtf().is_none(),
        Scalar::Object(instance) => holds_unwritable(instance),
        _ => false,
    })
}

// ---- XML ----

#[derive(Debug, PartialEq)]
enum Event {
    Start(String, String, Vec<(String, String, String)>),
    Text(String),
    End,
}

/// Everything that a document says, adjacent texts put together.
fn events(text: &str) -> Result<Vec<Event>, xml::Error> {
    let mut reader = Reader::new(text, &Limits::default())?;
    let start = |reader: &Reader<'_>, element: &xml::Element<'_>| {
        let attributes = reader.attributes().iter().map(|attribute| {
            let name = &attribute.name;
            (name.namespace.to_string(), name.local.to_owned(), attribute.value.to_string())
        });
        Event::Start(element.name.namespace.to_string(), element.name.local.to_owned(), attributes.collect())
    };
    let root = reader.root()?;
    let mut events = vec![start(&reader, &root)];
    let mut open = 1;
    while open > 0 {
        match reader.node()? {
            Node::Element(element) => {
                assert!(text[element.offset..].starts_with('<'), "the offset of {element:?}");
                events.push(start(&reader, &element));
                open += 1;
            }
            Node::Text(piece) => match events.last_mut() {
                Some(Event::Text(text)) => text.push_str(&piece),
                _ if piece.is_empty() => {}
                _ => events.push(Event::Text(piece.into_owned())),
            },
            Node::End => {
                events.push(Event::End);
                open -= 1;
            }
        }
    }
    reader.finish()?;
    Ok(events)
}

/// The same document by our own writer.
fn rewritten(events: &[Event]) -> String {
    fn namespace(uri: &str) -> Namespace<'_> {
        match uri {
            "" => Namespace::NONE,
            uri if uri == xml::XML.uri => xml::XML,
            uri => Namespace::new("n", uri),
        }
    }
    let mut writer = Writer::new();
    for event in events {
        match event {
            Event::Start(uri, local, attributes) => {
                writer.start(namespace(uri), local);
                for (uri, local, value) in attributes {
                    writer.attribute(namespace(uri), local, value);
                }
            }
            Event::Text(text) => _ = writer.text(text),
            Event::End => _ = writer.end(),
        }
    }
    writer.finish().unwrap_or_else(|error| panic!("{error}: what was read can be written: {events:?}"))
}

/// The same as another parser finds it.
fn foreign_events(element: roxmltree::Node<'_, '_>) -> Vec<Event> {
    let name = |uri: Option<&str>, local: &str| (uri.unwrap_or_default().to_owned(), local.to_owned());
    let attributes = element.attributes().map(|attribute| {
        let (uri, local) = name(attribute.namespace(), attribute.name());
        (uri, local, attribute.value().to_owned())
    });
    let (uri, local) = name(element.tag_name().namespace(), element.tag_name().name());
    let mut events = vec![Event::Start(uri, local, attributes.collect())];
    for node in element.children() {
        match (node.is_element(), node.text().filter(|_| node.is_text()), events.last_mut()) {
            (true, ..) => events.extend(foreign_events(node)),
            (_, Some(more), Some(Event::Text(text))) => text.push_str(more),
            (_, Some(text), _) if !text.is_empty() => events.push(Event::Text(text.to_owned())),
            _ => {}
        }
    }
    events.push(Event::End);
    events
}
