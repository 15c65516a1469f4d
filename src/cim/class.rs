//! Class declarations: what the schema says instances and methods look like.

use std::fmt;

use super::name::Name;
use super::value::{Scalar, Type, Value};

/// A class as its schema declares it: its own members; what it inherits stands in its superclass and is
/// put together by the [`Catalog`](super::Catalog).
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// The name in its canonical spelling.
    pub name: Name,
    /// The class it is derived from.
    pub superclass: Option<Name>,
    /// The namespace it is declared in, with slashes.
    pub namespace: Option<Name>,
    /// What it is, in one line.
    pub description: Option<String>,
    /// Its instances relate others by reference.
    pub is_association: bool,
    /// It has no instances of its own.
    pub is_abstract: bool,
    /// It has one instance.
    pub is_singleton: bool,
    /// Its instances exist only as CIM-XML text inside parameters.
    pub is_embedded_only: bool,
    /// The properties it declares itself, in order.
    pub properties: Vec<PropertyDeclaration>,
    /// The methods it declares itself, in order.
    pub methods: Vec<Method>,
}

/// A property as its class declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyDeclaration {
    /// The name in its canonical spelling.
    pub name: Name,
    /// The type of the value, or of each element.
    pub ty: Type,
    /// It is an array.
    pub is_array: bool,
    /// It is one of the keys that tell instances apart.
    pub is_key: bool,
    /// The class that a reference refers to, or that an embedded instance is of.
    pub class: Option<Name>,
    /// What the numbers mean.
    pub values: ValueMap,
    /// What it holds when nobody says otherwise.
    pub default: Option<Value>,
    /// What it is, in one line.
    pub description: Option<String>,
}

/// A method as its class declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The name in its canonical spelling.
    pub name: Name,
    /// The type of the return value.
    pub returns: Type,
    /// Which table of return values applies.
    pub family: ReturnFamily,
    /// The parameters, in the order in which Windows wants them.
    pub parameters: Vec<Parameter>,
    /// What it does, in one line.
    pub description: Option<String>,
}

/// A parameter of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name in its canonical spelling; on the wire it is case-sensitive.
    pub name: Name,
    /// The type of the value, or of each element.
    pub ty: Type,
    /// It is an array.
    pub is_array: bool,
    /// The caller gives it.
    pub is_input: bool,
    /// The host gives it back.
    pub is_output: bool,
    /// The class that a reference refers to, or that an embedded instance is of.
    pub class: Option<Name>,
    /// What the numbers mean.
    pub values: ValueMap,
    /// What it is, in one line.
    pub description: Option<String>,
}

/// Which numbers a method may return, and what they mean.
///
/// Hyper-V's pages use two lists that overlap in nothing but 0 and 4096, so a return value has no meaning
/// without the method it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReturnFamily {
    /// 0, 4096, 32768 to 32779.
    Hyperv,
    /// 0 to 6, 4096; vendor values as in [`Hyperv`](Self::Hyperv).
    HypervDmtf,
    /// `RequestStateChange` of `Msvm_ConcreteJob`: 0 to 6, 4096 to 4099.
    ConcreteJob,
    /// 0, 4096; anything else is an error that either list may explain.
    HypervAny,
    /// The documentation has no list.
    Unlisted,
}

impl ReturnFamily {
    /// Every family.
    pub const ALL: [Self; 5] =
        [Self::Hyperv, Self::HypervDmtf, Self::ConcreteJob, Self::HypervAny, Self::Unlisted];

    /// Returns the name that the MOF qualifier `ReturnFamily` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hyperv => "hyperv",
            Self::HypervDmtf => "hyperv-dmtf",
            Self::ConcreteJob => "concrete-job",
            Self::HypervAny => "hyperv-any",
            Self::Unlisted => "unlisted",
        }
    }

    /// Returns the family of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// The meanings of a property's or parameter's values: the MOF qualifiers `ValueMap` and `Values`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ValueMap(pub Vec<(ValueRange, String)>);

/// The values to which one meaning belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueRange {
    /// One number.
    Exactly(i64),
    /// One text, of a string property.
    Text(String),
    /// A range with both its ends; an open end is the type's own.
    Between(Option<i64>, Option<i64>),
}

impl ValueMap {
    /// Returns the meaning of a number. One that stands alone outranks a range.
    pub fn meaning(&self, number: i64) -> Option<&str> {
        let exact = self.0.iter().find(|(range, _)| *range == ValueRange::Exactly(number));
        let within = || self.0.iter().find(|(range, _)| range.contains(number));
        exact.or_else(within).map(|(_, meaning)| meaning.as_str())
    }

    /// Returns the meaning of a text.
    pub fn meaning_of_text(&self, text: &str) -> Option<&str> {
        let is_it = |range: &ValueRange| matches!(range, ValueRange::Text(known) if known == text);
        self.0.iter().find(|(range, _)| is_it(range)).map(|(_, meaning)| meaning.as_str())
    }

    /// Returns whether nothing is known about the values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ValueRange {
    /// Returns the values that one entry of a `ValueMap` means: a text for strings; for integers a number,
    /// `a..b`, `a..`, `..b`, or `..` for all the rest; `None` where it means nothing.
    pub fn parse(ty: Type, text: &str) -> Option<Self> {
        if ty == Type::String {
            return Some(Self::Text(text.to_owned()));
        }
        if !ty.is_integer() {
            return None;
        }
        let number = |text: &str| Scalar::parse(ty, text).ok()?.as_i64();
        let Some((from, to)) = text.split_once("..") else {
            return number(text).map(Self::Exactly);
        };
        // `None` is no number, `Some(None)` an open end.
        let end = |text: &str| if text.trim().is_empty() { Some(None) } else { number(text).map(Some) };
        match (end(from)?, end(to)?) {
            (Some(from), Some(to)) if from > to => None,
            (from, to) => Some(Self::Between(from, to)),
        }
    }

    fn contains(&self, number: i64) -> bool {
        match self {
            Self::Exactly(only) => *only == number,
            Self::Text(_) => false,
            Self::Between(from, to) => {
                from.is_none_or(|from| from <= number) && to.is_none_or(|to| number <= to)
            }
        }
    }
}

/// The text that `ValueMap` has for it.
impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Between(from, to) => {
                from.iter().try_for_each(|from| from.fmt(f))?;
                f.write_str("..")?;
                to.iter().try_for_each(|to| to.fmt(f))
            }
        }
    }
}

impl Class {
    /// Returns a class without members.
    pub fn new(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            superclass: None,
            namespace: None,
            description: None,
            is_association: false,
            is_abstract: false,
            is_singleton: false,
            is_embedded_only: false,
            properties: Vec::new(),
            methods: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_a_value_map_are_read_and_written() {
        for (ty, text, range) in [
            (Type::Uint16, "5", ValueRange::Exactly(5)),
            (Type::Sint8, "-1", ValueRange::Exactly(-1)),
            (Type::Uint32, "4097..32767", ValueRange::Between(Some(4097), Some(32767))),
            (Type::Uint32, "32768..", ValueRange::Between(Some(32768), None)),
            (Type::Uint16, "..", ValueRange::Between(None, None)),
            (Type::String, "5", ValueRange::Text("5".into())),
        ] {
            assert_eq!(ValueRange::parse(ty, text), Some(range.clone()));
            assert_eq!(range.to_string(), text);
        }
        for (ty, text) in
            [(Type::Uint8, "256"), (Type::Uint16, "x"), (Type::Uint16, "5..1"), (Type::Boolean, "1")]
        {
            assert_eq!(ValueRange::parse(ty, text), None, "{text}");
        }
    }

    #[test]
    fn a_single_number_outranks_the_range_around_it() {
        let map = ValueMap(vec![
            (ValueRange::Between(Some(4097), Some(32767)), "reserved".into()),
            (ValueRange::Exactly(5000), "special".into()),
            (ValueRange::Between(Some(32768), None), "vendor".into()),
        ]);
        assert_eq!(map.meaning(5000), Some("special"));
        assert_eq!(map.meaning(5001), Some("reserved"));
        assert_eq!(map.meaning(40000), Some("vendor"));
        assert_eq!(map.meaning(4096), None);
    }
}
