//! What is to be sent to a Kamailio: commands and answers, each a frame of its own.
//!
//! Its parser loses a frame without a word when one read of it ends at the wrong byte. So a frame is small, is written by one
//! writer in one piece, and so few are on their way at a time that the far side reads them whole.

use crate::config::Framing;
use crate::wire::netstring;
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Payload of a frame, at most.
pub const LARGEST: usize = 8_000;
/// Frames that wait to be written, at most.
const WAITING: usize = 1_000;
/// Bytes that are written within [`PAUSE`], at most: what the far side reads at once.
const AT_ONCE: usize = 14_000;
/// The far side has read what was written before.
const PAUSE: Duration = Duration::from_millis(5);

/// A frame, and whoever wants to know that it was written.
pub struct Frame {
    payload: Bytes,
    /// It is of no use any more then.
    until: Instant,
    written: Option<oneshot::Sender<()>>,
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("{0} bytes, of which the far side takes {LARGEST} at most")]
    TooLarge(usize),
    #[error("an empty frame, which the far side does not understand")]
    Empty,
    #[error("{WAITING} frames wait to be sent already")]
    Full,
}

/// Where frames are put; kept over all connections.
#[derive(Clone)]
pub struct Outbox(mpsc::Sender<Frame>);

impl Outbox {
    /// An outbox, and the side that writes.
    pub fn new() -> (Outbox, Frames) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Outbox(sender), Frames { waiting: receiver, next: None, window: Instant::now(), written: 0 })
    }

    /// Has a payload sent, unless that takes longer than until `until`.
    pub fn put(&self, payload: impl Into<Bytes>, until: Instant) -> Result<(), NotSent> {
        self.put_frame(Frame { payload: payload.into(), until, written: None })
    }

    /// The same; resolves when it has been written, and fails where it was given up.
    pub fn put_and_tell(
        &self,
        payload: impl Into<Bytes>,
        until: Instant,
    ) -> Result<oneshot::Receiver<()>, NotSent> {
        let (tell, told) = oneshot::channel();
        self.put_frame(Frame { payload: payload.into(), until, written: Some(tell) })?;
        Ok(told)
    }

    fn put_frame(&self, frame: Frame) -> Result<(), NotSent> {
        match frame.payload.len() {
            0 => Err(NotSent::Empty),
            size if size > LARGEST => Err(NotSent::TooLarge(size)),
            _ => self.0.try_send(frame).map_err(|_| NotSent::Full),
        }
    }
}

/// The side that writes.
pub struct Frames {
    waiting: mpsc::Receiver<Frame>,
    /// Taken, and waiting for its turn.
    next: Option<Frame>,
    /// When the frames of the moment began to be written, and how many bytes of them have been.
    window: Instant,
    written: usize,
}

impl Frames {
    /// The next frame, when it may be written, as bytes; cancelling this loses none.
    pub async fn next(&mut self, framing: Framing) -> (BytesMut, Written) {
        loop {
            if self.next.is_none() {
                // `None` cannot be: this side lives as long as the actor, which has the other.
                let Some(frame) = self.waiting.recv().await else { return std::future::pending().await };
                self.next = Some(frame);
            }
            let size = self.next.as_ref().map_or(0, |frame| frame.payload.len());
            if self.window.elapsed() >= PAUSE {
                (self.window, self.written) = (Instant::now(), 0);
            } else if self.written + size > AT_ONCE {
                tokio::time::sleep_until(self.window + PAUSE).await;
                continue;
            }
            let Some(frame) = self.next.take().filter(|frame| frame.until > Instant::now()) else { continue };
            self.written += size;
            let mut bytes = BytesMut::new();
            match framing {
                Framing::Netstring => netstring::encode(&frame.payload, &mut bytes),
                Framing::None => bytes.extend_from_slice(&frame.payload),
            }
            return (bytes, Written(frame.written));
        }
    }
}

/// Whoever waits until a frame is written.
pub struct Written(Option<oneshot::Sender<()>>);

impl Written {
    /// It is.
    pub fn tell(self) {
        if let Some(waiting) = self.0 {
            let _ = waiting.send(()); // it may have lost its patience
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_small_and_few_at_a_time() {
        let (outbox, mut frames) = Outbox::new();
        assert_eq!(outbox.put("", later()), Err(NotSent::Empty));
        assert_eq!(outbox.put(vec![b'x'; LARGEST + 1], later()), Err(NotSent::TooLarge(LARGEST + 1)));
        for _ in 0..4 {
            outbox.put(vec![b'x'; 7_000], later()).expect("room");
        }
        let began = Instant::now();
        let mut times = Vec::new();
        for _ in 0..4 {
            let (bytes, _) = frames.next(Framing::Netstring).await;
            assert_eq!(bytes.len(), 7_006);
            times.push(began.elapsed());
        }
        assert_eq!(times[..2], [Duration::ZERO; 2]);
        assert!(times[2] >= PAUSE && times[3] < 2 * PAUSE, "{times:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_not_sent_and_told() {
        let (outbox, mut frames) = Outbox::new();
        let told = outbox.put_and_tell("late", Instant::now() + Duration::from_secs(1)).expect("room");
        outbox.put("{}", later()).expect("room");
        tokio::time::advance(Duration::from_secs(2)).await;
        let (bytes, written) = frames.next(Framing::None).await;
        assert_eq!(bytes, "{}");
        written.tell();
        assert!(told.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_no_frame() {
        let (outbox, mut frames) = Outbox::new();
        outbox.put(vec![b'x'; LARGEST], later()).expect("room");
        outbox.put(vec![b'y'; LARGEST], later()).expect("room");
        frames.next(Framing::None).await;
        assert!(tokio::time::timeout(PAUSE / 2, frames.next(Framing::None)).await.is_err());
        assert_eq!(frames.next(Framing::None).await.0[0], b'y');
    }

    #[test]
    fn so_many_wait_at_most() {
        let (outbox, _frames) = Outbox::new();
        (0..WAITING).for_each(|_| outbox.put("{}", later()).expect("room"));
        assert_eq!(outbox.put("{}", later()), Err(NotSent::Full));
    }
}
