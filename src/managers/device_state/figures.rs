//! The metrics of the mesh. Their labels are names of endpoints, which are configured, and reasons, which are ours.

use super::mesh::{Figures, Mesh, Stats, Unwritable};
use super::messages::PeerName;
use crate::telemetry::Seldom;
use metrics::{Histogram, counter, gauge, histogram};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// What has been published of each server.
#[derive(Default)]
pub struct Counted {
    stats: HashMap<PeerName, Stats>,
    seconds: HashMap<PeerName, Histogram>,
    /// What was not mirrored, and is told.
    given_up: Seldom,
}

impl Counted {
    /// Where it is recorded how long a change takes until this server has confirmed it.
    pub fn told_seconds(&mut self, peer: &PeerName) -> &Histogram {
        self.seconds
            .entry(Arc::clone(peer))
            .or_insert_with(|| histogram!("eventmanager_state_told_seconds", "peer" => peer.to_string()))
    }

    /// What has come since, and how it stands.
    pub fn publish(&mut self, mesh: &Mesh, now: Instant) {
        gauge!("eventmanager_state_entries").set(mesh.entries() as f64);
        // Not of those who are heard through others, whose names are not configured.
        let configured = mesh.figures(now).into_iter().filter(|figures| figures.is_told);
        for Figures { peer, stats, queue, diverged, lag, .. } in configured {
            let before = self.stats.entry(Arc::clone(&peer)).or_default();
            count(&peer, before, &stats, &self.given_up);
            *before = stats;
            stand(&peer, queue, diverged, lag.as_secs_f64());
        }
    }

    /// A server takes part no more.
    pub fn forget(&mut self, peer: &PeerName) {
        self.seconds.remove(peer);
        if self.stats.remove(peer).is_some() {
            stand(peer, 0, 0, 0.0);
        }
    }
}

fn count(peer: &PeerName, before: &Stats, stats: &Stats, given_up: &Seldom) {
    let name = || peer.to_string();
    counter!("eventmanager_state_changes_total", "origin" => name())
        .increment(stats.changes - before.changes);
    counter!("eventmanager_state_coalesced_total", "peer" => name())
        .increment(stats.coalesced - before.coalesced);
    counter!("eventmanager_state_resyncs_total", "peer" => name()).increment(stats.resyncs - before.resyncs);
    for reason in Unwritable::ALL {
        let more = stats.rejected[reason as usize] - before.rejected[reason as usize];
        counter!("eventmanager_state_rejected_total", "peer" => name(), "reason" => reason.as_str())
            .increment(more);
        if let Some(so_far) = (more > 0).then(|| given_up.count()).flatten() {
            let reason = reason.as_str();
            tracing::warn!(%peer, reason, more, so_far, "states are not mirrored");
        }
    }
}

fn stand(peer: &PeerName, queue: usize, diverged: usize, lag: f64) {
    let name = || peer.to_string();
    gauge!("eventmanager_state_queue", "peer" => name()).set(queue as f64);
    gauge!("eventmanager_state_divergence", "peer" => name()).set(diverged as f64);
    gauge!("eventmanager_state_lag_seconds", "peer" => name()).set(lag);
}
