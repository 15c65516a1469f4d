use std::fmt;
use std::time::Duration;

use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};

use super::Fate;
use super::sent::Sent;
use crate::auth::{self, http::Offers};

/// What the host said to one request, opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status. A SOAP fault comes with 500: the body decides, not the status.
    pub status: u16,
    /// The content type of the message itself, inside its seal; empty where there is no body.
    pub content_type: String,
    /// The message.
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the character set the content type names.
    pub fn charset(&self) -> Option<&str> {
        self.content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        })
    }
}

impl fmt::Debug for Reply {
    /// Bodies are shown by their length only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} {:?}, {} bytes)", self.status, self.content_type, self.body.len())
    }
}

/// An HTTP answer that is not a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it means here.
    pub problem: Problem,
    /// What became of the request.
    pub fate: Fate,
}

/// What an answer that is not a reply means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The service is elsewhere, it says. Credentials are not taken there.
    Redirect {
        /// Where.
        location: String,
    },
    /// 401 to a question that was asked without a login.
    LoginWanted {
        /// What the host offers, in its own words; empty where it said nothing.
        offered: String,
    },
    /// 400.
    BadRequest,
    /// 403: a client certificate that does not do, or a proxy or filter in between.
    Forbidden,
    /// 404: nothing listens on that path.
    NotFound,
    /// 407 from where the host should be: a proxy sits in between unasked.
    ProxyLogin,
    /// 413: the request is larger than MaxEnvelopeSizekb, or than HTTP takes.
    TooLarge,
    /// 415.
    MediaType,
    /// 503, and what else says "later": 408, 425, 429, 502, 504.
    Unavailable {
        /// When to come back, if it said.
        retry_after: Option<Duration>,
    },
    /// A server error without a word. WinRM says so where it could not read the body at all: not sealed
    /// where it must be, or sealed with other keys, or too large for the sealed channel.
    EmptyFailure,
    /// A body that is not SOAP: the page of a proxy, or of another server.
    NotSoap {
        /// What it says it is.
        content_type: String,
        /// How it begins, made harmless; empty where the password was sent, which it may repeat.
        excerpt: String,
    },
    /// A compressed body, though none was asked for.
    Encoded {
        /// The coding.
        encoding: String,
    },
    /// A clear answer to a sealed request: not from whom we logged in to, or somebody took the seal off.
    Clear,
    /// Any other status.
    Other,
}

impl Answer {
    /// Says that the same may well succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.problem, Problem::Unavailable { .. })
    }

    /// Returns what to look at, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.problem {
            Problem::Redirect { .. } => "name the new address if you trust it; credentials are not sent on",
            Problem::LoginWanted { .. } => {
                "somebody there wants a login: ask with one; only Windows answers Identify without"
            }
            Problem::Forbidden => {
                "the host or something in between refuses us: a client certificate must be mapped and be \
                 asked for in the first handshake; for other logins look at filters and proxies"
            }
            Problem::NotFound => "is the path right, and is it WinRM that listens there?",
            Problem::ProxyLogin => "a proxy stands in between and wants a login: name it as the proxy",
            Problem::TooLarge => "the request is larger than the host takes: see MaxEnvelopeSizekb",
            Problem::MediaType => "the host does not take this kind of body: is it WinRM that listens there?",
            Problem::Unavailable { .. } => "the service is starting, stopping or has too much to do",
            Problem::EmptyFailure => {
                "the host could not read the body: is sealing taken off in between, or is the request too \
                 large for it (MaxEnvelopeSizekb)?"
            }
            Problem::NotSoap { .. } => "something other than WinRM answered: a proxy, or another server",
            Problem::Encoded { .. } => "something in between compresses what must stay as it is",
            Problem::Clear => "something in between answered, or took the seal off: do not trust it",
            Problem::BadRequest | Problem::Other => return None,
        })
    }

    /// Reads what the status means, of an answer whose body is not a message. Nothing of it repeats what was
    /// sent.
    pub(super) fn new(head: &Head, body: &[u8], sent: &Sent) -> Self {
        let problem = match head.status {
            300..=399 => Problem::Redirect { location: location(head.text(LOCATION), sent) },
            400 => Problem::BadRequest,
            403 => Problem::Forbidden,
            404 => Problem::NotFound,
            407 => Problem::ProxyLogin,
            413 => Problem::TooLarge,
            415 => Problem::MediaType,
            408 | 425 | 429 | 502 | 503 | 504 => Problem::Unavailable { retry_after: head.retry_after() },
            500 if body.is_empty() => Problem::EmptyFailure,
            _ if !body.is_empty() => Problem::NotSoap {
                content_type: sent.redact(harmless(head.content_type(), MAX_EXCERPT)),
                excerpt: if sent.is_password() { String::new() } else { sent.redact(excerpt(body)) },
            },
            _ => Problem::Other,
        };
        // Refused by the HTTP layer, before any of it was read as a request to do something.
        let unread = matches!(head.status, 300..=399 | 401 | 403 | 404 | 407 | 413 | 415);
        let fate = if unread { Fate::NotSent } else { Fate::Unknown };
        Self { status: head.status, problem, fate }
    }

    pub(super) fn encoded(head: &Head, encoding: &str, sent: &Sent) -> Self {
        let problem = Problem::Encoded { encoding: sent.redact(harmless(encoding, MAX_EXCERPT)) };
        Self { status: head.status, problem, fate: Fate::Unknown }
    }

    pub(super) fn clear(head: &Head) -> Self {
        Self { status: head.status, problem: Problem::Clear, fate: Fate::Unknown }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host answered {}", self.status)?;
        match &self.problem {
            Problem::Redirect { location } => write!(f, ": moved to {location}"),
            Problem::LoginWanted { offered } if offered.is_empty() => f.write_str(": wants a login"),
            Problem::LoginWanted { offered } => write!(f, ": wants a login ({offered})"),
            Problem::BadRequest => f.write_str(": bad request"),
            Problem::Forbidden => f.write_str(": forbidden"),
            Problem::NotFound => f.write_str(": nothing there"),
            Problem::ProxyLogin => f.write_str(": a proxy wants a login"),
            Problem::TooLarge => f.write_str(": request too large"),
            Problem::MediaType => f.write_str(": content type not taken"),
            Problem::Unavailable { retry_after: Some(after) } => write!(f, ": come back in {after:?}"),
            Problem::Unavailable { retry_after: None } => f.write_str(": come back later"),
            Problem::EmptyFailure => f.write_str(" without a word"),
            Problem::NotSoap { content_type, excerpt } if excerpt.is_empty() => {
                write!(f, " with something other than SOAP ({content_type})")
            }
            Problem::NotSoap { content_type, excerpt } => {
                write!(f, " with something other than SOAP ({content_type}): {excerpt}")
            }
            Problem::Encoded { encoding } => write!(f, " with a body compressed by {encoding}"),
            Problem::Clear => f.write_str(" in clear to a sealed request"),
            Problem::Other => Ok(()),
        }
    }
}

/// Status and headers of an answer.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
}

impl Head {
    pub(super) fn text(&self, name: HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn content_type(&self) -> &str {
        self.text(CONTENT_TYPE)
    }

    /// Returns the coding of the body, if it has one.
    pub(super) fn encoding(&self) -> Option<&str> {
        let encoding = self.headers.get(CONTENT_ENCODING)?.to_str().unwrap_or("unreadable").trim();
        (!encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity")).then_some(encoding)
    }

    pub(super) fn offers(&self) -> auth::Result<Offers> {
        let lines = self.headers.get_all(WWW_AUTHENTICATE).iter();
        Offers::parse(lines.map(|line| line.to_str().unwrap_or_default()))
    }

    /// Returns the names of the schemes offered.
    pub(super) fn offered(&self) -> String {
        self.offers().map_or_else(|_| "something unreadable".to_owned(), |offers| offered(&offers))
    }

    fn retry_after(&self) -> Option<Duration> {
        self.text(RETRY_AFTER).trim().parse().ok().map(Duration::from_secs)
    }
}

/// Returns the names of the schemes offered; empty where there are none.
pub(super) fn offered(offers: &Offers) -> String {
    match offers.challenges().is_empty() {
        true => String::new(),
        false => offers.to_string(),
    }
}

/// Says whether a body of that type can be a SOAP message.
pub(super) fn is_soap(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["application/soap+xml", "text/xml", "application/xml"].iter().any(|soap| kind.eq_ignore_ascii_case(soap))
}

/// Returns the text without what steers a terminal, and no longer than that.
pub(super) fn harmless(text: &str, longest: usize) -> String {
    let visible = text.chars().map(|c| if steers(c) { ' ' } else { c });
    let mut short: String = visible.take(longest).collect();
    if text.chars().nth(longest).is_some() {
        short.push('…');
    }
    short
}

/// Control characters, and those of format: marks that are not seen, or turn the text around.
fn steers(c: char) -> bool {
    let format = '\u{200b}'..='\u{200f}';
    let direction = '\u{2028}'..='\u{202e}';
    let more = '\u{2060}'..='\u{206f}';
    let alone = ['\u{ad}', '\u{61c}', '\u{feff}'];
    c.is_control() || format.contains(&c) || direction.contains(&c) || more.contains(&c) || alone.contains(&c)
}

/// Returns where a redirect leads; where the password was sent, without the parts of an address that may
/// hold it in any spelling.
fn location(text: &str, sent: &Sent) -> String {
    let text = match sent.is_password() {
        true if text.contains('@') => "somewhere with a user in its address",
        true => text.split(['?', '#']).next().unwrap_or_default(),
        false => text,
    };
    sent.redact(harmless(text, MAX_LOCATION))
}

const MAX_EXCERPT: usize = 160;
const MAX_LOCATION: usize = 1024;
/// Words longer than this are no words; a page may repeat the token it was sent.
const MAX_WORD: usize = 40;

/// Returns the beginning of a page: its text without markup, one space between words.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let mut plain = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                plain.push(' ');
            }
            _ if inside => {}
            c => plain.push(if steers(c) || c == '\u{fffd}' { ' ' } else { c }),
        }
    }
    let words = plain.split_whitespace().map(|word| if word.len() > MAX_WORD { "…" } else { word });
    harmless(&words.collect::<Vec<_>>().join(" "), MAX_EXCERPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_text_without_markup_control_characters_or_tokens() {
        let page = format!("<html><h1>Access\x1b[31m\r\ndenied</h1> by {} proxy", "YII".repeat(20));
        assert_eq!(excerpt(page.as_bytes()), "Access [31m denied by … proxy");
        assert_eq!(excerpt("word ".repeat(1000).as_bytes()).chars().count(), MAX_EXCERPT + 1);
        assert_eq!(excerpt(b"\xff\xfe\x00"), "");
        // Text that turns around, or hides, on a terminal.
        assert_eq!(excerpt("ok\u{202e}drowssap\u{200b} \u{2066}x".as_bytes()), "ok drowssap x");
    }

    #[test]
    fn the_character_set_is_read_quoted_or_not() {
        for (content_type, charset) in [
            ("application/soap+xml;charset=UTF-8", Some("UTF-8")),
            ("application/soap+xml; action=x; Charset=\"utf-16\"", Some("utf-16")),
            ("application/soap+xml", None),
        ] {
            let reply = Reply { status: 200, content_type: content_type.into(), body: Vec::new() };
            assert_eq!(reply.charset(), charset);
        }
    }
}
