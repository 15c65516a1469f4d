//! What is known of classes: by the bundled schema, or by the host's own word.

use std::collections::BTreeSet;

use clap::ValueEnum;
use refpoint::cim::{
    Catalog, Class, ClassShape, Instance, Method, Name, PropertyDeclaration, ReturnFamily, Scalar, Type,
    Value,
};
use refpoint::client::{Invoked, Session};

use super::diagnosis;
use super::error::Error;
use super::exit::Exit;

/// Where classes are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// In the schema that comes with the program; what it does not know is taken as it is written.
    #[default]
    Bundled,
    /// At the host, which is asked what its class is.
    Host,
}

/// Whose word on classes counts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Schema")]
pub(crate) struct SchemaArgs {
    /// Check names and types against the bundled schema, or ask the host for its own
    #[arg(long, value_name = "WHOSE", default_value = "bundled", hide_possible_values = false)]
    pub(crate) schema: Source,
}

/// The classes that are known.
pub(crate) struct Schema {
    /// Those that the host has told, which count first.
    told: Option<Catalog>,
}

impl Schema {
    /// Returns the schema that comes with the program.
    pub(crate) fn bundled() -> Self {
        Self { told: None }
    }

    /// Asks the host for a class, and for those that stand in its methods and properties as instances.
    pub(crate) async fn of_host(
        session: &mut Session,
        namespace: &str,
        class: &str,
        host: &str,
    ) -> Result<Self, Error> {
        Self::told(session, namespace, class, host, embedded_in).await
    }

    /// Asks the host for a class, and for those that it is derived from.
    pub(crate) async fn of_host_with_ancestors(
        session: &mut Session,
        namespace: &str,
        class: &str,
        host: &str,
    ) -> Result<Self, Error> {
        let above = |class: &Class| class.superclass.iter().cloned().collect();
        Self::told(session, namespace, class, host, above).await
    }

    async fn told(
        session: &mut Session,
        namespace: &str,
        class: &str,
        host: &str,
        further: impl Fn(&Class) -> Vec<Name>,
    ) -> Result<Self, Error> {
        let told = session.class(Some(namespace), class).await;
        let told = told.map_err(|error| {
            let error = diagnosis::of_session(error, host);
            let error = diagnosis::with_class_in(error, class, namespace);
            match error.kind {
                Exit::RemoteFailed => {
                    error.hint("the host does not say what its classes are: --schema bundled")
                }
                _ => error,
            }
        })?;
        let mut asked = BTreeSet::from([told.name.to_ascii_lowercase()]);
        let mut waiting = further(&told);
        let mut classes = vec![told];
        while let Some(name) = waiting.pop().filter(|_| classes.len() < MOST_CLASSES) {
            if !asked.insert(name.to_ascii_lowercase()) {
                continue;
            }
            // What it does not tell of them is taken as it is written.
            if let Ok(told) = session.class(Some(namespace), &name).await {
                waiting.extend(further(&told));
                classes.push(told);
            }
        }
        classes.iter_mut().for_each(know_return_values);
        let told = Catalog::from_classes(classes).map_err(|error| {
            Error::new(Exit::RemoteFailed, format!("{host}: what it says of {class} is no class"))
                .because(error)
        })?;
        Ok(Self { told: Some(told) })
    }

    /// Returns the catalogue in which a class is looked up.
    pub(crate) fn catalog(&self, class: &str) -> &Catalog {
        self.told.as_ref().filter(|told| told.is_known(class)).unwrap_or_else(|| Catalog::bundled())
    }

    /// Returns what is known of a class.
    pub(crate) fn shape(&self, class: &str) -> Option<ClassShape<'_>> {
        self.catalog(class).shape(class)
    }

    /// Returns whether a class is known.
    pub(crate) fn is_known(&self, class: &str) -> bool {
        self.shape(class).is_some()
    }

    /// Returns a property of a class.
    pub(crate) fn property(&self, class: &str, name: &str) -> Option<&PropertyDeclaration> {
        self.catalog(class).property(class, name)
    }

    /// Returns a method of a class.
    pub(crate) fn method(&self, class: &str, name: &str) -> Option<&Method> {
        self.catalog(class).method(class, name)
    }

    /// Returns whether a class is another or derived from it; where nobody knows, it may be.
    pub(crate) fn may_be(&self, class: &str, ancestor: &str) -> bool {
        let catalog = self.catalog(class);
        !catalog.is_known(class) || !catalog.is_known(ancestor) || catalog.is_a(class, ancestor)
    }

    /// Returns an instance with the types that the schema has for its properties: what came from the wire without
    /// a schema holds texts.
    pub(crate) fn typed(&self, instance: Instance) -> Instance {
        if self.told.is_none() || !self.is_known(&instance.class) {
            return instance;
        }
        let mut typed = Instance::new(instance.class.clone());
        typed.namespace.clone_from(&instance.namespace);
        for property in instance.properties() {
            let declared = self.property(&instance.class, &property.name);
            let value =
                declared.and_then(|declared| retyped(&property.value, declared.ty, declared.is_array));
            typed.set(property.name.clone(), value.unwrap_or_else(|| property.value.clone()));
        }
        typed
    }
}

/// Gives what a method has returned the types that it is declared to return; of a method that nobody knows the
/// return value is a number where it looks like one.
pub(crate) fn typed_result(mut invoked: Invoked, method: Option<&Method>) -> Invoked {
    let Some(method) = method else {
        if let (Some(code), Some(_)) = (invoked.code(), invoked.return_value.as_str()) {
            invoked.return_value = code.into();
        }
        return invoked;
    };
    let typed = |value: &Value, ty, is_array| retyped(value, ty, is_array).unwrap_or_else(|| value.clone());
    invoked.return_value = typed(&invoked.return_value, method.returns, false);
    for (name, value) in &mut invoked.out {
        if let Some(declared) = method.parameters.iter().find(|declared| declared.name == *name) {
            *value = typed(value, declared.ty, declared.is_array);
        }
    }
    invoked
}

/// Returns texts as what they are declared to be; none where they cannot be that.
fn retyped(value: &Value, ty: Type, is_array: bool) -> Option<Value> {
    let one = |scalar: &Scalar| match scalar {
        Scalar::String(text) if ty != Type::String => Scalar::parse(ty, text).ok(),
        other => Some(other.clone()),
    };
    Some(match value {
        Value::Null => Value::Null,
        Value::One(scalar) if is_array => Value::Many(vec![Some(one(scalar)?)]),
        Value::One(scalar) => Value::One(one(scalar)?),
        Value::Many(items) => {
            let item = |item: &Option<Scalar>| item.as_ref().map(one).map_or(Some(None), |one| one.map(Some));
            Value::Many(items.iter().map(item).collect::<Option<_>>()?)
        }
    })
}

/// Returns the classes whose instances stand in a class as texts or objects.
fn embedded_in(class: &Class) -> Vec<Name> {
    let is_embedded = |ty: Type| matches!(ty, Type::String | Type::Object);
    let properties =
        class.properties.iter().filter(|one| is_embedded(one.ty)).filter_map(|one| one.class.clone());
    let parameters = class.methods.iter().flat_map(|method| &method.parameters);
    let parameters = parameters.filter(|one| is_embedded(one.ty)).filter_map(|one| one.class.clone());
    properties.chain(parameters).collect()
}

/// No host says in which family a method answers; of those that are bundled it is known.
fn know_return_values(class: &mut Class) {
    for method in class.methods.iter_mut().filter(|method| method.family == ReturnFamily::Unlisted) {
        let bundled = Catalog::bundled().method(&class.name, &method.name);
        method.family = bundled.map_or(method.family, |bundled| bundled.family);
    }
}

/// More classes than one has in it.
const MOST_CLASSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_what_the_host_declares_and_what_does_not_fit_stays() {
        let catalog = Catalog::from_mof(["class X { uint32 N; boolean B; uint8 A[]; string S; };"]).unwrap();
        let classes: Vec<Class> = catalog.classes().cloned().collect();
        let schema = Schema { told: Some(Catalog::from_classes(classes).unwrap()) };
        let told = Instance::new("X")
            .with("N", "7")
            .with("B", "perhaps")
            .with("A", "3")
            .with("S", "7")
            .with("O", "1");
        let typed = schema.typed(told);
        assert_eq!(typed.value("N"), Some(&7_u32.into()));
        assert_eq!(typed.value("B"), Some(&"perhaps".into()));
        assert_eq!(typed.value("A"), Some(&Value::Many(vec![Some(3_u8.into())])));
        assert_eq!((typed.text("S"), typed.text("O")), (Some("7"), Some("1")));
        assert!(
            schema.may_be("Msvm_ConcreteJob", "CIM_Job") && !schema.may_be("CIM_Job", "Msvm_ConcreteJob")
        );
    }
}
