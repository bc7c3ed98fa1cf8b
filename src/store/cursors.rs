//! How far the readers of the topic log have come.

use super::Store;
use super::errors::{ReadError, StoreError};
use super::reader::{Row, Value};
use super::tenure::Tenure;
use super::writes::Write;

/// Where a reader of the topic log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last row that it has got, or passed over.
    pub sequence: i64,
    /// How many events it has got.
    pub number: i64,
}

impl Store {
    /// Queues at the call that a reader of the topic log has come to this place; resolves when that is durable. It never
    /// goes back. In a database that replaces this one meanwhile it is not kept.
    pub fn keep_place(
        &self,
        reader: &str,
        sequence: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        self.keep_place_in(self.tenure(), reader, sequence)
    }

    /// The same for a place that was reached in this tenure: the log of another may not have come so far.
    pub fn keep_place_in(
        &self,
        tenure: Tenure,
        reader: &str,
        sequence: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        self.write_place(tenure, reader, sequence, None)
    }

    /// The place to which a reader of the topic log has come; `None`: it has never kept one.
    pub async fn place(&self, reader: &str) -> Result<Option<i64>, ReadError> {
        Ok(self.cursor(reader).await?.map(|cursor| cursor.sequence))
    }

    /// The same as [`Store::keep_place`] with the number of events. That of a hub which there is not (any more) is not kept.
    pub fn keep_cursor(
        &self,
        reader: &str,
        cursor: Cursor,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let Cursor { sequence, number } = cursor;
        self.write_place(self.tenure(), reader, sequence, Some(number))
    }

    fn write_place(
        &self,
        tenure: Tenure,
        reader: &str,
        sequence: i64,
        number: Option<i64>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        // Before the database was first reached there is nothing to which it could belong.
        let tenure = Some(tenure).filter(|tenure| *tenure != Tenure::default());
        self.write_all(vec![Write::Place { reader: reader.to_owned(), sequence, number, tenure }])
    }

    /// Where a reader is; `None`: it has never kept a place. Who counts no events has got none.
    pub async fn cursor(&self, reader: &str) -> Result<Option<Cursor>, ReadError> {
        let sql = format!("{CURSORS} where reader = cast($1 as text)");
        let rows = self.inner.events.reader.rows(sql, vec![Value::Text(reader.to_owned())]).await?;
        Ok(rows.first().map(cursor))
    }

    /// All readers whose names begin so, by name.
    pub async fn cursors(&self, prefix: &str) -> Result<Vec<(String, Cursor)>, ReadError> {
        let sql = format!(
            "{CURSORS} where substr(reader, 1, length(cast($1 as text))) = cast($1 as text) order by reader"
        );
        let rows = self.inner.events.reader.rows(sql, vec![Value::Text(prefix.to_owned())]).await?;
        let named = rows.into_iter().map(|mut row| (row.text(2).unwrap_or_default(), cursor(&row)));
        Ok(named.collect())
    }
}

const CURSORS: &str =
    "select cast(sequence as bigint), cast(number as bigint), cast(reader as text) from em_cursor";

fn cursor(row: &Row) -> Cursor {
    Cursor { sequence: row.int(0).unwrap_or_default(), number: row.int(1).unwrap_or_default() }
}
