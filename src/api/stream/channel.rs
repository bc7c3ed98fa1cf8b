//! Between the hub and its readers: who may read, when there is something to read, and when it all ends.
//!
//! [`super::hub`] writes each message once, into [`super::messages`]; every reader reads them from there. A reader is a
//! position and nothing more, so a hundred of them cost what one does.

use super::messages::{Kind, Messages, Next, Position, Start};
use super::reader::Reader;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Readers at a time: an eighth of the connections that the server takes (`CONNECTIONS` in `api/server.rs`), so that most
/// are there for requests. Where the process may open fewer than 8192 files the server takes fewer.
pub const READERS: usize = 256;
/// The hub answers its first reader sooner.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are [`READERS`] already.
    Full,
    /// The hub is being restarted, or the daemon ends.
    NotServing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody reads, and the hub does nothing.
    Idle,
    Live,
    Closed,
}

/// A handle to the messages.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    messages: Mutex<Messages>,
    phase: watch::Sender<Phase>,
    /// Says that there is a new message.
    news: watch::Sender<()>,
    readers: watch::Sender<usize>,
}

impl Default for Channel {
    /// Without messages and readers.
    fn default() -> Channel {
        Channel(Arc::new(Inner {
            messages: Mutex::new(Messages::new()),
            phase: watch::Sender::new(Phase::Idle),
            news: watch::Sender::new(()),
            readers: watch::Sender::new(0),
        }))
    }
}

impl Channel {
    /// A reader, once the hub is at work.
    pub async fn open(&self, start: Start) -> Result<Reader, Refused> {
        let place = self.take_place()?;
        let mut phase = self.0.phase.subscribe();
        let ready = tokio::time::timeout(READY_LIMIT, phase.wait_for(|phase| *phase != Phase::Idle)).await;
        if !ready.is_ok_and(|phase| phase.is_ok_and(|phase| *phase == Phase::Live)) {
            return Err(Refused::NotServing);
        }
        let news = self.0.news.subscribe();
        let (position, first) = self.lock().begin(start);
        Ok(Reader::new(place, position, first, news))
    }

    fn take_place(&self) -> Result<Place, Refused> {
        let taken = self.0.readers.send_if_modified(|readers| {
            let free = *readers < READERS;
            *readers += usize::from(free);
            free
        });
        metrics::gauge!("eventmanager_stream_readers").set(self.readers() as f64);
        if taken { Ok(Place(self.clone())) } else { Err(Refused::Full) }
    }

    /// How many read at the moment.
    pub fn readers(&self) -> usize {
        *self.0.readers.borrow()
    }

    /// Resolves when somebody reads.
    pub(super) async fn wanted(&self) {
        self.wait_for_readers(|readers| readers > 0).await;
    }

    /// Resolves when nobody has read for so long.
    pub(super) async fn deserted(&self, linger: Duration) {
        loop {
            self.wait_for_readers(|readers| readers == 0).await;
            if tokio::time::timeout(linger, self.wanted()).await.is_err() {
                return;
            }
        }
    }

    async fn wait_for_readers(&self, enough: impl Fn(usize) -> bool) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.readers.subscribe().wait_for(|readers| enough(*readers)).await;
    }

    /// The hub is at work: readers may begin.
    pub(super) fn serve(&self) {
        self.0.phase.send_if_modified(|phase| {
            let idle = *phase == Phase::Idle;
            if idle {
                *phase = Phase::Live;
            }
            idle
        });
    }

    /// Forgets everything; whoever still reads must come back, and is told that it has missed something.
    pub(super) fn renew(&self) {
        self.lock().renew();
        self.0.phase.send_if_modified(|phase| {
            let live = *phase == Phase::Live;
            if live {
                *phase = Phase::Idle;
            }
            live
        });
        self.0.news.send_replace(());
    }

    /// Ends all streams, and takes no more readers.
    pub(super) fn close(&self) {
        self.lock().close();
        self.0.phase.send_replace(Phase::Closed);
        self.0.news.send_replace(());
    }

    /// Resolves when the last reader is gone.
    pub(super) async fn empty(&self) {
        self.wait_for_readers(|readers| readers == 0).await;
    }

    /// A message for everybody; `data` is one line of JSON.
    pub(super) fn publish(&self, kind: Kind, data: &str) {
        self.lock().push(kind, data);
        self.0.news.send_replace(());
    }

    pub(super) fn after(&self, position: Position) -> Next {
        self.lock().after(position)
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        // Nothing panics half-way through a change of the messages.
        self.0.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the [`READERS`] places, given back when it is dropped.
pub(super) struct Place(Channel);

impl Place {
    pub fn channel(&self) -> &Channel {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.readers.send_modify(|readers| *readers -= 1);
        metrics::gauge!("eventmanager_stream_readers").set(self.0.readers() as f64);
    }
}
