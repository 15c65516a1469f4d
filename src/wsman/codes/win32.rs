//! The codes of Windows itself that reach us in faults, job errors and messages: `winerror.h` and `vss.h`.
//!
//! Plain Win32 numbers are listed as they are and also found in their HRESULT form, 0x8007xxxx. The other
//! rows are whole HRESULTs: SSPI, the shadow copy service (0x800423xx), the virtual disk layer (0xC03A00xx).

use super::code::{Code, codes, find};

/// Finds a code of Windows by its number, be it plain (5) or an HRESULT (0x80070005).
///
/// A number of the shadow copy service or of the virtual disk layer that is not listed is described by the
/// first row of its range, `vss-error` or `virtual-disk-error`, whose own number is the start of the range.
pub fn win32(number: u32) -> Option<&'static Code> {
    find(CODES, unwrap_hresult(number)).or_else(|| find(CODES, range_start(number)?))
}

/// Returns the Win32 number inside an HRESULT of facility WIN32, or the number itself.
fn unwrap_hresult(number: u32) -> u32 {
    if number >> 16 == 0x8007 { number & 0xFFFF } else { number }
}

fn range_start(number: u32) -> Option<u32> {
    match number {
        0x8004_2300..=0x8004_23FF => Some(0x8004_2300),
        0xC03A_0000..=0xC03A_FFFF => Some(0xC03A_0000),
        _ => None,
    }
}

pub(super) static CODES: &[Code] = codes! {
    2 "file-not-found" "ERROR_FILE_NOT_FOUND" Never
        meaning "A file does not exist on the host."
        cause   "A disk or configuration file was moved or deleted, or the path is another node's."
        advice  "Check the path on the host itself.";
    3 "path-not-found" "ERROR_PATH_NOT_FOUND" Never
        meaning "The directory does not exist on the host."
        cause   "The export directory, or one above it, is missing as the host sees it."
        advice  "Create the directory on the host; write the path as the host sees it, not as this machine \
                does.";
    5 "access-denied" "ERROR_ACCESS_DENIED" Never
        meaning "Access was denied."
        cause   "No membership in Remote Management Users or Administrators, a local account cut down by \
                UAC, or no rights on the export directory."
        advice  "Check the groups; for local accounts LocalAccountTokenFilterPolicy or a domain account; on \
                a share give the host's computer account full control.";
    8 "not-enough-memory" "ERROR_NOT_ENOUGH_MEMORY" BackOff
        meaning "The host has not enough memory for this."
        cause   "Memory pressure on the host."
        advice  "Try again later; free memory on the host.";
    14 "no-memory" "ERROR_OUTOFMEMORY" BackOff
        meaning "The host ran out of memory."
        cause   "Memory pressure on the host."
        advice  "Try again later; free memory on the host.";
    32 "sharing-violation" "ERROR_SHARING_VIOLATION" BackOff
        meaning "A file is in use by something else."
        cause   "A disk merge, a virus scanner or another backup holds a disk file open."
        advice  "Wait for merges and other backups to end; exclude the machine's files from virus scanning.";
    33 "lock-violation" "ERROR_LOCK_VIOLATION" BackOff
        meaning "Part of a file is locked by something else."
        cause   "Another program works on the same disk file."
        advice  "Wait until other backups or copies have ended.";
    50 "not-supported" "ERROR_NOT_SUPPORTED" Never
        meaning "Windows does not support this operation."
        cause   "The file system, share or disk type cannot do what was asked."
        advice  "Check on what kind of volume or share the files lie.";
    53 "bad-net-path" "ERROR_BAD_NETPATH" Never
        meaning "The server of the network path cannot be found."
        cause   "The name in the export path does not resolve for the host, or that server is down."
        advice  "Try the path on the host itself, and check its DNS.";
    64 "net-name-deleted" "ERROR_NETNAME_DELETED" RepeatableOnly
        meaning "The connection to the share was lost."
        cause   "The file server restarted or the network broke during the copy."
        advice  "Check the file server, clear the directory, and start the export again.";
    67 "bad-net-name" "ERROR_BAD_NET_NAME" Never
        meaning "The share does not exist on that server."
        cause   "A spelling error in the export path, or the share was removed."
        advice  "Correct the path; try it on the host itself.";
    80 "file-exists" "ERROR_FILE_EXISTS" Never
        meaning "A file of this name is already there."
        cause   "An old export lies in the directory, or an AutoRecovery.avhdx was left behind."
        advice  "Export to a fresh, empty directory; remove left-overs beside the machine's disks with \
                care.";
    87 "invalid-parameter" "ERROR_INVALID_PARAMETER" Never
        meaning "A parameter is not valid."
        cause   "A value that Windows or the provider cannot use."
        advice  "Check paths and identifiers; `--dump` shows what was sent.";
    112 "disk-full" "ERROR_DISK_FULL" Never
        meaning "The disk is full."
        cause   "The export directory's volume, or the machine's own one, has no space left."
        advice  "Free space or choose another directory, and remove the incomplete export.";
    145 "dir-not-empty" "ERROR_DIR_NOT_EMPTY" Never
        meaning "The directory is not empty."
        cause   "It holds files of an earlier export."
        advice  "Export to a fresh, empty directory.";
    170 "busy" "ERROR_BUSY" BackOff
        meaning "The resource is busy."
        cause   "Another operation is using it."
        advice  "Wait and try again.";
    183 "already-exists" "ERROR_ALREADY_EXISTS" Never
        meaning "An object or file of this name exists already."
        cause   "An earlier attempt left it."
        advice  "Use a fresh directory or another name.";
    206 "filename-too-long" "ERROR_FILENAME_EXCED_RANGE" Never
        meaning "A path is too long."
        cause   "A deep export directory and long machine names together."
        advice  "Export to a shorter path.";
    267 "not-a-directory" "ERROR_DIRECTORY" Never
        meaning "The path is not a directory."
        cause   "The export path names a file or has forbidden characters."
        advice  "Correct the path.";
    665 "file-system-limitation" "ERROR_FILE_SYSTEM_LIMITATION" Never
        meaning "A limit of the file system was met."
        cause   "A very fragmented disk file or a state of ReFS or NTFS; with event 19100 a disk merge \
                failed by it."
        advice  "Check the volume; copying the file afresh or moving the machine's storage clears the \
                fragmentation.";
    995 "operation-aborted" "ERROR_OPERATION_ABORTED" RepeatableOnly
        meaning "The operation was broken off."
        cause   "The service stopped, or the connection under it was closed."
        advice  "Reading is repeated. After a method call look for its job or result first.";
    1168 "not-found" "ERROR_NOT_FOUND" Never
        meaning "What was looked for does not exist."
        cause   "An object or entry has gone on the host."
        advice  "Look it up again.";
    1326 "logon-failure" "ERROR_LOGON_FAILURE" Never
        meaning "User name or password is wrong."
        cause   "A spelling error, a changed password, or the wrong domain."
        advice  "Check user, domain and password; repeated attempts may lock the account.";
    1327 "account-restriction" "ERROR_ACCOUNT_RESTRICTION" Never
        meaning "A policy forbids this account to log on so."
        cause   "Often the group NT VIRTUAL MACHINE, Virtual Machines, has lost the right Log on as a \
                service through a group policy."
        advice  "Give that right back in the policy, run gpupdate on the host, and try again.";
    1330 "password-expired" "ERROR_PASSWORD_EXPIRED" Never
        meaning "The password has expired."
        cause   "The account's password is older than the policy allows."
        advice  "Set a new password for the account.";
    1331 "account-disabled" "ERROR_ACCOUNT_DISABLED" Never
        meaning "The account is disabled."
        cause   "Somebody or a policy has switched it off."
        advice  "Enable it or use another account.";
    1359 "internal-error" "ERROR_INTERNAL_ERROR" Once
        meaning "Windows reports an internal error."
        cause   "A service on the host failed without saying how."
        advice  "One repetition is reasonable for reading; then see the System and WinRM logs of the host.";
    1385 "logon-type-not-granted" "ERROR_LOGON_TYPE_NOT_GRANTED" Never
        meaning "The account lacks the right for this type of logon."
        cause   "Often the group NT VIRTUAL MACHINE, Virtual Machines, has lost the right Log on as a \
                service through a group policy."
        advice  "Give that right back in the policy, run gpupdate on the host, and try again.";
    1398 "time-skew" "ERROR_TIME_SKEW" Never
        meaning "The clocks differ too much."
        cause   "Client, host or domain controller shows the wrong time."
        advice  "Bring the clocks together (NTP), then log in again.";
    1450 "no-system-resources" "ERROR_NO_SYSTEM_RESOURCES" BackOff
        meaning "Windows is short of system resources."
        cause   "The host is overloaded."
        advice  "Try again later with fewer parallel operations.";
    1460 "timeout" "ERROR_TIMEOUT" RepeatableOnly
        meaning "The operation took too long."
        cause   "A slow service or storage. It may still be running."
        advice  "Reading is repeated. After a method call look for its job or result first.";
    1722 "rpc-server-unavailable" "ERROR_RPC_SERVER_UNAVAILABLE" BackOff
        meaning "A service behind WinRM cannot be reached."
        cause   "The service vmms or WMI is stopped, or another node does not answer."
        advice  "Check that vmms and WMI run and that the nodes reach each other.";
    1726 "rpc-call-failed" "RPC_S_CALL_FAILED" RepeatableOnly
        meaning "A service behind WinRM broke off half-way."
        cause   "The service vmms or WMI ended while it was at work. It may have begun, or finished."
        advice  "Reading is repeated. After a method call look for its job or result first.";
    1909 "account-locked-out" "ERROR_ACCOUNT_LOCKED_OUT" Never
        meaning "The account is locked."
        cause   "Too many failed logins."
        advice  "Unlock it and find who used the wrong password before trying again.";
    0x8000_4005 "unspecified-failure" "E_FAIL" Never
        meaning "Something failed and the number says no more."
        cause   "Anything; the text beside the number and the host's log tell more."
        advice  "Read the job's errors and the Hyper-V-VMMS Admin log of the host.";
    0x8004_2300 "vss-error" "" Never
        meaning "The shadow copy service or one of its writers failed."
        cause   "Usually a writer inside the guest."
        advice  "See the guest's Application log and `vssadmin list writers`; a crash consistent point is \
                the way round if you may use it.";
    0x8004_2301 "vss-bad-state" "VSS_E_BAD_STATE" Never
        meaning "The shadow copy service was called in the wrong order."
        cause   "Another backup program is in the middle of its work, or was broken off."
        advice  "End the other backup; restarting the VSS service in the guest clears a broken one.";
    0x8004_2302 "vss-unexpected" "VSS_E_UNEXPECTED" Never
        meaning "The shadow copy service met an unexpected error."
        cause   "Something below it failed, mostly storage or rights."
        advice  "See the VSS entries in the Application log for the real cause.";
    0x8004_2306 "vss-provider-veto" "VSS_E_PROVIDER_VETO" Never
        meaning "The shadow copy provider refused."
        cause   "Too little space for shadow copies, or a provider's own trouble."
        advice  "See the VSS and volsnap entries in the logs; free space on the volume.";
    0x8004_2308 "vss-object-not-found" "VSS_E_OBJECT_NOT_FOUND" Never
        meaning "The shadow copy or volume does not exist."
        cause   "A volume vanished, or an old shadow copy is referred to."
        advice  "Check the guest's volumes, then try again.";
    0x8004_230C "vss-volume-not-supported" "VSS_E_VOLUME_NOT_SUPPORTED" Never
        meaning "A volume cannot take shadow copies."
        cause   "For instance FAT, or a disk type that VSS does not cover."
        advice  "Leave that disk out or use a crash consistent point.";
    0x8004_230F "vss-unexpected-provider-error" "VSS_E_UNEXPECTED_PROVIDER_ERROR" Never
        meaning "The shadow copy provider met an unexpected error."
        cause   "A hardware or software provider in the guest or host."
        advice  "See the VSS log entries; take third-party providers out of play.";
    0x8004_2313 "vss-flush-writes-timeout" "VSS_E_FLUSH_WRITES_TIMEOUT" Once
        meaning "The volume could not be quieted in time."
        cause   "Heavy writing in the guest or slow storage."
        advice  "Try again in a quieter hour.";
    0x8004_2314 "vss-hold-writes-timeout" "VSS_E_HOLD_WRITES_TIMEOUT" Once
        meaning "The volume could not be held quiet long enough."
        cause   "Heavy writing in the guest or slow storage."
        advice  "Try again in a quieter hour.";
    0x8004_2316 "vss-snapshot-set-in-progress" "VSS_E_SNAPSHOT_SET_IN_PROGRESS" BackOff
        meaning "Another shadow copy is being made."
        cause   "A second backup works on the same guest or host."
        advice  "Wait until it has ended; move the schedules apart.";
    0x8004_2317 "vss-maximum-number-of-snapshots-reached" "VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED" Never
        meaning "The volume has as many shadow copies as it may."
        cause   "Old shadow copies were never removed."
        advice  "Remove old ones with `vssadmin delete shadows` after checking who needs them.";
    0x8004_2318 "vss-writer-infrastructure" "VSS_E_WRITER_INFRASTRUCTURE" Never
        meaning "The writers could not be contacted."
        cause   "The VSS or COM+ event service in the guest is not working."
        advice  "Check and restart both services in the guest.";
    0x8004_2319 "vss-writer-not-responding" "VSS_E_WRITER_NOT_RESPONDING" Never
        meaning "A writer did not answer."
        cause   "A service in the guest hangs."
        advice  "See `vssadmin list writers` in the guest and restart the service of the writer that \
                failed.";
    0x8004_231F "vss-insufficient-storage" "VSS_E_INSUFFICIENT_STORAGE" Never
        meaning "There is not enough space for shadow copies."
        cause   "The guest's volume or its shadow storage is full."
        advice  "Free space in the guest or enlarge the shadow storage.";
    0x8004_23F0 "vss-writer-error-inconsistent-snapshot" "VSS_E_WRITERERROR_INCONSISTENTSNAPSHOT" Never
        meaning "The shadow copy does not cover all that a writer needs."
        cause   "An application's files lie partly on volumes left out."
        advice  "Include all of its disks.";
    0x8004_23F1 "vss-writer-error-out-of-resources" "VSS_E_WRITERERROR_OUTOFRESOURCES" Once
        meaning "A writer ran out of memory or other resources."
        cause   "The guest is overloaded or its disk is full."
        advice  "Give the guest some air, then try again.";
    0x8004_23F2 "vss-writer-error-timeout" "VSS_E_WRITERERROR_TIMEOUT" Once
        meaning "A writer took too long to quiet its application."
        cause   "Heavy load in the guest or slow storage."
        advice  "Try again in a quieter hour; see the guest's Application log.";
    0x8004_23F3 "vss-writer-error-retryable" "VSS_E_WRITERERROR_RETRYABLE" BackOff
        meaning "A writer failed for a passing reason."
        cause   "The application in the guest was busy."
        advice  "Try again a little later; see `vssadmin list writers` in the guest.";
    0x8004_23F4 "vss-writer-error-non-retryable" "VSS_E_WRITERERROR_NONRETRYABLE" Never
        meaning "A writer failed and will fail again until it is mended."
        cause   "An application in the guest cannot be quieted."
        advice  "See the guest's Application log and `vssadmin list writers`; crash consistent only if you \
                may use it.";
    0x8009_030E "no-credentials" "SEC_E_NO_CREDENTIALS" Never
        meaning "There were no credentials to pass on to a third machine."
        cause   "Delegation is set to Kerberos only, so the host cannot get a ticket for the share."
        advice  "Set constrained delegation to any authentication protocol, or export to a local or cluster \
                volume.";
    0xC03A_0000 "virtual-disk-error" "" Never
        meaning "The virtual disk layer reports an error."
        cause   "A disk file or its chain is damaged, busy or not suited."
        advice  "Check the disk on the host with Test-VHD and Get-VHD.";
    0xC03A_000D "vhd-parent-vhd-not-found" "ERROR_VHD_PARENT_VHD_NOT_FOUND" Never
        meaning "The parent of a differencing disk is missing."
        cause   "A file of the chain was moved, renamed or deleted."
        advice  "Check the chain with Get-VHD and put the parent back.";
    0xC03A_000E "vhd-child-parent-id-mismatch" "ERROR_VHD_CHILD_PARENT_ID_MISMATCH" Never
        meaning "A differencing disk does not belong to its parent."
        cause   "The parent was replaced or changed after the child was made."
        advice  "Check the chain with Get-VHD; bring back the right parent before anything else writes to \
                it.";
    0xC03A_000F "vhd-child-parent-timestamp-mismatch" "ERROR_VHD_CHILD_PARENT_TIMESTAMP_MISMATCH" Never
        meaning "The parent of a differencing disk was changed."
        cause   "Something wrote to the parent after the child was made."
        advice  "Check the chain with Get-VHD; restore the parent if it was really changed.";
    0xC03A_0014 "virtdisk-provider-not-found" "ERROR_VIRTDISK_PROVIDER_NOT_FOUND" Never
        meaning "Windows has no handler for this kind of virtual disk."
        cause   "A .vhd or shared .vhds file, or a file that is no virtual disk."
        advice  "Reference points need .vhdx disks; convert the disk or leave it out.";
    0xC03A_0015 "virtdisk-not-virtual-disk" "ERROR_VIRTDISK_NOT_VIRTUAL_DISK" Never
        meaning "The disk is not a virtual disk."
        cause   "A pass-through or physical disk is attached."
        advice  "Leave that disk out; such disks need a backup of their own.";
    0xC03A_0016 "vhd-parent-vhd-access-denied" "ERROR_VHD_PARENT_VHD_ACCESS_DENIED" Never
        meaning "The parent of a differencing disk may not be opened."
        cause   "The rights on the parent file do not let the machine or host in."
        advice  "Put the rights on the parent file in order on the host.";
    0xC03A_0017 "vhd-child-parent-size-mismatch" "ERROR_VHD_CHILD_PARENT_SIZE_MISMATCH" Never
        meaning "A differencing disk and its parent differ in size."
        cause   "The parent was resized after the child was made."
        advice  "Mend the chain on the host first; no backup can cure it.";
    0xC03A_0018 "vhd-differencing-chain-cycle-detected" "ERROR_VHD_DIFFERENCING_CHAIN_CYCLE_DETECTED" Never
        meaning "The chain of differencing disks runs in a circle."
        cause   "Parent links were set wrongly."
        advice  "Mend the chain on the host first, with Get-VHD and Set-VHD.";
    0xC03A_0019 "vhd-differencing-chain-error-in-parent" "ERROR_VHD_DIFFERENCING_CHAIN_ERROR_IN_PARENT" Never
        meaning "A disk higher up in the chain cannot be used."
        cause   "The parent or its parent is damaged or missing."
        advice  "Check each file of the chain with Test-VHD and mend it first.";
    0xC03A_001A "virtual-disk-limitation" "ERROR_VIRTUAL_DISK_LIMITATION" Never
        meaning "The virtual disk file lies on storage that cannot carry it."
        cause   "The file is compressed, encrypted or sparse."
        advice  "Switch compression, encryption or the sparse flag off for the file on the host.";
    0xC03A_001B "vhd-invalid-type" "ERROR_VHD_INVALID_TYPE" Never
        meaning "This type of virtual disk cannot do what was asked."
        cause   "A .vhd or another older type where .vhdx is needed."
        advice  "Convert the disk to .vhdx or leave it out.";
    0xC03A_001C "vhd-invalid-state" "ERROR_VHD_INVALID_STATE" Never
        meaning "The virtual disk is not in a state for this."
        cause   "It is being merged, resized or was not closed properly."
        advice  "Wait for merges to end and check the disk with Test-VHD.";
    0xC03A_001E "virtdisk-disk-already-owned" "ERROR_VIRTDISK_DISK_ALREADY_OWNED" Never
        meaning "The virtual disk belongs to another user already."
        cause   "Another machine or program has it open."
        advice  "Find who uses the disk before trying again.";
    0xC03A_001F "virtdisk-disk-online-and-writable" "ERROR_VIRTDISK_DISK_ONLINE_AND_WRITABLE" Never
        meaning "The disk is online and writable on the host."
        cause   "It is mounted on the host itself."
        advice  "Take it offline or dismount it on the host.";
    0xC03A_0020 "ctlog-tracking-not-initialized" "ERROR_CTLOG_TRACKING_NOT_INITIALIZED" Never
        meaning "The change log of the disk was never started."
        cause   "Log-based tracking was not set up, or was reset. The base is unusable."
        advice  "Create a new reference point and make a full export.";
    0xC03A_0021 "ctlog-logfile-size-exceeded-maxsize" "ERROR_CTLOG_LOGFILE_SIZE_EXCEEDED_MAXSIZE" Never
        meaning "The change log grew beyond its limit."
        cause   "Too much was written since the base. The base is unusable."
        advice  "Create a new reference point, make a full export, and take points more often.";
    0xC03A_0022 "ctlog-vhd-changed-offline" "ERROR_CTLOG_VHD_CHANGED_OFFLINE" Never
        meaning "The disk was changed while its changes were not tracked."
        cause   "It was mounted, compacted or edited with the machine off. The base is unusable."
        advice  "Create a new reference point and make a full export.";
    0xC03A_0023 "ctlog-invalid-tracking-state" "ERROR_CTLOG_INVALID_TRACKING_STATE" Never
        meaning "The change log is in a state that does not allow this."
        cause   "Tracking was interrupted or is being set up. The base is unusable."
        advice  "Create a new reference point and make a full export.";
    0xC03A_0024 "ctlog-inconsistent-tracking-file" "ERROR_CTLOG_INCONSISTENT_TRACKING_FILE" Never
        meaning "The change log is damaged."
        cause   "The host crashed or the log's storage failed. The base is unusable."
        advice  "Create a new reference point and make a full export.";
    0xC03A_0029 "vhd-invalid-change-tracking-id" "ERROR_VHD_INVALID_CHANGE_TRACKING_ID" Never
        meaning "The disk does not know the base's change tracking id."
        cause   "The disk was converted, compacted, moved or replaced since. The base is unusable."
        advice  "Make a full export (`--base none`) and go on from there.";
    0xC03A_002A "vhd-change-tracking-disabled" "ERROR_VHD_CHANGE_TRACKING_DISABLED" Never
        meaning "Change tracking is switched off for the disk."
        cause   "It was disabled or the disk is new. The base is unusable."
        advice  "Make a full export (`--base none`); see that the new point has tracking ids.";
    0xC03A_0030 "vhd-missing-change-tracking-information"
        "ERROR_VHD_MISSING_CHANGE_TRACKING_INFORMATION" Never
        meaning "The disk has lost the tracking data that the base refers to."
        cause   "The tracking id is unknown by now, as after moves or restores. The base is unusable."
        advice  "Make a full export (`--base none`) and go on from there.";
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
    fn every_code_that_operators_meet_is_listed_under_its_own_symbol() {
        for (number, symbol) in [
            (5, "ERROR_ACCESS_DENIED"),
            (87, "ERROR_INVALID_PARAMETER"),
            (995, "ERROR_OPERATION_ABORTED"),
            (1359, "ERROR_INTERNAL_ERROR"),
            (0x8007_0003, "ERROR_PATH_NOT_FOUND"),
            (0x8007_0005, "ERROR_ACCESS_DENIED"),
            (0x8007_0020, "ERROR_SHARING_VIOLATION"),
            (0x8007_0050, "ERROR_FILE_EXISTS"),
            (0x8007_0057, "ERROR_INVALID_PARAMETER"),
            (0x8007_0070, "ERROR_DISK_FULL"),
            (0x8007_0299, "ERROR_FILE_SYSTEM_LIMITATION"),
            (0x8007_052F, "ERROR_ACCOUNT_RESTRICTION"),
            (0x8007_0569, "ERROR_LOGON_TYPE_NOT_GRANTED"),
            (0x8009_030E, "SEC_E_NO_CREDENTIALS"),
            (0x8004_23F4, "VSS_E_WRITERERROR_NONRETRYABLE"),
            (0xC03A_0014, "ERROR_VIRTDISK_PROVIDER_NOT_FOUND"),
            (0xC03A_0017, "ERROR_VHD_CHILD_PARENT_SIZE_MISMATCH"),
            (0xC03A_0018, "ERROR_VHD_DIFFERENCING_CHAIN_CYCLE_DETECTED"),
            (0xC03A_0019, "ERROR_VHD_DIFFERENCING_CHAIN_ERROR_IN_PARENT"),
            (0xC03A_001B, "ERROR_VHD_INVALID_TYPE"),
            (0xC03A_001C, "ERROR_VHD_INVALID_STATE"),
            (0xC03A_0020, "ERROR_CTLOG_TRACKING_NOT_INITIALIZED"),
            (0xC03A_0021, "ERROR_CTLOG_LOGFILE_SIZE_EXCEEDED_MAXSIZE"),
            (0xC03A_0022, "ERROR_CTLOG_VHD_CHANGED_OFFLINE"),
            (0xC03A_0023, "ERROR_CTLOG_INVALID_TRACKING_STATE"),
            (0xC03A_0024, "ERROR_CTLOG_INCONSISTENT_TRACKING_FILE"),
            (0xC03A_0029, "ERROR_VHD_INVALID_CHANGE_TRACKING_ID"),
            (0xC03A_002A, "ERROR_VHD_CHANGE_TRACKING_DISABLED"),
            (0xC03A_0030, "ERROR_VHD_MISSING_CHANGE_TRACKING_INFORMATION"),
        ] {
            assert_eq!(win32(number).map(|code| code.symbol), Some(symbol), "{number:#x}");
        }
    }

    #[test]
    fn an_hresult_of_a_plain_number_is_that_number_in_decimal_too() {
        assert_eq!(win32(2_147_942_405).map(|code| code.number), Some(5));
        assert_eq!(win32(2_147_942_487).map(|code| code.number), Some(87));
    }

    #[test]
    fn an_hresult_of_another_facility_is_not_taken_for_a_win32_number() {
        assert_eq!(win32(0x8009_0005), None);
        assert_eq!(win32(0x8004_0005), None);
    }

    #[test]
    fn an_unlisted_number_of_a_known_range_is_described_by_its_range() {
        assert_eq!(win32(0x8004_23FE).map(|code| code.name), Some("vss-error"));
        assert_eq!(win32(0xC03A_0028).map(|code| code.name), Some("virtual-disk-error"));
        assert_eq!(win32(0x8004_2400), None);
        assert_eq!(win32(0xC03B_0001), None);
    }

    #[test]
    fn a_lost_change_tracking_base_asks_for_a_full_export_and_no_retry() {
        for number in (0xC03A_0020..=0xC03A_0024).chain([0xC03A_0029, 0xC03A_002A, 0xC03A_0030]) {
            let code = win32(number).expect("listed above");
            assert_eq!(code.retry, Retry::Never, "{number:#x}");
            assert!(code.cause.contains("base is unusable"), "{number:#x}");
            assert!(code.advice.contains("full export"), "{number:#x}");
        }
    }

    #[test]
    fn a_file_in_use_is_waited_for() {
        assert_eq!(win32(0x8007_0020).map(|code| code.retry), Some(Retry::BackOff));
    }
}
