//! What the hosts were asked: one JSON line for each operation.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use serde::{Serialize, Serializer};

use super::Entry;

/// Where the lines go. A line is written whole and flushed before the answer it is about leaves; lines of
/// several hosts never mix.
pub struct Log(Mutex<Box<dyn Write + Send>>);

/// One line. The keys are a contract, and so is their order.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    /// RFC 3339, UTC.
    pub(super) time: String,
    /// The host's NetBIOS name.
    pub(super) host: &'a str,
    /// As the scenario spells him; null for who did not log in.
    pub(super) user: Option<&'a str>,
    /// `Negotiate/NTLM`, `Negotiate/Kerberos`, `NTLM`, `Kerberos`, `Basic`, `Certificate`.
    pub(super) scheme: Option<&'a str>,
    /// Whether the request was sealed.
    pub(super) sealed: bool,
    pub(super) operation: &'a str,
    pub(super) class: Option<&'a str>,
    pub(super) method: Option<&'a str>,
    #[serde(serialize_with = "as_object")]
    pub(super) keys: &'a [(String, String)],
    /// What a method was given.
    #[serde(serialize_with = "as_object")]
    pub(super) arguments: &'a [(String, String)],
    /// What a method returned, and 0 for what was put, made or removed. Not null means: it was carried out.
    pub(super) return_value: Option<u32>,
    /// The subcode of the fault that the host answered, and what the lab did on purpose; both, with `; `
    /// between them, where there were both.
    pub(super) fault: Option<String>,
}

impl<'a> Line<'a> {
    /// A line about an entry, with nobody's name on it yet. `done` is what the lab did on purpose.
    pub(super) fn of(entry: &'a Entry, done: &[&'static str]) -> Self {
        let said = entry.fault.as_deref().into_iter().chain(done.iter().copied());
        let fault = said.collect::<Vec<_>>().join("; ");
        Self {
            time: String::new(),
            host: "",
            user: None,
            scheme: None,
            sealed: false,
            operation: &entry.operation,
            class: Some(&*entry.class).filter(|class| !class.is_empty()),
            method: entry.method.as_deref(),
            keys: &entry.keys,
            arguments: &entry.arguments,
            return_value: entry.return_value,
            fault: Some(fault).filter(|fault| !fault.is_empty()),
        }
    }
}

impl Log {
    /// Writes to a file, a pipe, a buffer.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(to)))
    }

    pub(super) fn write(&self, line: &Line<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(&text)?;
        to.flush()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

fn as_object<S: Serializer>(keys: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(keys.iter().map(|(name, value)| (name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_exactly_the_keys_of_the_contract_in_their_order() {
        let entry = Entry {
            operation: "Invoke".to_owned(),
            class: "Msvm_X".to_owned(),
            method: Some("Export".to_owned()),
            keys: vec![("Name".to_owned(), "a \"b\"\n".to_owned())],
            arguments: vec![("To".to_owned(), r"D:\x".to_owned())],
            return_value: Some(4096),
            ..Entry::default()
        };
        let line = Line {
            time: "2026-01-02T03:04:05Z".to_owned(),
            host: "HV01",
            user: Some(r"LAB\operator"),
            scheme: Some("NTLM"),
            sealed: true,
            ..Line::of(&entry, &["lost-response"])
        };
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"time":"2026-01-02T03:04:05Z","host":"HV01","user":"LAB\\operator","scheme":"NTLM","sealed":true,"operation":"Invoke","class":"Msvm_X","method":"Export","keys":{"Name":"a \"b\"\n"},"arguments":{"To":"D:\\x"},"return_value":4096,"fault":"lost-response"}"#
        );
    }

    #[test]
    fn what_the_host_and_the_lab_did_stand_side_by_side() {
        let fault = |fault: Option<&str>, done: &[&'static str]| {
            let entry = Entry { fault: fault.map(str::to_owned), ..Entry::default() };
            Line::of(&entry, done).fault
        };
        assert_eq!(fault(None, &[]), None);
        assert_eq!(fault(Some("TimedOut"), &[]).as_deref(), Some("TimedOut"));
        assert_eq!(fault(Some("TimedOut"), &["slow", "cut"]).as_deref(), Some("TimedOut; slow; cut"));
    }
}
