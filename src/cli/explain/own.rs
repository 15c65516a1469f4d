//! What the program itself says: its exit codes, and the outcomes of exports.

use std::borrow::Cow;

use super::reading::{Family, Reading};

/// A code of ours.
pub(super) struct Own {
    /// The exit code; an outcome has none.
    pub(super) number: Option<u32>,
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) cause: &'static str,
    pub(super) fix: &'static str,
    /// Whether it is the end of trying again, or none was made.
    is_after_retries: bool,
}

impl Own {
    pub(super) fn retry(&self) -> (&'static str, Cow<'static, str>) {
        let sentence = if self.is_after_retries {
            "What does no harm when done twice was already tried again; this is what it came to."
        } else {
            "No."
        };
        ("never", Cow::Borrowed(sentence))
    }
}

/// Returns every code of ours.
pub(super) fn readings() -> impl Iterator<Item = Reading> {
    let of = |family| move |own: &Own| Reading::of_own(family, own);
    EXITS.iter().map(of(Family::Exit)).chain(OUTCOMES.iter().map(of(Family::Outcome)))
}

/// Writes a table, one row as `number "name" meaning "…" cause "…" fix "…";`, with `again` before the name where
/// it is what retries came to.
macro_rules! rows {
    (@is again) => { true };
    (@is once) => { false };
    ($(
        $number:expr, $again:ident $name:literal meaning $meaning:literal cause $cause:literal fix $fix:literal;
    )*) => {
        &[$(Own {
            number: $number,
            name: $name,
            meaning: $meaning,
            cause: $cause,
            fix: $fix,
            is_after_retries: rows!(@is $again),
        }),*]
    };
}

static EXITS: &[Own] = rows! {
    Some(0), once "done"
        meaning "All is done."
        cause   "It went well; or --detach was asked for, and the job is begun."
        fix     "Nothing to do. After --detach, refpoint job wait follows the job.";
    Some(1), once "failed"
        meaning "It failed otherwise, or several things failed for different reasons."
        cause   "In a run over many hosts: each failure has its own cause."
        fix     "Read the errors above; refpoint fleet report shows each.";
    Some(2), once "usage"
        meaning "The command line or the configuration makes no sense. No host was asked to change anything."
        cause   "A misspelled option, a value out of its range, or a file that cannot be understood."
        fix     "See --help of the command; the error names the word or the line.";
    Some(3), once "warnings"
        meaning "All is done, with warnings."
        cause   "The result exists, and something about it was not as wished."
        fix     "Read the warnings before you rely on the result: a file that the host does not have is one.";
    Some(4), again "unreachable"
        meaning "The host was not reached."
        cause   "Its name, its network, a firewall on port 5985 or 5986, or WinRM is not running there."
        fix     "Check name, port and firewall; on the host winrm quickconfig shows whether WinRM listens.";
    Some(5), once "login"
        meaning "The login failed, or the host's certificate is not trusted."
        cause   "User, password, ticket, clock, or a certificate nobody has vouched for."
        fix     "Check user, password and --auth; for a certificate say what to trust with --ca or --pin.";
    Some(6), once "access-denied"
        meaning "The host knows who asks and does not let him."
        cause   "The account is not in Hyper-V Administrators and Remote Management Users, or lacks rights on a \
                namespace or a directory."
        fix     "Give the account those groups, and the host's computer account rights on a share.";
    Some(7), once "remote-failed"
        meaning "The host could not do it, or refused: the job failed or was cancelled, or the method said no."
        cause   "The error names the method or the job, and the number it ended with."
        fix     "Mend what the error names, empty the directory of what was left, and run the same command again.";
    Some(8), once "deadline"
        meaning "The deadline passed. The job on the host goes on."
        cause   "The work takes longer than --deadline allows."
        fix     "Run the same command again: it follows the job further, and begins nothing twice.";
    Some(9), again "busy"
        meaning "The machine or the host was busy, until the retries were spent. Nothing was begun."
        cause   "Another backup, a merge, a migration, or a quota of WinRM that others use up."
        fix     "Try again later; see refpoint job list, and ask for less at once.";
    Some(10), once "not-found"
        meaning "What was asked for is not there, or is not the only one."
        cause   "A misspelled name, two machines of one name, or the object has gone or moved to another node."
        fix     "The candidates are listed with the error; say which by its identifier.";
    Some(11), once "local-files"
        meaning "The ledger or another local file cannot be used. Nothing was begun that could not be written down."
        cause   "Another refpoint holds the ledger, the disk is full, or the file is damaged or not ours to write."
        fix     "Wait for the other process, make room, or mend permissions; --ledger FILE names another ledger.";
    Some(12), again "unknown"
        meaning "Nobody can tell whether the host has done it."
        cause   "The host was asked and its answer was lost, or it forgot the job before anybody saw its end."
        fix     "Look into the directory and at refpoint job list. The same command looks again and asks for nothing \
                twice; when you are sure that nothing is at work, empty the directory and add --retry-unknown.";
    Some(130), once "interrupted"
        meaning "Ctrl-C ended it."
        cause   "Somebody pressed it. A job that runs on the host goes on."
        fix     "Run the same command again: it follows the job further.";
    Some(143), once "terminated"
        meaning "A signal ended it (SIGTERM)."
        cause   "A service manager or a shutdown. A job that runs on the host goes on."
        fix     "Run the same command again: it follows the job further.";
};

static OUTCOMES: &[Own] = rows! {
    None, once "completed"
        meaning "All of it is there."
        cause   "The host's job ended well, and its files are where its receipt says, as far as could be seen."
        fix     "Nothing to do.";
    None, once "completed-with-warnings"
        meaning "It is done, and something about it should be looked at."
        cause   "The host said so, or a file of the receipt is not there."
        fix     "Read the warnings before you rely on the export.";
    None, once "failed"
        meaning "It is not done."
        cause   "The error says why: it was refused, its job failed, or it was never sent."
        fix     "Mend what the error names, empty the directory of what was left, and run the same command again.";
    None, once "cancelled"
        meaning "It was ended before it was done."
        cause   "Somebody cancelled the job, here or on the host."
        fix     "Look into the directory; the same command exports anew once it is empty.";
    None, once "detached"
        meaning "Its job goes on without us."
        cause   "--detach, an interrupt, or the deadline."
        fix     "Run the same command again, or refpoint job wait: it follows the job to its end.";
    None, again "unknown"
        meaning "Nobody knows how it ended, or whether it began."
        cause   "The host's answer was lost, or it forgot the job before anybody saw its end."
        fix     "Look into the directory and at refpoint job list; the same command looks again, and with \
                --retry-unknown exports anew.";
};

#[cfg(test)]
mod tests {
    use refpoint::fleet::Outcome;

    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn every_exit_code_and_every_outcome_is_explained() {
        let exits: Vec<u32> = EXITS.iter().filter_map(|own| own.number).collect();
        let all: Vec<u32> = Exit::ALL.iter().map(|exit| u32::from(exit.code())).collect();
        assert_eq!(exits, all);
        let outcomes = [
            Outcome::Completed,
            Outcome::CompletedWithWarnings,
            Outcome::Failed,
            Outcome::Cancelled,
            Outcome::Detached,
            Outcome::Unknown,
        ];
        assert!(OUTCOMES.iter().map(|own| own.name).eq(outcomes.map(Outcome::name)));
    }
}
