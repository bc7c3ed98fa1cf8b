//! Reads of `em_event` and its journal.

use super::errors::ReadError;
use super::feed::Changed;
use super::reader::{Dialect, Reader, Row, Value};
use super::records::*;
use super::writes::{micros, warnings_from};
use crate::event::{Event, Status};
use crate::plan::{Plan, Step};
use std::collections::HashMap;
use std::time::SystemTime;
use uuid::Uuid;

/// So many of the latest rows may hold the last notification of a source.
const LOOKED_THROUGH: u32 = 100_000;

pub(super) const LATEST_ATTEMPT: &str = "left join em_journal j on j.uuid = e.uuid
    and j.attempt = (select max(attempt) from em_journal where uuid = e.uuid)";

pub(super) const PENDING: &str = "status = 'pending'";

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

    pub async fn unresolved(&self, after: i64, limit: usize) -> Result<Vec<PendingEvent>, ReadError> {
        // What could not be read has no command, and is about nobody.
        self.unfinished("(status = 'pending' or (status = 'failed' and command <> ''))", after, limit).await
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

    pub async fn list(&self, filter: EventFilter) -> Result<Vec<EventSummary>, ReadError> {
        let mut params = Vec::new();
        let mut conditions = vec!["1 = 1".to_owned()];
        let given = |params: &mut Vec<Value>, value| {
            params.push(value);
            format!("${}", params.len())
        };
        if let Some(since) = filter.since {
            let param = given(&mut params, Value::Int(micros(since)));
            conditions.push(format!("e.inserted >= {}", self.dialect().time(&param)));
        }
        if !filter.statuses.is_empty() {
            let words: Vec<String> = filter.statuses.iter().map(|status| format!("'{status}'")).collect();
            conditions.push(format!("e.status in ({})", words.join(", ")));
        }
        for (column, value) in [("command", filter.command), ("user_id", filter.user_id)] {
            let Some(value) = value else { continue };
            let param = given(&mut params, Value::Text(value));
            conditions.push(format!("e.{column} = cast({param} as text)"));
        }
        if let Some(after) = filter.after {
            let param = given(&mut params, Value::Int(after));
            let sign = if filter.newest_first { "<" } else { ">" };
            conditions.push(format!("e.id {sign} cast({param} as bigint)"));
        }
        let limit = given(&mut params, limit_value(filter.limit));
        let sql = format!(
            "{lines} where {conditions} order by e.id {direction} limit cast({limit} as bigint)",
            lines = self.lines(),
            conditions = conditions.join(" and "),
            direction = if filter.newest_first { "desc" } else { "asc" },
        );
        let rows = self.rows(sql, params).await?;
        Ok(rows.into_iter().map(summary).collect())
    }

    pub async fn summaries(&self, events: &[Changed]) -> Result<Vec<EventSummary>, ReadError> {
        let each = |param| self.dialect().each(param);
        let condition = match self.dialect() {
            Dialect::Sqlite => format!(
                "e.uuid in (select each.value from {}) or e.id in (select cast(each.value as integer) from {})",
                each("$1"),
                each("$2")
            ),
            // As arrays, which are taken for ten rows: see the subscribers.
            Dialect::Postgres => format!(
                "e.uuid = any (array (select cast(each.value as uuid) from {}))
                 or e.id = any (array (select cast(each.value as bigint) from {}))",
                each("$1"),
                each("$2")
            ),
        };
        let sql = format!("{} where {condition} order by e.id desc", self.lines());
        let mut uuids = Vec::new();
        let mut ids = Vec::new();
        for event in events {
            match event {
                Changed::Event(uuid) => uuids.push(uuid.to_string()),
                Changed::Row(id) => ids.push(id.to_string()),
            }
        }
        let params = [uuids, ids].map(|keys| Value::Text(serde_json::json!(keys).to_string()));
        let rows = self.rows(sql, params.into()).await?;
        Ok(rows.into_iter().map(summary).collect())
    }

    /// What every line of a list is read from, up to the condition; [`summary`] reads the columns.
    fn lines(&self) -> String {
        format!(
            "select cast(e.id as bigint), cast(e.uuid as text), cast(e.source as text),
                cast(e.user_id as text), cast(e.command as text), cast(e.status as text),
                coalesce(cast(j.reason as text), cast(e.note as text)), {received},
                cast(j.attempt as bigint), cast(j.warnings as text)
             from em_event e {LATEST_ATTEMPT}",
            received = self.dialect().micros("e.inserted"),
        )
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
        let ours = format!(
            "select cast(count(*) as bigint), {} from em_event where status = 'pending' and uuid is not null",
            self.dialect().micros("min(inserted)"),
        );
        if let Some(row) = self.rows(ours, Vec::new()).await?.pop() {
            let ours = row.int(0).and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
            counts.left_pending = counts.pending.saturating_sub(ours);
            counts.pending = ours;
            counts.oldest_pending = row.int(1).map(|_| row.time(1));
        }
        Ok(counts)
    }

    pub async fn recent_notifications(
        &self,
        since: SystemTime,
        before: i64,
        limit: usize,
    ) -> Result<Vec<RecentNotification>, ReadError> {
        let sql = format!(
            "select cast(id as bigint), cast(source as text), cast(notification_id as text), cast(command_index as bigint),
                cast(uuid as text), cast(event as text), {received}
             from em_event where inserted >= {since} and uuid is not null and notification_id is not null
                and (note is null or note not like '%duplicate of %') and id < cast($2 as bigint)
             order by em_event.id desc limit cast($3 as bigint)",
            received = self.dialect().micros("inserted"),
            since = self.dialect().time("$1"),
        );
        let params = vec![Value::Int(micros(since)), Value::Int(before), limit_value(limit)];
        let rows = self.rows(sql, params).await?;
        let recent = rows.into_iter().filter_map(|mut row| {
            Some(RecentNotification {
                id: row.int(0)?,
                source: row.text(1).unwrap_or_default(),
                notification_id: row.text(2)?,
                command_index: row.count(3),
                uuid: row.uuid(4)?,
                document: row.text(5).unwrap_or_default().into(),
                received: row.time(6),
            })
        });
        Ok(recent.collect())
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
                cast(warnings as text) from em_journal where uuid = {key} order by attempt"
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
        assemble(uuid, attempts, steps)
    }
}

fn limit_value(limit: usize) -> Value {
    Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

fn summary(mut row: Row) -> EventSummary {
    EventSummary {
        id: row.int(0).unwrap_or_default(),
        uuid: row.uuid(1),
        source: row.text(2),
        user_id: row.text(3).unwrap_or_default(),
        command: row.text(4).unwrap_or_default(),
        status: row.text(5).and_then(|word| Status::parse(&word)),
        note: row.text(6),
        received: row.time(7),
        attempt: row.count(8),
        warnings: warnings_from(row.text(9)),
    }
}

/// The journal from the rows of `em_journal` and `em_step`, both in order of attempt.
fn assemble(uuid: Uuid, attempts: Vec<Row>, steps: Vec<Row>) -> Result<Option<Journal>, ReadError> {
    let unreadable = |table, reason| ReadError::Row { table, key: uuid.to_string(), reason };
    let mut journal = Journal::default();
    let mut plans: HashMap<u32, Vec<Step>> = HashMap::new();
    if attempts.is_empty() {
        return Ok(None);
    }
    for mut row in attempts {
        let plan: Option<Plan> = match row.text(1) {
            Some(json) => Some(
                serde_json::from_str(&json)
                    .map_err(|error| unreadable("em_journal", format!("the plan is unreadable: {error}")))?,
            ),
            None => None,
        };
        if let Some(before) = journal.plan.take() {
            plans.insert(journal.attempt, before.steps);
        }
        journal.attempt = row.count(0);
        journal.plan = plan;
        journal.panics = row.count(2);
        journal.reason = row.text(3);
        journal.warnings = warnings_from(row.text(4));
    }
    for mut row in steps {
        let (attempt, position) = (row.count(0), row.count(1));
        let word = row.text(2).unwrap_or_default();
        let state = StepState::parse(&word)
            .ok_or_else(|| unreadable("em_step", format!("{word:?} is not the state of a step")))?;
        let step = StepMark { position, state, answer: row.text(3), at: row.time(4) };
        if attempt == journal.attempt {
            journal.steps.push(step);
        } else {
            let plan = plans.get(&attempt).map(Vec::as_slice).unwrap_or_default();
            let request = plan.get(position as usize).map(|step| step.request.clone());
            journal.earlier.push(EarlierStep { attempt, request, step });
        }
    }
    Ok(Some(journal))
}
