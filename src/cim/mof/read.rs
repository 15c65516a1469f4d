//! Reading MOF: a cursor over tokens, and what the qualifiers mean.

use std::borrow::Cow;
use std::fmt;
use std::mem;

use crate::cim::class::{Class, Method, Parameter, PropertyDeclaration, ReturnFamily, ValueMap, ValueRange};
use crate::cim::error::Error;
use crate::cim::name::Name;
use crate::cim::value::{Scalar, Type, Value};

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

/// A class and where it was declared.
pub(in crate::cim) struct Declaration {
    /// The line of its name.
    pub(in crate::cim) line: usize,
    /// What was declared.
    pub(in crate::cim) class: Class,
}

/// Returns the classes that a text declares, with their lines.
pub(in crate::cim) fn declarations(text: &str) -> Result<Vec<Declaration>, Error> {
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
pub(super) const MAX_BYTES: usize = 1 << 20;
/// More classes than the whole CIM schema has.
pub(in crate::cim) const MAX_CLASSES: usize = 4096;
/// More properties, methods or parameters than anything has.
pub(in crate::cim) const MAX_MEMBERS: usize = 1024;

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
            let Some(range) = ValueRange::parse(ty, &key) else {
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
        _ if ty.is_integer() || ty == Type::Char16 => Scalar::parse(ty, &integer(text)?.to_string()).ok(),
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

fn is_finite(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Real32(number) => number.is_finite(),
        Scalar::Real64(number) => number.is_finite(),
        _ => true,
    }
}
