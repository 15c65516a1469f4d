//! Event queries, as far as polling can answer them.
//!
//! The host understands the whole of WQL, and is asked in it; this reads only what polling needs: which class,
//! which kinds of event, how often, and the rest of the condition as text.

use std::time::Duration;

/// What a query asks for, in the words of polling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Polled {
    /// The class whose objects are looked at.
    pub(super) class: String,
    /// The class of the events: `__InstanceOperationEvent` for all.
    pub(super) event: Event,
    /// What the objects have to be like, as the condition of a query.
    pub(super) condition: Option<String>,
    /// `WITHIN`.
    pub(super) within: Option<Duration>,
}

/// Which events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Creation,
    Deletion,
    Modification,
    Any,
}

impl Event {
    fn named(class: &str) -> Option<Self> {
        let names = [
            ("__InstanceCreationEvent", Self::Creation),
            ("__InstanceDeletionEvent", Self::Deletion),
            ("__InstanceModificationEvent", Self::Modification),
            ("__InstanceOperationEvent", Self::Any),
        ];
        names.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(class)).map(|(_, event)| event)
    }

    /// Returns whether events of a kind are wanted.
    pub(super) fn wants(self, kind: Self) -> bool {
        self == Self::Any || self == kind
    }

    /// Returns the class of such events.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Creation => "__InstanceCreationEvent",
            Self::Deletion => "__InstanceDeletionEvent",
            Self::Modification => "__InstanceModificationEvent",
            Self::Any => "__InstanceOperationEvent",
        }
    }
}

/// Returns whether a query is for events; another one is for objects, whose changes only polling sees.
pub(super) fn is_for_events(query: &str) -> bool {
    let words = words(query);
    words.iter().position(|word| word.is("FROM")).and_then(|at| words.get(at + 1)).is_some_and(|class| {
        let class = class.text.to_ascii_lowercase();
        class.starts_with("__") || class.ends_with("event") || class.ends_with("trace")
    })
}

/// Reads a query; what polling cannot answer is refused with the reason.
pub(super) fn read(query: &str) -> Result<Polled, String> {
    let words = words(query);
    let mut rest = words.as_slice();
    let mut next = || {
        let (first, others) = rest.split_first()?;
        rest = others;
        Some(*first)
    };
    let no_query = || "it is no SELECT … FROM …".to_owned();
    if !next().is_some_and(|word| word.is("SELECT")) {
        return Err(no_query());
    }
    if next().is_none_or(|word| word.text != "*") {
        return Err("it does not select *".to_owned());
    }
    if !next().is_some_and(|word| word.is("FROM")) {
        return Err(no_query());
    }
    let class = next().filter(Word::is_name).ok_or_else(no_query)?.text;
    let mut word = next();
    let mut within = None;
    if word.is_some_and(|word| word.is("WITHIN")) {
        let seconds = next().and_then(|word| word.text.parse().ok());
        let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        within = Some(length.ok_or("WITHIN needs a number of seconds")?);
        word = next();
    }
    let condition = match word {
        None => Vec::new(),
        Some(word) if word.is("WHERE") && !rest.is_empty() => parts(query, rest)?,
        Some(word) => return Err(format!("{} is not understood there", word.text)),
    };
    let Some(event) = Event::named(class) else {
        if class.starts_with("__") {
            return Err(format!("{class} is an event that nothing but a subscription sees"));
        }
        let condition = Some(condition.join(" AND ")).filter(|text| !text.is_empty());
        return Ok(Polled { class: class.to_owned(), event: Event::Any, condition, within });
    };
    let (mut watched, mut conditions) = (None, Vec::new());
    for part in condition {
        match class_of(&part) {
            Some(class) => watched = Some(class),
            None => conditions.push(of_object(&part)?),
        }
    }
    let class = watched.ok_or("it does not say TargetInstance ISA 'CLASS'")?;
    let condition = Some(conditions.join(" AND ")).filter(|text| !text.is_empty());
    Ok(Polled { class, event, condition, within })
}

/// A word of a query, and where it stands.
#[derive(Clone, Copy, Debug)]
struct Word<'q> {
    text: &'q str,
    start: usize,
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }

    fn is_name(&self) -> bool {
        self.text.chars().all(|c| c.is_alphanumeric() || c == '_')
    }
}

/// Returns the words: names, numbers, texts with their quotes, and each other character alone.
fn words(query: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = 0;
    while let Some(first) = query[start..].chars().next() {
        let rest = &query[start..];
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let length = match first {
            c if c.is_whitespace() => {
                start += c.len_utf8();
                continue;
            }
            '\'' | '"' => text_length(rest, first),
            c if inside(c) => rest.find(|c: char| !inside(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        words.push(Word { text: &rest[..length], start });
        start += length;
    }
    words
}

/// Returns how long a text in quotes is; a backslash takes the meaning from what follows it.
fn text_length(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Returns the conditions that all have to hold.
fn parts(query: &str, words: &[Word<'_>]) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, words.first().map_or(0, |word| word.start));
    let mut is_choice = false;
    for word in words {
        match word.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && word.is("AND") => {
                parts.push(query[start..word.start].trim().to_owned());
                start = word.start + word.text.len();
            }
            _ => is_choice |= depth == 0 && word.is("OR"),
        }
    }
    parts.push(query[start..].trim().to_owned());
    let names_class = words.iter().any(|word| word.is("TargetInstance"));
    match (is_choice, names_class) {
        (true, true) => Err("its conditions are joined by OR".to_owned()),
        // A choice among conditions is one condition.
        (true, false) => Ok(vec![query[words[0].start..].trim().to_owned()]),
        (false, _) => Ok(parts),
    }
}

/// Returns the class of `TargetInstance ISA 'CLASS'`.
fn class_of(part: &str) -> Option<String> {
    let words = words(part);
    let [target, isa, class] = words.as_slice() else { return None };
    let class = class.text.trim_matches(['\'', '"']);
    (target.is("TargetInstance") && isa.is("ISA") && !class.is_empty()).then(|| class.to_owned())
}

/// Returns a condition on an event as a condition on the object that it is about.
fn of_object(part: &str) -> Result<String, String> {
    const TARGET: &str = "TargetInstance.";
    let mut text = String::new();
    let mut end = 0;
    for word in words(part) {
        let lower = word.text.to_ascii_lowercase();
        text.push_str(&part[end..word.start]);
        end = word.start + word.text.len();
        if lower.starts_with("previousinstance") {
            return Err("it asks what an object was before, which polling does not ask the host".to_owned());
        }
        match lower.starts_with(&TARGET.to_ascii_lowercase()) {
            true => text.push_str(&word.text[TARGET.len()..]),
            false if lower == "targetinstance" => return Err(format!("{part} is not understood")),
            false => text.push_str(word.text),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_query_becomes_a_class_a_kind_and_a_condition() {
        let polled = |class: &str, event, condition: Option<&str>, within: Option<u64>| Polled {
            class: class.to_owned(),
            event,
            condition: condition.map(str::to_owned),
            within: within.map(Duration::from_secs),
        };
        for (query, expected) in [
            ("SELECT * FROM Msvm_ComputerSystem", polled("Msvm_ComputerSystem", Event::Any, None, None)),
            (
                "select * from X where A = 1 or B = ' and '",
                polled("X", Event::Any, Some("A = 1 or B = ' and '"), None),
            ),
            (
                "SELECT * FROM __InstanceModificationEvent WITHIN 2 WHERE TargetInstance ISA 'CIM_ConcreteJob'",
                polled("CIM_ConcreteJob", Event::Modification, None, Some(2)),
            ),
            (
                "SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE targetinstance isa \"X\" AND \
                 TargetInstance.JobState >= 7 AND (TargetInstance.Name = 'it\\'s TargetInstance.A' OR NOT \
                 TargetInstance.B LIKE 'c%')",
                polled(
                    "X",
                    Event::Any,
                    Some("JobState >= 7 AND (Name = 'it\\'s TargetInstance.A' OR NOT B LIKE 'c%')"),
                    Some(5),
                ),
            ),
        ] {
            assert_eq!(read(query).as_ref(), Ok(&expected), "{query}");
        }
    }

    #[test]
    fn what_polling_cannot_answer_is_refused_with_the_reason() {
        for (query, reason) in [
            ("ASSOCIATORS OF {X}", "no SELECT"),
            ("SELECT a FROM X", "select *"),
            ("SELECT * FROM __InstanceModificationEvent WITHIN 2", "TargetInstance ISA"),
            ("SELECT * FROM __TimerEvent", "nothing but a subscription"),
            ("SELECT * FROM X WITHIN soon", "WITHIN"),
            ("SELECT * FROM X GROUP", "GROUP"),
            (
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'X' AND PreviousInstance.A = 1",
                "was before",
            ),
            (
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'X' OR TargetInstance ISA 'Y'",
                "OR",
            ),
        ] {
            let refused = read(query).unwrap_err();
            assert!(refused.contains(reason), "{query}: {refused}");
        }
        assert!(is_for_events("SELECT * FROM Win32_ProcessStartTrace"));
        assert!(!is_for_events("SELECT * FROM Win32_Process"));
    }
}
