//! Connecting again and again.

use super::link::Link;
use crate::supervision::Backoff;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The first attempt to reconnect comes within a second, later ones at growing distances.
pub(super) const DISTANCES: Backoff =
    Backoff { first: Duration::from_millis(500), max: Duration::from_secs(30) };
/// The same of peers that are told everything soon after they have come up.
pub(super) const SHORT_DISTANCES: Backoff =
    Backoff { first: Duration::from_millis(500), max: Duration::from_secs(8) };
/// A connection that stood this long was a good one, whatever it brought.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// A peer that refuses our login refuses it the next time too, until somebody changes something; and there are peers that lock out who
/// tries too often.
const DISTANCES_OF_LOGINS: Backoff =
    Backoff { first: Duration::from_secs(60), max: Duration::from_secs(600) };

/// How an attempt ended.
pub(super) enum Attempt {
    /// There was no connection, or there is none any more. `good`: it was one of use, so that the next attempt is a first one
    /// again. A peer that has enough clients accepts one more and closes it at once.
    Lost { reason: String, good: bool },
    /// The peer does not let us in with what is configured. That is nothing that passes.
    Refused { reason: String },
    /// We were told to stop.
    Stopped,
}

/// What came of attempts so far.
struct Failures {
    distances: Backoff,
    /// One after the other, without a good connection in between.
    lost: u32,
    refused: u32,
}

impl Failures {
    fn new(distances: Backoff) -> Failures {
        Failures { distances, lost: 0, refused: 0 }
    }

    /// Why there is no connection, and how long to wait; `None`: nothing more is attempted.
    fn add(&mut self, attempt: Attempt) -> Option<(String, Duration)> {
        match attempt {
            Attempt::Stopped => None,
            Attempt::Lost { reason, good } => {
                if good {
                    *self = Failures::new(self.distances);
                }
                let delay = self.distances.delay(self.lost);
                self.lost += 1;
                Some((reason, delay))
            }
            Attempt::Refused { reason } => {
                let delay = DISTANCES_OF_LOGINS.delay(self.refused);
                self.refused += 1;
                Some((reason, delay))
            }
        }
    }

    fn count(&self) -> u32 {
        self.lost + self.refused
    }
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
    distances: Backoff,
    mut attempt: impl AsyncFnMut() -> Attempt,
) {
    let name = link.name();
    let mut failures = Failures::new(distances);
    while let Some((reason, delay)) = failures.add(attempt().await) {
        link.down(&reason);
        let attempt = failures.count();
        tracing::warn!(connection = name, reason, ?delay, attempt, "not connected to {peer}");
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stop.notified() => break,
        }
        metrics::counter!("eventmanager_reconnects_total", "connection" => name.clone()).increment(1);
    }
    link.down("stopped");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_is_refused_is_tried_again_after_minutes_and_what_else_fails_after_seconds() {
        let mut failures = Failures::new(DISTANCES);
        let lost = |good| Attempt::Lost { reason: "lost".to_owned(), good };
        let mut delay = |attempt| failures.add(attempt).expect("a delay").1;
        assert!(delay(lost(false)) < Duration::from_secs(1));
        let refused = || Attempt::Refused { reason: "wrong secret".to_owned() };
        let first = delay(refused());
        assert!(first >= Duration::from_secs(30) && first <= Duration::from_secs(60), "{first:?}");
        let last = (0..10).map(|_| delay(refused())).last().expect("a delay");
        assert!(last >= Duration::from_secs(300) && last <= Duration::from_secs(600), "{last:?}");
        assert!(delay(lost(false)) <= Duration::from_secs(1), "the network has its own distances");
        assert!(delay(lost(true)) < Duration::from_secs(1) && delay(refused()) <= Duration::from_secs(60));
        assert!(Failures::new(DISTANCES).add(Attempt::Stopped).is_none());
    }
}
