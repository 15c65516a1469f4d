//! `--limit`: which of the hosts of an inventory, in the words of Ansible's patterns.

use std::collections::HashSet;

use regex_lite::Regex;

use super::Error;
use super::files::Files;
use super::graph::Graph;
use super::range;

/// A pattern of hosts.
#[derive(Clone, Debug)]
pub struct Limit {
    words: Vec<String>,
    text: String,
}

impl Limit {
    /// Reads a pattern. `@file` stands for the patterns in a file, one a line.
    pub fn parse(text: &str, files: &Files) -> Result<Self, Error> {
        let mut words = Vec::new();
        for word in split(text) {
            match word.strip_prefix('@') {
                Some(file) => {
                    let bytes = files.read(file.as_ref())?;
                    let content = String::from_utf8_lossy(&bytes);
                    words.extend(
                        content.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()),
                    );
                }
                None => words.push(word),
            }
        }
        Ok(Self { words, text: text.to_owned() })
    }

    /// Returns the pattern as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the hosts that it leaves, and the words of it that match nothing.
    pub(super) fn hosts(&self, graph: &Graph) -> Result<(HashSet<usize>, Vec<String>), Error> {
        let is_plain = |word: &&String| !word.starts_with(['!', '&']);
        let mut unmatched = Vec::new();
        let mut chosen: HashSet<usize> = HashSet::new();
        if !self.words.iter().any(|word| is_plain(&word)) {
            chosen.extend(0..graph.hosts.len());
        }
        // Ansible's order: first all that adds, then all that both must have, then all that takes away.
        for word in self.words.iter().filter(is_plain) {
            match graph.find_host(word) {
                // The name of a host is that host, also where a group is called the same.
                Some(host) => drop(chosen.insert(host)),
                None => chosen.extend(one(word, graph, &mut unmatched)?),
            }
        }
        for word in self.words.iter().filter_map(|word| word.strip_prefix('&')) {
            let both: HashSet<usize> = one(word, graph, &mut unmatched)?.into_iter().collect();
            chosen.retain(|host| both.contains(host));
        }
        for word in self.words.iter().filter_map(|word| word.strip_prefix('!')) {
            for host in one(word, graph, &mut unmatched)? {
                chosen.remove(&host);
            }
        }
        Ok((chosen, unmatched))
    }
}

/// Splits a pattern into its words: at commas, or where there are none and it is no host, at colons.
fn split(text: &str) -> Vec<String> {
    let words: Vec<&str> = if text.contains(',') {
        text.split(',').collect()
    } else if range::split_port(text).is_ok_and(|(address, _)| range::is_host(address)) {
        vec![text]
    } else {
        at_colons(text)
    };
    words.into_iter().map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Splits at blanks and colons that stand in no brackets.
fn at_colons(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(char) = text[at..].chars().next() {
        if char == '['
            && let Some(end) = text[at..].find(']')
        {
            at += end + 1;
            continue;
        }
        if char.is_whitespace() || matches!(char, ':' | '[' | ']') {
            words.push(&text[start..at]);
            start = at + char.len_utf8();
        }
        at += char.len_utf8();
    }
    words.push(&text[start..]);
    words
}

/// Returns the hosts of one word without its sign.
fn one(word: &str, graph: &Graph, unmatched: &mut Vec<String>) -> Result<Vec<usize>, Error> {
    if word.is_empty() {
        return Err(Error::Pattern {
            pattern: word.to_owned(),
            what: "there is nothing behind its sign".to_owned(),
        });
    }
    let (pattern, subscript) = subscript(word);
    let matcher = Matcher::new(pattern)?;
    let mut hosts = Vec::new();
    let mut is_group = false;
    for (at, group) in graph.groups.iter().enumerate() {
        if matcher.matches(&group.name) {
            is_group = true;
            hosts.extend(graph.hosts_of(at));
        }
    }
    if !is_group || pattern.starts_with('~') || pattern.contains(['.', '?', '*', '[']) {
        let matching = graph.hosts.iter().enumerate().filter(|(_, host)| matcher.matches(&host.name));
        hosts.extend(matching.map(|(at, _)| at));
    }
    if hosts.is_empty() {
        if !is_group && pattern != "all" {
            unmatched.push(word.to_owned());
        }
        return Ok(hosts);
    }
    let outside =
        || Error::Pattern { pattern: word.to_owned(), what: format!("there are {} hosts", hosts.len()) };
    match subscript {
        None => Ok(hosts),
        Some(Subscript::One(at)) => {
            let at =
                if at < 0 { hosts.len().checked_sub(at.unsigned_abs()) } else { usize::try_from(at).ok() };
            at.and_then(|at| hosts.get(at)).map(|host| vec![*host]).ok_or_else(outside)
        }
        Some(Subscript::Some(start, end)) => {
            let end = end.map_or(hosts.len(), |end| end.saturating_add(1).min(hosts.len()));
            Ok(hosts.get(start..end).unwrap_or_default().to_vec())
        }
    }
}

/// Which of the hosts that a pattern matches.
enum Subscript {
    One(isize),
    Some(usize, Option<usize>),
}

/// Splits `[2]`, `[-1]`, `[0:2]` or `[1:]` off a pattern.
fn subscript(word: &str) -> (&str, Option<Subscript>) {
    let parts = word.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    let Some((pattern, inside)) = parts.filter(|(pattern, _)| !pattern.is_empty() && !word.starts_with('~'))
    else {
        return (word, None);
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(inside.strip_prefix('-').unwrap_or(inside)) {
        return inside.parse().map_or((word, None), |at| (pattern, Some(Subscript::One(at))));
    }
    match inside.split_once([':', '-']) {
        Some((start, end)) if is_digits(start) && (end.is_empty() || is_digits(end)) => {
            let Ok(start) = start.parse() else { return (word, None) };
            // As with Ansible, a range to 0 is its first host.
            let end: Option<usize> = end.parse().ok();
            (pattern, Some(Subscript::Some(start, end.map(|end| if end == 0 { start } else { end }))))
        }
        _ => (word, None),
    }
}

enum Matcher<'p> {
    Glob(&'p str),
    Regex(Regex),
}

impl<'p> Matcher<'p> {
    fn new(pattern: &'p str) -> Result<Self, Error> {
        let Some(expression) = pattern.strip_prefix('~') else { return Ok(Self::Glob(pattern)) };
        // Python's `match` begins at the beginning and ends anywhere.
        let regex = Regex::new(&format!("^(?:{expression})"));
        regex
            .map(Self::Regex)
            .map_err(|error| Error::Pattern { pattern: pattern.to_owned(), what: error.to_string() })
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Glob(pattern) => {
                glob(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
            }
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

/// Returns whether a name is like a pattern with `*`, `?` and `[a-z]`, letter case included.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where to go on if what follows the last star does not fit here.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at + 1, place));
                at += 1;
                continue;
            }
            Some('?') => {
                (at, place) = (at + 1, place + 1);
                continue;
            }
            Some('[') if set(&pattern[at + 1..]).is_some() => {
                let (members, length) = set(&pattern[at + 1..]).unwrap_or_default();
                if is_member(members, name[place]) {
                    (at, place) = (at + 1 + length, place + 1);
                    continue;
                }
            }
            Some(char) if *char == name[place] => {
                (at, place) = (at + 1, place + 1);
                continue;
            }
            _ => {}
        }
        match star.as_mut() {
            Some((after, from)) => {
                *from += 1;
                (at, place) = (*after, *from);
            }
            None => return false,
        }
    }
    pattern[at..].iter().all(|char| *char == '*')
}

/// Returns the inside of a set behind its bracket, and how long it is with the bracket that ends it.
fn set(rest: &[char]) -> Option<(&[char], usize)> {
    let first = usize::from(rest.first() == Some(&'!'));
    // A bracket that comes first is a member.
    let from = first + usize::from(rest.get(first) == Some(&']'));
    let end = rest.get(from..)?.iter().position(|char| *char == ']')? + from;
    Some((&rest[..end], end + 1))
}

fn is_member(members: &[char], char: char) -> bool {
    let (members, is_wanted) = match members.split_first() {
        Some(('!', rest)) => (rest, false),
        _ => (members, true),
    };
    let mut at = 0;
    let mut is_in = false;
    while at < members.len() {
        match members[at..] {
            [from, '-', to, ..] => {
                is_in |= from <= char && char <= to;
                at += 3;
            }
            [one, ..] => {
                is_in |= one == char;
                at += 1;
            }
            [] => break,
        }
    }
    is_in == is_wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_split_as_ansible_splits_it() {
        for (text, words) in [
            ("a,b[1], c[2:3] , d", vec!["a", "b[1]", "c[2:3]", "d"]),
            ("web:!db", vec!["web", "!db"]),
            ("web:&prod:!hv03", vec!["web", "&prod", "!hv03"]),
            ("web[0:2]", vec!["web[0:2]"]),
            ("web[0:2]:db", vec!["web[0:2]", "db"]),
            ("web*:db", vec!["web*", "db"]),
            ("fe80::1", vec!["fe80::1"]),
            ("~(web|db).*", vec!["~(web|db).*"]),
            ("all", vec!["all"]),
            ("", vec![]),
        ] {
            assert_eq!(split(text), words, "{text}");
        }
    }

    #[test]
    fn globs_are_those_of_python() {
        for (pattern, name, is_like) in [
            ("hv*", "hv01", true),
            ("*.lab", "hv01.lab", true),
            ("h*1", "hv01x", false),
            ("hv0?", "hv01", true),
            ("hv[0-1][1-3]", "hv02", true),
            ("hv[!0]1", "hv01", false),
            ("hv[]a]", "hv]", true),
            ("hv[", "hv[", true),
            ("HV*", "hv01", false),
            ("*", "", true),
            ("*a*b*c", "xaxbxcxc", true),
            ("**********************b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(glob(&chars(pattern), &chars(name)), is_like, "{pattern} {name}");
        }
    }
}
