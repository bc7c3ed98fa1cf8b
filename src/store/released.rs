//! The events of a table as the Erlang release has it, without our columns: newest first or oldest first, by a filter.
//!
//! Nothing of it is indexed but the id, so a page looks at so many rows and comes back with what it has found among them.

use super::errors::ReadError;
use super::reader::{Dialect, Reader, Row, Value};
use super::records::{Counts, EventFilter, EventPage, EventSummary, Position};
use crate::event::{Event, Status};
use crate::wire::mask_secrets;

/// Rows that a page looks at.
const LOOKED_AT: i64 = 2000;

impl Reader {
    /// Whether the table of events has our columns.
    pub async fn is_ours(&self) -> Result<bool, ReadError> {
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                "select cast(count(*) as bigint) from pragma_table_info('em_event') where name = 'uuid'"
            }
            Dialect::Postgres => {
                "select cast(count(*) as bigint) from pg_attribute
                 where attrelid = to_regclass('em_event') and attname = 'uuid' and not attisdropped"
            }
        };
        let row = self.rows(sql.to_owned(), Vec::new()).await?.pop();
        Ok(row.and_then(|row| row.int(0)).is_some_and(|count| count > 0))
    }

    /// A page of the release's events.
    pub async fn released_page(&self, filter: &EventFilter) -> Result<EventPage, ReadError> {
        let (sign, direction) = if filter.newest_first { ("<", "desc") } else { (">", "asc") };
        let from = filter.after.unwrap_or(if filter.newest_first { i64::MAX } else { i64::MIN });
        let condition = format!("e.id {sign} cast($1 as bigint) order by e.id {direction} limit {LOOKED_AT}");
        let rows = self.released(&condition, Value::Int(from)).await?;
        let is_end = (rows.len() as i64) < LOOKED_AT;
        let mut page = EventPage::default();
        let mut last = None;
        for event in rows {
            last = Some(Position { id: event.id, at: event.received });
            if matches(filter, &event) {
                page.events.push(summary(event));
            }
            if page.events.len() == filter.limit {
                page.searched_to = last;
                page.next = last.map(|last| last.id);
                return Ok(page);
            }
        }
        if !is_end {
            page.searched_to = last;
            page.next = last.map(|last| last.id);
        }
        Ok(page)
    }

    /// An event of the release.
    pub async fn released_event(&self, id: i64) -> Result<Option<Event>, ReadError> {
        Ok(self.released("e.id = cast($1 as bigint)", Value::Int(id)).await?.pop())
    }

    /// How many events of the release have which status.
    pub async fn released_counts(&self) -> Result<Counts, ReadError> {
        let sql = "select cast(status as text), cast(count(*) as bigint) from em_event group by status";
        let mut counts = Counts::default();
        for mut row in self.rows(sql.to_owned(), Vec::new()).await? {
            let rows = row.int(1).and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
            match row.text(0).as_deref().and_then(Status::parse) {
                Some(Status::Pending) => counts.left_pending += rows,
                Some(Status::Completed) => counts.completed += rows,
                Some(Status::Failed) => counts.failed += rows,
                Some(Status::Ignored) => counts.ignored += rows,
                None => counts.other += rows,
            }
        }
        Ok(counts)
    }

    async fn released(&self, condition: &str, param: Value) -> Result<Vec<Event>, ReadError> {
        let sql = format!(
            "select cast(e.id as bigint), {received}, cast(e.user_id as text), cast(e.command as text),
                cast(e.event as text), cast(e.status as text) from em_event e where {condition}",
            received = self.dialect().micros("e.inserted"),
        );
        Ok(self.rows(sql, vec![param]).await?.into_iter().map(event).collect())
    }
}

fn event(mut row: Row) -> Event {
    Event {
        id: row.int(0).unwrap_or_default(),
        uuid: None,
        source: None,
        notification_id: None,
        command_index: 0,
        received: row.time(1),
        user_id: row.text(2).unwrap_or_default(),
        command: row.text(3).unwrap_or_default(),
        document: row.text(4).unwrap_or_default().into(),
        status: row.text(5).and_then(|word| Status::parse(&word)),
        note: None,
    }
}

fn summary(event: Event) -> EventSummary {
    EventSummary {
        id: event.id,
        uuid: None,
        source: None,
        user_id: event.user_id,
        command: event.command,
        status: event.status,
        note: None,
        received: event.received,
        attempt: 0,
        warnings: Vec::new(),
        about: None,
        about_more: 0,
    }
}

fn matches(filter: &EventFilter, event: &Event) -> bool {
    let has = |text: &String| {
        let text = text.to_lowercase();
        let document = mask_secrets(&event.document);
        [&event.user_id, &event.command, &document].iter().any(|place| place.to_lowercase().contains(&text))
    };
    let is_of = |command: &String| {
        // Its version is behind its name: digits, and perhaps a service pack.
        let rest = event.command.strip_prefix(command.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    filter.since.is_none_or(|since| event.received >= since)
        && filter.until.is_none_or(|until| event.received <= until)
        && (filter.statuses.is_empty() || event.status.is_some_and(|status| filter.statuses.contains(&status)))
        && filter.user_id.as_ref().is_none_or(|user| event.user_id == *user)
        && filter.command.as_ref().is_none_or(is_of)
        && filter.text.as_ref().is_none_or(has)
        // The release does not say why.
        && filter.fault.is_none()
}
