//! One topic of the topic log: what its hubs get, and what can be asked of it over REST.
//!
//! Times are those to the millisecond that are shown: SQLite has no finer ones.

use super::Store;
use super::errors::ReadError;
use super::reader::{Reader, Row, Value};
use super::topic_log::{LOGGED_COLUMNS, logged, logged_columns};
use super::writes::micros;
use crate::event::Logged;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A page ends with the row that brings it to so many letters.
const LONGEST_PAGE: i64 = 1 << 20;

/// Rows of a topic, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRows {
    pub rows: Vec<Logged>,
    /// Whether the topic had no others behind them.
    pub is_end: bool,
}

impl Store {
    /// The rows of a topic behind this place, as many as `limit`; fewer, but at least one, where they are long.
    pub async fn topic_rows_after(
        &self,
        topic: &str,
        sequence: i64,
        limit: usize,
    ) -> Result<TopicRows, ReadError> {
        let reader = &self.inner.events.reader;
        let sql = format!(
            "with page as (
                select sequence, length(payload) as size from em_topic_log
                where topic = cast($1 as text) and sequence > cast($2 as bigint)
                order by sequence limit cast($3 as bigint)
             ), ends as (select sequence, sum(size) over (order by sequence) - size as before from page)
             select {}, (select count(*) from page) from em_topic_log
             where sequence in (select sequence from ends where before < {LONGEST_PAGE}) order by sequence",
            logged_columns(reader.dialect()),
        );
        let params = vec![text(topic), Value::Int(sequence), number(limit)];
        let rows = reader.rows(sql, params).await?;
        let there = rows.first().and_then(|row| row.int(LOGGED_COLUMNS)).unwrap_or_default();
        let is_end = usize::try_from(there).is_ok_and(|there| there < limit && there == rows.len());
        Ok(TopicRows { rows: rows.into_iter().map(logged).collect(), is_end })
    }

    /// How many rows of a topic are behind the first place, up to the second.
    pub async fn topic_rows_between(&self, topic: &str, after: i64, upto: i64) -> Result<u64, ReadError> {
        let sql = "select count(*) from em_topic_log
             where topic = cast($1 as text) and sequence > cast($2 as bigint) and sequence <= cast($3 as bigint)";
        let params = vec![text(topic), Value::Int(after), Value::Int(upto)];
        Ok(count(&self.inner.events.reader.rows(sql.to_owned(), params).await?))
    }

    /// How many rows of a topic are behind this place.
    pub async fn topic_rows_behind(&self, topic: &str, sequence: i64) -> Result<u64, ReadError> {
        let sql = "select count(*) from em_topic_log where topic = cast($1 as text) and sequence > cast($2 as bigint)";
        let reader = &self.inner.events.reader;
        let rows = reader.rows(sql.to_owned(), vec![text(topic), Value::Int(sequence)]).await?;
        Ok(count(&rows))
    }

    /// How many rows of the whole log are behind this place.
    pub async fn topic_log_behind(&self, sequence: i64) -> Result<u64, ReadError> {
        let sql = "select count(*) from em_topic_log where sequence > cast($1 as bigint)";
        let reader = &self.inner.events.reader;
        Ok(count(&reader.rows(sql.to_owned(), vec![Value::Int(sequence)]).await?))
    }

    /// The first and the last row of a topic that were received in this time, both ends included; `None`: there is none.
    pub async fn topic_range(
        &self,
        topic: &str,
        since: SystemTime,
        until: SystemTime,
    ) -> Result<Option<(i64, i64)>, ReadError> {
        let reader = &self.inner.events.reader;
        let (condition, params) = reader.of_topic(topic, Some(since), Some(until));
        let sql = format!(
            "select cast(min(sequence) as bigint), cast(max(sequence) as bigint) from em_topic_log where {condition}"
        );
        let rows = reader.rows_planned(sql, params).await?;
        Ok(rows.first().and_then(|row| row.int(0).zip(row.int(1))))
    }

    /// A page of a topic, the oldest first, and how many rows there are in all pages. Both times are included.
    pub async fn topic_page(
        &self,
        topic: &str,
        after: Option<SystemTime>,
        before: Option<SystemTime>,
        offset: u64,
        limit: usize,
    ) -> Result<(Vec<Logged>, u64), ReadError> {
        let reader = &self.inner.events.reader;
        let (condition, mut params) = reader.of_topic(topic, after, before);
        let total = format!("select count(*) from em_topic_log where {condition}");
        let total = count(&reader.rows_planned(total, params.clone()).await?);
        if offset >= total || limit == 0 {
            return Ok((Vec::new(), total));
        }
        let sql = format!(
            "select {columns} from em_topic_log where {condition} order by sequence
             limit cast(${limit} as bigint) offset cast(${offset} as bigint)",
            columns = logged_columns(reader.dialect()),
            limit = params.len() + 1,
            offset = params.len() + 2,
        );
        params.extend([number(limit), Value::Int(i64::try_from(offset).unwrap_or(i64::MAX))]);
        let rows = reader.rows_planned(sql, params).await?;
        Ok((rows.into_iter().map(logged).collect(), total))
    }

    /// An event of the log; where no topic is named, its first row.
    pub async fn topic_event(&self, uuid: Uuid, topic: Option<&str>) -> Result<Option<Logged>, ReadError> {
        let reader = &self.inner.events.reader;
        let mut params = vec![Value::Text(uuid.to_string())];
        params.extend(topic.map(text));
        let sql = format!(
            "select {columns} from em_topic_log where uuid = {uuid}{topic} order by sequence limit 1",
            columns = logged_columns(reader.dialect()),
            uuid = reader.dialect().uuid("$1"),
            topic = if topic.is_some() { " and topic = cast($2 as text)" } else { "" },
        );
        Ok(reader.rows(sql, params).await?.into_iter().next().map(logged))
    }
}

impl Reader {
    /// The condition that picks the rows of a topic in a time, and its parameters.
    fn of_topic(
        &self,
        topic: &str,
        after: Option<SystemTime>,
        before: Option<SystemTime>,
    ) -> (String, Vec<Value>) {
        let (mut condition, mut params) = ("topic = cast($1 as text)".to_owned(), vec![text(topic)]);
        let mut bound = |comparison: &str, micros: i64| {
            params.push(Value::Int(micros));
            let param = format!("${}", params.len());
            condition += &format!(" and at {comparison} {}", self.dialect().instant(&param));
        };
        if let Some(after) = after {
            bound(">=", whole_millisecond(after));
        }
        if let Some(end) = before.and_then(|before| before.checked_add(MILLISECOND)) {
            bound("<", whole_millisecond(end));
        }
        (condition, params)
    }
}

/// Where the millisecond begins, in microseconds since 1970.
fn whole_millisecond(time: SystemTime) -> i64 {
    micros(time).div_euclid(1_000) * 1_000
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(limit: usize) -> Value {
    Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn count(rows: &[Row]) -> u64 {
    rows.first().and_then(|row| row.int(0)).and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}
