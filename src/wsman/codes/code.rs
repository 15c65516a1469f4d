//! One row of a table of numbers, and how its tables are written and looked up.

/// Describes one number that a host may answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Code {
    /// The number as it is on the wire.
    pub number: u32,
    /// The stable name used in JSON and on the command line, such as `access-denied`; unique in its table.
    pub name: &'static str,
    /// The constant's name in the system headers, or empty where there is none.
    pub symbol: &'static str,
    /// What the number says.
    pub meaning: &'static str,
    /// What usually leads to it.
    pub cause: &'static str,
    /// What an administrator does next.
    pub advice: &'static str,
    /// Whether trying again can help.
    pub retry: Retry,
}

/// Says whether and how trying again can help.
///
/// This is a property of the code alone. A method call is never repeated because of it, unless the answer
/// proves that the method was not begun: see [`proves_not_started`](super::proves_not_started) for faults and
/// [`is_retryable`](super::is_retryable) for return values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Trying the same again gives the same answer, or there is nothing to repeat.
    Never,
    /// The condition passes: back off, then repeat what may be repeated.
    BackOff,
    /// The condition may pass: repeat once what may be repeated, then give up.
    Once,
    /// The operation may have been carried out: repeat it only if doing it twice does no harm.
    RepeatableOnly,
    /// A call that creates a reference point may be made again; any other call may not.
    CreateOnly,
    /// Nothing is known to have failed: ask again for the same thing, within the overall deadline.
    PollAgain,
    /// Log in once more, on a new connection.
    Reauthenticate,
}

/// Finds a number in a table that is sorted by number.
pub(super) fn find(table: &'static [Code], number: u32) -> Option<&'static Code> {
    let index = table.binary_search_by_key(&number, |code| code.number).ok()?;
    table.get(index)
}

/// Writes a table of [`Code`]s, one row as
/// `number "name" "symbol" Retry meaning "…" cause "…" advice "…";`.
macro_rules! codes {
    ($(
        $number:literal $name:literal $symbol:literal $retry:ident
        meaning $meaning:literal cause $cause:literal advice $advice:literal;
    )*) => {
        &[$($crate::wsman::codes::Code {
            number: $number,
            name: $name,
            symbol: $symbol,
            meaning: $meaning,
            cause: $cause,
            advice: $advice,
            retry: $crate::wsman::codes::Retry::$retry,
        }),*]
    };
}
pub(super) use codes;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Fails unless the table is sorted, unambiguous and complete in its texts.
    pub(in super::super) fn assert_sound(table: &[Code]) {
        let numbers: Vec<u32> = table.iter().map(|code| code.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "numbers are not sorted and unique");
        let mut names: Vec<&str> = table.iter().map(|code| code.name).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "a name appears twice in {names:?}");
        for code in table {
            assert_name(code.name);
            for text in [code.meaning, code.cause, code.advice] {
                assert_text(text);
            }
        }
    }

    /// Fails unless the name is in kebab case.
    pub(in super::super) fn assert_name(name: &str) {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(!name.is_empty() && name.chars().all(kebab), "{name} is not in kebab case");
        assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"), "{name}");
    }

    /// Fails unless the text is one or more whole sentences on one line.
    pub(in super::super) fn assert_text(text: &str) {
        assert!(text.ends_with(['.', '?']), "not a sentence: {text:?}");
        assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "not a sentence: {text:?}");
        assert!(!text.contains("  ") && !text.contains('\n'), "stray white space: {text:?}");
    }

    #[test]
    fn a_table_is_searched_by_number() {
        static TABLE: &[Code] = codes! {
            3 "three" "" Never meaning "Three." cause "Three." advice "Three.";
            7 "seven" "" BackOff meaning "Seven." cause "Seven." advice "Seven.";
        };
        assert_eq!(find(TABLE, 7).map(|code| (code.name, code.retry)), Some(("seven", Retry::BackOff)));
        assert_eq!(find(TABLE, 5), None);
    }

    #[test]
    #[should_panic(expected = "not sorted")]
    fn an_unsorted_table_is_noticed() {
        assert_sound(codes! {
            7 "seven" "" Never meaning "Seven." cause "Seven." advice "Seven.";
            3 "three" "" Never meaning "Three." cause "Three." advice "Three.";
        });
    }
}
