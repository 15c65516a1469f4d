use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use zeroize::Zeroizing;

/// The secrets of a request that has just left: whoever answers it may repeat them, and what we say of his
/// answer must not.
#[derive(Default)]
pub(super) struct Sent {
    words: Vec<Zeroizing<String>>,
    is_password: bool,
}

impl Sent {
    /// Takes them from the value of `Authorization`.
    pub(super) fn of(authorization: Option<&HeaderValue>) -> Self {
        let value = authorization.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((scheme, token)) = value.split_once(' ') else { return Self::default() };
        let mut words = vec![Zeroizing::new(token.trim_end_matches('=').to_owned())];
        let is_password = scheme.eq_ignore_ascii_case("Basic");
        if is_password {
            let decoded = Zeroizing::new(STANDARD.decode(token).unwrap_or_default());
            let password = decoded.iter().position(|byte| *byte == b':').map(|colon| &decoded[colon + 1..]);
            words.extend(password.map(|it| Zeroizing::new(String::from_utf8_lossy(it).into_owned())));
        }
        words.retain(|word| !word.is_empty());
        Self { words, is_password }
    }

    /// Says that the password itself has left: a page may spell it in more ways than can be looked for.
    pub(super) fn is_password(&self) -> bool {
        self.is_password
    }

    /// Returns the text, or nothing of it where it repeats what was sent.
    pub(super) fn redact(&self, text: String) -> String {
        let decoded = Zeroizing::new(percent_decoded(&text));
        let repeats = |word: &Zeroizing<String>| text.contains(&***word) || decoded.contains(&***word);
        if self.words.iter().any(repeats) { WITHHELD.to_owned() } else { text }
    }
}

/// Stands for a text that repeats a secret.
const WITHHELD: &str = "***";

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_a_secret_is_withheld_in_whatever_way_it_was_sent() {
        // mia:se cret/7
        let value = HeaderValue::from_static("Basic bWlhOnNlIGNyZXQvNw==");
        let sent = Sent::of(Some(&value));
        assert!(sent.is_password());
        for text in [
            "Basic bWlhOnNlIGNyZXQvNw==",
            "bWlhOnNlIGNyZXQvNw",
            "x/se cret/7",
            "/?p=se%20cret%2F7",
            "/%73e%20cret/7%",
        ] {
            assert_eq!(sent.redact(text.to_owned()), WITHHELD, "{text}");
        }
        assert_eq!(sent.redact("http://hv01/mia%2".into()), "http://hv01/mia%2");
    }

    #[test]
    fn a_token_is_withheld_and_nothing_where_nothing_was_sent() {
        let value = HeaderValue::from_static("Negotiate YII=");
        let sent = Sent::of(Some(&value));
        assert!(!sent.is_password());
        assert_eq!(sent.redact("<YII>".into()), WITHHELD);
        assert_eq!(Sent::of(None).redact("<YII>".into()), "<YII>");
        let empty = HeaderValue::from_static("Basic Og==");
        assert_eq!(Sent::of(Some(&empty)).redact("x".into()), "x");
    }
}
