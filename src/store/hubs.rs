//! Hubs: who has registered for the events of a topic over REST, how far each has come, and what could not be delivered.
//!
//! A hub is a row of `em_hub`, and where it is one of `em_cursor`. An attempt to deliver is a row only where it has failed.

use super::Store;
use super::acts::Act;
use super::cursors::Cursor;
use super::errors::{ReadError, StoreError};
use super::reader::{Reader, Row, Value};
use super::topic_log::logged;
use super::writes::Write;
use crate::event::{Logged, TopicEvent};
use std::time::SystemTime;
use uuid::Uuid;

/// Somebody who has registered for the events of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    pub id: Uuid,
    pub topic: String,
    /// Where events are delivered, as it was registered.
    pub callback: String,
    /// The filter, as it was registered; `None`: all events.
    pub query: Option<String>,
    /// The name of the token that it was registered with; empty where nobody needs one.
    pub owner: String,
    pub created: SystemTime,
    pub state: HubState,
    /// `None`: nothing is being sent again.
    pub replay: Option<Replay>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubState {
    Active,
    /// Nothing is delivered until somebody resumes it.
    Halted {
        since: SystemTime,
        reason: String,
    },
}

/// What is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Rows up to this one have been sent again.
    pub at: i64,
    /// The last row that is.
    pub to: i64,
}

/// What becomes of a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubChange {
    /// It begins behind the row `from`.
    Register {
        hub: Hub,
        from: i64,
    },
    /// It goes, with its cursor, attempts and dead letters.
    Remove(Uuid),
    State {
        id: Uuid,
        state: HubState,
    },
    Replay {
        id: Uuid,
        replay: Option<Replay>,
    },
}

impl HubChange {
    /// Of the hub.
    pub fn id(&self) -> Uuid {
        match self {
            HubChange::Register { hub, .. } => hub.id,
            HubChange::Remove(id) | HubChange::State { id, .. } | HubChange::Replay { id, .. } => *id,
        }
    }
}

/// A delivery that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubAttempt {
    pub hub: Uuid,
    pub event: Uuid,
    /// Of the event's row in the topic log.
    pub sequence: i64,
    /// From 1.
    pub attempt: u32,
    pub at: SystemTime,
    /// In one word what came of it.
    pub outcome: String,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// How long it took.
    pub millis: u64,
    pub detail: Option<String>,
}

/// An event that a hub has not got because somebody has skipped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub hub: Uuid,
    /// The whole row: the log is shortened.
    pub logged: Logged,
    /// When it was skipped.
    pub at: SystemTime,
    pub actor: String,
    pub reason: String,
}

/// What is written about hubs.
#[derive(Debug, Clone)]
pub(crate) enum HubWrite {
    Change(HubChange),
    Attempt(HubAttempt),
    Skip { letter: DeadLetter, cursor: Cursor },
}

impl HubWrite {
    /// Whose it is.
    pub fn hub(&self) -> Uuid {
        match self {
            HubWrite::Change(change) => change.id(),
            HubWrite::Attempt(attempt) => attempt.hub,
            HubWrite::Skip { letter, .. } => letter.hub,
        }
    }

    /// Bytes that it sends, roughly.
    pub fn size(&self) -> usize {
        let texts = match self {
            HubWrite::Change(HubChange::Register { hub, .. }) => {
                hub.callback.len() + hub.query.as_ref().map_or(0, String::len)
            }
            HubWrite::Change(_) => 0,
            HubWrite::Attempt(attempt) => attempt.detail.as_ref().map_or(0, String::len),
            HubWrite::Skip { letter, .. } => letter.logged.event.payload.len() + letter.reason.len(),
        };
        500 + texts
    }
}

/// How many attempts of a hub are kept.
pub(crate) const ATTEMPTS_KEPT: i64 = 100;

/// How the names of hubs among the readers of the topic log begin.
pub const HUB_READERS: &str = "hub:";

/// The name of a hub among the readers of the topic log.
pub fn hub_reader(id: Uuid) -> String {
    format!("{HUB_READERS}{id}")
}

/// The hub whose cursor this is.
pub(crate) fn hub_of(reader: &str) -> Option<Uuid> {
    reader.strip_prefix(HUB_READERS).and_then(|id| Uuid::try_parse(id).ok())
}

impl Store {
    /// Queues changes of hubs at the call, with what is handed on because of them, and the line of the audit table where an
    /// operator has wished them; resolves when all are durable. Repeated they change nothing.
    pub fn change_hubs(
        &self,
        changes: Vec<HubChange>,
        handed_on: Vec<TopicEvent>,
        act: Option<Act>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        self.write_all(writes(changes, handed_on, act).collect())
    }

    /// All hubs, the oldest first.
    pub async fn hubs(&self) -> Result<Vec<Hub>, ReadError> {
        self.inner.events.reader.hubs().await
    }

    /// Queues at the call that a delivery has failed; resolves when that is durable. Of each hub the latest hundred are kept; that
    /// of a hub which is gone is not.
    pub fn record_attempt(
        &self,
        attempt: HubAttempt,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        self.write_all(vec![Write::Hub(HubWrite::Attempt(attempt))])
    }

    /// The attempts of a hub that have failed, the newest first.
    pub async fn hub_attempts(&self, hub: Uuid, limit: usize) -> Result<Vec<HubAttempt>, ReadError> {
        self.inner.events.reader.hub_attempts(hub, limit).await
    }

    /// The same, with an event that becomes a dead letter, and the place behind it. Of a hub that is gone nothing is kept.
    pub fn skip(
        &self,
        letter: DeadLetter,
        cursor: Cursor,
        changes: Vec<HubChange>,
        handed_on: Vec<TopicEvent>,
        act: Option<Act>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let skip = Write::Hub(HubWrite::Skip { letter, cursor });
        self.write_all([skip].into_iter().chain(writes(changes, handed_on, act)).collect())
    }

    /// The dead letters of a hub, those skipped last first.
    pub async fn dead_letters(&self, hub: Uuid, limit: usize) -> Result<Vec<DeadLetter>, ReadError> {
        self.inner.events.reader.dead_letters(hub, limit).await
    }
}

fn writes(
    changes: Vec<HubChange>,
    handed_on: Vec<TopicEvent>,
    act: Option<Act>,
) -> impl Iterator<Item = Write> {
    let changes = changes.into_iter().map(|change| Write::Hub(HubWrite::Change(change)));
    let act = act.map(|act| Write::Act { act, change: None });
    changes.chain(handed_on.into_iter().map(Write::Log)).chain(act)
}

impl Reader {
    async fn hubs(&self) -> Result<Vec<Hub>, ReadError> {
        let dialect = self.dialect();
        let sql = format!(
            "select cast(id as text), cast(topic as text), cast(callback as text), cast(query as text), cast(owner as text),
                {created}, cast(state as text), {since}, cast(reason as text), cast(replay_at as bigint),
                cast(replay_to as bigint)
             from em_hub order by created, id",
            created = dialect.micros("created"),
            since = dialect.micros("since"),
        );
        Ok(self.rows(sql, Vec::new()).await?.into_iter().map(hub).collect())
    }

    async fn hub_attempts(&self, hub: Uuid, limit: usize) -> Result<Vec<HubAttempt>, ReadError> {
        let sql = format!(
            "select cast(event as text), cast(sequence as bigint), cast(attempt as bigint), {at}, cast(outcome as text),
                cast(status as bigint), cast(millis as bigint), cast(detail as text)
             from em_hub_attempt where hub = {hub} order by id desc limit cast($2 as bigint)",
            at = self.dialect().micros("at"),
            hub = self.dialect().uuid("$1"),
        );
        let rows = self.rows(sql, of(hub, limit)).await?;
        Ok(rows.into_iter().map(|row| attempt(hub, row)).collect())
    }

    async fn dead_letters(&self, hub: Uuid, limit: usize) -> Result<Vec<DeadLetter>, ReadError> {
        let sql = format!(
            "select cast(sequence as bigint), cast(uuid as text), cast(topic as text), cast(source as text),
                cast(name as text), {received}, cast(payload as text), cast(form as text), cast(origin as text),
                {at}, cast(actor as text), cast(reason as text)
             from em_dead_letter where hub = {hub} order by at desc, sequence desc limit cast($2 as bigint)",
            received = self.dialect().micros("received"),
            at = self.dialect().micros("at"),
            hub = self.dialect().uuid("$1"),
        );
        let letter = |mut row: Row| DeadLetter {
            hub,
            at: row.time(9),
            actor: row.text(10).unwrap_or_default(),
            reason: row.text(11).unwrap_or_default(),
            logged: logged(row),
        };
        Ok(self.rows(sql, of(hub, limit)).await?.into_iter().map(letter).collect())
    }
}

fn of(hub: Uuid, limit: usize) -> Vec<Value> {
    vec![Value::Text(hub.to_string()), Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))]
}

fn hub(mut row: Row) -> Hub {
    let is_halted = row.text(6).as_deref() == Some("halted");
    let halted =
        |row: &mut Row| HubState::Halted { since: row.time(7), reason: row.text(8).unwrap_or_default() };
    Hub {
        id: row.uuid(0).unwrap_or_default(),
        topic: row.text(1).unwrap_or_default(),
        callback: row.text(2).unwrap_or_default(),
        query: row.text(3),
        owner: row.text(4).unwrap_or_default(),
        created: row.time(5),
        state: if is_halted { halted(&mut row) } else { HubState::Active },
        replay: row.int(9).zip(row.int(10)).map(|(at, to)| Replay { at, to }),
    }
}

fn attempt(hub: Uuid, mut row: Row) -> HubAttempt {
    HubAttempt {
        hub,
        event: row.uuid(0).unwrap_or_default(),
        sequence: row.int(1).unwrap_or_default(),
        attempt: row.count(2),
        at: row.time(3),
        outcome: row.text(4).unwrap_or_default(),
        status: row.int(5).and_then(|status| u16::try_from(status).ok()),
        millis: row.int(6).and_then(|millis| u64::try_from(millis).ok()).unwrap_or_default(),
        detail: row.text(7),
    }
}
