//! Instances, references and values as JSON, in the shape that the contract of the program gives them.

use refpoint::cim::{Instance, Key, ObjectPath, Scalar, Value};
use serde_json::{Map, Value as Json, json};

/// Returns `{"class", "namespace", "properties"}`.
pub(crate) fn instance(instance: &Instance) -> Json {
    let properties = instance.properties().iter();
    let properties = properties.map(|property| (property.name.to_string(), value(&property.value)));
    json!({
        "class": instance.class.as_str(),
        "namespace": instance.namespace.as_deref(),
        "properties": properties.collect::<Map<_, _>>(),
    })
}

/// Returns `{"class", "namespace", "keys"}`.
pub(crate) fn reference(path: &ObjectPath) -> Json {
    let keys = path.keys.iter().map(|(name, key)| (name.to_string(), self::key(key)));
    let keys = keys.collect::<Map<_, _>>();
    if !path.is_cim() {
        // It has no class: the resource says what it is.
        return json!({ "resource_uri": path.resource_uri(), "keys": keys });
    }
    json!({
        "class": path.class.as_str(),
        "namespace": path.namespace.as_deref(),
        "keys": keys,
    })
}

/// Returns a value: numbers as numbers, points in time as RFC 3339, intervals as ISO 8601.
pub(crate) fn value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::One(one) => scalar(one),
        Value::Many(many) => many.iter().map(|one| one.as_ref().map_or(Json::Null, scalar)).collect(),
    }
}

fn scalar(value: &Scalar) -> Json {
    match value {
        Scalar::Boolean(truth) => Json::Bool(*truth),
        Scalar::Uint8(number) => (*number).into(),
        Scalar::Uint16(number) | Scalar::Char16(number) => (*number).into(),
        Scalar::Uint32(number) => (*number).into(),
        Scalar::Uint64(number) => (*number).into(),
        Scalar::Sint8(number) => (*number).into(),
        Scalar::Sint16(number) => (*number).into(),
        Scalar::Sint32(number) => (*number).into(),
        Scalar::Sint64(number) => (*number).into(),
        Scalar::Real32(_) | Scalar::Real64(_) => real(value),
        Scalar::String(text) => text.as_str().into(),
        Scalar::DateTime(datetime) => datetime.to_string().into(),
        Scalar::Reference(path) => reference(path),
        Scalar::Object(object) => instance(object),
    }
}

/// Returns the number with the shortest text that means it at its own precision. JSON has no infinity: its
/// name stands as a string, for null would say that there is no value.
fn real(value: &Scalar) -> Json {
    let text = value.to_text().unwrap_or_default();
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or_else(|| text.as_ref().into(), Json::from)
}

fn key(key: &Key) -> Json {
    match key {
        Key::Text(text) => text.as_str().into(),
        Key::Boolean(truth) => Json::Bool(*truth),
        Key::Path(path) => reference(path),
        Key::Integer(number) => match (u64::try_from(*number), i64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => number.to_string().into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use refpoint::cim::{DateTime, Interval, Timestamp};

    use super::super::json;
    use super::*;

    #[test]
    fn an_instance_has_the_shape_of_the_contract() {
        let path = ObjectPath::new("root/virtualization/v2", "Msvm_Y")
            .with_key("Name", "a")
            .with_key("N", Key::Integer(7));
        let five_minutes = Interval::new(std::time::Duration::from_secs(300));
        let mut subject = Instance::new("Msvm_X")
            .with("U", u64::MAX)
            .with("R", Scalar::Real32(0.1))
            .with("Inf", f64::NEG_INFINITY)
            .with("None", Value::Null)
            .with("Empty", Value::Many(vec![]))
            .with("Gap", Value::Many(vec![None, Some(true.into())]))
            .with("At", Scalar::DateTime(DateTime::Absolute(Timestamp::new(1_790_000_000, 0, 330).unwrap())))
            .with("For", Scalar::DateTime(DateTime::Interval(five_minutes)))
            .with("Of", path)
            .with("In", Scalar::Object(Box::new(Instance::new("Z"))));
        subject.namespace = Some("root/virtualization/v2".into());
        assert_eq!(
            json::compact(&instance(&subject)),
            r#"{"class":"Msvm_X","namespace":"root/virtualization/v2","properties":{"U":18446744073709551615,"R":0.1,"Inf":"-INF","None":null,"Empty":[],"Gap":[null,true],"At":"2026-09-21T19:43:20+05:30","For":"P0DT0H5M0S","Of":{"class":"Msvm_Y","namespace":"root/virtualization/v2","keys":{"Name":"a","N":7}},"In":{"class":"Z","namespace":null,"properties":{}}}}"#
        );
    }

    fn any_scalar() -> impl Strategy<Value = Scalar> {
        prop_oneof![
            any::<bool>().prop_map(Scalar::Boolean),
            any::<u8>().prop_map(Scalar::Uint8),
            any::<u64>().prop_map(Scalar::Uint64),
            any::<i64>().prop_map(Scalar::Sint64),
            any::<f32>().prop_map(Scalar::Real32),
            any::<f64>().prop_map(Scalar::Real64),
            any::<String>().prop_map(Scalar::String),
        ]
    }

    /// Says whether what was read back is what was printed.
    fn is_same(scalar: &Scalar, read: &Json) -> bool {
        match scalar {
            Scalar::Boolean(truth) => read.as_bool() == Some(*truth),
            Scalar::Uint8(number) => read.as_u64() == Some((*number).into()),
            Scalar::Uint64(number) => read.as_u64() == Some(*number),
            Scalar::Sint64(number) => read.as_i64() == Some(*number),
            Scalar::Real32(number) if number.is_finite() => {
                read.as_f64().map(|read| read as f32) == Some(*number)
            }
            Scalar::Real64(number) if number.is_finite() => read.as_f64() == Some(*number),
            Scalar::String(text) => read.as_str() == Some(text),
            Scalar::Real32(_) | Scalar::Real64(_) => matches!(read.as_str(), Some("NaN" | "INF" | "-INF")),
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn every_value_that_is_printed_reads_back_as_itself(
            one in any_scalar(), many in prop::collection::vec(any_scalar(), 0..4), name in any::<String>(),
        ) {
            let array = Value::Many(many.iter().cloned().map(Some).collect());
            let subject = Instance::new("X").with("One", one.clone()).with("Many", array).with(name.clone(), "n");
            for text in [json::compact(&instance(&subject)), json::pretty(&instance(&subject))] {
                let read: Json = serde_json::from_str(&text).unwrap();
                let properties = &read["properties"];
                if !name.eq_ignore_ascii_case("One") && !name.eq_ignore_ascii_case("Many") {
                    prop_assert!(is_same(&one, &properties["One"]), "{}", text);
                    let items = properties["Many"].as_array().unwrap();
                    prop_assert_eq!(items.len(), many.len());
                    prop_assert!(many.iter().zip(items).all(|(scalar, read)| is_same(scalar, read)), "{}", text);
                }
                prop_assert_eq!(&properties[&name], "n");
            }
        }
    }
}
