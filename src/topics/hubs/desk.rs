//! The deliveries that there are, by the ids of their hubs.

use super::delivery::{Delivery, Finish};
use super::log_window::LogWindow;
use super::messages::HubStatus;
use super::progress::Progress;
use super::tally::Tally;
use crate::store::{Hub, HubState};
use actix::Addr;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// See the module. It outlives the manager, whose next incarnation finds here what it has to end.
#[derive(Default)]
pub struct Desk(Mutex<BTreeMap<Uuid, Entry>>);

/// One of them.
#[derive(Clone)]
pub struct Entry {
    pub delivery: Addr<Delivery>,
    pub progress: Arc<Progress>,
}

impl Entry {
    /// Its hub, as it is now.
    pub fn hub(&self) -> Hub {
        self.progress.lock().hub.clone()
    }

    fn status(&self, window: &LogWindow) -> HubStatus {
        let total = window.total(&self.progress.lock().hub.topic);
        self.progress.status(total)
    }
}

impl Desk {
    /// Puts one there.
    pub fn put(&self, hub: Uuid, entry: Entry) {
        self.lock().insert(hub, entry);
    }

    /// Takes one away. It is not shown any more.
    pub fn remove(&self, hub: Uuid) {
        self.lock().remove(&hub);
    }

    /// The one of this hub.
    pub fn get(&self, hub: Uuid) -> Option<Entry> {
        self.lock().get(&hub).cloned()
    }

    /// The ids of all.
    pub fn ids(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    /// Has all of them come to an end.
    pub fn finish(&self) {
        self.lock().values().for_each(|entry| entry.delivery.do_send(Finish));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// How many of them are of this owner.
    pub fn count_of(&self, owner: &str) -> usize {
        self.lock().values().filter(|entry| entry.progress.lock().hub.owner == owner).count()
    }

    /// The first hub for which this holds.
    pub fn find(&self, is_meant: impl Fn(&Hub) -> bool) -> Option<Hub> {
        self.lock()
            .values()
            .map(|entry| entry.progress.lock())
            .find(|now| is_meant(&now.hub))
            .map(|now| now.hub.clone())
    }

    /// How all are, the oldest hub first.
    pub fn list(&self, window: &LogWindow) -> Vec<HubStatus> {
        let mut list: Vec<HubStatus> = self.lock().values().map(|entry| entry.status(window)).collect();
        list.sort_by_key(|status| (status.hub.created, status.hub.id));
        list
    }

    /// How one is.
    pub fn show(&self, hub: Uuid, window: &LogWindow) -> Option<HubStatus> {
        self.get(hub).map(|entry| entry.status(window))
    }

    /// Tells metrics how all are.
    pub fn tell(&self, tally: &Tally, window: &LogWindow) {
        for HubStatus { hub, backlog, .. } in self.list(window) {
            tally.show(hub.id, backlog, matches!(hub.state, HubState::Halted { .. }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Entry>> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
