//! One look through all tables, for whoever has a number or a name and does not know where it came from.

use super::{
    Code, FAULT_DETAIL_PREFIX, FaultDetail, JobState, Retry, Subcode, cim_status, job_state, kerberos,
    return_value, subcode, wbem, win32, wsman,
};

/// Describes one row of any table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The table that the row stands in.
    pub table: Table,
    /// The number, or none for a subcode or fault detail.
    pub number: Option<u32>,
    /// The stable name, such as `access-denied`.
    pub name: &'static str,
    /// The name in headers or specifications, such as `WBEM_E_ACCESS_DENIED`; empty where there is none.
    pub symbol: &'static str,
    /// What the code says.
    pub meaning: &'static str,
    /// What usually leads to it.
    pub cause: &'static str,
    /// What an administrator does next.
    pub advice: &'static str,
    /// Whether trying again can help.
    pub retry: Retry,
}

impl Entry {
    fn of_code(table: Table, code: &Code) -> Self {
        let Code { number, name, symbol, meaning, cause, advice, retry } = *code;
        Self { table, number: Some(number), name, symbol, meaning, cause, advice, retry }
    }

    fn of_subcode(subcode: &Subcode) -> Self {
        let Subcode { name, symbol, meaning, cause, advice, retry, .. } = *subcode;
        Self { table: Table::Subcode, number: None, name, symbol, meaning, cause, advice, retry }
    }

    fn of_detail(detail: &FaultDetail) -> Self {
        let FaultDetail { uri: symbol, name, meaning, cause, advice, retry } = *detail;
        Self { table: Table::FaultDetail, number: None, name, symbol, meaning, cause, advice, retry }
    }

    fn has_number(&self, number: u32) -> bool {
        match self.table {
            Table::Win32 => win32(number).is_some_and(|code| Some(code.number) == self.number),
            _ => self.number == Some(number),
        }
    }

    fn has_word(&self, word: &str) -> bool {
        let shorter = ["ERROR_", "KRB5"].iter().find_map(|prefix| self.symbol.strip_prefix(prefix));
        let spellings = [self.name, self.symbol, without_prefix(self.symbol), shorter.unwrap_or(self.name)];
        spellings.iter().any(|own| same(own, word))
    }
}

/// Names a table of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// Return values of Hyper-V's own family.
    ReturnValueHyperv,
    /// Return values of the DMTF family.
    ReturnValueDmtf,
    /// Return values of Msvm_ConcreteJob.RequestStateChange.
    ReturnValueJob,
    /// States of jobs.
    JobState,
    /// Codes of WinRM.
    Wsman,
    /// Codes of WMI.
    Wbem,
    /// CIM status codes.
    CimStatus,
    /// Codes of Windows: Win32, SSPI, shadow copies, virtual disks.
    Win32,
    /// Codes of MIT Kerberos.
    Kerberos,
    /// Subcodes of faults.
    Subcode,
    /// Fault detail URIs.
    FaultDetail,
}

impl Table {
    /// Returns the stable name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Table::ReturnValueHyperv => "return-value-hyperv",
            Table::ReturnValueDmtf => "return-value-dmtf",
            Table::ReturnValueJob => "return-value-job",
            Table::JobState => "job-state",
            Table::Wsman => "wsman",
            Table::Wbem => "wbem",
            Table::CimStatus => "cim-status",
            Table::Win32 => "win32",
            Table::Kerberos => "kerberos",
            Table::Subcode => "fault-subcode",
            Table::FaultDetail => "fault-detail",
        }
    }

    /// Returns what a row of the table is, in words for people.
    pub fn title(self) -> &'static str {
        match self {
            Table::ReturnValueHyperv => "return value of a Hyper-V method",
            Table::ReturnValueDmtf => "return value of a method that creates points or works on collections",
            Table::ReturnValueJob => "return value of a change to a job",
            Table::JobState => "state of a job",
            Table::Wsman => "WinRM code",
            Table::Wbem => "WMI code",
            Table::CimStatus => "CIM status code",
            Table::Win32 => "Windows code",
            Table::Kerberos => "Kerberos code",
            Table::Subcode => "fault subcode",
            Table::FaultDetail => "fault detail",
        }
    }
}

/// Returns every row of every table.
pub fn entries() -> impl Iterator<Item = Entry> {
    let rows = |table, codes: &'static [Code]| codes.iter().map(move |code| Entry::of_code(table, code));
    let state = |state: &JobState| Entry::of_code(Table::JobState, &state.code);
    rows(Table::ReturnValueHyperv, return_value::HYPERV)
        .chain(rows(Table::ReturnValueDmtf, return_value::DMTF))
        .chain(rows(Table::ReturnValueJob, return_value::CONCRETE_JOB))
        .chain(job_state::STATES.iter().map(state))
        .chain(rows(Table::Wsman, wsman::CODES))
        .chain(rows(Table::Wbem, wbem::CODES))
        .chain(rows(Table::CimStatus, cim_status::CODES))
        .chain(rows(Table::Win32, win32::CODES))
        .chain(rows(Table::Kerberos, kerberos::CODES))
        .chain(subcode::SUBCODES.iter().map(Entry::of_subcode))
        .chain(subcode::DETAILS.iter().map(Entry::of_detail))
}

/// Finds the code of a fault, which may be WinRM's, WMI's or Windows' own.
///
/// \[MS-WSMV\] "WSManFault": the `Code` attribute holds any of the three; so does the `error_Code` of an
/// MSFT_WmiError.
pub fn of_fault(number: u32) -> Option<Entry> {
    wsman(number)
        .map(|code| Entry::of_code(Table::Wsman, code))
        .or_else(|| wbem(number).map(|code| Entry::of_code(Table::Wbem, code)))
        .or_else(|| win32(number).map(|code| Entry::of_code(Table::Win32, code)))
}

/// Finds every row, in every table, that the text names.
///
/// The text is a number (decimal, negative as signed HRESULTs are printed, or hexadecimal with or without
/// `0x`), a symbol with or without its usual prefix, or a name. Case does not matter. A number or symbol of
/// NTSTATUS, or of COM such as `E_ACCESSDENIED`, finds the code of Windows that says the same: see [`synonym`].
///
/// ```
/// # use refpoint::wsman::codes;
/// let found = codes::search("0x80070005");
/// assert_eq!(found[0].symbol, "ERROR_ACCESS_DENIED");
/// ```
pub fn search(text: &str) -> Vec<Entry> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let numbers = numbers(text);
    let synonym = synonym(text).map(|synonym| synonym.code);
    let word = word(text);
    let names = |entry: &Entry| {
        let is_synonym = entry.table == Table::Win32 && synonym.is_some() && synonym == entry.number;
        is_synonym || numbers.iter().any(|&n| entry.has_number(n)) || entry.has_word(&word)
    };
    entries().filter(names).collect()
}

/// Describes a number that stands in no table and says the same as one that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Synonym {
    /// The name in the headers, such as `STATUS_LOGON_FAILURE`.
    pub symbol: &'static str,
    /// Its own number.
    pub number: u32,
    /// The number of Windows that says the same.
    pub code: u32,
}

/// Finds what says the same as a code of Windows: the NTSTATUS of a login, or a symbol of COM.
pub fn synonym(text: &str) -> Option<Synonym> {
    let text = text.trim();
    let numbers = numbers(text);
    let is_meant = |synonym: &&Synonym| numbers.contains(&synonym.number) || same(synonym.symbol, text);
    SYNONYMS.iter().find(is_meant).copied()
}

/// Returns everything that says the same as a code of Windows.
pub fn synonyms() -> &'static [Synonym] {
    SYNONYMS
}

/// `ntstatus.h` with what Windows turns each into, and `winerror.h`.
static SYNONYMS: &[Synonym] = {
    const fn of(symbol: &'static str, number: u32, code: u32) -> Synonym {
        Synonym { symbol, number, code }
    }
    &[
        of("E_ACCESSDENIED", 0x8007_0005, 5),
        of("E_OUTOFMEMORY", 0x8007_000E, 14),
        of("E_INVALIDARG", 0x8007_0057, 87),
        of("STATUS_ACCESS_DENIED", 0xC000_0022, 5),
        of("STATUS_LOGON_FAILURE", 0xC000_006D, 1326),
        of("STATUS_ACCOUNT_RESTRICTION", 0xC000_006E, 1327),
        of("STATUS_PASSWORD_EXPIRED", 0xC000_0071, 1330),
        of("STATUS_ACCOUNT_DISABLED", 0xC000_0072, 1331),
        of("STATUS_TIME_DIFFERENCE_AT_DC", 0xC000_0133, 1398),
        of("STATUS_LOGON_TYPE_NOT_GRANTED", 0xC000_015B, 1385),
        of("STATUS_ACCOUNT_LOCKED_OUT", 0xC000_0234, 1909),
    ]
};

/// Returns every number that the text may be meant as.
fn numbers(text: &str) -> Vec<u32> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let unsigned = text.parse().ok();
    let signed = text.parse::<i32>().ok().filter(|&number| number < 0).map(i32::cast_unsigned);
    // Eight hexadecimal digits are how HRESULTs are often pasted; no table has such a decimal number.
    let bare = Some(text).filter(|text| text.len() == 8);
    let hexadecimal = digits.or(bare).and_then(hexadecimal);
    [unsigned, signed, hexadecimal].into_iter().flatten().collect()
}

/// Reads hexadecimal digits alone: the standard parser would also take a sign.
fn hexadecimal(digits: &str) -> Option<u32> {
    let plain = digits.chars().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// Gives the long prefixes of subcodes their short form.
fn word(text: &str) -> String {
    const LONG: &[(&str, &str)] =
        &[("wsman:", "w:"), ("wsa:", "a:"), ("wsen:", "n:"), ("wse:", "e:"), ("wxf:", "x:"), ("wsmb:", "b:")];
    let lower = text.to_ascii_lowercase();
    LONG.iter()
        .find_map(|(long, short)| lower.strip_prefix(long).map(|local| format!("{short}{local}")))
        .unwrap_or(lower)
}

/// Returns a symbol without the prefix that people leave out.
fn without_prefix(symbol: &str) -> &str {
    const PREFIXES: &[&str] = &[
        "ERROR_WSMAN_",
        "ERROR_",
        "WBEM_E_",
        "CIM_ERR_",
        "VSS_E_",
        "SEC_E_",
        "KRB5KDC_ERR_",
        "KRB5KRB_AP_ERR_",
        "KRB5_",
        "w:",
        "a:",
        "n:",
        "e:",
        "x:",
        "b:",
        FAULT_DETAIL_PREFIX,
    ];
    PREFIXES.iter().find_map(|prefix| symbol.strip_prefix(prefix)).unwrap_or(symbol)
}

/// Compares without regard to case and to how words are joined.
fn same(one: &str, other: &str) -> bool {
    let fold = |byte: u8| if matches!(byte, b'_' | b' ') { b'-' } else { byte.to_ascii_lowercase() };
    one.bytes().map(fold).eq(other.bytes().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, &'static str)> {
        search(text).iter().map(|entry| (entry.table.name(), entry.name)).collect()
    }

    #[test]
    fn one_number_is_found_in_every_spelling() {
        let expected = [("wsman", "operation-timed-out")];
        for text in [
            "2150858793",
            "0x80338029",
            "0X80338029",
            "0x0080338029",
            "80338029",
            "-2144108503",
            "ERROR_WSMAN_OPERATION_TIMEDOUT",
            "error_wsman_operation_timedout",
            "Operation_TimedOut",
            " operation-timed-out ",
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn a_small_number_is_found_in_every_table_that_has_it() {
        assert_eq!(
            found("5"),
            [
                ("return-value-dmtf", "invalid-state"),
                ("return-value-job", "invalid-parameter"),
                ("job-state", "suspended"),
                ("cim-status", "invalid-class"),
                ("win32", "access-denied"),
            ]
        );
        assert_eq!(found("0x5"), found("5"));
    }

    #[test]
    fn a_return_value_and_a_job_state_may_share_a_number() {
        assert_eq!(
            found("32768"),
            [("return-value-hyperv", "failed"), ("job-state", "completed-with-warnings")]
        );
        assert_eq!(found("0x8000"), found("32768"));
    }

    #[test]
    fn a_wrapped_win32_code_is_found_by_its_hresult() {
        assert_eq!(found("0x80070005"), [("win32", "access-denied")]);
        assert_eq!(found("80070070"), [("win32", "disk-full")]);
        assert_eq!(found("-2147024891"), [("win32", "access-denied")]);
        assert_eq!(found("0xc03a0030"), [("win32", "vhd-missing-change-tracking-information")]);
    }

    #[test]
    fn an_unlisted_code_of_a_known_range_is_found_by_its_range() {
        assert_eq!(found("0x800423FE"), [("win32", "vss-error")]);
        assert_eq!(found("0xC03A0028"), [("win32", "virtual-disk-error")]);
    }

    #[test]
    fn a_name_is_found_in_every_table_that_has_it() {
        assert_eq!(
            found("Access-Denied"),
            [
                ("return-value-hyperv", "access-denied"),
                ("wbem", "access-denied"),
                ("cim-status", "access-denied"),
                ("win32", "access-denied"),
                ("fault-subcode", "access-denied"),
            ]
        );
    }

    #[test]
    fn what_says_the_same_as_a_code_of_windows_finds_it() {
        for text in ["E_ACCESSDENIED", "0xC0000022", "c0000022", "-1073741790", "status_access_denied"] {
            assert_eq!(found(text), [("win32", "access-denied")], "{text}");
        }
        for synonym in synonyms() {
            assert_eq!(win32(synonym.code).map(|code| code.number), Some(synonym.code), "{}", synonym.symbol);
            assert!(entries().all(|entry| entry.symbol != synonym.symbol), "{}", synonym.symbol);
        }
        assert_eq!(synonym("5"), None);
    }

    #[test]
    fn a_code_of_kerberos_is_found_as_its_messages_have_it() {
        for text in ["-1765328377", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN"] {
            assert_eq!(found(text), [("kerberos", "server-unknown")], "{text}");
        }
    }

    #[test]
    fn a_code_of_winrm_is_found_by_half_of_its_prefix() {
        assert_eq!(found("WSMAN_OPERATION_TIMEDOUT"), [("wsman", "operation-timed-out")]);
    }

    #[test]
    fn a_subcode_is_found_with_and_without_its_prefix() {
        assert_eq!(found("w:TimedOut"), [("fault-subcode", "timed-out")]);
        assert_eq!(search("w:TimedOut"), search("wsman:timedout"));
        assert_eq!(search("QuotaLimit").len(), 1);
        let symbols: Vec<&str> = search("TimedOut").iter().map(|entry| entry.symbol).collect();
        assert_eq!(symbols, ["w:TimedOut", "n:TimedOut"]);
    }

    #[test]
    fn a_fault_detail_is_found_by_uri_and_by_its_last_part() {
        let uri = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/UnreportableSuccess";
        assert_eq!(found(uri), [("fault-detail", "unreportable-success")]);
        assert_eq!(found("UnreportableSuccess"), found(uri));
    }

    #[test]
    fn nonsense_and_nothing_find_nothing() {
        for text in
            ["", "   ", "0x", "0xg", "0x+5", "-5", "0x180070005", "99999999999", "no such name", "-", "http"]
        {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn every_entry_is_found_by_its_number_its_symbol_and_its_name() {
        for entry in entries() {
            let mut spellings = vec![entry.name.to_uppercase()];
            if let Some(number) = entry.number {
                spellings.extend([number.to_string(), format!("{number:#010X}"), format!("{number:#x}")]);
            }
            if !entry.symbol.is_empty() {
                spellings.push(entry.symbol.to_lowercase());
            }
            for text in spellings {
                assert!(search(&text).contains(&entry), "{text} does not find {entry:?}");
            }
        }
    }

    #[test]
    fn every_row_of_every_table_is_an_entry() {
        let rows = return_value::HYPERV.len()
            + return_value::DMTF.len()
            + return_value::CONCRETE_JOB.len()
            + job_state::STATES.len()
            + wsman::CODES.len()
            + wbem::CODES.len()
            + cim_status::CODES.len()
            + win32::CODES.len()
            + kerberos::CODES.len()
            + subcode::SUBCODES.len()
            + subcode::DETAILS.len();
        assert_eq!(entries().count(), rows);
    }

    #[test]
    fn the_code_of_a_fault_is_looked_up_in_all_three_tables() {
        let table = |number| of_fault(number).map(|entry| entry.table);
        assert_eq!(table(2_150_858_752), Some(Table::Wsman));
        assert_eq!(table(0x8004_1003), Some(Table::Wbem));
        assert_eq!(table(5), Some(Table::Win32));
        assert_eq!(table(0x8007_0057), Some(Table::Win32));
        assert_eq!(table(0x8033_8FFF), None);
    }
}
