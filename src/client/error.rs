use std::time::Duration;

use crate::transport::{self, Fate};
use crate::wsman::{self, Fault, codes};

/// Why a session has no answer. No variant carries a secret.
///
/// Numbers and identifiers decide what an error is, never the words of a host. Each variant names the
/// operation, `Get Msvm_ComputerSystem`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The host was not reached, did not let us in, or the connection broke. For an operation that may not be
    /// repeated it says that the operation was not begun.
    #[error("{operation} failed")]
    Transport {
        /// What was asked.
        operation: String,
        /// What the connection says.
        #[source]
        source: Box<transport::Error>,
    },
    /// The host answered that it will not or cannot.
    #[error("{operation} failed on the host")]
    Fault {
        /// What was asked.
        operation: String,
        /// The host's answer.
        #[source]
        source: Box<Fault>,
    },
    /// An operation that may not be repeated was sent, and nobody knows whether the host has carried it out,
    /// or will.
    #[error("outcome of {operation} unknown")]
    OutcomeUnknown {
        /// What was asked.
        operation: String,
        /// Why nobody knows.
        #[source]
        source: Box<Error>,
    },
    /// The host says that it has carried out what was asked, and that it cannot say with what result.
    #[error("{operation} was carried out, but its result is lost")]
    ResultLost {
        /// What was asked.
        operation: String,
        /// Why the result is lost.
        #[source]
        source: Box<Error>,
    },
    /// The time for the call, or for everything, was over.
    #[error("{operation} not finished after {after:?}")]
    Deadline {
        /// What was asked.
        operation: String,
        /// How much time it had.
        after: Duration,
        /// What became of the request that was under way, if any was.
        fate: Fate,
    },
    /// The answer cannot be read.
    #[error("answer to {operation} cannot be read")]
    Unreadable {
        /// What was asked.
        operation: String,
        /// What is wrong with it.
        #[source]
        source: Box<wsman::Error>,
    },
    /// The answer belongs to another request, or does not say to which. The connection is given up.
    #[error("answer to {operation} belongs to another request ({})", related.as_deref().unwrap_or("it does not say which"))]
    Unrelated {
        /// What was asked.
        operation: String,
        /// The request that it says it belongs to.
        related: Option<String>,
    },
    /// The host gives page after page with nothing on it.
    #[error("{operation} brought {pages} empty pages in a row and no end")]
    Endless {
        /// What was asked.
        operation: String,
        /// How many.
        pages: u32,
    },
    /// What was asked cannot be put into a message.
    #[error("{operation} cannot be written")]
    Unwritable {
        /// What was asked.
        operation: String,
        /// What is wrong with it.
        #[source]
        source: Box<wsman::Error>,
    },
}

impl Error {
    /// Returns what was asked, in words.
    pub fn operation(&self) -> &str {
        match self {
            Self::Transport { operation, .. }
            | Self::Fault { operation, .. }
            | Self::OutcomeUnknown { operation, .. }
            | Self::ResultLost { operation, .. }
            | Self::Deadline { operation, .. }
            | Self::Unreadable { operation, .. }
            | Self::Unrelated { operation, .. }
            | Self::Endless { operation, .. }
            | Self::Unwritable { operation, .. } => operation,
        }
    }

    /// Returns the host's fault, where it said one; also the one that left an outcome unknown.
    pub fn fault(&self) -> Option<&Fault> {
        match self.cause() {
            Self::Fault { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Returns what the connection says, where it is to blame; also what left an outcome unknown.
    pub fn transport(&self) -> Option<&transport::Error> {
        match self.cause() {
            Self::Transport { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Says that the same may well succeed later and that sending it again does no harm: it was not begun, or
    /// may be repeated.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.is_retryable(),
            Self::Fault { source, .. } => source.is_timeout() || is_passing(advice(source)),
            Self::Deadline { .. } => true,
            _ => false,
        }
    }

    /// Says that the object is not there. A class, namespace or enumeration that is missing is another thing.
    pub fn is_not_found(&self) -> bool {
        self.says(Fault::is_not_found)
    }

    /// Says that the class or the namespace is not there.
    pub fn is_class_missing(&self) -> bool {
        self.says(Fault::is_class_missing)
    }

    /// Says that the host knows who asks and does not let him.
    pub fn is_access_denied(&self) -> bool {
        self.says(Fault::is_access_denied)
    }

    /// Says that an enumeration was no longer known to the host: to be begun again.
    pub fn is_context_gone(&self) -> bool {
        self.says(Fault::is_context_gone)
    }

    /// Says that too much was going on on the host, until the retries were spent.
    pub fn is_quota(&self) -> bool {
        self.says(Fault::is_quota)
    }

    /// Says that the host had too much to do, a quota included, until the retries were spent.
    pub fn is_busy(&self) -> bool {
        let unavailable = |error: &transport::Error| matches!(error, transport::Error::Answer(answer) if answer.is_retryable());
        let back_off = |fault: &Fault| fault.is_quota() || advice(fault) == codes::Retry::BackOff;
        self.says(back_off) || self.transport().is_some_and(unavailable)
    }

    /// Says that time ran out: the host's, the connection's or ours.
    pub fn is_timeout(&self) -> bool {
        match self.cause() {
            Self::Deadline { .. } => true,
            Self::Fault { source, .. } => source.is_timeout(),
            Self::Transport { source, .. } => matches!(**source, transport::Error::TimedOut { .. }),
            _ => false,
        }
    }

    /// Says that our own time was over, for this call or for everything.
    pub fn is_deadline(&self) -> bool {
        matches!(self.cause(), Self::Deadline { .. })
    }

    /// Says that the login is to blame.
    pub fn is_login(&self) -> bool {
        self.transport().is_some_and(transport::Error::is_login)
    }

    /// Says that TLS is to blame.
    pub fn is_tls(&self) -> bool {
        self.transport().is_some_and(transport::Error::is_tls)
    }

    /// Says that the host was not reached: its name, its network, its port, or the proxy on the way.
    pub fn is_unreachable(&self) -> bool {
        use transport::{Error, Phase};
        self.transport().is_some_and(|error| {
            matches!(
                error,
                Error::NotResolved { .. }
                    | Error::Unreachable { .. }
                    | Error::Proxy { .. }
                    | Error::NotSent { .. }
                    | Error::TimedOut { phase: Phase::Connect, .. }
            )
        })
    }

    /// Returns what to try next, where the host said a number that the code tables know: the one closest to
    /// the cause, else its CIM status, else its subcode.
    pub fn advice(&self) -> Option<&'static str> {
        let fault = self.fault()?;
        let of_number = fault.numbers().find_map(codes::of_fault).map(|entry| entry.advice);
        let of_status = || fault.cim_status().and_then(codes::cim_status).map(|code| code.advice);
        let of_subcode = || {
            let subcode = fault.subcode.as_ref()?;
            codes::subcode(&subcode.namespace, &subcode.local).map(|subcode| subcode.advice)
        };
        of_number.or_else(of_status).or_else(of_subcode)
    }

    /// Says that nobody knows whether the host has carried out what was asked.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// Says that the host has carried out what was asked, with a result that is lost.
    pub fn is_result_lost(&self) -> bool {
        matches!(self, Self::ResultLost { .. })
    }

    /// Returns the error below an unknown outcome or a lost result, else itself.
    fn cause(&self) -> &Self {
        match self {
            Self::OutcomeUnknown { source, .. } | Self::ResultLost { source, .. } => source.cause(),
            other => other,
        }
    }

    fn says(&self, question: impl Fn(&Fault) -> bool) -> bool {
        self.fault().is_some_and(question)
    }

    /// Returns what the error says of the request.
    pub(super) fn standing(&self) -> Standing {
        match self {
            Self::Unwritable { .. } => Standing::NotBegun,
            Self::Transport { source, .. } => source.fate().into(),
            Self::Deadline { fate, .. } => (*fate).into(),
            Self::Fault { source, .. } => standing_of(source),
            Self::OutcomeUnknown { .. } | Self::Unreadable { .. } | Self::Unrelated { .. } => {
                Standing::Unknown
            }
            Self::ResultLost { .. } => Standing::Done,
            Self::Endless { .. } => Standing::Refused,
        }
    }

    /// Returns the last word on an operation that may not be repeated.
    pub(super) fn settled(self) -> Self {
        let operation = self.operation().to_owned();
        match self.standing() {
            Standing::NotBegun | Standing::Refused => self,
            Standing::Unknown => Self::OutcomeUnknown { operation, source: Box::new(self) },
            Standing::Done => Self::ResultLost { operation, source: Box::new(self) },
        }
    }
}

/// What is known of a request that got no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The host has certainly not begun with it.
    NotBegun,
    /// The host has looked at it, and it failed.
    Refused,
    /// The host may have carried it out.
    Unknown,
    /// The host has carried it out.
    Done,
}

impl From<Fate> for Standing {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::NotSent => Self::NotBegun,
            Fate::Unknown => Self::Unknown,
        }
    }
}

/// A fault that passes, and that does not prove that nothing was begun, may have come half-way; and an answer
/// that was too large for its envelope was an answer.
fn standing_of(fault: &Fault) -> Standing {
    if fault.was_carried_out() {
        return Standing::Done;
    }
    if fault.proves_not_started() {
        return Standing::NotBegun;
    }
    match fault.is_timeout() || fault.is_too_large() || is_mute(fault) || is_passing(advice(fault)) {
        true => Standing::Unknown,
        false => Standing::Refused,
    }
}

/// Says that a fault only says that something failed: at the beginning or half-way it does not say.
fn is_mute(fault: &Fault) -> bool {
    match fault.numbers().find_map(codes::of_fault) {
        Some(entry) => entry.number.is_some_and(|number| MUTE.contains(&number)),
        None => fault.cim_status() == Some(1),
    }
}

/// WBEM_E_FAILED and E_FAIL.
const MUTE: [u32; 2] = [0x8004_1001, 0x8000_4005];

/// Returns what the code tables say about trying again: of the number closest to the cause that they know,
/// else of the CIM status, else of the subcode.
pub(super) fn advice(fault: &Fault) -> codes::Retry {
    let of_number = || fault.numbers().find_map(codes::of_fault).map(|entry| entry.retry);
    let of_status = || fault.cim_status().and_then(codes::cim_status).map(|code| code.retry);
    let of_subcode = || {
        let subcode = fault.subcode.as_ref()?;
        codes::subcode(&subcode.namespace, &subcode.local).map(|subcode| subcode.retry)
    };
    of_number().or_else(of_status).or_else(of_subcode).unwrap_or(codes::Retry::Never)
}

pub(super) fn is_passing(retry: codes::Retry) -> bool {
    use codes::Retry;
    matches!(
        retry,
        Retry::BackOff | Retry::Once | Retry::RepeatableOnly | Retry::PollAgain | Retry::Reauthenticate
    )
}
