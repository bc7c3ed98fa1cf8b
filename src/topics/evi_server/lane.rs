//! What waits to be sent to one place. Subscriptions of one socket to several events share it, so that these keep their order.

use super::load::{Held, Load};
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
/// Bytes that wait in one lane, at most.
const BYTES: usize = 64 << 20;

/// What has become of the events of one subscription.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: Cell<u64>,
    pub dropped: Cell<u64>,
    /// What is neither: it waits, or is being sent.
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
    /// Since it waits in a lane.
    held: Option<Held>,
}

impl Parcel {
    /// To be queued now.
    pub fn new(bytes: Bytes, sequence: i64, subscription: ReceiverId, tally: Rc<Tally>) -> Parcel {
        Parcel { bytes, sequence, subscription, tally, queued: Instant::now(), held: None }
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

impl Drop for Parcel {
    fn drop(&mut self) {
        if self.held.is_some() {
            self.tally.queued.set(self.tally.queued.get().saturating_sub(1));
        }
    }
}

/// What is being sent: the oldest of it, since when that waits, and how many there are.
#[derive(Clone, Copy)]
struct InHand {
    sequence: i64,
    since: Instant,
    count: usize,
}

/// See the module.
pub struct Lane {
    pub id: ReceiverId,
    pub target: Target,
    queue: RefCell<VecDeque<Parcel>>,
    /// In the queue.
    bytes: Cell<usize>,
    in_hand: Cell<Option<InHand>>,
    came: Notify,
    closed: Cell<bool>,
    /// Of all lanes: one of them has sent what was in its hand.
    moved: Rc<Notify>,
    load: Rc<Load>,
}

impl Lane {
    /// An empty one, of those that share this load.
    pub fn new(id: ReceiverId, target: Target, moved: Rc<Notify>, load: Rc<Load>) -> Lane {
        Lane {
            id,
            target,
            queue: RefCell::default(),
            bytes: Cell::default(),
            in_hand: Cell::default(),
            came: Notify::new(),
            closed: Cell::default(),
            moved,
            load,
        }
    }

    /// Queues an event. Where `most` wait already, or too many bytes, the oldest of this lane go; gives how many that were.
    pub fn push(&self, mut parcel: Parcel, most: usize) -> u64 {
        let mut dropped = 0;
        while self.is_full(&parcel.bytes, most) && self.drop_oldest() {
            dropped += 1;
        }
        parcel.held = Some(self.load.hold(&parcel.bytes));
        parcel.tally.queued.set(parcel.tally.queued.get() + 1);
        self.bytes.set(self.bytes.get() + parcel.bytes.len());
        self.queue.borrow_mut().push_back(parcel);
        self.came.notify_one();
        dropped
    }

    fn is_full(&self, more: &Bytes, most: usize) -> bool {
        self.queue.borrow().len() >= most.max(1) || self.bytes.get() + more.len() > BYTES
    }

    /// Makes room; false: nothing waits.
    pub fn drop_oldest(&self) -> bool {
        let oldest = self.pop();
        oldest.iter().for_each(Parcel::was_dropped);
        oldest.is_some()
    }

    /// How many bytes wait.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    fn pop(&self) -> Option<Parcel> {
        let parcel = self.queue.borrow_mut().pop_front()?;
        self.bytes.set(self.bytes.get() - parcel.bytes.len());
        Some(parcel)
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
        let parcel = self.pop()?;
        let first = InHand { sequence: parcel.sequence, since: parcel.queued, count: 0 };
        let in_hand = self.in_hand.get().unwrap_or(first);
        self.in_hand.set(Some(InHand { count: in_hand.count + 1, ..in_hand }));
        Some(parcel)
    }

    /// What was in hand is dealt with.
    pub fn put_down(&self) {
        self.in_hand.set(None);
        self.moved.notify_one();
    }

    /// Nothing of this subscription is to be sent any more.
    pub fn forget(&self, subscription: ReceiverId) {
        let mut queue = self.queue.borrow_mut();
        queue.retain(|parcel| parcel.subscription != subscription);
        self.bytes.set(queue.iter().map(|parcel| parcel.bytes.len()).sum());
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

    /// Whether more waits than half of what may, in events or in bytes.
    pub fn is_over_half(&self, most: usize) -> bool {
        self.queue.borrow().len() > most / 2 || self.bytes.get() > BYTES / 2
    }

    /// How many wait, and are in hand.
    pub fn len(&self) -> usize {
        self.queue.borrow().len() + self.in_hand.get().map_or(0, |it| it.count)
    }

    /// The oldest that is not sent, as long as it has not waited for long.
    pub fn oldest_fresh(&self) -> Option<i64> {
        let queue = self.queue.borrow();
        let waiting = || queue.front().map(|parcel| (parcel.sequence, parcel.queued));
        let in_hand = self.in_hand.get().map(|it| (it.sequence, it.since));
        let (sequence, since) = in_hand.or_else(waiting)?;
        (since.elapsed() < FRESH).then_some(sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn lane() -> Lane {
        Lane::new(1, Target::Unix("/x".into()), Rc::default(), Rc::default())
    }

    /// Of a MiB that nobody else holds.
    fn large(tally: &Rc<Tally>) -> Parcel {
        Parcel::new(vec![0; 1 << 20].into(), 1, 7, Rc::clone(tally))
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
    async fn of_too_many_bytes_the_oldest_go() {
        let (lane, tally) = (lane(), Rc::default());
        let dropped: u64 = (0..70).map(|_| lane.push(large(&tally), 10_000)).sum();
        assert_eq!((dropped, tally.dropped.get(), lane.len()), (6, 6, 64));
        // What has left makes room.
        assert!(lane.take().is_some() && lane.push(large(&tally), 10_000) == 0);
        lane.forget(7);
        assert_eq!((0..64).map(|_| lane.push(large(&tally), 10_000)).sum::<u64>(), 0);
        // What is larger than all that may wait does so alone.
        let huge = Parcel::new(vec![0; BYTES + 1].into(), 1, 7, Rc::clone(&tally));
        assert_eq!((lane.push(huge, 10_000), lane.push(large(&tally), 10_000)), (64, 1));
    }

    #[tokio::test]
    async fn what_is_in_hand_is_queued_until_it_has_left() {
        let (lane, tally) = (lane(), Rc::<Tally>::default());
        (1..=5).for_each(|sequence| assert_eq!(lane.push(parcel(sequence, 7, &tally), 9), 0));
        let in_hand: Vec<Parcel> = (0..3).filter_map(|_| lane.take()).collect();
        assert_eq!((in_hand.len(), lane.len(), tally.queued.get()), (3, 5, 5));
        in_hand.iter().for_each(Parcel::was_sent);
        drop(in_hand);
        lane.put_down();
        assert_eq!((lane.len(), tally.queued.get(), tally.sent.get()), (2, 2, 3));
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
