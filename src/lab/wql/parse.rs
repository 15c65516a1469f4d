//! From the text of a query to what it asks.

use std::time::Duration;

use crate::cim::ObjectPath;

use super::Invalid;
use super::condition::{Comparison, Condition, Literal};
use super::lex::{Token, tokens};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    /// `SELECT`: objects of a class.
    Select(Select),
    /// `ASSOCIATORS OF` and `REFERENCES OF`: what is around one object.
    Neighbourhood(Neighbourhood),
}

/// `SELECT properties FROM class WHERE condition`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Select {
    /// The properties; none for all of them.
    pub(crate) properties: Vec<String>,
    /// The class.
    pub(crate) class: String,
    /// Which of its objects.
    pub(crate) condition: Option<Condition>,
    /// `WITHIN`: how often events are looked for. It stands in queries for events alone.
    pub(crate) within: Option<Duration>,
}

/// `ASSOCIATORS OF {object} WHERE …`, `REFERENCES OF {object} WHERE …`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Neighbourhood {
    /// The object.
    pub(crate) object: ObjectPath,
    /// Whether the associations themselves are wanted.
    pub(crate) references: bool,
    /// Only through associations of this class.
    pub(crate) association: Option<String>,
    /// Only results of this class.
    pub(crate) result: Option<String>,
    /// Only where the object has this role.
    pub(crate) role: Option<String>,
    /// Only results that have this role.
    pub(crate) result_role: Option<String>,
    /// Only the keys of the results.
    pub(crate) keys_only: bool,
}

/// Reads a query.
pub(crate) fn parse(query: &str) -> Result<Query, Invalid> {
    let tokens = tokens(query)?;
    let mut parser = Parser { tokens: &tokens, depth: 0, terms: 0 };
    let parsed = if parser.takes("SELECT") {
        Query::Select(parser.select()?)
    } else if parser.takes("ASSOCIATORS") {
        Query::Neighbourhood(parser.neighbourhood(false)?)
    } else if parser.takes("REFERENCES") {
        Query::Neighbourhood(parser.neighbourhood(true)?)
    } else {
        return Err(Invalid);
    };
    parser.tokens.is_empty().then_some(parsed).ok_or(Invalid)
}

/// Conditions nested deeper than that are nobody's.
const DEEPEST: usize = 64;
/// Nor are queries of more comparisons; WMI's own quota is several hundred.
const MOST_TERMS: usize = 1000;

struct Parser<'t, 'q> {
    tokens: &'t [Token<'q>],
    depth: usize,
    /// How many comparisons have been read.
    terms: usize,
}

impl<'q> Parser<'_, 'q> {
    fn next(&mut self) -> Result<Token<'q>, Invalid> {
        let (first, rest) = self.tokens.split_first().ok_or(Invalid)?;
        self.tokens = rest;
        Ok(first.clone())
    }

    /// Takes a keyword, if it is the next word.
    fn takes(&mut self, keyword: &str) -> bool {
        let is_it =
            matches!(self.tokens.first(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        if is_it {
            self.tokens = &self.tokens[1..];
        }
        is_it
    }

    fn takes_symbol(&mut self, symbol: &str) -> bool {
        let is_it = matches!(self.tokens.first(), Some(Token::Symbol(found)) if *found == symbol);
        if is_it {
            self.tokens = &self.tokens[1..];
        }
        is_it
    }

    fn expect(&mut self, keyword: &str) -> Result<(), Invalid> {
        self.takes(keyword).then_some(()).ok_or(Invalid)
    }

    fn word(&mut self) -> Result<&'q str, Invalid> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            _ => Err(Invalid),
        }
    }

    fn select(&mut self) -> Result<Select, Invalid> {
        let mut properties = Vec::new();
        if !self.takes_symbol("*") {
            loop {
                properties.push(self.word()?.to_owned());
                if !self.takes_symbol(",") {
                    break;
                }
            }
        }
        self.expect("FROM")?;
        let class = self.word()?.to_owned();
        let within = match self.takes("WITHIN") {
            true => {
                let Token::Number(seconds) = self.next()? else { return Err(Invalid) };
                let seconds = seconds.parse().map_err(|_| Invalid)?;
                Some(Duration::try_from_secs_f64(seconds).map_err(|_| Invalid)?)
            }
            false => None,
        };
        let condition = self.takes("WHERE").then(|| self.either()).transpose()?;
        Ok(Select { properties, class, condition, within })
    }

    fn either(&mut self) -> Result<Condition, Invalid> {
        let first = self.both()?;
        let mut parts = vec![first];
        while self.takes("OR") {
            parts.push(self.both()?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn both(&mut self) -> Result<Condition, Invalid> {
        let first = self.one()?;
        let mut parts = vec![first];
        while self.takes("AND") {
            parts.push(self.one()?);
        }
        Ok(one_or(parts, Condition::And))
    }

    fn one(&mut self) -> Result<Condition, Invalid> {
        if self.depth == DEEPEST {
            return Err(Invalid);
        }
        self.depth += 1;
        let condition = if self.takes("NOT") {
            self.one().map(|inner| Condition::Not(Box::new(inner)))
        } else if self.takes_symbol("(") {
            let inner = self.either()?;
            self.takes_symbol(")").then_some(inner).ok_or(Invalid)
        } else {
            self.comparison()
        };
        self.depth -= 1;
        condition
    }

    fn comparison(&mut self) -> Result<Condition, Invalid> {
        self.terms += 1;
        if self.terms > MOST_TERMS {
            return Err(Invalid);
        }
        match self.next()? {
            Token::Word(word) if literal_word(word).is_none() => self.about(word.to_owned()),
            literal => {
                let literal = literal_of(literal)?;
                let comparison = self.operator()?.mirrored();
                let property = self.word()?.to_owned();
                Ok(Condition::Compare { property, comparison, literal })
            }
        }
    }

    /// Reads the rest of a comparison whose property has been read.
    fn about(&mut self, property: String) -> Result<Condition, Invalid> {
        if self.takes("IS") {
            let negated = self.takes("NOT");
            self.expect("NULL")?;
            return Ok(Condition::IsNull { property, negated });
        }
        if self.takes("ISA") {
            return match self.next()? {
                Token::Text(class) => Ok(Condition::Isa { property, class }),
                Token::Word(class) => Ok(Condition::Isa { property, class: class.to_owned() }),
                _ => Err(Invalid),
            };
        }
        let negated = self.takes("NOT");
        if self.takes("LIKE") {
            let Token::Text(pattern) = self.next()? else { return Err(Invalid) };
            let like = Condition::Like { property, pattern };
            return Ok(if negated { Condition::Not(Box::new(like)) } else { like });
        }
        if negated {
            return Err(Invalid);
        }
        let comparison = self.operator()?;
        match (literal_of(self.next()?)?, comparison) {
            (Literal::Null, Comparison::Equal) => Ok(Condition::IsNull { property, negated: false }),
            (Literal::Null, Comparison::Unequal) => Ok(Condition::IsNull { property, negated: true }),
            (Literal::Null, _) => Err(Invalid),
            (literal, comparison) => Ok(Condition::Compare { property, comparison, literal }),
        }
    }

    fn operator(&mut self) -> Result<Comparison, Invalid> {
        match self.next()? {
            Token::Symbol("=") => Ok(Comparison::Equal),
            Token::Symbol("<>" | "!=") => Ok(Comparison::Unequal),
            Token::Symbol("<") => Ok(Comparison::Less),
            Token::Symbol("<=") => Ok(Comparison::AtMost),
            Token::Symbol(">") => Ok(Comparison::Greater),
            Token::Symbol(">=") => Ok(Comparison::AtLeast),
            _ => Err(Invalid),
        }
    }

    fn neighbourhood(&mut self, references: bool) -> Result<Neighbourhood, Invalid> {
        self.expect("OF")?;
        let Token::Path(path) = self.next()? else { return Err(Invalid) };
        let object = path.parse().map_err(|_| Invalid)?;
        let mut found = Neighbourhood {
            object,
            references,
            association: None,
            result: None,
            role: None,
            result_role: None,
            keys_only: false,
        };
        if self.takes("WHERE") {
            let mut any = false;
            while let Some(Token::Word(word)) = self.tokens.first() {
                self.tokens = &self.tokens[1..];
                self.restrict(word, &mut found)?;
                any = true;
            }
            any.then_some(()).ok_or(Invalid)?;
        }
        Ok(found)
    }

    /// Reads one restriction of a neighbourhood; they stand side by side, without AND.
    fn restrict(&mut self, keyword: &str, found: &mut Neighbourhood) -> Result<(), Invalid> {
        if keyword.eq_ignore_ascii_case("KeysOnly") {
            found.keys_only = true;
            return Ok(());
        }
        let slot = match () {
            () if keyword.eq_ignore_ascii_case("AssocClass") && !found.references => &mut found.association,
            () if keyword.eq_ignore_ascii_case("ResultClass") => &mut found.result,
            () if keyword.eq_ignore_ascii_case("Role") => &mut found.role,
            () if keyword.eq_ignore_ascii_case("ResultRole") && !found.references => &mut found.result_role,
            // ClassDefsOnly and SchemaOnly ask for classes, which WS-Management has no items for.
            () => return Err(Invalid),
        };
        if !self.takes_symbol("=") || slot.is_some() {
            return Err(Invalid);
        }
        *slot = Some(self.word()?.to_owned());
        Ok(())
    }
}

/// Returns the only part, or all of them together.
fn one_or(mut parts: Vec<Condition>, together: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => together(parts),
    }
}

fn literal_word(word: &str) -> Option<Literal> {
    [("TRUE", Literal::Boolean(true)), ("FALSE", Literal::Boolean(false)), ("NULL", Literal::Null)]
        .into_iter()
        .find_map(|(name, literal)| word.eq_ignore_ascii_case(name).then_some(literal))
}

fn literal_of(token: Token<'_>) -> Result<Literal, Invalid> {
    match token {
        Token::Text(text) => Ok(Literal::Text(text)),
        Token::Number(number) => Ok(Literal::Number(number.to_owned())),
        Token::Word(word) => literal_word(word).ok_or(Invalid),
        Token::Path(_) | Token::Symbol(_) => Err(Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_refused() {
        for text in [
            "",
            "DELETE FROM X",
            "SELECT",
            "SELECT * X",
            "SELECT * FROM",
            "SELECT *, a FROM X",
            "SELECT a b FROM X",
            "SELECT * FROM X WHERE",
            "SELECT * FROM X WHERE a",
            "SELECT * FROM X WHERE a = ",
            "SELECT * FROM X WHERE a = b",
            "SELECT * FROM X WHERE a = 'b",
            "SELECT * FROM X WHERE a = 1 b = 2",
            "SELECT * FROM X WHERE (a = 1",
            "SELECT * FROM X WHERE a = 1)",
            "SELECT * FROM X WHERE a IS 1",
            "SELECT * FROM X WHERE a LIKE 1",
            "SELECT * FROM X WHERE a < NULL",
            "SELECT * FROM X; DROP",
            "ASSOCIATORS OF Msvm_ComputerSystem",
            "ASSOCIATORS OF {Msvm_ComputerSystem.Name='a'",
            "ASSOCIATORS OF {Msvm_ComputerSystem.Name='a'} WHERE",
            "ASSOCIATORS OF {Msvm_ComputerSystem.Name='a'} WHERE AssocClass=A AND ResultClass=B",
            "ASSOCIATORS OF {Msvm_ComputerSystem.Name='a'} WHERE ClassDefsOnly",
            "REFERENCES OF {Msvm_ComputerSystem.Name='a'} WHERE AssocClass=A",
            "SELECT * FROM X WHERE Name = 'a' AND",
        ] {
            assert_eq!(parse(text), Err(Invalid), "{text}");
        }
        let deep = format!("SELECT * FROM X WHERE {}a=1{}", "(".repeat(1000), ")".repeat(1000));
        assert_eq!(parse(&deep), Err(Invalid));
    }

    #[test]
    fn neighbours_are_asked_for_in_any_order_of_restrictions() {
        let text = r#"associators of {Msvm_ComputerSystem.CreationClassName="Msvm_ComputerSystem",Name="a}b"}
            where ResultClass = Y AssocClass=X  role=Antecedent KeysOnly"#;
        let Ok(Query::Neighbourhood(found)) = parse(text) else { panic!("no query") };
        assert_eq!(found.object.key_text("Name").as_deref(), Some("a}b"));
        assert_eq!((found.association.as_deref(), found.result.as_deref()), (Some("X"), Some("Y")));
        assert_eq!((found.role.as_deref(), found.keys_only), (Some("Antecedent"), true));
    }
}
