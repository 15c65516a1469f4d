//! Values as people read them in a table.

use refpoint::cim::{Catalog, Instance, PropertyDeclaration, Scalar, Value};

/// Returns what a property of an instance holds, with what its numbers mean; empty for nothing.
pub(crate) fn property(instance: &Instance, name: &str) -> String {
    let declared = Catalog::bundled().property(&instance.class, name);
    instance.value(name).map(|held| value(held, declared)).unwrap_or_default()
}

/// Returns a value with what its numbers mean.
pub(crate) fn value(value: &Value, declared: Option<&PropertyDeclaration>) -> String {
    let shown = |one: &Scalar| {
        let text = match one {
            Scalar::Object(object) => super::json::compact(&super::value::instance(object)),
            other => other.to_text().unwrap_or_default().into_owned(),
        };
        let number = one.as_i64().filter(|_| one.ty().is_integer());
        let meaning = declared.and_then(|declared| match number {
            Some(number) => declared.values.meaning(number),
            None => declared.values.meaning_of_text(one.as_str()?),
        });
        meaning.map_or_else(|| text.clone(), |meaning| format!("{text} ({meaning})"))
    };
    match value {
        Value::Null => String::new(),
        Value::One(one) => shown(one),
        Value::Many(many) => {
            let items = many.iter().map(|one| one.as_ref().map(shown).unwrap_or_default());
            items.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_with_its_meaning() {
        let job = Instance::new("Msvm_ConcreteJob")
            .with("JobState", 7_u16)
            .with("OperationalStatus", vec![17_u16, 2])
            .with("ErrorCode", 5_u16)
            .with("Caption", Value::Null);
        assert_eq!(property(&job, "jobstate"), "7 (Completed)");
        assert_eq!(property(&job, "OperationalStatus"), "17 (Completed), 2 (OK)");
        assert_eq!(property(&job, "ErrorCode"), "5");
        assert_eq!(property(&job, "Caption"), "");
        assert_eq!(property(&job, "NeverSaid"), "");
    }
}
