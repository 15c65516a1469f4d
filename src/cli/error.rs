//! The program's one error: what went wrong, why, and what to try next.

use std::error::Error as StdError;
use std::io;

use refpoint::client::TransportError;
use refpoint::fleet::{Failure, Kind};
use refpoint::{hyperv, ledger};

use super::exit::Exit;
use super::explain;
use super::report::text::harmless;

/// Why a command ends without having done what it was asked.
#[derive(Debug)]
pub(crate) struct Error {
    /// What kind it is, and with it the exit code.
    pub(crate) kind: Exit,
    /// What went wrong: a fragment in lower case, without a full stop.
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hints: Vec<String>,
    /// What to ask `refpoint explain` about, where it is more than the exit code.
    code: Option<String>,
    /// Nobody reads what we write any more: to be kept quiet about.
    is_closed_pipe: bool,
}

impl Error {
    /// Returns an error without a cause below it.
    pub(crate) fn new(kind: Exit, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
            hints: Vec::new(),
            code: None,
            is_closed_pipe: false,
        }
    }

    /// Returns an error about arguments or configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Returns the error of something that is asked of Hyper-V.
    pub(crate) fn of_hyperv(error: hyperv::Error) -> Self {
        let code = match &error {
            hyperv::Error::Refused { method, code, .. } => explain::of_refusal(method, *code),
            _ => error.client().and_then(explain::of_session),
        };
        let error = Self::of_failure((&error).into());
        Self { code: code.or(error.code), ..error }
    }

    /// Returns the error of the ledger.
    pub(crate) fn of_ledger(error: ledger::Error) -> Self {
        Self::of_failure((&error).into())
    }

    /// Returns the error that the library's verdict on an export is.
    pub(crate) fn of_failure(failure: Failure) -> Self {
        let code = explain::of_failure(&failure);
        let error = Self { code, ..Self::new(Exit::of_code(failure.exit_code), failure.message) };
        match failure.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Returns the same as the library's verdict on an export, for the object that scripts read.
    pub(crate) fn to_failure(&self) -> Failure {
        let (mut message, mut hints) = (String::new(), Vec::new());
        for line in self.lines() {
            match line {
                Line::Error(text) => message.push_str(&text),
                Line::Cause(text) => message.push_str(&format!(": {text}")),
                Line::Further(text) => message.push_str(&format!(" {}", text.trim_start())),
                Line::Hint(text) => hints.push(text),
                // A program has the number and the exit code, each in a member of its own.
                Line::More(_) => {}
            }
        }
        let hint = (!hints.is_empty()).then(|| hints.join("; "));
        Failure { kind: self.kind_of_failure(), code: None, message, hint, exit_code: self.kind.code() }
    }

    fn kind_of_failure(&self) -> Kind {
        match self.kind {
            Exit::Usage => Kind::Usage,
            Exit::Unreachable => Kind::Unreachable,
            Exit::Login if self.is_tls() => Kind::Tls,
            Exit::Login => Kind::Login,
            Exit::AccessDenied => Kind::AccessDenied,
            Exit::Deadline => Kind::Deadline,
            Exit::Busy => Kind::Busy,
            Exit::NotFound => Kind::NotFound,
            Exit::LocalFiles => Kind::Ledger,
            Exit::OutcomeUnknown => Kind::Unknown,
            Exit::Interrupted => Kind::Interrupted,
            Exit::Terminated => Kind::Terminated,
            Exit::Done | Exit::Failed | Exit::Warnings | Exit::RemoteFailed => Kind::Fault,
        }
    }

    fn is_tls(&self) -> bool {
        let mut cause = self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static));
        while let Some(error) = cause {
            let boxed = || error.downcast_ref::<Box<TransportError>>().map(|error| &**error);
            if error.downcast_ref().or_else(boxed).is_some_and(TransportError::is_tls) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// Returns the error of a write to standard output.
    pub(crate) fn of_output(error: io::Error) -> Self {
        let is_closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        let kind = if is_closed_pipe { Exit::Done } else { Exit::LocalFiles };
        Self { is_closed_pipe, ..Self::new(kind, "cannot write to standard output").because(error) }
    }

    /// Returns the same, with its cause.
    #[must_use]
    pub(crate) fn because(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Returns the same, with what to try next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Returns the same, with this to try next in place of what was said before.
    #[must_use]
    pub(crate) fn hint_instead(mut self, hint: impl Into<String>) -> Self {
        self.hints = vec![hint.into()];
        self
    }

    /// Returns the same, with what to ask `refpoint explain` about.
    #[must_use]
    pub(crate) fn explained_by(mut self, code: Option<String>) -> Self {
        self.code = code.or(self.code);
        self
    }

    /// Says that there is nobody left to tell it to.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.is_closed_pipe
    }

    /// Returns the lines for standard error: what went wrong, each cause, each hint, and
    /// where to read more. Whatever a host said
    /// among them is harmless; a cause of several lines, as parsers have them, stays one.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::Error(harmless(&self.message).into_owned())];
        let mut said = self.message.clone();
        let mut cause: Option<&dyn StdError> = self.source.as_ref().map(|source| &**source as _);
        while let Some(error) = cause {
            let text = error.to_string();
            // An error that shows its cause in its own text would say everything twice.
            if !said.ends_with(&text) {
                let mut parts = text.lines().map(str::trim_end).filter(|part| !part.is_empty());
                lines.push(Line::Cause(harmless(parts.next().unwrap_or_default()).into_owned()));
                lines.extend(parts.map(|part| Line::Further(harmless(part).into_owned())));
            }
            said = text;
            cause = error.source();
        }
        lines.extend(self.hints.iter().map(|hint| Line::Hint(harmless(hint).into_owned())));
        // Where nobody knows, that is what has to be understood, not what led to it.
        let code = self.code.clone().filter(|_| self.kind != Exit::OutcomeUnknown);
        let more = code.unwrap_or_else(|| explain::of_kind(self.kind));
        lines.push(Line::More(format!("refpoint explain {}", harmless(&more))));
        lines
    }
}

/// One line of an error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Error(String),
    Cause(String),
    /// A further line of the cause before it.
    Further(String),
    Hint(String),
    More(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn each_cause_is_said_once_and_harmlessly() {
        let bottom = Link { text: "b\u{1b}[2J", source: None };
        let same = Link { text: "b\u{1b}[2J", source: Some(Box::new(bottom)) };
        let error =
            Error::usage("a").because(Link { text: "c: b\u{1b}[2J", source: Some(Box::new(same)) }).hint("d");
        let expected = [
            Line::Error("a".into()),
            Line::Cause(r"c: b\u{1b}[2J".into()),
            Line::Hint("d".into()),
            Line::More("refpoint explain exit:2".into()),
        ];
        assert_eq!(error.lines(), expected);
    }

    #[test]
    fn a_cause_of_several_lines_keeps_them_and_is_one_text_to_a_program() {
        let text = "parse error at line 1\r\n  |\n1 | a\u{1b}[2J\n\n  | ^\n";
        let error = Error::usage("cannot use it").because(Link { text, source: None });
        let expected = [
            Line::Error("cannot use it".into()),
            Line::Cause("parse error at line 1".into()),
            Line::Further("  |".into()),
            Line::Further(r"1 | a\u{1b}[2J".into()),
            Line::Further("  | ^".into()),
            Line::More("refpoint explain exit:2".into()),
        ];
        assert_eq!(error.lines(), expected);
        assert_eq!(error.to_failure().message, r"cannot use it: parse error at line 1 | 1 | a\u{1b}[2J | ^");
    }

    #[test]
    fn a_reader_who_has_enough_is_no_failure_and_a_full_disk_is() {
        let closed = Error::of_output(io::ErrorKind::BrokenPipe.into());
        assert!(closed.is_closed_pipe() && closed.kind == Exit::Done);
        let full = Error::of_output(io::ErrorKind::StorageFull.into());
        assert!(!full.is_closed_pipe() && full.kind == Exit::LocalFiles);
    }
}
