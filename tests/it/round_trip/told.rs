//! What the wire tells of a message: the message without what no receiver can know.

use refpoint::cim::{Instance, Method, Name, Property, Scalar, Type, Value};
use refpoint::wsman::{
    Content, Create, Fault, Incoming, Invoke, Invoked, Item, Opening, Page, ProviderFault, Put, Request,
    RequestHeader, Style, WsmanFault, names,
};

use super::generate::catalog;

/// What a place is declared to hold: a type, and whether it is an array.
type Declared = Option<(Type, bool)>;

/// What a host reads of a request.
pub(super) fn incoming(header: &RequestHeader, request: &Request) -> Incoming {
    let request = match request.clone() {
        Request::Put(Put { resource, fragment, content: what }) => {
            let content = content(&what, &resource.class, Style::WINDOWS);
            Request::Put(Put { resource, fragment, content })
        }
        Request::Create(Create { resource, fragment, content: what }) => {
            let content = content(&what, &resource.class, Style::WINDOWS);
            Request::Create(Create { resource, fragment, content })
        }
        Request::Invoke(Invoke { resource, method, arguments }) => {
            let declared = catalog().method(&resource.class, &method);
            let arguments = members(&arguments, Style::WINDOWS, |name| parameter(declared, name, true));
            Request::Invoke(Invoke { resource, method, arguments })
        }
        other => other,
    };
    // Identify needs no headers, and has none.
    let has_headers = !matches!(request, Request::Identify(_));
    Incoming {
        header: if has_headers { header.clone() } else { RequestHeader::new("", "") },
        reply_to: has_headers.then(|| names::ANONYMOUS.to_owned()),
        fault_to: None,
        from: None,
        compression: None,
        not_understood: Vec::new(),
        irregularities: Vec::new(),
        request,
    }
}

/// An instance, or a part of one, of the class that was asked for. A part does not say its class or its
/// namespace, and one without a property is an empty text.
pub(super) fn content(content: &Content, asked: &Name, style: Style) -> Content {
    match content {
        Content::Text(text) => Content::Text(text.clone()),
        Content::Instance(whole) => Content::Instance(instance(whole, Some(asked), style)),
        Content::Properties(part) => match row(part, Some(asked), style) {
            row if row.properties().is_empty() => Content::Text(String::new()),
            row => Content::Properties(row),
        },
    }
}

/// An instance. Windows writes its properties in alphabetical order.
pub(super) fn instance(instance: &Instance, expected: Option<&str>, style: Style) -> Instance {
    let mut properties: Vec<&Property> = instance.properties().iter().collect();
    if style.sorted {
        properties.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let mut told = Instance::new(instance.class.clone());
    told.namespace.clone_from(&instance.namespace);
    tell(&properties, &instance.class, expected, style, &mut told);
    told
}

/// The properties that a projection asked for, in the order in which it did.
fn row(row: &Instance, expected: Option<&str>, style: Style) -> Instance {
    let mut told = Instance::new(expected.unwrap_or_default());
    tell(&row.properties().iter().collect::<Vec<_>>(), &row.class, expected, style, &mut told);
    told
}

fn tell(properties: &[&Property], class: &str, expected: Option<&str>, style: Style, told: &mut Instance) {
    let shape = catalog().shape(class).or_else(|| catalog().shape(expected?));
    for Property { name, value: held } in properties {
        let declared =
            shape.and_then(|shape| shape.property(name)).map(|(_, found)| (found.ty, found.is_array));
        if let Some(value) = value(held, declared, style) {
            told.set(name.clone(), value);
        }
    }
}

/// A value; none where nothing is written at all.
///
/// An empty array is no element. Where nothing declares a type there are texts, and an array of one is one.
fn value(value: &Value, declared: Declared, style: Style) -> Option<Value> {
    let told: Vec<Option<Scalar>> = match value {
        Value::Null => return Some(Value::Null),
        Value::One(one) => vec![Some(scalar(one, declared, style))],
        Value::Many(many) => {
            many.iter().map(|one| one.as_ref().map(|one| scalar(one, declared, style))).collect()
        }
    };
    let is_array = declared.map_or(told.len() > 1, |(_, is_array)| is_array);
    match is_array {
        true => Some(Value::Many(told)).filter(|_| !matches!(value, Value::Many(many) if many.is_empty())),
        false => told.into_iter().flatten().next().map(Value::One),
    }
}

fn scalar(scalar: &Scalar, declared: Declared, style: Style) -> Scalar {
    match scalar {
        Scalar::Object(object) => {
            let mut told = instance(object, None, style);
            // An object's namespace is that of its properties.
            if told.properties().is_empty() {
                told.namespace = None;
            }
            told.into()
        }
        Scalar::Reference(_) => scalar.clone(),
        _ if declared.is_some() => scalar.clone(),
        Scalar::DateTime(_) if !style.bare_datetimes => scalar.clone(),
        Scalar::Boolean(true) if style.capital_booleans => "TRUE".into(),
        Scalar::Boolean(false) if style.capital_booleans => "FALSE".into(),
        other => Scalar::String(other.to_text().expect("an object is none of these").into_owned()),
    }
}

fn members(
    members: &[(Name, Value)],
    style: Style,
    declared: impl Fn(&Name) -> Declared,
) -> Vec<(Name, Value)> {
    let told = members.iter().map(|(name, held)| Some((name.clone(), value(held, declared(name), style)?)));
    told.flatten().collect()
}

/// What is declared of a parameter in one direction.
fn parameter(method: Option<&Method>, name: &Name, going_in: bool) -> Declared {
    let mut parameters = method?.parameters.iter();
    let found = parameters.find(|parameter| {
        parameter.name == *name && if going_in { parameter.is_input } else { parameter.is_output }
    })?;
    Some((found.ty, found.is_array))
}

/// What a caller reads of a method's result.
pub(super) fn invoked(call: &Invoke, result: &Invoked, style: Style) -> Invoked {
    let method = catalog().method(&call.resource.class, &call.method);
    let returns = method.map(|method| (method.returns, false));
    Invoked {
        return_value: value(&result.return_value, returns, style).unwrap_or_default(),
        out: members(&result.out, style, |name| parameter(method, name, false)),
    }
}

/// What is read of a page whose enumeration asked for a class.
pub(super) fn page(page: &Page, expected: Option<&str>, style: Style) -> Page {
    let items = page.items.iter().map(|item| match item {
        Item::Object(object) => Item::Object(instance(object, expected, style)),
        Item::Projection(part) => Item::Projection(row(part, expected, style)),
        Item::Reference(reference) => Item::Reference(reference.clone()),
        Item::ObjectAndReference(object, reference) => {
            Item::ObjectAndReference(instance(object, expected, style), reference.clone())
        }
    });
    // A context that is empty is what Windows writes at the end.
    let context = page.context.clone().filter(|context| !context.trim().is_empty());
    Page { items: items.collect(), context, expires: page.expires }
}

/// What is read of the answer to an Enumerate, which may bring a context alone.
pub(super) fn first_page(answer: &Page, opening: Opening, expected: Option<&str>, style: Style) -> Page {
    let told = page(answer, expected, style);
    match opening {
        Opening::Context => Page { items: Vec::new(), ..told },
        Opening::FirstPage { .. } => told,
    }
}

/// What is read of a fault: its instances as Windows writes them.
pub(super) fn fault(fault: &Fault) -> Fault {
    fn wsman(fault: &WsmanFault) -> WsmanFault {
        // A provider that says nothing is none.
        let provider =
            fault.provider.as_deref().map(provider).filter(|told| *told != ProviderFault::default());
        WsmanFault { provider: provider.map(Box::new), ..fault.clone() }
    }
    fn provider(fault: &ProviderFault) -> ProviderFault {
        ProviderFault {
            inner: fault.inner.as_ref().map(wsman),
            instance: fault.instance.as_ref().map(error),
            ..fault.clone()
        }
    }
    fn error(error: &Instance) -> Instance {
        instance(error, None, Style::WINDOWS)
    }
    Fault { wsman: fault.wsman.as_ref().map(wsman), cim: fault.cim.as_ref().map(error), ..fault.clone() }
}
