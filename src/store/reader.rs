//! Reads of either database: SQL in the part that both understand, with the words of a dialect where they differ.

use super::errors::ReadError;
use super::hubs::HUB_READERS;
use super::writes::time_from;
use super::{postgres, sqlite};
use crate::failpoints;
use std::time::SystemTime;
use uuid::Uuid;

/// A database to read from.
#[derive(Clone)]
pub(crate) struct Reader {
    pub database: &'static str,
    pub place: String,
    pub source: Source,
}

#[derive(Clone)]
pub(crate) enum Source {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

/// A parameter (`$1`, `$2` …, every one cast where it stands) or a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
}

/// The columns of a row: every one cast to `text` or `bigint` in the SQL.
pub(crate) struct Row(pub Vec<Value>);

impl Reader {
    /// All rows of a query.
    pub async fn rows(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, ReadError> {
        self.pass_failpoint().await?;
        let rows = match &self.source {
            Source::Sqlite(pool) => pool.rows(sql, params).await,
            Source::Postgres(pool) => pool.rows(sql, params).await,
        };
        rows.map_err(|reason| self.unavailable(reason))
    }

    /// All rows of a query that finds a few rows by their keys.
    pub async fn rows_by_key(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, ReadError> {
        self.pass_failpoint().await?;
        let rows = match &self.source {
            Source::Sqlite(pool) => pool.rows_by_key(sql, params).await,
            Source::Postgres(pool) => pool.rows_by_key(sql, params).await,
        };
        rows.map_err(|reason| self.unavailable(reason))
    }

    /// All rows of a query that is planned for these very values: what is best for one status or user is not for another.
    pub async fn rows_planned(&self, sql: String, params: Vec<Value>) -> Result<Vec<Row>, ReadError> {
        self.pass_failpoint().await?;
        let rows = match &self.source {
            Source::Sqlite(pool) => pool.rows(sql, params).await,
            Source::Postgres(pool) => pool.rows_planned(sql, params).await,
        };
        rows.map_err(|reason| self.unavailable(reason))
    }

    async fn pass_failpoint(&self) -> Result<(), ReadError> {
        let name = match self.database {
            "events" => "store.events.read.before",
            _ => "store.subscribers.read.before",
        };
        match failpoints::fault(name).await {
            None => Ok(()),
            Some(_) => Err(self.unavailable(name.to_owned())),
        }
    }

    fn unavailable(&self, reason: String) -> ReadError {
        ReadError::Unavailable { database: self.database, place: self.place.clone(), reason }
    }

    pub fn dialect(&self) -> Dialect {
        match self.source {
            Source::Sqlite(_) => Dialect::Sqlite,
            Source::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// What the two databases say differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Times are text `YYYY-MM-DD HH:MM:SS.SSS` in UTC, which sorts as time and which `sqlite3` users can read.
    Sqlite,
    /// `inserted` has no zone: it is local time of the session, as the Erlang release's `now()` wrote it.
    Postgres,
}

impl Dialect {
    /// A column of times as microseconds since 1970.
    pub fn micros(self, column: &str) -> String {
        match self {
            Dialect::Sqlite => {
                format!("cast(round(unixepoch({column}, 'subsec') * 1000) as integer) * 1000")
            }
            Dialect::Postgres => {
                format!("cast(extract(epoch from cast({column} as timestamptz)) * 1000000 as bigint)")
            }
        }
    }

    /// A parameter in microseconds as a time to compare with `inserted`.
    pub fn time(self, param: &str) -> String {
        match self {
            Dialect::Sqlite => {
                format!("strftime('%Y-%m-%d %H:%M:%f', cast({param} as integer) / 1e6, 'unixepoch')")
            }
            Dialect::Postgres => {
                format!("cast(to_timestamp(cast({param} as bigint) / 1e6) as timestamp)")
            }
        }
    }

    /// A parameter in microseconds as a time to compare with columns of our own tables, which have a zone.
    pub fn instant(self, param: &str) -> String {
        match self {
            Dialect::Sqlite => self.time(param),
            Dialect::Postgres => format!("to_timestamp(cast({param} as bigint) / 1e6)"),
        }
    }

    /// A parameter as a uuid.
    pub fn uuid(self, param: &str) -> String {
        match self {
            Dialect::Sqlite => format!("cast({param} as text)"),
            Dialect::Postgres => format!("cast(cast({param} as text) as uuid)"),
        }
    }

    /// The name among the readers of the topic log of the hub with this column of uuids.
    pub fn hub_reader(self, column: &str) -> String {
        match self {
            Dialect::Sqlite => format!("'{HUB_READERS}' || {column}"),
            Dialect::Postgres => format!("'{HUB_READERS}' || cast({column} as text)"),
        }
    }

    /// A condition: the column is among the ids of a parameter that [`Dialect::list`] has made.
    pub fn among(self, column: &str, param: &str) -> String {
        match self {
            Dialect::Sqlite => format!("{column} in (select value from json_each({param}))"),
            Dialect::Postgres => format!("{column} = any (cast(cast({param} as text) as bigint[]))"),
        }
    }

    /// The same of uuids.
    pub fn uuid_among(self, column: &str, param: &str) -> String {
        match self {
            Dialect::Sqlite => self.among(column, param),
            Dialect::Postgres => format!("{column} = any (cast(cast({param} as text) as uuid[]))"),
        }
    }

    /// Numbers, or words of letters, digits and dashes, as a parameter.
    pub fn list<T: ToString>(self, items: &[T]) -> Value {
        let items = items.iter().map(ToString::to_string);
        Value::Text(match self {
            Dialect::Sqlite => serde_json::json!(items.collect::<Vec<_>>()).to_string(),
            Dialect::Postgres => format!("{{{}}}", items.collect::<Vec<_>>().join(",")),
        })
    }

    /// A parameter with a JSON array of strings as a table with the column `value`.
    pub fn each(self, param: &str) -> String {
        match self {
            Dialect::Sqlite => format!("json_each({param}) as each"),
            Dialect::Postgres => {
                format!("json_array_elements_text(cast(cast({param} as text) as json)) as each(value)")
            }
        }
    }
}

impl Row {
    /// Takes a column of text.
    pub fn text(&mut self, column: usize) -> Option<String> {
        match std::mem::replace(&mut self.0[column], Value::Null) {
            Value::Text(text) => Some(text),
            Value::Int(number) => Some(number.to_string()),
            Value::Null => None,
        }
    }

    pub fn int(&self, column: usize) -> Option<i64> {
        match self.0[column] {
            Value::Int(number) => Some(number),
            Value::Text(_) | Value::Null => None,
        }
    }

    /// A small number that is not negative; anything else counts as 0.
    pub fn count(&self, column: usize) -> u32 {
        self.int(column).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    /// A column of microseconds; 1970 where it is null.
    pub fn time(&self, column: usize) -> SystemTime {
        self.int(column).map_or(SystemTime::UNIX_EPOCH, time_from)
    }

    pub fn uuid(&mut self, column: usize) -> Option<Uuid> {
        self.text(column).and_then(|text| Uuid::try_parse(&text).ok())
    }
}
