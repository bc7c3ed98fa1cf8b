//! Read connections to a SQLite file: a few. Lists are read on a blocking thread, single rows where they are wanted.

use super::file::{FileId, Paths};
use crate::store::reader::{Row, Value};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

const CONNECTIONS: usize = 4;

#[derive(Clone)]
pub(crate) struct Pool {
    paths: Paths,
    /// With the files that each has open, which may have been replaced since.
    idle: Arc<Mutex<Vec<(Connection, Files)>>>,
    permits: Arc<Semaphore>,
}

/// A database and its write-ahead log.
type Files = (Option<FileId>, Option<FileId>);

impl Pool {
    pub fn new(path: PathBuf) -> Self {
        Pool { paths: Paths::of(path), idle: Arc::default(), permits: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// All rows of a query for a few keys, on this very thread: that takes microseconds, less than waking another one.
    pub async fn rows_by_key(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, String> {
        let Ok(_permit) = self.permits.try_acquire() else { return self.rows(sql, params).await };
        self.query(&sql, params).map_err(|error| error.to_string())
    }

    /// All rows of a query; the error is its reason.
    pub async fn rows(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, String> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|error| error.to_string())?;
        let pool = self.clone();
        let query = move || {
            let _permit = permit;
            pool.query(&sql, params)
        };
        match tokio::task::spawn_blocking(query).await {
            Ok(rows) => rows.map_err(|error: rusqlite::Error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn query(&self, sql: &str, params: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
        let (connection, files) = self.connection()?;
        let rows = query(&connection, &sql.replace('$', "?"), params)?;
        // A connection that failed is not used again.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, files));
        Ok(rows)
    }

    fn connection(&self) -> rusqlite::Result<(Connection, Files)> {
        let Paths { database, log } = &self.paths;
        let now = (FileId::of(database), FileId::of(log));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, files)| *files == now);
        match idle.pop() {
            Some(connection) => Ok(connection),
            // Where there is no file: SQLite's own words.
            None => open(database).map(|connection| (connection, now)),
        }
    }
}

/// Opened for writing because reading a write-ahead log may have to create its index; queries cannot write.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn query(connection: &Connection, sql: &str, params: Vec<Value>) -> rusqlite::Result<Vec<Row>> {
    let params = params.into_iter().map(|value| match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Int(number) => rusqlite::types::Value::Integer(number),
        Value::Text(text) => rusqlite::types::Value::Text(text),
    });
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(params))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| row.get_ref(column).map(value)).collect::<Result<_, _>>()?;
        found.push(Row(values));
    }
    Ok(found)
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Value::Text(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}
