//! What the ledger knows by name, for whoever is to type the names.

use super::error::Error;
use super::export::Kind;
use super::store::Ledger;

impl Ledger {
    /// Returns the hosts that anything stands here of, by the names it stands by, sorted.
    pub fn hosts(&self) -> Result<Vec<String>, Error> {
        let sql = "select host from export union select host from point union select host from making \
                   union select host from run_host order by 1";
        self.rows(sql, [], |row| row.get(0))
    }

    /// Returns the machines, or the groups, that anything stands here of, by name, sorted.
    pub fn subjects(&self, kind: Kind) -> Result<Vec<String>, Error> {
        let sql = "select subject_name from export where kind = ?1 union \
                   select subject_name from point where kind = ?1 order by 1";
        self.rows(sql, [kind], |row| row.get(0))
    }
}
