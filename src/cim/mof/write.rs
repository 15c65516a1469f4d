//! Writing MOF.

use std::fmt::{self, Write as _};
use std::mem;

use crate::cim::class::{Class, Method, Parameter, PropertyDeclaration, ValueMap};
use crate::cim::datetime::DateTime;
use crate::cim::name::Name;
use crate::cim::value::{Scalar, Type, Value};

/// Returns the text of a class, in the layout of `schemas/` but with long lists on one line.
///
/// [`read`](super::read) returns the same class from it, if MOF can say it at all. MOF cannot say, so that the text
/// reads as something else or is refused:
///
/// * names that are no identifiers, and members whose names differ in letter case only;
/// * a namespace that is empty or not in normal form (slashes, none at its ends, no host);
/// * declarations that contradict themselves: a default of another type, meanings of numbers for a
///   string, a range that ends before it begins, a class for a number;
/// * a reference to a class named `object`, which refers to any class;
/// * a default that is an object, infinite or no number: it is written as `NULL`;
/// * of a default that is a reference, the resource URI and the order of the keys.
pub fn write(class: &Class) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write_class(&mut text, class);
    text
}

fn write_class(out: &mut String, class: &Class) -> fmt::Result {
    if let Some(namespace) = &class.namespace {
        write!(out, "#pragma namespace ({})\n\n", Quoted(namespace))?;
    }
    let flag = |is_set: bool, name: &str| is_set.then(|| name.to_owned());
    let qualifiers = [
        flag(class.is_association, "Association"),
        flag(class.is_abstract, "Abstract"),
        flag(class.is_singleton, "Singleton"),
        flag(class.is_embedded_only, "EmbeddedOnly"),
        qualifier("Description", class.description.as_deref()),
    ];
    write_qualifiers(out, "", qualifiers, &ValueMap::default())?;
    write!(out, "class {}", class.name)?;
    if let Some(superclass) = &class.superclass {
        write!(out, " : {superclass}")?;
    }
    out.push_str("\n{\n");
    let mut is_first = true;
    for property in &class.properties {
        out.push_str(if mem::take(&mut is_first) { "" } else { "\n" });
        write_property(out, property)?;
    }
    for method in &class.methods {
        out.push_str(if mem::take(&mut is_first) { "" } else { "\n" });
        write_method(out, method)?;
    }
    out.push_str("};\n");
    Ok(())
}

fn write_property(out: &mut String, property: &PropertyDeclaration) -> fmt::Result {
    let qualifiers = [
        property.is_key.then(|| "Key".to_owned()),
        embedded(property.ty, property.class.as_ref()),
        qualifier("Description", property.description.as_deref()),
    ];
    write_qualifiers(out, "    ", qualifiers, &property.values)?;
    out.push_str("    ");
    write_head(out, property.ty, property.class.as_ref(), &property.name)?;
    out.push_str(if property.is_array { "[]" } else { "" });
    match &property.default {
        None => {}
        Some(Value::Null) => out.push_str(" = NULL"),
        Some(Value::One(scalar)) => write!(out, " = {}", constant(Some(scalar)))?,
        Some(Value::Many(scalars)) => {
            let constants: Vec<_> = scalars.iter().map(|scalar| constant(scalar.as_ref())).collect();
            write!(out, " = {{{}}}", constants.join(", "))?;
        }
    }
    out.push_str(";\n");
    Ok(())
}

fn write_method(out: &mut String, method: &Method) -> fmt::Result {
    let qualifiers = [
        qualifier("ReturnFamily", Some(method.family.name())),
        qualifier("Description", method.description.as_deref()),
    ];
    write_qualifiers(out, "    ", qualifiers, &ValueMap::default())?;
    out.push_str("    ");
    write_head(out, method.returns, None, &method.name)?;
    out.push('(');
    for (position, parameter) in method.parameters.iter().enumerate() {
        out.push_str(if position == 0 { "\n" } else { ",\n" });
        write_parameter(out, parameter)?;
    }
    out.push_str(");\n");
    Ok(())
}

fn write_parameter(out: &mut String, parameter: &Parameter) -> fmt::Result {
    let direction = match (parameter.is_input, parameter.is_output) {
        (true, false) => "In",
        (false, true) => "Out",
        (true, true) => "In, Out",
        (false, false) => "In(FALSE)",
    };
    let qualifiers = [
        Some(direction.to_owned()),
        embedded(parameter.ty, parameter.class.as_ref()),
        qualifier("Description", parameter.description.as_deref()),
    ];
    write_qualifiers(out, "        ", qualifiers, &parameter.values)?;
    out.push_str("        ");
    write_head(out, parameter.ty, parameter.class.as_ref(), &parameter.name)?;
    out.push_str(if parameter.is_array { "[]" } else { "" });
    Ok(())
}

/// Short qualifiers stand on one line, `ValueMap` and `Values` each on its own.
fn write_qualifiers(
    out: &mut String,
    indent: &str,
    short: impl IntoIterator<Item = Option<String>>,
    values: &ValueMap,
) -> fmt::Result {
    let short: Vec<_> = short.into_iter().flatten().collect();
    let mut lines = vec![short.join(", ")];
    if !values.is_empty() {
        let keys = values.0.iter().map(|(range, _)| Quoted(&range.to_string()).to_string());
        let meanings = values.0.iter().map(|(_, meaning)| Quoted(meaning).to_string());
        lines.push(format!("ValueMap{{{}}}", keys.collect::<Vec<_>>().join(", ")));
        lines.push(format!("Values{{{}}}", meanings.collect::<Vec<_>>().join(", ")));
    }
    lines.retain(|line| !line.is_empty());
    match lines.is_empty() {
        true => Ok(()),
        false => writeln!(out, "{indent}[{}]", lines.join(&format!(",\n{indent} "))),
    }
}

fn write_head(out: &mut String, ty: Type, class: Option<&Name>, name: &Name) -> fmt::Result {
    match ty {
        Type::Reference => write!(out, "{} REF {name}", class.map_or("object", Name::as_str)),
        _ => write!(out, "{} {name}", ty.name()),
    }
}

fn qualifier(name: &str, text: Option<&str>) -> Option<String> {
    text.map(|text| format!("{name}({})", Quoted(text)))
}

fn embedded(ty: Type, class: Option<&Name>) -> Option<String> {
    qualifier("EmbeddedInstance", class.map(Name::as_str).filter(|_| ty != Type::Reference))
}

fn constant(scalar: Option<&Scalar>) -> String {
    match scalar {
        Some(Scalar::Boolean(true)) => "TRUE".to_owned(),
        Some(Scalar::Boolean(false)) => "FALSE".to_owned(),
        Some(Scalar::Real32(number)) if number.is_finite() => real(format!("{number:?}")),
        Some(Scalar::Real64(number)) if number.is_finite() => real(format!("{number:?}")),
        Some(Scalar::String(text)) => Quoted(text).to_string(),
        Some(Scalar::DateTime(datetime)) => Quoted(&datetime_text(*datetime)).to_string(),
        Some(Scalar::Reference(path)) => Quoted(&path.to_string()).to_string(),
        None | Some(Scalar::Real32(_) | Scalar::Real64(_) | Scalar::Object(_)) => "NULL".to_owned(),
        Some(integer) => integer.to_text().unwrap_or_default().into_owned(),
    }
}

/// Adds the point that MOF wants in every real: `1e300` is `1.0e300`.
fn real(text: String) -> String {
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

/// Returns the DMTF spelling, which is that of MOF, unless it would lose something: it ends at
/// microseconds.
fn datetime_text(datetime: DateTime) -> String {
    let is_exact = |text: &String| text.parse() == Ok(datetime);
    datetime.to_dmtf().filter(is_exact).unwrap_or_else(|| datetime.to_string())
}

/// A string literal.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{C}' => f.write_str("\\f")?,
                // Four digits always, or a digit after it would belong to it.
                _ if c.is_control() => write!(f, "\\x{:04X}", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
