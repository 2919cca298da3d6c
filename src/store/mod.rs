//! Everything that is kept: feeds, items, matches, pending matches, the outbox. SQL lives only here.
//!
//! Data in: domain values and `now`. Data out: domain values. Each verb is one transaction (reads: one snapshot).
//!
//! **Invariant:** no rusqlite type, no transaction handle and no SQL clock leaves this module; every list takes a
//! limit or a key to go on from.
//! **Invariant:** one process writes. The lock file refuses a second one, and the epoch is compared inside every
//! commit, so one that got past the lock is fenced. [`Orders`] alone may write beside it: mutes, and nothing else.
//! **Invariant:** full-text search is never part of a poll's transaction (measured: 13 times the cost of an insert).
//!
//! Rejected: a repository trait. There is one backend; a second would become an enum inside [`Store`].

mod archive;
mod duty;
mod edits;
mod error;
mod feeds;
mod known;
mod lock;
mod memory;
mod migrate;
mod mute;
mod operator;
mod outbox;
mod planning;
mod polls;
mod row;
mod scan;
mod search;
mod sites;
mod stories;
mod told;
mod trace;
mod upkeep;
mod volume;
mod window;
mod worker;

use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

pub use error::Error;
pub use mute::{MAX_MUTE, MAX_MUTES, NoSuch, Orders};
pub use operator::Telling;
pub use planning::{DeliveryHistory, Enqueued, MailThread, NewMail};
pub use scan::{BATCH_BYTES, MAX_SCANNED, Scan, ScanBatch, ScannedItem};
pub use trace::{
    Activity, LastMatch, LinkTraces, MAX_LINKED, MAX_TRACED_MAILS, Traced, TracedItem, TracedMail,
};
pub use upkeep::Pruned;
pub use volume::MAX_SPANS;

use lock::Lock;
use worker::Worker;

/// File name of the database inside the state directory.
pub const DATABASE: &str = "wirewatch.db";
/// File name of the lock inside the state directory.
const LOCK: &str = "lock";
/// First SQLite without the WAL-reset race (sqlite.org, release 3.51.3).
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long a connection waits for another's lock. Only readers and `db` commands of other processes can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 64;

/// The store. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    writer: Option<Writer>,
    reader: Worker,
    path: Arc<PathBuf>,
}

#[derive(Debug, Clone)]
struct Writer {
    worker: Worker,
    epoch: i64,
}

impl Store {
    /// Opens the store in `dir` for reading and writing, creating both when missing, and takes its lock.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process has it; [`Error::Newer`], [`Error::SqliteTooOld`], [`Error::Open`].
    pub fn open(dir: &Path) -> Result<Self, Error> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(Error::SqliteTooOld(rusqlite::version()));
        }
        let failed = |source: std::io::Error| Error::Open { path: dir.to_owned(), source: Box::new(source) };
        // It holds addresses and mail: for its owner only, unless the directory was there before.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock = Lock::take(&dir.join(LOCK))?;
        let path = dir.join(DATABASE);
        let mut connection =
            connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        migrate::migrate(&mut connection)?;
        let epoch: i64 = connection.query_row(
            "UPDATE meta SET value = value + 1 WHERE key = 'epoch' RETURNING value",
            [],
            |r| r.get(0),
        )?;
        let worker = Worker::start("store-writer", connection, lock)?;
        let reader = start_reader(&path)?;
        Ok(Self { writer: Some(Writer { worker, epoch }), reader, path: Arc::new(path) })
    }

    /// Opens an existing store in `dir` beside a running daemon; every writing verb returns [`Error::ReadOnly`].
    ///
    /// # Errors
    /// [`Error::Open`] when there is no database yet or it may not be read.
    pub fn open_read_only(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(DATABASE);
        let reader = start_reader(&path)?;
        Ok(Self { writer: None, reader, path: Arc::new(path) })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finishes what was asked before, closes the connections and lets go of the lock.
    pub async fn close(&self) {
        self.reader.close().await;
        if let Some(writer) = &self.writer {
            writer.worker.close().await;
        }
    }

    /// Answers when the writer does: proof of life for the watchdog.
    ///
    /// # Errors
    /// Whatever keeps the database from answering.
    pub async fn ping(&self) -> Result<(), Error> {
        let worker = self.writer.as_ref().map_or(&self.reader, |writer| &writer.worker);
        worker.call(|c| Ok(c.query_row("SELECT 1", [], |_| Ok(()))?)).await
    }

    async fn write<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        let writer = self.writer.as_ref().ok_or(Error::ReadOnly)?;
        writer.worker.transact(writer.epoch, job).await
    }

    async fn read<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Transaction<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.reader
            .call(move |connection| {
                let snapshot = connection.transaction()?;
                job(&snapshot)
            })
            .await
    }
}

fn start_reader(path: &Path) -> Result<Worker, Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let known: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    migrate::refuse_newer(known)?;
    Worker::start("store-reader", connection, ())
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|source| Error::Open { path: path.to_owned(), source: Box::new(source) })?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}
