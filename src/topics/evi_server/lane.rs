//! What waits to be sent to one place. Subscriptions of one socket to several events share it, so that these keep their order.

use super::target::Target;
use crate::topics::turn::ReceiverId;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What waits longer holds up nobody's place in the topic log: its subscriber does not take it.
const FRESH: Duration = Duration::from_secs(1);

/// What has become of the events of one subscription.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: Cell<u64>,
    pub dropped: Cell<u64>,
    pub queued: Cell<usize>,
}

/// An event for one subscription.
pub struct Parcel {
    pub bytes: Bytes,
    /// Its place in the topic log.
    pub sequence: i64,
    pub subscription: ReceiverId,
    pub tally: Rc<Tally>,
    queued: Instant,
}

impl Parcel {
    /// To be queued now.
    pub fn new(bytes: Bytes, sequence: i64, subscription: ReceiverId, tally: Rc<Tally>) -> Parcel {
        Parcel { bytes, sequence, subscription, tally, queued: Instant::now() }
    }

    /// It has left.
    pub fn was_sent(&self) {
        self.tally.sent.set(self.tally.sent.get() + 1);
    }

    /// It will not.
    pub fn was_dropped(&self) {
        self.tally.dropped.set(self.tally.dropped.get() + 1);
    }
}

/// See the module.
pub struct Lane {
    pub id: ReceiverId,
    pub target: Target,
    queue: RefCell<VecDeque<Parcel>>,
    /// The oldest of those that are being sent: its sequence, and since when it waits.
    in_hand: Cell<Option<(i64, Instant)>>,
    came: Notify,
    closed: Cell<bool>,
    /// Of all lanes: one of them has sent what was in its hand.
    moved: Rc<Notify>,
}

impl Lane {
    /// An empty one.
    pub fn new(id: ReceiverId, target: Target, moved: Rc<Notify>) -> Lane {
        Lane {
            id,
            target,
            queue: RefCell::default(),
            in_hand: Cell::default(),
            came: Notify::new(),
            closed: Cell::default(),
            moved,
        }
    }

    /// Queues an event. Where `most` wait already the oldest go; gives how many that were.
    pub fn push(&self, parcel: Parcel, most: usize) -> u64 {
        let mut queue = self.queue.borrow_mut();
        let mut dropped = 0;
        while queue.len() >= most.max(1) {
            let Some(oldest) = queue.pop_front() else { break };
            oldest.tally.queued.set(oldest.tally.queued.get().saturating_sub(1));
            oldest.was_dropped();
            dropped += 1;
        }
        parcel.tally.queued.set(parcel.tally.queued.get() + 1);
        queue.push_back(parcel);
        self.came.notify_one();
        dropped
    }

    /// The next one, which is in hand from then on; `None` when it is closed and nothing waits.
    pub async fn next(&self) -> Option<Parcel> {
        loop {
            if let Some(parcel) = self.take() {
                return Some(parcel);
            }
            if self.closed.get() {
                return None;
            }
            self.came.notified().await;
        }
    }

    /// The next one, if it waits already.
    pub fn take(&self) -> Option<Parcel> {
        let parcel = self.queue.borrow_mut().pop_front()?;
        parcel.tally.queued.set(parcel.tally.queued.get().saturating_sub(1));
        if self.in_hand.get().is_none() {
            self.in_hand.set(Some((parcel.sequence, parcel.queued)));
        }
        Some(parcel)
    }

    /// What was in hand is dealt with.
    pub fn put_down(&self) {
        self.in_hand.set(None);
        self.moved.notify_one();
    }

    /// Nothing of this subscription is to be sent any more.
    pub fn forget(&self, subscription: ReceiverId) {
        self.queue.borrow_mut().retain(|parcel| parcel.subscription != subscription);
    }

    /// Nothing more comes; what waits is sent.
    pub fn close(&self) {
        self.closed.set(true);
        self.came.notify_one();
    }

    /// Whether it is closed and nothing waits.
    pub fn is_over(&self) -> bool {
        self.closed.get() && self.queue.borrow().is_empty()
    }

    /// Whether more waits than half of what may.
    pub fn is_over_half(&self, most: usize) -> bool {
        self.queue.borrow().len() > most / 2
    }

    /// How many wait, and are in hand.
    pub fn len(&self) -> usize {
        self.queue.borrow().len() + usize::from(self.in_hand.get().is_some())
    }

    /// The oldest that is not sent, as long as it has not waited for long.
    pub fn oldest_fresh(&self) -> Option<i64> {
        let queue = self.queue.borrow();
        let waiting = || queue.front().map(|parcel| (parcel.sequence, parcel.queued));
        let (sequence, since) = self.in_hand.get().or_else(waiting)?;
        (since.elapsed() < FRESH).then_some(sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn lane() -> Lane {
        Lane::new(1, Target::Unix("/x".into()), Rc::default())
    }

    fn parcel(sequence: i64, subscription: ReceiverId, tally: &Rc<Tally>) -> Parcel {
        Parcel::new(Bytes::from_static(b"x"), sequence, subscription, Rc::clone(tally))
    }

    fn sequences(lane: &Lane) -> Vec<i64> {
        std::iter::from_fn(|| lane.take().map(|parcel| parcel.sequence)).collect()
    }

    #[tokio::test]
    async fn of_too_many_the_oldest_go() {
        let (lane, tally) = (lane(), Rc::default());
        let dropped: Vec<u64> = (1..=5).map(|sequence| lane.push(parcel(sequence, 7, &tally), 3)).collect();
        assert_eq!(dropped, [0, 0, 0, 1, 1]);
        assert_eq!((tally.queued.get(), tally.dropped.get(), lane.len()), (3, 2, 3));
        // Another configuration allows fewer.
        assert_eq!(lane.push(parcel(6, 7, &tally), 2), 2);
        assert_eq!((sequences(&lane), tally.queued.get()), (vec![5, 6], 0));
    }

    #[tokio::test]
    async fn what_is_forgotten_is_not_sent_and_the_others_are() {
        let (lane, tally) = (lane(), Rc::default());
        for sequence in 1..=4 {
            lane.push(parcel(sequence, sequence as u64 % 2, &tally), 9);
        }
        lane.forget(1);
        assert_eq!(sequences(&lane), [2, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_long_holds_nobody_s_place() {
        let (lane, tally) = (lane(), Rc::default());
        assert_eq!(lane.oldest_fresh(), None);
        lane.push(parcel(1, 7, &tally), 9);
        tokio::time::advance(FRESH / 2).await;
        lane.push(parcel(2, 7, &tally), 9);
        assert_eq!(lane.oldest_fresh(), Some(1));
        assert!(lane.next().await.is_some());
        assert_eq!((lane.oldest_fresh(), lane.len()), (Some(1), 2));
        tokio::time::advance(FRESH / 2).await;
        assert_eq!(lane.oldest_fresh(), None, "it is the oldest that counts");
        lane.put_down();
        assert_eq!(lane.oldest_fresh(), Some(2));
    }

    #[tokio::test]
    async fn what_waits_is_sent_after_the_end() {
        let (lane, tally) = (lane(), Rc::default());
        assert!(lane.next().now_or_never().is_none());
        lane.push(parcel(1, 7, &tally), 9);
        lane.close();
        assert!(lane.next().await.is_some() && lane.next().await.is_none());
    }
}
