//! One meaning that a code has.

use std::borrow::Cow;

use refpoint::wsman::codes::{self, Entry, Retry, Table};
use serde_json::{Value as Json, json};

use super::own::Own;

/// Where a code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// How the program ended.
    Exit,
    /// How an export ended.
    Outcome,
    /// One of the library's tables.
    Table(Table),
}

impl Family {
    /// Returns every family: our own first, then the library's in its order.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Exit, Self::Outcome];
        for entry in codes::entries() {
            let family = Self::Table(entry.table);
            if !all.contains(&family) {
                all.push(family);
            }
        }
        all
    }

    /// Returns its name in JSON and before a colon.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::Outcome => "outcome",
            Self::Table(table) => table.name(),
        }
    }

    /// Returns what it is, in words for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Exit => "exit code of refpoint",
            Self::Outcome => "outcome of an export",
            Self::Table(table) => table.title(),
        }
    }

    /// Returns the families of a name, also of the shorter ones that people say.
    pub(crate) fn named(name: &str) -> Vec<Self> {
        let name = name.trim().to_lowercase().replace(['_', ' '], "-");
        let is_return_value =
            |family: &Self| matches!(family, Self::Table(table) if table.name().starts_with("return-value"));
        let long = match &*name {
            "return-value" | "return" => return Self::all().into_iter().filter(is_return_value).collect(),
            "exit-code" => "exit",
            "job" | "state" => "job-state",
            "winrm" => "wsman",
            "wmi" => "wbem",
            "cim" => "cim-status",
            "windows" => "win32",
            "krb5" => "kerberos",
            "subcode" => "fault-subcode",
            "detail" => "fault-detail",
            name => name,
        };
        Self::all().into_iter().filter(|family| family.name() == long).collect()
    }
}

/// One meaning of a code, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) family: Family,
    pub(crate) number: Option<u32>,
    pub(crate) name: &'static str,
    pub(crate) symbol: &'static str,
    /// The methods that answer so, `Class.Method`, where one was asked about.
    pub(crate) methods: Vec<String>,
    /// What stands in no table and says the same, where that was asked about.
    pub(crate) synonym: Option<codes::Synonym>,
    pub(crate) meaning: &'static str,
    pub(crate) cause: &'static str,
    pub(crate) fix: &'static str,
    /// Whether refpoint tries again, in one word and in a sentence.
    pub(super) retry: (&'static str, Cow<'static, str>),
}

impl Reading {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        Self {
            family: Family::Table(entry.table),
            number: entry.number,
            name: entry.name,
            symbol: entry.symbol,
            methods: Vec::new(),
            synonym: None,
            meaning: entry.meaning,
            cause: entry.cause,
            fix: entry.advice,
            retry: retry(entry),
        }
    }

    pub(super) fn of_own(family: Family, own: &Own) -> Self {
        Self {
            family,
            number: own.number,
            name: own.name,
            symbol: "",
            methods: Vec::new(),
            synonym: None,
            meaning: own.meaning,
            cause: own.cause,
            fix: own.fix,
            retry: own.retry(),
        }
    }

    /// Returns what finds this reading and no other.
    pub(crate) fn pointer(&self) -> String {
        match self.number {
            _ if self.family == Family::Table(Table::FaultDetail) => self.symbol.to_owned(),
            Some(number) => format!("{}:{}", self.family.name(), shown(self.family, number)),
            None if self.symbol.is_empty() => format!("{}:{}", self.family.name(), self.name),
            None => self.symbol.to_owned(),
        }
    }

    /// Returns the number as it is usually written.
    pub(crate) fn shown_number(&self) -> Option<String> {
        self.number.map(|number| shown(self.family, number))
    }

    /// Returns whether refpoint tries again, as a sentence.
    pub(crate) fn retry(&self) -> &str {
        &self.retry.1
    }

    /// Returns it for programs.
    pub(crate) fn to_json(&self) -> Json {
        let or_null = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        json!({
            "family": self.family.name(),
            "what": self.family.title(),
            "number": self.number,
            "hex": self.number.map(|number| format!("0x{number:08X}")),
            "name": self.name,
            "symbol": or_null(self.symbol),
            "methods": self.methods,
            "meaning": self.meaning,
            "cause": self.cause,
            "fix": self.fix,
            "retry": self.retry.0,
            "retried": self.retry.1,
        })
    }
}

/// Writes a number as it is usually written: HRESULTs in hexadecimal, all else in decimal.
fn shown(family: Family, number: u32) -> String {
    match family {
        Family::Table(Table::Kerberos) => number.cast_signed().to_string(),
        _ if number > 0xFFFF => format!("0x{number:08X}"),
        _ => number.to_string(),
    }
}

/// Says whether refpoint itself tries again. What the table says is a property of the code; what is done about it
/// depends on where it comes from: a job that has failed is not begun again, a method is called again only where
/// the answer proves that it was not begun.
fn retry(entry: &Entry) -> (&'static str, Cow<'static, str>) {
    const STATUS_UNKNOWN: u32 = 32771;
    let (word, sentence) = match entry.table {
        Table::ReturnValueHyperv | Table::ReturnValueDmtf => match entry.retry {
            Retry::BackOff if entry.number == Some(STATUS_UNKNOWN) => {
                ("back-off", "Yes, after a pause, where nothing is seen to have begun; then exit code 9.")
            }
            Retry::BackOff => (
                "back-off",
                "Yes, after a pause: nothing was begun. When the retries are spent, exit code 9 or 7.",
            ),
            Retry::CreateOnly => ("never", "No: what timed out had begun."),
            _ => ("never", "No."),
        },
        Table::ReturnValueJob => ("never", "No: the job is read again instead."),
        Table::JobState if entry.retry == Retry::PollAgain => ("poll-again", "The job is followed further."),
        Table::JobState => ("never", "No: the job has ended."),
        Table::Kerberos => {
            ("never", "No: a login that is refused is not repeated, lest it lock the account.")
        }
        _ => match entry.retry {
            Retry::BackOff if proves_not_started(entry) => {
                ("back-off", "Yes, after a pause, also method calls: nothing was begun.")
            }
            Retry::BackOff => {
                ("back-off", "Reading is, after a pause; a method call is not, since it may have begun.")
            }
            Retry::Once | Retry::RepeatableOnly => {
                ("once", "Reading is, once; a method call is not, since it may have begun.")
            }
            Retry::PollAgain => {
                ("poll-again", "Reading is; after a method call its job is looked for instead.")
            }
            Retry::Reauthenticate => ("once", "Once, with a new login, where that does nothing twice."),
            _ => ("never", "No."),
        },
    };
    (word, Cow::Borrowed(sentence))
}

fn proves_not_started(entry: &Entry) -> bool {
    match entry.number {
        Some(number) => entry.table == Table::Wsman && codes::proves_not_started(number),
        None => matches!(entry.symbol, "w:QuotaLimit" | "w:Concurrency"),
    }
}
