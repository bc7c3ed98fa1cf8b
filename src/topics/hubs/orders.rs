//! What operators have a hub do: it is stored, and then in force.

use super::alarms;
use super::courier::Courier;
use super::log_window::Row;
use super::messages::{HubError, Replaying};
use crate::store::{Act, DeadLetter, HubChange, HubState, ReadError, Replay, StoreError};
use std::time::SystemTime;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Why a hub is halted that an operator has halted.
const BY_HAND: &str = "an operator has halted it";

/// One of them, and where its answer goes.
pub enum Order {
    Halt {
        actor: String,
        reason: Option<String>,
        answer: oneshot::Sender<Result<(SystemTime, String), HubError>>,
    },
    Resume {
        actor: String,
        skip: bool,
        reason: Option<String>,
        answer: oneshot::Sender<Result<bool, HubError>>,
    },
    Replay {
        since: SystemTime,
        until: SystemTime,
        actor: String,
        answer: oneshot::Sender<Result<Replaying, HubError>>,
    },
}

impl Courier {
    /// Carries it out. Who has asked may have lost his patience.
    pub async fn obey(&mut self, order: Order) {
        match order {
            Order::Halt { actor, reason, answer } => {
                let _ = answer.send(self.stop_here(actor, reason).await);
            }
            Order::Resume { actor, skip, reason, answer } => {
                let _ = answer.send(self.resume(actor, skip, reason).await);
            }
            Order::Replay { since, until, actor, answer } => {
                let _ = answer.send(self.replay(since, until, actor).await);
            }
        }
    }

    async fn stop_here(
        &mut self,
        actor: String,
        reason: Option<String>,
    ) -> Result<(SystemTime, String), HubError> {
        if self.is_halted() {
            return Err(HubError::AlreadyHalted);
        }
        // What its attempts have come to is stored before that it is halted.
        self.keeper.settle().await;
        let since = SystemTime::now();
        // Who it was stands in the audit: the alarm goes to whoever has registered for alarms.
        let why = match &reason {
            Some(reason) => format!("{BY_HAND}: {reason}"),
            None => BY_HAND.to_owned(),
        };
        let state = HubState::Halted { since, reason: why.clone() };
        let changes = vec![HubChange::State { id: self.hub.id, state: state.clone() }];
        let alarm = vec![alarms::halted(&self.hub, since, &why)];
        let act = Some(self.act(&actor, "halt", reason));
        self.shared.store.change_hubs(changes, alarm, act).await.map_err(|error| away(&error))?;
        self.set_state(state);
        self.rewind();
        tracing::info!(hub = %self.hub.id, actor, "hub halted by an operator");
        Ok((since, why))
    }

    /// Whether an event was passed over.
    async fn resume(&mut self, actor: String, skip: bool, reason: Option<String>) -> Result<bool, HubError> {
        let HubState::Halted { since, reason: halted } = self.hub.state.clone() else {
            return Err(HubError::NotHalted);
        };
        // That it is halted, and how far it has come, is stored before that it goes on.
        self.keeper.settle().await;
        // Where the log has nothing more for it there is nothing to skip, and it goes on all the same.
        let skipped = if skip { self.next_to_skip().await } else { None };
        let mut changes = vec![HubChange::State { id: self.hub.id, state: HubState::Active }];
        let over = vec![alarms::over(&self.hub, since, &halted)];
        let act = Some(self.act(&actor, if skip { "skip" } else { "resume" }, reason.clone()));
        let store = &self.shared.store;
        let stored = match &skipped {
            None => store.change_hubs(changes, over, act).await,
            Some(row) => {
                let letter = self.letter(row, actor.clone(), reason.unwrap_or_default());
                let (cursor, replay) = self.place_behind(row);
                changes
                    .extend(replay.map(|replay| HubChange::Replay { id: self.hub.id, replay: Some(replay) }));
                store.skip(letter, cursor, changes, over, act).await
            }
        };
        stored.map_err(|error| away(&error))?;
        if skipped.is_some() {
            self.skip_head();
        }
        self.set_state(HubState::Active);
        let has_skipped = skipped.is_some();
        tracing::info!(hub = %self.hub.id, actor, has_skipped, "hub resumed");
        Ok(has_skipped)
    }

    fn letter(&self, row: &Row, actor: String, reason: String) -> DeadLetter {
        DeadLetter { hub: self.hub.id, logged: row.logged.clone(), at: SystemTime::now(), actor, reason }
    }

    /// Sends once more what the log has of this time and the hub has passed.
    async fn replay(
        &mut self,
        since: SystemTime,
        until: SystemTime,
        actor: String,
    ) -> Result<Replaying, HubError> {
        let (store, topic) = (self.shared.store.clone(), self.hub.topic.clone());
        let range = store.topic_range(&topic, since, until).await.map_err(|error| unread(&error))?;
        let (first, last) = range.ok_or(HubError::NothingThere)?;
        // What is behind its place it gets anyway.
        let replay = Replay { at: first - 1, to: last.min(self.cursor.sequence) };
        if replay.to < first {
            return Err(HubError::NothingThere);
        }
        let count = store.topic_rows_between(&topic, replay.at, replay.to).await;
        let count = count.map_err(|error| unread(&error))?;
        // An earlier place is stored before a later one.
        self.keeper.settle().await;
        let change = HubChange::Replay { id: self.hub.id, replay: Some(replay) };
        let act = self.act(&actor, "replay", Some(format!("up to {count} events")));
        let stored = store.change_hubs(vec![change], Vec::new(), Some(act));
        stored.await.map_err(|error| away(&error))?;
        self.set_replay(replay);
        tracing::info!(hub = %self.hub.id, actor, count, "events are sent to a hub once more");
        Ok(Replaying { events: count, is_halted: self.is_halted() })
    }

    fn act(&self, actor: &str, act: &str, detail: Option<String>) -> Act {
        Act {
            uuid: Uuid::now_v7(),
            at: SystemTime::now(),
            actor: actor.to_owned(),
            act: act.to_owned(),
            object: format!("hub {}", self.hub.id),
            detail,
        }
    }
}

/// Nothing could be stored.
pub fn away(error: &StoreError) -> HubError {
    HubError::Away(error.to_string())
}

/// Nothing could be read.
pub fn unread(error: &ReadError) -> HubError {
    HubError::Away(error.to_string())
}
