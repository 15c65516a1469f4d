//! What the ledger tells of one point.

use jiff::Timestamp;
use serde::Serialize;

use super::keeper::Keeper;
use super::marks::unkept;
use super::report::Failure;
use super::retain::Chain;
use super::tend::chain_of;
use super::unit::timestamp;
use crate::ledger::{self, Origin};

/// Something that happened to a point, or was made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// `made`, `adopted`, `exported`, `backed-up`, `base-of-export`, `base-of-backup`, `gone`.
    pub what: &'static str,
    /// Where it went, and how it ended.
    pub detail: String,
}

/// Returns what the ledger knows of a point, oldest first. Of one that is nobody's, only what was made of it.
pub async fn history(
    keeper: &Keeper,
    kind: ledger::Kind,
    subject: &str,
    point: &str,
) -> Result<Vec<Happening>, Failure> {
    let (subject, id) = (subject.to_owned(), point.to_owned());
    let told = keeper.with(move |ledger| {
        let mut told = Vec::new();
        let is_it = |other: &str| other.eq_ignore_ascii_case(&id);
        if let Some(point) = ledger.point(kind, &subject, &id)? {
            let what = match point.origin {
                Origin::Made => "made",
                Origin::Adopted => "adopted",
            };
            told.push(happening(point.made_at, what, format!("on {}", point.host)));
            let gone =
                point.gone_at.map(|at| happening(at, "gone", "it was no longer on the host".to_owned()));
            told.extend(gone);
        }
        for export in ledger.exports_of(kind, &subject)? {
            let what = match (is_it(&export.point), export.base.as_deref().is_some_and(is_it)) {
                (true, _) => "exported",
                (false, true) => "base-of-export",
                (false, false) => continue,
            };
            let outcome = export.outcome.as_deref().unwrap_or("without a recorded end");
            told.push(happening(export.intended_at, what, format!("to {}: {outcome}", export.directory)));
        }
        for backup in ledger.backups_of(kind, &subject)? {
            let what = match (
                backup.point.as_deref().is_some_and(is_it),
                backup.new.base.as_deref().is_some_and(is_it),
            ) {
                (true, _) => "backed-up",
                (false, true) => "base-of-backup",
                (false, false) => continue,
            };
            let outcome = backup.outcome.as_deref().unwrap_or("without a recorded end");
            let detail = format!("to {}: {outcome}", backup.new.directory);
            told.push(happening(backup.intended_at, what, detail));
        }
        told.sort_by_key(|happening| happening.at);
        Ok(told)
    });
    told.await.map_err(unkept)
}

fn happening(at: std::time::SystemTime, what: &'static str, detail: String) -> Happening {
    Happening { at: timestamp(at), what, detail }
}

/// Returns what the ledger knows to depend on the points of a machine or group.
pub async fn chain_in(keeper: &Keeper, kind: ledger::Kind, subject: &str) -> Result<Chain, Failure> {
    let subject = subject.to_owned();
    let found = keeper.with(move |ledger| {
        Ok(chain_of(&ledger.exports_of(kind, &subject)?, &ledger.backups_of(kind, &subject)?))
    });
    found.await.map_err(unkept)
}
