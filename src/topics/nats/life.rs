//! Connecting again and again, told where it changes.

use super::connect::{Connected, connect};
use crate::config::Nats;
use crate::supervision::Backoff;
use crate::telemetry::link::{Link, LinkBoard};
use crate::wire::Secret;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tokio::sync::Notify;

/// Distance of the attempts.
const DISTANCES: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) };

/// Whether something works, for the metrics and, where that changes, for the log.
pub(super) struct Life {
    /// The label of the metrics.
    name: &'static str,
    link: Link,
    /// What the server knows of us, and may quote.
    secret: Option<Secret>,
    /// Why it does not, as it was told last.
    told: RefCell<Option<String>>,
    /// Since the last attempt began it has worked.
    has_worked: Cell<bool>,
}

impl Life {
    /// Of a connection to the servers of `config`, which `board` shows.
    pub fn new(name: &'static str, config: &Nats, board: &LinkBoard) -> Life {
        metrics::counter!("eventmanager_reconnects_total", "connection" => name).increment(0);
        let link = board.link(name, &config.urls.join(", "));
        Life {
            name,
            link,
            secret: config.auth.secret().cloned(),
            told: RefCell::default(),
            has_worked: Cell::default(),
        }
    }

    /// It works.
    pub fn up(&self) {
        self.has_worked.set(true);
        if !self.link.state().up {
            self.told.take();
            tracing::info!(connection = self.name, "connected to nats");
            self.link.up();
        }
    }

    /// What a server says, which may quote what it was sent.
    pub fn without_secret(&self, said: String) -> String {
        self.secret.as_ref().map_or_else(|| said.clone(), |secret| secret.take_out(&said))
    }

    /// It does not, and is tried again. The same reason is told once.
    fn down(&self, reason: String) {
        let reason = self.without_secret(reason);
        self.link.down(&reason);
        if self.told.borrow().as_ref() != Some(&reason) {
            tracing::warn!(
                connection = self.name,
                reason,
                "nats does not take or give anything: trying again"
            );
            self.told.replace(Some(reason));
        }
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
        self.link.down("it is being stopped");
    }
}
