//! What waits to be written to one client: bounded, since nobody waits for a client that does not read.

use super::end::End;
use bytes::{Bytes, BytesMut};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::Notify;

/// Bytes that may wait, at most: few frames may be large.
pub const BYTES: usize = 16 << 20;
/// Small frames are written together up to so many bytes.
const TOGETHER: usize = 64 << 10;

/// There is no room.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

/// Frames that are written at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    pub bytes: Bytes,
    pub frames: usize,
}

/// See the module. Clones are of the same one.
#[derive(Clone, Default)]
pub struct Outbox(Rc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: RefCell<VecDeque<Bytes>>,
    bytes: Cell<usize>,
    came: Notify,
    closed: Cell<bool>,
    cut: RefCell<Option<End>>,
    was_cut: Notify,
}

impl Outbox {
    /// Puts a frame behind those that wait, of which there may be `most`.
    pub fn push(&self, frame: Bytes, most: usize) -> Result<(), Full> {
        let mut waiting = self.0.waiting.borrow_mut();
        let bytes = self.0.bytes.get() + frame.len();
        if waiting.len() >= most || (bytes > BYTES && !waiting.is_empty()) {
            return Err(Full);
        }
        self.0.bytes.set(bytes);
        waiting.push_back(frame);
        self.0.came.notify_one();
        Ok(())
    }

    /// Frames that wait.
    pub fn len(&self) -> usize {
        self.0.waiting.borrow().len()
    }

    /// Whether more waits than half of what may.
    pub fn is_over_half(&self, most: usize) -> bool {
        self.len() * 2 > most || self.0.bytes.get() * 2 > BYTES
    }

    /// The oldest frames, as soon as there are some; `None` where it is closed and empty.
    pub async fn next(&self) -> Option<Batch> {
        loop {
            if let Some(batch) = self.take() {
                return Some(batch);
            }
            if self.0.closed.get() {
                return None;
            }
            self.0.came.notified().await;
        }
    }

    fn take(&self) -> Option<Batch> {
        let mut waiting = self.0.waiting.borrow_mut();
        let first = waiting.pop_front()?;
        let mut size = first.len();
        let mut frames = 1;
        let mut together = BytesMut::new();
        while let Some(next) = waiting.front()
            && size + next.len() <= TOGETHER
        {
            if together.is_empty() {
                together.extend_from_slice(&first);
            }
            together.extend_from_slice(next);
            size += next.len();
            frames += 1;
            waiting.pop_front();
        }
        self.0.bytes.set(self.0.bytes.get() - size);
        // One alone is shared with the other clients, not copied.
        let bytes = if together.is_empty() { first } else { together.freeze() };
        Some(Batch { bytes, frames })
    }

    /// Nothing more comes; what waits is written.
    pub fn close(&self) {
        self.0.closed.set(true);
        self.0.came.notify_one();
    }

    /// Nothing more is written.
    pub fn cut(&self, end: End) {
        self.0.cut.borrow_mut().get_or_insert(end);
        self.0.was_cut.notify_one();
    }

    /// Resolves when nothing more is to be written, and says why.
    pub async fn was_cut(&self) -> End {
        loop {
            if let Some(end) = self.0.cut.borrow().clone() {
                return end;
            }
            self.0.was_cut.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(size: usize) -> Bytes {
        Bytes::from(vec![b'x'; size])
    }

    #[actix::test]
    async fn small_frames_are_written_together_and_a_large_one_alone() {
        let outbox = Outbox::default();
        for frame in ["1:a,", "1:b,", "1:c,"] {
            outbox.push(Bytes::from_static(frame.as_bytes()), 10).expect("room");
        }
        outbox.push(frame(TOGETHER), 10).expect("room");
        outbox.push(frame(TOGETHER - 1), 10).expect("room");
        outbox.push(frame(1), 10).expect("room");
        outbox.push(frame(1), 10).expect("room");
        outbox.close();
        let mut batches = Vec::new();
        while let Some(batch) = outbox.next().await {
            batches.push((batch.frames, batch.bytes.len()));
        }
        assert_eq!(batches, [(3, 12), (1, TOGETHER), (2, TOGETHER), (1, 1)]);
        assert_eq!(outbox.0.bytes.get(), 0);
    }

    #[actix::test]
    async fn so_many_frames_wait_and_no_more() {
        let outbox = Outbox::default();
        assert_eq!([0; 3].map(|_| outbox.push(frame(1), 2)), [Ok(()), Ok(()), Err(Full)]);
        assert_eq!((outbox.len(), outbox.is_over_half(4), outbox.is_over_half(3)), (2, false, true));
        outbox.next().await.expect("frames");
        assert_eq!((outbox.len(), outbox.push(frame(1), 2)), (0, Ok(())));
    }

    #[test]
    fn few_frames_may_be_large() {
        let outbox = Outbox::default();
        assert_eq!(outbox.push(frame(BYTES + 1), 10), Ok(()));
        assert_eq!(outbox.push(frame(1), 10), Err(Full));
        assert!(outbox.is_over_half(10));
    }

    #[actix::test]
    async fn the_first_reason_for_a_cut_counts() {
        let outbox = Outbox::default();
        outbox.cut(End::Slow { lost: 1 });
        outbox.cut(End::Stopped);
        assert_eq!(outbox.was_cut().await, End::Slow { lost: 1 });
    }
}
