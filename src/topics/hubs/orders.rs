//! What operators have a hub do: it is stored, and then in force.

use super::alarms;
use super::courier::Courier;
use super::messages::HubError;
use crate::store::{Act, DeadLetter, HubChange, HubState, ReadError, Replay, StoreError};
use std::time::SystemTime;
use tokio::sync::oneshot;
use uuid::Uuid;

/// One of them, and where its answer goes.
pub enum Order {
    Resume {
        actor: String,
        skip: bool,
        reason: Option<String>,
        answer: oneshot::Sender<Result<(), HubError>>,
    },
    Replay {
        since: SystemTime,
        until: SystemTime,
        actor: String,
        answer: oneshot::Sender<Result<u64, HubError>>,
    },
}

impl Courier {
    /// Carries it out. Who has asked may have lost his patience.
    pub async fn obey(&mut self, order: Order) {
        match order {
            Order::Resume { actor, skip, reason, answer } => {
                let _ = answer.send(self.resume(actor, skip, reason).await);
            }
            Order::Replay { since, until, actor, answer } => {
                let _ = answer.send(self.replay(since, until, actor).await);
            }
        }
    }

    async fn resume(&mut self, actor: String, skip: bool, reason: Option<String>) -> Result<(), HubError> {
        let HubState::Halted { since, reason: halted } = self.hub.state.clone() else {
            return Err(HubError::NotHalted);
        };
        // That it is halted is stored before that it is not.
        self.keeper.events().await;
        if skip {
            self.skip(&actor, reason.as_deref()).await?;
        }
        let change = HubChange::State { id: self.hub.id, state: HubState::Active };
        let over = alarms::over(&self.hub, since, &halted);
        let act = self.act(&actor, if skip { "skip" } else { "resume" }, reason);
        let stored = self.shared.store.change_hubs(vec![change], vec![over], Some(act));
        stored.await.map_err(|error| away(&error))?;
        self.set_state(HubState::Active);
        tracing::info!(hub = %self.hub.id, actor, skip, "hub resumed");
        Ok(())
    }

    /// The event for which it stands becomes a dead letter.
    async fn skip(&mut self, actor: &str, reason: Option<&str>) -> Result<(), HubError> {
        self.find().await;
        // Where the log has nothing more for it there is nothing to skip, and it goes on all the same.
        let Some(row) = self.skip_head() else { return Ok(()) };
        let letter = DeadLetter {
            hub: self.hub.id,
            logged: row.logged.clone(),
            at: SystemTime::now(),
            actor: actor.to_owned(),
            reason: reason.unwrap_or_default().to_owned(),
        };
        let skipped = self.shared.store.skip(letter, self.cursor, None);
        skipped.await.map_err(|error| away(&error))?;
        self.keep();
        self.keeper.settle().await;
        Ok(())
    }

    /// Sends once more what the log has of this time and the hub has passed; gives how many events of its topic that are.
    async fn replay(&mut self, since: SystemTime, until: SystemTime, actor: String) -> Result<u64, HubError> {
        let (store, topic) = (self.shared.store.clone(), self.hub.topic.clone());
        let range = store.topic_range(&topic, since, until).await.map_err(|error| unread(&error))?;
        let (first, last) = range.ok_or(HubError::NothingThere)?;
        // What is behind its place it gets anyway.
        let replay = Replay { at: first - 1, to: last.min(self.cursor.sequence) };
        if replay.to < first {
            return Err(HubError::NothingThere);
        }
        let behind = |sequence| store.topic_rows_behind(&topic, sequence);
        let (with, without) = tokio::join!(behind(replay.at), behind(replay.to));
        let count = with.map_err(|error| unread(&error))? - without.map_err(|error| unread(&error))?;
        // An earlier place is stored before a later one.
        self.keeper.settle().await;
        let change = HubChange::Replay { id: self.hub.id, replay: Some(replay) };
        let act = self.act(&actor, "replay", Some(format!("{count} events")));
        let stored = store.change_hubs(vec![change], Vec::new(), Some(act));
        stored.await.map_err(|error| away(&error))?;
        self.set_replay(replay);
        tracing::info!(hub = %self.hub.id, actor, count, "events are sent to a hub once more");
        Ok(count)
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
