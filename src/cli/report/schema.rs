//! Class declarations, as JSON and for people.

use refpoint::cim::{
    Catalog, Class, ClassShape, Method, Parameter, PropertyDeclaration, ReturnFamily, ValueMap, ValueRange,
};
use refpoint::wsman::codes::{self, Meaning, Table};
use serde_json::{Value as Json, json};
use unicode_width::UnicodeWidthStr;

use super::text::harmless;
use super::value;

/// Returns a class as a host or a schema declares it: its own members alone.
pub(crate) fn class(class: &Class) -> Json {
    described(class, class.properties.iter(), class.methods.iter())
}

/// Returns a class with everything that it inherits.
pub(crate) fn shape(shape: ClassShape<'_>) -> Json {
    described(shape.class(), shape.properties(), shape.methods())
}

fn described<'c>(
    class: &Class,
    properties: impl Iterator<Item = &'c PropertyDeclaration>,
    methods: impl Iterator<Item = &'c Method>,
) -> Json {
    json!({
        "class": class.name.as_str(),
        "namespace": class.namespace.as_deref().filter(|namespace| !namespace.is_empty()),
        "superclass": class.superclass.as_deref(),
        "description": class.description,
        "association": class.is_association,
        "abstract": class.is_abstract,
        "singleton": class.is_singleton,
        "embedded_only": class.is_embedded_only,
        "properties": properties.map(property).collect::<Vec<_>>(),
        "methods": methods.map(method).collect::<Vec<_>>(),
    })
}

fn property(property: &PropertyDeclaration) -> Json {
    json!({
        "name": property.name.as_str(),
        "type": property.ty.name(),
        "array": property.is_array,
        "key": property.is_key,
        "class": property.class.as_deref(),
        "values": values(&property.values),
        "default": property.default.as_ref().map(value::value),
        "description": property.description,
    })
}

fn method(method: &Method) -> Json {
    let returns = listed(method.family).into_iter().map(
        |meaning| json!({"value": meaning.number(), "name": meaning.name(), "meaning": meaning.meaning()}),
    );
    json!({
        "name": method.name.as_str(),
        "description": method.description,
        "parameters": method.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "returns": {"type": method.returns.name(), "values": returns.collect::<Vec<_>>()},
    })
}

fn parameter(parameter: &Parameter) -> Json {
    json!({
        "name": parameter.name.as_str(),
        "type": parameter.ty.name(),
        "array": parameter.is_array,
        "in": parameter.is_input,
        "out": parameter.is_output,
        "class": parameter.class.as_deref(),
        "values": values(&parameter.values),
        "description": parameter.description,
    })
}

/// A range stands as the text that a value map has for it, `4097..32767`.
fn values(map: &ValueMap) -> Json {
    let row = |(range, meaning): &(ValueRange, String)| {
        let value = match range {
            ValueRange::Exactly(number) => (*number).into(),
            other => Json::from(other.to_string()),
        };
        json!({"value": value, "meaning": meaning})
    };
    map.0.iter().map(row).collect()
}

/// Returns every return value that a family lists, in order.
fn listed(family: ReturnFamily) -> Vec<Meaning> {
    let is_return_value =
        |table| matches!(table, Table::ReturnValueHyperv | Table::ReturnValueDmtf | Table::ReturnValueJob);
    if family == ReturnFamily::Unlisted {
        return Vec::new();
    }
    let rows = codes::entries().filter(|entry| is_return_value(entry.table));
    let mut numbers: Vec<u32> = rows.filter_map(|entry| entry.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let meanings = numbers.into_iter().map(|number| codes::return_value(family, number));
    meanings.filter(|meaning| matches!(meaning, Meaning::Listed(_))).collect()
}

/// Returns a class as text for people: what it is, its keys, its properties with what their numbers mean, its
/// methods with what they return.
pub(crate) fn page(shape: ClassShape<'_>, catalog: &Catalog, width: Option<usize>) -> String {
    let class = shape.class();
    let mut page = title(shape, width);
    if let Some(description) = &class.description {
        page.push_str(&wrapped(description, 0, width));
    }
    let (keys, others): (Vec<_>, Vec<_>) = shape.properties().partition(|property| property.is_key);
    for (heading, properties) in [("Keys", keys), ("Properties", others)] {
        if !properties.is_empty() {
            page.push_str(&format!("\n{}", bold(heading)));
            let rows =
                properties.into_iter().map(|property| (property.name.to_string(), about_property(property)));
            page.push_str(&entries(&rows.collect::<Vec<_>>(), 2, width));
        }
    }
    if shape.methods().len() > 0 {
        page.push_str(&format!("\n{}", bold("Methods")));
        shape.methods().for_each(|method| page.push_str(&about_method(method, width)));
    }
    let subclasses: Vec<_> = catalog
        .subclasses(shape.name())
        .filter(|below| below.name != class.name)
        .map(|below| harmless(&below.name))
        .collect();
    if !subclasses.is_empty() {
        page.push_str(&format!("\n{}  {}\n", bold("Subclasses"), subclasses.join("\n  ")));
    }
    page
}

fn title(shape: ClassShape<'_>, width: Option<usize>) -> String {
    let class = shape.class();
    let ancestors = std::iter::successors(shape.superclass(), |above| above.superclass());
    let ancestors: Vec<_> = ancestors.map(|above| above.name().as_str()).collect();
    let kinds = [
        (class.is_abstract, "abstract"),
        (class.is_association, "association"),
        (class.is_singleton, "one instance"),
        (class.is_embedded_only, "only inside parameters"),
    ];
    let kinds: Vec<_> = kinds.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
    let mut title = bold(&class.name);
    if !ancestors.is_empty() {
        title.push_str(&wrapped(&format!("is a {}", ancestors.join(" < ")), 2, width));
    }
    if let Some(namespace) = &class.namespace {
        title.push_str(&format!("  in {}\n", harmless(namespace)));
    }
    if !kinds.is_empty() {
        title.push_str(&format!("  {}\n", kinds.join(", ")));
    }
    title
}

/// Returns the lines about a property: its type, what it is, what its values mean.
fn about_property(property: &PropertyDeclaration) -> Vec<String> {
    let mut ty = type_text(property.ty.name(), property.class.as_deref(), property.is_array);
    if let Some(default) = property.default.as_ref().filter(|default| !default.is_null()) {
        ty.push_str(&format!(", {} unless set", super::json::compact(&value::value(default))));
    }
    [Some(ty), property.description.clone(), meanings(&property.values)].into_iter().flatten().collect()
}

fn about_method(method: &Method, width: Option<usize>) -> String {
    let mut text = format!("  {}\n", harmless(&method.name));
    if let Some(description) = &method.description {
        text.push_str(&wrapped(description, 4, width));
    }
    let rows = method.parameters.iter().map(|parameter| {
        let direction = match (parameter.is_input, parameter.is_output) {
            (true, true) => "in/out",
            (false, true) => "out",
            _ => "in",
        };
        let ty = type_text(parameter.ty.name(), parameter.class.as_deref(), parameter.is_array);
        let about = [Some(ty), parameter.description.clone(), meanings(&parameter.values)];
        (format!("{direction:6} {}", parameter.name), about.into_iter().flatten().collect())
    });
    text.push_str(&entries(&rows.collect::<Vec<_>>(), 4, width));
    let returns = listed(method.family).into_iter().map(|meaning| {
        (format!("{:>5}  {}", meaning.number(), meaning.name()), vec![meaning.meaning().into_owned()])
    });
    text.push_str(&format!("    returns {}\n", method.returns.name()));
    text.push_str(&entries(&returns.collect::<Vec<_>>(), 4, width));
    text
}

/// Returns entries of a name and lines about it, which stand in a column of their own.
pub(crate) fn entries(entries: &[(String, Vec<String>)], indent: usize, width: Option<usize>) -> String {
    let column = entries.iter().map(|(name, _)| name.width()).max().unwrap_or_default() + indent + 2;
    let mut text = String::new();
    for (name, lines) in entries {
        let mut about = String::new();
        lines.iter().for_each(|line| about.push_str(&wrapped(line, column, width)));
        let first = format!("{:indent$}{}", "", harmless(name));
        let padding = column.saturating_sub(first.width());
        text.push_str(&format!("{first}{:padding$}{}", "", about.trim_start_matches(' ')));
    }
    text
}

/// Returns a text in lines that are indented and, on a terminal, no wider than it.
pub(crate) fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(NARROWEST));
    let mut lines = String::new();
    let mut line = String::new();
    // What a host says of its classes has lines of its own.
    for word in text.split(char::is_whitespace).filter(|word| !word.is_empty()) {
        let word = harmless(word);
        if !line.is_empty() && line.width() + 1 + word.width() > room {
            lines.push_str(&format!("{:indent$}{line}\n", ""));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines + &format!("{:indent$}{line}\n", "")
}

/// A column that is narrower is not read by anybody.
const NARROWEST: usize = 24;

fn type_text(ty: &str, class: Option<&str>, is_array: bool) -> String {
    let array = if is_array { "[]" } else { "" };
    match (ty, class) {
        ("reference", Some(class)) => format!("ref {class}{array}"),
        (_, Some(class)) => format!("{ty}{array} holding {class}"),
        (_, None) => format!("{ty}{array}"),
    }
}

fn meanings(map: &ValueMap) -> Option<String> {
    let rows: Vec<_> = map.0.iter().map(|(range, meaning)| format!("{range} = {meaning}")).collect();
    (!rows.is_empty()).then(|| rows.join(", "))
}

pub(crate) fn bold(text: &str) -> String {
    let style = anstyle::Style::new().bold();
    format!("{style}{}{style:#}\n", harmless(text))
}
