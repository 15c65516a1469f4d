//! How answers are spelled: as Windows does, or as other servers do.
//!
//! A dialect changes the text of an envelope, its encoding and how HTTP carries it; what it says stays the
//! same, and whoever reads it must not notice.

mod tree;

use std::borrow::Cow;

use serde::Deserialize;

use crate::xml::Limits;

use super::lexicon::lexicon;

use tree::Element;

/// A spelling of answers: the table `[dialect]`. The default is Windows'.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// Whose habits apply where nothing else is said.
    pub like: Like,
    /// Which prefixes namespaces have.
    pub prefixes: Option<Prefixes>,
    /// Whether attributes come in the reverse of their order.
    pub reversed_attributes: bool,
    /// Whether there is white space between elements.
    pub white_space: bool,
    /// Whether an XML declaration goes in front.
    pub declaration: bool,
    /// Whether there are headers that nobody knows and nobody has to understand.
    pub extra_headers: bool,
    /// Whether null is `xsi:nil="1"`.
    pub numeric_nil: bool,
    /// Whether booleans are `TRUE` and `FALSE`.
    pub capital_booleans: bool,
    /// Whether dates stand in their property without `cim:Datetime` around them.
    pub bare_datetimes: bool,
    /// Whether references stand in `a:EndpointReference`.
    pub wrapped_references: bool,
    /// Whether instances go without `xsi:type`, where their element has the class's name.
    pub untyped: bool,
    /// The encoding; without, that of the request.
    pub encoding: Option<Encoding>,
    /// Whether a byte-order mark goes in front of UTF-8.
    pub byte_order_mark: bool,
    /// Whether answers come in chunks, without their length.
    pub chunked: bool,
}

/// A server whose habits are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Like {
    /// Windows.
    #[default]
    Windows,
    /// Microsoft's OMI: its prefixes, bare dates, capital booleans, no types, and the answer to a method in an
    /// element that has the method's name.
    Omi,
}

/// Which prefixes namespaces have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefixes {
    /// `s`, `a`, `w`, `p`.
    Windows,
    /// `SOAP-ENV`, `wsa`, `wsman`, `p`.
    Omi,
    /// `ns1`, `ns2`, `ns3`.
    Numbered,
}

/// An encoding of Unicode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little-endian.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Dialect {
    /// Returns the bytes of an envelope in this spelling, in answer to a request in UTF-8.
    pub fn respell(&self, envelope: &str) -> Vec<u8> {
        self.encode(&self.spell(envelope), Encoding::Utf8)
    }

    /// Returns the same envelope in this spelling. What is no XML stays as it is.
    pub(super) fn spell<'t>(&self, envelope: &'t str) -> Cow<'t, str> {
        if self.is_windows() {
            return Cow::Borrowed(envelope);
        }
        self.spelled(envelope).map_or(Cow::Borrowed(envelope), Cow::Owned)
    }

    fn is_windows(&self) -> bool {
        let Self { encoding, byte_order_mark, chunked, .. } = self.clone();
        *self == Self { encoding, byte_order_mark, chunked, ..Self::default() }
    }

    fn spelled(&self, envelope: &str) -> Option<String> {
        let mut root = Element::read(envelope, &Limits::default()).ok()?;
        let is_omi = self.like == Like::Omi;
        if self.capital_booleans || is_omi {
            root.capitalise_booleans(lexicon());
        }
        if self.bare_datetimes || is_omi {
            root.bare_datetimes(lexicon());
        }
        if self.untyped || is_omi {
            root.strip_types();
        }
        if is_omi {
            root.name_results_after_methods();
        }
        if self.wrapped_references {
            root.wrap_references();
        }
        if self.numeric_nil {
            root.number_nils();
        }
        if self.extra_headers {
            root.add_headers();
        }
        if self.reversed_attributes {
            root.reverse_attributes();
        }
        if self.white_space {
            root.indent(0);
        }
        let prefixes = self.prefixes.unwrap_or(match self.like {
            Like::Windows => Prefixes::Windows,
            Like::Omi => Prefixes::Omi,
        });
        let text = root.write(prefixes)?;
        Some(match (self.declaration, self.encoding) {
            (false, _) => text,
            (true, Some(Encoding::Utf16Le | Encoding::Utf16Be)) => {
                format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>{text}")
            }
            (true, _) => format!("<?xml version=\"1.0\"?>{text}"),
        })
    }

    /// Returns the encoding of an answer to a request in another.
    pub(super) fn encoding_for(&self, asked: Encoding) -> Encoding {
        self.encoding.unwrap_or(asked)
    }

    /// Returns the bytes of a text. UTF-16 goes with its byte-order mark, as Windows sends it.
    pub(super) fn encode(&self, text: &str, asked: Encoding) -> Vec<u8> {
        let units = |order: fn(u16) -> [u8; 2]| {
            std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(order).collect()
        };
        match self.encoding_for(asked) {
            Encoding::Utf8 if self.byte_order_mark => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Utf16Le => units(u16::to_le_bytes),
            Encoding::Utf16Be => units(u16::to_be_bytes),
        }
    }
}

impl Encoding {
    /// Returns the value of `charset` under which Windows sends it.
    pub(super) fn charset(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::{Catalog, DateTime, Instance, ObjectPath, Value};
    use crate::wsman::{
        Content, Fault, FaultCode, Get, Invoke, Invoked, Operation, ReplyHeader, Style, Subcode,
        decode_reply, encode_reply, names,
    };

    const NAMESPACE: &str = "root/virtualization/v2";

    fn dialect(text: &str) -> Dialect {
        toml::from_str(text).unwrap()
    }

    /// An instance with a value of each kind that a dialect may touch.
    fn machine() -> (Get, String) {
        let mut machine = Instance::new("Msvm_ConcreteJob");
        machine.namespace = Some(NAMESPACE.into());
        machine.set("InstanceID", "true");
        machine.set("DeleteOnCompletion", true);
        machine.set("ErrorDescription", Value::Null);
        machine.set("StartTime", "20261005042350.000000+000".parse::<DateTime>().unwrap());
        machine.set("Caption", "  <a & b>  ");
        let get = Get::new(ObjectPath::new(NAMESPACE, "Msvm_ConcreteJob").with_key("InstanceID", "true"));
        let text =
            encode_reply(&ReplyHeader::default(), &get, Ok(&Content::Instance(machine)), Style::WINDOWS)
                .unwrap();
        (get, text)
    }

    fn export() -> (Invoke, String) {
        let service = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePointService");
        let job = ObjectPath::new(NAMESPACE, "Msvm_VirtualSystemReferencePointExportJob")
            .with_key("InstanceID", "4B8C");
        let out = Invoked { return_value: 4096u32.into(), out: vec![("Job".into(), job.into())] };
        let call = Invoke::new(service, "ExportReferencePoint");
        let text = encode_reply(&ReplyHeader::default(), &call, Ok(&out), Style::WINDOWS).unwrap();
        (call, text)
    }

    #[track_caller]
    fn same<O: Operation>(operation: &O, text: &str, dialect: &Dialect)
    where
        O::Reply: std::fmt::Debug + PartialEq,
    {
        let read = |text: &str| {
            let reply = decode_reply(operation, text, Catalog::bundled(), &Limits::default());
            reply.unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        let respelled = dialect.respell(text);
        let charset = dialect.encoding_for(Encoding::Utf8).charset();
        let respelled = crate::xml::decode(&respelled, Some(charset)).unwrap();
        let (expected, seen) = (read(text), read(&respelled));
        assert_eq!(format!("{expected:?}"), format!("{seen:?}"), "{respelled}");
    }

    #[test]
    fn each_habit_is_seen_in_the_text_and_not_in_what_it_says() {
        let (get, instance) = machine();
        let (call, result) = export();
        for (written, sign) in [
            ("prefixes = 'omi'", "<SOAP-ENV:Envelope"),
            ("prefixes = 'numbered'", "<ns1:Envelope"),
            ("white_space = true", "\n  <s:Body>"),
            ("declaration = true", "<?xml"),
            ("extra_headers = true", "urn:example:unheard-of"),
            ("numeric_nil = true", "xsi:nil=\"1\""),
            ("capital_booleans = true", "<p:DeleteOnCompletion>TRUE</p:DeleteOnCompletion>"),
            ("bare_datetimes = true", "<p:StartTime>2026-10-05T04:23:50Z</p:StartTime>"),
            ("wrapped_references = true", "<p:Job><a:EndpointReference"),
            ("like = 'omi'", "ExportReferencePoint xmlns"),
            ("like = 'omi'", ">TRUE<"),
        ] {
            let dialect = dialect(written);
            let texts = [&instance, &result].map(|text| dialect.spell(text));
            assert!(texts.iter().any(|text| text.contains(sign)), "{written}: {texts:?}");
            same(&get, &instance, &dialect);
            same(&call, &result, &dialect);
        }
        let typed = instance.matches("xsi:type").count();
        assert_eq!((typed, dialect("untyped = true").spell(&instance).matches("xsi:type").count()), (1, 0));
    }

    #[test]
    fn a_text_that_looks_like_a_boolean_stays_a_text() {
        let (_, instance) = machine();
        let text = dialect("capital_booleans = true").spell(&instance).into_owned();
        assert!(text.contains("<p:InstanceID>true</p:InstanceID>"), "{text}");
    }

    #[test]
    fn windows_own_spelling_is_not_touched() {
        let (_, instance) = machine();
        for written in ["", "chunked = true", "encoding = 'utf-8'"] {
            assert_eq!(dialect(written).respell(&instance), instance.as_bytes());
        }
        assert_eq!(dialect("white_space = true").spell("<not"), "<not");
    }

    #[test]
    fn a_fault_keeps_its_names_under_other_prefixes() {
        let (get, _) = machine();
        let code = Subcode::new(names::WSMAN, "QuotaLimit");
        let fault =
            Fault::new(FaultCode::Receiver, code, "too much").with_wsman(2_150_859_174, "HV01", "too much");
        let text = encode_reply(&ReplyHeader::default(), &get, Err(&fault), Style::WINDOWS).unwrap();
        for written in
            ["like = 'omi'", "prefixes = 'numbered'\nwhite_space = true\nreversed_attributes = true"]
        {
            same(&get, &text, &dialect(written));
        }
    }

    #[test]
    fn every_encoding_says_the_same() {
        let (get, instance) = machine();
        for written in [
            "encoding = 'utf-16le'",
            "encoding = 'utf-16be'",
            "encoding = 'utf-16le'\ndeclaration = true",
            "byte_order_mark = true",
        ] {
            same(&get, &instance, &dialect(written));
        }
        assert_eq!(dialect("byte_order_mark = true").respell("<a/>"), b"\xEF\xBB\xBF<a/>");
        assert_eq!(dialect("encoding = 'utf-16be'").respell("<"), [0xFE, 0xFF, 0, b'<']);
    }

    #[test]
    fn a_habit_nobody_has_is_refused() {
        assert!(toml::from_str::<Dialect>("prefix = 'omi'").is_err());
        assert!(toml::from_str::<Dialect>("like = 'openwsman'").is_err());
    }
}
