//! Connecting again and again.

use super::link::Link;
use crate::supervision::Backoff;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The first attempt to reconnect comes within a second, later ones at growing distances.
const DISTANCES: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(30) };
/// A connection that stood this long was a good one, whatever it brought.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// How an attempt ended.
pub(super) enum Attempt {
    /// There was no connection, or there is none any more. `good`: it was one of use, so that the next attempt is a first one
    /// again. A peer that has enough clients accepts one more and closes it at once.
    Lost { reason: String, good: bool },
    /// We were told to stop.
    Stopped,
}

/// Whether a connection that was made at `since` and has ended stood long enough to be a good one.
pub(super) fn has_stood(since: Instant) -> bool {
    since.elapsed() >= GOOD_AFTER
}

/// Makes attempts until one is told to stop, or `stop` is notified between two. `peer` is what the log calls the other side.
pub(super) async fn keep_connected(
    link: &Link,
    peer: &str,
    stop: &Notify,
    mut attempt: impl AsyncFnMut() -> Attempt,
) {
    let name = link.name();
    let mut failures = 0;
    while let Attempt::Lost { reason, good } = attempt().await {
        if good {
            failures = 0;
        }
        link.down(&reason);
        let delay = DISTANCES.delay(failures);
        failures += 1;
        tracing::warn!(connection = name, reason, ?delay, attempt = failures, "not connected to {peer}");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stop.notified() => break,
        }
        metrics::counter!("eventmanager_reconnects_total", "connection" => name.clone()).increment(1);
    }
    link.down("stopped");
}
