//! Exit codes, which scripts depend on.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// Something failed that has no code of its own.
    Failed,
    /// The arguments or the configuration make no sense.
    Usage,
    /// All is done, and something about it should be looked at.
    Warnings,
    /// The host was not reached.
    Unreachable,
    /// The login failed, or the host's certificate is not trusted.
    Login,
    /// The host knows who asks and does not let him.
    AccessDenied,
    /// The host could not do it, or refused.
    RemoteFailed,
    /// The time was over; the host may still be at work.
    Deadline,
    /// The host had too much to do, until the retries were spent.
    Busy,
    /// What was asked for is not there, or is not the only one.
    NotFound,
    /// A file here cannot be read or written.
    LocalFiles,
    /// Nobody knows whether the host has done it.
    OutcomeUnknown,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    pub(crate) const ALL: [Self; 15] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Warnings,
        Self::Unreachable,
        Self::Login,
        Self::AccessDenied,
        Self::RemoteFailed,
        Self::Deadline,
        Self::Busy,
        Self::NotFound,
        Self::LocalFiles,
        Self::OutcomeUnknown,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Returns the end with that number, as the library says it.
    pub(crate) fn of_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failed)
    }

    /// Returns the number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Warnings => 3,
            Self::Unreachable => 4,
            Self::Login => 5,
            Self::AccessDenied => 6,
            Self::RemoteFailed => 7,
            Self::Deadline => 8,
            Self::Busy => 9,
            Self::NotFound => 10,
            Self::LocalFiles => 11,
            Self::OutcomeUnknown => 12,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What `--help` says about them.
pub(crate) const HELP: &str = "\
Exit codes:
   0  all done                      7  the host could not do it, or refused
   1  failed otherwise              8  deadline passed, the host may still be at work
   2  usage or configuration        9  busy or quota, retries spent
   3  done, with warnings          10  not found or ambiguous
   4  unreachable                  11  local files unreadable or unwritable
   5  login or TLS trust           12  outcome unknown
   6  access denied          130, 143  interrupted";
