//! What a host is asked by whom, what it answers, and what may happen to it.

use std::time::Duration;

use super::refusal::Refusal;
use super::scenario::Rights;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user, `LAB\operator`, who is the `Owner` of the jobs he starts.
    pub user: String,
    /// What he may do.
    pub rights: Rights,
}

/// What a host answers.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The message as Windows writes it.
    pub envelope: String,
    /// 200, or 500 for a fault.
    pub status: u16,
    /// How long the host takes before it answers.
    pub delay: Duration,
    /// Nothing has happened yet that was waited for: whoever has time asks the same again after so long, and the
    /// answer at hand is for whoever has none.
    pub again: Option<Duration>,
    /// What the log says.
    pub entry: Entry,
}

/// What the log says of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// `Identify`, `Get`, `Invoke` …
    pub operation: String,
    /// The class it concerns; empty where there is none.
    pub class: String,
    /// The method.
    pub method: Option<String>,
    /// The selectors.
    pub keys: Vec<(String, String)>,
    /// What the method was given, as texts; arguments with several values are left out.
    pub arguments: Vec<(String, String)>,
    /// What the method returned; 0 for what was put, made or removed.
    pub return_value: Option<u32>,
    /// The local name of the fault's subcode.
    pub fault: Option<String>,
    /// The identifier of the request.
    pub message_id: Option<String>,
}

/// What happens to a host from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upset {
    /// The management service starts anew: all jobs are gone, and what they did stays undone.
    RestartService,
    /// All jobs are gone from sight; what they do goes on.
    VanishJobs,
    /// A machine is busy, until the status is 0 or 2.
    MachineBusy {
        /// Its name or GUID.
        machine: String,
        /// The second entry of `OperationalStatus`: 32768 to 32774.
        status: u16,
    },
    /// All subscriptions are gone, and those who have them are not told.
    EndSubscriptions,
    /// A point is gone, as if somebody had removed it, whatever the machine is doing.
    PointGone(String),
    /// The clock of the host is wrong by so many seconds.
    ClockSkew(i64),
    /// The next request is refused.
    Refuse(Refusal),
}
