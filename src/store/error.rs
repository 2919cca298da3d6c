//! What can go wrong with the store, in words for the operator.

use std::{error::Error as StdError, path::PathBuf};

use crate::model::Retry;

/// A failed store operation. Nothing of a failed verb was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database file could not be opened or created.
    #[error("cannot open the database {path}: {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Another process writes to this store.
    #[error("another wirewatch{} already runs on {path}; stop it first", pid.map_or(String::new(), |p| format!(" (pid {p})")))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Its holder, when known.
        pid: Option<u32>,
    },
    /// The database was written by a newer wirewatch.
    #[error(
        "the database has schema {found}, this wirewatch knows up to {known}; install the newer wirewatch again"
    )]
    Newer {
        /// `PRAGMA user_version` found.
        found: i64,
        /// Newest migration here.
        known: i64,
    },
    /// The database was written by an older wirewatch, and this command may not bring it up to date.
    #[error(
        "the database has schema {found}, this wirewatch needs {known}; start `wirewatch run` once, it brings it up to date"
    )]
    Outdated {
        /// `PRAGMA user_version` found.
        found: i64,
        /// Newest migration here.
        known: i64,
    },
    /// The SQLite library linked in can lose commits (WAL-reset race before 3.51.3).
    #[error("SQLite {0} is too old: 3.51.3 or newer is needed")]
    SqliteTooOld(&'static str),
    /// Another process took the store over since we opened it.
    #[error("another process took the database over; this one stops")]
    Fenced,
    /// Opened for reading only.
    #[error("the database was opened for reading only")]
    ReadOnly,
    /// The store's thread has ended.
    #[error("the database is closed")]
    Closed,
    /// The disk is full or the file system read-only; passes when there is room again.
    #[error("the database cannot be written: {0}")]
    NoRoom(Box<dyn StdError + Send + Sync>),
    /// The disk failed to make a write durable. What it holds of that write is unknown, and asking again can be
    /// answered with a false yes (fsync(2), "ERRORS": EIO): only a new start reads what is really there.
    #[error(
        "the disk failed while the database was being written: {0}; wirewatch starts anew to see what is stored"
    )]
    Unsynced(Box<dyn StdError + Send + Sync>),
    /// The file is damaged.
    #[error("the database is damaged: {0}; keep the file and restore a backup")]
    Damaged(Box<dyn StdError + Send + Sync>),
    /// Anything else SQLite says.
    #[error("database: {0}")]
    Sqlite(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn retry(&self) -> Retry {
        match self {
            Self::NoRoom(_) | Self::Sqlite(_) => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{ErrorCode as Code, ffi};
        let extended = error.sqlite_error().map(|error| error.extended_code);
        if let Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) = extended {
            return Self::Unsynced(Box::new(error));
        }
        match error.sqlite_error_code() {
            Some(Code::DiskFull | Code::ReadOnly | Code::SystemIoFailure) => Self::NoRoom(Box::new(error)),
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged(Box::new(error)),
            _ => Self::Sqlite(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_disk_that_failed_to_sync_is_not_asked_again() {
        let check = |code: i32, expect: Retry| {
            let error = Error::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            assert_eq!(error.retry(), expect, "{error}");
        };
        check(ffi::SQLITE_IOERR_FSYNC, Retry::Never);
        check(ffi::SQLITE_IOERR_DIR_FSYNC, Retry::Never);
        check(ffi::SQLITE_IOERR_WRITE, Retry::Backoff);
        check(ffi::SQLITE_FULL, Retry::Backoff);
        check(ffi::SQLITE_READONLY, Retry::Backoff);
        check(ffi::SQLITE_CORRUPT, Retry::Never);
    }
}
