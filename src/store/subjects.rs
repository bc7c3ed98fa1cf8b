//! Which events are about a subscriber: rows of `em_subject`, written with the event, and with the plan of a whole group.
//!
//! Who gave a command stands in `em_event`; whom it is about stands in its document alone, where nothing finds it.
//! Events that are not acted on have no rows here, nor have those that were stored before there was this table, or by the
//! Erlang release, unless an operator retries them.

use super::errors::ReadError;
use super::events::limit_value;
use super::limits::subject_name;
use super::reader::{Reader, Value};
use super::records::EventSummary;
use crate::event::Status;
use uuid::Uuid;

/// Of the event `e`: the first subscriber that it is about, and how many there are. Each is looked up for the few rows of a
/// page alone.
///
/// The least of a bare column would be sought along the index that is sorted by it, through the subscribers of all events,
/// where a database takes many rows to be about one event, as it does of a table without statistics.
pub(super) const ABOUT: &str =
    "(select min(cast(subscriber as text) || '') from em_subject where event = e.uuid),
    (select cast(count(*) as bigint) from em_subject where event = e.uuid)";

impl Reader {
    /// The latest events about a subscriber, the latest first: their uuids are in the order of their times.
    pub async fn events_about(&self, user_id: &str, limit: usize) -> Result<Vec<EventSummary>, ReadError> {
        let sql = "select cast(event as text) from em_subject where subscriber = cast($1 as text)
            order by event desc limit cast($2 as bigint)";
        let params = vec![Value::Text(subject_name(user_id).into_owned()), limit_value(limit)];
        let rows = self.rows(sql.to_owned(), params).await?;
        let uuids: Vec<Uuid> = rows.into_iter().filter_map(|mut row| row.uuid(0)).collect();
        let mut events = self.summaries_by_uuid(&uuids).await?;
        events.reverse();
        Ok(events)
    }

    /// See [`Store`](super::Store).
    pub async fn later_about(
        &self,
        user_id: &str,
        after: i64,
        statuses: &[Status],
        limit: usize,
    ) -> Result<Vec<i64>, ReadError> {
        // A cross join as below. In the order of a bare id a database may read all events behind it, instead of those that are
        // about the subscriber.
        let words: Vec<String> = statuses.iter().map(|status| format!("'{}'", status.as_str())).collect();
        let sql = format!(
            "select cast(e.id as bigint) from em_subject s cross join em_event e
            where s.subscriber = cast($1 as text) and e.uuid = s.event
                and e.id > cast($2 as bigint) and e.status in ({})
            order by e.id + 0 limit cast($3 as bigint)",
            words.join(", "),
        );
        let user = Value::Text(subject_name(user_id).into_owned());
        let params = vec![user, Value::Int(after), limit_value(limit)];
        let rows = self.rows_planned(sql, params).await?;
        Ok(rows.into_iter().filter_map(|row| row.int(0)).collect())
    }

    /// See [`Store`](super::Store).
    pub async fn pending_about(&self, user_id: &str, command: &str) -> Result<Option<i64>, ReadError> {
        // A cross join is taken in this order by SQLite, which else might begin with all that is pending.
        let sql = "select cast(e.id as bigint) from em_subject s cross join em_event e
            where s.subscriber = cast($1 as text) and e.uuid = s.event
                and e.status = 'pending' and e.command = cast($2 as text)
            order by e.id limit 1";
        let params = vec![Value::Text(subject_name(user_id).into_owned()), Value::Text(command.to_owned())];
        let rows = self.rows(sql.to_owned(), params).await?;
        Ok(rows.first().and_then(|row| row.int(0)))
    }
}
