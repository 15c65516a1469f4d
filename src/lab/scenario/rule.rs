//! How calls end that would otherwise end well.

use std::time::Duration;

use serde::Deserialize;

use super::super::refusal::Refusal;
use super::quantity;

/// How a call of a method ends, and the job it starts: `[[job]]`.
///
/// The first rule that fits a call counts. A rule without anything to match fits every call of a method that
/// works (not the methods of jobs).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobRule {
    /// Only on this host.
    pub host: Option<String>,
    /// Only for this machine or group, by name or GUID; a call that concerns a group also fits by its members.
    pub machine: Option<String>,
    /// Only for this method.
    pub method: Option<String>,
    /// How many calls that fit are passed over first.
    pub skip: u32,
    /// How many calls it counts for after that; all without.
    pub times: Option<u32>,

    /// What the method returns instead of starting anything.
    pub return_value: Option<u32>,
    /// The fault with which it is refused instead.
    pub fault: Option<Refusal>,
    /// How long the host takes before it answers.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub delay: Option<Duration>,
    /// How long the host leaves the call lying before it begins with it. Until then there is no job, nothing is
    /// written and no machine is busy; no answer comes before.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub begins_after: Option<Duration>,
    /// Whether the answer 4096 comes without the job.
    pub without_reference: bool,

    /// The class that the job says it is of.
    pub class: Option<String>,
    /// How long the job takes.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub duration: Option<Duration>,
    /// The states it passes through, each for as long as the others; 2, 3 and 4 without.
    pub states: Vec<u16>,
    /// The percentages it passes through; without, as much as is done.
    pub percents: Vec<u16>,
    /// The state it ends in; 7 without.
    pub state: Option<u16>,
    /// The percentage at which it ends, where it does not end well.
    pub ends_at: Option<u16>,
    /// The percentage beyond which it never comes.
    pub stalls_at: Option<u16>,
    /// When it is gone without having ended. What it does goes on.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub vanishes_after: Option<Duration>,
    /// What it names in the end and what is not there: the files whose names end so.
    pub loses: Option<String>,
    /// Its `ErrorCode`; 32768 without, where its state is not 7.
    pub error_code: Option<u16>,
    /// What `GetErrorEx` hands out.
    #[serde(rename = "error")]
    pub errors: Vec<ErrorRule>,
    /// Whether it lets itself be cancelled; it does without.
    pub cancellable: Option<bool>,
}

/// An error of a job: `[[job.error]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorRule {
    /// The number of Windows that it tells, as `0x80070005`; the text follows from it, in the host's language.
    pub hresult: Option<u32>,
    /// The text itself.
    pub message: Option<String>,
    /// The identifier of the message.
    pub message_id: Option<String>,
    /// What stands there in place of all that, well-formed or not.
    pub raw: Option<String>,
}
