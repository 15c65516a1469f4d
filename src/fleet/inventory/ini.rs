//! Ansible's INI, which is a dialect of its own: hosts with variables on a line, sections for groups.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::Error;
use super::graph::{Dialect, Graph, UNGROUPED};
use super::literal;
use super::value::Place;
use super::words;

/// Reads a text into the graph.
pub(super) fn read(text: &str, graph: &mut Graph, place: &Place) -> Result<(), Error> {
    let mut reader = Reader {
        graph,
        file: place,
        group: UNGROUPED,
        section: Section::Hosts,
        open: Vec::new(),
        parents: HashMap::new(),
    };
    for (number, line) in lines(text).enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with([';', '#']) {
            reader.line(line, &place.at(number + 1, None))?;
        }
    }
    reader.finish()
}

/// Returns the lines as Python splits them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(at) = text.find(ends) else { return Some(text) };
        let length = if text[at..].starts_with("\r\n") { 2 } else { text[at..].chars().next()?.len_utf8() };
        rest = Some(&text[at + length..]);
        Some(&text[..at])
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Hosts,
    Variables,
    Children,
}

/// A group that was used before it was declared.
struct Open {
    name: String,
    section: Section,
    place: Place,
}

struct Reader<'g> {
    graph: &'g mut Graph,
    file: &'g Place,
    group: usize,
    section: Section,
    open: Vec<Open>,
    /// The groups that want one as a child that is not there yet.
    parents: HashMap<String, Vec<usize>>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, place: &Place) -> Result<(), Error> {
        if let Some((name, section)) = heading(line, place)? {
            return self.begin(name, section, place);
        }
        match self.section {
            Section::Hosts => self.host(line, place),
            Section::Variables => self.variable(line, place),
            Section::Children => self.child(line, place),
        }
    }

    fn begin(&mut self, name: &str, section: Section, place: &Place) -> Result<(), Error> {
        let is_open = self.open.iter().position(|open| open.name == name);
        if self.graph.find_group(name).is_none() && section == Section::Variables && is_open.is_none() {
            // The group may be declared further below.
            self.open.push(Open { name: name.to_owned(), section, place: place.clone() });
        }
        self.group = self.graph.group(name);
        self.section = section;
        if let Some(at) = is_open.filter(|_| section != Section::Variables) {
            self.open.remove(at);
            for parent in self.parents.remove(name).unwrap_or_default() {
                self.graph.add_child(parent, self.group, place)?;
            }
        }
        Ok(())
    }

    fn host(&mut self, line: &str, place: &Place) -> Result<(), Error> {
        let wrong = |what: &str| Error::syntax(place.clone(), what);
        // One of them may hold a password.
        let words: Vec<_> = words::split(line).map_err(wrong)?.into_iter().map(Zeroizing::new).collect();
        let Some((pattern, variables)) = words.split_first() else {
            return Err(wrong("a host is missing"));
        };
        let mut values = Vec::new();
        for (number, word) in variables.iter().enumerate() {
            // The word may be the rest of a password with a blank in it, and is not repeated.
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| wrong(&format!("word {} is no variable: write name=value", number + 2)))?;
            values.push((name, literal::evaluate(value).named(name)));
        }
        for host in self.graph.add_pattern(pattern, self.group, Dialect::Ansible, place)? {
            for (name, value) in &values {
                self.graph.set_of_name(&host, name, value.clone(), place)?;
            }
        }
        Ok(())
    }

    fn variable(&mut self, line: &str, place: &Place) -> Result<(), Error> {
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| Error::syntax(place.clone(), "a variable is expected: name=value"))?;
        self.graph.set_of_group(self.group, name.trim(), literal::evaluate(value.trim()), place)
    }

    fn child(&mut self, line: &str, place: &Place) -> Result<(), Error> {
        let name = before_comment(line)
            .filter(|name| is_group_name(name))
            .ok_or_else(|| Error::syntax(place.clone(), "the name of a group is expected"))?;
        if let Some(child) = self.graph.find_group(name) {
            return self.graph.add_child(self.group, child, place);
        }
        if !self.parents.contains_key(name) {
            self.open.push(Open { name: name.to_owned(), section: Section::Children, place: place.clone() });
        }
        self.parents.entry(name.to_owned()).or_default().push(self.group);
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        let Some(open) = self.open.into_iter().next() else { return Ok(()) };
        let name = open.name;
        let what = match open.section {
            Section::Variables => format!("[{name}:vars] is about a group that is nowhere declared"),
            _ => format!("group {name} is nowhere declared: write [{name}]"),
        };
        let place = Place { file: self.file.file.clone(), ..open.place };
        Err(Error::syntax(place, what))
    }
}

/// Returns the group and the kind of a section, if the line begins one.
fn heading<'l>(line: &'l str, place: &Place) -> Result<Option<(&'l str, Section)>, Error> {
    let wrong = |what: String| Error::syntax(place.clone(), what);
    let parsed = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).filter(|(_, after)| {
        let after = after.trim_start();
        after.is_empty() || after.starts_with('#')
    });
    let parts = parsed
        .map(|(inside, _)| inside.split_once(':').map_or((inside, None), |(name, kind)| (name, Some(kind))));
    let is_kind = |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_alphanumeric() || c == '_');
    match parts.filter(|(name, kind)| is_group_name(name) && kind.is_none_or(is_kind)) {
        Some((name, None | Some("hosts"))) => Ok(Some((name, Section::Hosts))),
        Some((name, Some("vars"))) => Ok(Some((name, Section::Variables))),
        Some((name, Some("children"))) => Ok(Some((name, Section::Children))),
        Some((name, Some(kind))) => {
            Err(wrong(format!("[{name}:{kind}]: there are sections of hosts, children and vars")))
        }
        None if line.starts_with('[') && line.ends_with(']') => {
            Err(wrong(format!("{line} is no section: a group has neither blanks nor brackets in its name")))
        }
        None => Ok(None),
    }
}

fn before_comment(line: &str) -> Option<&str> {
    let name = line.split('#').next().unwrap_or_default().trim_end();
    (!name.is_empty()).then_some(name)
}

fn is_group_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || matches!(c, ':' | ']'))
}
