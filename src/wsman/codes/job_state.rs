//! The states of a job and what its watcher makes of them.
//!
//! CIM_ConcreteJob.JobState, MSDOC "Msvm_ConcreteJob"; 32768 is the vendor's "completed with warnings".

use super::{Code, Retry};

/// Describes one documented state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobState {
    /// The number, its name and its texts.
    pub code: Code,
    /// What the watcher of the job makes of the state, taken alone.
    pub treatment: Treatment,
}

impl JobState {
    /// Returns whether the job has ended.
    pub fn is_terminal(&self) -> bool {
        self.treatment.is_terminal()
    }
}

/// Says what the watcher of a job makes of its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Treatment {
    /// The job has not begun, or waits.
    Pending,
    /// The job is at work, paused, or ending.
    Running,
    /// The job has done its work.
    Succeeded,
    /// The job has done its work and has warnings to read.
    SucceededWithWarnings,
    /// The job was cancelled.
    Cancelled,
    /// The job failed.
    Failed,
    /// The state is reserved or the vendor's own: follow the job until the deadline and show the number.
    Unknown,
}

impl Treatment {
    /// Returns whether the job has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Treatment::Succeeded
            | Treatment::SucceededWithWarnings
            | Treatment::Cancelled
            | Treatment::Failed => true,
            Treatment::Pending | Treatment::Running | Treatment::Unknown => false,
        }
    }
}

/// Finds a documented state of a job.
pub fn job_state(number: u32) -> Option<&'static JobState> {
    let index = STATES.binary_search_by_key(&number, |state| state.code.number).ok()?;
    STATES.get(index)
}

/// Decides what the state and the ErrorCode of a job say together.
///
/// A completed job whose ErrorCode is not 0 has failed. A state that is not documented is
/// [`Treatment::Unknown`], never an end.
pub fn job_outcome(state: u32, error_code: u32) -> Treatment {
    match job_state(state).map_or(Treatment::Unknown, |state| state.treatment) {
        Treatment::Succeeded if error_code != 0 => Treatment::Failed,
        treatment => treatment,
    }
}

/// Writes the table, one row as `number "name" Treatment Retry meaning "…" cause "…" advice "…";`.
macro_rules! states {
    ($(
        $number:literal $name:literal $treatment:ident $retry:ident
        meaning $meaning:literal cause $cause:literal advice $advice:literal;
    )*) => {
        &[$(JobState {
            code: Code {
                number: $number,
                name: $name,
                symbol: "",
                meaning: $meaning,
                cause: $cause,
                advice: $advice,
                retry: Retry::$retry,
            },
            treatment: Treatment::$treatment,
        }),*]
    };
}

pub(super) static STATES: &[JobState] = states! {
    2 "new" Pending PollAgain
        meaning "The job exists and has not begun."
        cause   "It was created a moment ago or waits for its turn."
        advice  "Keep following it.";
    3 "starting" Running PollAgain
        meaning "The job is being started."
        cause   "The host prepares the work."
        advice  "Keep following it.";
    4 "running" Running PollAgain
        meaning "The job is working."
        cause   "Copying can stand on one percentage for hours; 100 percent is not yet the end."
        advice  "Keep following it.";
    5 "suspended" Running PollAgain
        meaning "The job is paused and can go on."
        cause   "Somebody suspended it, or the host did for lack of resources."
        advice  "Keep following it; if it stays, look at the host for the reason.";
    6 "shutting-down" Running PollAgain
        meaning "The job is ending and cleans up."
        cause   "It was cancelled or has come to its end."
        advice  "Keep following it until it has ended.";
    7 "completed" Succeeded Never
        meaning "The job has come to its end; it succeeded if its ErrorCode is 0."
        cause   "The work was carried through. With another ErrorCode it failed all the same."
        advice  "Read its result now: the host removes the job after about five minutes.";
    8 "terminated" Cancelled Never
        meaning "The job was cancelled and has cleaned up."
        cause   "An operator or a program asked it to stop."
        advice  "See what files remain in the export directory, then start again if it is still wanted.";
    9 "killed" Cancelled Never
        meaning "The job was stopped hard."
        cause   "It was killed, so it could not clean up."
        advice  "Check the machine's state and remove left-over files and checkpoints before the next \
                attempt.";
    10 "exception" Failed Never
        meaning "The job ended with an error."
        cause   "The error list of the job tells what went wrong."
        advice  "Read the job's errors and the Hyper-V-VMMS Admin log, mend the cause, and start again.";
    11 "service" Unknown PollAgain
        meaning "The job is in a state that the vendor defines."
        cause   "It may be waiting for help or recovering."
        advice  "Keep following it, with a deadline; look at the host if it stays.";
    12 "query-pending" Pending PollAgain
        meaning "The job waits for an answer from somebody."
        cause   "It has asked a question that nobody has answered yet."
        advice  "Keep following it; look at the host if it stays.";
    32768 "completed-with-warnings" SucceededWithWarnings Never
        meaning "The job has done its work and has warnings."
        cause   "Something was not as wished, but the result exists."
        advice  "Read the warnings before you rely on the result.";
};

#[cfg(test)]
mod tests {
    use super::super::code::tests::assert_sound;
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let codes: Vec<Code> = STATES.iter().map(|state| state.code).collect();
        assert_sound(&codes);
    }

    #[test]
    fn every_documented_state_has_its_name_and_treatment() {
        let expected = [
            (2, "new", Treatment::Pending),
            (3, "starting", Treatment::Running),
            (4, "running", Treatment::Running),
            (5, "suspended", Treatment::Running),
            (6, "shutting-down", Treatment::Running),
            (7, "completed", Treatment::Succeeded),
            (8, "terminated", Treatment::Cancelled),
            (9, "killed", Treatment::Cancelled),
            (10, "exception", Treatment::Failed),
            (11, "service", Treatment::Unknown),
            (12, "query-pending", Treatment::Pending),
            (32768, "completed-with-warnings", Treatment::SucceededWithWarnings),
        ];
        let states: Vec<_> =
            STATES.iter().map(|state| (state.code.number, state.code.name, state.treatment)).collect();
        assert_eq!(states, expected);
    }

    #[test]
    fn exactly_five_states_are_terminal() {
        let terminal: Vec<u32> =
            STATES.iter().filter(|state| state.is_terminal()).map(|state| state.code.number).collect();
        assert_eq!(terminal, [7, 8, 9, 10, 32768]);
    }

    #[test]
    fn a_job_is_asked_again_exactly_while_it_has_not_ended() {
        for state in STATES {
            assert_eq!(state.code.retry == Retry::PollAgain, !state.is_terminal(), "{}", state.code.name);
        }
    }

    #[test]
    fn a_completed_job_with_an_error_code_has_failed() {
        assert_eq!(job_outcome(7, 0), Treatment::Succeeded);
        assert_eq!(job_outcome(7, 32768), Treatment::Failed);
        assert_eq!(job_outcome(7, 1), Treatment::Failed);
    }

    #[test]
    fn an_error_code_changes_no_other_state() {
        assert_eq!(job_outcome(4, 32768), Treatment::Running);
        assert_eq!(job_outcome(8, 32768), Treatment::Cancelled);
        assert_eq!(job_outcome(10, 0), Treatment::Failed);
        assert_eq!(job_outcome(32768, 32768), Treatment::SucceededWithWarnings);
    }

    #[test]
    fn a_reserved_or_foreign_state_is_followed_and_not_taken_for_an_end() {
        for state in [0, 1, 13, 32767, 32769, 65535] {
            assert_eq!(job_state(state), None);
            assert_eq!(job_outcome(state, 0), Treatment::Unknown);
            assert!(!job_outcome(state, 5).is_terminal());
        }
    }
}
