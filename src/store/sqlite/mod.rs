//! SQLite, the embedded default: one file, write-ahead log, every commit on the disk before it is answered.
//!
//! The writer blocks the thread that it runs on, which is its own. Times are text in UTC with milliseconds
//! (`2026-03-01 12:00:00.000`), so that they sort, and read well in the `sqlite3` shell. Columns are cut to their
//! declared widths, although SQLite itself does not mind, so that rows can move to PostgreSQL.

mod commit;
mod effects;
mod file;
mod following;
mod hubs;
mod pool;
mod sweeping;
mod tables;

pub(crate) use file::real_path;
pub(crate) use pool::Pool;
pub use tables::statements;

use super::health::Tables;
use super::limits::EventWidths;
use super::tenure::Tenure;
use super::writer::{Backend, CommitError, Connected};
use super::writes::{Outcome, Write};
use crate::store::errors::MISSING;
use file::{FileId, Lock, Paths};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a statement waits for another process's lock before that counts as an outage.
const BUSY: Duration = Duration::from_secs(5);

/// The writing side of a database file.
pub(crate) struct Sqlite {
    paths: Paths,
    tables: Tables,
    open: Option<Open>,
    /// Keeps a second daemon from running the same events; `None` where there are no events.
    lock: Option<Lock>,
}

struct Open {
    connection: Connection,
    widths: EventWidths,
    /// The file that is open, which may not be the one at the path any more.
    file: FileId,
    /// The same of its write-ahead log, once something has been written.
    log: Option<FileId>,
}

impl Sqlite {
    pub fn new(path: PathBuf, tables: Tables) -> Self {
        Sqlite { paths: Paths::of(path), tables, open: None, lock: None }
    }

    fn reopen(&mut self, last: Tenure) -> Result<(Open, Connected), String> {
        let path = &self.paths.database;
        if let Some(directory) = missing_directory(path) {
            return Err(format!("directory {} {MISSING}", directory.display()));
        }
        file::create_private(path).map_err(|error| error.to_string())?;
        if self.tables.events {
            self.lock = Some(Lock::take(path, self.lock.take())?);
        }
        let file = FileId::of(path).ok_or("the file was removed as soon as it was made")?;
        let mut connection = open(path).map_err(|error| error.to_string())?;
        let found = tables::prepare(&mut connection, self.tables, last).map_err(|error| error.to_string())?;
        let open = Open { connection, widths: found.widths, file, log: None };
        Ok((open, Connected { limits: found.limits, tenure: found.tenure }))
    }
}

impl Backend for Sqlite {
    async fn connect(&mut self, last: Tenure) -> Result<Connected, String> {
        self.open = None;
        let (open, connected) = self.reopen(last)?;
        self.open = Some(open);
        Ok(connected)
    }

    async fn commit(&mut self, writes: &[Write]) -> Result<Vec<Outcome>, CommitError> {
        let open =
            self.open.as_mut().ok_or_else(|| CommitError::Unavailable("the file is not open".to_owned()))?;
        // Whatever is committed to a file without a name is lost when it is closed.
        if FileId::of(&self.paths.database) != Some(open.file) {
            return Err(CommitError::Unavailable("the file was removed or replaced".to_owned()));
        }
        let log = &self.paths.log;
        if open.log.is_some() && FileId::of(log) != open.log {
            // What is in it goes into the database while we have it: nobody else can read it any more.
            let saved = open.connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
            let saved = saved.err().map(|error| format!(", and its content cannot be saved: {error}"));
            let lost = format!("{} was removed or replaced{}", log.display(), saved.unwrap_or_default());
            return Err(CommitError::Unavailable(lost));
        }
        let outcomes = commit::commit(&mut open.connection, &open.widths, writes).map_err(classify)?;
        open.log = open.log.or_else(|| FileId::of(log));
        Ok(outcomes)
    }

    async fn lost(&mut self) -> String {
        std::future::pending().await
    }
}

/// Where the file of a database is, or will be.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The directory of a database, where it does not exist: databases are created, directories are not.
pub(crate) fn missing_directory(path: &Path) -> Option<&Path> {
    Some(directory_of(path)).filter(|directory| !directory.is_dir())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // A checkpoint about every four megabytes of log; what a long reader lets it grow beyond 64 is given back.
    connection.pragma_update(None, "wal_autocheckpoint", 1000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// What a write itself is to blame for is refused; everything else may pass.
fn classify(error: rusqlite::Error) -> CommitError {
    let refused = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch
        ),
        _ => false,
    };
    if refused {
        CommitError::Rejected(error.to_string())
    } else {
        CommitError::Unavailable(error.to_string())
    }
}
