//! Embedded instances: CIM-XML text ([DSP0201]), as Hyper-V wants settings inside string parameters and
//! as it reports errors of jobs.
//!
//! ```
//! use refpoint::cim::{Instance, embedded};
//!
//! let settings = Instance::new("Msvm_VirtualSystemReferencePointSettingData").with("ConsistencyLevel", 1_u8);
//! let text = embedded::write(&settings)?;
//! assert_eq!(
//!     text,
//!     r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointSettingData"><PROPERTY NAME="ConsistencyLevel" TYPE="uint8"><VALUE>1</VALUE></PROPERTY></INSTANCE>"#
//! );
//! assert_eq!(embedded::read(&text)?, settings);
//! # Ok::<(), refpoint::cim::Error>(())
//! ```
//!
//! The text is a *string* to everybody else: who puts it into an envelope escapes it again, and who takes
//! it out unescapes it once before it is read here. What is written, in short:
//!
//! * **References are strings.** The properties of settings that refer to other objects are declared as
//!   strings that hold WMI path text, so a [`Scalar::Reference`] is written as that text with
//!   `TYPE="string"`. `PROPERTY.REFERENCE` is read, never written: no class that Hyper-V takes as text
//!   declares one.
//! * **Instances in instances are strings.** A [`Scalar::Object`] is written as its own CIM-XML text,
//!   escaped once more, with `TYPE="string"`. [`read`] leaves such text alone, because its type says
//!   string; [`read_declared`] opens it where the declaration says that it is an instance.
//! * **Null is left out.** Only properties that are set are sent, and null has no type to send. System
//!   properties (`__PATH`) are no state of the object and are left out as well, in both directions.
//! * **Numeric references only.** A host has refused `&amp;` and `&lt;` where it took `&#38;` and `&#60;`.
//! * Booleans are lower-case, numbers decimal, datetimes DMTF: hosts refuse the XML Schema spelling here.
//!
//! [`write()`] and [`read`] go by the types that stand in the instance or in the text: `read` is for what
//! hosts say, which may hold classes and properties that nobody here has declared. [`write_declared`] and
//! [`read_declared`] go by the declarations of a [`Catalog`]: they are for what operators say, in whose files
//! a misspelled property is a mistake to be told about.
//!
//! [DSP0201]: https://www.dmtf.org/sites/default/files/standards/documents/DSP0201_2.4.0.pdf

mod document;

use std::borrow::Cow;

use self::document::{Document, Found};
use super::catalog::{Catalog, ClassShape};
use super::class::PropertyDeclaration;
use super::error::Error;
use super::instance::{Instance, Property};
use super::name::Name;
use super::value::{Scalar, Type, Value};
use crate::xml::{self, EscapeStyle, Namespace, WriteError, Writer};

/// The length of the longest text that is read, in bytes.
pub const LONGEST_TEXT: usize = 1 << 20;

/// Returns an instance as CIM-XML text, each property with the type of its own value.
///
/// An array without a value that would tell its type is an array of strings. Elements of different types
/// are an error, as are names that no XML attribute of this kind may hold and characters that XML forbids.
pub fn write(instance: &Instance) -> Result<String, Error> {
    write_plain(instance, 0)
}

/// Returns an instance as CIM-XML text, each property with its declared name and type.
///
/// The order of the instance is kept; classes and properties are spelled as they were declared, at every level.
/// A value of another type is converted where nothing is lost (a number that fits, the text of one, a single
/// value for an array); anything else is an error, and so is a property or a class that is not declared.
/// Nested instances have to be of the class that the property declares, or of one derived from it.
pub fn write_declared(instance: &Instance, catalog: &Catalog) -> Result<String, Error> {
    write_typed(instance, shape_of(&instance.class, catalog)?, catalog, 0)
}

/// Returns the instance that a CIM-XML text holds, each property with the type that stands in the text: for
/// texts of hosts, whatever they declare.
///
/// Everything that hosts and Windows tools write around an instance is accepted and passed over: an XML
/// declaration, `DECLGROUP` and `VALUE.…` wrappers, `QUALIFIER`s, attributes beyond name and type.
pub fn read(text: &str) -> Result<Instance, Error> {
    let Document { class, properties } = Document::read(text)?;
    let mut instance = Instance::new(class);
    instance.reserve(properties.len());
    for Found { name, value, .. } in properties {
        instance.push(name, value);
    }
    Ok(instance)
}

/// Returns the instance that a CIM-XML text holds, each property with its declared name and type: for texts
/// of operators, who want to hear about everything that no host would take.
///
/// Classes and properties are spelled as they were declared, at every level, and values are converted and
/// refused as by [`write_declared`]. A string whose declaration names an embedded class becomes a
/// [`Scalar::Object`]. Offsets in errors about a nested instance count within its own text.
pub fn read_declared(text: &str, catalog: &Catalog) -> Result<Instance, Error> {
    read_typed(text, catalog, 0)
}

fn write_plain(instance: &Instance, level: usize) -> Result<String, Error> {
    check_level(level)?;
    let mut text = Text::new(&instance.class)?;
    for Property { name, value } in sent(instance) {
        let place = Place { class: &instance.class, name, offset: None };
        let ty = place.carried_type(value)?;
        text.property(&place, ty, value, |scalar| match scalar {
            Scalar::Object(inner) => write_plain(inner, level + 1).map(Cow::Owned),
            other => spelled(other),
        })?;
    }
    text.finish()
}

fn write_typed(
    instance: &Instance,
    shape: ClassShape<'_>,
    catalog: &Catalog,
    level: usize,
) -> Result<String, Error> {
    check_level(level)?;
    let class = shape.name();
    let mut text = Text::new(class)?;
    for Property { name, value } in sent(instance) {
        let place = Place { class, name, offset: None };
        let declaration = place.declaration(shape)?;
        let place = Place { name: &declaration.name, ..place };
        let value = place.arranged(Cow::Borrowed(value), declaration)?;
        text.property(&place, carrier(declaration.ty), &value, |scalar| match scalar {
            Scalar::Object(inner) => {
                let shape = embedded_shape(declaration, &inner.class, catalog)?;
                write_typed(inner, shape, catalog, level + 1).map(Cow::Owned)
            }
            // Text in the place of an instance is taken for the text of one.
            Scalar::String(_) if declaration.ty == Type::Object => spelled(scalar),
            other => fit(other, declaration.ty).and_then(|fitted| Ok(spelled(&fitted)?.into_owned().into())),
        })?;
    }
    text.finish()
}

fn read_typed(text: &str, catalog: &Catalog, level: usize) -> Result<Instance, Error> {
    check_level(level)?;
    let Document { class, properties } = Document::read(text)?;
    let shape = shape_of(&class, catalog)?;
    let mut instance = Instance::new(shape.name().clone());
    instance.reserve(properties.len());
    for Found { name, value, offset } in properties {
        let place = Place { class: shape.name(), name: &name, offset: Some(offset) };
        let declaration = place.declaration(shape)?;
        let place = Place { name: &declaration.name, ..place };
        let value = place.arranged(Cow::Owned(value), declaration)?;
        let value = place.map(&value, |scalar| match scalar {
            Scalar::String(inner) if holds_instance(declaration) => {
                let inner = read_typed(inner, catalog, level + 1)?;
                embedded_shape(declaration, &inner.class, catalog)?;
                Ok(Scalar::from(inner))
            }
            other => fit(other, declaration.ty),
        })?;
        instance.push(declaration.name.clone(), value);
    }
    Ok(instance)
}

fn check_level(level: usize) -> Result<(), Error> {
    match level {
        0..MOST_LEVELS => Ok(()),
        _ => Err(Error::Limit { what: "levels of embedded instances", limit: MOST_LEVELS }),
    }
}

fn shape_of<'c>(class: &str, catalog: &'c Catalog) -> Result<ClassShape<'c>, Error> {
    catalog.shape(class).ok_or_else(|| Error::UnknownClass(class.to_owned()))
}

/// Returns the properties that are written at all.
fn sent(instance: &Instance) -> impl Iterator<Item = &Property> {
    let is_sent = |property: &&Property| !property.value.is_null() && !is_system(&property.name);
    instance.properties().iter().filter(is_sent)
}

/// Returns whether a property is WMI's own, like `__PATH`: it says where the object came from.
fn is_system(name: &str) -> bool {
    name.starts_with("__")
}

/// Returns the type that stands for another one in text.
fn carrier(ty: Type) -> Type {
    match ty {
        Type::Reference | Type::Object => Type::String,
        other => other,
    }
}

/// Returns whether strings at this place are to be opened.
fn holds_instance(declaration: &PropertyDeclaration) -> bool {
    declaration.ty == Type::Object || (declaration.ty == Type::String && declaration.class.is_some())
}

/// Returns the class of a nested instance, if it may stand where the declaration is.
fn embedded_shape<'c>(
    declaration: &PropertyDeclaration,
    found: &Name,
    catalog: &'c Catalog,
) -> Result<ClassShape<'c>, Error> {
    match (declaration.ty, &declaration.class) {
        (Type::Object | Type::String, Some(class)) if !catalog.is_a(found, class) => {
            Err(Error::value("an instance of the class that the property declares", found))
        }
        (Type::Object, _) | (Type::String, Some(_)) => shape_of(found, catalog),
        (ty, _) => Err(Error::value(ty.name(), Type::Object.name())),
    }
}

/// Returns a value as one of another type, where nothing is lost.
fn fit(scalar: &Scalar, ty: Type) -> Result<Scalar, Error> {
    let is_number =
        |ty| !matches!(ty, Type::Boolean | Type::String | Type::DateTime | Type::Reference | Type::Object);
    match scalar {
        same if same.ty() == ty => Ok(same.clone()),
        Scalar::String(text) => Scalar::parse(ty, text),
        Scalar::Reference(path) if ty == Type::String => Ok(Scalar::String(path.to_string())),
        number if is_number(number.ty()) && is_number(ty) => {
            let text = digits(number);
            let fitted = Scalar::parse(ty, &text)?;
            // Reals take any number, but not each as it is.
            let is_same = digits(&fitted) == text;
            is_same.then_some(fitted).ok_or_else(|| Error::value(ty.name(), &text))
        }
        other => Err(Error::value(ty.name(), other.ty().name())),
    }
}

/// Returns a number without an exponent, which integers do not have.
fn digits(number: &Scalar) -> Cow<'_, str> {
    match number {
        Scalar::Real32(real) => Cow::Owned(real.to_string()),
        Scalar::Real64(real) => Cow::Owned(real.to_string()),
        other => other.to_text().unwrap_or_default(),
    }
}

/// Returns a value that is no instance as CIM-XML spells it.
fn spelled(scalar: &Scalar) -> Result<Cow<'_, str>, Error> {
    let text = match scalar {
        Scalar::DateTime(datetime) => datetime
            .to_dmtf()
            .map(Cow::Owned)
            .ok_or_else(|| Error::value("an interval below 100,000,000 days", &datetime.to_string())),
        other => other.to_text().ok_or_else(|| Error::value("text", other.ty().name())),
    }?;
    // The writer of the whole would notice as well, but not know in which property.
    let mut probe = Writer::new();
    probe.element(NONE, "VALUE", &text);
    match probe.finish() {
        Err(WriteError::Character(code)) => {
            Err(Error::value("characters that XML can carry", &format!("U+{code:04X}")))
        }
        _ => Ok(text),
    }
}

/// Where a value stands: what errors about it say.
#[derive(Clone, Copy)]
struct Place<'a> {
    class: &'a Name,
    name: &'a Name,
    /// Where the property begins, in text that was read.
    offset: Option<usize>,
}

impl Place<'_> {
    fn declaration<'c>(&self, shape: ClassShape<'c>) -> Result<&'c PropertyDeclaration, Error> {
        let undeclared = || Error::value("a property that the class declares", self.name);
        let found = shape.property(self.name).map(|(_, declaration)| declaration);
        found.ok_or_else(|| self.refuse(None, undeclared()))
    }

    /// Returns the type under which a value is written.
    fn carried_type(&self, value: &Value) -> Result<Type, Error> {
        let Value::Many(items) = value else {
            return Ok(value.as_scalar().map_or(Type::String, |scalar| carrier(scalar.ty())));
        };
        let mut types =
            items.iter().enumerate().filter_map(|(at, item)| Some((at, carrier(item.as_ref()?.ty()))));
        let Some((_, first)) = types.next() else {
            return Ok(Type::String);
        };
        match types.find(|(_, ty)| *ty != first) {
            None => Ok(first),
            Some((at, other)) => Err(self.refuse(Some(at), Error::value(first.name(), other.name()))),
        }
    }

    /// Returns the value as the array or the single value that the declaration says it is.
    fn arranged<'v>(
        &self,
        value: Cow<'v, Value>,
        declaration: &PropertyDeclaration,
    ) -> Result<Cow<'v, Value>, Error> {
        match (&*value, declaration.is_array) {
            (Value::One(scalar), true) => Ok(Cow::Owned(Value::Many(vec![Some(scalar.clone())]))),
            (Value::Many(_), false) => Err(self.refuse(None, Error::value("a single value", "an array"))),
            _ => Ok(value),
        }
    }

    /// Returns the value with each of its elements put through a function.
    fn map(&self, value: &Value, f: impl Fn(&Scalar) -> Result<Scalar, Error>) -> Result<Value, Error> {
        match value {
            Value::Null => Ok(Value::Null),
            Value::One(scalar) => f(scalar).map(Value::One).map_err(|problem| self.refuse(None, problem)),
            Value::Many(items) => {
                let element = |(at, item): (usize, &Option<Scalar>)| {
                    let item = item.as_ref().map(&f).transpose();
                    item.map_err(|problem| self.refuse(Some(at), problem))
                };
                Ok(Value::Many(items.iter().enumerate().map(element).collect::<Result<_, _>>()?))
            }
        }
    }

    /// Returns what is wrong with the value, or with an element of it, as an error of its property.
    fn refuse(&self, element: Option<usize>, problem: Error) -> Error {
        let problem = match (problem, self.offset) {
            // A property's problem is shown with it, the sources of the problem are not.
            (Error::Xml(xml::Error { offset, problem }), _) => {
                Error::Embedded { offset, problem: problem.to_string() }
            }
            (problem @ Error::Value { .. } | problem @ Error::Path { .. }, Some(offset)) => {
                Error::Embedded { offset, problem: problem.to_string() }
            }
            (other, _) => other,
        };
        let name = match element {
            None => self.name.to_string(),
            Some(at) => format!("{}[{at}]", self.name),
        };
        Error::Property { class: self.class.to_string(), name, problem: Box::new(problem) }
    }
}

/// The text of one instance, as far as it is written.
struct Text {
    writer: Writer,
}

impl Text {
    fn new(class: &str) -> Result<Self, Error> {
        check_name(class)?;
        let mut writer = Writer::with_style(EscapeStyle::Numeric);
        writer.start(NONE, "INSTANCE").attribute(NONE, "CLASSNAME", class);
        Ok(Self { writer })
    }

    fn property<'v>(
        &mut self,
        place: &Place<'_>,
        ty: Type,
        value: &'v Value,
        spell: impl Fn(&'v Scalar) -> Result<Cow<'v, str>, Error>,
    ) -> Result<(), Error> {
        check_name(place.name).map_err(|problem| place.refuse(None, problem))?;
        match value {
            Value::Null => {}
            Value::One(scalar) => {
                let text = spell(scalar).map_err(|problem| place.refuse(None, problem))?;
                self.start("PROPERTY", place.name, ty);
                self.value(&text);
                self.writer.end();
            }
            Value::Many(items) => {
                self.start("PROPERTY.ARRAY", place.name, ty);
                // The empty text keeps an array without elements from becoming `<VALUE.ARRAY/>`.
                self.writer.start(NONE, "VALUE.ARRAY").text("");
                for (at, item) in items.iter().enumerate() {
                    match item {
                        None => _ = self.writer.element(NONE, "VALUE.NULL", ""),
                        Some(scalar) => {
                            self.value(&spell(scalar).map_err(|problem| place.refuse(Some(at), problem))?);
                        }
                    }
                }
                self.writer.end().end();
            }
        }
        Ok(())
    }

    fn start(&mut self, element: &str, name: &str, ty: Type) {
        self.writer.start(NONE, element).attribute(NONE, "NAME", name).attribute(NONE, "TYPE", ty.name());
    }

    fn value(&mut self, text: &str) {
        self.writer.start(NONE, "VALUE").text(text).end();
    }

    fn finish(mut self) -> Result<String, Error> {
        self.writer.text("").end();
        self.writer.finish().map_err(Error::Unwritable)
    }
}

/// CIM names are a part of what XML allows as names.
fn check_name(name: &str) -> Result<(), Error> {
    match xml::is_ncname(name) {
        true => Ok(()),
        false => Err(Error::Unwritable(WriteError::name(name))),
    }
}

/// More levels than any class has; a bound for hostile text.
const MOST_LEVELS: usize = 8;
const NONE: Namespace<'static> = Namespace::NONE;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::document::{MOST_PROPERTIES, MOST_REFERENCES};
    use super::*;
    use crate::cim::{Class, DateTime, Interval, Key, ObjectPath, Timestamp, ValueMap, mof};

    const BASE: &str = r#"\\HV-LAB2\root\virtualization\v2:Msvm_VirtualSystemReferencePoint.InstanceID="Microsoft:4D1E\\91AA",VirtualSystemIdentifier="4D1E""#;

    fn declaration(name: &str, ty: Type, is_array: bool, class: Option<&str>) -> PropertyDeclaration {
        PropertyDeclaration {
            name: name.into(),
            ty,
            is_array,
            is_key: false,
            class: class.map(Name::from),
            values: ValueMap::default(),
            default: None,
            description: None,
        }
    }

    /// The collection's settings and what they hold, and a class with every other kind of property.
    const SCHEMA: &str = r#"
        class Msvm_VirtualMachineToDisks { string VirtualMachineId; string DisksToExport[]; };
        class Msvm_CollectionReferencePointExportSettingData {
            string BaseReferencePointCollection;
            [EmbeddedInstance("Msvm_VirtualMachineToDisks")] string VirtualMachinesToDisksToExport[];
        };
        class Mixed {
            uint8 Level; uint64 Size; real32 Ratio; boolean IsOn; datetime Since; object REF Owner; string Text;
            uint16 Ports[]; [EmbeddedInstance("Mixed")] string Inner; object Any; real64 Exact;
        };
        class Derived : Mixed { uint8 More; };
    "#;

    struct Schema(Catalog);

    impl Schema {
        fn new() -> Self {
            Self(Catalog::from_mof([SCHEMA]).unwrap())
        }

        fn read(&self, text: &str) -> Result<Instance, Error> {
            read_declared(text, &self.0)
        }

        fn write(&self, instance: &Instance) -> Result<String, Error> {
            write_declared(instance, &self.0)
        }
    }

    #[test]
    fn classes_get_their_declared_spelling_at_every_level() {
        let schema = Schema::new();
        let given = Instance::new("MSVM_collectionReferencePointExportSettingData").with(
            "virtualMachinesToDisksToExport",
            vec![Instance::new("msvm_virtualmachinetodisks").with("virtualmachineid", "4D1E")],
        );
        let canonical = Instance::new("Msvm_CollectionReferencePointExportSettingData").with(
            "VirtualMachinesToDisksToExport",
            vec![Instance::new("Msvm_VirtualMachineToDisks").with("VirtualMachineId", "4D1E")],
        );
        let text = write(&canonical).unwrap();
        assert_eq!(schema.write(&given).unwrap(), text);
        let read = schema.read(&write(&given).unwrap()).unwrap();
        assert_eq!(write(&read).unwrap(), text);
    }

    #[test]
    fn an_instance_of_a_derived_class_stands_where_its_superclass_is_declared() {
        let schema = Schema::new();
        let given = Instance::new("Mixed")
            .with("Inner", Instance::new("DERIVED").with("more", 1_u8).with("Level", 2_u8));
        let text = schema.write(&given).unwrap();
        assert!(text.contains("CLASSNAME=&#34;Derived&#34;"), "{text}");
        assert_eq!(schema.read(&text).unwrap(), given);
    }

    #[test]
    fn large_numbers_pass_between_integers_and_reals_where_nothing_is_lost() {
        let schema = Schema::new();
        let write = |name: &str, value: Value| schema.write(&Instance::new("Mixed").with(name, value));
        assert!(write("Size", 1e16.into()).unwrap().contains("<VALUE>10000000000000000</VALUE>"));
        assert!(write("Exact", 10_000_000_000_000_000_u64.into()).unwrap().contains("<VALUE>1e16</VALUE>"));
        assert!(write("Exact", u64::MAX.into()).is_err());
    }

    #[test]
    fn a_null_that_is_written_out_is_null() {
        let text = r#"<INSTANCE CLASSNAME="X"><PROPERTY NAME="A" TYPE="uint8"><VALUE.NULL/></PROPERTY><PROPERTY NAME="B" TYPE="string"><QUALIFIER/><VALUE.NULL></VALUE.NULL></PROPERTY></INSTANCE>"#;
        assert_eq!(read(text), Ok(Instance::new("X").with("A", Value::Null).with("B", Value::Null)));
        let twice = text.replace("<VALUE.NULL/>", "<VALUE.NULL/><VALUE>1</VALUE>");
        assert!(read(&twice).is_err());
    }

    fn error_of(result: Result<impl std::fmt::Debug, Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn texts_of_hosts_and_settings_read_as_what_they_say() {
        let disk = r"Microsoft:4D1E\83DA\0\0\L";
        for (text, instance) in [
            (
                r#"<INSTANCE CLASSNAME="Msvm_VirtualHardDiskSettingData"><PROPERTY NAME="Path" TYPE="string"><VALUE>D:\VMs\app 1.vhdx</VALUE></PROPERTY><PROPERTY NAME="MaxInternalSize" TYPE="uint64"><VALUE>18446744073709551615</VALUE></PROPERTY><PROPERTY NAME="Format" TYPE="uint16"><VALUE>3</VALUE></PROPERTY><PROPERTY NAME="Caption" PROPAGATED="true" TYPE="string"></PROPERTY></INSTANCE>"#.to_owned(),
                Instance::new("Msvm_VirtualHardDiskSettingData")
                    .with("Path", r"D:\VMs\app 1.vhdx")
                    .with("MaxInternalSize", u64::MAX)
                    .with("Format", 3_u16)
                    .with("Caption", Value::Null),
            ),
            (
                r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointSettingData"><PROPERTY NAME="ConsistencyLevel" TYPE="uint8"><VALUE>2</VALUE></PROPERTY></INSTANCE>"#.to_owned(),
                Instance::new("Msvm_VirtualSystemReferencePointSettingData").with("ConsistencyLevel", 2_u8),
            ),
            (
                format!(r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY NAME="BaseReferencePoint" TYPE="string"><VALUE>{BASE}</VALUE></PROPERTY><PROPERTY.ARRAY NAME="DisksToExport" TYPE="string"><VALUE.ARRAY><VALUE>{disk}</VALUE><VALUE>{disk}2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>"#),
                Instance::new("Msvm_VirtualSystemReferencePointExportSettingData")
                    .with("BaseReferencePoint", BASE)
                    .with("DisksToExport", vec![disk.to_owned(), format!("{disk}2")]),
            ),
            (
                r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"></INSTANCE>"#.to_owned(),
                Instance::new("Msvm_VirtualSystemReferencePointExportSettingData"),
            ),
            (
                r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemSnapshotSettingData"><PROPERTY NAME="IgnoreNonSnapshottableDisks" TYPE="boolean"><VALUE>TRUE</VALUE></PROPERTY><PROPERTY NAME="GuestBackupType" TYPE="uint8"><VALUE>1</VALUE></PROPERTY></INSTANCE>"#.to_owned(),
                Instance::new("Msvm_VirtualSystemSnapshotSettingData")
                    .with("IgnoreNonSnapshottableDisks", true)
                    .with("GuestBackupType", 1_u8),
            ),
            (
                format!(r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemExportSettingData"><PROPERTY NAME="CopySnapshotConfiguration" TYPE="uint8"><VALUE>3</VALUE></PROPERTY><PROPERTY NAME="CopyVmStorage" TYPE="boolean"><VALUE>false</VALUE></PROPERTY><PROPERTY NAME="DifferentialBackupBase" TYPE="string"><VALUE>{BASE}</VALUE></PROPERTY></INSTANCE>"#),
                Instance::new("Msvm_VirtualSystemExportSettingData")
                    .with("CopySnapshotConfiguration", 3_u8)
                    .with("CopyVmStorage", false)
                    .with("DifferentialBackupBase", BASE),
            ),
            (
                r#"<INSTANCE CLASSNAME="Msvm_DiskMergeSettingData"><PROPERTY NAME="InstanceID" TYPE="string"><VALUE>Microsoft:4D1E\tail</VALUE></PROPERTY><PROPERTY NAME="EnabledState" TYPE="uint32"><VALUE>1</VALUE></PROPERTY></INSTANCE>"#.to_owned(),
                Instance::new("Msvm_DiskMergeSettingData")
                    .with("InstanceID", r"Microsoft:4D1E\tail")
                    .with("EnabledState", 1_u32),
            ),
            (
                r#"<INSTANCE CLASSNAME="Msvm_Error"><PROPERTY NAME="CIMStatusCode" TYPE="uint32" CLASSORIGIN="CIM_Error"><VALUE>1</VALUE></PROPERTY><PROPERTY NAME="ErrorType" TYPE="uint16"><VALUE>4</VALUE></PROPERTY><PROPERTY NAME="Message" TYPE="string"><VALUE>'app01': Zugriff verweigert (0x80070005) &amp; Schluß</VALUE></PROPERTY><PROPERTY.ARRAY NAME="MessageArguments" TYPE="string"><VALUE.ARRAY><VALUE>app01</VALUE><VALUE></VALUE><VALUE.NULL/><VALUE>%%2147942405</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.ARRAY NAME="RecommendedActions" TYPE="string"></PROPERTY.ARRAY></INSTANCE>"#.to_owned(),
                Instance::new("Msvm_Error")
                    .with("CIMStatusCode", 1_u32)
                    .with("ErrorType", 4_u16)
                    .with("Message", "'app01': Zugriff verweigert (0x80070005) & Schluß")
                    .with(
                        "MessageArguments",
                        Value::Many(vec![
                            Some("app01".into()),
                            Some("".into()),
                            None,
                            Some("%%2147942405".into()),
                        ]),
                    )
                    .with("RecommendedActions", Value::Null),
            ),
        ] {
            assert_eq!(read(&text), Ok(instance), "{text}");
        }
    }

    #[test]
    fn what_tools_write_around_an_instance_is_passed_over() {
        let instance = Instance::new("msvm_x").with("a", 1_u8).with("B", "").with("C", "x<y");
        let body = r#"<INSTANCE CLASSNAME="msvm_x" xml:lang="ja-JP">
                <QUALIFIER NAME="dynamic" TYPE="boolean"><VALUE>true</VALUE></QUALIFIER>
                <PROPERTY NAME="__PATH" TYPE="string"><VALUE>\\H\root:X</VALUE></PROPERTY>
                <PROPERTY NAME="__SERVER" TYPE="string"/><PROPERTY NAME="__SERVER" TYPE="nonsense"/>
                <PROPERTY.ARRAY NAME="__DERIVATION" TYPE="string"><VALUE.ARRAY/></PROPERTY.ARRAY>
                <PROPERTY TYPE="UInt8" CLASSORIGIN="Y" NAME="a">
                    <QUALIFIER NAME="key"/> <VALUE> 1 </VALUE> <!-- said twice --> </PROPERTY>
                <PROPERTY NAME="B" EmbeddedObject="instance"><VALUE/></PROPERTY>
                <PROPERTY NAME="C" TYPE="String" EmbeddedInstance="Y"><VALUE><![CDATA[x<]]>y</VALUE></PROPERTY>
            </INSTANCE>"#;
        for text in [
            body.to_owned(),
            format!(" \r\n\t{body}\n"),
            format!("\u{FEFF}\n<?xml version=\"1.0\" encoding=\"utf-16\"?>\n{body}"),
            format!("<DECLGROUP>\n<VALUE.OBJECT>{body}</VALUE.OBJECT></DECLGROUP>"),
            format!("<VALUE.NAMEDINSTANCE><INSTANCENAME CLASSNAME=\"msvm_x\"/>{body}</VALUE.NAMEDINSTANCE>"),
            format!(
                "<CIM CIMVERSION=\"2.0\"><DECLARATION><DECLGROUP.WITHPATH><VALUE.OBJECTWITHPATH><INSTANCEPATH><HOST>h</HOST></INSTANCEPATH>{body}</VALUE.OBJECTWITHPATH></DECLGROUP.WITHPATH></DECLARATION></CIM>"
            ),
        ] {
            assert_eq!(read(&text), Ok(instance.clone()), "{text}");
        }
        let spelled = read(body).unwrap();
        assert_eq!(spelled.class.as_str(), "msvm_x");
        assert_eq!(spelled.properties()[0].name.as_str(), "a");
    }

    #[test]
    fn datetimes_are_read_in_both_spellings_and_written_in_one() {
        let five_minutes = DateTime::Interval(Interval::new(Duration::from_secs(300)));
        let then = Timestamp::new(1_791_174_230, 250_000_000, 120).unwrap();
        let instance =
            Instance::new("X").with("Timeout", five_minutes).with("Since", DateTime::Absolute(then));
        let written = r#"<INSTANCE CLASSNAME="X"><PROPERTY NAME="Timeout" TYPE="datetime"><VALUE>00000000000500.000000:000</VALUE></PROPERTY><PROPERTY NAME="Since" TYPE="datetime"><VALUE>20261005062350.250000+120</VALUE></PROPERTY></INSTANCE>"#;
        assert_eq!(write(&instance).unwrap(), written);
        assert_eq!(read(written), Ok(instance.clone()));
        let iso = written
            .replace("00000000000500.000000:000", "P0DT0H5M0S")
            .replace("20261005062350.250000+120", "2026-10-05T06:23:50.25+02:00");
        assert_eq!(read(&iso), Ok(instance));
        let ages = DateTime::Interval(Interval::new(Duration::from_secs(100_000_000 * 86_400)));
        assert_eq!(
            error_of(write(&Instance::new("X").with("Timeout", ages))),
            "property Timeout of X: expected an interval below 100,000,000 days, found \"P100000000DT0H0M0S\""
        );
    }

    #[test]
    fn references_are_read_from_all_forms_of_paths() {
        let name = r#"<INSTANCENAME CLASSNAME="Msvm_X"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a"\b</KEYVALUE></KEYBINDING><KEYBINDING NAME="No"><KEYVALUE VALUETYPE="numeric"> -5 </KEYVALUE></KEYBINDING><KEYBINDING NAME="On"><KEYVALUE VALUETYPE="boolean">true</KEYVALUE></KEYBINDING></INSTANCENAME>"#;
        let space = r#"<LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="virtualization"/><NAMESPACE NAME="v2"/></LOCALNAMESPACEPATH>"#;
        let keys = r#"Msvm_X.Name="a\"\\b",No=-5,On=TRUE"#;
        let of = |path: &str| {
            let text = format!(
                r#"<INSTANCE CLASSNAME="A"><PROPERTY.REFERENCE NAME="R" REFERENCECLASS="Msvm_X"><VALUE.REFERENCE>{path}</VALUE.REFERENCE></PROPERTY.REFERENCE></INSTANCE>"#
            );
            read(&text).map(|instance| instance.path("R").expect("a path").to_string())
        };
        for (elements, path) in [
            (name.to_owned(), keys.to_owned()),
            (
                format!("<LOCALINSTANCEPATH>{space}{name}</LOCALINSTANCEPATH>"),
                format!(r"root\virtualization\v2:{keys}"),
            ),
            (
                format!(
                    "<INSTANCEPATH><NAMESPACEPATH><HOST>HV-LAB2</HOST>{space}</NAMESPACEPATH>{name}</INSTANCEPATH>"
                ),
                format!(r"\\HV-LAB2\root\virtualization\v2:{keys}"),
            ),
            (r#"<CLASSNAME NAME="Msvm_X"/>"#.to_owned(), "Msvm_X".to_owned()),
            (r#"<INSTANCENAME CLASSNAME="Msvm_X"/>"#.to_owned(), "Msvm_X=@".to_owned()),
            (
                r#"<INSTANCENAME CLASSNAME="Msvm_X"><KEYVALUE>k</KEYVALUE></INSTANCENAME>"#.to_owned(),
                r#"Msvm_X="k""#.to_owned(),
            ),
            (
                format!(
                    r#"<INSTANCENAME CLASSNAME="Msvm_Y"><KEYBINDING NAME="To"><VALUE.REFERENCE>{space_name}</VALUE.REFERENCE></KEYBINDING></INSTANCENAME>"#,
                    space_name = r#"<INSTANCENAME CLASSNAME="Msvm_X"><KEYBINDING NAME="K"><KEYVALUE>1</KEYVALUE></KEYBINDING></INSTANCENAME>"#
                ),
                r#"Msvm_Y.To="Msvm_X.K=\"1\"""#.to_owned(),
            ),
        ] {
            assert_eq!(of(&elements), Ok(path), "{elements}");
        }
        let null = r#"<INSTANCE CLASSNAME="A"><PROPERTY.REFERENCE NAME="R"/></INSTANCE>"#;
        assert_eq!(read(null), Ok(Instance::new("A").with("R", Value::Null)));
        for broken in [
            String::new(),
            "<INSTANCENAME/>".to_owned(),
            format!("{name}{name}"),
            format!("<LOCALINSTANCEPATH>{space}</LOCALINSTANCEPATH>"),
            r#"<INSTANCENAME CLASSNAME="X"><KEYBINDING NAME="A"/></INSTANCENAME>"#.to_owned(),
            r#"<INSTANCENAME CLASSNAME="X"><KEYBINDING NAME="A"><KEYVALUE/></KEYBINDING><KEYBINDING NAME="a"><KEYVALUE/></KEYBINDING></INSTANCENAME>"#.to_owned(),
            r#"<INSTANCENAME CLASSNAME="X"><KEYVALUE/><KEYVALUE/></INSTANCENAME>"#.to_owned(),
            r#"<INSTANCENAME CLASSNAME="X"><KEYVALUE VALUETYPE="numeric">ten</KEYVALUE></INSTANCENAME>"#.to_owned(),
            r#"<INSTANCENAME CLASSNAME="X"><KEYVALUE VALUETYPE="date">1</KEYVALUE></INSTANCENAME>"#.to_owned(),
            r#"<INSTANCEPATH><NAMESPACEPATH><HOST>a:b</HOST></NAMESPACEPATH><CLASSNAME NAME="X"/></INSTANCEPATH>"#.to_owned(),
            format!(r#"<INSTANCEPATH><NAMESPACEPATH><HOST>a\b</HOST>{space}</NAMESPACEPATH><CLASSNAME NAME="X"/></INSTANCEPATH>"#),
        ] {
            assert!(of(&broken).is_err(), "{broken}");
        }
        let nest = |levels: usize| {
            let open = r#"<INSTANCENAME CLASSNAME="X"><KEYBINDING NAME="A"><VALUE.REFERENCE>"#;
            let close = "</VALUE.REFERENCE></KEYBINDING></INSTANCENAME>";
            of(&format!("{}<CLASSNAME NAME=\"X\"/>{}", open.repeat(levels), close.repeat(levels)))
        };
        assert!(nest(MOST_REFERENCES - 1).is_ok());
        assert_eq!(error_of(nest(MOST_REFERENCES)), "property R of A: more than 4 levels of references");
    }

    #[test]
    fn full_export_settings_are_written_to_the_letter() {
        let base: ObjectPath = BASE.parse().unwrap();
        let settings = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData")
            .with("__PATH", "left out")
            .with("Caption", Value::Null)
            .with("BaseReferencePoint", base)
            .with("DisksToExport", vec![r"Microsoft:4D1E\83DA\0\0\L", r"Microsoft:4D1E\83DA\0\1\L"]);
        assert_eq!(
            write(&settings).unwrap(),
            r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"><PROPERTY NAME="BaseReferencePoint" TYPE="string"><VALUE>\\HV-LAB2\root\virtualization\v2:Msvm_VirtualSystemReferencePoint.InstanceID=&#34;Microsoft:4D1E\\91AA&#34;,VirtualSystemIdentifier=&#34;4D1E&#34;</VALUE></PROPERTY><PROPERTY.ARRAY NAME="DisksToExport" TYPE="string"><VALUE.ARRAY><VALUE>Microsoft:4D1E\83DA\0\0\L</VALUE><VALUE>Microsoft:4D1E\83DA\0\1\L</VALUE></VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>"#
        );
        let every_disk = Instance::new("Msvm_VirtualSystemReferencePointExportSettingData");
        assert_eq!(
            write(&every_disk).unwrap(),
            r#"<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData"></INSTANCE>"#
        );
    }

    #[test]
    fn empty_arrays_and_empty_elements_have_an_end_tag_of_their_own() {
        let settings = Instance::new("X")
            .with("None", Value::Many(vec![]))
            .with("Gaps", Value::Many(vec![None, Some(7_u8.into()), None]))
            .with("Empty", "");
        assert_eq!(
            write(&settings).unwrap(),
            r#"<INSTANCE CLASSNAME="X"><PROPERTY.ARRAY NAME="None" TYPE="string"><VALUE.ARRAY></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.ARRAY NAME="Gaps" TYPE="uint8"><VALUE.ARRAY><VALUE.NULL/><VALUE>7</VALUE><VALUE.NULL/></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="Empty" TYPE="string"><VALUE></VALUE></PROPERTY></INSTANCE>"#
        );
    }

    fn machine(id: &str, disks: &[&str]) -> Instance {
        Instance::new("Msvm_VirtualMachineToDisks")
            .with("VirtualMachineId", id)
            .with("DisksToExport", disks.to_vec())
    }

    fn collection(machines: Vec<Instance>) -> Instance {
        Instance::new("Msvm_CollectionReferencePointExportSettingData")
            .with("VirtualMachinesToDisksToExport", machines)
    }

    #[test]
    fn disk_names_survive_both_escapings_of_collection_settings() {
        let machines = [
            machine("4D1E", &[r#"a "quoted" \ disk"#, "R&D <1> &amp; ]]>", "\r\n\ttab"]),
            machine("77B0", &["データ用ディスク", "🎌💾", "' &#60; '"]),
        ];
        let settings = collection(machines.to_vec());
        let text = write(&settings).unwrap();
        let outer = read(&text).unwrap();
        let inner: Vec<_> =
            outer.texts("VirtualMachinesToDisksToExport").map(|text| read(text).unwrap()).collect();
        assert_eq!(inner, machines);
        assert_eq!(Schema::new().read(&text), Ok(settings));

        let small = write(&collection(vec![machine("4D1E", &["<"])])).unwrap();
        assert!(
            small.contains(
                "<VALUE>&#60;INSTANCE CLASSNAME=&#34;Msvm_VirtualMachineToDisks&#34;&#62;&#60;PROPERTY NAME="
            ),
            "{small}"
        );
        assert!(small.contains("&#60;VALUE&#62;&#38;#60;&#60;/VALUE&#62;"), "{small}");
    }

    #[test]
    fn declared_writing_corrects_names_and_types() {
        let schema = Schema::new();
        let path: ObjectPath = r#"Msvm_X.K="1""#.parse().unwrap();
        let given = Instance::new("Mixed")
            .with("NotDeclaredButNull", Value::Null)
            .with("LEVEL", 1_u64)
            .with("size", "18446744073709551615")
            .with("ratio", 5_u8)
            .with("ison", "true")
            .with("SINCE", "2026-10-05T04:23:50Z")
            .with("owner", path.clone())
            .with("text", path)
            .with("ports", 5986_u32)
            .with("inner", Instance::new("MIXED").with("level", 2_i64).with("ports", Value::Many(vec![])))
            .with("any", Instance::new("mixed").with("Level", 3_i32));
        let text = schema.write(&given).unwrap();
        for part in [
            r#"<PROPERTY NAME="Level" TYPE="uint8"><VALUE>1</VALUE>"#,
            r#"<PROPERTY NAME="Size" TYPE="uint64"><VALUE>18446744073709551615</VALUE>"#,
            r#"<PROPERTY NAME="Ratio" TYPE="real32"><VALUE>5</VALUE>"#,
            r#"<PROPERTY NAME="IsOn" TYPE="boolean"><VALUE>true</VALUE>"#,
            r#"<PROPERTY NAME="Since" TYPE="datetime"><VALUE>20261005042350.000000-000</VALUE>"#,
            r#"<PROPERTY NAME="Owner" TYPE="string"><VALUE>Msvm_X.K=&#34;1&#34;</VALUE>"#,
            r#"<PROPERTY NAME="Text" TYPE="string"><VALUE>Msvm_X.K=&#34;1&#34;</VALUE>"#,
            r#"<PROPERTY.ARRAY NAME="Ports" TYPE="uint16"><VALUE.ARRAY><VALUE>5986</VALUE></VALUE.ARRAY>"#,
            "<PROPERTY NAME=\"Inner\" TYPE=\"string\"><VALUE>&#60;INSTANCE CLASSNAME=&#34;Mixed&#34;&#62;",
            "NAME=&#34;Ports&#34; TYPE=&#34;uint16&#34;&#62;&#60;VALUE.ARRAY&#62;&#60;/VALUE.ARRAY&#62;",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let positions: Vec<_> = ["\"Level\"", "\"Size\"", "\"Any\""].map(|name| text.find(name)).into();
        assert!(positions.is_sorted(), "the order of the instance is kept: {text}");
        let read = schema.read(&text).unwrap();
        assert_eq!(read.value("Level"), Some(&Value::from(1_u8)));
        assert!(matches!(read.value("Owner"), Some(Value::One(Scalar::Reference(_)))));
        let Some(Value::One(Scalar::Object(inner))) = read.value("Inner") else { panic!("{read:?}") };
        assert_eq!(inner.class.as_str(), "Mixed", "nested classes get their declared spelling");
        assert_eq!(inner.value("Ports"), Some(&Value::Many(vec![])));
    }

    #[test]
    fn what_the_declarations_do_not_allow_is_refused_with_its_property() {
        let schema = Schema::new();
        let mixed = |name: &str, value: Value| Instance::new("Mixed").with(name, value);
        for (name, value, message) in [
            ("Level", Value::from(256_u16), "property Level of Mixed: expected uint8, found \"256\""),
            ("level", Value::from(-1_i8), "property Level of Mixed: expected uint8, found \"-1\""),
            ("Level", Value::from(true), "property Level of Mixed: expected uint8, found \"boolean\""),
            ("Level", Value::from(1.5), "property Level of Mixed: expected uint8, found \"1.5\""),
            (
                "Level",
                Value::from(vec![1_u8]),
                "property Level of Mixed: expected a single value, found \"an array\"",
            ),
            ("IsOn", Value::from(1_u8), "property IsOn of Mixed: expected boolean, found \"uint8\""),
            (
                "Since",
                Value::from("soon"),
                "property Since of Mixed: expected a point in time, found \"soon\"",
            ),
            (
                "Owner",
                Value::from("a b"),
                "property Owner of Mixed: malformed object path at byte 1: expected '.', '=' or the end of the path",
            ),
            ("Text", Value::from(1_u8), "property Text of Mixed: expected string, found \"uint8\""),
            (
                "Text",
                Value::from(Instance::new("Mixed")),
                "property Text of Mixed: expected string, found \"object\"",
            ),
            (
                "Ports",
                Value::from(vec!["1", "x"]),
                "property Ports[1] of Mixed: expected uint16, found \"x\"",
            ),
            (
                "Port",
                Value::from(1_u16),
                "property Port of Mixed: expected a property that the class declares, found \"Port\"",
            ),
            (
                "Inner",
                Value::from(machine("4D1E", &[])),
                "property Inner of Mixed: expected an instance of the class that the property declares, found \"Msvm_VirtualMachineToDisks\"",
            ),
            ("Any", Value::from(Instance::new("Odd")), "property Any of Mixed: unknown class Odd"),
            (
                "Text",
                Value::from("a\u{1}"),
                "property Text of Mixed: expected characters that XML can carry, found \"U+0001\"",
            ),
        ] {
            assert_eq!(error_of(schema.write(&mixed(name, value))), message);
        }
        for inexact in [Value::from(1e300), Value::from(0.1 + 0.2), Value::from(u64::MAX)] {
            assert!(error_of(schema.write(&mixed("Ratio", inexact))).contains("expected real32, found"));
        }
        assert_eq!(schema.write(&Instance::new("Odd")), Err(Error::UnknownClass("Odd".into())));
        let nested = collection(vec![machine("4D1E", &["a"]), machine("77B0", &["b", "\u{FFFE}"])]);
        assert_eq!(
            error_of(schema.write(&nested)),
            "property VirtualMachinesToDisksToExport[1] of Msvm_CollectionReferencePointExportSettingData: \
             property DisksToExport[1] of Msvm_VirtualMachineToDisks: \
             expected characters that XML can carry, found \"U+FFFE\""
        );
    }

    #[test]
    fn declared_reading_says_where_a_user_went_wrong() {
        let schema = Schema::new();
        let property =
            |text: &str| schema.read(&format!(r#" <INSTANCE CLASSNAME="Mixed">{text}</INSTANCE>"#));
        for (text, message) in [
            (
                r#"<PROPERTY NAME="level" TYPE="uint16"><VALUE>256</VALUE></PROPERTY>"#,
                "property Level of Mixed: embedded instance at byte 29: expected uint8, found \"256\"",
            ),
            (
                r#"<PROPERTY NAME="Levle" TYPE="uint16"><VALUE>1</VALUE></PROPERTY>"#,
                "property Levle of Mixed: embedded instance at byte 29: expected a property that the class declares, found \"Levle\"",
            ),
            (
                r#"<PROPERTY NAME="Level" TYPE="uint8"><VALUE>one</VALUE></PROPERTY>"#,
                "property Level of Mixed: embedded instance at byte 65: expected uint8, found \"one\"",
            ),
            (
                r#"<PROPERTY.ARRAY NAME="Ports" TYPE="uint32"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>65536</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>"#,
                "property Ports[1] of Mixed: embedded instance at byte 29: expected uint16, found \"65536\"",
            ),
            (
                r#"<PROPERTY NAME="Inner" TYPE="string"><VALUE>&#60;INSTANCE&#62;</VALUE></PROPERTY>"#,
                "property Inner of Mixed: embedded instance at byte 0: expected the attribute CLASSNAME on INSTANCE",
            ),
            (
                r#"<PROPERTY NAME="Inner" TYPE="string"><VALUE>not XML</VALUE></PROPERTY>"#,
                "property Inner of Mixed: embedded instance at byte 0: text outside the root element",
            ),
            (
                r#"<PROPERTY NAME="Inner" TYPE="string"><VALUE>&lt;INSTANCE CLASSNAME="Msvm_VirtualMachineToDisks"/&gt;</VALUE></PROPERTY>"#,
                "property Inner of Mixed: embedded instance at byte 29: expected an instance of the class that the property declares, found \"Msvm_VirtualMachineToDisks\"",
            ),
        ] {
            assert_eq!(error_of(property(text)), message);
        }
        assert_eq!(schema.read(r#"<INSTANCE CLASSNAME="Odd"/>"#), Err(Error::UnknownClass("Odd".into())));
    }

    #[test]
    fn instances_nest_eight_levels_deep_and_no_deeper() {
        let schema = Schema::new();
        let nested = |levels| {
            (1..levels).fold(Instance::new("Mixed"), |inner, _| Instance::new("Mixed").with("Inner", inner))
        };
        let deepest = nested(MOST_LEVELS);
        let text = write(&deepest).unwrap();
        assert_eq!(schema.write(&deepest), Ok(text.clone()));
        assert_eq!(schema.read(&text), Ok(deepest));
        let too_deep = nested(MOST_LEVELS + 1);
        for result in [write(&too_deep), schema.write(&too_deep)] {
            assert!(
                error_of(result)
                    .ends_with("property Inner of Mixed: more than 8 levels of embedded instances")
            );
        }
        let mut wrapped = Text::new("Mixed").unwrap();
        let (class, name) = (Name::from("Mixed"), Name::from("Inner"));
        let place = Place { class: &class, name: &name, offset: None };
        wrapped.property(&place, Type::String, &text.into(), spelled).unwrap();
        let error = error_of(schema.read(&wrapped.finish().unwrap()));
        assert!(error.ends_with("more than 8 levels of embedded instances"), "{error}");
    }

    #[test]
    fn names_and_arrays_that_no_text_can_hold_are_not_written() {
        for name in ["", "a b", "a\"b", "1", "a:b"] {
            assert_eq!(
                write(&Instance::new(name)),
                Err(Error::Unwritable(WriteError::Name(name.to_owned()))),
                "{name:?}"
            );
            let error = write(&Instance::new("X").with(name, 1_u8)).unwrap_err();
            let Error::Property { problem, .. } = error else { panic!("{error}") };
            assert_eq!(*problem, Error::Unwritable(WriteError::Name(name.to_owned())));
        }
        let mixed = Value::Many(vec![None, Some(1_u8.into()), Some(2_u16.into())]);
        assert_eq!(
            error_of(write(&Instance::new("X").with("A", mixed))),
            "property A[2] of X: expected uint8, found \"uint16\""
        );
    }

    #[test]
    fn hostile_and_broken_texts_are_refused_where_they_break() {
        let wide: String = (0..=MOST_PROPERTIES).map(|at| format!("<PROPERTY NAME=\"P{at}\"/>")).collect();
        let deep = format!("{}{}", "<DECLGROUP>".repeat(65), "</DECLGROUP>".repeat(65));
        let long = format!("<INSTANCE CLASSNAME=\"X\"><!--{}--></INSTANCE>", "x".repeat(LONGEST_TEXT));
        for (text, message) in [
            ("", "the document holds no element at byte 0"),
            ("  \n", "the document holds no element at byte 3"),
            ("no XML at all", "text outside the root element at byte 0"),
            (
                " <!DOCTYPE x []><INSTANCE CLASSNAME=\"X\"/>",
                "document type declarations are refused at byte 1",
            ),
            ("<INSTANCE CLASSNAME=\"X&e;\"/>", "unknown entity &e;"),
            (
                "<INSTANCE CLASSNAME=\"X\"><PROPERTY NAME=\"A\"><VALUE>&e;</VALUE></PROPERTY></INSTANCE>",
                "unknown entity &e; at byte 50",
            ),
            (
                "<INSTANCE CLASSNAME=\"X\"><PROPERTY NAME=\"A\"><VALUE>",
                "the document ends with 3 elements open at byte 50",
            ),
            (
                "<INSTANCE CLASSNAME=\"X\"><PROPERTY NAME=\"A\">",
                "the document ends with 2 elements open at byte 43",
            ),
            ("\n<INSTANCE CLASSNAME=\"X\"/><INSTANCE CLASSNAME=\"X\"/>", "a second root element at byte 26"),
            (
                "<INSTANCE CLASSNAME=\"X\"><PROPERTY NAME=\"A\"><VALUE><INSTANCE/></VALUE></PROPERTY></INSTANCE>",
                "element \"INSTANCE\" where only text may stand at byte 50",
            ),
            ("<INSTANCE CLASSNAME=\"X\">\u{0}</INSTANCE>", "forbidden character U+0000 at byte 24"),
            (&deep, "nested deeper than 64 levels at byte 704"),
            (&long, "larger than the limit of 1048576 bytes at byte 1048576"),
        ] {
            match read(text) {
                Err(Error::Xml(error)) => assert!(error.to_string().contains(message), "{text:.80}: {error}"),
                other => panic!("{text:.80}: {other:?}"),
            }
        }
        let class = |body: &str| format!("<INSTANCE CLASSNAME=\"X\">{body}</INSTANCE>");
        for (text, message) in [
            ("<CLASS NAME=\"X\"/>".to_owned(), "embedded instance at byte 0: expected INSTANCE, found CLASS"),
            (
                "<instance CLASSNAME=\"X\"/>".to_owned(),
                "embedded instance at byte 0: expected INSTANCE, found instance",
            ),
            (
                "<i:INSTANCE xmlns:i=\"u\" CLASSNAME=\"X\"/>".to_owned(),
                "embedded instance at byte 0: expected INSTANCE, found an element with a namespace",
            ),
            (
                "<VALUE.OBJECT/>".to_owned(),
                "embedded instance at byte 0: expected INSTANCE, found VALUE.OBJECT",
            ),
            (
                "<INSTANCENAME/>".to_owned(),
                "embedded instance at byte 0: expected INSTANCE, found INSTANCENAME",
            ),
            (
                "<DECLGROUP><INSTANCE CLASSNAME=\"X\"/><INSTANCE CLASSNAME=\"Y\"/></DECLGROUP>".to_owned(),
                "embedded instance at byte 36: expected a single INSTANCE, found INSTANCE",
            ),
            (
                "<INSTANCE/>".to_owned(),
                "embedded instance at byte 0: expected the attribute CLASSNAME on INSTANCE",
            ),
            (
                "<INSTANCE CLASSNAME=\"\"/>".to_owned(),
                "embedded instance at byte 0: expected a CIM name, found \"\"",
            ),
            (class("text"), "embedded instance at byte 24: expected an element, found \"text\""),
            (
                class("<METHOD/>"),
                "embedded instance at byte 24: expected QUALIFIER, PROPERTY, PROPERTY.ARRAY or PROPERTY.REFERENCE, found METHOD",
            ),
            (
                class("<PROPERTY TYPE=\"string\"/>"),
                "embedded instance at byte 24: expected the attribute NAME on PROPERTY",
            ),
            (
                class("<PROPERTY NAME=\"a b\"/>"),
                "embedded instance at byte 24: expected a CIM name, found \"a b\"",
            ),
            (
                class("<PROPERTY NAME=\"A\"/><PROPERTY.ARRAY NAME=\"a\"/>"),
                "embedded instance at byte 44: a second property a",
            ),
            (
                class("<PROPERTY NAME=\"A\" TYPE=\"int\"/>"),
                "property A of X: embedded instance at byte 24: expected a CIM type, found \"int\"",
            ),
            (
                class("<PROPERTY NAME=\"A\" TYPE=\"reference\"/>"),
                "property A of X: embedded instance at byte 24: expected a CIM type, found \"reference\"",
            ),
            (
                class("<PROPERTY NAME=\"A\" TYPE=\"object\"/>"),
                "property A of X: embedded instance at byte 24: expected a CIM type, found \"object\"",
            ),
            (
                class("<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>256</VALUE></PROPERTY>"),
                "property A of X: embedded instance at byte 56: expected uint8, found \"256\"",
            ),
            (
                class("<PROPERTY NAME=\"A\" TYPE=\"boolean\"><VALUE></VALUE></PROPERTY>"),
                "property A of X: embedded instance at byte 58: expected boolean, found \"\"",
            ),
            (
                class("<PROPERTY NAME=\"A\">x</PROPERTY>"),
                "property A of X: embedded instance at byte 43: expected an element, found \"x\"",
            ),
            (
                class("<PROPERTY NAME=\"A\"><VALUE/><VALUE/></PROPERTY>"),
                "property A of X: embedded instance at byte 51: expected the end of the property, found VALUE",
            ),
            (
                class("<PROPERTY NAME=\"A\"><VALUE.ARRAY/></PROPERTY>"),
                "property A of X: embedded instance at byte 43: expected VALUE, found VALUE.ARRAY",
            ),
            (
                class("<PROPERTY.ARRAY NAME=\"A\"><VALUE/></PROPERTY.ARRAY>"),
                "property A of X: embedded instance at byte 49: expected VALUE.ARRAY, found VALUE",
            ),
            (
                class("<PROPERTY.ARRAY NAME=\"A\"><VALUE.ARRAY><X/></VALUE.ARRAY></PROPERTY.ARRAY>"),
                "property A of X: embedded instance at byte 62: expected VALUE or VALUE.NULL, found X",
            ),
            (class(&wide), "more than 4096 properties"),
        ] {
            assert_eq!(error_of(read(&text)), message, "{text:.80}");
        }
    }

    /// Returns what is left of an instance after it was written and read without declarations.
    fn as_text_keeps_it(instance: &Instance) -> Instance {
        let keep = |scalar: &Scalar| match scalar {
            Scalar::Object(inner) => Scalar::String(write(inner).unwrap()),
            Scalar::Reference(path) => Scalar::String(path.to_string()),
            other => other.clone(),
        };
        let mut kept = Instance::new(instance.class.clone());
        for Property { name, value } in instance.properties() {
            match value {
                Value::Null => {}
                Value::One(scalar) => kept.set(name.clone(), keep(scalar)),
                Value::Many(items) => {
                    kept.set(
                        name.clone(),
                        Value::Many(items.iter().map(|item| item.as_ref().map(keep)).collect()),
                    );
                }
            }
        }
        kept
    }

    fn texts() -> impl Strategy<Value = String> {
        let special =
            proptest::sample::select(vec!['"', '\'', '&', '<', '>', '\\', '\r', '\n', '\t', ']', '日', '🎌']);
        let carried = |c: &char| !matches!(c, '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}');
        let any = any::<char>().prop_filter("a character that XML can carry", carried);
        let entity = proptest::sample::select(vec!["&amp;", "&lt;", "&#60;", "]]>", "<VALUE>"]);
        let piece = prop_oneof![
            special.prop_map(String::from),
            any.prop_map(String::from),
            entity.prop_map(String::from)
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn datetimes() -> impl Strategy<Value = DateTime> {
        let absolute = (-62_000_000_000_i64..253_000_000_000, 0..1_000_000_u32, -720..=840_i16).prop_map(
            |(seconds, micros, offset)| {
                DateTime::Absolute(Timestamp::new(seconds, micros * 1000, offset).unwrap())
            },
        );
        let interval = (0..99_999_999_u64 * 86_400, 0..1_000_000_u32).prop_map(|(seconds, micros)| {
            DateTime::Interval(Interval::new(Duration::new(seconds, micros * 1000)))
        });
        prop_oneof![absolute, interval]
    }

    fn scalars(ty: Type) -> BoxedStrategy<Scalar> {
        let path = || {
            ("[A-Z][a-z_]{0,5}", texts(), any::<i64>()).prop_map(|(class, text, number)| {
                let path = ObjectPath::new("root/virtualization/v2", class).with_key("A", text);
                path.with_key("B", Key::Integer(number.into()))
            })
        };
        match ty {
            Type::Boolean => any::<bool>().prop_map_into().boxed(),
            Type::Uint8 => any::<u8>().prop_map_into().boxed(),
            Type::Uint16 => any::<u16>().prop_map_into().boxed(),
            Type::Uint32 => any::<u32>().prop_map_into().boxed(),
            Type::Uint64 => any::<u64>().prop_map_into().boxed(),
            Type::Sint8 => any::<i8>().prop_map_into().boxed(),
            Type::Sint16 => any::<i16>().prop_map_into().boxed(),
            Type::Sint32 => any::<i32>().prop_map_into().boxed(),
            Type::Sint64 => any::<i64>().prop_map_into().boxed(),
            Type::Real32 => any::<u32>()
                .prop_map(f32::from_bits)
                .prop_filter("a number", |real| !real.is_nan())
                .prop_map_into()
                .boxed(),
            Type::Real64 => any::<u64>()
                .prop_map(f64::from_bits)
                .prop_filter("a number", |real| !real.is_nan())
                .prop_map_into()
                .boxed(),
            Type::Char16 => any::<u16>().prop_map(Scalar::Char16).boxed(),
            Type::String => texts().prop_map_into().boxed(),
            Type::DateTime => datetimes().prop_map_into().boxed(),
            Type::Reference => path().prop_map_into().boxed(),
            Type::Object => (0..4_u8, texts())
                .prop_map(|(level, text)| {
                    Instance::new("Leaf").with("Level", level).with("Text", text).into()
                })
                .boxed(),
        }
    }

    fn values(declaration: &PropertyDeclaration) -> BoxedStrategy<Value> {
        let scalar = scalars(declaration.ty);
        match declaration.is_array {
            false => prop_oneof![1 => Just(Value::Null), 4 => scalar.prop_map_into()].boxed(),
            true => proptest::collection::vec(proptest::option::weighted(0.8, scalar), 0..4)
                .prop_map(Value::Many)
                .boxed(),
        }
    }

    const LEAF: &str = "class Leaf { uint8 Level; string Text; };";

    /// Classes named `Any` with properties of all types, each with an instance.
    fn instances() -> impl Strategy<Value = (Vec<PropertyDeclaration>, Instance)> {
        let property = (proptest::sample::select(Type::ALL.to_vec()), any::<bool>());
        proptest::collection::vec(property, 0..8).prop_flat_map(|properties| {
            let declare = |(at, (ty, is_array)): (usize, (Type, bool))| {
                declaration(&format!("P{at}"), ty, is_array, Some("Leaf"))
            };
            let declarations: Vec<_> = properties.into_iter().enumerate().map(declare).collect();
            let values: Vec<_> = declarations.iter().map(values).collect();
            (Just(declarations), values).prop_map(|(mut declarations, values)| {
                let mut instance = Instance::new("Any");
                for (declaration, value) in declarations.iter_mut().zip(values) {
                    instance.set(declaration.name.clone(), value);
                    // Hyper-V declares embedded instances as strings.
                    match declaration.ty {
                        Type::Object => declaration.ty = Type::String,
                        _ => declaration.class = None,
                    }
                }
                (declarations, instance)
            })
        })
    }

    /// Pieces of CIM-XML in any order; half of them inside an instance, so that some are read.
    fn fragments() -> impl Strategy<Value = String> {
        const PIECES: &str = r#"<INSTANCE CLASSNAME="Mixed">|</INSTANCE>|<PROPERTY NAME="Level" TYPE="uint8">|</PROPERTY>
            |<PROPERTY.ARRAY NAME="Ports" TYPE="uint16">|</PROPERTY.ARRAY>|<VALUE>|</VALUE>|<VALUE/>|<VALUE.ARRAY>
            |</VALUE.ARRAY>|<VALUE.NULL/>|1|x|&#60;|&|<![CDATA[|]]>|<DECLGROUP>|</DECLGROUP>|<QUALIFIER/>
            |<PROPERTY.REFERENCE NAME="Owner">|</PROPERTY.REFERENCE>|<VALUE.REFERENCE>|</VALUE.REFERENCE>
            |<INSTANCENAME CLASSNAME="X">|</INSTANCENAME>|<KEYBINDING NAME="K">|</KEYBINDING>|<KEYVALUE>|</KEYVALUE>"#;
        const WHOLE: &str = r#"<PROPERTY NAME="Level" TYPE="uint16"><VALUE>7</VALUE></PROPERTY>
            |<PROPERTY NAME="Inner"><VALUE>&#60;INSTANCE CLASSNAME='Mixed'/&#62;</VALUE></PROPERTY>
            |<PROPERTY.ARRAY NAME="Ports" TYPE="uint16"><VALUE.ARRAY><VALUE.NULL/><VALUE>1</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>
            |<PROPERTY.REFERENCE NAME="Owner"><VALUE.REFERENCE><CLASSNAME NAME="X"/></VALUE.REFERENCE></PROPERTY.REFERENCE>"#;
        let piece = |pieces: &'static str| {
            proptest::sample::select(pieces.split('|').collect::<Vec<_>>()).prop_map(String::from)
        };
        let text = prop_oneof![5 => piece(PIECES), 20 => piece(WHOLE), 1 => "\\PC{0,3}"];
        (proptest::collection::vec(text, 0..12), any::<bool>()).prop_map(
            |(pieces, is_whole)| match is_whole {
                true => format!("<INSTANCE CLASSNAME=\"Mixed\">{}</INSTANCE>", pieces.concat()),
                false => pieces.concat(),
            },
        )
    }

    proptest! {
        #[test]
        fn instances_survive_their_text((declarations, instance) in instances()) {
            let text = write(&instance).unwrap();
            prop_assert_eq!(read(&text).unwrap(), as_text_keeps_it(&instance), "{}", text);

            let mut any = Class::new("Any");
            any.properties = declarations;
            let catalog = Catalog::from_mof([&*mof::write(&any), LEAF]).unwrap();
            let mut set = Instance::new("Any");
            for Property { name, value } in instance.properties().iter().filter(|property| !property.value.is_null()) {
                set.set(name.clone(), value.clone());
            }
            let declared = write_declared(&instance, &catalog).unwrap();
            prop_assert_eq!(read_declared(&declared, &catalog).unwrap(), set, "{}", declared);
        }

        #[test]
        fn no_named_entity_is_ever_written((_, instance) in instances(), id in texts()) {
            let nested = collection(vec![machine(&id, &[&id]), instance]);
            let text = write(&nested).unwrap();
            for entity in ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"] {
                prop_assert!(!text.contains(entity), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in prop_oneof![fragments(), any::<String>()]) {
            let schema = Schema::new();
            let _ = schema.read(&text);
            if let Ok(instance) = read(&text) {
                let again = read(&write(&instance).unwrap()).unwrap();
                prop_assert_eq!(again, as_text_keeps_it(&instance));
            }
        }

        #[test]
        fn no_damage_to_a_text_makes_the_reader_panic(at in any::<proptest::sample::Index>(), with in any::<char>()) {
            let text = write(&collection(vec![machine("4D1E", &["日", "&"])])).unwrap();
            let mut damaged: Vec<char> = text.chars().collect();
            let at = at.index(damaged.len());
            damaged[at] = with;
            let _ = Schema::new().read(&damaged.iter().collect::<String>());
            let _ = read(&damaged[..at].iter().collect::<String>());
        }
    }
}
