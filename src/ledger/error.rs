use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::backup::Backup;
use super::export::Export;

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file, or the folder it belongs in, cannot be made or opened.
    #[error("cannot open the ledger {}", path.display())]
    Open {
        /// The ledger.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process keeps it from being written.
    #[error("the ledger {} is locked by another process", path.display())]
    Locked {
        /// The ledger.
        path: PathBuf,
    },
    /// The disk is full, or the file may not be written.
    #[error("cannot write the ledger {}", path.display())]
    Unwritable {
        /// The ledger.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },
    /// What was to be written with other things was lost with them.
    #[error("cannot write the ledger {}: {why}", path.display())]
    Lost {
        /// The ledger.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is not a ledger, or is damaged.
    #[error("the ledger {} is damaged: {what}", path.display())]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// A later release wrote it.
    #[error("the ledger {} was written by a later release (format {found}, this one knows {known})", path.display())]
    Later {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Another process of ours is at work on this very export.
    #[error("another refpoint is exporting {} to {}", export.subject.name, export.directory)]
    Claimed {
        /// As it is written down.
        export: Box<Export>,
    },
    /// Something else is on its way into the same directory, and its end is not written down.
    #[error(
        "an export of {} (point {}) by {} to {} has no recorded end",
        export.subject.name, export.point, export.host, export.directory
    )]
    DirectoryTaken {
        /// As it is written down.
        export: Box<Export>,
    },
    /// A backup is on its way into the same directory, or is of the same machine or group, and its end is not written
    /// down.
    #[error(
        "a backup of {} by {} to {} has no recorded end",
        backup.new.subject.name, backup.new.host, backup.new.directory
    )]
    BackupOpen {
        /// As it is written down.
        backup: Box<Backup>,
    },
    /// The database refused.
    #[error("the ledger {} refused", path.display())]
    Refused {
        /// The ledger.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },
}

impl Error {
    /// Returns the same for somebody else whom it concerns.
    pub fn for_another(&self, path: &Path) -> Self {
        match self {
            Self::Locked { path } => Self::Locked { path: path.clone() },
            other => {
                let cause = std::error::Error::source(other).map(|cause| format!(": {cause}"));
                let why = format!("{other}{}", cause.unwrap_or_default());
                Self::Lost { path: path.to_owned(), why }
            }
        }
    }

    /// Sorts what the database says into what an operator can do about it.
    pub(super) fn of(source: rusqlite::Error, path: &Path) -> Self {
        let path = path.to_owned();
        let Some(code) = source.sqlite_error_code() else {
            // A column of another type than we write, or text that is none: nobody but us writes here.
            return match source {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::QueryReturnedNoRows => Self::Damaged { path, what: source.to_string() },
                source => Self::Refused { path, source },
            };
        };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Locked { path },
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                Self::Damaged { path, what: source.to_string() }
            }
            ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied => Self::Unwritable { path, source },
            _ => Self::Refused { path, source },
        }
    }

    /// Says whether the end of another process, or patience, would help.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. } | Self::Claimed { .. })
    }
}
