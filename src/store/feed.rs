//! Which events have been stored or changed: what the group writer tells to whoever shows events as they happen.
//!
//! While nobody listens it costs the writer one look at a counter. The latest changes are in a ring; a listener that
//! does not keep up with it is told how many it has missed. A change that somebody else makes in the tables is not told.
//! Whoever follows the topic log is only woken: the log is in the store.

use super::writes::{Outcome, Write};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use uuid::Uuid;

/// Changes that a listener may be behind: a second of a portal at work.
const RING: usize = 4_096;

/// The row that has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changed {
    Event(Uuid),
    /// By `em_event.id`: a row of the Erlang release has no uuid.
    Row(i64),
}

/// What the writer tells, and the listeners read.
#[derive(Default)]
pub(crate) struct Feed {
    listeners: AtomicUsize,
    ring: Mutex<Ring>,
    /// Changes whenever the topic log has grown.
    log: watch::Sender<()>,
}

#[derive(Default)]
struct Ring {
    latest: VecDeque<Changed>,
    /// How many there have ever been.
    told: u64,
}

impl Feed {
    /// The writes are durable; `outcomes` are in their order.
    pub fn tell(&self, writes: &[Write], outcomes: &[Outcome]) {
        self.tell_handed_on(writes, outcomes);
        if self.listeners.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut ring = self.lock();
        for (write, outcome) in writes.iter().zip(outcomes) {
            let Some(changed) = write.changes() else { continue };
            if !matches!(outcome, Outcome::Rejected(_) | Outcome::PutOff) {
                ring.push(changed);
            }
        }
    }

    fn tell_handed_on(&self, writes: &[Write], outcomes: &[Outcome]) {
        let mut grown = false;
        for event in writes.iter().zip(outcomes).flat_map(|(write, outcome)| write.handed_on(outcome)) {
            metrics::counter!("eventmanager_handed_on_total", "topic" => event.topic.clone()).increment(1);
            grown = true;
        }
        if grown {
            self.log.send_replace(());
        }
    }

    /// From now on.
    pub fn listen(self: &Arc<Self>) -> Changes {
        self.listeners.fetch_add(1, Ordering::AcqRel);
        let seen = self.lock().told;
        Changes { feed: Arc::clone(self), seen }
    }

    /// Changes whenever the topic log has grown.
    pub fn follow_log(&self) -> watch::Receiver<()> {
        self.log.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Nothing panics half-way through a change of the ring.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, changed: Changed) {
        if self.latest.len() == RING {
            self.latest.pop_front();
        }
        self.latest.push_back(changed);
        self.told += 1;
    }
}

/// The changes since somebody began to listen. While it lives the writer tells.
pub struct Changes {
    feed: Arc<Feed>,
    seen: u64,
}

impl Changes {
    /// What has changed since the last [`Changes::confirm`], oldest first; the same row may be there many times.
    pub fn read(&self) -> News {
        let ring = self.feed.lock();
        let unseen = usize::try_from(ring.told - self.seen).unwrap_or(usize::MAX);
        let there = unseen.min(ring.latest.len());
        let rows = ring.latest.iter().skip(ring.latest.len() - there).copied().collect();
        News { rows, missed: (unseen - there) as u64, upto: ring.told }
    }

    /// Those have been dealt with, and are not read again.
    pub fn confirm(&mut self, news: &News) {
        self.seen = news.upto;
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        if self.feed.listeners.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Nobody needs them, and they may stand there for long.
            self.feed.lock().latest = VecDeque::new();
        }
    }
}

/// What [`Changes::read`] has found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct News {
    pub rows: Vec<Changed>,
    /// Changes before those that are lost, because there were too many.
    pub missed: u64,
    upto: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panics(events: &[u128]) -> Vec<Write> {
        events
            .iter()
            .map(|event| Write::Panic { event: Uuid::from_u128(*event), attempt: 1, panics: 1 })
            .collect()
    }

    fn tell(feed: &Feed, events: &[u128]) {
        feed.tell(&panics(events), &vec![Outcome::Applied; events.len()]);
    }

    fn event(number: u128) -> Changed {
        Changed::Event(Uuid::from_u128(number))
    }

    #[test]
    fn a_listener_is_told_what_changes_while_it_listens_and_nobody_else_costs_memory() {
        let feed = Arc::new(Feed::default());
        tell(&feed, &[1]);
        assert!(feed.lock().latest.is_empty(), "nobody listens");
        let mut changes = feed.listen();
        assert_eq!(changes.read().rows, []);
        tell(&feed, &[2, 3]);
        feed.tell(&panics(&[4]), &[Outcome::Rejected("no".to_owned())]);
        let news = changes.read();
        assert_eq!((news.rows.as_slice(), news.missed), (&[event(2), event(3)][..], 0));
        assert_eq!(changes.read(), news, "until it is confirmed");
        changes.confirm(&news);
        assert_eq!(changes.read().rows, []);
        let late = feed.listen();
        tell(&feed, &[5]);
        assert_eq!(late.read().rows, [event(5)]);
        drop(changes);
        assert_eq!(late.read().rows, [event(5)], "another listens still");
        drop(late);
        assert_eq!(feed.lock().latest.capacity(), 0);
    }

    #[test]
    fn a_listener_that_does_not_keep_up_is_told_how_many_it_has_missed() {
        let feed = Arc::new(Feed::default());
        let mut changes = feed.listen();
        let all: Vec<u128> = (0..RING as u128 + 10).collect();
        tell(&feed, &all);
        let news = changes.read();
        assert_eq!((news.rows.len(), news.missed), (RING, 10));
        assert_eq!(news.rows.last(), Some(&event(RING as u128 + 9)));
        changes.confirm(&news);
        tell(&feed, &[7]);
        assert_eq!((changes.read().rows, changes.read().missed), (vec![event(7)], 0));
    }
}
