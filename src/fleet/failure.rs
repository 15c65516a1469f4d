use super::report::{Failure, Kind};
use crate::client;
use crate::hyperv;
use crate::ledger;

/// `error caused by cause caused by …`, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        // Errors that only pass another one on say the same twice.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into(), hint: None, exit_code: kind.exit_code() }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    pub(super) fn with_code(mut self, code: u32) -> Self {
        self.code = Some(code);
        self
    }
}

impl From<&client::Error> for Failure {
    fn from(error: &client::Error) -> Self {
        let code = error.fault().and_then(client::Fault::error_code);
        let (kind, hint) = if error.is_outcome_unknown() || error.is_result_lost() {
            (Kind::Unknown, Some("the host may have done it: look there before you ask again"))
        } else if error.is_tls() {
            (Kind::Tls, Some("check the certificate: --ca FILE or --pin sha256:… say what to trust"))
        } else if error.is_login() {
            (
                Kind::Login,
                Some(
                    "check user, password and --auth; on a domain host the user is DOMAIN\\user or user@REALM",
                ),
            )
        } else if error.is_deadline() {
            (Kind::Deadline, Some("a longer --deadline, or none, waits longer"))
        } else if error.is_access_denied() {
            (Kind::AccessDenied, Some(RIGHTS))
        } else if error.is_quota() || error.is_busy() {
            (Kind::Busy, Some("the host refuses more work for now: try again later, with fewer at once"))
        } else if error.is_unreachable() {
            (Kind::Unreachable, Some("check name, port and firewall, and that WinRM listens there"))
        } else if error.is_class_missing() {
            (Kind::NotFound, Some("the host has no Hyper-V role, or is older than Windows Server 2016"))
        } else if error.is_not_found() {
            (Kind::NotFound, error.advice())
        } else if matches!(error, client::Error::Unwritable { .. }) {
            (Kind::Usage, None)
        } else {
            (Kind::Fault, error.advice())
        };
        let failure = Self { code, ..Self::new(kind, chain(error)) };
        Self { hint: hint.map(str::to_owned), ..failure }
    }
}

impl From<&hyperv::Error> for Failure {
    fn from(error: &hyperv::Error) -> Self {
        match error {
            hyperv::Error::Client(error) => error.into(),
            hyperv::Error::NotFound { candidates, kind, .. } => {
                // Whoever may not see machines gets an empty list and no refusal.
                let none = || match *kind {
                    "machine" | "group" => {
                        Some(format!("the host shows no {kind} at all to this user: {RIGHTS}"))
                    }
                    _ => Some("there is none: refpoint point create makes one".to_owned()),
                };
                let hint = listed("there are", candidates).or_else(none);
                Self { hint, ..Self::new(Kind::NotFound, chain(error)) }
            }
            hyperv::Error::Ambiguous { candidates, .. } => Self {
                hint: listed("say which by its identifier:", candidates),
                ..Self::new(Kind::Ambiguous, chain(error))
            },
            hyperv::Error::NoService { .. } => Self::new(Kind::NotFound, chain(error))
                .with_hint(format!("is it the right host? If so, {RIGHTS}")),
            hyperv::Error::Refused { code, meaning, .. } => {
                let kind = match code {
                    32769 => Kind::AccessDenied,
                    32774 => Kind::Busy,
                    _ => Kind::Refused,
                };
                Self::new(kind, chain(error)).with_code(*code).with_hint(meaning.advice())
            }
            hyperv::Error::NoJob { .. } => Self::new(Kind::Unknown, chain(error)),
            hyperv::Error::Settings { .. } => Self::new(Kind::Usage, chain(error)),
            _ => Self::new(Kind::Fault, chain(error)),
        }
    }
}

impl From<&ledger::Error> for Failure {
    fn from(error: &ledger::Error) -> Self {
        let hint = match error {
            ledger::Error::Locked { .. } => Some("another refpoint is writing it; try again"),
            ledger::Error::Claimed { .. } => Some("wait for that process, or for its job: refpoint job list"),
            ledger::Error::DirectoryTaken { .. } => {
                Some("give this export a directory of its own, or follow the other one to its end first")
            }
            ledger::Error::BackupOpen { .. } => Some(
                "use a directory of its own, or bring the backup to its end first: its command again does that",
            ),
            ledger::Error::Damaged { .. } => {
                Some("move the file away and look at the hosts' jobs before exporting again")
            }
            ledger::Error::Later { .. } => Some("use the release that wrote it, or a later one"),
            _ => Some("check the disk and the permissions of the file; --ledger FILE names another"),
        };
        Self { hint: hint.map(str::to_owned), ..Self::new(Kind::Ledger, chain(error)) }
    }
}

fn listed(words: &str, candidates: &[hyperv::Candidate]) -> Option<String> {
    if candidates.is_empty() {
        return None;
    }
    let shown = candidates.iter().take(MOST_SHOWN).map(|candidate| match &*candidate.name {
        "" => candidate.id.clone(),
        name => format!("{name} ({})", candidate.id),
    });
    let mut text = format!("{words} {}", shown.collect::<Vec<_>>().join(", "));
    if let Some(more) = candidates.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    Some(text)
}

/// What an account needs, and no more.
const RIGHTS: &str = "the user needs to be in Hyper-V Administrators and Remote Management Users";

/// More candidates than this are no help.
const MOST_SHOWN: usize = 12;
