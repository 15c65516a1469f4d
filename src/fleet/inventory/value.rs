use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::client::Secret;

/// What a variable holds.
///
/// Whatever is named like a secret is one: `Debug` shows `***` for it. What this program cannot know, because it
/// neither opens a vault nor evaluates Jinja, is a value of its own; nobody can take it for a text.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is longer, in decimal digits.
    Big(String),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A text, or a number as text, under a name that says it is secret.
    Secret(Secret<String>),
    /// A text that Ansible would evaluate with Jinja.
    Template(Secret<String>),
    /// A text that is encrypted with Ansible Vault.
    Vault,
    /// Several, in their order.
    List(Vec<Value>),
    /// Several with names, in their order.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Returns the value of a text, which may be one that cannot be known.
    pub(super) fn of_text(text: String) -> Self {
        if text.trim_start().starts_with(VAULT_HEADER) {
            return Self::Vault;
        }
        match ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            true => Self::Template(Secret::new(text)),
            false => Self::Text(text),
        }
    }

    /// Returns the same under a name: a secret where the name says so, deep down too.
    pub(super) fn named(self, name: &str) -> Self {
        match self {
            Self::Map(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key.clone(), value.named(&key))).collect())
            }
            Self::List(items) => Self::List(items.into_iter().map(|item| item.named(name)).collect()),
            Self::Null | Self::Bool(_) | Self::Vault | Self::Template(_) | Self::Secret(_) => self,
            Self::Text(text) if holds_a_login(&text) => Self::Secret(Secret::new(text)),
            other if is_secret(name) => match other.into_text() {
                Ok(text) => Self::Secret(Secret::new(text)),
                Err(same) => same,
            },
            other => other,
        }
    }

    /// Returns a scalar as Ansible turns it into a text: `True`, `5986`, `1.0`.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Secret(secret) => Some(secret.expose().clone()),
            other => other.clone().into_text().ok(),
        }
    }

    fn into_text(self) -> Result<String, Self> {
        match self {
            Self::Bool(true) => Ok("True".to_owned()),
            Self::Bool(false) => Ok("False".to_owned()),
            Self::Int(number) => Ok(number.to_string()),
            Self::Float(number) => Ok(format!("{number:?}")),
            Self::Big(text) | Self::Text(text) => Ok(text),
            other => Err(other),
        }
    }

    /// Returns the items, if it is a list.
    pub fn items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
}

/// Returns whether what has this name is not to be shown.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // Where a secret is, is none.
    let is_place = ["_file", "_path", "_command", "_cmd"].iter().any(|end| name.ends_with(end));
    !is_place && ["pass", "secret", "token", "credential"].iter().any(|word| name.contains(word))
}

/// Returns whether a text is a URL with a user, and perhaps his password, in it.
fn holds_a_login(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// The first characters of everything that Ansible Vault has encrypted.
pub(super) const VAULT_HEADER: &str = "$ANSIBLE_VAULT;";

/// A value with where it comes from.
#[derive(Clone, Debug)]
pub struct Variable {
    /// What it holds.
    pub value: Value,
    /// Who says so.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose value it is.
    pub scope: Scope,
    /// The file, `<stdin>`, or what was given in place of one. `None` where nobody has said anything.
    pub file: Option<Arc<Path>>,
    /// The line in it, from 1, where it is known.
    pub line: Option<usize>,
}

impl Origin {
    /// What holds where nobody has said anything.
    pub(super) const DEFAULT: Self = Self { scope: Scope::Default, file: None, line: None };

    /// Returns the origin of what stands at a place.
    pub(super) fn new(scope: Scope, place: &Place) -> Self {
        Self { scope, file: Some(place.file.clone()), line: place.line }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(" ")?;
        }
        match &self.scope {
            Scope::Default => f.write_str("(default)"),
            Scope::Command => f.write_str("(command)"),
            Scope::Profile(name) => write!(f, "(profile {name})"),
            Scope::Group(name) => write!(f, "(group {name})"),
            Scope::Host(name) => write!(f, "(host {name})"),
        }
    }
}

/// Whose value it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's, since nobody has said anything.
    Default,
    /// Everybody's, since the arguments or the environment of a command say so.
    Command,
    /// Everybody's, since a profile says so and nothing before it does.
    Profile(Arc<str>),
    /// That of the hosts of a group, and of the groups below it.
    Group(Arc<str>),
    /// That of one host.
    Host(Arc<str>),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The column, from 1, where it is known.
    pub column: Option<usize>,
}

impl Place {
    /// The file as a whole.
    pub(super) fn of_file(file: &Arc<Path>) -> Self {
        Self { file: file.clone(), line: None, column: None }
    }

    /// The same file at a line.
    pub(super) fn at(&self, line: usize, column: Option<usize>) -> Self {
        Self { file: self.file.clone(), line: Some(line), column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        for part in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_like_a_secret_is_never_shown() {
        for name in
            ["ansible_password", "ansible_winrm_pass", "ansible_become_pass", "db_SECRET", "api_token"]
        {
            let value = Value::Text("Swordfish".to_owned()).named(name);
            assert_eq!(format!("{value:?}"), "Secret(***)", "{name}");
            assert_eq!(value.to_text().as_deref(), Some("Swordfish"));
        }
        assert_eq!(format!("{:?}", Value::Int(4711).named("pin_pass")), "Secret(***)");
        let nested = Value::Map(vec![(
            "db".to_owned(),
            Value::List(vec![Value::Map(vec![("password".to_owned(), Value::Text("Swordfish".to_owned()))])]),
        )]);
        assert!(!format!("{:?}", nested.named("app")).contains("Swordfish"));
        let proxy = Value::Text("http://mia:Swordfish@proxy".to_owned()).named("some_url");
        assert_eq!(format!("{proxy:?}"), "Secret(***)");
        assert!(matches!(Value::Text("/etc/pw".to_owned()).named("refpoint_password_file"), Value::Text(_)));
    }

    #[test]
    fn a_text_that_cannot_be_known_is_none() {
        assert!(matches!(Value::of_text("{{ user }}".to_owned()), Value::Template(_)));
        assert!(matches!(Value::of_text("a{% if b %}".to_owned()), Value::Template(_)));
        assert!(matches!(Value::of_text("$ANSIBLE_VAULT;1.1;AES256\n33".to_owned()), Value::Vault));
        assert!(matches!(Value::of_text("{ braces }".to_owned()), Value::Text(_)));
    }
}
