//! Tokens in HTTP headers: what a server offers, and what we answer.
//!
//! [RFC 9110] section 11, [RFC 4559]. Reads several header lines, comma lists, `scheme token68` and
//! `scheme name=value` with quoted strings, in any case; writes one `Authorization` value.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Error, Mechanism, Result, Scheme, Secret, Token};

/// What one answer of a server says about logging in, over all its `WWW-Authenticate` lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    challenges: Vec<Challenge>,
}

/// One challenge: a scheme, and what stands beside it.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme's name as it was written.
    pub scheme: String,
    /// The token, still as text.
    pub token68: Option<String>,
    /// The parameters, names in lower case, values unquoted.
    pub parameters: Vec<(String, String)>,
}

impl Offers {
    /// Reads the values of all `WWW-Authenticate` header lines of one answer.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut challenges = Vec::new();
        for line in lines {
            if line.len() > MAX_LINE {
                return Err(malformed("line too long"));
            }
            challenges.extend(Cursor { rest: line }.challenges()?);
            if challenges.len() > MAX_CHALLENGES {
                return Err(malformed("too many challenges"));
            }
        }
        Ok(Self { challenges })
    }

    /// Returns all challenges, in order.
    pub fn challenges(&self) -> &[Challenge] {
        &self.challenges
    }

    /// Says whether the scheme is among them, with a token or without.
    pub fn offers(&self, scheme: Scheme) -> bool {
        self.challenges.iter().any(|challenge| challenge.is(scheme))
    }

    /// Returns the first token for that scheme.
    pub fn token(&self, scheme: Scheme) -> Result<Option<Token>> {
        let texts = self.challenges.iter().filter(|challenge| challenge.is(scheme));
        let Some(text) = texts.filter_map(|challenge| challenge.token68.as_deref()).next() else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(text).map_err(|_| malformed("token is not base64"))?;
        Ok(Some(Token::new(bytes)))
    }

    /// Returns the first scheme of our list that the server offers.
    pub fn choose(&self, wanted: &[Scheme]) -> Result<Scheme> {
        let chosen = wanted.iter().copied().find(|scheme| self.offers(*scheme));
        chosen.ok_or_else(|| Error::NotOffered { offered: self.to_string() })
    }
}

/// Names the schemes. One that nobody has registered is not repeated: a server that says our own token where
/// a name belongs must not bring it into a log.
impl fmt::Display for Offers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.challenges.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<_> = self.challenges.iter().map(Challenge::known_name).collect();
        f.write_str(&names.join(", "))
    }
}

impl Challenge {
    /// Returns a parameter by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn known_name(&self) -> &'static str {
        let ours = Scheme::from_name(&self.scheme).map(Scheme::name);
        let others = || REGISTERED.into_iter().find(|name| name.eq_ignore_ascii_case(&self.scheme));
        ours.or_else(others).unwrap_or("an unknown scheme")
    }

    fn is(&self, scheme: Scheme) -> bool {
        Scheme::from_name(&self.scheme) == Some(scheme)
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token68.as_ref().map(String::len);
        let parameters: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        f.debug_struct("Challenge")
            .field("scheme", &self.known_name())
            .field("token68_length", &token)
            .field("parameters", &parameters)
            .finish()
    }
}

/// Writes the value of `Authorization`, or of an acceptor's `WWW-Authenticate`.
pub fn header_value(scheme: Scheme, token: Option<&Token>) -> Secret<String> {
    let mut value = scheme.name().to_owned();
    if let Some(token) = token {
        // One allocation of the final size, so that no copy of a secret is left behind by growth.
        value.reserve_exact(1 + token.as_bytes().len().div_ceil(3) * 4);
        value.push(' ');
        STANDARD.encode_string(token.as_bytes(), &mut value);
    }
    Secret::new(value)
}

/// Reads the value of `Authorization` for this mechanism (the acceptor's side).
pub fn read_authorization(value: &str, mechanism: &dyn Mechanism) -> Result<Option<Token>> {
    let offers = Offers::parse([value])?;
    match offers.challenges.as_slice() {
        [challenge] if challenge.is(mechanism.scheme()) => offers.token(mechanism.scheme()),
        [_] => Err(Error::WrongScheme(mechanism.scheme())),
        _ => Err(malformed("not one credential")),
    }
}

/// Windows sends tickets of up to 48 KiB in tokens; base64 and a margin make this.
const MAX_LINE: usize = 128 * 1024;
const MAX_CHALLENGES: usize = 32;
const MAX_PARAMETERS: usize = 32;

/// What other schemes servers and proxies offer: IANA's registry, and NTLM.
const REGISTERED: [&str; 12] = [
    "Bearer",
    "Digest",
    "NTLM",
    "OAuth",
    "HOBA",
    "Mutual",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "vapid",
    "DPoP",
    "GNAP",
    "PrivateToken",
];

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn challenges(mut self) -> Result<Vec<Challenge>> {
        let mut found = Vec::new();
        loop {
            self.skip(|c| is_space(c) || c == ',');
            if self.rest.is_empty() {
                return Ok(found);
            }
            if found.len() >= MAX_CHALLENGES {
                return Err(malformed("too many challenges"));
            }
            found.push(self.challenge()?);
        }
    }

    fn challenge(&mut self) -> Result<Challenge> {
        // The certificate profile's scheme is an address: `:` and `/` are no token characters, but
        // nothing else that is legal starts like it.
        let scheme = self.take(|c| is_token(c) || c == ':' || c == '/');
        if scheme.is_empty() {
            return Err(malformed("scheme missing"));
        }
        let mut challenge = Challenge { scheme: scheme.to_owned(), token68: None, parameters: Vec::new() };
        let spaces = self.skip(is_space);
        if self.at_end_of_element() {
            return Ok(challenge);
        }
        if spaces == 0 {
            return Err(malformed("scheme followed by something else"));
        }
        challenge.token68 = self.token68().map(str::to_owned);
        if challenge.token68.is_none() {
            challenge.parameters = self.parameters()?;
        }
        match self.at_end_of_element() {
            true => Ok(challenge),
            false => Err(malformed("text after a challenge")),
        }
    }

    /// Takes a token68 if what is next is one, and nothing but a comma or the end follows.
    fn token68(&mut self) -> Option<&'a str> {
        let mut ahead = Cursor { rest: self.rest };
        let body = ahead.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        let padding = ahead.take(|c| c == '=');
        ahead.skip(is_space);
        if body.is_empty() || !ahead.at_end_of_element() {
            return None;
        }
        let text = &self.rest[..body.len() + padding.len()];
        self.rest = ahead.rest;
        Some(text)
    }

    fn parameters(&mut self) -> Result<Vec<(String, String)>> {
        let mut parameters = Vec::new();
        while let Some(parameter) = self.parameter()? {
            if parameters.len() >= MAX_PARAMETERS {
                return Err(malformed("too many parameters"));
            }
            parameters.push(parameter);
            let mut ahead = Cursor { rest: self.rest };
            ahead.skip(|c| is_space(c) || c == ',');
            if !ahead.is_parameter() {
                break;
            }
            self.rest = ahead.rest;
        }
        match parameters.is_empty() {
            true => Err(malformed("neither token nor parameter after the scheme")),
            false => Ok(parameters),
        }
    }

    fn parameter(&mut self) -> Result<Option<(String, String)>> {
        if !self.is_parameter() {
            return Ok(None);
        }
        let name = self.take(is_token).to_ascii_lowercase();
        self.skip(is_space);
        self.skip_one('=');
        self.skip(is_space);
        let value = match self.skip_one('"') {
            true => self.quoted()?,
            false => self.take(is_token).to_owned(),
        };
        self.skip(is_space);
        Ok(Some((name, value)))
    }

    fn is_parameter(&self) -> bool {
        let mut ahead = Cursor { rest: self.rest };
        let name = ahead.take(is_token);
        ahead.skip(is_space);
        !name.is_empty() && ahead.rest.starts_with('=')
    }

    fn quoted(&mut self) -> Result<String> {
        let mut value = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next() {
                Some('"') => break,
                Some('\\') => value.push(characters.next().ok_or(malformed("quoted string without end"))?),
                Some(other) => value.push(other),
                None => return Err(malformed("quoted string without end")),
            }
        }
        self.rest = characters.as_str();
        Ok(value)
    }

    fn at_end_of_element(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with(',')
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) -> usize {
        self.take(unwanted).len()
    }

    fn skip_one(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// `tchar`, [RFC 9110] section 5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn malformed(reason: &'static str) -> Error {
    Error::Malformed { what: "authentication header", reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Certificate, certificate};
    use super::*;

    fn schemes(lines: &[&str]) -> Vec<String> {
        let offers = Offers::parse(lines.iter().copied()).unwrap();
        offers.challenges.into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn offers_come_in_lines_or_in_a_list() {
        assert_eq!(schemes(&["Negotiate", "Kerberos"]), ["Negotiate", "Kerberos"]);
        assert_eq!(schemes(&["Negotiate, Kerberos, CredSSP"]), ["Negotiate", "Kerberos", "CredSSP"]);
        assert_eq!(
            schemes(&["Basic realm=\"WSMAN\", Negotiate", "Kerberos"]),
            ["Basic", "Negotiate", "Kerberos"]
        );
        assert_eq!(schemes(&[" , Negotiate ,, Kerberos ,"]), ["Negotiate", "Kerberos"]);
        assert_eq!(schemes(&[]), [""; 0]);
    }

    #[test]
    fn a_quoted_realm_may_hold_commas_and_quotes() {
        let line = r#"Digest realm="a, \"b\" = c", nonce=xyz , qop = "auth", Negotiate YII="#;
        let offers = Offers::parse([line]).unwrap();
        assert_eq!(offers.challenges().len(), 2);
        assert_eq!(offers.challenges()[0].parameter("realm"), Some(r#"a, "b" = c"#));
        assert_eq!(offers.challenges()[0].parameter("qop"), Some("auth"));
        assert_eq!(offers.challenges()[1].token68.as_deref(), Some("YII="));
    }

    #[test]
    fn a_token_is_read_in_any_case_of_the_scheme() {
        let offers = Offers::parse(["Basic realm=\"WSMAN\"", "NEGOTIATE  AQID"]).unwrap();
        assert_eq!(offers.token(Scheme::Negotiate).unwrap().unwrap().as_bytes(), [1, 2, 3]);
        assert_eq!(offers.token(Scheme::Kerberos).unwrap(), None);
        assert_eq!(offers.token(Scheme::Basic).unwrap(), None);
    }

    #[test]
    fn a_bare_offer_before_the_token_does_not_hide_it() {
        let offers = Offers::parse(["Negotiate", "Negotiate AQID"]).unwrap();
        assert!(offers.token(Scheme::Negotiate).unwrap().is_some());
    }

    #[test]
    fn a_token_that_is_not_base64_is_refused() {
        for bad in ["Negotiate AQI", "Negotiate AQJ=", "Negotiate A-_D"] {
            let offers = Offers::parse([bad]).unwrap();
            assert!(offers.token(Scheme::Negotiate).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_choice_follows_our_order_and_names_what_was_offered() {
        let offers = Offers::parse(["Kerberos, Negotiate, Basic realm=x"]).unwrap();
        assert_eq!(offers.choose(&Scheme::PREFERENCE).unwrap(), Scheme::Negotiate);
        let basic = Offers::parse(["Basic realm=x, Digest realm=y"]).unwrap();
        assert_eq!(
            basic.choose(&Scheme::PREFERENCE),
            Err(Error::NotOffered { offered: "Basic, Digest".into() })
        );
    }

    #[test]
    fn what_we_write_we_read() {
        let token = Token::new(vec![0, 255, 7, 8]);
        let value = header_value(Scheme::Negotiate, Some(&token));
        assert_eq!(value.expose(), "Negotiate AP8HCA==");
        let offers = Offers::parse([value.expose().as_str()]).unwrap();
        assert_eq!(offers.token(Scheme::Negotiate).unwrap(), Some(token));
    }

    #[test]
    fn the_certificate_profile_is_a_scheme_too() {
        let value = header_value(Scheme::Certificate, None);
        assert_eq!(value.expose(), certificate::SCHEME);
        assert_eq!(read_authorization(value.expose(), &Certificate).unwrap(), None);
        assert!(read_authorization("Basic eDp5", &Certificate).is_err());
    }

    #[test]
    fn neither_debug_nor_the_names_show_a_token() {
        for line in ["Negotiate c2VjcmV0", "c2VjcmV0", "c2VjcmV0 realm=x"] {
            let offers = Offers::parse([line]).unwrap();
            assert!(!format!("{offers:?} {offers}").contains("c2VjcmV0"));
        }
        let offers = Offers::parse(["negotiate, NTLM, digest realm=x, c2VjcmV0"]).unwrap();
        assert_eq!(offers.to_string(), "Negotiate, NTLM, Digest, an unknown scheme");
    }

    #[test]
    fn endless_lists_are_refused() {
        assert!(Offers::parse(["a,".repeat(1000).as_str()]).is_err());
        assert!(Offers::parse(["x".repeat(MAX_LINE + 1).as_str()]).is_err());
    }

    proptest! {
        #[test]
        fn any_line_never_panics(line in "\\PC*") {
            let _ = Offers::parse([line.as_str()]);
        }

        #[test]
        fn any_line_of_its_own_alphabet_never_panics(line in "[a-zB,=\" \\\\\t/+]{0,60}") {
            if let Ok(offers) = Offers::parse([line.as_str()]) {
                let _ = offers.token(Scheme::Basic);
            }
        }

        #[test]
        fn any_token_reads_back(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            let value = header_value(Scheme::Kerberos, Some(&Token::new(bytes.clone())));
            let offers = Offers::parse([value.expose().as_str()]).unwrap();
            let token = offers.token(Scheme::Kerberos).unwrap().unwrap();
            prop_assert_eq!(token.as_bytes(), &bytes[..]);
        }
    }
}
