//! The return values of the methods, by family.
//!
//! A method documents one of three families: Hyper-V's own (0, 4096, 32768 and up), the DMTF's (0 to 6, 4096,
//! with Hyper-V's own numbers in the vendor range), and that of Msvm_ConcreteJob.RequestStateChange. The same
//! small number says different things in the last two. MSDOC: the pages of the methods of
//! Msvm_VirtualSystemReferencePointService, Msvm_CollectionReferencePointService and Msvm_ConcreteJob.

use std::borrow::Cow;
use std::fmt;

use super::Retry;
use super::code::{Code, codes, find};
use crate::cim::ReturnFamily;

/// The return value of a method that has done its work.
pub const COMPLETED: u32 = 0;

/// The return value of a method whose work goes on as a job.
pub const JOB_STARTED: u32 = 4096;

/// Says what the return value of a method means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Meaning {
    /// The family lists the number.
    Listed(&'static Code),
    /// The number lies in the range 4097 to 32767, which is kept for the methods of the standard.
    Reserved(u32),
    /// The number lies in the vendor's range, 32768 to 65535, and the vendor's list does not have it.
    Vendor(u32),
    /// Nothing is known about the number.
    Unknown(u32),
}

impl Meaning {
    /// Returns the number itself.
    pub fn number(&self) -> u32 {
        match *self {
            Meaning::Listed(code) => code.number,
            Meaning::Reserved(number) | Meaning::Vendor(number) | Meaning::Unknown(number) => number,
        }
    }

    /// Returns the stable name used in JSON, such as `job-started` or `unknown`.
    pub fn name(&self) -> &'static str {
        match self {
            Meaning::Listed(code) => code.name,
            Meaning::Reserved(_) => "method-reserved",
            Meaning::Vendor(_) => "vendor-specific",
            Meaning::Unknown(_) => "unknown",
        }
    }

    /// Returns what the number says; for one that is not listed the text holds the number.
    pub fn meaning(&self) -> Cow<'static, str> {
        match self {
            Meaning::Listed(code) => Cow::Borrowed(code.meaning),
            Meaning::Reserved(number) => {
                Cow::Owned(format!("The method answered {number}, a number reserved for standard methods."))
            }
            Meaning::Vendor(number) => {
                Cow::Owned(format!("The method answered {number}, a vendor's number that is not documented."))
            }
            Meaning::Unknown(number) => {
                Cow::Owned(format!("The method answered {number}, a number that is not documented for it."))
            }
        }
    }

    /// Returns what usually leads to the number.
    pub fn cause(&self) -> &'static str {
        match self {
            Meaning::Listed(code) => code.cause,
            _ => "A Windows version newer than this table, or a provider that passes on another number.",
        }
    }

    /// Returns what an administrator does next.
    pub fn advice(&self) -> &'static str {
        match self {
            Meaning::Listed(code) => code.advice,
            _ => {
                "Take it as a failure; read the log Microsoft-Windows-Hyper-V-VMMS-Admin on the host and \
                 report the number."
            }
        }
    }

    /// Returns whether calling again can help.
    pub fn retry(&self) -> Retry {
        match self {
            Meaning::Listed(code) => code.retry,
            _ => Retry::Never,
        }
    }
}

/// Writes the number and its name in words: `32769 (access denied)`.
impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.name().replace('-', " "))
    }
}

/// Decodes the return value of a method of the given family.
///
/// The DMTF family and that of jobs leave the numbers from 32768 to the vendor, so Hyper-V's own list
/// describes them there. Where it is not certain which family a method answers in, both Hyper-V's and the
/// DMTF's are tried; their numbers do not contradict each other. For a method without a list, only Hyper-V's
/// own numbers are taken as known.
pub fn return_value(family: ReturnFamily, number: u32) -> Meaning {
    let tables: &[&'static [Code]] = match family {
        ReturnFamily::Hyperv | ReturnFamily::Unlisted => &[HYPERV],
        ReturnFamily::HypervDmtf => &[DMTF, HYPERV],
        ReturnFamily::HypervAny => &[HYPERV, DMTF],
        ReturnFamily::ConcreteJob => &[CONCRETE_JOB, HYPERV],
    };
    tables.iter().find_map(|table| find(table, number)).map_or_else(|| unlisted(number), Meaning::Listed)
}

fn unlisted(number: u32) -> Meaning {
    match number {
        4097..=32767 => Meaning::Reserved(number),
        32768..=65535 => Meaning::Vendor(number),
        _ => Meaning::Unknown(number),
    }
}

/// Returns Hyper-V's own number for what the return value says, so that one decision fits all families.
///
/// A number without such a counterpart comes back as it is.
pub fn hyperv_equivalent(family: ReturnFamily, number: u32) -> u32 {
    match (family, number) {
        (ReturnFamily::HypervDmtf | ReturnFamily::HypervAny, 1..=6) => {
            [32770, 32768, 32772, 32773, 32775, 32776][number as usize - 1]
        }
        (ReturnFamily::ConcreteJob, 1) => 32770,
        (ReturnFamily::ConcreteJob, 3) => 32772,
        (ReturnFamily::ConcreteJob, 4) => 32768,
        (ReturnFamily::ConcreteJob, 5) => 32773,
        (ReturnFamily::ConcreteJob, 6 | 4099) => 32774,
        _ => number,
    }
}

/// Returns whether a call that was refused with this number of Hyper-V's own may be made again by itself.
///
/// The condition passes by itself and the tries are bounded by the deadline. Numbers of another family go
/// through [`hyperv_equivalent`] first.
pub fn is_retryable(number: u32) -> bool {
    matches!(number, 32771 | 32774 | 32775 | 32777 | 32778)
}

/// Returns whether the creation of a reference point that was refused with this number of Hyper-V's own may
/// be tried again by itself.
///
/// Beside the numbers of [`is_retryable`] this is the time-out, which a creation meets in slow guests.
pub fn is_retryable_creation(number: u32) -> bool {
    is_retryable(number) || number == 32772
}

/// The family of most Hyper-V methods, and file-not-found, which only some of them know.
pub(super) static HYPERV: &[Code] = codes! {
    0 "completed" "" Never
        meaning "The method has done its work."
        cause   "It finished at once, so there is no job."
        advice  "Nothing to do. An export that ends this way leaves no receipt: check the directory.";
    4096 "job-started" "" Never
        meaning "The method was accepted and a job does the work."
        cause   "Work that takes time runs as a job on the host."
        advice  "Follow the job to its end; only the job tells how it ended.";
    32768 "failed" "" Never
        meaning "The method failed and the number says no more."
        cause   "Anything; the details are only in the host's log."
        advice  "Read the log Microsoft-Windows-Hyper-V-VMMS-Admin on the host, with machine, point and \
                directory at hand.";
    32769 "access-denied" "" Never
        meaning "Hyper-V refused the caller, or could not get at a file."
        cause   "The account is no Hyper-V administrator, or the host may not write to the directory."
        advice  "Check Hyper-V Administrators membership; on a share give the host's computer account full \
                control.";
    32770 "not-supported" "" Never
        meaning "Hyper-V does not do this for this machine or point."
        cause   "The kind of point or machine version cannot be exported, a pass-through or shared disk, or \
                an old host."
        advice  "See the point's type with `refpoint point show`; `refpoint backup` goes another way.";
    32771 "status-unknown" "" BackOff
        meaning "Hyper-V cannot say in which state the object is."
        cause   "The management service (vmms) is busy or restarting."
        advice  "Try again in a while; if it stays so, check that vmms runs.";
    32772 "timeout" "" CreateOnly
        meaning "The method took longer than Hyper-V allows."
        cause   "Slow VSS writers inside the guest, or slow storage."
        advice  "Look for what it may have left behind, then try again; crash consistency is quicker if you \
                may use it.";
    32773 "invalid-parameter" "" Never
        meaning "Hyper-V refused a parameter."
        cause   "An unknown disk, a base of another machine, a relative directory, or a wrong kind of point."
        advice  "Check disks, base and directory (fully qualified, as the host sees it); `--dump` shows \
                what was sent.";
    32774 "in-use" "" BackOff
        meaning "The machine or one of its disks is being used by something else."
        cause   "Another export, backup or disk merge is running on the machine."
        advice  "See `refpoint job list` and wait, then try again.";
    32775 "invalid-state" "" BackOff
        meaning "The machine or point is not in a state that allows this."
        cause   "A checkpoint or merge is pending, the machine is migrating, or the point is being \
                destroyed."
        advice  "Wait until the machine shows no operation in progress, then try again.";
    32776 "incorrect-data-type" "" Never
        meaning "Hyper-V got an object of another class than it expects."
        cause   "The class of a reference or of embedded settings is wrong."
        advice  "This is a defect on our side: report it with `--dump`.";
    32777 "not-available" "" BackOff
        meaning "The Hyper-V service behind the method is not available."
        cause   "The management service (vmms) is stopped or the cluster is offline."
        advice  "Start vmms, or ask another node, then try again.";
    32778 "out-of-memory" "" BackOff
        meaning "The host has not enough memory for this."
        cause   "Memory pressure on the host."
        advice  "Try again later; free memory on the host or move machines away.";
    32779 "file-not-found" "" Never
        meaning "A file that the method needs is not there."
        cause   "The path belongs to another node or host, or the file was moved."
        advice  "Check the path on the host itself.";
};

/// The family of the creation of reference points and of the methods on collections.
pub(super) static DMTF: &[Code] = codes! {
    0 "completed" "" Never
        meaning "The method has done its work."
        cause   "It finished at once, so there is no job."
        advice  "Nothing to do.";
    1 "not-supported" "" Never
        meaning "Hyper-V does not do this for this machine, group or point."
        cause   "A kind of point, machine version or disk without support, or an old host."
        advice  "See the kind of point and machine; check the host's Windows version.";
    2 "failed" "" Never
        meaning "The method failed and the number says no more."
        cause   "Anything; the details are only in the host's log."
        advice  "Read the log Microsoft-Windows-Hyper-V-VMMS-Admin on the host.";
    3 "timeout" "" CreateOnly
        meaning "The method took longer than Hyper-V allows."
        cause   "Slow VSS writers inside a guest, or slow storage."
        advice  "Look for what it may have left behind, then try again.";
    4 "invalid-parameter" "" Never
        meaning "Hyper-V refused a parameter."
        cause   "Malformed settings, a wrong kind of point, or a base or disk that does not belong here."
        advice  "Check the values; `--dump` shows what was sent.";
    5 "invalid-state" "" BackOff
        meaning "The machine, group or point is not in a state that allows this."
        cause   "A checkpoint or merge is pending, or a machine is migrating."
        advice  "Wait until no operation is in progress, then try again.";
    6 "invalid-type" "" Never
        meaning "Hyper-V got an object of another class than it expects."
        cause   "The class of a reference or of embedded settings is wrong."
        advice  "This is a defect on our side: report it with `--dump`.";
    4096 "job-started" "" Never
        meaning "The method was accepted and a job does the work."
        cause   "Work that takes time runs as a job on the host."
        advice  "Follow the job to its end; the new object is found through the job.";
};

/// The family of Msvm_ConcreteJob.RequestStateChange.
pub(super) static CONCRETE_JOB: &[Code] = codes! {
    0 "completed" "" Never
        meaning "The job has taken the new state."
        cause   "The change was immediate."
        advice  "Nothing to do; read the job once more.";
    1 "not-supported" "" Never
        meaning "This job cannot be changed in this way."
        cause   "The kind of job offers no cancel, suspend or kill."
        advice  "Let it run to its end.";
    2 "unknown-error" "" Never
        meaning "The job could not be changed, for an unknown reason."
        cause   "The host gives no reason."
        advice  "Read the job again; if it still runs, see the Hyper-V-VMMS Admin log.";
    3 "cannot-complete-in-time" "" Never
        meaning "The change cannot be made in the time that was given."
        cause   "The job is in a part of its work that it cannot leave quickly."
        advice  "Read the job again in a minute; it may still end.";
    4 "failed" "" Never
        meaning "The change of state failed."
        cause   "The host tried and could not."
        advice  "Read the job again; if it still runs, try once more or let it end.";
    5 "invalid-parameter" "" Never
        meaning "The wanted state or the time limit is not acceptable."
        cause   "A state that this job does not know."
        advice  "Use terminate; kill only as a last resort.";
    6 "in-use" "" BackOff
        meaning "Something else is using the job."
        cause   "Another change of state is under way, perhaps by another operator."
        advice  "Read the job again before doing anything more.";
    4096 "transition-started" "" Never
        meaning "The change was accepted and is under way."
        cause   "Stopping takes time: the job first cleans up."
        advice  "Keep following the job until it has ended; cancelled jobs end as terminated.";
    4097 "invalid-transition" "" Never
        meaning "The job cannot go from its present state to the wanted one."
        cause   "It has already ended, or cannot be cancelled at this point."
        advice  "Read the job again; it may be done.";
    4098 "timeout-parameter-not-supported" "" Never
        meaning "This job takes no time limit with a change of state."
        cause   "A time limit was sent along."
        advice  "Ask again without a time limit.";
    4099 "busy" "" BackOff
        meaning "The job is busy with something that cannot be interrupted."
        cause   "It is between two steps, for instance while disks are merged."
        advice  "Wait a little, read the job again, then ask again if it still runs.";
};

#[cfg(test)]
mod tests {
    use super::super::code::tests::{assert_sound, assert_text};
    use super::*;

    fn name(family: ReturnFamily, number: u32) -> &'static str {
        return_value(family, number).name()
    }

    #[test]
    fn the_tables_are_sound() {
        for table in [HYPERV, DMTF, CONCRETE_JOB] {
            assert_sound(table);
        }
    }

    #[test]
    fn hyperv_numbers_have_their_documented_names() {
        for (number, expected) in [
            (0, "completed"),
            (4096, "job-started"),
            (32768, "failed"),
            (32769, "access-denied"),
            (32770, "not-supported"),
            (32771, "status-unknown"),
            (32772, "timeout"),
            (32773, "invalid-parameter"),
            (32774, "in-use"),
            (32775, "invalid-state"),
            (32776, "incorrect-data-type"),
            (32777, "not-available"),
            (32778, "out-of-memory"),
            (32779, "file-not-found"),
        ] {
            assert_eq!(name(ReturnFamily::Hyperv, number), expected);
            assert_eq!(name(ReturnFamily::HypervDmtf, number), expected);
            assert_eq!(name(ReturnFamily::HypervAny, number), expected);
            assert_eq!(name(ReturnFamily::Unlisted, number), expected);
        }
        assert_eq!(HYPERV.len(), 14);
    }

    #[test]
    fn small_numbers_depend_on_the_family() {
        let both = |number| (name(ReturnFamily::HypervDmtf, number), name(ReturnFamily::ConcreteJob, number));
        assert_eq!(both(0), ("completed", "completed"));
        assert_eq!(both(1), ("not-supported", "not-supported"));
        assert_eq!(both(2), ("failed", "unknown-error"));
        assert_eq!(both(3), ("timeout", "cannot-complete-in-time"));
        assert_eq!(both(4), ("invalid-parameter", "failed"));
        assert_eq!(both(5), ("invalid-state", "invalid-parameter"));
        assert_eq!(both(6), ("invalid-type", "in-use"));
        assert_eq!(both(4096), ("job-started", "transition-started"));
        assert_eq!(both(4097), ("method-reserved", "invalid-transition"));
        assert_eq!(both(4098), ("method-reserved", "timeout-parameter-not-supported"));
        assert_eq!(both(4099), ("method-reserved", "busy"));
        assert_eq!(both(4100), ("method-reserved", "method-reserved"));
        assert_eq!(DMTF.len() + CONCRETE_JOB.len(), 8 + 11);
    }

    #[test]
    fn a_small_number_means_nothing_where_only_hyperv_numbers_are_listed() {
        assert_eq!(return_value(ReturnFamily::Hyperv, 5), Meaning::Unknown(5));
        assert_eq!(return_value(ReturnFamily::Unlisted, 5), Meaning::Unknown(5));
        assert_eq!(name(ReturnFamily::HypervAny, 5), "invalid-state");
    }

    #[test]
    fn the_vendor_range_of_every_family_is_read_as_hyperv() {
        for family in [ReturnFamily::HypervDmtf, ReturnFamily::ConcreteJob, ReturnFamily::HypervAny] {
            assert_eq!(name(family, 32769), "access-denied");
        }
    }

    #[test]
    fn numbers_outside_of_the_lists_are_told_apart_by_range() {
        assert_eq!(return_value(ReturnFamily::Hyperv, 4097), Meaning::Reserved(4097));
        assert_eq!(return_value(ReturnFamily::HypervDmtf, 32767), Meaning::Reserved(32767));
        assert_eq!(return_value(ReturnFamily::HypervDmtf, 32780), Meaning::Vendor(32780));
        assert_eq!(return_value(ReturnFamily::Hyperv, 65535), Meaning::Vendor(65535));
        assert_eq!(return_value(ReturnFamily::HypervAny, 65536), Meaning::Unknown(65536));
        assert_eq!(return_value(ReturnFamily::HypervDmtf, 7), Meaning::Unknown(7));
    }

    #[test]
    fn an_unlisted_number_is_printed_and_never_repeated() {
        for number in [7, 5000, 40000, 70000] {
            let meaning = return_value(ReturnFamily::HypervDmtf, number);
            assert_eq!(meaning.number(), number);
            assert!(meaning.meaning().contains(&number.to_string()));
            for text in [&*meaning.meaning(), meaning.cause(), meaning.advice()] {
                assert_text(text);
            }
            assert_eq!(meaning.retry(), Retry::Never);
        }
    }

    #[test]
    fn a_meaning_prints_its_number_and_name() {
        assert_eq!(return_value(ReturnFamily::Hyperv, 32769).to_string(), "32769 (access denied)");
        assert_eq!(return_value(ReturnFamily::Hyperv, 5000).to_string(), "5000 (method reserved)");
    }

    #[test]
    fn the_automatic_retries_are_the_documented_ones() {
        let retryable: Vec<u32> = (0..=65535).filter(|&number| is_retryable(number)).collect();
        assert_eq!(retryable, [32771, 32774, 32775, 32777, 32778]);
        let creation: Vec<u32> = (0..=65535).filter(|&number| is_retryable_creation(number)).collect();
        assert_eq!(creation, [32771, 32772, 32774, 32775, 32777, 32778]);
    }

    #[test]
    fn the_table_says_the_same_about_retries_as_the_predicates() {
        for code in HYPERV {
            assert_eq!(code.retry == Retry::BackOff, is_retryable(code.number), "{}", code.name);
            let creation = matches!(code.retry, Retry::BackOff | Retry::CreateOnly);
            assert_eq!(creation, is_retryable_creation(code.number), "{}", code.name);
        }
        for code in DMTF {
            let number = hyperv_equivalent(ReturnFamily::HypervDmtf, code.number);
            assert_eq!(find(HYPERV, number).map(|same| same.retry), Some(code.retry), "{}", code.name);
        }
    }

    #[test]
    fn dmtf_numbers_translate_to_hyperv_numbers() {
        let translated: Vec<u32> =
            (0..=7).map(|number| hyperv_equivalent(ReturnFamily::HypervDmtf, number)).collect();
        assert_eq!(translated, [0, 32770, 32768, 32772, 32773, 32775, 32776, 7]);
        assert_eq!(hyperv_equivalent(ReturnFamily::HypervDmtf, 32774), 32774);
        assert_eq!(hyperv_equivalent(ReturnFamily::Hyperv, 5), 5);
        assert_eq!(hyperv_equivalent(ReturnFamily::ConcreteJob, 6), 32774);
    }
}
