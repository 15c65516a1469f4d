//! Conditions: what is asked of each instance.

use std::cmp::Ordering;

use crate::cim::{Catalog, ClassShape, DateTime, Instance, Scalar, Type, Value};

use super::Invalid;

/// What a query asks of each instance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// All hold. Flat, so that a long query is no deep one.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A property and a literal.
    Compare {
        /// The property.
        property: String,
        /// How they are compared.
        comparison: Comparison,
        /// The literal.
        literal: Literal,
    },
    /// A text and a pattern.
    Like {
        /// The property.
        property: String,
        /// `%` is anything, `_` one character, `[a-f]` one of a set, `[^a]` one not of it.
        pattern: String,
    },
    /// An object and a class.
    Isa {
        /// The property that holds the object, or `__this`.
        property: String,
        /// The class.
        class: String,
    },
    /// Whether there is a value.
    IsNull {
        /// The property.
        property: String,
        /// `IS NOT NULL`.
        negated: bool,
    },
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What stands in a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Number(String),
    Boolean(bool),
    Null,
}

impl Comparison {
    /// Returns the comparison with its sides exchanged.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::Greater => Self::Less,
            Self::AtMost => Self::AtLeast,
            Self::AtLeast => Self::AtMost,
            same => same,
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Unequal => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

impl Condition {
    /// Checks that the condition can be asked of a class: it has the properties, and they can be compared with
    /// what stands beside them.
    pub(crate) fn check(&self, shape: ClassShape<'_>) -> Result<(), Invalid> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().try_for_each(|part| part.check(shape)),
            Self::Not(inner) => inner.check(shape),
            Self::Isa { property, .. } => {
                (property.eq_ignore_ascii_case("__this")).then_some(()).ok_or(Invalid)
            }
            Self::IsNull { property, .. } if is_system(property) => Ok(()),
            Self::IsNull { property, .. } => shape.property(property).map(|_| ()).ok_or(Invalid),
            Self::Like { property, .. } if is_system(property) => Ok(()),
            Self::Like { property, .. } => {
                let (_, declared) = shape.property(property).ok_or(Invalid)?;
                (declared.ty == Type::String && !declared.is_array).then_some(()).ok_or(Invalid)
            }
            Self::Compare { property, literal, .. } if is_system(property) => {
                matches!(literal, Literal::Text(_)).then_some(()).ok_or(Invalid)
            }
            Self::Compare { property, literal, .. } => {
                let (_, declared) = shape.property(property).ok_or(Invalid)?;
                let fits = !declared.is_array && literal.fits(declared.ty);
                fits.then_some(()).ok_or(Invalid)
            }
        }
    }

    /// Returns the properties that it asks for.
    pub(crate) fn properties(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Not(inner) => inner.properties(),
            Self::Compare { property, .. }
            | Self::Like { property, .. }
            | Self::Isa { property, .. }
            | Self::IsNull { property, .. } => vec![property],
        }
    }

    /// Returns whether it holds for an instance; `None` where that cannot be said, because of a null.
    pub(crate) fn holds(&self, instance: &Instance, catalog: &Catalog) -> Option<bool> {
        match self {
            Self::And(parts) => decided_by(false, parts, instance, catalog),
            Self::Or(parts) => decided_by(true, parts, instance, catalog),
            Self::Not(inner) => inner.holds(instance, catalog).map(|holds| !holds),
            Self::Compare { property, comparison, literal } => {
                let value = value(instance, property)?;
                literal.compare(value.as_scalar()?).map(|ordering| comparison.holds(ordering))
            }
            Self::Like { property, pattern } => {
                let value = value(instance, property)?;
                Some(is_like(value.as_str()?, pattern))
            }
            Self::Isa { property, class } if property.eq_ignore_ascii_case("__this") => {
                Some(catalog.is_a(&instance.class, class))
            }
            Self::Isa { property, class } => match value(instance, property)?.as_scalar()? {
                Scalar::Object(object) => Some(catalog.is_a(&object.class, class)),
                _ => None,
            },
            Self::IsNull { property, negated } => {
                let is_null = value(instance, property).is_none_or(|value| value.is_null());
                Some(is_null != *negated)
            }
        }
    }
}

/// Returns what several conditions come to, of which one that is so decides for all; a null leaves it open.
fn decided_by(decisive: bool, parts: &[Condition], instance: &Instance, catalog: &Catalog) -> Option<bool> {
    let mut outcome = Some(!decisive);
    for part in parts {
        match part.holds(instance, catalog) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => outcome = None,
        }
    }
    outcome
}

/// Returns whether a name is one of WMI's own properties.
fn is_system(property: &str) -> bool {
    ["__CLASS", "__NAMESPACE"].iter().any(|known| property.eq_ignore_ascii_case(known))
}

/// Returns what a property holds; a dot leads into the object it holds.
fn value<'i>(instance: &'i Instance, property: &str) -> Option<std::borrow::Cow<'i, Value>> {
    use std::borrow::Cow;
    if let Some((outer, inner)) = property.split_once('.') {
        return match instance.value(outer)?.as_scalar()? {
            Scalar::Object(object) => value(object, inner),
            _ => None,
        };
    }
    if property.eq_ignore_ascii_case("__CLASS") {
        return Some(Cow::Owned(instance.class.as_str().into()));
    }
    if property.eq_ignore_ascii_case("__NAMESPACE") {
        return Some(Cow::Owned(instance.namespace.as_deref()?.replace('/', "\\").into()));
    }
    instance.value(property).map(Cow::Borrowed)
}

impl Literal {
    /// Returns whether it can be compared with values of a type.
    fn fits(&self, ty: Type) -> bool {
        match (self, ty) {
            (_, Type::Reference | Type::Object) | (Self::Null, _) => false,
            (Self::Text(text), Type::DateTime) => text.parse::<DateTime>().is_ok(),
            (Self::Text(_), Type::String) => true,
            (Self::Text(text), Type::Boolean) => Scalar::parse(Type::Boolean, text).is_ok(),
            (Self::Text(text), _) => text.parse::<f64>().is_ok(),
            (Self::Number(_), Type::DateTime) => false,
            (Self::Number(_), _) => true,
            (Self::Boolean(_), ty) => ty == Type::Boolean,
        }
    }

    /// Returns how a value stands to it; `None` where they cannot be compared.
    fn compare(&self, scalar: &Scalar) -> Option<Ordering> {
        match (scalar, self) {
            (Scalar::String(value), Self::Text(text) | Self::Number(text)) => {
                Some(value.to_lowercase().cmp(&text.to_lowercase()))
            }
            (Scalar::Boolean(value), Self::Boolean(literal)) => Some(value.cmp(literal)),
            (Scalar::Boolean(value), Self::Number(text) | Self::Text(text)) => {
                let literal = Scalar::parse(Type::Boolean, text).ok()?.as_bool()?;
                Some(value.cmp(&literal))
            }
            (Scalar::DateTime(value), Self::Text(text)) => compare_times(*value, text.parse().ok()?),
            (Scalar::Real32(value), Self::Number(text) | Self::Text(text)) => {
                f64::from(*value).partial_cmp(&text.parse().ok()?)
            }
            (Scalar::Real64(value), Self::Number(text) | Self::Text(text)) => {
                value.partial_cmp(&text.parse().ok()?)
            }
            (value, Self::Number(text) | Self::Text(text)) => compare_integers(value, text),
            _ => None,
        }
    }
}

/// Compares an integer exactly where the literal is one too: 64 bits do not fit a real.
fn compare_integers(value: &Scalar, text: &str) -> Option<Ordering> {
    let value: i128 = value.to_text()?.parse().ok()?;
    match text.trim_start_matches('+').parse::<i128>() {
        Ok(literal) => Some(value.cmp(&literal)),
        Err(_) => {
            #[expect(clippy::cast_precision_loss, reason = "the literal is a real, so the comparison is one")]
            let value = value as f64;
            value.partial_cmp(&text.parse().ok()?)
        }
    }
}

fn compare_times(value: DateTime, literal: DateTime) -> Option<Ordering> {
    match (value, literal) {
        (DateTime::Absolute(value), DateTime::Absolute(literal)) => {
            let key = |time: crate::cim::Timestamp| (time.unix_seconds(), time.subsecond_nanoseconds());
            Some(key(value).cmp(&key(literal)))
        }
        (DateTime::Interval(value), DateTime::Interval(literal)) => Some(value.cmp(&literal)),
        _ => None,
    }
}

/// Returns whether a text fits a pattern of `LIKE`.
fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    // The last `%` and the text it has taken so far: the only place to come back to.
    let (mut at, mut of, mut back) = (0, 0, None);
    while at < text.len() {
        if pattern.get(of) == Some(&'%') {
            back = Some((of + 1, at));
            of += 1;
        } else if let Some(next) = takes_one(&pattern, of, text[at]) {
            of = next;
            at += 1;
        } else if let Some((after, from)) = back {
            back = Some((after, from + 1));
            (of, at) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[of..].iter().all(|c| *c == '%')
}

/// Returns the place behind the part of a pattern that takes a character, if it does.
fn takes_one(pattern: &[char], of: usize, c: char) -> Option<usize> {
    match pattern.get(of)? {
        '_' => Some(of + 1),
        '[' => {
            let end = of + pattern[of..].iter().position(|c| *c == ']')?;
            let inside = &pattern[of + 1..end];
            let (negated, set) = match inside.split_first() {
                Some(('^', set)) => (true, set),
                _ => (false, inside),
            };
            (is_in(set, c) != negated).then_some(end + 1)
        }
        same => (*same == c).then_some(of + 1),
    }
}

/// Returns whether a character is in a set like `a-fxyz`.
fn is_in(set: &[char], c: char) -> bool {
    match set {
        [from, '-' | '=', to, rest @ ..] => (*from..=*to).contains(&c) || is_in(rest, c),
        [only, rest @ ..] => *only == c || is_in(rest, c),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Query, parse};
    use super::*;
    use crate::cim::Interval;

    fn job() -> Instance {
        Instance::new("Msvm_ConcreteJob")
            .with("InstanceID", "8A496B9C")
            .with("JobState", 7_u16)
            .with("ErrorCode", 0_u16)
            .with("Priority", u32::MAX)
            .with("DeleteOnCompletion", false)
            .with("ElementName", r"O'Brien \ web_01")
            .with("Caption", Value::Null)
            .with("OperationalStatus", vec![17_u16, 2])
            .with("TimeOfLastStateChange", "2026-10-05T04:23:51Z".parse::<DateTime>().unwrap())
            .with("TimeBeforeRemoval", DateTime::Interval(Interval::new(std::time::Duration::from_secs(300))))
    }

    fn condition(text: &str) -> Result<Condition, Invalid> {
        let query = format!("SELECT * FROM Msvm_ConcreteJob WHERE {text}");
        let Query::Select(select) = parse(&query)? else { panic!("a SELECT") };
        let condition = select.condition.expect("a condition");
        condition.check(Catalog::bundled().shape("Msvm_ConcreteJob").unwrap())?;
        Ok(condition)
    }

    #[test]
    fn conditions_hold_or_not() {
        for (text, holds) in [
            ("JobState = 7", true),
            ("jobstate = 7", true),
            ("7 = JobState", true),
            ("JobState = '7'", true),
            ("JobState <> 7", false),
            ("JobState != 8", true),
            ("JobState < 8", true),
            ("8 < JobState", false),
            ("JobState <= 6.5", false),
            ("JobState >= 7 AND ErrorCode = 0", true),
            ("JobState = 1 OR JobState = 2 AND ErrorCode = 0", false),
            ("JobState = 7 OR JobState = 2 AND ErrorCode = 1", true),
            ("(JobState = 7 OR JobState = 2) AND ErrorCode = 1", false),
            ("NOT JobState = 7", false),
            ("NOT (JobState = 8 OR ErrorCode = 1)", true),
            ("NOT NOT JobState = 7", true),
            ("DeleteOnCompletion = FALSE", true),
            ("DeleteOnCompletion = 0", true),
            ("DeleteOnCompletion = true", false),
            ("Priority = 4294967295", true),
            ("InstanceID = '8a496b9c'", true),
            (r"ElementName = 'O\'Brien \\ web_01'", true),
            (r#"ElementName = "O'Brien \\ web_01""#, true),
            ("ElementName LIKE '%web_01'", true),
            ("ElementName LIKE '%web[_]01'", true),
            ("ElementName LIKE '%web[0-9]01'", false),
            ("ElementName LIKE '%web[^0-9]01'", true),
            ("ElementName LIKE 'o%b%0_'", true),
            ("ElementName LIKE 'Brien'", false),
            ("ElementName LIKE ''", false),
            ("ElementName NOT LIKE '%x%'", true),
            ("Caption IS NULL", true),
            ("Caption = NULL", true),
            ("Caption IS NOT NULL", false),
            ("Notify IS NULL", true),
            ("JobState IS NOT NULL", true),
            ("__CLASS = 'Msvm_ConcreteJob'", true),
            ("__THIS ISA 'CIM_ConcreteJob'", true),
            ("__THIS ISA \"Msvm_StorageJob\"", false),
            ("TimeOfLastStateChange > '20261005042350.000000-000'", true),
            ("TimeOfLastStateChange = '20261005062351.000000+120'", true),
            ("TimeOfLastStateChange < '2026-10-05T04:23:51Z'", false),
            ("TimeBeforeRemoval = '00000000000500.000000:000'", true),
        ] {
            let condition = condition(text).unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(condition.holds(&job(), Catalog::bundled()), Some(holds), "{text}");
        }
    }

    #[test]
    fn a_comparison_with_null_is_neither_true_nor_false() {
        let holds = |text| condition(text).expect("a condition").holds(&job(), Catalog::bundled());
        assert_eq!(holds("Caption = 'x'"), None);
        assert_eq!(holds("NOT Caption = 'x'"), None);
        assert_eq!(holds("Caption = 'x' OR JobState = 7"), Some(true));
        assert_eq!(holds("Caption = 'x' OR JobState = 8"), None);
        assert_eq!(holds("Caption = 'x' AND JobState = 8"), Some(false));
        assert_eq!(holds("Caption LIKE '%'"), None);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for text in [
            "NoSuchProperty = 1",
            "OperationalStatus = 17",
            "JobState = 'seven'",
            "JobState = TRUE",
            "JobState LIKE '7'",
            "TimeOfLastStateChange = 7",
            "TimeOfLastStateChange = 'yesterday'",
            "DeleteOnCompletion = 'maybe'",
            "Caption ISA 'CIM_Job'",
        ] {
            assert_eq!(condition(text), Err(Invalid), "{text}");
        }
        let shape = Catalog::bundled().shape("Msvm_ReferencePointOfVirtualSystem").unwrap();
        let Ok(Query::Select(select)) = parse("SELECT * FROM X WHERE Antecedent = 'y'") else { panic!() };
        assert_eq!(select.condition.unwrap().check(shape), Err(Invalid));
    }

    #[test]
    fn patterns_do_not_take_for_ever() {
        let text = "a".repeat(5000);
        assert!(!is_like(&text, &format!("{}b", "%a".repeat(100))));
        assert!(is_like(&text, &"%a".repeat(100)));
    }
}
