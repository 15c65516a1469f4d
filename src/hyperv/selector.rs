use super::Guid;

/// A machine or a group as a person names it: by GUID, by name, or by a pattern where several make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Its identifier.
    Id(Guid),
    /// Its name, exactly but for case.
    Name(String),
    /// A pattern with `*` and `?`.
    Glob(String),
}

impl Selector {
    /// Reads what a person wrote. What has the shape of a GUID is one.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(guid) => Self::Id(guid),
            Err(_) if text.contains(['*', '?']) => Self::Glob(text.to_owned()),
            Err(_) => Self::Name(text.to_owned()),
        }
    }

    /// Says whether a machine or group of that identifier and name is meant.
    pub fn matches(&self, id: &Guid, name: &str) -> bool {
        match self {
            Self::Id(wanted) => wanted == id,
            Self::Name(wanted) => fold(wanted) == fold(name),
            Self::Glob(pattern) => glob(&fold(pattern), &fold(name)),
        }
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(guid) => guid.fmt(f),
            Self::Name(text) | Self::Glob(text) => f.write_str(text),
        }
    }
}

/// WMI compares without regard to case.
fn fold(text: &str) -> Vec<char> {
    text.to_lowercase().chars().collect()
}

/// Each star remembers where to try again; with one memory that is linear but for the worst patterns, and
/// never more than pattern times text.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(character) if *character == '?' || *character == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, matched)) => {
                    retry = Some((star, matched + 1));
                    p = star + 1;
                    t = matched + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "3F2C9A10-6B7E-4C55-9E1D-0A4B8C7D2E91";

    fn matches(selector: &str, name: &str) -> bool {
        Selector::parse(selector).matches(&ID.parse().unwrap(), name)
    }

    #[test]
    fn names_match_whole_and_without_regard_to_case() {
        assert!(matches("WEB01", "web01"));
        assert!(matches("Straße", "STRAßE"));
        assert!(!matches("web0", "web01"));
        assert!(!matches("web01", "web01 "));
    }

    #[test]
    fn a_guid_matches_the_identifier_and_never_a_name() {
        assert!(matches(&ID.to_lowercase(), "anything"));
        let other: Guid = "7B1D04E2-91C3-4F0A-8A65-5C2E9D3B7F44".parse().unwrap();
        assert!(!Selector::parse(ID).matches(&other, ID));
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("web*", "web01", true),
            ("*01", "web01", true),
            ("w?b01", "WEB01", true),
            ("w*b*1", "web01", true),
            ("*", "", true),
            ("?", "", false),
            ("web?", "web01", false),
            ("*a*b", "xaxbxb", true),
            ("*a*c", "xaxbxb", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        /// Against the definition, written as recursion.
        #[test]
        fn patterns_match_what_their_definition_says(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            fn defined(pattern: &[char], text: &[char]) -> bool {
                match (pattern, text) {
                    ([], []) => true,
                    (['*', rest @ ..], _) => {
                        defined(rest, text) || (!text.is_empty() && defined(pattern, &text[1..]))
                    }
                    ([p, rest @ ..], [t, tail @ ..]) => (*p == '?' || p == t) && defined(rest, tail),
                    _ => false,
                }
            }
            let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            prop_assert_eq!(glob(&pattern, &name), defined(&pattern, &name));
        }
    }
}
