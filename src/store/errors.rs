//! What can go wrong at the store's boundary. No text here ever carries a password.

use crate::event::Status;
use thiserror::Error;

/// Why a database cannot be used: it belongs to another process.
pub const IN_USE: &str = "another eventmanager uses this database";
/// The end of the reason where the directory of a file is not there.
pub const MISSING: &str = "does not exist";

/// The configuration cannot be turned into a store; an unreachable database is no such error.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("store: {setting} is not a usable PostgreSQL address: {reason}")]
    Address { setting: &'static str, reason: String },
    #[error("store: TLS cannot be set up for {database}: {reason}")]
    Tls { database: String, reason: String },
    #[error("store: the thread for PostgreSQL connections cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A write has not been done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    #[error("the store is closed")]
    Closed,
    /// The database refuses this write for good, whatever its state.
    #[error("the database refuses the row: {0}")]
    Rejected(String),
}

/// A progress has not been recorded in full.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    #[error("the store is closed")]
    Closed,
    /// Nothing of it is stored (with two databases: the effect may be).
    #[error("the database refuses the progress: {0}")]
    Rejected(String),
    /// Another daemon has had the database since the tenure of the progress; nothing of it is stored. With two databases
    /// also where that of the events is away: whoever repeats it is told.
    #[error("the database was taken by another eventmanager, or replaced")]
    Superseded,
    /// Somebody has deleted the event's row. Effect and journal are stored all the same.
    #[error("the event's row is gone")]
    Gone,
    /// Somebody has given the row another status, which stands. Effect and journal are stored all the same, because
    /// the peer has answered; only the verdict is not. `None`: a word that is not a status.
    #[error("the event is not pending any more, its status is {}", .0.map_or("unknown", Status::as_str))]
    NotPending(Option<Status>),
}

/// A read has failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    #[error("{database} ({place}) cannot be read: {reason}")]
    Unavailable {
        /// `events` or `subscribers`.
        database: &'static str,
        /// Path, or hosts and database name.
        place: String,
        reason: String,
    },
    /// A row that somebody has edited into something we cannot read.
    #[error("{table} {key}: {reason}")]
    Row { table: &'static str, key: String, reason: String },
}
