//! Datagrams that the thread of a receiver has read, on their way to the actor: bounded, since that thread waits for nobody.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::Notify;

/// Bytes that waiting payloads may take: few may be large.
const BYTES: usize = 64 << 20;
/// So many are handled before others of the thread have their turn.
const TURN: usize = 256;

/// The payload of one event, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub payload: Box<[u8]>,
    pub received: SystemTime,
}

/// See the module. Shared by the threads at its two ends.
pub struct Queue {
    waiting: Mutex<Waiting>,
    most: usize,
    came: Notify,
    dropped: metrics::Counter,
}

#[derive(Default)]
struct Waiting {
    arrived: VecDeque<Arrived>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// For at most `most` events; of more the oldest go, and are counted by `dropped`.
    pub fn new(most: usize, dropped: metrics::Counter) -> Queue {
        Queue { waiting: Mutex::default(), most, came: Notify::new(), dropped }
    }

    /// A panic while it is locked leaves it whole.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts these behind those that wait.
    pub fn push(&self, arrived: impl IntoIterator<Item = Arrived>) {
        let mut waiting = self.lock();
        let mut dropped = 0;
        for arrived in arrived {
            waiting.bytes += arrived.payload.len();
            waiting.arrived.push_back(arrived);
            while waiting.arrived.len() > self.most || (waiting.bytes > BYTES && waiting.arrived.len() > 1) {
                let oldest = waiting.arrived.pop_front().map_or(0, |oldest| oldest.payload.len());
                waiting.bytes -= oldest;
                dropped += 1;
            }
        }
        drop(waiting);
        self.came.notify_one();
        if dropped > 0 {
            self.dropped.increment(dropped);
        }
    }

    /// The oldest, as soon as there are some; `None` when it is closed and empty.
    pub async fn next(&self) -> Option<Vec<Arrived>> {
        loop {
            {
                let mut waiting = self.lock();
                if !waiting.arrived.is_empty() {
                    let count = waiting.arrived.len().min(TURN);
                    let taken: Vec<Arrived> = waiting.arrived.drain(..count).collect();
                    waiting.bytes -= taken.iter().map(|arrived| arrived.payload.len()).sum::<usize>();
                    return Some(taken);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.came.notified().await;
        }
    }

    /// Nothing more comes.
    pub fn close(&self) {
        self.lock().closed = true;
        self.came.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(payload: &[u8]) -> Arrived {
        Arrived { payload: payload.into(), received: SystemTime::UNIX_EPOCH }
    }

    async fn payloads(queue: &Queue) -> Vec<Vec<u8>> {
        queue.close();
        let mut payloads = Vec::new();
        while let Some(batch) = queue.next().await {
            payloads.extend(batch.into_iter().map(|arrived| arrived.payload.into_vec()));
        }
        payloads
    }

    #[actix::test]
    async fn of_more_than_there_is_room_for_the_oldest_go() {
        let queue = Queue::new(3, metrics::Counter::noop());
        queue.push([b"a", b"b", b"c", b"d"].map(|payload| arrived(payload)));
        queue.push([arrived(b"e")]);
        assert_eq!(payloads(&queue).await, [b"c", b"d", b"e"]);
        assert_eq!(queue.lock().bytes, 0);
    }

    #[actix::test]
    async fn few_may_be_large() {
        let queue = Queue::new(1_000, metrics::Counter::noop());
        let large = vec![b'x'; BYTES / 2];
        queue.push([arrived(b"a"), arrived(&large), arrived(&large), arrived(&vec![b'y'; BYTES + 1])]);
        assert_eq!(payloads(&queue).await.iter().map(Vec::len).collect::<Vec<_>>(), [BYTES + 1]);
    }

    #[actix::test]
    async fn what_comes_while_nobody_waits_is_there_afterwards() {
        let queue = std::sync::Arc::new(Queue::new(10, metrics::Counter::noop()));
        let other = std::sync::Arc::clone(&queue);
        let thread = std::thread::spawn(move || other.push([arrived(b"a")]));
        assert_eq!(queue.next().await, Some(vec![arrived(b"a")]));
        thread.join().expect("the thread ends");
    }
}
