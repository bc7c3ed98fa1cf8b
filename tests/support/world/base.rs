//! The databases of a daemon, of either kind, and what stands in them.

use crate::support::daemon::PATIENCE;
use crate::support::postgres;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// The databases of one daemon.
pub enum Base {
    /// The files of events and of subscribers, which may be the same.
    Sqlite { events: PathBuf, subscribers: PathBuf },
    /// The same as addresses.
    Postgres { events: String, subscribers: String },
}

/// Rows of text.
pub type Rows = Vec<Vec<Option<String>>>;

impl Base {
    /// Files in this directory, two where subscribers have their own.
    pub fn sqlite(directory: &Path, is_split: bool) -> Base {
        let events = directory.join("events.db");
        let subscribers = if is_split { directory.join("subscribers.db") } else { events.clone() };
        Base::Sqlite { events, subscribers }
    }

    /// New databases of a server, likewise.
    pub fn postgres(server: &postgres::Server, is_split: bool) -> Base {
        let events = server.create_database();
        let subscribers = if is_split { server.create_database() } else { events.clone() };
        Base::Postgres { events, subscribers }
    }

    /// The section that names them.
    pub fn config(&self) -> String {
        match self {
            Base::Sqlite { events, subscribers } => format!(
                "[store]\nevents = \"sqlite:{}\"\nsubscribers = \"sqlite:{}\"\n",
                events.display(),
                subscribers.display()
            ),
            Base::Postgres { events, subscribers } => {
                format!("[store]\nevents = {events:?}\nsubscribers = {subscribers:?}\n")
            }
        }
    }

    /// What a query of the events gives; the error where there is no database, or no table yet.
    pub fn try_events(&self, sql: &str) -> Result<Rows, String> {
        match self {
            Base::Sqlite { events, .. } => of_file(events, sql).map_err(|error| error.to_string()),
            Base::Postgres { events, .. } => postgres::query(events, sql),
        }
    }

    /// The same, which succeeds.
    #[track_caller]
    pub fn events(&self, sql: &str) -> Rows {
        self.try_events(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// What a query of the subscribers gives.
    #[track_caller]
    pub fn subscribers(&self, sql: &str) -> Rows {
        let rows = match self {
            Base::Sqlite { subscribers, .. } => of_file(subscribers, sql).map_err(|error| error.to_string()),
            Base::Postgres { subscribers, .. } => postgres::query(subscribers, sql),
        };
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The only number that a query of the events gives; `None` where it cannot be asked now.
    pub fn count(&self, sql: &str) -> Option<u64> {
        self.try_events(sql).ok()?.first()?.first()?.as_deref()?.parse().ok()
    }

    /// The only column of a query of the events.
    #[track_caller]
    pub fn column(&self, sql: &str) -> Vec<String> {
        let first = |row: Vec<Option<String>>| row.into_iter().next().flatten().unwrap_or_default();
        self.events(sql).into_iter().map(first).collect()
    }
}

fn of_file(path: &Path, sql: &str) -> rusqlite::Result<Rows> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    database.busy_timeout(PATIENCE)?;
    let mut statement = database.prepare(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get_ref(at).map(text)).collect())?;
    rows.collect()
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text).into_owned()),
    }
}
