//! Values of CIM types.

use std::borrow::Cow;
use std::str::FromStr;

use super::datetime::DateTime;
use super::error::Error;
use super::instance::Instance;
use super::path::ObjectPath;

/// What a property, key or parameter holds.
///
/// Null, an array without elements and an empty string are three different things.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// One value.
    One(Scalar),
    /// An array. Its elements may be null in CIM-XML text; Windows never puts such on the wire.
    Many(Vec<Option<Scalar>>),
}

/// One value of a CIM type.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the variants are the CIM types of [DSP0004] 5.2, by name")]
pub enum Scalar {
    Boolean(bool),
    Uint8(u8),
    Uint16(u16),
    Uint32(u32),
    Uint64(u64),
    Sint8(i8),
    Sint16(i16),
    Sint32(i32),
    Sint64(i64),
    Real32(f32),
    Real64(f64),
    /// One UTF-16 code unit.
    Char16(u16),
    String(String),
    DateTime(DateTime),
    Reference(Box<ObjectPath>),
    /// An instance that is a value itself, as WMI has them in object-typed properties; not the CIM-XML
    /// text that Hyper-V wants in string parameters, which is a [`Scalar::String`].
    Object(Box<Instance>),
}

/// A CIM type; whether something is an array of it is said beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the CIM types of [DSP0004] 5.2, by name")]
pub enum Type {
    Boolean,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Sint8,
    Sint16,
    Sint32,
    Sint64,
    Real32,
    Real64,
    Char16,
    String,
    DateTime,
    Reference,
    Object,
}

impl Type {
    /// Every type, in the order of the specification.
    pub const ALL: [Self; 16] = [
        Self::Boolean,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Sint8,
        Self::Sint16,
        Self::Sint32,
        Self::Sint64,
        Self::Real32,
        Self::Real64,
        Self::Char16,
        Self::String,
        Self::DateTime,
        Self::Reference,
        Self::Object,
    ];

    /// Returns the type's name in MOF and CIM-XML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint8 => "sint8",
            Self::Sint16 => "sint16",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Real32 => "real32",
            Self::Real64 => "real64",
            Self::Char16 => "char16",
            Self::String => "string",
            Self::DateTime => "datetime",
            Self::Reference => "reference",
            Self::Object => "object",
        }
    }

    /// Returns whether it is one of the eight integer types.
    pub fn is_integer(self) -> bool {
        matches!(
            self,
            Self::Uint8
                | Self::Uint16
                | Self::Uint32
                | Self::Uint64
                | Self::Sint8
                | Self::Sint16
                | Self::Sint32
                | Self::Sint64
        )
    }

    /// Returns the type of a name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.name().eq_ignore_ascii_case(name))
    }
}

impl Value {
    /// Returns the one value, if there is exactly one.
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match self {
            Self::One(scalar) => Some(scalar),
            Self::Null | Self::Many(_) => None,
        }
    }

    /// Returns the values that are not null: none, one, or the array's.
    pub fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        let (one, many) = match self {
            Self::Null => (None, [].as_slice()),
            Self::One(scalar) => (Some(scalar), [].as_slice()),
            Self::Many(items) => (None, items.as_slice()),
        };
        one.into_iter().chain(many.iter().flatten())
    }

    /// Returns whether there is no value. An empty array is not null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the one value as text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.as_scalar()?.as_str()
    }

    /// Returns the one value as a number, if it is an integer that is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_scalar()?.as_u64()
    }

    /// Returns the one value as a number, if it is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_scalar()?.as_i64()
    }

    /// Returns the one value, if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        self.as_scalar()?.as_bool()
    }

    /// Returns the one value, if it is a point in time or an interval.
    pub fn as_datetime(&self) -> Option<DateTime> {
        self.as_scalar()?.as_datetime()
    }

    /// Returns the one value, if it is a reference.
    pub fn as_path(&self) -> Option<&ObjectPath> {
        self.as_scalar()?.as_path()
    }

    /// Returns the value that texts mean at a place of this type: one text for a scalar, any number for an
    /// array.
    pub fn parse<'t>(
        ty: Type,
        is_array: bool,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> Result<Self, Error> {
        let mut scalars = texts.into_iter().map(|text| Scalar::parse(ty, text));
        if is_array {
            return Ok(Self::Many(scalars.map(|scalar| scalar.map(Some)).collect::<Result<_, _>>()?));
        }
        let Some(first) = scalars.next() else {
            return Ok(Self::Null);
        };
        match scalars.next() {
            None => Ok(Self::One(first?)),
            Some(_) => Err(Error::value("a single value", "several")),
        }
    }
}

impl Scalar {
    /// Returns the value's type.
    pub fn ty(&self) -> Type {
        match self {
            Self::Boolean(_) => Type::Boolean,
            Self::Uint8(_) => Type::Uint8,
            Self::Uint16(_) => Type::Uint16,
            Self::Uint32(_) => Type::Uint32,
            Self::Uint64(_) => Type::Uint64,
            Self::Sint8(_) => Type::Sint8,
            Self::Sint16(_) => Type::Sint16,
            Self::Sint32(_) => Type::Sint32,
            Self::Sint64(_) => Type::Sint64,
            Self::Real32(_) => Type::Real32,
            Self::Real64(_) => Type::Real64,
            Self::Char16(_) => Type::Char16,
            Self::String(_) => Type::String,
            Self::DateTime(_) => Type::DateTime,
            Self::Reference(_) => Type::Reference,
            Self::Object(_) => Type::Object,
        }
    }

    /// Returns the value that a text means, with the tolerance that hosts need: booleans in any case or as
    /// `1` and `0`, integers with a sign or in hexadecimal, blanks around all but strings.
    ///
    /// A reference is read from WMI path text. An object has no single text.
    pub fn parse(ty: Type, text: &str) -> Result<Self, Error> {
        fn integer<T: TryFrom<i128>>(ty: Type, text: &str, wrap: fn(T) -> Scalar) -> Result<Scalar, Error> {
            parse_integer(text)
                .and_then(|number| T::try_from(number).ok())
                .map(wrap)
                .ok_or_else(|| Error::value(ty.name(), text))
        }
        fn real<T: FromStr + Into<f64> + Copy>(
            ty: Type,
            text: &str,
            wrap: fn(T) -> Scalar,
        ) -> Result<Scalar, Error> {
            let trimmed = text.trim();
            // Rust reads a number that is too large as infinity; it is one only where the text says so.
            let says_infinite = trimmed.trim_start_matches(['-', '+']).starts_with(['i', 'I']);
            let number =
                trimmed.parse().ok().filter(|number: &T| (*number).into().is_infinite() == says_infinite);
            number.map(wrap).ok_or_else(|| Error::value(ty.name(), text))
        }
        match ty {
            Type::Boolean => match text.trim() {
                "1" => Ok(Self::Boolean(true)),
                "0" => Ok(Self::Boolean(false)),
                word if word.eq_ignore_ascii_case("true") => Ok(Self::Boolean(true)),
                word if word.eq_ignore_ascii_case("false") => Ok(Self::Boolean(false)),
                _ => Err(Error::value(ty.name(), text)),
            },
            Type::Uint8 => integer(ty, text, Self::Uint8),
            Type::Uint16 => integer(ty, text, Self::Uint16),
            Type::Uint32 => integer(ty, text, Self::Uint32),
            Type::Uint64 => integer(ty, text, Self::Uint64),
            Type::Sint8 => integer(ty, text, Self::Sint8),
            Type::Sint16 => integer(ty, text, Self::Sint16),
            Type::Sint32 => integer(ty, text, Self::Sint32),
            Type::Sint64 => integer(ty, text, Self::Sint64),
            Type::Real32 => real(ty, text, Self::Real32),
            Type::Real64 => real(ty, text, Self::Real64),
            Type::Char16 => parse_char16(text).map(Self::Char16).ok_or_else(|| Error::value(ty.name(), text)),
            Type::String => Ok(Self::String(text.to_owned())),
            Type::DateTime => text.parse().map(Self::DateTime),
            Type::Reference => text.parse().map(|path| Self::Reference(Box::new(path))),
            Type::Object => Err(Error::value("an object", text)),
        }
    }

    /// Returns the value as text, in the spelling of the wire: `true`, decimal numbers, the shortest text
    /// of a real that reads back to it, XML Schema datetimes. `None` for an object, which has no text.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Uint8(number) => number.to_string().into(),
            Self::Uint16(number) | Self::Char16(number) => number.to_string().into(),
            Self::Uint32(number) => number.to_string().into(),
            Self::Uint64(number) => number.to_string().into(),
            Self::Sint8(number) => number.to_string().into(),
            Self::Sint16(number) => number.to_string().into(),
            Self::Sint32(number) => number.to_string().into(),
            Self::Sint64(number) => number.to_string().into(),
            Self::Real32(number) => real_text(format!("{number:?}")),
            Self::Real64(number) => real_text(format!("{number:?}")),
            Self::String(text) => Cow::Borrowed(text),
            Self::DateTime(datetime) => datetime.to_string().into(),
            Self::Reference(path) => path.to_string().into(),
            Self::Object(_) => return None,
        })
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns an integer that is not negative. A string of digits counts: without a schema every value
    /// arrives as text.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_integer().and_then(|number| number.try_into().ok())
    }

    /// Returns an integer that fits. A string of digits counts, as for [`as_u64`](Self::as_u64).
    pub fn as_i64(&self) -> Option<i64> {
        self.as_integer().and_then(|number| number.try_into().ok())
    }

    /// Returns a boolean. The words count, as for [`as_u64`](Self::as_u64).
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// Returns a point in time or an interval. A text of one counts, as for [`as_u64`](Self::as_u64).
    pub fn as_datetime(&self) -> Option<DateTime> {
        match self {
            Self::DateTime(datetime) => Some(*datetime),
            Self::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns the path of a reference.
    pub fn as_path(&self) -> Option<&ObjectPath> {
        match self {
            Self::Reference(path) => Some(path),
            _ => None,
        }
    }

    fn as_integer(&self) -> Option<i128> {
        Some(match self {
            Self::Uint8(number) => (*number).into(),
            Self::Uint16(number) => (*number).into(),
            Self::Uint32(number) => (*number).into(),
            Self::Uint64(number) => (*number).into(),
            Self::Sint8(number) => (*number).into(),
            Self::Sint16(number) => (*number).into(),
            Self::Sint32(number) => (*number).into(),
            Self::Sint64(number) => (*number).into(),
            Self::String(text) => parse_integer(text)?,
            _ => return None,
        })
    }
}

macro_rules! from_rust {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for Scalar {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        }

        impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::One(value.into())
            }
        }

        impl From<Vec<$rust>> for Value {
            fn from(values: Vec<$rust>) -> Self {
                Self::Many(values.into_iter().map(|value| Some(value.into())).collect())
            }
        }
    )*};
}

from_rust! {
    bool => Boolean, u8 => Uint8, u16 => Uint16, u32 => Uint32, u64 => Uint64, i8 => Sint8, i16 => Sint16,
    i32 => Sint32, i64 => Sint64, f32 => Real32, f64 => Real64, &str => String, String => String,
    DateTime => DateTime, ObjectPath => Reference, Instance => Object,
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        Self::One(scalar)
    }
}

fn parse_integer(text: &str) -> Option<i128> {
    // Nearly every number of a host is a few plain digits, which fit this loop.
    if let 1..=19 = text.len() {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
        let plain = text.bytes().try_fold(0_u64, |sum, byte| Some(sum * 10 + digit(byte)?));
        if let Some(number) = plain {
            return Some(number.into());
        }
    }
    let text = text.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    // A second sign would pass `from_str_radix`.
    let number = digits
        .starts_with(|c: char| c.is_digit(radix))
        .then(|| i128::from_str_radix(digits, radix).ok())??;
    Some(if negative { -number } else { number })
}

/// A number, or, as DSP0230 has it, the character itself. One digit is the number: OMI writes those.
fn parse_char16(text: &str) -> Option<u16> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if !c.is_ascii_digit() => u16::try_from(u32::from(c)).ok(),
        _ => parse_integer(text).and_then(|number| number.try_into().ok()),
    }
}

/// Returns a real as XML Schema spells it. Rust's `Debug` is the shortest text that reads back to the number,
/// with an exponent below 1e-5 and from 1e16 on; its infinities are small, and `5.0` is longer than `5`.
fn real_text<'a>(debug: String) -> Cow<'a, str> {
    match debug.as_str() {
        "inf" => Cow::Borrowed("INF"),
        "-inf" => Cow::Borrowed("-INF"),
        whole if whole.ends_with(".0") => Cow::Owned(whole[..whole.len() - 2].to_owned()),
        _ => Cow::Owned(debug),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_of_hosts_read_as_their_types() {
        for (ty, text, value) in [
            (Type::Boolean, "TRUE", Scalar::Boolean(true)),
            (Type::Boolean, "false", Scalar::Boolean(false)),
            (Type::Boolean, "1", Scalar::Boolean(true)),
            (Type::Uint8, "255", Scalar::Uint8(255)),
            (Type::Uint16, " +7\n", Scalar::Uint16(7)),
            (Type::Uint32, "0x80338000", Scalar::Uint32(0x8033_8000)),
            (Type::Uint64, "18446744073709551615", Scalar::Uint64(u64::MAX)),
            (Type::Uint64, "9007199254740993", Scalar::Uint64(9_007_199_254_740_993)),
            (Type::Sint64, "-9223372036854775808", Scalar::Sint64(i64::MIN)),
            (Type::Sint8, "-0", Scalar::Sint8(0)),
            (Type::Real32, "-10000000000", Scalar::Real32(-1e10)),
            (Type::Real64, "1e+300", Scalar::Real64(1e300)),
            (Type::Real64, "INF", Scalar::Real64(f64::INFINITY)),
            (Type::Real64, "-INF", Scalar::Real64(f64::NEG_INFINITY)),
            (Type::Char16, "65", Scalar::Char16(65)),
            (Type::Char16, "5", Scalar::Char16(5)),
            (Type::Char16, "A", Scalar::Char16(65)),
            (Type::Char16, "日", Scalar::Char16(26085)),
            (Type::String, "  as it is ", Scalar::String("  as it is ".into())),
            (Type::String, "", Scalar::String(String::new())),
        ] {
            assert_eq!(Scalar::parse(ty, text), Ok(value), "{text:?}");
        }
        assert!(matches!(Scalar::parse(Type::Real64, "NaN"), Ok(Scalar::Real64(nan)) if nan.is_nan()));
    }

    #[test]
    fn reals_are_written_as_the_shortest_text_that_reads_back() {
        for (real, text) in [
            (1e300, "1e300"),
            (-1.5e-300, "-1.5e-300"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (1e16, "1e16"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (0.00001, "1e-5"),
            (0.0001, "0.0001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (5.0, "5"),
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::INFINITY, "INF"),
            (f64::NEG_INFINITY, "-INF"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(Scalar::from(real).to_text().unwrap(), text);
        }
        assert_eq!(Scalar::from(f32::MAX).to_text().unwrap(), "3.4028235e38");
        assert_eq!(Scalar::from(0.1_f32).to_text().unwrap(), "0.1");
    }

    #[test]
    fn texts_of_other_types_are_refused_with_what_was_expected() {
        for (ty, text) in [
            (Type::Boolean, "yes"),
            (Type::Boolean, ""),
            (Type::Uint8, "256"),
            (Type::Uint8, "-1"),
            (Type::Uint16, "7.0"),
            (Type::Uint16, "abc"),
            (Type::Uint16, "--7"),
            (Type::Uint16, "+-7"),
            (Type::Uint16, "0x"),
            (Type::Uint16, "0x-7"),
            (Type::Uint64, "18446744073709551616"),
            (Type::Sint8, "128"),
            (Type::Char16, "🎌"),
            (Type::Char16, ""),
            (Type::Char16, "65536"),
            (Type::Real32, "1,5"),
            (Type::Real32, "1e300"),
            (Type::Real64, "-1e999"),
            (Type::DateTime, "yesterday"),
            (Type::Object, "x"),
        ] {
            assert!(Scalar::parse(ty, text).is_err(), "{} {text:?}", ty.name());
        }
        let error = Scalar::parse(Type::Uint16, "abc").unwrap_err();
        assert_eq!(error.to_string(), "expected uint16, found \"abc\"");
    }

    #[test]
    fn null_empty_and_blank_are_three_things() {
        let none: [&str; 0] = [];
        assert_eq!(Value::parse(Type::String, false, none), Ok(Value::Null));
        assert_eq!(Value::parse(Type::String, true, none), Ok(Value::Many(vec![])));
        assert_eq!(Value::parse(Type::String, false, [""]), Ok(Value::from("")));
        assert_eq!(Value::parse(Type::Uint16, true, ["17"]), Ok(Value::from(vec![17_u16])));
        assert!(Value::parse(Type::Uint16, false, ["17", "2"]).is_err());
    }

    proptest! {
        #[test]
        fn numbers_survive_their_text(bits in any::<u64>()) {
            let wrapping = [
                Scalar::Uint8(bits as u8), Scalar::Uint16(bits as u16), Scalar::Uint32(bits as u32),
                Scalar::Uint64(bits), Scalar::Sint8(bits as i8), Scalar::Sint16(bits as i16),
                Scalar::Sint32(bits as i32), Scalar::Sint64(bits as i64), Scalar::Char16(bits as u16),
                Scalar::Boolean(bits & 1 == 1), Scalar::Real64(f64::from_bits(bits)),
                Scalar::Real32(f32::from_bits(bits as u32)),
            ];
            for scalar in wrapping {
                let text = scalar.to_text().unwrap().into_owned();
                let read = Scalar::parse(scalar.ty(), &text).unwrap();
                let both_nan = text == "NaN" && read.to_text().unwrap() == "NaN";
                prop_assert!(read == scalar || both_nan, "{:?} {} {:?}", scalar, text, read);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            for ty in Type::ALL {
                let _ = Scalar::parse(ty, &text);
            }
        }
    }
}
