//! Instances: what an object says about itself.

use super::datetime::DateTime;
use super::error::Error;
use super::name::Name;
use super::path::ObjectPath;
use super::value::{Scalar, Value};

/// An instance of a class: its properties by name, in the order in which they were given.
///
/// ```
/// use refpoint::cim::Instance;
///
/// let job = Instance::new("Msvm_ConcreteJob").with("JobState", 7_u16).with("ErrorDescription", "");
/// assert_eq!(job.number("jobstate"), Some(7));
/// assert_eq!(job.text("ErrorDescription"), Some(""));
/// assert_eq!(job.text("NeverSaid"), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The class the instance says it is of, which may be a subclass of the one that was asked for.
    pub class: Name,
    /// The namespace of the class, where it is known.
    pub namespace: Option<Name>,
    /// The properties. A name stands in it once.
    properties: Vec<Property>,
}

/// A property of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub value: Value,
}

impl Instance {
    /// Returns an instance without properties.
    pub fn new(class: impl Into<Name>) -> Self {
        Self { class: class.into(), namespace: None, properties: Vec::new() }
    }

    /// Returns the instance with one property more (or with another value for it).
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a property.
    pub fn set(&mut self, name: impl Into<Name>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.properties.iter_mut().find(|property| property.name == name) {
            Some(property) => property.value = value,
            None => self.properties.push(Property { name, value }),
        }
    }

    /// Appends a property that the instance is known not to have: what decoders use, which have checked.
    pub(crate) fn push(&mut self, name: Name, value: Value) {
        self.properties.push(Property { name, value });
    }

    /// Returns where a property stands, looking from the end: decoders ask for neighbours.
    pub(crate) fn position(&self, name: &Name) -> Option<usize> {
        self.properties.iter().rposition(|property| property.name == *name)
    }

    /// Returns the place of a property that [`push`](Self::push) made, for adding to its value.
    pub(crate) fn slot(&mut self, place: usize) -> &mut Value {
        &mut self.properties[place].value
    }

    /// Reserves room for a number of properties more.
    pub(crate) fn reserve(&mut self, properties: usize) {
        self.properties.reserve(properties);
    }

    /// Returns the properties in their order.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// Returns what a property holds; `None` where the instance does not say, which callers mostly treat
    /// like null.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.properties.iter().find(|property| property.name == name).map(|property| &property.value)
    }

    /// Returns a string property; `None` where it is null, absent or of another type.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str()
    }

    /// Returns an integer property; `None` where it is null, absent, negative or no integer.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.as_u64()
    }

    /// Returns a boolean property.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    /// Returns a datetime property.
    pub fn datetime(&self, name: &str) -> Option<DateTime> {
        self.value(name)?.as_datetime()
    }

    /// Returns a reference property.
    pub fn path(&self, name: &str) -> Option<&ObjectPath> {
        self.value(name)?.as_path()
    }

    /// Returns the strings of an array property; none where it is null or absent.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.value(name).into_iter().flat_map(Value::scalars).filter_map(Scalar::as_str)
    }

    /// Returns the integers of an array property; none where it is null or absent.
    pub fn numbers<'a>(&'a self, name: &str) -> impl Iterator<Item = u64> + use<'a> {
        self.value(name).into_iter().flat_map(Value::scalars).filter_map(Scalar::as_u64)
    }

    /// Returns a string property that has to be there.
    pub fn require_text(&self, name: &str) -> Result<&str, Error> {
        self.text(name).ok_or_else(|| self.unusable(name, "a string"))
    }

    /// Returns an integer property that has to be there.
    pub fn require_number(&self, name: &str) -> Result<u64, Error> {
        self.number(name).ok_or_else(|| self.unusable(name, "an integer"))
    }

    fn unusable(&self, name: &str, expected: &'static str) -> Error {
        let problem = match self.value(name) {
            None | Some(Value::Null) => Error::Missing,
            Some(Value::Many(_)) => Error::value(expected, "an array"),
            Some(Value::One(scalar)) => {
                Error::value(expected, scalar.to_text().as_deref().unwrap_or("an object"))
            }
        };
        Error::Property { class: self.class.to_string(), name: name.to_owned(), problem: Box::new(problem) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_found_in_any_letter_case_and_set_once() {
        let mut job = Instance::new("Msvm_ConcreteJob").with("JobState", 4_u16);
        job.set("JOBSTATE", 7_u16);
        assert_eq!(job.properties().len(), 1);
        assert_eq!(job.number("jobState"), Some(7));
    }

    #[test]
    fn a_required_property_says_what_is_wrong_with_it() {
        let job = Instance::new("Msvm_X").with("A", "x").with("B", Value::Null).with("C", vec![1_u8]);
        let message = |name| job.require_number(name).unwrap_err().to_string();
        assert_eq!(message("A"), "property A of Msvm_X: expected an integer, found \"x\"");
        assert_eq!(message("B"), "property B of Msvm_X: missing");
        assert_eq!(message("C"), "property C of Msvm_X: expected an integer, found \"an array\"");
        assert_eq!(message("D"), "property D of Msvm_X: missing");
        assert_eq!(job.require_text("A"), Ok("x"));
    }

    #[test]
    fn numbers_that_arrived_as_text_still_count() {
        let job = Instance::new("Msvm_FutureExportJob").with("JobState", "7").with("Cancellable", "TRUE");
        assert_eq!(job.number("JobState"), Some(7));
        assert_eq!(job.boolean("Cancellable"), Some(true));
        assert_eq!(Instance::new("X").with("JobState", "seven").number("JobState"), None);
    }
}
