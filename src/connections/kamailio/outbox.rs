//! What is to be sent to a Kamailio: answers and commands of operators, each a frame of its own.
//!
//! Its parser loses a frame without a word when one read of it ends at the wrong byte. So a frame is small, is written by one
//! writer in one piece, and so few are on their way at a time that the far side reads them whole.

use super::pace::{Load, Share, Window};
use crate::config::Framing;
use crate::lease::Lease;
use crate::wire::evapi::LARGEST_COMMAND;
use crate::wire::netstring;
use bytes::{Bytes, BytesMut};
use std::cell::Cell;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Frames that wait to be written, at most.
const WAITING: usize = 100_000;
/// And bytes of them, with those that are promised.
const BYTES: usize = 16 << 20;

/// What the far side can take.
#[derive(Debug)]
pub struct Payload(Bytes);

impl Payload {
    /// The error: what it cannot.
    pub fn new(text: impl Into<Bytes>) -> Result<Payload, NotSent> {
        let bytes = text.into();
        match bytes.len() {
            0 => Err(NotSent::Empty),
            size if size > LARGEST_COMMAND => Err(NotSent::TooLarge(size)),
            _ => Ok(Payload(bytes)),
        }
    }
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("{0} bytes, of which the far side takes {LARGEST_COMMAND} at most")]
    TooLarge(usize),
    #[error("an empty frame, which the far side does not understand")]
    Empty,
    #[error("too many frames wait to be sent already")]
    Full,
    #[error("it could not be sent in time")]
    Late,
    #[error("the connection ended while it was sent")]
    Interrupted,
    #[error("the connection is not used any more")]
    Closed,
    #[error("not connected: {0}")]
    NotConnected(String),
    #[error("this node of the cluster does not hold the lease")]
    NotActive,
    #[error("it is not written whole yet, and may arrive all the same")]
    Unfinished,
}

/// What became of a frame.
pub type Sent = Result<(), NotSent>;

/// Told once what became of a frame.
pub struct Receipt {
    tell: Option<Box<dyn FnOnce(Sent)>>,
    begun: Begun,
}

/// Whether a frame is being written, or has been.
#[derive(Clone, Default)]
pub struct Begun(Rc<Cell<bool>>);

impl Begun {
    pub fn get(&self) -> bool {
        self.0.get()
    }
}

impl Receipt {
    /// Has `tell` told.
    pub fn new(tell: impl FnOnce(Sent) + 'static) -> Receipt {
        Receipt { tell: Some(Box::new(tell)), begun: Begun::default() }
    }

    /// Says of its frame whether it is being written, before anything is told.
    pub fn begun(&self) -> Begun {
        self.begun.clone()
    }

    fn tell(mut self, outcome: Sent) {
        if let Some(tell) = self.tell.take() {
            tell(outcome);
        }
    }
}

/// A frame that nobody will write any more.
impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            tell(Err(NotSent::Closed));
        }
    }
}

/// A frame, and who waits for it.
struct Frame {
    payload: Bytes,
    /// It is of no use any more then.
    until: Instant,
    receipt: Receipt,
    _share: Share,
}

/// Where frames are put; kept over all connections.
pub struct Outbox(mpsc::Sender<Frame>, Load);

/// The same, which does not keep the side that writes waiting for more.
pub struct WeakOutbox(mpsc::WeakSender<Frame>, Load);

impl Outbox {
    /// An outbox, and the side that writes.
    pub fn new() -> (Outbox, Frames) {
        let (sender, waiting) = mpsc::channel(WAITING);
        let frames = Frames {
            waiting,
            first: None,
            next: None,
            writing: None,
            window: Window::new(),
            lease: Lease::unlimited(),
        };
        (Outbox(sender, Load::default()), frames)
    }

    /// Has a payload sent, unless that takes longer than until `until`; `receipt` is told in any case.
    pub fn put(&self, Payload(payload): Payload, until: Instant, receipt: Receipt) {
        use mpsc::error::TrySendError::{Closed, Full};
        if self.1.bytes() + payload.len() > BYTES {
            return receipt.tell(Err(NotSent::Full));
        }
        let share = self.1.add(payload.len());
        match self.0.try_send(Frame { payload, until, receipt, _share: share }) {
            Ok(()) => {}
            Err(Full(frame)) => frame.receipt.tell(Err(NotSent::Full)),
            Err(Closed(frame)) => frame.receipt.tell(Err(NotSent::Closed)),
        }
    }

    /// For whoever has something to send now and then.
    pub fn downgrade(&self) -> WeakOutbox {
        WeakOutbox(self.0.downgrade(), self.1.clone())
    }

    /// What waits in it. What is promised can be added: there is room for it then.
    pub fn load(&self) -> Load {
        self.1.clone()
    }
}

impl WeakOutbox {
    /// As [`Outbox::put`], while there is an [`Outbox`].
    pub fn put(&self, payload: Payload, until: Instant, receipt: Receipt) {
        match self.0.upgrade() {
            Some(sender) => Outbox(sender, self.1.clone()).put(payload, until, receipt),
            None => receipt.tell(Err(NotSent::Closed)),
        }
    }
}

/// The side that writes.
pub struct Frames {
    waiting: mpsc::Receiver<Frame>,
    /// What a connection begins with.
    first: Option<Bytes>,
    /// Taken, and waiting for its turn.
    next: Option<Frame>,
    /// Given out.
    writing: Option<Receipt>,
    window: Window,
    lease: Lease,
}

impl Frames {
    /// They are written only while this is held.
    pub fn governed_by(self, lease: Lease) -> Frames {
        Frames { lease, ..self }
    }

    /// Begins a connection; `first` is its first frame.
    pub fn begin(&mut self, first: Option<&str>) {
        self.first = first.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    }

    /// The next frame, when it may be written, as bytes; cancelling this loses none. `None`: there is none, and never will be.
    pub async fn next(&mut self, framing: Framing) -> Option<BytesMut> {
        if let Some(receipt) = self.writing.take() {
            receipt.tell(Err(NotSent::Interrupted));
        }
        loop {
            if self.first.is_none() && self.next.is_none() {
                self.next = Some(self.waiting.recv().await?);
            }
            let payload = self.first.as_ref().or(self.next.as_ref().map(|frame| &frame.payload))?;
            let bytes = framed(payload, framing);
            self.window.room(bytes.len()).await;
            if self.first.take().is_none() {
                let Frame { until, receipt, .. } = self.next.take()?;
                if until <= Instant::now() {
                    receipt.tell(Err(NotSent::Late));
                    continue;
                }
                if !self.lease.allows("request") {
                    receipt.tell(Err(NotSent::NotActive));
                    continue;
                }
                receipt.begun.0.set(true);
                self.writing = Some(receipt);
            }
            self.window.wrote(bytes.len());
            return Some(bytes);
        }
    }

    /// What [`Frames::next`] gave is written.
    pub fn written(&mut self) {
        self.window.wrote(0);
        if let Some(receipt) = self.writing.take() {
            receipt.tell(Ok(()));
        }
    }
}

fn framed(payload: &[u8], framing: Framing) -> BytesMut {
    let mut bytes = BytesMut::new();
    match framing {
        Framing::Netstring => netstring::encode(payload, &mut bytes),
        Framing::None => bytes.extend_from_slice(payload),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::pace::{AT_ONCE, PAUSE};
    use super::*;
    use std::cell::RefCell;
    use std::time::Duration;

    /// What became of frames, in the order in which it was told.
    #[derive(Default)]
    struct Told(Rc<RefCell<Vec<(&'static str, Sent)>>>);

    impl Told {
        fn of(&self, name: &'static str) -> Receipt {
            let told = Rc::clone(&self.0);
            Receipt::new(move |outcome| told.borrow_mut().push((name, outcome)))
        }

        fn take(&self) -> Vec<(&'static str, Sent)> {
            std::mem::take(&mut self.0.borrow_mut())
        }
    }

    fn large(byte: u8) -> Payload {
        Payload::new(vec![byte; LARGEST_COMMAND]).expect("a payload")
    }

    fn small() -> Payload {
        Payload::new("{}").expect("a payload")
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_small_and_few_at_a_time() {
        assert_eq!(Payload::new("").err(), Some(NotSent::Empty));
        assert_eq!(
            Payload::new(vec![b'x'; LARGEST_COMMAND + 1]).err(),
            Some(NotSent::TooLarge(LARGEST_COMMAND + 1))
        );
        let ((outbox, mut frames), told) = (Outbox::new(), Told::default());
        for _ in 0..4 {
            let payload = Payload::new(vec![b'x'; 6_990]).expect("a payload");
            outbox.put(payload, later(), told.of("x"));
        }
        let began = Instant::now();
        let mut times = Vec::new();
        for _ in 0..4 {
            let bytes = frames.next(Framing::Netstring).await.expect("a frame");
            assert_eq!(bytes.len(), 6_996);
            frames.written();
            times.push(began.elapsed());
        }
        assert_eq!(times[..2], [Duration::ZERO; 2]);
        assert!(times[2] >= PAUSE && times[3] < 2 * PAUSE, "{times:?}");
        assert_eq!(told.take(), [const { ("x", Ok(())) }; 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_connection_begins_with_comes_first_and_in_the_same_pace() {
        let ((outbox, mut frames), told) = (Outbox::new(), Told::default());
        outbox.put(large(b'x'), later(), told.of("x"));
        let began = Instant::now();
        frames.begin(Some(&"t".repeat(LARGEST_COMMAND)));
        assert_eq!(frames.next(Framing::None).await.expect("a frame")[0], b't');
        // It is lost with its connection, and comes again with the next.
        frames.begin(Some("tag"));
        assert_eq!(frames.next(Framing::None).await.expect("a frame"), "tag");
        frames.written();
        assert_eq!((told.take(), began.elapsed()), (vec![], Duration::ZERO));
        assert_eq!(frames.next(Framing::None).await.expect("a frame")[0], b'x');
        assert!(began.elapsed() >= PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn small_frames_count_as_they_are_written() {
        let ((outbox, mut frames), told) = (Outbox::new(), Told::default());
        (0..AT_ONCE / 5 + 1).for_each(|_| outbox.put(small(), later(), told.of("x")));
        let began = Instant::now();
        for _ in 0..AT_ONCE / 5 {
            assert_eq!(frames.next(Framing::Netstring).await.expect("a frame"), "2:{},");
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert!(frames.next(Framing::Netstring).await.is_some());
        assert!(began.elapsed() >= PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_not_sent() {
        let ((outbox, mut frames), told) = (Outbox::new(), Told::default());
        outbox.put(large(b'x'), Instant::now() + Duration::from_secs(1), told.of("late"));
        outbox.put(small(), later(), told.of("in time"));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(frames.next(Framing::None).await.expect("a frame"), "{}");
        assert_eq!(told.take(), [("late", Err(NotSent::Late))]);
        frames.written();
        assert_eq!(told.take(), [("in time", Ok(()))]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_hold_the_lease_sends_nothing() {
        let ((outbox, frames), told) = (Outbox::new(), Told::default());
        let mut frames = frames.governed_by(Lease::waiting());
        outbox.put(small(), later(), told.of("x"));
        drop(outbox);
        assert!(frames.next(Framing::None).await.is_none());
        assert_eq!(told.take(), [("x", Err(NotSent::NotActive))]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_given_up_loses_no_frame() {
        let ((outbox, mut frames), told) = (Outbox::new(), Told::default());
        outbox.put(large(b'x'), later(), told.of("x"));
        outbox.put(large(b'y'), later(), told.of("y"));
        frames.next(Framing::None).await.expect("a frame");
        assert!(tokio::time::timeout(PAUSE / 2, frames.next(Framing::None)).await.is_err());
        assert_eq!(frames.next(Framing::None).await.expect("a frame")[0], b'y');
        // Nobody said that it was written.
        assert_eq!(told.take(), [("x", Err(NotSent::Interrupted))]);
    }

    #[tokio::test]
    async fn after_the_last_frame_there_is_none() {
        let ((outbox, mut frames), told) = (Outbox::new(), Told::default());
        let weak = outbox.downgrade();
        outbox.put(small(), later(), told.of("before"));
        weak.put(small(), later(), told.of("last"));
        drop(outbox);
        for _ in 0..2 {
            assert!(frames.next(Framing::None).await.is_some());
            frames.written();
        }
        // Who might have something to send does not keep it waiting.
        assert!(frames.next(Framing::None).await.is_none());
        weak.put(small(), later(), told.of("too late"));
        let became = [("before", Ok(())), ("last", Ok(())), ("too late", Err(NotSent::Closed))];
        assert_eq!(told.take(), became);
    }

    #[test]
    fn so_many_wait_at_most_and_every_receipt_is_told() {
        let ((outbox, frames), told) = (Outbox::new(), Told::default());
        (0..WAITING).for_each(|_| outbox.put(small(), later(), told.of("waits")));
        outbox.put(small(), later(), told.of("one more"));
        assert_eq!(told.take(), [("one more", Err(NotSent::Full))]);
        assert_eq!(outbox.load().bytes(), 2 * WAITING);
        drop(frames);
        assert_eq!(outbox.load().bytes(), 0);
        assert_eq!(told.take(), vec![("waits", Err(NotSent::Closed)); WAITING]);
        outbox.put(small(), later(), told.of("nobody writes"));
        assert_eq!(told.take(), [("nobody writes", Err(NotSent::Closed))]);
    }

    #[test]
    fn room_that_is_promised_is_kept() {
        let ((outbox, _frames), told) = (Outbox::new(), Told::default());
        let promised = outbox.load().add(BYTES - LARGEST_COMMAND);
        outbox.put(large(b'x'), later(), told.of("fits"));
        outbox.put(small(), later(), told.of("one more"));
        assert_eq!(told.take(), [("one more", Err(NotSent::Full))]);
        drop(promised);
        outbox.put(small(), later(), told.of("fits"));
        assert_eq!(told.take(), []);
    }
}
