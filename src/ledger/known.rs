//! What the ledger knows by name, for whoever is to type the names.

use super::error::Error;
use super::export::Kind;
use super::store::Ledger;

impl Ledger {
    /// Returns the hosts that something was done on of late, as they were named then, sorted: a host's own name, by
    /// which everything else is kept here, need not lead to it from where we are.
    pub fn hosts(&self) -> Result<Vec<String>, Error> {
        let of = |column: &str, table: &str| {
            format!(
                "select case when json_valid({column}) then json_extract({column}, '$.host') end as name \
                 from (select {column} from {table} order by id desc limit {MOST_LOOKED_AT})"
            )
        };
        let (events, backups) = (of("event", "event"), of("report", "backup"));
        let sql = format!(
            "select name from (select host as name from run_host union {events} union {backups}) \
             where name is not null and name <> '' order by 1"
        );
        self.rows(&sql, [], |row| row.get(0))
    }

    /// Returns the machines, or the groups, that anything stands here of, by name, sorted.
    pub fn subjects(&self, kind: Kind) -> Result<Vec<String>, Error> {
        let sql = "select subject_name from export where kind = ?1 union \
                   select subject_name from point where kind = ?1 order by 1";
        self.rows(sql, [kind], |row| row.get(0))
    }
}

/// A ledger of years has more than anybody waits for.
const MOST_LOOKED_AT: u32 = 2000;
