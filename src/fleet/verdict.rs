use super::follow::{Cut, Reason};
use super::report::{Failure, Kind, Outcome};
use crate::hyperv::Directory;
use crate::ledger;

/// How it ended, and why where it did not end well.
pub(super) type Verdict = (Outcome, Option<Failure>);

pub(super) fn failed(failure: Failure) -> Verdict {
    (Outcome::Failed, Some(failure))
}

pub(super) fn unknown(directory: &Directory, why: &str) -> Verdict {
    let failure = Failure::new(Kind::Unknown, format!("nobody can tell what became of the export: {why}"));
    let hint = format!(
        "look on the host at its jobs and into {directory}; the same command looks again, and with \
         --retry-unknown exports anew"
    );
    (Outcome::Unknown, Some(failure.with_hint(hint)))
}

/// What is written down was never written by any release.
pub(super) fn unreadable(export: &ledger::Export) -> Failure {
    let message = format!("the ledger's export {} into {:?} makes no sense", export.id, export.directory);
    Failure::new(Kind::Ledger, message).with_hint("somebody has changed it: --ledger FILE names another")
}

/// What is known where nobody could look what became of a call. It stays open: to be looked at again, and no ground
/// for asking once more.
pub(super) fn not_looked(failure: Failure) -> Verdict {
    let message = format!("what became of the export could not be looked at: {}", failure.message);
    let passes = matches!(
        failure.kind,
        Kind::Unreachable
            | Kind::Login
            | Kind::Tls
            | Kind::AccessDenied
            | Kind::Busy
            | Kind::Ledger
            | Kind::InUse
    );
    let kind = if passes { failure.kind } else { Kind::Unknown };
    let hint = failure.hint.map(|hint| format!("{hint}; ")).unwrap_or_default();
    let hint = format!("{hint}the same command looks again");
    (Outcome::Unknown, Some(Failure { code: failure.code, ..Failure::new(kind, message).with_hint(hint) }))
}

/// Why the host was not even asked.
pub(super) fn not_asked(cut: &Cut) -> Failure {
    match cut {
        Cut::Deadline => Failure::new(Kind::Deadline, "the deadline has passed before the host was asked")
            .with_hint("nothing was begun; does the host answer, and is the deadline long enough?"),
        Cut::Left(reason) => Failure { hint: None, ..interrupted(*reason) }
            .with_message("interrupted before the host was asked"),
    }
}

/// What is known of a host that was asked, and of which nobody waits any more to hear whether it has begun.
pub(super) fn unanswered(cut: &Cut) -> Verdict {
    let reason = match cut {
        Cut::Deadline => Reason::TimeIsOver,
        Cut::Left(reason) => *reason,
    };
    let why = match reason {
        Reason::TimeIsOver => "the deadline has passed",
        Reason::Terminate => "ended by the system",
        Reason::Asked | Reason::Interrupt => "interrupted",
    };
    let message = format!("{why} while it was not known whether the host has begun; it may be at work");
    let hint = "the same command again looks what became of it";
    (Outcome::Detached, Some(interrupted(reason).with_message(message).with_hint(hint)))
}

pub(super) fn interrupted(reason: Reason) -> Failure {
    match reason {
        Reason::Terminate => Failure::new(Kind::Terminated, "ended by the system; a job that runs goes on"),
        Reason::TimeIsOver => {
            Failure::new(Kind::Deadline, "the time for the run is over; a job that runs goes on")
        }
        Reason::Asked | Reason::Interrupt => {
            Failure::new(Kind::Interrupted, "interrupted; a job that runs goes on")
        }
    }
    .with_hint("the same command again follows it to its end")
}
