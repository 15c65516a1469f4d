//! An envelope as a tree that can be written in another way.

use crate::cim::{Catalog, Type};
use crate::wsman::names::{
    ADDRESSING, BINDING, CIM, DMTF_PREFIX, ENUMERATION, EVENTING, FAULT, IDENTITY, SOAP, TRANSFER, WSMAN,
    WSMV, XSI,
};
use crate::xml::{self, Limits, Namespace, Node, Reader, Writer};

use super::Prefixes;

pub(super) struct Element {
    namespace: String,
    local: String,
    attributes: Vec<(String, String, Said)>,
    children: Vec<Child>,
}

enum Child {
    Element(Element),
    Said(Said),
}

/// What an attribute or a text says: itself, or a name whose prefix may be any.
enum Said {
    Text(String),
    Name(String, String),
}

impl Element {
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self, xml::Error> {
        let mut reader = Reader::new(text, limits)?;
        let root = reader.root()?;
        let root = Self::rest(&mut reader, &root)?;
        reader.finish()?;
        Ok(root)
    }

    /// Reads what is left of the element that has just started.
    fn rest(reader: &mut Reader<'_>, start: &xml::Element<'_>) -> Result<Self, xml::Error> {
        let mut attributes = Vec::new();
        for attribute in reader.attributes() {
            let name = &attribute.name;
            let said = match name.is(XSI, "type") || name.is(Namespace::NONE, "qname") {
                true => name_in(reader, &attribute.value),
                false => Said::Text(attribute.value.to_string()),
            };
            attributes.push((name.namespace.to_string(), name.local.to_owned(), said));
        }
        let (namespace, local) = (start.name.namespace.to_string(), start.name.local.to_owned());
        let mut read = Self { namespace, local, attributes, children: Vec::new() };
        let holds_name = start.name.is(SOAP, "Value");
        loop {
            match reader.node()? {
                Node::End => return Ok(read),
                Node::Element(child) => read.children.push(Child::Element(Self::rest(reader, &child)?)),
                Node::Text(text) if holds_name => {
                    let said = name_in(reader, &text);
                    read.children.push(Child::Said(said));
                }
                Node::Text(text) => match read.children.last_mut() {
                    Some(Child::Said(Said::Text(said))) => said.push_str(&text),
                    _ => read.children.push(Child::Said(Said::Text(text.into_owned()))),
                },
            }
        }
    }

    /// Writes the tree; nothing where XML cannot carry it.
    pub(super) fn write(&self, prefixes: Prefixes) -> Option<String> {
        let mut writer = Writer::with_capacity(8 << 10);
        let mut names = Names { prefixes, met: Vec::new() };
        self.write_into(&mut names, &mut writer);
        writer.finish().ok()
    }

    fn write_into(&self, names: &mut Names, writer: &mut Writer) {
        let prefix = names.prefix(&self.namespace);
        writer.start(Namespace::new(&prefix, &self.namespace), &self.local);
        for (uri, local, said) in &self.attributes {
            let prefix = names.prefix(uri);
            let namespace = Namespace::new(&prefix, uri);
            match said {
                Said::Text(value) => writer.attribute(namespace, local, value),
                Said::Name(uri, name) => {
                    let prefix = names.prefix(uri);
                    writer.qname_attribute(namespace, local, (Namespace::new(&prefix, uri), name))
                }
            };
        }
        for child in &self.children {
            match child {
                Child::Element(child) => child.write_into(names, writer),
                Child::Said(Said::Text(text)) => _ = writer.text(text),
                Child::Said(Said::Name(uri, local)) => {
                    let prefix = names.prefix(uri);
                    writer.qname(Namespace::new(&prefix, uri), local);
                }
            }
        }
        writer.end();
    }

    pub(super) fn capitalise_booleans(&mut self, catalog: &Catalog) {
        self.each_value(None, &mut |value, parent| {
            if let [Child::Said(Said::Text(text))] = value.children.as_mut_slice()
                && matches!(text.as_str(), "true" | "false")
                && declared(catalog, parent, &value.namespace, &value.local) == Some(Type::Boolean)
            {
                text.make_ascii_uppercase();
            }
        });
    }

    pub(super) fn bare_datetimes(&mut self, catalog: &Catalog) {
        self.each_value(None, &mut |value, parent| {
            if let [Child::Element(wrapper)] = value.children.as_mut_slice()
                && wrapper.namespace == CIM.uri
                && matches!(wrapper.local.as_str(), "Datetime" | "Interval")
                && declared(catalog, parent, &value.namespace, &value.local) == Some(Type::DateTime)
            {
                value.children = std::mem::take(&mut wrapper.children);
            }
        });
    }

    pub(super) fn wrap_references(&mut self) {
        self.each_value(None, &mut |value, _| {
            let is_reference = matches!(value.children.first(), Some(Child::Element(first))
                if first.namespace == ADDRESSING.uri && first.local != "EndpointReference");
            if is_reference {
                let children = std::mem::take(&mut value.children);
                let (namespace, local) = (ADDRESSING.uri.to_owned(), "EndpointReference".to_owned());
                value.children =
                    vec![Child::Element(Self { namespace, local, attributes: Vec::new(), children })];
            }
        });
    }

    /// Takes away `xsi:type` where it says no more than the element's name does.
    pub(super) fn strip_types(&mut self) {
        self.each(&mut |element| {
            let ty = format!("{}_Type", element.local);
            element.attributes.retain(|(uri, name, said)| {
                let says_no_more = matches!(said, Said::Name(_, local) if *local == ty);
                !(uri == XSI.uri && name == "type" && says_no_more)
            });
        });
    }

    pub(super) fn number_nils(&mut self) {
        self.each(&mut |element| {
            for (uri, name, said) in &mut element.attributes {
                if uri == XSI.uri && name == "nil" {
                    *said = Said::Text("1".to_owned());
                }
            }
        });
    }

    /// Gives the answer to a method the method's name, in a namespace of nobody's.
    pub(super) fn name_results_after_methods(&mut self) {
        let body = self.part("Body").and_then(|body| body.elements().next());
        if let Some(result) = body
            && let Some(method) = result.local.strip_suffix("_OUTPUT")
            && is_class_uri(&result.namespace)
        {
            result.local = method.to_owned();
        }
    }

    pub(super) fn add_headers(&mut self) {
        const NAMESPACE: &str = "urn:example:unheard-of";
        let Some(header) = self.part("Header") else { return };
        let child = Self {
            namespace: NAMESPACE.to_owned(),
            local: "Inner".to_owned(),
            attributes: vec![(String::new(), "Name".to_owned(), Said::Text("RelatesTo".to_owned()))],
            children: vec![Child::Said(Said::Text("Action".to_owned()))],
        };
        let extra = Self {
            namespace: NAMESPACE.to_owned(),
            local: "Action".to_owned(),
            attributes: vec![(
                SOAP.uri.to_owned(),
                "mustUnderstand".to_owned(),
                Said::Text("false".to_owned()),
            )],
            children: vec![Child::Element(child)],
        };
        header.children.insert(0, Child::Element(extra));
    }

    pub(super) fn reverse_attributes(&mut self) {
        self.each(&mut |element| element.attributes.reverse());
    }

    /// Puts white space between elements, where there is no text that it would become part of.
    pub(super) fn indent(&mut self, depth: usize) {
        for child in self.elements() {
            child.indent(depth + 1);
        }
        let holds_text = self.children.iter().any(|child| matches!(child, Child::Said(_)));
        if holds_text || self.children.is_empty() {
            return;
        }
        let blank = |depth: usize| Child::Said(Said::Text(format!("\n{}", "  ".repeat(depth))));
        let children = std::mem::take(&mut self.children);
        self.children = children.into_iter().flat_map(|child| [blank(depth + 1), child]).collect();
        self.children.push(blank(depth));
    }

    /// Visits all elements, this one first.
    fn each(&mut self, visit: &mut impl FnMut(&mut Self)) {
        visit(self);
        for child in self.elements() {
            child.each(visit);
        }
    }

    /// Visits all elements that are in a class's namespace, with the name of the element they are in.
    fn each_value(&mut self, parent: Option<&str>, visit: &mut impl FnMut(&mut Self, Option<&str>)) {
        let local = self.local.clone();
        for child in self.elements() {
            child.each_value(Some(&local), visit);
        }
        if is_class_uri(&self.namespace) {
            visit(self, parent);
        }
    }

    fn elements(&mut self) -> impl Iterator<Item = &mut Self> {
        self.children.iter_mut().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Said(_) => None,
        })
    }

    fn part(&mut self, local: &str) -> Option<&mut Self> {
        self.elements().find(|part| part.namespace == SOAP.uri && part.local == local)
    }
}

fn name_in(reader: &Reader<'_>, text: &str) -> Said {
    match reader.resolve(text.trim()) {
        Ok(name) => Said::Name(name.namespace.into_owned(), name.local.to_owned()),
        Err(_) => Said::Text(text.to_owned()),
    }
}

/// Returns the type that the class, or the method whose answer it is in, declares for an element.
fn declared(catalog: &Catalog, parent: Option<&str>, namespace: &str, local: &str) -> Option<Type> {
    let class = namespace.rsplit('/').next()?;
    if let Some(method) = parent.and_then(|parent| parent.strip_suffix("_OUTPUT")) {
        let parameters = &catalog.method(class, method)?.parameters;
        return parameters.iter().find(|parameter| parameter.name == *local).map(|parameter| parameter.ty);
    }
    catalog.property(class, local).map(|property| property.ty)
}

fn is_class_uri(uri: &str) -> bool {
    uri.starts_with("http://schemas.microsoft.com/wbem/wsman/1/wmi/") || uri.starts_with(DMTF_PREFIX)
}

/// Which prefix each namespace gets.
struct Names {
    prefixes: Prefixes,
    met: Vec<String>,
}

impl Names {
    fn prefix(&mut self, uri: &str) -> String {
        if uri == xml::XML.uri {
            return "xml".to_owned();
        }
        let known = |table: &[(Namespace<'static>, &'static str)]| {
            let row = table.iter().find(|(namespace, _)| namespace.uri == uri);
            row.map_or("p", |(_, prefix)| prefix).to_owned()
        };
        match self.prefixes {
            Prefixes::Windows => {
                let row = OMI.iter().find(|(namespace, _)| namespace.uri == uri);
                row.map_or("p", |(namespace, _)| namespace.prefix).to_owned()
            }
            Prefixes::Omi => known(&OMI),
            Prefixes::Numbered => {
                let at = self.met.iter().position(|met| met == uri).unwrap_or_else(|| {
                    self.met.push(uri.to_owned());
                    self.met.len() - 1
                });
                format!("ns{}", at + 1)
            }
        }
    }
}

/// The prefixes of OMI; Windows' stand in the names themselves.
const OMI: [(Namespace<'static>, &str); 12] = [
    (SOAP, "SOAP-ENV"),
    (ADDRESSING, "wsa"),
    (ENUMERATION, "wsen"),
    (TRANSFER, "wxf"),
    (EVENTING, "wse"),
    (WSMAN, "wsman"),
    (WSMV, "msft"),
    (BINDING, "wsmb"),
    (IDENTITY, "wsmid"),
    (CIM, "cim"),
    (FAULT, "fault"),
    (XSI, "xsi"),
];
