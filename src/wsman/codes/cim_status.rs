//! The CIM status codes, \[DSP0223\] and the `CIMStatusCode` property of CIM_Error and MSFT_WmiError.

use super::code::{Code, codes, find};

/// Finds a CIM status code.
pub fn cim_status(number: u32) -> Option<&'static Code> {
    find(CODES, number)
}

pub(super) static CODES: &[Code] = codes! {
    1 "failed" "CIM_ERR_FAILED" Never
        meaning "The operation failed and the status says no more."
        cause   "Anything inside the provider; the message beside this number tells more."
        advice  "Read the message and the host's Hyper-V-VMMS and WMI-Activity logs.";
    2 "access-denied" "CIM_ERR_ACCESS_DENIED" Never
        meaning "The account may not do this."
        cause   "Missing rights on the namespace, or no Hyper-V administrator."
        advice  "Check group membership and the rights on root/virtualization/v2.";
    3 "invalid-namespace" "CIM_ERR_INVALID_NAMESPACE" Never
        meaning "The namespace does not exist."
        cause   "The Hyper-V role is missing, or `--namespace` is wrong."
        advice  "Check that it is the right host and that the role is installed.";
    4 "invalid-parameter" "CIM_ERR_INVALID_PARAMETER" Never
        meaning "A parameter is not acceptable."
        cause   "A wrong value, or a name that the method does not have."
        advice  "Compare with `refpoint cim describe CLASS`.";
    5 "invalid-class" "CIM_ERR_INVALID_CLASS" Never
        meaning "The class does not exist in this namespace."
        cause   "An older Windows version or a wrong namespace."
        advice  "Use Server 2016 or later and check `--namespace`.";
    6 "not-found" "CIM_ERR_NOT_FOUND" Never
        meaning "The object does not exist."
        cause   "It has gone or moved, or its keys are wrong."
        advice  "Look it up again; on a cluster ask the owning node.";
    7 "not-supported" "CIM_ERR_NOT_SUPPORTED" Never
        meaning "The operation is not supported."
        cause   "The provider or Windows version lacks it."
        advice  "Check the version with `refpoint identify`.";
    8 "class-has-children" "CIM_ERR_CLASS_HAS_CHILDREN" Never
        meaning "The class cannot be changed because other classes derive from it."
        cause   "A class definition was to be changed or deleted."
        advice  "Leave class definitions alone; only objects are managed here.";
    9 "class-has-instances" "CIM_ERR_CLASS_HAS_INSTANCES" Never
        meaning "The class cannot be changed because objects of it exist."
        cause   "A class definition was to be changed or deleted."
        advice  "Leave class definitions alone; only objects are managed here.";
    10 "invalid-superclass" "CIM_ERR_INVALID_SUPERCLASS" Never
        meaning "The parent class does not exist."
        cause   "A class definition names an unknown parent."
        advice  "Check the schema that is being loaded.";
    11 "already-exists" "CIM_ERR_ALREADY_EXISTS" Never
        meaning "The object exists already."
        cause   "It was created before, perhaps by an attempt whose answer got lost."
        advice  "List what exists and use it, or choose another name.";
    12 "no-such-property" "CIM_ERR_NO_SUCH_PROPERTY" Never
        meaning "The class has no such property or parameter."
        cause   "A spelling error, or the host is older than the property."
        advice  "Check the name with `refpoint cim describe CLASS`.";
    13 "type-mismatch" "CIM_ERR_TYPE_MISMATCH" Never
        meaning "A value has the wrong type."
        cause   "A number, text or reference in the wrong place."
        advice  "Compare with `refpoint cim describe CLASS`.";
    14 "query-language-not-supported" "CIM_ERR_QUERY_LANGUAGE_NOT_SUPPORTED" Never
        meaning "The query language is not known there."
        cause   "The host speaks another language than WQL, as foreign stacks may."
        advice  "Check with `refpoint identify` who answers; use WQL on Windows.";
    15 "invalid-query" "CIM_ERR_INVALID_QUERY" Never
        meaning "The query is not valid."
        cause   "A syntax error or an unknown name in the query."
        advice  "Correct the query; double each backslash inside a string.";
    16 "method-not-available" "CIM_ERR_METHOD_NOT_AVAILABLE" Never
        meaning "The method exists but cannot be called on this object."
        cause   "The provider does not offer it here, or not in this state."
        advice  "Check the object's state and the Windows version.";
    17 "method-not-found" "CIM_ERR_METHOD_NOT_FOUND" Never
        meaning "The class has no such method."
        cause   "A spelling error, or the host is older than the method."
        advice  "Check the name with `refpoint cim describe CLASS`.";
    18 "unexpected-response" "CIM_ERR_UNEXPECTED_RESPONSE" Never
        meaning "An answer inside the management layer made no sense."
        cause   "Parts of the host's management software do not fit together."
        advice  "See the WMI-Activity log; bring the host to one patch level.";
    19 "invalid-response-destination" "CIM_ERR_INVALID_RESPONSE_DESTINATION" Never
        meaning "The address for the answer is not valid."
        cause   "An asynchronous answer was asked for at an impossible address."
        advice  "Report it as a bug with `--dump`.";
    20 "namespace-not-empty" "CIM_ERR_NAMESPACE_NOT_EMPTY" Never
        meaning "The namespace cannot be removed because it holds something."
        cause   "A namespace was to be deleted."
        advice  "Leave namespaces alone, or empty it first.";
    21 "invalid-enumeration-context" "CIM_ERR_INVALID_ENUMERATION_CONTEXT" Never
        meaning "The host no longer knows this listing."
        cause   "It expired between two pages or ended already."
        advice  "Start the listing again from the beginning.";
    22 "invalid-operation-timeout" "CIM_ERR_INVALID_OPERATION_TIMEOUT" Never
        meaning "The time-out is not acceptable."
        cause   "It is zero, negative or above what the host allows."
        advice  "Correct `--operation-timeout`; 60s is the usual value.";
    23 "pull-has-been-abandoned" "CIM_ERR_PULL_HAS_BEEN_ABANDONED" Never
        meaning "The listing was given up before this page."
        cause   "The other side closed it while the page was prepared."
        advice  "Start the listing again from the beginning.";
    24 "pull-cannot-be-abandoned" "CIM_ERR_PULL_CANNOT_BE_ABANDONED" Never
        meaning "A page in preparation could not be stopped."
        cause   "The provider does not allow to interrupt it."
        advice  "Wait until it ends; the listing expires by itself.";
    25 "filtered-enumeration-not-supported" "CIM_ERR_FILTERED_ENUMERATION_NOT_SUPPORTED" Never
        meaning "The provider cannot list with a filter."
        cause   "This class or stack takes no filter."
        advice  "List without a filter and select on this side.";
    26 "continuation-on-error-not-supported" "CIM_ERR_CONTINUATION_ON_ERROR_NOT_SUPPORTED" Never
        meaning "The provider cannot go on after an error in a listing."
        cause   "Continuing was asked for and is not offered."
        advice  "Start the listing again without that request.";
    27 "server-limits-exceeded" "CIM_ERR_SERVER_LIMITS_EXCEEDED" BackOff
        meaning "A limit of the server is reached."
        cause   "WinRM quotas report themselves in this way: too many requests by this account or on this \
                host."
        advice  "Lower the concurrency, wait, and read the inner code to see which quota it is.";
    28 "server-is-shutting-down" "CIM_ERR_SERVER_IS_SHUTTING_DOWN" BackOff
        meaning "The server is shutting down."
        cause   "The host or its management service is being stopped or restarted."
        advice  "Wait until it is back, then look what became of running jobs.";
    29 "query-feature-not-supported" "CIM_ERR_QUERY_FEATURE_NOT_SUPPORTED" Never
        meaning "The query uses something that this server cannot do."
        cause   "A WQL feature outside of what the provider implements."
        advice  "Write a simpler query and select the rest on this side.";
};

#[cfg(test)]
mod tests {
    use super::super::Retry;
    use super::super::code::tests::assert_sound;
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert_sound(CODES);
    }

    #[test]
    fn the_table_runs_from_1_to_29_without_a_gap() {
        let numbers: Vec<u32> = CODES.iter().map(|code| code.number).collect();
        assert_eq!(numbers, (1..=29).collect::<Vec<u32>>());
        assert_eq!(cim_status(0), None);
    }

    #[test]
    fn symbols_stand_beside_their_numbers() {
        for (number, symbol) in [
            (2, "CIM_ERR_ACCESS_DENIED"),
            (6, "CIM_ERR_NOT_FOUND"),
            (12, "CIM_ERR_NO_SUCH_PROPERTY"),
            (17, "CIM_ERR_METHOD_NOT_FOUND"),
            (21, "CIM_ERR_INVALID_ENUMERATION_CONTEXT"),
            (29, "CIM_ERR_QUERY_FEATURE_NOT_SUPPORTED"),
        ] {
            assert_eq!(cim_status(number).map(|code| code.symbol), Some(symbol));
        }
    }

    #[test]
    fn only_limits_and_a_shutdown_pass_by_themselves() {
        let passing: Vec<u32> =
            CODES.iter().filter(|code| code.retry != Retry::Never).map(|code| code.number).collect();
        assert_eq!(passing, [27, 28]);
    }
}
