//! Whether the databases commit: what `/readyz` tells, and what stops the reading of BroadWorks.

use tokio::sync::watch;
use tracing::{info, warn};

/// The state of both databases; with one database both say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    pub events: DatabaseHealth,
    pub subscribers: DatabaseHealth,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseHealth {
    Up,
    /// The reason in one line, without secrets.
    Down {
        reason: String,
    },
}

impl StoreHealth {
    /// Whether every write can be committed.
    pub fn is_up(&self) -> bool {
        self.events == DatabaseHealth::Up && self.subscribers == DatabaseHealth::Up
    }
}

/// Which tables a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tables {
    pub events: bool,
    pub subscribers: bool,
}

impl Tables {
    /// The name of the database in metrics, logs and errors.
    pub fn name(self) -> &'static str {
        if self.events { "events" } else { "subscribers" }
    }

    /// The failpoint behind a connect, and those before and behind a commit.
    pub(super) fn failpoints(self) -> [&'static str; 3] {
        match self.events {
            true => ["store.events.connect.after", "store.events.commit.before", "store.events.commit.after"],
            false => [
                "store.subscribers.connect.after",
                "store.subscribers.commit.before",
                "store.subscribers.commit.after",
            ],
        }
    }
}

/// Where a writer publishes its state.
#[derive(Debug, Clone)]
pub(crate) struct HealthBoard(watch::Sender<StoreHealth>);

impl HealthBoard {
    pub fn new() -> Self {
        let down = DatabaseHealth::Down { reason: "not connected yet".to_owned() };
        HealthBoard(watch::Sender::new(StoreHealth { events: down.clone(), subscribers: down }))
    }

    pub fn subscribe(&self) -> watch::Receiver<StoreHealth> {
        self.0.subscribe()
    }

    /// Publishes a state and logs the change; saying the same again is silent.
    pub fn publish(&self, tables: Tables, place: &str, state: DatabaseHealth) {
        let changed = self.0.send_if_modified(|health| {
            let before = health.clone();
            if tables.events {
                health.events = state.clone();
            }
            if tables.subscribers {
                health.subscribers = state.clone();
            }
            *health != before
        });
        if !changed {
            return;
        }
        match state {
            DatabaseHealth::Up => info!(database = tables.name(), %place, "database ready"),
            DatabaseHealth::Down { reason } => {
                warn!(database = tables.name(), %place, %reason, "database unavailable, trying again");
            }
        }
    }
}
