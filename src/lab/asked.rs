//! What a request asks for, in the words of the log and of fault rules.

use crate::cim::{Key, Name, ObjectPath, Value};
use crate::wsman::{Filter, Incoming, Invoke, Request};

use super::Entry;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) operation: &'static str,
    /// Empty where none is named; that of the query where the resource is `*`.
    pub(super) class: String,
    pub(super) method: Option<String>,
    pub(super) keys: Vec<(String, String)>,
    pub(super) arguments: Vec<(String, String)>,
    pub(super) message_id: Option<String>,
}

impl Asked {
    /// Returns what a request that was read asks for.
    pub(super) fn of(incoming: &Incoming) -> Self {
        let (operation, resource) = match &incoming.request {
            Request::Identify(_) => ("Identify", None),
            Request::Get(get) => ("Get", Some(&get.resource)),
            Request::GetClass(get) => return Self::of_class(&get.class, incoming),
            Request::Put(put) => ("Put", Some(&put.resource)),
            Request::Create(create) => ("Create", Some(&create.resource)),
            Request::Delete(delete) => ("Delete", Some(&delete.resource)),
            Request::Enumerate(enumerate) => ("Enumerate", Some(&enumerate.resource)),
            Request::Pull(pull) => ("Pull", Some(&pull.resource)),
            Request::Release(release) => ("Release", Some(&release.resource)),
            Request::Subscribe(subscribe) => ("Subscribe", Some(&subscribe.resource)),
            Request::Renew(renew) => ("Renew", Some(&renew.resource)),
            Request::Unsubscribe(unsubscribe) => ("Unsubscribe", Some(&unsubscribe.resource)),
            Request::Invoke(invoke) => ("Invoke", Some(&invoke.resource)),
            Request::Unknown { resource, .. } => ("Unknown", Some(resource)),
        };
        let mut asked = Self { operation, message_id: message_id(incoming), ..Self::default() };
        if let Some(resource) = resource {
            asked.class = resource.class.to_string();
            asked.keys = keys(resource);
        }
        match &incoming.request {
            Request::Invoke(invoke) => {
                asked.method = Some(invoke.method.to_string());
                asked.arguments = arguments(invoke);
            }
            Request::Enumerate(enumerate) => {
                if let Some(Filter::Wql(query)) = &enumerate.filter {
                    asked.class = class_of_query(query).unwrap_or(asked.class);
                }
            }
            _ => {}
        }
        asked
    }

    fn of_class(class: &Name, incoming: &Incoming) -> Self {
        let class = class.to_string();
        Self { operation: "GetClass", class, message_id: message_id(incoming), ..Self::default() }
    }

    /// Returns the log's entry of a request that was not carried out.
    pub(super) fn entry(self) -> Entry {
        let Self { operation, class, method, keys, arguments, message_id } = self;
        Entry {
            operation: operation.to_owned(),
            class,
            method,
            keys,
            arguments,
            message_id,
            ..Entry::default()
        }
    }
}

fn message_id(incoming: &Incoming) -> Option<String> {
    Some(incoming.header.message_id.clone()).filter(|id| !id.is_empty())
}

fn keys(resource: &ObjectPath) -> Vec<(String, String)> {
    let text = |key: &Key| match key {
        Key::Text(text) => text.clone(),
        Key::Integer(number) => number.to_string(),
        Key::Boolean(boolean) => boolean.to_string(),
        Key::Path(path) => path.to_string(),
    };
    resource.keys.iter().map(|(name, key)| (name.to_string(), text(key))).collect()
}

/// Returns the arguments of a call that are one value each, as texts.
pub(super) fn arguments(invoke: &Invoke) -> Vec<(String, String)> {
    let text = |value: &Value| {
        let mut scalars = value.scalars();
        scalars.next().filter(|_| scalars.next().is_none())?.to_text().map(|text| text.into_owned())
    };
    invoke.arguments.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}

/// Returns the word behind FROM, which is all that a rule about queries wants to know.
fn class_of_query(query: &str) -> Option<String> {
    let mut words = query.split_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("FROM"))?;
    words.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::Catalog;
    use crate::wsman::{Enumerate, Operation, RequestHeader, decode_request, encode_request};
    use crate::xml::Limits;

    fn asked<O: Operation>(operation: &O) -> Asked {
        let header = RequestHeader::new("http://hv01:5985/wsman", "uuid:1");
        let text = encode_request(&header, operation).unwrap();
        Asked::of(&decode_request(&text, Catalog::bundled(), &Limits::default()).unwrap())
    }

    #[test]
    fn a_call_has_class_method_keys_and_arguments() {
        let service = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePointService")
            .with_key("Name", "vmms");
        let call = Invoke::new(service, "ExportReferencePoint")
            .with(
                "ReferencePoint",
                ObjectPath::new("root/virtualization/v2", "X").with_key("InstanceID", "1"),
            )
            .with("ExportDirectory", r"D:\exports");
        let asked = asked(&call);
        assert_eq!(asked.arguments[0].0, "ReferencePoint");
        assert!(asked.arguments[0].1.contains("InstanceID=\"1\""), "{:?}", asked.arguments);
        assert_eq!(asked.arguments[1], ("ExportDirectory".to_owned(), r"D:\exports".to_owned()));
        assert_eq!((asked.operation, asked.method.as_deref()), ("Invoke", Some("ExportReferencePoint")));
        assert_eq!(asked.class, "Msvm_VirtualSystemReferencePointService");
        assert_eq!(asked.keys, [("Name".to_owned(), "vmms".to_owned())]);
        assert_eq!(asked.message_id.as_deref(), Some("uuid:1"));
    }

    #[test]
    fn a_query_is_about_the_class_it_selects_from() {
        let all = ObjectPath::new("root/virtualization/v2", "*");
        let mut enumerate = Enumerate::new(all);
        enumerate.filter = Some(Filter::Wql("select * from Msvm_ComputerSystem where Name='x'".to_owned()));
        assert_eq!(asked(&enumerate).class, "Msvm_ComputerSystem");
    }
}
