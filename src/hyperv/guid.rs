use std::fmt;
use std::str::FromStr;

/// The identifier of a machine, a group, a point, a job: upper case and without braces, as Hyper-V writes it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(String);

/// A text that is no GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a GUID")]
pub struct NoGuid;

impl Guid {
    /// Returns it as Hyper-V writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the one of nothing, `00000000-0000-0000-0000-000000000000`.
    pub fn nil() -> Self {
        Self("00000000-0000-0000-0000-000000000000".to_owned())
    }

    /// Returns the last GUID within a text: identifiers of points hold that of the machine first, where they
    /// hold it at all.
    pub fn last_in(text: &str) -> Option<Self> {
        (0..=text.len().checked_sub(LENGTH)?).rev().find_map(|start| {
            let alone = |at: Option<u8>| !at.is_some_and(|byte| byte.is_ascii_hexdigit());
            let bytes = text.as_bytes();
            let before = start.checked_sub(1).and_then(|at| bytes.get(at).copied());
            let after = bytes.get(start + LENGTH).copied();
            let guid = text.get(start..start + LENGTH)?.parse().ok()?;
            (alone(before) && alone(after)).then_some(guid)
        })
    }
}

impl FromStr for Guid {
    type Err = NoGuid;

    fn from_str(text: &str) -> Result<Self, NoGuid> {
        let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        let shaped = bare.len() == LENGTH
            && bare.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if shaped { Ok(Self(bare.to_ascii_uppercase())) } else { Err(NoGuid) }
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const LENGTH: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    const WEB01: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";
    const POINT: &str = "A0E4C1D7-2F58-4B93-8C16-7D5E90B1A2F3";

    #[test]
    fn braces_and_case_do_not_count() {
        for text in [WEB01, &WEB01.to_lowercase(), &format!("{{{WEB01}}}")] {
            assert_eq!(text.parse::<Guid>().unwrap().as_str(), WEB01);
        }
    }

    #[test]
    fn what_is_nearly_a_guid_is_none() {
        for text in
            ["", "web01", &WEB01[1..], &format!("{WEB01}0"), &format!("{{{WEB01}"), &WEB01.replace('-', "_")]
        {
            assert_eq!(text.parse::<Guid>(), Err(NoGuid), "{text}");
        }
        assert_eq!("ä-------------------------------------".get(..36).unwrap().parse::<Guid>(), Err(NoGuid));
    }

    #[test]
    fn the_last_guid_of_a_points_identifier_is_its_own() {
        let last = |text: &str| Guid::last_in(text).map(|guid| guid.to_string());
        assert_eq!(last(&format!(r"Microsoft:{WEB01}\{POINT}")).as_deref(), Some(POINT));
        assert_eq!(last(&format!("Microsoft:{POINT}")).as_deref(), Some(POINT));
        assert_eq!(last(&format!("Microsoft:0{POINT}")), None);
        assert_eq!(last(&format!("Microsoft:{POINT}0")), None);
        assert_eq!(last("ポイント"), None);
        assert_eq!(last(""), None);
    }
}
