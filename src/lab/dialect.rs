//! How answers are spelled: as Windows does, or as other servers do.

use std::borrow::Cow;

use serde::Deserialize;

/// A spelling of answers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// The encoding; without, that of the request.
    pub encoding: Option<Encoding>,
    /// Whether a byte-order mark goes in front of UTF-8.
    pub byte_order_mark: bool,
    /// Whether answers come in chunks, without their length.
    pub chunked: bool,
}

/// An encoding of Unicode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, little-endian.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, big-endian.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

impl Dialect {
    /// Returns the bytes of an envelope in this spelling, in answer to a request in UTF-8.
    pub fn respell(&self, envelope: &str) -> Vec<u8> {
        self.encode(&self.spell(envelope), Encoding::Utf8)
    }

    /// Returns the same envelope in this spelling.
    pub(super) fn spell<'t>(&self, envelope: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(envelope)
    }

    /// Returns the encoding of an answer to a request in another.
    pub(super) fn encoding_for(&self, asked: Encoding) -> Encoding {
        self.encoding.unwrap_or(asked)
    }

    /// Returns the bytes of a text. UTF-16 goes with its byte-order mark, as Windows sends it.
    pub(super) fn encode(&self, text: &str, asked: Encoding) -> Vec<u8> {
        let units = |order: fn(u16) -> [u8; 2]| {
            std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(order).collect()
        };
        match self.encoding_for(asked) {
            Encoding::Utf8 if self.byte_order_mark => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Encoding::Utf8 => text.as_bytes().to_vec(),
            Encoding::Utf16Le => units(u16::to_le_bytes),
            Encoding::Utf16Be => units(u16::to_be_bytes),
        }
    }
}

impl Encoding {
    /// Returns the value of `charset` under which Windows sends it.
    pub(super) fn charset(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le | Self::Utf16Be => "UTF-16",
        }
    }
}
