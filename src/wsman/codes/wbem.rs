//! The HRESULTs of WMI that pass through WinRM, MSDOC "WMI Error Constants".

use super::code::{Code, codes, find};

/// Finds a code of WMI, such as 0x80041003, by its full number.
pub fn wbem(number: u32) -> Option<&'static Code> {
    find(CODES, number)
}

pub(super) static CODES: &[Code] = codes! {
    0x8004_1001 "failed" "WBEM_E_FAILED" Never
        meaning "WMI reports a failure and no reason."
        cause   "Anything inside the provider; the reason is in the host's log."
        advice  "See the Hyper-V-VMMS Admin and WMI-Activity logs of the host at that time.";
    0x8004_1002 "not-found" "WBEM_E_NOT_FOUND" Never
        meaning "The object does not exist."
        cause   "The job or object has gone, or the machine moved to another node."
        advice  "Look it up again; on a cluster ask the node that owns the machine.";
    0x8004_1003 "access-denied" "WBEM_E_ACCESS_DENIED" Never
        meaning "WMI or the provider refuses this account."
        cause   "Missing rights on the WMI namespace, or no Hyper-V administrator."
        advice  "Add the account to Hyper-V Administrators and check Remote Enable on \
                root/virtualization/v2.";
    0x8004_1004 "provider-failure" "WBEM_E_PROVIDER_FAILURE" Once
        meaning "The provider failed somewhere other than in its start-up."
        cause   "A hiccup of the Hyper-V provider, or a defect in it."
        advice  "One repetition is reasonable for reading; then see the WMI-Activity log.";
    0x8004_1005 "type-mismatch" "WBEM_E_TYPE_MISMATCH" Never
        meaning "A value has the wrong type."
        cause   "A parameter or property was sent as another type than the class declares."
        advice  "Compare with `refpoint cim describe CLASS`.";
    0x8004_1006 "out-of-memory" "WBEM_E_OUT_OF_MEMORY" BackOff
        meaning "WMI on the host has not enough memory."
        cause   "Memory pressure, or the provider host process is at its own limit."
        advice  "Wait; if it repeats, look at the memory of WmiPrvSE.exe and at the WMI provider quotas.";
    0x8004_1008 "invalid-parameter" "WBEM_E_INVALID_PARAMETER" Never
        meaning "WMI refuses a parameter."
        cause   "A value that the call or the class does not accept."
        advice  "Check the parameters with `refpoint cim describe CLASS`.";
    0x8004_100A "critical-error" "WBEM_E_CRITICAL_ERROR" Never
        meaning "WMI hit a serious internal error."
        cause   "WMI or its repository on the host is damaged or out of resources."
        advice  "Check the host with `winmgmt /verifyrepository` and its Application log before anything \
                else.";
    0x8004_100C "not-supported" "WBEM_E_NOT_SUPPORTED" Never
        meaning "The provider does not support this."
        cause   "The feature or operation does not exist on this Windows version."
        advice  "Check the version with `refpoint identify`.";
    0x8004_100E "invalid-namespace" "WBEM_E_INVALID_NAMESPACE" Never
        meaning "The namespace does not exist on this host."
        cause   "The Hyper-V role is not installed or was removed, or this is the wrong host."
        advice  "Check that it is the right host and that the Hyper-V role with its management tools is \
                installed.";
    0x8004_1010 "invalid-class" "WBEM_E_INVALID_CLASS" Never
        meaning "The class does not exist on this host."
        cause   "Windows is older than Server 2016, or the namespace is wrong."
        advice  "Use a host with Server 2016 or later and the namespace root/virtualization/v2.";
    0x8004_1011 "provider-not-found" "WBEM_E_PROVIDER_NOT_FOUND" Never
        meaning "The provider of this class is not registered."
        cause   "The Hyper-V role or its WMI provider is installed incompletely."
        advice  "Repair or reinstall the Hyper-V role's management components on the host.";
    0x8004_1013 "provider-load-failure" "WBEM_E_PROVIDER_LOAD_FAILURE" BackOff
        meaning "The provider could not be loaded."
        cause   "The Hyper-V management service (vmms) or WMI is restarting, or the provider is damaged."
        advice  "Wait and try again; then check that vmms runs.";
    0x8004_1014 "initialization-failure" "WBEM_E_INITIALIZATION_FAILURE" Once
        meaning "The provider or WMI could not start up."
        cause   "The service is starting, or something it depends on is missing."
        advice  "Try again once after a minute; then check vmms and WMI on the host.";
    0x8004_1015 "transport-failure" "WBEM_E_TRANSPORT_FAILURE" Once
        meaning "WMI lost a connection inside or between hosts."
        cause   "A network or RPC problem behind WinRM, for instance towards another cluster node."
        advice  "Try again once; then check name resolution and RPC between the nodes.";
    0x8004_1016 "invalid-operation" "WBEM_E_INVALID_OPERATION" Never
        meaning "The operation is not valid here."
        cause   "The object or class does not offer it in its present form."
        advice  "Check what the class offers with `refpoint cim describe CLASS`.";
    0x8004_1017 "invalid-query" "WBEM_E_INVALID_QUERY" Never
        meaning "The query is not valid WQL."
        cause   "A syntax error, an unknown property or a missing quote."
        advice  "Correct the query; double each backslash inside a string.";
    0x8004_1018 "invalid-query-type" "WBEM_E_INVALID_QUERY_TYPE" Never
        meaning "WMI does not know the query language."
        cause   "A language other than WQL was asked for."
        advice  "Use WQL.";
    0x8004_1019 "already-exists" "WBEM_E_ALREADY_EXISTS" Never
        meaning "The object exists already."
        cause   "It was created before, perhaps by an attempt whose answer got lost."
        advice  "List what exists and use it, or choose another name.";
    0x8004_1024 "provider-not-capable" "WBEM_E_PROVIDER_NOT_CAPABLE" Never
        meaning "The provider cannot do this operation."
        cause   "For instance writing or deleting an object that only methods can change."
        advice  "Use the method that the class offers for it.";
    0x8004_102E "invalid-method" "WBEM_E_INVALID_METHOD" Never
        meaning "The class has no such method."
        cause   "A spelling error, or the host is older than the method."
        advice  "Check the name with `refpoint cim describe CLASS` and the Windows version.";
    0x8004_102F "invalid-method-parameters" "WBEM_E_INVALID_METHOD_PARAMETERS" Never
        meaning "The parameters do not fit the method."
        cause   "Keys of the object are missing, a parameter name is wrong, or the host is older than the \
                parameter."
        advice  "Check the host's Windows version; otherwise report it with `--dump`.";
    0x8004_1032 "call-cancelled" "WBEM_E_CALL_CANCELLED" BackOff
        meaning "The call was cancelled on the host."
        cause   "WMI or the Hyper-V management service was restarting, or somebody cancelled it."
        advice  "Reading is repeated. After a method call look for its job or result first.";
    0x8004_1033 "shutting-down" "WBEM_E_SHUTTING_DOWN" BackOff
        meaning "WMI on the host is shutting down."
        cause   "The host or its WMI service is being stopped or restarted."
        advice  "Wait until the host is back, then look what became of running jobs.";
    0x8004_103A "invalid-object-path" "WBEM_E_INVALID_OBJECT_PATH" Never
        meaning "The path of the object is not valid."
        cause   "A malformed reference, or keys copied incompletely."
        advice  "Look the object up again and copy its keys exactly.";
    0x8004_103B "out-of-disk-space" "WBEM_E_OUT_OF_DISK_SPACE" Never
        meaning "The host has no disk space left for WMI."
        cause   "The system volume is full, or the WMI repository is at its limit."
        advice  "Free space on the host's system volume.";
    0x8004_1045 "server-too-busy" "WBEM_E_SERVER_TOO_BUSY" BackOff
        meaning "WMI is too busy to take the request."
        cause   "Many clients or a slow provider."
        advice  "Lower the concurrency for this host and wait.";
    0x8004_1055 "method-not-implemented" "WBEM_E_METHOD_NOT_IMPLEMENTED" Never
        meaning "The method is declared but does nothing here."
        cause   "This Windows version or class does not implement it."
        advice  "Use another way; for jobs RequestStateChange instead of KillJob.";
    0x8004_1057 "method-disabled" "WBEM_E_METHOD_DISABLED" Never
        meaning "The method is disabled."
        cause   "The class marks it as switched off on this version."
        advice  "Use another way or a newer Windows version.";
    0x8004_1058 "unparsable-query" "WBEM_E_UNPARSABLE_QUERY" Never
        meaning "WMI cannot parse the query."
        cause   "A WQL syntax error or a missing quote."
        advice  "Correct the query; double each backslash inside a string.";
    0x8004_1062 "privilege-not-held" "WBEM_E_PRIVILEGE_NOT_HELD" Never
        meaning "The account lacks a Windows privilege that is needed."
        cause   "The operation wants more than group membership, for instance the backup privilege."
        advice  "Grant the right on the host or use an administrator.";
    0x8004_1069 "timed-out" "WBEM_E_TIMED_OUT" RepeatableOnly
        meaning "The operation took too long for WMI."
        cause   "A slow provider or a busy host. A method may still be running."
        advice  "Reading is repeated. After a method call look for its job or result first.";
    0x8004_106C "quota-violation" "WBEM_E_QUOTA_VIOLATION" BackOff
        meaning "A WMI quota of the host is used up."
        cause   "Too many objects, handles or memory in use by WMI clients on that host."
        advice  "Lower the concurrency, ask for less at once, and wait.";
    0x8004_1081 "provider-suspended" "WBEM_E_PROVIDER_SUSPENDED" BackOff
        meaning "The provider is suspended for the moment."
        cause   "Windows has paused it, for instance after failures."
        advice  "Wait and try again; if it stays, restart vmms or WMI in a quiet hour.";
    0x8004_1088 "provider-timed-out" "WBEM_E_PROVIDER_TIMED_OUT" RepeatableOnly
        meaning "The provider did not answer WMI in time."
        cause   "Hyper-V management is slow or hangs. A method may still be running."
        advice  "Reading is repeated. After a method call look for its job or result first.";
    0x8004_3001 "retry-later" "WBEM_E_RETRY_LATER" BackOff
        meaning "WMI asks to come back later."
        cause   "The resource is not ready yet."
        advice  "Wait and try again.";
    0x8004_3002 "resource-contention" "WBEM_E_RESOURCE_CONTENTION" BackOff
        meaning "Something else is using the resource that WMI needs."
        cause   "Two operations meet at the same object."
        advice  "Wait and try again; see which jobs run with `refpoint job list`.";
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
    fn the_table_holds_exactly_the_documented_numbers() {
        const DOCUMENTED: &[u32] = &[
            2_147_749_889,
            2_147_749_890,
            2_147_749_891,
            2_147_749_892,
            2_147_749_893,
            2_147_749_894,
            2_147_749_896,
            2_147_749_898,
            2_147_749_900,
            2_147_749_902,
            2_147_749_904,
            2_147_749_905,
            2_147_749_907,
            2_147_749_908,
            2_147_749_909,
            2_147_749_910,
            2_147_749_911,
            2_147_749_912,
            2_147_749_913,
            2_147_749_924,
            2_147_749_934,
            2_147_749_935,
            2_147_749_938,
            2_147_749_939,
            2_147_749_946,
            2_147_749_947,
            2_147_749_957,
            2_147_749_973,
            2_147_749_975,
            2_147_749_976,
            2_147_749_986,
            2_147_749_993,
            2_147_749_996,
            2_147_750_017,
            2_147_750_024,
            2_147_758_081,
            2_147_758_082,
        ];
        let numbers: Vec<u32> = CODES.iter().map(|code| code.number).collect();
        assert_eq!(numbers, DOCUMENTED);
    }

    #[test]
    fn symbols_stand_beside_their_numbers() {
        for (number, symbol) in [
            (0x8004_1002, "WBEM_E_NOT_FOUND"),
            (0x8004_1003, "WBEM_E_ACCESS_DENIED"),
            (0x8004_100E, "WBEM_E_INVALID_NAMESPACE"),
            (0x8004_1010, "WBEM_E_INVALID_CLASS"),
            (0x8004_1013, "WBEM_E_PROVIDER_LOAD_FAILURE"),
            (0x8004_102F, "WBEM_E_INVALID_METHOD_PARAMETERS"),
            (0x8004_1033, "WBEM_E_SHUTTING_DOWN"),
            (0x8004_1069, "WBEM_E_TIMED_OUT"),
            (0x8004_106C, "WBEM_E_QUOTA_VIOLATION"),
            (0x8004_3002, "WBEM_E_RESOURCE_CONTENTION"),
        ] {
            assert_eq!(wbem(number).map(|code| code.symbol), Some(symbol));
        }
    }

    #[test]
    fn after_a_timeout_of_wmi_only_repeatable_operations_are_repeated() {
        for number in [0x8004_1069, 0x8004_1088] {
            assert_eq!(wbem(number).map(|code| code.retry), Some(Retry::RepeatableOnly));
        }
    }

    #[test]
    fn a_number_that_is_not_listed_is_not_guessed() {
        assert_eq!(wbem(0x8004_1000), None);
        assert_eq!(wbem(3), None);
    }
}
