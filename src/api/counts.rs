//! How many events there are: counted once for everybody who asks.
//!
//! On a large store a count takes seconds, and a hundred pages ask every second. So there is one count at a time, which
//! begins when somebody asks and rests for twenty times as long as the last one took.

use crate::store::{Counts, ReadError, Store};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// Counting may take one part in so many of the time.
const SHARE: u32 = 20;
/// Between two counts, at least and at most.
const SHORTEST_REST: Duration = Duration::from_millis(50);
const LONGEST_REST: Duration = Duration::from_secs(300);
/// Whoever asks waits so long for a new count where there is an older one, and so long where there is none.
const PATIENCE: Duration = Duration::from_millis(100);
const FIRST_PATIENCE: Duration = Duration::from_secs(2);

/// What has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub counts: Counts,
    /// When.
    pub at: SystemTime,
}

/// The latest count, for those who ask.
#[derive(Debug, Clone, Default)]
pub struct Counting {
    wanted: Arc<Notify>,
    latest: Arc<watch::Sender<Latest>>,
}

#[derive(Debug, Clone, Default)]
struct Latest {
    /// The last count that came about.
    counted: Option<Counted>,
    /// Until then it is new enough.
    fresh_until: Option<Instant>,
    /// Why there was none, where the last one failed.
    error: Option<ReadError>,
}

impl Counting {
    /// Counts whenever somebody wants it, for ever; one of these for each store.
    pub async fn run(self, store: Store) {
        loop {
            self.wanted.notified().await;
            let (began, at) = (Instant::now(), SystemTime::now());
            let counts = store.counts().await;
            let rest = (began.elapsed() * SHARE).clamp(SHORTEST_REST, LONGEST_REST);
            self.latest.send_modify(|latest| {
                latest.fresh_until = Some(Instant::now() + rest);
                latest.error = counts.as_ref().err().cloned();
                if let Ok(counts) = counts {
                    latest.counted = Some(Counted { counts, at });
                }
            });
            tokio::time::sleep(rest).await;
        }
    }

    /// The latest count, a new one where that does not take long; an error where none has come about or the store is away.
    pub async fn latest(&self) -> Result<Counted, Option<ReadError>> {
        let mut watching = self.latest.subscribe();
        let known = watching.borrow_and_update().clone();
        if known.fresh_until.is_some_and(|until| Instant::now() < until) {
            return known.outcome();
        }
        self.wanted.notify_one();
        let patience = if known.counted.is_some() { PATIENCE } else { FIRST_PATIENCE };
        // Whether it has come or not: what there is now is told.
        let _ = timeout(patience, watching.changed()).await;
        let latest = watching.borrow().clone();
        latest.outcome()
    }
}

impl Latest {
    fn outcome(self) -> Result<Counted, Option<ReadError>> {
        match self {
            Latest { error: Some(error), .. } => Err(Some(error)),
            Latest { counted, .. } => counted.ok_or(None),
        }
    }
}
