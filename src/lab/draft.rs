//! Instances as hosts render them: every property that the class has, null where nothing is said.

use crate::cim::{ClassShape, Instance, Name, Value};

use super::lexicon::lexicon;

/// An instance in the making.
pub(super) struct Draft {
    class: Name,
    shape: ClassShape<'static>,
    values: Vec<Value>,
}

impl Draft {
    /// Begins an instance of a class of the catalogue.
    pub(super) fn of(class: &str) -> Self {
        let shape = lexicon().shape(class).expect("hosts say nothing of classes that are not bundled");
        Self::named(shape.name().clone(), shape)
    }

    /// Begins an instance of a class that no catalogue knows, with the properties of another one.
    pub(super) fn like(class: &str, known: &str) -> Self {
        let shape = lexicon().shape(known).expect("a bundled class");
        Self::named(class.into(), shape)
    }

    fn named(class: Name, shape: ClassShape<'static>) -> Self {
        Self { class, shape, values: vec![Value::Null; shape.properties().len()] }
    }

    /// Says what a property holds.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        let Some((place, declared)) = self.shape.property(name) else {
            debug_assert!(false, "{} has no property {name}", self.class);
            return self;
        };
        debug_assert!(
            value.scalars().all(|scalar| scalar.ty() == declared.ty)
                && (value.is_null() || declared.is_array == matches!(value, Value::Many(_))),
            "{}.{name} does not hold {value:?}",
            self.class
        );
        self.values[place] = value;
        self
    }

    /// Returns the instance. Arrays without a value are left out, as Windows leaves them out.
    pub(super) fn finish(self, namespace: &Name) -> Instance {
        let mut instance = Instance::new(self.class);
        instance.namespace = Some(namespace.clone());
        instance.reserve(self.values.len());
        for (declared, value) in self.shape.properties().zip(self.values) {
            let is_absent = declared.is_array && value.scalars().next().is_none();
            if !is_absent {
                instance.push(declared.name.clone(), value);
            }
        }
        instance
    }
}
