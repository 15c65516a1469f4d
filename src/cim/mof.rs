//! MOF: class declarations as text ([DSP0004] annex A), read and written.
//!
//! This is the subset that `schemas/` uses: classes, `#pragma namespace`, properties, arrays, defaults,
//! references, methods and their parameters. Instances, qualifier declarations, aliases, other pragmas
//! and character literals are refused; qualifiers that mean nothing to [`Class`] are read and dropped.
//!
//! | qualifier | of | becomes |
//! |---|---|---|
//! | `Description("…")` | everything | `description` |
//! | `Association`, `Abstract`, `Singleton`, `EmbeddedOnly` | classes | `is_association` … |
//! | `Key` | properties | `is_key` |
//! | `In`, `Out`; `In` when neither is there | parameters | `is_input`, `is_output` |
//! | `ValueMap{…}` with `Values{…}` | properties, parameters | `values` |
//! | `EmbeddedInstance("…")` | string and object properties, parameters | `class` |
//! | `ReturnFamily("…")`; `unlisted` when it is not there | methods | `family` |
//!
//! `Singleton`, `EmbeddedOnly` and `ReturnFamily` are ours. As in WMI, a parameter with `Out` alone is no
//! input, and `object REF` refers to an instance of any class.
//!
//! [DSP0004]: https://www.dmtf.org/standards/published_documents/DSP0004_2.8.0.pdf

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::mem;

use super::class::{Class, Method, Parameter, PropertyDeclaration, ReturnFamily, ValueMap, ValueRange};
use super::datetime::DateTime;
use super::error::Error;
use super::name::Name;
use super::value::{Scalar, Type, Value};

/// Returns the classes that a text declares, in its order.
///
/// Anything forgotten is an error: a name declared twice, a `ValueMap` without as many `Values`, a value
/// that its type cannot hold.
///
/// ```
/// use refpoint::cim::mof;
///
/// let classes = mof::read(r#"class X { [Key, Description("Its id.")] string Id; };"#)?;
/// assert!(classes[0].properties[0].is_key);
/// let forgotten = mof::read("class X\n{\n    string Id\n};").unwrap_err();
/// assert_eq!(forgotten.to_string(), r#"line 4: expected ";", found "}""#);
/// # Ok::<(), refpoint::cim::Error>(())
/// ```
pub fn read(text: &str) -> Result<Vec<Class>, Error> {
    Ok(declarations(text)?.into_iter().map(|declaration| declaration.class).collect())
}

/// Returns the text of a class, in the layout of `schemas/` but with long lists on one line.
///
/// [`read`] returns the same class from it, if MOF can say it at all. MOF cannot say, so that the text
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

/// A class and where it was declared.
pub(super) struct Declaration {
    /// The line of its name.
    pub(super) line: usize,
    /// What was declared.
    pub(super) class: Class,
}

/// Returns the classes that a text declares, with their lines.
pub(super) fn declarations(text: &str) -> Result<Vec<Declaration>, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::Limit { what: "bytes of MOF", limit: MAX_BYTES });
    }
    let mut reader = Reader::new(text)?;
    let mut declarations: Vec<Declaration> = Vec::new();
    let mut namespace = None;
    while reader.token != Token::End {
        if reader.skip('#')? {
            namespace = Some(reader.pragma()?);
            continue;
        }
        let declaration = reader.class(namespace.clone())?;
        let name = &declaration.class.name;
        if declarations.iter().any(|other| other.class.name == *name) {
            return Err(declared_twice(declaration.line, "class", name));
        }
        if declarations.len() == MAX_CLASSES {
            return Err(Error::Limit { what: "classes", limit: MAX_CLASSES });
        }
        declarations.push(declaration);
    }
    Ok(declarations)
}

/// More text than any schema of ours has.
const MAX_BYTES: usize = 1 << 20;
/// More classes than the whole CIM schema has.
pub(super) const MAX_CLASSES: usize = 4096;
/// More properties, methods or parameters than anything has.
pub(super) const MAX_MEMBERS: usize = 1024;

/// A cursor over the tokens of a text. The grammar of the subset does not nest, so nothing recurs.
struct Reader<'t> {
    /// What follows the token.
    rest: &'t str,
    /// The line at which `rest` begins.
    line: usize,
    /// The token to be looked at.
    token: Token<'t>,
    /// The line at which the token begins.
    token_line: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Token<'t> {
    /// A name or a word of the language.
    Word(&'t str),
    /// A number as it is spelled.
    Number(&'t str),
    /// One string literal, unescaped.
    Text(Cow<'t, str>),
    /// Any other character.
    Symbol(char),
    /// Nothing is left.
    End,
}

/// What properties, methods and parameters begin with.
struct Head {
    line: usize,
    ty: Type,
    /// The class that a reference refers to.
    class: Option<Name>,
    name: Name,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Result<Self, Error> {
        let rest = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut reader = Self { rest, line: 1, token: Token::End, token_line: 1 };
        reader.advance()?;
        Ok(reader)
    }

    /// What follows `#`.
    fn pragma(&mut self) -> Result<Name, Error> {
        self.keyword("pragma")?;
        self.keyword("namespace")?;
        self.symbol('(')?;
        let line = self.token_line;
        let text = self.text("the namespace in quotes")?.replace('\\', "/");
        let local = match text.strip_prefix("//") {
            Some(remote) => remote.split_once('/').map_or("", |(_host, namespace)| namespace),
            None => &text,
        };
        let namespace = local.trim_matches('/');
        if namespace.is_empty() {
            return Err(problem(line, "the namespace is empty"));
        }
        self.symbol(')')?;
        Ok(namespace.into())
    }

    fn class(&mut self, namespace: Option<Name>) -> Result<Declaration, Error> {
        let mut qualifiers = self.qualifiers()?;
        self.keyword("class")?;
        let line = self.token_line;
        let name = self.word("the name of the class")?;
        let superclass =
            if self.skip(':')? { Some(self.word("the name of the superclass")?.into()) } else { None };
        let mut class = Class {
            name: name.into(),
            superclass,
            namespace,
            description: qualifiers.text("Description")?,
            is_association: qualifiers.is_set("Association")?,
            is_abstract: qualifiers.is_set("Abstract")?,
            is_singleton: qualifiers.is_set("Singleton")?,
            is_embedded_only: qualifiers.is_set("EmbeddedOnly")?,
            properties: Vec::new(),
            methods: Vec::new(),
        };
        self.symbol('{')?;
        while !self.skip('}')? {
            self.member(&mut class)?;
        }
        self.symbol(';')?;
        Ok(Declaration { line, class })
    }

    /// A property or a method.
    fn member(&mut self, class: &mut Class) -> Result<(), Error> {
        let qualifiers = self.qualifiers()?;
        let head = self.head()?;
        let line = head.line;
        if self.skip('(')? {
            let method = self.method(qualifiers, head)?;
            push_unique(&mut class.methods, method, |method| &method.name, "method", line)?;
        } else {
            let property = self.property(qualifiers, head)?;
            push_unique(&mut class.properties, property, |property| &property.name, "property", line)?;
        }
        self.symbol(';')
    }

    fn property(&mut self, mut qualifiers: Qualifiers<'t>, head: Head) -> Result<PropertyDeclaration, Error> {
        let is_array = self.brackets()?;
        let default = if self.skip('=')? { Some(self.default(head.ty, is_array)?) } else { None };
        Ok(PropertyDeclaration {
            is_key: qualifiers.is_set("Key")?,
            class: head.class.or(qualifiers.embedded(head.ty)?),
            values: qualifiers.values(head.ty)?,
            description: qualifiers.text("Description")?,
            name: head.name,
            ty: head.ty,
            is_array,
            default,
        })
    }

    /// What follows the parenthesis after the name.
    fn method(&mut self, mut qualifiers: Qualifiers<'t>, head: Head) -> Result<Method, Error> {
        if head.class.is_some() {
            return Err(problem(head.line, "the return value of a method refers to no class"));
        }
        let mut parameters = Vec::new();
        if !self.skip(')')? {
            loop {
                let (line, parameter) = self.parameter()?;
                push_unique(&mut parameters, parameter, |parameter| &parameter.name, "parameter", line)?;
                if !self.skip(',')? {
                    break;
                }
            }
            self.symbol(')')?;
        }
        Ok(Method {
            family: qualifiers.family()?,
            description: qualifiers.text("Description")?,
            name: head.name,
            returns: head.ty,
            parameters,
        })
    }

    fn parameter(&mut self) -> Result<(usize, Parameter), Error> {
        let mut qualifiers = self.qualifiers()?;
        let head = self.head()?;
        let (input, output) = (qualifiers.flag("In")?, qualifiers.flag("Out")?);
        let parameter = Parameter {
            is_array: self.brackets()?,
            is_input: input.unwrap_or(output.is_none()),
            is_output: output.unwrap_or(false),
            class: head.class.or(qualifiers.embedded(head.ty)?),
            values: qualifiers.values(head.ty)?,
            description: qualifiers.text("Description")?,
            name: head.name,
            ty: head.ty,
        };
        Ok((head.line, parameter))
    }

    /// A type, `Class REF` or `object REF`, and a name. `REF` is the name where no other follows it.
    fn head(&mut self) -> Result<Head, Error> {
        let type_line = self.token_line;
        let ty = self.word("a declaration")?;
        let line = self.token_line;
        let name = self.word("a name")?;
        if name.eq_ignore_ascii_case("REF") && matches!(self.token, Token::Word(_)) {
            let class = (!ty.eq_ignore_ascii_case("object")).then(|| ty.into());
            let line = self.token_line;
            return Ok(Head { line, ty: Type::Reference, class, name: self.word("a name")?.into() });
        }
        match Type::named(ty).filter(|ty| *ty != Type::Reference) {
            Some(ty) => Ok(Head { line, ty, class: None, name: name.into() }),
            None => Err(expected(type_line, "a type", Token::Word(ty))),
        }
    }

    /// The mark of an array, `[]`, or of one of a fixed size, which is not kept.
    fn brackets(&mut self) -> Result<bool, Error> {
        let is_array = self.skip('[')?;
        if is_array {
            if matches!(self.token, Token::Number(_)) {
                self.advance()?;
            }
            self.symbol(']')?;
        }
        Ok(is_array)
    }

    fn default(&mut self, ty: Type, is_array: bool) -> Result<Value, Error> {
        if is_array && self.token == Token::Symbol('{') {
            let scalars = self.array()?.into_iter().map(|constant| constant.typed(ty));
            return Ok(Value::Many(scalars.collect::<Result<_, _>>()?));
        }
        let constant = self.constant()?;
        match constant.typed(ty)? {
            None => Ok(Value::Null),
            Some(_) if is_array => Err(problem(constant.line, "the default of an array stands in braces")),
            Some(scalar) => Ok(Value::One(scalar)),
        }
    }

    fn qualifiers(&mut self) -> Result<Qualifiers<'t>, Error> {
        let mut list: Vec<Qualifier<'t>> = Vec::new();
        if !self.skip('[')? {
            return Ok(Qualifiers(list));
        }
        loop {
            let line = self.token_line;
            let name = self.word("a qualifier")?;
            if list.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
                return Err(problem(line, &format!("qualifier {name} is given twice")));
            }
            if list.len() == MAX_MEMBERS {
                return Err(Error::Limit { what: "qualifiers", limit: MAX_MEMBERS });
            }
            let value = self.initial()?;
            list.push(Qualifier { line, name, value });
            self.flavors()?;
            if !self.skip(',')? {
                break;
            }
        }
        self.symbol(']')?;
        Ok(Qualifiers(list))
    }

    /// The value of a qualifier: `("…")`, `{…}` or nothing.
    fn initial(&mut self) -> Result<Initial<'t>, Error> {
        if self.token == Token::Symbol('{') {
            return self.array().map(Initial::Many);
        }
        if !self.skip('(')? {
            return Ok(Initial::Nothing);
        }
        let constant = self.constant()?;
        self.symbol(')')?;
        Ok(Initial::One(constant))
    }

    /// How a qualifier is inherited, `: ToSubclass DisableOverride`, which is not kept.
    fn flavors(&mut self) -> Result<(), Error> {
        if self.skip(':')? {
            self.word("a flavor")?;
            while matches!(self.token, Token::Word(_)) {
                self.advance()?;
            }
        }
        Ok(())
    }

    fn array(&mut self) -> Result<Vec<Constant<'t>>, Error> {
        self.symbol('{')?;
        let mut constants = Vec::new();
        if self.skip('}')? {
            return Ok(constants);
        }
        loop {
            constants.push(self.constant()?);
            if !self.skip(',')? {
                break;
            }
        }
        self.symbol('}')?;
        Ok(constants)
    }

    fn constant(&mut self) -> Result<Constant<'t>, Error> {
        let line = self.token_line;
        if matches!(self.token, Token::Text(_)) {
            return Ok(Constant { line, literal: Literal::Text(self.text("a text")?) });
        }
        let literal = match self.token {
            Token::Number(number) => Literal::Number(number),
            Token::Word(word) if word.eq_ignore_ascii_case("TRUE") => Literal::Boolean(true),
            Token::Word(word) if word.eq_ignore_ascii_case("FALSE") => Literal::Boolean(false),
            Token::Word(word) if word.eq_ignore_ascii_case("NULL") => Literal::Null,
            _ => return Err(self.expected("a value")),
        };
        self.advance()?;
        Ok(Constant { line, literal })
    }

    /// A string: literals that follow each other are one.
    fn text(&mut self, what: &str) -> Result<Cow<'t, str>, Error> {
        if !matches!(self.token, Token::Text(_)) {
            return Err(self.expected(what));
        }
        let mut text = Cow::Borrowed("");
        while matches!(self.token, Token::Text(_)) {
            if let Token::Text(more) = self.advance()? {
                join(&mut text, more);
            }
        }
        Ok(text)
    }

    fn word(&mut self, what: &str) -> Result<&'t str, Error> {
        let Token::Word(word) = self.token else {
            return Err(self.expected(what));
        };
        self.advance()?;
        Ok(word)
    }

    fn keyword(&mut self, word: &str) -> Result<(), Error> {
        match self.token {
            Token::Word(found) if found.eq_ignore_ascii_case(word) => self.advance().map(drop),
            _ => Err(self.expected(&format!("{word:?}"))),
        }
    }

    fn symbol(&mut self, symbol: char) -> Result<(), Error> {
        match self.skip(symbol)? {
            true => Ok(()),
            false => Err(self.expected(&format!("\"{symbol}\""))),
        }
    }

    /// Passes over a symbol if it is there.
    fn skip(&mut self, symbol: char) -> Result<bool, Error> {
        let is_there = self.token == Token::Symbol(symbol);
        if is_there {
            self.advance()?;
        }
        Ok(is_there)
    }

    /// Passes over the token and returns it.
    fn advance(&mut self) -> Result<Token<'t>, Error> {
        self.skip_blanks()?;
        self.token_line = self.line;
        let next = self.scan()?;
        Ok(mem::replace(&mut self.token, next))
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            let next = self.rest.trim_start();
            self.pass(self.rest.len() - next.len());
            let length = match next.as_bytes() {
                [b'/', b'/', ..] => next.find('\n').unwrap_or(next.len()),
                [b'/', b'*', comment @ ..] => {
                    let end = comment.windows(2).position(|pair| pair == b"*/");
                    end.ok_or_else(|| problem(self.line, "this comment has no end"))? + 4
                }
                _ => return Ok(()),
            };
            self.pass(length);
        }
    }

    fn pass(&mut self, length: usize) {
        let passed = self.cut(Some(length));
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
    }

    fn scan(&mut self) -> Result<Token<'t>, Error> {
        let mut chars = self.rest.chars();
        let Some(first) = chars.next() else {
            return Ok(Token::End);
        };
        if is_word(first) && !first.is_ascii_digit() {
            return Ok(Token::Word(self.cut(self.rest.find(|c| !is_word(c)))));
        }
        if is_number(self.rest) {
            return Ok(Token::Number(self.cut(end_of_number(self.rest))));
        }
        self.rest = chars.as_str();
        if first == '"' { self.literal() } else { Ok(Token::Symbol(first)) }
    }

    /// What follows the opening quote of a string literal. It ends on its line, so that a forgotten quote
    /// is found where it was forgotten.
    fn literal(&mut self) -> Result<Token<'t>, Error> {
        let mut text = Cow::Borrowed("");
        loop {
            let special = self.rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r'));
            join(&mut text, Cow::Borrowed(self.cut(special)));
            match self.rest.as_bytes().first() {
                Some(b'"') => {
                    self.cut(Some(1));
                    return Ok(Token::Text(text));
                }
                Some(b'\\') => {
                    self.cut(Some(1));
                    text.to_mut().push(self.escape()?);
                }
                _ => return Err(problem(self.line, "expected a quote that ends the text on its line")),
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, Error> {
        let mut chars = self.rest.chars();
        let escape = chars.next();
        self.rest = chars.as_str();
        Ok(match escape {
            Some(c @ ('"' | '\'' | '\\')) => c,
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{C}',
            Some('x' | 'X') => {
                let length = self.rest.bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
                let digits = self.cut(Some(length));
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                code.ok_or_else(|| problem(self.line, &format!("\\x{digits} is no character")))?
            }
            Some(other) => return Err(problem(self.line, &format!("\\{other} is no escape"))),
            None => return Err(problem(self.line, "expected an escape after the backslash, found the end")),
        })
    }

    /// Takes the text before an offset, or all of it.
    fn cut(&mut self, end: Option<usize>) -> &'t str {
        let (piece, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        piece
    }

    fn expected(&self, what: &str) -> Error {
        expected(self.token_line, what, &self.token)
    }
}

/// What stands in brackets before a declaration.
struct Qualifiers<'t>(Vec<Qualifier<'t>>);

struct Qualifier<'t> {
    line: usize,
    name: &'t str,
    value: Initial<'t>,
}

/// What a qualifier is given.
enum Initial<'t> {
    Nothing,
    One(Constant<'t>),
    Many(Vec<Constant<'t>>),
}

struct Constant<'t> {
    line: usize,
    literal: Literal<'t>,
}

enum Literal<'t> {
    Null,
    Boolean(bool),
    Number(&'t str),
    Text(Cow<'t, str>),
}

/// A list of texts, each with its line.
struct Texts<'t> {
    line: usize,
    texts: Vec<(usize, Cow<'t, str>)>,
}

impl<'t> Qualifiers<'t> {
    fn take(&mut self, name: &str) -> Option<Qualifier<'t>> {
        let at = self.0.iter().position(|qualifier| qualifier.name.eq_ignore_ascii_case(name))?;
        Some(self.0.swap_remove(at))
    }

    fn is_set(&mut self, name: &str) -> Result<bool, Error> {
        Ok(self.flag(name)?.unwrap_or(false))
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        let Some(qualifier) = self.take(name) else {
            return Ok(None);
        };
        match qualifier.value {
            Initial::Nothing => Ok(Some(true)),
            Initial::One(Constant { literal: Literal::Boolean(flag), .. }) => Ok(Some(flag)),
            _ => Err(qualifier.problem("is TRUE or FALSE")),
        }
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        let Some(qualifier) = self.take(name) else {
            return Ok(None);
        };
        match qualifier.value {
            Initial::One(Constant { literal: Literal::Text(text), .. }) => Ok(Some(text.into_owned())),
            _ => Err(qualifier.problem("is one text in parentheses")),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Option<Texts<'t>>, Error> {
        let Some(mut qualifier) = self.take(name) else {
            return Ok(None);
        };
        let Initial::Many(constants) = mem::replace(&mut qualifier.value, Initial::Nothing) else {
            return Err(qualifier.problem("is a list of texts in braces"));
        };
        let texts = constants.into_iter().map(|constant| match constant.literal {
            Literal::Text(text) => Ok((constant.line, text)),
            other => Err(expected(constant.line, "a text", other)),
        });
        Ok(Some(Texts { line: qualifier.line, texts: texts.collect::<Result<_, _>>()? }))
    }

    /// `ValueMap` and `Values` of a property or parameter of a type.
    fn values(&mut self, ty: Type) -> Result<ValueMap, Error> {
        let (map, values) = match (self.texts("ValueMap")?, self.texts("Values")?) {
            (None, None) => return Ok(ValueMap::default()),
            (Some(map), Some(values)) => (map, values),
            (Some(map), None) => return Err(problem(map.line, "ValueMap without Values")),
            (None, Some(values)) => return Err(problem(values.line, "Values without ValueMap")),
        };
        let (keys, meanings) = (map.texts.len(), values.texts.len());
        if keys != meanings {
            let text = format!("ValueMap has {keys} entries, Values has {meanings}");
            return Err(problem(map.line, &text));
        }
        let mut entries = Vec::with_capacity(keys);
        for ((line, key), (_, meaning)) in map.texts.into_iter().zip(values.texts) {
            let Some(range) = value_range(ty, &key) else {
                return Err(expected(line, &format!("values of type {}", ty.name()), Token::Text(key)));
            };
            entries.push((range, meaning.into_owned()));
        }
        Ok(ValueMap(entries))
    }

    fn embedded(&mut self, ty: Type) -> Result<Option<Name>, Error> {
        let Some(qualifier) = self.take("EmbeddedInstance") else {
            return Ok(None);
        };
        match qualifier.value {
            Initial::One(Constant { literal: Literal::Text(class), .. })
                if matches!(ty, Type::String | Type::Object) =>
            {
                Ok(Some(class.as_ref().into()))
            }
            _ => Err(qualifier.problem("names a class and belongs to a string")),
        }
    }

    fn family(&mut self) -> Result<ReturnFamily, Error> {
        let Some(qualifier) = self.take("ReturnFamily") else {
            return Ok(ReturnFamily::Unlisted);
        };
        let family = match &qualifier.value {
            Initial::One(Constant { literal: Literal::Text(name), .. }) => ReturnFamily::named(name),
            _ => None,
        };
        let names = || ReturnFamily::ALL.map(ReturnFamily::name).join(", ");
        family.ok_or_else(|| qualifier.problem(&format!("is one of {}", names())))
    }
}

impl Qualifier<'_> {
    fn problem(&self, what: &str) -> Error {
        problem(self.line, &format!("qualifier {} {what}", self.name))
    }
}

impl Constant<'_> {
    /// Returns the value that the constant is at a place of a type; `None` is null.
    fn typed(&self, ty: Type) -> Result<Option<Scalar>, Error> {
        let scalar = match &self.literal {
            Literal::Null => return Ok(None),
            Literal::Boolean(flag) => (ty == Type::Boolean).then_some(Scalar::Boolean(*flag)),
            Literal::Number(text) => number(ty, text),
            Literal::Text(text) => match ty {
                Type::String | Type::DateTime | Type::Reference => Scalar::parse(ty, text).ok(),
                _ => None,
            },
        };
        let refusal = || expected(self.line, &format!("a value of type {}", ty.name()), &self.literal);
        scalar.map(Some).ok_or_else(refusal)
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Number(text) => write!(f, "{:?}", shortened(text)),
            Self::Text(text) => write!(f, "the text {:?}", shortened(text)),
            Self::Symbol(symbol) => write!(f, "{:?}", symbol.to_string()),
            Self::End => f.write_str("the end"),
        }
    }
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Number(text) => Token::Number(text).fmt(f),
            Self::Text(text) => write!(f, "the text {:?}", shortened(text)),
        }
    }
}

fn push_unique<T>(
    list: &mut Vec<T>,
    item: T,
    name: impl Fn(&T) -> &Name,
    kind: &str,
    line: usize,
) -> Result<(), Error> {
    if list.iter().any(|other| name(other) == name(&item)) {
        return Err(declared_twice(line, kind, name(&item)));
    }
    if list.len() == MAX_MEMBERS {
        return Err(Error::Limit {
            what: "members of a class or parameters of a method",
            limit: MAX_MEMBERS,
        });
    }
    list.push(item);
    Ok(())
}

fn declared_twice(line: usize, kind: &str, name: &Name) -> Error {
    problem(line, &format!("{kind} {} is declared twice", shortened(name)))
}

fn expected(line: usize, what: &str, found: impl fmt::Display) -> Error {
    problem(line, &format!("expected {what}, found {found}"))
}

fn problem(line: usize, problem: &str) -> Error {
    Error::Mof { line, problem: problem.to_owned() }
}

fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

fn join<'t>(text: &mut Cow<'t, str>, more: Cow<'t, str>) {
    if text.is_empty() {
        *text = more;
    } else if !more.is_empty() {
        text.to_mut().push_str(&more);
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Returns whether a text begins with a number: perhaps a sign, perhaps a point, then a digit.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    text.strip_prefix('.').unwrap_or(text).starts_with(|c: char| c.is_ascii_digit())
}

/// Returns where the number ends with which a text begins. Letters count, so that `12abc` is one wrong
/// number and not two tokens.
fn end_of_number(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_hex = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let mut before = b'.';
    let end = unsigned.bytes().position(|byte| {
        let is_sign = matches!(byte, b'+' | b'-') && matches!(before, b'e' | b'E') && !is_hex;
        before = byte;
        !(byte.is_ascii_alphanumeric() || byte == b'.' || is_sign)
    });
    end.map(|end| end + text.len() - unsigned.len())
}

fn number(ty: Type, text: &str) -> Option<Scalar> {
    match ty {
        Type::Real32 | Type::Real64 => Scalar::parse(ty, text).ok().filter(is_finite),
        _ if is_integer(ty) || ty == Type::Char16 => Scalar::parse(ty, &integer(text)?.to_string()).ok(),
        _ => None,
    }
}

/// Returns an integer in one of the four spellings: `0x1F`, `101b`, `017` (octal), `15`.
fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [.., b'b' | b'B'] => (&digits[..digits.len() - 1], 2),
        [b'0', _, ..] => (digits, 8),
        _ => (digits, 10),
    };
    // A second sign would pass `from_str_radix`.
    let is_unsigned = digits.starts_with(|c: char| c.is_digit(radix));
    let number = is_unsigned.then(|| i128::from_str_radix(digits, radix).ok())??;
    Some(if text.starts_with('-') { -number } else { number })
}

/// Returns the values that an entry of `ValueMap` means: a text for strings; for integers a number,
/// `a..b`, `a..`, `..b`, or `..` for all the rest.
fn value_range(ty: Type, text: &str) -> Option<ValueRange> {
    if ty == Type::String {
        return Some(ValueRange::Text(text.to_owned()));
    }
    if !is_integer(ty) {
        return None;
    }
    let number = |text: &str| Scalar::parse(ty, text).ok()?.as_i64();
    let Some((from, to)) = text.split_once("..") else {
        return number(text).map(ValueRange::Exactly);
    };
    // `None` is no number, `Some(None)` an open end.
    let end = |text: &str| if text.trim().is_empty() { Some(None) } else { number(text).map(Some) };
    match (end(from)?, end(to)?) {
        (Some(from), Some(to)) if from > to => None,
        (from, to) => Some(ValueRange::Between(from, to)),
    }
}

fn is_integer(ty: Type) -> bool {
    matches!(
        ty,
        Type::Uint8
            | Type::Uint16
            | Type::Uint32
            | Type::Uint64
            | Type::Sint8
            | Type::Sint16
            | Type::Sint32
            | Type::Sint64
    )
}

fn is_finite(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Real32(number) => number.is_finite(),
        Scalar::Real64(number) => number.is_finite(),
        _ => true,
    }
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
        let keys = values.0.iter().map(|(range, _)| Quoted(&range_text(range)).to_string());
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

fn range_text(range: &ValueRange) -> String {
    let end = |number: &Option<i64>| number.map_or(String::new(), |number| number.to_string());
    match range {
        ValueRange::Exactly(number) => number.to_string(),
        ValueRange::Text(text) => text.clone(),
        ValueRange::Between(from, to) => format!("{}..{}", end(from), end(to)),
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::cim::{Catalog, Interval, ObjectPath, Timestamp};

    #[test]
    fn a_class_reads_as_everything_it_says() {
        let text = r#"
            // A line, /* and no comment in it.
            #pragma namespace ("\\\\.\\root\\virtualization\\v2")
            /* A block
               of two lines. */
            [Association, Abstract(TRUE), Singleton : ToSubclass DisableOverride, EmbeddedOnly,
             Version("1.0"), UUID("{X}") : ToInstance, Description("One " "text "
                "of three, \"quoted\" \\ \t\x41\x00e9.")]
            class Msvm_X : CIM_Y
            {
                [key, Override("Id"), MaxLen(256)] string Id = "x";
                [ValueMap{"0", "1..5", "..", "-7..-1", "9..", "0x10"},
                 Values{"none", "few", "rest", "debt", "many", "hex"}] sint16 Numbers[8] = {-1, 0x1F, 101b, 017, +3};
                [ValueMap {"a..b"}, Values {"a text"}] String Kind = NULL;
                CIM_Y REF Other;
                object REF Any;
                datetime REF;
                real64 Ratio = -1.5e-3;
                boolean Is = True, Not;
            };"#;
        let error = read(text).unwrap_err();
        assert_eq!(error.to_string(), "line 19: expected \";\", found \",\"");
        let classes = read(&text.replace("True, Not", "True")).unwrap();
        let [class] = classes.as_slice() else { panic!("{classes:?}") };
        assert_eq!(class.name.as_str(), "Msvm_X");
        assert_eq!(class.superclass.as_deref(), Some("CIM_Y"));
        assert_eq!(class.namespace.as_deref(), Some("root/virtualization/v2"));
        assert_eq!(class.description.as_deref(), Some("One text of three, \"quoted\" \\ \tA\u{e9}."));
        assert!(class.is_association && class.is_abstract && class.is_singleton && class.is_embedded_only);
        let [id, numbers, kind, other, any, named_ref, ratio, is] = class.properties.as_slice() else {
            panic!("{:?}", class.properties)
        };
        assert!(id.is_key && !numbers.is_key);
        assert_eq!(id.default, Some(Value::from("x")));
        assert_eq!((numbers.ty, numbers.is_array), (Type::Sint16, true));
        assert_eq!(numbers.default, Some(Value::from(vec![-1_i16, 31, 5, 15, 3])));
        assert_eq!(numbers.values.meaning(0), Some("none"));
        assert_eq!(numbers.values.meaning(3), Some("few"));
        assert_eq!(numbers.values.meaning(16), Some("hex"));
        assert_eq!(numbers.values.0[2].0, ValueRange::Between(None, None));
        assert_eq!(numbers.values.0[3].0, ValueRange::Between(Some(-7), Some(-1)));
        assert_eq!(numbers.values.0[4].0, ValueRange::Between(Some(9), None));
        assert_eq!(kind.values.meaning_of_text("a..b"), Some("a text"));
        assert_eq!(kind.default, Some(Value::Null));
        assert_eq!((other.ty, other.class.as_deref()), (Type::Reference, Some("CIM_Y")));
        assert_eq!((any.ty, &any.class), (Type::Reference, &None));
        assert_eq!((named_ref.name.as_str(), named_ref.ty), ("REF", Type::DateTime));
        assert_eq!(ratio.default, Some(Value::from(-0.0015_f64)));
        assert_eq!(is.default, Some(Value::from(true)));
    }

    #[test]
    fn methods_read_with_directions_classes_and_families() {
        let text = r#"class X {
            [ReturnFamily("hyperv"), Description("Does it.")] uint32 Do(
                string Bare,
                [Out] CIM_Job REF Job,
                [In, Out] uint8 Both[],
                [In(false)] uint8 Neither,
                [EmbeddedInstance("CIM_Error")] string Errors[]);
            boolean Quiet();
        };"#;
        let class = read(text).unwrap().remove(0);
        let [method, quiet] = class.methods.as_slice() else { panic!("{class:?}") };
        assert_eq!((method.returns, method.family), (Type::Uint32, ReturnFamily::Hyperv));
        assert_eq!(method.description.as_deref(), Some("Does it."));
        let directions: Vec<_> =
            method.parameters.iter().map(|parameter| (parameter.is_input, parameter.is_output)).collect();
        let expected = [(true, false), (false, true), (true, true), (false, false), (true, false)];
        assert_eq!(directions, expected);
        assert_eq!(method.parameters[1].class.as_deref(), Some("CIM_Job"));
        assert_eq!(method.parameters[4].class.as_deref(), Some("CIM_Error"));
        assert!(method.parameters[4].is_array);
        assert_eq!((quiet.returns, quiet.family), (Type::Boolean, ReturnFamily::Unlisted));
        assert!(quiet.parameters.is_empty());
    }

    #[test]
    fn a_namespace_holds_until_the_next_one() {
        let text = r#"class A {}; #pragma namespace ("root/b") class B {}; class C {};
                      #pragma namespace ("root/d") class D {};"#;
        let namespaces: Vec<_> = read(text).unwrap().into_iter().map(|class| class.namespace).collect();
        assert_eq!(namespaces, [None, Some("root/b".into()), Some("root/b".into()), Some("root/d".into())]);
    }

    #[test]
    fn malformed_text_is_refused_at_its_line_with_what_was_expected() {
        for (text, line, problem) in [
            ("class", 1, r#"expected the name of the class, found the end"#),
            ("\n\nclass X {}", 3, r#"expected ";", found the end"#),
            ("class X\n{", 2, r#"expected a declaration, found the end"#),
            ("class X : { };", 1, r#"expected the name of the superclass, found "{""#),
            ("instance of X { };", 1, r#"expected "class", found "instance""#),
            ("class X { string A\n};", 2, r#"expected ";", found "}""#),
            ("class X {\n unit32 A; };", 2, r#"expected a type, found "unit32""#),
            ("class X { reference A; };", 1, r#"expected a type, found "reference""#),
            ("class X { CIM_Y REF; };", 1, r#"expected a type, found "CIM_Y""#),
            ("class X { string ; };", 1, r#"expected a name, found ";""#),
            ("class X { string A[; };", 1, r#"expected "]", found ";""#),
            ("class X { [Key string A; };", 1, r#"expected "]", found "string""#),
            ("class X { [Key,] string A; };", 1, r#"expected a qualifier, found "]""#),
            ("class X { [] string A; };", 1, r#"expected a qualifier, found "]""#),
            ("class X { [Key, Max(3), KEY] string A; };", 1, "qualifier KEY is given twice"),
            ("class X { [Key(3)] string A; };", 1, "qualifier Key is TRUE or FALSE"),
            ("class X {\n[Description] string A; };", 2, "qualifier Description is one text in parentheses"),
            (
                "class X { [Description(\n7)] string A; };",
                1,
                "qualifier Description is one text in parentheses",
            ),
            ("class X { [ValueMap(\"1\")] uint8 A; };", 1, "qualifier ValueMap is a list of texts in braces"),
            ("class X { [ValueMap{\n1}] uint8 A; };", 2, r#"expected a text, found "1""#),
            ("class X {\n[ValueMap{\"1\"}]\nuint8 A; };", 2, "ValueMap without Values"),
            ("class X {\n[Values{\"1\"}]\nuint8 A; };", 2, "Values without ValueMap"),
            (
                "class X {\n[ValueMap{\"1\", \"2\"}, Values{\"one\"}] uint8 A; };",
                2,
                "ValueMap has 2 entries, Values has 1",
            ),
            (
                "class X { [ValueMap{\"1\",\n\"256\"}, Values{\"a\", \"b\"}] uint8 A; };",
                2,
                r#"expected values of type uint8, found the text "256""#,
            ),
            (
                "class X { [ValueMap{\"5..1\"}, Values{\"a\"}] uint8 A; };",
                1,
                r#"expected values of type uint8, found the text "5..1""#,
            ),
            (
                "class X { [ValueMap{\"one\"}, Values{\"a\"}] uint8 A; };",
                1,
                r#"expected values of type uint8, found the text "one""#,
            ),
            (
                "class X { [ValueMap{\"1\"}, Values{\"a\"}] boolean A; };",
                1,
                r#"expected values of type boolean, found the text "1""#,
            ),
            (
                "class X { [EmbeddedInstance(\"Y\")] uint8 A; };",
                1,
                "qualifier EmbeddedInstance names a class and belongs to a string",
            ),
            (
                "class X { [EmbeddedInstance] string A; };",
                1,
                "qualifier EmbeddedInstance names a class and belongs to a string",
            ),
            (
                "class X { [ReturnFamily(\"hyper-v\")] uint32 M(); };",
                1,
                "qualifier ReturnFamily is one of hyperv, hyperv-dmtf, concrete-job, hyperv-any, unlisted",
            ),
            ("class X {\n string A;\n uint8 a; };", 3, "property a is declared twice"),
            ("class X {\n uint8 M();\n uint8 m(); };", 3, "method m is declared twice"),
            ("class X { uint8 M(string A,\n string a); };", 2, "parameter a is declared twice"),
            ("class X {};\nclass x {};", 2, "class x is declared twice"),
            ("class X { uint8 M(string A,); };", 1, r#"expected a declaration, found ")""#),
            ("class X { uint8 M(string A) };", 1, r#"expected ";", found "}""#),
            ("class X { CIM_Y REF M(); };", 1, "the return value of a method refers to no class"),
            ("class X { uint8 A = 256; };", 1, r#"expected a value of type uint8, found "256""#),
            ("class X { uint8 A = -1; };", 1, r#"expected a value of type uint8, found "-1""#),
            ("class X { uint8 A = 1.5; };", 1, r#"expected a value of type uint8, found "1.5""#),
            ("class X { uint8 A = 08; };", 1, r#"expected a value of type uint8, found "08""#),
            ("class X { uint8 A = 12abc; };", 1, r#"expected a value of type uint8, found "12abc""#),
            ("class X { uint8 A = 0x-1; };", 1, r#"expected a value of type uint8, found "0x""#),
            ("class X { uint8 A = \"1\"; };", 1, r#"expected a value of type uint8, found the text "1""#),
            ("class X { string A = 1; };", 1, r#"expected a value of type string, found "1""#),
            ("class X { boolean A = 1; };", 1, r#"expected a value of type boolean, found "1""#),
            ("class X { uint8 A = FALSE; };", 1, r#"expected a value of type uint8, found FALSE"#),
            ("class X { real32 A = 1e999; };", 1, r#"expected a value of type real32, found "1e999""#),
            (
                "class X { datetime A = \"now\"; };",
                1,
                r#"expected a value of type datetime, found the text "now""#,
            ),
            ("class X { uint8 A = ; };", 1, r#"expected a value, found ";""#),
            ("class X { uint8 A = yes; };", 1, r#"expected a value, found "yes""#),
            ("class X { uint8 A = {1}; };", 1, r#"expected a value, found "{""#),
            ("class X { uint8 A[] = 1; };", 1, "the default of an array stands in braces"),
            ("class X { uint8 A[] = {1, {2}}; };", 1, r#"expected a value, found "{""#),
            ("class X {\nstring A = \"x;\n};", 2, "expected a quote that ends the text on its line"),
            ("class X { string A = \"x", 1, "expected a quote that ends the text on its line"),
            ("class X {\nstring A = \"\\q\"; };", 2, r"\q is no escape"),
            ("class X { string A = \"\\xD800\"; };", 1, r"\xD800 is no character"),
            ("class X { string A = \"\\xg\"; };", 1, r"\x is no character"),
            ("class X { string A = \"\\", 1, "expected an escape after the backslash, found the end"),
            ("\n/* \n", 2, "this comment has no end"),
            ("/*/ class X {};", 1, "this comment has no end"),
            ("#pragma locale (\"en\")", 1, r#"expected "namespace", found "locale""#),
            ("#include \"x\"", 1, r#"expected "pragma", found "include""#),
            ("#pragma namespace (root)", 1, r#"expected the namespace in quotes, found "root""#),
            (r#"#pragma namespace ("\\\\.\\")"#, 1, "the namespace is empty"),
            ("#pragma namespace (\"/\")", 1, "the namespace is empty"),
            ("class X {}; \u{0}", 1, r#"expected "class", found "\0""#),
            ("// only a comment\r\n@", 2, r#"expected "class", found "@""#),
        ] {
            let expected = Error::Mof { line, problem: problem.to_owned() };
            assert_eq!(read(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_empty_text_declares_nothing() {
        for text in ["", "\u{FEFF}", " \r\n\t", "// x", "/**/"] {
            assert_eq!(read(text), Ok(vec![]), "{text:?}");
        }
    }

    #[test]
    fn more_than_the_limits_is_refused() {
        let error = |text: String| read(&text).unwrap_err().to_string();
        assert_eq!(error(" ".repeat(MAX_BYTES + 1)), "more than 1048576 bytes of MOF");
        assert!(read(&" ".repeat(MAX_BYTES)).is_ok());
        let classes = (0..=MAX_CLASSES).map(|n| format!("class C{n} {{}};")).collect();
        assert_eq!(error(classes), "more than 4096 classes");
        let properties: String = (0..=MAX_MEMBERS).map(|n| format!("uint8 P{n};")).collect();
        let too_many = "more than 1024 members of a class or parameters of a method";
        assert_eq!(error(format!("class X {{ {properties} }};")), too_many);
        let qualifiers: Vec<_> = (0..=MAX_MEMBERS).map(|n| format!("Q{n}")).collect();
        assert_eq!(error(format!("[{}] class X {{}};", qualifiers.join(","))), "more than 1024 qualifiers");
    }

    #[test]
    fn the_written_text_has_the_layout_of_the_schemas() {
        let text = r#"#pragma namespace ("root/virtualization/v2")

[Singleton, Description("A \"service\".")]
class Msvm_X : CIM_Y
{
    [Key, Description("C:\\x")]
    string Name;

    [ValueMap{"0", "1..", "..-1"},
     Values{"none", "some", "debt"}]
    sint8 Level[] = {0, NULL, -1};

    datetime Time = "00000000000500.000000:000";

    real64 Ratio = 1.0e300;

    [ReturnFamily("hyperv")]
    uint32 Do(
        [In, EmbeddedInstance("Msvm_Z"), Description("Text.")]
        string Setting,
        [In, Out]
        CIM_Job REF Job);

    [ReturnFamily("unlisted")]
    boolean Stop();
};
"#;
        assert_eq!(write(&read(text).unwrap()[0]), text);
        assert_eq!(write(&Class::new("X")), "class X\n{\n};\n");
    }

    #[test]
    fn what_mof_cannot_say_is_written_as_null() {
        let mut class = read("class X { real32 A = 1.0; };").unwrap().remove(0);
        for default in
            [Value::from(f32::INFINITY), Value::from(f32::NAN), Value::from(crate::cim::Instance::new("Y"))]
        {
            class.properties[0].default = Some(default);
            let again = read(&write(&class)).unwrap().remove(0);
            assert_eq!(again.properties[0].default, Some(Value::Null));
        }
    }

    #[test]
    fn every_class_of_the_schemas_survives_its_text() {
        for class in Catalog::bundled().classes() {
            let again = read(&write(class)).unwrap();
            assert_eq!(format!("{again:?}"), format!("[{class:?}]"));
        }
    }

    proptest! {
        #[test]
        fn any_class_survives_its_text(class in any_class()) {
            let text = write(&class);
            let again = read(&text).map_err(|error| TestCaseError::fail(format!("{error} in\n{text}")))?;
            // Names are compared without their letter case, their text is not.
            prop_assert_eq!(format!("{:?}", again), format!("[{class:?}]"), "{}", text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), soup in soup()) {
            let _ = read(&text);
            let _ = read(&soup);
            let _ = read(&format!("class X {{ {soup}"));
            let _ = read(&format!("class X {{ [A{soup}"));
        }

        #[test]
        fn no_damage_to_a_schema_makes_the_reader_panic(
            place in any::<prop::sample::Index>(),
            (from, to) in any::<(prop::sample::Index, prop::sample::Index)>(),
            patch in soup(),
        ) {
            let texts: Vec<_> = Catalog::bundled_mof().collect();
            let text = place.get(&texts);
            let (from, to) = (from.index(text.len()), to.index(text.len()));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 40));
            if let (Some(head), Some(tail)) = (text.get(..from), text.get(to..)) {
                for damaged in [format!("{head}{patch}{tail}"), head.to_owned(), format!("{head}{tail}")] {
                    if let Ok(classes) = read(&damaged) {
                        let again: Vec<_> = classes.iter().map(|class| read(&write(class)).unwrap().remove(0)).collect();
                        prop_assert_eq!(again, classes);
                    }
                    let _ = Catalog::from_mof([damaged.as_str()]);
                }
            }
        }
    }

    /// Pieces of MOF in no order.
    fn soup() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &[
            "class",
            "X",
            "Y",
            ":",
            "{",
            "}",
            ";",
            "[",
            "]",
            "(",
            ")",
            ",",
            "=",
            "#pragma namespace",
            "REF",
            "\"",
            "\"text\"",
            "\"\\",
            "\\x4",
            "string",
            "uint8",
            "object",
            "Key",
            "In",
            "Out",
            "ValueMap{\"1\"}",
            "Values{\"1\"}",
            "NULL",
            "TRUE",
            "-",
            "0x",
            "1e",
            "1e+5",
            "..",
            "0b",
            "//",
            "/*",
            "*/",
            "\n",
            "é",
            "🎌",
            "\u{0}",
            "EmbeddedInstance(\"X\")",
            "ReturnFamily(\"hyperv\")",
            "Description",
            "99999999999999999999",
        ];
        prop::collection::vec((select(PIECES), select(&["", " "][..])), 0..40)
            .prop_map(|parts| parts.into_iter().flat_map(|(piece, blank)| [piece, blank]).collect())
    }

    fn any_name() -> impl Strategy<Value = Name> {
        prop_oneof![
            "[A-Za-z_][A-Za-z0-9_]{0,9}",
            "[a-zé日_]{1,4}",
            select(vec!["REF", "class", "string", "NULL"]).prop_map(str::to_owned)
        ]
        .prop_map(Name::from)
    }

    fn any_referable() -> impl Strategy<Value = Option<Name>> {
        prop::option::of(any_name().prop_filter("object is any class", |name| *name != *"object"))
    }

    fn any_text() -> impl Strategy<Value = String> {
        let special = select(
            "\"\\\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}\u{85}\u{2028}xnA0 /*;é🎌".chars().collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![3 => special, 1 => any::<char>()], 0..10)
            .prop_map(|chars| chars.into_iter().collect())
    }

    fn any_type() -> impl Strategy<Value = Type> {
        select(&Type::ALL[..])
    }

    fn any_datetime() -> impl Strategy<Value = DateTime> {
        let timestamp = (-60_000_000_000_i64..250_000_000_000, 0..1_000_000_000_u32, -840..=840_i16)
            .prop_map(|(seconds, nanoseconds, offset)| {
                DateTime::Absolute(Timestamp::new(seconds, nanoseconds, offset).unwrap())
            });
        let interval = (any::<u32>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| {
            let seconds = u64::from(seconds) * 10_000;
            DateTime::Interval(Interval::new(std::time::Duration::new(seconds, nanoseconds)))
        });
        prop_oneof![timestamp, interval]
    }

    fn any_scalar(ty: Type) -> BoxedStrategy<Option<Scalar>> {
        let scalar = match ty {
            Type::Boolean => any::<bool>().prop_map(Scalar::from).boxed(),
            Type::Uint8 => any::<u8>().prop_map(Scalar::from).boxed(),
            Type::Uint16 => any::<u16>().prop_map(Scalar::from).boxed(),
            Type::Uint32 => any::<u32>().prop_map(Scalar::from).boxed(),
            Type::Uint64 => any::<u64>().prop_map(Scalar::from).boxed(),
            Type::Sint8 => any::<i8>().prop_map(Scalar::from).boxed(),
            Type::Sint16 => any::<i16>().prop_map(Scalar::from).boxed(),
            Type::Sint32 => any::<i32>().prop_map(Scalar::from).boxed(),
            Type::Sint64 => any::<i64>().prop_map(Scalar::from).boxed(),
            Type::Real32 => prop::num::f32::NORMAL.prop_map(Scalar::from).boxed(),
            Type::Real64 => (prop::num::f64::NORMAL | prop::num::f64::ZERO).prop_map(Scalar::from).boxed(),
            Type::Char16 => any::<u16>().prop_map(Scalar::Char16).boxed(),
            Type::String => any_text().prop_map(Scalar::from).boxed(),
            Type::DateTime => any_datetime().prop_map(Scalar::from).boxed(),
            Type::Reference => any_text()
                .prop_map(|key| Scalar::from(ObjectPath::new("root/x", "X").with_key("K", key)))
                .boxed(),
            Type::Object => return Just(None).boxed(),
        };
        prop::option::weighted(0.9, scalar).boxed()
    }

    fn any_default(ty: Type, is_array: bool) -> BoxedStrategy<Option<Value>> {
        let value = match is_array {
            true => prop_oneof![
                1 => Just(Value::Null),
                5 => prop::collection::vec(any_scalar(ty), 0..3).prop_map(Value::Many),
            ]
            .boxed(),
            false => any_scalar(ty).prop_map(|scalar| scalar.map_or(Value::Null, Value::One)).boxed(),
        };
        prop::option::of(value).boxed()
    }

    /// Numbers that a type holds and that a [`ValueRange`] holds.
    fn any_number(ty: Type) -> impl Strategy<Value = i64> {
        any_scalar(ty).prop_map(|scalar| scalar.and_then(|scalar| scalar.as_i64()).unwrap_or(7))
    }

    fn any_values(ty: Type) -> BoxedStrategy<ValueMap> {
        let range = match ty {
            Type::String => any_text().prop_map(ValueRange::Text).boxed(),
            _ if is_integer(ty) => prop_oneof![
                any_number(ty).prop_map(ValueRange::Exactly),
                prop::option::of(any_number(ty)).prop_map(|from| ValueRange::Between(from, None)),
                prop::option::of(any_number(ty)).prop_map(|to| ValueRange::Between(None, to)),
                (any_number(ty), any_number(ty))
                    .prop_map(|(a, b)| ValueRange::Between(Some(a.min(b)), Some(a.max(b)))),
            ]
            .boxed(),
            _ => return Just(ValueMap::default()).boxed(),
        };
        prop::collection::vec((range, any_text()), 0..4).prop_map(ValueMap).boxed()
    }

    fn any_class_of(ty: Type) -> BoxedStrategy<Option<Name>> {
        match ty {
            Type::Reference => any_referable().boxed(),
            Type::String | Type::Object => {
                prop::option::of(prop_oneof![any_name(), any_text().prop_map(Name::from)]).boxed()
            }
            _ => Just(None).boxed(),
        }
    }

    fn any_property() -> impl Strategy<Value = PropertyDeclaration> {
        (any_type(), any::<bool>()).prop_flat_map(|(ty, is_array)| {
            let description = prop::option::of(any_text());
            let parts = (
                any_name(),
                any::<bool>(),
                any_class_of(ty),
                any_values(ty),
                any_default(ty, is_array),
                description,
            );
            parts.prop_map(move |(name, is_key, class, values, default, description)| PropertyDeclaration {
                name,
                ty,
                is_array,
                is_key,
                class,
                values,
                default,
                description,
            })
        })
    }

    fn any_parameter() -> impl Strategy<Value = Parameter> {
        any_type().prop_flat_map(|ty| {
            let flags = any::<(bool, bool, bool)>();
            let parts = (any_name(), flags, any_class_of(ty), any_values(ty), prop::option::of(any_text()));
            parts.prop_map(move |(name, flags, class, values, description)| Parameter {
                name,
                ty,
                is_array: flags.0,
                is_input: flags.1,
                is_output: flags.2,
                class,
                values,
                description,
            })
        })
    }

    fn any_method() -> impl Strategy<Value = Method> {
        let parameters = prop::collection::vec(any_parameter(), 0..4);
        let family = select(&ReturnFamily::ALL[..]);
        let parts = (any_name(), any_type(), family, parameters, prop::option::of(any_text()));
        parts.prop_map(|(name, returns, family, parameters, description)| Method {
            name,
            returns,
            family,
            parameters: without_repetition(parameters, |parameter| &parameter.name),
            description,
        })
    }

    fn any_class() -> impl Strategy<Value = Class> {
        let names =
            (any_name(), prop::option::of(any_name()), prop::option::of("[a-zA-Zé\"][a-z/é\" ]{0,9}[a-z2]"));
        let flags = any::<(bool, bool, bool, bool)>();
        let properties = prop::collection::vec(any_property(), 0..5);
        let methods = prop::collection::vec(any_method(), 0..3);
        let parts = (names, flags, prop::option::of(any_text()), properties, methods);
        parts.prop_map(|((name, superclass, namespace), flags, description, properties, methods)| Class {
            name,
            superclass,
            namespace: namespace.map(Name::from),
            description,
            is_association: flags.0,
            is_abstract: flags.1,
            is_singleton: flags.2,
            is_embedded_only: flags.3,
            properties: without_repetition(properties, |property| &property.name),
            methods: without_repetition(methods, |method| &method.name),
        })
    }

    fn without_repetition<T>(items: Vec<T>, name: impl Fn(&T) -> &Name) -> Vec<T> {
        let mut kept: Vec<T> = Vec::new();
        for item in items {
            if kept.iter().all(|other| name(other) != name(&item)) {
                kept.push(item);
            }
        }
        kept
    }
}
