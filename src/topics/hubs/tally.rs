//! What of hubs can be seen in metrics.

use uuid::Uuid;

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// It is tried again.
    Retried,
    /// The hub is halted by it.
    Halted,
    /// The hub is halted by it: the callback is gone.
    Gone,
    /// An operator has had the event passed over.
    Skipped,
}

impl Outcome {
    /// The word in metrics and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Retried => super::retry::RETRIED,
            Outcome::Halted => "halted",
            Outcome::Gone => "gone",
            Outcome::Skipped => "skipped",
        }
    }

    /// Counts one more.
    pub fn count(self, hub: Uuid) {
        let (hub, outcome) = (hub.to_string(), self.as_str());
        metrics::counter!("eventmanager_hub_deliveries_total", "hub" => hub, "outcome" => outcome)
            .increment(1);
    }
}

/// How far it is behind, and whether it is halted.
pub fn show(hub: Uuid, backlog: u64, is_halted: bool) {
    let hub = hub.to_string();
    metrics::gauge!("eventmanager_hub_backlog", "hub" => hub.clone()).set(backlog as f64);
    metrics::gauge!("eventmanager_hub_halted", "hub" => hub).set(f64::from(u8::from(is_halted)));
}
