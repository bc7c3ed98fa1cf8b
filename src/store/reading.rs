//! Databases that are only ever read: another release's, and our own beside a running daemon.
//!
//! Nothing is created or extended here, so a table may be as the Erlang release has it, without our columns.

use super::directory::{SubscriberRow, SubscriberSearch};
use super::errors::{OpenError, ReadError};
use super::events::LATEST_ATTEMPT;
use super::find;
use super::reader::{Reader, Row, Value};
use super::records::{Counts, EventFilter, EventPage, EventSummary, Journal};
use super::writes::micros;
use crate::config::Database;
use crate::event::Event;
use crate::plan::Subscriber;
use std::time::SystemTime;
use uuid::Uuid;

/// The type of the events that operators make here (`processors::reprovision::COMMAND`).
const OWN_COMMAND: &str = "SubscriberReprovision";

/// A handle to read with.
#[derive(Clone)]
pub struct Reading {
    events: Reader,
    subscribers: Reader,
}

/// Which rows of `em_event` are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Ours, in our own table.
    Ours,
    /// Those without a uuid in our own table: the Erlang release wrote them.
    WithoutUuid,
    /// Every row of a table that is not ours.
    All,
}

/// An event as it was recorded, by whichever release.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    pub id: i64,
    pub received: SystemTime,
    pub user_id: String,
    pub command: String,
    pub document: String,
    /// The word in the table, whatever it is.
    pub status: String,
    /// 0 for rows that are not ours.
    pub command_index: u32,
    /// Why, as our journal or note has it; rows that are not ours have none.
    pub reason: Option<String>,
}

impl Reading {
    /// Nothing is connected yet. `names` are what errors call the two databases.
    pub fn open(
        events: &Database,
        subscribers: &Database,
        names: [&'static str; 2],
    ) -> Result<Reading, OpenError> {
        Ok(Reading { events: reader(events, names[0])?, subscribers: reader(subscribers, names[1])? })
    }

    /// Where the events are, without passwords.
    pub fn place(&self) -> &str {
        &self.events.place
    }

    /// Whether the table of events has our columns; one that only the Erlang release has used has not.
    pub async fn is_ours(&self) -> Result<bool, ReadError> {
        self.events.is_ours().await
    }

    /// As [`super::Store::page`]; the table must be ours.
    pub async fn page(&self, filter: EventFilter) -> Result<EventPage, ReadError> {
        self.events.page(filter).await
    }

    /// As [`super::Store::event`]; the table must be ours.
    pub async fn event(&self, id: i64) -> Result<Option<Event>, ReadError> {
        self.events.event(id).await
    }

    /// As [`super::Store::journal`].
    pub async fn journal(&self, uuid: Uuid) -> Result<Option<Journal>, ReadError> {
        self.events.journal(uuid).await
    }

    /// As [`super::Store::search_subscribers`], of the table of either release.
    pub async fn search_subscribers(
        &self,
        search: &SubscriberSearch,
    ) -> Result<Vec<SubscriberRow>, ReadError> {
        self.subscribers.search_subscribers(search).await
    }

    /// As [`super::Store::subscriber_row`], of the table of either release.
    pub async fn subscriber_row(&self, user_id: &str) -> Result<Option<SubscriberRow>, ReadError> {
        self.subscribers.subscriber_row(user_id).await
    }

    /// As [`super::Store::events_about`]; the table of events must be ours.
    pub async fn events_about(&self, user_id: &str, limit: usize) -> Result<Vec<EventSummary>, ReadError> {
        self.events.events_about(user_id, limit).await
    }

    /// As [`super::Store::counts`]; the table must be ours.
    pub async fn counts(&self) -> Result<Counts, ReadError> {
        self.events.counts().await
    }

    /// A page of a table without our columns. It looks at so many rows, and may be short with more behind it.
    pub async fn released_page(&self, filter: &EventFilter) -> Result<EventPage, ReadError> {
        self.events.released_page(filter).await
    }

    /// An event of a table without our columns.
    pub async fn released_event(&self, id: i64) -> Result<Option<Event>, ReadError> {
        self.events.released_event(id).await
    }

    /// How many events a table without our columns holds of each status.
    pub async fn released_counts(&self) -> Result<Counts, ReadError> {
        self.events.released_counts().await
    }

    /// Id and time of the first of these rows, of those received at this time or later.
    pub async fn first(&self, rows: Rows, since: SystemTime) -> Result<Option<(i64, SystemTime)>, ReadError> {
        let dialect = self.events.dialect();
        let sql = format!(
            "select cast(id as bigint), {received} from em_event
             where {condition} and inserted >= {since} order by em_event.id limit 1",
            received = dialect.micros("inserted"),
            condition = rows.condition("em_event"),
            since = dialect.time("$1"),
        );
        let found = self.events.rows(sql, vec![Value::Int(micros(since))]).await?;
        Ok(found.first().and_then(|row| Some((row.int(0)?, row.time(1)))))
    }

    /// A page of these rows with ids from `from`, by id, which is the order in which they were stored.
    pub async fn events(&self, rows: Rows, from: i64, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let (ours, attempt) = match rows {
            Rows::Ours => (
                "cast(e.command_index as bigint), coalesce(cast(j.reason as text), cast(e.note as text))",
                LATEST_ATTEMPT,
            ),
            Rows::WithoutUuid | Rows::All => ("cast(0 as bigint), cast(null as text)", ""),
        };
        let sql = format!(
            "select cast(e.id as bigint), {received}, cast(e.user_id as text), cast(e.command as text),
                cast(e.event as text), cast(e.status as text), {ours}
             from em_event e {attempt}
             where {condition} and e.id >= cast($1 as bigint) order by e.id limit cast($2 as bigint)",
            received = self.events.dialect().micros("e.inserted"),
            condition = rows.condition("e"),
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.events.rows(sql, vec![Value::Int(from), Value::Int(limit)]).await?;
        Ok(found.into_iter().map(recorded).collect())
    }

    /// How many rows of subscribers there are.
    pub async fn count_subscribers(&self) -> Result<u64, ReadError> {
        self.count("select cast(count(*) as bigint) from srd_user").await
    }

    /// How many rows of subscribers have no id: no page shows them.
    pub async fn nameless_subscribers(&self) -> Result<u64, ReadError> {
        self.count("select cast(count(*) as bigint) from srd_user where id is null or cast(id as text) = ''")
            .await
    }

    async fn count(&self, sql: &str) -> Result<u64, ReadError> {
        let found = self.subscribers.rows(sql.to_owned(), Vec::new()).await?;
        let count = found.first().and_then(|row| row.int(0));
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    /// A page of all subscribers, readable or not, each with its id, in the order of the ids' bytes; `after` is the
    /// last id of the page before, empty for the first.
    pub async fn subscribers(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<(String, Result<Subscriber, ReadError>)>, ReadError> {
        self.subscribers.subscribers_in_order(after, limit).await
    }
}

fn reader(database: &Database, name: &'static str) -> Result<Reader, OpenError> {
    // What could be written to is dropped unused.
    let (place, source, _) = find(name, database, &crate::lease::Lease::unlimited())?;
    Ok(Reader { database: name, place, source })
}

impl Rows {
    fn condition(self, table: &str) -> String {
        match self {
            // What operators of ours have wished no other release has seen.
            Rows::Ours => format!("{table}.uuid is not null and {table}.command <> '{OWN_COMMAND}'"),
            Rows::WithoutUuid => format!("{table}.uuid is null"),
            Rows::All => "1 = 1".to_owned(),
        }
    }
}

fn recorded(mut row: Row) -> RecordedEvent {
    RecordedEvent {
        id: row.int(0).unwrap_or_default(),
        received: row.time(1),
        user_id: row.text(2).unwrap_or_default(),
        command: row.text(3).unwrap_or_default(),
        document: row.text(4).unwrap_or_default(),
        status: row.text(5).unwrap_or_default(),
        command_index: row.count(6),
        reason: row.text(7),
    }
}
