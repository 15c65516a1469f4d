use jiff::Timestamp;
use serde::Serialize;

use super::report::{Failure, JobReport, Kind, PointReport};
use super::run::{Ending, Totals};

/// Something that has happened, as views, scripts and the ledger hear of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The version of this shape.
    pub schema: &'static str,
    /// When.
    pub at: Timestamp,
    /// The host as it was named; empty, and null in JSON, where it is about the whole run.
    #[serde(serialize_with = "or_null")]
    pub host: String,
    /// The machine or group as it was named; empty, and null in JSON, where it is about the whole host.
    #[serde(serialize_with = "or_null")]
    pub unit: String,
    /// The unit's number, where it is one of a run: names may be the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// What.
    #[serde(flatten)]
    pub what: News,
}

impl Event {
    /// Returns what has happened to a machine or group on a host, both as they were named.
    pub fn new(at: Timestamp, host: String, unit: String, what: News) -> Self {
        Self { schema: SCHEMA, at, host, unit, number: None, what }
    }

    /// Returns what has happened to a whole run.
    pub fn of_run(at: Timestamp, what: News) -> Self {
        Self::new(at, String::new(), String::new(), what)
    }

    /// Returns what has happened to a host as a whole.
    pub fn of_host(at: Timestamp, host: String, what: News) -> Self {
        Self::new(at, host, String::new(), what)
    }

    /// Returns the same, of the unit with that number.
    #[must_use]
    pub fn with_number(mut self, number: i64) -> Self {
        self.number = Some(number);
        self
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum News {
    /// A run begins, or is taken up again.
    RunStarted {
        /// What the run is called; empty, and null in JSON, where it is one export and no more.
        #[serde(serialize_with = "or_null")]
        run: String,
        /// What its plan is called; empty, and null in JSON, where there is none.
        #[serde(serialize_with = "or_null")]
        plan: String,
        /// How many hosts it has.
        hosts: usize,
        /// How many units are known by now: hosts say what there is to do when they are looked at.
        units: usize,
        /// Whether it was begun before.
        resumed: bool,
    },
    /// A host has been looked at.
    HostPlanned {
        /// How many units it has.
        units: usize,
    },
    /// A host cannot be worked with.
    HostFailed {
        /// Why.
        error: Failure,
    },
    /// A host is given less to do at once, or more again.
    Limit {
        /// How many units at once.
        units: usize,
        /// Why.
        cause: String,
    },
    /// Work on it begins.
    UnitStarted,
    /// We are logged in.
    Connected {
        /// How.
        scheme: String,
        /// Whether messages are sealed by the login.
        sealed: bool,
    },
    /// It is about to be asked for, and that is written down.
    Intent {
        /// Where the host is to write.
        directory: String,
        /// What is exported.
        point: PointReport,
        /// Relative to what.
        base: Option<PointReport>,
    },
    /// What a run before this one began, or a call whose answer was lost, has been found, and is followed.
    Adopted {
        /// The job.
        job: JobReport,
        /// Whether nobody had heard of the job, because the answer to the call that began it was lost.
        unheard_of: bool,
    },
    /// The host has begun a job.
    JobStarted {
        /// The job.
        job: JobReport,
    },
    /// The job has moved.
    Progress {
        /// Its state's number.
        state: u32,
        /// How far it says it is.
        percent: Option<u16>,
    },
    /// The job has not moved for a while.
    Stalled {
        /// Since when.
        since: Timestamp,
    },
    /// Something passing went wrong, and is tried again.
    Retry {
        /// What sort of failure it was.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<Kind>,
        /// What.
        cause: String,
        /// After how many seconds.
        after: f64,
    },
    /// Something that a person should know.
    Warning {
        /// What.
        message: String,
    },
    /// It has ended.
    UnitFinished {
        /// How, by what was done with it.
        #[serde(flatten)]
        ending: Ending,
    },
    /// Nothing more is begun, and running jobs are left to their hosts.
    RunStopping {
        /// Why.
        reason: String,
    },
    /// A run is over, or has been stopped.
    RunFinished {
        /// Its sums.
        totals: Totals,
        /// The program's exit code.
        exit_code: u8,
    },
}

fn or_null<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    if text.is_empty() { serializer.serialize_none() } else { serializer.serialize_str(text) }
}

/// The version of the shape of [`Event`].
const SCHEMA: &str = "refpoint.event/1";
