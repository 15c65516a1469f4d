//! The reader: a cursor that descends into a document without copying it.

use std::borrow::Cow;

use quick_xml::events::Event;
use quick_xml::events::attributes::Attributes;

use super::error::{Error, Problem};
use super::name::{Name, Namespace, XML, XMLNS_URI, is_ncname, is_xml_char};

/// The sizes beyond which a document is refused.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The length of the text in bytes.
    pub bytes: usize,
    /// The number of elements open at once.
    pub depth: usize,
    /// The number of attributes, namespace declarations included, on one element.
    pub attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 20, depth: 128, attributes: 64 }
    }
}

/// A cursor over a document.
///
/// One element is *current*: the one that [`root`](Self::root) or [`child`](Self::child) returned last and
/// that has not been consumed. Every element is consumed exactly once, by [`text`](Self::text), by
/// [`skip`](Self::skip), or by calling [`child`](Self::child) until it returns `None`; then its parent is
/// current again.
///
/// ```
/// use refpoint::xml::{Limits, Reader};
///
/// let mut reader = Reader::new("<a><b>1</b><c/></a>", &Limits::default())?;
/// assert_eq!(reader.root()?.name.local, "a");
/// assert_eq!(reader.child()?.expect("b").name.local, "b");
/// assert_eq!(reader.text()?, "1");
/// assert_eq!(reader.child()?.expect("c").name.local, "c");
/// reader.skip()?;
/// assert!(reader.child()?.is_none());
/// reader.finish()?;
/// # Ok::<(), refpoint::xml::Error>(())
/// ```
pub struct Reader<'a> {
    text: &'a str,
    tokens: quick_xml::Reader<&'a [u8]>,
    limits: Limits,
    depth: usize,
    /// INVARIANT: ordered by depth; the bindings of an element stay until the next token is read, so that
    /// a QName in its text can still be resolved after the text was taken.
    bindings: Vec<Binding<'a>>,
    /// The element that started last, and its attributes.
    element: Element<'a>,
    attributes: Vec<Attribute<'a>>,
    /// The text read last.
    piece: Cow<'a, str>,
    /// The binding found last, and how many there were: most elements have the prefix of the one before.
    /// INVARIANT: no binding was made since; one that was dropped changes their number.
    found: (usize, usize),
    /// The start tag read last was `<a/>`: its end is owed.
    end_owed: bool,
    root_seen: bool,
    /// The document holds carriage returns or closing brackets at all: most hold none, and then no text in
    /// it has to be searched for them.
    has_returns: bool,
    has_brackets: bool,
}

/// An element that has started.
#[derive(Clone, Debug)]
pub struct Element<'a> {
    /// Its expanded name.
    pub name: Name<'a>,
    /// The byte at which its start tag begins.
    pub offset: usize,
}

/// An attribute of the element that started last; namespace declarations are not among them.
#[derive(Clone, Debug)]
pub struct Attribute<'a> {
    /// Its expanded name.
    pub name: Name<'a>,
    /// Its value, references replaced and white space normalised.
    pub value: Cow<'a, str>,
    prefix: Option<&'a str>,
}

/// One piece of mixed content.
#[derive(Clone, Debug)]
pub enum Node<'a> {
    /// A child element has started and is now current.
    Element(Element<'a>),
    /// Some text; adjacent pieces belong together.
    Text(Cow<'a, str>),
    /// The current element has ended.
    End,
}

/// What an element holds: text alone, or elements.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// Text alone; the element is consumed.
    Text(Cow<'a, str>),
    /// Elements, of which the first has started and is now current; text before it is passed over.
    Element(Element<'a>),
}

struct Binding<'a> {
    depth: usize,
    prefix: Option<&'a str>,
    uri: Cow<'a, str>,
}

/// What the next token means here. What it holds stays in the reader, because moving it through every call
/// cost as much as reading it.
enum Token {
    /// [`Reader::element`] has started.
    Start,
    /// [`Reader::piece`] is text.
    Text,
    End,
    Nothing,
    Eof,
}

impl<'a> Reader<'a> {
    /// Returns a cursor before the root of a document.
    pub fn new(text: &'a str, limits: &Limits) -> Result<Self, Error> {
        if text.len() > limits.bytes {
            return Err(Error::new(limits.bytes, Problem::TooLarge(limits.bytes)));
        }
        let (mut has_returns, mut has_brackets) = (false, false);
        if let Some((offset, c)) = forbidden_character(text, &mut has_returns, &mut has_brackets) {
            return Err(Error::new(offset, Problem::ForbiddenCharacter(c)));
        }
        // The tokenizer would pass over a byte-order mark and then count without it; `decode` takes the one
        // that may be there, so this is a second one.
        if text.starts_with('\u{FEFF}') {
            return Err(Error::new(0, Problem::TextOutsideRoot));
        }
        let mut tokens = quick_xml::Reader::from_str(text);
        tokens.config_mut().check_comments = true;
        Ok(Self {
            text,
            tokens,
            limits: limits.clone(),
            depth: 0,
            bindings: Vec::new(),
            element: Element { name: Name { namespace: Cow::Borrowed(""), local: "" }, offset: 0 },
            attributes: Vec::new(),
            piece: Cow::Borrowed(""),
            found: (usize::MAX, 0),
            end_owed: false,
            root_seen: false,
            has_returns,
            has_brackets,
        })
    }

    /// Returns the root element, which becomes current.
    pub fn root(&mut self) -> Result<Element<'a>, Error> {
        loop {
            match self.token()? {
                Token::Start => return Ok(self.element.clone()),
                Token::Eof => return Err(Error::new(self.text.len(), Problem::NoRoot)),
                Token::Text | Token::End | Token::Nothing => {}
            }
        }
    }

    /// Returns the next child of the current element, which becomes current; `None` when the current
    /// element has ended. Text between children is passed over.
    #[inline]
    pub fn child(&mut self) -> Result<Option<Element<'a>>, Error> {
        loop {
            match self.token()? {
                Token::Start => return Ok(Some(self.element.clone())),
                Token::End | Token::Eof => return Ok(None),
                Token::Text | Token::Nothing => {}
            }
        }
    }

    /// Returns the next piece of the current element's mixed content.
    pub fn node(&mut self) -> Result<Node<'a>, Error> {
        loop {
            match self.token()? {
                Token::Start => return Ok(Node::Element(self.element.clone())),
                Token::Text => return Ok(Node::Text(std::mem::take(&mut self.piece))),
                Token::End | Token::Eof => return Ok(Node::End),
                Token::Nothing => {}
            }
        }
    }

    /// Returns the text of the current element and consumes the element. A child element is an error.
    pub fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        match self.content()? {
            Content::Text(text) => Ok(text),
            Content::Element(element) => {
                Err(Error::new(element.offset, Problem::ElementInText(element.name.local.to_owned())))
            }
        }
    }

    /// Returns the text of the current element without the white space around it, and consumes the element.
    pub fn trimmed(&mut self) -> Result<String, Error> {
        Ok(self.text()?.trim().to_owned())
    }

    /// Returns the number that the text of the current element is, and consumes the element.
    pub fn number<T: std::str::FromStr>(&mut self) -> Result<T, Error> {
        let offset = self.element.offset;
        let text = self.text()?;
        let number = text.trim().parse();
        number.map_err(|_| Error::new(offset, Problem::NotANumber(text.trim().to_owned())))
    }

    /// Returns the text of the current element and consumes it, or stops at its first child.
    #[inline]
    pub fn content(&mut self) -> Result<Content<'a>, Error> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.token()? {
                Token::Text if text.is_empty() => text = std::mem::take(&mut self.piece),
                Token::Text => text.to_mut().push_str(&self.piece),
                Token::End | Token::Eof => return Ok(Content::Text(text)),
                Token::Nothing => {}
                Token::Start => return Ok(Content::Element(self.element.clone())),
            }
        }
    }

    /// Consumes what is left of the current element.
    pub fn skip(&mut self) -> Result<(), Error> {
        let outside = self.depth.saturating_sub(1);
        loop {
            match self.token()? {
                Token::End if self.depth == outside => return Ok(()),
                Token::Eof => return Ok(()),
                Token::Start | Token::Text | Token::End | Token::Nothing => {}
            }
        }
    }

    /// Consumes what is left of the current element and returns it as it is spelled, for showing only:
    /// prefixes in it may be declared outside it.
    pub fn raw(&mut self) -> Result<&'a str, Error> {
        let from = self.position();
        let outside = self.depth.saturating_sub(1);
        loop {
            let to = self.position();
            match self.token()? {
                Token::End if self.depth == outside => return Ok(&self.text[from..to]),
                Token::Eof => return Ok(&self.text[from..to]),
                Token::Start | Token::Text | Token::End | Token::Nothing => {}
            }
        }
    }

    /// Consumes the rest of the document: the root must be consumed, and only comments and white space
    /// may follow it.
    pub fn finish(&mut self) -> Result<(), Error> {
        while !matches!(self.token()?, Token::Eof) {}
        Ok(())
    }

    /// Returns the attributes of the element that started last.
    pub fn attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }

    /// Returns the value of one attribute of the element that started last.
    #[inline]
    pub fn attribute(&self, namespace: Namespace<'_>, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name.is(namespace, local));
        found.map(|attribute| &*attribute.value)
    }

    /// Returns the expanded name that a QName in content means here: while its element is current, and
    /// until the next token after it was consumed.
    pub fn resolve<'q>(&self, qname: &'q str) -> Result<Name<'q>, Error>
    where
        'a: 'q,
    {
        let (prefix, local) = split(qname.trim());
        if !is_ncname(local) {
            return Err(Error::new(self.position(), Problem::MalformedName(qname.to_owned())));
        }
        let namespace = self.lookup(prefix).map_err(|problem| Error::new(self.position(), problem))?;
        Ok(Name { namespace, local })
    }

    /// Returns the byte at which the next token begins.
    pub fn position(&self) -> usize {
        usize::try_from(self.tokens.buffer_position()).unwrap_or(self.text.len()).min(self.text.len())
    }

    #[inline]
    fn token(&mut self) -> Result<Token, Error> {
        let depth = self.depth;
        while self.bindings.last().is_some_and(|binding| binding.depth > depth) {
            self.bindings.pop();
        }
        if self.end_owed {
            self.end_owed = false;
            self.depth -= 1;
            return Ok(Token::End);
        }
        let offset = self.position();
        // The event is looked at where it lies, for the reason that `Token` gives.
        match &self.tokens.read_event() {
            Ok(Event::Start(start)) => {
                let name_length = start.name().as_ref().len();
                self.start(offset, name_length, self.position() - 1)
            }
            Ok(Event::Empty(start)) => {
                let name_length = start.name().as_ref().len();
                self.end_owed = true;
                self.start(offset, name_length, self.position() - 2)
            }
            Ok(Event::End(_)) => {
                self.depth -= 1;
                Ok(Token::End)
            }
            Ok(Event::Text(_)) => self.character_data(offset, &self.text[offset..self.position()], true),
            Ok(Event::CData(section)) => {
                let from = offset + "<![CDATA[".len();
                self.character_data(offset, &self.text[from..from + section.len()], false)
            }
            Ok(Event::GeneralRef(reference)) => self.reference(offset, reference),
            Ok(Event::Comment(_)) => Ok(Token::Nothing),
            Ok(Event::Decl(_)) => self.declaration(offset),
            Ok(Event::PI(_)) => Err(Error::new(offset, Problem::ProcessingInstruction)),
            Ok(Event::DocType(_)) => Err(Error::new(offset, Problem::DocumentType)),
            Ok(Event::Eof) if self.depth > 0 => {
                Err(Error::new(self.text.len(), Problem::Truncated(self.depth)))
            }
            Ok(Event::Eof) => Ok(Token::Eof),
            Err(error) => Err(self.tokenizer_error(error)),
        }
    }

    #[inline]
    fn start(&mut self, offset: usize, name_length: usize, end: usize) -> Result<Token, Error> {
        if self.depth == 0 && std::mem::replace(&mut self.root_seen, true) {
            return Err(Error::new(offset, Problem::SecondRoot));
        }
        if self.depth == self.limits.depth {
            return Err(Error::new(offset, Problem::TooDeep(self.limits.depth)));
        }
        self.depth += 1;
        let tag: &'a str = &self.text[offset + 1..end];
        self.attributes.clear();
        if tag.len() > name_length {
            self.read_attributes(offset + 1, tag, name_length)?;
        }
        let (prefix, local) = checked_split(offset, &tag[..name_length])?;
        self.element.name.namespace =
            self.namespace(prefix).map_err(|problem| Error::new(offset, problem))?;
        self.element.name.local = local;
        self.element.offset = offset;
        Ok(Token::Start)
    }

    /// Reads the attributes of a start tag: first the declarations, which hold for the whole tag, then the
    /// names that depend on them.
    fn read_attributes(&mut self, offset: usize, tag: &'a str, name_length: usize) -> Result<(), Error> {
        let mut count = 0;
        for attribute in Attributes::new(tag, name_length).with_checks(false) {
            let attribute = attribute
                .map_err(|error| Error::new(offset + name_length, Problem::Syntax(error.to_string())))?;
            count += 1;
            if count > self.limits.attributes {
                return Err(Error::new(offset, Problem::TooManyAttributes(self.limits.attributes)));
            }
            let Cow::Borrowed(value) = attribute.value else {
                return Err(Error::new(offset, Problem::Syntax("attribute value".to_owned())));
            };
            let qname: &'a str = attribute.key.0;
            let at = value.as_ptr() as usize - tag.as_ptr() as usize;
            if !matches!(tag.as_bytes().get(at + value.len() + 1), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
            {
                let problem = Problem::Syntax(format!("no white space after attribute {qname:?}"));
                return Err(Error::new(offset + at + value.len(), problem));
            }
            let value = attribute_value(offset + at, value)?;
            let (prefix, local) = checked_split(offset, qname)?;
            match (prefix, local) {
                (None, "xmlns") => self.bind(offset, None, value)?,
                (Some("xmlns"), declared) => self.bind(offset, Some(declared), value)?,
                _ => {
                    let name = Name { namespace: Cow::Borrowed(""), local };
                    self.attributes.push(Attribute { name, value, prefix });
                }
            }
        }
        for index in 0..self.attributes.len() {
            if let Some(prefix) = self.attributes[index].prefix {
                let namespace = self.lookup(Some(prefix)).map_err(|problem| Error::new(offset, problem))?;
                self.attributes[index].name.namespace = namespace;
            }
            let (earlier, rest) = self.attributes.split_at(index);
            if earlier.iter().any(|other| other.name == rest[0].name) {
                let problem = Problem::DuplicateAttribute(rest[0].name.local.to_owned());
                return Err(Error::new(offset, problem));
            }
        }
        Ok(())
    }

    fn bind(&mut self, offset: usize, prefix: Option<&'a str>, uri: Cow<'a, str>) -> Result<(), Error> {
        let is_xml = uri == XML.uri;
        let forbidden = match prefix {
            Some("xmlns") => true,
            Some("xml") => !is_xml,
            Some(_) => uri.is_empty() || is_xml || uri == XMLNS_URI,
            None => is_xml || uri == XMLNS_URI,
        };
        if uri.len() > LONGEST_NAMESPACE {
            return Err(Error::new(offset, Problem::LongNamespace(LONGEST_NAMESPACE)));
        }
        if self.bindings.len() == MOST_NAMESPACES {
            return Err(Error::new(offset, Problem::TooManyNamespaces(MOST_NAMESPACES)));
        }
        let label = prefix.unwrap_or_default();
        if forbidden {
            return Err(Error::new(offset, Problem::ForbiddenDeclaration(label.to_owned())));
        }
        let of_this_tag = self.bindings.iter().rev().take_while(|binding| binding.depth == self.depth);
        if of_this_tag.into_iter().any(|binding| binding.prefix == prefix) {
            return Err(Error::new(offset, Problem::DuplicateAttribute(format!("xmlns:{label}"))));
        }
        self.bindings.push(Binding { depth: self.depth, prefix, uri });
        self.found = (usize::MAX, 0);
        Ok(())
    }

    /// Returns the namespace of an element's prefix, remembering where it was found.
    fn namespace(&mut self, prefix: Option<&str>) -> Result<Cow<'a, str>, Problem> {
        let (index, bindings) = self.found;
        if bindings == self.bindings.len()
            && let Some(binding) = self.bindings.get(index)
            && is_same(binding.prefix, prefix)
        {
            return Ok(binding.uri.clone());
        }
        let index = self.bindings.iter().rposition(|binding| binding.prefix == prefix);
        self.found = (index.unwrap_or(usize::MAX), self.bindings.len());
        self.lookup(prefix)
    }

    fn lookup(&self, prefix: Option<&str>) -> Result<Cow<'a, str>, Problem> {
        match self.bindings.iter().rev().find(|binding| binding.prefix == prefix) {
            Some(binding) => Ok(binding.uri.clone()),
            None => match prefix {
                None => Ok(Cow::Borrowed("")),
                Some("xml") => Ok(Cow::Borrowed(XML.uri)),
                Some(prefix) => Err(Problem::UnboundPrefix(prefix.to_owned())),
            },
        }
    }

    #[inline]
    fn character_data(&mut self, offset: usize, text: &'a str, is_markup_free: bool) -> Result<Token, Error> {
        if self.depth == 0 {
            let blank = is_markup_free && text.bytes().all(is_white_space);
            let outside = || Error::new(offset, Problem::TextOutsideRoot);
            return blank.then_some(Token::Nothing).ok_or_else(outside);
        }
        if self.has_brackets && is_markup_free && text.contains("]]>") {
            return Err(Error::new(offset, Problem::Syntax("]]> in text".to_owned())));
        }
        self.piece = match self.has_returns && text.contains('\r') {
            true => Cow::Owned(normalise_line_ends(text)),
            false => Cow::Borrowed(text),
        };
        Ok(Token::Text)
    }

    fn reference(&mut self, offset: usize, name: &str) -> Result<Token, Error> {
        if self.depth == 0 {
            return Err(Error::new(offset, Problem::TextOutsideRoot));
        }
        let c = referenced(name).map_err(|problem| Error::new(offset, problem))?;
        self.piece = match c {
            '<' => Cow::Borrowed("<"),
            '>' => Cow::Borrowed(">"),
            '&' => Cow::Borrowed("&"),
            '"' => Cow::Borrowed("\""),
            '\'' => Cow::Borrowed("'"),
            other => Cow::Owned(other.to_string()),
        };
        Ok(Token::Text)
    }

    /// An XML declaration may stand at the very start; its encoding has had its say in
    /// [`decode`](super::decode), which is why a label that contradicts the text is passed over.
    fn declaration(&self, offset: usize) -> Result<Token, Error> {
        if offset != 0 {
            return Err(Error::new(offset, Problem::ProcessingInstruction));
        }
        match declared_version(&self.text["<?xml".len()..self.position() - "?>".len()]) {
            Some("1.0") => Ok(Token::Nothing),
            Some(other) => Err(Error::new(offset, Problem::Version(other.to_owned()))),
            None => Err(Error::new(offset, Problem::Syntax("malformed XML declaration".to_owned()))),
        }
    }

    fn tokenizer_error(&self, error: &quick_xml::Error) -> Error {
        let offset = usize::try_from(self.tokens.error_position()).unwrap_or(self.text.len());
        Error::new(offset.min(self.text.len()), Problem::Syntax(error.to_string()))
    }
}

/// Longer than any namespace name of the protocol; a bound for hostile documents, in which each element may
/// carry one.
const LONGEST_NAMESPACE: usize = 4096;
/// More declarations in scope than any message has; a bound for hostile documents, in which each prefix may
/// be sought among them.
const MOST_NAMESPACES: usize = 256;

fn split(qname: &str) -> (Option<&str>, &str) {
    match qname.bytes().position(|byte| byte == b':') {
        Some(at) => (Some(&qname[..at]), &qname[at + 1..]),
        None => (None, qname),
    }
}

/// Splits a name at its colon and checks both parts, in one pass over the ASCII names that nearly all are.
#[inline]
fn checked_split(offset: usize, qname: &str) -> Result<(Option<&str>, &str), Error> {
    let bytes = qname.as_bytes();
    let mut colon = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match KIND[usize::from(byte)] {
            Kind::Start | Kind::Later => {}
            Kind::Colon if colon.is_none() => colon = Some(at),
            Kind::Colon | Kind::Other => return unicode_split(offset, qname),
        }
    }
    let begins =
        |at: usize| bytes.get(at).is_some_and(|&byte| matches!(KIND[usize::from(byte)], Kind::Start));
    match colon {
        None if begins(0) => Ok((None, qname)),
        Some(colon) if begins(0) && begins(colon + 1) => Ok((Some(&qname[..colon]), &qname[colon + 1..])),
        _ => unicode_split(offset, qname),
    }
}

/// What a byte may be in an ASCII name.
#[derive(Clone, Copy)]
enum Kind {
    Start,
    Later,
    Colon,
    Other,
}

const KIND: [Kind; 256] = {
    let mut table = [Kind::Other; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Kind::Start,
            b'0'..=b'9' | b'-' | b'.' => Kind::Later,
            b':' => Kind::Colon,
            _ => Kind::Other,
        };
        byte += 1;
    }
    table
};

#[cold]
fn unicode_split(offset: usize, qname: &str) -> Result<(Option<&str>, &str), Error> {
    let (prefix, local) = split(qname);
    if is_ncname(local) && prefix.is_none_or(is_ncname) {
        return Ok((prefix, local));
    }
    Err(Error::new(offset, Problem::MalformedName(qname.to_owned())))
}

/// Compares prefixes, which are one or two bytes long, without a call.
#[inline]
fn is_same(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| a == b),
        (None, None) => true,
        _ => false,
    }
}

/// Returns the version in what stands between `<?xml` and `?>`, if it is a declaration (XML 1.0 production
/// XMLDecl).
fn declared_version(text: &str) -> Option<&str> {
    fn after_blanks(text: &str) -> &str {
        text.trim_start_matches([' ', '\t', '\r', '\n'])
    }
    fn value<'t>(text: &'t str, name: &str) -> Option<(&'t str, &'t str)> {
        let start = after_blanks(text);
        let assigned = after_blanks(start.strip_prefix(name)?).strip_prefix('=').map(after_blanks)?;
        let quote =
            assigned.chars().next().filter(|c| start.len() < text.len() && matches!(c, '"' | '\''))?;
        assigned[1..].split_once(quote)
    }
    let (version, mut rest) = value(text, "version")?;
    if let Some((encoding, after)) = value(rest, "encoding") {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        rest = after;
        if !encoding.starts_with(|c: char| c.is_ascii_alphabetic()) || !encoding.chars().all(is_part) {
            return None;
        }
    }
    if let Some(("yes" | "no", after)) = value(rest, "standalone") {
        rest = after;
    }
    after_blanks(rest).is_empty().then_some(version)
}

fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns the character that `&name;` stands for.
fn referenced(name: &str) -> Result<char, Problem> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "quot" => Ok('"'),
            "apos" => Ok('\''),
            _ => Err(Problem::UnknownEntity(name.to_owned())),
        };
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |hex| (hex, 16));
    let all_digits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    let code = all_digits.then(|| u32::from_str_radix(digits, radix).ok()).flatten();
    code.and_then(char::from_u32)
        .filter(|c| is_xml_char(*c))
        .ok_or_else(|| Problem::ForbiddenReference(name.to_owned()))
}

/// Replaces the references of an attribute value and normalises its white space ([XML 1.0] 3.3.3).
fn attribute_value(offset: usize, raw: &str) -> Result<Cow<'_, str>, Error> {
    if !raw.bytes().any(|byte| matches!(byte, b'&' | b'<' | b'\t' | b'\r' | b'\n')) {
        return Ok(Cow::Borrowed(raw));
    }
    let raw = normalise_line_ends(raw);
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw.as_str();
    while let Some(at) = rest.find(['&', '<', '\t', '\n']) {
        value.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'<' => return Err(Error::new(offset, Problem::Syntax("< in an attribute value".to_owned()))),
            b'&' => {
                let reference = &rest[at + 1..];
                let Some((name, after)) = reference.split_once(';') else {
                    return Err(Error::new(offset, Problem::Syntax("& without ;".to_owned())));
                };
                value.push(referenced(name).map_err(|problem| Error::new(offset, problem))?);
                rest = after;
            }
            _ => {
                value.push(' ');
                rest = &rest[at + 1..];
            }
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// Turns CR LF and lone CR into LF ([XML 1.0] 2.11).
fn normalise_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Returns the first character of the text that XML 1.0 forbids, and whether there is any carriage return
/// or closing bracket in it.
fn forbidden_character(text: &str, has_returns: &mut bool, has_brackets: &mut bool) -> Option<(usize, u32)> {
    const BLOCK: usize = 256;
    let bytes = text.as_bytes();
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        // Without an early exit the compiler turns this pass into vector instructions. 0xEF begins
        // U+FFFE and U+FFFF, the only forbidden characters beyond the controls that a `str` can hold.
        let (mut suspicious, mut returns, mut brackets) = (false, false, false);
        for &b in block {
            suspicious |= ((b < 0x20) & (b != 9) & (b != 10) & (b != 13)) | (b == 0xEF);
            returns |= b == b'\r';
            brackets |= b == b']';
        }
        *has_returns |= returns;
        *has_brackets |= brackets;
        if !suspicious {
            continue;
        }
        let start = index * BLOCK;
        for (at, &byte) in block.iter().enumerate() {
            let offset = start + at;
            match byte {
                b'\t' | b'\n' | b'\r' => {}
                0..0x20 => return Some((offset, byte.into())),
                0xEF => {
                    if let Some(&[0xBF, last @ (0xBE | 0xBF)]) = bytes.get(offset + 1..offset + 3) {
                        return Some((offset, 0xFF40 + u32::from(last)));
                    }
                }
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str, limits: &Limits) -> Result<usize, Error> {
        let mut reader = Reader::new(text, limits)?;
        reader.root()?;
        let (mut open, mut elements) = (1, 1);
        while open > 0 {
            match reader.node()? {
                Node::Element(_) => (open, elements) = (open + 1, elements + 1),
                Node::Text(_) => {}
                Node::End => open -= 1,
            }
        }
        reader.finish()?;
        Ok(elements)
    }

    fn text_of(document: &str) -> Result<String, Error> {
        let mut reader = Reader::new(document, &Limits::default())?;
        reader.root()?;
        let text = reader.text()?.into_owned();
        reader.finish()?;
        Ok(text)
    }

    #[test]
    fn hostile_documents_are_refused_with_the_byte_at_which_they_turn_bad() {
        use Problem::*;
        let many = format!("<a {}/>", (0..65).map(|n| format!("a{n}='' ")).collect::<String>());
        let deep = "<a>".repeat(129);
        let table: Vec<(&str, usize, Problem)> = vec![
            ("<!DOCTYPE a><a/>", 0, DocumentType),
            ("<!doctype a><a/>", 0, DocumentType),
            ("<a><!DOCTYPE b></a>", 3, DocumentType),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", 0, DocumentType),
            ("<?php x?><a/>", 0, ProcessingInstruction),
            ("<a><?x?></a>", 3, ProcessingInstruction),
            (" <?xml version='1.0'?><a/>", 1, ProcessingInstruction),
            ("<?xml version='1.1'?><a/>", 0, Version("1.1".into())),
            ("<?xml version='1.0' x?><a/>", 0, Syntax("malformed XML declaration".into())),
            ("<?xml version='1.0'encoding='x'?><a/>", 0, Syntax("malformed XML declaration".into())),
            ("<?xml version='1.0'  foo='b'?><a/>", 0, Syntax("malformed XML declaration".into())),
            (
                "<?xml version='1.0' standalone='no' encoding='x'?><a/>",
                0,
                Syntax("malformed XML declaration".into()),
            ),
            (
                "<?xml version='1.0' encoding='x'standalone='no'?><a/>",
                0,
                Syntax("malformed XML declaration".into()),
            ),
            ("<?xml version='1.0' encoding=''?><a/>", 0, Syntax("malformed XML declaration".into())),
            ("<?xml version='1.0' standalone='1'?><a/>", 0, Syntax("malformed XML declaration".into())),
            ("<?xml encoding='x'?><a/>", 0, Syntax("malformed XML declaration".into())),
            ("<a>&x;</a>", 3, UnknownEntity("x".into())),
            ("<a>&nbsp;</a>", 3, UnknownEntity("nbsp".into())),
            ("<a b='&x;'/>", 6, UnknownEntity("x".into())),
            ("<a>&#0;</a>", 3, ForbiddenReference("#0".into())),
            ("<a>x&#x0;</a>", 4, ForbiddenReference("#x0".into())),
            ("<a>&#1;</a>", 3, ForbiddenReference("#1".into())),
            ("<a>&#xD800;</a>", 3, ForbiddenReference("#xD800".into())),
            ("<a>&#xFFFE;</a>", 3, ForbiddenReference("#xFFFE".into())),
            ("<a>&#x110000;</a>", 3, ForbiddenReference("#x110000".into())),
            ("<a>&#99999999999;</a>", 3, ForbiddenReference("#99999999999".into())),
            ("<a>&#;</a>", 3, ForbiddenReference("#".into())),
            ("<a>&#+65;</a>", 3, ForbiddenReference("#+65".into())),
            ("<a>&#X41;</a>", 3, ForbiddenReference("#X41".into())),
            ("<a b='&#0;'/>", 6, ForbiddenReference("#0".into())),
            ("<a>\u{1}</a>", 3, ForbiddenCharacter(1)),
            ("<a>\u{0}</a>", 3, ForbiddenCharacter(0)),
            ("<a b='\u{B}'/>", 6, ForbiddenCharacter(0xB)),
            ("<a>é\u{FFFF}</a>", 5, ForbiddenCharacter(0xFFFF)),
            ("<a>\u{FFFE}</a>", 3, ForbiddenCharacter(0xFFFE)),
            ("<a", 0, Syntax(String::new())),
            ("<a>", 3, Truncated(1)),
            ("<a><b></b>", 10, Truncated(1)),
            ("", 0, NoRoot),
            ("  <!-- nothing -->", 18, NoRoot),
            ("<a/><b/>", 4, SecondRoot),
            ("<a></a><a></a>", 7, SecondRoot),
            ("<a/>text", 4, TextOutsideRoot),
            ("text<a/>", 0, TextOutsideRoot),
            ("\u{FEFF}<a/>", 0, TextOutsideRoot),
            ("<a/>&amp;", 4, TextOutsideRoot),
            ("<a/><![CDATA[ ]]>", 4, TextOutsideRoot),
            ("<p:a/>", 0, UnboundPrefix("p".into())),
            ("<a p:b=''/>", 1, UnboundPrefix("p".into())),
            ("<a><p:b xmlns:p='u'/><p:c/></a>", 21, UnboundPrefix("p".into())),
            ("<a xmlns:p=''/>", 1, ForbiddenDeclaration("p".into())),
            ("<a xmlns:xmlns='u'/>", 1, ForbiddenDeclaration("xmlns".into())),
            ("<a xmlns:xml='u'/>", 1, ForbiddenDeclaration("xml".into())),
            ("<a b='' b=''/>", 1, DuplicateAttribute("b".into())),
            ("<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>", 1, DuplicateAttribute("b".into())),
            ("<a xmlns:p='u' xmlns:p='v'/>", 1, DuplicateAttribute("xmlns:p".into())),
            ("<1a/>", 0, MalformedName("1a".into())),
            ("<a:b:c xmlns:a='u'/>", 0, MalformedName("a:b:c".into())),
            ("<:a/>", 0, MalformedName(":a".into())),
            ("<a:/>", 0, MalformedName("a:".into())),
            ("<a b='1'c='2'/>", 7, Syntax(String::new())),
            ("<a b/>", 2, Syntax(String::new())),
            ("<a b=1/>", 2, Syntax(String::new())),
            ("<a b='<'/>", 6, Syntax(String::new())),
            ("<a b='&'/>", 6, Syntax(String::new())),
            ("<a>&</a>", 3, Syntax(String::new())),
            ("<a>& </a>", 3, Syntax(String::new())),
            ("<a>]]></a>", 3, Syntax(String::new())),
            ("<a></b>", 3, Syntax(String::new())),
            ("</a>", 0, Syntax(String::new())),
            ("<a><!-- a -- b --></a>", 10, Syntax(String::new())),
            ("<a><!-- </a>", 3, Syntax(String::new())),
            ("<a><![CDATA[</a>", 3, Syntax(String::new())),
            ("<a b='></a>", 0, Syntax(String::new())),
            (&many, 1, TooManyAttributes(64)),
            (&deep, 384, TooDeep(128)),
        ];
        for (document, offset, problem) in table {
            let error = read_all(document, &Limits::default()).expect_err(document);
            let same_kind = match problem {
                Syntax(_) => matches!(error.problem, Syntax(_)),
                _ => error.problem == problem,
            };
            assert!(same_kind, "{document}: {error:?}");
            assert_eq!(error.offset, offset, "{document}: {error}");
        }
    }

    #[test]
    fn a_document_larger_than_the_limit_is_refused_before_it_is_read() {
        let limits = Limits { bytes: 7, ..Limits::default() };
        assert_eq!(read_all("<a></a>", &limits), Ok(1));
        assert_eq!(read_all("<a></a> ", &limits).unwrap_err().problem, Problem::TooLarge(7));
    }

    #[test]
    fn well_formed_oddities_are_accepted() {
        for (document, elements) in [
            ("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a/>\n", 1),
            ("<?xml\tversion = '1.0' standalone='no' ?><a/>", 1),
            ("<!-- before --><a></a ><!-- after -->", 1),
            ("<a\n\tb = 'x>y'\r\n/>", 1),
            ("<a xmlns=''/>", 1),
            ("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='ja-JP'/>", 1),
            ("<a><![CDATA[<b>&x;]]></a>", 1),
            ("<名前 å='1'/>", 1),
        ] {
            assert_eq!(read_all(document, &Limits::default()), Ok(elements), "{document}");
        }
    }

    #[test]
    fn text_is_joined_across_references_sections_and_comments() {
        let document = "<a>one &amp; &#x74;wo<![CDATA[ <3> &amp;]]><!-- gone -->\u{1F38C}&lt;&#13;&#10;</a>";
        assert_eq!(text_of(document).unwrap(), "one & two <3> &amp;\u{1F38C}<\r\n");
    }

    #[test]
    fn line_ends_become_line_feeds_unless_they_are_references() {
        assert_eq!(text_of("<a>1\r\n2\r3&#13;4</a>").unwrap(), "1\n2\n3\r4");
        let mut reader = Reader::new("<a b='1\r\n2\t3&#10;4'/>", &Limits::default()).unwrap();
        reader.root().unwrap();
        assert_eq!(reader.attribute(Namespace::NONE, "b"), Some("1 2 3\n4"));
    }

    #[test]
    fn names_are_told_apart_by_uri_and_shadowing_is_followed() {
        let document = "<p:a xmlns:p='u1' xmlns='d'><p:b xmlns:p='u2' p:x='1' x='2'><c/></p:b><p:d/></p:a>";
        let mut reader = Reader::new(document, &Limits::default()).unwrap();
        let is =
            |element: &Element<'_>, uri: &str, local: &str| element.name.is(Namespace::new("", uri), local);
        assert!(is(&reader.root().unwrap(), "u1", "a"));
        assert!(is(&reader.child().unwrap().unwrap(), "u2", "b"));
        assert_eq!(reader.attribute(Namespace::new("", "u2"), "x"), Some("1"));
        assert_eq!(reader.attribute(Namespace::NONE, "x"), Some("2"));
        assert!(is(&reader.child().unwrap().unwrap(), "d", "c"));
        reader.skip().unwrap();
        assert!(reader.child().unwrap().is_none());
        assert!(is(&reader.child().unwrap().unwrap(), "u1", "d"));
    }

    #[test]
    fn a_prefix_bound_anew_is_not_taken_for_what_it_was_one_element_earlier() {
        let text = r#"<p:a xmlns:p="urn:1"><p:b xmlns:q="urn:2"/><p:b xmlns:p="urn:3"/></p:a>"#;
        let mut reader = Reader::new(text, &Limits::default()).unwrap();
        reader.root().unwrap();
        assert_eq!(reader.child().unwrap().unwrap().name.namespace, "urn:1");
        reader.skip().unwrap();
        assert_eq!(reader.child().unwrap().unwrap().name.namespace, "urn:3");
    }

    #[test]
    fn namespace_declarations_are_few_and_short() {
        let long = |length: usize| format!("<a xmlns='{}'/>", "x".repeat(length));
        assert_eq!(read_all(&long(LONGEST_NAMESPACE), &Limits::default()), Ok(1));
        let problem = read_all(&long(LONGEST_NAMESPACE + 1), &Limits::default()).unwrap_err().problem;
        assert_eq!(problem, Problem::LongNamespace(LONGEST_NAMESPACE));
        let declarations = (0..32).map(|number| format!(" xmlns:p{number}='u'")).collect::<String>();
        let many = |tags: usize| {
            let tag = format!("<a{declarations}>");
            tag.repeat(tags) + &"</a>".repeat(tags)
        };
        assert_eq!(read_all(&many(8), &Limits::default()), Ok(8));
        let problem = read_all(&many(9), &Limits::default()).unwrap_err().problem;
        assert_eq!(problem, Problem::TooManyNamespaces(MOST_NAMESPACES));
    }

    #[test]
    fn a_qname_in_content_is_resolved_in_the_scope_of_its_element() {
        let mut reader =
            Reader::new("<a xmlns:p='u1'><b xmlns:p='u2'>p:x</b></a>", &Limits::default()).unwrap();
        reader.root().unwrap();
        reader.child().unwrap();
        let text = reader.text().unwrap();
        assert!(reader.resolve(&text).unwrap().is(Namespace::new("", "u2"), "x"));
        assert!(reader.child().unwrap().is_none());
        assert!(reader.resolve("p:x").unwrap().is(Namespace::new("", "u1"), "x"));
        assert_eq!(reader.resolve("q:x").unwrap_err().problem, Problem::UnboundPrefix("q".into()));
    }

    #[test]
    fn an_element_inside_text_is_an_error_and_skipping_still_checks() {
        assert_eq!(text_of("<a>x<b/></a>").unwrap_err(), Error::new(4, Problem::ElementInText("b".into())));
        let mut reader = Reader::new("<a><b><p:c/></b></a>", &Limits::default()).unwrap();
        reader.root().unwrap();
        assert_eq!(reader.skip().unwrap_err().problem, Problem::UnboundPrefix("p".into()));
    }

    #[test]
    fn raw_returns_the_spelling_of_the_content() {
        let mut reader = Reader::new("<a><b x='1'>y<c/> &amp;</b><d/></a>", &Limits::default()).unwrap();
        reader.root().unwrap();
        reader.child().unwrap();
        assert_eq!(reader.raw().unwrap(), "y<c/> &amp;");
        assert_eq!(reader.child().unwrap().unwrap().name.local, "d");
    }
}
