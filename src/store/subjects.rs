//! Which events are about a subscriber: rows of `em_subject`, written with the event, and with the plan of a whole group.
//!
//! Who gave a command stands in `em_event`; whom it is about stands in its document alone, where nothing finds it.
//! Events that are not acted on have no rows here, nor have those that were stored before there was this table.

use super::errors::ReadError;
use super::events::{LATEST_ATTEMPT, summary};
use super::limits::subject_name;
use super::reader::{Reader, Value};
use super::records::EventSummary;

impl Reader {
    /// The latest events about a subscriber, the latest first: their uuids are in the order of their times.
    pub async fn events_about(&self, user_id: &str, limit: usize) -> Result<Vec<EventSummary>, ReadError> {
        let sql = format!(
            "select cast(e.id as bigint), cast(e.uuid as text), cast(e.source as text),
                cast(e.user_id as text), cast(e.command as text), cast(e.status as text),
                coalesce(cast(j.reason as text), cast(e.note as text)), {received},
                cast(j.attempt as bigint), cast(j.warnings as text)
             from em_subject s join em_event e on e.uuid = s.event {LATEST_ATTEMPT}
             where s.subscriber = cast($1 as text) order by s.event desc limit cast($2 as bigint)",
            received = self.dialect().micros("e.inserted"),
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = vec![Value::Text(subject_name(user_id).into_owned()), Value::Int(limit)];
        Ok(self.rows(sql, params).await?.into_iter().map(summary).collect())
    }
}
