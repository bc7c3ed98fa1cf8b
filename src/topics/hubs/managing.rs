//! What the manager does: hubs as the store has them, each with its delivery.

use super::delivery::{Cancel, Delivery, Obey};
use super::desk::{Desk, Entry};
use super::log_window::RETRY;
use super::messages::{Halt, HubError, Remove, Replay, Replaying, Resume};
use super::orders::{Order, away};
use super::progress::Progress;
use super::{Shared, alarms};
use crate::store::{
    Act, Cursor, DatabaseHealth, HUB_READERS, Hub, HubChange, HubState, ReadError, hub_reader,
};
use crate::supervision::{Add, Remove as Stop, Spec, Supervisor};
use actix::{Addr, ArbiterHandle};
use futures_util::future::join_all;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Orders and what stops them; of more there would be nothing to do.
const MAILBOX: usize = 16;
/// Hubs are read from the store within that, where it is not away.
const SOON: Duration = Duration::from_secs(2);
/// How often metrics are told how all are.
const TICK: Duration = Duration::from_secs(5);

/// See the module.
pub struct Managing {
    pub shared: Arc<Shared>,
    pub desk: Arc<Desk>,
    /// Hubs come and go one after the other.
    pub changes: Mutex<()>,
    supervisor: Addr<Supervisor>,
    thread: ArbiterHandle,
    is_loaded: watch::Sender<bool>,
}

impl Managing {
    pub fn new(
        shared: Arc<Shared>,
        desk: Arc<Desk>,
        supervisor: Addr<Supervisor>,
        thread: ArbiterHandle,
    ) -> Managing {
        let (changes, is_loaded) = (Mutex::default(), watch::Sender::default());
        Managing { shared, desk, changes, supervisor, thread, is_loaded }
    }

    /// Has a delivery run for each hub of the store.
    pub async fn run(&self) -> Infallible {
        loop {
            // Before it is up there is none.
            self.shared.store.wait_until_events_up().await;
            let tenure = self.shared.store.tenure();
            self.load().await;
            tokio::select! {
                never = self.tell() => match never {},
                // What another daemon has delivered meanwhile, and for whom, stands in the database.
                () = self.shared.store.superseded(tenure) => {
                    self.is_loaded.send_replace(false);
                }
            }
        }
    }

    async fn tell(&self) -> Infallible {
        loop {
            self.desk.tell(&self.shared.tally, &self.shared.window);
            sleep(TICK).await;
        }
    }

    async fn load(&self) {
        let _guard = self.changes.lock().await;
        join_all(self.desk.ids().into_iter().map(|hub| self.end(hub))).await;
        let (hubs, cursors) = self.read().await;
        let mut cursors: HashMap<String, Cursor> = cursors.into_iter().collect();
        self.shared.tally.keep_only(&hubs.iter().map(|hub| hub.id).collect());
        for hub in hubs {
            let id = hub.id;
            match cursors.remove(&hub_reader(id)) {
                Some(cursor) => self.begin(hub, cursor).await,
                None => tracing::error!(hub = %id, "a hub that is stored has no place: it is not served"),
            }
        }
        self.is_loaded.send_replace(true);
    }

    async fn read(&self) -> (Vec<Hub>, Vec<(String, Cursor)>) {
        let store = &self.shared.store;
        let mut failures = 0;
        loop {
            store.wait_until_events_up().await;
            let read: Result<_, ReadError> =
                async { Ok((store.hubs().await?, store.cursors(HUB_READERS).await?)) }.await;
            match read {
                Ok(read) => return read,
                Err(error) => tracing::warn!(%error, "hubs cannot be read: trying again"),
            }
            sleep(RETRY.delay(failures)).await;
            failures += 1;
        }
    }

    /// Has its events delivered.
    pub async fn begin(&self, hub: Hub, cursor: Cursor) {
        let (id, progress) = (hub.id, Arc::new(Progress::new(hub, cursor)));
        let (shared, known) = (Arc::clone(&self.shared), Arc::clone(&progress));
        let make = move || Delivery::new(Arc::clone(&shared), Arc::clone(&known));
        let (spec, delivery) = Spec::new(id.to_string(), MAILBOX, Some(self.thread.clone()), make);
        let spec = spec.counted_as("delivery");
        self.shared.tally.begin(id);
        self.desk.put(id, Entry { delivery, progress });
        match self.supervisor.send(Add(spec)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(hub = %id, %error, "a hub cannot be served"),
            Err(error) => tracing::error!(hub = %id, %error, "a hub cannot be served"),
        }
    }

    /// Delivers nothing more; resolves when nothing is under way any more, and its place is kept.
    async fn end(&self, hub: Uuid) {
        // One that is not there has ended.
        let _ = self.supervisor.send(Stop(hub.to_string())).await;
        self.desk.remove(hub);
    }

    /// Resolves when the hubs of the store are known: until then nobody is told that there is none.
    pub async fn known(&self) {
        // It ends with this alone.
        let _ = self.is_loaded.subscribe().wait_for(|is_loaded| *is_loaded).await;
    }

    /// Changes nothing that could not be stored. What is asked for right behind a start waits until the hubs are known.
    pub async fn check_store(&self) -> Result<(), HubError> {
        if let DatabaseHealth::Down { reason } = &self.shared.store.health().borrow().events {
            return Err(HubError::Away(reason.clone()));
        }
        let known = timeout(SOON, self.known()).await;
        known.map_err(|_| HubError::Away("it has just come up".to_owned()))
    }

    /// Ends a hub. What waits for it is cancelled before that is stored.
    pub async fn remove(&self, Remove { id, owner, actor }: Remove) -> Result<(), HubError> {
        self.check_store().await?;
        let _guard = self.changes.lock().await;
        let entry = self.desk.get(id).ok_or(HubError::NoSuchHub)?;
        let hub = entry.hub();
        if owner.is_some_and(|owner| owner != hub.owner) {
            return Err(HubError::NoSuchHub);
        }
        entry.delivery.do_send(Cancel);
        self.end(id).await;
        let over = match &hub.state {
            HubState::Halted { since, reason } => vec![alarms::over(&hub, *since, reason)],
            HubState::Active => Vec::new(),
        };
        let act = Act {
            uuid: Uuid::now_v7(),
            at: SystemTime::now(),
            actor: actor.clone(),
            act: "unsubscribe".to_owned(),
            object: format!("hub {id}"),
            detail: Some(hub.topic.clone()),
        };
        let stored = self.shared.store.change_hubs(vec![HubChange::Remove(id)], over, Some(act));
        if let Err(error) = stored.await {
            let cursor = entry.progress.lock().cursor;
            self.begin(hub, cursor).await;
            return Err(away(&error));
        }
        self.shared.tally.forget(id);
        tracing::info!(hub = %id, topic = hub.topic, actor, "hub removed");
        Ok(())
    }

    /// Has nothing more delivered to a hub.
    pub async fn halt(&self, Halt { id, actor, reason }: Halt) -> Result<(SystemTime, String), HubError> {
        self.order(id, |answer| Order::Halt { actor, reason, answer }).await
    }

    /// Has a halted hub go on.
    pub async fn resume(&self, Resume { id, actor, skip, reason }: Resume) -> Result<bool, HubError> {
        self.order(id, |answer| Order::Resume { actor, skip, reason, answer }).await
    }

    /// Has a hub get events once more.
    pub async fn replay(&self, Replay { id, since, until, actor }: Replay) -> Result<Replaying, HubError> {
        self.order(id, |answer| Order::Replay { since, until, actor, answer }).await
    }

    async fn order<T>(
        &self,
        hub: Uuid,
        order: impl FnOnce(oneshot::Sender<Result<T, HubError>>) -> Order,
    ) -> Result<T, HubError> {
        self.check_store().await?;
        let entry = self.desk.get(hub).ok_or(HubError::NoSuchHub)?;
        let (answer, answered) = oneshot::channel();
        entry.delivery.do_send(Obey(order(answer)));
        answered.await.unwrap_or_else(|_| Err(HubError::Away("it does not answer".to_owned())))
    }
}
