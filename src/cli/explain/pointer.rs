//! The last line of an error: what to ask `refpoint explain` about.
//!
//! It names only what can be explained; [`readings`] is asked first.

use refpoint::client::{Error as SessionError, Fault};
use refpoint::fleet::{Failure, Kind};

use super::question::readings;
use crate::cli::exit::Exit;

/// Returns what to ask about an error that a session ended with: what the host said, where a table has it.
pub(crate) fn of_session(error: &SessionError) -> Option<String> {
    of_fault(error.fault()?)
}

/// Returns what to ask about a fault: its number, else its CIM status, else its subcode, else its detail.
fn of_fault(fault: &Fault) -> Option<String> {
    let numbers = fault.numbers().map(hresult);
    let status = fault.cim_status().map(|status| format!("cim-status:{status}"));
    let subcode = fault.subcode.as_ref().map(|subcode| subcode.local.clone());
    numbers.chain(status).chain(subcode).chain(fault.detail_uri.clone()).find(|text| is_known(text))
}

/// Returns what to ask about a method's refusal.
pub(crate) fn of_refusal(method: &str, code: u32) -> Option<String> {
    Some(format!("{method}:{code}")).filter(|text| is_known(text))
}

/// Returns what to ask about the library's verdict on an export: its number, and what it is the number of.
pub(crate) fn of_failure(failure: &Failure) -> Option<String> {
    let of_state = match failure.kind {
        Kind::JobFailed => Some("job:10"),
        Kind::Cancelled => Some("job:8"),
        _ => None,
    };
    let of_number = failure.code.filter(|code| *code != 0).map(|code| match (failure.kind, code) {
        // A host's fault has such a number only as an HRESULT.
        (Kind::Refused, 0..=0xFFFF) | (_, 0x8000..=0xFFFF) => format!("return-value:{code}"),
        _ => hresult(code),
    });
    let of_number = of_number.filter(|text| is_known(text));
    of_number.or(of_state.map(str::to_owned))
}

/// Returns what to ask about an error that has no code but its own: its exit code.
pub(crate) fn of_kind(kind: Exit) -> String {
    format!("exit:{}", kind.code())
}

fn hresult(number: u32) -> String {
    if number > 0xFFFF { format!("0x{number:08X}") } else { number.to_string() }
}

fn is_known(text: &str) -> bool {
    !readings(text).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_points_to_can_be_explained() {
        for code in 0..=255 {
            assert!(is_known(&of_kind(Exit::of_code(code))), "{code}");
        }
        let failure = |kind: Kind, code| Failure {
            kind,
            code,
            message: String::new(),
            hint: None,
            exit_code: kind.exit_code(),
        };
        assert_eq!(of_failure(&failure(Kind::JobFailed, Some(0x8007_0070))).as_deref(), Some("0x80070070"));
        assert_eq!(of_failure(&failure(Kind::JobFailed, Some(0x0BAD_C0DE))).as_deref(), Some("job:10"));
        let refused = |code| of_failure(&failure(Kind::Refused, Some(code)));
        assert_eq!(refused(5).as_deref(), Some("return-value:5"));
        assert_eq!(refused(32775).as_deref(), Some("return-value:32775"));
        assert_eq!(of_failure(&failure(Kind::AccessDenied, Some(5))).as_deref(), Some("5"));
        assert_eq!(of_failure(&failure(Kind::Cancelled, None)).as_deref(), Some("job:8"));
        assert_eq!(of_failure(&failure(Kind::Unknown, None)), None);
        assert!(is_known("job:10") && is_known("job:8"));
        assert_eq!(of_refusal("ExportReferencePoint", 32775).as_deref(), Some("ExportReferencePoint:32775"));
        assert_eq!(of_refusal("ExportReferencePoint", 40000), None);
    }
}
