//! Reads of `em_event` and its journal.

use super::errors::ReadError;
use super::reader::{Reader, Row, Value};
use super::records::*;
use super::writes::{micros, warnings_from};
use crate::event::{Event, Status};
use crate::plan::Plan;
use std::collections::HashMap;
use std::time::SystemTime;
use uuid::Uuid;

/// So many of the latest rows may hold the last notification of a source.
const LOOKED_THROUGH: u32 = 100_000;

pub(super) const LATEST_ATTEMPT: &str = "left join em_journal j on j.uuid = e.uuid
    and j.attempt = (select max(attempt) from em_journal where uuid = e.uuid)";

pub(super) const PENDING: &str = "status = 'pending'";

/// Steps of the latest attempt are marked, and that has had no verdict.
const BEGUN: &str = "status = 'pending' and exists (
    select 1 from em_journal j join em_step s on s.uuid = j.uuid and s.attempt = j.attempt
    where j.uuid = em_event.uuid and j.reason is null
        and j.attempt = (select max(attempt) from em_journal where em_journal.uuid = em_event.uuid))";

/// Of those that have failed these hold their subject.
const UNRESOLVED: &str = "(status = 'pending' or status = 'failed' and 1 = (
    select cast(j.holds as integer) from em_journal j where j.uuid = em_event.uuid order by j.attempt desc limit 1))";

/// A page of rows: id after `$1`, at most `$2` of them. What `id` alone names in `order by` is the cast one, for which
/// PostgreSQL has no index.
pub(super) fn unfinished_sql(condition: &str) -> String {
    format!(
        "select cast(id as bigint), cast(uuid as text), cast(command as text), cast(event as text),
            cast(command_index as bigint), cast(source as text), cast(user_id as text)
         from em_event where {condition} and uuid is not null and id > cast($1 as bigint)
         order by em_event.id limit cast($2 as bigint)"
    )
}

impl Reader {
    pub async fn event(&self, id: i64) -> Result<Option<Event>, ReadError> {
        self.one_event("e.id = cast($1 as bigint)", Value::Int(id)).await
    }

    pub async fn event_by_uuid(&self, uuid: Uuid) -> Result<Option<Event>, ReadError> {
        let condition = format!("e.uuid = {}", self.dialect().uuid("$1"));
        self.one_event(&condition, Value::Text(uuid.to_string())).await
    }

    async fn one_event(&self, condition: &str, param: Value) -> Result<Option<Event>, ReadError> {
        let sql = format!(
            "select cast(e.id as bigint), cast(e.uuid as text), cast(e.source as text),
                cast(e.notification_id as text), cast(e.command_index as bigint), cast(e.user_id as text),
                cast(e.command as text), cast(e.event as text), cast(e.status as text),
                coalesce(cast(j.reason as text), cast(e.note as text)), {received}
             from em_event e {LATEST_ATTEMPT} where {condition} limit 1",
            received = self.dialect().micros("e.inserted"),
        );
        let row = self.rows_by_key(sql, vec![param]).await?.pop();
        Ok(row.map(|mut row| Event {
            id: row.int(0).unwrap_or_default(),
            uuid: row.uuid(1),
            source: row.text(2),
            notification_id: row.text(3),
            command_index: row.count(4),
            user_id: row.text(5).unwrap_or_default(),
            command: row.text(6).unwrap_or_default(),
            document: row.text(7).unwrap_or_default().into(),
            status: row.text(8).and_then(|word| Status::parse(&word)),
            note: row.text(9),
            received: row.time(10),
        }))
    }

    pub async fn pending(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.unfinished(PENDING, after, limit).await
    }

    pub async fn begun(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.unfinished(BEGUN, after, limit).await
    }

    pub async fn unresolved(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        self.unfinished(UNRESOLVED, after, limit).await
    }

    pub async fn uuids(&self, ids: &[i64]) -> Result<Vec<(i64, Option<Uuid>)>, ReadError> {
        let dialect = self.dialect();
        let sql = format!(
            "select cast(e.id as bigint), cast(e.uuid as text) from em_event e where {} order by e.id",
            dialect.among("e.id", "$1"),
        );
        let rows = self.rows_by_key(sql, vec![dialect.list(ids)]).await?;
        Ok(rows.into_iter().filter_map(|mut row| Some((row.int(0)?, row.uuid(1)))).collect())
    }

    pub async fn statuses(&self, uuids: &[Uuid]) -> Result<HashMap<Uuid, Option<Status>>, ReadError> {
        let dialect = self.dialect();
        let sql = format!(
            "select cast(uuid as text), cast(status as text) from em_event where {}",
            dialect.uuid_among("uuid", "$1"),
        );
        let rows = self.rows_by_key(sql, vec![dialect.list(uuids)]).await?;
        let status = |row: &mut Row| row.text(1).and_then(|word| Status::parse(&word));
        Ok(rows.into_iter().filter_map(|mut row| Some((row.uuid(0)?, status(&mut row)))).collect())
    }

    async fn unfinished(
        &self,
        condition: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, ReadError> {
        let sql = unfinished_sql(condition);
        let rows = self.rows(sql, vec![Value::Int(after), limit_value(limit)]).await?;
        let pending = rows.into_iter().filter_map(|mut row| {
            Some(PendingEvent {
                id: row.int(0)?,
                uuid: row.uuid(1)?,
                command: row.text(2).unwrap_or_default(),
                document: row.text(3).unwrap_or_default().into(),
                command_index: row.count(4),
                source: row.text(5).unwrap_or_default(),
                user_id: row.text(6).unwrap_or_default(),
            })
        });
        Ok(pending.collect())
    }

    pub async fn counts(&self) -> Result<Counts, ReadError> {
        let mut counts = Counts::default();
        let by_status = "select cast(status as text), cast(count(*) as bigint) from em_event group by status";
        for mut row in self.rows(by_status.to_owned(), Vec::new()).await? {
            let rows = row.int(1).and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
            match row.text(0).as_deref().and_then(Status::parse) {
                Some(Status::Pending) => counts.pending += rows,
                Some(Status::Completed) => counts.completed += rows,
                Some(Status::Failed) => counts.failed += rows,
                Some(Status::Ignored) => counts.ignored += rows,
                None => counts.other += rows,
            }
        }
        let ours = self.waiting().await?;
        counts.left_pending = counts.pending.saturating_sub(ours.pending);
        counts.pending = ours.pending;
        counts.oldest_pending = ours.oldest;
        Ok(counts)
    }

    pub async fn waiting(&self) -> Result<Waiting, ReadError> {
        let sql = format!(
            "select cast(count(*) as bigint), {} from em_event where status = 'pending' and uuid is not null",
            self.dialect().micros("min(inserted)"),
        );
        let row = self.rows(sql, Vec::new()).await?.pop();
        Ok(row.map_or_else(Waiting::default, |row| Waiting {
            pending: row.int(0).and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
            oldest: row.int(1).map(|_| row.time(1)),
        }))
    }

    pub async fn failed(&self) -> Result<u64, ReadError> {
        let sql = "select cast(count(*) as bigint) from em_event where status = 'failed'";
        let row = self.rows(sql.to_owned(), Vec::new()).await?.pop();
        Ok(row.and_then(|row| u64::try_from(row.int(0)?).ok()).unwrap_or_default())
    }

    pub async fn recent_uuids(&self, since: Uuid, limit: usize) -> Result<Vec<Uuid>, ReadError> {
        let sql = format!(
            "select cast(uuid as text) from em_event where uuid >= {since}
             order by em_event.uuid desc limit cast($2 as bigint)",
            since = self.dialect().uuid("$1"),
        );
        let params = vec![Value::Text(since.to_string()), limit_value(limit)];
        Ok(self.rows(sql, params).await?.into_iter().filter_map(|mut row| row.uuid(0)).collect())
    }

    pub async fn last_notification_id(
        &self,
        source: &str,
        before: SystemTime,
    ) -> Result<Option<String>, ReadError> {
        // No index leads from a source to its rows: a server that has long been silent is not looked for in all of them.
        let sql = format!(
            "select cast(notification_id as text) from em_event
             where id > (select max(id) - {LOOKED_THROUGH} from em_event)
                and source = cast($1 as text) and notification_id is not null and inserted < {before}
             order by id desc limit 1",
            before = self.dialect().time("$2"),
        );
        let params = vec![Value::Text(source.to_owned()), Value::Int(micros(before))];
        Ok(self.rows(sql, params).await?.pop().and_then(|mut row| row.text(0)))
    }

    pub async fn journal(&self, uuid: Uuid) -> Result<Option<Journal>, ReadError> {
        let key = self.dialect().uuid("$1");
        let param = vec![Value::Text(uuid.to_string())];
        let attempts = format!(
            "select cast(attempt as bigint), cast(plan as text), cast(panics as bigint), cast(reason as text),
                cast(warnings as text), cast(digest as text), cast(case when holds is null then 0 else 1 end as bigint)
             from em_journal where uuid = {key} order by attempt"
        );
        let steps = format!(
            "select cast(attempt as bigint), cast(position as bigint), cast(state as text),
                cast(answer as text), {} from em_step where uuid = {key} order by attempt, position",
            self.dialect().micros("marked"),
        );
        let attempts = self.rows_by_key(attempts, param.clone()).await?;
        // Every mark of a step comes with a row of its attempt.
        if attempts.is_empty() {
            return Ok(None);
        }
        let steps = self.rows_by_key(steps, param).await?;
        assemble(uuid, attempts, steps).map(Some)
    }
}

pub(super) fn limit_value(limit: usize) -> Value {
    Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// The journal from the rows of `em_journal` and `em_step`, both in order of attempt.
fn assemble(uuid: Uuid, attempts: Vec<Row>, steps: Vec<Row>) -> Result<Journal, ReadError> {
    let unreadable = |table, reason| ReadError::Row { table, key: uuid.to_string(), reason };
    let mut marks: HashMap<u32, Vec<StepMark>> = HashMap::new();
    for mut row in steps {
        let (attempt, position) = (row.count(0), row.count(1));
        let word = row.text(2).unwrap_or_default();
        let state = StepState::parse(&word)
            .ok_or_else(|| unreadable("em_step", format!("{word:?} is not the state of a step")))?;
        marks.entry(attempt).or_default().push(StepMark {
            position,
            state,
            answer: row.text(3),
            at: row.time(4),
        });
    }
    let mut journal = Journal::default();
    for (place, mut row) in attempts.into_iter().enumerate() {
        if place > 0 {
            journal.begin_attempt();
        }
        let plan = row.text(1).map(|json| serde_json::from_str::<Plan>(&json)).transpose();
        journal.plan =
            plan.map_err(|error| unreadable("em_journal", format!("the plan is unreadable: {error}")))?;
        journal.attempt = row.count(0);
        journal.panics = row.count(2);
        journal.reason = row.text(3);
        journal.warnings = warnings_from(row.text(4));
        journal.digest = row.text(5);
        // A verdict says in any case whether it holds its subject.
        journal.has_verdict = row.int(6) == Some(1);
        journal.steps = marks.remove(&journal.attempt).unwrap_or_default();
    }
    Ok(journal)
}
