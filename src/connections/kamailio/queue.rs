//! Events that have been read and not been handled: bounded, since the reader waits for nobody.

use crate::config::{EventKeys, Overflow};
use crate::wire::evapi::Event;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use tokio::sync::Notify;

/// Bytes of memory that waiting events may take: few may be large.
const BYTES: usize = 64 << 20;
/// Letters of a name that are of use: tables hold no more.
const NAME: usize = 255;

/// An event as it was read.
#[derive(Debug)]
pub struct Arrived {
    pub event: Event,
    /// What its script calls it, cut to what tables hold.
    pub name: Option<Arc<str>>,
    /// As it came.
    pub payload: Bytes,
    /// Bytes of memory that all of it takes.
    pub weight: usize,
    pub received: SystemTime,
    /// For deadlines.
    pub at: Instant,
}

impl Arrived {
    /// An event that was read of this payload.
    pub fn new(
        event: Event,
        payload: Bytes,
        keys: &EventKeys,
        (received, at): (SystemTime, Instant),
    ) -> Arrived {
        let name = event.first_text(&keys.event).map(|name| match name.char_indices().nth(NAME) {
            Some((end, _)) => name[..end].into(),
            None => name.into(),
        });
        let weight = payload.len() + event.weight();
        Arrived { event, name, payload, weight, received, at }
    }

    /// Its name; empty where it has none.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// There is no room for this one, and nothing is dropped for it.
#[derive(Debug)]
pub struct Full(pub Box<Arrived>);

/// One end of it reads from the socket, the other handles; both on one thread.
#[derive(Clone)]
pub struct Queue(Rc<Inner>);

struct Inner {
    waiting: RefCell<VecDeque<Arrived>>,
    bytes: Cell<usize>,
    most: usize,
    overflow: Overflow,
    came: Notify,
    closed: Cell<bool>,
}

impl Queue {
    /// For at most `most` events.
    pub fn new(most: usize, overflow: Overflow) -> Self {
        Queue(Rc::new(Inner {
            waiting: RefCell::default(),
            bytes: Cell::default(),
            most,
            overflow,
            came: Notify::new(),
            closed: Cell::default(),
        }))
    }

    /// Adds an event; the older ones that had to go for it.
    pub fn push(&self, arrived: Arrived) -> Result<Vec<Arrived>, Full> {
        let mut waiting = self.0.waiting.borrow_mut();
        let mut bytes = self.0.bytes.get() + arrived.weight;
        let mut dropped = Vec::new();
        while waiting.len() >= self.0.most || (bytes > BYTES && !waiting.is_empty()) {
            if self.0.overflow == Overflow::Disconnect {
                return Err(Full(Box::new(arrived)));
            }
            let Some(oldest) = waiting.pop_front() else { break };
            bytes -= oldest.weight;
            dropped.push(oldest);
        }
        self.0.bytes.set(bytes);
        waiting.push_back(arrived);
        self.0.came.notify_one();
        Ok(dropped)
    }

    /// The oldest event, as soon as there is one; `None` when the queue is closed and empty.
    pub async fn next(&self) -> Option<Arrived> {
        loop {
            if let Some(arrived) = self.0.waiting.borrow_mut().pop_front() {
                self.0.bytes.set(self.0.bytes.get() - arrived.weight);
                return Some(arrived);
            }
            if self.0.closed.get() {
                return None;
            }
            self.0.came.notified().await;
        }
    }

    /// Whether nothing more comes.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Nothing more comes.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.came.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(payload: &'static [u8]) -> Arrived {
        let event = Event::parse(Bytes::from_static(b"{}")).expect("an event");
        let now = (SystemTime::now(), Instant::now());
        Arrived::new(event, Bytes::from_static(payload), &EventKeys::default(), now)
    }

    /// What has to go for an event; nothing more where it is not taken itself.
    fn push(queue: &Queue, payload: &'static [u8]) -> Result<Vec<Bytes>, Bytes> {
        match queue.push(arrived(payload)) {
            Ok(dropped) => Ok(dropped.into_iter().map(|dropped| dropped.payload).collect()),
            Err(Full(arrived)) => Err(arrived.payload),
        }
    }

    async fn payloads(queue: &Queue) -> Vec<Bytes> {
        queue.close();
        let mut payloads = Vec::new();
        while let Some(arrived) = queue.next().await {
            payloads.push(arrived.payload);
        }
        payloads
    }

    #[actix::test]
    async fn the_oldest_go_where_there_is_no_room_and_are_given_back() {
        let queue = Queue::new(2, Overflow::DropOldest);
        let dropped = [b"a", b"b", b"c", b"d"].map(|payload| push(&queue, payload));
        assert_eq!(dropped, [Ok(vec![]), Ok(vec![]), Ok(vec!["a".into()]), Ok(vec!["b".into()])]);
        assert_eq!(payloads(&queue).await, ["c", "d"]);
    }

    #[actix::test]
    async fn or_nothing_more_is_taken() {
        let queue = Queue::new(2, Overflow::Disconnect);
        let taken = [b"a", b"b", b"c"].map(|payload| push(&queue, payload));
        assert_eq!(taken, [Ok(vec![]), Ok(vec![]), Err("c".into())]);
        assert!(queue.next().await.is_some());
        assert_eq!(push(&queue, b"d"), Ok(vec![]));
        assert_eq!(payloads(&queue).await, ["b", "d"]);
    }

    #[actix::test]
    async fn few_events_may_be_large() {
        static LARGE: [u8; BYTES / 4] = [0; BYTES / 4];
        let queue = Queue::new(1000, Overflow::DropOldest);
        let dropped: usize = (0..10).map(|_| push(&queue, &LARGE).expect("room").len()).sum();
        assert_eq!((dropped, payloads(&queue).await.len()), (6, 4));
    }

    #[test]
    fn an_event_counts_as_large_as_it_is_in_memory() {
        let payload =
            Bytes::from(format!("{{\"event\":\"{}\",\"a\":[{}0]}}", "é".repeat(300), "0,".repeat(1000)));
        let event = Event::parse(payload.clone()).expect("an event");
        let now = (SystemTime::now(), Instant::now());
        let arrived = Arrived::new(event, payload, &EventKeys::default(), now);
        assert!(arrived.weight > 16_000, "{}", arrived.weight);
        assert_eq!(arrived.name(), "é".repeat(NAME));
    }
}
