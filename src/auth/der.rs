//! Distinguished Encoding Rules, as strictly as SPNEGO and certificates write them: definite, minimal
//! lengths and low tag numbers.

use super::{Error, Result};

pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const GENERAL_STRING: u8 = 0x1b;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// `[number]` of a constructed, context-specific field.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// A cursor over encoded values. It borrows, so nothing is allocated on behalf of a length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Reads the value with that tag.
    pub(super) fn read(&mut self, tag: u8) -> Result<&'a [u8]> {
        match self.peek() {
            Some(found) if found == tag => Ok(self.any()?.1),
            Some(_) => Err(malformed("unexpected tag")),
            None => Err(malformed("value missing")),
        }
    }

    /// Reads the value with that tag if it is next.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>> {
        match self.peek() == Some(tag) {
            true => self.read(tag).map(Some),
            false => Ok(None),
        }
    }

    /// Reads a value inside an explicit `[number]`, if that is next.
    pub(super) fn explicit(&mut self, number: u8, tag: u8) -> Result<Option<&'a [u8]>> {
        let Some(field) = self.optional(context(number))? else { return Ok(None) };
        let mut inner = Reader::new(field);
        let value = inner.read(tag)?;
        inner.finish()?;
        Ok(Some(value))
    }

    /// Returns the content of `[number]` without moving, empty if that is not next.
    pub(super) fn peek_field(mut self, number: u8) -> Result<&'a [u8]> {
        Ok(self.optional(context(number))?.unwrap_or_default())
    }

    /// Reads whatever is next: tag and content.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8])> {
        let (&tag, rest) = self.rest.split_first().ok_or(malformed("value missing"))?;
        if tag & 0x1f == 0x1f {
            return Err(malformed("tag number above 30"));
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length).ok_or(malformed("length beyond the end"))?;
        self.rest = rest;
        Ok((tag, content))
    }

    /// Ends the reading: bytes left over are an error.
    pub(super) fn finish(self) -> Result<()> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(malformed("bytes after the end")),
        }
    }
}

/// Writes one value.
pub(super) fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match content.len() {
        short @ 0..=0x7f => out.push(short as u8),
        long => {
            let bytes = (long as u64).to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (bytes.len() - zeros) as u8);
            out.extend_from_slice(&bytes[zeros..]);
        }
    }
    out.extend_from_slice(content);
    out
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first().ok_or(malformed("length missing"))?;
    if first < 0x80 {
        return Ok((first.into(), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(malformed("indefinite or oversized length"));
    }
    let (digits, rest) = rest.split_at_checked(count).ok_or(malformed("length missing"))?;
    let length = digits.iter().fold(0u64, |sum, digit| sum << 8 | u64::from(*digit));
    if digits[0] == 0 || length < 0x80 {
        return Err(malformed("length not minimal"));
    }
    let length = usize::try_from(length).map_err(|_| malformed("length beyond the end"))?;
    Ok((length, rest))
}

fn malformed(reason: &'static str) -> Error {
    Error::Malformed { what: "DER", reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_minimal_on_both_sides() {
        assert_eq!(value(OCTET_STRING, &[7; 0x7f])[..2], [4, 0x7f]);
        assert_eq!(value(OCTET_STRING, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(value(OCTET_STRING, &[7; 0x100])[..4], [4, 0x82, 1, 0]);
        for bad in [&[4, 0x81, 0x7f][..], &[4, 0x82, 0, 0x80], &[4, 0x80, 0, 0], &[4, 0x85, 1, 1, 1, 1, 1]] {
            let mut padded = bad.to_vec();
            padded.resize(0x200, 0);
            assert!(Reader::new(&padded).any().is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn high_tag_numbers_are_refused() {
        assert!(Reader::new(&[0x1f, 0x81, 0x01, 0x00]).any().is_err());
    }

    proptest! {
        #[test]
        fn a_value_reads_back(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let encoded = value(OCTET_STRING, &content);
            let mut reader = Reader::new(&encoded);
            prop_assert_eq!(reader.read(OCTET_STRING).unwrap(), &content[..]);
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() && reader.any().is_ok() {}
        }
    }
}
