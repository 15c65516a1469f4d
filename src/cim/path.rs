//! Object paths: where an object is, as WMI path text and as a WS-Management endpoint reference.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::error::Error;
use super::name::Name;

/// The path of a CIM object: host, namespace, class and keys.
///
/// As text it is a WMI path, `\\HV01\root\virtualization\v2:Msvm_X.InstanceID="a\\b"`; on the wire it is a
/// resource URI and a set of selectors. Both forms are read and written here; a path that came from the
/// wire goes back with the URI it came with, because what a host hands out it understands.
///
/// ```
/// use refpoint::cim::ObjectPath;
///
/// let point = ObjectPath::new("root/virtualization/v2", "Msvm_VirtualSystemReferencePoint")
///     .with_key("VirtualSystemIdentifier", "3F2C…")
///     .with_key("InstanceID", r"Microsoft:3F2C…\A0E4…");
/// assert_eq!(
///     point.to_string(),
///     r#"root\virtualization\v2:Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:3F2C…\\A0E4…",VirtualSystemIdentifier="3F2C…""#
/// );
/// assert!(point.to_string().parse::<ObjectPath>()?.is_same_object(&point));
/// # Ok::<(), refpoint::cim::Error>(())
/// ```
///
/// Two paths are equal (`==`) when they are spelled alike: every field counts, the order of the keys, and the
/// resource URI that a path was read from. Whether they lead to one object is another question, which
/// [`is_same_object`](Self::is_same_object) answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPath {
    /// The machine's own name, without backslashes; `.` is the machine that reads the path.
    pub host: Option<String>,
    /// The namespace with slashes, `root/virtualization/v2`; `None` is the reader's current one.
    pub namespace: Option<Name>,
    /// The class, or `*` for all classes of the namespace.
    pub class: Name,
    /// The keys in the order in which they were given. A single key may stand without its name, which is
    /// then empty, as WMI allows: `Win32_Service="vmms"`.
    pub keys: Vec<(Name, Key)>,
    /// The only instance of its class: `Class=@`.
    pub is_singleton: bool,
    /// The resource URI the path was read from, where it was.
    resource: Option<Box<str>>,
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A string, and everything that a selector says, which has no types.
    Text(String),
    /// An integer without quotes.
    Integer(i128),
    /// `TRUE` or `FALSE` without quotes.
    Boolean(bool),
    /// The path of another object: keys of associations are references.
    Path(Box<ObjectPath>),
}

impl ObjectPath {
    /// Returns the path of a class, to which keys may be added. An empty namespace is none.
    pub fn new(namespace: impl Into<Name>, class: impl Into<Name>) -> Self {
        Self {
            host: None,
            namespace: normal_namespace(&namespace.into()),
            class: class.into(),
            keys: Vec::new(),
            is_singleton: false,
            resource: None,
        }
    }

    /// Returns the path with one key more.
    #[must_use]
    pub fn with_key(mut self, name: impl Into<Name>, value: impl Into<Key>) -> Self {
        self.keys.push((name.into(), value.into()));
        self
    }

    /// Returns the path as seen on a host, which is written before the namespace.
    #[must_use]
    pub fn on_host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Returns the value of a key.
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Returns the value of a key as text.
    pub fn key_text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.key(name).map(Key::text)
    }

    /// Returns whether two paths name the same object: hosts and spelling of namespaces and names do not
    /// count, nor does the order of keys or whether a number was quoted; values count exactly.
    ///
    /// A namespace that one of them does not say may be any. Where neither says one, resource URIs of other
    /// makers than Microsoft have to be the same. The path of a class is not that of its only instance; but
    /// on the wire both have no selectors, so that what was read from there may be either.
    pub fn is_same_object(&self, other: &Self) -> bool {
        let same_place = match (&self.namespace, &other.namespace) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (None, None) => match (&self.resource, &other.resource) {
                (Some(mine), Some(theirs)) => mine.eq_ignore_ascii_case(theirs),
                _ => true,
            },
            _ => true,
        };
        let is_open = |path: &Self| path.resource.is_some() && path.keys.is_empty();
        let same_kind = self.is_singleton == other.is_singleton || is_open(self) || is_open(other);
        same_place && same_kind && self.class == other.class && self.has_keys_of(other)
    }

    /// Returns whether two paths have the same keys, each as often.
    fn has_keys_of(&self, other: &Self) -> bool {
        let mut theirs: Vec<_> = other.keys.iter().collect();
        let mut take = |(name, key): &(Name, Key)| {
            let found = theirs
                .iter()
                .position(|(their_name, their_key)| their_name == name && their_key.is_same(key));
            found.map(|at| theirs.swap_remove(at)).is_some()
        };
        self.keys.len() == other.keys.len() && self.keys.iter().all(&mut take)
    }

    /// Returns the path that a resource URI and selectors mean.
    ///
    /// Windows puts the namespace into the URI; OMI puts it into the selector `__cimnamespace`, which
    /// counts where the URI says nothing. Of any other URI the last segment counts as the class.
    pub fn from_resource(uri: &str, selectors: Vec<(Name, Key)>) -> Self {
        let (namespace, class) = match of_wmi(uri) {
            Some((namespace, class)) => (normal_namespace(namespace), class),
            None => (None, uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri)),
        };
        let mut path = Self {
            host: None,
            namespace,
            class: class.into(),
            keys: selectors,
            is_singleton: false,
            resource: Some(uri.into()),
        };
        if let Some(at) = path.keys.iter().position(|(name, _)| *name == CIM_NAMESPACE) {
            let (_, namespace) = path.keys.remove(at);
            path.namespace = path.namespace.or_else(|| normal_namespace(&namespace.text()));
        }
        path
    }

    /// Returns the resource URI: the one the path was read from, else Microsoft's form.
    pub fn resource_uri(&self) -> Cow<'_, str> {
        match &self.resource {
            Some(uri) => Cow::Borrowed(uri),
            None => {
                let namespace = self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
                Cow::Owned(format!("{WMI_PREFIX}{namespace}/{}", self.class))
            }
        }
    }

    /// Returns whether it leads to CIM objects, which live in namespaces. Of other resources, `winrm/config`
    /// for one, the resource URI says everything.
    pub fn is_cim(&self) -> bool {
        self.namespace.is_some()
            || self.resource.as_deref().is_none_or(|uri| {
                let begins =
                    |head: &str| uri.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head));
                begins(WMI_PREFIX) || begins(DMTF_PREFIX) || begins(CIM_XML_PREFIX)
            })
    }

    /// Returns the selectors. `__cimnamespace` is among them only where the URI does not say the
    /// namespace: a host that is told twice refuses (MS-WSMV 3.1.4.1.1).
    pub fn selectors(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, Key>)> {
        let is_in_uri = self.resource.as_deref().is_none_or(|uri| of_wmi(uri).is_some());
        let namespace = self.namespace.as_deref().filter(|_| !is_in_uri);
        let namespace =
            namespace.map(|text| (Cow::Borrowed(CIM_NAMESPACE), Cow::Owned(Key::Text(text.to_owned()))));
        let keys = self.keys.iter().map(|(name, key)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(key)));
        namespace.into_iter().chain(keys)
    }

    /// Returns the path without the memory of the URI it was read from, so that it is written in
    /// Microsoft's form.
    #[must_use]
    pub fn in_microsoft_form(mut self) -> Self {
        self.resource = None;
        self
    }
}

impl Key {
    /// Returns the value as a selector says it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(true) => Cow::Borrowed("TRUE"),
            Self::Boolean(false) => Cow::Borrowed("FALSE"),
            Self::Path(path) => Cow::Owned(path.to_string()),
        }
    }

    /// Returns the path that a key holds, be it a reference or the text of one.
    pub fn as_path(&self) -> Option<Cow<'_, ObjectPath>> {
        match self {
            Self::Path(path) => Some(Cow::Borrowed(path)),
            Self::Text(text) => text.parse().ok().map(Cow::Owned),
            Self::Integer(_) | Self::Boolean(_) => None,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(mine), _) => other.as_path().is_some_and(|theirs| mine.is_same_object(&theirs)),
            (_, Self::Path(_)) => other.is_same(self),
            (Self::Boolean(_), _) | (_, Self::Boolean(_)) => self.text().eq_ignore_ascii_case(&other.text()),
            _ => self.text() == other.text(),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<ObjectPath> for Key {
    fn from(path: ObjectPath) -> Self {
        Self::Path(Box::new(path))
    }
}

/// The WMI text: keys in alphabetical order, as WMI itself writes them.
impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, r"\\{host}\")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, "{}:", namespace.replace('/', r"\"))?;
        } else if self.host.is_some() {
            write!(f, "{}:", DEFAULT_NAMESPACE.replace('/', r"\"))?;
        }
        f.write_str(&self.class)?;
        if self.is_singleton {
            return f.write_str("=@");
        }
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (index, (name, key)) in keys.into_iter().enumerate() {
            let separator = match (index, name.is_empty()) {
                (0, true) => "",
                (0, false) => ".",
                _ => ",",
            };
            write!(f, "{separator}{name}=")?;
            match key {
                Key::Integer(_) | Key::Boolean(_) => f.write_str(&key.text())?,
                Key::Text(_) | Key::Path(_) => {
                    write!(f, "\"{}\"", key.text().replace('\\', r"\\").replace('"', "\\\""))?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for ObjectPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut scan = Scan { text, offset: 0 };
        // The first colon or quote decides: a colon ends the namespace, in quotes it means nothing.
        let colon = text.find([':', '"', '\'', '=']).filter(|&at| text.as_bytes()[at] == b':');
        let (host, namespace) = match colon {
            None => (None, None),
            Some(colon) => scan.location(colon)?,
        };
        let class = scan.name("a class name")?;
        let mut path = Self {
            host,
            namespace,
            class: class.into(),
            keys: Vec::new(),
            is_singleton: false,
            resource: None,
        };
        match scan.rest().as_bytes() {
            [] => {}
            b"=@" => path.is_singleton = true,
            [b'=', ..] => {
                scan.offset += 1;
                path.keys.push(("".into(), scan.literal()?));
                if !scan.rest().is_empty() {
                    return Err(scan.expected("the end of the path"));
                }
            }
            [b'.', ..] => {
                scan.offset += 1;
                path.keys = scan.keys()?;
            }
            _ => return Err(scan.expected("'.', '=' or the end of the path")),
        }
        Ok(path)
    }
}

const WMI_PREFIX: &str = "http://schemas.microsoft.com/wbem/wsman/1/wmi/";
/// Where classes of the DMTF's schema and of its CIM-XML binding are.
const DMTF_PREFIX: &str = "http://schemas.dmtf.org/wbem/wscim/1/";
const CIM_XML_PREFIX: &str = "http://schemas.dmtf.org/wbem/cim-xml/";
const CIM_NAMESPACE: &str = "__cimnamespace";
/// What WMI takes where a path names no namespace.
const DEFAULT_NAMESPACE: &str = "root/cimv2";
/// More keys than any class has; a bound for hostile text.
const MOST_KEYS: usize = 64;

/// Returns the namespace and the class of a resource URI of Microsoft's form.
fn of_wmi(uri: &str) -> Option<(&str, &str)> {
    let (head, rest) = uri.split_at_checked(WMI_PREFIX.len())?;
    rest.rsplit_once('/').filter(|_| head.eq_ignore_ascii_case(WMI_PREFIX))
}

/// Returns a namespace with slashes between its names; an empty one is none.
fn normal_namespace(text: &str) -> Option<Name> {
    let text = text.trim_matches(['/', '\\']);
    let normal = || if text.contains('\\') { text.replace('\\', "/").into() } else { text.into() };
    (!text.is_empty()).then(normal)
}

/// Returns the number that WMI path text means, which may be hexadecimal.
fn integer(word: &str) -> Option<i128> {
    let (digits, radix) = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (word, 10),
    };
    // A sign would pass `from_str_radix`; only decimal numbers have one, and only a minus.
    let is_unsigned = digits.starts_with(|c: char| c.is_digit(radix));
    let is_negative = radix == 10 && digits.starts_with('-');
    (is_unsigned || is_negative).then(|| i128::from_str_radix(digits, radix).ok()).flatten()
}

/// A cursor over path text.
struct Scan<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn expected(&self, expected: &'static str) -> Error {
        Error::Path { offset: self.offset, expected }
    }

    /// Reads `\\HOST\name\space:` up to the colon.
    fn location(&mut self, colon: usize) -> Result<(Option<String>, Option<Name>), Error> {
        let location = &self.text[..colon];
        let (host, namespace) = match location.strip_prefix(r"\\").or_else(|| location.strip_prefix("//")) {
            None => (None, location),
            Some(rest) => {
                self.offset = 2;
                let at = rest.find(['\\', '/']).ok_or_else(|| self.expected("a namespace after the host"))?;
                if at == 0 {
                    return Err(self.expected("a host name"));
                }
                (Some(rest[..at].to_owned()), &rest[at + 1..])
            }
        };
        self.offset = colon - namespace.len();
        let is_segment = |segment: &str| {
            !segment.is_empty()
                && segment.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
        };
        if !namespace.split(['\\', '/']).all(is_segment) {
            return Err(self.expected("a namespace"));
        }
        self.offset = colon + 1;
        Ok((host, normal_namespace(namespace)))
    }

    fn name(&mut self, expected: &'static str) -> Result<&'a str, Error> {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if length == 0 || rest.starts_with(|c: char| c.is_numeric()) {
            return Err(self.expected(expected));
        }
        self.offset += length;
        Ok(&rest[..length])
    }

    fn keys(&mut self) -> Result<Vec<(Name, Key)>, Error> {
        let mut keys: Vec<(Name, Key)> = Vec::new();
        loop {
            let at = self.offset;
            let name = Name::from(self.name("a key name")?);
            if keys.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Error::Path { offset: at, expected: "a key that was not named before" });
            }
            if !self.rest().starts_with('=') {
                return Err(self.expected("'='"));
            }
            self.offset += 1;
            keys.push((name, self.literal()?));
            match self.rest().as_bytes() {
                [] => return Ok(keys),
                [b',', ..] if keys.len() < MOST_KEYS => self.offset += 1,
                _ => return Err(self.expected("',' or the end of the path")),
            }
        }
    }

    fn literal(&mut self) -> Result<Key, Error> {
        let rest = self.rest();
        if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            return self.quoted(quote).map(Key::Text);
        }
        let length = rest.find(',').unwrap_or(rest.len());
        let word = &rest[..length];
        let key = match word {
            _ if word.eq_ignore_ascii_case("TRUE") => Key::Boolean(true),
            _ if word.eq_ignore_ascii_case("FALSE") => Key::Boolean(false),
            _ => Key::Integer(integer(word).ok_or_else(|| self.expected("a key value"))?),
        };
        self.offset += length;
        Ok(key)
    }

    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                end if end == quote => {
                    self.offset += at + 1;
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                other => value.push(other),
            }
        }
        self.offset = self.text.len();
        Err(self.expected("the closing quote"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POINT: &str = r#"\\HV-NODE1\root\virtualization\v2:Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:3F2C\\A0E4",VirtualSystemIdentifier="3F2C""#;

    fn path(text: &str) -> ObjectPath {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn wmi_text_is_read_and_written_unchanged() {
        let point = path(POINT);
        assert_eq!(point.host.as_deref(), Some("HV-NODE1"));
        assert_eq!(point.namespace.as_deref(), Some("root/virtualization/v2"));
        assert_eq!(point.class, "Msvm_VirtualSystemReferencePoint");
        assert_eq!(point.key_text("instanceid").unwrap(), r"Microsoft:3F2C\A0E4");
        assert_eq!(point.to_string(), POINT);
        for text in [
            r#"\\.\root\cimv2:Win32_Service="vmms""#,
            r"root\cimv2:Win32_WMISetting=@",
            "Msvm_ComputerSystem",
            r"root\virtualization\v2:Msvm_ComputerSystem",
            r#"Win32_X.A=-5,B=TRUE,C="a,b=\"c\\\"""#,
            r#"Msvm_X.A="""#,
        ] {
            assert_eq!(path(text).to_string(), text);
        }
    }

    #[test]
    fn both_kinds_of_slashes_are_read() {
        let slashes = path(r#"//HV-NODE1/root/virtualization/v2:Msvm_X.InstanceID="a:b""#);
        assert_eq!(slashes.host.as_deref(), Some("HV-NODE1"));
        assert!(slashes.is_same_object(&path(r#"ROOT\virtualization\V2:msvm_x.instanceid="a:b""#)));
        assert!(!slashes.is_same_object(&path(r#"root\cimv2:Msvm_X.InstanceID="a:b""#)));
        assert!(!slashes.is_same_object(&path(r#"Msvm_X.InstanceID="A:b""#)));
    }

    #[test]
    fn single_quotes_and_hexadecimal_numbers_are_read() {
        let quoted = path(r#"root\cimv2:X.K='a"b\'c\\',D="it's",H=0x1F,I=0Xff"#);
        assert_eq!(quoted.namespace.as_deref(), Some("root/cimv2"));
        assert_eq!(quoted.key("K"), Some(&Key::from(r#"a"b'c\"#)));
        assert_eq!(quoted.key("D"), Some(&Key::from("it's")));
        assert_eq!(quoted.key("H"), Some(&Key::Integer(31)));
        assert_eq!(quoted.key("I"), Some(&Key::Integer(255)));
        assert_eq!(quoted.to_string(), r#"root\cimv2:X.D="it's",H=31,I=255,K="a\"b'c\\""#);
        assert!(path("X='a:b'").is_same_object(&path(r#"X="a:b""#)));
    }

    #[test]
    fn different_objects_are_told_apart() {
        assert!(!path("X").is_same_object(&path("X=@")));
        assert!(path("X=@").is_same_object(&path(r"root\a:x=@")));
        let keys = |names: [&str; 2]| {
            names.iter().fold(ObjectPath::new("root/a", "X"), |path, name| path.with_key(*name, "1"))
        };
        assert!(!keys(["a", "a"]).is_same_object(&keys(["a", "b"])));
        assert!(!keys(["a", "b"]).is_same_object(&keys(["a", "a"])));
        assert!(keys(["a", "a"]).is_same_object(&keys(["A", "a"])));
        assert!(keys(["a", "b"]).is_same_object(&keys(["b", "a"])));
        let of = |uri: &str| ObjectPath::from_resource(uri, vec![("K".into(), "1".into())]);
        assert!(!of("http://a/X").is_same_object(&of("http://b/X")));
        assert!(of("http://a/X").is_same_object(&of("HTTP://A/x")));
        assert!(of("http://a/X").is_same_object(&path(r#"root\a:X.K="1""#)));
        let wire = ObjectPath::from_resource(&path(r"root\a:X=@").resource_uri(), vec![]);
        assert!(wire.is_same_object(&path(r"root\a:X=@")) && wire.is_same_object(&path(r"root\a:X")));
    }

    #[test]
    fn equality_counts_the_spelling_and_the_remembered_uri() {
        let built = ObjectPath::new("root/a", "X");
        let read = ObjectPath::from_resource(&built.resource_uri(), vec![]);
        assert!(read.is_same_object(&built));
        assert_ne!(read, built);
        assert_eq!(read.in_microsoft_form(), built);
    }

    #[test]
    fn an_empty_namespace_is_none() {
        for nothing in ["", "/", r"\"] {
            let path = ObjectPath::new(nothing, "X");
            assert_eq!(path.namespace, None, "{nothing:?}");
            assert_eq!(path.resource_uri(), "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/X");
            assert_eq!(path.to_string(), "X");
        }
        let uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi//X";
        assert_eq!(ObjectPath::from_resource(uri, vec![]).namespace, None);
    }

    #[test]
    fn malformed_paths_are_refused_where_they_break() {
        for (text, offset) in [
            ("", 0),
            ("1Class", 0),
            (r"\\HV01", 0),
            (r"\\HV01:Msvm_X", 2),
            (r"\\\root:Msvm_X", 2),
            (r"\\H\:Msvm_X", 4),
            (r"\\H\a\\b:Msvm_X", 4),
            ("root:", 5),
            ("Msvm_X.", 7),
            ("Msvm_X.A", 8),
            ("Msvm_X.A=", 9),
            ("Msvm_X.A=abc", 9),
            ("Msvm_X.A=+5", 9),
            ("Msvm_X.A=0x", 9),
            ("Msvm_X.A=-0x1", 9),
            ("Msvm_X.A=0x-1", 9),
            ("Msvm_X.A='a\"", 12),
            (r#"Msvm_X.A="a"#, 11),
            (r#"Msvm_X.A="a\"#, 12),
            (r#"Msvm_X.A="a"b"#, 12),
            (r#"Msvm_X.A="a","#, 13),
            (r#"Msvm_X.A="a",a="b""#, 13),
            (r#"Msvm_X="a","#, 10),
            ("Msvm X", 4),
        ] {
            match text.parse::<ObjectPath>() {
                Err(Error::Path { offset: found, .. }) => assert_eq!(found, offset, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_wire_form_of_windows_carries_the_namespace_in_the_uri() {
        let uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ConcreteJob";
        let job = ObjectPath::from_resource(uri, vec![("InstanceID".into(), "5A9A".into())]);
        assert_eq!(job.to_string(), r#"root\virtualization\v2:Msvm_ConcreteJob.InstanceID="5A9A""#);
        assert_eq!(job.resource_uri(), uri);
        assert_eq!(job.selectors().count(), 1);
        let built =
            ObjectPath::new(r"root\virtualization\v2", "Msvm_ConcreteJob").with_key("InstanceID", "5A9A");
        assert_eq!(built.resource_uri(), uri);
        assert!(built.is_same_object(&job));
    }

    #[test]
    fn of_two_namespaces_the_one_in_the_uri_counts() {
        let namespace = |uri: &str| {
            let path = ObjectPath::from_resource(uri, vec![("__cimnamespace".into(), r"root\b".into())]);
            let said: Vec<_> = path.selectors().map(|(name, key)| format!("{name}={}", key.text())).collect();
            (path.namespace.unwrap().to_string(), said)
        };
        let uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/a/X";
        assert_eq!(namespace(uri), ("root/a".to_owned(), vec![]));
        let uri = r"HTTP://schemas.microsoft.com/wbem/wsman/1/wmi/\root\a//X";
        assert_eq!(namespace(uri), ("root/a".to_owned(), vec![]));
        let uri = "http://schemas.microsoft.com/wbem/wsman/1/wmi/X";
        assert_eq!(namespace(uri), ("root/b".to_owned(), vec!["__cimnamespace=root/b".to_owned()]));
    }

    #[test]
    fn the_wire_form_of_omi_comes_back_as_it_was() {
        let uri = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/Msvm_X";
        let selectors: Vec<(Name, Key)> = vec![
            ("__cimnamespace".into(), "root/virtualization/v2".into()),
            ("InstanceID".into(), "5".into()),
        ];
        let path = ObjectPath::from_resource(uri, selectors.clone());
        assert_eq!(path.namespace.as_deref(), Some("root/virtualization/v2"));
        assert_eq!(path.resource_uri(), uri);
        let back: Vec<(Name, Key)> =
            path.selectors().map(|(name, key)| (Name::from(&*name), key.into_owned())).collect();
        assert_eq!(back, selectors);
        assert_eq!(
            path.in_microsoft_form().resource_uri(),
            "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_X"
        );
    }

    fn keys() -> impl Strategy<Value = Vec<(Name, Key)>> {
        let key = prop_oneof![
            any::<String>().prop_map(Key::Text),
            any::<i64>().prop_map(|number| Key::Integer(number.into())),
            any::<bool>().prop_map(Key::Boolean),
        ];
        proptest::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,8}", key, 0..5).prop_map(|keys| {
            let mut named: Vec<(Name, Key)> = Vec::new();
            for (name, key) in keys {
                let name = Name::from(name);
                if named.iter().all(|(other, _)| *other != name) {
                    named.push((name, key));
                }
            }
            named
        })
    }

    proptest! {
        #[test]
        fn paths_survive_their_text_and_their_wire_form(
            host in proptest::option::of("[A-Z0-9-]{1,8}"),
            namespace in "root(/[a-z0-9]{1,5}){0,3}",
            class in "[A-Za-z_][A-Za-z0-9_]{0,10}",
            keys in keys(),
        ) {
            let mut path = ObjectPath::new(namespace, class);
            (path.host, path.keys) = (host, keys);
            let read: ObjectPath = path.to_string().parse().unwrap();
            prop_assert!(read.is_same_object(&path));
            prop_assert_eq!(&read.host, &path.host);
            prop_assert_eq!(read.to_string(), path.to_string());
            let selectors = path.selectors().map(|(name, key)| (Name::from(&*name), key.into_owned())).collect();
            prop_assert!(ObjectPath::from_resource(&path.resource_uri(), selectors).is_same_object(&path));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r#"[\\/:.,="'@A-z0-9 é-]{0,40}|\PC{0,20}"#) {
            if let Ok(path) = text.parse::<ObjectPath>() {
                let again: ObjectPath = path.to_string().parse().unwrap();
                prop_assert!(again.is_same_object(&path));
            }
        }
    }
}
