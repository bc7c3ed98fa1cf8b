//! Connecting again and again, told where it changes.

use super::connect::{Connected, connect};
use crate::config::Nats;
use crate::supervision::Backoff;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tokio::sync::Notify;

/// Distance of the attempts.
const DISTANCES: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) };

/// Whether something works, for the metrics and, where that changes, for the log.
pub(super) struct Life {
    /// The label of the metrics.
    name: &'static str,
    is_up: Cell<bool>,
    /// Why it does not, as it was told last.
    told: RefCell<Option<String>>,
    /// Since the last attempt began it has worked.
    has_worked: Cell<bool>,
}

impl Life {
    pub fn new(name: &'static str) -> Life {
        let life =
            Life { name, is_up: Cell::default(), told: RefCell::default(), has_worked: Cell::default() };
        life.show();
        metrics::counter!("eventmanager_reconnects_total", "connection" => name).increment(0);
        life
    }

    /// It works.
    pub fn up(&self) {
        self.has_worked.set(true);
        if !self.is_up.replace(true) {
            self.told.take();
            tracing::info!(connection = self.name, "connected to nats");
            self.show();
        }
    }

    /// It does not, and is tried again. The same reason is told once.
    fn down(&self, reason: String) {
        self.is_up.set(false);
        self.show();
        if self.told.borrow().as_ref() != Some(&reason) {
            tracing::warn!(
                connection = self.name,
                reason,
                "nats does not take or give anything: trying again"
            );
            self.told.replace(Some(reason));
        }
    }

    fn show(&self) {
        metrics::gauge!("eventmanager_connection_up", "connection" => self.name)
            .set(f64::from(u8::from(self.is_up.get())));
    }

    /// Connects and works until `stop` is notified; `work` ends with the reason why it cannot go on, or with `None` when it was told to
    /// stop.
    pub async fn live(
        &self,
        config: &Nats,
        stop: &Notify,
        mut work: impl AsyncFnMut(Connected) -> Option<String>,
    ) {
        let mut failures = 0;
        loop {
            self.has_worked.set(false);
            let connected = tokio::select! {
                connected = connect(config, self.name) => connected,
                () = stop.notified() => break,
            };
            let reason = match connected {
                Ok(connected) => match work(connected).await {
                    Some(reason) => reason,
                    None => break,
                },
                Err(reason) => reason,
            };
            if self.has_worked.get() {
                failures = 0;
            }
            self.down(reason);
            tokio::select! {
                () = tokio::time::sleep(DISTANCES.delay(failures)) => {}
                () = stop.notified() => break,
            }
            failures += 1;
            metrics::counter!("eventmanager_reconnects_total", "connection" => self.name).increment(1);
        }
        self.is_up.set(false);
        self.show();
    }
}
