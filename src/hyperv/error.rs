use std::borrow::Cow;

use crate::cim;
use crate::client::{self, codes};

/// Why something about Hyper-V could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The session has no answer.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// An object is not as its class says.
    #[error("the host describes an object in a way that cannot be read")]
    Object(#[from] cim::Error),
    /// An object is as its class says, and still makes no sense.
    #[error("{what}")]
    Unexpected {
        /// What makes no sense.
        what: String,
    },
    /// Nothing by that name.
    #[error("no {kind} {name:?} on {host}")]
    NotFound {
        /// What was looked for: `machine`, `group`, `reference point`.
        kind: &'static str,
        /// By which name.
        name: String,
        /// Where.
        host: String,
        /// What there is.
        candidates: Vec<Candidate>,
    },
    /// More than one by that name.
    #[error("{} {kind}s match {name:?} on {host}", candidates.len())]
    Ambiguous {
        /// What was looked for.
        kind: &'static str,
        /// By which name.
        name: String,
        /// Where.
        host: String,
        /// Which match.
        candidates: Vec<Candidate>,
    },
    /// The host has no such service: no Hyper-V, or one older than 2016.
    #[error("{host} has no {class}: it needs Hyper-V on Windows Server 2016, Windows 10 or later")]
    NoService {
        /// Where.
        host: String,
        /// The service's class.
        class: &'static str,
    },
    /// A method refused, with a number.
    #[error("{method} returned {code} ({})", meaning.name())]
    Refused {
        /// The method.
        method: &'static str,
        /// The number.
        code: u32,
        /// What it means.
        meaning: codes::Meaning,
    },
    /// A method says that it has begun a job, and does not say which.
    #[error("{method} began a job and did not say which")]
    NoJob {
        /// The method.
        method: &'static str,
    },
    /// Settings that a person wrote do not fit the method.
    #[error("the export settings cannot be sent: {problem}")]
    Settings {
        /// What does not fit.
        problem: String,
    },
}

/// Something that may have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its identifier.
    pub id: String,
    /// What people call it, or what else tells it from the others.
    pub name: String,
}

impl Error {
    /// Returns the session's error, where it is one.
    pub fn client(&self) -> Option<&client::Error> {
        match self {
            Self::Client(error) => Some(error),
            _ => None,
        }
    }

    /// Returns what to try next, where the number tells.
    pub fn advice(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Refused { meaning, .. } => Some(Cow::Borrowed(meaning.advice())),
            _ => None,
        }
    }
}
