//! Saved messages: requests and replies of which nobody remembers what was asked.

use std::borrow::Cow;

use refpoint::cim::{Catalog, Name, ObjectPath, Value};
use refpoint::wsman::{
    self, Content, Decoder, EndpointReference, Enumerate, Fault, FaultCode, Filter, Get, GetClass, Head,
    Identify, Identity, Invoke, Invoked, Item, Operation, Page, Request, Style, Subscribe, Subscribed,
    decode_reply, decode_request, names,
};
use refpoint::wsman::{Create, Pull};
use refpoint::xml::{self, Element, Limits, Reader, Writer};
use serde_json::{Map, Value as Json, json};

use super::report::{schema, value};

/// A message that somebody saved.
pub(crate) struct Saved<'b> {
    text: Cow<'b, str>,
}

/// Why a file holds no message that can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The login's keys are gone.
    #[error("it is sealed, and the keys went with its connection")]
    Sealed,
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is no XML.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// It is XML, and no message.
    #[error(transparent)]
    Message(#[from] wsman::Error),
}

impl<'b> Saved<'b> {
    /// Reads a file: XML in UTF-8 or UTF-16, or a whole HTTP message.
    pub(crate) fn new(bytes: &'b [u8]) -> Result<Self, Problem> {
        let (content_type, body) = split_http(bytes);
        let is_sealed =
            content_type.is_some_and(|it| starts_with(it, b"multipart/")) || body.starts_with(b"--");
        if is_sealed {
            return Err(Problem::Sealed);
        }
        if body.trim_ascii().is_empty() {
            return Err(Problem::Empty);
        }
        let charset =
            content_type.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| it.split_once("charset="));
        let charset = charset.and_then(|(_, rest)| rest.split(';').next());
        Ok(Self { text: xml::decode(body, charset)? })
    }

    /// Returns what is in it, in the shape of the contract.
    pub(crate) fn describe(&self, file: &str) -> Result<Json, Problem> {
        let outline = Outline::read(&self.text)?;
        let mut found = Findings::default();
        if outline.is_request() {
            let incoming = decode_request(&self.text, Catalog::bundled(), &Limits::default())?;
            found.request(incoming.request);
        } else {
            let anything = Anything { action: outline.action.as_deref() };
            let reply = decode_reply(&anything, &self.text, Catalog::bundled(), &Limits::default())?;
            match reply.result {
                Ok(said) => found.said(said),
                Err(fault) => found.fault = self::fault(&fault),
            }
        }
        Ok(found.into_json(file, outline.action))
    }
}

/// Splits an HTTP message into the value of its `Content-Type` and its body. Anything else is all body.
fn split_http(bytes: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let is_http = bytes.starts_with(b"HTTP/1.") || bytes.starts_with(b"POST ");
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n").filter(|_| is_http) else {
        return (None, bytes);
    };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    const NAME: &[u8] = b"content-type:";
    let content_type = lines.find(|line| starts_with(line, NAME)).map(|line| line[NAME.len()..].trim_ascii());
    (content_type, &bytes[end + 4..])
}

fn starts_with(bytes: &[u8], lower: &[u8]) -> bool {
    bytes.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

/// What has to be known of a message before it can be read.
#[derive(Default)]
struct Outline {
    action: Option<String>,
    is_answer: bool,
    /// The first element of the body.
    first: Option<String>,
}

impl Outline {
    fn read(text: &str) -> Result<Self, xml::Error> {
        let mut outline = Self::default();
        let mut reader = Reader::new(text, &Limits::default())?;
        reader.root()?;
        while let Some(part) = reader.child()? {
            if part.name.is(names::SOAP, "Header") {
                while let Some(header) = reader.child()? {
                    if header.name.is(names::ADDRESSING, "Action") {
                        outline.action = Some(reader.text()?.trim().to_owned());
                    } else {
                        outline.is_answer |= header.name.is(names::ADDRESSING, "RelatesTo");
                        reader.skip()?;
                    }
                }
            } else if part.name.is(names::SOAP, "Body")
                && let Some(first) = reader.child()?
            {
                outline.first = Some(first.name.local.to_owned());
                return Ok(outline);
            } else {
                return Ok(outline);
            }
        }
        Ok(outline)
    }

    fn is_request(&self) -> bool {
        let answers = |name: &Option<String>| {
            let says =
                |name: &str| name.ends_with("Response") || name.ends_with("_OUTPUT") || name == "Fault";
            name.as_deref().is_some_and(says)
        };
        let asks = self.action.is_some() || self.first.as_deref() == Some("Identify");
        asks && !self.is_answer && !answers(&self.action) && !answers(&self.first)
    }
}

/// Whatever a host may answer: the element in the body tells what was asked.
struct Anything<'a> {
    action: Option<&'a str>,
}

/// What a host answered.
enum Said {
    Nothing,
    Identity(Identity),
    Content(Content),
    Reference(EndpointReference),
    Page(Page),
    Subscribed(Subscribed),
    Invoked(String, Invoked),
    Class(refpoint::cim::Class),
}

impl Anything<'_> {
    /// Returns the call that an element answers: `Method_OUTPUT` in the namespace of the class; or, as OMI has
    /// it, the method's bare name, which then also ends the action.
    fn call(&self, element: &Element<'_>) -> Option<Invoke> {
        let local = element.name.local;
        if let Some(method) = local.strip_suffix("_OUTPUT") {
            let class = ObjectPath::from_resource(&element.name.namespace, Vec::new());
            return Some(Invoke::new(class, method));
        }
        let (class, method) = self.action?.rsplit_once('/')?;
        (method == local).then(|| Invoke::new(ObjectPath::from_resource(class, Vec::new()), local))
    }
}

/// It is only ever read: that is the use that is made of the library's door for one's own operations.
impl Operation for Anything<'_> {
    type Reply = Said;

    const REPEATABLE: bool = true;

    fn head(&self) -> Head<'_> {
        Head::default()
    }

    fn write_body(&self, _: &mut Writer) {}

    fn read_reply(
        &self,
        reader: &mut Reader<'_>,
        first: Option<Element<'_>>,
        decoder: &mut Decoder<'_>,
    ) -> Result<Said, wsman::Error> {
        let Some(element) = &first else { return Ok(Said::Nothing) };
        let anything = || ObjectPath::new("", "*");
        match element.name.local {
            "IdentifyResponse" => Identify.read_reply(reader, first, decoder).map(Said::Identity),
            "EnumerateResponse" if element.name.is_in(names::ENUMERATION) => {
                Enumerate::new(anything()).read_reply(reader, first, decoder).map(Said::Page)
            }
            "PullResponse" if element.name.is_in(names::ENUMERATION) => {
                let pull: Pull = Enumerate::new(anything()).pull("");
                pull.read_reply(reader, first, decoder).map(Said::Page)
            }
            "SubscribeResponse" if element.name.is_in(names::EVENTING) => {
                Subscribe::query("", "").read_reply(reader, first, decoder).map(Said::Subscribed)
            }
            "ResourceCreated" if element.name.is_in(names::TRANSFER) => {
                let create =
                    Create { resource: anything(), fragment: None, content: Content::Text(String::new()) };
                create.read_reply(reader, first, decoder).map(Said::Reference)
            }
            "CLASS" => {
                let question = GetClass { namespace: Name::from(""), class: Name::from("") };
                question.read_reply(reader, first, decoder).map(Said::Class)
            }
            _ => match self.call(element) {
                Some(call) => {
                    let invoked = call.read_reply(reader, first, decoder)?;
                    Ok(Said::Invoked(call.method.to_string(), invoked))
                }
                None => Get::new(anything()).read_reply(reader, first, decoder).map(Said::Content),
            },
        }
    }

    fn write_reply(&self, _: &Said, _: Style, _: &mut Writer) {}
}

/// What was found in a message.
#[derive(Default)]
struct Findings {
    instances: Vec<Json>,
    references: Vec<Json>,
    context: Option<String>,
    end: Option<bool>,
    fault: Json,
    result: Json,
    schema: Json,
    identify: Json,
    /// What is asked, where the message is a request.
    request: Option<Json>,
    /// The text of one property, which is all that some messages hold.
    text: Option<Json>,
}

impl Findings {
    fn into_json(self, file: &str, action: Option<String>) -> Json {
        let mut found = json!({
            "file": file,
            "action": action,
            "instances": self.instances,
            "references": self.references,
            "context": self.context,
            "end": self.end,
            "fault": self.fault,
            "result": self.result,
            "schema": self.schema,
            "identify": self.identify,
        });
        // Only messages that hold them have them: all others have the members of the contract and no more.
        for (name, more) in [("request", self.request), ("text", self.text)] {
            if let (Some(more), Some(members)) = (more, found.as_object_mut()) {
                members.insert(name.to_owned(), more);
            }
        }
        found
    }

    fn said(&mut self, said: Said) {
        match said {
            Said::Nothing => {}
            Said::Identity(identity) => self.identify = self::identity(&identity),
            Said::Content(content) => self.content(&content),
            Said::Reference(reference) => self.reference(&reference),
            Said::Page(page) => self.page(&page),
            Said::Subscribed(subscribed) => {
                self.reference(&subscribed.manager);
                self.context = subscribed.context;
            }
            Said::Invoked(method, invoked) => self.result = result(&method, &invoked),
            Said::Class(class) => self.schema = schema::class(&class),
        }
    }

    fn content(&mut self, content: &Content) {
        match content {
            Content::Instance(instance) | Content::Properties(instance) => {
                self.instances.push(value::instance(instance));
            }
            Content::Text(text) => self.text = Some(text.as_str().into()),
        }
    }

    fn reference(&mut self, reference: &EndpointReference) {
        self.references.extend(reference.path.as_ref().map(value::reference));
    }

    fn page(&mut self, page: &Page) {
        for item in &page.items {
            match item {
                Item::Object(instance) | Item::Projection(instance) => {
                    self.instances.push(value::instance(instance))
                }
                Item::Reference(reference) => self.reference(reference),
                Item::ObjectAndReference(instance, reference) => {
                    self.instances.push(value::instance(instance));
                    self.reference(reference);
                }
            }
        }
        self.context.clone_from(&page.context);
        self.end = Some(page.context.is_none());
    }

    fn request(&mut self, request: Request) {
        let of = |operation: &str, resource: &ObjectPath| json!({"operation": operation, "resource": value::reference(resource)});
        let mut asked = match &request {
            Request::Identify(_) => json!({"operation": "identify", "resource": null}),
            Request::Get(get) => of("get", &get.resource),
            Request::GetClass(question) => {
                let class = ObjectPath::new(question.namespace.clone(), question.class.clone());
                of("get-class", &class)
            }
            Request::Put(put) => {
                self.content(&put.content);
                of("put", &put.resource)
            }
            Request::Create(create) => {
                self.content(&create.content);
                of("create", &create.resource)
            }
            Request::Delete(delete) => of("delete", &delete.resource),
            Request::Enumerate(enumerate) => of("enumerate", &enumerate.resource),
            Request::Pull(pull) => {
                self.context = Some(pull.context.clone());
                of("pull", &pull.resource)
            }
            Request::Release(release) => {
                self.context = Some(release.context.clone());
                of("release", &release.resource)
            }
            Request::Subscribe(subscribe) => of("subscribe", &subscribe.resource),
            Request::Renew(renew) => of("renew", &renew.resource),
            Request::Unsubscribe(unsubscribe) => of("unsubscribe", &unsubscribe.resource),
            Request::Invoke(invoke) => of("invoke", &invoke.resource),
            Request::Unknown { resource, .. } => of("unknown", resource),
            _ => json!({"operation": "unknown", "resource": null}),
        };
        match &request {
            Request::Invoke(invoke) => {
                asked["method"] = invoke.method.as_str().into();
                asked["arguments"] = values(&invoke.arguments);
            }
            Request::Enumerate(Enumerate { filter: Some(filter), .. }) => {
                asked["filter"] = self::filter(filter)
            }
            _ => {}
        }
        self.request = Some(asked);
    }
}

fn filter(filter: &Filter) -> Json {
    match filter {
        Filter::Wql(query) => json!({"wql": query}),
        Filter::Selectors(keys) => {
            let mut path = ObjectPath::new("", "*");
            path.keys.clone_from(keys);
            json!({"keys": value::reference(&path)["keys"]})
        }
        Filter::Association(association) => json!({
            "object": value::reference(&association.object),
            "via": association.association_class.as_deref(),
            "result": association.result_class.as_deref(),
            "role": association.role.as_deref(),
            "result_role": association.result_role.as_deref(),
        }),
        Filter::Other { dialect, text } => json!({"dialect": dialect, "text": text}),
    }
}

/// Returns `{"method", "return_value", "out"}`.
pub(crate) fn result(method: &str, invoked: &Invoked) -> Json {
    json!({
        "method": method,
        "return_value": value::value(&invoked.return_value),
        "out": values(&invoked.out),
    })
}

fn values(named: &[(Name, Value)]) -> Json {
    let members = named.iter().map(|(name, value)| (name.to_string(), value::value(value)));
    members.collect::<Map<_, _>>().into()
}

/// Returns who answers, as a host says it.
pub(crate) fn identity(identity: &Identity) -> Json {
    let others = identity.others.iter().map(|(name, text)| (name.clone(), Json::from(text.as_str())));
    json!({
        "protocol_versions": identity.protocol_versions,
        "vendor": identity.vendor,
        "version": identity.version,
        "security_profiles": identity.security_profiles,
        "others": others.collect::<Map<_, _>>(),
    })
}

/// Returns a fault with all its numbers.
fn fault(fault: &Fault) -> Json {
    let code = match &fault.code {
        FaultCode::Other(name) => name.clone(),
        known => format!("{known:?}"),
    };
    let wsman = fault.wsman.as_ref();
    let provider = wsman.and_then(|wsman| wsman.provider.as_ref());
    json!({
        "code": code,
        "subcode": fault.subcode.as_ref().map(|subcode| &subcode.local),
        "reason": fault.reason,
        "wsman_code": fault.wsman_code(),
        "cim_status": fault.cim_status(),
        "error_code": fault.error_code(),
        "detail": fault.detail_uri,
        "message": fault.message(),
        "machine": wsman.and_then(|wsman| wsman.machine.as_ref()),
        "provider": provider.and_then(|provider| provider.provider.as_ref()),
    })
}
