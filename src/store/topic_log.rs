//! The topic log: events as they are handed on, in one order for all who follow them.
//!
//! A row is an event under one topic. Whoever follows keeps his place, a sequence; the log keeps rows for as long as it is told to.

use super::Store;
use super::errors::{ReadError, StoreError};
use super::reader::{Dialect, Reader, Row, Value};
use super::writes::{Outcome, Write};
use crate::event::{Form, Logged, TopicEvent};
use tokio::sync::watch;

impl Store {
    /// Queues rows of the topic log at the call; resolves when they are durable, and says of each why the database refuses it,
    /// where it does. Storing one again stores nothing twice.
    pub fn hand_on(
        &self,
        events: Vec<TopicEvent>,
    ) -> impl Future<Output = Result<Vec<Option<String>>, StoreError>> + Send + use<> {
        let answer = self.inner.events.shared.queue.push(events.into_iter().map(Write::Log).collect());
        async move {
            let refused = answer.await?.into_iter().map(|outcome| match outcome {
                Outcome::Rejected(reason) => Some(reason),
                _ => None,
            });
            Ok(refused.collect())
        }
    }

    /// Changes whenever the topic log has grown.
    pub fn follow_topic_log(&self) -> watch::Receiver<()> {
        self.inner.events.shared.feed.follow_log()
    }

    /// The place of the last row that there is; 0 where there is none.
    pub async fn topic_log_end(&self) -> Result<i64, ReadError> {
        let sql = "select cast(coalesce(max(sequence), 0) as bigint) from em_topic_log".to_owned();
        let rows = self.inner.events.reader.rows(sql, Vec::new()).await?;
        Ok(rows.first().and_then(|row| row.int(0)).unwrap_or_default())
    }

    /// The rows behind this place, as many as `limit`, in their order.
    pub async fn topic_log_after(&self, sequence: i64, limit: usize) -> Result<Vec<Logged>, ReadError> {
        self.inner.events.reader.topic_log_after(sequence, limit).await
    }
}

impl Reader {
    async fn topic_log_after(&self, sequence: i64, limit: usize) -> Result<Vec<Logged>, ReadError> {
        let sql = format!(
            "select {} from em_topic_log where sequence > cast($1 as bigint) order by sequence limit cast($2 as bigint)",
            logged_columns(self.dialect()),
        );
        let params = vec![Value::Int(sequence), Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))];
        Ok(self.rows(sql, params).await?.into_iter().map(logged).collect())
    }
}

/// How many [`logged_columns`] there are.
pub(super) const LOGGED_COLUMNS: usize = 9;

/// The columns that [`logged`] reads.
pub(super) fn logged_columns(dialect: Dialect) -> String {
    format!(
        "cast(sequence as bigint), cast(uuid as text), cast(topic as text), cast(source as text), cast(name as text), {at},
            cast(payload as text), cast(form as text), cast(origin as text)",
        at = dialect.micros("at"),
    )
}

pub(super) fn logged(mut row: Row) -> Logged {
    let uuid = row.uuid(1).unwrap_or_default();
    let form = Form::parse(row.text(7).as_deref(), row.text(8));
    let mut text = |column| row.text(column).unwrap_or_default();
    let (topic, source, name, payload) = (text(2), text(3), text(4), text(6));
    let (source, name, payload) = (source.into(), name.into(), payload.into());
    let event = TopicEvent { uuid, topic, source, name, at: row.time(5), payload, form };
    Logged { sequence: row.int(0).unwrap_or_default(), event }
}
