//! Bytes to text: UTF-8 and UTF-16, by byte-order mark, charset parameter or first bytes.

use std::borrow::Cow;

use super::error::{Error, Problem};

/// A charset that WinRM services use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, and with it US-ASCII.
    Utf8,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
}

impl Charset {
    /// Returns the charset that a `charset` parameter names; `UTF-16` alone leaves the order open, and
    /// Windows then means little-endian (MS-WSMV 2.2.9.1).
    pub fn named(label: &str) -> Result<Self, Error> {
        let label = unquoted(label);
        match label.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(Self::Utf8),
            "utf-16" | "utf16" | "utf-16le" => Ok(Self::Utf16Le),
            "utf-16be" => Ok(Self::Utf16Be),
            _ => Err(Error::new(0, Problem::UnsupportedCharset(label.to_owned()))),
        }
    }

    /// Returns the charset that the first bytes of a document give away.
    fn sniffed(bytes: &[u8]) -> Option<(Self, usize)> {
        match bytes {
            [0xEF, 0xBB, 0xBF, ..] => Some((Self::Utf8, 3)),
            [0xFF, 0xFE, ..] => Some((Self::Utf16Le, 2)),
            [0xFE, 0xFF, ..] => Some((Self::Utf16Be, 2)),
            [b'<', 0, ..] => Some((Self::Utf16Le, 0)),
            [0, b'<', ..] => Some((Self::Utf16Be, 0)),
            _ => None,
        }
    }
}

/// Returns the text of a message body, without its byte-order mark.
///
/// What the bytes themselves say (a byte-order mark, or a `<` in two bytes) outranks the charset
/// parameter, because that is what a host that contradicts itself most likely sent.
pub fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, Error> {
    // A parameter without a value says nothing.
    let charset = charset.filter(|label| !unquoted(label).is_empty());
    let (charset, mark) = match (Charset::sniffed(bytes), charset) {
        (Some(found), _) => found,
        (None, Some(label)) => (Charset::named(label)?, 0),
        (None, None) => (Charset::Utf8, 0),
    };
    let content = &bytes[mark..];
    match charset {
        Charset::Utf8 => std::str::from_utf8(content)
            .map(Cow::Borrowed)
            .map_err(|error| Error::new(mark + error.valid_up_to(), Problem::Encoding("UTF-8"))),
        Charset::Utf16Le => decode_utf16(content, mark, u16::from_le_bytes).map(Cow::Owned),
        Charset::Utf16Be => decode_utf16(content, mark, u16::from_be_bytes).map(Cow::Owned),
    }
}

/// Returns a parameter's value without its quotes; single ones are not HTTP's, but senders use them.
fn unquoted(label: &str) -> &str {
    label.trim().trim_matches(['"', '\'']).trim()
}

fn decode_utf16(content: &[u8], mark: usize, unit: fn([u8; 2]) -> u16) -> Result<String, Error> {
    let pairs = content.chunks_exact(2);
    if let [_] = pairs.remainder() {
        return Err(Error::new(mark + content.len() - 1, Problem::Encoding("UTF-16")));
    }
    let mut text = String::with_capacity(content.len() / 2);
    let mut units_read = 0;
    for decoded in char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]]))) {
        let c = decoded.map_err(|_| Error::new(mark + 2 * units_read, Problem::Encoding("UTF-16")))?;
        units_read += c.len_utf16();
        text.push(c);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(order).collect()
    }

    #[test]
    fn every_spelling_of_one_text_decodes_to_it() {
        let text = "<a>Prüfung 試験 🎌</a>";
        let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
        for (bytes, charset) in [
            (text.as_bytes().to_vec(), None),
            (text.as_bytes().to_vec(), Some("UTF-8")),
            (marked, Some("utf-16")),
            (utf16(text, u16::to_le_bytes, true), None),
            (utf16(text, u16::to_be_bytes, true), Some("UTF-16")),
            (utf16(text, u16::to_le_bytes, false), Some("UTF-16")),
            (utf16(text, u16::to_le_bytes, false), None),
            (utf16(text, u16::to_be_bytes, false), None),
            (utf16(text, u16::to_be_bytes, false), Some("\"UTF-16BE\"")),
            (text.as_bytes().to_vec(), Some("'utf-8'")),
        ] {
            assert_eq!(decode(&bytes, charset).unwrap(), text, "{charset:?}");
        }
    }

    #[test]
    fn a_charset_without_a_value_is_no_charset() {
        for label in ["", " ", "\"\"", "''"] {
            assert_eq!(decode("<a>é</a>".as_bytes(), Some(label)).unwrap(), "<a>é</a>", "{label:?}");
        }
    }

    #[test]
    fn broken_bytes_are_refused_where_they_break() {
        let at = |bytes: &[u8]| decode(bytes, None).unwrap_err().offset;
        assert_eq!(at(b"<a>\xFF</a>"), 3);
        assert_eq!(at(b"\xEF\xBB\xBF<a>\xC3</a>"), 6);
        assert_eq!(at(b"\xFF\xFE<\0a\0>"), 6, "half a unit at the end");
        assert_eq!(at(b"\xFF\xFE<\0\0\xD8a\0"), 4, "a lone surrogate");
    }

    #[test]
    fn a_foreign_charset_is_named_in_the_refusal() {
        let error = decode(b"<a/>", Some("ISO-8859-1")).unwrap_err();
        assert_eq!(error.problem, Problem::UnsupportedCharset("ISO-8859-1".to_owned()));
    }
}
